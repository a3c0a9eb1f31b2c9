/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds of changes of the directory, signed with the key that the target knows. */

#include "core/directory-change.h"
#include "fuzz/make-corpus.h"

#define TARGET "directory-change"

static SignKey hub_key(void) {
    const uint8_t seed[SIGN_SEED_SIZE] = { 'h', 'u', 'b' };
    SignKey k;
    sign_key_from_seed(seed, &k);
    return k;
}

static void sample_records(DirRecord ret[static 4]) {
    ret[0] = (DirRecord) { .kind = DIR_NODE,
                           .node = { .id = "lksa/3203/0017",
                                     .kind = NODE_LKSA,
                                     .name = "LKSA Harapan",
                                     .parent = "dsk/3203",
                                     .home = "upt/phala-martha",
                                     .n_areas = 1,
                                     .areas = { { .region = "3203", .priority = 1 } },
                                     .n_clusters = 1,
                                     .clusters = { CLUSTER_CHILD },
                                     .accreditation_grade = 2,
                                     .accreditation_valid_until = { 2027, 1, 31 } } };
    ret[1] = (DirRecord) { .kind = DIR_KEY,
                           .key = { .node = "lksa/3203/0017",
                                    .label = "main",
                                    .valid_from_ms = NOW_MS,
                                    .sign = { { 1, 2, 3 } } } };
    memset(ret[1].key.curve, 'k', CURVE_TEXT_SIZE - 1);
    ret[2] = (DirRecord) { .kind = DIR_REGION, .region = { .code = "3203", .name = "Cianjur" } };
    ret[3] = (DirRecord) { .kind = DIR_HOLIDAY,
                           .holiday = { .on = { 2026, 3, 20 }, .name = "Idul Fitri" } };
}

static void put_change(const char *name, DirChange *c, const SignKey *hub) {
    FUZZ_CHECK(codec_encode_change(c, hub) == 0);
    put(TARGET, name, bytes_make(c->bytes, c->n_bytes));
    free(c->bytes);
    c->bytes = NULL;
}

void directory_changes_seeds(void) {
    static uint8_t room[4][DIR_RECORD_MAX];
    const char *gone[] = { "node:lks/32/a", "region:3204" };
    const SignKey hub = hub_key();
    SignKey other;
    DirRecord records[4];
    DirLeaf leaves[4];
    DirTree *tree = NULL;
    const uint8_t seed[SIGN_SEED_SIZE] = { 'x' };
    sign_key_from_seed(seed, &other);
    sample_records(records);
    for (unsigned i = 0; i < 4; i++) {
        dir_record_name(&records[i], leaves[i].name);
        leaves[i].content = codec_encode_record(&records[i], room[i], DIR_RECORD_MAX);
    }
    FUZZ_CHECK(dir_tree_edit(&tree, NULL, leaves, 4) == 0);
    DirChange c = { .version = 1,
                    .first = true,
                    .changed_ms = NOW_MS,
                    .by = "hub",
                    .note = "first",
                    .n_records = 4,
                    .leaves = leaves,
                    .head = {
                        .version = 1, .at_ms = NOW_MS, .size = 4, .root = dir_tree_root(tree) } };
    directory_head_sign(&c.head, &hub);
    put_change("good", &c, &hub);
    put_change("by-another", &c, &other);
    c.version = 2;
    c.first = false;
    c.n_removed = 2;
    c.removed = gone;
    put_change("does-not-follow", &c, &hub);
    DirChange part = { .version = 7, .n_records = 4, .leaves = leaves };
    put_change("part-of-a-copy", &part, NULL);
    uint8_t *head;
    size_t n;
    FUZZ_CHECK(codec_encode_head(&c.head, &head, &n) == 0);
    put(TARGET, "head", bytes_make(head, n));
    free(head);
    (void)dir_tree_free(tree);
    bombs(TARGET);
}
