/* SPDX-License-Identifier: Apache-2.0 */

/* Who gets a key, and who does not. */

#include "test.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/text.h"
#include "core/directory-change.h"
#include "core/key-request.h"
#include "core/servers.h"
#include "wire/codec.h"

#define NOW  INT64_C(1798700000000)
#define HUB  "hub"
#define HOME "upt/phala-martha"
#define AWAY "upt/satria"
#define NODE "lks/3203/0001"
#define NEXT "lks/3203/0002" /* of the same broker, supervised by the other */
#define DEEP "upt/below"     /* a broker below HOME */

/* A CURVE key nobody has: forty characters that differ by a number. */
static void curve_of(unsigned n, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "%040u", n);
}

typedef struct World {
    Directory *directory;
    SignKey hub, home, away, main, second, operator_, fresh;
    DirKey keys[8];
    uint32_t n_keys;
    bool inactive; /* NODE is */
} World;

static void add_key(World *w, const char *node, const char *label, SignKey *k, bool broker) {
    DirKey *d = &w->keys[w->n_keys++];
    sign_key_new(k);
    *d = (DirKey) { .sign = k->public, .broker = broker, .valid_from_ms = NOW - DAY_MS };
    curve_of(w->n_keys, d->curve);
    (void)text_copy(d->node, sizeof(d->node), node);
    (void)text_copy(d->label, sizeof(d->label), label);
}

static void add_node(World *w, const char *id, int kind, const char *home, const char *above) {
    DirNode n = { .kind = kind, .broker = strcmp(id, home) == 0 };
    (void)text_copy(n.id, sizeof(n.id), id);
    (void)text_copy(n.home, sizeof(n.home), home);
    (void)text_copy(n.broker ? n.broker_parent : n.parent, NODE_NAME_SIZE, above);
    n.inactive = w->inactive && strcmp(id, NODE) == 0;
    ASSERT_OK(directory_add_node(w->directory, &n));
}

static void build(World *w) {
    directory_unref(w->directory);
    ASSERT_OK(directory_new(&w->directory));
    add_node(w, HUB, NODE_NATIONAL_HUB, HUB, "");
    add_node(w, HOME, NODE_UPT_BALAI, HOME, HUB);
    add_node(w, AWAY, NODE_UPT_BALAI, AWAY, HUB);
    add_node(w, DEEP, NODE_UPT_BALAI, DEEP, HOME);
    add_node(w, NODE, NODE_LKS, HOME, HOME);
    add_node(w, NEXT, NODE_LKS, HOME, AWAY);
    for (uint32_t i = 0; i < w->n_keys; i++)
        ASSERT_OK(directory_add_key(w->directory, &w->keys[i]));
    ASSERT_OK(directory_seal(w->directory, 1));
}

static void world_init(World *w) {
    *w = (World) { .n_keys = 0 };
    ASSERT_OK(hash_init());
    add_key(w, HUB, "main", &w->hub, true);
    add_key(w, HOME, "main", &w->home, true);
    add_key(w, AWAY, "main", &w->away, true);
    add_key(w, NODE, "main", &w->main, false);
    add_key(w, NODE, "second", &w->second, false);
    add_key(w, HOME, "desk", &w->operator_, false);
    w->keys[5].operator_ = true;
    sign_key_new(&w->fresh);
    build(w);
}

static void world_deinit(World *w) {
    directory_unref(w->directory);
}

/* A new key of NODE with that label, proven. */
static KeyRequest add(const World *w, const char *node, const char *label) {
    KeyRequest r = { .act = KEY_ACT_ADD, .asked_ms = NOW, .key = { .sign = w->fresh.public } };
    curve_of(99, r.key.curve);
    (void)text_copy(r.key.node, sizeof(r.key.node), node);
    (void)text_copy(r.key.label, sizeof(r.key.label), label);
    ASSERT_OK(codec_encode_key_demand(&r));
    key_request_prove(&r, &w->fresh);
    return r;
}

