/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the ledger records: one entry for each thing that somebody may later want to prove, or
 * deny. Ids, node names and codes only: no body, no case, no personal data (domain 6.4).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/pack.h"
#include "base/uuid.h"
#include "core/limits.h"

#define LEDGER_NOTE_MAX 120U

/* Numbers are stored: never change one. */
typedef enum LedgerKind {
    LEDGER_NONE = 0,
    /* Of one message; node = recipient unless it says otherwise. */
    LEDGER_ACCEPTED = 1,  /* node = sender, peer = link it came over, code = kind, digest (not of
                             the broker's own), note = signing key */
    LEDGER_REFUSED = 2,   /* node = sender, note = codes */
    LEDGER_CONFLICT = 3,  /* node = sender, code = kind, digest */
    LEDGER_ROUTED = 4,    /* peer = next hop, code = role */
    LEDGER_DEPOSITED = 5, /* in a mailbox here; code = role */
    LEDGER_HANDED = 6,    /* to a link and taken over there; peer = neighbour */
    LEDGER_COLLECTED = 7, /* code = attempts */
    LEDGER_UNDELIVERABLE = 8, /* expired or given up here; code = ReceiptCause */
    LEDGER_DEAD = 9,          /* became a dead letter; code = ReceiptCause */
    LEDGER_RECALLED = 10,     /* code = ReceiptCause */
    LEDGER_REQUEUED = 11,     /* dead letter; peer = by whom */
    LEDGER_REDIRECTED = 12,   /* node = old, note = new recipient, peer = by whom */
    LEDGER_DISCARDED = 13,    /* peer = by whom, note = reason code */
    LEDGER_NOTED = 14, /* a final receipt from elsewhere; code = ReceiptLevel, peer = who said it */
    LEDGER_COLLECTED_LATE = 15, /* after it was given up; code = attempts */
    LEDGER_TOLD = 16,           /* a receipt from elsewhere that decides nothing here; as NOTED */
    LEDGER_WRAP_ASKED = 17, /* its sender, for a wrap; node = who cannot open it, peer = operator,
                               code = WrapReason */
    /* Of those who connect; node = whose key, peer = label of the key. */
    LEDGER_DENIED =
        32, /* note = the right that is missing, code = how often since the last entry */
    LEDGER_SESSION_ENDED = 33, /* because its key ran out or was revoked */
    /* Of the broker. */
    LEDGER_DIRECTORY = 48, /* code = version, digest = root, node = by whom */
    LEDGER_KEY = 49,       /* a key added, revoked; node = whose, peer = label, note = what */
    LEDGER_OPERATOR = 50,  /* peer = who, note = verb */
    LEDGER_CONFIG = 51,    /* note = section.key */
    LEDGER_STARTED = 52,   /* note = version of the program */
    LEDGER_STOPPED = 53,
    LEDGER_WITNESSED = 54,     /* head of a child: node = child, code = block, digest = its hash */
    LEDGER_COUNTERSIGNED = 55, /* our head by our parent: node = parent, code = block, digest */
    LEDGER_PRUNED = 56,        /* code = first block kept, digest = hash of the last one pruned */
    LEDGER_FORKED = 57, /* a head that contradicts an earlier one; node = the other broker, peer =
                           whose head, code = block, digest */
} LedgerKind;

typedef struct LedgerEntry {
    LedgerKind kind;
    Uuid message_id; /* nil = none */
    char node[NODE_NAME_SIZE], peer[NODE_NAME_SIZE];
    int64_t code;
    bool has_digest;
    uint8_t digest[DIGEST_SIZE];
    char note[LEDGER_NOTE_MAX + 1];
} LedgerEntry;

const char *ledger_kind_name(int kind); /* "ACCEPTED"; "UNKNOWN" */
/* By its name; LEDGER_NONE when there is none such. */
LedgerKind ledger_kind_of(const char *name);
/* Is it the one last word about a message and a recipient? */
bool ledger_kind_is_final(int kind);

/*
 * Entries are packed one behind the other: the kind, a byte that says which fields follow, and
 * those. The id of a message is left out when it is that of the entry before; a text that was there
 * before is the number of its place.
 */
#define LEDGER_TEXTS_MAX 4096U /* later ones are written out each time */
#define LEDGER_SLOTS     256U
#define LEDGER_ENTRY_MAX                                                                           \
    (2U + UUID_SIZE + 2U * (2U + NODE_NAME_SIZE) + 10U + DIGEST_SIZE + 3U + LEDGER_NOTE_MAX)

typedef struct LedgerPacker {
    Packer to;
    uint32_t n; /* entries */
    Uuid last;
    uint32_t n_texts;
    struct LedgerSlot {
        uint32_t at, place; /* where the text is in the bytes; place + 1, 0 = free */
        uint8_t n;
    } slots[LEDGER_SLOTS];
} LedgerPacker;

/* Into p[size]. */
void ledger_packer_init(LedgerPacker *k, uint8_t *p, size_t size);
/* The caller sees to it that LEDGER_ENTRY_MAX bytes are free. */
void ledger_pack(LedgerPacker *k, const LedgerEntry *e);

typedef struct LedgerReader {
    Bytes body;
    Unpacker from;
    Uuid last;
    uint32_t n_texts;
    uint32_t texts[LEDGER_TEXTS_MAX]; /* where they are */
} LedgerReader;

void ledger_reader_init(LedgerReader *r, Bytes body);
/* False at the end, and for anything that ledger_pack() does not write. */
bool ledger_next(LedgerReader *r, LedgerEntry *ret);
/* Was all of it taken, and none of it wrong? */
bool ledger_reader_end(const LedgerReader *r);
