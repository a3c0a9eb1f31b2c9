/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Short lawful stories between nodes: a referral with its answers, a complaint, a case with stages,
 * an event with its reports. A step mostly waits for the one before it; some stories are told in
 * haste, all at once, so that their steps come early; some steps are said twice, or by the wrong
 * node. What the law makes of all that is looked at in sim-law.c.
 */

#include "sim/sim-world.h"
#include "wire/json.h"

#define STEPS_MAX   8U
#define PATIENCE_MS 4000 /* then it goes on without having heard */

/* In facts: ' is a quote, @ the id of the first step, % the name of the other party. */
typedef struct Step {
    const char *kind, *facts;
    char who; /* 'a' or 'b' */
} Step;

typedef struct Plot {
    bool cased, to_centre; /* b is the centre of a's province, not another agency */
    Step steps[STEPS_MAX];
} Plot;

#define REQUEST                                                                                    \
    "{'referral_kind':'INTER_AGENCY','target_unit':'INDIVIDUAL','criteria':['POVERTY'],"           \
    "'age_band':'AGE_18_59','requested_on':'2025-12-20','approach':'COMMUNITY',"                   \
    "'dtks_status':'LISTED'}"
#define OPENING(source)                                                                            \
    "{'access_source':'" source "','origin_id':'@','cluster':'OTHER_PPKS','criteria':['POVERTY'"   \
    "],'target_unit':'INDIVIDUAL','dtks_status':'NOT_LISTED','case_manager':{'role':"              \
    "'SOCIAL_WORKER','certificate_valid_until':'2034-08-31'}}"
#define STAGE(n, phase)                                                                            \
    "{'stage':'" n "','phase':'" phase "','supervisor':{'role':'SOCIAL_WORKER',"                   \
    "'competence_supervision':true},'initial_approach':['INITIAL_ASSESSMENT'],"                    \
    "'aspects':['MEDICAL']}"
#define ANSWER(decision) "{'referral_id':'@','decision':'" decision "'}"
#define TURN(action)     "{'complaint_id':'@','action':'" action "'}"
#define REPORT(n)        "{'event_id':'@','seq':" n "}"

static const Plot plots[] = {
    { .cased = true,
      .steps = { { "REFERRAL_REQUEST", REQUEST, 'a' },
                 { "REFERRAL_RESPONSE", ANSWER("RECEIVED"), 'b' },
                 { "REFERRAL_RESPONSE", ANSWER("ACCEPTED"), 'b' },
                 { "CASE_OPENED", OPENING("REFERRAL"), 'b' },
                 { "CASE_STAGE_UPDATE", STAGE("INITIAL_APPROACH_AND_AGREEMENT", "STARTED"), 'b' },
                 { "CASE_STAGE_UPDATE", STAGE("COMPREHENSIVE_ASSESSMENT", "STARTED"), 'b' } } },
    { .cased = true,
      .steps = { { "REFERRAL_REQUEST", REQUEST, 'a' },
                 { "REFERRAL_RESPONSE",
                   "{'referral_id':'@','decision':'NEEDS_DOCUMENTS','missing':["
                   "'SOCIAL_WORKER_ASSESSMENT']}",
                   'b' },
                 { "REFERRAL_UPDATE",
                   "{'referral_id':'@','action':'SUPPLEMENT','documents':[{'type':"
                   "'SOCIAL_WORKER_ASSESSMENT','issuer_kind':'SOCIAL_WORKER','issued_on':"
                   "'2025-12-19'}]}",
                   'a' },
                 { "REFERRAL_RESPONSE", ANSWER("WAITLISTED"), 'b' },
                 { "REFERRAL_RESPONSE", ANSWER("ACCEPTED"), 'b' } } },
    { .cased = true,
      .steps = { { "REFERRAL_REQUEST", REQUEST, 'a' },
                 { "REFERRAL_RESPONSE", ANSWER("RECEIVED"), 'b' },
                 { "REFERRAL_UPDATE", "{'referral_id':'@','action':'CANCEL'}", 'a' },
                 { "REFERRAL_RESPONSE", ANSWER("CANCEL_CONFIRMED"), 'b' } } },
    { .cased = true,
      .steps = { { "REFERRAL_REQUEST", REQUEST, 'a' },
                 { "REFERRAL_RESPONSE",
                   "{'referral_id':'@','decision':'DECLINED','decline_reason':'NO_CAPACITY'}",
                   'b' } } },
    { .to_centre = true,
      .steps = { { "COMPLAINT",
                   "{'type':'GRIEVANCE','channel':'CALL_CENTER_171','subject':'SERVICE_QUALITY'}",
                   'b' },
                 { "COMPLAINT_UPDATE", TURN("CLASSIFY"), 'a' },
                 { "COMPLAINT_UPDATE", "{'complaint_id':'@','action':'ASSIGN','assignee':'%'}",
                   'a' },
                 { "COMPLAINT_UPDATE", TURN("PROGRESS"), 'b' },
                 { "COMPLAINT_UPDATE", TURN("RESOLVE"), 'b' },
                 { "COMPLAINT_UPDATE", TURN("CLOSE"), 'a' } } },
    { .cased = true,
      .to_centre = true,
      .steps = { { "CASE_OPENED", OPENING("CASE_OUTREACH"), 'a' },
                 { "CASE_STAGE_UPDATE", STAGE("ACCESS_FACILITATION", "COMPLETED"), 'a' },
                 { "CASE_STAGE_UPDATE", STAGE("INITIAL_APPROACH_AND_AGREEMENT", "STARTED"), 'a' },
                 { "CASE_STAGE_UPDATE", STAGE("INITIAL_APPROACH_AND_AGREEMENT", "COMPLETED"), 'a' },
                 { "CASE_STAGE_UPDATE", STAGE("COMPREHENSIVE_ASSESSMENT", "STARTED"), 'a' } } },
    { .to_centre = true,
      .steps = { { "EXTRAORDINARY_EVENT",
                   "{'event_type':'NATURAL_DISASTER','status':'VERIFIED','regions':['32'],"
                   "'occurred_at':'2025-12-20T00:00:00Z'}",
                   'b' },
                 { "EVENT_SITUATION", REPORT("1"), 'b' },
                 { "EVENT_ACKNOWLEDGEMENT", "{'event_id':'@'}", 'a' },
                 { "EVENT_SITUATION", REPORT("2"), 'b' },
                 { "EVENT_SITUATION", REPORT("3"), 'b' } } },
};

