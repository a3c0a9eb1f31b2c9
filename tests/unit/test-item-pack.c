/* SPDX-License-Identifier: Apache-2.0 */

/* Items and acts in packed form, their names, and what is taken of a message. */

#include "test.h"

#include "machine-fixture.h"

/* --- names --- */

TEST(every_kind_and_state_has_a_name) {
    static const struct {
        int kind, n;
        const char *name, *last;
    } rows[] = {
        { ITEM_REFERRAL, REFERRAL_UNDELIVERABLE, "referral", "UNDELIVERABLE" },
        { ITEM_COMPLAINT, COMPLAINT_REJECTED_INVALID, "complaint", "REJECTED_INVALID" },
        { ITEM_CASE, CASE_TRANSFERRED, "case", "TRANSFERRED" },
        { ITEM_EVENT, EVENT_FALSE_ALARM, "event", "FALSE_ALARM" },
        { ITEM_PROPOSAL, PROPOSAL_LISTED, "proposal", "LISTED" },
        { ITEM_NODE, OVERSIGHT_KNOWN, "node", "KNOWN" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ASSERT_STR(item_kind_name(rows[i].kind), rows[i].name);
        ASSERT_STR(item_state_name(rows[i].kind, 0), "NONE");
        ASSERT_STR(item_state_name(rows[i].kind, rows[i].n), rows[i].last);
        ASSERT_STR(item_state_name(rows[i].kind, rows[i].n + 1), "");
        ASSERT_STR(item_state_name(rows[i].kind, -1), "");
        for (int at = 0; at <= rows[i].n; at++)
            assert_int_not_equal(item_state_name(rows[i].kind, at)[0], '\0');
    }
    ASSERT_STR(item_kind_name(ITEM_NONE), "");
    ASSERT_STR(item_kind_name(ITEM_KINDS), "");
    ASSERT_STR(item_state_name(ITEM_KINDS, 1), "");
    ASSERT_STR(item_state_name(ITEM_REFERRAL, REFERRAL_PLACED_PROVISIONAL), "PLACED_PROVISIONAL");
    ASSERT_STR(item_state_name(ITEM_CASE, 3), "STAGE_3");
}

TEST(a_node_has_an_id_of_its_own_that_stays) {
    const Uuid one = item_node_id("dsk/3203"), same = item_node_id("dsk/3203");
    const Uuid two = item_node_id("dsk/3204");
    ASSERT_TRUE(uuid_equal(&one, &same) && !uuid_equal(&one, &two));
    ASSERT_EQ(one.b[0], 0x6b); /* as it is stored */
}

/* --- items --- */

static void fill(char *text, size_t size) {
    memset(text, 'x', size - 1);
    text[size - 1] = '\0';
}

/* Every byte that can be is set, every name has its full length. */
static void make_largest(Item *i, ItemKind kind) {
    memset(i, 0xff, sizeof(*i));
    i->kind = kind;
    i->state = 1;
    i->final = i->flagged = true;
    i->n_timers = ITEM_TIMERS_MAX;
    for (unsigned t = 0; t < ITEM_TIMERS_MAX; t++)
        i->timers[t] = (Timer) { .kind = (uint8_t)(t + 1), .level = 255, .due_ms = -1 };
    fill(i->region, sizeof(i->region));
    fill(i->keeper, sizeof(i->keeper));
    fill(i->custodian, sizeof(i->custodian));
    fill(i->owes, sizeof(i->owes));
    fill(i->rule_set, sizeof(i->rule_set));
}

static void make_largest_part(Item *i) {
    const CivilDate day = { 9999, 12, 31 };
    switch (i->kind) {
    case ITEM_REFERRAL: {
        Referral *r = &i->referral;
        r->transfer = r->emergency = r->reunified = r->superior_decided = r->chain_unknown = true;
        r->requested_on = r->docs_due_on = r->placed_on = r->home_service_started_on = day;
        fill(r->requester, NODE_NAME_SIZE);
        fill(r->target, NODE_NAME_SIZE);
        fill(r->redirect_to, NODE_NAME_SIZE);
        for (size_t n = 0; n < ARRAY_SIZE(r->former); n++)
            fill(r->former[n], NODE_NAME_SIZE);
        break;
    }
    case ITEM_COMPLAINT: {
        Complaint *c = &i->complaint;
        c->anonymous = c->harm_now = c->inspection = c->resolved = c->closed_by_silence = true;
        fill(c->origin, NODE_NAME_SIZE);
        fill(c->about_node, NODE_NAME_SIZE);
        fill(c->assignee, NODE_NAME_SIZE);
        for (size_t n = 0; n < ARRAY_SIZE(c->former); n++)
            fill(c->former[n], NODE_NAME_SIZE);
        break;
    }
    case ITEM_CASE: {
        CaseFile *c = &i->case_file;
        c->provisional = c->emergency = c->aftercare = c->dtks_proposed = c->in_home = true;
        c->food_since = c->placed_on = day;
        fill(c->provider, NODE_NAME_SIZE);
        fill(c->home_dsk, NODE_NAME_SIZE);
        fill(c->forward_to, NODE_NAME_SIZE);
        break;
    }
    case ITEM_EVENT:
        i->event.declared = i->event.cancelled = true;
        fill(i->event.lead_node, NODE_NAME_SIZE);
        fill(i->event.situation_by, NODE_NAME_SIZE);
        break;
    case ITEM_PROPOSAL:
        fill(i->proposal.proposer, NODE_NAME_SIZE);
        break;
    default:
        fill(i->oversight.node, NODE_NAME_SIZE);
        break;
    }
}

TEST(the_largest_item_fits_and_comes_back_whole) {
    for (int kind = ITEM_REFERRAL; kind < ITEM_KINDS; kind++) {
        uint8_t packed[ITEM_PACKED_MAX];
        Item i, back;
        make_largest(&i, (ItemKind)kind);
        make_largest_part(&i);
        const size_t n = item_pack(&i, packed, sizeof(packed));
        assert_true(n > 0);
        ASSERT_EQ(item_pack(&i, packed, n - 1), 0);
        assert_true(item_unpack(bytes_make(packed, n), &back));
        assert_true(item_equal(&i, &back));
        ASSERT_EQ(back.timers[7].due_ms, -1);
        ASSERT_STR(back.custodian, i.custodian);
        for (size_t cut = 0; cut < n; cut++) { /* a part is no item, or one that ends earlier */
            Item part;
            assert_true(!item_unpack(bytes_make(packed, cut), &part) || !item_equal(&i, &part));
        }
        if (kind == ITEM_REFERRAL) {
            ASSERT_STR(back.referral.former[2], i.referral.former[2]);
            ASSERT_EQ(back.referral.reached, 255);
            ASSERT_EQ(back.referral.dtks_status, 255);
            ASSERT_EQ(civil_compare(back.referral.home_service_started_on,
                                    i.referral.home_service_started_on),
                      0);
        }
    }
}

/* Every byte that is set can be told from one that is not, but for the padding between members: a
 * member without a row in the table makes these numbers larger. */
TEST(no_member_is_left_out) {
    static const struct {
        size_t end;
        unsigned padding;
    } rows[ITEM_KINDS] = {
        [ITEM_REFERRAL] = { offsetof(Item, referral) + sizeof(Referral), 10 },
        [ITEM_COMPLAINT] = { offsetof(Item, complaint) + sizeof(Complaint), 8 },
        [ITEM_CASE] = { offsetof(Item, case_file) + sizeof(CaseFile), 9 },
        [ITEM_EVENT] = { offsetof(Item, event) + sizeof(Event), 19 },
        [ITEM_PROPOSAL] = { offsetof(Item, proposal) + sizeof(Proposal), 8 },
        [ITEM_NODE] = { offsetof(Item, oversight) + sizeof(Oversight), 19 },
    };
    for (int kind = ITEM_REFERRAL; kind < ITEM_KINDS; kind++) {
        Item whole;
        unsigned silent = 0;
        make_largest(&whole, (ItemKind)kind);
        make_largest_part(&whole);
        for (size_t at = offsetof(Item, id); at < rows[kind].end; at++) {
            const bool in_timers =
                at >= offsetof(Item, timers) && at < offsetof(Item, timers) + sizeof(whole.timers);
            Item other = whole;
            ((uint8_t *)&other)[at] = 0;
            silent += !in_timers && ((uint8_t *)&whole)[at] && item_equal(&whole, &other);
        }
        ASSERT_EQ(silent, rows[kind].padding);
    }
}

TEST(what_is_no_item_is_not_packed) {
    uint8_t packed[ITEM_PACKED_MAX];
    Item i = { .kind = ITEM_NONE };
    ASSERT_EQ(item_pack(&i, packed, sizeof(packed)), 0);
    i.kind = ITEM_KINDS;
    ASSERT_EQ(item_pack(&i, packed, sizeof(packed)), 0);
}

TEST(a_day_that_is_none_is_not_kept) {
    uint8_t packed[ITEM_PACKED_MAX];
    Item i = { .kind = ITEM_REFERRAL, .state = 1 }, back;
    i.referral.requested_on = (CivilDate) { 2025, 13, 45 };
    ASSERT_TRUE(item_unpack(bytes_make(packed, item_pack(&i, packed, sizeof(packed))), &back));
    ASSERT_TRUE(!civil_is_set(back.referral.requested_on));
}

/* --- any bytes --- */

static bool read_anything(Bytes b) {
    uint8_t packed[ITEM_PACKED_MAX];
    Item item, again;
    Act act;
    static Facts facts;
    const bool is_act = act_unpack(b, &act, &facts);
    if (is_act) {
        ItemKey keys[ACT_ITEMS_MAX];
        assert_in_range(act_keys(&act, keys), 0, ACT_ITEMS_MAX);
    }
    if (!item_unpack(b, &item))
        return is_act;
    const size_t n = item_pack(&item, packed, sizeof(packed));
    assert_true(n > 0 && item_unpack(bytes_make(packed, n), &again));
    assert_true(item_equal(&item, &again));
    return true;
}

TEST(any_bytes_are_refused_or_read_the_same_again) {
    uint64_t seed = 7;
    unsigned read = 0;
    for (unsigned turn = 0; turn < 30000; turn++) {
        uint8_t bytes[96] = { 1, (uint8_t)(1 + desk_random(&seed, 6)) };
        const size_t n = desk_random(&seed, sizeof(bytes));
        for (size_t i = 2; i < n; i++)
            bytes[i] = (uint8_t)desk_random(&seed, desk_random(&seed, 2) ? 4 : 256);
        read += read_anything(bytes_make(bytes, n));
    }
    assert_int_not_equal(read, 0);
}

TEST(flipped_bits_are_refused_or_read_the_same_again) {
    uint8_t packed[ITEM_PACKED_MAX];
    Item i;
    make_largest(&i, ITEM_REFERRAL);
    make_largest_part(&i);
    const size_t n = item_pack(&i, packed, sizeof(packed));
    for (size_t bit = 0; bit < n * 8; bit++) {
        packed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        (void)read_anything(bytes_make(packed, n));
        packed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    Item back;
    packed[0] = 2; /* a form of the future */
    ASSERT_TRUE(!item_unpack(bytes_make(packed, n), &back));
    ASSERT_TRUE(!item_unpack(bytes_make(NULL, 0), &back));
    static const uint8_t no_state[] = { 1, ITEM_REFERRAL, 2, 99 };
    ASSERT_TRUE(!item_unpack(bytes_make(no_state, sizeof(no_state)), &back));
    static const uint8_t twice[] = { 1, ITEM_REFERRAL, 2, 1, 2, 1 };
    ASSERT_TRUE(item_unpack(bytes_make(twice, 4), &back));
    ASSERT_TRUE(!item_unpack(bytes_make(twice, sizeof(twice)), &back));
}

/* --- acts --- */

TEST(an_act_comes_back_whole) {
    uint8_t packed[ACT_PACKED_MAX];
    Facts facts = { .readable = true }, back_facts;
    facts.response = (ReferralResponseFacts) { .referral_id = { { 3 } },
                                               .decision = REFERRAL_DECISION_REDIRECTED,
                                               .redirect_to = "upt/satria" };
    Act a = { .message_id = { { 1 } },
              .case_id = { { 2 } },
              .correlation_id = { { 3 } },
              .causation_id = { { 4 } },
              .kind = KIND_REFERRAL_RESPONSE,
              .region = "3203052001",
              .cluster = 1,
              .urgency = 2,
              .sensitivity = 3,
              .status = 1,
              .said_ms = SAMPLE_NOW,
              .at_ms = SAMPLE_NOW + 1,
              .expires_ms = -5,
              .facts = &facts },
        back;
    fill(a.actor, sizeof(a.actor));
    fill(a.target, sizeof(a.target));
    const size_t n = act_pack(&a, packed, sizeof(packed));
    assert_true(n > 0);
    ASSERT_EQ(act_pack(&a, packed, 40), 0);
    ASSERT_EQ(act_pack(&a, packed, n - 1), 0);
    ASSERT_TRUE(act_unpack(bytes_make(packed, n), &back, &back_facts));
    ASSERT_TRUE(uuid_equal(&a.message_id, &back.message_id));
    ASSERT_TRUE(uuid_equal(&a.case_id, &back.case_id));
    ASSERT_TRUE(uuid_equal(&a.correlation_id, &back.correlation_id));
    ASSERT_TRUE(uuid_equal(&a.causation_id, &back.causation_id));
    ASSERT_STR(back.actor, a.actor);
    ASSERT_STR(back.target, a.target);
    ASSERT_STR(back.region, a.region);
    ASSERT_EQ(back.kind, a.kind);
    ASSERT_TRUE(back.cluster == 1 && back.urgency == 2 && back.sensitivity == 3);
    ASSERT_EQ(back.status, 1);
    ASSERT_TRUE(back.said_ms == a.said_ms && back.at_ms == a.at_ms && back.expires_ms == -5);
    ASSERT_TRUE(back.facts == &back_facts);
    ASSERT_STR(back_facts.response.redirect_to, "upt/satria");
    ASSERT_EQ(back_facts.response.decision, REFERRAL_DECISION_REDIRECTED);
    a.facts = NULL; /* none at all */
    a.kind = 12345;
    ASSERT_TRUE(
        act_unpack(bytes_make(packed, act_pack(&a, packed, sizeof(packed))), &back, &back_facts));
    ASSERT_EQ(back.kind, 12345);
}

TEST(the_target_of_an_act_is_the_same_on_every_broker) {
    static const Recipient to[] = { { "dsp/32", ROLE_SUPERVISOR, 0 },
                                    { "dsk/3203", ROLE_ADDRESSEE, 0 },
                                    { "dsk/3204", ROLE_ADDRESSEE, 0 } };
    _cleanup_(message_freep) Message *m = sample_message();
    Directory *d = sample_directory();
    Envelope *e = &m->env;
    Act a;
    e->kind = KIND_REFERRAL_REQUEST;
    e->expires_ms = SAMPLE_NOW + 1;
    act_of_message(d, m, to, 3, SAMPLE_NOW, &a);
    ASSERT_STR(a.target, "uptd/32/pa-02"); /* as written, not as resolved */
    ASSERT_STR(a.actor, "dsk/3203");
    ASSERT_TRUE(a.at_ms == SAMPLE_NOW && a.expires_ms == SAMPLE_NOW + 1);
    ASSERT_EQ(a.said_ms, e->created_ms);
    ASSERT_TRUE(a.facts == &m->facts);
    ASSERT_TRUE(uuid_equal(&a.message_id, &e->message_id));
    act_of_message(d, m, NULL, 0, 0, &a);
    ASSERT_STR(a.target, "uptd/32/pa-02");

    e->audience.form = AUDIENCE_ROLE;
    act_of_message(d, m, to, 3, 0, &a);
    ASSERT_STR(a.target, "dsk/3203");
    act_of_message(d, m, to, 1, 0, &a); /* supervisors only */
    ASSERT_STR(a.target, "");
    act_of_message(d, m, NULL, 0, 0, &a);
    ASSERT_STR(a.target, "");
    e->urgency = 4711; /* newer than this broker */
    act_of_message(d, m, NULL, 0, 0, &a);
    ASSERT_EQ(a.urgency, UINT8_MAX);
    directory_unref(d);
}

/* A broker that only has the supervisor's copy to hand out finds the same one. */
TEST(the_target_of_a_complaint_is_its_holder_by_law_on_every_broker) {
    static const Recipient copy[] = { { "dsp/32", ROLE_SUPERVISOR, 0 } };
    static const struct {
        const char *sender, *region, *about, *named[2], *holder;
    } rows[] = {
        { "cc/171", "3203", "", { "" }, "dsk/3203" },
        { "cc/171", "3203", "", { "uptd/32/pa-02" }, "dsk/3203" }, /* no lawful holder: added */
        { "cc/171", "3203", "", { "dsp/32", "dsk/3203" }, "dsk/3203" },
        { "cc/171", "3203052001", "", { "" }, "pks/3203052001" },
        { "cc/171", "3203052001", "", { "dsk/3203" }, "dsk/3203" },
        { "pks/3203052001", "3203052001", "", { "" }, "dsk/3203" },
        { "cc/171", "3203", "dsk/3203", { "" }, "dsp/32" },
        { "cc/171", "3203", "dsk/3203", { "dsk/3204" }, "dsp/32" },
        { "dsk/3203", "3203", "", { "uptd/32/pa-02" }, "uptd/32/pa-02" }, /* passed on */
        { "cc/171", "", "", { "nobody/known" }, "hub" },                  /* the last resort */
    };
    Directory *d = sample_directory();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(message_freep) Message *m = sample_message();
        Envelope *e = &m->env;
        Act a;
        m->facts = (Facts) { .readable = true };
        e->kind = KIND_COMPLAINT;
        (void)text_copy(e->sender, sizeof(e->sender), rows[i].sender);
        (void)text_copy(e->region, sizeof(e->region), rows[i].region);
        (void)text_copy(m->facts.complaint.about_node, NODE_NAME_SIZE, rows[i].about);
        e->audience = (Audience) { 0 };
        for (; e->audience.n < 2 && rows[i].named[e->audience.n] && rows[i].named[0][0];
             e->audience.n++)
            (void)text_copy(e->audience.nodes[e->audience.n], NODE_NAME_SIZE,
                            rows[i].named[e->audience.n]);
        e->audience.form = e->audience.n > 0 ? AUDIENCE_NODES : AUDIENCE_NONE;
        act_of_message(d, m, copy, 1, 0, &a);
        ASSERT_STR(a.target, rows[i].holder);
    }
    directory_unref(d);
}

TEST_MAIN
