/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The thread behind inproc://zeromq.zap.01. One request is one handshake; it is answered from
 * memory, always, or libzmq would hold that connection. The text 500 is never sent: it would make
 * the peer's socket give up for good over a fault of ours.
 *
 * The answer also gives the connection its routing id, as metadata of a ZMTP handshake. What a peer
 * says of itself there must not become one: libzmq 4.3.4 ends the process when the next id it
 * counts itself was claimed before, and whoever claims an id that became free would hear what was
 * meant for another. libzmq asks us, reads what the peer said, and takes our answer, which replaces
 * that; only an answer that was quicker than the reading would be replaced instead. So it waits for
 * a moment. Should that not be enough, an honest peer gets an id that libzmq counted, from a number
 * nobody knows (sock.c), and what a peer claimed is dropped with its connection:
 * SOCK_ROUTE_PROPERTY tells what was given (sock-message.c).
 */

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "base/hash-table.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "net/mechanism.h"
#include "net/sock-internal.h"
#include "net/zap.h"

#define ZAP_ENDPOINT  "inproc://zeromq.zap.01"
#define ZAP_FRAMES    8U /* version, request id, domain, address, identity, mechanism, credentials */
#define ZAP_FIELD_MAX 256U
#define ZAP_MOMENT_NS 300000 /* much longer than libzmq takes to read some properties */

#define HELD_MAX 4096U /* keys that are put off at one time */

/* A key that is not let in for a while. */
typedef struct HeldKey {
    char key[CURVE_TEXT_SIZE]; /* hash key */
    int64_t until_ms;          /* monotonic */
    UT_hash_handle hh;
} HeldKey;

struct Zap {
    void *socket; /* the thread's, once it runs */
    int stop_fd;
    bool running;
    pthread_t thread;
    void (*on_refused)(void *data, const char *address, const char *key);
    void *data;

    pthread_mutex_t lock; /* guards what is below */
    Directory *directory;
    Enrolments *enrolments;
    char own_key[CURVE_TEXT_SIZE];
    HeldKey *held;
};

/* A request, its frames cut to what we look at. */
typedef struct ZapRequest {
    size_t n[ZAP_FRAMES];
    char field[ZAP_FRAMES][ZAP_FIELD_MAX + 1];
    unsigned n_fields;
    bool malformed;
} ZapRequest;

enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS };

typedef struct ZapReply {
    const char *status, *text;
    char user_id[USER_ID_SIZE];
    uint8_t metadata[128];
    size_t n_metadata;
} ZapReply;

static int zap_receive(void *socket, ZapRequest *q) {
    int more = 1;
    *q = (ZapRequest) { 0 };
    for (unsigned i = 0; more; i++) {
        uint8_t frame[ZAP_FIELD_MAX];
        int n = zmq_recv(socket, frame, sizeof(frame), ZMQ_DONTWAIT);
        if (n < 0)
            return -errno;
        size_t size = sizeof(more);
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0)
            return -errno;
        if (i >= ZAP_FRAMES || (size_t)n > ZAP_FIELD_MAX) {
            q->malformed = true;
            continue;
        }
        memcpy(q->field[i], frame, (size_t)n);
        q->n[i] = (size_t)n;
        q->n_fields = i + 1;
    }
    return 0;
}

static int zap_send(void *socket, const ZapRequest *q, const ZapReply *a) {
    const Bytes frames[] = {
        bytes_make("1.0", 3),
        bytes_make(q->field[REQUEST_ID], q->n[REQUEST_ID]),
        bytes_make(a->status, strlen(a->status)),
        bytes_make(a->text, strlen(a->text)),
        bytes_make(a->user_id, strlen(a->user_id)),
        bytes_make(a->metadata, a->n_metadata),
    };
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        int flags = i + 1 < ARRAY_SIZE(frames) ? ZMQ_SNDMORE : 0;
        if (zmq_send(socket, frames[i].p, frames[i].n, flags | ZMQ_DONTWAIT) < 0)
            return -errno;
    }
    return 0;
}

/* --- decisions --- */

/* As in a ZMTP handshake: a name behind its length, a value behind its own. */
static void zap_add_property(ZapReply *a, const char *name, const char *value) {
    const size_t n_name = strlen(name), n_value = strlen(value);
    uint8_t *p = a->metadata + a->n_metadata;
    assert(a->n_metadata + 1 + n_name + 4 + n_value <= sizeof(a->metadata));
    *p++ = (uint8_t)n_name;
    memcpy(p, name, n_name);
    p += n_name;
    *p++ = 0;
    *p++ = 0;
    *p++ = 0;
    *p++ = (uint8_t)n_value;
    memcpy(p, value, n_value);
    a->n_metadata += 1 + n_name + 4 + n_value;
}

