/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Channels and deliveries. A channel keeps its handle for good and gets a number in each session.
 * Credit is given back when settlements are confirmed, half a window at a time, so that what is
 * unsettled never exceeds the window.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "client/client-consume.h"
#include "client/client-open.h"
#include "client/client-session.h"
#include "client/client-settle.h"
#include "client/client-verify.h"
#include "client/client-wrap.h"
#include "client/internal.h"
#include "client/values.h"
#include "wire/codec.h"
#include "wire/json.h"

Channel *channel_by_handle(serasi_client *c, uint32_t handle) {
    for (size_t i = 0; handle != 0 && i < CHANNELS_MAX; i++)
        if (c->channels[i].handle == handle)
            return &c->channels[i];
    return NULL;
}

Channel *channel_by_wire(serasi_client *c, uint32_t wire) {
    for (size_t i = 0; wire != 0 && i < CHANNELS_MAX; i++)
        if (c->channels[i].handle != 0 && c->channels[i].wire == wire)
            return &c->channels[i];
    return NULL;
}

static void drop_deliveries(serasi_client *c, uint32_t handle) {
    serasi_delivery *d, *next;
    requests_drop(c, handle);
    DL_FOREACH_SAFE(c->deliveries, d, next) {
        if (handle != 0 && d->channel != handle)
            continue;
        DL_DELETE(c->deliveries, d);
        (void)delivery_free(d);
    }
}

static void channel_free(serasi_client *c, Channel *ch) {
    drop_deliveries(c, ch->handle);
    held_drop_all(c, ch, false);
    free(ch->held);
    free(ch->filter);
    *ch = (Channel) { 0 };
}

void consume_session_lost(serasi_client *c) {
    drop_deliveries(c, 0); /* they come again */
    for (size_t i = 0; i < CHANNELS_MAX; i++) {
        Channel *ch = &c->channels[i];
        if (ch->handle == 0)
            continue;
        held_drop_all(c, ch, true);
        if (ch->closing) {
            channel_free(c, ch);
            continue;
        }
        ch->wire = 0;
        ch->open = false;
        ch->last_tag = 0;
        ch->returned = 0;
        ch->returned_bytes = 0;
    }
}

void consume_deinit(serasi_client *c) {
    Command *command, *next_command;
    DoneId *id, *next_id;
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        if (c->channels[i].handle != 0)
            channel_free(c, &c->channels[i]);
    drop_deliveries(c, 0);
    DL_FOREACH_SAFE(c->commands, command, next_command)
    free(command);
    c->commands = NULL;
    wraps_deinit(c);
    HASH_ITER (hh, c->done_ids, id, next_id) {
        HASH_DEL(c->done_ids, id);
        free(id);
    }
}

/* --- sending --- */

static int write_subscribe(serasi_client *c, Channel *ch) {
    ch->window = MIN(ch->wanted, c->credit_messages_max);
    Frame f = { .kind = FRAME_SUBSCRIBE,
                .subscribe = { .channel = c->next_wire,
                               .source = ch->source,
                               .filter = ch->filter, /* borrowed for the encoding */
                               .credit_messages = ch->window } };
    (void)text_copy(f.subscribe.name, sizeof(f.subscribe.name), ch->name);
    int r = session_send(c, &f, NULL);
    if (r == 0)
        ch->wire = c->next_wire++;
    return r;
}

/* The broker clamps what would exceed its limit, so all its bytes can be given back at once. */
static int write_credit(serasi_client *c, Channel *ch) {
    const bool due = ch->returned >= (ch->window + 1) / 2 || ch->n_held == 0 ||
                     ch->returned_bytes >= c->credit_bytes_max / 2;
    if (ch->returned == 0 || !due)
        return 0;
    const Frame f = {
        .kind = FRAME_CREDIT,
        .credit = { .channel = ch->wire, .messages = ch->returned, .bytes = c->credit_bytes_max }
    };
    int r = session_send(c, &f, NULL);
    if (r == 0) {
        ch->returned = 0;
        ch->returned_bytes = 0;
    }
    return r;
}

/* Settled deliveries first: leaving would make them ready for others. */
static int write_closing(serasi_client *c, Channel *ch) {
    if (channel_has_pending(ch))
        return 0;
    const Frame f = { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .channel = ch->wire } };
    int r = ch->wire ? session_send(c, &f, NULL) : 0;
    if (r == 0)
        channel_free(c, ch);
    return r;
}

/* Numbers are used once in a session; when they run out a new session has fresh ones. */
static int write_new_session(serasi_client *c) {
    const Frame bye = { .kind = FRAME_BYE, .bye = { .reason = "out of channel numbers" } };
    int r = session_send(c, &bye, NULL);
    if (r == 0)
        session_restart(c);
    return r;
}

