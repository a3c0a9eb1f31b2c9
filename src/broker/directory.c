/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The signed directory on its way down the tree. A child says what it has (DIRECTORY_WANT); its
 * parent answers with what comes behind that, and from then on with every new version as soon as it
 * is on disk. One frame at a time is on its way to a child: it says WANT again when that is on its
 * disk. Nothing of it waits behind messages: in the store it goes first.
 *
 * What does not hold (dir_change_check()) is refused and told; the copy that is there stays, the
 * link goes on, and after a while, longer each time, the parent is asked again.
 */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "broker/batch.h"
#include "broker/directory.h"
#include "broker/internal.h"
#include "broker/session.h"
#include "broker/uplink.h"
#include "wire/codec.h"

#define ASK_AGAIN_MS   (5 * MINUTE_MS) /* though nothing happened: should a word have been lost */
#define REFUSED_MS     (5 * SECOND_MS) /* before asking again; twice as long each time, */
#define REFUSED_MAX_MS (5 * MINUTE_MS) /* up to this */
#define SIGN_MS        DAY_MS

static uint64_t signed_version(const Broker *b) {
    const DirHead *head = directory_head(b->directory);
    return head ? head->version : 0;
}

/* --- as a child ----------------------------------------------------------------------------- */

static void want(Broker *b, Now now) {
    const DirHead *head = directory_head(b->directory);
    Frame f = { .kind = FRAME_DIRECTORY_WANT,
                .directory_want = { .after = signed_version(b), .copy_of = b->following.copy_of } };
    if (head)
        f.directory_want.head = head->root;
    memcpy(f.directory_want.behind, b->following.behind, sizeof(f.directory_want.behind));
    const int r = uplink_send(b, &f); /* a full pipe: said again soon */
    b->following.want_mono_ms = now.mono_ms + (r == 0 ? ASK_AGAIN_MS : 0);
}

/* A copy that was on its way begins anew. */
static void forget_copy(Following *w) {
    w->copy_of = 0;
    w->behind[0] = '\0';
}

void directory_uplink_open(Broker *b, Now now) {
    Following *w = &b->following;
    w->refused = 0;
    w->deaf_mono_ms = 0;
    forget_copy(w);
    /* What the session before brought is not on disk yet: what is behind it is asked for then. The
     * same once more would look like a replay. */
    w->asked = w->busy;
    if (b->config.follows && !w->busy)
        want(b, now);
}

static int decode_changes(const Frame *f, StoreOp *op) {
    int r = 0;
    op->take.changes = calloc(MAX(f->directory_changes.n, 1U), sizeof(*op->take.changes));
    if (!op->take.changes)
        return -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < f->directory_changes.n; i++) {
        r = codec_decode_change(f->directory_changes.changes[i], &op->take.changes[i],
                                &op->take.why);
        op->take.n += r == 0;
    }
    if (r == 0 && f->directory_changes.head.n > 0) {
        r = codec_decode_head(f->directory_changes.head, &op->take.head, &op->take.why);
        op->take.has_head = r == 0;
    }
    op->take.unreadable = r > 0;
    return r < 0 ? r : 0;
}

int directory_changes(Broker *b, Now now, const Frame *f) {
    Following *w = &b->following;
    if (!b->config.follows || now.mono_ms < w->deaf_mono_ms)
        return 0; /* what was not asked for now will be, later */
    w->asked |= f->directory_changes.n > 0;
    if (w->busy)
        return 0; /* asked for again when what came before it is on disk */
    _cleanup_(store_op_freep) StoreOp *op = op_for(OP_DIRECTORY_TAKE, UPLINK_OWNER, NULL);
    if (!op)
        return -ENOMEM;
    (void)text_copy(op->take.from, sizeof(op->take.from), b->config.parent);
    int r = decode_changes(f, op);
    if (r < 0)
        return r;
    w->busy = true;
    broker_push(b, TAKE_PTR(op));
    return 0;
}

static void refused(Broker *b, Now now, const StoreOp *op) {
    Following *w = &b->following;
    const unsigned doubled = MIN(w->refused, 10U);
    const int64_t wait = MIN(REFUSED_MS << doubled, REFUSED_MAX_MS);
    w->refused++;
    forget_copy(w);
    w->want_mono_ms = w->deaf_mono_ms = now.mono_ms + wait + b->io.random(b->io.data) % 1000;
    LogRecord r = { .event = LOG_EVENT_DIRECTORY_REFUSED };
    log_peer_name(b->config.parent, r.peer, sizeof(r.peer));
    (void)text_copy(r.rule, sizeof(r.rule), change_verdict_name((int)op->take.verdict));
    (void)snprintf(
        r.text, sizeof(r.text),
        "A change of the directory was refused: %s, version %llu: %s. Version %llu stays "
        "in force.",
        change_verdict_name((int)op->take.verdict), (unsigned long long)op->take.version,
        op->take.text, (unsigned long long)signed_version(b));
    b->io.log(b->io.data, &r);
}

static void tell_applied(Broker *b, const StoreOp *op) {
    const DirHead *head = directory_head(b->directory);
    if (op->take.n_applied == 0 || !head)
        return; /* the daily head: not worth a line */
    broker_log(b, LOG_EVENT_DIRECTORY_APPLIED, b->config.parent,
               "Directory version %llu of %llu records, as the hub signed it, is in force.",
               (unsigned long long)head->version, (unsigned long long)head->size);
}

