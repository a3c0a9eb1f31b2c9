/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the modules of the broker share. Reading order: broker.c (turns), session.c, publish.c,
 * consume.c (channels), feed.c (feeds to channels), settle.c, uplink.c (this broker as a child),
 * neighbour.c (counters of links), query.c, sweep.c.
 */

#include <uthash.h>

#include "broker/broker.h"
#include "broker/window.h"
#include "core/frame.h"
#include "core/limits.h"

#define TICK_MS          200
#define UPLINK_OWNER     1U /* owner_id of operations the uplink asked for; sessions count from 16 */
#define SESSION_ID_FIRST 16U
#define OUTBOX_MAX       1024U /* answers kept for a peer that does not read; more ends its session */

typedef struct Session Session;
typedef struct Channel Channel;
typedef struct Feed Feed;
typedef struct Neighbour Neighbour;

typedef struct RouteKey { /* hash key: no padding, unused bytes are zero */
    uint8_t port, n;
    uint8_t route[30];
} RouteKey;

/* One consumer's view of one queue. */
struct Channel {
    uint32_t id; /* the client's number */
    FrameSource source;
    char name[SUBSCRIPTION_SIZE];
    Session *session;
    Feed *feed; /* NULL until the store found it */
    uint32_t credit_messages, credit_bytes;
    uint32_t n_out, bytes_out;
    uint64_t next_tag;
    Entry *out;           /* by tag; in order of tags */
    bool alone;           /* a suspect is out: nothing else until it is settled */
    bool blocked;         /* the peer's pipe is full: try again at the next tick */
    Channel *prev, *next; /* of the queue */
};

typedef struct Answer { /* an encoded frame that the peer's pipe had no room for */
    uint8_t *p;
    size_t n;
    struct Answer *next;
} Answer;

struct Session {
    RouteKey key;
    uint64_t id;
    char node[NODE_NAME_SIZE];
    char user_id[72];
    char client[LABEL_SIZE];
    Uuid instance_id;
    bool broker;    /* key of a child broker */
    bool operator_; /* operator verbs allowed */
    bool gone;      /* to be ended at the end of the turn */
    int64_t heard_mono_ms, probed_mono_ms;
    uint32_t unanswered; /* PUBLISH frames without answer */
    uint32_t n_results, n_out, n_channels;
    size_t results_size;                 /* of the frame they make, about */
    PublishResult results[64];           /* answers of this turn, sent in one frame */
    Session *next_answered;              /* in the broker's list of sessions with results */
    Channel *channels[CHANNELS_MAX + 1]; /* by number, from 1 */
    uint32_t channels_used; /* bit set: a number is used once, no late word hits another channel */
    Answer *outbox, *outbox_tail;
    uint32_t n_outbox;
    UT_hash_handle hh, hh_id;
};

/* A queue that is being read: what of it is in memory, and its readers. */
struct Feed {
    QueueId id;
    QueueKind kind;
    char name[NODE_NAME_SIZE + SUBSCRIPTION_SIZE];
    Window window;
    Channel *channels;
    Channel *quiet;     /* gets nothing more until it is free to take a suspect alone */
    uint32_t n_loading; /* bodies asked for */
    bool uplink;        /* read by the uplink instead of channels */
    bool wanted;        /* in the list of queues to pump */
    Feed *next_wanted;
    UT_hash_handle hh;
};

/* A link to a neighbour broker, either direction of dialling. */
struct Neighbour {
    char neighbour[NODE_NAME_SIZE];
    LinkProgress mine;
    bool up;
    unsigned mismatches; /* comparisons in a row that failed while nothing moved */
    uint64_t compared_sent;
    UT_hash_handle hh;
};

/* SETTLE in work: SETTLED goes out when the last of its operations is on disk. */
typedef struct Ticket {
    uint64_t session_id;
    uint32_t channel, pending, n_done, n_unknown, room_done, room_unknown;
    TagRange *done, *unknown;
} Ticket;

typedef struct Sent { /* on the uplink, not answered */
    Uuid message_id;
    int64_t order_key, seq;
    UT_hash_handle hh;
} Sent;

