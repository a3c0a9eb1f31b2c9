/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs the table of rules over a message. A rule looks only at its input; how severe a violation is
 * in the end is decided here: what the rule says, raised to the operator's floor, and then, for
 * rules an emergency defers, lowered to a warning with a last day. So a floor never undoes an
 * emergency: what helps a person in danger is not held up by a setting.
 */

#include <stdio.h>

#include "law/rules-internal.h"

/* --- emergencies -------------------------------------------------------------------------- */

bool emergency_may_be_declared(const Directory *d, const DirNode *node) {
    const DirNode *who = directory_speaks_for(d, node);
    return who && (who->kind == NODE_SOCIAL_AGENCY_REGENCY || who->kind == NODE_PUSKESOS);
}

/* A case opened after an emergency response (M22) is one when such a node opens it. */
/* Is the emergency of this referral (asked for, or known) declared by one who may? */
static bool emergency_is_lawful(const RuleInput *in) {
    if (is_kind(in, KIND_REFERRAL_REQUEST))
        return in->message->facts.request.emergency &&
               emergency_may_be_declared(in->directory, in->sender);
    const Item *i = rule_referral(in), *file = in->known->case_file;
    if (i)
        return i->referral.emergency &&
               emergency_may_be_declared(in->directory,
                                         directory_node(in->directory, i->referral.requester));
    return is_kind(in, KIND_CASE_OPENED) && file && file->case_file.emergency &&
           emergency_may_be_declared(in->directory, in->sender);
}

CivilDate emergency_documents_due(CivilDate given, int64_t at_ms, const char *region,
                                  const RuleSet *set) {
    CivilDate today = civil_at(at_ms, region_utc_offset_min(region));
    if (civil_is_valid(given) && civil_compare(given, today) >= 0)
        return given;
    return civil_add_days(today, set->documents_due_days);
}

static CivilDate deferred_until(const RuleInput *in) {
    const Item *i = rule_referral(in);
    CivilDate given = { 0 };
    if (is_kind(in, KIND_REFERRAL_REQUEST))
        given = in->message->facts.request.docs_due_on;
    else if (i && civil_is_set(i->referral.docs_due_on))
        return i->referral.docs_due_on;
    return emergency_documents_due(given, in->now_ms, in->message->env.region, in->set);
}

/* --- texts -------------------------------------------------------------------------------- */

/* Texts of errors show no village, as the journal does not (domain 6.4): "3203xxxxxx". */
static void mask_village(const char *region, char ret[static REGION_SIZE]) {
    (void)text_copy(ret, REGION_SIZE, region);
    for (size_t i = strlen("3203"); i < strlen(ret); i++)
        ret[i] = 'x';
}

#define NUMBER_MARKS 3U

/* The numbers of a rule set that stand in texts. */
static void mark_numbers(const RuleSet *set, char text[NUMBER_MARKS][8],
                         TextMark ret[NUMBER_MARKS]) {
    (void)snprintf(text[0], sizeof(text[0]), "%u", set->home_after_days);
    (void)snprintf(text[1], sizeof(text[1]), "%u", set->home_months);
    (void)snprintf(text[2], sizeof(text[2]), "%u", set->food_days);
    ret[0] = (TextMark) { "{home_after_days}", text[0] };
    ret[1] = (TextMark) { "{home_months}", text[1] };
    ret[2] = (TextMark) { "{food_days}", text[2] };
}

void rule_text(const char *template, const RuleSet *set, const char *register_name, char *dst,
               size_t size) {
    char numbers[NUMBER_MARKS][8];
    TextMark marks[NUMBER_MARKS + 1] = {
        [NUMBER_MARKS] = { "{register}", register_name ? register_name : REGISTER_NAME }
    };
    mark_numbers(set, numbers, marks);
    text_expand(dst, size, template, marks, ARRAY_SIZE(marks));
}

static void expand(char *dst, size_t size, const char *template, const RuleInput *in) {
    const Envelope *e = &in->message->env;
    const KindInfo *info = kind_info(e->kind);
    const char *unknown = rule_unknown_region(in);
    char region[REGION_SIZE];
    mask_village(unknown ? unknown : e->region, region);
    const TextMark marks[] = {
        { "{r}", region },
        { "{n}", e->sender },
        { "{kind}", info ? info->name : "this kind" },
        { "{f}", in->message->facts.personal_field },
    };
    char general[REASON_TEXT_MAX + 1];
    rule_text(template, in->set, in->register_name, general, sizeof(general));
    text_expand(dst, size, general, marks, ARRAY_SIZE(marks));
}

static void text_append_day(char *text, size_t size, const char *words, CivilDate day) {
    size_t n = strlen(text);
    (void)snprintf(text + n, size - n, " %s %04d-%02u-%02u.", words, day.year, day.month, day.day);
}

static void write_reason(const Rule *rule, const RuleInput *in, bool deferred, Reason *ret) {
    (void)text_copy(ret->code, sizeof(ret->code), rule->id);
    (void)text_copy(ret->legal_basis, sizeof(ret->legal_basis), rule->pasal);
    expand(ret->text_en, sizeof(ret->text_en), rule->text_en, in);
    expand(ret->text_id, sizeof(ret->text_id), rule->text_id, in);
    expand(ret->field, sizeof(ret->field), rule->field, in);
    if (!deferred)
        return;
    CivilDate day = deferred_until(in);
    text_append_day(ret->text_en, sizeof(ret->text_en), "Deferred by the emergency until", day);
    text_append_day(ret->text_id, sizeof(ret->text_id), "Ditangguhkan karena kedaruratan sampai",
                    day);
}

/* --- the table ---------------------------------------------------------------------------- */

void rules_check_table(const Rule *rules, size_t n, const RuleInput *in, const RuleFloors *floors,
                       Reasons *reasons) {
    const uint32_t kind = rule_kind_bit(in->message->env.kind);
    for (size_t i = 0; i < n; i++) {
        const Rule *rule = &rules[i];
        if (!(rule->on & kind))
            continue;
        Severity severity = rule->check(in);
        if (severity == SEVERITY_NONE)
            continue;
        if (floors && i < ARRAY_SIZE(floors->least) && floors->least[i] > severity)
            severity = floors->least[i];
        bool deferred = severity == SEVERITY_REFUSE && rule->defers && emergency_is_lawful(in);
        Reason *slot = reasons_new(reasons, deferred || severity == SEVERITY_WARN);
        if (slot)
            write_reason(rule, in, deferred, slot);
    }
}

void rules_check(const RuleInput *in, const RuleFloors *floors, Reasons *reasons) {
    rules_check_table(rules_table, rules_count, in, floors, reasons);
}

const Rule *rule_find(const char *id) {
    for (size_t i = 0; i < rules_count; i++)
        if (strcmp(rules_table[i].id, id) == 0)
            return &rules_table[i];
    return NULL;
}
