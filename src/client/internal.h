/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of libserasi share. Reading order: client.c (turns, waiting), client-session.c
 * (connection, HELLO, liveness), client-publish.c, client-sign.c, client-proof.c (what the broker
 * says it has), client-consume.c (channels, deliveries), client-verify.c (signatures),
 * client-settle.c, client-query.c; message.c, delivery.c and result.c are the values.
 *
 * Only serasi_process() and what waits in it touches the socket: the other calls change the plain
 * state below and ask for a turn with client_wake().
 */

#include <stdbool.h>
#include <stdint.h>

#include <utlist.h>

#include <serasi/client.h>

#include "base/cleanup.h"
#include "base/hash-table.h"
#include "base/proven.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "client/client-keys.h"
#include "core/acceptance.h"
#include "core/bundle.h"
#include "core/frame.h"
#include "core/limits.h"
#include "core/message.h"
#include "core/wrap.h"
#include "net/keys.h"
#include "net/sock.h"
#include "wire/json.h"

#define SERASI_PUBLIC __attribute__((visibility("default")))

#define QUEUE_MAX          4096U  /* messages without answer, and answers not taken yet */
#define DONE_IDS_MAX       65536U /* deliveries to recognise when they come again */
#define COMMANDS_MAX       64U
#define CHANNEL_WINDOW_MAX 65536U
#define GREETING_MS        (10 * SECOND_MS) /* HELLO to WELCOME */
#define CONNECTING_MS      (90 * SECOND_MS) /* then a fresh socket: libzmq gives up on some errors */
#define STUCK_MS           100              /* pipe full: looked at again at the latest then */
#define JUDGE_AGAIN_MS     250
#define EXTEND_ANSWER_MS   (2 * SECOND_MS)

/* A message whose sealed part is not made yet, because the keys of the recipients must be known for
 * it. Shared by the application's message and what is on its way, so that it is sealed once and a
 * repeat is the same bytes. */
typedef struct Draft {
    unsigned refs;
    Envelope env;
    Body *open;   /* envelope without the digest of the sealed part, and facts */
    Secret plain; /* wiped when it is sealed */
    Body *done;   /* NULL = not sealed yet */
    /* Whom it goes to; asked of the broker unless the audience names them. */
    bool resolved;
    uint32_t n_to;
    char (*to)[NODE_NAME_SIZE]; /* owned */
} Draft;

/* Why something could not be sealed. */
typedef struct SealFailure {
    const char *code; /* of the reason table */
    char field[NODE_NAME_SIZE];
} SealFailure;

struct serasi_message {
    Body *body;   /* NULL: the draft's */
    Draft *draft; /* NULL: nothing is to be sealed */
    Uuid id;
    bool urgent; /* for an emergency, as far as the envelope tells */
};

struct serasi_result {
    PublishResult r;
    /* Of its proof, when there is one. */
    uint32_t n_statement;
    uint8_t statement[ACCEPTANCE_MAX];
    bool judged;
    serasi_signature judgement;
    serasi_result *prev, *next;
};

struct serasi_delivery {
    Frame frame;
    SockMessage raw;
    Uuid id;
    uint64_t session;
    uint32_t channel; /* handle */
    int64_t came_ms;
    Secret plain;         /* what was sealed, once it is opened */
    WrapRequest *request; /* owned; of a WRAP_REQUEST that is looked at */
    bool wrap_granted;    /* by the application */
    const char *wrap_trouble;
    bool judged;
    serasi_signature judgement;
    serasi_delivery *prev, *next;
};

/* A message to publish. */
typedef struct Outgoing {
    Uuid id;
    Body *body;               /* NULL while the draft is not sealed */
    Draft *draft;             /* NULL = none */
    serasi_delivery *request; /* the WRAP_REQUEST it answers, owned; NULL = the application's */
    SignatureBytes signature;
    int64_t sent_ms;
    bool urgent;    /* as of its message */
    bool awaited;   /* its answer goes to serasi_publish_wait() */
    bool abandoned; /* nobody wants its answer any more */
    struct Outgoing *prev, *next;
} Outgoing;

