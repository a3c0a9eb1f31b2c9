/* SPDX-License-Identifier: Apache-2.0 */

#include "core/filter.h"
#include "base/text.h"

static bool has_int(const int *list, uint32_t n, int value) {
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == value)
            return true;
    return false;
}

static bool has_region_of(const Filter *f, const char *region) {
    for (uint32_t i = 0; i < f->n_regions; i++)
        if (text_starts_with(region, f->regions[i]))
            return true;
    return false;
}

static bool has_case(const Filter *f, const Uuid *id) {
    for (uint32_t i = 0; i < f->n_cases; i++)
        if (uuid_equal(&f->cases[i], id))
            return true;
    return false;
}

/* Which urgency a lane stands for: BULK is ROUTINE of a bulky kind. */
static int lane_urgency(Lane lane) {
    switch (lane) {
    case LANE_EVENT:
        return URGENCY_EVENT;
    case LANE_EMERGENCY:
        return URGENCY_EMERGENCY;
    case LANE_PRIORITY:
        return URGENCY_PRIORITY;
    default:
        return URGENCY_ROUTINE;
    }
}

bool filter_matches(const Filter *f, const Envelope *e, Lane lane, int sender_kind) {
    return (f->n_kinds == 0 || has_int(f->kinds, f->n_kinds, e->kind)) &&
           (f->n_regions == 0 || has_region_of(f, e->region)) &&
           (f->n_clusters == 0 || has_int(f->clusters, f->n_clusters, e->cluster)) &&
           (f->n_cases == 0 || (!uuid_is_nil(&e->case_id) && has_case(f, &e->case_id))) &&
           (f->n_urgencies == 0 || has_int(f->urgencies, f->n_urgencies, lane_urgency(lane))) &&
           (f->n_sender_kinds == 0 || has_int(f->sender_kinds, f->n_sender_kinds, sender_kind));
}

/* --- equality: fields are sets, so order and repetition do not matter ----------------------- */

static bool ints_within(const int *a, uint32_t n_a, const int *b, uint32_t n_b) {
    for (uint32_t i = 0; i < n_a; i++)
        if (!has_int(b, n_b, a[i]))
            return false;
    return true;
}

static bool regions_within(const Filter *a, const Filter *b) {
    for (uint32_t i = 0; i < a->n_regions; i++) {
        bool found = false;
        for (uint32_t j = 0; j < b->n_regions && !found; j++)
            found = strcmp(a->regions[i], b->regions[j]) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool cases_within(const Filter *a, const Filter *b) {
    for (uint32_t i = 0; i < a->n_cases; i++)
        if (!has_case(b, &a->cases[i]))
            return false;
    return true;
}

static bool filter_within(const Filter *a, const Filter *b) {
    return ints_within(a->kinds, a->n_kinds, b->kinds, b->n_kinds) && regions_within(a, b) &&
           ints_within(a->clusters, a->n_clusters, b->clusters, b->n_clusters) &&
           cases_within(a, b) &&
           ints_within(a->urgencies, a->n_urgencies, b->urgencies, b->n_urgencies) &&
           ints_within(a->sender_kinds, a->n_sender_kinds, b->sender_kinds, b->n_sender_kinds);
}

bool filter_equal(const Filter *a, const Filter *b) {
    return filter_within(a, b) && filter_within(b, a);
}

/* --- scope (domain 6.8) --------------------------------------------------------------------- */

typedef enum ScopeForm {
    SCOPE_NOTHING, /* only what is addressed to the node */
    SCOPE_NATION,
    SCOPE_OWN_REGION,
    SCOPE_AREAS,
} ScopeForm;

/* Fills ret_region (a prefix) for SCOPE_OWN_REGION. */
static ScopeForm scope_of(const DirNode *owner, char ret_region[static REGION_SIZE]) {
    size_t digits = 2;
    switch (owner->kind) {
    case NODE_NATIONAL_HUB:
    case NODE_MINISTRY_UNIT:
        return SCOPE_NATION;
    case NODE_UPT_BALAI_BESAR:
    case NODE_UPT_BALAI:
    case NODE_UPT_LOKA:
        return SCOPE_AREAS;
    case NODE_SOCIAL_AGENCY_REGENCY:
        digits = 4;
        break;
    case NODE_SOCIAL_AGENCY_PROVINCE:
        break;
    default:
        return SCOPE_NOTHING;
    }
    /* An agency whose id names no region of its level has no jurisdiction to look into. */
    node_region(owner->id, ret_region);
    return strlen(ret_region) == digits ? SCOPE_OWN_REGION : SCOPE_NOTHING;
}

/* Is the region inside one of the areas? cluster < 0: whatever the cluster. */
static bool areas_cover(const DirNode *owner, const char *region, int cluster) {
    for (uint32_t i = 0; i < owner->n_areas; i++) {
        const ServiceArea *a = &owner->areas[i];
        if (text_starts_with(region, a->region) &&
            (cluster < 0 || a->cluster == CLUSTER_ANY || a->cluster == cluster))
            return true;
    }
    return false;
}

bool filter_in_scope(const DirNode *owner, const Envelope *e) {
    char own[REGION_SIZE];
    switch (scope_of(owner, own)) {
    case SCOPE_NATION:
        return true;
    case SCOPE_OWN_REGION:
        return text_starts_with(e->region, own);
    case SCOPE_AREAS:
        return areas_cover(owner, e->region, e->cluster);
    default:
        return false;
    }
}

/* A cluster the node serves nowhere would be a subscription that never gets anything. */
static bool areas_serve_cluster(const DirNode *owner, int cluster) {
    for (uint32_t i = 0; i < owner->n_areas; i++)
        if (owner->areas[i].cluster == CLUSTER_ANY || owner->areas[i].cluster == cluster)
            return true;
    return false;
}

static const char *areas_objection(const Filter *f, const DirNode *owner) {
    for (uint32_t i = 0; i < f->n_regions; i++)
        if (!areas_cover(owner, f->regions[i], -1))
            return "a region of the filter is outside the service area";
    for (uint32_t i = 0; i < f->n_clusters; i++)
        if (!areas_serve_cluster(owner, f->clusters[i]))
            return "a cluster of the filter is not in the service area";
    return NULL;
}

static const char *own_region_objection(const Filter *f, const char *own) {
    for (uint32_t i = 0; i < f->n_regions; i++)
        if (!text_starts_with(f->regions[i], own))
            return "a region of the filter is outside the jurisdiction";
    return NULL;
}

bool filter_is_allowed(const Filter *f, const DirNode *owner, const char **ret_why) {
    static const Uuid nil = { { 0 } };
    char own[REGION_SIZE];
    const char *why = NULL;
    switch (scope_of(owner, own)) {
    case SCOPE_NATION:
        break;
    case SCOPE_OWN_REGION:
        why = own_region_objection(f, own);
        break;
    case SCOPE_AREAS:
        why = owner->n_areas ? areas_objection(f, owner) : "the node has no service area";
        break;
    default:
        why = "this kind of node gets only what is addressed to it";
        break;
    }
    if (!why && has_case(f, &nil))
        why = "a case filter needs case ids"; /* no wildcard on cases */
    if (why)
        *ret_why = why;
    return !why;
}
