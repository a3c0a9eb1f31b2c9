/* SPDX-License-Identifier: Apache-2.0 */

/* The signed directory in stores: a hub that makes it, and one below that follows. */

#include "test.h"

#include <time.h>

#include "base/text.h"
#include "core/directory-change.h"
#include "store-fixture.h"
#include "store/ledger.h"
#include "wire/codec.h"

static SignKey hub_key(void) {
    SignKey k;
    const uint8_t seed[SIGN_SEED_SIZE] = { 'h', 'u', 'b' };
    sign_key_from_seed(seed, &k);
    return k;
}

static SignKey sign_key_for(uint8_t n) {
    SignKey k;
    const uint8_t seed[SIGN_SEED_SIZE] = { 'k', 'e', 'y', n };
    sign_key_from_seed(seed, &k);
    return k;
}

static SignKey the_hub_key;

static void sign(Fixture *f) {
    StoreOp *op = store_op_new(OP_DIRECTORY_SIGN);
    run(f, op);
    ASSERT_TRUE(op->import.directory != NULL);
    store_op_free(op);
}

static void as_hub(Fixture *f) {
    the_hub_key = hub_key();
    f->config.hub = true;
    f->config.sign_key = &the_hub_key;
    f->config.directory_codec = &codec_directory;
    fixture_reopen(f);
    sign(f);
}

