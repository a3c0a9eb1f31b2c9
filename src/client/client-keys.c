/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>

#include "base/hash-table.h"
#include "base/text.h"
#include "client/client-keys.h"
#include "wire/codec.h"

#define FRESH_MS     (5 * MINUTE_MS)  /* then it is asked again, and serves until the answer */
#define AGAIN_MS     MINUTE_MS        /* an unknown key of a known node: a new one perhaps */
#define PATIENCE_MS  (5 * SECOND_MS)  /* for an answer; then a node counts as unknown */
#define REFUSED_MS   (30 * SECOND_MS) /* after a refusal nothing is asked for so long */
#define HEAD_AGE_MAX (30 * DAY_MS)    /* signed daily; older ones prove nothing any more */

typedef struct Entry {
    char node[NODE_NAME_SIZE];
    bool known;  /* an answer had it */
    bool proven; /* by a head that the hub signed */
    bool wanted, asking;
    int64_t wanted_ms, learnt_ms; /* monotonic; learnt 0 = never answered */
    KeyOwner owner;
    size_t n_keys;
    DirKey *keys; /* owned */
    UT_hash_handle hh;
} Entry;

struct ClientKeys {
    Entry *entries; /* the one not used for longest first */
    size_t n_hub;
    SignPublic hub[CLIENT_HUB_KEYS_MAX];
    bool pinned;             /* keys of the hub were given */
    DirHead head;            /* the newest that held; version 0 = none */
    bool asking, any_wanted; /* any: some entry may be */
    int64_t refused_until_ms;
};

int client_keys_new(ClientKeys **ret, const SignPublic *hub_keys, size_t n) {
    ClientKeys *k = calloc(1, sizeof(*k));
    if (!k)
        return -ENOMEM;
    k->pinned = n > 0;
    k->n_hub = MIN(n, (size_t)CLIENT_HUB_KEYS_MAX);
    if (n > 0)
        memcpy(k->hub, hub_keys, k->n_hub * sizeof(*hub_keys));
    *ret = k;
    return 0;
}

static void entry_drop(ClientKeys *k, Entry *e) {
    HASH_DEL(k->entries, e);
    free(e->keys);
    free(e);
}

ClientKeys *client_keys_free(ClientKeys *k) {
    Entry *e, *next;
    if (!k)
        return NULL;
    HASH_ITER (hh, k->entries, e, next)
        entry_drop(k, e);
    free(k);
    return NULL;
}

/* --- the cache --- */

static bool entry_add(ClientKeys *k, Entry *e) {
    HASH_ADD_STR(k->entries, node, e);
    return e->hh.tbl;
}

/* The entry of a node, made when there is none, as the one used last. NULL when out of memory. */
static Entry *entry_of(ClientKeys *k, const char *node) {
    Entry *e = NULL;
    HASH_FIND_STR(k->entries, node, e);
    if (e) { /* uthash keeps the order of adding */
        HASH_DEL(k->entries, e);
    } else {
        if (HASH_COUNT(k->entries) >= CLIENT_KEYS_NODES_MAX)
            entry_drop(k, k->entries);
        e = calloc(1, sizeof(*e));
        if (!e || !text_copy(e->node, sizeof(e->node), node)) {
            free(e);
            return NULL;
        }
    }
    if (entry_add(k, e))
        return e;
    free(e->keys);
    free(e);
    return NULL;
}

static void want(ClientKeys *k, Entry *e, Now now) {
    if (e->wanted)
        return;
    k->any_wanted = e->wanted = true;
    e->wanted_ms = now.mono_ms;
}

/* What is believed of an entry. A head that was not renewed for long proves nothing: a broker that
 * holds newer ones back could keep a revoked key alive with it. */
static KeyTrust trust_of(const ClientKeys *k, const Entry *e, Now now) {
    if (e->known)
        return e->proven && now.wall_ms - k->head.at_ms <= HEAD_AGE_MAX ? KEY_PROVEN : KEY_TOLD;
    if (e->learnt_ms == 0 && now.mono_ms - e->wanted_ms < PATIENCE_MS)
        return KEY_ASKED;
    return KEY_UNKNOWN;
}

/* Finds a node and asks for it when that is due. *ret is set unless out of memory. */
static KeyTrust look_up(ClientKeys *k, const char *node, Now now, Entry **ret) {
    *ret = NULL;
    if (!node_name_is_valid(node))
        return KEY_UNKNOWN;
    Entry *e = entry_of(k, node);
    if (!e)
        return KEY_UNKNOWN;
    if (e->learnt_ms == 0 || now.mono_ms - e->learnt_ms >= (e->known ? FRESH_MS : AGAIN_MS))
        want(k, e, now);
    *ret = e;
    return trust_of(k, e, now);
}

