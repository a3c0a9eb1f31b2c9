/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the codec's files share: guarded unpacking, packing, and the small conversions between
 * generated structs and core values. Decoding helpers return NULL, or the reason as static text. */

#include <stdbool.h>

#include "serasi/v1/envelope.pb-c.h"
#include "serasi/v1/receipt.pb-c.h"
#include "serasi/v1/sealed.pb-c.h"
#include "serasi/v1/session.pb-c.h"

#include "base/bytes.h"
#include "core/frame.h"
#include "core/message.h"
#include "wire/arena.h"
#include "wire/back.h"
#include "wire/codec.h"
#include "wire/guard.h"

/* The reason that is no verdict: the decoder returns -ENOMEM for it. Compared by address. */
extern const char codec_out_of_memory[];

/* Guard, then unpack into a new arena. 0 (the caller frees *ret_arena), a WireVerdict, -ENOMEM. */
_must_check_ int wire_unpack(const ProtobufCMessageDescriptor *d, Bytes b,
                             const GuardLimits *limits, Arena **ret_arena, ProtobufCMessage **ret,
                             const char **ret_why);
/* Packs into a new malloc()ed buffer, never NULL on success. 0 or -ENOMEM. */
_must_check_ int wire_pack(const ProtobufCMessage *m, uint8_t **ret, size_t *ret_n);

/* --- reading: false when the value does not fit --- */
bool take_uuid(ProtobufCBinaryData b, Uuid *ret);                  /* 16 bytes */
bool take_optional_uuid(ProtobufCBinaryData b, Uuid *ret);         /* 16 bytes, or empty = nil */
bool take_time(uint64_t ms, int64_t *ret);                         /* up to the year 9999 */
bool take_fixed(ProtobufCBinaryData b, uint8_t *ret, size_t size); /* just so many bytes */
bool take_node(const char *s, char ret[static NODE_NAME_SIZE]);
bool take_optional_node(const char *s, char ret[static NODE_NAME_SIZE]);
bool take_region(const char *s, char ret[static REGION_SIZE]); /* up to 10 digits, or empty */
const char *take_stamps(size_t n, Serasi__V1__HopStamp *const *in, uint32_t *ret_n,
                        HopStamp ret[static STAMPS_MAX]);
const char *take_recipient(const Serasi__V1__Recipient *in, Recipient *ret);
const char *take_progress(const Serasi__V1__LinkProgress *in, LinkProgress *ret);
/* *ret stays as it is when in is NULL, else it is owned by the caller. */
const char *take_forward(const Serasi__V1__Forward *in, Forward **ret);
const char *take_filter(const Serasi__V1__Filter *in, Filter *ret);

/* 1 to SEAL_WRAPS_MAX; on a reason *ret_n stays as it is. */
const char *take_wraps(size_t n, Serasi__V1__SealedWrap *const *in, uint32_t *ret_n,
                       SealWrap ret[static SEAL_WRAPS_MAX]);

/* Reads an envelope of the usual form, without protobuf-c: what it knows, each once, well formed.
 * False when it is anything else, which need not be wrong; *ret is untouched then. */
bool envelope_read(Bytes b, Envelope *ret);
/* A frame that is a bundle of publishers in its usual form. 1: read; 0: to be unpacked; -ENOMEM. */
_must_check_ int bundle_read(Bytes frame, Bundle **ret);
/* Any frame, as codec_decode_frame(). */
_must_check_ int frame_unpack(Bytes b, size_t limit, Frame *ret, const char **ret_why);
/* The same of signatures. */
bool signature_read(Bytes b, Signature *ret);
_must_check_ int signature_unpack(Bytes b, Signature *ret, const char **ret_why);
/* Any envelope, as codec_decode_envelope(). */
_must_check_ int envelope_unpack(Bytes b, Envelope *ret, const char **ret_why);

/* --- writing: everything in the arena, NULL when out of memory; NULL for what is absent too, told
 * apart by arena_has_failed() --- */
ProtobufCBinaryData give_uuid(const Uuid *u);               /* nil = empty; borrows */
ProtobufCBinaryData give_bytes(const uint8_t *p, size_t n); /* borrows */
Serasi__V1__LinkProgress *give_progress(Arena *a, const LinkProgress *in);
Serasi__V1__Filter *give_filter(Arena *a, const Filter *in);
Serasi__V1__SealedWrap **give_wraps(Arena *a, uint32_t n, const SealWrap *in);
void put_stamps(Back *b, unsigned field, uint32_t n, const HopStamp *in);
/* PUBLISH, PUBLISHED, DELIVER and BUNDLE. 0 or -ENOMEM. */
_must_check_ int codec_encode_message_frame(const Frame *f, uint8_t **ret, size_t *ret_n);
/* n pointers to n structs of `size`, each initialised; for n == 0 some pointer. */
void *give_list(Arena *a, uint32_t n, size_t size, ProtobufCMessageInit init);
