/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Writes the seeds of the fuzz targets: make-corpus SOURCE_DIR. One valid sample of every frame,
 * every kind of message and every kind of line, and the bombs: nesting, repetition, lengths that
 * lie. Files found by fuzzing lie beside them (crash-..., found-...) and are not touched.
 */

#include <dirent.h>
#include <sys/stat.h>

#include "base/text.h"
#include "broker/broker.h"
#include "fuzz/fuzz.h"
#include "store/row.h"
#include "wire/codec.h"
#include "wire/json.h"

#define NOW_MS INT64_C(1741575900000)

static const char *source_dir;
static const Uuid id = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16 } };

static void put(const char *target, const char *name, Bytes b) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", source_dir, target);
    (void)mkdir(path, 0755);
    (void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s/%s", source_dir, target, name);
    FILE *f = fopen(path, "we");
    FUZZ_CHECK(f && fwrite(b.p, 1, b.n, f) == b.n && fclose(f) == 0);
}

static void put_text(const char *target, const char *name, const char *text) {
    put(target, name, bytes_make(text, strlen(text)));
}

static void put_buf(const char *target, const char *name, Buf *b) {
    FUZZ_CHECK(!b->failed);
    put(target, name, buf_bytes(b));
    buf_deinit(b);
}

static char *read_text(const char *path, size_t *ret_n) {
    char full[512], *text = calloc(1, 1 << 20);
    (void)snprintf(full, sizeof(full), "%s/%s", source_dir, path);
    FILE *f = fopen(full, "re");
    FUZZ_CHECK(f && text);
    *ret_n = fread(text, 1, (1 << 20) - 1, f);
    FUZZ_CHECK(fclose(f) == 0);
    return text;
}

static void add_byte(Buf *b, unsigned v) {
    const uint8_t byte = (uint8_t)v;
    buf_add(b, &byte, 1);
}

static void add_part(Buf *b, Bytes part) {
    FUZZ_CHECK(part.n < 65536);
    add_byte(b, (unsigned)part.n >> 8);
    add_byte(b, (unsigned)part.n & 255);
    buf_add(b, part.p, part.n);
}

/* --- frames --- */

static Forward sample_forward(void) {
    return (Forward) { .present = true,
                       .accepted_ms = NOW_MS,
                       .expires_ms = NOW_MS + DAY_MS,
                       .n_recipients = 2,
                       .recipients = { { "dsk/3306", ROLE_ADDRESSEE },
                                       { "lks/3306/0001", ROLE_SUPERVISOR } },
                       .n_stamps = 1,
                       .stamps = { { "hub", NOW_MS } } };
}