int directory_taken(Broker *b, Now now, StoreOp *op) {
    Following *w = &b->following;
    int r = 0;
    w->busy = false;
    if (op->take.directory) {
        w->stale_told = 0;
        r = broker_take_directory(b, now, op->take.directory);
        tell_applied(b, op);
    }
    if (op->take.verdict != CHANGE_OK) {
        refused(b, now, op);
        return r;
    }
    w->refused = 0;
    const bool asked = w->asked;
    w->asked = false;
    w->copy_of = op->take.copy_of;
    memcpy(w->behind, op->take.behind, sizeof(w->behind));
    if (b->uplink.state == UPLINK_OPEN &&
        (asked || (op->take.has_head && op->take.head.version > signed_version(b))))
        want(b, now);
    return r;
}

/* --- as a parent ---------------------------------------------------------------------------- */

/* Asks the store what is behind what the child has. */
static int serve(Broker *b, Session *s) {
    StoreOp *op = op_for(OP_DIRECTORY_READ, s->id, NULL);
    if (!op)
        return -ENOMEM;
    op->read.after = s->directory.after;
    op->read.root = s->directory.root;
    op->read.copy_of = s->directory.copy_of;
    memcpy(op->read.behind, s->directory.behind, sizeof(op->read.behind));
    s->directory.reading = true;
    broker_push(b, op);
    return 0;
}

/* Is there something for the child that is not on its way to it? */
static bool is_behind(const Broker *b, const Session *s) {
    const DirHead *head = directory_head(b->directory);
    return head && s->directory.wants && !s->directory.reading && !s->directory.waits &&
           (s->directory.after != head->version || s->directory.head_ms < head->at_ms ||
            !tree_hash_equal(&s->directory.root, &head->root));
}

/* A child that is ahead of us heard of versions that we lost. */
static void compare(Broker *b, Session *s) {
    if (s->directory.after <= signed_version(b) || s->directory.ahead_told >= s->directory.after)
        return;
    s->directory.ahead_told = s->directory.after;
    broker_log(b, LOG_EVENT_DIRECTORY_AHEAD, s->node,
               "A child broker has directory version %llu, this one %llu.",
               (unsigned long long)s->directory.after, (unsigned long long)signed_version(b));
}

int directory_want(Broker *b, Session *s, const Frame *f) {
    s->directory.wants = true;
    s->directory.waits = false;
    s->directory.after = f->directory_want.after;
    s->directory.root = f->directory_want.head;
    s->directory.copy_of = f->directory_want.copy_of;
    memcpy(s->directory.behind, f->directory_want.behind, sizeof(s->directory.behind));
    compare(b, s);
    return is_behind(b, s) && s->directory.after <= signed_version(b) ? serve(b, s) : 0;
}

int directory_found(Broker *b, StoreOp *op) {
    Session *s = session_by_id(b, op->owner_id);
    uint8_t *head = NULL;
    size_t n_head = 0;
    if (!s)
        return 0;
    s->directory.reading = false;
    if (!op->read.has_head)
        return 0;
    int r = codec_encode_head(&op->read.head, &head, &n_head);
    if (r < 0)
        return r;
    Frame f = { .kind = FRAME_DIRECTORY_CHANGES,
                .directory_changes = { .n = op->read.n, .head = bytes_make(head, n_head) } };
    memcpy(f.directory_changes.changes, op->read.changes, op->read.n * sizeof(Bytes));
    s->directory.waits = op->read.n > 0;
    s->directory.head_ms = op->read.head.at_ms;
    r = session_send(b, s, &f, NULL, 0);
    free(head);
    return r == -ENOMEM ? r : 0; /* a child that is gone asks again when it is back */
}

int directory_news(Broker *b) {
    Session *s, *tmp;
    int r = 0;
    HASH_ITER (hh, b->sessions, s, tmp) {
        if (r == 0 && is_behind(b, s) && s->directory.after <= signed_version(b))
            r = serve(b, s);
    }
    return r;
}

/* --- time ----------------------------------------------------------------------------------- */

static void tell_stale(Broker *b, Now now) {
    static const int64_t levels[] = { 2 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS };
    const DirHead *head = directory_head(b->directory);
    Following *w = &b->following;
    if (!head || w->stale_told >= ARRAY_SIZE(levels) ||
        now.wall_ms - head->at_ms < levels[w->stale_told])
        return;
    while (w->stale_told < ARRAY_SIZE(levels) && now.wall_ms - head->at_ms >= levels[w->stale_told])
        w->stale_told++;
    broker_log(b, LOG_EVENT_DIRECTORY_STALE, b->config.parent,
               "The hub has not been heard of for %lld days: directory version %llu may be old "
               "(warning %u of %u).",
               (long long)((now.wall_ms - head->at_ms) / DAY_MS), (unsigned long long)head->version,
               w->stale_told, (unsigned)ARRAY_SIZE(levels));
}

static bool has_to_be_signed(const Broker *b, Now now) {
    const DirHead *head = directory_head(b->directory);
    return head ? now.wall_ms - head->at_ms >= SIGN_MS
                : directory_node_count(b->directory) + directory_key_count(b->directory) > 0;
}

/* The hub says every day that it still lives: a head signed anew, and passed on. When it got its
 * key only now, all that is there is signed. */
static int sign_head(Broker *b, Now now) {
    if (!b->config.signs || b->signing || !has_to_be_signed(b, now))
        return 0;
    StoreOp *op = op_for(OP_DIRECTORY_SIGN, 0, NULL);
    if (!op)
        return -ENOMEM;
    b->signing = true;
    broker_push(b, op);
    return 0;
}

int directory_signed(Broker *b, Now now, StoreOp *op) {
    b->signing = false;
    return op->import.directory ? broker_take_directory(b, now, op->import.directory) : 0;
}

int directory_second(Broker *b, Now now) {
    if (b->config.follows) {
        tell_stale(b, now);
        if (b->uplink.state == UPLINK_OPEN && !b->following.busy &&
            now.mono_ms >= b->following.want_mono_ms)
            want(b, now);
    }
    return sign_head(b, now);
}