static KeyRequest end(const World *w, unsigned key, int64_t until_ms) {
    KeyRequest r = { .act = KEY_ACT_END, .asked_ms = NOW, .key = w->keys[key] };
    r.key.valid_until_ms = until_ms;
    ASSERT_OK(codec_encode_key_demand(&r));
    return r;
}

static KeyVerdict judge_by(const World *w, KeyRequest r, const char *node, const SignKey *by) {
    DirKey got;
    key_request_sign(&r, node, by);
    return key_request_judge(w->directory, &r, NOW, &got);
}

TEST(a_key_follows_one_of_its_node_and_label) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    w.keys[3].rights = (Rights) { .n = 1, .list = { { .verb = RIGHT_PUBLISH, .any_kind = true } } };
    w.keys[3].valid_until_ms = NOW + DAY_MS;
    build(&w);
    KeyRequest r = add(&w, NODE, "main");
    r.key.operator_ = r.key.broker = true; /* nobody gets more than there was */
    r.key.valid_until_ms = 0;
    key_request_sign(&r, NODE, &w.main);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_GRANTED);
    ASSERT_EQ(got.operator_ || got.broker || got.revoked, false);
    assert_true(rights_equal(&got.rights, &w.keys[3].rights));
    ASSERT_EQ(got.valid_until_ms, NOW + DAY_MS);
    assert_true(got.valid_from_ms > w.keys[3].valid_from_ms && got.valid_from_ms <= NOW);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.second), KEY_STRANGER);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.fresh), KEY_FORGED);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), HOME, &w.operator_), KEY_STRANGER);
    ASSERT_EQ(judge_by(&w, add(&w, "lks/3203/0009", "main"), NODE, &w.main), KEY_NO_NODE);
    ASSERT_EQ(judge_by(&w, add(&w, HOME, "main"), NODE, &w.main), KEY_STRANGER);
    w.keys[3].revoked = true;
    build(&w);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.main), KEY_FORGED);
    w.keys[3].revoked = false;
    w.keys[3].valid_until_ms = NOW - 1;
    build(&w);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.main), KEY_FORGED);
}

TEST(an_approval_counts_of_home_supervisor_and_hub_alone) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "new"), HOME, &w.home), KEY_GRANTED);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "new"), HUB, &w.hub), KEY_GRANTED);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "new"), AWAY, &w.away), KEY_STRANGER);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "new"), HOME, &w.away), KEY_FORGED);
    ASSERT_EQ(judge_by(&w, add(&w, AWAY, "new"), HUB, &w.hub), KEY_UNFIT);
    KeyRequest r = add(&w, NODE, "new");
    r.key.operator_ = r.key.broker = true;
    key_request_sign(&r, HOME, &w.home);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_GRANTED);
    ASSERT_EQ(got.operator_ || got.broker, false);
}

TEST(whatever_is_changed_on_the_way_is_found) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    KeyRequest good = add(&w, NODE, "main");
    key_request_sign(&good, NODE, &w.main);
    ASSERT_EQ(key_request_judge(w.directory, &good, NOW, &got), KEY_GRANTED);
    for (size_t i = 0; i < good.n_demand; i++) {
        KeyRequest r = good;
        r.demand[i] ^= 1;
        const KeyVerdict v = key_request_judge(w.directory, &r, NOW, &got);
        assert_true(v == KEY_UNPROVEN || v == KEY_FORGED);
    }
    for (size_t i = 0; i < SIGNATURE_SIZE; i++) {
        KeyRequest r = good;
        r.proof[i] ^= 1;
        ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_UNPROVEN);
        r = good;
        r.signature[i] ^= 1;
        ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_FORGED);
    }
    KeyRequest r = good;
    memcpy(r.proof, good.signature, sizeof(r.proof)); /* one is no other */
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_UNPROVEN);
    ASSERT_EQ(key_request_judge(w.directory, &good, NOW + KEY_REQUEST_AGE_MAX + 1, &got),
              KEY_STALE);
    ASSERT_EQ(key_request_judge(w.directory, &good, NOW - KEY_REQUEST_AHEAD_MAX - 1, &got),
              KEY_STALE);
}

