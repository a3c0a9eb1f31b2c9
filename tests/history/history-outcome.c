/* SPDX-License-Identifier: Apache-2.0 */

/* Receipts, outcomes and dead letters as they are told; and the clock, which says what expired. */

#include <string.h>

#include "history/history-judge.h"

static Level level_of(const Judge *j, const Record *r) {
    static const char *const names[] = { "", "PENDING", "COLLECTED", "UNDELIVERABLE", "RECALLED" };
    for (unsigned i = 1; i < ARRAY_SIZE(names); i++)
        if (judge_is_word(j, r, names[i]))
            return i;
    return LEVEL_OTHER;
}

/* The latest the wall clock has been. */
static int64_t wall_max(const Judge *j, size_t at) {
    return MAX(j->wall_max_ms,
               j->clock_wall_ms + (judge_record(j, at)->at_us - j->clock_at_us) / 1000);
}

static void check_expiry(Judge *j, const Message *m, size_t at, uint32_t node) {
    int64_t latest = wall_max(j, at) + j->rules.clock_ms;
    bool early =
        m->expires_ms ? latest < m->expires_ms : latest - j->wall_min_ms < j->rules.expiry_ms;
    if (j->has_clock && m->invoked && early)
        judge_wrong(j, HISTORY_KIND_EXPIRY, m, LINES(m->invoked, at),
                    "expired for %s before its time", history_name(j->h, node));
}

void judge_receipt(Judge *j, const Record *r, size_t at) {
    Message *m = judge_message(j, &r->id);
    Message *itself = uuid_is_nil(&r->other) ? NULL : judge_message(j, &r->other);
    Pair *p = m ? judge_pair(j, m, r->recipient) : NULL;
    Level level = level_of(j, r);
    j->report->receipts++;
    if (itself) {
        Pair *own = judge_pair(j, itself, history_node_of(j->h, r->who));
        itself->is_receipt = true;
        if (own)
            (void)judge_handout(j, itself, own, r, at);
    }
    if (!p)
        return;
    if (!m->invoked || m->sender != history_node_of(j->h, r->who))
        judge_wrong(j, HISTORY_KIND_UNEXPECTED, m, LINES(at),
                    "%s was sent a receipt for what it had not published",
                    history_name(j->h, r->who));
    if (level < LEVEL_COLLECTED || level == LEVEL_OTHER)
        return;
    if (p->told && (level != p->level || (!uuid_is_nil(&r->other) && !uuid_is_nil(&p->receipt) &&
                                          !uuid_equal(&r->other, &p->receipt))))
        judge_wrong(j, HISTORY_KIND_OUTCOME, m, LINES(m->invoked, p->told, at),
                    "two final receipts for %s: %s and %s", history_name(j->h, p->node),
                    history_name(j->h, judge_record(j, p->told)->word),
                    history_name(j->h, r->word));
    if (p->told)
        return;
    p->told = at;
    p->level = level;
    p->cause = r->cause;
    p->receipt = r->other;
    if (level == LEVEL_COLLECTED && !p->done && judge_program(j, p->node)->mailbox)
        judge_wrong(j, HISTORY_KIND_RECEIPT, m, LINES(p->first, at),
                    "receipt COLLECTED before %s had settled it", history_name(j->h, p->node));
    if (level == LEVEL_RECALLED && !m->recalled &&
        strcmp(history_name(j->h, p->cause), "SUPERSEDED") != 0)
        judge_wrong(j, HISTORY_KIND_RECEIPT, m, LINES(m->invoked, at),
                    "receipt RECALLED for %s and nobody had ordered that",
                    history_name(j->h, p->node));
    if (strncmp(history_name(j->h, p->cause), "EXPIRED", 7) == 0)
        check_expiry(j, m, at, p->node);
}

void judge_outcome(Judge *j, const Record *r, size_t at) {
    Message *m = judge_message(j, &r->id);
    if (!m)
        return;
    bool by_sender = m->sender && (history_node_of(j->h, r->who) == m->sender || r->who == m->home);
    if (r->phase == HISTORY_INVOKE) {
        m->ask++;
        m->ask_who = r->who;
        if (by_sender)
            m->asked = at;
        return;
    }
    Pair *p = judge_pair(j, m, r->recipient);
    Level level = level_of(j, r);
    if (!p)
        return;
    j->report->outcomes++;
    if (m->ask && r->who == m->ask_who && p->row_ask == m->ask)
        judge_wrong(j, HISTORY_KIND_OUTCOME, m, LINES(m->invoked, p->last_row, at),
                    "%s has two outcomes for %s", history_name(j->h, r->who),
                    history_name(j->h, p->node));
    p->row_ask = m->ask;
    p->last_row = at;
    if (by_sender)
        p->sender_row = at;
    if (level < LEVEL_COLLECTED)
        return;
    if (p->row && level != p->row_level)
        judge_wrong(j, HISTORY_KIND_OUTCOME, m, LINES(m->invoked, p->row, at),
                    "outcomes for %s disagree: %s and %s", history_name(j->h, p->node),
                    history_name(j->h, judge_record(j, p->row)->word), history_name(j->h, r->word));
    if (level == LEVEL_COLLECTED && !p->done && judge_program(j, p->node)->mailbox)
        judge_wrong(j, HISTORY_KIND_RECEIPT, m, LINES(m->invoked, p->first, at),
                    "outcome COLLECTED though %s never settled it", history_name(j->h, p->node));
    p->row = at;
    p->row_level = level;
}

void judge_dead(Judge *j, const Record *r, size_t at) {
    if (r->phase == HISTORY_INVOKE) {
        j->dead_listed = at;
        return;
    }
    Message *m = judge_message(j, &r->id);
    Pair *p = m ? judge_pair(j, m, r->recipient) : NULL;
    if (p && !p->dead && !m->invoked && !m->is_receipt)
        judge_program(j, r->recipient)->dead_receipts++;
    if (p)
        p->dead = at;
}

void judge_requeue(Judge *j, const Record *r, size_t at) {
    Message *m = judge_message(j, &r->id);
    Pair *p = m ? judge_pair(j, m, r->recipient) : NULL;
    if (!p)
        return;
    p->requeued = at;
    p->rejected_by = NULL; /* attempts are counted anew */
}

/* After a definite no it is a recipient no more than before. */
void judge_redirect(Judge *j, const Record *r, size_t at) {
    Message *m = judge_message(j, &r->id);
    Pair *p = m ? judge_pair(j, m, r->recipient) : NULL;
    if (!p)
        return;
    if (r->phase == HISTORY_INVOKE)
        p->instead = at;
    else if (r->phase == HISTORY_OK)
        p->redirected = at;
    else {
        p->instead = 0;
        p->refused = at;
    }
}

void judge_clock(Judge *j, const Record *r, size_t at) {
    int64_t until = j->has_clock ? wall_max(j, at) : r->ms;
    j->wall_min_ms = j->has_clock ? MIN(j->wall_min_ms, r->ms) : r->ms;
    j->wall_max_ms = MAX(until, r->ms);
    j->clock_wall_ms = r->ms;
    j->clock_at_us = r->at_us;
    j->has_clock = true;
}
