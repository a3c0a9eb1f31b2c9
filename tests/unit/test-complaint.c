/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "machine-fixture.h"

#define DO(n)  COMPLAINT_ACTION_##n
#define DSK    "dsk/3203"
#define DSP    "dsp/32"
#define PKS    "pks/3203052001"
#define CC     "cc/171"
#define UPT    "upt/phala-martha"
#define WORKER "uptd/32/pa-02"

static Item *complaint(Desk *k) {
    return &k->items[ITEM_COMPLAINT];
}

/* Somebody always answers for it; what has ended is at rest. */
static const char *says(Desk *k) {
    const char *text = desk_says(k, ITEM_COMPLAINT);
    const Item *i = complaint(k);
    if (i->state != COMPLAINT_NONE)
        assert_int_not_equal(i->custodian[0], '\0');
    ASSERT_EQ(i->final, i->state >= COMPLAINT_CLOSED);
    if (i->final)
        assert_true(i->n_timers == 0 && i->owes[0] == '\0');
    else if (i->state != COMPLAINT_NONE)
        assert_true(i->n_timers > 0 && i->owes[0] != '\0');
    return text;
}

static Facts *complain(Desk *k, const char *holder) {
    Facts *f = desk_act(k, KIND_COMPLAINT, CC);
    (void)desk_item(k, ITEM_COMPLAINT);
    (void)text_copy(k->act.target, sizeof(k->act.target), holder);
    f->complaint.type = COMPLAINT_TYPE_GRIEVANCE;
    return f;
}

static const char *does(Desk *k, const char *who, int action, const char *whom) {
    Facts *f = desk_act(k, KIND_COMPLAINT_UPDATE, who);
    f->complaint_update.action = (uint8_t)action;
    (void)text_copy(f->complaint_update.assignee, sizeof(f->complaint_update.assignee), whom);
    if (action == DO(CONVERT))
        f->complaint_update.new_case_id = (Uuid) { { 7 } };
    return says(k);
}

/* Held by the regency agency, worked on by the home. */
static void bring_to(Desk *k, int to) {
    (void)complain(k, DSK);
    ASSERT_STR(says(k), "APPLIED NONE>RECEIVED");
    if (to == COMPLAINT_SUPERIOR_DECIDES)
        (void)does(k, DSK, DO(NOT_OUR_AUTHORITY), "");
    else if (to == COMPLAINT_REJECTED_INVALID)
        (void)does(k, DSK, DO(REJECT_INVALID), "");
    else if (to >= COMPLAINT_CLASSIFIED)
        (void)does(k, DSK, DO(CLASSIFY), "");
    if (to >= COMPLAINT_ASSIGNED && to != COMPLAINT_SUPERIOR_DECIDES && to <= COMPLAINT_CLOSED)
        (void)does(k, DSK, DO(ASSIGN), WORKER);
    if (to == COMPLAINT_IN_PROGRESS)
        (void)does(k, WORKER, DO(PROGRESS), "");
    if (to == COMPLAINT_RESOLVED || to == COMPLAINT_CLOSED)
        (void)does(k, WORKER, DO(RESOLVE), "");
    if (to == COMPLAINT_CLOSED)
        (void)does(k, DSK, DO(CLOSE), "");
    ASSERT_EQ(complaint(k)->state, to);
}

static int64_t due(Desk *k, TimerKind timer) {
    const Timer *t = item_timer(complaint(k), timer);
    return t ? t->due_ms : 0;
}

/* --- the way of most --- */

TEST(a_complaint_is_classified_assigned_worked_on_resolved_and_closed) {
    Desk k;
    desk_init(&k);
    (void)complain(&k, DSK);
    ASSERT_STR(says(&k), "APPLIED NONE>RECEIVED");
    const Item *i = complaint(&k);
    ASSERT_STR(i->custodian, DSK);
    ASSERT_STR(i->owes, DSK);
    ASSERT_STR(i->keeper, CC);
    ASSERT_STR(i->complaint.origin, CC);
    ASSERT_EQ(i->complaint.level, 1);
    ASSERT_STR(does(&k, DSK, DO(CLASSIFY), ""), "APPLIED RECEIVED>CLASSIFIED");
    ASSERT_STR(does(&k, DSK, DO(ASSIGN), WORKER), "APPLIED CLASSIFIED>ASSIGNED");
    ASSERT_STR(i->custodian, DSK);
    ASSERT_STR(i->owes, WORKER);
    ASSERT_STR(does(&k, WORKER, DO(PROGRESS), ""), "APPLIED ASSIGNED>IN_PROGRESS");
    ASSERT_STR(does(&k, WORKER, DO(PROGRESS), ""), "APPLIED IN_PROGRESS>IN_PROGRESS");
    ASSERT_STR(does(&k, WORKER, DO(RESOLVE), ""), "APPLIED IN_PROGRESS>RESOLVED");
    ASSERT_STR(i->owes, DSK);
    ASSERT_TRUE(i->complaint.resolved);
    ASSERT_STR(does(&k, DSK, DO(CLOSE), ""), "APPLIED RESOLVED>CLOSED");
    ASSERT_STR(i->custodian, DSK);
    ASSERT_TRUE(!i->complaint.closed_by_silence);
    ASSERT_EQ(i->complaint.closed_ms, k.now_ms);
    desk_deinit(&k);
}