typedef struct Telling {
    World *w;
    const Plot *plot;
    unsigned a, b; /* nodes */
    Uuid the_case;
    const Parcel *first;
    Parcel *before;
    bool hasty;
    Dice dice;
} Telling;

/* --- one step --- */

static void add_facts(Buf *text, const Telling *t, const char *facts) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&t->first->id, id);
    for (const char *p = facts; *p; p++)
        if (*p == '\'')
            buf_addf(text, "\"");
        else if (*p == '@')
            buf_addf(text, "%s", id);
        else if (*p == '%')
            buf_addf(text, "%s", t->w->clients[t->b].name);
        else
            buf_addf(text, "%c", *p);
}

static int kind_of(const char *name) {
    for (int k = 0; k <= 100; k++) {
        const KindInfo *info = kind_info(k);
        if (info && strcmp(info->name, name) == 0)
            return k;
    }
    abort();
}

/* Of the facts alone: the envelope has what the world says. */
static void write_facts(const Telling *t, const Step *step, Parcel *i) {
    char why[JSON_WHY_SIZE] = "";
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    Buf text = { 0 };
    buf_addf(&text,
             "{\"envelope\":{\"kind\":\"%s\",\"region\":\"32\",\"urgency\":\"ROUTINE\","
             "\"sensitivity\":\"INTERNAL\",\"audience\":{\"to\":[\"hub\"]}},\"facts\":",
             step->kind);
    add_facts(&text, t, step->facts);
    buf_addf(&text, "}");
    if (json_parse_message(buf_text(&text), text.n, "hub", START_MS, &m, why) < 0) {
        fprintf(stderr, "sim: %s: %s\n", buf_text(&text), why);
        abort();
    }
    i->facts = TAKE_PTR(m.facts);
    i->n_facts = m.n_facts;
    buf_deinit(&text);
}

static void address(const Telling *t, const Step *step, Parcel *i, Envelope *e) {
    World *w = t->w;
    const bool event = strcmp(step->kind, "EXTRAORDINARY_EVENT") == 0 ||
                       strcmp(step->kind, "EVENT_SITUATION") == 0;
    const unsigned to = step->who == 'a' ? t->b : t->a;
    e->audience.n = 1;
    if (!event) {
        e->audience.form = AUDIENCE_NODES;
        (void)text_copy(e->audience.nodes[0], NODE_NAME_SIZE, w->clients[to].name);
        i->to[i->n_to++] = (unsigned char)to;
        return;
    }
    i->kind = PARCEL_EVENT;
    i->withdrawn = strcmp(step->kind, "EVENT_SITUATION") == 0; /* by the next one */
    i->urgency = e->urgency = URGENCY_EVENT;
    e->cluster = CLUSTER_ANY;
    e->audience.form = AUDIENCE_SCOPE;
    (void)text_copy(e->audience.scope[0], REGION_SIZE, w->clients[t->a].region);
    parcel_expand_scope(w, i, e->audience.scope[0]);
}

/* Into the outbox, behind the last step of this client's and somewhere among what it says else. */
static void put_in_outbox(Telling *t, SimClient *c, Parcel *i) {
    unsigned from = 0;
    for (unsigned k = 0; k < c->n_items; k++)
        if (c->items[k]->story == i->story)
            from = k + 1;
    const unsigned at = from + dice_below(&t->dice, c->n_items - from + 1);
    c->items = reallocarray(c->items, c->n_items + 1, sizeof(*c->items));
    assert(c->items);
    memmove(c->items + at + 1, c->items + at, (c->n_items - at) * sizeof(*c->items));
    c->items[at] = i;
    c->n_items++;
}

