/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERASI_MESSAGE_H
#define SERASI_MESSAGE_H

/*
 * What goes to and comes from a broker: parts in the schemas of package serasi.v1, encoded by the
 * application (any protobuf library), or built from JSON text.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A message to publish. Opaque; owned by who made it; may be published again with the same id. */
typedef struct serasi_message serasi_message;

/* From encoded parts, which are copied. facts and sealed may be NULL with length 0. The digests in
 * the envelope must be those of the parts. Returns 0, -EINVAL, -ENOMEM or SERASI_TOO_LARGE. */
int serasi_message_new(serasi_message **ret, const void *envelope, size_t n_envelope,
                       const void *facts, size_t n_facts, const void *sealed, size_t n_sealed);
/* From JSON {"envelope":{},"facts":{},"sealed":"base64"}; message_id, schema, sender, created_at
 * and digests are filled in when absent (node = sender). On -EINVAL error[0..error_size) says why.
 */
int serasi_message_from_json(serasi_message **ret, const char *json, const char *node, char *error,
                             size_t error_size);
void serasi_message_free(serasi_message *m);
/* 16 bytes, borrowed from m. */
const uint8_t *serasi_message_id(const serasi_message *m);

/* A delivery from a channel. Owned by the application until serasi_delivery_free(); freeing does
 * not settle it. */
typedef struct serasi_delivery serasi_delivery;
void serasi_delivery_free(serasi_delivery *d);
const void *serasi_delivery_envelope(const serasi_delivery *d, size_t *n);
const void *serasi_delivery_facts(const serasi_delivery *d, size_t *n);
const void *serasi_delivery_sealed(const serasi_delivery *d, size_t *n);
const uint8_t *serasi_delivery_message_id(const serasi_delivery *d); /* 16 bytes */
uint32_t serasi_delivery_channel(const serasi_delivery *d);
uint64_t serasi_delivery_tag(const serasi_delivery *d);
uint32_t serasi_delivery_attempt(const serasi_delivery *d);
/* One line of JSON, malloc()ed for the caller. Returns 0 or -ENOMEM. */
int serasi_delivery_to_json(const serasi_delivery *d, int pretty, char **ret);

#ifdef __cplusplus
}
#endif
#endif
