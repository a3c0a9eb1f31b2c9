/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sessions: who is connected, for which node, with which rights, and whether they still live. A
 * session is (port, routing id made by our socket); what the peer may do comes from its key.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/account.h"
#include "broker/consume.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/offender.h"
#include "broker/session.h"
#include "wire/codec.h"
#include "wire/personal.h"

#define DEAD_AFTER 3 /* ping intervals of silence */

static bool route_key(BrokerPort port, Bytes route, RouteKey *ret) {
    if (route.n == 0 || route.n > sizeof(ret->route))
        return false;
    *ret = (RouteKey) { .port = (uint8_t)port, .n = (uint8_t)route.n };
    memcpy(ret->route, route.p, route.n);
    return true;
}

Session *session_find(Broker *b, BrokerPort port, Bytes route) {
    RouteKey key;
    Session *s = NULL;
    if (route_key(port, route, &key))
        HASH_FIND(hh, b->sessions, &key, sizeof(key), s);
    return s;
}

Session *session_by_id(Broker *b, uint64_t id) {
    Session *s = NULL;
    HASH_FIND(hh_id, b->sessions_by_id, &id, sizeof(id), s);
    return s;
}

static void mark_gone(Broker *b, Session *s) {
    s->gone = true;
    b->any_gone = true;
}

void session_cut(Broker *b, Session *s) {
    if (b->io.cut)
        b->io.cut(b->io.data, (BrokerPort)s->key.port, session_route(s));
    mark_gone(b, s);
}

static int outbox_add(Broker *b, Session *s, uint8_t *p, size_t n) {
    Answer *a = calloc(1, sizeof(*a));
    if (!a || s->n_outbox >= OUTBOX_MAX ||
        (s->outbox && s->outbox_size + n > b->config.outbox_bytes)) {
        free(a);
        free(p);
        broker_log(b, LOG_EVENT_NODE_OVER_LIMIT, s->node,
                   "Session %llu does not read its answers; it ends.", (unsigned long long)s->id);
        session_cut(b, s);
        return -EHOSTUNREACH;
    }
    a->p = p;
    a->n = n;
    if (s->outbox)
        s->outbox_tail->next = a;
    else
        s->outbox = a;
    s->outbox_tail = a;
    s->n_outbox++;
    s->outbox_size += n;
    return 0;
}

static void outbox_flush(Broker *b, Session *s) {
    while (s->outbox && !s->gone) {
        Answer *a = s->outbox;
        Bytes part = bytes_make(a->p, a->n);
        int r = b->io.send(b->io.data, (BrokerPort)s->key.port, session_route(s), &part, 1);
        if (r == -EAGAIN)
            return;
        if (r < 0)
            mark_gone(b, s);
        s->outbox = a->next;
        s->n_outbox--;
        s->outbox_size -= a->n;
        free(a->p);
        free(a);
    }
}

int session_send(Broker *b, Session *s, const Frame *f, const Bytes *parts, unsigned n_parts) {
    if (s->gone)
        return -EHOSTUNREACH;
    uint8_t *p;
    size_t n;
    int r = codec_encode_frame(f, &p, &n);
    if (r < 0) {
        mark_gone(b, s); /* an answer that cannot be made: the peer will ask again */
        return r;
    }
    if (n_parts == 0)
        outbox_flush(b, s);
    if (n_parts == 0 && s->outbox)
        return outbox_add(b, s, p, n); /* answers keep their order */

    Bytes all[PARTS_MAX] = { bytes_make(p, n) };
    for (unsigned i = 0; i < n_parts; i++)
        all[i + 1] = parts[i];
    r = b->io.send(b->io.data, (BrokerPort)s->key.port, session_route(s), all, n_parts + 1);
    if (r == -EAGAIN && n_parts == 0)
        return outbox_add(b, s, p, n);
    free(p);
    if (r < 0 && r != -EAGAIN)
        mark_gone(b, s);
    return r;
}

void session_error(Broker *b, Session *s, ErrorCode code, uint32_t channel, bool fatal,
                   const char *text) {
    Frame f = { .kind = FRAME_ERROR,
                .error = { .code = code, .channel = channel, .fatal = fatal } };
    (void)text_copy(f.error.text, sizeof(f.error.text), text);
    (void)session_send(b, s, &f, NULL, 0);
}

void peer_error(Broker *b, const PeerMessage *m, ErrorCode code, const char *text) {
    Frame f = { .kind = FRAME_ERROR, .error = { .code = code, .fatal = true } };
    (void)text_copy(f.error.text, sizeof(f.error.text), text);
    uint8_t *p;
    size_t n;
    if (codec_encode_frame(&f, &p, &n) < 0)
        return;
    Bytes part = bytes_make(p, n);
    (void)b->io.send(b->io.data, m->port, m->route, &part, 1); /* a stranger: best effort */
    free(p);
}

