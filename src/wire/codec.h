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
#include "base/signature.h"
#include "core/directory-change.h"
#include "core/frame.h"
#include "core/key-request.h"
#include "core/message-codec.h"
#include "core/message.h"
#include "core/notice.h"
#include "core/receipt.h"
#include "core/wrap.h"

typedef enum WireVerdict {
    WIRE_OK = 0,
    WIRE_MALFORMED, /* not this message, or a value out of its range; *ret_why names it */
    WIRE_TOO_LARGE,
} WireVerdict;

/* All decoders: >0 a WireVerdict (why: static text for ERROR frames and the journal), 0 done,
 * -ENOMEM. limit: FRAME_MAX from clients, BUNDLE_MAX_BYTES for their
 * bundles, FRAME_ANSWER_MAX from brokers and operators. */
_must_check_ int codec_decode_frame(Bytes b, size_t limit, Frame *ret, const char **ret_why);
/* Does it begin as a frame of that kind does? To choose the limit. */
bool codec_frame_is(Bytes b, FrameKind kind);
/* Packs a frame of a known kind into a new malloc()ed buffer. Returns 0 or -ENOMEM. */
_must_check_ int codec_encode_frame(const Frame *f, uint8_t **ret, size_t *ret_n);

/* Envelope alone; checks forms (ids of 16 bytes, node ids, digits, digest sizes) too. */
_must_check_ int codec_decode_envelope(Bytes b, Envelope *ret, const char **ret_why);
/* The same as MessageCodec wants it. */
_must_check_ int codec_decode_stored_envelope(Bytes b, Envelope *ret);
/* Envelope and facts of a message into m->env, m->facts, m->lane, m->digest; m->body is made from
 * the three parts. Facts of unknown kinds are left unread. Does not look at m->fwd. On anything
 * but 0 the message is good for nothing but message_free(). */
_must_check_ int codec_decode_message(Bytes envelope, Bytes facts, Bytes sealed, Message *m,
                                      const char **ret_why);
/* The same with the encoded signature it came with (at most SIGNATURE_MAX bytes, not looked at). */
_must_check_ int codec_decode_signed_message(Bytes envelope, Bytes facts, Bytes sealed,
                                             Bytes signature, Message *m, const char **ret_why);
/* Envelope bytes from plain values. Returns 0, -ENOMEM. */
_must_check_ int codec_encode_envelope(const Envelope *e, uint8_t **ret, size_t *ret_n);
/* A whole RECEIPT message from broker `self`. The same receipt gives
 * the same bytes at any now_ms. NULL when out of memory. */
Body *codec_encode_receipt(const Receipt *r, const char *self, int64_t now_ms);
bool codec_receipt_detail(Bytes facts, char *ret, size_t size);
/* A whole NOTICE message from broker `self` to n->to. NULL when out of memory. */
Body *codec_encode_notice(const Notice *n, const char *self);
/* Facts of kind RECALL_ORDER. */
_must_check_ int codec_encode_recall_order(const Uuid *message_id, const char *reason,
                                           uint8_t **ret, size_t *ret_n);
/* Into buf; n == 0 means it did not fit (the filter without conditions has bytes too). */
Bytes codec_encode_filter(const Filter *f, uint8_t *buf, size_t size);
_must_check_ int codec_decode_filter(Bytes b, Filter *ret);
/* The signature beside an envelope. Decoding looks at its form alone: sizes and numbers. */
_must_check_ int codec_decode_signature(Bytes b, Signature *ret, const char **ret_why);
/* StoreConfig.encode_signature. Fits always: path and size are within their limits. */
Bytes codec_encode_signature(const Signature *s, uint8_t buf[static SIGNATURE_MAX]);
/* The sealed part. Decoding looks at its form alone: sizes and number of wraps; only opening it
 * tells whether it is one. *ret is freed with sealed_deinit(). */
_must_check_ int codec_encode_sealed(const Sealed *s, uint8_t **ret, size_t *ret_n);
_must_check_ int codec_decode_sealed(Bytes b, Sealed *ret, const char **ret_why);
/* StoreConfig.sealed_wraps: its wraps alone; 0 when it is no such part. */
uint32_t codec_sealed_wraps(Bytes b, uint8_t ret_commitment[static SEAL_COMMITMENT_SIZE],
                            SealWrap ret[static SEAL_WRAPS_MAX]);
/* A whole WRAP_REQUEST from broker `self` to r->to. NULL when out of memory. */
Body *codec_encode_wrap_request(const WrapRequest *r, const char *self);
/* Its facts; *ret is freed with wrap_request_deinit(). */
_must_check_ int codec_decode_wrap_request(Bytes facts, WrapRequest *ret, const char **ret_why);
/* Facts of kind SEAL_WRAP. */
_must_check_ int codec_encode_seal_wraps(const SealWraps *w, uint8_t **ret, size_t *ret_n);
_must_check_ int codec_decode_seal_wraps(Bytes facts, SealWraps *ret, const char **ret_why);
/* What a KeyRequest asks for, into r->demand: before it is signed. 0, or -EINVAL: too large. */
_must_check_ int codec_encode_key_demand(KeyRequest *r);
/* Facts of kind KEY_REQUEST. Decoding looks at the form alone: who signed it, and whether it may
 * be, is key_request_judge()'s. */
_must_check_ int codec_encode_key_request(const KeyRequest *r, uint8_t **ret, size_t *ret_n);
_must_check_ int codec_decode_key_request(Bytes b, KeyRequest *ret, const char **ret_why);
/* A whole KEY_REQUEST from broker `self` to the hub. NULL when out of memory. */
Body *codec_encode_key_message(const KeyRequest *r, const Uuid *id, const char *self,
                               const char *to, int64_t now_ms);
/* The answer of directory-keys. Decoding looks at the form alone; *ret is freed with
 * key_proofs_deinit(). */
_must_check_ int codec_encode_key_proofs(const KeyProofs *p, uint8_t **ret, size_t *ret_n);
_must_check_ int codec_decode_key_proofs(Bytes b, KeyProofs *ret, const char **ret_why);
/* Records, heads and changes of the directory. A record and a head say by their form alone what
 * they are; whether a change is the hub's, dir_change_check() says. *ret of a change is freed with
 * dir_change_deinit(). */
_must_check_ int codec_decode_record(Bytes b, DirRecord *ret, const char **ret_why);
Bytes codec_encode_record(const DirRecord *r, uint8_t *buf, size_t size); /* n == 0: no room */
_must_check_ int codec_decode_head(Bytes b, DirHead *ret, const char **ret_why);
_must_check_ int codec_encode_head(const DirHead *h, uint8_t **ret, size_t *ret_n);
_must_check_ int codec_decode_change(Bytes b, DirChange *ret, const char **ret_why);
/* Fills c->bytes from all the rest, signed when hub is given, else as a part of a copy. */
_must_check_ int codec_encode_change(DirChange *c, const SignKey *hub); /* 0 or -ENOMEM */
extern const DirectoryCodec codec_directory;
/* What a store asks of all this. */
extern const MessageCodec codec_message;
