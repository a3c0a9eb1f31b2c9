/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits at the door: what its connection is told, and what it leaves behind. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/doors-internal.h"
#include "test.h"

static const DoorLimits limits = { .rate = { .per_second = 100, .burst = 100 },
                                   .strangers = { .per_second = 100, .burst = 100 },
                                   .pace = 1 };

typedef struct Wire { /* one connection over loopback: who called, and our end of it */
    int caller, ours;
} Wire;

static Wire connect_from(uint32_t address) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    socklen_t n = sizeof(a);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    Wire l = { .caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    ASSERT_OK(bind(listener, (struct sockaddr *)&a, n));
    ASSERT_OK(listen(listener, 1));
    ASSERT_OK(getsockname(listener, (struct sockaddr *)&a, &n));
    ASSERT_OK(bind(l.caller, (const struct sockaddr *)&from, sizeof(from)));
    ASSERT_OK(connect(l.caller, (struct sockaddr *)&a, n));
    l.ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ASSERT_TRUE(l.ours >= 0);
    close(listener);
    return l;
}

static int heard_from(int fd) {
    int bytes = 0;
    socklen_t n = sizeof(bytes);
    ASSERT_OK(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &n));
    return bytes;
}

/* The number of who leaves may be another connection's by the time that is read. */
TEST(who_leaves_the_line_leaves_its_number_as_others_need_it) {
    Callers c = { .serving = true };
    Call calls[8] = { 0 };
    Wire lines[ARRAY_SIZE(calls)];
    unsigned waiting = 0;
    ASSERT_OK(callers_init(&c));
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        lines[i] = connect_from(INADDR_LOOPBACK);
        ASSERT_TRUE(callers_let_in(&c, &limits, &calls[i], lines[i].ours, 1000));
        const bool waits = callers_begin_or_wait(&c, &limits, &calls[i], 1000);
        ASSERT_EQ(heard_from(lines[i].ours) > 1, waits);
        waiting += waits;
    }
    ASSERT_TRUE(waiting > 0 && waiting < ARRAY_SIZE(calls));
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        callers_gone(&c, &limits, &calls[i], 1001);
        ASSERT_EQ(heard_from(lines[i].ours), 1);
        close(lines[i].ours);
        close(lines[i].caller);
    }
    assert_null(c.lines);
    callers_deinit(&c);
}

/* Comes and goes. */
static void visit(Callers *c, uint32_t address, int64_t now_ms) {
    Call call = { 0 };
    const Wire l = connect_from(address);
    (void)callers_let_in(c, &limits, &call, l.ours, now_ms);
    callers_gone(c, &limits, &call, now_ms + 1);
    close(l.ours);
    close(l.caller);
}

TEST(who_was_not_here_for_long_makes_room_for_others) {
    enum { MANY = 5000 }; /* more than are remembered at one time */
    Callers c = { .serving = true };
    ASSERT_OK(callers_init(&c));
    for (unsigned i = 0; i < MANY; i++)
        visit(&c, INADDR_LOOPBACK + 1 + i, 1000);
    const unsigned full = HASH_COUNT(c.addresses);
    ASSERT_TRUE(full > 0 && full < MANY);
    visit(&c, INADDR_LOOPBACK + 1 + MANY, 1001); /* too soon: all of them may come again */
    ASSERT_EQ(HASH_COUNT(c.addresses), full);
    visit(&c, INADDR_LOOPBACK + 2 + MANY, 1000 + HOUR_MS);
    ASSERT_EQ(HASH_COUNT(c.addresses), 1);
    callers_deinit(&c);
}

TEST_MAIN
