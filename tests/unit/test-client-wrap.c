/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sealing, opening and wrapping again from inside the library, with a directory that is told to it.
 * Most of it is about requests that brokers make up.
 */

#include <stdio.h>

#include "base/hash.h"
#include "client/client-internal.h"
#include "core/directory-change.h"
#include "test.h"
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
    Body *message;     /* of ours, to FIRST */
    Signature signature;
    uint8_t signature_bytes[SIGNATURE_MAX];
    Bytes signed_with;
} World;

/* --- the directory ------------------------------------------------------------------------------
 */

static size_t add_record(World *w, const DirRecord *r, DirLeaf *leaf, uint8_t *buf) {
    (void)w;
    dir_record_name(r, leaf->name);
    leaf->content = codec_encode_record(r, buf, 512);
    ASSERT_TRUE(leaf->content.n > 0);
    return 1;
}

static void tell_all(World *w) {
    static uint8_t bytes[2 * N_OWNERS][512];
    static RecordProof proofs[2 * N_OWNERS];
    DirLeaf leaves[2 * N_OWNERS];
    size_t n = 0;
    for (size_t i = 0; i < N_OWNERS; i++) {
        DirRecord node = { .kind = DIR_NODE, .node = { .kind = kinds[i] } };
        DirRecord key = { .kind = DIR_KEY };
        strcpy(node.node.id, owners[i]);
        strcpy(node.node.home, homes[i]);
        memset(key.key.curve, (int)('a' + i), CURVE_TEXT_SIZE - 1);
        strcpy(key.key.node, owners[i]);
        key.key.broker = i <= AT_FAR;
        key.key.sign = w->sign[i].public;
        if (i != OF_SECOND || !w->without_seal)
            key.key.seal = w->seal[i].public;
        n += add_record(w, &node, &leaves[n], bytes[n]);
        n += add_record(w, &key, &leaves[n], bytes[n]);
    }
    _cleanup_(dir_tree_freep) DirTree *tree = NULL;
    ASSERT_OK(dir_tree_edit(&tree, NULL, leaves, n));
    KeyProofs p = { .has_head = true, .n = (uint32_t)n, .proofs = proofs };
    p.head = (DirHead) { .version = client_keys_version(w->c.directory) + 1,
                         .at_ms = now_read().wall_ms,
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

/* --- our message -------------------------------------------------------------------------------
 */

static void make_message(World *w, const Envelope *like) {
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

static Envelope envelope_to(const char *node) {
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

static void world_open(World *w) {
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

static void world_close(World *w) {
    requests_drop(&w->c, 0);
    publish_deinit(&w->c);
    consume_deinit(&w->c);
    (void)client_keys_free(w->c.directory);
    (void)body_unref(w->message);
}

/* --- requests ----------------------------------------------------------------------------------
 */

/* What a broker says; what a test changes in it is a lie. */
typedef struct Said {
    WrapRequest q;
    const char *broker;
    const SignKey *signer; /* NULL = nobody signed it */
} Said;

static void say(World *w, Said *s, const char *recipient) {
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

static void redirected(World *w, Said *s, const char *to) {
    say(w, s, to);
    s->broker = FAR;
    s->signer = &w->sign[AT_FAR];
    s->q.reason = WRAP_REDIRECTED;
    strcpy(s->q.instead_of, FIRST);
    strcpy(s->q.by, FAR);
}

static Bytes copy_of(Bytes b) {
    uint8_t *p = malloc(b.n + 1);
    assert_non_null(p);
    memcpy(p, b.p, b.n);
    return bytes_make(p, b.n);
}

/* A SockMessage frees what libzmq gave it; here it is ours. */
static void delivery_drop(serasi_delivery *d) {
    for (size_t i = 0; i < PARTS_MAX; i++)
        free((void *)(uintptr_t)d->raw.parts[i].p);
    d->raw = (SockMessage) { 0 };
    (void)delivery_free(d);
}

static serasi_delivery *delivery_of(const Said *s) {
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
static const char *asked(World *w, const Said *s, bool granted, SealWraps *ret_answer) {
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

#define REFUSED_AS(text, granted) ASSERT_STR(asked(&w, &s, granted, &answer), text)
#define NOT_OURS                  "it does not show our signature of the message"
#define NO_BROKER                 "it is not signed by a broker with a known key"
#define NOT_ADDRESSED             "the node was not addressed"

TEST(who_was_addressed_gets_a_wrap_that_opens) {
    static World w;
    static Said s;
    static SealWraps answer;
    _cleanup_(sealed_deinit) Sealed part = { 0 };
    _cleanup_(secret_deinit) Secret text = { 0 };
    const char *why = NULL;
    world_open(&w);
    seal_key_new(&w.seal[OF_FIRST]); /* it lost the other one */
    tell_all(&w);
    say(&w, &s, FIRST);
    assert_null(asked(&w, &s, false, &answer));
    ASSERT_EQ(answer.n, 1);
    ASSERT_OK(codec_decode_sealed(body_sealed(w.message), &part, &why));
    part.wraps[0] = answer.list[0];
    part.n_wraps = 1;
    const SealBinding of = { .message_id = s.q.message_id, .sender = US };
    ASSERT_OK(seal_open(&of, &part, &w.seal[OF_FIRST], 1, &text));
    ASSERT_EQ(text.n, strlen(TEXT));
    assert_memory_equal(text.p, TEXT, text.n);
    world_close(&w);
}

TEST(nobody_else_gets_one_without_a_decision) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    say(&w, &s, SECOND);
    REFUSED_AS(NOT_ADDRESSED, false);
    redirected(&w, &s, SECOND);
    REFUSED_AS(NOT_ADDRESSED, false);
    assert_null(asked(&w, &s, true, &answer)); /* the application decided */
    w.c.wrap_policy = SERASI_WRAP_OPERATOR;
    assert_null(asked(&w, &s, false, &answer)); /* the configuration did */
    strcpy(s.q.instead_of, US);                 /* but it was never addressed to that one */
    REFUSED_AS(NOT_ADDRESSED, false);
    say(&w, &s, SECOND); /* nor does any operator stand behind this */
    REFUSED_AS(NOT_ADDRESSED, false);
    world_close(&w);
}

TEST(requests_that_brokers_make_up_are_refused_whoever_decided) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    w.c.wrap_policy = SERASI_WRAP_OPERATOR;
    for (int granted = 0; granted < 2; granted++) {
        /* somebody whom the directory does not prove */
        say(&w, &s, "lksa/3302/0666");
        char asked_for[CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE];
        KeyOwner nobody = { 0 };
        (void)client_keys_owner(w.c.directory, "lksa/3302/0666", now_read(), &nobody);
        if (client_keys_question(w.c.directory, now_read(), asked_for) > 0)
            tell_all(&w); /* and it is not among them */
        REFUSED_AS("the node is not in the directory", granted);
        /* not a broker */
        redirected(&w, &s, SECOND);
        s.broker = FIRST;
        s.signer = &w.sign[OF_FIRST];
        REFUSED_AS(NO_BROKER, granted);
        /* another one's name */
        redirected(&w, &s, SECOND);
        s.signer = &w.sign[OF_SECOND];
        REFUSED_AS(NO_BROKER, granted);
        s.signer = NULL;
        REFUSED_AS(NO_BROKER, granted);
        /* our message, but the request speaks of another */
        redirected(&w, &s, SECOND);
        s.q.message_id = uuid_v7(now_read().wall_ms);
        REFUSED_AS("it is not about a message of ours", granted);
        /* no signature of ours, or that of another message */
        redirected(&w, &s, SECOND);
        s.q.signature = (Bytes) { 0 };
        REFUSED_AS(NOT_OURS, granted);
    }
    world_close(&w);
}

/* The audience in the envelope is what we signed: it cannot be bent towards the asker's node. */
TEST(the_audience_cannot_be_changed) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    uint8_t *envelope = NULL;
    size_t n = 0;
    Envelope e;
    const char *why = NULL;
    ASSERT_OK(codec_decode_envelope(body_envelope(w.message), &e, &why));
    strcpy(e.audience.nodes[0], SECOND);
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n));
    say(&w, &s, SECOND);
    s.q.envelope = bytes_make(envelope, n);
    REFUSED_AS(NOT_OURS, false);
    REFUSED_AS(NOT_OURS, true);
    free(envelope);
    world_close(&w);
}

/* A wrap of one message does not come out as the key of another. */
TEST(wraps_of_another_message_give_nothing) {
    static World w;
    static Said s, other;
    static SealWraps answer;
    world_open(&w);
    say(&w, &other, FIRST);
    const Envelope e = envelope_to(FIRST);
    make_message(&w, &e);
    say(&w, &s, FIRST);
    memcpy(s.q.wraps, other.q.wraps, sizeof(s.q.wraps));
    REFUSED_AS("none of our keys opens the message", true);
    memcpy(s.q.commitment, other.q.commitment, sizeof(s.q.commitment));
    REFUSED_AS("none of our keys opens the message", true);
    world_close(&w);
}

/* Whom a role means is decided by our home broker, among nodes of that role. */
TEST(a_role_may_be_resolved_by_our_home_broker_alone) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    Envelope e = envelope_to(NULL);
    e.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = NODE_LKSA };
    strcpy(e.audience.role_region, "3302");
    make_message(&w, &e);
    say(&w, &s, SECOND);
    assert_null(asked(&w, &s, false, &answer));
    s.broker = FAR;
    s.signer = &w.sign[AT_FAR];
    REFUSED_AS(NOT_ADDRESSED, false);
    e.message_id = uuid_v7(now_read().wall_ms);
    e.audience.role_kind = NODE_POSYANDU_LANSIA;
    make_message(&w, &e);
    say(&w, &s, SECOND); /* a LKSA is none */
    REFUSED_AS(NOT_ADDRESSED, false);
    world_close(&w);
}

TEST(who_has_no_sealing_key_and_who_has_none_of_ours) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    w.without_seal = true;
    tell_all(&w);
    redirected(&w, &s, SECOND);
    REFUSED_AS("the node has no sealing key", true);
    say(&w, &s, FIRST);
    seal_key_new(&w.c.keys.seal); /* ours was changed, and the old one is lost */
    REFUSED_AS("none of our keys opens the message", true);
    w.c.keys.old_seal[0] = w.seal[OURS];
    w.c.keys.n_old_seal = 1;
    assert_null(asked(&w, &s, true, &answer));
    world_close(&w);
}

