/* SPDX-License-Identifier: Apache-2.0 */

/* The items are what the acts on record make of them: after any history, what was changed by hand,
 * what was forgotten, and what was saved out of a damaged file. */

#include "test.h"

#include "law-fixture.h"
#include "store/salvage.h"

static const Uuid the_case = { { 0xc } };

/* --- random histories ----------------------------------------------------------------------- */

typedef struct History {
    Fixture *f;
    uint64_t seed;
    Uuid ids[256]; /* of what was opened, or is only spoken of */
    ItemKind kinds[256];
    uint32_t n;
} History;

static uint32_t roll(History *h, uint32_t below) {
    h->seed = h->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(h->seed >> 33) % below;
}

static const char *somebody(History *h) {
    static const char *const nodes[] = { SENDER,     DSP,          HOME,       SELF,   "dsk/3204",
                                         "dsk/3302", "cc/171",     "dsp/33",   SENDER, DSP,
                                         HOME,       "upt/satria", "int/siks", SENDER, DSP };
    return nodes[roll(h, ARRAY_SIZE(nodes))];
}

/* One of that kind, mostly a late one that is known here. */
static Uuid some(History *h, ItemKind kind) {
    uint32_t skip = roll(h, 4);
    if (roll(h, 10) > 0)
        for (uint32_t k = h->n; k > 0; k--)
            if (h->kinds[k - 1] == kind && skip-- == 0)
                return h->ids[k - 1];
    return id_of(h->f->n_ids + 2 + roll(h, 3)); /* soon to come, perhaps */
}

/* Mostly whose turn it is. */
static const char *whose_turn(History *h, ItemKind kind, const Uuid *id) {
    static Item i;
    const uint32_t who = roll(h, 8);
    if (!item_of(h->f, kind, id, &i) || who == 0)
        return somebody(h);
    const char *node = who < 5 ? i.owes : who < 7 ? i.custodian : i.keeper;
    return node[0] != '\0' ? node : somebody(h);
}

static Message *something(History *h) {
    Fixture *f = h->f;
    const char *from = somebody(h), *to = somebody(h);
    Message *m;
    Uuid id;
    switch (roll(h, 14)) {
    case 0:
    case 1:
        m = request(f, from, to);
        if (roll(h, 4) == 0) { /* after a redirect */
            id = some(h, ITEM_REFERRAL);
            m->facts.request.parent_referral_id = id;
        }
        if (roll(h, 3) == 0)
            m->facts.request.referral_kind = (uint8_t)(1 + roll(h, 11));
        m->facts.request.emergency = roll(h, 4) == 0;
        m->env.expires_ms = roll(h, 3) ? 0 : f->now_ms + roll(h, 20) * DAY_MS + DAY_MS;
        return m;
    case 2:
    case 3:
    case 4:
        id = some(h, ITEM_REFERRAL);
        m = response(f, &id, whose_turn(h, ITEM_REFERRAL, &id), to, (int)roll(h, 11));
        m->facts.response.missing = roll(h, 2);
        text_copy(m->facts.response.redirect_to, NODE_NAME_SIZE, somebody(h));
        return m;
    case 5:
        id = some(h, ITEM_REFERRAL);
        m = update(f, &id, whose_turn(h, ITEM_REFERRAL, &id), to, (int)roll(h, 4));
        m->facts.update.documents.of[1 + roll(h, DOCUMENT_TYPES - 1)].present = true;
        return m;
    case 6:
        id = some(h, ITEM_REFERRAL);
        m = letter(f, KIND_HANDOVER_MINUTES, whose_turn(h, ITEM_REFERRAL, &id), to);
        m->facts.handover.referral_id = id;
        m->facts.handover.handed_over_on = today(f);
        m->facts.handover.documents.of[6 + roll(h, 3)].present = true;
        m->facts.handover.documents.of[5].present = roll(h, 2);
        return m;
    case 7:
        m = opening(f, from, to);
        m->facts.opened.access_source = (uint8_t)(1 + roll(h, 3));
        m->facts.opened.origin_id =
            some(h, m->facts.opened.access_source == 1 ? ITEM_REFERRAL : ITEM_COMPLAINT);
        m->facts.opened.dtks_status = (uint8_t)roll(h, 5);
        return m;
    case 8:
        id = the_case;
        return stage(f, whose_turn(h, ITEM_CASE, &id), to, 1 + (int)roll(h, 7),
                     1 + (int)roll(h, 3));
    case 9:
        m = complaint(f, from, to);
        m->facts.complaint.harm_now = roll(h, 4) == 0;
        return m;
    case 10:
    case 11:
        id = some(h, ITEM_COMPLAINT);
        m = complaint_step(f, &id, whose_turn(h, ITEM_COMPLAINT, &id), to, (int)roll(h, 13),
                           somebody(h));
        m->facts.complaint_update.new_case_id = the_case;
        return m;
    case 12:
        id = some(h, ITEM_EVENT);
        return roll(h, 3) == 0 ? event(f, from)
               : roll(h, 2)    ? situation(f, &id, from, roll(h, 5))
                               : acknowledgement(f, &id, from, to);
    default:
        id = some(h, ITEM_PROPOSAL);
        m = letter(f, roll(h, 2) ? KIND_DTKS_PROPOSAL : KIND_DTKS_RESULT, from, to);
        m->facts.proposal_result.proposal_id = id;
        m->facts.proposal_result.result = (uint8_t)roll(h, 7);
        if (roll(h, 3) == 0) {
            m->env.kind = KIND_CASE_TRANSFER;
            m->facts.transfer.stage = (uint8_t)roll(h, 8);
            text_copy(m->facts.transfer.to_node, NODE_NAME_SIZE, to);
        }
        return m;
    }
}

