/* SPDX-License-Identifier: Apache-2.0 */

/* What a neighbour says became of a message, and about whom it is believed. */

#include "test.h"

#include "store-fixture.h"
#include "store/ledger.h"

#define BELOW "upt/loka-kutoarjo" /* the child of upt/satria */

static void say(Fixture *f, const Uuid *about, const char *node, int level, const char *neighbour) {
    StoreOp *op = receipt_op(f, about, node, level, neighbour);
    if (level == LEVEL_UNDELIVERABLE)
        op->accept.message->facts.receipt.cause = CAUSE_DEAD_REJECTED;
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
}

/* Is it on record that the message ended like that at the node? */
static bool has(Fixture *f, const Uuid *id, const char *outcome) {
    char text[2048];
    return strstr(outcomes(f, id, text, sizeof(text)), outcome) != NULL;
}

#define ASSERT_BELIEVED(f, id, node, neighbour)                                                    \
    do {                                                                                           \
        say((f), (id), (node), LEVEL_COLLECTED, (neighbour));                                      \
        ASSERT_TRUE(has((f), (id), node " COLLECTED"));                                            \
    } while (0)
#define ASSERT_NOT_BELIEVED(f, id, node, neighbour)                                                \
    do {                                                                                           \
        const uint64_t _told = queued((f), QUEUE_RECEIPTS, SENDER);                                \
        say((f), (id), (node), LEVEL_COLLECTED, (neighbour));                                      \
        ASSERT_TRUE(!has((f), (id), node " COLLECTED"));                                           \
        ASSERT_EQ(queued((f), QUEUE_RECEIPTS, SENDER), _told);                                     \
    } while (0)

TEST(nobody_is_added_to_a_message_by_a_word_about_him) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    ASSERT_NOT_BELIEVED(&f, &id, "min/rehsos", "hub");
    ASSERT_NOT_BELIEVED(&f, &id, "lks/0000/nobody", "hub");
    ASSERT_NOT_BELIEVED(&f, &id, HOME, "hub");
    ASSERT_OUTCOMES(&f, &id, REMOTE " PENDING");
    ASSERT_BELIEVED(&f, &id, REMOTE, "hub");
    ASSERT_NOT_BELIEVED(&f, &id, "min/rehsos", "hub"); /* what was delivered was not redirected */
    assert_sound(&f);
}

/* How many entries of that kind there are about the node, with that note. */
static uint32_t told(Fixture *f, LedgerKind kind, const char *node, const char *note) {
    LedgerBlock b;
    LedgerEntry e;
    Buf hold = { 0 };
    uint32_t n = 0;
    LedgerReader *r = calloc(1, sizeof(*r));
    for (int64_t at = 0; ledger_read(f->store, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        while (ledger_next(r, &e))
            n += (LedgerKind)e.kind == kind && strcmp(e.node, node) == 0 &&
                 strcmp(e.note, note) == 0;
    }
    buf_deinit(&hold);
    free(r);
    return n;
}

TEST(a_word_that_is_not_believed_is_on_record_as_that) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    ASSERT_NOT_BELIEVED(&f, &id, "min/rehsos", "hub");
    ASSERT_EQ(told(&f, LEDGER_TOLD, "min/rehsos", "NOT_BELIEVED"), 1);
    say(&f, &id, REMOTE, LEVEL_COLLECTED, "hub");
    ASSERT_EQ(told(&f, LEDGER_NOTED, REMOTE, ""), 1);
    say(&f, &id, REMOTE, LEVEL_UNDELIVERABLE, "hub"); /* the first one stands */
    ASSERT_EQ(told(&f, LEDGER_TOLD, REMOTE, ""), 1);
}

TEST(for_each_dead_letter_one_other_node_may_have_been_served) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    say(&f, &id, REMOTE, LEVEL_UNDELIVERABLE, "hub");
    ASSERT_NOT_BELIEVED(&f, &id, HOME, "hub");
    ASSERT_BELIEVED(&f, &id, "min/rehsos", "hub");
    ASSERT_NOT_BELIEVED(&f, &id, "cc/171", "hub");
    say(&f, &id, "min/rehsos", LEVEL_COLLECTED_LATE, "hub"); /* about the same one, again */
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 3);
    assert_sound(&f);
}

