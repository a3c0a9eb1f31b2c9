/* SPDX-License-Identifier: Apache-2.0 */

/* Which items an act touches, the machines in their order, and the timers of an item. */

#include "law/story.h"
#include "base/text.h"

/* --- keys --- */

bool act_node(const Act *a, char ret[static NODE_NAME_SIZE]) {
    const Facts *f = a->facts;
    switch (a->kind) {
    case KIND_TIERED_REPORT:
    case KIND_CAPACITY_UPDATE:
        (void)text_copy(ret, NODE_NAME_SIZE, a->actor);
        break;
    case KIND_NODE_RECORD: /* its owner or a supervisor sends it */
        (void)text_copy(ret, NODE_NAME_SIZE, f->node.id[0] ? f->node.id : a->actor);
        break;
    case KIND_SUPERVISION_NOTICE:
        (void)text_copy(ret, NODE_NAME_SIZE, f->supervision.about_node);
        break;
    case KIND_SUPERVISION_ASSISTANCE_REQUEST: /* about a regency: its agency answers */
        ret[0] = '\0';
        if (f->assistance.regency[0]) {
            (void)text_copy(ret, NODE_NAME_SIZE, "dsk/");
            (void)text_copy(ret + 4, NODE_NAME_SIZE - 4, f->assistance.regency);
        }
        break;
    default:
        return false;
    }
    return ret[0] != '\0';
}

/* Facts name the case of a response; the envelope's id orders it. */
static Uuid response_case(const Act *a) {
    return uuid_is_nil(&a->case_id) ? a->facts->case_response.case_id : a->case_id;
}

static bool act_is_of_case(int kind) {
    const KindInfo *info = kind_info(kind);
    return info && info->case_bearing && kind != KIND_DATA_SUBJECT_ACTION;
}

static void add_key(ItemKey *keys, uint32_t *n, ItemKind kind, Uuid id) {
    if (!uuid_is_nil(&id) && *n < ACT_ITEMS_MAX)
        keys[(*n)++] = (ItemKey) { .kind = kind, .id = id };
}

static Uuid first_id(Uuid given, Uuid own) {
    return uuid_is_nil(&given) ? own : given;
}

/* The item of the kind's own family. */
static void add_own_key(const Act *a, ItemKey *keys, uint32_t *n) {
    const Facts *f = a->facts;
    switch (a->kind) {
    case KIND_REFERRAL_REQUEST:
    case KIND_CASE_TRANSFER:
        add_key(keys, n, ITEM_REFERRAL, a->message_id);
        return;
    case KIND_REFERRAL_RESPONSE:
        add_key(keys, n, ITEM_REFERRAL, f->response.referral_id);
        return;
    case KIND_REFERRAL_UPDATE:
        add_key(keys, n, ITEM_REFERRAL, f->update.referral_id);
        return;
    case KIND_HANDOVER_MINUTES:
        add_key(keys, n, ITEM_REFERRAL, f->handover.referral_id);
        return;
    case KIND_FAMILY_FOLLOW_UP:
        add_key(keys, n, ITEM_REFERRAL, f->follow_up.referral_id);
        return;
    case KIND_COMPLAINT:
        add_key(keys, n, ITEM_COMPLAINT, a->message_id);
        return;
    case KIND_COMPLAINT_UPDATE:
        add_key(keys, n, ITEM_COMPLAINT, f->complaint_update.complaint_id);
        return;
    case KIND_EXTRAORDINARY_EVENT:
        add_key(keys, n, ITEM_EVENT, first_id(f->event.event_id, a->message_id));
        return;
    case KIND_EVENT_SITUATION:
        add_key(keys, n, ITEM_EVENT, f->situation.event_id);
        return;
    case KIND_EVENT_ACKNOWLEDGEMENT:
        add_key(keys, n, ITEM_EVENT, f->acknowledgement.event_id);
        return;
    case KIND_CASE_RESPONSE:
        add_key(keys, n, ITEM_EVENT, f->case_response.event_id);
        return;
    case KIND_CASE_OPENED:
        if (f->opened.access_source == ACCESS_SOURCE_REFERRAL)
            add_key(keys, n, ITEM_REFERRAL, f->opened.origin_id);
        if (f->opened.access_source == ACCESS_SOURCE_COMPLAINT_REPORT)
            add_key(keys, n, ITEM_COMPLAINT, f->opened.origin_id);
        return;
    case KIND_DTKS_PROPOSAL:
        add_key(keys, n, ITEM_PROPOSAL, a->message_id);
        return;
    case KIND_DTKS_RESULT:
        add_key(keys, n, ITEM_PROPOSAL, f->proposal_result.proposal_id);
        return;
    default:
        return;
    }
}

