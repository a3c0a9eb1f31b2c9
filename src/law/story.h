/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The stories: which items an act touches and what it does to them. One function per machine, in
 * referral.c, complaint.c, case.c, event.c, proposal.c, oversight.c; story.c calls them in order.
 * Pure and deterministic: the same acts in the same order give the same items on every broker.
 */

#include "law/item.h"

typedef struct LawContext {
    const Directory *directory;
    const RuleSets *rule_sets;
    const TimerPolicy *timers;
} LawContext;

typedef enum StepVerdict {
    STEP_NONE = 0, /* the act says nothing about this item */
    STEP_APPLIED,  /* with or without a change of state */
    STEP_EARLY,    /* what must come before it, by somebody else or on another way, is not here yet:
                      held; once here, it is one of the others */
    STEP_ILLEGAL,  /* recorded and flagged, nothing changed */
} StepVerdict;

typedef struct Step {
    StepVerdict verdict;
    int from, to;    /* states */
    const char *why; /* STEP_ILLEGAL, or applied but flagged: a word of the reason table, static:
                        "NOT_THE_TARGET" */
} Step;

/* May this request (M01) continue that referral? It names it as parent, or as its cause the
 * referral or the answer that sent it on; naming nothing, it may continue what its sender was sent
 * on with. For whoever looks for Items.parent: the newest of the case for which it is true. */
bool referral_continues(const Item *referral, const Act *a);

/* Is it for this node, as the common superior, to say where the referral goes? Where the one it
 * continues is not known, nobody can tell how often it was sent on before: then its word is taken
 * for asked. */
bool referral_awaits_superior(const Directory *d, const Item *referral, const char *node);

typedef struct ItemKey {
    ItemKind kind;
    Uuid id;
} ItemKey;

#define ACT_ITEMS_MAX 4U

/* The items an act may touch, each kind at most once. */
uint32_t act_keys(const Act *a, ItemKey ret[static ACT_ITEMS_MAX]);
/* The node whose reports and supervision the act is about; false when it is about none. */
bool act_node(const Act *a, char ret[static NODE_NAME_SIZE]);

/* By kind; NULL = not touched. An item that is not known yet is given zeroed with kind and id. */
typedef struct Items {
    Item *of[ITEM_KINDS];
    const Item *parent; /* the referral a new one continues; NULL = none, or not known here */
} Items;

/* Applies the act to every item given. Items of verdict NONE, EARLY and ILLEGAL are unchanged but
 * for n_acts, n_early and flagged. ret is by ItemKind. */
void story_apply(const LawContext *ctx, const Act *a, const Items *items, Step ret[ITEM_KINDS]);

/* The consumer of `node` settled the message that opened this item: SUBMITTED becomes DELIVERED. */
bool story_collected(const LawContext *ctx, Item *item, const char *node, int64_t now_ms);
/* The message that opened this item ended undeliverable or recalled at `node`: a referral nobody
 * has collected or answered ends UNDELIVERABLE. Both return true when the item changed. */
bool story_undeliverable(const LawContext *ctx, Item *item, const char *node, int64_t now_ms);

/* --- timers firing ------------------------------------------------------------------------ */

/* Who is told what. */
typedef struct Telling {
    char to[NODE_NAME_SIZE];
    const char *code;              /* "R-072" or the timer's name */
    const char *pasal;             /* may be "" */
    const char *text_en, *text_id; /* static: what happened and the next step */
    Uuid answers;                  /* a message; nil: the date made it known */
} Telling;

#define TELLINGS_MAX 4U

typedef struct Fired {
    bool changed; /* the item's state changed: expiry, closing by silence */
    uint32_t n;
    Telling tell[TELLINGS_MAX];
} Fired;

/* The timer of that kind is due: says who is to be told, moves it on to its next level and time
 * (told again while it is owed, one level higher: item_timer_again()) or stops it. */
void story_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret);

/* A node came into the directory: if it owes a yearly report and its item is new, that is
 * awaited from now on, though it may never say anything. True when the item was opened. */
bool oversight_watch(const LawContext *ctx, Item *item, const char *node, int64_t now_ms);
/* The same of one that owed it then, whatever the directory says by now. */
void oversight_begin(const LawContext *ctx, Item *item, const char *node, int64_t now_ms);

/* --- for the machines --------------------------------------------------------------------- */

/* Final: nobody owes anything any more, no timer runs. */
void item_close(Item *item, int state);
/* When a term of the policy ends for whoever owes the next step; 0 = there is no such term. */
int64_t item_timer_due(const LawContext *ctx, const Item *item, TimerKind kind, int64_t from_ms);
/* Starts (or starts again) a timer of the policy, counted from from_ms; level 0. */
void item_timer_start(const LawContext *ctx, Item *item, TimerKind kind, int64_t from_ms);
/* The same with a due time of its own. */
void item_timer_set(Item *item, TimerKind kind, int64_t due_ms);
void item_timer_stop(Item *item, TimerKind kind);
void item_timers_stop_all(Item *item);
const Timer *item_timer(const Item *item, TimerKind kind); /* NULL when not running */
/* The active node that supervises a node: of the directory, or where that tells none, by law (P7
 * Pasal 48, P4 Pasal 28); "" when it has none. */
const char *superior_of(const Directory *d, const char *node);
/* So many steps up from the node, or the highest there is; steps 0 is the node itself. */
const char *superior_above(const Directory *d, const char *node, uint32_t steps);
/* The lowest node that supervises both, and is neither; "" when there is none. */
const char *common_superior(const Directory *d, const char *a, const char *b);

void referral_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret);
void complaint_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret);
void case_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret);
void event_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret);
void proposal_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret);
void oversight_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret);
void referral_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret);
void complaint_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret);
void case_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret);
void event_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret);
void oversight_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret);
