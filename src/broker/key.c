/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Queries about keys: a new one beside an old one, the end of the old one, and how a new
 * institution hands in its first. Who may want what is said by signatures (core/key-request.h);
 * here it is decided who may ask at all.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/account.h"
#include "broker/batch.h"
#include "broker/internal.h"
#include "broker/key.h"
#include "broker/note.h"
#include "broker/query.h"
#include "broker/session.h"
#include "broker/turns.h"
#include "core/key-request.h"
#include "wire/codec.h"
#include "wire/personal.h"

#define WHO_SIZE sizeof(((StoreOp *)0)->key.by)

static const char *arg(const Frame *f, uint32_t i) {
    return i < f->query.n_args && f->query.args[i] ? f->query.args[i] : "";
}

static void who(const Session *s, char ret[static WHO_SIZE]) {
    char name[LABEL_SIZE];
    (void)text_copy(name, sizeof(name), s->label[0] != '\0' ? s->label : s->user_id);
    (void)snprintf(ret, WHO_SIZE, "%s %s", s->node, name);
}

/* NULL when the operation cannot be made. */
static StoreOp *key_op(const Session *s, const Frame *f, int verb) {
    StoreOp *op = query_op(OP_KEY, s, f);
    if (op) {
        op->key.verb = verb;
        who(s, op->key.by);
    }
    return op;
}

/* Reads the input. Returns 1 when the query was answered already. */
static int take_request(Broker *b, Session *s, const Frame *f, StoreOp *op) {
    const char *why = NULL;
    char text[128];
    KeyRequest *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    op->key.request = r;
    int e = codec_decode_key_request(bytes_make(f->query.input, f->query.n_input), r, &why);
    if (e <= 0)
        return e;
    (void)snprintf(text, sizeof(text), "the input is not a KeyRequest: %s", why ? why : "");
    e = query_say(b, s, f, 2, text);
    return e < 0 ? e : 1;
}

/* --- keys of one's own node ------------------------------------------------------------------ */

int key_ask(Broker *b, Now now, Session *s, const Frame *f) {
    _cleanup_(store_op_freep) StoreOp *op = key_op(s, f, KEY_ASK);
    if (!op)
        return -ENOMEM;
    if (!account_may_ask_for_key(b, now, s->account))
        return query_say(b, s, f, 1, "BUSY: too many queries of this node; ask again later");
    int r = take_request(b, s, f, op);
    if (r != 0)
        return r < 0 ? r : 0;
    const KeyRequest *q = op->key.request;
    /* Not even with their signatures: who has those has their sessions, too. */
    if (strcmp(q->key.node, s->node) != 0 || strcmp(q->by_node, s->node) != 0) {
        r = broker_denied(b, now, s->node, s->label, "key-request for another node");
        return r < 0 ? r : query_say(b, s, f, 1, "NOT_ALLOWED: of your own node only");
    }
    turns_push(b, now, s, TAKE_PTR(op));
    return 0;
}

static const char *state_of(const Broker *b, const DirKey *k, Now now) {
    return k->revoked                                                   ? "revoked"
           : k->valid_from_ms != 0 && now.wall_ms < k->valid_from_ms    ? "not yet"
           : k->valid_until_ms != 0 && now.wall_ms >= k->valid_until_ms ? "ended"
           : directory_key_is_usable(b->directory, k, now.wall_ms)      ? "valid"
                                                                        : "inactive";
}

int key_list(Broker *b, Now now, Session *s, const Frame *f) {
    const char *node = arg(f, 0)[0] != '\0' && s->operator_ ? arg(f, 0) : s->node;
    size_t n = 0;
    const DirKey *const *keys = directory_keys_of(b->directory, node, &n);
    _cleanup_(table_freep) Table *t = table_new();
    if (!t)
        return -ENOMEM;
    table_column(t, "label", COLUMN_TEXT);
    table_column(t, "state", COLUMN_TEXT);
    table_column(t, "fingerprint", COLUMN_TEXT);
    table_column(t, "valid_from", COLUMN_TIME);
    table_column(t, "valid_until", COLUMN_TIME);
    table_column(t, "broker", COLUMN_BOOL);
    table_column(t, "operator", COLUMN_BOOL);
    table_column(t, "curve", COLUMN_TEXT);
    for (size_t i = 0; i < n; i++) {
        char fingerprint[KEY_FINGERPRINT_SIZE];
        key_fingerprint(keys[i], fingerprint);
        table_text(t, keys[i]->label);
        table_text(t, state_of(b, keys[i], now));
        table_text(t, fingerprint);
        table_number(t, keys[i]->valid_from_ms);
        table_number(t, keys[i]->valid_until_ms);
        table_number(t, keys[i]->broker);
        table_number(t, keys[i]->operator_);
        table_text(t, keys[i]->curve);
    }
    query_answer(b, s, f->query.query, t);
    return 0;
}