/* --- opening ------------------------------------------------------------------------------------
 */

static serasi_delivery *delivery_for(World *w, size_t owner, RecipientRole role) {
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

static int state_of(World *w, serasi_delivery *d) {
    const void *text = NULL;
    size_t n = 0;
    const int r = serasi_delivery_open(&w->c, d, &text, &n);
    if (r == SERASI_OPENED) {
        ASSERT_EQ(n, strlen(TEXT));
        assert_memory_equal(text, TEXT, n);
    }
    return r;
}

TEST(a_part_is_opened_by_whom_it_is_for) {
    static World w;
    world_open(&w);
    serasi_delivery *d = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    delivery_drop(d);
    d = delivery_for(&w, OF_SECOND, ROLE_ADDRESSEE);
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    d->frame.deliver.role = ROLE_SUBSCRIBER;
    ASSERT_EQ(state_of(&w, d), SERASI_NOT_FOR_US);
    d->frame.deliver.role = ROLE_ADDRESSEE;
    memset(&w.c.keys.seal, 0, sizeof(w.c.keys.seal));
    ASSERT_EQ(state_of(&w, d), SERASI_NOT_FOR_US); /* nothing can ever be wrapped for us */
    d->raw.parts[3].n = 0;
    ASSERT_EQ(state_of(&w, d), SERASI_NOTHING_SEALED);
    delivery_drop(d);
    world_close(&w);
}

TEST(parts_that_were_swapped_or_bent_are_broken) {
    static World w;
    world_open(&w);
    serasi_delivery *d = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    const Envelope e = envelope_to(FIRST);
    make_message(&w, &e); /* another message to the same node */
    serasi_delivery *other = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    const Bytes part = d->raw.parts[3];
    d->raw.parts[3] = other->raw.parts[3];
    ASSERT_EQ(state_of(&w, d), SERASI_BROKEN);
    d->raw.parts[3] = part;
    ((uint8_t *)(uintptr_t)part.p)[part.n - 1] ^= 1;
    ASSERT_EQ(state_of(&w, d), SERASI_BROKEN);
    ((uint8_t *)(uintptr_t)part.p)[part.n - 1] ^= 1;
    /* also where it would open all the same: in the wrap of somebody else */
    uint8_t commitment[SEAL_COMMITMENT_SIZE];
    SealWrap wraps[SEAL_WRAPS_MAX];
    ASSERT_EQ(codec_sealed_wraps(part, commitment, wraps), 2);
    uint8_t *box = memmem(part.p, part.n, wraps[0].box, SEAL_BOX_SIZE);
    assert_non_null(box);
    *box ^= 1;
    ASSERT_EQ(state_of(&w, d), SERASI_BROKEN);
    *box ^= 1;
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    delivery_drop(d);
    delivery_drop(other);
    world_close(&w);
}

/* The envelope may be re-written with the digest of a foreign part: the binding still holds. */
TEST(a_part_passed_on_as_somebody_elses_is_broken) {
    static World w;
    world_open(&w);
    serasi_delivery *d = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    uint8_t *envelope = NULL;
    size_t n = 0;
    Envelope e;
    const char *why = NULL;
    ASSERT_OK(codec_decode_envelope(d->raw.parts[1], &e, &why));
    strcpy(e.sender, SECOND);
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n));
    free((void *)(uintptr_t)d->raw.parts[1].p);
    d->raw.parts[1] = bytes_make(envelope, n);
    ASSERT_EQ(state_of(&w, d), SERASI_BROKEN);
    delivery_drop(d);
    world_close(&w);
}

