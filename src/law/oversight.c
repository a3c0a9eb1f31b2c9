/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is known of a node as an office: its reports, the supervision of it, its free places.
 * Decided where the texts are silent: the yearly monitoring (P4 Pasal 29 ayat (3)) is owed by the
 * agencies of regencies and provinces and is shown by a report on children (Pasal 31) or an
 * evaluation (Pasal 30), not by counts for other ends. A governor's request for help (P7 Pasal 48
 * ayat (3) huruf a) is not used up by the first notice that rests on it. Exercises count for
 * nothing.
 */

#include <string.h>

#include "base/text.h"
#include "law/machine.h"
#include "law/ministry.h"

static bool owes_monitoring(const LawContext *ctx, const char *node) {
    const DirNode *n = directory_node(ctx->directory, node);
    return n && !n->inactive &&
           (n->kind == NODE_SOCIAL_AGENCY_REGENCY || n->kind == NODE_SOCIAL_AGENCY_PROVINCE);
}

static void watch(const LawContext *ctx, Item *i, int64_t from_ms) {
    const bool owes = owes_monitoring(ctx, i->oversight.node);
    (void)text_copy(i->owes, sizeof(i->owes), owes ? i->oversight.node : "");
    if (owes)
        item_timer_start(ctx, i, TIMER_MONITORING, from_ms);
    else
        item_timer_stop(i, TIMER_MONITORING);
}

/* The node answers for itself, so it is keeper and custodian, whoever acted. */
static void begin(const LawContext *ctx, Item *i, const char *node, int64_t from_ms) {
    Oversight *o = &i->oversight;
    i->state = OVERSIGHT_KNOWN;
    i->opened_ms = i->changed_ms = from_ms;
    i->urgency = URGENCY_ROUTINE;
    node_region(node, i->region);
    (void)text_copy(i->rule_set, sizeof(i->rule_set),
                    rule_set_at(ctx->rule_sets, from_ms, i->region)->version);
    (void)text_copy(o->node, sizeof(o->node), node);
    (void)text_copy(i->keeper, sizeof(i->keeper), node);
    (void)text_copy(i->custodian, sizeof(i->custodian), node);
    o->free_places = UINT32_MAX;
    watch(ctx, i, from_ms);
}

void oversight_begin(const LawContext *ctx, Item *item, const char *node, int64_t now_ms) {
    begin(ctx, item, node, now_ms);
    (void)text_copy(item->owes, sizeof(item->owes), node);
    item_timer_start(ctx, item, TIMER_MONITORING, now_ms);
}

bool oversight_watch(const LawContext *ctx, Item *item, const char *node, int64_t now_ms) {
    if (item->state != OVERSIGHT_NONE || !owes_monitoring(ctx, node))
        return false;
    oversight_begin(ctx, item, node, now_ms);
    return true;
}

static bool shows_monitoring(int report_type) {
    return report_type == REPORT_TYPE_CHILD_OUTSIDE_HOME ||
           report_type == REPORT_TYPE_CHILD_IN_HOME || report_type == REPORT_TYPE_EVALUATION;
}

/* The governor speaks through the agency of the province the regency lies in. */
static bool is_its_province(const LawContext *ctx, const Act *a, const char *node) {
    const DirNode *n = directory_node(ctx->directory, act_actor(ctx, a));
    char province[REGION_SIZE], regency[REGION_SIZE];
    if (!n || n->kind != NODE_SOCIAL_AGENCY_PROVINCE)
        return false;
    node_region(n->id, province);
    node_region(node, regency);
    return province[0] != '\0' && text_starts_with(regency, province);
}

static Step on_report(const LawContext *ctx, const Act *a, Item *i) {
    Oversight *o = &i->oversight;
    if (!shows_monitoring(a->facts->report.report_type))
        return step_verdict(i, STEP_NONE);
    o->reported_ms = a->at_ms;
    o->inactive_since_ms = 0;
    watch(ctx, i, a->at_ms);
    return step_to(i, a, OVERSIGHT_KNOWN);
}

static Step oversight_step(const LawContext *ctx, const Act *a, Item *i) {
    Oversight *o = &i->oversight;
    switch (a->kind) {
    case KIND_TIERED_REPORT:
        return on_report(ctx, a, i);
    case KIND_SUPERVISION_ASSISTANCE_REQUEST:
        if (!is_its_province(ctx, a, o->node))
            return step_illegal(i, "NOT_AUTHORISED");
        o->assistance_asked_ms = a->at_ms;
        return step_to(i, a, OVERSIGHT_KNOWN);
    case KIND_CAPACITY_UPDATE:
        o->free_places = a->facts->capacity.places;
        return step_to(i, a, OVERSIGHT_KNOWN);
    case KIND_SUPERVISION_NOTICE: /* on record; R-153 judged whether it may be */
        return step_to(i, a, OVERSIGHT_KNOWN);
    case KIND_NODE_RECORD: /* staff is R-075's, the rest the directory's; it may owe reports now */
        if (!item_timer(i, TIMER_MONITORING) || !owes_monitoring(ctx, o->node))
            watch(ctx, i, a->at_ms);
        return step_to(i, a, OVERSIGHT_KNOWN);
    default:
        return step_verdict(i, STEP_NONE);
    }
}

void oversight_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret) {
    Item *item = items->of[ITEM_NODE];
    char node[NODE_NAME_SIZE];
    if (a->status != MESSAGE_STATUS_UNSPECIFIED || !act_node(a, node)) {
        *ret = step_verdict(item, STEP_NONE);
        return;
    }
    if (item->state == OVERSIGHT_NONE)
        begin(ctx, item, node, a->at_ms);
    *ret = oversight_step(ctx, a, item);
}

/* --- timer ---------------------------------------------------------------------------------- */

static const Telling not_monitored = {
    .code = "R-152",
    .pasal = "P4 Pasal 29 ayat (3)",
    .text_en = "The yearly monitoring is overdue: no report for twelve months. Next: send the "
               "report (kind 60); the supervisor asks for it.",
    .text_id = "Pemantauan tahunan terlambat: tidak ada laporan selama dua belas bulan. Langkah "
               "berikutnya: kirim laporan (jenis 60); atasan memintanya.",
};

/* The same day of the next month: a yearly duty is not asked for daily. */
static int64_t next_month(const Item *i, int64_t now_ms) {
    const CivilDate today = civil_at(now_ms, region_utc_offset_min(i->region));
    const int64_t days = civil_to_days(civil_add_months(today, 1)) - civil_to_days(today);
    return now_ms + days * DAY_MS;
}

/* The node and its supervisor at once, the ministry from the second time on. */
void oversight_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms,
                    Fired *ret) {
    const Timer *running = item_timer(item, timer);
    Oversight *o = &item->oversight;
    *ret = (Fired) { 0 };
    if (!running || timer != TIMER_MONITORING || !owes_monitoring(ctx, o->node)) {
        item_timer_stop(item, timer);
        return;
    }
    if (o->inactive_since_ms == 0)
        o->inactive_since_ms = now_ms;
    fired_tell(ret, o->node, &not_monitored);
    fired_tell(ret, superior_of(ctx->directory, o->node), &not_monitored);
    const DirNode *ministry = running->level > 0 ? ministry_dirjen(ctx->directory) : NULL;
    fired_tell(ret, ministry ? ministry->id : NULL, &not_monitored);
    item_timer_next(item, timer, next_month(item, now_ms));
}
