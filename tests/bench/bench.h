/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Measurements of real brokers: what their files share. Raw connections
 * (peer/zmtp.h), so that the processor time of the machine is the broker's. Whatever goes wrong
 * ends the program with a word: there is nobody to hand an error to.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/crypto-key.h"
#include "bench/peer/hop-bundle.h"

#define BENCH_NAME_SIZE   64U
#define BENCH_FOLDER_SIZE 256U

typedef struct Bench {
    const char *bin;                  /* folder of serasid and serasictl */
    char folder[BENCH_FOLDER_SIZE];   /* for brokers made here, on a real disk */
    const char *publisher, *consumer; /* folders of clients: measure the broker they name */
    const char *slow_library;         /* makes syncs slow; NULL = not built */
    double scale;                     /* of the number of messages or the time */
    bool quiet;                       /* ask for receipts of failures only */
    bool opaque;                      /* messages of a kind the broker does not know */
    bool sign;                        /* publishers sign (P, E, M, L, F, SLOW), and brokers */
    uint32_t ahead;                   /* so many at a time; 0 = those that may go at once */
    SignKey sign_key;                 /* of the publishers, who are one node */
    bool bare;                        /* brokers were built without CURVE */
    const char *only;                 /* of HOSTILE the ways with that in their name; NULL = all */
    bool keep;                        /* the folder */
    FILE *csv;
    uint32_t port; /* the next free one */
} Bench;

/* --- words, time, files: bench-tool.c --- */

__attribute__((noreturn)) _printf_(1, 2) void die(const char *format, ...);
void must(int r, const char *what); /* r: 0 or -errno */
_printf_(1, 2) void shell(const char *format, ...);
/* The first number behind `name` in the output of a command; -1 when it is not there. */
double shell_number(const char *name, const char *command);
/* As many open files as are allowed; tells how many. */
unsigned long tool_raise_files(void);
double seconds(void); /* monotonic */
uint64_t wall_ms(void);

/* Many values of one kind. */
typedef struct Series {
    double *list;
    uint32_t n, size;
    bool sorted;
} Series;

void series_add(Series *s, double v);
double series_at(Series *s, double share); /* 0 when there is none */
void series_deinit(Series *s);

/* One number of one workload: a line for people, a row of CSV. `target` as told by the sign of
 * `bound`: < 0 at most, > 0 at least, 0 none. */
void report(const Bench *b, const char *workload, const char *measure, double value,
            const char *unit);
void report_target(const Bench *b, const char *workload, const char *measure, double value,
                   const char *unit, int bound, double target);
/* Latencies: p50, p99 and p99.9, in microseconds. */
void report_series(const Bench *b, const char *workload, const char *measure, Series *s);
void say(const char *format, ...) __attribute__((format(printf, 1, 2))); /* progress, stderr */

/* --- brokers and their directory: bench-site.c --- */

typedef struct Daemon {
    char node[BENCH_NAME_SIZE], folder[BENCH_FOLDER_SIZE];
    unsigned port;
    uint8_t key[ZMTP_KEY_SIZE];
    pid_t pid; /* 0: not running, or not ours */
} Daemon;

typedef struct Site {
    Bench *bench;
    char folder[BENCH_FOLDER_SIZE - 32];
    FILE *directory;
    Daemon daemons[2];
    unsigned n_daemons;
    unsigned sync_delay_ms;
    bool has_signer;
} Site;

/* What the brokers of a site have used since they started. */
typedef struct Usage {
    double cpu;       /* seconds */
    double written;   /* bytes handed to write() and its like: the log and the database file */
    double rss, peak; /* bytes */
    double commits;
} Usage;

void site_init(Site *s, Bench *b, const char *name);
/* The first one is the root, the second its child. `settings`: more configuration, or NULL. */
Daemon *site_add_broker(Site *s, const char *node, const char *settings);
void site_add_node(Site *s, const char *node, const char *kind, const char *region,
                   const Daemon *home);
/* A key pair for a node, to be used at `at`. */
void site_add_key(Site *s, const char *node, const char *label, const Daemon *at, ZmtpKeys *ret);
void site_start(Site *s); /* imports the directory and starts them all */
/* Starts one again. Returns the seconds until it said READY. */
double site_start_one(Site *s, Daemon *d);
void site_stop_one(Daemon *d, int signal);
Usage site_usage(const Site *s);
/* As above, when nothing is written any more: receipts still on their way belong to the cost. */
Usage site_usage_quiet(const Site *s);
double site_file_size(const Daemon *d, const char *suffix); /* of the store: "", "-wal" */
void site_deinit(Site *s);

