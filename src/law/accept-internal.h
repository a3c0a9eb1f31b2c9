/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What accept.c, accept-audience.c, accept-role.c and accept-scope.c share; nobody else includes
 * it. */

#include "law/accept.h"
#include "law/holder.h"

/* A decision on a publisher's message in the making. */
typedef struct Deciding {
    const AcceptInput *in;
    AcceptDecision *ret;
    const DirNode *sender; /* NULL: not in the directory */
    const Known *known;    /* never NULL */
    Holder holder;         /* of a complaint */
    uint32_t n_to;         /* addressees the directory knows, also those that cannot be reached */
    Recipient to[RECIPIENTS_MAX];
} Deciding;

/* accept.c */
void decision_add_route(AcceptDecision *ret, const Recipient *who, const char *hop);

/* accept-audience.c: fills the routes, to, the scope, or says why not. */
void audience_decide(Deciding *d);
/* Adds an addressee, or the reason why it cannot be one. */
void audience_add(Deciding *d, const char *id);

/* accept-role.c: the node a role at a region stands for is added. */
void role_decide(Deciding *d);

/* accept-scope.c: fills the hops of a scope. False: nobody is covered that can be reached. */
bool scope_decide(const AcceptInput *in, AcceptDecision *ret);