typedef struct Uplink {
    enum { UPLINK_DOWN = 0, UPLINK_GREETING, UPLINK_OPEN } state;
    Feed *feed;
    Sent *sent; /* by message id */
    uint32_t n_sent, window;
    int64_t heard_mono_ms, pinged_mono_ms, greeted_mono_ms, progress_mono_ms, paused_mono_ms;
    int64_t ping_ms;
    uint64_t epoch; /* of the session: answers to deliveries of an older one are not sent */
    bool recorded;  /* the store knows the link is open: a crash makes what is out uncertain */
    uint32_t credit_messages, credit_bytes; /* what the parent lets us have */
    uint32_t taken_messages, taken_bytes;   /* settled: credit to give back */
    uint32_t n_settle;
    Settlement settle[SETTLEMENTS_MAX]; /* collected in this turn */
    bool asked_queue;
} Uplink;

typedef struct OpList {
    StoreOp *first, *last;
    uint32_t n;
} OpList;

struct Broker {
    BrokerConfig config;
    BrokerIo io;
    Directory *directory;
    Uuid instance_id;
    Session *sessions, *sessions_by_id;
    Session *answered; /* sessions with results to send */
    uint64_t next_session_id;
    uint32_t n_sessions;
    Feed *feeds, *wanted;
    Neighbour *neighbours;
    Uplink uplink;
    OpList ops, urgent; /* for the store; urgent goes first (batch.c) */
    uint32_t careful;   /* so many more small batches */
    size_t cached;
    int64_t tick_mono_ms, second_mono_ms, sweep_mono_ms, recheck_mono_ms;
    bool sweeping, due_asked;
    BrokerStatus status;
    bool any_gone;
};

/* batch.c */
void broker_push(Broker *b, StoreOp *op);
/* New operation, pushed by the caller. NULL when out of memory. */
StoreOp *op_for(OpKind kind, uint64_t owner_id, void *owner);

