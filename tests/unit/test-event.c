/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "machine-fixture.h"

#define PKS "pks/3203052001"
#define DSK "dsk/3203"
#define DSP "dsp/32"
#define UPT "upt/phala-martha"
#define HUB "hub"

static EventFacts *alert(Desk *k, const char *actor, int status) {
    EventFacts *f = &desk_act(k, KIND_EXTRAORDINARY_EVENT, actor)->event;
    k->act.urgency = URGENCY_EVENT;
    k->act.case_id = (Uuid) { { 0 } };
    f->event_type = EVENT_TYPE_NATURAL_DISASTER;
    f->status = (uint8_t)status;
    f->occurred_ms = k->now_ms - HOUR_MS;
    f->n_regions = 1;
    return f;
}

/* An update or cancellation of what stands now. */
static EventFacts *follow(Desk *k, const char *actor, int type, int status) {
    EventFacts *f = alert(k, actor, status);
    f->message_type = (uint8_t)type;
    f->event_id = k->items[ITEM_EVENT].id;
    f->references[f->n_references++] = k->items[ITEM_EVENT].event.last_message;
    return f;
}
static EventFacts *update(Desk *k, const char *actor, int status) {
    return follow(k, actor, EVENT_MESSAGE_TYPE_UPDATE, status);
}
static EventFacts *cancel(Desk *k, const char *actor) {
    return follow(k, actor, EVENT_MESSAGE_TYPE_CANCEL, EVENT_STATUS_UNSPECIFIED);
}

static EventSituationFacts *situation(Desk *k, const char *actor, uint32_t seq, int status) {
    EventSituationFacts *f = &desk_act(k, KIND_EVENT_SITUATION, actor)->situation;
    f->event_id = k->items[ITEM_EVENT].id;
    f->seq = seq;
    f->status = (uint8_t)status;
    return f;
}

static const char *says(Desk *k) {
    return desk_says(k, ITEM_EVENT);
}

static Item *event_at(Desk *k, const char *reporter, int state) {
    Item *i = desk_item(k, ITEM_EVENT);
    alert(k, reporter, state);
    (void)says(k);
    ASSERT_EQ(i->state, state);
    return i;
}

#define DESK                                                                                       \
    Desk k;                                                                                        \
    desk_init(&k)

/* --- alert ---------------------------------------------------------------------------------- */

TEST(anybody_reports_and_acknowledgements_are_awaited) {
    DESK;
    Item *i = desk_item(&k, ITEM_EVENT);
    alert(&k, PKS, EVENT_STATUS_UNSPECIFIED);
    k.act.status = MESSAGE_STATUS_EXERCISE;
    ASSERT_STR(says(&k), "APPLIED NONE>REPORTED");
    ASSERT_EQ(i->status, MESSAGE_STATUS_EXERCISE);
    ASSERT_STR(i->custodian, PKS);
    ASSERT_STR(i->keeper, PKS);
    ASSERT_EQ(i->event.event_type, EVENT_TYPE_NATURAL_DISASTER);
    ASSERT_EQ(i->event.occurred_ms, k.now_ms - HOUR_MS);
    ASSERT_TRUE(uuid_equal(&i->event.last_message, &k.act.message_id));
    ASSERT_EQ(item_timer(i, TIMER_ACKNOWLEDGE)->due_ms, k.now_ms + 10 * MINUTE_MS);
    desk_deinit(&k);
}

TEST(only_an_authority_says_that_it_is_so) {
    static const struct {
        const char *actor;
        bool may;
    } rows[] = {
        { UPT, true },
        { HUB, true },
        { "cc/171", true },
        { DSP, true },
        { DSK, true },
        { "min/rehsos", true },
        { "int/data-terpadu", true }, /* the ministry's */
        { PKS, false },
        { "uptd/32/pa-02", false },
        { "lks/3306/0001", false },
        { "no/such", false },
    };
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        for (int status = EVENT_VERIFIED; status <= EVENT_FALSE_ALARM; status++) {
            DESK;
            Item *i = desk_item(&k, ITEM_EVENT);
            alert(&k, rows[n].actor, status);
            (void)says(&k);
            ASSERT_EQ(i->state, rows[n].may ? status : EVENT_NONE);
            if (!rows[n].may)
                ASSERT_STR(k.steps[ITEM_EVENT].why, "NOT_AUTHORISED");
            ASSERT_EQ(i->final, rows[n].may && status >= EVENT_CLOSED);
            ASSERT_EQ(i->n_timers, rows[n].may && status < EVENT_STABILISED);
            desk_deinit(&k);
        }
    DESK;
    desk_item(&k, ITEM_EVENT);
    alert(&k, DSK, EVENT_FALSE_ALARM + 1);
    ASSERT_STR(says(&k), "ILLEGAL UNKNOWN_STATUS");
    desk_deinit(&k);
}