/* Digits only, so that it can be a property; nobody can guess it, and none comes twice. */
static void zap_give_route(ZapReply *a) {
    uint8_t random[SOCK_ROUTE_SIZE / 2];
    char route[SOCK_ROUTE_SIZE + 1];
    random_fill(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(route + 2 * i, 3, "%02x", random[i]);
    zap_add_property(a, "Identity", route);
    zap_add_property(a, SOCK_ROUTE_PROPERTY, route);
}

/* A key of the directory is judged by it alone: it may be revoked. */
static bool zap_lets_in(const Directory *d, const Enrolments *e, const char *key) {
    const int64_t now_ms = now_read().wall_ms;
    const DirKey *k = d ? directory_key(d, key) : NULL;
    return k ? directory_key_is_usable(d, k, now_ms) : enrolments_find(e, key, now_ms) != NULL;
}

static bool zap_holds(const Zap *z, const char *key) {
    HeldKey *h = NULL;
    HASH_FIND_STR(z->held, key, h);
    return h && now_read().mono_ms < h->until_ms;
}

static void zap_judge_key(Zap *z, const char *key, ZapReply *a) {
    char own_key[CURVE_TEXT_SIZE];
    _cleanup_(directory_unrefp) Directory *d = NULL;
    _cleanup_(enrolments_unrefp) Enrolments *e = NULL;

    pthread_mutex_lock(&z->lock);
    memcpy(own_key, z->own_key, sizeof(own_key));
    if (z->directory)
        d = directory_ref(z->directory);
    e = enrolments_ref(z->enrolments);
    const bool held = zap_holds(z, key);
    pthread_mutex_unlock(&z->lock);

    if (held) {
        a->status = "300";
        a->text = "put off";
    } else if (strcmp(key, own_key) == 0 || (d && zap_lets_in(d, e, key))) {
        a->status = "200";
        a->text = "OK";
        (void)text_copy(a->user_id, sizeof(a->user_id), key);
        zap_give_route(a);
    } else if (!d) {
        a->status = "300";
        a->text = "no directory yet";
    } else {
        a->status = "400";
        a->text = "key not known";
    }
}

/* The address of an ipc peer is "localhost:uid:gid:pid", from SO_PEERCRED. */
static void zap_judge_local(const char *address, ZapReply *a) {
    unsigned long uid = 0, gid = 0, pid = 0;
    char end = 0;
    a->status = "400";
    a->text = "not this user";
    if (!text_starts_with(address, "localhost:") ||
        sscanf(address, "localhost:%lu:%lu:%lu%c", &uid, &gid, &pid, &end) != 3)
        return;
    if (uid != 0 && uid != (unsigned long)getuid())
        return;
    a->status = "200";
    a->text = "OK";
    snprintf(a->user_id, sizeof(a->user_id), "uid:%lu", uid);
}

static void zap_judge(Zap *z, const ZapRequest *q, ZapReply *a) {
    char key[CURVE_TEXT_SIZE] = "";
    *a = (ZapReply) { .status = "400", .text = "not a request we know" };
    if (q->malformed || q->n_fields < CREDENTIALS || strcmp(q->field[VERSION], "1.0") != 0)
        a->status = "300";
    else if (strcmp(q->field[DOMAIN], SOCK_ZAP_DOMAIN) != 0)
        a->text = "not this domain";
    else if (strcmp(q->field[MECHANISM], "NULL") == 0)
        zap_judge_local(q->field[ADDRESS], a);
    else if (mechanism_peer_key(q->field[MECHANISM],
                                bytes_make(q->field[CREDENTIALS], q->n[CREDENTIALS]), key))
        zap_judge_key(z, key, a);
    if (strcmp(a->status, "400") == 0 && z->on_refused)
        z->on_refused(z->data, q->field[ADDRESS], key);
}

/* --- the thread --- */

static void *zap_run(void *data) {
    Zap *z = data;
    for (;;) {
        zmq_pollitem_t items[] = { { .socket = z->socket, .events = ZMQ_POLLIN },
                                   { .fd = z->stop_fd, .events = ZMQ_POLLIN } };
        if (zmq_poll(items, ARRAY_SIZE(items), -1) < 0 && errno != EINTR)
            return NULL; /* the context is going down */
        if (items[1].revents)
            return NULL;
        if (!(items[0].revents & ZMQ_POLLIN))
            continue;
        ZapRequest q;
        ZapReply a;
        if (zap_receive(z->socket, &q) < 0)
            continue;
        zap_judge(z, &q, &a);
        if (a.n_metadata > 0)
            (void)nanosleep(&(struct timespec) { .tv_nsec = ZAP_MOMENT_NS }, NULL);
        /* The asker may be gone by now: its connection died, nobody waits for the answer. */
        (void)zap_send(z->socket, &q, &a);
    }
}

/* Those that may come again make room. */
static void held_forget(Zap *z, int64_t now_ms) {
    HeldKey *h, *tmp;
    HASH_ITER (hh, z->held, h, tmp) {
        if (now_ms < h->until_ms)
            continue;
        HASH_DEL(z->held, h);
        free(h);
    }
}

static int zap_open(Zap *z, void *zmq_ctx) {
    int linger = 0;
    z->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (z->stop_fd < 0)
        return -errno;
    z->socket = zmq_socket(zmq_ctx, ZMQ_REP);
    if (!z->socket || zmq_setsockopt(z->socket, ZMQ_LINGER, &linger, sizeof(linger)) != 0 ||
        zmq_bind(z->socket, ZAP_ENDPOINT) != 0)
        return -errno;

    /* Signals belong to the thread that asked for them. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = -pthread_create(&z->thread, NULL, zap_run, z);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    z->running = r == 0;
    return r;
}

int zap_start(Zap **ret, void *zmq_ctx,
              void (*on_refused)(void *data, const char *address, const char *key), void *data) {
    _cleanup_(zap_stopp) Zap *z = calloc(1, sizeof(*z));
    if (!z)
        return -ENOMEM;
    z->stop_fd = -1;
    z->on_refused = on_refused;
    z->data = data;
    pthread_mutex_init(&z->lock, NULL);
    int r = zap_open(z, zmq_ctx);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(z);
    return 0;
}

Zap *zap_stop(Zap *z) {
    if (!z)
        return NULL;
    if (z->running) {
        uint64_t one = 1;
        ssize_t n = write(z->stop_fd, &one, sizeof(one));
        assert(n == (ssize_t)sizeof(one)); /* a fresh counter has room */
        pthread_join(z->thread, NULL);
    }
    if (z->socket)
        zmq_close(z->socket);
    if (z->stop_fd >= 0)
        close(z->stop_fd);
    directory_unref(z->directory);
    (void)enrolments_unref(z->enrolments);
    held_forget(z, INT64_MAX);
    pthread_mutex_destroy(&z->lock);
    free(z);
    return NULL;
}

