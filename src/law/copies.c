/* SPDX-License-Identifier: Apache-2.0 */

#include "law/copies.h"

#include <string.h>

#include "base/text.h"
#include "law/ministry.h"
#include "law/story.h"

typedef struct Copies {
    const CopyInput *in;
    const DirNode *sender; /* the owner, when a system speaks for one */
    uint32_t n;
    const DirNode **list;
} Copies;

/* --- list ------------------------------------------------------------------------------------ */

const char *copies_accused(const Message *m, const Item *complaint) {
    if (m->env.kind == KIND_COMPLAINT)
        return m->facts.complaint.about_node;
    if (m->env.kind != KIND_COMPLAINT_UPDATE)
        return "";
    return complaint ? complaint->complaint.about_node : NULL;
}

static void copy_to(Copies *c, const DirNode *n) {
    const CopyInput *in = c->in;
    const char *accused = copies_accused(in->message, in->known->complaint);
    if (!n || n->inactive || c->n == COPIES_MAX || n == in->sender ||
        (accused && strcmp(n->id, accused) == 0))
        return;
    for (uint32_t i = 0; i < in->n_to; i++)
        if (strcmp(in->to[i].node, n->id) == 0)
            return;
    for (uint32_t i = 0; i < c->n; i++)
        if (c->list[i] == n)
            return;
    c->list[c->n++] = n;
}

/* What the law orders for this very sender or message cannot be switched off; the rest can. */
static bool may_be_left_out(const Copies *c) {
    return c->in->message->env.no_supervision;
}

/* --- places ---------------------------------------------------------------------------------- */

static const DirNode *at(const Copies *c, int kind, const char *region) {
    return directory_by_role(c->in->directory, kind, region, c->in->message->env.cluster);
}

static const DirNode *province_of(const Copies *c, const char *region) {
    return at(c, NODE_SOCIAL_AGENCY_PROVINCE, region);
}

static const DirNode *regency_of(const Copies *c, const char *region) {
    return at(c, NODE_SOCIAL_AGENCY_REGENCY, region);
}

/* Where the sending institution is: that is where it is supervised. The region of the matter tells
 * it more exactly when it lies in the institution's. */
static void place_of_sender(const Copies *c, char ret[static REGION_SIZE]) {
    const char *matter = c->in->message->env.region;
    node_region(c->sender->id, ret);
    if (text_starts_with(matter, ret))
        (void)text_copy(ret, REGION_SIZE, matter);
}

/* --- by sender (P7 Pasal 6 ayat (4), Pasal 45 huruf d, Pasal 46 huruf c; P4 Pasal 33, 34) ---- */

/* A home that answers an RF-2 and opens the case it took over does so under P4 (the governor
 * supervises, Pasal 33 huruf h): the rows by referral name its copies, and P7 Pasal 6 ayat (4) is
 * about ATENSI done independently. Scenario S1 counts two copies in all; "UPTD case messages" in
 * domain 4.4, read alone, would make them ten. Stages of that case (M41 to M44) are ATENSI. */
static bool serves_as_home(const Copies *c) {
    const int kind = c->in->message->env.kind;
    const Item *r = c->in->known->referral;
    return c->sender->kind == NODE_UPTD && r && !r->referral.transfer &&
           r->referral.referral_kind == REFERRAL_KIND_TO_SOCIAL_HOME &&
           (kind == KIND_REFERRAL_RESPONSE || kind == KIND_HANDOVER_MINUTES ||
            kind == KIND_CASE_OPENED);
}

