/* SPDX-License-Identifier: Apache-2.0 */

/* Who holds a complaint next: it is escalated, handed on, or goes to whoever has to decide. */

#include <string.h>

#include "base/text.h"
#include "law/complaint-internal.h"
#include "law/holder.h"

typedef ComplaintTurn Turn;

static Step illegal(const Turn *t, const char *why) {
    return step_illegal(t->item, why);
}

static unsigned level_of(int node_kind) {
    if (node_kind == NODE_NATIONAL_HUB || node_kind == NODE_COMMAND_CENTER)
        return HOLDER_LEVELS - 1;
    if (node_kind == NODE_UPTD)
        return 1;
    for (unsigned level = HOLDER_LEVELS - 1; level > 0; level--)
        if (node_kind < NODE_KIND_MAX_ && holder_level_kinds(level) >> node_kind & 1U)
            return level;
    return 0;
}

void complaint_set_holder(const LawContext *ctx, Item *item, const char *node) {
    const DirNode *n = directory_node(ctx->directory, node);
    (void)text_copy(item->custodian, sizeof(item->custodian), node);
    item->complaint.level = (uint8_t)level_of(n ? n->kind : NODE_UNSPECIFIED);
}

static const DirNode *higher(const LawContext *ctx, const Item *item) {
    const Complaint *c = &item->complaint;
    const HolderQuestion q = { .directory = ctx->directory,
                               .region = item->region,
                               .cluster = item->cluster,
                               .about = c->about_node,
                               .sender = c->origin,
                               .harm_now = c->harm_now,
                               .holder = item->custodian };
    for (unsigned level = c->level + 1U; level < HOLDER_LEVELS; level++) {
        const DirNode *n = holder_at_level(&q, level);
        if (n && strcmp(n->id, item->custodian) != 0)
            return n;
    }
    return NULL;
}

bool complaint_escalate(const LawContext *ctx, Item *item, TimerKind fired, int64_t now_ms) {
    const unsigned level = item->complaint.level;
    const DirNode *n = higher(ctx, item);
    if (!n)
        return false;
    complaint_set_holder(ctx, item, n->id);
    item->complaint.level = (uint8_t)MAX(item->complaint.level, level + 1);
    complaint_set_state(item, item->state);
    if (item_timer(item, TIMER_SUPERIOR))
        item_timer_start(ctx, item, TIMER_SUPERIOR, now_ms);
    if (item_timer(item, TIMER_CLASSIFY) && fired != TIMER_RESOLVE) {
        item_timer_start(ctx, item, TIMER_CLASSIFY, now_ms);
        item->complaint.said_ms = now_ms;
    }
    if (fired == TIMER_RESOLVE) /* the new holder has the time of a classification to act */
        item_timer_set(item, TIMER_RESOLVE, item_timer_due(ctx, item, TIMER_CLASSIFY, now_ms));
    return true;
}

int64_t complaint_said_ms(const Turn *t) {
    return MIN(t->a->said_ms, t->a->at_ms);
}

bool complaint_climbed(const Turn *t) {
    const int64_t said_ms = complaint_said_ms(t);
    Item now = *t->item;
    int64_t from_ms = now.complaint.said_ms;
    while (now.state == COMPLAINT_RECEIVED && from_ms < said_ms) {
        from_ms = item_timer_due(t->ctx, &now, TIMER_CLASSIFY, from_ms);
        if (from_ms == 0 || from_ms > said_ms ||
            !complaint_escalate(t->ctx, &now, TIMER_CLASSIFY, t->a->at_ms))
            return false;
        now.complaint.said_ms = from_ms;
        if (complaint_actor_is(t, now.custodian)) {
            *t->item = now;
            return true;
        }
    }
    return false;
}

/* --- handing on --- */

static bool is_former(const Complaint *c, const char *node) {
    for (size_t i = 0; i < ARRAY_SIZE(c->former); i++)
        if (c->former[i][0] && strcmp(c->former[i], node) == 0)
            return true;
    return false;
}

static size_t count_former(const Complaint *c) {
    size_t n = 0;
    while (n < ARRAY_SIZE(c->former) && c->former[n][0])
        n++;
    return n;
}

