/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bench: messages through the broker, from a publisher and to a consumer that use libserasi as
 * programs do, and what the broker uses for them.
 */

#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "base/uuid.h"
#include "daemon/ctl-bench.h"
#include "wire/codec.h"

#define BENCH_KIND 1001 /* newer than any broker: no rule looks at it */

#define FLOW_WEIGHT 0.2
#define STUCK_S     20

/* --- what it uses --- */

static double cpu_in(const char *path) {
    char text[1024];
    double user = 0, kernel = 0;
    FILE *f = fopen(path, "re");
    const size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    if (f)
        fclose(f);
    if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf", &user,
                       &kernel) != 2)
        return 0;
    return (user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

#define THREADS_MAX 16

typedef struct Usage {
    double broker, us, machine, commits;
    pid_t ids[THREADS_MAX];
    double threads[THREADS_MAX];
    unsigned n;
} Usage;

/* Commits so far, asked over the broker's own socket. */
static double commits_of(Bench *b) {
    char path[BENCH_PATH_SIZE + 16];
    _cleanup_(json_dropp) json_t *rows = NULL;
    (void)snprintf(path, sizeof(path), "%s/broker", b->folder);
    Ctl c = { .dir = path, .timeout_ms = 10 * SECOND_MS };
    const int r = ctl_ask(&c, "status", NULL, 0, false, &rows);
    const double n =
        r == CTL_DONE ? json_number_value(json_object_get(json_array_get(rows, 0), "commits")) : 0;
    ctl_close(&c);
    return n;
}

/* Processor seconds of all programs since the machine started. */
static double machine_cpu(void) {
    double v[8] = { 0 };
    FILE *f = fopen("/proc/stat", "re");
    if (!f || fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", v, v + 1, v + 2, v + 3, v + 4, v + 5,
                     v + 6, v + 7) != 8)
        memset(v, 0, sizeof(v));
    if (f)
        fclose(f);
    return (v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) / (double)sysconf(_SC_CLK_TCK);
}

static Usage usage_of(Bench *b) {
    Usage u = { .commits = commits_of(b), .machine = machine_cpu() };
    char path[96];
    struct rusage mine;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)b->broker);
    u.broker = cpu_in(path);
    (void)getrusage(RUSAGE_SELF, &mine);
    u.us = (double)(mine.ru_utime.tv_sec + mine.ru_stime.tv_sec) +
           1e-6 * (double)(mine.ru_utime.tv_usec + mine.ru_stime.tv_usec);
    /* Threads have the numbers after the process's, as they are made at its start. */
    for (pid_t id = b->broker; id < b->broker + 256 && u.n < THREADS_MAX; id++) {
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)b->broker, (int)id);
        if (access(path, R_OK) != 0)
            continue;
        u.ids[u.n] = id;
        u.threads[u.n++] = cpu_in(path);
    }
    return u;
}

static void note_usage(BenchResult *ret, const Usage *before, const Usage *after) {
    ret->broker = after->broker - before->broker;
    ret->us = after->us - before->us;
    ret->machine = after->machine - before->machine;
    ret->commits = after->commits - before->commits;
    for (unsigned i = 0; i < after->n; i++)
        for (unsigned k = 0; k < before->n; k++)
            if (after->ids[i] == before->ids[k])
                ret->busiest = MAX(ret->busiest, after->threads[i] - before->threads[k]);
}

/* --- messages --- */

int bench_message(const char *recipient, const uint8_t body[static BENCH_BODY],
                  uint8_t **ret_envelope, size_t *ret_n) {
    const Now now = now_read();
    Envelope e = { .message_id = uuid_v7(now.wall_ms),
                   .kind = BENCH_KIND,
                   .schema = 1,
                   .urgency = URGENCY_ROUTINE,
                   .sensitivity = 1,
                   .legal_basis = 1,
                   .cluster = CLUSTER_CHILD,
                   .case_id = uuid_v4(),
                   .created_ms = now.wall_ms,
                   .has_sealed_digest = true };
    (void)text_copy(e.sender, sizeof(e.sender), "dsk/0001");
    e.audience.form = AUDIENCE_NODES;
    e.audience.n = 1;
    (void)text_copy(e.audience.nodes[0], NODE_NAME_SIZE, recipient);
    hash_digest(bytes_make(body, BENCH_BODY), e.sealed_digest);
    return codec_encode_envelope(&e, ret_envelope, ret_n);
}

typedef struct Flow {
    Bench *b;
    serasi_client *publisher, *consumer;
    BenchTimes times;
    unsigned under_way;
    uint64_t sent, confirmed, taken;
    double sent_at[4096]; /* by number; answers come in the order of sending, nearly */
    uint8_t ids[4096][UUID_SIZE];
    uint8_t body[BENCH_BODY];
} Flow;

static int open_client(Bench *b, const char *name, serasi_client **ret) {
    char keys[BENCH_PATH_SIZE + 32], endpoint[48], server[CURVE_TEXT_SIZE];
    (void)snprintf(keys, sizeof(keys), "%s/%s/keys", b->folder, name);
    (void)snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", b->port);
    int r = bench_broker_key(b, server);
    if (r != CTL_DONE)
        return r;
    const serasi_options options = { .size = sizeof(options),
                                     .endpoint = endpoint,
                                     .server_key = server,
                                     .key_file = keys,
                                     .label = "bench" };
    r = serasi_open(ret, &options);
    if (r == 0)
        r = serasi_wait_open(*ret, STUCK_S * 1000);
    if (r == 0)
        return CTL_DONE;
    ctl_complain("the broker in %s does not answer: %s", b->folder, serasi_strerror(r));
    return CTL_UNREACHABLE;
}

