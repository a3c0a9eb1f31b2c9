/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Signing what is published. What waits is signed as one tree, so that a burst costs one curve
 * operation; a message keeps its signature for as long as it is repeated.
 */

#include <errno.h>

#include "client/client-internal.h"
#include "wire/codec.h"

#define BATCH_MAX 256U

/* Those at the head of the queue that can go out now. */
static size_t collect(serasi_client *c, Outgoing *ret[static BATCH_MAX],
                      Bytes envelopes[static BATCH_MAX]) {
    size_t n = 0;
    for (Outgoing *o = c->waiting; o && o->body && n < BATCH_MAX; o = o->next) {
        if (o->signature.n > 0)
            continue;
        envelopes[n] = body_envelope(o->body);
        ret[n++] = o;
    }
    return n;
}

int sign_waiting(serasi_client *c) {
    Outgoing *list[BATCH_MAX];
    Bytes envelopes[BATCH_MAX];
    uint8_t buf[SIGNATURE_MAX];
    if (!keys_can_sign(&c->keys))
        return 0;
    const size_t n = collect(c, list, envelopes);
    if (n == 0)
        return 0;
    _cleanup_(freep) Signature *made = calloc(n, sizeof(*made));
    if (!made)
        return -ENOMEM;
    const int r = signature_make(&c->keys.sign, envelopes, n, made);
    for (size_t i = 0; r == 0 && i < n; i++)
        signature_bytes_set(&list[i]->signature, codec_encode_signature(&made[i], buf));
    return r;
}
