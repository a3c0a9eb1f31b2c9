/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A client: one program of a node, with one session that comes back. Its outbox survives (items);
 * what was not answered in a session is sent again in the next. What it receives is the business of
 * sim-consume.c.
 */

#include "core/bundle.h"
#include "sim/sim-world.h"

#define GREETING_MS 5000
#define DEAD_AFTER  3
#define AGAIN_MS    1000
#define STORY_MS    250

void client_say(World *w, SimClient *c, const Frame *f, const Bytes *parts, unsigned n_parts) {
    uint8_t *p;
    size_t n;
    int r = codec_encode_frame(f, &p, &n);
    assert(r == 0);
    Bytes all[PARTS_MAX] = { bytes_make(p, n) };
    for (unsigned i = 0; i < n_parts; i++)
        all[i + 1] = parts[i];
    (void)net_send_up(w, (unsigned)(c - w->clients), all, n_parts + 1); /* no line: it is lost */
    c->said_ms = w->now_ms;
    free(p);
}

void client_wake(World *w, SimClient *c, int64_t at_ms) {
    at_ms = MAX(at_ms, w->now_ms + 1);
    if (at_ms >= c->wake_ms)
        return;
    c->wake_ms = at_ms;
    agenda_add(&w->agenda, at_ms, EVENT_CLIENT, (unsigned)(c - w->clients), ++c->token);
}

/* Every other program reads and says bundles. */
static bool has_bundles(const SimClient *c) {
    return c->instance.b[UUID_SIZE - 1] & 1;
}

static void say_message(World *w, SimClient *c, const FramePublish *p, const Bytes *parts,
                        unsigned n) {
    const size_t cost = bundle_cost(NULL, &p->signature, parts, n);
    Frame f = { .kind = FRAME_PUBLISH, .publish = *p };
    if (!has_bundles(c) || !bundle_takes(cost)) {
        client_say(w, c, &f, parts, n);
        return;
    }
    _cleanup_(bundle_freep) Bundle *b = bundle_new(FRAME_PUBLISH, 1, BUNDLE_BYTES);
    assert(b);
    b->publishes[0] = *p;
    bundle_add(b, cost, parts, n);
    client_say(w, c, &(Frame) { .kind = FRAME_BUNDLE, .bundle = b }, NULL, 0);
}

/* --- the session --- */

static void greet(World *w, SimClient *c) {
    Frame f = { .kind = FRAME_HELLO,
                .hello = { .protocol_min = 1,
                           .protocol_max = 1,
                           .instance_id = c->instance,
                           .bundles = has_bundles(c) } };
    (void)text_copy(f.hello.client, sizeof(f.hello.client), "sim");
    if (c->open || c->greeting)
        client_lost(w, c);
    c->greeting = true;
    c->hello_ms = c->heard_ms = w->now_ms;
    TELL(w, .phase = HISTORY_INVOKE, .op = HISTORY_OPEN, .who = c->who,
         .broker = w->brokers[c->broker].name);
    client_say(w, c, &f, NULL, 0);
    client_wake(w, c, w->now_ms + GREETING_MS);
}

void client_connected(World *w, SimClient *c) {
    if (dice_once_in(&c->dice, 8)) { /* what its library kept for the old connection comes first */
        Frame late = { .kind = FRAME_PING };
        client_say(w, c, &late, NULL, 0);
    }
    greet(w, c);
}

void client_lost(World *w, SimClient *c) {
    if (c->open || c->greeting)
        TELL(w, .phase = HISTORY_INFO, .op = HISTORY_LOST, .who = c->who);
    c->open = c->greeting = false;
    c->unanswered = 0;
    for (unsigned i = 0; i < c->n_items; i++)
        c->items[i]->in_doubt = false;
    c->n_done = 0;
    consume_drop(w, c);
}

static void on_welcome(World *w, SimClient *c, const Frame *f) {
    if (!c->greeting)
        return;
    c->greeting = false;
    c->open = true;
    c->ping_ms = f->welcome.ping_interval_ms;
    TELL(w, .phase = HISTORY_OK, .op = HISTORY_OPEN, .who = c->who,
         .broker = w->brokers[c->broker].name);
    consume_open(w, c);
    client_wake(w, c, w->now_ms + 1);
}

static void on_error(World *w, SimClient *c, const Frame *f) {
    world_note(w, c->who, "is told %s: %s", error_code_name(f->error.code), f->error.text);
    if (!f->error.fatal)
        return;
    if (f->error.code == ERROR_NO_SESSION) {
        if (!c->greeting)
            greet(w, c);
        return;
    }
    client_lost(w, c);
    net_cut(w, (unsigned)(c - w->clients), NET_CUT_DIALLER);
}

/* --- publishing --- */

static bool is_over(const Parcel *i) {
    return i->accepted || i->refused;
}

