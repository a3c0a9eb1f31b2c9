/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/text.h"
#include "bench/bench.h"
#include "bench/peer/hop-sign.h"

#define CREDIT       256U
#define SETTLE_AFTER 128U /* half of it: the broker never waits for credit */
#define STUCK_S      30
#define TREE_MAX     256U
#define TREE_ENOUGH  16U /* as libserasi has it, and these, in seconds */
#define BUSY         8e-3
#define HOLD_MAX     200e-3

typedef struct SignedMessage {
    uint32_t number;
    size_t n_envelope, n_signature;
    uint8_t envelope[HOP_ENVELOPE_MAX], signature[HOP_SIGNATURE_MAX];
} SignedMessage;

/* Of one publisher: signed, and from `next` on not sent yet. */
struct Signed {
    SignedMessage list[TREE_MAX];
    uint32_t n, next;
    double answer, held_until; /* what an answer takes lately; 0 = nothing is held */
};

/* --- what comes back ------------------------------------------------------------------------ */

static double since_sent(const Flow *f, const uint8_t *id) {
    const uint64_t number = hop_number(id) - f->base;
    if (number >= f->n)
        die("a message of others came: the mailbox was not empty");
    return seconds() - f->sent_at[number];
}

static void note_answer(Signed *s, double took) {
    s->answer += (took - s->answer) / 8;
}

static void on_published(Flow *f, Client *c, const HopField *body) {
    HopResult r;
    for (const uint8_t *p = body->p; hop_result(&p, body->p + body->n, &r);) {
        if (r.verdict != 1)
            die("a message got verdict %u", r.verdict);
        const double took = since_sent(f, r.id);
        series_add(&f->confirm, took);
        if (f->to_send)
            note_answer(&f->to_send[c - f->crowd.list], took);
        f->confirmed++;
        c->unanswered--;
    }
    f->confirmed_at = seconds();
}

static void on_frame(void *user, Client *c, unsigned kind, const HopField *body,
                     const ZmtpMessage *m) {
    Flow *f = user;
    if (kind == HOP_PUBLISHED) {
        on_published(f, c, body);
    } else if (kind == HOP_DELIVER && m->n_parts > 1) {
        const uint8_t *p = m->parts[1].p;
        HopField id;
        if (!hop_field(&p, p + m->parts[1].n, &id) || id.n != HOP_ID_SIZE)
            die("an envelope came back unreadable");
        series_add(&f->deliver, since_sent(f, id.p));
        f->delivered++;
        client_took(c, body);
        if (c->taken >= SETTLE_AFTER)
            client_settle(c);
    } else if (kind == HOP_SETTLED) {
        f->settled += (uint32_t)hop_settled(body, false);
        f->settled_at = seconds();
    }
}

/* --- a run ---------------------------------------------------------------------------------- */

void flow_init(Flow *f, const Bench *b, const FlowSetup *w, const HopKind *kind,
               unsigned publish_port, const ZmtpKeys *publisher, unsigned consume_port,
               const ZmtpKeys *consumer) {
    *f = (Flow) { .bench = b,
                  .kind = *kind,
                  .publishers = w->publishers,
                  .window = w->window,
                  .n = w->n,
                  .every_us = w->every_us,
                  .base = (wall_ms() & 0xfffffff) << 20 };
    f->sent_at = calloc(f->n, sizeof(*f->sent_at));
    if (b->sign)
        f->to_send = calloc(w->publishers, sizeof(*f->to_send));
    if (!f->sent_at || (b->sign && !f->to_send))
        die("out of memory");
    randombytes_buf(f->body, sizeof(f->body));
    crowd_init(&f->crowd, w->publishers + 1, on_frame, f);
    for (uint32_t i = 0; i < w->publishers; i++)
        hop_maker_init(&crowd_add(&f->crowd, publish_port, publisher)->maker, kind);
    if (w->consume)
        f->consumer = crowd_add(&f->crowd, consume_port, consumer);
    crowd_await_open(&f->crowd);
    if (!f->consumer)
        return;
    hop_subscribe(&f->consumer->z, HOP_MAILBOX, CREDIT);
    client_send(f->consumer);
}

static bool is_due(const Flow *f) {
    return f->every_us == 0 || seconds() >= f->start + 1e-6 * f->every_us * (double)f->made;
}

/* Signs as one tree all that may go now, or with -A the next so many, as libserasi signs all that
 * waits in it. */
