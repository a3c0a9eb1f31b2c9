/* SPDX-License-Identifier: Apache-2.0 */

/* The table of rules as such, emergencies and floors, and the rules about the envelope. */

#include "test.h"

#include <stdio.h>

#include "rules-probes.h"

/* --- the table -------------------------------------------------------------------------------- */

TEST(every_probe_breaks_its_rule_and_no_other) {
    for (size_t i = 0; i < ARRAY_SIZE(probes_to_082); i++)
        probe_assert(&probes_to_082[i]);
}

TEST(every_rule_up_to_082_has_a_probe) {
    for (size_t i = 0; i < rules_count && strcmp(rules_table[i].id, "R-100") < 0; i++) {
        size_t n = 0;
        for (size_t j = 0; j < ARRAY_SIZE(probes_to_082); j++)
            n += strcmp(probes_to_082[j].rule, rules_table[i].id) == 0;
        if (rules_table[i].check ? n == 0 : n != 0)
            fail_msg("%s has %zu probes", rules_table[i].id, n);
    }
}

TEST(what_is_lawful_raises_nothing_at_all) {
    static void (*const lawful[])(Rig *) = {
        lawful_request,
        lawful_to_family,
        lawful_to_home,
        lawful_to_upt,
        lawful_to_upt_from_family,
        lawful_emergency,
        lawful_elderly,
        lawful_juvenile,
        lawful_drugs,
        lawful_opening,
        lawful_finding,
        lawful_response,
    };
    for (size_t i = 0; i < ARRAY_SIZE(lawful); i++) {
        _cleanup_(rig_freep) Rig *r = rig_new();
        lawful[i](r);
        ASSERT_STR(rig_codes(r), "");
    }
    static const struct {
        void (*request)(Rig *);
        int minutes;
    } placed[] = { { lawful_to_family, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY },
                   { lawful_to_home, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME },
                   { lawful_to_upt, DOCUMENT_TYPE_HANDOVER_MINUTES_UPT } };
    for (size_t i = 0; i < ARRAY_SIZE(placed); i++) {
        _cleanup_(rig_freep) Rig *r = rig_new();
        placed[i].request(r);
        (void)rig_answer(r, REFERRAL_DECISION_ACCEPTED);
        ASSERT_STR(rig_codes(r), "");
        placed[i].request(r);
        rig_supplement(r);
        ASSERT_STR(rig_codes(r), "");
        placed[i].request(r);
        (void)rig_handover(r, placed[i].minutes);
        ASSERT_STR(rig_codes(r), "");
    }
}

TEST(the_table_is_whole_and_in_order) {
    ASSERT_TRUE(rules_count <= ARRAY_SIZE(((RuleFloors *)0)->least));
    for (size_t i = 0; i < rules_count; i++) {
        const Rule *rule = &rules_table[i];
        ASSERT_TRUE(strlen(rule->id) < sizeof(((Reason *)0)->code));
        ASSERT_TRUE(strlen(rule->pasal) < sizeof(((Reason *)0)->legal_basis));
        ASSERT_TRUE(strlen(rule->field) < sizeof(((Reason *)0)->field));
        ASSERT_TRUE(strlen(rule->text_en) > 0 && strlen(rule->text_en) <= REASON_TEXT_MAX);
        ASSERT_TRUE(strlen(rule->text_id) > 0 && strlen(rule->text_id) <= REASON_TEXT_MAX);
        ASSERT_TRUE(strlen(rule->pasal) > 0 && strlen(rule->when_en) > 0);
        ASSERT_TRUE(i == 0 || strcmp(rules_table[i - 1].id, rule->id) < 0);
        /* A timer's rule is checked for no message, every other for one at least. */
        ASSERT_EQ(rule->check == NULL, rule->phase == PHASE_TIMER);
        ASSERT_EQ(rule->check == NULL, rule->on == 0);
        ASSERT_TRUE(rule_find(rule->id) == rule);
    }
    ASSERT_TRUE(rule_find("R-999") == NULL);
}

