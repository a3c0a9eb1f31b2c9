/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the law costs: lawful messages about cases (stream.h) beside the same bytes of a kind the
 * broker does not know ("twin"), and beside opaque ones of the same size without case and facts
 * ("plain"). One broker, in turns, so that a busy machine meets all alike; medians.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "bench/bench.h"
#include "bench/stream.h"
#include "serasi/v1/codes.pb-c.h"

#define CREDIT       256U
#define SETTLE_AFTER 128U
#define STUCK_S      60
#define FORMS        3U
#define ROUNDS       7U
#define ROUND        16384U /* messages of a form in a turn */
#define SALTS        64U

typedef struct Workload {
    const char *name;
    StreamPlan plan;
    uint32_t window;
    bool consume;
} Workload;

static const Workload workloads[] = {
    { "CASE256", STREAM_AGENCY, 256, false }, { "CASE16", STREAM_AGENCY, 16, false },
    { "COPY256", STREAM_HOME, 256, false },   { "CASE-E", STREAM_AGENCY, 256, true },
    { "COPY-E", STREAM_HOME, 256, true },
};

static const char *const form_names[FORMS] = { "lawful", "twin", "plain" };

/* One connection for each node of the regency: it publishes what its node says, and consumes. */
typedef struct Bureau {
    const Workload *work;
    Site site;
    Daemon *at;
    ZmtpKeys keys[STREAM_NODES];
    char nodes[STREAM_NODES][NODE_NAME_SIZE];
    Crowd crowd;
    Stream streams[FORMS];
    uint32_t unanswered, warned;
    uint64_t published, confirmed, taken, settled, deposited;
    Series rate[FORMS], cpu[FORMS], written[FORMS], batch[FORMS], copies[FORMS];
} Bureau;

/* --- what comes back ------------------------------------------------------------------------ */

static void on_published(Bureau *b, const HopField *body) {
    HopResult r;
    for (const uint8_t *p = body->p; hop_result(&p, body->p + body->n, &r);) {
        if (r.verdict != 1)
            die("a message got verdict %u", r.verdict);
        b->warned += r.warned;
        b->deposited += r.recipients;
        b->confirmed++;
        b->unanswered--;
    }
}

static void on_frame(void *user, Client *c, unsigned kind, const HopField *body,
                     const ZmtpMessage *m) {
    Bureau *b = user;
    (void)m;
    if (kind == HOP_PUBLISHED) {
        on_published(b, body);
    } else if (kind == HOP_DELIVER) {
        client_took(c, body);
        b->taken++;
        if (c->taken >= SETTLE_AFTER)
            client_settle(c);
    } else if (kind == HOP_SETTLED) {
        b->settled += hop_settled(body, false);
    }
}

/* --- a broker ------------------------------------------------------------------------------- */

static void add_nodes(Bureau *b) {
    for (StreamNode i = 0; i < STREAM_NODES; i++) {
        char area[REGION_SIZE];
        int kind;
        stream_node(0, i, b->nodes[i], &kind, area);
        const ProtobufCEnumValue *name =
            protobuf_c_enum_descriptor_get_value(&serasi__v1__node_kind__descriptor, kind);
        if (!name)
            die("no name for a node of kind %d", kind);
        site_add_node(&b->site, b->nodes[i], name->name, area[0] ? area : NULL, b->at);
        site_add_key(&b->site, b->nodes[i], "main", b->at, &b->keys[i]);
    }
}

static void open_bureau(Bureau *b, Bench *bench, const Workload *w) {
    *b = (Bureau) { .work = w };
    site_init(&b->site, bench, w->name);
    b->at = site_add_broker(&b->site, "hub", NULL);
    add_nodes(b);
    site_start(&b->site);
    crowd_init(&b->crowd, STREAM_NODES, on_frame, b);
    for (StreamNode i = 0; i < STREAM_NODES; i++)
        (void)crowd_add(&b->crowd, b->at->port, &b->keys[i]);
    crowd_await_open(&b->crowd);
    for (uint32_t f = 0; f < FORMS; f++)
        stream_init(&b->streams[f], &(StreamSetup) { .plan = w->plan,
                                                     .form = f,
                                                     .regions = 1,
                                                     .gap = 32,
                                                     .sealed = 1024,
                                                     .salt = f * SALTS + 1,
                                                     .start_ms = (int64_t)wall_ms(),
                                                     .case_ms = 1,
                                                     .receipts = bench->quiet ? 2 : 0 });
    for (uint32_t i = 0; w->consume && i < b->crowd.n; i++) {
        hop_subscribe(&b->crowd.list[i].z, HOP_MAILBOX, CREDIT);
        client_send(&b->crowd.list[i]);
    }
}

static void close_bureau(Bureau *b) {
    crowd_deinit(&b->crowd);
    site_deinit(&b->site);
    for (uint32_t f = 0; f < FORMS; f++) {
        series_deinit(&b->rate[f]);
        series_deinit(&b->cpu[f]);
        series_deinit(&b->written[f]);
        series_deinit(&b->batch[f]);
        series_deinit(&b->copies[f]);
    }
}

