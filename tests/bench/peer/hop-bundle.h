/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bundles: many small messages in one frame, as libserasi and brokers send them (PROTOCOL.md
 * "Bundles").
 */
#include "hop.h"

#define HOP_BUNDLE      20U /* as the fields of Frame are numbered */
#define HOP_BUNDLE_MAX  64U
#define HOP_BUNDLE_SIZE 32768U

/* Of one publisher at a time: what is collected, and not yet in what its connection sends. */
typedef struct HopBundle {
    unsigned n;
    size_t n_heads, n_sizes, n_parts;
    uint8_t heads[HOP_BUNDLE_SIZE], sizes[HOP_BUNDLE_MAX * 9], parts[HOP_BUNDLE_SIZE];
    uint8_t frame[2 * HOP_BUNDLE_SIZE + 1024];
} HopBundle;

/* As hop_publish_parts(), but collected until hop_bundle_put(), or until there is no more room. */
void hop_bundle_parts(HopBundle *b, Zmtp *z, const uint8_t id[HOP_ID_SIZE], const void *signature,
                      size_t n_signature, const void *envelope, size_t n_envelope,
                      const void *facts, size_t n_facts, const void *sealed, size_t n_sealed);
/* As hop_publish(), likewise. */
void hop_bundle_publish(HopBundle *b, Zmtp *z, HopMaker *m, uint64_t number, uint64_t wall_ms,
                        const void *sealed, size_t n);
/* Puts what was collected into what will be sent. */
void hop_bundle_put(HopBundle *b, Zmtp *z);

/* The deliveries of a bundle that came. */
typedef struct HopWalk {
    const uint8_t *at, *end, *sizes, *sizes_end, *parts, *parts_end;
} HopWalk;

void hop_walk(HopWalk *w, const HopField *bundle);
/* The next one as if it had come alone: its DELIVER, and parts 1 to 3. false at the end. */
bool hop_walk_next(HopWalk *w, HopField *ret_body, ZmtpMessage *ret);
