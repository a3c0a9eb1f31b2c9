/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Codec: bytes of the hop protocol to the plain values of core/frame.h and core/message.h and back.
 * Every decoder runs the guard first and unpacks within a budget; what it returns owns its memory.
 * Thread-safe: no state.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "base/crypto-seal.h"
#include "core/frame.h"
#include "core/message.h"
#include "core/notice.h"
#include "core/receipt.h"

typedef enum WireVerdict {
    WIRE_OK = 0,
    WIRE_MALFORMED, /* not this message, or a value out of its range; *ret_why names it */
    WIRE_TOO_LARGE,
} WireVerdict;

/* All decoders: >0 a WireVerdict (why: static text for ERROR frames and the journal), 0 done,
 * -ENOMEM. limit: FRAME_MAX from clients, FRAME_ANSWER_MAX from brokers and operators. */
_must_check_ int codec_decode_frame(Bytes b, size_t limit, Frame *ret, const char **ret_why);
/* Packs a frame of a known kind into a new malloc()ed buffer. Returns 0 or -ENOMEM. */
_must_check_ int codec_encode_frame(const Frame *f, uint8_t **ret, size_t *ret_n);

/* Envelope alone; checks forms (ids of 16 bytes, node ids, digits, digest sizes) too. */
_must_check_ int codec_decode_envelope(Bytes b, Envelope *ret, const char **ret_why);
/* The same with the signature StoreConfig.decode_envelope wants. */
_must_check_ int codec_decode_stored_envelope(Bytes b, Envelope *ret);
/* Envelope and facts of a message into m->env, m->facts, m->lane, m->digest; m->body is made from
 * the three parts. Facts of unknown kinds are left unread. Does not look at m->fwd. */
_must_check_ int codec_decode_message(Bytes envelope, Bytes facts, Bytes sealed, Message *m,
                                      const char **ret_why);
/* Envelope bytes from plain values. Returns 0, -ENOMEM. */
_must_check_ int codec_encode_envelope(const Envelope *e, uint8_t **ret, size_t *ret_n);
/* StoreConfig.encode_receipt: a whole RECEIPT message from broker `self`. The same receipt gives
 * the same bytes at any now_ms. NULL when out of memory. */
Body *codec_encode_receipt(const Receipt *r, const char *self, int64_t now_ms);
/* A whole NOTICE message from broker `self` to n->to. NULL when out of memory. */
Body *codec_encode_notice(const Notice *n, const char *self);
/* Facts of kind RECALL_ORDER. */
_must_check_ int codec_encode_recall_order(const Uuid *message_id, const char *reason,
                                           uint8_t **ret, size_t *ret_n);
/* Into buf; n == 0 means it did not fit (the filter without conditions has bytes too). */
Bytes codec_encode_filter(const Filter *f, uint8_t *buf, size_t size);
_must_check_ int codec_decode_filter(Bytes b, Filter *ret);
/* The sealed part. Decoding looks at its form alone: sizes and number of wraps; only opening it
 * tells whether it is one. *ret is freed with sealed_deinit(). */
_must_check_ int codec_encode_sealed(const Sealed *s, uint8_t **ret, size_t *ret_n);
_must_check_ int codec_decode_sealed(Bytes b, Sealed *ret, const char **ret_why);
