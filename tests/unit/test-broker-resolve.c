/* SPDX-License-Identifier: Apache-2.0 */
/* To whom a message would go: QUERY resolve, with the message behind it, and nothing stored. */
#include "test.h"

#include "broker-fixture.h"
#include "broker/internal.h"
#include "broker/session.h"
#include "store/internal.h"

#define NODE   "dsk/3201"
#define ANSWER 7

#define WAY_FULL 1000000U /* operations on their way: what comes has to wait */

typedef struct Draft {
    Envelope env;
    const char *sealed; /* NULL: none */
    uint32_t limit;
} Draft;

static Draft draft(void) {
    Draft d = { .env = { .message_id = { { 1, 2, [15] = 1 } },
                         .kind = 1000, /* newer than the broker: opaque */
                         .schema = 1,
                         .cluster = CLUSTER_CHILD,
                         .urgency = URGENCY_ROUTINE,
                         .sensitivity = 1,
                         .created_ms = START_MS,
                         .has_facts_digest = true } };
    hash_digest((Bytes) { 0 }, d.env.facts_digest);
    (void)text_copy(d.env.sender, sizeof(d.env.sender), NODE);
    (void)text_copy(d.env.region, sizeof(d.env.region), "3203");
    d.env.audience.form = AUDIENCE_NODES;
    return d;
}

static void goes_to(Draft *d, const char *node) {
    Audience *a = &d->env.audience;
    (void)text_copy(a->nodes[a->n++], NODE_NAME_SIZE, node);
}

static void put(World *w, const Draft *d) {
    uint8_t *envelope;
    size_t n;
    Frame f = { .kind = FRAME_QUERY,
                .query = { .query = ANSWER, .verb = "resolve", .limit = d->limit } };
    ASSERT_OK(codec_encode_envelope(&d->env, &envelope, &n));
    const Bytes sealed = d->sealed ? bytes_make(d->sealed, strlen(d->sealed)) : (Bytes) { 0 };
    const Bytes parts[] = { bytes_make(envelope, n), { 0 }, sealed };
    say_parts(w, 1, NODE, &f, parts, d->sealed ? 3 : 2);
    free(envelope);
}

static const Table *answer(World *w) {
    ASSERT_EQ(count(w, 1, FRAME_RESULT), 1);
    const Frame *f = &heard(w, 1, FRAME_RESULT, 0)->f;
    ASSERT_EQ(f->result.query, ANSWER);
    return f->result.table;
}

static const Table *resolve(World *w, const Draft *d) {
    forget(w);
    put(w, d);
    run(w);
    return answer(w);
}

/* "NODE ROLE;NODE ROLE;", or the words of an answer without rows. */
static const char *rows(const Table *t, char *ret, size_t size) {
    ret[0] = '\0';
    if (t->code != 0)
        snprintf(ret, size, "%d %s", t->code, t->text);
    for (uint32_t i = 0; t->code == 0 && i < table_rows(t); i++)
        snprintf(ret + strlen(ret), size - strlen(ret), "%s %s;", table_cell(t, i, 0),
                 table_cell(t, i, 1));
    return ret;
}
#define ASSERT_ROWS(t, want)                                                                       \
    do {                                                                                           \
        char _text[512];                                                                           \
        ASSERT_STR(rows((t), _text, sizeof(_text)), (want));                                       \
    } while (0)

TEST(those_whom_it_names_are_told_and_nothing_is_stored) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    Draft d = draft();
    goes_to(&d, "dsk/3202");
    goes_to(&d, "dsk/3401");
    const Table *t = resolve(&w, &d);
    ASSERT_ROWS(t, "dsk/3202 ADDRESSEE;dsk/3401 ADDRESSEE;");
    ASSERT_TRUE(!t->more);
    forget(&w);
    Frame f = { .kind = FRAME_QUERY, .query = { .query = ANSWER, .verb = "outcome" } };
    f.query.args[f.query.n_args++] = strdup("01020000-0000-0000-0000-000000000001");
    say_parts(&w, 1, NODE, &f, NULL, 0);
    frame_deinit(&f);
    run(&w);
    ASSERT_ROWS(answer(&w), "1 NO_SUCH_MESSAGE");
}

TEST(who_asks_for_fewer_learns_that_there_are_more) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    Draft d = draft();
    goes_to(&d, "dsk/3202");
    goes_to(&d, "dsk/3401");
    d.limit = 1;
    const Table *t = resolve(&w, &d);
    ASSERT_ROWS(t, "dsk/3202 ADDRESSEE;");
    ASSERT_TRUE(t->more);
    d.limit = 2;
    t = resolve(&w, &d);
    ASSERT_EQ(table_rows(t), 2);
    ASSERT_TRUE(!t->more);
}

TEST(what_would_be_refused_is_told_by_its_codes_alone) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    Draft d = draft();
    goes_to(&d, "dsk/9999");
    ASSERT_ROWS(resolve(&w, &d), "1 UNKNOWN_RECIPIENT");
    strcpy(d.env.audience.nodes[0], "dsk/3202");
    strcpy(d.env.sender, "dsk/3203");
    ASSERT_ROWS(resolve(&w, &d), "1 WRONG_SENDER");
}

TEST(the_sealed_part_is_judged_with_the_rest) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    Draft d = draft();
    goes_to(&d, "dsk/3202");
    d.env.has_sealed_digest = true;
    hash_digest(bytes_make("sealed", 6), d.env.sealed_digest);
    d.sealed = "sealed";
    ASSERT_ROWS(resolve(&w, &d), "dsk/3202 ADDRESSEE;");
    d.sealed = "other";
    ASSERT_ROWS(resolve(&w, &d), "1 DIGEST_MISMATCH");
}

TEST(who_may_not_publish_it_may_not_ask_to_whom_it_would_go) {
    WORLD(w, "upt/r1");
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_keys = 1;
    op->import.keys = calloc(1, sizeof(DirKey));
    key_of(NODE, op->import.keys[0].curve);
    strcpy(op->import.keys[0].node, NODE);
    op->import.keys[0].rights =
        (Rights) { .n = 1, .list = { { .verb = RIGHT_QUERY, .any_kind = true } } };
    ASSERT_OK(store_run(w.store, op, w.now.wall_ms));
    ASSERT_OK(broker_take_directory(w.broker, w.now, op->import.directory));
    store_op_free(op);
    hello(&w, 1, NODE, 1);
    Draft d = draft();
    goes_to(&d, "dsk/3202");
    ASSERT_ROWS(resolve(&w, &d), "1 NOT_ALLOWED: this key lacks the right: PUBLISH");
    ASSERT_EQ(w.n_denied, 1);
}

TEST(these_questions_are_counted_as_others_are) {
    WORLD(w, "upt/r1");
    BrokerConfig config = w.config;
    config.node_queries = 2;
    broker_reconfigure(w.broker, &config);
    hello(&w, 1, NODE, 1);
    run(&w);
    forget(&w);
    Draft d = draft();
    goes_to(&d, "dsk/3202");
    w.broker->way_ops += WAY_FULL;
    for (int i = 0; i < 3; i++)
        put(&w, &d);
    w.broker->way_ops -= WAY_FULL;
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_RESULT), 3);
    unsigned busy = 0;
    for (unsigned i = 0; i < 3; i++)
        busy += strncmp(heard(&w, 1, FRAME_RESULT, i)->f.result.table->text, "BUSY", 4) == 0;
    ASSERT_EQ(busy, 1);
}

TEST_MAIN
