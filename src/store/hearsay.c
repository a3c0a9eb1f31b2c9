/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Whom a neighbour may speak about: those it was given the message for. Of others only when they
 * live behind it and could not be known here when the message went there: in an event scope, whom
 * the brokers beyond it served by their directories, or, where it did not get there, the broker on
 * whose way they are; and of a dead letter, whom it was redirected to, one for each that was told
 * to be undeliverable.
 */

#include <errno.h>

#include "base/text.h"
#include "store/hearsay.h"
#include "store/internal.h"
#include "store/message.h"
#include "store/queue.h"
#include "store/receipts.h"

static bool is_behind(const Store *s, const char *node, const char *neighbour) {
    const char *hop = directory_next_hop(s->directory, s->self, node);
    return hop && strcmp(hop, neighbour) == 0;
}

/* Was the message sent that way for everyone in its scope there? */
static bool has_scope_hop(const StoredMessage *m, QueueId link) {
    for (uint32_t i = 0; i < m->route.n; i++)
        if (m->route.list[i].queue == link && (m->route.list[i].flags & ROUTE_SCOPE_HOP))
            return true;
    return false;
}

/* Whether they are active now does not matter: they were told when they were. */
static bool is_in_scope(const Store *s, const Envelope *e, const char *node) {
    const DirNode *known = directory_node(s->directory, node);
    DirNode n;
    if (!known)
        return false;
    n = *known;
    n.inactive = false;
    return accept_scope_covers(e, &n);
}

static bool leads_over(const Store *s, const char *node, const char *broker) {
    const char *at = s->self;
    for (unsigned i = 0; at && i < STAMPS_MAX; i++) {
        if (strcmp(at, broker) == 0)
            return true;
        const char *next = directory_next_hop(s->directory, at, node);
        at = next && strcmp(next, at) != 0 ? next : NULL;
    }
    return false;
}

/* It speaks for everybody in the scope beyond it: the message was to go on to it for them. */
static bool is_way_into_scope(const Store *s, const Envelope *e, const char *node) {
    const DirNode *broker = directory_node(s->directory, node);
    const char *home = NULL;
    if (!broker || !broker->broker)
        return false;
    for (size_t i = 0; i < directory_node_count(s->directory); i++) {
        const DirNode *n = directory_node_at(s->directory, i);
        if ((home && strcmp(n->home, home) == 0) || !is_in_scope(s, e, n->id))
            continue;
        home = n->home; /* who shares it shares the way */
        if (leads_over(s, n->id, node))
            return true;
    }
    return false;
}

typedef struct Audit {
    const StoredMessage *m;
    const Envelope *env; /* of a message with a scope that went that way */
    QueueId link;
    const char *neighbour;
} Audit;

static bool was_sent(const Store *s, const Audit *a, const char *node) {
    const RouteEntry *e = route_find(&a->m->route, node);
    return e ? e->queue == a->link : a->env && is_in_scope(s, a->env, node);
}

/* Is there a dead letter behind the neighbour that nobody was served instead of? */
static bool has_dead_letter(Store *s, int64_t seq, const Audit *a) {
    int64_t n_dead = 0, n_others = 0;
    _query_ q =
        QUERY(s, "SELECT recipient, level FROM outcome WHERE seq = ?1 AND level > 0", INT(seq));
    while (db_row(s, q)) {
        char node[NODE_NAME_SIZE];
        text_copy(node, sizeof(node), col_text(q, 0));
        const bool sent = was_sent(s, a, node);
        if (!is_behind(s, node, a->neighbour) && !sent)
            continue;
        n_dead += col_int(q, 1) == LEVEL_UNDELIVERABLE;
        n_others += !sent;
    }
    return n_others < n_dead;
}

static bool load_envelope(Store *s, int64_t seq, Envelope *ret) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    return message_load_body(s, seq, &m, &body, &damaged) && !damaged &&
           s->config.codec->decode_envelope(body_envelope(body), ret) == 0;
}

/* An event that was purged here and is stored once more for others only: whichever way it went for
 * everybody in its scope is forgotten. */
static bool may_have_scope_hop(const Audit *a) {
    return !a->m->route.scope || has_scope_hop(a->m, a->link);
}

static bool is_behind_scope(Store *s, int64_t seq, Audit *a, const char *node) {
    _cleanup_(freep) Envelope *env = calloc(1, sizeof(*env));
    if (!env) {
        db_fault(s, -ENOMEM, "out of memory");
        return false;
    }
    if (may_have_scope_hop(a) && load_envelope(s, seq, env) && env->audience.form == AUDIENCE_SCOPE)
        a->env = env;
    const bool known =
        (a->env && (is_in_scope(s, a->env, node) || is_way_into_scope(s, a->env, node))) ||
        has_dead_letter(s, seq, a);
    a->env = NULL;
    return known;
}

typedef enum Noted { NOTED_NOTHING, NOTED_THAT_WAY, NOTED_ANOTHER } Noted;

/* To whom it went for that one, as it was noted when the message was purged here (purge.c). */
static Noted noted_way(Store *s, int64_t seq, const char *node, const char *neighbour) {
    _query_ q = QUERY(s, "SELECT leg FROM outcome WHERE seq = ?1 AND recipient = ?2 AND level = 0",
                      INT(seq), TEXT(node));
    if (!db_row(s, q))
        return NOTED_NOTHING;
    return strcmp(col_text(q, 0), neighbour) == 0 ? NOTED_THAT_WAY : NOTED_ANOTHER;
}

bool hearsay_is_believed(Store *s, const StoredMessage *m, const char *node,
                         const char *neighbour) {
    const RouteEntry *e = route_find(&m->route, node);
    const Queue *link = queue_find(s, QUEUE_LINK, neighbour);
    if (!link || e)
        return link && e->queue == link->id;
    const Noted noted = noted_way(s, m->seq, node, neighbour); /* it is stored once more */
    if (noted != NOTED_NOTHING || !is_behind(s, node, neighbour))
        return noted == NOTED_THAT_WAY;
    if (outcome_level(s, m->seq, node) != LEVEL_NONE) /* believed before; the first one stands */
        return true;
    Audit a = { .m = m, .link = link->id, .neighbour = neighbour };
    return is_behind_scope(s, m->seq, &a, node);
}

/* Who was named when it went on was noted; who was not, as in a scope, is told by the directory
 * alone. */
bool hearsay_of_purged_is_believed(Store *s, int64_t seq, const char *node, const char *neighbour) {
    const Noted noted = noted_way(s, seq, node, neighbour);
    return noted == NOTED_NOTHING ? is_behind(s, node, neighbour) : noted == NOTED_THAT_WAY;
}