/* --- every action in every state --- */

/* By whoever may: the holder (in SUPERIOR_DECIDES dsp/32), for PROGRESS the assignee, for REOPEN
 * the reporter. Columns in order of ComplaintAction, from CLASSIFY. */
TEST(every_action_in_every_state) {
#define W           "ILLEGAL WRONG_STATE"
#define C           "ILLEGAL ALREADY_CLOSED"
#define N           "ILLEGAL NOT_RESOLVED"
#define A(from, to) "APPLIED " #from ">" #to
    static const struct {
        int state;
        const char *says[11];
    } rows[] = {
        { COMPLAINT_RECEIVED,
          { A(RECEIVED, CLASSIFIED), A(RECEIVED, ASSIGNED), A(RECEIVED, RECEIVED), "EARLY", W, N, W,
            A(RECEIVED, RECEIVED), A(RECEIVED, CLOSED), A(RECEIVED, REJECTED_INVALID),
            A(RECEIVED, SUPERIOR_DECIDES) } },
        { COMPLAINT_CLASSIFIED,
          { A(CLASSIFIED, CLASSIFIED), A(CLASSIFIED, ASSIGNED), A(CLASSIFIED, RECEIVED), "EARLY",
            A(CLASSIFIED, RESOLVED), N, W, A(CLASSIFIED, CLASSIFIED), A(CLASSIFIED, CLOSED),
            A(CLASSIFIED, REJECTED_INVALID), A(CLASSIFIED, SUPERIOR_DECIDES) } },
        { COMPLAINT_ASSIGNED,
          { W, A(ASSIGNED, ASSIGNED), A(ASSIGNED, RECEIVED), A(ASSIGNED, IN_PROGRESS),
            A(ASSIGNED, RESOLVED), "EARLY", W, A(ASSIGNED, ASSIGNED), A(ASSIGNED, CLOSED),
            A(ASSIGNED, REJECTED_INVALID), A(ASSIGNED, SUPERIOR_DECIDES) } },
        { COMPLAINT_IN_PROGRESS,
          { W, A(IN_PROGRESS, ASSIGNED), A(IN_PROGRESS, RECEIVED), A(IN_PROGRESS, IN_PROGRESS),
            A(IN_PROGRESS, RESOLVED), "EARLY", W, A(IN_PROGRESS, IN_PROGRESS),
            A(IN_PROGRESS, CLOSED), A(IN_PROGRESS, REJECTED_INVALID),
            A(IN_PROGRESS, SUPERIOR_DECIDES) } },
        { COMPLAINT_RESOLVED,
          { W, W, W, W, W, A(RESOLVED, CLOSED), A(RESOLVED, ASSIGNED), W, A(RESOLVED, CLOSED), W,
            W } },
        { COMPLAINT_SUPERIOR_DECIDES,
          { A(SUPERIOR_DECIDES, CLASSIFIED), A(SUPERIOR_DECIDES, ASSIGNED),
            A(SUPERIOR_DECIDES, RECEIVED), "EARLY", W, N, W, A(SUPERIOR_DECIDES, SUPERIOR_DECIDES),
            A(SUPERIOR_DECIDES, CLOSED), A(SUPERIOR_DECIDES, REJECTED_INVALID),
            "ILLEGAL SUPERIOR_MUST_DECIDE" } },
        { COMPLAINT_CLOSED, { C, C, C, C, C, C, A(CLOSED, ASSIGNED), C, C, C, C } },
        { COMPLAINT_REJECTED_INVALID, { C, C, C, C, C, C, C, C, C, C, C } },
    };
#undef W
#undef C
#undef N
#undef A
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (int action = DO(CLASSIFY); action <= DO(NOT_OUR_AUTHORITY); action++) {
            Desk k;
            desk_init(&k);
            bring_to(&k, rows[i].state);
            const char *who = action == DO(PROGRESS) ? WORKER
                              : action == DO(REOPEN) ? CC
                                                     : complaint(&k)->custodian;
            char actor[NODE_NAME_SIZE];
            (void)text_copy(actor, sizeof(actor), who);
            ASSERT_STR(does(&k, actor, action, "dsk/3204"), rows[i].says[action - 1]);
            desk_deinit(&k);
        }
}

