/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keys as sessions ask for them: what a token lets its bearer do, who gives tokens out and decides,
 * and what a node is told of its own keys.
 */

#include "test.h"

#include "broker-fixture.h"
#include "broker/internal.h"
#include "broker/key.h"
#include "broker/session.h"
#include "core/key-request.h"
#include "store/internal.h"

#define NODE   "dsk/3201"
#define OTHER  "dsk/3202"
#define BEARER "one-time" /* the key inside a token: of no node */
#define ADMIN  9
#define TOLD   64

/* --- surroundings ---------------------------------------------------------------------------- */

typedef struct Keys {
    World w;
    SignKey broker, main, fresh;
    LogRecord told[TOLD];
    unsigned n_told;
    Enrolments *let_in; /* what the door knows of */
    Table *said;        /* of the newest answer, borrowed */
} Keys;

static Keys *keys_of(void *data) {
    return data; /* the world stands first */
}

static void on_log(void *data, const LogRecord *r) {
    Keys *k = keys_of(data);
    io_log(data, r);
    k->told[k->n_told++ % TOLD] = *r;
}

static void on_enrolments(void *data, Enrolments *e) {
    Keys *k = keys_of(data);
    (void)enrolments_unref(k->let_in);
    k->let_in = enrolments_ref(e);
}

static bool on_address(void *data, BrokerPort port, Bytes route, char *ret, size_t size) {
    (void)data, (void)port, (void)route;
    (void)text_copy(ret, size, "192.0.2.7:5");
    return true;
}

static const LogRecord *told(const Keys *k, LogEvent event) {
    for (unsigned i = k->n_told; i-- > 0;)
        if (k->told[i % TOLD].event == event)
            return &k->told[i % TOLD];
    return NULL;
}

/* --- the directory --------------------------------------------------------------------------- */

static void change(Keys *k, const DirNode *n, const DirKey *key) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.keys = calloc(1, sizeof(DirKey));
    if (n)
        op->import.nodes[op->import.n_nodes++] = *n;
    if (key)
        op->import.keys[op->import.n_keys++] = *key;
    ASSERT_OK(store_run(k->w.store, op, k->w.now.wall_ms));
    ASSERT_STR(op->import.text, "");
    ASSERT_OK(broker_take_directory(k->w.broker, k->w.now, op->import.directory));
    store_op_free(op);
}

static DirKey key(const char *name, const char *node, const SignKey *sign) {
    DirKey d = { .sign = sign ? sign->public : (SignPublic) { .b = { 0 } } };
    key_of(name, d.curve);
    (void)text_copy(d.node, sizeof(d.node), node);
    (void)text_copy(d.label, sizeof(d.label), "main");
    return d;
}

static void keys_init(Keys *k) {
    *k = (Keys) { .n_told = 0 };
    ASSERT_OK(hash_init());
    world_init(&k->w, "upt/r1");
    sign_key_new(&k->broker);
    sign_key_new(&k->main);
    sign_key_new(&k->fresh);
    k->w.broker = broker_free(k->w.broker);
    k->w.store = store_close(k->w.store);
    k->w.store_config.sign_key = &k->broker;
    open_store(&k->w);
    open_broker(&k->w);
    k->w.broker->io.log = on_log;
    k->w.broker->io.enrolments = on_enrolments;
    k->w.broker->io.address = on_address;
    DirKey own = key("upt/r1", "upt/r1", &k->broker);
    own.broker = true;
    change(k, NULL, &own);
}

static void keys_deinit(Keys *k) {
    (void)enrolments_unref(k->let_in);
    world_deinit(&k->w);
}
#define KEYS(k)                                                                                    \
    _cleanup_(keys_deinit) Keys k;                                                                 \
    keys_init(&k)

/* --- queries --------------------------------------------------------------------------------- */

