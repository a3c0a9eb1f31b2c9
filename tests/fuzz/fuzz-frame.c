/* SPDX-License-Identifier: Apache-2.0 */

/* Any frame, as a client (4 KiB) and as a broker or operator (256 KiB) may send it. What could be
 * read must be writable, and be the same when it is read again. */

#include "fuzz/fuzz.h"
#include "wire/codec-internal.h"

/* What the quick reader takes is what protobuf-c makes of it. */
static void check_bundle(Bytes in, Bytes again) {
    Frame slow = { 0 };
    uint8_t *p = NULL;
    size_t n = 0;
    const char *why = NULL;
    FUZZ_CHECK(frame_unpack(in, FRAME_ANSWER_MAX, &slow, &why) == 0);
    FUZZ_CHECK(codec_encode_frame(&slow, &p, &n) == 0);
    FUZZ_CHECK(bytes_equal(bytes_make(p, n), again));
    frame_deinit(&slow);
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Frame client = { 0 }, first = { 0 }, second = { 0 };
    uint8_t *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    const char *why = NULL;
    int narrow = codec_decode_frame(bytes_make(data, n), FRAME_MAX, &client, &why);
    frame_deinit(&client);

    int r = codec_decode_frame(bytes_make(data, n), FRAME_ANSWER_MAX, &first, &why);
    FUZZ_CHECK(r >= 0 && (r == 0 || why));
    FUZZ_CHECK(n > FRAME_MAX ? narrow != 0 : narrow == r);
    if (r == 0) {
        FUZZ_CHECK(first.kind >= FRAME_HELLO && first.kind <= FRAME_BUNDLE);
        FUZZ_CHECK(codec_encode_frame(&first, &a, &n_a) == 0);
        FUZZ_CHECK(codec_decode_frame(bytes_make(a, n_a), FRAME_ANSWER_MAX, &second, &why) == 0);
        FUZZ_CHECK(codec_encode_frame(&second, &b, &n_b) == 0);
        FUZZ_CHECK(bytes_equal(bytes_make(a, n_a), bytes_make(b, n_b)));
        if (first.kind == FRAME_BUNDLE)
            check_bundle(bytes_make(data, n), bytes_make(a, n_a));
    }
    frame_deinit(&first);
    frame_deinit(&second);
    free(a);
    free(b);
    return 0;
}
