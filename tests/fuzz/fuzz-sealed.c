/* SPDX-License-Identifier: Apache-2.0 */

/* A sealed part, and an attempt to open it. What could be read is written as a part that says the
 * same; what opens for one of the two opens to the text that was sealed. */

#include <errno.h>

#include "fuzz/fuzz.h"
#include "unit/sealed-golden.h"
#include "wire/codec.h"

static void open_with(const Sealed *s, const char *who) {
    _cleanup_(secret_deinit) Secret text = { 0 };
    const SealBinding of = golden_binding();
    const SealKey k = golden_key(who);
    SealWrap w;
    const int r = seal_open(&of, s, &k, 1, &text);
    FUZZ_CHECK(r == SEAL_OK || r == SEAL_NOT_FOR_US || r == SEAL_BROKEN);
    FUZZ_CHECK((r == SEAL_OK) == (text.p != NULL));
    FUZZ_CHECK(r != SEAL_OK || bytes_equal(bytes_make(text.p, text.n),
                                           bytes_make(GOLDEN_TEXT, strlen(GOLDEN_TEXT))));
    /* The body is not looked at: it may be damaged where the wrap is not. */
    FUZZ_CHECK(seal_wrap_again(&of, s, &k, 1, &k.public, &w) == SEAL_OK || r != SEAL_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Sealed first = { 0 }, second = { 0 };
    uint8_t *p = NULL;
    size_t n_again = 0;
    const char *why = NULL;
    FUZZ_CHECK(hash_init() == 0);
    const int r = codec_decode_sealed(bytes_make(data, n), &first, &why);
    FUZZ_CHECK(r != -ENOMEM);
    FUZZ_CHECK((r == 0) == (why == NULL) && (r == 0) == (first.body != NULL));
    if (r != 0)
        return 0;
    FUZZ_CHECK(codec_encode_sealed(&first, &p, &n_again) == 0);
    FUZZ_CHECK(codec_decode_sealed(bytes_make(p, n_again), &second, &why) == 0);
    FUZZ_CHECK(
        bytes_equal(bytes_make(first.body, first.n_body), bytes_make(second.body, second.n_body)));
    FUZZ_CHECK(first.n_wraps == second.n_wraps);
    FUZZ_CHECK(memcmp(&first, &second, offsetof(Sealed, wraps)) == 0);
    FUZZ_CHECK(memcmp(first.wraps, second.wraps, first.n_wraps * sizeof(SealWrap)) == 0);
    open_with(&first, "recipient one");
    open_with(&first, "recipient two");
    sealed_deinit(&first);
    sealed_deinit(&second);
    free(p);
    return 0;
}
