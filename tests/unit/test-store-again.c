/* SPDX-License-Identifier: Apache-2.0 */
/* What comes over a link once more, because the answer to the first time was lost: to brokers that
 * only noted it, or have purged it meanwhile. And a clock that is set back. */
#include "test.h"

#include "core/wrap.h"
#include "store-fixture.h"
#include "store/internal.h"
#include "store/message.h"
#include "store/trace.h"

#define BELOW "upt/loka-kutoarjo" /* a child of upt/satria, and home of dsk/3306 */

static int64_t number_of(Fixture *f, const char *sql) {
    return db_number(f->store, QUERY(f->store, sql), -1);
}

static Message *receipt_about(Fixture *f, const Uuid *about) {
    Message *m = message_to(f, SENDER, 0);
    m->env.kind = KIND_RECEIPT;
    m->lane = LANE_PRIORITY;
    strcpy(m->env.sender, "upt/satria");
    m->facts.receipt.message_id = *about;
    strcpy(m->facts.receipt.recipient, REMOTE);
    m->facts.receipt.level = LEVEL_COLLECTED;
    m->facts.receipt.said_ms = f->now_ms;
    strcpy(m->facts.receipt.leg, "upt/satria");
    return m;
}

static StoreOp *receipt_from_hub(Fixture *f, const Uuid *about) {
    StoreOp *op = link_op(receipt_about(f, about), "hub", SENDER, f->now_ms);
    run(f, op);
    return op;
}

TEST(a_receipt_that_was_only_noted_is_a_duplicate_when_it_comes_again) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    m->env.receipts = RECEIPTS_FAILURES_ONLY;
    const DeliveryRow row = deposit(&f, m);
    const Uuid id = id_of(f.n_ids);
    settle(&f, &row, QUEUE_LINK);
    StoreOp *op = receipt_from_hub(&f, &id);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_TRUE(op->accept.counted);
    store_op_free(op);
    f.n_ids--;
    op = receipt_from_hub(&f, &id);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_TRUE(!op->accept.counted); /* or the link's books would never agree again */
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 0);
}

/* A broker that lies takes it, for something of its own. */
TEST(a_receipt_arrives_though_another_message_has_its_id) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    const Uuid id = id_of(f.n_ids);
    Receipt said = { .message_id = id, .level = LEVEL_COLLECTED };
    strcpy(said.recipient, REMOTE);
    strcpy(said.leg, "upt/satria");
    settle(&f, &row, QUEUE_LINK);
    Message *thief = message_to(&f, SENDER, 2);
    thief->env.kind = KIND_KEY_REQUEST;
    strcpy(thief->env.sender, "upt/loka-kutoarjo");
    thief->env.message_id = receipt_message_id(&said);
    StoreOp *op = link_op(thief, "hub", SENDER, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    for (int again = 0; again < 2; again++) {
        Message *m = receipt_about(&f, &id);
        m->env.message_id = receipt_message_id(&said);
        op = link_op(m, "hub", SENDER, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, again ? VERDICT_DUPLICATE : VERDICT_ACCEPTED);
        store_op_free(op);
        f.n_ids--; /* the same bytes */
    }
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 1);
}

TEST(a_request_arrives_though_another_message_has_its_id) {
    FIXTURE(f);
    const WrapRequestFacts asked = { .message_id = { { 2 } },
                                     .recipient_node = REMOTE,
                                     .reason = WRAP_ROUTED,
                                     .asked_ms = SAMPLE_NOW };
    const Uuid id = wrap_request_id(&asked, "upt/satria");
    for (int i = 0; i < 4; i++) { /* the thief's, the broker's own, and that again, and again */
        if (i == 3) /* the later of both has the id, also for who reads them all again */
            fixture_crash(&f);
        Message *m = message_to(&f, SENDER, 0);
        m->env.kind = i > 0 ? KIND_WRAP_REQUEST : KIND_KEY_REQUEST;
        strcpy(m->env.sender, "upt/satria");
        m->env.message_id = id;
        if (i > 0)
            m->facts = (Facts) { .readable = true, .wrap_request = asked };
        StoreOp *op = link_op(m, "hub", SENDER, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, i >= 2 ? VERDICT_DUPLICATE : VERDICT_ACCEPTED);
        store_op_free(op);
        f.n_ids -= i > 0; /* the same bytes */
    }
}