static void as_child(Fixture *f) {
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

static void curve_of(unsigned n, char ret[static CURVE_TEXT_SIZE]) {
    snprintf(ret, CURVE_TEXT_SIZE, "%040u", n);
}

static DirKey key_for(const char *node, unsigned n) {
    DirKey k = { 0 };
    text_copy(k.node, sizeof(k.node), node);
    snprintf(k.label, sizeof(k.label), "key %u", n);
    curve_of(n, k.curve);
    return k;
}

static const char *put_key_as_it_is(Fixture *f, const DirKey *k) {
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
static const char *put_key(Fixture *f, const char *node, unsigned n, bool revoked) {
    DirKey k = key_for(node, n);
    k.revoked = revoked;
    return put_key_as_it_is(f, &k);
}

static const DirHead *head_of(Fixture *f) {
    Directory *d = store_directory(f->store);
    static DirHead head;
    const DirHead *h = directory_head(d);
    if (h)
        head = *h;
    directory_unref(d);
    return h ? &head : NULL;
}

static bool has_key(Fixture *f, unsigned n) {
    char curve[CURVE_TEXT_SIZE];
    curve_of(n, curve);
    Directory *d = store_directory(f->store);
    const DirKey *k = directory_key(d, curve);
    const bool has = k && !k->revoked;
    directory_unref(d);
    return has;
}

static bool is_on_record(Fixture *f, const char *note) {
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

static bool same_head(Fixture *a, Fixture *b) {
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
static Sent read_for(Fixture *parent, uint64_t after, const TreeHash *root, uint64_t copy_of,
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

static void sent_deinit(Sent *f) {
    store_op_free(f->op);
}

/* The child takes them. The caller frees the operation. */
static StoreOp *take(Fixture *child, const Sent *f) {
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

static int take_verdict(Fixture *child, const Sent *f) {
    StoreOp *op = take(child, f);
    const int r = (int)op->take.verdict;
    store_op_free(op);
    return r;
}

/* As long as it takes. Returns the number of frames. */
static unsigned follow(Fixture *parent, Fixture *child) {
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

/* --- tests ---------------------------------------------------------------------------------- */

TEST(a_hub_that_gets_its_key_later_signs_what_it_has_as_the_next_version) {
    _cleanup_(fixture_deinit) Fixture hub;
    fixture_init_as(&hub, "hub");
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    ASSERT_TRUE(head_of(&hub) == NULL);
    Directory *d = store_directory(hub.store);
    const uint64_t before = directory_version(d);
    const size_t n = directory_node_count(d) + 1;
    directory_unref(d);
    as_hub(&hub);
    ASSERT_EQ(head_of(&hub)->at_ms, hub.now_ms);
    ASSERT_EQ(head_of(&hub)->version, before + 1);
    ASSERT_EQ(head_of(&hub)->size, n);
    fixture_reopen(&hub); /* once */
    ASSERT_EQ(head_of(&hub)->version, before + 1);
    HubKeys keys = { .n = 1, .list = { the_hub_key.public } };
    ASSERT_TRUE(hub_keys_signed_head(&keys, head_of(&hub)));
}

TEST(one_below_gets_everything_and_then_every_change) {
    HUB(hub);
    CHILD(child);
    ASSERT_TRUE(head_of(&child) == NULL);
    ASSERT_EQ(follow(&hub, &child), 1);
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    ASSERT_STR(put_key(&hub, "dsk/3203", 2, false), "");
    follow(&hub, &child);
    ASSERT_TRUE(has_key(&child, 1) && has_key(&child, 2));
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, true), "");
    follow(&hub, &child);
    ASSERT_TRUE(!has_key(&child, 1) && has_key(&child, 2));
    fixture_crash(&child);
    ASSERT_TRUE(same_head(&hub, &child) && has_key(&child, 2));
    ASSERT_TRUE(strstr(put_key(&child, "dsk/3203", 3, false), "import it there") != NULL);
    ASSERT_TRUE(!has_key(&child, 3));
}

TEST(one_that_was_off_for_two_hundred_changes_catches_up_in_a_few_frames) {
    HUB(hub);
    CHILD(child);
    follow(&hub, &child);
    for (unsigned i = 0; i < 200; i++)
        ASSERT_STR(put_key(&hub, "dsk/3203", i % 7, i % 3 == 0), "");
    ASSERT_TRUE(follow(&hub, &child) <= 5);
}

TEST(what_is_refused_changes_nothing) {
    HUB(hub);
    CHILD(child);
    follow(&hub, &child);
    const DirHead at = *head_of(&child);
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    ASSERT_STR(put_key(&hub, "dsk/3203", 2, false), "");
    _cleanup_(sent_deinit) Sent good = read_for(&hub, at.version, &at.root, 0, "");
    ASSERT_EQ(good.n, 2);

    Sent f = good; /* the second alone */
    f.changes[0] = good.changes[1];
    f.n = 1;
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_GAP);
    f = good; /* the wrong way round: nothing, for the first is not the next */
    f.changes[0] = good.changes[1];
    f.changes[1] = good.changes[0];
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_GAP);
    uint8_t forged[4096];
    memcpy(forged, good.changes[0].p, good.changes[0].n);
    forged[good.changes[0].n / 2] ^= 1;
    DirChange probe = { 0 };
    const char *why;
    f = good;
    f.n = 1;
    f.changes[0].p = forged;
    if (codec_decode_change(f.changes[0], &probe, &why) == 0)
        ASSERT_EQ(take_verdict(&child, &f), CHANGE_FORGED);
    dir_change_deinit(&probe);
    ASSERT_TRUE(head_of(&child)->version == at.version && !has_key(&child, 1));
    char note[64];
    snprintf(note, sizeof(note), "directory version %llu: GAP", (unsigned long long)at.version + 2);
    ASSERT_TRUE(is_on_record(&child, note));

    ASSERT_EQ(take_verdict(&child, &good), CHANGE_OK);
    ASSERT_EQ(head_of(&child)->version, at.version + 2);
    ASSERT_EQ(take_verdict(&child, &good), CHANGE_REPLAYED); /* the first of them is old */
    f = good;                                                /* the newest once more does no harm */
    f.changes[0] = good.changes[1];
    f.n = 1;
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_OK);
    ASSERT_TRUE(same_head(&hub, &child));
}

TEST(a_copy_that_is_not_whole_replaces_nothing) {
    HUB(hub);
    CHILD(child);
    StoreOp *op;
    DirChange part = { 0 };
    const char *why;
    _cleanup_(sent_deinit) Sent good = read_for(&hub, 0, NULL, 0, "");
    ASSERT_EQ(good.n, 1);
    ASSERT_OK(codec_decode_change(good.changes[0], &part, &why));
    ASSERT_TRUE(dir_change_is_part(&part));
    Directory *d = store_directory(child.store);
    const size_t before = directory_node_count(d);
    directory_unref(d);

    DirChange less = { .version = part.version,
                       .n_records = part.n_records - 1,
                       .leaves = part.leaves };
    ASSERT_OK(codec_encode_change(&less, NULL));
    Sent f = good;
    f.changes[0] = bytes_make(less.bytes, less.n_bytes);
    op = take(&child, &f); /* it waits for the rest */
    ASSERT_EQ(op->take.verdict, CHANGE_OK);
    ASSERT_EQ(op->take.copy_of, part.version);
    ASSERT_STR(op->take.behind, part.leaves[part.n_records - 2].name);
    store_op_free(op);
    ASSERT_TRUE(head_of(&child) == NULL);
    free(less.bytes);

    DirLeaf wrong = part.leaves[part.n_records - 1]; /* the last one, with another content */
    DirRecord r = part.records[part.n_records - 1];
    uint8_t buf[DIR_RECORD_MAX];
    r.node.capacity += 1;
    wrong.content = codec_encode_record(&r, buf, sizeof(buf));
    DirChange last = { .version = part.version, .n_records = 1, .leaves = &wrong };
    ASSERT_OK(codec_encode_change(&last, NULL));
    f.changes[0] = bytes_make(last.bytes, last.n_bytes);
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_TRUNCATED);
    free(last.bytes);
    f = good; /* no head of the hub, no copy */
    f.head.signature[0] ^= 1;
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_FORGED);
    ASSERT_TRUE(head_of(&child) == NULL);
    d = store_directory(child.store);
    ASSERT_EQ(directory_node_count(d), before);
    directory_unref(d);
    ASSERT_EQ(take_verdict(&child, &good), CHANGE_OK);
    ASSERT_TRUE(same_head(&hub, &child));
    ASSERT_EQ(take_verdict(&child, &good), CHANGE_REPLAYED); /* it has that version */
    dir_change_deinit(&part);
}

