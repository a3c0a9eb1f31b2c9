/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Changes as the hub makes them. A large edit becomes several, each of which stands by itself: what
 * takes a right away first, then the brokers (their tree must be whole in every version), then the
 * rest. All are made before the first is written.
 */

#include "store/directory-sign.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/directory-diff.h"
#include "store/directory-layer.h"
#include "store/run.h"
#include "store/schema.h"

#define CHUNK_BYTES (96U * 1024U)
#define CHUNK_NAMES 1000U

/* One version that is about to be. */
typedef struct Made {
    DirChange change;
    DirLists lists;
    Directory *directory;
    DirTree *tree;
    struct Made *next;
} Made;

typedef struct MadeList {
    Made *first, *last;
} MadeList;

static void made_deinit(MadeList *l) {
    while (l->first) {
        Made *m = l->first;
        l->first = m->next;
        dir_change_deinit(&m->change);
        dir_lists_deinit(&m->lists);
        directory_unref(m->directory);
        dir_tree_free(m->tree);
        free(m);
    }
}

/* --- versions ------------------------------------------------------------------------------- */

static size_t pieces_bytes(const Piece *pieces, size_t n) {
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += pieces[i].n + sizeof(pieces[i].name);
    return bytes;
}

/* How many pieces the next version takes, from the first on: all, or so many of one rank. Brokers
 * are never parted: when they are too many the version does not stand, or is too large, and the
 * edit is refused. */
static size_t chunk_size(const Pieces *all, size_t from) {
    const Piece *first = &all->list[from];
    const size_t left = all->n - from;
    size_t n = 1, bytes = pieces_bytes(first, 1);
    if (left <= CHUNK_NAMES && pieces_bytes(first, left) <= CHUNK_BYTES)
        return left;
    while (n < left && first[n].rank == first->rank) {
        bytes += pieces_bytes(&first[n], 1);
        if (first->rank != RANK_BROKERS && (n == CHUNK_NAMES || bytes > CHUNK_BYTES))
            break;
        n++;
    }
    return n;
}

static int fill(Made *m, const Piece *pieces, size_t n) {
    DirChange *c = &m->change;
    c->leaves = calloc(n, sizeof(*c->leaves));
    c->removed = calloc(n, sizeof(*c->removed));
    if (!c->leaves || !c->removed)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (!pieces[i].content) {
            c->removed[c->n_removed++] = pieces[i].name;
            continue;
        }
        DirLeaf *leaf = &c->leaves[c->n_records++];
        memcpy(leaf->name, pieces[i].name, sizeof(leaf->name));
        leaf->content = bytes_make(pieces[i].content, pieces[i].n);
        if (dir_lists_add(&m->lists, &pieces[i].record) < 0)
            return -ENOMEM;
    }
    m->lists.edit.n_removed = c->n_removed;
    m->lists.edit.removed = c->removed;
    return 0;
}

static int edit_tree(const Piece *pieces, size_t n, const DirTree *before, DirTree **ret) {
    _cleanup_(freep) DirLeaf *edits = calloc(n, sizeof(*edits));
    if (!edits)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        memcpy(edits[i].name, pieces[i].name, sizeof(edits[i].name));
        edits[i].content = bytes_make(pieces[i].content, pieces[i].n);
    }
    return dir_tree_edit(ret, before, edits, n);
}

/* Time never goes back from head to head, whatever the clock does. */
static void make_head(const Store *s, const DirTree *tree, uint64_t version, const DirHead *last,
                      DirHead *ret) {
    *ret = (DirHead) {
        .version = version,
        .at_ms = last ? MAX(s->now_ms, last->at_ms) : s->now_ms,
        .size = dir_tree_size(tree),
        .root = dir_tree_root(tree),
    };
    directory_head_sign(ret, s->config.sign_key);
}

typedef struct Before {
    Directory *directory;
    const DirTree *tree;
    const DirHead *head; /* NULL: nothing is signed yet */
} Before;

