/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The frames of the hop protocol (proto/PROTOCOL.md) as plain values. wire/ turns bytes into these
 * and back. A decoded frame borrows nothing: it owns its memory until frame_deinit().
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/directory-tree.h"
#include "core/filter.h"
#include "core/message.h"
#include "core/reasons.h"
#include "core/receipt.h"
#include "core/servers.h"
#include "core/table.h"

#define PROTOCOL_VERSION 1U

typedef enum FrameKind {
    FRAME_NONE = 0, /* numbers = the oneof's field numbers */
    FRAME_HELLO = 1,
    FRAME_WELCOME,
    FRAME_PUBLISH,
    FRAME_PUBLISHED,
    FRAME_SUBSCRIBE,
    FRAME_SUBSCRIBED,
    FRAME_UNSUBSCRIBE,
    FRAME_CREDIT,
    FRAME_DELIVER,
    FRAME_SETTLE,
    FRAME_SETTLED,
    FRAME_PING,
    FRAME_PONG,
    FRAME_QUERY,
    FRAME_RESULT,
    FRAME_ERROR,
    FRAME_BYE,
    FRAME_DIRECTORY_WANT,
    FRAME_DIRECTORY_CHANGES,
    FRAME_BUNDLE,
} FrameKind;

typedef enum Verdict {
    VERDICT_NONE = 0,
    VERDICT_ACCEPTED = 1,
    VERDICT_DUPLICATE = 2,
    VERDICT_CONFLICT = 3,
    VERDICT_REFUSED = 4,
    VERDICT_LATER = 5,
} Verdict;
const char *verdict_name(int verdict);

typedef enum FrameSource {
    SOURCE_NONE = 0,
    SOURCE_MAILBOX = 1,
    SOURCE_RECEIPTS = 2,
    SOURCE_NAMED = 3,
    SOURCE_LINK = 4,
} FrameSource;

typedef enum SettleAction {
    SETTLE_NONE = 0,
    SETTLE_DONE = 1,
    SETTLE_RETRY = 2,
    SETTLE_REJECT = 3,
    SETTLE_EXTEND = 4,
} SettleAction;

typedef enum ErrorCode {
    ERROR_NONE = 0,
    ERROR_MALFORMED = 1,
    ERROR_TOO_LARGE = 2,
    ERROR_VERSION = 3,
    ERROR_NOT_KNOWN = 4,
    ERROR_NO_SESSION = 5,
    ERROR_BAD_CHANNEL = 6,
    ERROR_NOT_ALLOWED = 7,
    ERROR_WINDOW = 8,
    ERROR_NO_SUBSCRIPTION = 9,
    ERROR_BUSY = 10,
    ERROR_REPLACED = 11,
} ErrorCode;
const char *error_code_name(int code);

typedef struct LinkProgress {
    bool present;
    uint64_t sent_count, received_count;
    Uuid sent_digest, received_digest; /* XOR of message ids */
    uint64_t backlog, in_flight;
} LinkProgress;

typedef struct TagRange {
    uint64_t first, last;
} TagRange;

typedef struct Settlement {
    TagRange tags;
    SettleAction action;
    uint32_t after_ms;
    char reason[REASON_TEXT_MAX + 1];
    bool permanent;
} Settlement;

typedef struct OutcomeRow {
    char recipient[NODE_NAME_SIZE];
    ReceiptLevel level; /* LEVEL_NONE while nothing is known */
    ReceiptCause cause;
    int64_t said_ms;
    char leg[NODE_NAME_SIZE];
} OutcomeRow;

/* An encoded Signature as it came; n = 0: none. */
typedef struct SignatureBytes {
    uint32_t n;
    uint8_t p[SIGNATURE_MAX];
} SignatureBytes;
void signature_bytes_set(SignatureBytes *s, Bytes from); /* at most SIGNATURE_MAX bytes */
static inline Bytes signature_bytes(const SignatureBytes *s) {
    return bytes_make(s->p, s->n);
}

