/* SPDX-License-Identifier: Apache-2.0 */

/* The sealed part, both ways; for those who seal and open, brokers pass it on unread. */

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

static const char *take_sealed(const Serasi__V1__SealedPart *in, Sealed *s) {
    if (in->suite != SUITE)
        return "sealed.suite: not one this program knows";
    if (!take_fixed(in->nonce, s->nonce, sizeof(s->nonce)))
        return "sealed.nonce: not 24 bytes";
    if (!take_fixed(in->commitment, s->commitment, sizeof(s->commitment)))
        return "sealed.commitment: not 32 bytes";
    if (in->body.len <= SEAL_TAG_SIZE)
        return "sealed.body: too short";
    return take_wraps(in->n_wraps, in->wraps, &s->n_wraps, s->wraps);
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

uint32_t codec_sealed_wraps(Bytes b, uint8_t ret_commitment[static SEAL_COMMITMENT_SIZE],
                            SealWrap ret[static SEAL_WRAPS_MAX]) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    const char *why;
    Sealed s = { 0 };
    if (wire_unpack(&serasi__v1__sealed_part__descriptor, b, &sealed_limits, &a, &m, &why) != 0 ||
        take_sealed((const Serasi__V1__SealedPart *)m, &s))
        return 0;
    memcpy(ret_commitment, s.commitment, sizeof(s.commitment));
    memcpy(ret, s.wraps, s.n_wraps * sizeof(*ret));
    return s.n_wraps;
}

int codec_encode_sealed(const Sealed *s, uint8_t **ret, size_t *ret_n) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    Serasi__V1__SealedWrap **wraps = a ? give_wraps(a, s->n_wraps, s->wraps) : NULL;
    if (!wraps)
        return -ENOMEM;
    Serasi__V1__SealedPart out = SERASI__V1__SEALED_PART__INIT;
    out.suite = SUITE;
    out.nonce = give_bytes(s->nonce, sizeof(s->nonce));
    out.commitment = give_bytes(s->commitment, sizeof(s->commitment));
    out.n_wraps = s->n_wraps;
    out.wraps = wraps;
    out.body = give_bytes(s->body, s->n_body);
    return wire_pack(&out.base, ret, ret_n);
}