static void copies_by_sender(Copies *c) {
    const int cluster = c->in->message->env.cluster;
    const bool child = cluster == CLUSTER_CHILD;
    char place[REGION_SIZE];
    place_of_sender(c, place);
    switch (c->sender->kind) {
    case NODE_LKSA:
        if (child) {
            copy_to(c, regency_of(c, place));
            copy_to(c, province_of(c, place));
            break;
        }
        __attribute__((fallthrough)); /* a LKS like any other */
    case NODE_LKS:
    case NODE_UPTD:
        if (serves_as_home(c))
            break;
        copy_to(c, at(c, NODE_UPT_BALAI, place));
        copy_to(c, ministry_directorate(c->in->directory, cluster));
        copy_to(c, province_of(c, place));
        break;
    case NODE_PUSKESOS:
        if (!child || may_be_left_out(c))
            break;
        copy_to(c, regency_of(c, place));
        copy_to(c, province_of(c, place));
        break;
    default:
        if (node_kind_is_upt(c->sender->kind) && !may_be_left_out(c))
            copy_to(c, ministry_directorate(c->in->directory, cluster));
    }
}

/* --- by referral ----------------------------------------------------------------------------- */

static int referral_kind(const Copies *c) {
    const Message *m = c->in->message;
    const Item *known = c->in->known->referral;
    if (m->env.kind == KIND_REFERRAL_REQUEST)
        return m->facts.request.referral_kind;
    if (m->env.kind != KIND_HANDOVER_MINUTES)
        return REFERRAL_KIND_UNSPECIFIED;
    if (known && !known->referral.transfer)
        return known->referral.referral_kind;
    /* A referral this broker does not know: its minutes tell the kind. */
    const Document *of = m->facts.handover.documents.of;
    if (of[DOCUMENT_TYPE_HANDOVER_MINUTES_HOME].present)
        return REFERRAL_KIND_TO_SOCIAL_HOME;
    return of[DOCUMENT_TYPE_HANDOVER_MINUTES_UPT].present ? REFERRAL_KIND_TO_NATIONAL_UPT
                                                          : REFERRAL_KIND_UNSPECIFIED;
}

/* The agency that keeps the single case id, where it is known. */
static const DirNode *regency_of_origin(const Copies *c) {
    const Item *k = c->in->known->case_file;
    const DirNode *n = k && k->case_file.home_dsk[0]
                           ? directory_node(c->in->directory, k->case_file.home_dsk)
                           : NULL;
    return n ? n : regency_of(c, c->in->message->env.region);
}

/* RF-2 and RF-3 as in domain 4.4. An aftercare referral (RF-11) and a transfer bring a person into
 * a regency: its agency learns of it by facts (scenario S8; P7 Pasal 47 huruf c). */
static void copies_by_referral(Copies *c) {
    const Message *m = c->in->message;
    const int kind = referral_kind(c);
    if (may_be_left_out(c))
        return;
    if (kind == REFERRAL_KIND_TO_SOCIAL_HOME || kind == REFERRAL_KIND_TO_NATIONAL_UPT)
        copy_to(c, province_of(c, m->env.region));
    if (kind == REFERRAL_KIND_TO_NATIONAL_UPT)
        copy_to(c, regency_of_origin(c));
    if (m->env.kind == KIND_CASE_TRANSFER ||
        (m->env.kind == KIND_REFERRAL_REQUEST && kind == REFERRAL_KIND_AFTERCARE))
        copy_to(c, regency_of(c, m->env.region));
}

/* --- reports, notices, records, complaints (domain 4.6, 4.8) -------------------------------- */

static const DirNode *home_affairs(const Copies *c) {
    return at(c, NODE_HOME_AFFAIRS, "");
}

/* Home affairs reads what governors report and every ATENSI report (P7 Pasal 46 huruf e, Pasal 47
 * huruf d, Pasal 52). Reports on children by a regency go up the tiers and nowhere else (P4 Pasal
 * 31 ayat (1)). */
static void copies_of_report(Copies *c) {
    if (c->sender->kind == NODE_SOCIAL_AGENCY_PROVINCE ||
        c->in->message->facts.report.report_type == REPORT_TYPE_ATENSI)
        copy_to(c, home_affairs(c));
}

