/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include <stdio.h>

#include "routing-fixture.h"

/* --- who holds (domain 4.6) ------------------------------------------------------------------ */

/* "holder (copy copy)", "~" in front when somebody stands in. */
static const char *holder_text(const Directory *d, const HolderQuestion *q, char ret[static 256]) {
    Holder h;
    Buf b = { 0 };
    HolderQuestion question = *q;
    question.directory = d;
    question.about = q->about ? q->about : "";
    question.sender = q->sender ? q->sender : "cc/171";
    holder_find(&question, &h);
    buf_addf(&b, "%s%s", h.fallback ? "~" : "", h.node ? h.node->id : "nobody");
    for (uint32_t i = 0; i < h.n_copies; i++)
        buf_addf(&b, "%s%s", i ? " " : " (", h.copies[i]->id);
    if (h.n_copies > 0)
        buf_addf(&b, ")");
    (void)text_copy(ret, 256, buf_text(&b));
    buf_deinit(&b);
    return ret;
}

#define ASSERT_HOLDER(want, ...)                                                                   \
    do {                                                                                           \
        _cleanup_(directory_unrefp) Directory *d = routing_directory();                            \
        char text[256];                                                                            \
        ASSERT_STR(holder_text(d, &(HolderQuestion) { __VA_ARGS__ }, text), want);                 \
    } while (0)

TEST(the_first_holder_is_the_puskesos_of_the_village_or_the_regency) {
    ASSERT_HOLDER("pks/3203052001", .region = "3203052001");
    ASSERT_HOLDER("dsk/3203", .region = "3203");
    ASSERT_HOLDER("dsk/3203", .region = "3203052009");                             /* unknown */
    ASSERT_HOLDER("dsk/3203", .region = "3203052002");                             /* no mailbox */
    ASSERT_HOLDER("dsk/3203", .region = "3203052001", .sender = "pks/3203052001"); /* sends it on */
    ASSERT_HOLDER("dsk/3203", .region = "3203052001", .harm_now = true);           /* its duty */
    ASSERT_HOLDER("dsk/3203", .region = "3203", .sender = "dsk/3203");
}

TEST(without_a_regency_the_upt_of_the_area_holds_it_then_the_hub) {
    ASSERT_HOLDER("~upt/phala-martha", .region = "3299");
    ASSERT_HOLDER("~upt/phala-martha", .region = "32");
    ASSERT_HOLDER("~hub", .region = "7371");
    ASSERT_HOLDER("~hub", .region = "");
}

TEST(about_a_lks_lksa_or_puskesos_the_regency_holds_it) {
    ASSERT_HOLDER("dsk/3275 (dsp/32 upt/pangudi-luhur)", .region = "3275",
                  .about = "lks/3275/0042");
    ASSERT_HOLDER("dsk/3203 (dsp/32 upt/phala-martha)", .region = "3203",
                  .about = "lksa/3203/0001");
    ASSERT_HOLDER("dsk/3203 (dsp/32 upt/phala-martha)", .region = "3203052001",
                  .about = "pks/3203052001");
    /* The regency of the institution, wherever the complaint comes from. */
    ASSERT_HOLDER("dsk/3275 (dsp/32 upt/pangudi-luhur)", .region = "3302",
                  .about = "lks/3275/0042");
}

TEST(about_a_regency_or_a_home_of_the_province_the_province_holds_it) {
    ASSERT_HOLDER("dsp/32 (upt/pangudi-luhur)", .region = "3275", .about = "dsk/3275");
    ASSERT_HOLDER("dsp/32 (upt/phala-martha)", .region = "3203", .about = "uptd/32/pa-02");
    /* The complaint knows the place better than the id of the home does. */
    ASSERT_HOLDER("dsp/32 (upt/pangudi-luhur)", .region = "3275", .about = "uptd/32/pa-02");
    ASSERT_HOLDER("dsp/32 (upt/phala-martha)", .region = "3203", .about = "team/3203");
    ASSERT_HOLDER("dsp/32 (upt/phala-martha)", .region = "3203", .about = "slrt/3203");
}

TEST(about_a_upt_the_ministry_holds_it_and_about_the_ministry_the_hub) {
    ASSERT_HOLDER("min/setditjen", .region = "3203", .about = "upt/phala-martha");
    ASSERT_HOLDER("min/setditjen", .region = "3203", .about = "dsp/32");
    ASSERT_HOLDER("min/setditjen", .region = "", .about = "cc/171");
    ASSERT_HOLDER("hub", .region = "3203", .about = "min/anak", .cluster = CLUSTER_CHILD);
    ASSERT_HOLDER("hub", .region = "3203", .about = "min/setditjen");
}