/* --- sessions: bench-crowd.c --- */

typedef struct Crowd Crowd;
typedef struct Client {
    Zmtp z;
    ZmtpKeys keys;
    unsigned port;
    HopMaker maker;
    bool greeted, open;  /* HELLO sent; WELCOME came */
    uint32_t unanswered; /* published */
    uint64_t first, last, settled;
    uint32_t taken; /* deliveries first..last, not settled yet */
    uint32_t index;
    uint64_t pinged_ms;
} Client;

typedef void OnFrame(void *user, Client *c, unsigned kind, const HopField *body,
                     const ZmtpMessage *m);

struct Crowd {
    int epoll;
    Client *list;
    uint32_t n, n_open, size;
    OnFrame *on_frame;
    void *user;
};

void crowd_init(Crowd *c, uint32_t size, OnFrame *on_frame, void *user);
/* Begins to connect; goes on in crowd_turn(). */
Client *crowd_add(Crowd *c, unsigned port, const ZmtpKeys *keys);
/* Waits for something, at most so long, and handles it. Returns how many frames came. */
uint32_t crowd_turn(Crowd *c, int timeout_ms);
void crowd_await_open(Crowd *c);
void crowd_ping(Crowd *c);   /* those that said nothing for long */
void client_send(Client *c); /* what was put */
/* Notes a delivery; client_settle() settles those noted as one range and grants as many. */
void client_took(Client *c, const HopField *deliver);
void client_settle(Client *c);
void crowd_deinit(Crowd *c);

/* --- messages that are counted and timed: bench-flow.c --- */

typedef struct Signed Signed;
typedef struct Flow {
    const Bench *bench;
    Crowd crowd;
    HopKind kind;
    uint32_t publishers, window, n; /* the first so many clients publish */
    uint32_t every_us;
    double stop_at; /* instead of n; 0 = n counts */
    uint32_t made, sent, confirmed, delivered, settled;
    Signed *to_send;  /* of each publisher; NULL: nothing is signed */
    uint32_t trees;   /* signed */
    HopBundle bundle; /* of whoever publishes at the moment */
    Client *consumer; /* or NULL */
    double *sent_at;
    Series confirm, deliver;
    double start, confirmed_at, settled_at;
    uint64_t base; /* numbers of earlier flows are below */
    uint8_t body[1024];
} Flow;

typedef struct FlowSetup {
    uint32_t publishers, window, n, every_us;
    bool consume, remote;
} FlowSetup;

/* Connects publishers to `at` and one consumer to `home`. */
void flow_init(Flow *f, const Bench *b, const FlowSetup *w, const HopKind *kind,
               unsigned publish_port, const ZmtpKeys *publisher, unsigned consume_port,
               const ZmtpKeys *consumer);
void flow_run(Flow *f);
void flow_deinit(Flow *f);
/* The keys, node and broker's port of a client's folder: bench-given.c. */
unsigned given_client(const char *folder, ZmtpKeys *ret, char ret_node[BENCH_NAME_SIZE]);

/* A hub with a publisher dsk/3302 and a consumer dsk/3203, started; or the broker and the clients
 * that were given. */
typedef struct Pair {
    Site site; /* without brokers when one was given */
    ZmtpKeys publisher, consumer;
    char sender[BENCH_NAME_SIZE], recipient[BENCH_NAME_SIZE];
    Daemon *at, *home;
} Pair;
void pair_init(Pair *p, Bench *b, const char *name, bool remote, const char *settings,
               unsigned sync_delay_ms);
HopKind pair_kind(const Pair *p);

/* --- workloads --- */

void bench_flow(Bench *b, const char *name);  /* P1 P16 P256 E256 M64 L1 F256 SLOW */
void bench_case(Bench *b, const char *name);  /* CASE256 CASE16 CASE-E COPY256 COPY-E */
void bench_emerg(Bench *b, const char *name); /* bench-emerg.c */
void bench_hostile(Bench *b, const char *name);
void bench_alert(Bench *b, const char *name);
void bench_conn(Bench *b, const char *name);
void bench_backlog(Bench *b, const char *name); /* BACKLOG and START */
void bench_soak(Bench *b, const char *name);    /* SOAK, SOAK1 */
