/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A directory with every kind of institution that routing by law knows, in two provinces. Mailboxes
 * are at the hub or at the UPT of the area; pks/3203052002 is listed but not connected.
 */

#include "law/accept-internal.h"
#include "law/copies.h"
#include "sample.h"

typedef struct Place {
    const char *id;
    int kind;
    const char *home, *parent;
    int cluster; /* the only one it serves; 0 = not told */
} Place;

static const Place routing_places[] = {
    { "min/setditjen", NODE_MINISTRY_UNIT, "hub", "", 0 },
    { "min/anak", NODE_MINISTRY_UNIT, "hub", "min/setditjen", CLUSTER_CHILD },
    { "min/disabilitas", NODE_MINISTRY_UNIT, "hub", "min/setditjen", CLUSTER_DISABILITY },
    { "min/tuna", NODE_MINISTRY_UNIT, "hub", "min/setditjen",
      CLUSTER_SOCIAL_OUTCAST_AND_TRAFFICKING },
    { "min/napza", NODE_MINISTRY_UNIT, "hub", "min/setditjen", CLUSTER_DRUG_ABUSE_VICTIM },
    { "min/lansia", NODE_MINISTRY_UNIT, "hub", "min/setditjen", CLUSTER_ELDERLY },
    { "cc/171", NODE_COMMAND_CENTER, "hub", "min/setditjen", 0 },
    { "kdn", NODE_HOME_AFFAIRS, "hub", "", 0 },
    { "int/lapor", NODE_INTEGRATION_CLIENT, "hub", "cc/171", 0 },
    { "slrt/3203", NODE_REGIONAL_REFERRAL_SYSTEM, "upt/phala-martha", "dsk/3203", 0 },
    { "dsp/32", NODE_SOCIAL_AGENCY_PROVINCE, "upt/phala-martha", "min/setditjen", 0 },
    { "dsp/33", NODE_SOCIAL_AGENCY_PROVINCE, "upt/satria", "min/setditjen", 0 },
    { "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/phala-martha", "dsp/32", 0 },
    { "dsk/3204", NODE_SOCIAL_AGENCY_REGENCY, "upt/phala-martha", "dsp/32", 0 },
    { "dsk/3212", NODE_SOCIAL_AGENCY_REGENCY, "upt/phala-martha", "dsp/32", 0 },
    { "dsk/3275", NODE_SOCIAL_AGENCY_REGENCY, "upt/pangudi-luhur", "dsp/32", 0 },
    { "dsk/3302", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria", "dsp/33", 0 },
    { "dsk/3308", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria", "dsp/33", 0 },
    { "lks/3212/0005", NODE_LKS, "upt/phala-martha", "dsk/3212", 0 },
    { "lks/3275/0042", NODE_LKS, "upt/pangudi-luhur", "dsk/3275", 0 },
    { "pks/3203052001", NODE_PUSKESOS, "upt/phala-martha", "dsk/3203", 0 },
    { "pks/3203052002", NODE_PUSKESOS, "", "dsk/3203", 0 },
    { "pks/3275011001", NODE_PUSKESOS, "upt/pangudi-luhur", "dsk/3275", 0 },
    { "team/3203", NODE_CHILD_WELFARE_TEAM, "upt/phala-martha", "dsk/3203", 0 },
};

static inline void routing_upt(Directory *d, const char *id, const char *first,
                               const char *second) {
    DirNode n = sample_broker(id, NODE_UPT_BALAI, "hub");
    (void)text_copy(n.parent, sizeof(n.parent), "min/setditjen");
    sample_area(&n, first, CLUSTER_ANY, 1);
    if (second)
        sample_area(&n, second, CLUSTER_ANY, 1);
    sample_add(d, &n);
}

static inline void routing_home(Directory *d, const char *id, int kind, const char *home,
                                uint32_t capacity) {
    DirNode n = sample_node(id, kind, home);
    n.capacity = capacity;
    if (kind == NODE_LKSA) {
        n.designation_by = DESIGNATION_BY_GOVERNOR;
        n.designation_scope = DESIGNATION_SCOPE_BOTH;
        n.accreditation_grade = ACCREDITATION_GRADE_B;
        n.accreditation_valid_until = (CivilDate) { 2025, 3, 10 };
    }
    sample_add(d, &n);
}

static inline Directory *routing_unsealed(void) {
    Directory *d = NULL;
    ASSERT_OK(directory_new(&d));
    DirNode hub = sample_broker("hub", NODE_NATIONAL_HUB, "");
    (void)text_copy(hub.parent, sizeof(hub.parent), "min/setditjen");
    sample_add(d, &hub);
    routing_upt(d, "upt/phala-martha", "32", "3203");
    routing_upt(d, "upt/pangudi-luhur", "3275", NULL);
    routing_upt(d, "upt/satria", "33", NULL);
    routing_upt(d, "upt/mulya-jaya", "31", NULL);
    for (size_t i = 0; i < ARRAY_SIZE(routing_places); i++) {
        const Place *p = &routing_places[i];
        DirNode n = sample_node(p->id, p->kind, p->home);
        (void)text_copy(n.parent, sizeof(n.parent), p->parent);
        n.n_clusters = p->cluster != 0;
        n.clusters[0] = p->cluster;
        sample_add(d, &n);
    }
    routing_home(d, "uptd/32/pa-01", NODE_UPTD, "upt/phala-martha", 80);
    routing_home(d, "uptd/32/pa-02", NODE_UPTD, "upt/phala-martha", 100);
    routing_home(d, "lksa/3203/0001", NODE_LKSA, "upt/phala-martha", 40);
    routing_home(d, "lksa/3302/0011", NODE_LKSA, "upt/satria", 40);
    return d;
}

static inline Directory *routing_directory(void) {
    Directory *d = routing_unsealed();
    ASSERT_OK(directory_seal(d, 1));
    return d;
}

/* The node by itself, then sealed directory again. */
static inline Directory *routing_directory_with(const DirNode *n) {
    Directory *d = routing_unsealed();
    sample_add(d, n);
    ASSERT_OK(directory_seal(d, 1));
    return d;
}

/* --- a message on its way -------------------------------------------------------------------- */

typedef struct Routing {
    Directory *d;
    Message *m;
    Known known;
    Item referral, complaint, case_file, event, proposal;
    AcceptInput in;
    AcceptDecision out;
    char text[512], codes[512];
} Routing;

static inline Routing *routing_free(Routing *r) {
    (void)directory_unref(r->d);
    (void)message_free(r->m);
    free(r);
    return NULL;
}
DEFINE_CLEANUP(Routing *, routing_free);

/* A message without audience, its sender at home at the hub's side of the tree. */
static inline Routing *routing_new(int kind, const char *sender, const char *region, int cluster) {
    static const AcceptPolicy policy = { .default_expiry_ms = 30 * DAY_MS,
                                         .event_expiry_ms = 72 * HOUR_MS,
                                         .max_expiry_ms = 180 * DAY_MS,
                                         .clock_skew_ms = 5 * MINUTE_MS };
    Routing *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    r->d = routing_directory();
    r->m = sample_message();
    r->m->env.kind = kind;
    r->m->env.cluster = cluster;
    r->m->env.sensitivity = SENSITIVITY_PROTECTED;
    r->m->env.legal_basis = LEGAL_BASIS_PUBLIC_TASK;
    r->m->env.audience = (Audience) { 0 };
    (void)text_copy(r->m->env.sender, NODE_NAME_SIZE, sender);
    (void)text_copy(r->m->env.region, REGION_SIZE, region);
    r->in = (AcceptInput) { .message = r->m,
                            .directory = r->d,
                            .self = "upt/phala-martha",
                            .authority = r->m->env.sender,
                            .now_ms = SAMPLE_NOW,
                            .policy = &policy,
                            .known = &r->known };
    return r;
}

static inline void routing_use(Routing *r, Directory *d) {
    (void)directory_unref(r->d);
    r->in.directory = r->d = d;
}

static inline void routing_to(Routing *r, const char *node) {
    Audience *a = &r->m->env.audience;
    a->form = AUDIENCE_NODES;
    (void)text_copy(a->nodes[a->n++], NODE_NAME_SIZE, node);
}

static inline void routing_to_role(Routing *r, int kind, const char *region) {
    r->m->env.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = kind };
    (void)text_copy(r->m->env.audience.role_region, REGION_SIZE, region);
}

static inline void routing_knows_referral(Routing *r, int kind, const char *requester,
                                          const char *target) {
    r->referral = (Item) { .kind = ITEM_REFERRAL, .state = REFERRAL_DELIVERED };
    r->referral.referral.referral_kind = (uint8_t)kind;
    (void)text_copy(r->referral.referral.requester, NODE_NAME_SIZE, requester);
    (void)text_copy(r->referral.referral.target, NODE_NAME_SIZE, target);
    r->known.referral = &r->referral;
}

static inline void routing_knows_complaint(Routing *r, const char *origin, const char *holder,
                                           const char *about, unsigned level) {
    r->complaint = (Item) { .kind = ITEM_COMPLAINT, .state = COMPLAINT_CLASSIFIED };
    r->complaint.complaint.level = (uint8_t)level;
    r->complaint.cluster = (uint8_t)r->m->env.cluster;
    (void)text_copy(r->complaint.region, REGION_SIZE, r->m->env.region);
    (void)text_copy(r->complaint.custodian, NODE_NAME_SIZE, holder);
    (void)text_copy(r->complaint.complaint.origin, NODE_NAME_SIZE, origin);
    (void)text_copy(r->complaint.complaint.about_node, NODE_NAME_SIZE, about);
    r->known.complaint = &r->complaint;
}

/* Addressees in order, then supervisors in parentheses. What the rules think of the message is not
 * the matter here: a refusal of theirs leaves the addressees. */
static inline const char *routing_decide(Routing *r) {
    const DirNode *sender = directory_node(r->in.directory, r->m->env.sender);
    if (sender && sender->home[0])
        r->in.self = sender->home; /* it publishes at home */
    accept_decide(&r->in, &r->out);
    Buf b = { 0 };
    for (uint32_t i = 0; i < r->out.n_routes; i++)
        buf_addf(&b, r->out.routes[i].who.role == ROLE_SUPERVISOR ? "%s(%s)" : "%s%s", i ? " " : "",
                 r->out.routes[i].who.node);
    (void)text_copy(r->text, sizeof(r->text), buf_text(&b));
    buf_deinit(&b);
    return r->text;
}

/* The codes of the reasons that routing gives; those of the rules are left out. */
static inline const char *routing_codes(Routing *r) {
    Reasons own = { 0 };
    for (uint32_t i = 0; i < r->out.reasons.n; i++)
        if (!text_starts_with(r->out.reasons.list[i].code, "R-"))
            own.list[own.n++] = r->out.reasons.list[i];
    return sample_codes(&own, r->codes, sizeof(r->codes));
}

/* Copies alone, without the rules: warned = some rule warned about it. */
static inline const char *routing_copies(Routing *r, const char *to, bool warned) {
    const DirNode *list[COPIES_MAX];
    Recipient addressee = { .role = ROLE_ADDRESSEE };
    Reasons reasons = { 0 };
    if (warned)
        reasons_warn(&reasons, "R-045", "");
    (void)text_copy(addressee.node, sizeof(addressee.node), to);
    const CopyInput in = { .message = r->m,
                           .directory = r->d,
                           .sender = directory_node(r->d, r->m->env.sender),
                           .known = &r->known,
                           .to = &addressee,
                           .n_to = to[0] != '\0',
                           .reasons = &reasons };
    uint32_t n = copies_find(&in, list);
    Buf b = { 0 };
    for (uint32_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s", i ? " " : "", list[i]->id);
    (void)text_copy(r->text, sizeof(r->text), buf_text(&b));
    buf_deinit(&b);
    return r->text;
}
