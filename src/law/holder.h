/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who holds a complaint (pemegang pengaduan) by law (domain 4.6, P4 Pasal 8 ayat (3)): puskesos or
 * regency agency where it happened, or one level above whoever it is about.
 */

#include "core/directory.h"
#include "core/message.h"

typedef struct HolderQuestion {
    const Directory *directory;
    const char *region;
    int cluster;
    const char *about;  /* node complained about; "" = none */
    const char *sender; /* of the complaint: a puskesos does not hold what it sends on */
    bool harm_now;
    const char *holder; /* for holder_at_level(): who holds it now; NULL = as it began */
} HolderQuestion;

#define HOLDER_COPIES_MAX 2U

typedef struct Holder {
    const DirNode *node;  /* NULL: nobody at all */
    bool fallback;        /* nobody has the role the law names here */
    uint32_t equal_kinds; /* NodeKinds whose nodes hold it as lawfully, where they cover the region
                             or have none */
    uint32_t n_copies;
    const DirNode *copies[HOLDER_COPIES_MAX]; /* who is informed */
} Holder;

void holder_find(const HolderQuestion *q, Holder *ret);
/* Is this node, by the answer to the question, a lawful holder? */
bool holder_is_lawful(const HolderQuestion *q, const Holder *h, const DirNode *n);

/* Who holds it from the beginning, from what its message says alone: the same at a broker that only
 * has a copy to hand out. "" = nobody can be told from that. */
const char *holder_of_complaint(const Directory *d, const Message *complaint);

#define HOLDER_LEVELS 4U /* 0 puskesos, 1 regency, 2 province or UPT, 3 ministry (domain 5) */

/* The node a complaint is escalated to: of that level, or of the next one where there is none or
 * it is the one complained about; where its holder is, when that is another place. NULL = none up
 * to the ministry. */
const DirNode *holder_at_level(const HolderQuestion *q, unsigned level);
/* NodeKinds of a level. */
uint32_t holder_level_kinds(unsigned level);
