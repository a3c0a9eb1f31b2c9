/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Placement of a referral: which documents the law asks for, the handover minutes (M04), the visits
 * to the family (M05, R-033) and the opening of the case (M40). What is open is decided so:
 *
 * - TO_FAMILY and the three referrals to an institution need minutes; at the others the opening of
 *   the case ends an accepted referral, and so do minutes of a receiver that opens no cases (a
 *   partner: its minutes are the receipt domain 5 speaks of).
 * - A provisional placement leaves the requester responsible (domain A-07); a case opened then
 *   waits, as an early act, for the documents.
 * - Visits to the family are owed until follow_up_total_days after the placement; the last one is
 *   due on that day at the latest, and the first one made on or after it ends the series. A child
 *   that is separated again ends it too: the requester answers again, and a new separation is a new
 *   referral (domain A-06).
 */

#include <string.h>

#include "base/text.h"
#include "law/referral-internal.h"
#include "law/rules.h"

#define DOC(n) (UINT32_C(1) << DOCUMENT_TYPE_##n)
#define MINUTES                                                                                    \
    (DOC(HANDOVER_MINUTES_FAMILY) | DOC(HANDOVER_MINUTES_HOME) | DOC(HANDOVER_MINUTES_UPT))

/* Documents the law asks for with the request, and at the placement. */
typedef struct Needed {
    Codes request, placement;
} Needed;

static Needed needed(int referral_kind) {
    switch (referral_kind) {
    case REFERRAL_KIND_TO_FAMILY: /* P4 Pasal 12 ayat (2) */
        return (Needed) { .placement = DOC(HANDOVER_MINUTES_FAMILY) };
    case REFERRAL_KIND_TO_SOCIAL_HOME: /* P4 Pasal 13 ayat (2) */
        return (Needed) { DOC(APPLICATION_LETTER_REGENCY) | DOC(SOCIAL_WORKER_ASSESSMENT),
                          DOC(HEALTH_CERTIFICATE) | DOC(HANDOVER_MINUTES_HOME) };
    case REFERRAL_KIND_TO_NATIONAL_UPT: /* P4 Pasal 19 ayat (3) */
        return (Needed) { DOC(APPLICATION_LETTER_PROVINCE) | DOC(CONSENT_LETTER) |
                              DOC(SOCIAL_WORKER_ASSESSMENT),
                          DOC(HEALTH_CERTIFICATE) | DOC(HANDOVER_MINUTES_UPT) };
    case REFERRAL_KIND_JUVENILE_JUSTICE: /* RS L5067-5071 */
        return (Needed) { .placement = DOC(COURT_OR_DIVERSION_DECISION) };
    default:
        return (Needed) { 0 };
    }
}

static bool needs_minutes(const Referral *r) {
    return needed(r->referral_kind).placement != 0;
}

Codes documents_present(const Documents *d) {
    Codes present = 0;
    for (int type = 1; type < DOCUMENT_TYPES; type++)
        if (d->of[type].present)
            present |= codes_of(type);
    return present;
}

Codes referral_owed_documents(const Referral *r) {
    const Needed n = needed(r->referral_kind);
    return (n.request | (civil_is_set(r->placed_on) ? n.placement : 0)) & ~r->documents;
}

void referral_watch_documents(const ReferralTurn *t) {
    const Referral *r = t->r;
    if (!r->emergency || !referral_owed_documents(r) || !civil_is_valid(r->docs_due_on))
        item_timer_stop(t->item, TIMER_DOCUMENTS);
    else if (!item_timer(t->item, TIMER_DOCUMENTS))
        item_timer_set(t->item, TIMER_DOCUMENTS,
                       timer_end_of_date(r->docs_due_on, t->item->region));
}

/* --- the family's visits --- */

/* What has happened has happened today at the latest. */
static CivilDate day_of(const ReferralTurn *t, CivilDate told) {
    const CivilDate today = civil_at(t->a->at_ms, region_utc_offset_min(t->item->region));
    return civil_is_valid(told) && civil_compare(told, today) < 0 ? told : today;
}

static CivilDate last_visit_day(const ReferralTurn *t) {
    const RuleSet *set = item_rule_set(t->ctx, t->item, t->a->at_ms);
    return civil_add_days(t->r->placed_on, set->follow_up_total_days);
}

