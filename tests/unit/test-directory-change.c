/* SPDX-License-Identifier: Apache-2.0 */

/* The tree over a directory, and what is said of a change that somebody brings. */

#include <errno.h>
#include <stdio.h>

#include "base/hash.h"
#include "core/directory-change.h"
#include "test.h"

#include "sample.h"
#include "wire/codec.h"

#define AT INT64_C(1767225600000)

/* --- the tree ------------------------------------------------------------------------------- */

static DirLeaf leaf_of(unsigned n, const char *content) {
    DirLeaf l = { .content = bytes_make(content, strlen(content)) };
    snprintf(l.name, sizeof(l.name), "node:dsk/%05u", n);
    return l;
}

TEST(a_tree_is_that_of_its_records_in_order_however_it_came_about) {
    DirLeaf all[100];
    for (unsigned i = 0; i < 100; i++)
        all[i] = leaf_of((i * 37) % 100, "a"); /* in no order */
    for (unsigned n = 1; n <= 100; n++) {
        _cleanup_(dir_tree_freep) DirTree *once = NULL, *grown = NULL;
        ASSERT_OK(dir_tree_edit(&once, NULL, all, n));
        for (unsigned i = 0; i < n; i++) {
            DirTree *next;
            ASSERT_OK(dir_tree_edit(&next, grown, &all[i], 1));
            (void)dir_tree_free(grown);
            grown = next;
        }
        const TreeHash a = dir_tree_root(once), b = dir_tree_root(grown);
        ASSERT_TRUE(tree_hash_equal(&a, &b));
        ASSERT_EQ(dir_tree_size(grown), n);
        for (unsigned i = 1; i < n; i++)
            ASSERT_TRUE(strcmp(dir_tree_name(once, i - 1), dir_tree_name(once, i)) < 0);
    }
}

TEST(the_root_is_the_one_of_the_rfc) {
    _cleanup_(dir_tree_freep) DirTree *t = NULL;
    _cleanup_(tree_deinit) Tree plain = { 0 };
    DirLeaf all[7];
    TreeHash leaves[7];
    for (unsigned i = 0; i < 7; i++) {
        all[i] = leaf_of(i, "abcdefg" + i);
        leaves[i] = tree_leaf(all[i].content);
    }
    ASSERT_OK(dir_tree_edit(&t, NULL, all, 7));
    ASSERT_OK(tree_init(&plain, leaves, 7));
    const TreeHash a = dir_tree_root(t), b = tree_root(&plain);
    ASSERT_TRUE(tree_hash_equal(&a, &b));
    const TreeHash none = dir_tree_root(NULL); /* the hash of nothing */
    assert_memory_equal(none.b, "\x0e\x57\x51\xc0\x26\xe5\x43\xb2", 8);
}

TEST(records_change_and_go_and_their_paths_lead_to_the_root) {
    _cleanup_(dir_tree_freep) DirTree *t = NULL, *u = NULL, *v = NULL;
    DirLeaf all[33], edit[2] = { leaf_of(7, "changed"), leaf_of(8, "") };
    for (unsigned i = 0; i < 33; i++)
        all[i] = leaf_of(i, "x");
    ASSERT_OK(dir_tree_edit(&t, NULL, all, 33));
    ASSERT_OK(dir_tree_edit(&u, t, edit, 2));
    ASSERT_EQ(dir_tree_size(u), 32);
    all[7] = edit[0];
    memmove(&all[8], &all[9], 24 * sizeof(all[0]));
    ASSERT_OK(dir_tree_edit(&v, NULL, all, 32));
    const TreeHash a = dir_tree_root(u), b = dir_tree_root(v);
    ASSERT_TRUE(tree_hash_equal(&a, &b));
    for (size_t i = 0; i < 32; i++) {
        TreeHash path[TREE_WIDE_PATH_MAX], root;
        size_t index = 0;
        const size_t n = dir_tree_path(u, i, path);
        ASSERT_TRUE(dir_tree_find(u, all[i].name, &index) && index == i);
        ASSERT_TRUE(tree_root_by_path(dir_tree_leaf(u, i), i, 32, path, n, &root));
        ASSERT_TRUE(tree_hash_equal(&root, &a));
    }
    DirTree *w;
    const DirLeaf twice[2] = { leaf_of(3, "p"), leaf_of(3, "q") };
    ASSERT_EQ(dir_tree_edit(&w, t, twice, 2), -EINVAL);
    ASSERT_EQ(dir_tree_edit(&w, u, &edit[1], 1), -EINVAL); /* is not there any more */
}

