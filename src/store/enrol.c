/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tokens: given out by an operator, used once to hand in keys, which an operator then approves.
 * Whoever comes with a token that was used, or too late, is refused with the reason, and it is on
 * record.
 */

#include "store/enrol.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/ledger.h"

#define FORGET_MS  (90 * DAY_MS) /* after its end */
#define LISTED_MAX 1024U

_printf_(2, 3) static void say(StoreOp *op, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(op->key.text, sizeof(op->key.text), format, args);
    va_end(args);
}

/* A token that is refused whatever it is asked: op->key.text says why. */
static void deny(Store *s, StoreOp *op, const Enrolment *e, const char *what) {
    char note[LEDGER_NOTE_MAX + 1];
    (void)snprintf(note, sizeof(note), "enrolment %lld: %s", (long long)e->id, what);
    key_note_denied(s, e->node, e->label, note);
    op->key.denied = true;
}

static void note(Store *s, const Enrolment *e, const char *by, const char *what) {
    LedgerEntry entry = { .kind = LEDGER_KEY, .code = e->id };
    (void)text_copy(entry.node, sizeof(entry.node), e->node);
    (void)text_copy(entry.peer, sizeof(entry.peer), e->label);
    (void)snprintf(entry.note, sizeof(entry.note), "%s by %s", what, by);
    ledger_note(s, &entry);
}

/* --- rows ------------------------------------------------------------------------------------ */

#define COLUMNS "id, state, curve, node, label, expires_at"

static void read_row(sqlite3_stmt *q, Enrolment *ret) {
    *ret = (Enrolment) { .id = col_int(q, 0),
                         .state = (EnrolState)col_int(q, 1),
                         .expires_ms = col_int(q, 5) };
    (void)text_copy(ret->curve, sizeof(ret->curve), col_text(q, 2));
    (void)text_copy(ret->node, sizeof(ret->node), col_text(q, 3));
    (void)text_copy(ret->label, sizeof(ret->label), col_text(q, 4));
}

static bool find(Store *s, int64_t id, Enrolment *ret) {
    _query_ q = QUERY(s, "SELECT " COLUMNS " FROM enrolment WHERE id = ?1", INT(id));
    if (!db_row(s, q))
        return false;
    read_row(q, ret);
    return true;
}

/* The request that was handed in; 0, or a fault. */
static int load_request(Store *s, int64_t id, KeyRequest *ret) {
    const char *why;
    _query_ q = QUERY(s, "SELECT request FROM enrolment WHERE id = ?1", INT(id));
    if (!db_row(s, q) || s->config.codec->decode_key_request(col_bytes(q, 0), ret, &why) != 0)
        return db_fault(s, -EUCLEAN, "an enrolment cannot be read");
    return 0;
}

static Enrolments *read_all(Store *s, int64_t now_ms) {
    Enrolment *list = calloc(LISTED_MAX, sizeof(*list));
    size_t n = 0;
    if (!list)
        return NULL;
    _query_ q = QUERY(s,
                      "SELECT " COLUMNS " FROM enrolment WHERE expires_at > ?1 "
                      "ORDER BY id DESC LIMIT ?2",
                      INT(now_ms - ENROLMENT_KEPT_MS), INT(LISTED_MAX));
    while (db_row(s, q))
        read_row(q, &list[n++]);
    Enrolments *e = enrolments_new(list, n);
    free(list);
    return e;
}

Enrolments *store_enrolments(Store *s) {
    return read_all(s, s->now_ms);
}

static void changed(Store *s, StoreOp *op) {
    (void)enrolments_unref(op->key.enrolments);
    op->key.enrolments = read_all(s, s->now_ms);
    if (!op->key.enrolments)
        db_fault(s, -ENOMEM, "out of memory");
}

/* --- giving one out -------------------------------------------------------------------------- */