TEST(reason_codes_fit_and_are_unique) {
    for (size_t i = 0; i < reason_codes_count; i++) {
        ASSERT_TRUE(strlen(reason_codes[i].code) < sizeof(((Reason *)0)->code));
        ASSERT_TRUE(strlen(reason_codes[i].text_en) <= REASON_TEXT_MAX);
        ASSERT_TRUE(strlen(reason_codes[i].text_id) <= REASON_TEXT_MAX);
        for (size_t j = 0; j < i; j++)
            ASSERT_TRUE(strcmp(reason_codes[i].code, reason_codes[j].code) != 0);
    }
}

TEST(all_rules_speak_at_once_in_order_of_id) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Reasons reasons;
    lawful_opening(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "dsp/32");
    (void)text_copy(r->message->env.region, REGION_SIZE, "01");
    (void)text_copy(r->message->facts.personal_field, 64, "region");
    r->message->env.cluster = CLUSTER_ANY;
    r->message->facts.opened.criteria = 0;
    r->message->facts.opened.target_unit = 0;
    ASSERT_STR(rig_say(r, rules_table, rules_count, &reasons),
               "R-001 R-002 R-003 R-004 R-005 R-006 R-007");
    ASSERT_EQ(reasons.n_refusals, 7);
}

TEST(kinds_newer_than_this_broker_break_no_rule_about_their_content) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_request(r);
    r->message->env.kind = 200;
    r->message->env.cluster = CLUSTER_ANY;
    r->message->env.case_id = (Uuid) { 0 };
    r->message->facts = (Facts) { 0 };
    ASSERT_STR(rig_codes(r), "");
    r->message->env.kind = -1;
    ASSERT_STR(rig_codes(r), "");
}

TEST(a_full_list_of_reasons_still_refuses) {
    Reasons r = { 0 };
    for (int i = 0; i < 100; i++)
        reasons_add(&r, "UNKNOWN_RECIPIENT", "dsk/1", NULL, NULL);
    ASSERT_EQ(r.n, REASONS_MAX);
    ASSERT_EQ(r.n_refusals, 100);
    reasons_warn(&r, "ROLE_FALLBACK", "x");
    ASSERT_EQ(r.n_refusals, 100);
}

TEST(reasons_take_their_texts_from_the_table_or_the_caller) {
    Reasons r = { 0 };
    reasons_add(&r, "EXPIRED", "expires_at", NULL, NULL);
    ASSERT_STR(r.list[0].text_en, "The message has expired.");
    ASSERT_STR(r.list[0].text_id, "Pesan sudah kedaluwarsa.");
    reasons_add(&r, "EXPIRED", "expires_at", "mine", "punyaku");
    ASSERT_STR(r.list[1].text_en, "mine");
    ASSERT_STR(r.list[1].text_id, "punyaku");
    reasons_add(&r, "NO_SUCH_CODE", "x", NULL, NULL);
    ASSERT_STR(r.list[2].text_en, "");
}

/* --- floors and emergencies ----------------------------------------------------------------- */

static Severity with_floor(const Rig *r, const char *rule, Severity least, Reasons *reasons) {
    RuleFloors floors = { 0 };
    RuleInput in = rig_input(r);
    floors.least[rule_find(rule) - rules_table] = least;
    *reasons = (Reasons) { 0 };
    rules_check(&in, &floors, reasons);
    if (reasons->n == 0)
        return SEVERITY_NONE;
    return reasons->list[0].warning ? SEVERITY_WARN : SEVERITY_REFUSE;
}

TEST(a_floor_makes_a_rule_stricter_and_never_milder) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Reasons reasons;
    break_012(r);
    ASSERT_EQ(with_floor(r, "R-012", SEVERITY_NONE, &reasons), SEVERITY_WARN);
    ASSERT_EQ(with_floor(r, "R-012", SEVERITY_REFUSE, &reasons), SEVERITY_REFUSE);
    ASSERT_EQ(reasons.n_refusals, 1);
    break_020(r);
    ASSERT_EQ(with_floor(r, "R-020", SEVERITY_WARN, &reasons), SEVERITY_REFUSE);
    lawful_to_home(r);
    ASSERT_EQ(with_floor(r, "R-020", SEVERITY_REFUSE, &reasons), SEVERITY_NONE);
}

