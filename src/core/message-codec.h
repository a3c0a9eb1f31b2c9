/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How what a store keeps and says itself becomes bytes and values again: wire knows, who keeps it
 * must not. codec_message of wire/codec.h is the real one.
 */

#include "base/bytes.h"
#include "base/signature.h"
#include "core/filter.h"
#include "core/key-request.h"
#include "core/message.h"
#include "core/notice.h"
#include "core/receipt.h"
#include "core/wrap.h"

typedef struct MessageCodec {
    /* Whole messages: new references, NULL when out of memory. */
    Body *(*encode_receipt)(const Receipt *r, const char *self, int64_t now_ms);
    /* The receipt's detail, in words or a word; false: it has none that fits. */
    bool (*receipt_detail)(Bytes facts, char *ret, size_t size);
    Body *(*encode_notice)(const Notice *n, const char *self);
    Body *(*encode_wrap_request)(const WrapRequest *r, const char *self);
    /* NULL: nobody asks for keys. */
    Body *(*encode_key_message)(const KeyRequest *r, const Uuid *id, const char *self,
                                const char *to, int64_t now_ms);
    int (*decode_key_request)(Bytes facts, KeyRequest *ret, const char **ret_why);
    /* The wraps of a sealed part, 0 when it is none; NULL: nobody is asked for one. */
    uint32_t (*sealed_wraps)(Bytes sealed, uint8_t *ret_commitment, SealWrap *ret);
    /* How a signature stands beside an envelope; NULL: nothing is signed. */
    Bytes (*encode_signature)(const Signature *s, uint8_t buf[static SIGNATURE_MAX]);
    /* A stored envelope again (redirect of a dead letter, trace). 0 or -EBADMSG. */
    int (*decode_envelope)(Bytes envelope, Envelope *ret);
    Bytes (*encode_filter)(const Filter *f, uint8_t *buf, size_t size); /* n == 0: did not fit */
    int (*decode_filter)(Bytes b, Filter *ret);
} MessageCodec;
