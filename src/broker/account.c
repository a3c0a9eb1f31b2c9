/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Accounts: what one node makes the broker hold, whatever the number of its programs, and how fast
 * it may go on. Above a bound nothing is lost that was accepted: a message is answered LATER before
 * it is accepted, a query is answered with BUSY.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/text.h"
#include "broker/account.h"
#include "broker/internal.h"
#include "broker/offender.h"
#include "broker/session.h"
#include "broker/weight.h"
#include "wire/codec.h"

/* Beside somebody who asks for little, of the bytes that one may have unanswered: for who asks for
 * much; and for who only begins, or was put off just now, for nobody knows yet what it is up to.
 * Twice as much with each step in which it was not. */
#define HEAVY_SHARE    16U
#define FIRST_BYTES    ((size_t)2 * 1024 * 1024) /* a message has half of that */
#define LATER_MS       200U
#define TOLD_MS        (LATER_MS / 2) /* surely over before who does as told sends again */
#define PUT_OFF_COST   4096           /* to read and to answer one that is put off */
#define SLOW_LATER_MS  1000U
#define TELL_EVERY_MS  MINUTE_MS
#define SESSIONS_SHARE 8U  /* one node may have an eighth of all sessions */
#define SESSIONS_LEAST 64U /* or so many */
#define URGENT_MORE    4U  /* emergencies may have a fourth more than the rest */

/* Refusals are written down, so nobody may cause them without end. */
static const BucketRate refusals = { .per_second = 32, .burst = 1024 };
/* What is put off costs us the reading of it. The more of it there was, the later it is told to
 * come again, so that who does as told never fills this. Who goes on at full speed does not want to
 * be served. Each program of a node has sent a window before it can know. */
#define IMPATIENCE_RATE  (8 * 1024 * 1024)
#define IMPATIENCE_BURST (32 * 1024 * 1024)
#define PROGRAM_WINDOW   (8 * 1024 * 1024) /* a window, large or of many messages */
#define PROGRAM_FIRST    (2 * 1024 * 1024) /* of a session that begins; and what was answered */
#define PROGRAMS_MAX     32U               /* of a node that count */
#define PATIENT_SHARE    4U                /* of the burst: then it comes later than usual */

/* --- life ----------------------------------------------------------------------------------- */

static Account *account_find(Broker *b, const char *node) {
    Account *a = NULL;
    HASH_FIND_STR(b->accounts, node, a);
    return a;
}

Account *account_get(Broker *b, const char *node) {
    Account *a = account_find(b, node);
    if (a)
        return a;
    a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    (void)text_copy(a->node, sizeof(a->node), node);
    for (unsigned i = 0; i < ARRAY_SIZE(a->held); i++)
        a->held[i].account = a;
    HASH_ADD_STR(b->accounts, node, a);
    if (a->hh.tbl)
        return a;
    free(a);
    return NULL;
}

static BucketRate hello_rate(const Broker *b) {
    return (BucketRate) { .per_second = b->config.hello_rate, .burst = account_sessions_max(b) };
}

static bool is_forgettable(const Broker *b, const Account *a, int64_t mono_ms) {
    const BucketRate hello = hello_rate(b);
    return !a->sessions && !a->held[0].ops.first && !a->held[1].ops.first && a->n_unanswered == 0 &&
           a->out_bytes == 0 && a->way_cost == 0 && bucket_is_empty(&a->hello, &hello, mono_ms) &&
           bucket_is_empty(&a->refused[0], &refusals, mono_ms) &&
           bucket_is_empty(&a->refused[1], &refusals, mono_ms);
}

static void account_free(Broker *b, Account *a) {
    HASH_DEL(b->accounts, a);
    if (b->came_last == a)
        b->came_last = NULL;
    weight_forget(b, a);
    for (unsigned i = 0; i < ARRAY_SIZE(a->held); i++)
        broker_batch_free(a->held[i].ops.first);
    free(a);
}

void accounts_second(Broker *b, Now now) {
    Account *a, *tmp;
    HASH_ITER (hh, b->accounts, a, tmp)
        if (is_forgettable(b, a, now.mono_ms))
            account_free(b, a);
    offenders_second(b, now);
}

void accounts_deinit(Broker *b) {
    Account *a, *tmp;
    HASH_ITER (hh, b->accounts, a, tmp)
        account_free(b, a);
    offenders_deinit(b);
}

/* --- sessions ------------------------------------------------------------------------------- */

uint32_t account_sessions_max(const Broker *b) {
    return b->config.sessions_node ? b->config.sessions_node
                                   : MAX(b->config.sessions_max / SESSIONS_SHARE, SESSIONS_LEAST);
}

bool account_may_greet(const Broker *b, Now now, Account *a) {
    const BucketRate rate = hello_rate(b);
    return b->config.hello_rate == 0 || bucket_take(&a->hello, &rate, 1, now.mono_ms);
}

void account_add_session(Account *a, Session *s) {
    s->account = a;
    DL_APPEND2(a->sessions, s, prev_of_node, next_of_node);
    a->n_sessions++;
}

