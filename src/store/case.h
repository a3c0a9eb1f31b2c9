/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which deliveries of a queue share an order key ("case"), without an index of deliveries: an
 * index by hashes that grows with what waits costs a page of the log for each message. Instead, a
 * sketch in memory counts what waits for each (queue, order key), never too few; only where it
 * says that something may wait is it looked for, by way of the messages of the case (case-keys.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

typedef struct CaseSketch CaseSketch;

CaseSketch *case_sketch_free(CaseSketch *c);

/* Counts all deliveries that wait; after it nothing is pending. Leaves an error in the store. */
void cases_load(Store *s);
/* A row came into being or into another lane, at once; a row is gone, when the transaction has
 * committed. */
void case_count_up(Store *s, const DeliveryRow *row);
void case_count_down(Store *s, const DeliveryRow *row);
void case_count_lifted(Store *s, const DeliveryRow *row, Lane lane);
/* The transaction committed, or was rolled back: what it took away counts, or is still there. */
void cases_committed(Store *s);
void cases_rolled_back(Store *s);

/* False: nothing of (queue, order key) waits in another lane. */
bool case_may_wait_elsewhere(const Store *s, QueueId queue, int64_t order_key, Lane lane);
/* The oldest row of (queue, order key) behind after_seq (0 = of all). False when there is none. */
bool case_next(Store *s, QueueId queue, int64_t order_key, int64_t after_seq, DeliveryRow *ret);