TEST(nobody_acts_in_the_place_of_another) {
    static const struct {
        int action;
        const char *why;
    } rows[] = {
        { DO(CLASSIFY), "ILLEGAL NOT_THE_HOLDER" },
        { DO(ASSIGN), "ILLEGAL NOT_THE_HOLDER" },
        { DO(REROUTE), "ILLEGAL NOT_THE_HOLDER" },
        { DO(PROGRESS), "ILLEGAL NOT_THE_ASSIGNEE" },
        { DO(RESOLVE), "ILLEGAL NOT_THE_ASSIGNEE" },
        { DO(CLOSE), "ILLEGAL NOT_THE_HOLDER" },
        { DO(REOPEN), "ILLEGAL NOT_THE_REPORTER" },
        { DO(ESCALATE), "ILLEGAL NOT_THE_HOLDER" },
        { DO(CONVERT), "ILLEGAL NOT_THE_HOLDER" },
        { DO(REJECT_INVALID), "ILLEGAL NOT_THE_HOLDER" },
        { DO(NOT_OUR_AUTHORITY), "ILLEGAL NOT_THE_HOLDER" },
        { 99, "ILLEGAL UNKNOWN_STEP" },
    };
    static const char *const others[] = { DSP, "dsk/3204", "nobody/known" };
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_ASSIGNED);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (size_t n = 0; n < ARRAY_SIZE(others); n++)
            ASSERT_STR(does(&k, others[n], rows[i].action, DSP), rows[i].why);
    ASSERT_STR(does(&k, WORKER, DO(CLOSE), ""), "ILLEGAL NOT_THE_HOLDER");
    ASSERT_STR(does(&k, WORKER, DO(ASSIGN), DSP), "ILLEGAL NOT_THE_HOLDER");
    ASSERT_STR(does(&k, DSK, DO(PROGRESS), ""), "ILLEGAL NOT_THE_ASSIGNEE");
    ASSERT_STR(does(&k, CC, DO(CLOSE), ""), "ILLEGAL NOT_THE_HOLDER");
    ASSERT_STR(does(&k, DSK, DO(RESOLVE), ""), "APPLIED ASSIGNED>RESOLVED"); /* the holder may */
    desk_deinit(&k);
}

TEST(who_is_named_must_be_there_and_not_be_the_one_complained_about) {
    static const int actions[] = { DO(ASSIGN), DO(REROUTE) };
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        Desk k;
        desk_init(&k);
        Facts *f = complain(&k, DSK);
        (void)text_copy(f->complaint.about_node, NODE_NAME_SIZE, "lks/3306/0001");
        (void)says(&k);
        ASSERT_STR(does(&k, DSK, actions[i], ""), "ILLEGAL NOBODY_NAMED");
        ASSERT_STR(does(&k, DSK, actions[i], "nobody/known"), "ILLEGAL NOBODY_NAMED");
        ASSERT_STR(does(&k, DSK, actions[i], "dsk/3299"), "ILLEGAL NOBODY_NAMED"); /* closed */
        ASSERT_STR(does(&k, DSK, actions[i], "lks/3306/0001"), "ILLEGAL REPORTED_NODE");
        desk_deinit(&k);
    }
}

TEST(what_comes_before_the_complaint_is_held) {
    Desk k;
    desk_init(&k);
    (void)desk_item(&k, ITEM_COMPLAINT);
    ASSERT_STR(does(&k, DSK, DO(CLASSIFY), ""), "EARLY");
    ASSERT_EQ(complaint(&k)->n_early, 1);
    ASSERT_EQ(complaint(&k)->state, COMPLAINT_NONE);
    desk_deinit(&k);
}

/* --- ends and what follows them --- */

TEST(a_conversion_names_what_it_became) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_CLASSIFIED);
    desk_act(&k, KIND_COMPLAINT_UPDATE, DSK)->complaint_update.action = DO(CONVERT);
    ASSERT_STR(says(&k), "ILLEGAL NOTHING_NAMED");
    Facts *f = desk_act(&k, KIND_COMPLAINT_UPDATE, DSK);
    f->complaint_update.action = DO(CONVERT);
    f->complaint_update.new_event_id = (Uuid) { { 9 } };
    ASSERT_STR(says(&k), "APPLIED CLASSIFIED>CLOSED");
    ASSERT_EQ(complaint(&k)->complaint.became.b[0], 9);
    ASSERT_TRUE(!complaint(&k)->complaint.closed_by_silence);
    ASSERT_EQ(complaint(&k)->complaint.closed_ms, k.now_ms);
    desk_deinit(&k);
}

