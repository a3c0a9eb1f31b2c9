/* SPDX-License-Identifier: Apache-2.0 */
#include "store/refold.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "store/files.h"
#include "store/item.h"
#include "store/pending.h"
#include "store/upkeep.h"

#define ACTS_A_TURN 2000U /* of one transaction */

typedef struct Refold {
    Store *from, *to;
    RefoldReport *report;
    void (*tell)(void *data, const char *line);
    void *data;
    StoredItem is, should;
    StoredAct act, held;
} Refold;

/* --- folding -------------------------------------------------------------------------------- */

static bool fold_message(Refold *f) {
    Store *s = f->to;
    LawWork *l = s->law;
    StoredItem *items[ITEM_KINDS] = { NULL };
    Step steps[ITEM_KINDS] = { 0 };
    Act a;
    if (!act_unpack(bytes_make(f->act.body, f->act.n_body), &a, &l->act_facts))
        return false;
    l->n_keys = act_keys(&a, l->keys);
    for (uint32_t i = 0; i < l->n_keys; i++) {
        const ItemKind kind = l->keys[i].kind;
        (void)item_load(s, kind, &l->keys[i].id, &l->of[kind]);
        items[kind] = &l->of[kind];
    }
    const bool has_parent = law_find_parent(s, &a, &l->parent);
    act_apply(s, &a, items, has_parent ? &l->parent.item : NULL, steps);
    return true;
}

static bool fold_again(Refold *f) {
    if (!act_load(f->from, f->act.ref, &f->held) || f->held.type != ACT_MESSAGE)
        return false;
    act_fold_again(f->to, &f->held);
    return true;
}

/* What happens to one item by itself. */
static bool fold_one(Refold *f, const ActLink *l) {
    Store *s = f->to;
    const StoredAct *a = &f->act;
    const LawContext ctx = item_context(s);
    const bool known = item_load(s, l->kind, &l->id, &f->is);
    char node[NODE_NAME_SIZE] = "";
    Fired fired;
    memcpy(node, a->body, MIN(a->n_body, NODE_NAME_SIZE - 1));
    switch (a->type) {
    case ACT_TIMER:
        act_timer(s, &f->is, a->n_body > 0 ? a->body[0] : TIMER_NONE, a->ref, &fired);
        return known;
    case ACT_WATCH:
        oversight_begin(&ctx, &f->is.item, node, a->at_ms);
        act_watch(s, &f->is);
        return true;
    case ACT_COLLECTED:
        act_collected(s, &f->is, node);
        return known;
    case ACT_UNDELIVERABLE:
        act_undeliverable(s, &f->is, node);
        return known;
    case ACT_ACKNOWLEDGED:
        act_acknowledged(s, &f->is);
        return known;
    case ACT_KEPT:
        if (!item_unpack(bytes_make(a->body, a->n_body), &f->is.item))
            return false;
        act_kept(s, &f->is);
        return true;
    default:
        return false;
    }
}

/* False when what the act did cannot be known. */
static bool fold(Refold *f) {
    Store *s = f->to;
    s->now_ms = f->act.at_ms;
    s->law->record = &f->act;
    switch (f->act.type) {
    case ACT_MESSAGE:
        return fold_message(f);
    case ACT_AGAIN:
        return fold_again(f);
    default:
        return f->act.n_links == 1 && fold_one(f, &f->act.links[0]);
    }
}

static int fold_all(Refold *f) {
    int64_t at = 0;
    bool more = true, readable;
    while (more && f->from->fault == 0 && f->to->fault == 0) {
        (void)db_exec(f->to, "BEGIN IMMEDIATE");
        for (uint32_t n = 0; n < ACTS_A_TURN && more; n++) {
            at = act_next(f->from, at, &f->act, &readable);
            more = at > 0 && f->from->fault == 0 && f->to->fault == 0;
            f->report->acts += more;
            if (more && (!readable || !fold(f)))
                f->report->unread++;
        }
        pending_write(f->to);
        tally_flush(f->to);
        (void)db_exec(f->to, "COMMIT");
        if (f->to->fault == 0 && store_checkpoint(f->to) < 0)
            break;
    }
    return f->from->fault < 0 ? f->from->fault : f->to->fault;
}

