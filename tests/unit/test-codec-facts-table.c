/* SPDX-License-Identifier: Apache-2.0 */

/* The table of facts and the schemas agree, field by field. */

#include "law/item.h"
#include "test.h"

#include "facts-fixture.h"

static bool fits(const FactField *row, const ProtobufCFieldDescriptor *f) {
    const bool list = f->label == PROTOBUF_C_LABEL_REPEATED;
    const bool number = f->type == PROTOBUF_C_TYPE_ENUM || f->type == PROTOBUF_C_TYPE_UINT32;
    const bool message = f->type == PROTOBUF_C_TYPE_MESSAGE;
    switch ((FactType)row->type) {
    case FACT_CODE:
    case FACT_NUMBER:
        return number && !list;
    case FACT_CODES:
        return number && list;
    case FACT_FLAG:
        return f->type == PROTOBUF_C_TYPE_BOOL && !list;
    case FACT_TIME:
        return f->type == PROTOBUF_C_TYPE_FIXED64 && !list;
    case FACT_DATE:
        return reflect_is_date(f) && !list;
    case FACT_ID:
        return reflect_is_id(f) && !list;
    case FACT_IDS:
        return reflect_is_id(f) && list;
    case FACT_TEXT:
        return f->type == PROTOBUF_C_TYPE_STRING && !list;
    case FACT_COUNT:
        return list;
    case FACT_STAFF:
        return message && !list && f->descriptor == &serasi__v1__role_ref__descriptor;
    case FACT_DOCUMENT:
        return message && !list && f->descriptor == &serasi__v1__document_ref__descriptor;
    case FACT_DOCUMENTS:
        return message && f->descriptor == &serasi__v1__document_ref__descriptor;
    }
    return false;
}

/* A row with text or a document, given something that is neither node, region nor code. */
static void assert_names_itself(int kind, const FactField *row, const char *name) {
    char text[128], want[128], why[JSON_WHY_SIZE] = "";
    Facts f;
    const bool is_text = row->type == FACT_TEXT, is_list = strcmp(name, "documents") == 0;
    (void)snprintf(want, sizeof(want), "facts.%s%s: ", name, is_text ? "" : ".issuer");
    (void)snprintf(text, sizeof(text), "\"%s\": %s", name,
                   is_text   ? "\"A code of no meaning at all\""
                   : is_list ? "[{\"issuer\": \"A\"}]"
                             : "{\"issuer\": \"A\"}");
    ASSERT_TRUE(read_facts(kind, text, &f, why) != 0);
    if (strncmp(why, want, strlen(want)) != 0)
        fail_msg("%s says: %s", want, why);
}

TEST(every_row_of_the_table_fits_its_field) {
    unsigned kinds = 0;
    for (int kind = 0; kind < 100; kind++) {
        const ProtobufCMessageDescriptor *d = kind_facts(kind);
        size_t n;
        const FactField *rows = facts_fields(kind, &n);
        ASSERT_EQ(d != NULL, rows != NULL);
        kinds += d != NULL;
        for (size_t i = 0; i < n; i++) {
            if (rows[i].number == 0)
                continue;
            const ProtobufCFieldDescriptor *f =
                protobuf_c_message_descriptor_get_field(d, rows[i].number);
            if (!f || !fits(&rows[i], f))
                fail_msg("%s: row %zu, field %d", d->short_name, i, rows[i].number);
            if (rows[i].type == FACT_TEXT || rows[i].type >= FACT_DOCUMENT)
                assert_names_itself(kind, &rows[i], f->name);
        }
    }
    ASSERT_EQ(kinds, 32);
}

/* law/ and wire/ never see each other, so nobody else can compare these. */
TEST(kinds_of_items_are_those_of_the_schema) {
    ASSERT_EQ(ITEM_REFERRAL, SERASI__V1__ITEM_KIND__ITEM_KIND_REFERRAL);
    ASSERT_EQ(ITEM_COMPLAINT, SERASI__V1__ITEM_KIND__ITEM_KIND_COMPLAINT);
    ASSERT_EQ(ITEM_CASE, SERASI__V1__ITEM_KIND__ITEM_KIND_CASE);
    ASSERT_EQ(ITEM_EVENT, SERASI__V1__ITEM_KIND__ITEM_KIND_EVENT);
    ASSERT_EQ(ITEM_PROPOSAL, SERASI__V1__ITEM_KIND__ITEM_KIND_PROPOSAL);
    ASSERT_EQ(ITEM_NODE, SERASI__V1__ITEM_KIND__ITEM_KIND_NODE);
    ASSERT_EQ(ITEM_KINDS, ITEM_NODE + 1);
}

TEST_MAIN