static void wrap_comes(World *w, const char *sender, const SealWraps *wraps, Settlement *ret) {
    uint8_t *facts = NULL;
    size_t n = 0;
    Envelope e = { .created_ms = now_read().wall_ms };
    strcpy(e.sender, sender);
    ASSERT_OK(codec_encode_seal_wraps(wraps, &facts, &n));
    ASSERT_OK(wrap_came(&w->c, &e, bytes_make(facts, n), ret));
    free(facts);
}

TEST(a_wrap_may_come_before_or_after_its_message_and_again) {
    static World w;
    static Said s;
    static SealWraps answer, foreign;
    Settlement settlement;
    world_open(&w);
    redirected(&w, &s, SECOND);
    assert_null(asked(&w, &s, true, &answer));
    serasi_delivery *d = delivery_for(&w, OF_SECOND, ROLE_ADDRESSEE);
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    /* of somebody who did not send the message, and one that is none */
    wrap_comes(&w, FIRST, &answer, &settlement);
    ASSERT_EQ(settlement.action, SETTLE_RETRY);
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    foreign = answer; /* for keys that are not ours: it does not come again */
    for (uint32_t i = 0; i < foreign.n; i++)
        foreign.list[i].key.b[0] ^= 1;
    wrap_comes(&w, US, &foreign, &settlement);
    ASSERT_EQ(settlement.action, SETTLE_DONE);
    foreign = answer;
    memset(foreign.list[0].box, 7, sizeof(foreign.list[0].box));
    wrap_comes(&w, US, &foreign, &settlement);
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    wrap_comes(&w, US, &answer, &settlement);
    ASSERT_EQ(settlement.action, SETTLE_RETRY); /* until its message is settled */
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    wrap_forget(&w.c, d);
    wrap_comes(&w, US, &answer, &settlement);
    ASSERT_EQ(settlement.action, SETTLE_DONE);
    delivery_drop(d);
    world_close(&w);
}