static void say_at_admin(Keys *k, const Frame *f) {
    uint8_t *p, route[5] = { ADMIN, 1, 2, 3, 4 };
    size_t n;
    ASSERT_OK(codec_encode_frame(f, &p, &n));
    const Bytes part = bytes_make(p, n);
    const PeerMessage m = { .port = PORT_ADMIN,
                            .route = bytes_make(route, sizeof(route)),
                            .user_id = "uid:0",
                            .parts = &part,
                            .n_parts = 1 };
    ASSERT_OK(broker_receive(k->w.broker, k->w.now, &m));
    free(p);
}

static void open_admin(Keys *k) {
    say_at_admin(
        k, &(Frame) {
               .kind = FRAME_HELLO,
               .hello = { .protocol_min = 1, .protocol_max = 1, .instance_id = { { ADMIN } } } });
    assert_non_null(heard(&k->w, ADMIN, FRAME_WELCOME, 0));
}

/* Arguments are one text, with '|' between them. Returns the code of the one answer. */
static uint32_t ask_with(Keys *k, uint8_t peer, const char *as, const char *verb, const char *args,
                         const KeyRequest *input) {
    char text[256];
    char *rest = text;
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 7 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
    (void)text_copy(text, sizeof(text), args ? args : "");
    while (args && rest)
        f.query.args[f.query.n_args++] = strdup(strsep(&rest, "|"));
    if (input)
        ASSERT_OK(codec_encode_key_request(input, &f.query.input, &f.query.n_input));
    forget(&k->w);
    if (peer == ADMIN)
        say_at_admin(k, &f);
    else
        say_parts(&k->w, peer, as, &f, NULL, 0);
    frame_deinit(&f);
    run(&k->w);
    ASSERT_EQ(count(&k->w, peer, FRAME_RESULT), 1);
    k->said = heard(&k->w, peer, FRAME_RESULT, 0)->f.result.table;
    return k->said->code;
}

static uint32_t ask(Keys *k, uint8_t peer, const char *as, const char *verb, const char *args) {
    return ask_with(k, peer, as, verb, args, NULL);
}

static uint32_t admin(Keys *k, const char *verb, const char *args) {
    return ask(k, ADMIN, NULL, verb, args);
}

static const char *cell(const Keys *k, uint32_t row, const char *column) {
    for (uint32_t c = 0; c < k->said->n_columns; c++)
        if (strcmp(k->said->columns[c].name, column) == 0)
            return table_cell(k->said, row, c);
    fail_msg("no column %s", column);
    return "";
}

static bool was_denied(const Keys *k) {
    return k->said->code == 1 && text_starts_with(k->said->text, "NOT_ALLOWED");
}

/* --- tokens and what is handed in with them --------------------------------------------------- */

/* "NODE|LABEL|KEY|HOURS" of the key inside a token of that name. */
static const char *token_args(const char *node, const char *label, const char *name,
                              const char *hours) {
    static char text[256];
    char curve[CURVE_TEXT_SIZE];
    key_of(name, curve);
    (void)snprintf(text, sizeof(text), "%s|%s|%s|%s", node, label, curve, hours);
    return text;
}

static KeyRequest asked(Keys *k, const char *node, const char *name) {
    KeyRequest r = { .act = KEY_ACT_ADD, .asked_ms = k->w.now.wall_ms };
    r.key = key(name, node, &k->fresh);
    ASSERT_OK(codec_encode_key_demand(&r));
    key_request_prove(&r, &k->fresh);
    return r;
}

/* A token for NODE is out, number 1, and its bearer has a session. */
static void bearer_came(Keys *k) {
    open_admin(k);
    ASSERT_EQ(admin(k, "enrol-token", token_args(NODE, "main", BEARER, "2")), 0);
    hello(&k->w, 5, BEARER, 5);
    assert_non_null(heard(&k->w, 5, FRAME_WELCOME, 0));
}