static int publish_one(Flow *f) {
    _cleanup_(freep) uint8_t *envelope = NULL;
    serasi_message *m = NULL;
    size_t n;
    const unsigned slot = (unsigned)(f->sent % ARRAY_SIZE(f->sent_at));
    random_fill(f->body, 16);
    int r = bench_message(f->consumer ? "dsk/0002" : "dsk/0003", f->body, &envelope, &n);
    if (r == 0)
        r = serasi_message_new(&m, envelope, n, NULL, 0, f->body, sizeof(f->body));
    if (r == 0) {
        memcpy(f->ids[slot], serasi_message_id(m), UUID_SIZE);
        f->sent_at[slot] = bench_now();
        r = serasi_publish(f->publisher, m);
    }
    serasi_message_free(m);
    f->sent += r == 0;
    f->under_way += r == 0;
    return r;
}

static int take_answers(Flow *f) {
    serasi_result *result = NULL;
    int r = 0;
    while (r == 0 && serasi_next_result(f->publisher, &result) == 0) {
        if (serasi_result_verdict(result) != SERASI_VERDICT_ACCEPTED)
            r = SERASI_REFUSED;
        for (uint64_t back = 1; r == 0 && back <= MIN(f->sent, (uint64_t)ARRAY_SIZE(f->sent_at));
             back++) {
            const unsigned slot = (unsigned)((f->sent - back) % ARRAY_SIZE(f->sent_at));
            if (memcmp(f->ids[slot], serasi_result_message_id(result), UUID_SIZE) != 0)
                continue;
            r = bench_note(&f->times, bench_now() - f->sent_at[slot]);
            break;
        }
        f->confirmed++;
        f->under_way--;
        serasi_result_free(result);
    }
    return r;
}

static int take_deliveries(Flow *f) {
    serasi_delivery *d = NULL;
    int r = 0;
    while (f->consumer && r == 0 && serasi_next_delivery(f->consumer, &d) == 0) {
        r = serasi_settle(f->consumer, d, SERASI_DONE, 0, NULL, 0);
        serasi_delivery_free(d);
        f->taken++;
    }
    return r;
}

/* Waits for either, handles what came. */
static int turn(Flow *f) {
    serasi_client *both[] = { f->publisher, f->consumer };
    struct pollfd list[2];
    int timeout = 100, r = 0;
    const nfds_t n = f->consumer ? 2 : 1;
    for (nfds_t i = 0; i < n; i++) {
        list[i] = (struct pollfd) { .fd = serasi_fd(both[i]), .events = POLLIN };
        timeout = MIN(timeout, serasi_timeout_ms(both[i]));
    }
    (void)poll(list, n, timeout);
    for (nfds_t i = 0; i < n && r == 0; i++)
        r = serasi_process(both[i]);
    if (r == 0)
        r = take_answers(f);
    return r == 0 ? take_deliveries(f) : r;
}

static int measure(Flow *f, unsigned window, BenchResult *ret) {
    const Usage before = usage_of(f->b);
    (void)bench_step(f->b, ret->text, FLOW_WEIGHT);
    const double begun = bench_now();
    int r = 0;
    while (r == 0 && bench_goes_on(f->b)) {
        while (r == 0 && f->under_way < window)
            r = publish_one(f);
        if (r == 0)
            r = turn(f);
    }
    const double end = bench_now() + STUCK_S;
    while (r == 0 && (f->under_way > 0 || (f->consumer && f->taken < f->confirmed)) &&
           bench_now() < end && !f->b->interrupted)
        r = turn(f);
    const double elapsed = bench_now() - begun;
    if (r == 0 && f->under_way > 0)
        r = SERASI_TIMEOUT;
    const Usage after = usage_of(f->b);
    note_usage(ret, &before, &after);
    bench_finish(ret, &f->times, (double)(f->consumer ? f->taken : f->confirmed), elapsed);
    return r;
}

int bench_flow(Bench *b, unsigned window, bool consume, BenchResult *ret) {
    _cleanup_(freep) Flow *f = calloc(1, sizeof(*f));
    *ret = (BenchResult) {
        .step = consume       ? "broker_through"
                : window == 1 ? "broker_one"
                              : "broker_many",
        .text = consume       ? "broker: 256 under way, and a consumer taking them"
                : window == 1 ? "broker: a publisher that waits for each answer"
                              : "broker: a publisher with 256 under way",
    };
    if (!f)
        return CTL_REFUSED;
    f->b = b;
    random_fill(f->body, sizeof(f->body));
    int status = open_client(b, "publisher", &f->publisher);
    if (status == CTL_DONE && consume)
        status = open_client(b, "consumer", &f->consumer);
    uint32_t channel;
    int r = status == CTL_DONE && consume
                ? serasi_subscribe(f->consumer, SERASI_MAILBOX, NULL, NULL, 256, &channel)
                : 0;
    if (status == CTL_DONE && r == 0)
        r = measure(f, window, ret);
    if (f->consumer)
        (void)serasi_flush(f->consumer, 1000);
    serasi_close(f->publisher);
    serasi_close(f->consumer);
    if (r != 0)
        ctl_complain("%s: %s", ret->text, serasi_strerror(r));
    return r != 0 ? CTL_REFUSED : status;
}
