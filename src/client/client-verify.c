/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Judging deliveries: is this what its sender signed, as far as this node can tell? The broker is
 * not believed in anything that the signed envelope says itself; what it adds (role, time of
 * acceptance) is used where nothing else is to be had, and never in its favour.
 *
 * Keys are asked for when first met, so a delivery may have to wait for an answer; those behind it
 * wait, too, as order is worth more than time.
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/proven.h"
#include "base/text.h"
#include "base/times.h"
#include "client/client-verify.h"
#include "client/internal.h"
#include "wire/codec.h"

#define SKEW_MS  (5 * MINUTE_MS) /* of clocks */
#define OLD_MS   (180 * DAY_MS)  /* what ids are remembered for at brokers */
#define SEEN_MAX 4096U           /* settled messages to recognise */

/* --- what was settled before ---------------------------------------------------------------- */

/* By id, one message a place: the newer one takes it. Ids end in random bits. */
struct SeenSet {
    struct {
        uint32_t channel; /* 0 = free */
        Uuid id;
    } places[SEEN_MAX];
};

static uint32_t seen_place(const Uuid *id) {
    return ((uint32_t)id->b[UUID_SIZE - 2] << 8 | id->b[UUID_SIZE - 1]) % SEEN_MAX;
}

void verify_settled(serasi_client *c, uint32_t channel, const Uuid *id) {
    if (!c->seen)
        c->seen = calloc(1, sizeof(*c->seen)); /* without it no repetition is noticed */
    if (!c->seen)
        return;
    c->seen->places[seen_place(id)].channel = channel;
    c->seen->places[seen_place(id)].id = *id;
}

static bool was_settled(const serasi_client *c, const serasi_delivery *d) {
    const uint32_t i = seen_place(&d->id);
    return c->seen && c->seen->places[i].channel == d->channel &&
           uuid_equal(&c->seen->places[i].id, &d->id);
}

int verify_init(serasi_client *c) {
    return proven_new(&c->proven);
}

void verify_deinit(serasi_client *c) {
    (void)proven_free(c->proven);
    free(c->seen);
}

/* --- parts ---------------------------------------------------------------------------------- */

/* 1: as signed, 0: not here though it was signed, -1: another one. */
static int part_state(bool has_digest, const uint8_t digest[static DIGEST_SIZE], Bytes part) {
    uint8_t real[DIGEST_SIZE];
    if (!has_digest)
        return part.n == 0 ? 1 : -1;
    hash_digest(part, real); /* that of an empty part may be given, too */
    if (memcmp(real, digest, DIGEST_SIZE) == 0)
        return 1;
    return part.n == 0 ? 0 : -1;
}

static bool is_named(const Envelope *e, const char *node) {
    for (uint32_t i = 0; e->audience.form == AUDIENCE_NODES && i < e->audience.n; i++)
        if (strcmp(e->audience.nodes[i], node) == 0)
            return true;
    return false;
}

/* False when a part is not the signed one. */
static bool judge_parts(const serasi_client *c, const serasi_delivery *d, const Envelope *e,
                        serasi_signature *ret) {
    const bool addressed = d->frame.deliver.role == ROLE_ADDRESSEE;
    const int facts = part_state(e->has_facts_digest, e->facts_digest, d->raw.parts[2]);
    const int sealed = part_state(e->has_sealed_digest, e->sealed_digest, d->raw.parts[3]);
    if (facts == 0)
        ret->flags |= SERASI_SIGNED_FACTS_MISSING;
    if (sealed == 0 && (addressed || is_named(e, c->node)))
        ret->flags |= SERASI_SIGNED_SEALED_MISSING;
    if (addressed && e->audience.form == AUDIENCE_NODES && !is_named(e, c->node))
        ret->flags |= SERASI_SIGNED_NOT_ADDRESSED;
    return facts >= 0 && sealed >= 0;
}

