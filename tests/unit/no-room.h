/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store-fixture.h"
#include "store/internal.h"

/* More than fits where there is no room. */
static inline void make_big(StoreOp *op) {
    static char facts[60000];
    memset(facts, 'f', sizeof(facts) - 1);
    give_body(op->accept.message, "envelope", facts, "sealed");
}

/* The batch is rolled back, and so are the numbers that its messages had; what needs no room is
 * done all the same. */
static inline void run_without_room(Fixture *f, StoreOp *list) {
    ASSERT_EQ(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL), SQLITE_OK);
    run(f, list); /* the limit is what the file has at least */
    ASSERT_EQ(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
}

static inline void fail_together(Fixture *f, StoreOp *small, StoreOp *big) {
    make_big(big);
    small->next = big;
    run_without_room(f, small);
    ASSERT_EQ(big->accept.result.verdict, VERDICT_LATER);
}

static inline void fail_for_want_of_room(Fixture *f) {
    StoreOp *small = accept_op(message_to(f, REMOTE, 2)), *big = accept_op(message_to(f, HOME, 3));
    fail_together(f, small, big);
    ASSERT_EQ(small->accept.result.verdict, VERDICT_LATER);
    store_op_free(big);
    store_op_free(small);
}
