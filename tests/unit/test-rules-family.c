/* SPDX-License-Identifier: Apache-2.0 */

/* Referral to a family. */

#include "test.h"

#include <stdio.h>

#include "rules-fixture.h"

TEST(r_030_wants_reunification_at_the_request) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_family(r);
    rig_request(r)->reunified = false;
    ASSERT_STR(rig_codes(r), "R-030");
    lawful_to_home(r); /* RF-2 wants the contrary */
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_031_finds_the_minutes_wherever_they_were_supplied) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_family(r);
    (void)rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    ASSERT_STR(rig_codes(r), "R-031");
    r->referral.referral.documents |= codes_of(DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY);
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_032_wants_a_plan_by_a_social_worker) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    HandoverMinutesFacts *f;
    lawful_to_family(r);
    f = rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY);
    f->interval_days = 0; /* then it is that of the rule set */
    ASSERT_STR(rig_codes(r), "");
    f->worker = (Staff) { 0 };
    ASSERT_STR(rig_codes(r), "R-032");
    f->worker = social_worker();
    f->worker.role = HR_ROLE_SAKTI_PEKSOS;
    ASSERT_STR(rig_codes(r), "R-032");
    f->worker.role = HR_ROLE_SOCIAL_WORKER;
    f->follow_up_plan = false;
    ASSERT_STR(rig_codes(r), "R-032");
}

TEST(placements_of_other_kinds_and_of_unknown_referrals_owe_no_family_minutes) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    HandoverMinutesFacts *f;
    lawful_to_home(r);
    f = rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    f->follow_up_plan = false;
    ASSERT_STR(rig_codes(r), "");
    lawful_to_family(r);
    f = rig_handover(r, DOCUMENT_TYPE_OTHER);
    r->known.referral = NULL;
    ASSERT_STR(rig_codes(r), "");
    r->known.referral = &r->referral;
    r->referral.state = REFERRAL_NONE; /* only early acts so far */
    ASSERT_STR(rig_codes(r), "");
    f->follow_up_plan = false;
    ASSERT_STR(rig_codes(r), "");
}

TEST_MAIN
