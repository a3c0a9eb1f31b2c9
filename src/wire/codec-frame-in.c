/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Frames from bytes. Each reader fills a zeroed Frame of its kind and returns NULL or the reason
 * why it cannot stand; what it allocated is in the frame by then, so the caller frees all alike.
 * Running out of memory is the reason codec_out_of_memory.
 */

#include <errno.h>

#include "base/text.h"
#include "core/bundle.h"
#include "wire/codec-internal.h"
#include "wire/personal.h"

#define FRAME_DEPTH         6U
#define FRAME_FIELDS        4096U
#define FRAME_ANSWER_FIELDS 32768U /* a RESULT of 1,000 rows of 16 cells */
#define FRAME_UNKNOWN       64U

static bool in_range(int v, int low, int high) {
    return v >= low && v <= high;
}

/* n zeroed elements, never NULL but when out of memory. */
static void *list_of(size_t n, size_t size) {
    return calloc(MAX(n, (size_t)1), size);
}

static const char *take_channel(uint32_t in, uint32_t *ret) {
    if (in < 1 || in > CHANNELS_MAX)
        return "channel out of range";
    *ret = in;
    return NULL;
}

static const char *take_hello(const Serasi__V1__Hello *in, Frame *f) {
    f->hello.protocol_min = in->protocol_min;
    f->hello.protocol_max = in->protocol_max;
    if (in->protocol_min == 0 || in->protocol_max < in->protocol_min)
        return "hello: protocol versions out of range";
    if (!text_copy(f->hello.client, sizeof(f->hello.client), in->client))
        return "hello: client label too long";
    if (!take_uuid(in->instance_id, &f->hello.instance_id))
        return "hello: instance_id is not 16 bytes";
    f->hello.proofs = in->proofs;
    f->hello.bundles = in->bundles;
    return take_progress(in->progress, &f->hello.progress);
}

/* What cannot be dialled is no reason to end a session: it is left out. */
static void take_servers(const Serasi__V1__Welcome *in, Servers *ret) {
    for (size_t i = 0; i < in->n_servers && ret->n < SERVERS_MAX; i++) {
        Server s;
        if (text_copy(s.endpoint, sizeof(s.endpoint), in->servers[i]->endpoint) &&
            text_copy(s.key, sizeof(s.key), in->servers[i]->key) && server_is_sound(&s))
            (void)servers_add(ret, &s);
    }
}

static const char *take_welcome(const Serasi__V1__Welcome *in, Frame *f) {
    f->welcome.protocol = in->protocol;
    f->welcome.envelope_max = in->envelope_max;
    f->welcome.facts_max = in->facts_max;
    f->welcome.sealed_max = in->sealed_max;
    f->welcome.publish_window = in->publish_window;
    f->welcome.credit_messages_max = in->credit_messages_max;
    f->welcome.credit_bytes_max = in->credit_bytes_max;
    f->welcome.ping_interval_ms = in->ping_interval_ms;
    f->welcome.directory_version = in->directory_version;
    f->welcome.bundles = in->bundles;
    if (!take_node(in->broker, f->welcome.broker))
        return "welcome: broker is not a node id";
    if (!take_node(in->node, f->welcome.node))
        return "welcome: node is not a node id";
    if (!take_time(in->broker_at, &f->welcome.broker_ms))
        return "welcome: time out of range";
    take_servers(in, &f->welcome.servers);
    return take_progress(in->progress, &f->welcome.progress);
}

static bool take_signature(ProtobufCBinaryData b, SignatureBytes *ret) {
    if (b.len > SIGNATURE_MAX)
        return false;
    signature_bytes_set(ret, bytes_make(b.data, b.len));
    return true;
}

static const char *take_publish(const Serasi__V1__Publish *in, FramePublish *p) {
    if (!take_uuid(in->message_id, &p->message_id))
        return "publish: message_id is not 16 bytes";
    if (!take_signature(in->signature, &p->signature))
        return "publish: signature too long";
    return take_forward(in->forward, &p->forward);
}

