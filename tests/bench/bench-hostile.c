/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HOSTILE: a message each 5 ms from one node to another (L1), first with nobody else, then beside a
 * third node that does harm in one way at a time, as fast as it can, with a key that is good. How
 * much longer does the message take?
 */
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

#include "bench/bench.h"

#define PHASE_N    800
#define EVERY_US   5000
#define CROWD      4 /* sessions of the hostile node */
#define TARGET     1.2
#define READ_EVERY 16

typedef struct Hostile {
    ZmtpKeys keys;
    unsigned port;
    const struct Sort *sort;
    atomic_bool stop;
    uint64_t done;
    HopMaker maker, wrong;
    uint8_t *body;
} Hostile;

typedef struct Sort {
    const char *name;
    /* Puts one or some frames, which are then sent. false: the connection is to be made anew. */
    bool (*put)(Hostile *h, Zmtp *z);
} Sort;

/* --- frames by hand ------------------------------------------------------------------------- */

static void put_frame(Zmtp *z, unsigned field, const void *body, size_t n) {
    uint8_t frame[4096] = { (uint8_t)(field << 3 | 2) };
    size_t at = 1;
    if (n > 127)
        frame[at++] = (uint8_t)(n | 0x80);
    frame[at++] = (uint8_t)(n > 127 ? n >> 7 : n);
    memcpy(frame + at, body, n);
    zmtp_put(z, frame, at + n, false);
}

/* Keeps a processor busy and sends nothing: the floor of all the others. */
static bool spin(Hostile *h, Zmtp *z) {
    (void)h;
    (void)z;
    return true;
}

static bool publish_large(Hostile *h, Zmtp *z) {
    hop_publish(z, &h->maker, h->done, wall_ms(), h->body, 1000000);
    return true;
}

static bool publish_small(Hostile *h, Zmtp *z) {
    for (unsigned i = 0; i < 64; i++)
        hop_publish(z, &h->maker, h->done + i, wall_ms(), h->body, 1000);
    return true;
}

static bool publish_refused(Hostile *h, Zmtp *z) {
    for (unsigned i = 0; i < 64; i++)
        hop_publish(z, &h->wrong, h->done + i, wall_ms(), h->body, 100);
    return true;
}

static bool malformed(Hostile *h, Zmtp *z) {
    (void)h;
    zmtp_put(z, "\xff\xff\xff\xff", 4, false);
    return true;
}

static bool subscribe(Hostile *h, Zmtp *z) {
    char name[] = "\x08\x01\x10\x03\x1a\x05storm\x22\x04\x12\x02\x33\x32"; /* region 32 */
    name[1] = (char)(h->done % 16 + 1);
    put_frame(z, 5, name, sizeof(name) - 1);
    put_frame(z, 7, "\x12\x05storm", 7);
    return true;
}

static bool query(Zmtp *z, const char *verb, const char *arg) {
    uint8_t body[128] = { 0x08, 1, 0x12 };
    size_t n = 3;
    body[n++] = (uint8_t)strlen(verb);
    memcpy(body + n, verb, strlen(verb));
    n += strlen(verb);
    body[n++] = 0x1a;
    body[n++] = (uint8_t)strlen(arg);
    memcpy(body + n, arg, strlen(arg));
    put_frame(z, 14, body, n + strlen(arg));
    return true;
}

static bool query_outcome(Hostile *h, Zmtp *z) {
    (void)h;
    for (unsigned i = 0; i < 16; i++)
        (void)query(z, "outcome", "0190f3a0-0000-7000-8000-000000000000");
    return true;
}

static bool query_worklist(Hostile *h, Zmtp *z) {
    (void)h;
    for (unsigned i = 0; i < 16; i++)
        (void)query(z, "worklist", "dsk/3203");
    return true;
}

static bool query_keys(Hostile *h, Zmtp *z) {
    (void)h;
    for (unsigned i = 0; i < 16; i++)
        (void)query(z, "directory-keys", "dsk/3203");
    return true;
}

static bool settle(Hostile *h, Zmtp *z) {
    (void)h;
    for (unsigned i = 0; i < 32; i++)
        hop_settle(z, 1, UINT64_C(1) << 62);
    return true;
}

static bool credit(Hostile *h, Zmtp *z) {
    (void)h;
    for (unsigned i = 0; i < 64; i++)
        hop_credit(z, 100000);
    return true;
}

static bool ping(Hostile *h, Zmtp *z) {
    (void)h;
    for (unsigned i = 0; i < 64; i++)
        hop_ping(z);
    return true;
}

static bool hello(Hostile *h, Zmtp *z) {
    (void)h;
    for (unsigned i = 0; i < 16; i++)
        hop_hello(z, "storm");
    return true;
}

static bool reconnect(Hostile *h, Zmtp *z) {
    (void)h;
    (void)z;
    return false;
}

static const Sort sorts[] = {
    { "nothing", spin },
    { "publish 1 MB", publish_large },
    { "publish 1 KB", publish_small },
    { "refused", publish_refused },
    { "malformed", malformed },
    { "subscribe", subscribe },
    { "query outcome", query_outcome },
    { "query worklist", query_worklist },
    { "query keys", query_keys },
    { "settle", settle },
    { "credit", credit },
    { "ping", ping },
    { "hello", hello },
    { "reconnect", reconnect },
};

