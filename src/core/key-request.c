/* SPDX-License-Identifier: Apache-2.0 */

#include "core/key-request.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define FINGERPRINT_BYTES 16U /* too many to look for another key with the same */
#define TREE_DEPTH_MAX    16U
#define LABEL_KEYS_MAX    8U  /* usable ones of one label, */
#define NODE_KEYS_MAX     64U /* and all of a node, for whoever stole a key and asks for others */

/* --- signatures ------------------------------------------------------------------------------ */

/* Larger than sign_content() takes, so its digest is signed. */
static void digest_demand(const KeyRequest *r, uint8_t ret[static DIGEST_SIZE]) {
    hash_digest(bytes_make(r->demand, r->n_demand), ret);
}

void key_request_prove(KeyRequest *r, const SignKey *fresh) {
    uint8_t digest[DIGEST_SIZE];
    digest_demand(r, digest);
    sign_content(fresh, SIGN_LABEL_KEY_PROOF, bytes_make(digest, sizeof(digest)), r->proof);
}

void key_request_sign(KeyRequest *r, const char *by_node, const SignKey *k) {
    uint8_t digest[DIGEST_SIZE];
    digest_demand(r, digest);
    (void)snprintf(r->by_node, sizeof(r->by_node), "%s", by_node);
    r->by_key = key_id(k->public.b);
    sign_content(k, SIGN_LABEL_KEY_ASKED, bytes_make(digest, sizeof(digest)), r->signature);
}

bool key_request_is_proven(const KeyRequest *r) {
    uint8_t digest[DIGEST_SIZE];
    digest_demand(r, digest);
    return public_key_is_set(r->key.sign.b) &&
           sign_holds(&r->key.sign, SIGN_LABEL_KEY_PROOF, bytes_make(digest, sizeof(digest)),
                      r->proof);
}

static bool is_signed_by(const KeyRequest *r, const DirKey *k) {
    uint8_t digest[DIGEST_SIZE];
    digest_demand(r, digest);
    return sign_holds(&k->sign, SIGN_LABEL_KEY_ASKED, bytes_make(digest, sizeof(digest)),
                      r->signature);
}

/* --- who is who ------------------------------------------------------------------------------ */

const char *key_hub_of(const Directory *d, const char *self) {
    const DirNode *n = directory_node(d, self);
    for (unsigned i = 0; n && n->broker && i < TREE_DEPTH_MAX; i++) {
        if (n->broker_parent[0] == '\0')
            return n->id;
        n = directory_node(d, n->broker_parent);
    }
    return NULL;
}

/* Does an operator of that node (of a broker: its home, or above) decide about keys of `id`? */
static bool key_is_supervised(const Directory *d, const char *node, const char *id) {
    const DirNode *of = directory_node(d, id);
    if (!of)
        return false;
    const char *hub = key_hub_of(d, of->home[0] != '\0' ? of->home : of->id);
    return strcmp(of->home, node) == 0 || strcmp(of->parent, node) == 0 ||
           (hub && strcmp(hub, node) == 0);
}

/* --- judgement ------------------------------------------------------------------------------- */

static bool is_of_age(const KeyRequest *r, int64_t now_ms) {
    return r->asked_ms >= now_ms - KEY_REQUEST_AGE_MAX &&
           r->asked_ms <= now_ms + KEY_REQUEST_AHEAD_MAX;
}

static bool is_rotation(const KeyRequest *r, const DirKey *by) {
    return strcmp(by->node, r->key.node) == 0;
}

/* The key that signed, when it may still say anything. */
static KeyVerdict find_signer(const Directory *d, const KeyRequest *r, int64_t now_ms,
                              const DirKey **ret) {
    const DirKey *by = directory_key_by_sign_id(d, r->by_node, &r->by_key);
    if (!by || !directory_key_is_usable(d, by, now_ms) || !is_signed_by(r, by))
        return KEY_FORGED;
    *ret = by;
    if (is_rotation(r, by))
        return strcmp(by->label, r->key.label) == 0 ? KEY_GRANTED : KEY_STRANGER;
    return by->broker && key_is_supervised(d, r->by_node, r->key.node) ? KEY_GRANTED : KEY_STRANGER;
}