static ItemKind opens(int kind) {
    return kind == KIND_REFERRAL_REQUEST || kind == KIND_CASE_TRANSFER ? ITEM_REFERRAL
           : kind == KIND_COMPLAINT                                    ? ITEM_COMPLAINT
           : kind == KIND_EXTRAORDINARY_EVENT                          ? ITEM_EVENT
           : kind == KIND_DTKS_PROPOSAL                                ? ITEM_PROPOSAL
                                                                       : ITEM_NONE;
}

static void note_item(History *h, const Message *m) {
    if (opens(m->env.kind) == ITEM_NONE || h->n == ARRAY_SIZE(h->ids))
        return;
    h->ids[h->n] = m->env.message_id;
    h->kinds[h->n++] = opens(m->env.kind);
}

/* Settled, expired, withdrawn. */
static void end_some_delivery(History *h) {
    static const DeliveryAction ends[] = { ACTION_DONE, ACTION_DONE, ACTION_EXPIRE, ACTION_RECALL };
    Fixture *f = h->f;
    StoreOp *rows =
        load(f, queue_id(f, QUEUE_MAILBOX, roll(h, 2) ? DSP : HOME, NULL), LANE_ROUTINE, 20);
    if (rows->load.n > 0)
        store_op_free(change(f, &rows->load.rows[roll(h, rows->load.n)], QUEUE_MAILBOX,
                             ends[roll(h, 4)], CAUSE_EXPIRED_IN_MAILBOX));
    store_op_free(rows);
}

