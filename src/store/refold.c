/* SPDX-License-Identifier: Apache-2.0 */
#include "store/refold.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "store/item.h"

#define ACTS_A_TURN 2000U /* of one transaction */

typedef struct Refold {
    Store *from, *to;
    RefoldReport *report;
    void (*tell)(void *data, const char *line);
    void *data;
    StoredItem is, should;
    StoredAct act;
} Refold;

/* --- folding -------------------------------------------------------------------------------- */

static void fold_message(Refold *f) {
    Store *s = f->to;
    LawWork *l = s->law;
    StoredItem *items[ITEM_KINDS] = { NULL };
    Step steps[ITEM_KINDS] = { 0 };
    Act a;
    if (!act_unpack(bytes_make(f->act.body, f->act.n_body), &a, &l->act_facts)) {
        f->report->unread++;
        return;
    }
    l->n_keys = act_keys(&a, l->keys);
    for (uint32_t i = 0; i < l->n_keys; i++) {
        const ItemKind kind = l->keys[i].kind;
        (void)item_load(s, kind, &l->keys[i].id, &l->of[kind]);
        items[kind] = &l->of[kind];
    }
    const bool has_parent =
        a.kind == KIND_REFERRAL_REQUEST && !uuid_is_nil(&a.facts->request.parent_referral_id) &&
        item_load(s, ITEM_REFERRAL, &a.facts->request.parent_referral_id, &l->parent);
    act_apply(s, &a, items, has_parent ? &l->parent.item : NULL, steps);
}

static void fold(Refold *f) {
    Store *s = f->to;
    const StoredAct *a = &f->act;
    const ActLink *l = a->n_links > 0 ? &a->links[0] : NULL;
    s->next_act = a->n; /* as it was numbered: chains are compared too */
    s->now_ms = a->at_ms;
    f->report->acts++;
    if (a->type == ACT_MESSAGE) {
        fold_message(f);
    } else if (a->type == ACT_TIMER && l && item_load(s, l->kind, &l->id, &f->is)) {
        Fired fired = { 0 };
        act_timer(s, &f->is, a->n_body > 0 ? a->body[0] : TIMER_NONE, &fired);
    } else if (a->type == ACT_WATCH && l && !item_load(s, l->kind, &l->id, &f->is)) {
        char node[NODE_NAME_SIZE] = "";
        const LawContext ctx = item_context(s);
        memcpy(node, a->body, MIN(a->n_body, NODE_NAME_SIZE - 1));
        oversight_watch(&ctx, &f->is.item, node, a->at_ms);
        act_watch(s, &f->is);
    } else if (a->type == ACT_COLLECTED && l && item_load(s, l->kind, &l->id, &f->is)) {
        char node[NODE_NAME_SIZE] = "";
        memcpy(node, a->body, MIN(a->n_body, NODE_NAME_SIZE - 1));
        act_collected(s, &f->is, node);
    }
    /* ACT_AGAIN follows from the act before it. */
}

static int fold_all(Refold *f) {
    int64_t at = 0;
    bool more = true;
    while (more && f->from->fault == 0 && f->to->fault == 0) {
        uint32_t n = 0;
        (void)db_exec(f->to, "BEGIN IMMEDIATE");
        for (; n < ACTS_A_TURN && more; n++) {
            at = db_number(
                f->from,
                QUERY(f->from, "SELECT n FROM act WHERE n > ?1 ORDER BY n LIMIT 1", INT(at)), 0);
            more = at > 0 && f->from->fault == 0 && f->to->fault == 0;
            if (more && act_load(f->from, at, &f->act))
                fold(f);
            else if (more)
                f->report->unread++;
        }
        tally_flush(f->to);
        (void)db_exec(f->to, "COMMIT");
        if (f->to->fault == 0 && store_checkpoint(f->to, false) < 0)
            break;
    }
    return f->from->fault < 0 ? f->from->fault : f->to->fault;
}

/* --- comparing ------------------------------------------------------------------------------ */

static void differs(Refold *f, const Item *i, const char *what) {
    char line[256], id[UUID_TEXT_SIZE];
    uuid_format(&i->id, id);
    snprintf(line, sizeof(line), "%s %s: %s", item_kind_name((int)i->kind), id, what);
    f->report->different++;
    f->tell(f->data, line);
}

