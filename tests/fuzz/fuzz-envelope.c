/* SPDX-License-Identifier: Apache-2.0 */

/* An envelope: what could be read is written again as an envelope that says the same, and both ways
 * of reading make the same of it. */

#include "fuzz/fuzz.h"
#include "wire/codec-internal.h"

static void compare(Bytes b, const Envelope *quick) {
    Envelope other;
    uint8_t *p = NULL, *q = NULL;
    size_t n_p, n_q;
    const char *why = NULL;
    FUZZ_CHECK(envelope_unpack(b, &other, &why) == 0);
    FUZZ_CHECK(codec_encode_envelope(quick, &p, &n_p) == 0);
    FUZZ_CHECK(codec_encode_envelope(&other, &q, &n_q) == 0);
    FUZZ_CHECK(bytes_equal(bytes_make(p, n_p), bytes_make(q, n_q)));
    free(p);
    free(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Envelope first, second;
    uint8_t *a = NULL, *b = NULL;
    size_t n_a, n_b;
    const char *why = NULL;
    int r = codec_decode_envelope(bytes_make(data, n), &first, &why);
    FUZZ_CHECK(r >= 0 && (r == 0 || why));
    if (envelope_read(bytes_make(data, n), &second))
        compare(bytes_make(data, n), &second);
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
