/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bundle: small messages together in one frame (PROTOCOL.md "Bundles"). Each message costs the
 * network a box for every part; a bundle costs one. It has either publishes or deliveries, and the
 * parts of all of them one behind the other.
 */

#include "core/frame.h"

#define BUNDLE_MAX 64U /* messages */
#define BUNDLE_BYTES                                                                               \
    (32U * 1024U) /* of all of them, as bundle_cost() reckons, when we make one                    \
                   */
#define BUNDLE_PARTS (PARTS_MAX - 1U)

struct Bundle {
    uint32_t n;
    FramePublish *publishes;  /* owned, with their forwards; NULL in a bundle of deliveries */
    FrameDeliver *deliveries; /* likewise */
    uint32_t (*sizes)[BUNDLE_PARTS]; /* owned; of envelope, facts, sealed */
    uint8_t *bytes;                  /* owned */
    size_t n_bytes;
    size_t cost; /* while it is made */
    bool made;   /* by us: the forwards are borrowed */
};

/* Room for `n` messages and so many bytes, and nothing in it yet. NULL when out of memory. */
Bundle *bundle_new(FrameKind kind, uint32_t n, size_t n_bytes);
Bundle *bundle_free(Bundle *b);
DEFINE_CLEANUP(Bundle *, bundle_free);

/* The most that a message of these parts takes in a bundle. */
size_t bundle_cost(const Forward *f, const SignatureBytes *signature, const Bytes *parts,
                   unsigned n_parts);
/* May a message of that cost go in a bundle at all? */
static inline bool bundle_takes(size_t cost) {
    return cost <= BUNDLE_BYTES / 2;
}
/* Is there room for one more? bundle_new() had BUNDLE_MAX and BUNDLE_BYTES. */
bool bundle_has_room(const Bundle *b, size_t cost);
/* Adds the parts of the message that the caller put at the end of its list. */
void bundle_add(Bundle *b, size_t cost, const Bytes *parts, unsigned n_parts);
/* Empties one that was made. */
void bundle_reset(Bundle *b);

/* Walks the parts: *at is 0 before the first message. Returns how many the message has behind its
 * frame, trailing empty ones left out. */
unsigned bundle_next(const Bundle *b, uint32_t i, size_t *at, Bytes ret[static BUNDLE_PARTS]);
