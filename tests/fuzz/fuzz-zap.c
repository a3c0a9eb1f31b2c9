/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What libzmq asks at a handshake, said by anybody in the process: [1 byte: number of parts][parts
 * with 2 bytes length]. Each gets one answer of six parts, and only keys of the directory hear 200.
 */

#include <errno.h>
#include <zmq.h>

#include "fuzz/fuzz.h"
#include "net/sock.h"
#include "net/zap.h"

#define ENDPOINT "inproc://zeromq.zap.01"

typedef struct Asker {
    void *ctx, *socket;
    Zap *zap;
} Asker;

static Asker asker;

static void clean_up(void) {
    (void)zmq_close(asker.socket);
    (void)zap_stop(asker.zap);
    sock_context_free(asker.ctx);
}

/* A fuzzer is interrupted by its own alarm. */
static int receive(char *ret, size_t n) {
    int r;
    do
        r = zmq_recv(asker.socket, ret, n, 0);
    while (r < 0 && errno == EINTR);
    return r;
}

static void prepare(void) {
    Directory *d = NULL;
    if (asker.ctx)
        return;
    FUZZ_CHECK(hash_init() == 0 && sock_context_new(&asker.ctx) == 0);
    FUZZ_CHECK(zap_start(&asker.zap, asker.ctx, NULL, NULL) == 0);
    FUZZ_CHECK(directory_new(&d) == 0 && directory_seal(d, 1) == 0);
    zap_set_directory(asker.zap, d);
    (void)directory_unref(d);
    const int linger = 0, timeout = 10000;
    asker.socket = zmq_socket(asker.ctx, ZMQ_REQ);
    FUZZ_CHECK(asker.socket && zmq_connect(asker.socket, ENDPOINT) == 0);
    FUZZ_CHECK(zmq_setsockopt(asker.socket, ZMQ_LINGER, &linger, sizeof(linger)) == 0);
    FUZZ_CHECK(zmq_setsockopt(asker.socket, ZMQ_RCVTIMEO, &timeout, sizeof(timeout)) == 0);
    (void)atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Input in = { data, n };
    char answer[6][256];
    int size[6] = { 0 };
    prepare();
    const unsigned n_parts = take_byte(&in) % 12 + 1;
    bool local = false;
    for (unsigned i = 0; i < n_parts; i++) {
        const Bytes part = take_part(&in);
        local = local || (i == 5 && part.n == 4 && memcmp(part.p, "NULL", 4) == 0);
        FUZZ_CHECK(zmq_send(asker.socket, part.p, part.n, i + 1 < n_parts ? ZMQ_SNDMORE : 0) >= 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        int more = 0;
        size_t more_size = sizeof(more);
        size[i] = receive(answer[i], sizeof(answer[i]));
        FUZZ_CHECK(size[i] >= 0 && size[i] <= (int)sizeof(answer[i]));
        FUZZ_CHECK(zmq_getsockopt(asker.socket, ZMQ_RCVMORE, &more, &more_size) == 0);
        FUZZ_CHECK((more != 0) == (i < 5));
    }
    FUZZ_CHECK(size[2] == 3);
    FUZZ_CHECK(local || memcmp(answer[2], "200", 3) != 0); /* the directory is empty */
    return 0;
}