static KeyTrust find_key(ClientKeys *k, const char *node, Now now, DirKey *ret,
                         bool (*matches)(const DirKey *key, const void *by), const void *by) {
    Entry *e;
    const KeyTrust trust = look_up(k, node, now, &e);
    if (trust < KEY_TOLD)
        return trust;
    const DirKey *found = NULL;
    for (size_t i = 0; i < e->n_keys; i++)
        /* What was revoked once does not live again in another record. */
        if (matches(&e->keys[i], by) && (!found || e->keys[i].revoked))
            found = &e->keys[i];
    if (found) {
        *ret = *found;
        return trust;
    }
    if (now.mono_ms - e->learnt_ms >= AGAIN_MS)
        want(k, e, now);
    return e->wanted && now.mono_ms - e->wanted_ms < PATIENCE_MS ? KEY_ASKED : KEY_UNKNOWN;
}

static bool matches_id(const DirKey *key, const void *by) {
    const KeyId id = key_id(key->sign.b);
    return public_key_is_set(key->sign.b) && key_id_equal(&id, by);
}

static bool matches_label(const DirKey *key, const void *by) {
    return strcmp(key->label, by) == 0;
}

static bool matches_curve(const DirKey *key, const void *by) {
    return strcmp(key->curve, by) == 0;
}

KeyTrust client_keys_by_sign_id(ClientKeys *k, const char *node, const KeyId *id, Now now,
                                DirKey *ret) {
    return find_key(k, node, now, ret, matches_id, id);
}

KeyTrust client_keys_by_label(ClientKeys *k, const char *node, const char *label, Now now,
                              DirKey *ret) {
    return find_key(k, node, now, ret, matches_label, label);
}

KeyTrust client_keys_by_curve(ClientKeys *k, const char *node, const char *curve, Now now,
                              DirKey *ret) {
    return find_key(k, node, now, ret, matches_curve, curve);
}

KeyTrust client_keys_of(ClientKeys *k, const char *node, Now now, const DirKey **ret_keys,
                        size_t *ret_n) {
    Entry *e;
    const KeyTrust trust = look_up(k, node, now, &e);
    if (trust < KEY_TOLD)
        return trust;
    *ret_keys = e->keys;
    *ret_n = e->n_keys;
    return trust;
}

KeyTrust client_keys_owner(ClientKeys *k, const char *node, Now now, KeyOwner *ret) {
    Entry *e;
    const KeyTrust trust = look_up(k, node, now, &e);
    if (trust >= KEY_TOLD)
        *ret = e->owner;
    return trust;
}

bool client_key_is_usable(const KeyOwner *owner, const DirKey *key, int64_t at_ms) {
    return !owner->inactive && !key->revoked &&
           (key->valid_from_ms == 0 || at_ms >= key->valid_from_ms) &&
           (key->valid_until_ms == 0 || at_ms <= key->valid_until_ms);
}

bool client_keys_are_pinned(const ClientKeys *k) {
    return k->pinned;
}

uint64_t client_keys_version(const ClientKeys *k) {
    return k->head.version;
}

int64_t client_keys_signed_ms(const ClientKeys *k) {
    return k->head.version ? k->head.at_ms : 0;
}

/* --- asking --- */

size_t client_keys_question(ClientKeys *k, Now now,
                            char ret[static CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE]) {
    size_t n = 0;
    if (k->asking || !k->any_wanted || now.mono_ms < k->refused_until_ms)
        return 0;
    for (Entry *e = k->entries; e && n < CLIENT_KEYS_ASK_MAX; e = e->hh.next) {
        if (!e->wanted)
            continue;
        e->asking = true;
        memcpy(ret[n++], e->node, sizeof(e->node));
    }
    k->asking = n > 0;
    k->any_wanted = n == CLIENT_KEYS_ASK_MAX;
    return n;
}

int64_t client_keys_due_ms(const ClientKeys *k) {
    return k->any_wanted && !k->asking ? k->refused_until_ms : INT64_MAX;
}

/* Who still wants it asks for it in the next session, and has patience anew: of no answer while
 * nobody could be asked nothing follows. */
void client_keys_session_lost(ClientKeys *k) {
    for (Entry *e = k->entries; e; e = e->hh.next)
        e->asking = e->wanted = false;
    k->asking = k->any_wanted = false;
}

void client_keys_put_back(ClientKeys *k) {
    for (Entry *e = k->entries; e; e = e->hh.next)
        e->asking = false;
    k->any_wanted |= k->asking;
    k->asking = false;
}

void client_keys_refused(ClientKeys *k, Now now) {
    client_keys_put_back(k);
    k->refused_until_ms = now.mono_ms + REFUSED_MS;
}

/* --- answers --- */

/* The head is worth something: signed by the hub and no older than what was seen. */
static int judge_head(ClientKeys *k, const DirHead *h) {
    bool holds = false;
    for (size_t i = 0; !holds && i < k->n_hub; i++)
        holds = directory_head_holds(h, &k->hub[i]);
    if (!holds)
        return CLIENT_KEYS_NOT_OURS;
    if (h->version < k->head.version || h->at_ms < k->head.at_ms)
        return CLIENT_KEYS_STALE;
    if (h->version == k->head.version && !tree_hash_equal(&h->root, &k->head.root))
        return CLIENT_KEYS_NOT_OURS; /* two directories of one version */
    return 0;
}

