/* SPDX-License-Identifier: Apache-2.0 */

/* An envelope: what could be read is written again as an envelope that says the same. */

#include "fuzz/fuzz.h"
#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Envelope first, second;
    uint8_t *a = NULL, *b = NULL;
    size_t n_a, n_b;
    const char *why = NULL;
    int r = codec_decode_envelope(bytes_make(data, n), &first, &why);
    FUZZ_CHECK(r >= 0 && (r == 0 || why));
    if (r != 0)
        return 0;
    FUZZ_CHECK(node_name_is_valid(first.sender));
    FUZZ_CHECK(message_order_key(&first) > 0);
    FUZZ_CHECK(codec_encode_envelope(&first, &a, &n_a) == 0);
    FUZZ_CHECK(codec_decode_stored_envelope(bytes_make(a, n_a), &second) == 0);
    FUZZ_CHECK(codec_encode_envelope(&second, &b, &n_b) == 0);
    FUZZ_CHECK(bytes_equal(bytes_make(a, n_a), bytes_make(b, n_b)));
    free(a);
    free(b);
    return 0;
}