/* --- tokens, for operators ------------------------------------------------------------------- */

/* Of this machine, of this broker, or of a node above the one it is about. */
static bool may_decide(const Broker *b, const Session *s, const char *node) {
    const DirNode *n = directory_node(b->directory, node);
    if (s->key.port == PORT_ADMIN || strcmp(s->node, b->config.self) == 0)
        return true;
    for (unsigned i = 0; n && n->parent[0] != '\0' && i < 8; i++) {
        if (strcmp(n->parent, s->node) == 0)
            return true;
        n = directory_node(b->directory, n->parent);
    }
    return false;
}

static int not_theirs(Broker *b, Now now, Session *s, const Frame *f) {
    int r = broker_denied(b, now, s->node, s->label, "OPERATE on that node");
    return r < 0 ? r : query_say(b, s, f, 1, "NOT_ALLOWED: your node does not supervise that one");
}

/* It stands in the ledger for years and, with the key, in the directory of every broker: the name
 * of a machine or a program. What does not stay on its line the institution could not read. */
static bool is_label(const char *text) {
    return text[strcspn(text, "\t\n")] == '\0' && !text_is_personal(text);
}

/* NODE LABEL KEY HOURS: the key is the public half of the one-time pair, which whoever asks has
 * made; the secret half is never here. */
int enrol_token_verb(Broker *b, Now now, Session *s, const Frame *f) {
    const DirNode *n = directory_node(b->directory, arg(f, 0));
    char *end = NULL;
    const long hours = strtol(arg(f, 3), &end, 10);
    if (f->query.n_args != 4 || strlen(arg(f, 2)) != CURVE_TEXT_SIZE - 1 || arg(f, 1)[0] == '\0' ||
        strlen(arg(f, 1)) >= LABEL_SIZE)
        return query_say(b, s, f, 2, "enrol-token NODE LABEL KEY HOURS");
    if (end == arg(f, 3) || *end != '\0' || hours < 1 || hours > ENROLMENT_LIFE_MAX / HOUR_MS)
        return query_say(b, s, f, 2, "a token lives for 1 to 168 hours");
    if (!is_label(arg(f, 1)))
        return query_say(b, s, f, 2, "a label is one line and says nothing of a person");
    if (!n || n->inactive || n->broker)
        return query_say(b, s, f, 1,
                         !n          ? "the node is not in the directory: its record comes first"
                         : n->broker ? "brokers are entered by the operators of the hub"
                                     : "the node is not active");
    if (strcmp(n->home, b->config.self) != 0)
        return query_say(b, s, f, 1, "the node has another home broker: ask there");
    if (!may_decide(b, s, n->id))
        return not_theirs(b, now, s, f);
    StoreOp *op = key_op(s, f, KEY_TOKEN);
    if (!op)
        return -ENOMEM;
    (void)text_copy(op->key.enrolment.node, NODE_NAME_SIZE, n->id);
    (void)text_copy(op->key.enrolment.label, LABEL_SIZE, arg(f, 1));
    (void)text_copy(op->key.enrolment.curve, CURVE_TEXT_SIZE, arg(f, 2));
    op->key.enrolment.expires_ms = now.wall_ms + hours * HOUR_MS;
    broker_push(b, op);
    return 0;
}

