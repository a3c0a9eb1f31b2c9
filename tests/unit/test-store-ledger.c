/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/base64.h"
#include "no-room.h"
#include "store-fixture.h"
#include "store/ledger.h"
#include "store/salvage.h"

/* "KIND node peer code note; ..." of all entries about a message (NULL: of all). */
static const char *entries(Fixture *f, const Uuid *id, char *ret, size_t size) {
    LedgerBlock b;
    LedgerEntry e;
    Buf text = { 0 }, hold = { 0 };
    LedgerReader *r = calloc(1, sizeof(*r));
    for (int64_t at = 0; ledger_read(f->store, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        while (ledger_next(r, &e))
            if (!id || uuid_equal(id, &e.message_id))
                buf_addf(&text, "%s%s%s%s%s%s%s%s", text.n > 0 ? "; " : "",
                         ledger_kind_name((int)e.kind), e.node[0] ? " " : "", e.node,
                         e.peer[0] ? " by " : "", e.peer, e.note[0] ? " " : "", e.note);
        ASSERT_TRUE(ledger_reader_end(r));
    }
    text_copy(ret, size, text.n > 0 ? buf_text(&text) : "");
    buf_deinit(&text);
    buf_deinit(&hold);
    free(r);
    return ret;
}
#define ASSERT_ENTRIES(f, id, want)                                                                \
    do {                                                                                           \
        char _text[2048];                                                                          \
        ASSERT_STR(entries((f), (id), _text, sizeof(_text)), (want));                              \
    } while (0)

static LedgerAudit *audit(Fixture *f) {
    LedgerAudit *a = calloc(1, sizeof(*a));
    assert_non_null(a);
    ASSERT_OK(store_audit(f->store, a, NULL, NULL));
    return a;
}

static void assert_ledger_whole(Fixture *f) {
    LedgerAudit *a = audit(f);
    if (a->n_wrong > 0)
        fail_msg("block %lld: %s", (long long)a->found[0].block, a->found[0].text);
    free(a);
}

static void assert_ledger_broken(Fixture *f, int64_t block, const char *word) {
    LedgerAudit *a = audit(f);
    ASSERT_TRUE(a->n_wrong > 0);
    ASSERT_EQ(a->found[0].block, block);
    if (!strstr(a->found[0].text, word))
        fail_msg("%s", a->found[0].text);
    free(a);
}

static void refuse(Fixture *f, Message *m, Verdict want) {
    StoreOp *op = accept_op(m);
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, want);
    store_op_free(op);
}

/* --- what is noted -------------------------------------------------------------------------- */

TEST(a_message_leaves_its_way_in_the_ledger) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_ENTRIES(&f, &id, "ACCEPTED " SENDER "; DEPOSITED " HOME "; COLLECTED " HOME);
    assert_ledger_whole(&f);
}

TEST(a_message_over_a_link_is_routed_and_handed) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    const DeliveryRow row = deposit(&f, m);
    const Uuid id = id_of(1);
    settle(&f, &row, QUEUE_LINK);
    ASSERT_ENTRIES(&f, &id, "ACCEPTED " SENDER "; ROUTED " REMOTE " by hub; HANDED by hub");
    StoreOp *op = link_op(message_to(&f, HOME, 2), "hub", HOME, f.now_ms);
    strcpy(op->accept.message->env.sender, REMOTE);
    run(&f, op);
    const Uuid second = id_of(2);
    ASSERT_ENTRIES(&f, &second, "ACCEPTED " REMOTE " by hub; DEPOSITED " HOME);
    store_op_free(op);
}

/* It stands there as what it tells, of the message it is about. */
TEST(a_receipt_is_not_noted_as_a_message_of_its_own) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    const Uuid id = id_of(1);
    settle(&f, &row, QUEUE_LINK);
    StoreOp *op = receipt_op(&f, &id, REMOTE, LEVEL_COLLECTED, "hub");
    const Uuid receipt = op->accept.message->env.message_id;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    ASSERT_ENTRIES(&f, &receipt, "");
    ASSERT_ENTRIES(&f, &id,
                   "ACCEPTED " SENDER "; ROUTED " REMOTE " by hub; HANDED by hub; NOTED " REMOTE
                   " by hub");
}

