/* SPDX-License-Identifier: Apache-2.0 */

/* Requests for keys in the store: on their way to the hub, and where they end. */

#include "test.h"

#include "law-fixture.h"
#include "store/dedup.h"
#include "store/ledger.h"

#define OLD   "00000000000000000000000000000000000oldkey"
#define NEW   "0000000000000000000000000000000000newkey0"
#define LINK  "000000000000000000000000000000000linkkey0"
#define AWAY  "upt/satria"
#define SQL_N "SELECT count(*) FROM "

static_assert(sizeof(OLD) == CURVE_TEXT_SIZE + 1, "cut to one");

typedef struct World {
    Fixture f;
    SignKey broker, main, fresh, hub;
} World;

static DirKey key(const char *curve, const char *node, const SignKey *sign, bool broker) {
    DirKey k = { .sign = sign->public, .broker = broker };
    (void)text_copy(k.curve, sizeof(k.curve), curve + 1);
    (void)text_copy(k.node, sizeof(k.node), node);
    (void)text_copy(k.label, sizeof(k.label), "main");
    return k;
}

static void world_init(World *w) {
    ASSERT_OK(hash_init());
    sign_key_new(&w->broker);
    sign_key_new(&w->main);
    sign_key_new(&w->fresh);
    sign_key_new(&w->hub);
    law_fixture_init(&w->f);
    w->f.config.sign_key = &w->broker;
    fixture_reopen(&w->f);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_keys = 2;
    op->import.keys = calloc(2, sizeof(DirKey));
    op->import.keys[0] = key(LINK, SELF, &w->broker, true);
    op->import.keys[1] = key(OLD, SENDER, &w->main, false);
    op->import.keys[1].valid_from_ms = w->f.now_ms - DAY_MS;
    run(&w->f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

static void world_deinit(World *w) {
    fixture_deinit(&w->f);
}
#define WORLD(w)                                                                                   \
    _cleanup_(world_deinit) World w;                                                               \
    world_init(&w)

/* From now on nothing is in force before the hub has signed it. */
static void follow(World *w) {
    w->f.config.directory_codec = &codec_directory;
    w->f.config.n_hub_keys = 1;
    w->f.config.hub_keys[0] = w->hub.public;
    fixture_reopen(&w->f);
}

/* SENDER wants a new key, with its older one. */
static KeyRequest wish(World *w) {
    KeyRequest r = { .act = KEY_ACT_ADD, .asked_ms = w->f.now_ms };
    r.key = key(NEW, SENDER, &w->fresh, false);
    ASSERT_OK(codec_encode_key_demand(&r));
    key_request_prove(&r, &w->fresh);
    key_request_sign(&r, SENDER, &w->main);
    return r;
}

/* And that the older one ends. */
static KeyRequest end(World *w, int64_t until_ms) {
    KeyRequest r = { .act = KEY_ACT_END, .asked_ms = w->f.now_ms };
    r.key = key(OLD, SENDER, &w->main, false);
    r.key.valid_until_ms = until_ms;
    ASSERT_OK(codec_encode_key_demand(&r));
    key_request_sign(&r, SENDER, &w->fresh);
    return r;
}

static StoreOp *asks(World *w, const KeyRequest *r) {
    StoreOp *op = store_op_new(OP_KEY);
    op->key.verb = KEY_ASK;
    op->key.request = malloc(sizeof(*r));
    *op->key.request = *r;
    (void)text_copy(op->key.by, sizeof(op->key.by), SENDER " main");
    run(&w->f, op);
    return op;
}

static KeyVerdict verdict(World *w, const KeyRequest *r) {
    StoreOp *op = asks(w, r);
    const KeyVerdict v = op->key.verdict;
    store_op_free(op);
    return v;
}

/* The same request as a message for this broker; facts as given when it is no request. */
static StoreOp *on_the_link(World *w, const KeyRequest *r, const char *facts, const Uuid *id) {
    const char *why;
    Message *m = message_to(&w->f, SELF, 0);
    body_unref(m->body);
    m->body = codec_encode_key_message(r, id, AWAY, SELF, w->f.now_ms);
    if (facts) {
        Body *b = body_new(body_envelope(m->body), bytes_make(facts, strlen(facts)),
                           body_sealed(m->body));
        body_unref(m->body);
        m->body = b;
    }
    ASSERT_OK(codec_decode_envelope(body_envelope(m->body), &m->env, &why));
    hash_digest(body_facts(m->body), m->env.facts_digest);
    hash_message(body_envelope(m->body), body_facts(m->body), body_sealed(m->body), m->digest);
    m->lane = LANE_PRIORITY;
    StoreOp *op = link_op(m, "hub", SELF, w->f.now_ms);
    run(&w->f, op);
    return op;
}

/* Returns what was wished, and how many messages were made for it. */
static struct KeyWish arrives(World *w, const KeyRequest *r, const char *facts,
                              unsigned *ret_sent) {
    const Uuid id = id_of(++w->f.n_ids);
    const int64_t before = number(&w->f, SQL_N "message");
    StoreOp *op = on_the_link(w, r, facts, &id);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    *ret_sent = (unsigned)(number(&w->f, SQL_N "message") - before) - 1;
    const struct KeyWish k = op->accept.wish;
    ASSERT_EQ(op->accept.directory != NULL, k.verdict == KEY_GRANTED);
    store_op_free(op);
    return k;
}

static Uuid dedup_id(World *w, int64_t seq) {
    Uuid id = { { 0 } };
    ASSERT_TRUE(dedup_find_id(w->f.store, seq, &id));
    return id;
}

/* By its node, which asks what became of it. */
static bool is_found(World *w, const Uuid *id) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    StoreOp *op = ask_as(&w->f, SENDER, "key-asked", text, NULL);
    const bool sent = strcmp(cell(op, 0, "state"), "sent") == 0;
    store_op_free(op);
    return sent;
}

static const DirKey *known(World *w, const char *curve) {
    _cleanup_(directory_unrefp) Directory *d = store_directory(w->f.store);
    return directory_key(d, curve + 1); /* the store has it, too */
}

/* --- asked here ------------------------------------------------------------------------------ */

TEST(a_broker_that_follows_nobody_enters_the_key_itself) {
    WORLD(w);
    KeyRequest r = wish(&w);
    StoreOp *op = asks(&w, &r);
    ASSERT_EQ(op->key.verdict, KEY_GRANTED);
    assert_false(op->key.sent);
    assert_non_null(op->key.directory);
    store_op_free(op);
    assert_non_null(known(&w, NEW));
    const int64_t version = number(&w.f, SQL_N "ledger");
    ASSERT_EQ(verdict(&w, &r), KEY_KNOWN); /* and no other version of the directory */
    ASSERT_EQ(number(&w.f, SQL_N "ledger"), version);
    r = end(&w, w.f.now_ms - DAY_MS); /* it would end before it began */
    ASSERT_EQ(verdict(&w, &r), KEY_UNFIT);
    r = end(&w, w.f.now_ms + DAY_MS);
    ASSERT_EQ(verdict(&w, &r), KEY_GRANTED);
    ASSERT_EQ(known(&w, OLD)->valid_until_ms, w.f.now_ms + DAY_MS);
}

TEST(a_refusal_is_on_record_under_the_node) {
    WORLD(w);
    KeyRequest r = wish(&w);
    r.signature[0] ^= 1;
    ASSERT_EQ(verdict(&w, &r), KEY_FORGED);
    assert_true(has_entry(&w.f, LEDGER_DENIED, SENDER, "main", "key request: FORGED"));
    assert_null(known(&w, NEW));
}

/* --- on its way ------------------------------------------------------------------------------ */

TEST(a_request_goes_up_as_a_message_of_this_broker) {
    WORLD(w);
    follow(&w);
    const int64_t before = number(&w.f, SQL_N "message");
    KeyRequest r = wish(&w);
    StoreOp *op = asks(&w, &r);
    ASSERT_EQ(op->key.verdict, KEY_GRANTED);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.lane, LANE_PRIORITY);
    const Uuid first = op->key.message_id;
    store_op_free(op);
    assert_true(has_entry(&w.f, LEDGER_KEY, SENDER, "main", "ADD ASKED"));
    ASSERT_EQ(number(&w.f, SQL_N "message WHERE sender = '" SELF "'"), 1);
    ASSERT_EQ(number(&w.f, "SELECT max(expires_at - accepted_at) FROM message"), 30 * DAY_MS);
    assert_true(is_found(&w, &first)); /* as the answer finds it */
    fixture_crash(&w.f);
    assert_true(is_found(&w, &first));
    assert_sound(&w.f);
    w.f.now_ms++; /* the first may have been refused */
    op = asks(&w, &r);
    assert_false(uuid_equal(&op->key.message_id, &first));
    const Uuid second = op->key.message_id;
    store_op_free(op);
    ASSERT_EQ(number(&w.f, SQL_N "message"), before + 2);
    r = end(&w, w.f.now_ms + DAY_MS);
    key_request_sign(&r, SELF, &w.broker);
    op = asks(&w, &r);
    assert_false(uuid_equal(&op->key.message_id, &second)); /* in the same millisecond */
    store_op_free(op);
    assert_true(has_entry(&w.f, LEDGER_KEY, SENDER, "main", "END ASKED"));
    assert_sound(&w.f);
}

