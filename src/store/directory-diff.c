/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an edit changes in the signed directory, record by record.
 */

#include "store/directory-diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void pieces_deinit(Pieces *all) {
    for (size_t i = 0; i < all->n; i++)
        free(all->list[i].content);
    free(all->list);
}

static bool is_broker(const Directory *d, const char *id) {
    const DirNode *n = directory_node(d, id);
    return n && n->broker;
}

static int rank_of(const Store *s, const DirRecord *r) {
    if (r->kind == DIR_NODE && (r->node.broker || is_broker(s->directory, r->node.id)))
        return RANK_BROKERS;
    if ((r->kind == DIR_KEY && r->key.revoked) || (r->kind == DIR_NODE && r->node.inactive))
        return RANK_REVOKES;
    return RANK_OTHERS;
}

static int rank_of_removal(const Store *s, const char *name) {
    DirName at;
    if (!dir_name_parse(name, &at) || at.kind == DIR_REGION || at.kind == DIR_HOLIDAY)
        return RANK_OTHERS;
    return at.kind == DIR_NODE && is_broker(s->directory, at.id) ? RANK_BROKERS : RANK_REVOKES;
}

static Piece *pieces_add(Pieces *all) {
    if (all->n == all->room) {
        const size_t room = MAX(all->room * 2, (size_t)8);
        Piece *grown = reallocarray(all->list, room, sizeof(*grown));
        if (!grown)
            return NULL;
        all->list = grown;
        all->room = room;
    }
    Piece *i = &all->list[all->n++];
    *i = (Piece) { .order = all->n };
    return i;
}

/* Unless it is signed already as it is. */
static int put(const Store *s, Pieces *all, const DirRecord *r) {
    uint8_t buf[DIR_RECORD_MAX];
    char name[DIR_NAME_SIZE];
    size_t at;
    const Bytes content = s->config.directory_codec->encode_record(r, buf, sizeof(buf));
    if (content.n == 0)
        return -EINVAL;
    const TreeHash leaf = tree_leaf(content);
    dir_record_name(r, name);
    if (dir_tree_find(s->directory_tree, name, &at) &&
        tree_hash_equal(dir_tree_leaf(s->directory_tree, at), &leaf))
        return 0;
    Piece *i = pieces_add(all);
    if (!i || !(i->content = malloc(content.n)))
        return -ENOMEM;
    memcpy(i->content, content.p, content.n);
    memcpy(i->name, name, sizeof(name));
    i->n = content.n;
    i->record = *r;
    i->rank = rank_of(s, r);
    return 0;
}

static int take_out(const Store *s, Pieces *all, const char *name) {
    size_t at;
    if (!dir_tree_find(s->directory_tree, name, &at))
        return 0;
    Piece *i = pieces_add(all);
    if (!i)
        return -ENOMEM;
    (void)text_copy(i->name, sizeof(i->name), name);
    i->rank = rank_of_removal(s, name);
    return 0;
}

static int put_all(const Store *s, Pieces *all, const DirectoryEdit *e) {
    DirRecord r;
    int error = 0;
    for (uint32_t i = 0; error == 0 && i < e->n_nodes; i++) {
        r = (DirRecord) { .kind = DIR_NODE, .node = e->nodes[i] };
        error = put(s, all, &r);
    }
    for (uint32_t i = 0; error == 0 && i < e->n_keys; i++) {
        r = (DirRecord) { .kind = DIR_KEY, .key = e->keys[i] };
        error = put(s, all, &r);
    }
    for (uint32_t i = 0; error == 0 && i < e->n_regions; i++) {
        r = (DirRecord) { .kind = DIR_REGION, .region = e->regions[i] };
        error = put(s, all, &r);
    }
    for (uint32_t i = 0; error == 0 && i < e->n_holidays; i++) {
        r = (DirRecord) { .kind = DIR_HOLIDAY, .holiday = e->holidays[i] };
        error = put(s, all, &r);
    }
    return error;
}

/* Everything that is signed and not in the new directory any more. */
static int take_out_rest(const Store *s, Pieces *all, const Directory *final) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < dir_tree_size(s->directory_tree); i++) {
        const char *name = dir_tree_name(s->directory_tree, i);
        DirName at;
        if (!dir_name_parse(name, &at))
            continue;
        const bool stays = at.kind == DIR_NODE     ? directory_node(final, at.id) != NULL
                           : at.kind == DIR_KEY    ? directory_key(final, at.id) != NULL
                           : at.kind == DIR_REGION ? directory_region(final, at.id) != NULL
                                                   : directory_holiday(final, at.day) != NULL;
        if (!stays)
            r = take_out(s, all, name);
    }
    return r;
}

/* By rank, then by name; of records given twice the last one counts. */
static int compare_pieces(const void *a, const void *b) {
    const Piece *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    return strcmp(x->name, y->name);
}

static int compare_names(const void *a, const void *b) {
    const Piece *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static void drop_doubles(Pieces *all) {
    size_t n = 0;
    if (all->n < 2)
        return;
    qsort(all->list, all->n, sizeof(*all->list), compare_names);
    for (size_t i = 0; i < all->n; i++) {
        if (i + 1 < all->n && strcmp(all->list[i].name, all->list[i + 1].name) == 0)
            free(all->list[i].content);
        else
            all->list[n++] = all->list[i];
    }
    all->n = n;
}

int pieces_collect(const Store *s, const DirectoryEdit *e, const Directory *final, Pieces *all) {
    int r = put_all(s, all, e);
    for (uint32_t i = 0; r == 0 && i < e->n_removed; i++)
        r = take_out(s, all, e->removed[i]);
    if (r == 0 && e->replace)
        r = take_out_rest(s, all, final);
    if (r < 0)
        return r;
    drop_doubles(all);
    if (all->n > 1)
        qsort(all->list, all->n, sizeof(*all->list), compare_pieces);
    return 0;
}