TEST(what_follows_an_unknown_event_is_early) {
    DESK;
    Item *i = desk_item(&k, ITEM_EVENT);
    update(&k, DSK, EVENT_STATUS_VERIFIED);
    ASSERT_STR(says(&k), "EARLY");
    cancel(&k, DSK);
    ASSERT_STR(says(&k), "EARLY");
    situation(&k, DSK, 1, EVENT_STATUS_ACTIVE);
    ASSERT_STR(says(&k), "EARLY");
    desk_act(&k, KIND_EVENT_ACKNOWLEDGEMENT, UPT);
    ASSERT_STR(says(&k), "EARLY");
    desk_act(&k, KIND_CASE_RESPONSE, DSK);
    ASSERT_STR(says(&k), "NONE");
    ASSERT_EQ(i->n_early, 4);
    desk_deinit(&k);
}

/* --- update --------------------------------------------------------------------------------- */

TEST(an_event_is_verified_declared_calmed_and_closed) {
    DESK;
    Item *i = event_at(&k, PKS, EVENT_REPORTED);
    update(&k, DSK, EVENT_STATUS_VERIFIED);
    ASSERT_STR(says(&k), "APPLIED REPORTED>VERIFIED");
    ASSERT_STR(i->custodian, DSK); /* takes charge until somebody is named */
    ASSERT_STR(i->keeper, PKS);
    ASSERT_TRUE(uuid_equal(&i->event.last_message, &k.act.message_id));
    update(&k, DSP, EVENT_STATUS_ACTIVE)->declaration.present = true;
    (void)text_copy(k.facts.event.lead_node, NODE_NAME_SIZE, UPT);
    ASSERT_STR(says(&k), "APPLIED VERIFIED>ACTIVE");
    ASSERT_TRUE(i->event.declared);
    ASSERT_STR(i->event.lead_node, UPT);
    ASSERT_STR(i->custodian, UPT);
    ASSERT_TRUE(item_timer(i, TIMER_ACKNOWLEDGE));
    update(&k, UPT, EVENT_STATUS_UNSPECIFIED); /* counts only */
    ASSERT_STR(says(&k), "APPLIED ACTIVE>ACTIVE");
    update(&k, UPT, EVENT_STATUS_STABILISED);
    ASSERT_STR(says(&k), "APPLIED ACTIVE>STABILISED");
    assert_null(item_timer(i, TIMER_ACKNOWLEDGE));
    update(&k, UPT, EVENT_STATUS_CLOSED);
    ASSERT_STR(says(&k), "APPLIED STABILISED>CLOSED");
    ASSERT_TRUE(i->final);
    update(&k, UPT, EVENT_STATUS_CLOSED);
    ASSERT_STR(says(&k), "ILLEGAL EVENT_IS_CLOSED");
    cancel(&k, UPT);
    ASSERT_STR(says(&k), "ILLEGAL EVENT_IS_CLOSED");
    situation(&k, UPT, 1, EVENT_STATUS_ACTIVE);
    ASSERT_STR(says(&k), "ILLEGAL EVENT_IS_CLOSED");
    desk_act(&k, KIND_EVENT_ACKNOWLEDGEMENT, UPT);
    ASSERT_STR(says(&k), "APPLIED CLOSED>CLOSED");
    desk_deinit(&k);
}