void account_remove_session(Session *s) {
    DL_DELETE2(s->account->sessions, s, prev_of_node, next_of_node);
    s->account->n_sessions--;
    s->account = NULL;
}

/* --- bounds --------------------------------------------------------------------------------- */

static void tell(Broker *b, Now now, Account *a, const char *what) {
    if (a->told_mono_ms > 0 && now.mono_ms < a->told_mono_ms)
        return;
    a->told_mono_ms = now.mono_ms + TELL_EVERY_MS;
    broker_log(b, LOG_EVENT_NODE_OVER_LIMIT, a->node, "%s", what);
}

/* What a node may have unanswered. */
static size_t bytes_max(const Broker *b, Now now, const Account *a) {
    const size_t max =
        b->config.node_bytes / (weight_is_heavy_beside_light(b, now, a) ? HEAVY_SHARE : 1);
    return weight_is_beside_light(b, now, a) && max > 0
               ? MIN(max, FIRST_BYTES << weight_calm_steps(now, a))
               : max;
}

static bool is_over(size_t n, size_t more, size_t max, bool urgent) {
    return max > 0 && n + more > max + (urgent ? max / URGENT_MORE : 0);
}

/* NULL, or the reason why so many more bytes must come again later. */
static const char *no_room(Broker *b, Now now, Account *a, size_t size, bool urgent) {
    if (is_over(a->n_unanswered, 1, b->config.node_window, urgent)) {
        tell(b, now, a, "It has more unanswered messages than one node may have.");
        return "WINDOW";
    }
    if (is_over(a->unanswered_bytes, size, bytes_max(b, now, a), urgent)) {
        tell(b, now, a, "Its unanswered messages have more bytes than one node may have.");
        return "WINDOW";
    }
    return is_over(b->unanswered_bytes, size, b->config.pending_bytes, urgent) ? "WINDOW" : NULL;
}

static const char *put_off(Broker *b, Now now, Account *a, const Message *m) {
    const bool urgent = m->lane <= LANE_EMERGENCY;
    const char *code = no_room(b, now, a, body_size(m->body), urgent);
    if (code || bucket_has(&a->refused[urgent], &refusals, 1, now.mono_ms))
        return code;
    tell(b, now, a, "Too many of its messages are refused; it is slowed down.");
    return "SLOW_DOWN";
}

static BucketRate impatience(const Account *a) {
    const uint32_t more = MIN(a->n_sessions, PROGRAMS_MAX);
    return (BucketRate) { .per_second = IMPATIENCE_RATE,
                          .burst = IMPATIENCE_BURST +
                                   (double)PROGRAM_WINDOW * (more > 0 ? more - 1 : 0) };
}

/* So late that what waits to come again stays within what may be put off in a second. */
static uint32_t later_ms(const Account *a, Now now, const char *code) {
    const BucketRate rate = impatience(a);
    const double free = (double)IMPATIENCE_BURST / PATIENT_SHARE;
    const double over = bucket_level(&a->impatience, &rate, now.mono_ms) - free;
    return (strcmp(code, "WINDOW") == 0 ? LATER_MS : SLOW_LATER_MS) +
           (uint32_t)(MAX(over, 0.0) / rate.per_second * SECOND_MS);
}

static int answer_later(Broker *b, Now now, Session *s, const Uuid *id, const char *code) {
    PublishResult r = { .message_id = *id, .verdict = VERDICT_LATER };
    r.retry_after_ms = later_ms(s->account, now, code);
    r.reasons = calloc(1, sizeof(*r.reasons));
    if (!r.reasons)
        return -ENOMEM;
    reasons_add(r.reasons, code, "", NULL, NULL);
    if (strcmp(code, "WINDOW") != 0)
        reasons_add(r.reasons, "WINDOW", "", NULL, NULL); /* it is for the rest as well */
    session_answer(b, s, &r);
    return 0;
}

/* Beside who asks for little it grows with what was answered, as a client knows (PROTOCOL.md). */
static int64_t bytes_window(const Broker *b, Now now, const Session *s) {
    return weight_is_beside_light(b, now, s->account)
               ? MIN(PROGRAM_FIRST + s->answered_bytes, (int64_t)PROGRAM_WINDOW)
               : PROGRAM_WINDOW;
}

/* Who was told to wait may still have as much on its way as its window had room for. Who sends more
 * does not do as told, unless they are emergencies. */
static bool does_as_told(const Broker *b, Now now, Session *s, size_t size, bool urgent) {
    if (s->broker || urgent)
        return true;
    if (now.mono_ms >= s->told_until_ms) {
        s->told_until_ms = now.mono_ms + TOLD_MS;
        s->on_its_way = b->config.publish_window - MIN(s->unanswered, b->config.publish_window);
        s->bytes_on_its_way = bytes_window(b, now, s);
        return true;
    }
    s->bytes_on_its_way -= (int64_t)size;
    if (s->on_its_way == 0 || s->bytes_on_its_way < 0)
        return false;
    s->on_its_way--;
    return true;
}