/* S2: day 5, no assessment, declared by that sender. */
static void urgent(Rig *r, const char *sender) {
    lawful_to_home(r);
    r->message->env.urgency = URGENCY_EMERGENCY;
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, sender);
    rig_request(r)->emergency = true;
    rig_request(r)->outside_service_started_on = DAY(2025, 3, 5);
    rig_without(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
}

TEST(an_emergency_defers_what_the_table_says_for_who_may_declare_it) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Reasons reasons;
    urgent(r, "dsk/3203");
    ASSERT_STR(rig_say(r, rules_table, rules_count, &reasons), "(R-040) (R-044)");
    ASSERT_EQ(reasons.n_refusals, 0);
    ASSERT_STR(reasons.list[1].text_en,
               "Social worker assessment missing. Deferred by the emergency until 2025-03-24.");
    ASSERT_STR(reasons.list[1].text_id,
               "Hasil asesmen Pekerja Sosial belum ada. Ditangguhkan karena "
               "kedaruratan sampai 2025-03-24.");
    urgent(r, "pks/3203052001");
    ASSERT_STR(rig_codes(r), "(R-040) (R-044)");
    urgent(r, "slrt/3203"); /* speaks for dsk/3203 */
    ASSERT_STR(rig_codes(r), "(R-040) (R-044)");
    urgent(r, "lksa/3203/0017");
    ASSERT_STR(rig_codes(r), "R-040 R-044 R-070");
    urgent(r, "uptd/32/pa-02");
    ASSERT_STR(rig_codes(r), "R-040 R-044 R-070");
    urgent(r, "dsk/3203");
    rig_request(r)->emergency = false;
    ASSERT_STR(rig_codes(r), "R-040 R-044");
}

TEST(an_emergency_never_waives_authority_addressee_or_minutes) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    urgent(r, "dsk/3203");
    rig_to(r, "lks/3203/0042");
    rig_request(r)->reunified = true;
    rig_request(r)->child_criteria = 0;
    rig_request(r)->home_criteria = 0;
    rig_document(r, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY, "dsp/32", 0);
    ASSERT_STR(rig_codes(r), "R-021 (R-023) (R-040) R-041 R-043 (R-044) R-047");
    urgent(r, "dsk/3203");
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    (void)rig_handover(r, DOCUMENT_TYPE_OTHER);
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    ASSERT_STR(rig_codes(r), "(R-045) R-046");
}

TEST(an_emergency_outranks_a_floor) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Reasons reasons;
    urgent(r, "dsk/3203");
    ASSERT_EQ(with_floor(r, "R-040", SEVERITY_REFUSE, &reasons), SEVERITY_WARN);
    ASSERT_EQ(reasons.n_refusals, 0);
}

TEST(deferred_documents_are_due_on_the_day_given_or_after_the_term_of_the_set) {
    const RuleSet *set = rule_set_at(&rule_sets, RULES_NOW, "32");
    const int64_t late = RULES_NOW - 5 * MINUTE_MS + 12 * HOUR_MS + 30 * MINUTE_MS; /* 15:30 UTC */
    CivilDate due = emergency_documents_due(DAY(2025, 3, 12), RULES_NOW, "3203", set);
    ASSERT_EQ(civil_compare(due, DAY(2025, 3, 12)), 0);
    due = emergency_documents_due(DAY(2025, 3, 10), RULES_NOW, "3203", set);
    ASSERT_EQ(civil_compare(due, DAY(2025, 3, 10)), 0);
    due = emergency_documents_due(DAY(2025, 3, 9), RULES_NOW, "3203", set); /* past */
    ASSERT_EQ(civil_compare(due, DAY(2025, 3, 24)), 0);
    due = emergency_documents_due(DAY(2025, 3, 32), RULES_NOW, "3203", set); /* no day */
    ASSERT_EQ(civil_compare(due, DAY(2025, 3, 24)), 0);
    due = emergency_documents_due((CivilDate) { 0 }, late, "3203", set); /* 22:30 WIB */
    ASSERT_EQ(civil_compare(due, DAY(2025, 3, 24)), 0);
    due = emergency_documents_due((CivilDate) { 0 }, late, "9471", set); /* 00:30 WIT */
    ASSERT_EQ(civil_compare(due, DAY(2025, 3, 25)), 0);
}

