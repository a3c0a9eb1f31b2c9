/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Offenders: keys whose programs do nothing but harm. They send frames that mean nothing, or such
 * as ask for nothing (PING, CREDIT of nothing) without end, or go on with what was put off. Such a
 * key is not served for a while: its sessions end, and nobody gets in with it. Other keys of its
 * node are served.
 *
 * What a frame costs that asks for nothing is the reading of it, by the one thread that reads for
 * all. It cannot be left unread: all peers share a socket.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/text.h"
#include "broker/account.h"
#include "broker/internal.h"
#include "broker/offender.h"
#include "broker/session.h"

/* A frame that cannot be read is worth 256 that came without a session, of which a whole window may
 * be on its way when a broker starts again. */
static const BucketRate garbage = { .per_second = 64, .burst = 16 * GARBAGE_FRAME };

#define IDLE_BURST 16U /* times what may come in a second */

struct Offender {
    char user_id[sizeof(((Session *)0)->user_id)];
    Bucket garbage, idle;
    int64_t slowed_until_ms; /* monotonic */
    UT_hash_handle hh;
};

static Offender *offender_find(const Broker *b, const char *user_id) {
    Offender *o = NULL;
    HASH_FIND_STR(b->offenders, user_id, o);
    return o;
}

bool offender_is_slowed(const Broker *b, Now now, const char *user_id) {
    const Offender *o = b->offenders ? offender_find(b, user_id) : NULL;
    return o && now.mono_ms < o->slowed_until_ms;
}

static Offender *offender_get(Broker *b, const char *user_id) {
    Offender *o = offender_find(b, user_id);
    if (o || !(o = calloc(1, sizeof(*o))))
        return o;
    (void)text_copy(o->user_id, sizeof(o->user_id), user_id);
    HASH_ADD_STR(b->offenders, user_id, o);
    if (o->hh.tbl)
        return o;
    free(o);
    return NULL;
}

/* Programs of one key may be many, and each says from time to time that it is there. */
static BucketRate idle_rate(const Broker *b, const Session *s) {
    const double rate = b->config.idle_rate + (s ? s->account->n_sessions : 0);
    return (BucketRate) { .per_second = rate, .burst = IDLE_BURST * rate };
}

static void end_sessions(Broker *b, const char *node, const char *user_id) {
    Account *a = account_get(b, node);
    Session *s;
    if (!a)
        return; /* out of memory: they end with their next frames */
    DL_FOREACH2(a->sessions, s, next_of_node) {
        if (s->key.port == PORT_ADMIN || strcmp(s->user_id, user_id) != 0)
            continue;
        session_error(b, s, ERROR_BUSY, 0, true, "this key did harm; try again later");
        session_cut(b, s);
    }
}

static void slow_down(Broker *b, Now now, Offender *o, const char *what) {
    const DirKey *k = directory_key(b->directory, o->user_id);
    o->slowed_until_ms = now.mono_ms + b->config.slow_ms;
    broker_log(b, LOG_EVENT_PEER_SLOWED, k ? k->node : o->user_id,
               "Its key%s%s %s; it is not served for %u seconds.", k && k->label[0] ? " " : "",
               k ? k->label : "", what, (unsigned)(b->config.slow_ms / SECOND_MS));
    if (b->io.put_off)
        b->io.put_off(b->io.data, o->user_id, b->config.slow_ms);
    if (k)
        end_sessions(b, k->node, o->user_id);
}

static bool is_judged(const Broker *b, BrokerPort port) {
    return port == PORT_CLIENTS && b->config.slow_ms > 0;
}

int offender_note(Broker *b, Now now, BrokerPort port, const char *user_id, unsigned cost) {
    if (!is_judged(b, port))
        return 0;
    Offender *o = offender_get(b, user_id);
    if (!o)
        return -ENOMEM;
    if (now.mono_ms >= o->slowed_until_ms && !bucket_take(&o->garbage, &garbage, cost, now.mono_ms))
        slow_down(b, now, o, "sent frames that mean nothing again and again");
    return 0;
}

int offender_idle(Broker *b, Now now, Session *s) {
    const BucketRate rate = idle_rate(b, s);
    if (!is_judged(b, (BrokerPort)s->key.port) || b->config.idle_rate == 0 || s->broker)
        return 0;
    Offender *o = offender_get(b, s->user_id);
    if (!o)
        return -ENOMEM;
    if (now.mono_ms >= o->slowed_until_ms && !bucket_take(&o->idle, &rate, 1, now.mono_ms))
        slow_down(b, now, o, "sent frames that ask for nothing without end");
    return 0;
}

int offender_deaf(Broker *b, Now now, Session *s) {
    if (!is_judged(b, (BrokerPort)s->key.port) || s->broker)
        return 0;
    Offender *o = offender_get(b, s->user_id);
    if (!o)
        return -ENOMEM;
    if (now.mono_ms >= o->slowed_until_ms)
        slow_down(b, now, o, "sent without end what it was told to send later");
    return 0;
}

void offenders_second(Broker *b, Now now) {
    const BucketRate idle = idle_rate(b, NULL);
    Offender *o, *tmp;
    HASH_ITER (hh, b->offenders, o, tmp) {
        if (now.mono_ms < o->slowed_until_ms ||
            !bucket_is_empty(&o->garbage, &garbage, now.mono_ms) ||
            !bucket_is_empty(&o->idle, &idle, now.mono_ms))
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
