/* SPDX-License-Identifier: Apache-2.0 */

/* What a client believes of keys: proofs of a hub that is played here, good ones and all the ways
 * in which a broker could lie. */

#include <stdio.h>

#include "base/hash.h"
#include "client/client-keys.h"
#include "core/directory-change.h"
#include "test.h"
#include "wire/codec.h"

#define RECORDS_MAX 256

typedef struct Book {
    SignKey hub;
    DirRecord records[RECORDS_MAX];
    uint8_t bytes[RECORDS_MAX][512];
    DirLeaf leaves[RECORDS_MAX];
    size_t n;
    uint64_t version;
    int64_t at_ms;
    DirTree *tree;
    DirHead head;
} Book;

static const Now T0 = { .wall_ms = INT64_C(1741600000000), .mono_ms = 1000000 };

static Now after(int64_t ms) {
    return (Now) { .wall_ms = T0.wall_ms + ms, .mono_ms = T0.mono_ms + ms };
}

static void add_node(Book *b, const char *id, int kind, const char *home) {
    DirRecord *r = &b->records[b->n++];
    *r = (DirRecord) { .kind = DIR_NODE, .node = { .kind = kind } };
    strcpy(r->node.id, id);
    strcpy(r->node.name, id);
    strcpy(r->node.home, home);
}

/* Distinct but meaningless CURVE keys. */
static DirKey *add_key(Book *b, const char *node, const char *label, const SignKey *sign,
                       const SealKey *seal) {
    DirRecord *r = &b->records[b->n];
    *r = (DirRecord) { .kind = DIR_KEY };
    memset(r->key.curve, 'a', CURVE_TEXT_SIZE - 1);
    snprintf(r->key.curve, 10, "%09zu", b->n);
    r->key.curve[9] = 'x';
    strcpy(r->key.node, node);
    strcpy(r->key.label, label);
    if (sign)
        r->key.sign = sign->public;
    if (seal)
        r->key.seal = seal->public;
    b->n++;
    return &r->key;
}

static void book_sign(Book *b) {
    for (size_t i = 0; i < b->n; i++) {
        dir_record_name(&b->records[i], b->leaves[i].name);
        b->leaves[i].content =
            codec_encode_record(&b->records[i], b->bytes[i], sizeof(b->bytes[i]));
        ASSERT_TRUE(b->leaves[i].content.n > 0);
    }
    b->tree = dir_tree_free(b->tree);
    ASSERT_OK(dir_tree_edit(&b->tree, NULL, b->leaves, b->n));
    b->head = (DirHead) { .version = ++b->version,
                          .at_ms = b->at_ms,
                          .size = dir_tree_size(b->tree),
                          .root = dir_tree_root(b->tree) };
    directory_head_sign(&b->head, &b->hub);
}

static void book_open(Book *b) {
    memset(b, 0, sizeof(*b));
    ASSERT_OK(hash_init());
    sign_key_new(&b->hub);
    b->at_ms = T0.wall_ms;
    add_node(b, "hub", NODE_NATIONAL_HUB, "hub");
    add_key(b, "hub", "link", &b->hub, NULL)->broker = true;
    add_node(b, "upt/satria", NODE_UPT_BALAI, "upt/satria");
}

static void book_close(Book *b) {
    b->tree = dir_tree_free(b->tree);
}

/* The proof of every record whose node is named, as the broker gives it. */
typedef struct Answer {
    KeyProofs p;
    RecordProof proofs[RECORDS_MAX];
} Answer;

static bool is_wanted(const DirRecord *r, const char *const *nodes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(r->kind == DIR_NODE ? r->node.id : r->key.node, nodes[i]) == 0)
            return true;
    return false;
}

