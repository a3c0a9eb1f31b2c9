/* SPDX-License-Identifier: Apache-2.0 */

/* NodeRecords (M70) applied to the directory's record of a node. */

#include <string.h>

#include "base/text.h"
#include "law/record.h"

enum { BY_OWNER = 1, BY_DSK = 2, BY_DSP = 4, BY_MIN = 8 };

#define CLUSTERS_KNOWN ((UINT32_C(2) << CLUSTER_OTHER_PPKS) - 2)

typedef struct Change {
    const NodeRecordFacts *f;
    DirNode *node;
    unsigned roles; /* of the sender, towards this node */
    bool changed;
    const char *why;
} Change;

/* In its area by its own id; one whose id has no region, by whose supervision it is under. */
static bool is_in_area_of(const DirNode *about, const DirNode *agency) {
    char area[REGION_SIZE], region[REGION_SIZE];
    node_region(agency->id, area);
    node_region(about->id, region);
    if (area[0] == '\0' || region[0] == '\0')
        return strcmp(about->parent, agency->id) == 0;
    return text_starts_with(region, area);
}

static unsigned roles_of(const Directory *d, const char *sender, const DirNode *about) {
    const DirNode *n = directory_node(d, sender);
    n = n ? directory_speaks_for(d, n) : NULL;
    if (!n || n->inactive)
        return 0;
    unsigned roles = strcmp(n->id, about->id) == 0 ? BY_OWNER : 0;
    if (n->kind == NODE_MINISTRY_UNIT)
        roles |= BY_MIN;
    if (n->kind == NODE_SOCIAL_AGENCY_REGENCY && is_in_area_of(about, n))
        roles |= BY_DSK;
    if (n->kind == NODE_SOCIAL_AGENCY_PROVINCE && is_in_area_of(about, n))
        roles |= BY_DSP;
    return roles;
}

static bool may(Change *c, unsigned who) {
    if (c->roles & who)
        return true;
    c->why = "NOT_AUTHORISED";
    return false;
}

/* --- what it offers ------------------------------------------------------------------------- */

/* Told to hold, or to hold no longer; both at once says nothing. */
static void set_flag(Change *c, unsigned who, NodeField field, bool told, bool *flag) {
    const bool ends = codes_has(c->f->no_longer, field);
    if (told == ends || *flag == told || !may(c, who))
        return;
    *flag = told;
    c->changed = true;
}

static void set_capacity(Change *c, unsigned who) {
    if (c->f->capacity == 0 || c->f->capacity == c->node->capacity || !may(c, who))
        return;
    c->node->capacity = c->f->capacity;
    c->changed = true;
}

static Codes clusters_of(const DirNode *n) {
    Codes set = 0;
    for (uint32_t i = 0; i < n->n_clusters; i++)
        set |= codes_of(n->clusters[i]);
    return set;
}

static void set_clusters(Change *c, unsigned who) {
    const Codes told = c->f->clusters & CLUSTERS_KNOWN;
    if (told == 0 || told == clusters_of(c->node) || !may(c, who))
        return;
    c->node->n_clusters = 0;
    for (int i = CLUSTER_CHILD; i <= CLUSTER_OTHER_PPKS; i++)
        if (codes_has(told, i))
            c->node->clusters[c->node->n_clusters++] = i;
    c->changed = true;
}
_Static_assert(CLUSTER_OTHER_PPKS <= DIR_CLUSTERS_MAX, "every cluster has its place");

static void set_bases(Change *c, unsigned who) {
    if (c->f->bases == 0 || c->f->bases == c->node->bases || !may(c, who))
        return;
    c->node->bases = c->f->bases;
    c->changed = true;
}

static void change_offer(Change *c) {
    const unsigned agency = c->node->kind == NODE_UPTD       ? BY_DSP
                            : c->node->kind == NODE_PUSKESOS ? BY_DSK
                                                             : 0;
    const unsigned who = BY_OWNER | BY_MIN | agency;
    set_flag(c, who, NODE_FIELD_NO_CLIENTS, c->f->no_clients, &c->node->no_clients);
    set_capacity(c, who);
    set_clusters(c, who);
    set_bases(c, who);
}

static void change_status(Change *c) {
    set_flag(c, BY_MIN, NODE_FIELD_INACTIVE, c->f->inactive, &c->node->inactive);
    set_flag(c, BY_MIN, NODE_FIELD_IPWL, c->f->ipwl, &c->node->ipwl);
    set_flag(c, BY_MIN, NODE_FIELD_LPKS, c->f->lpks, &c->node->lpks);
    set_flag(c, BY_MIN, NODE_FIELD_NATIONAL_REFERRAL_CENTRE, c->f->national_referral_centre,
             &c->node->national_referral_centre);
    set_flag(c, BY_MIN, NODE_FIELD_SKA, c->f->ska, &c->node->ska);
    set_flag(c, BY_MIN, NODE_FIELD_ODHIV, c->f->odhiv, &c->node->odhiv);
}

/* --- accreditation (akreditasi) ------------------------------------------------------------- */

