/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/hash.h"
#include "sim/sim-world.h"

/* --- set-up --- */

static StoreOp *import_op(World *w) {
    StoreOp *op = store_op_new(OP_IMPORT);
    assert(op);
    op->import.nodes = calloc(w->n_brokers + w->n_nodes, sizeof(DirNode));
    op->import.keys = calloc(w->n_brokers + w->n_clients, sizeof(DirKey));
    assert(op->import.nodes && op->import.keys);
    for (unsigned i = 0; i < w->n_brokers; i++) {
        DirNode *n = &op->import.nodes[op->import.n_nodes++];
        (void)text_copy(n->id, sizeof(n->id), w->brokers[i].name);
        (void)text_copy(n->home, sizeof(n->home), w->brokers[i].name);
        n->kind = i == 0 ? NODE_NATIONAL_HUB : NODE_UPT_BALAI;
        n->broker = true;
        if (i > 0)
            (void)text_copy(n->broker_parent, sizeof(n->broker_parent), w->brokers[0].name);
        DirKey *k = &op->import.keys[op->import.n_keys++];
        broker_key(i, k->curve);
        (void)text_copy(k->node, sizeof(k->node), n->id);
        k->broker = true;
    }
    for (unsigned i = 0; i < w->n_nodes; i++) {
        DirNode *n = &op->import.nodes[op->import.n_nodes++];
        (void)text_copy(n->id, sizeof(n->id), w->clients[i].name);
        (void)text_copy(n->home, sizeof(n->home), w->brokers[w->clients[i].broker].name);
        n->kind = NODE_SOCIAL_AGENCY_REGENCY;
    }
    for (unsigned i = 0; i < w->n_clients; i++) {
        DirKey *k = &op->import.keys[op->import.n_keys++];
        client_key(i, k->curve);
        (void)text_copy(k->node, sizeof(k->node), w->clients[i].name);
    }
    return op;
}

static void make_recall(World *w, SimClient *c, Item *order, const Item *of) {
    uint64_t bits[2] = { rnd(w), rnd(w) };
    order->id = uuid_derive(bytes_make(bits, sizeof(bits)));
    order->client = c->node;
    order->recalled = of->id;
    Envelope e = { .message_id = order->id,
                   .kind = KIND_RECALL_ORDER,
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .sensitivity = 1,
                   .created_ms = START_MS - 2 * DAY_MS,
                   .has_facts_digest = true };
    int r = codec_encode_recall_order(&of->id, "sent by mistake", &order->facts, &order->n_facts);
    assert(r == 0);
    hash_digest(bytes_make(order->facts, order->n_facts), e.facts_digest);
    (void)text_copy(e.sender, sizeof(e.sender), c->name);
    (void)text_copy(e.region, sizeof(e.region), "3203");
    r = codec_encode_envelope(&e, &order->envelope, &order->n_envelope);
    assert(r == 0);
    HASH_ADD(hh, w->items, id, sizeof(order->id), order);
}