static void sign_some(Flow *f, Client *c, Signed *s) {
    static Signature made[TREE_MAX];
    Bytes list[TREE_MAX];
    const uint32_t room = f->window - c->unanswered, ahead = f->bench->ahead;
    const uint32_t most = MIN(ahead > 0 ? ahead : room, TREE_MAX);
    s->n = s->next = 0;
    s->held_until = 0;
    while (s->n < most && f->made < f->n && is_due(f)) {
        SignedMessage *m = &s->list[s->n];
        m->number = f->made++;
        memcpy(f->body, &m->number, sizeof(m->number));
        hop_make(&c->maker, f->base + m->number, wall_ms(), f->body, sizeof(f->body));
        m->n_envelope = c->maker.n_envelope;
        memcpy(m->envelope, c->maker.envelope, m->n_envelope);
        list[s->n++] = bytes_make(m->envelope, m->n_envelope);
    }
    must(signature_make(&f->bench->sign_key, list, s->n, made), "signing");
    f->trees++;
    for (uint32_t i = 0; i < s->n; i++)
        s->list[i].n_signature = hop_signature(&made[i], s->list[i].signature);
}

static void send_signed(Flow *f, Client *c, Signed *s) {
    if (s->next == s->n)
        sign_some(f, c, s);
    for (; s->next < s->n && c->unanswered < f->window; s->next++) {
        const SignedMessage *m = &s->list[s->next];
        memcpy(f->body, &m->number, sizeof(m->number));
        f->sent_at[m->number] = seconds();
        hop_bundle_parts(&f->bundle, &c->z, m->envelope + 2, m->signature, m->n_signature,
                         m->envelope, m->n_envelope, c->maker.facts, c->maker.n_facts, f->body,
                         sizeof(f->body));
        f->sent++;
        c->unanswered++;
        if (c->z.n_out > 65536)
            client_send(c);
    }
}

/* As libserasi does (client-sign.c): when answers take long, more are signed when they are twice as
 * many as those on their way, or enough for a tree. Who has no room has nothing that waits. */
static bool is_worth_signing(const Flow *f, const Client *c, Signed *s) {
    const double now = seconds();
    const uint32_t room = f->window - c->unanswered;
    if (f->every_us > 0 || s->answer < BUSY || room >= MIN(2 * c->unanswered, TREE_ENOUGH))
        return true;
    if (s->held_until == 0 && room > 0)
        s->held_until = now + MIN(s->answer, HOLD_MAX);
    return room > 0 && now >= s->held_until;
}

static void send_more(Flow *f) {
    for (uint32_t i = 0; i < f->publishers; i++) {
        Client *c = &f->crowd.list[i];
        Signed *s = f->to_send ? &f->to_send[i] : NULL;
        const bool held = s && s->next == s->n && !is_worth_signing(f, c, s);
        while (s && !held && c->unanswered < f->window &&
               (s->next < s->n || (f->made < f->n && is_due(f))))
            send_signed(f, c, s);
        while (!s && c->unanswered < f->window && f->made < f->n && is_due(f)) {
            memcpy(f->body, &f->made, sizeof(f->made)); /* no two are alike */
            f->sent_at[f->made] = seconds();
            hop_bundle_publish(&f->bundle, &c->z, &c->maker, f->base + f->made, wall_ms(), f->body,
                               sizeof(f->body));
            f->made++;
            f->sent++;
            c->unanswered++;
            if (c->z.n_out > 65536)
                client_send(c);
        }
        hop_bundle_put(&f->bundle, &c->z);
        client_send(c);
    }
}

void flow_run(Flow *f) {
    double last = f->start = seconds();
    while (f->confirmed < f->n || (f->consumer && f->settled < f->n)) {
        send_more(f);
        if (crowd_turn(&f->crowd, f->every_us > 0 ? 1 : 1000) > 0)
            last = seconds();
        if (f->consumer)
            client_settle(f->consumer);
        if (seconds() - last > STUCK_S)
            die("stuck: %u sent, %u confirmed, %u delivered, %u settled", f->sent, f->confirmed,
                f->delivered, f->settled);
    }
}

void flow_deinit(Flow *f) {
    crowd_deinit(&f->crowd);
    series_deinit(&f->confirm);
    series_deinit(&f->deliver);
    free(f->sent_at);
    free(f->to_send);
}

/* --- a publisher and a consumer ------------------------------------------------------------- */

HopKind pair_kind(const Pair *p) {
    const Bench *b = p->site.bench;
    return (HopKind) { .sender = p->sender,
                       .recipient = p->recipient,
                       .region = "3302",
                       .kind = b->opaque ? 90000 : 1001,
                       .urgency = 1,
                       .receipts = b->quiet || b->publisher ? 2 : 0,
                       .with_case = !b->opaque,
                       .with_facts = !b->opaque };
}

static void take_given(Pair *p, Bench *b, const char *name, bool alone) {
    Daemon *d = &p->site.daemons[0];
    if (!alone)
        die("%s needs a broker of its own", name);
    p->site = (Site) { .bench = b };
    d->port = given_client(b->publisher, &p->publisher, p->sender);
    if (given_client(b->consumer, &p->consumer, p->recipient) != d->port)
        die("the two clients have different brokers");
    p->at = p->home = d;
}

