/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the modules of the broker share. Reading order:
 *   a turn       broker.c, batch.c (operations for the store)
 *   peers        session.c, access.c (rights), account.c (what a node may make us hold), weight.c,
 *                turns.c, offender.c
 *   messages in  publish.c, check.c (signatures), resolve.c
 *   and out      consume.c (channels), feed.c (queues into channels), settle.c
 *   links        uplink.c (this broker as a child), uplink-send.c, uplink-take.c, neighbour.c
 *   directory    directory.c, directory-query.c, key.c
 *   by the clock clock.c, due.c, sweep.c, witness.c
 *   operators    query.c, note.c (calls denied)
 */

#include "base/hash-table.h"
#include "broker/broker.h"
#include "broker/window.h"
#include "core/bucket.h"
#include "core/bundle.h"
#include "core/frame.h"
#include "core/limits.h"

#define TICK_MS          200
#define UPLINK_OWNER     1U /* owner_id of operations the uplink asked for; sessions count from 16 */
#define WITNESS_OWNER    2U /* of operations that witness.c asked for */
#define SESSION_ID_FIRST 16U
#define OUTBOX_MAX       1024U /* answers kept for a peer that does not read; more ends its session */

typedef struct Session Session;
typedef struct Channel Channel;
typedef struct Feed Feed;
typedef struct Neighbour Neighbour;
typedef struct Account Account;
typedef struct Offender Offender;

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
    Filter *filter; /* of a named subscription, owned; NULL until the store told it */
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

/* What a child broker has of the directory, as it says. */
typedef struct ChildDirectory {
    bool wants;          /* it said so */
    bool reading, waits; /* on the way: from the store; to the child */
    uint64_t after, copy_of;
    TreeHash root;
    char behind[DIR_NAME_SIZE];
    int64_t head_ms; /* of the newest head it was sent */
} ChildDirectory;

struct Session {
    RouteKey key;
    uint64_t id;
    char node[NODE_NAME_SIZE];
    char user_id[72];
    char client[LABEL_SIZE];
    Uuid instance_id;
    bool broker;    /* key of a child broker */
    bool operator_; /* operator verbs allowed */
    bool proofs;    /* of acceptance wanted */
    bool bundles;   /* it reads them */
    /* What the directory says of the key and its node (access.c). */
    char label[LABEL_SIZE], home[NODE_NAME_SIZE], broker_parent[NODE_NAME_SIZE];
    Rights rights;
    int64_t from_ms, until_ms; /* valid so long; INT64_MAX = open */
    int64_t enrolment;         /* it came with this token; 0 = with a key of a node */
    bool gone;                 /* to be ended at the end of the turn */
    int64_t heard_mono_ms, probed_mono_ms;
    uint32_t unanswered;      /* PUBLISH frames without answer */
    uint32_t n_held;          /* of what it asked for: waits for a turn of its node */
    int64_t told_until_ms;    /* monotonic: it was told to wait, and until then */
    uint32_t on_its_way;      /* so many more may come that were sent before it knew, */
    int64_t bytes_on_its_way; /* and so many bytes of them */
    int64_t answered_bytes;   /* of its messages: its window grows with them */
    Account *account;
    Session *prev_of_node, *next_of_node;
    uint32_t n_checking; /* of them, whose signatures are not checked */
    uint32_t n_results, n_out, n_channels;
    size_t results_size;                 /* of the frame they make, about */
    PublishResult results[64];           /* answers of this turn, sent in one frame */
    Session *next_answered;              /* in the broker's list of sessions with results */
    Channel *channels[CHANNELS_MAX + 1]; /* by number, from 1 */
    uint32_t channels_used; /* bit set: a number is used once, no late word hits another channel */
    Answer *outbox, *outbox_tail;
    uint32_t n_outbox;
    size_t outbox_size;
    ChildDirectory directory;
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
    unsigned mismatches; /* comparisons in a row that failed by the same messages */
    uint64_t missing;
    Uuid missing_digest;
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
    uint32_t n_taking;                      /* on their way to the disk, of whatever session */
    size_t taking_bytes;
    uint32_t n_settle;
    Settlement settle[SETTLEMENTS_MAX]; /* collected in this turn */
    bool bundles;                       /* the parent reads them */
    Bundle *bundle;                     /* being made; NULL until the first */
    Sent *bundled[BUNDLE_MAX];          /* what is in it */
    bool asked_queue;
    Servers told; /* by WELCOME: where else the parent is found */
} Uplink;

