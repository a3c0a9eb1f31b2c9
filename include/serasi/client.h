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

typedef struct serasi_options {
    size_t size;            /* sizeof(serasi_options): lets the struct grow */
    const char *endpoint;   /* "tcp://host:7021", or an operator's "ipc://..." */
    const char *server_key; /* the broker's CURVE public key, Z85; NULL for ipc */
    const char *key_file;   /* made by `serasictl init` or keygen; NULL for ipc */
    const char *label;      /* shown to operators, at most 64 bytes; NULL = "libserasi" */
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

/* Queues a message for sending; it is sent when there is a session and room in the window, and sent
 * again after a reconnect until it is answered. m is copied. 0, SERASI_AGAIN when 4096 wait
 * already, SERASI_TOO_LARGE, -ENOMEM. */
int serasi_publish(serasi_client *c, const serasi_message *m);
/* The next answer. 0, or SERASI_AGAIN when there is none. LATER answers are given too: the client
 * does not repeat those by itself. */
int serasi_next_result(serasi_client *c, serasi_result **ret);
/* Publishes one message and waits for its answer, repeating LATER until the time is up. Answers to
 * other messages stay for serasi_next_result(). 0 for ACCEPTED and DUPLICATE, SERASI_REFUSED,
 * SERASI_CONFLICT, SERASI_LATER, SERASI_TIMEOUT. *result may be NULL; set for all but TIMEOUT. */
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
