/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The directory as one immutable snapshot: nodes, keys, region names, holidays. Built once, then
 * shared by reference between threads; a change is a new snapshot.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/crypto-key.h"
#include "base/times.h"
#include "core/codes.h"
#include "core/directory-head.h"
#include "core/limits.h"
#include "core/message.h"
#include "core/rights.h"

#define CURVE_TEXT_SIZE  41U /* Z85 */
#define DIR_AREAS_MAX    24U
#define DIR_CLUSTERS_MAX 8U

typedef struct ServiceArea {
    char region[REGION_SIZE]; /* prefix, 2 or 4 digits */
    int cluster;              /* CLUSTER_ANY or one */
    uint32_t priority;        /* 1 first; 0 counts as last */
} ServiceArea;

typedef struct DirNode {
    char id[NODE_NAME_SIZE];
    int kind;
    char name[128];
    char parent[NODE_NAME_SIZE];        /* supervising node */
    char home[NODE_NAME_SIZE];          /* broker node that keeps its mailbox */
    char broker_parent[NODE_NAME_SIZE]; /* of a broker: the broker it dials; "" = root */
    bool broker, inactive, no_clients;
    uint32_t n_areas, n_clusters, capacity;
    ServiceArea areas[DIR_AREAS_MAX];
    int clusters[DIR_CLUSTERS_MAX];
    /* What the law asks of an institution (domain 1.1). */
    bool ipwl, lpks, national_referral_centre, ska, odhiv;
    Codes bases;                                                    /* Approach; 0 = not told */
    uint8_t accreditation_grade, designation_by, designation_scope; /* 0 = not told */
    CivilDate accreditation_valid_until, designation_valid_until;   /* last day; unset = open */
} DirNode;

/* One key set of a node. Several may be valid at a time, under one label too: that is how a key is
 * changed without anybody waiting. */
typedef struct DirKey {
    char curve[CURVE_TEXT_SIZE];
    char node[NODE_NAME_SIZE];
    char label[LABEL_SIZE];
    SignPublic sign; /* what it signs is checked with; all zero = it signs nothing */
    SealPublic seal; /* what is sealed to it; all zero = nothing can be */
    bool broker, operator_, revoked;
    Rights rights;
    int64_t valid_from_ms, valid_until_ms; /* 0 = open */
} DirKey;

typedef struct DirRegion {
    char code[REGION_SIZE];
    char name[64];
    char alias_of[REGION_SIZE];
} DirRegion;

/* A day off for everybody, or (working) one that is taken back. */
typedef struct DirHoliday {
    CivilDate on;
    char name[64];
    bool working;
} DirHoliday;

typedef struct Directory Directory;

/* Building: add everything, then seal; after that it is read-only. Adding the same node, key,
 * region or holiday again replaces it. Return 0, -ENOMEM, or -EINVAL for a record that cannot
 * stand. */
_must_check_ int directory_new(Directory **ret);
Directory *directory_ref(Directory *d);
Directory *directory_unref(Directory *d);
DEFINE_CLEANUP(Directory *, directory_unref);
_must_check_ int directory_add_node(Directory *d, const DirNode *n);
_must_check_ int directory_add_key(Directory *d, const DirKey *k);
_must_check_ int directory_add_region(Directory *d, const DirRegion *r);
_must_check_ int directory_add_holiday(Directory *d, const DirHoliday *h);
_must_check_ int directory_seal(Directory *d, uint64_t version);
/* What the hub signed of it, or NULL: it is not signed. To be set before others see it. */
const DirHead *directory_head(const Directory *d);
void directory_set_head(Directory *d, const DirHead *head);

uint64_t directory_version(const Directory *d);
size_t directory_node_count(const Directory *d);
/* Nodes in order of id, i < directory_node_count(). */
const DirNode *directory_node_at(const Directory *d, size_t i);
const DirNode *directory_node(const Directory *d, const char *id);
size_t directory_key_count(const Directory *d);
const DirKey *directory_key_at(const Directory *d, size_t i);
/* The key record for a CURVE public key, whatever its state; NULL when unknown. */
const DirKey *directory_key(const Directory *d, const char *curve);
/* Usable at this moment: not revoked, within its validity, its node known and active. */
bool directory_key_is_usable(const Directory *d, const DirKey *k, int64_t now_ms);
/* All keys of a node, whatever their state, by label and then by CURVE key: the first of *ret_n
 * that stand one behind the other; NULL for none. */
