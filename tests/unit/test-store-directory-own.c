/* SPDX-License-Identifier: Apache-2.0 */

/* A node's own record, which lies on top of what the hub signed, also after a restart. */

#include "test.h"

#include "directory-fixture.h"

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
