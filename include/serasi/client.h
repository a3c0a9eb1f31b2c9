/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERASI_CLIENT_H
#define SERASI_CLIENT_H

/*
 * libserasi: publish to and consume from a broker.
 *
 * One client = one session for one node. Not thread-safe: use a client from one thread at a time
 * (several clients in several threads are fine). No hidden threads of ours; libzmq has its own I/O
 * thread. Fits any event loop: poll serasi_fd() for reading, then call serasi_process(); call it at
 * least every serasi_timeout_ms() too. Connection loss is handled inside: the session is opened
 * again with back-off, channels are subscribed again, unanswered messages are sent again with the
 * same id, and a delivery whose settlement was lost comes again and is recognised and settled
 * without being shown twice by this client.
 *
 * Times are milliseconds. Ids are 16 bytes.
 */

#include <serasi/error.h>
#include <serasi/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct serasi_client serasi_client;

/*
 * A sealed part opens for the keys it was sealed to. When a broker finds that a recipient has none
 * of those (another node stands in, an operator redirected it, its key was changed), it asks the
 * sender for a wrap of the content key for that recipient. Nobody but a node of the directory with
 * a sealing key of its own gets one, and with hub_key only a node that the hub's directory proves;
 * and the request must hold the sender's own signed envelope, so that nobody can make one up for a
 * message that was addressed otherwise. What the policy does not cover comes as a delivery of
 * kind WRAP_REQUEST on the receipts channel, for the application to judge: serasi_wrap().
 */
typedef enum serasi_wrap_policy {
    SERASI_WRAP_ADDRESSED = 0, /* to whom the sender addressed it, by name or by role (default) */
    SERASI_WRAP_OPERATOR = 1,  /* and to whom an operator of a broker with a proven key named */
    SERASI_WRAP_NEVER = 2,     /* to nobody: every request comes as a delivery */
} serasi_wrap_policy;

typedef struct serasi_options {
    size_t size;            /* sizeof(serasi_options): lets the struct grow */
    const char *endpoint;   /* "tcp://host:7021", or an operator's "ipc://..." */
    const char *server_key; /* the broker's CURVE public key, Z85; NULL for ipc */
    const char *key_file;   /* made by `serasictl init` or keygen; for ipc NULL, or to sign with */
    const char *label;      /* shown to operators, at most 64 bytes; NULL = "libserasi" */
    /* The hub's Ed25519 public key in base64, or up to four of them with spaces between, as the
     * hub's operators publish it: keys of other nodes are then believed when the hub's signed
     * directory proves them, and nothing is sealed to others. NULL: the broker is believed. */
    const char *hub_key;
    serasi_wrap_policy wraps; /* to whom a sealed part is wrapped again without asking */
    /* A file of the application's, where the library keeps where else the broker is found: while it
     * changes its server key it listens on a second endpoint, and says so. NULL: not kept, and a
     * program that was not connected meanwhile does not find it. */
    const char *servers_file;
    /* Not 0: the broker signs what it accepts, so that this node can show it to others later; see
     * serasi_result_signature(). It costs the broker and this client a signature for all messages
     * of one commit. */
    int proofs;
} serasi_options;

/* Starts connecting and returns at once. 0, -EINVAL, -ENOMEM, or errno of reading the key file. */
int serasi_open(serasi_client **ret, const serasi_options *options);
/* Says BYE and closes; what was delivered and not settled is ready for others at once. NULL is
 * fine. */
void serasi_close(serasi_client *c);

/* --- event loop --- */
int serasi_fd(serasi_client *c);
int serasi_timeout_ms(serasi_client *c);
/* Does what is due without waiting. 0, or a status that explains why there is no session. */
int serasi_process(serasi_client *c);
/* Waits until the session is open. 0, SERASI_TIMEOUT, SERASI_NOT_KNOWN (at the end of the time). */
int serasi_wait_open(serasi_client *c, int timeout_ms);
/* Node and broker ids of the session, "" before it was open. */
const char *serasi_node(serasi_client *c);
const char *serasi_broker(serasi_client *c);
/* The endpoint in use, and its server key in *ret_server_key, which may be NULL: another than that
 * of the options when the broker was found elsewhere. */
const char *serasi_endpoint(serasi_client *c, const char **ret_server_key);
/* The directory that proves keys to this client: its version (0 = none was seen), and in
 * *ret_signed_ms, which may be NULL, when the hub signed it. */
