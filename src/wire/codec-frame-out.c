/* SPDX-License-Identifier: Apache-2.0 */

/* Frames to bytes. Builders work in an arena and are called with sound values of our own, so the
 * only thing that can go wrong is memory: they return false, or leave it to arena_has_failed(). */

#include <assert.h>
#include <errno.h>

#include "wire/codec-internal.h"

/* Declares `out`, a new message of the body, and puts it into the frame. */
#define BODY(type, member)                                                                         \
    Serasi__V1__##type *out = arena_alloc(a, sizeof(*out));                                        \
    if (!out)                                                                                      \
        return;                                                                                    \
    serasi__v1__##member##__init(out);                                                             \
    frame->member = out

#define LIST(n, type, name)                                                                        \
    give_list(a, n, sizeof(Serasi__V1__##type), (ProtobufCMessageInit)serasi__v1__##name##__init)

/* An id the receiver insists on: sixteen bytes even when nil. */
static ProtobufCBinaryData id_of(const Uuid *u) {
    return (ProtobufCBinaryData) { .len = UUID_SIZE, .data = (uint8_t *)u->b };
}

static void give_hello(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Hello, hello);
    out->protocol_min = f->hello.protocol_min;
    out->protocol_max = f->hello.protocol_max;
    out->client = (char *)f->hello.client;
    out->instance_id = id_of(&f->hello.instance_id);
    out->progress = give_progress(a, &f->hello.progress);
    out->proofs = f->hello.proofs;
    out->bundles = f->hello.bundles;
}

static void give_welcome(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Welcome, welcome);
    out->protocol = f->welcome.protocol;
    out->broker = (char *)f->welcome.broker;
    out->node = (char *)f->welcome.node;
    out->envelope_max = f->welcome.envelope_max;
    out->facts_max = f->welcome.facts_max;
    out->sealed_max = f->welcome.sealed_max;
    out->publish_window = f->welcome.publish_window;
    out->credit_messages_max = f->welcome.credit_messages_max;
    out->credit_bytes_max = f->welcome.credit_bytes_max;
    out->ping_interval_ms = f->welcome.ping_interval_ms;
    out->broker_at = (uint64_t)f->welcome.broker_ms;
    out->directory_version = f->welcome.directory_version;
    out->progress = give_progress(a, &f->welcome.progress);
    const Servers *l = &f->welcome.servers;
    out->servers =
        give_list(a, l->n, sizeof(**out->servers), (ProtobufCMessageInit)serasi__v1__server__init);
    for (uint32_t i = 0; out->servers && i < l->n; i++) {
        out->servers[i]->endpoint = (char *)l->list[i].endpoint;
        out->servers[i]->key = (char *)l->list[i].key;
    }
    out->n_servers = out->servers ? l->n : 0;
    out->bundles = f->welcome.bundles;
}

static void give_subscribe(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Subscribe, subscribe);
    out->channel = f->subscribe.channel;
    out->source = (Serasi__V1__Source)f->subscribe.source;
    out->name = (char *)f->subscribe.name;
    out->filter = give_filter(a, f->subscribe.filter);
    out->credit_messages = f->subscribe.credit_messages;
    out->credit_bytes = f->subscribe.credit_bytes;
}

static void give_subscribed(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Subscribed, subscribed);
    out->channel = f->subscribed.channel;
    out->queued = f->subscribed.queued;
    out->overrun = f->subscribed.overrun;
    out->overrun_at = (uint64_t)f->subscribed.overrun_ms;
}

static void give_unsubscribe(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Unsubscribe, unsubscribe);
    out->channel = f->unsubscribe.channel;
    out->drop_name = (char *)f->unsubscribe.drop_name;
}

static void give_credit(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Credit, credit);
    out->channel = f->credit.channel;
    out->messages = f->credit.messages;
    out->bytes = f->credit.bytes;
}

static void give_settle(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Settle, settle);
    out->channel = f->settle.channel;
    out->n_settlements = f->settle.n;
    out->settlements = LIST(f->settle.n, Settlement, settlement);
    for (uint32_t i = 0; out->settlements && i < f->settle.n; i++) {
        const Settlement *s = &f->settle.settlements[i];
        out->settlements[i]->first_tag = s->tags.first;
        out->settlements[i]->last_tag = s->tags.last == s->tags.first ? 0 : s->tags.last;
        out->settlements[i]->action = (Serasi__V1__SettleAction)s->action;
        out->settlements[i]->after_ms = s->after_ms;
        out->settlements[i]->reason = (char *)s->reason;
        out->settlements[i]->permanent = s->permanent;
    }
}

static Serasi__V1__TagRange **give_ranges(Arena *a, uint32_t n, const TagRange *in) {
    Serasi__V1__TagRange **list = LIST(n, TagRange, tag_range);
    for (uint32_t i = 0; list && i < n; i++) {
        list[i]->first_tag = in[i].first;
        list[i]->last_tag = in[i].last;
    }
    return list;
}