/* The signed directory, as a child of the parent's (directory.c). */
typedef struct Following {
    bool busy;            /* with what came last */
    bool asked;           /* changes came: the parent waits for the next WANT */
    unsigned refused;     /* times in a row */
    int64_t want_mono_ms; /* when to ask next */
    int64_t deaf_mono_ms; /* after a refusal: until then nothing is listened to */
    uint64_t copy_of;     /* a copy of that version is on its way, so far to the record `behind` */
    char behind[DIR_NAME_SIZE];
    unsigned stale_told;
} Following;

/* An attempt to have the ledger countersigned (witness.c). */
typedef struct Witness {
    enum { WITNESS_IDLE = 0, WITNESS_LOOKING, WITNESS_ASKING, WITNESS_KEEPING } state;
    int64_t due_mono_ms, asked_mono_ms;
    int64_t block; /* what the parent was asked to sign */
    uint32_t query;
    bool repeated;        /* the parent asked back */
    bool looked, settled; /* since the start: once at all; and there is nothing it did not sign */
    uint64_t session_id;  /* of an operator who waits; 0 = nobody does */
    uint32_t session_query;
} Witness;

/* Calls of one key that lacked one right (note.c). */
typedef struct Denial {
    char node[NODE_NAME_SIZE], label[LABEL_SIZE], missing[LEDGER_NOTE_MAX + 1];
    int64_t n;               /* not in the ledger yet */
    int64_t written_mono_ms; /* 0 = never */
} Denial;

typedef struct OpList {
    StoreOp *first, *last;
    uint32_t n;
} OpList;

/* What sessions of one node asked for, waiting for a turn; emergencies apart from the rest. */
typedef struct Held {
    Account *account;
    OpList ops;
    int64_t credit; /* of the turn, in bytes; a debt when negative */
    struct Held *prev, *next;
} Held;

/* What one node makes the broker hold (account.c). */
struct Account {
    char node[NODE_NAME_SIZE];
    Session *sessions;
    uint32_t n_sessions;
    Held held[2]; /* 1: emergencies */
    uint32_t n_queries;
    uint32_t n_unanswered; /* messages, and their bytes */
    size_t unanswered_bytes;
    size_t out_bytes;                     /* of deliveries that are not settled */
    int64_t way_cost;                     /* of what turns_pump() let go on and is not done */
    Bucket usual;                         /* what it asks of the store */
    int64_t heavy_until_ms;               /* monotonic: it asks for more than that */
    int64_t calm_since_ms, came_ms;       /* monotonic: not put off since; it came last */
    Bucket hello, impatience, refused[2]; /* refused: emergencies on their own */
    int64_t told_mono_ms;
    UT_hash_handle hh;
};

/* Somebody who asks for little and was here lately. */
typedef struct Light {
    const Account *account;
    int64_t until_ms;
} Light;

/* Messages whose signatures are not checked, and what came behind them. */
typedef struct CheckQueue {
    OpList ops, urgent;
    Checks *batch;
} CheckQueue;

struct Broker {
    BrokerConfig config;
    BrokerIo io;
    Directory *directory;
    Enrolments *enrolments; /* NULL until told */
    Uuid instance_id;
    Session *sessions, *sessions_by_id;
    Session *answered; /* sessions with results to send */
    uint64_t next_session_id;
    uint32_t n_sessions;
    Feed *feeds, *wanted;
    Neighbour *neighbours;
    Uplink uplink;
    CheckQueue checks;  /* before them (check.c) */
    OpList ops, urgent; /* for the store; urgent goes first (batch.c) */
    Bundle *bundle;     /* of deliveries, while a queue is pumped; NULL until the first */
    Channel *bundle_for;
    Account *accounts;
    Held *turns[2]; /* of those that hold something; whose turn it is first. 1: emergencies */
    const Account *came_last; /* with something */
    Light lights[2];          /* of two of those that ask for little, the last first */
    Offender *offenders;
    uint32_t n_turns[2], n_held;
    uint32_t way_ops; /* let go on by turns_pump(), and not done */
    int64_t way_cost;
    size_t unanswered_bytes;
    int64_t company_until_ms, pressed_until_ms;
    Now now;          /* of this turn */
    uint32_t careful; /* so many more small batches */
    size_t cached;
    Witness witness;
    Following following;
    bool signing;            /* at the hub: the head anew */
    uint64_t ahead_told;     /* version of a child that is ahead of us */
    Denial *denials, others; /* denials: NULL until the first */
    uint32_t n_denials;
    int64_t tick_mono_ms, second_mono_ms, sweep_mono_ms;
    int64_t keys_from_ms, keys_until_ms; /* all keys of sessions are valid between these */
    bool sweeping, due_asked;
    struct {
        int64_t offset_ms, since_mono_ms; /* of the wall to the other; doubted since */
        bool known, doubted;
    } clock;
    BrokerStatus status;
    bool any_gone;
};

