/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of a history share: the compact form of an event, and names as numbers. */

#include "history/history.h"

typedef struct Record {
    int64_t at_us;
    int64_t ms; /* expires= or wall= */
    uint64_t sum;
    Uuid id, order_key;
    Uuid other;                                   /* recall= or receipt= */
    uint32_t who, recipient, word, cause, broker; /* names; 0 = none */
    uint32_t first_to;                            /* in History.to */
    uint32_t file, line;                          /* file 0: added in process */
    uint32_t attempt;
    uint8_t phase, op, n_to;
} Record;

typedef struct Name Name;

struct History {
    Record *records;
    size_t n, room;
    uint32_t *to;
    size_t n_to, to_room;
    Name *by_text;
    Name **names; /* by number; [0] is NULL */
    uint32_t n_names, names_room;
};

typedef enum Field {
    FIELD_ID,
    FIELD_CASE,
    FIELD_RECALL,
    FIELD_RECEIPT,
    FIELD_TO,
    FIELD_FOR,
    FIELD_WORD,
    FIELD_CAUSE,
    FIELD_BROKER,
    FIELD_EXPIRES,
    FIELD_WALL,
    FIELD_ATTEMPT,
    FIELD_SUM,
    FIELD_COUNT,
} Field;

const char *history_phase_name(HistoryPhase phase);
const char *history_op_name(HistoryOp op);
/* The name of a field in this event, NULL when it has no such field. */
const char *history_field_name(const HistoryEvent *e, Field f);
/* As history_add(), for line `line` of a file. */
_must_check_ int history_add_line(History *h, const HistoryEvent *e, uint32_t file, uint32_t line);
/* The number of a text, made when it is new. Returns 0, -EINVAL or -ENOMEM. */
_must_check_ int history_intern(History *h, const char *text, uint32_t *ret);
/* "" for 0. */
const char *history_name(const History *h, uint32_t number);
/* "dsk/3203" of "dsk/3203#2". */
uint32_t history_node_of(const History *h, uint32_t who);
