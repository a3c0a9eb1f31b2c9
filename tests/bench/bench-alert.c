/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ALERT: an extraordinary event to the whole nation, 7,100 mailboxes at one broker, of which 850
 * have a consumer that is connected. Three times.
 */
#include <string.h>

#include "bench/bench.h"

#define NODES     7100U
#define CONNECTED 850U
#define ROUNDS    3

typedef struct Alert {
    Crowd crowd;
    uint32_t subscribed, delivered, settled;
    double sent_at, confirmed_at, delivered_at, settled_at;
} Alert;

static void on_frame(void *user, Client *c, unsigned kind, const HopField *body,
                     const ZmtpMessage *m) {
    Alert *a = user;
    HopResult r;
    (void)m;
    if (kind == HOP_PUBLISHED) {
        const uint8_t *p = body->p;
        if (!hop_result(&p, body->p + body->n, &r) || r.verdict != 1)
            die("the alert got verdict %u", r.verdict);
        a->confirmed_at = seconds();
    } else if (kind == HOP_SUBSCRIBED) {
        a->subscribed++;
    } else if (kind == HOP_DELIVER) {
        a->delivered++;
        a->delivered_at = seconds();
        client_took(c, body);
        client_settle(c);
    } else if (kind == HOP_SETTLED) {
        a->settled += (uint32_t)hop_settled(body, false);
        a->settled_at = seconds();
    }
}

static void await(Alert *a, const uint32_t *counter, uint32_t n, const char *what) {
    for (const double end = seconds() + 120; *counter < n;) {
        (void)crowd_turn(&a->crowd, 100);
        crowd_ping(&a->crowd);
        if (seconds() > end)
            die("ALERT: %u of %u %s", *counter, n, what);
    }
}

/* Seconds since `start` until that many deliveries wait or were settled. */
static double until_deposited(const Pair *p, Alert *a, double start, double before) {
    char command[600];
    snprintf(command, sizeof(command), "%s/serasictl --dir %s status --json", p->site.bench->bin,
             p->home->folder);
    for (;;) {
        (void)crowd_turn(&a->crowd, 0);
        if (shell_number("\"deliveries\"", command) + a->settled >= before + NODES)
            return seconds() - start;
        if (seconds() > start + 120)
            die("ALERT: not deposited");
    }
}

static void round_of(const Bench *b, const char *name, Pair *p, Alert *a, uint64_t number) {
    char command[600];
    const uint8_t body[1024] = { (uint8_t)number };
    Client *publisher = &a->crowd.list[0];
    const Usage u = site_usage(&p->site);
    snprintf(command, sizeof(command), "%s/serasictl --dir %s status --json", b->bin,
             p->home->folder);
    const double waiting = shell_number("\"deliveries\"", command);
    a->delivered = a->settled = 0;
    a->confirmed_at = 0;
    a->sent_at = seconds();
    hop_publish(&publisher->z, &publisher->maker, number, wall_ms(), body, sizeof(body));
    client_send(publisher);
    await(a, &a->delivered, CONNECTED, "delivered");
    const double deposited = until_deposited(p, a, a->sent_at, waiting);
    await(a, &a->settled, CONNECTED, "settled");
    const Usage v = site_usage_quiet(&p->site);
    report(b, name, "accepted", 1e3 * (a->confirmed_at - a->sent_at), "ms");
    report_target(b, name, "in 7,100 mailboxes", deposited, "s", -1, 5);
    report_target(b, name, "with 850 connected consumers", a->delivered_at - a->sent_at, "s", -1,
                  2);
    report(b, name, "settled by these", a->settled_at - a->sent_at, "s");
    report(b, name, "processor", v.cpu - u.cpu, "s");
    report(b, name, "written, per mailbox", (v.written - u.written) / NODES, "B");
}

void bench_alert(Bench *b, const char *name) {
    static ZmtpKeys keys[CONNECTED + 1];
    Pair p;
    Alert a = { .subscribed = 0 };
    Site *s = &p.site;
    site_init(s, b, name);
    p.at = p.home = site_add_broker(s, "hub", NULL);
    for (uint32_t i = 0; i <= NODES; i++) { /* the first one is the sender: it gets no copy */
        char node[BENCH_NAME_SIZE];
        snprintf(node, sizeof(node), "lks/%05u", i);
        site_add_node(s, node, "NODE_KIND_LKS", NULL, p.home);
        if (i <= CONNECTED)
            site_add_key(s, node, "main", p.home, &keys[i]);
    }
    site_start(s);
    crowd_init(&a.crowd, CONNECTED + 1, on_frame, &a);
    for (uint32_t i = 0; i <= CONNECTED; i++) {
        Client *c = crowd_add(&a.crowd, p.home->port, &keys[i]);
        if (i % 64 == 63)
            crowd_await_open(&a.crowd);
        if (i > 0)
            continue;
        const HopKind kind = { .sender = "lks/00000",
                               .region = "",
                               .kind = 20,
                               .urgency = 4,
                               .receipts = b->quiet ? 2 : 0,
                               .with_facts = true };
        hop_maker_init(&c->maker, &kind);
    }
    crowd_await_open(&a.crowd);
    for (uint32_t i = 1; i <= CONNECTED; i++) {
        hop_subscribe(&a.crowd.list[i].z, HOP_MAILBOX, 16);
        client_send(&a.crowd.list[i]);
    }
    await(&a, &a.subscribed, CONNECTED, "subscribed");
    for (uint64_t i = 0; i < ROUNDS; i++)
        round_of(b, name, &p, &a, i + 1);
    crowd_deinit(&a.crowd);
    site_deinit(s);
}