/* check.c */
_must_check_ int check_init(Broker *b);
void check_deinit(Broker *b);
/* A message that came in, from a publisher or a link: to the store when its signature is checked.
 */
void check_push(Broker *b, Now now, StoreOp *op);
/* The first of several came: its signature may be checked while the others are read. */
void check_early(Broker *b, Now now);
/* What a session asked for, behind its messages. */
void check_push_behind(Broker *b, uint64_t session_id, StoreOp *op);

/* account.c */
Account *account_get(Broker *b, const char *node); /* makes it; NULL: no memory */
void accounts_second(Broker *b, Now now);          /* forgets those that hold nothing */
void accounts_deinit(Broker *b);
uint32_t account_sessions_max(const Broker *b); /* of one node */
bool account_may_greet(const Broker *b, Now now, Account *a);
void account_add_session(Account *a, Session *s);
void account_remove_session(Session *s);
size_t peer_body_size(const PeerMessage *m);
/* Before a message is read as a whole: is there room for so many bytes? Returns 1 when it was
 * answered LATER, 0, or -ENOMEM. */
_must_check_ int account_take_bytes(Broker *b, Now now, Session *s, const Uuid *id,
                                    const PeerMessage *m);
/* Charges a message that is about to be handed to the store. Returns 1 when it was answered LATER
 * instead, 0, or -ENOMEM. */
_must_check_ int account_take_message(Broker *b, Now now, Session *s, const Message *m);
/* The same of one that could not be read, and is about to be refused. */
_must_check_ int account_take_unreadable(Broker *b, Now now, Session *s, const Uuid *id);
/* If a quota of the store put the message off the operator is told. */
void account_tell_quota(Broker *b, const StoreOp *op);
/* OP_ACCEPT of a session has its answer. */
void account_answered(Broker *b, Now now, const StoreOp *op);
bool account_may_query(const Broker *b, const Account *a);
/* As it, and a request for a key that is refused is written down, as a refused message is. */
bool account_may_ask_for_key(Broker *b, Now now, Account *a);
bool account_may_subscribe(const Broker *b, const Account *a);
bool account_may_deliver(const Broker *b, const Account *a, size_t size);
/* A message that is not waited for any more; a may be NULL: its node is forgotten. */
void account_release(Broker *b, Account *a, const Message *m);

/* weight.c */
#define WEIGHT_LASTS_MS SECOND_MS /* who came so lately may come again */
/* Somebody but a (or NULL) asks for little and was here lately. Before one is known to ask for much
 * it is taken for such a one itself. */
bool weight_is_beside_light(const Broker *b, Now now, const Account *a);
bool weight_is_heavy(Now now, const Account *a); /* this one asks for much */
bool weight_is_heavy_beside_light(const Broker *b, Now now, const Account *a);
/* How long since it began or was last put off: 0, when it may have little, to 5. */
int64_t weight_calm_steps(Now now, const Account *a);
/* It asks the store for something of that cost. */
void weight_note(Broker *b, Now now, Account *a, const StoreOp *op, int64_t cost);
void weight_note_put_off(Broker *b, Now now, Account *a);
/* It would have more on the way than it may. */
void weight_note_pressed(Broker *b, Now now, const Account *a);
void weight_forget(Broker *b, const Account *a);

/* turns.c */
/* What a session asks of the store: it goes on in a turn of its node. */
void turns_push(Broker *b, Now now, Session *s, StoreOp *op);
/* The same behind what the session asked for before; false when that went on already. */
bool turns_hold_behind(Broker *b, uint64_t session_id, StoreOp *op);
void turns_left_the_way(Broker *b, StoreOp *op);
void turns_pump(Broker *b, Now now);