void enrol_token(Store *s, StoreOp *op) {
    Enrolment *e = &op->key.enrolment;
    const int64_t open =
        db_number(s,
                  QUERY(s, "SELECT count(*) FROM enrolment WHERE state = 1 AND expires_at > ?1",
                        INT(s->now_ms)),
                  0);
    if (open >= (int64_t)ENROLMENTS_OPEN_MAX) {
        say(op, "%u tokens are out already; refuse some, or wait until they expire",
            ENROLMENTS_OPEN_MAX);
        return;
    }
    if (directory_key(s->directory, e->curve) ||
        db_number(s, QUERY(s, "SELECT 1 FROM enrolment WHERE curve = ?1", TEXT(e->curve)), 0)) {
        say(op, "that key was used before: make another one");
        return;
    }
    RUN(s, "DELETE FROM enrolment WHERE expires_at < ?1", INT(s->now_ms - FORGET_MS));
    RUN(s,
        "INSERT INTO enrolment(curve, node, label, state, made_at, made_by, expires_at, request, "
        "came_from, handed_at, decided_at, decided_by) "
        "VALUES(?1,?2,?3,1,?4,?5,?6,x'','',0,0,'')",
        TEXT(e->curve), TEXT(e->node), TEXT(e->label), INT(s->now_ms), TEXT(op->key.by),
        INT(e->expires_ms));
    e->id = sqlite3_last_insert_rowid(s->db);
    e->state = ENROL_OPEN;
    note(s, e, op->key.by, "TOKEN");
    changed(s, op);
    op->key.done = true;
}

/* --- handing in ------------------------------------------------------------------------------ */

/* Are they the keys that were handed in before? The request around them has another time. */
static bool is_repeated(Store *s, int64_t id, const KeyRequest *r) {
    KeyRequest before;
    return load_request(s, id, &before) == 0 && dir_key_is_same(&before.key, &r->key);
}

static const char *objection(Store *s, const Enrolment *e, const KeyRequest *r) {
    if (s->now_ms >= e->expires_ms)
        return "EXPIRED";
    if (strcmp(r->key.node, e->node) != 0 || strcmp(r->key.label, e->label) != 0)
        return "OTHER_NODE";
    if (r->act != KEY_ACT_ADD || !key_request_is_proven(r))
        return "UNPROVEN";
    if (e->state != ENROL_OPEN)
        return is_repeated(s, e->id, r) ? NULL : "USED";
    return directory_key(s->directory, r->key.curve) ? "KEY_TAKEN" : NULL;
}

static const char *explain(const char *code) {
    return strcmp(code, "EXPIRED") == 0 ? "the token has expired: ask for another one"
           : strcmp(code, "USED") == 0  ? "the token was used already, with another key: if that "
                                          "was not you, tell the operators of the broker at once"
           : strcmp(code, "OTHER_NODE") == 0 ? "the token is for another node or label"
           : strcmp(code, "UNPROVEN") == 0   ? "the keys are not signed by the new signing key"
                                             : "that key is known already: make a new one";
}

void enrol_hand_in(Store *s, StoreOp *op) {
    Enrolment *e = &op->key.enrolment;
    const KeyRequest *r = op->key.request;
    if (!find(s, e->id, e)) {
        say(op, "there is no such token any more");
        return;
    }
    const char *code = objection(s, e, r);
    if (code) {
        say(op, "%s: %s", code, explain(code));
        deny(s, op, e, code);
        return;
    }
    op->key.done = true;
    if (e->state != ENROL_OPEN)
        return; /* the answer was lost: said again */
    RUN(s,
        "UPDATE enrolment SET state = 2, request = ?2, came_from = ?3, handed_at = ?4 "
        "WHERE id = ?1 AND state = 1",
        INT(e->id), BLOB(bytes_make(op->key.encoded, op->key.n_encoded)), TEXT(op->key.by),
        INT(s->now_ms));
    e->state = ENROL_HANDED;
    op->key.news = true;
    note(s, e, op->key.by, "HANDED IN");
    changed(s, op);
}

/* --- deciding -------------------------------------------------------------------------------- */

