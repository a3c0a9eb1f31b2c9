/* SPDX-License-Identifier: Apache-2.0 */

/* Frames as other programs might write them: what is at a bound stands, what is beyond does not. */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "core/bundle.h"
#include "test.h"
#include "wire/codec-internal.h"

static uint8_t id[UUID_SIZE] = { 1, 2, 3 };
static const ProtobufCBinaryData message_id = { sizeof(id), id };

/* Decodes f: "" or why it is refused. */
static const char *read_as(const Serasi__V1__Frame *f, Frame *out) {
    _cleanup_(freep) uint8_t *p = malloc(serasi__v1__frame__get_packed_size(f));
    const size_t n = serasi__v1__frame__pack(f, p);
    const char *why = "";
    *out = (Frame) { 0 };
    const int r = codec_decode_frame(bytes_make(p, n), FRAME_ANSWER_MAX, out, &why);
    ASSERT_TRUE(r == 0 || r == WIRE_MALFORMED);
    ASSERT_EQ(r == 0, why[0] == '\0');
    return why;
}

static const char *refused(const Serasi__V1__Frame *f) {
    _cleanup_(frame_deinit) Frame out;
    return read_as(f, &out);
}

static char *text_of(size_t n) {
    static char texts[8][2048];
    static unsigned next;
    char *text = texts[next++ % ARRAY_SIZE(texts)];
    memset(text, 'a', n);
    text[n] = '\0';
    return text;
}

#define FRAME(name, kind, member)                                                                  \
    Serasi__V1__Frame name = SERASI__V1__FRAME__INIT;                                              \
    name.body_case = SERASI__V1__FRAME__BODY_##kind;                                               \
    name.member = &(member)

/* --- sessions -------------------------------------------------------------------------------- */

TEST(versions_are_a_range_from_one) {
    static const struct {
        uint32_t min, max;
        bool fine;
    } cases[] = {
        { 1, 1, true }, { 0, 1, false }, { 0, 0, false }, { 2, 1, false }, { 1, 9, true }
    };
    Serasi__V1__Hello hello = SERASI__V1__HELLO__INIT;
    FRAME(f, HELLO, hello);
    hello.instance_id = message_id;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(frame_deinit) Frame out;
        hello.protocol_min = cases[i].min;
        hello.protocol_max = cases[i].max;
        hello.proofs = i % 2;
        hello.bundles = !(i % 2);
        ASSERT_EQ(read_as(&f, &out)[0] == '\0', cases[i].fine);
        ASSERT_TRUE(!cases[i].fine || (out.hello.proofs == i % 2 && out.hello.bundles == !(i % 2)));
    }
}

TEST(servers_that_cannot_be_dialled_are_left_out) {
    enum { N = SERVERS_MAX + 8 };
    static char key[CURVE_TEXT_SIZE], endpoints[N][32];
    _cleanup_(frame_deinit) Frame out;
    Serasi__V1__Server server[N], *list[N];
    Serasi__V1__Welcome welcome = SERASI__V1__WELCOME__INIT;
    FRAME(f, WELCOME, welcome);
    memset(key, 'k', sizeof(key) - 1);
    for (unsigned i = 0; i < N; i++) {
        serasi__v1__server__init(list[i] = &server[i]);
        (void)snprintf(endpoints[i], sizeof(endpoints[i]), "tcp://broker.example:%u", i);
        server[i].endpoint = endpoints[i];
        server[i].key = key;
    }
    server[0].endpoint = (char *)"ipc:///tmp/x";
    server[1].endpoint = (char *)"tcp://";
    server[2].endpoint = (char *)"tcp://a:1 b";
    server[3].key = text_of(CURVE_TEXT_SIZE - 2);
    server[4].key = text_of(CURVE_TEXT_SIZE);
    server[5].endpoint = text_of(2000);
    memcpy(server[5].endpoint, "tcp://", 6);
    welcome.broker = (char *)"hub";
    welcome.node = (char *)"upt/r1";
    welcome.n_servers = N;
    welcome.servers = list;
    ASSERT_STR(read_as(&f, &out), "");
    ASSERT_EQ(out.welcome.servers.n, SERVERS_MAX);
    for (unsigned i = 0; i < SERVERS_MAX; i++)
        ASSERT_STR(out.welcome.servers.list[i].endpoint, endpoints[6 + i]);
}

