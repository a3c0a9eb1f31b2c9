/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Signing what is published. What waits is signed as one tree, so that a burst costs one curve
 * operation; a message keeps its signature for as long as it is repeated.
 *
 * Answers come in dribbles, and whoever publishes one message for each answer would sign trees of
 * two or three. So when an answer takes long (the broker has more to do than it can, and what is
 * sent now only waits there), messages wait here until they are twice as many as those on their
 * way, or enough for a tree; not longer than an answer takes, and never when nothing is on its way,
 * when the application waits for the answer, or for an emergency.
 */

#include <errno.h>

#include "client/client-publish.h"
#include "client/client-sign.h"
#include "client/internal.h"
#include "wire/codec.h"

#define BATCH_MAX   256U
#define TREE_ENOUGH 16U /* a curve operation of 50 us is little for each of them */
#define BUSY_MS     8   /* an answer takes so long from a broker that is behind: many commits */
#define HOLD_MAX_MS 200
#define ANSWERS     8 /* the average is of so many, about */

static bool is_worth_it(const serasi_client *c) {
    const uint32_t room = c->publish_window - MIN(c->n_inflight, c->publish_window);
    return MIN(c->n_waiting, room) >= MIN(2 * c->n_inflight, TREE_ENOUGH);
}

bool sign_is_held(serasi_client *c) {
    const int64_t answer_ms = c->answers_ms / ANSWERS;
    if (!keys_can_sign(&c->keys) || answer_ms < BUSY_MS || is_worth_it(c) || publish_is_urgent(c))
        return false;
    if (c->sign_due_ms == INT64_MAX)
        c->sign_due_ms = c->now_ms + MIN(answer_ms, HOLD_MAX_MS);
    c->look_due_ms = MIN(c->look_due_ms, c->sign_due_ms);
    return c->now_ms < c->sign_due_ms;
}

void sign_answered(serasi_client *c, const Outgoing *o) {
    c->answers_ms += c->now_ms - o->sent_ms - c->answers_ms / ANSWERS;
}

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
    c->sign_due_ms = INT64_MAX;
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
