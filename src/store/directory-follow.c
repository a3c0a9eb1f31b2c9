/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Below the hub: changes come from the parent broker, who need not be believed. Each one is judged
 * (dir_change_check()) and, when it is what the hub signed and the next, applied. What is refused
 * leaves everything as it was. A copy of the whole directory is collected in memory and put in
 * place of what was there when all of it has come and gives the root in the hub's head.
 */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/directory-layer.h"
#include "store/ledger.h"
#include "store/run.h"

#define COPY_BYTES_MAX (32U * 1024U * 1024U)

struct DirCopy {
    DirHead head;
    DirChange parts; /* the leaves of all parts so far */
    size_t n_bytes;
    uint8_t **contents; /* owned, behind the leaves */
    DirLists lists;
};

void layer_copy_drop(Store *s) {
    DirCopy *c = s->directory_copy;
    if (!c)
        return;
    for (uint32_t i = 0; i < c->parts.n_records; i++)
        free(c->contents[i]);
    free(c->contents);
    free(c->parts.leaves);
    dir_lists_deinit(&c->lists);
    free(c);
    s->directory_copy = NULL;
}

_printf_(4, 5) static void refuse(StoreOp *op, ChangeVerdict verdict, uint64_t version,
                                  const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(op->take.text, sizeof(op->take.text), format, args);
    va_end(args);
    op->take.verdict = verdict;
    op->take.version = version;
}

static void taken(Store *s, StoreOp *op) {
    directory_unref(op->take.directory);
    op->take.directory = directory_ref(s->directory);
}

/* --- changes -------------------------------------------------------------------------------- */

/* May it make other keys those of the hub? Then what follows is judged by them. */
static bool may_change_hub_keys(const DirChange *c) {
    for (uint32_t i = 0; i < c->n_records; i++)
        if (c->records[i].kind == DIR_KEY && c->records[i].key.broker)
            return true;
    return c->n_removed > 0;
}

/* Changes that were found good, one behind the other, and are applied as one. */
typedef struct Run {
    uint32_t first, n;
    DirTree *tree; /* after the last */
    DirLists lists;
    const char **removed; /* owned; names in the changes */
} Run;

static void run_deinit(Run *r) {
    dir_tree_free(r->tree);
    dir_lists_deinit(&r->lists);
    free(r->removed);
}

