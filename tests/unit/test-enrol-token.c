/* SPDX-License-Identifier: Apache-2.0 */

/* Tokens as text, and until when one is listened to. */

#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/text.h"
#include "core/enrol-token.h"
#include "core/enrolment.h"

#define NOW  INT64_C(1798700000000)
#define NODE "lks/3203/0001"

/* A CURVE key nobody has: forty characters that differ by a number. */
static void curve_of(unsigned n, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "%040u", n);
}

static EnrolToken sample_token(void) {
    EnrolToken t = { .endpoint = "tcp://broker.example:7021", .node = NODE, .label = "main" };
    curve_of(1, t.server_key);
    curve_of(2, t.secret);
    memset(t.hub_key.b, 7, sizeof(t.hub_key.b));
    return t;
}

TEST(a_token_is_read_as_it_was_written) {
    const EnrolToken t = sample_token();
    EnrolToken again;
    char spaced[TOKEN_TEXT_MAX];
    ASSERT_OK(hash_init());
    char *text = enrol_token_print(&t);
    ASSERT_OK(enrol_token_parse(text, &again));
    assert_memory_equal(&t, &again, sizeof(t));
    (void)snprintf(spaced, sizeof(spaced), " \n%s\r\n ", text);
    ASSERT_OK(enrol_token_parse(spaced, &again));
    (void)snprintf(spaced, sizeof(spaced), "%s x", text);
    ASSERT_EQ(enrol_token_parse(spaced, &again), -EINVAL);
    free(text);
}

TEST(a_slip_in_a_token_is_found) {
    const EnrolToken t = sample_token();
    EnrolToken again;
    ASSERT_OK(hash_init());
    char *text = enrol_token_print(&t);
    const size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        const char c = text[i];
        text[i] = c == 'A' ? 'B' : 'A';
        ASSERT_EQ(enrol_token_parse(text, &again), -EINVAL);
        text[i] = '\0';
        ASSERT_EQ(enrol_token_parse(text, &again), -EINVAL);
        text[i] = c;
    }
    ASSERT_OK(enrol_token_parse(text, &again));
    ASSERT_EQ(enrol_token_parse("", &again), -EINVAL);
    ASSERT_EQ(enrol_token_parse("serasi1_", &again), -EINVAL);
    free(text);
}

TEST(a_token_that_cannot_be_dialled_is_none) {
    EnrolToken t[9], again;
    ASSERT_OK(hash_init());
    for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
        t[i] = sample_token();
    (void)text_copy(t[1].endpoint, sizeof(t[1].endpoint), "ipc:///tmp/x");
    (void)text_copy(t[2].endpoint, sizeof(t[2].endpoint), "tcp://a:1\nparent = x");
    (void)text_copy(t[3].node, sizeof(t[3].node), "../etc");
    t[4].server_key[39] = '\0';
    t[5].secret[39] = '\0';
    t[6].label[0] = '\0';
    (void)text_copy(t[7].label, sizeof(t[7].label), "a\nb");
    t[8].server_key[0] = '\0';
    for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
        char *text = enrol_token_print(&t[i]);
        if (enrol_token_parse(text, &again) != (i == 0 ? 0 : -EINVAL))
            fail_msg("case %u", i);
        free(text);
    }
}

TEST(a_token_has_nothing_behind_its_fields) {
    const EnrolToken t = sample_token();
    EnrolToken again;
    uint8_t *bytes = NULL, more[1024], digest[DIGEST_SIZE];
    size_t n = 0;
    char line[TOKEN_TEXT_MAX];
    ASSERT_OK(hash_init());
    char *text = enrol_token_print(&t), *coded = strchr(text, '_') + 1;
    ASSERT_OK(base64url_decode(coded, strlen(coded), &bytes, &n));
    for (size_t extra = 0; extra < 2; extra++) {
        memcpy(more, bytes, n - 4);
        more[n - 4] = 7;
        hash_digest(bytes_make(more, n - 4 + extra), digest);
        memcpy(more + n - 4 + extra, digest, 4);
        char *again_coded = base64url_encode(bytes_make(more, n + extra));
        (void)snprintf(line, sizeof(line), "serasi1_%s", again_coded);
        ASSERT_EQ(enrol_token_parse(line, &again), extra == 0 ? 0 : -EINVAL);
        free(again_coded);
    }
    free(bytes);
    free(text);
}

TEST(a_token_ends) {
    Enrolment e = { .id = 3, .state = ENROL_OPEN, .expires_ms = NOW };
    curve_of(2, e.curve);
    _cleanup_(enrolments_unrefp) Enrolments *all = enrolments_new(&e, 1);
    assert_true(enrolments_find(all, e.curve, NOW - 1) != NULL);
    /* Who comes too late is told so for a while, and then not listened to. */
    assert_true(enrolments_find(all, e.curve, NOW + ENROLMENT_KEPT_MS - 1) != NULL);
    assert_true(enrolments_find(all, e.curve, NOW + ENROLMENT_KEPT_MS) == NULL);
    char other[CURVE_TEXT_SIZE];
    curve_of(3, other);
    assert_true(enrolments_find(all, other, NOW - 1) == NULL);
    assert_true(enrolments_find(NULL, other, NOW) == NULL);
    assert_true(enrolments_by_id(all, 3) != NULL && enrolments_by_id(all, 4) == NULL);
}

TEST_MAIN
