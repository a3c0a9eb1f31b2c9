/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages a second a real broker accepts, delivers and passes on:
 *
 *   bench-broker BIN FOLDER [-s SCALE] [-q] [-k] [-c FILE] [WORKLOAD...]
 *
 * BIN holds serasid and serasictl; brokers are made in FOLDER (on a real disk) and removed. Raw
 * frames over CURVE, 1 KiB sealed parts, every message a case of its own. -s multiplies the number
 * of messages, -q asks for receipts of failures only, -k keeps the folder, -c appends CSV. Not a
 * test: nothing is asserted about the speed.
 *
 *   P1 P16 P256  one publisher with so many unconfirmed
 *   E256         P256 and one consumer with credit 256, until the last SETTLED
 *   M64          64 publishers with 16 unconfirmed each, and the consumer
 *   L1           one message each 5 ms, with the consumer
 *   F256         published at a regional broker, consumed at the hub
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "net/sock.h"
#include "wire/codec.h"

#define PEERS_MAX     65U
#define CONTEXT_PEERS 20U /* a context has room for 64 sockets, a dealer takes up to three */
#define CREDIT        256U
#define SEALED_SIZE   1024U
#define CHANNEL       1U

typedef struct Workload {
    const char *name;
    uint32_t publishers, window, n;
    bool consume, remote;
    uint32_t every_us; /* pace; 0 = as fast as the window lets */
} Workload;

static const Workload workloads[] = {
    { "P1", 1, 1, 10000, .consume = false },
    { "P16", 1, 16, 50000, .consume = false },
    { "P256", 1, 256, 100000, .consume = false },
    { "E256", 1, 256, 60000, .consume = true },
    { "M64", 64, 16, 60000, .consume = true },
    { "L1", 1, 256, 800, .consume = true, .every_us = 5000 },
    { "F256", 1, 256, 40000, .consume = true, .remote = true },
};

typedef struct Daemon {
    char node[NODE_NAME_SIZE], folder[256], endpoint[64], curve[CURVE_TEXT_SIZE];
    pid_t pid;
} Daemon;

typedef struct Peer {
    Sock *sock;
    bool open;
    uint32_t unanswered;
    uint64_t first, last; /* tags to settle */
    uint32_t taken;
} Peer;

typedef struct Bench {
    const char *bin, *folder, *csv;
    double scale;
    bool quiet, keep;
    const Workload *w;
    void *contexts[PEERS_MAX / CONTEXT_PEERS + 1];
    Daemon daemons[2];
    uint32_t n_daemons, n_peers;
    Peer peers[PEERS_MAX];
    Peer *consumer;
    uint32_t n, sent, confirmed, delivered, settled;
    double *sent_at, *confirm, *deliver; /* by number; seconds */
    double start, confirmed_at, settled_at;
    uint8_t sealed[SEALED_SIZE], facts[2];
    Envelope env;
    Uuid prefix;
} Bench;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void must(int r, const char *what) {
    if (r < 0)
        die("%s: %s", what, strerror(-r));
}

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...) {
    char command[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0)
        die("failed: %s", command);
}

/* --- brokers -------------------------------------------------------------------------------- */

static void read_curve(const char *folder, char ret[static CURVE_TEXT_SIZE]) {
    char path[300];
    NodeKeys keys;
    snprintf(path, sizeof(path), "%s/keys", folder);
    must(keys_load(&keys, path), path);
    text_copy(ret, CURVE_TEXT_SIZE, keys.curve_public);
}

