/* SPDX-License-Identifier: Apache-2.0 */

/* Follows the events of a history and says at once what one event shows to be wrong. */

#include "history/history-judge.h"

/* An answer came to what was invoked at `invoke` in this session. */
static void hear(Judge *j, uint32_t who, size_t invoke) {
    Program *p = judge_program(j, who);
    if (invoke > p->open)
        p->heard = MAX(p->heard, invoke);
}

/* Had the broker sent this handout, received at `at`, only after it sent `answer` (to `by`)? */
static bool was_sent_after(const Judge *j, const Handout *h, size_t answer, const Settling *by) {
    if (by && by->of->who == h->who && by->of->session == h->session)
        return true; /* the answer came first, on the same session */
    return h->sent_after > answer ||
           (j->rules.flight_us > 0 &&
            judge_record(j, h->at)->at_us - j->rules.flight_us > judge_record(j, answer)->at_us);
}

/* Before this answer the broker must have begun and ended a sync since `invoke`. */
static void must_be_synced(Judge *j, const Message *m, size_t invoke, size_t answer,
                           const char *what) {
    uint32_t broker = judge_program(j, judge_record(j, answer)->who)->broker;
    const Program *b = broker ? judge_program(j, broker) : NULL;
    if (b && b->syncs && invoke > 0 && b->synced_from < invoke)
        judge_wrong(j, HISTORY_KIND_EARLY, m, LINES(invoke, answer),
                    "%s, and %s had not synced since it was asked", what,
                    history_name(j->h, broker));
}

/* --- publishing --- */

static Attempt *attempt_of(const Judge *j, const Message *m, uint32_t who) {
    for (Attempt *a = m->attempts; a; a = a->next)
        if (a->who == who && a->session == j->programs[who].session)
            return a;
    return NULL;
}

static void on_publish_invoke(Judge *j, const Record *r, size_t at, Message *m) {
    Attempt *a = judge_alloc(j, sizeof(*a));
    if (!a)
        return;
    *a = (Attempt) {
        .at = at, .who = r->who, .session = judge_program(j, r->who)->session, .next = m->attempts
    };
    m->attempts = a;
    m->n_invoked++;
    if (!m->invoked) {
        j->report->published++;
        m->invoked = at;
        m->sender = history_node_of(j->h, r->who);
        m->home = judge_program(j, r->who)->broker;
        m->order_key = r->order_key;
        m->sum = r->sum;
        m->expires_ms = r->ms;
        m->failures_only = judge_is_word(j, r, "failures");
    }
    if (!m->since)
        m->since = at;
    m->mixed |= m->sum != r->sum || m->sender != history_node_of(j->h, r->who);
    if (r->n_to > 0 && !m->invoke_to)
        m->invoke_to = at;
    if (!uuid_is_nil(&r->other)) {
        Message *target = judge_message(j, &r->other);
        if (target && !target->recalled)
            target->recalled = at;
    }
}

static void on_publish_answer(Judge *j, const Record *r, size_t at, Message *m) {
    Attempt *a = attempt_of(j, m, r->who);
    if (a) {
        hear(j, r->who, a->at);
        a->accepted |= judge_is_word(j, r, "ACCEPTED");
    }
    if (r->n_to > 0 && !m->answer_to)
        m->answer_to = at;
    if (judge_is_word(j, r, "ACCEPTED") && m->accepted)
        judge_wrong(j, HISTORY_KIND_DEDUP, m, LINES(m->invoked, m->accepted, at),
                    "accepted anew though it was accepted before");
    if (!m->accepted && !m->duplicate)
        j->report->accepted++;
    if (judge_is_word(j, r, "ACCEPTED"))
        m->accepted = m->accepted ? m->accepted : at;
    else
        m->duplicate = m->duplicate ? m->duplicate : at;
    must_be_synced(j, m, m->invoked, at, "accepted");
}

