/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages a second the store takes in and settles, by batch size and page size:
 *
 *   bench-store FOLDER [MESSAGES [BATCH]]
 *
 * 1 KiB messages (100 envelope, 400 facts, 524 sealed) of 500 cases to 200 mailboxes; every batch
 * is one transaction with its sync. "settle" includes making the COLLECTED receipt, "receipt"
 * settles those. Not a test: nothing is asserted about the speed.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "store-config.h"

#define SELF    "upt/satria"
#define NODES   200
#define CASES   500
#define WALL_MS INT64_C(1741575900000)

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static Body *encode_receipt(const Receipt *r, const char *self, int64_t now_ms) {
    static const char filler[300];
    (void)self;
    (void)now_ms;
    return body_new(bytes_make(r->message_id.b, UUID_SIZE), bytes_make(filler, sizeof(filler)),
                    bytes_make(NULL, 0));
}

static int decode_envelope(Bytes b, Envelope *ret) {
    (void)b;
    memset(ret, 0, sizeof(*ret));
    return 0;
}

static Bytes encode_filter(const Filter *f, uint8_t *buf, size_t size) {
    if (size < sizeof(*f))
        return bytes_make(NULL, 0);
    memcpy(buf, f, sizeof(*f));
    return bytes_make(buf, sizeof(*f));
}

static int decode_filter(Bytes b, Filter *ret) {
    memcpy(ret, b.p, b.n < sizeof(*ret) ? b.n : sizeof(*ret));
    return 0;
}

static void must(int r, const char *what) {
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(-r));
        exit(1);
    }
}

static void node_name(unsigned i, char *ret) {
    snprintf(ret, NODE_NAME_SIZE, "lks/3306/%04u", i);
}

static void import(Store *s) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_nodes = NODES + 2;
    op->import.nodes = calloc(op->import.n_nodes, sizeof(DirNode));
    for (unsigned i = 0; i < NODES + 2; i++) {
        DirNode *n = &op->import.nodes[i];
        n->kind = i == 0 ? NODE_UPT_BALAI : (i == 1 ? NODE_SOCIAL_AGENCY_REGENCY : NODE_LKS);
        n->broker = i == 0;
        if (i < 2)
            text_copy(n->id, sizeof(n->id), i == 0 ? SELF : "dsk/3306");
        else
            node_name(i - 2, n->id);
        if (i > 0)
            text_copy(n->home, sizeof(n->home), SELF);
    }
    must(store_run(s, op, WALL_MS), "import");
    store_op_free(op);
}

static Message *message_new(unsigned i) {
    static uint8_t bytes[1024];
    Message *m = calloc(1, sizeof(*m));
    Envelope *e = &m->env;
    memcpy(bytes, &i, sizeof(i));
    m->body = body_new(bytes_make(bytes, 100), bytes_make(bytes + 100, 400),
                       bytes_make(bytes + 500, 524));
    m->lane = LANE_ROUTINE;
    m->facts.readable = true;
    e->message_id = uuid_v7(WALL_MS + i / 100);
    e->kind = 1001;
    e->schema = 1;
    e->urgency = URGENCY_ROUTINE;
    e->cluster = CLUSTER_CHILD;
    e->created_ms = WALL_MS - 1000;
    text_copy(e->sender, sizeof(e->sender), "dsk/3306");
    text_copy(e->region, sizeof(e->region), "3306");
    e->case_id.b[0] = (uint8_t)(i % CASES);
    e->case_id.b[1] = (uint8_t)(i % CASES >> 8);
    e->case_id.b[15] = 1;
    e->audience.form = AUDIENCE_NODES;
    e->audience.n = 1;
    node_name(i % NODES, e->audience.nodes[0]);
    e->has_facts_digest = e->has_sealed_digest = true;
    hash_digest(body_facts(m->body), e->facts_digest);
    hash_digest(body_sealed(m->body), e->sealed_digest);
    hash_message(body_envelope(m->body), body_facts(m->body), body_sealed(m->body), m->digest);
    return m;
}

/* Bytes this process has written so far; 0 when the kernel does not tell. */
static double written(void) {
    FILE *f = fopen("/proc/self/io", "re");
    char line[128];
    double n = 0;
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "wchar: %lf", &n) == 1)
            break;
    if (f)
        fclose(f);
    return n;
}

