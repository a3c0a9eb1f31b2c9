/* SPDX-License-Identifier: Apache-2.0 */

/* What each node will publish: messages of cases to one or two nodes, by id or by role; events to
 * everybody in a region; orders to withdraw what was sent. */

#include "base/hash.h"
#include "sim/sim-world.h"

Parcel *parcel_find(World *w, const Uuid *id) {
    Parcel *i = NULL;
    HASH_FIND(hh, w->items, id, sizeof(*id), i);
    return i;
}

void parcel_free(World *w, Parcel *i) {
    HASH_DEL(w->items, i);
    free(i->envelope);
    free(i->facts);
    free(i->sealed);
    free(i);
}

bool parcel_is_for(const Parcel *i, unsigned n) {
    for (unsigned k = 0; k < i->n_to; k++)
        if (i->to[k] == n)
            return true;
    return false;
}

bool parcel_names(const World *w, const Parcel *i, const char *node) {
    bool named = !i->story || i->kind == PARCEL_EVENT;
    for (unsigned k = 0; k < i->n_to && !named; k++)
        named = strcmp(w->clients[i->to[k]].name, node) == 0;
    return named;
}

typedef struct Case {
    Uuid id;
    unsigned to[2], n;
    bool by_role;
} Case;

static uint8_t *some_bytes(Dice *d, size_t n) {
    uint8_t *p = malloc(n + 8);
    assert(p);
    for (size_t i = 0; i < n; i += 8) {
        uint64_t r = dice_roll(d);
        memcpy(p + i, &r, 8);
    }
    return p;
}

Envelope parcel_envelope(const SimClient *c, const Parcel *i) {
    Envelope e = { .message_id = i->id,
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .urgency = i->urgency,
                   .sensitivity = 1,
                   .created_ms = START_MS - 2 * DAY_MS,
                   .expires_ms = i->expires_ms,
                   .receipts = i->receipts };
    (void)text_copy(e.sender, sizeof(e.sender), c->name);
    (void)text_copy(e.region, sizeof(e.region), i->region);
    return e;
}

void parcel_finish(World *w, Parcel *i, Envelope *e) {
    e->has_facts_digest = true;
    hash_digest(bytes_make(i->facts, i->n_facts), e->facts_digest);
    e->has_sealed_digest = i->n_sealed > 0;
    if (i->n_sealed > 0)
        hash_digest(bytes_make(i->sealed, i->n_sealed), e->sealed_digest);
    int r = codec_encode_envelope(e, &i->envelope, &i->n_envelope);
    assert(r == 0);
    i->sum = trace_bytes(1, i->envelope, i->n_envelope);
    i->sum = trace_bytes(i->sum, i->facts, i->n_facts);
    HASH_ADD(hh, w->items, id, sizeof(i->id), i);
}

static void make_recall(World *w, const SimClient *c, Parcel *i, Parcel *of) {
    of->withdrawn = true;
    i->kind = PARCEL_RECALL;
    i->recalled = of->id;
    i->order_key = i->id;
    (void)text_copy(i->region, sizeof(i->region), c->region);
    Envelope e = parcel_envelope(c, i);
    e.kind = KIND_RECALL_ORDER;
    int r = codec_encode_recall_order(&of->id, "sent by mistake", &i->facts, &i->n_facts);
    assert(r == 0);
    parcel_finish(w, i, &e);
}

/* PROTOCOL.md 6.1: every node in these regions, the centres whose area touches them, the hub; not
 * the sender. */
void parcel_expand_scope(const World *w, Parcel *i, const char *scope) {
    for (unsigned n = 0; n < w->n_nodes && i->n_to < RECIPIENTS; n++) {
        const SimClient *c = &w->clients[n];
        const bool hub = strcmp(c->name, "hub") == 0, centre = text_starts_with(c->name, "upt/");
        if (n != i->client && (hub || text_starts_with(c->region, scope) ||
                               (centre && text_starts_with(scope, c->region))))
            i->to[i->n_to++] = (unsigned char)n;
    }
}

static void make_event(World *w, const SimClient *c, Parcel *i, Dice *d) {
    const SimClient *where = &w->clients[dice_below(d, w->n_nodes)];
    i->kind = PARCEL_EVENT;
    i->order_key = i->id;
    i->urgency = dice_once_in(d, 2) ? URGENCY_EVENT : URGENCY_PRIORITY;
    (void)text_copy(i->region, sizeof(i->region), where->region);
    Envelope e = parcel_envelope(c, i);
    e.kind = KIND_EVENT_SITUATION;
    e.cluster = CLUSTER_ANY;
    e.audience.form = AUDIENCE_SCOPE;
    e.audience.n = 1;
    if (!dice_once_in(d, 4)) /* else the nation */
        (void)text_copy(e.audience.scope[0], REGION_SIZE, where->region);
    parcel_expand_scope(w, i, e.audience.scope[0]);
    parcel_finish(w, i, &e);
}