static void on_publish_fail(Judge *j, const Record *r, size_t at, Message *m) {
    Attempt *a = attempt_of(j, m, r->who);
    size_t known = m->accepted ? m->accepted : m->duplicate;
    if (a)
        hear(j, r->who, a->at);
    if (judge_is_word(j, r, "CONFLICT")) {
        if (!m->mixed && m->sum)
            judge_wrong(j, HISTORY_KIND_DEDUP, m, LINES(m->invoked, at),
                        "CONFLICT though it was sent with the same bytes each time");
        return;
    }
    if (judge_is_word(j, r, "REFUSED")) {
        m->refused = at;
        j->report->refused++;
        if (known && a && a->at > known)
            judge_wrong(j, HISTORY_KIND_DEDUP, m, LINES(known, a->at, at),
                        "refused after it was accepted");
    }
    m->n_failed++;
    if (a)
        a->failed = true;
    if (!known)
        m->since = 0;
}

/* --- order --- */

static Track *track(Judge *j, const Message *m, uint32_t node, uint32_t sender) {
    struct TrackKey key;
    Track *l = NULL;
    memset(&key, 0, sizeof(key));
    key.order_key = m->order_key;
    key.node = node;
    key.sender = sender;
    HASH_FIND(hh, j->tracks, &key, sizeof(key), l);
    if (l || !(l = judge_alloc(j, sizeof(*l))))
        return l;
    l->key = key;
    HASH_ADD(hh, j->tracks, key, sizeof(key), l);
    return l;
}

static Passing *add_passing(Judge *j, size_t at) {
    Passing *x = judge_alloc(j, sizeof(*x));
    if (!x)
        return NULL;
    *x = (Passing) { .at = at, .next = j->passings };
    return j->passings = x;
}

/* Two sessions read the mailbox: what was sent to a slow one may come after what was sent to the
 * other one later. */
static bool may_have_gone_before(const Judge *j, const Handout *h, const Track *l) {
    const Handout *other = l->pair->handouts;
    while (other && other->at != l->at)
        other = other->next;
    const bool same = other && other->who == h->who && other->session == h->session;
    return !same && !was_sent_after(j, h, l->at, NULL);
}

static void follow_order(Judge *j, Message *m, Pair *p, const Handout *h) {
    const size_t at = h->at;
    if (uuid_is_nil(&m->order_key) || !m->invoked || p->first != at)
        return;
    Track *l = track(j, m, p->node, m->sender);
    if (!l)
        return;
    if (l->message && m->since < l->rank) {
        Passing *x = add_passing(j, at);
        if (x) {
            x->before = m;
            x->after = l->message;
            x->before_pair = p;
            x->after_pair = l->pair;
            x->before_at = l->at;
            x->maybe_sent_first = may_have_gone_before(j, h, l);
        }
        return;
    }
    l->message = m;
    l->pair = p;
    l->rank = m->since;
    l->at = at;
}

/* Notes that m came while another of its case was out; whether that is wrong shows at the end. */
static void follow_case(Judge *j, Message *m, Pair *p, size_t at) {
    Track *l = uuid_is_nil(&m->order_key) ? NULL : track(j, m, p->node, 0);
    if (!l)
        return;
    if (l->pair && l->pair != p && !l->pair->done && !l->pair->reject && !l->pair->told) {
        Passing *x = add_passing(j, at);
        if (!x)
            return;
        x->of_case = true;
        x->before = l->message;
        x->before_pair = l->pair;
        x->after = m;
        x->after_pair = p;
        if (p->done)
            return;
    }
    l->message = m;
    l->pair = p;
}

/* --- deliveries --- */

Handout *judge_handout(Judge *j, Message *m, Pair *p, const Record *r, size_t at) {
    Program *who = judge_program(j, r->who);
    Handout *h = judge_alloc(j, sizeof(*h));
    if (!h)
        return NULL;
    *h = (Handout) { .at = at,
                     .sent_after = MAX(who->heard, who->open),
                     .who = r->who,
                     .session = who->session,
                     .attempt = r->attempt,
                     .next = p->handouts };
    p->handouts = h;
    if (p->settled && was_sent_after(j, h, p->settled, p->settled_by))
        judge_wrong(j, HISTORY_KIND_REDELIVERED, m, LINES(p->settled_by->at, p->settled, at),
                    "came to %s again after SETTLED was answered", history_name(j->h, r->who));
    return h;
}

