/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>

#include "sealed-golden.h"
#include "test.h"

static const Uuid other_id = { { 9 } };

typedef struct Room {
    SealKey keys[3];
    SealPublic publics[3];
    SealBinding of;
    Sealed s;
} Room;

static Bytes text_of(const char *text) {
    return bytes_make(text, strlen(text));
}

static void room_seal(Room *m, Bytes text) {
    size_t bad;
    ASSERT_OK(hash_init());
    *m = (Room) { .of = { .message_id = golden_id, .sender = "dsk/3203" } };
    for (size_t i = 0; i < 3; i++) {
        seal_key_new(&m->keys[i]);
        m->publics[i] = m->keys[i].public;
    }
    ASSERT_OK(seal_text(&m->of, text, m->publics, 3, &m->s, &bad));
}

static void room_clear(Room *m) {
    sealed_deinit(&m->s);
}

/* The verdict; what opens must be wanted. */
static int opens(const Room *m, const SealBinding *of, const SealKey *keys, size_t n,
                 Bytes wanted) {
    _cleanup_(secret_deinit) Secret text = { 0 };
    const int r = seal_open(of, &m->s, keys, n, &text);
    if (r == 0)
        ASSERT_TRUE(bytes_equal(bytes_make(text.p, text.n), wanted));
    else
        assert_null(text.p);
    return r;
}

/* draft-irtf-cfrg-xchacha-03, A.3.1 */
TEST(the_primitive_is_that_of_the_draft) {
    static const char text[] =
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        "future, sunscreen would be it.";
    static const char wanted[] =
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f"
        "4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f"
        "76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";
    static const uint8_t bound[] = { 0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                                     0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7 };
    uint8_t key[32], nonce[24], have[sizeof(text) + 16];
    char hex[2 * sizeof(have) + 1];
    unsigned long long n = 0;
    for (unsigned i = 0; i < 32; i++)
        key[i] = (uint8_t)(0x80 + i);
    for (unsigned i = 0; i < 24; i++)
        nonce[i] = (uint8_t)(0x40 + i);
    ASSERT_OK(crypto_aead_xchacha20poly1305_ietf_encrypt(
        have, &n, (const uint8_t *)text, sizeof(text) - 1, bound, sizeof(bound), NULL, nonce, key));
    ASSERT_STR(sodium_bin2hex(hex, sizeof(hex), have, (size_t)n), wanted);
}

TEST(each_recipient_opens_it) {
    static const char *const texts[] = { "", "x", "Nama: contoh" };
    for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
        _cleanup_(room_clear) Room m;
        room_seal(&m, text_of(texts[t]));
        ASSERT_EQ(m.s.n_wraps, 3);
        for (size_t i = 0; i < 3; i++)
            ASSERT_OK(opens(&m, &m.of, &m.keys[i], 1, text_of(texts[t])));
        ASSERT_OK(opens(&m, &m.of, m.keys, 3, text_of(texts[t])));
    }
}

TEST(a_large_text_comes_back_whole) {
    _cleanup_(room_clear) Room m;
    _cleanup_(freep) uint8_t *text = malloc(1000000);
    randombytes_buf(text, 1000000);
    room_seal(&m, bytes_make(text, 1000000));
    ASSERT_OK(opens(&m, &m.of, &m.keys[2], 1, bytes_make(text, 1000000)));
}

TEST(a_stranger_opens_nothing) {
    _cleanup_(room_clear) Room m;
    SealKey stranger;
    room_seal(&m, text_of("secret"));
    seal_key_new(&stranger);
    ASSERT_EQ(opens(&m, &m.of, &stranger, 1, text_of("")), SEAL_NOT_FOR_US);
    ASSERT_EQ(opens(&m, &m.of, &stranger, 0, text_of("")), SEAL_NOT_FOR_US);
    m.s.wraps[1].key = key_id(stranger.public.b); /* a wrap that says it is his */
    ASSERT_EQ(opens(&m, &m.of, &stranger, 1, text_of("")), SEAL_BROKEN);
}

TEST(two_keys_of_one_id_are_both_tried) {
    _cleanup_(room_clear) Room m;
    room_seal(&m, text_of("secret"));
    m.s.wraps[0].key = m.s.wraps[2].key; /* not for this key, but it says so */
    ASSERT_OK(opens(&m, &m.of, &m.keys[2], 1, text_of("secret")));
}