static void judge_time(const serasi_client *c, const serasi_delivery *d, const Envelope *e,
                       int64_t now_ms, serasi_signature *ret) {
    const int64_t end = e->expires_ms > 0 ? e->expires_ms + SKEW_MS : e->created_ms + OLD_MS;
    if (now_ms > end)
        ret->flags |= SERASI_SIGNED_STALE;
    if (was_settled(c, d))
        ret->flags |= SERASI_SIGNED_AGAIN;
}

/* --- what brokers say ----------------------------------------------------------------------- */

/* Is the node its own home, as brokers are? */
static KeyTrust ask_broker(serasi_client *c, const char *node, Now now, bool *ret) {
    KeyOwner owner;
    const KeyTrust trust = client_keys_owner(c->directory, node, now, &owner);
    *ret = trust >= KEY_TOLD && strcmp(owner.home, node) == 0;
    return trust;
}

/* Whose word is it that the recipient has the message, or gave it up for the sender's sake? */
static bool is_of_home(int level) {
    return level == LEVEL_DEPOSITED || level == LEVEL_COLLECTED || level == LEVEL_RECALLED;
}

static KeyTrust judge_receipt(serasi_client *c, const serasi_delivery *d, Now now,
                              serasi_signature *ret) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    const char *why;
    KeyOwner owner;
    if (!m || codec_decode_message(d->raw.parts[1], d->raw.parts[2], (Bytes) { 0 }, m, &why) != 0 ||
        !m->facts.readable) {
        ret->flags |= SERASI_SIGNED_WRONG_BROKER;
        return KEY_UNKNOWN;
    }
    if (strcmp(m->facts.receipt.leg, m->env.sender) != 0) /* as if another one had said it */
        ret->flags |= SERASI_SIGNED_WRONG_BROKER;
    if (!is_of_home((int)m->facts.receipt.level))
        return KEY_UNKNOWN;
    const KeyTrust trust = client_keys_owner(c->directory, m->facts.receipt.recipient, now, &owner);
    if (trust == KEY_UNKNOWN || (trust >= KEY_TOLD && strcmp(owner.home, m->env.sender) != 0))
        ret->flags |= SERASI_SIGNED_WRONG_BROKER;
    return trust;
}

/* Both only of what is signed: else there is nobody whose word it would be. */
static KeyTrust judge_broker(serasi_client *c, const serasi_delivery *d, const Envelope *e, Now now,
                             serasi_signature *ret) {
    bool is_broker;
    if (e->kind != KIND_RECEIPT && e->kind != KIND_NOTICE)
        return KEY_UNKNOWN;
    const KeyTrust trust = ask_broker(c, e->sender, now, &is_broker);
    if (trust == KEY_ASKED)
        return trust;
    if (!is_broker)
        ret->flags |= SERASI_SIGNED_WRONG_BROKER;
    return e->kind == KIND_RECEIPT ? judge_receipt(c, d, now, ret) : trust;
}

/* --- the signature -------------------------------------------------------------------------- */

/* When it was accepted, as the brokers say; not before it was written. */
static int64_t accepted_ms(const serasi_delivery *d, const Envelope *e) {
    return MAX(d->frame.deliver.accepted_ms, e->created_ms);
}

static KeyTrust judge_signature(serasi_client *c, const serasi_delivery *d, const Envelope *e,
                                Now now, serasi_signature *ret) {
    Signature s;
    DirKey key;
    KeyOwner owner;
    const char *why;
    if (codec_decode_signature(signature_bytes(&d->frame.deliver.signature), &s, &why) != 0) {
        ret->state = SERASI_SIGNATURE_BAD;
        return KEY_UNKNOWN;
    }
    key_id_format(&s.key, ret->key);
    KeyTrust trust = client_keys_by_sign_id(c->directory, e->sender, &s.key, now, &key);
    if (trust >= KEY_TOLD)
        trust = client_keys_owner(c->directory, e->sender, now, &owner);
    ret->state = SERASI_SIGNATURE_UNKNOWN_KEY;
    if (trust < KEY_TOLD)
        return trust;
    (void)text_copy(ret->label, sizeof(ret->label), key.label);
    ret->proven = trust == KEY_PROVEN;
    if (!proven_holds(c->proven, &s, d->raw.parts[1], &key.sign))
        ret->state = SERASI_SIGNATURE_BAD;
    else if (!client_key_is_usable(&owner, &key, accepted_ms(d, e)))
        ret->state = SERASI_SIGNATURE_KEY_NOT_THEN;
    else
        ret->state = SERASI_SIGNATURE_VALID;
    return trust;
}

