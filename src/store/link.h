/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Links to neighbour brokers: what was counted on them. */

#include "store/store.h"

typedef struct Link Link;
typedef struct Queue Queue;

struct Link {
    Queue *queue;
    bool open, dirty; /* dirty: counters not written yet in this transaction */
    uint64_t sent_count, received_count;
    Uuid sent_digest, received_digest;
    Link *prev, *next;
};

Link *link_get(Store *s, const char *neighbour);
void link_count_sent(Store *s, Queue *q, const Uuid *id);
void link_count_received(Store *s, const char *neighbour, const Uuid *id);
void links_load(Store *s);
void links_drop(Store *s);
void links_flush(Store *s);
/* After an unclean stop: what was out on an open link may have arrived. */
void links_mark_uncertain(Store *s);