TEST(the_daily_head_is_taken_when_it_is_newer_and_the_hubs) {
    HUB(hub);
    CHILD(child);
    follow(&hub, &child);
    const int64_t before = head_of(&child)->at_ms;
    hub.now_ms += DAY_MS;
    sign(&hub);
    Sent f = { .head = *head_of(&hub) };
    f.head.signature[3] ^= 1;
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_FORGED);
    f.head = *head_of(&hub);
    f.head.at_ms += 1;
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_FORGED);
    ASSERT_EQ(head_of(&child)->at_ms, before);
    f.head = *head_of(&hub); /* of another directory of that version, as long as ours */
    f.head.root.b[0] ^= 1;
    directory_head_sign(&f.head, &the_hub_key);
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_REPLAYED);
    f.head = *head_of(&hub);
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_OK);
    ASSERT_EQ(head_of(&child)->at_ms, before + DAY_MS);
    fixture_reopen(&child);
    ASSERT_EQ(head_of(&child)->at_ms, before + DAY_MS);
}

/* --- somebody writes into the file ---------------------------------------------------------- */

static void write_file(Fixture *f, const char *sql) {
    f->store = store_close(f->store);
    Pages *pages = NULL;
    sqlite3 *db = NULL;
    ASSERT_OK(pages_new(&pages, NULL));
    ASSERT_OK(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, pages_vfs(pages)));
    ASSERT_OK(sqlite3_exec(db, sql, NULL, NULL, NULL));
    ASSERT_TRUE(sqlite3_total_changes(db) > 0);
    sqlite3_close(db);
    pages_free(pages);
}

