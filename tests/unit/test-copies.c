/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "routing-fixture.h"

#define ASSERT_COPIES(want, to, kind, sender, region, cluster, ...)                                \
    do {                                                                                           \
        _cleanup_(routing_freep) Routing *r = routing_new(kind, sender, region, cluster);          \
        __VA_ARGS__;                                                                               \
        ASSERT_STR(routing_copies(r, to, false), want);                                            \
    } while (0)

#define TRAFFICKING CLUSTER_SOCIAL_OUTCAST_AND_TRAFFICKING

/* --- by sender (domain 4.4) ------------------------------------------------------------------ */

TEST(case_messages_of_uptd_and_lks_go_to_upt_directorate_and_province) {
    ASSERT_COPIES("upt/phala-martha min/anak dsp/32", "dsk/3203", KIND_CASE_STAGE_UPDATE,
                  "uptd/32/pa-02", "3203", CLUSTER_CHILD, );
    ASSERT_COPIES("upt/phala-martha min/tuna dsp/32", "dsk/3212", KIND_CASE_OPENED, "lks/3212/0005",
                  "3212", TRAFFICKING, );
    ASSERT_COPIES("upt/phala-martha min/lansia dsp/32", "", KIND_REFERRAL_RESPONSE, "uptd/32/pa-02",
                  "32", CLUSTER_ELDERLY, );
}

TEST(an_institution_is_supervised_where_it_is_not_where_the_person_is_from) {
    ASSERT_COPIES("upt/pangudi-luhur min/tuna dsp/32", "", KIND_CASE_RESPONSE, "lks/3275/0042",
                  "3302", TRAFFICKING, );
}

TEST(child_messages_of_lksa_and_puskesos_go_to_regency_and_province) {
    ASSERT_COPIES("dsk/3203 dsp/32", "", KIND_CASE_OPENED, "lksa/3203/0001", "3203",
                  CLUSTER_CHILD, );
    ASSERT_COPIES("dsp/32", "dsk/3203", KIND_FAMILY_FOLLOW_UP, "lksa/3203/0001", "3203",
                  CLUSTER_CHILD, );
    ASSERT_COPIES("dsp/32", "dsk/3203", KIND_OUTREACH_FINDING, "pks/3203052001", "3203052001",
                  CLUSTER_CHILD, );
    ASSERT_COPIES("", "dsk/3203", KIND_CASE_RESPONSE, "pks/3203052001", "3203", CLUSTER_ELDERLY, );
    /* For others than children a LKSA is a LKS. */
    ASSERT_COPIES("upt/phala-martha min/lansia dsp/32", "", KIND_CASE_OPENED, "lksa/3203/0001",
                  "3203", CLUSTER_ELDERLY, );
}

TEST(case_messages_of_upt_go_to_the_directorate) {
    ASSERT_COPIES("min/anak", "uptd/32/pa-02", KIND_CASE_STAGE_UPDATE, "upt/phala-martha", "3203",
                  CLUSTER_CHILD, );
    ASSERT_COPIES("", "min/anak", KIND_TERMINATION, "upt/phala-martha", "3203", CLUSTER_CHILD, );
}

TEST(case_messages_of_agencies_have_no_copies_of_their_own) {
    ASSERT_COPIES("", "", KIND_CASE_OPENED, "dsk/3203", "3203", CLUSTER_CHILD, );
    ASSERT_COPIES("", "", KIND_CASE_RESPONSE, "dsk/3203", "3203", CLUSTER_CHILD, );
}

TEST(clusters_have_their_directorates) {
    static const struct {
        int cluster;
        const char *unit;
    } want[] = { { CLUSTER_CHILD, "min/anak" },
                 { CLUSTER_DISABILITY, "min/disabilitas" },
                 { TRAFFICKING, "min/tuna" },
                 { CLUSTER_DRUG_ABUSE_VICTIM, "min/napza" },
                 { CLUSTER_ELDERLY, "min/lansia" },
                 { CLUSTER_DISASTER_VICTIM, "min/setditjen" },
                 { CLUSTER_OTHER_PPKS, "min/setditjen" } };
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        ASSERT_COPIES(want[i].unit, "", KIND_CASE_OPENED, "upt/satria", "3302", want[i].cluster, );
}

