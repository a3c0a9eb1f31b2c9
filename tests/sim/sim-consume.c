/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a client does with deliveries: mail, receipts, and the copies of a named subscription. Each
 * consumer has its mood: quick or slow, settling one by one or many at once; it asks for another
 * try, rejects, forgets, or goes away in the middle of its work. In a calm world everybody is good.
 */

#include "sim/sim-world.h"

#define LINGER_MS 40

static Copy *copy_find(World *w, const SimClient *c, const Uuid *id) {
    Copy *copy = NULL, key = { .key = { .id = *id, .client = c->node } };
    HASH_FIND(hh, w->copies, &key.key, sizeof(key.key), copy);
    return copy;
}

static void subscribe(World *w, SimClient *c, uint32_t channel, FrameSource source,
                      Filter *filter) {
    Frame sub = { .kind = FRAME_SUBSCRIBE,
                  .subscribe = { .channel = channel,
                                 .source = source,
                                 .filter = filter,
                                 .credit_messages = c->mood.credit } };
    if (filter)
        (void)text_copy(sub.subscribe.name, sizeof(sub.subscribe.name), "copies");
    else
        TELL(w, .phase = HISTORY_INFO, .op = HISTORY_LISTEN, .who = c->who,
             .word = source == SOURCE_MAILBOX ? "mailbox" : "receipts");
    client_say(w, c, &sub, NULL, 0);
}

void consume_open(World *w, SimClient *c) {
    if (w->now_ms < c->joins_ms) { /* a late one: it only publishes until then */
        client_wake(w, c, c->joins_ms);
        return;
    }
    c->joins_ms = -1;
    subscribe(w, c, CHANNEL_MAIL, SOURCE_MAILBOX, NULL);
    subscribe(w, c, CHANNEL_TOLD, SOURCE_RECEIPTS, NULL);
    if (c->copies.wanted)
        subscribe(w, c, CHANNEL_COPIES, SOURCE_NAMED, &c->copies.filter);
}

void consume_subscribed(World *w, SimClient *c, const Frame *f) {
    if (f->subscribed.channel != CHANNEL_COPIES)
        return;
    c->copies.overrun |= f->subscribed.overrun;
    if (!c->copies.made)
        c->copies.made_ms = w->now_ms;
    c->copies.made = true;
}

void consume_drop(World *w, SimClient *c) {
    Held *h, *tmp;
    (void)w;
    DL_FOREACH_SAFE(c->held, h, tmp) {
        DL_DELETE(c->held, h);
        free(h);
    }
}

/* --- what comes --- */

/* It comes again while this very session works on it: the lease has run out, which is an attempt.
 */
static void check_attempt(World *w, const SimClient *c, const Held *h) {
    const Held *x;
    DL_FOREACH (c->held, x)
        if (x->channel == h->channel && x->said == 0 && uuid_equal(&x->id, &h->id) &&
            x->attempt >= h->attempt)
            world_wrong(w, "%s got the same attempt twice in one session", c->who);
}

void consume_requeued(World *w, const Uuid *id) {
    Held *h;
    for (unsigned i = 0; i < w->n_clients; i++)
        DL_FOREACH (w->clients[i].held, h)
            if (uuid_equal(&h->id, id))
                h->attempt = 0;
}

static void hold(World *w, SimClient *c, const Frame *f, const Uuid *id, Parcel *item) {
    Held *h = calloc(1, sizeof(*h));
    assert(h);
    h->channel = f->deliver.channel;
    h->tag = f->deliver.tag;
    h->id = *id;
    h->item = item;
    h->until_ms =
        w->now_ms + dice_below(&c->dice, h->channel == CHANNEL_MAIL ? c->mood.work_ms : 20);
    if (!is_calm(w) && dice_below(&c->dice, 1000) < c->mood.forget)
        h->until_ms += 2 * w->profile.broker.lease_ms;
    h->suspect = f->deliver.suspect;
    h->attempt = f->deliver.attempt;
    check_attempt(w, c, h);
    DL_APPEND(c->held, h);
    unsigned n = 0, suspects = 0;
    Held *x;
    DL_FOREACH (c->held, x) {
        const bool out = x->channel == h->channel && x->said == 0;
        n += out;
        suspects += out && x->suspect;
    }
    /* One whose lease has run out may seem to be out still. */
    if (suspects > 0 && n > 1 && w->profile.broker.lease_ms > 10 * MINUTE_MS)
        world_wrong(w, "%s holds a suspect, and not alone", c->who);
    if (n > c->mood.credit)
        world_wrong(w, "%s holds more than its credit", c->who);
}

