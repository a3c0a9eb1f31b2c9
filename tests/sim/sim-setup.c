/* SPDX-License-Identifier: Apache-2.0 */

/* The world from its seed: what kind of world, who is in it, and the directory all brokers have. */

#include "sim/sim-world.h"

#define PICK(d, ...)                                                                               \
    ((const int64_t[]) {                                                                           \
        __VA_ARGS__ })[dice_below((d), (unsigned)ARRAY_SIZE(((const int64_t[]) { __VA_ARGS__ })))]

static const char *const provinces[BROKERS_MAX] = {
    "31", "32", "33", "34", "35", "36", "51", "52", "53", "61", "62", "63", "64", "71", "72", "73"
};

/* --- the profile --- */

static void draw_broker(Dice *d, BrokerConfig *b) {
    *b = broker_config_default;
    b->publish_window = (uint32_t)PICK(d, 8, 64, 1024);
    b->credit_messages_max = (uint32_t)PICK(d, 16, 256);
    b->link_window = (uint32_t)PICK(d, 1, 4, 32, 256);
    b->ping_ms = PICK(d, 1000, 3000, 10000);
    b->probe_ms = PICK(d, 500, 2000);
    b->lease_ms = PICK(d, 3000, 20000, 900000);
    b->sweep_ms = PICK(d, 300, 5000);
    b->link_stall_ms = PICK(d, 5000, 60000);
    b->cache_bytes = (size_t)PICK(d, 2000, 100000, 64 << 20);
    b->pending_max = (uint32_t)PICK(d, 16, 4096, 4096);
    b->retry.first_ms = PICK(d, 50, 200, 1000);
    b->retry.cap_ms = PICK(d, 2000, 10000);
    b->retry.max_attempts = (uint32_t)PICK(d, 3, 16, 10000);
}

static void draw_disk(Dice *d, SimDiskKind kind, DiskQuality *q) {
    q->keep = (unsigned)PICK(d, 0, 20, 50, 90);
    q->torn = (unsigned)PICK(d, 0, 10, 50);
    q->garbage = dice_once_in(d, 3);
    q->sync_ms = (unsigned)PICK(d, 0, 4, 25);
    q->capacity = (uint64_t)PICK(d, 48 << 20, 96 << 20);
    q->lie_depth = kind == SIM_DISK_LIES ? (unsigned)PICK(d, 4, 16, 100) : 0;
    q->normal = kind == SIM_DISK_NORMAL;
}

void world_draw(World *w) {
    const SimConfig *cf = w->config;
    Profile *p = &w->profile;
    Dice d = dice_for(cf->seed, DICE_PROFILE, 0);
    p->regionals = (unsigned)PICK(&d, 1, 1, 2, 2, 3, 5);
    p->clients_per_broker = 1 + dice_below(&d, 3);
    p->messages = 4 + dice_below(&d, 30);
    p->cases = 1 + dice_below(&d, 6);
    p->n_faults = dice_once_in(&d, 12) ? 0 : 3 + dice_below(&d, 25);
    p->faults_ms = PICK(&d, 4000, 10000, 30000);
    p->page_size = (uint32_t)PICK(&d, 1024, 4096, 8192, 8192);
    p->quota = (uint32_t)PICK(&d, 4, 1000, 1000, 1000);
    p->retention_ms = PICK(&d, 4000, 30 * DAY_MS, 30 * DAY_MS);
    p->size_facts = (unsigned)PICK(&d, 0, 200, 2000, 20000);
    p->size_sealed = (unsigned)PICK(&d, 0, 0, 1000, 60000);
    p->expiring_of_100 = (unsigned)PICK(&d, 0, 5, 5, 40);
    p->recalls_of_100 = (unsigned)PICK(&d, 0, 4, 4, 25);
    p->events_of_100 = (unsigned)PICK(&d, 0, 6, 6);
    p->gather_ms = (unsigned)PICK(&d, 1, 3, 30);
    p->power_of_100 = (unsigned)PICK(&d, 0, 50, 100);
    draw_broker(&d, &p->broker);
    draw_disk(&d, cf->disk, &p->disk);
    p->stories = (unsigned)PICK(&d, 0, 1, 2, 4);
    p->quick_timers = dice_once_in(&d, 2);
    p->pending_items = (uint32_t)PICK(&d, 0, 1, 4, 16);
    p->signing = (Signing)PICK(&d, SIGNING_NONE, SIGNING_NONE, SIGNING_SOME, SIGNING_ALL);
    p->neighbour_quota = (uint32_t)PICK(&d, 0, 0, 3, 12);
    p->regionals = cf->regionals ? MIN(cf->regionals, BROKERS_MAX - 1) : p->regionals;
    p->clients_per_broker = cf->clients ? MIN(cf->clients, 3U) : p->clients_per_broker;
    p->messages = cf->messages ? cf->messages : p->messages;
    p->n_faults = cf->faults != UINT_MAX ? MIN(cf->faults, SIM_FAULTS_MAX) : p->n_faults;
    if (cf->disk != SIM_DISK_HONEST)
        p->power_of_100 = 100;
}