void zap_set_directory(Zap *z, Directory *d) {
    Directory *fresh = d ? directory_ref(d) : NULL;
    pthread_mutex_lock(&z->lock);
    Directory *old = z->directory;
    z->directory = fresh;
    pthread_mutex_unlock(&z->lock);
    directory_unref(old);
}

void zap_set_enrolments(Zap *z, Enrolments *e) {
    Enrolments *fresh = enrolments_ref(e);
    pthread_mutex_lock(&z->lock);
    Enrolments *old = z->enrolments;
    z->enrolments = fresh;
    pthread_mutex_unlock(&z->lock);
    (void)enrolments_unref(old);
}

void zap_put_off(Zap *z, const char *curve_public, int64_t ms) {
    const int64_t now_ms = now_read().mono_ms;
    HeldKey *h = NULL;
    pthread_mutex_lock(&z->lock);
    held_forget(z, now_ms);
    HASH_FIND_STR(z->held, curve_public, h);
    if (!h && HASH_COUNT(z->held) < HELD_MAX && (h = calloc(1, sizeof(*h)))) {
        (void)text_copy(h->key, sizeof(h->key), curve_public);
        HASH_ADD_STR(z->held, key, h);
        if (!h->hh.tbl) {
            free(h);
            h = NULL;
        }
    }
    if (h)
        h->until_ms = now_ms + ms; /* else the broker turns it away behind the handshake */
    pthread_mutex_unlock(&z->lock);
}

void zap_set_own_key(Zap *z, const char *curve_public) {
    pthread_mutex_lock(&z->lock);
    (void)text_copy(z->own_key, sizeof(z->own_key), curve_public);
    pthread_mutex_unlock(&z->lock);
}