TEST(it_opens_for_its_message_and_sender_alone) {
    _cleanup_(room_clear) Room m;
    room_seal(&m, text_of("secret"));
    const SealBinding other_message = { .message_id = other_id, .sender = "dsk/3203" };
    const SealBinding senders[] = {
        { golden_id, "dsk/3204" },
        { golden_id, "dsk/320" },
        { golden_id, "" },
        { golden_id, "a-node-id-that-is-longer-than-any-node-id-may-be-in-this-protocol" },
    };
    ASSERT_EQ(opens(&m, &other_message, m.keys, 3, text_of("")), SEAL_BROKEN);
    for (size_t i = 0; i < ARRAY_SIZE(senders); i++)
        ASSERT_EQ(opens(&m, &senders[i], m.keys, 3, text_of("")), SEAL_BROKEN);
}

TEST(a_body_cannot_be_moved_to_another_part) {
    _cleanup_(room_clear) Room m;
    _cleanup_(room_clear) Room n;
    room_seal(&m, text_of("one"));
    room_seal(&n, text_of("two"));
    uint8_t *body = n.s.body;
    n.s.body = m.s.body; /* same sizes, by the padding */
    m.s.body = body;
    ASSERT_EQ(n.s.n_body, m.s.n_body);
    ASSERT_EQ(opens(&n, &n.of, n.keys, 3, text_of("")), SEAL_BROKEN);
    memcpy(n.s.wraps, m.s.wraps, sizeof(n.s.wraps));
    ASSERT_EQ(opens(&n, &n.of, m.keys, 3, text_of("")), SEAL_BROKEN);
}

/* A recipient knows the content key and could wrap it for a message of another id. */
TEST(a_recipient_cannot_carry_the_body_to_another_message) {
    _cleanup_(room_clear) Room m;
    uint8_t text[SEAL_BOX_SIZE - crypto_box_SEALBYTES];
    room_seal(&m, text_of("secret"));
    const SealBinding other = { .message_id = other_id, .sender = m.of.sender };
    SealWrap *w = &m.s.wraps[0], again;
    ASSERT_EQ(seal_wrap_again(&other, &m.s, m.keys, 3, &m.publics[1], &again), SEAL_BROKEN);
    ASSERT_OK(
        crypto_box_seal_open(text, w->box, SEAL_BOX_SIZE, m.keys[0].public.b, m.keys[0].secret));
    assert_memory_equal(text, golden_id.b, UUID_SIZE);
    ASSERT_OK(crypto_box_seal(w->box, text, sizeof(text), m.publics[0].b));
    ASSERT_OK(opens(&m, &m.of, &m.keys[0], 1, text_of("secret"))); /* so far it is well made */
    memcpy(text, other_id.b, UUID_SIZE);
    ASSERT_OK(crypto_box_seal(w->box, text, sizeof(text), m.publics[0].b));
    ASSERT_EQ(opens(&m, &other, &m.keys[0], 1, text_of("")), SEAL_BROKEN);
}

static void flip_all(Room *m, uint8_t *p, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++) {
        p[i] ^= 0x20;
        if (opens(m, &m->of, &m->keys[1], 1, text_of("")) == 0)
            fail_msg("%s: byte %zu may be changed", what, i);
        p[i] ^= 0x20;
    }
}

TEST(every_changed_byte_is_found) {
    _cleanup_(room_clear) Room m;
    room_seal(&m, text_of("secret"));
    flip_all(&m, m.s.nonce, sizeof(m.s.nonce), "nonce");
    flip_all(&m, m.s.commitment, sizeof(m.s.commitment), "commitment");
    flip_all(&m, m.s.wraps[1].key.b, KEY_ID_SIZE, "key id");
    flip_all(&m, m.s.wraps[1].box, SEAL_BOX_SIZE, "box");
    flip_all(&m, m.s.body, m.s.n_body, "body");
    ASSERT_OK(opens(&m, &m.of, &m.keys[1], 1, text_of("secret")));
}

TEST(every_shorter_body_is_found) {
    _cleanup_(room_clear) Room m;
    room_seal(&m, text_of("secret"));
    for (const size_t n = m.s.n_body; m.s.n_body > 0;) {
        m.s.n_body--;
        ASSERT_EQ(opens(&m, &m.of, &m.keys[1], 1, text_of("")), SEAL_BROKEN);
        if (n - m.s.n_body > 64 && m.s.n_body > 40)
            m.s.n_body -= 20;
    }
}

/* What a sender would need to show two recipients two texts: one body, two content keys. */
TEST(a_wrap_with_another_content_key_is_refused) {
    _cleanup_(room_clear) Room m;
    _cleanup_(room_clear) Room n;
    room_seal(&m, text_of("one"));
    room_seal(&n, text_of("two"));
    size_t bad;
    sealed_deinit(&n.s);
    ASSERT_OK(seal_text(&m.of, text_of("two"), m.publics, 3, &n.s, &bad));
    m.s.wraps[1] = n.s.wraps[1]; /* well made, for this message and key */
    ASSERT_OK(opens(&m, &m.of, &m.keys[0], 1, text_of("one")));
    ASSERT_EQ(opens(&m, &m.of, &m.keys[1], 1, text_of("")), SEAL_BROKEN);
}

