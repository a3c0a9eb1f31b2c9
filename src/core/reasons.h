/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reasons: why a message is refused or warned about, as a publisher is told. Technical ones have
 * their texts here; those of the law come from law/rules.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

typedef struct Reason {
    char code[24];
    char text_en[REASON_TEXT_MAX + 1];
    char text_id[REASON_TEXT_MAX + 1];
    char legal_basis[128];
    char field[64];
    bool warning;
} Reason;

typedef struct Reasons {
    uint32_t n, n_refusals;
    Reason list[REASONS_MAX];
} Reasons;

/* Adds one reason from the technical vocabulary below; with text_en NULL, both texts are the
 * table's. A reason that no longer fits the list still counts as a refusal. */
void reasons_add(Reasons *r, const char *code, const char *field, const char *text_en,
                 const char *text_id);
/* The same as a warning: stored all the same. Texts are the table's. */
void reasons_warn(Reasons *r, const char *code, const char *field);
/* An empty slot, counted as warning or refusal; NULL when the list is full. */
Reason *reasons_new(Reasons *r, bool warning);
/* Is a reason of that code in the list? */
bool reasons_have(const Reasons *r, const char *code);
/* Their codes with spaces between, as many as fit. */
void reasons_codes(const Reasons *r, char *ret, size_t size);

/* Print-out for PROTOCOL.md; every technical code with its text. */
typedef struct ReasonCode {
    const char *code, *text_en, *text_id;
} ReasonCode;
extern const ReasonCode reason_codes[];
extern const size_t reason_codes_count;
