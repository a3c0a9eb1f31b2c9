/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A store in a folder of its own for tests of src/store, with the sample directory imported.
 * Broker upt/phala-martha is home of dsp/32, dsk/3203, dsk/3204, uptd/32/pa-02 and pks/...; its
 * only link is the parent, hub, behind which dsk/3302 lives.
 */

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample.h"
#include "store-config.h"
#include "store/pages.h"
#include "store/store.h"

#define SELF   "upt/phala-martha"
#define HOME   "uptd/32/pa-02" /* of a local recipient */
#define SENDER "dsk/3203"
#define REMOTE "dsk/3302"

typedef struct Fixture {
    char folder[64], path[96], why[256];
    StoreConfig config;
    MessageCodec codec; /* of the configuration */
    Store *store;
    int64_t now_ms;
    uint32_t n_ids;
} Fixture;

/* The receipt as it is: the tests read it back from the facts. */
static inline Body *fake_encode_receipt(const Receipt *r, const char *self, int64_t now_ms) {
    (void)self;
    (void)now_ms;
    return body_new(bytes_make("receipt", 7), bytes_make(r, sizeof(*r)), bytes_make(NULL, 0));
}

static inline Body *fake_encode_notice(const Notice *n, const char *self) {
    (void)self;
    return body_new(bytes_make("notice", 6), bytes_make(n, sizeof(*n)), bytes_make(NULL, 0));
}

static inline int fake_decode_envelope(Bytes b, Envelope *ret) {
    (void)b;
    *ret = (Envelope) { 0 };
    return 0;
}

static inline Bytes fake_encode_filter(const Filter *f, uint8_t *buf, size_t size) {
    if (size < sizeof(*f))
        return bytes_make(NULL, 0);
    memcpy(buf, f, sizeof(*f));
    return bytes_make(buf, sizeof(*f));
}

static inline int fake_decode_filter(Bytes b, Filter *ret) {
    if (b.n != sizeof(*ret))
        return -EBADMSG;
    memcpy(ret, b.p, sizeof(*ret));
    return 0;
}

static const MessageCodec fake_codec = { .encode_receipt = fake_encode_receipt,
                                         .encode_notice = fake_encode_notice,
                                         .decode_envelope = fake_decode_envelope,
                                         .encode_filter = fake_encode_filter,
                                         .decode_filter = fake_decode_filter };

static inline int fixture_try_open(Fixture *f) {
    return store_open(&f->store, &f->config, NULL, NULL, f->why);
}

static inline void fixture_open(Fixture *f) {
    if (fixture_try_open(f) < 0)
        fail_msg("%s", f->why);
}

static inline void fixture_reopen(Fixture *f) {
    f->store = store_close(f->store);
    fixture_open(f);
}

/* Ends as a crash would: what is in memory is lost, the file stays marked as running. */
static inline void fixture_kill(Fixture *f) {
    char copy[128], command[1024];
    snprintf(copy, sizeof(copy), "%s/crash", f->folder);
    snprintf(command, sizeof(command),
             "rm -rf %s && mkdir %s && cp %s %s/ && if test -f %s-wal; then cp %s-wal %s/; fi",
             copy, copy, f->path, copy, f->path, f->path, copy);
    ASSERT_OK(system(command));
    f->store = store_close(f->store);
    snprintf(command, sizeof(command), "rm -f %s-wal %s-shm && mv %s/* %s/", f->path, f->path, copy,
             f->folder);
    ASSERT_OK(system(command));
}

static inline void fixture_crash(Fixture *f) {
    fixture_kill(f);
    fixture_open(f);
}

static inline void run(Fixture *f, StoreOp *op) {
    assert_non_null(op);
    ASSERT_OK(store_run(f->store, op, f->now_ms));
}

