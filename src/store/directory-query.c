/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Verbs about the signed directory: keys of nodes with their proofs, and what the log tells: who
 * changed what, what the directory was at a version, what two versions differ in.
 */

#include "store/directory-query.h"

#include <errno.h>

#include "base/text.h"

#define PROOFS_BYTES   (160U * 1024U) /* of one answer */
#define KEYS_OF_A_NODE 64U

/* --- directory-keys ------------------------------------------------------------------------- */

typedef struct Proving {
    Store *s;
    KeyProofs *proofs;
    Buf records;
    size_t *at; /* where each record begins: the buffer moves as it grows */
    size_t weight;
    bool cut;
} Proving;

static bool is_there(const Proving *p, Bytes record) {
    for (uint32_t i = 0; i < p->proofs->n; i++)
        if (bytes_equal(bytes_make(p->records.p + p->at[i], p->proofs->proofs[i].record.n), record))
            return true;
    return false;
}

static void prove(Proving *p, const char *name, Bytes record) {
    RecordProof *proof = &p->proofs->proofs[p->proofs->n];
    size_t index;
    if (is_there(p, record))
        return;
    *proof = (RecordProof) { .record = record };
    if (p->proofs->has_head && dir_tree_find(p->s->directory_tree, name, &index)) {
        TreeHash path[TREE_WIDE_PATH_MAX];
        proof->index = index;
        proof->n_path = (uint32_t)dir_tree_path(p->s->directory_tree, index, path);
        memcpy(proof->path, path, proof->n_path * sizeof(*path));
    }
    const size_t weight = record.n + (size_t)proof->n_path * (TREE_HASH_SIZE + 2) + 16;
    if (p->proofs->n == KEY_PROOFS_MAX || p->weight + weight > PROOFS_BYTES) {
        p->cut = true;
        return;
    }
    p->weight += weight;
    p->at[p->proofs->n++] = p->records.n;
    buf_add(&p->records, record.p, record.n);
}

/* The record as it was signed; where nothing is signed, as it is. */
static void prove_record(Proving *p, const DirRecord *r) {
    Store *s = p->s;
    char name[DIR_NAME_SIZE];
    dir_record_name(r, name);
    if (!p->proofs->has_head) {
        uint8_t buf[DIR_RECORD_MAX];
        const Bytes record = s->config.directory_codec->encode_record(r, buf, sizeof(buf));
        if (record.n > 0)
            prove(p, name, record);
        return;
    }
    _query_ q = QUERY(s, "SELECT record FROM dir_record WHERE name = ?1", TEXT(name));
    if (db_row(s, q))
        prove(p, name, col_bytes(q, 0));
}

static void prove_node(Proving *p, const char *id) {
    const DirNode *n = directory_node(p->s->directory, id);
    size_t n_keys = 0;
    if (!n)
        return;
    DirRecord r = { .kind = DIR_NODE, .node = *n };
    prove_record(p, &r);
    const DirKey *const *keys = directory_keys_of(p->s->directory, id, &n_keys);
    p->cut |= n_keys > KEYS_OF_A_NODE;
    for (size_t i = 0; i < MIN(n_keys, (size_t)KEYS_OF_A_NODE); i++) {
        r = (DirRecord) { .kind = DIR_KEY, .key = *keys[i] };
        prove_record(p, &r);
    }
}

/* The top of the tree of brokers. */
static const char *hub_of(const Store *s) {
    const DirNode *n = directory_node(s->directory, s->self);
    for (unsigned i = 0; n && n->broker_parent[0] != '\0' && i < 32; i++)
        n = directory_node(s->directory, n->broker_parent);
    return n ? n->id : s->self;
}

static void prove_all(Proving *p, const StoreOp *op) {
    for (uint32_t i = 0; i < op->query.n_args; i++)
        prove_node(p, op->query.args[i]);
    for (uint32_t i = 0; i < op->query.n_args; i++) {
        const DirNode *n = directory_node(p->s->directory, op->query.args[i]);
        if (n && n->home[0] != '\0')
            prove_node(p, n->home);
    }
    prove_node(p, hub_of(p->s));
}

void query_directory_keys(Store *s, StoreOp *op, Table *t) {
    const DirHead *head = directory_head(s->directory);
    if (op->query.n_args == 0 || !s->config.directory_codec) {
        table_say(t, 2, "directory-keys NODE...");
        return;
    }
    key_proofs_deinit(&op->query.proofs);
    KeyProofs *proofs = &op->query.proofs;
    proofs->proofs = calloc(KEY_PROOFS_MAX + 1, sizeof(*proofs->proofs));
    _cleanup_(freep) size_t *at = calloc(KEY_PROOFS_MAX, sizeof(*at));
    if (!proofs->proofs || !at) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    Proving p = { .s = s, .proofs = proofs, .at = at };
    proofs->has_head = head != NULL;
    if (head)
        proofs->head = *head;
    prove_all(&p, op);
    if (p.records.failed) {
        db_fault(s, -ENOMEM, "out of memory");
        proofs->n = 0;
    }
    for (uint32_t i = 0; i < proofs->n; i++)
        proofs->proofs[i].record.p = p.records.p + at[i];
    proofs->bytes = p.records.p;
    t->more = p.cut;
}

