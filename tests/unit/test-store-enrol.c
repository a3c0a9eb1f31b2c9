/* SPDX-License-Identifier: Apache-2.0 */

/* Tokens and requests for keys in the store of a home broker: what may be handed in, how often,
 * until when, and who hears of it. */

#include "test.h"

#include "law-fixture.h"
#include "store/ledger.h"

#define TOKEN "0000000000000000000000000000000000token1"
#define NEW   "00000000000000000000000000000000newkey01"
#define OTHER "00000000000000000000000000000000newkey02"
#define LINK  "000000000000000000000000000000000linkkey"

typedef struct World {
    Fixture f;
    SignKey broker, fresh, other;
    unsigned news; /* so often something was handed in that was not here */
} World;

static void world_init(World *w) {
    *w = (World) { .news = 0 };
    ASSERT_OK(hash_init());
    sign_key_new(&w->broker);
    sign_key_new(&w->fresh);
    sign_key_new(&w->other);
    law_fixture_init(&w->f);
    w->f.config.sign_key = &w->broker;
    fixture_reopen(&w->f);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_keys = 1;
    op->import.keys = calloc(1, sizeof(DirKey));
    op->import.keys[0] = (DirKey) {
        .curve = LINK, .node = SELF, .label = "main", .broker = true, .sign = w->broker.public
    };
    run(&w->f, op);
    assert_non_null(op->import.directory);
    store_op_free(op);
}

static void world_deinit(World *w) {
    fixture_deinit(&w->f);
}
#define WORLD(w)                                                                                   \
    _cleanup_(world_deinit) World w;                                                               \
    world_init(&w)

static int64_t make_token(World *w, const char *curve) {
    StoreOp *op = store_op_new(OP_KEY);
    op->key.verb = KEY_TOKEN;
    op->key.enrolment.expires_ms = w->f.now_ms + HOUR_MS;
    (void)text_copy(op->key.enrolment.node, NODE_NAME_SIZE, SENDER);
    (void)text_copy(op->key.enrolment.label, LABEL_SIZE, "main");
    (void)text_copy(op->key.enrolment.curve, CURVE_TEXT_SIZE, curve);
    (void)text_copy(op->key.by, sizeof(op->key.by), "uid:0");
    run(&w->f, op);
    const int64_t id = op->key.done ? op->key.enrolment.id : 0;
    ASSERT_EQ(op->key.done, op->key.enrolments != NULL);
    ASSERT_EQ(op->key.enrolment.state, op->key.done ? ENROL_OPEN : ENROL_NONE);
    store_op_free(op);
    return id;
}

static KeyRequest asked(World *w, const char *node, const char *curve, const SignKey *k) {
    KeyRequest r = { .act = KEY_ACT_ADD, .asked_ms = w->f.now_ms, .key = { .sign = k->public } };
    (void)text_copy(r.key.node, sizeof(r.key.node), node);
    (void)text_copy(r.key.label, sizeof(r.key.label), "main");
    (void)text_copy(r.key.curve, sizeof(r.key.curve), curve);
    ASSERT_OK(codec_encode_key_demand(&r));
    key_request_prove(&r, k);
    return r;
}

/* "" when it was taken, else the word it was refused with. */
static const char *hand_in(World *w, int64_t id, const KeyRequest *r) {
    static char word[256];
    StoreOp *op = store_op_new(OP_KEY);
    op->key.verb = KEY_HAND_IN;
    op->key.enrolment.id = id;
    op->key.request = malloc(sizeof(*r));
    *op->key.request = *r;
    ASSERT_OK(codec_encode_key_request(r, &op->key.encoded, &op->key.n_encoded));
    (void)text_copy(op->key.by, sizeof(op->key.by), "192.0.2.7:5");
    run(&w->f, op);
    (void)text_copy(word, sizeof(word), op->key.done ? "" : op->key.text);
    word[strcspn(word, ":")] = '\0';
    ASSERT_EQ(op->key.done, !op->key.denied);
    ASSERT_EQ(op->key.news, op->key.enrolments != NULL); /* the first time */
    w->news += op->key.news;
    store_op_free(op);
    return word;
}

