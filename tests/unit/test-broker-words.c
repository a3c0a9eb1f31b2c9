/* SPDX-License-Identifier: Apache-2.0 */

/* Words of peers that are kept or told: what identifies a person in them is withheld, wherever they
 * would end up: in the store, in the journal, in what operators are shown. */

#include "test.h"

#include "broker-fixture.h"
#include "broker/due.h"
#include "broker/internal.h"

#define FROM   "dsk/3201"
#define TO     "dsk/3202"
#define NIK    "3203014507880001"
#define PHONE  "+62 812-3456-7890"
#define MAIL   "siti.aminah@example.org"
#define HIDDEN "(withheld)"

static const char *const personal[] = { "refused, NIK " NIK, "call " PHONE, "ask " MAIL };
static const char *const harmless[] = { "the database is down", "error 1064 at line 12", "" };

static char told[64 * 1024]; /* what the journal got */

static void remember(void *data, const LogRecord *r) {
    const size_t n = strlen(told);
    (void)data;
    (void)snprintf(told + n, sizeof(told) - n, "%s|%s|%s\n", r->text, r->peer, r->rule);
}

/* As the broker of the fixture, with a journal. */
static void listen(World *w) {
    BrokerIo io = { .data = w,
                    .send = io_send,
                    .log = remember,
                    .random = io_random,
                    .uplink_reset = io_reset,
                    .verb = io_verb,
                    .directory = io_directory };
    Directory *d = store_directory(w->store);
    w->broker = broker_free(w->broker);
    told[0] = '\0';
    ASSERT_OK(broker_new(&w->broker, &w->config, &io, d, w->now));
    (void)directory_unref(d);
}

static bool file_has(const char *path, const char *text) {
    char command[256];
    snprintf(command, sizeof(command), "grep -qaF -- '%s' %s 2>/dev/null", text, path);
    return system(command) == 0;
}

/* The digits, the number and the address themselves. */
static void assert_nowhere(World *w) {
    static const char *const parts[] = { NIK, "3456-7890", MAIL };
    char log[128];
    snprintf(log, sizeof(log), "%s-wal", w->path);
    w->broker = broker_free(w->broker);
    w->store = store_close(w->store);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        ASSERT_TRUE(!file_has(w->path, parts[i]) && !file_has(log, parts[i]));
        ASSERT_TRUE(strstr(told, parts[i]) == NULL);
        for (unsigned k = 0; k < w->n_heard; k++) {
            const Table *t = w->heard[k].f.kind == FRAME_RESULT ? w->heard[k].f.result.table : NULL;
            for (uint32_t c = 0; t && c < t->n_cells; c++)
                ASSERT_TRUE(strstr(t->cells[c], parts[i]) == NULL);
        }
    }
}

static void reject(World *w, uint64_t tag, bool permanent, const char *reason) {
    Settlement st = { .tags = { tag, tag }, .action = SETTLE_REJECT, .permanent = permanent };
    (void)text_copy(st.reason, sizeof(st.reason), reason);
    say(w, 3, TO,
        (Frame) { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &st } });
    run(w);
}

static void make_operator(World *w, const char *node) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.keys = calloc(1, sizeof(DirKey));
    op->import.n_keys = 1;
    op->import.keys[0].operator_ = true;
    key_of(node, op->import.keys[0].curve);
    (void)text_copy(op->import.keys[0].node, NODE_NAME_SIZE, node);
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

static const Table *ask_operator(World *w, uint8_t peer, const char *node, const char *verb,
                                 const char **args) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 1 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
    for (; args[f.query.n_args]; f.query.n_args++)
        f.query.args[f.query.n_args] = strdup(args[f.query.n_args]);
    say(w, peer, node, f);
    frame_deinit(&f);
    run(w);
    const Table *t = heard(w, peer, FRAME_RESULT, count(w, peer, FRAME_RESULT) - 1)->f.result.table;
    ASSERT_EQ(t->code, 0);
    return t;
}

TEST(why_a_consumer_refuses_is_kept_without_who_it_is_about) {
    for (unsigned permanent = 0; permanent < 2; permanent++) {
        WORLD(w, "upt/r1");
        listen(&w);
        hello(&w, 1, FROM, 1);
        hello(&w, 3, TO, 3);
        subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 100);
        for (unsigned i = 0; i < 3; i++) {
            publish(&w, 1, FROM, TO, (uint8_t)(i + 1));
            run(&w);
            reject(&w, i + 1, permanent, personal[i]);
        }
        assert_nowhere(&w);
        if (permanent)
            ASSERT_TRUE(file_has(w.path, HIDDEN));
        open_store(&w); /* for the fixture */
        open_broker(&w);
    }
}

