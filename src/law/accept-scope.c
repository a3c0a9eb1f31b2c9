/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Event scope (domain 4.9): the regions named, the UPTs that serve them and their neighbours, the
 * ministry, the hub and the command centre. The record is the scope itself: each broker expands it
 * for the nodes at home there.
 */

#include <string.h>

#include "base/text.h"
#include "law/accept-internal.h"

static bool scope_has(const Audience *a, const char *region) {
    for (uint32_t i = 0; i < a->n && i < AUDIENCE_SCOPE_MAX; i++)
        if (text_starts_with(region, a->scope[i]))
            return true;
    return false;
}

/* A service area anywhere in the province of a region of the scope makes a UPT serve it or border
 * on it. */
static bool upt_is_near(const Audience *a, const char *area) {
    for (uint32_t i = 0; i < a->n && i < AUDIENCE_SCOPE_MAX; i++)
        if (area[0] == '\0' || a->scope[i][0] == '\0' || strncmp(area, a->scope[i], 2) == 0)
            return true;
    return false;
}

bool accept_scope_covers(const Envelope *e, const DirNode *n) {
    if (n->inactive || strcmp(n->id, e->sender) == 0)
        return false;
    if (n->kind == NODE_NATIONAL_HUB || n->kind == NODE_MINISTRY_UNIT ||
        n->kind == NODE_COMMAND_CENTER)
        return true;
    const bool upt = node_kind_is_upt(n->kind);
    for (uint32_t i = 0; i < n->n_areas; i++)
        if (upt ? upt_is_near(&e->audience, n->areas[i].region)
                : scope_has(&e->audience, n->areas[i].region))
            return true;
    if (n->n_areas > 0)
        return false;
    char own[REGION_SIZE];
    node_region(n->id, own);
    return scope_has(&e->audience, own);
}

const DirNode *accept_scope_next(const AcceptInput *in, size_t *cursor) {
    while (*cursor < directory_node_count(in->directory)) {
        const DirNode *n = directory_node_at(in->directory, (*cursor)++);
        if (strcmp(n->home, in->self) == 0 && accept_scope_covers(&in->message->env, n))
            return n;
    }
    return NULL;
}

static void add_scope_hop(AcceptDecision *ret, const char *hop) {
    for (uint32_t i = 0; i < ret->n_scope_hops; i++)
        if (strcmp(ret->scope_hops[i], hop) == 0)
            return;
    if (ret->n_scope_hops < SCOPE_HOPS_MAX) /* sealing allows no more neighbours than that */
        (void)text_copy(ret->scope_hops[ret->n_scope_hops++], NODE_NAME_SIZE, hop);
}

bool scope_decide(const AcceptInput *in, AcceptDecision *ret) {
    const char *home = "", *hop = NULL;
    bool anybody = false;
    ret->scope = true;
    for (size_t i = 0; i < directory_node_count(in->directory); i++) {
        const DirNode *n = directory_node_at(in->directory, i);
        if (!accept_scope_covers(&in->message->env, n))
            continue;
        if (strcmp(n->home, home) != 0) { /* neighbours in the list mostly share a home */
            home = n->home;
            hop = directory_next_hop(in->directory, in->self, n->id);
        }
        if (!hop || (in->from_link && strcmp(hop, in->authority) == 0))
            continue;
        anybody = true;
        if (strcmp(hop, in->self) != 0)
            add_scope_hop(ret, hop);
    }
    return anybody;
}