/* --- the log -------------------------------------------------------------------------------- */

/* Reads the changes of (after, upto] in order; false when one of them cannot be read. */
static bool walk(Store *s, uint64_t after, uint64_t upto,
                 bool (*each)(void *data, const DirChange *c), void *data) {
    bool good = true;
    _query_ q = QUERY(s,
                      "SELECT change FROM dir_change WHERE version > ?1 AND version <= ?2"
                      " ORDER BY version",
                      INT(after), INT(upto));
    while (good && db_row(s, q)) {
        DirChange c = { 0 };
        const int r = s->config.directory_codec->decode_change(col_bytes(q, 0), &c);
        if (r == -ENOMEM)
            db_fault(s, r, "out of memory");
        good = r == 0 && each(data, &c);
        dir_change_deinit(&c);
    }
    return good && s->fault == 0;
}

static bool tell_change(void *data, const DirChange *c) {
    Table *t = data;
    Buf names = { 0 };
    for (uint32_t i = 0; i < c->n_records && names.n < 400; i++)
        buf_addf(&names, "%s%s", i > 0 ? " " : "", c->leaves[i].name);
    for (uint32_t i = 0; i < c->n_removed && names.n < 400; i++)
        buf_addf(&names, "%s-%s", names.n > 0 ? " " : "", c->removed[i]);
    table_number(t, (int64_t)c->version);
    table_number(t, c->changed_ms);
    table_text(t, c->by);
    table_number(t, c->n_records);
    table_number(t, c->n_removed);
    table_text(t, c->note);
    table_text(t, buf_text(&names) ? buf_text(&names) : "");
    buf_deinit(&names);
    return true;
}

static uint64_t number_arg(const StoreOp *op, uint32_t i) {
    return op->query.n_args > i ? strtoull(op->query.args[i], NULL, 10) : 0;
}

static bool is_signed_here(Store *s, Table *t) {
    if (directory_head(s->directory))
        return true;
    table_say(t, 1, "the directory of this broker is not signed: it has no log");
    return false;
}

void query_node_log(Store *s, StoreOp *op, Table *t) {
    const uint32_t limit = op->query.limit > 0 ? MIN(op->query.limit, 1000U) : 100U;
    if (!is_signed_here(s, t))
        return;
    table_column(t, "version", COLUMN_NUMBER);
    table_column(t, "changed_at", COLUMN_TIME);
    table_column(t, "by", COLUMN_TEXT);
    table_column(t, "set", COLUMN_NUMBER);
    table_column(t, "removed", COLUMN_NUMBER);
    table_column(t, "note", COLUMN_TEXT);
    table_column(t, "records", COLUMN_TEXT);
    const uint64_t version = directory_version(s->directory), from = number_arg(op, 0);
    const uint64_t after = from > 0          ? MIN(from - 1, version)
                           : version > limit ? version - limit
                                             : 0;
    if (!walk(s, after, after + limit, tell_change, t))
        table_say(t, 1, "a change in the log cannot be read");
    t->more = after + limit < version;
}

/* --- the directory as it was ---------------------------------------------------------------- */

typedef struct Past {
    char name[DIR_NAME_SIZE];
    DirNode *node; /* owned; of node records, while it is there */
    TreeHash leaf, first;
    bool there, was_there; /* was: at the first of two versions, with the leaf `first` */
    uint64_t version;      /* that changed it last */
    char by[NODE_NAME_SIZE];
    UT_hash_handle hh;
} Past;

typedef struct Replay {
    Past *all;
    bool nodes; /* keep their records */
    bool failed;
} Replay;

static void replay_deinit(Replay *r) {
    Past *p, *next;
    HASH_ITER (hh, r->all, p, next) {
        HASH_DEL(r->all, p);
        free(p->node);
        free(p);
    }
}

static Past *past_of(Replay *r, const char *name) {
    Past *p = NULL;
    HASH_FIND_STR(r->all, name, p);
    if (p)
        return p;
    p = calloc(1, sizeof(*p));
    if (!p) {
        r->failed = true;
        return NULL;
    }
    (void)text_copy(p->name, sizeof(p->name), name);
    HASH_ADD_STR(r->all, name, p);
    if (!p->hh.tbl) {
        free(p);
        r->failed = true;
        return NULL;
    }
    return p;
}

static void past_set(Replay *r, Past *p, const DirChange *c, const DirRecord *record) {
    free(p->node);
    p->node = NULL;
    p->there = record != NULL;
    p->version = c->version;
    memcpy(p->by, c->by, sizeof(p->by));
    if (!record || !r->nodes || record->kind != DIR_NODE)
        return;
    p->node = malloc(sizeof(*p->node));
    if (p->node)
        *p->node = record->node;
    else
        r->failed = true;
}

