/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/signature.h"

#define HEAD_SIZE (8 + TREE_HASH_SIZE)

static void head_pack(const SignedHead *h, uint8_t ret[static HEAD_SIZE]) {
    for (unsigned i = 0; i < 8; i++)
        ret[i] = (uint8_t)((uint64_t)h->size >> (56 - 8 * i));
    memcpy(ret + 8, h->root.b, TREE_HASH_SIZE);
}

int signed_tree_init(SignedTree *t, const SignKey *k, const char *label, const TreeHash *leaves,
                     size_t n) {
    SignedTree made = { .key = key_id(k->public.b) };
    const int r = tree_init(&made.tree, leaves, n);
    if (r < 0)
        return r;
    const SignedHead head = { .size = (uint32_t)n, .root = tree_root(&made.tree) };
    uint8_t content[HEAD_SIZE];
    head_pack(&head, content);
    sign_content(k, label, bytes_make(content, sizeof(content)), made.bytes);
    *t = made;
    return 0;
}

void signed_tree_deinit(SignedTree *t) {
    tree_deinit(&t->tree);
}

void signed_tree_signature(const SignedTree *t, size_t index, Signature *ret) {
    *ret =
        (Signature) { .key = t->key, .index = (uint32_t)index, .size = (uint32_t)t->tree.n_leaves };
    memcpy(ret->bytes, t->bytes, sizeof(ret->bytes));
    ret->n_path = (uint32_t)tree_path(&t->tree, index, ret->path);
}

int signature_make(const SignKey *k, const Bytes *envelopes, size_t n, Signature *ret) {
    assert(n > 0 && n <= TREE_LEAVES_MAX);
    _cleanup_(signed_tree_deinit) SignedTree tree = { 0 };
    _cleanup_(freep) TreeHash *leaves = calloc(n, sizeof(*leaves));
    if (!leaves)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        leaves[i] = tree_leaf(envelopes[i]);
    const int r = signed_tree_init(&tree, k, SIGN_LABEL_MESSAGES, leaves, n);
    for (size_t i = 0; r == 0 && i < n; i++)
        signed_tree_signature(&tree, i, &ret[i]);
    return r;
}

bool signature_head(const Signature *s, Bytes envelope, SignedHead *ret) {
    if (s->size > TREE_LEAVES_MAX || s->n_path > TREE_PATH_MAX)
        return false;
    const TreeHash leaf = tree_leaf(envelope);
    SignedHead head = { .size = s->size };
    if (!tree_root_by_path(&leaf, s->index, s->size, s->path, s->n_path, &head.root))
        return false;
    *ret = head;
    return true;
}

bool signature_head_holds(const Signature *s, const char *label, const SignedHead *head,
                          const SignPublic *public) {
    uint8_t content[HEAD_SIZE];
    head_pack(head, content);
    return sign_holds(public, label, bytes_make(content, sizeof(content)), s->bytes);
}

bool signature_holds(const Signature *s, Bytes envelope, const SignPublic *public) {
    SignedHead head;
    return signature_head(s, envelope, &head) &&
           signature_head_holds(s, SIGN_LABEL_MESSAGES, &head, public);
}
