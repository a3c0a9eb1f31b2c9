/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The guard before the unpacker: [1 byte, which message][bytes]. What the guard lets through is
 * unpacked within the budget for its size, or refused as "not this message": never too dear.
 */

#include <protobuf-c/protobuf-c.h>

#include "fuzz/fuzz.h"
#include "serasi/v1/envelope.pb-c.h"
#include "serasi/v1/session.pb-c.h"
#include "wire/arena.h"
#include "wire/guard.h"
#include "wire/kinds.h"

static const ProtobufCMessageDescriptor *nth(unsigned n) {
    if (n == 0)
        return &serasi__v1__frame__descriptor;
    if (n == 1)
        return &serasi__v1__envelope__descriptor;
    const ProtobufCMessageDescriptor *d = kind_facts((int)n);
    return d ? d : &serasi__v1__filter__descriptor;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Input in = { data, n };
    const ProtobufCMessageDescriptor *d = nth(take_byte(&in));
    const Bytes b = take_bytes(&in, in.n);
    const GuardVerdict v = guard_check(d, b, &guard_limits_default);
    FUZZ_CHECK(guard_verdict_text(v));
    if (v != GUARD_OK)
        return 0;
    static const uint8_t nothing;
    Arena *a = arena_new_for(b.n);
    FUZZ_CHECK(a);
    (void)protobuf_c_message_unpack(d, arena_allocator(a), b.n, b.n > 0 ? b.p : &nothing);
    FUZZ_CHECK(!arena_is_over_budget(a));
    (void)arena_free(a);
    return 0;
}