static bool on_receipt(World *w, SimClient *c, const Frame *f, const Packet *p,
                       const Envelope *env) {
    const char *why;
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    assert(m);
    int r = p->n_parts < 3
                ? WIRE_MALFORMED
                : codec_decode_message(bytes_make(p->part[1], p->size[1]),
                                       bytes_make(p->part[2], p->size[2]), (Bytes) { 0 }, m, &why);
    Parcel *i = r == 0 ? parcel_find(w, &m->facts.receipt.message_id) : NULL;
    if (!i || i->client != c->node) {
        world_wrong(w, "%s got a receipt that is not for it", c->who);
        return false;
    }
    w->report->receipts++;
    if (parcel_names(w, i, m->facts.receipt.recipient))
        TELL(w, .phase = HISTORY_OK, .op = HISTORY_RECEIPT, .who = c->who, .id = i->id,
             .recipient = m->facts.receipt.recipient,
             .word = receipt_level_name(m->facts.receipt.level),
             .cause = m->facts.receipt.cause ? receipt_cause_name(m->facts.receipt.cause) : NULL,
             .receipt = env->message_id);
    hold(w, c, f, &env->message_id, NULL);
    return true;
}

static uint64_t sum_of(const Packet *p) {
    uint64_t h = trace_bytes(1, p->part[1], p->size[1]);
    return trace_bytes(h, p->n_parts > 2 ? p->part[2] : NULL, p->n_parts > 2 ? p->size[2] : 0);
}

void copy_note(World *w, const SimClient *c, const Uuid *id) {
    if (copy_find(w, c, id))
        return;
    Copy *copy = calloc(1, sizeof(*copy));
    assert(copy);
    copy->key.id = *id;
    copy->key.client = c->node;
    HASH_ADD(hh, w->copies, key, sizeof(copy->key), copy);
    w->report->copies++;
}

bool notice_was_told(const World *w, const Uuid *id) {
    Told *told = NULL;
    HASH_FIND(hh, w->told, id, sizeof(*id), told);
    return told != NULL;
}

/* What a broker has to say of a matter: nobody waits for it, and nobody keeps it. */
static void on_notice(World *w, SimClient *c, const Frame *f, const Uuid *id) {
    if (!notice_was_told(w, id)) {
        Told *told = calloc(1, sizeof(*told));
        assert(told);
        told->id = *id;
        HASH_ADD(hh, w->told, id, sizeof(told->id), told);
        w->report->notices++;
    }
    hold(w, c, f, id, NULL);
}

static void on_copy(World *w, const SimClient *c, const Parcel *i) {
    const Copy *copy = copy_find(w, c, &i->id);
    if (copy && copy->settled)
        world_wrong(w, "%s got a copy again that it was told is settled", c->who);
    copy_note(w, c, &i->id);
}

