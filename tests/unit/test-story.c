/* SPDX-License-Identifier: Apache-2.0 */

/* Which items an act touches, how it is counted there, and what holds whatever people send. */

#include "test.h"

#include "machine-fixture.h"

/* --- keys --- */

#define CASE                                                                                       \
    {                                                                                              \
        { 0xc }                                                                                    \
    }
#define OTHER                                                                                      \
    {                                                                                              \
        { 0xe }                                                                                    \
    }

/* "referral:own case" : kinds with which id they carry. */
static const char *keys_of(const Act *a, char *ret, size_t size) {
    ItemKey keys[ACT_ITEMS_MAX];
    const uint32_t n = act_keys(a, keys);
    size_t used = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        const Uuid other = OTHER, node = item_node_id("dsk/3308"), own = item_node_id(a->actor);
        const char *which = uuid_equal(&keys[i].id, &a->message_id) ? "message"
                            : uuid_equal(&keys[i].id, &a->case_id)  ? "case"
                            : uuid_equal(&keys[i].id, &other)       ? "other"
                            : uuid_equal(&keys[i].id, &node)        ? "dsk/3308"
                            : uuid_equal(&keys[i].id, &own)         ? "actor"
                                                                    : "?";
        used += (size_t)snprintf(ret + used, size - used, i ? " %s=%s" : "%s=%s",
                                 item_kind_name((int)keys[i].kind), which);
        for (uint32_t k = 0; k < i; k++)
            assert_int_not_equal(keys[k].kind, keys[i].kind);
    }
    return ret;
}

static void name_other(Facts *f, int kind) {
    const Uuid other = OTHER;
    switch (kind) {
    case KIND_REFERRAL_RESPONSE:
        f->response.referral_id = other;
        break;
    case KIND_REFERRAL_UPDATE:
        f->update.referral_id = other;
        break;
    case KIND_HANDOVER_MINUTES:
        f->handover.referral_id = other;
        break;
    case KIND_FAMILY_FOLLOW_UP:
        f->follow_up.referral_id = other;
        break;
    case KIND_COMPLAINT_UPDATE:
        f->complaint_update.complaint_id = other;
        break;
    case KIND_EXTRAORDINARY_EVENT:
        f->event.event_id = other;
        break;
    case KIND_EVENT_SITUATION:
        f->situation.event_id = other;
        break;
    case KIND_EVENT_ACKNOWLEDGEMENT:
        f->acknowledgement.event_id = other;
        break;
    case KIND_CASE_RESPONSE:
        f->case_response.event_id = other;
        break;
    case KIND_CASE_OPENED:
        f->opened.origin_id = other;
        break;
    case KIND_DTKS_RESULT:
        f->proposal_result.proposal_id = other;
        break;
    case KIND_SUPERVISION_NOTICE:
        strcpy(f->supervision.about_node, "dsk/3308");
        break;
    case KIND_SUPERVISION_ASSISTANCE_REQUEST:
        strcpy(f->assistance.regency, "3308");
        break;
    case KIND_NODE_RECORD:
        strcpy(f->node.id, "dsk/3308");
        break;
    default:
        break;
    }
}

