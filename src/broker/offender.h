/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Offenders: keys whose programs do nothing but harm, and are not served for a while. */

#include "broker/broker.h"

typedef struct Session Session;

#define GARBAGE_FRAME 256U /* of offender_note() */
#define GARBAGE_STRAY 1U   /* a frame without a session, a HELLO too many */
/* Is this key not served for a while? */
bool offender_is_slowed(const Broker *b, Now now, const char *user_id);
/* The peer sent what means nothing. 0 or -ENOMEM. */
_must_check_ int offender_note(Broker *b, Now now, BrokerPort port, const char *user_id,
                               unsigned cost);
/* The session sent a frame that asks for nothing: as good as free to send. 0 or -ENOMEM. */
_must_check_ int offender_idle(Broker *b, Now now, Session *s);
/* The session goes on with what it was told not to send. 0 or -ENOMEM. */
_must_check_ int offender_deaf(Broker *b, Now now, Session *s);
void offenders_second(Broker *b, Now now); /* forgets those that are good again */
void offenders_deinit(Broker *b);