/* final: what all pieces together give, known already. */
static int make(const Store *s, const Piece *pieces, size_t n, const Before *b, Directory *final,
                const char *by, const char *note, Made *m) {
    DirChange *c = &m->change;
    const char *what;
    int r = fill(m, pieces, n);
    if (r == 0)
        r = edit_tree(pieces, n, b->tree, &m->tree);
    if (r < 0)
        return r;
    c->version = directory_version(b->directory) + 1;
    c->first = !b->head;
    if (b->head)
        c->previous = b->head->root;
    c->changed_ms = s->now_ms;
    (void)text_copy(c->by, sizeof(c->by), by);
    (void)text_copy(c->note, sizeof(c->note), note);
    make_head(s, m->tree, c->version, b->head, &c->head);
    if (final)
        m->directory = directory_ref(final);
    else
        r = directory_with_edit(&m->directory, b->directory, &m->lists.edit, c->version, &what);
    if (r == 0)
        r = s->config.directory_codec->encode_change(c, s->config.sign_key);
    if (r == 0 && (c->n_bytes > DIR_CHANGE_MAX || n > DIR_CHANGE_NAMES))
        r = -EINVAL;
    if (r == 0)
        directory_set_head(m->directory, &c->head);
    return r;
}

static int make_all(const Store *s, const Pieces *all, Directory *final, const char *by,
                    const char *note, MadeList *ret) {
    Before b = {
        .directory = s->directory,
        .tree = s->directory_tree,
        .head = directory_head(s->directory),
    };
    for (size_t at = 0; at < all->n;) {
        const size_t n = chunk_size(all, at);
        Made *m = calloc(1, sizeof(*m));
        if (!m)
            return -ENOMEM;
        if (ret->last)
            ret->last->next = m;
        else
            ret->first = m;
        ret->last = m;
        const int r = make(s, &all->list[at], n, &b, n == all->n ? final : NULL, by, note, m);
        if (r < 0)
            return r;
        b = (Before) { .directory = m->directory, .tree = m->tree, .head = &m->change.head };
        at += n;
    }
    return 0;
}

static void write_made(Store *s, MadeList *l, const char *by, const char *note) {
    for (Made *m = l->first; m && s->fault == 0; m = m->next) {
        _cleanup_(directory_unrefp) Directory *before = directory_ref(s->directory);
        directory_write_rows(s, &m->lists.edit);
        layer_write_leaves(s, &m->change);
        layer_log_change(s, &m->change);
        layer_write_head(s, &m->change.head);
        layer_set(s, TAKE_PTR(m->directory), TAKE_PTR(m->tree));
        layer_note(s, before, &m->lists.edit, m->change.version, &m->change.head.root, by, note);
    }
}

/* A hub whose own key is not to be believed any more could not say so. */
static bool keeps_own_key(const Store *s, const Directory *final) {
    HubKeys keys;
    hub_keys_of(final, &s->config.sign_key->public, 1, &keys);
    for (uint32_t i = 0; i < keys.n; i++)
        if (memcmp(&keys.list[i], &s->config.sign_key->public, sizeof(keys.list[i])) == 0)
            return true;
    return false;
}

static int sign_edit(Store *s, const DirectoryEdit *e, Directory *final, const char *by,
                     const char *note) {
    _cleanup_(pieces_deinit) Pieces all = { 0 };
    _cleanup_(made_deinit) MadeList made = { 0 };
    if (!keeps_own_key(s, final))
        return -EINVAL;
    int r = pieces_collect(s, e, final, &all);
    if (r == 0)
        r = make_all(s, &all, final, by, note, &made);
    if (r < 0)
        return r;
    write_made(s, &made, by, note);
    return s->fault;
}

static int apply_edit(Store *s, const DirectoryEdit *e, Directory *final, const char *by,
                      const char *note) {
    _cleanup_(directory_unrefp) Directory *before = directory_ref(s->directory);
    directory_write_rows(s, e);
    meta_set(s, "directory", (int64_t)directory_version(final));
    layer_set(s, directory_ref(final), NULL);
    layer_note(s, before, e, directory_version(final), NULL, by, note);
    return s->fault;
}

/* --- without an edit ------------------------------------------------------------------------ */

/* Everything in force, as an edit. */
static int list_all(const Directory *d, DirLists *ret) {
    int r = 0;
    DirRecord record;
    for (size_t i = 0; r == 0 && i < directory_node_count(d); i++) {
        record = (DirRecord) { .kind = DIR_NODE, .node = *directory_node_at(d, i) };
        r = dir_lists_add(ret, &record);
    }
    for (size_t i = 0; r == 0 && i < directory_key_count(d); i++) {
        record = (DirRecord) { .kind = DIR_KEY, .key = *directory_key_at(d, i) };
        r = dir_lists_add(ret, &record);
    }
    const DirRegion *region = NULL;
    while (r == 0 && (region = directory_next_region(d, region))) {
        record = (DirRecord) { .kind = DIR_REGION, .region = *region };
        r = dir_lists_add(ret, &record);
    }
    for (size_t i = 0; r == 0 && i < directory_holiday_count(d); i++) {
        record = (DirRecord) { .kind = DIR_HOLIDAY, .holiday = *directory_holiday_at(d, i) };
        r = dir_lists_add(ret, &record);
    }
    return r;
}