static void answer_make(Book *b, Answer *a, const char *const *nodes, size_t n) {
    memset(a, 0, sizeof(*a));
    a->p.has_head = true;
    a->p.head = b->head;
    a->p.proofs = a->proofs;
    for (size_t i = 0; i < b->n; i++) {
        RecordProof *p = &a->proofs[a->p.n];
        size_t index = 0;
        if (!is_wanted(&b->records[i], nodes, n))
            continue;
        ASSERT_TRUE(dir_tree_find(b->tree, b->leaves[i].name, &index));
        p->record = b->leaves[i].content;
        p->index = index;
        p->n_path = (uint32_t)dir_tree_path(b->tree, index, p->path);
        a->p.n++;
    }
}

static int answer_give(ClientKeys *k, const Answer *a, Now now) {
    uint8_t *bytes = NULL;
    size_t n = 0;
    ASSERT_OK(codec_encode_key_proofs(&a->p, &bytes, &n));
    int r = client_keys_answered(k, bytes_make(bytes, n), now);
    free(bytes);
    return r;
}

static int tell(ClientKeys *k, Book *b, Now now, const char *node) {
    static Answer a;
    char asked[CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE];
    const char *nodes[] = { node, "hub" };
    (void)client_keys_question(k, now, asked);
    answer_make(b, &a, nodes, 2);
    return answer_give(k, &a, now);
}

static ClientKeys *keys_pinned(const Book *b) {
    ClientKeys *k = NULL;
    ASSERT_OK(client_keys_new(&k, &b->hub.public, 1));
    return k;
}

TEST(a_key_is_asked_for_and_then_proven) {
    static Book b;
    book_open(&b);
    SignKey sign;
    sign_key_new(&sign);
    add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    add_key(&b, "dsk/3203", "main", &sign, NULL);
    book_sign(&b);
    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    const KeyId id = key_id(sign.public.b);
    char asked[CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE];
    DirKey found = { 0 };
    KeyOwner owner = { 0 };

    ASSERT_EQ(client_keys_due_ms(k), INT64_MAX);
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, T0, &found), KEY_ASKED);
    ASSERT_TRUE(client_keys_due_ms(k) <= T0.mono_ms);
    ASSERT_EQ(client_keys_question(k, T0, asked), 1);
    ASSERT_STR(asked[0], "dsk/3203");
    ASSERT_EQ(client_keys_question(k, T0, asked), 0); /* one at a time */
    client_keys_put_back(k);                          /* the pipe was full */
    ASSERT_EQ(client_keys_question(k, T0, asked), 1);
    ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, T0, &found), KEY_PROVEN);
    ASSERT_STR(found.label, "main");
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", T0, &owner), KEY_PROVEN);
    ASSERT_STR(owner.home, "upt/satria");
    ASSERT_TRUE(client_key_is_usable(&owner, &found, T0.wall_ms));
    ASSERT_EQ(client_keys_version(k), 1);
    ASSERT_EQ(client_keys_by_label(k, "dsk/3203", "main", T0, &found), KEY_PROVEN);
    ASSERT_EQ(client_keys_due_ms(k), INT64_MAX);
    book_close(&b);
}

/* As brokers see it (directory_key_by_sign_id()), in whatever order the records come. */
TEST(a_revoked_key_does_not_live_again_in_another_record) {
    for (size_t revoked = 0; revoked < 2; revoked++) {
        static Book b;
        book_open(&b);
        SignKey sign;
        sign_key_new(&sign);
        add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
        for (size_t i = 0; i < 2; i++)
            add_key(&b, "dsk/3203", i ? "second" : "main", &sign, NULL)->revoked = i == revoked;
        book_sign(&b);
        _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
        const KeyId id = key_id(sign.public.b);
        DirKey found = { 0 };
        (void)client_keys_by_sign_id(k, "dsk/3203", &id, T0, &found);
        ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
        ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, T0, &found), KEY_PROVEN);
        ASSERT_TRUE(found.revoked);
        book_close(&b);
    }
}

