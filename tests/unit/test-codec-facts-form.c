/* SPDX-License-Identifier: Apache-2.0 */

/* Facts out of form: documents given twice, codes nobody knows yet, ids, days and times. */

#include "serasi/v1/referral.pb-c.h"
#include "test.h"

#include "facts-fixture.h"

TEST(of_several_documents_of_a_type_the_last_issued_counts) {
    Facts f = facts_of(KIND_REFERRAL_UPDATE,
                       "\"documents\": ["
                       "{\"type\": \"CONSENT_LETTER\", \"issuer\": \"a/1\"},"
                       "{\"type\": \"CONSENT_LETTER\", \"issuer\": \"a/3\", \"issued_on\": "
                       "\"2025-03-03\"},"
                       "{\"type\": \"CONSENT_LETTER\", \"issuer\": \"a/2\", \"issued_on\": "
                       "\"2025-03-02\"},"
                       "{\"type\": \"OTHER\", \"issuer\": \"a/4\", \"issued_on\": \"2025-03-04\"},"
                       "{\"type\": \"OTHER\", \"issuer\": \"a/5\", \"issued_on\": \"2025-03-04\"},"
                       "{\"issuer\": \"a/6\"}, {\"type\": 17, \"issuer\": \"a/7\"}]");
    const Document *of = f.update.documents.of;
    assert_document(&of[DOCUMENT_TYPE_CONSENT_LETTER], "a/3", 0, 3);
    assert_document(&of[DOCUMENT_TYPE_OTHER], "a/5", 0, 4);
    ASSERT_TRUE(!of[DOCUMENT_TYPE_UNSPECIFIED].present);
    f = facts_of(KIND_HANDOVER_MINUTES, /* whichever field they stand in */
                 "\"health_certificate\": {\"type\": \"HEALTH_CERTIFICATE\", \"issuer\": \"a/1\","
                 "\"issued_on\": \"2025-03-09\"}, \"documents\": [{\"type\": "
                 "\"HEALTH_CERTIFICATE\", \"issuer\": \"a/2\", \"issued_on\": \"2025-03-08\"}]");
    assert_document(&f.handover.documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE], "a/1", 0, 9);
}

TEST(codes_of_tomorrow_are_told_from_none) {
    Serasi__V1__ReferralRequest request = SERASI__V1__REFERRAL_REQUEST__INIT;
    Serasi__V1__Criterion criteria[] = { 2, 31, 32, -1, 4711 };
    uint8_t buf[256];
    const char *why;
    Facts f;
    request.referral_kind = 4711;
    request.basis = 254;
    request.age_band = -3;
    request.n_criteria = ARRAY_SIZE(criteria);
    request.criteria = criteria;
    const size_t n = protobuf_c_message_pack(&request.base, buf);
    ASSERT_OK(facts_decode(KIND_REFERRAL_REQUEST, bytes_make(buf, n), &f, &why));
    ASSERT_EQ(f.request.referral_kind, UINT8_MAX);
    ASSERT_EQ(f.request.basis, 254);
    ASSERT_EQ(f.request.age_band, UINT8_MAX);
    ASSERT_CODES(f.request.criteria, 2, 31);
}

TEST(values_out_of_form_are_refused) {
    assert_refused(KIND_COMPLAINT, "\"about_node\": \"Panti Budi\"",
                   "facts.about_node: not a node id");
    assert_refused(KIND_REFERRAL_RESPONSE, "\"redirect_to\": \"UPT/satria\"",
                   "facts.redirect_to: not a node id");
    assert_refused(KIND_AFTERCARE, "\"assessment\": {\"issuer\": \"dr. X\"}",
                   "facts.assessment.issuer: not a node id");
    assert_refused(KIND_REFERRAL_UPDATE, "\"documents\": [{}, {\"issuer\": \"RSUD\"}]",
                   "facts.documents.issuer: not a node id");
    assert_refused(KIND_RECEIPT, "\"message_id\": " ID_TEXT ", \"level\": 3, \"recipient\": \"A\"",
                   "facts.recipient: not a node id");
    assert_refused(KIND_SUPERVISION_ASSISTANCE_REQUEST, "\"regency\": \"33.08\"",
                   "facts.regency: not a region code");
    assert_refused(KIND_SUPERVISION_ASSISTANCE_REQUEST, "\"regency\": \"12345678901\"",
                   "facts.regency: not a region code");
    assert_refused(KIND_NOTICE, "\"code\": \"A_CODE_OF_24_CHARACTERS_\"", "facts.code: too long");
    assert_refused(KIND_RECEIPT, "\"level\": 3", "facts.message_id: not 16 bytes");
    assert_refused(KIND_RECEIPT, "\"message_id\": " ID_TEXT, "facts.level: out of range");
    assert_refused(KIND_RECEIPT, "\"message_id\": " ID_TEXT ", \"level\": 3, \"cause\": 13",
                   "facts.cause: out of range");
    assert_refused(KIND_RECALL_ORDER, "", "facts.message_id: not 16 bytes");
}

static const char *why_of(int kind, const ProtobufCMessage *m) {
    uint8_t buf[256];
    const char *why = "";
    Facts f;
    const size_t n = protobuf_c_message_pack(m, buf);
    ASSERT_EQ(facts_decode(kind, bytes_make(buf, n), &f, &why), WIRE_MALFORMED);
    return why;
}

TEST(ids_days_and_times_are_checked_wherever_they_stand) {
    uint8_t short_id[15] = { 1 };
    Serasi__V1__Date day = { .base = PROTOBUF_C_MESSAGE_INIT(&serasi__v1__date__descriptor),
                             .year = 2025,
                             .month = 2,
                             .day = 29 };
    Serasi__V1__RoleRef worker = SERASI__V1__ROLE_REF__INIT;
    Serasi__V1__FollowUpPlan plan = SERASI__V1__FOLLOW_UP_PLAN__INIT;
    Serasi__V1__HandoverMinutes minutes = SERASI__V1__HANDOVER_MINUTES__INIT;
    Serasi__V1__ReferralRequest request = SERASI__V1__REFERRAL_REQUEST__INIT;
    worker.certificate_valid_until = &day;
    plan.worker = &worker;
    minutes.follow_up_plan = &plan;
    ASSERT_STR(why_of(KIND_HANDOVER_MINUTES, &minutes.base), "facts: a day that does not exist");
    request.parent_referral_id = (ProtobufCBinaryData) { sizeof(short_id), short_id };
    ASSERT_STR(why_of(KIND_REFERRAL_REQUEST, &request.base), "facts: an id is not 16 bytes");
    request.parent_referral_id = (ProtobufCBinaryData) { 0 };
    request.reply_by_at = UINT64_MAX;
    ASSERT_STR(why_of(KIND_REFERRAL_REQUEST, &request.base), "facts: time out of range");
}

TEST(personal_data_in_place_of_a_node_id_is_named_as_such) {
    Facts f;
    char why[JSON_WHY_SIZE] = "";
    ASSERT_OK(read_facts(KIND_AFTERCARE, "\"assessment\": {\"issuer\": \"dr.budi@example.com\"}",
                         &f, why));
    ASSERT_STR(f.personal_field, "facts.assessment.issuer");
    ASSERT_STR(f.aftercare.assessment.issuer, "");
    ASSERT_OK(read_facts(KIND_HANDOVER_MINUTES,
                         "\"health_certificate\": {\"locator\": \"hp 081234567890\"}", &f, why));
    ASSERT_STR(f.personal_field, "facts.health_certificate.locator");
}

TEST_MAIN