TEST(refusals_and_conflicts_are_noted) {
    FIXTURE(f);
    store_op_free(publish(&f, message_to(&f, HOME, 1)));
    Message *m = message_to(&f, HOME, 1);
    m->env.message_id = id_of(1);
    refuse(&f, m, VERDICT_CONFLICT);
    const Uuid id = id_of(1), second = id_of(3);
    ASSERT_ENTRIES(&f, &id, "ACCEPTED " SENDER "; DEPOSITED " HOME "; CONFLICT " SENDER);
    f.n_ids = 2;
    refuse(&f, message_to(&f, "lks/9999/none", 1), VERDICT_REFUSED);
    ASSERT_ENTRIES(&f, &second, "REFUSED " SENDER " UNKNOWN_RECIPIENT");
    /* a repeat of what was accepted is no news */
    StoreOp *op = accept_op(message_to(&f, HOME, 1));
    op->accept.message->env.message_id = id_of(1);
    give_body(op->accept.message, "envelope 1", "facts", "sealed");
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    ASSERT_ENTRIES(&f, &id, "ACCEPTED " SENDER "; DEPOSITED " HOME "; CONFLICT " SENDER);
}

TEST(the_ends_of_a_delivery_are_noted_once) {
    FIXTURE(f);
    const DeliveryRow gone = deposit(&f, message_to(&f, HOME, 1)),
                      bad = deposit(&f, message_to(&f, HOME, 2));
    const Uuid one = id_of(1), two = id_of(2);
    for (int i = 0; i < 2; i++)
        store_op_free(change(&f, &gone, QUEUE_MAILBOX, ACTION_EXPIRE, CAUSE_EXPIRED_IN_MAILBOX));
    ASSERT_ENTRIES(&f, &one, "ACCEPTED " SENDER "; DEPOSITED " HOME "; UNDELIVERABLE " HOME);
    store_op_free(change(&f, &bad, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    StoreOp *op = operate(&f, DEAD_REQUEUE, &two, "", "");
    const DeliveryRow again = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &again, QUEUE_MAILBOX);
    ASSERT_ENTRIES(&f, &two,
                   "ACCEPTED " SENDER "; DEPOSITED " HOME "; UNDELIVERABLE " HOME "; DEAD " HOME
                   "; REQUEUED " HOME " by hub; COLLECTED_LATE " HOME);
    assert_ledger_whole(&f);
}

/* The id is still known: it is all that an operator can ask about. */
TEST(the_end_of_a_row_without_its_message_is_noted_under_its_id) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    f.store = store_close(f.store);
    tamper(&f, "DELETE FROM message WHERE seq = 1");
    fixture_open(&f);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_CHECKSUM));
    ASSERT_ENTRIES(&f, &id, "ACCEPTED " SENDER "; DEPOSITED " HOME "; DEAD " HOME);
}

/* Of what was rolled back nothing is noted, also not in the name of who has its number now. */
TEST(the_end_of_a_receipt_is_not_noted_under_another_id) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    fail_for_want_of_room(&f);
    f.now_ms += 10 * SECOND_MS;
    StoreOp *op = change(&f, &row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 1);
    const DeliveryRow receipt = op->deposits[0].row;
    store_op_free(op);
    store_op_free(change(&f, &receipt, QUEUE_RECEIPTS, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid rolled_back = id_of(2);
    ASSERT_ENTRIES(&f, &rolled_back, "");
    assert_ledger_whole(&f);
}

TEST(the_words_of_an_operator_stay_out) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    StoreOp *op = dead_op(DEAD_DISCARD, &id, "", "");
    strcpy(op->dead.reason, "Budi of Cianjur called");
    run(&f, op);
    store_op_free(op);
    char text[2048];
    entries(&f, NULL, text, sizeof(text));
    assert_null(strstr(text, "Budi"));
    assert_non_null(strstr(text, "DISCARDED " HOME " by hub"));
}

TEST(where_a_dead_letter_was_sent_is_noted) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    store_op_free(operate(&f, DEAD_REDIRECT, &id, "", "dsk/3204"));
    char text[2048];
    entries(&f, NULL, text, sizeof(text));
    assert_non_null(strstr(text, "REDIRECTED " HOME " by hub dsk/3204"));
}