TEST(with_a_token_keys_are_handed_in_and_an_operator_decides) {
    KEYS(k);
    char curve[CURVE_TEXT_SIZE];
    key_of(BEARER, curve);
    bearer_came(&k);
    ASSERT_STR(told(&k, LOG_EVENT_ENROL_TOKEN)->peer, NODE);
    const Enrolment *e = enrolments_find(k.let_in, curve, k.w.now.wall_ms);
    ASSERT_EQ(e->expires_ms, START_MS + 2 * HOUR_MS);
    ASSERT_STR(e->label, "main");
    const Heard *h = heard(&k.w, 5, FRAME_WELCOME, 0);
    ASSERT_STR(h->f.welcome.node, "enrolment/1"); /* nobody's name */
    ASSERT_OK(ask(&k, 5, BEARER, "enrol-state", NULL));
    ASSERT_STR(cell(&k, 0, "state"), "OPEN");
    const KeyRequest r = asked(&k, NODE, "new");
    ASSERT_OK(ask_with(&k, 5, BEARER, "enrol-hand-in", NULL, &r));
    ASSERT_STR(cell(&k, 0, "state"), "WAITING");
    assert_non_null(strstr(told(&k, LOG_EVENT_ENROL_WAITING)->text, "from 192.0.2.7:5"));
    const unsigned n = k.n_told;
    ASSERT_OK(ask_with(&k, 5, BEARER, "enrol-hand-in", NULL, &r)); /* the answer was lost */
    ASSERT_EQ(k.n_told, n);
    ASSERT_OK(admin(&k, "enrol-list", NULL));
    ASSERT_STR(cell(&k, 0, "from"), "192.0.2.7:5");
    ASSERT_OK(admin(&k, "enrol-approve", "1"));
    ASSERT_STR(cell(&k, 0, "state"), "APPROVED");
    ASSERT_STR(told(&k, LOG_EVENT_ENROL_DECIDED)->rule, "APPROVED");
    assert_non_null(directory_key(k.w.broker->directory, r.key.curve));
    ASSERT_OK(ask(&k, 5, BEARER, "enrol-state", NULL));
    ASSERT_STR(cell(&k, 0, "state"), "APPROVED");
    hello(&k.w, 6, "new", 6);
    ASSERT_STR(heard(&k.w, 6, FRAME_WELCOME, 0)->f.welcome.node, NODE);
    ASSERT_EQ(admin(&k, "enrol-refuse", "1"), 1); /* it is decided */
}

TEST(what_is_refused_is_not_in_force_and_stays_so) {
    KEYS(k);
    bearer_came(&k);
    const KeyRequest r = asked(&k, NODE, "new");
    ASSERT_OK(ask_with(&k, 5, BEARER, "enrol-hand-in", NULL, &r));
    ASSERT_OK(admin(&k, "enrol-refuse", "1"));
    ASSERT_STR(cell(&k, 0, "state"), "REFUSED");
    ASSERT_OK(ask(&k, 5, BEARER, "enrol-state", NULL));
    ASSERT_STR(cell(&k, 0, "state"), "REFUSED");
    assert_null(directory_key(k.w.broker->directory, r.key.curve));
    ASSERT_EQ(admin(&k, "enrol-approve", "1"), 1);
}

TEST(who_comes_with_a_used_token_is_refused_and_it_is_told) {
    KEYS(k);
    bearer_came(&k);
    const KeyRequest r = asked(&k, NODE, "new"), thief = asked(&k, NODE, "thief");
    ASSERT_OK(ask_with(&k, 5, BEARER, "enrol-hand-in", NULL, &r));
    ASSERT_EQ(ask_with(&k, 5, BEARER, "enrol-hand-in", NULL, &thief), 1);
    ASSERT_TRUE(text_starts_with(k.said->text, "USED"));
    assert_non_null(strstr(told(&k, LOG_EVENT_ENROL_REFUSED)->text, "192.0.2.7:5"));
    k.w.broker->io.address = NULL; /* where from is not always known */
    const unsigned n = k.n_told;
    ASSERT_EQ(ask_with(&k, 5, BEARER, "enrol-hand-in", NULL, &thief), 1);
    ASSERT_EQ(k.n_told, n + 1);
    assert_non_null(strstr(told(&k, LOG_EVENT_ENROL_REFUSED)->text, "unknown address"));
}