/* --- changes -------------------------------------------------------------------------------- */

typedef struct Hub {
    SignKey key;
    HubKeys trusted;
    DirTree *tree;
    DirHead head;
    uint64_t version;
} Hub;

static void hub_deinit(Hub *h) {
    (void)dir_tree_free(h->tree);
}

static void hub_init(Hub *h) {
    ASSERT_OK(hash_init());
    *h = (Hub) { 0 };
    sign_key_new(&h->key);
    h->trusted = (HubKeys) { .n = 1, .list = { h->key.public } };
}

static DirRecord record_of(unsigned n, uint32_t capacity) {
    DirRecord r = { .kind = DIR_NODE, .node = { .kind = NODE_LKS, .capacity = capacity } };
    snprintf(r.node.id, sizeof(r.node.id), "lks/%05u", n);
    return r;
}

/* The next change of the hub: one node put; encoded. The hub goes on from it unless it is told to
 * stay where it is. */
static Bytes make(Hub *h, unsigned n, uint32_t capacity, bool go_on) {
    const DirRecord r = record_of(n, capacity);
    uint8_t record[DIR_RECORD_MAX];
    DirLeaf leaf = { .content = codec_encode_record(&r, record, sizeof(record)) };
    DirTree *after;
    dir_record_name(&r, leaf.name);
    ASSERT_OK(dir_tree_edit(&after, h->tree, &leaf, 1));
    DirChange c = { .version = h->version + 1,
                    .first = h->version == 0,
                    .previous = h->head.root,
                    .changed_ms = AT,
                    .by = "hub",
                    .note = "test",
                    .n_records = 1,
                    .leaves = &leaf,
                    .head = { .version = h->version + 1,
                              .at_ms = AT + (int64_t)h->version,
                              .size = dir_tree_size(after),
                              .root = dir_tree_root(after) } };
    directory_head_sign(&c.head, &h->key);
    ASSERT_OK(codec_encode_change(&c, &h->key));
    if (go_on) {
        (void)dir_tree_free(h->tree);
        h->tree = after;
        h->head = c.head;
        h->version++;
    } else {
        (void)dir_tree_free(after);
    }
    return bytes_make(c.bytes, c.n_bytes);
}

/* What one who has `tree` under `head` says of it. */
static int judge(const Hub *h, Bytes b, const DirHead *head, const DirTree *tree) {
    _cleanup_(dir_change_deinit) DirChange c = { 0 };
    _cleanup_(dir_tree_freep) DirTree *after = NULL;
    const char *why;
    if (codec_decode_change(b, &c, &why) != 0)
        return CHANGE_MALFORMED;
    return dir_change_check(&c, &h->trusted, head, tree, &after);
}

TEST(a_change_survives_the_trip_and_is_good) {
    _cleanup_(hub_deinit) Hub h;
    hub_init(&h);
    const Bytes b = make(&h, 1, 10, false);
    _cleanup_(dir_change_deinit) DirChange c = { 0 };
    const char *why;
    ASSERT_OK(codec_decode_change(b, &c, &why));
    ASSERT_EQ(c.version, 1);
    ASSERT_TRUE(c.first && c.is_signed && c.n_records == 1);
    ASSERT_STR(c.leaves[0].name, "node:lks/00001");
    ASSERT_EQ(c.records[0].node.capacity, 10);
    ASSERT_STR(c.by, "hub");
    ASSERT_EQ(judge(&h, b, NULL, NULL), CHANGE_OK);
    free((void *)b.p);
}

TEST(no_byte_of_a_change_can_be_another) {
    _cleanup_(hub_deinit) Hub h;
    hub_init(&h);
    const Bytes b = make(&h, 1, 10, false);
    uint8_t copy[2048];
    ASSERT_TRUE(b.n <= sizeof(copy));
    for (size_t i = 0; i < b.n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(copy, b.p, b.n);
            copy[i] ^= (uint8_t)(1U << bit);
            const int r = judge(&h, bytes_make(copy, b.n), NULL, NULL);
            ASSERT_TRUE(r == CHANGE_FORGED || r == CHANGE_MALFORMED);
        }
    for (size_t cut = 0; cut < b.n; cut++)
        ASSERT_TRUE(judge(&h, bytes_make(b.p, cut), NULL, NULL) != CHANGE_OK);
    free((void *)b.p);
}