static void give_settled(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Settled, settled);
    out->channel = f->settled.channel;
    out->n_done = f->settled.n_done;
    out->done = give_ranges(a, f->settled.n_done, f->settled.done);
    out->n_unknown = f->settled.n_unknown;
    out->unknown = give_ranges(a, f->settled.n_unknown, f->settled.unknown);
}

static void give_ping(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Ping, ping);
    out->sent_at = (uint64_t)f->ping.sent_ms;
    out->progress = give_progress(a, &f->ping.progress);
}

static void give_pong(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Pong, pong);
    out->sent_at = (uint64_t)f->pong.sent_ms;
    out->progress = give_progress(a, &f->pong.progress);
}

static void give_query(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Query, query);
    out->query = f->query.query;
    out->verb = (char *)f->query.verb;
    out->n_args = f->query.n_args;
    out->args = (char **)f->query.args;
    out->input = (ProtobufCBinaryData) { .len = f->query.n_input, .data = f->query.input };
    out->limit = f->query.limit;
}

static void give_rows(Arena *a, const Table *t, Serasi__V1__Result *out) {
    uint32_t n = table_rows(t);
    out->rows = LIST(n, Row, row);
    out->n_rows = n;
    for (uint32_t i = 0; out->rows && i < n; i++) {
        out->rows[i]->n_values = t->n_columns;
        out->rows[i]->values = &t->cells[(size_t)i * t->n_columns];
    }
}

static void give_table(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Result, result);
    out->query = f->result.query;
    out->data = (ProtobufCBinaryData) { .len = f->result.n_data, .data = f->result.data };
    const Table *t = f->result.table;
    if (!t)
        return;
    out->code = t->code;
    out->text = (char *)t->text;
    out->more = t->more;
    out->columns = LIST(t->n_columns, Column, column);
    out->n_columns = t->n_columns;
    for (uint32_t i = 0; out->columns && i < t->n_columns; i++) {
        out->columns[i]->name = (char *)t->columns[i].name;
        out->columns[i]->type = (Serasi__V1__ColumnType)t->columns[i].type;
    }
    give_rows(a, t, out);
}

static void give_error(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Error, error);
    out->code = (Serasi__V1__ErrorCode)f->error.code;
    out->text = (char *)f->error.text;
    out->channel = f->error.channel;
    out->fatal = f->error.fatal;
}

static void give_bye(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(Bye, bye);
    out->reason = (char *)f->bye.reason;
}

static void give_want(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(DirectoryWant, directory_want);
    out->after = f->directory_want.after;
    if (out->after != 0)
        out->head = give_bytes(f->directory_want.head.b, TREE_HASH_SIZE);
    out->copy_of = f->directory_want.copy_of;
    out->behind = (char *)f->directory_want.behind;
}

static void give_changes(Arena *a, const Frame *f, Serasi__V1__Frame *frame) {
    BODY(DirectoryChanges, directory_changes);
    const uint32_t n = f->directory_changes.n;
    out->changes = arena_alloc(a, MAX(n, 1U) * sizeof(*out->changes));
    for (uint32_t i = 0; out->changes && i < n; i++)
        out->changes[out->n_changes++] =
            give_bytes(f->directory_changes.changes[i].p, f->directory_changes.changes[i].n);
    out->head = give_bytes(f->directory_changes.head.p, f->directory_changes.head.n);
}

int codec_encode_frame(const Frame *f, uint8_t **ret, size_t *ret_n) {
    static void (*const builders[])(Arena *, const Frame *, Serasi__V1__Frame *) = {
        [FRAME_HELLO] = give_hello,
        [FRAME_WELCOME] = give_welcome,
        [FRAME_SUBSCRIBE] = give_subscribe,
        [FRAME_SUBSCRIBED] = give_subscribed,
        [FRAME_UNSUBSCRIBE] = give_unsubscribe,
        [FRAME_CREDIT] = give_credit,
        [FRAME_SETTLE] = give_settle,
        [FRAME_SETTLED] = give_settled,
        [FRAME_PING] = give_ping,
        [FRAME_PONG] = give_pong,
        [FRAME_QUERY] = give_query,
        [FRAME_RESULT] = give_table,
        [FRAME_ERROR] = give_error,
        [FRAME_BYE] = give_bye,
        [FRAME_DIRECTORY_WANT] = give_want,
        [FRAME_DIRECTORY_CHANGES] = give_changes,
    };
    assert(f->kind > FRAME_NONE);
    if (f->kind >= ARRAY_SIZE(builders) || !builders[f->kind])
        return codec_encode_message_frame(f, ret, ret_n);
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    if (!a)
        return -ENOMEM;
    Serasi__V1__Frame frame = SERASI__V1__FRAME__INIT;
    frame.body_case = (Serasi__V1__Frame__BodyCase)f->kind;
    builders[f->kind](a, f, &frame);
    if (arena_has_failed(a))
        return -ENOMEM;
    return wire_pack(&frame.base, ret, ret_n);
}
