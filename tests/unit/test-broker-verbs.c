/* SPDX-License-Identifier: Apache-2.0 */

/* What an operator asks for: with which arguments, and what is shown of this moment. */

#include "test.h"

#include "account-fixture.h"
#include "store/internal.h"
#include "store/ledger.h"

#define ADMIN    99
#define WAY_FULL 1000000U /* operations on their way: what comes has to wait */

static void say_at_admin(World *w, const Frame *f) {
    uint8_t *p, route[5] = { ADMIN, 1, 2, 3, 4 };
    size_t n;
    ASSERT_OK(codec_encode_frame(f, &p, &n));
    const Bytes part = bytes_make(p, n);
    const PeerMessage m = { .port = PORT_ADMIN,
                            .route = bytes_make(route, sizeof(route)),
                            .user_id = "uid:0",
                            .parts = &part,
                            .n_parts = 1 };
    ASSERT_OK(broker_receive(w->broker, w->now, &m));
    free(p);
}

static void open_admin(World *w) {
    say_at_admin(
        w, &(Frame) {
               .kind = FRAME_HELLO,
               .hello = { .protocol_min = 1, .protocol_max = 1, .instance_id = { { ADMIN } } } });
    run(w);
}

/* The answer; arguments end with NULL. */
static const Table *ask(World *w, const char *verb, uint32_t limit, const char *const *args) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 5, .limit = limit } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
    for (; args && args[f.query.n_args]; f.query.n_args++)
        f.query.args[f.query.n_args] = strdup(args[f.query.n_args]);
    forget(w);
    say_at_admin(w, &f);
    frame_deinit(&f);
    run(w);
    ASSERT_EQ(count(w, ADMIN, FRAME_RESULT), 1);
    ASSERT_EQ(heard(w, ADMIN, FRAME_RESULT, 0)->f.result.query, 5);
    return heard(w, ADMIN, FRAME_RESULT, 0)->f.result.table;
}
#define ASK(w, verb, ...) ask((w), (verb), 0, (const char *const[]) { __VA_ARGS__, NULL })

static const char *cell(const Table *t, uint32_t row, const char *column) {
    for (uint32_t c = 0; c < t->n_columns; c++)
        if (strcmp(t->columns[c].name, column) == 0)
            return table_cell(t, row, c);
    return "no such column";
}

/* --- dead letters --------------------------------------------------------------------------- */

/* TO rejected a message of BAD; GOOD reads too. */
static void dead_letter(World *w, char ret[static UUID_TEXT_SIZE]) {
    Settlement st = { .tags = { 1, 1 }, .action = SETTLE_REJECT, .permanent = true };
    open_admin(w);
    hello(w, 1, BAD, 1);
    hello(w, 2, GOOD, 2);
    hello(w, 3, TO, 3);
    subscribe(w, 2, GOOD, 1, SOURCE_MAILBOX, 10);
    subscribe(w, 3, TO, 1, SOURCE_MAILBOX, 10);
    const Uuid id = publish(w, 1, BAD, TO, 1);
    run(w);
    say(w, 3, TO,
        (Frame) { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &st } });
    run(w);
    uuid_format(&id, ret);
}

TEST(a_dead_letter_is_handed_out_again_to_whom_it_was_for) {
    char id[UUID_TEXT_SIZE];
    WORLD(w, "upt/r1");
    dead_letter(&w, id);
    ASSERT_EQ(ASK(&w, "dead-requeue", id, GOOD)->code, 1); /* it was not for that one */
    ASSERT_EQ(ASK(&w, "dead-requeue", "no-id")->code, 2);
    const Table *t = ASK(&w, "dead-requeue", id, TO);
    ASSERT_EQ(t->code, 0);
    ASSERT_STR(cell(t, 0, "done"), "1");
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 1);
    ASSERT_EQ(ASK(&w, "dead-requeue", id, TO)->code, 1); /* none is left */
}

