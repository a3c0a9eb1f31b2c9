/* SPDX-License-Identifier: Apache-2.0 */

/* The frames there is one of for each message, to bytes without protobuf-c. */

#include <assert.h>

#include "core/bundle.h"
#include "wire/codec-internal.h"

#define HEAD_ROOM 256U /* a PUBLISH or DELIVER in a bundle takes, mostly */

/* Fields, lists and what is in them are written from the last to the first (back.h). */

void put_stamps(Back *b, unsigned field, uint32_t n, const HopStamp *in) {
    while (n-- > 0) {
        const size_t mark = b->n;
        back_fixed64(b, 2, (uint64_t)in[n].at_ms);
        back_text(b, 1, in[n].broker);
        back_message(b, field, mark);
    }
}

static void put_recipients(Back *b, unsigned field, uint32_t n, const Recipient *in) {
    while (n-- > 0) {
        const size_t mark = b->n;
        back_number(b, 3, in[n].moves);
        back_enum(b, 2, (int)in[n].role);
        back_text(b, 1, in[n].node);
        back_message(b, field, mark);
    }
}

static void put_forward(Back *b, unsigned field, const Forward *in) {
    const size_t mark = b->n;
    if (!in)
        return;
    back_fixed64(b, 5, (uint64_t)in->expires_ms);
    put_stamps(b, 4, in->n_stamps, in->stamps);
    back_number(b, 3, in->scope);
    put_recipients(b, 2, in->n_recipients, in->recipients);
    back_fixed64(b, 1, (uint64_t)in->accepted_ms);
    back_message(b, field, mark);
}

static void put_publish(Back *b, const FramePublish *p) {
    back_bytes(b, 3, signature_bytes(&p->signature));
    put_forward(b, 2, p->forward);
    back_entry(b, 1, bytes_make(p->message_id.b, UUID_SIZE));
}

static void put_reasons(Back *b, unsigned field, const Reasons *in) {
    for (uint32_t n = in ? in->n : 0; n-- > 0;) {
        const Reason *r = &in->list[n];
        const size_t mark = b->n;
        back_number(b, 6, r->warning);
        back_text(b, 5, r->field);
        back_text(b, 4, r->legal_basis);
        back_text(b, 3, r->text_id);
        back_text(b, 2, r->text_en);
        back_text(b, 1, r->code);
        back_message(b, field, mark);
    }
}

static void put_outcomes(Back *b, unsigned field, uint32_t n, const OutcomeRow *in) {
    while (n-- > 0) {
        const size_t mark = b->n;
        back_text(b, 5, in[n].leg);
        back_fixed64(b, 4, (uint64_t)in[n].said_ms);
        back_enum(b, 3, (int)in[n].cause);
        back_enum(b, 2, (int)in[n].level);
        back_text(b, 1, in[n].recipient);
        back_message(b, field, mark);
    }
}

static void put_published(Back *b, const Frame *f) {
    for (uint32_t n = f->published.n; n-- > 0;) {
        const PublishResult *r = &f->published.results[n];
        const size_t mark = b->n;
        if (r->proof)
            back_bytes(b, 9, signature_bytes(r->proof));
        back_text(b, 8, r->rule_set);
        put_outcomes(b, 7, r->n_outcomes, r->outcomes);
        back_number(b, 6, r->retry_after_ms);
        back_fixed64(b, 5, (uint64_t)r->accepted_ms);
        put_recipients(b, 4, r->n_recipients, r->recipients);
        put_reasons(b, 3, r->reasons);
        back_enum(b, 2, (int)r->verdict);
        back_entry(b, 1, bytes_make(r->message_id.b, UUID_SIZE));
        back_message(b, 1, mark);
    }
}

static void put_deliver(Back *b, const FrameDeliver *d) {
    back_bytes(b, 10, signature_bytes(&d->signature));
    back_number(b, 9, d->suspect);
    put_forward(b, 8, d->forward);
    back_fixed64(b, 7, (uint64_t)d->accepted_ms);
    put_stamps(b, 6, d->n_stamps, d->stamps);
    back_enum(b, 5, (int)d->role);
    back_text(b, 4, d->recipient);
    back_number(b, 3, d->attempt);
    back_number(b, 2, d->tag);
    back_number(b, 1, d->channel);
}

static void put_bundle(Back *b, const Bundle *list) {
    back_reserve(b, list->n_bytes + list->n * HEAD_ROOM);
    back_bytes(b, 4, bytes_make(list->bytes, list->n_bytes));
    back_numbers(b, 3, (size_t)list->n * BUNDLE_PARTS, &list->sizes[0][0]);
    for (uint32_t n = list->n; n-- > 0;) {
        const size_t mark = b->n;
        if (list->publishes)
            put_publish(b, &list->publishes[n]);
        else
            put_deliver(b, &list->deliveries[n]);
        back_message(b, list->publishes ? 1 : 2, mark);
    }
}

int codec_encode_message_frame(const Frame *f, uint8_t **ret, size_t *ret_n) {
    _cleanup_(back_deinit) Back b = { 0 };
    switch (f->kind) {
    case FRAME_PUBLISH:
        put_publish(&b, &f->publish);
        break;
    case FRAME_PUBLISHED:
        put_published(&b, f);
        break;
    case FRAME_BUNDLE:
        put_bundle(&b, f->bundle);
        break;
    default:
        assert(f->kind == FRAME_DELIVER);
        put_deliver(&b, &f->deliver);
        break;
    }
    back_message(&b, (unsigned)f->kind, 0);
    return back_finish(&b, ret, ret_n);
}
