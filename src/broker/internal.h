/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a broker: its state. What its modules offer each other stands in a header of each.
 * Reading order:
 *   a turn       broker.c, batch.c (operations for the store)
 *   peers        session.c, access.c (rights), account.c (what a node may make us hold), weight.c,
 *                turns.c, offender.c
 *   messages in  publish.c, check.c (signatures), resolve.c
 *   and out      consume.c (channels), feed.c (queues into channels), window.c,
 *                settle.c
 *   links        uplink.c (this broker as a child), uplink-send.c, uplink-take.c, neighbour.c
 *   directory    directory.c, directory-query.c, key.c
 *   by the clock clock.c, due.c, sweep.c, witness.c
 *   operators    query.c, import.c, note.c (calls denied)
 */

#include "broker/account.h"
#include "broker/batch.h"
#include "broker/broker.h"
#include "broker/check-queue.h"
#include "broker/directory.h"
#include "broker/note.h"
#include "broker/uplink.h"
#include "broker/weight.h"
#include "broker/witness.h"

#define TICK_MS 200
/* owner_id of operations: who asked. */
#define UPLINK_OWNER     1U
#define WITNESS_OWNER    2U
#define SESSION_ID_FIRST 16U /* and above: sessions */

typedef struct Channel Channel;
typedef struct Feed Feed;
typedef struct Neighbour Neighbour;
typedef struct Offender Offender;
typedef struct Session Session;

struct Broker {
    BrokerConfig config;
    BrokerIo io;
    BrokerStatus status;
    Uuid instance_id;
    Now now; /* of this turn */
    int64_t tick_mono_ms, second_mono_ms;

    /* batch.c */
    OpList ops, urgent; /* for the store; urgent goes first */
    uint32_t careful;   /* so many more small batches */
    CheckQueue checks;  /* before them (check.c) */

    /* session.c, access.c */
    Session *sessions, *sessions_by_id;
    Session *answered; /* sessions with results to send */
    uint64_t next_session_id;
    uint32_t n_sessions;
    bool any_gone;
    int64_t keys_from_ms, keys_until_ms; /* all keys of sessions are valid between these */

    /* account.c, weight.c, turns.c, offender.c */
    Account *accounts;
    size_t unanswered_bytes;
    const Account *came_last; /* with something */
    Light lights[2];          /* of two of those that ask for little, the last first */
    int64_t company_until_ms, pressed_until_ms;
    Held *turns[2]; /* of those that hold something; whose turn it is first. 1: emergencies */
    uint32_t n_turns[2], n_held;
    uint32_t way_ops; /* let go on by turns_pump(), and not done */
    int64_t way_cost;
    Offender *offenders;

    /* feed.c */
    Feed *feeds, *wanted;
    size_t cached;  /* bodies in windows, in bytes */
    Bundle *bundle; /* of deliveries, while a queue is pumped; NULL until the first */
    Channel *bundle_for;

    /* uplink.c, neighbour.c */
    Uplink uplink;
    Neighbour *neighbours;

    /* directory.c, key.c */
    Directory *directory;
    Enrolments *enrolments; /* NULL until told */
    Following following;
    bool signing; /* at the hub: the head anew */

    /* note.c, witness.c */
    Denial *denials, others; /* denials: NULL until the first */
    uint32_t n_denials;
    Witness witness;

    /* clock.c, sweep.c, due.c */
    struct {
        int64_t offset_ms, since_mono_ms; /* of the wall to the other; doubted since */
        bool known, doubted;
    } clock;
    int64_t sweep_mono_ms;
    bool sweeping, due_asked;
};

void broker_log(Broker *b, LogEvent event, const char *peer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Goes on with another snapshot; sessions whose key it does not allow any more end. */
_must_check_ int broker_take_directory(Broker *b, Now now, Directory *d);
/* Adds the new deliveries of an operation to the windows that are in memory. */
_must_check_ int broker_deposits(Broker *b, StoreOp *op);
