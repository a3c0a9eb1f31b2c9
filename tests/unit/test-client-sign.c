/* SPDX-License-Identifier: Apache-2.0 */

/* When what is published waits in the library for more to be signed with it. */

#include "base/hash.h"
#include "client/client-publish.h"
#include "client/client-sign.h"
#include "client/internal.h"
#include "test.h"

#define NOW_MS  1000
#define ANSWER  40 /* ms an answer takes: a broker that is behind */
#define WINDOW  256U
#define ENOUGH  16U
#define AVERAGE 64 /* answers, and the average is of the last few */

static void answers_take(serasi_client *c, int64_t ms) {
    for (unsigned i = 0; i < AVERAGE; i++)
        sign_answered(c, &(Outgoing) { .sent_ms = c->now_ms - ms });
}

/* A client whose broker is behind, with so many sent and so many waiting. */
static void client_make(serasi_client *c, uint32_t n_inflight, uint32_t n_waiting) {
    *c = (serasi_client) { .now_ms = NOW_MS,
                           .publish_window = WINDOW,
                           .n_inflight = n_inflight,
                           .n_waiting = n_waiting,
                           .sign_due_ms = INT64_MAX,
                           .look_due_ms = INT64_MAX };
    ASSERT_OK(hash_init());
    sign_key_new(&c->keys.sign);
    answers_take(c, ANSWER);
}

TEST(it_waits_for_twice_as_many_as_are_on_their_way) {
    serasi_client c;
    client_make(&c, 5, 9);
    ASSERT_TRUE(sign_is_held(&c));
    c.n_waiting = 10;
    ASSERT_TRUE(!sign_is_held(&c));
}

TEST(it_waits_for_no_more_than_is_worth_a_signature) {
    serasi_client c;
    client_make(&c, 100, ENOUGH - 1);
    ASSERT_TRUE(sign_is_held(&c));
    c.n_waiting = ENOUGH;
    ASSERT_TRUE(!sign_is_held(&c));
}

/* It could not go even if it were signed. */
TEST(what_has_no_room_in_the_window_does_not_count) {
    serasi_client c;
    client_make(&c, WINDOW - 2, 200);
    ASSERT_TRUE(sign_is_held(&c));
}

TEST(it_waits_no_longer_than_an_answer_takes_and_is_looked_at_then) {
    serasi_client c;
    client_make(&c, 8, 1);
    ASSERT_TRUE(sign_is_held(&c));
    const int64_t due_ms = c.sign_due_ms;
    ASSERT_TRUE(due_ms > NOW_MS && due_ms <= NOW_MS + ANSWER);
    ASSERT_EQ(c.look_due_ms, due_ms);
    c.now_ms = due_ms - 1;
    c.n_waiting = 2; /* another one does not put it off */
    ASSERT_TRUE(sign_is_held(&c));
    ASSERT_EQ(c.sign_due_ms, due_ms);
    c.now_ms = due_ms;
    ASSERT_TRUE(!sign_is_held(&c));
}

TEST(after_it_was_signed_the_next_waits_as_long_again) {
    serasi_client c;
    client_make(&c, 8, 1);
    ASSERT_TRUE(sign_is_held(&c));
    c.now_ms = c.sign_due_ms;
    ASSERT_TRUE(!sign_is_held(&c));
    ASSERT_OK(sign_waiting(&c));
    ASSERT_TRUE(sign_is_held(&c));
    ASSERT_TRUE(c.sign_due_ms > c.now_ms);
}

TEST(it_waits_for_a_broker_that_answers_for_ever_only_a_moment) {
    serasi_client c;
    client_make(&c, 8, 1);
    answers_take(&c, 60000);
    ASSERT_TRUE(sign_is_held(&c));
    ASSERT_TRUE(c.sign_due_ms <= NOW_MS + 200);
}

TEST(nothing_waits_when_answers_come_soon) {
    serasi_client c;
    client_make(&c, 100, 1);
    answers_take(&c, 2);
    ASSERT_TRUE(!sign_is_held(&c));
}

TEST(nothing_waits_when_nothing_is_on_its_way) {
    serasi_client c;
    client_make(&c, 0, 1);
    ASSERT_TRUE(!sign_is_held(&c));
}

TEST(nobody_who_waits_for_the_answer_and_no_emergency_is_held) {
    Outgoing o = { .awaited = true };
    serasi_client c;
    client_make(&c, 100, 1);
    c.waiting = &o;
    ASSERT_TRUE(!sign_is_held(&c));
    o = (Outgoing) { .urgent = true };
    ASSERT_TRUE(!sign_is_held(&c));
    o = (Outgoing) { .abandoned = true };
    ASSERT_TRUE(sign_is_held(&c));
}

TEST(who_signs_nothing_waits_for_nothing) {
    serasi_client c;
    client_make(&c, 100, 1);
    c.keys.sign = (SignKey) { 0 };
    ASSERT_TRUE(!sign_is_held(&c));
}

TEST_MAIN