static StoreOp *brought_after(Fixture *f, const char *neighbour, uint8_t moves) {
    f->n_ids = 0;
    Message *m = message_to(f, "dsk/3306", 1);
    m->env.created_ms = SAMPLE_NOW - 1000;
    StoreOp *op = link_op(m, neighbour, "dsk/3306", SAMPLE_NOW);
    m->fwd.recipients[0].moves = moves;
    m->fwd.expires_ms = SAMPLE_NOW + 30 * DAY_MS;
    run(f, op);
    return op;
}

static StoreOp *brought_by(Fixture *f, const char *neighbour) {
    return brought_after(f, neighbour, 0);
}

/* Passed on, and purged before any end of it is known here. */
static void pass_on_and_purge(Fixture *f) {
    StoreOp *op = brought_by(f, "hub");
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    settle(f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    f->now_ms += 31 * DAY_MS;
    idle(f);
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(f, &id, "dsk/3306 PENDING"); /* as far as it is known here */
}

TEST(what_was_passed_on_and_purged_is_not_passed_on_again) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "upt/satria");
    pass_on_and_purge(&f);
    StoreOp *op = brought_by(&f, "hub");
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->accept.result.n_outcomes, 0);
    ASSERT_TRUE(!op->accept.counted);
    ASSERT_EQ(op->n_deposits,
              0); /* it had expired: the sender would be told so, collected or not */
    store_op_free(op);
    assert_sound(&f);
}

TEST(what_was_passed_on_and_purged_and_is_given_back_is_taken) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "upt/satria");
    pass_on_and_purge(&f);
    StoreOp *op = brought_by(&f, BELOW); /* what it had before us, once more */
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    op = brought_after(&f, BELOW, 1);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    assert_sound(&f);
}

/* Its node moves to and fro. */
TEST(what_was_given_back_is_given_back_once_more) {
    for (unsigned purged = 0; purged < 2; purged++) {
        _cleanup_(fixture_deinit) Fixture f;
        fixture_init_as(&f, "upt/satria");
        f.config.retention_ms = HOUR_MS;
        fixture_reopen(&f);
        StoreOp *op = brought_by(&f, "hub");
        settle(&f, &op->deposits[0].row, QUEUE_LINK);
        store_op_free(op);
        f.now_ms += 2 * HOUR_MS;
        idle(&f);
        put_node(&f, "dsk/3306", false, "hub");
        op = brought_after(&f, BELOW, 1);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        ASSERT_EQ(op->n_deposits, 1);
        settle(&f, &op->deposits[0].row, QUEUE_LINK);
        store_op_free(op);
        f.now_ms += purged * 2 * HOUR_MS;
        idle(&f);
        ASSERT_EQ(number_of(&f, "SELECT count(*) FROM message"), purged ? 0 : 1);
        put_node(&f, "dsk/3306", false, BELOW);
        for (uint8_t moves = 0; moves < 4; moves++) {
            op = brought_after(&f, "hub", moves);
            ASSERT_EQ(op->n_deposits, moves == 2);
            store_op_free(op);
        }
        assert_sound(&f);
    }
}

#define INSTEAD "lks/3500/0001" /* to whom a dead letter is redirected */

static StoreOp *brought_instead(Fixture *f, Message *m) {
    put_node(f, INSTEAD, false, BELOW);
    StoreOp *op = link_op(m, "hub", INSTEAD, SAMPLE_NOW);
    m->fwd.expires_ms = f->now_ms + 30 * DAY_MS;
    run(f, op);
    return op;
}

static bool ends_are_passed_on(Fixture *f, const Uuid *about, const char *recipient) {
    const uint64_t before = queued(f, QUEUE_LINK, "hub");
    f->n_ids = MAX(f->n_ids, 10U); /* an id of its own */
    StoreOp *op = receipt_op(f, about, recipient, LEVEL_COLLECTED, BELOW);
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    return queued(f, QUEUE_LINK, "hub") > before;
}

