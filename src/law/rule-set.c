/* SPDX-License-Identifier: Apache-2.0 */

/* The rule sets, and which one holds. */

#include <string.h>

#include "core/directory.h"
#include "law/rule-set.h"

static const RuleSet sets[] = {
    { .version = "2021-09", /* Permensos 7/2021, with Permensos 4/2020 */
      .since = { 2021, 9, 1 },
      .home_after_days = 7,
      .home_months = 3,
      .health_certificate_days = 14,
      .food_days = 7,
      .documents_due_days = 14,
      .dtks_days = 7,
      .follow_up_days = 30,
      .follow_up_total_days = 90,
      .monitoring_months = 12 },
};
const RuleSets rule_sets = { sets, ARRAY_SIZE(sets) };

const RuleSet *rule_set_at(const RuleSets *s, int64_t wall_ms, const char *region) {
    const CivilDate day = civil_at(wall_ms, region_utc_offset_min(region));
    size_t i = s->n - 1;
    while (i > 0 && civil_compare(s->list[i].since, day) > 0)
        i--;
    return &s->list[i];
}

const RuleSet *rule_set_find(const RuleSets *s, const char *version) {
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->list[i].version, version) == 0)
            return &s->list[i];
    return NULL;
}
