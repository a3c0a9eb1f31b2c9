/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Many worlds, one seed each: see README.md for the options. A failing seed is printed with what
 * was wrong and how to play exactly that again.
 */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "sim/sim.h"

typedef struct Options {
    unsigned long first, count;
    unsigned jobs, twice;
    bool shrink, list, must_fail, quiet;
    SimConfig config;
} Options;

static void print_report(unsigned long seed, const SimReport *r, FILE *to) {
    fprintf(to,
            "seed %lu: %s hash=%016llx accepted=%u deliveries=%u again=%u receipts=%u copies=%u "
            "dead=%u acts=%u agreed=%u entries=%u notices=%u "
            "crashes=%u power=%u disk=%u cuts=%u faults=%u virtual=%llds%s%s\n",
            seed, r->wrong ? "FAILED" : "ok", (unsigned long long)r->hash, r->accepted,
            r->deliveries, r->redeliveries, r->receipts, r->copies, r->dead, r->acts, r->agreed,
            r->entries, r->notices, r->crashes, r->power_cuts, r->disk_errors, r->cuts, r->n_faults,
            (long long)(r->virtual_ms / 1000), r->wrong ? ": " : "", r->first);
}

/* Returns whether something is wrong with the world of this seed. */
static bool one(const Options *o, unsigned long seed) {
    SimReport r, again;
    SimConfig c = o->config;
    c.seed = seed;
    int k = sim_run(&c, &r);
    if (k < 0) {
        fprintf(stderr, "seed %lu: %s\n", seed, strerror(-k));
        return true;
    }
    if (k == 0 && o->twice) {
        (void)sim_run(&c, &again);
        if (again.hash != r.hash) {
            printf("seed %lu: FAILED: two runs differ: %016llx and %016llx\n", seed,
                   (unsigned long long)r.hash, (unsigned long long)again.hash);
            return true;
        }
    }
    if (o->must_fail)
        return r.lost > 0;
    if (k != 0 || !o->quiet)
        print_report(seed, &r, stdout);
    if (k != 0 && o->shrink) {
        sim_shrink(&c, &r);
        print_report(seed, &r, stdout);
        sim_print_faults(&c, stdout);
    }
    if (k != 0) {
        printf("again: test-sim");
        sim_print_options(&c, stdout);
        printf("\n");
    }
    (void)fflush(stdout);
    return k != 0;
}

static unsigned long some(const Options *o, unsigned job) {
    unsigned long failed = 0;
    for (unsigned long i = job; i < o->count; i += o->jobs)
        failed += one(o, o->first + i);
    return failed;
}

/* Each job in a process of its own; they tell how many failed through a pipe. */
static unsigned long many(const Options *o) {
    unsigned long failed = 0, n;
    int ends[2];
    if (o->jobs == 1)
        return some(o, 0);
    if (pipe(ends) < 0) {
        perror("test-sim");
        return o->count;
    }
    for (unsigned job = 0; job < o->jobs; job++) {
        const pid_t pid = fork();
        if (pid == 0) {
            n = some(o, job);
            _exit(write(ends[1], &n, sizeof(n)) == sizeof(n) ? 0 : 1);
        }
        if (pid < 0)
            perror("test-sim");
    }
    (void)close(ends[1]);
    for (unsigned job = 0; job < o->jobs; job++) {
        int status;
        if (read(ends[0], &n, sizeof(n)) == sizeof(n))
            failed += n;
        if (wait(&status) > 0 && status != 0) {
            printf("a process ended with status %#x\n", (unsigned)status);
            failed++;
        }
    }
    return failed;
}

static bool parse_only(SimConfig *c, char *text) {
    c->only_given = true;
    for (char *p = strtok(text, ","); p; p = strtok(NULL, ",")) {
        unsigned long i = strtoul(p, NULL, 10);
        if (i >= SIM_FAULTS_MAX)
            return false;
        c->only[i] = true;
    }
    return true;
}

