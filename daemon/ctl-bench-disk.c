/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bench, the part without a broker: what a sync costs, and what the store makes of it. The rows
 * are those the broker would write.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "daemon/ctl-bench.h"
#include "store/store.h"
#include "wire/codec.h"

#define DISK_WEIGHT  0.1
#define STORE_WEIGHT 0.1

static int disk_failed(const char *what) {
    ctl_complain("%s: %s", what, strerror(errno));
    return CTL_REFUSED;
}

int bench_disk(Bench *b, size_t size, BenchResult *ret) {
    char path[BENCH_PATH_SIZE + 16];
    uint8_t block[8192];
    BenchTimes times = { 0 };
    const bool small = size < sizeof(block);
    *ret = (BenchResult) { .step = small ? "disk_4k" : "disk_8k",
                           .text = small ? "disk: 4 KiB appended and synced"
                                         : "disk: 8 KiB appended and synced" };
    random_fill(block, sizeof(block));
    (void)snprintf(path, sizeof(path), "%s/appended", b->folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return disk_failed(path);
    (void)bench_step(b, ret->text, DISK_WEIGHT);
    int r = 0;
    while (r == 0 && bench_goes_on(b)) {
        const double begun = bench_now();
        if (write(fd, block, size) != (ssize_t)size || fdatasync(fd) < 0)
            r = -1;
        else
            r = bench_note(&times, bench_now() - begun);
    }
    if (r == 0 || r == -ENOMEM)
        bench_finish(ret, &times, (double)times.n, bench_now() - b->begun_at);
    else
        r = disk_failed(path);
    free(times.seconds);
    close(fd);
    (void)unlink(path);
    return r < 0 ? CTL_REFUSED : r;
}

/* --- the store ------------------------------------------------------------------------------ */

static StoreOp *make_accept(const uint8_t body[static BENCH_BODY]) {
    _cleanup_(store_op_freep) StoreOp *op = store_op_new(OP_ACCEPT);
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    _cleanup_(freep) uint8_t *envelope = NULL;
    size_t n;
    const char *why;
    if (!op || !m || bench_message("dsk/0003", body, &envelope, &n) < 0 ||
        codec_decode_message(bytes_make(envelope, n), bytes_make(NULL, 0),
                             bytes_make(body, BENCH_BODY), m, &why) != 0)
        return NULL;
    op->accept.message = TAKE_PTR(m);
    (void)text_copy(op->accept.authority, sizeof(op->accept.authority), "dsk/0001");
    return TAKE_PTR(op);
}

static void list_free(StoreOp *op) {
    while (op) {
        StoreOp *next = op->next;
        store_op_free(op);
        op = next;
    }
}

static StoreOp *make_batch(unsigned n, uint8_t body[static BENCH_BODY]) {
    StoreOp *list = NULL;
    for (unsigned i = 0; i < n; i++) {
        random_fill(body, 16); /* no two are alike */
        StoreOp *op = make_accept(body);
        if (!op) {
            list_free(list);
            return NULL;
        }
        op->next = list;
        list = op;
    }
    return list;
}

int bench_store(Bench *b, unsigned batch, BenchResult *ret) {
    _cleanup_(store_closep) Store *s = NULL;
    uint8_t body[BENCH_BODY];
    char broker[BENCH_PATH_SIZE + 16];
    Ctl c = { .dir = broker, .timeout_ms = -1 };
    BenchTimes times = { 0 };
    double spent = 0;
    *ret = (BenchResult) { .step = batch == 1 ? "store_1" : "store_256",
                           .text = batch == 1 ? "store: messages, each a commit of its own"
                                              : "store: messages, 256 a commit" };
    random_fill(body, sizeof(body));
    (void)snprintf(broker, sizeof(broker), "%s/broker", b->folder);
    int r = ctl_config(&c);
    if (r == CTL_DONE)
        r = ctl_open_store(&c, &s);
    (void)bench_step(b, ret->text, STORE_WEIGHT);
    while (r == CTL_DONE && bench_goes_on(b)) {
        StoreOp *list = make_batch(batch, body);
        const double begun = bench_now();
        if (!list || store_run(s, list, now_read().wall_ms) < 0 ||
            list->accept.result.verdict != VERDICT_ACCEPTED ||
            bench_note(&times, bench_now() - begun) < 0) {
            ctl_complain("%s: the store did not take a message", broker);
            r = CTL_REFUSED;
        }
        spent += bench_now() - begun;
        list_free(list);
    }
    bench_finish(ret, &times, (double)times.n * batch, spent);
    ctl_close(&c);
    return r;
}
