/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages as they are stored, and what is known of them besides their parts. */

#include "store/row.h"
#include "store/store.h"

typedef struct StoredMessage StoredMessage;

/* In column flags, beside the receipt policy. */
#define MESSAGE_CASED   INT64_C(16) /* the thread is a case */
#define MESSAGE_CLAIMED INT64_C(32) /* its id is remembered: see dedup.h */
/* What is stored of a message besides its parts. */
struct StoredMessage {
    int64_t seq, order_key, accepted_ms, expires_ms;
    int64_t block;   /* of the ledger, which was being filled */
    Uuid id, thread; /* thread: case, else correlation, else the message itself */
    int kind;
    Lane lane;
    uint32_t size; /* of its parts, as they are in the table */
    bool cased, claimed;
    ReceiptPolicy receipts;
    char sender[NODE_NAME_SIZE], region[REGION_SIZE];
    char origin[NODE_NAME_SIZE]; /* neighbour it came from; "" = published here */
    /* Under which rule set it was accepted here, and the rules it was warned of; "" = elsewhere. */
    char decision[128];
    uint32_t n_stamps;
    HopStamp stamps[STAMPS_MAX];
    Route route;
};

void stored_message_deinit(StoredMessage *m);
/* Without the parts. Returns false when there is no such message (or a fault), or when what is
 * there cannot be believed. Call stored_message_deinit() in any case. */
bool message_load(Store *s, int64_t seq, StoredMessage *ret);
/* The same of a row that is known to be damaged, or may be: false unless its checksums say that
 * what comes back is as it was written. */
bool message_load_doubted(Store *s, int64_t seq, StoredMessage *ret);
/* The same with the parts. *ret_damaged: the checksum does not match, *ret is NULL then. */
bool message_load_body(Store *s, int64_t seq, StoredMessage *ret, Body **ret_body,
                       bool *ret_damaged);
/* Gives it the next sequence number (m->seq) and writes it. */
void message_insert(Store *s, StoredMessage *m, Body *body);
/* Writes the route again, and the sealed part if a body is given. */
void message_update(Store *s, const StoredMessage *m, const Body *body);
bool message_has_row(Store *s, const StoredMessage *m, DeliveryRow *ret_any);
