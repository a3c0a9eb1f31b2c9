/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "base/text.h"
#include "base/times.h"
#include "core/ledger-audit.h"

#define BROKER "upt/satria"
#define BLOCKS 12U

static LedgerEntry entry(LedgerKind kind, uint8_t id, const char *node, const char *note) {
    LedgerEntry e = { .kind = kind, .code = id };
    e.message_id.b[0] = id;
    text_copy(e.node, sizeof(e.node), node);
    text_copy(e.note, sizeof(e.note), note);
    return e;
}

static void assert_same(const LedgerEntry *a, const LedgerEntry *b) {
    ASSERT_EQ(a->kind, b->kind);
    ASSERT_TRUE(uuid_equal(&a->message_id, &b->message_id));
    ASSERT_STR(a->node, b->node);
    ASSERT_STR(a->peer, b->peer);
    ASSERT_STR(a->note, b->note);
    ASSERT_EQ(a->code, b->code);
    ASSERT_EQ(a->has_digest, b->has_digest);
    ASSERT_EQ(memcmp(a->digest, b->digest, DIGEST_SIZE), 0);
}

/* --- packing ---------------------------------------------------------------------------------- */

TEST(entries_come_back_as_they_were_packed) {
    uint8_t body[65536];
    LedgerPacker k;
    LedgerEntry in[600];
    ledger_packer_init(&k, body, sizeof(body));
    for (unsigned i = 0; i < ARRAY_SIZE(in); i++) {
        char node[32], note[32];
        snprintf(node, sizeof(node), "dsk/%u", i * 7919U % 500);
        snprintf(note, sizeof(note), i % 3 ? "R-%u" : "", i % 11);
        in[i] = entry((LedgerKind)(1 + i % 14), (uint8_t)(i / 3), node, note);
        in[i].has_digest = i % 5 == 0;
        memset(in[i].digest, in[i].has_digest ? (int)i : 0, DIGEST_SIZE);
        in[i].code = i % 4 == 0 ? -(int64_t)i : (int64_t)i << (i % 50);
        ledger_pack(&k, &in[i]);
    }
    ASSERT_EQ(k.n, ARRAY_SIZE(in));
    LedgerReader r;
    LedgerEntry out;
    ledger_reader_init(&r, bytes_make(body, pack_end(&k.to)));
    for (unsigned i = 0; i < ARRAY_SIZE(in); i++) {
        ASSERT_TRUE(ledger_next(&r, &out));
        assert_same(&in[i], &out);
    }
    ASSERT_TRUE(!ledger_next(&r, &out));
    ASSERT_TRUE(ledger_reader_end(&r));
}

TEST(a_longest_entry_fits_into_its_bound) {
    uint8_t body[LEDGER_ENTRY_MAX];
    LedgerPacker k;
    LedgerEntry e = { .kind = LEDGER_FORKED, .code = -1, .has_digest = true };
    memset(e.message_id.b, 0xff, UUID_SIZE);
    memset(e.node, 'n', NODE_NAME_SIZE - 1);
    memset(e.peer, 'p', NODE_NAME_SIZE - 1);
    memset(e.note, 'x', LEDGER_NOTE_MAX);
    ledger_packer_init(&k, body, sizeof(body));
    ledger_pack(&k, &e);
    ASSERT_TRUE(pack_end(&k.to) > 0);
}

/* An accepted message, its deposit and its collection: what the size is promised for. */
TEST(a_message_takes_few_bytes) {
    uint8_t body[65536];
    LedgerPacker k;
    ledger_packer_init(&k, body, sizeof(body));
    for (unsigned i = 0; i < 256; i++) {
        LedgerEntry e = { .kind = LEDGER_ACCEPTED, .has_digest = true };
        e.message_id = (Uuid) { { (uint8_t)i, 1, 2 } };
        snprintf(e.node, sizeof(e.node), "dsk/%u", 3200 + i % 8);
        snprintf(e.note, sizeof(e.note), "%016x", i % 8);
        ledger_pack(&k, &e);
        LedgerEntry d = { .kind = LEDGER_DEPOSITED, .message_id = e.message_id, .code = 1 };
        snprintf(d.node, sizeof(d.node), "upt/%u", i % 4);
        ledger_pack(&k, &d);
    }
    assert_in_range(pack_end(&k.to) / 256, 1, 60);
}