/* A delivery that came in this session and is not settled on the broker's disk. */
typedef struct Held {
    uint64_t tag;
    Uuid id;
    uint32_t bytes;
    /* The final settlement; SETTLE_NONE while there is none. */
    SettleAction action;
    uint32_t after_ms;
    bool permanent, sent;
    char *reason; /* owned */
    /* Asking for more time. */
    bool extend_queued;
    uint32_t extend_ms;
    int64_t extend_until_ms; /* an EXTEND was sent: its answer may come until then; 0 = none */
} Held;

typedef struct Channel {
    uint32_t handle; /* 0 = free slot */
    uint32_t wire;   /* number in this session, 0 = not sent yet */
    FrameSource source;
    char name[SUBSCRIPTION_SIZE];
    Filter *filter;          /* owned */
    uint32_t wanted, window; /* as asked for, and as the broker allows */
    bool open, closing, settle_wanted;
    bool overrun;
    int64_t overrun_ms;
    char error[320];
    uint64_t last_tag;
    uint32_t n_held, room;
    Held *held;        /* by rising tag */
    uint32_t returned; /* settled since the last CREDIT */
    uint64_t returned_bytes;
} Channel;

/* A delivery that was settled DONE in a session that died before it was confirmed. */
typedef struct DoneKey { /* hash key: no padding */
    uint32_t channel;
    Uuid id;
} DoneKey;
typedef struct DoneId {
    DoneKey key;
    UT_hash_handle hh;
} DoneId;

typedef struct Command {
    Frame frame;
    struct Command *prev, *next;
} Command;

typedef enum ClientState {
    CLIENT_DOWN = 0,   /* no socket, until due_ms */
    CLIENT_CONNECTING, /* waiting for the handshake */
    CLIENT_GREETING,   /* HELLO to be sent, or sent */
    CLIENT_OPEN,
} ClientState;

struct serasi_client {
    /* how to connect */
    char *endpoint;
    char server_key[CURVE_TEXT_SIZE];
    char label[LABEL_SIZE];
    bool has_keys;
    Servers servers, servers_told; /* to be dialled, the first is the one above; not judged yet */
    uint32_t server_at;
    bool server_tried, server_worked;
    char *servers_file;
    NodeKeys keys;
    Uuid instance_id;

    /* event loop */
    void *ctx;
    Sock *sock;
    int epoll_fd, timer_fd;
    int64_t due_ms; /* the next turn, monotonic; 0 = now */

    /* session */
    ClientState state;
    int status;       /* why it is not open */
    uint64_t session; /* rises with each WELCOME */
    uint32_t failures, refusals;
    int64_t now_ms;     /* of this turn */
    int64_t entered_ms; /* when state began; CLIENT_DOWN: when to try again */
    int64_t heard_ms, sent_ms, pinged_ms;
    int64_t pong_for_ms; /* sent_at of a PING to answer */
    bool hello_sent, pong_wanted, stuck;
    uint32_t envelope_max, facts_max, sealed_max, publish_window;
    uint32_t credit_messages_max, credit_bytes_max, ping_ms;
    char node[NODE_NAME_SIZE], broker[NODE_NAME_SIZE];

    /* publishing */
    Outgoing *waiting, *inflight;
    serasi_result *results, *awaited;
    uint32_t n_waiting, n_unsealed, n_inflight, n_results; /* n_unsealed: of those waiting */
    size_t inflight_bytes, answered_bytes; /* answered: in this session, so its window grows */
    bool bundles;                          /* the broker reads them */
    Bundle *bundle;          /* being made: the last of those in flight; NULL until the first */
    int64_t paused_until_ms; /* the broker put off what came before: what follows waits, too */
    int64_t answers_ms;      /* how long answers take lately: so many times the average */
    int64_t sign_due_ms; /* what waits for more to be signed with it goes then; INT64_MAX = none */

    /* consuming */
    Channel channels[CHANNELS_MAX];
    uint32_t next_handle, next_wire;
    serasi_delivery *deliveries;
    DoneId *done_ids;
    size_t n_pending;      /* final settlements not confirmed */
    uint64_t n_lost;       /* of them, lost with a session, ever */
    int64_t settle_due_ms; /* a settlement waits until then; INT64_MAX = none */
    Command *commands;
    uint32_t n_commands;