TEST(of_what_was_purged_and_comes_for_another_the_first_ones_end_is_passed_on) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "upt/satria");
    const Uuid id = id_of(1);
    pass_on_and_purge(&f);
    f.n_ids = 0;
    Message *m = message_to(&f, "dsk/3306", 1);
    m->env.created_ms = SAMPLE_NOW - 1000;
    StoreOp *op = brought_instead(&f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    ASSERT_TRUE(!ends_are_passed_on(&f, &id, "lks/3306/0001")); /* it was for neither */
    ASSERT_TRUE(ends_are_passed_on(&f, &id, "dsk/3306"));
    ASSERT_OUTCOMES(&f, &id, INSTEAD " PENDING; dsk/3306 COLLECTED");
    assert_sound(&f);
}

static int decode_event(Bytes b, Envelope *ret) {
    (void)b;
    *ret = (Envelope) { .audience = { .form = AUDIENCE_SCOPE, .n = 1, .scope = { "33" } } };
    return 0;
}

static Message *event_in_33(Fixture *f) {
    Message *m = sample_event(SENDER, "33");
    m->env.message_id = id_of(1);
    give_body(m, "event", "facts", "");
    f->n_ids = 1;
    return m;
}

TEST(of_an_event_that_was_purged_and_comes_for_another_the_ends_in_its_scope_are_passed_on) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "upt/satria");
    f.codec.decode_envelope = decode_event;
    f.config.retention_event_ms = 30 * DAY_MS;
    fixture_reopen(&f);
    const Uuid id = id_of(1);
    StoreOp *op = link_op(event_in_33(&f), "hub", "dsk/3306", SAMPLE_NOW);
    op->accept.message->fwd.scope = true;
    op->accept.message->fwd.n_recipients = 0;
    run(&f, op);
    for (uint32_t i = 0; i < op->n_deposits; i++)
        settle(&f, &op->deposits[i].row,
               op->deposits[i].row.queue == queue_id(&f, QUEUE_LINK, BELOW, NULL) ? QUEUE_LINK
                                                                                  : QUEUE_MAILBOX);
    store_op_free(op);
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    op = brought_instead(&f, event_in_33(&f));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    put_node(&f, "lks/3500/0002", false, BELOW);
    ASSERT_TRUE(!ends_are_passed_on(&f, &id, "lks/3500/0002")); /* not in it */
    ASSERT_TRUE(ends_are_passed_on(&f, &id, "dsk/3306"));
    assert_sound(&f);
}

/* Whose it was is not known any more. */
TEST(what_became_of_a_purged_message_is_for_operators) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(f.n_ids);
    settle(&f, &row, QUEUE_MAILBOX);
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_OUTCOMES(&f, &id, HOME " COLLECTED");
    static const char *const others[] = { SENDER, HOME };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        char text[UUID_TEXT_SIZE];
        uuid_format(&id, text);
        StoreOp *op = store_op_new(OP_QUERY);
        strcpy(op->query.verb, "outcome");
        strcpy(op->query.authority, others[i]);
        op->query.args[op->query.n_args++] = strdup(text);
        run(&f, op);
        ASSERT_EQ(op->query.table->code, 1);
        ASSERT_STR(op->query.table->text, "NO_SUCH_MESSAGE");
        ASSERT_EQ(table_rows(op->query.table), 0);
        store_op_free(op);
    }
}

/* From REMOTE for HOME, and for dsk/3204 when its letter was redirected there. */
static StoreOp *brought_for(Fixture *f, bool both) {
    f->n_ids = 0;
    Message *m = message_to(f, HOME, 1);
    m->env.created_ms = SAMPLE_NOW - 1000;
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, SAMPLE_NOW);
    m->fwd.expires_ms = SAMPLE_NOW + 60 * DAY_MS;
    if (both) {
        m->fwd.recipients[1] = m->fwd.recipients[0];
        strcpy(m->fwd.recipients[1].node, "dsk/3204");
        m->fwd.n_recipients = 2;
    }
    run(f, op);
    return op;
}