TEST(bytes_of_any_kind_are_read_without_harm) {
    uint8_t body[512];
    uint32_t x = 1;
    LedgerReader r;
    LedgerEntry e;
    for (unsigned round = 0; round < 20000; round++) {
        const size_t n = round % sizeof(body);
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525U + 1013904223U;
            body[i] = (uint8_t)(x >> 24) & (round % 2 ? 0xff : 0x0f);
        }
        ledger_reader_init(&r, bytes_make(body, n));
        while (ledger_next(&r, &e))
            ASSERT_TRUE(strlen(e.node) < NODE_NAME_SIZE && strlen(e.note) <= LEDGER_NOTE_MAX);
    }
}

TEST(every_kind_has_a_name_and_is_found_by_it) {
    for (int kind = 0; kind < 256; kind++)
        if (strcmp(ledger_kind_name(kind), "UNKNOWN") != 0)
            ASSERT_EQ(ledger_kind_of(ledger_kind_name(kind)), kind);
    ASSERT_EQ(ledger_kind_of("accepted"), LEDGER_NONE);
}

/* --- a ledger to tamper with ------------------------------------------------------------------ */

typedef struct Book {
    uint8_t bodies[BLOCKS][1024];
    LedgerBlock list[BLOCKS];
    uint32_t n;
    LedgerHead base;
    SignKey key;
    LedgerProof proofs[2];
    uint32_t n_proofs;
    int64_t written;
    Uuid newest;
} Book;

static void write_block(Book *k, LedgerHead *head, const LedgerEntry *list, uint32_t n) {
    LedgerBlock *b = &k->list[k->n];
    LedgerPacker packer;
    ledger_packer_init(&packer, k->bodies[k->n], sizeof(k->bodies[0]));
    for (uint32_t i = 0; i < n; i++)
        ledger_pack(&packer, &list[i]);
    *b = (LedgerBlock) { .number = head->block + 1,
                         .at_ms = 1000 * (int64_t)(k->n + 1),
                         .first = head->entries + 1,
                         .n = n,
                         .body = bytes_make(k->bodies[k->n], pack_end(&packer.to)) };
    ledger_block_hash(head, b, b->hash);
    head->block++;
    head->entries += n;
    memcpy(head->hash, b->hash, DIGEST_SIZE);
    k->n++;
}

static void countersign(Book *k, uint32_t block) {
    LedgerProof *p = &k->proofs[k->n_proofs++];
    *p = (LedgerProof) { .witness = { .block = block, .at_ms = 77 },
                         .key_known = true,
                         .public = k->key.public };
    text_copy(p->witness.node, NODE_NAME_SIZE, "hub");
    memcpy(p->witness.hash, k->list[block - 1].hash, DIGEST_SIZE);
    ledger_witness_sign(&k->key, BROKER, &p->witness);
}

/* Twelve blocks of three entries, countersigned at 5 and 9. */
static void book_init(Book *k) {
    LedgerHead head;
    ASSERT_OK(hash_init());
    *k = (Book) { .written = BLOCKS };
    sign_key_new(&k->key);
    ledger_head_init(&head, BROKER);
    k->base = head;
    for (uint8_t i = 1; i <= BLOCKS; i++) {
        LedgerEntry list[3] = { entry(LEDGER_ACCEPTED, i, "dsk/3203", ""),
                                entry(LEDGER_DEPOSITED, i, "lks/1", ""),
                                entry(LEDGER_COLLECTED, i, "lks/1", "") };
        if (i == 6 || i == 10) {
            list[2] = (LedgerEntry) { .kind = LEDGER_COUNTERSIGNED, .code = i - 1 };
            text_copy(list[2].node, NODE_NAME_SIZE, "hub");
        }
        k->newest = list[0].message_id;
        write_block(k, &head, list, 3);
        if (i == 5 || i == 9)
            countersign(k, i);
    }
}