/* Memory is bounded: the oldest is forgotten, and comes again because it is not settled. */
TEST(a_flood_of_wraps_pushes_the_oldest_out) {
    static World w;
    static Said s;
    static SealWraps answer, flood;
    Settlement settlement;
    world_open(&w);
    redirected(&w, &s, SECOND);
    assert_null(asked(&w, &s, true, &answer));
    serasi_delivery *d = delivery_for(&w, OF_SECOND, ROLE_ADDRESSEE);
    wrap_comes(&w, US, &answer, &settlement);
    flood.n = SEAL_WRAPS_MAX;
    for (size_t i = 0; i < SEAL_WRAPS_MAX; i++)
        flood.list[i].key = key_id(w.seal[OF_SECOND].public.b);
    for (int i = 0; i < 2000; i++) {
        flood.message_id = uuid_v7(now_read().wall_ms);
        wrap_comes(&w, FIRST, &flood, &settlement);
        ASSERT_EQ(settlement.action, SETTLE_RETRY);
    }
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    wrap_comes(&w, US, &answer, &settlement);
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    delivery_drop(d);
    world_close(&w);
}

/* --- sealing ------------------------------------------------------------------------------------
 */

static Draft *draft_to(const Envelope *e, const char *text) {
    Secret plain;
    uint8_t *envelope = NULL;
    size_t n = 0;
    ASSERT_OK(secret_init(&plain, strlen(text)));
    memcpy(plain.p, text, strlen(text));
    plain.n = strlen(text);
    ASSERT_OK(codec_encode_envelope(e, &envelope, &n));
    Draft *d =
        draft_new(e, body_new(bytes_make(envelope, n), (Bytes) { 0 }, (Bytes) { 0 }), &plain);
    assert_non_null(d);
    assert_null(plain.p);
    free(envelope);
    return d;
}

