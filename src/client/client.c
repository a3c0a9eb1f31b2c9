/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Turns. The descriptor is an epoll set of the socket's and the monitor's ZMQ_FD and a timer. Those
 * two are edge-triggered: reading or sending may swallow their signal, so a turn ends by asking the
 * socket again and arming the timer for at once while anything is left.
 */

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "client/client-consume.h"
#include "client/client-publish.h"
#include "client/client-seal.h"
#include "client/client-servers.h"
#include "client/client-session.h"
#include "client/client-verify.h"
#include "client/internal.h"

#define FOREVER_MS (60 * MINUTE_MS) /* the longest sleep; then the world is looked at again */

/* --- timer --- */

static void arm(serasi_client *c, int64_t due_ms) {
    int64_t in_ms = MAX(due_ms - now_read().mono_ms, INT64_C(0));
    struct itimerspec t = { .it_value = { .tv_sec = in_ms / 1000,
                                          .tv_nsec = in_ms % 1000 * 1000000 } };
    if (in_ms == 0)
        t.it_value.tv_nsec = 1; /* zero would disarm it */
    c->due_ms = in_ms == 0 ? 0 : due_ms;
    (void)timerfd_settime(c->timer_fd, 0, &t, NULL); /* fails only for a bad descriptor or time */
}

void client_wake(serasi_client *c) {
    if (c->due_ms != 0)
        arm(c, 0);
}

/* --- turns --- */

static int client_turn(serasi_client *c) {
    uint64_t fired;
    (void)!read(c->timer_fd, &fired, sizeof(fired)); /* empty is fine */
    c->now_ms = now_read().mono_ms;
    c->stuck = false;
    c->settle_due_ms = c->look_due_ms = INT64_MAX;

    int r = 0;
    if (c->state == CLIENT_DOWN && c->now_ms >= c->entered_ms)
        r = session_connect(c);
    if (r == 0 && c->sock)
        r = session_receive(c);
    if (r == 0 && c->sock)
        session_events(c);
    if (r == 0 && c->sock)
        session_liveness(c);
    if (r == 0 && c->sock)
        r = session_write(c);
    if (r < 0)
        session_end(c, false); /* whatever was half done starts over */
    return r;
}

SERASI_PUBLIC int serasi_process(serasi_client *c) {
    int r = client_turn(c);
    bool more = c->sock && sock_readable(c->sock);
    arm(c, more ? 0 : MIN(session_due_ms(c), c->now_ms + FOREVER_MS));
    if (r < 0)
        return r;
    return c->state == CLIENT_OPEN ? 0 : c->status;
}

SERASI_PUBLIC int serasi_fd(serasi_client *c) {
    return c->epoll_fd;
}

SERASI_PUBLIC int serasi_timeout_ms(serasi_client *c) {
    int64_t left = c->due_ms == 0 ? 0 : c->due_ms - now_read().mono_ms;
    left = MAX(left, INT64_C(0));
    return (int)MIN(left, FOREVER_MS);
}

int64_t client_deadline(int timeout_ms) {
    return timeout_ms < 0 ? INT64_MAX : now_read().mono_ms + timeout_ms;
}

bool client_sleep(serasi_client *c, int64_t deadline_ms) {
    int64_t left = deadline_ms - now_read().mono_ms;
    if (left <= 0)
        return false;
    struct pollfd p = { .fd = c->epoll_fd, .events = POLLIN };
    (void)poll(&p, 1, (int)MIN(left, (int64_t)serasi_timeout_ms(c))); /* EINTR: an early turn */
    return true;
}

SERASI_PUBLIC int serasi_wait_open(serasi_client *c, int timeout_ms) {
    int64_t deadline = client_deadline(timeout_ms);
    for (;;) {
        int r = serasi_process(c);
        if (r <= 0)
            return r;
        if (!client_sleep(c, deadline))
            return r == SERASI_NOT_KNOWN ? r : SERASI_TIMEOUT;
    }
}

SERASI_PUBLIC const char *serasi_node(serasi_client *c) {
    return c->node;
}