TEST(a_key_is_entered_once) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    KeyRequest r = add(&w, NODE, "main");
    key_request_sign(&r, NODE, &w.main);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_GRANTED);
    w.keys[w.n_keys++] = got;
    build(&w);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_KNOWN);
    w.keys[w.n_keys - 1].revoked = true; /* the same request again does not bring it back */
    build(&w);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_TAKEN);
    curve_of(98, r.key.curve); /* nor another CURVE key beside its signing key */
    ASSERT_OK(codec_encode_key_demand(&r));
    key_request_prove(&r, &w.fresh);
    ASSERT_EQ(judge_by(&w, r, NODE, &w.main), KEY_TAKEN);
}

/* Who has another node's signing key gets it into no record of his own. */
TEST(a_signing_key_is_one_nodes_for_good) {
    _cleanup_(world_deinit) World w;
    world_init(&w);
    w.fresh = w.away;
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.main), KEY_TAKEN);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), HOME, &w.home), KEY_TAKEN);
    w.keys[2].revoked = true;
    build(&w);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.main), KEY_TAKEN);
}

TEST(a_node_that_is_not_active_gets_no_keys) {
    _cleanup_(world_deinit) World w;
    world_init(&w);
    w.inactive = true;
    build(&w);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "new"), HOME, &w.home), KEY_NO_NODE);
    ASSERT_EQ(judge_by(&w, end(&w, 3, NOW), HOME, &w.home), KEY_NO_NODE);
}

TEST(who_supervises_a_node_elsewhere_approves_its_keys) {
    _cleanup_(world_deinit) World w;
    world_init(&w);
    ASSERT_EQ(judge_by(&w, add(&w, NEXT, "new"), AWAY, &w.away), KEY_GRANTED);
    ASSERT_EQ(judge_by(&w, add(&w, NEXT, "new"), HOME, &w.home), KEY_GRANTED);
    ASSERT_STR(key_hub_of(w.directory, DEEP), HUB);
    ASSERT_STR(key_hub_of(w.directory, HUB), HUB);
    assert_null(key_hub_of(w.directory, NODE));
    assert_null(key_hub_of(w.directory, "upt/nowhere"));
}

TEST(a_request_is_good_to_the_last_moment_of_its_time) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    w.keys[3].valid_from_ms = 0;
    build(&w);
    KeyRequest r = add(&w, NODE, "main");
    key_request_sign(&r, NODE, &w.main);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW + KEY_REQUEST_AGE_MAX, &got), KEY_GRANTED);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW - KEY_REQUEST_AHEAD_MAX, &got), KEY_GRANTED);
    r = end(&w, 3, NOW + HOUR_MS);
    r.act = KEY_ACT_UNSPECIFIED;
    key_request_sign(&r, HOME, &w.home);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_UNFIT);
}

TEST(a_new_key_may_do_what_the_older_one_may) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    KeyRequest r = add(&w, HOME, "main"); /* a broker renews its own */
    key_request_sign(&r, HOME, &w.home);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_GRANTED);
    assert_true(got.broker && !got.operator_);
    r = add(&w, HOME, "desk");
    key_request_sign(&r, HOME, &w.operator_);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_GRANTED);
    assert_true(got.operator_ && !got.broker);
}

/* In force from when it was asked for, by whichever clock is behind, and younger than the other. */
TEST(a_new_key_begins_at_once_and_is_the_younger_one) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    KeyRequest r = add(&w, NODE, "main");
    key_request_sign(&r, NODE, &w.main);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW + 5, &got), KEY_GRANTED);
    ASSERT_EQ(got.valid_from_ms, NOW);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW - 5, &got), KEY_GRANTED);
    ASSERT_EQ(got.valid_from_ms, NOW - 5);
    w.keys[3].valid_from_ms = NOW;
    build(&w);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_GRANTED);
    ASSERT_EQ(got.valid_from_ms, NOW + 1);
}