static bool decide(World *w, int64_t id, bool yes) {
    StoreOp *op = store_op_new(OP_KEY);
    op->key.verb = KEY_DECIDE;
    op->key.enrolment.id = id;
    op->key.approve = yes;
    (void)text_copy(op->key.by, sizeof(op->key.by), "uid:0");
    run(&w->f, op);
    const bool done = op->key.done;
    ASSERT_EQ(done, op->key.enrolments != NULL);
    store_op_free(op);
    return done;
}

static EnrolState state_of(World *w, int64_t id) {
    _cleanup_(enrolments_unrefp) Enrolments *e = store_enrolments(w->f.store);
    const Enrolment *i = enrolments_by_id(e, id);
    return i ? i->state : ENROL_NONE;
}

static bool has_key(World *w, const char *curve) {
    _cleanup_(directory_unrefp) Directory *d = store_directory(w->f.store);
    const DirKey *k = directory_key(d, curve);
    return k && directory_key_is_usable(d, k, w->f.now_ms);
}

TEST(keys_are_in_force_when_they_were_handed_in_and_approved) {
    WORLD(w);
    const int64_t id = make_token(&w, TOKEN);
    const KeyRequest r = asked(&w, SENDER, NEW, &w.fresh);
    ASSERT_EQ(state_of(&w, id), ENROL_OPEN);
    assert_false(decide(&w, id, true)); /* nothing is there to be approved */
    ASSERT_STR(hand_in(&w, id, &r), "");
    ASSERT_EQ(state_of(&w, id), ENROL_HANDED);
    assert_false(has_key(&w, NEW));
    fixture_crash(&w.f); /* all of it is on disk */
    ASSERT_EQ(state_of(&w, id), ENROL_HANDED);
    assert_true(decide(&w, id, true));
    ASSERT_EQ(state_of(&w, id), ENROL_APPROVED);
    assert_true(has_key(&w, NEW));
    assert_false(decide(&w, id, true));
    assert_false(decide(&w, id, false));
    assert_true(has_entry(&w.f, LEDGER_KEY, SENDER, "main", "TOKEN by uid:0"));
    assert_true(has_entry(&w.f, LEDGER_KEY, SENDER, "main", "HANDED IN by 192.0.2.7:5"));
    assert_true(has_entry(&w.f, LEDGER_KEY, SENDER, "main", "APPROVED by uid:0"));
}

TEST(a_token_is_used_once) {
    WORLD(w);
    const int64_t id = make_token(&w, TOKEN);
    const KeyRequest r = asked(&w, SENDER, NEW, &w.fresh);
    const KeyRequest thief = asked(&w, SENDER, OTHER, &w.other);
    ASSERT_STR(hand_in(&w, id, &r), "");
    ASSERT_STR(hand_in(&w, id, &r), ""); /* the answer was lost */
    ASSERT_STR(hand_in(&w, id, &thief), "USED");
    assert_true(has_entry(&w.f, LEDGER_DENIED, SENDER, "main", "enrolment 1: USED"));
    assert_true(decide(&w, id, true));
    ASSERT_STR(hand_in(&w, id, &thief), "USED");
    ASSERT_STR(hand_in(&w, id, &r), "");
    ASSERT_EQ(state_of(&w, id), ENROL_APPROVED);
    ASSERT_EQ(w.news, 1);
    assert_false(has_key(&w, OTHER));
    ASSERT_EQ(make_token(&w, TOKEN), 0); /* nor is it given out twice */
    ASSERT_EQ(make_token(&w, NEW), 0);
}