/* --- clients and connections --- */

static void draw_mood(Dice *d, const Profile *p, Mood *m) {
    const bool good = dice_once_in(d, 2);
    m->retry = good ? 0 : (unsigned)PICK(d, 0, 30, 200);
    m->reject = good ? 0 : (unsigned)PICK(d, 0, 20, 200);
    m->permanent = (unsigned)PICK(d, 0, 100, 1000);
    m->extend = good ? 0 : (unsigned)PICK(d, 0, 50);
    m->forget = good ? 0 : (unsigned)PICK(d, 0, 20);
    m->leave = good ? 0 : (unsigned)PICK(d, 0, 10, 50);
    m->work_ms = (unsigned)PICK(d, 5, 60, 60, 800);
    m->batch = (unsigned)PICK(d, 1, 1, 3, 8);
    m->credit = (unsigned)MIN(PICK(d, 1, 4, 8, 40), (int64_t)p->broker.credit_messages_max);
}

/* A regency of its broker's province; the last nodes are the brokers' own. */
static void name_client(const World *w, SimClient *c, unsigned i) {
    char name[NODE_NAME_SIZE], region[REGION_SIZE];
    const bool plain = c->node < w->n_nodes - w->n_brokers;
    const SimBroker sb = w->brokers[c->broker];
    (void)text_copy(name, sizeof(name), sb.name);
    (void)text_copy(region, sizeof(region), sb.province);
    if (plain) {
        (void)snprintf(region, sizeof(region), "%s%02u", sb.province, 1 + c->node / w->n_brokers);
        (void)snprintf(name, sizeof(name), "dsk/%s", region);
    }
    (void)text_copy(c->region, sizeof(c->region), region);
    (void)text_copy(c->name, sizeof(c->name), name);
    (void)snprintf(c->who, sizeof(c->who), "%s%s", name,
                   i >= w->n_nodes ? "#2"
                   : plain         ? ""
                                   : "#1"); /* "hub" alone is the broker */
}

static void make_client(World *w, unsigned i) {
    SimClient *c = &w->clients[i];
    const unsigned plain = w->n_nodes - w->n_brokers;
    Dice d = dice_for(w->config->seed, DICE_CLIENT, i);
    c->node = i < w->n_nodes ? i : 2 * (i - w->n_nodes); /* every other one has a second program */
    c->broker = c->node < plain ? c->node % w->n_brokers : c->node - plain;
    name_client(w, c, i);
    c->instance = uuid_derive(bytes_make(&(uint64_t) { dice_roll(&d) }, 8));
    c->window = MIN(1 + dice_below(&d, 32), w->profile.broker.publish_window);
    c->pace_ms = PICK(&d, 10, 300, 2000);
    c->joins_ms = dice_once_in(&d, 6) ? 1 + dice_below(&d, 15000) : 1;
    c->wake_ms = INT64_MAX;
    draw_mood(&d, &w->profile, &c->mood);
    c->copies.wanted = i < w->n_nodes && dice_once_in(&d, 3);
    c->copies.filter = (Filter) { 0 };
    if (dice_once_in(&d, 3)) {
        c->copies.filter.n_urgencies = 1;
        c->copies.filter.urgencies[0] = URGENCY_ROUTINE;
    }
    if (c->node < plain) { /* it may see its own regency */
        c->copies.filter.n_regions = 1;
        (void)text_copy(c->copies.filter.regions[0], REGION_SIZE, c->region);
    }
    c->dice = d;
}