TEST(a_token_is_for_handing_in_keys_and_for_nothing_else) {
    KEYS(k);
    static const char *const others[] = { "status",      "outcome",       "key-list",
                                          "key-request", "key-asked",     "directory-keys",
                                          "enrol-list",  "enrol-approve", "enrol-token" };
    bearer_came(&k);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        ASSERT_EQ(ask(&k, 5, BEARER, others[i], "1"), 1);
        if (!was_denied(&k))
            fail_msg("%s: %s", others[i], k.said->text);
    }
    const KeyRequest r = asked(&k, NODE, "new");
    ASSERT_EQ(ask_with(&k, 5, BEARER, "key-request", NULL, &r), 1);
    ASSERT_TRUE(was_denied(&k));
    ASSERT_EQ(ask(&k, 5, BEARER, "enrol-hand-in", NULL), 2); /* nothing, and no KeyRequest */
    ASSERT_EQ(k.w.n_denied, 1);                              /* as often as it tries */
    assert_non_null(strstr(told(&k, LOG_EVENT_ACCESS_DENIED)->text, "key main"));
    subscribe(&k.w, 5, BEARER, 1, SOURCE_MAILBOX, 1);
    run(&k.w);
    ASSERT_EQ(heard(&k.w, 5, FRAME_ERROR, 0)->f.error.code, ERROR_NOT_ALLOWED);
    hello(&k.w, 6, NODE, 6); /* nor has anybody else one */
    ASSERT_EQ(ask_with(&k, 6, NODE, "enrol-hand-in", NULL, &r), 1);
    ASSERT_TRUE(was_denied(&k));
}

TEST(a_token_opens_the_door_until_a_day_after_its_end) {
    KEYS(k);
    bearer_came(&k);
    const int64_t kept = 2 * HOUR_MS + ENROLMENT_KEPT_MS;
    k.w.now.wall_ms = START_MS + kept - 1;
    hello(&k.w, 6, BEARER, 6);
    const KeyRequest r = asked(&k, NODE, "new");
    ASSERT_EQ(ask_with(&k, 6, BEARER, "enrol-hand-in", NULL, &r), 1);
    ASSERT_TRUE(text_starts_with(k.said->text, "EXPIRED"));
    k.w.now.mono_ms += TICK_MS;
    pass(&k.w, 0);
    ASSERT_EQ(broker_status(k.w.broker).sessions, 3);
    k.w.now.mono_ms += TICK_MS;
    pass(&k.w, 1);
    ASSERT_EQ(broker_status(k.w.broker).sessions, 1);
    forget(&k.w);
    hello(&k.w, 7, BEARER, 7);
    assert_null(heard(&k.w, 7, FRAME_WELCOME, 0));
}

TEST(keys_are_not_handed_in_without_end) {
    KEYS(k);
    unsigned n = 0;
    bearer_came(&k);
    for (; n < 5000 && ask(&k, 5, BEARER, "enrol-hand-in", NULL) == 2; n++)
        ;
    ASSERT_TRUE(n > 100 && n < 5000);
    ASSERT_TRUE(text_starts_with(k.said->text, "BUSY"));
    hello(&k.w, 6, NODE, 6);
    for (n = 0; n < 5000 && ask(&k, 6, NODE, "key-request", NULL) == 2; n++)
        ;
    ASSERT_TRUE(n > 100 && n < 5000);
    ASSERT_TRUE(text_starts_with(k.said->text, "BUSY"));
}

/* --- what an operator may say ---------------------------------------------------------------- */

TEST(a_token_is_for_an_active_node_of_this_broker) {
    KEYS(k);
    const struct {
        const char *node, *says;
    } cases[] = {
        { "dsk/9999", "the node is not in the directory" },
        { "upt/r1", "brokers are entered" },
        { "dsk/3401", "the node has another home" },
        { OTHER, "the node is not active" },
    };
    open_admin(&k);
    DirNode n = *directory_node(k.w.broker->directory, OTHER);
    n.inactive = true;
    change(&k, &n, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ASSERT_EQ(admin(&k, "enrol-token", token_args(cases[i].node, "main", BEARER, "1")), 1);
        if (!text_starts_with(k.said->text, cases[i].says))
            fail_msg("%s: %s", cases[i].node, k.said->text);
    }
    assert_null(told(&k, LOG_EVENT_ENROL_TOKEN));
}