static void live(History *h, int steps) {
    Fixture *f = h->f;
    for (int i = 0; i < steps; i++) {
        Message *m = something(h);
        m->env.case_id.b[1] = m->env.case_id.b[0] ? (uint8_t)roll(h, 3) : 0;
        m->env.status = roll(h, 12) == 0 ? MESSAGE_STATUS_EXERCISE : MESSAGE_STATUS_UNSPECIFIED;
        note_item(h, m);
        /* What the rules refuse comes over the link, from a broker that did not. */
        StoreOp *op = saying(f, m);
        run(f, op);
        if (op->accept.result.verdict == VERDICT_REFUSED) {
            op->accept.message = NULL;
            store_op_free(op);
            op = link_op(m, "hub", m->env.audience.nodes[0], f->now_ms);
            run(f, op);
        }
        store_op_free(op);
        if (roll(h, 4) == 0)
            end_some_delivery(h);
        if (roll(h, 4) == 0)
            f->now_ms += roll(h, 3 * DAY_MS);
        if (roll(h, 40) == 0)
            f->now_ms -= roll(h, DAY_MS);
        if (roll(h, 5) == 0)
            (void)fires(f);
        if (roll(h, 100) == 0)
            fixture_crash(f);
    }
}

static History history(Fixture *f, uint64_t seed) {
    return (History) { .f = f, .seed = seed };
}

static void assert_tally_counts_the_items(Fixture *f) {
    int64_t items = 0, exercises = 0;
    sqlite3_stmt *q = NULL;
    ASSERT_OK(store_settle(f->store));
    ASSERT_EQ(sqlite3_prepare_v2(f->store->db, "SELECT kind, id FROM item", -1, &q, NULL),
              SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        Item i;
        const Uuid id = col_uuid(q, 1);
        ASSERT_TRUE(item_of(f, (ItemKind)sqlite3_column_int(q, 0), &id, &i));
        const bool counts = i.state != 0 && i.kind != ITEM_NODE;
        items += counts && i.status == 0;
        exercises += counts && i.status != 0;
        if (counts)
            assert_int_not_equal(i.custodian[0], '\0');
    }
    sqlite3_finalize(q);
    ASSERT_EQ(number(f, "SELECT total(n) FROM tally"), items);
    ASSERT_EQ(number(f, "SELECT count(*) FROM tally WHERE n < 0"), 0);
    assert_int_not_equal(exercises, 0);
}

TEST(the_items_of_any_history_are_the_fold_of_its_acts) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        LAW_FIXTURE(f);
        History h = history(&f, seed);
        live(&h, 900);
        assert_tally_counts_the_items(&f);
        ASSERT_TRUE(acts_now(&f, 2) > 0);
        ASSERT_TRUE(acts_now(&f, 3) > 0);
        ASSERT_TRUE(acts_now(&f, 5) > 0);
        ASSERT_TRUE(acts_now(&f, 6) > 0);
        assert_lawful(&f);
        assert_sound(&f);
    }
}

/* --- purge ---------------------------------------------------------------------------------- */

static void pass_a_year(Fixture *f) {
    f->now_ms += 366 * DAY_MS;
    f->store->purge_seen_ms = 0; /* day by day: no leap of the clock */
    f->store->items_due_ms = 0;
    idle(f);
}

TEST(a_year_after_its_end_an_item_is_forgotten_and_its_count_is_kept) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_DECLINED)), "ACCEPTED");
    const Uuid open = says_id(&f, request(&f, SENDER, HOME));
    f.now_ms += 364 * DAY_MS;
    f.store->items_due_ms = 0;
    idle(&f);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "DECLINED of dsk/3203");
    pass_a_year(&f);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "unknown");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &open, "SUBMITTED by uptd/32/pa-02 of dsk/3203");
    ASSERT_EQ(acts_now(&f, 0), 1);
    ASSERT_EQ(number(&f, "SELECT total(n) FROM tally"), 1);
    ASSERT_EQ(number(&f, "SELECT total(past) FROM tally"), 1);
    assert_lawful(&f);
}

