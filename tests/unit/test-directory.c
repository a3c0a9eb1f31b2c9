/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include "core/directory-change.h"
#include "sample.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* --- building ------------------------------------------------------------------------------- */

TEST(nodes_come_in_order_of_id_and_by_id) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    ASSERT_EQ(directory_version(d), 7);
    ASSERT_EQ(directory_node_count(d), 18);
    for (size_t i = 1; i < directory_node_count(d); i++)
        ASSERT_TRUE(strcmp(directory_node_at(d, i - 1)->id, directory_node_at(d, i)->id) < 0);
    assert_null(directory_node_at(d, 18));
    ASSERT_EQ(directory_node(d, "dsk/3203")->kind, NODE_SOCIAL_AGENCY_REGENCY);
    assert_null(directory_node(d, "dsk/320"));
    ASSERT_STR(directory_node(d, "hub")->home, "hub"); /* a broker is its own home */
}

TEST(adding_again_replaces) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    DirNode n = sample_node("dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "hub");
    ASSERT_OK(directory_add_node(d, &n));
    ASSERT_OK(directory_add_key(d, &(DirKey) { .curve = KEY_A, .node = "hub" }));
    ASSERT_OK(directory_add_key(d, &(DirKey) { .curve = KEY_A, .node = "dsk/3203" }));
    ASSERT_OK(directory_seal(d, 1));
    ASSERT_EQ(directory_node_count(d), 18);
    ASSERT_STR(directory_node(d, "dsk/3203")->home, "hub");
    ASSERT_EQ(directory_key_count(d), 1);
    ASSERT_STR(directory_key(d, KEY_A)->node, "dsk/3203");
}

TEST(records_that_cannot_stand_are_refused) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    DirNode good = sample_node("dsk/3301", NODE_SOCIAL_AGENCY_REGENCY, "hub"), n = good;
    n.id[0] = 'X';
    ASSERT_EQ(directory_add_node(d, &n), -EINVAL);
    n = good;
    n.kind = 0;
    ASSERT_EQ(directory_add_node(d, &n), -EINVAL);
    n = good;
    strcpy(n.home, "no home");
    ASSERT_EQ(directory_add_node(d, &n), -EINVAL);
    n = good;
    n.n_areas = DIR_AREAS_MAX + 1;
    ASSERT_EQ(directory_add_node(d, &n), -EINVAL);
    n = good;
    sample_area(&n, "3a", 0, 1);
    ASSERT_EQ(directory_add_node(d, &n), -EINVAL);
    n = good;
    n.accreditation_valid_until = (CivilDate) { 2025, 13, 1 };
    ASSERT_EQ(directory_add_node(d, &n), -EINVAL);
    n = good;
    memset(n.name, 'x', sizeof(n.name));
    ASSERT_EQ(directory_add_node(d, &n), -EINVAL);
    ASSERT_EQ(directory_add_key(d, &(DirKey) { .curve = "short", .node = "hub" }), -EINVAL);
    ASSERT_EQ(directory_add_key(d, &(DirKey) { .curve = KEY_A, .node = "" }), -EINVAL);
    ASSERT_EQ(directory_add_region(d, &(DirRegion) { .code = "" }), -EINVAL);
    ASSERT_EQ(directory_add_region(d, &(DirRegion) { .code = "3270" }), -EINVAL);
    ASSERT_OK(directory_seal(d, 1));
    ASSERT_EQ(directory_add_node(d, &good), -EINVAL);
    ASSERT_EQ(directory_seal(d, 2), -EINVAL);
}

TEST(a_circle_of_brokers_is_refused) {
    Directory *d = sample_unsealed();
    DirNode hub = sample_broker("hub", NODE_NATIONAL_HUB, "upt/loka-kutoarjo");
    sample_add(d, &hub);
    ASSERT_EQ(directory_seal(d, 1), -EINVAL);
    assert_null(directory_unref(d));
    ASSERT_OK(directory_new(&d));
    DirNode self = sample_broker("hub", NODE_NATIONAL_HUB, "hub");
    sample_add(d, &self);
    ASSERT_EQ(directory_seal(d, 1), -EINVAL);
    (void)directory_unref(d);
}

