/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Looks into a store's items, for the judge of the law. */

#include "law/item.h"
#include "law/story.h"
#include "store/store.h"

#define ITEM_STEPS_MAX 128U

/* How an item stands and what was done to it, newest first: early acts where they were applied. */
typedef struct ItemView {
    Item item;
    unsigned n;
    struct {
        Uuid id; /* of the message; else what it was */
        StepVerdict verdict;
    } list[ITEM_STEPS_MAX];
} ItemView;

/* False when it is not known, or there is too much to say about it. */
bool items_see(Store *s, ItemKind kind, const Uuid *id, ItemView *ret);
unsigned items_count_acts(Store *s);
/* Items that nobody answers for. */
unsigned items_count_orphans(Store *s);
/* Early acts that items count, less those that are held. */
int items_count_dropped(Store *s);
