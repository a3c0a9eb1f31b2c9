/* SPDX-License-Identifier: Apache-2.0 */

/* A message file: what could be read decodes as a message, and prints. */

#include <errno.h>

#include "fuzz/fuzz.h"
#include "wire/codec.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char why[JSON_WHY_SIZE] = "", *text = NULL;
    const char *reason = NULL;
    JsonMessage m = { 0 };
    Message *decoded = calloc(1, sizeof(*decoded));
    FUZZ_CHECK(decoded && hash_init() == 0);
    int r = json_parse_message((const char *)data, n, "dsk/3203", 1741575900000, &m, why);
    FUZZ_CHECK(r == 0 || (r == -EINVAL && why[0] != '\0'));
    if (r == 0) {
        Bytes envelope = bytes_make(m.envelope, m.n_envelope),
              facts = bytes_make(m.facts, m.n_facts), sealed = bytes_make(m.sealed, m.n_sealed);
        /* Sizes and values the wire refuses may still be written; the broker tells. */
        r = codec_decode_message(envelope, facts, sealed, decoded, &reason);
        FUZZ_CHECK(r >= 0 && (r == 0 || reason));
        FUZZ_CHECK(r != 0 || uuid_equal(&decoded->env.message_id, &m.message_id));
        FUZZ_CHECK(json_print_message(envelope, facts, sealed, NULL, true, &text) != -ENOMEM);
        free(text);
    }
    (void)message_free(decoded);
    json_message_deinit(&m);
    return 0;
}