/* Every pair of statuses, by one who leads and with no declaration, against the table. */
TEST(an_update_goes_one_status_at_a_time) {
    for (int from = EVENT_REPORTED; from <= EVENT_STABILISED; from++)
        for (int to = EVENT_REPORTED; to <= EVENT_FALSE_ALARM + 1; to++) {
            DESK;
            Item *i = event_at(&k, DSK, from);
            const bool may = to == from || (to == from + 1 && to <= EVENT_CLOSED) ||
                             (from == EVENT_REPORTED && to == EVENT_FALSE_ALARM);
            update(&k, DSK, to);
            (void)says(&k);
            ASSERT_EQ(k.steps[ITEM_EVENT].verdict, may ? STEP_APPLIED : STEP_ILLEGAL);
            ASSERT_EQ(i->state, may ? to : from);
            desk_deinit(&k);
        }
}

TEST(active_needs_a_declaration_or_the_leads_decision) {
    DESK;
    Item *i = event_at(&k, DSK, EVENT_VERIFIED);
    update(&k, DSP, EVENT_STATUS_ACTIVE);
    ASSERT_STR(says(&k), "ILLEGAL NO_DECLARATION");
    update(&k, DSP, EVENT_STATUS_ACTIVE); /* takes the lead with it */
    (void)text_copy(k.facts.event.lead_node, NODE_NAME_SIZE, DSP);
    ASSERT_STR(says(&k), "APPLIED VERIFIED>ACTIVE");
    ASSERT_STR(i->custodian, DSP);
    i = event_at(&k, PKS, EVENT_REPORTED);
    update(&k, HUB, EVENT_STATUS_ACTIVE);
    ASSERT_STR(says(&k), "ILLEGAL NO_DECLARATION");
    update(&k, HUB, EVENT_STATUS_ACTIVE)->declaration.present = true; /* verifies by itself */
    ASSERT_STR(says(&k), "APPLIED REPORTED>ACTIVE");
    ASSERT_STR(i->custodian, HUB);
    desk_deinit(&k);
}

TEST(only_reporter_lead_and_authorities_update) {
    DESK;
    Item *i = event_at(&k, PKS, EVENT_REPORTED);
    update(&k, "lks/3306/0001", EVENT_STATUS_UNSPECIFIED);
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    update(&k, PKS, EVENT_STATUS_UNSPECIFIED)->event_type = EVENT_TYPE_OUTBREAK;
    ASSERT_STR(says(&k), "APPLIED REPORTED>REPORTED");
    ASSERT_EQ(i->event.event_type, EVENT_TYPE_OUTBREAK);
    update(&k, PKS, EVENT_STATUS_VERIFIED);
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    update(&k, DSK, EVENT_STATUS_VERIFIED);
    (void)text_copy(k.facts.event.lead_node, NODE_NAME_SIZE, "lks/no/such");
    ASSERT_STR(says(&k), "APPLIED REPORTED>VERIFIED");
    ASSERT_STR(i->custodian, DSK); /* nobody nobody knows */
    update(&k, PKS, EVENT_STATUS_UNSPECIFIED)->declaration.present = true;
    (void)text_copy(k.facts.event.lead_node, NODE_NAME_SIZE, PKS);
    ASSERT_STR(says(&k), "APPLIED VERIFIED>VERIFIED");
    ASSERT_STR(i->custodian, DSK); /* the reporter does not take it back */
    ASSERT_TRUE(!i->event.declared);
    desk_deinit(&k);
}

/* An agency of another province neither takes the lead nor calms it; who is named to lead does. */
TEST(nobody_calms_the_disaster_of_another_province) {
    DESK;
    Item *i = event_at(&k, DSP, EVENT_VERIFIED);
    update(&k, "dsk/3302", EVENT_STATUS_UNSPECIFIED);
    (void)text_copy(k.facts.event.lead_node, NODE_NAME_SIZE, "dsk/3302");
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    cancel(&k, "dsk/3302");
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    situation(&k, "dsk/3302", 1, EVENT_STATUS_CLOSED);
    ASSERT_STR(says(&k), "APPLIED VERIFIED>VERIFIED NOT_AUTHORISED");
    ASSERT_STR(i->custodian, DSP);
    update(&k, DSP, EVENT_STATUS_UNSPECIFIED);
    (void)text_copy(k.facts.event.lead_node, NODE_NAME_SIZE, "dsk/3302");
    ASSERT_STR(says(&k), "APPLIED VERIFIED>VERIFIED");
    cancel(&k, "dsk/3302");
    ASSERT_STR(says(&k), "APPLIED VERIFIED>FALSE_ALARM");
    desk_deinit(&k);
}

