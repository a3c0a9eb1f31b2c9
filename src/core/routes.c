/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who stands for a role at a region, and which neighbour leads to a node. The tree of brokers is
 * walked from the node's home upwards; sealing has proved that every walk ends.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/directory-internal.h"

/* --- role at region (domain 4.1) ------------------------------------------------------------- */

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
} Fit;

/* Above zero when a is the better one. */
static int fit_compare(const Fit *a, const Fit *b) {
    if (a->digits != b->digits)
        return a->digits > b->digits ? 1 : -1;
    if (a->cluster != b->cluster)
        return a->cluster > b->cluster ? 1 : -1;
    if (a->priority != b->priority)
        return a->priority - 1U < b->priority - 1U ? 1 : -1; /* 0 wraps to the end */
    return 0;
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
                    .priority = a->priority };
        if (!found || fit_compare(&fit, ret) > 0)
            *ret = fit;
        found = true;
    }
    if (n->n_areas > 0)
        return found;

    char own[REGION_SIZE];
    node_region(n->id, own);
    if (!text_starts_with(region, own) || (own[0] == '\0' && !is_nationwide(n->kind)))
        return false;
    *ret = (Fit) { .digits = strlen(own), .cluster = cluster_fit(n, CLUSTER_ANY, cluster) };
    return true;
}

/* The best so far. Its places are asked for only once another one fits as well. */
typedef struct Candidate {
    const DirNode *node;
    Fit fit;
    bool counted;
    uint32_t places;
} Candidate;

static void count_places(const FreePlaces *told, Candidate *c) {
    if (c->counted)
        return;
    c->places = told ? told->of(told->context, c->node->id) : UINT32_MAX;
    if (c->places == UINT32_MAX)
        c->places = c->node->capacity;
    c->counted = true;
}

static bool is_better(const FreePlaces *told, Candidate *a, Candidate *b) {
    if (!b->node)
        return true;
    int fit = fit_compare(&a->fit, &b->fit);
    if (fit != 0 || a->node == b->node)
        return fit > 0;
    count_places(told, a);
    count_places(told, b);
    return a->places != b->places ? a->places > b->places : strcmp(a->node->id, b->node->id) < 0;
}

static void look_at_place(const Directory *d, const RoleQuestion *q, int kind, unsigned place,
                          Candidate *best) {
    const DirNode **list = d->roles.list + d->roles.first[kind][place];
    for (size_t i = 0; i < d->roles.n[kind][place]; i++) {
        Candidate c = { .node = list[i] };
        if (c.node->inactive || !node_fit(c.node, q->region, q->cluster, &c.fit) ||
            (q->suits && !q->suits(c.node, q->context)))
            continue;
        if (is_better(q->free_places, &c, best))
            *best = c;
    }
}

/* Where in the index a region prefix belongs. */
static unsigned place_of(const char *region) {
    return strspn(region, "0123456789") >= 2 ? region_province_index(region) : ROLE_NATION;
}

const DirNode *directory_find_role(const Directory *d, const RoleQuestion *q) {
    Candidate best = { 0 };
    const unsigned place = place_of(q->region);
    for (int k = NODE_UNSPECIFIED + 1; k < NODE_KIND_MAX_; k++) {
        if (!(q->kinds >> k & 1U))
            continue;
        look_at_place(d, q, k, ROLE_NATION, &best);
        if (place != ROLE_NATION)
            look_at_place(d, q, k, place, &best);
    }
    return best.node;
}

uint32_t role_kinds(int kind) {
    if (kind <= NODE_UNSPECIFIED || kind >= NODE_KIND_MAX_)
        return 0;
    if (!node_kind_is_upt(kind))
        return UINT32_C(1) << kind;
    return UINT32_C(1) << NODE_UPT_BALAI_BESAR | UINT32_C(1) << NODE_UPT_BALAI |
           UINT32_C(1) << NODE_UPT_LOKA;
}

const DirNode *directory_by_role(const Directory *d, int kind, const char *region, int cluster) {
    return directory_find_role(
        d, &(RoleQuestion) { .kinds = role_kinds(kind), .region = region, .cluster = cluster });
}

const DirNode *directory_speaks_for(const Directory *d, const DirNode *n) {
    if (n && (n->kind == NODE_REGIONAL_REFERRAL_SYSTEM || n->kind == NODE_BASIC_SERVICE_SYSTEM ||
              n->kind == NODE_INTEGRATION_CLIENT))
        return directory_node(d, n->parent);
    return n;
}

/* Marks each place the node can be found at. */
static void mark_places(const DirNode *n, bool places[static ROLE_PLACES]) {
    char own[REGION_SIZE];
    memset(places, 0, ROLE_PLACES * sizeof(*places));
    for (uint32_t i = 0; i < n->n_areas; i++)
        places[place_of(n->areas[i].region)] = true;
    if (n->n_areas > 0)
        return;
    node_region(n->id, own);
    if (own[0] != '\0' || is_nationwide(n->kind))
        places[place_of(own)] = true;
}

/* Twice over the nodes: counting, then (with room made) filling in order of id. */
int roles_seal(Directory *d) {
    RoleIndex *r = &d->roles;
    bool places[ROLE_PLACES];
    size_t total = 0;
    for (size_t i = 0; i < d->n_nodes; i++) {
        const DirNode *n = d->node_list[i];
        mark_places(n, places);
        for (unsigned p = 0; p < ROLE_PLACES && n->kind < NODE_KIND_MAX_; p++)
            r->n[n->kind][p] += places[p];
    }
    for (size_t k = 0; k < NODE_KIND_MAX_; k++)
        for (size_t p = 0; p < ROLE_PLACES; p++) {
            r->first[k][p] = total;
            total += r->n[k][p];
            r->n[k][p] = 0;
        }
    r->list = calloc(total + 1, sizeof(*r->list));
    if (!r->list)
        return -ENOMEM;
    for (size_t i = 0; i < d->n_nodes; i++) {
        const DirNode *n = d->node_list[i];
        mark_places(n, places);
        for (unsigned p = 0; p < ROLE_PLACES && n->kind < NODE_KIND_MAX_; p++)
            if (places[p])
                r->list[r->first[n->kind][p] + r->n[n->kind][p]++] = n;
    }
    return 0;
}

/* --- next hop -------------------------------------------------------------------------------- */

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