static void add_daemon(Bench *b, const char *node, unsigned port) {
    Daemon *d = &b->daemons[b->n_daemons++];
    text_copy(d->node, sizeof(d->node), node);
    snprintf(d->folder, sizeof(d->folder), "%.200s/broker%u", b->folder, b->n_daemons);
    snprintf(d->endpoint, sizeof(d->endpoint), "tcp://127.0.0.1:%u", port);
    if (b->n_daemons == 1)
        shell("%s/serasictl init %s --role hub --node %s --listen %s 2>/dev/null", b->bin,
              d->folder, node, d->endpoint);
    else
        shell("%s/serasictl init %s --role regional --node %s --listen %s --parent %s "
              "--parent-key '%s' 2>/dev/null",
              b->bin, d->folder, node, d->endpoint, b->daemons[0].endpoint, b->daemons[0].curve);
    read_curve(d->folder, d->curve);
    shell("mkdir -p %s/serasid.conf.d && printf '[log]\\nlevel = warning\\n' "
          "> %s/serasid.conf.d/bench.conf",
          d->folder, d->folder);
    shell("echo '{\"node\":{\"id\":\"%s\",\"kind\":\"%s\",\"name\":\"%s\",\"home\":\"%s\","
          "\"broker\":true%s}}' >> %s/directory.jsonl && "
          "%s/serasictl --dir %s pubkey >> %s/directory.jsonl",
          node, b->n_daemons == 1 ? "NODE_KIND_NATIONAL_HUB" : "NODE_KIND_UPT_BALAI", node, node,
          b->n_daemons == 1 ? "" : ",\"broker_parent\":\"hub\"", b->folder, b->bin, d->folder,
          b->folder);
}

static void add_client(Bench *b, const char *name, const char *node, const Daemon *home) {
    shell("%s/serasictl init %s/%s --role client --node %s --broker %s --broker-key '%s' "
          "2>/dev/null",
          b->bin, b->folder, name, node, home->endpoint, home->curve);
    shell("echo '{\"node\":{\"id\":\"%s\",\"kind\":\"NODE_KIND_SOCIAL_AGENCY_REGENCY\","
          "\"name\":\"%s\",\"home\":\"%s\"}}' >> %s/directory.jsonl && "
          "%s/serasictl --dir %s/%s pubkey >> %s/directory.jsonl",
          node, node, home->node, b->folder, b->bin, b->folder, name, b->folder);
}

static void start(Bench *b, Daemon *d) {
    char program[300], config[300];
    snprintf(program, sizeof(program), "%.200s/serasid", b->bin);
    snprintf(config, sizeof(config), "%.200s/serasid.conf", d->folder);
    shell("%s/serasictl --dir %s node import %s/directory.jsonl >/dev/null 2>&1", b->bin, d->folder,
          b->folder);
    d->pid = fork();
    if (d->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a bench that dies leaves no broker behind */
        execl(program, "serasid", "--config", config, (char *)NULL);
        _exit(127);
    }
    for (int i = 0;; i++) {
        char command[600];
        snprintf(command, sizeof(command), "%s/serasictl --dir %s status --json 2>/dev/null%s",
                 b->bin, d->folder,
                 d == b->daemons ? ">/dev/null" : "| grep -q '\"uplink\": *\"up\"'");
        if (system(command) == 0)
            return;
        if (i == 100)
            die("%s does not answer", d->node);
        usleep(100000);
    }
}

typedef struct Usage {
    double cpu, bytes, rss_mib, commits;
} Usage;

/* The number behind `name` in a file of /proc/PID; of "stat" the seconds of processor time. */
static double number_in(pid_t pid, const char *file, const char *name) {
    char path[64], line[512];
    double v = 0, user = 0, kernel = 0;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        const char *end = strrchr(line, ')');
        if (name && text_starts_with(line, name))
            v = strtod(line + strlen(name), NULL);
        else if (!name && end &&
                 sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf", &user,
                        &kernel) == 2)
            v = (user + kernel) / (double)sysconf(_SC_CLK_TCK);
    }
    if (f)
        fclose(f);
    return v;
}

static double commits_of(const Bench *b, const Daemon *d) {
    char command[600], text[4096];
    snprintf(command, sizeof(command), "%s/serasictl --dir %s status --json", b->bin, d->folder);
    FILE *f = popen(command, "re");
    const size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    if (f)
        (void)pclose(f);
    const char *at = strstr(text, "\"commits\":");
    return at ? strtod(at + strlen("\"commits\":"), NULL) : 0;
}