TEST(a_change_of_another_hub_is_forged) {
    _cleanup_(hub_deinit) Hub h, other;
    hub_init(&h);
    hub_init(&other);
    const Bytes b = make(&other, 1, 10, true);
    ASSERT_EQ(judge(&h, b, NULL, NULL), CHANGE_FORGED);
    ASSERT_EQ(judge(&other, b, NULL, NULL), CHANGE_OK);
    free((void *)b.p);
}

TEST(old_ones_are_replayed_ours_are_known_and_later_ones_leave_a_gap) {
    _cleanup_(hub_deinit) Hub h;
    hub_init(&h);
    const Bytes one = make(&h, 1, 10, true), two = make(&h, 2, 10, true);
    const DirHead second = h.head;
    const Bytes other = make(&h, 2, 11, false), three = make(&h, 3, 10, true);
    ASSERT_EQ(judge(&h, one, &second, h.tree), CHANGE_REPLAYED);
    ASSERT_EQ(judge(&h, two, &second, h.tree), CHANGE_KNOWN);
    ASSERT_EQ(judge(&h, two, NULL, NULL), CHANGE_GAP);
    ASSERT_EQ(judge(&h, other, NULL, NULL), CHANGE_GAP);
    ASSERT_EQ(judge(&h, other, &h.head, h.tree), CHANGE_REPLAYED); /* another version 3 */
    const Bytes four = make(&h, 4, 10, true), five = make(&h, 5, 10, true);
    ASSERT_EQ(judge(&h, five, &second, h.tree), CHANGE_GAP);
    ASSERT_EQ(judge(&h, four, &second, h.tree), CHANGE_GAP);
    ASSERT_EQ(judge(&h, one, &h.head, h.tree), CHANGE_REPLAYED);
    free((void *)one.p);
    free((void *)two.p);
    free((void *)other.p);
    free((void *)three.p);
    free((void *)four.p);
    free((void *)five.p);
}

TEST(the_next_version_of_another_past_does_not_follow) {
    _cleanup_(hub_deinit) Hub h;
    hub_init(&h);
    const Bytes one = make(&h, 1, 10, true);
    DirHead mine = h.head;
    const Bytes two = make(&h, 2, 10, false);
    ASSERT_EQ(judge(&h, two, &mine, h.tree), CHANGE_OK);
    mine.root.b[5] ^= 1; /* what we have is not what it was made of */
    ASSERT_EQ(judge(&h, two, &mine, h.tree), CHANGE_GAP);
    mine = h.head;
    mine.at_ms = AT + 1000; /* the hub never goes back in time */
    ASSERT_EQ(judge(&h, two, &mine, h.tree), CHANGE_REPLAYED);
    free((void *)one.p);
    free((void *)two.p);
}

TEST(what_does_not_give_its_root_is_truncated) {
    _cleanup_(hub_deinit) Hub h;
    hub_init(&h);
    const Bytes one = make(&h, 1, 10, true), two = make(&h, 2, 10, false);
    _cleanup_(dir_tree_freep) DirTree *less = NULL, *more = NULL, *other = NULL;
    const DirLeaf extra = leaf_of(9, "planted");
    DirLeaf changed = extra;
    (void)snprintf(changed.name, sizeof(changed.name), "%s", dir_tree_name(h.tree, 0));
    ASSERT_OK(dir_tree_edit(&other, h.tree, &changed, 1));
    ASSERT_EQ(judge(&h, two, &h.head, other), CHANGE_TRUNCATED);
    ASSERT_OK(dir_tree_edit(&less, NULL, NULL, 0));
    ASSERT_OK(dir_tree_edit(&more, h.tree, &extra, 1));
    ASSERT_EQ(judge(&h, two, &h.head, less), CHANGE_TRUNCATED);
    ASSERT_EQ(judge(&h, two, &h.head, more), CHANGE_TRUNCATED);
    ASSERT_EQ(judge(&h, two, &h.head, h.tree), CHANGE_OK);
    free((void *)one.p);
    free((void *)two.p);
}

/* --- whose signature counts ----------------------------------------------------------------- */

