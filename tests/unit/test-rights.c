/* SPDX-License-Identifier: Apache-2.0 */

/* What a key may do: every verb with every kind, region and direction. */

#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "core/access.h"
#include "core/directory.h"
#include "sample.h"
#include "wire/json.h"

#define CURVE "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static const RightVerb verbs[] = { RIGHT_PUBLISH, RIGHT_SUBSCRIBE, RIGHT_SETTLE,
                                   RIGHT_QUERY,   RIGHT_OPERATE,   RIGHT_ENROL };
static const int kinds[] = { KIND_REFERRAL_REQUEST, KIND_COMPLAINT, KIND_RECALL_ORDER, 127 };
static const char *const regions[] = { "", "32", "3203", "320305", "3204", "33" };
static const RightDirection directions[] = { RIGHT_BOTH, RIGHT_SEND, RIGHT_RECEIVE };

static Right right(RightVerb verb, int kind, const char *region, RightDirection direction) {
    Right r = { .verb = (uint8_t)verb, .direction = (uint8_t)direction, .any_kind = true };
    if (kind != 0)
        right_add_kind(&r, kind);
    (void)text_copy(r.region, sizeof(r.region), region);
    return r;
}

static Rights only(Right r) {
    return (Rights) { .n = 1, .list = { r } };
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* --- the table ------------------------------------------------------------------------------- */

typedef struct Combination {
    RightVerb verb;
    int kind;
    const char *region;
    RightDirection direction;
} Combination;

/* Calls judge with every right against every use; 0 stands for all kinds. */
static unsigned each(void (*judge)(const Combination *right, const Combination *use)) {
    static const int some[] = { 0, KIND_REFERRAL_REQUEST, KIND_COMPLAINT, KIND_RECALL_ORDER, 127 };
    Combination
        all[ARRAY_SIZE(verbs) * ARRAY_SIZE(some) * ARRAY_SIZE(regions) * ARRAY_SIZE(directions)];
    unsigned n = 0;
    for (size_t v = 0; v < ARRAY_SIZE(verbs); v++)
        for (size_t k = 0; k < ARRAY_SIZE(some); k++)
            for (size_t r = 0; r < ARRAY_SIZE(regions); r++)
                for (size_t d = 0; d < ARRAY_SIZE(directions); d++)
                    all[n++] = (Combination) { verbs[v], some[k], regions[r], directions[d] };
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            judge(&all[i], &all[j]);
    return n * n;
}

/* Said once more in other words: each of the four must be met. */
static void judge(const Combination *is, const Combination *wanted) {
    const Rights rights = only(right(is->verb, is->kind, is->region, is->direction));
    const RightUse use = { wanted->verb, wanted->kind, wanted->region, wanted->direction };
    const bool verb = is->verb == wanted->verb;
    const bool kind = is->kind == 0 || is->kind == wanted->kind;
    const bool region = begins(wanted->region, is->region);
    const bool direction = is->direction == RIGHT_BOTH || is->direction == wanted->direction;
    ASSERT_EQ(rights_allow(&rights, &use), verb && kind && region && direction);
}

TEST(a_right_covers_its_verb_kinds_region_and_direction_and_nothing_else) {
    ASSERT_EQ(each(judge), 540 * 540);
}

TEST(no_rights_are_everything_but_the_operators_verbs) {
    const Rights none = { .n = 0 };
    for (size_t v = 0; v < ARRAY_SIZE(verbs); v++)
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
            for (size_t r = 0; r < ARRAY_SIZE(regions); r++)
                for (size_t d = 0; d < ARRAY_SIZE(directions); d++) {
                    const RightUse use = { verbs[v], kinds[k], regions[r], directions[d] };
                    ASSERT_EQ(rights_allow(&none, &use), verbs[v] != RIGHT_OPERATE);
                }
}

TEST(several_rights_are_their_union_and_no_more) {
    Rights r = { .n = 2,
                 .list = { right(RIGHT_PUBLISH, KIND_COMPLAINT, "3203", RIGHT_SEND),
                           right(RIGHT_PUBLISH, KIND_REFERRAL_REQUEST, "33", RIGHT_BOTH) } };
    ASSERT_TRUE(
        rights_allow(&r, &(RightUse) { RIGHT_PUBLISH, KIND_COMPLAINT, "3203", RIGHT_SEND }));
    ASSERT_TRUE(
        rights_allow(&r, &(RightUse) { RIGHT_PUBLISH, KIND_REFERRAL_REQUEST, "3302", RIGHT_SEND }));
    ASSERT_TRUE(
        !rights_allow(&r, &(RightUse) { RIGHT_PUBLISH, KIND_COMPLAINT, "3302", RIGHT_SEND }));
    ASSERT_TRUE(!rights_allow(
        &r, &(RightUse) { RIGHT_PUBLISH, KIND_REFERRAL_REQUEST, "3203", RIGHT_SEND }));
}

TEST(kinds_that_cannot_be_named_are_never_covered_by_name) {
    Rights r = only(right(RIGHT_PUBLISH, 128, "", RIGHT_BOTH));
    for (int kind = -1; kind < 1100; kind++)
        ASSERT_TRUE(!rights_allow(&r, &(RightUse) { RIGHT_PUBLISH, kind, "", RIGHT_SEND }));
    r = only(right(RIGHT_PUBLISH, 0, "", RIGHT_BOTH));
    ASSERT_TRUE(rights_allow(&r, &(RightUse) { RIGHT_PUBLISH, 1000, "", RIGHT_SEND }));
}

TEST(a_verb_of_a_newer_version_allows_nothing) {
    const Rights r = only(right(RIGHT_NEWER, 0, "", RIGHT_BOTH));
    for (size_t v = 0; v < ARRAY_SIZE(verbs); v++)
        ASSERT_TRUE(!rights_allow(&r, &(RightUse) { verbs[v], 0, "", RIGHT_BOTH }));
}

/* --- in words --------------------------------------------------------------------------------- */

TEST(what_is_missing_is_named) {
    char text[RIGHT_USE_TEXT_SIZE], small[12], whole[256];
    right_use_text(&(RightUse) { RIGHT_PUBLISH, KIND_REFERRAL_REQUEST, "3203", RIGHT_SEND }, text);
    ASSERT_STR(text, "PUBLISH kind=REFERRAL_REQUEST region=3203 SEND");
    right_use_text(&(RightUse) { RIGHT_PUBLISH, 1000, "3203052001", RIGHT_SEND }, text);
    ASSERT_STR(text, "PUBLISH kind=1000 region=3203 SEND"); /* no village in any log */
    right_use_text(&(RightUse) { RIGHT_SUBSCRIBE, 0, "", RIGHT_RECEIVE }, text);
    ASSERT_STR(text, "SUBSCRIBE RECEIVE");
    right_use_text(&(RightUse) { RIGHT_OPERATE, 0, "", RIGHT_BOTH }, text);
    ASSERT_STR(text, "OPERATE");

    Right r = right(RIGHT_PUBLISH, KIND_COMPLAINT, "32", RIGHT_SEND);
    right_add_kind(&r, KIND_REFERRAL_REQUEST);
    right_text(&r, whole, sizeof(whole));
    ASSERT_STR(whole, "PUBLISH kind=REFERRAL_REQUEST,COMPLAINT region=32 SEND");
    right_text(&r, small, sizeof(small));
    ASSERT_STR(small, "PUBLISH kin");
}

/* --- stored and read -------------------------------------------------------------------------- */

TEST(rights_are_stored_and_read_as_they_are) {
    Rights r = { .n = RIGHTS_MAX }, again;
    uint8_t bytes[RIGHTS_PACKED_MAX];
    for (uint32_t i = 0; i < r.n; i++)
        r.list[i] = right(verbs[i % 3], kinds[i % 4], regions[i % 6], directions[i % 3]);
    size_t n = rights_pack(&r, bytes);
    ASSERT_TRUE(n > 0);
    ASSERT_TRUE(rights_unpack(bytes_make(bytes, n), &again));
    ASSERT_TRUE(rights_equal(&r, &again));
    for (size_t cut = 1; cut < n; cut++)
        ASSERT_TRUE(!rights_unpack(bytes_make(bytes, cut), &again));
    ASSERT_EQ(rights_pack(&(Rights) { .n = 0 }, bytes), 0);
    ASSERT_TRUE(rights_unpack(bytes_make(NULL, 0), &again));
    ASSERT_EQ(again.n, 0);
}

static DirRecord line_with(const char *rights) {
    char text[1024], why[JSON_WHY_SIZE] = "";
    DirRecord l = { 0 };
    (void)snprintf(text, sizeof(text),
                   "{\"key\": {\"node\": \"dsk/3203\", \"label\": \"app\", \"curve\": \"%s\", "
                   "\"rights\": %s}}",
                   CURVE, rights);
    if (json_parse_directory_line(text, strlen(text), &l, why) < 0)
        fail_msg("%s", why);
    ASSERT_EQ(l.kind, DIR_KEY);
    return l;
}

static void refused(const char *rights, const char *reason) {
    char text[1024], why[JSON_WHY_SIZE] = "";
    DirRecord l;
    (void)snprintf(text, sizeof(text),
                   "{\"key\": {\"node\": \"dsk/3203\", \"label\": \"app\", \"curve\": \"%s\", "
                   "\"rights\": %s}}",
                   CURVE, rights);
    ASSERT_EQ(json_parse_directory_line(text, strlen(text), &l, why), -EINVAL);
    ASSERT_STR(why, reason);
}

TEST(a_line_gives_rights_and_prints_them_again) {
    DirRecord l = line_with(
        "[{\"verb\": \"RIGHT_VERB_PUBLISH\", \"kinds\": [\"MESSAGE_KIND_COMPLAINT\", "
        "\"REFERRAL_REQUEST\"], \"region\": \"32\", \"direction\": \"RIGHT_DIRECTION_SEND\"}, "
        "{\"verb\": \"SUBSCRIBE\", \"direction\": \"RECEIVE\"}, {\"verb\": \"SETTLE\"}]");
    Rights want = { .n = 3,
                    .list = { right(RIGHT_PUBLISH, KIND_COMPLAINT, "32", RIGHT_SEND),
                              right(RIGHT_SUBSCRIBE, 0, "", RIGHT_RECEIVE),
                              right(RIGHT_SETTLE, 0, "", RIGHT_BOTH) } };
    right_add_kind(&want.list[0], KIND_REFERRAL_REQUEST);
    ASSERT_TRUE(rights_equal(&l.key.rights, &want));

    _cleanup_(freep) char *text = NULL;
    char why[JSON_WHY_SIZE];
    DirRecord again;
    ASSERT_OK(json_print_key_line(&l.key, &text));
    ASSERT_OK(json_parse_directory_line(text, strlen(text), &again, why));
    ASSERT_TRUE(rights_equal(&again.key.rights, &want));
    ASSERT_EQ(line_with("[]").key.rights.n, 0);
}

TEST(rights_that_cannot_stand_are_refused_with_a_reason) {
    refused("[{\"kinds\": [\"COMPLAINT\"]}]", "key.rights: the verb is missing");
    refused("[{\"verb\": \"PUBLISH\", \"region\": \"3\"}]",
            "key.rights: the region is no prefix of a region code");
    refused("[{\"verb\": \"PUBLISH\", \"region\": \"32a\"}]",
            "key.rights: the region is no prefix of a region code");
    refused("[{\"verb\": \"PUBLISH\", \"direction\": \"RECEIVE\"}]",
            "key.rights: PUBLISH is about messages of the node: direction SEND, or none");
    refused("[{\"verb\": \"QUERY\", \"region\": \"32\"}]",
            "key.rights: QUERY, OPERATE and ENROL take no kinds, region or direction");
    refused("[{\"verb\": \"OPERATE\", \"kinds\": [\"COMPLAINT\"]}]",
            "key.rights: QUERY, OPERATE and ENROL take no kinds, region or direction");
    refused("[{\"verb\": \"ENROL\"}, {\"verb\": \"QUERY\"}]", "key.rights: ENROL stands alone");
    refused("[{\"verb\": \"PUBLISH\", \"kinds\": [\"UNSPECIFIED\"]}]",
            "key.rights: 0 is no kind of message");
    refused("[{\"verb\": \"QUERY\"}], \"broker\": true, \"x25519\": \"\", \"revoked\": true",
            "key.rights: a broker's key carries what others may send: it has no rights of its own");
    refused("[{\"verb\": \"RULE\"}]", "key.rights[0].verb: unknown enum name RULE");
    refused("[{},{},{},{},{},{},{},{},{}]", "key.rights: at most 8 rights");
}

TEST(what_a_newer_program_wrote_allows_less_and_never_more) {
    Rights r = line_with("[{\"verb\": 9}]").key.rights;
    ASSERT_EQ(r.n, 1);
    for (size_t v = 0; v < ARRAY_SIZE(verbs); v++)
        ASSERT_TRUE(!rights_allow(&r, &(RightUse) { verbs[v], 0, "", RIGHT_BOTH }));
    r = line_with("[{\"verb\": \"PUBLISH\", \"kinds\": [4711]}]").key.rights;
    for (int kind = 0; kind < 5000; kind++)
        ASSERT_TRUE(!rights_allow(&r, &(RightUse) { RIGHT_PUBLISH, kind, "", RIGHT_SEND }));
    r = line_with("[{\"verb\": \"SETTLE\", \"direction\": 7}]").key.rights;
    ASSERT_TRUE(!rights_allow(&r, &(RightUse) { RIGHT_SETTLE, 0, "", RIGHT_RECEIVE }));
}

/* --- channels --------------------------------------------------------------------------------- */

static bool may_open(Rights r, FrameSource source, const Filter *f) {
    char missing[RIGHT_USE_TEXT_SIZE] = "";
    const bool may = rights_allow_channel(&r, RIGHT_SUBSCRIBE, source, f, missing);
    ASSERT_EQ(may, missing[0] == '\0');
    return may;
}

TEST(a_mailbox_is_read_whole_or_not_at_all) {
    ASSERT_TRUE(may_open((Rights) { .n = 0 }, SOURCE_MAILBOX, NULL));
    ASSERT_TRUE(may_open(only(right(RIGHT_SUBSCRIBE, 0, "", RIGHT_BOTH)), SOURCE_MAILBOX, NULL));
    ASSERT_TRUE(may_open(only(right(RIGHT_SUBSCRIBE, 0, "", RIGHT_RECEIVE)), SOURCE_MAILBOX, NULL));
    ASSERT_TRUE(!may_open(only(right(RIGHT_SUBSCRIBE, 0, "", RIGHT_SEND)), SOURCE_MAILBOX, NULL));
    ASSERT_TRUE(!may_open(only(right(RIGHT_SUBSCRIBE, 0, "32", RIGHT_BOTH)), SOURCE_MAILBOX, NULL));
    ASSERT_TRUE(!may_open(only(right(RIGHT_SUBSCRIBE, KIND_COMPLAINT, "", RIGHT_BOTH)),
                          SOURCE_MAILBOX, NULL));
    ASSERT_TRUE(!may_open(only(right(RIGHT_SETTLE, 0, "", RIGHT_BOTH)), SOURCE_MAILBOX, NULL));
}

TEST(receipts_are_about_what_the_node_sent) {
    ASSERT_TRUE(may_open(only(right(RIGHT_SUBSCRIBE, 0, "", RIGHT_SEND)), SOURCE_RECEIPTS, NULL));
    ASSERT_TRUE(may_open(only(right(RIGHT_SUBSCRIBE, 0, "", RIGHT_BOTH)), SOURCE_RECEIPTS, NULL));
    ASSERT_TRUE(
        !may_open(only(right(RIGHT_SUBSCRIBE, 0, "", RIGHT_RECEIVE)), SOURCE_RECEIPTS, NULL));
}

TEST(a_named_subscription_needs_rights_for_all_its_filter_lets_through) {
    Filter f = { .n_kinds = 2,
                 .kinds = { KIND_COMPLAINT, KIND_REFERRAL_REQUEST },
                 .n_regions = 2,
                 .regions = { "3203", "3302" } };
    Rights r = only(right(RIGHT_SUBSCRIBE, KIND_COMPLAINT, "", RIGHT_RECEIVE));
    ASSERT_TRUE(!may_open(r, SOURCE_NAMED, &f));
    r.list[r.n++] = right(RIGHT_SUBSCRIBE, KIND_REFERRAL_REQUEST, "32", RIGHT_RECEIVE);
    ASSERT_TRUE(!may_open(r, SOURCE_NAMED, &f)); /* 3302 is not covered */
    r.list[r.n++] = right(RIGHT_SUBSCRIBE, KIND_REFERRAL_REQUEST, "33", RIGHT_RECEIVE);
    ASSERT_TRUE(may_open(r, SOURCE_NAMED, &f));
    f.n_regions = 0; /* everywhere */
    ASSERT_TRUE(!may_open(r, SOURCE_NAMED, &f));
    f.n_kinds = 1;
    ASSERT_TRUE(may_open(r, SOURCE_NAMED, &f));
    f.n_kinds = 0;
    ASSERT_TRUE(!may_open(r, SOURCE_NAMED, &f));
    ASSERT_TRUE(!may_open(r, SOURCE_NAMED, NULL));
}

/* --- with the state of the key ---------------------------------------------------------------- */

static AccessVerdict checked(DirKey k, bool inactive, int64_t now_ms, const RightUse *use) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    DirNode n = sample_node("dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "");
    n.inactive = inactive;
    (void)text_copy(k.curve, sizeof(k.curve), CURVE);
    if (!k.node[0])
        (void)text_copy(k.node, sizeof(k.node), "dsk/3203");
    ASSERT_OK(directory_new(&d));
    ASSERT_OK(directory_add_node(d, &n));
    ASSERT_OK(directory_add_key(d, &k));
    ASSERT_OK(directory_seal(d, 1));
    return access_check(d, CURVE, "dsk/3203", now_ms, use);
}

TEST(a_key_counts_while_it_is_valid_and_its_nodes) {
    const RightUse use = { RIGHT_PUBLISH, KIND_COMPLAINT, "3203", RIGHT_SEND };
    const DirKey usual = { .valid_from_ms = 100, .valid_until_ms = 200 };
    ASSERT_EQ(checked(usual, false, 100, &use), ACCESS_GRANTED);
    ASSERT_EQ(checked(usual, false, 199, &use), ACCESS_GRANTED);
    ASSERT_EQ(checked(usual, false, 99, &use), ACCESS_KEY_ENDED);
    ASSERT_EQ(checked(usual, false, 200, &use), ACCESS_KEY_ENDED);
    ASSERT_EQ(checked(usual, true, 150, &use), ACCESS_KEY_ENDED);
    ASSERT_EQ(checked((DirKey) { .revoked = true }, false, 150, &use), ACCESS_KEY_ENDED);
    ASSERT_EQ(checked((DirKey) { .node = "dsk/3204" }, false, 150, &use), ACCESS_KEY_ENDED);
    const DirKey reader = { .rights = only(right(RIGHT_SUBSCRIBE, 0, "", RIGHT_BOTH)) };
    ASSERT_EQ(checked(reader, false, 150, &use), ACCESS_NO_RIGHT);
    ASSERT_EQ(checked(reader, false, 150, NULL), ACCESS_GRANTED);
}

TEST(the_operator_mark_of_a_record_is_the_right_to_operate) {
    const RightUse use = { RIGHT_OPERATE, 0, "", RIGHT_BOTH };
    ASSERT_EQ(checked((DirKey) { .operator_ = true }, false, 1, &use), ACCESS_GRANTED);
    ASSERT_EQ(checked((DirKey) { 0 }, false, 1, &use), ACCESS_NO_RIGHT);
    const DirKey k = { .rights = only(right(RIGHT_OPERATE, 0, "", RIGHT_BOTH)) };
    ASSERT_EQ(checked(k, false, 1, &use), ACCESS_GRANTED);
    const DirKey both = { .operator_ = true,
                          .rights = only(right(RIGHT_QUERY, 0, "", RIGHT_BOTH)) };
    ASSERT_EQ(checked(both, false, 1, &use), ACCESS_GRANTED);
    ASSERT_EQ(
        checked(both, false, 1, &(RightUse) { RIGHT_PUBLISH, KIND_COMPLAINT, "", RIGHT_SEND }),
        ACCESS_NO_RIGHT);
}

TEST(rights_that_cannot_stand_are_in_no_directory) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    DirKey k = { .curve = CURVE, .node = "hub", .rights = { .n = RIGHTS_MAX + 1 } };
    ASSERT_OK(directory_new(&d));
    ASSERT_EQ(directory_add_key(d, &k), -EINVAL);
    k.rights = only(right(RIGHT_NONE, 0, "", RIGHT_BOTH));
    ASSERT_EQ(directory_add_key(d, &k), -EINVAL);
    k.rights = only(right(RIGHT_QUERY, 0, "", RIGHT_BOTH));
    memset(k.rights.list[0].region, '3', REGION_SIZE);
    ASSERT_EQ(directory_add_key(d, &k), -EINVAL);
}

