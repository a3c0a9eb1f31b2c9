/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds: answers about keys, requests for wraps, and wraps. */

#include "core/directory-change.h"
#include "fuzz/make-corpus.h"
#include "unit/sealed-golden.h"

#define RECORDS 5

static SignKey hub_key(void) {
    SignKey k;
    const uint8_t seed[SIGN_SEED_SIZE] = { 7 }; /* the same seeds each time */
    sign_key_from_seed(seed, &k);
    return k;
}

static size_t records(DirLeaf leaves[static RECORDS], uint8_t bytes[static RECORDS][512]) {
    static const char *const nodes[] = { "hub", "upt/satria", "dsk/3203" };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        DirRecord r = { .kind = DIR_NODE, .node = { .kind = NODE_UPT_BALAI } };
        strcpy(r.node.id, nodes[i]);
        strcpy(r.node.home, "upt/satria");
        dir_record_name(&r, leaves[n].name);
        leaves[n].content = codec_encode_record(&r, bytes[n], 512);
        n++;
    }
    for (size_t i = 0; n < RECORDS; i++) {
        DirRecord r = { .kind = DIR_KEY, .key = { .label = "main", .broker = i == 0 } };
        memset(r.key.curve, (int)('a' + i), CURVE_TEXT_SIZE - 1);
        strcpy(r.key.node, nodes[2 * i]);
        r.key.sign = hub_key().public;
        r.key.seal = golden_key("recipient one").public;
        dir_record_name(&r, leaves[n].name);
        leaves[n].content = codec_encode_record(&r, bytes[n], 512);
        n++;
    }
    return n;
}

static void put_marked(const char *name, unsigned mark, uint8_t *p, size_t n) {
    Buf b = { 0 };
    add_byte(&b, mark);
    buf_add(&b, p, n);
    put_buf("key-proofs", name, &b);
    free(p);
}

static void put_proofs(const char *name, const KeyProofs *p) {
    uint8_t *bytes = NULL;
    size_t n = 0;
    FUZZ_CHECK(codec_encode_key_proofs(p, &bytes, &n) == 0);
    put_marked(name, 0, bytes, n);
}

static void proofs(void) {
    DirLeaf leaves[RECORDS];
    uint8_t bytes[RECORDS][512];
    RecordProof list[RECORDS];
    DirTree *tree = NULL;
    const SignKey hub = hub_key();
    const size_t n = records(leaves, bytes);
    FUZZ_CHECK(dir_tree_edit(&tree, NULL, leaves, n) == 0);
    KeyProofs p = { .has_head = true, .n = (uint32_t)n, .proofs = list };
    p.head = (DirHead) { .version = 3, .at_ms = NOW_MS, .size = n, .root = dir_tree_root(tree) };
    directory_head_sign(&p.head, &hub);
    for (size_t i = 0; i < n; i++) {
        size_t index = 0;
        FUZZ_CHECK(dir_tree_find(tree, leaves[i].name, &index));
        list[i] = (RecordProof) { .record = leaves[i].content, .index = index };
        list[i].n_path = (uint32_t)dir_tree_path(tree, index, list[i].path);
    }
    put_proofs("proven", &p);
    p.head.version++;
    put_proofs("head-changed", &p);
    list[0].index = UINT64_MAX;
    list[1].n_path = DIRECTORY_PATH_MAX;
    put_proofs("paths-that-lead-nowhere", &p);
    p.has_head = false;
    put_proofs("told", &p);
    p.n = 0;
    put_proofs("nothing", &p);
    (void)dir_tree_free(tree);
}

static void wraps(void) {
    const Bytes part = golden_part();
    const char text[] = "an envelope, as far as it is looked at here";
    static WrapRequest q;
    static SealWraps w;
    uint8_t *p = NULL;
    size_t n = 0;
    q = (WrapRequest) { .id = golden_id,
                        .message_id = golden_id,
                        .reason = WRAP_REDIRECTED,
                        .asked_ms = NOW_MS,
                        .envelope = bytes_make(text, sizeof(text)),
                        .signature = bytes_make(text, 9) };
    strcpy(q.to, GOLDEN_SENDER);
    strcpy(q.recipient, "lksa/3302/0002");
    strcpy(q.instead_of, "dsk/3302");
    strcpy(q.by, "upt/satria");
    q.n_wraps = codec_sealed_wraps(part, q.commitment, q.wraps);
    Body *body = codec_encode_wrap_request(&q, "upt/satria");
    Buf b = { 0 };
    add_byte(&b, 1);
    buf_add(&b, body_facts(body).p, body_facts(body).n);
    put_buf("key-proofs", "wrap-request", &b);
    put_facts("wrap-request", KIND_WRAP_REQUEST, body_facts(body));
    (void)body_unref(body);
    w.message_id = golden_id;
    w.n = q.n_wraps;
    memcpy(w.list, q.wraps, sizeof(w.list));
    FUZZ_CHECK(codec_encode_seal_wraps(&w, &p, &n) == 0);
    put_marked("seal-wrap", 1, p, n);
    put_facts("seal-wrap", KIND_SEAL_WRAP, bytes_make(p, n));
    w.n = SEAL_WRAPS_MAX;
    FUZZ_CHECK(codec_encode_seal_wraps(&w, &p, &n) == 0);
    put_marked("seal-wrap-64", 1, p, n);
    free((void *)part.p);
}

void keys_and_wraps(void) {
    proofs();
    wraps();
    put("key-proofs", "empty", bytes_make("", 0));
    put("key-proofs", "cut", bytes_make("\0\x0a\x7f\x08\x01", 5));
}
