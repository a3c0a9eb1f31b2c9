/* SPDX-License-Identifier: Apache-2.0 */

/* Trees and the signatures over them. The vectors are those of the reference implementation of
 * Certificate Transparency (merkle_tree_test.cc), whose trees RFC 6962 and RFC 9162 define. */

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
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};
static const struct {
    size_t index, size, n;
    const char *path[3];
} ct_paths[] = {
    { 0, 1, 0, { 0 } },
    { 0,
      8,
      3,
      { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
    { 5,
      8,
      3,
      { "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
    { 2, 3, 1, { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" } },
    { 1,
      5,
      3,
      { "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
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

TEST(roots_are_the_published_ones) {
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

TEST(paths_are_the_published_ones_and_lead_to_the_roots) {
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
    (void)crypto_hash_sha256(h.b, text, sizeof(text));
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
    static const char wanted[] = "5b9f38401732ae70e3d2756f6c7147b7df66bc816a2d9d0fe67acc0ba6180144"
                                 "8dbe3c3ac11bc709e2dc356c4f330750648dd1216bb591ff1936c8e028c15f0b";
    const Bytes envelopes[] = { bytes_make("a", 1), bytes_make("bc", 2), bytes_make(NULL, 0) };
    const TreeHash root =
        from_hex("6015403706ae97dcea776e594364d037bbafc168547028106301c9ef9742b0e6");
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