static Filter sample_filter(void) {
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
    r->recipients[0] = (Recipient) { "dsk/3306", ROLE_ADDRESSEE };
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

static void fill(Frame *f, int kind) {
    *f = (Frame) { .kind = (FrameKind)kind };
    switch (kind) {
    case FRAME_HELLO:
        f->hello.protocol_min = f->hello.protocol_max = 1;
        f->hello.instance_id = id;
        f->hello.progress = sample_progress();
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
    }
}

static void encode(Frame *f, uint8_t **p, size_t *n) {
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

static void bombs(const char *target) {
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

static void frames(void) {
    for (int kind = FRAME_HELLO; kind <= FRAME_BYE; kind++) {
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

/* --- messages --- */

static Envelope sample_envelope(int kind, AudienceForm form, Bytes facts, Bytes sealed) {
    Envelope e = { .message_id = id,
                   .kind = kind,
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .case_id = { { 9, 9 } },
                   .urgency = URGENCY_PRIORITY,
                   .sensitivity = 1,
                   .legal_basis = 1,
                   .created_ms = NOW_MS - 1000,
                   .has_facts_digest = true,
                   .has_sealed_digest = sealed.n > 0 };
    e.audience.form = form;
    (void)text_copy(e.sender, sizeof(e.sender), "dsk/3306");
    (void)text_copy(e.region, sizeof(e.region), "3306");
    if (form == AUDIENCE_NODES) {
        e.audience.n = 1;
        (void)text_copy(e.audience.nodes[0], NODE_NAME_SIZE, "lks/3306/0001");
    } else if (form == AUDIENCE_ROLE) {
        e.audience.role_kind = NODE_LKS;
        e.audience.role_cluster = CLUSTER_CHILD;
        (void)text_copy(e.audience.role_region, REGION_SIZE, "3306");
    } else if (form == AUDIENCE_SCOPE) {
        e.audience.n = 2;
        (void)text_copy(e.audience.scope[0], REGION_SIZE, "33");
        (void)text_copy(e.audience.scope[1], REGION_SIZE, "3203");
    }
    hash_digest(facts, e.facts_digest);
    hash_digest(sealed, e.sealed_digest);
    return e;
}

static void put_message(const char *name, Bytes envelope, Bytes facts, Bytes sealed) {
    Buf b = { 0 };
    add_part(&b, envelope);
    add_part(&b, facts);
    buf_add(&b, sealed.p, sealed.n);
    put_buf("message", name, &b);
}

static void messages_of_every_kind(void) {
    for (int kind = 1; kind <= 100; kind++) {
        const KindInfo *info = kind_info(kind);
        if (!info && kind != 100)
            continue;
        const char *label = info ? info->name : "newer";
        const Bytes facts = bytes_make("\x08\x01", 2), sealed = bytes_make("sealed", 6);
        uint8_t *p;
        size_t n;
        Envelope e = sample_envelope(kind, (AudienceForm)(1 + kind % 3), facts, sealed);
        FUZZ_CHECK(codec_encode_envelope(&e, &p, &n) == 0);
        put("envelope", label, bytes_make(p, n));
        put_message(label, bytes_make(p, n), facts, sealed);
        free(p);
    }
    Receipt r = { .message_id = id, .level = LEVEL_COLLECTED, .said_ms = NOW_MS, .attempts = 1 };
    (void)text_copy(r.sender, sizeof(r.sender), "dsk/3306");
    (void)text_copy(r.recipient, sizeof(r.recipient), "lks/3306/0001");
    (void)text_copy(r.leg, sizeof(r.leg), "upt/satria");
    _cleanup_(body_unrefp) Body *b = codec_encode_receipt(&r, "upt/satria", NOW_MS);
    FUZZ_CHECK(b);
    put_message("receipt-made-by-a-broker", body_envelope(b), body_facts(b), body_sealed(b));
    uint8_t *p;
    size_t n;
    FUZZ_CHECK(codec_encode_recall_order(&id, "wrong address", &p, &n) == 0);
    Envelope e =
        sample_envelope(KIND_RECALL_ORDER, AUDIENCE_NODES, bytes_make(p, n), (Bytes) { 0 });
    uint8_t *q;
    size_t m;
    FUZZ_CHECK(codec_encode_envelope(&e, &q, &m) == 0);
    put_message("recall-of-a-message", bytes_make(q, m), bytes_make(p, n), (Bytes) { 0 });
    free(p);
    free(q);
    bombs("envelope");
    bombs("message");
}

static void example(const char *name) {
    char path[300], why[JSON_WHY_SIZE];
    size_t n;
    JsonMessage m = { 0 };
    (void)snprintf(path, sizeof(path), "tests/examples/%s", name);
    _cleanup_(freep) char *text = read_text(path, &n);
    put("json-message", name, bytes_make(text, n));
    if (json_parse_message(text, n, "dsk/3203", NOW_MS, &m, why) == 0)
        put_message(name, bytes_make(m.envelope, m.n_envelope), bytes_make(m.facts, m.n_facts),
                    bytes_make(m.sealed, m.n_sealed));
    json_message_deinit(&m);
}

static void examples(void) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/examples", source_dir);
    DIR *d = opendir(path);
    FUZZ_CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strlen(e->d_name) > 5 && strcmp(e->d_name + strlen(e->d_name) - 5, ".json") == 0)
            example(e->d_name);
    (void)closedir(d);
}

/* --- text --- */

static void json_bombs(const char *target) {
    Buf b = { 0 };
    for (int i = 0; i < 3000; i++)
        buf_add_text(&b, "{\"facts\":");
    put_buf(target, "bomb-depth", &b);
    put_text(target, "twice", "{\"kinds\":[],\"kinds\":[]}");
    put_text(target, "null", "null");
    put_text(target, "number",
             "{\"envelope\":{\"kind\":1e999,\"schema\":-1},\"capacity\":99999999999999999999}");
    put_text(target, "surrogate", "{\"envelope\":{\"sender\":\"\\ud800\\u0000\"}}");
    put(target, "empty", bytes_make("", 0));
}

static void texts(void) {
    size_t n;
    json_bombs("json-message");
    json_bombs("json-filter");
    json_bombs("directory-line");
    put_text("json-filter", "all-fields",
             "{\"kinds\":[\"REFERRAL_REQUEST\",\"MESSAGE_KIND_COMPLAINT\"],\"regions\":[\"32\","
             "\"3306052001\"],\"clusters\":[\"CHILD\"],\"case_ids\":"
             "[\"98f0b713-5c21-46a5-b3bf-876609d006a5\"],\"urgencies\":[\"EVENT\"],"
             "\"sender_kinds\":[\"PUSKESOS\"]}");
    put_text("json-filter", "nothing", "{}");
    put_text("json-filter", "nation", "{\"regions\":[\"\"]}");
    put_text("json-message", "everything-wrong",
             "{\"envelope\":{\"message_id\":\"x\",\"kind\":\"NONE\",\"created_at\":\"2025-02-30\"},"
             "\"facts\":{},\"sealed\":\"####\"}");
    put_text("directory-line", "key",
             "{\"key\":{\"node\":\"hub\",\"curve\":\"0123456789012345678901234567890123456789\","
             "\"label\":\"a\",\"broker\":true,\"operator\":true,\"valid_from_at\":"
             "\"2025-03-10T03:05:00Z\"}}");
    put_text(
        "directory-line", "tree",
        "{\"node\":{\"id\":\"hub\",\"kind\":\"NATIONAL_HUB\",\"broker\":true}}\n"
        "{\"node\":{\"id\":\"upt/a\",\"kind\":\"UPT_BALAI\",\"broker\":true,"
        "\"broker_parent\":\"hub\",\"service_area\":[{\"region\":\"33\",\"priority\":1}]}}\n"
        "{\"node\":{\"id\":\"dsk/3306\",\"kind\":\"SOCIAL_AGENCY_REGENCY\",\"home\":\"upt/a\"}}\n"
        "{\"region\":{\"code\":\"3306\",\"name\":\"Purworejo\",\"alias_of\":\"33\"}}\n");
    put_text(
        "directory-line", "ring",
        "{\"node\":{\"id\":\"upt/a\",\"kind\":4,\"broker\":true,\"broker_parent\":\"upt/b\"}}\n"
        "{\"node\":{\"id\":\"upt/b\",\"kind\":4,\"broker\":true,\"broker_parent\":\"upt/a\"}}\n");
    _cleanup_(freep) char *lines = read_text("tests/fixtures/directory/directory.jsonl", &n);
    char *save = NULL;
    unsigned i = 0;
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char name[32];
        (void)snprintf(name, sizeof(name), "line-%u", i);
        if (i++ % 120 == 0)
            put_text("directory-line", name, line);
    }
    _cleanup_(freep) char *config = read_text("daemon/serasid.conf", &n);
    put("config", "shipped", bytes_make(config, n));
    put_text("config", "hub",
             "[node]\nid = hub\nrole = hub\nkey-file = /etc/serasi/hub.key\n[listen]\n"
             "endpoint = tcp://*:7021\nendpoint = tcp://[::1]:7022\n[limits]\nsessions = 100\n"
             "[store]\nfree-low = 64M\n[delivery]\nretry-first = 1s\n[log]\nlevel = debug\n");
    put_text("config", "regional",
             "[node]\nid=upt/satria\nrole=regional\nkey-file=key\ndata-dir=.\n[parent]\n"
             "endpoint=tcp://hub.example:7021\nkey=0123456789012345678901234567890123456789\n"
             "node=hub\n");
    put_text("config", "client",
             "[node]\nid = dsk/3306 ; ours\nrole = client\nkey-file = k\n[connection]\n"
             "endpoint = ipc:///run/serasid/x.sock\n"
             "key = 0123456789012345678901234567890123456789\n");
    put_text("config", "wrong",
             "id = 1\n[nodes]\nx = 1\n[node]\nid = A\nid = B\nrole = king\n[store]\n"
             "free-low = 99999999999999999999G\npage-size = 3\n[delivery]\nretry-cap = -1d\n[\n");
    put("config", "empty", bytes_make("", 0));
}

/* --- stored bytes --- */

static void stored(void) {
    uint8_t bytes[2 * FRAME_MAX];
    Filter f = sample_filter(), none = { 0 };
    put("filter", "all-fields", codec_encode_filter(&f, bytes, sizeof(bytes)));
    put("filter", "none", codec_encode_filter(&none, bytes, sizeof(bytes)));
    bombs("filter");

    Route route = { .scope = true };
    HopStamp stamps[2] = { { "hub", NOW_MS }, { "upt/satria", NOW_MS + 5 } };
    Buf r = { 0 }, b = { 0 };
    FUZZ_CHECK(route_add(&route, "dsk/3306", ROLE_ADDRESSEE, 0, 3));
    FUZZ_CHECK(route_add(&route, "dsp/33", ROLE_SUPERVISOR, ROUTE_CLOSED, 4));
    FUZZ_CHECK(route_add(&route, "upt/loka", ROLE_ADDRESSEE, ROUTE_SCOPE_HOP, 0xffffffff));
    route_encode(&route, &r);
    add_part(&b, buf_bytes(&r));
    stamps_encode(stamps, 2, &b);
    put_buf("route", "all", &b);
    add_part(&b, bytes_make(r.p, r.n - 1));
    stamps_encode(stamps, 1, &b);
    b.n--;
    put_buf("route", "cut", &b);
    put("route", "empty", bytes_make("", 0));
    buf_deinit(&r);
    route_deinit(&route);
}

/* --- stories for the broker (steps as in fuzz-broker.c) --- */

#define HAPPENS(what) (3U | (what) << 2)
#define STORE_RUNS    HAPPENS(0U)
#define TIME_PASSES   HAPPENS(1U)
#define PARENT_UP     HAPPENS(2U)
#define PARENT_LOST   HAPPENS(3U)
#define SEND_WORKS    HAPPENS(4U)
#define SEND_FULL     HAPPENS(5U)
#define SEND_GONE     HAPPENS(6U)
#define BATCH_HELD    HAPPENS(7U)

static void says(Buf *b, BrokerPort port, unsigned peer, Frame *f, const Bytes *parts, unsigned n) {
    uint8_t *p;
    size_t size;
    encode(f, &p, &size);
    add_byte(b, (unsigned)port | peer << 2 | (n + 1) << 5);
    add_part(b, bytes_make(p, size));
    for (unsigned i = 0; i < n; i++)
        add_part(b, parts[i]);
    free(p);
}

static void says_kind(Buf *b, BrokerPort port, unsigned peer, int kind) {
    Frame f;
    fill(&f, kind);
    says(b, port, peer, &f, NULL, 0);
}

static void hello(Buf *b, BrokerPort port, unsigned peer) {
    Frame f;
    fill(&f, FRAME_HELLO);
    f.hello.instance_id.b[0] = (uint8_t)(16 * port + peer);
    f.hello.progress = (LinkProgress) { .present = true };
    says(b, port, peer, &f, NULL, 0);
}

static void subscribe(Buf *b, unsigned peer, FrameSource source, const char *name) {
    Frame f = { .kind = FRAME_SUBSCRIBE,
                .subscribe = { .channel = 1, .source = source, .credit_messages = 4 } };
    (void)text_copy(f.subscribe.name, sizeof(f.subscribe.name), name);
    if (source == SOURCE_NAMED) {
        f.subscribe.filter = calloc(1, sizeof(Filter));
        f.subscribe.filter->n_regions = 1;
        (void)text_copy(f.subscribe.filter->regions[0], REGION_SIZE, "3306");
    }
    says(b, PORT_CLIENTS, peer, &f, NULL, 0);
}

static void publish(Buf *b, BrokerPort port, unsigned peer, uint8_t number, Forward *forward) {
    const Bytes none = { 0 };
    Envelope e = sample_envelope(KIND_CASE_CONFERENCE + 1000, AUDIENCE_NODES, none, none);
    e.message_id.b[15] = number;
    uint8_t *p;
    size_t n;
    FUZZ_CHECK(codec_encode_envelope(&e, &p, &n) == 0);
    const Bytes parts[2] = { bytes_make(p, n), none };
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = e.message_id } };
    if (port == PORT_UPLINK)
        f = (Frame) { .kind = FRAME_DELIVER,
                      .deliver = { .channel = 1, .tag = number, .accepted_ms = NOW_MS } };
    if (forward) {
        Forward *copy = malloc(sizeof(*copy));
        FUZZ_CHECK(copy);
        *copy = *forward;
        *(port == PORT_UPLINK ? &f.deliver.forward : &f.publish.forward) = copy;
    }
    (void)text_copy(f.deliver.recipient, port == PORT_UPLINK ? NODE_NAME_SIZE : 0, "upt/satria");
    says(b, port, peer, &f, parts, 2);
    free(p);
}

