/* SPDX-License-Identifier: Apache-2.0 */

#include <sodium.h>

#include "base/crypto-sign.h"
#include "base/hash.h"
#include "base/secret.h"
#include "test.h"

static void from_hex(const char *hex, uint8_t *ret, size_t n) {
    size_t got = 0;
    ASSERT_OK(sodium_hex2bin(ret, n, hex, strlen(hex), NULL, &got, NULL));
    ASSERT_EQ(got, n);
}

static SignKey key_of(const char *seed_hex) {
    uint8_t seed[SIGN_SEED_SIZE];
    SignKey k;
    from_hex(seed_hex, seed, sizeof(seed));
    sign_key_from_seed(seed, &k);
    return k;
}

/* RFC 8032, 7.1: TEST 1, 2, 3, 1024 (its key only) and SHA(abc). */
static const struct {
    const char *seed, *public, *message, *signature;
} rfc_8032[] = {
    { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
      "1cf9b46bd25bf5f0595bbe24655141438e7a100b" },
    { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
      "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
      "984dc6594a7c15e9716ed28dc027beceea1ec40a" },
    { "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
      "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
      "a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c6"
      "6431e0303dca179c138ac17ad9bef1177331a704" },
};

TEST(keys_and_the_primitive_are_those_of_rfc_8032) {
    ASSERT_OK(hash_init());
    for (size_t i = 0; i < ARRAY_SIZE(rfc_8032); i++) {
        uint8_t public[PUBLIC_KEY_SIZE], wanted[SIGNATURE_SIZE], have[SIGNATURE_SIZE], text[64];
        const SignKey k = key_of(rfc_8032[i].seed);
        const size_t n = strlen(rfc_8032[i].message) / 2;
        from_hex(rfc_8032[i].public, public, sizeof(public));
        from_hex(rfc_8032[i].signature, wanted, sizeof(wanted));
        from_hex(rfc_8032[i].message, text, n);
        assert_memory_equal(k.public.b, public, sizeof(public));
        (void)crypto_sign_detached(have, NULL, text, n, k.secret);
        assert_memory_equal(have, wanted, sizeof(wanted));
        ASSERT_TRUE(sign_key_is_whole(&k));
    }
}

TEST(what_is_signed_is_spaces_label_zero_and_content) {
    static const char text[] = "                                                                "
                               "a label\0content";
    uint8_t have[SIGNATURE_SIZE], wanted[SIGNATURE_SIZE];
    const SignKey k = key_of(rfc_8032[0].seed);
    sign_content(&k, "a label", bytes_make("content", 7), have);
    (void)crypto_sign_detached(wanted, NULL, (const uint8_t *)text, sizeof(text) - 1, k.secret);
    assert_memory_equal(have, wanted, sizeof(wanted));
}

TEST(a_signature_holds_for_its_label_content_and_key_alone) {
    uint8_t s[SIGNATURE_SIZE], content[40] = "content";
    const Bytes c = bytes_make(content, sizeof(content));
    SignKey k, other;
    sign_key_new(&k);
    sign_key_new(&other);
    sign_content(&k, "label", c, s);
    ASSERT_TRUE(sign_holds(&k.public, "label", c, s));
    ASSERT_TRUE(!sign_holds(&other.public, "label", c, s));
    ASSERT_TRUE(!sign_holds(&k.public, "labem", c, s));
    ASSERT_TRUE(!sign_holds(&k.public, "labe", c, s));
    ASSERT_TRUE(!sign_holds(&k.public, "label", bytes_make(content, sizeof(content) - 1), s));
    for (size_t i = 0; i < sizeof(content); i++) {
        content[i] ^= 1;
        ASSERT_TRUE(!sign_holds(&k.public, "label", c, s));
        content[i] ^= 1;
    }
    for (size_t i = 0; i < sizeof(s); i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            s[i] ^= (uint8_t)(1U << bit);
            ASSERT_TRUE(!sign_holds(&k.public, "label", c, s));
            s[i] ^= (uint8_t)(1U << bit);
        }
    for (size_t i = 0; i < PUBLIC_KEY_SIZE; i++) {
        k.public.b[i] ^= 0x10;
        ASSERT_TRUE(!sign_holds(&k.public, "label", c, s));
        k.public.b[i] ^= 0x10;
    }
    ASSERT_TRUE(sign_holds(&k.public, "label", c, s));
}

/* S + L is the same number modulo L: a second signature that would verify (RFC 8032, 8.4). */
TEST(a_signature_has_one_form) {
    static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                       0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                       0,    0,    0,    0,    0,    0,    0,    0,
                                       0,    0,    0,    0,    0,    0,    0,    0x10 };
    uint8_t s[SIGNATURE_SIZE];
    const Bytes c = bytes_make("content", 7);
    SignKey k;
    sign_key_new(&k);
    sign_content(&k, "label", c, s);
    sodium_add(s + 32, order, sizeof(order));
    ASSERT_TRUE(!sign_holds(&k.public, "label", c, s));
}

/* With a key of small order anything would be signed by anybody. */
TEST(keys_of_small_order_sign_nothing) {
    static const uint8_t ones[][32] = { { 0 }, { 1 } };
    for (size_t i = 0; i < ARRAY_SIZE(ones); i++) {
        SignPublic public;
        uint8_t s[SIGNATURE_SIZE] = { 0 };
        memcpy(public.b, ones[i], sizeof(public.b));
        memcpy(s, ones[i], 32);
        ASSERT_TRUE(!sign_holds(&public, "label", bytes_make("content", 7), s));
    }
}

TEST(halves_of_two_keys_are_no_key) {
    SignKey k, other;
    SealKey s, t;
    sign_key_new(&k);
    sign_key_new(&other);
    ASSERT_TRUE(sign_key_is_whole(&k));
    k.public = other.public;
    ASSERT_TRUE(!sign_key_is_whole(&k));
    memcpy(k.secret + 32, other.public.b, 32); /* both copies, but of another seed */
    ASSERT_TRUE(!sign_key_is_whole(&k));
    seal_key_new(&s);
    seal_key_new(&t);
    ASSERT_TRUE(seal_key_is_whole(&s));
    s.public = t.public;
    ASSERT_TRUE(!seal_key_is_whole(&s));
    ASSERT_TRUE(public_key_is_set(t.public.b));
    ASSERT_TRUE(!public_key_is_set((SealPublic) { 0 }.b));
}

TEST(a_key_id_is_the_beginning_of_its_digest) {
    static const KeyId wanted = { { 0x9d, 0x24, 0xe2, 0xee, 0xaf, 0x27, 0xc2, 0xa0 } };
    const SignKey k = key_of("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    const KeyId id = key_id(k.public.b);
    ASSERT_TRUE(key_id_equal(&id, &wanted));
    const KeyId other = key_id(key_of(rfc_8032[0].seed).public.b);
    ASSERT_TRUE(!key_id_equal(&other, &wanted));
}

TEST(secrets_are_wiped) {
    uint8_t text[64];
    memset(text, 'x', sizeof(text));
    secret_lock(text, sizeof(text));
    ASSERT_TRUE(text[5] == 'x' && !secret_equal(text, "yyyy", 4) && secret_equal(text, "xxxx", 4));
    secret_unlock(text, sizeof(text));
    for (size_t i = 0; i < sizeof(text); i++)
        ASSERT_EQ(text[i], 0);
    Secret s = { 0 };
    ASSERT_OK(secret_init(&s, 0));
    secret_deinit(&s);
    secret_deinit(&s);
    assert_null(s.p);
}

TEST_MAIN
