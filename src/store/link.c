/* SPDX-License-Identifier: Apache-2.0 */
/* Links: what was handed over and taken in since they exist, so that both ends can compare. */
#include <errno.h>

#include "store/internal.h"
#include "store/link.h"
#include "store/queue.h"
#include "store/run.h"

static Link *link_new(Store *s, Queue *queue) {
    Link *l = calloc(1, sizeof(*l));
    if (!l) {
        db_fault(s, -ENOMEM, "out of memory");
        return NULL;
    }
    l->queue = queue;
    queue->link = l;
    DL_APPEND(s->links, l);
    return l;
}

void links_load(Store *s) {
    _query_ q = QUERY(s, "SELECT queue, open, sent_count, sent_digest, received_count, "
                         "received_digest FROM link");
    while (db_row(s, q)) {
        Queue *queue = queue_by_id(s, col_int(q, 0));
        Link *l = queue ? link_new(s, queue) : NULL;
        if (!l)
            continue;
        l->open = col_int(q, 1) != 0;
        l->sent_count = (uint64_t)col_int(q, 2);
        l->sent_digest = col_uuid(q, 3);
        l->received_count = (uint64_t)col_int(q, 4);
        l->received_digest = col_uuid(q, 5);
    }
}

void links_drop(Store *s) {
    Link *l, *next;
    DL_FOREACH_SAFE(s->links, l, next) {
        l->queue->link = NULL;
        free(l);
    }
    s->links = NULL;
}

Link *link_get(Store *s, const char *neighbour) {
    Queue *queue = queue_get(s, QUEUE_LINK, neighbour);
    if (!queue || queue->link)
        return queue ? queue->link : NULL;
    Link *l = link_new(s, queue);
    if (l)
        l->dirty = true;
    return l;
}

static void digest_add(Uuid *digest, const Uuid *id) {
    for (size_t i = 0; i < UUID_SIZE; i++)
        digest->b[i] ^= id->b[i];
}

void link_count_sent(Store *s, Queue *q, const Uuid *id) {
    Link *l = link_get(s, queue_name(q));
    if (!l)
        return;
    l->sent_count++;
    digest_add(&l->sent_digest, id);
    l->dirty = true;
}

void link_count_received(Store *s, const char *neighbour, const Uuid *id) {
    Link *l = link_get(s, neighbour);
    if (!l)
        return;
    l->received_count++;
    digest_add(&l->received_digest, id);
    l->dirty = true;
}

/* Counters are written once per transaction, however many messages it had. */
void links_flush(Store *s) {
    Link *l;
    DL_FOREACH (s->links, l) {
        if (!l->dirty)
            continue;
        RUN(s,
            "INSERT OR REPLACE INTO link(queue, open, sent_count, sent_digest, received_count,"
            " received_digest) VALUES(?1,?2,?3,?4,?5,?6)",
            INT(l->queue->id), INT(l->open), INT(l->sent_count), UUID(&l->sent_digest),
            INT(l->received_count), UUID(&l->received_digest));
        l->dirty = false;
    }
}

void links_mark_uncertain(Store *s) {
    Link *l;
    DL_FOREACH (s->links, l) {
        if (!l->open)
            continue;
        RUN(s, "UPDATE delivery SET flags = flags | ?2 WHERE queue = ?1", INT(l->queue->id),
            INT(DELIVERY_UNCERTAIN));
        l->open = false;
        l->dirty = true;
    }
    links_flush(s);
}

void run_link(Store *s, StoreOp *op) {
    Link *l = link_get(s, op->link.neighbour);
    if (!l)
        return;
    l->dirty = l->dirty || l->open != op->link.up;
    l->open = op->link.up;
    op->link.queue = l->queue->id;
    op->link.progress = (LinkProgress) {
        .present = true,
        .sent_count = l->sent_count,
        .received_count = l->received_count,
        .sent_digest = l->sent_digest,
        .received_digest = l->received_digest,
        .backlog = l->queue->waiting,
    };
}