TEST(a_token_is_asked_for_in_full) {
    KEYS(k);
    static const char label[] = "123456789-123456789-123456789-123456789-123456789-123456789-12345";
    static const char *const hours[] = {
        "", "0", "-1", "169", "x", "1x", "9999999999999999999999"
    };
    char text[256];
    open_admin(&k);
    for (size_t i = 0; i < ARRAY_SIZE(hours); i++)
        ASSERT_EQ(admin(&k, "enrol-token", token_args(NODE, "main", BEARER, hours[i])), 2);
    ASSERT_EQ(admin(&k, "enrol-token", token_args(NODE, "", BEARER, "1")), 2);
    ASSERT_EQ(admin(&k, "enrol-token", token_args(NODE, "Sari 0812-3456-7890", BEARER, "1")), 2);
    ASSERT_EQ(admin(&k, "enrol-token", token_args(NODE, "3203011234567890", BEARER, "1")), 2);
    ASSERT_EQ(admin(&k, "enrol-token", token_args(NODE, "desk\n1", BEARER, "1")), 2);
    ASSERT_EQ(strlen(label), LABEL_SIZE);
    ASSERT_EQ(admin(&k, "enrol-token", token_args(NODE, label, BEARER, "1")), 2);
    ASSERT_EQ(admin(&k, "enrol-token", token_args(NODE, label + 1, "other", "1")), 0);
    (void)text_copy(text, sizeof(text), token_args(NODE, "main", BEARER, "1"));
    text[strlen(text) - 3] = '|'; /* a key that is too short, and one argument more */
    ASSERT_EQ(admin(&k, "enrol-token", text), 2);
    (void)text_copy(text, sizeof(text), token_args(NODE, "main", BEARER, "1"));
    (void)text_copy(text + strlen(text), sizeof(text) - strlen(text), "|1");
    ASSERT_EQ(admin(&k, "enrol-token", text), 2);
    ASSERT_EQ(admin(&k, "enrol-token", NODE "|main|tooshort|1"), 2);
    ASSERT_EQ(admin(&k, "enrol-token", NODE "|main"), 2);
    ASSERT_EQ(admin(&k, "enrol-token", token_args(NODE, "main", BEARER, "168")), 0);
    char curve[CURVE_TEXT_SIZE];
    key_of(BEARER, curve);
    ASSERT_EQ(enrolments_find(k.let_in, curve, START_MS)->expires_ms, START_MS + 7 * DAY_MS);
}

TEST(what_is_decided_is_named_by_its_number) {
    KEYS(k);
    static const char *const wrong[] = { NULL, "", "x", "1x", "0", "-1", "1|2" };
    bearer_came(&k);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        ASSERT_EQ(admin(&k, "enrol-refuse", wrong[i]), 2);
    ASSERT_EQ(admin(&k, "enrol-refuse", "2"), 1);
    ASSERT_EQ(admin(&k, "enrol-approve", "1"), 1); /* nothing is there to be approved */
    ASSERT_EQ(admin(&k, "enrol-refuse", "1"), 0);
}