/* A grade comes with its own last day, a day alone renews the grade there is. */
static void change_accreditation(Change *c) {
    const NodeRecordFacts *f = c->f;
    uint8_t grade = c->node->accreditation_grade;
    CivilDate until = c->node->accreditation_valid_until;
    if (codes_has(f->no_longer, NODE_FIELD_ACCREDITATION)) {
        grade = ACCREDITATION_GRADE_NONE;
        until = (CivilDate) { 0 };
    }
    if (f->accreditation_grade > ACCREDITATION_GRADE_C) {
        c->why = "BAD_VALUE";
        return;
    }
    if (f->accreditation_grade != 0) {
        grade = f->accreditation_grade;
        until = f->accreditation_valid_until;
    } else if (civil_is_set(f->accreditation_valid_until)) {
        until = f->accreditation_valid_until;
    }
    if (grade == c->node->accreditation_grade &&
        civil_compare(until, c->node->accreditation_valid_until) == 0)
        return;
    if (!may(c, BY_MIN))
        return;
    c->node->accreditation_grade = grade;
    c->node->accreditation_valid_until = until;
    c->changed = true;
}

/* --- designation (penetapan) ---------------------------------------------------------------- */

typedef struct Designation {
    uint8_t by, scope;
    CivilDate until;
} Designation;

static bool same(const Designation *a, const Designation *b) {
    return a->by == b->by && a->scope == b->scope && civil_compare(a->until, b->until) == 0;
}

/* The law has two designations, for services outside homes and inside; a record has room for one.
 * Side by side they are the higher one, for both. */
static uint8_t both(uint8_t a, uint8_t b) {
    return a == 0 || a == b ? b : b == 0 ? a : DESIGNATION_SCOPE_BOTH;
}

/* What the sender's own part in the designation would be; 0 = none. */
static uint8_t designates_as(const Change *c) {
    if (c->node->kind != NODE_LKS && c->node->kind != NODE_LKSA)
        return 0;
    return c->roles & BY_DSP   ? DESIGNATION_BY_GOVERNOR
           : c->roles & BY_DSK ? DESIGNATION_BY_SOCIAL_AGENCY_REGENCY
                               : 0;
}

/* Of an agency: it adds to, renews and ends its own. False: that is not its to say. */
static bool designate(uint8_t as, bool ends, const Designation *told, Designation *inout) {
    const bool higher = inout->by > as;
    if (as == 0 || (told->by != 0 && told->by != as))
        return false;
    if (as == DESIGNATION_BY_SOCIAL_AGENCY_REGENCY && told->scope > DESIGNATION_SCOPE_OUTSIDE_HOME)
        return false;
    if (ends && higher && inout->scope != DESIGNATION_SCOPE_BOTH)
        return false;
    if (ends)
        *inout = higher ? (Designation) { inout->by, DESIGNATION_SCOPE_IN_HOME, inout->until }
                        : (Designation) { 0 };
    if (told->scope != 0 && higher)
        inout->scope = both(inout->scope, told->scope);
    else if (told->scope != 0)
        *inout = (Designation) { as, both(inout->scope, told->scope), told->until };
    else if (civil_is_set(told->until) && !higher && inout->by == as)
        inout->until = told->until;
    else if (civil_is_set(told->until))
        return false;
    return true;
}

static void change_designation(Change *c) {
    const NodeRecordFacts *f = c->f;
    const Designation told = { f->designation_by, f->designation_scope,
                               f->designation_valid_until };
    const Designation has = { c->node->designation_by, c->node->designation_scope,
                              c->node->designation_valid_until };
    const bool ends = codes_has(f->no_longer, NODE_FIELD_DESIGNATION);
    Designation next = ends ? (Designation) { 0 } : has;
    if (told.by > DESIGNATION_BY_MINISTER || told.scope > DESIGNATION_SCOPE_BOTH) {
        c->why = "BAD_VALUE";
        return;
    }
    if (!ends && (same(&told, &has) || same(&told, &(Designation) { 0 })))
        return;
    if (c->roles & BY_MIN) {
        if ((told.by != 0) != (told.scope != 0)) {
            c->why = "BAD_VALUE";
            return;
        }
        if (told.by != 0)
            next = told;
        else if (civil_is_set(told.until))
            next.until = told.until;
    } else {
        next = has;
        if (!designate(designates_as(c), ends, &told, &next)) {
            c->why = "NOT_AUTHORISED";
            return;
        }
    }
    if (same(&next, &has))
        return;
    c->node->designation_by = next.by;
    c->node->designation_scope = next.scope;
    c->node->designation_valid_until = next.until;
    c->changed = true;
}

bool node_record_apply(const Directory *d, const char *sender, const NodeRecordFacts *f,
                       DirNode *inout, const char **ret_why) {
    Change c = { .f = f, .node = inout, .roles = roles_of(d, sender, inout) };
    if (f->kind != 0 && f->kind != inout->kind) {
        *ret_why = "NOT_THE_KIND";
        return false;
    }
    change_offer(&c);
    change_status(&c);
    change_accreditation(&c);
    change_designation(&c);
    *ret_why = c.why;
    return c.changed;
}