TEST(a_dead_letter_that_was_redirected_twice_is_two) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    say(&f, &id, REMOTE, LEVEL_UNDELIVERABLE, "hub");
    say(&f, &id, "min/rehsos", LEVEL_UNDELIVERABLE, "hub");
    ASSERT_BELIEVED(&f, &id, "cc/171", "hub");
    ASSERT_NOT_BELIEVED(&f, &id, "dsk/3306", "hub");
}

/* A broker between cannot put its word into the mouth of the one behind it. */
TEST(who_said_it_is_who_signed_it) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    StoreOp *op = receipt_op(&f, &id, REMOTE, LEVEL_COLLECTED, "hub");
    strcpy(op->accept.message->facts.receipt.leg, "upt/satria");
    run(&f, op);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, REMOTE " COLLECTED");
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);
    op = ask(&f, "outcome", text);
    ASSERT_STR(table_cell(op->query.table, 0, 5), "hub");
    store_op_free(op);
}

/* It goes on to its reader, who may know it. */
TEST(a_receipt_that_cannot_be_read_decides_nothing) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    StoreOp *op = receipt_op(&f, &id, REMOTE, LEVEL_COLLECTED, "hub");
    op->accept.message->facts.readable = false;
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, REMOTE " PENDING");
    assert_sound(&f);
}

/* Else two brokers could tell each other of the other's words without end. */
TEST(a_word_about_a_receipt_is_not_noted) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    StoreOp *op = link_op(message_to(&f, "dsk/3302", 1), "upt/phala-martha", "dsk/3302", f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    const Uuid id = op->accept.message->env.message_id;
    settle(&f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    op = receipt_op(&f, &id, "dsk/3302", LEVEL_COLLECTED, "upt/satria");
    const Uuid receipt = op->accept.message->env.message_id;
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1); /* on to its sender */
    settle(&f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, "dsk/3302 COLLECTED");
    ASSERT_TRUE(!has(&f, &receipt, "COLLECTED"));
    say(&f, &receipt, SENDER, LEVEL_COLLECTED, "upt/phala-martha");
    ASSERT_TRUE(!has(&f, &receipt, "COLLECTED"));
    assert_sound(&f);
}

/* --- event scopes --------------------------------------------------------------------------- */

/* What the stored envelope says: scope 33. */
static int decode_scope(Bytes b, Envelope *ret) {
    (void)b;
    *ret = (Envelope) { .audience = { .form = AUDIENCE_SCOPE, .n = 1, .scope = { "33" } } };
    return 0;
}

static Message *event_in_33(Fixture *f, const char *sender) {
    Message *m = sample_event(sender, "33");
    m->env.message_id = id_of(++f->n_ids);
    give_body(m, "event", "facts", "");
    return m;
}

static void put_broker(Fixture *f, const char *id) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_nodes = 1;
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.nodes[0] = sample_broker(id, NODE_UPT_BALAI, "hub");
    run(f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

TEST(in_a_scope_those_who_live_in_it_beyond_the_neighbour_count) {
    FIXTURE(f);
    f.codec.decode_envelope = decode_scope;
    fixture_reopen(&f);
    store_op_free(publish(&f, event_in_33(&f, SENDER)));
    const Uuid id = id_of(1);
    ASSERT_BELIEVED(&f, &id, "dsk/3302", "hub");
    ASSERT_BELIEVED(&f, &id, "lks/3306/0001", "hub"); /* two brokers further on */
    ASSERT_BELIEVED(&f, &id, "cc/171", "hub");
    ASSERT_NOT_BELIEVED(&f, &id, "lks/9999/stray", "hub"); /* of no broker */
    ASSERT_NOT_BELIEVED(&f, &id, "lks/3300/nobody", "hub");
    ASSERT_NOT_BELIEVED(&f, &id, HOME, "hub"); /* ours to say, and not in it */
    put_node(&f, "lks/3500/0001", false, "hub");
    ASSERT_NOT_BELIEVED(&f, &id, "lks/3500/0001", "hub"); /* not in it */
    put_node(&f, "lks/3399/0001", false, "upt/satria");   /* it joined there later, */
    ASSERT_BELIEVED(&f, &id, "lks/3399/0001", "hub");
    put_node(&f, "lks/3398/0001", true, "upt/satria"); /* and left again */
    ASSERT_BELIEVED(&f, &id, "lks/3398/0001", "hub");
    assert_sound(&f);
}

/* It did not get there: whoever sent it hears that a whole region was not reached. */
TEST(in_a_scope_a_broker_on_the_way_stands_for_those_beyond_it) {
    FIXTURE(f);
    f.codec.decode_envelope = decode_scope;
    fixture_reopen(&f);
    put_broker(&f, "upt/far");
    put_broker(&f, "upt/empty");
    put_node(&f, "lks/3397/0001", false, "upt/far");
    store_op_free(publish(&f, event_in_33(&f, SENDER)));
    const Uuid id = id_of(1);
    say(&f, &id, "upt/far", LEVEL_UNDELIVERABLE, "hub");
    ASSERT_TRUE(has(&f, &id, "upt/far UNDELIVERABLE"));
    ASSERT_NOT_BELIEVED(&f, &id, "upt/empty", "hub");
    ASSERT_NOT_BELIEVED(&f, &id, "upt/phala-martha", "hub");
}

TEST(in_a_scope_nobody_speaks_for_those_behind_another_neighbour) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "upt/satria");
    f.codec.decode_envelope = decode_scope;
    fixture_reopen(&f);
    Message *m = event_in_33(&f, "dsk/3302");
    store_op_free(publish(&f, m));
    const Uuid id = id_of(1);
    ASSERT_NOT_BELIEVED(&f, &id, "min/rehsos", BELOW);
    ASSERT_NOT_BELIEVED(&f, &id, "dsk/3306", "hub");
    ASSERT_BELIEVED(&f, &id, "min/rehsos", "hub");
    ASSERT_BELIEVED(&f, &id, "dsk/3306", BELOW);
}