/* The regency tells the village what came of it, and closes its book (S1). */
TEST(what_holder_and_assignee_say_after_a_conversion_is_on_record) {
    static const int said[] = { DO(PROGRESS), DO(RESOLVE), DO(CLOSE) };
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_IN_PROGRESS);
    ASSERT_STR(does(&k, DSK, DO(CONVERT), ""), "APPLIED IN_PROGRESS>CLOSED");
    ASSERT_TRUE(complaint(&k)->complaint.resolved); /* */
    Item closed = *complaint(&k);
    for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
        ASSERT_STR(does(&k, DSK, said[i], ""), "APPLIED CLOSED>CLOSED");
        ASSERT_STR(does(&k, WORKER, said[i], ""), "APPLIED CLOSED>CLOSED");
        closed.n_acts += 2;
        ASSERT_TRUE(item_equal(&closed, complaint(&k)));
    }
    for (size_t i = 0; i < ARRAY_SIZE(said); i++)
        ASSERT_STR(does(&k, DSP, said[i], ""), "ILLEGAL ALREADY_CLOSED");
    ASSERT_STR(does(&k, DSK, DO(ASSIGN), DSP), "ILLEGAL ALREADY_CLOSED");
    ASSERT_STR(does(&k, DSK, DO(CONVERT), ""), "ILLEGAL ALREADY_CLOSED");

    ASSERT_STR(does(&k, CC, DO(REOPEN), ""), "APPLIED CLOSED>ASSIGNED");
    ASSERT_STR(complaint(&k)->owes, WORKER);
    ASSERT_STR(does(&k, DSK, DO(CLOSE), ""), "EARLY"); /* needs a RESOLVE of its own now */
    desk_deinit(&k);
}

TEST(a_case_opened_from_it_is_noted_and_changes_nothing) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_CLASSIFIED);
    desk_act(&k, KIND_CASE_OPENED, WORKER)->opened.access_source = ACCESS_SOURCE_COMPLAINT_REPORT;
    ASSERT_STR(says(&k), "NONE");
    desk_act(&k, KIND_CASE_OPENED, DSK)->opened.access_source = ACCESS_SOURCE_COMPLAINT_REPORT;
    ASSERT_STR(says(&k), "APPLIED CLASSIFIED>CLASSIFIED");
    ASSERT_TRUE(uuid_equal(&complaint(&k)->complaint.became, &k.act.case_id));
    desk_act(&k, KIND_COMPLAINT_UPDATE, DSK)->complaint_update.action = DO(CONVERT);
    ASSERT_STR(says(&k), "APPLIED CLASSIFIED>CLOSED"); /* into that case */
    (void)desk_act(&k, KIND_CASE_OPENED, DSK);
    ASSERT_STR(says(&k), "NONE");
    desk_deinit(&k);
}

TEST(a_closed_complaint_is_reopened_by_reporter_or_holder_for_thirty_days) {
    static const char *const who[] = { CC, DSK };
    for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
        Desk k;
        desk_init(&k);
        bring_to(&k, COMPLAINT_CLOSED);
        const int64_t end = timer_end_of_day(k.now_ms, 30, "3203");
        ASSERT_STR(does(&k, WORKER, DO(REOPEN), ""), "ILLEGAL NOT_THE_REPORTER");
        k.now_ms = end - MINUTE_MS; /* the next act is a minute later */
        ASSERT_STR(does(&k, who[i], DO(REOPEN), ""), "ILLEGAL TOO_LATE_TO_REOPEN");
        k.now_ms = end - 2 * MINUTE_MS;
        ASSERT_STR(does(&k, who[i], DO(REOPEN), ""), "APPLIED CLOSED>ASSIGNED");
        ASSERT_STR(complaint(&k)->owes, WORKER);
        ASSERT_STR(complaint(&k)->custodian, DSK);
        ASSERT_TRUE(!complaint(&k)->complaint.resolved);
        ASSERT_EQ(due(&k, TIMER_RESOLVE), k.now_ms + 5 * DAY_MS);
        ASSERT_STR(does(&k, DSK, DO(CLOSE), ""), "EARLY"); /* needs a RESOLVE of its own */
        ASSERT_STR(does(&k, WORKER, DO(RESOLVE), ""), "APPLIED ASSIGNED>RESOLVED");
        desk_deinit(&k);
    }
}

TEST(a_complaint_the_holder_resolved_alone_is_reopened_to_the_holder) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_CLASSIFIED);
    (void)does(&k, DSK, DO(RESOLVE), "");
    ASSERT_STR(does(&k, CC, DO(REOPEN), ""), "APPLIED RESOLVED>ASSIGNED");
    ASSERT_STR(complaint(&k)->owes, DSK);
    desk_deinit(&k);
}