static void compare_one(Refold *f, ItemKind kind, const Uuid *id) {
    char what[128];
    const bool is = item_load(f->from, kind, id, &f->is);
    if (f->from->fault == -EUCLEAN) { /* a body that cannot be read */
        f->from->fault = 0;
        differs(f, &f->is.item, "cannot be read");
        return;
    }
    if (!item_load(f->to, kind, id, &f->should)) {
        differs(f, &f->is.item, "no act on record speaks of it");
    } else if (!is || !item_equal(&f->is.item, &f->should.item)) {
        snprintf(what, sizeof(what), "is %s, should be %s",
                 item_state_name((int)kind, f->is.item.state),
                 item_state_name((int)kind, f->should.item.state));
        differs(f, &f->should.item, what);
    }
}

/* Purged long ago: only acts it shared with others are left. */
static bool was_forgotten(const Refold *f, const Item *i) {
    const int64_t kept = f->from->config.item_retention_ms;
    return kept > 0 && i->changed_ms + kept <= f->to->now_ms;
}

/* Every item of `all` in the other; those it lacks are told from its own side. */
static void compare(Refold *f, Store *all, bool missing_only) {
    int kind = 0;
    Uuid id = { { 0 } };
    while (all->fault == 0) {
        _query_ q = QUERY(all,
                          "SELECT kind, id FROM item WHERE (kind, id) > (?1, ?2) "
                          "ORDER BY kind, id LIMIT 1",
                          INT(kind), UUID(&id));
        if (!db_row(all, q))
            return;
        kind = (int)col_int(q, 0);
        id = col_uuid(q, 1);
        if (!missing_only) {
            f->report->items++;
            compare_one(f, (ItemKind)kind, &id);
        } else if (!item_load(f->from, (ItemKind)kind, &id, &f->is) && f->from->fault == 0 &&
                   item_load(f->to, (ItemKind)kind, &id, &f->should) &&
                   !was_forgotten(f, &f->should.item)) {
            differs(f, &f->should.item, "is missing");
        }
    }
}

/* --- taking over ---------------------------------------------------------------------------- */

static int take_over(Refold *f, const char *scratch) {
    Store *s = f->from;
    RUN(s, "ATTACH ?1 AS scratch", TEXT(scratch));
    (void)db_exec(s, "BEGIN IMMEDIATE;"
                     "DELETE FROM item; INSERT INTO item SELECT * FROM scratch.item;"
                     "DELETE FROM timer; INSERT INTO timer SELECT * FROM scratch.timer;"
                     "DELETE FROM tally; INSERT INTO tally SELECT * FROM scratch.tally;"
                     "COMMIT; DETACH scratch");
    f->report->written = s->fault == 0;
    return s->fault;
}

static void remove_scratch(const char *path) {
    static const char *const suffixes[] = { "", "-wal", "-shm", "-seal", ".lock" };
    char name[STORE_FILE_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name); /* most are not there */
    }
}

static int open_both(Refold *f, const StoreConfig *config, const char *scratch, char why[256]) {
    StoreConfig other = *config;
    other.path = scratch;
    other.ballast_bytes = 0;
    int r = store_open(&f->from, config, NULL, NULL, why);
    if (r == 0)
        r = store_open(&f->to, &other, NULL, NULL, why);
    if (r < 0)
        return r;
    (void)db_exec(f->to, "PRAGMA synchronous = OFF"); /* it is made again when it is lost */
    directory_unref(f->to->directory);
    f->to->directory = directory_ref(f->from->directory);
    return 0;
}

int store_refold(const StoreConfig *config, const char *scratch, bool write, RefoldReport *ret,
                 void (*tell)(void *data, const char *line), void *data, char why[static 256]) {
    _cleanup_(freep) Refold *f = calloc(1, sizeof(*f));
    *ret = (RefoldReport) { 0 };
    if (!f)
        return -ENOMEM;
    if (access(scratch, F_OK) == 0) {
        snprintf(why, 256, "%.200s is there already", scratch);
        return -EEXIST;
    }
    *f = (Refold) { .report = ret, .tell = tell, .data = data };
    int r = open_both(f, config, scratch, why);
    if (r == 0)
        r = fold_all(f);
    if (r == 0) {
        compare(f, f->from, false);
        compare(f, f->to, true);
        r = f->from->fault < 0 ? f->from->fault : f->to->fault;
    }
    if (r < 0 && why[0] == '\0' && f->from)
        snprintf(why, 256, "%.120s",
                 f->from->fault < 0 ? f->from->health.fault
                 : f->to            ? f->to->health.fault
                                    : strerror(-r));
    f->to = store_close(f->to);
    if (r == 0 && write && ret->different > 0 && (r = take_over(f, scratch)) < 0)
        snprintf(why, 256, "%.120s", f->from->health.fault);
    f->from = store_close(f->from);
    remove_scratch(scratch);
    return r;
}
