/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For tests of sealing from inside the library: a client with a directory that is told to it, a
 * sealed message of its own, and what brokers and others say about it.
 */

#include "base/hash.h"
#include "client/client-consume.h"
#include "client/client-publish.h"
#include "client/client-wrap.h"
#include "client/internal.h"
#include "client/values.h"
#include "core/directory-change.h"
#include "wire/codec.h"

#define HOME   "upt/phala-martha"
#define FAR    "upt/satria"
#define US     "dsk/3203"
#define FIRST  "lksa/3302/0001"
#define SECOND "lksa/3302/0002"
#define TEXT   "Sumirahningtyas, 3302017106100003"

enum { HUB, AT_HOME, AT_FAR, OURS, OF_FIRST, OF_SECOND, N_OWNERS };
static const char *const owners[N_OWNERS] = { "hub", HOME, FAR, US, FIRST, SECOND };
static const int kinds[N_OWNERS] = { NODE_NATIONAL_HUB,          NODE_UPT_BALAI, NODE_UPT_BALAI,
                                     NODE_SOCIAL_AGENCY_REGENCY, NODE_LKSA,      NODE_LKSA };
static const char *const homes[N_OWNERS] = { "hub", HOME, FAR, HOME, FAR, FAR };

typedef struct World {
    serasi_client c;
    SignKey sign[N_OWNERS];
    SealKey seal[N_OWNERS];
    bool without_seal; /* SECOND has no sealing key */
    bool revoked[N_OWNERS], inactive[N_OWNERS];
    int64_t head_age_ms;        /* since the directory was signed */
    char next[CURVE_TEXT_SIZE]; /* a second server key of HOME; "" = it has one */
    Body *message;              /* of ours, to FIRST */
    Signature signature;
    uint8_t signature_bytes[SIGNATURE_MAX];
    Bytes signed_with;
} World;

/* --- the directory -------------------------------------------------------------------------- */

static inline size_t add_record(World *w, const DirRecord *r, DirLeaf *leaf, uint8_t *buf) {
    (void)w;
    dir_record_name(r, leaf->name);
    leaf->content = codec_encode_record(r, buf, 512);
    ASSERT_TRUE(leaf->content.n > 0);
    return 1;
}

static inline void tell_all(World *w) {
    static uint8_t bytes[2 * N_OWNERS + 1][512];
    static RecordProof proofs[2 * N_OWNERS + 1];
    DirLeaf leaves[2 * N_OWNERS + 1];
    size_t n = 0;
    for (size_t i = 0; i < N_OWNERS; i++) {
        DirRecord node = { .kind = DIR_NODE, .node = { .kind = kinds[i] } };
        DirRecord key = { .kind = DIR_KEY };
        strcpy(node.node.id, owners[i]);
        strcpy(node.node.home, homes[i]);
        memset(key.key.curve, (int)('a' + i), CURVE_TEXT_SIZE - 1);
        strcpy(key.key.node, owners[i]);
        node.node.inactive = w->inactive[i];
        key.key.revoked = w->revoked[i];
        key.key.broker = i <= AT_FAR;
        key.key.sign = w->sign[i].public;
        if (i != OF_SECOND || !w->without_seal)
            key.key.seal = w->seal[i].public;
        n += add_record(w, &node, &leaves[n], bytes[n]);
        n += add_record(w, &key, &leaves[n], bytes[n]);
    }
    if (w->next[0]) {
        DirRecord key = { .kind = DIR_KEY, .key = { .broker = true } };
        strcpy(key.key.curve, w->next);
        strcpy(key.key.node, HOME);
        n += add_record(w, &key, &leaves[n], bytes[n]);
    }
    _cleanup_(dir_tree_freep) DirTree *tree = NULL;
    ASSERT_OK(dir_tree_edit(&tree, NULL, leaves, n));
    KeyProofs p = { .has_head = true, .n = (uint32_t)n, .proofs = proofs };
    p.head = (DirHead) { .version = client_keys_version(w->c.directory) + 1,
                         .at_ms = now_read().wall_ms - w->head_age_ms,
                         .size = n,
                         .root = dir_tree_root(tree) };
    directory_head_sign(&p.head, &w->sign[HUB]);
    for (size_t i = 0; i < n; i++) {
        size_t index = 0;
        ASSERT_TRUE(dir_tree_find(tree, leaves[i].name, &index));
        proofs[i] = (RecordProof) { .record = leaves[i].content, .index = index };
        proofs[i].n_path = (uint32_t)dir_tree_path(tree, index, proofs[i].path);
    }
    uint8_t *answer = NULL;
    size_t n_answer = 0;
    ASSERT_OK(codec_encode_key_proofs(&p, &answer, &n_answer));
    ASSERT_OK(client_keys_answered(w->c.directory, bytes_make(answer, n_answer), now_read()));
    free(answer);
}

