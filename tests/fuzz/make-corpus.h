/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of make-corpus share. */

#include "base/text.h"
#include "broker/broker.h"
#include "fuzz/fuzz.h"
#include "store/row.h"
#include "wire/codec.h"
#include "wire/json.h"

#define NOW_MS INT64_C(1741575900000)

static const Uuid id = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16 } };

/* One seed of a target. put_buf() frees the buffer. */
void put(const char *target, const char *name, Bytes b);
void put_text(const char *target, const char *name, const char *text);
void put_buf(const char *target, const char *name, Buf *b);
/* In the source; good until the next call. */
const char *source_path(const char *path);
/* A file of the source; the caller frees. */
char *read_text(const char *path, size_t *ret_n);
/* As take_byte() and take_part() read them. */
void add_byte(Buf *b, unsigned v);
void add_part(Buf *b, Bytes part);

/* A frame of that kind with something in it; its bytes, the caller's to free. */
void fill(Frame *f, int kind);
void encode(Frame *f, uint8_t **p, size_t *n);
Forward sample_forward(void);
Filter sample_filter(void);
void bombs(const char *target);
/* For the targets facts and guard. */
void put_facts(const char *name, int kind, Bytes facts);
/* Of the examples one scenario and what is odd: the corpus is to stay small. */
bool is_seed(const char *example);
Envelope sample_envelope(int kind, AudienceForm form, Bytes facts, Bytes sealed);

void frames(void);
void messages_of_every_kind(void);
void examples(void);
void texts(void);
void stored(void);
void broker_stories(void);
void parts_and_damage(void);
void signatures(void);
void directory_changes_seeds(void);
void keys_and_wraps(void);
void tokens_and_requests(void);
