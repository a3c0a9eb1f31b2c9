/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folds a stream of lawful acts (stream.h) through the store, as fast as it goes, in time of its
 * own: what a broker of the whole nation would take in, at 384,000 cases a year (domain 1.4).
 *
 *   bench-replay [OPTIONS] FOLDER
 *
 * Each batch is a transaction: messages are decoded, judged, stored and delivered, the deliveries
 * of the batch before are settled, due timers fire; then what is kept a month is purged. At the
 * end the items are made again from the acts (store_refold) and compared. Not a test.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "bench/stream.h"
#include "store-config.h"
#include "store/refold.h"
#include "wire/codec.h"

#define START_MS INT64_C(1736125200000) /* 2025-01-06 08:00 WIB */
#define CASE_MS  (365 * DAY_MS / 384000)
#define YEAR     7.7e6
#define LINES    20U /* of progress */

typedef struct Replay {
    Store *store;
    StoreConfig config;
    char path[256], scratch[256];
    StreamSetup setup;
    Stream stream;
    uint32_t n, batch;
    bool consume, refold;
    StoreOp *settle; /* what the next batch settles */
    uint64_t deliveries, warned, timers;
    char warning[64]; /* the first one */
    int64_t now_ms;
} Replay;

static void must(int r, const char *what) {
    if (r >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(-r));
    exit(1);
}

static void must_have(const void *p) {
    must(p ? 0 : -ENOMEM, "memory");
}

/* --- what is measured ----------------------------------------------------------------------- */

typedef struct Used {
    double wall, cpu, written;
} Used;

/* The number behind `name` in a file of /proc/self. */
static double number_in(const char *file, const char *name) {
    char line[256];
    double v = 0;
    FILE *f = fopen(file, "re");
    while (f && fgets(line, sizeof(line), f))
        if (text_starts_with(line, name))
            v = strtod(line + strlen(name), NULL);
    if (f)
        fclose(f);
    return v;
}

static Used used_now(void) {
    struct timespec wall, cpu;
    clock_gettime(CLOCK_MONOTONIC, &wall);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (Used) { .wall = (double)wall.tv_sec + 1e-9 * (double)wall.tv_nsec,
                    .cpu = (double)cpu.tv_sec + 1e-9 * (double)cpu.tv_nsec,
                    .written = number_in("/proc/self/io", "wchar:") };
}

static double mebibytes(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (double)st.st_size / 1048576 : 0;
}

static void reset_peak(void) {
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (f) {
        fputs("5", f);
        fclose(f);
    }
}

static void tell(const char *what, uint64_t n, const Used *before, const char *path) {
    const Used now = used_now();
    const double count = (double)MAX(n, 1U);
    printf(
        "%-7s %9llu  %8.0f/s  %6.1f us processor  %6.0f B written  RSS %5.1f MiB  file %7.1f MiB\n",
        what, (unsigned long long)n, count / (now.wall - before->wall),
        1e6 * (now.cpu - before->cpu) / count, (now.written - before->written) / count,
        number_in("/proc/self/status", "VmRSS:") / 1024, mebibytes(path));
    fflush(stdout);
}

/* --- the store ------------------------------------------------------------------------------ */

static void add_node(StoreOp *op, uint32_t region, StreamNode which) {
    char area[REGION_SIZE], id[NODE_NAME_SIZE];
    int kind;
    stream_node(region, which, id, &kind, area);
    for (uint32_t i = 0; i < op->import.n_nodes; i++)
        if (strcmp(op->import.nodes[i].id, id) == 0)
            return; /* of a province there is one */
    DirNode *n = &op->import.nodes[op->import.n_nodes++];
    n->kind = kind;
    text_copy(n->id, sizeof(n->id), id);
    text_copy(n->home, sizeof(n->home), "hub");
    if (area[0] != '\0') {
        n->n_areas = 1;
        text_copy(n->areas[0].region, REGION_SIZE, area);
    }
}

static void import(Replay *r) {
    StoreOp *op = store_op_new(OP_IMPORT);
    must_have(op);
    op->import.nodes = calloc(1 + r->setup.regions * STREAM_NODES, sizeof(DirNode));
    must_have(op->import.nodes);
    DirNode *hub = &op->import.nodes[op->import.n_nodes++];
    hub->kind = NODE_NATIONAL_HUB;
    hub->broker = true;
    text_copy(hub->id, sizeof(hub->id), "hub");
    for (uint32_t i = 0; i < r->setup.regions; i++)
        for (StreamNode k = 0; k < STREAM_NODES; k++)
            add_node(op, i, k);
    must(store_run(r->store, op, START_MS), "import");
    if (op->import.text[0] != '\0') {
        fprintf(stderr, "import: %s\n", op->import.text);
        exit(1);
    }
    store_op_free(op);
}