TEST(r_001_looks_at_every_place_that_an_event_names) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_request(r);
    r->message->env.kind = KIND_EXTRAORDINARY_EVENT;
    r->message->facts.event = (EventFacts) { .n_regions = 2 };
    strcpy(r->message->facts.event.regions[0], "3203");
    strcpy(r->message->facts.event.regions[1], "9903");
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-001")->check(&in), SEVERITY_REFUSE);
    strcpy(r->message->facts.event.regions[1], "3204");
    ASSERT_EQ(rule_find("R-001")->check(&in), SEVERITY_NONE);
}

/* --- R-001 to R-005 ------------------------------------------------------------------------- */

TEST(r_001_names_the_unknown_region_wherever_it_stands) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Envelope *e = &r->message->env;
    Reasons reasons;
    lawful_opening(r);
    (void)text_copy(e->sender, sizeof(e->sender), "lks/3203/0042");
    (void)text_copy(e->region, sizeof(e->region), "9903");
    ASSERT_STR(rig_say(r, rules_table, rules_count, &reasons), "R-001 (R-003)");
    ASSERT_STR(reasons.list[0].text_en, "Unknown region code 9903.");
    ASSERT_STR(reasons.list[0].text_id, "Kode wilayah 9903 tidak dikenal.");
    ASSERT_STR(reasons.list[0].legal_basis, "Kepmendagri 300.2.2-2138/2025");
    ASSERT_STR(reasons.list[0].field, "region");
    (void)text_copy(e->region, sizeof(e->region), "320");
    ASSERT_STR(rig_codes(r), "R-001 (R-003)");
    (void)text_copy(e->region, sizeof(e->region), "3203");
    ASSERT_STR(rig_codes(r), "");
    e->audience = (Audience) { .form = AUDIENCE_ROLE, .role_region = "0101" };
    (void)rig_say(r, rules_table, rules_count, &reasons);
    ASSERT_STR(reasons.list[0].text_en, "Unknown region code 0101.");
    (void)text_copy(e->audience.role_region, sizeof(e->audience.role_region), "3203059999");
    (void)rig_say(r, rules_table, rules_count, &reasons);
    ASSERT_STR(reasons.list[0].text_en, "Unknown region code 3203xxxxxx.");
}

TEST(r_001_looks_at_every_region_of_a_scope) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_record(r, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY);
    r->message->env.audience =
        (Audience) { .form = AUDIENCE_SCOPE, .n = 2, .scope = { "32", "22" } };
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-001")->check(&in), SEVERITY_REFUSE);
    r->message->env.audience.n = UINT32_MAX; /* a count no decoder vouches for */
    (void)text_copy(r->message->env.audience.scope[1], REGION_SIZE, "33");
    ASSERT_EQ(rule_find("R-001")->check(&in), SEVERITY_NONE);
}

static const char *sent_by(Rig *r, const char *sender, int kind) {
    Reasons reasons;
    RuleInput in;
    r->message->env.kind = kind;
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, sender);
    in = rig_input(r);
    reasons = (Reasons) { 0 };
    rules_check_table(rule_find("R-002"), 1, &in, NULL, &reasons);
    return reasons.n_refusals > 0 ? "R-002" : "";
}

