/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sessions: who is connected, for which node, with which rights. */

#include "base/hash-table.h"
#include "broker/broker.h"
#include "core/frame.h"
#include "core/rights.h"

typedef struct Account Account;
typedef struct Channel Channel;
typedef struct Session Session;

#define OUTBOX_MAX 1024U /* answers kept for a peer that does not read; more ends its session */

typedef struct RouteKey { /* hash key: no padding, unused bytes are zero */
    uint8_t port, n;
    uint8_t route[30];
} RouteKey;

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
    int64_t head_ms;     /* of the newest head it was sent */
    uint64_t ahead_told; /* a version that we do not have; of each child, for one may lie */
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

typedef enum SessionEnd { SESSION_ORDERLY, SESSION_DIED } SessionEnd;

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
_must_check_ int session_end(Broker *b, Now now, Session *s, SessionEnd how, const char *why);
_must_check_ int sessions_second(Broker *b, Now now); /* liveness, probes, leases, outboxes */
_must_check_ int sessions_bury(Broker *b, Now now);   /* ends those marked gone */
void sessions_flush_results(Broker *b);
/* One answer to a PUBLISH; takes what r owns. Sent at the end of the turn. */
void session_answer(Broker *b, Session *s, PublishResult *r);
static inline Bytes session_route(const Session *s) {
    return bytes_make(s->key.route, s->key.n);
}
