/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What comes down from the parent. */

#include "broker/broker.h"
#include "core/bundle.h"
#include "core/frame.h"

_must_check_ int uplink_delivered(Broker *b, Now now, const FrameDeliver *f, const PeerMessage *m);
_must_check_ int uplink_delivered_bundle(Broker *b, Now now, const Bundle *list,
                                         const PeerMessage *m);
_must_check_ int uplink_accepted(Broker *b, Now now, StoreOp *op);
_must_check_ int uplink_flush(Broker *b); /* settlements and credit of this turn */
