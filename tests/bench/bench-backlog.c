/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BACKLOG and START: a million messages that nobody takes. Does the memory stay flat? How long
 * until READY with them, after an orderly stop and after kill -9 in the middle of publishing? They
 * share the filling, which is the longest part: either name measures both.
 */
#include <signal.h>

#include "bench/bench.h"

#define MESSAGES 1000000U
#define STEPS    10U
#define WINDOW   512U

static void publish_some(Bench *b, Pair *p, uint32_t n, Series *confirm) {
    const FlowSetup setup = { .publishers = 1, .window = WINDOW, .n = n };
    const HopKind kind = pair_kind(p);
    Flow f;
    flow_init(&f, b, &setup, &kind, p->at->port, &p->publisher, 0, NULL);
    flow_run(&f);
    for (uint32_t i = 0; confirm && i < f.confirm.n; i++)
        series_add(confirm, f.confirm.list[i]);
    flow_deinit(&f);
}

static void fill(Bench *b, Pair *p, const char *name) {
    const uint32_t step = (uint32_t)(MESSAGES * b->scale / STEPS);
    double first = 0, start = seconds();
    for (uint32_t i = 1; i <= STEPS; i++) {
        char measure[64];
        publish_some(b, p, step, NULL);
        const Usage u = site_usage(&p->site);
        snprintf(measure, sizeof(measure), "%u waiting: memory", i * step);
        report(b, name, measure, u.rss / 1048576, "MiB");
        if (i == STEPS / 2)
            first = u.rss;
        if (i == STEPS)
            report_target(b, name, "memory, all to half of them", u.rss / first, "x", -1, 1.1);
    }
    report(b, name, "filled", STEPS * step / (seconds() - start), "/s");
    report(b, name, "file", site_file_size(p->home, "") / (STEPS * step), "B each");
    report(b, name, "log", site_file_size(p->home, "-wal") / 1048576, "MiB");
}

/* The broker is killed while a window of messages is on its way. */
static void kill_it(Bench *b, Pair *p) {
    const FlowSetup setup = { .publishers = 1, .window = WINDOW, .n = 100000 };
    const HopKind kind = pair_kind(p);
    Flow f;
    flow_init(&f, b, &setup, &kind, p->at->port, &p->publisher, 0, NULL);
    f.n = 20000;
    flow_run(&f);
    site_stop_one(p->home, SIGKILL);
    flow_deinit(&f);
}

static void restart(Bench *b, Pair *p, const char *name, const char *measure, bool killed) {
    char text[64];
    if (killed)
        kill_it(b, p);
    else
        site_stop_one(p->home, SIGTERM);
    const double took = site_start_one(&p->site, p->home);
    const Usage u = site_usage(&p->site);
    report(b, name, measure, took, "s");
    snprintf(text, sizeof(text), "%s: memory", measure);
    report(b, name, text, u.rss / 1048576, "MiB");
}

void bench_backlog(Bench *b, const char *name) {
    Pair p;
    if (b->publisher)
        die("%s needs a broker of its own", name);
    pair_init(&p, b, "BACKLOG", false, NULL, 0);
    fill(b, &p, "BACKLOG");
    restart(b, &p, "START", "ready after a stop", false);
    restart(b, &p, "START", "ready after kill -9", true);
    restart(b, &p, "START", "ready after kill -9, again", true);
    site_deinit(&p.site);
}