static void make_items(World *w, SimClient *c) {
    unsigned me = (unsigned)(c - w->clients);
    unsigned numbers[16] = { 0 };
    unsigned targets[16][2], n_targets[16];
    for (unsigned k = 0; k < w->config->cases; k++) {
        w->cases[me][k] = uuid_derive(bytes_make(&(uint64_t) { rnd(w) }, 8));
        n_targets[k] = 1 + (below(w, 4) == 0);
        targets[k][0] = below(w, w->n_nodes);
        do
            targets[k][1] = below(w, w->n_nodes);
        while (targets[k][1] == targets[k][0]);
    }
    c->items = calloc(w->config->messages, sizeof(*c->items));
    assert(c->items);
    c->n_items = w->config->messages;
    for (unsigned n = 0; n < c->n_items; n++) {
        Item *i = c->items[n] = calloc(1, sizeof(*i));
        assert(i);
        if (n > 0 && below(w, 25) == 0) { /* an order to withdraw one of the last */
            make_recall(w, c, i, c->items[n - 1 - below(w, MIN(n, 5U))]);
            continue;
        }
        uint64_t bits[2] = { rnd(w), rnd(w) };
        i->id = uuid_derive(bytes_make(bits, sizeof(bits)));
        i->client = me;
        i->cas = below(w, w->config->cases);
        i->number = ++numbers[i->cas];
        i->n_recipients = n_targets[i->cas];
        memcpy(i->recipients, targets[i->cas], sizeof(i->recipients));
        Envelope e = { .message_id = i->id,
                       .kind = KIND_CASE_CONFERENCE + 1000, /* newer than the broker: opaque */
                       .schema = 1,
                       .cluster = CLUSTER_CHILD,
                       .case_id = w->cases[me][i->cas],
                       .urgency = 1 + (int)below(w, 3),
                       .sensitivity = 1,
                       .created_ms = START_MS - 2 * DAY_MS,
                       .has_facts_digest = true };
        if (below(w, 25) == 0) /* may end by time */
            i->expires_ms = e.expires_ms = START_MS + w->now_ms + 1000 + below(w, 30000);
        hash_digest((Bytes) { 0 }, e.facts_digest);
        (void)text_copy(e.sender, sizeof(e.sender), c->name);
        (void)text_copy(e.region, sizeof(e.region), "3203");
        e.audience.form = AUDIENCE_NODES;
        e.audience.n = i->n_recipients;
        for (unsigned k = 0; k < i->n_recipients; k++)
            (void)text_copy(e.audience.nodes[k], NODE_NAME_SIZE, w->clients[i->recipients[k]].name);
        int r = codec_encode_envelope(&e, &i->envelope, &i->n_envelope);
        assert(r == 0);
        HASH_ADD(hh, w->items, id, sizeof(i->id), i);
    }
}

static void set_up(World *w) {
    const SimConfig *cf = w->config;
    w->n_brokers = 1 + cf->regionals;
    w->n_nodes = w->n_brokers * cf->clients_per_broker;
    w->n_clients = w->n_nodes + w->n_nodes / 2; /* every other node has two consumers */
    assert(w->n_brokers <= BROKERS_MAX && w->n_clients <= CLIENTS_MAX && cf->cases <= 16);
    for (unsigned i = 0; i < w->n_clients; i++) {
        SimClient *c = &w->clients[i];
        c->node = i < w->n_nodes ? i : 2 * (i - w->n_nodes);
        c->broker = c->node % w->n_brokers;
        (void)snprintf(c->name, sizeof(c->name), "dsk/%04u", 3201 + c->node);
        c->instance = uuid_derive(bytes_make(&i, sizeof(i)));
        c->last_number = calloc(w->n_clients * 16, sizeof(unsigned));
        assert(c->last_number);
        w->conns[w->n_conns++] = (Conn) { .is_client = true, .dialler = i, .listener = c->broker };
    }
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        sb->world = w;
        (void)snprintf(sb->name, sizeof(sb->name), i == 0 ? "hub" : "upt/r%u", i);
        (void)snprintf(sb->path, sizeof(sb->path), "%s/%u-0.db", cf->folder, i);
        if (i > 0)
            w->conns[w->n_conns++] = (Conn) { .dialler = i, .listener = 0 };
    }
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        sim_broker_start(w, sb);
        sb->broker = broker_free(sb->broker);
        StoreOp *op = import_op(w);
        int r = store_run(sb->store, op, now_of(w).wall_ms);
        assert(r == 0);
        if (!op->import.directory) {
            fprintf(stderr, "sim: import: %s\n", op->import.text);
            abort();
        }
        (void)store_op_free(op);
        sb->store = store_close(sb->store);
        sim_broker_start(w, sb);
    }
    for (unsigned i = 0; i < w->n_nodes; i++)
        make_items(w, &w->clients[i]);
}

/* --- the loop --- */

/* Every message was refused, or accepted and its publisher told how it ended for each. */
static bool all_done(World *w) {
    for (Item *i = w->items; i; i = i->hh.next) {
        if (i->refused)
            continue;
        if (!i->accepted)
            return false;
        for (unsigned k = 0; k < i->n_recipients; k++)
            if (i->told[k] == 0)
                return false;
    }
    return true;
}

static bool all_up(const World *w) {
    for (unsigned i = 0; i < w->n_conns; i++)
        if (w->conns[i].epoch == 0)
            return false;
    return true;
}