/* An operator of an agency decides about the homes below it, and not about its neighbours. */
TEST(operators_decide_about_nodes_below_their_own) {
    KEYS(k);
    static const char *const below[] = { "lks/3201/1", "lks/3201/2" };
    bearer_came(&k);
    for (unsigned i = 0; i < ARRAY_SIZE(below); i++) {
        DirNode n = { .kind = NODE_LKS };
        (void)text_copy(n.id, sizeof(n.id), below[i]);
        (void)text_copy(n.home, sizeof(n.home), "upt/r1");
        (void)text_copy(n.parent, sizeof(n.parent), i == 0 ? NODE : below[0]);
        change(&k, &n, NULL);
    }
    DirKey operator_ = key(NODE, NODE, NULL), desk = key("upt/desk", "upt/r1", NULL);
    operator_.operator_ = desk.operator_ = true;
    change(&k, NULL, &operator_);
    change(&k, NULL, &desk);
    hello(&k.w, 6, NODE, 6);
    hello(&k.w, 7, "upt/desk", 7);
    for (unsigned i = 0; i < ARRAY_SIZE(below); i++) {
        ASSERT_OK(ask(&k, 6, NODE, "enrol-token", token_args(below[i], "main", below[i], "1")));
        ASSERT_OK(ask(&k, 6, NODE, "enrol-refuse", cell(&k, 0, "id")));
        ASSERT_OK(admin(&k, "enrol-list", NULL));
        ASSERT_STR(cell(&k, 0, "made_by"), NODE " main");
    }
    ASSERT_EQ(ask(&k, 6, NODE, "enrol-token", token_args(OTHER, "main", "more", "1")), 1);
    ASSERT_TRUE(was_denied(&k));
    ASSERT_EQ(ask(&k, 6, NODE, "enrol-token", token_args(NODE, "main", "more", "1")), 1);
    ASSERT_TRUE(was_denied(&k)); /* nor about its own */
    ASSERT_EQ(ask(&k, 6, NODE, "enrol-refuse", "1"), 1);
    ASSERT_TRUE(was_denied(&k));
    ASSERT_OK(ask(&k, 7, "upt/desk", "enrol-refuse", "1")); /* those of the broker: about all */
}

/* --- keys of one's own node ------------------------------------------------------------------ */

TEST(a_node_asks_for_keys_of_its_own) {
    KEYS(k);
    DirKey main = key(NODE, NODE, &k.main);
    change(&k, NULL, &main);
    hello(&k.w, 1, NODE, 1);
    KeyRequest r = asked(&k, NODE, "new");
    key_request_sign(&r, NODE, &k.main);
    ASSERT_OK(ask_with(&k, 1, NODE, "key-request", NULL, &r));
    ASSERT_STR(cell(&k, 0, "state"), "done");
    ASSERT_STR(cell(&k, 0, "message"), "");
    assert_non_null(
        strstr(told(&k, LOG_EVENT_KEY_CHANGED)->text, "a new one was asked for and is"));
    assert_non_null(directory_key(k.w.broker->directory, r.key.curve));
    const unsigned n = k.n_told;
    ASSERT_OK(ask_with(&k, 1, NODE, "key-request", NULL, &r));
    ASSERT_STR(cell(&k, 0, "state"), "known");
    ASSERT_EQ(k.n_told, n);
    KeyRequest end = { .act = KEY_ACT_END, .asked_ms = START_MS, .key = main };
    end.key.valid_until_ms = START_MS + DAY_MS;
    ASSERT_OK(codec_encode_key_demand(&end));
    key_request_sign(&end, NODE, &k.fresh);
    ASSERT_OK(ask_with(&k, 1, NODE, "key-request", NULL, &end));
    assert_non_null(strstr(told(&k, LOG_EVENT_KEY_CHANGED)->text, "the end of an older one was"));
    r.signature[0] ^= 1;
    ASSERT_EQ(ask_with(&k, 1, NODE, "key-request", NULL, &r), 1);
    ASSERT_TRUE(text_starts_with(k.said->text, "FORGED: "));
    ASSERT_STR(told(&k, LOG_EVENT_KEY_NOT_GRANTED)->rule, "FORGED");
}

/* Not even with their signatures. */
TEST(a_node_asks_for_keys_of_no_other) {
    KEYS(k);
    DirKey main = key(NODE, NODE, &k.main);
    change(&k, NULL, &main);
    hello(&k.w, 2, OTHER, 2);
    KeyRequest r = asked(&k, NODE, "new");
    key_request_sign(&r, NODE, &k.main);
    ASSERT_EQ(ask_with(&k, 2, OTHER, "key-request", NULL, &r), 1);
    ASSERT_TRUE(was_denied(&k));
    key_request_sign(&r, OTHER, &k.main);
    ASSERT_EQ(ask_with(&k, 2, OTHER, "key-request", NULL, &r), 1);
    ASSERT_TRUE(was_denied(&k));
    r = asked(&k, OTHER, "new");
    key_request_sign(&r, "upt/r1", &k.broker); /* an approval comes another way */
    ASSERT_EQ(ask_with(&k, 2, OTHER, "key-request", NULL, &r), 1);
    ASSERT_TRUE(was_denied(&k));
    assert_null(directory_key(k.w.broker->directory, r.key.curve));
    ASSERT_EQ(k.w.n_denied, 1);
}