TEST(who_had_it_before_it_was_purged_is_not_served_again_with_others) {
    FIXTURE(f);
    const Uuid id = id_of(1);
    StoreOp *op = brought_for(&f, false);
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    store_op_free(op);
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_OUTCOMES(&f, &id, HOME " COLLECTED");
    op = brought_for(&f, true);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.queue, queue_id(&f, QUEUE_MAILBOX, "dsk/3204", NULL));
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 0);
    op = brought_for(&f, true);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->accept.result.n_outcomes, 1); /* that of the first time, under the new number */
    ASSERT_STR(op->accept.result.outcomes[0].recipient, HOME);
    store_op_free(op);
    assert_sound(&f);
}

/* A supervisor's copy, and then the message itself, as its envelope names the sealed part. */
static StoreOp *in_form(Fixture *f, const char *sealed) {
    f->n_ids = 0;
    Message *m = message_to(f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    const Bytes e = bytes_make("envelope 1", 10), facts = bytes_make("facts", 5);
    const Bytes s = bytes_make(sealed, strlen(sealed));
    body_unref(m->body);
    m->body = body_new(e, facts, s);
    m->env.has_sealed_digest = true;
    hash_message(e, facts, s, m->digest);
    StoreOp *op = link_op(m, "hub", HOME, f->now_ms);
    run(f, op);
    return op;
}

/* They had it when it came first. */
TEST(who_subscribes_has_no_second_copy_of_what_comes_once_more_after_a_purge) {
    FIXTURE(f);
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, "dsp/32");
    strcpy(op->subscription.name, "all");
    op->subscription.filter = calloc(1, sizeof(Filter));
    op->subscription.filter->n_kinds = 1;
    op->subscription.filter->kinds[0] = SAMPLE_KIND;
    run(&f, op);
    store_op_free(op);
    op = brought_for(&f, false);
    ASSERT_EQ(op->n_deposits, 2);
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    settle(&f, &op->deposits[1].row, QUEUE_SUBSCRIPTION);
    store_op_free(op);
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    store_op_free(brought_for(&f, true));
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsk/3204"), 1);
    ASSERT_EQ(queued(&f, QUEUE_SUBSCRIPTION, "dsp/32 all"), 0);
}

TEST(only_the_sealed_part_that_the_envelope_names_completes_a_copy) {
    FIXTURE(f);
    StoreOp *op = in_form(&f, "");
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    op = in_form(&f, "forged");
    ASSERT_EQ(op->accept.result.verdict, VERDICT_CONFLICT);
    store_op_free(op);
    op = in_form(&f, "sealed");
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    op = in_form(&f, ""); /* both forms are known now */
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
}

/* A form of a message is its very envelope and facts, with or without the sealed part. */
TEST(other_parts_under_a_known_id_are_no_other_form) {
    for (unsigned cut = 0; cut < 2; cut++)
        for (unsigned part = 0; part < 2; part++) {
            FIXTURE(f);
            store_op_free(in_form(&f, cut ? "sealed" : ""));
            f.n_ids = 0;
            Message *m = message_to(&f, HOME, 1);
            strcpy(m->env.sender, REMOTE);
            give_body(m, part ? "envelope 1" : "another one", part ? "others" : "facts",
                      cut ? "" : "sealed");
            StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
            run(&f, op);
            ASSERT_EQ(op->accept.result.verdict, VERDICT_CONFLICT);
            store_op_free(op);
            assert_sound(&f);
        }
}

/* What is left of it is another form of the whole, which would complete it. */
TEST(a_late_whole_copy_does_not_bring_back_what_was_erased) {
    FIXTURE(f);
    store_op_free(in_form(&f, ""));
    trail_add(f.store, 1, "erased", REMOTE, "");
    StoreOp *op = in_form(&f, "sealed");
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    ASSERT_EQ(number_of(&f, "SELECT length(sealed) FROM message WHERE seq = 1"), 0);
    assert_sound(&f);
}

