/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>

#include "core/directory-head.h"

#define CONTENT_SIZE (3 * 8 + TREE_HASH_SIZE)
static_assert(CONTENT_SIZE <= SIGN_CONTENT_MAX, "it is signed as it is");

static uint8_t *put_number(uint8_t *p, uint64_t n) {
    for (unsigned i = 0; i < 8; i++)
        *p++ = (uint8_t)(n >> (56 - 8 * i));
    return p;
}

static void content_of(const DirHead *h, uint8_t ret[static CONTENT_SIZE]) {
    uint8_t *p = put_number(ret, h->version);
    p = put_number(p, (uint64_t)h->at_ms);
    p = put_number(p, h->size);
    memcpy(p, h->root.b, sizeof(h->root.b));
}

void directory_head_sign(DirHead *h, const SignKey *hub) {
    uint8_t content[CONTENT_SIZE];
    content_of(h, content);
    h->key = key_id(hub->public.b);
    sign_content(hub, SIGN_LABEL_DIRECTORY, bytes_make(content, sizeof(content)), h->signature);
}

bool directory_head_holds(const DirHead *h, const SignPublic *hub) {
    uint8_t content[CONTENT_SIZE];
    content_of(h, content);
    return sign_holds(hub, SIGN_LABEL_DIRECTORY, bytes_make(content, sizeof(content)),
                      h->signature);
}

bool record_proof_holds(const RecordProof *p, const DirHead *head) {
    const TreeHash leaf = tree_leaf(p->record);
    TreeHash root;
    return p->n_path <= DIRECTORY_PATH_MAX &&
           tree_root_by_path(&leaf, p->index, head->size, p->path, p->n_path, &root) &&
           tree_hash_equal(&root, &head->root);
}

void key_proofs_deinit(KeyProofs *p) {
    free(p->proofs);
    free(p->bytes);
    *p = (KeyProofs) { 0 };
}