TEST(a_list_of_keys_says_how_each_stands) {
    KEYS(k);
    const struct {
        const char *name, *state;
        int64_t from, until;
        bool revoked;
    } keys[] = { { "a", "revoked", 0, START_MS + 1, true },
                 { "b", "not yet", START_MS + 1, 0, false },
                 { "c", "valid", START_MS, 0, false },
                 { "d", "ended", 0, START_MS, false },
                 { "e", "valid", 0, START_MS + 1, false } };
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        DirKey d = key(keys[i].name, NODE, NULL);
        (void)text_copy(d.label, sizeof(d.label), keys[i].name);
        d.valid_from_ms = keys[i].from;
        d.valid_until_ms = keys[i].until;
        d.revoked = keys[i].revoked;
        change(&k, NULL, &d);
    }
    hello(&k.w, 1, NODE, 1);
    hello(&k.w, 2, OTHER, 2);
    open_admin(&k);
    ASSERT_OK(ask(&k, 1, NODE, "key-list", OTHER)); /* its own, whomever it asks about */
    ASSERT_EQ(table_rows(k.said), 1 + ARRAY_SIZE(keys));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        uint32_t row = 0;
        while (strcmp(cell(&k, row, "label"), keys[i].name) != 0)
            row++;
        if (strcmp(cell(&k, row, "state"), keys[i].state) != 0)
            fail_msg("%s is %s", keys[i].name, cell(&k, row, "state"));
        ASSERT_EQ(strlen(cell(&k, row, "curve")), CURVE_TEXT_SIZE - 1);
        ASSERT_EQ(atoll(cell(&k, row, "valid_from")), keys[i].from);
        ASSERT_EQ(atoll(cell(&k, row, "valid_until")), keys[i].until);
    }
    ASSERT_OK(admin(&k, "key-list", NODE));
    ASSERT_EQ(table_rows(k.said), 1 + ARRAY_SIZE(keys));
    ASSERT_OK(ask(&k, 2, OTHER, "key-list", NODE));
    ASSERT_EQ(table_rows(k.said), 1);
    ASSERT_OK(admin(&k, "key-list", NULL)); /* of this broker */
    ASSERT_STR(cell(&k, 0, "broker"), "1");
    ASSERT_STR(cell(&k, 0, "operator"), "0");
    DirNode n = *directory_node(k.w.broker->directory, NODE);
    n.inactive = true;
    change(&k, &n, NULL);
    ASSERT_OK(admin(&k, "key-list", NODE));
    ASSERT_STR(cell(&k, 0, "state"), "inactive");
}

TEST(what_became_of_a_wish_is_told_once) {
    KEYS(k);
    StoreOp *op = store_op_new(OP_ACCEPT);
    op->accept.wish = (struct KeyWish) { .verdict = KEY_GRANTED, .act = KEY_ACT_ADD };
    strcpy(op->accept.wish.node, NODE);
    key_wish_told(k.w.broker, op);
    ASSERT_EQ(k.n_told, 0);
    op->accept.wish.told = true;
    key_wish_told(k.w.broker, op);
    assert_non_null(strstr(told(&k, LOG_EVENT_KEY_CHANGED)->text, "a new one is in force"));
    op->accept.wish.act = KEY_ACT_END;
    op->accept.wish.verdict = KEY_KNOWN;
    key_wish_told(k.w.broker, op);
    assert_non_null(strstr(told(&k, LOG_EVENT_KEY_CHANGED)->text, "an older one has its end"));
    op->accept.wish.verdict = KEY_TAKEN;
    key_wish_told(k.w.broker, op);
    ASSERT_STR(told(&k, LOG_EVENT_KEY_NOT_GRANTED)->rule, "TAKEN");
    ASSERT_EQ(k.n_told, 3);
    store_op_free(op);
}

TEST_MAIN