TEST(ten_days_of_silence_close_a_resolved_complaint) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_RESOLVED);
    ASSERT_EQ(complaint(&k)->n_timers, 1);
    ASSERT_EQ(due(&k, TIMER_SILENCE), k.now_ms + 10 * DAY_MS);
    ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_SILENCE), CC " " DSK);
    ASSERT_TRUE(k.fired.changed);
    ASSERT_EQ(complaint(&k)->state, COMPLAINT_CLOSED);
    ASSERT_TRUE(complaint(&k)->complaint.closed_by_silence && complaint(&k)->final);
    ASSERT_EQ(complaint(&k)->complaint.closed_ms, k.now_ms);
    ASSERT_STR(does(&k, CC, DO(REOPEN), ""), "APPLIED CLOSED>ASSIGNED");
    desk_deinit(&k);
}

/* --- who holds it next --- */

TEST(escalation_moves_the_holder_one_level_up_and_never_to_the_reported_node) {
    static const struct {
        const char *about, *to[3];
    } rows[] = {
        { "", { DSK, DSP, "min/anak" } },
        { DSK, { DSP, "min/anak", NULL } },
        { DSP, { DSK, UPT, "min/anak" } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Desk k;
        desk_init(&k);
        Facts *f = complain(&k, PKS);
        (void)text_copy(f->complaint.about_node, NODE_NAME_SIZE, rows[i].about);
        (void)says(&k);
        ASSERT_EQ(complaint(&k)->complaint.level, 0);
        char holder[NODE_NAME_SIZE] = PKS;
        for (size_t n = 0; n < 3 && rows[i].to[n]; n++) {
            ASSERT_STR(does(&k, holder, DO(ESCALATE), ""), "APPLIED RECEIVED>RECEIVED");
            ASSERT_STR(complaint(&k)->custodian, rows[i].to[n]);
            ASSERT_STR(complaint(&k)->owes, rows[i].to[n]);
            ASSERT_EQ(due(&k, TIMER_CLASSIFY), k.now_ms + 3 * DAY_MS);
            ASSERT_STR(does(&k, holder, DO(CLASSIFY), ""), "ILLEGAL NOT_THE_HOLDER");
            (void)text_copy(holder, sizeof(holder), rows[i].to[n]);
        }
        ASSERT_EQ(complaint(&k)->complaint.level, 3);
        ASSERT_STR(does(&k, holder, DO(ESCALATE), ""), "ILLEGAL NO_SUPERIOR");
        desk_deinit(&k);
    }
}

/* Sent to the wrong region, or about somebody elsewhere: it goes up where its holder is. */
TEST(escalation_goes_up_where_the_holder_is) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_RECEIVED);
    (void)does(&k, DSK, DO(REROUTE), "dsk/3302");
    ASSERT_STR(does(&k, "dsk/3302", DO(ESCALATE), ""), "APPLIED RECEIVED>RECEIVED");
    ASSERT_STR(complaint(&k)->custodian, "dsp/33");
    bring_to(&k, COMPLAINT_RECEIVED);
    (void)does(&k, DSK, DO(REROUTE), WORKER); /* of the same province */
    (void)does(&k, WORKER, DO(ESCALATE), "");
    ASSERT_STR(complaint(&k)->custodian, DSP);
    desk_deinit(&k);
}

TEST(nobody_classifies_and_the_next_level_holds_it) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_RECEIVED);
    const int64_t received = k.now_ms;
    ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_CLASSIFY), DSP " " DSK " " CC);
    ASSERT_EQ(k.now_ms, received + 3 * DAY_MS);
    ASSERT_TRUE(k.fired.changed);
    ASSERT_STR(k.fired.tell[0].code, "classify");
    ASSERT_STR(complaint(&k)->custodian, DSP);
    ASSERT_EQ(complaint(&k)->complaint.level, 2);
    ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_CLASSIFY), "min/anak " DSP " " CC);
    ASSERT_EQ(k.now_ms, received + 6 * DAY_MS);
    static const int64_t told[] = { 9, 12, 15, 45, 75 }; /* nobody higher: told again */
    for (size_t n = 0; n < ARRAY_SIZE(told); n++) {
        ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_CLASSIFY), "min/anak " CC);
        ASSERT_EQ(k.now_ms, received + told[n] * DAY_MS);
        ASSERT_TRUE(!k.fired.changed);
        ASSERT_STR(k.fired.tell[0].code, "overdue");
    }
    ASSERT_STR(does(&k, "min/anak", DO(ASSIGN), UPT), "APPLIED RECEIVED>ASSIGNED");
    ASSERT_EQ(due(&k, TIMER_CLASSIFY), 0);
    desk_deinit(&k);
}

