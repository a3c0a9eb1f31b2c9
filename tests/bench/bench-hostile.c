/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HOSTILE: a message each 5 ms from one node to another (L1) beside a third program that does harm
 * in one way at a time, as fast as it can: a node with a good key, or strangers. How much longer
 * does the message take than beside a program that keeps a processor as busy and sends nothing, and
 * than beside the same harm done to another broker of this machine, which takes as much of its
 * processors, kernel and disk? All three take turns; the harmful program has one processor, the
 * last, whatever it does.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"

#define PHASE_N    800
#define EVERY_US   5000
#define ROUNDS     2    /* of each */
#define CROWD      4    /* sessions of the hostile node */
#define HALVES     1000 /* half-open connections */
#define TARGET     1.2
#define BETWEEN_US 500000
#define WARM_N     20 /* messages until harm begins; they do not count */

enum { NOTHING, ELSEWHERE, HERE, N_ARMS };

typedef struct Victim { /* a broker, and the bad program's key there */
    unsigned port;
    ZmtpKeys keys;
} Victim;

typedef struct Hostile {
    Victim here, elsewhere;
    const Victim *at;
    int halves[HALVES];
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
    void (*strangers)(Hostile *h); /* or connections of its own, some at a time */
    bool unknown, scattered;       /* with a key of nobody; from as many addresses as there are */
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

/* --- strangers ------------------------------------------------------------------------------ */

/* Keeps a processor busy and sends nothing: what all the others are compared with. */
static void spin(Hostile *h) {
    h->done++;
}

static int call(const Hostile *h) {
    struct sockaddr_in at = { .sin_family = AF_INET }, to = at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + randombytes_uniform(1 << 22));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)h->at->port);
    if (fd >= 0 &&
        ((h->sort->scattered && bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) ||
         (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void garbage(Hostile *h) {
    uint8_t bytes[100];
    const int fd = call(h);
    randombytes_buf(bytes, sizeof(bytes));
    if (fd < 0)
        return;
    (void)!send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
    (void)close(fd);
}

/* Each stays until so many more were opened. */
static void half_open(Hostile *h) {
    int *fd = &h->halves[h->done++ % HALVES];
    if (*fd > 0)
        (void)close(*fd);
    *fd = call(h);
}

static const Sort sorts[] = {
    { .name = "nothing", .strangers = spin },
    { .name = "publish 1 MB", .put = publish_large },
    { .name = "publish 1 KB", .put = publish_small },
    { .name = "refused", .put = publish_refused },
    { .name = "malformed", .put = malformed },
    { .name = "subscribe", .put = subscribe },
    { .name = "query outcome", .put = query_outcome },
    { .name = "query worklist", .put = query_worklist },
    { .name = "query keys", .put = query_keys },
    { .name = "settle", .put = settle },
    { .name = "credit", .put = credit },
    { .name = "ping", .put = ping },
    { .name = "hello", .put = hello },
    { .name = "reconnect", .put = reconnect },
    { .name = "strangers, unknown key", .put = reconnect, .unknown = true },
    { .name = "strangers, unknown key, many addresses",
      .put = reconnect,
      .unknown = true,
      .scattered = true },
    { .name = "strangers, garbage", .strangers = garbage },
    { .name = "strangers, garbage, many addresses", .strangers = garbage, .scattered = true },
    { .name = "strangers, half open", .strangers = half_open },
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

static void keep_to_one_processor(void) {
    cpu_set_t set;
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    CPU_ZERO(&set);
    CPU_SET(n > 0 ? (size_t)n - 1 : 0, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set); /* else it runs anywhere */
}

static int open_one(const Hostile *h, Zmtp *z) {
    ZmtpKeys keys = h->at->keys;
    if (h->sort->unknown)
        (void)crypto_box_keypair(keys.public, keys.secret);
    keys.scattered = h->sort->scattered;
    return zmtp_open(z, h->at->port, &keys);
}

static void one_turn(Hostile *h, Zmtp list[CROWD], bool greeted[CROWD]) {
    for (unsigned i = 0; i < CROWD; i++) {
        Zmtp *z = &list[i];
        bool good = z->fd > 0 || open_one(h, z) == 0;
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

static void *hostile_main(void *data) {
    Hostile *h = data;
    Zmtp list[CROWD] = { { .fd = 0 } };
    bool greeted[CROWD] = { false };
    keep_to_one_processor();
    for (const double until = seconds() + 1e-6 * WARM_N * EVERY_US; seconds() < until;)
        spin(h);
    h->done = 0;
    while (!atomic_load(&h->stop)) {
        if (h->sort->strangers)
            h->sort->strangers(h);
        else
            one_turn(h, list, greeted);
    }
    for (unsigned i = 0; i < CROWD; i++)
        zmtp_close(&list[i]);
    for (unsigned i = 0; i < HALVES; i++)
        if (h->halves[i] > 0)
            (void)close(h->halves[i]);
    memset(h->halves, 0, sizeof(h->halves));
    return NULL;
}

/* --- the measure ---------------------------------------------------------------------------- */

static void add_clients(Pair *p, Victim *v, Bench *b, const char *name) {
    static const char agency[] = "NODE_KIND_SOCIAL_AGENCY_REGENCY";
    Site *s = &p->site;
    (void)snprintf(p->sender, sizeof(p->sender), "dsk/3302");
    (void)snprintf(p->recipient, sizeof(p->recipient), "dsk/3203");
    site_init(s, b, name);
    p->home = p->at = site_add_broker(s, "hub",
                                      "[limits]\\n" /* as they are for everybody */
                                      "sender-queue = 200000\\n"
                                      "sender-bytes = 2G\\n"
                                      "mailbox-queue = 200000\\n"
                                      "dead-letters = 10000");
    site_add_node(s, "dsk/3302", agency, NULL, p->at);
    site_add_node(s, "dsk/3203", agency, NULL, p->at);
    site_add_node(s, "dsk/3204", agency, NULL, p->at);
    site_add_key(s, "dsk/3302", "main", p->at, &p->publisher);
    site_add_key(s, "dsk/3203", "main", p->at, &p->consumer);
    site_add_key(s, "dsk/3204", "main", p->at, &v->keys);
    site_start(s);
    v->port = p->at->port;
}

static void add_all(Series *to, const Series *from) {
    for (uint32_t i = WARM_N; i < from->n; i++)
        series_add(to, from->list[i]);
}

/* Both ways of a message, for the time of some of them, beside that. */
static void phase(const Bench *b, const Pair *p, Hostile *h, const Sort *sort, Series *confirm,
                  Series *deliver) {
    const FlowSetup setup = { .publishers = 1,
                              .window = 256,
                              .n = (uint32_t)(PHASE_N * b->scale),
                              .every_us = EVERY_US,
                              .consume = true };
    const HopKind kind = pair_kind(p);
    pthread_t thread;
    Flow f;
    flow_init(&f, b, &setup, &kind, p->at->port, &p->publisher, p->home->port, &p->consumer);
    h->sort = sort;
    atomic_store(&h->stop, false);
    if (pthread_create(&thread, NULL, hostile_main, h) != 0)
        die("no thread");
    flow_run(&f);
    atomic_store(&h->stop, true);
    (void)pthread_join(thread, NULL);
    add_all(confirm, &f.confirm);
    add_all(deliver, &f.deliver);
    flow_deinit(&f);
    (void)usleep(BETWEEN_US); /* who was too fast may come again, and the listener has time */
}

static void report_ratio(const Bench *b, const char *name, const char *what, const char *to,
                         Series *harm, Series *beside) {
    char measure[64];
    (void)snprintf(measure, sizeof(measure), "%s p99 : %s", what, to);
    report_target(b, name, measure, series_at(harm, .99) / series_at(beside, .99), "x", -1, TARGET);
}

static void report_arms(const Bench *b, const char *name, const char *sort, const char *what,
                        Series s[static N_ARMS]) {
    static const char *const places[] = { [ELSEWHERE] = " elsewhere", [HERE] = "" };
    char measure[64];
    for (unsigned i = 0; i < N_ARMS; i++) {
        (void)snprintf(measure, sizeof(measure), "%s%s, %s", i ? sort : sorts[0].name,
                       i ? places[i] : "", what);
        report_series(b, name, measure, &s[i]);
    }
    (void)snprintf(measure, sizeof(measure), "%s, %s", sort, what);
    report_ratio(b, name, measure, "nothing", &s[HERE], &s[NOTHING]);
    report_ratio(b, name, measure, "elsewhere", &s[HERE], &s[ELSEWHERE]);
    for (unsigned i = 0; i < N_ARMS; i++)
        series_deinit(&s[i]);
}

static void compare(const Bench *b, const char *name, const Pair *p, Hostile *h, const Sort *sort) {
    Series confirm[N_ARMS] = { { .n = 0 } }, deliver[N_ARMS] = { { .n = 0 } };
    for (unsigned i = 0; i < N_ARMS * ROUNDS; i++) {
        const unsigned arm = i % N_ARMS;
        h->at = arm == ELSEWHERE ? &h->elsewhere : &h->here;
        phase(b, p, h, arm == NOTHING ? sorts : sort, &confirm[arm], &deliver[arm]);
    }
    report_arms(b, name, sort->name, "confirm", confirm);
    report_arms(b, name, sort->name, "deliver", deliver);
}

void bench_hostile(Bench *b, const char *name) {
    static Hostile h;
    Pair p = { .at = NULL }, other = { .at = NULL };
    h = (Hostile) { .body = malloc(1000000) };
    if (!h.body)
        die("out of memory");
    randombytes_buf(h.body, 1000000);
    add_clients(&p, &h.here, b, name);
    add_clients(&other, &h.elsewhere, b, "HOSTILE-elsewhere");
    HopKind kind = pair_kind(&p);
    kind.sender = kind.recipient = "dsk/3204";
    hop_maker_init(&h.maker, &kind);
    kind.sender = "dsk/3302"; /* another's name */
    hop_maker_init(&h.wrong, &kind);
    for (size_t i = 0; i < ARRAY_SIZE(sorts); i++)
        if (!b->only || strstr(sorts[i].name, b->only))
            compare(b, name, &p, &h, &sorts[i]);
    free(h.body);
    site_deinit(&other.site);
    site_deinit(&p.site);
}
