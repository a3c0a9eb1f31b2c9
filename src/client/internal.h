/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of libserasi: the state of a client. What its files offer each other stands in a
 * header of each. Reading order: client.c (turns, waiting), client-session.c
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

#include "base/hash-table.h"
#include "base/proven.h"
#include "client/client-consume.h"
#include "client/client-keys.h"
#include "client/values.h"
#include "core/bundle.h"
#include "core/frame.h"
#include "core/limits.h"
#include "core/message.h"
#include "net/keys.h"
#include "net/sock.h"

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

typedef struct DoneId DoneId;
typedef struct Draft Draft;
typedef struct Outgoing Outgoing;

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

void client_wake(serasi_client *c);
int64_t client_deadline(int timeout_ms);
/* Waits for something to do; false when the time is up. */
bool client_sleep(serasi_client *c, int64_t deadline_ms);
