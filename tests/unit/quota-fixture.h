/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages that count against a quota, and how they end beyond a link. */

#include "law-fixture.h"

#define QUOTA 8U

static inline Message *plain(Fixture *f) {
    return message_to(f, HOME, 0);
}

static inline Message *urgent(Fixture *f, Lane lane) {
    Message *m = plain(f);
    m->lane = lane;
    return m;
}

static inline uint64_t size_of_one(Fixture *f) {
    Message *m = message_to(f, HOME, 0);
    const uint64_t n = body_size(m->body);
    message_free(m);
    f->n_ids = 100; /* envelopes of one length */
    return n + 2;
}

static inline DeliveryRow hand_over(Fixture *f, Message *m) {
    const DeliveryRow row = deposit(f, m);
    settle(f, &row, QUEUE_LINK);
    assert_sound(f);
    return row;
}

static inline void told(Fixture *f, const Uuid *about, const char *recipient, int level,
                        const char *neighbour) {
    StoreOp *op = receipt_op(f, about, recipient, level, neighbour);
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    assert_sound(f);
}
