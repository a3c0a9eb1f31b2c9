/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What signing and sealing cost, in microseconds each, on one core:
 *
 *   bench-crypto [SECONDS]     for each line, default 1
 *
 * Envelopes of 300 bytes; a text of 4 KiB for three recipients. "tree of 64" is one envelope of a
 * batch of 64: its share of the tree and of the one signature; its check without and with a head
 * that was checked before. Not a test: nothing is asserted about the speed.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/crypto-seal.h"
#include "base/hash.h"
#include "base/signature.h"
#include "wire/codec.h"

#define BATCH      64U
#define RECIPIENTS 3U

typedef struct World {
    SignKey sign;
    SealKey keys[RECIPIENTS];
    SealPublic publics[RECIPIENTS];
    uint8_t envelope[300], text[4096];
    Bytes envelopes[BATCH];
    Signature one, batch[BATCH];
    SealBinding binding;
    Sealed sealed;
    Bytes part;
} World;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(bool done, const char *what) {
    if (!done) {
        fprintf(stderr, "bench-crypto: %s\n", what);
        exit(1);
    }
}

static Bytes envelope(World *w) {
    return bytes_make(w->envelope, sizeof(w->envelope));
}

static void sign_one(World *w) {
    const Bytes e = envelope(w);
    must(signature_make(&w->sign, &e, 1, &w->one) == 0, "sign");
}

static void check_one(World *w) {
    must(signature_holds(&w->one, envelope(w), &w->sign.public), "check");
}

static void sign_batch(World *w) {
    must(signature_make(&w->sign, w->envelopes, BATCH, w->batch) == 0, "sign");
}

static void check_in_batch(World *w) {
    must(signature_holds(&w->batch[37], w->envelopes[37], &w->sign.public), "check");
}

static void check_known_head(World *w) {
    SignedHead head;
    must(signature_head(&w->batch[37], w->envelopes[37], &head), "head");
}

static void seal(World *w) {
    size_t bad;
    sealed_deinit(&w->sealed);
    must(seal_text(&w->binding, bytes_make(w->text, sizeof(w->text)), w->publics, RECIPIENTS,
                   &w->sealed, &bad) == 0,
         "seal");
}

static void open_sealed(World *w) {
    _cleanup_(secret_deinit) Secret text = { 0 };
    must(seal_open(&w->binding, &w->sealed, &w->keys[2], 1, &text) == 0, "open");
}

static void wrap_again(World *w) {
    SealWrap wrap;
    must(seal_wrap_again(&w->binding, &w->sealed, &w->keys[0], 1, &w->publics[1], &wrap) == 0,
         "wrap");
}

static void encode_part(World *w) {
    uint8_t *p = NULL;
    size_t n = 0;
    free((void *)w->part.p);
    must(codec_encode_sealed(&w->sealed, &p, &n) == 0, "encode");
    w->part = bytes_make(p, n);
}

static void decode_part(World *w) {
    _cleanup_(sealed_deinit) Sealed s = { 0 };
    const char *why;
    must(codec_decode_sealed(w->part, &s, &why) == 0, "decode");
}

static void measure(World *w, const char *what, void (*once)(World *), unsigned share,
                    double length) {
    unsigned long n = 0;
    once(w);
    const double start = seconds();
    double now = start;
    for (; now - start < length; now = seconds())
        for (unsigned i = 0; i < 16; i++, n++)
            once(w);
    printf("%-44s %9.2f\n", what, 1e6 * (now - start) / (double)n / share);
}

static void world_make(World *w) {
    must(hash_init() == 0, "libsodium");
    sign_key_new(&w->sign);
    for (unsigned i = 0; i < RECIPIENTS; i++) {
        seal_key_new(&w->keys[i]);
        w->publics[i] = w->keys[i].public;
    }
    random_fill(w->envelope, sizeof(w->envelope));
    random_fill(w->text, sizeof(w->text));
    for (unsigned i = 0; i < BATCH; i++)
        w->envelopes[i] = envelope(w);
    w->binding = (SealBinding) { .sender = "dsk/3203" };
    random_fill(w->binding.message_id.b, UUID_SIZE);
}

int main(int argc, char **argv) {
    static World w;
    const double length = argc > 1 ? strtod(argv[1], NULL) : 1;
    world_make(&w);
    printf("%-44s %9s\n", "", "us");
    measure(&w, "sign one envelope", sign_one, 1, length);
    measure(&w, "check it", check_one, 1, length);
    measure(&w, "sign in a tree of 64, each", sign_batch, BATCH, length);
    measure(&w, "check one of 64", check_in_batch, 1, length);
    measure(&w, "check one of 64, head known", check_known_head, 1, length);
    measure(&w, "seal 4 KiB for 3", seal, 1, length);
    measure(&w, "open it", open_sealed, 1, length);
    measure(&w, "wrap it for one more", wrap_again, 1, length);
    measure(&w, "encode the sealed part", encode_part, 1, length);
    measure(&w, "decode it", decode_part, 1, length);
    return 0;
}