/* The broker's own word is a message like others: that it was made, for whom, and its end. */
TEST(a_notice_leaves_its_way_in_the_ledger) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    f.now_ms += 5 * HOUR_MS;
    StoreOp *op = change(&f, &row, QUEUE_MAILBOX, ACTION_WARN_DELAY, CAUSE_NONE);
    DeliveryRow notice = { 0 };
    for (uint32_t i = 0; i < op->n_deposits; i++)
        if (op->deposits[i].row.queue == queue_id(&f, QUEUE_MAILBOX, "dsp/32", NULL))
            notice = op->deposits[i].row;
    ASSERT_TRUE(notice.seq > 0);
    store_op_free(op);
    settle(&f, &notice, QUEUE_MAILBOX);
    char text[2048];
    entries(&f, NULL, text, sizeof(text));
    assert_non_null(strstr(text, "ACCEPTED " SELF "; DEPOSITED dsp/32"));
    assert_non_null(strstr(text, "COLLECTED dsp/32"));
}

TEST(entries_of_the_broker_are_in_the_batch_they_came_with) {
    FIXTURE(f);
    StoreOp *op = store_op_new(OP_NOTE);
    op->note.list = calloc(2, sizeof(LedgerEntry));
    op->note.n = 2;
    op->note.list[0] = (LedgerEntry) { .kind = LEDGER_STARTED, .note = "serasid" };
    op->note.list[1] = (LedgerEntry) { .kind = LEDGER_DENIED, .node = "lks/1", .peer = "main" };
    run(&f, op);
    store_op_free(op);
    op = store_op_new(OP_QUERY);
    strcpy(op->query.verb, "status");
    op->entry = calloc(1, sizeof(LedgerEntry));
    *op->entry = (LedgerEntry) { .kind = LEDGER_OPERATOR, .peer = "uid:0", .note = "status" };
    run(&f, op);
    store_op_free(op);
    char text[2048];
    entries(&f, NULL, text, sizeof(text));
    assert_non_null(
        strstr(text, "STARTED serasid; DENIED lks/1 by main; OPERATOR by uid:0 status"));
}

/* --- transactions --------------------------------------------------------------------------- */

static int64_t blocks(Fixture *f) {
    StoreOp *op = ask(f, "ledger-info", NULL);
    const int64_t n = strtoll(table_cell(op->query.table, 0, 4), NULL, 10);
    store_op_free(op);
    return n;
}

TEST(a_batch_is_one_block_and_nothing_is_none) {
    FIXTURE(f);
    const int64_t before = blocks(&f);
    StoreOp *first = accept_op(message_to(&f, HOME, 1));
    first->next = accept_op(message_to(&f, HOME, 2));
    ASSERT_OK(store_run(f.store, first, f.now_ms));
    ASSERT_EQ(blocks(&f), before + 1);
    store_op_free(first->next);
    store_op_free(first);
    idle(&f);
    (void)queued(&f, QUEUE_MAILBOX, HOME);
    ASSERT_EQ(blocks(&f), before + 1);
}

TEST(a_ledger_goes_on_after_a_crash_and_after_a_stop) {
    FIXTURE(f);
    for (uint8_t i = 1; i <= 6; i++) {
        store_op_free(publish(&f, message_to(&f, HOME, i)));
        if (i % 2)
            fixture_crash(&f);
        else
            fixture_reopen(&f);
        assert_ledger_whole(&f);
    }
}

/* More than one block holds. */
TEST(a_large_transaction_makes_several_blocks) {
    FIXTURE(f);
    StoreOp *op = store_op_new(OP_NOTE);
    const int64_t before = blocks(&f);
    op->note.n = 4000;
    op->note.list = calloc(op->note.n, sizeof(LedgerEntry));
    for (uint32_t i = 0; i < op->note.n; i++) {
        LedgerEntry *e = &op->note.list[i];
        *e = (LedgerEntry) { .kind = LEDGER_ACCEPTED, .has_digest = true };
        e->message_id = id_of(i + 1);
        snprintf(e->node, sizeof(e->node), "lks/%u", (unsigned)i);
    }
    run(&f, op);
    store_op_free(op);
    assert_in_range(blocks(&f) - before, 3, 8);
    assert_ledger_whole(&f);
}

/* --- tampering with the file ---------------------------------------------------------------- */

static void tampered(Fixture *f, const char *sql, int64_t block, const char *word) {
    f->store = store_close(f->store);
    tamper(f, sql);
    fixture_open(f);
    assert_ledger_broken(f, block, word);
}

static void ten_blocks(Fixture *f) {
    const int64_t before = blocks(f);
    for (int64_t i = before; i < 10; i++)
        store_op_free(publish(f, message_to(f, HOME, (uint8_t)i)));
    ASSERT_EQ(blocks(f), 10);
}

