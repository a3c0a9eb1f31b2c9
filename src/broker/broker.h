/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Broker: sessions, mailboxes, credit, links. No socket, no thread, no clock, no file of its own:
 * frames come in with the time, store operations go out as a batch, their results come back, frames
 * go out. The daemon runs it over ZeroMQ and a store thread; a simulator over anything.
 *
 *     receive ──► checks ──► batch of StoreOp ──► (store_run) ──► stored ──► send
 *
 * An answer that promises something (PUBLISHED ACCEPTED, SETTLED) is only ever sent from
 * broker_stored(). One thread uses a Broker.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/times.h"
#include "broker/check.h"
#include "core/directory.h"
#include "core/retry.h"
#include "core/servers.h"
#include "core/table.h"
#include "store/store.h"

typedef struct Broker Broker;

typedef enum BrokerPort {
    PORT_CLIENTS = 0, /* CURVE ROUTER: clients and child brokers */
    PORT_ADMIN = 1,   /* ipc ROUTER: operators of this machine; user id "uid:<n>" */
    PORT_UPLINK = 2,  /* DEALER to the parent broker; no route */
} BrokerPort;

typedef struct BrokerConfig {
    char self[NODE_NAME_SIZE];        /* node id of this broker */
    char parent[NODE_NAME_SIZE];      /* node id of the parent broker; "" = none */
    char parent_key[CURVE_TEXT_SIZE]; /* its CURVE key, by which it is known; "" = not told */
    uint32_t sessions_max;            /* 4096 */
    uint32_t sessions_node;           /* of one node; 0 = an eighth of all, at least 64 */
    uint32_t hello_rate;              /* sessions one node may open a second: 8; 0 = no bound */
    uint32_t publish_window;          /* unanswered PUBLISH frames a session: 1024 */
    uint32_t credit_messages_max;     /* per channel: 1024 */
    uint32_t credit_bytes_max;        /* per channel: 16 MiB */
    uint32_t link_window;             /* in flight on the uplink: 256 messages */
    int64_t ping_ms;                  /* 10 s; a session is dead after three */
    int64_t probe_ms;                 /* 2 s: sessions that hold deliveries are pinged so often */
    int64_t lease_ms;      /* 15 min: a delivery not settled nor extended is taken back */
    int64_t sweep_ms;      /* 5 s: search for expired deliveries */
    int64_t link_stall_ms; /* 60 s: backlog without progress resets the link */
    int64_t witness_ms;    /* 1 day: the parent countersigns the ledger; 0 = when asked to */
    int64_t noted_ms;      /* what the clock on the wall showed when it last ran; 0 = not known */
    RetryPolicy retry;
    size_t cache_bytes;   /* bodies kept in memory: 64 MiB */
    uint32_t pending_max; /* operations waiting before intake pauses: 4096 */
    /* What one node may have waiting; 0 = no bound. */
    uint32_t node_window;  /* unanswered messages: 2048 */
    size_t node_bytes;     /* their bytes: 64 MiB */
    uint32_t node_queries; /* queries: 256 */
    size_t node_out_bytes; /* unsettled deliveries: 128 MiB */
    size_t pending_bytes;  /* unanswered bytes of all nodes: 256 MiB */
    size_t outbox_bytes;   /* answers kept for a peer that does not read: 4 MiB */
    uint32_t idle_rate;    /* frames of a key that ask for nothing, a second: 256; 0 = no bound */
    int64_t slow_ms;       /* a key that does harm is not served so long: 60 s */
    Servers servers;       /* where else this broker is found: told in WELCOME */
    bool signs;            /* the hub: the directory */
    bool follows;          /* below the hub: only what it has signed */
    bool unsigned_allowed; /* from nodes without a signing key */
} BrokerConfig;
extern const BrokerConfig broker_config_default;

/* What the broker asks of its surroundings. */
typedef struct BrokerIo {
    void *data;
    /* Sends one message without waiting; parts are copied. 0, -EAGAIN, -EHOSTUNREACH. */
    int (*send)(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n_parts);
    void (*log)(void *data, const LogRecord *r);
    /* Random 32 bits (jitter). */
    uint32_t (*random)(void *data);
    /* The uplink makes no progress: rebuild its connection. */
    void (*uplink_reset)(void *data);
    /* Operator verbs that are not the broker's ("reload", ...): fill the table, return true when
     * known. */
    bool (*verb)(void *data, const char *verb, char *const *args, uint32_t n_args, Table *table);
    /* The directory changed (new snapshot, borrowed): tell Zap. */
    void (*directory)(void *data, Directory *d);
    /* The peer has a session from now on, or none any more. May be NULL. */
    void (*session)(void *data, BrokerPort port, Bytes route, bool open);
    /* End the peer's connection: it did what no mere mistake explains. May be NULL. */
    void (*cut)(void *data, BrokerPort port, Bytes route);
    /* Let nobody in with this key for so long. May be NULL. */
    void (*put_off)(void *data, const char *user_id, int64_t ms);
    /* Tokens that may be used (borrowed): tell Zap. May be NULL. */
    void (*enrolments)(void *data, Enrolments *e);
    /* Where else the parent is found, proven by the directory (borrowed). May be NULL. */
    void (*servers)(void *data, const Servers *l);
    /* Signatures wait to be checked, and there is more to read: broker_take_checks() may be called
     * already. May be NULL. */
    void (*checks)(void *data);
    /* Where the peer calls from, as text; false when that is not known. May be NULL. */
    bool (*address)(void *data, BrokerPort port, Bytes route, char *ret, size_t size);
} BrokerIo;

