/* SPDX-License-Identifier: Apache-2.0 */

/* The only two places where protobuf-c reads and writes bytes. */

#include <errno.h>

#include "wire/codec-internal.h"

int wire_unpack(const ProtobufCMessageDescriptor *d, Bytes b, const GuardLimits *limits,
                Arena **ret_arena, ProtobufCMessage **ret, const char **ret_why) {
    GuardVerdict v = guard_check(d, b, limits);
    if (v != GUARD_OK) {
        *ret_why = guard_verdict_text(v);
        return v == GUARD_TOO_LARGE ? WIRE_TOO_LARGE : WIRE_MALFORMED;
    }
    _cleanup_(arena_freep) Arena *a = arena_new_for(b.n);
    if (!a)
        return -ENOMEM;
    static const uint8_t nothing;
    ProtobufCMessage *m =
        protobuf_c_message_unpack(d, arena_allocator(a), b.n, b.n > 0 ? b.p : &nothing);
    if (!m) {
        if (arena_has_failed(a) && !arena_is_over_budget(a))
            return -ENOMEM;
        *ret_why = arena_is_over_budget(a) ? "takes too much memory to read" : "not this message";
        return WIRE_MALFORMED;
    }
    *ret = m;
    *ret_arena = TAKE_PTR(a);
    return 0;
}

int wire_pack(const ProtobufCMessage *m, uint8_t **ret, size_t *ret_n) {
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *p = malloc(MAX(n, (size_t)1));
    if (!p)
        return -ENOMEM;
    *ret_n = protobuf_c_message_pack(m, p);
    *ret = p;
    return 0;
}