/* --- the hostile node ----------------------------------------------------------------------- */

/* What comes back is read and thrown away; a handshake goes on with it. */
static int read_some(Zmtp *z, bool *greeted) {
    ZmtpMessage m;
    int r = zmtp_fill(z, 0);
    for (int got = 1; r >= 0 && got > 0;)
        r = got = zmtp_next(z, &m);
    if (r >= 0 && z->state == ZMTP_OPEN && !*greeted) {
        hop_hello(z, "hostile");
        hop_subscribe(z, HOP_MAILBOX, 1);
        *greeted = true;
        r = zmtp_flush(z);
    }
    return r;
}

static void *hostile_main(void *data) {
    Hostile *h = data;
    Zmtp list[CROWD] = { { .fd = 0 } };
    bool greeted[CROWD] = { false };
    while (!atomic_load(&h->stop)) {
        for (unsigned i = 0; i < CROWD; i++) {
            Zmtp *z = &list[i];
            bool good = z->fd > 0 || zmtp_open(z, h->port, &h->keys) == 0;
            if (good && z->state == ZMTP_OPEN && greeted[i]) {
                good = h->sort->put(h, z) && zmtp_flush(z) == 0;
                h->done += 64;
            }
            if (!good || read_some(z, &greeted[i]) < 0) {
                zmtp_close(z);
                greeted[i] = false;
            }
        }
    }
    for (unsigned i = 0; i < CROWD; i++)
        zmtp_close(&list[i]);
    return NULL;
}

/* --- the measure ---------------------------------------------------------------------------- */

static void add_clients(Pair *p, Hostile *h, Bench *b, const char *name) {
    static const char agency[] = "NODE_KIND_SOCIAL_AGENCY_REGENCY";
    Site *s = &p->site;
    (void)snprintf(p->sender, sizeof(p->sender), "dsk/3302");
    (void)snprintf(p->recipient, sizeof(p->recipient), "dsk/3203");
    site_init(s, b, name);
    p->home = p->at = site_add_broker(s, "hub",
                                      "[limits]\\n" /* as they are for everybody */
                                      "sender-queue = 200000\\n"
                                      "mailbox-queue = 200000\\n"
                                      "dead-letters = 10000");
    site_add_node(s, "dsk/3302", agency, NULL, p->at);
    site_add_node(s, "dsk/3203", agency, NULL, p->at);
    site_add_node(s, "dsk/3204", agency, NULL, p->at);
    site_add_key(s, "dsk/3302", "main", p->at, &p->publisher);
    site_add_key(s, "dsk/3203", "main", p->at, &p->consumer);
    site_add_key(s, "dsk/3204", "main", p->at, &h->keys);
    site_start(s);
    h->port = p->at->port;
}

static double phase(const Bench *b, const char *name, const char *what, const Pair *p,
                    double alone) {
    const FlowSetup setup = { .publishers = 1,
                              .window = 256,
                              .n = (uint32_t)(PHASE_N * b->scale),
                              .every_us = EVERY_US,
                              .consume = true };
    const HopKind kind = pair_kind(p);
    char measure[64];
    Flow f;
    flow_init(&f, b, &setup, &kind, p->at->port, &p->publisher, p->home->port, &p->consumer);
    flow_run(&f);
    const double p99 = series_at(&f.confirm, .99);
    (void)snprintf(measure, sizeof(measure), "%s, confirm", what);
    report_series(b, name, measure, &f.confirm);
    (void)snprintf(measure, sizeof(measure), "%s, deliver", what);
    report_series(b, name, measure, &f.deliver);
    if (alone > 0) {
        (void)snprintf(measure, sizeof(measure), "%s, p99 to alone", what);
        report_target(b, name, measure, p99 / alone, "x", -1, TARGET);
    }
    flow_deinit(&f);
    return p99;
}

void bench_hostile(Bench *b, const char *name) {
    static Hostile h;
    Pair p = { .at = NULL };
    h = (Hostile) { .body = malloc(1000000) };
    if (!h.body)
        die("out of memory");
    randombytes_buf(h.body, 1000000);
    add_clients(&p, &h, b, name);
    HopKind kind = pair_kind(&p);
    kind.sender = kind.recipient = "dsk/3204";
    hop_maker_init(&h.maker, &kind);
    kind.sender = "dsk/3302"; /* another's name */
    hop_maker_init(&h.wrong, &kind);
    for (size_t i = 0; i < ARRAY_SIZE(sorts); i++) {
        pthread_t thread;
        if (b->only && !strstr(sorts[i].name, b->only))
            continue;
        const double alone = phase(b, name, "alone", &p, 0);
        h.sort = &sorts[i];
        atomic_store(&h.stop, false);
        if (pthread_create(&thread, NULL, hostile_main, &h) != 0)
            die("no thread");
        (void)phase(b, name, sorts[i].name, &p, alone);
        atomic_store(&h.stop, true);
        (void)pthread_join(thread, NULL);
    }
    free(h.body);
    site_deinit(&p.site);
}