/* --- references ----------------------------------------------------------------------------- */

TEST(an_update_that_names_another_message_is_applied_and_flagged) {
    DESK;
    Item *i = event_at(&k, DSK, EVENT_REPORTED);
    update(&k, DSK, EVENT_STATUS_VERIFIED)->references[0].b[0] ^= 1;
    ASSERT_STR(says(&k), "APPLIED REPORTED>VERIFIED STALE_REFERENCE");
    ASSERT_TRUE(i->flagged);
    i->flagged = false;
    update(&k, DSK, EVENT_STATUS_ACTIVE)->n_references = 0;
    ASSERT_STR(says(&k), "APPLIED VERIFIED>ACTIVE STALE_REFERENCE");
    ASSERT_TRUE(i->flagged);
    i->flagged = false;
    EventFacts *f = update(&k, DSK, EVENT_STATUS_STABILISED); /* among others */
    f->references[3] = f->references[0];
    f->references[0].b[0] ^= 1;
    f->n_references = UINT32_MAX;
    ASSERT_STR(says(&k), "APPLIED ACTIVE>STABILISED");
    ASSERT_TRUE(!i->flagged);
    f = update(&k, DSK, EVENT_STATUS_CLOSED); /* a count no decoder vouches for */
    f->references[0].b[0] ^= 1;
    f->n_references = UINT32_MAX;
    k.facts.event.event_id = i->event.last_message;
    ASSERT_STR(says(&k), "APPLIED STABILISED>CLOSED STALE_REFERENCE");
    desk_deinit(&k);
}

TEST(an_update_that_is_older_than_what_stands_is_not_applied) {
    DESK;
    Item *i = event_at(&k, DSK, EVENT_REPORTED);
    const Uuid old = { { 1, 2, 3, 4, 5, 6, 0x70 } }, young = { { 1, 2, 3, 4, 5, 7, 0x70 } };
    i->event.last_message = young;
    update(&k, DSK, EVENT_STATUS_VERIFIED)->n_references = 0;
    k.act.message_id = old;
    ASSERT_STR(says(&k), "ILLEGAL STALE_REFERENCE");
    i->event.last_message = old;
    update(&k, DSK, EVENT_STATUS_VERIFIED)->n_references = 0;
    k.act.message_id = young;
    ASSERT_STR(says(&k), "APPLIED REPORTED>VERIFIED STALE_REFERENCE");
    desk_deinit(&k);
}

/* --- cancellation --------------------------------------------------------------------------- */

TEST(a_cancellation_is_a_false_alarm_until_it_is_active) {
    for (int from = EVENT_REPORTED; from <= EVENT_STABILISED; from++) {
        DESK;
        Item *i = event_at(&k, DSK, from);
        cancel(&k, DSP);
        (void)says(&k);
        ASSERT_EQ(i->state, from <= EVENT_VERIFIED ? EVENT_FALSE_ALARM : EVENT_CLOSED);
        ASSERT_TRUE(i->final && i->event.cancelled);
        ASSERT_EQ(i->n_timers, 0);
        ASSERT_STR(i->owes, "");
        desk_deinit(&k);
    }
}

TEST(a_reporter_withdraws_a_report_but_not_what_was_verified) {
    DESK;
    event_at(&k, PKS, EVENT_REPORTED);
    cancel(&k, "lks/3306/0001");
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    cancel(&k, PKS);
    ASSERT_STR(says(&k), "APPLIED REPORTED>FALSE_ALARM");

    event_at(&k, PKS, EVENT_REPORTED);
    update(&k, DSK, EVENT_STATUS_VERIFIED);
    (void)says(&k);
    cancel(&k, PKS);
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    cancel(&k, PKS)->n_references = 0; /* has not seen what became of it */
    ASSERT_STR(says(&k), "ILLEGAL STALE_REFERENCE");
    cancel(&k, HUB)->n_references = 0;
    ASSERT_STR(says(&k), "APPLIED VERIFIED>FALSE_ALARM STALE_REFERENCE");
    desk_deinit(&k);
}

/* --- situation, acknowledgement, exercise --------------------------------------------------- */

