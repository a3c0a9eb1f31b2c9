/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What goes up to the parent. */

#include "broker/broker.h"
#include "core/frame.h"

typedef struct Feed Feed;

_must_check_ int uplink_pump(Broker *b, Now now, Feed *q);
_must_check_ int uplink_answered(Broker *b, Now now, const PublishResult *res);
_must_check_ int uplink_unsure(Broker *b); /* whether the parent has what it did not answer */