uint64_t serasi_directory(serasi_client *c, int64_t *ret_signed_ms);
/* NULL, or why the broker's last answer about keys was not believed (English). */
const char *serasi_directory_trouble(serasi_client *c);

/* --- publishing --- */
typedef enum serasi_verdict {
    SERASI_VERDICT_NONE = 0,
    SERASI_VERDICT_ACCEPTED = 1,
    SERASI_VERDICT_DUPLICATE = 2,
    SERASI_VERDICT_CONFLICT = 3,
    SERASI_VERDICT_REFUSED = 4,
    SERASI_VERDICT_LATER = 5,
} serasi_verdict;

/* Answer to one message. Owned by the application: serasi_result_free(). */
typedef struct serasi_result serasi_result;
void serasi_result_free(serasi_result *r);
serasi_verdict serasi_result_verdict(const serasi_result *r);
const uint8_t *serasi_result_message_id(const serasi_result *r);
size_t serasi_result_reasons(const serasi_result *r);
const char *serasi_result_reason_code(const serasi_result *r, size_t i);
const char *serasi_result_reason_text(const serasi_result *r, size_t i,
                                      const char *language); /* "en" "id" */
uint32_t serasi_result_retry_after_ms(const serasi_result *r);
int serasi_result_to_json(const serasi_result *r, char **ret);
/* What the broker's signature of ACCEPTED or DUPLICATE says, with serasi_options.proofs: judged
 * before the answer is given out, with keys from the directory. UNSIGNED: it gave none. BAD: it is
 * not of this message, or of another time than accepted_at. `node` is the broker; flag
 * WRONG_BROKER: none, or not this node's own. Fills *ret up to ret->size. 0, or -EINVAL. */
int serasi_result_signature(const serasi_result *r, serasi_signature *ret);
/* The proof to be kept with the message: the statement that was signed, and the encoded Signature
 * (PROTOCOL.md, section 7). They live as long as r. 0, or SERASI_AGAIN when there is none. */
int serasi_result_proof(const serasi_result *r, const void **ret_statement, size_t *ret_n_statement,
                        const void **ret_signature, size_t *ret_n_signature);

/* Seals what a message has to be sealed, now: afterwards serasi_message_to_json() gives what will
 * be sent. serasi_publish() does it by itself. To every valid key of every addressee, asked of the
 * broker (with serasi_options.hub_key: proven), and to this node's own. 0, SERASI_NO_SEAL_KEY or
 * SERASI_TOO_LARGE with "CODE: node" in error[0..error_size), SERASI_TIMEOUT, -errno. */
int serasi_seal(serasi_client *c, serasi_message *m, int timeout_ms, char *error,
                size_t error_size);
/* Queues a message for sending; it is sent when there is a session and room in the window, and sent
 * again after a reconnect until it is answered. m is copied. 0, SERASI_AGAIN when 4096 wait
 * already, SERASI_TOO_LARGE, -ENOMEM. What could not be sealed is answered by the library, with
 * verdict REFUSED and reason NO_SEAL_KEY, SEAL_KEY_NOT_PROVEN (both name the node) or
 * TOO_MANY_SEAL_KEYS; nothing was sent then. */
int serasi_publish(serasi_client *c, const serasi_message *m);
/* The next answer. 0, or SERASI_AGAIN when there is none. LATER answers are given too: the client
 * does not repeat those by itself. */
int serasi_next_result(serasi_client *c, serasi_result **ret);
/* Publishes one message and waits for its answer, repeating LATER until the time is up. Answers to
 * other messages stay for serasi_next_result(). 0 for ACCEPTED and DUPLICATE, SERASI_REFUSED,
 * SERASI_CONFLICT, SERASI_LATER, SERASI_NO_SEAL_KEY, SERASI_TIMEOUT. *result may be NULL; set for
 * all but TIMEOUT. */
int serasi_publish_wait(serasi_client *c, const serasi_message *m, int timeout_ms,
                        serasi_result **result);

/* --- consuming --- */
typedef enum serasi_source {
    SERASI_MAILBOX = 1,  /* messages addressed to the node */
    SERASI_RECEIPTS = 2, /* receipts for what the node published */
    SERASI_NAMED = 3,    /* a named durable subscription */
} serasi_source;

/* Opens a channel with a window of `messages` unsettled deliveries, kept topped up as they are
 * settled. name and filter_json only for SERASI_NAMED; filter_json NULL = it must exist. 0,
 * -EINVAL, -ENOMEM, -ENOSPC with 16 channels; refusals come from serasi_channel_error().
 * *ret_channel is the handle. */
