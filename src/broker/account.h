/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Accounts: what one node makes the broker hold, whatever the number of its programs. */

#include "base/hash-table.h"
#include "broker/batch.h"
#include "broker/broker.h"
#include "core/bucket.h"

typedef struct Account Account;
typedef struct Session Session;

/* What sessions of one node asked for, waiting for a turn; emergencies apart from the rest. */
typedef struct Held {
    Account *account;
    OpList ops;
    int64_t credit; /* of the turn, in bytes; a debt when negative */
    struct Held *prev, *next;
} Held;

/* What one node makes the broker hold. */
struct Account {
    char node[NODE_NAME_SIZE];
    Session *sessions;
    uint32_t n_sessions;
    Held held[2]; /* 1: emergencies */
    uint32_t n_queries;
    uint32_t n_unanswered; /* messages, and their bytes */
    size_t unanswered_bytes;
    size_t out_bytes;                     /* of deliveries that are not settled */
    int64_t way_cost;                     /* of what turns_pump() let go on and is not done */
    Bucket usual;                         /* what it asks of the store */
    int64_t heavy_until_ms;               /* monotonic: it asks for more than that */
    int64_t calm_since_ms, came_ms;       /* monotonic: not put off since; it came last */
    Bucket hello, impatience, refused[2]; /* refused: emergencies on their own */
    int64_t told_mono_ms;
    UT_hash_handle hh;
};

Account *account_get(Broker *b, const char *node); /* makes it; NULL: no memory */
void accounts_second(Broker *b, Now now);          /* forgets those that hold nothing */
void accounts_deinit(Broker *b);
uint32_t account_sessions_max(const Broker *b); /* of one node */
bool account_may_greet(const Broker *b, Now now, Account *a);
void account_add_session(Account *a, Session *s);
void account_remove_session(Session *s);
size_t peer_body_size(const PeerMessage *m);
/* Before a message is read as a whole: is there room for so many bytes? Returns 1 when it was
 * answered LATER, 0, or -ENOMEM. */
_must_check_ int account_take_bytes(Broker *b, Now now, Session *s, const Uuid *id,
                                    const PeerMessage *m);
/* Charges a message that is about to be handed to the store. Returns 1 when it was answered LATER
 * instead, 0, or -ENOMEM. */
_must_check_ int account_take_message(Broker *b, Now now, Session *s, const Message *m);
/* The same of one that could not be read, and is about to be refused. */
_must_check_ int account_take_unreadable(Broker *b, Now now, Session *s, const Uuid *id);
/* If a quota of the store put the message off the operator is told. */
void account_tell_quota(Broker *b, const StoreOp *op);
/* OP_ACCEPT of a session has its answer. */
void account_answered(Broker *b, Now now, const StoreOp *op);
bool account_may_query(const Broker *b, const Account *a);
/* As it, and a request for a key that is refused is written down, as a refused message is. */
bool account_may_ask_for_key(Broker *b, Now now, Account *a);
bool account_may_subscribe(const Broker *b, const Account *a);
bool account_may_deliver(const Broker *b, const Account *a, size_t size);
/* A message that is not waited for any more; a may be NULL: its node is forgotten. */
void account_release(Broker *b, Account *a, const Message *m);
