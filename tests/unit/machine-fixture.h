/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For tests of the machines: a law context over the sample directory, acts made by hand, and a
 * telling of verdicts: "APPLIED STAGE_1>STAGE_2", "ILLEGAL CASE_IS_OPEN".
 */

#include <stdio.h>

#include "law/story.h"
#include "sample.h"

typedef struct Desk {
    Directory *d;
    LawContext ctx;
    int64_t now_ms;
    uint8_t n_acts;
    Act act;
    Facts facts;
    Item items[ITEM_KINDS];
    Items touched; /* by the next act; ITEM_NONE is never used */
    Step steps[ITEM_KINDS];
    Fired fired;
    char text[96];
} Desk;

static inline Directory *desk_directory(void) {
    static const int cluster[] = { CLUSTER_CHILD, CLUSTER_ELDERLY };
    static const char *const ids[] = { "min/anak", "min/lanjut-usia" };
    Directory *d = sample_unsealed();
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        DirNode n = sample_node(ids[i], NODE_MINISTRY_UNIT, "hub");
        (void)text_copy(n.parent, sizeof(n.parent), "min/rehsos");
        n.clusters[n.n_clusters++] = cluster[i];
        sample_add(d, &n);
    }
    DirNode register_bridge = sample_node("int/data-terpadu", NODE_INTEGRATION_CLIENT, "hub");
    (void)text_copy(register_bridge.parent, sizeof(register_bridge.parent), "min/rehsos");
    sample_add(d, &register_bridge);
    ASSERT_OK(directory_seal(d, 7));
    return d;
}

static inline void desk_init(Desk *k) {
    *k = (Desk) { .d = desk_directory(), .now_ms = SAMPLE_NOW };
    k->ctx = (LawContext) { .directory = k->d, .rule_sets = &rule_sets, .timers = &timer_policy };
}

static inline void desk_deinit(Desk *k) {
    directory_unref(k->d);
}

/* A new act of the kind, of region 3203 about a child, one minute after the last one. */
static inline Facts *desk_act(Desk *k, int kind, const char *actor) {
    k->now_ms += MINUTE_MS;
    k->facts = (Facts) { .readable = true };
    k->act = (Act) { .message_id = { { 0xa, ++k->n_acts } },
                     .case_id = { { 0xc } },
                     .kind = kind,
                     .region = "3203",
                     .cluster = CLUSTER_CHILD,
                     .urgency = URGENCY_ROUTINE,
                     .said_ms = k->now_ms,
                     .at_ms = k->now_ms,
                     .facts = &k->facts };
    (void)text_copy(k->act.actor, sizeof(k->act.actor), actor);
    return &k->facts;
}

/* The item of that kind takes part in every act from now on. */
static inline Item *desk_item(Desk *k, ItemKind kind) {
    Item *i = &k->items[kind];
    *i = (Item) { .kind = kind, .id = { { 0x1, (uint8_t)kind } } };
    k->touched.of[kind] = i;
    return i;
}

/* What the machine of that kind says to the act. */
static inline const char *desk_says(Desk *k, ItemKind kind) {
    static const char *const words[] = { "NONE", "APPLIED", "EARLY", "ILLEGAL" };
    story_apply(&k->ctx, &k->act, &k->touched, k->steps);
    const Step *s = &k->steps[kind];
    int n = snprintf(k->text, sizeof(k->text), "%s", words[s->verdict]);
    if (s->verdict == STEP_APPLIED)
        n += snprintf(k->text + n, sizeof(k->text) - (size_t)n, " %s>%s",
                      item_state_name((int)kind, s->from), item_state_name((int)kind, s->to));
    if (s->why)
        (void)snprintf(k->text + n, sizeof(k->text) - (size_t)n, " %s", s->why);
    return k->text;
}

/* Lets the timer fire when it is due: who is told, with a blank between. */
static inline const char *desk_fires(Desk *k, ItemKind kind, TimerKind timer) {
    const Timer *t = item_timer(&k->items[kind], timer);
    int n = 0;
    if (!t)
        return "not running";
    k->now_ms = t->due_ms;
    story_fire(&k->ctx, &k->items[kind], timer, k->now_ms, &k->fired);
    k->text[0] = '\0';
    for (uint32_t i = 0; i < k->fired.n; i++) {
        n += snprintf(k->text + n, sizeof(k->text) - (size_t)n, i ? " %s" : "%s",
                      k->fired.tell[i].to);
        assert_in_range(strlen(k->fired.tell[i].text_en), 40, REASON_TEXT_MAX);
        assert_in_range(strlen(k->fired.tell[i].text_id), 40, REASON_TEXT_MAX);
        assert_non_null(strstr(k->fired.tell[i].text_id, "Langkah berikutnya: "));
        assert_null(strstr(k->fired.tell[i].text_en, "DTKS"));
    }
    return k->text;
}

/* A small generator of its own, so that a seed means the same everywhere. */
static inline uint32_t desk_random(uint64_t *seed, uint32_t below) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}
