/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libserasi and a broker that says anything. The sockets below it are played here: what it sends is
 * dropped, what it receives is the input, a list of steps of one byte and what belongs to it:
 *
 *   bits 0-3  0-5 the broker says a message: bits 4-6 are its number of parts, each 2 bytes length
 *             and its bytes   6 connected   7 disconnected   8 refused   9 publish   10 subscribe
 *             (1 byte: source)   11 take a delivery, settle it (1 byte: action)   12 take a result
 *             13 unsubscribe   14 a question, not waited for   15 sending works or not (1 byte)
 */

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <serasi/client.h>

#include "core/limits.h"
#include "fuzz/fuzz.h"
#include "net/sock.h"
#include "wire/codec.h"

#define STEPS_MAX 300

/* --- the sockets ---------------------------------------------------------------------------- */

struct Sock {
    int fd, watch_fd;
};

typedef struct Line {
    SockEvent event;
    SockMessage message;
    bool waiting;
    int send_result;
} Line;

static Line line;

int sock_context_new(void **ret) {
    *ret = &line;
    return 0;
}
void sock_context_free(void *ctx) {
    (void)ctx;
}
int sock_new_dealer(Sock **ret, void *ctx, const char *endpoint, const char *server_key,
                    const NodeKeys *keys, const SockOptions *o) {
    (void)ctx, (void)endpoint, (void)server_key, (void)keys, (void)o;
    Sock *s = calloc(1, sizeof(*s));
    FUZZ_CHECK(s);
    s->fd = eventfd(0, EFD_CLOEXEC);
    s->watch_fd = eventfd(0, EFD_CLOEXEC);
    FUZZ_CHECK(s->fd >= 0 && s->watch_fd >= 0);
    *ret = s;
    return 0;
}
Sock *sock_free(Sock *s) {
    if (s) {
        (void)close(s->fd);
        (void)close(s->watch_fd);
    }
    free(s);
    return NULL;
}
const SockOptions sock_options_default = { 0 };
void sock_linger(Sock *s, int ms) {
    (void)s, (void)ms;
}
int sock_fd(Sock *s) {
    return s->fd;
}
bool sock_readable(Sock *s) {
    (void)s;
    return line.waiting;
}
bool sock_is_drained(const Sock *s) {
    (void)s;
    return false;
}
void sock_woken(Sock *s) {
    (void)s;
}
void sock_message_deinit(SockMessage *m) {
    free(m->data);
    *m = (SockMessage) { 0 };
}
int sock_recv(Sock *s, SockMessage *ret) {
    (void)s;
    if (!line.waiting)
        return -EAGAIN;
    line.waiting = false;
    *ret = line.message;
    line.message = (SockMessage) { 0 };
    return 0;
}
int sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts, unsigned n_parts) {
    (void)s, (void)route, (void)n_route;
    for (unsigned i = 0; i < n_parts; i++)
        FUZZ_CHECK(parts[i].n == 0 || parts[i].p);
    FUZZ_CHECK(n_parts >= 1 && n_parts <= PARTS_MAX);
    FUZZ_CHECK(parts[0].n <=
               (codec_frame_is(parts[0], FRAME_BUNDLE) ? BUNDLE_MAX_BYTES : FRAME_MAX));
    return line.send_result;
}
int sock_watch(Sock *s) {
    (void)s;
    return 0;
}
SockEvent sock_next_event(Sock *s) {
    (void)s;
    const SockEvent event = line.event;
    line.event = SOCK_EVENT_NONE;
    return event;
}
int sock_watch_fd(Sock *s) {
    return s->watch_fd;
}

/* --- the broker ----------------------------------------------------------------------------- */

static void say(Input *in, unsigned n_parts) {
    Bytes parts[PARTS_MAX] = { { 0 } };
    size_t size = 0;
    sock_message_deinit(&line.message);
    line.message.oversized = n_parts > PARTS_MAX;
    line.message.n_parts = n_parts > PARTS_MAX ? 0 : n_parts;
    for (unsigned i = 0; i < line.message.n_parts; i++) {
        parts[i] = take_part(in);
        size += parts[i].n;
    }
    uint8_t *at = line.message.data = malloc(size + 1);
    FUZZ_CHECK(at);
    for (unsigned i = 0; i < line.message.n_parts; i++) {
        if (parts[i].n > 0)
            memcpy(at, parts[i].p, parts[i].n);
        line.message.parts[i] = bytes_make(at, parts[i].n);
        at += parts[i].n;
    }
    line.waiting = true;
}