TEST(every_kind_of_act_has_its_items) {
    static const struct {
        int kind, detail; /* access source, or complaint action */
        const char *bare, *named;
    } rows[] = {
        { KIND_REFERRAL_REQUEST, 0, "referral=message case=case", "referral=message case=case" },
        { KIND_REFERRAL_RESPONSE, 0, "case=case", "referral=other case=case" },
        { KIND_REFERRAL_UPDATE, 0, "case=case", "referral=other case=case" },
        { KIND_HANDOVER_MINUTES, 0, "case=case", "referral=other case=case" },
        { KIND_FAMILY_FOLLOW_UP, 0, "case=case", "referral=other case=case" },
        { KIND_COMPLAINT, 0, "complaint=message", "complaint=message" },
        { KIND_COMPLAINT_UPDATE, COMPLAINT_ACTION_ASSIGN, "", "complaint=other" },
        { KIND_COMPLAINT_UPDATE, COMPLAINT_ACTION_CONVERT, "case=case",
          "complaint=other case=case" },
        { KIND_EXTRAORDINARY_EVENT, 0, "event=message", "event=other" },
        { KIND_EVENT_SITUATION, 0, "", "event=other" },
        { KIND_EVENT_ACKNOWLEDGEMENT, 0, "", "event=other" },
        { KIND_CASE_RESPONSE, 0, "case=case", "event=other case=case" },
        { KIND_OUTREACH_FINDING, 0, "case=case", "case=case" },
        { KIND_CASE_OPENED, 0, "case=case", "case=case" },
        { KIND_CASE_OPENED, ACCESS_SOURCE_REFERRAL, "case=case", "referral=other case=case" },
        { KIND_CASE_OPENED, ACCESS_SOURCE_COMPLAINT_REPORT, "case=case",
          "complaint=other case=case" },
        { KIND_CASE_OPENED, ACCESS_SOURCE_CASE_OUTREACH, "case=case", "case=case" },
        { KIND_CASE_STAGE_UPDATE, 0, "case=case", "case=case" },
        { KIND_CASE_CONFERENCE, 0, "case=case", "case=case" },
        { KIND_AFTERCARE, 0, "case=case", "case=case" },
        { KIND_TERMINATION, 0, "case=case", "case=case" },
        { KIND_CASE_TRANSFER, 0, "referral=message case=case", "referral=message case=case" },
        { KIND_DTKS_PROPOSAL, 0, "proposal=message case=case", "proposal=message case=case" },
        { KIND_DTKS_RESULT, 0, "case=case", "proposal=other case=case" },
        { KIND_TIERED_REPORT, 0, "node=actor", "node=actor" },
        { KIND_SUPERVISION_NOTICE, 0, "", "node=dsk/3308" },
        { KIND_SUPERVISION_ASSISTANCE_REQUEST, 0, "", "node=dsk/3308" },
        { KIND_NODE_RECORD, 0, "node=actor", "node=dsk/3308" },
        { KIND_CAPACITY_UPDATE, 0, "node=actor", "node=actor" },
        { KIND_DATA_SUBJECT_ACTION, 0, "", "" },
        { KIND_RECEIPT, 0, "", "" },
        { KIND_NOTICE, 0, "", "" },
        { 12345, 0, "", "" },
        { -1, 0, "", "" },
    };
    char text[128];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (int named = 0; named < 2; named++) {
            Facts f = { .readable = true };
            const Act a = { .message_id = { { 0xa } },
                            .case_id = CASE,
                            .kind = rows[i].kind,
                            .actor = "dsp/33",
                            .facts = &f };
            if (named)
                name_other(&f, rows[i].kind);
            if (rows[i].kind == KIND_CASE_OPENED)
                f.opened.access_source = (uint8_t)rows[i].detail;
            if (rows[i].kind == KIND_COMPLAINT_UPDATE)
                f.complaint_update.action = (uint8_t)rows[i].detail;
            ASSERT_STR(keys_of(&a, text, sizeof(text)), named ? rows[i].named : rows[i].bare);
        }
}

TEST(a_response_names_its_case_in_the_facts_when_the_envelope_does_not) {
    Facts f = { .case_response = { .case_id = OTHER } };
    const Act a = { .message_id = { { 0xa } }, .kind = KIND_CASE_RESPONSE, .facts = &f };
    char text[128];
    ASSERT_STR(keys_of(&a, text, sizeof(text)), "case=other");
}

/* --- counting --- */

