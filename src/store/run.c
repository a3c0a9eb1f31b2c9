/* SPDX-License-Identifier: Apache-2.0 */
/* One batch of operations as one transaction, and the housekeeping between batches. */
#include <errno.h>
#include <stdio.h>

#include "store/acceptance.h"
#include "store/directory-layer.h"
#include "store/enrol.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/link.h"
#include "store/logfile.h"
#include "store/op.h"
#include "store/pace.h"
#include "store/pending.h"
#include "store/quota.h"
#include "store/run.h"
#include "store/seal.h"
#include "store/signed.h"
#include "store/space.h"
#include "store/upkeep.h"

static void run_op(Store *s, StoreOp *op) {
    if (op->entry)
        ledger_note(s, op->entry);
    switch (op->kind) {
    case OP_ACCEPT:
        run_accept(s, op);
        acceptance_add(s, op);
        break;
    case OP_DELIVERY:
        run_delivery(s, op);
        break;
    case OP_LOAD:
        run_load(s, op);
        break;
    case OP_NEXT:
        run_next(s, op);
        break;
    case OP_BODIES:
        run_bodies(s, op);
        break;
    case OP_QUEUE:
        run_queue(s, op);
        break;
    case OP_SUBSCRIPTION:
        run_subscription(s, op);
        break;
    case OP_SWEEP:
        run_sweep(s, op);
        break;
    case OP_LINK:
        run_link(s, op);
        break;
    case OP_IMPORT:
        run_import(s, op);
        break;
    case OP_REVOKE:
        run_revoke(s, op);
        break;
    case OP_DIRECTORY_TAKE:
        run_directory_take(s, op);
        break;
    case OP_DIRECTORY_READ:
        run_directory_read(s, op);
        break;
    case OP_DIRECTORY_SIGN:
        run_directory_sign(s, op);
        break;
    case OP_QUERY:
        run_query(s, op);
        break;
    case OP_BACKUP:
        run_backup(s, op);
        break;
    case OP_DEAD:
        run_dead(s, op);
        break;
    case OP_DUE:
        run_due(s, op);
        break;
    case OP_NOTE:
        run_note(s, op);
        break;
    case OP_KEY:
        run_key(s, op);
        break;
    }
}

static void rollback(Store *s) {
    if (!sqlite3_get_autocommit(s->db)) /* SQLite may have done it itself */
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    cases_rolled_back(s);
    quota_rolled_back(s);
    paces_rolled_back(s);
    recent_drop(s);
    tally_drop(s);
    signed_drop(s);
    acceptances_drop(s);
    pending_drop(s);
    ledger_rolled_back(s);
    layer_copy_drop(s);
    s->watched_version = 0; /* whom it made items of, they are gone */
}

static int attempt(Store *s, StoreOp *list, bool owe) {
    RUN(s, "BEGIN IMMEDIATE"); /* errors stick and end the loop */
    for (StoreOp *op = list; op && s->fault == 0; op = op->next)
        run_op(s, op);
    links_flush(s);
    quota_flush(s);
    pending_write(s);
    tally_flush(s);
    dedup_write(s);
    signed_flush(s);
    acceptances_flush(s);
    ledger_flush(s); /* the last: others note while they write */
    logfile_defer(s->log, owe);
    RUN(s, "COMMIT");
    logfile_defer(s->log, false);
    return s->fault;
}

/* The clock may be set back by a day: what was due in a second then still is, or intake would stay
 * closed for that day. */
static void set_now(Store *s, int64_t now_ms) {
    const int64_t back = s->now_ms - now_ms;
    if (back > 0) {
        s->full_until_ms -= back;
        s->space_due_ms -= back;
        s->purge_due_ms -= back;
        s->dedup_due_ms -= back;
        s->items_due_ms -= back;
        s->ledger_due_ms -= back;
    }
    s->now_ms = now_ms;
}

static int write_batch(Store *s, StoreOp *list, int64_t now_ms, bool owe) {
    if (s->stopped < 0)
        return s->stopped;
    set_now(s, now_ms);
    if (space_is_due(s))
        space_check(s);

    /* "Disk full" is met with less and less intake; the rest has the ballast's room. */
    for (s->intake = INTAKE_NORMAL; attempt(s, list, owe) < 0; s->intake++) {
        const int r = s->fault;
        rollback(s);
        if (r != -ENOSPC)
            return s->stopped = r;
        for (StoreOp *op = list; op; op = op->next)
            op_results_reset(op);
        s->fault = 0;
        space_ran_out(s);
        space_release_ballast(s);
        store_cache_load(s);
        if (s->fault < 0)
            return s->stopped = s->fault;
        if (s->intake == INTAKE_NONE)
            return -ENOSPC; /* nothing was done: the caller may try the same list again */
    }
    s->health.commits++;
    ledger_committed(s);
    cases_committed(s);
    quota_committed(s);
    if (space_is_due(s))
        space_check(s);
    return 0;
}

int store_run(Store *s, StoreOp *list, int64_t now_ms) {
    const int r = write_batch(s, list, now_ms, false);
    return r < 0 ? r : store_trim(s);
}

int store_write(Store *s, StoreOp *list, int64_t now_ms) {
    return write_batch(s, list, now_ms, true);
}

int store_sync(Store *s) {
    return logfile_settle(s->log) == SQLITE_OK ? 0 : -EIO;
}

int store_idle(Store *s, int64_t now_ms, bool *ret_more) {
    if (s->stopped < 0)
        return s->stopped;
    set_now(s, now_ms);
    bool more = false;
    if (store_sync(s) < 0)
        return s->stopped = db_fault(s, -EIO, "the log cannot be synced");
    if (space_is_due(s))
        space_check(s);
    space_make_ballast(s);
    int r = store_checkpoint(s);
    if (r == 0)
        r = backup_step(s, &more);
    if (r == 0)
        r = purge_step(s, &more);
    if (r == 0)
        r = scrub_step(s, &more);
    if (r == 0)
        r = seal_when_quiet(s);
    if (r < 0) {
        if (s->health.fault[0] == '\0')
            snprintf(s->health.fault, sizeof(s->health.fault),
                     "%.120s or what is beside it is not as it was", s->path);
        return s->stopped = r;
    }
    *ret_more = more;
    return 0;
}
