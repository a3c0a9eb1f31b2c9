/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Items and acts in the store: table item says how each referral, complaint, case, event, proposal
 * and overseen node stands, table act is what made it so, table timer when what is due. Everything
 * here runs inside a transaction of the store and leaves errors in it.
 *
 * An act is one row however many items it touched; its links name them, with the verdict, the
 * states and the number of the act before it of the same item: so that an item's story is a chain
 * from its newest act back, and needs no index. Items can be made again from the acts (refold.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "law/item.h"
#include "law/rules.h"
#include "law/story.h"
#include "store/private.h"

typedef struct StoredItem {
    Item item;
    int64_t last_act; /* newest act on record; 0 = the item is not in the table */
    /* As it was loaded: what differs is written. */
    int state_before;
    bool counted_before;
    char region_before[REGION_SIZE];
    uint8_t cluster_before;
    uint32_t n_timers_before;
    Timer timers_before[ITEM_TIMERS_MAX];
} StoredItem;

/* Work space of one acceptance. */
struct LawWork {
    uint32_t n_keys;
    ItemKey keys[ACT_ITEMS_MAX];
    StoredItem of[ITEM_KINDS]; /* valid for the kinds in keys */
    StoredItem parent;
    bool has_parent;
    Known known;
    Act act;
    Facts facts;     /* of an act read back, while another is at work */
    Facts act_facts; /* of the act at work, when it was read back itself */
    uint8_t buffer[ACT_PACKED_MAX];
};

/* --- item.c --- */
/* False when it is not known: *ret is then a new one of that kind and id. */
bool item_load(Store *s, ItemKind kind, const Uuid *id, StoredItem *ret);
/* Writes the item, its timers and what is counted of it. */
void item_save(Store *s, StoredItem *i);
/* Reads body and last act of a row of table item at columns c and c + 1. */
bool item_read_row(sqlite3_stmt *q, int c, StoredItem *ret);
LawContext item_context(const Store *s);
/* Do its timers run here: is this broker the home of its keeper? */
bool item_is_kept_here(const Store *s, const Item *i);

/* --- act.c --- */
typedef enum ActType {
    ACT_MESSAGE = 1, /* body: act_pack() */
    ACT_AGAIN,       /* an early one (ref) is applied, or found illegal */
    ACT_TIMER,       /* body: the timer's kind */
    ACT_WATCH,       /* body: the agency whose reports are watched from now on */
    ACT_COLLECTED,   /* body: the node whose consumer settled the opening message */
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

/* Gives it the next number, chains it to the items named in its links (whose last_act becomes n)
 * and writes it. items by kind. */
void act_insert(Store *s, StoredAct *a, StoredItem *const items[ITEM_KINDS]);
bool act_load(Store *s, int64_t n, StoredAct *ret);
const ActLink *act_link(const StoredAct *a, ItemKind kind, const Uuid *id);
/* Applies an act to the items given, records it and what was held for want of it. */
void act_apply(Store *s, const Act *a, StoredItem *const items[ITEM_KINDS], const Item *parent,
               Step ret[ITEM_KINDS]);
void act_collected(Store *s, StoredItem *i, const char *node);
/* Puts an agency that oversight_watch() made an item of on record. */
void act_watch(Store *s, StoredItem *i);
void act_timer(Store *s, StoredItem *i, TimerKind timer, Fired *ret);

/* --- law-accept.c --- */
/* Loads what a message is about into s->law: for the rules, and for law_accepted(). */
void law_look(Store *s, const Message *m);
/* After it was stored: moves the items, and adds to the answer what a person should know. */
void law_accepted(Store *s, StoreOp *op, const StoredMessage *m);
/* A recipient's consumer settled a message; told here, or by a receipt. */
void law_collected(Store *s, const StoredMessage *m, const char *recipient);

/* --- tally.c --- */
/* How many items are in a state, by cluster and regency; exercises are not counted. */
void tally_add(Store *s, int kind, int state, int cluster, const char *region, int delta);
void tally_flush(Store *s); /* at the end of a transaction */
void tally_drop(Store *s);  /* it was rolled back */

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
