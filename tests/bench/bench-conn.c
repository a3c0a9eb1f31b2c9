/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONN: 1,500 sessions at one broker, each with its mailbox open; then 10,000 that say nothing but
 * PING. How many handshakes a second, how much memory and processor each.
 */
#include "bench/bench.h"

#define FIRST     1500U
#define ALL       10000U
#define NODES     64U /* one node may have an eighth of all sessions */
#define AT_A_TIME 128U
#define QUIET_S   20

typedef struct Conn {
    Crowd crowd;
    uint32_t subscribed;
} Conn;

static void on_frame(void *user, Client *c, unsigned kind, const HopField *body,
                     const ZmtpMessage *m) {
    Conn *k = user;
    (void)c;
    (void)body;
    (void)m;
    if (kind == HOP_SUBSCRIBED)
        k->subscribed++;
}

/* Opens sessions until there are n, so many at a time. Returns the seconds it took. */
static double open_until(Conn *k, uint32_t n, unsigned port, const ZmtpKeys *keys) {
    const double start = seconds();
    while (k->crowd.n_open < n) {
        while (k->crowd.n < n && k->crowd.n - k->crowd.n_open < AT_A_TIME)
            (void)crowd_add(&k->crowd, port, &keys[k->crowd.n % NODES]);
        (void)crowd_turn(&k->crowd, 100);
        crowd_ping(&k->crowd);
        if (seconds() > start + 300)
            die("CONN: %u of %u sessions open", k->crowd.n_open, n);
    }
    return seconds() - start;
}

static void stay_quiet(Conn *k, double length) {
    for (const double end = seconds() + length; seconds() < end;) {
        crowd_ping(&k->crowd);
        (void)crowd_turn(&k->crowd, 100);
    }
}

static void report_some(const Bench *b, const char *name, const char *what, uint32_t n, double took,
                        const Usage *before, const Usage *after) {
    char measure[64];
    snprintf(measure, sizeof(measure), "%s: handshakes", what);
    report(b, name, measure, n / took, "/s");
    snprintf(measure, sizeof(measure), "%s: processor, each", what);
    report(b, name, measure, 1e3 * (after->cpu - before->cpu) / n, "ms");
    snprintf(measure, sizeof(measure), "%s: memory, each", what);
    report(b, name, measure, (after->rss - before->rss) / n / 1024, "KiB");
}

void bench_conn(Bench *b, const char *name) {
    static ZmtpKeys keys[NODES];
    Conn k = { .subscribed = 0 };
    Site s;
    if (tool_raise_files() < ALL + 256) {
        say("%s: not allowed to open so many files; left out", name);
        return;
    }
    site_init(&s, b, name);
    Daemon *d = site_add_broker(&s, "hub", "[limits]\\nsessions = 12288");
    for (uint32_t i = 0; i < NODES; i++) {
        char node[BENCH_NAME_SIZE];
        snprintf(node, sizeof(node), "lks/%05u", i);
        site_add_node(&s, node, "NODE_KIND_LKS", NULL, d);
        site_add_key(&s, node, "main", d, &keys[i]);
    }
    site_start(&s);
    crowd_init(&k.crowd, ALL, on_frame, &k);

    const Usage none = site_usage(&s);
    double took = open_until(&k, FIRST, d->port, keys);
    const Usage first = site_usage(&s);
    report_some(b, name, "1,500", FIRST, took, &none, &first);
    for (uint32_t i = 0; i < FIRST; i++) {
        hop_subscribe(&k.crowd.list[i].z, HOP_MAILBOX, 16);
        client_send(&k.crowd.list[i]);
    }
    for (double end = seconds() + 60; k.subscribed < FIRST && seconds() < end;)
        (void)crowd_turn(&k.crowd, 100);
    const Usage open = site_usage(&s);
    report(b, name, "1,500: memory, each channel", (open.rss - first.rss) / FIRST / 1024, "KiB");

    took = open_until(&k, ALL, d->port, keys);
    const Usage all = site_usage(&s);
    report_some(b, name, "10,000", ALL - FIRST, took, &open, &all);
    report(b, name, "10,000: memory of the broker", all.rss / 1048576, "MiB");
    stay_quiet(&k, QUIET_S);
    const Usage later = site_usage(&s);
    report(b, name, "10,000 quiet: processor", 100 * (later.cpu - all.cpu) / QUIET_S, "% of one");
    report(b, name, "10,000 quiet: memory", later.rss / 1048576, "MiB");
    crowd_deinit(&k.crowd);
    site_deinit(&s);
}