/* 1, or -ENOMEM. */
static int come_later(Broker *b, Now now, Session *s, const Uuid *id, size_t size, bool urgent,
                      const char *code) {
    Account *a = s->account;
    const BucketRate rate = impatience(a);
    int r;
    weight_note_put_off(b, now, a);
    if (does_as_told(b, now, s, size, urgent) &&
        bucket_take(&a->impatience, &rate, (double)(PUT_OFF_COST + size), now.mono_ms)) {
        r = answer_later(b, now, s, id, code);
        return r < 0 ? r : 1;
    }
    session_error(b, s, ERROR_WINDOW, 0, true, "messages that were put off come without end");
    tell(b, now, a, "It sends on and on what is put off; its session ends.");
    session_cut(b, s);
    r = offender_deaf(b, now, s);
    return r < 0 ? r : 1;
}

size_t peer_body_size(const PeerMessage *m) {
    size_t size = 0;
    for (unsigned i = 1; i < m->n_parts; i++)
        size += m->parts[i].n;
    return size;
}

/* Only its envelope says whether it is urgent; to read all of a large message takes longer than to
 * put it off. */
int account_take_bytes(Broker *b, Now now, Session *s, const Uuid *id, const PeerMessage *m) {
    const size_t size = peer_body_size(m);
    const char *code = no_room(b, now, s->account, size, false), *why;
    Envelope e;
    if (!code)
        return 0;
    const bool urgent = m->n_parts > 1 && codec_decode_envelope(m->parts[1], &e, &why) == 0 &&
                        lane_of(e.kind, e.urgency, e.kind == KIND_COMPLAINT) <= LANE_EMERGENCY;
    if (urgent)
        code = no_room(b, now, s->account, size, true);
    return code ? come_later(b, now, s, id, size, urgent, code) : 0;
}

int account_take_message(Broker *b, Now now, Session *s, const Message *m) {
    Account *a = s->account;
    const size_t size = body_size(m->body);
    const char *code = put_off(b, now, a, m);
    if (code)
        return come_later(b, now, s, &m->env.message_id, size, m->lane <= LANE_EMERGENCY, code);
    a->n_unanswered++;
    a->unanswered_bytes += size;
    b->unanswered_bytes += size;
    return 0;
}

int account_take_unreadable(Broker *b, Now now, Session *s, const Uuid *id) {
    if (bucket_take(&s->account->refused[0], &refusals, 1, now.mono_ms))
        return 0;
    tell(b, now, s->account, "Too many of its messages are refused; it is slowed down.");
    return come_later(b, now, s, id, 0, false, "SLOW_DOWN");
}

/* LATER comes from a quota of the store, or for want of room there (INTAKE_CLOSED). */
void account_tell_quota(Broker *b, const StoreOp *op) {
    const PublishResult *r = &op->accept.result;
    const Reason *why = r->verdict == VERDICT_LATER && r->reasons && r->reasons->n > 0
                            ? &r->reasons->list[0]
                            : NULL;
    if (!why || strcmp(why->code, "STORE_FULL") == 0)
        return;
    broker_log(b, LOG_EVENT_QUOTA_REACHED, why->field[0] ? why->field : op->accept.authority,
               "%s %s", why->code, why->text_en);
}

void account_release(Broker *b, Account *a, const Message *m) {
    const size_t size = MIN(body_size(m->body), b->unanswered_bytes);
    b->unanswered_bytes -= size;
    if (!a)
        return;
    a->n_unanswered -= a->n_unanswered > 0;
    a->unanswered_bytes -= MIN(size, a->unanswered_bytes);
}

void account_answered(Broker *b, Now now, const StoreOp *op) {
    account_tell_quota(b, op);
    Account *a = account_find(b, op->accept.authority);
    const Message *m = op->accept.message;
    account_release(b, a, m);
    const Verdict v = op->accept.result.verdict;
    if (a && (v == VERDICT_REFUSED || v == VERDICT_CONFLICT))
        (void)bucket_take(&a->refused[m->lane <= LANE_EMERGENCY], &refusals, 1, now.mono_ms);
}

bool account_may_query(const Broker *b, const Account *a) {
    return b->config.node_queries == 0 || a->n_queries < b->config.node_queries;
}

bool account_may_ask_for_key(Broker *b, Now now, Account *a) {
    if (!account_may_query(b, a))
        return false;
    if (bucket_take(&a->refused[0], &refusals, 1, now.mono_ms))
        return true;
    tell(b, now, a, "It asks for keys without end; it is slowed down.");
    return false;
}

bool account_may_subscribe(const Broker *b, const Account *a) {
    return b->config.node_window == 0 || a->held[0].ops.n < b->config.node_window;
}

bool account_may_deliver(const Broker *b, const Account *a, size_t size) {
    return b->config.node_out_bytes == 0 || a->out_bytes == 0 ||
           a->out_bytes + size <= b->config.node_out_bytes;
}
