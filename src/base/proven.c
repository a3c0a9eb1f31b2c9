/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Of each tree the trail of its last leaf is kept: the nodes from that leaf to the root and their
 * siblings. All of them are known to be in the tree, as the root is signed. Leaves mostly come in
 * order, and then the next one meets the trail after one hash on average.
 */

#include <errno.h>
#include <string.h>

#include "base/proven.h"

#define PROVEN_TREES 1024U /* each in its one place: many more than publishers at a time */

typedef struct Trail {
    uint32_t index; /* of the leaf */
    uint32_t n;     /* steps of its path */
    TreeHash nodes[TREE_PATH_MAX + 1], siblings[TREE_PATH_MAX];
} Trail;

typedef struct ProvenTree {
    uint32_t size; /* 0 = free */
    SignPublic public;
    uint8_t bytes[SIGNATURE_SIZE];
    Trail trail;
} ProvenTree;

struct Proven {
    uint64_t checks;
    ProvenTree trees[PROVEN_TREES];
};

int proven_new(Proven **ret) {
    Proven *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    *ret = p;
    return 0;
}

Proven *proven_free(Proven *p) {
    free(p);
    return NULL;
}

uint64_t proven_checks(const Proven *p) {
    return p->checks;
}

static unsigned place(const Signature *s) {
    return (s->bytes[0] | (unsigned)s->bytes[1] << 8) % PROVEN_TREES;
}

static bool is_same(const ProvenTree *t, const Signature *s, const SignPublic *public) {
    return t->size == s->size && memcmp(t->bytes, s->bytes, sizeof(t->bytes)) == 0 &&
           memcmp(t->public.b, public->b, sizeof(t->public.b)) == 0;
}

bool proven_knows(const Proven *p, const Signature *s, const SignPublic *public) {
    return is_same(&p->trees[place(s)], s, public);
}

/* One level up in both: leaves lifted as they are have no sibling there (crypto-tree.c). */
typedef struct Climb {
    uint32_t at, width; /* node of this level, nodes in it */
} Climb;

static bool has_sibling(const Climb *c) {
    return (c->at ^ 1U) < c->width;
}

static void climb(Climb *c) {
    c->at /= 2;
    c->width = (c->width + 1) / 2;
}

/* The rest of the path must be that of the trail, too: it travels on with the message. */
static bool rest_is_same(const Trail *known, uint32_t n_known, const Signature *s, uint32_t n) {
    return s->n_path - n == known->n - n_known && memcmp(&s->path[n], &known->siblings[n_known],
                                                         (s->n_path - n) * sizeof(s->path[0])) == 0;
}

static void join(Trail *known, uint32_t n_known, const Signature *s, Trail *own) {
    memcpy(&own->nodes[own->n], &known->nodes[n_known],
           (known->n - n_known + 1) * sizeof(own->nodes[0]));
    memcpy(own->siblings, s->path, s->n_path * sizeof(own->siblings[0]));
    own->n = s->n_path;
    *known = *own;
}

/* The next node of a path; false when the path ends too soon. */
static bool step(const Climb *c, const Signature *s, Trail *own) {
    if (!has_sibling(c))
        return true;
    if (own->n == s->n_path)
        return false;
    const TreeHash *node = &own->nodes[own->n], *other = &s->path[own->n];
    own->nodes[own->n + 1] = c->at & 1U ? tree_node(other, node) : tree_node(node, other);
    own->n++;
    return true;
}

/* Does the path lead to the proven root? */
static bool follows(Trail *known, const Signature *s, Bytes envelope) {
    Climb c = { s->index, s->size }, k = { known->index, s->size };
    Trail own = { .index = s->index };
    uint32_t n_known = 0;
    own.nodes[0] = tree_leaf(envelope);
    for (; c.at != k.at && c.at != (k.at ^ 1U); climb(&c), climb(&k)) {
        if (!step(&c, s, &own))
            return false;
        n_known += has_sibling(&k);
    }
    const bool beside = c.at != k.at; /* the trail's sibling, and the trail is ours */
    const TreeHash *here = beside ? &known->siblings[n_known] : &known->nodes[n_known];
    if (!tree_hash_equal(&own.nodes[own.n], here))
        return false;
    if (beside) {
        if (own.n == s->n_path || !tree_hash_equal(&s->path[own.n], &known->nodes[n_known]))
            return false;
        own.n++;
        n_known++;
    }
    if (!rest_is_same(known, n_known, s, own.n))
        return false;
    join(known, n_known, s, &own);
    return true;
}

/* The whole path and the signature of its head. */
static bool is_proven_new(Proven *p, const Signature *s, Bytes envelope, const SignPublic *public,
                          Trail *own) {
    own->index = s->index;
    own->n = 0;
    own->nodes[0] = tree_leaf(envelope);
    for (Climb c = { s->index, s->size }; c.width > 1; climb(&c))
        if (!step(&c, s, own))
            return false;
    if (own->n != s->n_path)
        return false;
    memcpy(own->siblings, s->path, s->n_path * sizeof(own->siblings[0]));
    p->checks++;
    const SignedHead head = { .size = s->size, .root = own->nodes[own->n] };
    return signature_head_holds(s, SIGN_LABEL_MESSAGES, &head, public);
}

bool proven_holds(Proven *p, const Signature *s, Bytes envelope, const SignPublic *public) {
    ProvenTree *t = &p->trees[place(s)];
    Trail own;
    if (s->size == 0 || s->size > TREE_LEAVES_MAX || s->index >= s->size ||
        s->n_path > TREE_PATH_MAX)
        return false;
    if (is_same(t, s, public))
        return follows(&t->trail, s, envelope);
    if (!is_proven_new(p, s, envelope, public, &own))
        return false;
    t->size = s->size;
    t->public = *public;
    memcpy(t->bytes, s->bytes, sizeof(t->bytes));
    t->trail = own;
    return true;
}