static void start_follow_up(const ReferralTurn *t, CivilDate from, CivilDate told) {
    CivilDate next = civil_is_valid(told) && civil_compare(told, from) > 0
                         ? told
                         : civil_add_days(from, t->r->follow_up_days);
    if (civil_compare(next, last_visit_day(t)) > 0)
        next = last_visit_day(t);
    item_timer_set(t->item, TIMER_FOLLOW_UP, timer_end_of_date(next, t->item->region));
}

static void plan_follow_up(const ReferralTurn *t) {
    const RuleSet *set = item_rule_set(t->ctx, t->item, t->a->at_ms);
    const uint32_t told = t->facts->handover.interval_days;
    t->r->follow_up_days = told > 0 ? MIN(told, set->follow_up_total_days) : set->follow_up_days;
    start_follow_up(t, t->r->placed_on, (CivilDate) { 0 });
}

/* A kind newer than this broker may not. */
static bool may_publish(const DirNode *n, int kind) {
    return n->kind < NODE_KIND_MAX_ && kind_info(kind)->publishers >> n->kind & 1U;
}

/* Those who send visits (M05) and family minutes: requester, target, or an agency, puskesos or LKSA
 * of the region. */
static bool is_of_the_family(const ReferralTurn *t) {
    const DirNode *n = directory_node(t->ctx->directory, t->actor);
    char region[REGION_SIZE];
    if (referral_actor_is(t, t->r->requester) || referral_actor_is(t, t->r->target))
        return true;
    if (!n || !may_publish(n, KIND_FAMILY_FOLLOW_UP))
        return false;
    node_region(n->id, region);
    return region[0] &&
           (text_starts_with(t->item->region, region) || text_starts_with(region, t->item->region));
}

Step referral_on_follow_up(const ReferralTurn *t) {
    const FamilyFollowUpFacts *f = &t->facts->follow_up;
    const CivilDate visited = day_of(t, f->visited_on);
    if (t->r->referral_kind != REFERRAL_KIND_TO_FAMILY)
        return referral_illegal(t, "NOT_TO_FAMILY");
    if (!is_of_the_family(t))
        return referral_illegal(t, "NOT_THE_TARGET");
    if (t->item->state != REFERRAL_PLACED)
        return referral_actor_is(t, t->r->target) ? referral_illegal(t, "WRONG_STATE")
                                                  : referral_verdict(t, STEP_EARLY);
    if (f->outcome == FOLLOW_UP_OUTCOME_SEPARATED_AGAIN) {
        t->r->reunified = false;
        (void)text_copy(t->item->custodian, sizeof(t->item->custodian), t->r->requester);
        return referral_end(t, REFERRAL_COMPLETED);
    }
    if (civil_compare(visited, last_visit_day(t)) >= 0)
        return referral_end(t, REFERRAL_COMPLETED);
    start_follow_up(t, visited, f->next_on);
    return step_to(t->item, t->a, REFERRAL_PLACED);
}

/* --- minutes (berita acara, M04) --- */

/* The node that has the child at a family, which is no node itself: the agency that placed it. */
static const char *with_family(const ReferralTurn *t) {
    const char *told =
        t->a->kind == KIND_HANDOVER_MINUTES ? t->facts->handover.received_by : t->actor;
    return strcmp(told, t->r->requester) == 0 || strcmp(told, t->r->target) == 0 ? told : t->actor;
}

static void move_custody(const ReferralTurn *t) {
    const bool family = t->r->referral_kind == REFERRAL_KIND_TO_FAMILY;
    (void)text_copy(t->item->custodian, sizeof(t->item->custodian),
                    family ? with_family(t) : t->r->target);
}

static Step placed(const ReferralTurn *t) {
    move_custody(t);
    const Step step = referral_go(t, REFERRAL_PLACED);
    item_timer_stop(t->item, TIMER_DOCUMENTS);
    if (t->r->referral_kind == REFERRAL_KIND_TO_FAMILY)
        plan_follow_up(t);
    return step;
}

