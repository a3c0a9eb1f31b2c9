/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>

#include "core/directory-tree.h"

typedef char Name[DIR_NAME_SIZE];

struct DirTree {
    size_t n;
    Name *names; /* in order */
    Tree tree;   /* nothing in it when n is 0 */
};

DirTree *dir_tree_free(DirTree *t) {
    if (!t)
        return NULL;
    tree_deinit(&t->tree);
    free(t->names);
    free(t);
    return NULL;
}

static int compare_edits(const void *a, const void *b) {
    const DirLeaf *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

typedef struct Merge {
    const DirTree *from;
    const DirLeaf **edits; /* in order of names */
    size_t n_edits, n;
    Name *names;
    TreeHash *leaves;
} Merge;

static void keep(Merge *m, size_t i) {
    memcpy(m->names[m->n], m->from->names[i], sizeof(Name));
    m->leaves[m->n++] = m->from->tree.nodes[i];
}

static void put(Merge *m, const DirLeaf *e) {
    memcpy(m->names[m->n], e->name, strlen(e->name) + 1);
    m->leaves[m->n++] = tree_leaf(e->content);
}

static int merge(Merge *m) {
    const size_t n_from = dir_tree_size(m->from);
    size_t i = 0;
    for (size_t k = 0; k < m->n_edits; k++) {
        const DirLeaf *e = m->edits[k];
        if (k > 0 && strcmp(m->edits[k - 1]->name, e->name) == 0)
            return -EINVAL;
        int order = -1;
        while (i < n_from && (order = strcmp(m->from->names[i], e->name)) < 0)
            keep(m, i++);
        const bool had = i < n_from && order == 0;
        i += had;
        if (e->content.n > 0)
            put(m, e);
        else if (!had)
            return -EINVAL;
    }
    while (i < n_from)
        keep(m, i++);
    return 0;
}

int dir_tree_edit(DirTree **ret, const DirTree *from, const DirLeaf *edits, size_t n) {
    const size_t most = dir_tree_size(from) + n;
    _cleanup_(dir_tree_freep) DirTree *t = calloc(1, sizeof(*t));
    _cleanup_(freep) TreeHash *leaves = calloc(MAX(most, (size_t)1), sizeof(*leaves));
    _cleanup_(freep) const DirLeaf **order = calloc(MAX(n, (size_t)1), sizeof(*order));
    if (!t || !leaves || !order)
        return -ENOMEM;
    t->names = calloc(MAX(most, (size_t)1), sizeof(*t->names));
    if (!t->names)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        order[i] = &edits[i];
    qsort(order, n, sizeof(*order), compare_edits);
    Merge m = { .from = from, .edits = order, .n_edits = n, .names = t->names, .leaves = leaves };
    int r = merge(&m);
    if (r == 0 && m.n > TREE_WIDE_LEAVES_MAX)
        r = -EINVAL;
    if (r == 0 && m.n > 0)
        r = tree_init_wide(&t->tree, leaves, m.n, from && from->n > 0 ? &from->tree : NULL);
    if (r < 0)
        return r;
    t->n = m.n;
    *ret = TAKE_PTR(t);
    return 0;
}

size_t dir_tree_size(const DirTree *t) {
    return t ? t->n : 0;
}

TreeHash dir_tree_root(const DirTree *t) {
    return dir_tree_size(t) > 0 ? tree_root(&t->tree) : tree_root_of_none();
}

const char *dir_tree_name(const DirTree *t, size_t i) {
    return t->names[i];
}

const TreeHash *dir_tree_leaf(const DirTree *t, size_t i) {
    return &t->tree.nodes[i];
}

bool dir_tree_find(const DirTree *t, const char *name, size_t *ret_index) {
    size_t low = 0, high = dir_tree_size(t);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(t->names[middle], name);
        if (order == 0) {
            *ret_index = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

size_t dir_tree_path(const DirTree *t, size_t index, TreeHash ret[static TREE_WIDE_PATH_MAX]) {
    return tree_path_wide(&t->tree, index, ret);
}