static int seal_of_a_chain(int length) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    char id[16], above[16] = "";
    ASSERT_OK(directory_new(&d));
    for (int i = 0; i < length; i++) {
        (void)snprintf(id, sizeof(id), "upt/%d", i);
        DirNode n = sample_broker(id, NODE_UPT_BALAI, above);
        sample_add(d, &n);
        strcpy(above, id);
    }
    return directory_seal(d, 1);
}

TEST(a_tree_may_be_32_brokers_deep) {
    ASSERT_OK(seal_of_a_chain(32));
    ASSERT_EQ(seal_of_a_chain(34), -EINVAL);
}

TEST(a_broker_may_not_have_more_neighbours_than_a_scope_can_reach) {
    for (uint32_t n = SCOPE_HOPS_MAX - 1; n <= SCOPE_HOPS_MAX; n++) {
        _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
        for (uint32_t i = 2; i < n; i++) { /* the sample has two */
            char id[16];
            (void)snprintf(id, sizeof(id), "upt/%u", i);
            DirNode b = sample_broker(id, NODE_UPT_BALAI, "hub");
            sample_add(d, &b);
        }
        ASSERT_EQ(directory_seal(d, 1), n < SCOPE_HOPS_MAX ? 0 : -EINVAL);
    }
}

TEST(snapshots_are_shared_by_reference) {
    Directory *d = sample_directory();
    Directory *again = directory_ref(d);
    assert_null(directory_unref(d));
    assert_non_null(directory_node(again, "hub"));
    assert_null(directory_unref(again));
    assert_null(directory_unref(NULL));
}

TEST(keys_are_usable_within_their_time_while_their_node_is_active) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    DirKey k = { .curve = KEY_A, .node = "dsk/3203", .valid_from_ms = 100, .valid_until_ms = 200 };
    ASSERT_OK(directory_add_key(d, &k));
    ASSERT_OK(directory_add_key(d, &(DirKey) { .curve = KEY_B, .node = "hub", .revoked = true }));
    ASSERT_OK(directory_seal(d, 1));
    assert_null(directory_key(d, "cccccccccccccccccccccccccccccccccccccccc"));
    ASSERT_STR(directory_key_at(d, 1)->curve, KEY_B);
    assert_null(directory_key_at(d, 2));

    const DirKey *a = directory_key(d, KEY_A);
    ASSERT_TRUE(!directory_key_is_usable(d, a, 99));
    ASSERT_TRUE(directory_key_is_usable(d, a, 100));
    ASSERT_TRUE(directory_key_is_usable(d, a, 199));
    ASSERT_TRUE(!directory_key_is_usable(d, a, 200));
    ASSERT_TRUE(!directory_key_is_usable(d, directory_key(d, KEY_B), 150));
    k = *a;
    strcpy(k.node, "dsk/3299"); /* inactive */
    ASSERT_TRUE(!directory_key_is_usable(d, &k, 150));
    strcpy(k.node, "dsk/9999");
    ASSERT_TRUE(!directory_key_is_usable(d, &k, 150));
    k = *a;
    k.valid_from_ms = k.valid_until_ms = 0;
    ASSERT_TRUE(directory_key_is_usable(d, &k, INT64_MAX));
}

/* --- the keys of a node --------------------------------------------------------------------- */

#define KEY_C "cccccccccccccccccccccccccccccccccccccccc"
#define KEY_D "dddddddddddddddddddddddddddddddddddddddd"

/* dsk/3203 changes its key "main" from C to A between 200 and 300, and has another one, B; D is of
 * a node whose id begins like that. */
