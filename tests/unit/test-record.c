/* SPDX-License-Identifier: Apache-2.0 */

/* NodeRecords: who may change what of a node. */

#include "test.h"

#include "law/record.h"
#include "sample.h"

#define MINISTRY "min/rehsos"
#define UNTIL                                                                                      \
    { 2027, 4, 30 }

typedef struct World {
    Directory *d;
    DirNode node;
    NodeRecordFacts f;
    const char *why;
} World;

static void setup(World *w, const char *id, int kind) {
    *w = (World) { .node = sample_node(id, kind, "upt/phala-martha") };
    w->d = sample_unsealed();
    DirNode lksa = sample_node("lksa/3203/0008", NODE_LKSA, "upt/phala-martha");
    sample_add(w->d, &lksa);
    DirNode named = sample_node("lksa/bina-anak", NODE_LKSA, "upt/phala-martha");
    (void)text_copy(named.parent, sizeof(named.parent), "dsk/3204");
    sample_add(w->d, &named);
    DirNode bridge = sample_node("int/lksa", NODE_INTEGRATION_CLIENT, "upt/phala-martha");
    (void)text_copy(bridge.parent, sizeof(bridge.parent), "lksa/3203/0008");
    sample_add(w->d, &bridge);
    ASSERT_OK(directory_seal(w->d, 1));
    (void)text_copy(w->f.id, sizeof(w->f.id), id);
    w->f.kind = (uint8_t)kind;
}
static void teardown(World *w) {
    w->d = directory_unref(w->d);
}
#define WORLD(w, id, kind)                                                                         \
    _cleanup_(teardown) World w;                                                                   \
    setup(&w, (id), (kind))
#define LKSA_WORLD(w) WORLD(w, "lksa/3203/0008", NODE_LKSA)

static bool say(World *w, const char *sender) {
    return node_record_apply(w->d, sender, &w->f, &w->node, &w->why);
}
static void assert_refused(World *w, const char *sender) {
    const DirNode before = w->node;
    ASSERT_TRUE(!say(w, sender));
    ASSERT_STR(w->why ? w->why : "nothing", "NOT_AUTHORISED");
    assert_memory_equal(&before, &w->node, sizeof(before));
}

TEST(the_ministry_renews_an_accreditation) {
    LKSA_WORLD(w);
    w.node.accreditation_grade = ACCREDITATION_GRADE_C;
    w.node.accreditation_valid_until = (CivilDate) { 2025, 4, 30 };
    w.node.ipwl = true;
    w.f.accreditation_grade = ACCREDITATION_GRADE_B;
    w.f.accreditation_valid_until = (CivilDate)UNTIL;
    ASSERT_TRUE(say(&w, MINISTRY));
    assert_null(w.why);
    ASSERT_EQ(w.node.accreditation_grade, ACCREDITATION_GRADE_B);
    ASSERT_EQ(civil_compare(w.node.accreditation_valid_until, (CivilDate)UNTIL), 0);
    ASSERT_TRUE(w.node.ipwl);
    ASSERT_TRUE(!say(&w, MINISTRY)); /* the same again changes nothing */
    assert_null(w.why);
    w.f.accreditation_grade = 0; /* a day alone renews the grade there is */
    w.f.accreditation_valid_until.year++;
    ASSERT_TRUE(say(&w, MINISTRY));
    ASSERT_EQ(w.node.accreditation_grade, ACCREDITATION_GRADE_B);
    w.f = (NodeRecordFacts) { .no_longer = codes_of(NODE_FIELD_ACCREDITATION) };
    ASSERT_TRUE(say(&w, MINISTRY));
    ASSERT_EQ(w.node.accreditation_grade, ACCREDITATION_GRADE_NONE);
    ASSERT_TRUE(!civil_is_set(w.node.accreditation_valid_until));
}

TEST(nobody_else_gives_a_grade_or_a_status) {
    static const char *const others[] = { "lksa/3203/0008",   "dsk/3203", "dsp/32",     "hub",
                                          "upt/phala-martha", "int/siks", "nobody/here" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        LKSA_WORLD(w);
        w.f.accreditation_grade = ACCREDITATION_GRADE_A;
        assert_refused(&w, others[i]);
        w.f = (NodeRecordFacts) { .ipwl = true };
        assert_refused(&w, others[i]);
        w.f = (NodeRecordFacts) { .lpks = true, .ska = true, .odhiv = true };
        assert_refused(&w, others[i]);
        w.f = (NodeRecordFacts) { .inactive = true };
        assert_refused(&w, others[i]);
        w.f = (NodeRecordFacts) { .national_referral_centre = true };
        assert_refused(&w, others[i]);
    }
}

