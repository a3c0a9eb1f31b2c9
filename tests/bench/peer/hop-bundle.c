/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "hop-bundle.h"

enum { HEAD_PUBLISH = 1, HEAD_DELIVER = 2, SIZES = 3, PARTS = 4 };

static size_t put_varint(uint8_t *at, uint64_t v) {
    size_t n = 0;
    for (; v >= 128; v >>= 7)
        at[n++] = (uint8_t)(v | 128);
    at[n++] = (uint8_t)v;
    return n;
}

static size_t put_field(uint8_t *at, unsigned field, const void *p, size_t n) {
    size_t begin = put_varint(at, field << 3 | 2);
    begin += put_varint(at + begin, n);
    if (n > 0)
        memcpy(at + begin, p, n);
    return begin + n;
}

static size_t varint_size(uint64_t v) {
    uint8_t at[10];
    return put_varint(at, v);
}

static void add_part(HopBundle *b, const void *p, size_t n) {
    b->n_sizes += put_varint(b->sizes + b->n_sizes, n);
    if (n > 0)
        memcpy(b->parts + b->n_parts, p, n);
    b->n_parts += n;
}

void hop_bundle_parts(HopBundle *b, Zmtp *z, const uint8_t id[HOP_ID_SIZE], const void *signature,
                      size_t n_signature, const void *envelope, size_t n_envelope,
                      const void *facts, size_t n_facts, const void *sealed, size_t n_sealed) {
    uint8_t body[600];
    const size_t n_body = n_envelope + n_facts + n_sealed, n_head = HOP_ID_SIZE + n_signature + 16;
    if (n_head + n_body > HOP_BUNDLE_SIZE / 2 || n_head > sizeof(body)) {
        hop_bundle_put(b, z);
        hop_publish_parts(z, id, signature, n_signature, envelope, n_envelope, facts, n_facts,
                          sealed, n_sealed);
        return;
    }
    if (b->n == HOP_BUNDLE_MAX || b->n_heads + b->n_parts + n_head + n_body > HOP_BUNDLE_SIZE)
        hop_bundle_put(b, z);
    size_t n = put_field(body, 1, id, HOP_ID_SIZE);
    if (n_signature > 0)
        n += put_field(body + n, 3, signature, n_signature);
    b->n_heads += put_field(b->heads + b->n_heads, HEAD_PUBLISH, body, n);
    add_part(b, envelope, n_envelope);
    add_part(b, facts, n_facts);
    add_part(b, sealed, n_sealed);
    b->n++;
}

void hop_bundle_publish(HopBundle *b, Zmtp *z, HopMaker *m, uint64_t number, uint64_t wall_ms,
                        const void *sealed, size_t n) {
    hop_make(m, number, wall_ms, sealed, n);
    hop_bundle_parts(b, z, m->envelope + 2, NULL, 0, m->envelope, m->n_envelope, m->facts,
                     m->n_facts, sealed, n);
}

void hop_bundle_put(HopBundle *b, Zmtp *z) {
    if (b->n == 0)
        return;
    const size_t body = b->n_heads + 1 + varint_size(b->n_sizes) + b->n_sizes + 1 +
                        varint_size(b->n_parts) + b->n_parts;
    size_t at = put_varint(b->frame, HOP_BUNDLE << 3 | 2);
    at += put_varint(b->frame + at, body);
    memcpy(b->frame + at, b->heads, b->n_heads);
    at += b->n_heads;
    at += put_field(b->frame + at, SIZES, b->sizes, b->n_sizes);
    at += put_field(b->frame + at, PARTS, b->parts, b->n_parts);
    zmtp_put(z, b->frame, at, false);
    b->n = 0;
    b->n_heads = b->n_sizes = b->n_parts = 0;
}

void hop_walk(HopWalk *w, const HopField *bundle) {
    HopField f;
    *w = (HopWalk) { .at = bundle->p, .end = bundle->p + bundle->n };
    for (const uint8_t *p = w->at; hop_field(&p, w->end, &f);) {
        if (f.number == SIZES) {
            w->sizes = f.p;
            w->sizes_end = f.p + f.n;
        } else if (f.number == PARTS) {
            w->parts = f.p;
            w->parts_end = f.p + f.n;
        }
    }
}

static size_t next_size(HopWalk *w) {
    size_t v = 0;
    for (unsigned shift = 0; w->sizes < w->sizes_end && shift < 32; shift += 7) {
        const uint8_t b = *w->sizes++;
        v |= (size_t)(b & 127) << shift;
        if (b < 128)
            break;
    }
    return v;
}

bool hop_walk_next(HopWalk *w, HopField *ret_body, ZmtpMessage *ret) {
    do {
        if (!hop_field(&w->at, w->end, ret_body))
            return false;
    } while (ret_body->number != HEAD_DELIVER);
    for (unsigned i = 1; i < ZMTP_PARTS_MAX; i++) {
        const size_t n = next_size(w);
        if (n > (size_t)(w->parts_end - w->parts))
            return false;
        ret->parts[i] = (ZmtpPart) { (uint8_t *)(uintptr_t)w->parts, n };
        w->parts += n;
    }
    ret->n_parts = ZMTP_PARTS_MAX;
    return true;
}
