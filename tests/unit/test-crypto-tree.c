/* SPDX-License-Identifier: Apache-2.0 */

/* Trees and the signatures over them. Leaves and shapes are those of the reference implementation
 * of Certificate Transparency (merkle_tree_test.cc), whose trees RFC 6962 and RFC 9162 define; the
 * hashes were made by Python's hashlib with BLAKE2b-256, by a program that gives the published ones
 * with SHA-256. */

#include <sodium.h>

#include "base/crypto-tree.h"
#include "base/hash.h"
#include "base/signature.h"
#include "test.h"

static TreeHash from_hex(const char *hex) {
    TreeHash h;
    size_t got = 0;
    ASSERT_OK(sodium_hex2bin(h.b, sizeof(h.b), hex, strlen(hex), NULL, &got, NULL));
    ASSERT_EQ(got, sizeof(h.b));
    return h;
}

static const char *const ct_inputs[] = { "",
                                         "00",
                                         "10",
                                         "2021",
                                         "3031",
                                         "40414243",
                                         "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f" };
static const char *const ct_roots[] = {
    "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314",
    "607844f4b0299f5c45d63dd035de1f8d697711c7f092b8fa82325f670f6d386a",
    "6ee5d7ded74104b2316b73f9843e14d16d9c5f553a39cbd7da7c3c8238fe0b0e",
    "dad1013557a71536d36ab10db2ea4847bed7ded78aa9d2682ffc0e221e758444",
    "a69507075082f2f7bd0e3e23bd31d7082c4c78ce98d87d897f7990eecf7d6ec5",
    "76840409bd8cc8be20c053d9569472d0bbea7b4f483cd5ae0624ef253c64f227",
    "ae8349a901b95ac305157e4ff4f5cf486653fed085ea4dd59a59c9375682933e",
    "59cc7108743d34853ea37ea07558da3407712c7f0fdb76e59753eb243e0c438e",
};
static const struct {
    size_t index, size, n;
    const char *path[3];
} ct_paths[] = {
    { 0, 1, 0, { 0 } },
    { 0,
      8,
      3,
      { "9ee6dfb61a2fb903df487c401663825643bb825d41695e63df8af6162ab145a6",
        "4410d256c615d5be5efd88bfe791098db5ef8adc6e4b6d5950ce34f9fbbfc83d",
        "b0932ab3e3f71f186a2a2b9247eff0a6e3d8693b2836284645743bcb34c823aa" } },
    { 5,
      8,
      3,
      { "3234371fe31af918988719ccf80cc04c639e69fee40c584ca7d63b5bdb352197",
        "f4b02aedb9eca168d47f50db39a464a01d57961153f2708878e45cf3d3d17ae4",
        "dad1013557a71536d36ab10db2ea4847bed7ded78aa9d2682ffc0e221e758444" } },
    { 2, 3, 1, { "607844f4b0299f5c45d63dd035de1f8d697711c7f092b8fa82325f670f6d386a" } },
    { 1,
      5,
      3,
      { "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314",
        "4410d256c615d5be5efd88bfe791098db5ef8adc6e4b6d5950ce34f9fbbfc83d",
        "3234371fe31af918988719ccf80cc04c639e69fee40c584ca7d63b5bdb352197" } },
};

static void ct_leaves(TreeHash ret[static 8]) {
    for (size_t i = 0; i < 8; i++) {
        uint8_t bytes[16];
        size_t n = 0;
        ASSERT_OK(sodium_hex2bin(bytes, sizeof(bytes), ct_inputs[i], strlen(ct_inputs[i]), NULL, &n,
                                 NULL));
        ret[i] = tree_leaf(bytes_make(bytes, n));
    }
}

TEST(roots_are_those_of_another_program) {
    TreeHash leaves[8];
    ASSERT_OK(hash_init());
    ct_leaves(leaves);
    for (size_t n = 1; n <= 8; n++) {
        Tree t;
        ASSERT_OK(tree_init(&t, leaves, n));
        const TreeHash have = tree_root(&t), wanted = from_hex(ct_roots[n - 1]);
        assert_memory_equal(&have, &wanted, sizeof(have));
        tree_deinit(&t);
    }
}

TEST(paths_are_those_of_another_program_and_lead_to_the_roots) {
    TreeHash leaves[8], path[TREE_PATH_MAX], root;
    ct_leaves(leaves);
    for (size_t i = 0; i < ARRAY_SIZE(ct_paths); i++) {
        Tree t;
        ASSERT_OK(tree_init(&t, leaves, ct_paths[i].size));
        ASSERT_EQ(tree_path(&t, ct_paths[i].index, path), ct_paths[i].n);
        for (size_t k = 0; k < ct_paths[i].n; k++) {
            const TreeHash wanted = from_hex(ct_paths[i].path[k]);
            ASSERT_TRUE(tree_hash_equal(&path[k], &wanted));
        }
        const TreeHash wanted = from_hex(ct_roots[ct_paths[i].size - 1]);
        ASSERT_TRUE(tree_root_by_path(&leaves[ct_paths[i].index], ct_paths[i].index,
                                      ct_paths[i].size, path, ct_paths[i].n, &root));
        ASSERT_TRUE(tree_hash_equal(&root, &wanted));
        tree_deinit(&t);
    }
}

