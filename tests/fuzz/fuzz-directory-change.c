/* SPDX-License-Identifier: Apache-2.0 */

/* A change of the directory as somebody sends it. What can be read has names and records of its
 * own; what is found good was signed, byte by byte, with the key of the hub. A record that can be
 * read is always written the same. */

#include <errno.h>

#include "base/hash.h"
#include "core/directory-change.h"
#include "fuzz/fuzz.h"
#include "wire/codec.h"

static void check_record(const DirRecord *r, const DirLeaf *leaf) {
    uint8_t a[2 * DIR_RECORD_MAX], b[2 * DIR_RECORD_MAX];
    DirRecord again;
    DirName name;
    const char *why = NULL;
    FUZZ_CHECK(dir_name_parse(leaf->name, &name) && name.kind == r->kind);
    const Bytes first = codec_encode_record(r, a, sizeof(a));
    if (first.n == 0 || first.n > DIR_RECORD_MAX)
        return;
    FUZZ_CHECK(codec_decode_record(first, &again, &why) == 0);
    const Bytes second = codec_encode_record(&again, b, sizeof(b));
    FUZZ_CHECK(bytes_equal(first, second));
}

static void check_change(const DirChange *c) {
    const uint8_t seed[SIGN_SEED_SIZE] = { 'h', 'u', 'b' };
    SignKey hub;
    sign_key_from_seed(seed, &hub);
    const HubKeys keys = { .n = 1, .list = { hub.public } };
    DirTree *after = NULL;
    const int r = dir_change_check(c, &keys, NULL, NULL, &after);
    FUZZ_CHECK(r >= 0 && (r == CHANGE_OK) == (after != NULL));
    if (r == CHANGE_OK) {
        uint8_t signature[SIGNATURE_SIZE];
        dir_change_sign(bytes_make(c->bytes, c->n_signed), &hub, signature);
        FUZZ_CHECK(memcmp(signature, c->signature, sizeof(signature)) == 0);
        FUZZ_CHECK(dir_tree_size(after) == c->head.size);
    }
    (void)dir_tree_free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    DirChange c = { 0 };
    DirHead head = { 0 };
    const char *why = NULL;
    FUZZ_CHECK(hash_init() == 0);
    FUZZ_CHECK(codec_decode_head(bytes_make(data, n), &head, &why) >= 0);
    why = NULL;
    const int r = codec_decode_change(bytes_make(data, n), &c, &why);
    FUZZ_CHECK(r >= 0 && (r == 0 || why));
    if (r != 0)
        return 0;
    FUZZ_CHECK(c.n_bytes == n && c.n_records + c.n_removed <= DIR_CHANGE_NAMES);
    for (uint32_t i = 0; i < c.n_records; i++) {
        const Bytes b = c.leaves[i].content;
        FUZZ_CHECK(b.n > 0 && b.p >= c.bytes && b.p + b.n <= c.bytes + c.n_bytes);
        check_record(&c.records[i], &c.leaves[i]);
    }
    check_change(&c);
    dir_change_deinit(&c);
    return 0;
}