/* --- bounds and differences ------------------------------------------------------------------- */

TEST(so_many_rights_may_stand_and_no_more) {
    Rights r = { .n = RIGHTS_MAX };
    for (uint32_t i = 0; i < RIGHTS_MAX; i++)
        r.list[i] = (Right) { .verb = RIGHT_PUBLISH, .any_kind = true };
    assert_null(rights_objection(&r, false));
    r.n++;
    assert_non_null(rights_objection(&r, false));
}

TEST(rights_that_differ_in_anything_are_others) {
    Rights a = { .n = 1, .list = { { .verb = RIGHT_SETTLE, .region = "32" } } }, b = a;
    right_add_kind(&a.list[0], KIND_COMPLAINT);
    right_add_kind(&b.list[0], KIND_COMPLAINT);
    ASSERT_TRUE(rights_equal(&a, &b));
    Right *const r = &b.list[0], was = *r;
    r->verb = RIGHT_SUBSCRIBE;
    ASSERT_TRUE(!rights_equal(&a, &b));
    *r = was;
    r->direction = RIGHT_RECEIVE;
    ASSERT_TRUE(!rights_equal(&a, &b));
    *r = was;
    right_add_kind(r, KIND_RECEIPT);
    ASSERT_TRUE(!rights_equal(&a, &b));
    *r = was;
    r->any_kind = true;
    ASSERT_TRUE(!rights_equal(&a, &b));
    *r = was;
    strcpy(r->region, "33");
    ASSERT_TRUE(!rights_equal(&a, &b));
    *r = was;
    b.n = 0;
    ASSERT_TRUE(!rights_equal(&a, &b));
}

TEST_MAIN