void consume_delivery(World *w, SimClient *c, const Frame *f, const Packet *p) {
    Envelope env;
    const char *why;
    int r = p->n_parts < 2 ? WIRE_MALFORMED
                           : codec_decode_envelope(bytes_make(p->part[1], p->size[1]), &env, &why);
    if (r != 0) {
        world_wrong(w, "%s got a message that cannot be read", c->who);
        return;
    }
    if (f->deliver.channel == CHANNEL_TOLD) {
        (void)on_receipt(w, c, f, p, &env);
        return;
    }
    Parcel *i = parcel_find(w, &env.message_id);
    const bool mail = f->deliver.channel == CHANNEL_MAIL;
    if (mail && env.kind == KIND_NOTICE && strcmp(env.audience.nodes[0], c->name) == 0) {
        on_notice(w, c, f, &env.message_id);
        return;
    }
    /* Whom the law orders a copy for is not for the world to say. */
    if (mail && i && i->story && !parcel_is_for(i, c->node) && f->deliver.role == ROLE_SUPERVISOR) {
        hold(w, c, f, &env.message_id, NULL);
        return;
    }
    if (!i || (mail && !parcel_is_for(i, c->node)) ||
        (!mail && f->deliver.role != ROLE_SUBSCRIBER)) {
        world_wrong(w, "%s got a message that was not for it: kind %d, role %d", c->who, env.kind,
                    (int)f->deliver.role);
        return;
    }
    if (p->n_parts > 3
            ? p->size[3] != i->n_sealed || memcmp(p->part[3], i->sealed, i->n_sealed) != 0
            : mail && i->n_sealed > 0)
        world_wrong(w, "%s got another sealed part than was sent", c->who);
    sign_check(w, c, f, i);
    if (mail) {
        i->heard = true;
        w->report->deliveries++;
        w->report->redeliveries += f->deliver.attempt > 1;
        TELL(w, .phase = HISTORY_OK, .op = HISTORY_DELIVER, .who = c->who, .id = i->id,
             .order_key = i->order_key, .attempt = f->deliver.attempt, .sum = sum_of(p),
             .word = f->deliver.role == ROLE_SUPERVISOR ? "supervisor" : "addressee");
    } else {
        on_copy(w, c, i);
    }
    hold(w, c, f, &i->id, i);
}

/* SETTLED: what is named is on the broker's disk, or not out any more. */
static SettleAction named_in(const Frame *f, uint64_t tag, const Held *h) {
    for (uint32_t i = 0; i < f->settled.n_done; i++)
        if (tag >= f->settled.done[i].first && tag <= f->settled.done[i].last)
            return h->said;
    for (uint32_t i = 0; i < f->settled.n_unknown; i++)
        if (tag >= f->settled.unknown[i].first && tag <= f->settled.unknown[i].last)
            return (SettleAction)-1;
    return SETTLE_NONE;
}

static const char *word_of(SettleAction a) {
    static const char *const words[] = { "", "DONE", "RETRY", "REJECT", "EXTEND" };
    return words[a];
}

static void grant(World *w, SimClient *c, uint32_t channel, uint32_t n) {
    Frame f = { .kind = FRAME_CREDIT, .credit = { .channel = channel, .messages = n } };
    client_say(w, c, &f, NULL, 0);
}

/* The judge of the history knows nothing of copies and notices. */
static bool is_judged(const Held *h) {
    return h->channel == CHANNEL_TOLD || (h->channel == CHANNEL_MAIL && h->item);
}

void consume_settled(World *w, SimClient *c, const Frame *f) {
    Held *h, *tmp;
    DL_FOREACH_SAFE(c->held, h, tmp) {
        SettleAction how = h->channel == f->settled.channel && h->said != SETTLE_NONE
                               ? named_in(f, h->tag, h)
                               : SETTLE_NONE;
        if (how == SETTLE_NONE)
            continue;
        const bool yes = how == h->said;
        if (is_judged(h))
            TELL(w, .phase = yes ? HISTORY_OK : HISTORY_FAIL, .op = HISTORY_SETTLE, .who = c->who,
                 .id = h->id, .word = word_of(h->said));
        Copy *copy = yes && h->said == SETTLE_DONE && h->channel == CHANNEL_COPIES
                         ? copy_find(w, c, &h->id)
                         : NULL;
        if (copy)
            copy->settled = true;
        if (yes && h->said == SETTLE_EXTEND) {
            h->said = SETTLE_NONE;
            h->until_ms = w->now_ms + dice_below(&c->dice, 500);
            continue;
        }
        if (h->said == SETTLE_EXTEND) /* its lease was over: it will come anew */
            grant(w, c, h->channel, 1);
        DL_DELETE(c->held, h);
        free(h);
    }
}

/* --- what is said of it --- */