static int write_commands(serasi_client *c) {
    Command *command, *next;
    DL_FOREACH_SAFE(c->commands, command, next) {
        int r = session_send(c, &command->frame, NULL);
        if (r < 0)
            return r;
        DL_DELETE(c->commands, command);
        c->n_commands--;
        free(command);
    }
    return 0;
}

int consume_write(serasi_client *c) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < CHANNELS_MAX; i++) {
        Channel *ch = &c->channels[i];
        if (ch->handle == 0)
            continue;
        if (ch->wire && ch->settle_wanted)
            r = settle_write(c, ch);
        if (r == 0 && ch->closing)
            r = write_closing(c, ch);
        else if (r == 0 && ch->wire && ch->open)
            r = write_credit(c, ch);
    }
    if (r == 0)
        r = write_commands(c);
    for (size_t i = 0; r == 0 && i < CHANNELS_MAX; i++) {
        Channel *ch = &c->channels[i];
        if (ch->handle == 0 || ch->wire || ch->closing)
            continue;
        if (c->next_wire > CHANNELS_MAX)
            return write_new_session(c);
        r = write_subscribe(c, ch);
    }
    return r;
}

/* --- receiving --- */

void consume_subscribed(serasi_client *c, const Frame *f) {
    Channel *ch = channel_by_wire(c, f->subscribed.channel);
    if (!ch)
        return;
    ch->open = true;
    ch->error[0] = '\0';
    ch->overrun = f->subscribed.overrun;
    ch->overrun_ms = f->subscribed.overrun_ms;
}

void consume_refused(serasi_client *c, const Frame *f) {
    Channel *ch = channel_by_wire(c, f->error.channel);
    if (!ch)
        return;
    /* Its number stays taken: the next session tries it again under a new one. */
    ch->open = false;
    held_drop_all(c, ch, true);
    drop_deliveries(c, ch->handle);
    snprintf(ch->error, sizeof(ch->error), "%s: %s", error_code_name(f->error.code), f->error.text);
}

static int settle_here(serasi_client *c, Channel *ch, uint64_t tag, SettleAction action,
                       const char *reason) {
    Settlement s = { .action = action };
    (void)text_copy(s.reason, sizeof(s.reason), reason);
    int r = held_settle(c, ch, tag, &s);
    return r < 0 ? r : 0;
}

/* Takes what *f and *m own. NULL when out of memory. */
static serasi_delivery *make_delivery(serasi_client *c, const Channel *ch, const Uuid *id, Frame *f,
                                      SockMessage *m) {
    serasi_delivery *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->frame = *f;
    d->raw = *m;
    d->id = *id;
    d->session = c->session;
    d->channel = ch->handle;
    d->came_ms = c->now_ms;
    *f = (Frame) { 0 };
    *m = (SockMessage) { 0 };
    return d;
}

int consume_delivered(serasi_client *c, Frame *f, SockMessage *m) {
    const uint64_t tag = f->deliver.tag;
    const char *why = NULL;
    Envelope e = { 0 };
    Channel *ch = channel_by_wire(c, f->deliver.channel);
    /* A broker that exceeds the credit or repeats a tag is not helped to fill our memory. */
    if (!ch || ch->closing || tag <= ch->last_tag || ch->n_held >= ch->window)
        return 0;
    int readable = codec_decode_envelope(m->parts[1], &e, &why);
    if (readable < 0)
        return readable;
    const size_t bytes = m->parts[1].n + m->parts[2].n + m->parts[3].n;
    int r = held_add(ch, tag, &e.message_id, (uint32_t)bytes);
    if (r < 0)
        return r;
    ch->last_tag = tag;
    if (readable != WIRE_OK)
        return settle_here(c, ch, tag, SETTLE_REJECT, "the envelope cannot be read");
    if (done_id_take(c, ch->handle, &e.message_id))
        return settle_here(c, ch, tag, SETTLE_DONE, "");
    if (e.kind == KIND_SEAL_WRAP && ch->source == SOURCE_MAILBOX && keys_can_open(&c->keys)) {
        Settlement s;
        r = wrap_came(c, &e, m->parts[2], &s);
        return r < 0 ? r : MIN(held_settle(c, ch, tag, &s), 0);
    }
    serasi_delivery *d = make_delivery(c, ch, &e.message_id, f, m);
    if (!d)
        return -ENOMEM;
    bool taken = false;
    if (e.kind == KIND_WRAP_REQUEST && ch->source == SOURCE_RECEIPTS)
        r = request_came(c, d, &taken);
    if (r < 0)
        (void)delivery_free(d);
    else if (!taken)
        DL_APPEND(c->deliveries, d);
    return r;
}

