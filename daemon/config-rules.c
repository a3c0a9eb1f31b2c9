/* SPDX-License-Identifier: Apache-2.0 */

/*
 * [rules] of serasid.conf(5): rules that this broker takes more seriously than the law does. Never
 * milder: what the law refuses stays refused, and a rule cannot be put out of force.
 */

#include <assert.h>
#include <errno.h>

#include "base/cleanup.h"
#include "daemon/config.h"

static const ConfigWord words[] = {
    { "warn", SEVERITY_WARN },
    { "refuse", SEVERITY_REFUSE },
    { NULL, 0 },
};

static const char *word_of(Severity s) {
    for (const ConfigWord *w = words; w->word; w++)
        if (w->value == (uint32_t)s)
            return w->word;
    return NULL;
}

int config_set_rule(Config *c, const char *id, const char *text, Buf *why) {
    const Rule *rule = rule_find(id);
    if (!rule) {
        buf_addf(why, "there is no such rule; `serasictl rules` lists them");
        return -EINVAL;
    }
    if (!rule->check) {
        buf_addf(why, "is raised by a timer: a message can neither be warned about nor refused");
        return -EINVAL;
    }
    const ConfigWord *w = words;
    while (w->word && strcmp(w->word, text) != 0)
        w++;
    if (!w->word) {
        buf_addf(why, "\"%s\" is none of warn, refuse", text);
        return -EINVAL;
    }
    if (w->value < (uint32_t)rule->severity) {
        buf_addf(why, "%s is milder than the law, which says %s", text, word_of(rule->severity));
        return -EINVAL;
    }
    const size_t i = (size_t)(rule - rules_table);
    assert(i < ARRAY_SIZE(c->rule_floors.least));
    c->rule_floors.least[i] = (Severity)w->value;
    return 0;
}

const char *config_floor_word(const Config *c, size_t rule) {
    return rule < ARRAY_SIZE(c->rule_floors.least) ? word_of(c->rule_floors.least[rule]) : NULL;
}