/* --- comparing items ------------------------------------------------------------------------ */

_printf_(2, 3) static void differs(Refold *f, const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    f->report->different++;
    f->tell(f->data, line);
}

static void item_differs(Refold *f, ItemKind kind, const Uuid *id, const char *what) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    differs(f, "%s %s: %s", item_kind_name((int)kind), text, what);
}

/* A body that cannot be read is what this is about, not a fault. */
static bool load_from(Refold *f, ItemKind kind, const Uuid *id, bool *ret_damaged) {
    const bool known = item_load(f->from, kind, id, &f->is);
    *ret_damaged = f->from->fault == -EUCLEAN;
    if (*ret_damaged)
        f->from->fault = 0;
    return known || *ret_damaged;
}

static void compare_one(Refold *f, ItemKind kind, const Uuid *id) {
    char what[128];
    bool damaged;
    (void)load_from(f, kind, id, &damaged);
    const bool should = item_load(f->to, kind, id, &f->should);
    const Item *a = &f->is.item, *b = &f->should.item;
    if (damaged) {
        item_differs(f, kind, id, "cannot be read");
    } else if (!should) {
        item_differs(f, kind, id, "no act on record speaks of it");
    } else if (!item_equal(a, b)) {
        snprintf(what, sizeof(what), "is %s%s, should be %s%s",
                 item_state_name((int)kind, a->state),
                 a->state == b->state ? " with other details" : "",
                 item_state_name((int)kind, b->state), a->final && !b->final ? ", not ended" : "");
        item_differs(f, kind, id, what);
    } else if (f->is.last_act != f->should.last_act) {
        item_differs(f, kind, id, "its newest act on record is another one");
    }
}

static void count_items(Refold *f) {
    ItemKey key = { 0 };
    while (f->from->fault == 0 && f->to->fault == 0 && item_next(f->from, &key)) {
        f->report->items++;
        compare_one(f, key.kind, &key.id);
    }
    const int64_t rows = db_number(f->from, QUERY(f->from, "SELECT count(*) FROM item"), 0);
    if (f->from->fault == 0 && f->to->fault == 0 && rows != (int64_t)f->report->items)
        differs(f, "an item has no key: %lld behind it were not looked at",
                (long long)(rows - (int64_t)f->report->items - 1));
}

static void find_missing(Refold *f) {
    bool damaged;
    _query_ q =
        QUERY(f->to, "SELECT kind, id FROM item ORDER BY kind, id LIMIT ?1", INT(INT64_MAX));
    while (f->from->fault == 0 && db_row(f->to, q)) {
        const ItemKind kind = (ItemKind)col_int(q, 0);
        const Uuid id = col_uuid(q, 1);
        if (!load_from(f, kind, &id, &damaged))
            item_differs(f, kind, &id, "is missing");
    }
}

/* --- comparing timers and counts ------------------------------------------------------------ */

static void compare_timers(Refold *f, Store *one, Store *other, const char *what) {
    _query_ q =
        QUERY(one, "SELECT due, kind, id, timer FROM timer ORDER BY due LIMIT ?1", INT(INT64_MAX));
    while (other->fault == 0 && db_row(one, q)) {
        const Uuid id = col_uuid(q, 2);
        const int64_t found = db_number(
            other,
            QUERY(other,
                  "SELECT 1 FROM timer WHERE due = ?1 AND kind = ?2 AND id = ?3 AND timer = ?4",
                  INT(col_int(q, 0)), INT(col_int(q, 1)), UUID(&id), INT(col_int(q, 3))),
            0);
        char text[UUID_TEXT_SIZE];
        uuid_format(&id, text);
        if (found == 0)
            differs(f, "%s %s: timer %s %s", item_kind_name((int)col_int(q, 1)), text,
                    timer_name((int)col_int(q, 3)), what);
    }
}

