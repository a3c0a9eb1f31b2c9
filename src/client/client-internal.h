/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of libserasi share. Reading order: client.c (turns, waiting), client-session.c
 * (connection, HELLO, liveness), client-publish.c, client-consume.c (channels, deliveries),
 * client-settle.c, client-query.c; message.c, delivery.c and result.c are the values.
 *
 * Only serasi_process() and what waits in it touches the socket: the other calls change the plain
 * state below and ask for a turn with client_wake().
 */

#include <stdbool.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include <serasi/client.h>

#include "base/cleanup.h"
#include "base/uuid.h"
#include "core/frame.h"
#include "core/limits.h"
#include "core/message.h"
#include "net/sock.h"

#define SERASI_PUBLIC __attribute__((visibility("default")))

#define QUEUE_MAX          4096U  /* messages without answer, and answers not taken yet */
#define DONE_IDS_MAX       65536U /* deliveries to recognise when they come again */
#define COMMANDS_MAX       64U
#define CHANNEL_WINDOW_MAX 65536U
#define GREETING_MS        (10 * SECOND_MS) /* HELLO to WELCOME */
#define CONNECTING_MS      (90 * SECOND_MS) /* then a fresh socket: libzmq gives up on some errors */
#define STUCK_MS           100              /* pipe full: looked at again at the latest then */
#define EXTEND_ANSWER_MS   (2 * SECOND_MS)

struct serasi_message {
    Body *body;
    Uuid id;
};

struct serasi_result {
    PublishResult r;
    serasi_result *prev, *next;
};

struct serasi_delivery {
    Frame frame;
    SockMessage raw;
    Uuid id;
    uint64_t session;
    uint32_t channel; /* handle */
    serasi_delivery *prev, *next;
};

/* A message to publish. */
typedef struct Outgoing {
    Uuid id;
    Body *body;
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
    uint32_t n_waiting, n_inflight, n_results;

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
    uint32_t query_id;
    uint8_t *query_frame; /* owned */
    size_t n_query_frame;
    Table *query_table; /* the answer, owned */
};

/* client.c */
void client_wake(serasi_client *c);
int64_t client_deadline(int timeout_ms);
/* Waits for something to do; false when the time is up. */
bool client_sleep(serasi_client *c, int64_t deadline_ms);

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
_must_check_ int publish_answered(serasi_client *c, Frame *f);
void publish_session_lost(serasi_client *c);
void publish_deinit(serasi_client *c);

/* client-consume.c */
_must_check_ int consume_write(serasi_client *c);
/* Takes over *f and *m when it makes a delivery of them. */
_must_check_ int consume_delivered(serasi_client *c, Frame *f, SockMessage *m);
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

/* client-query.c */
_must_check_ int query_write(serasi_client *c);
void query_answered(serasi_client *c, Frame *f);

/* message.c, delivery.c, result.c */
serasi_delivery *delivery_free(serasi_delivery *d);
DEFINE_CLEANUP(serasi_delivery *, delivery_free);
serasi_result *result_free(serasi_result *r);
/* Takes over what r owns. NULL when out of memory. */
serasi_result *result_new(PublishResult *r);