TEST(nobody_resolves_and_the_next_level_holds_it) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_ASSIGNED);
    ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_RESOLVE), DSP " " DSK " " WORKER " " CC);
    ASSERT_EQ(complaint(&k)->state, COMPLAINT_ASSIGNED);
    ASSERT_STR(complaint(&k)->owes, WORKER);
    ASSERT_EQ(due(&k, TIMER_RESOLVE), k.now_ms + 3 * DAY_MS);
    ASSERT_STR(does(&k, DSP, DO(ASSIGN), UPT), "APPLIED ASSIGNED>ASSIGNED");
    (void)desk_fires(&k, ITEM_COMPLAINT, TIMER_RESOLVE);
    ASSERT_STR(complaint(&k)->custodian, "min/anak");
    for (int n = 0; n < 3; n++) { /* nobody higher: the time of a classification, then a month */
        ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_RESOLVE), "min/anak " UPT " " CC);
        ASSERT_EQ(due(&k, TIMER_RESOLVE), k.now_ms + (n < 2 ? 3 : 30) * DAY_MS);
    }
    desk_deinit(&k);
}

/* A broker that is handed the complaint has not seen the clock of the one that kept it. */
TEST(whom_the_clock_made_the_holder_elsewhere_may_hand_it_on) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_RECEIVED);
    const int64_t received = k.now_ms;
    k.now_ms = received + 3 * DAY_MS - 2 * MINUTE_MS; /* an act takes one */
    ASSERT_STR(does(&k, DSP, DO(REROUTE), "dsk/3302"), "ILLEGAL NOT_THE_HOLDER");
    k.now_ms = received + 3 * DAY_MS;
    ASSERT_STR(does(&k, "min/anak", DO(REROUTE), "dsk/3302"), "ILLEGAL NOT_THE_HOLDER");
    ASSERT_STR(does(&k, DSP, DO(ASSIGN), "dsk/9999"), "ILLEGAL NOBODY_NAMED");
    ASSERT_STR(complaint(&k)->custodian, DSK);
    ASSERT_STR(does(&k, DSP, DO(REROUTE), "dsk/3302"), "APPLIED RECEIVED>RECEIVED");
    ASSERT_STR(complaint(&k)->custodian, "dsk/3302");
    ASSERT_STR(complaint(&k)->complaint.former[0], DSP);
    desk_deinit(&k);
}

/* Where the clock was seen its time is not counted twice. */
TEST(whom_the_clock_has_not_come_to_yet_is_not_the_holder) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_RECEIVED);
    (void)desk_fires(&k, ITEM_COMPLAINT, TIMER_CLASSIFY);
    ASSERT_STR(complaint(&k)->custodian, DSP);
    ASSERT_STR(does(&k, "min/anak", DO(REROUTE), "dsk/3302"), "ILLEGAL NOT_THE_HOLDER");
    k.now_ms += 3 * DAY_MS - 3 * MINUTE_MS;
    ASSERT_STR(does(&k, "min/anak", DO(REROUTE), "dsk/3302"), "ILLEGAL NOT_THE_HOLDER");
    k.now_ms += 2 * MINUTE_MS;
    ASSERT_STR(does(&k, "min/anak", DO(REROUTE), "dsk/3302"), "APPLIED RECEIVED>RECEIVED");
    desk_deinit(&k);
}

TEST(a_reroute_keeps_the_clock) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_RECEIVED);
    const int64_t classify = due(&k, TIMER_CLASSIFY);
    ASSERT_STR(does(&k, DSK, DO(REROUTE), "dsk/3204"), "APPLIED RECEIVED>RECEIVED");
    ASSERT_EQ(due(&k, TIMER_CLASSIFY), classify);
    ASSERT_STR(complaint(&k)->custodian, "dsk/3204");
    ASSERT_STR(complaint(&k)->complaint.former[0], DSK);
    ASSERT_EQ(complaint(&k)->complaint.reroute_count, 1);
    ASSERT_STR(does(&k, "dsk/3204", DO(REROUTE), "dsk/3204"), "ILLEGAL WRONG_STATE");
    (void)does(&k, "dsk/3204", DO(CLASSIFY), "");
    const int64_t resolve = due(&k, TIMER_RESOLVE);
    (void)does(&k, "dsk/3204", DO(REROUTE), UPT);
    ASSERT_EQ(due(&k, TIMER_RESOLVE), resolve);
    desk_deinit(&k);
}