static Directory *directory_with_keys(void) {
    Directory *d = sample_unsealed();
    const DirKey keys[] = {
        { .curve = KEY_D, .node = "dsk/3204", .label = "main" },
        { .curve = KEY_C,
          .node = "dsk/3203",
          .label = "main",
          .valid_until_ms = 300,
          .sign = { { 3 } } },
        { .curve = KEY_B, .node = "dsk/3203", .label = "bridge", .seal = { { 2 } } },
        { .curve = KEY_A,
          .node = "dsk/3203",
          .label = "main",
          .valid_from_ms = 200,
          .sign = { { 1 } } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        ASSERT_OK(directory_add_key(d, &keys[i]));
    ASSERT_OK(directory_seal(d, 1));
    return d;
}

static void usable_at(const Directory *d, const char *node, int64_t now_ms, const char *wanted) {
    char have[8] = "";
    size_t at = 0;
    const DirKey *k;
    while ((k = directory_next_usable_key(d, node, now_ms, &at)))
        have[strlen(have)] = k->curve[0];
    ASSERT_STR(have, wanted);
}

TEST(the_keys_of_a_node_stand_together_by_label) {
    _cleanup_(directory_unrefp) Directory *d = directory_with_keys();
    size_t n;
    const DirKey *const *keys = directory_keys_of(d, "dsk/3203", &n);
    ASSERT_EQ(n, 3);
    ASSERT_STR(keys[0]->curve, KEY_B);
    ASSERT_STR(keys[1]->curve, KEY_A);
    ASSERT_STR(keys[2]->curve, KEY_C);
    ASSERT_STR(directory_keys_of(d, "dsk/3204", &n)[0]->curve, KEY_D);
    ASSERT_EQ(n, 1);
    for (const char *const *none = (const char *const[]) { "dsk/320", "aaa", "zzz", "", NULL };
         *none; none++) {
        assert_null(directory_keys_of(d, *none, &n));
        ASSERT_EQ(n, 0);
    }
}

TEST(two_keys_of_one_label_overlap_and_the_newer_one_is_taken) {
    _cleanup_(directory_unrefp) Directory *d = directory_with_keys();
    usable_at(d, "dsk/3203", 100, "bc");
    usable_at(d, "dsk/3203", 250, "bac");
    usable_at(d, "dsk/3203", 300, "ba");
    usable_at(d, "dsk/9999", 100, "");
}

TEST(a_signing_key_is_found_by_its_id_whatever_its_state) {
    _cleanup_(directory_unrefp) Directory *d = directory_with_keys();
    const KeyId a = key_id((SignPublic) { { 1 } }.b), c = key_id((SignPublic) { { 3 } }.b);
    const KeyId b = key_id((SealPublic) { { 2 } }.b), none = key_id((SignPublic) { { 0 } }.b);
    ASSERT_STR(directory_key_by_sign_id(d, "dsk/3203", &a)->curve, KEY_A);
    ASSERT_STR(directory_key_by_sign_id(d, "dsk/3203", &c)->curve, KEY_C);
    assert_null(directory_key_by_sign_id(d, "dsk/3203", &b)); /* it seals */
    assert_null(directory_key_by_sign_id(d, "dsk/3203", &none));
    assert_null(directory_key_by_sign_id(d, "dsk/3204", &a)); /* of another node */
}

TEST(a_revoked_signing_key_does_not_live_again_in_another_record) {
    for (unsigned i = 0; i < 2; i++) { /* whichever record comes first */
        _cleanup_(directory_unrefp) Directory *d = NULL;
        DirKey old = { .node = "dsk/3203", .label = "main", .sign = { { 7 } }, .revoked = true };
        DirKey new = { .node = "dsk/3203", .label = "main", .sign = { { 7 } } };
        const KeyId id = key_id(old.sign.b);
        strcpy(old.curve, i ? KEY_A : KEY_B);
        strcpy(new.curve, i ? KEY_B : KEY_A);
        DirNode n = sample_node("dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "hub");
        ASSERT_OK(directory_new(&d));
        ASSERT_OK(directory_add_node(d, &n));
        ASSERT_OK(directory_add_key(d, &old));
        ASSERT_OK(directory_add_key(d, &new));
        ASSERT_OK(directory_seal(d, 1));
        ASSERT_TRUE(directory_key_by_sign_id(d, "dsk/3203", &id)->revoked);
    }
}

/* --- holidays ------------------------------------------------------------------------------- */

TEST(weekends_and_holidays_are_no_working_days) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    DirHoliday lebaran = { .on = { 2025, 3, 31 }, .name = "Idul Fitri" };
    DirHoliday nyepi = { .on = { 2025, 3, 28 }, .name = "Nyepi" };
    DirHoliday saturday = { .on = { 2025, 3, 29 }, .working = true };
    ASSERT_OK(directory_add_holiday(d, &lebaran));
    ASSERT_OK(directory_add_holiday(d, &nyepi));
    ASSERT_OK(directory_add_holiday(d, &saturday));
    nyepi.working = true; /* taken back */
    ASSERT_OK(directory_add_holiday(d, &nyepi));
    ASSERT_OK(directory_seal(d, 1));
    ASSERT_TRUE(directory_is_working_day(d, (CivilDate) { 2025, 3, 27 }));
    ASSERT_TRUE(directory_is_working_day(d, (CivilDate) { 2025, 3, 28 }));
    ASSERT_TRUE(!directory_is_working_day(d, (CivilDate) { 2025, 3, 29 }));
    ASSERT_TRUE(!directory_is_working_day(d, (CivilDate) { 2025, 3, 30 }));
    ASSERT_TRUE(!directory_is_working_day(d, (CivilDate) { 2025, 3, 31 }));
    ASSERT_TRUE(directory_is_working_day(d, (CivilDate) { 2025, 4, 1 }));
    ASSERT_TRUE(!directory_is_working_day(d, (CivilDate) { 1969, 12, 28 })); /* a Sunday */
    ASSERT_TRUE(directory_is_working_day(d, (CivilDate) { 1969, 12, 29 }));
    ASSERT_EQ(directory_holiday_count(d), 3);
    ASSERT_STR(directory_holiday_at(d, 0)->name, "Nyepi");
    ASSERT_STR(directory_holiday_at(d, 2)->name, "Idul Fitri");
    assert_null(directory_holiday_at(d, 3));
    ASSERT_EQ(directory_add_holiday(d, &lebaran), -EINVAL); /* sealed */
}

TEST(a_holiday_that_cannot_stand_is_refused) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    DirHoliday h = { .on = { 2025, 2, 29 } };
    ASSERT_EQ(directory_add_holiday(d, &h), -EINVAL);
    h.on = (CivilDate) { 0 };
    ASSERT_EQ(directory_add_holiday(d, &h), -EINVAL);
    h.on = (CivilDate) { 2024, 2, 29 };
    memset(h.name, 'x', sizeof(h.name));
    ASSERT_EQ(directory_add_holiday(d, &h), -EINVAL);
}

/* --- one node changed ----------------------------------------------------------------------- */

static int with_node(Directory **ret, Directory *from, const DirNode *n) {
    const DirectoryEdit e = { .n_nodes = 1, .nodes = n };
    const char *what;
    return directory_with_edit(ret, from, &e, directory_version(from) + 1, &what);
}

TEST(a_directory_with_one_node_changed_is_the_next_version_and_shares_the_rest) {
    Directory *first = sample_unsealed(), *second = NULL, *third = NULL;
    DirHoliday h = { .on = { 2025, 3, 31 } };
    ASSERT_OK(directory_add_key(first, &(DirKey) { .curve = KEY_A, .node = "dsk/3203" }));
    ASSERT_OK(directory_add_region(first, &(DirRegion) { .code = "3203", .name = "Cianjur" }));
    ASSERT_OK(directory_add_holiday(first, &h));
    ASSERT_OK(directory_seal(first, 7));
    DirNode n = *directory_node(first, "uptd/32/pa-02");
    n.capacity = 41;
    ASSERT_OK(with_node(&second, first, &n));
    n.capacity = 42;
    ASSERT_OK(with_node(&third, second, &n));
    ASSERT_EQ(directory_node(first, n.id)->capacity, 0);
    ASSERT_EQ(directory_node(second, n.id)->capacity, 41);
    (void)directory_unref(first);
    (void)directory_unref(second);
    ASSERT_EQ(directory_version(third), 9);
    ASSERT_EQ(directory_node(third, n.id)->capacity, 42);
    ASSERT_EQ(directory_node_count(third), 18);
    ASSERT_EQ(directory_by_role(third, NODE_UPTD, "3203", CLUSTER_CHILD)->capacity, 42);
    ASSERT_STR(directory_key(third, KEY_A)->node, "dsk/3203");
    ASSERT_STR(directory_key_at(third, 0)->node, "dsk/3203");
    size_t n_keys;
    ASSERT_STR(directory_keys_of(third, "dsk/3203", &n_keys)[0]->curve, KEY_A);
    ASSERT_TRUE(directory_region_is_known(third, "3203"));
    ASSERT_TRUE(!directory_region_is_known(third, "3204"));
    ASSERT_TRUE(!directory_is_working_day(third, h.on));
    ASSERT_EQ(directory_holiday_count(third), 1);
    n.n_areas = DIR_AREAS_MAX + 1;
    ASSERT_EQ(with_node(&first, third, &n), -EINVAL);
    (void)directory_unref(third);
}

TEST(a_directory_with_keys_changed_shares_its_nodes_and_outlives_what_it_came_from) {
    static const char *const gone[] = { "key:" KEY_A, "holiday:2025-03-31", "region:3203" };
    Directory *first = sample_unsealed(), *second = NULL, *third = NULL;
    const DirHoliday goes = { .on = { 2025, 3, 31 } }, stays = { .on = { 2025, 4, 1 } };
    const DirRegion more = { .code = "3302", .name = "Banyumas" };
    const char *what;
    ASSERT_OK(directory_add_key(first, &(DirKey) { .curve = KEY_A, .node = "dsk/3203" }));
    ASSERT_OK(directory_add_region(first, &(DirRegion) { .code = "3203", .name = "Cianjur" }));
    ASSERT_OK(directory_add_region(first, &(DirRegion) { .code = "3204", .name = "Bandung" }));
    ASSERT_OK(directory_add_holiday(first, &goes));
    ASSERT_OK(directory_add_holiday(first, &stays));
    ASSERT_OK(directory_seal(first, 7));
    const DirKey key = { .curve = KEY_B, .node = "dsk/3204", .label = "main" };
    const DirectoryEdit e = {
        .n_keys = 1, .keys = &key, .n_regions = 1, .regions = &more, .n_removed = 3, .removed = gone
    };
    ASSERT_OK(directory_with_edit(&second, first, &e, 8, &what));
    (void)directory_unref(first);
    ASSERT_OK(directory_with_edit(&third, second, &(DirectoryEdit) { 0 }, 8, &what));
    (void)directory_unref(second);
    ASSERT_EQ(directory_node_count(third), 18);
    ASSERT_TRUE(directory_node(third, "uptd/32/pa-02") != NULL);
    ASSERT_EQ(directory_key_count(third), 1);
    ASSERT_TRUE(!directory_key(third, KEY_A) && directory_key(third, KEY_B) != NULL);
    ASSERT_EQ(directory_holiday_count(third), 1);
    ASSERT_TRUE(directory_holiday(third, stays.on) != NULL);
    ASSERT_EQ(directory_region_count(third), 2);
    (void)directory_unref(third);
}

TEST(names_of_records_are_read_and_nothing_else_is) {
    DirName n;
    ASSERT_TRUE(dir_name_parse("node:dsk/3203", &n) && n.kind == DIR_NODE);
    ASSERT_STR(n.id, "dsk/3203");
    ASSERT_TRUE(dir_name_parse("key:" KEY_A, &n) && n.kind == DIR_KEY);
    ASSERT_TRUE(dir_name_parse("region:3203", &n) && n.kind == DIR_REGION);
    ASSERT_TRUE(dir_name_parse("holiday:2026-01-31", &n) && n.day.day == 31);
    static const char *const bad[] = { "",
                                       "node:",
                                       "node:Dsk 3",
                                       "key:short",
                                       "region:32a",
                                       "holiday:2026-02-30",
                                       "holiday:2026-01-31x",
                                       "dsk/3203" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ASSERT_TRUE(!dir_name_parse(bad[i], &n));
}

TEST(changes_of_nodes_do_not_keep_every_snapshot_before_them) {
    Directory *d = sample_directory(), *next = NULL;
    const DirNode n = *directory_node(d, "uptd/32/pa-02");
    size_t early = 0;
    for (int i = 0; i < 500; i++) {
        ASSERT_OK(with_node(&next, d, &n));
        (void)directory_unref(d);
        d = next;
        if (i == 100)
            early = mallinfo2().uordblks;
    }
    ASSERT_TRUE(mallinfo2().uordblks < early + 4096);
    (void)directory_unref(d);
}

/* --- role at region ------------------------------------------------------------------------- */

TEST(regions_in_ids) {
    static const struct {
        const char *id, *region;
    } want[] = {
        { "dsk/3203", "3203" },
        { "uptd/32/pa-02", "32" },
        { "pks/3203052001", "3203052001" },
        { "upt/satria", "" },
        { "hub", "" },
        { "lks/32x/1", "" },
        { "lks/320/1", "" },
        { "x/123456789012", "" },
        { "x/", "" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        char region[REGION_SIZE];
        node_region(want[i].id, region);
        ASSERT_STR(region, want[i].region);
    }
}

/* Homes with one service area each; the winner is asked for at 3203 and CHILD. */
typedef struct Home {
    const char *id, *region;
    int cluster;
    uint32_t priority, capacity;
    bool inactive;
} Home;

static void assert_winner(const Home *homes, size_t n, const char *want) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    ASSERT_OK(directory_new(&d));
    for (size_t i = 0; i < n; i++) {
        DirNode node = sample_node(homes[i].id, NODE_UPTD, "hub");
        sample_area(&node, homes[i].region, homes[i].cluster, homes[i].priority);
        node.capacity = homes[i].capacity;
        node.inactive = homes[i].inactive;
        sample_add(d, &node);
    }
    ASSERT_OK(directory_seal(d, 1));
    const DirNode *best = directory_by_role(d, NODE_UPTD, "3203", CLUSTER_CHILD);
    if (!want) {
        assert_null(best);
        return;
    }
    assert_non_null(best);
    ASSERT_STR(best->id, want);
}
#define ASSERT_WINNER(want, ...)                                                                   \
    do {                                                                                           \
        const Home homes[] = { __VA_ARGS__ };                                                      \
        assert_winner(homes, ARRAY_SIZE(homes), want);                                             \
    } while (0)

TEST(the_longest_prefix_beats_the_cluster) {
    ASSERT_WINNER("uptd/b", { "uptd/a", "32", CLUSTER_CHILD, 1, 99, false },
                  { "uptd/b", "3203", CLUSTER_ANY, 0, 0, false });
}

TEST(the_cluster_beats_the_priority) {
    ASSERT_WINNER("uptd/b", { "uptd/a", "32", CLUSTER_ANY, 1, 99, false },
                  { "uptd/b", "32", CLUSTER_CHILD, 5, 0, false });
    ASSERT_WINNER("uptd/b", { "uptd/a", "32", CLUSTER_ELDERLY, 1, 99, false },
                  { "uptd/b", "32", CLUSTER_ANY, 5, 0, false });
}

TEST(the_priority_beats_the_capacity_and_zero_counts_as_last) {
    ASSERT_WINNER("uptd/b", { "uptd/a", "32", CLUSTER_CHILD, 2, 99, false },
                  { "uptd/b", "32", CLUSTER_CHILD, 1, 0, false });
    ASSERT_WINNER("uptd/b", { "uptd/a", "32", CLUSTER_CHILD, 0, 99, false },
                  { "uptd/b", "32", CLUSTER_CHILD, 7, 0, false });
}

TEST(the_capacity_beats_the_id_and_the_id_decides_at_last) {
    ASSERT_WINNER("uptd/b", { "uptd/a", "32", CLUSTER_CHILD, 1, 1, false },
                  { "uptd/b", "32", CLUSTER_CHILD, 1, 2, false });
    ASSERT_WINNER("uptd/a", { "uptd/b", "32", CLUSTER_CHILD, 1, 1, false },
                  { "uptd/a", "32", CLUSTER_CHILD, 1, 1, false });
}

TEST(inactive_nodes_and_other_regions_are_skipped) {
    ASSERT_WINNER("uptd/b", { "uptd/a", "3203", CLUSTER_CHILD, 1, 9, true },
                  { "uptd/b", "32", CLUSTER_ELDERLY, 0, 0, false });
    ASSERT_WINNER(NULL, { "uptd/a", "33", CLUSTER_CHILD, 1, 9, false },
                  { "uptd/b", "3204", CLUSTER_CHILD, 1, 9, false });
}

TEST(roles_are_found_by_the_region_in_the_id_too) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    ASSERT_STR(directory_by_role(d, NODE_SOCIAL_AGENCY_REGENCY, "3203", 0)->id, "dsk/3203");
    ASSERT_STR(directory_by_role(d, NODE_SOCIAL_AGENCY_REGENCY, "3203052001", 0)->id, "dsk/3203");
    assert_null(directory_by_role(d, NODE_SOCIAL_AGENCY_REGENCY, "32", 0));
    assert_null(directory_by_role(d, NODE_SOCIAL_AGENCY_REGENCY, "3299", 0)); /* inactive */
    ASSERT_STR(directory_by_role(d, NODE_MINISTRY_UNIT, "3203", 0)->id, "min/rehsos");
    assert_null(directory_by_role(d, 0, "3203", 0));
    assert_null(directory_by_role(d, -5, "3203", 0));
    assert_null(directory_by_role(d, 500, "3203", 0));
}

TEST(kinds_of_upt_stand_for_each_other) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    for (int k = NODE_UPT_BALAI_BESAR; k <= NODE_UPT_LOKA; k++) {
        ASSERT_STR(directory_by_role(d, k, "3203", 0)->id, "upt/phala-martha");
        ASSERT_STR(directory_by_role(d, k, "3306", 0)->id, "upt/loka-kutoarjo");
        ASSERT_STR(directory_by_role(d, k, "3302", 0)->id, "upt/satria");
        assert_null(directory_by_role(d, k, "7301", 0));
    }
}

