/* SPDX-License-Identifier: Apache-2.0 */
/* Who was told of an extraordinary event, and who has said that a person read it. */
#include <errno.h>

#include "store/item.h"
#include "store/message.h"

/* The envelope of the event's first message, and its route: who was told. */
typedef struct Told {
    Envelope env;
    StoredMessage message;
} Told;

static void told_deinit(Told *t) {
    stored_message_deinit(&t->message);
}

/* False when the message is not kept any more. */
static bool told_load(Store *s, const Uuid *event, Told *ret) {
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    const int64_t seq = dedup_find(s, event, NULL);
    return seq > 0 && message_load_body(s, seq, &ret->message, &body, &damaged) && !damaged &&
           s->config.codec->decode_envelope(body_envelope(body), &ret->env) == 0;
}

static bool was_told(const Told *t, const DirNode *n) {
    if (t->env.audience.form == AUDIENCE_SCOPE)
        return accept_scope_covers(&t->env, n);
    const RouteEntry *e = route_find(&t->message.route, n->id);
    return e && e->role == ROLE_ADDRESSEE; /* of a supervisor nobody asks it */
}

/* Wall ms; 0 = not yet. */
static int64_t acknowledged_at(Store *s, const Uuid *event, const char *node) {
    return db_number(s,
                     QUERY(s, "SELECT at FROM acknowledgement WHERE event = ?1 AND node = ?2",
                           UUID(event), TEXT(node)),
                     0);
}

bool acknowledged_by_all(Store *s, const Item *event) {
    _cleanup_(freep) Told *t = calloc(1, sizeof(*t));
    bool all = t && told_load(s, &event->id, t);
    for (size_t k = 0; all && k < directory_node_count(s->directory); k++) {
        const DirNode *n = directory_node_at(s->directory, k);
        all = !was_told(t, n) || acknowledged_at(s, &event->id, n->id) > 0;
    }
    if (t)
        told_deinit(t);
    return all && s->fault == 0;
}

bool acknowledge(Store *s, const Uuid *event, const char *node, int64_t at_ms) {
    return RUN(s,
               "INSERT INTO acknowledgement(event, node, at) VALUES(?1,?2,?3) "
               "ON CONFLICT DO NOTHING",
               UUID(event), TEXT(node), INT(at_ms)) > 0;
}

void query_unacknowledged(Store *s, StoreOp *op, Table *t) {
    StoredItem *i = &s->law->parent;
    _cleanup_(freep) Told *told = calloc(1, sizeof(*told));
    if (!told) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    if (!item_find(s, op, i, t))
        return;
    if (i->item.kind != ITEM_EVENT) {
        table_say(t, 2, "only events are acknowledged");
    } else if (!told_load(s, &i->item.id, told)) {
        table_say(t, 1, "the message of this event is not kept any more");
    } else {
        table_column(t, "node", COLUMN_TEXT);
        table_column(t, "acknowledged_at", COLUMN_TIME);
        for (size_t k = 0; k < directory_node_count(s->directory) && s->fault == 0; k++) {
            const DirNode *n = directory_node_at(s->directory, k);
            if (!was_told(told, n))
                continue;
            table_text(t, n->id);
            table_number(t, acknowledged_at(s, &i->item.id, n->id));
        }
    }
    told_deinit(told);
}