TEST(a_unit_that_supervises_and_is_closed_has_the_director_general_for_it) {
    for (unsigned closed = 0; closed < 2; closed++) {
        _cleanup_(directory_unrefp) Directory *d = routing_unsealed();
        char text[256];
        DirNode upt = sample_node("upt/new", NODE_UPT_BALAI, "hub");
        DirNode unit = sample_node("min/anak", NODE_MINISTRY_UNIT, "hub");
        strcpy(upt.parent, "min/anak");
        unit.inactive = closed;
        sample_add(d, &upt);
        sample_add(d, &unit);
        ASSERT_OK(directory_seal(d, 1));
        HolderQuestion q = { .region = "3203", .about = "upt/new" };
        ASSERT_STR(holder_text(d, &q, text), closed ? "min/setditjen" : "min/anak");
    }
}

TEST(about_somebody_unknown_it_is_a_complaint_of_the_region) {
    ASSERT_HOLDER("dsk/3203", .region = "3203", .about = "lks/3203/9999");
    ASSERT_HOLDER("dsk/3203", .region = "3203", .about = "kdn");
}

TEST(without_an_agency_of_the_province_the_upt_stands_in) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    char text[256];
    DirNode closed = sample_node("dsp/32", NODE_SOCIAL_AGENCY_PROVINCE, "upt/phala-martha");
    closed.inactive = true;
    d = routing_directory_with(&closed);
    HolderQuestion q = { .region = "3203", .about = "dsk/3203" };
    ASSERT_STR(holder_text(d, &q, text), "~upt/phala-martha");
}

TEST(an_escalation_goes_one_level_up_and_never_to_the_one_complained_about) {
    _cleanup_(directory_unrefp) Directory *d = routing_directory();
    HolderQuestion q = { .directory = d, .region = "3275011001", .about = "", .sender = "" };
    ASSERT_STR(holder_at_level(&q, 0)->id, "pks/3275011001");
    ASSERT_STR(holder_at_level(&q, 1)->id, "dsk/3275");
    ASSERT_STR(holder_at_level(&q, 2)->id, "dsp/32");
    ASSERT_STR(holder_at_level(&q, 3)->id, "min/setditjen");
    assert_null(holder_at_level(&q, 4));
    q.cluster = CLUSTER_CHILD;
    ASSERT_STR(holder_at_level(&q, 3)->id, "min/anak");
    q.about = "dsk/3275";
    ASSERT_STR(holder_at_level(&q, 1)->id, "dsp/32");
    q.about = "dsp/32";
    ASSERT_STR(holder_at_level(&q, 2)->id, "upt/pangudi-luhur");
    q.about = "min/anak";
    assert_null(holder_at_level(&q, 3));
}

/* --- a complaint on its way ------------------------------------------------------------------ */

static Routing *complaint(const char *sender, const char *region, const char *about) {
    Routing *r = routing_new(KIND_COMPLAINT, sender, region, CLUSTER_CHILD);
    r->m->facts.complaint = (ComplaintFacts) { .type = COMPLAINT_TYPE_GRIEVANCE,
                                               .channel = COMPLAINT_CHANNEL_CALL_CENTER_171,
                                               .subject = COMPLAINT_SUBJECT_STAFF_MISCONDUCT,
                                               .received_on = { 2025, 3, 10 },
                                               .anonymous = true };
    strcpy(r->m->facts.complaint.about_node, about);
    return r;
}

TEST(a_complaint_without_audience_goes_to_its_holder) {
    _cleanup_(routing_freep) Routing *r = complaint("cc/171", "3275", "lks/3275/0042");
    ASSERT_STR(routing_decide(r), "dsk/3275 (dsp/32) (upt/pangudi-luhur)");
    ASSERT_STR(routing_codes(r), "");
    ASSERT_EQ(r->out.reasons.n, 0);
    routing_to(r, "dsk/3275");
    ASSERT_STR(routing_decide(r), "dsk/3275 (dsp/32) (upt/pangudi-luhur)");
    ASSERT_STR(routing_codes(r), "");
}

TEST(the_holder_is_added_in_front_when_it_is_not_named) {
    _cleanup_(routing_freep) Routing *r = complaint("cc/171", "3275", "lks/3275/0042");
    routing_to(r, "upt/satria");
    routing_to(r, "dsp/32");
    ASSERT_STR(routing_decide(r), "dsk/3275 upt/satria dsp/32 (upt/pangudi-luhur)");
    ASSERT_STR(routing_codes(r), "(HOLDER_ADDED)");
    ASSERT_STR(r->out.reasons.list[0].field, "dsk/3275");
    ASSERT_EQ(r->out.reasons.n_refusals, 0);
    routing_to(r, "dsk/3275"); /* named, but not first */
    ASSERT_STR(routing_decide(r), "dsk/3275 upt/satria dsp/32 (upt/pangudi-luhur)");
    ASSERT_STR(routing_codes(r), "");
}

