/* SPDX-License-Identifier: Apache-2.0 */

/* A filter as an operator types it: what could be read fits a frame and means the same there. */

#include <errno.h>

#include "fuzz/fuzz.h"
#include "wire/codec.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char why[JSON_WHY_SIZE] = "";
    uint8_t bytes[2 * FRAME_MAX];
    Filter f = { 0 }, again = { 0 };
    char *text = malloc(n + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, n);
    text[n] = '\0';
    int r = json_parse_filter(text, &f, why);
    free(text);
    FUZZ_CHECK(r == 0 || (r == -EINVAL && why[0] != '\0'));
    if (r != 0)
        return 0;
    Bytes b = codec_encode_filter(&f, bytes, sizeof(bytes));
    FUZZ_CHECK(b.n > 0);
    FUZZ_CHECK(codec_decode_filter(b, &again) == 0);
    FUZZ_CHECK(filter_equal(&f, &again));
    return 0;
}
