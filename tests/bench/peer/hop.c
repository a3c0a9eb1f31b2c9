/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "hop.h"

#define DIGEST 32U /* BLAKE2b-256 */

enum { KIND_HELLO = 1, KIND_PUBLISH = 3, KIND_SUBSCRIBE = 5, KIND_CREDIT = 8, KIND_SETTLE = 10 };

/* --- packing -------------------------------------------------------------------------------- */

static uint8_t *put_number(uint8_t *at, uint64_t v) {
    for (; v >= 128; v >>= 7)
        *at++ = (uint8_t)(v | 128);
    *at++ = (uint8_t)v;
    return at;
}

static uint8_t *put_value(uint8_t *at, unsigned field, uint64_t v) {
    return put_number(put_number(at, field << 3), v);
}

static uint8_t *put_bytes(uint8_t *at, unsigned field, const void *p, size_t n) {
    at = put_number(put_number(at, field << 3 | 2), n);
    if (n > 0)
        memcpy(at, p, n);
    return at + n;
}

static uint8_t *put_text(uint8_t *at, unsigned field, const char *text) {
    return put_bytes(at, field, text, strlen(text));
}

static void put_frame(Zmtp *z, unsigned kind, const uint8_t *body, size_t n, bool more) {
    uint8_t frame[1024];
    assert(n < sizeof(frame) - 8);
    zmtp_put(z, frame, (size_t)(put_bytes(frame, kind, body, n) - frame), more);
}

void hop_hello(Zmtp *z, const char *label) {
    uint8_t body[256], instance[HOP_ID_SIZE], *at = body;
    randombytes_buf(instance, sizeof(instance));
    at = put_value(at, 1, 1);
    at = put_value(at, 2, 1);
    at = put_text(at, 3, label);
    at = put_bytes(at, 4, instance, sizeof(instance));
    at = put_value(at, 7, 1); /* bundles are read */
    put_frame(z, KIND_HELLO, body, (size_t)(at - body), false);
}

void hop_subscribe(Zmtp *z, HopSource source, unsigned credit) {
    uint8_t body[32], *at = put_value(put_value(body, 1, HOP_CHANNEL), 2, source);
    if (credit > 0)
        at = put_value(at, 5, credit);
    put_frame(z, KIND_SUBSCRIBE, body, (size_t)(at - body), false);
}

void hop_settle(Zmtp *z, uint64_t first, uint64_t last) {
    uint8_t one[32], body[64], *at = put_value(one, 1, first);
    at = put_value(at, 2, last);
    at = put_value(at, 3, 1); /* DONE */
    at = put_bytes(put_value(body, 1, HOP_CHANNEL), 2, one, (size_t)(at - one));
    put_frame(z, KIND_SETTLE, body, (size_t)(at - body), false);
}

void hop_credit(Zmtp *z, unsigned n) {
    uint8_t body[16], *at = put_value(put_value(body, 1, HOP_CHANNEL), 2, n);
    put_frame(z, KIND_CREDIT, body, (size_t)(at - body), false);
}

void hop_ping(Zmtp *z) {
    put_frame(z, HOP_PING, NULL, 0, false);
}

void hop_pong(Zmtp *z) {
    put_frame(z, HOP_PONG, NULL, 0, false);
}

/* --- messages ------------------------------------------------------------------------------- */

static void digest(const void *p, size_t n, uint8_t ret[DIGEST]) {
    (void)crypto_generichash(ret, DIGEST, p, n, NULL, 0);
}

static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

void hop_maker_init(HopMaker *m, const HopKind *kind) {
    static const uint8_t zeros[DIGEST];
    uint8_t audience[128], *to = audience, *at = m->envelope;
    *m = (HopMaker) { .n_facts = 0 };
    if (kind->with_facts) { /* CaseResponse.emergency, or ExtraordinaryEvent's first number */
        m->facts[0] = 2 << 3;
        m->facts[1] = 1;
        m->n_facts = 2;
    }
    at = put_bytes(at, 1, zeros, HOP_ID_SIZE);
    at = put_value(at, 2, kind->kind);
    at = put_value(at, 3, 1);
    at = put_text(at, 4, kind->sender);
    to = put_text(to, kind->recipient ? 1 : 3, kind->recipient ? kind->recipient : kind->region);
    at = put_bytes(at, 5, audience, (size_t)(to - audience));
    if (kind->region[0] != '\0')
        at = put_text(at, 6, kind->region);
    if (kind->with_case) {
        at = put_value(at, 7, 1);
        at = put_bytes(at, 8, zeros, HOP_ID_SIZE);
        m->at_case = (size_t)(at - m->envelope) - HOP_ID_SIZE;
    }
    at = put_value(at, 11, kind->urgency);
    at = put_value(at, 12, 1);
    at = put_value(at, 13, 1);
    at = put_number(at, 14 << 3 | 1);
    m->at_created = (size_t)(at - m->envelope);
    at += 8;
    if (m->n_facts > 0) {
        uint8_t d[DIGEST];
        digest(m->facts, m->n_facts, d);
        at = put_bytes(at, 16, d, sizeof(d));
    }
    at = put_bytes(at, 17, zeros, DIGEST);
    m->at_sealed = (size_t)(at - m->envelope) - DIGEST;
    if (kind->receipts != 0)
        at = put_value(at, 18, kind->receipts);
    m->n_envelope = (size_t)(at - m->envelope);
    assert(m->n_envelope <= sizeof(m->envelope));
}

