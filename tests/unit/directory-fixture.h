/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For tests of the signed directory in stores: a hub that makes it, and one below that follows. */

#include "base/text.h"
#include "core/directory-change.h"
#include "store-fixture.h"
#include "store/ledger.h"
#include "wire/codec.h"

static inline SignKey hub_key(void) {
    SignKey k;
    const uint8_t seed[SIGN_SEED_SIZE] = { 'h', 'u', 'b' };
    sign_key_from_seed(seed, &k);
    return k;
}

static inline SignKey sign_key_for(uint8_t n) {
    SignKey k;
    const uint8_t seed[SIGN_SEED_SIZE] = { 'k', 'e', 'y', n };
    sign_key_from_seed(seed, &k);
    return k;
}

static SignKey the_hub_key;

static inline void sign(Fixture *f) {
    StoreOp *op = store_op_new(OP_DIRECTORY_SIGN);
    run(f, op);
    ASSERT_TRUE(op->import.directory != NULL);
    store_op_free(op);
}

static inline void as_hub(Fixture *f) {
    the_hub_key = hub_key();
    f->config.hub = true;
    f->config.sign_key = &the_hub_key;
    f->config.directory_codec = &codec_directory;
    fixture_reopen(f);
    sign(f);
}

static inline void as_child(Fixture *f) {
    f->config.hub_keys[0] = hub_key().public;
    f->config.n_hub_keys = 1;
    f->config.directory_codec = &codec_directory;
    fixture_reopen(f);
}
#define HUB(f)                                                                                     \
    _cleanup_(fixture_deinit) Fixture f;                                                           \
    fixture_init_as(&f, "hub");                                                                    \
    as_hub(&f)
#define CHILD(f)                                                                                   \
    _cleanup_(fixture_deinit) Fixture f;                                                           \
    fixture_init_as(&f, "upt/satria");                                                             \
    as_child(&f)

static inline void curve_of(unsigned n, char ret[static CURVE_TEXT_SIZE]) {
    snprintf(ret, CURVE_TEXT_SIZE, "%040u", n);
}

static inline DirKey key_for(const char *node, unsigned n) {
    DirKey k = { 0 };
    text_copy(k.node, sizeof(k.node), node);
    snprintf(k.label, sizeof(k.label), "key %u", n);
    curve_of(n, k.curve);
    return k;
}

static inline const char *put_key_as_it_is(Fixture *f, const DirKey *k) {
    static char text[256];
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.keys = calloc(1, sizeof(DirKey));
    op->import.n_keys = 1;
    op->import.keys[0] = *k;
    text_copy(op->import.by, sizeof(op->import.by), "hub");
    text_copy(op->import.note, sizeof(op->import.note), "for a test");
    run(f, op);
    text_copy(text, sizeof(text), op->import.text);
    store_op_free(op);
    return text;
}

/* One key put; returns the text why it was refused. */
static inline const char *put_key(Fixture *f, const char *node, unsigned n, bool revoked) {
    DirKey k = key_for(node, n);
    k.revoked = revoked;
    return put_key_as_it_is(f, &k);
}

static inline const DirHead *head_of(Fixture *f) {
    Directory *d = store_directory(f->store);
    static DirHead head;
    const DirHead *h = directory_head(d);
    if (h)
        head = *h;
    directory_unref(d);
    return h ? &head : NULL;
}

static inline bool has_key(Fixture *f, unsigned n) {
    char curve[CURVE_TEXT_SIZE];
    curve_of(n, curve);
    Directory *d = store_directory(f->store);
    const DirKey *k = directory_key(d, curve);
    const bool has = k && !k->revoked;
    directory_unref(d);
    return has;
}

static inline bool is_on_record(Fixture *f, const char *note) {
    LedgerBlock b;
    LedgerEntry e;
    bool found = false;
    _cleanup_(buf_deinit) Buf hold = { 0 };
    _cleanup_(freep) LedgerReader *r = calloc(1, sizeof(*r));
    for (int64_t at = 0; ledger_read(f->store, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        while (ledger_next(r, &e))
            found = found || strcmp(e.note, note) == 0;
    }
    return found;
}

static inline bool same_head(Fixture *a, Fixture *b) {
    const DirHead *x = head_of(a);
    const DirHead mine = x ? *x : (DirHead) { 0 };
    const DirHead *y = head_of(b);
    return x && y && mine.version == y->version && tree_hash_equal(&mine.root, &y->root);
}

/* --- from one to the other ------------------------------------------------------------------ */

typedef struct Sent {
    DirHead head;
    uint32_t n;
    Bytes changes[DIR_CHANGES_MAX];
    StoreOp *op;
} Sent;

/* What the parent would send to who has that. */
static inline Sent read_for(Fixture *parent, uint64_t after, const TreeHash *root, uint64_t copy_of,
                            const char *behind) {
    Sent f = { .op = store_op_new(OP_DIRECTORY_READ) };
    f.op->read.after = after;
    f.op->read.copy_of = copy_of;
    if (root)
        f.op->read.root = *root;
    text_copy(f.op->read.behind, DIR_NAME_SIZE, behind);
    run(parent, f.op);
    f.head = f.op->read.head;
    f.n = f.op->read.n;
    memcpy(f.changes, f.op->read.changes, f.n * sizeof(Bytes));
    return f;
}

static inline void sent_deinit(Sent *f) {
    store_op_free(f->op);
}

/* The child takes them. The caller frees the operation. */
static inline StoreOp *take(Fixture *child, const Sent *f) {
    StoreOp *op = store_op_new(OP_DIRECTORY_TAKE);
    op->take.changes = calloc(f->n + 1, sizeof(*op->take.changes));
    op->take.n = f->n;
    for (uint32_t i = 0; i < f->n; i++)
        ASSERT_OK(codec_decode_change(f->changes[i], &op->take.changes[i], &op->take.why));
    op->take.has_head = true;
    op->take.head = f->head;
    text_copy(op->take.from, NODE_NAME_SIZE, "hub");
    run(child, op);
    return op;
}

static inline int take_verdict(Fixture *child, const Sent *f) {
    StoreOp *op = take(child, f);
    const int r = (int)op->take.verdict;
    store_op_free(op);
    return r;
}

/* As long as it takes. Returns the number of frames. */
static inline unsigned follow(Fixture *parent, Fixture *child) {
    uint64_t copy_of = 0;
    char behind[DIR_NAME_SIZE] = "";
    for (unsigned n = 1;; n++) {
        const DirHead *own = head_of(child);
        const DirHead mine = own ? *own : (DirHead) { 0 };
        _cleanup_(sent_deinit) Sent f = read_for(parent, mine.version, &mine.root, copy_of, behind);
        StoreOp *op = take(child, &f);
        ASSERT_EQ(op->take.verdict, CHANGE_OK);
        copy_of = op->take.copy_of;
        memcpy(behind, op->take.behind, sizeof(behind));
        store_op_free(op);
        if (same_head(parent, child))
            return n;
        ASSERT_TRUE(n < 1000);
    }
}