/* offender.c */
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

/* batch.c */
void broker_push(Broker *b, StoreOp *op);
void ops_append(OpList *l, StoreOp *op);
StoreOp *ops_take(OpList *l); /* the first; NULL: none */
/* Does an earlier message of its case (or the same message once more) wait in the list? */
bool ops_follow(const OpList *l, const Envelope *e);
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
/* Ends its connection, with what libzmq keeps for it, and the session at the end of the turn. */
void session_cut(Broker *b, Session *s);
void session_error(Broker *b, Session *s, ErrorCode code, uint32_t channel, bool fatal,
                   const char *text);
/* An ERROR to a peer without a session. */
void peer_error(Broker *b, const PeerMessage *m, ErrorCode code, const char *text);
typedef enum SessionEnd { SESSION_ORDERLY, SESSION_DIED } SessionEnd;
_must_check_ int session_end(Broker *b, Now now, Session *s, SessionEnd how, const char *why);
_must_check_ int sessions_second(Broker *b, Now now); /* liveness, probes, leases, outboxes */
_must_check_ int sessions_bury(Broker *b, Now now);   /* ends those marked gone */
void sessions_flush_results(Broker *b);
/* One answer to a PUBLISH; takes what r owns. Sent at the end of the turn. */
void session_answer(Broker *b, Session *s, PublishResult *r);
static inline Bytes session_route(const Session *s) {
    return bytes_make(s->key.route, s->key.n);
}

/* access.c */
/* Node and rights of an authenticated peer. False: not known (any more). */
bool session_authorise(const Broker *b, const char *user_id, BrokerPort port, Now now,
                       Session *ret);
/* A session was opened with that key: when it begins and ends is looked at. */
void session_note_validity(Broker *b, const Session *s);
_must_check_ int sessions_recheck(Broker *b, Now now); /* after a change of the directory */
_must_check_ int sessions_expire(Broker *b, Now now);  /* by the clock; cheap */
bool session_allows(const Session *s, const RightUse *use);
/* Puts the key of the session under an operation, for the store to judge; none for operators of
 * this machine. */
void session_sign(const Session *s, char ret[static CURVE_TEXT_SIZE]);
/* The line in the journal that goes with an entry of the ledger. */
void access_tell(Broker *b, const char *node, const char *label, const char *missing, int64_t n);
/* A key that is known and not valid said HELLO. */
_must_check_ int key_denied(Broker *b, Now now, const char *user_id);
/* A call was refused for want of that right: ERROR to the peer, and broker_denied(). */
_must_check_ int session_denied(Broker *b, Now now, Session *s, uint32_t channel,
                                const char *missing);

/* publish.c */
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