static void make_conn(World *w, bool is_client, unsigned dialler, unsigned listener) {
    Conn *c = &w->conns[w->n_conns];
    Dice d = dice_for(w->config->seed, DICE_CONN, is_client ? dialler : CLIENTS_MAX + dialler);
    *c = (Conn) { .is_client = is_client, .dialler = dialler, .listener = listener };
    c->latency_ms = (unsigned)PICK(&d, 0, 1, 10, 80);
    c->jitter_ms = (unsigned)PICK(&d, 0, 5, 15, 100);
    c->rate = (unsigned)PICK(&d, 0, 0, 0, 20, 200);
    /* A message must pass within three pings, and all that may be out within its lease, or nobody
     * would ever be done. */
    const Profile *p = &w->profile;
    const int64_t size = p->size_facts + p->size_sealed + 2000;
    const int64_t least = MAX(size / p->broker.ping_ms, 80 * size / p->broker.lease_ms) + 1;
    c->rate = c->rate ? (unsigned)MAX((int64_t)c->rate, least) : 0;
    c->limit = (unsigned)PICK(&d, 2, 40, 1000, 1000);
    c->dice = d;
    net_dial_at(w, w->n_conns++, 1 + dice_below(&c->dice, 1000));
}

/* --- the directory --- */

static DirNode *add_node(StoreOp *op, const char *id, int kind, const char *home) {
    DirNode *n = &op->import.nodes[op->import.n_nodes++];
    (void)text_copy(n->id, sizeof(n->id), id);
    (void)text_copy(n->home, sizeof(n->home), home);
    n->kind = kind;
    return n;
}

static StoreOp *import_op(const World *w) {
    StoreOp *op = store_op_new(OP_IMPORT);
    assert(op);
    op->import.nodes = calloc(w->n_brokers + w->n_nodes, sizeof(DirNode));
    op->import.keys = calloc(w->n_brokers + w->n_clients, sizeof(DirKey));
    assert(op->import.nodes && op->import.keys);
    for (unsigned i = 0; i < w->n_brokers; i++) {
        const SimBroker *sb = &w->brokers[i];
        DirNode *n = add_node(op, sb->name, i == 0 ? NODE_NATIONAL_HUB : NODE_UPT_BALAI, sb->name);
        n->broker = true;
        if (i > 0)
            (void)text_copy(n->broker_parent, sizeof(n->broker_parent),
                            w->brokers[sb->parent].name);
        (void)text_copy(n->areas[0].region, sizeof(n->areas[0].region), sb->province);
        n->areas[0].priority = 1;
        n->n_areas = i > 0;
        DirKey *k = &op->import.keys[op->import.n_keys++];
        broker_key(i, k->curve);
        (void)text_copy(k->node, sizeof(k->node), n->id);
        k->broker = true;
        if (w->profile.signing != SIGNING_NONE)
            k->sign = sign_key_of_broker(w, i)->public;
    }
    for (unsigned i = 0; i < w->n_nodes - w->n_brokers; i++)
        (void)add_node(op, w->clients[i].name, NODE_SOCIAL_AGENCY_REGENCY,
                       w->brokers[w->clients[i].broker].name);
    for (unsigned i = 0; i < w->n_clients; i++) {
        DirKey *k = &op->import.keys[op->import.n_keys++];
        client_key(i, k->curve);
        (void)text_copy(k->node, sizeof(k->node), w->clients[i].name);
        if (i < w->n_nodes && sign_key_of_node(w, i))
            k->sign = sign_key_of_node(w, i)->public;
    }
    return op;
}

