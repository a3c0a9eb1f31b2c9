/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/text.h"
#include "serasi/v1/directory.pb-c.h"
#include "serasi/v1/sealed.pb-c.h"
#include "test.h"
#include "wire/codec.h"
#include "wire/json.h"
#include "wire/kinds.h"

#define NOW_MS INT64_C(1741575900123) /* 2025-03-10T03:05:00.123Z */

static const char referral[] =
    "{\"envelope\": {\"kind\": \"REFERRAL_REQUEST\", \"region\": \"3203\","
    "  \"message_id\": \"01957e1d-2a7b-7c1c-8def-0123456789ab\","
    "  \"audience\": {\"role\": {\"kind\": \"NODE_KIND_UPT_BALAI\", \"region\": \"3203\"}},"
    "  \"cluster\": \"CHILD\", \"urgency\": \"PRIORITY\","
    "  \"case_id\": \"11111111-2222-4333-8444-555555555555\","
    "  \"expires_at\": \"2025-03-20T10:05:00+07:00\"},"
    " \"facts\": {\"referral_kind\": \"TO_NATIONAL_UPT\", \"criteria\": [\"NEGLECT\", \"POVERTY\"],"
    "  \"requested_on\": \"2025-03-10\", \"emergency\": true, \"age_band\": \"AGE_0_12\","
    "  \"documents\": [{\"type\": \"CONSENT_LETTER\", \"number\": \"460/1\", \"size\": 5000000000,"
    "                   \"sha256\": \"AAECAw==\", \"issued_on\": \"2025-03-09\"}]},"
    " \"sealed\": \"c2VjcmV0\"}";

static int parse(const char *text, JsonMessage *m, char why[static JSON_WHY_SIZE]) {
    why[0] = '\0';
    return json_parse_message(text, strlen(text), "dsk/3203", NOW_MS, m, why);
}

static Bytes envelope_of(const JsonMessage *m) {
    return bytes_make(m->envelope, m->n_envelope);
}
static Bytes facts_of(const JsonMessage *m) {
    return bytes_make(m->facts, m->n_facts);
}
static Bytes sealed_of(const JsonMessage *m) {
    return bytes_make(m->sealed, m->n_sealed);
}

static void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("no %s in %s", part, text);
}

TEST(a_message_file_becomes_a_message) {
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    _cleanup_(message_freep) Message *read = calloc(1, sizeof(*read));
    char why[JSON_WHY_SIZE];
    const char *reason = "";
    uint8_t digest[DIGEST_SIZE];
    ASSERT_EQ(parse(referral, &m, why), 0);
    ASSERT_OK(codec_decode_message(envelope_of(&m), facts_of(&m), sealed_of(&m), read, &reason));
    ASSERT_EQ(read->env.kind, KIND_REFERRAL_REQUEST);
    ASSERT_STR(read->env.sender, "dsk/3203"); /* filled in */
    ASSERT_EQ(read->env.schema, 1);
    ASSERT_EQ(read->env.created_ms, NOW_MS);
    ASSERT_EQ(read->env.audience.form, AUDIENCE_ROLE);
    ASSERT_EQ(read->env.audience.role_kind, NODE_UPT_BALAI);
    ASSERT_EQ(read->env.expires_ms, INT64_C(1742439900000));
    ASSERT_EQ(civil_compare(read->facts.request.requested_on, (CivilDate) { 2025, 3, 10 }), 0);
    ASSERT_TRUE(uuid_equal(&m.message_id, &read->env.message_id));
    ASSERT_TRUE(bytes_equal(sealed_of(&m), bytes_make("secret", 6)));
    hash_digest(facts_of(&m), digest);
    assert_memory_equal(digest, read->env.facts_digest, sizeof(digest));
    hash_digest(sealed_of(&m), digest);
    assert_memory_equal(digest, read->env.sealed_digest, sizeof(digest));
}