/* --- our message ---------------------------------------------------------------------------- */

static inline void make_message(World *w, const Envelope *like) {
    _cleanup_(sealed_deinit) Sealed s = { 0 };
    uint8_t *part = NULL, *envelope = NULL;
    size_t n = 0, n_envelope = 0, bad = 0;
    const SealBinding to = { .message_id = like->message_id, .sender = US };
    const SealPublic keys[] = { w->seal[OURS].public, w->seal[OF_FIRST].public };
    Envelope e = *like;
    ASSERT_OK(seal_text(&to, bytes_make(TEXT, strlen(TEXT)), keys, 2, &s, &bad));
    ASSERT_OK(codec_encode_sealed(&s, &part, &n));
    e.has_sealed_digest = true;
    hash_digest(bytes_make(part, n), e.sealed_digest);
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n_envelope));
    w->message = body_unref(w->message);
    w->message = body_new(bytes_make(envelope, n_envelope), (Bytes) { 0 }, bytes_make(part, n));
    assert_non_null(w->message);
    const Bytes one = body_envelope(w->message);
    ASSERT_OK(signature_make(&w->sign[OURS], &one, 1, &w->signature));
    w->signed_with = codec_encode_signature(&w->signature, w->signature_bytes);
    free(part);
    free(envelope);
}

static inline Envelope envelope_to(const char *node) {
    Envelope e = { .message_id = uuid_v7(now_read().wall_ms),
                   .kind = KIND_OUTREACH_FINDING,
                   .schema = 1,
                   .urgency = URGENCY_ROUTINE,
                   .created_ms = now_read().wall_ms };
    strcpy(e.sender, US);
    strcpy(e.region, "3203");
    if (node) {
        e.audience = (Audience) { .form = AUDIENCE_NODES, .n = 1 };
        strcpy(e.audience.nodes[0], node);
    }
    return e;
}

static inline void world_open(World *w) {
    memset(w, 0, sizeof(*w));
    ASSERT_OK(hash_init());
    for (size_t i = 0; i < N_OWNERS; i++) {
        sign_key_new(&w->sign[i]);
        seal_key_new(&w->seal[i]);
    }
    w->c.state = CLIENT_OPEN;
    w->c.session = 1;
    w->c.epoll_fd = w->c.timer_fd = -1;
    strcpy(w->c.node, US);
    strcpy(w->c.broker, HOME);
    w->c.keys.sign = w->sign[OURS];
    w->c.keys.seal = w->seal[OURS];
    ASSERT_OK(client_keys_new(&w->c.directory, &w->sign[HUB].public, 1));
    tell_all(w);
    const Envelope e = envelope_to(FIRST);
    make_message(w, &e);
}

static inline void world_close(World *w) {
    requests_drop(&w->c, 0);
    publish_deinit(&w->c);
    consume_deinit(&w->c);
    (void)client_keys_free(w->c.directory);
    (void)body_unref(w->message);
}

/* --- requests ------------------------------------------------------------------------------- */

/* What a broker says; what a test changes in it is a lie. */
typedef struct Said {
    WrapRequest q;
    const char *broker;
    const SignKey *signer; /* NULL = nobody signed it */
} Said;

static inline void say(World *w, Said *s, const char *recipient) {
    memset(s, 0, sizeof(*s));
    s->broker = HOME;
    s->signer = &w->sign[AT_HOME];
    s->q.id = uuid_v7(now_read().wall_ms);
    s->q.reason = WRAP_ROUTED;
    s->q.asked_ms = now_read().wall_ms;
    Envelope e;
    const char *why = NULL;
    ASSERT_OK(codec_decode_envelope(body_envelope(w->message), &e, &why));
    s->q.message_id = e.message_id;
    strcpy(s->q.to, US);
    strcpy(s->q.recipient, recipient);
    s->q.envelope = body_envelope(w->message);
    s->q.signature = w->signed_with;
    s->q.n_wraps = codec_sealed_wraps(body_sealed(w->message), s->q.commitment, s->q.wraps);
    ASSERT_EQ(s->q.n_wraps, 2);
}

static inline void redirected(World *w, Said *s, const char *to) {
    say(w, s, to);
    s->broker = FAR;
    s->signer = &w->sign[AT_FAR];
    s->q.reason = WRAP_REDIRECTED;
    strcpy(s->q.instead_of, FIRST);
    strcpy(s->q.by, FAR);
}

