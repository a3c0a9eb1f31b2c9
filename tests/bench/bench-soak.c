/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SOAK (10 minutes) and SOAK1 (one): four publishers at 500 a second each, whose consumers settle
 * a tenth of a second late, and one consumer that takes what its credit allows and never settles.
 * The store has a mark it may not pass: finished messages go earlier when it is reached, and
 * publishers hear LATER. The log, the file and the memory must stay bounded.
 */
#include <sodium.h>
#include <string.h>

#include "bench/bench.h"

#define PAIRS     5U /* the last one is the stuck one */
#define RATE      500.0
#define RATE_SLOW 20.0
#define LATE_S    0.1
#define CREDIT    256U
#define WINDOW    512U
#define LOG_MAX   (192.0 * 1048576) /* the log is cut to 128 MiB when it begins anew */

typedef struct Soak {
    Crowd crowd;
    ZmtpKeys publishers[PAIRS], consumers[PAIRS];
    double due[PAIRS], paused_until[PAIRS], settle_at[PAIRS];
    uint64_t sent, accepted, later, delivered, settled;
    double log_peak, file_peak, rss_first, rss_last;
    uint8_t body[1024];
} Soak;

static void on_frame(void *user, Client *c, unsigned kind, const HopField *body,
                     const ZmtpMessage *m) {
    Soak *k = user;
    HopResult r;
    (void)m;
    if (kind == HOP_PUBLISHED) {
        for (const uint8_t *p = body->p; hop_result(&p, body->p + body->n, &r); c->unanswered--) {
            if (r.verdict != 1 && r.verdict != 5)
                die("a message got verdict %u", r.verdict);
            k->accepted += r.verdict == 1;
            k->later += r.verdict == 5;
            if (r.verdict == 5)
                k->paused_until[c->index] = seconds() + 1;
        }
    } else if (kind == HOP_DELIVER) {
        const uint32_t pair = c->index - PAIRS;
        k->delivered++;
        if (c->taken == 0)
            k->settle_at[pair] = seconds() + LATE_S;
        client_took(c, body);
    } else if (kind == HOP_SETTLED) {
        k->settled += hop_settled(body, false);
    }
}

static void publish_due(Soak *k, double now) {
    for (uint32_t i = 0; i < PAIRS; i++) {
        Client *c = &k->crowd.list[i];
        const double pause = 1 / (i == PAIRS - 1 ? RATE_SLOW : RATE);
        if (k->due[i] < now - 1)
            k->due[i] = now; /* what was missed is not caught up */
        for (; k->due[i] <= now; k->due[i] += pause) {
            if (c->unanswered >= WINDOW || k->paused_until[i] > now)
                continue;
            memcpy(k->body, &k->sent, sizeof(k->sent));
            hop_publish(&c->z, &c->maker, k->sent++, wall_ms(), k->body, sizeof(k->body));
            c->unanswered++;
        }
        client_send(c);
        c = &k->crowd.list[PAIRS + i];
        if (i < PAIRS - 1 && c->taken > 0 && now >= k->settle_at[i])
            client_settle(c);
    }
}

static void look(const char *name, Soak *k, const Site *s, double share) {
    const Usage u = site_usage(s);
    const double log = site_file_size(&s->daemons[0], "-wal"),
                 file = site_file_size(&s->daemons[0], "");
    k->log_peak = MAX(k->log_peak, log);
    k->file_peak = MAX(k->file_peak, file);
    if (share < .4)
        k->rss_first = MAX(k->rss_first, u.rss);
    k->rss_last = u.rss;
    say("%s %3.0f %%: %llu accepted, %llu later, %llu settled; log %.0f MiB, file %.0f MiB, memory "
        "%.0f MiB",
        name, 100 * share, (unsigned long long)k->accepted, (unsigned long long)k->later,
        (unsigned long long)k->settled, log / 1048576, file / 1048576, u.rss / 1048576);
}

static void make(Soak *k, Bench *b, Site *s, const char *name, double file_max) {
    static const char agency[] = "NODE_KIND_SOCIAL_AGENCY_REGENCY";
    char settings[128], sender[32], recipient[32];
    HopKind kind = { .region = "3302",
                     .kind = 1001,
                     .urgency = 1,
                     .receipts = b->quiet ? 2 : 0,
                     .with_case = true,
                     .with_facts = true };
    snprintf(settings, sizeof(settings), "[store]\\nsize-high = %.0fM\\nsize-low = %.0fM",
             file_max / 1048576, .9 * file_max / 1048576);
    site_init(s, b, name);
    Daemon *d = site_add_broker(s, "hub", settings);
    for (uint32_t i = 0; i < PAIRS; i++) {
        snprintf(sender, sizeof(sender), "dsk/31%02u", i);
        snprintf(recipient, sizeof(recipient), "dsk/32%02u", i);
        site_add_node(s, sender, agency, NULL, d);
        site_add_node(s, recipient, agency, NULL, d);
        site_add_key(s, sender, "main", d, &k->publishers[i]);
        site_add_key(s, recipient, "main", d, &k->consumers[i]);
    }
    site_start(s);
    randombytes_buf(k->body, sizeof(k->body));
    crowd_init(&k->crowd, 2 * PAIRS, on_frame, k);
    for (uint32_t i = 0; i < PAIRS; i++) {
        snprintf(sender, sizeof(sender), "dsk/31%02u", i);
        snprintf(recipient, sizeof(recipient), "dsk/32%02u", i);
        kind.sender = sender;
        kind.recipient = recipient;
        hop_maker_init(&crowd_add(&k->crowd, d->port, &k->publishers[i])->maker, &kind);
    }
    for (uint32_t i = 0; i < PAIRS; i++)
        (void)crowd_add(&k->crowd, d->port, &k->consumers[i]);
    crowd_await_open(&k->crowd);
    for (uint32_t i = 0; i < PAIRS; i++) {
        hop_subscribe(&k->crowd.list[PAIRS + i].z, HOP_MAILBOX, CREDIT);
        client_send(&k->crowd.list[PAIRS + i]);
    }
}

void bench_soak(Bench *b, const char *name) {
    static Soak k;
    const bool brief = strcmp(name, "SOAK1") == 0;
    const double length = (brief ? 60 : 600) * b->scale, file_max = (brief ? 64 : 512) * 1048576.0;
    Site s;
    k = (Soak) { .sent = 0 };
    make(&k, b, &s, name, file_max);
    const Usage before = site_usage(&s);
    const double start = seconds();
    double look_at = start;
    for (double now; (now = seconds()) < start + length;) {
        publish_due(&k, now);
        (void)crowd_turn(&k.crowd, 2);
        crowd_ping(&k.crowd);
        if (now >= look_at) {
            look(name, &k, &s, (now - start) / length);
            look_at += length / 20;
        }
    }
    const Usage after = site_usage(&s);
    report(b, name, "accepted", (double)k.accepted, "");
    report(b, name, "put off (LATER)", (double)k.later, "");
    report(b, name, "settled", (double)k.settled, "");
    report_target(b, name, "log, largest", k.log_peak / 1048576, "MiB", -1, LOG_MAX / 1048576);
    report_target(b, name, "file, largest", k.file_peak / 1048576, "MiB", -1,
                  1.25 * file_max / 1048576);
    report_target(b, name, "memory, end to early peak", k.rss_last / k.rss_first, "x", -1, 1.5);
    report(b, name, "processor, per 100,000", (after.cpu - before.cpu) * 1e5 / (double)k.accepted,
           "s");
    crowd_deinit(&k.crowd);
    site_deinit(&s);
}
