/* SPDX-License-Identifier: Apache-2.0 */

/* Who may look at what. */

#include <string.h>

#include "base/text.h"
#include "law/scope.h"

static bool is(const char *a, const char *node) {
    return a[0] != '\0' && strcmp(a, node) == 0;
}

bool item_takes_part(const Item *i, const char *node) {
    if (is(i->keeper, node) || is(i->custodian, node) || is(i->owes, node))
        return true;
    switch (i->kind) {
    case ITEM_REFERRAL:
        return is(i->referral.requester, node) || is(i->referral.target, node);
    case ITEM_COMPLAINT:
        return is(i->complaint.origin, node) || is(i->complaint.assignee, node);
    case ITEM_CASE:
        return is(i->case_file.provider, node) || is(i->case_file.home_dsk, node) ||
               is(i->case_file.forward_to, node);
    case ITEM_EVENT:
        return is(i->event.lead_node, node);
    case ITEM_PROPOSAL:
        return is(i->proposal.proposer, node);
    case ITEM_NODE:
        return is(i->oversight.node, node);
    case ITEM_NONE:
    case ITEM_KINDS:
        break;
    }
    return false;
}

static bool serves(const DirNode *n, const char *region, int cluster) {
    for (uint32_t i = 0; i < n->n_areas; i++)
        if (text_starts_with(region, n->areas[i].region) &&
            (n->areas[i].cluster == CLUSTER_ANY || n->areas[i].cluster == cluster))
            return true;
    return false;
}

bool region_is_visible(const Directory *d, const char *region, int cluster, const char *node) {
    const DirNode *n = directory_node(d, node);
    char own[REGION_SIZE];
    if (!n || n->inactive)
        return false;
    if (n->kind == NODE_NATIONAL_HUB || n->kind == NODE_MINISTRY_UNIT)
        return true;
    if (node_kind_is_upt(n->kind))
        return serves(n, region, cluster);
    if (n->kind != NODE_SOCIAL_AGENCY_PROVINCE && n->kind != NODE_SOCIAL_AGENCY_REGENCY)
        return false;
    node_region(n->id, own);
    return own[0] != '\0' && text_starts_with(region, own);
}

bool item_is_visible(const Directory *d, const Item *i, const char *node) {
    if (i->kind == ITEM_COMPLAINT && is(i->complaint.about_node, node))
        return false;
    /* Of an event everybody may know. */
    return i->kind == ITEM_EVENT || item_takes_part(i, node) ||
           region_is_visible(d, i->region, i->cluster, node);
}