TEST(an_error_may_be_of_no_channel) {
    Serasi__V1__Error error = SERASI__V1__ERROR__INIT;
    FRAME(f, ERROR, error);
    error.code = (Serasi__V1__ErrorCode)ERROR_REPLACED;
    for (unsigned i = 0; i < 2; i++) {
        _cleanup_(frame_deinit) Frame out;
        error.fatal = i;
        ASSERT_STR(read_as(&f, &out), "");
        ASSERT_EQ(out.error.fatal, i);
    }
    error.channel = CHANNELS_MAX;
    ASSERT_STR(refused(&f), "");
    error.channel++;
    ASSERT_STR(refused(&f), "channel out of range");
    error.channel = 0;
    error.code = (Serasi__V1__ErrorCode)(ERROR_REPLACED + 1);
    ASSERT_STR(refused(&f), "error: code out of range");
    error.code = (Serasi__V1__ErrorCode)0;
    ASSERT_STR(refused(&f), "error: code out of range");
}

TEST(a_channel_has_a_number_from_one) {
    Serasi__V1__Credit credit = SERASI__V1__CREDIT__INIT;
    FRAME(f, CREDIT, credit);
    ASSERT_STR(refused(&f), "channel out of range");
    credit.channel = 1;
    ASSERT_STR(refused(&f), "");
    Serasi__V1__Unsubscribe unsubscribe = SERASI__V1__UNSUBSCRIBE__INIT;
    FRAME(g, UNSUBSCRIBE, unsubscribe);
    ASSERT_STR(refused(&g), "channel out of range"); /* neither of a channel nor of a name */
    unsubscribe.drop_name = (char *)"all";
    ASSERT_STR(refused(&g), "");
    unsubscribe.channel = CHANNELS_MAX + 1;
    ASSERT_STR(refused(&g), "channel out of range");
}

TEST(a_link_is_the_last_source) {
    _cleanup_(frame_deinit) Frame out;
    Serasi__V1__Subscribe subscribe = SERASI__V1__SUBSCRIBE__INIT;
    FRAME(f, SUBSCRIBE, subscribe);
    subscribe.channel = 1;
    subscribe.source = (Serasi__V1__Source)SOURCE_LINK;
    subscribe.credit_bytes = 77;
    ASSERT_STR(read_as(&f, &out), "");
    ASSERT_EQ(out.subscribe.credit_bytes, 77);
    subscribe.source = (Serasi__V1__Source)(SOURCE_LINK + 1);
    ASSERT_STR(refused(&f), "subscribe: source out of range");
}

/* Operators see it. */
TEST(the_name_of_a_subscription_is_nobodys) {
    _cleanup_(frame_deinit) Frame out;
    Serasi__V1__Subscribe subscribe = SERASI__V1__SUBSCRIBE__INIT;
    FRAME(f, SUBSCRIBE, subscribe);
    subscribe.channel = 1;
    subscribe.source = (Serasi__V1__Source)SOURCE_NAMED;
    subscribe.name = (char *)"nik-3203051203990001";
    ASSERT_STR(refused(&f), "subscribe: the name holds personal data");
    subscribe.name = (char *)"anak.2025-03-10";
    ASSERT_STR(read_as(&f, &out), "");
}

/* --- answers --------------------------------------------------------------------------------- */

typedef struct Answer {
    Serasi__V1__Frame f;
    Serasi__V1__Published published;
    Serasi__V1__PublishResult result, *results;
    Serasi__V1__Reason reason[3], *reasons[3];
    Serasi__V1__Outcome outcome, *outcomes;
} Answer;

static void answer_init(Answer *a) {
    serasi__v1__frame__init(&a->f);
    serasi__v1__published__init(&a->published);
    serasi__v1__publish_result__init(&a->result);
    serasi__v1__outcome__init(&a->outcome);
    a->f.body_case = SERASI__V1__FRAME__BODY_PUBLISHED;
    a->f.published = &a->published;
    a->results = &a->result;
    a->published.n_results = 1;
    a->published.results = &a->results;
    a->result.message_id = message_id;
    a->result.verdict = (Serasi__V1__Verdict)VERDICT_LATER;
    a->result.retry_after_ms = 500;
    a->result.reasons = a->reasons;
    for (unsigned i = 0; i < ARRAY_SIZE(a->reason); i++)
        serasi__v1__reason__init(a->reasons[i] = &a->reason[i]);
    a->outcomes = &a->outcome;
    a->result.outcomes = &a->outcomes;
    a->outcome.recipient = (char *)"dsp/32";
}