/* MTH as RFC 9162, 2.1.1 says it. */
static TreeHash recursive_root(const TreeHash *leaves, size_t n) {
    if (n == 1)
        return leaves[0];
    size_t k = 1;
    while (k * 2 < n)
        k *= 2;
    const TreeHash left = recursive_root(leaves, k), right = recursive_root(leaves + k, n - k);
    uint8_t text[65] = { 1 };
    memcpy(text + 1, left.b, 32);
    memcpy(text + 33, right.b, 32);
    TreeHash h;
    hash_digest(bytes_make(text, sizeof(text)), h.b);
    return h;
}

static void numbered_leaves(TreeHash *ret, size_t n) {
    for (uint32_t i = 0; i < n; i++)
        ret[i] = tree_leaf(bytes_make(&i, sizeof(i)));
}

TEST(every_leaf_of_every_tree_proves_itself) {
    static TreeHash leaves[TREE_LEAVES_MAX];
    static const size_t large[] = { 127, 128, 129, 1000, 1023, TREE_LEAVES_MAX };
    numbered_leaves(leaves, TREE_LEAVES_MAX);
    for (size_t round = 1; round <= 70 + ARRAY_SIZE(large); round++) {
        const size_t n = round <= 70 ? round : large[round - 71];
        const TreeHash wanted = recursive_root(leaves, n);
        Tree t;
        ASSERT_OK(tree_init(&t, leaves, n));
        TreeHash root = tree_root(&t), path[TREE_PATH_MAX];
        ASSERT_TRUE(tree_hash_equal(&root, &wanted));
        for (size_t i = 0; i < n; i++) {
            const size_t n_path = tree_path(&t, i, path);
            ASSERT_TRUE(n_path <= TREE_PATH_MAX);
            ASSERT_TRUE(tree_root_by_path(&leaves[i], i, n, path, n_path, &root));
            ASSERT_TRUE(tree_hash_equal(&root, &wanted));
        }
        tree_deinit(&t);
    }
}

static bool leads_to(const TreeHash *leaf, uint64_t index, uint64_t size, const TreeHash *path,
                     size_t n, const TreeHash *root) {
    TreeHash have;
    return tree_root_by_path(leaf, index, size, path, n, &have) && tree_hash_equal(&have, root);
}

TEST(another_leaf_place_size_or_path_leads_elsewhere) {
    enum { N = 13 };
    TreeHash leaves[N], path[TREE_PATH_MAX + 1];
    numbered_leaves(leaves, N);
    Tree t;
    ASSERT_OK(tree_init(&t, leaves, N));
    const TreeHash root = tree_root(&t);
    for (size_t i = 0; i < N; i++) {
        const size_t n = tree_path(&t, i, path);
        path[n] = path[0];
        for (size_t k = 0; k < N; k++) {
            ASSERT_EQ(leads_to(&leaves[k], i, N, path, n, &root), k == i);
            ASSERT_EQ(leads_to(&leaves[i], k, N, path, n, &root), k == i);
        }
        ASSERT_TRUE(!leads_to(&leaves[i], N, N, path, n, &root));
        ASSERT_TRUE(!leads_to(&leaves[i], UINT64_MAX, UINT64_MAX, path, n, &root));
        ASSERT_TRUE(!leads_to(&leaves[i], i, 0, path, n, &root));
        ASSERT_TRUE(!leads_to(&leaves[i], i, N, path, n - 1, &root));
        TreeHash none;
        ASSERT_TRUE(!tree_root_by_path(&leaves[i], i, N, path, n + 1, &none)); /* to no root */
        for (size_t byte = 0; byte < n * TREE_HASH_SIZE; byte++) {
            path[byte / TREE_HASH_SIZE].b[byte % TREE_HASH_SIZE] ^= 1;
            ASSERT_TRUE(!leads_to(&leaves[i], i, N, path, n, &root));
            path[byte / TREE_HASH_SIZE].b[byte % TREE_HASH_SIZE] ^= 1;
        }
    }
    tree_deinit(&t);
    ASSERT_TRUE(leads_to(&root, 0, 1, path, 0, &root)); /* a tree of one */
}

/* --- signatures --- */

static SignKey counting_key(void) {
    uint8_t seed[SIGN_SEED_SIZE];
    SignKey k;
    for (unsigned i = 0; i < sizeof(seed); i++)
        seed[i] = (uint8_t)i;
    sign_key_from_seed(seed, &k);
    return k;
}