static Usage usage(const Bench *b) {
    Usage u = { 0 };
    for (uint32_t i = 0; i < b->n_daemons; i++) {
        u.cpu += number_in(b->daemons[i].pid, "stat", NULL);
        u.bytes += number_in(b->daemons[i].pid, "io", "write_bytes:");
        u.commits += commits_of(b, &b->daemons[i]);
        u.rss_mib += number_in(b->daemons[i].pid, "status", "VmHWM:") / 1024;
    }
    return u;
}

/* Receipts are still on their way when the last message is settled: they belong to the cost. */
static Usage usage_when_quiet(const Bench *b) {
    Usage last = usage(b);
    for (int i = 0; i < 60; i++) {
        usleep(300000);
        Usage now = usage(b);
        if (now.commits <= last.commits + 4) /* the questions themselves are commits too */
            return now;
        last = now;
    }
    return last;
}

/* --- the messages --------------------------------------------------------------------------- */

static void prepare_message(Bench *b) {
    Envelope *e = &b->env;
    random_fill(b->sealed, sizeof(b->sealed));
    b->facts[0] = 2 << 3; /* CaseResponse.emergency */
    b->facts[1] = 1;
    e->kind = KIND_CASE_RESPONSE;
    e->schema = 1;
    e->urgency = URGENCY_ROUTINE;
    e->sensitivity = 1;
    e->legal_basis = 1;
    e->cluster = CLUSTER_CHILD;
    e->receipts = b->quiet ? RECEIPTS_FAILURES_ONLY : RECEIPTS_DEFAULT;
    text_copy(e->sender, sizeof(e->sender), "dsk/3302");
    text_copy(e->region, sizeof(e->region), "3302");
    e->audience.form = AUDIENCE_NODES;
    e->audience.n = 1;
    text_copy(e->audience.nodes[0], NODE_NAME_SIZE, "dsk/3203");
    hash_digest(bytes_make(b->facts, sizeof(b->facts)), e->facts_digest);
    hash_digest(bytes_make(b->sealed, sizeof(b->sealed)), e->sealed_digest);
    e->has_facts_digest = e->has_sealed_digest = true;
    b->prefix = uuid_v7(now_read().wall_ms);
}

/* The number of a message is in the last four bytes of its id. */
static void number_put(Uuid *id, uint32_t n) {
    for (unsigned i = 0; i < 4; i++)
        id->b[15 - i] = (uint8_t)(n >> (8 * i));
}

static uint32_t number_get(const uint8_t *id) {
    return (uint32_t)id[12] << 24 | (uint32_t)id[13] << 16 | (uint32_t)id[14] << 8 | id[15];
}

static void send_frame(Peer *p, const Frame *f, const Bytes *parts, unsigned n_parts) {
    Bytes all[PARTS_MAX];
    uint8_t *bytes;
    size_t n;
    must(codec_encode_frame(f, &bytes, &n), "encode");
    all[0] = bytes_make(bytes, n);
    for (unsigned i = 0; i < n_parts; i++)
        all[i + 1] = parts[i];
    int r;
    while ((r = sock_send(p->sock, NULL, 0, all, n_parts + 1)) == -EAGAIN)
        usleep(200);
    must(r, "send");
    free(bytes);
}

static void publish_one(Bench *b, Peer *p) {
    uint8_t *envelope;
    size_t n;
    Envelope *e = &b->env;
    e->message_id = e->case_id = b->prefix;
    number_put(&e->message_id, b->sent);
    number_put(&e->case_id, b->sent);
    e->case_id.b[0] ^= 0xff;
    e->created_ms = now_read().wall_ms;
    must(codec_encode_envelope(e, &envelope, &n), "encode");
    const Bytes parts[] = { bytes_make(envelope, n), bytes_make(b->facts, sizeof(b->facts)),
                            bytes_make(b->sealed, sizeof(b->sealed)) };
    b->sent_at[b->sent++] = seconds();
    p->unanswered++;
    send_frame(p, &(Frame) { .kind = FRAME_PUBLISH, .publish.message_id = e->message_id }, parts,
               3);
    free(envelope);
}