TEST(the_ministry_sets_and_ends_every_status) {
    LKSA_WORLD(w);
    w.f.inactive = w.f.ipwl = w.f.lpks = w.f.national_referral_centre = true;
    w.f.ska = w.f.odhiv = w.f.no_clients = true;
    ASSERT_TRUE(say(&w, MINISTRY));
    ASSERT_TRUE(w.node.inactive && w.node.ipwl && w.node.lpks && w.node.national_referral_centre &&
                w.node.ska && w.node.odhiv && w.node.no_clients);
    w.f = (NodeRecordFacts) { 0 }; /* what is not told stays */
    ASSERT_TRUE(!say(&w, MINISTRY));
    ASSERT_TRUE(w.node.ipwl);
    w.f.ipwl = true; /* both at once says nothing */
    w.f.no_longer = codes_of(NODE_FIELD_IPWL);
    ASSERT_TRUE(!say(&w, MINISTRY));
    w.f.ipwl = false;
    w.f.no_longer = 0x1fe; /* all but accreditation and designation */
    ASSERT_TRUE(say(&w, MINISTRY));
    ASSERT_TRUE(!w.node.inactive && !w.node.ipwl && !w.node.lpks && !w.node.ska && !w.node.odhiv &&
                !w.node.national_referral_centre && !w.node.no_clients);
}

TEST(an_owner_says_what_it_offers_itself_or_through_its_system) {
    static const char *const who[] = { "lksa/3203/0008", "int/lksa", MINISTRY };
    for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
        LKSA_WORLD(w);
        w.f.capacity = 40;
        w.f.no_clients = true;
        w.f.clusters = codes_of(CLUSTER_CHILD) | codes_of(CLUSTER_DISABILITY) | 1U << 31;
        w.f.bases = codes_of(APPROACH_RESIDENTIAL);
        ASSERT_TRUE(say(&w, who[i]));
        assert_null(w.why);
        ASSERT_EQ(w.node.capacity, 40);
        ASSERT_TRUE(w.node.no_clients);
        ASSERT_EQ(w.node.n_clusters, 2);
        ASSERT_EQ(w.node.clusters[1], CLUSTER_DISABILITY);
        ASSERT_EQ(w.node.bases, codes_of(APPROACH_RESIDENTIAL));
        ASSERT_TRUE(!say(&w, who[i]));
        w.f = (NodeRecordFacts) { .no_longer = codes_of(NODE_FIELD_NO_CLIENTS) };
        ASSERT_TRUE(say(&w, who[i]));
        ASSERT_TRUE(!w.node.no_clients);
    }
}

TEST(others_do_not_say_what_a_node_offers) {
    static const char *const who[] = { "dsk/3203", "dsp/32", "lks/3306/0001", "dsk/3299" };
    for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
        LKSA_WORLD(w);
        w.f.capacity = 40;
        assert_refused(&w, who[i]);
        w.f = (NodeRecordFacts) { .no_clients = true };
        assert_refused(&w, who[i]);
        w.f = (NodeRecordFacts) { .clusters = codes_of(CLUSTER_CHILD) };
        assert_refused(&w, who[i]);
        w.f = (NodeRecordFacts) { .bases = codes_of(APPROACH_FAMILY) };
        assert_refused(&w, who[i]);
    }
}

TEST(a_province_speaks_for_its_uptd_and_a_regency_for_its_puskesos) {
    WORLD(home, "uptd/32/pa-02", NODE_UPTD);
    home.f.capacity = 60;
    assert_refused(&home, "dsp/33");
    assert_refused(&home, "dsk/3203");
    ASSERT_TRUE(say(&home, "dsp/32"));
    WORLD(post, "pks/3203052001", NODE_PUSKESOS);
    post.f.no_clients = true;
    assert_refused(&post, "dsk/3204");
    assert_refused(&post, "dsp/32");
    ASSERT_TRUE(say(&post, "dsk/3203"));
}

TEST(a_part_that_is_not_the_senders_is_left_out_and_told) {
    LKSA_WORLD(w);
    w.f.capacity = 12;
    w.f.accreditation_grade = ACCREDITATION_GRADE_A;
    ASSERT_TRUE(say(&w, "lksa/3203/0008"));
    ASSERT_STR(w.why, "NOT_AUTHORISED");
    ASSERT_EQ(w.node.capacity, 12);
    ASSERT_EQ(w.node.accreditation_grade, 0);
}

TEST(a_record_about_another_kind_of_node_changes_nothing) {
    LKSA_WORLD(w);
    w.f.kind = NODE_UPTD;
    w.f.capacity = 12;
    ASSERT_TRUE(!say(&w, MINISTRY));
    ASSERT_STR(w.why, "NOT_THE_KIND");
    w.f.kind = 0;
    ASSERT_TRUE(say(&w, MINISTRY));
}

/* --- designation --- */

