/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds: hop headers of every kind, and the bombs. */

#include "core/bundle.h"
#include "fuzz/make-corpus.h"

Forward sample_forward(void) {
    return (Forward) { .present = true,
                       .accepted_ms = NOW_MS,
                       .expires_ms = NOW_MS + DAY_MS,
                       .n_recipients = 2,
                       .recipients = { { "dsk/3306", ROLE_ADDRESSEE, 0 },
                                       { "lks/3306/0001", ROLE_SUPERVISOR, 0 } },
                       .n_stamps = 1,
                       .stamps = { { "hub", NOW_MS } } };
}

Filter sample_filter(void) {
    return (Filter) { .n_kinds = 2,
                      .kinds = { KIND_COMPLAINT, 4711 },
                      .n_regions = 2,
                      .regions = { "3306", "3306052001" },
                      .n_clusters = 1,
                      .clusters = { CLUSTER_CHILD },
                      .n_cases = 1,
                      .cases = { id },
                      .n_urgencies = 1,
                      .urgencies = { URGENCY_EVENT },
                      .n_sender_kinds = 1,
                      .sender_kinds = { NODE_PUSKESOS } };
}

static LinkProgress sample_progress(void) {
    return (LinkProgress) { .present = true, .sent_count = 5, .sent_digest = id, .backlog = 7 };
}

static void fill_results(Frame *f) {
    f->published.n = 2;
    f->published.results = calloc(2, sizeof(PublishResult));
    PublishResult *r = &f->published.results[0];
    *r = (PublishResult) { .message_id = id, .verdict = VERDICT_REFUSED, .retry_after_ms = 9 };
    r->reasons = calloc(1, sizeof(Reasons));
    reasons_add(r->reasons, "MALFORMED", "envelope", NULL, NULL);
    r++;
    *r = (PublishResult) { .message_id = id, .verdict = VERDICT_ACCEPTED, .accepted_ms = NOW_MS };
    r->n_recipients = r->n_outcomes = 1;
    r->recipients = calloc(1, sizeof(Recipient));
    r->recipients[0] = (Recipient) { "dsk/3306", ROLE_ADDRESSEE, 0 };
    r->outcomes = calloc(1, sizeof(OutcomeRow));
    r->outcomes[0] = (OutcomeRow) { "dsk/3306", LEVEL_COLLECTED, CAUSE_NONE, NOW_MS, "hub" };
}

static void fill_result(Frame *f) {
    Table *t = f->result.table = table_new();
    table_column(t, "queue", COLUMN_TEXT);
    table_column(t, "depth", COLUMN_NUMBER);
    for (int i = 0; i < 3; i++) {
        table_textf(t, "q%d", i);
        table_number(t, -3);
    }
}

static Bundle *sample_bundle(void) {
    const Bytes parts[] = { bytes_make("envelope", 8), bytes_make("facts", 5) };
    Bundle *b = bundle_new(FRAME_PUBLISH, 2, 21);
    FUZZ_CHECK(b);
    bundle_add(b, 0, parts, 2);
    bundle_add(b, 0, parts, 1);
    b->publishes[1].message_id.b[0] = 1;
    return b;
}