static void make_id(uint8_t id[static HOP_ID_SIZE], uint64_t number, uint64_t wall_ms) {
    const uint64_t chance = mix(number ^ wall_ms << 20);
    for (unsigned i = 0; i < 6; i++)
        id[i] = (uint8_t)(wall_ms >> (40 - 8 * i));
    id[6] = (uint8_t)(0x70 | (chance & 15));
    id[7] = (uint8_t)(chance >> 8);
    id[8] = (uint8_t)(0x80 | (chance >> 16 & 63));
    id[9] = (uint8_t)(chance >> 24);
    for (unsigned i = 0; i < 6; i++)
        id[10 + i] = (uint8_t)(number >> (40 - 8 * i));
}

uint64_t hop_number(const uint8_t id[HOP_ID_SIZE]) {
    uint64_t n = 0;
    for (unsigned i = 10; i < HOP_ID_SIZE; i++)
        n = n << 8 | id[i];
    return n;
}

void hop_publish_parts(Zmtp *z, const uint8_t id[HOP_ID_SIZE], const void *signature,
                       size_t n_signature, const void *envelope, size_t n_envelope,
                       const void *facts, size_t n_facts, const void *sealed, size_t n_sealed) {
    uint8_t body[600], *at = put_bytes(body, 1, id, HOP_ID_SIZE);
    assert(n_signature <= 512);
    if (n_signature > 0)
        at = put_bytes(at, 3, signature, n_signature);
    put_frame(z, KIND_PUBLISH, body, (size_t)(at - body), true);
    zmtp_put(z, envelope, n_envelope, true);
    zmtp_put(z, facts, n_facts, true);
    zmtp_put(z, sealed, n_sealed, false);
}

void hop_make(HopMaker *m, uint64_t number, uint64_t wall_ms, const void *sealed, size_t n) {
    uint8_t *id = m->envelope + 2;
    make_id(id, number, wall_ms);
    if (m->at_case > 0) {
        const uint64_t halves[2] = { mix(number ^ wall_ms << 16), mix(number + 1 + wall_ms) };
        memcpy(m->envelope + m->at_case, halves, sizeof(halves));
    }
    memcpy(m->envelope + m->at_created, &wall_ms, sizeof(wall_ms));
    digest(sealed, n, m->envelope + m->at_sealed);
}

void hop_publish(Zmtp *z, HopMaker *m, uint64_t number, uint64_t wall_ms, const void *sealed,
                 size_t n) {
    hop_make(m, number, wall_ms, sealed, n);
    hop_publish_parts(z, m->envelope + 2, NULL, 0, m->envelope, m->n_envelope, m->facts, m->n_facts,
                      sealed, n);
}

/* --- reading -------------------------------------------------------------------------------- */

static bool take_number(const uint8_t **p, const uint8_t *end, uint64_t *ret) {
    *ret = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        const uint8_t b = *(*p)++;
        *ret |= (uint64_t)(b & 127) << shift;
        if (b < 128)
            return true;
    }
    return false;
}

bool hop_field(const uint8_t **p, const uint8_t *end, HopField *ret) {
    uint64_t key, n;
    if (!take_number(p, end, &key))
        return false;
    *ret = (HopField) { .number = (unsigned)(key >> 3) };
    switch (key & 7) {
    case 0:
        return take_number(p, end, &ret->value);
    case 1:
        if (end - *p < 8)
            return false;
        memcpy(&ret->value, *p, 8);
        *p += 8;
        return true;
    case 2:
        if (!take_number(p, end, &n) || n > (uint64_t)(end - *p))
            return false;
        ret->p = *p;
        ret->n = (size_t)n;
        *p += n;
        return true;
    default:
        return false;
    }
}

unsigned hop_frame(const ZmtpMessage *m, HopField *ret) {
    const uint8_t *p = m->parts[0].p;
    return hop_field(&p, p + m->parts[0].n, ret) ? ret->number : 0;
}

static void take_reason(HopResult *ret, const HopField *reason) {
    HopField code;
    const uint8_t *p = reason->p;
    ret->warned = true;
    if (hop_field(&p, reason->p + reason->n, &code) && code.number == 1) {
        ret->reason = code.p;
        ret->n_reason = code.n;
    }
}

bool hop_result(const uint8_t **p, const uint8_t *end, HopResult *ret) {
    HopField result, f;
    *ret = (HopResult) { .id = NULL };
    if (!hop_field(p, end, &result) || result.number != 1)
        return false;
    for (const uint8_t *q = result.p; hop_field(&q, result.p + result.n, &f);) {
        if (f.number == 1 && f.n == HOP_ID_SIZE)
            ret->id = f.p;
        else if (f.number == 2)
            ret->verdict = (unsigned)f.value;
        else if (f.number == 3)
            take_reason(ret, &f);
        else if (f.number == 4)
            ret->recipients++;
    }
    return ret->id != NULL;
}

uint64_t hop_settled(const HopField *body, bool unknown) {
    HopField range;
    uint64_t n = 0;
    for (const uint8_t *p = body->p; hop_field(&p, body->p + body->n, &range);)
        if (range.number == (unknown ? 3 : 2)) {
            const uint64_t first = hop_value(&range, 1), last = hop_value(&range, 2);
            n += last > first ? last - first + 1 : 1;
        }
    return n;
}

uint64_t hop_value(const HopField *body, unsigned number) {
    HopField f;
    for (const uint8_t *p = body->p; hop_field(&p, body->p + body->n, &f);)
        if (f.number == number && !f.p)
            return f.value;
    return 0;
}
