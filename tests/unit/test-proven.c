/* SPDX-License-Identifier: Apache-2.0 */

/* Remembered trees: the same verdict as checking each signature for itself, for fewer operations.
 */

#include "base/hash.h"
#include "base/proven.h"
#include "test.h"

#define N 300U

typedef struct Batch {
    SignKey key;
    uint8_t text[N][8];
    Bytes envelopes[N];
    Signature made[N];
} Batch;

static void batch_make(Batch *b, size_t n, uint8_t seed) {
    uint8_t bytes[SIGN_SEED_SIZE] = { seed };
    sign_key_from_seed(bytes, &b->key);
    for (size_t i = 0; i < n; i++) {
        memcpy(b->text[i], &i, sizeof(i));
        b->envelopes[i] = bytes_make(b->text[i], sizeof(b->text[i]));
    }
    ASSERT_OK(signature_make(&b->key, b->envelopes, n, b->made));
}

static bool holds(Proven *p, const Batch *b, size_t i) {
    return proven_holds(p, &b->made[i], b->envelopes[i], &b->key.public);
}

TEST(one_operation_proves_all_leaves_of_a_tree_in_any_order) {
    static const size_t sizes[] = { 1, 2, 3, 5, 7, 8, 100, 255, 256, 257, N };
    static Batch b;
    for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
        _cleanup_(proven_freep) Proven *p = NULL;
        const size_t n = sizes[k];
        ASSERT_OK(proven_new(&p));
        batch_make(&b, n, (uint8_t)k);
        for (size_t i = 0; i < n; i++)
            ASSERT_TRUE(holds(p, &b, i));
        for (size_t i = n; i-- > 0;)
            ASSERT_TRUE(holds(p, &b, i));
        for (size_t i = 0; i < 5 * n; i++)
            ASSERT_TRUE(holds(p, &b, i * 7919 % n));
        ASSERT_EQ(proven_checks(p), 1);
    }
}

TEST(a_tree_is_known_when_a_leaf_of_it_was_found_good) {
    _cleanup_(proven_freep) Proven *p = NULL;
    static Batch b;
    ASSERT_OK(proven_new(&p));
    batch_make(&b, 3, 1);
    const SignPublic *key = &b.key.public;
    assert_false(proven_knows(p, &b.made[0], key));
    Signature bad = b.made[0];
    bad.bytes[40] ^= 1;
    assert_false(proven_holds(p, &bad, b.envelopes[0], key));
    assert_false(proven_knows(p, &bad, key));
    ASSERT_TRUE(holds(p, &b, 0));
    ASSERT_TRUE(proven_knows(p, &b.made[2], key));
    assert_false(proven_knows(p, &bad, key));
    Signature larger = b.made[2];
    larger.size++;
    assert_false(proven_knows(p, &larger, key));
}

/* Whatever is changed, both ways of checking say the same. */
static void change(Signature *s, unsigned what, uint32_t i) {
    switch (what) {
    case 0:
        s->bytes[i % SIGNATURE_SIZE] ^= 1;
        break;
    case 1:
        s->index = (s->index + 1 + i) % (s->size + 2);
        break;
    case 2:
        s->size = (s->size + i) % (TREE_LEAVES_MAX + 3);
        break;
    case 3:
        s->path[i % TREE_PATH_MAX].b[i % TREE_HASH_SIZE] ^= 0x80;
        break;
    case 4:
        s->n_path = (s->n_path + i) % (TREE_PATH_MAX + 1);
        break;
    case 5:
        s->path[0] = s->path[1];
        break;
    default:
        s->key.b[0] ^= 1;
    }
}

TEST(a_changed_signature_fails_with_a_remembered_tree_as_without) {
    static Batch b;
    _cleanup_(proven_freep) Proven *p = NULL;
    ASSERT_OK(proven_new(&p));
    batch_make(&b, N, 9);
    ASSERT_TRUE(holds(p, &b, 17));
    unsigned n_good = 0;
    for (unsigned what = 0; what < 7; what++)
        for (uint32_t i = 0; i < 200; i++) {
            const size_t at = (i * 31 + what) % N;
            Signature s = b.made[at];
            change(&s, what, i);
            const bool good = signature_holds(&s, b.envelopes[at], &b.key.public);
            if (proven_holds(p, &s, b.envelopes[at], &b.key.public) != good)
                fail_msg("change %u, %u of leaf %zu: not the same verdict", what, i, at);
            n_good += good;
            ASSERT_TRUE(holds(p, &b, (at + 1) % N)); /* and nothing was learnt from it */
        }
    ASSERT_TRUE(n_good < 300); /* a changed path beyond its end, a changed hint: those only */
}

TEST(another_envelope_or_key_fails_with_a_remembered_tree) {
    static Batch b, other;
    _cleanup_(proven_freep) Proven *p = NULL;
    ASSERT_OK(proven_new(&p));
    batch_make(&b, N, 1);
    batch_make(&other, N, 2);
    ASSERT_TRUE(holds(p, &b, 0));
    ASSERT_TRUE(!proven_holds(p, &b.made[1], b.envelopes[2], &b.key.public));
    ASSERT_TRUE(!proven_holds(p, &b.made[0], b.envelopes[1], &b.key.public));
    ASSERT_TRUE(!proven_holds(p, &b.made[1], b.envelopes[1], &other.key.public));
    ASSERT_TRUE(!proven_holds(p, &other.made[1], b.envelopes[1], &b.key.public));
    ASSERT_TRUE(holds(p, &b, 1));
}

TEST(the_rest_of_the_path_is_compared_where_a_leaf_meets_a_proven_node) {
    static Batch b;
    _cleanup_(proven_freep) Proven *p = NULL;
    ASSERT_OK(proven_new(&p));
    batch_make(&b, 256, 3);
    ASSERT_TRUE(holds(p, &b, 0));
    Signature s = b.made[1]; /* meets the trail of leaf 0 at once */
    s.path[s.n_path - 1].b[0] ^= 1;
    ASSERT_TRUE(!proven_holds(p, &s, b.envelopes[1], &b.key.public));
    s = b.made[1];
    s.n_path--;
    ASSERT_TRUE(!proven_holds(p, &s, b.envelopes[1], &b.key.public));
    ASSERT_TRUE(holds(p, &b, 1));
}

TEST(more_trees_than_are_remembered_cost_operations_and_nothing_else) {
    static Batch b;
    _cleanup_(proven_freep) Proven *p = NULL;
    ASSERT_OK(proven_new(&p));
    for (unsigned round = 0; round < 2; round++)
        for (unsigned seed = 0; seed < 256; seed++) {
            batch_make(&b, 2, (uint8_t)seed);
            ASSERT_TRUE(holds(p, &b, 1));
            ASSERT_TRUE(holds(p, &b, 0));
        }
    ASSERT_TRUE(proven_checks(p) >= 256 && proven_checks(p) <= 1024);
}

TEST_MAIN