static int run_removes(Run *run, const DirChange *c) {
    const uint32_t n = run->lists.edit.n_removed;
    const char **grown = reallocarray(run->removed, (size_t)n + c->n_removed, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    run->removed = grown;
    memcpy(grown + n, c->removed, c->n_removed * sizeof(*grown));
    run->lists.edit.removed = grown;
    run->lists.edit.n_removed = n + c->n_removed;
    return 0;
}

/* A change that takes something out ends a run, so within one nothing is added that later goes. */
static int run_add(Run *run, const DirChange *c) {
    int r = c->n_removed > 0 ? run_removes(run, c) : 0;
    for (uint32_t i = 0; r == 0 && i < c->n_records; i++)
        r = dir_lists_add(&run->lists, &c->records[i]);
    run->n++;
    return r;
}

/* Judges from run->first on, as far as they are good and can be applied as one. Returns 0, or what
 * is wrong with the one behind the run. */
static int judge(Store *s, StoreOp *op, Run *run, HubKeys *keys) {
    const DirHead *head = directory_head(s->directory);
    const DirTree *tree = s->directory_tree;
    layer_hub_keys(s, keys);
    while (run->first + run->n < op->take.n) {
        const DirChange *c = &op->take.changes[run->first + run->n];
        DirTree *after = NULL;
        if (run->n > 0 && c->n_removed > 0)
            return 0;
        const int r = dir_change_check(c, keys, head, tree, &after);
        if (r == CHANGE_KNOWN && run->n > 0)
            return 0;
        if (r == CHANGE_KNOWN) {
            run->first++;
            continue;
        }
        if (r != CHANGE_OK)
            return r;
        dir_tree_free(run->tree);
        tree = run->tree = after;
        head = &c->head;
        const int e = run_add(run, c);
        if (e < 0 || may_change_hub_keys(c))
            return e;
    }
    return 0;
}

static int apply(Store *s, StoreOp *op, Run *run) {
    const DirChange *list = &op->take.changes[run->first], *last = &list[run->n - 1];
    _cleanup_(directory_unrefp) Directory *before = directory_ref(s->directory);
    Directory *d = NULL;
    const char *what;
    const int r = directory_with_edit(&d, s->directory, &run->lists.edit, last->version, &what);
    if (r == -EINVAL) {
        refuse(op, CHANGE_UNSOUND, last->version, "%.100s does not stand", what);
        return 0;
    }
    if (r < 0)
        return r;
    directory_set_head(d, &last->head);
    directory_write_rows(s, &run->lists.edit);
    for (uint32_t i = 0; i < run->n; i++) {
        layer_write_leaves(s, &list[i]);
        layer_log_change(s, &list[i]);
    }
    layer_write_head(s, &last->head);
    layer_set(s, d, TAKE_PTR(run->tree));
    for (uint32_t i = 0; i < run->n; i++) {
        DirLists one = { 0 };
        int e = 0;
        for (uint32_t k = 0; e == 0 && k < list[i].n_records; k++)
            e = dir_lists_add(&one, &list[i].records[k]);
        one.edit.removed = list[i].removed;
        one.edit.n_removed = list[i].n_removed;
        if (e == 0)
            layer_note(s, before, &one.edit, list[i].version, &list[i].head.root, list[i].by,
                       list[i].note);
        dir_lists_deinit(&one);
        if (e < 0)
            return e;
    }
    op->take.n_applied += run->n;
    taken(s, op);
    return s->fault;
}

static void explain(Store *s, StoreOp *op, int verdict, const DirChange *c) {
    const DirHead *head = directory_head(s->directory);
    refuse(op, (ChangeVerdict)verdict, c->version, "version %llu came behind version %llu",
           (unsigned long long)c->version, (unsigned long long)(head ? head->version : 0));
}

static int take_changes(Store *s, StoreOp *op) {
    uint32_t at = 0;
    while (at < op->take.n && op->take.verdict == CHANGE_OK) {
        _cleanup_(run_deinit) Run run = { .first = at };
        HubKeys keys;
        int r = judge(s, op, &run, &keys);
        if (r < 0)
            return r;
        const uint32_t next = run.first + run.n;
        const int e = run.n > 0 ? apply(s, op, &run) : 0;
        if (e < 0)
            return e;
        if (r > 0 && op->take.verdict == CHANGE_OK)
            explain(s, op, r, &op->take.changes[next]);
        at = next;
    }
    return 0;
}

/* --- a copy --------------------------------------------------------------------------------- */

static int copy_start(Store *s, const DirHead *head) {
    layer_copy_drop(s);
    s->directory_copy = calloc(1, sizeof(*s->directory_copy));
    if (!s->directory_copy)
        return -ENOMEM;
    s->directory_copy->head = *head;
    return 0;
}

static int copy_grow(DirCopy *c, uint32_t more) {
    const size_t n = (size_t)c->parts.n_records + MAX(more, 1U);
    DirLeaf *leaves = reallocarray(c->parts.leaves, n, sizeof(*leaves));
    if (leaves)
        c->parts.leaves = leaves;
    uint8_t **contents = reallocarray(c->contents, n, sizeof(*contents));
    if (contents)
        c->contents = contents;
    return leaves && contents ? 0 : -ENOMEM;
}

/* In order of names, and never more than the head says. 0, CHANGE_TRUNCATED, -ENOMEM. */
static int copy_add(DirCopy *c, const DirLeaf *leaf, const DirRecord *record) {
    const uint32_t n = c->parts.n_records;
    if ((n > 0 && strcmp(c->parts.leaves[n - 1].name, leaf->name) >= 0) || n >= c->head.size ||
        n >= TREE_WIDE_LEAVES_MAX || c->n_bytes + leaf->content.n > COPY_BYTES_MAX)
        return CHANGE_TRUNCATED;
    uint8_t *content = malloc(leaf->content.n);
    if (!content)
        return -ENOMEM;
    memcpy(content, leaf->content.p, leaf->content.n);
    c->parts.leaves[n] = *leaf;
    c->parts.leaves[n].content = bytes_make(content, leaf->content.n);
    c->contents[n] = content;
    c->parts.n_records++;
    c->n_bytes += leaf->content.n;
    return dir_lists_add(&c->lists, record);
}

/* All of it is here: is it what the hub signed? */
static int copy_finish(Store *s, StoreOp *op) {
    DirCopy *c = s->directory_copy;
    _cleanup_(dir_tree_freep) DirTree *tree = NULL;
    _cleanup_(directory_unrefp) Directory *before = directory_ref(s->directory);
    Directory *d = NULL;
    const char *what;
    int r = dir_tree_edit(&tree, NULL, c->parts.leaves, c->parts.n_records);
    if (r == -ENOMEM)
        return r;
    const TreeHash root = dir_tree_root(tree);
    if (r < 0 || !tree_hash_equal(&root, &c->head.root)) {
        refuse(op, CHANGE_TRUNCATED, c->head.version,
               "a copy of version %llu does not give the root that the hub signed",
               (unsigned long long)c->head.version);
        return 0;
    }
    c->lists.edit.replace = true;
    r = directory_with_edit(&d, s->directory, &c->lists.edit, c->head.version, &what);
    if (r == -EINVAL) {
        refuse(op, CHANGE_UNSOUND, c->head.version, "%.100s does not stand", what);
        return 0;
    }
    if (r < 0)
        return r;
    directory_set_head(d, &c->head);
    directory_write_rows(s, &c->lists.edit);
    layer_drop(s); /* its log is of versions that do not lead here */
    layer_write_leaves(s, &c->parts);
    layer_write_head(s, &c->head);
    layer_set(s, d, TAKE_PTR(tree));
    layer_note(s, before, &c->lists.edit, c->head.version, &c->head.root, op->take.from,
               "a copy of the whole directory");
    op->take.n_applied++;
    taken(s, op);
    return s->fault;
}

/* The link was lost meanwhile, and the copy comes from its beginning. */
static bool begins_anew(const DirCopy *c, const DirChange *part) {
    const uint32_t n = c->parts.n_records;
    return n > 0 && part->n_records > 0 &&
           strcmp(part->leaves[0].name, c->parts.leaves[0].name) <= 0;
}

static int take_part(Store *s, StoreOp *op, const DirChange *part) {
    const DirHead *own = directory_head(s->directory), *head = &op->take.head;
    HubKeys keys;
    layer_hub_keys(s, &keys);
    if (!op->take.has_head || !hub_keys_signed_head(&keys, head)) {
        refuse(op, CHANGE_FORGED, part->version, "a part of a copy without the hub's head");
        return 0;
    }
    if (own && head->version <= own->version) {
        refuse(op, CHANGE_REPLAYED, head->version, "a copy of version %llu, ours is %llu",
               (unsigned long long)head->version, (unsigned long long)own->version);
        return 0;
    }
    DirCopy *c = s->directory_copy;
    int r = 0;
    if (!c || c->head.version != head->version || !tree_hash_equal(&c->head.root, &head->root) ||
        begins_anew(c, part))
        r = copy_start(s, head);
    c = s->directory_copy;
    if (r == 0)
        r = copy_grow(c, part->n_records);
    if (r == 0 && (part->version != head->version || part->n_records == 0))
        r = CHANGE_TRUNCATED;
    for (uint32_t i = 0; r == 0 && i < part->n_records; i++)
        r = copy_add(c, &part->leaves[i], &part->records[i]);
    if (r < 0)
        return r;
    if (r > 0)
        refuse(op, (ChangeVerdict)r, head->version, "a part of a copy that is out of order");
    else if (c->parts.n_records == c->head.size)
        r = copy_finish(s, op);
    else {
        op->take.copy_of = head->version;
        memcpy(op->take.behind, c->parts.leaves[c->parts.n_records - 1].name, DIR_NAME_SIZE);
        return 0;
    }
    layer_copy_drop(s); /* finished, or of no use */
    return r < 0 ? r : 0;
}

/* --- the head alone ------------------------------------------------------------------------- */

/* Signed anew, for the same version: it says that the hub still lives, and is passed on. */
static int take_head(Store *s, StoreOp *op) {
    const DirHead *own = directory_head(s->directory), *head = &op->take.head;
    const DirectoryEdit none = { 0 };
    const char *what;
    Directory *d = NULL;
    HubKeys keys;
    layer_hub_keys(s, &keys);
    if (!hub_keys_signed_head(&keys, head)) {
        /* A later one may be signed with a key that is in a change we do not have yet. */
        if (!own || head->version <= own->version)
            refuse(op, CHANGE_FORGED, head->version, "a head that the hub did not sign");
        return 0;
    }
    if (!own || head->version != own->version || head->at_ms <= own->at_ms)
        return 0;
    if (head->size != own->size || !tree_hash_equal(&head->root, &own->root)) {
        refuse(op, CHANGE_REPLAYED, head->version, "another head of version %llu",
               (unsigned long long)head->version);
        return 0;
    }
    const int r = directory_with_edit(&d, s->directory, &none, own->version, &what);
    if (r < 0)
        return r;
    directory_set_head(d, head);
    layer_write_head(s, head);
    layer_set(s, d, TAKE_PTR(s->directory_tree));
    taken(s, op);
    return 0;
}

static void note_refused(Store *s, const StoreOp *op) {
    LedgerEntry e = { .kind = LEDGER_DENIED, .code = 1 };
    (void)text_copy(e.node, sizeof(e.node), op->take.from);
    (void)snprintf(e.note, sizeof(e.note), "directory version %llu: %s",
                   (unsigned long long)op->take.version,
                   change_verdict_name((int)op->take.verdict));
    ledger_note(s, &e);
}

void run_directory_take(Store *s, StoreOp *op) {
    int r = 0;
    if (directory_way(s) != DIRECTORY_FOLLOWS)
        return;
    if (op->take.unreadable)
        refuse(op, CHANGE_MALFORMED, 0, "%.150s", op->take.why);
    else if (op->take.n == 1 && dir_change_is_part(&op->take.changes[0]))
        r = take_part(s, op, &op->take.changes[0]);
    else if (op->take.n > 0)
        r = take_changes(s, op);
    if (r == 0 && op->take.verdict == CHANGE_OK && op->take.has_head && op->take.copy_of == 0)
        r = take_head(s, op);
    if (r < 0)
        db_fault(s, r, "cannot follow the directory");
    else if (op->take.verdict != CHANGE_OK)
        note_refused(s, op);
}
