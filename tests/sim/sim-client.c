/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim-world.h"

Item *item_find(World *w, const Uuid *id) {
    Item *i = NULL;
    HASH_FIND(hh, w->items, id, sizeof(*id), i);
    return i;
}

void client_say(World *w, SimClient *c, const Frame *f, const Bytes *parts, unsigned n_parts) {
    uint8_t *p;
    size_t n;
    int r = codec_encode_frame(f, &p, &n);
    assert(r == 0);
    Bytes all[PARTS_MAX] = { bytes_make(p, n) };
    for (unsigned i = 0; i < n_parts; i++)
        all[i + 1] = parts[i];
    (void)net_send(w, (unsigned)(c - w->clients), true, all, n_parts + 1);
    free(p);
}

void client_lost(World *w, SimClient *c) {
    (void)w;
    c->open = false;
    c->unanswered = 0;
    for (unsigned i = 0; i < c->n_items; i++)
        if (c->items[i]->sent && !c->items[i]->accepted)
            c->items[i]->sent = false;
    c->next_item = 0;
    Held *h, *tmp;
    DL_FOREACH_SAFE(c->held, h, tmp) {
        DL_DELETE(c->held, h);
        free(h);
    }
}

void client_publish(World *w, SimClient *c) {
    while (c->open && c->unanswered < WINDOW && c->next_item < c->n_items &&
           w->now_ms >= c->next_publish_ms) {
        Item *i = c->items[c->next_item++];
        if (i->accepted || i->refused || i->sent)
            continue;
        Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = i->id } };
        Bytes parts[2] = { bytes_make(i->envelope, i->n_envelope),
                           bytes_make(i->facts, i->n_facts) };
        client_say(w, c, &f, parts, 2);
        i->sent = true;
        c->unanswered++;
        if (below(w, 3) == 0)
            c->next_publish_ms = w->now_ms + below(w, 300);
    }
}

void client_work(World *w, SimClient *c) {
    Held *h, *tmp;
    DL_FOREACH_SAFE(c->held, h, tmp) {
        if (!c->open || h->said != 0 || h->until_ms > w->now_ms)
            continue;
        unsigned dice = w->faults_left > 0 ? below(w, 100) : 99;
        if (dice >= 10 && dice < 14) { /* it takes longer */
            Settlement more = { .tags = { h->tag, 0 }, .action = SETTLE_EXTEND };
            Frame f = { .kind = FRAME_SETTLE,
                        .settle = { .channel = 1, .n = 1, .settlements = &more } };
            client_say(w, c, &f, NULL, 0);
            h->until_ms = w->now_ms + below(w, 500);
            continue;
        }
        SettleAction action = dice < 6 ? SETTLE_RETRY : dice < 10 ? SETTLE_REJECT : SETTLE_DONE;
        Settlement st = { .tags = { h->tag, 0 }, .action = action, .after_ms = dice < 3 ? 0 : 50 };
        Frame f = { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &st } };
        client_say(w, c, &f, NULL, 0);
        Frame credit = { .kind = FRAME_CREDIT, .credit = { .channel = 1, .messages = 1 } };
        client_say(w, c, &credit, NULL, 0);
        if (action == SETTLE_DONE)
            h->item->settled[h->recipient] = true;
        h->said = action;
    }
}

/* SETTLED: what is named is on the broker's disk. */
static void client_settled(World *w, SimClient *c, const Frame *f) {
    Held *h, *tmp;
    if (f->settled.n_unknown > 0)
        sim_wrong(w, &w->report->unexpected, "%s settled a tag that is not out", c->name);
    DL_FOREACH_SAFE(c->held, h, tmp) {
        bool named = false;
        for (uint32_t i = 0; i < f->settled.n_done; i++)
            named |= h->tag >= f->settled.done[i].first && h->tag <= f->settled.done[i].last;
        if (!named || h->said == 0)
            continue;
        if (h->said == SETTLE_DONE)
            h->item->confirmed[h->recipient] = true;
        DL_DELETE(c->held, h);
        free(h);
    }
}

/* A receipt is read, remembered and settled at once. */
static void client_receipt(World *w, SimClient *c, const Frame *f, const Packet *p) {
    const char *why;
    Settlement st = { .tags = { f->deliver.tag, 0 }, .action = SETTLE_DONE };
    Frame settle = { .kind = FRAME_SETTLE, .settle = { .channel = 2, .n = 1, .settlements = &st } };
    Frame credit = { .kind = FRAME_CREDIT, .credit = { .channel = 2, .messages = 1 } };
    Message *m = calloc(1, sizeof(*m));
    assert(m);
    int r = p->n_parts < 3
                ? WIRE_MALFORMED
                : codec_decode_message(bytes_make(p->part[1], p->size[1]),
                                       bytes_make(p->part[2], p->size[2]), (Bytes) { 0 }, m, &why);
    Item *i = r == 0 ? item_find(w, &m->facts.receipt_for) : NULL;
    unsigned k = 0;
    while (i && k < i->n_recipients &&
           strcmp(w->clients[i->recipients[k]].name, m->facts.receipt_recipient) != 0)
        k++;
    if (!i || k == i->n_recipients || i->client != c->node)
        sim_wrong(w, &w->report->unexpected, "%s got a receipt that is not for it", c->name);
    else if (receipt_is_final(m->facts.receipt_level)) {
        int level = m->facts.receipt_level;
        if (i->told[k] != 0 && i->told[k] != level)
            sim_wrong(w, &w->report->wrong_outcomes,
                      "message %u of case %u of %s: told %s, then %s", i->number, i->cas, c->name,
                      receipt_level_name(i->told[k]), receipt_level_name(level));
        i->told[k] = level;
    }
    (void)message_free(m);
    client_say(w, c, &settle, NULL, 0);
    client_say(w, c, &credit, NULL, 0);
}

