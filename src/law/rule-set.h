/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rule sets: the numbers of the law, dated. A new decree is one more row: it holds for what is
 * opened from its first day on; what was opened before keeps the set it was opened under.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/times.h"

#define RULE_SET_VERSION_SIZE 16U

typedef struct RuleSet {
    char version[RULE_SET_VERSION_SIZE]; /* "2021-09" */
    CivilDate since;                     /* first day, in the zone of the message's region */
    /* Calendar days and months; the rule that uses them. */
    uint16_t home_after_days;         /* service outside a home before a home, 7 */
    uint16_t home_months;             /* months in a home before a UPT, 3 */
    uint16_t health_certificate_days; /* its age at placement, 14 */
    uint16_t food_days;               /* food aid outside a home, 7 */
    uint16_t documents_due_days;      /* for what an emergency deferred, 14 */
    uint16_t dtks_days;               /* proposal after the opening of a case, 7 */
    uint16_t follow_up_days;          /* between two visits, 30 */
    uint16_t follow_up_total_days;    /* visits are owed so long, 90 */
    uint16_t monitoring_months;       /* without a monitoring report, 12 */
} RuleSet;

typedef struct RuleSets {
    const RuleSet *list; /* by since, oldest first; the first also holds before its day */
    size_t n;
} RuleSets;

/* The sets in force in this version of the program. */
extern const RuleSets rule_sets;
/* The set that holds for what is opened at wall_ms in the region. Never NULL. */
const RuleSet *rule_set_at(const RuleSets *sets, int64_t wall_ms, const char *region);
/* By version; NULL when unknown. */
const RuleSet *rule_set_find(const RuleSets *sets, const char *version);