TEST(a_dead_letter_goes_to_another_who_can_be_reached) {
    char id[UUID_TEXT_SIZE];
    WORLD(w, "upt/r1");
    dead_letter(&w, id);
    ASSERT_EQ(ASK(&w, "dead-redirect", id, TO, "dsk/9999", "moved")->code, 1);
    ASSERT_EQ(ASK(&w, "dead-redirect", id, TO, GOOD, "moved")->code, 0);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 0);
    const Table *t = ASK(&w, "trace", id);
    bool why = false;
    for (uint32_t c = 0; c < t->n_cells; c++)
        why = why || strstr(t->cells[c], "moved") != NULL;
    ASSERT_TRUE(why);
}

TEST(a_dead_letter_is_discarded_for_a_reason) {
    char id[UUID_TEXT_SIZE];
    WORLD(w, "upt/r1");
    dead_letter(&w, id);
    ASSERT_EQ(ASK(&w, "dead-discard", id, TO)->code, 2);
    ASSERT_EQ(ASK(&w, "dead-discard", id, TO, "")->code, 2);
    ASSERT_EQ(ASK(&w, "dead-discard", id, TO, "sent twice")->code, 0);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 0);
    ASSERT_EQ(ASK(&w, "dead-requeue", id, TO)->code, 1);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 0);
}

/* --- what is written down of it ------------------------------------------------------------- */

/* So often is that verb of an operator of this machine on record. */
static unsigned recorded(World *w, const char *verb) {
    LedgerBlock b;
    LedgerEntry e;
    Buf hold = { 0 };
    unsigned n = 0;
    LedgerReader *r = calloc(1, sizeof(*r));
    for (int64_t at = 0; ledger_read(w->store, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        while (ledger_next(r, &e))
            n += (LedgerKind)e.kind == LEDGER_OPERATOR && strcmp(e.note, verb) == 0 &&
                 strcmp(e.node, "upt/r1") == 0 && strcmp(e.peer, "uid:0") == 0;
    }
    buf_deinit(&hold);
    free(r);
    return n;
}

static bool knows_every_verb(void *data, const char *verb, char *const *args, uint32_t n,
                             Table *t) {
    (void)data, (void)verb, (void)args, (void)n, (void)t;
    return true;
}

TEST(what_an_operator_does_is_on_record_and_what_it_reads_is_not) {
    char id[UUID_TEXT_SIZE];
    WORLD(w, "upt/r1");
    w.broker->io.verb = knows_every_verb; /* the program's own: reload, drain */
    dead_letter(&w, id);
    ASSERT_EQ(ASK(&w, "dead-discard", id, TO, "sent twice")->code, 0);
    ASSERT_EQ(ASK(&w, "reload", "")->code, 0);
    ASSERT_EQ(ASK(&w, "dead-list", "")->code, 0);
    ASSERT_EQ(ASK(&w, "sessions", "")->code, 0);
    (void)ASK(&w, "worklist", "");
    ASSERT_EQ(recorded(&w, "dead-discard"), 1);
    ASSERT_EQ(recorded(&w, "reload"), 1);
    ASSERT_EQ(recorded(&w, "dead-list") + recorded(&w, "sessions") + recorded(&w, "worklist"), 0);
}

TEST(of_one_node_so_many_questions_wait_and_no_more) {
    WORLD(w, "upt/r1");
    const Frame f = { .kind = FRAME_QUERY, .query = { .query = 1, .verb = "worklist" } };
    w.config.node_queries = 2;
    begin_again(&w);
    hello(&w, 1, TO, 1);
    w.broker->way_ops += WAY_FULL;
    for (unsigned i = 0; i < 3; i++)
        say(&w, 1, TO, f);
    w.broker->way_ops -= WAY_FULL;
    ASSERT_EQ(count(&w, 1, FRAME_RESULT), 1); /* to the third one, at once */
    const Table *t = heard(&w, 1, FRAME_RESULT, 0)->f.result.table;
    ASSERT_TRUE(text_starts_with(t->text, "BUSY"));
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_RESULT), 3);
}

/* --- backups -------------------------------------------------------------------------------- */

