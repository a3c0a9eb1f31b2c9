/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sim/sim-world.h"

static int io_send(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n) {
    SimBroker *sb = data;
    World *w = sb->world;
    if (port == PORT_UPLINK) {
        for (unsigned i = 0; i < w->n_conns; i++)
            if (!w->conns[i].is_client && &w->brokers[w->conns[i].dialler] == sb)
                return net_send(w, i, true, parts, n);
        return -EAGAIN;
    }
    Route r;
    uint32_t epoch;
    assert(route.n == sizeof(r));
    memcpy(&r, route.p, sizeof(r));
    memcpy(&epoch, r.epoch, 4);
    if (w->conns[r.conn].epoch != epoch)
        return -EHOSTUNREACH;
    return net_send(w, r.conn, false, parts, n);
}

static void io_log(void *data, const LogRecord *r) {
    SimBroker *sb = data;
    if (sb->world->config->verbose)
        fprintf(stderr, "%8lld %-10s %s %s %s\n", (long long)sb->world->now_ms, sb->name,
                log_event_name(r->event), r->peer, r->text);
    if (r->event == LOG_EVENT_LINK_GAP)
        sim_wrong(sb->world, &sb->world->report->lost, "link gap reported by %s: %s", sb->name,
                  r->text);
}

static uint32_t io_random(void *data) {
    return (uint32_t)rnd(((SimBroker *)data)->world);
}

static void io_reset(void *data) {
    SimBroker *sb = data;
    for (unsigned i = 0; i < sb->world->n_conns; i++)
        if (!sb->world->conns[i].is_client &&
            &sb->world->brokers[sb->world->conns[i].dialler] == sb)
            sb->world->conns[i].epoch = 0; /* dialled again; the broker knows already */
}

static bool io_verb(void *data, const char *verb, char *const *args, uint32_t n, Table *t) {
    (void)data, (void)verb, (void)args, (void)n, (void)t;
    return false;
}

static void io_directory(void *data, Directory *d) {
    (void)data, (void)d;
}

void sim_broker_start(World *w, SimBroker *sb) {
    char why[256];
    StoreConfig sc = { .path = sb->path,
                       .self = sb->name,
                       .accept = { .default_expiry_ms = 30 * DAY_MS,
                                   .event_expiry_ms = 72 * HOUR_MS,
                                   .max_expiry_ms = 180 * DAY_MS,
                                   .clock_skew_ms = 5 * MINUTE_MS },
                       .page_size = 4096,
                       .subscription_quota = 1000,
                       .subscriptions_max = 8,
                       .retention_ms = 30 * DAY_MS,
                       .retention_event_ms = 90 * DAY_MS,
                       .dedup_ms = 180 * DAY_MS,
                       .encode_receipt = codec_encode_receipt,
                       .decode_envelope = codec_decode_stored_envelope,
                       .encode_filter = codec_encode_filter,
                       .decode_filter = codec_decode_filter };
    int r = store_open(&sb->store, &sc, NULL, NULL, why);
    if (r < 0) {
        fprintf(stderr, "sim: %s: %s\n", sb->path, why);
        abort();
    }
    BrokerConfig bc = broker_config_default;
    (void)text_copy(bc.self, sizeof(bc.self), sb->name);
    if (sb != w->brokers)
        (void)text_copy(bc.parent, sizeof(bc.parent), w->brokers[0].name);
    bc.retry = (RetryPolicy) { .first_ms = 200, .cap_ms = 5000, .max_attempts = 10000 };
    BrokerIo io = { .data = sb,
                    .send = io_send,
                    .log = io_log,
                    .random = io_random,
                    .uplink_reset = io_reset,
                    .verb = io_verb,
                    .directory = io_directory };
    Directory *d = store_directory(sb->store);
    r = broker_new(&sb->broker, &bc, &io, d, now_of(w));
    assert(r == 0);
    (void)directory_unref(d);
}

static void copy_file(const char *from, const char *to) {
    char buf[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC), out;
    if (in < 0)
        return;
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(out >= 0);
    for (ssize_t n; (n = read(in, buf, sizeof(buf))) > 0;) {
        ssize_t done = write(out, buf, (size_t)n);
        assert(done == n);
    }
    (void)close(in);
    (void)close(out);
}

/* A crash: what is committed survives, in a copy of the files as they stand; nothing is closed in
 * order before that. */
void sim_broker_crash(World *w, SimBroker *sb) {
    char path[512], from[600], to[600];
    w->report->crashes++;
    (void)snprintf(path, sizeof(path), "%s/%u-%u.db", w->config->folder,
                   (unsigned)(sb - w->brokers), ++sb->generation);
    copy_file(sb->path, path);
    (void)snprintf(from, sizeof(from), "%s-wal", sb->path);
    (void)snprintf(to, sizeof(to), "%s-wal", path);
    copy_file(from, to);
    sb->broker = broker_free(sb->broker);
    while (sb->batch) {
        StoreOp *next = sb->batch->next;
        if (sb->batch->kind == OP_DELIVERY)
            sb->batch->owner =
                NULL; /* a ticket of the broker that is gone: its memory is the price */
        (void)store_op_free(sb->batch);
        sb->batch = next;
    }
    sb->store = store_close(sb->store);
    (void)unlink(sb->path);
    (void)text_copy(sb->path, sizeof(sb->path), path);
    for (unsigned i = 0; i < w->n_conns; i++) {
        Conn *c = &w->conns[i];
        if (&w->brokers[c->listener] == sb || (!c->is_client && &w->brokers[c->dialler] == sb))
            net_cut(w, i);
    }
    sb->back_ms = w->now_ms + 100 + below(w, 5000);
}

void sim_broker_run(World *w, SimBroker *sb) {
    int r;
    if (!sb->broker) {
        if (w->now_ms >= sb->back_ms)
            sim_broker_start(w, sb);
        return;
    }
    r = broker_tick(sb->broker, now_of(w));
    assert(r == 0);
    if (sb->batch && w->now_ms >= sb->batch_ms) {
        r = store_run(sb->store, sb->batch, now_of(w).wall_ms);
        if (r < 0) {
            fprintf(stderr, "sim: store_run: %d\n", r);
            abort();
        }
        if (w->faults_left > 0 && below(w, 400) == 0) { /* committed, and nobody is told */
            w->faults_left--;
            sim_broker_crash(w, sb);
            return;
        }
        StoreOp *list = sb->batch;
        sb->batch = NULL;
        r = broker_stored(sb->broker, now_of(w), list);
        assert(r == 0);
        bool more;
        if (below(w, 20) == 0) {
            r = store_idle(sb->store, now_of(w).wall_ms, &more);
            assert(r == 0);
        }
    }
    if (!sb->batch) {
        sb->batch = broker_take_batch(sb->broker);
        if (sb->batch)
            sb->batch_ms = w->now_ms + 1 + below(w, 6);
    }
}
