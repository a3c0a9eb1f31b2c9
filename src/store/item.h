/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Items and acts in the store: table item says how each referral, complaint, case, event, proposal
 * and overseen node stands, table act is what made it so, table timer when what is due. Everything
 * here runs inside a transaction of the store and leaves errors in it.
 *
 * An act is on record once however many items it touched; its links name them, with the verdict,
 * the states and the number of the act before it of the same item: so that an item's story is a
 * chain from its newest act back, and needs no index. Table held has the early ones. Items can be
 * made again from the acts (refold.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "law/item.h"
#include "law/rules.h"
#include "law/story.h"
#include "store/internal.h"

typedef struct StoredItem {
    Item item;
    int64_t last_act; /* newest act on record; 0 = the item is not in the table */
    bool touched;     /* to be saved */
    /* As it was loaded: what differs is written. */
    bool known_before;
    int state_before;
    bool counted_before;
    char region_before[REGION_SIZE];
    uint8_t cluster_before;
    uint32_t n_timers_before;
    Timer timers_before[ITEM_TIMERS_MAX];
} StoredItem;

typedef enum ActType {
    ACT_MESSAGE = 1,   /* body: act_pack() */
    ACT_AGAIN,         /* an early one (ref) is applied, or found illegal */
    ACT_TIMER,         /* body: the timer's kind; ref: when it was due at the keeper's broker */
    ACT_WATCH,         /* body: the agency whose reports are watched from now on */
    ACT_COLLECTED,     /* body: the node whose consumer settled the opening message */
    ACT_UNDELIVERABLE, /* body: the node that message never reached */
    ACT_ACKNOWLEDGED,  /* everybody has acknowledged the event */
    ACT_KEPT, /* body: the item as it stands, where what it came from is not in its own acts */
} ActType;

typedef struct ActLink {
    ItemKind kind;
    Uuid id;
    StepVerdict verdict;
    int from, to;
    int64_t prev; /* act before it on this item; 0 = none */
    char why[32];
} ActLink;

typedef struct StoredAct {
    int64_t n, at_ms, ref;
    ActType type;
    uint32_t n_links;
    ActLink links[ACT_ITEMS_MAX];
    uint32_t n_body;
    uint8_t body[ACT_PACKED_MAX];
} StoredAct;
_Static_assert(ITEM_PACKED_MAX <= ACT_PACKED_MAX, "ACT_KEPT holds an item");

#define ACT_ROW_FULL 3600U /* bytes of a row: then it is written */
#define ACT_ROW_MAX  (ACT_ROW_FULL + ACT_PACKED_MAX + ACT_ITEMS_MAX * sizeof(ActLink) + 64)

/* Acts of the transaction that wait for their row. */
typedef struct ActRow {
    uint32_t n; /* bytes; 0 = none waits */
    int64_t last;
    uint8_t p[ACT_ROW_MAX];
} ActRow;

/* Work space of one acceptance, and the acts of its transaction. */
struct LawWork {
    const StoredAct *record; /* NULL, or the act on record that is being folded */
    uint32_t n_keys;
    ItemKey keys[ACT_ITEMS_MAX];
    StoredItem of[ITEM_KINDS]; /* valid for the kinds in keys */
    StoredItem parent;
    bool has_parent;
    ActRow acts;
    Known known;
    Act act;
    Facts facts;     /* of an act read back, while another is at work */
    Facts act_facts; /* of the act at work, when it was read back itself */
    uint32_t n_late;
    struct LateStep { /* was held, and turned out illegal */
        Item item;
        Uuid message_id;
        char actor[NODE_NAME_SIZE];
        const char *why; /* static */
    } late[8];
};

/* --- item.c --- */
/* False when it is not known: *ret is then a new one of that kind and id. */
bool item_load(Store *s, ItemKind kind, const Uuid *id, StoredItem *ret);
void item_new(ItemKind kind, const Uuid *id, StoredItem *ret);
/* Keeps the item as it stands now (pending.h). */
void item_save(Store *s, StoredItem *i);
/* The same of table item alone; writing: with its timers and what is counted of it. */
bool item_load_row(Store *s, ItemKind kind, const Uuid *id, StoredItem *ret);
/* The row behind this one, in order of keys. False: there is none, or its key is none, and behind
 * it nobody can look. */
bool item_next(Store *s, ItemKey *inout);
void item_write_row(Store *s, StoredItem *i, Bytes body);
/* Forgets it: what other items of its acts came to stays. */
void item_forget(Store *s, StoredItem *i);
/* Reads body and last act of a row of table item at columns c and c + 1. */
bool item_read_row(sqlite3_stmt *q, int c, StoredItem *ret);
LawContext item_context(const Store *s);
/* Do its timers run here: is this broker the home of its keeper? */
bool item_is_kept_here(const Store *s, const Item *i);

/* --- act.c --- */
/* Gives it the next number, chains it to the items named in its links (whose last_act becomes n)
 * and records it; an act that is being folded keeps its number and its links. items by kind. */
void act_insert(Store *s, StoredAct *a, StoredItem *const items[ITEM_KINDS]);
/* False when there is none, or it cannot be read. */
bool act_load(Store *s, int64_t n, StoredAct *ret);
/* The number of the first act after that one, 0 when there is none; of acts that cannot be told
 * from each other the number of their last. */
int64_t act_next(Store *s, int64_t after, StoredAct *ret, bool *ret_readable);
bool act_is_kept(Store *s, int64_t n); /* is it of that type? */
const ActLink *act_link(const StoredAct *a, ItemKind kind, const Uuid *id);
void act_add_link(StoredAct *a, const Item *i, const Step *step);
/* Takes the item off the record of the act; an act about nothing is deleted. */
void act_forget(Store *s, StoredAct *a, ItemKind kind, const Uuid *id);
/* Those that wait for their row: into the table, or nowhere after a fault. Ends every transaction,
 * as part of pending_write(). */
void acts_write(Store *s);

/* --- act-apply.c --- */
/* Applies an act to the items given, records it and what was held for want of it. */
void act_apply(Store *s, const Act *a, StoredItem *const items[ITEM_KINDS], const Item *parent,
               Step ret[ITEM_KINDS]);
/* The opening message was settled by a consumer of the node, or ended without reaching it. */
void act_collected(Store *s, StoredItem *i, const char *node);
void act_undeliverable(Store *s, StoredItem *i, const char *node);
/* Puts an agency that oversight_watch() made an item of on record. */
void act_watch(Store *s, StoredItem *i);
void act_timer(Store *s, StoredItem *i, TimerKind timer, int64_t due_ms, Fired *ret);
void act_acknowledged(Store *s, StoredItem *i);
void act_kept(Store *s, StoredItem *i);
/* Folds an act of type AGAIN; held: the act it names. */
void act_fold_again(Store *s, const StoredAct *held);

/* --- law-accept.c --- */
/* Loads what a message is about into s->law: for the rules, and for law_accepted(). */
void law_look(Store *s, const Message *m);
/* The referral that a new request continues. */
bool law_find_parent(Store *s, const Act *a, StoredItem *ret);
/* After it was stored: moves the items, and adds to the answer what a person should know. */
void law_accepted(Store *s, StoreOp *op, const StoredMessage *m);
/* How a message ended for a recipient; told here, or by a receipt. */
void law_ended(Store *s, const StoredMessage *m, const char *recipient, ReceiptLevel level);

/* --- law-answer.c --- */
void law_warn(Store *s, StoreOp *op, const char *code, const char *field);
/* Says what the steps came to. from: the states before. */
void law_answer(Store *s, StoreOp *op, const Step steps[ITEM_KINDS], const int from[ITEM_KINDS],
                StoredItem *const items[ITEM_KINDS]);
/* Tells the senders of acts that were held what turned out wrong with them. */
void law_tell_late(Store *s, StoreOp *op);

/* --- law-notice.c --- */
/* A notice of another broker passes: what a timer decided there is so here, too. */
void law_notice(Store *s, const Message *m);

/* --- tally.c --- */
/* How many items are in a state, by cluster and regency; exercises are not counted. */
void tally_add(Store *s, int kind, int state, int cluster, const char *region, int delta);
/* One of them is forgotten: it is counted as past from now on. */
void tally_forget(Store *s, const StoredItem *i);
void tally_flush(Store *s); /* at the end of a transaction */
void tally_drop(Store *s);  /* it was rolled back */

/* --- law-pass.c --- */
/* Whoever a complaint was handed to gets a copy of it, and of the updates since but the one at work
 * (NULL: none), unless it had one. */
void law_pass_on(Store *s, StoreOp *op, const StoredItem *i, const Uuid *at_work);
/* The message that opened a complaint is at hand: who has it by that need not be looked for. */
void law_passed(Store *s, const StoredItem *i, const StoredMessage *m);

/* --- notice.c --- */
/* What texts call the integrated register. */
TextMark register_mark(const Store *s);
/* Writes a notice to one node. */
void notice_send(Store *s, StoreOp *op, const Item *i, const Telling *t, uint32_t level,
                 int64_t due_ms);

/* Tells the superior of a node that a message waits too long in its mailbox. */
void notice_late(Store *s, StoreOp *op, const StoredMessage *m, const char *recipient);

/* --- due.c --- */
void timers_save(Store *s, const StoredItem *i);
void run_due(Store *s, StoreOp *op);

/* --- purge-items.c --- */
/* A step of it; returns whether there are more. */
bool purge_items(Store *s);

/* --- item-query.c --- */
void query_item(Store *s, StoreOp *op, Table *t);
void query_history(Store *s, StoreOp *op, Table *t);
void query_item_due(Store *s, StoreOp *op, Table *t);
void query_item_receipts(Store *s, StoreOp *op, Table *t);
void query_worklist(Store *s, StoreOp *op, Table *t);
void query_due(Store *s, StoreOp *op, Table *t);
void query_report(Store *s, StoreOp *op, Table *t);
/* The item that the first two arguments name, if the asking node may see it; else says why not. */
bool item_find(Store *s, const StoreOp *op, StoredItem *ret, Table *t);

/* --- acknowledge.c --- */
/* False when the node has acknowledged the event before. */
bool acknowledge(Store *s, const Uuid *event, const char *node, int64_t at_ms);
bool acknowledged_by_all(Store *s, const Item *event);
void query_unacknowledged(Store *s, StoreOp *op, Table *t);
