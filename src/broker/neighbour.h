/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Neighbour brokers, and what was handed over and taken over since the link exists. */

#include "base/hash-table.h"
#include "broker/broker.h"

typedef struct Neighbour Neighbour;

/* A link to a neighbour broker, either direction of dialling. */
struct Neighbour {
    char neighbour[NODE_NAME_SIZE];
    LinkProgress mine;
    bool up;
    unsigned mismatches; /* comparisons in a row that failed by the same messages */
    uint64_t missing;
    Uuid missing_digest;
    UT_hash_handle hh;
};

Neighbour *neighbour_get(Broker *b, const char *neighbour); /* makes it; NULL: no memory */
_must_check_ int neighbour_session(Broker *b, const char *neighbour, bool up);
_must_check_ int neighbour_counted(Broker *b, StoreOp *op); /* OP_LINK */
LinkProgress neighbour_progress(Broker *b, const char *neighbour);
void neighbour_compare(Broker *b, const char *neighbour, const LinkProgress *theirs);
void neighbour_sent(Broker *b, const char *neighbour, const Uuid *id);
void neighbour_took(Broker *b, const char *neighbour, const Uuid *id);
