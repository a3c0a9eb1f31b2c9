/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/broker-world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "core/bundle.h"
#include "store-config.h"
#include "wire/codec.h"

#define ROUNDS_MAX 5000 /* more turns without a rest are a loop */

/* --- what the broker asks for --- */

static void hear_result(World *w, const PublishResult *r) {
    if ((r->verdict == VERDICT_ACCEPTED || r->verdict == VERDICT_DUPLICATE) &&
        w->n_told < WORLD_TOLD_MAX)
        w->told[w->n_told++] = r->message_id;
}

static int io_send(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n) {
    World *w = data;
    (void)port, (void)route;
    if (w->send_result < 0)
        return w->send_result;
    if (w->pause)
        w->pause(true);
    Frame f = { 0 };
    const char *why = NULL;
    int r = codec_decode_frame(parts[0], FRAME_ANSWER_MAX, &f, &why);
    if (r != 0 || n > PARTS_MAX || f.kind >= ARRAY_SIZE(w->heard)) {
        fprintf(stderr, "the broker sent what its own decoder refuses: %s\n", why ? why : "");
        abort();
    }
    w->heard[f.kind]++;
    if (f.kind == FRAME_DELIVER)
        w->last_tag = f.deliver.tag;
    if (f.kind == FRAME_BUNDLE && f.bundle->deliveries)
        w->last_tag = f.bundle->deliveries[f.bundle->n - 1].tag;
    for (uint32_t i = 0; f.kind == FRAME_PUBLISHED && i < f.published.n; i++)
        hear_result(w, &f.published.results[i]);
    frame_deinit(&f);
    if (w->pause)
        w->pause(false);
    return 0;
}

static void io_log(void *data, const LogRecord *r) {
    (void)data, (void)r;
}

static uint32_t io_random(void *data) {
    World *w = data;
    return w->random = w->random * 1664525 + 1013904223;
}

static void io_reset(void *data) {
    (void)data;
}

static bool io_verb(void *data, const char *verb, char *const *args, uint32_t n, Table *t) {
    (void)data, (void)verb, (void)args, (void)n, (void)t;
    return false;
}

static void io_directory(void *data, Directory *d) {
    (void)data, (void)d;
}

/* --- set-up --- */

static void peer_key(unsigned peer, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "peer%036u", peer);
}

static void add_node(StoreOp *op, const char *id, int kind, const char *above) {
    DirNode *n = &op->import.nodes[op->import.n_nodes++];
    (void)text_copy(n->id, sizeof(n->id), id);
    n->kind = kind;
    n->broker = above || kind == NODE_NATIONAL_HUB;
    (void)text_copy(n->home, sizeof(n->home), n->broker ? id : "upt/satria");
    (void)text_copy(n->broker_parent, sizeof(n->broker_parent), above ? above : "");
}

/* Peer 4 has a key that nobody knows, peer 5 one that was revoked. */
static int import(World *w) {
    static const char *const nodes[WORLD_PEERS] = {
        "dsk/3306", "lks/3306/0001", "upt/loka", "min/rehsos", NULL, "dsk/3302", "dsk/3306", "hub"
    };
    _cleanup_(store_op_freep) StoreOp *op = store_op_new(OP_IMPORT);
    if (!op)
        return -ENOMEM;
    op->import.nodes = calloc(8, sizeof(DirNode));
    op->import.keys = calloc(WORLD_PEERS, sizeof(DirKey));
    if (!op->import.nodes || !op->import.keys)
        return -ENOMEM;
    add_node(op, "hub", NODE_NATIONAL_HUB, NULL);
    add_node(op, "upt/satria", NODE_UPT_BALAI, "hub");
    add_node(op, "upt/loka", NODE_UPT_LOKA, "upt/satria");
    add_node(op, "dsk/3306", NODE_SOCIAL_AGENCY_REGENCY, NULL);
    add_node(op, "dsk/3302", NODE_SOCIAL_AGENCY_REGENCY, NULL);
    add_node(op, "lks/3306/0001", NODE_LKS, NULL);
    add_node(op, "min/rehsos", NODE_MINISTRY_UNIT, NULL);
    for (unsigned i = 0; i < WORLD_PEERS; i++) {
        if (!nodes[i])
            continue;
        DirKey *k = &op->import.keys[op->import.n_keys++];
        peer_key(i, k->curve);
        (void)text_copy(k->node, sizeof(k->node), nodes[i]);
        k->broker = strcmp(nodes[i], "upt/loka") == 0 || strcmp(nodes[i], "hub") == 0;
        k->operator_ = i == 3;
        k->revoked = i == 5;
    }
    int r = store_run(w->store, op, w->now.wall_ms);
    if (r < 0)
        return r;
    if (op->import.directory)
        return 0;
    fprintf(stderr, "import: %s\n", op->import.text);
    return -EINVAL;
}

