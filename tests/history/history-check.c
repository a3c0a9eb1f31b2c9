/* SPDX-License-Identifier: Apache-2.0 */

/* The judgement: memory, order, and what is wrong with the sum of all events. */

#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/times.h"
#include "history/history-judge.h"

struct Chunk {
    Chunk *next;
    size_t used;
    alignas(max_align_t) uint8_t bytes[65536];
};

void *judge_alloc(Judge *j, size_t size) {
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    Chunk *c = j->chunks;
    if (!c || c->used + size > sizeof(c->bytes)) {
        c = malloc(sizeof(*c));
        if (!c) {
            j->failed = true;
            return NULL;
        }
        c->next = j->chunks;
        c->used = 0;
        j->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += size;
    return memset(p, 0, size);
}

Message *judge_message(Judge *j, const Uuid *id) {
    Message *m = NULL;
    HASH_FIND(hh, j->messages, id, sizeof(*id), m);
    if (m || !(m = judge_alloc(j, sizeof(*m))))
        return m;
    m->id = *id;
    HASH_ADD(hh, j->messages, id, sizeof(m->id), m);
    return m;
}

Pair *judge_pair(Judge *j, Message *m, uint32_t node) {
    Pair *p = m->pairs;
    while (p && p->node != node)
        p = p->next;
    if (p || !(p = judge_alloc(j, sizeof(*p))))
        return p;
    p->node = node;
    p->next = m->pairs;
    m->pairs = p;
    return p;
}

static size_t named_at(const Message *m) {
    return m->answer_to ? m->answer_to : m->invoke_to;
}

bool judge_is_recipient(const Judge *j, const Message *m, uint32_t node) {
    if (!named_at(m))
        return true;
    const Record *r = judge_record(j, named_at(m));
    for (unsigned i = 0; i < r->n_to; i++)
        if (j->h->to[r->first_to + i] == node)
            return true;
    return false;
}

/* --- verdicts --- */

static void add_lines(const Judge *j, HistoryVerdict *v, const size_t lines[HISTORY_LINES_MAX]) {
    size_t used = strlen(v->text);
    for (unsigned i = 0; i < HISTORY_LINES_MAX; i++) {
        bool again = lines[i] == 0;
        for (unsigned k = 0; k < i && !again; k++)
            again = lines[k] == lines[i];
        if (again)
            continue;
        const Record *r = judge_record(j, lines[i]);
        v->lines[v->n_lines] = j->order[lines[i] - 1] + 1;
        v->at_us = MAX(v->at_us, r->at_us);
        int n =
            snprintf(v->text + used, sizeof(v->text) - used, "%s%s:%u", v->n_lines ? ", " : " [",
                     r->file ? history_name(j->h, r->file) : "line", r->line);
        v->n_lines++;
        used = MIN(used + (size_t)MAX(n, 0), sizeof(v->text) - 1);
    }
    if (v->n_lines)
        (void)snprintf(v->text + used, sizeof(v->text) - used, "]");
}

void judge_wrong(Judge *j, HistoryKind kind, const Message *m,
                 const size_t lines[HISTORY_LINES_MAX], const char *format, ...) {
    char id[UUID_TEXT_SIZE];
    va_list ap;
    if (j->report->count[kind]++ >= HISTORY_KEEP)
        return;
    HistoryVerdict *v = &j->report->verdicts[j->report->n_verdicts++];
    *v = (HistoryVerdict) { .kind = kind };
    int n = 0;
    if (m) {
        uuid_format(&m->id, id);
        n = snprintf(v->text, sizeof(v->text), "%s ", id);
    }
    va_start(ap, format);
    (void)vsnprintf(v->text + n, sizeof(v->text) - (size_t)n, format, ap);
    va_end(ap);
    add_lines(j, v, lines);
}

static int earlier(const void *a, const void *b) {
    const HistoryVerdict *x = a, *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

/* --- what the sum shows --- */

static const char *name_of(const Judge *j, const Pair *p) {
    return history_name(j->h, p->node);
}

static bool has_ended(const Pair *p) { /* without having been collected */
    return p->level == LEVEL_UNDELIVERABLE || p->level == LEVEL_RECALLED ||
           p->row_level == LEVEL_UNDELIVERABLE || p->row_level == LEVEL_RECALLED;
}

/* Receipt, outcome, dead letter and what the recipient was told must agree. */
static void check_agreement(Judge *j, const Message *m, const Pair *p) {
    size_t said = p->told ? p->told : p->row;
    const char *cause = history_name(j->h, p->cause);
    if (p->requeued)
        return;
    if (has_ended(p) && p->settled)
        judge_wrong(j, HISTORY_KIND_RECEIPT, m, LINES(m->invoked, p->settled, said),
                    "%s for %s, who was answered SETTLED to its DONE",
                    history_name(j->h, judge_record(j, said)->word), name_of(j, p));
    if (p->told && p->row && p->level != p->row_level)
        judge_wrong(j, HISTORY_KIND_OUTCOME, m, LINES(m->invoked, p->told, p->row),
                    "the receipt for %s says %s and the outcome %s", name_of(j, p),
                    history_name(j->h, judge_record(j, p->told)->word),
                    history_name(j->h, judge_record(j, p->row)->word));
    if (j->dead_listed <= j->drained || !j->drained)
        return;
    if (p->dead > j->drained && !(p->told && p->level == LEVEL_UNDELIVERABLE) &&
        p->row_level != LEVEL_UNDELIVERABLE)
        judge_wrong(j, HISTORY_KIND_DEAD, m, LINES(m->invoked, p->dead, p->told, p->row),
                    "a dead letter for %s, and its sender was not told", name_of(j, p));
    if (p->told && strncmp(cause, "DEAD_", 5) == 0 && p->dead < j->drained)
        judge_wrong(j, HISTORY_KIND_DEAD, m, LINES(m->invoked, p->told, j->dead_listed),
                    "%s for %s, and no broker has the dead letter", cause, name_of(j, p));
}

/* A receipt that is missing may be one of the dead letters that nobody has read. */
static bool is_dead_letter(Program *sender) {
    return sender->dead_receipts > 0 && sender->dead_receipts-- > 0;
}

/* After the drain every recipient of an accepted message has one end, and the sender knows it. */
static void check_end(Judge *j, const Message *m, const Pair *p) {
    size_t known = m->accepted ? m->accepted : m->duplicate;
    const Program *to = &j->programs[p->node];
    Program *from = &j->programs[m->sender];
    bool collected = p->done > 0, told = p->told > 0;
    j->report->expired += p->told && strncmp(history_name(j->h, p->cause), "EXPIRED", 7) == 0;
    j->report->dead += p->told && strncmp(history_name(j->h, p->cause), "DEAD_", 5) == 0;
    j->report->recalled += p->told && p->level == LEVEL_RECALLED;
    if (!j->drained) {
        if (!j->rules.partial && !has_ended(p) &&
            (to->mailbox ? !collected : from->receipts && !told))
            judge_wrong(j, HISTORY_KIND_UNDRAINED, m, LINES(m->invoked, known, p->first),
                        "is not at its end for %s%s", name_of(j, p),
                        p->first ? "" : ", who has never seen it");
        return;
    }
    if (m->invoked > j->drained)
        return;
    if (!collected && !has_ended(p) && to->mailbox)
        judge_wrong(j, HISTORY_KIND_LOST, m, LINES(m->invoked, known, p->first, j->drained),
                    "was accepted, %s %s", name_of(j, p),
                    p->first ? "saw it and could not settle it" : "has never seen it");
    else if (from->receipts && !told && !(m->failures_only && collected) && !is_dead_letter(from))
        judge_wrong(j, HISTORY_KIND_OUTCOME, m, LINES(m->invoked, known, p->first, j->drained),
                    "no final receipt for %s", name_of(j, p));
    if (m->asked > j->drained && p->sender_row < m->asked)
        judge_wrong(j, HISTORY_KIND_OUTCOME, m, LINES(m->invoked, known, m->asked),
                    "no outcome is named for %s", name_of(j, p));
    else if (m->asked > j->drained && !p->row)
        judge_wrong(j, HISTORY_KIND_OUTCOME, m, LINES(m->invoked, known, p->sender_row),
                    "no final outcome for %s", name_of(j, p));
}

/* A redirection to it was asked for, and was refused, or whether it was done shows nowhere. */
static bool is_without_part(const Pair *p) {
    return (p->instead || p->refused) && !p->redirected && !p->first && !p->told && !p->last_row;
}

static void check_recipients(Judge *j, Message *m) {
    size_t named = named_at(m);
    const Record *r = named ? judge_record(j, named) : NULL;
    for (unsigned i = 0; r && i < r->n_to; i++)
        (void)judge_pair(j, m, j->h->to[r->first_to + i]);
    for (const Pair *p = m->pairs; p; p = p->next) {
        if (is_without_part(p))
            continue;
        if (!judge_is_recipient(j, m, p->node) && !p->instead) {
            judge_wrong(j, HISTORY_KIND_UNEXPECTED, m, LINES(m->invoked, named, p->first, p->told),
                        "%s is not among its recipients", name_of(j, p));
            continue;
        }
        check_agreement(j, m, p);
        check_end(j, m, p);
    }
}

static void check_message(Judge *j, Message *m) {
    bool seen = m->accepted || m->duplicate;
    size_t first = 0;
    for (const Pair *p = m->pairs; p; p = p->next) {
        if (p->first && (!first || p->first < first))
            first = p->first;
        seen |= p->first || p->told || p->row;
    }
    if (m->is_receipt)
        return;
    if (first && (!m->invoked || first < m->invoked))
        judge_wrong(j, HISTORY_KIND_UNEXPECTED, m, LINES(first, m->invoked), "was delivered and %s",
                    m->invoked ? "only then published" : "never published");
    else if (first && !m->accepted && !m->duplicate && m->n_failed >= m->n_invoked)
        judge_wrong(j, HISTORY_KIND_UNEXPECTED, m, LINES(m->invoked, m->refused, first),
                    "was delivered though each attempt to publish it was refused");
    else if (m->invoked && seen)
        check_recipients(j, m);
}

/* May this attempt be the one that was accepted? */
static bool may_be(const Message *m, const Attempt *a) {
    bool known = false;
    for (const Attempt *x = m->attempts; x && !known; x = x->next)
        known = x->accepted;
    return known ? a->accepted : !a->failed;
}

/* Must a have been accepted before b? Whichever attempts it was: that of a went first on the same
 * session, or a was known to be accepted before b went. */
static bool is_before(const Message *a, const Message *b) {
    const size_t known = a->accepted ? a->accepted : a->duplicate;
    bool any = false;
    for (const Attempt *y = b->attempts; y; y = y->next) {
        if (!may_be(b, y))
            continue;
        any = true;
        for (const Attempt *x = a->attempts; x && !(known && known < y->at); x = x->next)
            if (may_be(a, x) && (x->who != y->who || x->session != y->session || x->at > y->at))
                return false;
    }
    return any;
}

/* What waited at its old broker and what came to the new one meanwhile have no order. */
static bool has_moved(Judge *j, const Pair *p) {
    return judge_program(j, p->node)->moved;
}

/* One that was withdrawn or given up while it was on its way to a session that died does not hold
 * up the next: then it may come last. */
static void check_order(Judge *j, const Passing *x) {
    const Message *m = x->before;
    const bool on_its_way = x->maybe_sent_first && has_ended(x->before_pair);
    if (x->before_pair->instead || x->after_pair->instead || /* whose turn was another one's */
        has_moved(j, x->before_pair))
        return;
    if (!on_its_way && is_before(m, x->after))
        judge_wrong(j, HISTORY_KIND_ORDER, m, LINES(m->since, x->after->since, x->before_at, x->at),
                    "delivered to %s for the first time after a later one of its case",
                    name_of(j, x->before_pair));
}

/* Two of a case were out at once if both were collected, and later than that. */
static void check_case(Judge *j, const Passing *x) {
    const Pair *a = x->before_pair, *b = x->after_pair;
    bool both = (a->level == LEVEL_COLLECTED || a->settled) &&
                (b->level == LEVEL_COLLECTED || b->settled) && a->done > x->at && b->done > x->at &&
                !a->requeued && !b->requeued && !has_ended(a) && !has_ended(b) && !has_moved(j, a);
    if (both)
        judge_wrong(j, HISTORY_KIND_OVERTAKEN, x->after, LINES(a->first, x->at, a->done, b->done),
                    "came to %s while another of its case was not settled", name_of(j, b));
}

static void check_all(Judge *j) {
    for (Message *m = j->messages; m; m = m->hh.next)
        check_message(j, m);
    for (const Passing *x = j->passings; x; x = x->next)
        (x->of_case ? check_case : check_order)(j, x);
    if (!j->drained && !j->rules.partial && j->report->count[HISTORY_KIND_UNDRAINED] == 0)
        judge_wrong(j, HISTORY_KIND_UNDRAINED, NULL, LINES(0), "no line says that all was drained");
}

/* --- the whole --- */

static int by_time(const void *a, const void *b, void *h) {
    const uint32_t *x = a, *y = b;
    int64_t s = ((const History *)h)->records[*x].at_us,
            t = ((const History *)h)->records[*y].at_us;
    if (s != t)
        return s < t ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

static void set_rules(Judge *j, const HistoryRules *rules) {
    if (rules)
        j->rules = *rules;
    if (j->rules.expiry_ms == 0)
        j->rules.expiry_ms = 72 * HOUR_MS;
    if (j->rules.clock_ms == 0)
        j->rules.clock_ms = 20;
}

int history_check(const History *h, const HistoryRules *rules, HistoryReport *ret) {
    Judge j = { .h = h, .report = ret };
    bool sorted = true;
    *ret = (HistoryReport) { .events = h->n };
    set_rules(&j, rules);
    j.order = reallocarray(NULL, h->n + 1, sizeof(*j.order));
    j.programs = calloc(h->n_names, sizeof(*j.programs));
    j.failed = !j.order || !j.programs;
    for (size_t i = 0; !j.failed && i < h->n; i++) {
        j.order[i] = (uint32_t)i;
        sorted &= i == 0 || h->records[i].at_us >= h->records[i - 1].at_us;
    }
    if (!j.failed && !sorted)
        qsort_r(j.order, h->n, sizeof(*j.order), by_time, (void *)(uintptr_t)h);
    if (!j.failed)
        judge_follow(&j);
    if (!j.failed)
        check_all(&j);
    HASH_CLEAR(hh, j.messages);
    HASH_CLEAR(hh, j.tracks);
    while (j.chunks) {
        Chunk *next = j.chunks->next;
        free(j.chunks);
        j.chunks = next;
    }
    free(j.order);
    free(j.programs);
    if (j.failed)
        return -ENOMEM;
    qsort(ret->verdicts, ret->n_verdicts, sizeof(ret->verdicts[0]), earlier);
    return ret->n_verdicts > 0;
}
