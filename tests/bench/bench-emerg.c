/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EMERG: an emergency each 20 ms, first alone, then while routine messages come as fast as a window
 * of 256 lets. Both go to the same mailbox. How much longer does the emergency take? It has a
 * thread of its own here, or it would wait for the routine messages on our side already.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

#include "bench/bench.h"

#define CREDIT   256U
#define WINDOW   256U
#define EVERY_S  0.02
#define IDLE_S   6
#define BUSY_S   12
#define TARGET   3
#define SENT_MAX 4096U

/* At the beginning of each body: when an emergency was sent, 0 for routine messages. */
typedef struct Stamp {
    double sent_at;
    uint64_t number;
} Stamp;

/* The sender of emergencies: its own thread. */
typedef struct Alarm {
    Crowd crowd;
    Client *client;
    atomic_bool stop;
    uint64_t n;
    double sent_at[SENT_MAX];
    Series confirm;
    uint8_t body[1024];
} Alarm;

typedef struct Routine {
    Crowd crowd;
    Client *publisher, *consumer;
    uint64_t n, confirmed;
    Series deliver; /* of emergencies */
    uint8_t body[1024];
} Routine;

static void publish(Client *c, uint8_t *body, uint64_t number, double sent_at) {
    const Stamp stamp = { sent_at, number };
    memcpy(body, &stamp, sizeof(stamp));
    hop_publish(&c->z, &c->maker, number, wall_ms(), body, 1024);
    c->unanswered++;
}

static void check(const HopResult *r) {
    if (r->verdict != 1)
        die("a message got verdict %u", r->verdict);
}

static void on_alarm_frame(void *user, Client *c, unsigned kind, const HopField *body,
                           const ZmtpMessage *m) {
    Alarm *a = user;
    HopResult r;
    (void)m;
    if (kind != HOP_PUBLISHED)
        return;
    for (const uint8_t *p = body->p; hop_result(&p, body->p + body->n, &r); c->unanswered--) {
        check(&r);
        series_add(&a->confirm, seconds() - a->sent_at[hop_number(r.id) % SENT_MAX]);
    }
}

static void *alarm_main(void *data) {
    Alarm *a = data;
    double due = seconds();
    while (!atomic_load(&a->stop) || a->client->unanswered > 0) {
        const double now = seconds();
        if (now >= due && !atomic_load(&a->stop)) {
            a->sent_at[a->n % SENT_MAX] = now;
            publish(a->client, a->body, a->n++, now);
            client_send(a->client);
            due += EVERY_S;
        }
        (void)crowd_turn(&a->crowd, a->client->unanswered > 0 ? 1 : (int)(1e3 * EVERY_S / 4));
    }
    return NULL;
}

static void on_routine_frame(void *user, Client *c, unsigned kind, const HopField *body,
                             const ZmtpMessage *m) {
    Routine *e = user;
    HopResult r;
    Stamp stamp;
    if (kind == HOP_PUBLISHED) {
        for (const uint8_t *p = body->p; hop_result(&p, body->p + body->n, &r); c->unanswered--) {
            check(&r);
            e->confirmed++;
        }
    } else if (kind == HOP_DELIVER && m->n_parts > 3 && m->parts[3].n > sizeof(stamp)) {
        memcpy(&stamp, m->parts[3].p, sizeof(stamp));
        if (stamp.sent_at > 0)
            series_add(&e->deliver, seconds() - stamp.sent_at);
        client_took(c, body);
        if (c->taken >= CREDIT / 2)
            client_settle(c);
    }
}

static void phase(Routine *e, Alarm *a, double length, bool busy) {
    pthread_t thread;
    a->stop = false;
    a->confirm.n = e->deliver.n = 0;
    if (pthread_create(&thread, NULL, alarm_main, a) != 0)
        die("no thread");
    for (const double end = seconds() + length; seconds() < end;) {
        while (busy && e->publisher->unanswered < WINDOW)
            publish(e->publisher, e->body, e->n++, 0);
        client_send(e->publisher);
        (void)crowd_turn(&e->crowd, 1);
        client_settle(e->consumer);
    }
    atomic_store(&a->stop, true);
    for (const double end = seconds() + 20; e->publisher->unanswered > 0 && seconds() < end;) {
        (void)crowd_turn(&e->crowd, 10);
        client_settle(e->consumer);
    }
    (void)pthread_join(thread, NULL);
}

static void connect_all(Routine *e, Alarm *a, const Pair *p) {
    HopKind kind = pair_kind(p);
    *a = (Alarm) { .n = UINT64_C(1) << 40 }; /* numbers of their own */
    *e = (Routine) { .n = 0 };
    randombytes_buf(a->body, sizeof(a->body));
    randombytes_buf(e->body, sizeof(e->body));
    crowd_init(&e->crowd, 2, on_routine_frame, e);
    e->publisher = crowd_add(&e->crowd, p->at->port, &p->publisher);
    hop_maker_init(&e->publisher->maker, &kind);
    e->consumer = crowd_add(&e->crowd, p->home->port, &p->consumer);
    crowd_await_open(&e->crowd);
    crowd_init(&a->crowd, 1, on_alarm_frame, a);
    a->client = crowd_add(&a->crowd, p->at->port, &p->publisher);
    kind.urgency = 3;
    hop_maker_init(&a->client->maker, &kind);
    crowd_await_open(&a->crowd);
    hop_subscribe(&e->consumer->z, HOP_MAILBOX, CREDIT);
    client_send(e->consumer);
}

void bench_emerg(Bench *b, const char *name) {
    static Routine e;
    static Alarm a;
    Pair p;
    pair_init(&p, b, name, false, NULL, 0);
    connect_all(&e, &a, &p);
    phase(&e, &a, IDLE_S * b->scale, false);
    const double confirm = series_at(&a.confirm, .99), deliver = series_at(&e.deliver, .99);
    report_series(b, name, "alone, confirm", &a.confirm);
    report_series(b, name, "alone, deliver", &e.deliver);
    const uint64_t before = e.confirmed;
    phase(&e, &a, BUSY_S * b->scale, true);
    report(b, name, "routine beside it, confirmed",
           (double)(e.confirmed - before) / (BUSY_S * b->scale), "/s");
    report_series(b, name, "under load, confirm", &a.confirm);
    report_series(b, name, "under load, deliver", &e.deliver);
    report_target(b, name, "confirm p99, load to alone", series_at(&a.confirm, .99) / confirm, "x",
                  -1, TARGET);
    report_target(b, name, "deliver p99, load to alone", series_at(&e.deliver, .99) / deliver, "x",
                  -1, TARGET);
    crowd_deinit(&e.crowd);
    crowd_deinit(&a.crowd);
    series_deinit(&a.confirm);
    series_deinit(&e.deliver);
    site_deinit(&p.site);
}