static bool replay_change(void *data, const DirChange *c) {
    Replay *r = data;
    for (uint32_t i = 0; !r->failed && i < c->n_removed; i++) {
        Past *p = past_of(r, c->removed[i]);
        if (p)
            past_set(r, p, c, NULL);
    }
    for (uint32_t i = 0; !r->failed && i < c->n_records; i++) {
        Past *p = past_of(r, c->leaves[i].name);
        if (!p)
            return false;
        past_set(r, p, c, &c->records[i]);
        p->leaf = tree_leaf(c->leaves[i].content);
    }
    return !r->failed;
}

/* From the first change that was signed; false, with the table saying why. */
static bool replay(Store *s, Replay *r, uint64_t upto, Table *t) {
    DirChange first = { 0 };
    int e = -ENOENT;
    if (!is_signed_here(s, t))
        return false;
    {
        _query_ q = QUERY(s, "SELECT change FROM dir_change ORDER BY version LIMIT 1");
        if (db_row(s, q))
            e = s->config.directory_codec->decode_change(col_bytes(q, 0), &first);
    }
    const bool whole = e == 0 && first.first;
    const uint64_t begins = first.version, newest = directory_version(s->directory);
    dir_change_deinit(&first);
    if (!whole || upto < begins || upto > newest)
        table_say(t, 1, "%s%llu to %llu",
                  whole ? "versions here go from "
                        : "this broker got a copy and has no log from the beginning; ask the hub: ",
                  (unsigned long long)begins, (unsigned long long)newest);
    else if (!walk(s, 0, upto, replay_change, r))
        table_say(t, 1, "a change in the log cannot be read");
    else
        return true;
    if (r->failed)
        db_fault(s, -ENOMEM, "out of memory");
    return false;
}

static int by_name(const Past *a, const Past *b) {
    return strcmp(a->name, b->name);
}

void query_node_at(Store *s, StoreOp *op, Table *t) {
    _cleanup_(replay_deinit) Replay r = { .nodes = true };
    const char *prefix = op->query.n_args > 1 ? op->query.args[1] : "";
    const uint32_t limit = op->query.limit > 0 ? op->query.limit : 1000U;
    table_column(t, "id", COLUMN_TEXT);
    table_column(t, "kind", COLUMN_TEXT);
    table_column(t, "name", COLUMN_TEXT);
    table_column(t, "parent", COLUMN_TEXT);
    table_column(t, "home", COLUMN_TEXT);
    table_column(t, "inactive", COLUMN_BOOL);
    table_column(t, "since", COLUMN_NUMBER);
    if (!replay(s, &r, number_arg(op, 0), t))
        return;
    HASH_SORT(r.all, by_name);
    uint32_t n = 0;
    for (const Past *p = r.all; p && !t->more; p = p->hh.next) {
        if (!p->there || !p->node || !text_starts_with(p->node->id, prefix))
            continue;
        if (n++ == limit) {
            t->more = true;
            break;
        }
        table_text(t, p->node->id);
        table_text(t, node_kind_name(p->node->kind));
        table_text(t, p->node->name);
        table_text(t, p->node->parent);
        table_text(t, p->node->home);
        table_number(t, p->node->inactive);
        table_number(t, (int64_t)p->version);
    }
}

void query_node_diff(Store *s, StoreOp *op, Table *t) {
    _cleanup_(replay_deinit) Replay r = { 0 };
    const uint64_t from = number_arg(op, 0);
    const uint64_t upto =
        op->query.n_args > 1 ? number_arg(op, 1) : directory_version(s->directory);
    table_column(t, "record", COLUMN_TEXT);
    table_column(t, "change", COLUMN_TEXT);
    table_column(t, "version", COLUMN_NUMBER);
    table_column(t, "by", COLUMN_TEXT);
    if (from >= upto) {
        table_say(t, 2, "the first version must be before the second");
        return;
    }
    if (!replay(s, &r, from, t))
        return;
    for (Past *p = r.all; p; p = p->hh.next) {
        p->was_there = p->there;
        p->first = p->leaf;
    }
    if (upto > directory_version(s->directory) || !walk(s, from, upto, replay_change, &r)) {
        table_say(t, 1, "there is no such version");
        return;
    }
    HASH_SORT(r.all, by_name);
    for (const Past *p = r.all; p; p = p->hh.next) {
        const bool same =
            p->there == p->was_there && (!p->there || tree_hash_equal(&p->leaf, &p->first));
        if (same)
            continue;
        table_text(t, p->name);
        table_text(t, !p->was_there ? "ADDED" : p->there ? "CHANGED" : "REMOVED");
        table_number(t, (int64_t)p->version);
        table_text(t, p->by);
    }
}
