/* SPDX-License-Identifier: Apache-2.0 */

/* Who may change the signed directory, what the log tells of it, and rows somebody else wrote. */

#include "test.h"

#include "directory-fixture.h"

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
    op = query(&hub, "node-log", "18446744073709551615", NULL); /* behind all there is, no wrap */
    ASSERT_EQ(table_rows(op->query.table), 0);
    ASSERT_TRUE(!op->query.table->more);
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

TEST_MAIN
