/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A key is one node's for good. What it signed, and what is noted under it, would change its author
 * with the record; so an edit that gives a key to another node is refused where edits are made.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/directory-change.h"

static int by_curve(const void *a, const void *b) {
    const DirKey *const *x = a, *const *y = b;
    return strcmp((*x)->curve, (*y)->curve);
}

static int by_sign(const void *a, const void *b) {
    const DirKey *const *x = a, *const *y = b;
    return memcmp((*x)->sign.b, (*y)->sign.b, sizeof((*x)->sign.b));
}

/* Is it another node's? Then why says so. */
static int compare_owners(const DirKey *k, const DirKey *other, const char *which,
                          char why[static DIR_WHY_SIZE]) {
    if (!other || strcmp(k->node, other->node) == 0)
        return 0;
    (void)snprintf(why, DIR_WHY_SIZE, "the %s key of %s is the one of %s: %s", which, k->node,
                   other->node, "no key goes from one node to another, make a new one");
    return -EINVAL;
}

/* Do nodes of the edit share a key? The list is sorted by it then. */
static int check_pairs(const DirKey **list, size_t n, int (*by)(const void *, const void *),
                       const char *which, char why[static DIR_WHY_SIZE]) {
    int r = 0;
    qsort(list, n, sizeof(*list), by);
    for (size_t i = 1; i < n && r == 0; i++)
        if (by(&list[i - 1], &list[i]) == 0)
            r = compare_owners(list[i], list[i - 1], which, why);
    return r;
}

/* What stays as it is was looked at when it came; or it is from before that, and then it must be
 * possible to revoke it. */
static bool is_new_signing_key(const Directory *d, const DirKey *k) {
    const DirKey *known = directory_key(d, k->curve);
    return public_key_is_set(k->sign.b) &&
           !(known && memcmp(known->sign.b, k->sign.b, sizeof(k->sign.b)) == 0);
}

/* Against all that are known, revoked ones too. */
static int check_known(const Directory *d, const DirKey **list, size_t n,
                       char why[static DIR_WHY_SIZE]) {
    int r = 0;
    for (size_t i = 0; i < directory_key_count(d) && r == 0; i++) {
        const DirKey *known = directory_key_at(d, i);
        const DirKey **at = bsearch(&known, list, n, sizeof(*list), by_sign);
        r = at ? compare_owners(*at, known, "signing", why) : 0;
    }
    return r;
}

int directory_owners_check(const Directory *d, const DirectoryEdit *e,
                           char why[static DIR_WHY_SIZE]) {
    size_t n = 0;
    int r = 0;
    _cleanup_(freep) const DirKey **list = calloc(MAX(e->n_keys, 1U), sizeof(*list));
    if (!list)
        return -ENOMEM;
    for (uint32_t i = 0; i < e->n_keys && r == 0; i++) {
        list[i] = &e->keys[i];
        r = compare_owners(list[i], directory_key(d, list[i]->curve), "CURVE", why);
    }
    if (r == 0)
        r = check_pairs(list, e->n_keys, by_curve, "CURVE", why);
    for (uint32_t i = 0; i < e->n_keys && r == 0; i++)
        if (is_new_signing_key(d, list[i]))
            list[n++] = list[i];
    if (r == 0 && n > 0)
        r = check_pairs(list, n, by_sign, "signing", why);
    return r == 0 && n > 0 ? check_known(d, list, n, why) : r;
}