TEST(r_002_is_about_who_sends_what) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Reasons reasons;
    lawful_request(r);
    ASSERT_STR(sent_by(r, "dsk/3203", KIND_SUPERVISION_ASSISTANCE_REQUEST), "R-002");
    r->message->facts.assistance = (AssistanceRequestFacts) { .regency = "3203" };
    (void)rig_say(r, rules_table, rules_count, &reasons);
    ASSERT_STR(reasons.list[0].text_en, "dsk/3203 may not send SUPERVISION_ASSISTANCE_REQUEST.");
    ASSERT_STR(reasons.list[0].text_id,
               "dsk/3203 tidak berwenang mengirim SUPERVISION_ASSISTANCE_REQUEST.");
    ASSERT_STR(sent_by(r, "dsp/32", KIND_SUPERVISION_ASSISTANCE_REQUEST), "");
    ASSERT_STR(sent_by(r, "dsk/3299", KIND_COMPLAINT), "R-002"); /* inactive */
    ASSERT_STR(sent_by(r, "dsk/0000", KIND_COMPLAINT), "R-002"); /* unknown */
    ASSERT_STR(sent_by(r, "lks/3203/0042", KIND_RECALL_ORDER), "");
    ASSERT_STR(sent_by(r, "dsk/3203", 200), ""); /* newer than this broker */
}

TEST(r_002_lets_a_bridge_do_what_its_owner_may) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_request(r);
    ASSERT_STR(sent_by(r, "slrt/3203", KIND_COMPLAINT), "");
    ASSERT_STR(sent_by(r, "slrt/3203", KIND_CASE_OPENED), ""); /* its owner dsk/3203 may */
    ASSERT_STR(sent_by(r, "slrt/3203", KIND_CASE_TRANSFER), "R-002");
    ASSERT_STR(sent_by(r, "slrt/3299", KIND_COMPLAINT), "");        /* its own right */
    ASSERT_STR(sent_by(r, "slrt/3299", KIND_CASE_OPENED), "R-002"); /* the owner is inactive */
}

static const char *kind_from_region(int kind, const char *sender, const char *region) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    Reasons reasons = { 0 };
    lawful_finding(r);
    r->message->env.kind = kind;
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, sender);
    (void)text_copy(r->message->env.region, REGION_SIZE, region);
    in = rig_input(r);
    rules_check_table(rule_find("R-003"), 1, &in, NULL, &reasons);
    return reasons.n == 0 ? "" : reasons.list[0].warning ? "warned" : "refused";
}

static const char *from_region(const char *sender, const char *region) {
    return kind_from_region(KIND_CASE_STAGE_UPDATE, sender, region);
}

TEST(r_003_is_not_for_what_concerns_an_event_or_ones_own_message) {
    ASSERT_STR(kind_from_region(KIND_EVENT_ACKNOWLEDGEMENT, "dsk/3203", "3204"), "");
    ASSERT_STR(kind_from_region(KIND_RECALL_ORDER, "dsk/3203", "3204"), "");
}

TEST(r_003_keeps_agencies_in_their_own_region) {
    ASSERT_STR(from_region("dsk/3203", "3203"), "");
    ASSERT_STR(from_region("dsk/3203", "3203052001"), "");
    ASSERT_STR(from_region("dsk/3203", "3204"), "refused");
    ASSERT_STR(from_region("dsk/3203", "32"), "refused");
    ASSERT_STR(from_region("dsk/3203", ""), "refused"); /* the nation */
    ASSERT_STR(from_region("dsp/32", "3204"), "");
    ASSERT_STR(from_region("dsp/32", "3302"), "refused");
    ASSERT_STR(from_region("uptd/32/pa-02", "3277"), "");
    ASSERT_STR(from_region("uptd/32/pa-02", "33"), "refused");
    ASSERT_STR(from_region("uptd/3203/rumah", "3204"), "refused");
    ASSERT_STR(from_region("slrt/3203", "3204"), "refused"); /* as wide as its owner's */
    ASSERT_STR(from_region("min/rehsos", "3204"), "");
}

TEST(r_003_lets_a_puskesos_say_less_than_its_village) {
    ASSERT_STR(from_region("pks/3203052001", "3203052001"), "");
    ASSERT_STR(from_region("pks/3203052001", "320305"), "");
    ASSERT_STR(from_region("pks/3203052001", "3203"), "");
    ASSERT_STR(from_region("pks/3203052001", "32"), "refused");
    ASSERT_STR(from_region("pks/3203052001", "3203052002"), "refused");
}