typedef struct PeerMessage {
    BrokerPort port;
    Bytes route;         /* ROUTER: routing id, made by our own socket */
    const char *user_id; /* authenticated: CURVE key text, or "uid:<n>" on PORT_ADMIN */
    const Bytes *parts;
    unsigned n_parts;
    bool oversized; /* too many parts or a part over its limit; parts are not given */
} PeerMessage;

/* io is copied. directory: a reference of its own is taken. Returns 0 or -ENOMEM. */
_must_check_ int broker_new(Broker **ret, const BrokerConfig *config, const BrokerIo *io,
                            Directory *directory, Now now);
Broker *broker_free(Broker *b);
DEFINE_CLEANUP(Broker *, broker_free);

/* Tokens that the store knows of, at the start: takes a reference of its own. */
void broker_set_enrolments(Broker *b, Enrolments *e);

/* One message from a peer. Nothing a peer sends is an error here; -ENOMEM is. */
_must_check_ int broker_receive(Broker *b, Now now, const PeerMessage *m);
/* By which of its keys the parent is dialled next. */
void broker_set_parent_key(Broker *b, const char *curve);
/* The connection to the parent was made (say HELLO) or lost. */
_must_check_ int broker_uplink_connected(Broker *b, Now now);
_must_check_ int broker_uplink_lost(Broker *b, Now now);
/* Whether there is room for more work from peers; read no sockets while false. */
bool broker_has_room(const Broker *b);
/* Somebody who asks for little was served lately: it should not wait for others. */
bool broker_is_beside_light(const Broker *b, Now now);
/* Beside somebody who asks for little somebody else begins to send, or is put off: read for
 * shorter. */
bool broker_is_pressed(const Broker *b, Now now);

/* The next signatures to check (checks_run()), NULL when there are none or some are out. The broker
 * must stay while they are. */
Checks *broker_take_checks(Broker *b, Now now);
/* They were carried out. */
void broker_checked(Broker *b, Now now);
/* All that wait, at once and in this thread: for surroundings without threads. */
void broker_check_here(Broker *b, Now now);
/* Messages whose signatures are to be checked or are being checked. */
uint32_t broker_checking(const Broker *b);

/* The next batch for the store: at most 256 messages / 4 MiB of intake and all other operations
 * that wait, in order; emergencies go ahead of other cases. NULL when there is nothing. Batches are
 * carried out, and told to broker_stored(), in the order in which they were taken. */
StoreOp *broker_take_batch(Broker *b);
/* What is in a batch that has not begun. */
typedef struct BatchFill {
    uint32_t ops, messages; /* messages: of intake, and their bytes */
    size_t bytes;
} BatchFill;
/* What may still go into it, behind what is there; fill is brought up to date. Nothing while
 * there is something urgent: it would find the way taken. */
StoreOp *broker_take_more(Broker *b, BatchFill *fill);
/* Operations that wait to be taken. */
uint32_t broker_waiting(const Broker *b);
/* Frees a batch whose results nobody will hear of, with what the broker hung on it. */
void broker_batch_free(StoreOp *list);
/* The batch was committed: its results. Takes ownership of the list. */
_must_check_ int broker_stored(Broker *b, Now now, StoreOp *list);

/* When broker_tick() wants to be called next, monotonic ms. */
int64_t broker_due_ms(const Broker *b, Now now);
_must_check_ int broker_tick(Broker *b, Now now);

/* An entry of the ledger, written with what is stored next. */
_must_check_ int broker_note(Broker *b, const LedgerEntry *e);

/* Configuration values that may change while running. */
void broker_reconfigure(Broker *b, const BrokerConfig *config);
/* Orderly stop: tells every session BYE. What is out becomes ready again. */
void broker_stop(Broker *b, Now now);
/* Counters for STATUS= lines. */
typedef struct BrokerStatus {
    uint32_t sessions, child_links;
    bool has_parent, uplink_up;
    uint64_t accepted, delivered, settled, pending_ops;
    uint64_t turns; /* rises with every receive, tick and batch: watchdog */
} BrokerStatus;
BrokerStatus broker_status(const Broker *b);
