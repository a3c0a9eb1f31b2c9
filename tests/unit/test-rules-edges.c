/* SPDX-License-Identifier: Apache-2.0 */

/* each with a lawful message, a violation, and the edge between them. */

#include "test.h"

#include "rules-edges-case.h"
#include "rules-edges-matters.h"
#include "rules-edges-privacy.h"

TEST(every_edge_is_where_the_law_has_it) {
    ASSERT_TRUE(edge_count > 150);
    for (size_t i = 0; i < edge_count; i++) {
        _cleanup_(rig_freep) Rig *r = edge_rig(&edge_list[i]);
        const char *codes = rig_codes(r);
        if (strcmp(codes, edge_list[i].wanted) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", edge_list[i].name, codes, edge_list[i].wanted);
    }
}

/* What the sender is told names the article and speaks both languages. */
TEST(a_reason_names_its_article_in_two_languages) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Reasons reasons;
    rig_supervised(r);
    base_notice(r);
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_DIRECT);
    ASSERT_STR(rig_say(r, rules_table, rules_count, &reasons), "R-153");
    ASSERT_STR(reasons.list[0].text_en, "No supervision authority here.");
    ASSERT_STR(reasons.list[0].text_id, "Tidak ada kewenangan pengawasan.");
    ASSERT_STR(reasons.list[0].legal_basis, "P7 Pasal 48 ayat (1)-(3); P4 Pasal 28");
    ASSERT_STR(reasons.list[0].field, "basis");
}

/* An operator makes a warning a refusal; what the law refuses stays so whatever he wrote. */
TEST(a_floor_makes_a_rule_stricter_and_never_milder) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleFloors floors = { 0 };
    Reasons reasons = { 0 };
    floors.least[rule_find("R-108") - rules_table] = SEVERITY_REFUSE;
    floors.least[rule_find("R-104") - rules_table] = SEVERITY_WARN;
    base_stage(r);
    stage_at(r, CASE_STAGE_6, 6, STAGE_PHASE_COMPLETED);
    r->message->facts.stage.indicators = 0;
    RuleInput in = rig_input(r);
    rules_check(&in, &floors, &reasons);
    ASSERT_EQ(reasons.n, 1);
    ASSERT_STR(reasons.list[0].code, "R-108");
    ASSERT_EQ(reasons.n_refusals, 1);
    stage_at(r, CASE_STAGE_2, 2, STAGE_PHASE_COMPLETED);
    r->message->facts.stage.initial_approach = 0;
    reasons.n = reasons.n_refusals = 0;
    rules_check(&in, &floors, &reasons);
    ASSERT_EQ(reasons.n, 1);
    ASSERT_STR(reasons.list[0].code, "R-104");
    ASSERT_EQ(reasons.n_refusals, 1);
}

TEST_MAIN