TEST(r_003_warns_institutions_outside_their_service_area) {
    ASSERT_STR(from_region("upt/phala-martha", "3277"), "");
    ASSERT_STR(from_region("upt/phala-martha", "3103"), ""); /* for children, as it is */
    ASSERT_STR(from_region("upt/phala-martha", "3302"), "warned");
    ASSERT_STR(from_region("upt/satria", "3203"), "warned");
    ASSERT_STR(from_region("lks/3203/0042", "3203"), "");
    ASSERT_STR(from_region("lks/3203/0042", "3204"), "warned");

    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_finding(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "upt/phala-martha");
    (void)text_copy(r->message->env.region, REGION_SIZE, "3103");
    r->message->env.cluster = CLUSTER_ELDERLY; /* there it serves children only */
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_WARN);
}

TEST(r_003_lets_who_holds_a_complaint_or_a_case_go_on_with_it) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    Item *c = &r->complaint, *file = &r->case_file;
    lawful_request(r);
    r->message->env.kind = KIND_COMPLAINT_UPDATE;
    (void)text_copy(r->message->env.region, REGION_SIZE, "3204");
    (void)text_copy(c->region, REGION_SIZE, "3204");
    (void)text_copy(c->custodian, NODE_NAME_SIZE, "dsk/3203");
    (void)text_copy(c->complaint.assignee, NODE_NAME_SIZE, "uptd/33/pa-01");
    r->known.complaint = c;
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_NONE);
    (void)text_copy(c->region, REGION_SIZE, "3302"); /* the complaint is of a third place */
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_REFUSE);
    (void)text_copy(c->region, REGION_SIZE, "3204");
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "uptd/33/pa-01");
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_NONE);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "dsp/33");
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_REFUSE);

    r->known.complaint = NULL;
    r->known.case_file = file;
    r->message->env.kind = KIND_CASE_STAGE_UPDATE;
    (void)text_copy(file->region, REGION_SIZE, "3204");
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_REFUSE);
    (void)text_copy(file->case_file.provider, NODE_NAME_SIZE, "dsp/33");
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_NONE);
    (void)text_copy(file->region, REGION_SIZE, "3302");
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_REFUSE);
}

TEST(r_003_leaves_events_and_who_takes_part_alone) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Envelope *e = &r->message->env;
    RuleInput in;
    lawful_to_home(r);
    rig_to(r, "uptd/33/pa-01"); /* R-019 warned of it: now it may answer */
    (void)rig_answer(r, REFERRAL_DECISION_ACCEPTED);
    ASSERT_STR(rig_codes(r), "");
    r->known.referral = NULL;
    ASSERT_STR(rig_codes(r), "R-003");
    e->kind = KIND_EXTRAORDINARY_EVENT;
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_NONE);
    e->kind = KIND_RECALL_ORDER; /* of a message of its own */
    ASSERT_EQ(rule_find("R-003")->check(&in), SEVERITY_NONE);
    lawful_record(r, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY);
    e->region[0] = '\0'; /* of no place */
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_004_names_the_field_it_found) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Reasons reasons;
    break_004(r);
    (void)rig_say(r, rules_table, rules_count, &reasons);
    ASSERT_STR(reasons.list[0].field, "documents.locator");
    ASSERT_STR(reasons.list[0].text_en, "Personal data in the clear header.");
    ASSERT_STR(reasons.list[0].text_id, "Data pribadi pada bagian terbuka.");
}

TEST(r_005_wants_a_cluster_where_a_case_is) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Reasons reasons;
    break_005(r);
    (void)rig_say(r, rules_table, rules_count, &reasons);
    ASSERT_STR(reasons.list[0].text_en, "Cluster is required.");
    ASSERT_STR(reasons.list[0].text_id, "Klaster wajib diisi.");
    ASSERT_STR(reasons.list[0].legal_basis, "P7 Pasal 3");
    for (int kind = 0; kind < 100; kind++) {
        const KindInfo *info = kind_info(kind);
        r->message->env.kind = kind;
        RuleInput in = rig_input(r);
        reasons = (Reasons) { 0 };
        rules_check_table(rule_find("R-005"), 1, &in, NULL, &reasons);
        ASSERT_EQ(reasons.n == 1, info && info->case_bearing);
    }
}

TEST_MAIN
