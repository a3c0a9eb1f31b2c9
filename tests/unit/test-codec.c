/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "serasi/v1/complaint.pb-c.h"
#include "serasi/v1/receipt.pb-c.h"
#include "serasi/v1/referral.pb-c.h"
#include "test.h"
#include "wire/codec-internal.h"
#include "wire/json.h"

static const Uuid ID = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16 } };
#define TIME_MS INT64_C(1741575900123)

#define SET_TEXT(dst, src) ASSERT_TRUE(text_copy((dst), sizeof(dst), (src)))

/* --- envelope, facts, message --- */

static Envelope sample_envelope(void) {
    Envelope e = { .message_id = ID,
                   .kind = KIND_REFERRAL_REQUEST,
                   .schema = 1,
                   .sender = "dsk/3203",
                   .audience = { .form = AUDIENCE_NODES, .n = 2, .nodes = { "upt/satria", "hub" } },
                   .region = "3203",
                   .cluster = CLUSTER_CHILD,
                   .case_id = ID,
                   .causation_id = ID,
                   .urgency = URGENCY_PRIORITY,
                   .sensitivity = 3,
                   .legal_basis = 4,
                   .created_ms = TIME_MS,
                   .expires_ms = TIME_MS + DAY_MS,
                   .has_facts_digest = true,
                   .receipts = RECEIPTS_WITH_DEPOSITED,
                   .status = MESSAGE_STATUS_EXERCISE,
                   .no_supervision = true };
    memset(e.facts_digest, 0xab, sizeof(e.facts_digest));
    return e;
}

static int envelope_trip(const Envelope *in, Envelope *out, const char **why) {
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    ASSERT_OK(codec_encode_envelope(in, &p, &n));
    return codec_decode_envelope(bytes_make(p, n), out, why);
}

TEST(envelopes_survive_the_trip_with_every_audience) {
    static const Audience audiences[] = {
        { .form = AUDIENCE_NODES, .n = 2, .nodes = { "upt/satria", "hub" } },
        { .form = AUDIENCE_ROLE, .role_kind = 8, .role_region = "3203", .role_cluster = 1 },
        { .form = AUDIENCE_SCOPE, .n = 2, .scope = { "", "32" } },
        { .form = AUDIENCE_NONE },
    };
    for (size_t i = 0; i < ARRAY_SIZE(audiences); i++) {
        Envelope in = sample_envelope(), out;
        const char *why = "";
        in.audience = audiences[i];
        memset(&out, 0xff, sizeof(out));
        ASSERT_OK(envelope_trip(&in, &out, &why));
        assert_memory_equal(&in.audience, &out.audience, sizeof(in.audience));
        ASSERT_STR(out.sender, in.sender);
        ASSERT_TRUE(uuid_equal(&out.case_id, &ID) && uuid_is_nil(&out.correlation_id));
        ASSERT_TRUE(out.has_facts_digest && !out.has_sealed_digest);
        ASSERT_EQ(out.expires_ms, in.expires_ms);
        ASSERT_EQ(out.receipts, RECEIPTS_WITH_DEPOSITED);
        ASSERT_EQ(out.status, MESSAGE_STATUS_EXERCISE);
        ASSERT_TRUE(out.no_supervision);
    }
}

/* Written without protobuf-c, and the bytes are what it would write. */
static void assert_canonical(const ProtobufCMessageDescriptor *d, Bytes b) {
    ProtobufCMessage *m = protobuf_c_message_unpack(d, NULL, b.n, b.p);
    assert_non_null(m);
    ASSERT_EQ(m->n_unknown_fields, 0);
    _cleanup_(freep) uint8_t *again = malloc(b.n + 1);
    ASSERT_EQ(protobuf_c_message_get_packed_size(m), b.n);
    ASSERT_EQ(protobuf_c_message_pack(m, again), b.n);
    assert_memory_equal(again, b.p, b.n);
    protobuf_c_message_free_unpacked(m, NULL);
}