TEST(a_token_is_good_until_its_end) {
    WORLD(w);
    const int64_t id = make_token(&w, TOKEN);
    w.f.now_ms += HOUR_MS - 1;
    KeyRequest r = asked(&w, SENDER, NEW, &w.fresh);
    const int64_t second = make_token(&w, OTHER);
    ASSERT_STR(hand_in(&w, id, &r), "");
    w.f.now_ms += HOUR_MS;
    ASSERT_STR(hand_in(&w, second, &r), "EXPIRED");
    ASSERT_EQ(state_of(&w, second), ENROL_OPEN);
    assert_true(decide(&w, id, true)); /* people may take longer */
    assert_true(has_key(&w, NEW));
    w.f.now_ms += ENROLMENT_KEPT_MS - 1;
    idle(&w.f);
    ASSERT_EQ(state_of(&w, second), ENROL_OPEN); /* so that the bearer is told */
    w.f.now_ms++;
    ASSERT_STR(hand_in(&w, second, &r), "EXPIRED");
    ASSERT_EQ(state_of(&w, second), ENROL_NONE);
}

TEST(what_is_refused_leaves_the_token_as_it_was) {
    WORLD(w);
    const int64_t id = make_token(&w, TOKEN);
    KeyRequest r = asked(&w, HOME, NEW, &w.fresh);
    ASSERT_STR(hand_in(&w, id, &r), "OTHER_NODE");
    r = asked(&w, SENDER, NEW, &w.fresh);
    (void)text_copy(r.key.label, sizeof(r.key.label), "another"); /* nor for a key of that name */
    ASSERT_STR(hand_in(&w, id, &r), "OTHER_NODE");
    r = asked(&w, SENDER, NEW, &w.fresh);
    r.proof[3] ^= 1;
    ASSERT_STR(hand_in(&w, id, &r), "UNPROVEN");
    r = asked(&w, SENDER, NEW, &w.fresh);
    r.act = KEY_ACT_END;
    r.key.valid_until_ms = w.f.now_ms;
    ASSERT_OK(codec_encode_key_demand(&r));
    key_request_prove(&r, &w.fresh);
    ASSERT_STR(hand_in(&w, id, &r), "UNPROVEN");
    r = asked(&w, SENDER, LINK, &w.fresh);
    ASSERT_STR(hand_in(&w, id, &r), "KEY_TAKEN");
    ASSERT_EQ(state_of(&w, id), ENROL_OPEN);
    r = asked(&w, SENDER, NEW, &w.fresh);
    ASSERT_STR(hand_in(&w, id, &r), "");
    assert_true(decide(&w, id, false));
    ASSERT_EQ(state_of(&w, id), ENROL_REFUSED);
    assert_false(decide(&w, id, true));
    assert_false(has_key(&w, NEW));
    assert_true(has_entry(&w.f, LEDGER_KEY, SENDER, "main", "REFUSED by uid:0"));
    const int64_t unused = make_token(&w, OTHER);
    assert_true(decide(&w, unused, false)); /* nobody came with it yet, and nobody shall */
    ASSERT_EQ(state_of(&w, unused), ENROL_REFUSED);
}

/* Approved twice, by two tokens: the second time it is so already. */
TEST(keys_that_are_in_force_already_are_approved_again) {
    WORLD(w);
    const int64_t first = make_token(&w, TOKEN), second = make_token(&w, OTHER);
    const KeyRequest r = asked(&w, SENDER, NEW, &w.fresh);
    ASSERT_STR(hand_in(&w, first, &r), "");
    ASSERT_STR(hand_in(&w, second, &r), "");
    assert_true(decide(&w, first, true));
    const int64_t version = number(&w.f, "SELECT count(*) FROM ledger");
    assert_true(decide(&w, second, true));
    ASSERT_EQ(state_of(&w, second), ENROL_APPROVED);
    ASSERT_EQ(number(&w.f, "SELECT count(*) FROM ledger"), version + 1);
}