void fill(Frame *f, int kind) {
    *f = (Frame) { .kind = (FrameKind)kind };
    switch (kind) {
    case FRAME_HELLO:
        f->hello.protocol_min = f->hello.protocol_max = 1;
        f->hello.instance_id = id;
        f->hello.progress = sample_progress();
        f->hello.bundles = true;
        (void)text_copy(f->hello.client, sizeof(f->hello.client), "sistem balai 1.0");
        break;
    case FRAME_WELCOME:
        f->welcome.protocol = 1;
        f->welcome.envelope_max = ENVELOPE_MAX;
        f->welcome.facts_max = FACTS_MAX;
        f->welcome.sealed_max = SEALED_MAX;
        f->welcome.publish_window = f->welcome.credit_messages_max = 64;
        f->welcome.credit_bytes_max = UINT32_MAX;
        f->welcome.ping_interval_ms = 10000;
        f->welcome.broker_ms = NOW_MS;
        f->welcome.progress = sample_progress();
        f->welcome.bundles = true;
        (void)text_copy(f->welcome.broker, sizeof(f->welcome.broker), "hub");
        (void)text_copy(f->welcome.node, sizeof(f->welcome.node), "upt/satria");
        break;
    case FRAME_PUBLISH:
        f->publish.message_id = id;
        f->publish.forward = malloc(sizeof(Forward));
        *f->publish.forward = sample_forward();
        break;
    case FRAME_PUBLISHED:
        fill_results(f);
        break;
    case FRAME_SUBSCRIBE:
        f->subscribe.channel = 4;
        f->subscribe.source = SOURCE_NAMED;
        f->subscribe.filter = malloc(sizeof(Filter));
        *f->subscribe.filter = sample_filter();
        f->subscribe.credit_messages = 100;
        (void)text_copy(f->subscribe.name, sizeof(f->subscribe.name), "events.33");
        break;
    case FRAME_SUBSCRIBED:
        f->subscribed.channel = 4;
        f->subscribed.queued = 12;
        f->subscribed.overrun = true;
        f->subscribed.overrun_ms = NOW_MS;
        break;
    case FRAME_UNSUBSCRIBE:
        (void)text_copy(f->unsubscribe.drop_name, sizeof(f->unsubscribe.drop_name), "events.33");
        break;
    case FRAME_CREDIT:
        f->credit.channel = 1;
        f->credit.messages = 5;
        f->credit.bytes = 6000;
        break;
    case FRAME_DELIVER:
        f->deliver.channel = 1;
        f->deliver.tag = 1;
        f->deliver.attempt = 3;
        f->deliver.role = ROLE_ADDRESSEE;
        f->deliver.accepted_ms = NOW_MS;
        f->deliver.n_stamps = 1;
        f->deliver.stamps[0] = (HopStamp) { "hub", NOW_MS };
        f->deliver.forward = malloc(sizeof(Forward));
        *f->deliver.forward = sample_forward();
        (void)text_copy(f->deliver.recipient, sizeof(f->deliver.recipient), "dsk/3306");
        break;
    case FRAME_SETTLE:
        f->settle.channel = 1;
        f->settle.n = 2;
        f->settle.settlements = calloc(2, sizeof(Settlement));
        f->settle.settlements[0] = (Settlement) { .tags = { 1, 5 }, .action = SETTLE_DONE };
        f->settle.settlements[1] = (Settlement) {
            { 6, 6 }, SETTLE_REJECT, .after_ms = 10, .reason = "BAD_FACTS", .permanent = true
        };
        break;
    case FRAME_SETTLED:
        f->settled.channel = f->settled.n_done = f->settled.n_unknown = 1;
        f->settled.done = calloc(1, sizeof(TagRange));
        f->settled.unknown = calloc(1, sizeof(TagRange));
        f->settled.done[0] = (TagRange) { 1, 5 };
        f->settled.unknown[0] = (TagRange) { 9, UINT64_MAX };
        break;
    case FRAME_PING:
    case FRAME_PONG:
        f->ping.sent_ms = NOW_MS;
        f->ping.progress = sample_progress();
        break;
    case FRAME_QUERY:
        f->query.query = 3;
        f->query.n_args = 1;
        f->query.args[0] = strdup("dsk/3306");
        f->query.input = malloc(4);
        f->query.n_input = 4;
        memcpy(f->query.input, "\0\xff\x80z", 4);
        (void)text_copy(f->query.verb, sizeof(f->query.verb), "queues");
        break;
    case FRAME_RESULT:
        fill_result(f);
        break;
    case FRAME_ERROR:
        f->error.code = ERROR_REPLACED;
        f->error.channel = 16;
        f->error.fatal = true;
        (void)text_copy(f->error.text, sizeof(f->error.text), "a newer session");
        break;
    case FRAME_BYE:
        (void)text_copy(f->bye.reason, sizeof(f->bye.reason), "selesai");
        break;
    case FRAME_DIRECTORY_WANT:
        f->directory_want.after = 17;
        f->directory_want.copy_of = 19;
        f->directory_want.head = tree_leaf(bytes_make("root", 4));
        (void)text_copy(f->directory_want.behind, DIR_NAME_SIZE, "node:dsk/3203");
        break;
    case FRAME_DIRECTORY_CHANGES:
        f->directory_changes.n = 2;
        f->directory_changes.changes[0] = bytes_make("\0change", 7);
        f->directory_changes.changes[1] = bytes_make("another", 7);
        f->directory_changes.head = bytes_make("head", 4);
        break;
    case FRAME_BUNDLE:
        f->bundle = sample_bundle();
        break;
    }
}

void encode(Frame *f, uint8_t **p, size_t *n) {
    FUZZ_CHECK(codec_encode_frame(f, p, n) == 0);
    frame_deinit(f);
}

/* Field `tag` (length-delimited) n deep around nothing. */
static Bytes nested(uint8_t tag, unsigned n, uint8_t *buf) {
    size_t used = 0;
    for (unsigned i = 0; i < n; i++) {
        memmove(buf + 2, buf, used);
        buf[0] = tag;
        buf[1] = (uint8_t)used;
        used += 2;
    }
    return bytes_make(buf, used);
}

void bombs(const char *target) {
    uint8_t deep[512];
    Buf b = { 0 };
    put(target, "bomb-depth", nested(0x1a, 60, deep));
    for (int i = 0; i < 1000; i++)
        buf_add(&b, "\x52\x02\x12\x00", 4); /* ten-fold submessages, merged by a lax decoder */
    put_buf(target, "bomb-repeated-message", &b);
    for (int i = 0; i < 300; i++)
        buf_add(&b, "\xf8\x7f\x01", 3);
    put_buf(target, "bomb-unknown-fields", &b);
    buf_add(&b, "\x1a\xff\xff\xff\xff\x07", 6);
    put_buf(target, "bomb-length", &b);
    buf_add(&b, "\x0b\x0b\x0b\x0c\x0c\x0c", 6);
    put_buf(target, "bomb-groups", &b);
    buf_add(&b, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11);
    put_buf(target, "bomb-varint", &b);
    put(target, "empty", bytes_make("", 0));
}

void frames(void) {
    for (int kind = FRAME_HELLO; kind <= FRAME_BUNDLE; kind++) {
        Frame f;
        uint8_t *p;
        size_t n;
        char name[40];
        fill(&f, kind);
        encode(&f, &p, &n);
        (void)snprintf(name, sizeof(name), "%s", frame_kind_name(kind));
        put("frame", name, bytes_make(p, n));
        (void)snprintf(name, sizeof(name), "%s-cut", frame_kind_name(kind));
        put("frame", name, bytes_make(p, n / 2));
        free(p);
    }
    bombs("frame");
}
