/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who supervises whom (binwas). The directory says it; where it is silent the law does: the agency
 * of the province supervises that of the regency, which looks after what works in its villages, and
 * the ministry supervises the rest (P7 Pasal 6 ayat (4), Pasal 48; P4 Pasal 28, Pasal 34 huruf g).
 * The directory does not promise that its chains end, so every walk here is bounded.
 */

#include <string.h>

#include "law/ministry.h"
#include "law/story.h"

#define SUPERIORS_MAX 8U

static const DirNode *by_role(const Directory *d, const DirNode *n, int kind) {
    char region[REGION_SIZE];
    node_region(n->id, region);
    return region[0] ? directory_by_role(d, kind, region, CLUSTER_ANY) : NULL;
}

static const DirNode *by_law(const Directory *d, const DirNode *n) {
    switch (n->kind) {
    case NODE_PUSKESOS:
    case NODE_LKS:
    case NODE_LKSA:
    case NODE_POSYANDU_LANSIA:
    case NODE_REGIONAL_REFERRAL_SYSTEM:
    case NODE_BASIC_SERVICE_SYSTEM:
        return by_role(d, n, NODE_SOCIAL_AGENCY_REGENCY);
    case NODE_SOCIAL_AGENCY_REGENCY:
    case NODE_UPTD:
    case NODE_CHILD_WELFARE_TEAM:
        return by_role(d, n, NODE_SOCIAL_AGENCY_PROVINCE);
    case NODE_SOCIAL_AGENCY_PROVINCE:
    case NODE_UPT_BALAI_BESAR:
    case NODE_UPT_BALAI:
    case NODE_UPT_LOKA:
    case NODE_NATIONAL_HUB:
    case NODE_COMMAND_CENTER:
        return ministry_dirjen(d);
    default: /* partners answer to their own superiors, the ministry to nobody here */
        return NULL;
    }
}

/* The next one up, active or not; NULL at the top. */
static const DirNode *above(const Directory *d, const DirNode *n) {
    const DirNode *up = n->parent[0] ? directory_node(d, n->parent) : NULL;
    if (!up)
        up = by_law(d, n);
    return up != n ? up : NULL;
}

const char *superior_of(const Directory *d, const char *node) {
    const DirNode *n = directory_node(d, node);
    for (unsigned i = 0; n && i < SUPERIORS_MAX; i++) {
        n = above(d, n);
        if (n && !n->inactive && strcmp(n->id, node) != 0)
            return n->id;
    }
    return "";
}

const char *superior_above(const Directory *d, const char *node, uint32_t steps) {
    for (uint32_t i = 0; i < steps && i < SUPERIORS_MAX; i++) {
        const char *up = superior_of(d, node);
        if (!up[0])
            break;
        node = up;
    }
    return node;
}

static bool supervises(const Directory *d, const char *superior, const char *node) {
    for (unsigned i = 0; i < SUPERIORS_MAX && node[0]; i++) {
        node = superior_of(d, node);
        if (strcmp(node, superior) == 0)
            return true;
    }
    return false;
}

const char *common_superior(const Directory *d, const char *a, const char *b) {
    const char *up = a;
    for (unsigned i = 0; i < SUPERIORS_MAX; i++) {
        up = superior_of(d, up);
        if (!up[0])
            break;
        if (strcmp(up, b) != 0 && supervises(d, up, b))
            return up;
    }
    return "";
}
