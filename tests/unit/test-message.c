/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/message.h"

TEST(a_body_keeps_its_three_parts) {
    _cleanup_(body_unrefp) Body *b =
        body_new(bytes_make("env", 3), bytes_make(NULL, 0), bytes_make("sealed", 6));
    ASSERT_EQ(body_size(b), 9);
    ASSERT_TRUE(bytes_equal(body_envelope(b), bytes_make("env", 3)));
    ASSERT_EQ(body_facts(b).n, 0);
    ASSERT_TRUE(bytes_equal(body_sealed(b), bytes_make("sealed", 6)));
}

TEST(a_body_lives_until_its_last_reference) {
    Body *b = body_new(bytes_make("env", 3), bytes_make("f", 1), bytes_make("s", 1));
    Message *m = calloc(1, sizeof(*m));
    m->body = body_ref(b);
    assert_null(message_free(m));
    ASSERT_EQ(atomic_load(&b->refs), 1);
    ASSERT_TRUE(bytes_equal(body_facts(b), bytes_make("f", 1)));
    assert_null(body_unref(b));
    assert_null(body_unref(NULL));
    assert_null(message_free(NULL));
}

TEST(order_key_is_case_then_correlation_then_message) {
    Envelope e = { 0 }, other;
    e.message_id.b[0] = 1;
    int64_t by_message = message_order_key(&e);
    e.correlation_id.b[0] = 2;
    int64_t by_correlation = message_order_key(&e);
    e.case_id.b[0] = 3;
    int64_t by_case = message_order_key(&e);
    ASSERT_TRUE(by_message > 0 && by_correlation > 0 && by_case > 0);
    ASSERT_TRUE(by_message != by_correlation && by_correlation != by_case);

    other = e;
    other.message_id.b[0] = 9;
    other.correlation_id.b[0] = 9;
    ASSERT_TRUE(message_order_key(&other) == by_case);
    /* A receipt names the case in its correlation: same key, same order. */
    other.case_id = (Uuid) { { 0 } };
    other.correlation_id = e.case_id;
    ASSERT_TRUE(message_order_key(&other) == by_case);
}

TEST(node_ids_that_may_stand) {
    static const char *const good[] = {
        "hub",   "upt/satria", "dsk/3203", "uptd/32/pa-02", "lksa/3203/0017", "pks/3203052001",
        "a/b.c",
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        ASSERT_TRUE(node_name_is_valid(good[i]));
}

TEST(node_ids_that_may_not) {
    static const char *const bad[] = {
        "",           "/",      "Hub",  "dsk/",       "/3203",        "dsk//3203", "dsk/32 03",
        "dsk/../hub", "dsk/-x", "3203", "dsk/32\n03", "dsk/\xc3\xa9", "dsk_3203",  ".",
    };
    char name[80];
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ASSERT_TRUE(!node_name_is_valid(bad[i]));
    memset(name, 'a', sizeof(name));
    name[64] = '\0';
    ASSERT_TRUE(node_name_is_valid(name));
    name[64] = 'a';
    name[65] = '\0';
    ASSERT_TRUE(!node_name_is_valid(name));
}

TEST_MAIN