TEST(printed_and_read_again_it_is_the_same_message) {
    _cleanup_(json_message_deinit) JsonMessage first = { 0 }, second = { 0 };
    _cleanup_(freep) char *text = NULL;
    char why[JSON_WHY_SIZE];
    ASSERT_EQ(parse(referral, &first, why), 0);
    ASSERT_OK(json_print_message(envelope_of(&first), facts_of(&first), sealed_of(&first), NULL,
                                 false, &text));
    assert_null(strchr(text, '\n'));
    assert_contains(text, "\"kind\":\"MESSAGE_KIND_REFERRAL_REQUEST\"");
    assert_contains(text, "\"requested_on\":\"2025-03-10\"");
    assert_contains(text, "\"created_at\":\"2025-03-10T03:05:00.123Z\"");
    assert_contains(text, "\"case_id\":\"11111111-2222-4333-8444-555555555555\"");
    assert_contains(text, "\"size\":5000000000");
    assert_contains(text, "\"sha256\":\"AAECAw==\"");
    assert_null(strstr(text, "reunified")); /* zero values are left out */
    ASSERT_EQ(parse(text, &second, why), 0);
    ASSERT_TRUE(bytes_equal(envelope_of(&first), envelope_of(&second)));
    ASSERT_TRUE(bytes_equal(facts_of(&first), facts_of(&second)));
    ASSERT_TRUE(bytes_equal(sealed_of(&first), sealed_of(&second)));
}