enum {
    OPT_SEED = 1,
    OPT_SEEDS,
    OPT_FROM,
    OPT_FAULTS,
    OPT_ONLY,
    OPT_REGIONALS,
    OPT_CLIENTS,
    OPT_MESSAGES,
    OPT_DISK,
    OPT_TWICE,
    OPT_MUST_FAIL,
    OPT_SHRINK,
    OPT_LIST,
    OPT_HISTORY,
    OPT_TRACE,
    OPT_ALL,
    OPT_VERBOSE
};

static const struct option options[] = { { "seed", required_argument, NULL, OPT_SEED },
                                         { "seeds", required_argument, NULL, OPT_SEEDS },
                                         { "from", required_argument, NULL, OPT_FROM },
                                         { "faults", required_argument, NULL, OPT_FAULTS },
                                         { "only", required_argument, NULL, OPT_ONLY },
                                         { "regionals", required_argument, NULL, OPT_REGIONALS },
                                         { "clients", required_argument, NULL, OPT_CLIENTS },
                                         { "messages", required_argument, NULL, OPT_MESSAGES },
                                         { "disk", required_argument, NULL, OPT_DISK },
                                         { "twice", no_argument, NULL, OPT_TWICE },
                                         { "must-fail", no_argument, NULL, OPT_MUST_FAIL },
                                         { "shrink", no_argument, NULL, OPT_SHRINK },
                                         { "list", no_argument, NULL, OPT_LIST },
                                         { "history", required_argument, NULL, OPT_HISTORY },
                                         { "all", no_argument, NULL, OPT_ALL },
                                         { "trace", required_argument, NULL, OPT_TRACE },
                                         { "verbose", no_argument, NULL, OPT_VERBOSE },
                                         { NULL, 0, NULL, 0 } };

static bool take_option(Options *o, int c, char *arg) {
    const unsigned long n = arg ? strtoul(arg, NULL, 10) : 0;
    switch (c) {
    case OPT_SEED:
        o->first = n;
        o->count = 1;
        o->quiet = false;
        return true;
    case OPT_SEEDS:
        o->count = n;
        return true;
    case OPT_FROM:
        o->first = n;
        return true;
    case OPT_FAULTS:
        o->config.faults = (unsigned)n;
        return true;
    case OPT_ONLY:
        return parse_only(&o->config, arg);
    case OPT_REGIONALS:
        o->config.regionals = (unsigned)n;
        return true;
    case OPT_CLIENTS:
        o->config.clients = (unsigned)n;
        return true;
    case OPT_MESSAGES:
        o->config.messages = (unsigned)n;
        return true;
    case OPT_DISK:
        o->config.disk = strcmp(arg, "lies") == 0     ? SIM_DISK_LIES
                         : strcmp(arg, "normal") == 0 ? SIM_DISK_NORMAL
                                                      : SIM_DISK_HONEST;
        return true;
    case OPT_TWICE:
        o->twice = true;
        return true;
    case OPT_MUST_FAIL:
        o->must_fail = true;
        return true;
    case OPT_SHRINK:
        o->shrink = true;
        return true;
    case OPT_LIST:
        o->list = true;
        return true;
    case OPT_HISTORY:
        o->config.history = arg;
        return true;
    case OPT_ALL:
        o->quiet = false;
        return true;
    case OPT_TRACE:
        o->config.trace = arg;
        return true;
    case OPT_VERBOSE:
        o->config.verbose = true;
        o->quiet = false;
        return true;
    case 'j':
        o->jobs = (unsigned)MAX(n, 1UL);
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv) {
    Options o = { .first = 1, .count = 20, .jobs = 1, .quiet = true };
    o.config.faults = UINT_MAX;
    for (int c; (c = getopt_long(argc, argv, "j:", options, NULL)) >= 0;)
        if (!take_option(&o, c, optarg))
            return 2;
    if (hash_init() < 0)
        return 2;
    o.config.seed = o.first;
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30); /* the next world needs as much: give nothing back */
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    if (o.list) {
        sim_print_faults(&o.config, stdout);
        return 0;
    }
    const unsigned long failed = many(&o);
    printf("%lu worlds, %lu %s\n", o.count, failed, o.must_fail ? "lost messages" : "failed");
    return o.must_fail ? failed == 0 : failed > 0;
}