/* --- the application ------------------------------------------------------------------------ */

static void publish(serasi_client *c) {
    static const char text[] =
        "{\"envelope\":{\"kind\":\"CASE_RESPONSE\",\"sender\":\"dsk/3203\",\"region\":\"3203\","
        "\"message_id\":\"01957dd0-f0c0-78ad-acb4-a3bd2285cd54\",\"cluster\":\"CHILD\","
        "\"audience\":{\"to\":[\"dsk/3306\"]},\"urgency\":\"ROUTINE\",\"sensitivity\":"
        "\"INTERNAL\"},\"facts\":{\"emergency\":true}}";
    char error[256];
    serasi_message *m = NULL;
    FUZZ_CHECK(serasi_message_from_json(&m, text, "dsk/3203", error, sizeof(error)) == 0);
    FUZZ_CHECK(serasi_publish(c, m) >= 0);
    serasi_message_free(m);
}

static void take_delivery(serasi_client *c, unsigned action) {
    serasi_delivery *d = NULL;
    char *text = NULL;
    size_t size = 0;
    if (serasi_next_delivery(c, &d) != 0)
        return;
    FUZZ_CHECK(serasi_delivery_message_id(d) && serasi_delivery_envelope(d, &size));
    (void)serasi_delivery_to_json(d, 0, &text);
    free(text);
    (void)serasi_settle(c, d, (serasi_settle_action)(action % 5), action, "REASON", action & 16);
    serasi_delivery_free(d);
}

static void take_result(serasi_client *c) {
    serasi_result *r = NULL;
    char *text = NULL;
    if (serasi_next_result(c, &r) != 0)
        return;
    for (size_t i = 0; i < serasi_result_reasons(r); i++)
        FUZZ_CHECK(serasi_result_reason_code(r, i) && serasi_result_reason_text(r, i, "id"));
    (void)serasi_result_to_json(r, &text);
    free(text);
    serasi_result_free(r);
}

static void ask(serasi_client *c) {
    char *text = NULL;
    const char *const args[] = { "dsk/3203" };
    (void)serasi_query(c, "queues", args, 1, NULL, 0, 10, 0, &text);
    free(text);
}

static void step(serasi_client *c, Input *in, uint32_t *channel) {
    const unsigned head = take_byte(in), what = head & 15;
    int64_t since;
    switch (what) {
    case 6:
    case 7:
    case 8:
        line.event = what == 6   ? SOCK_EVENT_CONNECTED
                     : what == 7 ? SOCK_EVENT_DISCONNECTED
                                 : SOCK_EVENT_REFUSED;
        break;
    case 9:
        publish(c);
        break;
    case 10:
        (void)serasi_subscribe(c, (serasi_source)(take_byte(in) % 5), "cases", NULL, 8, channel);
        break;
    case 11:
        take_delivery(c, take_byte(in));
        break;
    case 12:
        take_result(c);
        break;
    case 13:
        (void)serasi_channel_error(c, *channel);
        (void)serasi_channel_overrun(c, *channel, &since);
        (void)serasi_unsubscribe(c, *channel);
        break;
    case 14:
        ask(c);
        break;
    case 15:
        line.send_result = take_byte(in) & 1 ? -EAGAIN : 0;
        break;
    default:
        say(in, head >> 4 & 7);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Input in = { data, n };
    serasi_client *c = NULL;
    uint32_t channel = 0;
    const serasi_options options = { .size = sizeof(options), .endpoint = "ipc:///nowhere" };
    line = (Line) { 0 };
    FUZZ_CHECK(serasi_open(&c, &options) == 0);
    for (int i = 0; i < STEPS_MAX && in.n > 0; i++) {
        step(c, &in, &channel);
        FUZZ_CHECK(serasi_process(c) >= 0);
        FUZZ_CHECK(serasi_timeout_ms(c) >= 0);
    }
    serasi_close(c);
    sock_message_deinit(&line.message);
    return 0;
}
