/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory-layer.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/ledger.h"
#include "store/schema.h"

DirectoryWay directory_way(const Store *s) {
    const StoreConfig *c = &s->config;
    if (c->directory_codec && c->hub && c->sign_key)
        return DIRECTORY_SIGNS;
    if (c->directory_codec && !c->hub && c->n_hub_keys > 0)
        return DIRECTORY_FOLLOWS;
    /* Without the means to sign, what is signed stays as it is. */
    return s->directory_layered ? DIRECTORY_FOLLOWS : DIRECTORY_ALONE;
}

static void hub_keys(const Store *s, const Directory *d, HubKeys *ret) {
    if (s->config.sign_key && s->config.hub)
        hub_keys_of(d, &s->config.sign_key->public, 1, ret);
    else
        hub_keys_of(d, s->config.hub_keys, s->config.n_hub_keys, ret);
}

/* What nobody signed names no keys of the hub. */
void layer_hub_keys(const Store *s, HubKeys *ret) {
    if (directory_head(s->directory)) {
        hub_keys(s, s->directory, ret);
        return;
    }
    *ret = (HubKeys) { .n = s->config.n_hub_keys };
    memcpy(ret->list, s->config.hub_keys, sizeof(s->config.hub_keys));
}

/* --- reading -------------------------------------------------------------------------------- */

static bool read_head(Store *s, DirHead *ret) {
    _query_ q = QUERY(s, "SELECT version, at, size, root, key, ed25519 FROM dir_head");
    if (!db_row(s, q))
        return false;
    const Bytes root = col_bytes(q, 3), key = col_bytes(q, 4), signature = col_bytes(q, 5);
    *ret = (DirHead) {
        .version = (uint64_t)col_int(q, 0),
        .at_ms = col_int(q, 1),
        .size = (uint64_t)col_int(q, 2),
    };
    if (root.n == sizeof(ret->root.b) && key.n == sizeof(ret->key.b) &&
        signature.n == sizeof(ret->signature)) { /* else it is not signed either */
        memcpy(ret->root.b, root.p, root.n);
        memcpy(ret->key.b, key.p, key.n);
        memcpy(ret->signature, signature.p, signature.n);
    }
    return true;
}

/* What a node may have told itself (law/record.h) can be ahead of what is signed; where messages go
 * cannot. */
static bool same_node(const DirNode *a, const DirNode *b) {
    const char *home = a->broker && a->home[0] == '\0' ? a->id : a->home; /* as adding does */
    if (a->kind != b->kind || a->broker != b->broker || a->n_areas != b->n_areas ||
        strcmp(a->name, b->name) != 0 || strcmp(a->parent, b->parent) != 0 ||
        strcmp(home, b->home) != 0 || strcmp(a->broker_parent, b->broker_parent) != 0)
        return false;
    for (uint32_t i = 0; i < a->n_areas; i++)
        if (strcmp(a->areas[i].region, b->areas[i].region) != 0 ||
            a->areas[i].cluster != b->areas[i].cluster ||
            a->areas[i].priority != b->areas[i].priority)
            return false;
    return true;
}

static bool same_record(const Store *s, const DirRecord *a, const DirRecord *b) {
    uint8_t x[DIR_RECORD_MAX], y[DIR_RECORD_MAX];
    return bytes_equal(s->config.directory_codec->encode_record(a, x, sizeof(x)),
                       s->config.directory_codec->encode_record(b, y, sizeof(y)));
}

/* Is a signed record in force? */
static bool is_in_force(const Store *s, const Directory *d, const DirRecord *r) {
    DirRecord have = { .kind = r->kind };
    const void *found = NULL;
    switch (r->kind) {
    case DIR_NODE: {
        const DirNode *n = directory_node(d, r->node.id);
        return n && same_node(&r->node, n);
    }
    case DIR_KEY:
        if ((found = directory_key(d, r->key.curve)))
            have.key = *(const DirKey *)found;
        break;
    case DIR_REGION:
        if ((found = directory_region(d, r->region.code)))
            have.region = *(const DirRegion *)found;
        break;
    case DIR_HOLIDAY:
        if ((found = directory_holiday(d, r->holiday.on)))
            have.holiday = *(const DirHoliday *)found;
        break;
    }
    return found && same_record(s, r, &have);
}

typedef struct Reading {
    DirLeaf *leaves;
    uint8_t **contents; /* owned */
    size_t n, room;
} Reading;

static void reading_deinit(Reading *r) {
    for (size_t i = 0; i < r->n; i++)
        free(r->contents[i]);
    free(r->contents);
    free(r->leaves);
}