static LedgerAudit *audit(Book *k) {
    LedgerAudit *a = calloc(1, sizeof(*a));
    assert_non_null(a);
    ledger_audit_init(a, BROKER, &k->base);
    a->proofs = k->proofs;
    a->n_proofs = k->n_proofs;
    a->n_messages = 1;
    a->messages[0] = k->newest;
    for (uint32_t i = 0; i < k->n; i++)
        ledger_audit_block(a, &k->list[i]);
    ledger_audit_end(a, k->written);
    return a;
}

static void assert_whole(Book *k) {
    LedgerAudit *a = audit(k);
    for (uint32_t i = 0; i < a->n_found; i++)
        print_message("block %lld: %s\n", (long long)a->found[i].block, a->found[i].text);
    ASSERT_EQ(a->n_found, 0);
    free(a);
}

/* The first finding is that block and entry, and the text has that word. */
static void assert_broken(Book *k, int64_t block, int64_t first_entry, const char *word) {
    LedgerAudit *a = audit(k);
    ASSERT_TRUE(a->n_wrong > 0);
    ASSERT_EQ(a->found[0].block, block);
    ASSERT_EQ(a->found[0].entry, first_entry);
    if (!strstr(a->found[0].text, word))
        fail_msg("%s", a->found[0].text);
    free(a);
}

static void take_out(Book *k, uint32_t i, uint32_t n) {
    memmove(&k->list[i], &k->list[i + n], (k->n - i - n) * sizeof(k->list[0]));
    k->n -= n;
}

/* As somebody would who knows how the chain is made. */
static void chain_again(Book *k, uint32_t from) {
    LedgerHead head;
    ledger_head_init(&head, BROKER);
    for (uint32_t i = 0; i < k->n; i++) {
        LedgerBlock *b = &k->list[i];
        b->number = head.block + 1;
        b->first = head.entries + 1;
        if (i >= from)
            ledger_block_hash(&head, b, b->hash);
        head.block = b->number;
        head.entries += b->n;
        memcpy(head.hash, b->hash, DIGEST_SIZE);
    }
}

/* --- tampering -------------------------------------------------------------------------------- */

TEST(a_ledger_nobody_touched_is_whole) {
    Book k;
    book_init(&k);
    assert_whole(&k);
}

TEST(an_edited_block_is_named) {
    for (uint32_t i = 0; i < BLOCKS; i++) {
        Book k;
        book_init(&k);
        k.bodies[i][3] ^= 1;
        assert_broken(&k, i + 1, 3 * i + 1, "changed");
    }
}

TEST(every_number_of_a_block_is_under_its_hash) {
    Book k;
    book_init(&k);
    k.list[6].at_ms++;
    assert_broken(&k, 7, 19, "changed");
    book_init(&k);
    k.list[6].n = 2;
    assert_broken(&k, 7, 19, "changed");
    book_init(&k);
    k.list[6].first--;
    assert_broken(&k, 7, 19, "entries");
}

TEST(a_block_cut_out_of_the_middle_is_named) {
    for (uint32_t i = 0; i + 1 < BLOCKS; i++) {
        Book k;
        book_init(&k);
        take_out(&k, i, 1);
        assert_broken(&k, i + 2, 3 * (i + 1) + 1, "expected");
    }
}

TEST(blocks_numbered_anew_after_a_cut_do_not_fit) {
    Book k;
    book_init(&k);
    take_out(&k, 6, 1);
    chain_again(&k, BLOCKS);
    assert_broken(&k, 7, 19, "changed");
}

TEST(swapped_blocks_are_named) {
    Book k;
    book_init(&k);
    const LedgerBlock b = k.list[6];
    k.list[6] = k.list[7];
    k.list[7] = b;
    assert_broken(&k, 8, 22, "expected");
    chain_again(&k, BLOCKS);
    assert_broken(&k, 7, 19, "changed");
}

TEST(a_block_put_in_is_named) {
    Book k;
    book_init(&k);
    k.n--;
    memmove(&k.list[7], &k.list[6], (k.n - 6) * sizeof(k.list[0]));
    k.n++;
    chain_again(&k, BLOCKS);
    assert_broken(&k, 8, 22, "changed");
}