static void settle(Buf *b, unsigned peer, uint64_t first, uint64_t last, SettleAction action) {
    Frame f = { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1 } };
    f.settle.settlements = calloc(1, sizeof(Settlement));
    f.settle.settlements[0] = (Settlement) { .tags = { first, last }, .action = action };
    says(b, PORT_CLIENTS, peer, &f, NULL, 0);
}

static void query(Buf *b, const char *verb, const char *arg, const char *input) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 1, .limit = 10 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
    if (arg) {
        f.query.args[f.query.n_args++] = strdup(arg);
    }
    if (input) {
        f.query.input = (uint8_t *)strdup(input);
        f.query.n_input = strlen(input);
    }
    says(b, PORT_ADMIN, 0, &f, NULL, 0);
    add_byte(b, STORE_RUNS);
}

static void queries(Buf *b) {
    static const char *const verbs[] = { "status",    "queues",    "links", "sessions",  "check",
                                         "dead-list", "node-list", "top",   "messages",  "drain",
                                         "backup",    "reload",    "trace", "node-show", "recall" };
    hello(b, PORT_ADMIN, 0);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        query(b, verbs[i], i < 10 ? NULL : "01020304-0506-7708-890a-0b0c0d0e0f10", NULL);
    query(b, "node-show", "dsk/3306", NULL);
    query(b, "import", NULL,
          "{\"key\":{\"node\":\"dsk/3306\",\"curve\":\"peer000000000000000000000000000000000000\","
          "\"revoked\":true}}\n");
    query(b, "node-import", NULL,
          "{\"key\":{\"node\":\"dsk/3306\",\"curve\":\"peer000000000000000000000000000000000000\","
          "\"revoked\":true}}\n");
}