TEST(a_later_situation_report_stands_and_may_skip) {
    DESK;
    Item *i = event_at(&k, DSK, EVENT_REPORTED);
    situation(&k, DSK, 3, EVENT_STATUS_ACTIVE);
    ASSERT_STR(says(&k), "APPLIED REPORTED>ACTIVE");
    ASSERT_EQ(i->event.situation_seq, 3);
    ASSERT_TRUE(uuid_equal(&i->event.last_situation, &k.act.message_id));
    situation(&k, DSK, 3, EVENT_STATUS_CLOSED);
    ASSERT_STR(says(&k), "NONE");
    situation(&k, DSK, 2, EVENT_STATUS_CLOSED);
    ASSERT_STR(says(&k), "NONE");
    situation(&k, DSK, 0, EVENT_STATUS_CLOSED);
    ASSERT_STR(says(&k), "NONE");
    situation(&k, UPT, 1, EVENT_STATUS_UNSPECIFIED); /* a counter of its own */
    ASSERT_STR(says(&k), "APPLIED ACTIVE>ACTIVE");
    ASSERT_STR(i->event.situation_by, UPT);
    situation(&k, UPT, 2, EVENT_STATUS_VERIFIED); /* did not know better */
    ASSERT_STR(says(&k), "APPLIED ACTIVE>ACTIVE");
    situation(&k, UPT, 3, EVENT_STATUS_FALSE_ALARM);
    ASSERT_STR(says(&k), "APPLIED ACTIVE>ACTIVE");
    situation(&k, UPT, 4, EVENT_STATUS_STABILISED);
    ASSERT_STR(says(&k), "APPLIED ACTIVE>STABILISED");
    assert_null(item_timer(i, TIMER_ACKNOWLEDGE));
    ASSERT_TRUE(!i->flagged);
    desk_deinit(&k);
}

TEST(a_status_in_a_situation_report_is_for_authorities_to_say) {
    DESK;
    Item *i = event_at(&k, PKS, EVENT_REPORTED);
    situation(&k, PKS, 1, EVENT_STATUS_REPORTED);
    ASSERT_STR(says(&k), "APPLIED REPORTED>REPORTED");
    ASSERT_TRUE(!i->flagged);
    situation(&k, PKS, 2, EVENT_STATUS_ACTIVE);
    ASSERT_STR(says(&k), "APPLIED REPORTED>REPORTED NOT_AUTHORISED");
    ASSERT_EQ(i->event.situation_seq, 2);
    ASSERT_TRUE(i->flagged);
    desk_deinit(&k);
}

TEST(acknowledgements_are_counted) {
    DESK;
    Item *i = event_at(&k, DSK, EVENT_REPORTED);
    desk_act(&k, KIND_EVENT_ACKNOWLEDGEMENT, UPT);
    ASSERT_STR(says(&k), "APPLIED REPORTED>REPORTED");
    desk_act(&k, KIND_EVENT_ACKNOWLEDGEMENT, DSP);
    (void)says(&k);
    ASSERT_EQ(i->event.n_acknowledged, 2);
    i->event.n_acknowledged = UINT32_MAX;
    desk_act(&k, KIND_EVENT_ACKNOWLEDGEMENT, HUB);
    (void)says(&k);
    ASSERT_EQ(i->event.n_acknowledged, UINT32_MAX);
    desk_deinit(&k);
}

TEST(an_exercise_stays_one_and_touches_nothing_that_is_meant) {
    DESK;
    Item *i = event_at(&k, DSK, EVENT_REPORTED);
    update(&k, DSK, EVENT_STATUS_VERIFIED);
    k.act.status = MESSAGE_STATUS_EXERCISE;
    ASSERT_STR(says(&k), "ILLEGAL ONLY_AN_EXERCISE");
    situation(&k, DSK, 1, EVENT_STATUS_VERIFIED);
    k.act.status = MESSAGE_STATUS_TEST;
    ASSERT_STR(says(&k), "ILLEGAL ONLY_AN_EXERCISE");
    desk_act(&k, KIND_EVENT_ACKNOWLEDGEMENT, UPT);
    k.act.status = MESSAGE_STATUS_EXERCISE;
    ASSERT_STR(says(&k), "ILLEGAL ONLY_AN_EXERCISE");
    ASSERT_EQ(i->event.n_acknowledged, 0);
    i->status = MESSAGE_STATUS_EXERCISE;
    update(&k, DSK, EVENT_STATUS_VERIFIED); /* takes over the mark */
    ASSERT_STR(says(&k), "APPLIED REPORTED>VERIFIED");
    ASSERT_EQ(i->status, MESSAGE_STATUS_EXERCISE);
    desk_deinit(&k);
}