/* --- what comes back ------------------------------------------------------------------------ */

static void on_published(Bench *b, Peer *p, const Frame *f) {
    const double now = seconds();
    for (uint32_t i = 0; i < f->published.n; i++) {
        const PublishResult *r = &f->published.results[i];
        if (r->verdict != VERDICT_ACCEPTED)
            die("%s: %s", verdict_name((int)r->verdict),
                r->reasons && r->reasons->n > 0 ? r->reasons->list[0].code : "");
        const uint32_t k = number_get(r->message_id.b);
        b->confirm[k] = now - b->sent_at[k];
        b->confirmed++;
        p->unanswered--;
    }
    b->confirmed_at = now;
}

static void on_deliver(Bench *b, Peer *p, const Frame *f, const SockMessage *m) {
    Envelope e;
    const char *why;
    if (codec_decode_envelope(m->parts[1], &e, &why) != 0)
        die("an envelope came back unreadable");
    const uint32_t k = number_get(e.message_id.b);
    b->deliver[k] = seconds() - b->sent_at[k];
    b->delivered++;
    if (p->taken == 0)
        p->first = f->deliver.tag;
    p->last = f->deliver.tag;
    p->taken++;
}

static void on_settled(Bench *b, const Frame *f) {
    for (uint32_t i = 0; i < f->settled.n_done; i++)
        b->settled += (uint32_t)(f->settled.done[i].last - f->settled.done[i].first + 1);
    b->settled_at = seconds();
}

static bool drain(Bench *b, Peer *p) {
    SockMessage m = { 0 };
    bool any = false;
    for (int i = 0; i < 256 && sock_recv(p->sock, &m) == 0; i++) {
        const char *why = "";
        Frame f = { 0 };
        if (codec_decode_frame(m.parts[0], FRAME_ANSWER_MAX, &f, &why) != 0)
            die("a frame that cannot be read: %s", why);
        any = true;
        if (f.kind == FRAME_WELCOME)
            p->open = true;
        else if (f.kind == FRAME_PUBLISHED)
            on_published(b, p, &f);
        else if (f.kind == FRAME_DELIVER)
            on_deliver(b, p, &f, &m);
        else if (f.kind == FRAME_SETTLED)
            on_settled(b, &f);
        else if (f.kind == FRAME_PING)
            send_frame(p, &(Frame) { .kind = FRAME_PONG, .pong.sent_ms = f.ping.sent_ms }, NULL, 0);
        else if (f.kind == FRAME_ERROR)
            die("ERROR: %s", f.error.text);
        frame_deinit(&f);
        sock_message_deinit(&m);
    }
    return any;
}

static void settle(Peer *p) {
    if (p->taken == 0)
        return;
    Settlement s = { .tags = { p->first, p->last }, .action = SETTLE_DONE };
    send_frame(p,
               &(Frame) { .kind = FRAME_SETTLE,
                          .settle = { .channel = CHANNEL, .n = 1, .settlements = &s } },
               NULL, 0);
    send_frame(
        p,
        &(Frame) { .kind = FRAME_CREDIT, .credit = { .channel = CHANNEL, .messages = p->taken } },
        NULL, 0);
    p->taken = 0;
}

/* --- a run ---------------------------------------------------------------------------------- */

static Peer *connect_peer(Bench *b, const char *name, const Daemon *d) {
    void **ctx = &b->contexts[b->n_peers / CONTEXT_PEERS];
    Peer *p = &b->peers[b->n_peers++];
    char path[300];
    NodeKeys keys;
    snprintf(path, sizeof(path), "%.200s/%s/keys", b->folder, name);
    must(keys_load(&keys, path), path);
    if (!*ctx)
        must(sock_context_new(ctx), "context");
    must(sock_new_dealer(&p->sock, *ctx, d->endpoint, d->curve, &keys, &sock_options_default),
         "dealer");
    send_frame(p,
               &(Frame) { .kind = FRAME_HELLO,
                          .hello = { .protocol_min = 1,
                                     .protocol_max = 1,
                                     .client = "bench-broker",
                                     .instance_id = uuid_v4() } },
               NULL, 0);
    while (!p->open) {
        (void)drain(b, p);
        usleep(1000);
    }
    return p;
}