static inline Bytes copy_of(Bytes b) {
    uint8_t *p = malloc(b.n + 1);
    assert_non_null(p);
    if (b.n > 0)
        memcpy(p, b.p, b.n);
    return bytes_make(p, b.n);
}

/* A SockMessage frees what libzmq gave it; here it is ours. */
static inline void delivery_drop(serasi_delivery *d) {
    for (size_t i = 0; i < PARTS_MAX; i++)
        free((void *)(uintptr_t)d->raw.parts[i].p);
    d->raw = (SockMessage) { 0 };
    (void)delivery_free(d);
}

static inline serasi_delivery *delivery_of(const Said *s) {
    _cleanup_(body_unrefp) Body *b = codec_encode_wrap_request(&s->q, s->broker);
    serasi_delivery *d = calloc(1, sizeof(*d));
    uint8_t buf[SIGNATURE_MAX];
    Signature made;
    assert_non_null(b);
    d->id = s->q.id;
    d->session = 1;
    d->channel = 1;
    d->frame.kind = FRAME_DELIVER;
    d->frame.deliver.role = ROLE_ADDRESSEE;
    const Bytes envelope = body_envelope(b);
    if (s->signer) {
        ASSERT_OK(signature_make(s->signer, &envelope, 1, &made));
        signature_bytes_set(&d->frame.deliver.signature, codec_encode_signature(&made, buf));
    }
    d->raw.parts[0] = copy_of((Bytes) { 0 });
    d->raw.parts[1] = copy_of(envelope);
    d->raw.parts[2] = copy_of(body_facts(b));
    d->raw.parts[3] = copy_of((Bytes) { 0 });
    d->raw.n_parts = 4;
    return d;
}

/* NULL when it was answered, then *ret_answer is; else why not. */
static inline const char *asked(World *w, const Said *s, bool granted, SealWraps *ret_answer) {
    serasi_delivery *d = delivery_of(s);
    const char *why = NULL;
    bool taken = false;
    if (granted) {
        ASSERT_OK(serasi_wrap(&w->c, d));
    } else {
        ASSERT_OK(request_came(&w->c, d, &taken));
        ASSERT_TRUE(taken);
    }
    ASSERT_OK(requests_write(&w->c));
    ASSERT_EQ(w->c.n_requests, 0);
    if (w->c.deliveries) {
        ASSERT_TRUE(w->c.deliveries == d && !w->c.waiting);
        why = serasi_wrap_trouble(d);
        DL_DELETE(w->c.deliveries, d);
        assert_non_null(why);
    } else {
        Outgoing *o = w->c.waiting;
        const char *text = NULL;
        assert_non_null(o);
        ASSERT_TRUE(o->request == d);
        ASSERT_OK(codec_decode_seal_wraps(body_facts(o->body), ret_answer, &text));
        ASSERT_EQ(body_sealed(o->body).n, 0);
        Envelope e;
        ASSERT_OK(codec_decode_envelope(body_envelope(o->body), &e, &text));
        ASSERT_STR(e.audience.nodes[0], s->q.recipient);
        ASSERT_TRUE(uuid_is_nil(&e.case_id));
        o->request = NULL;
        DL_DELETE(w->c.waiting, o);
        w->c.n_waiting--;
        (void)body_unref(o->body);
        free(o);
    }
    delivery_drop(d);
    return why;
}

static inline serasi_delivery *delivery_for(World *w, size_t owner, RecipientRole role) {
    serasi_delivery *d = calloc(1, sizeof(*d));
    Envelope e;
    const char *why = NULL;
    assert_non_null(d);
    w->c.keys.seal = w->seal[owner]; /* we are that node now */
    strcpy(w->c.node, owners[owner]);
    ASSERT_OK(codec_decode_envelope(body_envelope(w->message), &e, &why));
    d->id = e.message_id;
    d->session = 1;
    d->frame.deliver.role = role;
    for (size_t i = 0; i < PARTS_MAX; i++)
        d->raw.parts[i] = copy_of((Bytes) { 0 });
    free((void *)(uintptr_t)d->raw.parts[1].p);
    free((void *)(uintptr_t)d->raw.parts[3].p);
    d->raw.parts[1] = copy_of(body_envelope(w->message));
    d->raw.parts[3] = copy_of(body_sealed(w->message));
    return d;
}

static inline int state_of(World *w, serasi_delivery *d) {
    const void *text = NULL;
    size_t n = 0;
    const int r = serasi_delivery_open(&w->c, d, &text, &n);
    if (r == SERASI_OPENED) {
        ASSERT_EQ(n, strlen(TEXT));
        assert_memory_equal(text, TEXT, n);
    }
    return r;
}
