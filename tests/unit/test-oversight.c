/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "machine-fixture.h"

#define DSK "dsk/3203"
#define DSP "dsp/32"

static void report(Desk *k, const char *actor, int type) {
    desk_act(k, KIND_TIERED_REPORT, actor)->report.report_type = (uint8_t)type;
}

static void ask_help(Desk *k, const char *actor) {
    (void)text_copy(desk_act(k, KIND_SUPERVISION_ASSISTANCE_REQUEST, actor)->assistance.regency,
                    REGION_SIZE, "3203");
}

static void notice(Desk *k, int basis) {
    SupervisionNoticeFacts *f = &desk_act(k, KIND_SUPERVISION_NOTICE, "min/rehsos")->supervision;
    f->basis = (uint8_t)basis;
    (void)text_copy(f->about_node, NODE_NAME_SIZE, DSK);
}

static const char *says(Desk *k) {
    return desk_says(k, ITEM_NODE);
}

/* The day a point of time lies in, WIB. */
static CivilDate day_of(int64_t ms) {
    return civil_at(ms - 1, 420);
}

#define DESK                                                                                       \
    Desk k;                                                                                        \
    desk_init(&k)

TEST(a_report_on_children_restarts_the_year) {
    static const int types[] = { REPORT_TYPE_CHILD_OUTSIDE_HOME, REPORT_TYPE_CHILD_IN_HOME,
                                 REPORT_TYPE_EVALUATION };
    for (size_t n = 0; n < ARRAY_SIZE(types); n++) {
        DESK;
        Item *i = desk_item(&k, ITEM_NODE);
        report(&k, DSK, types[n]);
        ASSERT_STR(says(&k), "APPLIED NONE>KNOWN");
        ASSERT_STR(i->oversight.node, DSK);
        ASSERT_STR(i->custodian, DSK);
        ASSERT_STR(i->keeper, DSK);
        ASSERT_STR(i->owes, DSK);
        ASSERT_STR(i->region, "3203");
        ASSERT_EQ(i->oversight.reported_ms, k.now_ms);
        ASSERT_EQ(i->oversight.free_places, UINT32_MAX);
        const CivilDate due = day_of(item_timer(i, TIMER_MONITORING)->due_ms);
        ASSERT_EQ(due.year, 2026);
        ASSERT_EQ(due.month, 3);
        ASSERT_EQ(due.day, 10);

        k.now_ms += 40 * DAY_MS;
        i->oversight.inactive_since_ms = k.now_ms;
        report(&k, DSK, types[n]);
        ASSERT_STR(says(&k), "APPLIED KNOWN>KNOWN");
        ASSERT_EQ(i->oversight.inactive_since_ms, 0);
        ASSERT_EQ(day_of(item_timer(i, TIMER_MONITORING)->due_ms).month, 4);
        desk_deinit(&k);
    }
}

TEST(other_reports_show_no_monitoring) {
    DESK;
    Item *i = desk_item(&k, ITEM_NODE);
    report(&k, DSK, REPORT_TYPE_ATENSI);
    ASSERT_STR(says(&k), "NONE");
    report(&k, DSK, REPORT_TYPE_ELDERLY_COUNT);
    ASSERT_STR(says(&k), "NONE");
    ASSERT_EQ(i->state, OVERSIGHT_NONE);
    report(&k, DSK, REPORT_TYPE_EVALUATION);
    k.act.status = MESSAGE_STATUS_EXERCISE;
    ASSERT_STR(says(&k), "NONE");
    report(&k, "upt/phala-martha", REPORT_TYPE_EVALUATION); /* owes no yearly report */
    ASSERT_STR(says(&k), "APPLIED NONE>KNOWN");
    ASSERT_EQ(i->n_timers, 0);
    ASSERT_STR(i->owes, "");
    desk_deinit(&k);
}

TEST(a_silent_agency_is_told_of_monthly_and_higher_each_time) {
    DESK;
    Item *i = desk_item(&k, ITEM_NODE);
    ASSERT_TRUE(!oversight_watch(&k.ctx, i, "uptd/32/pa-02", k.now_ms));
    ASSERT_TRUE(!oversight_watch(&k.ctx, i, "no/such", k.now_ms));
    ASSERT_TRUE(oversight_watch(&k.ctx, i, DSK, k.now_ms));
    ASSERT_TRUE(!oversight_watch(&k.ctx, i, DSK, k.now_ms + DAY_MS));
    ASSERT_EQ(i->state, OVERSIGHT_KNOWN);
    ASSERT_STR(desk_fires(&k, ITEM_NODE, TIMER_MONITORING), "dsk/3203 dsp/32");
    ASSERT_STR(k.fired.tell[0].code, "R-152");
    ASSERT_STR(k.fired.tell[0].pasal, "P4 Pasal 29 ayat (3)");
    const int64_t since_ms = k.now_ms;
    ASSERT_EQ(i->oversight.inactive_since_ms, since_ms);
    ASSERT_EQ(item_timer(i, TIMER_MONITORING)->due_ms, since_ms + 31 * DAY_MS); /* March */
    ASSERT_STR(desk_fires(&k, ITEM_NODE, TIMER_MONITORING), "dsk/3203 dsp/32 min/rehsos");
    ASSERT_EQ(i->oversight.inactive_since_ms, since_ms);
    desk_deinit(&k);
}