static int reading_add(Reading *r, const char *name, Bytes content) {
    if (r->n == r->room) {
        const size_t room = MAX(r->room * 2, (size_t)256);
        DirLeaf *leaves = reallocarray(r->leaves, room, sizeof(*leaves));
        if (leaves)
            r->leaves = leaves;
        uint8_t **contents = reallocarray(r->contents, room, sizeof(*contents));
        if (contents)
            r->contents = contents;
        if (!leaves || !contents)
            return -ENOMEM;
        r->room = room;
    }
    uint8_t *copy = malloc(MAX(content.n, (size_t)1));
    if (!copy)
        return -ENOMEM;
    memcpy(copy, content.p, content.n);
    DirLeaf *leaf = &r->leaves[r->n];
    if (content.n == 0 || !text_copy(leaf->name, sizeof(leaf->name), name)) {
        free(copy);
        return -EUCLEAN;
    }
    leaf->content = bytes_make(copy, content.n);
    r->contents[r->n++] = copy;
    return 0;
}

_printf_(2, 3) static int mismatch(char why[static 160], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, 160, format, args);
    va_end(args);
    return -EUCLEAN;
}

static int read_records(Store *s, const Directory *d, Reading *all, char why[static 160]) {
    int r = 0;
    _query_ q = QUERY(s, "SELECT name, record FROM dir_record");
    while (r == 0 && db_row(s, q)) {
        DirRecord record;
        char name[DIR_NAME_SIZE];
        const Bytes content = col_bytes(q, 1);
        r = s->config.directory_codec->decode_record(content, &record);
        if (r == 0)
            dir_record_name(&record, name);
        if (r == -EBADMSG || (r == 0 && strcmp(name, col_text(q, 0)) != 0))
            return mismatch(why, "the signed record %.72s cannot be read", col_text(q, 0));
        if (r == 0 && !is_in_force(s, d, &record))
            return mismatch(why, "what is in force is not what was signed: %.72s", name);
        if (r == 0)
            r = reading_add(all, name, content);
    }
    return r < 0 ? r : s->fault;
}

size_t layer_count(const Directory *d) {
    return directory_node_count(d) + directory_key_count(d) + directory_region_count(d) +
           directory_holiday_count(d);
}

static int compare_head(Store *s, const Directory *d, const DirTree *tree, const DirHead *head,
                        char why[static 160]) {
    const TreeHash root = dir_tree_root(tree);
    HubKeys keys;
    hub_keys(s, d, &keys);
    if (head->size != dir_tree_size(tree) || !tree_hash_equal(&root, &head->root))
        return mismatch(why, "the records of the directory do not give the root that was signed");
    if (layer_count(d) != dir_tree_size(tree))
        return mismatch(why, "there is more in force than what was signed");
    if (directory_version(d) != head->version)
        return mismatch(why, "the directory is of another version than what was signed");
    if (keys.n > 0 && !hub_keys_signed_head(&keys, head))
        return mismatch(why, "the head of the directory is not signed with a key of the hub");
    return 0;
}

int layer_verify(Store *s, const Directory *d, DirTree **ret_tree, DirHead *ret_head,
                 char why[static 160]) {
    _cleanup_(dir_tree_freep) DirTree *tree = NULL;
    _cleanup_(reading_deinit) Reading all = { 0 };
    DirHead head = { 0 };
    (void)snprintf(why, 160, "the signed directory cannot be read");
    if (!read_head(s, &head)) {
        if (s->fault == 0 && db_number(s, QUERY(s, "SELECT 1 FROM dir_record LIMIT 1"), 0) != 0)
            return mismatch(why, "signed records without the head that proves them");
        *ret_tree = NULL;
        return s->fault;
    }
    int r = read_records(s, d, &all, why);
    if (r == 0)
        r = dir_tree_edit(&tree, NULL, all.leaves, all.n);
    if (r == 0)
        r = compare_head(s, d, tree, &head, why);
    if (r < 0)
        return r == -EINVAL ? -EUCLEAN : r;
    *ret_tree = TAKE_PTR(tree);
    *ret_head = head;
    return 0;
}

/* A broker below the hub that was told no key of it any more believes imports, as one that never
 * was told any. */
static void drop_unless_wanted(Store *s) {
    const StoreConfig *c = &s->config;
    if (c->directory_codec && !c->hub && c->n_hub_keys == 0)
        layer_drop(s);
    s->directory_layered = db_number(s, QUERY(s, "SELECT 1 FROM dir_head"), 0) != 0 ||
                           db_number(s, QUERY(s, "SELECT 1 FROM dir_record LIMIT 1"), 0) != 0;
}

void directory_load(Store *s) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    _cleanup_(dir_tree_freep) DirTree *tree = NULL;
    char why[160] = "the stored directory does not stand";
    DirHead head;
    drop_unless_wanted(s);
    int r = directory_read_tables(s, &d);
    if (r == 0 && s->directory_layered && s->config.directory_codec)
        r = layer_verify(s, d, &tree, &head, why);
    if (r < 0) {
        db_fault(s, r == -EINVAL ? -EUCLEAN : r, why);
        return;
    }
    if (tree)
        directory_set_head(d, &head);
    layer_set(s, TAKE_PTR(d), TAKE_PTR(tree));
}

