/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Access: what a session's key may do, and for how long. A session keeps what the directory says
 * of its key; that is looked up again with every change of the directory, before another frame is
 * read, and at the moment a key begins or ends. So a check costs a few comparisons, and is never
 * against yesterday's rights.
 */

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/consume.h"
#include "broker/internal.h"
#include "broker/key.h"
#include "broker/note.h"
#include "broker/session.h"
#include "core/access.h"

/* --- who is it ------------------------------------------------------------------------------- */

static const char *home_of(const DirNode *n) {
    return n->home[0] ? n->home : n->id;
}

bool session_authorise(const Broker *b, const char *user_id, BrokerPort port, Now now,
                       Session *ret) {
    if (port == PORT_ADMIN) {
        (void)text_copy(ret->node, sizeof(ret->node), b->config.self);
        (void)text_copy(ret->label, sizeof(ret->label), user_id);
        ret->operator_ = true;
        ret->until_ms = INT64_MAX;
        return true;
    }
    const DirKey *k = directory_key(b->directory, user_id);
    if (!k)
        return enrol_authorise(b, user_id, now, ret);
    if (!directory_key_is_usable(b->directory, k, now.wall_ms))
        return false;
    const DirNode *n = directory_node(b->directory, k->node);
    (void)text_copy(ret->node, sizeof(ret->node), k->node);
    (void)text_copy(ret->label, sizeof(ret->label), k->label);
    (void)text_copy(ret->home, sizeof(ret->home), home_of(n));
    (void)text_copy(ret->broker_parent, sizeof(ret->broker_parent), n->broker_parent);
    ret->broker = k->broker;
    /* Here, and nowhere else: an operator of an institution is none of the whole country's. */
    ret->operator_ = strcmp(home_of(n), b->config.self) == 0 &&
                     key_allows(k, &(RightUse) { .verb = RIGHT_OPERATE, .region = "" });
    ret->rights = k->rights;
    ret->from_ms = k->valid_from_ms;
    ret->until_ms = k->valid_until_ms != 0 ? k->valid_until_ms : INT64_MAX;
    return true;
}

void session_note_validity(Broker *b, const Session *s) {
    b->keys_from_ms = MAX(b->keys_from_ms, s->from_ms);
    b->keys_until_ms = MIN(b->keys_until_ms, s->until_ms);
}

/* --- may it? --------------------------------------------------------------------------------- */

bool session_allows(const Session *s, const RightUse *use) {
    if (use->verb == RIGHT_OPERATE)
        return s->operator_;
    if (s->operator_ && use->verb == RIGHT_QUERY)
        return true;
    return rights_allow(&s->rights, use);
}

void session_sign(const Session *s, char ret[static CURVE_TEXT_SIZE]) {
    (void)text_copy(ret, CURVE_TEXT_SIZE, s->key.port == PORT_ADMIN ? "" : s->user_id);
}

void access_tell(Broker *b, const char *node, const char *label, const char *missing, int64_t n) {
    LogRecord r = { .event = LOG_EVENT_ACCESS_DENIED };
    log_peer_name(node, r.peer, sizeof(r.peer));
    (void)text_copy(r.rule, sizeof(r.rule), missing);
    (void)snprintf(r.text, sizeof(r.text), "%lld calls of key %s were denied: it lacks %s.",
                   (long long)n, label, missing);
    b->io.log(b->io.data, &r);
}

int key_denied(Broker *b, Now now, const char *user_id) {
    const DirKey *k = directory_key(b->directory, user_id);
    return k ? broker_denied(b, now, k->node, k->label, "a valid key") : 0;
}

int session_denied(Broker *b, Now now, Session *s, uint32_t channel, const char *missing) {
    char text[ACCESS_TEXT_SIZE];
    (void)snprintf(text, sizeof(text), "your key lacks the right: %s", missing);
    session_error(b, s, ERROR_NOT_ALLOWED, channel, false, text);
    return broker_denied(b, now, s->node, s->label, missing);
}

/* --- and still? ------------------------------------------------------------------------------ */

