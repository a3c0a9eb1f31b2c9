/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pace.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/bucket.h"

#define RECORD_MS   (10 * MINUTE_MS) /* one in so long, in the long run */
#define SCOPE_MS    (15 * SECOND_MS)
#define KEY_MS      (10 * MINUTE_MS)
#define WRAP_MS     (10 * SECOND_MS)
#define WITNESS_MS  (10 * MINUTE_MS)
#define SWEEP_EVERY 1024U /* entries: those that are as good as new go */

typedef enum PaceOf { PACE_RECORD = 0, PACE_SCOPE, PACE_KEY, PACE_WRAP, PACE_WITNESS } PaceOf;

typedef struct PaceKey { /* hash key: no padding */
    char by[NODE_NAME_SIZE], about[NODE_NAME_SIZE];
    uint8_t of;
} PaceKey;

struct Pace {
    PaceKey key;           /* about: the node whose record or key it is, "" for scopes */
    Bucket bucket, before; /* before: as the transaction found it */
    uint64_t after;        /* which began after so many commits */
    UT_hash_handle hh;
};

static const BucketRate rates[] = {
    [PACE_RECORD] = { .per_second = 1000.0 / RECORD_MS, .burst = 32 },
    [PACE_SCOPE] = { .per_second = 1000.0 / SCOPE_MS, .burst = 128 },
    [PACE_KEY] = { .per_second = 1000.0 / KEY_MS, .burst = 128 }, /* all that a node can have */
    [PACE_WRAP] = { .per_second = 1000.0 / WRAP_MS, .burst = 1024 },
    [PACE_WITNESS] = { .per_second = 1000.0 / WITNESS_MS, .burst = 128 },
};

static const BucketRate *rate_of(const Pace *p) {
    return &rates[p->key.of];
}

static void sweep(Store *s) {
    Pace *p, *next;
    HASH_ITER (hh, s->paces, p, next) {
        if (!bucket_is_empty(&p->bucket, rate_of(p), s->now_ms))
            continue;
        HASH_DEL(s->paces, p);
        free(p);
    }
}

static Pace *get(Store *s, const PaceKey *key) {
    Pace *p = NULL;
    HASH_FIND(hh, s->paces, key, sizeof(*key), p);
    if (p)
        return p;
    if (HASH_COUNT(s->paces) % SWEEP_EVERY == SWEEP_EVERY - 1)
        sweep(s);
    p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->key = *key;
    p->after = s->health.commits;
    HASH_ADD(hh, s->paces, key, sizeof(p->key), p);
    if (p->hh.tbl)
        return p;
    free(p);
    return NULL;
}

/* False: once too often. */
static bool take(Store *s, PaceOf of, const char *by, const char *about) {
    PaceKey key;
    memset(&key, 0, sizeof(key));
    key.of = (uint8_t)of;
    text_copy(key.by, sizeof(key.by), by);
    text_copy(key.about, sizeof(key.about), about);
    Pace *p = get(s, &key);
    if (!p) {
        db_fault(s, -ENOMEM, "out of memory");
        return true;
    }
    if (p->after != s->health.commits) {
        p->before = p->bucket;
        p->after = s->health.commits;
    }
    p->bucket.at_ms = MIN(p->bucket.at_ms, s->now_ms); /* the clock may be set back */
    return bucket_take(&p->bucket, rate_of(p), 1, s->now_ms);
}

uint32_t pace_exceeded(Store *s, const Message *m) {
    const char *sender = m->env.sender;
    if (m->env.kind == KIND_NODE_RECORD && m->facts.readable &&
        directory_node(s->directory, m->facts.node.id))
        return take(s, PACE_RECORD, sender, m->facts.node.id) ? 0 : RECORD_MS;
    if (m->env.audience.form == AUDIENCE_SCOPE)
        return take(s, PACE_SCOPE, sender, "") ? 0 : SCOPE_MS;
    if (m->env.kind == KIND_SEAL_WRAP)
        return take(s, PACE_WRAP, sender, "") ? 0 : WRAP_MS;
    return 0;
}

bool pace_allows_key(Store *s, const KeyRequest *r) {
    return take(s, PACE_KEY, r->by_node, r->key.node);
}

bool pace_allows_witness(Store *s, const char *child) {
    return take(s, PACE_WITNESS, child, "");
}

void paces_rolled_back(Store *s) {
    for (Pace *p = s->paces; p; p = p->hh.next)
        if (p->after == s->health.commits)
            p->bucket = p->before;
}

void paces_drop(Store *s) {
    Pace *p, *next;
    HASH_ITER (hh, s->paces, p, next) {
        HASH_DEL(s->paces, p);
        free(p);
    }
}