TEST(exercises_acknowledgements_and_cancellations_have_a_file_form) {
    static const char *const files[] = {
        "{\"envelope\": {\"kind\": \"EVENT_ACKNOWLEDGEMENT\", \"status\": \"EXERCISE\","
        " \"no_supervision\": true, \"audience\": {\"to\": [\"hub\"]}},"
        " \"facts\": {\"event_id\": \"11111111-2222-4333-8444-555555555555\", \"can_help\": true}}",
        "{\"envelope\": {\"kind\": \"EXTRAORDINARY_EVENT\", \"status\": \"TEST\"},"
        " \"facts\": {\"message_type\": \"CANCEL\", \"reference_ids\":"
        " [\"11111111-2222-4333-8444-555555555555\"]}}",
    };
    static const char *const printed[][3] = {
        { "\"kind\":\"MESSAGE_KIND_EVENT_ACKNOWLEDGEMENT\"",
          "\"status\":\"MESSAGE_STATUS_EXERCISE\",\"no_supervision\":true",
          "{\"event_id\":\"11111111-2222-4333-8444-555555555555\",\"can_help\":true}" },
        { "\"status\":\"MESSAGE_STATUS_TEST\"", "\"message_type\":\"EVENT_MESSAGE_TYPE_CANCEL\"",
          "\"reference_ids\":[\"11111111-2222-4333-8444-555555555555\"]" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_(json_message_deinit) JsonMessage m = { 0 };
        _cleanup_(freep) char *text = NULL;
        char why[JSON_WHY_SIZE];
        ASSERT_EQ(parse(files[i], &m, why), 0);
        ASSERT_OK(
            json_print_message(envelope_of(&m), facts_of(&m), (Bytes) { 0 }, NULL, false, &text));
        for (size_t k = 0; k < ARRAY_SIZE(printed[i]); k++)
            assert_contains(text, printed[i][k]);
    }
}

TEST(a_missing_id_is_minted_and_facts_may_be_empty) {
    _cleanup_(json_message_deinit) JsonMessage a = { 0 }, b = { 0 };
    char why[JSON_WHY_SIZE];
    const char *text = "{\"envelope\": {\"kind\": \"COMPLAINT\"}}";
    ASSERT_EQ(parse(text, &a, why), 0);
    ASSERT_EQ(parse(text, &b, why), 0);
    ASSERT_TRUE(!uuid_is_nil(&a.message_id) && !uuid_equal(&a.message_id, &b.message_id));
    ASSERT_EQ(a.n_facts, 0);
}

/* A message of kind CASE_OPENED with these facts is refused with these words. */
static void assert_refused(const char *envelope, const char *facts, const char *expected) {
    char text[1024], why[JSON_WHY_SIZE];
    JsonMessage m = { 0 };
    (void)snprintf(text, sizeof(text),
                   "{\"envelope\": {\"kind\": \"CASE_OPENED\"%s}, \"facts\": %s}", envelope, facts);
    ASSERT_EQ(parse(text, &m, why), -EINVAL);
    ASSERT_STR(why, expected);
    assert_null(m.envelope);
}

TEST(errors_name_the_place) {
    assert_refused("", "{\"colour\": 1}", "facts.colour: unknown key");
    assert_refused("", "{\"co\\u001b[2Jl\\nour\\u202e\": 1}", "facts.co [2Jl our   : unknown key");
    assert_refused("", "{\"documents\": [{}, {\"type\": \"X\"}]}",
                   "facts.documents[1].type: unknown enum name X");
    assert_refused("", "{\"documents\": {}}", "facts.documents: must be an array, not an object");
    assert_refused("", "{\"cluster\": true}", "facts.cluster: must be an enum name, not a boolean");
    assert_refused("", "{\"origin_id\": \"123\"}", "facts.origin_id: not a UUID: 123");
    assert_refused("", "{\"case_manager\": 3}",
                   "facts.case_manager: must be an object, not a number");
    assert_refused("", "{\"documents\": [{\"issued_on\": \"2025-02-30\"}]}",
                   "facts.documents[0].issued_on: not a day: 2025-02-30");
    assert_refused("", "{\"documents\": [{\"size\": -1}]}",
                   "facts.documents[0].size: number out of range");
    assert_refused("", "{\"documents\": [{\"size\": 1.5}]}",
                   "facts.documents[0].size: must be a whole number, not a number");
    assert_refused("", "{\"documents\": [{\"sha256\": \"!\"}]}",
                   "facts.documents[0].sha256: not base64");
    assert_refused(", \"created_at\": \"yesterday\"", "{}",
                   "envelope.created_at: not an RFC 3339 time: yesterday");
    assert_refused(", \"schema\": 4294967296", "{}", "envelope.schema: number out of range");
    assert_refused(", \"sender\": null", "{}", "envelope.sender: must be a string, not null");
    assert_refused(", \"region\": \"32.03\"", "{}", "envelope.region: not a region code");
    assert_refused(", \"audience\": {\"to\": [\"DSK\"]}", "{}",
                   "envelope.audience.to: not a node id");
}

TEST(files_that_are_no_messages_are_refused) {
    JsonMessage m = { 0 };
    char why[JSON_WHY_SIZE];
    ASSERT_EQ(parse("{\"envelope\": {}, \"extra\": 1}", &m, why), -EINVAL);
    ASSERT_STR(why, "extra: unknown key");
    ASSERT_EQ(parse("{\"facts\": {}}", &m, why), -EINVAL);
    ASSERT_STR(why, "envelope is missing");
    ASSERT_EQ(parse("{\"envelope\": {\"region\": \"32\"}}", &m, why), -EINVAL);
    ASSERT_STR(why, "envelope: kind is missing");
    ASSERT_EQ(parse("{\"envelope\": {\"kind\": 4711}, \"facts\": {}}", &m, why), -EINVAL);
    ASSERT_STR(why, "facts: facts of kind 4711 are not known to this program");
    ASSERT_EQ(parse("{\"envelope\": {\"kind\": 1, \"kind\": 2}}", &m, why), -EINVAL);
    assert_contains(why, "duplicate object key");
    ASSERT_EQ(parse("[1]", &m, why), -EINVAL);
    ASSERT_EQ(parse("{\"envelope\": ", &m, why), -EINVAL);
    assert_contains(why, "line 1");
    ASSERT_EQ(parse("{\"envelope\": {\"kind\": \"COMPLAINT\"}, \"sealed\": \"x\"}", &m, why),
              -EINVAL);
    ASSERT_STR(why, "sealed: not base64");
}

TEST(a_file_that_unfolds_too_far_is_refused) {
    size_t n = 3 * 200000;
    _cleanup_(freep) char *text = malloc(n + 200);
    char why[JSON_WHY_SIZE];
    JsonMessage m = { 0 };
    char *at =
        stpcpy(text, "{\"envelope\":{\"kind\":\"CASE_OPENED\"},\"facts\":{\"documents\":[{}");
    for (size_t i = 0; i < n; i += 3)
        at = stpcpy(at, ",{}");
    (void)strcpy(at, "]}}");
    ASSERT_EQ(parse(text, &m, why), -EINVAL);
    assert_contains(why, "too much memory");
}

TEST(a_delivery_is_printed_with_what_the_broker_said) {
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    _cleanup_(freep) char *text = NULL, *pretty = NULL;
    char why[JSON_WHY_SIZE];
    Frame f = { .kind = FRAME_DELIVER };
    f.deliver.channel = 1;
    f.deliver.tag = 7;
    f.deliver.attempt = 1;
    f.deliver.role = ROLE_SUPERVISOR;
    f.deliver.accepted_ms = NOW_MS;
    f.deliver.n_stamps = 1;
    f.deliver.stamps[0] = (HopStamp) { "hub", NOW_MS };
    (void)text_copy(f.deliver.recipient, sizeof(f.deliver.recipient), "dsp/32");
    ASSERT_EQ(parse(referral, &m, why), 0);
    ASSERT_OK(json_print_message(envelope_of(&m), facts_of(&m), (Bytes) { 0 }, &f, false, &text));
    assert_contains(text, "\"delivery\":{\"channel\":1,\"tag\":7,\"attempt\":1,\"recipient\":"
                          "\"dsp/32\",\"role\":\"SUPERVISOR\",\"accepted_at\":"
                          "\"2025-03-10T03:05:00.123Z\",\"suspect\":false,\"stamps\":[{\"broker\":"
                          "\"hub\",\"stored_at\":\"2025-03-10T03:05:00.123Z\"}]}");
    assert_null(strstr(text, "sealed\""));
    ASSERT_OK(
        json_print_message(envelope_of(&m), facts_of(&m), sealed_of(&m), NULL, true, &pretty));
    assert_contains(pretty, "\n  \"facts\": {\n");
}

TEST(what_cannot_be_read_is_printed_as_base64) {
    _cleanup_(freep) uint8_t *p = NULL;
    _cleanup_(freep) char *text = NULL, *broken = NULL;
    size_t n;
    Envelope e = { .message_id = { { 1 } }, .kind = 4711, .sender = "hub" };
    ASSERT_OK(codec_encode_envelope(&e, &p, &n));
    ASSERT_OK(json_print_message(bytes_make(p, n), bytes_make("abc", 3), (Bytes) { 0 }, NULL, false,
                                 &text));
    assert_contains(text, "\"kind\":4711");
    assert_contains(text, "\"facts_bytes\":\"YWJj\"");
    ASSERT_OK(json_print_message(bytes_make("\xff", 1), (Bytes) { 0 }, (Bytes) { 0 }, NULL, false,
                                 &broken));
    ASSERT_STR(broken, "{\"envelope_bytes\":\"/w==\"}");
}

TEST(filters_are_read) {
    Filter f;
    char why[JSON_WHY_SIZE];
    ASSERT_OK(json_parse_filter("{\"kinds\": [\"REFERRAL_REQUEST\"], \"regions\": [\"32\"],"
                                " \"case_ids\": [\"11111111-2222-4333-8444-555555555555\"],"
                                " \"urgencies\": [\"EVENT\"], \"sender_kinds\": [\"PUSKESOS\"]}",
                                &f, why));
    ASSERT_EQ(f.kinds[0], KIND_REFERRAL_REQUEST);
    ASSERT_STR(f.regions[0], "32");
    ASSERT_TRUE(f.n_cases == 1 && f.cases[0].b[0] == 0x11);
    ASSERT_EQ(f.urgencies[0], URGENCY_EVENT);
    ASSERT_EQ(f.sender_kinds[0], NODE_PUSKESOS);
    ASSERT_EQ(json_parse_filter("{\"regions\": [\"x\"]}", &f, why), -EINVAL);
    ASSERT_STR(why, "filter: regions are digits");
    ASSERT_EQ(json_parse_filter("{\"kinds\": [\"NONE\"]}", &f, why), -EINVAL);
    ASSERT_STR(why, "kinds[0]: unknown enum name NONE");
}

static int parse_line(const char *text, DirRecord *line, char why[static JSON_WHY_SIZE]) {
    why[0] = '\0';
    return json_parse_directory_line(text, strlen(text), line, why);
}

TEST(directory_lines_are_read) {
    static DirRecord l;
    char why[JSON_WHY_SIZE];
    ASSERT_EQ(parse_line("{\"node\": {\"id\": \"upt/satria\", \"kind\": \"UPT_BALAI\", \"name\": "
                         "\"Sentra Satria\", \"parent\": \"hub\", \"home\": \"upt/satria\", "
                         "\"broker_parent\": \"hub\", \"broker\": true, \"capacity\": 90, "
                         "\"clusters\": [\"CHILD\"], \"bases\": [\"RESIDENTIAL\"], "
                         "\"service_area\": [{\"region\": \"33\", \"cluster\": \"CHILD\", "
                         "\"priority\": 1}]}}",
                         &l, why),
              0);
    ASSERT_EQ(l.kind, DIR_NODE);
    ASSERT_EQ(l.node.kind, NODE_UPT_BALAI);
    ASSERT_STR(l.node.broker_parent, "hub");
    ASSERT_TRUE(l.node.broker && l.node.capacity == 90 && l.node.n_areas == 1);
    ASSERT_STR(l.node.areas[0].region, "33");
    ASSERT_EQ(l.node.bases, codes_of(3));
    ASSERT_EQ(parse_line("{\"key\": {\"node\": \"dsk/3203\", \"label\": \"main\", \"curve\": "
                         "\"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\", \"operator\": true, "
                         "\"valid_until_at\": \"2026-01-01T00:00:00Z\", \"revoked\": true}}",
                         &l, why),
              0);
    ASSERT_EQ(l.kind, DIR_KEY);
    ASSERT_TRUE(l.key.operator_ && l.key.revoked && !l.key.broker);
    ASSERT_EQ(l.key.valid_until_ms, INT64_C(1767225600000));
    ASSERT_EQ(parse_line("{\"region\": {\"code\": \"3203\", \"name\": \"Cianjur\", \"since\": "
                         "\"2022-01-01\"}}",
                         &l, why),
              0);
    ASSERT_EQ(l.kind, DIR_REGION);
    ASSERT_STR(l.region.name, "Cianjur");
}

TEST(a_key_line_is_printed_and_read_as_the_same) {
    static DirRecord l;
    char why[JSON_WHY_SIZE];
    DirKey k = { .curve = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
                 .node = "dsk/3203",
                 .label = "main",
                 .broker = true,
                 .valid_from_ms = NOW_MS };
    memset(k.sign.b, 0xfb, sizeof(k.sign.b));
    k.seal.b[31] = 1;
    for (int round = 0; round < 2; round++) {
        _cleanup_(freep) char *text = NULL;
        ASSERT_OK(json_print_key_line(&k, &text));
        ASSERT_EQ(strstr(text, "ed25519") != NULL, round == 0);
        ASSERT_OK(parse_line(text, &l, why));
        ASSERT_EQ(l.kind, DIR_KEY);
        assert_memory_equal(&l.key, &k, sizeof(k));
        k.sign = (SignPublic) { 0 }; /* a key set that only connects */
        k.seal = (SealPublic) { 0 };
    }
}

TEST(what_the_law_asks_of_an_institution_is_read) {
    static DirRecord l;
    char why[JSON_WHY_SIZE];
    ASSERT_OK(
        parse_line("{\"node\": {\"id\": \"lksa/3302/0008\", \"kind\": \"LKSA\", \"ipwl\": true, "
                   "\"lpks\": true, \"national_referral_centre\": true, \"ska\": true, "
                   "\"odhiv\": true, \"bases\": [\"FAMILY\", \"RESIDENTIAL\"], "
                   "\"accreditation\": {\"grade\": \"C\", \"valid_until\": \"2025-04-30\"}, "
                   "\"designation\": {\"by\": \"GOVERNOR\", \"scope\": \"IN_HOME\", "
                   "\"valid_until\": \"2026-12-31\"}}}",
                   &l, why));
    const DirNode *n = &l.node;
    ASSERT_TRUE(n->ipwl && n->lpks && n->national_referral_centre && n->ska && n->odhiv);
    ASSERT_EQ(n->bases, codes_of(1) | codes_of(3));
    ASSERT_EQ(n->accreditation_grade, 4);
    ASSERT_EQ(civil_compare(n->accreditation_valid_until, (CivilDate) { 2025, 4, 30 }), 0);
    ASSERT_EQ(n->designation_by, 2);
    ASSERT_EQ(n->designation_scope, 2);
    ASSERT_EQ(civil_compare(n->designation_valid_until, (CivilDate) { 2026, 12, 31 }), 0);
    ASSERT_OK(parse_line("{\"node\": {\"id\": \"lksa/3302/0008\", \"kind\": \"LKSA\"}}", &l, why));
    ASSERT_TRUE(!n->ipwl && n->bases == 0 && n->accreditation_grade == 0);
    ASSERT_TRUE(!civil_is_set(n->accreditation_valid_until));
}

TEST(holidays_are_read) {
    static DirRecord l;
    char why[JSON_WHY_SIZE];
    ASSERT_OK(
        parse_line("{\"holiday\": {\"on\": \"2025-03-31\", \"name\": \"Idul Fitri\"}}", &l, why));
    ASSERT_EQ(l.kind, DIR_HOLIDAY);
    ASSERT_EQ(civil_compare(l.holiday.on, (CivilDate) { 2025, 3, 31 }), 0);
    ASSERT_STR(l.holiday.name, "Idul Fitri");
    ASSERT_TRUE(!l.holiday.working);
    ASSERT_OK(parse_line("{\"holiday\": {\"on\": \"2025-03-31\", \"working\": true}}", &l, why));
    ASSERT_TRUE(l.holiday.working);
}

static void assert_line_refused(const char *text, const char *expected) {
    DirRecord l;
    char why[JSON_WHY_SIZE];
    ASSERT_EQ(parse_line(text, &l, why), -EINVAL);
    ASSERT_STR(why, expected);
}

TEST(bad_directory_lines_say_why) {
    assert_line_refused("{}", "one of node, key, region and holiday must be given");
    assert_line_refused("{\"node\": {}, \"key\": {}}",
                        "key: only one of the alternatives may be given");
    assert_line_refused("{\"node\": {\"id\": \"DSK\", \"kind\": 8}}", "node.id: not a node id");
    assert_line_refused("{\"node\": {\"id\": \"hub\"}}", "node.kind: is missing");
    assert_line_refused("{\"node\": {\"id\": \"hub\", \"kind\": 1, \"name\": \"a\\u001b[2J\"}}",
                        "node.name: holds control characters");
    assert_line_refused(
        "{\"node\": {\"id\": \"hub\", \"kind\": 1, \"service_area\": "
        "[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}}",
        "node.service_area: too many areas");
    assert_line_refused("{\"key\": {\"node\": \"hub\", \"curve\": \"short\"}}",
                        "key.curve: must be 40 characters of Z85");
    assert_line_refused("{\"key\": {\"node\": \"hub\", \"curve\": "
                        "\"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\"}}",
                        "key.curve: must be 40 characters of Z85");
    assert_line_refused("{\"key\": {\"node\": \"hub\", \"curve\": "
                        "\"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\", \"x25519\": \"AAAA\"}}",
                        "key.x25519: must be 32 bytes in base64");
    assert_line_refused("{\"key\": {\"node\": \"hub\", \"curve\": "
                        "\"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\", \"ed25519\": \"?\"}}",
                        "key.ed25519: not base64");
    assert_line_refused("{\"region\": {\"name\": \"x\"}}", "region.code: must be up to 10 digits");
    assert_line_refused("{\"holiday\": {\"name\": \"x\"}}", "holiday.on: must be a day");
    assert_line_refused(
        "{\"node\": {\"id\": \"hub\", \"kind\": 1, \"accreditation\": {\"grade\": 9}}}",
        "node.accreditation.grade: there is no such grade");
    assert_line_refused("{\"node\": {\"id\": \"hub\", \"kind\": 1, \"designation\": {\"by\": 9}}}",
                        "node.designation.by: there is no such code");
    assert_line_refused("{\"node\": {\"id\": \"hub\", \"kind\": 1, \"no_longer\": [\"IPWL\"]}}",
                        "node.no_longer: is for messages; a line says how things are");
}

TEST(results_are_printed) {
    Reasons reasons = { .n = 1, .n_refusals = 1 };
    reasons.list[0] = (Reason) { "R-001", "Unknown", "Tak dikenal", "P7 Pasal 3", "region", false };
    Recipient recipient = { "upt/satria", ROLE_ADDRESSEE, 0 };
    OutcomeRow outcomes[] = { { "upt/satria", LEVEL_COLLECTED, CAUSE_NONE, NOW_MS, "hub" },
                              { .recipient = "dsp/32" } };
    PublishResult r = { .message_id = { { 0x11 } },
                        .verdict = VERDICT_REFUSED,
                        .reasons = &reasons,
                        .n_recipients = 1,
                        .n_outcomes = 2,
                        .recipients = &recipient,
                        .outcomes = outcomes,
                        .accepted_ms = NOW_MS,
                        .retry_after_ms = 500 };
    _cleanup_(freep) char *text = NULL;
    ASSERT_OK(json_print_result(&r, NULL, (Bytes) { 0 }, &text));
    ASSERT_STR(text,
               "{\"message_id\":\"11000000-0000-0000-0000-000000000000\",\"verdict\":\"REFUSED\","
               "\"accepted_at\":\"2025-03-10T03:05:00.123Z\",\"recipients\":[{\"node\":"
               "\"upt/satria\",\"role\":\"ADDRESSEE\"}],\"reasons\":[{\"code\":\"R-001\",\"field\":"
               "\"region\",\"text_en\":\"Unknown\",\"text_id\":\"Tak dikenal\",\"legal_basis\":"
               "\"P7 Pasal 3\",\"warning\":false}],\"retry_after_ms\":500,\"outcomes\":[{"
               "\"recipient\":\"upt/satria\",\"level\":\"COLLECTED\",\"said_at\":"
               "\"2025-03-10T03:05:00.123Z\",\"leg\":\"hub\"},{\"recipient\":\"dsp/32\"}]}");
}

TEST(a_result_is_printed_with_its_proof) {
    SignatureBytes proof = { .n = 3, .p = { 1, 2, 3 } };
    PublishResult r = { .verdict = VERDICT_ACCEPTED, .proof = &proof };
    const JsonSignature judged = {
        .state = "VALID", .node = "hub", .key = "00", .label = "main", .proven = true
    };
    _cleanup_(freep) char *text = NULL;
    ASSERT_OK(json_print_result(&r, &judged, bytes_make("said", 4), &text));
    ASSERT_STR(text,
               "{\"message_id\":\"00000000-0000-0000-0000-000000000000\",\"verdict\":\"ACCEPTED\","
               "\"proof\":{\"state\":\"VALID\",\"node\":\"hub\",\"key\":\"00\",\"label\":\"main\","
               "\"proven\":true,\"flags\":[],\"statement\":\"c2FpZA==\",\"signature\":\"AQID\"}}");
}

TEST(tables_are_printed_by_column_type) {
    _cleanup_(table_freep) Table *t = table_new();
    _cleanup_(freep) char *list = NULL, *one = NULL;
    table_column(t, "name", COLUMN_TEXT);
    table_column(t, "n", COLUMN_NUMBER);
    table_column(t, "at", COLUMN_TIME);
    table_column(t, "up", COLUMN_BOOL);
    table_text(t, "a\"b");
    table_number(t, -7);
    table_number(t, NOW_MS);
    table_number(t, 1);
    table_text(t, "");
    table_text(t, "");
    table_number(t, 0);
    table_number(t, 0);
    ASSERT_OK(json_print_table(t, false, &list));
    ASSERT_STR(list,
               "[{\"name\":\"a\\\"b\",\"n\":-7,\"at\":\"2025-03-10T03:05:00.123Z\",\"up\":true},"
               "{\"name\":\"\",\"n\":null,\"at\":null,\"up\":false}]");
    ASSERT_OK(json_print_table(t, true, &one));
    ASSERT_STR(one,
               "{\"name\":\"a\\\"b\",\"n\":-7,\"at\":\"2025-03-10T03:05:00.123Z\",\"up\":true}");
}

TEST(base64_takes_only_its_canonical_form) {
    static const char *const good[] = { "", "AA==", "AAE=", "AAEC", "+/+/" };
    static const char *const bad[] = { "A",        "AA",   "AAA",   "A===", "AB==", "AAF=",
                                       "AA==AA==", "AA=A", "A\n==", "-_-_", "====" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n;
        ASSERT_OK(base64_decode(good[i], strlen(good[i]), &p, &n));
        _cleanup_(freep) char *text = base64_encode(bytes_make(p, n));
        ASSERT_STR(text, good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint8_t *p;
        size_t n;
        ASSERT_EQ(base64_decode(bad[i], strlen(bad[i]), &p, &n), -EINVAL);
    }
}

/* Every type that the schemas use has a form in JSON, so that no message file fails for ours. */
static void assert_has_form(const ProtobufCMessageDescriptor *d) {
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        switch (f->type) {
        case PROTOBUF_C_TYPE_ENUM:
        case PROTOBUF_C_TYPE_BOOL:
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_BYTES:
            break;
        case PROTOBUF_C_TYPE_MESSAGE:
            assert_has_form(f->descriptor);
            break;
        default:
            fail_msg("%s.%s has no form in JSON", d->name, f->name);
        }
        ASSERT_TRUE(d->n_fields <= 64); /* what the guard can hold */
    }
}

/* --- sealed as an object --- */

static int parse_sealed(const char *kind, const char *sealed, JsonMessage *m, char *why) {
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"envelope\": {\"kind\": \"%s\", \"audience\": {\"to\": [\"dsk/3302\"]}, "
             "\"region\": \"3203\"}, \"sealed\": %s}",
             kind, sealed);
    return json_parse_message(text, strlen(text), "dsk/3203", 1741600000000, m, why);
}

