/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Frames of the hop protocol, packed and read by hand for measuring: a few patched bytes and one
 * digest a message. What a broker answers is trusted; see zmtp.h.
 */
#include "zmtp.h"

#define HOP_ID_SIZE      16U
#define HOP_CHANNEL      1U
#define HOP_ENVELOPE_MAX 512U

typedef enum HopSource { HOP_MAILBOX = 1, HOP_RECEIPTS = 2 } HopSource;

/* What a client says of its messages; all of a maker's are alike but for ids, times and bodies. */
typedef struct HopKind {
    const char *sender, *recipient, *region; /* recipient NULL: to the whole region ("" = nation) */
    unsigned kind;                           /* 22 CASE_RESPONSE, 20 EXTRAORDINARY_EVENT... */
    unsigned urgency, receipts;
    bool with_case, with_facts;
} HopKind;

typedef struct HopMaker {
    uint8_t envelope[HOP_ENVELOPE_MAX], facts[16];
    size_t n_envelope, n_facts;
    size_t at_case, at_created, at_sealed; /* 0: has none */
} HopMaker;

void hop_maker_init(HopMaker *m, const HopKind *kind);
/* Adds PUBLISH of a new message to what will be sent. Its id is a UUIDv7 of now with `number`
 * inside. */
void hop_publish(Zmtp *z, HopMaker *m, uint64_t number, uint64_t wall_ms, const void *sealed,
                 size_t n);
/* The first half of it: m->envelope is that of the new message. */
void hop_make(HopMaker *m, uint64_t number, uint64_t wall_ms, const void *sealed, size_t n);
/* The same for parts that are made already; signature: encoded, n_signature 0 = none. */
void hop_publish_parts(Zmtp *z, const uint8_t id[HOP_ID_SIZE], const void *signature,
                       size_t n_signature, const void *envelope, size_t n_envelope,
                       const void *facts, size_t n_facts, const void *sealed, size_t n_sealed);
/* The number, at most 2^48 - 1, in a message's id. */
uint64_t hop_number(const uint8_t id[HOP_ID_SIZE]);

void hop_hello(Zmtp *z, const char *label);
void hop_subscribe(Zmtp *z, HopSource source, unsigned credit);
void hop_settle(Zmtp *z, uint64_t first, uint64_t last);
void hop_credit(Zmtp *z, unsigned n);
void hop_ping(Zmtp *z);
void hop_pong(Zmtp *z);

typedef enum HopFrame { /* as the fields of Frame are numbered */
                        HOP_WELCOME = 2,
                        HOP_PUBLISHED = 4,
                        HOP_SUBSCRIBED = 6,
                        HOP_DELIVER = 9,
                        HOP_SETTLED = 11,
                        HOP_PING = 12,
                        HOP_PONG = 13,
                        HOP_ERROR = 16,
                        HOP_BYE = 17,
} HopFrame;

/* A field of a protobuf message: number, and its value or bytes. */
typedef struct HopField {
    unsigned number;
    uint64_t value;
    const uint8_t *p;
    size_t n;
} HopField;

/* Steps over one field; false at the end or when it cannot be read. */
bool hop_field(const uint8_t **p, const uint8_t *end, HopField *ret);
/* The one field of a Frame. Returns its number, 0 when it cannot be read. */
unsigned hop_frame(const ZmtpMessage *m, HopField *ret);

typedef struct HopResult {
    const uint8_t *id;
    unsigned verdict; /* 1 ACCEPTED, 2 DUPLICATE, 5 LATER... */
    unsigned recipients;
    bool warned;           /* or refused: there are reasons */
    const uint8_t *reason; /* the code of the last one */
    size_t n_reason;
} HopResult;

/* Steps over the results of PUBLISHED. */
bool hop_result(const uint8_t **p, const uint8_t *end, HopResult *ret);
/* How many tags SETTLED calls done, or unknown. */
uint64_t hop_settled(const HopField *body, bool unknown);
/* The value of a number field of a body, 0 when absent. */
uint64_t hop_value(const HopField *body, unsigned number);