static void fault(World *w) {
    if (w->faults_left == 0 || w->now_ms < w->next_fault_ms)
        return;
    w->faults_left--;
    w->next_fault_ms = w->now_ms + 200 + below(w, 3000);
    if (below(w, 8) == 0) { /* the clock is set, a day at most */
        w->wall_off_ms = (int64_t)below(w, 2 * (unsigned)(DAY_MS / 1000)) * 1000 - DAY_MS;
    } else if (below(w, 8) == 0) { /* a consumer leaves in order */
        unsigned conn = below(w, w->n_clients);
        Frame bye = { .kind = FRAME_BYE };
        client_say(w, &w->clients[conn], &bye, NULL, 0);
        client_lost(w, &w->clients[conn]);
        w->conns[conn].bye_ms = w->now_ms + 500;
    } else if (below(w, 3) == 0) {
        SimBroker *sb = &w->brokers[below(w, w->n_brokers)];
        if (sb->broker)
            sim_broker_crash(w, sb);
    } else {
        w->report->cuts++;
        net_cut(w, below(w, w->n_conns));
    }
}

static void step(World *w) {
    w->now_ms++;
    fault(w);
    for (unsigned i = 0; i < w->n_conns; i++) {
        if (w->conns[i].bye_ms > 0 && w->now_ms >= w->conns[i].bye_ms)
            net_cut(w, i);
        if (w->conns[i].epoch == 0 && w->now_ms >= w->conns[i].back_ms)
            net_dial(w, i);
    }
    while (w->packets && w->packets->at_ms <= w->now_ms) {
        Packet *p = w->packets;
        DL_DELETE(w->packets, p);
        net_arrive(w, p);
        packet_free(p);
    }
    for (unsigned i = 0; i < w->n_brokers; i++)
        sim_broker_run(w, &w->brokers[i]);
    for (unsigned i = 0; i < w->n_clients; i++) {
        client_work(w, &w->clients[i]);
        client_publish(w, &w->clients[i]);
    }
}

static void tear_down(World *w) {
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        sb->broker = broker_free(sb->broker);
        while (sb->batch) {
            StoreOp *next = sb->batch->next;
            (void)store_op_free(sb->batch);
            sb->batch = next;
        }
        sb->store = store_close(sb->store);
    }
    Packet *p, *p_tmp;
    DL_FOREACH_SAFE(w->packets, p, p_tmp) {
        DL_DELETE(w->packets, p);
        packet_free(p);
    }
    for (unsigned i = 0; i < w->n_clients; i++) {
        client_lost(w, &w->clients[i]);
        free(w->clients[i].items);
        free(w->clients[i].last_number);
    }
    Item *it, *tmp;
    HASH_ITER (hh, w->items, it, tmp) {
        HASH_DEL(w->items, it);
        free(it->envelope);
        free(it->facts);
        free(it);
    }
}

int sim_run(const SimConfig *config, SimReport *ret) {
    World *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    *ret = (SimReport) { 0 };
    w->config = config;
    w->report = ret;
    w->rng = config->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    w->faults_left = config->faults;
    w->next_fault_ms = 500;
    set_up(w);
    int64_t limit = 4 * HOUR_MS, quiet = 0;
    while (w->now_ms < limit && quiet < 40000) {
        step(w);
        if (w->faults_left > 0 && all_done(w))
            w->faults_left = 0;
        quiet = w->faults_left == 0 && all_up(w) && all_done(w) ? quiet + 1 : 0;
    }
    ret->virtual_ms = w->now_ms;
    if (!all_done(w)) {
        for (Item *i = w->items; i; i = i->hh.next)
            for (unsigned k = 0; k < i->n_recipients; k++)
                if (!i->refused && (!i->accepted || i->told[k] == 0))
                    sim_wrong(w, &ret->undrained, "message %u of case %u of %s to %s: %s, seen %u",
                              i->number, i->cas, w->clients[i->client].name,
                              w->clients[i->recipients[k]].name,
                              i->accepted ? "accepted" : "not accepted", i->seen[k]);
    }
    sim_check(w);
    tear_down(w);
    free(w);
    return ret->lost || ret->unexpected || ret->inversions || ret->wrong_outcomes || ret->undrained;
}