TEST(a_key_is_the_same_in_all_its_parts) {
    _cleanup_(world_deinit) World w;
    world_init(&w);
    const DirKey a = w.keys[3];
    DirKey b[] = { a, a, a, a, a, a };
    b[0].revoked = b[0].operator_ = true; /* not what is said of it */
    b[1].curve[39] ^= 1;
    b[2].node[0] ^= 1;
    b[3].label[0] ^= 1;
    b[4].sign.b[31] ^= 1;
    b[5].seal.b[31] ^= 1;
    for (unsigned i = 0; i < ARRAY_SIZE(b); i++)
        ASSERT_EQ(dir_key_is_same(&a, &b[i]), i == 0);
    char shown[ARRAY_SIZE(b)][KEY_FINGERPRINT_SIZE];
    for (unsigned i = 0; i < ARRAY_SIZE(b); i++) /* what people read out is of the public keys */
        key_fingerprint(&b[i], shown[i]);
    ASSERT_EQ(strlen(shown[0]), 39);
    for (unsigned i = 1; i < ARRAY_SIZE(b); i++)
        ASSERT_EQ(strcmp(shown[0], shown[i]) == 0, i == 2 || i == 3);
}

/* Enters one more key of NODE. */
static void enter(World *w, unsigned n, const char *label, bool revoked) {
    SignKey k;
    DirKey more = w->keys[3];
    Directory *d = NULL;
    const char *what;
    const DirectoryEdit e = { .n_keys = 1, .keys = &more };
    sign_key_new(&k);
    more.sign = k.public;
    more.revoked = revoked;
    curve_of(500 + n, more.curve);
    (void)text_copy(more.label, sizeof(more.label), label);
    ASSERT_OK(directory_with_edit(&d, w->directory, &e, 2 + n, &what));
    directory_unref(w->directory);
    w->directory = d;
}

TEST(a_label_has_a_few_keys) {
    _cleanup_(world_deinit) World w;
    world_init(&w);
    for (unsigned i = 0; i < 8; i++) /* those that are over do not count */
        enter(&w, i, "main", true);
    for (unsigned i = 8; i < 15; i++) {
        ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.main), KEY_GRANTED);
        enter(&w, i, "main", false);
    }
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.main), KEY_CROWDED);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "second"), NODE, &w.second), KEY_GRANTED);
}

TEST(a_node_has_so_many_keys_whatever_became_of_them) {
    _cleanup_(world_deinit) World w;
    char label[LABEL_SIZE];
    world_init(&w);
    for (unsigned i = 0; i < 62; i++) { /* and the two it has */
        ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.main), KEY_GRANTED);
        (void)snprintf(label, sizeof(label), "label %u", i);
        enter(&w, i, label, i % 2);
    }
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "main"), NODE, &w.main), KEY_CROWDED);
    ASSERT_EQ(judge_by(&w, add(&w, NODE, "new"), HOME, &w.home), KEY_CROWDED);
}

/* A label is a word: under it a program's key may stand beside the broker's. */
TEST(a_key_ends_no_key_that_may_do_more) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    SignKey young;
    sign_key_new(&young);
    DirKey *k = &w.keys[w.n_keys];
    *k = w.keys[3];
    k->sign = young.public;
    curve_of(77, k->curve);
    w.keys[w.n_keys++].valid_from_ms = NOW - HOUR_MS;
    for (unsigned i = 0; i < 3; i++) {
        w.keys[3].broker = i == 0;
        w.keys[3].operator_ = i == 1;
        k->rights.n = i == 2;
        k->rights.list[0] = (Right) { .verb = RIGHT_QUERY, .any_kind = true };
        build(&w);
        KeyRequest r = end(&w, 3, NOW + HOUR_MS);
        key_request_sign(&r, NODE, &young);
        ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_STRANGER);
    }
}