uint32_t act_keys(const Act *a, ItemKey ret[static ACT_ITEMS_MAX]) {
    char node[NODE_NAME_SIZE];
    uint32_t n = 0;
    add_own_key(a, ret, &n);
    if (a->kind == KIND_CASE_RESPONSE)
        add_key(ret, &n, ITEM_CASE, response_case(a));
    else if (act_is_of_case(a->kind) ||
             (a->kind == KIND_COMPLAINT_UPDATE &&
              a->facts->complaint_update.action == COMPLAINT_ACTION_CONVERT))
        add_key(ret, &n, ITEM_CASE, a->case_id);
    if (act_node(a, node))
        add_key(ret, &n, ITEM_NODE, item_node_id(node));
    return n;
}

/* --- machines --- */

typedef void Machine(const LawContext *ctx, const Act *a, const Items *items, Step *ret);

/* Cases look at the referral, and events at nothing, so this is the order. */
static const struct {
    ItemKind kind;
    Machine *apply;
} machines[] = {
    { ITEM_REFERRAL, referral_apply }, { ITEM_COMPLAINT, complaint_apply },
    { ITEM_CASE, case_apply },         { ITEM_EVENT, event_apply },
    { ITEM_PROPOSAL, proposal_apply }, { ITEM_NODE, oversight_apply },
};

/* What a machine did to an item that stays as it was is undone here, once for all of them. */
static Step apply_one(const LawContext *ctx, const Act *a, const Items *items, Item *item,
                      Machine *apply) {
    const Item before = *item;
    Step step = { 0 };
    apply(ctx, a, items, &step);
    if (step.verdict != STEP_APPLIED)
        *item = before;
    else if (!item_equal(item, &before)) /* an act may be put on record and change nothing */
        item->changed_ms = a->at_ms;
    step.from = before.state;
    step.to = item->state;
    item->n_acts += step.verdict != STEP_NONE;
    item->n_early += step.verdict == STEP_EARLY;
    item->flagged = item->flagged || step.verdict == STEP_ILLEGAL;
    return step;
}

void story_apply(const LawContext *ctx, const Act *a, const Items *items, Step ret[ITEM_KINDS]) {
    for (size_t i = 0; i < ITEM_KINDS; i++)
        ret[i] = (Step) { 0 };
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        Item *item = items->of[machines[i].kind];
        if (item)
            ret[machines[i].kind] = apply_one(ctx, a, items, item, machines[i].apply);
    }
}

/* Collected by a system is not received by a person: nobody is relieved of anything by it. */
bool story_collected(const LawContext *ctx, Item *item, const char *node, int64_t now_ms) {
    (void)ctx; /* like its neighbours, for the store to call them alike */
    Referral *r = &item->referral;
    if (item->kind != ITEM_REFERRAL || item->state == REFERRAL_NONE || item->final ||
        r->reached != REFERRAL_SUBMITTED || strcmp(node, r->target) != 0)
        return false;
    r->reached = REFERRAL_DELIVERED;
    if (item->state == REFERRAL_SUBMITTED)
        item->state = REFERRAL_DELIVERED;
    item->changed_ms = now_ms;
    return true;
}