TEST(puskesos_and_regency_hold_a_complaint_alike_unless_somebody_is_in_danger) {
    _cleanup_(routing_freep) Routing *r = complaint("cc/171", "3203", "");
    routing_to(r, "pks/3203052001"); /* the header tells the regency alone */
    ASSERT_STR(routing_decide(r), "pks/3203052001");
    ASSERT_STR(routing_codes(r), "");
    r->m->facts.complaint.harm_now = true;
    ASSERT_STR(routing_decide(r), "dsk/3203 pks/3203052001");
    ASSERT_STR(routing_codes(r), "(HOLDER_ADDED)");
    strcpy(r->m->env.audience.nodes[0], "pks/3275011001"); /* of another regency */
    r->m->facts.complaint.harm_now = false;
    ASSERT_STR(routing_decide(r), "dsk/3203 pks/3275011001");
}

TEST(any_unit_of_the_ministry_may_hold_a_complaint_about_a_upt) {
    _cleanup_(routing_freep) Routing *r = complaint("cc/171", "3203", "upt/phala-martha");
    routing_to(r, "min/anak");
    ASSERT_STR(routing_decide(r), "min/anak");
    ASSERT_STR(routing_codes(r), "");
}

TEST(a_holder_who_sends_a_complaint_passes_it_on_as_he_likes) {
    _cleanup_(routing_freep) Routing *r = complaint("dsk/3203", "3203", "");
    routing_to(r, "upt/phala-martha");
    ASSERT_STR(routing_decide(r), "upt/phala-martha");
    ASSERT_STR(routing_codes(r), "");
    r->m->env.audience = (Audience) { 0 }; /* and keeps it when it names nobody */
    ASSERT_STR(routing_decide(r), "dsk/3203");
}

TEST(a_complaint_nobody_serves_the_region_of_is_not_dropped) {
    _cleanup_(routing_freep) Routing *r = complaint("cc/171", "7371", "");
    ASSERT_STR(routing_decide(r), "hub (min/setditjen)"); /* copy: the sender is warned */
    ASSERT_STR(routing_codes(r), "(ROLE_FALLBACK)");
    routing_to_role(r, NODE_SOCIAL_AGENCY_REGENCY, "7371");
    ASSERT_STR(routing_decide(r), "hub (min/setditjen)");
    ASSERT_STR(routing_codes(r), "(ROLE_FALLBACK)");
}

TEST(a_complaint_to_a_role_is_held_by_whom_the_law_names) {
    _cleanup_(routing_freep) Routing *r = complaint("cc/171", "3275", "lks/3275/0042");
    routing_to_role(r, NODE_SOCIAL_AGENCY_REGENCY, "3275");
    ASSERT_STR(routing_decide(r), "dsk/3275 (dsp/32) (upt/pangudi-luhur)");
    routing_to_role(r, NODE_PUSKESOS, "3203052009"); /* there is none: no UPT in its place */
    strcpy(r->m->env.region, "3203052009");
    r->m->facts.complaint.about_node[0] = '\0';
    r->m->env.cluster = CLUSTER_ELDERLY; /* the village of a child is not for the header */
    r->m->env.sensitivity = SENSITIVITY_PERSONAL;
    ASSERT_STR(routing_decide(r), "dsk/3203 (min/setditjen)");
    ASSERT_STR(routing_codes(r), "(ROLE_FALLBACK)");
}

TEST(several_forms_of_audience_are_not_an_empty_one) {
    _cleanup_(routing_freep) Routing *r = complaint("cc/171", "3275", "");
    strcpy(r->m->env.audience.nodes[0], "dsk/3275"); /* and a role without kind and region */
    ASSERT_STR(routing_decide(r), "");
    ASSERT_STR(routing_codes(r), "NO_AUDIENCE");
    r->m->env.audience = (Audience) { .role_kind = NODE_PUSKESOS };
    ASSERT_STR(routing_decide(r), "");
    r->m->env.audience = (Audience) { .scope = { "32" } };
    ASSERT_STR(routing_decide(r), "");
    r->m->env.audience = (Audience) { .role_region = "3275" };
    ASSERT_STR(routing_decide(r), "");
    r->m->env.audience = (Audience) { .form = AUDIENCE_NODES };
    ASSERT_STR(routing_decide(r), "dsk/3275");
}