/* --- writing -------------------------------------------------------------------------------- */

void layer_set(Store *s, Directory *d, DirTree *tree) {
    directory_unref(s->directory);
    dir_tree_free(s->directory_tree);
    s->directory = d;
    s->directory_tree = tree;
    s->directory_layered |= tree != NULL;
    s->watched_version = 0;
}

void layer_drop(Store *s) {
    RUN(s, "DELETE FROM dir_record");
    RUN(s, "DELETE FROM dir_change");
    RUN(s, "DELETE FROM dir_head");
}

void layer_write_head(Store *s, const DirHead *h) {
    RUN(s, "DELETE FROM dir_head");
    RUN(s, "INSERT INTO dir_head(version, at, size, root, key, ed25519) VALUES(?1,?2,?3,?4,?5,?6)",
        INT(h->version), INT(h->at_ms), INT(h->size),
        BLOB(bytes_make(h->root.b, sizeof(h->root.b))),
        BLOB(bytes_make(h->key.b, sizeof(h->key.b))),
        BLOB(bytes_make(h->signature, sizeof(h->signature))));
    meta_set(s, "directory", (int64_t)h->version);
}

void layer_write_leaves(Store *s, const DirChange *c) {
    for (uint32_t i = 0; i < c->n_removed; i++)
        RUN(s, "DELETE FROM dir_record WHERE name = ?1", TEXT(c->removed[i]));
    for (uint32_t i = 0; i < c->n_records; i++)
        RUN(s, "INSERT OR REPLACE INTO dir_record(name, record) VALUES(?1,?2)",
            TEXT(c->leaves[i].name), BLOB(c->leaves[i].content));
}

void layer_log_change(Store *s, const DirChange *c) {
    RUN(s, "INSERT OR REPLACE INTO dir_change(version, change) VALUES(?1,?2)", INT(c->version),
        BLOB(bytes_make(c->bytes, c->n_bytes)));
}

/* --- the ledger ----------------------------------------------------------------------------- */

static void note_key(Store *s, const DirKey *k, const char *what) {
    LedgerEntry e = { .kind = LEDGER_KEY };
    (void)text_copy(e.node, sizeof(e.node), k->node);
    (void)text_copy(e.peer, sizeof(e.peer), k->label);
    (void)text_copy(e.note, sizeof(e.note), what);
    ledger_note(s, &e);
}

/* No hub of ours signs that (directory_owners_check()), but what is signed is in force. */
static void note_moved(Store *s, const DirKey *k, const DirKey *old) {
    char what[LEDGER_NOTE_MAX + 1];
    (void)snprintf(what, sizeof(what), "MOVED FROM %s", old->node);
    note_key(s, k, what);
}

static void note_keys(Store *s, const Directory *before, const DirectoryEdit *e) {
    for (uint32_t i = 0; i < e->n_keys; i++) {
        const DirKey *k = &e->keys[i], *old = directory_key(before, k->curve);
        const DirRecord a = { .kind = DIR_KEY, .key = *k };
        const DirRecord b = { .kind = DIR_KEY, .key = old ? *old : *k };
        if (!old)
            note_key(s, k, k->revoked ? "ADDED REVOKED" : "ADDED");
        else if (k->revoked && !old->revoked)
            note_key(s, k, "REVOKED");
        else if (strcmp(k->node, old->node) != 0)
            note_moved(s, k, old);
        else if (!s->config.directory_codec || !same_record(s, &a, &b))
            note_key(s, k, "CHANGED");
    }
    for (uint32_t i = 0; i < e->n_removed; i++) {
        DirName name;
        const DirKey *old = dir_name_parse(e->removed[i], &name) && name.kind == DIR_KEY
                                ? directory_key(before, name.id)
                                : NULL;
        if (old)
            note_key(s, old, "REMOVED");
    }
}

/* What a new copy of everything does not have any more. */
static void note_gone_keys(Store *s, const Directory *before, const Directory *after) {
    for (size_t i = 0; i < directory_key_count(before); i++) {
        const DirKey *old = directory_key_at(before, i);
        if (!directory_key(after, old->curve))
            note_key(s, old, "REMOVED");
    }
}

void layer_note(Store *s, const Directory *before, const DirectoryEdit *e, uint64_t version,
                const TreeHash *root, const char *by, const char *note) {
    LedgerEntry entry = { .kind = LEDGER_DIRECTORY, .code = (int64_t)version };
    (void)text_copy(entry.node, sizeof(entry.node), by);
    (void)text_copy(entry.note, sizeof(entry.note), note);
    entry.has_digest = root != NULL;
    if (root)
        memcpy(entry.digest, root->b, sizeof(entry.digest));
    ledger_note(s, &entry);
    note_keys(s, before, e);
    if (e->replace)
        note_gone_keys(s, before, s->directory);
}
