/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store-fixture.h"
#include "store/private.h"

/* No room: the batch is rolled back, and so are the numbers that its messages had. */
static inline void fail_together(Fixture *f, StoreOp *small, StoreOp *big) {
    static char facts[60000];
    memset(facts, 'f', sizeof(facts) - 1);
    give_body(big->accept.message, "envelope", facts, "sealed");
    small->next = big;
    ASSERT_EQ(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL), SQLITE_OK);
    run(f, small); /* the limit is what the file has at least */
    ASSERT_EQ(big->accept.result.verdict, VERDICT_LATER);
    ASSERT_EQ(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
}

static inline void fail_for_want_of_room(Fixture *f) {
    StoreOp *small = accept_op(message_to(f, REMOTE, 2)), *big = accept_op(message_to(f, HOME, 3));
    fail_together(f, small, big);
    ASSERT_EQ(small->accept.result.verdict, VERDICT_LATER);
    store_op_free(big);
    store_op_free(small);
}