TEST(envelopes_are_written_as_protobuf_c_would) {
    Envelope e = sample_envelope();
    e.kind = -3; /* ten bytes */
    e.sensitivity = 300;
    e.audience = (Audience) { .form = AUDIENCE_NODES, .n = AUDIENCE_NODES_MAX };
    for (uint32_t i = 0; i < AUDIENCE_NODES_MAX; i++) /* longer than the first room */
        snprintf(e.audience.nodes[i], NODE_NAME_SIZE, "lksa/3203/%040u", i);
    for (int form = AUDIENCE_NONE; form <= AUDIENCE_SCOPE; form++) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n;
        e.audience.form = (AudienceForm)form;
        SET_TEXT(e.audience.scope[1], "32");
        SET_TEXT(e.audience.role_region, "3203");
        ASSERT_OK(codec_encode_envelope(&e, &p, &n));
        assert_canonical(&serasi__v1__envelope__descriptor, bytes_make(p, n));
    }
    _cleanup_(freep) uint8_t *none = NULL;
    size_t n;
    ASSERT_OK(codec_encode_envelope(&(Envelope) { 0 }, &none, &n));
    ASSERT_EQ(n, 0);
}

static bool is_read(const uint8_t *p, size_t n) {
    _cleanup_(freep) uint8_t *exact = malloc(n + 1); /* the sanitizer sees the first byte too far */
    Envelope e;
    memcpy(exact, p, n);
    return envelope_read(bytes_make(exact, n), &e);
}

TEST(envelopes_are_read_in_two_ways_that_agree) {
    Envelope in = sample_envelope(), quick, slow;
    _cleanup_(freep) uint8_t *p = NULL, *a = NULL, *b = NULL, *room = NULL;
    size_t n, n_a, n_b;
    const char *why = "";
    ASSERT_OK(codec_encode_envelope(&in, &p, &n));
    ASSERT_TRUE(envelope_read(bytes_make(p, n), &quick));
    ASSERT_OK(envelope_unpack(bytes_make(p, n), &slow, &why));
    ASSERT_OK(codec_encode_envelope(&quick, &a, &n_a));
    ASSERT_OK(codec_encode_envelope(&slow, &b, &n_b));
    ASSERT_TRUE(bytes_equal(bytes_make(a, n_a), bytes_make(p, n)));
    ASSERT_TRUE(bytes_equal(bytes_make(b, n_b), bytes_make(p, n)));

    /* Cut anywhere, or with any byte another one: what is still read both ways read alike. */
    room = malloc(n);
    for (size_t i = 0; i < n; i++) {
        (void)is_read(p, i);
        for (unsigned x = 1; x < 256; x++) {
            memcpy(room, p, n);
            room[i] ^= (uint8_t)x;
            if (!envelope_read(bytes_make(room, n), &quick))
                continue;
            _cleanup_(freep) uint8_t *c = NULL, *d = NULL;
            size_t n_c, n_d;
            ASSERT_OK(envelope_unpack(bytes_make(room, n), &slow, &why));
            ASSERT_OK(codec_encode_envelope(&quick, &c, &n_c));
            ASSERT_OK(codec_encode_envelope(&slow, &d, &n_d));
            ASSERT_TRUE(bytes_equal(bytes_make(c, n_c), bytes_make(d, n_d)));
        }
    }
}

TEST(what_is_unusual_in_an_envelope_is_left_to_protobuf_c) {
    static const struct {
        const char *bytes;
        size_t n;
    } more[] = {
        { "\x10\x01", 2 },             /* kind again */
        { "\x18\x81\x00", 3 },         /* a number with a byte too many */
        { "\xa8\x01\x01", 3 },         /* field 21 */
        { "\x2a\x02\x12\x00", 4 },     /* audience, by role */
        { "\x0d\x01\x02\x03\x04", 5 }, /* another wire type */
        { "\x72\x01", 2 },             /* half a field */
    };
    Envelope in = sample_envelope();
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    in.audience.n = in.schema = 0;
    in.audience.form = AUDIENCE_NONE;
    ASSERT_OK(codec_encode_envelope(&in, &p, &n));
    ASSERT_TRUE(is_read(p, n));
    for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
        _cleanup_(freep) uint8_t *longer = malloc(n + more[i].n);
        memcpy(longer, p, n);
        memcpy(longer + n, more[i].bytes, more[i].n);
        ASSERT_TRUE(!is_read(longer, n + more[i].n));
    }
    SET_TEXT(in.sender, "Not A Node");
    _cleanup_(freep) uint8_t *wrong = NULL;
    ASSERT_OK(codec_encode_envelope(&in, &wrong, &n));
    ASSERT_TRUE(!is_read(wrong, n));
}