TEST(a_node_that_is_gone_owes_nothing) {
    DESK;
    Item *i = desk_item(&k, ITEM_NODE);
    ASSERT_TRUE(oversight_watch(&k.ctx, i, DSK, k.now_ms));
    strcpy(i->oversight.node, "dsk/3299"); /* inactive */
    ASSERT_STR(desk_fires(&k, ITEM_NODE, TIMER_MONITORING), "");
    ASSERT_EQ(i->n_timers, 0);
    ASSERT_EQ(i->oversight.inactive_since_ms, 0);
    desk_deinit(&k);
}

TEST(only_its_province_asks_for_help_with_a_regency) {
    DESK;
    Item *i = desk_item(&k, ITEM_NODE);
    ask_help(&k, "dsp/33");
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    ask_help(&k, DSK);
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    ASSERT_EQ(i->state, OVERSIGHT_NONE);
    ask_help(&k, DSP);
    ASSERT_STR(says(&k), "APPLIED NONE>KNOWN");
    ASSERT_STR(i->oversight.node, DSK);
    ASSERT_EQ(i->oversight.assistance_asked_ms, k.now_ms);
    ASSERT_TRUE(item_timer(i, TIMER_MONITORING));

    const int64_t asked_ms = k.now_ms; /* not used up by the first notice */
    notice(&k, SUPERVISION_BASIS_GOVERNOR_REQUEST);
    ASSERT_STR(says(&k), "APPLIED KNOWN>KNOWN");
    ASSERT_EQ(i->oversight.assistance_asked_ms, asked_ms);
    desk_deinit(&k);
}

TEST(the_last_capacity_told_stands) {
    DESK;
    Item *i = desk_item(&k, ITEM_NODE);
    desk_act(&k, KIND_CAPACITY_UPDATE, "uptd/32/pa-02")->capacity.places = 12;
    ASSERT_STR(says(&k), "APPLIED NONE>KNOWN");
    ASSERT_EQ(i->oversight.free_places, 12);
    desk_act(&k, KIND_CAPACITY_UPDATE, "uptd/32/pa-02")->capacity.places = 0;
    (void)says(&k);
    ASSERT_EQ(i->oversight.free_places, 0);
    ASSERT_EQ(i->n_timers, 0);
    desk_deinit(&k);
}

TEST(a_record_begins_the_watch_and_does_not_put_it_off) {
    DESK;
    Item *i = desk_item(&k, ITEM_NODE);
    (void)text_copy(desk_act(&k, KIND_NODE_RECORD, DSP)->node.id, NODE_NAME_SIZE, DSK);
    ASSERT_STR(says(&k), "APPLIED NONE>KNOWN");
    ASSERT_STR(i->oversight.node, DSK);
    const int64_t due_ms = item_timer(i, TIMER_MONITORING)->due_ms;
    k.now_ms += 100 * DAY_MS;
    (void)text_copy(desk_act(&k, KIND_NODE_RECORD, DSK)->node.id, NODE_NAME_SIZE, DSK);
    ASSERT_STR(says(&k), "APPLIED KNOWN>KNOWN");
    ASSERT_EQ(item_timer(i, TIMER_MONITORING)->due_ms, due_ms);
    desk_deinit(&k);
}

TEST(no_sequence_of_acts_breaks_a_node) {
    static const char *const actors[] = { DSK, DSP, "dsp/33", "min/rehsos", "no/such" };
    static const int kinds[] = {
        KIND_TIERED_REPORT, KIND_SUPERVISION_NOTICE, KIND_SUPERVISION_ASSISTANCE_REQUEST,
        KIND_NODE_RECORD,   KIND_CAPACITY_UPDATE,    KIND_CASE_OPENED
    };
    DESK;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t dice = seed;
        Item *i = desk_item(&k, ITEM_NODE);
        for (int n = 0; n < 30; n++) {
            const char *actor = actors[desk_random(&dice, ARRAY_SIZE(actors))];
            const int kind = kinds[desk_random(&dice, ARRAY_SIZE(kinds))];
            if (kind == KIND_TIERED_REPORT)
                report(&k, actor, (int)desk_random(&dice, 8));
            else if (kind == KIND_SUPERVISION_ASSISTANCE_REQUEST)
                ask_help(&k, actor);
            else if (kind == KIND_SUPERVISION_NOTICE)
                notice(&k, (int)desk_random(&dice, 6));
            else
                desk_act(&k, kind, actor);
            k.act.status = (uint8_t)(desk_random(&dice, 10) == 0);
            const int before = i->state;
            (void)says(&k);
            if (item_timer(i, TIMER_MONITORING) && desk_random(&dice, 9) == 0)
                (void)desk_fires(&k, ITEM_NODE, TIMER_MONITORING);
            assert_in_range(i->state, before, OVERSIGHT_KNOWN);
            ASSERT_TRUE(!i->final);
            ASSERT_EQ(i->custodian[0] != '\0', i->state == OVERSIGHT_KNOWN);
            ASSERT_EQ(i->owes[0] != '\0', i->n_timers > 0);
            ASSERT_TRUE(i->n_timers <= 1);
        }
    }
    desk_deinit(&k);
}

TEST_MAIN