static int judge(ClientKeys *k, const KeyProofs *p) {
    if (!p->has_head || !k->pinned)
        return 0; /* told, not proven */
    const int r = judge_head(k, &p->head);
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < p->n; i++)
        if (!record_proof_holds(&p->proofs[i], &p->head))
            return CLIENT_KEYS_UNPROVEN;
    k->head = p->head;
    return 0;
}

/* May what is known of the node be replaced? Told things never displace proven ones. */
static bool may_replace(const Entry *e, bool proven) {
    return proven || !e->proven;
}

static int take_node_line(ClientKeys *k, const DirNode *n, bool proven, Now now) {
    Entry *e = entry_of(k, n->id);
    if (!e)
        return -ENOMEM;
    e->asking = e->wanted = false;
    e->learnt_ms = now.mono_ms;
    if (!may_replace(e, proven))
        return 0;
    e->owner = (KeyOwner) { .kind = n->kind, .inactive = n->inactive };
    e->owner.version = proven ? k->head.version : 0;
    memcpy(e->owner.node, n->id, sizeof(e->owner.node));
    memcpy(e->owner.home, n->home, sizeof(e->owner.home));
    e->known = true;
    e->proven = proven;
    e->n_keys = 0; /* they follow */
    return 0;
}

static int take_key_line(ClientKeys *k, const DirKey *key, bool proven) {
    Entry *e = NULL;
    HASH_FIND_STR(k->entries, key->node, e);
    if (!e || !e->known || e->proven != proven || e->n_keys == CLIENT_KEYS_OF_MAX)
        return 0;
    DirKey *keys = realloc(e->keys, (e->n_keys + 1) * sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    keys[e->n_keys++] = *key;
    e->keys = keys;
    return 0;
}

/* Two rounds: nodes, then their keys, in whatever order they came. */
static int take_records(ClientKeys *k, const KeyProofs *p, bool proven, Now now) {
    DirRecord line;
    const char *why;
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < p->n; i++) {
            int r = codec_decode_record(p->proofs[i].record, &line, &why);
            if (r > 0)
                continue; /* newer than this program, and of no use to it */
            if (r == 0 && round == 0 && line.kind == DIR_NODE)
                r = take_node_line(k, &line.node, proven, now);
            else if (r == 0 && round == 1 && line.kind == DIR_KEY)
                r = take_key_line(k, &line.key, proven);
            if (r < 0)
                return r;
        }
    return 0;
}

static void trust_hub_key(ClientKeys *k, const DirKey *key) {
    for (size_t i = 0; i < k->n_hub; i++)
        if (memcmp(&k->hub[i], &key->sign, sizeof(key->sign)) == 0)
            return;
    if (k->n_hub < CLIENT_HUB_KEYS_MAX)
        k->hub[k->n_hub++] = key->sign;
}

static void distrust_hub_key(ClientKeys *k, const DirKey *key) {
    size_t n = 0;
    for (size_t i = 0; i < k->n_hub; i++)
        if (memcmp(&k->hub[i], &key->sign, sizeof(key->sign)) != 0)
            k->hub[n++] = k->hub[i];
    k->n_hub = n;
}

/* The hub changes its signing key by a record in a directory that the old key signed. It lasts as
 * long as the client: the key that is pinned must be changed too, in time. */
static void follow_hub_keys(ClientKeys *k, Now now, bool revoked) {
    for (const Entry *e = k->entries; e; e = e->hh.next) {
        if (!e->proven || e->owner.kind != NODE_NATIONAL_HUB)
            continue;
        for (size_t i = 0; i < e->n_keys; i++) {
            const DirKey *key = &e->keys[i];
            if (!key->broker || key->revoked != revoked || !public_key_is_set(key->sign.b))
                continue;
            if (revoked)
                distrust_hub_key(k, key);
            else if (client_key_is_usable(&e->owner, key, now.wall_ms))
                trust_hub_key(k, key);
        }
    }
}

static void follow_hub(ClientKeys *k, Now now) {
    follow_hub_keys(k, now, false);
    follow_hub_keys(k, now, true); /* the last word */
}

/* What was asked and did not come is not in the directory. */
static void close_question(ClientKeys *k, Now now) {
    for (Entry *e = k->entries; e; e = e->hh.next) {
        if (!e->asking)
            continue;
        e->asking = e->wanted = false;
        e->learnt_ms = now.mono_ms;
        if (e->proven)
            continue; /* leaving it out proves nothing */
        e->known = false;
        e->n_keys = 0;
    }
    k->asking = false;
}

int client_keys_answered(ClientKeys *k, Bytes answer, Now now) {
    _cleanup_(key_proofs_deinit) KeyProofs p = { 0 };
    const char *why = NULL;
    int r = codec_decode_key_proofs(answer, &p, &why);
    if (r > 0)
        r = CLIENT_KEYS_MALFORMED;
    if (r == 0)
        r = judge(k, &p);
    if (r == 0) {
        const bool proven = k->pinned && p.has_head;
        r = take_records(k, &p, proven, now);
        if (r == 0 && proven)
            follow_hub(k, now);
    }
    if (r == 0)
        close_question(k, now);
    else
        client_keys_refused(k, now);
    return r;
}
