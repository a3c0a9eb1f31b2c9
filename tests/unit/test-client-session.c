/* SPDX-License-Identifier: Apache-2.0 */

/* The session of a client at times of the test's choosing, over a socket that is none. */

#include <errno.h>
#include <stdio.h>

#include "base/times.h"
#include "client/client-consume.h"
#include "client/client-publish.h"
#include "client/client-servers.h"
#include "client/client-session.h"
#include "client/client-settle.h"
#include "client/internal.h"
#include "test.h"
#include "wire/codec.h"

static struct {
    bool full;     /* the pipe takes nothing */
    char said[64]; /* the first letter of each frame that was sent: H, P (ing), O (pong), B, Q */
    Frame next;    /* what the broker says; UNKNOWN = nothing */
    bool has_next, garbage;
} wire;

static const int a_socket = 0;

int __wrap_sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts,
                     unsigned n_parts);
int __wrap_sock_recv(Sock *s, SockMessage *ret);
int __wrap_sock_fd(Sock *s);
int __wrap_sock_watch_fd(Sock *s);
Sock *__wrap_sock_free(Sock *s);
void __wrap_sock_linger(Sock *s, int ms);

static char letter_of(FrameKind kind) {
    switch (kind) {
    case FRAME_HELLO:
        return 'H';
    case FRAME_PING:
        return 'P';
    case FRAME_PONG:
        return 'O';
    case FRAME_BYE:
        return 'B';
    case FRAME_QUERY:
        return 'Q';
    case FRAME_SETTLE:
        return 'S';
    default:
        return '?';
    }
}

int __wrap_sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts,
                     unsigned n_parts) {
    _cleanup_(frame_deinit) Frame f = { 0 };
    const char *why;
    (void)s;
    (void)route;
    (void)n_route;
    (void)n_parts;
    if (wire.full)
        return -EAGAIN;
    ASSERT_OK(codec_decode_frame(parts[0], FRAME_ANSWER_MAX, &f, &why));
    wire.said[strlen(wire.said)] = letter_of(f.kind);
    return 0;
}

int __wrap_sock_recv(Sock *s, SockMessage *ret) {
    size_t n;
    (void)s;
    if (!wire.has_next)
        return -EAGAIN;
    wire.has_next = false;
    *ret = (SockMessage) { .n_parts = 1 };
    ASSERT_OK(codec_encode_frame(&wire.next, &ret->data, &n));
    ret->parts[0] = bytes_make(ret->data, n);
    return 0;
}

int __wrap_sock_fd(Sock *s) {
    (void)s;
    return -1;
}

int __wrap_sock_watch_fd(Sock *s) {
    (void)s;
    return -1;
}

Sock *__wrap_sock_free(Sock *s) {
    (void)s;
    return NULL;
}

void __wrap_sock_linger(Sock *s, int ms) {
    (void)s;
    (void)ms;
}

/* --- a session ------------------------------------------------------------------------------- */

static void connected(serasi_client *c) {
    c->sock = (Sock *)(uintptr_t)&a_socket;
    c->state = CLIENT_GREETING;
    c->entered_ms = c->now_ms;
    c->hello_sent = false;
}

static void hears(serasi_client *c, Frame f) {
    wire.next = f;
    wire.has_next = true;
    ASSERT_OK(session_receive(c));
}

static Frame welcome(void) {
    return (Frame) { .kind = FRAME_WELCOME,
                     .welcome = { .protocol = PROTOCOL_VERSION,
                                  .envelope_max = ENVELOPE_MAX,
                                  .facts_max = FACTS_MAX,
                                  .sealed_max = SEALED_MAX,
                                  .publish_window = 64,
                                  .credit_messages_max = 64,
                                  .credit_bytes_max = 1 << 20,
                                  .ping_interval_ms = 10000,
                                  .node = "dsk/3203",
                                  .broker = "upt/phala-martha" } };
}

static const char *said(serasi_client *c) {
    static char text[sizeof(wire.said)];
    ASSERT_OK(session_write(c));
    memcpy(text, wire.said, sizeof(text));
    memset(wire.said, 0, sizeof(wire.said));
    return text;
}

