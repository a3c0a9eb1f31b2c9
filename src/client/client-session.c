/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connection and session: connect, HELLO, WELCOME, liveness, and starting over. Any end of the
 * connection ends the socket too: a fresh one has no stale frames in it, and libzmq's own
 * reconnection stops for good after some errors.
 */

#include <errno.h>
#include <sys/epoll.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "client/client-consume.h"
#include "client/client-publish.h"
#include "client/client-query.h"
#include "client/client-servers.h"
#include "client/client-session.h"
#include "client/client-settle.h"
#include "client/client-wrap.h"
#include "client/internal.h"
#include "core/retry.h"
#include "wire/codec.h"

#define RECEIVE_MAX        256              /* frames a turn */
#define SETTLED_IN_MS      (10 * SECOND_MS) /* a session that lived so long forgets earlier failures */
#define PING_MIN_MS        50U
#define PING_MAX_MS        300000U
#define CLIENT_HWM         256
#define CONNECTING_ELSE_MS (3 * SECOND_MS) /* when there is another place to try */

static const RetryPolicy connect_policy = { .first_ms = 500, .cap_ms = 60 * SECOND_MS };
static const RetryPolicy refused_policy = { .first_ms = SECOND_MS, .cap_ms = 5 * MINUTE_MS };

/* --- connection --- */

static void enter(serasi_client *c, ClientState state) {
    c->state = state;
    c->entered_ms = c->now_ms;
    c->hello_sent = false;
    c->pong_wanted = false;
}