TEST(a_draft_is_sealed_once_to_all_keys_of_its_addressees_and_us) {
    static World w;
    SealFailure why = { 0 };
    uint8_t commitment[SEAL_COMMITMENT_SIZE];
    SealWrap wraps[SEAL_WRAPS_MAX];
    world_open(&w);
    const Envelope e = envelope_to(FIRST);
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    ASSERT_OK(draft_seal(&w.c, d, &why));
    assert_non_null(d->done);
    assert_null(d->plain.p); /* wiped */
    const Body *first = d->done;
    ASSERT_OK(draft_seal(&w.c, d, &why));
    ASSERT_TRUE(d->done == first);
    ASSERT_EQ(codec_sealed_wraps(body_sealed(d->done), commitment, wraps), 2);
    body_unref(w.message);
    w.message = body_ref(d->done);
    serasi_delivery *got = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    ASSERT_EQ(state_of(&w, got), SERASI_OPENED);
    delivery_drop(got);
    world_close(&w);
}

TEST(nothing_is_sealed_to_keys_that_are_missing_or_not_proven) {
    static World w;
    SealFailure why = { 0 };
    world_open(&w);
    w.without_seal = true;
    tell_all(&w);
    Envelope e = envelope_to(FIRST);
    e.audience.n = 2;
    strcpy(e.audience.nodes[1], SECOND);
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_NO_SEAL_KEY);
    ASSERT_STR(why.code, "NO_SEAL_KEY");
    ASSERT_STR(why.field, SECOND);
    assert_null(d->done);
    /* a directory that the pinned hub did not sign */
    SignKey other;
    sign_key_new(&other);
    (void)client_keys_free(w.c.directory);
    ASSERT_OK(client_keys_new(&w.c.directory, &other.public, 1));
    e = envelope_to(FIRST);
    _cleanup_(draft_unrefp) Draft *second = draft_to(&e, TEXT);
    ASSERT_EQ(draft_seal(&w.c, second, &why), SERASI_AGAIN);
    KeyProofs p = { 0 }; /* told without any proof */
    RecordProof proofs[2] = { { .index = 0 } };
    uint8_t bytes[2][512], *answer = NULL;
    size_t n = 0;
    DirRecord node = { .kind = DIR_NODE, .node = { .kind = NODE_LKSA } };
    DirRecord key = { .kind = DIR_KEY };
    strcpy(node.node.id, FIRST);
    strcpy(key.key.node, FIRST);
    memset(key.key.curve, 'e', CURVE_TEXT_SIZE - 1);
    key.key.seal = w.seal[OF_SECOND].public; /* the broker's own */
    proofs[0].record = codec_encode_record(&node, bytes[0], 512);
    proofs[1].record = codec_encode_record(&key, bytes[1], 512);
    p.proofs = proofs;
    p.n = 2;
    ASSERT_OK(codec_encode_key_proofs(&p, &answer, &n));
    ASSERT_OK(client_keys_answered(w.c.directory, bytes_make(answer, n), now_read()));
    free(answer);
    ASSERT_EQ(draft_seal(&w.c, second, &why), SERASI_NO_SEAL_KEY);
    ASSERT_STR(why.code, "SEAL_KEY_NOT_PROVEN");
    ASSERT_STR(why.field, FIRST);
    world_close(&w);
}