void world_store_config(const World *w, StoreConfig *ret) {
    *ret = test_store_config(w->path, "upt/satria", &codec_message);
    ret->subscription_quota = 8;
    ret->subscriptions_max = 3;
    ret->pending_items = 2;
    ret->delay_warning_ms = 4 * HOUR_MS;
}

static int open_store(World *w, const char *path) {
    StoreConfig config;
    char why[256];
    world_store_config(w, &config);
    config.path = path;
    return store_open(&w->store, &config, NULL, NULL, why);
}

static void template_path(const World *w, char *ret, size_t size) {
    (void)snprintf(ret, size, "%s/template.db", w->folder);
}

int world_make(World *w) {
    char path[96];
    *w = (World) { .now = { .wall_ms = WORLD_START_MS, .mono_ms = 1000 }, .random = 1 };
    (void)text_copy(w->folder, sizeof(w->folder), "/dev/shm/serasi-world-XXXXXX");
    if (hash_init() < 0)
        return -EIO;
    if (!mkdtemp(w->folder) && !mkdtemp(strcpy(w->folder, "/tmp/serasi-world-XXXXXX")))
        return -errno;
    (void)snprintf(w->path, sizeof(w->path), "%s/store.db", w->folder);
    template_path(w, path, sizeof(path));
    int r = open_store(w, path);
    if (r == 0)
        r = import(w);
    w->store = store_close(w->store);
    return r;
}

static void remove_store(const World *w) {
    static const char *const ends[] = { "", "-wal", "-shm", "-seal", ".lock" };
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s", w->path, ends[i]);
        (void)unlink(path);
    }
}