static void welcome(Broker *b, Now now, Session *s) {
    Frame f = { .kind = FRAME_WELCOME,
                .welcome = {
                    .protocol = PROTOCOL_VERSION,
                    .envelope_max = ENVELOPE_MAX,
                    .facts_max = FACTS_MAX,
                    .sealed_max = SEALED_MAX,
                    .publish_window = b->config.publish_window,
                    .credit_messages_max = b->config.credit_messages_max,
                    .credit_bytes_max = b->config.credit_bytes_max,
                    .ping_interval_ms = (uint32_t)b->config.ping_ms,
                    .broker_ms = now.wall_ms,
                    .directory_version = directory_version(b->directory),
                    .servers = b->config.servers,
                    .bundles = true,
                } };
    (void)text_copy(f.welcome.broker, sizeof(f.welcome.broker), b->config.self);
    (void)text_copy(f.welcome.node, sizeof(f.welcome.node), s->node);
    if (s->broker)
        f.welcome.progress = neighbour_progress(b, s->node);
    (void)session_send(b, s, &f, NULL, 0);
}

int session_hello(Broker *b, Now now, const PeerMessage *m, const Frame *f) {
    int r;
    Session *old = session_find(b, m->port, m->route);
    if (old) {
        r = session_end(b, now, old, SESSION_ORDERLY, "HELLO again");
        if (r < 0)
            return r;
    }
    if (f->hello.protocol_min > PROTOCOL_VERSION || f->hello.protocol_max < PROTOCOL_VERSION) {
        peer_error(b, m, ERROR_VERSION, "this broker speaks protocol version 1");
        return 0;
    }
    if (uuid_is_nil(&f->hello.instance_id)) {
        peer_error(b, m, ERROR_MALFORMED, "instance_id is missing");
        return 0;
    }
    Session found = { 0 };
    if (!route_key(m->port, m->route, &found.key))
        return 0;
    if (!session_authorise(b, m->user_id, m->port, now, &found)) {
        peer_error(b, m, ERROR_NOT_KNOWN, "the key is not in the directory, or was revoked");
        broker_log(b, LOG_EVENT_SESSION_REFUSED, m->user_id, "A key without rights said HELLO.");
        return key_denied(b, now, m->user_id);
    }
    Account *a = account_get(b, found.node);
    if (!a)
        return -ENOMEM;
    if (m->port != PORT_ADMIN && !account_may_greet(b, now, a)) {
        peer_error(b, m, ERROR_BUSY, "too many new sessions of this node; try again later");
        broker_log(b, LOG_EVENT_SESSION_REFUSED, found.node,
                   "It opens more sessions than %u a second.", b->config.hello_rate);
        return offender_note(b, now, m->port, m->user_id, GARBAGE_STRAY);
    }
    Session *s, *tmp;
    DL_FOREACH_SAFE2(a->sessions, s, tmp, next_of_node) {
        if (!uuid_equal(&s->instance_id, &f->hello.instance_id))
            continue;
        /* The peer came back before we noticed that it was gone. What it held comes again, but a
         * lost connection is no failed attempt. */
        session_error(b, s, ERROR_REPLACED, 0, true, "the same instance opened a newer session");
        r = session_end(b, now, s, SESSION_ORDERLY, "replaced by the same instance");
        if (r < 0)
            return r;
    }
    /* One node, however many programs or however ill-behaved, cannot take the place of all others.
     */
    bool too_many = a->n_sessions >= account_sessions_max(b);
    if ((b->n_sessions >= b->config.sessions_max || too_many) && m->port != PORT_ADMIN) {
        peer_error(b, m, ERROR_BUSY, "no room for another session; try again later");
        broker_log(b, LOG_EVENT_SESSION_REFUSED, found.node, "All %u sessions%s are in use.",
                   too_many ? account_sessions_max(b) : b->config.sessions_max,
                   too_many ? " of this node" : "");
        return 0;
    }

    s = malloc(sizeof(*s));
    if (!s)
        return -ENOMEM;
    *s = found;
    s->id = b->next_session_id++;
    s->instance_id = f->hello.instance_id;
    s->proofs = f->hello.proofs;
    s->bundles = f->hello.bundles;
    s->heard_mono_ms = s->probed_mono_ms = now.mono_ms;
    (void)text_copy(s->client, sizeof(s->client), text_unless_personal(f->hello.client));
    (void)text_copy(s->user_id, sizeof(s->user_id), m->user_id);
    HASH_ADD(hh, b->sessions, key, sizeof(s->key), s);
    if (s->hh.tbl) {
        HASH_ADD(hh_id, b->sessions_by_id, id, sizeof(s->id), s);
        if (!s->hh_id.tbl)
            HASH_DELETE(hh, b->sessions, s);
    }
    if (!s->hh.tbl || !s->hh_id.tbl) {
        free(s);
        return -ENOMEM;
    }
    b->n_sessions++;
    account_add_session(a, s);
    if (b->io.session)
        b->io.session(b->io.data, m->port, m->route, true);
    session_note_validity(b, s);
    if (m->port != PORT_ADMIN)
        broker_log(b, LOG_EVENT_SESSION_OPENED, s->node, "Session %llu of %s opened.",
                   (unsigned long long)s->id, s->client[0] ? s->client : "an unnamed client");
    if (s->broker && f->hello.progress.present)
        neighbour_compare(b, s->node, &f->hello.progress);
    welcome(b, now, s);
    return 0;
}