static const char *take_reason(const Serasi__V1__Reason *in, Reason *r) {
    if (!text_copy(r->code, sizeof(r->code), in->code) ||
        !text_copy(r->text_en, sizeof(r->text_en), in->text_english) ||
        !text_copy(r->text_id, sizeof(r->text_id), in->text_indonesian) ||
        !text_copy(r->legal_basis, sizeof(r->legal_basis), in->legal_basis) ||
        !text_copy(r->field, sizeof(r->field), in->field))
        return "published: text of a reason too long";
    r->warning = in->warning;
    return NULL;
}

static const char *take_reasons(const Serasi__V1__PublishResult *in, PublishResult *r) {
    if (in->n_reasons > REASONS_MAX)
        return "published: too many reasons";
    if (in->n_reasons == 0)
        return NULL;
    r->reasons = calloc(1, sizeof(*r->reasons));
    if (!r->reasons)
        return codec_out_of_memory;
    for (size_t i = 0; i < in->n_reasons; i++) {
        const char *why = take_reason(in->reasons[i], &r->reasons->list[i]);
        if (why)
            return why;
        r->reasons->n++;
        r->reasons->n_refusals += !in->reasons[i]->warning;
    }
    return NULL;
}

static const char *take_outcome(const Serasi__V1__Outcome *in, OutcomeRow *o) {
    if (!take_node(in->recipient, o->recipient))
        return "published: recipient of an outcome is not a node id";
    if (!take_optional_node(in->leg, o->leg))
        return "published: leg of an outcome is not a node id";
    if (!in_range((int)in->level, LEVEL_NONE, LEVEL_COLLECTED_LATE) ||
        !in_range((int)in->cause, CAUSE_NONE, CAUSE_SUPERSEDED))
        return "published: level or cause out of range";
    if (!take_time(in->said_at, &o->said_ms))
        return "published: time out of range";
    o->level = (ReceiptLevel)in->level;
    o->cause = (ReceiptCause)in->cause;
    return NULL;
}

static const char *take_proof(ProtobufCBinaryData b, PublishResult *r) {
    if (b.len == 0)
        return NULL;
    r->proof = calloc(1, sizeof(*r->proof));
    if (!r->proof)
        return codec_out_of_memory;
    return take_signature(b, r->proof) ? NULL : "published: proof too long";
}

static const char *take_result(const Serasi__V1__PublishResult *in, PublishResult *r) {
    if (!take_uuid(in->message_id, &r->message_id))
        return "published: message_id is not 16 bytes";
    if (!in_range((int)in->verdict, VERDICT_ACCEPTED, VERDICT_LATER))
        return "published: verdict out of range";
    if (!take_time(in->accepted_at, &r->accepted_ms))
        return "published: time out of range";
    if (in->n_recipients > RECIPIENTS_MAX)
        return "published: too many recipients";
    r->verdict = (Verdict)in->verdict;
    r->retry_after_ms = in->retry_after_ms;
    if (!text_copy(r->rule_set, sizeof(r->rule_set), in->rule_set))
        return "published: rule_set is too long";
    const char *why = take_proof(in->proof, r);
    if (!why)
        why = take_reasons(in, r);
    if (why)
        return why;
    r->recipients = list_of(in->n_recipients, sizeof(*r->recipients));
    r->outcomes = list_of(in->n_outcomes, sizeof(*r->outcomes));
    if (!r->recipients || !r->outcomes)
        return codec_out_of_memory;
    r->n_recipients = (uint32_t)in->n_recipients;
    r->n_outcomes = (uint32_t)in->n_outcomes;
    for (size_t i = 0; !why && i < in->n_recipients; i++)
        why = take_recipient(in->recipients[i], &r->recipients[i]);
    for (size_t i = 0; !why && i < in->n_outcomes; i++)
        why = take_outcome(in->outcomes[i], &r->outcomes[i]);
    return why;
}

static const char *take_published(const Serasi__V1__Published *in, Frame *f) {
    const char *why = NULL;
    f->published.results = list_of(in->n_results, sizeof(*f->published.results));
    if (!f->published.results)
        return codec_out_of_memory;
    f->published.n = (uint32_t)in->n_results;
    for (size_t i = 0; !why && i < in->n_results; i++)
        why = take_result(in->results[i], &f->published.results[i]);
    return why;
}