/* ID */
int enrol_decide_verb(Broker *b, Now now, Session *s, const Frame *f) {
    char *end = NULL;
    const long long id = strtoll(arg(f, 0), &end, 10);
    if (f->query.n_args != 1 || end == arg(f, 0) || *end != '\0' || id <= 0)
        return query_say(b, s, f, 2, "which one? its number, of `enrol list`");
    const Enrolment *e = enrolments_by_id(b->enrolments, id);
    if (!e)
        return query_say(b, s, f, 1, "there is no such enrolment, or it is long over");
    if (!may_decide(b, s, e->node))
        return not_theirs(b, now, s, f);
    StoreOp *op = key_op(s, f, KEY_DECIDE);
    if (!op)
        return -ENOMEM;
    op->key.enrolment.id = id;
    op->key.approve = strcmp(f->query.verb, "enrol-approve") == 0;
    broker_push(b, op);
    return 0;
}

/* --- tokens, for those who have one ---------------------------------------------------------- */

bool enrol_authorise(const Broker *b, const char *curve, Now now, Session *ret) {
    const Enrolment *e = enrolments_find(b->enrolments, curve, now.wall_ms);
    if (!e)
        return false;
    /* No node of the directory: nothing that is somebody's can be meant by it. */
    (void)snprintf(ret->node, sizeof(ret->node), "enrolment/%lld", (long long)e->id);
    (void)text_copy(ret->label, sizeof(ret->label), e->label);
    ret->rights = (Rights) { .n = 1, .list = { { .verb = RIGHT_ENROL } } };
    ret->enrolment = e->id;
    ret->until_ms = e->expires_ms + ENROLMENT_KEPT_MS;
    return true;
}

static int hand_in(Broker *b, Now now, Session *s, const Frame *f) {
    _cleanup_(store_op_freep) StoreOp *op = key_op(s, f, KEY_HAND_IN);
    if (!op)
        return -ENOMEM;
    int r = take_request(b, s, f, op);
    if (r != 0)
        return r < 0 ? r : 0;
    op->key.enrolment.id = s->enrolment;
    op->key.encoded = malloc(f->query.n_input);
    if (!op->key.encoded)
        return -ENOMEM;
    memcpy(op->key.encoded, f->query.input, f->query.n_input);
    op->key.n_encoded = f->query.n_input;
    if (!b->io.address || !b->io.address(b->io.data, (BrokerPort)s->key.port, session_route(s),
                                         op->key.by, sizeof(op->key.by)))
        (void)text_copy(op->key.by, sizeof(op->key.by), "unknown address");
    turns_push(b, now, s, TAKE_PTR(op));
    return 0;
}

int enrol_frame(Broker *b, Now now, Session *s, const Frame *f) {
    const Enrolment *e = enrolments_by_id(b->enrolments, s->enrolment);
    if (strcmp(f->query.verb, "enrol-hand-in") == 0)
        return account_may_ask_for_key(b, now, s->account)
                   ? hand_in(b, now, s, f)
                   : query_say(b, s, f, 1, "BUSY: ask again later");
    if (strcmp(f->query.verb, "enrol-state") != 0 || !e) {
        int r = broker_denied(b, now, s->node, s->label, "more than ENROL");
        return r < 0 ? r : query_say(b, s, f, 1, "NOT_ALLOWED: a token is for handing in keys");
    }
    _cleanup_(table_freep) Table *t = table_new();
    if (!t)
        return -ENOMEM;
    table_column(t, "state", COLUMN_TEXT);
    table_text(t, enrol_state_name(e->state));
    query_answer(b, s, f->query.query, t);
    return 0;
}

/* --- what became of it ----------------------------------------------------------------------- */

static void tell(Broker *b, LogEvent event, const char *node, const char *rule, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));
static void tell(Broker *b, LogEvent event, const char *node, const char *rule, const char *format,
                 ...) {
    LogRecord r = { .event = event };
    va_list args;
    log_peer_name(node, r.peer, sizeof(r.peer));
    (void)text_copy(r.rule, sizeof(r.rule), rule);
    va_start(args, format);
    (void)vsnprintf(r.text, sizeof(r.text), format, args);
    va_end(args);
    b->io.log(b->io.data, &r);
}

static bool is_well(KeyVerdict v) {
    return v == KEY_GRANTED || v == KEY_KNOWN;
}