/* consume.c */
_must_check_ int consume_subscribe(Broker *b, Now now, Session *s, Frame *f);
_must_check_ int consume_unsubscribe(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int consume_credit(Broker *b, Now now, Session *s, const Frame *f);
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
/* Copies for subscribers are read again before they go out: the store knows who may still have
 * them. */
void feeds_forget_copies(Broker *b);
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
/* The entry leaves the channel's table, whatever becomes of it; and when it came to hand there, it
 * is no suspect any more. */
void channel_release(Channel *c, Entry *e);
void channel_forget(Channel *c, Entry *e);

/* uplink.c */
#define UPLINK_CHANNEL 1U
#define UPLINK_CREDIT  256U
_must_check_ int uplink_recheck(Broker *b, Now now); /* after a change of the directory */
_must_check_ int uplink_receive(Broker *b, Now now, const PeerMessage *m);
_must_check_ int uplink_queue_found(Broker *b, Now now, StoreOp *op);
_must_check_ int uplink_second(Broker *b, Now now);
/* The session to the parent ends: what is unanswered is uncertain from now on. */
_must_check_ int uplink_end(Broker *b, const char *why);
/* A frame with up to three parts behind it. 0, -EAGAIN, -EHOSTUNREACH, -ENOMEM. */
int uplink_say(Broker *b, const Frame *f, const Bytes *parts, unsigned n_parts);
int uplink_send(Broker *b, const Frame *f); /* the same, -EHOSTUNREACH without a session */

/* uplink-send.c */
_must_check_ int uplink_pump(Broker *b, Now now, Feed *q);
_must_check_ int uplink_answered(Broker *b, Now now, const PublishResult *res);
_must_check_ int uplink_unsure(Broker *b); /* whether the parent has what it did not answer */

/* uplink-take.c */
_must_check_ int uplink_delivered(Broker *b, Now now, const FrameDeliver *f, const PeerMessage *m);
_must_check_ int uplink_delivered_bundle(Broker *b, Now now, const Bundle *list,
                                         const PeerMessage *m);
_must_check_ int uplink_accepted(Broker *b, Now now, StoreOp *op);
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
void query_answer(Broker *b, Session *s, uint32_t query, Table *t);

/* An operation whose result is answered to this query. */
StoreOp *query_op(OpKind kind, const Session *s, const Frame *f);
/* An answer of words alone. */
_must_check_ int query_say(Broker *b, Session *s, const Frame *f, uint32_t code, const char *text);

/* key.c */
bool enrol_authorise(const Broker *b, const char *curve, Now now, Session *ret);
_must_check_ int enrol_frame(Broker *b, Now now, Session *s, const Frame *f); /* of a token */
_must_check_ int key_ask(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int key_list(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int enrol_token_verb(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int enrol_decide_verb(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int key_done(Broker *b, Now now, StoreOp *op, Table *t); /* OP_KEY */
void key_wish_told(Broker *b, const StoreOp *op); /* of a KEY_REQUEST that ends here */

/* directory-query.c */
_must_check_ int directory_import(Broker *b, Session *s, Frame *f);
_must_check_ int directory_revoke(Broker *b, Session *s, Frame *f);
_must_check_ int directory_sign_above(Broker *b, Session *s, Frame *f);
_must_check_ int directory_edited(Broker *b, Now now, StoreOp *op, Table *t); /* IMPORT, REVOKE */
_must_check_ int directory_proven(Broker *b, Session *s, StoreOp *op, Table *t);

/* directory.c */
void directory_uplink_open(Broker *b, Now now);
_must_check_ int directory_changes(Broker *b, Now now, const Frame *f); /* from the parent */
_must_check_ int directory_want(Broker *b, Session *s, const Frame *f); /* from a child */
_must_check_ int directory_news(Broker *b); /* another version is in force: children hear of it */
_must_check_ int directory_second(Broker *b, Now now);
_must_check_ int directory_taken(Broker *b, Now now, StoreOp *op);  /* OP_DIRECTORY_TAKE */
_must_check_ int directory_found(Broker *b, StoreOp *op);           /* OP_DIRECTORY_READ */
_must_check_ int directory_signed(Broker *b, Now now, StoreOp *op); /* OP_DIRECTORY_SIGN */

/* witness.c */
_must_check_ int witness_second(Broker *b, Now now);
_must_check_ int witness_stored(Broker *b, Now now, StoreOp *op); /* OP_QUERY of WITNESS_OWNER */
_must_check_ int witness_result(Broker *b, Now now, const Frame *f);
_must_check_ int witness_verb(Broker *b, Now now, Session *s, const Frame *f);

/* resolve.c */
_must_check_ int resolve_frame(Broker *b, Now now, Session *s, const Frame *f,
                               const PeerMessage *m);

/* note.c */
/* A call was denied for want of that right. An entry of the ledger and a line in the journal, or
 * counted for a later one when it is tried often. */
_must_check_ int broker_denied(Broker *b, Now now, const char *node, const char *label,
                               const char *missing);
_must_check_ int notes_second(Broker *b, Now now);
/* Before the broker stops: what was counted and not written. */
_must_check_ int notes_last(Broker *b, Now now);

/* clock.c */
bool clock_is_doubted(const Broker *b, Now now); /* nothing expires by it */
void clock_second(Broker *b, Now now);
/* As if nothing but the stop was between. */
void clock_remember(Broker *b, int64_t wall_ms, Now now);

/* due.c */
_must_check_ int due_second(Broker *b);
_must_check_ int due_done(Broker *b, StoreOp *op);

/* sweep.c */
_must_check_ int sweep_tick(Broker *b, Now now);
_must_check_ int sweep_done(Broker *b, Now now, StoreOp *op);
/* A row was marked as recalled: withdraw it unless it is out. */
_must_check_ int sweep_recall(Broker *b, const DeliveryRow *row, QueueKind kind);
