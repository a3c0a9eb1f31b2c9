/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A snapshot again with an edit. Nodes are one half, all the rest the other: a half that the edit
 * does not touch is shared with the snapshot before and not copied, which is most of the work.
 */

#include <stdio.h>

#include "core/directory-change.h"
#include "core/directory-internal.h"

static const char KIND_NODE_TEXT[] = "node:", KIND_KEY_TEXT[] = "key:";
static const char KIND_REGION_TEXT[] = "region:", KIND_HOLIDAY_TEXT[] = "holiday:";

/* --- names ---------------------------------------------------------------------------------- */

static void dir_node_name(const DirNode *n, char ret[static DIR_NAME_SIZE]) {
    (void)snprintf(ret, DIR_NAME_SIZE, "%s%s", KIND_NODE_TEXT, n->id);
}

static void dir_key_name(const DirKey *k, char ret[static DIR_NAME_SIZE]) {
    (void)snprintf(ret, DIR_NAME_SIZE, "%s%s", KIND_KEY_TEXT, k->curve);
}

static void dir_region_name(const DirRegion *r, char ret[static DIR_NAME_SIZE]) {
    (void)snprintf(ret, DIR_NAME_SIZE, "%s%s", KIND_REGION_TEXT, r->code);
}

static void dir_holiday_name(const DirHoliday *h, char ret[static DIR_NAME_SIZE]) {
    (void)snprintf(ret, DIR_NAME_SIZE, "%s%04d-%02u-%02u", KIND_HOLIDAY_TEXT, h->on.year,
                   h->on.month, h->on.day);
}

void dir_record_name(const DirRecord *r, char ret[static DIR_NAME_SIZE]) {
    switch (r->kind) {
    case DIR_NODE:
        dir_node_name(&r->node, ret);
        break;
    case DIR_KEY:
        dir_key_name(&r->key, ret);
        break;
    case DIR_REGION:
        dir_region_name(&r->region, ret);
        break;
    case DIR_HOLIDAY:
        dir_holiday_name(&r->holiday, ret);
        break;
    }
}

/* What stands behind the kind; NULL when it is another one. */
static const char *name_after(const char *name, const char *kind) {
    const size_t n = strlen(kind);
    return strncmp(name, kind, n) == 0 && name[n] != '\0' ? name + n : NULL;
}

static bool read_day(const char *text, CivilDate *ret) {
    int year = 0, used = 0;
    unsigned month = 0, day = 0;
    if (sscanf(text, "%4d-%2u-%2u%n", &year, &month, &day, &used) != 3 || text[used] != '\0')
        return false;
    *ret = (CivilDate) { .year = (int16_t)year, .month = (uint8_t)month, .day = (uint8_t)day };
    return civil_is_valid(*ret);
}

bool dir_name_parse(const char *name, DirName *ret) {
    DirName at = { 0 };
    if (strnlen(name, DIR_NAME_SIZE) == DIR_NAME_SIZE)
        return false;
    if ((at.id = name_after(name, KIND_NODE_TEXT)))
        at.kind = node_name_is_valid(at.id) ? DIR_NODE : 0;
    else if ((at.id = name_after(name, KIND_KEY_TEXT)))
        at.kind = strlen(at.id) == CURVE_TEXT_SIZE - 1 ? DIR_KEY : 0;
    else if ((at.id = name_after(name, KIND_REGION_TEXT)))
        at.kind = strlen(at.id) < REGION_SIZE && at.id[strspn(at.id, "0123456789")] == '\0'
                      ? DIR_REGION
                      : 0;
    else if ((at.id = name_after(name, KIND_HOLIDAY_TEXT)))
        at.kind = read_day(at.id, &at.day) ? DIR_HOLIDAY : 0;
    *ret = at;
    return at.kind != 0;
}

/* --- the two halves ------------------------------------------------------------------------- */

static void borrow_nodes(Directory *d, Directory *from) {
    d->node_lender = directory_ref(from->node_lender ? from->node_lender : from);
    d->nodes = from->nodes;
    d->node_list = from->node_list;
    d->n_nodes = from->n_nodes;
    memcpy(d->by_kind, from->by_kind, sizeof(d->by_kind));
    d->roles = from->roles;
}

