/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One node beside another: what it sends, how it is answered, and in which batch it goes. */

#include "broker-fixture.h"
#include "broker/internal.h"
#include "broker/session.h"

#define BAD  "dsk/3202"
#define GOOD "dsk/3203"
#define TO   "dsk/3201"

/* The broker again, under other bounds. */
static inline void begin_again(World *w) {
    w->broker = broker_free(w->broker);
    w->store = store_close(w->store);
    open_store(w);
    open_broker(w);
}

/* One more key of that node: of a program, also when the node is a broker. */
static inline void add_key(World *w, const char *key, const char *node) {
    StoreOp *op = store_op_new(OP_IMPORT);
    assert_non_null(op);
    op->import.keys = calloc(1, sizeof(DirKey));
    DirKey *k = &op->import.keys[op->import.n_keys++];
    key_of(key, k->curve);
    (void)text_copy(k->node, sizeof(k->node), node);
    (void)text_copy(k->label, sizeof(k->label), key);
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    ASSERT_STR(op->import.text, "");
    ASSERT_OK(broker_take_directory(w->broker, w->now, op->import.directory));
    store_op_free(op);
}

/* In which batch from now the message is; 0: in none of ten. */
static inline unsigned batch_of(World *w, const Uuid *id) {
    for (unsigned n = 1; n <= 10; n++) {
        bool there = false;
        broker_check_here(w->broker, w->now);
        StoreOp *list = broker_take_batch(w->broker);
        for (const StoreOp *op = list; op; op = op->next)
            there = there ||
                    (op->kind == OP_ACCEPT && uuid_equal(&op->accept.message->env.message_id, id));
        if (list) {
            ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
            ASSERT_OK(broker_stored(w->broker, w->now, list));
        }
        if (there)
            return n;
    }
    return 0;
}

/* The answers to a peer, by verdict; a reason code counts for them alone. */
static inline unsigned answers(const World *w, uint8_t peer, Verdict verdict, const char *code) {
    unsigned n = 0;
    const Heard *h;
    for (unsigned i = 0; (h = heard(w, peer, FRAME_PUBLISHED, i)); i++)
        for (uint32_t k = 0; k < h->f.published.n; k++) {
            const PublishResult *r = &h->f.published.results[k];
            n += r->verdict == verdict && (!code || (r->reasons && reasons_have(r->reasons, code)));
        }
    return n;
}

static inline void publish_bytes(World *w, uint8_t peer, const char *from, size_t sealed) {
    Letter l = letter(w, from, TO, 1, URGENCY_ROUTINE);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = l.id } };
    _cleanup_(freep) uint8_t *bytes = calloc(1, sealed);
    Bytes parts[3] = { bytes_make(l.envelope, l.n), { 0 }, bytes_make(bytes, sealed) };
    say_parts(w, peer, from, &f, parts, 3);
    free(l.envelope);
}