/* broker.c */
void broker_log(Broker *b, LogEvent event, const char *peer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Goes on with another snapshot; sessions whose key it does not allow any more end. */
_must_check_ int broker_take_directory(Broker *b, Now now, Directory *d);
/* Adds the new deliveries of an operation to the windows that are in memory. */
_must_check_ int broker_deposits(Broker *b, StoreOp *op);

/* session.c */
_must_check_ int session_hello(Broker *b, Now now, const PeerMessage *m, const Frame *f);
Session *session_find(Broker *b, BrokerPort port, Bytes route);
Session *session_by_id(Broker *b, uint64_t id);
/* Sends a frame with up to three parts behind it. An answer that does not fit waits in the outbox
 * (parts: none). Returns 0, -EAGAIN (only for frames with parts), -EHOSTUNREACH, -ENOMEM. A peer
 * that cannot be reached any more is marked gone. */
int session_send(Broker *b, Session *s, const Frame *f, const Bytes *parts, unsigned n_parts);
void session_error(Broker *b, Session *s, ErrorCode code, uint32_t channel, bool fatal,
                   const char *text);
/* An ERROR to a peer without a session. */
void peer_error(Broker *b, const PeerMessage *m, ErrorCode code, const char *text);
typedef enum SessionEnd { SESSION_ORDERLY, SESSION_DIED } SessionEnd;
_must_check_ int session_end(Broker *b, Now now, Session *s, SessionEnd how, const char *why);
_must_check_ int sessions_second(Broker *b, Now now);  /* liveness, probes, leases, outboxes */
_must_check_ int sessions_bury(Broker *b, Now now);    /* ends those marked gone */
_must_check_ int sessions_recheck(Broker *b, Now now); /* after a change of the directory */
void sessions_flush_results(Broker *b);
/* One answer to a PUBLISH; takes what r owns. Sent at the end of the turn. */
void session_answer(Broker *b, Session *s, PublishResult *r);

/* publish.c */
_must_check_ int publish_frame(Broker *b, Now now, Session *s, const Frame *f,
                               const PeerMessage *m);
_must_check_ int publish_done(Broker *b, Now now, StoreOp *op);

/* consume.c */
_must_check_ int consume_subscribe(Broker *b, Now now, Session *s, Frame *f);
_must_check_ int consume_unsubscribe(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int consume_credit(Broker *b, Session *s, const Frame *f);
_must_check_ int consume_queue_found(Broker *b, Now now, StoreOp *op);       /* OP_QUEUE */
_must_check_ int consume_subscription_done(Broker *b, Now now, StoreOp *op); /* OP_SUBSCRIPTION */
/* Closes a channel; DIED counts an attempt for the oldest delivery and makes the others suspects.
 */
_must_check_ int channel_close(Broker *b, Now now, Channel *c, SessionEnd how);
_must_check_ int channel_leases(Broker *b, Now now, Channel *c);

/* feed.c */
Feed *feed_get(Broker *b, QueueId id); /* NULL when not in memory */
Feed *feed_open(Broker *b, QueueId id, QueueKind kind, const char *name); /* NULL: no memory */
/* The queue was dropped: what is in memory of it goes too. */
void feed_forget(Feed *q);
void feed_want(Broker *b, Feed *q); /* pump it at the end of the turn */
_must_check_ int feeds_pump(Broker *b, Now now);
void feed_drop_if_idle(Broker *b, Feed *q);
_must_check_ int feed_loaded(Broker *b, StoreOp *op);          /* OP_LOAD */
_must_check_ int feed_found(Broker *b, StoreOp *op);           /* OP_NEXT */
_must_check_ int feed_bodies(Broker *b, Now now, StoreOp *op); /* OP_BODIES */
_must_check_ int feed_seek(Broker *b, Feed *q, int64_t order_key);
/* One change of one delivery for the store; the entry (if any) must be BUSY. */
_must_check_ int delivery_op(Broker *b, Feed *q, const DeliveryRow *row, QueueKind kind,
                             DeliveryAction action, ReceiptCause cause, const char *detail,
                             Ticket *ticket, uint64_t tag);
_must_check_ int delivery_done(Broker *b, Now now, StoreOp *op); /* OP_DELIVERY */
/* Takes a READY entry out of circulation when it must not go out any more (recalled, expired).
 * Returns 1 when it did, 0 when the entry may go out. */
_must_check_ int feed_withdraw(Broker *b, Now now, Feed *q, Entry *e);
/* Asks for the bodies of what may go out next, beginning with `first`; at most `room` of them. */
_must_check_ int feed_fetch_bodies(Broker *b, Feed *q, Entry *first, uint32_t room,
                                   bool skip_suspects);
ReceiptCause expiry_cause(const DeliveryRow *row, QueueKind kind);

/* settle.c */
_must_check_ int settle_frame(Broker *b, Now now, Session *s, const Frame *f);
/* An operation of the ticket is on disk; sends SETTLED with the last one. */
void ticket_done(Broker *b, Ticket *t, uint64_t tag, bool known);
/* The entry leaves the channel's table. */
void channel_forget(Channel *c, Entry *e);

/* uplink.c */
_must_check_ int uplink_receive(Broker *b, Now now, const PeerMessage *m);
_must_check_ int uplink_accepted(Broker *b, Now now, StoreOp *op);
_must_check_ int uplink_queue_found(Broker *b, Now now, StoreOp *op);
_must_check_ int uplink_pump(Broker *b, Now now, Feed *q);
_must_check_ int uplink_second(Broker *b, Now now);
_must_check_ int uplink_flush(Broker *b); /* settlements and credit of this turn */

/* neighbour.c */
Neighbour *neighbour_get(Broker *b, const char *neighbour); /* makes it; NULL: no memory */
_must_check_ int neighbour_session(Broker *b, const char *neighbour, bool up);
_must_check_ int neighbour_counted(Broker *b, StoreOp *op); /* OP_LINK */
LinkProgress neighbour_progress(Broker *b, const char *neighbour);
void neighbour_compare(Broker *b, const char *neighbour, const LinkProgress *theirs);
void neighbour_sent(Broker *b, const char *neighbour, const Uuid *id);
void neighbour_took(Broker *b, const char *neighbour, const Uuid *id);

/* query.c */
_must_check_ int query_frame(Broker *b, Now now, Session *s, Frame *f);
_must_check_ int query_done(Broker *b, Now now, StoreOp *op);

/* due.c */
_must_check_ int due_second(Broker *b);
_must_check_ int due_done(Broker *b, StoreOp *op);

/* sweep.c */
_must_check_ int sweep_tick(Broker *b, Now now);
_must_check_ int sweep_done(Broker *b, Now now, StoreOp *op);
/* A row was marked as recalled: withdraw it unless it is out. */
_must_check_ int sweep_recall(Broker *b, const DeliveryRow *row, QueueKind kind);