TEST(the_list_has_first_what_is_to_be_decided) {
    WORLD(w);
    const int64_t first = make_token(&w, TOKEN);
    (void)make_token(&w, OTHER);
    const KeyRequest r = asked(&w, SENDER, NEW, &w.fresh);
    char fingerprint[KEY_FINGERPRINT_SIZE];
    key_fingerprint(&r.key, fingerprint);
    ASSERT_STR(hand_in(&w, first, &r), "");
    for (unsigned i = 0; i < 3; i++) {
        static const char *const states[][2] = { { "WAITING", "OPEN" },
                                                 { "WAITING", "EXPIRED" },
                                                 { "EXPIRED", "APPROVED" } };
        StoreOp *op = ask_as(&w.f, "", "enrol-list", NULL, NULL);
        ASSERT_EQ(table_rows(op->query.table), 2);
        ASSERT_STR(cell(op, 0, "state"), states[i][0]);
        ASSERT_STR(cell(op, 1, "state"), states[i][1]);
        if (i < 2) {
            ASSERT_STR(cell(op, 0, "id"), "1");
            ASSERT_STR(cell(op, 0, "fingerprint"), fingerprint);
            ASSERT_STR(cell(op, 1, "fingerprint"), "");
        } else {
            ASSERT_STR(cell(op, 1, "decided_by"), "uid:0");
        }
        store_op_free(op);
        w.f.now_ms += HOUR_MS;
        if (i == 1)
            assert_true(decide(&w, first, true));
    }
}

TEST(a_token_is_forgotten_long_after_its_end) {
    WORLD(w);
    (void)make_token(&w, TOKEN);
    w.f.now_ms += HOUR_MS + 90 * DAY_MS;
    (void)make_token(&w, OTHER);
    ASSERT_EQ(number(&w.f, "SELECT count(*) FROM enrolment"), 2);
    w.f.now_ms += 1;
    (void)make_token(&w, NEW);
    ASSERT_EQ(number(&w.f, "SELECT count(*) FROM enrolment"), 2);
}

TEST(so_many_tokens_are_out_at_once) {
    WORLD(w);
    char curve[CURVE_TEXT_SIZE];
    for (unsigned i = 0; i < ENROLMENTS_OPEN_MAX; i++) {
        (void)snprintf(curve, sizeof(curve), "%040u", i);
        assert_true(make_token(&w, curve) > 0);
    }
    ASSERT_EQ(make_token(&w, TOKEN), 0);
    const KeyRequest r = asked(&w, SENDER, NEW, &w.fresh);
    ASSERT_STR(hand_in(&w, 1, &r), ""); /* it waits for an operator, and for nobody else */
    assert_true(make_token(&w, OTHER) > 0);
    ASSERT_EQ(make_token(&w, TOKEN), 0);
    w.f.now_ms += HOUR_MS;
    assert_true(make_token(&w, TOKEN) > 0);
}

/* Below a hub that signs nothing is in force before the hub said so: the request goes up. */
TEST(below_the_hub_a_request_is_a_message_to_it) {
    WORLD(w);
    const int64_t id = make_token(&w, TOKEN);
    const KeyRequest r = asked(&w, SENDER, NEW, &w.fresh);
    ASSERT_STR(hand_in(&w, id, &r), "");
    w.f.config.directory_codec = &codec_directory;
    w.f.config.n_hub_keys = 1;
    w.f.config.hub_keys[0] = w.other.public;
    fixture_reopen(&w.f);
    StoreOp *op = store_op_new(OP_KEY);
    op->key.verb = KEY_DECIDE;
    op->key.enrolment.id = id;
    op->key.approve = true;
    run(&w.f, op);
    assert_true(op->key.done);
    assert_null(op->key.directory);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    assert_false(has_key(&w, NEW));
}

