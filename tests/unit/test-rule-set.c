/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A change of law is one more dated row: it holds for what is opened from its first day on, and
 * what was opened before keeps the row it was opened under.
 */

#include "test.h"

#include "law/accept.h"
#include "rules-fixture.h"

/* An imagined decree: a home only after 14 days outside it, a certificate of at most 7 days. */
typedef struct Changed {
    RuleSet list[2];
    RuleSets sets;
} Changed;

static void change_the_law(Changed *c, CivilDate since) {
    c->list[0] = c->list[1] = rule_sets.list[0];
    (void)text_copy(c->list[1].version, sizeof(c->list[1].version), "2025-03");
    c->list[1].since = since;
    c->list[1].home_after_days = 14;
    c->list[1].health_certificate_days = 7;
    c->sets = (RuleSets) { c->list, ARRAY_SIZE(c->list) };
}

static void decide(const Rig *r, const RuleSets *sets, AcceptDecision *ret) {
    static const AcceptPolicy policy = { .default_expiry_ms = DAY_MS, .max_expiry_ms = DAY_MS };
    const AcceptInput in = { .message = r->message,
                             .directory = r->directory,
                             .self = "hub",
                             .authority = r->message->env.sender,
                             .now_ms = r->now_ms,
                             .policy = &policy,
                             .known = &r->known,
                             .rule_sets = sets };
    accept_decide(&in, ret);
}

/* A referral to a home on the tenth day of service outside. */
static Rig *tenth_day(void) {
    Rig *r = rig_new();
    lawful_to_home(r);
    rig_request(r)->outside_service_started_on = DAY(2025, 2, 28);
    return r;
}

TEST(the_first_row_holds_before_its_day_too) {
    ASSERT_STR(rule_set_at(&rule_sets, 0, "32")->version, "2021-09");
    ASSERT_STR(rule_set_at(&rule_sets, RULES_NOW, "32")->version, "2021-09");
    ASSERT_EQ(rule_set_at(&rule_sets, RULES_NOW, "32")->home_after_days, 7);
    assert_ptr_equal(rule_set_find(&rule_sets, "2021-09"), &rule_sets.list[0]);
    assert_null(rule_set_find(&rule_sets, "1999-01"));
    assert_null(rule_set_find(&rule_sets, ""));
}

TEST(a_row_begins_at_midnight_in_the_zone_of_the_region) {
    Changed c;
    change_the_law(&c, DAY(2025, 3, 11));
    const int64_t midnight_wib = RULES_NOW - 5 * MINUTE_MS + 14 * HOUR_MS; /* 17:00 UTC */
    ASSERT_STR(rule_set_at(&c.sets, midnight_wib - 1, "3203")->version, "2021-09");
    ASSERT_STR(rule_set_at(&c.sets, midnight_wib, "3203")->version, "2025-03");
    ASSERT_STR(rule_set_at(&c.sets, midnight_wib - HOUR_MS, "7371")->version, "2025-03");
    ASSERT_STR(rule_set_at(&c.sets, midnight_wib - HOUR_MS - 1, "7371")->version, "2021-09");
    ASSERT_STR(rule_set_at(&c.sets, midnight_wib - 2 * HOUR_MS, "9471")->version, "2025-03");
}

TEST(a_new_referral_is_judged_by_the_new_law) {
    _cleanup_(rig_freep) Rig *r = tenth_day();
    _cleanup_(freep) AcceptDecision *d = calloc(1, sizeof(*d));
    Changed c;
    assert_non_null(d);
    change_the_law(&c, DAY(2025, 3, 11)); /* tomorrow */
    decide(r, &c.sets, d);
    ASSERT_STR(d->rule_set, "2021-09");
    assert_false(reasons_have(&d->reasons, "R-040"));

    change_the_law(&c, DAY(2025, 3, 10)); /* today */
    decide(r, &c.sets, d);
    ASSERT_STR(d->rule_set, "2025-03");
    ASSERT_TRUE(reasons_have(&d->reasons, "R-040"));

    rig_request(r)->outside_service_started_on = DAY(2025, 2, 24); /* the fourteenth day */
    decide(r, &c.sets, d);
    assert_false(reasons_have(&d->reasons, "R-040"));
}

/* The minutes of the placement, with a certificate of ten days. */
static Rig *placement_of(const char *version) {
    Rig *r = tenth_day();
    (void)rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    put_document(rig_documents(r), DOCUMENT_TYPE_HEALTH_CERTIFICATE, "", ISSUER_KIND_DOCTOR,
                 DAY(2025, 2, 28));
    (void)text_copy(r->referral.rule_set, sizeof(r->referral.rule_set), version);
    return r;
}

TEST(a_referral_that_was_opened_before_keeps_the_law_of_its_opening) {
    _cleanup_(rig_freep) Rig *before = placement_of("2021-09"), *since = placement_of("2025-03"),
                             *unknown = placement_of("2019-02");
    _cleanup_(freep) AcceptDecision *d = calloc(1, sizeof(*d));
    Changed c;
    assert_non_null(d);
    change_the_law(&c, DAY(2025, 3, 1));
    decide(before, &c.sets, d);
    ASSERT_STR(d->rule_set, "2021-09");
    assert_false(reasons_have(&d->reasons, "R-050"));
    decide(since, &c.sets, d);
    ASSERT_STR(d->rule_set, "2025-03");
    ASSERT_TRUE(reasons_have(&d->reasons, "R-050"));
    decide(unknown, &c.sets, d); /* of a version this program has no more: that of today */
    ASSERT_STR(d->rule_set, "2025-03");
}

/* The set is all that differs: the same request under either. */
TEST(the_rule_reads_its_number_from_the_set_it_is_given) {
    _cleanup_(rig_freep) Rig *r = tenth_day();
    Changed c;
    change_the_law(&c, DAY(2025, 3, 1));
    r->set = &c.list[0];
    ASSERT_STR(rig_codes(r), "");
    r->set = &c.list[1];
    ASSERT_STR(rig_codes(r), "R-040");
}

TEST_MAIN
