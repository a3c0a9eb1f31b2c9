/* SPDX-License-Identifier: Apache-2.0 */

/* The sealed part, both ways; for those who seal and open, brokers pass it on unread. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/limits.h"
#include "serasi/v1/sealed.pb-c.h"
#include "wire/codec-internal.h"

#define SUITE 1U

/* A wrap takes 110 bytes with its framing. */
static_assert(SEAL_PADDED_MAX + SEAL_TAG_SIZE + SEAL_WRAPS_MAX * 110 + 128 <= SEALED_MAX,
              "whatever can be sealed can be sent");

static const GuardLimits sealed_limits = {
    .bytes = SEALED_MAX,
    .depth = 2,
    .fields = 5 + 4 * SEAL_WRAPS_MAX,
    .unknown_fields = 8,
};

static bool take_bytes(ProtobufCBinaryData b, uint8_t *ret, size_t size) {
    if (b.len != size)
        return false;
    memcpy(ret, b.data, size);
    return true;
}

static const char *take_wraps(const Serasi__V1__SealedPart *in, Sealed *s) {
    if (in->n_wraps == 0 || in->n_wraps > SEAL_WRAPS_MAX)
        return "sealed.wraps: 1 to 64 are needed";
    for (; s->n_wraps < in->n_wraps; s->n_wraps++) {
        const Serasi__V1__SealedWrap *from = in->wraps[s->n_wraps];
        SealWrap *w = &s->wraps[s->n_wraps];
        if (!take_bytes(from->key, w->key.b, sizeof(w->key.b)))
            return "sealed.wraps.key: not 8 bytes";
        if (!take_bytes(from->box, w->box, sizeof(w->box)))
            return "sealed.wraps.box: not 96 bytes";
    }
    return NULL;
}

static const char *take_sealed(const Serasi__V1__SealedPart *in, Sealed *s) {
    if (in->suite != SUITE)
        return "sealed.suite: not one this program knows";
    if (!take_bytes(in->nonce, s->nonce, sizeof(s->nonce)))
        return "sealed.nonce: not 24 bytes";
    if (!take_bytes(in->commitment, s->commitment, sizeof(s->commitment)))
        return "sealed.commitment: not 32 bytes";
    if (in->body.len <= SEAL_TAG_SIZE)
        return "sealed.body: too short";
    return take_wraps(in, s);
}

int codec_decode_sealed(Bytes b, Sealed *ret, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r = wire_unpack(&serasi__v1__sealed_part__descriptor, b, &sealed_limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    const Serasi__V1__SealedPart *in = (const Serasi__V1__SealedPart *)m;
    Sealed s = { 0 };
    const char *why = take_sealed(in, &s);
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    s.body = malloc(in->body.len);
    if (!s.body)
        return -ENOMEM;
    memcpy(s.body, in->body.data, in->body.len);
    s.n_body = in->body.len;
    *ret = s;
    return 0;
}

static ProtobufCBinaryData give_bytes(const uint8_t *p, size_t n) {
    return (ProtobufCBinaryData) { .len = n, .data = (uint8_t *)p };
}

int codec_encode_sealed(const Sealed *s, uint8_t **ret, size_t *ret_n) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    Serasi__V1__SealedWrap **wraps =
        a ? give_list(a, s->n_wraps, sizeof(**wraps),
                      (ProtobufCMessageInit)serasi__v1__sealed_wrap__init)
          : NULL;
    if (!wraps)
        return -ENOMEM;
    for (uint32_t i = 0; i < s->n_wraps; i++) {
        wraps[i]->key = give_bytes(s->wraps[i].key.b, sizeof(s->wraps[i].key.b));
        wraps[i]->box = give_bytes(s->wraps[i].box, sizeof(s->wraps[i].box));
    }
    Serasi__V1__SealedPart out = SERASI__V1__SEALED_PART__INIT;
    out.suite = SUITE;
    out.nonce = give_bytes(s->nonce, sizeof(s->nonce));
    out.commitment = give_bytes(s->commitment, sizeof(s->commitment));
    out.n_wraps = s->n_wraps;
    out.wraps = wraps;
    out.body = give_bytes(s->body, s->n_body);
    return wire_pack(&out.base, ret, ret_n);
}
