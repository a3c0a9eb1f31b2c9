/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Opening what was sealed, and the wraps that make it open for a node it was not sealed to. A wrap
 * comes in a message of its own (SEAL_WRAP) before or after the message it is for, and perhaps to
 * another process of this node. So it is remembered here and stays in the mailbox until its
 * message is settled: settled with RETRY it comes again, here or elsewhere, also after a crash.
 *
 * A wrap needs no proof of its own: only the right content key fits the commitment of the sealed
 * part, which the signed envelope holds the digest of. That of another sender is not even tried.
 */

#include <errno.h>
#include <string.h>

#include "base/hash-table.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "client/client-open.h"
#include "client/internal.h"
#include "wire/codec.h"
#include "wire/json.h"

#define KNOWN_MAX       512U /* messages with wraps, the latest */
#define WRAPS_MAX       4U   /* of one message that fit our keys */
#define AGAIN_FIRST_MS  (10 * SECOND_MS)
#define AGAIN_LATEST_MS (15 * MINUTE_MS)
#define WRAP_KEPT_MS    (31 * DAY_MS) /* what it opens has expired by then */

typedef struct WrapKey { /* hash key: no padding */
    Uuid id;
    char sender[NODE_NAME_SIZE];
} WrapKey;

typedef struct KnownWrap {
    WrapKey key;
    bool settled; /* its message is done with */
    uint32_t n;
    SealWrap list[WRAPS_MAX];
    UT_hash_handle hh;
} KnownWrap;

static KnownWrap *known_find(serasi_client *c, const Uuid *id, const char *sender) {
    WrapKey key;
    KnownWrap *w = NULL;
    memset(&key, 0, sizeof(key));
    key.id = *id;
    (void)text_copy(key.sender, sizeof(key.sender), sender);
    HASH_FIND(hh, c->wraps, &key, sizeof(key), w);
    return w;
}

static void known_drop(serasi_client *c, KnownWrap *w) {
    HASH_DEL(c->wraps, w);
    free(w);
}

/* NULL when out of memory. */
static KnownWrap *known_get(serasi_client *c, const Uuid *id, const char *sender) {
    KnownWrap *w = known_find(c, id, sender);
    if (w)
        return w;
    if (HASH_COUNT(c->wraps) >= KNOWN_MAX)
        known_drop(c, c->wraps); /* the one made first */
    w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->key.id = *id;
    (void)text_copy(w->key.sender, sizeof(w->key.sender), sender);
    HASH_ADD(hh, c->wraps, key, sizeof(w->key), w);
    if (w->hh.tbl)
        return w;
    free(w);
    return NULL;
}

void wraps_deinit(serasi_client *c) {
    KnownWrap *w, *next;
    HASH_ITER (hh, c->wraps, w, next)
        known_drop(c, w);
}

/* --- wraps come --- */

static bool is_for_key(const SealWrap *w, const SealKey *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const KeyId id = key_id(keys[i].public.b);
        if (key_id_equal(&id, &w->key))
            return true;
    }
    return false;
}

static void remember(KnownWrap *known, const SealWraps *came, const SealKey *keys, size_t n) {
    for (uint32_t i = 0; i < came->n; i++) {
        bool have = !is_for_key(&came->list[i], keys, n);
        for (uint32_t k = 0; !have && k < known->n; k++)
            have = memcmp(&known->list[k], &came->list[i], sizeof(came->list[i])) == 0;
        if (!have) /* the latest ones, when there are more */
            known->list[known->n < WRAPS_MAX ? known->n++ : i % WRAPS_MAX] = came->list[i];
    }
}

static bool any_for_us(const SealWraps *came, const SealKey *keys, size_t n) {
    for (uint32_t i = 0; i < came->n; i++)
        if (is_for_key(&came->list[i], keys, n))
            return true;
    return false;
}

int wrap_came(serasi_client *c, const Envelope *e, Bytes facts, Settlement *ret) {
    SealKey keys[KEYS_OLD_MAX + 1];
    _cleanup_(freep) SealWraps *came = calloc(1, sizeof(*came));
    const char *why = NULL;
    if (!came)
        return -ENOMEM;
    *ret = (Settlement) { .action = SETTLE_DONE }; /* nobody can do anything with it */
    int r = codec_decode_seal_wraps(facts, came, &why);
    if (r != 0)
        return r < 0 ? r : 0;
    const size_t n = keys_opening(&c->keys, keys);
    const int64_t age_ms = MAX(now_read().wall_ms - e->created_ms, INT64_C(0));
    /* What opens nothing of ours takes no place among what does, nor comes again for ever. */
    const bool wanted = any_for_us(came, keys, n) && age_ms < WRAP_KEPT_MS;
    KnownWrap *known = wanted ? known_get(c, &came->message_id, e->sender) : NULL;
    if (known)
        remember(known, came, keys, n);
    secret_wipe(keys, sizeof(keys));
    if (wanted && !known)
        return -ENOMEM;
    if (!wanted || known->settled)
        return 0;
    ret->action = SETTLE_RETRY;
    ret->after_ms =
        (uint32_t)MIN(MAX(age_ms / 4, (int64_t)AGAIN_FIRST_MS), (int64_t)AGAIN_LATEST_MS);
    return 0;
}