void key_wish_told(Broker *b, const StoreOp *op) {
    const struct KeyWish *w = &op->accept.wish;
    const bool add = w->act == KEY_ACT_ADD;
    if (!w->told)
        return;
    if (is_well(w->verdict))
        tell(b, LOG_EVENT_KEY_CHANGED, w->node, "", "Key %s: %s, as %s asked.", w->label,
             add ? "a new one is in force beside it" : "an older one has its end", w->by);
    else
        tell(b, LOG_EVENT_KEY_NOT_GRANTED, w->node, key_verdict_name(w->verdict),
             "A request for a key, %s, of %s was refused: %s.", w->label, w->by,
             key_verdict_text(w->verdict));
}

static int say_asked(Broker *b, const StoreOp *op, Table *t) {
    const KeyRequest *r = op->key.request;
    const bool add = r->act == KEY_ACT_ADD;
    if (!is_well(op->key.verdict)) {
        table_say(t, 1, "%s: %s", key_verdict_name(op->key.verdict),
                  key_verdict_text(op->key.verdict));
        tell(b, LOG_EVENT_KEY_NOT_GRANTED, r->key.node, key_verdict_name(op->key.verdict),
             "A request for a key, %s, was refused: %s.", r->key.label,
             key_verdict_text(op->key.verdict));
        return 0;
    }
    const bool known = op->key.verdict == KEY_KNOWN;
    char id[UUID_TEXT_SIZE] = "";
    if (!known && op->key.sent)
        uuid_format(&op->key.message_id, id);
    table_column(t, "state", COLUMN_TEXT);
    table_column(t, "message", COLUMN_TEXT);
    table_text(t, known ? "known" : op->key.sent ? "sent" : "done");
    table_text(t, id);
    if (!known)
        tell(b, LOG_EVENT_KEY_CHANGED, r->key.node, "", "Key %s: %s was asked for%s.", r->key.label,
             add ? "a new one" : "the end of an older one",
             op->key.sent ? ", and passed on to the hub" : " and is in force");
    return 0;
}

static void say_enrolment(Broker *b, const StoreOp *op, Table *t) {
    const Enrolment *e = &op->key.enrolment;
    if (!op->key.done) {
        table_say(t, 1, "%s", op->key.text);
        return;
    }
    table_column(t, "id", COLUMN_NUMBER);
    table_column(t, "state", COLUMN_TEXT);
    table_column(t, "expires_at", COLUMN_TIME);
    table_number(t, e->id);
    table_text(t, enrol_state_name(e->state));
    table_number(t, e->expires_ms);
    if (op->key.verb == KEY_TOKEN)
        tell(b, LOG_EVENT_ENROL_TOKEN, e->node, "", "A token for key %s was given out by %s: %lld.",
             e->label, op->key.by, (long long)e->id);
    else if (op->key.verb == KEY_DECIDE)
        tell(b, LOG_EVENT_ENROL_DECIDED, e->node, enrol_state_name(e->state),
             "Enrolment %lld, key %s, was decided by %s: %s.", (long long)e->id, e->label,
             op->key.by, enrol_state_name(e->state));
}

static void tell_handed_in(Broker *b, const StoreOp *op) {
    const Enrolment *e = &op->key.enrolment;
    if (op->key.denied)
        tell(b, LOG_EVENT_ENROL_REFUSED, e->node, "",
             "Token %lld, key %s, from %s was refused: %.120s.", (long long)e->id, e->label,
             op->key.by, op->key.text);
    else if (op->key.news)
        tell(b, LOG_EVENT_ENROL_WAITING, e->node, "",
             "Keys were handed in with token %lld, key %s, from %s: compare the fingerprint, then "
             "approve or refuse.",
             (long long)e->id, e->label, op->key.by);
}

int key_done(Broker *b, Now now, StoreOp *op, Table *t) {
    int r = 0;
    if (op->key.enrolments)
        broker_set_enrolments(b, op->key.enrolments);
    if (op->key.verb == KEY_ASK)
        r = say_asked(b, op, t);
    else
        say_enrolment(b, op, t);
    if (op->key.verb == KEY_HAND_IN)
        tell_handed_in(b, op);
    if (op->key.directory && r == 0)
        r = broker_take_directory(b, now, op->key.directory);
    return r;
}

void broker_set_enrolments(Broker *b, Enrolments *e) {
    (void)enrolments_unref(b->enrolments);
    b->enrolments = enrolments_ref(e);
    if (b->io.enrolments)
        b->io.enrolments(b->io.data, e);
}