/* --- turns ---------------------------------------------------------------------------------- */

static void send_one(Bureau *b, Stream *s) {
    StreamMessage m;
    stream_next(s, (int64_t)wall_ms(), &m);
    Client *c = &b->crowd.list[m.from];
    hop_publish_parts(&c->z, m.id.b, NULL, 0, m.envelope, m.n_envelope, m.facts, m.n_facts,
                      m.sealed, m.n_sealed);
    b->unanswered++;
    b->published++;
    if (c->z.n_out > 65536)
        client_send(c);
}

/* Until so many more are confirmed; when somebody consumes, until everything is settled. */
static void turn(Bureau *b, Stream *s, uint64_t n) {
    const uint64_t end = b->confirmed + n, last = b->published + n;
    double moved = seconds();
    while (b->confirmed < end || (b->work->consume && b->settled < b->deposited)) {
        while (b->unanswered < b->work->window && b->published < last)
            send_one(b, s);
        for (uint32_t i = 0; i < b->crowd.n; i++)
            client_send(&b->crowd.list[i]);
        if (crowd_turn(&b->crowd, 1000) > 0)
            moved = seconds();
        for (uint32_t i = 0; b->work->consume && i < b->crowd.n; i++)
            client_settle(&b->crowd.list[i]);
        if (seconds() - moved > STUCK_S)
            die("stuck: %llu published, %llu confirmed, %llu settled of %llu",
                (unsigned long long)b->published, (unsigned long long)b->confirmed,
                (unsigned long long)b->settled, (unsigned long long)b->deposited);
    }
}

static void measure(Bureau *b, uint32_t form, uint32_t n) {
    const uint64_t deposited = b->deposited;
    const Usage before = site_usage(&b->site);
    const double start = seconds();
    turn(b, &b->streams[form], n);
    const double took = seconds() - start;
    const Usage after = site_usage_quiet(&b->site);
    series_add(&b->rate[form], n / took);
    series_add(&b->cpu[form], 1e6 * (after.cpu - before.cpu) / n);
    series_add(&b->written[form], (after.written - before.written) / n);
    series_add(&b->batch[form], n / (after.commits - before.commits));
    series_add(&b->copies[form], (double)(b->deposited - deposited) / n);
}

/* The median of what a turn of one form has over that of the other beside it. */
static double ratio(Series *of, Series *to) {
    Series list = { 0 };
    for (uint32_t i = 0; i < of->n; i++)
        series_add(&list, of->list[i] / to->list[i]);
    const double median = series_at(&list, .5);
    series_deinit(&list);
    return median;
}

static void report_forms(Bureau *b) {
    const Bench *bench = b->site.bench;
    const char *name = b->work->name;
    /* Before they are sorted. */
    const double twin = ratio(&b->rate[0], &b->rate[1]), plain = ratio(&b->rate[0], &b->rate[2]);
    for (uint32_t f = 0; f < FORMS; f++) {
        char what[64];
        snprintf(what, sizeof(what), "%s, %s", form_names[f],
                 b->work->consume ? "settled" : "confirmed");
        report(bench, name, what, series_at(&b->rate[f], .5), "/s");
        snprintf(what, sizeof(what), "%s, processor, per message", form_names[f]);
        report(bench, name, what, series_at(&b->cpu[f], .5), "us");
        snprintf(what, sizeof(what), "%s, bytes written, per message", form_names[f]);
        report(bench, name, what, series_at(&b->written[f], .5), "B");
        snprintf(what, sizeof(what), "%s, messages, per commit", form_names[f]);
        report(bench, name, what, series_at(&b->batch[f], .5), "");
    }
    report(bench, name, "lawful, recipients, per message", series_at(&b->copies[0], .5), "");
    report(bench, name, "lawful, warned", b->warned, "");
    report_target(bench, name, "lawful : twin, rate", twin, "", 1, 0.8);
    report_target(bench, name, "lawful : plain, rate", plain, "", 1, 0.8);
    report(bench, name, "twin : lawful, processor",
           series_at(&b->cpu[1], .5) / series_at(&b->cpu[0], .5), "");
    report(bench, name, "plain : lawful, processor",
           series_at(&b->cpu[2], .5) / series_at(&b->cpu[0], .5), "");
}

void bench_case(Bench *bench, const char *name) {
    const Workload *w = workloads;
    while (strcmp(w->name, name) != 0)
        w++;
    const uint32_t n = (uint32_t)(ROUND * bench->scale);
    Bureau b;
    if (bench->publisher)
        die("%s needs a broker of its own", name);
    open_bureau(&b, bench, w);
    for (uint32_t f = 0; f < FORMS; f++) /* until cases of every age are there */
        turn(&b, &b.streams[f], (uint64_t)STREAM_STEPS * STREAM_STEPS * 32 / 2);
    for (uint32_t round = 0; round < ROUNDS; round++)
        for (uint32_t f = 0; f < FORMS; f++)
            measure(&b, (f + round) % FORMS, n);
    report_forms(&b);
    close_bureau(&b);
}