static void borrow_rest(Directory *d, Directory *from) {
    d->lender = directory_ref(from->lender ? from->lender : from);
    d->keys = from->keys;
    d->key_list = from->key_list;
    d->keys_by_node = from->keys_by_node;
    d->n_keys = from->n_keys;
    d->regions = from->regions;
    memcpy(d->lists_length, from->lists_length, sizeof(d->lists_length));
    memcpy(d->has_alias, from->has_alias, sizeof(d->has_alias));
    d->holidays = from->holidays;
    d->holiday_list = from->holiday_list;
    d->n_holidays = from->n_holidays;
}

static bool removes_a(const DirectoryEdit *e, bool node) {
    for (uint32_t i = 0; i < e->n_removed; i++)
        if ((name_after(e->removed[i], KIND_NODE_TEXT) != NULL) == node)
            return true;
    return false;
}

static bool is_removed(const DirectoryEdit *e, const char *kind, const char *what) {
    for (uint32_t i = 0; i < e->n_removed; i++) {
        const char *at = name_after(e->removed[i], kind);
        if (at && strcmp(at, what) == 0)
            return true;
    }
    return false;
}

static int copy_nodes(Directory *d, const Directory *from, const DirectoryEdit *e) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < from->n_nodes; i++)
        if (!is_removed(e, KIND_NODE_TEXT, from->node_list[i]->id))
            r = directory_add_node(d, from->node_list[i]);
    return r;
}

static int copy_rest(Directory *d, const Directory *from, const DirectoryEdit *e) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < from->n_keys; i++)
        if (!is_removed(e, KIND_KEY_TEXT, from->key_list[i]->curve))
            r = directory_add_key(d, from->key_list[i]);
    RegionEntry *region, *next;
    HASH_ITER (hh, from->regions, region, next) {
        if (r == 0 && !is_removed(e, KIND_REGION_TEXT, region->region.code))
            r = directory_add_region(d, &region->region);
    }
    for (size_t i = 0; r == 0 && i < from->n_holidays; i++) {
        char name[DIR_NAME_SIZE];
        dir_holiday_name(from->holiday_list[i], name);
        if (!is_removed(e, KIND_HOLIDAY_TEXT, name_after(name, KIND_HOLIDAY_TEXT)))
            r = directory_add_holiday(d, from->holiday_list[i]);
    }
    return r;
}

static int add_nodes(Directory *d, const DirectoryEdit *e, const char **ret_what) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < e->n_nodes; i++)
        if ((r = directory_add_node(d, &e->nodes[i])) < 0)
            *ret_what = e->nodes[i].id;
    return r;
}

static int add_rest(Directory *d, const DirectoryEdit *e, const char **ret_what) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < e->n_keys; i++)
        if ((r = directory_add_key(d, &e->keys[i])) < 0)
            *ret_what = e->keys[i].node;
    for (uint32_t i = 0; r == 0 && i < e->n_regions; i++)
        if ((r = directory_add_region(d, &e->regions[i])) < 0)
            *ret_what = e->regions[i].code;
    for (uint32_t i = 0; r == 0 && i < e->n_holidays; i++)
        if ((r = directory_add_holiday(d, &e->holidays[i])) < 0)
            *ret_what = "a holiday";
    return r;
}

int directory_with_edit(Directory **ret, Directory *from, const DirectoryEdit *e, uint64_t version,
                        const char **ret_what) {
    const bool nodes = e->replace || e->n_nodes > 0 || removes_a(e, true);
    const bool rest =
        e->replace || e->n_keys + e->n_regions + e->n_holidays > 0 || removes_a(e, false);
    _cleanup_(directory_unrefp) Directory *d = NULL;
    *ret_what = "the directory as a whole";
    int r = directory_new(&d);
    if (r < 0)
        return r;
    if (!nodes)
        borrow_nodes(d, from);
    if (!rest)
        borrow_rest(d, from);
    if (nodes && !e->replace)
        r = copy_nodes(d, from, e);
    if (r == 0 && rest && !e->replace)
        r = copy_rest(d, from, e);
    if (r == 0)
        r = add_nodes(d, e, ret_what);
    if (r == 0)
        r = add_rest(d, e, ret_what);
    if (r == 0)
        r = directory_seal(d, version);
    if (r < 0)
        return r;
    if (from->is_signed)
        directory_set_head(d, &from->head);
    *ret = TAKE_PTR(d);
    return 0;
}