static KeyVerdict end_key(World *w, const char *curve, int64_t until_ms) {
    StoreOp *op = store_op_new(OP_KEY);
    KeyRequest *r = calloc(1, sizeof(*r));
    op->key.verb = KEY_ASK;
    op->key.request = r;
    *r = asked(w, SENDER, curve, &w->fresh);
    r->act = KEY_ACT_END;
    r->key.valid_until_ms = until_ms;
    ASSERT_OK(codec_encode_key_demand(r));
    key_request_sign(r, SELF, &w->broker);
    run(&w->f, op);
    const KeyVerdict v = op->key.verdict;
    store_op_free(op);
    return v;
}

/* Each is a version of the directory, which every broker keeps. */
TEST(an_end_is_not_moved_without_end) {
    WORLD(w);
    const int64_t id = make_token(&w, TOKEN), end_ms = w.f.now_ms + DAY_MS;
    const KeyRequest r = asked(&w, SENDER, NEW, &w.fresh);
    ASSERT_STR(hand_in(&w, id, &r), "");
    assert_true(decide(&w, id, true));
    for (int n = 1; n < 128; n++) /* its entry counts, too */
        ASSERT_EQ(end_key(&w, NEW, end_ms - n), KEY_GRANTED);
    ASSERT_EQ(end_key(&w, NEW, end_ms - 128), KEY_TOO_OFTEN);
    w.f.now_ms += 10 * MINUTE_MS;
    ASSERT_EQ(end_key(&w, NEW, end_ms - 129), KEY_GRANTED);
    ASSERT_EQ(end_key(&w, NEW, end_ms - 130), KEY_TOO_OFTEN);
}

/* --- the hub's "no" --- */

/* A broker that follows the hub's directory passes it on. Returns the id of the message. */
static Uuid ask_hub(World *w) {
    w->f.config.directory_codec = &codec_directory;
    w->f.config.n_hub_keys = 1;
    w->f.config.hub_keys[0] = w->other.public;
    fixture_reopen(&w->f);
    StoreOp *op = store_op_new(OP_KEY);
    op->key.verb = KEY_ASK;
    op->key.request = malloc(sizeof(KeyRequest));
    *op->key.request = asked(w, SENDER, NEW, &w->fresh);
    key_request_sign(op->key.request, SELF, &w->broker);
    run(&w->f, op);
    ASSERT_EQ(op->key.verdict, KEY_GRANTED);
    assert_true(op->key.sent);
    const Uuid id = op->key.message_id;
    store_op_free(op);
    return id;
}

