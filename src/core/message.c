/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stddef.h>

#include "base/hash.h"
#include "core/message.h"

static void body_put(Body *b, size_t offset, Bytes part) {
    if (part.n > 0)
        memcpy(b->bytes + offset, part.p, part.n);
}

/* With so many bytes behind the parts. */
static Body *body_with_room(Bytes envelope, Bytes facts, Bytes sealed, size_t room) {
    size_t n;
    if (envelope.n > UINT32_MAX || facts.n > UINT32_MAX || sealed.n > UINT32_MAX ||
        room > SIGNATURE_MAX || __builtin_add_overflow(envelope.n, facts.n, &n) ||
        __builtin_add_overflow(n, sealed.n, &n) ||
        __builtin_add_overflow(n, sizeof(Body) + room, &n))
        return NULL;
    Body *b = malloc(n);
    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->n_envelope = (uint32_t)envelope.n;
    b->n_facts = (uint32_t)facts.n;
    b->n_sealed = (uint32_t)sealed.n;
    b->n_signature = 0;
    b->room = (uint32_t)room;
    body_put(b, 0, envelope);
    body_put(b, envelope.n, facts);
    body_put(b, envelope.n + facts.n, sealed);
    return b;
}

Body *body_new(Bytes envelope, Bytes facts, Bytes sealed) {
    return body_with_room(envelope, facts, sealed, 0);
}

Body *body_new_signed(Bytes envelope, Bytes facts, Bytes sealed, Bytes signature) {
    Body *b = body_with_room(envelope, facts, sealed, signature.n);
    if (b)
        body_set_signature(b, signature);
    return b;
}

Body *body_without_sealed(const Body *b) {
    return body_new_signed(body_envelope(b), body_facts(b), (Bytes) { 0 }, body_signature(b));
}

Body *body_new_to_sign(Bytes envelope, Bytes facts, Bytes sealed) {
    return body_with_room(envelope, facts, sealed, SIGNATURE_MAX);
}

bool body_can_take_signature(const Body *b) {
    return b->room >= SIGNATURE_MAX && b->n_signature == 0;
}

void body_set_signature(Body *b, Bytes signature) {
    assert(signature.n <= b->room);
    b->n_signature = (uint32_t)signature.n;
    body_put(b, body_size(b), signature);
}

Body *body_ref(Body *b) {
    if (b)
        atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

Body *body_unref(Body *b) {
    if (!b)
        return NULL;
    unsigned before = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        free(b);
    return NULL;
}

static Bytes body_part(const Body *b, size_t offset, size_t n) {
    return bytes_make(n > 0 ? b->bytes + offset : NULL, n);
}

Bytes body_envelope(const Body *b) {
    return body_part(b, 0, b->n_envelope);
}

Bytes body_facts(const Body *b) {
    return body_part(b, b->n_envelope, b->n_facts);
}

Bytes body_sealed(const Body *b) {
    return body_part(b, (size_t)b->n_envelope + b->n_facts, b->n_sealed);
}

Bytes body_signature(const Body *b) {
    return body_part(b, body_size(b), b->n_signature);
}

size_t body_size(const Body *b) {
    return (size_t)b->n_envelope + b->n_facts + b->n_sealed;
}

Message *message_alloc(void) {
    Message *m = malloc(sizeof(*m));
    if (!m)
        return NULL;
    memset(&m->fwd, 0, offsetof(Forward, recipients));
    memset(&m->body, 0, sizeof(*m) - offsetof(Message, body));
    return m;
}

Message *message_free(Message *m) {
    if (m) {
        (void)body_unref(m->body);
        free(m);
    }
    return NULL;
}

const Uuid *message_order_id(const Envelope *e) {
    return !uuid_is_nil(&e->case_id)          ? &e->case_id
           : !uuid_is_nil(&e->correlation_id) ? &e->correlation_id
                                              : &e->message_id;
}

int64_t message_order_key(const Envelope *e) {
    const Uuid *id = message_order_id(e);
    int64_t key = (int64_t)(hash_64(bytes_make(id->b, sizeof(id->b))) & INT64_MAX);
    return key ? key : 1;
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool node_name_is_valid(const char *text) {
    bool part_start = true;
    size_t n = 0;
    if (*text < 'a' || *text > 'z')
        return false;
    for (; text[n]; n++) {
        /* A part starts with a letter or digit: "..", "-x" and empty parts mean trouble elsewhere.
         */
        bool fits = text[n] == '/' ? !part_start
                                   : is_name_char(text[n]) ||
                                         (!part_start && (text[n] == '-' || text[n] == '.'));
        if (!fits || n >= NODE_NAME_SIZE - 1)
            return false;
        part_start = text[n] == '/';
    }
    return !part_start;
}