static void broker_stories(void) {
    Buf b = { 0 };
    Forward forward = sample_forward();

    hello(&b, PORT_CLIENTS, 0);
    hello(&b, PORT_CLIENTS, 1);
    subscribe(&b, 1, SOURCE_MAILBOX, "");
    subscribe(&b, 0, SOURCE_RECEIPTS, "");
    for (uint8_t i = 1; i <= 4; i++)
        publish(&b, PORT_CLIENTS, 0, i, NULL);
    add_byte(&b, STORE_RUNS);
    settle(&b, 1, 1, 1, SETTLE_DONE);
    add_byte(&b, STORE_RUNS);
    settle(&b, 1, 2, 2, SETTLE_REJECT);
    settle(&b, 1, 2, 9, SETTLE_EXTEND);
    add_byte(&b, TIME_PASSES);
    add_byte(&b, 60);
    publish(&b, PORT_CLIENTS, 0, 1, NULL);
    says_kind(&b, PORT_CLIENTS, 1, FRAME_BYE);
    add_byte(&b, STORE_RUNS);
    put_buf("broker", "publish-and-settle", &b);

    hello(&b, PORT_CLIENTS, 0);
    subscribe(&b, 0, SOURCE_NAMED, "cases");
    for (uint8_t i = 1; i <= 12; i++)
        publish(&b, PORT_CLIENTS, 0, i, NULL);
    add_byte(&b, BATCH_HELD);
    says_kind(&b, PORT_CLIENTS, 0, FRAME_UNSUBSCRIBE);
    add_byte(&b, SEND_FULL);
    add_byte(&b, STORE_RUNS);
    says_kind(&b, PORT_CLIENTS, 0, FRAME_PING);
    add_byte(&b, SEND_GONE);
    says_kind(&b, PORT_CLIENTS, 0, FRAME_PING);
    add_byte(&b, SEND_WORKS);
    hello(&b, PORT_CLIENTS, 0);
    hello(&b, PORT_CLIENTS, 6);
    put_buf("broker", "named-subscription", &b);

    hello(&b, PORT_CLIENTS, 2);
    subscribe(&b, 2, SOURCE_LINK, "");
    publish(&b, PORT_CLIENTS, 2, 1, &forward);
    add_byte(&b, STORE_RUNS);
    settle(&b, 2, 1, 3, SETTLE_DONE);
    says_kind(&b, PORT_CLIENTS, 2, FRAME_PING);
    add_byte(&b, TIME_PASSES);
    add_byte(&b, 255);
    put_buf("broker", "child-link", &b);

    add_byte(&b, PARENT_UP);
    says_kind(&b, PORT_UPLINK, 0, FRAME_WELCOME);
    add_byte(&b, STORE_RUNS);
    says_kind(&b, PORT_UPLINK, 0, FRAME_SUBSCRIBED);
    publish(&b, PORT_UPLINK, 0, 1, &forward);
    publish(&b, PORT_UPLINK, 0, 1, &forward);
    add_byte(&b, STORE_RUNS);
    says_kind(&b, PORT_UPLINK, 0, FRAME_SETTLED);
    says_kind(&b, PORT_UPLINK, 0, FRAME_PUBLISHED);
    says_kind(&b, PORT_UPLINK, 0, FRAME_PING);
    says_kind(&b, PORT_UPLINK, 0, FRAME_ERROR);
    add_byte(&b, PARENT_LOST);
    put_buf("broker", "uplink", &b);

    queries(&b);
    put_buf("broker", "operator", &b);

    for (unsigned peer = 0; peer < 8; peer++)
        hello(&b, PORT_CLIENTS, peer);
    for (int kind = FRAME_HELLO; kind <= FRAME_BYE; kind++)
        says_kind(&b, PORT_CLIENTS, (unsigned)kind % 8, kind);
    add_byte(&b, 7U << 5);
    put_buf("broker", "every-frame", &b);
}

int main(int argc, char *argv[]) {
    if (argc != 2) {
        fprintf(stderr, "Usage: make-corpus SOURCE_DIR\n");
        return 2;
    }
    source_dir = argv[1];
    FUZZ_CHECK(hash_init() == 0);
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus", source_dir);
    (void)mkdir(path, 0755);
    frames();
    messages_of_every_kind();
    examples();
    texts();
    stored();
    broker_stories();
    return 0;
}
