/* SPDX-License-Identifier: Apache-2.0 */

/* The line with which an institution joins, as somebody typed it. What could be read is printed as
 * a line that says the same. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/enrol-token.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    EnrolToken first, second;
    char *text = malloc(n + 1);
    FUZZ_CHECK(text && hash_init() == 0);
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    const int r = enrol_token_parse(text, &first);
    FUZZ_CHECK(r == 0 || r == -EINVAL);
    free(text);
    if (r < 0)
        return 0;
    text = enrol_token_print(&first);
    FUZZ_CHECK(text && enrol_token_parse(text, &second) == 0);
    FUZZ_CHECK(memcmp(&first, &second, sizeof(first)) == 0);
    free(text);
    return 0;
}