TEST(two_forms_of_audience_are_none) {
    /* audience { to: "hub" scope: "32" } behind a minimal envelope */
    static const uint8_t b[] = { 0x0a, 16,   1,  2,   3,   4,   5,    6, 7,   8,   9,   10,
                                 11,   12,   13, 14,  15,  16,  0x22, 3, 'h', 'u', 'b', 0x2a,
                                 9,    0x0a, 3,  'h', 'u', 'b', 0x1a, 2, '3', '2' };
    Envelope e;
    const char *why;
    ASSERT_OK(codec_decode_envelope(bytes_make(b, sizeof(b)), &e, &why));
    ASSERT_EQ(e.audience.form, AUDIENCE_NONE);
}

static void assert_envelope_refused(const Envelope *e, const char *expected) {
    Envelope out;
    const char *why = "";
    ASSERT_EQ(envelope_trip(e, &out, &why), WIRE_MALFORMED);
    ASSERT_STR(why, expected);
}

TEST(a_nil_message_id_is_none) {
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    const char *why = "";
    Envelope e = sample_envelope(), ret;
    ASSERT_OK(codec_encode_envelope(&e, &p, &n));
    ASSERT_TRUE(p[0] == 0x0a && p[1] == UUID_SIZE);
    memset(p + 2, 0, UUID_SIZE);
    ASSERT_EQ(codec_decode_envelope(bytes_make(p, n), &ret, &why), WIRE_MALFORMED);
    ASSERT_STR(why, "envelope.message_id: is nil");
}

TEST(envelope_forms_are_checked) {
    Envelope e = sample_envelope();
    e.message_id = (Uuid) { { 0 } };
    assert_envelope_refused(&e, "envelope.message_id: not 16 bytes");
    e = sample_envelope();
    SET_TEXT(e.sender, "Dinas Sosial");
    assert_envelope_refused(&e, "envelope.sender: not a node id");
    e = sample_envelope();
    SET_TEXT(e.region, "32.03");
    assert_envelope_refused(&e, "envelope.region: not a region code");
    e = sample_envelope();
    SET_TEXT(e.audience.nodes[1], "");
    assert_envelope_refused(&e, "envelope.audience.to: not a node id");
    e = sample_envelope();
    e.created_ms = -1;
    assert_envelope_refused(&e, "envelope: time out of range");
    e = sample_envelope();
    e.receipts = (ReceiptPolicy)3;
    assert_envelope_refused(&e, "envelope: kind or receipts out of range");
    e = sample_envelope();
    e.status = MESSAGE_STATUS_TEST + 1;
    assert_envelope_refused(&e, "envelope.status: out of range");
    Envelope out;
    ASSERT_EQ(codec_decode_stored_envelope(bytes_make("\xff", 1), &out), -EBADMSG);
}

static int decode_message(const Envelope *e, const ProtobufCMessage *facts, Bytes sealed,
                          Message *m, const char **why) {
    uint8_t facts_bytes[4096];
    size_t n_facts = facts ? protobuf_c_message_pack(facts, facts_bytes) : 0;
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    ASSERT_OK(codec_encode_envelope(e, &p, &n));
    return codec_decode_message(bytes_make(p, n), bytes_make(facts_bytes, n_facts), sealed, m, why);
}