static void tell_step(Telling *t, const Step *step, unsigned by) {
    World *w = t->w;
    SimClient *c = &w->clients[by];
    Parcel *i = calloc(1, sizeof(*i));
    assert(i);
    const uint64_t bits[2] = { dice_roll(&t->dice), dice_roll(&t->dice) };
    i->id = uuid_derive_v7(0, bytes_make(bits, sizeof(bits)));
    if (!t->first)
        t->first = i;
    i->story = t->first;
    i->kind = PARCEL_STORY;
    i->client = by;
    i->urgency = URGENCY_ROUTINE;
    (void)text_copy(i->region, sizeof(i->region),
                    t->plot->to_centre ? w->clients[t->a].region : c->region);
    Envelope e = parcel_envelope(c, i);
    e.kind = kind_of(step->kind);
    e.cluster = CLUSTER_OTHER_PPKS;
    e.case_id = t->the_case;
    if (!t->plot->cased && i != t->first)
        e.correlation_id = t->first->id;
    i->order_key = t->plot->cased ? t->the_case : t->first->id;
    i->delicate = e.kind == KIND_COMPLAINT || e.kind == KIND_COMPLAINT_UPDATE;
    address(t, step, i, &e);
    write_facts(t, step, i);
    i->after = t->hasty ? NULL : t->before;
    parcel_finish(w, i, &e);
    put_in_outbox(t, c, i);
    t->before = i;
}

/* --- stories --- */

#define QUICK                                                                                      \
    { .minutes = 1 }
#define QUICK_ROW(kind)                                                                            \
    { kind, NODE_UNSPECIFIED, QUICK, QUICK, QUICK, QUICK }
static const TimerRow quick_rows[] = { QUICK_ROW(TIMER_ANSWER),     QUICK_ROW(TIMER_CANCEL),
                                       QUICK_ROW(TIMER_SUPPLEMENT), QUICK_ROW(TIMER_CLASSIFY),
                                       QUICK_ROW(TIMER_RESOLVE),    QUICK_ROW(TIMER_SILENCE),
                                       QUICK_ROW(TIMER_OPENING),    QUICK_ROW(TIMER_SUPERIOR) };
const TimerPolicy story_quick_timers = { quick_rows, ARRAY_SIZE(quick_rows) };

static unsigned some_agency(const World *w, Dice *d) {
    return dice_below(d, w->n_nodes - w->n_brokers);
}

/* Whoever moves has no part in it, and scopes have everybody. */
static bool has_scope(const Plot *p) {
    return strcmp(p->steps[0].kind, "EXTRAORDINARY_EVENT") == 0;
}

static bool cast(Telling *t) {
    World *w = t->w;
    const unsigned agencies = w->n_nodes - w->n_brokers;
    t->a = some_agency(w, &t->dice);
    t->b = t->plot->to_centre ? agencies + w->clients[t->a].broker
                              : (t->a + 1 + dice_below(&t->dice, agencies - 1)) % agencies;
    /* The hub has no province of its own. */
    return t->a != t->b && !move_is_of(w, t->a) && !move_is_of(w, t->b) &&
           !(t->plot->to_centre && w->clients[t->a].broker == 0);
}

void stories_make(World *w) {
    for (unsigned n = 0; n < w->profile.stories; n++) {
        Telling t = { .w = w, .dice = dice_for(w->config->seed, DICE_STORY, n) };
        t.plot = &plots[dice_below(&t.dice, (unsigned)ARRAY_SIZE(plots))];
        t.hasty = dice_once_in(&t.dice, 4);
        if (!cast(&t) || (w->mover.any && has_scope(t.plot)))
            continue;
        if (t.plot->cased)
            t.the_case = uuid_derive(bytes_make(&(uint64_t) { dice_roll(&t.dice) }, 8));
        for (unsigned k = 0; k < STEPS_MAX && t.plot->steps[k].kind; k++) {
            const Step *step = &t.plot->steps[k];
            const unsigned by = step->who == 'a' ? t.a : t.b;
            tell_step(&t, step, by);
            if (k > 0 && dice_once_in(&t.dice, 8))
                tell_step(&t, step, by);
            if (k > 0 && dice_once_in(&t.dice, 12)) /* whose turn it is not */
                tell_step(&t, step, step->who == 'a' ? t.b : t.a);
        }
    }
}

bool story_may_go_on(const World *w, const Parcel *i) {
    const Parcel *before = i->after;
    if (!before || is_calm(w))
        return true;
    if (!before->accepted && !before->refused)
        return false;
    return before->client == i->client || before->heard ||
           w->now_ms > before->sent_ms + PATIENCE_MS;
}