TEST(an_edit_in_the_file_is_found) {
    FIXTURE(f);
    ten_blocks(&f);
    tampered(
        &f,
        "UPDATE ledger SET body = CAST(substr(body, 1, 5) || x'5a' || substr(body, 7) AS BLOB) "
        "WHERE block = 6",
        6, "changed");
}

TEST(a_row_deleted_from_the_file_is_found) {
    FIXTURE(f);
    ten_blocks(&f);
    tampered(&f, "DELETE FROM ledger WHERE block = 6", 7, "block 6 was expected");
}

TEST(a_row_put_into_the_file_is_found) {
    FIXTURE(f);
    ten_blocks(&f);
    tampered(&f,
             "INSERT INTO ledger SELECT 11, at, first_entry + n, n, body, hash FROM ledger "
             "WHERE block = 10",
             11, "changed");
}

TEST(swapped_rows_are_found) {
    FIXTURE(f);
    ten_blocks(&f);
    tampered(&f,
             "UPDATE ledger SET block = -1 WHERE block = 6; UPDATE ledger SET block = 6 WHERE "
             "block = 7; UPDATE ledger SET block = 7 WHERE block = -1",
             6, "entries");
}

/* The broker goes on, and the gap stays to be seen. */
TEST(a_tail_cut_off_the_file_is_found_and_stays_found) {
    FIXTURE(f);
    ten_blocks(&f);
    tampered(&f, "DELETE FROM ledger WHERE block > 8", 8, "cut off");
    ASSERT_EQ(store_health(f.store)->ledger_cut, 2);
    store_op_free(publish(&f, message_to(&f, HOME, 99)));
    assert_ledger_broken(&f, 11, "block 9 was expected");
}

#define CUT(n) "DELETE FROM ledger WHERE block > (SELECT max(block) - " #n " FROM ledger)"

static void assert_cut(Fixture *f, const char *sql, int64_t n) {
    f->store = store_close(f->store);
    if (sql)
        tamper(f, sql);
    fixture_open(f);
    ASSERT_EQ(store_health(f->store)->ledger_cut, n);
}

/* Not told to its sender: its end is a block in which no message was written. */
static DeliveryRow deposit_untold(Fixture *f, uint8_t case_number) {
    Message *m = message_to(f, HOME, case_number);
    m->env.receipts = RECEIPTS_FAILURES_ONLY;
    return deposit(f, m);
}

TEST(a_tail_of_blocks_without_messages_is_found) {
    FIXTURE(f);
    DeliveryRow rows[3];
    for (uint8_t i = 0; i < 3; i++)
        rows[i] = deposit_untold(&f, i);
    for (uint8_t i = 0; i < 3; i++)
        settle(&f, &rows[i], QUEUE_MAILBOX);
    assert_cut(&f, CUT(2), 2);
    store_op_free(publish(&f, message_to(&f, HOME, 9)));
    assert_cut(&f, CUT(1), 3); /* the gap stays */
}

/* A warning makes a receipt and no entry; blocks without messages after it are found all the same.
 */
TEST(a_block_that_only_messages_without_entries_name_is_not_missed) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1)), untold = deposit_untold(&f, 2);
    const int64_t before = blocks(&f);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_WARN_EXPIRY, CAUSE_NONE));
    ASSERT_EQ(blocks(&f), before);
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 1);
    assert_cut(&f, NULL, 0);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_PARK, CAUSE_NONE));
    settle(&f, &untold, QUEUE_MAILBOX);
    ASSERT_EQ(blocks(&f), before + 1);
    assert_cut(&f, CUT(1), 1);
}

/* The same without a start between them, and with a transaction that comes to nothing. */
TEST(a_tail_is_found_after_a_warning_and_a_roll_back) {
    for (int rolled_back = 0; rolled_back < 2; rolled_back++) {
        FIXTURE(f);
        const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1)),
                          untold = deposit_untold(&f, 2);
        store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_WARN_EXPIRY, CAUSE_NONE));
        if (rolled_back) { /* with a message in it */
            (void)ledger_filling(f.store);
            ledger_rolled_back(f.store);
        }
        settle(&f, &untold, QUEUE_MAILBOX);
        assert_cut(&f, CUT(1), 1);
    }
}