TEST(in_a_scope_a_dead_letter_may_have_gone_outside_it) {
    FIXTURE(f);
    f.codec.decode_envelope = decode_scope;
    fixture_reopen(&f);
    store_op_free(publish(&f, event_in_33(&f, SENDER)));
    const Uuid id = id_of(1);
    put_node(&f, "lks/3500/0001", false, "hub");
    put_node(&f, "lks/3500/0002", false, "hub");
    say(&f, &id, "dsk/3302", LEVEL_UNDELIVERABLE, "hub");
    ASSERT_BELIEVED(&f, &id, "lks/3500/0001", "hub");
    ASSERT_NOT_BELIEVED(&f, &id, "lks/3500/0002", "hub");
}

/* --- what was purged on the way ------------------------------------------------------------- */

/* Is the word passed on to the sender's home? */
static bool is_passed_on(Fixture *f, const Uuid *about, const char *node, const char *neighbour) {
    const uint64_t before = queued(f, QUEUE_LINK, "upt/satria");
    Message *m = message_to(f, "dsk/3302", 0);
    m->env.kind = KIND_RECEIPT;
    m->lane = LANE_PRIORITY;
    strcpy(m->env.sender, neighbour);
    m->facts.receipt.message_id = *about;
    strcpy(m->facts.receipt.recipient, node);
    m->facts.receipt.level = LEVEL_UNDELIVERABLE;
    strcpy(m->facts.receipt.leg, neighbour);
    StoreOp *op = link_op(m, neighbour, "dsk/3302", f->now_ms);
    run(f, op);
    store_op_free(op);
    return queued(f, QUEUE_LINK, "upt/satria") > before;
}

TEST(of_what_was_purged_on_the_way_he_may_speak_who_got_it) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    put_broker(&f, "upt/third");
    Message *m = message_to(&f, HOME, 1);
    const Uuid id = m->env.message_id;
    strcpy(m->env.sender, "dsk/3302");
    StoreOp *op = link_op(m, "upt/satria", HOME, f.now_ms);
    m->fwd.expires_ms = f.now_ms + 90 * DAY_MS;
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    settle(&f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    ASSERT_TRUE(!is_passed_on(&f, &id, HOME, "upt/third"));
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
    ASSERT_TRUE(!is_passed_on(&f, &id, HOME, "upt/third"));
    ASSERT_TRUE(!is_passed_on(&f, &id, SENDER, "upt/third")); /* whom it did not go to */
    put_node(&f, HOME, false, "upt/third");                   /* it moved since */
    ASSERT_TRUE(!is_passed_on(&f, &id, HOME, "upt/third"));
    ASSERT_EQ(told(&f, LEDGER_TOLD, SENDER, "NOT_BELIEVED"), 1);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
    ASSERT_TRUE(is_passed_on(&f, &id, HOME, "upt/phala-martha"));
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE");
    ASSERT_EQ(told(&f, LEDGER_NOTED, HOME, ""), 1);
    assert_sound(&f);
}

TEST_MAIN