TEST(an_act_is_counted_where_it_says_something) {
    Desk k;
    desk_init(&k);
    Item *r = desk_item(&k, ITEM_REFERRAL), *c = desk_item(&k, ITEM_COMPLAINT);
    (void)desk_act(&k, KIND_REFERRAL_RESPONSE, "dsp/32");
    ASSERT_STR(desk_says(&k, ITEM_REFERRAL), "EARLY");
    ASSERT_EQ(r->n_acts, 1);
    ASSERT_EQ(r->n_early, 1);
    ASSERT_EQ(c->n_acts, 0);
    ASSERT_EQ(k.steps[ITEM_COMPLAINT].verdict, STEP_NONE);
    ASSERT_EQ(k.steps[ITEM_CASE].verdict, STEP_NONE); /* not on the desk */

    (void)desk_act(&k, KIND_REFERRAL_REQUEST, "dsk/3203");
    (void)text_copy(k.act.target, sizeof(k.act.target), "dsp/32");
    ASSERT_STR(desk_says(&k, ITEM_REFERRAL), "APPLIED NONE>SUBMITTED");
    ASSERT_TRUE(!r->flagged && r->n_acts == 2 && r->n_early == 1);
    ASSERT_EQ(r->changed_ms, k.now_ms);
    ASSERT_EQ(r->opened_ms, k.now_ms);
    ASSERT_STR(r->rule_set, "2021-09");

    desk_act(&k, KIND_REFERRAL_UPDATE, "dsk/3204")->update.action = REFERRAL_ACTION_CANCEL;
    ASSERT_STR(desk_says(&k, ITEM_REFERRAL), "ILLEGAL NOT_THE_REQUESTER");
    ASSERT_TRUE(r->flagged && r->n_acts == 3 && r->n_early == 1);
    ASSERT_EQ(r->changed_ms, r->opened_ms);
    desk_deinit(&k);
}

TEST(an_accepted_transfer_moves_referral_and_case_in_one_step) {
    Desk k;
    desk_init(&k);
    (void)desk_item(&k, ITEM_CASE);
    Facts *f = desk_act(&k, KIND_CASE_OPENED, "upt/satria");
    f->opened.access_source = ACCESS_SOURCE_CASE_OUTREACH;
    f->opened.case_manager = (Staff) { .present = true, .role = HR_ROLE_SOCIAL_WORKER };
    (void)desk_says(&k, ITEM_CASE);
    ASSERT_STR(k.items[ITEM_CASE].custodian, "upt/satria");

    (void)desk_item(&k, ITEM_REFERRAL);
    f = desk_act(&k, KIND_CASE_TRANSFER, "upt/satria");
    (void)text_copy(f->transfer.to_node, NODE_NAME_SIZE, "upt/phala-martha");
    ASSERT_STR(desk_says(&k, ITEM_REFERRAL), "APPLIED NONE>SUBMITTED");
    ASSERT_STR(k.items[ITEM_CASE].custodian, "upt/satria");
    f = desk_act(&k, KIND_REFERRAL_RESPONSE, "upt/phala-martha");
    f->response.decision = REFERRAL_DECISION_ACCEPTED;
    ASSERT_STR(desk_says(&k, ITEM_CASE), "APPLIED STAGE_1>TRANSFERRED");
    ASSERT_STR(k.items[ITEM_CASE].custodian, "upt/phala-martha");
    ASSERT_STR(k.items[ITEM_REFERRAL].custodian, "upt/phala-martha");
    desk_deinit(&k);
}

/* --- timers --- */

TEST(timers_keep_their_order_and_their_number) {
    Item i = { .kind = ITEM_REFERRAL };
    for (int kind = 1; kind <= 8; kind++)
        item_timer_set(&i, (TimerKind)kind, kind * 100);
    item_timer_set(&i, TIMER_DTKS, 5); /* one too many: left out */
    ASSERT_EQ(i.n_timers, ITEM_TIMERS_MAX);
    ASSERT_TRUE(!item_timer(&i, TIMER_DTKS));
    item_timer_stop(&i, (TimerKind)3);
    item_timer_stop(&i, (TimerKind)3);
    ASSERT_EQ(i.n_timers, 7);
    ASSERT_EQ(i.timers[2].kind, 4);
    ASSERT_EQ(i.timers[6].kind, 8);
    ASSERT_EQ(i.timers[7].kind, 0);
    item_timer_set(&i, (TimerKind)4, 999);
    ASSERT_EQ(i.n_timers, 7);
    ASSERT_EQ(item_timer(&i, (TimerKind)4)->due_ms, 999);
    item_timer_set(&i, (TimerKind)4, 0); /* no such term */
    ASSERT_TRUE(!item_timer(&i, (TimerKind)4));
    item_timers_stop_all(&i);
    ASSERT_EQ(i.n_timers, 0);
}