static serasi_client *client_open(void) {
    serasi_client *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    memset(&wire, 0, sizeof(wire));
    ASSERT_OK(client_keys_new(&c->directory, NULL, 0));
    c->epoll_fd = c->timer_fd = -1;
    c->now_ms = 1000000;
    c->look_due_ms = c->settle_due_ms = c->sign_due_ms = INT64_MAX;
    c->servers.n = c->servers_told.n = 0;
    connected(c);
    ASSERT_STR(said(c), "H");
    hears(c, welcome());
    ASSERT_EQ(c->state, CLIENT_OPEN);
    return c;
}

static void client_close(serasi_client **c) {
    publish_deinit(*c);
    (void)client_keys_free((*c)->directory);
    free(*c);
}
#define CLIENT(c) _cleanup_(client_close) serasi_client *c = client_open()

TEST(bye_and_what_is_fatal_end_the_session) {
    static const Frame ends[] = {
        { .kind = FRAME_BYE },
        { .kind = FRAME_ERROR, .error = { .code = ERROR_BAD_CHANNEL, .fatal = true } },
        { .kind = FRAME_ERROR, .error = { .code = ERROR_NOT_KNOWN } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        CLIENT(c);
        hears(c, ends[i]);
        ASSERT_EQ(c->state, CLIENT_DOWN);
        ASSERT_TRUE(!c->sock);
        ASSERT_EQ(c->status, i == 2 ? SERASI_NOT_KNOWN : SERASI_NOT_CONNECTED);
    }
}

/* Whoever is answered so has no session to go on with. */
TEST(any_error_before_the_welcome_ends_the_connection) {
    CLIENT(c);
    session_end(c, false);
    connected(c);
    ASSERT_STR(said(c), "H");
    hears(c, (Frame) { .kind = FRAME_ERROR, .error = { .code = ERROR_BAD_CHANNEL } });
    ASSERT_EQ(c->state, CLIENT_DOWN);
}

TEST(what_comes_of_an_earlier_session_is_not_looked_at) {
    CLIENT(c);
    session_restart(c);
    ASSERT_EQ(c->state, CLIENT_GREETING);
    hears(c, (Frame) { .kind = FRAME_PING, .ping = { .sent_ms = 1 } });
    ASSERT_TRUE(!c->pong_wanted);
    ASSERT_EQ(c->state, CLIENT_GREETING);
}

TEST(a_pong_that_found_no_room_is_said_later) {
    CLIENT(c);
    hears(c, (Frame) { .kind = FRAME_PING, .ping = { .sent_ms = 1 } });
    wire.full = true;
    ASSERT_STR(said(c), "");
    wire.full = false;
    ASSERT_STR(said(c), "O");
    ASSERT_STR(said(c), "");
}

TEST(numbers_of_a_welcome_are_kept_within_reason) {
    CLIENT(c);
    session_restart(c);
    ASSERT_STR(said(c), "H");
    Frame odd = welcome();
    odd.welcome.publish_window = odd.welcome.credit_messages_max = 0;
    odd.welcome.ping_interval_ms = 0;
    hears(c, odd);
    ASSERT_EQ(c->state, CLIENT_OPEN);
    ASSERT_EQ(c->publish_window, 1); /* or nothing is ever published */
    ASSERT_EQ(c->credit_messages_max, 1);
    ASSERT_EQ(c->ping_ms, 50);
    session_restart(c);
    ASSERT_STR(said(c), "H");
    odd.welcome.ping_interval_ms = UINT32_MAX;
    hears(c, odd);
    ASSERT_EQ(c->ping_ms, 300000);
}

TEST(another_version_of_the_protocol_is_no_session) {
    CLIENT(c);
    session_restart(c);
    ASSERT_STR(said(c), "H");
    Frame other = welcome();
    other.welcome.protocol = PROTOCOL_VERSION + 1;
    hears(c, other);
    ASSERT_EQ(c->state, CLIENT_DOWN);
    ASSERT_EQ(c->status, SERASI_NOT_CONNECTED);
}

/* A broker that gives the session up at once would be greeted without end. */
TEST(who_is_unknown_as_soon_as_he_is_welcome_waits) {
    CLIENT(c);
    const Frame unknown = { .kind = FRAME_ERROR, .error = { .code = ERROR_NO_SESSION } };
    c->now_ms += 10;
    hears(c, unknown);
    ASSERT_EQ(c->state, CLIENT_DOWN);
}

TEST(who_is_unknown_after_a_while_greets_again) {
    CLIENT(c);
    const Frame unknown = { .kind = FRAME_ERROR, .error = { .code = ERROR_NO_SESSION } };
    c->now_ms += SECOND_MS;
    hears(c, unknown);
    ASSERT_EQ(c->state, CLIENT_GREETING);
    ASSERT_STR(said(c), "H");
}

/* --- waiting before the next try ------------------------------------------------------------- */

static int64_t wait_ms(const serasi_client *c) {
    return c->entered_ms - c->now_ms;
}

TEST(only_a_session_that_lived_forgets_earlier_failures) {
    CLIENT(c);
    c->failures = 6;
    c->now_ms += 10 * SECOND_MS - 1;
    session_end(c, false);
    ASSERT_EQ(c->failures, 7);
    ASSERT_TRUE(wait_ms(c) > 10 * SECOND_MS);
    connected(c);
    ASSERT_STR(said(c), "H");
    hears(c, welcome());
    c->now_ms += 10 * SECOND_MS;
    session_end(c, false);
    ASSERT_EQ(c->failures, 1);
    ASSERT_TRUE(wait_ms(c) <= 500);
}

TEST(a_key_that_is_not_known_waits_longer_each_time_until_it_is) {
    CLIENT(c);
    for (uint32_t i = 1; i < 10; i++) {
        session_end(c, true);
        ASSERT_EQ(c->refusals, i);
        connected(c);
    }
    session_end(c, true);
    ASSERT_TRUE(wait_ms(c) > 2 * MINUTE_MS);
    ASSERT_EQ(c->failures, 0);
    session_end(c, false); /* now the line is down: that is another matter */
    ASSERT_EQ(c->refusals, 0);
    ASSERT_TRUE(wait_ms(c) <= 500);
}

TEST(where_there_is_another_place_a_line_that_hangs_is_left_soon) {
    CLIENT(c);
    session_end(c, false);
    c->state = CLIENT_CONNECTING;
    c->entered_ms = c->now_ms;
    c->failures = 0;
    const int64_t alone = session_due_ms(c) - c->now_ms;
    c->servers.n = 2;
    ASSERT_EQ(session_due_ms(c) - c->now_ms, 3 * SECOND_MS);
    c->failures = 2; /* a round of all places */
    ASSERT_EQ(session_due_ms(c) - c->now_ms, 6 * SECOND_MS);
    c->failures = 2 * 40;
    ASSERT_EQ(session_due_ms(c) - c->now_ms, alone);
}

/* --- what was out when a session ended ------------------------------------------------------- */

TEST(a_question_that_was_not_answered_is_asked_in_the_next_session) {
    CLIENT(c);
    Frame q = { .kind = FRAME_QUERY, .query = { .query = 5, .verb = "status" } };
    ASSERT_OK(codec_encode_frame(&q, &c->query_frame, &c->n_query_frame));
    c->query_active = true;
    c->query_id = 5;
    c->keys_query = 4; /* one about keys, too */
    ASSERT_STR(said(c), "Q");
    ASSERT_STR(said(c), "");
    session_restart(c);
    ASSERT_EQ(c->keys_query, 0);
    ASSERT_STR(said(c), "H");
    hears(c, welcome());
    ASSERT_STR(said(c), "Q");
    free(c->query_frame);
    c->query_active = false;
}

TEST(closing_says_what_was_settled_and_then_bye) {
    CLIENT(c);
    Channel *ch = &c->channels[0];
    *ch = (Channel) { .handle = 1, .wire = 1, .open = true, .window = 1, .source = SOURCE_MAILBOX };
    ASSERT_OK(held_add(ch, 1, &(Uuid) { { 1 } }, 10));
    ASSERT_OK(held_settle(c, ch, 1, &(Settlement) { .action = SETTLE_DONE }));
    session_close(c);
    ASSERT_STR(wire.said, "SB");
    free(ch->held);
}

TEST_MAIN
