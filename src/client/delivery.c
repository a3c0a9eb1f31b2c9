/* SPDX-License-Identifier: Apache-2.0 */

#include "client/client-verify.h"
#include "client/internal.h"
#include "client/values.h"
#include "wire/json.h"

serasi_delivery *delivery_free(serasi_delivery *d) {
    if (!d)
        return NULL;
    frame_deinit(&d->frame);
    sock_message_deinit(&d->raw);
    secret_deinit(&d->plain);
    if (d->request)
        wrap_request_deinit(d->request);
    free(d->request);
    free(d);
    return NULL;
}

SERASI_PUBLIC void serasi_delivery_free(serasi_delivery *d) {
    (void)delivery_free(d);
}

static const void *part(const serasi_delivery *d, unsigned i, size_t *n) {
    if (n)
        *n = d->raw.parts[i].n;
    return d->raw.parts[i].p;
}

SERASI_PUBLIC const void *serasi_delivery_envelope(const serasi_delivery *d, size_t *n) {
    return part(d, 1, n);
}

SERASI_PUBLIC const void *serasi_delivery_facts(const serasi_delivery *d, size_t *n) {
    return part(d, 2, n);
}

SERASI_PUBLIC const void *serasi_delivery_sealed(const serasi_delivery *d, size_t *n) {
    return part(d, 3, n);
}

SERASI_PUBLIC const uint8_t *serasi_delivery_message_id(const serasi_delivery *d) {
    return d->id.b;
}

SERASI_PUBLIC uint32_t serasi_delivery_channel(const serasi_delivery *d) {
    return d->channel;
}

SERASI_PUBLIC uint64_t serasi_delivery_tag(const serasi_delivery *d) {
    return d->frame.deliver.tag;
}

SERASI_PUBLIC uint32_t serasi_delivery_attempt(const serasi_delivery *d) {
    return d->frame.deliver.attempt;
}

SERASI_PUBLIC int serasi_delivery_to_json(const serasi_delivery *d, int pretty, char **ret) {
    const JsonSignature signature = judgement_for_json(&d->judgement);
    return json_print_delivery(d->raw.parts[1], d->raw.parts[2], d->raw.parts[3], &d->frame,
                               &signature, pretty != 0, ret);
}
