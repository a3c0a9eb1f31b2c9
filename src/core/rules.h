/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The rules of the law, checked when a message is published: one table, each row a pure function
 * and the Pasal it comes from. Rules see the envelope, the facts, the directory and the time.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/directory.h"
#include "core/message.h"

typedef enum Severity {
    SEVERITY_WARN = 1, /* stored and delivered, the sender is warned */
    SEVERITY_REFUSE,   /* not stored */
} Severity;

typedef struct RuleInput {
    const Message *message;
    const Directory *directory;
    const DirNode *sender; /* NULL when the sender is not in the directory */
    int64_t now_ms;
} RuleInput;

typedef struct Rule {
    const char *id; /* "R-001" */
    Severity severity;
    const char *pasal;   /* "P7 Pasal 3" */
    const char *text_en; /* may hold {r} region, {n} sender, {kind} */
    const char *text_id;
    const char *field; /* may hold {f}: the field R-004 found */
    bool (*violated)(const RuleInput *in);
} Rule;

extern const Rule rules_table[];
extern const size_t rules_count;

typedef struct Reason {
    char code[24];
    char text_en[REASON_TEXT_MAX + 1];
    char text_id[REASON_TEXT_MAX + 1];
    char legal_basis[64];
    char field[64];
    bool warning;
} Reason;

typedef struct Reasons {
    uint32_t n, n_refusals;
    Reason list[REASONS_MAX];
} Reasons;

/* Runs the whole table and adds every violation. */
void rules_check(const RuleInput *in, Reasons *reasons);
/* Adds one reason from the technical vocabulary below; with text_en NULL, both texts are the
 * table's. A reason that no longer fits the list still counts as a refusal. */
void reasons_add(Reasons *r, const char *code, const char *field, const char *text_en,
                 const char *text_id);
/* The same as a warning: stored all the same. Texts are the table's. */
void reasons_warn(Reasons *r, const char *code, const char *field);
/* Print-out for `serasictl rules` and PROTOCOL.md; every technical refusal code with its text. */
typedef struct ReasonCode {
    const char *code, *text_en, *text_id;
} ReasonCode;
extern const ReasonCode reason_codes[];
extern const size_t reason_codes_count;