/* Redirected, it has to go back to a broker that it passed before. */
static StoreOp *brought_back_for_another(Fixture *f) {
    f->n_ids = 0;
    Message *m = message_to(f, "dsk/3306", 1);
    m->env.created_ms = SAMPLE_NOW - 1000;
    put_node(f, INSTEAD, false, BELOW);
    StoreOp *op = link_op(m, "hub", INSTEAD, SAMPLE_NOW);
    m->fwd.expires_ms = f->now_ms + 30 * DAY_MS;
    m->fwd.stamps[1] = m->fwd.stamps[0];
    strcpy(m->fwd.stamps[0].broker, BELOW);
    m->fwd.n_stamps = 2;
    run(f, op);
    ASSERT_EQ(m->fwd.n_stamps, 2); /* the trace has them all the same */
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.queue, queue_id(f, QUEUE_LINK, BELOW, NULL));
    return op;
}

TEST(what_was_redirected_goes_back_to_a_broker_it_passed) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "upt/satria");
    StoreOp *op = brought_by(&f, "hub");
    settle(&f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    op = brought_back_for_another(&f);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    assert_sound(&f);
}

TEST(what_was_purged_and_redirected_goes_back_to_a_broker_it_passed) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "upt/satria");
    pass_on_and_purge(&f);
    StoreOp *op = brought_back_for_another(&f);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    assert_sound(&f);
}

TEST(a_damaged_sealed_part_is_healed_by_the_copy_that_comes_for_another) {
    FIXTURE(f);
    store_op_free(brought_for(&f, false));
    f.store = store_close(f.store);
    tamper(&f, "UPDATE message SET sealed = CAST('sfaled' AS BLOB) WHERE seq = 1");
    fixture_open(&f);
    StoreOp *op = brought_for(&f, true);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    ASSERT_EQ(number_of(&f, "SELECT sealed = CAST('sealed' AS BLOB) FROM message"), 1);
    assert_sound(&f);
}

TEST(what_was_erased_is_not_healed) {
    FIXTURE(f);
    store_op_free(brought_for(&f, false));
    trail_add(f.store, 1, "erased", REMOTE, "");
    f.store = store_close(f.store);
    tamper(&f, "UPDATE message SET sealed = CAST('' AS BLOB) WHERE seq = 1");
    fixture_open(&f);
    StoreOp *op = brought_for(&f, true);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    ASSERT_EQ(number_of(&f, "SELECT length(sealed) FROM message WHERE seq = 1"), 0);
    assert_sound(&f);
}

/* The link has it no more: its new way is one that nobody went yet. */
TEST(who_came_back_from_a_link_waits_anew) {
    _cleanup_(fixture_deinit) Fixture f;
    _cleanup_(stored_message_deinit) StoredMessage m;
    fixture_init_as(&f, "upt/satria");
    StoreOp *op = brought_by(&f, "hub");
    settle(&f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    ASSERT_TRUE(message_load(f.store, 1, &m));
    route_find(&m.route, "dsk/3306")->flags |= ROUTE_HANDED; /* another followed it there */
    _cleanup_(stored_message_deinit) StoredMessage same;
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged;
    ASSERT_TRUE(message_load_body(f.store, 1, &same, &body, &damaged));
    message_update(f.store, &m, body);
    put_node(&f, "dsk/3306", false, "upt/satria");
    op = brought_after(&f, BELOW, 1);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    stored_message_deinit(&m);
    ASSERT_TRUE(message_load(f.store, 1, &m));
    ASSERT_EQ(m.route.n, 1);
    ASSERT_EQ(m.route.list[0].queue, queue_id(&f, QUEUE_MAILBOX, "dsk/3306", NULL));
    ASSERT_TRUE(!(m.route.list[0].flags & ROUTE_HANDED));
}

TEST(a_clock_set_back_does_not_keep_intake_closed) {
    FIXTURE(f);
    char sql[64];
    StoreOp *op = ask(&f, "status", NULL);
    store_op_free(op);
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count = 1");
    ASSERT_EQ(sqlite3_exec(f.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 100 && !store_health(f.store)->intake_closed; i++)
        store_op_free(publish(&f, message_to(&f, HOME, 0)));
    ASSERT_TRUE(store_health(f.store)->intake_closed);
    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
    f.now_ms -= DAY_MS;
    idle(&f);
    f.now_ms += 10 * SECOND_MS;
    idle(&f);
    ASSERT_TRUE(!store_health(f.store)->intake_closed);
}

TEST_MAIN