const DirKey *const *directory_keys_of(const Directory *d, const char *node, size_t *ret_n);
/* The usable keys of a node at this moment: *at is 0 at first; NULL after the last. */
const DirKey *directory_next_usable_key(const Directory *d, const char *node, int64_t now_ms,
                                        size_t *at);
/* The key set of a node whose signing key has that id, whatever its state (the revoked one, if any
 * is); NULL when unknown. */
const DirKey *directory_key_by_sign_id(const Directory *d, const char *node, const KeyId *id);

size_t directory_region_count(const Directory *d);
const DirRegion *directory_region(const Directory *d, const char *code); /* NULL: not listed */
/* All of them in some order: the first for NULL, NULL after the last. */
const DirRegion *directory_next_region(const Directory *d, const DirRegion *last);
size_t directory_holiday_count(const Directory *d);
const DirHoliday *directory_holiday_at(const Directory *d, size_t i);  /* by day */
const DirHoliday *directory_holiday(const Directory *d, CivilDate on); /* NULL: none */
/* Monday to Friday and no holiday; a record with `working` takes a holiday back, not a weekend. */
bool directory_is_working_day(const Directory *d, CivilDate day);

/* Is the code known: form, province in the dated table of provinces (Kepmendagri
 * 300.2.2-2138/2025) and, where the directory lists codes of that length below the same province,
 * listed there (aliases too). "" is the nation. */
bool directory_region_is_known(const Directory *d, const char *code);
/* The code of today: a province that was divided left old codes behind, which are listed as aliases
 * of the new ones. What lies below an old code lies below the new one. */
void directory_region_today(const Directory *d, char inout[static REGION_SIZE]);
/* Minutes ahead of UTC: WIB 420, WITA 480, WIT 540; "" and unknown give WIB. */
int region_utc_offset_min(const char *code);

/* Nodes of one kind in order of id, i from 0; NULL after the last. */
const DirNode *directory_of_kind(const Directory *d, int kind, size_t i);
/* The node a system acts for (SLRT, BSS and integration clients have one owner, their supervising
 * node: P7 Pasal 33); every other node stands for itself. NULL when the owner is unknown. */
const DirNode *directory_speaks_for(const Directory *d, const DirNode *n);

/* Free places (daya tampung) a node told last; UINT32_MAX = it never told any. */
typedef struct FreePlaces {
    uint32_t (*of)(const void *context, const char *node);
    const void *context;
} FreePlaces;

typedef struct RoleQuestion {
    uint32_t kinds;     /* bit n stands for NodeKind n */
    const char *region; /* "" = the nation */
    int cluster;
    bool (*suits)(const DirNode *n, const void *context); /* NULL = every active node does */
    const void *context;
    const FreePlaces *free_places; /* NULL, or not told: the capacity on record stands */
} RoleQuestion;

/* One active node by role at region: longest service-area (or own-id region) prefix, then cluster
 * match, then priority, then free places, then id. NULL when there is none. */
const DirNode *directory_find_role(const Directory *d, const RoleQuestion *q);
/* Kinds that stand for the one named: balai besar, balai and loka for each other (all are UPT). */
uint32_t role_kinds(int kind);
/* The same for one kind. */
const DirNode *directory_by_role(const Directory *d, int kind, const char *region, int cluster);
/* The region prefix in a node id: "dsk/3203" -> "3203", "uptd/32/pa-02" -> "32"; "" if none. */
void node_region(const char *id, char ret[static REGION_SIZE]);

/* Which neighbour of broker `self` leads to node: self's own name when self is the node's home;
 * the child broker whose subtree holds the home; else the parent. NULL when the node is unknown,
 * has no home, or self has no parent to ask. */
const char *directory_next_hop(const Directory *d, const char *self, const char *node);
/* Is `broker` self or below self in the tree of brokers? */
bool directory_is_below(const Directory *d, const char *self, const char *broker);
