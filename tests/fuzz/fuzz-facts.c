/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Facts of each kind: [1 byte, which kind][facts]. They are read behind an envelope of that kind
 * with the right digest, as the fuzzer could never guess it; then printed, and what was printed is
 * read again.
 */

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "wire/codec.h"
#include "wire/json.h"
#include "wire/kinds.h"

static int nth_kind(unsigned n) {
    static int kinds[64];
    static unsigned n_kinds;
    for (int k = 1; n_kinds == 0 || k < 256; k++)
        if (k < 256 && kind_facts(k) && n_kinds < ARRAY_SIZE(kinds))
            kinds[n_kinds++] = k;
    return kinds[n % n_kinds];
}

static Envelope envelope_of(int kind, Bytes facts) {
    Envelope e = { .message_id = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15,
                                     16 } },
                   .kind = kind,
                   .schema = 1,
                   .audience = { .form = AUDIENCE_NODES, .n = 1 },
                   .urgency = URGENCY_ROUTINE,
                   .sensitivity = 2,
                   .created_ms = INT64_C(1741575900000),
                   .has_facts_digest = facts.n > 0 };
    (void)text_copy(e.sender, sizeof(e.sender), "dsk/3203");
    (void)text_copy(e.audience.nodes[0], sizeof(e.audience.nodes[0]), "uptd/32/pa-02");
    (void)text_copy(e.region, sizeof(e.region), "3203");
    if (facts.n > 0)
        hash_digest(facts, e.facts_digest);
    return e;
}

static void print_and_read(Bytes envelope, Bytes facts) {
    char *text = NULL, why[JSON_WHY_SIZE] = "";
    JsonMessage again = { 0 };
    FUZZ_CHECK(json_print_message(envelope, facts, bytes_make(NULL, 0), NULL, false, &text) == 0);
    /* Not all that can be received can be published: values of tomorrow print as numbers. */
    const int r = json_parse_message(text, strlen(text), "dsk/3203", 0, &again, why);
    FUZZ_CHECK(r == 0 || why[0] != '\0');
    json_message_deinit(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Input in = { data, n };
    const int kind = nth_kind(take_byte(&in));
    const Bytes facts = take_bytes(&in, in.n);
    uint8_t *envelope = NULL;
    size_t n_envelope = 0;
    const char *why = NULL;
    FUZZ_CHECK(hash_init() == 0);
    const Envelope e = envelope_of(kind, facts);
    FUZZ_CHECK(codec_encode_envelope(&e, &envelope, &n_envelope) == 0);
    Message *m = calloc(1, sizeof(*m));
    FUZZ_CHECK(m);
    const int r =
        codec_decode_message(bytes_make(envelope, n_envelope), facts, bytes_make(NULL, 0), m, &why);
    FUZZ_CHECK(r >= 0 && (r == 0 || why));
    if (r == 0) {
        FUZZ_CHECK(m->env.kind == kind && m->lane >= 0 && m->lane < LANE_COUNT);
        print_and_read(bytes_make(envelope, n_envelope), facts);
    }
    (void)message_free(m);
    free(envelope);
    return 0;
}