static void wait_for_news(Bench *b, int ms) {
    struct pollfd list[PEERS_MAX];
    for (uint32_t i = 0; i < b->n_peers; i++) {
        if (sock_readable(b->peers[i].sock))
            return;
        list[i] = (struct pollfd) { .fd = sock_fd(b->peers[i].sock), .events = POLLIN };
    }
    (void)poll(list, b->n_peers, ms);
}

static void send_more(Bench *b, uint32_t publishers) {
    for (uint32_t i = 0; i < publishers; i++) {
        Peer *p = &b->peers[i];
        while (p->unanswered < b->w->window && b->sent < b->n &&
               (b->w->every_us == 0 ||
                seconds() >= b->start + 1e-6 * b->w->every_us * (double)b->sent))
            publish_one(b, p);
    }
}

static void run(Bench *b) {
    double last = b->start = seconds();
    uint32_t seen = 0;
    while (b->confirmed < b->n || (b->consumer && b->settled < b->n)) {
        bool any = false;
        send_more(b, b->w->publishers);
        for (uint32_t i = 0; i < b->n_peers; i++)
            any = drain(b, &b->peers[i]) || any;
        if (b->consumer)
            settle(b->consumer);
        if (!any)
            wait_for_news(b, b->w->every_us > 0 ? 1 : 100);
        if (seen != b->confirmed + b->settled || last == b->start)
            last = seconds();
        seen = b->confirmed + b->settled;
        if (seconds() - last > 20)
            die("stuck: %u sent, %u confirmed, %u delivered, %u settled", b->sent, b->confirmed,
                b->delivered, b->settled);
    }
}

static int by_value(const void *x, const void *y) {
    const double p = *(const double *)x, q = *(const double *)y;
    return (p > q) - (p < q);
}

static double percentile(double *list, uint32_t n, double p) {
    qsort(list, n, sizeof(*list), by_value);
    return 1e6 * list[(uint32_t)((n - 1) * p)];
}

static void report(Bench *b, const Usage *before, const Usage *after) {
    const double n = b->n, confirm_rate = n / (b->confirmed_at - b->start),
                 settle_rate = b->consumer ? n / (b->settled_at - b->start) : 0,
                 cpu = (after->cpu - before->cpu) * 1e5 / n,
                 bytes = (after->bytes - before->bytes) / n,
                 batch = n / (after->commits - before->commits);
    const double c50 = percentile(b->confirm, b->n, .5), c99 = percentile(b->confirm, b->n, .99),
                 d50 = b->consumer ? percentile(b->deliver, b->n, .5) : 0,
                 d99 = b->consumer ? percentile(b->deliver, b->n, .99) : 0;
    printf("%-5s %8.0f/s confirmed %8.0f/s settled  confirm %7.0f %8.0f us  deliver %8.0f %8.0f us"
           "  cpu %6.2f s/100k  %6.0f bytes  %4.0f a commit  %4.0f MiB\n",
           b->w->name, confirm_rate, settle_rate, c50, c99, d50, d99, cpu, bytes, batch,
           after->rss_mib);
    fflush(stdout);
    FILE *f = b->csv ? fopen(b->csv, "ae") : NULL;
    if (!f)
        return;
    if (ftell(f) == 0)
        fprintf(f, "workload,messages,confirmed_per_s,settled_per_s,confirm_p50_us,confirm_p99_us,"
                   "deliver_p50_us,deliver_p99_us,cpu_s_per_100k,bytes_per_message,messages_per_"
                   "commit,rss_mib\n");
    fprintf(f, "%s,%u,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.2f,%.0f,%.1f,%.0f\n", b->w->name, b->n,
            confirm_rate, settle_rate, c50, c99, d50, d99, cpu, bytes, batch, after->rss_mib);
    fclose(f);
}