/* --- by referral ----------------------------------------------------------------------------- */

TEST(requests_for_a_home_go_to_the_province) {
    ASSERT_COPIES("dsp/32", "uptd/32/pa-02", KIND_REFERRAL_REQUEST, "dsk/3203", "3203",
                  CLUSTER_CHILD, r->m->facts.request.referral_kind = REFERRAL_KIND_TO_SOCIAL_HOME);
    ASSERT_COPIES("", "dsk/3204", KIND_REFERRAL_REQUEST, "dsk/3203", "3203", CLUSTER_CHILD,
                  r->m->facts.request.referral_kind = REFERRAL_KIND_INTER_AGENCY);
}

TEST(a_home_that_answers_a_referral_is_under_the_governor_alone) {
    ASSERT_COPIES(
        "", "dsk/3203", KIND_REFERRAL_RESPONSE, "uptd/32/pa-02", "3203", CLUSTER_CHILD,
        routing_knows_referral(r, REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3203", "uptd/32/pa-02"));
    ASSERT_COPIES(
        "dsp/32", "dsk/3203", KIND_HANDOVER_MINUTES, "uptd/32/pa-02", "3203", CLUSTER_CHILD,
        routing_knows_referral(r, REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3203", "uptd/32/pa-02"));
    ASSERT_COPIES(
        "", "dsk/3203", KIND_CASE_OPENED, "uptd/32/pa-02", "3203", CLUSTER_CHILD,
        routing_knows_referral(r, REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3203", "uptd/32/pa-02"));
    /* The stages that follow are ATENSI, and so is any other referral. */
    ASSERT_COPIES(
        "upt/phala-martha min/anak dsp/32", "dsk/3203", KIND_CASE_STAGE_UPDATE, "uptd/32/pa-02",
        "3203", CLUSTER_CHILD,
        routing_knows_referral(r, REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3203", "uptd/32/pa-02"));
    ASSERT_COPIES("upt/phala-martha min/anak dsp/32", "dsk/3203", KIND_REFERRAL_RESPONSE,
                  "uptd/32/pa-02", "3203", CLUSTER_CHILD,
                  routing_knows_referral(r, REFERRAL_KIND_AFTERCARE, "dsk/3203", "uptd/32/pa-02"));
}

TEST(advanced_service_goes_to_province_and_regency_of_origin) {
    ASSERT_COPIES("min/anak dsp/32 dsk/3203", "upt/phala-martha", KIND_REFERRAL_REQUEST,
                  "uptd/32/pa-02", "3203", CLUSTER_CHILD,
                  r->m->facts.request.referral_kind = REFERRAL_KIND_TO_NATIONAL_UPT);
    ASSERT_COPIES("min/anak dsp/32 dsk/3203", "uptd/32/pa-02", KIND_HANDOVER_MINUTES,
                  "upt/phala-martha", "3203", CLUSTER_CHILD,
                  r->m->facts.handover.documents.of[DOCUMENT_TYPE_HANDOVER_MINUTES_UPT].present =
                      true);
    ASSERT_COPIES("dsp/32 dsk/3204", "upt/phala-martha", KIND_REFERRAL_REQUEST, "dsp/33", "3203",
                  CLUSTER_CHILD, {
                      r->m->facts.request.referral_kind = REFERRAL_KIND_TO_NATIONAL_UPT;
                      strcpy(r->case_file.case_file.home_dsk, "dsk/3204");
                      r->known.case_file = &r->case_file;
                  });
}

TEST(aftercare_and_transfers_tell_the_regency_by_facts) {
    ASSERT_COPIES("min/tuna dsk/3212", "lks/3212/0005", KIND_REFERRAL_REQUEST, "upt/phala-martha",
                  "3212", TRAFFICKING, r->m->facts.request.referral_kind = REFERRAL_KIND_AFTERCARE);
    ASSERT_COPIES("min/tuna dsk/3212", "upt/phala-martha", KIND_CASE_TRANSFER, "upt/mulya-jaya",
                  "3212", TRAFFICKING, );
    ASSERT_COPIES("min/tuna", "dsk/3212", KIND_AFTERCARE, "upt/phala-martha", "3212",
                  TRAFFICKING, );
}

/* --- warnings, and who wants no copies ------------------------------------------------------- */

TEST(a_warning_goes_to_the_direct_supervisor) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_CASE_OPENED, "dsk/3203", "3203", CLUSTER_CHILD);
    ASSERT_STR(routing_copies(r, "dsp/33", true), "dsp/32");
    ASSERT_STR(routing_copies(r, "dsp/32", true), "");
    r->m->env.kind = KIND_NODE_RECORD; /* whatever the kind */
    ASSERT_STR(routing_copies(r, "hub", true), "dsp/32");
    strcpy(r->m->env.sender, "slrt/3203");
    ASSERT_STR(routing_copies(r, "hub", true), "dsk/3203");
}

TEST(copies_that_the_law_does_not_order_can_be_done_without) {
    ASSERT_COPIES("", "uptd/32/pa-02", KIND_REFERRAL_REQUEST, "dsk/3203", "3203", CLUSTER_CHILD, {
        r->m->facts.request.referral_kind = REFERRAL_KIND_TO_SOCIAL_HOME;
        r->m->env.no_supervision = true;
    });
    ASSERT_COPIES("", "dsk/3203", KIND_CASE_OPENED, "upt/phala-martha", "3203", CLUSTER_CHILD,
                  r->m->env.no_supervision = true);
    ASSERT_COPIES("", "dsk/3203", KIND_OUTREACH_FINDING, "pks/3203052001", "3203", CLUSTER_CHILD,
                  r->m->env.no_supervision = true);
    ASSERT_COPIES("upt/phala-martha min/anak dsp/32", "dsk/3203", KIND_CASE_STAGE_UPDATE,
                  "uptd/32/pa-02", "3203", CLUSTER_CHILD, r->m->env.no_supervision = true);
    ASSERT_COPIES("dsk/3203 dsp/32", "", KIND_CASE_OPENED, "lksa/3203/0001", "3203", CLUSTER_CHILD,
                  r->m->env.no_supervision = true);
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_CASE_OPENED, "dsk/3203", "3203", CLUSTER_CHILD);
    r->m->env.no_supervision = true;
    ASSERT_STR(routing_copies(r, "dsp/33", true), "");
}

TEST(the_regency_of_origin_may_be_no_more) {
    DirNode closed = sample_node("dsk/3204", NODE_SOCIAL_AGENCY_REGENCY, "upt/phala-martha");
    closed.inactive = true;
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_REFERRAL_REQUEST, "dsp/33", "3203", CLUSTER_CHILD);
    routing_use(r, routing_directory_with(&closed));
    r->m->facts.request.referral_kind = REFERRAL_KIND_TO_NATIONAL_UPT;
    strcpy(r->case_file.case_file.home_dsk, "dsk/3204");
    r->known.case_file = &r->case_file;
    ASSERT_STR(routing_copies(r, "upt/phala-martha", false), "dsp/32");
}

TEST(supervisors_who_are_not_active_get_nothing) {
    DirNode closed = sample_node("min/anak", NODE_MINISTRY_UNIT, "hub");
    closed.inactive = true;
    closed.n_clusters = 1;
    closed.clusters[0] = CLUSTER_CHILD;
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_CASE_STAGE_UPDATE, "uptd/32/pa-02", "3203", CLUSTER_CHILD);
    routing_use(r, routing_directory_with(&closed));
    ASSERT_STR(routing_copies(r, "", false), "upt/phala-martha min/setditjen dsp/32");
}

TEST(messages_without_a_case_have_no_supervision_copies) {
    ASSERT_COPIES("", "", KIND_CAPACITY_UPDATE, "uptd/32/pa-02", "32", 0, );
    ASSERT_COPIES("", "", SAMPLE_KIND, "uptd/32/pa-02", "32", CLUSTER_CHILD, );
    ASSERT_COPIES("", "dsk/3203", KIND_COMPLAINT, "pks/3203052001", "3203", CLUSTER_CHILD, );
}

/* --- reports and notices (domain 4.8, S12) --------------------------------------------------- */

TEST(home_affairs_reads_governors_reports_and_those_on_atensi) {
    ASSERT_COPIES("kdn", "min/setditjen", KIND_TIERED_REPORT, "dsp/33", "33", 0,
                  r->m->facts.report.report_type = REPORT_TYPE_CHILD_OUTSIDE_HOME);
    ASSERT_COPIES("kdn", "dsp/33", KIND_TIERED_REPORT, "dsk/3308", "3308", 0,
                  r->m->facts.report.report_type = REPORT_TYPE_ATENSI);
    ASSERT_COPIES("", "dsp/33", KIND_TIERED_REPORT, "dsk/3308", "3308", 0,
                  r->m->facts.report.report_type = REPORT_TYPE_CHILD_OUTSIDE_HOME);
    ASSERT_COPIES("", "kdn", KIND_TIERED_REPORT, "dsp/33", "33", 0,
                  r->m->facts.report.report_type = REPORT_TYPE_ATENSI);
    /* Ordered by the law for the report itself: nobody can do without. */
    ASSERT_COPIES("kdn", "dsp/33", KIND_TIERED_REPORT, "dsk/3308", "3308", 0, {
        r->m->facts.report.report_type = REPORT_TYPE_ATENSI;
        r->m->env.no_supervision = true;
    });
}

TEST(a_notice_at_the_governors_request_goes_to_province_and_home_affairs) {
    ASSERT_COPIES("dsp/33 kdn", "dsk/3308", KIND_SUPERVISION_NOTICE, "min/setditjen", "", 0, {
        r->m->facts.supervision.basis = SUPERVISION_BASIS_GOVERNOR_REQUEST;
        strcpy(r->m->facts.supervision.about_node, "dsk/3308");
    });
    ASSERT_COPIES("", "dsk/3308", KIND_SUPERVISION_NOTICE, "min/setditjen", "", 0, {
        r->m->facts.supervision.basis = SUPERVISION_BASIS_INACTION_REVIEW;
        strcpy(r->m->facts.supervision.about_node, "dsk/3308");
    });
}

TEST(a_record_goes_to_the_brokers_that_judge_by_it) {
    ASSERT_COPIES("upt/satria", "hub", KIND_NODE_RECORD, "min/setditjen", "", 0,
                  strcpy(r->m->facts.node.id, "lksa/3302/0011"));
    ASSERT_COPIES("upt/pangudi-luhur upt/phala-martha", "hub", KIND_NODE_RECORD, "dsk/3275", "3275",
                  0, strcpy(r->m->facts.node.id, "lks/3275/0042"));
    ASSERT_COPIES("upt/phala-martha", "hub", KIND_NODE_RECORD, "dsk/3203", "3203", 0,
                  strcpy(r->m->facts.node.id, "lksa/3203/new"));
    ASSERT_COPIES("hub", "cc/171", KIND_NODE_RECORD, "min/setditjen", "", 0,
                  strcpy(r->m->facts.node.id, "min/anak"));
    ASSERT_COPIES("", "hub", KIND_NODE_RECORD, "upt/satria", "", 0,
                  strcpy(r->m->facts.node.id, "upt/satria"));
}

/* --- complaints ------------------------------------------------------------------------------- */

TEST(a_complaint_found_invalid_goes_to_the_supervisor) {
    ASSERT_COPIES("dsp/32", "cc/171", KIND_COMPLAINT_UPDATE, "dsk/3275", "3275", 0,
                  r->m->facts.complaint_update.action = COMPLAINT_ACTION_REJECT_INVALID);
    ASSERT_COPIES("", "cc/171", KIND_COMPLAINT_UPDATE, "dsk/3275", "3275", 0,
                  r->m->facts.complaint_update.action = COMPLAINT_ACTION_CLASSIFY);
}

TEST(whom_a_complaint_is_about_gets_no_copy_of_it) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_COMPLAINT, "pks/3203052001", "3203", CLUSTER_CHILD);
    ASSERT_STR(routing_copies(r, "dsp/32", true), "dsk/3203");
    strcpy(r->m->facts.complaint.about_node, "dsk/3203");
    ASSERT_STR(routing_copies(r, "dsp/32", true), "");
    r->m->env.kind = KIND_COMPLAINT_UPDATE;
    r->m->facts = (Facts) { .readable = true };
    routing_knows_complaint(r, "pks/3203052001", "dsp/32", "dsk/3203", 2);
    ASSERT_STR(routing_copies(r, "dsp/32", true), "");
}

TEST_MAIN