TEST(a_row_that_somebody_wrote_is_noticed_at_the_start) {
    static const struct {
        const char *sql, *why;
    } cases[] = {
        { "UPDATE dir_key SET flags = 0", "what is in force is not what was signed" },
        { "UPDATE dir_node SET home = 'upt/evil' WHERE id = 'dsk/3203'",
          "what is in force is not what was signed" },
        { "INSERT INTO dir_key SELECT 'x' || substr(curve, 2), node, label, 2, 0, 0, ed25519,"
          " x25519, rights FROM dir_key LIMIT 1",
          "more in force than what was signed" },
        { "DELETE FROM dir_record WHERE name = 'node:dsk/3203'", "do not give the root" },
        { "UPDATE dir_record SET record = x'0a00' WHERE name = 'node:dsk/3203'", "cannot be read" },
        { "UPDATE dir_head SET version = version + 1", "another version" },
        { "UPDATE dir_head SET at = at + 1", "not signed with a key of the hub" },
        { "DELETE FROM dir_head", "without the head" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        HUB(hub);
        CHILD(child);
        ASSERT_STR(put_key(&hub, "dsk/3203", 1, true), "");
        follow(&hub, &child);
        write_file(&child, cases[i].sql);
        ASSERT_EQ(fixture_try_open(&child), -EUCLEAN);
        if (!strstr(child.why, cases[i].why))
            fail_msg("%s: %s", cases[i].sql, child.why);
    }
}

TEST(the_verb_check_reads_the_signed_records_again) {
    HUB(hub);
    StoreOp *op = store_op_new(OP_QUERY);
    strcpy(op->query.verb, "check");
    run(&hub, op);
    ASSERT_EQ(op->query.table->code, 0);
    store_op_free(op);
}

/* --- large ones ----------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void import_many(Fixture *f, unsigned n_nodes, unsigned n_keys) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.nodes = calloc(n_nodes, sizeof(DirNode));
    op->import.keys = calloc(n_keys, sizeof(DirKey));
    for (unsigned i = 0; i < n_nodes; i++) {
        DirNode *n = &op->import.nodes[op->import.n_nodes++];
        n->kind = NODE_LKS;
        snprintf(n->id, sizeof(n->id), "lks/%05u", i);
        snprintf(n->name, sizeof(n->name), "Lembaga nomor %u", i);
        text_copy(n->home, sizeof(n->home), SELF);
    }
    for (unsigned i = 0; i < n_keys; i++) {
        DirKey *k = &op->import.keys[op->import.n_keys++];
        snprintf(k->node, sizeof(k->node), "lks/%05u", i % n_nodes);
        strcpy(k->label, "main");
        curve_of(1000 + i, k->curve);
        memset(k->sign.b, 1 + (int)(i % 250), sizeof(k->sign.b));
        memcpy(k->sign.b, &i, sizeof(i));
    }
    run(f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

TEST(a_large_import_becomes_several_versions_and_goes_on_as_a_copy_in_parts) {
    HUB(hub);
    CHILD(child);
    const uint64_t before = head_of(&hub)->version;
    follow(&hub, &child);
    const DirHead old = *head_of(&child);
    import_many(&hub, 3000, 3000);
    ASSERT_TRUE(head_of(&hub)->version > before + 5);
    for (uint64_t at = 0;;) { /* nothing that is read is too large */
        _cleanup_(sent_deinit) Sent f = read_for(&hub, old.version + at, &old.root, 0, "");
        for (uint32_t i = 0; i < f.n; i++)
            ASSERT_TRUE(f.changes[i].n <= DIR_CHANGE_MAX);
        break;
    }
    follow(&hub, &child);
    CHILD(empty);
    ASSERT_TRUE(follow(&hub, &empty) > 2); /* a copy, in parts */
}