TEST(other_reasons_are_kept_as_they_are) {
    WORLD(w, "upt/r1");
    listen(&w);
    hello(&w, 1, FROM, 1);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 100);
    for (unsigned i = 0; i < 3; i++) {
        publish(&w, 1, FROM, TO, (uint8_t)(i + 1));
        run(&w);
        reject(&w, i + 1, true, harmless[i]);
    }
    w.store = (w.broker = broker_free(w.broker), store_close(w.store));
    for (unsigned i = 0; i < 2; i++)
        ASSERT_TRUE(file_has(w.path, harmless[i]));
    open_store(&w);
    open_broker(&w);
}

TEST(how_a_client_calls_itself_is_shown_without_who_uses_it) {
    WORLD(w, "hub");
    make_operator(&w, "dsk/3301");
    listen(&w);
    for (uint8_t i = 0; i < 3; i++) {
        Frame f = { .kind = FRAME_HELLO,
                    .hello = { .protocol_min = 1,
                               .protocol_max = 1,
                               .instance_id = { { [0] = (uint8_t)(i + 1) } } } };
        (void)text_copy(f.hello.client, sizeof(f.hello.client), personal[i]);
        say(&w, (uint8_t)(i + 1), "dsk/3301", f);
        ASSERT_EQ(count(&w, (uint8_t)(i + 1), FRAME_WELCOME), 1);
    }
    ask_operator(&w, 1, "dsk/3301", "sessions", (const char *[]) { NULL });
    ASSERT_TRUE(strstr(told, HIDDEN) != NULL);
    assert_nowhere(&w);
    open_store(&w);
    open_broker(&w);
}

TEST(why_an_operator_discards_is_kept_without_who_it_is_about) {
    WORLD(w, "upt/r1");
    make_operator(&w, FROM);
    listen(&w);
    hello(&w, 1, FROM, 1);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 100);
    for (unsigned i = 0; i < 3; i++) {
        char id[UUID_TEXT_SIZE];
        const Uuid m = publish(&w, 1, FROM, TO, (uint8_t)(i + 1));
        run(&w);
        reject(&w, i + 1, true, "");
        uuid_format(&m, id);
        ask_operator(&w, 1, FROM, "dead-discard", (const char *[]) { id, "", personal[i], NULL });
    }
    assert_nowhere(&w);
    ASSERT_TRUE(file_has(w.path, HIDDEN));
    open_store(&w);
    open_broker(&w);
}

/* It goes into the signed log, to every broker of the country. */
TEST(why_the_directory_is_changed_is_kept_without_who_it_is_about) {
    WORLD(w, "hub");
    make_operator(&w, "dsk/3301");
    listen(&w);
    hello(&w, 1, "dsk/3301", 1);
    for (unsigned i = 0; i < 3; i++) {
        static uint8_t line[] = "{\"holiday\":{\"on\":\"2026-01-01\"}}\n";
        Frame f = { .kind = FRAME_QUERY,
                    .query = { .query = 1, .verb = "node-import", .n_args = 1 } };
        line[26] = (uint8_t)('1' + i);
        f.query.args[0] = strdup(personal[i]);
        f.query.input = line;
        f.query.n_input = sizeof(line) - 1;
        say(&w, 1, "dsk/3301", f);
        free(f.query.args[0]);
        run(&w);
        ASSERT_EQ(heard(&w, 1, FRAME_RESULT, i)->f.result.table->code, 0);
    }
    assert_nowhere(&w);
    ASSERT_TRUE(file_has(w.path, HIDDEN));
    open_store(&w);
    open_broker(&w);
}

TEST(what_is_owed_is_told_of_a_regency_and_no_smaller_place) {
    WORLD(w, "upt/r1");
    listen(&w);
    StoreOp *op = store_op_new(OP_DUE);
    op->due.fired = calloc(1, sizeof(*op->due.fired));
    op->due.n = 1;
    op->due.fired[0].timer = TIMER_ANSWER;
    op->due.fired[0].item_kind = ITEM_REFERRAL;
    op->due.fired[0].code = "answer";
    (void)text_copy(op->due.fired[0].region, REGION_SIZE, "3203052001");
    (void)text_copy(op->due.fired[0].owes, NODE_NAME_SIZE, "pks/3203052001");
    ASSERT_OK(due_done(w.broker, op));
    store_op_free(op);
    ASSERT_TRUE(strstr(told, "3203") != NULL);
    ASSERT_TRUE(strstr(told, "320305") == NULL);
}

TEST_MAIN
