/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What directory.c, calendar.c and routes.c share; nobody else includes it. */

#include "base/hash-table.h"
#include "core/directory.h"

#define BROKER_DEPTH_MAX 32U

typedef struct NodeEntry {
    DirNode node;
    uint32_t n_children; /* brokers that dial this one; counted at seal */
    UT_hash_handle hh;
} NodeEntry;

typedef struct KeyEntry {
    DirKey key;
    UT_hash_handle hh;
} KeyEntry;

typedef struct RegionEntry {
    DirRegion region;
    UT_hash_handle hh;
} RegionEntry;

typedef struct HolidayEntry {
    DirHoliday holiday;
    int64_t day; /* since 1970-01-01 */
    UT_hash_handle hh;
} HolidayEntry;

typedef struct KindIndex {
    const DirNode **list; /* in order of id */
    size_t n;
} KindIndex;

/* Index 0 to 99: who may serve in the province of that number; ROLE_NATION: in the whole nation. */
#define ROLE_NATION 100U
#define ROLE_PLACES 101U

typedef struct RoleIndex {
    const DirNode **list; /* kind by kind, within it place by place, within it by id */
    size_t first[NODE_KIND_MAX_][ROLE_PLACES], n[NODE_KIND_MAX_][ROLE_PLACES];
} RoleIndex;

struct Directory {
    atomic_uint refs;
    bool sealed;
    uint64_t version;
    NodeEntry *nodes;
    KeyEntry *keys;
    RegionEntry *regions;
    HolidayEntry *holidays;
    bool is_signed;
    DirHead head;      /* when it is */
    Directory *lender; /* owns keys, regions and holidays, with their lists; NULL = this one does */
    Directory *node_lender; /* owns the nodes, with their lists; NULL = this one does */
    bool lists_length[100][REGION_SIZE]; /* [province][digits]: some such code is listed */
    bool has_alias[100];                 /* [province]: some code of it was replaced */
    size_t n_nodes, n_keys, n_holidays;
    const DirNode **node_list;
    const DirKey **key_list;         /* by CURVE key */
    const DirKey **keys_by_node;     /* by node, label, CURVE key */
    const DirHoliday **holiday_list; /* by day */
    KindIndex by_kind[NODE_KIND_MAX_];
    RoleIndex roles;
};

/* The first two digits of a well-formed code as a number. */
static inline unsigned region_province_index(const char *code) {
    return (unsigned)(code[0] - '0') * 10U + (unsigned)(code[1] - '0');
}

/* Every walk up ends within BROKER_DEPTH_MAX steps, and no broker has more neighbours than an
 * event scope can be copied to. */
bool broker_tree_is_sound(const Directory *d);
/* Makes d->roles, whose list directory_free() frees. Needs node_list. */
int roles_seal(Directory *d);

/* calendar.c */
int calendar_seal(Directory *d); /* 0 or -ENOMEM */
void calendar_free(Directory *d);