static void assert_designation(const World *w, int by, int scope, int until_year) {
    ASSERT_EQ(w->node.designation_by, by);
    ASSERT_EQ(w->node.designation_scope, scope);
    ASSERT_EQ(w->node.designation_valid_until.year, until_year);
}
static NodeRecordFacts designation(int by, int scope, int until_year) {
    NodeRecordFacts f = { .designation_by = (uint8_t)by, .designation_scope = (uint8_t)scope };
    if (until_year)
        f.designation_valid_until = (CivilDate) { (int16_t)until_year, 1, 1 };
    return f;
}
#define REGENCY  DESIGNATION_BY_SOCIAL_AGENCY_REGENCY
#define GOVERNOR DESIGNATION_BY_GOVERNOR
#define OUTSIDE  DESIGNATION_SCOPE_OUTSIDE_HOME
#define INSIDE   DESIGNATION_SCOPE_IN_HOME
#define BOTH     DESIGNATION_SCOPE_BOTH

TEST(a_regency_designates_for_outside_homes_and_a_province_for_inside) {
    LKSA_WORLD(w);
    w.f = designation(0, OUTSIDE, 2026);
    assert_refused(&w, "dsk/3204");
    ASSERT_TRUE(say(&w, "dsk/3203"));
    assert_designation(&w, REGENCY, OUTSIDE, 2026);
    w.f = designation(0, INSIDE, 2027); /* inside is the governor's */
    assert_refused(&w, "dsk/3203");
    w.f = designation(GOVERNOR, OUTSIDE, 2027);
    assert_refused(&w, "dsk/3203");
    assert_refused(&w, "lksa/3203/0008");
    w.f = designation(GOVERNOR, INSIDE, 2028);
    assert_refused(&w, "dsp/33");
    ASSERT_TRUE(say(&w, "dsp/32")); /* beside the regency's */
    assert_designation(&w, GOVERNOR, BOTH, 2028);
    w.f = designation(0, 0, 2029); /* renewed */
    assert_refused(&w, "dsk/3203");
    ASSERT_TRUE(say(&w, "dsp/32"));
    assert_designation(&w, GOVERNOR, BOTH, 2029);
}

TEST(an_agency_ends_its_own_designation_alone) {
    LKSA_WORLD(w);
    w.f = designation(0, INSIDE, 2028);
    ASSERT_TRUE(say(&w, "dsp/32"));
    w.f = (NodeRecordFacts) { .no_longer = codes_of(NODE_FIELD_DESIGNATION) };
    assert_refused(&w, "dsk/3203");
    w.f = designation(REGENCY, OUTSIDE, 2026);
    ASSERT_TRUE(say(&w, "dsk/3203"));
    assert_designation(&w, GOVERNOR, BOTH, 2028);
    w.f = (NodeRecordFacts) { .no_longer = codes_of(NODE_FIELD_DESIGNATION) };
    ASSERT_TRUE(say(&w, "dsk/3203"));
    assert_designation(&w, GOVERNOR, INSIDE, 2028);
    ASSERT_TRUE(say(&w, "dsp/32"));
    assert_designation(&w, 0, 0, 0);
    w.f = designation(DESIGNATION_BY_MINISTER, BOTH, 2030);
    ASSERT_TRUE(say(&w, MINISTRY));
    assert_designation(&w, DESIGNATION_BY_MINISTER, BOTH, 2030);
}

TEST(only_an_institution_for_children_is_designated_by_an_agency) {
    WORLD(w, "uptd/32/pa-02", NODE_UPTD);
    w.f = designation(0, INSIDE, 2028);
    assert_refused(&w, "dsp/32");
}

TEST(an_institution_without_a_region_in_its_id_is_its_supervisors) {
    WORLD(w, "lksa/bina-anak", NODE_LKSA);
    (void)text_copy(w.node.parent, sizeof(w.node.parent), "dsk/3204");
    w.f = designation(0, OUTSIDE, 2026);
    assert_refused(&w, "dsk/3203");
    ASSERT_TRUE(say(&w, "dsk/3204"));
}

TEST(codes_nobody_knows_are_not_taken) {
    LKSA_WORLD(w);
    w.f.accreditation_grade = UINT8_MAX;
    ASSERT_TRUE(!say(&w, MINISTRY));
    ASSERT_STR(w.why, "BAD_VALUE");
    w.f = designation(UINT8_MAX, OUTSIDE, 2026);
    ASSERT_TRUE(!say(&w, MINISTRY));
    ASSERT_STR(w.why, "BAD_VALUE");
    w.f = designation(GOVERNOR, 0, 2026);
    ASSERT_TRUE(!say(&w, MINISTRY));
    ASSERT_STR(w.why, "BAD_VALUE");
    assert_designation(&w, 0, 0, 0);
}

TEST_MAIN