static void leave_holder(const Turn *t) {
    Complaint *c = t->c;
    size_t n = count_former(c);
    if (c->reroute_count < UINT8_MAX)
        c->reroute_count++;
    if (n == ARRAY_SIZE(c->former))
        memmove(c->former[0], c->former[1], (--n) * NODE_NAME_SIZE);
    (void)text_copy(c->former[n], NODE_NAME_SIZE, t->item->custodian);
}

/* The lowest above both, or else the next higher level; never the one complained about. */
static const char *decider(const Turn *t, const char *one, const char *other) {
    const Directory *d = t->ctx->directory;
    const char *up = other ? common_superior(d, one, other) : "";
    if (up[0] && strcmp(up, t->c->about_node) == 0)
        up = superior_of(d, up);
    if (up[0])
        return up;
    const DirNode *n = higher(t->ctx, t->item);
    return n ? n->id : "";
}

static Step ask_superior(const Turn *t, const char *superior, const char *suggestion) {
    complaint_set_holder(t->ctx, t->item, superior);
    complaint_set_assignee(t, suggestion);
    const Step step = complaint_go(t, COMPLAINT_SUPERIOR_DECIDES);
    item_timer_start(t->ctx, t->item, TIMER_SUPERIOR, t->a->at_ms);
    return step;
}

static Step hand_on(const Turn *t) {
    complaint_set_holder(t->ctx, t->item, t->f->assignee);
    complaint_set_assignee(t, "");
    item_timer_stop(t->item, TIMER_SUPERIOR);
    const Step step = complaint_go(t, COMPLAINT_RECEIVED);
    if (!item_timer(t->item, TIMER_CLASSIFY) && !item_timer(t->item, TIMER_RESOLVE)) {
        item_timer_start(t->ctx, t->item, TIMER_CLASSIFY, t->a->at_ms);
        t->c->said_ms = complaint_said_ms(t);
    }
    return step;
}

Step complaint_on_reroute(const Turn *t) {
    const bool decides = t->item->state == COMPLAINT_SUPERIOR_DECIDES;
    const char *why = complaint_named_is_barred(t), *to = t->f->assignee;
    if (why)
        return illegal(t, why);
    if (decides)
        return hand_on(t);
    if (t->item->state == COMPLAINT_RESOLVED || strcmp(to, t->item->custodian) == 0)
        return illegal(t, "WRONG_STATE");

    const char *superior = decider(t, t->item->custodian, to);
    leave_holder(t);
    const bool too_often = t->c->reroute_count > REDIRECTS_MAX || is_former(t->c, to);
    return too_often && superior[0] ? ask_superior(t, superior, to) : hand_on(t);
}

Step complaint_on_not_our_authority(const Turn *t) {
    const int state = t->item->state;
    if (complaint_is_assigned(state) && complaint_is_assignee(t) && !complaint_is_holder(t)) {
        complaint_set_assignee(t, "");
        return complaint_go(t, COMPLAINT_CLASSIFIED);
    }
    if (!complaint_is_holder(t))
        return illegal(t, "NOT_THE_HOLDER");
    if (state == COMPLAINT_SUPERIOR_DECIDES)
        return illegal(t, "SUPERIOR_MUST_DECIDE");
    if (state == COMPLAINT_RESOLVED)
        return illegal(t, "WRONG_STATE");
    const size_t n = count_former(t->c);
    const char *superior = decider(t, t->item->custodian, n > 0 ? t->c->former[n - 1] : NULL);
    if (!superior[0])
        return illegal(t, "NO_SUPERIOR");
    leave_holder(t);
    return ask_superior(t, superior, complaint_named_is_barred(t) ? "" : t->f->assignee);
}

Step complaint_on_escalate(const Turn *t) {
    if (t->item->state == COMPLAINT_RESOLVED)
        return illegal(t, "WRONG_STATE");
    if (!complaint_escalate(t->ctx, t->item, TIMER_NONE, t->a->at_ms))
        return illegal(t, "NO_SUPERIOR");
    t->c->said_ms = MIN(t->c->said_ms, complaint_said_ms(t));
    return step_to(t->item, t->a, t->item->state);
}