/* The newest block is the one of a receipt, whose own end is not in the ledger. */
TEST(a_tail_is_found_when_its_messages_are_purged) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    settle(&f, &row, QUEUE_MAILBOX);
    StoreOp *rows = load(&f, queue_id(&f, QUEUE_RECEIPTS, SENDER, NULL), LANE_PRIORITY, 10);
    ASSERT_EQ(rows->load.n, 1);
    settle(&f, &rows->load.rows[0], QUEUE_RECEIPTS);
    store_op_free(rows);
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_EQ(store_health(f.store)->messages, 0);
    assert_cut(&f, CUT(1), 1);
}

TEST(a_tail_cut_off_with_its_count_leaves_messages_without_entries) {
    FIXTURE(f);
    ten_blocks(&f);
    tampered(&f,
             "DELETE FROM ledger WHERE block > 8; UPDATE meta SET value = 8 WHERE key = "
             "'ledger_block'; UPDATE message SET block = 8 WHERE block > 8",
             8, "2 messages in the store are not in the ledger");
}

/* --- countersigning ------------------------------------------------------------------------- */

typedef struct Pair {
    Fixture child, parent;
    SignKey key;
} Pair;

static void pair_init(Pair *p) {
    fixture_init_as(&p->parent, "hub");
    sign_key_new(&p->key);
    p->parent.config.sign_key = &p->key;
    fixture_reopen(&p->parent);
    fixture_init(&p->child);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_keys = 1;
    op->import.keys = calloc(1, sizeof(DirKey));
    memset(op->import.keys[0].curve, 'k', CURVE_TEXT_SIZE - 1);
    strcpy(op->import.keys[0].node, "hub");
    strcpy(op->import.keys[0].label, "main");
    op->import.keys[0].sign = p->key.public;
    run(&p->child, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

static void pair_deinit(Pair *p) {
    fixture_deinit(&p->child);
    fixture_deinit(&p->parent);
}
#define PAIR(p)                                                                                    \
    _cleanup_(pair_deinit) Pair p;                                                                 \
    pair_init(&p)

static StoreOp *query(Fixture *f, const char *verb, const char *authority, const Table *from,
                      const uint32_t *columns, uint32_t n) {
    StoreOp *op = store_op_new(OP_QUERY);
    strcpy(op->query.verb, verb);
    strcpy(op->query.authority, authority);
    for (uint32_t i = 0; i < n; i++)
        op->query.args[op->query.n_args++] = strdup(table_cell(from, 0, columns[i]));
    run(f, op);
    return op;
}

/* What the parent says to the head of the child. */
static StoreOp *show_head(Pair *p, const char *since) {
    StoreOp *head = ask(&p->child, "ledger-head", since);
    ASSERT_EQ(head->query.table->code, 0);
    StoreOp *said = query(&p->parent, "ledger-witness", SELF, head->query.table,
                          (const uint32_t[]) { 0, 1, 2, 3 }, 4);
    store_op_free(head);
    return said;
}

static void keep(Pair *p, const StoreOp *said) {
    ASSERT_STR(table_cell(said->query.table, 0, 0), "signed");
    StoreOp *kept = query(&p->child, "ledger-countersigned", "", said->query.table,
                          (const uint32_t[]) { 1, 2, 3, 4, 5, 6 }, 6);
    ASSERT_STR(kept->query.table->text, "");
    store_op_free(kept);
}

static void countersign(Pair *p) {
    StoreOp *said = show_head(p, NULL);
    keep(p, said);
    store_op_free(said);
}

static void one_more(Pair *p) {
    p->child.now_ms += 1000;
    store_op_free(publish(&p->child, message_to(&p->child, HOME, 1)));
}

TEST(a_head_is_countersigned_and_both_say_so) {
    PAIR(p);
    char text[4096];
    for (int i = 0; i < 3; i++) {
        one_more(&p);
        countersign(&p);
    }
    LedgerAudit *a = audit(&p.child);
    ASSERT_EQ(a->n_wrong, 0);
    ASSERT_EQ(a->n_held, 3);
    ASSERT_TRUE(a->proven > 0);
    free(a);
    assert_non_null(strstr(entries(&p.child, NULL, text, sizeof(text)), "COUNTERSIGNED hub"));
    assert_non_null(strstr(entries(&p.parent, NULL, text, sizeof(text)), "WITNESSED " SELF));
    assert_ledger_whole(&p.parent);
}

static bool is_looked_at(Pair *p) {
    StoreOp *said = show_head(p, NULL);
    const bool looked = said->query.table->code == 0;
    if (!looked)
        assert_non_null(strstr(said->query.table->text, "TOO_OFTEN"));
    store_op_free(said);
    return looked;
}

/* Each is an entry that the parent keeps for years. */
TEST(nobody_shows_heads_without_end) {
    PAIR(p);
    uint32_t n = 0;
    one_more(&p);
    while (n < 200 && is_looked_at(&p))
        n++;
    ASSERT_EQ(n, 128);
    const int64_t before = blocks(&p.parent);
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE(!is_looked_at(&p));
    ASSERT_EQ(blocks(&p.parent), before);
    p.parent.now_ms += 10 * MINUTE_MS;
    ASSERT_TRUE(is_looked_at(&p));
    ASSERT_TRUE(!is_looked_at(&p));
}

TEST(a_countersignature_that_got_lost_does_no_harm) {
    PAIR(p);
    one_more(&p);
    store_op_free(show_head(&p, NULL)); /* the answer never came */
    one_more(&p);
    StoreOp *said = show_head(&p, NULL);
    ASSERT_STR(table_cell(said->query.table, 0, 0), "since");
    StoreOp *again = show_head(&p, table_cell(said->query.table, 0, 1));
    keep(&p, again);
    store_op_free(said);
    store_op_free(again);
    assert_ledger_whole(&p.child);
}

static void assert_forked(Pair *p, const char *since) {
    char text[4096];
    StoreOp *said = show_head(p, since);
    ASSERT_EQ(said->query.table->code, 1);
    assert_non_null(strstr(said->query.table->text, "FORKED"));
    store_op_free(said);
    assert_non_null(strstr(entries(&p->parent, NULL, text, sizeof(text)), "FORKED hub by " SELF));
}

TEST(a_store_put_back_is_not_countersigned) {
    PAIR(p);
    char command[512];
    one_more(&p);
    p.child.store = store_close(p.child.store);
    snprintf(command, sizeof(command), "cp %s %s.old", p.child.path, p.child.path);
    ASSERT_OK(system(command));
    fixture_open(&p.child);
    one_more(&p);
    one_more(&p);
    countersign(&p);
    p.child.store = store_close(p.child.store);
    snprintf(command, sizeof(command), "rm -f %s-*; mv %s.old %s", p.child.path, p.child.path,
             p.child.path);
    ASSERT_OK(system(command));
    fixture_open(&p.child);
    assert_forked(&p, NULL); /* behind what the parent knows */
    p.child.n_ids += 10;
    for (int i = 0; i < 4; i++)
        one_more(&p);
    StoreOp *said = show_head(&p, NULL); /* beyond it, on another way */
    ASSERT_STR(table_cell(said->query.table, 0, 0), "since");
    assert_forked(&p, table_cell(said->query.table, 0, 1));
    store_op_free(said);
    StoreOp *forget = ask(&p.parent, "ledger-forget", SELF);
    ASSERT_EQ(forget->query.table->code, 0);
    store_op_free(forget);
    countersign(&p);
}

TEST(a_parent_put_back_hears_it_from_its_child) {
    PAIR(p);
    char command[512];
    one_more(&p);
    countersign(&p);
    p.parent.store = store_close(p.parent.store);
    snprintf(command, sizeof(command), "cp %s %s.old", p.parent.path, p.parent.path);
    ASSERT_OK(system(command));
    fixture_open(&p.parent);
    one_more(&p);
    countersign(&p);
    p.parent.store = store_close(p.parent.store);
    snprintf(command, sizeof(command), "rm -f %s-*; mv %s.old %s", p.parent.path, p.parent.path,
             p.parent.path);
    ASSERT_OK(system(command));
    fixture_open(&p.parent);
    one_more(&p);
    assert_forked(&p, NULL);
    StoreOp *forget = ask(&p.parent, "ledger-forget", SELF);
    ASSERT_EQ(forget->query.table->code, 0);
    store_op_free(forget);
    countersign(&p);
}

TEST(a_false_countersignature_is_not_kept) {
    PAIR(p);
    one_more(&p);
    StoreOp *said = show_head(&p, NULL);
    Table *t = said->query.table;
    char *at = t->cells[3];
    t->cells[3] = strdup("12345");
    StoreOp *kept =
        query(&p.child, "ledger-countersigned", "", t, (const uint32_t[]) { 1, 2, 3, 4, 5, 6 }, 6);
    assert_non_null(strstr(kept->query.table->text, "does not hold"));
    store_op_free(kept);
    free(t->cells[3]);
    t->cells[3] = at;
    keep(&p, said);
    store_op_free(said);
}

/* Somebody with the file and the knowledge how it is made. */
static void rewrite_from(Fixture *f, int64_t from) {
    LedgerBlock b;
    LedgerHead head;
    Buf hold = { 0 }, sql = { 0 };
    bool edited = false;
    ledger_head_init(&head, SELF);
    for (int64_t at = 0; ledger_read(f->store, at, &hold, &b); at = b.number) {
        if (b.number >= from && !edited) {
            hold.p[hold.n - 1] ^= 1;
            edited = true;
        }
        ledger_block_hash(&head, &b, b.hash);
        head = (LedgerHead) { .block = b.number, .entries = b.first + b.n - 1 };
        memcpy(head.hash, b.hash, DIGEST_SIZE);
        buf_addf(&sql, "UPDATE ledger SET body = x'");
        for (size_t i = 0; i < hold.n; i++)
            buf_addf(&sql, "%02x", hold.p[i]);
        buf_addf(&sql, "', hash = x'");
        for (size_t i = 0; i < DIGEST_SIZE; i++)
            buf_addf(&sql, "%02x", b.hash[i]);
        buf_addf(&sql, "' WHERE block = %lld;", (long long)b.number);
    }
    f->store = store_close(f->store);
    tamper(f, buf_text(&sql));
    fixture_open(f);
    buf_deinit(&sql);
    buf_deinit(&hold);
}

TEST(a_chain_made_again_contradicts_its_countersignature) {
    PAIR(p);
    for (int i = 0; i < 4; i++)
        one_more(&p);
    const int64_t signed_block = blocks(&p.child);
    countersign(&p);
    one_more(&p);
    rewrite_from(&p.child, signed_block - 1);
    assert_ledger_broken(&p.child, signed_block, "countersigned another hash");
    one_more(&p);
    assert_forked(&p, NULL);
}

/* --- pruning -------------------------------------------------------------------------------- */

static void prune_before(Fixture *f, int64_t ms, uint32_t code) {
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)ms);
    StoreOp *op = ask(f, "ledger-prune", text);
    ASSERT_EQ(op->query.table->code, code);
    store_op_free(op);
}

