/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A broker process: the real Broker and Store, with what daemon/serasid*.c does around them. A
 * batch is carried out, then synced, which takes its time, and only then its results come back;
 * meanwhile the next may be carried out. A fault of the store ends the process without an answer
 * and without closing in order; a disk with no room is waited for.
 */

#include <errno.h>

#include "sim/sim-world.h"
#include "store-config.h"

#define IDLE_SOON_MS   100
#define IDLE_LATER_MS  1500
#define FULL_RETRY_MS  500
#define DRAIN_BATCHES  50
#define BACK_WITHIN_MS 4000

static unsigned index_of(const World *w, const SimBroker *sb) {
    return (unsigned)(sb - w->brokers);
}

/* --- what the broker asks of its surroundings --- */

static int io_send(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n) {
    SimBroker *sb = data;
    World *w = sb->world;
    if (port == PORT_ADMIN) {
        operator_hears(w, sb, parts[0]);
        return 0;
    }
    if (port == PORT_UPLINK)
        return net_send_up(w, net_conn_of_broker(w, index_of(w, sb)), parts, n);
    Route r;
    uint32_t epoch;
    assert(route.n == sizeof(r));
    memcpy(&r, route.p, sizeof(r));
    memcpy(&epoch, r.epoch, 4);
    return net_send_down(w, r.conn, epoch, parts, n);
}

static void io_log(void *data, const LogRecord *r) {
    SimBroker *sb = data;
    world_note(sb->world, sb->name, "%s %s %s", log_event_name(r->event), r->peer, r->text);
    if (r->event == LOG_EVENT_LINK_GAP)
        world_wrong(sb->world, "link gap reported by %s: %s", sb->name, r->text);
}

static uint32_t io_random(void *data) {
    return (uint32_t)dice_roll(&((SimBroker *)data)->dice);
}

static void io_reset(void *data) {
    SimBroker *sb = data;
    World *w = sb->world;
    const unsigned conn = net_conn_of_broker(w, index_of(w, sb));
    if (w->conns[conn].now)
        agenda_add(&w->agenda, w->now_ms, EVENT_RESET, conn, w->conns[conn].now->epoch);
}

static bool io_verb(void *data, const char *verb, char *const *args, uint32_t n, Table *t) {
    (void)data, (void)verb, (void)args, (void)n, (void)t;
    return false;
}

static void io_directory(void *data, Directory *d) {
    (void)data, (void)d;
}

static void on_sync(void *data, bool done) {
    SimBroker *sb = data;
    TELL(sb->world, .phase = done ? HISTORY_OK : HISTORY_INVOKE, .op = HISTORY_SYNC,
         .who = sb->name);
}

/* --- life and death --- */

void sim_broker_config(const World *w, const SimBroker *sb, StoreConfig *ret) {
    *ret = test_store_config("serasid.db", sb->name, &codec_message);
    ret->disk = disk_hooks(sb->disk);
    ret->page_size = w->profile.page_size;
    ret->free_low_bytes = 8 << 20;
    ret->free_high_bytes = 12 << 20;
    ret->ballast_bytes = 1 << 20;
    ret->subscription_quota = w->profile.quota;
    ret->neighbour_quota = w->profile.neighbour_quota;
    ret->timers = w->profile.quick_timers ? &story_quick_timers : NULL;
    ret->pending_items = w->profile.pending_items;
    ret->retention_ms = ret->retention_event_ms = w->profile.retention_ms;
    ret->directory_codec = &codec_directory;
    ret->hub = sb == w->brokers;
    ret->sign_key = sign_key_of_broker(w, index_of(w, sb));
    if (!ret->hub) {
        ret->n_hub_keys = 1;
        ret->hub_keys[0] = w->hub_key.public;
    }
}

static void start_later(World *w, SimBroker *sb) {
    agenda_add(&w->agenda, w->now_ms + 100 + dice_below(&sb->dice, BACK_WITHIN_MS), EVENT_START,
               index_of(w, sb), sb->generation);
}

static void plan(World *w, SimBroker *sb, EventKind kind, int64_t at_ms) {
    agenda_add(&w->agenda, at_ms, kind, index_of(w, sb), sb->generation);
}

static void drop_batches(SimBroker *sb) {
    broker_batch_free(sb->batch);
    broker_batch_free(sb->unsynced);
    sb->batch = sb->unsynced = NULL;
    sb->batch_ran = sb->planned = false;
}

/* The files stay, the process is gone. */
static void bury(World *w, SimBroker *sb, DiskTrouble how) {
    disk_kill(sb->disk, how);
    how = disk_death(sb->disk);
    sb->broker = broker_free(sb->broker);
    drop_batches(sb);
    sb->generation++;
    sb->store = store_close(sb->store);
    disk_restart(sb->disk);
    if (how == DISK_POWER)
        w->report->power_cuts++;
    else
        w->report->crashes++;
    w->hash = trace_word(w->hash, disk_hash(sb->disk));
    TELL(w, .phase = HISTORY_INFO, .op = how == DISK_POWER ? HISTORY_CUT : HISTORY_CRASH,
         .who = sb->name);
    start_later(w, sb);
}