TEST(only_a_younger_key_ends_an_older_one) {
    _cleanup_(world_deinit) World w;
    DirKey got;
    world_init(&w);
    w.keys[w.n_keys] = w.keys[3];
    SignKey young;
    sign_key_new(&young);
    w.keys[w.n_keys].sign = young.public;
    curve_of(77, w.keys[w.n_keys].curve);
    w.keys[w.n_keys++].valid_from_ms = NOW - HOUR_MS;
    build(&w);
    KeyRequest r = end(&w, 3, NOW + HOUR_MS);
    key_request_sign(&r, NODE, &young);
    ASSERT_EQ(key_request_judge(w.directory, &r, NOW, &got), KEY_GRANTED);
    ASSERT_STR(got.curve, w.keys[3].curve);
    ASSERT_EQ(got.valid_until_ms, NOW + HOUR_MS);
    ASSERT_EQ(judge_by(&w, end(&w, 3, NOW), NODE, &w.main), KEY_NOT_OLDER);
    ASSERT_EQ(judge_by(&w, end(&w, w.n_keys - 1, NOW), NODE, &w.main), KEY_NOT_OLDER);
    ASSERT_EQ(judge_by(&w, end(&w, 4, NOW), NODE, &young), KEY_STRANGER);
    ASSERT_EQ(judge_by(&w, end(&w, 3, 0), NODE, &young), KEY_UNFIT);
    ASSERT_EQ(judge_by(&w, end(&w, 3, NOW), HOME, &w.home), KEY_GRANTED);
    ASSERT_EQ(judge_by(&w, end(&w, 3, NOW), AWAY, &w.away), KEY_STRANGER);
    w.keys[3].valid_until_ms = NOW + 1; /* an end comes never later */
    build(&w);
    ASSERT_EQ(judge_by(&w, end(&w, 3, NOW + HOUR_MS), NODE, &young), KEY_KNOWN);
}

TEST(an_end_is_of_the_key_it_names) {
    _cleanup_(world_deinit) World w;
    world_init(&w);
    w.keys[3].valid_from_ms = NOW - HOUR_MS; /* younger than all others */
    SignKey next;
    add_key(&w, NEXT, "main", &next, false);
    build(&w);
    KeyRequest r = end(&w, 4, NOW);
    (void)text_copy(r.key.label, sizeof(r.key.label), "main"); /* it has another */
    ASSERT_OK(codec_encode_key_demand(&r));
    ASSERT_EQ(judge_by(&w, r, NODE, &w.main), KEY_UNFIT);
    r = end(&w, w.n_keys - 1, NOW);
    (void)text_copy(r.key.node, sizeof(r.key.node), NODE); /* it is another's */
    ASSERT_OK(codec_encode_key_demand(&r));
    ASSERT_EQ(judge_by(&w, r, NODE, &w.main), KEY_UNFIT);
    r = end(&w, 3, NOW);
    curve_of(99, r.key.curve); /* there is none */
    ASSERT_OK(codec_encode_key_demand(&r));
    ASSERT_EQ(judge_by(&w, r, NODE, &w.main), KEY_UNFIT);
}

TEST(keys_of_the_same_rights_stand_for_each_other) {
    _cleanup_(world_deinit) World w;
    SignKey young;
    world_init(&w);
    add_key(&w, NODE, "main", &young, false);
    DirKey *k = &w.keys[w.n_keys - 1];
    k->valid_from_ms = NOW - HOUR_MS;
    k->rights = (Rights) { .n = 1, .list = { { .verb = RIGHT_QUERY, .any_kind = true } } };
    w.keys[3].rights = k->rights;
    build(&w);
    ASSERT_EQ(judge_by(&w, end(&w, 3, NOW), NODE, &young), KEY_GRANTED);
    w.keys[3].revoked = true;
    build(&w);
    ASSERT_EQ(judge_by(&w, end(&w, 3, NOW), NODE, &young), KEY_KNOWN);
}

