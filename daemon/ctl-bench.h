/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * serasictl bench: what its files share. Everything happens in a folder made for it, with brokers
 * and clients of its own that listen on 127.0.0.1: no mailbox of a real broker ever sees it.
 */

#include <sys/types.h>

#include "daemon/ctl.h"

#define BENCH_PATH_SIZE 512U
#define BENCH_BODY      1024U /* bytes of the sealed part */

/* How long single steps took. */
typedef struct BenchTimes {
    double *seconds;
    size_t n, size;
} BenchTimes;

typedef struct BenchResult {
    const char *step;      /* stable name, for --json */
    const char *text;      /* for people */
    double rate;           /* a second */
    double mean, p50, p99; /* seconds a step */
    double elapsed;        /* seconds */
    /* Processor seconds: the broker, its busiest thread, this program, all programs. */
    double broker, busiest, us, machine;
    double commits; /* of the broker */
} BenchResult;

typedef struct Bench {
    Ctl *c;
    char folder[BENCH_PATH_SIZE]; /* made here, removed at the end; "" = not yet */
    char self[BENCH_PATH_SIZE];   /* this program */
    int signal_fd;
    bool interrupted;
    double seconds;      /* for all steps */
    double done, weight; /* shares of the whole: before this step, and of it */
    const char *doing;
    double begun_at, drawn_at; /* of this step */
    pid_t broker;
    unsigned port;
} Bench;

/* --- ctl-bench.c --- */
double bench_now(void);
/* Begins a step that takes this share of the time. Returns how many seconds that is. */
double bench_step(Bench *b, const char *doing, double weight);
/* Draws the progress; false when the step is to end: its time is up or there was a signal. */
bool bench_goes_on(Bench *b);
_must_check_ int bench_note(BenchTimes *t, double seconds); /* 0 or -ENOMEM */
/* Fills in rate, p50 and p99 of `n` things in so many seconds, and forgets the times. */
void bench_finish(BenchResult *ret, BenchTimes *t, double n, double elapsed);

/* All return a CtlStatus, having said why. */

/* --- ctl-bench-disk.c: the disk alone, and the store alone --- */
_must_check_ int bench_disk(Bench *b, size_t size, BenchResult *ret);
_must_check_ int bench_store(Bench *b, unsigned batch, BenchResult *ret);

/* --- ctl-bench-broker.c: a broker of its own --- */
_must_check_ int bench_make_broker(Bench *b); /* folders, keys, directory */
_must_check_ int bench_start_broker(Bench *b);
void bench_stop_broker(Bench *b);
/* The broker's public key, from its folder. */
_must_check_ int bench_broker_key(Bench *b, char ret[static CURVE_TEXT_SIZE]);

/* --- ctl-bench-flow.c: messages through it --- */
_must_check_ int bench_flow(Bench *b, unsigned window, bool consume, BenchResult *ret);
/* The parts of a new message of the publisher. *ret_envelope is malloc()ed. 0 or -ENOMEM. */
_must_check_ int bench_message(const char *recipient, const uint8_t body[static BENCH_BODY],
                               uint8_t **ret_envelope, size_t *ret_n);