/* The governor who asked for it is told, and home affairs (P7 Pasal 48 ayat (3) huruf a, (4)). */
static void copies_of_notice(Copies *c) {
    const SupervisionNoticeFacts *f = &c->in->message->facts.supervision;
    char region[REGION_SIZE];
    if (f->basis != SUPERVISION_BASIS_GOVERNOR_REQUEST)
        return;
    node_region(f->about_node, region);
    copy_to(c, province_of(c, region[0] ? region : c->in->message->env.region));
    copy_to(c, home_affairs(c));
}

/* The brokers that judge by a record must know it: where the institution has its mailbox, and
 * where the agencies have theirs that refer to it (P4 Pasal 17, Pasal 26, Pasal 27). */
static void copy_to_home_of(Copies *c, const DirNode *n) {
    copy_to(c, n && n->home[0] ? directory_node(c->in->directory, n->home) : NULL);
}

static void copies_of_record(Copies *c) {
    const char *about = c->in->message->facts.node.id;
    char region[REGION_SIZE];
    node_region(about, region);
    copy_to_home_of(c, directory_node(c->in->directory, about));
    copy_to_home_of(c, regency_of(c, region));
    copy_to_home_of(c, province_of(c, region));
}

static void copy_to_superior(Copies *c) {
    const Directory *d = c->in->directory;
    copy_to(c, directory_node(d, superior_of(d, c->in->sender->id)));
}

static void copy_to_named(Copies *c, const char *node) {
    copy_to(c, node[0] ? directory_node(c->in->directory, node) : NULL);
}

/* Whoever has part in the complaint hears of each step, named by its sender or not: how it stands
 * is known where they are at home, or they could not go on with it. */
static void copies_of_update(Copies *c) {
    const ComplaintUpdateFacts *f = &c->in->message->facts.complaint_update;
    const Item *i = c->in->known->complaint;
    copy_to_named(c, f->assignee);
    if (i) {
        copy_to_named(c, i->complaint.origin);
        copy_to_named(c, i->custodian);
        copy_to_named(c, i->complaint.assignee);
    }
    for (size_t k = 0; i && k < ARRAY_SIZE(i->complaint.former); k++)
        copy_to_named(c, i->complaint.former[k]); /* they stay informed (domain 5) */
    if (f->action == COMPLAINT_ACTION_REJECT_INVALID)
        copy_to_superior(c);
}

static void copies_of_matter(Copies *c) {
    const Message *m = c->in->message;
    switch (m->env.kind) {
    case KIND_TIERED_REPORT:
        copies_of_report(c);
        break;
    case KIND_SUPERVISION_NOTICE:
        copies_of_notice(c);
        break;
    case KIND_NODE_RECORD:
        copies_of_record(c);
        break;
    case KIND_COMPLAINT:
        for (uint32_t i = 0; c->in->holder && i < c->in->holder->n_copies; i++)
            copy_to(c, c->in->holder->copies[i]);
        break;
    case KIND_COMPLAINT_UPDATE:
        copies_of_update(c);
        break;
    default:
        break;
    }
}

/* What a rule warned about. That the holder was added says nothing about the sender. */
static bool is_warned(const Reasons *r) {
    for (uint32_t i = 0; i < r->n; i++)
        if (r->list[i].warning && strcmp(r->list[i].code, "HOLDER_ADDED") != 0)
            return true;
    return false;
}

uint32_t copies_find(const CopyInput *in, const DirNode *ret[static COPIES_MAX]) {
    const KindInfo *info = kind_info(in->message->env.kind);
    Copies c = { .in = in, .list = ret };
    if (!in->sender || !info)
        return 0;
    c.sender = directory_speaks_for(in->directory, in->sender);
    if (!c.sender)
        c.sender = in->sender;
    copies_of_matter(&c);
    if (info->case_bearing) {
        copies_by_sender(&c);
        copies_by_referral(&c);
    }
    if (is_warned(in->reasons) && !may_be_left_out(&c))
        copy_to_superior(&c);
    return c.n;
}