TEST(a_message_brings_what_the_rules_read) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    Serasi__V1__Date day = SERASI__V1__DATE__INIT;
    day.year = 2025;
    day.month = 3;
    day.day = 10;
    Serasi__V1__ReferralRequest facts = SERASI__V1__REFERRAL_REQUEST__INIT;
    facts.requested_on = facts.home_service_started_on = &day;
    Envelope e = sample_envelope();
    const char *why = "";
    uint8_t digest[DIGEST_SIZE];
    ASSERT_OK(decode_message(&e, &facts.base, bytes_make("secret", 6), m, &why));
    ASSERT_TRUE(m->facts.readable);
    ASSERT_EQ(civil_compare(m->facts.request.requested_on, (CivilDate) { 2025, 3, 10 }), 0);
    ASSERT_TRUE(civil_is_set(m->facts.request.home_service_started_on));
    ASSERT_TRUE(!civil_is_set(m->facts.request.outside_service_started_on));
    ASSERT_EQ(m->lane, LANE_PRIORITY);
    ASSERT_EQ(body_sealed(m->body).n, 6);
    hash_message(body_envelope(m->body), body_facts(m->body), body_sealed(m->body), digest);
    assert_memory_equal(digest, m->digest, sizeof(digest));
    day.month = 2;
    day.day = 30;
    ASSERT_EQ(decode_message(&e, &facts.base, (Bytes) { 0 }, m, &why), WIRE_MALFORMED);
    ASSERT_STR(why, "facts: a day that does not exist");
    ASSERT_EQ(body_sealed(m->body).n, 6); /* a refusal leaves the message alone */
}

TEST(harm_now_lifts_a_complaint) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    Serasi__V1__Complaint facts = SERASI__V1__COMPLAINT__INIT;
    Envelope e = sample_envelope();
    const char *why;
    e.kind = KIND_COMPLAINT;
    e.urgency = URGENCY_ROUTINE;
    facts.harm_now = 1;
    ASSERT_OK(decode_message(&e, &facts.base, (Bytes) { 0 }, m, &why));
    ASSERT_TRUE(m->facts.complaint.harm_now);
    ASSERT_EQ(m->lane, LANE_EMERGENCY);
}

TEST(unknown_kinds_are_carried_unread_and_known_ones_must_be_sound) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    const char *why = "";
    Bytes junk = bytes_make("\xff\xff\xff\xff", 4);
    Envelope e = sample_envelope();
    e.kind = 4711;
    ASSERT_OK(codec_encode_envelope(&e, &p, &n));
    ASSERT_OK(codec_decode_message(bytes_make(p, n), junk, (Bytes) { 0 }, m, &why));
    ASSERT_TRUE(!m->facts.readable);
    free(TAKE_PTR(p));
    e.kind = KIND_COMPLAINT;
    ASSERT_OK(codec_encode_envelope(&e, &p, &n));
    ASSERT_EQ(codec_decode_message(bytes_make(p, n), junk, (Bytes) { 0 }, m, &why), WIRE_MALFORMED);
    ASSERT_STR(why, "facts: not the message of this kind");
}

TEST(parts_have_their_limits) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    _cleanup_(freep) uint8_t *p = NULL, *large = calloc(1, SEALED_MAX + 1);
    size_t n;
    const char *why = "";
    Envelope e = sample_envelope();
    e.kind = 4711;
    ASSERT_OK(codec_encode_envelope(&e, &p, &n));
    Bytes envelope = bytes_make(p, n), none = { 0 };
    ASSERT_OK(codec_decode_message(envelope, bytes_make(large, FACTS_MAX),
                                   bytes_make(large, SEALED_MAX), m, &why));
    ASSERT_EQ(codec_decode_message(envelope, bytes_make(large, FACTS_MAX + 1), none, m, &why),
              WIRE_TOO_LARGE);
    ASSERT_EQ(codec_decode_message(envelope, none, bytes_make(large, SEALED_MAX + 1), m, &why),
              WIRE_TOO_LARGE);
    ASSERT_EQ(codec_decode_message(bytes_make(large, ENVELOPE_MAX + 1), none, none, m, &why),
              WIRE_TOO_LARGE);
}

