/* SPDX-License-Identifier: Apache-2.0 */

/*
 * rules: the table of the law as this program knows it, without a broker: which rules there are,
 * what they come from, and the numbers that are dated.
 */

#include <string.h>

#include "daemon/ctl.h"
#include "law/rules.h"

/* --- numbers of the rule sets --- */

static const struct {
    const char *rule, *name;
    size_t offset; /* of a uint16_t in RuleSet */
} numbers[] = {
    { "R-033", "follow_up_days", offsetof(RuleSet, follow_up_days) },
    { "R-033", "follow_up_total_days", offsetof(RuleSet, follow_up_total_days) },
    { "R-040", "home_after_days", offsetof(RuleSet, home_after_days) },
    { "R-050", "health_certificate_days", offsetof(RuleSet, health_certificate_days) },
    { "R-060", "home_months", offsetof(RuleSet, home_months) },
    { "R-072", "documents_due_days", offsetof(RuleSet, documents_due_days) },
    { "R-073", "food_days", offsetof(RuleSet, food_days) },
    { "R-120", "dtks_days", offsetof(RuleSet, dtks_days) },
    { "R-152", "monitoring_months", offsetof(RuleSet, monitoring_months) },
};

static uint16_t number_of(const RuleSet *set, size_t offset) {
    uint16_t v;
    memcpy(&v, (const char *)set + offset, sizeof(v));
    return v;
}

/* One object for each rule set: version, first day, and the numbers of this rule. */
static json_t *sets_of(const char *rule) {
    json_t *list = json_array();
    for (size_t i = 0; i < rule_sets.n; i++) {
        const RuleSet *set = &rule_sets.list[i];
        char since[16];
        (void)snprintf(since, sizeof(since), "%04d-%02u-%02u", set->since.year, set->since.month,
                       set->since.day);
        json_t *o = json_pack("{s:s, s:s}", "version", set->version, "since", since);
        for (size_t k = 0; k < ARRAY_SIZE(numbers); k++)
            if (strcmp(numbers[k].rule, rule) == 0)
                (void)json_object_set_new(o, numbers[k].name,
                                          json_integer(number_of(set, numbers[k].offset)));
        (void)json_array_append_new(list, o);
    }
    return list;
}

/* --- rows --- */

static const char *severity_word(const Rule *r) {
    if (r->phase == PHASE_TIMER)
        return "TIMER";
    return r->severity == SEVERITY_REFUSE ? "REFUSE" : "WARN";
}

static const char *phase_word(RulePhase phase) {
    static const char *const words[] = {
        [PHASE_PUBLISH] = "publication", [PHASE_REQUEST] = "request",
        [PHASE_PLACEMENT] = "placement", [PHASE_BOTH] = "request and placement",
        [PHASE_TIMER] = "when due",
    };
    return (size_t)phase < ARRAY_SIZE(words) && words[phase] ? words[phase] : "";
}

/* As it is said under the newest rule set. */
static json_t *text_of(const char *template) {
    char text[REASON_TEXT_MAX + 1];
    rule_text(template, &rule_sets.list[rule_sets.n - 1], NULL, text, sizeof(text));
    return json_string(text);
}

static json_t *short_row(const Rule *r) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "rule", r->id, "severity", severity_word(r),
                     "phase", phase_word(r->phase), "kinds", r->kinds, "legal_basis", r->pasal,
                     "text_en", text_of(r->text_en));
}

static json_t *long_row(const Rule *r) {
    json_t *row = short_row(r);
    (void)json_object_set_new(row, "text_id", text_of(r->text_id));
    (void)json_object_set_new(row, "violated_when", json_string(r->when_en));
    (void)json_object_set_new(row, "field", json_string(r->field));
    (void)json_object_set_new(row, "deferred_by_emergency", json_boolean(r->defers));
    (void)json_object_set_new(row, "rule_sets", sets_of(r->id));
    return row;
}

int ctl_cmd_rules(Ctl *c, int argc, char **argv) {
    const char *id = NULL;
    size_t n = 0;
    int r = ctl_parse(c, argc, argv, NULL, &id, 0, 1, &n);
    if (r != CTL_DONE)
        return r;
    const Rule *one = n > 0 ? rule_find(id) : NULL;
    if (n > 0 && !one) {
        ctl_complain("there is no rule %s; see serasictl rules", id);
        return CTL_REFUSED;
    }
    json_t *rows = json_array();
    for (size_t i = 0; i < rules_count && !one; i++)
        (void)json_array_append_new(rows, short_row(&rules_table[i]));
    if (one)
        (void)json_array_append_new(rows, long_row(one));
    ctl_print_rows(c, rows);
    json_decref(rows);
    return CTL_DONE;
}
