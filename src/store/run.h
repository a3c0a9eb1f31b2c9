/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What run.c calls for each kind of operation, within its transaction. Each stands in the file
 * named. */

#include "store/store.h"

/* store-accept.c */
void run_accept(Store *s, StoreOp *op);
/* delivery.c */
void run_delivery(Store *s, StoreOp *op);
/* load.c */
void run_load(Store *s, StoreOp *op);
void run_next(Store *s, StoreOp *op);
void run_bodies(Store *s, StoreOp *op);
/* queue.c, subscription.c, link.c, sweep.c */
void run_queue(Store *s, StoreOp *op);
void run_subscription(Store *s, StoreOp *op);
void run_link(Store *s, StoreOp *op);
void run_sweep(Store *s, StoreOp *op);
/* directory-import.c, directory-follow.c, directory-read.c, directory-sign.c */
void run_import(Store *s, StoreOp *op);
void run_revoke(Store *s, StoreOp *op);
void run_directory_take(Store *s, StoreOp *op);
void run_directory_read(Store *s, StoreOp *op);
void run_directory_sign(Store *s, StoreOp *op);
/* query.c, backup.c, dead.c */
void run_query(Store *s, StoreOp *op);
void run_backup(Store *s, StoreOp *op);
void run_dead(Store *s, StoreOp *op);