TEST(whoever_can_open_it_can_wrap_it_for_one_more) {
    _cleanup_(room_clear) Room m;
    SealKey fourth;
    SealWrap w;
    room_seal(&m, text_of("secret"));
    seal_key_new(&fourth);
    ASSERT_EQ(opens(&m, &m.of, &fourth, 1, text_of("")), SEAL_NOT_FOR_US);
    ASSERT_EQ(seal_wrap_again(&m.of, &m.s, &fourth, 1, &fourth.public, &w), SEAL_NOT_FOR_US);
    ASSERT_EQ(seal_wrap_again(&m.of, &m.s, m.keys, 3, &(SealPublic) { 0 }, &w), SEAL_BAD_KEY);
    ASSERT_OK(seal_wrap_again(&m.of, &m.s, &m.keys[2], 1, &fourth.public, &w));
    m.s.wraps[m.s.n_wraps++] = w;
    ASSERT_OK(opens(&m, &m.of, &fourth, 1, text_of("secret")));
    ASSERT_OK(opens(&m, &m.of, &m.keys[0], 1, text_of("secret")));
}

TEST(nothing_is_sealed_to_a_key_that_is_none) {
    _cleanup_(room_clear) Room m;
    Sealed s = { 0 };
    size_t bad = 77;
    room_seal(&m, text_of("secret"));
    m.publics[2] = (SealPublic) { { 1 } }; /* of small order: the box would be open to all */
    ASSERT_EQ(seal_text(&m.of, text_of("x"), m.publics, 3, &s, &bad), SEAL_BAD_KEY);
    ASSERT_EQ(bad, 2);
    assert_null(s.body);
}

TEST(what_is_too_large_is_refused) {
    static SealPublic many[SEAL_WRAPS_MAX + 1];
    static uint8_t text[SEAL_PADDED_MAX];
    const SealBinding of = golden_binding();
    Sealed s = { 0 };
    SealKey k;
    size_t bad;
    seal_key_new(&k);
    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = k.public;
    ASSERT_EQ(seal_text(&of, text_of("x"), many, SEAL_WRAPS_MAX + 1, &s, &bad), SEAL_TOO_LARGE);
    ASSERT_EQ(seal_text(&of, bytes_make(text, sizeof(text)), many, 1, &s, &bad), SEAL_TOO_LARGE);
    ASSERT_OK(seal_text(&of, bytes_make(text, 1032191), many, SEAL_WRAPS_MAX, &s, &bad));
    sealed_deinit(&s);
}

TEST(sizes_are_those_of_padme) {
    static const struct {
        size_t n, padded;
    } wanted[] = { { 0, 512 },     { 511, 512 },       { 512, 544 },
                   { 543, 544 },   { 544, 576 },       { 1000, 1024 },
                   { 4096, 4352 }, { 100000, 100352 }, { 1032191, 1032192 } };
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        ASSERT_EQ(seal_padded_size(wanted[i].n), wanted[i].padded);
    for (size_t n = 0; n < 1032192; n += 1 + n / 100) {
        const size_t padded = seal_padded_size(n);
        ASSERT_TRUE(padded > n && (padded == 512 || (padded - n - 1) * 100 <= 12 * (n + 1)));
        ASSERT_TRUE(padded <= SEAL_PADDED_MAX);
    }
    ASSERT_TRUE(seal_padded_size(1032192) > SEAL_PADDED_MAX);
    ASSERT_TRUE(seal_padded_size(SIZE_MAX) > SEAL_PADDED_MAX);
}

TEST(two_parts_of_one_text_have_nothing_in_common) {
    _cleanup_(room_clear) Room m;
    Sealed again = { 0 };
    size_t bad;
    room_seal(&m, text_of("secret"));
    ASSERT_OK(seal_text(&m.of, text_of("secret"), m.publics, 3, &again, &bad));
    ASSERT_TRUE(memcmp(m.s.nonce, again.nonce, sizeof(again.nonce)) != 0);
    ASSERT_TRUE(memcmp(m.s.commitment, again.commitment, sizeof(again.commitment)) != 0);
    ASSERT_TRUE(memcmp(m.s.wraps[0].box, again.wraps[0].box, SEAL_BOX_SIZE) != 0);
    ASSERT_TRUE(memcmp(m.s.body, again.body, again.n_body) != 0);
    sealed_deinit(&again);
}

TEST_MAIN
