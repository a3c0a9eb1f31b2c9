/* SPDX-License-Identifier: Apache-2.0 */

/* A frame as an operator's tool gets it: tables, results and deliveries print as one JSON value. */

#include <jansson.h>

#include "fuzz/fuzz.h"
#include "wire/codec.h"
#include "wire/json.h"

static void check_json(char *text) {
    FUZZ_CHECK(text);
    json_t *value = json_loads(text, 0, NULL);
    FUZZ_CHECK(value);
    json_decref(value);
    free(text);
}

static void check_table(const Table *t, bool single) {
    char *text = NULL;
    FUZZ_CHECK(json_print_table(t, single, &text) == 0);
    check_json(text);
}

static void check_result(const PublishResult *r) {
    char *text = NULL;
    FUZZ_CHECK(json_print_result(r, NULL, (Bytes) { 0 }, &text) == 0);
    check_json(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Frame f = { 0 };
    const char *why = NULL;
    if (codec_decode_frame(bytes_make(data, n), FRAME_ANSWER_MAX, &f, &why) == 0) {
        if (f.kind == FRAME_RESULT && f.result.table) {
            check_table(f.result.table, false);
            if (table_rows(f.result.table) == 1)
                check_table(f.result.table, true);
        }
        for (uint32_t i = 0; f.kind == FRAME_PUBLISHED && i < f.published.n; i++)
            check_result(&f.published.results[i]);
    }
    frame_deinit(&f);
    return 0;
}
