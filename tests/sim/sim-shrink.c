/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include "sim/sim-world.h"

/* Of the same sort: the first word of what is wrong. */
static bool is_alike(const SimReport *a, const SimReport *b) {
    const char *p = strchr(a->first, ':'), *q = strchr(b->first, ':');
    return p && q && strncmp(p, q, strcspn(p + 2, " ") + 2) == 0;
}

static bool fails(const SimConfig *c, SimReport *ret) {
    SimReport r;
    if (sim_run(c, &r) != 1 || !is_alike(&r, ret))
        return false;
    *ret = r;
    return true;
}

static unsigned count_only(const SimConfig *c) {
    unsigned n = 0;
    for (unsigned i = 0; i < SIM_FAULTS_MAX; i++)
        n += c->only[i];
    return n;
}

/* Leaves out pieces of a half, a quarter ... of the faults, for as long as that goes. */
static bool fewer_faults(SimConfig *config, SimReport *report) {
    bool any = false;
    for (unsigned piece = MAX(count_only(config) / 2, 1U); piece > 0;) {
        bool progress = false;
        for (unsigned skip = 0; skip < count_only(config);) {
            SimConfig c = *config;
            unsigned at = 0, dropped = 0;
            for (unsigned i = 0; i < SIM_FAULTS_MAX && dropped < piece; i++)
                if (c.only[i] && at++ >= skip) {
                    c.only[i] = false;
                    dropped++;
                }
            if (dropped > 0 && fails(&c, report)) {
                *config = c;
                progress = any = true;
            } else {
                skip += piece;
            }
        }
        if (!progress || piece > count_only(config))
            piece /= 2;
    }
    return any;
}

static bool less_of(SimConfig *config, SimReport *report, unsigned *what, unsigned is) {
    bool any = false;
    for (unsigned n = is / 2, step = is; n > 0 && n < is; n = is - step) {
        const unsigned was = *what;
        *what = n;
        if (fails(config, report)) {
            is = n;
            any = true;
        } else {
            *what = was;
        }
        step = MAX((is - n) / 2, 1U);
        if (*what == was && step == 1 && n == is - 1)
            break;
    }
    return any;
}

void sim_shrink(SimConfig *config, SimReport *report) {
    if (!config->only_given) {
        SimConfig c = *config;
        c.only_given = true;
        memcpy(c.only, report->happened, sizeof(c.only));
        if (!fails(&c, report))
            return;
        *config = c;
    }
    for (bool progress = true; progress;) {
        progress = fewer_faults(config, report);
        progress |= less_of(config, report, &config->regionals, report->regionals);
        progress |= less_of(config, report, &config->clients, report->clients);
        progress |= less_of(config, report, &config->messages, report->messages);
    }
}

void sim_print_options(const SimConfig *c, FILE *to) {
    fprintf(to, " --seed %llu", (unsigned long long)c->seed);
    if (c->disk != SIM_DISK_HONEST)
        fprintf(to, " --disk %s", c->disk == SIM_DISK_LIES ? "lies" : "normal");
    if (c->regionals)
        fprintf(to, " --regionals %u", c->regionals);
    if (c->clients)
        fprintf(to, " --clients %u", c->clients);
    if (c->messages)
        fprintf(to, " --messages %u", c->messages);
    if (c->faults != UINT_MAX)
        fprintf(to, " --faults %u", c->faults);
    if (!c->only_given)
        return;
    fprintf(to, " --only ");
    const char *comma = "";
    for (unsigned i = 0; i < SIM_FAULTS_MAX; i++)
        if (c->only[i]) {
            fprintf(to, "%s%u", comma, i);
            comma = ",";
        }
    if (comma[0] == '\0')
        fprintf(to, "''");
}

void sim_print_faults(const SimConfig *config, FILE *to) {
    SimReport report = { 0 };
    World *w = calloc(1, sizeof(*w));
    assert(w);
    w->config = config;
    w->report = &report;
    world_draw(w);
    faults_draw(w);
    const Profile *p = &w->profile;
    const BrokerConfig *b = &p->broker;
    fprintf(to,
            "  page=%u quota=%u neighbour=%u retention=%lld facts=%u sealed=%u power=%u%%; disk "
            "keep=%u torn=%u "
            "garbage=%d sync=%u; ping=%lld probe=%lld lease=%lld stall=%lld link=%u window=%u "
            "credit=%u cache=%zu pending=%u retry=%lld..%lld x%u\n",
            p->page_size, p->quota, p->neighbour_quota, (long long)p->retention_ms, p->size_facts,
            p->size_sealed, p->power_of_100, p->disk.keep, p->disk.torn, p->disk.garbage,
            p->disk.sync_ms, (long long)b->ping_ms, (long long)b->probe_ms, (long long)b->lease_ms,
            (long long)b->link_stall_ms, b->link_window, b->publish_window, b->credit_messages_max,
            b->cache_bytes, b->pending_max, (long long)b->retry.first_ms,
            (long long)b->retry.cap_ms, b->retry.max_attempts);
    for (unsigned i = 0; i < w->n_faults; i++)
        if (!config->only_given || config->only[i])
            fprintf(to, "  fault %u at %lld ms: %s until %lld ms\n", i,
                    (long long)w->faults[i].at_ms, fault_name(w->faults[i].kind),
                    (long long)w->faults[i].end_ms);
    agenda_deinit(&w->agenda);
    free(w);
}
