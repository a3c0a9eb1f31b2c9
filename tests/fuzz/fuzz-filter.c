/* SPDX-License-Identifier: Apache-2.0 */

/* A stored filter: what could be read is written as a filter that is equal. */

#include <errno.h>

#include "fuzz/fuzz.h"
#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const Envelope envelope = { .kind = KIND_COMPLAINT, .region = "3203" };
    static const DirNode owner = { .id = "dsk/3203", .kind = NODE_SOCIAL_AGENCY_REGENCY };
    uint8_t bytes[2 * FRAME_MAX];
    Filter first = { 0 }, second = { 0 };
    const char *why = NULL;
    int r = codec_decode_filter(bytes_make(data, n), &first);
    FUZZ_CHECK(r != -ENOMEM);
    if (r != 0)
        return 0;
    (void)filter_matches(&first, &envelope, LANE_ROUTINE, NODE_PUSKESOS);
    FUZZ_CHECK(filter_is_allowed(&first, &owner, &why) || why);
    Bytes b = codec_encode_filter(&first, bytes, sizeof(bytes));
    FUZZ_CHECK(b.n > 0);
    FUZZ_CHECK(codec_decode_filter(b, &second) == 0);
    FUZZ_CHECK(filter_equal(&first, &second));
    return 0;
}
