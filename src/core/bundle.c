/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/bundle.h"

#define NAMED_COST 96U  /* a node with its role or time, and the framing */
#define FIXED_COST 192U /* all the rest of a PUBLISH or DELIVER */

Bundle *bundle_new(FrameKind kind, uint32_t n, size_t n_bytes) {
    _cleanup_(bundle_freep) Bundle *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->sizes = calloc(MAX(n, 1U), sizeof(*b->sizes));
    b->bytes = malloc(MAX(n_bytes, (size_t)1));
    if (kind == FRAME_PUBLISH)
        b->publishes = calloc(MAX(n, 1U), sizeof(*b->publishes));
    else
        b->deliveries = calloc(MAX(n, 1U), sizeof(*b->deliveries));
    if (!b->sizes || !b->bytes || (!b->publishes && !b->deliveries))
        return NULL;
    return TAKE_PTR(b);
}

Bundle *bundle_free(Bundle *b) {
    if (!b)
        return NULL;
    for (uint32_t i = 0; !b->made && i < b->n; i++)
        free(b->publishes ? b->publishes[i].forward : b->deliveries[i].forward);
    free(b->publishes);
    free(b->deliveries);
    free(b->sizes);
    free(b->bytes);
    free(b);
    return NULL;
}

size_t bundle_cost(const Forward *f, const SignatureBytes *signature, const Bytes *parts,
                   unsigned n_parts) {
    size_t cost = FIXED_COST + signature->n;
    if (f) /* a DELIVER has its stamps twice */
        cost += (f->n_recipients + 2 * f->n_stamps) * NAMED_COST;
    for (unsigned i = 0; i < n_parts; i++)
        cost += parts[i].n;
    return cost;
}

bool bundle_has_room(const Bundle *b, size_t cost) {
    return b->n < BUNDLE_MAX && b->cost + cost <= BUNDLE_BYTES;
}

void bundle_add(Bundle *b, size_t cost, const Bytes *parts, unsigned n_parts) {
    assert(n_parts <= BUNDLE_PARTS && bundle_has_room(b, cost));
    for (unsigned i = 0; i < BUNDLE_PARTS; i++) {
        const size_t n = i < n_parts ? parts[i].n : 0;
        b->sizes[b->n][i] = (uint32_t)n;
        if (n > 0)
            memcpy(b->bytes + b->n_bytes, parts[i].p, n);
        b->n_bytes += n;
    }
    b->cost += cost;
    b->made = true;
    b->n++;
}

void bundle_reset(Bundle *b) {
    b->n = 0;
    b->n_bytes = b->cost = 0;
}

unsigned bundle_next(const Bundle *b, uint32_t i, size_t *at, Bytes ret[static BUNDLE_PARTS]) {
    unsigned n = 0;
    assert(i < b->n);
    for (unsigned k = 0; k < BUNDLE_PARTS; k++) {
        ret[k] = bytes_make(b->bytes + *at, b->sizes[i][k]);
        *at += ret[k].n;
        if (ret[k].n > 0)
            n = k + 1;
    }
    assert(*at <= b->n_bytes);
    return n;
}