TEST(the_field_with_personal_data_is_named) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    Serasi__V1__DocumentRef clean = SERASI__V1__DOCUMENT_REF__INIT;
    Serasi__V1__DocumentRef leak = SERASI__V1__DOCUMENT_REF__INIT;
    Serasi__V1__DocumentRef *documents[] = { &clean, &leak };
    Serasi__V1__ReferralRequest facts = SERASI__V1__REFERRAL_REQUEST__INIT;
    Envelope e = sample_envelope();
    const char *why;
    clean.number = (char *)"460/123/Dinsos/2025";
    clean.issuer = (char *)"pks/3203052001";
    facts.documents = documents;
    facts.n_documents = 2;
    ASSERT_OK(decode_message(&e, &facts.base, (Bytes) { 0 }, m, &why));
    ASSERT_STR(m->facts.personal_field, "");
    leak.number = (char *)"3203051203990001";
    ASSERT_OK(decode_message(&e, &facts.base, (Bytes) { 0 }, m, &why));
    ASSERT_STR(m->facts.personal_field, "facts.documents.number");
}

TEST(an_id_made_of_an_identity_number_is_named) {
    static const char *const names[] = { "message_id", "case_id", "correlation_id",
                                         "causation_id" };
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    Serasi__V1__ReferralUpdate facts = SERASI__V1__REFERRAL_UPDATE__INIT;
    const char *why;
    Uuid nik;
    memcpy(nik.b, "3203051203990001", UUID_SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        Envelope e = sample_envelope();
        Uuid *const ids[] = { &e.message_id, &e.case_id, &e.correlation_id, &e.causation_id };
        *ids[i] = nik;
        ASSERT_OK(decode_message(&e, NULL, (Bytes) { 0 }, m, &why));
        ASSERT_STR(m->facts.personal_field, names[i]);
    }
    Envelope e = sample_envelope();
    e.kind = KIND_REFERRAL_UPDATE;
    facts.referral_id = (ProtobufCBinaryData) { UUID_SIZE, nik.b };
    ASSERT_OK(decode_message(&e, &facts.base, (Bytes) { 0 }, m, &why));
    ASSERT_STR(m->facts.personal_field, "facts.referral_id");
}

/* --- receipts, recall, filters --- */

static Filter sample_filter(void) {
    return (Filter) { .n_kinds = 2,
                      .kinds = { KIND_COMPLAINT, 4711 },
                      .n_regions = 2,
                      .regions = { "32", "3203052001" },
                      .n_clusters = 1,
                      .clusters = { CLUSTER_CHILD },
                      .n_cases = 1,
                      .cases = { ID },
                      .n_urgencies = 1,
                      .urgencies = { URGENCY_EVENT },
                      .n_sender_kinds = 1,
                      .sender_kinds = { NODE_PUSKESOS } };
}