TEST(asked_for_twice_in_a_millisecond_it_is_found_by_the_newer_one) {
    WORLD(w);
    follow(&w);
    const KeyRequest r = wish(&w);
    ASSERT_EQ(verdict(&w, &r), KEY_GRANTED);
    ASSERT_EQ(verdict(&w, &r), KEY_GRANTED);
    const Uuid id = dedup_id(&w, number(&w.f, "SELECT max(seq) FROM message"));
    assert_true(is_found(&w, &id));
    assert_sound(&w.f);
}

/* --- where it ends --------------------------------------------------------------------------- */

TEST(what_arrives_is_carried_out_and_told_by_whom) {
    WORLD(w);
    unsigned sent;
    KeyRequest r = wish(&w);
    struct KeyWish k = arrives(&w, &r, NULL, &sent);
    ASSERT_TRUE(k.told);
    ASSERT_EQ(k.verdict, KEY_GRANTED);
    ASSERT_EQ(k.act, KEY_ACT_ADD);
    ASSERT_STR(k.node, SENDER);
    ASSERT_STR(k.label, "main");
    ASSERT_STR(k.by, SENDER);
    ASSERT_EQ(sent, 0); /* the directory is the answer */
    assert_non_null(known(&w, NEW));
    k = arrives(&w, &r, NULL, &sent);
    ASSERT_EQ(k.verdict, KEY_KNOWN);
    ASSERT_EQ(sent, 0);
    r = end(&w, w.f.now_ms + DAY_MS);
    ASSERT_EQ(arrives(&w, &r, NULL, &sent).act, KEY_ACT_END);
    ASSERT_EQ(known(&w, OLD)->valid_until_ms, w.f.now_ms + DAY_MS);
}