TEST(thirty_two_addressees_leave_room_for_the_holder_and_copies) {
    _cleanup_(routing_freep) Routing *r = complaint("cc/171", "3275", "lks/3275/0042");
    Directory *d = routing_unsealed();
    for (int i = 0; i < (int)AUDIENCE_NODES_MAX; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "lks/3302/%d", i);
        DirNode n = sample_node(id, NODE_LKS, "upt/satria");
        sample_add(d, &n);
        routing_to(r, id);
    }
    ASSERT_OK(directory_seal(d, 1));
    routing_use(r, d);
    (void)routing_decide(r);
    ASSERT_EQ(r->out.n_routes, AUDIENCE_NODES_MAX + 3);
    ASSERT_STR(r->out.routes[0].who.node, "dsk/3275");
    ASSERT_STR(r->out.routes[AUDIENCE_NODES_MAX + 2].who.node, "upt/pangudi-luhur");
}

/* --- what follows it ------------------------------------------------------------------------- */

static Routing *update(const char *sender, int action) {
    Routing *r = routing_new(KIND_COMPLAINT_UPDATE, sender, "3275", CLUSTER_CHILD);
    r->m->facts.complaint_update.action = (uint8_t)action;
    routing_knows_complaint(r, "cc/171", "dsk/3275", "lks/3275/0042", 1);
    return r;
}

TEST(an_update_goes_to_origin_assignee_and_holder) {
    _cleanup_(routing_freep) Routing *r = update("dsk/3275", COMPLAINT_ACTION_CLASSIFY);
    ASSERT_STR(routing_decide(r), "cc/171");
    strcpy(r->complaint.complaint.assignee, "upt/pangudi-luhur");
    ASSERT_STR(routing_decide(r), "cc/171 upt/pangudi-luhur");
    strcpy(r->m->env.sender, "upt/pangudi-luhur");
    r->m->facts.complaint_update.action = COMPLAINT_ACTION_PROGRESS;
    ASSERT_STR(routing_decide(r), "cc/171 dsk/3275");
    routing_to(r, "dsk/3275"); /* whoever is left out gets a copy */
    ASSERT_STR(routing_decide(r), "dsk/3275 (cc/171)");
    r->known.complaint = NULL; /* nothing is known of it here */
    r->m->env.audience = (Audience) { 0 };
    ASSERT_STR(routing_decide(r), "");
    ASSERT_STR(routing_codes(r), "NO_AUDIENCE");
}

TEST(an_assignment_goes_to_the_assignee_first) {
    _cleanup_(routing_freep) Routing *r = update("dsk/3275", COMPLAINT_ACTION_ASSIGN);
    strcpy(r->m->facts.complaint_update.assignee, "upt/pangudi-luhur");
    ASSERT_STR(routing_decide(r), "upt/pangudi-luhur cc/171");
}

TEST(a_reroute_goes_to_the_holder_of_the_right_region) {
    _cleanup_(routing_freep) Routing *r = update("dsk/3275", COMPLAINT_ACTION_REROUTE);
    r->complaint.complaint.about_node[0] = '\0';
    strcpy(r->m->env.region, "3203");
    ASSERT_STR(routing_decide(r), "dsk/3203 cc/171");
}

TEST(an_escalation_brings_the_next_level_in) {
    _cleanup_(routing_freep) Routing *r = update("dsk/3275", COMPLAINT_ACTION_ESCALATE);
    ASSERT_STR(routing_decide(r), "dsp/32 cc/171");
    ASSERT_STR(routing_codes(r), "");
    routing_to(r, "cc/171");
    ASSERT_STR(routing_decide(r), "dsp/32 cc/171");
    ASSERT_STR(routing_codes(r), "(HOLDER_ADDED)");
    routing_to(r, "dsp/32");
    ASSERT_STR(routing_decide(r), "cc/171 dsp/32");
    ASSERT_STR(routing_codes(r), "");
    r->m->env.audience = (Audience) { 0 }; /* the province has it already, as holder of level 1 */
    strcpy(r->complaint.custodian, "dsp/32");
    strcpy(r->m->env.sender, "dsp/32");
    ASSERT_STR(routing_decide(r), "min/anak cc/171");
    strcpy(r->complaint.custodian, "dsk/3275");
    strcpy(r->m->env.sender, "dsk/3275");
    r->complaint.complaint.level = 3;
    r->m->env.audience = (Audience) { 0 };
    ASSERT_STR(routing_decide(r), "cc/171");
}

TEST(a_holder_who_took_the_complaint_himself_tells_his_supervisor) {
    _cleanup_(routing_freep) Routing *r = update("dsk/3275", COMPLAINT_ACTION_CLASSIFY);
    strcpy(r->complaint.complaint.origin, "dsk/3275");
    ASSERT_STR(routing_decide(r), "dsp/32");
    strcpy(r->complaint.complaint.about_node, "dsp/32"); /* but not of a complaint about it */
    ASSERT_STR(routing_decide(r), "");
}

TEST_MAIN
