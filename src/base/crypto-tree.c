/* SPDX-License-Identifier: Apache-2.0 */

/*
 * RFC 9162 splits n leaves at the largest power of two below n. That is the tree one gets from
 * below by pairing neighbours and lifting the last one of an odd level as it is, which is how it
 * is built here: every node once, and all paths from it.
 */

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/crypto-tree.h"

static_assert(TREE_HASH_SIZE == crypto_hash_sha256_BYTES, "SHA-256");
static_assert(1U << TREE_PATH_MAX == TREE_LEAVES_MAX, "the longest path");

/* MTH({d}) = SHA-256(0x00 || d) */
TreeHash tree_leaf(Bytes content) {
    static const uint8_t mark = 0x00;
    crypto_hash_sha256_state state;
    TreeHash h;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, &mark, 1);
    if (content.n > 0)
        (void)crypto_hash_sha256_update(&state, content.p, content.n);
    (void)crypto_hash_sha256_final(&state, h.b);
    return h;
}

/* SHA-256(0x01 || left || right) */
static TreeHash node_above(const TreeHash *left, const TreeHash *right) {
    uint8_t text[1 + 2 * TREE_HASH_SIZE] = { 0x01 };
    TreeHash h;
    memcpy(text + 1, left->b, TREE_HASH_SIZE);
    memcpy(text + 1 + TREE_HASH_SIZE, right->b, TREE_HASH_SIZE);
    (void)crypto_hash_sha256(h.b, text, sizeof(text));
    return h;
}

bool tree_hash_equal(const TreeHash *a, const TreeHash *b) {
    return memcmp(a->b, b->b, TREE_HASH_SIZE) == 0;
}

int tree_init(Tree *t, const TreeHash *leaves, size_t n) {
    assert(n > 0 && n <= TREE_LEAVES_MAX);
    TreeHash *nodes = calloc(2 * n + TREE_PATH_MAX, sizeof(*nodes));
    if (!nodes)
        return -ENOMEM;
    memcpy(nodes, leaves, n * sizeof(*nodes));
    TreeHash *level = nodes, *next = nodes + n;
    for (size_t width = n; width > 1; width = (width + 1) / 2) {
        for (size_t i = 0; i + 1 < width; i += 2)
            *next++ = node_above(&level[i], &level[i + 1]);
        if (width % 2 == 1)
            *next++ = level[width - 1];
        level += width;
    }
    *t = (Tree) { .n_leaves = n, .nodes = nodes, .n_nodes = (size_t)(next - nodes) };
    return 0;
}

void tree_deinit(Tree *t) {
    free(t->nodes);
    *t = (Tree) { 0 };
}

TreeHash tree_root(const Tree *t) {
    return t->nodes[t->n_nodes - 1];
}

size_t tree_path(const Tree *t, size_t index, TreeHash ret[static TREE_PATH_MAX]) {
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
            r = node_above(&path[i], &r);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            r = node_above(&r, &path[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0)
        return false;
    *ret = r;
    return true;
}
