/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Changes of the directory: what is to be different (DirectoryEdit), and the same as the hub signed
 * it (DirChange), judged against what one has. Pure.
 *
 * A record has a name, unique in the directory: "node:dsk/3203", "key:<CURVE key>", "region:3203",
 * "holiday:2026-01-01". The records in order of their names are the leaves of the tree whose root
 * the hub signs.
 */

#include "core/directory-head.h"
#include "core/directory-tree.h"
#include "core/directory.h"

#define DIR_NOTE_MAX     200U /* bytes */
#define DIR_RECORD_MAX   4096U
#define DIR_CHANGE_MAX   (160U * 1024U) /* encoded; several fit into a frame, one always does */
#define DIR_CHANGE_NAMES 2048U          /* records and removed ones of one change */

#define SIGN_LABEL_CHANGE "serasi v1 directory change"

/* What is to be different. All is borrowed. */
typedef struct DirectoryEdit {
    uint32_t n_nodes, n_keys, n_regions, n_holidays, n_removed;
    const DirNode *nodes; /* new or replaced, as the others */
    const DirKey *keys;
    const DirRegion *regions;
    const DirHoliday *holidays;
    const char *const *removed; /* names */
    bool replace;               /* drop what is not named here */
} DirectoryEdit;

typedef enum DirRecordKind {
    DIR_NODE = 1,
    DIR_KEY,
    DIR_REGION,
    DIR_HOLIDAY,
} DirRecordKind;

/* What a name says. */
typedef struct DirName {
    DirRecordKind kind;
    const char *id; /* the rest of the name */
    CivilDate day;  /* of a holiday */
} DirName;
bool dir_name_parse(const char *name, DirName *ret); /* false: it is no name */

/* A sealed directory again with that edit, at that version. What the edit does not touch is shared
 * as far as possible. 0, -ENOMEM, or -EINVAL with *ret_what saying which record cannot stand: a
 * static text or one that belongs to the edit. */
_must_check_ int directory_with_edit(Directory **ret, Directory *from, const DirectoryEdit *edit,
                                     uint64_t version, const char **ret_what);

/* Does the edit leave every key, CURVE or signing, to the node that has it, revoked ones too? 0,
 * -ENOMEM, or -EINVAL with why. Asked where edits are made; below, what the hub signed is in force
 * as it is, or its root would not be everybody's. */
#define DIR_WHY_SIZE 256U
_must_check_ int directory_owners_check(const Directory *d, const DirectoryEdit *edit,
                                        char why[static DIR_WHY_SIZE]);

/* One record, decoded. */
typedef struct DirRecord {
    DirRecordKind kind;
    union {
        DirNode node;
        DirKey key;
        DirRegion region;
        DirHoliday holiday;
    };
} DirRecord;

void dir_record_name(const DirRecord *r, char ret[static DIR_NAME_SIZE]);

/* A change, decoded; owns its memory. Of a part of a copy (see dir_change_is_part) only version and
 * records are set. */
typedef struct DirChange {
    uint8_t *bytes;           /* as the hub made it */
    size_t n_bytes, n_signed; /* the first n_signed bytes are what is signed */
    uint64_t version;
    bool first; /* nothing signed is before it */
    TreeHash previous;
    int64_t changed_ms;
    char by[NODE_NAME_SIZE], note[DIR_NOTE_MAX + 1];
    uint32_t n_records, n_removed;
    DirRecord *records;
    DirLeaf *leaves;      /* of the records: name, content */
    const char **removed; /* names */
    char *texts;          /* of removed */
    DirHead head;
    bool is_signed;
    uint8_t signature[SIGNATURE_SIZE];
} DirChange;

void dir_change_deinit(DirChange *c);
/* A part of a copy of the whole directory: proven by the head when all parts are there. */
static inline bool dir_change_is_part(const DirChange *c) {
    return !c->is_signed;
}

/* Signs the first n_signed bytes. */
void dir_change_sign(Bytes content, const SignKey *hub, uint8_t ret[static SIGNATURE_SIZE]);

/* How records and changes become bytes: wire knows, who keeps them must not. */
typedef struct DirectoryCodec {
    Bytes (*encode_record)(const DirRecord *r, uint8_t *buf, size_t size); /* n == 0: no room */
    int (*decode_record)(Bytes b, DirRecord *ret); /* 0, -EBADMSG, -ENOMEM */
    /* Fills bytes from all the rest, signed when hub is given, else as a part of a copy. */
    int (*encode_change)(DirChange *c, const SignKey *hub); /* 0 or -ENOMEM */
    int (*decode_change)(Bytes b, DirChange *ret);          /* 0, -EBADMSG, -ENOMEM */
} DirectoryCodec;

/* Keys that the hub may sign with: those that were told beforehand, unless the directory says that
 * they are revoked, and other link keys of the node that they belong to. */
#define HUB_TOLD_MAX 4U
#define HUB_KEYS_MAX 8U
typedef struct HubKeys {
    uint32_t n;
    SignPublic list[HUB_KEYS_MAX];
    int64_t from_ms[HUB_KEYS_MAX], until_ms[HUB_KEYS_MAX]; /* until 0 = open */
} HubKeys;
void hub_keys_of(const Directory *d, const SignPublic *told, size_t n, HubKeys *ret);
bool hub_keys_signed_head(const HubKeys *k, const DirHead *h);

typedef enum ChangeVerdict {
    CHANGE_OK = 0,
    CHANGE_KNOWN,     /* that version is ours already, and the same: nothing to do */
    CHANGE_MALFORMED, /* not a change */
    CHANGE_FORGED,    /* not signed with a key of the hub */
    CHANGE_REPLAYED,  /* an older version than ours, or another one of the same number */
    CHANGE_GAP,       /* does not follow on what we have: one is missing, or the order is wrong */
    CHANGE_TRUNCATED, /* does not give the root that its head says */
    CHANGE_UNSOUND,   /* signed, but such a directory cannot stand */
} ChangeVerdict;
const char *change_verdict_name(int verdict); /* "FORGED" */

/* Is the change signed, the next one behind `head` (NULL: nothing signed yet), and does it make of
 * the tree what its own head says? 0 with the new tree, a ChangeVerdict, or -ENOMEM. */
_must_check_ int dir_change_check(const DirChange *c, const HubKeys *keys, const DirHead *head,
                                  const DirTree *tree, DirTree **ret);
/* The edit a change stands for; its lists are the caller's to free with dir_lists_deinit(). */
typedef struct DirLists {
    DirNode *nodes;
    DirKey *keys;
    DirRegion *regions;
    DirHoliday *holidays;
    DirectoryEdit edit;
} DirLists;
_must_check_ int dir_lists_add(DirLists *l, const DirRecord *r); /* 0 or -ENOMEM */
void dir_lists_deinit(DirLists *l);
