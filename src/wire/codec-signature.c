/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The signature of a message, both ways. Nearly always its fields stand in their order, each once
 * and none that is not known; then it is read here in one pass. Anything else is left to guard and
 * protobuf-c (envelope-read.c does the same).
 */

#include <assert.h>
#include <string.h>

#include "wire/codec-internal.h"

static_assert(SIGNATURE_MAX >=
                  TREE_PATH_MAX * (TREE_HASH_SIZE + 2) + SIGNATURE_SIZE + KEY_ID_SIZE + 2 * 6 + 4,
              "whatever can be signed can be sent");

/* Number of the field and how it is written. */
enum {
    TAG_KEY = 1 << 3 | 2,
    TAG_ED25519 = 2 << 3 | 2,
    TAG_INDEX = 3 << 3,
    TAG_SIZE = 4 << 3,
    TAG_PATH = 5 << 3 | 2,
};

static const GuardLimits signature_limits = {
    .bytes = SIGNATURE_MAX,
    .depth = 1,
    .fields = 4 + TREE_PATH_MAX,
    .unknown_fields = 4,
};

/* As many bytes as are wanted, behind a tag and their number. */
static bool read_fixed(Bytes *b, uint8_t tag, uint8_t *ret, size_t n) {
    if (b->n < 2 + n || b->p[0] != tag || b->p[1] != n)
        return false;
    memcpy(ret, b->p + 2, n);
    *b = bytes_make(b->p + 2 + n, b->n - 2 - n);
    return true;
}

/* Up to 14 bits, without a byte too many and not 0, which is left out. */
static bool read_number(Bytes *b, uint8_t tag, uint32_t *ret) {
    if (b->n < 2 || b->p[0] != tag || b->p[1] == 0)
        return false;
    const bool two = b->p[1] & 0x80;
    if (two && (b->n < 3 || b->p[2] == 0 || b->p[2] & 0x80))
        return false;
    *ret = two ? (b->p[1] & 0x7fU) | (uint32_t)b->p[2] << 7 : b->p[1];
    *b = bytes_make(b->p + 2 + two, b->n - 2 - two);
    return true;
}

bool signature_read(Bytes b, Signature *ret) {
    Signature s = { .n_path = 0 };
    if (!read_fixed(&b, TAG_KEY, s.key.b, sizeof(s.key.b)) ||
        !read_fixed(&b, TAG_ED25519, s.bytes, sizeof(s.bytes)))
        return false;
    if (b.n > 0 && b.p[0] == TAG_INDEX && !read_number(&b, TAG_INDEX, &s.index))
        return false;
    if (!read_number(&b, TAG_SIZE, &s.size) || s.size > TREE_LEAVES_MAX || s.index >= s.size)
        return false;
    for (; b.n > 0; s.n_path++)
        if (s.n_path == TREE_PATH_MAX ||
            !read_fixed(&b, TAG_PATH, s.path[s.n_path].b, TREE_HASH_SIZE))
            return false;
    *ret = s;
    return true;
}

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

int signature_unpack(Bytes b, Signature *ret, const char **ret_why) {
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

int codec_decode_signature(Bytes b, Signature *ret, const char **ret_why) {
    return signature_read(b, ret) ? 0 : signature_unpack(b, ret, ret_why);
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