TEST(a_refusal_has_a_word_that_is_read_again) {
    for (KeyVerdict v = KEY_UNPROVEN; v <= KEY_TOO_OFTEN; v++)
        ASSERT_EQ(key_verdict_by_name(key_verdict_name(v)), v);
    ASSERT_EQ(key_verdict_by_name("GRANTED"), KEY_UNFIT); /* that is no refusal */
    ASSERT_EQ(key_verdict_by_name("KNOWN"), KEY_UNFIT);
    ASSERT_EQ(key_verdict_by_name("A_LATER_WORD"), KEY_UNFIT);
}

TEST(a_request_is_read_as_it_was_written) {
    _cleanup_(world_deinit) World w;
    uint8_t *bytes = NULL;
    size_t n = 0;
    const char *why = NULL;
    KeyRequest again;
    world_init(&w);
    KeyRequest r = add(&w, NODE, "main");
    key_request_sign(&r, NODE, &w.main);
    ASSERT_OK(codec_encode_key_request(&r, &bytes, &n));
    ASSERT_OK(codec_decode_key_request(bytes_make(bytes, n), &again, &why));
    assert_memory_equal(r.demand, again.demand, r.n_demand);
    ASSERT_EQ(r.n_demand, again.n_demand);
    assert_memory_equal(r.proof, again.proof, SIGNATURE_SIZE);
    assert_memory_equal(r.signature, again.signature, SIGNATURE_SIZE);
    assert_true(dir_key_is_same(&r.key, &again.key));
    ASSERT_EQ(again.asked_ms, NOW);
    ASSERT_STR(again.by_node, NODE);
    for (size_t i = 0; i < n; i++) /* cut anywhere it is none, or one without its end */
        if (codec_decode_key_request(bytes_make(bytes, i), &again, &why) == 0) {
            DirKey got;
            assert_true(key_request_judge(w.directory, &again, NOW, &got) != KEY_GRANTED);
        }
    free(bytes);
}

/* --- servers --------------------------------------------------------------------------------- */

TEST(an_address_for_all_is_the_host_one_dialled) {
    Server s = { .endpoint = "tcp://0.0.0.0:7022" };
    server_complete(&s, "tcp://broker.example:7021");
    ASSERT_STR(s.endpoint, "tcp://broker.example:7022");
    Server v6 = { .endpoint = "tcp://*:7022" };
    server_complete(&v6, "tcp://[2001:db8::7]:7021");
    ASSERT_STR(v6.endpoint, "tcp://[2001:db8::7]:7022");
    Server named = { .endpoint = "tcp://other.example:7022" };
    server_complete(&named, "tcp://broker.example:7021");
    ASSERT_STR(named.endpoint, "tcp://other.example:7022");
}

TEST(a_server_is_believed_when_the_directory_has_its_key) {
    _cleanup_(world_deinit) World w;
    world_init(&w);
    Server s = { .endpoint = "tcp://broker.example:7022" };
    (void)text_copy(s.key, sizeof(s.key), w.keys[1].curve);
    assert_true(server_is_proven(w.directory, &s, HOME, NOW));
    assert_false(server_is_proven(w.directory, &s, AWAY, NOW));
    (void)text_copy(s.key, sizeof(s.key), w.keys[5].curve); /* a key of it, but no link's */
    assert_false(server_is_proven(w.directory, &s, HOME, NOW));
    curve_of(55, s.key);
    assert_false(server_is_proven(w.directory, &s, HOME, NOW));
    w.keys[1].revoked = true;
    build(&w);
    (void)text_copy(s.key, sizeof(s.key), w.keys[1].curve);
    assert_false(server_is_proven(w.directory, &s, HOME, NOW));
}

TEST(a_list_of_servers_is_bounded) {
    Servers l = { .n = 0 };
    for (unsigned i = 0; i < 3 * SERVERS_MAX; i++) {
        Server s = { .endpoint = "tcp://broker.example:7022" };
        curve_of(i, s.key);
        assert_true(server_is_sound(&s));
        assert_true(servers_add(&l, &s));
        assert_false(servers_add(&l, &s));
        assert_true(l.n <= SERVERS_MAX);
    }
    assert_false(server_is_sound(&(Server) { .endpoint = "ipc:///x" }));
}

TEST_MAIN