static int judge(serasi_client *c, serasi_delivery *d, serasi_signature *ret) {
    const Now now = now_read();
    const char *why;
    Envelope e;
    int r = codec_decode_envelope(d->raw.parts[1], &e, &why);
    if (r < 0)
        return r;
    if (r > 0) {
        ret->state = SERASI_SIGNATURE_BAD;
        return 0;
    }
    (void)text_copy(ret->node, sizeof(ret->node), e.sender);
    ret->accepted_at_ms = d->frame.deliver.accepted_ms;
    if (d->frame.deliver.signature.n > 0 && (judge_signature(c, d, &e, now, ret) == KEY_ASKED ||
                                             judge_broker(c, d, &e, now, ret) == KEY_ASKED))
        return SERASI_AGAIN;
    judge_time(c, d, &e, now.wall_ms, ret);
    if (!judge_parts(c, d, &e, ret))
        ret->state = SERASI_SIGNATURE_BAD; /* also of what nobody signed: the digests do not fit */
    return 0;
}

int delivery_verify(serasi_client *c, serasi_delivery *d) {
    if (d->judged)
        return 0;
    serasi_signature made = { .size = sizeof(made) };
    const int r = judge(c, d, &made);
    if (r == 0) {
        d->judgement = made;
        d->judged = true;
    } else if (r == SERASI_AGAIN) {
        client_wake(c); /* the question has to go out */
    }
    return r;
}

/* --- what applications call ----------------------------------------------------------------- */

int judgement_give(const serasi_signature *of, serasi_signature *ret) {
    if (!of || !ret || ret->size < offsetof(serasi_signature, flags) + sizeof(ret->flags))
        return -EINVAL;
    const size_t size = ret->size;
    memcpy(ret, of, MIN(size, sizeof(*of)));
    ret->size = size;
    return 0;
}

JsonSignature judgement_for_json(const serasi_signature *s) {
    JsonSignature o = { .state = serasi_signature_state_name(s->state),
                        .node = s->node,
                        .key = s->key,
                        .label = s->label,
                        .proven = s->proven };
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((s->flags & bit) && o.n_flags < ARRAY_SIZE(o.flags))
            o.flags[o.n_flags++] = serasi_signature_flag_name(bit);
    return o;
}

SERASI_PUBLIC int serasi_delivery_signature(const serasi_delivery *d, serasi_signature *ret) {
    return judgement_give(d ? &d->judgement : NULL, ret);
}

SERASI_PUBLIC const char *serasi_signature_state_name(serasi_signature_state state) {
    static const char *const names[] = {
        [SERASI_SIGNATURE_UNSIGNED] = "UNSIGNED",
        [SERASI_SIGNATURE_VALID] = "VALID",
        [SERASI_SIGNATURE_BAD] = "BAD",
        [SERASI_SIGNATURE_UNKNOWN_KEY] = "UNKNOWN_KEY",
        [SERASI_SIGNATURE_KEY_NOT_THEN] = "KEY_NOT_THEN",
    };
    return (unsigned)state < ARRAY_SIZE(names) ? names[state] : "UNKNOWN";
}

SERASI_PUBLIC const char *serasi_signature_flag_name(uint32_t flag) {
    switch (flag) {
    case SERASI_SIGNED_FACTS_MISSING:
        return "FACTS_MISSING";
    case SERASI_SIGNED_SEALED_MISSING:
        return "SEALED_MISSING";
    case SERASI_SIGNED_NOT_ADDRESSED:
        return "NOT_ADDRESSED";
    case SERASI_SIGNED_STALE:
        return "STALE";
    case SERASI_SIGNED_AGAIN:
        return "AGAIN";
    case SERASI_SIGNED_WRONG_BROKER:
        return "WRONG_BROKER";
    default:
        return "UNKNOWN";
    }
}