TEST(a_receipt_reads_back_as_it_was_meant) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    Receipt r = { .message_id = ID,
                  .sender = "dsk/3203",
                  .recipient = "upt/satria",
                  .level = LEVEL_UNDELIVERABLE,
                  .cause = CAUSE_DEAD_CRASHED,
                  .leg = "hub",
                  .said_ms = TIME_MS,
                  .attempts = 16,
                  .detail = "crashed",
                  .region = "3203",
                  .correlation_id = ID,
                  .n_stamps = 1,
                  .stamps = { { "hub", TIME_MS } } };
    _cleanup_(body_unrefp) Body *b = codec_encode_receipt(&r, "upt/satria", TIME_MS + 5);
    _cleanup_(body_unrefp) Body *again = codec_encode_receipt(&r, "upt/satria", TIME_MS + 99);
    const char *why = "";
    Uuid id = receipt_message_id(&r);
    uint8_t digest[DIGEST_SIZE];
    ASSERT_TRUE(bytes_equal(body_envelope(b), body_envelope(again)));
    assert_canonical(&serasi__v1__envelope__descriptor, body_envelope(b));
    assert_canonical(&serasi__v1__receipt__descriptor, body_facts(b));
    ASSERT_OK(codec_decode_message(body_envelope(b), body_facts(b), body_sealed(b), m, &why));
    ASSERT_TRUE(uuid_equal(&m->env.message_id, &id) && uuid_equal(&m->env.causation_id, &ID));
    ASSERT_EQ(m->env.kind, KIND_RECEIPT);
    ASSERT_STR(m->env.audience.nodes[0], "dsk/3203");
    ASSERT_STR(m->env.sender, "upt/satria");
    ASSERT_EQ(m->env.created_ms, TIME_MS);
    ASSERT_EQ(m->lane, LANE_PRIORITY);
    ASSERT_EQ(m->facts.receipt.level, LEVEL_UNDELIVERABLE);
    ASSERT_EQ(m->facts.receipt.cause, CAUSE_DEAD_CRASHED);
    ASSERT_EQ(m->facts.receipt.said_ms, TIME_MS);
    ASSERT_STR(m->facts.receipt.recipient, "upt/satria");
    ASSERT_STR(m->facts.receipt.leg, "hub");
    ASSERT_TRUE(uuid_equal(&m->facts.receipt.message_id, &ID));
    hash_digest(body_facts(b), digest);
    assert_memory_equal(digest, m->env.facts_digest, sizeof(digest));
}

static Notice sample_notice(void) {
    return (Notice) { .id = ID,
                      .to = "dsp/32",
                      .code = "R-072",
                      .item_kind = SERASI__V1__ITEM_KIND__ITEM_KIND_REFERRAL,
                      .item_id = { { 2 } },
                      .level = 1,
                      .owed_by = "dsk/3203",
                      .due_ms = TIME_MS - DAY_MS,
                      .text_en = "Emergency documents overdue.",
                      .text_id = "Dokumen susulan kedaruratan terlambat.",
                      .pasal = "P4 Pasal 9",
                      .region = "3203",
                      .cluster = CLUSTER_CHILD,
                      .status = MESSAGE_STATUS_TEST,
                      .urgency = URGENCY_EMERGENCY,
                      .case_id = { { 3 } },
                      .correlation_id = { { 2 } },
                      .causation_id = { { 4 } },
                      .now_ms = TIME_MS };
}

TEST(a_notice_reads_back_as_it_was_meant) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    const Notice n = sample_notice();
    _cleanup_(body_unrefp) Body *b = codec_encode_notice(&n, "upt/satria");
    const char *why = "";
    uint8_t digest[DIGEST_SIZE];
    ASSERT_OK(codec_decode_message(body_envelope(b), body_facts(b), body_sealed(b), m, &why));
    ASSERT_EQ(m->env.kind, KIND_NOTICE);
    ASSERT_TRUE(uuid_equal(&m->env.message_id, &ID) && uuid_equal(&m->env.case_id, &n.case_id));
    ASSERT_TRUE(uuid_equal(&m->env.correlation_id, &n.correlation_id));
    ASSERT_TRUE(uuid_equal(&m->env.causation_id, &n.causation_id));
    ASSERT_STR(m->env.sender, "upt/satria");
    ASSERT_TRUE(m->env.audience.form == AUDIENCE_NODES && m->env.audience.n == 1);
    ASSERT_STR(m->env.audience.nodes[0], "dsp/32");
    ASSERT_STR(m->env.region, "3203");
    ASSERT_EQ(m->env.cluster, CLUSTER_CHILD);
    ASSERT_EQ(m->env.status, MESSAGE_STATUS_TEST);
    ASSERT_EQ(m->env.urgency, URGENCY_EMERGENCY);
    ASSERT_EQ(m->env.sensitivity, SENSITIVITY_INTERNAL);
    ASSERT_EQ(m->env.created_ms, TIME_MS);
    ASSERT_EQ(m->lane, LANE_PRIORITY);
    ASSERT_EQ(body_sealed(b).n, 0);
    hash_digest(body_facts(b), digest);
    assert_memory_equal(digest, m->env.facts_digest, sizeof(digest));
    ASSERT_STR(m->facts.notice.code, "R-072");
    ASSERT_EQ(m->facts.notice.item_kind, 1);
    ASSERT_TRUE(uuid_equal(&m->facts.notice.item_id, &n.item_id));
    ASSERT_EQ(m->facts.notice.level, 1);
    ASSERT_STR(m->facts.notice.owed_by_node, "dsk/3203");
    ASSERT_EQ(m->facts.notice.due_ms, TIME_MS - DAY_MS);
    ASSERT_STR(m->facts.personal_field, "");
}

