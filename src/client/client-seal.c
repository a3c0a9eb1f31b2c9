/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sealing on the way out. To every key of every addressee, and to our own so that we can wrap it
 * for somebody else later. Who the addressees are says the audience when it names nodes; else the
 * broker is asked (query resolve), which decides as it will when the message comes. Nothing here
 * waits: a draft that lacks something is tried again in the next turn.
 */

#include <errno.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "client/client-seal.h"
#include "client/client-session.h"
#include "client/internal.h"
#include "wire/codec.h"

#define RESOLVE_MS (10 * SECOND_MS) /* for the broker's answer */
#define BUSY_MS    SECOND_MS        /* it has no room for questions: once more then */
#define LOOK_MS    100

/* --- drafts --- */

Draft *draft_new(const Envelope *env, Body *open, Secret *plain) {
    Draft *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    *d = (Draft) { .refs = 1, .env = *env, .open = open, .plain = *plain };
    *plain = (Secret) { 0 };
    return d;
}

Draft *draft_ref(Draft *d) {
    if (d)
        d->refs++;
    return d;
}

Draft *draft_unref(Draft *d) {
    if (!d || --d->refs > 0)
        return NULL;
    (void)body_unref(d->open);
    (void)body_unref(d->done);
    secret_deinit(&d->plain);
    free(d->to);
    free(d);
    return NULL;
}

/* --- whom it goes to --- */

/* The broker adds the holder to a complaint, and whoever else the law names to what is about one:
 * there the audience is not all. */
static bool names_all(const Envelope *e) {
    return e->audience.form == AUDIENCE_NODES && e->audience.n > 0 && e->kind != KIND_COMPLAINT &&
           e->kind != KIND_COMPLAINT_UPDATE;
}

static int take_names(Draft *d, uint32_t n) {
    d->to = calloc(MAX(n, 1U), sizeof(*d->to));
    return d->to ? 0 : -ENOMEM;
}

static int resolve_here(Draft *d) {
    const Audience *a = &d->env.audience;
    int r = take_names(d, a->n);
    if (r < 0)
        return r;
    memcpy(d->to, a->nodes, a->n * sizeof(*d->to));
    d->n_to = a->n;
    d->resolved = true;
    return 0;
}

/* As it will be published, but with a sealed part that says nothing: rules ask whether there is
 * one. */
static int sample_of(const Draft *d, Body **ret) {
    static const uint8_t nothing[1];
    const Bytes sealed = bytes_make(nothing, sizeof(nothing));
    _cleanup_(freep) uint8_t *envelope = NULL;
    size_t n = 0;
    Envelope e = d->env;
    e.has_sealed_digest = true;
    hash_digest(sealed, e.sealed_digest);
    int r = codec_encode_envelope(&e, &envelope, &n);
    if (r < 0)
        return r;
    *ret = body_new(bytes_make(envelope, n), body_facts(d->open), sealed);
    return *ret ? 0 : -ENOMEM;
}

int resolve_write(serasi_client *c) {
    _cleanup_(body_unrefp) Body *sample = NULL;
    if (!c->resolving || c->resolve_query != 0 || c->now_ms < c->resolve_due_ms)
        return 0;
    Frame f = { .kind = FRAME_QUERY,
                .query = { .query = ++c->query_number, .limit = SEAL_WRAPS_MAX + 1 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), "resolve");
    int r = sample_of(c->resolving, &sample);
    if (r == 0)
        r = session_send(c, &f, sample);
    if (r == 0) {
        c->resolve_query = f.query.query;
        c->resolve_due_ms = c->now_ms + RESOLVE_MS;
    }
    return r;
}

static int take_resolved(Draft *d, const Table *t) {
    int r = take_names(d, table_rows(t));
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < table_rows(t) && t->n_columns >= 2; i++)
        if (strcmp(table_cell(t, i, 1), "ADDRESSEE") == 0 &&
            node_name_is_valid(table_cell(t, i, 0)))
            (void)text_copy(d->to[d->n_to++], sizeof(*d->to), table_cell(t, i, 0));
    d->resolved = true;
    return 0;
}

/* What would be refused is sealed to nobody but us: PUBLISH is answered with every reason. */
int resolve_answered(serasi_client *c, const Frame *f, bool *ret_taken) {
    *ret_taken = c->resolve_query != 0 && f->result.query == c->resolve_query;
    if (!*ret_taken)
        return 0;
    const Table *t = f->result.table;
    c->resolve_query = 0;
    if (!t || (t->code != 0 && text_starts_with(t->text, "BUSY"))) {
        c->resolve_due_ms = c->now_ms + BUSY_MS;
        return 0;
    }
    _cleanup_(draft_unrefp) Draft *d = TAKE_PTR(c->resolving);
    c->resolve_due_ms = 0;
    return d && !d->resolved ? take_resolved(d, t) : 0;
}

void resolve_session_lost(serasi_client *c) {
    c->resolve_query = 0;
    c->resolve_due_ms = 0;
}

/* One question at a time; others wait for their turn. */
static int resolve(serasi_client *c, Draft *d, Now now) {
    if (d->resolved)
        return 0;
    if (names_all(&d->env))
        return resolve_here(d);
    if (c->resolve_query != 0 && now.mono_ms >= c->resolve_due_ms) { /* it never came: once more */
        c->resolving = draft_unref(c->resolving);
        c->resolve_query = 0;
    }
    if (!c->resolving) {
        c->resolving = draft_ref(d);
        c->resolve_due_ms = 0;
        client_wake(c);
    }
    return SERASI_AGAIN;
}

/* --- keys --- */

