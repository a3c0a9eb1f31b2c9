/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Building and lookup of a directory snapshot. Hash tables answer "who is this", sorted arrays
 * made at seal answer "in order of id" and "all of this kind". Records come from files and from
 * peers: what cannot stand is refused with -EINVAL, running out of memory is -ENOMEM.
 * Routes are in routes.c, days off in calendar.c.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "core/directory-internal.h"
#include "core/regions.h"

int directory_new(Directory **ret) {
    Directory *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    atomic_init(&d->refs, 1);
    *ret = d;
    return 0;
}

Directory *directory_ref(Directory *d) {
    if (d)
        atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

/* Keys, regions and holidays; of another snapshot when that lent them. */
static void free_lendable(Directory *d) {
    KeyEntry *k, *next_k;
    RegionEntry *r, *next_r;
    if (d->lender) {
        (void)directory_unref(d->lender);
        return;
    }
    HASH_ITER (hh, d->keys, k, next_k) {
        HASH_DEL(d->keys, k);
        free(k);
    }
    HASH_ITER (hh, d->regions, r, next_r) {
        HASH_DEL(d->regions, r);
        free(r);
    }
    calendar_free(d);
    free(d->key_list);
    free(d->keys_by_node);
}

static void free_nodes(Directory *d) {
    NodeEntry *n, *next_n;
    if (d->node_lender) {
        (void)directory_unref(d->node_lender);
        return;
    }
    HASH_ITER (hh, d->nodes, n, next_n) {
        HASH_DEL(d->nodes, n);
        free(n);
    }
    for (size_t i = 0; i < ARRAY_SIZE(d->by_kind); i++)
        free(d->by_kind[i].list);
    free(d->roles.list);
    free(d->node_list);
}

static void directory_free(Directory *d) {
    free_nodes(d);
    free_lendable(d);
    free(d);
}

Directory *directory_unref(Directory *d) {
    if (!d)
        return NULL;
    unsigned before = atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        directory_free(d);
    return NULL;
}

/* --- building ------------------------------------------------------------------------------- */

/* Is there a NUL within the array? Records are plain values that a caller filled. */
#define IS_ENDED(a) (strnlen((a), sizeof(a)) < sizeof(a))

static bool name_is_valid_or_empty(const char *name) {
    return name[0] == '\0' || node_name_is_valid(name);
}

static bool day_is_valid_or_unset(CivilDate d) {
    return !civil_is_set(d) || civil_is_valid(d);
}

static bool node_can_stand(const DirNode *n) {
    if (!IS_ENDED(n->id) || !IS_ENDED(n->name) || !IS_ENDED(n->parent) || !IS_ENDED(n->home) ||
        !IS_ENDED(n->broker_parent) || n->n_areas > DIR_AREAS_MAX ||
        n->n_clusters > DIR_CLUSTERS_MAX || n->kind <= NODE_UNSPECIFIED ||
        !day_is_valid_or_unset(n->accreditation_valid_until) ||
        !day_is_valid_or_unset(n->designation_valid_until))
        return false;
    for (uint32_t i = 0; i < n->n_areas; i++)
        if (!IS_ENDED(n->areas[i].region) || !region_form_is_valid(n->areas[i].region))
            return false;
    return node_name_is_valid(n->id) && name_is_valid_or_empty(n->parent) &&
           name_is_valid_or_empty(n->home) && name_is_valid_or_empty(n->broker_parent);
}

int directory_add_node(Directory *d, const DirNode *n) {
    if (d->sealed || !node_can_stand(n))
        return -EINVAL;
    NodeEntry *e;
    HASH_FIND_STR(d->nodes, n->id, e);
    if (!e) {
        e = calloc(1, sizeof(*e));
        if (!e)
            return -ENOMEM;
        memcpy(e->node.id, n->id, sizeof(e->node.id));
        HASH_ADD_STR(d->nodes, node.id, e);
        if (!e->hh.tbl) {
            free(e);
            return -ENOMEM;
        }
    }
    e->node = *n;
    if (n->broker && n->home[0] == '\0')
        memcpy(e->node.home, n->id, sizeof(e->node.home));
    return 0;
}

int directory_add_key(Directory *d, const DirKey *k) {
    if (d->sealed || strnlen(k->curve, sizeof(k->curve)) != CURVE_TEXT_SIZE - 1 ||
        !IS_ENDED(k->node) || !IS_ENDED(k->label) || !node_name_is_valid(k->node) ||
        (k->valid_until_ms != 0 && k->valid_until_ms <= k->valid_from_ms) ||
        rights_objection(&k->rights, k->broker))
        return -EINVAL;
    KeyEntry *e;
    HASH_FIND_STR(d->keys, k->curve, e);
    if (!e) {
        e = calloc(1, sizeof(*e));
        if (!e)
            return -ENOMEM;
        memcpy(e->key.curve, k->curve, sizeof(e->key.curve));
        HASH_ADD_STR(d->keys, key.curve, e);
        if (!e->hh.tbl) {
            free(e);
            return -ENOMEM;
        }
    }
    e->key = *k;
    return 0;
}

int directory_add_region(Directory *d, const DirRegion *r) {
    if (d->sealed || !IS_ENDED(r->code) || !IS_ENDED(r->name) || !IS_ENDED(r->alias_of) ||
        r->code[0] == '\0' || !region_form_is_valid(r->code) || !region_form_is_valid(r->alias_of))
        return -EINVAL;
    RegionEntry *e;
    HASH_FIND_STR(d->regions, r->code, e);
    if (!e) {
        e = calloc(1, sizeof(*e));
        if (!e)
            return -ENOMEM;
        memcpy(e->region.code, r->code, sizeof(e->region.code));
        HASH_ADD_STR(d->regions, region.code, e);
        if (!e->hh.tbl) {
            free(e);
            return -ENOMEM;
        }
        d->lists_length[region_province_index(r->code)][strlen(r->code)] = true;
    }
    e->region = *r;
    if (r->alias_of[0] != '\0')
        d->has_alias[region_province_index(r->code)] = true;
    return 0;
}

/* --- seal ----------------------------------------------------------------------------------- */

static int compare_nodes(const void *a, const void *b) {
    const DirNode *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static int compare_keys(const void *a, const void *b) {
    const DirKey *const *x = a, *const *y = b;
    return strcmp((*x)->curve, (*y)->curve);
}

static int compare_keys_by_node(const void *a, const void *b) {
    const DirKey *const *x = a, *const *y = b;
    int r = strcmp((*x)->node, (*y)->node);
    if (r == 0)
        r = strcmp((*x)->label, (*y)->label);
    return r != 0 ? r : strcmp((*x)->curve, (*y)->curve);
}

static int seal_nodes(Directory *d) {
    size_t n = 0, per_kind[NODE_KIND_MAX_] = { 0 };
    NodeEntry *e, *next;
    d->node_list = calloc(HASH_COUNT(d->nodes) + 1U, sizeof(*d->node_list));
    if (!d->node_list)
        return -ENOMEM;
    HASH_ITER (hh, d->nodes, e, next) {
        d->node_list[n++] = &e->node;
        if (e->node.kind < NODE_KIND_MAX_)
            per_kind[e->node.kind]++;
    }
    qsort(d->node_list, n, sizeof(*d->node_list), compare_nodes);
    d->n_nodes = n;

    for (size_t k = 0; k < NODE_KIND_MAX_; k++) {
        d->by_kind[k].list = calloc(per_kind[k] + 1, sizeof(*d->by_kind[k].list));
        if (!d->by_kind[k].list)
            return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) { /* in order of id, so each list is sorted too */
        const DirNode *node = d->node_list[i];
        if (node->kind < NODE_KIND_MAX_)
            d->by_kind[node->kind].list[d->by_kind[node->kind].n++] = node;
    }
    return 0;
}

static int seal_keys(Directory *d) {
    size_t n = 0;
    KeyEntry *e, *next;
    d->key_list = calloc(HASH_COUNT(d->keys) + 1U, sizeof(*d->key_list));
    d->keys_by_node = calloc(HASH_COUNT(d->keys) + 1U, sizeof(*d->keys_by_node));
    if (!d->key_list || !d->keys_by_node)
        return -ENOMEM;
    HASH_ITER (hh, d->keys, e, next) {
        d->key_list[n] = &e->key;
        d->keys_by_node[n++] = &e->key;
    }
    qsort(d->key_list, n, sizeof(*d->key_list), compare_keys);
    qsort(d->keys_by_node, n, sizeof(*d->keys_by_node), compare_keys_by_node);
    d->n_keys = n;
    return 0;
}

int directory_seal(Directory *d, uint64_t version) {
    if (d->sealed || (!d->node_lender && !broker_tree_is_sound(d)))
        return -EINVAL;
    int r = d->node_lender ? 0 : seal_nodes(d);
    if (r == 0 && !d->node_lender)
        r = roles_seal(d);
    if (r == 0 && !d->lender)
        r = seal_keys(d);
    if (r == 0 && !d->lender)
        r = calendar_seal(d);
    if (r < 0)
        return r;
    d->version = version;
    d->sealed = true;
    return 0;
}

/* --- looking up ----------------------------------------------------------------------------- */

uint64_t directory_version(const Directory *d) {
    return d->version;
}

const DirHead *directory_head(const Directory *d) {
    return d->is_signed ? &d->head : NULL;
}

void directory_set_head(Directory *d, const DirHead *head) {
    d->is_signed = true;
    d->head = *head;
}

size_t directory_node_count(const Directory *d) {
    return d->n_nodes;
}

const DirNode *directory_node_at(const Directory *d, size_t i) {
    return i < d->n_nodes ? d->node_list[i] : NULL;
}

const DirNode *directory_of_kind(const Directory *d, int kind, size_t i) {
    if (kind <= NODE_UNSPECIFIED || kind >= NODE_KIND_MAX_ || i >= d->by_kind[kind].n)
        return NULL;
    return d->by_kind[kind].list[i];
}

const DirNode *directory_node(const Directory *d, const char *id) {
    NodeEntry *e;
    HASH_FIND_STR(d->nodes, id, e);
    return e ? &e->node : NULL;
}

size_t directory_key_count(const Directory *d) {
    return d->n_keys;
}

const DirKey *directory_key_at(const Directory *d, size_t i) {
    return i < d->n_keys ? d->key_list[i] : NULL;
}

const DirKey *directory_key(const Directory *d, const char *curve) {
    KeyEntry *e;
    HASH_FIND_STR(d->keys, curve, e);
    return e ? &e->key : NULL;
}

bool directory_key_is_usable(const Directory *d, const DirKey *k, int64_t now_ms) {
    if (k->revoked || now_ms < k->valid_from_ms ||
        (k->valid_until_ms != 0 && now_ms >= k->valid_until_ms))
        return false;
    const DirNode *n = directory_node(d, k->node);
    return n && !n->inactive;
}

/* Of the keys sorted by node, the first that is not before this one. */
static size_t first_key_of(const Directory *d, const char *node) {
    size_t low = 0, high = d->n_keys;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(d->keys_by_node[middle]->node, node) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const DirKey *const *directory_keys_of(const Directory *d, const char *node, size_t *ret_n) {
    const size_t first = first_key_of(d, node);
    size_t n = 0;
    while (first + n < d->n_keys && strcmp(d->keys_by_node[first + n]->node, node) == 0)
        n++;
    *ret_n = n;
    return n > 0 ? &d->keys_by_node[first] : NULL;
}

const DirKey *directory_next_usable_key(const Directory *d, const char *node, int64_t now_ms,
                                        size_t *at) {
    size_t n;
    const DirKey *const *keys = directory_keys_of(d, node, &n);
    while (*at < n) {
        const DirKey *k = keys[(*at)++];
        if (directory_key_is_usable(d, k, now_ms))
            return k;
    }
    return NULL;
}

const DirKey *directory_key_by_sign_id(const Directory *d, const char *node, const KeyId *id) {
    size_t n;
    const DirKey *found = NULL, *const *keys = directory_keys_of(d, node, &n);
    for (size_t i = 0; i < n; i++) {
        const KeyId have = key_id(keys[i]->sign.b);
        if (!public_key_is_set(keys[i]->sign.b) || !key_id_equal(&have, id))
            continue;
        if (keys[i]->revoked) /* what was revoked once does not live again in another record */
            return keys[i];
        found = found ? found : keys[i];
    }
    return found;
}

size_t directory_region_count(const Directory *d) {
    return HASH_COUNT(d->regions);
}

const DirRegion *directory_region(const Directory *d, const char *code) {
    RegionEntry *e;
    HASH_FIND_STR(d->regions, code, e);
    return e ? &e->region : NULL;
}

const DirRegion *directory_next_region(const Directory *d, const DirRegion *last) {
    const RegionEntry *e = d->regions;
    if (last) {
        HASH_FIND_STR(d->regions, last->code, e);
        e = e ? e->hh.next : NULL;
    }
    return e ? &e->region : NULL;
}

#define REPLACED_MAX 8U /* times; an even number ends a circle of two where it began */

/* Was it replaced? Then inout is the code that took its place. */
static bool replace_region(const Directory *d, char inout[static REGION_SIZE]) {
    static const size_t digits[] = { 10, 6, 4, 2 };
    const size_t n = strlen(inout);
    char prefix[REGION_SIZE];
    if (n < 2 || !region_form_is_valid(inout) || !d->has_alias[region_province_index(inout)])
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(digits); i++) {
        if (digits[i] > n)
            continue;
        memcpy(prefix, inout, digits[i]);
        prefix[digits[i]] = '\0';
        const DirRegion *r = directory_region(d, prefix);
        if (!r)
            continue;
        if (r->alias_of[0] == '\0')
            return false; /* a code of its own below an old one stands for itself */
        if (strlen(r->alias_of) == digits[i])
            memcpy(inout, r->alias_of, digits[i]);
        if (strlen(r->alias_of) != digits[i] || !directory_region_is_known(d, inout))
            (void)text_copy(inout, REGION_SIZE, r->alias_of); /* nothing is known below it */
        return true;
    }
    return false;
}

void directory_region_today(const Directory *d, char inout[static REGION_SIZE]) {
    unsigned left = REPLACED_MAX;
    while (left > 0 && replace_region(d, inout))
        left--;
}

bool directory_region_is_known(const Directory *d, const char *code) {
    if (!region_form_is_valid(code))
        return false;
    if (code[0] == '\0')
        return true;
    RegionEntry *e;
    HASH_FIND_STR(d->regions, code, e);
    if (e) /* an alias may lie in a province that is no more */
        return e->region.alias_of[0] != '\0' || region_province(code);
    return region_province(code) && !d->lists_length[region_province_index(code)][strlen(code)];
}
