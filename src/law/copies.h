/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Supervision copies (tembusan pembinaan dan pengawasan, domain 4.4, 4.6 and 4.8): who gets
 * envelope and facts, never the sealed part, because the law makes him supervise the sender or the
 * matter. Found after the rules have spoken; a copy never refuses nor delays a message.
 */

#include "law/holder.h"
#include "law/rules.h"

#define COPIES_MAX (RECIPIENTS_MAX - AUDIENCE_NODES_MAX)

typedef struct CopyInput {
    const Message *message;
    const Directory *directory;
    const DirNode *sender;
    const Known *known;
    const Recipient *to; /* addressees: they need no copy */
    uint32_t n_to;
    const Holder *holder;   /* of a complaint; NULL otherwise */
    const Reasons *reasons; /* warnings of the rules */
} CopyInput;

/* The node a message accuses, which learns nothing of it from us: reporters are to be protected. ""
 * = none; NULL = this is an update to a complaint that is not known here. */
const char *copies_accused(const Message *m, const Item *complaint);

/* Active nodes, each once, none of them the sender, an addressee or the node a complaint is about.
 * Returns how many. */
uint32_t copies_find(const CopyInput *in, const DirNode *ret[static COPIES_MAX]);
