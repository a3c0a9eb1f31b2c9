/* SPDX-License-Identifier: Apache-2.0 */

/* Heads of the directory and proofs that records are in it, both ways. */

#include <errno.h>

#include "core/limits.h"
#include "wire/codec-directory.h"
#include "wire/codec-internal.h"

static const GuardLimits proofs_limits = {
    .bytes = FRAME_ANSWER_MAX,
    .depth = 3,
    .fields = 8 + KEY_PROOFS_MAX * (3 + DIRECTORY_PATH_MAX),
    .unknown_fields = 16,
};

const char *take_head(const Serasi__V1__DirectoryHead *in, DirHead *h) {
    h->version = in->version;
    h->size = in->size;
    if (!take_time(in->signed_at, &h->at_ms))
        return "head.signed_at: out of range";
    if (!take_fixed(in->root, h->root.b, sizeof(h->root.b)))
        return "head.root: not 32 bytes";
    if (!take_fixed(in->key, h->key.b, sizeof(h->key.b)))
        return "head.key: not 8 bytes";
    if (!take_fixed(in->ed25519, h->signature, sizeof(h->signature)))
        return "head.ed25519: not 64 bytes";
    return NULL;
}

/* The record borrows from the decoded copy of the bytes, at b. */
static const char *take_proof(const Serasi__V1__RecordProof *in, RecordProof *p, Buf *b) {
    if (in->record.len == 0)
        return "proofs.record: is missing";
    if (in->n_path > DIRECTORY_PATH_MAX)
        return "proofs.path: too long";
    for (; p->n_path < in->n_path; p->n_path++)
        if (!take_fixed(in->path[p->n_path], p->path[p->n_path].b, TREE_HASH_SIZE))
            return "proofs.path: not 32 bytes";
    p->index = in->index;
    p->record = bytes_make(b->p + b->n, in->record.len);
    memcpy(b->p + b->n, in->record.data, in->record.len);
    b->n += in->record.len;
    return NULL;
}

static const char *take_proofs(const Serasi__V1__KeyProofs *in, size_t n_bytes, KeyProofs *ret) {
    if (in->n_proofs > KEY_PROOFS_MAX)
        return "proofs: too many";
    ret->proofs = calloc(MAX(in->n_proofs, (size_t)1), sizeof(*ret->proofs));
    ret->bytes = malloc(MAX(n_bytes, (size_t)1)); /* records are part of what came */
    if (!ret->proofs || !ret->bytes)
        return codec_out_of_memory;
    Buf b = { .p = ret->bytes, .room = n_bytes };
    const char *why = NULL;
    if (in->head) {
        ret->has_head = true;
        why = take_head(in->head, &ret->head);
    }
    for (; !why && ret->n < in->n_proofs; ret->n++)
        why = take_proof(in->proofs[ret->n], &ret->proofs[ret->n], &b);
    return why;
}

int codec_decode_key_proofs(Bytes b, KeyProofs *ret, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r = wire_unpack(&serasi__v1__key_proofs__descriptor, b, &proofs_limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    _cleanup_(key_proofs_deinit) KeyProofs p = { 0 };
    const char *why = take_proofs((const Serasi__V1__KeyProofs *)m, b.n, &p);
    if (why == codec_out_of_memory)
        return -ENOMEM;
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    *ret = p;
    p = (KeyProofs) { 0 };
    return 0;
}

void give_head(const DirHead *h, Serasi__V1__DirectoryHead *ret) {
    serasi__v1__directory_head__init(ret);
    ret->version = h->version;
    ret->signed_at = (uint64_t)h->at_ms;
    ret->size = h->size;
    ret->root = give_bytes(h->root.b, sizeof(h->root.b));
    ret->key = give_bytes(h->key.b, sizeof(h->key.b));
    ret->ed25519 = give_bytes(h->signature, sizeof(h->signature));
}

static void give_proof(Arena *a, const RecordProof *p, Serasi__V1__RecordProof *out) {
    ProtobufCBinaryData *path = arena_alloc(a, MAX(p->n_path, 1U) * sizeof(*path));
    out->record = give_bytes(p->record.p, p->record.n);
    out->index = p->index;
    out->path = path;
    out->n_path = path ? p->n_path : 0;
    for (size_t i = 0; i < out->n_path; i++)
        path[i] = give_bytes(p->path[i].b, TREE_HASH_SIZE);
}

int codec_encode_key_proofs(const KeyProofs *p, uint8_t **ret, size_t *ret_n) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    Serasi__V1__KeyProofs out = SERASI__V1__KEY_PROOFS__INIT;
    if (!a)
        return -ENOMEM;
    Serasi__V1__DirectoryHead head;
    give_head(&p->head, &head);
    out.head = p->has_head ? &head : NULL;
    out.proofs = give_list(a, p->n, sizeof(**out.proofs),
                           (ProtobufCMessageInit)serasi__v1__record_proof__init);
    out.n_proofs = out.proofs ? p->n : 0;
    for (uint32_t i = 0; i < out.n_proofs; i++)
        give_proof(a, &p->proofs[i], out.proofs[i]);
    return arena_has_failed(a) ? -ENOMEM : wire_pack(&out.base, ret, ret_n);
}