TEST(a_timer_that_does_not_run_fires_nothing) {
    Desk k;
    desk_init(&k);
    for (int kind = ITEM_NONE; kind < ITEM_KINDS; kind++)
        for (int timer = 0; timer < TIMER_KINDS; timer++) {
            Item i = { .kind = (ItemKind)kind };
            story_fire(&k.ctx, &i, (TimerKind)timer, k.now_ms, &k.fired);
            ASSERT_TRUE(k.fired.n == 0 && !k.fired.changed && i.n_timers == 0);
        }
    desk_deinit(&k);
}

TEST(a_timer_of_another_kind_of_item_is_stopped) {
    static const ItemKind kinds[] = { ITEM_REFERRAL, ITEM_COMPLAINT };
    Desk k;
    desk_init(&k);
    for (size_t n = 0; n < ARRAY_SIZE(kinds); n++) {
        Item i = { .kind = kinds[n] };
        item_timer_set(&i, TIMER_MONITORING, k.now_ms);
        story_fire(&k.ctx, &i, TIMER_MONITORING, k.now_ms, &k.fired);
        ASSERT_TRUE(i.n_timers == 0 && k.fired.n == 0);
    }
    desk_deinit(&k);
}

/* --- what holds whatever people send --- */

#define ACTS 40U

/* The last is nobody: no sender, but a name left out of the facts. */
static const char *const people[] = { "dsk/3203",
                                      "uptd/32/pa-02",
                                      "dsp/32",
                                      "dsk/3204",
                                      "upt/satria",
                                      "upt/phala-martha",
                                      "nobody/known",
                                      "min/rehsos",
                                      "pks/3203052001",
                                      "cc/171",
                                      "" };

static const char *somebody(uint64_t *seed) {
    return people[desk_random(seed, ARRAY_SIZE(people))];
}

static CivilDate some_day(uint64_t *seed) {
    if (desk_random(seed, 3) == 0)
        return (CivilDate) { 0 };
    return civil_from_days(20100 + desk_random(seed, 200));
}

static void some_documents(Documents *d, uint64_t *seed) {
    for (uint32_t n = desk_random(seed, 8); n > 0; n--)
        d->of[desk_random(seed, DOCUMENT_TYPES)].present = true;
}

/* Facts as a stranger or a fool would fill them; kinds other than those stay empty. */
static void some_facts(Facts *f, int kind, uint64_t *seed) {
    switch (kind) {
    case KIND_REFERRAL_REQUEST:
        f->request.referral_kind = (uint8_t)desk_random(seed, 13);
        f->request.emergency = desk_random(seed, 3) == 0;
        f->request.docs_due_on = some_day(seed);
        f->request.requested_on = some_day(seed);
        some_documents(&f->request.documents, seed);
        if (desk_random(seed, 2))
            f->request.parent_referral_id = (Uuid) { { 0x1, ITEM_REFERRAL } };
        break;
    case KIND_REFERRAL_RESPONSE:
        f->response.decision = (uint8_t)desk_random(seed, 11);
        f->response.missing = desk_random(seed, 64);
        f->response.placement_from = some_day(seed);
        (void)text_copy(f->response.redirect_to, NODE_NAME_SIZE, somebody(seed));
        break;
    case KIND_REFERRAL_UPDATE:
        f->update.action = (uint8_t)desk_random(seed, 5);
        some_documents(&f->update.documents, seed);
        break;
    case KIND_HANDOVER_MINUTES:
        f->handover.handed_over_on = some_day(seed);
        f->handover.interval_days = desk_random(seed, 200);
        some_documents(&f->handover.documents, seed);
        (void)text_copy(f->handover.received_by, NODE_NAME_SIZE, somebody(seed));
        break;
    case KIND_FAMILY_FOLLOW_UP:
        f->follow_up.visited_on = some_day(seed);
        f->follow_up.next_on = some_day(seed);
        f->follow_up.outcome = (uint8_t)desk_random(seed, 5);
        break;
    case KIND_COMPLAINT:
        f->complaint.type = (uint8_t)desk_random(seed, 5);
        f->complaint.harm_now = desk_random(seed, 4) == 0;
        (void)text_copy(f->complaint.about_node, NODE_NAME_SIZE, somebody(seed));
        break;
    case KIND_COMPLAINT_UPDATE:
        f->complaint_update.action = (uint8_t)desk_random(seed, 13);
        f->complaint_update.type = (uint8_t)desk_random(seed, 5);
        f->complaint_update.inspection = desk_random(seed, 2);
        f->complaint_update.new_case_id.b[0] = (uint8_t)desk_random(seed, 2);
        (void)text_copy(f->complaint_update.assignee, NODE_NAME_SIZE, somebody(seed));
        break;
    case KIND_CASE_OPENED:
        f->opened.access_source = (uint8_t)(1 + desk_random(seed, 2));
        break;
    default:
        break;
    }
}