/* --- next hop in three levels of brokers ---------------------------------------------------- */

static void assert_hop(const Directory *d, const char *self, const char *node, const char *want) {
    const char *hop = directory_next_hop(d, self, node);
    if (!want) {
        assert_null(hop);
        return;
    }
    assert_non_null(hop);
    ASSERT_STR(hop, want);
}

TEST(the_next_hop_goes_down_the_right_subtree_or_up) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    assert_hop(d, "hub", "lks/3306/0001", "upt/satria");
    assert_hop(d, "upt/satria", "lks/3306/0001", "upt/loka-kutoarjo");
    assert_hop(d, "upt/loka-kutoarjo", "lks/3306/0001", "upt/loka-kutoarjo");
    assert_hop(d, "upt/phala-martha", "lks/3306/0001", "hub");
    assert_hop(d, "upt/loka-kutoarjo", "dsk/3203", "upt/satria");
    assert_hop(d, "upt/loka-kutoarjo", "min/rehsos", "upt/satria");
    assert_hop(d, "hub", "min/rehsos", "hub");
    assert_hop(d, "hub", "upt/loka-kutoarjo", "upt/satria"); /* a broker's own mailbox */
    assert_hop(d, "upt/satria", "hub", "hub");
}

TEST(what_cannot_be_reached_has_no_hop) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    DirNode lost = sample_node("lks/3203/9", NODE_LKS, "upt/nowhere");
    DirNode guest = sample_node("lks/3203/8", NODE_LKS, "dsk/3203"); /* not a broker */
    DirNode island = sample_broker("upt/island", NODE_UPT_BALAI, "");
    sample_add(d, &lost);
    sample_add(d, &guest);
    sample_add(d, &island);
    ASSERT_OK(directory_seal(d, 1));
    assert_hop(d, "hub", "dsk/0000", NULL);
    assert_hop(d, "hub", "lks/9999/stray", NULL);
    assert_hop(d, "hub", "lks/3203/9", NULL);
    assert_hop(d, "hub", "lks/3203/8", NULL);
    assert_hop(d, "hub", "upt/island", NULL); /* another tree, and the hub has no parent */
    assert_hop(d, "nobody", "dsk/3203", NULL);
}

TEST(below_means_in_the_subtree) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    ASSERT_TRUE(directory_is_below(d, "hub", "upt/loka-kutoarjo"));
    ASSERT_TRUE(directory_is_below(d, "upt/satria", "upt/loka-kutoarjo"));
    ASSERT_TRUE(directory_is_below(d, "upt/satria", "upt/satria"));
    ASSERT_TRUE(!directory_is_below(d, "upt/loka-kutoarjo", "upt/satria"));
    ASSERT_TRUE(!directory_is_below(d, "upt/phala-martha", "upt/loka-kutoarjo"));
    ASSERT_TRUE(!directory_is_below(d, "hub", "upt/nowhere"));
}

TEST(a_directory_of_20000_nodes_answers_at_once) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    for (int i = 0; i < 20000; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "lks/%04d/%d", 1101 + i % 8000, i);
        DirNode n = sample_node(id, NODE_LKS, "upt/satria");
        sample_add(d, &n);
    }
    ASSERT_OK(directory_seal(d, 1));
    ASSERT_EQ(directory_node_count(d), 20018);
    for (int i = 0; i < 100000; i++)
        assert_non_null(directory_by_role(d, NODE_SOCIAL_AGENCY_REGENCY, "3203", 0));
}

TEST_MAIN
