/* SPDX-License-Identifier: Apache-2.0 */

#include "law/holder.h"

#include <string.h>

#include "base/text.h"
#include "law/ministry.h"

#define BIT(k) (UINT32_C(1) << (k))

/* Where the node complained about is: the region in its id, else that of the complaint. */
static void region_of(const HolderQuestion *q, const DirNode *about, char ret[static REGION_SIZE]) {
    node_region(about->id, ret);
    if (ret[0] == '\0' || text_starts_with(q->region, ret))
        (void)text_copy(ret, REGION_SIZE, q->region);
}

/* Villages are often listed but not connected: somebody must be able to collect it. */
static bool has_mailbox(const DirNode *n, const void *context) {
    (void)context;
    return n->home[0] != '\0';
}

static const DirNode *at(const HolderQuestion *q, int kind, const char *region) {
    return directory_find_role(q->directory, &(RoleQuestion) { .kinds = role_kinds(kind),
                                                               .region = region,
                                                               .cluster = q->cluster,
                                                               .suits = has_mailbox });
}

/* The desk at the hub is the last resort. */
static const DirNode *at_or_above(const HolderQuestion *q, int kind, const char *region,
                                  bool *ret_fallback) {
    const DirNode *n = at(q, kind, region);
    *ret_fallback = !n;
    if (!n)
        n = at(q, NODE_UPT_BALAI, region);
    return n ? n : at(q, NODE_NATIONAL_HUB, region);
}

static void inform(const DirNode *n, Holder *ret) {
    if (n && n != ret->node && ret->n_copies < HOLDER_COPIES_MAX)
        ret->copies[ret->n_copies++] = n;
}

/* P4 Pasal 8 ayat (3). Who is in danger now is the agency's duty (Pasal 9), so it comes first. */
static void first_holder(const HolderQuestion *q, Holder *ret) {
    ret->equal_kinds = BIT(NODE_SOCIAL_AGENCY_REGENCY) | (q->harm_now ? 0 : BIT(NODE_PUSKESOS));
    const DirNode *village = q->harm_now ? NULL : at(q, NODE_PUSKESOS, q->region);
    if (village && strcmp(village->id, q->sender) != 0)
        ret->node = village;
    if (!ret->node)
        ret->node = at_or_above(q, NODE_SOCIAL_AGENCY_REGENCY, q->region, &ret->fallback);
}

/* P4 Pasal 6 ayat (3) huruf b, Pasal 34 huruf g; P7 Pasal 6 ayat (4). */
static void above_village(const HolderQuestion *q, const char *region, Holder *ret) {
    ret->node = at_or_above(q, NODE_SOCIAL_AGENCY_REGENCY, region, &ret->fallback);
    inform(at(q, NODE_SOCIAL_AGENCY_PROVINCE, region), ret);
    inform(at(q, NODE_UPT_BALAI, region), ret);
}

static void above_regency(const HolderQuestion *q, const char *region, Holder *ret) {
    ret->node = at_or_above(q, NODE_SOCIAL_AGENCY_PROVINCE, region, &ret->fallback);
    inform(at(q, NODE_UPT_BALAI, region), ret);
}

/* The unit that supervises it, else the Director General's; any unit is the ministry. */
static void above_region(const HolderQuestion *q, const DirNode *about, Holder *ret) {
    const DirNode *n = directory_node(q->directory, about->parent);
    if (!n || n->kind != NODE_MINISTRY_UNIT || n->inactive)
        n = ministry_dirjen(q->directory);
    ret->equal_kinds = BIT(NODE_MINISTRY_UNIT);
    ret->fallback = !n;
    ret->node = n ? n : at(q, NODE_NATIONAL_HUB, "");
}