TEST(only_what_was_countersigned_is_pruned) {
    PAIR(p);
    one_more(&p);
    p.child.now_ms += 400 * DAY_MS;
    prune_before(&p.child, p.child.now_ms, 1);
    countersign(&p);
    const int64_t all = blocks(&p.child);
    p.child.now_ms += DAY_MS;
    one_more(&p);
    prune_before(&p.child, p.child.now_ms - 3600 * 1000, 0);
    idle(&p.child);
    assert_ledger_whole(&p.child);
    StoreOp *op = ask(&p.child, "ledger-blocks", "0");
    ASSERT_TRUE(strtoll(table_cell(op->query.table, 0, 0), NULL, 10) > 1);
    ASSERT_TRUE(strtoll(table_cell(op->query.table, 0, 0), NULL, 10) <= all);
    store_op_free(op);
    one_more(&p);
    countersign(&p);
    fixture_reopen(&p.child);
    assert_ledger_whole(&p.child);
}

TEST(the_retention_prunes_by_itself) {
    PAIR(p);
    one_more(&p);
    countersign(&p);
    const int64_t all = blocks(&p.child);
    p.child.config.ledger_retention_ms = 100 * DAY_MS;
    p.child.now_ms += 101 * DAY_MS;
    fixture_reopen(&p.child);
    idle(&p.child);
    assert_ledger_whole(&p.child);
    StoreOp *op = ask(&p.child, "ledger-blocks", "0");
    ASSERT_TRUE(strtoll(table_cell(op->query.table, 0, 0), NULL, 10) >= all - 1);
    store_op_free(op);
}