TEST(a_backup_has_an_absolute_path_of_a_length_that_can_be) {
    char path[STORE_PATH_SIZE + 1];
    WORLD(w, "upt/r1");
    open_admin(&w);
    ASSERT_EQ(ASK(&w, "backup", "copy.db")->code, 2);
    ASSERT_EQ(ASK(&w, "backup", "")->code, 2);
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[STORE_PATH_SIZE] = '\0';
    ASSERT_EQ(ASK(&w, "backup", path)->code, 2);
    path[STORE_PATH_SIZE - 1] = '\0';
    ASSERT_TRUE(ASK(&w, "backup", path)->code != 2); /* the store's to judge */
}

/* --- this moment ---------------------------------------------------------------------------- */

TEST(sessions_are_shown_up_to_a_limit) {
    WORLD(w, "upt/r1");
    open_admin(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 3, TO, 3);
    for (uint32_t limit = 0; limit <= 4; limit++) {
        const Table *t = ask(&w, "sessions", limit, NULL);
        ASSERT_EQ(table_rows(t), limit == 0 || limit > 3 ? 3 : limit);
        ASSERT_EQ(t->more, limit == 1 || limit == 2);
    }
}

TEST(of_a_session_it_is_shown_what_it_holds_and_how_long_it_is_silent) {
    WORLD(w, "upt/r1");
    open_admin(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 10);
    publish(&w, 1, BAD, TO, 1);
    publish(&w, 1, BAD, TO, 2);
    run(&w);
    publish(&w, 1, BAD, GOOD, 3); /* is not answered yet */
    w.now.mono_ms += 1500;
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 5, .verb = "sessions" } };
    say_at_admin(&w, &f);
    const Table *t = heard(&w, ADMIN, FRAME_RESULT, 0)->f.result.table;
    for (uint32_t row = 0; row < table_rows(t); row++) {
        const bool reads = strcmp(cell(t, row, "node"), TO) == 0;
        const bool sends = strcmp(cell(t, row, "node"), BAD) == 0;
        ASSERT_STR(cell(t, row, "channels"), reads ? "1" : "0");
        ASSERT_STR(cell(t, row, "in_flight"), reads ? "2" : "0");
        ASSERT_STR(cell(t, row, "unanswered"), sends ? "1" : "0");
        if (reads || sends)
            ASSERT_STR(cell(t, row, "silent_ms"), "1500");
    }
    run(&w);
}

TEST(a_link_is_shown_as_it_is_now) {
    WORLD(w, "hub");
    open_admin(&w);
    hello(&w, 1, "upt/r1", 1);
    hello(&w, 2, "dsk/3301", 2);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 10);
    run(&w);
    publish(&w, 2, "dsk/3301", TO, 1);
    run(&w);
    const Table *t = ask(&w, "links", 0, NULL);
    ASSERT_EQ(t->code, 0);
    ASSERT_STR(cell(t, 0, "state"), "up");
    ASSERT_STR(cell(t, 0, "in_flight"), "1");
    ASSERT_STR(cell(ask(&w, "status", 0, NULL), 0, "child_links"), "1");
    say(&w, 1, "upt/r1", (Frame) { .kind = FRAME_BYE });
    run(&w);
    t = ask(&w, "links", 0, NULL);
    ASSERT_STR(cell(t, 0, "state"), "down");
    ASSERT_STR(cell(t, 0, "in_flight"), "0");
    t = ask(&w, "status", 0, NULL);
    ASSERT_STR(cell(t, 0, "child_links"), "0");
    ASSERT_STR(cell(t, 0, "uplink"), "none");
}

TEST(a_broker_below_shows_whether_it_has_its_parent) {
    WORLD(w, "upt/r1");
    open_admin(&w);
    ASSERT_STR(cell(ask(&w, "status", 0, NULL), 0, "uplink"), "down");
    uplink_open(&w, 256);
    run(&w);
    ASSERT_STR(cell(ask(&w, "status", 0, NULL), 0, "uplink"), "up");
}

TEST_MAIN