/* --- timer ---------------------------------------------------------------------------------- */

TEST(missing_acknowledgements_are_told_level_by_level) {
    DESK;
    Item *i = event_at(&k, DSK, EVENT_VERIFIED);
    ASSERT_STR(desk_fires(&k, ITEM_EVENT, TIMER_ACKNOWLEDGE), "dsk/3203 cc/171 upt/phala-martha");
    ASSERT_STR(k.fired.tell[0].code, "acknowledge");
    ASSERT_EQ(item_timer(i, TIMER_ACKNOWLEDGE)->due_ms, k.now_ms + 10 * MINUTE_MS);
    ASSERT_STR(desk_fires(&k, ITEM_EVENT, TIMER_ACKNOWLEDGE),
               "dsk/3203 cc/171 hub upt/phala-martha");
    (void)desk_fires(&k, ITEM_EVENT, TIMER_ACKNOWLEDGE);
    ASSERT_EQ(item_timer(i, TIMER_ACKNOWLEDGE)->due_ms, k.now_ms + DAY_MS);
    ASSERT_TRUE(!k.fired.changed);
    i->state = EVENT_STABILISED;
    ASSERT_STR(desk_fires(&k, ITEM_EVENT, TIMER_ACKNOWLEDGE), "");
    ASSERT_EQ(i->n_timers, 0);
    desk_deinit(&k);
}

TEST(the_lead_is_told_too) {
    DESK;
    desk_item(&k, ITEM_EVENT);
    (void)text_copy(alert(&k, PKS, EVENT_REPORTED)->lead_node, NODE_NAME_SIZE, DSK);
    (void)says(&k);
    ASSERT_STR(desk_fires(&k, ITEM_EVENT, TIMER_ACKNOWLEDGE),
               "pks/3203052001 dsk/3203 cc/171 upt/phala-martha");
    ASSERT_STR(desk_fires(&k, ITEM_EVENT, TIMER_ACKNOWLEDGE), "pks/3203052001 dsk/3203 cc/171 hub");
    desk_deinit(&k);
}

/* --- nonsense ------------------------------------------------------------------------------- */

TEST(no_sequence_of_acts_breaks_an_event) {
    static const char *const actors[] = { PKS, DSK, DSP, UPT, HUB, "int/siks", "no/such" };
    DESK;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t dice = seed;
        Item *i = desk_item(&k, ITEM_EVENT);
        for (int n = 0; n < 40; n++) {
            const char *actor = actors[desk_random(&dice, ARRAY_SIZE(actors))];
            const int status = (int)desk_random(&dice, 9);
            switch (desk_random(&dice, 6)) {
            case 0:
                alert(&k, actor, status);
                break;
            case 1:
            case 2:
                update(&k, actor, status)->n_references = desk_random(&dice, 20);
                break;
            case 3:
                cancel(&k, actor)->message_type = (uint8_t)desk_random(&dice, 4);
                break;
            case 4:
                situation(&k, actor, desk_random(&dice, 5), status);
                break;
            default:
                desk_act(&k, (int)desk_random(&dice, 93), actor);
                break;
            }
            k.act.status = (uint8_t)(desk_random(&dice, 10) == 0);
            const Item before = *i;
            (void)says(&k);
            assert_in_range(i->state, EVENT_NONE, EVENT_FALSE_ALARM);
            ASSERT_EQ(i->final, i->state >= EVENT_CLOSED);
            ASSERT_EQ(i->owes[0] != '\0', i->state != EVENT_NONE && !i->final);
            ASSERT_TRUE(i->state == EVENT_NONE || i->custodian[0] != '\0');
            ASSERT_TRUE(i->state < EVENT_STABILISED || i->n_timers == 0);
            ASSERT_TRUE(before.state == EVENT_NONE || i->state >= before.state);
            ASSERT_TRUE(!before.final || i->state == before.state);
            ASSERT_TRUE(before.state == EVENT_NONE || i->status == before.status);
        }
    }
    desk_deinit(&k);
}

TEST_MAIN