    /* query */
    bool query_active, query_sent;
    uint32_t query_id, query_number; /* number: of the last question, of whichever kind */
    uint8_t *query_frame;            /* owned */
    size_t n_query_frame;
    Table *query_table; /* the answer, owned */

    /* sealing */
    Draft *resolving;          /* whose recipients the broker is asked for; NULL = none */
    uint32_t resolve_query;    /* 0 = not sent in this session */
    int64_t resolve_due_ms;    /* for the answer, or not to ask before */
    serasi_delivery *requests; /* for wraps, being looked at */
    uint32_t n_requests;
    int64_t look_due_ms; /* something waits for keys: looked at again then; INT64_MAX = nothing */
    struct KnownWrap *wraps; /* that came for messages sealed to others */
    serasi_wrap_policy wrap_policy;

    /* verifying */
    Proven *proven;
    struct SeenSet *seen; /* settled messages; NULL until the first */
    /* Of acceptances, to be asked for; and the head that was found good last. */
    bool proofs;
    SignedHead proof_head; /* size 0 = none */
    SignPublic proof_key;
    uint8_t proof_bytes[SIGNATURE_SIZE];

    /* other nodes' keys */
    ClientKeys *directory;
    uint32_t keys_query; /* the question that is out; 0 = none */
    int keys_verdict;    /* ClientKeysVerdict of the last answer */
};

/* client.c */
void client_wake(serasi_client *c);
int64_t client_deadline(int timeout_ms);
/* Waits for something to do; false when the time is up. */
bool client_sleep(serasi_client *c, int64_t deadline_ms);

/* client-servers.c */
_must_check_ int servers_init(serasi_client *c, const char *file);
const Server *servers_choose(serasi_client *c);        /* to be dialled now */
void servers_told(serasi_client *c, const Servers *l); /* by a WELCOME: that one worked */
void servers_take(serasi_client *c); /* those told, as far as they can be judged by now */
void servers_deinit(serasi_client *c);

/* client-session.c */
_must_check_ int session_connect(serasi_client *c);
_must_check_ int session_receive(serasi_client *c);
void session_events(serasi_client *c);
void session_liveness(serasi_client *c);
_must_check_ int session_write(serasi_client *c);
int64_t session_due_ms(const serasi_client *c);
/* The session is over and so is its connection; a new one is made after a back-off. */
void session_end(serasi_client *c, bool refused);
/* The session is over, the connection is fine: HELLO again. */
void session_restart(serasi_client *c);
void session_close(serasi_client *c);
/* Both: 0, -EAGAIN (later, the turn is repeated), or -errno. */
_must_check_ int session_send(serasi_client *c, const Frame *f, const Body *body);
_must_check_ int session_send_bytes(serasi_client *c, Bytes frame, const Body *body);

/* client-publish.c */
_must_check_ int publish_write(serasi_client *c);
/* Queues a body of the library's own; the answer goes to request_answered(). */
_must_check_ int publish_own(serasi_client *c, const Uuid *id, Body *body,
                             serasi_delivery *request);
_must_check_ int publish_answered(serasi_client *c, Frame *f);
/* Is an emergency waiting, or one whose answer somebody waits for? */
bool publish_is_urgent(const serasi_client *c);
void publish_session_lost(serasi_client *c);
void publish_deinit(serasi_client *c);

/* client-sign.c */
/* What waits is not signed yet: more may come that is signed with it. */
bool sign_is_held(serasi_client *c);
void sign_answered(serasi_client *c, const Outgoing *o);
/* Signs what waits and can go out, if this node has a key for it. */
_must_check_ int sign_waiting(serasi_client *c);

/* client-verify.c */
_must_check_ int verify_init(serasi_client *c);
void verify_deinit(serasi_client *c);
/* Judges its signature, once. 0, -ENOMEM; SERASI_AGAIN: keys for that are on their way. */
_must_check_ int delivery_verify(serasi_client *c, serasi_delivery *d);
/* A message is done with, and the broker has it on disk. */
void verify_settled(serasi_client *c, uint32_t channel, const Uuid *id);