/* Made by Python's cryptography and hashlib from PROTOCOL.md. */
TEST(the_signature_of_three_envelopes_is_the_one_others_make) {
    static const char wanted[] = "b871a4438aac3df4ccfa8e1285e18ae3ad03055052b6d02d6ef4f6128b819a99"
                                 "5d60a5bfe625453990e3cb324a81df7df0859ba54d92a235808591869f000501";
    const Bytes envelopes[] = { bytes_make("a", 1), bytes_make("bc", 2), bytes_make(NULL, 0) };
    const TreeHash root =
        from_hex("ee764931b8c6830942af6057fd31399636eca78694cf6f28af6d3dc6b6c39d07");
    const SignKey k = counting_key();
    Signature s[3];
    char have[2 * SIGNATURE_SIZE + 1];
    ASSERT_OK(signature_make(&k, envelopes, 3, s));
    for (size_t i = 0; i < 3; i++) {
        SignedHead head;
        ASSERT_STR(sodium_bin2hex(have, sizeof(have), s[i].bytes, SIGNATURE_SIZE), wanted);
        ASSERT_EQ(s[i].index, i);
        ASSERT_EQ(s[i].size, 3);
        ASSERT_EQ(s[i].n_path, i == 2 ? 1 : 2);
        ASSERT_TRUE(signature_head(&s[i], envelopes[i], &head));
        ASSERT_TRUE(tree_hash_equal(&head.root, &root));
        ASSERT_TRUE(signature_holds(&s[i], envelopes[i], &k.public));
        ASSERT_TRUE(!signature_holds(&s[i], envelopes[(i + 1) % 3], &k.public));
    }
}

TEST(each_envelope_of_a_batch_carries_its_own_proof) {
    enum { N = 64 };
    static Signature s[N];
    char text[N][16];
    Bytes envelopes[N];
    SignKey k, other;
    sign_key_new(&k);
    sign_key_new(&other);
    for (unsigned i = 0; i < N; i++) {
        snprintf(text[i], sizeof(text[i]), "envelope %u", i);
        envelopes[i] = bytes_make(text[i], strlen(text[i]));
    }
    for (size_t n = 1; n <= N; n += 9) {
        ASSERT_OK(signature_make(&k, envelopes, n, s));
        for (size_t i = 0; i < n; i++) {
            ASSERT_TRUE(signature_holds(&s[i], envelopes[i], &k.public));
            ASSERT_TRUE(!signature_holds(&s[i], envelopes[i], &other.public));
            text[i][0] = 'E';
            ASSERT_TRUE(!signature_holds(&s[i], envelopes[i], &k.public));
            text[i][0] = 'e';
        }
    }
}

TEST(a_signature_out_of_its_bounds_is_none) {
    const Bytes envelope = bytes_make("e", 1);
    const SignKey k = counting_key();
    Signature s, bad;
    ASSERT_OK(signature_make(&k, &envelope, 1, &s));
    ASSERT_TRUE(signature_holds(&s, envelope, &k.public));
    ASSERT_EQ(s.n_path, 0);
    bad = s;
    bad.size = 0;
    ASSERT_TRUE(!signature_holds(&bad, envelope, &k.public));
    bad = s;
    bad.size = 2; /* the size is signed */
    ASSERT_TRUE(!signature_holds(&bad, envelope, &k.public));
    bad = s;
    bad.index = 1;
    ASSERT_TRUE(!signature_holds(&bad, envelope, &k.public));
    bad = s;
    bad.n_path = UINT32_MAX;
    ASSERT_TRUE(!signature_holds(&bad, envelope, &k.public));
    bad = s;
    bad.size = UINT32_MAX;
    ASSERT_TRUE(!signature_holds(&bad, envelope, &k.public));
    for (size_t i = 0; i < SIGNATURE_SIZE; i++) {
        bad = s;
        bad.bytes[i] ^= 1;
        ASSERT_TRUE(!signature_holds(&bad, envelope, &k.public));
    }
}

/* An inner node shown as an envelope, or an envelope as an inner node. */
TEST(a_node_of_the_tree_is_no_envelope) {
    const Bytes envelopes[] = { bytes_make("a", 1), bytes_make("b", 1) };
    const SignKey k = counting_key();
    Signature s[2];
    ASSERT_OK(signature_make(&k, envelopes, 2, s));
    const TreeHash a = tree_leaf(envelopes[0]), b = tree_leaf(envelopes[1]);
    uint8_t inner[64];
    memcpy(inner, a.b, 32);
    memcpy(inner + 32, b.b, 32);
    s[0].size = 1;
    s[0].n_path = 0;
    ASSERT_TRUE(!signature_holds(&s[0], bytes_make(inner, sizeof(inner)), &k.public));
}

TEST_MAIN