void holder_find(const HolderQuestion *q, Holder *ret) {
    const DirNode *about = q->about[0] ? directory_node(q->directory, q->about) : NULL;
    char region[REGION_SIZE];
    *ret = (Holder) { 0 };
    about = directory_speaks_for(q->directory, about);
    if (about)
        region_of(q, about, region);
    switch (about ? about->kind : NODE_UNSPECIFIED) {
    case NODE_LKS:
    case NODE_LKSA:
    case NODE_PUSKESOS:
    case NODE_POSYANDU_LANSIA: /* below the puskesos */
        above_village(q, region, ret);
        break;
    case NODE_SOCIAL_AGENCY_REGENCY:
    case NODE_UPTD:
    case NODE_CHILD_WELFARE_TEAM: /* of a regency or a province: its agency is part of it */
        above_regency(q, region, ret);
        break;
    /* The law names the UPT; the others are the ministry's to supervise as well (P7 Pasal 48). */
    case NODE_UPT_BALAI_BESAR:
    case NODE_UPT_BALAI:
    case NODE_UPT_LOKA:
    case NODE_SOCIAL_AGENCY_PROVINCE:
    case NODE_COMMAND_CENTER:
    case NODE_NATIONAL_HUB:
        above_region(q, about, ret);
        break;
    case NODE_MINISTRY_UNIT:
        ret->node = at(q, NODE_NATIONAL_HUB, "");
        break;
    default: /* nobody, somebody unknown, or no social service: as any complaint of the region */
        first_holder(q, ret);
    }
}

bool holder_is_lawful(const HolderQuestion *q, const Holder *h, const DirNode *n) {
    char own[REGION_SIZE];
    if (n == h->node)
        return true;
    if (n->kind >= NODE_KIND_MAX_ || !(h->equal_kinds >> n->kind & 1U) ||
        strcmp(n->id, q->about) == 0)
        return false;
    /* A header often tells the regency alone where the publisher knows the village. */
    node_region(n->id, own);
    return own[0] == '\0' || text_starts_with(own, q->region) || text_starts_with(q->region, own);
}

/* The first who is named and may hold it, else who does by law. A sender who is the holder himself
 * passes it on as he likes. */
const char *holder_of_complaint(const Directory *d, const Message *m) {
    const Envelope *e = &m->env;
    const Audience *a = &e->audience;
    const HolderQuestion q = { .directory = d,
                               .region = e->region,
                               .cluster = e->cluster,
                               .about = m->facts.complaint.about_node,
                               .sender = e->sender,
                               .harm_now = m->facts.complaint.harm_now };
    const DirNode *named = NULL;
    Holder h;
    holder_find(&q, &h);
    for (uint32_t i = 0; a->form == AUDIENCE_NODES && i < a->n && i < AUDIENCE_NODES_MAX; i++) {
        const DirNode *n = directory_node(d, a->nodes[i]);
        if (n && holder_is_lawful(&q, &h, n))
            return n->id;
        named = named ? named : n;
    }
    if (a->form == AUDIENCE_ROLE)
        named = directory_by_role(d, a->role_kind, a->role_region, e->cluster);
    if (named && (!h.node || holder_is_lawful(&q, &h, named)))
        return named->id;
    const DirNode *sender = directory_speaks_for(d, directory_node(d, e->sender));
    if (named && h.node == sender)
        return named->id;
    return h.node ? h.node->id : "";
}

uint32_t holder_level_kinds(unsigned level) {
    switch (level) {
    case 0:
        return BIT(NODE_PUSKESOS);
    case 1:
        return BIT(NODE_SOCIAL_AGENCY_REGENCY);
    case 2:
        return BIT(NODE_SOCIAL_AGENCY_PROVINCE) | role_kinds(NODE_UPT_BALAI);
    case 3:
        return BIT(NODE_MINISTRY_UNIT);
    default:
        return 0;
    }
}

/* Not the one complained about. */
static const DirNode *other(const HolderQuestion *q, const DirNode *n) {
    return n && strcmp(n->id, q->about) != 0 ? n : NULL;
}

const DirNode *holder_at_level(const HolderQuestion *q, unsigned level) {
    const DirNode *n = NULL;
    char region[REGION_SIZE] = "";
    if (q->holder)
        node_region(q->holder, region);
    if (region[0] == '\0' || text_starts_with(q->region, region))
        (void)text_copy(region, sizeof(region), q->region);
    if (level == 0)
        n = other(q, at(q, NODE_PUSKESOS, region));
    if (!n && level <= 1)
        n = other(q, at(q, NODE_SOCIAL_AGENCY_REGENCY, region));
    if (!n && level <= 2)
        n = other(q, at(q, NODE_SOCIAL_AGENCY_PROVINCE, region));
    if (!n && level <= 2)
        n = other(q, at(q, NODE_UPT_BALAI, region));
    if (!n && level < HOLDER_LEVELS)
        n = other(q, ministry_directorate(q->directory, q->cluster));
    return n;
}