/* client-proof.c */
/* What its proof, if any, has to be of. */
void proof_expect(const serasi_client *c, serasi_result *r, const Body *body);
/* Judges it, once. False: keys for that are on their way. */
_must_check_ bool proof_is_judged(serasi_client *c, serasi_result *r);

/* Fills *ret up to its size. 0 or -EINVAL; of may be NULL. */
_must_check_ int judgement_give(const serasi_signature *of, serasi_signature *ret);
/* Borrows. */
JsonSignature judgement_for_json(const serasi_signature *s);

/* client-consume.c */
_must_check_ int consume_write(serasi_client *c);
/* Takes over *f and *m when it makes a delivery of them. */
_must_check_ int consume_delivered(serasi_client *c, Frame *f, SockMessage *m);
/* Takes what its deliveries own. */
_must_check_ int consume_bundle(serasi_client *c, Bundle *list);
void consume_subscribed(serasi_client *c, const Frame *f);
void consume_refused(serasi_client *c, const Frame *f);
void consume_session_lost(serasi_client *c);
void consume_deinit(serasi_client *c);
Channel *channel_by_handle(serasi_client *c, uint32_t handle);
Channel *channel_by_wire(serasi_client *c, uint32_t wire);

/* client-settle.c */
_must_check_ int settle_write(serasi_client *c, Channel *ch);
void settle_confirmed(serasi_client *c, const Frame *f);
_must_check_ int held_add(Channel *ch, uint64_t tag, const Uuid *id, uint32_t bytes);
/* A final settlement for a delivery of this session. 0, -EINVAL when it has one, -ENOMEM;
 * SERASI_AGAIN when it is not held. */
_must_check_ int held_settle(serasi_client *c, Channel *ch, uint64_t tag, const Settlement *s);
bool channel_has_pending(const Channel *ch);
/* Forgets what the channel holds; DONE without confirmation is remembered when asked. */
void held_drop_all(serasi_client *c, Channel *ch, bool remember);
/* Was it done in an earlier session? Forgets that. */
bool done_id_take(serasi_client *c, uint32_t channel, const Uuid *id);

/* client-seal.c */
/* Takes both. NULL when out of memory. */
Draft *draft_new(const Envelope *env, Body *open, Secret *plain);
Draft *draft_ref(Draft *d);
Draft *draft_unref(Draft *d);
DEFINE_CLEANUP(Draft *, draft_unref);
/* 0: d->done is set. SERASI_AGAIN: something is not known yet. SERASI_NO_SEAL_KEY,
 * SERASI_TOO_LARGE with *why; -errno. */
_must_check_ int draft_seal(serasi_client *c, Draft *d, SealFailure *why);
_must_check_ int resolve_write(serasi_client *c);
/* Was it the answer to the question for recipients? */
_must_check_ int resolve_answered(serasi_client *c, const Frame *f, bool *ret_taken);
void resolve_session_lost(serasi_client *c);

/* client-open.c */
/* A SEAL_WRAP for this node: kept. Returns the settlement for it. */
_must_check_ int wrap_came(serasi_client *c, const Envelope *e, Bytes facts, Settlement *ret);
/* The application is done with a delivery. */
void wrap_forget(serasi_client *c, const serasi_delivery *d);
void wraps_deinit(serasi_client *c);

/* client-wrap.c */
/* Takes d when it is a request that the policy may answer; else it is the application's. */
_must_check_ int request_came(serasi_client *c, serasi_delivery *d, bool *ret_taken);
_must_check_ int requests_write(serasi_client *c);
/* Its answer is in: settles and frees o->request, or hands it to the application. */
void request_answered(serasi_client *c, Outgoing *o, const PublishResult *r);
void requests_drop(serasi_client *c, uint32_t channel); /* 0 = all */

/* client-query.c */
_must_check_ int query_write(serasi_client *c);
_must_check_ int query_answered(serasi_client *c, Frame *f);
void query_session_lost(serasi_client *c);

/* message.c, delivery.c, result.c */
serasi_delivery *delivery_free(serasi_delivery *d);
DEFINE_CLEANUP(serasi_delivery *, delivery_free);
serasi_result *result_free(serasi_result *r);
/* Takes over what r owns. NULL when out of memory. */
serasi_result *result_new(PublishResult *r);