static void open_store(Replay *r) {
    char why[256] = "";
    r->config = test_store_config(r->path, "hub", &codec_message);
    r->config.page_size = 8192;
    r->config.delay_warning_ms = 4 * HOUR_MS;
    if (store_open(&r->store, &r->config, NULL, NULL, why) < 0) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
}

/* --- batches -------------------------------------------------------------------------------- */

static StoreOp *accept_next(Replay *r) {
    StoreOp *op = store_op_new(OP_ACCEPT);
    Message *m = calloc(1, sizeof(*m));
    StreamMessage in;
    const char *why = "";
    must_have(op);
    must_have(m);
    stream_next(&r->stream, r->now_ms, &in);
    const int verdict = codec_decode_message(bytes_make(in.envelope, in.n_envelope),
                                             bytes_make(in.facts, in.n_facts),
                                             bytes_make(in.sealed, in.n_sealed), m, &why);
    if (verdict != 0) {
        fprintf(stderr, "not decoded: %s\n", why);
        exit(1);
    }
    op->accept.message = m;
    text_copy(op->accept.authority, NODE_NAME_SIZE, in.sender);
    return op;
}

static void check_answer(Replay *r, const StoreOp *op) {
    const Reasons *why = op->accept.result.reasons;
    if (op->accept.result.verdict != VERDICT_ACCEPTED) {
        fprintf(stderr, "kind %d got verdict %d: %s %s\n", op->accept.message->env.kind,
                (int)op->accept.result.verdict, why && why->n ? why->list[0].code : "",
                why && why->n ? why->list[0].text_en : "");
        exit(1);
    }
    if (!why || why->n == 0)
        return;
    if (r->warned++ == 0)
        snprintf(r->warning, sizeof(r->warning), "kind %d: %.20s %.24s",
                 op->accept.message->env.kind, why->list[0].code, why->list[0].field);
}

/* Its deliveries are taken out and settled by the next batch. */
static void take_deposits(Replay *r, const StoreOp *op) {
    for (uint32_t i = 0; i < op->n_deposits; i++) {
        r->deliveries++;
        if (!r->consume)
            continue;
        StoreOp *done = store_op_new(OP_DELIVERY);
        must_have(done);
        done->delivery.row = op->deposits[i].row;
        done->delivery.queue_kind = QUEUE_MAILBOX;
        done->delivery.action = ACTION_DONE;
        done->next = r->settle;
        r->settle = done;
    }
}

static void run_batch(Replay *r, uint32_t n) {
    StoreOp *list = r->settle, **end = &list;
    r->settle = NULL;
    while (*end)
        end = &(*end)->next;
    for (uint32_t i = 0; i < n; i++) {
        *end = accept_next(r);
        end = &(*end)->next;
        r->now_ms = START_MS + (int64_t)r->stream.tick * CASE_MS;
    }
    must(store_run(r->store, list, r->now_ms), "run");
    while (list) {
        StoreOp *op = list;
        list = op->next;
        if (op->kind == OP_ACCEPT)
            check_answer(r, op);
        take_deposits(r, op);
        store_op_free(op);
    }
}

static void run_timers(Replay *r) {
    bool more = true;
    while (more) {
        StoreOp *op = store_op_new(OP_DUE);
        must_have(op);
        op->due.limit = 64;
        must(store_run(r->store, op, r->now_ms), "due");
        r->timers += op->due.n;
        more = op->due.more;
        take_deposits(r, op);
        store_op_free(op);
    }
}

static void run_upkeep(Replay *r) {
    bool more = true;
    for (unsigned i = 0; more && i < 200; i++) {
        more = false;
        must(store_idle(r->store, r->now_ms, &more), "idle");
    }
}

static void replay(Replay *r) {
    const Used begin = used_now();
    Used last = begin;
    uint32_t done = 0, told = 0, batches = 0;
    while (done < r->n) {
        const uint32_t n = MIN(r->batch, r->n - done);
        run_batch(r, n);
        done += n;
        if (++batches % 8 == 0)
            run_timers(r);
        if (batches % 64 == 0)
            run_upkeep(r);
        if (done - told >= r->n / LINES) {
            tell("at", done - told, &last, r->path);
            last = used_now();
            told = done;
        }
    }
    tell("replay", r->n, &begin, r->path);
    const Used end = used_now();
    printf("%llu deliveries, %llu timers fired, %llu answers with a warning (%s), %.1f days; a "
           "year of "
           "7.7 million would take %.0f s (%.0f s processor); peak %.1f MiB\n",
           (unsigned long long)r->deliveries, (unsigned long long)r->timers,
           (unsigned long long)r->warned, r->warning,
           (double)(r->now_ms - START_MS) / (double)DAY_MS, (end.wall - begin.wall) * YEAR / r->n,
           (end.cpu - begin.cpu) * YEAR / r->n, number_in("/proc/self/status", "VmHWM:") / 1024);
}