/* Its answer was lost with the connection, so the neighbour sends it again: it is no new one, and
 * the neighbour has counted it once. */
TEST(what_arrives_again_is_neither_carried_out_nor_deposited) {
    WORLD(w);
    const Uuid id = id_of(++w.f.n_ids);
    const KeyRequest r = wish(&w);
    StoreOp *op = on_the_link(&w, &r, NULL, &id);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_TRUE(op->accept.counted);
    store_op_free(op);
    op = on_the_link(&w, &r, NULL, &id);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_TRUE(!op->accept.counted && !op->accept.wish.told);
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
    ASSERT_EQ(number(&w.f, SQL_N "delivery"), 0);
    assert_sound(&w.f);
}

TEST(who_sent_what_is_refused_hears_of_it) {
    WORLD(w);
    unsigned sent;
    KeyRequest r = wish(&w);
    r.signature[0] ^= 1;
    struct KeyWish k = arrives(&w, &r, NULL, &sent);
    ASSERT_TRUE(k.told);
    ASSERT_EQ(k.verdict, KEY_FORGED);
    ASSERT_EQ(sent, 1);
    assert_true(has_entry(&w.f, LEDGER_DENIED, SENDER, SENDER, "key request: FORGED"));
    assert_null(known(&w, NEW));
    k = arrives(&w, &r, "nothing of the kind", &sent);
    ASSERT_TRUE(k.told);
    ASSERT_EQ(k.verdict, KEY_UNFIT);
    ASSERT_STR(k.by, AWAY);
    ASSERT_EQ(sent, 1);
    follow(&w); /* who does not sign grants nothing */
    r = wish(&w);
    ASSERT_EQ(arrives(&w, &r, NULL, &sent).verdict, KEY_UNFIT);
    ASSERT_EQ(sent, 1);
    assert_sound(&w.f);
}

TEST_MAIN