/* 1-64 of a-z 0-9 . _ - ; empty is for the caller to judge. */
static bool take_subscription_name(const char *in, char ret[static SUBSCRIPTION_SIZE]) {
    return in[strspn(in, "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0' &&
           text_copy(ret, SUBSCRIPTION_SIZE, in);
}

static const char *take_subscribe(const Serasi__V1__Subscribe *in, Frame *f) {
    if (!in_range((int)in->source, SOURCE_MAILBOX, SOURCE_LINK))
        return "subscribe: source out of range";
    if (!take_subscription_name(in->name, f->subscribe.name))
        return "subscribe: name is 1-64 of a-z 0-9 . _ -";
    if ((in->source == SERASI__V1__SOURCE__SOURCE_NAMED) != (in->name[0] != '\0'))
        return "subscribe: a name is for SOURCE_NAMED, which needs one";
    if (text_is_personal(in->name)) /* operators and the journal see it */
        return "subscribe: the name holds personal data";
    f->subscribe.source = (FrameSource)in->source;
    f->subscribe.credit_messages = in->credit_messages;
    f->subscribe.credit_bytes = in->credit_bytes;
    const char *why = take_channel(in->channel, &f->subscribe.channel);
    if (why || !in->filter)
        return why;
    f->subscribe.filter = calloc(1, sizeof(*f->subscribe.filter));
    if (!f->subscribe.filter)
        return codec_out_of_memory;
    return take_filter(in->filter, f->subscribe.filter);
}

static const char *take_subscribed(const Serasi__V1__Subscribed *in, Frame *f) {
    f->subscribed.queued = in->queued;
    f->subscribed.overrun = in->overrun;
    if (!take_time(in->overrun_at, &f->subscribed.overrun_ms))
        return "subscribed: time out of range";
    return take_channel(in->channel, &f->subscribed.channel);
}

static const char *take_unsubscribe(const Serasi__V1__Unsubscribe *in, Frame *f) {
    if (!take_subscription_name(in->drop_name, f->unsubscribe.drop_name))
        return "unsubscribe: drop_name is 1-64 of a-z 0-9 . _ -";
    if (in->drop_name[0] != '\0' && in->channel == 0)
        return NULL;
    return take_channel(in->channel, &f->unsubscribe.channel);
}

static const char *take_credit(const Serasi__V1__Credit *in, Frame *f) {
    f->credit.messages = in->messages;
    f->credit.bytes = in->bytes;
    return take_channel(in->channel, &f->credit.channel);
}

static const char *take_deliver(const Serasi__V1__Deliver *in, FrameDeliver *d) {
    if (in->tag == 0)
        return "deliver: tag out of range";
    if (!in_range((int)in->role, ROLE_UNSPECIFIED, ROLE_SUBSCRIBER))
        return "deliver: role out of range";
    /* A copy on a link is for the recipients in its forward part. */
    if (in->forward ? !take_optional_node(in->recipient, d->recipient)
                    : !take_node(in->recipient, d->recipient))
        return "deliver: recipient is not a node id";
    if (!take_time(in->accepted_at, &d->accepted_ms))
        return "deliver: time out of range";
    if (!take_signature(in->signature, &d->signature))
        return "deliver: signature too long";
    d->tag = in->tag;
    d->attempt = in->attempt;
    d->role = (RecipientRole)in->role;
    d->suspect = in->suspect;
    const char *why = take_channel(in->channel, &d->channel);
    if (!why)
        why = take_stamps(in->n_stamps, in->stamps, &d->n_stamps, d->stamps);
    return why ? why : take_forward(in->forward, &d->forward);
}

static bool fits(const uint32_t sizes[static BUNDLE_PARTS]) {
    return sizes[0] <= ENVELOPE_MAX && sizes[1] <= FACTS_MAX && sizes[2] <= SEALED_MAX;
}

/* Sizes and parts; the messages follow. */
static const char *take_bundle_parts(const Serasi__V1__Bundle *in, uint32_t n, Bundle *b) {
    size_t left = in->parts.len;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(b->sizes[i], in->sizes + (size_t)i * BUNDLE_PARTS, sizeof(b->sizes[i]));
        if (!fits(b->sizes[i]))
            return "bundle: a part over its limit";
        for (unsigned k = 0; k < BUNDLE_PARTS; k++) {
            if (b->sizes[i][k] > left)
                return "bundle: parts are missing";
            left -= b->sizes[i][k];
        }
    }
    b->n_bytes = in->parts.len;
    if (b->n_bytes > 0)
        memcpy(b->bytes, in->parts.data, b->n_bytes);
    return left == 0 ? NULL : "bundle: parts of no message";
}

static const char *take_bundle(const Serasi__V1__Bundle *in, Frame *f) {
    const bool up = in->n_publishes > 0;
    const size_t n = up ? in->n_publishes : in->n_deliveries;
    if (n < 1 || n > BUNDLE_MAX || (up && in->n_deliveries > 0))
        return "bundle: 1 to 64 messages of one kind";
    if (in->n_sizes != n * BUNDLE_PARTS)
        return "bundle: three sizes for each message";
    Bundle *b = f->bundle =
        bundle_new(up ? FRAME_PUBLISH : FRAME_DELIVER, (uint32_t)n, in->parts.len);
    if (!b)
        return codec_out_of_memory;
    const char *why = take_bundle_parts(in, (uint32_t)n, b);
    while (!why && b->n < n) {
        const uint32_t i = b->n++;
        why = up ? take_publish(in->publishes[i], &b->publishes[i])
                 : take_deliver(in->deliveries[i], &b->deliveries[i]);
    }
    return why;
}

static const char *take_range(uint64_t first, uint64_t last, TagRange *ret) {
    *ret = (TagRange) { .first = first, .last = last == 0 ? first : last };
    return first == 0 || ret->last < first ? "tags out of range" : NULL;
}

static const char *take_settlement(const Serasi__V1__Settlement *in, Settlement *s) {
    if (!in_range((int)in->action, SETTLE_DONE, SETTLE_EXTEND))
        return "settle: action out of range";
    if (!text_copy(s->reason, sizeof(s->reason), in->reason))
        return "settle: reason too long";
    s->action = (SettleAction)in->action;
    s->after_ms = in->after_ms;
    s->permanent = in->permanent;
    return take_range(in->first_tag, in->last_tag, &s->tags);
}

static const char *take_settle(const Serasi__V1__Settle *in, Frame *f) {
    if (in->n_settlements > SETTLEMENTS_MAX)
        return "settle: too many settlements";
    const char *why = take_channel(in->channel, &f->settle.channel);
    if (why)
        return why;
    f->settle.settlements = list_of(in->n_settlements, sizeof(*f->settle.settlements));
    if (!f->settle.settlements)
        return codec_out_of_memory;
    f->settle.n = (uint32_t)in->n_settlements;
    for (size_t i = 0; !why && i < in->n_settlements; i++)
        why = take_settlement(in->settlements[i], &f->settle.settlements[i]);
    return why;
}

static const char *take_ranges(size_t n, Serasi__V1__TagRange *const *in, uint32_t *ret_n,
                               TagRange **ret) {
    *ret = list_of(n, sizeof(**ret));
    if (!*ret)
        return codec_out_of_memory;
    *ret_n = (uint32_t)n;
    const char *why = NULL;
    for (size_t i = 0; !why && i < n; i++)
        why = take_range(in[i]->first_tag, in[i]->last_tag, &(*ret)[i]);
    return why;
}

static const char *take_settled(const Serasi__V1__Settled *in, Frame *f) {
    const char *why = take_channel(in->channel, &f->settled.channel);
    if (!why)
        why = take_ranges(in->n_done, in->done, &f->settled.n_done, &f->settled.done);
    if (!why)
        why = take_ranges(in->n_unknown, in->unknown, &f->settled.n_unknown, &f->settled.unknown);
    return why;
}

static const char *take_query(const Serasi__V1__Query *in, Frame *f) {
    f->query.query = in->query;
    f->query.limit = in->limit;
    if (in->verb[0] == '\0' || !text_copy(f->query.verb, sizeof(f->query.verb), in->verb))
        return "query: verb missing or too long";
    if (in->n_args > ARRAY_SIZE(f->query.args))
        return "query: too many args";
    for (size_t i = 0; i < in->n_args; i++) {
        f->query.args[i] = strdup(in->args[i]);
        if (!f->query.args[i])
            return codec_out_of_memory;
        f->query.n_args++;
    }
    f->query.input = list_of(in->input.len, 1);
    if (!f->query.input)
        return codec_out_of_memory;
    if (in->input.len > 0)
        memcpy(f->query.input, in->input.data, in->input.len);
    f->query.n_input = in->input.len;
    return NULL;
}

static const char *take_columns(const Serasi__V1__Result *in, Table *t) {
    if (in->n_columns > ARRAY_SIZE(t->columns))
        return "result: too many columns";
    t->owns_names = true;
    for (size_t i = 0; i < in->n_columns; i++) {
        if (!in_range((int)in->columns[i]->type, COLUMN_TEXT, COLUMN_BOOL))
            return "result: column type out of range";
        char *name = strdup(in->columns[i]->name);
        if (!name)
            return codec_out_of_memory;
        table_column(t, name, (ColumnType)in->columns[i]->type);
    }
    return NULL;
}

static const char *take_table(const Serasi__V1__Result *in, Frame *f) {
    f->result.query = in->query;
    if (in->data.len > 0) {
        f->result.data = malloc(in->data.len);
        if (!f->result.data)
            return codec_out_of_memory;
        memcpy(f->result.data, in->data.data, in->data.len);
        f->result.n_data = in->data.len;
    }
    Table *t = f->result.table = table_new();
    if (!t)
        return codec_out_of_memory;
    if (in->code > 2)
        return "result: code out of range";
    if (!text_copy(t->text, sizeof(t->text), in->text))
        return "result: text too long";
    t->code = in->code;
    t->more = in->more;
    const char *why = take_columns(in, t);
    if (why)
        return why;
    for (size_t i = 0; i < in->n_rows; i++) {
        if (in->n_columns == 0 || in->rows[i]->n_values != in->n_columns)
            return "result: a row does not fit the columns";
        for (size_t k = 0; k < in->n_columns; k++)
            table_text(t, in->rows[i]->values[k]);
    }
    return t->failed ? codec_out_of_memory : NULL;
}

static const char *take_error(const Serasi__V1__Error *in, Frame *f) {
    if (!in_range((int)in->code, ERROR_MALFORMED, ERROR_REPLACED))
        return "error: code out of range";
    if (!text_copy(f->error.text, sizeof(f->error.text), in->text))
        return "error: text too long";
    f->error.code = (ErrorCode)in->code;
    f->error.fatal = in->fatal;
    return in->channel == 0 ? NULL : take_channel(in->channel, &f->error.channel);
}

static const char *take_ping(uint64_t sent_at, const Serasi__V1__LinkProgress *progress,
                             int64_t *ret_ms, LinkProgress *ret) {
    return take_time(sent_at, ret_ms) ? take_progress(progress, ret) : "ping: time out of range";
}

static const char *take_want(const Serasi__V1__DirectoryWant *in, Frame *f) {
    f->directory_want.after = in->after;
    f->directory_want.copy_of = in->copy_of;
    if (in->after != 0 && !take_fixed(in->head, f->directory_want.head.b, TREE_HASH_SIZE))
        return "directory_want: head is not 32 bytes";
    if (!text_copy(f->directory_want.behind, DIR_NAME_SIZE, in->behind))
        return "directory_want: behind is too long";
    return NULL;
}

static Bytes keep_bytes(ProtobufCBinaryData in, uint8_t **at) {
    const Bytes kept = bytes_make(*at, in.len);
    if (in.len > 0)
        memcpy(*at, in.data, in.len);
    *at += in.len;
    return kept;
}

/* What they are is not looked at here: a bad one is refused, it does not end the session. */
static const char *take_changes(const Serasi__V1__DirectoryChanges *in, Frame *f) {
    size_t n = in->head.len;
    if (in->n_changes > DIR_CHANGES_MAX)
        return "directory_changes: too many changes";
    for (size_t i = 0; i < in->n_changes; i++)
        n += in->changes[i].len;
    uint8_t *at = f->directory_changes.bytes = list_of(n, 1);
    if (!at)
        return codec_out_of_memory;
    for (size_t i = 0; i < in->n_changes; i++)
        f->directory_changes.changes[f->directory_changes.n++] = keep_bytes(in->changes[i], &at);
    f->directory_changes.head = keep_bytes(in->head, &at);
    return NULL;
}

static const char *take_body(const Serasi__V1__Frame *in, Frame *f) {
    switch (f->kind) {
    case FRAME_HELLO:
        return take_hello(in->hello, f);
    case FRAME_WELCOME:
        return take_welcome(in->welcome, f);
    case FRAME_PUBLISH:
        return take_publish(in->publish, &f->publish);
    case FRAME_PUBLISHED:
        return take_published(in->published, f);
    case FRAME_SUBSCRIBE:
        return take_subscribe(in->subscribe, f);
    case FRAME_SUBSCRIBED:
        return take_subscribed(in->subscribed, f);
    case FRAME_UNSUBSCRIBE:
        return take_unsubscribe(in->unsubscribe, f);
    case FRAME_CREDIT:
        return take_credit(in->credit, f);
    case FRAME_DELIVER:
        return take_deliver(in->deliver, &f->deliver);
    case FRAME_SETTLE:
        return take_settle(in->settle, f);
    case FRAME_SETTLED:
        return take_settled(in->settled, f);
    case FRAME_PING:
        return take_ping(in->ping->sent_at, in->ping->progress, &f->ping.sent_ms,
                         &f->ping.progress);
    case FRAME_PONG:
        return take_ping(in->pong->sent_at, in->pong->progress, &f->pong.sent_ms,
                         &f->pong.progress);
    case FRAME_QUERY:
        return take_query(in->query, f);
    case FRAME_RESULT:
        return take_table(in->result, f);
    case FRAME_ERROR:
        return take_error(in->error, f);
    case FRAME_BYE:
        return text_copy(f->bye.reason, sizeof(f->bye.reason), in->bye->reason)
                   ? NULL
                   : "bye: reason too long";
    case FRAME_DIRECTORY_WANT:
        return take_want(in->directory_want, f);
    case FRAME_DIRECTORY_CHANGES:
        return take_changes(in->directory_changes, f);
    case FRAME_BUNDLE:
        return take_bundle(in->bundle, f);
    case FRAME_NONE:
        break;
    }
    return "a frame without a known body";
}

bool codec_frame_is(Bytes b, FrameKind kind) {
    const unsigned tag = (unsigned)kind << 3 | 2;
    if (tag < 128)
        return b.n > 0 && b.p[0] == tag;
    return b.n > 1 && b.p[0] == (tag & 127) + 128 && b.p[1] == tag >> 7;
}

int frame_unpack(Bytes b, size_t limit, Frame *ret, const char **ret_why) {
    const GuardLimits limits = {
        .bytes = limit,
        .depth = FRAME_DEPTH,
        .fields = limit > FRAME_MAX ? FRAME_ANSWER_FIELDS : FRAME_FIELDS,
        .unknown_fields = FRAME_UNKNOWN,
    };
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r = wire_unpack(&serasi__v1__frame__descriptor, b, &limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    const Serasi__V1__Frame *in = (const Serasi__V1__Frame *)m;
    Frame f = { .kind = (FrameKind)in->body_case };
    const char *why = take_body(in, &f);
    if (!why) {
        *ret = f;
        return 0;
    }
    frame_deinit(&f);
    if (why == codec_out_of_memory)
        return -ENOMEM;
    *ret_why = why;
    return WIRE_MALFORMED;
}

int codec_decode_frame(Bytes b, size_t limit, Frame *ret, const char **ret_why) {
    Bundle *bundle = NULL;
    const int r = b.n <= limit ? bundle_read(b, &bundle) : 0;
    if (r <= 0)
        return r < 0 ? r : frame_unpack(b, limit, ret, ret_why);
    *ret = (Frame) { .kind = FRAME_BUNDLE, .bundle = bundle };
    return 0;
}