TEST(a_rewritten_chain_is_not_the_one_that_was_countersigned) {
    Book k;
    book_init(&k);
    k.bodies[6][3] ^= 1; /* before the second countersignature */
    chain_again(&k, 6);
    assert_broken(&k, 9, 0, "countersigned another hash");
}

/* What happens after the last countersignature, only the parent could tell. */
TEST(a_rewritten_chain_without_its_countersignatures_says_so_itself) {
    Book k;
    book_init(&k);
    k.bodies[2][3] ^= 1;
    chain_again(&k, 2);
    k.n_proofs = 0;
    assert_broken(&k, 9, 0, "no countersignature holds");
}

TEST(a_cut_tail_is_seen_by_what_others_know) {
    Book k;
    book_init(&k);
    k.n = 11;
    assert_broken(&k, 11, 33, "the store wrote block 12");
    k.written = 11; /* that, too, was edited */
    assert_broken(&k, 11, 33, "not in the ledger");
    memset(&k.newest, 0, sizeof(k.newest)); /* and the messages deleted */
    k.newest.b[0] = 1;
    assert_whole(&k);
    k.n = 8; /* past what was countersigned */
    k.written = 8;
    assert_broken(&k, 8, 24, "hub countersigned block 9");
}

TEST(a_countersignature_must_hold) {
    Book k;
    book_init(&k);
    k.proofs[1].witness.signature[5] ^= 1;
    assert_broken(&k, 9, 0, "does not hold");
    book_init(&k);
    k.proofs[1].witness.at_ms++;
    assert_broken(&k, 9, 0, "does not hold");
    book_init(&k);
    ledger_witness_sign(&k.key, "upt/other", &k.proofs[1].witness);
    assert_broken(&k, 9, 0, "does not hold");
    SignKey other;
    sign_key_new(&other);
    book_init(&k);
    ledger_witness_sign(&other, BROKER, &k.proofs[1].witness);
    assert_broken(&k, 9, 0, "does not hold");
}

/* Whoever can rewrite a ledger finds that broker's key beside it. */
TEST(a_broker_is_no_witness_of_its_own_ledger) {
    Book k;
    book_init(&k);
    text_copy(k.proofs[1].witness.node, NODE_NAME_SIZE, BROKER);
    assert_broken(&k, 9, 0, "its own ledger");
}

TEST(a_ledger_of_another_broker_does_not_begin_as_ours) {
    Book k;
    book_init(&k);
    ledger_head_init(&k.base, "upt/other");
    assert_broken(&k, 1, 1, "changed");
}

/* As somebody would who can make the chain: what is in it has to make sense as well. */
TEST(a_block_that_says_another_number_of_entries_than_it_has_is_named) {
    Book k;
    book_init(&k);
    k.list[6].n = 0;
    k.list[6].body.n = 0;
    chain_again(&k, 6);
    assert_broken(&k, 7, 19, "do not follow");
    book_init(&k);
    k.bodies[6][k.list[6].body.n++] = 0xff; /* behind the last entry */
    chain_again(&k, 6);
    assert_broken(&k, 7, 22, "cannot be read");
    book_init(&k);
    k.list[6].n = 2;
    chain_again(&k, 6);
    assert_broken(&k, 7, 22, "cannot be read");
}

TEST(what_follows_a_fault_is_judged_by_itself) {
    Book k;
    book_init(&k);
    k.bodies[1][3] ^= 1;
    k.bodies[7][3] ^= 1;
    LedgerAudit *a = audit(&k);
    ASSERT_EQ(a->n_wrong, 2);
    ASSERT_EQ(a->found[0].block, 2);
    ASSERT_EQ(a->found[1].block, 8);
    free(a);
    take_out(&k, 3, 1);
    a = audit(&k);
    ASSERT_EQ(a->n_wrong, 3);
    ASSERT_EQ(a->found[1].block, 5); /* block 4 was expected here */
    free(a);
}

