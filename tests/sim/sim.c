/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include <errno.h>
#include <stdarg.h>

#include "sim/chance.h"
#include "sim/sim-world.h"

#define LIMIT_MS (3 * HOUR_MS) /* after the last fault */
#define LOOK_MS  700           /* is everything done? */

/* --- telling --- */

void world_tell(World *w, const HistoryEvent *e) {
    if (history_add(w->history, e) < 0)
        world_wrong(w, "%s: an event that cannot be: op %d, word %s", e->who, (int)e->op,
                    e->word ? e->word : "");
}

void world_note(World *w, const char *who, const char *format, ...) {
    char text[512];
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    w->hash = trace_word(w->hash, (uint64_t)w->now_ms);
    w->hash = trace_bytes(w->hash, text, strlen(text));
    if (w->config->verbose)
        fprintf(stderr, "%9lld %-12s %s\n", (long long)w->now_ms, who, text);
}

void world_wrong(World *w, const char *format, ...) {
    char text[512];
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (w->report->wrong++ == 0)
        (void)snprintf(w->report->first, sizeof(w->report->first), "at %lld: %s",
                       (long long)w->now_ms, text);
    world_note(w, "WRONG", "%s", text);
}

/* --- the wheel --- */

static void handle(World *w, const Happening *e) {
    switch (e->kind) {
    case EVENT_FLOW:
    case EVENT_DIAL:
    case EVENT_CUT:
    case EVENT_RESET:
        net_event(w, e);
        break;
    case EVENT_CLIENT:
        if (e->token == w->clients[e->index].token)
            client_event(w, &w->clients[e->index]);
        break;
    case EVENT_FAULT:
    case EVENT_FAULT_END:
        fault_event(w, e);
        break;
    case EVENT_MOVE:
        move_event(w, e);
        break;
    default:
        sim_broker_event(w, e);
        break;
    }
}

static bool is_ruined(const World *w) {
    for (unsigned i = 0; i < w->n_brokers; i++)
        if (w->brokers[i].ruined)
            return true;
    return false;
}

/* Returns whether all was done in time. */
static bool turn_wheel(World *w) {
    Happening e;
    int64_t look_ms = w->calm_ms, quiet_ms = 0;
    const int64_t wait_ms = 4 * MAX(w->profile.broker.ping_ms, SECOND_MS); /* links compare */
    while (agenda_take(&w->agenda, &e) && e.at_ms < w->calm_ms + LIMIT_MS && !is_ruined(w)) {
        w->now_ms = e.at_ms;
        handle(w, &e);
        if (w->now_ms < look_ms)
            continue;
        look_ms = w->now_ms + LOOK_MS;
        if (!world_is_done(w, false))
            quiet_ms = 0;
        else if (quiet_ms == 0)
            quiet_ms = w->now_ms;
        else if (w->now_ms >= quiet_ms + wait_ms)
            return true;
    }
    return false;
}

static void judge(World *w) {
    const HistoryRules rules = { .clock_ms = 2 * w->far_ms + 20,
                                 .flight_us = (w->flight_ms + 1) * 1000 };
    HistoryReport *h = calloc(1, sizeof(*h));
    assert(h);
    int r = history_check(w->history, &rules, h);
    assert(r >= 0);
    w->report->dead = (unsigned)h->dead;
    w->report->lost += (unsigned)h->count[HISTORY_KIND_LOST];
    for (size_t i = 0; i < h->n_verdicts; i++)
        world_wrong(w, "%s: %s", history_kind_name(h->verdicts[i].kind), h->verdicts[i].text);
    free(h);
}

int sim_run(const SimConfig *config, SimReport *ret) {
    World *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    *ret = (SimReport) { 0 };
    w->config = config;
    w->report = ret;
    chance_set(config->seed);
    int r = history_new(&w->history);
    if (r < 0) {
        free(w);
        return r;
    }
    world_draw(w);
    world_set_up(w);
    ret->regionals = w->profile.regionals;
    ret->clients = w->profile.clients_per_broker;
    ret->messages = w->profile.messages;
    if (turn_wheel(w))
        TELL(w, .phase = HISTORY_INFO, .op = HISTORY_DRAINED, .who = "-");
    else if (!is_ruined(w))
        (void)world_is_done(w, true);
    if (!is_ruined(w)) {
        world_check(w);
        judge(w);
        ledgers_check(w);
        law_check(w);
    }
    if (config->history && history_save(w->history, config->history) < 0)
        fprintf(stderr, "sim: %s cannot be written\n", config->history);
    for (unsigned i = 0; i < w->n_brokers; i++)
        w->hash = trace_word(w->hash, disk_hash(w->brokers[i].disk));
    ret->virtual_ms = w->now_ms;
    ret->hash = w->hash;
    world_tear_down(w);
    free(w);
    return ret->wrong > 0;
}