static void compare_tally(Refold *f, Store *one, Store *other, bool missing_only) {
    _query_ q = QUERY(one,
                      "SELECT kind, state, cluster, region, n FROM tally WHERE n <> 0 "
                      "ORDER BY kind, state, cluster, region LIMIT ?1",
                      INT(INT64_MAX));
    while (other->fault == 0 && db_row(one, q)) {
        const int64_t n = db_number(
            other,
            QUERY(other,
                  "SELECT n FROM tally WHERE kind = ?1 AND state = ?2 AND cluster = ?3 "
                  "AND region = ?4",
                  INT(col_int(q, 0)), INT(col_int(q, 1)), INT(col_int(q, 2)), TEXT(col_text(q, 3))),
            0);
        if (missing_only ? n == 0 : n != col_int(q, 4))
            differs(f, "count of %s %s in %s: %s", item_kind_name((int)col_int(q, 0)),
                    item_state_name((int)col_int(q, 0), (int)col_int(q, 1)), col_text(q, 3),
                    missing_only ? "is missing" : "is wrong");
    }
}

/* What cannot be read, here or in the table below it, is what this is about, not a fault. */
static int settle_both(Refold *f) {
    int r = store_settle(f->from);
    if (r == -EUCLEAN) {
        differs(f, "of the items that changed last some cannot be read");
        r = 0;
    }
    return r == 0 ? store_settle(f->to) : r;
}

static int compare(Refold *f) {
    const int r = settle_both(f);
    if (r < 0)
        return r;
    count_items(f);
    find_missing(f);
    compare_timers(f, f->from, f->to, "should not run");
    compare_timers(f, f->to, f->from, "should run");
    compare_tally(f, f->from, f->to, false);
    compare_tally(f, f->to, f->from, true);
    return f->from->fault < 0 ? f->from->fault : f->to->fault;
}

/* --- taking over ---------------------------------------------------------------------------- */

/* What is past is counted nowhere else. */
static int take_over(Refold *f, const char *scratch) {
    Store *s = f->from;
    RUN(s, "ATTACH ?1 AS scratch", TEXT(scratch));
    (void)db_exec(s, "BEGIN IMMEDIATE; DELETE FROM pending;"
                     "DELETE FROM item; INSERT INTO item SELECT * FROM scratch.item;"
                     "DELETE FROM timer; INSERT INTO timer SELECT * FROM scratch.timer;"
                     "DELETE FROM held; INSERT INTO held SELECT * FROM scratch.held;"
                     "UPDATE tally SET n = 0;"
                     "INSERT INTO tally SELECT * FROM scratch.tally WHERE true "
                     "ON CONFLICT(kind, state, cluster, region) DO UPDATE SET n = excluded.n;"
                     "DELETE FROM tally WHERE n = 0 AND past = 0;"
                     "COMMIT; DETACH scratch");
    pending_drop(s);
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
    StoreConfig this = *config, other = *config;
    this.items_doubted = true;
    other.path = scratch;
    other.ballast_bytes = 0;
    int r = store_open(&f->from, &this, NULL, NULL, why);
    if (r == 0)
        r = store_open(&f->to, &other, NULL, NULL, why);
    if (r < 0)
        return r;
    (void)db_exec(f->to, "PRAGMA synchronous = OFF"); /* it is made again when it is lost */
    directory_unref(f->to->directory);
    f->to->directory = directory_ref(f->from->directory);
    return 0;
}

static void say_fault(const Refold *f, int r, char why[256]) {
    if (why[0] == '\0' && f->from)
        snprintf(why, 256, "%.120s",
                 f->from->fault < 0 ? f->from->health.fault
                 : f->to            ? f->to->health.fault
                                    : strerror(-r));
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
    if (r == 0)
        r = compare(f);
    if (r < 0)
        say_fault(f, r, why);
    f->to = store_close(f->to);
    if (r == 0 && write && ret->different > 0 && (r = take_over(f, scratch)) < 0)
        snprintf(why, 256, "%.120s", f->from->health.fault);
    f->from = store_close(f->from);
    remove_scratch(scratch);
    return r;
}