static bool approve(Store *s, StoreOp *op, const Enrolment *e) {
    KeyRequest r = { 0 };
    char text[DIR_NOTE_MAX + 1];
    if (!s->config.sign_key) {
        say(op, "this broker has no key to sign with: serasictl keygen --add");
        return false;
    }
    if (load_request(s, e->id, &r) < 0)
        return false;
    key_request_sign(&r, s->self, s->config.sign_key);
    (void)snprintf(text, sizeof(text), "enrolment %lld, approved by %.120s", (long long)e->id,
                   op->key.by);
    op->key.verdict = key_request_carry_out(s, op, &r, text, &op->key.directory);
    if (op->key.verdict == KEY_GRANTED || op->key.verdict == KEY_KNOWN)
        return s->fault == 0;
    say(op, "%s: %s", key_verdict_name(op->key.verdict), key_verdict_text(op->key.verdict));
    return false;
}

void enrol_decide(Store *s, StoreOp *op) {
    Enrolment *e = &op->key.enrolment;
    const bool yes = op->key.approve;
    if (!find(s, e->id, e)) {
        say(op, "there is no enrolment %lld", (long long)e->id);
        return;
    }
    if (e->state == ENROL_APPROVED || e->state == ENROL_REFUSED ||
        (yes && e->state == ENROL_OPEN)) {
        say(op, "enrolment %lld is %s: nothing to decide", (long long)e->id,
            enrol_state_name(e->state));
        return;
    }
    if (yes && !approve(s, op, e))
        return;
    e->state = yes ? ENROL_APPROVED : ENROL_REFUSED;
    RUN(s, "UPDATE enrolment SET state = ?2, decided_at = ?3, decided_by = ?4 WHERE id = ?1",
        INT(e->id), INT(e->state), INT(s->now_ms), TEXT(op->key.by));
    note(s, e, op->key.by, yes ? "APPROVED" : "REFUSED");
    changed(s, op);
    op->key.done = true;
}

/* --- the list -------------------------------------------------------------------------------- */

static void show_fingerprint(Store *s, Table *t, Bytes request) {
    KeyRequest r;
    const char *why;
    char text[KEY_FINGERPRINT_SIZE] = "";
    if (request.n > 0 && s->config.codec->decode_key_request(request, &r, &why) == 0)
        key_fingerprint(&r.key, text);
    table_text(t, text);
}

void query_enrolments(Store *s, StoreOp *op, Table *t) {
    static const struct {
        const char *name;
        ColumnType type;
    } columns[] = {
        { "id", COLUMN_NUMBER },       { "state", COLUMN_TEXT },       { "node", COLUMN_TEXT },
        { "label", COLUMN_TEXT },      { "fingerprint", COLUMN_TEXT }, { "from", COLUMN_TEXT },
        { "handed_at", COLUMN_TIME },  { "expires_at", COLUMN_TIME },  { "made_by", COLUMN_TEXT },
        { "decided_by", COLUMN_TEXT }, { "decided_at", COLUMN_TIME },
    };
    const uint32_t limit = op->query.limit > 0 ? MIN(op->query.limit, LISTED_MAX) : 100;
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
        table_column(t, columns[i].name, columns[i].type);
    _query_ q = QUERY(s,
                      "SELECT " COLUMNS ", request, came_from, handed_at, made_by, decided_by, "
                      "decided_at FROM enrolment ORDER BY state = 2 DESC, id DESC LIMIT ?1",
                      INT(limit));
    while (db_row(s, q)) {
        Enrolment e;
        read_row(q, &e);
        table_number(t, e.id);
        table_text(t, e.state == ENROL_OPEN && s->now_ms >= e.expires_ms
                          ? "EXPIRED"
                          : enrol_state_name(e.state));
        table_text(t, e.node);
        table_text(t, e.label);
        show_fingerprint(s, t, col_bytes(q, 6));
        table_text(t, col_text(q, 7));
        table_number(t, col_int(q, 8));
        table_number(t, e.expires_ms);
        table_text(t, col_text(q, 9));
        table_text(t, col_text(q, 10));
        table_number(t, col_int(q, 11));
    }
}