void sim_broker_die(World *w, SimBroker *sb, DiskTrouble how) {
    if (disk_death(sb->disk) != DISK_FINE)
        how = disk_death(sb->disk);
    world_note(w, sb->name, "%s", how == DISK_POWER ? "loses power" : "dies");
    bury(w, sb, how);
    net_broker_gone(w, index_of(w, sb),
                    how != DISK_POWER            ? NET_CUT_SEEN
                    : dice_once_in(&sb->dice, 3) ? NET_CUT_SEEN
                                                 : NET_CUT_SILENT);
}

void sim_broker_start(World *w, SimBroker *sb) {
    char why[256];
    StoreConfig sc;
    sim_broker_config(w, sb, &sc);
    int r = store_open(&sb->store, &sc, NULL, NULL, why);
    if (r < 0) {
        world_note(w, sb->name, "cannot start: %s (%d)", why, r);
        const bool passes = disk_death(sb->disk) != DISK_FINE || r == -EIO || r == -ENOSPC;
        if (!passes) {
            sb->ruined = true;
            w->report->lost++;
            world_wrong(w, "%s cannot open its store any more: %s", sb->name, why);
            return;
        }
        bury(w, sb, DISK_CRASH);
        return;
    }
    BrokerConfig bc = w->profile.broker;
    (void)text_copy(bc.self, sizeof(bc.self), sb->name);
    if (sb != w->brokers)
        (void)text_copy(bc.parent, sizeof(bc.parent), w->brokers[sb->parent].name);
    bc.noted_ms = store_health(sb->store)->noted_ms;
    bc.signs = sb == w->brokers;
    bc.follows = !bc.signs;
    bc.unsigned_allowed = w->profile.signing != SIGNING_ALL;
    BrokerIo io = { .data = sb,
                    .send = io_send,
                    .log = io_log,
                    .random = io_random,
                    .uplink_reset = io_reset,
                    .verb = io_verb,
                    .directory = io_directory };
    _cleanup_(directory_unrefp) Directory *d = store_directory(sb->store);
    r = broker_new(&sb->broker, &bc, &io, d, now_of(w, sb));
    assert(r == 0);
    disk_on_sync(sb->disk, on_sync, sb);
    sb->generation++;
    world_note(w, sb->name, "starts%s", store_health(sb->store)->unclean ? ", recovered" : "");
    TELL(w, .phase = HISTORY_INFO, .op = HISTORY_START, .who = sb->name);
    plan(w, sb, EVENT_TICK, w->now_ms + 1);
    plan(w, sb, EVENT_IDLE, w->now_ms + IDLE_SOON_MS);
    if (sb != w->brokers)
        net_dial_at(w, net_conn_of_broker(w, index_of(w, sb)),
                    w->now_ms + 1 + dice_below(&sb->dice, 300));
}

/* --- the store --- */

/* Returns false when the process has ended. */
static bool survives(World *w, SimBroker *sb, int r) {
    if (r == 0 && disk_death(sb->disk) == DISK_FINE)
        return true;
    if (disk_death(sb->disk) == DISK_FINE) {
        w->report->disk_errors++;
        world_note(w, sb->name, "ends: %s", store_health(sb->store)->fault);
    }
    if (r == -EUCLEAN)
        world_wrong(w, "%s found its store damaged: %s", sb->name, store_health(sb->store)->fault);
    sim_broker_die(w, sb, DISK_CRASH);
    return false;
}

static bool housekeeping(World *w, SimBroker *sb) {
    bool more;
    return survives(w, sb, store_idle(sb->store, now_of(w, sb).wall_ms, &more));
}

/* serasid-store.c, run_batch(): a full disk is waited for. */
static bool run(World *w, SimBroker *sb) {
    int r = store_write(sb->store, sb->batch, now_of(w, sb).wall_ms);
    if (r == -ENOSPC && disk_death(sb->disk) == DISK_FINE) {
        world_note(w, sb->name, "has no room");
        if (housekeeping(w, sb))
            plan(w, sb, EVENT_RUN, w->now_ms + FULL_RETRY_MS);
        return false;
    }
    return survives(w, sb, r);
}

static void on_run(World *w, SimBroker *sb) {
    sb->planned = false;
    if (!sb->batch)
        sb->batch = broker_take_batch(sb->broker);
    if (!sb->batch || sb->batch_ran || !run(w, sb))
        return;
    sb->batch_ran = true;
    if (!sb->unsynced)
        plan(w, sb, EVENT_DONE, w->now_ms + dice_below(&sb->dice, 3));
}

static void tell_broker(World *w, SimBroker *sb) {
    StoreOp *list = sb->unsynced;
    sb->unsynced = NULL;
    int r = broker_stored(sb->broker, now_of(w, sb), list);
    assert(r == 0);
}

/* serasid-store.c, settle(): the next batch may be carried out before this one is synced. Returns
 * false when the process has ended. */