static void measure(Bench *b, const Workload *w) {
    const unsigned port = 20000 + (unsigned)getpid() % 20000;
    shell("rm -rf %s && mkdir -p %s", b->folder, b->folder);
    b->w = w;
    b->n = (uint32_t)(w->n * b->scale);
    b->n_daemons = b->n_peers = b->sent = b->confirmed = b->delivered = b->settled = 0;
    memset(b->peers, 0, sizeof(b->peers));
    b->consumer = NULL;
    b->sent_at = calloc(b->n, sizeof(double));
    b->confirm = calloc(b->n, sizeof(double));
    b->deliver = calloc(b->n, sizeof(double));
    add_daemon(b, "hub", port);
    if (w->remote)
        add_daemon(b, "upt/satria", port + 1);
    add_client(b, "publisher", "dsk/3302", &b->daemons[w->remote]);
    add_client(b, "consumer", "dsk/3203", &b->daemons[0]);
    for (uint32_t i = 0; i < b->n_daemons; i++)
        start(b, &b->daemons[i]);
    prepare_message(b);
    for (uint32_t i = 0; i < w->publishers; i++)
        (void)connect_peer(b, "publisher", &b->daemons[w->remote]);
    if (w->consume) {
        b->consumer = connect_peer(b, "consumer", &b->daemons[0]);
        send_frame(b->consumer,
                   &(Frame) { .kind = FRAME_SUBSCRIBE,
                              .subscribe = { .channel = CHANNEL,
                                             .source = SOURCE_MAILBOX,
                                             .credit_messages = CREDIT } },
                   NULL, 0);
    }
    const Usage before = usage(b);
    run(b);
    const Usage after = usage_when_quiet(b);
    report(b, &before, &after);
    for (uint32_t i = 0; i < b->n_peers; i++)
        sock_free(b->peers[i].sock);
    for (size_t i = 0; i < ARRAY_SIZE(b->contexts); i++) {
        sock_context_free(b->contexts[i]);
        b->contexts[i] = NULL;
    }
    for (uint32_t i = b->n_daemons; i > 0; i--) {
        (void)kill(b->daemons[i - 1].pid, SIGTERM);
        (void)waitpid(b->daemons[i - 1].pid, NULL, 0);
    }
    free(b->sent_at);
    free(b->confirm);
    free(b->deliver);
    if (!b->keep)
        shell("rm -rf %s", b->folder);
}

int main(int argc, char **argv) {
    static Bench b = { .scale = 1 };
    for (int c; (c = getopt(argc, argv, "s:qkc:")) != -1;) {
        if (c == 's')
            b.scale = strtod(optarg, NULL);
        else if (c == 'q')
            b.quiet = true;
        else if (c == 'k')
            b.keep = true;
        else if (c == 'c')
            b.csv = optarg;
        else
            return 2;
    }
    if (argc - optind < 2 || !(b.scale > 0)) {
        fprintf(stderr, "usage: bench-broker BIN FOLDER [-s SCALE] [-q] [-k] [-c FILE] "
                        "[WORKLOAD...]\n");
        return 2;
    }
    char folder[256];
    b.bin = argv[optind];
    snprintf(folder, sizeof(folder), "%.200s/bench-broker.%d", argv[optind + 1], (int)getpid());
    b.folder = folder;
    must(hash_init(), "libsodium");
    for (size_t i = 0; i < ARRAY_SIZE(workloads); i++) {
        bool wanted = argc - optind == 2;
        for (int k = optind + 2; k < argc; k++)
            wanted = wanted || strcmp(argv[k], workloads[i].name) == 0;
        if (wanted)
            measure(&b, &workloads[i]);
    }
    return 0;
}
