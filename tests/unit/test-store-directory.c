/* SPDX-License-Identifier: Apache-2.0 */

/* The signed directory goes from the hub's store into those below: changes, copies, large ones. */

#include "test.h"

#include <time.h>

#include "directory-fixture.h"
#include "store/internal.h"

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

/* Whoever stole it may not sign on in the frame that tells of it. */
TEST(a_key_of_the_hub_that_a_change_ends_signs_nothing_behind_it) {
    HUB(hub);
    CHILD(child);
    const SignKey stolen = hub_key(), next = sign_key_for(77);
    DirKey old = key_for("hub", 9), k = key_for("hub", 10);
    old.broker = k.broker = true;
    old.sign = stolen.public;
    k.sign = next.public;
    ASSERT_STR(put_key_as_it_is(&hub, &old), "");
    ASSERT_STR(put_key_as_it_is(&hub, &k), "");
    the_hub_key = next;
    fixture_reopen(&hub);
    follow(&hub, &child);
    const DirHead at = *head_of(&child);
    old.revoked = true;
    ASSERT_STR(put_key_as_it_is(&hub, &old), "");
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    _cleanup_(sent_deinit) Sent both = read_for(&hub, at.version, &at.root, 0, "");
    ASSERT_EQ(both.n, 2);
    DirChange forged = { 0 };
    const char *why;
    ASSERT_OK(codec_decode_change(both.changes[1], &forged, &why));
    DirChange again = forged;
    again.bytes = NULL;
    directory_head_sign(&again.head, &stolen);
    ASSERT_OK(codec_encode_change(&again, &stolen));
    both.changes[1] = bytes_make(again.bytes, again.n_bytes);
    ASSERT_EQ(take_verdict(&child, &both), CHANGE_FORGED);
    free(again.bytes);
    dir_change_deinit(&forged);
    ASSERT_EQ(head_of(&child)->version, at.version + 1);
    ASSERT_TRUE(!has_key(&child, 1));
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

static int64_t number(Fixture *f, const char *sql) {
    return db_number(f->store, QUERY(f->store, sql), -1);
}
#define CHANGES "SELECT count(*) FROM dir_change"
#define RECORDS "SELECT count(*) FROM dir_record"

typedef struct Part {
    DirChange whole; /* all of a copy that fits a frame */
    Sent sent;
} Part;

static void part_deinit(Part *p) {
    dir_change_deinit(&p->whole);
    sent_deinit(&p->sent);
}

static void part_read(Fixture *hub, Part *ret) {
    const char *why;
    *ret = (Part) { .sent = read_for(hub, 0, NULL, 0, "") };
    ASSERT_OK(codec_decode_change(ret->sent.changes[0], &ret->whole, &why));
    ASSERT_TRUE(dir_change_is_part(&ret->whole) && ret->whole.n_records > 2);
}

/* n leaves from that one on come as a part of that version. */
static int take_leaves(Fixture *child, const Part *p, uint32_t from, uint32_t n, uint64_t version) {
    DirChange some = { .version = version, .n_records = n, .leaves = p->whole.leaves + from };
    Sent f = p->sent;
    ASSERT_OK(codec_encode_change(&some, NULL));
    f.changes[0] = bytes_make(some.bytes, some.n_bytes);
    const int verdict = take_verdict(child, &f);
    free(some.bytes);
    return verdict;
}

TEST(a_copy_with_more_than_its_head_says_is_not_collected) {
    HUB(hub);
    CHILD(child);
    _cleanup_(part_deinit) Part p;
    part_read(&hub, &p);
    const uint32_t n = p.whole.n_records;
    p.sent.head.size = n - 1;
    directory_head_sign(&p.sent.head, &the_hub_key);
    ASSERT_EQ(take_leaves(&child, &p, 0, n, p.whole.version), CHANGE_TRUNCATED);
    ASSERT_TRUE(child.store->directory_copy == NULL);
    ASSERT_TRUE(head_of(&child) == NULL);
}

TEST(a_part_of_another_version_ends_a_copy) {
    HUB(hub);
    CHILD(child);
    _cleanup_(part_deinit) Part p;
    part_read(&hub, &p);
    const uint32_t n = p.whole.n_records;
    ASSERT_EQ(take_leaves(&child, &p, 0, n - 1, p.whole.version), CHANGE_OK);
    ASSERT_TRUE(child.store->directory_copy != NULL);
    ASSERT_EQ(take_leaves(&child, &p, n - 1, 1, p.whole.version + 1), CHANGE_TRUNCATED);
    ASSERT_TRUE(child.store->directory_copy == NULL);
    ASSERT_TRUE(head_of(&child) == NULL);
}

/* The hub came back from a backup: parts of both would be neither. */
TEST(with_another_root_a_copy_begins_anew) {
    HUB(hub);
    CHILD(child);
    _cleanup_(part_deinit) Part p;
    part_read(&hub, &p);
    const uint32_t n = p.whole.n_records;
    ASSERT_EQ(take_leaves(&child, &p, 0, n - 1, p.whole.version), CHANGE_OK);
    p.sent.head.root.b[0] ^= 1;
    directory_head_sign(&p.sent.head, &the_hub_key);
    ASSERT_EQ(take_leaves(&child, &p, n - 1, 1, p.whole.version), CHANGE_OK);
    ASSERT_TRUE(child.store->directory_copy != NULL); /* the rest of it is to come */
    ASSERT_TRUE(head_of(&child) == NULL);
}

/* Its log is of versions that do not lead to it, and its records are not those before. */
TEST(a_copy_leaves_nothing_of_what_was_before_and_is_on_record) {
    HUB(hub);
    CHILD(child);
    follow(&hub, &child);
    ASSERT_TRUE(is_on_record(&child, "a copy of the whole directory"));
    ASSERT_STR(put_key(&hub, "dsk/3203", 1, false), "");
    follow(&hub, &child);
    ASSERT_TRUE(number(&child, CHANGES) > 0);
    ASSERT_STR(put_key(&hub, "dsk/3203", 2, false), "");
    _cleanup_(part_deinit) Part p;
    part_read(&hub, &p);
    ASSERT_EQ(take_leaves(&child, &p, 0, p.whole.n_records, p.whole.version), CHANGE_OK);
    ASSERT_TRUE(same_head(&hub, &child));
    ASSERT_EQ(number(&child, CHANGES), 0);
    ASSERT_EQ(number(&child, RECORDS), p.whole.n_records);
}

TEST(the_daily_head_is_taken_when_it_is_newer_and_the_hubs) {
    HUB(hub);
    CHILD(child);
    follow(&hub, &child);
    const int64_t before = head_of(&child)->at_ms;
    const DirHead yesterday = *head_of(&child);
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
    f.head = yesterday; /* of use to nobody */
    ASSERT_EQ(take_verdict(&child, &f), CHANGE_OK);
    ASSERT_EQ(head_of(&child)->at_ms, before + DAY_MS);
    fixture_reopen(&child);
    ASSERT_EQ(head_of(&child)->at_ms, before + DAY_MS);
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

TEST_MAIN