TEST(warnings_are_no_refusals) {
    _cleanup_(frame_deinit) Frame out;
    Answer a;
    answer_init(&a);
    a.result.n_reasons = 3;
    a.reason[1].warning = true;
    a.reason[2].code = (char *)"R-045";
    ASSERT_STR(read_as(&a.f, &out), "");
    const PublishResult *r = &out.published.results[0];
    ASSERT_EQ(r->retry_after_ms, 500);
    ASSERT_EQ(r->reasons->n, 3);
    ASSERT_EQ(r->reasons->n_refusals, 2);
    ASSERT_TRUE(r->reasons->list[1].warning && !r->reasons->list[2].warning);
    ASSERT_STR(r->reasons->list[2].code, "R-045");
}

TEST(a_reason_that_does_not_fit_is_not_cut) {
    static const size_t room[] = { sizeof(((Reason *)0)->code), sizeof(((Reason *)0)->text_en),
                                   sizeof(((Reason *)0)->text_id),
                                   sizeof(((Reason *)0)->legal_basis),
                                   sizeof(((Reason *)0)->field) };
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(room); i++) {
        Answer a;
        answer_init(&a);
        char **const texts[] = { &a.reason[1].code, &a.reason[1].text_english,
                                 &a.reason[1].text_indonesian, &a.reason[1].legal_basis,
                                 &a.reason[1].field };
        a.result.n_reasons = 2;
        *texts[i / 2] = text_of(room[i / 2] - (i % 2 == 0));
        ASSERT_STR(refused(&a.f), i % 2 == 0 ? "" : "published: text of a reason too long");
    }
}

TEST(outcomes_are_known_ones) {
    Answer a;
    answer_init(&a);
    a.result.n_outcomes = 1;
    a.outcome.level = (Serasi__V1__ReceiptLevel)LEVEL_COLLECTED_LATE;
    a.outcome.cause = (Serasi__V1__ReceiptCause)CAUSE_SUPERSEDED;
    ASSERT_STR(refused(&a.f), "");
    a.outcome.level = (Serasi__V1__ReceiptLevel)(LEVEL_COLLECTED_LATE + 1);
    ASSERT_STR(refused(&a.f), "published: level or cause out of range");
    a.outcome.level = (Serasi__V1__ReceiptLevel)LEVEL_NONE;
    a.outcome.cause = (Serasi__V1__ReceiptCause)(CAUSE_SUPERSEDED + 1);
    ASSERT_STR(refused(&a.f), "published: level or cause out of range");
    a.outcome.cause = (Serasi__V1__ReceiptCause)CAUSE_NONE;
    a.outcome.leg = (char *)"../x";
    ASSERT_STR(refused(&a.f), "published: leg of an outcome is not a node id");
    a.outcome.leg = (char *)"";
    a.outcome.recipient = (char *)"";
    ASSERT_STR(refused(&a.f), "published: recipient of an outcome is not a node id");
    a.result.proof = (ProtobufCBinaryData) { SIGNATURE_MAX + 1, (uint8_t *)text_of(SIGNATURE_MAX) };
    ASSERT_STR(refused(&a.f), "published: proof too long"); /* the first reason is told */
}

/* --- messages -------------------------------------------------------------------------------- */

TEST(a_signature_has_its_limit) {
    Serasi__V1__Publish publish = SERASI__V1__PUBLISH__INIT;
    FRAME(f, PUBLISH, publish);
    publish.message_id = message_id;
    publish.signature = (ProtobufCBinaryData) { SIGNATURE_MAX, (uint8_t *)text_of(SIGNATURE_MAX) };
    ASSERT_STR(refused(&f), "");
    publish.signature.len++;
    ASSERT_STR(refused(&f), "publish: signature too long");
}

TEST(a_delivery_has_a_tag_and_somebody_it_is_for) {
    _cleanup_(frame_deinit) Frame out;
    Serasi__V1__Forward forward = SERASI__V1__FORWARD__INIT;
    Serasi__V1__Deliver deliver = SERASI__V1__DELIVER__INIT;
    FRAME(f, DELIVER, deliver);
    deliver.channel = 1;
    deliver.recipient = (char *)"dsp/32";
    ASSERT_STR(refused(&f), "deliver: tag out of range");
    deliver.tag = UINT64_MAX;
    deliver.attempt = 3;
    deliver.suspect = true;
    deliver.role = (Serasi__V1__RecipientRole)ROLE_SUBSCRIBER;
    ASSERT_STR(read_as(&f, &out), "");
    ASSERT_TRUE(out.deliver.suspect && out.deliver.attempt == 3);
    deliver.role = (Serasi__V1__RecipientRole)(ROLE_SUBSCRIBER + 1);
    ASSERT_STR(refused(&f), "deliver: role out of range");
    deliver.role = (Serasi__V1__RecipientRole)ROLE_UNSPECIFIED;
    deliver.recipient = (char *)"";
    ASSERT_STR(refused(&f), "deliver: recipient is not a node id");
    deliver.forward = &forward; /* on a link, to whom is said there */
    ASSERT_TRUE(strcmp(refused(&f), "deliver: recipient is not a node id") != 0);
    deliver.recipient = (char *)"../x";
    ASSERT_STR(refused(&f), "deliver: recipient is not a node id");
}