bool story_undeliverable(const LawContext *ctx, Item *item, const char *node, int64_t now_ms) {
    (void)ctx;
    if (item->kind != ITEM_REFERRAL || item->state != REFERRAL_SUBMITTED ||
        strcmp(node, item->referral.target) != 0)
        return false;
    item_close(item, REFERRAL_UNDELIVERABLE);
    item->changed_ms = now_ms;
    return true;
}

void story_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret) {
    *ret = (Fired) { 0 };
    if (!item_timer(item, timer))
        return;
    switch (item->kind) {
    case ITEM_REFERRAL:
        referral_fire(ctx, item, timer, now_ms, ret);
        break;
    case ITEM_COMPLAINT:
        complaint_fire(ctx, item, timer, now_ms, ret);
        break;
    case ITEM_CASE:
        case_fire(ctx, item, timer, now_ms, ret);
        break;
    case ITEM_EVENT:
        event_fire(ctx, item, timer, now_ms, ret);
        break;
    case ITEM_NODE:
        oversight_fire(ctx, item, timer, now_ms, ret);
        break;
    default: /* a proposal runs no timer of its own: R-120 is the case's */
        break;
    }
    if (ret->changed)
        item->changed_ms = now_ms;
}

/* --- an item's timers --- */

void item_close(Item *item, int state) {
    item->state = state;
    item->final = true;
    item->owes[0] = '\0';
    item_timers_stop_all(item);
}

/* Only events have a term of their own urgency; anything else that is said to be one is an
 * emergency. */
int64_t item_timer_due(const LawContext *ctx, const Item *item, TimerKind kind, int64_t from_ms) {
    const DirNode *owing = directory_node(ctx->directory, item->owes);
    const TimerQuestion q = {
        .policy = ctx->timers,
        .directory = ctx->directory,
        .set = rule_set_find(ctx->rule_sets, item->rule_set),
        .kind = kind,
        .urgency = item->kind == ITEM_EVENT ? item->urgency : MIN(item->urgency, URGENCY_EMERGENCY),
        .node_kind = owing ? owing->kind : NODE_UNSPECIFIED,
        .region = item->region,
        .from_ms = from_ms,
    };
    return timer_due(&q);
}

void item_timer_start(const LawContext *ctx, Item *item, TimerKind kind, int64_t from_ms) {
    item_timer_set(item, kind, item_timer_due(ctx, item, kind, from_ms));
}

static Timer *find_timer(Item *item, TimerKind kind) {
    for (uint32_t i = 0; i < item->n_timers; i++)
        if (item->timers[i].kind == kind)
            return &item->timers[i];
    return NULL;
}

/* There are fewer kinds of timers to a kind of item than places. */
void item_timer_set(Item *item, TimerKind kind, int64_t due_ms) {
    Timer *t = find_timer(item, kind);
    if (due_ms <= 0) {
        item_timer_stop(item, kind);
        return;
    }
    if (!t && item->n_timers < ITEM_TIMERS_MAX)
        t = &item->timers[item->n_timers++];
    if (t)
        *t = (Timer) { .kind = (uint8_t)kind, .due_ms = due_ms };
}

void item_timer_stop(Item *item, TimerKind kind) {
    Timer *t = find_timer(item, kind);
    if (!t)
        return;
    Timer *end = &item->timers[item->n_timers--];
    memmove(t, t + 1, (size_t)(end - t - 1) * sizeof(*t));
    *(end - 1) = (Timer) { 0 };
}

void item_timers_stop_all(Item *item) {
    memset(item->timers, 0, sizeof(item->timers));
    item->n_timers = 0;
}

const Timer *item_timer(const Item *item, TimerKind kind) {
    for (uint32_t i = 0; i < item->n_timers; i++)
        if (item->timers[i].kind == kind)
            return &item->timers[i];
    return NULL;
}