static int some_kind(ItemKind item, bool opened, uint64_t *seed) {
    static const int referral[] = { KIND_REFERRAL_RESPONSE, KIND_REFERRAL_UPDATE,
                                    KIND_HANDOVER_MINUTES,  KIND_FAMILY_FOLLOW_UP,
                                    KIND_CASE_OPENED,       KIND_REFERRAL_REQUEST };
    static const int complaint[] = { KIND_COMPLAINT_UPDATE, KIND_COMPLAINT_UPDATE,
                                     KIND_COMPLAINT_UPDATE, KIND_COMPLAINT_UPDATE,
                                     KIND_CASE_OPENED,      KIND_COMPLAINT };
    const bool open_now = !opened && desk_random(seed, 3) == 0;
    if (item == ITEM_COMPLAINT)
        return open_now ? KIND_COMPLAINT : complaint[desk_random(seed, ARRAY_SIZE(complaint))];
    if (open_now)
        return desk_random(seed, 6) ? KIND_REFERRAL_REQUEST : KIND_CASE_TRANSFER;
    return referral[desk_random(seed, ARRAY_SIZE(referral))];
}

/* Mostly whoever has to act, so that stories get somewhere. */
static const char *some_actor(const Item *i, uint64_t *seed) {
    const char *const likely[] = { i->owes, i->custodian, i->keeper };
    const char *who = likely[desk_random(seed, ARRAY_SIZE(likely))];
    return desk_random(seed, 5) && who[0] ? who : people[desk_random(seed, ARRAY_SIZE(people) - 1)];
}

static void holds(const Item *i, const Item *before, const Step *s) {
    uint8_t packed[ITEM_PACKED_MAX];
    Item again;
    const size_t n = item_pack(i, packed, sizeof(packed));
    assert_true(n > 0);
    assert_true(item_unpack(bytes_make(packed, n), &again));
    assert_true(item_equal(i, &again));
    assert_true(i->n_timers <= ITEM_TIMERS_MAX);
    assert_true(i->n_early <= i->n_acts);
    assert_int_not_equal(item_state_name((int)i->kind, i->state)[0], '\0');
    if (i->state > 0)
        assert_int_not_equal(i->custodian[0], '\0');
    if (i->final)
        assert_true(i->n_timers == 0 && i->owes[0] == '\0');
    else if (i->state > 0)
        assert_int_not_equal(i->owes[0], '\0');
    if (before->final && !i->final)
        assert_true(i->kind == ITEM_COMPLAINT && before->state == COMPLAINT_CLOSED);
    if (s && s->verdict != STEP_APPLIED)
        assert_true(i->state == before->state && i->n_timers == before->n_timers);
    if (s && s->verdict == STEP_ILLEGAL)
        assert_true(i->flagged && s->why);
    if (i->kind == ITEM_REFERRAL && i->state > 0 && i->state <= REFERRAL_PLACED_PROVISIONAL)
        assert_string_equal(i->custodian, i->referral.requester);
}

typedef struct Record {
    size_t n[ACTS];
    uint8_t packed[ACTS][ACT_PACKED_MAX];
} Record;

