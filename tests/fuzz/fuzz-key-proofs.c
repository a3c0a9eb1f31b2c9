/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An answer of directory-keys, as its first byte says taken as KeyProofs (even) or as the facts of
 * a request for a wrap or of an answer to one (odd). What could be read is written as bytes that
 * say the same; no head that the fuzzer makes holds.
 */

#include <errno.h>

#include "base/hash.h"
#include "fuzz/fuzz.h"
#include "wire/codec.h"

static void try_proofs(Bytes b) {
    KeyProofs first = { 0 }, second = { 0 };
    uint8_t *p = NULL;
    size_t n = 0;
    const char *why = NULL;
    const int r = codec_decode_key_proofs(b, &first, &why);
    FUZZ_CHECK(r != -ENOMEM && (r == 0) == (why == NULL));
    FUZZ_CHECK((r == 0) == (first.proofs != NULL));
    if (r != 0)
        return;
    SignKey hub;
    const uint8_t seed[SIGN_SEED_SIZE] = { 1 };
    sign_key_from_seed(seed, &hub);
    FUZZ_CHECK(!first.has_head || !directory_head_holds(&first.head, &hub.public));
    FUZZ_CHECK(first.n <= KEY_PROOFS_MAX);
    FUZZ_CHECK(codec_encode_key_proofs(&first, &p, &n) == 0);
    FUZZ_CHECK(codec_decode_key_proofs(bytes_make(p, n), &second, &why) == 0);
    FUZZ_CHECK(first.n == second.n && first.has_head == second.has_head);
    FUZZ_CHECK(memcmp(&first.head, &second.head, sizeof(first.head)) == 0);
    for (uint32_t i = 0; i < first.n; i++) {
        DirRecord record;
        FUZZ_CHECK(bytes_equal(first.proofs[i].record, second.proofs[i].record));
        FUZZ_CHECK(first.proofs[i].n_path <= DIRECTORY_PATH_MAX);
        FUZZ_CHECK(record_proof_holds(&first.proofs[i], &first.head) ==
                   record_proof_holds(&second.proofs[i], &second.head));
        FUZZ_CHECK(codec_decode_record(first.proofs[i].record, &record, &why) != -ENOMEM);
    }
    key_proofs_deinit(&first);
    key_proofs_deinit(&second);
    free(p);
}

static void try_request(Bytes b) {
    static WrapRequest first, second;
    const char *why = NULL;
    first = second = (WrapRequest) { 0 };
    const int r = codec_decode_wrap_request(b, &first, &why);
    FUZZ_CHECK(r != -ENOMEM && (r == 0) == (why == NULL) && (r == 0) == (first.bytes != NULL));
    if (r != 0)
        return;
    first.id = first.message_id;
    memcpy(first.to, "dsk/3203", 9);
    Body *body = codec_encode_wrap_request(&first, "upt/satria");
    FUZZ_CHECK(body != NULL);
    FUZZ_CHECK(codec_decode_wrap_request(body_facts(body), &second, &why) == 0);
    FUZZ_CHECK(first.n_wraps == second.n_wraps && first.n_wraps <= SEAL_WRAPS_MAX);
    FUZZ_CHECK(bytes_equal(first.envelope, second.envelope) &&
               bytes_equal(first.signature, second.signature));
    FUZZ_CHECK(memcmp(first.wraps, second.wraps, first.n_wraps * sizeof(SealWrap)) == 0);
    wrap_request_deinit(&first);
    wrap_request_deinit(&second);
    (void)body_unref(body);
}

static void try_wraps(Bytes b) {
    static SealWraps first, second;
    uint8_t commitment[SEAL_COMMITMENT_SIZE], *p = NULL;
    size_t n = 0;
    const char *why = NULL;
    FUZZ_CHECK(codec_sealed_wraps(b, commitment, first.list) <= SEAL_WRAPS_MAX);
    const int r = codec_decode_seal_wraps(b, &first, &why);
    FUZZ_CHECK(r != -ENOMEM && (r == 0) == (why == NULL));
    if (r != 0)
        return;
    FUZZ_CHECK(codec_encode_seal_wraps(&first, &p, &n) == 0);
    FUZZ_CHECK(codec_decode_seal_wraps(bytes_make(p, n), &second, &why) == 0);
    FUZZ_CHECK(first.n == second.n && uuid_equal(&first.message_id, &second.message_id));
    FUZZ_CHECK(memcmp(first.list, second.list, first.n * sizeof(SealWrap)) == 0);
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    FUZZ_CHECK(hash_init() == 0);
    if (n == 0)
        return 0;
    const Bytes rest = bytes_make(data + 1, n - 1);
    if (data[0] % 2 == 0) {
        try_proofs(rest);
    } else {
        try_request(rest);
        try_wraps(rest);
    }
    return 0;
}
