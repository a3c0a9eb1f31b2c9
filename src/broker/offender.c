/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Offenders: keys whose programs send frames again and again that mean nothing. Such a key is not
 * served for a while; other keys of its node are.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "broker/internal.h"

/* A frame that cannot be read is worth 256 that came without a session, of which a whole window may
 * be on its way when a broker starts again. */
static const BucketRate garbage = { .per_second = 64, .burst = 16 * GARBAGE_FRAME };

/* A key whose programs sent garbage. */
struct Offender {
    char user_id[sizeof(((Session *)0)->user_id)];
    Bucket bucket;
    int64_t slowed_until_ms; /* monotonic */
    UT_hash_handle hh;
};

static Offender *offender_find(const Broker *b, const char *user_id) {
    Offender *o = NULL;
    HASH_FIND_STR(b->offenders, user_id, o);
    return o;
}

bool offender_is_slowed(const Broker *b, Now now, const PeerMessage *m) {
    const Offender *o = m->port == PORT_CLIENTS ? offender_find(b, m->user_id) : NULL;
    return o && now.mono_ms < o->slowed_until_ms;
}

int offender_note(Broker *b, Now now, const PeerMessage *m, unsigned cost) {
    if (m->port != PORT_CLIENTS || b->config.slow_ms == 0)
        return 0;
    Offender *o = offender_find(b, m->user_id);
    if (!o) {
        o = calloc(1, sizeof(*o));
        if (!o)
            return -ENOMEM;
        (void)text_copy(o->user_id, sizeof(o->user_id), m->user_id);
        HASH_ADD_STR(b->offenders, user_id, o);
    }
    if (now.mono_ms < o->slowed_until_ms || bucket_take(&o->bucket, &garbage, cost, now.mono_ms))
        return 0;
    const DirKey *k = directory_key(b->directory, m->user_id);
    o->slowed_until_ms = now.mono_ms + b->config.slow_ms;
    broker_log(b, LOG_EVENT_PEER_SLOWED, k ? k->node : m->user_id,
               "Its key%s%s sent frames that mean nothing again and again; it is not served for %u "
               "seconds.",
               k && k->label[0] ? " " : "", k ? k->label : "",
               (unsigned)(b->config.slow_ms / SECOND_MS));
    return 0;
}

void offenders_second(Broker *b, Now now) {
    Offender *o, *tmp;
    HASH_ITER (hh, b->offenders, o, tmp) {
        if (now.mono_ms < o->slowed_until_ms || !bucket_is_empty(&o->bucket, &garbage, now.mono_ms))
            continue;
        HASH_DEL(b->offenders, o);
        free(o);
    }
}

void offenders_deinit(Broker *b) {
    Offender *o, *tmp;
    HASH_ITER (hh, b->offenders, o, tmp) {
        HASH_DEL(b->offenders, o);
        free(o);
    }
}