TEST(a_key_of_the_hub_that_is_revoked_signs_nothing_whatever_other_record_has_it) {
    for (size_t revoked = 0; revoked < 2; revoked++) {
        static Book b;
        book_open(&b);
        SignKey next;
        sign_key_new(&next);
        add_key(&b, "hub", "next", &next, NULL)->broker = true;
        DirKey *again = add_key(&b, "hub", "again", &b.hub, NULL);
        again->broker = true;
        (revoked ? again : &b.records[1].key)->revoked = true;
        book_sign(&b);
        _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
        KeyOwner owner;
        (void)client_keys_owner(k, "hub", T0, &owner);
        ASSERT_OK(tell(k, &b, T0, "upt/satria"));
        book_sign(&b); /* with the old key */
        ASSERT_EQ(tell(k, &b, T0, "upt/satria"), CLIENT_KEYS_NOT_OURS);
        b.hub = next;
        book_sign(&b);
        ASSERT_OK(tell(k, &b, T0, "upt/satria"));
        book_close(&b);
    }
}

TEST(without_the_key_of_a_hub_everything_is_only_told) {
    static Book b;
    book_open(&b);
    SealKey seal;
    seal_key_new(&seal);
    add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    add_key(&b, "dsk/3203", "main", NULL, &seal);
    book_sign(&b);
    ClientKeys *k = NULL;
    const DirKey *list = NULL;
    size_t n = 0;
    ASSERT_OK(client_keys_new(&k, NULL, 0));
    ASSERT_EQ(client_keys_of(k, "dsk/3203", T0, &list, &n), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
    ASSERT_EQ(client_keys_of(k, "dsk/3203", T0, &list, &n), KEY_TOLD);
    ASSERT_EQ(n, 1);
    ASSERT_TRUE(memcmp(&list[0].seal, &seal.public, sizeof(seal.public)) == 0);
    (void)client_keys_free(k);
    book_close(&b);
}

/* A broker that wants its own key taken for that of a node. */
TEST(lies_are_not_believed) {
    static Book b, liar;
    static Answer a;
    book_open(&b);
    SealKey seal, own;
    seal_key_new(&seal);
    seal_key_new(&own);
    add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    add_key(&b, "dsk/3203", "main", NULL, &seal);
    book_sign(&b);
    book_open(&liar); /* another hub key */
    add_node(&liar, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    add_key(&liar, "dsk/3203", "main", NULL, &own);
    book_sign(&liar);

    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    const char *nodes[] = { "dsk/3203" };
    const DirKey *list = NULL;
    size_t n = 0;
    ASSERT_EQ(client_keys_of(k, "dsk/3203", T0, &list, &n), KEY_ASKED);
    ASSERT_EQ(tell(k, &liar, T0, "dsk/3203"), CLIENT_KEYS_NOT_OURS);
    /* the true head over a false record */
    answer_make(&liar, &a, nodes, 1);
    a.p.head = b.head;
    ASSERT_EQ(answer_give(k, &a, T0), CLIENT_KEYS_UNPROVEN);
    /* one true record does not carry a false one */
    answer_make(&b, &a, nodes, 1);
    a.proofs[a.p.n] = a.proofs[0];
    a.proofs[a.p.n++].record = liar.leaves[4].content;
    ASSERT_EQ(answer_give(k, &a, T0), CLIENT_KEYS_UNPROVEN);
    /* a head that was changed */
    answer_make(&b, &a, nodes, 1);
    a.p.head.version++;
    ASSERT_EQ(answer_give(k, &a, T0), CLIENT_KEYS_NOT_OURS);
    answer_make(&b, &a, nodes, 1);
    a.p.head.at_ms++;
    ASSERT_EQ(answer_give(k, &a, T0), CLIENT_KEYS_NOT_OURS);
    /* a path that was cut */
    answer_make(&b, &a, nodes, 1);
    a.proofs[0].n_path--;
    ASSERT_EQ(answer_give(k, &a, T0), CLIENT_KEYS_UNPROVEN);
    /* no proof at all: told, and no more */
    answer_make(&liar, &a, nodes, 1);
    a.p.has_head = false;
    ASSERT_OK(answer_give(k, &a, T0));
    ASSERT_EQ(client_keys_of(k, "dsk/3203", T0, &list, &n), KEY_TOLD);
    /* and the truth displaces it, but not the other way round */
    ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
    ASSERT_EQ(client_keys_of(k, "dsk/3203", T0, &list, &n), KEY_PROVEN);
    answer_make(&liar, &a, nodes, 1);
    a.p.has_head = false;
    ASSERT_OK(answer_give(k, &a, T0));
    ASSERT_EQ(client_keys_of(k, "dsk/3203", T0, &list, &n), KEY_PROVEN);
    ASSERT_EQ(n, 1);
    ASSERT_TRUE(memcmp(&list[0].seal, &seal.public, sizeof(seal.public)) == 0);
    ASSERT_EQ(client_keys_answered(k, bytes_make("\377\377", 2), T0), CLIENT_KEYS_MALFORMED);
    book_close(&b);
    book_close(&liar);
}

/* A revocation cannot be taken back by showing what was before. */
TEST(an_older_directory_is_refused) {
    static Book b, before;
    book_open(&b);
    SignKey sign;
    sign_key_new(&sign);
    add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    DirKey *key = add_key(&b, "dsk/3203", "main", &sign, NULL);
    book_sign(&b);
    before = b;
    before.tree = NULL;
    before.version = 0;
    book_sign(&before);
    key->revoked = true;
    book_sign(&b);

    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    const KeyId id = key_id(sign.public.b);
    DirKey found = { 0 };
    KeyOwner owner = { 0 };
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, T0, &found), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
    ASSERT_EQ(tell(k, &before, T0, "dsk/3203"), CLIENT_KEYS_STALE);
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, T0, &found), KEY_PROVEN);
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", T0, &owner), KEY_PROVEN);
    ASSERT_TRUE(!client_key_is_usable(&owner, &found, T0.wall_ms));
    /* two directories of one version */
    before.version = b.version - 1;
    before.at_ms = b.at_ms;
    book_sign(&before);
    ASSERT_EQ(tell(k, &before, T0, "dsk/3203"), CLIENT_KEYS_NOT_OURS);
    /* one that is not signed anew for a month proves nothing any more */
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, after(31 * DAY_MS), &found), KEY_TOLD);
    book_close(&b);
    book_close(&before);
}