SERASI_PUBLIC const char *serasi_broker(serasi_client *c) {
    return c->broker;
}

/* --- opening and closing --- */

static int read_options(serasi_client *c, const serasi_options *o) {
    if (!o->endpoint || (!o->key_file && o->server_key))
        return -EINVAL;
    if (!text_copy(c->label, sizeof(c->label), o->label ? o->label : "libserasi"))
        return -EINVAL;
    /* Without CURVE only this machine's operators are served; they may sign all the same. */
    if (!o->server_key && !text_starts_with(o->endpoint, "ipc://"))
        return -EINVAL;
    if (o->wraps < SERASI_WRAP_ADDRESSED || o->wraps > SERASI_WRAP_NEVER)
        return -EINVAL;
    c->wrap_policy = o->wraps;
    c->proofs = o->proofs != 0;
    c->endpoint = strdup(o->endpoint);
    if (!c->endpoint)
        return -ENOMEM;
    if (!o->key_file)
        return 0;
    if (o->server_key && (!curve_text_is_valid(o->server_key) ||
                          !text_copy(c->server_key, sizeof(c->server_key), o->server_key)))
        return -EINVAL;
    c->has_keys = o->server_key != NULL;
    return keys_load(&c->keys, o->key_file);
}

static int read_hub_keys(serasi_client *c, const char *text) {
    SignPublic keys[CLIENT_HUB_KEYS_MAX];
    size_t n = 0;
    int r = text && text[0] != '\0' ? sign_publics_parse(text, keys, CLIENT_HUB_KEYS_MAX, &n) : 0;
    return r < 0 ? r : client_keys_new(&c->directory, keys, n);
}

static int open_descriptors(serasi_client *c) {
    struct epoll_event e = { .events = EPOLLIN };
    c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (c->timer_fd < 0 || c->epoll_fd < 0 ||
        epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->timer_fd, &e) != 0)
        return -errno;
    return 0;
}

static serasi_client *client_free(serasi_client *c) {
    if (!c)
        return NULL;
    session_close(c);
    consume_deinit(c);
    publish_deinit(c);
    free(c->query_frame);
    table_free(c->query_table);
    (void)draft_unref(c->resolving);
    (void)client_keys_free(c->directory);
    verify_deinit(c);
    sock_context_free(c->ctx);
    if (c->epoll_fd >= 0)
        close(c->epoll_fd);
    if (c->timer_fd >= 0)
        close(c->timer_fd);
    keys_wipe(&c->keys);
    servers_deinit(c);
    free(c->endpoint);
    free(c);
    return NULL;
}
DEFINE_CLEANUP(serasi_client *, client_free);

SERASI_PUBLIC int serasi_open(serasi_client **ret, const serasi_options *options) {
    /* The size tells which version of the struct the application was built with. */
    serasi_options o = { 0 };
    if (!ret || !options || options->size < offsetof(serasi_options, label) + sizeof(o.label) ||
        options->size > 4096)
        return -EINVAL;
    memcpy(&o, options, MIN(options->size, sizeof(o)));

    _cleanup_(client_freep) serasi_client *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->epoll_fd = c->timer_fd = -1;
    c->status = SERASI_NOT_CONNECTED;
    c->sign_due_ms = INT64_MAX;
    c->now_ms = now_read().mono_ms;
    int r = hash_init();
    if (r == 0)
        r = read_options(c, &o);
    if (r == 0)
        r = servers_init(c, o.servers_file);
    if (r == 0)
        r = read_hub_keys(c, o.hub_key);
    if (r == 0)
        r = verify_init(c);
    if (r == 0)
        r = open_descriptors(c);
    if (r == 0)
        r = sock_context_new(&c->ctx);
    if (r < 0)
        return r;
    c->instance_id = uuid_v4();
    r = session_connect(c);
    if (r < 0)
        return r;
    arm(c, 0);
    *ret = TAKE_PTR(c);
    return 0;
}

SERASI_PUBLIC void serasi_close(serasi_client *c) {
    (void)client_free(c);
}