static void client_delivery(World *w, SimClient *c, const Frame *f, const Packet *p) {
    Envelope env;
    const char *why;
    w->report->deliveries++;
    int r = p->n_parts < 2 ? WIRE_MALFORMED
                           : codec_decode_envelope(bytes_make(p->part[1], p->size[1]), &env, &why);
    Item *i = r == 0 ? item_find(w, &env.message_id) : NULL;
    unsigned me = c->node, k = 0;
    while (i && k < i->n_recipients && i->recipients[k] != me)
        k++;
    if (!i || k == i->n_recipients || p->size[1] != i->n_envelope ||
        memcmp(p->part[1], i->envelope, i->n_envelope) != 0) {
        sim_wrong(w, &w->report->unexpected, "%s got a message that was not for it", c->name);
        return;
    }
    if (i->confirmed[k])
        sim_wrong(w, &w->report->unexpected, "%s got a message again that it was told is settled",
                  c->name);
    for (unsigned n = 0; n < w->n_clients; n++) {
        Held *other;
        DL_FOREACH (w->clients[n].held, other)
            if (w->clients[n].node == me && other->said == 0 && other->item->client == i->client &&
                other->item->cas == i->cas)
                sim_wrong(w, &w->report->inversions, "%s: two of case %u of %s at once", c->name,
                          i->cas, w->clients[i->client].name);
    }
    if (i->seen[k]++ > 0) {
        w->report->redeliveries++;
    } else {
        unsigned *last = &w->clients[me].last_number[i->client * 16 + i->cas];
        if (i->number < *last)
            sim_wrong(w, &w->report->inversions, "%s: case %u of %s: number %u after %u", c->name,
                      i->cas, w->clients[i->client].name, i->number, *last);
        *last = MAX(*last, i->number);
    }
    Held *h = calloc(1, sizeof(*h));
    assert(h);
    h->tag = f->deliver.tag;
    h->item = i;
    h->recipient = k;
    h->until_ms = w->now_ms + below(w, 60);
    DL_APPEND(c->held, h);
    unsigned n = 0;
    Held *x;
    DL_FOREACH (c->held, x)
        n += x->said == 0;
    if (n > CREDIT)
        sim_wrong(w, &w->report->unexpected, "%s holds more than its credit", c->name);
}

void client_receive(World *w, SimClient *c, const Packet *p) {
    Frame f = { 0 };
    const char *why = "";
    int r = codec_decode_frame(bytes_make(p->part[0], p->size[0]), FRAME_ANSWER_MAX, &f, &why);
    if (r != 0) {
        sim_wrong(w, &w->report->unexpected, "client got an unreadable frame: %s", why);
        return;
    }
    switch (f.kind) {
    case FRAME_WELCOME: {
        c->open = true;
        Frame sub = { .kind = FRAME_SUBSCRIBE,
                      .subscribe = {
                          .channel = 1, .source = SOURCE_MAILBOX, .credit_messages = CREDIT } };
        client_say(w, c, &sub, NULL, 0);
        sub.subscribe.channel = 2;
        sub.subscribe.source = SOURCE_RECEIPTS;
        client_say(w, c, &sub, NULL, 0);
        break;
    }
    case FRAME_PUBLISHED:
        for (uint32_t i = 0; i < f.published.n; i++) {
            PublishResult *res = &f.published.results[i];
            Item *item = item_find(w, &res->message_id);
            bool too_late = item && res->verdict == VERDICT_REFUSED &&
                            (item->expires_ms > 0 || !uuid_is_nil(&item->recalled));
            if (too_late && !item->accepted)
                item->refused = true;
            else if (!item ||
                     (res->verdict != VERDICT_ACCEPTED && res->verdict != VERDICT_DUPLICATE))
                sim_wrong(w, &w->report->unexpected, "%s: verdict %s, reason %s", c->name,
                          verdict_name(res->verdict),
                          res->reasons && res->reasons->n ? res->reasons->list[0].code : "none");
            else if (!item->accepted) {
                item->accepted = true;
                w->report->accepted++;
            }
            c->unanswered -= c->unanswered > 0;
        }
        break;
    case FRAME_DELIVER:
        if (f.deliver.channel == 2)
            client_receipt(w, c, &f, p);
        else
            client_delivery(w, c, &f, p);
        break;
    case FRAME_SETTLED:
        if (f.settled.channel == 1)
            client_settled(w, c, &f);
        break;
    case FRAME_PING: {
        Frame pong = { .kind = FRAME_PONG, .pong = { .sent_ms = f.ping.sent_ms } };
        client_say(w, c, &pong, NULL, 0);
        break;
    }
    case FRAME_ERROR:
        if (w->config->verbose)
            fprintf(stderr, "%8lld %-10s ERROR %s\n", (long long)w->now_ms, c->name, f.error.text);
        if (f.error.fatal)
            net_cut(w, (unsigned)(c - w->clients));
        break;
    default:
        break;
    }
    frame_deinit(&f);
}