TEST(a_settlement_is_of_tags_that_were_given) {
    _cleanup_(frame_deinit) Frame out;
    Serasi__V1__Settlement one = SERASI__V1__SETTLEMENT__INIT, *list = &one;
    Serasi__V1__Settle settle = SERASI__V1__SETTLE__INIT;
    FRAME(f, SETTLE, settle);
    settle.channel = 1;
    settle.n_settlements = 1;
    settle.settlements = &list;
    one.action = (Serasi__V1__SettleAction)SETTLE_EXTEND;
    one.permanent = true;
    ASSERT_STR(refused(&f), "tags out of range");
    one.last_tag = 5;
    ASSERT_STR(refused(&f), "tags out of range");
    one.first_tag = 4;
    one.last_tag = 0; /* one alone */
    ASSERT_STR(read_as(&f, &out), "");
    ASSERT_EQ(out.settle.settlements[0].tags.last, 4);
    ASSERT_TRUE(out.settle.settlements[0].permanent);
    one.action = (Serasi__V1__SettleAction)(SETTLE_EXTEND + 1);
    ASSERT_STR(refused(&f), "settle: action out of range");
    Serasi__V1__TagRange bad = SERASI__V1__TAG_RANGE__INIT, good = bad, *done = &bad,
                         *unknown = &good;
    Serasi__V1__Settled settled = SERASI__V1__SETTLED__INIT;
    FRAME(g, SETTLED, settled);
    good.first_tag = 1;
    settled.channel = 1;
    settled.n_done = settled.n_unknown = 1;
    settled.done = &done;
    settled.unknown = &unknown;
    ASSERT_STR(refused(&g), "tags out of range");
    done = &good;
    ASSERT_STR(refused(&g), "");
    unknown = &bad;
    ASSERT_STR(refused(&g), "tags out of range");
}

/* Read by protobuf-c: what is unusual in a bundle comes that way. */
TEST(a_bundle_is_of_one_kind_and_adds_up) {
    enum { N = BUNDLE_MAX + 1 };
    static uint32_t sizes[3 * N];
    static Serasi__V1__Publish publish, *publishes[N];
    static Serasi__V1__Deliver deliver, *deliveries[N];
    Serasi__V1__Bundle bundle = SERASI__V1__BUNDLE__INIT;
    FRAME(f, BUNDLE, bundle);
    serasi__v1__publish__init(&publish);
    serasi__v1__deliver__init(&deliver);
    publish.message_id = message_id;
    for (unsigned i = 0; i < N; i++) {
        publishes[i] = &publish;
        deliveries[i] = &deliver;
    }
    bundle.publishes = publishes;
    bundle.deliveries = deliveries;
    bundle.sizes = sizes;
    const struct {
        size_t up, down, sizes;
        const char *why;
    } cases[] = { { BUNDLE_MAX, 0, 3 * BUNDLE_MAX, "" },
                  { N, 0, 3 * N, "bundle: 1 to 64 messages of one kind" },
                  { 1, 1, 3, "bundle: 1 to 64 messages of one kind" },
                  { 0, 0, 0, "bundle: 1 to 64 messages of one kind" },
                  { 1, 0, 4, "bundle: three sizes for each message" },
                  { 1, 0, 2, "bundle: three sizes for each message" } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(frame_deinit) Frame out = { 0 };
        const char *why = "";
        bundle.n_publishes = cases[i].up;
        bundle.n_deliveries = cases[i].down;
        bundle.n_sizes = cases[i].sizes;
        _cleanup_(freep) uint8_t *p = malloc(serasi__v1__frame__get_packed_size(&f));
        const size_t n = serasi__v1__frame__pack(&f, p);
        ASSERT_EQ(frame_unpack(bytes_make(p, n), FRAME_ANSWER_MAX, &out, &why) == 0, i == 0);
        ASSERT_STR(why, cases[i].why);
        if (i == 0) /* nor is it longer than it may be, by whichever way it is read */
            ASSERT_EQ(codec_decode_frame(bytes_make(p, n), n - 1, &out, &why), WIRE_TOO_LARGE);
    }
}

/* --- queries and the directory --------------------------------------------------------------- */