TEST(the_third_reroute_or_one_back_goes_to_the_superior) {
    for (int back = 0; back < 2; back++) {
        Desk k;
        desk_init(&k);
        bring_to(&k, COMPLAINT_RECEIVED);
        (void)does(&k, DSK, DO(REROUTE), "dsk/3204");
        if (!back)
            (void)does(&k, "dsk/3204", DO(REROUTE), WORKER);
        ASSERT_STR(back ? does(&k, "dsk/3204", DO(REROUTE), DSK)
                        : does(&k, WORKER, DO(REROUTE), "pks/3203052001"),
                   "APPLIED RECEIVED>SUPERIOR_DECIDES");
        ASSERT_STR(complaint(&k)->custodian, DSP);
        ASSERT_STR(complaint(&k)->owes, DSP);
        ASSERT_TRUE(due(&k, TIMER_SUPERIOR) > 0);
        ASSERT_STR(does(&k, DSK, DO(CLASSIFY), ""), "ILLEGAL NOT_THE_HOLDER");
        ASSERT_STR(does(&k, DSP, DO(NOT_OUR_AUTHORITY), ""), "ILLEGAL SUPERIOR_MUST_DECIDE");
        ASSERT_STR(does(&k, DSP, DO(REROUTE), DSK), "APPLIED SUPERIOR_DECIDES>RECEIVED");
        ASSERT_STR(complaint(&k)->custodian, DSK);
        ASSERT_EQ(due(&k, TIMER_SUPERIOR), 0);
        desk_deinit(&k);
    }
}

TEST(a_superior_that_is_silent_is_told_and_then_its_own) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_SUPERIOR_DECIDES);
    ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_SUPERIOR), DSP " " DSK);
    ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_SUPERIOR), DSP " min/rehsos " DSK);
    (void)desk_fires(&k, ITEM_COMPLAINT, TIMER_CLASSIFY); /* its clock ran on: told, no more */
    ASSERT_STR(complaint(&k)->custodian, DSP);
    ASSERT_TRUE(!k.fired.changed);
    desk_deinit(&k);
}

TEST(nobody_hears_of_a_complaint_about_himself) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_SUPERIOR_DECIDES);
    (void)text_copy(complaint(&k)->complaint.about_node, NODE_NAME_SIZE, "min/rehsos");
    for (int n = 0; n < 3; n++) /* the decider's own superior, and there is nobody higher */
        ASSERT_STR(desk_fires(&k, ITEM_COMPLAINT, TIMER_SUPERIOR), DSP " " DSK);
    desk_deinit(&k);
}

TEST(bukan_wewenang_goes_up_from_the_holder_and_back_from_the_assignee) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_RECEIVED);
    ASSERT_STR(does(&k, DSK, DO(NOT_OUR_AUTHORITY), "dsk/3204"),
               "APPLIED RECEIVED>SUPERIOR_DECIDES");
    ASSERT_STR(complaint(&k)->custodian, DSP);
    ASSERT_STR(complaint(&k)->complaint.assignee, "dsk/3204"); /* the suggestion */
    bring_to(&k, COMPLAINT_ASSIGNED);
    ASSERT_STR(does(&k, WORKER, DO(NOT_OUR_AUTHORITY), ""), "APPLIED ASSIGNED>CLASSIFIED");
    ASSERT_STR(complaint(&k)->custodian, DSK);
    ASSERT_STR(complaint(&k)->owes, DSK);
    /* Of two it went between, the one above both. */
    bring_to(&k, COMPLAINT_RECEIVED);
    (void)does(&k, DSK, DO(REROUTE), "dsk/3302");
    (void)does(&k, "dsk/3302", DO(NOT_OUR_AUTHORITY), "");
    ASSERT_STR(complaint(&k)->custodian, "min/rehsos");
    ASSERT_EQ(complaint(&k)->complaint.level, 3);
    desk_deinit(&k);
}

TEST(the_superior_who_decides_is_never_the_reported_node) {
    Desk k;
    desk_init(&k);
    Facts *f = complain(&k, DSK);
    (void)text_copy(f->complaint.about_node, NODE_NAME_SIZE, DSP);
    (void)says(&k);
    (void)does(&k, DSK, DO(REROUTE), "dsk/3204");
    (void)does(&k, "dsk/3204", DO(REROUTE), DSK);
    ASSERT_EQ(complaint(&k)->state, COMPLAINT_SUPERIOR_DECIDES);
    ASSERT_STR(complaint(&k)->custodian, "min/rehsos");
    desk_deinit(&k);
}

/* --- terms --- */