static void one_story(Desk *k, ItemKind kind, Record *record, const Item *parent, bool with_timers,
                      uint64_t *seed) {
    Item *i = desk_item(k, kind);
    k->now_ms = SAMPLE_NOW;
    k->touched.parent = parent;
    for (uint32_t n = 0; n < ACTS; n++) {
        Item before = *i;
        char actor[NODE_NAME_SIZE];
        (void)text_copy(actor, sizeof(actor), some_actor(i, seed));
        Facts *f = desk_act(k, some_kind(kind, i->state > 0, seed), actor);
        k->now_ms += desk_random(seed, 20) * DAY_MS / 4;
        k->act.at_ms = k->act.said_ms = k->now_ms;
        k->act.expires_ms = k->now_ms + desk_random(seed, 60) * DAY_MS;
        k->act.urgency = (uint8_t)desk_random(seed, 6);
        k->act.status = desk_random(seed, 20) == 0;
        (void)text_copy(k->act.target, NODE_NAME_SIZE, people[desk_random(seed, 6)]);
        some_facts(f, k->act.kind, seed);
        record->n[n] = act_pack(&k->act, record->packed[n], ACT_PACKED_MAX);
        assert_true(record->n[n] > 0);
        (void)desk_says(k, kind);
        holds(i, &before, &k->steps[kind]);
        if (!with_timers || i->n_timers == 0 || desk_random(seed, 2))
            continue;
        before = *i;
        const Timer t = i->timers[desk_random(seed, i->n_timers)];
        story_fire(&k->ctx, i, (TimerKind)t.kind, t.due_ms, &k->fired);
        holds(i, &before, NULL);
        const Timer *next = item_timer(i, (TimerKind)t.kind);
        assert_true(!next || next->due_ms > t.due_ms);
        (void)story_collected(&k->ctx, i, somebody(seed), k->now_ms);
        holds(i, &before, NULL);
    }
}

TEST(random_stories_never_break_what_must_hold) {
    static const ItemKind kinds[] = { ITEM_REFERRAL, ITEM_COMPLAINT };
    static Record record;
    uint32_t ends[2][32] = { { 0 } };
    for (uint64_t start = 1; start <= 1500; start++)
        for (size_t n = 0; n < ARRAY_SIZE(kinds); n++) {
            uint64_t seed = start;
            Desk k;
            desk_init(&k);
            one_story(&k, kinds[n], &record, NULL, true, &seed);
            ends[n][k.items[kinds[n]].state]++;
            desk_deinit(&k);
        }
    /* The walk is worth something only if it gets everywhere. */
    for (int at = REFERRAL_COMPLETED; at < REFERRAL_UNDELIVERABLE; at++)
        assert_int_not_equal(ends[0][at], 0);
    for (int at = COMPLAINT_RECEIVED; at <= COMPLAINT_REJECTED_INVALID; at++)
        assert_int_not_equal(ends[1][at], 0);
}

TEST(the_recorded_acts_folded_again_give_the_same_item) {
    static const ItemKind kinds[] = { ITEM_REFERRAL, ITEM_COMPLAINT };
    static Record record;
    for (uint64_t start = 1; start <= 500; start++)
        for (size_t n = 0; n < ARRAY_SIZE(kinds); n++) {
            uint64_t seed = start;
            Desk k;
            desk_init(&k);
            Item parent = { .kind = ITEM_REFERRAL, .id = { { 0x1, ITEM_REFERRAL } } };
            one_story(&k, ITEM_REFERRAL, &record, NULL, false, &seed);
            parent = k.items[ITEM_REFERRAL];
            parent.id = (Uuid) { { 0x1, ITEM_REFERRAL } };
            k.touched = (Items) { 0 };
            one_story(&k, kinds[n], &record, &parent, false, &seed);
            const Item first = k.items[kinds[n]];
            (void)desk_item(&k, kinds[n]);
            for (uint32_t a = 0; a < ACTS; a++) {
                ASSERT_TRUE(
                    act_unpack(bytes_make(record.packed[a], record.n[a]), &k.act, &k.facts));
                (void)desk_says(&k, kinds[n]);
            }
            ASSERT_TRUE(item_equal(&first, &k.items[kinds[n]]));
            desk_deinit(&k);
        }
}

TEST_MAIN