TEST(what_takes_a_right_away_comes_first_in_a_large_import) {
    HUB(hub);
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    const DirHead before = *head_of(&hub);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.nodes = calloc(3000, sizeof(DirNode));
    op->import.keys = calloc(1, sizeof(DirKey));
    for (unsigned i = 0; i < 3000; i++) {
        DirNode *n = &op->import.nodes[op->import.n_nodes++];
        n->kind = NODE_LKS;
        snprintf(n->id, sizeof(n->id), "lks/%05u", i);
    }
    DirKey *k = &op->import.keys[op->import.n_keys++];
    strcpy(k->node, "dsk/3203");
    curve_of(1, k->curve);
    k->revoked = true;
    run(&hub, op);
    store_op_free(op);
    _cleanup_(sent_deinit) Sent f = read_for(&hub, before.version, &before.root, 0, "");
    DirChange first;
    const char *why;
    ASSERT_OK(codec_decode_change(f.changes[0], &first, &why));
    ASSERT_EQ(first.n_records, 1);
    ASSERT_TRUE(first.records[0].kind == DIR_KEY && first.records[0].key.revoked);
    dir_change_deinit(&first);
}

TEST(one_change_among_twenty_thousand_records_takes_no_time) {
    HUB(hub);
    import_many(&hub, 7000, 13000);
    const double begin = seconds();
    for (unsigned i = 0; i < 10; i++)
        ASSERT_STR(put_key(&hub, "dsk/3203", i, false), "");
    const double each = (seconds() - begin) / 10;
    print_message("%.1f ms for a change\n", each * 1000);
    ASSERT_TRUE(each < (getenv("SERASI_SLOW") ? 5.0 : 0.25)); /* 50 ms on an idle machine */
}

/* --- what the log tells --------------------------------------------------------------------- */

static StoreOp *query(Fixture *f, const char *verb, const char *a, const char *b) {
    StoreOp *op = store_op_new(OP_QUERY);
    text_copy(op->query.verb, sizeof(op->query.verb), verb);
    if (a)
        op->query.args[op->query.n_args++] = strdup(a);
    if (b)
        op->query.args[op->query.n_args++] = strdup(b);
    run(f, op);
    assert_non_null(op->query.table);
    return op;
}

TEST(the_log_says_who_changed_what_and_how_it_was) {
    HUB(hub);
    char first[24], second[24];
    snprintf(first, sizeof(first), "%llu", (unsigned long long)head_of(&hub)->version);
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, true), "");
    snprintf(second, sizeof(second), "%llu", (unsigned long long)head_of(&hub)->version);

    StoreOp *op = query(&hub, "node-log", NULL, NULL);
    ASSERT_EQ(table_rows(op->query.table), 3);
    ASSERT_STR(table_cell(op->query.table, 2, 0), second);
    ASSERT_STR(table_cell(op->query.table, 2, 2), "hub");
    ASSERT_STR(table_cell(op->query.table, 2, 5), "for a test");
    store_op_free(op);
    op = query(&hub, "node-diff", first, second);
    ASSERT_EQ(table_rows(op->query.table), 1);
    ASSERT_STR(table_cell(op->query.table, 0, 1), "ADDED");
    store_op_free(op);
    op = query(&hub, "node-at", first, NULL);
    ASSERT_EQ(table_rows(op->query.table), 18);
    store_op_free(op);
    op = query(&hub, "node-at", "99", NULL);
    ASSERT_EQ(op->query.table->code, 1);
    store_op_free(op);
}

TEST(keys_are_proven_to_who_asks) {
    HUB(hub);
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    StoreOp *op = query(&hub, "directory-keys", "dsk/3203", "no/such");
    const KeyProofs *p = &op->query.proofs;
    HubKeys keys = { .n = 1, .list = { the_hub_key.public } };
    ASSERT_TRUE(p->has_head && hub_keys_signed_head(&keys, &p->head));
    ASSERT_TRUE(p->n >= 3); /* node, its key, its home broker, the hub */
    bool key = false;
    for (uint32_t i = 0; i < p->n; i++) {
        DirRecord r;
        const char *why;
        ASSERT_TRUE(record_proof_holds(&p->proofs[i], &p->head));
        ASSERT_OK(codec_decode_record(p->proofs[i].record, &r, &why));
        key |= r.kind == DIR_KEY && strcmp(r.key.node, "dsk/3203") == 0;
    }
    ASSERT_TRUE(key);
    store_op_free(op);
}

/* --- a node's own record -------------------------------------------------------------------- */

