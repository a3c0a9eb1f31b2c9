/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer fires at one broker, the home of the item's keeper. Its notices tell the other brokers on
 * their way, which follow: what it decided (expiry, closing by silence, a cancellation nobody
 * answered, a complaint one level higher) is so there, too, and levels stay in step. Else they
 * would go on judging by the state before.
 */
#include <string.h>

#include "store/item.h"

#define LOOK_BACK 64U

static TimerKind timer_of(const char *code) {
    static const struct {
        const char *rule;
        TimerKind timer;
    } rules[] = { { "R-033", TIMER_FOLLOW_UP },
                  { "R-072", TIMER_DOCUMENTS },
                  { "R-120", TIMER_DTKS },
                  { "R-152", TIMER_MONITORING } };
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (strcmp(rules[i].rule, code) == 0)
            return rules[i].timer;
    for (int k = TIMER_NONE + 1; k < TIMER_KINDS; k++)
        if (strcmp(timer_name(k), code) == 0)
            return (TimerKind)k;
    return TIMER_NONE;
}

/* Several are told of one firing, and a timer may have started anew with it. */
static bool was_followed(Store *s, const StoredItem *i, TimerKind timer, int64_t due_ms) {
    StoredAct a;
    int64_t n = i->last_act;
    for (uint32_t k = 0; k < LOOK_BACK && n > 0 && act_load(s, n, &a); k++) {
        const ActLink *l = act_link(&a, i->item.kind, &i->item.id);
        if (a.type == ACT_TIMER && a.ref == due_ms && a.n_body > 0 && a.body[0] == timer)
            return true;
        n = l ? l->prev : 0;
    }
    return false;
}

/* Only the keeper's home broker fires. */
static bool may_fire(const Store *s, const Item *i, const char *broker) {
    const DirNode *keeper = directory_node(s->directory, i->keeper);
    return keeper && strcmp(keeper->home, broker) == 0 && strcmp(broker, s->self) != 0;
}

void law_notice(Store *s, const Message *m) {
    const NoticeFacts *f = &m->facts.notice;
    const TimerKind kind = m->facts.readable ? timer_of(f->code) : TIMER_NONE;
    StoredItem *i = &s->law->parent;
    if (kind == TIMER_NONE || f->item_kind == ITEM_NONE || f->item_kind >= ITEM_KINDS ||
        !item_load(s, (ItemKind)f->item_kind, &f->item_id, i) ||
        !may_fire(s, &i->item, m->env.sender))
        return;
    const Timer *timer = item_timer(&i->item, kind);
    const int64_t now_ms = s->now_ms;
    if (!timer || timer->level != f->level || was_followed(s, i, kind, f->due_ms) ||
        f->due_ms <= i->item.opened_ms - DAY_MS || f->due_ms > now_ms + DAY_MS)
        return;
    Fired fired; /* told there */
    s->now_ms = f->due_ms;
    act_timer(s, i, kind, f->due_ms, &fired);
    s->now_ms = now_ms;
}