typedef struct PublishResult {
    Uuid message_id;
    Verdict verdict;
    Reasons *reasons; /* owned, NULL = none */
    uint32_t n_recipients, n_outcomes;
    Recipient *recipients; /* owned */
    OutcomeRow *outcomes;  /* owned */
    int64_t accepted_ms;
    uint32_t retry_after_ms;
    char rule_set[16];     /* of the law, that it was judged by; "" = none */
    SignatureBytes *proof; /* owned; of the acceptance (core/acceptance.h); NULL = none */
} PublishResult;
void publish_result_deinit(PublishResult *r);

typedef struct FramePublish {
    Uuid message_id;
    Forward *forward; /* owned; NULL from a publisher */
    SignatureBytes signature;
} FramePublish;

typedef struct FrameDeliver {
    uint32_t channel, attempt;
    uint64_t tag;
    char recipient[NODE_NAME_SIZE];
    RecipientRole role;
    uint32_t n_stamps;
    HopStamp stamps[STAMPS_MAX];
    int64_t accepted_ms;
    Forward *forward; /* owned; links only */
    bool suspect;
    SignatureBytes signature;
} FrameDeliver;

typedef struct Bundle Bundle; /* core/bundle.h */

typedef struct Frame {
    FrameKind kind;
    union {
        struct {
            uint32_t protocol_min, protocol_max;
            char client[LABEL_SIZE];
            Uuid instance_id;
            LinkProgress progress;
            bool proofs;  /* of acceptance wanted */
            bool bundles; /* are read */
        } hello;
        struct {
            uint32_t protocol, envelope_max, facts_max, sealed_max, publish_window;
            uint32_t credit_messages_max, credit_bytes_max, ping_interval_ms;
            char broker[NODE_NAME_SIZE], node[NODE_NAME_SIZE];
            int64_t broker_ms;
            LinkProgress progress;
            uint64_t directory_version;
            Servers servers; /* where else it is found */
            bool bundles;    /* are read */
        } welcome;
        FramePublish publish;
        struct {
            uint32_t n;
            PublishResult *results; /* owned */
        } published;
        struct {
            uint32_t channel;
            FrameSource source;
            char name[SUBSCRIPTION_SIZE];
            Filter *filter; /* owned; NULL = none given */
            uint32_t credit_messages, credit_bytes;
        } subscribe;
        struct {
            uint32_t channel;
            uint64_t queued;
            bool overrun;
            int64_t overrun_ms;
        } subscribed;
        struct {
            uint32_t channel;
            char drop_name[SUBSCRIPTION_SIZE];
        } unsubscribe;
        struct {
            uint32_t channel, messages, bytes;
        } credit;
        FrameDeliver deliver;
        struct {
            uint32_t channel, n;
            Settlement *settlements; /* owned */
        } settle;
        struct {
            uint32_t channel, n_done, n_unknown;
            TagRange *done, *unknown; /* owned */
        } settled;
        struct {
            int64_t sent_ms;
            LinkProgress progress;
        } ping, pong;
        struct {
            uint32_t query, n_args, limit;
            char verb[32];
            char *args[8];  /* owned */
            uint8_t *input; /* owned */
            size_t n_input;
        } query;
        struct {
            uint32_t query;
            Table *table;  /* owned */
            uint8_t *data; /* owned; NULL = none */
            size_t n_data;
        } result;
        struct {
            ErrorCode code;
            char text[256];
            uint32_t channel;
            bool fatal;
        } error;
        struct {
            char reason[128];
        } bye;
        struct {
            uint64_t after, copy_of;
            TreeHash head; /* when after is not 0 */
            char behind[DIR_NAME_SIZE];
        } directory_want;
        struct {
            uint32_t n;
            Bytes changes[DIR_CHANGES_MAX], head; /* encoded */
            uint8_t *bytes;                       /* owned: where they are, when it was decoded */
        } directory_changes;
        Bundle *bundle; /* owned */
    };
} Frame;

/* Frees what the frame owns; fine on a zeroed one. */
void frame_deinit(Frame *f);
const char *frame_kind_name(int kind);