static bool record_applied(Fixture *f, const char *neighbour, uint32_t capacity,
                           SignatureState signature) {
    Message *m = message_to(f, "hub", 0);
    m->env.kind = KIND_NODE_RECORD;
    m->facts.readable = true;
    text_copy(m->facts.node.id, sizeof(m->facts.node.id), "dsk/3203");
    m->facts.node.kind = NODE_SOCIAL_AGENCY_REGENCY;
    m->facts.node.capacity = capacity;
    StoreOp *op = link_op(m, neighbour, f->config.self, f->now_ms);
    op->accept.signature = signature;
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    const bool applied = op->accept.directory != NULL;
    store_op_free(op);
    return applied;
}

/* What nobody signed is passed on, and changes nothing. */
static void say_capacity(Fixture *f, const char *neighbour, uint32_t capacity) {
    ASSERT_TRUE(!record_applied(f, neighbour, capacity + 1, SIGNATURE_UNKNOWN_KEY));
    ASSERT_TRUE(!record_applied(f, neighbour, capacity + 1, SIGNATURE_NONE));
    ASSERT_TRUE(record_applied(f, neighbour, capacity, SIGNATURE_GOOD));
}

static uint32_t capacity_of(Fixture *f) {
    Directory *d = store_directory(f->store);
    const uint32_t n = directory_node(d, "dsk/3203")->capacity;
    directory_unref(d);
    return n;
}

TEST(a_nodes_own_record_is_signed_at_the_hub_and_lies_on_top_below_it) {
    HUB(hub);
    CHILD(child);
    follow(&hub, &child);
    const DirHead before = *head_of(&child);
    say_capacity(&child, "hub", 41);
    ASSERT_EQ(capacity_of(&child), 41);
    ASSERT_EQ(head_of(&child)->version, before.version);
    fixture_reopen(&child);
    ASSERT_EQ(capacity_of(&child), 41);
    say_capacity(&hub, "upt/phala-martha", 42);
    ASSERT_EQ(head_of(&hub)->version, before.version + 1);
    follow(&hub, &child);
    ASSERT_EQ(capacity_of(&child), 42);
}

TEST(the_hub_does_not_revoke_the_key_it_signs_with) {
    HUB(hub);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.keys = calloc(1, sizeof(DirKey));
    op->import.n_keys = 1;
    op->import.keys[0] =
        (DirKey) { .node = "hub", .label = "main", .broker = true, .sign = the_hub_key.public };
    curve_of(7, op->import.keys[0].curve);
    run(&hub, op);
    ASSERT_STR(op->import.text, "");
    const uint64_t version = head_of(&hub)->version;
    store_op_free(op);
    op = store_op_new(OP_REVOKE);
    strcpy(op->import.node, "hub");
    run(&hub, op);
    ASSERT_TRUE(strstr(op->import.text, "does not stand") != NULL);
    ASSERT_EQ(head_of(&hub)->version, version);
    store_op_free(op);
}

/* --- whose a key is ------------------------------------------------------------------------- */

TEST(a_key_does_not_go_to_another_node_with_an_import) {
    HUB(hub);
    DirKey k = key_for("dsk/3203", 1);
    k.sign = sign_key_for(1).public;
    ASSERT_STR(put_key_as_it_is(&hub, &k), "");
    const DirHead before = *head_of(&hub);
    ASSERT_STR(put_key(&hub, "lks/3203/0001", 1, false),
               "refused: the CURVE key of lks/3203/0001 is the one of dsk/3203: no key goes from "
               "one node to another, make a new one");
    DirKey other = key_for("lks/3203/0001", 2);
    other.sign = k.sign;
    ASSERT_STR(put_key_as_it_is(&hub, &other),
               "refused: the signing key of lks/3203/0001 is the one of dsk/3203: no key goes from "
               "one node to another, make a new one");
    k.revoked = true; /* nor afterwards: what it signed stays its node's */
    ASSERT_STR(put_key_as_it_is(&hub, &k), "");
    ASSERT_TRUE(strstr(put_key(&hub, "lks/3203/0001", 1, false), "CURVE") != NULL);
    ASSERT_TRUE(strstr(put_key_as_it_is(&hub, &other), "signing") != NULL);
    ASSERT_EQ(head_of(&hub)->version, before.version + 1);
    other.sign = sign_key_for(2).public;
    ASSERT_STR(put_key_as_it_is(&hub, &other), "");
    strcpy(other.label, "renamed"); /* within its node a record may change */
    ASSERT_STR(put_key_as_it_is(&hub, &other), "");
}