void wrap_forget(serasi_client *c, const serasi_delivery *d) {
    Envelope e;
    const char *why = NULL;
    if (d->raw.parts[3].n == 0 || d->frame.deliver.role != ROLE_ADDRESSEE ||
        codec_decode_envelope(d->raw.parts[1], &e, &why) != 0)
        return;
    KnownWrap *known = known_find(c, &d->id, e.sender);
    if (!known && !d->plain.p) /* it may still come */
        known = known_get(c, &d->id, e.sender);
    if (!known)
        return;
    known->settled = true;
    known->n = 0;
}

/* --- opening --- */

static int open_with_known(serasi_client *c, const SealBinding *of, Sealed *s, const SealKey *keys,
                           size_t n_keys, Secret *ret) {
    const KnownWrap *known = known_find(c, &of->message_id, of->sender);
    if (!known || known->n == 0)
        return SEAL_NOT_FOR_US;
    memcpy(s->wraps, known->list, known->n * sizeof(*s->wraps));
    s->n_wraps = known->n;
    int r = seal_open(of, s, keys, n_keys, ret);
    return r == SEAL_BROKEN ? SEAL_NOT_FOR_US : r; /* a wrong wrap: the right one may come */
}

static int open_part(serasi_client *c, const serasi_delivery *d, const Envelope *e, Secret *ret) {
    _cleanup_(sealed_deinit) Sealed s = { 0 };
    const SealBinding of = { .message_id = e->message_id, .sender = e->sender };
    SealKey keys[KEYS_OLD_MAX + 1];
    uint8_t digest[DIGEST_SIZE];
    const char *why = NULL;
    hash_digest(d->raw.parts[3], digest);
    if (!e->has_sealed_digest || memcmp(digest, e->sealed_digest, sizeof(digest)) != 0)
        return SERASI_BROKEN;
    int r = codec_decode_sealed(d->raw.parts[3], &s, &why);
    if (r != 0)
        return r < 0 ? r : SERASI_BROKEN;
    const size_t n = keys_opening(&c->keys, keys);
    if (n == 0)
        return SERASI_NOT_FOR_US;
    r = seal_open(&of, &s, keys, n, ret);
    if (r == SEAL_NOT_FOR_US)
        r = open_with_known(c, &of, &s, keys, n, ret);
    secret_wipe(keys, sizeof(keys));
    if (r <= 0)
        return r;
    if (r == SEAL_NOT_FOR_US)
        return d->frame.deliver.role == ROLE_ADDRESSEE ? SERASI_WAITING_FOR_WRAP
                                                       : SERASI_NOT_FOR_US;
    return SERASI_BROKEN;
}

SERASI_PUBLIC int serasi_delivery_open(serasi_client *c, serasi_delivery *d, const void **ret,
                                       size_t *n) {
    const char *why = NULL;
    Envelope e;
    if (!c || !d || !ret || !n)
        return -EINVAL;
    if (d->raw.parts[3].n == 0)
        return SERASI_NOTHING_SEALED;
    if (!d->plain.p) {
        int r = codec_decode_envelope(d->raw.parts[1], &e, &why);
        if (r == 0)
            r = open_part(c, d, &e, &d->plain);
        else if (r > 0)
            r = SERASI_BROKEN;
        if (r != 0)
            return r;
    }
    *ret = d->plain.p;
    *n = d->plain.n;
    return SERASI_OPENED;
}

SERASI_PUBLIC int serasi_delivery_open_json(serasi_client *c, serasi_delivery *d, int pretty,
                                            char **ret) {
    const void *text = NULL;
    const char *why = NULL;
    size_t n = 0;
    Envelope e;
    if (!ret)
        return -EINVAL;
    int r = serasi_delivery_open(c, d, &text, &n);
    if (r == SERASI_OPENED && codec_decode_envelope(d->raw.parts[1], &e, &why) == 0)
        r = json_print_sealed(e.kind, bytes_make(text, n), pretty != 0, ret);
    return r;
}

SERASI_PUBLIC void serasi_secret_free(char *text) {
    if (text)
        secret_wipe(text, strlen(text));
    free(text);
}
