/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * As much of the harness of the side-by-side measurements as its client of serasid needs, to see
 * that it still works: one publisher sends, one consumer takes, all messages come once. Nothing is
 * measured here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES 500U
#define WINDOW   64U
#define BODY     1024

#define TIMEOUT_NS 60000000000u

static struct {
    int port, cport, prefetch;
    int n_options;
    char **options;
} O = { .prefetch = 256 };

typedef struct pub {
    int idx;
    void *h;
    uint64_t inflight, confirmed;
} pub_t;

typedef struct con {
    uint64_t received, twice;
    uint8_t seen[MESSAGES];
    void *h;
} con_t;

static const char *opt(const char *name, const char *none) {
    const size_t n = strlen(name);
    for (int i = 0; i < O.n_options; i++)
        if (!strncmp(O.options[i], name, n) && O.options[i][n] == '=')
            return O.options[i] + n + 1;
    return none;
}

static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(3);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void bench_confirmed(pub_t *p, uint64_t seq) {
    if (seq >= MESSAGES)
        die("message %llu was never sent", (unsigned long long)seq);
    p->confirmed++;
    p->inflight--;
}

static void bench_received(con_t *c, const uint8_t *m, size_t n) {
    uint32_t seq;
    memcpy(&seq, m, sizeof(seq));
    if (n != BODY || seq >= MESSAGES)
        die("a message of others came");
    c->twice += c->seen[seq];
    c->seen[seq] = 1;
    c->received++;
}

static void peer_reset(void);
static void *peer_pub_open(pub_t *p);
static void peer_pub_send(pub_t *p, const uint8_t *m, size_t n, uint64_t seq);
static void peer_pub_poll(pub_t *p);
static void peer_pub_close(pub_t *p);
static void *peer_con_open(con_t *con);
static int peer_con_poll(con_t *con, int timeout_ms);
static void peer_con_finish(con_t *con);
static void peer_con_close(con_t *con);
static int peer_ready(void);

static void publish(pub_t *p) {
    uint8_t body[BODY] = { 0 };
    p->h = peer_pub_open(p);
    for (uint32_t seq = 0; p->confirmed < MESSAGES;) {
        for (; seq < MESSAGES && p->inflight < WINDOW; seq++) {
            memcpy(body, &seq, sizeof(seq));
            p->inflight++;
            peer_pub_send(p, body, sizeof(body), seq);
        }
        peer_pub_poll(p);
    }
    peer_pub_close(p);
}

int main(int argc, char **argv) {
    static pub_t p;
    static con_t c;
    O.options = argv + 1;
    O.n_options = argc - 1;
    O.port = atoi(opt("port", "0"));
    O.cport = atoi(opt("cport", opt("port", "0")));
    for (const uint64_t end = now_ns() + TIMEOUT_NS; !peer_ready(); usleep(50000))
        if (now_ns() > end)
            die("the broker does not answer");
    peer_reset();
    c.h = peer_con_open(&c);
    publish(&p);
    const uint64_t end = now_ns() + TIMEOUT_NS;
    while (c.received < MESSAGES && now_ns() < end)
        (void)peer_con_poll(&c, 100);
    peer_con_finish(&c);
    peer_con_close(&c);
    if (c.received != MESSAGES || c.twice > 0)
        die("%llu came, %llu of them again", (unsigned long long)c.received,
            (unsigned long long)c.twice);
    return 0;
}