void directory_sign_all(Store *s) {
    _cleanup_(dir_lists_deinit) DirLists all = { 0 };
    _cleanup_(directory_unrefp) Directory *now = NULL;
    if (s->fault < 0 || directory_way(s) != DIRECTORY_SIGNS || directory_head(s->directory) ||
        layer_count(s->directory) == 0)
        return;
    const char *what;
    int r = list_all(s->directory, &all);
    if (r == 0)
        r = directory_with_edit(&now, s->directory, &all.edit, directory_version(s->directory) + 1,
                                &what);
    if (r == 0)
        r = sign_edit(s, &all.edit, now, s->self, "first signature");
    if (r < 0 && s->fault == 0)
        db_fault(s, r == -EINVAL ? -EUCLEAN : r, "the directory cannot be signed");
}

/* --- edits ---------------------------------------------------------------------------------- */

static int make_edit(Store *s, const DirectoryEdit *e, const char *by, const char *note,
                     const char **ret_what) {
    _cleanup_(directory_unrefp) Directory *final = NULL;
    const int r =
        directory_with_edit(&final, s->directory, e, directory_version(s->directory) + 1, ret_what);
    if (r < 0)
        return r;
    *ret_what = "the directory as a whole, or the key the hub signs with,";
    return directory_way(s) == DIRECTORY_SIGNS ? sign_edit(s, e, final, by, note)
                                               : apply_edit(s, e, final, by, note);
}

int directory_change_why(Store *s, const DirectoryEdit *e, const char *by, const char *note,
                         Directory **ret, char why[static DIR_WHY_SIZE]) {
    const char *what = "the directory as a whole";
    if (directory_way(s) == DIRECTORY_FOLLOWS)
        return -EPERM;
    directory_sign_all(s);
    int r = directory_owners_check(s->directory, e, why);
    if (r == 0) {
        r = make_edit(s, e, by, note, &what);
        if (r == -EINVAL)
            (void)snprintf(why, DIR_WHY_SIZE, "%.120s does not stand", what);
    }
    if (r == 0)
        *ret = directory_ref(s->directory);
    else if (r != -EINVAL && s->fault == 0)
        db_fault(s, r, "cannot build the directory");
    return r;
}

int directory_change(Store *s, const DirectoryEdit *e, const char *by, const char *note,
                     Directory **ret) {
    char why[DIR_WHY_SIZE];
    return directory_change_why(s, e, by, note, ret, why);
}

#define ABOVE_MAX 1000000U /* further than that nobody can be ahead */

/* After the hub's store was restored from an older backup: what it signs from now on has to be
 * later than what others have of it. */
static void sign_above(Store *s, StoreOp *op) {
    const uint64_t version = directory_version(s->directory);
    Directory *d = NULL;
    if (directory_way(s) != DIRECTORY_SIGNS || op->import.above < version ||
        op->import.above - version > ABOVE_MAX) {
        (void)text_copy(op->import.text, sizeof(op->import.text),
                        "only the hub signs, and only above its own version");
        return;
    }
    layer_drop(s);
    meta_set(s, "directory", (int64_t)op->import.above);
    const int r = directory_read_tables(s, &d);
    if (r < 0) {
        db_fault(s, r, "cannot build the directory");
        return;
    }
    layer_set(s, d, NULL);
    directory_sign_all(s);
    op->import.directory = directory_ref(s->directory);
}

void run_directory_sign(Store *s, StoreOp *op) {
    if (op->import.above > 0) {
        sign_above(s, op);
        return;
    }

    const DirHead *last = directory_head(s->directory);
    const DirectoryEdit none = { 0 };
    const char *what;
    DirHead head;
    Directory *d = NULL;
    if (!last) {
        directory_sign_all(s);
        op->import.directory = directory_head(s->directory) ? directory_ref(s->directory) : NULL;
        return;
    }
    if (directory_way(s) != DIRECTORY_SIGNS)
        return;
    make_head(s, s->directory_tree, last->version, last, &head);
    const int r = directory_with_edit(&d, s->directory, &none, last->version, &what);
    if (r < 0) {
        db_fault(s, r, "cannot build the directory");
        return;
    }
    directory_set_head(d, &head);
    layer_write_head(s, &head);
    layer_set(s, d, TAKE_PTR(s->directory_tree));
    op->import.directory = directory_ref(d);
}