TEST(a_notice_prints_both_texts_and_may_lack_them) {
    Notice n = sample_notice();
    _cleanup_(body_unrefp) Body *b = codec_encode_notice(&n, "upt/satria");
    n.text_en = n.text_id = n.pasal = NULL;
    _cleanup_(body_unrefp) Body *bare = codec_encode_notice(&n, "upt/satria");
    _cleanup_(freep) char *text = NULL, *short_text = NULL;
    ASSERT_OK(
        json_print_message(body_envelope(b), body_facts(b), (Bytes) { 0 }, NULL, false, &text));
    ASSERT_TRUE(strstr(text, "\"english\":\"Emergency documents overdue.\","
                             "\"indonesian\":\"Dokumen susulan kedaruratan terlambat.\","
                             "\"legal_basis\":\"P4 Pasal 9\""));
    ASSERT_TRUE(strstr(text, "\"item_kind\":\"ITEM_KIND_REFERRAL\""));
    ASSERT_OK(json_print_message(body_envelope(bare), body_facts(bare), (Bytes) { 0 }, NULL, false,
                                 &short_text));
    ASSERT_TRUE(!strstr(short_text, "english") && !strstr(short_text, "legal_basis\":\"P4"));
}

TEST(a_recall_order_names_its_message) {
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    _cleanup_(freep) uint8_t *p = NULL, *facts = NULL;
    size_t n, n_facts;
    const char *why = "";
    Envelope e = sample_envelope();
    e.kind = KIND_RECALL_ORDER;
    ASSERT_OK(codec_encode_envelope(&e, &p, &n));
    ASSERT_OK(codec_encode_recall_order(&ID, "WRONG_CASE", &facts, &n_facts));
    ASSERT_OK(
        codec_decode_message(bytes_make(p, n), bytes_make(facts, n_facts), (Bytes) { 0 }, m, &why));
    ASSERT_TRUE(uuid_equal(&m->facts.recall.message_id, &ID));
    ASSERT_EQ(codec_decode_message(bytes_make(p, n), (Bytes) { 0 }, (Bytes) { 0 }, m, &why),
              WIRE_MALFORMED);
}

TEST(filters_are_stored_and_read_back) {
    Filter in = sample_filter(), out = { 0 }, empty = { 0 }, nation = { .n_regions = 1 };
    uint8_t buf[1024];
    Bytes b = codec_encode_filter(&in, buf, sizeof(buf));
    ASSERT_TRUE(b.n > 0);
    ASSERT_OK(codec_decode_filter(b, &out));
    ASSERT_TRUE(filter_equal(&in, &out));
    ASSERT_EQ(codec_encode_filter(&in, buf, b.n - 1).n, 0);
    b = codec_encode_filter(&empty, buf, sizeof(buf));
    ASSERT_TRUE(b.n > 0); /* nothing means "did not fit" */
    ASSERT_OK(codec_decode_filter(b, &out));
    ASSERT_TRUE(filter_equal(&empty, &out));
    ASSERT_OK(codec_decode_filter(codec_encode_filter(&nation, buf, sizeof(buf)), &out));
    ASSERT_TRUE(filter_equal(&empty, &out)); /* "" is every region */
    ASSERT_EQ(codec_decode_filter(bytes_make("\xa0\x06\x01", 3), &out), WIRE_MALFORMED);
}

TEST_MAIN