TEST(of_acts_that_share_a_row_one_is_forgotten_without_the_others) {
    LAW_FIXTURE(f);
    StoreOp *list = NULL;
    Uuid ids[5];
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        Message *m = complaint(&f, HOME, SENDER);
        ids[i] = m->env.message_id;
        StoreOp *op = saying(&f, m);
        op->next = list;
        list = op;
    }
    ASSERT_OK(store_run(f.store, list, f.now_ms));
    while (list) {
        StoreOp *op = list;
        list = op->next;
        store_op_free(op);
    }
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) { /* the last, the first, one in the middle */
        if (i == 1 || i == 3)
            continue;
        ASSERT_STR(says(&f, complaint_step(&f, &ids[i], SENDER, HOME,
                                           COMPLAINT_ACTION_REJECT_INVALID, "")),
                   "ACCEPTED");
    }
    pass_a_year(&f);
    ASSERT_EQ(acts_now(&f, 0), 2);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM act"), 1);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        ASSERT_STANDS(&f, ITEM_COMPLAINT, &ids[i],
                      i == 1 || i == 3 ? "RECEIVED by dsk/3203 of dsk/3203" : "unknown");
    assert_lawful(&f);
    fixture_crash(&f);
    (void)says_id(&f, complaint(&f, HOME, SENDER));
    ASSERT_EQ(acts_now(&f, 0), 3);
    assert_lawful(&f);
}

TEST(who_never_began_is_forgotten_a_year_after_it_was_spoken_of) {
    LAW_FIXTURE(f);
    const Uuid unknown = id_of(9999);
    ASSERT_STR(says(&f, response(&f, &unknown, DSP, SENDER, REFERRAL_DECISION_DECLINED)),
               "ACCEPTED (HELD_EARLY referral)");
    f.store->items_due_ms = 0;
    idle(&f);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &unknown, "NONE, 1 held");
    pass_a_year(&f);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &unknown, "unknown");
    ASSERT_EQ(acts_now(&f, 0), 0);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM held"), 0);
}

/* The case moved because of a referral that is forgotten: it stays where it is. */
TEST(what_others_owe_to_a_forgotten_item_they_keep) {
    LAW_FIXTURE(f);
    ASSERT_STR(says(&f, opening(&f, "upt/satria", DSP)), "ACCEPTED");
    Message *m = letter(&f, KIND_CASE_TRANSFER, "upt/satria", SELF);
    const Uuid id = m->env.message_id;
    m->facts.transfer.stage = 1;
    text_copy(m->facts.transfer.to_node, NODE_NAME_SIZE, SELF);
    ASSERT_STR(says(&f, m), "ACCEPTED");
    ASSERT_STR(says(&f, response(&f, &id, SELF, "upt/satria", REFERRAL_DECISION_ACCEPTED)),
               "ACCEPTED");
    pass_a_year(&f);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "unknown");
    ASSERT_STANDS(&f, ITEM_CASE, &the_case, "TRANSFERRED by upt/phala-martha of upt/phala-martha");
    assert_lawful(&f);
    ASSERT_STR(says(&f, stage(&f, SELF, DSP, 2, STAGE_PHASE_STARTED)), "ACCEPTED");
    assert_lawful(&f);
}

TEST(of_an_office_the_last_year_is_kept) {
    LAW_FIXTURE(f);
    const Uuid id = item_node_id(HOME);
    for (uint32_t i = 1; i <= 400; i++) {
        Message *m = letter(&f, KIND_CAPACITY_UPDATE, HOME, DSP);
        m->env.case_id = (Uuid) { { 0 } };
        m->env.sensitivity = SENSITIVITY_INTERNAL;
        m->facts.capacity.places = i;
        ASSERT_STR(says(&f, m), "ACCEPTED");
        f.now_ms += DAY_MS;
        if (i % 50 == 0) {
            f.store->items_due_ms = 0;
            idle(&f);
        }
    }
    f.store->items_due_ms = 0;
    idle(&f);
    const int64_t acts = acts_now(&f, 0);
    assert_in_range(acts, 360, 370);
    Item i;
    ASSERT_TRUE(item_of(&f, ITEM_NODE, &id, &i));
    ASSERT_EQ(i.oversight.free_places, 400);
    assert_lawful(&f);
}