TEST(a_result_is_a_table_or_a_word) {
    _cleanup_(frame_deinit) Frame out;
    char *values[] = { (char *)"1" };
    Serasi__V1__Column column = SERASI__V1__COLUMN__INIT, *columns = &column;
    Serasi__V1__Row row = SERASI__V1__ROW__INIT, *rows = &row;
    Serasi__V1__Result result = SERASI__V1__RESULT__INIT;
    FRAME(f, RESULT, result);
    column.name = (char *)"c";
    column.type = (Serasi__V1__ColumnType)COLUMN_BOOL;
    row.values = values;
    result.columns = &columns;
    result.rows = &rows;
    result.n_rows = 1;
    ASSERT_STR(refused(&f), "result: a row does not fit the columns"); /* of none */
    result.n_columns = 1;
    ASSERT_STR(refused(&f), "result: a row does not fit the columns");
    row.n_values = 1;
    result.code = 2;
    result.more = true;
    ASSERT_STR(read_as(&f, &out), "");
    ASSERT_TRUE(out.result.table->more && out.result.table->code == 2);
    column.type = (Serasi__V1__ColumnType)(COLUMN_BOOL + 1);
    ASSERT_STR(refused(&f), "result: column type out of range");
    result.code = 3;
    ASSERT_STR(refused(&f), "result: code out of range");
    Serasi__V1__Query query = SERASI__V1__QUERY__INIT;
    FRAME(g, QUERY, query);
    ASSERT_STR(refused(&g), "query: verb missing or too long");
}

TEST(who_has_a_version_says_of_which_tree) {
    _cleanup_(frame_deinit) Frame out;
    uint8_t hash[TREE_HASH_SIZE] = { 7 };
    Serasi__V1__DirectoryWant directory_want = SERASI__V1__DIRECTORY_WANT__INIT;
    FRAME(f, DIRECTORY_WANT, directory_want);
    ASSERT_STR(refused(&f), "");
    directory_want.after = 1;
    ASSERT_STR(refused(&f), "directory_want: head is not 32 bytes");
    directory_want.head = (ProtobufCBinaryData) { sizeof(hash) - 1, hash };
    ASSERT_STR(refused(&f), "directory_want: head is not 32 bytes");
    directory_want.head.len++;
    directory_want.copy_of = 9;
    ASSERT_STR(read_as(&f, &out), "");
    ASSERT_EQ(out.directory_want.copy_of, 9);
    assert_memory_equal(out.directory_want.head.b, hash, sizeof(hash));
}

TEST(changes_keep_their_bytes_and_their_number) {
    _cleanup_(frame_deinit) Frame out;
    ProtobufCBinaryData list[DIR_CHANGES_MAX + 1];
    Serasi__V1__DirectoryChanges directory_changes = SERASI__V1__DIRECTORY_CHANGES__INIT;
    FRAME(f, DIRECTORY_CHANGES, directory_changes);
    for (unsigned i = 0; i <= DIR_CHANGES_MAX; i++)
        list[i] = (ProtobufCBinaryData) { 3, (uint8_t *)(i % 2 ? "abc" : "xyz") };
    directory_changes.changes = list;
    directory_changes.n_changes = DIR_CHANGES_MAX;
    directory_changes.head = (ProtobufCBinaryData) { 4, (uint8_t *)"head" };
    ASSERT_STR(read_as(&f, &out), "");
    ASSERT_EQ(out.directory_changes.n, DIR_CHANGES_MAX);
    for (unsigned i = 0; i < DIR_CHANGES_MAX; i++)
        assert_memory_equal(out.directory_changes.changes[i].p, i % 2 ? "abc" : "xyz", 3);
    assert_memory_equal(out.directory_changes.head.p, "head", 4);
    directory_changes.n_changes++;
    ASSERT_STR(refused(&f), "directory_changes: too many changes");
}

/* --- what a frame is, before it is read ------------------------------------------------------- */

TEST(a_frame_is_of_one_kind_by_its_first_bytes) {
    for (FrameKind kind = FRAME_HELLO; kind <= FRAME_BUNDLE; kind++) {
        const unsigned tag = (unsigned)kind << 3 | 2; /* as protobuf has it: a varint */
        const uint8_t bytes[] = { (uint8_t)(tag < 128 ? tag : (tag & 127) | 128),
                                  (uint8_t)(tag >> 7) };
        const size_t n = tag < 128 ? 1 : 2;
        for (FrameKind other = FRAME_HELLO; other <= FRAME_BUNDLE; other++)
            ASSERT_EQ(codec_frame_is(bytes_make(bytes, n), other), other == kind);
        ASSERT_TRUE(!codec_frame_is(bytes_make(bytes, n - 1), kind));
    }
}

TEST_MAIN
