/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * May this key do that now? The one place where state of a key, rights and what is asked for meet;
 * the broker asks it for every frame, the store once more in the transaction that accepts. Pure.
 */

#include "core/directory.h"
#include "core/filter.h"
#include "core/frame.h"

typedef enum AccessVerdict {
    ACCESS_GRANTED = 0,
    ACCESS_KEY_ENDED, /* unknown, revoked, not valid at this moment, or its node is not active */
    ACCESS_NO_RIGHT,
} AccessVerdict;

/* Of the key itself; `operator` in its record says the same as the right OPERATE. */
bool key_allows(const DirKey *k, const RightUse *use);
/* The key (by its CURVE text) must stand in the directory as a key of that node. use may be NULL:
 * is it valid at all? */
AccessVerdict access_check(const Directory *d, const char *curve, const char *node, int64_t now_ms,
                           const RightUse *use);
/* What publishing a message uses; borrows the envelope. */
RightUse use_of_publish(const Envelope *e);

/* SUBSCRIBE to a channel, or SETTLE on it. A mailbox and the receipts are read whole or not at all:
 * a part of them would break the order of cases. A named subscription needs rights for everything
 * its filter lets through. Mailbox and copies are messages for the node, receipts are about those
 * it sent. Returns false with what is missing. */
bool rights_allow_channel(const Rights *r, RightVerb verb, FrameSource source, const Filter *filter,
                          char ret_missing[static RIGHT_USE_TEXT_SIZE]);

#define ACCESS_TEXT_SIZE 160U
/* For whoever is refused, in both languages. */
void access_texts(AccessVerdict v, const RightUse *use, char ret_en[static ACCESS_TEXT_SIZE],
                  char ret_id[static ACCESS_TEXT_SIZE]);