/* The same directory as it was signed days ago would look fresh for longer than it is, and a later
 * version that was signed sooner is none of the hub's. */
TEST(a_head_that_was_signed_sooner_is_refused) {
    for (unsigned newer = 0; newer < 2; newer++) {
        static Book b;
        book_open(&b);
        book_sign(&b);
        _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
        ASSERT_OK(tell(k, &b, T0, "hub"));
        b.version -= 1 - newer;
        b.at_ms -= DAY_MS;
        book_sign(&b);
        ASSERT_EQ(tell(k, &b, T0, "hub"), CLIENT_KEYS_STALE);
        b.version--;
        b.at_ms += DAY_MS;
        book_sign(&b);
        ASSERT_OK(tell(k, &b, T0, "hub")); /* nothing is remembered of it */
        book_close(&b);
    }
}

TEST(the_hub_changes_its_key_and_is_followed) {
    static Book b;
    book_open(&b);
    SignKey old = b.hub, next;
    sign_key_new(&next);
    add_key(&b, "hub", "link", &next, NULL)->broker = true;
    add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    book_sign(&b);
    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    KeyOwner owner = { 0 };
    ASSERT_EQ(client_keys_owner(k, "hub", T0, &owner), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "hub"));
    /* signed with the next one, the old one gone */
    b.records[1].key.revoked = true;
    b.hub = next;
    book_sign(&b);
    ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", T0, &owner), KEY_PROVEN);
    b.hub = old; /* whoever stole it */
    book_sign(&b);
    ASSERT_EQ(tell(k, &b, T0, "dsk/3203"), CLIENT_KEYS_NOT_OURS);
    book_close(&b);
}