static void on_deliver(Judge *j, const Record *r, size_t at) {
    Message *m = judge_message(j, &r->id);
    if (!m)
        return;
    if (m->sum && r->sum && m->sum != r->sum && !m->mixed)
        judge_wrong(j, HISTORY_KIND_ALTERED, m, LINES(m->invoked, at),
                    "came to %s with other bytes", history_name(j->h, r->who));
    if (judge_is_word(j, r, "subscriber"))
        return; /* a copy has neither outcome nor order */
    Pair *p = judge_pair(j, m, history_node_of(j->h, r->who));
    if (!p)
        return;
    if (p->first)
        j->report->redeliveries++;
    j->report->deliveries++;
    p->first = p->first ? p->first : at;
    if (uuid_is_nil(&m->order_key))
        m->order_key = r->order_key;
    Handout *h = judge_handout(j, m, p, r, at);
    if (!h)
        return;
    const Settling *no = p->rejected_by;
    if (r->attempt && no && !judge_program(j, p->node)->moved && r->attempt <= no->of->attempt &&
        was_sent_after(j, h, no->answered, no))
        judge_wrong(j, HISTORY_KIND_ATTEMPT, m, LINES(no->of->at, no->at, no->answered, at),
                    "came to %s as attempt %u again after a counted REJECT",
                    history_name(j->h, r->who), r->attempt);
    follow_order(j, m, p, h);
    follow_case(j, m, p, at);
}

static Handout *held(const Judge *j, const Pair *p, uint32_t who) {
    for (Handout *h = p ? p->handouts : NULL; h; h = h->next)
        if (h->who == who && h->session == j->programs[who].session)
            return h;
    return NULL;
}

/* Oldest first: good answers to settlements of one word come in the order in which they were asked.
 */
static Settling *find_settling(const Judge *j, const Pair *p, const Record *r) {
    for (Settling *s = p->settlings; s; s = s->next)
        if (!s->answered && s->word == r->word && s->of->who == r->who &&
            s->of->session == j->programs[r->who].session)
            return s;
    return NULL;
}

static void add_settling(Judge *j, Pair *p, const Record *r, size_t at) {
    Handout *h = held(j, p, r->who);
    Settling *s = h ? judge_alloc(j, sizeof(*s)) : NULL;
    Settling **end = &p->settlings;
    if (!s)
        return;
    *s = (Settling) { .at = at, .word = r->word, .of = h };
    while (*end)
        end = &(*end)->next;
    *end = s;
    if (judge_is_word(j, r, "DONE") && !p->done)
        p->done = at;
    if (judge_is_word(j, r, "REJECT") && !p->reject)
        p->reject = at;
}

/* The consumer's tag was good until it settled: nobody else was sent it in between. */
static void check_shared(Judge *j, const Message *m, const Pair *p, const Settling *mine) {
    const Handout *my = mine->of;
    unsigned n = 0;
    for (const Handout *h = p->handouts; h && h != my && n < 64; h = h->next, n++)
        if (h->who != my->who && h->at < mine->at && was_sent_after(j, h, my->at, NULL))
            judge_wrong(j, HISTORY_KIND_SHARED, m, LINES(my->at, h->at, mine->at),
                        "came to %s while it was out with %s", history_name(j->h, h->who),
                        history_name(j->h, my->who));
}

/* When was it asked at the latest? That a tag is unknown is told without the disk, so before the
 * good answer to what was asked earlier. */
static size_t asked_at(const Pair *p, const Settling *mine) {
    size_t at = mine->at;
    for (const Settling *s = p->settlings; s && s != mine; s = s->next)
        if (s->failed && s->word == mine->word && s->of->who == mine->of->who &&
            s->of->session == mine->of->session && s->answered > mine->at)
            at = MIN(at, s->at);
    return at;
}

