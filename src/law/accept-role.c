/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A role at a region becomes one node (domain 4.1), and a referral that names no kind of node goes
 * to whom the law makes responsible for it (domain 4.3).
 */

#include <stdio.h>
#include <string.h>

#include "law/accept-internal.h"

#define BIT(k) (UINT32_C(1) << (k))
#define UPT    (BIT(NODE_UPT_BALAI_BESAR) | BIT(NODE_UPT_BALAI) | BIT(NODE_UPT_LOKA))
#define HOMES  (UPT | BIT(NODE_UPTD) | BIT(NODE_LKS) | BIT(NODE_LKSA))

#define QUESTIONS_MAX 2U

/* --- who suits ------------------------------------------------------------------------------- */

/* Persons are sent only where persons are received. */
static bool takes_clients(const DirNode *n, const void *context) {
    (void)context;
    return !n->no_clients;
}

static bool is_provincial(const DirNode *n, const void *context) {
    char own[REGION_SIZE];
    node_region(n->id, own);
    return takes_clients(n, context) && strlen(own) <= 2;
}

static bool is_over(CivilDate last_day, const CivilDate *today) {
    return civil_is_set(last_day) && civil_compare(last_day, *today) < 0;
}

/* A LKSA for service in a home: designated by the governor and accredited today (P4 Pasal 17). */
static bool is_home_for_children(const DirNode *n, const void *today) {
    return takes_clients(n, NULL) && n->designation_by == DESIGNATION_BY_GOVERNOR &&
           n->designation_scope != DESIGNATION_SCOPE_OUTSIDE_HOME &&
           n->accreditation_grade >= ACCREDITATION_GRADE_A &&
           !is_over(n->designation_valid_until, today) &&
           !is_over(n->accreditation_valid_until, today);
}

static bool is_lpks(const DirNode *n, const void *context) {
    return takes_clients(n, context) && n->lpks;
}

static bool is_ipwl(const DirNode *n, const void *context) {
    return takes_clients(n, context) && n->ipwl;
}

/* Between Serasi nodes: another one than the sender. */
static bool is_other_serasi(const DirNode *n, const void *sender) {
    return takes_clients(n, NULL) && n != sender;
}

/* --- questions ------------------------------------------------------------------------------- */

/* Outside homes the regency, in homes the province, advanced the ministry's units (P4 Pasal 2 ayat
 * (2)-(3), Pasal 13 ayat (3), Pasal 19 ayat (1)). The split holds for other clusters too; the
 * documents P4 asks for are the rules' matter, for neglected children alone. Kinds of referral that
 * the law leaves to the parties (RF-6, RF-7, RF-11) need a kind of node. */
static size_t ask_by_law(const Deciding *d, const CivilDate *today,
                         RoleQuestion q[static QUESTIONS_MAX]) {
    const Message *m = d->in->message;
    if (m->env.kind != KIND_REFERRAL_REQUEST)
        return 0;
    q[0].suits = takes_clients;
    switch (m->facts.request.referral_kind) {
    case REFERRAL_KIND_TO_FAMILY:
    case REFERRAL_KIND_EMERGENCY:
        q[0].kinds = BIT(NODE_SOCIAL_AGENCY_REGENCY);
        return 1;
    case REFERRAL_KIND_TO_SOCIAL_HOME:
        q[0].kinds = BIT(NODE_UPTD);
        q[0].suits = is_provincial;
        q[1].kinds = BIT(NODE_LKSA);
        q[1].suits = is_home_for_children;
        q[1].context = today;
        return 2;
    case REFERRAL_KIND_TO_NATIONAL_UPT:
    case REFERRAL_KIND_ELDERLY_PROPOSAL:
        q[0].kinds = UPT;
        return 1;
    case REFERRAL_KIND_BETWEEN_SERASI:
        q[0].kinds = UPT;
        q[0].suits = is_other_serasi;
        q[0].context = d->sender;
        return 1;
    case REFERRAL_KIND_JUVENILE_JUSTICE:
        q[0].kinds = HOMES;
        q[0].suits = is_lpks;
        return 1;
    case REFERRAL_KIND_DRUG_MANDATORY_REPORT:
        q[0].kinds = HOMES;
        q[0].suits = is_ipwl;
        return 1;
    default:
        return 0;
    }
}

static size_t ask_as_named(const Deciding *d, RoleQuestion q[static QUESTIONS_MAX]) {
    const Envelope *e = &d->in->message->env;
    q[0].kinds = role_kinds(e->audience.role_kind);
    if (e->kind == KIND_REFERRAL_REQUEST || e->kind == KIND_CASE_TRANSFER)
        q[0].suits = takes_clients;
    return 1;
}

/* --- answer ---------------------------------------------------------------------------------- */

static void name_role(const Envelope *e, const RoleQuestion *q, char *ret, size_t size) {
    int kind = e->audience.role_kind;
    if (kind == NODE_UNSPECIFIED)
        kind = __builtin_ctz(q->kinds);
    (void)snprintf(ret, size, "%s@%s", node_kind_name(kind), q->region);
}

/* Where nobody has the role: the UPT of the region, then the desk at the hub (domain 4.1). */
static const DirNode *stand_in(const Deciding *d, const RoleQuestion *asked) {
    RoleQuestion q = { .kinds = UPT, .region = asked->region, .cluster = asked->cluster };
    q.free_places = asked->free_places;
    const DirNode *n = directory_find_role(d->in->directory, &q);
    q.kinds = BIT(NODE_NATIONAL_HUB);
    return n ? n : directory_find_role(d->in->directory, &q);
}

void role_decide(Deciding *d) {
    const Envelope *e = &d->in->message->env;
    const Audience *a = &e->audience;
    const bool named = a->role_kind != NODE_UNSPECIFIED;
    const CivilDate today = civil_at(d->in->now_ms, region_utc_offset_min(e->region));
    RoleQuestion q[QUESTIONS_MAX] = { { 0 } };
    size_t n_questions = named ? ask_as_named(d, q) : ask_by_law(d, &today, q);
    const DirNode *n = NULL;
    char role[64];
    if (n_questions == 0) {
        reasons_add(&d->ret->reasons, "NO_AUDIENCE", "audience.role_at.kind", NULL, NULL);
        return;
    }
    for (size_t i = 0; i < n_questions && !n; i++) {
        q[i].region = named || a->role_region[0] ? a->role_region : e->region;
        q[i].cluster = a->role_cluster != CLUSTER_ANY ? a->role_cluster : e->cluster;
        q[i].free_places = d->in->free_places;
        n = directory_find_role(d->in->directory, &q[i]);
    }
    if (n) {
        audience_add(d, n->id);
        return;
    }
    name_role(e, &q[0], role, sizeof(role));
    if (e->kind != KIND_COMPLAINT) /* its holder by law is added in any case */
        n = stand_in(d, &q[0]);
    if (n || e->kind == KIND_COMPLAINT)
        reasons_warn(&d->ret->reasons, "ROLE_FALLBACK", role);
    else
        reasons_add(&d->ret->reasons, "UNKNOWN_RECIPIENT", role, NULL, NULL);
    if (n)
        audience_add(d, n->id);
}