/* A message of a bundle, with a copy of its parts, as if it had come alone. */
static int delivered_in(serasi_client *c, FrameDeliver *d, const Bytes *parts) {
    _cleanup_(sock_message_deinit) SockMessage m = { .n_parts = PARTS_MAX };
    _cleanup_(frame_deinit) Frame f = { .kind = FRAME_DELIVER, .deliver = *d };
    size_t n = 0, at = 0;
    d->forward = NULL;
    for (unsigned i = 0; i < BUNDLE_PARTS; i++)
        n += parts[i].n;
    m.data = malloc(MAX(n, (size_t)1));
    if (!m.data)
        return -ENOMEM;
    for (unsigned i = 0; i < BUNDLE_PARTS; i++) {
        m.parts[i + 1] = bytes_make(m.data + at, parts[i].n);
        if (parts[i].n > 0)
            memcpy(m.data + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return consume_delivered(c, &f, &m);
}

int consume_bundle(serasi_client *c, Bundle *list) {
    Bytes parts[BUNDLE_PARTS];
    size_t at = 0;
    int r = 0;
    for (uint32_t i = 0; r >= 0 && list->deliveries && i < list->n; i++) {
        (void)bundle_next(list, i, &at, parts);
        r = delivered_in(c, &list->deliveries[i], parts);
    }
    return r;
}

/* --- what applications call --- */

static bool name_is_valid(const char *name) {
    size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") : 0;
    return n > 0 && n < SUBSCRIPTION_SIZE && name[n] == '\0';
}

SERASI_PUBLIC int serasi_subscribe(serasi_client *c, serasi_source source, const char *name,
                                   const char *filter_json, uint32_t messages,
                                   uint32_t *ret_channel) {
    _cleanup_(freep) Filter *filter = NULL;
    const bool named = source == SERASI_NAMED;
    if (messages == 0 || !ret_channel || (named && !name_is_valid(name)) ||
        (!named && (name || filter_json)) ||
        (!named && source != SERASI_MAILBOX && source != SERASI_RECEIPTS))
        return -EINVAL;
    if (filter_json) {
        char why[JSON_WHY_SIZE];
        filter = calloc(1, sizeof(*filter));
        if (!filter)
            return -ENOMEM;
        int r = json_parse_filter(filter_json, filter, why);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < CHANNELS_MAX; i++) {
        Channel *ch = &c->channels[i];
        if (ch->handle != 0)
            continue;
        *ch = (Channel) { .handle = ++c->next_handle,
                          .source = (FrameSource)source,
                          .filter = TAKE_PTR(filter),
                          .wanted = MIN(messages, CHANNEL_WINDOW_MAX) };
        if (named)
            (void)text_copy(ch->name, sizeof(ch->name), name);
        *ret_channel = ch->handle;
        client_wake(c);
        return 0;
    }
    return -ENOSPC;
}

SERASI_PUBLIC const char *serasi_channel_error(serasi_client *c, uint32_t channel) {
    const Channel *ch = channel_by_handle(c, channel);
    if (!ch)
        return "no such channel";
    return ch->error[0] ? ch->error : NULL;
}

SERASI_PUBLIC int serasi_channel_is_open(serasi_client *c, uint32_t channel) {
    const Channel *ch = channel_by_handle(c, channel);
    return ch && ch->open && !ch->closing;
}

SERASI_PUBLIC int serasi_channel_overrun(serasi_client *c, uint32_t channel,
                                         int64_t *ret_since_ms) {
    const Channel *ch = channel_by_handle(c, channel);
    if (!ch || !ch->overrun)
        return 0;
    if (ret_since_ms)
        *ret_since_ms = ch->overrun_ms;
    return 1;
}

SERASI_PUBLIC int serasi_unsubscribe(serasi_client *c, uint32_t channel) {
    Channel *ch = channel_by_handle(c, channel);
    if (!ch || ch->closing)
        return -EINVAL;
    drop_deliveries(c, channel);
    ch->closing = true;
    if (c->state != CLIENT_OPEN)
        channel_free(c, ch);
    client_wake(c);
    return 0;
}

SERASI_PUBLIC int serasi_drop_subscription(serasi_client *c, const char *name) {
    if (!name_is_valid(name))
        return -EINVAL;
    if (c->n_commands >= COMMANDS_MAX)
        return -ENOSPC;
    Command *command = calloc(1, sizeof(*command));
    if (!command)
        return -ENOMEM;
    command->frame.kind = FRAME_UNSUBSCRIBE;
    (void)text_copy(command->frame.unsubscribe.drop_name,
                    sizeof(command->frame.unsubscribe.drop_name), name);
    DL_APPEND(c->commands, command);
    c->n_commands++;
    client_wake(c);
    return 0;
}

SERASI_PUBLIC int serasi_next_delivery(serasi_client *c, serasi_delivery **ret) {
    serasi_delivery *d = c->deliveries;
    if (!d)
        return SERASI_AGAIN;
    int r = delivery_verify(c, d);
    if (r != 0)
        return r;
    DL_DELETE(c->deliveries, d);
    d->prev = d->next = NULL;
    *ret = d;
    return 0;
}