static int copy_template(const World *w) {
    char path[96];
    struct stat st;
    remove_store(w);
    template_path(w, path, sizeof(path));
    int in = open(path, O_RDONLY | O_CLOEXEC);
    int out = open(w->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = in < 0 || out < 0 || fstat(in, &st) < 0 ? -errno : 0;
    if (r == 0 && sendfile(out, in, NULL, (size_t)st.st_size) != st.st_size)
        r = -EIO;
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    return r;
}

int world_open(World *w) {
    const BrokerIo io = { .data = w,
                          .send = io_send,
                          .log = io_log,
                          .random = io_random,
                          .uplink_reset = io_reset,
                          .verb = io_verb,
                          .directory = io_directory };
    BrokerConfig config = broker_config_default;
    config.slow_ms = 0; /* or garbage would soon not be read any more */
    /* Small enough that an input reaches every limit. */
    config.sessions_max = 24;
    config.publish_window = 8;
    config.credit_messages_max = 8;
    config.credit_bytes_max = 64 * 1024;
    config.link_window = 8;
    config.cache_bytes = 16 * 1024;
    config.pending_max = 32;
    (void)text_copy(config.self, sizeof(config.self), "upt/satria");
    (void)text_copy(config.parent, sizeof(config.parent), "hub");
    w->now = (Now) { .wall_ms = WORLD_START_MS, .mono_ms = 1000 };
    w->random = 1;
    w->send_result = 0;
    w->n_told = 0;
    w->last_tag = 0;
    memset(w->heard, 0, sizeof(w->heard));
    int r = copy_template(w);
    if (r == 0)
        r = open_store(w, w->path);
    if (r < 0)
        return r;
    _cleanup_(directory_unrefp) Directory *d = store_directory(w->store);
    return broker_new(&w->broker, &config, &io, d, w->now);
}

void world_close(World *w) {
    w->broker = broker_free(w->broker);
    while (w->held) { /* a ticket of a settlement goes with the last operation that knows it */
        StoreOp *next = w->held->next;
        (void)store_op_free(w->held);
        w->held = next;
    }
    w->store = store_close(w->store);
}

int world_reopen_store(World *w) {
    return open_store(w, w->path);
}

void world_remove(World *w) {
    static const char *const names[] = {
        "template.db",      "template.db-wal", "template.db-shm", "template.db-seal",
        "template.db.lock", "store.db",        "store.db-wal",    "store.db-shm",
        "store.db-seal",    "store.db.lock",   "backup.db",       "backup.db.unfinished"
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", w->folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->folder);
}

/* --- what happens to it --- */

int world_say(World *w, BrokerPort port, unsigned peer, const Bytes *parts, unsigned n_parts) {
    static const size_t limits[PARTS_MAX] = { FRAME_ANSWER_MAX, ENVELOPE_MAX, FACTS_MAX,
                                              SEALED_MAX };
    char key[CURVE_TEXT_SIZE];
    const uint8_t route[5] = { 0, (uint8_t)peer, 1, 2, 3 };
    bool oversized = n_parts > PARTS_MAX;
    for (unsigned i = 0; i < n_parts && i < PARTS_MAX; i++)
        oversized |= parts[i].n > limits[i];
    peer_key(peer, key);
    const PeerMessage m = { .port = port,
                            .route = bytes_make(route, port == PORT_UPLINK ? 0 : sizeof(route)),
                            .user_id = port == PORT_ADMIN ? "uid:0" : key,
                            .parts = oversized ? NULL : parts,
                            .n_parts = oversized ? 0 : n_parts,
                            .oversized = oversized };
    if (!broker_has_room(w->broker)) {
        int r = world_run(w);
        if (r < 0)
            return r;
    }
    return broker_receive(w->broker, w->now, &m);
}

int world_say_frame(World *w, BrokerPort port, unsigned peer, const Frame *f, const Bytes *parts,
                    unsigned n_parts) {
    uint8_t *p = NULL;
    size_t n = 0;
    if (w->pause)
        w->pause(true);
    int r = codec_encode_frame(f, &p, &n);
    if (w->pause)
        w->pause(false);
    if (r < 0)
        return r;
    Bytes all[PARTS_MAX] = { bytes_make(p, n) };
    for (unsigned i = 0; i < n_parts && i + 1 < PARTS_MAX; i++)
        all[i + 1] = parts[i];
    r = world_say(w, port, peer, all, n_parts + 1);
    free(p);
    return r;
}

int world_take(World *w) {
    broker_check_here(w->broker, w->now);
    if (!w->held)
        w->held = broker_take_batch(w->broker);
    /* An operator may name any file for a backup; a test may not. */
    for (StoreOp *op = w->held; op; op = op->next)
        if (op->kind == OP_BACKUP)
            (void)snprintf(op->backup.path, sizeof(op->backup.path), "%s/backup.db", w->folder);
    return 0;
}

int world_run(World *w) {
    for (int i = 0; i < ROUNDS_MAX; i++) {
        bool more = false;
        (void)world_take(w);
        if (!w->held)
            return store_idle(w->store, w->now.wall_ms, &more);
        int r = store_run(w->store, w->held, w->now.wall_ms);
        if (r < 0)
            return r;
        StoreOp *list = w->held;
        w->held = NULL;
        r = broker_stored(w->broker, w->now, list);
        if (r < 0)
            return r;
    }
    fprintf(stderr, "broker and store never come to rest\n");
    abort();
}

int world_pass(World *w, int64_t ms) {
    w->now.wall_ms += ms;
    w->now.mono_ms += ms;
    int r = broker_tick(w->broker, w->now);
    return r < 0 ? r : world_run(w);
}