static void send_item(World *w, SimClient *c, Parcel *i, bool spoilt) {
    FramePublish f = { .message_id = i->id, .signature = i->signature };
    Bytes parts[3] = { bytes_make(i->envelope, i->n_envelope), bytes_make(i->facts, i->n_facts),
                       bytes_make(i->sealed, i->n_sealed) };
    if (spoilt) { /* the same id with other bytes: nobody ever hears of it */
        i->conflict = true;
        parts[2] = bytes_make("spoilt", 6);
        say_message(w, c, &f, parts, 3);
        c->unanswered++;
        return;
    }
    i->forged = i->sent_ms == 0 && sign_forge(w, c, i, &f.signature);
    if (i->forged) { /* nor of this */
        say_message(w, c, &f, parts, i->n_sealed > 0 ? 3 : 2);
        i->in_doubt = true;
        c->unanswered++;
        return;
    }
    const char *to[RECIPIENTS];
    for (unsigned k = 0; k < i->n_to; k++)
        to[k] = w->clients[i->to[k]].name;
    /* Of an event that is withdrawn on a link, the outcome names the broker behind the link. */
    const bool open_end = i->kind == PARCEL_EVENT && i->withdrawn;
    HistoryEvent e = { .at_us = w->now_ms * 1000,
                       .phase = HISTORY_INVOKE,
                       .op = HISTORY_PUBLISH,
                       .who = c->who,
                       .id = i->id,
                       .recall = i->recalled,
                       .n_to = open_end ? 0 : i->n_to,
                       .expires_ms = i->expires_ms,
                       .sum = i->sum };
    memcpy(e.to, to, i->n_to * sizeof(*to));
    e.word = i->receipts == RECEIPTS_FAILURES_ONLY ? "failures" : NULL;
    e.order_key = i->order_key;
    world_tell(w, &e);
    if (i->sent_ms == 0)
        i->sent_ms = w->now_ms;
    say_message(w, c, &f, parts, i->n_sealed > 0 ? 3 : 2);
    i->in_doubt = true;
    c->unanswered++;
}

/* What was answered long ago is asked again now and then. */
static void send_again(World *w, SimClient *c) {
    Parcel *i = c->n_items ? c->items[dice_below(&c->dice, c->n_items)] : NULL;
    if (i && i->accepted && !i->in_doubt && c->unanswered < c->window)
        send_item(w, c, i, i->kind == PARCEL_CASE && dice_once_in(&c->dice, 3));
}

static int64_t publish(World *w, SimClient *c) {
    while (c->unanswered < c->window && w->now_ms >= c->next_publish_ms) {
        while (c->n_done < c->n_items && is_over(c->items[c->n_done]))
            c->n_done++;
        Parcel *i = NULL;
        int64_t later_ms = INT64_MAX;
        for (unsigned k = c->n_done; !i && k < c->n_items; k++) {
            Parcel *x = c->items[k];
            if (is_over(x) || x->in_doubt)
                continue;
            if (!story_may_go_on(w, x))
                later_ms = MIN(later_ms, w->now_ms + STORY_MS);
            else if (x->again_ms > w->now_ms)
                later_ms = MIN(later_ms, x->again_ms);
            else
                i = x;
        }
        if (!i)
            return later_ms;
        send_item(w, c, i, false);
        if (dice_once_in(&c->dice, 3))
            c->next_publish_ms = w->now_ms + dice_below(&c->dice, (unsigned)c->pace_ms);
        if (!is_calm(w) && dice_once_in(&c->dice, 15))
            send_again(w, c);
    }
    return c->unanswered < c->window ? c->next_publish_ms : INT64_MAX;
}

static void on_forged(World *w, SimClient *c, Parcel *i, const PublishResult *res,
                      const char *reason) {
    if (res->verdict != VERDICT_REFUSED && res->verdict != VERDICT_LATER)
        world_wrong(w, "%s: %s, though its sender did not sign it", c->who,
                    verdict_name(res->verdict));
    world_note(w, c->who, "is told %s %s of a forgery", verdict_name(res->verdict), reason);
    i->forged = i->in_doubt = false;
    i->again_ms = w->now_ms + MAX(res->retry_after_ms, 50U);
    c->n_done = 0;
}

