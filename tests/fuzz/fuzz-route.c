/* SPDX-License-Identifier: Apache-2.0 */

/* The packed columns of a stored row: [2 bytes length, route] [hop stamps]. What could be read is
 * written as the same bytes, or as the same values where the bytes had room to spare. */

#include <errno.h>

#include "fuzz/fuzz.h"
#include "store/row.h"

static void check_route(Bytes bytes) {
    Route first = { 0 }, second = { 0 };
    Buf a = { 0 }, b = { 0 };
    int r = route_decode(bytes, &first);
    FUZZ_CHECK(r == 0 || r == -EBADMSG);
    for (uint32_t i = 0; i < first.n; i++) {
        FUZZ_CHECK(memchr(first.list[i].node, '\0', NODE_NAME_SIZE));
        (void)route_find(&first, first.list[i].node);
        FUZZ_CHECK(route_find_queue(&first, first.list[i].queue));
    }
    route_encode(&first, &a);
    FUZZ_CHECK(!a.failed && route_decode(buf_bytes(&a), &second) == 0);
    FUZZ_CHECK(second.n == first.n && second.scope == first.scope);
    route_encode(&second, &b);
    FUZZ_CHECK(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
    route_deinit(&first);
    route_deinit(&second);
    buf_deinit(&a);
    buf_deinit(&b);
}

static void check_stamps(Bytes bytes) {
    HopStamp first[STAMPS_MAX] = { 0 }, second[STAMPS_MAX] = { 0 };
    Buf a = { 0 };
    uint32_t n = stamps_decode(bytes, first);
    FUZZ_CHECK(n <= STAMPS_MAX);
    stamps_encode(first, n, &a);
    FUZZ_CHECK(stamps_decode(buf_bytes(&a), second) == n);
    for (uint32_t i = 0; i < n; i++)
        FUZZ_CHECK(strcmp(first[i].broker, second[i].broker) == 0 &&
                   first[i].at_ms == second[i].at_ms);
    buf_deinit(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Input in = { data, n };
    check_route(take_part(&in));
    check_stamps(bytes_make(in.p, in.n));
    return 0;
}