static void make_message(World *w, const SimClient *c, Parcel *i, const Case *k, Dice *d) {
    const SimClient *first = &w->clients[k->to[0]];
    i->order_key = k->id;
    i->urgency = 1 + (int)dice_below(d, 3);
    i->receipts = dice_once_in(d, 5) ? (ReceiptPolicy)dice_below(d, 3) : RECEIPTS_DEFAULT;
    (void)text_copy(i->region, sizeof(i->region), first->region);
    if (dice_below(d, 100) < w->profile.expiring_of_100) /* may end by time */
        i->expires_ms = START_MS + 1000 + dice_below(d, 40000);
    Envelope e = parcel_envelope(c, i);
    e.kind = KIND_CASE_CONFERENCE + 1000; /* newer than the broker: opaque */
    e.case_id = k->id;
    for (unsigned n = 0; n < k->n; n++)
        i->to[i->n_to++] = (unsigned char)k->to[n];
    if (k->by_role) {
        e.audience.form = AUDIENCE_ROLE;
        e.audience.role_kind = NODE_SOCIAL_AGENCY_REGENCY;
        (void)text_copy(e.audience.role_region, REGION_SIZE, first->region);
    } else {
        e.audience.form = AUDIENCE_NODES;
        e.audience.n = k->n;
        for (unsigned n = 0; n < k->n; n++)
            (void)text_copy(e.audience.nodes[n], NODE_NAME_SIZE, w->clients[k->to[n]].name);
    }
    i->n_facts = dice_below(d, w->profile.size_facts + 1);
    i->facts = some_bytes(d, i->n_facts);
    i->n_sealed = dice_once_in(d, 2) ? dice_below(d, w->profile.size_sealed + 1) : 0;
    i->sealed = some_bytes(d, i->n_sealed);
    parcel_finish(w, i, &e);
}

static void draw_cases(const World *w, Case *cases, Dice *d) {
    for (unsigned k = 0; k < w->profile.cases; k++) {
        Case *c = &cases[k];
        c->id = uuid_derive(bytes_make(&(uint64_t) { dice_roll(d) }, 8));
        c->to[0] = dice_below(d, w->n_nodes);
        c->to[1] = (c->to[0] + 1 + dice_below(d, w->n_nodes - 1)) % w->n_nodes;
        c->n = 1 + dice_once_in(d, 4);
        c->by_role =
            c->n == 1 && dice_once_in(d, 4) && text_starts_with(w->clients[c->to[0]].name, "dsk/");
    }
}

void parcels_make(World *w, SimClient *c) {
    Case cases[CASES_MAX] = { 0 };
    unsigned numbers[CASES_MAX] = { 0 };
    Dice d = dice_for(w->config->seed, DICE_ITEMS, c->node);
    assert(w->profile.cases <= CASES_MAX);
    draw_cases(w, cases, &d);
    c->n_items = move_is_of(w, c->node) ? 0 : w->profile.messages;
    c->items = calloc(MAX(c->n_items, 1U), sizeof(*c->items));
    assert(c->items);
    for (unsigned n = 0; n < c->n_items; n++) {
        Parcel *i = c->items[n] = calloc(1, sizeof(*i));
        assert(i);
        const uint64_t bits[2] = { dice_roll(&d), dice_roll(&d) };
        i->id = uuid_derive_v7(0, bytes_make(bits, sizeof(bits)));
        i->client = c->node;
        const unsigned what = dice_below(&d, 100), recalls = w->profile.recalls_of_100;
        Dice own = { dice_roll(&d) }; /* so that what follows does not depend on its kind */
        if (what < recalls && n > 0) {
            make_recall(w, c, i, c->items[n - 1 - dice_below(&own, MIN(n, 5U))]);
        } else if (!w->mover.any && what < recalls + w->profile.events_of_100) {
            make_event(w, c, i, &own);
        } else {
            i->cas = dice_below(&own, w->profile.cases);
            i->number = ++numbers[i->cas];
            make_message(w, c, i, &cases[i->cas], &own);
        }
    }
}
