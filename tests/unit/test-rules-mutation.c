/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Do the probes notice? Every rule with a check is taken out of the table, and then every rule is
 * turned round (a warning for a refusal, a refusal for a warning), one at a time; among all probes
 * there must be one that tells such a table from the true one. Prints how many did.
 */

#include "test.h"

#include "rules-edges-case.h"
#include "rules-edges-matters.h"
#include "rules-edges-privacy.h"
#include "rules-probes.h"

#define CODES_SIZE 256U
#define TABLE_MAX  96U

/* A probe made once, and what the true table says of it. */
typedef struct Sample {
    Rig *rig;
    char codes[CODES_SIZE];
} Sample;

static Sample *samples;
static size_t n_samples;

static void sample_take(Rig *r) {
    Sample *s = &samples[n_samples++];
    s->rig = r;
    (void)text_copy(s->codes, sizeof(s->codes), rig_codes(r));
}

static int setup(void **state __attribute__((unused))) {
    samples = calloc(ARRAY_SIZE(probes_to_082) + edge_count, sizeof(*samples));
    assert_true(samples && rules_count <= TABLE_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(probes_to_082); i++) {
        Rig *r = rig_new();
        probes_to_082[i].make(r);
        sample_take(r);
    }
    for (size_t i = 0; i < edge_count; i++)
        sample_take(edge_rig(&edge_list[i]));
    return 0;
}

static int teardown(void **state __attribute__((unused))) {
    for (size_t i = 0; i < n_samples; i++)
        rig_free(samples[i].rig);
    free(samples);
    return 0;
}

static unsigned count_noticed(const Rule *rules) {
    unsigned n = 0;
    for (size_t i = 0; i < n_samples; i++) {
        Reasons reasons;
        n += strcmp(rig_say(samples[i].rig, rules, rules_count, &reasons), samples[i].codes) != 0;
    }
    return n;
}

static Severity say_nothing(const RuleInput *in __attribute__((unused))) {
    return SEVERITY_NONE;
}

static Severity (*turned)(const RuleInput *);

static Severity turn_round(const RuleInput *in) {
    const Severity said = turned(in);
    return said == SEVERITY_WARN     ? SEVERITY_REFUSE
           : said == SEVERITY_REFUSE ? SEVERITY_WARN
                                     : SEVERITY_NONE;
}

TEST(a_rule_taken_out_or_turned_round_is_noticed) {
    Rule rules[TABLE_MAX];
    unsigned n_checked = 0, n_missed = 0;
    memcpy(rules, rules_table, rules_count * sizeof(Rule));
    printf("%-6s  %9s  %12s\n", "rule", "taken out", "turned round");
    for (size_t i = 0; i < rules_count; i++) {
        if (!rules_table[i].check)
            continue;
        rules[i].check = say_nothing;
        const unsigned out = count_noticed(rules);
        turned = rules_table[i].check;
        rules[i].check = turn_round;
        const unsigned round = count_noticed(rules);
        rules[i].check = rules_table[i].check;
        const bool missed = out == 0 || round == 0;
        n_checked++;
        n_missed += missed;
        printf("%-6s  %9u  %12u%s\n", rules_table[i].id, out, round, missed ? "  NOT NOTICED" : "");
    }
    printf("%u rules, %zu probes, %u not noticed\n", n_checked, n_samples, n_missed);
    ASSERT_EQ(n_missed, 0);
}

/* The row says the highest severity a rule may have: probes reach it, and none goes beyond. */
TEST(every_rule_reaches_the_severity_of_its_row_and_no_more) {
    for (size_t i = 0; i < rules_count; i++) {
        const Rule *rule = &rules_table[i];
        unsigned warned = 0, refused = 0;
        char warning[16];
        snprintf(warning, sizeof(warning), "(%s)", rule->id);
        for (size_t k = 0; k < n_samples; k++) {
            const bool as_warning = strstr(samples[k].codes, warning);
            warned += as_warning;
            refused += !as_warning && strstr(samples[k].codes, rule->id);
        }
        const unsigned reached = rule->severity == SEVERITY_REFUSE ? refused : warned;
        const unsigned beyond = rule->severity == SEVERITY_REFUSE ? 0 : refused;
        if (rule->check ? reached == 0 || beyond > 0 : warned + refused > 0)
            fail_msg("%s: %u probes warned and %u refused", rule->id, warned, refused);
    }
}

int main(void) {
    return _cmocka_run_group_tests(__FILE__, test_list, test_count, setup, teardown);
}