int session_end(Broker *b, Now now, Session *s, SessionEnd how, const char *why) {
    bool had_link = false;
    for (uint32_t i = 1; i <= CHANNELS_MAX; i++) {
        if (!s->channels[i])
            continue;
        had_link |= s->channels[i]->source == SOURCE_LINK;
        int r = channel_close(b, now, s->channels[i], how);
        if (r < 0)
            return r;
    }
    if (had_link) {
        int r = neighbour_session(b, s->node, false);
        if (r < 0)
            return r;
    }
    if (s->key.port != PORT_ADMIN)
        broker_log(b, LOG_EVENT_SESSION_CLOSED, s->node, "Session %llu closed: %s.",
                   (unsigned long long)s->id, why);
    if (s->n_results > 0) {
        LL_DELETE2(b->answered, s, next_answered);
        for (uint32_t i = 0; i < s->n_results; i++)
            publish_result_deinit(&s->results[i]);
    }
    while (s->outbox) {
        Answer *next = s->outbox->next;
        free(s->outbox->p);
        free(s->outbox);
        s->outbox = next;
    }
    HASH_DEL(b->sessions, s);
    HASH_DELETE(hh_id, b->sessions_by_id, s);
    b->n_sessions--;
    account_remove_session(s);
    if (b->io.session)
        b->io.session(b->io.data, (BrokerPort)s->key.port, session_route(s), false);
    free(s);
    return 0;
}

/* A broker below looks once a second whether a PING is due, however short the interval is. */
static int64_t patience_ms(const Broker *b, const Session *s) {
    return DEAD_AFTER *
           (s->broker ? MAX(b->config.ping_ms, (int64_t)SECOND_MS) : b->config.ping_ms);
}

int sessions_second(Broker *b, Now now) {
    Session *s, *tmp;
    accounts_second(b, now);
    HASH_ITER (hh, b->sessions, s, tmp) {
        outbox_flush(b, s);
        int64_t silent = now.mono_ms - s->heard_mono_ms;
        if (silent > patience_ms(b, s)) {
            int r = session_end(b, now, s, SESSION_DIED, "silent for three ping intervals");
            if (r < 0)
                return r;
            continue;
        }
        for (uint32_t i = 1; i <= CHANNELS_MAX; i++) {
            if (s->channels[i]) {
                int r = channel_leases(b, now, s->channels[i]);
                if (r < 0)
                    return r;
            }
        }
        /* A pipe that is gone answers a send at once: deliveries held by a dead peer come back in
         * seconds, not after three ping intervals. */
        if (s->n_channels > 0 && silent >= b->config.probe_ms &&
            now.mono_ms - s->probed_mono_ms >= b->config.probe_ms) {
            s->probed_mono_ms = now.mono_ms;
            Frame ping = { .kind = FRAME_PING, .ping = { .sent_ms = now.wall_ms } };
            (void)session_send(b, s, &ping, NULL, 0);
        }
    }
    return 0;
}

int sessions_bury(Broker *b, Now now) {
    if (!b->any_gone)
        return 0;
    b->any_gone = false;
    Session *s, *tmp;
    HASH_ITER (hh, b->sessions, s, tmp) {
        if (!s->gone)
            continue;
        int r = session_end(b, now, s, SESSION_DIED, "the connection is gone");
        if (r < 0)
            return r;
    }
    return 0;
}

static void flush_results(Broker *b, Session *s) {
    Frame f = { .kind = FRAME_PUBLISHED,
                .published = { .n = s->n_results, .results = s->results } };
    (void)session_send(b, s, &f, NULL, 0);
    for (uint32_t i = 0; i < s->n_results; i++)
        publish_result_deinit(&s->results[i]);
    s->n_results = 0;
    s->results_size = 0;
}

/* At least as much as it takes in a frame. */
static size_t result_size(const PublishResult *r) {
    return 128 + (r->proof ? r->proof->n : 0) + (r->reasons ? r->reasons->n * sizeof(Reason) : 0) +
           r->n_recipients * (sizeof(Recipient) + 16) + r->n_outcomes * (sizeof(OutcomeRow) + 16);
}

void sessions_flush_results(Broker *b) {
    while (b->answered) {
        Session *s = b->answered;
        b->answered = s->next_answered;
        s->next_answered = NULL;
        flush_results(b, s);
    }
}

void session_answer(Broker *b, Session *s, PublishResult *r) {
    size_t size = result_size(r);
    if (s->n_results == 0)
        LL_PREPEND2(b->answered, s, next_answered);
    else if (s->n_results == ARRAY_SIZE(s->results) || s->results_size + size > FRAME_ANSWER_MAX)
        flush_results(b, s); /* stays in the list: it gets one more below */
    s->results_size += size;
    s->results[s->n_results++] = *r;
    *r = (PublishResult) { 0 };
}
