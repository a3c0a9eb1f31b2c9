/* SPDX-License-Identifier: Apache-2.0 */

/* The end of a delivery on record: of which message, with which number, and who is told. */

#include "test.h"

#include "store-fixture.h"
#include "store/ledger.h"

/* The code of the last entry of that kind about the message; -1: there is none. ret_n: how many. */
static int64_t count_codes(Fixture *f, const Uuid *id, LedgerKind kind, uint32_t *ret_n) {
    LedgerBlock b;
    LedgerEntry e;
    Buf hold = { 0 };
    int64_t code = -1;
    LedgerReader *r = calloc(1, sizeof(*r));
    *ret_n = 0;
    for (int64_t at = 0; ledger_read(f->store, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        while (ledger_next(r, &e))
            if ((LedgerKind)e.kind == kind && uuid_equal(&e.message_id, id)) {
                code = e.code;
                ++*ret_n;
            }
    }
    buf_deinit(&hold);
    free(r);
    return code;
}

static int64_t code_of(Fixture *f, const Uuid *id, LedgerKind kind) {
    uint32_t n;
    return count_codes(f, id, kind, &n);
}

TEST(why_a_delivery_ended_is_on_record) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_EXPIRE, CAUSE_EXPIRED_IN_MAILBOX));
    ASSERT_EQ(code_of(&f, &id, LEDGER_UNDELIVERABLE), CAUSE_EXPIRED_IN_MAILBOX);
}

TEST(how_often_what_was_collected_was_handed_out_is_on_record) {
    FIXTURE(f);
    DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    row.attempts = 2;
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_EQ(code_of(&f, &id, LEDGER_COLLECTED), 2);
}

/* Nobody is told of their end, and their sender could not be: but that they came is known. */
TEST(the_end_of_what_has_no_receipts_is_on_record) {
    static const int kinds[] = { KIND_NOTICE, KIND_SEAL_WRAP };
    FIXTURE(f);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        Message *m = message_to(&f, HOME, (uint8_t)(i + 1));
        m->env.kind = kinds[i];
        strcpy(m->env.sender, "hub");
        const Uuid id = m->env.message_id;
        StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->n_deposits, 1);
        const DeliveryRow row = op->deposits[0].row;
        store_op_free(op);
        store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_EXPIRE, CAUSE_EXPIRED_IN_MAILBOX));
        ASSERT_EQ(code_of(&f, &id, LEDGER_UNDELIVERABLE), CAUSE_EXPIRED_IN_MAILBOX);
    }
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 0);
    assert_sound(&f);
}

TEST(what_has_no_receipts_is_collected_once_on_record) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    const Uuid id = m->env.message_id;
    uint32_t n = 0, n_late = 0;
    m->env.kind = KIND_NOTICE;
    strcpy(m->env.sender, "hub");
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    store_op_free(op);
    (void)count_codes(&f, &id, LEDGER_COLLECTED, &n);
    (void)count_codes(&f, &id, LEDGER_COLLECTED_LATE, &n_late);
    ASSERT_EQ(n, 1);
    ASSERT_EQ(n_late, 0);
}

/* A sender is asked for a wrap, or a hub for a key, by way of this broker, and the line stays down.
 */
TEST(the_end_of_a_question_on_its_way_is_on_record) {
    static const int kinds[] = { KIND_WRAP_REQUEST, KIND_KEY_REQUEST };
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        Message *m = message_to(&f, HOME, (uint8_t)(i + 1));
        const Uuid id = m->env.message_id;
        m->env.kind = kinds[i];
        strcpy(m->env.sender, "upt/satria");
        StoreOp *op = link_op(m, "upt/satria", HOME, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->n_deposits, 1);
        const DeliveryRow row = op->deposits[0].row;
        store_op_free(op);
        store_op_free(change(&f, &row, QUEUE_LINK, ACTION_EXPIRE, CAUSE_EXPIRED_ON_LINK));
        ASSERT_EQ(code_of(&f, &id, LEDGER_UNDELIVERABLE), CAUSE_EXPIRED_ON_LINK);
    }
    assert_sound(&f);
}

TEST_MAIN