TEST(after_a_purge_the_items_are_still_the_fold_of_the_acts) {
    LAW_FIXTURE(f);
    History h = history(&f, 11);
    for (int year = 0; year < 3; year++) {
        live(&h, 300);
        pass_a_year(&f);
        assert_lawful(&f);
    }
    ASSERT_TRUE(acts_now(&f, 8) > 0);
    ASSERT_TRUE(number(&f, "SELECT total(past) FROM tally") > 0);
}

TEST(many_items_are_forgotten_in_one_night) {
    LAW_FIXTURE(f);
    for (int i = 0; i < 450; i++) {
        Message *m = request(&f, SENDER, DSP);
        m->env.case_id.b[1] = (uint8_t)i;
        m->env.case_id.b[2] = (uint8_t)(i >> 8);
        m->env.expires_ms = f.now_ms + DAY_MS;
        ASSERT_STR(says(&f, m), "ACCEPTED");
    }
    f.now_ms += DAY_MS;
    (void)fires(&f);
    pass_a_year(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM item WHERE kind = 1"), 0);
    ASSERT_EQ(number(&f, "SELECT total(past) FROM tally WHERE kind = 1"), 450);
}

/* --- changed by hand ------------------------------------------------------------------------ */

static void tampered(Fixture *f, const char *sql) {
    f->store = store_close(f->store);
    tamper(f, sql);
    fixture_open(f);
}

TEST(what_was_changed_by_hand_is_found_named_and_mended) {
    static const struct {
        const char *sql, *says;
    } changes[] = {
        { "UPDATE item SET body = (SELECT body FROM item WHERE kind = 2) WHERE kind = 1",
          "cannot be read" },
        { "UPDATE item SET body = CAST(replace(body, 'dsp/32', 'dsp/33') AS BLOB) WHERE kind = 1",
          "is SUBMITTED with other details, should be SUBMITTED" },
        { "UPDATE item SET body = x'ff' WHERE kind = 1", "cannot be read" },
        { "DELETE FROM item WHERE kind = 1", "is missing" },
        { "UPDATE item SET kind = 9223372036854775807 WHERE kind = 1", "is missing" },
        { "UPDATE item SET kind = -9223372036854775807 WHERE kind = 1", "is missing" },
        { "UPDATE item SET id = x'00' WHERE kind = 2", "an item has no key" },
        { "DELETE FROM act WHERE n = 1", "no act on record speaks of it" },
        { "UPDATE item SET last = last + 1 WHERE kind = 1",
          "its newest act on record is another one" },
        { "DELETE FROM timer WHERE kind = 1", "timer answer should run" },
        { "UPDATE timer SET due = due + 1 WHERE kind = 1", "timer answer should not run" },
        { "UPDATE tally SET n = n + 7 WHERE kind = 2", "count of complaint RECEIVED in 3203" },
        { "DELETE FROM tally WHERE kind = 2", "count of complaint RECEIVED in 3203: is missing" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        LAW_FIXTURE(f);
        const Uuid id = says_id(&f, request(&f, SENDER, DSP));
        (void)says_id(&f, complaint(&f, "cc/171", SENDER));
        tampered(&f, changes[i].sql);
        Told t = refold(&f, false);
        if (!strstr(t.lines, changes[i].says))
            fail_msg("%s: %s", changes[i].sql, t.lines);
        ASSERT_TRUE(t.report.different > 0 && !t.report.written);
        t = refold(&f, true);
        ASSERT_TRUE(t.report.written);
        const bool forgotten = strstr(changes[i].says, "no act") != NULL;
        ASSERT_STANDS(&f, ITEM_REFERRAL, &id,
                      forgotten ? "unknown" : "SUBMITTED by dsp/32 of dsk/3203");
        assert_lawful(&f);
    }
}

TEST(mending_keeps_the_counts_of_what_is_past) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_DECLINED)), "ACCEPTED");
    pass_a_year(&f);
    (void)says_id(&f, request(&f, SENDER, DSP));
    tampered(&f, "DELETE FROM item");
    const Told t = refold(&f, true);
    ASSERT_EQ(t.report.items, 0);
    ASSERT_EQ(number(&f, "SELECT total(n) FROM tally"), 1);
    ASSERT_EQ(number(&f, "SELECT total(past) FROM tally"), 1);
    assert_lawful(&f);
}

