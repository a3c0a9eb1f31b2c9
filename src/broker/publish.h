/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* PUBLISH, from its parts to PUBLISHED. */

#include "broker/broker.h"
#include "core/bundle.h"
#include "core/frame.h"

typedef struct Session Session;

_must_check_ int publish_frame(Broker *b, Now now, Session *s, const FramePublish *f,
                               const PeerMessage *m);
/* Many of a child broker. */
_must_check_ int publish_bundle(Broker *b, Now now, Session *s, const Bundle *list,
                                const PeerMessage *m);
_must_check_ int publish_done(Broker *b, Now now, StoreOp *op);
/* A refusal or a conflict, for the journal. */
void publish_log(Broker *b, const StoreOp *op);
/* text_en NULL: both texts are the table's (core/reasons.h). */
_must_check_ int publish_refuse(Broker *b, Session *s, const Uuid *id, const char *code,
                                const char *field, const char *text_en, const char *text_id);
_must_check_ int publish_noted(Broker *b, StoreOp *op); /* OP_NOTE */