int serasi_subscribe(serasi_client *c, serasi_source source, const char *name,
                     const char *filter_json, uint32_t messages, uint32_t *ret_channel);
/* NULL while the channel is fine, else what the broker said. */
const char *serasi_channel_error(serasi_client *c, uint32_t channel);
int serasi_channel_is_open(serasi_client *c,
                           uint32_t channel); /* SUBSCRIBED was seen in this session */
/* A named subscription over its quota: 1, and since when copies are missing (wall ms); else 0. */
int serasi_channel_overrun(serasi_client *c, uint32_t channel, int64_t *ret_since_ms);
int serasi_unsubscribe(serasi_client *c, uint32_t channel);
/* Deletes a named subscription and what it holds. Fire and forget. */
int serasi_drop_subscription(serasi_client *c, const char *name);
/* The next delivery. 0 or SERASI_AGAIN. */
int serasi_next_delivery(serasi_client *c, serasi_delivery **ret);

/* --- what was sealed --- */
/* States of a sealed part. It is confidential, and bound to message and sender; who made it is said
 * by the signature of the message alone. */
typedef enum serasi_opened {
    SERASI_OPENED = 0,
    SERASI_NOTHING_SEALED = 1,   /* there is none, or this copy comes without (supervisors) */
    SERASI_NOT_FOR_US = 2,       /* and will not be: another role, or no sealing key here */
    SERASI_WAITING_FOR_WRAP = 3, /* to other keys than ours: the broker has asked its sender for a
                                    wrap; settle with RETRY and it comes again. Not for ever: the
                                    rest of its case waits behind it; REJECT it after a day */
    SERASI_BROKEN = 4,           /* damaged, swapped, or not what the envelope says */
} serasi_opened;

/* Opens the sealed part. Returns a serasi_opened or -ENOMEM. With SERASI_OPENED *ret and *n are the
 * plain text, owned by d and wiped by serasi_delivery_free(). May be asked again. */
int serasi_delivery_open(serasi_client *c, serasi_delivery *d, const void **ret, size_t *n);
/* The same as JSON text of the kind's message: free it with serasi_secret_free(). */
int serasi_delivery_open_json(serasi_client *c, serasi_delivery *d, int pretty, char **ret);
void serasi_secret_free(char *text); /* wipes first */

/* Answers a WRAP_REQUEST that came as a delivery on the receipts channel: the content key is
 * wrapped for the recipient it names, and the request is settled when the broker has the wrap.
 * Takes d. This decides that the node may read the message: everything about the request is checked
 * but whether it was addressed. 0 (on its way), -EINVAL: no request, -ENOMEM. Later: a request that
 * cannot be answered comes back as a delivery, serasi_wrap_trouble() says why. */
int serasi_wrap(serasi_client *c, serasi_delivery *d);
/* NULL, or why this request was not answered by the library (English). */
const char *serasi_wrap_trouble(const serasi_delivery *d);
/* Was serasi_wrap() called for it before? Then only another state of the directory helps. */
int serasi_wrap_granted(const serasi_delivery *d);

typedef enum serasi_settle_action {
    SERASI_DONE = 1,
    SERASI_RETRY = 2,
    SERASI_REJECT = 3,
    SERASI_EXTEND = 4,
} serasi_settle_action;

/* Queues a settlement. reason (REJECT) must not hold personal data. 0, -EINVAL, -ENOMEM;
 * SERASI_AGAIN: the session it came on is gone, it will come again. */
int serasi_settle(serasi_client *c, const serasi_delivery *d, serasi_settle_action action,
                  uint32_t after_ms, const char *reason, int permanent);
/* Settlements not yet confirmed to be on the broker's disk. */
size_t serasi_unsettled(serasi_client *c);
/* Waits until every settlement queued so far is on disk. 0 or SERASI_TIMEOUT. */
int serasi_flush(serasi_client *c, int timeout_ms);

/* --- asking --- */
/* Sends a query and waits for its table, printed as JSON (an array of objects). input may be NULL.
 * 0, SERASI_REFUSED with *ret_json = the text of the refusal, SERASI_TIMEOUT. */
int serasi_query(serasi_client *c, const char *verb, const char *const *args, size_t n_args,
                 const void *input, size_t n_input, uint32_t limit, int timeout_ms,
                 char **ret_json);

#ifdef __cplusplus
}
#endif
#endif
