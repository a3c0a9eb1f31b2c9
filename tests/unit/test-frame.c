/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/frame.h"

/* The leak sanitizer is the judge here. */
TEST(deinit_frees_what_each_kind_owns) {
    Frame f = { .kind = FRAME_PUBLISH };
    f.publish.forward = calloc(1, sizeof(Forward));
    frame_deinit(&f);
    ASSERT_EQ(f.kind, FRAME_NONE);

    f.kind = FRAME_PUBLISHED;
    f.published.n = 2;
    f.published.results = calloc(2, sizeof(PublishResult));
    f.published.results[1].reasons = calloc(1, sizeof(Reasons));
    f.published.results[1].recipients = calloc(1, sizeof(Recipient));
    f.published.results[1].outcomes = calloc(1, sizeof(OutcomeRow));
    frame_deinit(&f);

    f.kind = FRAME_SUBSCRIBE;
    f.subscribe.filter = calloc(1, sizeof(Filter));
    frame_deinit(&f);
    f.kind = FRAME_DELIVER;
    f.deliver.forward = calloc(1, sizeof(Forward));
    frame_deinit(&f);
    f.kind = FRAME_SETTLE;
    f.settle.settlements = calloc(1, sizeof(Settlement));
    frame_deinit(&f);
    f.kind = FRAME_SETTLED;
    f.settled.done = calloc(1, sizeof(TagRange));
    f.settled.unknown = calloc(1, sizeof(TagRange));
    frame_deinit(&f);
    f.kind = FRAME_QUERY;
    f.query.args[0] = strdup("a");
    f.query.args[7] = strdup("b");
    f.query.input = malloc(3);
    frame_deinit(&f);
    f.kind = FRAME_RESULT;
    f.result.table = table_new();
    frame_deinit(&f);
    frame_deinit(&f);
}

TEST(half_decoded_frames_can_be_freed) {
    Frame f = { .kind = FRAME_PUBLISHED };
    f.published.n = 5; /* counted, never allocated */
    frame_deinit(&f);
    for (int k = FRAME_NONE; k <= FRAME_BYE; k++) {
        f = (Frame) { .kind = (FrameKind)k };
        frame_deinit(&f);
    }
}

TEST(names_for_any_number) {
    ASSERT_STR(frame_kind_name(FRAME_BYE), "BYE");
    ASSERT_STR(frame_kind_name(99), "UNKNOWN");
    ASSERT_STR(frame_kind_name(-1), "UNKNOWN");
    ASSERT_STR(verdict_name(VERDICT_LATER), "LATER");
    ASSERT_STR(verdict_name(99), "UNKNOWN");
    ASSERT_STR(error_code_name(ERROR_REPLACED), "REPLACED");
    ASSERT_STR(error_code_name(-1), "UNKNOWN");
    for (int k = FRAME_NONE; k <= FRAME_BYE; k++)
        assert_non_null(frame_kind_name(k));
}

TEST_MAIN