static inline void fixture_import(Fixture *f) {
    Directory *d = sample_directory();
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_nodes = (uint32_t)directory_node_count(d);
    op->import.nodes = calloc(op->import.n_nodes, sizeof(DirNode));
    for (uint32_t i = 0; i < op->import.n_nodes; i++)
        op->import.nodes[i] = *directory_node_at(d, i);
    run(f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
    directory_unref(d);
}

/* Puts the node into the directory, or moves it there. */
static inline void put_node(Fixture *f, const char *id, bool inactive, const char *home) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_nodes = 1;
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.nodes[0] = sample_node(id, NODE_LKS, home);
    op->import.nodes[0].inactive = inactive;
    run(f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

static inline void fixture_init_as(Fixture *f, const char *self) {
    ASSERT_OK(hash_init());
    *f = (Fixture) { .now_ms = SAMPLE_NOW };
    strcpy(f->folder, "/tmp/test-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/store.db", f->folder);
    f->codec = fake_codec;
    f->config = test_store_config(f->path, self, &f->codec);
    f->config.page_size = 8192;
    f->config.subscription_quota = 4;
    f->config.subscriptions_max = 2;
    f->config.item_retention_ms = 0;
    f->config.delay_warning_ms = 4 * HOUR_MS;
    fixture_open(f);
    fixture_import(f);
}

static inline void fixture_init(Fixture *f) {
    fixture_init_as(f, SELF);
}

static inline void fixture_deinit(Fixture *f) {
    char command[128];
    f->store = store_close(f->store);
    snprintf(command, sizeof(command), "rm -rf %s", f->folder);
    ASSERT_OK(system(command));
}
#define FIXTURE(f)                                                                                 \
    _cleanup_(fixture_deinit) Fixture f;                                                           \
    fixture_init(&f)

/* --- messages ------------------------------------------------------------------------------- */

static inline Uuid id_of(uint32_t n) {
    Uuid u = { { 0x01, 0x95, [6] = 0x70 } };
    for (unsigned i = 0; i < 4; i++)
        u.b[15 - i] = (uint8_t)(n >> (8 * i));
    return u;
}

static inline void give_body(Message *m, const char *envelope, const char *facts,
                             const char *sealed) {
    const Bytes e = bytes_make(envelope, strlen(envelope)), f = bytes_make(facts, strlen(facts)),
                s = bytes_make(sealed, strlen(sealed));
    body_unref(m->body);
    m->body = body_new(e, f, s);
    hash_digest(f, m->env.facts_digest);
    hash_digest(s, m->env.sealed_digest);
    hash_message(e, f, s, m->digest);
}

/* From SENDER to `to` ("" = none), of the case with that number (0 = none). */
static inline Message *message_to(Fixture *f, const char *to, uint8_t case_number) {
    Message *m = sample_message();
    m->env.message_id = id_of(++f->n_ids);
    m->env.created_ms = f->now_ms - 1000;
    m->env.case_id.b[0] = case_number;
    text_copy(m->env.audience.nodes[0], NODE_NAME_SIZE, to);
    char envelope[32];
    snprintf(envelope, sizeof(envelope), "envelope %u", (unsigned)f->n_ids);
    give_body(m, envelope, "facts", "sealed");
    return m;
}

static inline void also_to(Message *m, const char *to) {
    text_copy(m->env.audience.nodes[m->env.audience.n++], NODE_NAME_SIZE, to);
}

/* The sender takes that message back. */
static inline Message *recall(Fixture *f, const Uuid *of) {
    Message *m = message_to(f, "", 0);
    m->env.kind = KIND_RECALL_ORDER;
    m->env.audience = (Audience) { 0 };
    m->env.cluster = CLUSTER_ANY;
    m->lane = LANE_PRIORITY;
    m->facts.recall.message_id = *of;
    return m;
}

static inline StoreOp *accept_op(Message *m) {
    StoreOp *op = store_op_new(OP_ACCEPT);
    assert_non_null(op);
    op->accept.message = m;
    text_copy(op->accept.authority, NODE_NAME_SIZE, m->env.sender);
    return op;
}

/* The message as it would come from that neighbour, for `to`. */
static inline StoreOp *link_op(Message *m, const char *neighbour, const char *to, int64_t now_ms) {
    StoreOp *op = accept_op(m);
    text_copy(op->accept.authority, NODE_NAME_SIZE, neighbour);
    op->accept.from_link = true;
    m->fwd = (Forward) { .present = true,
                         .accepted_ms = now_ms - 500,
                         .expires_ms = now_ms + DAY_MS,
                         .n_recipients = 1,
                         .n_stamps = 1 };
    m->fwd.recipients[0].role = ROLE_ADDRESSEE;
    text_copy(m->fwd.recipients[0].node, NODE_NAME_SIZE, to);
    m->fwd.stamps[0].at_ms = now_ms - 500;
    text_copy(m->fwd.stamps[0].broker, NODE_NAME_SIZE, neighbour);
    return op;
}

/* What the neighbour tells the sender of that message, by a receipt of its own. */
static inline StoreOp *receipt_op(Fixture *f, const Uuid *about, const char *recipient, int level,
                                  const char *neighbour) {
    Message *m = message_to(f, SENDER, 0);
    m->env.kind = KIND_RECEIPT;
    m->lane = LANE_PRIORITY;
    strcpy(m->env.sender, neighbour);
    m->facts.receipt.message_id = *about;
    strcpy(m->facts.receipt.recipient, recipient);
    m->facts.receipt.level = level;
    m->facts.receipt.said_ms = f->now_ms;
    strcpy(m->facts.receipt.leg, neighbour);
    return link_op(m, neighbour, SENDER, f->now_ms);
}

static inline StoreOp *publish(Fixture *f, Message *m) {
    StoreOp *op = accept_op(m);
    run(f, op);
    if (op->accept.result.verdict == VERDICT_REFUSED) {
        char codes[256];
        fail_msg("refused: %s", sample_codes(op->accept.result.reasons, codes, sizeof(codes)));
    }
    return op;
}

/* Publishes and returns the row of the first deposit. */
static inline DeliveryRow deposit(Fixture *f, Message *m) {
    StoreOp *op = publish(f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_TRUE(op->n_deposits >= 1);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    return row;
}

/* --- other operations ----------------------------------------------------------------------- */

static inline StoreOp *delivery_op(const DeliveryRow *row, QueueKind kind, DeliveryAction action,
                                   ReceiptCause cause, const char *detail) {
    StoreOp *op = store_op_new(OP_DELIVERY);
    assert_non_null(op);
    op->delivery.row = *row;
    op->delivery.queue_kind = kind;
    op->delivery.action = action;
    op->delivery.cause = cause;
    text_copy(op->delivery.detail, sizeof(op->delivery.detail), detail);
    return op;
}

static inline StoreOp *change(Fixture *f, const DeliveryRow *row, QueueKind kind,
                              DeliveryAction action, ReceiptCause cause) {
    StoreOp *op = delivery_op(row, kind, action, cause, "");
    run(f, op);
    return op;
}

static inline void settle(Fixture *f, const DeliveryRow *row, QueueKind kind) {
    StoreOp *op = change(f, row, kind, ACTION_DONE, CAUSE_NONE);
    ASSERT_TRUE(op->delivery.found);
    store_op_free(op);
}

/* What an operator at the hub asks for the dead letters of a message. recipient "": of all. */
static inline StoreOp *dead_op(int verb, const Uuid *id, const char *recipient,
                               const char *target) {
    StoreOp *op = store_op_new(OP_DEAD);
    op->dead.verb = verb;
    op->dead.message_id = *id;
    text_copy(op->dead.recipient, sizeof(op->dead.recipient), recipient);
    text_copy(op->dead.target, sizeof(op->dead.target), target);
    text_copy(op->dead.reason, sizeof(op->dead.reason), "asked by phone");
    text_copy(op->dead.by, sizeof(op->dead.by), "hub");
    return op;
}

/* The operator does it. The caller frees the operation. */
static inline StoreOp *operate(Fixture *f, int verb, const Uuid *id, const char *recipient,
                               const char *target) {
    StoreOp *op = dead_op(verb, id, recipient, target);
    run(f, op);
    ASSERT_STR(op->dead.text, "");
    ASSERT_TRUE(op->dead.n_done > 0);
    return op;
}

static inline QueueId queue_id(Fixture *f, QueueKind kind, const char *name, uint64_t *ret_queued) {
    StoreOp *op = store_op_new(OP_QUEUE);
    op->queue.kind = kind;
    text_copy(op->queue.name, sizeof(op->queue.name), name);
    run(f, op);
    const QueueId id = op->queue.id;
    if (ret_queued)
        *ret_queued = op->queue.queued;
    store_op_free(op);
    return id;
}

static inline uint64_t queued(Fixture *f, QueueKind kind, const char *name) {
    uint64_t n = 0;
    (void)queue_id(f, kind, name, &n);
    return n;
}

static inline StoreOp *load(Fixture *f, QueueId queue, Lane lane, uint32_t limit) {
    StoreOp *op = store_op_new(OP_LOAD);
    op->load.queue = queue;
    op->load.lane = lane;
    op->load.limit = limit;
    run(f, op);
    return op;
}

static inline StoreOp *bodies(Fixture *f, const DeliveryRow *row, QueueKind kind) {
    StoreOp *op = store_op_new(OP_BODIES);
    op->bodies.n = 1;
    op->bodies.wanted = calloc(1, sizeof(*op->bodies.wanted));
    op->bodies.wanted[0].row = *row;
    op->bodies.wanted[0].queue_kind = kind;
    run(f, op);
    return op;
}

static inline StoreOp *ask(Fixture *f, const char *verb, const char *arg) {
    StoreOp *op = store_op_new(OP_QUERY);
    text_copy(op->query.verb, sizeof(op->query.verb), verb);
    if (arg) {
        op->query.args[0] = strdup(arg);
        op->query.n_args = 1;
    }
    run(f, op);
    assert_non_null(op->query.table);
    return op;
}

/* "RECIPIENT LEVEL CAUSE; ..." of a message. */
static inline const char *outcomes(Fixture *f, const Uuid *id, char *ret, size_t size) {
    char text[UUID_TEXT_SIZE];
    Buf b = { 0 };
    uuid_format(id, text);
    StoreOp *op = ask(f, "outcome", text);
    for (uint32_t i = 0; i < table_rows(op->query.table); i++)
        buf_addf(&b, "%s%s %s%s%s", i > 0 ? "; " : "", table_cell(op->query.table, i, 0),
                 table_cell(op->query.table, i, 2),
                 table_cell(op->query.table, i, 3)[0] != '\0' ? " " : "",
                 table_cell(op->query.table, i, 3));
    text_copy(ret, size, b.n > 0 ? buf_text(&b) : op->query.table->text);
    buf_deinit(&b);
    store_op_free(op);
    return ret;
}
#define ASSERT_OUTCOMES(f, id, want)                                                               \
    do {                                                                                           \
        char _text[512];                                                                           \
        ASSERT_STR(outcomes((f), (id), _text, sizeof(_text)), (want));                             \
    } while (0)

/* Levels of all receipts waiting for a sender in order, "LEVEL RECIPIENT; ...". */
static inline const char *receipts(Fixture *f, QueueKind kind, const char *name, char *ret,
                                   size_t size) {
    Buf b = { 0 };
    StoreOp *rows = load(f, queue_id(f, kind, name, NULL), LANE_PRIORITY, 100);
    for (uint32_t i = 0; i < rows->load.n; i++) {
        StoreOp *op = bodies(f, &rows->load.rows[i], kind);
        const Bytes facts = body_facts(op->bodies.wanted[0].body);
        Receipt r;
        ASSERT_EQ(facts.n, sizeof(r));
        memcpy(&r, facts.p, sizeof(r));
        buf_addf(&b, "%s%s %s", i > 0 ? "; " : "", receipt_level_name((int)r.level), r.recipient);
        store_op_free(op);
    }
    store_op_free(rows);
    text_copy(ret, size, b.n > 0 ? buf_text(&b) : "");
    buf_deinit(&b);
    return ret;
}
#define ASSERT_RECEIPTS(f, kind, name, want)                                                       \
    do {                                                                                           \
        char _text[512];                                                                           \
        ASSERT_STR(receipts((f), (kind), (name), _text, sizeof(_text)), (want));                   \
    } while (0)

/* Nothing the integrity verb complains about. */
static inline void assert_sound(Fixture *f) {
    StoreOp *op = ask(f, "check", NULL);
    if (op->query.table->code != 0)
        fail_msg("check: %s %s: %s", table_cell(op->query.table, 0, 0),
                 table_cell(op->query.table, 0, 2), table_cell(op->query.table, 0, 3));
    store_op_free(op);
}

/* Housekeeping until there is nothing more to do. */
static inline void idle(Fixture *f) {
    bool more = true;
    for (int i = 0; more && i < 10000; i++)
        ASSERT_OK(store_idle(f->store, f->now_ms, &more));
}

/* A message with no receipts, settled, and purged a month later; its id is known for longer. */
static inline void purge_one(Fixture *f) {
    Message *m = message_to(f, HOME, 1);
    m->env.receipts = RECEIPTS_FAILURES_ONLY;
    const DeliveryRow row = deposit(f, m);
    settle(f, &row, QUEUE_MAILBOX);
    f->now_ms += 31 * DAY_MS;
    idle(f);
}

/* Writes to the closed file behind the store's back. */
static inline void tamper(Fixture *f, const char *sql) {
    sqlite3 *db = NULL;
    char *error = NULL;
    Pages *pages = NULL;
    ASSERT_OK(pages_new(&pages, NULL)); /* or the checksums of its pages would tell */
    ASSERT_EQ(
        sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, pages_vfs(pages)),
        SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
    sqlite3_close(db);
    pages_free(pages);
}