TEST(blocks_put_on_the_end_are_seen) {
    Book k;
    book_init(&k);
    k.written = BLOCKS - 1;
    assert_broken(&k, BLOCKS, 3 * BLOCKS, "put on");
}

TEST(more_faults_than_are_told_are_counted) {
    Book k;
    book_init(&k);
    LedgerAudit *a = calloc(1, sizeof(*a));
    assert_non_null(a);
    ledger_audit_init(a, BROKER, &k.base);
    ledger_audit_block(a, &k.list[0]);
    for (unsigned i = 0; i < AUDIT_FINDINGS_MAX + 50; i++)
        ledger_audit_block(a, &k.list[0]);
    ASSERT_EQ(a->n_found, AUDIT_FINDINGS_MAX);
    ASSERT_EQ(a->n_wrong, AUDIT_FINDINGS_MAX + 50);
    free(a);
}

TEST(a_clock_set_back_is_a_remark_from_a_day_on) {
    for (int more = 0; more < 2; more++) {
        Book k;
        book_init(&k);
        k.n_proofs = 0;
        for (uint32_t i = 0; i < 6; i++)
            k.list[i].at_ms = k.list[6].at_ms + DAY_MS + more;
        chain_again(&k, 0);
        LedgerAudit *a = audit(&k);
        uint32_t n = 0;
        for (uint32_t i = 0; i < a->n_found; i++)
            n += strstr(a->found[i].text, "the clock was set back") != NULL;
        ASSERT_EQ(n, more);
        free(a);
    }
}

TEST(what_the_ledger_says_was_countersigned_must_have_been) {
    for (int proven = 0; proven < 2; proven++) {
        LedgerAudit *a = calloc(1, sizeof(*a));
        assert_non_null(a);
        a->head.block = 9;
        a->countersigned = 9;
        a->proven = 8 + proven;
        ledger_audit_end(a, 9);
        ASSERT_EQ(a->n_wrong, !proven);
        free(a);
    }
}

/* --- pruning ---------------------------------------------------------------------------------- */

static void prune(Book *k, uint32_t block) {
    k->base = (LedgerHead) { .block = block, .entries = 3 * (int64_t)block };
    memcpy(k->base.hash, k->list[block - 1].hash, DIGEST_SIZE);
    take_out(k, 0, block);
}

TEST(a_pruned_ledger_is_verified_from_where_it_was_pruned) {
    Book k;
    book_init(&k);
    LedgerHead head = { .block = BLOCKS - 1, .entries = 3 * (BLOCKS - 1) };
    LedgerEntry said = { .kind = LEDGER_PRUNED, .code = 6, .has_digest = true };
    memcpy(said.digest, k.list[4].hash, DIGEST_SIZE);
    memcpy(head.hash, k.list[BLOCKS - 2].hash, DIGEST_SIZE);
    k.n--;
    const LedgerEntry last[2] = { entry(LEDGER_ACCEPTED, BLOCKS, "dsk/3203", ""), said };
    write_block(&k, &head, last, 2);
    prune(&k, 5);
    assert_whole(&k);
    k.base.hash[0] ^= 1;
    assert_broken(&k, 5, 0, "countersigned another hash");
}

TEST(a_ledger_that_was_pruned_to_another_hash_does_not_say_so) {
    Book k;
    book_init(&k);
    LedgerHead head = { .block = BLOCKS - 1, .entries = 3 * (BLOCKS - 1) };
    const LedgerEntry said = { .kind = LEDGER_PRUNED, .code = 6, .has_digest = true };
    memcpy(head.hash, k.list[BLOCKS - 2].hash, DIGEST_SIZE);
    k.n--;
    const LedgerEntry last[2] = { entry(LEDGER_ACCEPTED, BLOCKS, "dsk/3203", ""), said };
    write_block(&k, &head, last, 2);
    prune(&k, 5);
    assert_broken(&k, 5, 0, "does not say so");
}

TEST(blocks_taken_off_the_start_are_seen) {
    Book k;
    book_init(&k);
    prune(&k, 5);
    assert_broken(&k, 5, 0, "does not say so");
}

TEST_MAIN
