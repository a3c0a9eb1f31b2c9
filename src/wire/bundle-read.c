/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bundles of publishers as they nearly always are, read in one pass: messages with an id, mostly a
 * signature and no forward, then all sizes, then the parts. Whatever is unusual, or wrong, is left
 * to guard and protobuf-c, as with envelopes (envelope-read.c).
 */

#include <errno.h>
#include <string.h>

#include "core/bundle.h"
#include "wire/codec-internal.h"
#include "wire/plain.h"

#define TAG(field) ((uint32_t)(field) << 3 | 2)

enum { F_ID = 1, F_SIGNATURE = 3 };                 /* of Publish */
enum { F_PUBLISHES = 1, F_SIZES = 3, F_PARTS = 4 }; /* of Bundle */

static bool read_publish(Bytes b, FramePublish *p) {
    uint32_t tag;
    Bytes id, signature = { 0 };
    if (!plain_number(&b, &tag) || tag != TAG(F_ID) || !plain_bytes(&b, &id) || id.n != UUID_SIZE)
        return false;
    if (b.n > 0 && (!plain_number(&b, &tag) || tag != TAG(F_SIGNATURE) ||
                    !plain_bytes(&b, &signature) || signature.n > SIGNATURE_MAX || b.n > 0))
        return false;
    memcpy(p->message_id.b, id.p, UUID_SIZE);
    p->forward = NULL;
    signature_bytes_set(&p->signature, signature);
    return true;
}

static bool read_sizes(Bytes b, uint32_t n, size_t total, uint32_t (*ret)[BUNDLE_PARTS]) {
    static const uint32_t max[BUNDLE_PARTS] = { ENVELOPE_MAX, FACTS_MAX, SEALED_MAX };
    size_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        for (unsigned k = 0; k < BUNDLE_PARTS; k++) {
            if (!plain_number(&b, &ret[i][k]) || ret[i][k] > max[k])
                return false;
            sum += ret[i][k];
        }
    return b.n == 0 && sum == total;
}

/* What stands in front of the parts: how many messages, and the views of the rest. */
typedef struct Raw {
    uint32_t n;
    Bytes publishes[BUNDLE_MAX], sizes, parts;
} Raw;

static bool read_raw(Bytes b, Raw *r) {
    uint32_t tag;
    for (r->n = 0;; r->n++) {
        if (!plain_number(&b, &tag))
            return false;
        if (tag != TAG(F_PUBLISHES))
            break;
        if (r->n == BUNDLE_MAX || !plain_bytes(&b, &r->publishes[r->n]))
            return false;
    }
    return r->n > 0 && tag == TAG(F_SIZES) && plain_bytes(&b, &r->sizes) &&
           plain_number(&b, &tag) && tag == TAG(F_PARTS) && plain_bytes(&b, &r->parts) && b.n == 0;
}

int bundle_read(Bytes frame, Bundle **ret) {
    uint32_t tag;
    Bytes body;
    Raw r;
    if (!plain_number(&frame, &tag) || tag != TAG(FRAME_BUNDLE) || !plain_bytes(&frame, &body) ||
        frame.n > 0 || !read_raw(body, &r))
        return 0;
    _cleanup_(bundle_freep) Bundle *b = bundle_new(FRAME_PUBLISH, r.n, r.parts.n);
    if (!b)
        return -ENOMEM;
    if (!read_sizes(r.sizes, r.n, r.parts.n, b->sizes))
        return 0;
    for (; b->n < r.n; b->n++)
        if (!read_publish(r.publishes[b->n], &b->publishes[b->n]))
            return 0;
    if (r.parts.n > 0)
        memcpy(b->bytes, r.parts.p, r.parts.n);
    b->n_bytes = r.parts.n;
    *ret = TAKE_PTR(b);
    return 1;
}
