/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After copying: every recipient of a message waits for it or has its end, as "check" demands, and
 * every delivery has its message. What is missing is made again, what cannot be is named.
 */

#include "store/ledger.h"
#include "store/message.h"
#include "store/queue.h"
#include "store/receipts.h"
#include "store/salvage-internal.h"

/* The next number behind seq; 0 at the end. */
static int64_t next_of(Store *to, sqlite3_stmt *q) {
    return db_number(to, q, 0);
}

/* body: NULL of a damaged message: that its id was used is all that can be said. */
static void restore_dedup(Salvage *v, const StoredMessage *m, const Body *body) {
    DedupClaim c = { .id = m->id, .seq = m->seq, .accepted_ms = m->accepted_ms };
    if (body)
        hash_message(body_envelope(body), body_facts(body), body_sealed(body), c.digest);
    dedup_restore(v->to, &c);
}

static bool was_handed(Store *to, const StoredMessage *m, const Queue *queue) {
    return db_number(to,
                     QUERY(to,
                           "SELECT 1 FROM trail WHERE seq = ?1 AND step = 'handed' AND who = ?2",
                           INT(m->seq), TEXT(queue_name(queue))),
                     0) != 0;
}

static bool has_end(Store *to, const StoredMessage *m, const RouteEntry *e, const Queue *queue) {
    DeliveryRow row;
    return (e->flags & ROUTE_CLOSED) || queue_find_row(to, e->queue, m->seq, &row) ||
           outcome_level(to, m->seq, e->node) != LEVEL_NONE ||
           (queue->kind == QUEUE_LINK && was_handed(to, m, queue)) ||
           db_number(to,
                     QUERY(to, "SELECT 1 FROM dead_letter WHERE seq = ?1 AND queue = ?2",
                           INT(m->seq), INT(queue->id)),
                     0) != 0;
}

static void restore_deliveries(Salvage *v, const StoredMessage *m, const Body *body) {
    _cleanup_(store_op_freep) StoreOp *op = store_op_new(OP_DELIVERY); /* collects deposits */
    for (uint32_t i = 0; op && i < m->route.n; i++) {
        const RouteEntry *e = &m->route.list[i];
        Queue *queue = queue_by_id(v->to, e->queue);
        const bool facts_only = e->role == ROLE_SUPERVISOR;
        char id[UUID_TEXT_SIZE];
        if (!queue || has_end(v->to, m, e, queue)) {
            if (!queue && e->queue > 0) {
                uuid_format(&m->id, id);
                salvage_tell(v, "message %s: the queue of %s is lost; redirect it there", id,
                             e->node);
            }
            continue;
        }
        queue_deliver(v->to, op,
                      &(NewDelivery) {
                          .queue = queue,
                          .seq = m->seq,
                          .order_key = m->order_key,
                          .since_ms = m->accepted_ms,
                          .expires_ms = m->expires_ms,
                          .lane = m->lane,
                          .flags = facts_only ? DELIVERY_FACTS_ONLY : 0,
                          .size = (uint32_t)(body->n_envelope + body->n_facts +
                                             (facts_only ? 0 : body->n_sealed)),
                      });
        v->report->restored++;
    }
}

static void reconcile_messages(Salvage *v) {
    int64_t seq = 0;
    while (v->to->fault == 0 &&
           (seq = next_of(
                v->to, QUERY(v->to, "SELECT seq FROM message WHERE seq > ?1 ORDER BY seq LIMIT 1",
                             INT(seq)))) > 0) {
        _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
        _cleanup_(body_unrefp) Body *body = NULL;
        bool damaged = false;
        if (!message_load_body(v->to, seq, &m, &body, &damaged))
            continue;
        if (m.claimed)
            restore_dedup(v, &m, body);
        if (!damaged && receipt_applies(m.kind))
            restore_deliveries(v, &m, body);
    }
}

static void tell_lost(Salvage *v, const Uuid *id) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    salvage_tell(v, "message %s is lost: its sender has to send it again", text);
    v->report->lost++;
}

/* Accepted, and of no message that is there or was purged. */
static void name_lost(void *data, const LedgerEntry *e) {
    Salvage *v = data;
    if (dedup_find(v->to, &e->message_id, NULL) != 0)
        return;
    tell_lost(v, &e->message_id);
    v->n_unnamed -= v->n_unnamed > 0;
}

/* The newest, whose ids were in memory only, are named by the ledger. */
static void name_all_lost(Salvage *v) {
    ledger_accepted_since(v->to, v->swept, name_lost, v);
    pages_forget(v->to->pages);
    if (v->n_unnamed > 0)
        salvage_tell(v, "%u more messages are lost and cannot be named", (unsigned)v->n_unnamed);
    v->report->lost += v->n_unnamed;
}

/* Nobody can be given them; when their senders send them again, that must not be a duplicate. */
static void drop_orphans(Salvage *v) {
    static const char missing[] = "SELECT d.seq FROM delivery d WHERE NOT EXISTS("
                                  "SELECT 1 FROM message m WHERE m.seq = d.seq) LIMIT 1";
    int64_t seq;
    while (v->to->fault == 0 && (seq = next_of(v->to, QUERY(v->to, missing))) > 0) {
        Uuid id;
        if (dedup_find_id(v->to, seq, &id))
            tell_lost(v, &id);
        else
            v->n_unnamed++;
        RUN(v->to, "DELETE FROM delivery WHERE seq = ?1", INT(seq));
        dedup_forget(v->to, seq);
    }
}

void salvage_reconcile(Salvage *v) {
    drop_orphans(v);
    store_cache_load(v->to); /* the counts of what waits */
    reconcile_messages(v);
    name_all_lost(v);
    if (!v->report->complete)
        salvage_tell(v, "copies for subscriptions and receipts may be missing: `outcome` knows");
}