TEST(salvage_takes_the_ledger_along_and_says_that_it_was_there) {
    FIXTURE(f);
    SalvageReport report;
    char to[128], text[4096];
    ten_blocks(&f);
    f.store = store_close(f.store);
    snprintf(to, sizeof(to), "%s/new.db", f.folder);
    ASSERT_OK(store_salvage(&f.config, to, &report, NULL, NULL, f.why));
    ASSERT_OK(store_open_ledger(&f.store, to, f.why));
    assert_ledger_whole(&f);
    assert_non_null(strstr(entries(&f, NULL, text, sizeof(text)), "OPERATOR salvage"));
}

TEST(a_file_is_read_without_a_broker) {
    FIXTURE(f);
    char why[256], copy[128];
    ten_blocks(&f);
    f.store = store_close(f.store);
    snprintf(copy, sizeof(copy), "%s/none", f.folder);
    ASSERT_TRUE(store_open_ledger(&f.store, copy, why) < 0);
    if (store_open_ledger(&f.store, f.path, why) < 0)
        fail_msg("%s", why);
    ASSERT_STR(ledger_owner(f.store), SELF);
    assert_ledger_whole(&f);
    f.store = store_close(f.store);
    snprintf(copy, sizeof(copy), "%s-wal", f.path); /* nor is anything written beside it */
    ASSERT_TRUE(access(copy, F_OK) < 0 && errno == ENOENT);
}