static void on_result(World *w, SimClient *c, const PublishResult *res) {
    const char *to[RECIPIENTS],
        *reason = res->reasons && res->reasons->n ? res->reasons->list[0].code : "none";
    Parcel *i = parcel_find(w, &res->message_id);
    c->unanswered -= c->unanswered > 0;
    if (!i) {
        world_wrong(w, "%s is answered about a message nobody sent", c->who);
        return;
    }
    if (res->verdict == VERDICT_CONFLICT && i->conflict && i->accepted)
        return;
    if (i->forged) {
        on_forged(w, c, i, res, reason);
        return;
    }
    const bool yes = res->verdict == VERDICT_ACCEPTED || res->verdict == VERDICT_DUPLICATE;
    HistoryEvent e = { .at_us = w->now_ms * 1000,
                       .phase = yes ? HISTORY_OK : HISTORY_FAIL,
                       .op = HISTORY_PUBLISH,
                       .who = c->who,
                       .id = i->id,
                       .word = verdict_name(res->verdict) };
    /* Of a region only those at home here are named. */
    const bool is_named = i->kind == PARCEL_CASE || i->kind == PARCEL_STORY;
    for (uint32_t k = 0; yes && is_named && k < res->n_recipients; k++)
        if (parcel_names(w, i, res->recipients[k].node))
            to[e.n_to++] = res->recipients[k].node;
    memcpy(e.to, to, e.n_to * sizeof(*to));
    world_tell(w, &e);
    i->in_doubt = false;
    if (yes) {
        w->report->accepted += !i->accepted;
        i->accepted = true;
    } else if (res->verdict == VERDICT_LATER) {
        i->again_ms = w->now_ms + MAX(res->retry_after_ms, 50U);
        c->n_done = 0;
    } else {
        const bool lawful = i->story && text_starts_with(reason, "R-");
        if (i->accepted || res->verdict == VERDICT_CONFLICT ||
            (i->expires_ms == 0 && uuid_is_nil(&i->recalled) && !lawful))
            world_wrong(w, "%s: verdict %s, reason %s", c->who, verdict_name(res->verdict), reason);
        i->refused = true;
    }
}

static void on_bundle(World *w, SimClient *c, const Bundle *list) {
    size_t at = 0;
    for (uint32_t i = 0; list->deliveries && i < list->n; i++) {
        Frame f = { .kind = FRAME_DELIVER, .deliver = list->deliveries[i] };
        Bytes parts[BUNDLE_PARTS];
        Packet p = { .n_parts = 1 + bundle_next(list, i, &at, parts) };
        for (unsigned k = 1; k < p.n_parts; k++) {
            p.part[k] = (uint8_t *)(uintptr_t)parts[k - 1].p;
            p.size[k] = parts[k - 1].n;
        }
        consume_delivery(w, c, &f, &p);
    }
}

/* --- turns --- */

void client_receive(World *w, SimClient *c, const Packet *p) {
    Frame f = { 0 };
    const char *why = "";
    int r = codec_decode_frame(bytes_make(p->part[0], p->size[0]), FRAME_ANSWER_MAX, &f, &why);
    c->heard_ms = w->now_ms;
    if (r != 0) {
        world_wrong(w, "%s got an unreadable frame: %s", c->who, why);
        return;
    }
    if (f.kind == FRAME_WELCOME)
        on_welcome(w, c, &f);
    else if (f.kind == FRAME_ERROR)
        on_error(w, c, &f);
    else if (!c->open)
        ; /* of the session before */
    else if (f.kind == FRAME_PUBLISHED)
        for (uint32_t i = 0; i < f.published.n; i++)
            on_result(w, c, &f.published.results[i]);
    else if (f.kind == FRAME_DELIVER)
        consume_delivery(w, c, &f, p);
    else if (f.kind == FRAME_BUNDLE)
        on_bundle(w, c, f.bundle);
    else if (f.kind == FRAME_SETTLED)
        consume_settled(w, c, &f);
    else if (f.kind == FRAME_SUBSCRIBED)
        consume_subscribed(w, c, &f);
    else if (f.kind == FRAME_PING) {
        Frame pong = { .kind = FRAME_PONG, .pong = { .sent_ms = f.ping.sent_ms } };
        client_say(w, c, &pong, NULL, 0);
    } else if (f.kind == FRAME_BYE) {
        client_lost(w, c);
        c->hello_ms = w->now_ms + AGAIN_MS - GREETING_MS;
    }
    frame_deinit(&f);
    client_wake(w, c, w->now_ms + 1);
}

void client_event(World *w, SimClient *c) {
    const unsigned conn = (unsigned)(c - w->clients);
    c->wake_ms = INT64_MAX;
    if (!w->conns[conn].now)
        return;
    if (!c->open) {
        if (w->now_ms - c->hello_ms >= GREETING_MS)
            greet(w, c);
        client_wake(w, c, c->hello_ms + GREETING_MS);
        return;
    }
    if (w->now_ms - c->heard_ms > DEAD_AFTER * c->ping_ms) {
        world_note(w, c->who, "hears nothing any more");
        net_cut(w, conn, NET_CUT_DIALLER);
        return;
    }
    if (w->now_ms - c->said_ms >= c->ping_ms) {
        Frame ping = { .kind = FRAME_PING, .ping = { .sent_ms = w->now_ms } };
        client_say(w, c, &ping, NULL, 0);
    }
    int64_t next = MIN(c->heard_ms + DEAD_AFTER * c->ping_ms + 1, c->said_ms + c->ping_ms);
    next = MIN(next, consume_work(w, c));
    if (c->open)
        next = MIN(next, publish(w, c));
    client_wake(w, c, next);
}

void client_free(World *w, SimClient *c) {
    consume_drop(w, c);
    free(c->items);
}
