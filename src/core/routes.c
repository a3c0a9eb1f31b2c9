/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who stands for a role at a region, and which neighbour leads to a node. The tree of brokers is
 * walked from the node's home upwards; sealing has proved that every walk ends.
 */

#include <string.h>

#include "base/text.h"
#include "core/directory-internal.h"

/* --- role at region (domain 4.1)
 * ------------------------------------------------------------------- */

void node_region(const char *id, char ret[static REGION_SIZE]) {
    const char *part = strchr(id, '/');
    size_t n = part ? strspn(part + 1, "0123456789") : 0;
    bool whole = n > 0 && (part[1 + n] == '\0' || part[1 + n] == '/');
    if (!whole || (n != 2 && n != 4 && n != 6 && n != 10))
        n = 0;
    if (n > 0)
        memcpy(ret, part + 1, n);
    ret[n] = '\0';
}

/* How well a node fits the question; compared field by field, more is better. */
typedef struct Fit {
    size_t digits;     /* of the region prefix it serves */
    unsigned cluster;  /* 2 names it, 1 serves any, 0 names others */
    uint32_t priority; /* 1 first, 0 last */
    uint32_t capacity;
} Fit;

static bool fit_is_better(const Fit *a, const Fit *b) {
    if (a->digits != b->digits)
        return a->digits > b->digits;
    if (a->cluster != b->cluster)
        return a->cluster > b->cluster;
    if (a->priority != b->priority)
        return a->priority - 1U < b->priority - 1U; /* 0 wraps to the end */
    return a->capacity > b->capacity;
}

static unsigned cluster_fit(const DirNode *n, int area_cluster, int wanted) {
    if (wanted == CLUSTER_ANY)
        return 1;
    if (area_cluster != CLUSTER_ANY)
        return area_cluster == wanted ? 2 : 0;
    for (uint32_t i = 0; i < n->n_clusters; i++)
        if (n->clusters[i] == wanted)
            return 2;
    return n->n_clusters == 0 ? 1 : 0;
}

/* Bodies without a region of their own that answer for the whole country. */
static bool is_nationwide(int kind) {
    return kind == NODE_NATIONAL_HUB || kind == NODE_MINISTRY_UNIT || kind == NODE_COMMAND_CENTER ||
           kind == NODE_HOME_AFFAIRS || kind == NODE_PARTNER_AGENCY;
}

/* The node's best fit over its service areas, else over the region in its id. */
static bool node_fit(const DirNode *n, const char *region, int cluster, Fit *ret) {
    bool found = false;
    for (uint32_t i = 0; i < n->n_areas; i++) {
        const ServiceArea *a = &n->areas[i];
        if (!text_starts_with(region, a->region))
            continue;
        Fit fit = { .digits = strlen(a->region),
                    .cluster = cluster_fit(n, a->cluster, cluster),
                    .priority = a->priority,
                    .capacity = n->capacity };
        if (!found || fit_is_better(&fit, ret))
            *ret = fit;
        found = true;
    }
    if (n->n_areas > 0)
        return found;

    char own[REGION_SIZE];
    node_region(n->id, own);
    if (!text_starts_with(region, own) || (own[0] == '\0' && !is_nationwide(n->kind)))
        return false;
    *ret = (Fit) { .digits = strlen(own),
                   .cluster = cluster_fit(n, CLUSTER_ANY, cluster),
                   .capacity = n->capacity };
    return true;
}

const DirNode *directory_by_role(const Directory *d, int kind, const char *region, int cluster) {
    const DirNode *best = NULL;
    Fit best_fit = { 0 };
    if (kind <= NODE_UNSPECIFIED || kind >= NODE_KIND_MAX_)
        return NULL;
    int first = node_kind_is_upt(kind) ? NODE_UPT_BALAI_BESAR : kind;
    int last = node_kind_is_upt(kind) ? NODE_UPT_LOKA : kind;
    for (int k = first; k <= last; k++)
        for (size_t i = 0; i < d->by_kind[k].n; i++) {
            const DirNode *n = d->by_kind[k].list[i];
            Fit fit;
            if (n->inactive || !node_fit(n, region, cluster, &fit))
                continue;
            bool better = !best || fit_is_better(&fit, &best_fit) ||
                          (!fit_is_better(&best_fit, &fit) && strcmp(n->id, best->id) < 0);
            if (better) {
                best = n;
                best_fit = fit;
            }
        }
    return best;
}

/* --- next hop
 * ---------------------------------------------------------------------------------------- */

/* The broker that `broker` dials; NULL at the root and where the directory knows no more. */
static const DirNode *broker_above(const Directory *d, const DirNode *broker) {
    return broker->broker_parent[0] ? directory_node(d, broker->broker_parent) : NULL;
}

const char *directory_next_hop(const Directory *d, const char *self, const char *node) {
    const DirNode *n = directory_node(d, node);
    const DirNode *at = n && n->home[0] ? directory_node(d, n->home) : NULL;
    if (!at || !at->broker)
        return NULL;
    if (strcmp(at->id, self) == 0)
        return at->id;
    for (unsigned i = 0; at && i < BROKER_DEPTH_MAX; i++) {
        if (strcmp(at->broker_parent, self) == 0)
            return at->id;
        at = broker_above(d, at);
    }
    const DirNode *me = directory_node(d, self);
    return me && me->broker_parent[0] ? me->broker_parent : NULL;
}

bool directory_is_below(const Directory *d, const char *self, const char *broker) {
    if (strcmp(self, broker) == 0)
        return true;
    const DirNode *at = directory_node(d, broker);
    for (unsigned i = 0; at && i < BROKER_DEPTH_MAX; i++) {
        if (strcmp(at->broker_parent, self) == 0)
            return true;
        at = broker_above(d, at);
    }
    return false;
}

bool broker_tree_is_sound(const Directory *d) {
    NodeEntry *e, *next, *parent;
    HASH_ITER (hh, d->nodes, e, next)
        e->n_children = 0;
    HASH_ITER (hh, d->nodes, e, next) {
        const DirNode *at = &e->node;
        unsigned depth = 0;
        for (; at && depth <= BROKER_DEPTH_MAX; depth++)
            at = broker_above(d, at);
        if (at)
            return false;
        HASH_FIND_STR(d->nodes, e->node.broker_parent, parent);
        if (parent && ++parent->n_children >= SCOPE_HOPS_MAX)
            return false;
    }
    return true;
}
