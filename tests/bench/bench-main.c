/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serasi-bench: how fast, how large and how steady real brokers are. See README.md beside this
 * file. Not a test: a missed target is told, and nothing else happens.
 */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "bench/bench.h"

typedef struct Entry {
    const char *name, *what;
    void (*run)(Bench *b, const char *name);
    bool by_name_only;
} Entry;

static const Entry entries[] = {
    { "P1", "one publisher that waits for each answer", bench_flow, false },
    { "P16", "one publisher with 16 unconfirmed", bench_flow, false },
    { "P256", "one publisher with 256 unconfirmed", bench_flow, false },
    { "E256", "P256 and one consumer, to the last SETTLED", bench_flow, false },
    { "M64", "64 publishers with 16 unconfirmed, and the consumer", bench_flow, false },
    { "L1", "one message each 5 ms, and the consumer", bench_flow, false },
    { "F256", "published at a regional broker, consumed at the hub", bench_flow, false },
    { "SLOW", "64 publishers that wait, each sync 5 ms longer", bench_flow, false },
    { "CASE256", "lawful messages about cases beside opaque ones, 256 unconfirmed", bench_case,
      false },
    { "CASE16", "the same with 16 unconfirmed", bench_case, false },
    { "COPY256", "CASE256 of a home that is supervised: with copies", bench_case, false },
    { "CASE-E", "CASE256 and consumers, to the last SETTLED", bench_case, false },
    { "COPY-E", "COPY256 and consumers, to the last SETTLED", bench_case, false },
    { "EMERG", "emergencies, alone and under a routine load", bench_emerg, false },
    { "HOSTILE", "a message each 5 ms, alone and beside a node that does harm", bench_hostile,
      true },
    { "ALERT", "an event to 7,100 mailboxes, 850 of them connected", bench_alert, false },
    { "CONN", "1,500 and 10,000 sessions", bench_conn, false },
    { "BACKLOG", "a million waiting messages, and START with them", bench_backlog, false },
    { "START", "the same", bench_backlog, true },
    { "SOAK1", "a minute with slow consumers", bench_soak, false },
    { "SOAK", "ten minutes of it", bench_soak, true },
};

static const Entry *find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    die("unknown workload \"%s\"", name);
}

static int usage(FILE *f) {
    fputs(
        "Usage: serasi-bench [OPTIONS] FOLDER [WORKLOAD...]\n\n"
        "  FOLDER     on a real disk; brokers are made in it and removed\n"
        "  -b BIN     folder of serasid and serasictl; default: that of this program\n"
        "  -s SCALE   multiplies the number of messages, or the time\n"
        "  -c FILE    appends CSV: time, workload, measure, value, unit, target\n"
        "  -q         receipts of failures only\n"
        "  -o         opaque messages, of a kind the broker does not know, without a case\n"
        "  -S         publishers sign what they send, and brokers their receipts (P, E, M, L, F,\n"
        "             SLOW); else nobody does\n"
        "  -A N       -S, and each publisher has N more messages to sign at a time, whatever of\n"
        "             them may go at once\n"
        "  -B         brokers were built with SERASI_BENCH_BARE: PLAIN instead of CURVE\n"
        "  -x TEXT    of HOSTILE only the ways to do harm with TEXT in their name\n"
        "  -P DIR -C DIR\n"
        "             folders of a publisher and a consumer made by `serasictl init`: measures\n"
        "             the broker on this machine that they name (P, E, M, L, EMERG)\n"
        "  -k         keeps the folders\n\n"
        "Workloads, all but the last and START when none is given:\n",
        f);
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
        fprintf(f, "  %-8s %s\n", entries[i].name, entries[i].what);
    return f == stdout ? 0 : 2;
}

static void find_programs(Bench *b, const char *bin) {
    static char self[BENCH_FOLDER_SIZE], library[BENCH_FOLDER_SIZE + 64];
    if (!bin) {
        const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        char *slash = n > 0 ? strrchr(self, '/') : NULL;
        if (!slash)
            die("/proc/self/exe: %s", strerror(errno));
        *slash = '\0';
        bin = self;
    }
    b->bin = bin;
    snprintf(library, sizeof(library), "%.200s/../tests/libserasi-preload.so", bin);
    if (access(library, R_OK) == 0)
        b->slow_library = library;
}

static FILE *open_csv(const char *path) {
    FILE *f = fopen(path, "ae");
    if (!f)
        die("%s: %s", path, strerror(errno));
    if (ftell(f) == 0)
        fputs("time,workload,measure,value,unit,target\n", f);
    return f;
}

int main(int argc, char **argv) {
    static Bench b = { .scale = 1 };
    const char *bin = NULL, *csv = NULL;
    for (int c; (c = getopt(argc, argv, "b:s:c:qoSA:Bx:P:C:kh")) != -1;) {
        switch (c) {
        case 'b':
            bin = optarg;
            break;
        case 's':
            b.scale = strtod(optarg, NULL);
            break;
        case 'c':
            csv = optarg;
            break;
        case 'q':
            b.quiet = true;
            break;
        case 'o':
            b.opaque = true;
            break;
        case 'S':
            b.sign = true;
            break;
        case 'A':
            b.sign = true;
            b.ahead = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'B':
            b.bare = true;
            break;
        case 'x':
            b.only = optarg;
            break;
        case 'P':
            b.publisher = optarg;
            break;
        case 'C':
            b.consumer = optarg;
            break;
        case 'k':
            b.keep = true;
            break;
        case 'h':
            return usage(stdout);
        default:
            return usage(stderr);
        }
    }
    if (optind >= argc || !(b.scale > 0) || !b.publisher != !b.consumer)
        return usage(stderr);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0)
        die("libsodium");
    sign_key_new(&b.sign_key);
    find_programs(&b, bin);
    shell("mkdir -p %s", argv[optind]);
    _cleanup_(freep) char *folder = realpath(argv[optind], NULL); /* brokers need a full path */
    if (!folder)
        die("%s: %s", argv[optind], strerror(errno));
    snprintf(b.folder, sizeof(b.folder), "%.150s/serasi-bench.%d", folder, (int)getpid());
    b.port = 20000 + (uint32_t)getpid() % 20000;
    if (csv)
        b.csv = open_csv(csv);
    shell("mkdir -p %s", b.folder);
    for (size_t i = 0; i < ARRAY_SIZE(entries) && optind + 1 == argc; i++)
        if (!entries[i].by_name_only)
            entries[i].run(&b, entries[i].name);
    for (int i = optind + 1; i < argc; i++)
        find(argv[i])->run(&b, argv[i]);
    if (!b.keep)
        (void)rmdir(b.folder);
    return 0;
}
