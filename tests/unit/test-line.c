/* SPDX-License-Identifier: Apache-2.0 */

/* How fast handshakes begin for those who wait in a line. */

#include "base/cleanup.h"
#include "net/line.h"
#include "test.h"

#define RATE 100

/* So many may begin in that time, looked at each 5 ms; who begins leaves. */
static unsigned begun(Line *l, int64_t from_ms, int64_t to_ms) {
    unsigned n = 0;
    for (int64_t ms = from_ms; ms < to_ms; ms += 5)
        while ((l->first || n == 0) && line_take(l, RATE, ms)) {
            if (l->first)
                line_leave(l->first);
            n++;
        }
    return n;
}

TEST(a_few_begin_at_once_and_the_rest_one_after_the_other) {
    Line l = { .first = NULL };
    LinePlace places[64] = { { .line = NULL } };
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
        line_join(&l, &places[i]);
    ASSERT_EQ(begun(&l, 1000, 1005), 4);
    const unsigned n = begun(&l, 1005, 1205);
    ASSERT_TRUE(n >= 20 && n <= 26);
    ASSERT_TRUE(places[0].line == NULL && places[63].line == &l);
    ASSERT_EQ(l.n, 60 - n);
}

TEST(a_crowd_is_in_within_seconds) {
    static LinePlace places[3000];
    Line l = { .first = NULL };
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
        line_join(&l, &places[i]);
    ASSERT_EQ(begun(&l, 1000, 9000), ARRAY_SIZE(places)); /* at RATE it would take 30 s */
}

TEST(who_ends_at_once_counts_as_several) {
    Line l = { .first = NULL };
    unsigned n = 0;
    for (int64_t ms = 1000; ms < 11000; ms += 5)
        while (line_take(&l, RATE, ms)) {
            line_charge(&l, RATE, ms);
            n++;
        }
    ASSERT_TRUE(n >= RATE * 10 / 8 && n <= RATE * 10 / 8 + 10);
}

TEST(what_is_owed_has_an_end) {
    Line l = { .first = NULL };
    for (unsigned i = 0; i < 1000; i++)
        line_charge(&l, RATE, 1000);
    ASSERT_TRUE(!line_is_idle(&l, RATE, 1000) && !line_take(&l, RATE, 1100));
    ASSERT_TRUE(line_take(&l, RATE, 4000));
    ASSERT_TRUE(line_is_idle(&l, RATE, 8000));
}

TEST_MAIN
