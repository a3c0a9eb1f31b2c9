/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The rules of the law, checked when a message is published: one table, each row a pure function
 * and the Pasal it comes from. Rules see the envelope, the facts, the directory, the items the
 * message is about as they stand in this broker, and the time. A rule says nothing when what it
 * needs is missing: the missing thing has a reason of its own.
 *
 * rules-common.c, rules-family.c, rules-home.c,
 * rules-upt.c, rules-emergency.c, rules-special.c,
 * rules-case.c, rules-register.c, rules-complaint.c,
 * rules-event.c, rules-report.c, rules-privacy.c.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/directory.h"
#include "core/message.h"
#include "core/reasons.h"
#include "law/item.h"
#include "law/rule-set.h"

/* What the integrated register (P7 Pasal 43, "DTKS") is called today, unless configured. */
#define REGISTER_NAME "DTSEN"

typedef enum Severity {
    SEVERITY_NONE = 0,
    SEVERITY_WARN,   /* stored and delivered, the sender is warned, the supervisor gets a copy */
    SEVERITY_REFUSE, /* not stored */
} Severity;

#define KNOWN_OPEN_MAX 8U

/* What the store knows of the items a message is about; NULL: not known here. */
typedef struct Known {
    const Item *referral;  /* the referral (or transfer) the message names, answers or continues */
    const Item *complaint; /* likewise */
    const Item *case_file; /* of the envelope's case_id */
    const Item *event, *proposal;
    const Item *node; /* oversight of the regency that M61 is about */
    /* targets of the other open referrals of the case. */
    uint32_t n_open;
    char open_targets[KNOWN_OPEN_MAX][NODE_NAME_SIZE];
    bool in_home; /* by one of them the child is placed in a home */
} Known;

/* Notes another referral of the case that is not final; asked_of is the target of the new one. Who
 * is placed waits for nothing: only the same home twice is a duplicate then. A transfer is none. */
void known_note_referral(Known *k, const Item *other, const char *asked_of);

typedef struct RuleInput {
    const Message *message;
    const Directory *directory;
    const DirNode *sender; /* NULL when the sender is not in the directory */
    const Recipient *to;   /* addressees as resolved */
    uint32_t n_to;
    const Known *known; /* never NULL */
    const RuleSet *set; /* that holds for the item the message is about */
    int64_t now_ms;
    const char *register_name; /* of the integrated register; NULL = REGISTER_NAME */
} RuleInput;

typedef enum RulePhase {
    PHASE_PUBLISH = 0, /* at any message */
    PHASE_REQUEST,     /* q: when a referral is asked for, and again when it is supplemented */
    PHASE_PLACEMENT,   /* p: when the person is placed (M04) */
    PHASE_BOTH,        /* q and p, milder at q */
    PHASE_TIMER,       /* raised later by a timer; never at publication */
} RulePhase;

typedef struct Rule {
    const char *id;    /* "R-001" */
    Severity severity; /* the highest it may have; check() may say less */
    RulePhase phase;
    bool defers;         /* E: becomes a warning when the referral is a lawful emergency */
    const char *kinds;   /* "M01 | M40": for people */
    uint32_t on;         /* the same for the driver: check() is called for these kinds only */
    const char *pasal;   /* "P7 Pasal 3" */
    const char *when_en; /* violated when ...: for people */
    const char
        *text_en; /* may hold {r} region, {n} sender, {kind}, {register}; {f} as field: R-004's */
    const char *text_id;
    const char *field;
    Severity (*check)(const RuleInput *in); /* NULL: PHASE_TIMER */
} Rule;

extern const Rule rules_table[]; /* in order of id */
extern const size_t rules_count;
/* A text of the table with the numbers of a rule set and the name of the register (NULL = the usual
 * one) filled in; {r}, {n} and {kind} stay. */
void rule_text(const char *template, const RuleSet *set, const char *register_name, char *dst,
               size_t size);
const Rule *rule_find(const char *id); /* NULL when there is none */

/* Operators may make a rule stricter than the law, never milder: by index of rules_table. */
typedef struct RuleFloors {
    Severity least[96];
} RuleFloors;

/* Runs the whole table and adds every violation. floors may be NULL. */
void rules_check(const RuleInput *in, const RuleFloors *floors, Reasons *reasons);
/* The same with a table of one's own, to see what the law would say without a rule. */
void rules_check_table(const Rule *rules, size_t n, const RuleInput *in, const RuleFloors *floors,
                       Reasons *reasons);

/* May the node declare one: a regency agency, a puskesos, or a system that speaks for one. */
bool emergency_may_be_declared(const Directory *d, const DirNode *node);
/* Last day for what an emergency defers: the day the request gave, else, or when that is
 * no day to come, counted from the day of at_ms in the zone of the region. */
CivilDate emergency_documents_due(CivilDate given, int64_t at_ms, const char *region,
                                  const RuleSet *set);