TEST(classification_and_resolution_are_due_by_urgency_type_and_inspection) {
    static const struct {
        uint8_t urgency, type;
        bool harm_now, inspection;
        int64_t classify, resolve;
    } rows[] = {
        { URGENCY_ROUTINE, COMPLAINT_TYPE_QUESTION, 0, 0, 3 * DAY_MS, 5 * DAY_MS },
        { URGENCY_ROUTINE, COMPLAINT_TYPE_GRIEVANCE, 0, 0, 3 * DAY_MS, 5 * DAY_MS },
        { URGENCY_ROUTINE, COMPLAINT_TYPE_COMPLAINT, 0, 0, 3 * DAY_MS, 14 * DAY_MS },
        { URGENCY_ROUTINE, COMPLAINT_TYPE_QUESTION, 0, 1, 3 * DAY_MS, 60 * DAY_MS },
        { URGENCY_PRIORITY, COMPLAINT_TYPE_GRIEVANCE, 0, 0, DAY_MS, 60 * HOUR_MS },
        { URGENCY_PRIORITY, COMPLAINT_TYPE_COMPLAINT, 0, 1, DAY_MS, 30 * DAY_MS },
        { URGENCY_EMERGENCY, COMPLAINT_TYPE_COMPLAINT, 0, 0, HOUR_MS, DAY_MS },
        { URGENCY_ROUTINE, COMPLAINT_TYPE_COMPLAINT, 1, 1, HOUR_MS, DAY_MS },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Desk k;
        desk_init(&k);
        Facts *f = complain(&k, DSK);
        k.act.urgency = rows[i].urgency;
        f->complaint.harm_now = rows[i].harm_now;
        (void)says(&k);
        const bool emergency = rows[i].resolve == DAY_MS;
        const int64_t received = k.now_ms;
        ASSERT_EQ(due(&k, TIMER_CLASSIFY), received + rows[i].classify);
        ASSERT_EQ(due(&k, TIMER_RESOLVE), emergency ? received + DAY_MS : 0);
        f = desk_act(&k, KIND_COMPLAINT_UPDATE, DSK);
        f->complaint_update.action = DO(CLASSIFY);
        f->complaint_update.type = rows[i].type;
        f->complaint_update.inspection = rows[i].inspection;
        (void)says(&k);
        ASSERT_EQ(complaint(&k)->complaint.type, rows[i].type);
        ASSERT_EQ(due(&k, TIMER_RESOLVE), (emergency ? received : k.now_ms) + rows[i].resolve);
        ASSERT_EQ(due(&k, TIMER_CLASSIFY), 0);
        desk_deinit(&k);
    }
}

TEST(an_emergency_owes_its_first_action_in_a_day) {
    Desk k;
    desk_init(&k);
    complain(&k, DSK)->complaint.harm_now = true;
    (void)says(&k);
    (void)does(&k, DSK, DO(ASSIGN), WORKER);
    ASSERT_EQ(due(&k, TIMER_RESOLVE), complaint(&k)->opened_ms + DAY_MS);
    (void)does(&k, WORKER, DO(PROGRESS), "");
    ASSERT_EQ(due(&k, TIMER_RESOLVE), k.now_ms + 60 * HOUR_MS); /* as PRIORITY */
    const int64_t left = due(&k, TIMER_RESOLVE);
    (void)does(&k, WORKER, DO(PROGRESS), "");
    ASSERT_EQ(due(&k, TIMER_RESOLVE), left);
    desk_deinit(&k);
}

TEST(the_holder_may_set_the_assignee_a_shorter_term) {
    for (int days = 1; days < 10; days += 8) {
        Desk k;
        desk_init(&k);
        bring_to(&k, COMPLAINT_CLASSIFIED);
        const int64_t term = due(&k, TIMER_RESOLVE);
        Facts *f = desk_act(&k, KIND_COMPLAINT_UPDATE, DSK);
        f->complaint_update.action = DO(ASSIGN);
        f->complaint_update.due_ms = k.now_ms + days * DAY_MS;
        (void)text_copy(f->complaint_update.assignee, NODE_NAME_SIZE, WORKER);
        (void)says(&k);
        ASSERT_EQ(due(&k, TIMER_RESOLVE), MIN(term, k.now_ms + days * DAY_MS));
        desk_deinit(&k);
    }
}

TEST(an_exercise_moves_no_real_complaint) {
    Desk k;
    desk_init(&k);
    bring_to(&k, COMPLAINT_RECEIVED);
    desk_act(&k, KIND_COMPLAINT_UPDATE, DSK)->complaint_update.action = DO(CLASSIFY);
    k.act.status = MESSAGE_STATUS_EXERCISE;
    ASSERT_STR(says(&k), "ILLEGAL ONLY_AN_EXERCISE");
    desk_deinit(&k);
}

TEST(without_a_resolved_holder_the_sender_holds_it) {
    Desk k;
    desk_init(&k);
    (void)complain(&k, "");
    (void)says(&k);
    ASSERT_STR(complaint(&k)->custodian, CC);
    ASSERT_EQ(complaint(&k)->complaint.level, 3);
    desk_deinit(&k);
}

TEST_MAIN