static Step placed_provisionally(const ReferralTurn *t) {
    if (!civil_is_valid(t->r->docs_due_on))
        t->r->docs_due_on = emergency_documents_due((CivilDate) { 0 }, t->a->at_ms, t->item->region,
                                                    item_rule_set(t->ctx, t->item, t->a->at_ms));
    const Step step = referral_go(t, REFERRAL_PLACED_PROVISIONAL);
    referral_watch_documents(t);
    return step;
}

Step referral_supplement_placed(const ReferralTurn *t) {
    return referral_owed_documents(t->r) ? step_to(t->item, t->a, t->item->state) : placed(t);
}

/* Does the receiver end its referrals by opening a case? */
static bool opens_cases(const ReferralTurn *t) {
    const DirNode *n = directory_node(t->ctx->directory, t->r->target);
    return !n || may_publish(n, KIND_CASE_OPENED);
}

/* Why the person cannot be placed now; NULL = can. */
static const char *placement_lacks(const ReferralTurn *t) {
    Codes lacking = needed(t->r->referral_kind).placement & ~t->r->documents;
    if (t->r->emergency) /* defers the certificate, never the minutes or a court's decision */
        lacking &= ~DOC(HEALTH_CERTIFICATE);
    return lacking & MINUTES ? "NO_MINUTES" : lacking ? "DOCUMENTS_MISSING" : NULL;
}

/* To a family nobody else need accept what the agency does itself. */
static bool acceptance_is_implied(const ReferralTurn *t) {
    return t->r->referral_kind == REFERRAL_KIND_TO_FAMILY && !t->item->final &&
           strcmp(t->r->requester, t->r->target) == 0;
}

Step referral_on_handover(const ReferralTurn *t) {
    Referral *r = t->r;
    const int state = t->item->state;
    const bool family = r->referral_kind == REFERRAL_KIND_TO_FAMILY;
    if (family ? !is_of_the_family(t) : !referral_actor_is(t, r->target))
        return referral_illegal(t, "NOT_THE_TARGET");
    if (state == REFERRAL_PLACED || r->transfer)
        return referral_illegal(t, "WRONG_STATE");
    if (state != REFERRAL_ACCEPTED && state != REFERRAL_PLACED_PROVISIONAL &&
        !acceptance_is_implied(t))
        return referral_actor_is(t, r->target) ? referral_illegal(t, "NOT_ACCEPTED")
                                               : referral_verdict(t, STEP_EARLY);

    r->documents |= documents_present(&t->facts->handover.documents);
    r->missing &= ~r->documents;
    const char *lacks = placement_lacks(t);
    if (lacks)
        return referral_illegal(t, lacks);
    item_timer_stop(t->item, TIMER_ANSWER);
    item_timer_stop(t->item, TIMER_SUPPLEMENT);
    item_timer_stop(t->item, TIMER_EXPIRY);
    if (state != REFERRAL_PLACED_PROVISIONAL)
        r->placed_on = day_of(t, t->facts->handover.handed_over_on);
    if (!needs_minutes(r) && !opens_cases(t)) {
        move_custody(t);
        return referral_end(t, REFERRAL_COMPLETED);
    }
    return r->emergency && referral_owed_documents(r) ? placed_provisionally(t) : placed(t);
}

/* --- the opening of the case (M40) --- */

Step referral_on_case_opened(const ReferralTurn *t) {
    if (t->r->referral_kind == REFERRAL_KIND_TO_FAMILY)
        return referral_verdict(t, STEP_APPLIED); /* on record: the visits end it, not a case */
    if (!referral_actor_is(t, t->r->target))
        return referral_illegal(t, "NOT_THE_TARGET");
    switch (t->item->state) {
    case REFERRAL_PLACED_PROVISIONAL:
        return referral_verdict(t, STEP_EARLY);
    case REFERRAL_ACCEPTED:
        if (needs_minutes(t->r))
            return referral_illegal(t, "NO_MINUTES");
        break;
    case REFERRAL_PLACED:
        break;
    default:
        return referral_illegal(t, "NOT_ACCEPTED");
    }
    (void)text_copy(t->item->custodian, sizeof(t->item->custodian), t->r->target);
    return referral_end(t, REFERRAL_COMPLETED);
}
