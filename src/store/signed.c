/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages this broker makes itself (receipts, notices) are signed by it: all of one transaction as
 * one tree, with one signature, before the commit. What is kept of it is one row of table statement
 * for the whole tree; when a message is read again its way to the head is worked out from that. So
 * a receipt costs two hashes and 33 bytes.
 */
#include <errno.h>

#include "base/pack.h"
#include "base/signature.h"
#include "store/internal.h"
#include "store/signed.h"

#define NUMBERS_MAX (TREE_LEAVES_MAX * 10U) /* packed */

/* Numbers of the messages that are the leaves of a tree. */
typedef struct Leaves {
    uint32_t n;
    int64_t seqs[TREE_LEAVES_MAX];
    TreeHash hashes[TREE_LEAVES_MAX];
} Leaves;

struct Signing {
    Leaves made; /* in this transaction, not signed yet */
    Body *bodies[TREE_LEAVES_MAX];
    /* The statement that was read last: those who ask mostly want several of its leaves. */
    Leaves read;
    SignedTree tree; /* of it; no leaves = none was read */
};

static Signing *signing(Store *s) {
    if (!s->signing)
        s->signing = calloc(1, sizeof(*s->signing));
    if (!s->signing)
        db_fault(s, -ENOMEM, "out of memory");
    return s->signing;
}

void signed_drop(Store *s) {
    Signing *g = s->signing;
    for (uint32_t i = 0; g && i < g->made.n; i++)
        g->bodies[i] = body_unref(g->bodies[i]);
    if (g)
        g->made.n = 0;
}

static void forget_read(Signing *g) {
    signed_tree_deinit(&g->tree);
    g->tree = (SignedTree) { .tree = { .n_leaves = 0 } };
    g->read.n = 0;
}

Signing *signing_free(Signing *g) {
    if (g)
        forget_read(g);
    free(g);
    return NULL;
}

/* --- writing -------------------------------------------------------------------------------- */

/* The first number, then the steps. */
static size_t pack_numbers(const Leaves *l, uint8_t *buf, size_t size) {
    Packer k = { .p = buf, .size = size };
    int64_t last = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        pack_number(&k, (uint64_t)(l->seqs[i] - last));
        last = l->seqs[i];
    }
    return pack_end(&k);
}

static void write_statement(Store *s, const Leaves *l, const SignedTree *t) {
    _cleanup_(freep) uint8_t *numbers = malloc(NUMBERS_MAX);
    if (!numbers) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    RUN(s,
        "INSERT INTO statement(first_seq, last_seq, key, ed25519, numbers, leaves) "
        "VALUES(?1,?2,?3,?4,?5,?6)",
        INT(l->seqs[0]), INT(l->seqs[l->n - 1]), BLOB(bytes_make(t->key.b, KEY_ID_SIZE)),
        BLOB(bytes_make(t->bytes, SIGNATURE_SIZE)),
        BLOB(bytes_make(numbers, pack_numbers(l, numbers, NUMBERS_MAX))),
        BLOB(bytes_make(l->hashes, l->n * sizeof(l->hashes[0]))));
}

void signed_flush(Store *s) {
    Signing *g = s->signing;
    _cleanup_(signed_tree_deinit) SignedTree tree = { 0 };
    uint8_t buf[SIGNATURE_MAX];
    Signature signature;
    if (!g || g->made.n == 0 || s->fault < 0)
        return;
    if (signed_tree_init(&tree, s->config.sign_key, SIGN_LABEL_MESSAGES, g->made.hashes,
                         g->made.n) < 0) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < g->made.n; i++) {
        signed_tree_signature(&tree, i, &signature);
        body_set_signature(g->bodies[i], s->config.codec->encode_signature(&signature, buf));
    }
    write_statement(s, &g->made, &tree);
    signed_drop(s);
}

void signed_add(Store *s, int64_t seq, Body *body) {
    if (!s->config.sign_key || !s->config.codec->encode_signature || !body_can_take_signature(body))
        return;
    Signing *g = signing(s);
    if (!g)
        return;
    if (g->made.n == TREE_LEAVES_MAX)
        signed_flush(s);
    if (s->fault < 0)
        return;
    g->made.seqs[g->made.n] = seq;
    g->made.hashes[g->made.n] = tree_leaf(body_envelope(body));
    g->bodies[g->made.n++] = body_ref(body);
}

/* --- reading -------------------------------------------------------------------------------- */

static bool unpack_numbers(Bytes b, Leaves *l) {
    Unpacker k = unpack_start(b);
    int64_t last = 0;
    for (l->n = 0; unpack_more(&k) && l->n < TREE_LEAVES_MAX; l->n++)
        last = l->seqs[l->n] = last + (int64_t)unpack_number(&k, INT64_MAX - (uint64_t)last);
    return unpack_end(&k) && l->n > 0;
}

/* The statement this number is within. What is damaged signs nothing. */
static void read_statement(Store *s, Signing *g, int64_t seq) {
    forget_read(g);
    _query_ q = QUERY(s,
                      "SELECT key, ed25519, numbers, leaves, last_seq FROM statement "
                      "WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1",
                      INT(seq));
    if (!db_row(s, q) || col_int(q, 4) < seq)
        return;
    const Bytes key = col_bytes(q, 0), bytes = col_bytes(q, 1), hashes = col_bytes(q, 3);
    if (key.n != KEY_ID_SIZE || bytes.n != SIGNATURE_SIZE ||
        !unpack_numbers(col_bytes(q, 2), &g->read) ||
        hashes.n != g->read.n * sizeof(g->read.hashes[0])) {
        g->read.n = 0;
        return;
    }
    memcpy(g->read.hashes, hashes.p, hashes.n);
    memcpy(g->tree.key.b, key.p, key.n);
    memcpy(g->tree.bytes, bytes.p, bytes.n);
    if (tree_init(&g->tree.tree, g->read.hashes, g->read.n) < 0) {
        g->read.n = 0;
        db_fault(s, -ENOMEM, "out of memory");
    }
}

static bool is_within(const Leaves *l, int64_t seq) {
    return l->n > 0 && seq >= l->seqs[0] && seq <= l->seqs[l->n - 1];
}

Bytes signed_read(Store *s, int64_t seq, uint8_t buf[static SIGNATURE_MAX]) {
    Signing *g = s->config.codec->encode_signature ? signing(s) : NULL;
    Signature signature;
    if (!g)
        return (Bytes) { 0 };
    if (!is_within(&g->read, seq))
        read_statement(s, g, seq);
    for (uint32_t i = 0; i < g->read.n; i++) {
        if (g->read.seqs[i] != seq)
            continue;
        signed_tree_signature(&g->tree, i, &signature);
        return s->config.codec->encode_signature(&signature, buf);
    }
    return (Bytes) { 0 };
}

/* --- forgetting ----------------------------------------------------------------------------- */

void signed_purge(Store *s, int64_t seq) {
    int64_t first, last;
    {
        _query_ q = QUERY(s,
                          "SELECT first_seq, last_seq FROM statement "
                          "WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1",
                          INT(seq));
        if (!db_row(s, q))
            return;
        first = col_int(q, 0);
        last = col_int(q, 1);
    }
    if (last >= seq &&
        db_number(s,
                  QUERY(s,
                        "SELECT 1 FROM message WHERE seq BETWEEN ?1 AND ?2 AND sender = ?3 "
                        "LIMIT 1",
                        INT(first), INT(last), TEXT(s->self)),
                  0) == 0)
        RUN(s, "DELETE FROM statement WHERE first_seq = ?1", INT(first));
}