/* What comes of a receipt about that message, as by `by`, of that sender and over that link. */
static struct KeyWish answer_of(World *w, const Uuid *id, ReceiptLevel level, const char *detail,
                                const char *by, const char *sender, const char *neighbour) {
    Receipt r = {
        .message_id = *id, .sender = SELF, .level = level, .said_ms = w->f.now_ms, .region = "3203"
    };
    strcpy(r.recipient, by);
    strcpy(r.leg, by);
    strcpy(r.detail, detail);
    Message *m = message_to(&w->f, SELF, 0);
    m->env.kind = KIND_RECEIPT;
    m->lane = LANE_PRIORITY;
    strcpy(m->env.sender, sender);
    m->facts.readable = true;
    m->facts.receipt.message_id = *id;
    strcpy(m->facts.receipt.recipient, by);
    strcpy(m->facts.receipt.leg, by);
    m->facts.receipt.level = level;
    m->facts.receipt.said_ms = w->f.now_ms;
    body_unref(m->body);
    m->body = codec_encode_receipt(&r, sender, w->f.now_ms);
    assert_non_null(m->body);
    hash_digest(body_facts(m->body), m->env.facts_digest);
    hash_digest(body_sealed(m->body), m->env.sealed_digest);
    hash_message(body_envelope(m->body), body_facts(m->body), body_sealed(m->body), m->digest);
    StoreOp *op = link_op(m, neighbour, SELF, w->f.now_ms);
    run(&w->f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    const struct KeyWish wish = op->accept.wish;
    store_op_free(op);
    return wish;
}

static struct KeyWish answer(World *w, const Uuid *id, ReceiptLevel level, const char *detail,
                             const char *by, const char *neighbour) {
    return answer_of(w, id, level, detail, by, by, neighbour);
}

/* What the node is told when it asks what became of it: "STATE" or the text. */
static void expect_asked(World *w, const char *id, const char *node, int code, const char *starts) {
    StoreOp *op = store_op_new(OP_QUERY);
    strcpy(op->query.verb, "key-asked");
    strcpy(op->query.authority, node);
    op->query.args[0] = strdup(id);
    op->query.n_args = 1;
    run(&w->f, op);
    ASSERT_EQ(op->query.table->code, code);
    const char *told = code == 0 ? table_cell(op->query.table, 0, 0) : op->query.table->text;
    if (strncmp(told, starts, strlen(starts)) != 0)
        fail_msg("told: %s", told);
    store_op_free(op);
}

TEST(the_hubs_refusal_is_told_once_and_to_whoever_asks_again) {
    WORLD(w);
    char text[UUID_TEXT_SIZE];
    const Uuid id = ask_hub(&w);
    uuid_format(&id, text);
    expect_asked(&w, text, SENDER, 0, "sent");
    struct KeyWish k = answer(&w, &id, LEVEL_REFUSED, "TOO_OFTEN", "hub", "hub");
    assert_true(k.told);
    ASSERT_EQ(k.verdict, KEY_TOO_OFTEN);
    ASSERT_EQ(k.act, KEY_ACT_ADD);
    ASSERT_STR(k.node, SENDER);
    ASSERT_STR(k.label, "main");
    expect_asked(&w, text, SENDER, 1, "TOO_OFTEN: ");
    expect_asked(&w, text, "", 1, "TOO_OFTEN: "); /* an operator */
    k = answer(&w, &id, LEVEL_REFUSED, "UNFIT", "hub", "hub");
    assert_false(k.told);
    expect_asked(&w, text, SENDER, 1, "TOO_OFTEN: ");
}

TEST(what_a_key_was_asked_for_is_nobody_elses) {
    WORLD(w);
    char text[UUID_TEXT_SIZE];
    const Uuid id = ask_hub(&w);
    uuid_format(&id, text);
    expect_asked(&w, text, HOME, 1, "NO_SUCH_MESSAGE");
    expect_asked(&w, "no id", SENDER, 2, "key-asked needs");
    const DeliveryRow other = deposit(&w.f, message_to(&w.f, HOME, 0));
    (void)other;
    const Uuid message = id_of(w.f.n_ids);
    uuid_format(&message, text);
    expect_asked(&w, text, "", 1, "NO_SUCH_MESSAGE");
}

/* Else any neighbour could stop a key that the hub has granted. */
TEST(a_refusal_is_believed_of_the_hub_alone) {
    WORLD(w);
    char text[UUID_TEXT_SIZE];
    const Uuid id = ask_hub(&w);
    uuid_format(&id, text);
    assert_false(answer(&w, &id, LEVEL_REFUSED, "UNFIT", "upt/satria", "upt/satria").told);
    assert_false(answer(&w, &id, LEVEL_REFUSED, "UNFIT", "hub", "upt/satria").told);
    assert_false(answer(&w, &id, LEVEL_REFUSED, "UNFIT", REMOTE, "hub").told);
    /* signed by a broker between, in the hub's name */
    assert_false(answer_of(&w, &id, LEVEL_REFUSED, "UNFIT", "hub", "upt/satria", "hub").told);
    assert_false(answer(&w, &id, LEVEL_DEPOSITED, "UNFIT", "hub", "hub").told);
    expect_asked(&w, text, SENDER, 0, "sent");
    const Uuid unknown = id_of(4711);
    assert_false(answer(&w, &unknown, LEVEL_REFUSED, "UNFIT", "hub", "hub").told);
    assert_true(answer(&w, &id, LEVEL_REFUSED, "UNFIT", "hub", "hub").told);
    expect_asked(&w, text, SENDER, 1, "UNFIT: ");
}

TEST_MAIN