static bool overtake(World *w, SimBroker *sb) {
    const uint64_t generation = sb->generation;
    if (!dice_once_in(&sb->dice, 2))
        return true;
    sb->batch = broker_take_batch(sb->broker);
    sb->batch_ran = sb->batch && run(w, sb);
    return sb->generation == generation;
}

static void on_done(World *w, SimBroker *sb) {
    sb->unsynced = sb->batch;
    sb->batch = NULL;
    sb->batch_ran = false;
    if (!overtake(w, sb) || !survives(w, sb, store_sync(sb->store)) ||
        !survives(w, sb, store_trim(sb->store)))
        return;
    w->hash = trace_word(w->hash, disk_hash(sb->disk));
    plan(w, sb, EVENT_TELL, w->now_ms + disk_take_time(sb->disk));
}

static void on_tell(World *w, SimBroker *sb) {
    tell_broker(w, sb);
    if (dice_once_in(&sb->dice, 4) && !housekeeping(w, sb))
        return;
    if (sb->batch_ran)
        plan(w, sb, EVENT_DONE, w->now_ms);
    else
        sim_broker_feed(w, sb);
}

static void on_idle(World *w, SimBroker *sb) {
    if ((!sb->batch || sb->batch_ran) && !housekeeping(w, sb))
        return;
    plan(w, sb, EVENT_IDLE, w->now_ms + IDLE_LATER_MS / 2 + dice_below(&sb->dice, IDLE_LATER_MS));
}

void sim_broker_feed(World *w, SimBroker *sb) {
    if (sb->broker)
        broker_check_here(sb->broker, now_of(w, sb));
    if (sb->batch || sb->planned || !sb->broker || broker_waiting(sb->broker) == 0)
        return;
    sb->planned = true; /* what comes until then rides along */
    plan(w, sb, EVENT_RUN, w->now_ms + dice_below(&sb->dice, w->profile.gather_ms));
}

void sim_broker_ask(World *w, SimBroker *sb, StoreOp *op) {
    int r = store_run(sb->store, op, now_of(w, sb).wall_ms);
    if (r < 0)
        world_wrong(w, "%s: the store of a calm world fails: %s", sb->name,
                    store_health(sb->store)->fault);
}

void sim_broker_stop(World *w, SimBroker *sb) {
    if (!sb->broker)
        return;
    world_note(w, sb->name, "is stopped");
    broker_stop(sb->broker, now_of(w, sb));
    for (unsigned i = 0; i < DRAIN_BATCHES; i++) {
        if (sb->batch && !sb->batch_ran) {
            int r = store_run(sb->store, sb->batch, now_of(w, sb).wall_ms);
            if (r == -ENOSPC)
                break; /* unanswered */
            if (!survives(w, sb, r))
                return;
        }
        if (!survives(w, sb, store_sync(sb->store)))
            return;
        if (sb->unsynced)
            tell_broker(w, sb);
        sb->unsynced = sb->batch;
        sb->batch = NULL;
        sb->batch_ran = false;
        if (sb->unsynced)
            tell_broker(w, sb);
        broker_check_here(sb->broker, now_of(w, sb));
        sb->batch = broker_take_batch(sb->broker);
        if (!sb->batch)
            break;
    }
    sb->broker = broker_free(sb->broker);
    drop_batches(sb);
    sb->generation++;
    sb->store = store_close(sb->store);
    if (disk_death(sb->disk) != DISK_FINE) {
        bury(w, sb, DISK_CRASH);
    } else {
        TELL(w, .phase = HISTORY_INFO, .op = HISTORY_STOP, .who = sb->name);
        start_later(w, sb);
    }
    net_broker_gone(w, index_of(w, sb), NET_CUT_SEEN);
}

/* --- turns --- */

bool sim_broker_take(World *w, SimBroker *sb, const PeerMessage *m) {
    if (!sb->broker)
        return true; /* lost with its process */
    if (!broker_has_room(sb->broker))
        return false;
    int r = broker_receive(sb->broker, now_of(w, sb), m);
    assert(r == 0);
    sim_broker_feed(w, sb);
    return true;
}

static void on_tick(World *w, SimBroker *sb) {
    int r = broker_tick(sb->broker, now_of(w, sb));
    assert(r == 0);
    sim_broker_feed(w, sb);
    plan(w, sb, EVENT_TICK, MAX(broker_due_ms(sb->broker, now_of(w, sb)), w->now_ms + 1));
}

void sim_broker_event(World *w, const Happening *e) {
    SimBroker *sb = &w->brokers[e->index];
    if (e->token != sb->generation)
        return;
    switch (e->kind) {
    case EVENT_START:
        sim_broker_start(w, sb);
        break;
    case EVENT_TICK:
        on_tick(w, sb);
        break;
    case EVENT_RUN:
        on_run(w, sb);
        break;
    case EVENT_DONE:
        on_done(w, sb);
        break;
    case EVENT_TELL:
        on_tell(w, sb);
        break;
    case EVENT_OPERATOR:
        operator_acts(w, sb);
        break;
    default:
        on_idle(w, sb);
        break;
    }
}
