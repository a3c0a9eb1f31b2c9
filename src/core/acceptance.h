/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a broker signs of a message that it has accepted: that it has it, since when, and whose it
 * is. The same for the first answer and for each repetition of it, so nothing is kept for it.
 */

#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "core/limits.h"

#define SIGN_LABEL_ACCEPTANCES "serasi v1 acceptances"
#define ACCEPTANCE_MAX         (UUID_SIZE + 32U + 8U + 2U * NODE_NAME_SIZE)

typedef struct Acceptance {
    Uuid message_id;
    Bytes envelope; /* as sent: its digest is in the statement */
    int64_t accepted_ms;
    const char *sender, *broker;
} Acceptance;

/* The statement, in buf (PROTOCOL.md, section 7). */
Bytes acceptance_statement(const Acceptance *a, uint8_t buf[static ACCEPTANCE_MAX]);