static Frame resolved(uint32_t query, uint32_t code, const char *text, const char *node) {
    Frame f = { .kind = FRAME_RESULT, .result = { .query = query, .table = table_new() } };
    table_say(f.result.table, code, "%s", text);
    table_column(f.result.table, "node", COLUMN_TEXT);
    table_column(f.result.table, "role", COLUMN_TEXT);
    for (int i = 0; node && i < 2; i++) {
        table_text(f.result.table, i == 0 ? node : SECOND);
        table_text(f.result.table, i == 0 ? "ADDRESSEE" : "SUPERVISOR");
    }
    return f;
}

TEST(whom_a_role_means_is_asked_and_never_guessed) {
    static World w;
    SealFailure why = { 0 };
    bool taken = false;
    world_open(&w);
    Envelope e = envelope_to(NULL);
    e.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = NODE_LKSA };
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_AGAIN);
    ASSERT_TRUE(w.c.resolving == d);
    w.c.resolve_query = 7; /* as if sent, and never answered */
    w.c.resolve_due_ms = now_read().mono_ms - 1;
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_AGAIN);
    ASSERT_TRUE(w.c.resolving == d && w.c.resolve_query == 0);
    w.c.resolve_query = 8;
    w.c.resolve_due_ms = INT64_MAX;
    Frame f = resolved(8, 1, "BUSY: later", NULL);
    ASSERT_OK(resolve_answered(&w.c, &f, &taken));
    ASSERT_TRUE(taken && w.c.resolving == d && !d->resolved);
    frame_deinit(&f);
    w.c.resolve_query = 9;
    f = resolved(8, 0, "", FIRST); /* of the question before */
    ASSERT_OK(resolve_answered(&w.c, &f, &taken));
    ASSERT_TRUE(!taken);
    f.result.query = 9;
    ASSERT_OK(resolve_answered(&w.c, &f, &taken));
    frame_deinit(&f);
    ASSERT_TRUE(taken && !w.c.resolving && d->resolved);
    ASSERT_EQ(d->n_to, 1); /* no supervisor */
    ASSERT_OK(draft_seal(&w.c, d, &why));
    world_close(&w);
}

TEST(more_keys_than_a_part_can_have_are_refused) {
    static World w;
    SealFailure why = { 0 };
    world_open(&w);
    const Envelope e = envelope_to(FIRST);
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    d->resolved = true;
    d->n_to = SEAL_WRAPS_MAX + 1;
    d->to = calloc(d->n_to, sizeof(*d->to));
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_NO_SEAL_KEY);
    ASSERT_STR(why.code, "TOO_MANY_SEAL_KEYS");
    world_close(&w);
}

TEST_MAIN
