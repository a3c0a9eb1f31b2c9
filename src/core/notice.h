/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A notice (pemberitahuan): what a broker tells a node about an item of the law, usually that
 * something is owed. It informs; it decides nothing. The facts of kind NOTICE.
 */

#include <stdint.h>

#include "base/uuid.h"
#include "core/limits.h"
#include "core/message.h"

typedef struct Notice {
    Uuid id; /* message_id: the same notice is the same message */
    char to[NODE_NAME_SIZE];
    const char *code; /* rule, timer or word of the reason table: "R-072", "answer" */
    int item_kind;    /* ItemKind of receipt.proto */
    Uuid item_id;
    uint32_t level; /* 0 = who owes it, 1 = the supervisor too, 2 = higher */
    char owed_by[NODE_NAME_SIZE];
    int64_t due_ms;
    const char *text_en, *text_id, *pasal; /* NULL = nothing */
    char region[REGION_SIZE];
    int cluster, status, urgency; /* of the item */
    Uuid case_id, correlation_id; /* nil = none */
    Uuid causation_id;            /* the message it answers; nil: a date speaks */
    int64_t now_ms;
} Notice;

/* Derived from what it is about and whose turn it is, what it answers, how often it was told, to
 * whom it goes and who says it. */
Uuid notice_message_id(const Notice *n, const char *self);
/* Is m a notice under the id that is its own, by the broker that says it? */
bool notice_has_own_id(const Message *m);