static int watch_fd(serasi_client *c, int fd) {
    struct epoll_event e = { .events = EPOLLIN };
    return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

static void drop_socket(serasi_client *c) {
    if (!c->sock)
        return;
    /* libzmq closes them later, in a thread of its own. */
    (void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, sock_fd(c->sock), NULL);
    (void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, sock_watch_fd(c->sock), NULL);
    c->sock = sock_free(c->sock);
}

int session_connect(serasi_client *c) {
    SockOptions o = sock_options_default;
    o.hwm = CLIENT_HWM;
    const Server *server = servers_choose(c);
    int r = sock_new_dealer(&c->sock, c->ctx, server->endpoint, c->has_keys ? server->key : NULL,
                            c->has_keys ? &c->keys : NULL, &o);
    if (r == 0)
        r = watch_fd(c, sock_fd(c->sock));
    if (r == 0)
        r = watch_fd(c, sock_watch_fd(c->sock));
    if (r < 0) {
        drop_socket(c);
        return r;
    }
    enter(c, CLIENT_CONNECTING);
    return 0;
}

static uint32_t random_32(void) {
    uint32_t random;
    random_fill(&random, sizeof(random));
    return random;
}

static void session_lost(serasi_client *c) {
    if (c->state != CLIENT_OPEN)
        return;
    publish_session_lost(c);
    consume_session_lost(c);
    query_session_lost(c);
    if (c->now_ms - c->entered_ms >= SETTLED_IN_MS)
        c->failures = 0;
}

void session_end(serasi_client *c, bool refused) {
    int64_t delay;
    session_lost(c);
    drop_socket(c);
    enter(c, CLIENT_DOWN);
    if (refused)
        delay = retry_delay_ms(&refused_policy, ++c->refusals, random_32());
    else
        delay = retry_delay_ms(&connect_policy, ++c->failures, random_32());
    c->refusals = refused ? c->refusals : 0;
    c->entered_ms = c->now_ms + delay;
    c->status = refused ? SERASI_NOT_KNOWN : SERASI_NOT_CONNECTED;
}

void session_restart(serasi_client *c) {
    session_lost(c);
    enter(c, CLIENT_GREETING);
    c->status = SERASI_NOT_CONNECTED;
}

void session_close(serasi_client *c) {
    if (c->sock && c->state == CLIENT_OPEN) {
        const Frame bye = { .kind = FRAME_BYE, .bye = { .reason = "closed" } };
        /* Best effort: what was settled goes out, the rest is ready for others at once. */
        int r = consume_write(c);
        if (r == 0)
            r = session_send(c, &bye, NULL);
        if (r == 0)
            sock_linger(c->sock, 200);
    }
    drop_socket(c);
}

/* --- sending --- */

int session_send_bytes(serasi_client *c, Bytes frame, const Body *body) {
    Bytes parts[PARTS_MAX] = { frame };
    if (body) {
        parts[1] = body_envelope(body);
        parts[2] = body_facts(body);
        parts[3] = body_sealed(body);
    }
    int r = sock_send(c->sock, NULL, 0, parts, body ? PARTS_MAX : 1);
    if (r == -EAGAIN)
        c->stuck = true;
    if (r == 0)
        c->sent_ms = c->now_ms;
    return r;
}

int session_send(serasi_client *c, const Frame *f, const Body *body) {
    _cleanup_(freep) uint8_t *bytes = NULL;
    size_t n = 0;
    int r = codec_encode_frame(f, &bytes, &n);
    return r < 0 ? r : session_send_bytes(c, bytes_make(bytes, n), body);
}

static int send_hello(serasi_client *c) {
    Frame f = { .kind = FRAME_HELLO,
                .hello = { .protocol_min = PROTOCOL_VERSION,
                           .protocol_max = PROTOCOL_VERSION,
                           .instance_id = c->instance_id,
                           .proofs = c->proofs,
                           .bundles = true } };
    (void)text_copy(f.hello.client, sizeof(f.hello.client), c->label);
    int r = session_send(c, &f, NULL);
    if (r == 0) {
        c->hello_sent = true;
        c->entered_ms = c->now_ms;
    }
    return r;
}

static int64_t ping_due_ms(const serasi_client *c) {
    int64_t quiet_since = MIN(c->sent_ms, c->heard_ms);
    return MAX(quiet_since, c->pinged_ms) + c->ping_ms;
}

static int send_heartbeat(serasi_client *c) {
    int r = 0;
    if (c->pong_wanted) {
        const Frame pong = { .kind = FRAME_PONG, .pong = { .sent_ms = c->pong_for_ms } };
        r = session_send(c, &pong, NULL);
        c->pong_wanted = r != 0;
    }
    if (r == 0 && c->now_ms >= ping_due_ms(c)) {
        const Frame ping = { .kind = FRAME_PING, .ping = { .sent_ms = now_read().wall_ms } };
        r = session_send(c, &ping, NULL);
        c->pinged_ms = r == 0 ? c->now_ms : c->pinged_ms;
    }
    return r;
}

int session_write(serasi_client *c) {
    int r = 0;
    if (c->state == CLIENT_GREETING && !c->hello_sent)
        r = send_hello(c);
    if (c->state == CLIENT_OPEN) {
        r = send_heartbeat(c);
        if (r == 0)
            r = consume_write(c);
        if (r == 0 && c->state == CLIENT_OPEN)
            r = requests_write(c);
        if (r == 0 && c->state == CLIENT_OPEN)
            r = publish_write(c);
        servers_take(c);
        if (r == 0 && c->state == CLIENT_OPEN)
            r = query_write(c);
    }
    return r == -EAGAIN ? 0 : r;
}

/* --- receiving --- */

static void on_welcome(serasi_client *c, const Frame *f) {
    if (c->state != CLIENT_GREETING || !c->hello_sent)
        return;
    if (f->welcome.protocol != PROTOCOL_VERSION) {
        session_end(c, false);
        return;
    }
    enter(c, CLIENT_OPEN);
    c->session++;
    c->status = SERASI_OK;
    c->refusals = 0;
    c->heard_ms = c->sent_ms = c->pinged_ms = c->now_ms;
    c->envelope_max = f->welcome.envelope_max;
    c->facts_max = f->welcome.facts_max;
    c->sealed_max = f->welcome.sealed_max;
    c->publish_window = MAX(f->welcome.publish_window, 1U);
    c->credit_messages_max = MAX(f->welcome.credit_messages_max, 1U);
    c->credit_bytes_max = f->welcome.credit_bytes_max;
    c->ping_ms = MAX(f->welcome.ping_interval_ms, PING_MIN_MS);
    c->ping_ms = MIN(c->ping_ms, PING_MAX_MS);
    c->bundles = f->welcome.bundles;
    c->next_wire = 1;
    (void)text_copy(c->node, sizeof(c->node), f->welcome.node);
    (void)text_copy(c->broker, sizeof(c->broker), f->welcome.broker);
    servers_told(c, &f->welcome.servers);
}

static void on_error(serasi_client *c, const Frame *f) {
    if (f->error.code == ERROR_NO_SESSION) {
        /* It gave us up. Each frame that was on its way is answered so; one HELLO is enough. A
         * second time at once is no accident. */
        if (c->state == CLIENT_OPEN && c->now_ms - c->entered_ms >= SECOND_MS)
            session_restart(c);
        else if (c->state == CLIENT_OPEN)
            session_end(c, false);
    } else if (f->error.code == ERROR_NOT_KNOWN) {
        session_end(c, true);
    } else if (f->error.fatal || c->state != CLIENT_OPEN) {
        session_end(c, false);
    } else if (f->error.channel != 0) {
        consume_refused(c, f);
    }
}

static int on_frame(serasi_client *c, Frame *f, SockMessage *m) {
    switch (f->kind) {
    case FRAME_WELCOME:
        on_welcome(c, f);
        return 0;
    case FRAME_ERROR:
        on_error(c, f);
        return 0;
    case FRAME_BYE:
        session_end(c, false);
        return 0;
    default:
        break;
    }
    if (c->state != CLIENT_OPEN)
        return 0; /* of an earlier session */
    c->heard_ms = c->now_ms;
    switch (f->kind) {
    case FRAME_PUBLISHED:
        return publish_answered(c, f);
    case FRAME_DELIVER:
        return consume_delivered(c, f, m);
    case FRAME_BUNDLE:
        return consume_bundle(c, f->bundle);
    case FRAME_SUBSCRIBED:
        consume_subscribed(c, f);
        return 0;
    case FRAME_SETTLED:
        settle_confirmed(c, f);
        return 0;
    case FRAME_RESULT:
        return query_answered(c, f);
    case FRAME_PING:
        c->pong_wanted = true;
        c->pong_for_ms = f->ping.sent_ms;
        return 0;
    default:
        return 0; /* PONG: being heard is all; others are no business of a client */
    }
}

/* One message from the broker. What cannot be read ends the session: its books may differ now. */
static int receive_one(serasi_client *c) {
    _cleanup_(sock_message_deinit) SockMessage m = { 0 };
    _cleanup_(frame_deinit) Frame f = { 0 };
    const char *why = NULL;
    int r = sock_recv(c->sock, &m);
    if (r < 0)
        return r;
    if (m.oversized || m.n_parts == 0) {
        session_end(c, false);
        return 0;
    }
    r = codec_decode_frame(m.parts[0], FRAME_ANSWER_MAX, &f, &why);
    if (r > 0) {
        session_end(c, false);
        return 0;
    }
    return r < 0 ? r : on_frame(c, &f, &m);
}

int session_receive(serasi_client *c) {
    for (int i = 0; i < RECEIVE_MAX && c->sock; i++) {
        int r = receive_one(c);
        if (r < 0)
            return r == -EAGAIN ? 0 : r;
    }
    return 0;
}

void session_events(serasi_client *c) {
    while (c->sock) {
        switch (sock_next_event(c->sock)) {
        case SOCK_EVENT_NONE:
            return;
        case SOCK_EVENT_CONNECTED:
            if (c->state == CLIENT_CONNECTING)
                enter(c, CLIENT_GREETING);
            break;
        case SOCK_EVENT_DISCONNECTED:
            session_end(c, false);
            break;
        case SOCK_EVENT_REFUSED:
            session_end(c, true);
            break;
        }
    }
}

/* --- time --- */

/* Three intervals of silence, the last of them after a PING: an application that did not call for
 * long must not blame the broker. */
static int64_t broker_patience_ms(const serasi_client *c) {
    int64_t asked = c->pinged_ms > c->heard_ms ? c->pinged_ms : c->now_ms;
    int64_t silence = c->heard_ms + 3 * (int64_t)c->ping_ms;
    return MAX(silence, asked + c->ping_ms);
}

/* Twice as long in each round of all places: a line may be slow, and a crowd has to wait its turn.
 */
static int64_t connecting_ms(const serasi_client *c) {
    if (c->servers.n <= 1)
        return CONNECTING_MS;
    const uint32_t rounds = MIN(c->failures / c->servers.n, 8U);
    return MIN(CONNECTING_ELSE_MS << rounds, CONNECTING_MS);
}

/* When the present state has lasted too long. */
static int64_t patience_ms(const serasi_client *c) {
    switch (c->state) {
    case CLIENT_CONNECTING:
        return c->entered_ms + connecting_ms(c);
    case CLIENT_GREETING:
        return c->entered_ms + GREETING_MS;
    case CLIENT_OPEN:
        return broker_patience_ms(c);
    default:
        return c->entered_ms;
    }
}

void session_liveness(serasi_client *c) {
    if (c->now_ms >= patience_ms(c))
        session_end(c, false);
}

int64_t session_due_ms(const serasi_client *c) {
    int64_t due = patience_ms(c);
    if (c->stuck)
        due = MIN(due, c->now_ms + STUCK_MS);
    else if (c->state == CLIENT_GREETING && !c->hello_sent)
        due = c->now_ms;
    if (c->state != CLIENT_OPEN)
        return due;
    due = MIN(due, ping_due_ms(c));
    due = MIN(due, client_keys_due_ms(c->directory));
    due = MIN(due, c->look_due_ms);
    if (c->deliveries && !c->deliveries->judged)
        due = MIN(due, c->now_ms + JUDGE_AGAIN_MS); /* the answer about a key may never come */
    if ((c->results && !c->results->judged) || (c->awaited && !c->awaited->judged))
        due = MIN(due, c->now_ms + JUDGE_AGAIN_MS);
    return MIN(due, c->settle_due_ms);
}