TEST(what_is_to_be_sealed_is_the_message_of_the_kind_and_prints_as_such) {
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    _cleanup_(freep) char *text = NULL, *bytes = NULL;
    char why[JSON_WHY_SIZE] = "";
    ASSERT_OK(parse_sealed("CASE_OPENED", "{\"person\": {\"name\": \"Contoh\"}}", &m, why));
    assert_non_null(m.plain.p);
    ASSERT_EQ(m.n_sealed, 0);
    Envelope e;
    const char *reason = NULL;
    ASSERT_OK(codec_decode_envelope(bytes_make(m.envelope, m.n_envelope), &e, &reason));
    ASSERT_TRUE(!e.has_sealed_digest);
    const Bytes plain = bytes_make(m.plain.p, m.plain.n);
    ASSERT_OK(json_print_sealed(KIND_CASE_OPENED, plain, false, &text));
    ASSERT_STR(text, "{\"person\":{\"name\":\"Contoh\"}}");
    ASSERT_OK(json_print_sealed(KIND_TIERED_REPORT, plain, false, &bytes)); /* seals nothing */
    ASSERT_TRUE(strstr(bytes, "\"bytes\":\"") != NULL);
}

TEST(what_cannot_be_sealed_is_refused_without_its_content) {
    static const struct {
        const char *kind, *sealed, *why;
    } cases[] = {
        { "CASE_OPENED", "{\"name\": \"Contoh\"}", "unknown" },
        { "TIERED_REPORT", "{\"text\": \"Contoh\"}", "sealed: messages of this kind seal nothing" },
        { "CASE_OPENED", "17", "sealed: must be an object, or base64" },
        { "CASE_OPENED", "\"%%%\"", "sealed: not base64" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_message_deinit) JsonMessage m = { 0 };
        char why[JSON_WHY_SIZE] = "";
        ASSERT_EQ(parse_sealed(cases[i].kind, cases[i].sealed, &m, why), -EINVAL);
        if (!strstr(why, cases[i].why) || strstr(why, "Contoh"))
            fail_msg("%s", why);
    }
}

TEST(every_field_of_every_kind_has_a_form) {
    unsigned kinds = 0;
    for (int kind = 1; kind < 100; kind++) {
        const ProtobufCMessageDescriptor *d = kind_facts(kind);
        ASSERT_EQ(d != NULL, kind_info(kind) != NULL);
        if (d)
            assert_has_form(d);
        kinds += d != NULL;
    }
    ASSERT_EQ(kinds, 32);
    assert_has_form(&serasi__v1__directory_record__descriptor);
    assert_has_form(&serasi__v1__person__descriptor);
}

TEST_MAIN