static const char *ended_why(const Session *s, const Session *fresh, bool valid) {
    if (!valid)
        return "its key was revoked or ran out, or its node is not active";
    if (strcmp(fresh->node, s->node) != 0 || fresh->broker != s->broker)
        return "its key is another one's now";
    if (strcmp(fresh->home, s->home) != 0 || strcmp(fresh->broker_parent, s->broker_parent) != 0)
        return "its node has moved to another broker";
    return NULL;
}

/* What it held is ready again at once: the key ended, no attempt failed. */
static int end_for_key(Broker *b, Now now, Session *s, const char *why) {
    LedgerEntry e = { .kind = LEDGER_SESSION_ENDED, .code = (int64_t)s->n_out };
    (void)text_copy(e.node, sizeof(e.node), s->node);
    (void)text_copy(e.peer, sizeof(e.peer), s->label);
    (void)text_copy(e.note, sizeof(e.note), why);
    broker_log(b, LOG_EVENT_KEY_ENDED, s->node,
               "Session %llu of key %s is ended: %s. It held %u deliveries.",
               (unsigned long long)s->id, s->label, why, s->n_out);
    session_error(b, s, ERROR_NOT_KNOWN, 0, true, why);
    int r = broker_note(b, &e);
    return r < 0 ? r : session_end(b, now, s, SESSION_ORDERLY, why);
}

/* NULL, or why the channel may not be read any more; missing is set when it is for want of a
 * right. */
static const char *channel_objection(const Broker *b, const Session *s, const Channel *c,
                                     char missing[static RIGHT_USE_TEXT_SIZE]) {
    const DirNode *node = directory_node(b->directory, s->node);
    const char *why = "the filter reaches outside your scope";
    if (c->source == SOURCE_NAMED && !c->filter)
        return NULL; /* the store is asked and judges it */
    if (!rights_allow_channel(&s->rights, RIGHT_SUBSCRIBE, c->source, c->filter, missing))
        return missing;
    return c->source == SOURCE_NAMED && !(node && filter_is_allowed(c->filter, node, &why)) ? why
                                                                                            : NULL;
}

static int recheck_channels(Broker *b, Now now, Session *s) {
    int r = 0;
    for (uint32_t i = 1; i <= CHANNELS_MAX && r == 0; i++) {
        char missing[RIGHT_USE_TEXT_SIZE] = "";
        Channel *c = s->channels[i];
        const char *why = c ? channel_objection(b, s, c, missing) : NULL;
        if (!why)
            continue;
        if (missing[0])
            r = session_denied(b, now, s, i, missing);
        else
            session_error(b, s, ERROR_NOT_ALLOWED, i, false, why);
        if (r == 0)
            r = channel_close(b, now, c, SESSION_ORDERLY);
    }
    return r;
}

static int recheck(Broker *b, Now now, Session *s) {
    Session fresh = { 0 };
    const bool valid = session_authorise(b, s->user_id, (BrokerPort)s->key.port, now, &fresh);
    const char *why = ended_why(s, &fresh, valid);
    if (why)
        return end_for_key(b, now, s, why);
    memcpy(s->label, fresh.label, sizeof(s->label));
    s->operator_ = fresh.operator_;
    s->rights = fresh.rights;
    s->from_ms = fresh.from_ms;
    s->until_ms = fresh.until_ms;
    session_note_validity(b, s);
    return recheck_channels(b, now, s);
}

int sessions_recheck(Broker *b, Now now) {
    Session *s, *tmp;
    b->keys_from_ms = INT64_MIN;
    b->keys_until_ms = INT64_MAX;
    HASH_ITER (hh, b->sessions, s, tmp) {
        int r = recheck(b, now, s);
        if (r < 0)
            return r;
    }
    return 0;
}

int sessions_expire(Broker *b, Now now) {
    /* The clock may be set back before the beginning of a key, too. */
    if (now.wall_ms < b->keys_until_ms && now.wall_ms >= b->keys_from_ms)
        return 0;
    return sessions_recheck(b, now);
}