bool dir_key_is_same(const DirKey *a, const DirKey *b) {
    return strcmp(a->curve, b->curve) == 0 && strcmp(a->node, b->node) == 0 &&
           strcmp(a->label, b->label) == 0 &&
           memcmp(a->sign.b, b->sign.b, sizeof(a->sign.b)) == 0 &&
           memcmp(a->seal.b, b->seal.b, sizeof(a->seal.b)) == 0;
}

/* One that ends sooner: 0 is never. */
static int64_t sooner(int64_t a, int64_t b) {
    return a == 0 ? b : b == 0 ? a : MIN(a, b);
}

static bool is_crowded(const Directory *d, const DirKey *k, int64_t now_ms) {
    size_t n = 0;
    uint32_t usable = 0;
    const DirKey *const *keys = directory_keys_of(d, k->node, &n);
    for (size_t i = 0; i < n; i++)
        usable +=
            strcmp(keys[i]->label, k->label) == 0 && directory_key_is_usable(d, keys[i], now_ms);
    return usable >= LABEL_KEYS_MAX || n >= NODE_KEYS_MAX;
}

/* Of whichever node: it would be two authors of what it signs. */
static bool is_signing_key_known(const Directory *d, const SignPublic *sign) {
    for (size_t i = 0; i < directory_key_count(d); i++)
        if (memcmp(directory_key_at(d, i)->sign.b, sign->b, sizeof(sign->b)) == 0)
            return true;
    return false;
}

static KeyVerdict judge_add(const Directory *d, const KeyRequest *r, const DirKey *by,
                            int64_t now_ms, DirKey *ret) {
    const DirKey *k = &r->key, *other = directory_key(d, k->curve);
    const bool rotation = is_rotation(r, by);
    if (other)
        return dir_key_is_same(other, k) && directory_key_is_usable(d, other, now_ms) ? KEY_KNOWN
                                                                                      : KEY_TAKEN;
    if (is_signing_key_known(d, &k->sign))
        return KEY_TAKEN;
    if (!rotation && directory_node(d, k->node)->broker)
        return KEY_UNFIT; /* brokers are entered by the hub's operators */
    if (is_crowded(d, k, now_ms))
        return KEY_CROWDED;
    *ret = (DirKey) { .sign = k->sign, .seal = k->seal };
    memcpy(ret->curve, k->curve, sizeof(ret->curve));
    memcpy(ret->node, k->node, sizeof(ret->node));
    memcpy(ret->label, k->label, sizeof(ret->label));
    /* The clock of whoever asks may be ahead of ours, and that of his broker behind. */
    ret->valid_from_ms = MIN(r->asked_ms, now_ms);
    if (!rotation)
        return KEY_GRANTED;
    ret->broker = by->broker;
    ret->operator_ = by->operator_;
    ret->rights = by->rights;
    ret->valid_from_ms = MAX(ret->valid_from_ms, by->valid_from_ms + 1); /* the younger one */
    ret->valid_until_ms = by->valid_until_ms;
    return KEY_GRANTED;
}

/* Is what the one may do what the other may? */
static bool may_stand_for(const DirKey *by, const DirKey *old) {
    return by->broker == old->broker && by->operator_ == old->operator_ &&
           (by->rights.n == 0 || rights_equal(&by->rights, &old->rights));
}

static KeyVerdict judge_end(const Directory *d, const KeyRequest *r, const DirKey *by,
                            DirKey *ret) {
    const DirKey *old = directory_key(d, r->key.curve);
    if (!old || strcmp(old->node, r->key.node) != 0 || strcmp(old->label, r->key.label) != 0 ||
        r->key.valid_until_ms <= 0)
        return KEY_UNFIT;
    /* A label may stand on keys of many uses: a program's key does not end the broker's. */
    if (is_rotation(r, by) && !may_stand_for(by, old))
        return KEY_STRANGER;
    if (is_rotation(r, by) && by->valid_from_ms <= old->valid_from_ms)
        return KEY_NOT_OLDER;
    *ret = *old;
    ret->valid_until_ms = sooner(old->valid_until_ms, r->key.valid_until_ms);
    return old->revoked || ret->valid_until_ms == old->valid_until_ms ? KEY_KNOWN : KEY_GRANTED;
}