/* --- making the items again ----------------------------------------------------------------- */

static void tell_difference(void *data, const char *line) {
    uint32_t *n = data;
    if ((*n)++ < 5)
        printf("  %s\n", line);
}

static void refold(Replay *r) {
    RefoldReport report;
    char why[256] = "";
    uint32_t lines = 0;
    const Used begin = used_now();
    reset_peak();
    if (store_refold(&r->config, r->scratch, false, &report, tell_difference, &lines, why) < 0) {
        fprintf(stderr, "refold: %s\n", why);
        exit(1);
    }
    tell("refold", report.acts, &begin, r->path);
    printf("%llu items, %llu different, %llu acts not read; peak %.1f MiB\n",
           (unsigned long long)report.items, (unsigned long long)report.different,
           (unsigned long long)report.unread, number_in("/proc/self/status", "VmHWM:") / 1024);
}

/* --- main ----------------------------------------------------------------------------------- */

static int usage(void) {
    fputs("Usage: bench-replay [OPTIONS] FOLDER\n\n"
          "  -n N     messages; default 200,000\n"
          "  -b N     of a batch; default 256\n"
          "  -g N     cases begun between two steps of a case; default 1,000 (a day)\n"
          "  -r N     regencies, 480 at most; default 200\n"
          "  -p PLAN  agency, home or both (the default)\n"
          "  -f FORM  lawful (the default), twin or plain: of a kind the broker does not know\n"
          "  -s N     bytes of the sealed part; default 1,024\n"
          "  -w       leaves what was delivered waiting\n"
          "  -x       does not make the items again\n",
          stderr);
    return 2;
}

static unsigned choice(const char *word, const char *const list[], unsigned n) {
    for (unsigned i = 0; i < n; i++)
        if (strcmp(list[i], word) == 0)
            return i;
    exit(usage());
}

int main(int argc, char **argv) {
    static const char *const plans[] = { "agency", "home", "both" };
    static const char *const forms[] = { "lawful", "twin", "plain" };
    static Replay r = { .setup = { .plan = STREAM_BOTH,
                                   .regions = 200,
                                   .gap = 1000,
                                   .sealed = 1024,
                                   .start_ms = START_MS,
                                   .case_ms = CASE_MS,
                                   .receipts = RECEIPTS_FAILURES_ONLY },
                        .n = 200000,
                        .batch = 256,
                        .consume = true,
                        .refold = true,
                        .now_ms = START_MS };
    for (int c; (c = getopt(argc, argv, "n:b:g:r:p:f:s:wx")) != -1;) {
        const uint32_t n = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;
        switch (c) {
        case 'n':
            r.n = n;
            break;
        case 'b':
            r.batch = n;
            break;
        case 'g':
            r.setup.gap = n;
            break;
        case 'r':
            r.setup.regions = n;
            break;
        case 'p':
            r.setup.plan = STREAM_AGENCY + choice(optarg, plans, 3);
            break;
        case 'f':
            r.setup.form = choice(optarg, forms, 3);
            break;
        case 's':
            r.setup.sealed = n;
            break;
        case 'w':
            r.consume = false;
            break;
        case 'x':
            r.refold = false;
            break;
        default:
            return usage();
        }
    }
    if (optind + 1 != argc || r.n == 0 || r.batch == 0 || r.setup.gap == 0 ||
        r.setup.regions == 0 || r.setup.regions > STREAM_REGIONS_MAX ||
        r.setup.sealed > STREAM_PART_MAX)
        return usage();
    must(hash_init(), "libsodium");
    snprintf(r.path, sizeof(r.path), "%.200s/replay.%d.db", argv[optind], (int)getpid());
    snprintf(r.scratch, sizeof(r.scratch), "%.240s-again", r.path);
    open_store(&r);
    import(&r);
    stream_init(&r.stream, &r.setup);
    replay(&r);
    r.store = store_close(r.store);
    if (r.refold && r.setup.form == STREAM_LAWFUL)
        refold(&r);
    char command[600];
    snprintf(command, sizeof(command), "rm -f %s*", r.path);
    return system(command) == 0 ? 0 : 1;
}