static Directory *with_hub_keys(const SignPublic *a, bool a_revoked, const SignPublic *b,
                                bool b_broker, const char *b_node) {
    Directory *d;
    ASSERT_OK(directory_new(&d));
    DirKey k = { .node = "hub", .label = "main", .broker = true, .sign = *a, .revoked = a_revoked };
    memset(k.curve, 'a', CURVE_TEXT_SIZE - 1);
    ASSERT_OK(directory_add_key(d, &k));
    k = (DirKey) { .label = "next", .broker = b_broker, .sign = *b, .valid_until_ms = AT + 50 };
    snprintf(k.node, sizeof(k.node), "%s", b_node);
    memset(k.curve, 'b', CURVE_TEXT_SIZE - 1);
    ASSERT_OK(directory_add_key(d, &k));
    ASSERT_OK(directory_seal(d, 1));
    return d;
}

TEST(the_hub_changes_its_key_by_a_record_and_nobody_else_becomes_the_hub) {
    SignKey a, b;
    HubKeys keys;
    ASSERT_OK(hash_init());
    sign_key_new(&a);
    sign_key_new(&b);
    DirHead by_a = { .version = 1, .at_ms = AT }, by_b = by_a, late = { .at_ms = AT + 100 };
    directory_head_sign(&by_a, &a);
    directory_head_sign(&by_b, &b);
    directory_head_sign(&late, &b);
    const struct {
        bool a_revoked, b_broker;
        const char *b_node;
        bool trusts_a, trusts_b;
    } cases[] = {
        { false, true, "hub", true, true },         { true, true, "hub", false, true },
        { false, false, "hub", true, false },       { false, true, "upt/satria", true, false },
        { true, true, "upt/satria", false, false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(directory_unrefp) Directory *d = with_hub_keys(
            &a.public, cases[i].a_revoked, &b.public, cases[i].b_broker, cases[i].b_node);
        hub_keys_of(d, &a.public, 1, &keys);
        ASSERT_EQ(hub_keys_signed_head(&keys, &by_a), cases[i].trusts_a);
        ASSERT_EQ(hub_keys_signed_head(&keys, &by_b), cases[i].trusts_b);
        ASSERT_TRUE(!hub_keys_signed_head(&keys, &late)); /* its time is over */
    }
}

TEST(a_key_that_the_hub_revoked_signs_nothing_whatever_other_record_has_it) {
    SignKey a;
    HubKeys keys;
    ASSERT_OK(hash_init());
    sign_key_new(&a);
    DirHead by_a = { .version = 1, .at_ms = AT };
    directory_head_sign(&by_a, &a);
    for (int revoked = 0; revoked < 2; revoked++) {
        _cleanup_(directory_unrefp) Directory *d =
            with_hub_keys(&a.public, revoked, &a.public, true, "hub");
        hub_keys_of(d, &a.public, 1, &keys);
        ASSERT_EQ(hub_keys_signed_head(&keys, &by_a), !revoked);
    }
}

/* There may be such from before that was looked at; and what is stolen has to go. */
TEST(keys_that_two_nodes_share_already_can_be_revoked) {
    DirKey one = { .node = "dsk/3203", .label = "a", .sign = { { 7 } } };
    DirKey two = { .node = "dsk/3204", .label = "a", .sign = { { 7 } } };
    DirKey new = { .node = "dsp/32", .sign = { { 7 } } };
    memset(one.curve, 'a', CURVE_TEXT_SIZE - 1);
    memset(two.curve, 'b', CURVE_TEXT_SIZE - 1);
    memset(new.curve, 'c', CURVE_TEXT_SIZE - 1);
    DirKey edit[] = { one, two, new };
    char why[DIR_WHY_SIZE];
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    ASSERT_OK(directory_add_key(d, &one));
    ASSERT_OK(directory_add_key(d, &two));
    ASSERT_OK(directory_seal(d, 1));
    edit[0].revoked = edit[1].revoked = true;
    ASSERT_OK(directory_owners_check(d, &(DirectoryEdit) { .n_keys = 1, .keys = edit }, why));
    ASSERT_OK(directory_owners_check(d, &(DirectoryEdit) { .n_keys = 2, .keys = edit }, why));
    ASSERT_EQ(directory_owners_check(d, &(DirectoryEdit) { .n_keys = 3, .keys = edit }, why),
              -EINVAL);
    ASSERT_EQ(directory_owners_check(d, &(DirectoryEdit) { .n_keys = 1, .keys = &edit[2] }, why),
              -EINVAL);
}

TEST_MAIN
