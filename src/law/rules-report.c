/* SPDX-License-Identifier: Apache-2.0 */

/*
 * reports go up and supervision goes down, tier by tier (P4 Pasal 28 to
 * 31; P7 Pasal 46 to 52). R-152 is a timer's.
 */

#include "law/ministry.h"
#include "law/rules-internal.h"

/* --- regions of offices --------------------------------------------------------------------- */

/* Does the node lie in the province of the other, by the regions in their ids? False when either
 * id has none. */
static bool is_in_province_of(const char *node, const char *office) {
    char a[REGION_SIZE], b[REGION_SIZE];
    node_region(node, a);
    node_region(office, b);
    return a[0] && b[0] && strncmp(a, b, 2) == 0;
}

/* --- R-150, R-151 --------------------------------------------------------------------------- */

#define PARENTS_MAX 8U

static bool is_below(const Directory *d, const DirNode *n, const char *above) {
    for (unsigned i = 0; n && i < PARENTS_MAX; i++) {
        if (strcmp(n->id, above) == 0)
            return true;
        n = n->parent[0] ? directory_node(d, n->parent) : NULL;
    }
    return false;
}

/* Is the ministry's unit the Director General's (P4 Pasal 31 ayat (2)): his own, one below it, or a
 * directorate of a cluster (domain 4.5)? */
static bool is_of_director_general(const Directory *d, const DirNode *unit) {
    const DirNode *own = ministry_dirjen(d);
    return unit->n_clusters > 0 || (own && is_below(d, unit, own->id));
}

/* One addressee seen from the reporting office. */
typedef enum Tier {
    TIER_BESIDE = 0, /* neither: a copy */
    TIER_NEXT,
    TIER_SKIPPED,
} Tier;

static Tier tier_of(const RuleInput *in, const DirNode *office, const DirNode *to) {
    if (office->kind == NODE_SOCIAL_AGENCY_REGENCY) {
        if (to->kind == NODE_MINISTRY_UNIT || to->kind == NODE_NATIONAL_HUB)
            return TIER_SKIPPED;
        return to->kind == NODE_SOCIAL_AGENCY_PROVINCE && is_in_province_of(to->id, office->id)
                   ? TIER_NEXT
                   : TIER_BESIDE;
    }
    if (to->kind == NODE_MINISTRY_UNIT)
        return is_of_director_general(in->directory, to) ? TIER_NEXT : TIER_SKIPPED;
    return to->kind == NODE_NATIONAL_HUB ? TIER_NEXT : TIER_BESIDE;
}

/* A role that nobody has went to another node (domain 4.1): not the sender's doing. */
static bool asked_for_next_tier(const Audience *a, const DirNode *office) {
    char own[REGION_SIZE];
    if (a->form != AUDIENCE_ROLE)
        return false;
    if (office->kind == NODE_SOCIAL_AGENCY_PROVINCE)
        return a->role_kind == NODE_MINISTRY_UNIT;
    node_region(office->id, own);
    return a->role_kind == NODE_SOCIAL_AGENCY_PROVINCE && strncmp(a->role_region, own, 2) == 0;
}

/* Child reports go regency to province to the Director General's unit: nobody between is left out,
 * and copies beside the way do no harm. */
Severity rule_150(const RuleInput *in) {
    const TieredReportFacts *f = &in->message->facts.report;
    const DirNode *office = directory_speaks_for(in->directory, in->sender);
    if (!office ||
        (f->report_type != REPORT_TYPE_CHILD_OUTSIDE_HOME &&
         f->report_type != REPORT_TYPE_CHILD_IN_HOME) ||
        (office->kind != NODE_SOCIAL_AGENCY_REGENCY && office->kind != NODE_SOCIAL_AGENCY_PROVINCE))
        return SEVERITY_NONE;
    bool anybody = false, next = asked_for_next_tier(&in->message->env.audience, office);
    for (uint32_t i = 0; i < in->n_to; i++) {
        const DirNode *n = rule_addressee(in, i);
        const Tier tier = n ? tier_of(in, office, n) : TIER_BESIDE;
        if (tier == TIER_SKIPPED && in->message->env.audience.form != AUDIENCE_ROLE)
            return SEVERITY_REFUSE;
        anybody = anybody || n;
        next = next || tier == TIER_NEXT;
    }
    return refuse_if(anybody && !next);
}

/* The broker adds the copy to Home Affairs itself; this tells the sender. */
Severity rule_151(const RuleInput *in) {
    const TieredReportFacts *f = &in->message->facts.report;
    if (f->report_type != REPORT_TYPE_ATENSI)
        return SEVERITY_NONE;
    bool copied = false;
    for (uint32_t i = 0; i < in->n_to && !copied; i++) {
        const DirNode *n = rule_addressee(in, i);
        copied = n && n->kind == NODE_HOME_AFFAIRS;
    }
    return warn_if(!copied || !civil_is_set(f->period_begins_on) ||
                   !civil_is_set(f->period_ends_on));
}

/* --- R-153 ---------------------------------------------------------------------------------- */

/* The ministry, itself or through a UPT, supervises a regency only when the governor asked for it
 * or did not act (P7 Pasal 48 ayat (3)), and independent providers of ATENSI (P7 Pasal 6 ayat (4)).
 * A puskesos is part of its regency. */
static bool ministry_has_no_authority(const DirNode *about, int basis) {
    const bool regency = about->kind == NODE_SOCIAL_AGENCY_REGENCY || about->kind == NODE_PUSKESOS;
    const bool independent =
        about->kind == NODE_UPTD || about->kind == NODE_LKS || about->kind == NODE_LKSA;
    if (regency)
        return basis != SUPERVISION_BASIS_GOVERNOR_REQUEST &&
               basis != SUPERVISION_BASIS_INACTION_REVIEW;
    return basis == SUPERVISION_BASIS_INDEPENDENT_ATENSI && !independent;
}

/* A province supervises what lies in it; national bodies and other provinces do not. Where an id
 * has no region, nothing is said. */
static bool is_outside_province(const RuleInput *in, const DirNode *office, const char *about) {
    char own[REGION_SIZE], region[REGION_SIZE];
    const DirNode *n = directory_node(in->directory, about);
    if (n && (n->kind <= NODE_UPT_LOKA || n->kind == NODE_HOME_AFFAIRS))
        return true;
    node_region(office->id, own);
    node_region(about, region);
    return own[0] && region[0] && strncmp(own, region, 2) != 0;
}

Severity rule_153(const RuleInput *in) {
    const SupervisionNoticeFacts *f = &in->message->facts.supervision;
    const DirNode *office = directory_speaks_for(in->directory, in->sender);
    if (!office)
        return SEVERITY_NONE;
    const Item *regency = in->known->node;
    if (f->basis == SUPERVISION_BASIS_GOVERNOR_REQUEST &&
        (!regency || regency->oversight.assistance_asked_ms == 0))
        return SEVERITY_REFUSE;
    if (office->kind == NODE_SOCIAL_AGENCY_PROVINCE)
        return refuse_if(is_outside_province(in, office, f->about_node));
    const DirNode *about = directory_node(in->directory, f->about_node);
    if (!about || (office->kind != NODE_MINISTRY_UNIT && !node_kind_is_upt(office->kind)))
        return SEVERITY_NONE;
    return refuse_if(ministry_has_no_authority(about, f->basis));
}
