/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "core/directory-change.h"

void dir_change_deinit(DirChange *c) {
    free(c->bytes);
    free(c->records);
    free(c->leaves);
    free(c->removed);
    free(c->texts);
    *c = (DirChange) { 0 };
}

/* --- who signs ------------------------------------------------------------------------------ */

void dir_change_sign(Bytes content, const SignKey *hub, uint8_t ret[static SIGNATURE_SIZE]) {
    uint8_t digest[DIGEST_SIZE];
    hash_digest(content, digest);
    sign_content(hub, SIGN_LABEL_CHANGE, bytes_make(digest, sizeof(digest)), ret);
}

static bool change_holds(const DirChange *c, const SignPublic *hub) {
    uint8_t digest[DIGEST_SIZE];
    hash_digest(bytes_make(c->bytes, c->n_signed), digest);
    return sign_holds(hub, SIGN_LABEL_CHANGE, bytes_make(digest, sizeof(digest)), c->signature);
}

static bool same_public(const SignPublic *a, const SignPublic *b) {
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static void hub_keys_add(HubKeys *k, const SignPublic *key, int64_t from_ms, int64_t until_ms) {
    for (uint32_t i = 0; i < k->n; i++)
        if (same_public(&k->list[i], key))
            return;
    if (k->n == HUB_KEYS_MAX)
        return;
    k->list[k->n] = *key;
    k->from_ms[k->n] = from_ms;
    k->until_ms[k->n++] = until_ms;
}

/* What was revoked once does not live again in another record. */
static bool is_revoked(const DirKey *const *keys, size_t n, const SignPublic *sign) {
    for (size_t i = 0; i < n; i++)
        if (keys[i]->revoked && same_public(&keys[i]->sign, sign))
            return true;
    return false;
}

/* The record of a key that was told names the node that is the hub. No other node's keys count, and
 * of the hub's own only those it has as a broker: not those of a program at its desk. */
static void add_told(const Directory *d, const SignPublic *told, HubKeys *ret) {
    const DirKey *own = NULL;
    for (size_t i = 0; i < directory_key_count(d); i++) {
        const DirKey *k = directory_key_at(d, i);
        if (k->broker && same_public(&k->sign, told))
            own = k;
    }
    if (!own) {
        hub_keys_add(ret, told, 0, 0);
        return;
    }
    size_t n = 0;
    const DirKey *const *keys = directory_keys_of(d, own->node, &n);
    for (size_t i = 0; i < n; i++)
        if (keys[i]->broker && public_key_is_set(keys[i]->sign.b) &&
            !is_revoked(keys, n, &keys[i]->sign))
            hub_keys_add(ret, &keys[i]->sign, keys[i]->valid_from_ms, keys[i]->valid_until_ms);
}

void hub_keys_of(const Directory *d, const SignPublic *told, size_t n, HubKeys *ret) {
    *ret = (HubKeys) { 0 };
    for (size_t i = 0; i < n; i++)
        add_told(d, &told[i], ret);
}

/* The key by which the head says it is signed, when it was one at that time. */
static const SignPublic *hub_key_for(const HubKeys *k, const DirHead *h) {
    for (uint32_t i = 0; i < k->n; i++) {
        const KeyId id = key_id(k->list[i].b);
        if (key_id_equal(&id, &h->key) && h->at_ms >= k->from_ms[i] &&
            (k->until_ms[i] == 0 || h->at_ms < k->until_ms[i]))
            return &k->list[i];
    }
    return NULL;
}

bool hub_keys_signed_head(const HubKeys *k, const DirHead *h) {
    const SignPublic *key = hub_key_for(k, h);
    return key && directory_head_holds(h, key);
}

/* --- judging -------------------------------------------------------------------------------- */

const char *change_verdict_name(int verdict) {
    static const char *const names[] = {
        [CHANGE_OK] = "OK",
        [CHANGE_KNOWN] = "KNOWN",
        [CHANGE_MALFORMED] = "MALFORMED",
        [CHANGE_FORGED] = "FORGED",
        [CHANGE_REPLAYED] = "REPLAYED",
        [CHANGE_GAP] = "GAP",
        [CHANGE_TRUNCATED] = "TRUNCATED",
        [CHANGE_UNSOUND] = "UNSOUND",
    };
    return verdict >= 0 && verdict < (int)ARRAY_SIZE(names) ? names[verdict] : "UNKNOWN";
}

/* Head and change are signed apart: the head goes on alone, to those who want a proof only. */
static bool is_signed_by_hub(const DirChange *c, const HubKeys *keys) {
    const SignPublic *key = hub_key_for(keys, &c->head);
    return c->is_signed && key && directory_head_holds(&c->head, key) && change_holds(c, key);
}

static int place_of(const DirChange *c, const DirHead *head) {
    if (!head)
        return c->first ? CHANGE_OK : CHANGE_GAP;
    if (c->version <= head->version)
        return c->version == head->version && tree_hash_equal(&c->head.root, &head->root)
                   ? CHANGE_KNOWN
                   : CHANGE_REPLAYED;
    if (c->version != head->version + 1 || c->first || !tree_hash_equal(&c->previous, &head->root))
        return CHANGE_GAP;
    return c->head.at_ms < head->at_ms ? CHANGE_REPLAYED : CHANGE_OK;
}

static int edit_tree(const DirChange *c, const DirTree *tree, DirTree **ret) {
    const size_t n = c->n_records + c->n_removed;
    _cleanup_(freep) DirLeaf *edits = calloc(MAX(n, (size_t)1), sizeof(*edits));
    if (!edits)
        return -ENOMEM;
    if (c->n_records > 0)
        memcpy(edits, c->leaves, c->n_records * sizeof(*edits));
    for (uint32_t i = 0; i < c->n_removed; i++)
        memcpy(edits[c->n_records + i].name, c->removed[i], strlen(c->removed[i]) + 1);
    return dir_tree_edit(ret, tree, edits, n);
}

int dir_change_check(const DirChange *c, const HubKeys *keys, const DirHead *head,
                     const DirTree *tree, DirTree **ret) {
    _cleanup_(dir_tree_freep) DirTree *after = NULL;
    if (!is_signed_by_hub(c, keys))
        return CHANGE_FORGED;
    int r = place_of(c, head);
    if (r != CHANGE_OK)
        return r;
    r = edit_tree(c, head ? tree : NULL, &after);
    if (r == -ENOMEM)
        return r;
    const TreeHash root = dir_tree_root(after);
    if (r < 0 || c->head.version != c->version || c->head.size != dir_tree_size(after) ||
        !tree_hash_equal(&root, &c->head.root))
        return CHANGE_TRUNCATED;
    *ret = TAKE_PTR(after);
    return CHANGE_OK;
}

/* --- lists ---------------------------------------------------------------------------------- */

/* Full at powers of two. */
static void *list_add(void *list, uint32_t n, size_t size) {
    return (n & (n - 1)) != 0 ? list : reallocarray(list, n > 0 ? n * 2 : 1, size);
}

#define ADD(list_, n_, value_)                                                                     \
    ({                                                                                             \
        void *_grown = list_add((list_), (n_), sizeof(*(list_)));                                  \
        if (_grown) {                                                                              \
            (list_) = _grown;                                                                      \
            (list_)[(n_)++] = (value_);                                                            \
        }                                                                                          \
        _grown ? 0 : -ENOMEM;                                                                      \
    })

int dir_lists_add(DirLists *l, const DirRecord *r) {
    int e = 0;
    switch (r->kind) {
    case DIR_NODE:
        e = ADD(l->nodes, l->edit.n_nodes, r->node);
        l->edit.nodes = l->nodes;
        break;
    case DIR_KEY:
        e = ADD(l->keys, l->edit.n_keys, r->key);
        l->edit.keys = l->keys;
        break;
    case DIR_REGION:
        e = ADD(l->regions, l->edit.n_regions, r->region);
        l->edit.regions = l->regions;
        break;
    case DIR_HOLIDAY:
        e = ADD(l->holidays, l->edit.n_holidays, r->holiday);
        l->edit.holidays = l->holidays;
        break;
    }
    return e;
}

void dir_lists_deinit(DirLists *l) {
    free(l->nodes);
    free(l->keys);
    free(l->regions);
    free(l->holidays);
    *l = (DirLists) { 0 };
}
