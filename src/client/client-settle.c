/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Settlements. They gather until the next turn and leave as ranges of tags. What was settled DONE
 * and not confirmed when its session died is remembered: it comes again, and is settled again
 * without being shown.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "client/client-consume.h"
#include "client/client-open.h"
#include "client/client-session.h"
#include "client/client-settle.h"
#include "client/client-verify.h"
#include "client/internal.h"

/* Bound of one settlement in a frame: two tags, three small numbers, tags of fields, its reason. */
#define SETTLEMENT_BYTES 48U
#define FRAME_BUDGET     (FRAME_MAX - 64U)

/* --- what is held --- */

/* First held delivery with a tag of at least `tag`. */
static uint32_t held_from(const Channel *ch, uint64_t tag) {
    uint32_t low = 0, high = ch->n_held;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ch->held[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static Held *held_find(const Channel *ch, uint64_t tag) {
    uint32_t i = held_from(ch, tag);
    return i < ch->n_held && ch->held[i].tag == tag ? &ch->held[i] : NULL;
}

int held_add(Channel *ch, uint64_t tag, const Uuid *id, uint32_t bytes) {
    if (ch->n_held == ch->room) {
        uint32_t room = MAX(ch->room * 2, 16U);
        Held *held = realloc(ch->held, room * sizeof(*held));
        if (!held)
            return -ENOMEM;
        ch->held = held;
        ch->room = room;
    }
    ch->held[ch->n_held++] = (Held) { .tag = tag, .id = *id, .bytes = bytes };
    return 0;
}

bool channel_has_pending(const Channel *ch) {
    for (uint32_t i = 0; i < ch->n_held; i++)
        if (ch->held[i].action != SETTLE_NONE)
            return true;
    return false;
}

static void held_forget(serasi_client *c, Held *h) {
    if (h->action != SETTLE_NONE)
        c->n_pending--;
    free(h->reason);
    h->reason = NULL;
}

/* --- done before --- */

static void done_id_add(serasi_client *c, uint32_t channel, const Uuid *id) {
    if (HASH_COUNT(c->done_ids) >= DONE_IDS_MAX) {
        DoneId *oldest = c->done_ids; /* the table keeps the order of insertion */
        HASH_DEL(c->done_ids, oldest);
        free(oldest);
    }
    DoneId *d = calloc(1, sizeof(*d));
    if (!d)
        return; /* it may then be shown a second time, which applications must stand anyway */
    d->key = (DoneKey) { .channel = channel, .id = *id };
    HASH_ADD(hh, c->done_ids, key, sizeof(d->key), d);
    if (!d->hh.tbl)
        free(d); /* no memory for the table */
}

static DoneId *done_id_find(serasi_client *c, uint32_t channel, const Uuid *id) {
    const DoneKey key = { .channel = channel, .id = *id };
    DoneId *d = NULL;
    HASH_FIND(hh, c->done_ids, &key, sizeof(key), d);
    return d;
}

bool done_id_take(serasi_client *c, uint32_t channel, const Uuid *id) {
    DoneId *d = done_id_find(c, channel, id);
    if (!d)
        return false;
    HASH_DEL(c->done_ids, d);
    free(d);
    return true;
}

void held_drop_all(serasi_client *c, Channel *ch, bool remember) {
    for (uint32_t i = 0; i < ch->n_held; i++) {
        Held *h = &ch->held[i];
        if (h->action != SETTLE_NONE)
            c->n_lost++;
        if (remember && h->action == SETTLE_DONE && !done_id_find(c, ch->handle, &h->id))
            done_id_add(c, ch->handle, &h->id);
        held_forget(c, h);
    }
    ch->n_held = 0;
    ch->settle_wanted = false;
}

/* --- sending --- */

typedef struct Batch {
    Settlement *list;
    uint32_t n;
    size_t bytes;
    uint32_t end; /* held deliveries before this one are in it, if they had something to say */
} Batch;

/* A final settlement waits for the answer to an EXTEND of the same delivery, for a while: SETTLED
 * does not say which of the two it is about. */
static bool is_waiting(const serasi_client *c, const Held *h) {
    return h->action != SETTLE_NONE && !h->sent && h->extend_until_ms > c->now_ms;
}

static bool has_settlement(const serasi_client *c, const Held *h, Settlement *ret) {
    *ret = (Settlement) { .tags = { h->tag, h->tag } };
    if (h->action != SETTLE_NONE && !h->sent && !is_waiting(c, h)) {
        ret->action = h->action;
        ret->after_ms = h->after_ms;
        ret->permanent = h->permanent;
        if (h->reason)
            (void)text_copy(ret->reason, sizeof(ret->reason), h->reason);
        return true;
    }
    if (h->extend_queued) {
        ret->action = SETTLE_EXTEND;
        ret->after_ms = h->extend_ms;
        return true;
    }
    return false;
}

static bool may_join(const Settlement *last, const Settlement *s) {
    return last->tags.last + 1 == s->tags.first && last->action == s->action &&
           last->after_ms == s->after_ms && last->permanent == s->permanent &&
           strcmp(last->reason, s->reason) == 0;
}

/* Fills a batch from held[from] on; false when nothing was found. */
static bool batch_fill(const serasi_client *c, const Channel *ch, uint32_t from, Batch *b) {
    b->n = 0;
    b->bytes = 0;
    for (b->end = from; b->end < ch->n_held; b->end++) {
        Settlement s;
        if (!has_settlement(c, &ch->held[b->end], &s))
            continue;
        if (b->n > 0 && may_join(&b->list[b->n - 1], &s)) {
            b->list[b->n - 1].tags.last = s.tags.last;
            continue;
        }
        size_t bytes = SETTLEMENT_BYTES + strlen(s.reason);
        if (b->n == SETTLEMENTS_MAX || b->bytes + bytes > FRAME_BUDGET)
            break;
        b->list[b->n++] = s;
        b->bytes += bytes;
    }
    return b->n > 0;
}

static void mark_sent(const serasi_client *c, Channel *ch, uint32_t from, uint32_t end) {
    for (uint32_t i = from; i < end; i++) {
        Held *h = &ch->held[i];
        Settlement s;
        if (!has_settlement(c, h, &s))
            continue;
        if (s.action == SETTLE_EXTEND) {
            h->extend_queued = false;
            h->extend_until_ms = c->now_ms + EXTEND_ANSWER_MS;
        } else {
            h->sent = true;
        }
    }
}

static void note_waiting(serasi_client *c, Channel *ch) {
    ch->settle_wanted = false;
    for (uint32_t i = 0; i < ch->n_held; i++) {
        if (!is_waiting(c, &ch->held[i]))
            continue;
        ch->settle_wanted = true;
        c->settle_due_ms = MIN(c->settle_due_ms, ch->held[i].extend_until_ms);
    }
}

int settle_write(serasi_client *c, Channel *ch) {
    _cleanup_(freep) Settlement *list = calloc(SETTLEMENTS_MAX, sizeof(*list));
    Batch b = { .list = list };
    uint32_t from = 0;
    if (!list)
        return -ENOMEM;
    while (batch_fill(c, ch, from, &b)) {
        const Frame f = { .kind = FRAME_SETTLE,
                          .settle = { .channel = ch->wire, .n = b.n, .settlements = b.list } };
        int r = session_send(c, &f, NULL);
        if (r < 0)
            return r;
        mark_sent(c, ch, from, b.end);
        from = b.end;
    }
    note_waiting(c, ch);
    return 0;
}

/* --- confirmations --- */

/* Takes the confirmed ones of a range out of what is held. */
static void confirm_range(serasi_client *c, Channel *ch, TagRange range, bool unknown) {
    uint32_t from = held_from(ch, range.first), kept = from, i;
    for (i = from; i < ch->n_held && ch->held[i].tag <= range.last; i++) {
        Held *h = &ch->held[i];
        if (!h->sent && !unknown) {
            h->extend_until_ms = 0; /* that was the EXTEND */
            ch->settle_wanted |= h->action != SETTLE_NONE;
            ch->held[kept++] = *h;
            continue;
        }
        ch->returned++;
        ch->returned_bytes += h->bytes;
        if (!unknown && h->action == SETTLE_DONE)
            verify_settled(c, ch->handle, &h->id);
        held_forget(c, h);
    }
    memmove(&ch->held[kept], &ch->held[i], (ch->n_held - i) * sizeof(*ch->held));
    ch->n_held -= i - kept;
}

void settle_confirmed(serasi_client *c, const Frame *f) {
    Channel *ch = channel_by_wire(c, f->settled.channel);
    if (!ch || ch->n_held == 0)
        return;
    for (uint32_t i = 0; i < f->settled.n_done; i++)
        confirm_range(c, ch, f->settled.done[i], false);
    for (uint32_t i = 0; i < f->settled.n_unknown; i++)
        confirm_range(c, ch, f->settled.unknown[i], true);
}

/* --- what applications call --- */

static int held_extend(Held *h, uint32_t after_ms) {
    if (h->action != SETTLE_NONE)
        return -EINVAL;
    h->extend_queued = true;
    h->extend_ms = after_ms;
    return 0;
}

int held_settle(serasi_client *c, Channel *ch, uint64_t tag, const Settlement *s) {
    Held *h = held_find(ch, tag);
    int r = 0;
    if (!h)
        return SERASI_AGAIN;
    if (s->action == SETTLE_EXTEND) {
        r = held_extend(h, s->after_ms);
    } else if (h->action != SETTLE_NONE) {
        r = -EINVAL;
    } else {
        h->reason = s->reason[0] ? strdup(s->reason) : NULL;
        if (s->reason[0] && !h->reason)
            return -ENOMEM;
        h->action = s->action;
        h->after_ms = s->after_ms;
        h->permanent = s->permanent;
        h->extend_queued = false;
        c->n_pending++;
    }
    if (r == 0) {
        ch->settle_wanted = true;
        client_wake(c);
    }
    return r;
}

SERASI_PUBLIC int serasi_settle(serasi_client *c, const serasi_delivery *d,
                                serasi_settle_action action, uint32_t after_ms, const char *reason,
                                int permanent) {
    Settlement s = { .action = (SettleAction)action };
    if (!d || action < SERASI_DONE || action > SERASI_EXTEND)
        return -EINVAL;
    if (action == SERASI_RETRY || action == SERASI_EXTEND)
        s.after_ms = after_ms;
    if (action == SERASI_REJECT) {
        s.permanent = permanent != 0;
        if (reason && (!text_copy(s.reason, sizeof(s.reason), reason) ||
                       !text_is_clean(bytes_make(reason, strlen(reason)))))
            return -EINVAL;
    }
    if (c->state != CLIENT_OPEN || d->session != c->session)
        return SERASI_AGAIN;
    Channel *ch = channel_by_handle(c, d->channel);
    if (ch && action == SERASI_DONE)
        wrap_forget(c, d);
    return ch ? held_settle(c, ch, d->frame.deliver.tag, &s) : SERASI_AGAIN;
}

SERASI_PUBLIC size_t serasi_unsettled(serasi_client *c) {
    return c->n_pending;
}

/* What a dying session took along must come again and be settled again before it is on disk. */
SERASI_PUBLIC int serasi_flush(serasi_client *c, int timeout_ms) {
    const int64_t deadline = client_deadline(timeout_ms);
    const uint64_t lost_before = c->n_lost;
    for (;;) {
        int r = serasi_process(c);
        bool lost = c->n_lost != lost_before;
        if (c->n_pending == 0 && (!lost || HASH_COUNT(c->done_ids) == 0))
            return 0;
        if (r < 0)
            return r;
        if (!client_sleep(c, deadline))
            return SERASI_TIMEOUT;
    }
}