void pair_init(Pair *p, Bench *b, const char *name, bool remote, const char *settings,
               unsigned sync_delay_ms) {
    static const char agency[] = "NODE_KIND_SOCIAL_AGENCY_REGENCY";
    Site *s = &p->site;
    if (b->publisher) {
        take_given(p, b, name, !remote && !settings && sync_delay_ms == 0);
        return;
    }
    (void)text_copy(p->sender, sizeof(p->sender), "dsk/3302");
    (void)text_copy(p->recipient, sizeof(p->recipient), "dsk/3203");
    site_init(s, b, name);
    s->sync_delay_ms = sync_delay_ms;
    p->home = p->at = site_add_broker(s, "hub", settings);
    if (remote)
        p->at = site_add_broker(s, "upt/satria", settings);
    site_add_node(s, "dsk/3302", agency, NULL, p->at);
    site_add_node(s, "dsk/3203", agency, NULL, p->home);
    site_add_key(s, "dsk/3302", "main", p->at, &p->publisher);
    site_add_key(s, "dsk/3203", "main", p->home, &p->consumer);
    site_start(s);
}

typedef struct Workload {
    const char *name;
    FlowSetup setup;
    unsigned sync_delay_ms;
} Workload;

static const Workload workloads[] = {
    { .name = "P1", .setup = { .publishers = 1, .window = 1, .n = 10000 } },
    { .name = "P16", .setup = { .publishers = 1, .window = 16, .n = 50000 } },
    { .name = "P256", .setup = { .publishers = 1, .window = 256, .n = 100000 } },
    { .name = "E256", .setup = { .publishers = 1, .window = 256, .n = 60000, .consume = true } },
    { .name = "M64", .setup = { .publishers = 64, .window = 16, .n = 60000, .consume = true } },
    { .name = "L1",
      .setup = { .publishers = 1, .window = 256, .n = 800, .consume = true, .every_us = 5000 } },
    { .name = "F256",
      .setup = { .publishers = 1, .window = 256, .n = 40000, .consume = true, .remote = true } },
    { .name = "SLOW",
      .setup = { .publishers = 64, .window = 1, .n = 40000, .consume = false },
      .sync_delay_ms = 5 },
};

static void report_flow(Flow *f, const Workload *w, const Usage *before, const Usage *after) {
    const Bench *b = f->bench;
    const double n = f->n, rate = n / (f->confirmed_at - f->start);
    const bool slow = w->sync_delay_ms > 0, full = w->setup.consume && strcmp(w->name, "E256") == 0;
    report_target(b, w->name, "confirmed", rate, "/s", slow, 5000);
    if (f->consumer)
        report(b, w->name, "settled", n / (f->settled_at - f->start), "/s");
    report_series(b, w->name, "confirm", &f->confirm);
    if (slow)
        report_target(b, w->name, "confirm p50, ms", 1e3 * series_at(&f->confirm, .5), "ms", -1,
                      15);
    if (f->consumer)
        report_series(b, w->name, "deliver", &f->deliver);
    if (b->publisher) /* what the broker uses is not known */
        return;
    report(b, w->name, "processor, per 100,000", (after->cpu - before->cpu) * 1e5 / n, "s");
    report_target(b, w->name, "bytes written, per message", (after->written - before->written) / n,
                  "B", full ? -1 : 0, 4000);
    report(b, w->name, "messages, per commit", n / (after->commits - before->commits), "");
    if (f->to_send)
        report(b, w->name, "messages, per tree", n / f->trees, "");
    report(b, w->name, "peak memory", after->peak / 1048576, "MiB");
}

void bench_flow(Bench *b, const char *name) {
    const Workload *w = workloads;
    while (strcmp(w->name, name) != 0)
        w++;
    if (w->sync_delay_ms > 0 && !b->slow_library) {
        say("%s: there is no library that makes syncs slow; left out", name);
        return;
    }
    FlowSetup setup = w->setup;
    setup.n = (uint32_t)(setup.n * b->scale);
    setup.consume = setup.consume || b->publisher; /* nothing is left in a mailbox of others */
    Pair p;
    Flow f;
    pair_init(&p, b, name, setup.remote, NULL, w->sync_delay_ms);
    const HopKind kind = pair_kind(&p);
    flow_init(&f, b, &setup, &kind, p.at->port, &p.publisher, p.home->port, &p.consumer);
    const Usage before = site_usage(&p.site);
    flow_run(&f);
    const Usage after = site_usage_quiet(&p.site);
    report_flow(&f, w, &before, &after);
    flow_deinit(&f);
    site_deinit(&p.site);
}