/* Any other key of the hub signs messages, not directories. */
TEST(a_clients_key_of_the_hub_signs_no_directory) {
    static Book b;
    book_open(&b);
    SignKey desk;
    sign_key_new(&desk);
    add_key(&b, "hub", "desk", &desk, NULL);
    book_sign(&b);
    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    KeyOwner owner = { 0 };
    ASSERT_EQ(client_keys_owner(k, "hub", T0, &owner), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "hub"));
    b.hub = desk;
    book_sign(&b);
    ASSERT_EQ(tell(k, &b, T0, "hub"), CLIENT_KEYS_NOT_OURS);
    book_close(&b);
}

/* The key of a broker that is proven, but not the hub's. */
TEST(another_brokers_key_signs_no_directory) {
    static Book b;
    book_open(&b);
    SignKey other;
    sign_key_new(&other);
    add_key(&b, "upt/satria", "link", &other, NULL)->broker = true;
    book_sign(&b);
    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    KeyOwner owner = { 0 };
    ASSERT_EQ(client_keys_owner(k, "upt/satria", T0, &owner), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "upt/satria"));
    ASSERT_EQ(client_keys_owner(k, "upt/satria", T0, &owner), KEY_PROVEN);
    b.hub = other;
    book_sign(&b);
    ASSERT_EQ(tell(k, &b, T0, "upt/satria"), CLIENT_KEYS_NOT_OURS);
    book_close(&b);
}

TEST(a_key_of_the_hub_that_is_not_valid_is_not_followed) {
    for (unsigned how = 0; how < 4; how++) {
        static Book b;
        book_open(&b);
        SignKey next;
        sign_key_new(&next);
        DirKey *key = add_key(&b, "hub", "next", &next, NULL);
        key->broker = true;
        key->valid_from_ms = T0.wall_ms + (how == 1 ? DAY_MS : -DAY_MS);
        key->valid_until_ms = T0.wall_ms + (how == 2 ? -HOUR_MS : DAY_MS);
        b.records[0].node.inactive = how == 3;
        book_sign(&b);
        _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
        ASSERT_OK(tell(k, &b, T0, "hub"));
        b.hub = next;
        book_sign(&b);
        ASSERT_EQ(tell(k, &b, T0, "hub"), how == 0 ? 0 : CLIENT_KEYS_NOT_OURS);
        book_close(&b);
    }
}

/* A broker cannot make anybody forget what was proven, a revocation above all. */
TEST(what_is_proven_is_not_forgotten_by_leaving_it_out) {
    static Book b;
    static Answer a;
    book_open(&b);
    SignKey sign;
    sign_key_new(&sign);
    add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    add_key(&b, "dsk/3203", "main", &sign, NULL)->revoked = true;
    book_sign(&b);
    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    const KeyId id = key_id(sign.public.b);
    const KeyId none = { 0 };
    char asked[CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE];
    DirKey found = { 0 };
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, T0, &found), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
    (void)client_keys_by_sign_id(k, "dsk/3203", &none, after(5 * MINUTE_MS), &found); /* again */
    ASSERT_EQ(client_keys_question(k, after(5 * MINUTE_MS), asked), 1);
    answer_make(&b, &a, NULL, 0);
    ASSERT_OK(answer_give(k, &a, after(5 * MINUTE_MS)));
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, after(5 * MINUTE_MS), &found), KEY_PROVEN);
    ASSERT_TRUE(found.revoked);
    book_close(&b);
}