typedef struct KeyList {
    uint32_t n;
    SealPublic list[SEAL_WRAPS_MAX];
} KeyList;

static bool list_add(KeyList *l, const SealPublic *k) {
    for (uint32_t i = 0; i < l->n; i++)
        if (memcmp(&l->list[i], k, sizeof(*k)) == 0)
            return true;
    if (l->n == ARRAY_SIZE(l->list))
        return false;
    l->list[l->n++] = *k;
    return true;
}

static int fail(SealFailure *why, const char *code, const char *field) {
    why->code = code;
    (void)text_copy(why->field, sizeof(why->field), field);
    return SERASI_NO_SEAL_KEY;
}

/* With a pinned hub nobody else's word is taken: a broker could hand out a key of its own. */
static int add_keys_of(serasi_client *c, const char *node, Now now, KeyList *l, SealFailure *why) {
    KeyOwner owner;
    const DirKey *keys = NULL;
    size_t n = 0;
    const uint32_t before = l->n;
    KeyTrust trust = client_keys_owner(c->directory, node, now, &owner);
    if (trust == KEY_ASKED)
        return SERASI_AGAIN;
    if (trust == KEY_UNKNOWN)
        return fail(why, "NO_SEAL_KEY", node);
    if (trust != KEY_PROVEN && client_keys_are_pinned(c->directory))
        return fail(why, "SEAL_KEY_NOT_PROVEN", node);
    (void)client_keys_of(c->directory, node, now, &keys, &n);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (!public_key_is_set(keys[i].seal.b) ||
            !client_key_is_usable(&owner, &keys[i], now.wall_ms))
            continue;
        any = true;
        if (!list_add(l, &keys[i].seal))
            return fail(why, "TOO_MANY_SEAL_KEYS", "audience");
    }
    return any || l->n > before ? 0 : fail(why, "NO_SEAL_KEY", node);
}

/* All of them are looked up before any is waited for. */
static int gather_keys(serasi_client *c, const Draft *d, Now now, KeyList *ret, SealFailure *why) {
    int worst = 0;
    if (keys_can_open(&c->keys))
        (void)list_add(ret, &c->keys.seal.public);
    if (d->n_to > SEAL_WRAPS_MAX)
        return fail(why, "TOO_MANY_SEAL_KEYS", "audience");
    for (uint32_t i = 0; i < d->n_to; i++) {
        int r = add_keys_of(c, d->to[i], now, ret, why);
        if (r != 0 && r != SERASI_AGAIN)
            return r;
        worst = MAX(worst, r);
    }
    if (worst == 0 && ret->n == 0) { /* refused anyway: its reasons come with the answer */
        SealKey nobody;
        seal_key_new(&nobody);
        ret->list[ret->n++] = nobody.public;
        secret_wipe(&nobody, sizeof(nobody));
    }
    return worst;
}

/* --- the part --- */

static int make_body(const Draft *d, const Sealed *s, Body **ret) {
    _cleanup_(freep) uint8_t *envelope = NULL, *part = NULL;
    size_t n_envelope = 0, n_part = 0;
    Envelope e = d->env;
    int r = codec_encode_sealed(s, &part, &n_part);
    if (r < 0)
        return r;
    e.has_sealed_digest = true;
    hash_digest(bytes_make(part, n_part), e.sealed_digest);
    r = codec_encode_envelope(&e, &envelope, &n_envelope);
    if (r < 0)
        return r;
    *ret =
        body_new(bytes_make(envelope, n_envelope), body_facts(d->open), bytes_make(part, n_part));
    return *ret ? 0 : -ENOMEM;
}

static int seal_to(Draft *d, const KeyList *l, SealFailure *why) {
    _cleanup_(sealed_deinit) Sealed s = { 0 };
    const SealBinding to = { .message_id = d->env.message_id, .sender = d->env.sender };
    size_t bad = 0;
    int r = seal_text(&to, bytes_make(d->plain.p, d->plain.n), l->list, l->n, &s, &bad);
    if (r == SEAL_TOO_LARGE) {
        (void)fail(why, "TOO_LARGE", "sealed");
        return SERASI_TOO_LARGE;
    }
    if (r == SEAL_BAD_KEY)
        return fail(why, "NO_SEAL_KEY", "audience");
    if (r == 0)
        r = make_body(d, &s, &d->done);
    if (r == 0)
        secret_deinit(&d->plain);
    return r;
}

int draft_seal(serasi_client *c, Draft *d, SealFailure *why) {
    const Now now = now_read();
    KeyList l = { 0 };
    if (d->done)
        return 0;
    int r = resolve(c, d, now);
    if (r == 0)
        r = gather_keys(c, d, now, &l, why);
    return r == 0 ? seal_to(d, &l, why) : r;
}

/* --- what applications call --- */

SERASI_PUBLIC int serasi_seal(serasi_client *c, serasi_message *m, int timeout_ms, char *error,
                              size_t error_size) {
    const int64_t deadline = client_deadline(timeout_ms);
    SealFailure why = { 0 };
    if (!c || !m)
        return -EINVAL;
    if (error && error_size > 0)
        error[0] = '\0';
    int r = 0;
    while (m->draft && (r = draft_seal(c, m->draft, &why)) == SERASI_AGAIN) {
        r = serasi_process(c);
        if (r < 0)
            return r;
        const int64_t now_ms = now_read().mono_ms;
        if (now_ms >= deadline)
            return SERASI_TIMEOUT;
        (void)client_sleep(c, MIN(deadline, now_ms + LOOK_MS)); /* a key may stay unknown */
    }
    if (r > 0 && error && error_size > 0)
        (void)snprintf(error, error_size, "%s: %s", why.code, why.field);
    return r;
}