/* --- the store beside it -------------------------------------------------------------------- */

/* One message that was collected, one that was recalled, one that waits, one that was handed on. */
static void four_messages(Fixture *f) {
    const DeliveryRow collected = deposit(f, message_to(f, HOME, 1)),
                      dead = deposit(f, message_to(f, HOME, 2));
    store_op_free(publish(f, message_to(f, HOME, 3)));
    const DeliveryRow handed = deposit(f, message_to(f, REMOTE, 4));
    settle(f, &collected, QUEUE_MAILBOX);
    store_op_free(change(f, &dead, QUEUE_MAILBOX, ACTION_EXPIRE, CAUSE_EXPIRED_IN_MAILBOX));
    settle(f, &handed, QUEUE_LINK);
    store_op_free(publish(f, message_to(f, HOME, 5)));
    assert_ledger_whole(f);
}

static void assert_differs(const char *sql, const char *want) {
    FIXTURE(f);
    four_messages(&f);
    ASSERT_OK(sqlite3_exec(f.store->db, sql, NULL, NULL, NULL));
    LedgerAudit *a = audit(&f);
    const LedgerFinding *wrong = a->found;
    ASSERT_EQ(a->n_wrong, 1);
    while (wrong->remark)
        wrong++;
    if (!strstr(wrong->text, want))
        fail_msg("%s: %s", sql, wrong->text);
    ASSERT_TRUE(wrong->block > 0 && wrong->entry > 0);
    free(a);
}

#define NUMBER_OF(n) "(SELECT min(seq) + " #n " - 1 FROM message)"

TEST(another_outcome_than_that_of_the_ledger_is_found) {
    assert_differs("UPDATE outcome SET level = 7 WHERE level = 3",
                   HOME ": the ledger says COLLECTED, the store UNDELIVERABLE");
    assert_differs("DELETE FROM outcome WHERE level = 7",
                   HOME ": the ledger says UNDELIVERABLE, the store nothing");
    assert_differs("DELETE FROM delivery WHERE seq = " NUMBER_OF(
                       3) ";"
                          "INSERT INTO outcome VALUES(" NUMBER_OF(3) ",'" HOME "',3,0,1,'" SELF
                                                                     "',0,'')",
                   HOME ": the ledger says nothing, the store COLLECTED");
}

TEST(a_message_taken_out_with_all_that_was_of_it_is_found) {
    assert_differs("DELETE FROM delivery WHERE seq = " NUMBER_OF(
                       3) ";"
                          "DELETE FROM dedup WHERE seq = " NUMBER_OF(
                              3) ";"
                                 "DELETE FROM message WHERE seq = " NUMBER_OF(3),
                   HOME ": the ledger says nothing, the store has lost the message");
}

/* What became of it is told elsewhere, and its id is forgotten here in time. */
TEST(what_followed_its_node_to_another_broker_is_no_finding) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    put_node(&f, HOME, false, "upt/satria");
    op = change(&f, &row, QUEUE_MAILBOX, ACTION_MOVE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 1);
    settle(&f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    for (unsigned i = 0; i < 5; i++) {
        f.now_ms += 100 * DAY_MS;
        fixture_reopen(&f);
        idle(&f);
        assert_ledger_whole(&f);
    }
}

TEST(what_is_purged_and_forgotten_in_time_is_no_finding) {
    FIXTURE(f);
    four_messages(&f);
    for (unsigned i = 0; i < 5; i++) {
        f.now_ms += 100 * DAY_MS;
        fixture_reopen(&f);
        idle(&f);
        assert_ledger_whole(&f);
    }
}

TEST_MAIN
