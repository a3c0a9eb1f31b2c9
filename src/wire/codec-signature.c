/* SPDX-License-Identifier: Apache-2.0 */

/* The signature of a message, both ways. */

#include <assert.h>
#include <string.h>

#include "wire/codec-internal.h"

static_assert(SIGNATURE_MAX >=
                  TREE_PATH_MAX * (TREE_HASH_SIZE + 2) + SIGNATURE_SIZE + KEY_ID_SIZE + 2 * 6 + 4,
              "whatever can be signed can be sent");

static const GuardLimits signature_limits = {
    .bytes = SIGNATURE_MAX,
    .depth = 1,
    .fields = 4 + TREE_PATH_MAX,
    .unknown_fields = 4,
};

static const char *take_signature(const Serasi__V1__Signature *in, Signature *s) {
    if (!take_fixed(in->key, s->key.b, sizeof(s->key.b)))
        return "signature.key: not 8 bytes";
    if (!take_fixed(in->ed25519, s->bytes, sizeof(s->bytes)))
        return "signature.ed25519: not 64 bytes";
    if (in->size == 0 || in->size > TREE_LEAVES_MAX || in->index >= in->size)
        return "signature: index or size out of range";
    if (in->n_path > TREE_PATH_MAX)
        return "signature.path: too long";
    s->index = in->index;
    s->size = in->size;
    for (; s->n_path < in->n_path; s->n_path++)
        if (!take_fixed(in->path[s->n_path], s->path[s->n_path].b, TREE_HASH_SIZE))
            return "signature.path: not 32 bytes";
    return NULL;
}

int codec_decode_signature(Bytes b, Signature *ret, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r = wire_unpack(&serasi__v1__signature__descriptor, b, &signature_limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    Signature s = { .n_path = 0 };
    const char *why = take_signature((const Serasi__V1__Signature *)m, &s);
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    *ret = s;
    return 0;
}

Bytes codec_encode_signature(const Signature *s, uint8_t buf[static SIGNATURE_MAX]) {
    ProtobufCBinaryData path[TREE_PATH_MAX];
    Serasi__V1__Signature out = SERASI__V1__SIGNATURE__INIT;
    out.key = give_bytes(s->key.b, sizeof(s->key.b));
    out.ed25519 = give_bytes(s->bytes, sizeof(s->bytes));
    out.index = s->index;
    out.size = s->size;
    out.n_path = s->n_path;
    out.path = path;
    for (uint32_t i = 0; i < s->n_path; i++)
        path[i] = give_bytes(s->path[i].b, sizeof(s->path[i].b));
    assert(protobuf_c_message_get_packed_size(&out.base) <= SIGNATURE_MAX);
    return bytes_make(buf, protobuf_c_message_pack(&out.base, buf));
}