/* As a hub would sign it that does not ask whose the key is. */
static DirChange moved_by_the_hub(Fixture *hub, const DirKey *k, DirLeaf *leaf, uint8_t *content) {
    const DirHead before = *head_of(hub);
    const DirRecord r = { .kind = DIR_KEY, .key = *k };
    DirTree *tree = NULL, *after = NULL;
    DirChange all = { 0 };
    const char *why;
    _cleanup_(sent_deinit) Sent copy = read_for(hub, 0, NULL, 0, "");
    ASSERT_OK(codec_decode_change(copy.changes[0], &all, &why));
    ASSERT_OK(dir_tree_edit(&tree, NULL, all.leaves, all.n_records));
    dir_record_name(&r, leaf->name);
    leaf->content = codec_encode_record(&r, content, DIR_RECORD_MAX);
    ASSERT_OK(dir_tree_edit(&after, tree, leaf, 1));
    DirChange c = { .version = before.version + 1,
                    .previous = before.root,
                    .changed_ms = hub->now_ms,
                    .by = "hub",
                    .n_records = 1,
                    .leaves = leaf };
    c.head = (DirHead) { .version = c.version,
                         .at_ms = MAX(hub->now_ms, before.at_ms),
                         .size = dir_tree_size(after),
                         .root = dir_tree_root(after) };
    directory_head_sign(&c.head, &the_hub_key);
    ASSERT_OK(codec_encode_change(&c, &the_hub_key));
    dir_tree_free(tree);
    dir_tree_free(after);
    dir_change_deinit(&all);
    return c;
}

/* Who keeps the old record has another root than the hub from then on, and hears of nothing more:
 * of no revocation either. */
TEST(below_the_hub_a_key_that_it_moved_is_moved_and_on_record) {
    HUB(hub);
    CHILD(child);
    DirLeaf leaf = { 0 };
    uint8_t content[DIR_RECORD_MAX];
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    follow(&hub, &child);
    const DirKey moved = key_for("lks/3203/0001", 1);
    DirChange c = moved_by_the_hub(&hub, &moved, &leaf, content);
    Sent f = { .head = c.head, .n = 1, .changes = { bytes_make(c.bytes, c.n_bytes) } };
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_OK);
    ASSERT_TRUE(tree_hash_equal(&head_of(&child)->root, &c.head.root));
    fixture_reopen(&child);
    Directory *d = store_directory(child.store);
    ASSERT_STR(directory_key(d, moved.curve)->node, "lks/3203/0001");
    directory_unref(d);
    ASSERT_TRUE(is_on_record(&child, "MOVED FROM dsk/3203"));
    free(c.bytes);
}

TEST(a_hub_restored_from_a_backup_signs_above_what_others_have) {
    HUB(hub);
    CHILD(child);
    char command[512];
    follow(&hub, &child);
    hub.store = store_close(hub.store);
    snprintf(command, sizeof(command), "cp %s %s/backup", hub.path, hub.folder);
    ASSERT_OK(system(command));
    fixture_open(&hub);
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    ASSERT_STR(put_key(&hub, "dsk/3203", 2, false), "");
    follow(&hub, &child);
    const uint64_t lost = head_of(&child)->version;
    hub.store = store_close(hub.store);
    snprintf(command, sizeof(command), "rm -f %s-*; mv %s/backup %s", hub.path, hub.folder,
             hub.path);
    ASSERT_OK(system(command));
    fixture_open(&hub);
    ASSERT_STR(put_key(&hub, "dsk/3203", 3, false), "");
    const DirHead at = *head_of(&child);
    _cleanup_(sent_deinit) Sent f = read_for(&hub, at.version, &at.root, 0, "");
    ASSERT_EQ(f.n, 0); /* the child is ahead: nothing for it, and it keeps what it has */
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_OK);
    ASSERT_EQ(head_of(&child)->version, lost);

    StoreOp *op = store_op_new(OP_DIRECTORY_SIGN);
    op->import.above = lost;
    run(&hub, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
    ASSERT_EQ(head_of(&hub)->version, lost + 1);
    follow(&hub, &child);
    ASSERT_TRUE(has_key(&child, 3) && !has_key(&child, 2));
    ASSERT_STR(put_key(&hub, "dsk/3203", 4, false), "");
    follow(&hub, &child);
    op = store_op_new(OP_DIRECTORY_SIGN);
    op->import.above = 1;
    run(&hub, op);
    ASSERT_TRUE(op->import.text[0] != '\0');
    store_op_free(op);
}