static SettleAction decide(World *w, SimClient *c, const Held *h, Settlement *st) {
    unsigned dice = dice_below(&c->dice, 1000);
    const Mood *m = &c->mood;
    if (is_calm(w) || h->channel != CHANNEL_MAIL || !h->item ||
        dice >= m->retry + m->reject + m->extend)
        return SETTLE_DONE;
    if (dice < m->extend) {
        st->after_ms = dice_below(&c->dice, 2) ? 0 : 2000;
        return SETTLE_EXTEND;
    }
    if (dice < m->extend + m->retry) {
        st->after_ms = dice_below(&c->dice, 2) * 50;
        return SETTLE_RETRY;
    }
    st->permanent = dice_below(&c->dice, 1000) < m->permanent;
    (void)text_copy(st->reason, sizeof(st->reason), "SIM");
    return SETTLE_REJECT;
}

/* One frame for all of a channel that is ready. */
static void settle(World *w, SimClient *c, uint32_t channel) {
    Settlement list[64];
    unsigned n = 0, credit = 0;
    Held *h;
    DL_FOREACH (c->held, h) {
        if (h->channel != channel || h->said != 0 || h->until_ms > w->now_ms ||
            n == ARRAY_SIZE(list))
            continue;
        Settlement st = { .tags = { h->tag, 0 } };
        st.action = h->said = decide(w, c, h, &st);
        credit += st.action != SETTLE_EXTEND;
        if (is_judged(h))
            TELL(w, .phase = HISTORY_INVOKE, .op = HISTORY_SETTLE, .who = c->who, .id = h->id,
                 .word = word_of(st.action));
        Settlement *last = n > 0 ? &list[n - 1] : NULL;
        const uint64_t end = last ? MAX(last->tags.first, last->tags.last) : 0;
        if (last && end + 1 == h->tag && last->action == SETTLE_DONE && st.action == SETTLE_DONE)
            last->tags.last = h->tag;
        else
            list[n++] = st;
    }
    if (n == 0)
        return;
    Frame f = { .kind = FRAME_SETTLE,
                .settle = { .channel = channel, .n = n, .settlements = list } };
    client_say(w, c, &f, NULL, 0);
    if (credit > 0)
        grant(w, c, channel, credit);
}

/* In the middle of its work: its program falls, or says that it goes. */
static void leave(World *w, SimClient *c) {
    const unsigned conn = (unsigned)(c - w->clients);
    world_note(w, c->who, "leaves");
    if (dice_once_in(&c->dice, 2)) {
        Frame bye = { .kind = FRAME_BYE };
        client_say(w, c, &bye, NULL, 0);
        client_lost(w, c);
        c->hello_ms = w->now_ms;
        return;
    }
    net_cut(w, conn, dice_once_in(&c->dice, 2) ? NET_CUT_SEEN : NET_CUT_DIALLER);
}

int64_t consume_work(World *w, SimClient *c) {
    int64_t next = INT64_MAX;
    if (c->joins_ms >= 0) {
        if (w->now_ms < c->joins_ms && !is_calm(w))
            return c->joins_ms;
        c->joins_ms = w->now_ms;
        consume_open(w, c);
    }
    for (uint32_t channel = CHANNEL_MAIL; channel < CHANNELS; channel++) {
        unsigned ready = 0;
        int64_t oldest = INT64_MAX;
        Held *h;
        DL_FOREACH (c->held, h) {
            if (h->channel != channel || h->said != 0)
                continue;
            if (is_calm(w))
                h->until_ms = MIN(h->until_ms, w->now_ms);
            ready += h->until_ms <= w->now_ms;
            oldest = MIN(oldest, h->until_ms);
        }
        if (ready >= c->mood.batch || (ready > 0 && w->now_ms >= oldest + LINGER_MS))
            settle(w, c, channel);
        else if (oldest != INT64_MAX)
            next = MIN(next, ready > 0 ? oldest + LINGER_MS : oldest);
    }
    if (c->held && !is_calm(w) && dice_below(&c->dice, 1000) < c->mood.leave) {
        leave(w, c);
        return INT64_MAX;
    }
    Held *h;
    DL_FOREACH (c->held, h) /* said in part: the rest soon */
        if (h->said == 0 && h->until_ms <= w->now_ms)
            next = MIN(next, w->now_ms + LINGER_MS);
        else if (h->said == 0)
            next = MIN(next, h->until_ms);
    return next;
}