static void on_settle(Judge *j, const Record *r, size_t at) {
    Message *m = judge_message(j, &r->id);
    Pair *p = m ? judge_pair(j, m, history_node_of(j->h, r->who)) : NULL;
    bool done = judge_is_word(j, r, "DONE"), reject = judge_is_word(j, r, "REJECT");
    if (!p || r->phase == HISTORY_UNKNOWN)
        return;
    if (r->phase == HISTORY_INVOKE) {
        add_settling(j, p, r, at);
        return;
    }
    Settling *s = find_settling(j, p, r);
    if (!s)
        return;
    s->answered = at;
    s->failed = r->phase != HISTORY_OK;
    hear(j, r->who, s->at);
    if (r->phase != HISTORY_OK || !(done || reject))
        return;
    must_be_synced(j, m, asked_at(p, s), at, done ? "DONE was answered" : "REJECT was answered");
    if (reject) {
        /* An operator may requeue it before the consumer hears that its REJECT is on disk. */
        p->rejected_by = p->requeued > s->at ? NULL : s;
    } else if (!p->settled) {
        p->settled = at;
        p->settled_by = s;
        j->report->collected += !m->is_receipt;
        check_shared(j, m, p, s);
    }
}

/* --- sessions, brokers, clocks --- */

static void on_open(Judge *j, const Record *r, size_t at) {
    Program *p = judge_program(j, r->who);
    if (r->broker)
        p->broker = r->broker;
    if (r->phase == HISTORY_OK) {
        j->report->sessions++;
        return;
    }
    p->session++;
    p->open = at;
    p->heard = 0;
}

static void on_sync(Judge *j, const Record *r, size_t at) {
    Program *b = judge_program(j, r->who);
    if (r->phase == HISTORY_INVOKE) {
        b->sync_begun = at;
        return;
    }
    j->report->syncs++;
    b->synced_from = b->sync_begun ? b->sync_begun : at;
    b->sync_begun = 0;
}

static void follow(Judge *j, const Record *r, size_t at) {
    switch ((HistoryOp)r->op) {
    case HISTORY_OPEN:
        on_open(j, r, at);
        break;
    case HISTORY_LOST:
        judge_program(j, r->who)->session++;
        break;
    case HISTORY_PUBLISH: {
        Message *m = judge_message(j, &r->id);
        if (!m)
            break;
        if (r->phase == HISTORY_INVOKE)
            on_publish_invoke(j, r, at, m);
        else if (r->phase == HISTORY_OK)
            on_publish_answer(j, r, at, m);
        else if (r->phase == HISTORY_FAIL)
            on_publish_fail(j, r, at, m);
        else
            j->report->unknown++;
        break;
    }
    case HISTORY_DELIVER:
        on_deliver(j, r, at);
        break;
    case HISTORY_SETTLE:
        on_settle(j, r, at);
        break;
    case HISTORY_RECEIPT:
        judge_receipt(j, r, at);
        break;
    case HISTORY_OUTCOME:
        judge_outcome(j, r, at);
        break;
    case HISTORY_DEAD:
        judge_dead(j, r, at);
        break;
    case HISTORY_REQUEUE:
        judge_requeue(j, r, at);
        break;
    case HISTORY_MOVE:
        judge_program(j, r->recipient)->moved = true;
        break;
    case HISTORY_REDIRECT:
        judge_redirect(j, r, at);
        break;
    case HISTORY_CRASH:
    case HISTORY_CUT:
        j->report->crashes++;
        judge_program(j, r->who)->sync_begun = 0;
        break;
    case HISTORY_SYNC:
        on_sync(j, r, at);
        break;
    case HISTORY_CLOCK:
        judge_clock(j, r, at);
        break;
    case HISTORY_DRAINED:
        j->drained = at;
        break;
    default:
        break;
    }
}

/* Who reads what, and who tells its syncs: known before all else. */
static void look_ahead(Judge *j) {
    for (size_t i = 0; i < j->h->n; i++) {
        const Record *r = &j->h->records[i];
        if (r->op == HISTORY_LISTEN) {
            Program *node = judge_program(j, history_node_of(j->h, r->who));
            node->mailbox |= judge_is_word(j, r, "mailbox");
            node->receipts |= judge_is_word(j, r, "receipts");
        } else if (r->op == HISTORY_SYNC) {
            judge_program(j, r->who)->syncs = true;
        }
    }
}

void judge_follow(Judge *j) {
    look_ahead(j);
    for (size_t at = 1; at <= j->h->n && !j->failed; at++)
        follow(j, judge_record(j, at), at);
}