KeyVerdict key_request_judge(const Directory *d, const KeyRequest *r, int64_t now_ms, DirKey *ret) {
    const DirNode *node = directory_node(d, r->key.node);
    const DirKey *by = NULL;
    if (!is_of_age(r, now_ms))
        return KEY_STALE;
    if (!node || node->inactive)
        return KEY_NO_NODE;
    if (r->act == KEY_ACT_ADD && !key_request_is_proven(r))
        return KEY_UNPROVEN;
    const KeyVerdict v = find_signer(d, r, now_ms, &by);
    if (v != KEY_GRANTED)
        return v;
    return r->act == KEY_ACT_ADD   ? judge_add(d, r, by, now_ms, ret)
           : r->act == KEY_ACT_END ? judge_end(d, r, by, ret)
                                   : KEY_UNFIT;
}

/* --- for people ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *text;
} verdicts[] = {
    [KEY_GRANTED] = { "GRANTED", "granted" },
    [KEY_KNOWN] = { "KNOWN", "it is so already" },
    [KEY_UNPROVEN] = { "UNPROVEN", "the request is not signed by the new key" },
    [KEY_FORGED] = { "FORGED", "the request is not signed by a valid key of who asks for it" },
    [KEY_STRANGER] = { "STRANGER", "neither an older key of the same node and label asks for it, "
                                   "nor a broker that decides about the node" },
    [KEY_STALE] = { "STALE", "the request is too old, or the clock of who asks is wrong" },
    [KEY_NO_NODE] = { "NO_NODE", "the node is not in the directory, or not active" },
    [KEY_TAKEN] = { "TAKEN", "such a key is known already: it was used before, or revoked" },
    [KEY_UNFIT] = { "UNFIT", "that cannot be a key of this node" },
    [KEY_NO_WAY] = { "NO_WAY", "the directory knows no way from here to the hub" },
    [KEY_CROWDED] = { "CROWDED",
                      "the node has too many keys, or this label of it: retire older ones first" },
    [KEY_NOT_OLDER] = { "NOT_OLDER", "a key is ended by a younger one" },
    [KEY_TOO_OFTEN] = { "TOO_OFTEN", "keys of this node were changed too often: later" },
};

const char *key_verdict_name(KeyVerdict v) {
    return verdicts[v].name;
}

const char *key_verdict_text(KeyVerdict v) {
    return verdicts[v].text;
}

KeyVerdict key_verdict_by_name(const char *name) {
    for (size_t v = KEY_UNPROVEN; v < ARRAY_SIZE(verdicts); v++)
        if (strcmp(verdicts[v].name, name) == 0)
            return (KeyVerdict)v;
    return KEY_UNFIT;
}

void key_fingerprint(const DirKey *k, char ret[static KEY_FINGERPRINT_SIZE]) {
    static const char label[] = "serasi v1 key fingerprint";
    const Bytes parts[] = { bytes_make(label, sizeof(label)),
                            bytes_make(k->curve, strlen(k->curve)),
                            bytes_make(k->sign.b, sizeof(k->sign.b)),
                            bytes_make(k->seal.b, sizeof(k->seal.b)) };
    uint8_t digest[DIGEST_SIZE];
    char *p = ret;
    hash_digest_parts(parts, ARRAY_SIZE(parts), digest);
    for (unsigned i = 0; i < FINGERPRINT_BYTES; i++)
        p +=
            snprintf(p, 4, "%02x%s", digest[i], i % 2 == 1 && i + 1 < FINGERPRINT_BYTES ? " " : "");
}
static_assert(FINGERPRINT_BYTES * 2 + FINGERPRINT_BYTES / 2 == KEY_FINGERPRINT_SIZE,
              "with its NUL");