/* Stores that know the directory, closed in order and on disk, before anything happens. */
static void make_store(World *w, SimBroker *sb) {
    char why[256];
    StoreConfig sc;
    _cleanup_(store_op_freep) StoreOp *op = import_op(w);
    sim_broker_config(w, sb, &sc);
    sc.n_hub_keys = 0; /* imported everywhere, as it was before the hub signed */
    int r = store_open(&sb->store, &sc, NULL, NULL, why);
    if (r == 0)
        r = store_run(sb->store, op, now_of(w, sb).wall_ms);
    if (r < 0 || !op->import.directory) {
        fprintf(stderr, "sim: %s: %s%s\n", sb->name, why, op->import.text);
        abort();
    }
    sb->store = store_close(sb->store);
}

static void make_broker(World *w, unsigned i) {
    static const uint8_t seed[SIGN_SEED_SIZE] = { 'h', 'u', 'b' };
    SimBroker *sb = &w->brokers[i];
    sign_key_from_seed(seed, &w->hub_key);
    char name[32];
    Dice d = dice_for(w->config->seed, DICE_BROKER, i);
    sb->world = w;
    (void)snprintf(sb->name, sizeof(sb->name), i == 0 ? "hub" : "upt/r%u", i);
    (void)text_copy(sb->province, sizeof(sb->province), provinces[i]);
    sb->parent = dice_once_in(&d, 3) ? dice_below(&d, i) : 0;
    sb->drift_ppm = PICK(&d, 0, 0, -300, 300);
    sb->wall_off_ms = PICK(&d, 0, 0, -2000, 90000);
    sb->dice = d;
    (void)snprintf(name, sizeof(name), "sim-disk-%u", i);
    sb->disk = disk_new(name, w->config->seed ^ i, &w->profile.disk);
    assert(sb->disk);
    const int64_t drifted_ms = sb->drift_ppm ? HOUR_MS / 1000 : 0;
    w->far_ms = MAX(w->far_ms, llabs(sb->wall_off_ms) + drifted_ms);
}

void world_set_up(World *w) {
    const Profile *p = &w->profile;
    w->n_brokers = 1 + p->regionals;
    w->n_nodes = w->n_brokers * (p->clients_per_broker + 1);
    w->n_clients = w->n_nodes + (w->n_nodes - w->n_brokers) / 2;
    assert(w->n_brokers <= BROKERS_MAX && w->n_clients <= CLIENTS_MAX);
    TELL(w, .phase = HISTORY_INFO, .op = HISTORY_CLOCK, .who = "-", .wall_ms = START_MS);
    for (unsigned i = 0; i < w->n_brokers; i++)
        make_broker(w, i);
    for (unsigned i = 0; i < w->n_clients; i++)
        make_client(w, i);
    move_draw(w);
    for (unsigned i = 0; i < w->n_nodes; i++)
        parcels_make(w, &w->clients[i]);
    stories_make(w);
    sign_set_up(w);
    for (unsigned i = 0; i < w->n_nodes; i++)
        sign_parcels(w, &w->clients[i]);
    for (unsigned i = 0; i < w->n_clients; i++)
        make_conn(w, true, i, w->clients[i].broker);
    for (unsigned i = 1; i < w->n_brokers; i++)
        make_conn(w, false, i, w->brokers[i].parent);
    for (unsigned i = 0; i < w->n_brokers; i++) {
        make_store(w, &w->brokers[i]);
        sim_broker_start(w, &w->brokers[i]);
    }
    faults_draw(w);
}

void world_tear_down(World *w) {
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        sb->broker = broker_free(sb->broker);
        broker_batch_free(sb->batch);
        broker_batch_free(sb->unsynced);
        sb->store = store_close(sb->store);
        sb->disk = disk_free(sb->disk);
    }
    for (unsigned i = 0; i < w->n_conns; i++)
        net_deinit(&w->conns[i]);
    Parcel *it, *tmp;
    HASH_ITER (hh, w->items, it, tmp)
        parcel_free(w, it);
    Copy *copy, *copy_tmp;
    HASH_ITER (hh, w->copies, copy, copy_tmp) {
        HASH_DEL(w->copies, copy);
        free(copy);
    }
    Told *told, *told_tmp;
    HASH_ITER (hh, w->told, told, told_tmp) {
        HASH_DEL(w->told, told);
        free(told);
    }
    for (unsigned i = 0; i < w->n_clients; i++)
        client_free(w, &w->clients[i]);
    agenda_deinit(&w->agenda);
    w->history = history_free(w->history);
}
