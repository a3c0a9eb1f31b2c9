/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the broker itself has to say to the ledger: denied calls, operator verbs, what the daemon
 * tells. A peer that is denied a thousand times a second makes an entry a minute: the entry says
 * how often.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/batch.h"
#include "broker/internal.h"
#include "broker/note.h"

#define NOTES_MAX    64U /* entries of one operation */
#define DENIALS_MAX  128U
#define DENIALS_KEY  8U /* different rights of one key in a minute */
#define DENIAL_PAUSE MINUTE_MS

int broker_note(Broker *b, const LedgerEntry *e) {
    StoreOp *op = b->ops.last;
    if (!op || op->kind != OP_NOTE || op->owner_id != 0 || op->note.n == NOTES_MAX) {
        op = op_for(OP_NOTE, 0, NULL);
        if (!op)
            return -ENOMEM;
        broker_push(b, op);
    }
    LedgerEntry *list = reallocarray(op->note.list, op->note.n + 1U, sizeof(*list));
    if (!list)
        return -ENOMEM;
    op->note.list = list;
    list[op->note.n++] = *e;
    return 0;
}

static int write_denial(Broker *b, Now now, Denial *d) {
    LedgerEntry e = { .kind = LEDGER_DENIED, .code = d->n };
    (void)text_copy(e.node, sizeof(e.node), d->node);
    (void)text_copy(e.peer, sizeof(e.peer), d->label);
    (void)text_copy(e.note, sizeof(e.note), d == &b->others ? "other keys" : d->missing);
    access_tell(b, e.node, e.peer, e.note, d->n);
    d->n = 0;
    d->written_mono_ms = now.mono_ms;
    return broker_note(b, &e);
}

static bool is_recent(const Denial *d, Now now) {
    return d->written_mono_ms > 0 && now.mono_ms - d->written_mono_ms < DENIAL_PAUSE;
}

static Denial *find_denial(Broker *b, const char *node, const char *label, const char *missing) {
    for (uint32_t i = 0; i < b->n_denials; i++) {
        Denial *d = &b->denials[i];
        if (strcmp(d->node, node) == 0 && strcmp(d->label, label) == 0 &&
            strcmp(d->missing, missing) == 0)
            return d;
    }
    return NULL;
}

/* One key that tries right after right: from some on they are counted together. */
static bool tries_many(const Broker *b, Now now, const char *node, const char *label) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_denials; i++) {
        const Denial *d = &b->denials[i];
        n += is_recent(d, now) && strcmp(d->node, node) == 0 && strcmp(d->label, label) == 0;
    }
    return n >= DENIALS_KEY;
}

/* A free place, or one of long ago; NULL when there is none. */
static Denial *new_denial(Broker *b, Now now, const char *node, const char *label,
                          const char *missing) {
    Denial *d = NULL;
    if (b->n_denials < DENIALS_MAX)
        d = &b->denials[b->n_denials++];
    for (uint32_t i = 0; i < b->n_denials && !d; i++)
        if (b->denials[i].n == 0 && !is_recent(&b->denials[i], now))
            d = &b->denials[i];
    if (!d)
        return NULL;
    *d = (Denial) { 0 };
    (void)text_copy(d->node, sizeof(d->node), node);
    (void)text_copy(d->label, sizeof(d->label), label);
    (void)text_copy(d->missing, sizeof(d->missing), missing);
    return d;
}

static Denial *denial_of(Broker *b, Now now, const char *node, const char *label,
                         const char *missing) {
    Denial *d = find_denial(b, node, label, missing);
    if (!d && tries_many(b, now, node, label)) {
        missing = "other rights";
        d = find_denial(b, node, label, missing);
    }
    if (!d)
        d = new_denial(b, now, node, label, missing);
    return d ? d : &b->others; /* so many keys at once: nobody is named any more */
}

int broker_denied(Broker *b, Now now, const char *node, const char *label, const char *missing) {
    char note[LEDGER_NOTE_MAX + 1];
    (void)text_copy(note, sizeof(note), missing);
    if (!b->denials && !(b->denials = calloc(DENIALS_MAX, sizeof(*b->denials))))
        return -ENOMEM;
    Denial *d = denial_of(b, now, node, label, note);
    d->n++;
    if (is_recent(d, now))
        return 0;
    return write_denial(b, now, d);
}

static int write_counted(Broker *b, Now now, bool all) {
    int r = 0;
    for (uint32_t i = 0; i < b->n_denials && r == 0; i++)
        if (b->denials[i].n > 0 && (all || !is_recent(&b->denials[i], now)))
            r = write_denial(b, now, &b->denials[i]);
    if (r == 0 && b->others.n > 0 && (all || !is_recent(&b->others, now)))
        r = write_denial(b, now, &b->others);
    return r;
}

int notes_second(Broker *b, Now now) {
    return write_counted(b, now, false);
}

int notes_last(Broker *b, Now now) {
    return write_counted(b, now, true);
}