TEST(acts_that_cannot_be_read_are_counted) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_WAITLISTED)), "ACCEPTED");
    /* A body that is none; a link that is none, a type there is not, one tried again that is not
     * there; and rows of another form, of acts that are cut off, of none. */
    tampered(&f, "UPDATE act SET acts = CAST(substr(acts, 1, 42) || x'7f' || substr(acts, 44) "
                 "AS BLOB) WHERE n = 2;"
                 "INSERT INTO act VALUES(102, x'010600640101000199" /* one after the other */
                 "0500654d01000005006602013700'), (200, x'02'), (201, x'010900c9'), (202, x'01')");
    const Told t = refold(&f, false);
    ASSERT_EQ(t.report.acts, 7);
    ASSERT_EQ(t.report.unread, 6);
    ASSERT_TRUE(strstr(t.lines, "is WAITLISTED, should be SUBMITTED") != NULL);
}

TEST(a_scratch_file_that_is_there_is_left_alone) {
    LAW_FIXTURE(f);
    Told t = { .lines = "" };
    char scratch[128];
    (void)snprintf(scratch, sizeof(scratch), "%s/store.db.lock", f.folder);
    f.store = store_close(f.store);
    ASSERT_EQ(store_refold(&f.config, scratch, true, &t.report, take_line, &t, f.why), -EEXIST);
    ASSERT_OK(access(scratch, F_OK));
    fixture_open(&f);
}

/* --- salvage -------------------------------------------------------------------------------- */

TEST(salvage_keeps_items_acts_and_timers) {
    static const char *const tables[] = {
        "item", "act", "held", "timer", "tally", "acknowledgement"
    };
    LAW_FIXTURE(f);
    History h = history(&f, 21);
    Told t = { .lines = "" };
    SalvageReport report;
    int64_t counts[ARRAY_SIZE(tables)];
    char sql[64], to[128];
    live(&h, 300);
    const Uuid unknown = id_of(9999);
    ASSERT_STR(says(&f, response(&f, &unknown, DSP, SENDER, REFERRAL_DECISION_DECLINED)),
               "ACCEPTED (HELD_EARLY referral)");
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
        counts[i] = number(&f, sql);
        ASSERT_TRUE(counts[i] > 0);
    }
    f.store = store_close(f.store);
    (void)snprintf(to, sizeof(to), "%s/saved.db", f.folder);
    if (store_salvage(&f.config, to, &report, take_line, &t, f.why) < 0)
        fail_msg("%s", f.why);
    ASSERT_TRUE(report.complete);
    f.config.path = to;
    fixture_open(&f);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
        ASSERT_EQ(number(&f, sql), counts[i]);
    }
    assert_lawful(&f);
}

/* What an agency owed before it was closed stands, and is no difference. */
TEST(an_agency_that_was_closed_since_is_no_difference) {
    LAW_FIXTURE(f);
    _cleanup_(directory_unrefp) Directory *d = store_directory(f.store);
    ASSERT_STR(fires(&f), "");
    ASSERT_TRUE(number(&f, "SELECT count(*) FROM timer WHERE kind = 6") > 0);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.nodes[op->import.n_nodes++] = *directory_node(d, DSP);
    op->import.nodes[0].inactive = true;
    run(&f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
    assert_lawful(&f);
}

TEST_MAIN
