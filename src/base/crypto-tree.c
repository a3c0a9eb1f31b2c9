/* SPDX-License-Identifier: Apache-2.0 */

/*
 * RFC 9162 splits n leaves at the largest power of two below n. That is the tree one gets from
 * below by pairing neighbours and lifting the last one of an odd level as it is, which is how it
 * is built here: every node once, and all paths from it.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/crypto-tree.h"
#include "base/hash.h"

static_assert(TREE_HASH_SIZE == DIGEST_SIZE, "BLAKE2b with 256 bits");
static_assert(1U << TREE_PATH_MAX == TREE_LEAVES_MAX, "the longest path");
static_assert(1U << TREE_WIDE_PATH_MAX == TREE_WIDE_LEAVES_MAX, "and of the wide ones");

/* MTH({d}) = HASH(0x00 || d) */
TreeHash tree_leaf(Bytes content) {
    static const uint8_t mark = 0x00;
    const Bytes parts[] = { bytes_make(&mark, 1), content };
    TreeHash h;
    hash_digest_parts(parts, ARRAY_SIZE(parts), h.b);
    return h;
}

/* HASH(0x01 || left || right) */
TreeHash tree_node(const TreeHash *left, const TreeHash *right) {
    uint8_t text[1 + 2 * TREE_HASH_SIZE] = { 0x01 };
    TreeHash h;
    memcpy(text + 1, left->b, TREE_HASH_SIZE);
    memcpy(text + 1 + TREE_HASH_SIZE, right->b, TREE_HASH_SIZE);
    hash_digest(bytes_make(text, sizeof(text)), h.b);
    return h;
}

bool tree_hash_equal(const TreeHash *a, const TreeHash *b) {
    return memcmp(a->b, b->b, TREE_HASH_SIZE) == 0;
}

static int build(Tree *t, const TreeHash *leaves, size_t n, const Tree *before) {
    TreeHash *nodes = calloc(2 * n + TREE_WIDE_PATH_MAX, sizeof(*nodes));
    if (!nodes)
        return -ENOMEM;
    memcpy(nodes, leaves, n * sizeof(*nodes));
    TreeHash *level = nodes, *next = nodes + n;
    const TreeHash *old = before ? before->nodes : NULL;
    size_t n_old = before ? before->n_leaves : 0;
    for (size_t width = n; width > 1; width = (width + 1) / 2) {
        for (size_t i = 0; i + 1 < width; i += 2) {
            if (i + 1 < n_old && memcmp(&level[i], &old[i], 2 * sizeof(*level)) == 0)
                *next++ = old[n_old + i / 2]; /* the level above stands behind it */
            else
                *next++ = tree_node(&level[i], &level[i + 1]);
        }
        if (width % 2 == 1)
            *next++ = level[width - 1];
        level += width;
        old = n_old > 1 ? old + n_old : NULL;
        n_old = n_old > 1 ? (n_old + 1) / 2 : 0;
    }
    *t = (Tree) { .n_leaves = n, .nodes = nodes, .n_nodes = (size_t)(next - nodes) };
    return 0;
}

int tree_init(Tree *t, const TreeHash *leaves, size_t n) {
    assert(n > 0 && n <= TREE_LEAVES_MAX);
    return build(t, leaves, n, NULL);
}

int tree_init_wide(Tree *t, const TreeHash *leaves, size_t n, const Tree *before) {
    assert(n > 0 && n <= TREE_WIDE_LEAVES_MAX);
    return build(t, leaves, n, before);
}

TreeHash tree_root_of_none(void) {
    TreeHash h;
    hash_digest((Bytes) { 0 }, h.b);
    return h;
}

void tree_deinit(Tree *t) {
    free(t->nodes);
    *t = (Tree) { 0 };
}

TreeHash tree_root(const Tree *t) {
    return t->nodes[t->n_nodes - 1];
}

static size_t path_of(const Tree *t, size_t index, TreeHash *ret) {
    assert(index < t->n_leaves);
    const TreeHash *level = t->nodes;
    size_t n = 0;
    for (size_t width = t->n_leaves; width > 1; width = (width + 1) / 2) {
        const size_t other = index ^ 1U;
        if (other < width) /* else it was lifted as it is */
            ret[n++] = level[other];
        level += width;
        index /= 2;
    }
    return n;
}

size_t tree_path(const Tree *t, size_t index, TreeHash ret[static TREE_PATH_MAX]) {
    assert(t->n_leaves <= TREE_LEAVES_MAX);
    return path_of(t, index, ret);
}

size_t tree_path_wide(const Tree *t, size_t index, TreeHash ret[static TREE_WIDE_PATH_MAX]) {
    return path_of(t, index, ret);
}

/* RFC 9162, 2.1.3.2, with its names. */
bool tree_root_by_path(const TreeHash *leaf, uint64_t index, uint64_t size, const TreeHash *path,
                       size_t n_path, TreeHash *ret) {
    if (index >= size)
        return false;
    uint64_t fn = index, sn = size - 1;
    TreeHash r = *leaf;
    for (size_t i = 0; i < n_path; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            r = tree_node(&path[i], &r);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            r = tree_node(&r, &path[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0)
        return false;
    *ret = r;
    return true;
}