/* Runs n operations in batches; returns operations a second. */
static double run_all(Store *s, StoreOp **ops, unsigned n, unsigned batch) {
    const double start = seconds();
    for (unsigned at = 0; at < n; at += batch) {
        for (unsigned i = at; i < at + batch && i < n; i++)
            ops[i]->next = i + 1 < at + batch && i + 1 < n ? ops[i + 1] : NULL;
        must(store_run(s, ops[at], WALL_MS), "run");
    }
    return n / (seconds() - start);
}

/* One settlement for each first deposit of the operations. */
static StoreOp **settlements(StoreOp **ops, unsigned n, QueueKind kind) {
    StoreOp **ret = calloc(n, sizeof(StoreOp *));
    for (unsigned i = 0; i < n; i++) {
        ret[i] = store_op_new(OP_DELIVERY);
        if (ops[i]->n_deposits == 0) {
            fprintf(stderr, "operation %u made no delivery\n", i);
            exit(1);
        }
        ret[i]->delivery.row = ops[i]->deposits[0].row;
        ret[i]->delivery.queue_kind = kind;
        ret[i]->delivery.action = ACTION_DONE;
    }
    return ret;
}

static void ops_free(StoreOp **ops, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        store_op_free(ops[i]);
    free(ops);
}

static void measure(const char *folder, unsigned page_size, unsigned batch, unsigned n) {
    char path[256], why[256], command[512];
    snprintf(path, sizeof(path), "%.200s/bench-store.db", folder);
    const MessageCodec codec = { .encode_receipt = encode_receipt,
                                 .decode_envelope = decode_envelope,
                                 .encode_filter = encode_filter,
                                 .decode_filter = decode_filter };
    StoreConfig config = test_store_config(path, SELF, &codec);
    config.page_size = page_size;
    Store *s = NULL;
    if (store_open(&s, &config, NULL, NULL, why) < 0) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
    import(s);
    StoreOp **accepts = calloc(n, sizeof(StoreOp *));
    for (unsigned i = 0; i < n; i++) {
        accepts[i] = store_op_new(OP_ACCEPT);
        accepts[i]->accept.message = message_new(i);
        text_copy(accepts[i]->accept.authority, NODE_NAME_SIZE, "dsk/3306");
    }
    const double before = written(), accept = run_all(s, accepts, n, batch);
    const double bytes = (written() - before) / n;
    StoreOp **settles = settlements(accepts, n, QUEUE_MAILBOX);
    const double settle = run_all(s, settles, n, batch);
    StoreOp **lasts = settlements(settles, n, QUEUE_RECEIPTS);
    const double receipt = run_all(s, lasts, n, batch);
    const StoreHealth *h = store_health(s);
    printf("page %5u  batch %4u  accept %8.0f/s (%6.0f bytes each)  settle %8.0f/s  "
           "receipt %8.0f/s  commits %u\n",
           page_size, batch, accept, bytes, settle, receipt, (unsigned)h->commits);
    fflush(stdout);
    ops_free(lasts, n);
    ops_free(settles, n);
    ops_free(accepts, n);
    store_close(s);
    snprintf(command, sizeof(command), "rm -f %s*", path);
    if (system(command) != 0)
        exit(1);
}

int main(int argc, char **argv) {
    static const unsigned pages[] = { 4096, 8192 }, batches[] = { 1, 16, 256 };
    const unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 20000;
    const unsigned batch = argc > 3 ? (unsigned)atoi(argv[3]) : 0; /* for profilers: one run */
    if (argc < 2 || n == 0) {
        fprintf(stderr, "usage: bench-store FOLDER [MESSAGES [BATCH]]\n");
        return 2;
    }
    must(hash_init(), "libsodium");
    if (batch > 0) {
        measure(argv[1], 8192, batch, n);
        return 0;
    }
    for (size_t p = 0; p < ARRAY_SIZE(pages); p++)
        for (size_t b = 0; b < ARRAY_SIZE(batches); b++)
            measure(argv[1], pages[p], batches[b], n);
    return 0;
}