/* --- after a restart -------------------------------------------------------------------------- */

/* All that is known of them, as it is written in records. */
static size_t written(Fixture *f, const char *node, const char *curve, CivilDate day,
                      uint8_t ret[static 3 * DIR_RECORD_MAX]) {
    Directory *d = store_directory(f->store);
    const DirRecord list[] = { { .kind = DIR_NODE, .node = *directory_node(d, node) },
                               { .kind = DIR_KEY, .key = *directory_key(d, curve) },
                               { .kind = DIR_HOLIDAY, .holiday = *directory_holiday(d, day) } };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        const Bytes b = codec_encode_record(&list[i], ret + n, DIR_RECORD_MAX);
        ASSERT_TRUE(b.n > 0);
        memmove(ret + n, b.p, b.n);
        n += b.n;
    }
    directory_unref(d);
    return n;
}

TEST(a_restart_forgets_nothing_of_a_record) {
    HUB(f);
    static uint8_t before[3 * DIR_RECORD_MAX], after[3 * DIR_RECORD_MAX];
    const CivilDate day = { 2025, 8, 18 };
    DirNode node = { .id = "lks/3203/0007",
                     .kind = NODE_LKS,
                     .name = "Rumah",
                     .parent = "dsk/3203",
                     .home = "upt/phala-martha",
                     .ipwl = true,
                     .odhiv = true,
                     .capacity = 12,
                     .bases = 5,
                     .accreditation_grade = 2,
                     .accreditation_valid_until = { 2026, 2, 28 },
                     .designation_by = 1,
                     .designation_scope = 2,
                     .designation_valid_until = { 2027, 12, 31 },
                     .n_areas = 2,
                     .areas = { { .region = "3203", .cluster = 1, .priority = 3 },
                                { .region = "32", .priority = 9 } },
                     .n_clusters = 2,
                     .clusters = { 1, 4 } };
    DirKey key = key_for(node.id, 7);
    key.valid_from_ms = f.now_ms - DAY_MS;
    key.valid_until_ms = f.now_ms + 300 * DAY_MS;
    key.operator_ = true;
    key.sign = sign_key_for(1).public;
    memset(key.seal.b, 7, sizeof(key.seal.b));
    key.rights = (Rights) { .n = 1, .list = { { .verb = RIGHT_PUBLISH, .region = "3203" } } };
    right_add_kind(&key.rights.list[0], KIND_COMPLAINT);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.keys = calloc(1, sizeof(DirKey));
    op->import.holidays = calloc(1, sizeof(DirHoliday));
    op->import.n_nodes = op->import.n_keys = op->import.n_holidays = 1;
    op->import.nodes[0] = node;
    op->import.keys[0] = key;
    op->import.holidays[0] = (DirHoliday) { .on = day, .name = "Cuti bersama", .working = true };
    run(&f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
    const size_t n = written(&f, node.id, key.curve, day, before);
    fixture_reopen(&f);
    ASSERT_EQ(written(&f, node.id, key.curve, day, after), n);
    ASSERT_EQ(memcmp(before, after, n), 0);
}

TEST_MAIN