TEST(what_does_not_come_in_time_is_unknown) {
    static Book b;
    book_open(&b);
    book_sign(&b);
    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    char asked[CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE];
    KeyOwner owner = { 0 };
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", T0, &owner), KEY_ASKED);
    ASSERT_EQ(client_keys_question(k, T0, asked), 1);
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", after(4900), &owner), KEY_ASKED);
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", after(5100), &owner), KEY_UNKNOWN);
    client_keys_session_lost(k); /* the next session asks again, and waits as long */
    ASSERT_EQ(client_keys_question(k, after(6000), asked), 0);
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", after(6000), &owner), KEY_ASKED);
    ASSERT_EQ(client_keys_question(k, after(6000), asked), 1);
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", after(10900), &owner), KEY_ASKED);
    client_keys_refused(k, after(6000)); /* the broker does not know the question */
    ASSERT_EQ(client_keys_question(k, after(7000), asked), 0);
    ASSERT_EQ(client_keys_question(k, after(60000), asked), 1);
    /* it is not in the directory: known, until it is asked again a minute later */
    ASSERT_OK(tell(k, &b, after(61000), "hub"));
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", after(61000), &owner), KEY_UNKNOWN);
    ASSERT_EQ(client_keys_question(k, after(61000), asked), 0);
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", after(125000), &owner), KEY_UNKNOWN);
    ASSERT_EQ(client_keys_question(k, after(125000), asked), 1);
    ASSERT_EQ(client_keys_owner(k, "no node", T0, &owner), KEY_UNKNOWN);
    book_close(&b);
}

TEST(an_unknown_key_of_a_known_node_is_asked_for_again) {
    static Book b;
    book_open(&b);
    SignKey one, two;
    sign_key_new(&one);
    sign_key_new(&two);
    add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    add_key(&b, "dsk/3203", "main", &one, NULL);
    book_sign(&b);
    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    const KeyId id = key_id(two.public.b);
    char asked[CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE];
    DirKey found = { 0 };
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, T0, &found), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, after(1000), &found), KEY_UNKNOWN);
    ASSERT_EQ(client_keys_question(k, after(1000), asked), 0); /* not that soon */
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, after(61000), &found), KEY_ASKED);
    add_key(&b, "dsk/3203", "main", &two, NULL);
    book_sign(&b);
    ASSERT_OK(tell(k, &b, after(61000), "dsk/3203"));
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, after(61000), &found), KEY_PROVEN);
    ASSERT_EQ(client_keys_by_label(k, "dsk/3203", "main", after(61000), &found), KEY_PROVEN);
    /* what was learnt long ago serves, and is asked for again meanwhile */
    ASSERT_EQ(client_keys_by_sign_id(k, "dsk/3203", &id, after(10 * MINUTE_MS), &found),
              KEY_PROVEN);
    ASSERT_EQ(client_keys_question(k, after(10 * MINUTE_MS), asked), 1);
    book_close(&b);
}

TEST(memory_is_bounded_whatever_is_asked_and_answered) {
    static Book b;
    book_open(&b);
    SealKey seal;
    add_node(&b, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria");
    for (int i = 0; i < 100; i++) {
        seal_key_new(&seal);
        add_key(&b, "dsk/3203", "main", NULL, &seal);
    }
    book_sign(&b);
    _cleanup_(client_keys_freep) ClientKeys *k = keys_pinned(&b);
    const DirKey *list = NULL;
    KeyOwner owner = { 0 };
    size_t n = 0;
    char name[NODE_NAME_SIZE];
    ASSERT_EQ(client_keys_of(k, "dsk/3203", T0, &list, &n), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "dsk/3203"));
    ASSERT_EQ(client_keys_of(k, "dsk/3203", T0, &list, &n), KEY_PROVEN);
    ASSERT_EQ(n, CLIENT_KEYS_OF_MAX);
    ASSERT_EQ(client_keys_owner(k, "upt/satria", T0, &owner), KEY_ASKED);
    ASSERT_OK(tell(k, &b, T0, "upt/satria"));
    ASSERT_EQ(client_keys_owner(k, "upt/satria", T0, &owner), KEY_PROVEN);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "lks/3203/%d", i);
        (void)client_keys_owner(k, name, T0, &owner);
        if (i % 100 == 0) /* in use: not the one that goes */
            ASSERT_EQ(client_keys_owner(k, "dsk/3203", T0, &owner), KEY_PROVEN);
    }
    ASSERT_EQ(client_keys_owner(k, "dsk/3203", T0, &owner), KEY_PROVEN);
    ASSERT_EQ(client_keys_owner(k, "upt/satria", T0, &owner), KEY_ASKED); /* forgotten */
    book_close(&b);
}

TEST_MAIN
