/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Each kind of violation in the smallest history that shows it, beside a healthy twin that must not
 * be flagged. Histories are written here without their times: a line is a second; "$7" is a UUID.
 */

#include "test.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/times.h"
#include "history/history.h"

/* Publisher p and consumer c, known to their brokers h and r; clocks and syncs are told. */
#define OPEN                                                                                       \
    "info - clock wall=1000000000000\n"                                                            \
    "invoke p open broker=h\n"                                                                     \
    "ok p open\n"                                                                                  \
    "info p listen source=receipts\n"                                                              \
    "invoke c open broker=r\n"                                                                     \
    "ok c open\n"                                                                                  \
    "info c listen source=mailbox\n"
#define PUBLISH(id, more)                                                                          \
    "invoke p publish id=" id " to=c" more "\n"                                                    \
    "ok p publish id=" id " word=ACCEPTED\n"
#define DELIVER(id)        "ok c deliver id=" id " attempt=1\n"
#define SETTLE(id, action) "invoke c settle id=" id " word=" action "\n"
#define SETTLED(id, action)                                                                        \
    SETTLE(id, action)                                                                             \
    "ok c settle id=" id " word=" action "\n"
#define RECEIPT(id, level) "ok p receipt id=" id " for=c word=" level "\n"
#define COLLECTED(id)      DELIVER(id) SETTLED(id, "DONE") RECEIPT(id, "COLLECTED")
#define DRAINED            "info - drained\n"
#define ONLY(kind)         (1U << HISTORY_KIND_##kind)

static HistoryReport report;

static void expand(const char *text, Buf *to) {
    unsigned second = 0;
    for (bool begins = true; *text; text++) {
        if (begins)
            buf_addf(to, "%u000000 ", ++second);
        begins = *text == '\n';
        if (*text == '$')
            buf_addf(to, "00000000-0000-7000-8000-00000000000%c", *++text);
        else
            buf_add(to, text, 1);
    }
}

static int read_text(const char *text, size_t n, History **ret, size_t *ret_line) {
    FILE *f = fmemopen((void *)(uintptr_t)text, n, "r");
    assert_non_null(f);
    ASSERT_OK(history_new(ret));
    int r = history_read(*ret, f, "h", ret_line);
    (void)fclose(f);
    return r;
}

/* The kinds found, one bit each. */
static unsigned judge_by(const char *text, const HistoryRules *rules) {
    _cleanup_(buf_deinit) Buf b = { 0 };
    _cleanup_(history_freep) History *h = NULL;
    size_t line;
    unsigned found = 0;
    expand(text, &b);
    ASSERT_OK(read_text(buf_text(&b), b.n, &h, &line));
    int r = history_check(h, rules, &report);
    for (unsigned k = 0; k < HISTORY_KIND_COUNT; k++)
        found |= report.count[k] ? 1U << k : 0;
    ASSERT_EQ(r, found ? 1 : 0);
    return found;
}

static unsigned judge(const char *text) {
    return judge_by(text, NULL);
}

TEST(a_message_that_was_collected_and_receipted_is_well) {
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") COLLECTED("$1") DRAINED), 0);
    ASSERT_EQ(report.published, 1);
    ASSERT_EQ(report.collected, 1);
}

TEST(accepted_and_never_seen_is_lost) {
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DRAINED), ONLY(LOST));
    ASSERT_EQ(report.verdicts[0].n_lines, 3);
    ASSERT_EQ(report.verdicts[0].lines[0], 8);
    ASSERT_EQ(report.verdicts[0].lines[1], 9);
    assert_non_null(strstr(report.verdicts[0].text, "h:8, h:9, h:10"));
    ASSERT_EQ(judge(OPEN "invoke p publish id=$1 to=c\n" DRAINED), 0); /* nobody said accepted */
    ASSERT_EQ(judge(OPEN "invoke p publish id=$1 to=c\nunknown p publish id=$1\n" DRAINED), 0);
}

TEST(what_is_there_for_one_recipient_is_there_for_all) {
    const char *there = OPEN "info d listen source=mailbox\n"
                             "invoke p publish id=$1 to=c,d\n"
                             "unknown p publish id=$1\n" COLLECTED("$1") DRAINED;
    ASSERT_EQ(judge(there), ONLY(LOST));
}

TEST(seen_and_never_settled_is_lost) {
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") DRAINED), ONLY(LOST));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") SETTLE("$1", "DONE")
                        RECEIPT("$1", "COLLECTED") DRAINED),
              0);
}

TEST(a_history_without_its_end_proves_nothing) {
    HistoryRules partial = { .partial = true };
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "")), ONLY(UNDRAINED));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") COLLECTED("$1")), ONLY(UNDRAINED));
    ASSERT_EQ(judge_by(OPEN PUBLISH("$1", ""), &partial), 0);
}

TEST(only_what_was_attempted_may_come) {
    ASSERT_EQ(judge(OPEN DELIVER("$1") DRAINED), ONLY(UNEXPECTED));
    ASSERT_EQ(judge(OPEN DELIVER("$1") PUBLISH("$1", "") DRAINED), ONLY(UNEXPECTED));
    ASSERT_EQ(judge(OPEN "invoke p publish id=$1 to=d\n"
                         "ok p publish id=$1 word=ACCEPTED to=d\n" DELIVER("$1") DRAINED) &
                  ONLY(UNEXPECTED),
              ONLY(UNEXPECTED));
    ASSERT_EQ(judge(OPEN "invoke p publish id=$1 to=*\n"
                         "ok p publish id=$1 word=ACCEPTED\n" COLLECTED("$1") DRAINED),
              0);
}

TEST(where_a_redirection_was_refused_nothing_may_come) {
#define ASKED   "invoke b redirect id=$1 for=d\n"
#define REFUSED "fail b redirect id=$1 for=d\n"
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") COLLECTED("$1") ASKED REFUSED DRAINED), 0);
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") COLLECTED("$1") ASKED REFUSED
                    "ok d deliver id=$1 attempt=1\n" DRAINED) &
                  ONLY(UNEXPECTED),
              ONLY(UNEXPECTED));
#undef ASKED
#undef REFUSED
}

TEST(what_was_refused_each_time_may_not_come) {
    const char *refused = OPEN "invoke p publish id=$1 to=c\n"
                               "fail p publish id=$1 word=REFUSED\n" DELIVER("$1") DRAINED;
    const char *once = OPEN "invoke p publish id=$1 to=c\n"
                            "fail p publish id=$1 word=LATER\n"
                            "invoke p publish id=$1 to=c\n" COLLECTED("$1") DRAINED;
    ASSERT_EQ(judge(refused), ONLY(UNEXPECTED));
    ASSERT_EQ(judge(once), 0);
}

TEST(a_receipt_belongs_to_the_publisher) {
    ASSERT_EQ(judge(OPEN RECEIPT("$1", "DELAYED") DRAINED), ONLY(UNEXPECTED));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") RECEIPT("$1", "DELAYED") COLLECTED("$1") DRAINED), 0);
}

TEST(bytes_arrive_as_they_were_sent) {
    ASSERT_EQ(judge(OPEN PUBLISH("$1", " sum=abc") "ok c deliver id=$1 sum=abd\n" SETTLED(
                  "$1", "DONE") RECEIPT("$1", "COLLECTED") DRAINED),
              ONLY(ALTERED));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", " sum=abc") "ok c deliver id=$1 sum=abc\n" SETTLED(
                  "$1", "DONE") RECEIPT("$1", "COLLECTED") DRAINED),
              0);
}

TEST(settled_is_settled) {
    const char *same = OPEN PUBLISH("$1", "") COLLECTED("$1") DELIVER("$1") DRAINED;
    const char *later = OPEN PUBLISH("$1", "")
        COLLECTED("$1") "info c lost\ninvoke c open\nok c open\n" DELIVER("$1") DRAINED;
    const char *unsure = OPEN PUBLISH("$1", "") DELIVER("$1")
        SETTLE("$1", "DONE") "info c lost\ninvoke c open\nok c open\n" COLLECTED("$1") DRAINED;
    ASSERT_EQ(judge(same), ONLY(REDELIVERED));
    ASSERT_EQ(judge(later), ONLY(REDELIVERED));
    ASSERT_EQ(judge(unsure), 0);
}

TEST(an_old_copy_in_the_pipe_of_another_consumer_is_no_redelivery) {
    const char *stale = OPEN "invoke c#2 open\nok c#2 open\n" PUBLISH("$1", "")
        COLLECTED("$1") "ok c#2 deliver id=$1\n" DRAINED;
    const char *fresh = OPEN "invoke c#2 open\nok c#2 open\n" PUBLISH("$1", "")
        PUBLISH("$2", "") "ok c#2 deliver id=$2\n" COLLECTED(
            "$1") "invoke c#2 settle id=$2 word=DONE\nok c#2 settle id=$2 word=DONE\n"
                  "ok c#2 deliver id=$1\n" RECEIPT("$2", "COLLECTED") DRAINED;
    HistoryRules quick = { .flight_us = 1000 };
    ASSERT_EQ(judge(stale), 0);
    ASSERT_EQ(judge(fresh), ONLY(REDELIVERED));
    ASSERT_EQ(judge_by(stale, &quick), ONLY(REDELIVERED));
}

TEST(a_receipt_that_was_settled_does_not_come_again) {
    const char *again = OPEN PUBLISH("$1", "") DELIVER("$1")
        SETTLED("$1", "DONE") "ok p receipt id=$1 for=c word=COLLECTED receipt=$9\n"
                              "invoke p settle id=$9 word=DONE\nok p settle id=$9 word=DONE\n"
                              "ok p receipt id=$1 for=c word=COLLECTED receipt=$9\n" DRAINED;
    const char *unsure = OPEN PUBLISH("$1", "") DELIVER("$1")
        SETTLED("$1", "DONE") "ok p receipt id=$1 for=c word=COLLECTED receipt=$9\n"
                              "invoke p settle id=$9 word=DONE\n"
                              "ok p receipt id=$1 for=c word=COLLECTED receipt=$9\n" DRAINED;
    ASSERT_EQ(judge(again), ONLY(REDELIVERED));
    ASSERT_EQ(judge(unsure), 0);
}

TEST(a_lease_excludes_the_other_consumer) {
    const char *both = OPEN "invoke c#2 open\n" PUBLISH("$1", "")
        DELIVER("$1") "info c#2 lost\ninvoke c#2 open\nok c#2 open\nok c#2 deliver id=$1\n" SETTLED(
            "$1", "DONE") RECEIPT("$1", "COLLECTED") DRAINED;
    const char *taken_back = OPEN "invoke c#2 open\n" PUBLISH("$1", "")
        DELIVER("$1") "info c#2 lost\ninvoke c#2 open\nok c#2 open\nok c#2 deliver id=$1\n" SETTLE(
            "$1", "DONE") "fail c settle id=$1 word=DONE\ninvoke c#2 settle id=$1 word=DONE\n"
                          "ok c#2 settle id=$1 word=DONE\n" RECEIPT("$1", "COLLECTED") DRAINED;
    ASSERT_EQ(judge(both), ONLY(SHARED));
    ASSERT_EQ(judge(taken_back), 0);
}

TEST(first_deliveries_of_a_case_keep_the_order_of_acceptance) {
    const char *wrong = OPEN PUBLISH("$1", " case=$5") PUBLISH("$2", " case=$5") COLLECTED("$2")
        COLLECTED("$1") DRAINED;
    const char *right = OPEN PUBLISH("$1", " case=$5") PUBLISH("$2", " case=$5") COLLECTED("$1")
        COLLECTED("$2") DRAINED;
    const char *other = OPEN PUBLISH("$1", " case=$5") PUBLISH("$2", " case=$6") COLLECTED("$2")
        COLLECTED("$1") DRAINED;
    ASSERT_EQ(judge(wrong), ONLY(ORDER));
    ASSERT_EQ(judge(right), 0);
    ASSERT_EQ(judge(other), 0);
}

TEST(the_order_is_that_of_the_attempt_that_counted) {
    /* both on their way at once; the first was told LATER and went again behind the second */
    const char *later = OPEN "invoke p publish id=$1 to=c case=$5\n"
                             "invoke p publish id=$2 to=c case=$5\n"
                             "fail p publish id=$1 word=LATER\n"
                             "ok p publish id=$2 word=ACCEPTED\n" PUBLISH("$1", " case=$5")
                                 COLLECTED("$2") COLLECTED("$1") DRAINED;
    const char *piped =
        OPEN "invoke p publish id=$1 to=c case=$5\n"
             "invoke p publish id=$2 to=c case=$5\n"
             "ok p publish id=$2 word=ACCEPTED\n"
             "ok p publish id=$1 word=ACCEPTED\n" COLLECTED("$2") COLLECTED("$1") DRAINED;
    /* two sessions: which of the two went first nobody knows */
    const char *apart =
        OPEN "invoke p publish id=$1 to=c case=$5\n"
             "info p lost\ninvoke p open\n"
             "invoke p publish id=$2 to=c case=$5\n"
             "invoke p publish id=$1 to=c case=$5\n"
             "ok p publish id=$2 word=ACCEPTED\n"
             "ok p publish id=$1 word=ACCEPTED\n" COLLECTED("$2") COLLECTED("$1") DRAINED;
    ASSERT_EQ(judge(later), 0);
    ASSERT_EQ(judge(piped), ONLY(ORDER));
    ASSERT_EQ(judge(apart), 0);
}

TEST(a_no_that_was_lost_with_its_session_leaves_the_order_open) {
    /* the first may have been told LATER; ACCEPTED says that it was the second attempt */
    const char *lost =
        OPEN "invoke p publish id=$1 to=c case=$5\n"
             "invoke p publish id=$2 to=c case=$5\n"
             "ok p publish id=$2 word=ACCEPTED\n"
             "info p lost\ninvoke p open\n"
             "invoke p publish id=$1 to=c case=$5\n"
             "ok p publish id=$1 word=ACCEPTED\n" COLLECTED("$2") COLLECTED("$1") DRAINED;
    const char *duplicate =
        OPEN "invoke p publish id=$1 to=c case=$5\n"
             "invoke p publish id=$2 to=c case=$5\n"
             "ok p publish id=$2 word=ACCEPTED\n"
             "info p lost\ninvoke p open\n"
             "invoke p publish id=$1 to=c case=$5\n"
             "ok p publish id=$1 word=DUPLICATE\n" COLLECTED("$1") COLLECTED("$2") DRAINED;
    ASSERT_EQ(judge(lost), 0);
    ASSERT_EQ(judge(duplicate), 0);
}

/* Two programs read the mailbox. The first message is on its way to one that seems gone, and is
 * withdrawn; the other one gets the second. */
TEST(what_ended_on_its_way_may_come_after_the_next_of_its_case) {
#define TWO                                                                                        \
    OPEN "invoke c#2 open broker=r\nok c#2 open\ninfo c#2 listen source=mailbox\n" PUBLISH(        \
        "$1", " case=$5") PUBLISH("$2", " case=$5") "invoke p publish id=$3 recall=$1\n"           \
                                                    "ok p publish id=$3 word=ACCEPTED\n"
    const char *withdrawn =
        TWO RECEIPT("$1", "RECALLED") COLLECTED("$2") "ok c#2 deliver id=$1 attempt=1\n" DRAINED;
    const char *not_ended =
        TWO COLLECTED("$2") "ok c#2 deliver id=$1 attempt=1\n"
                            "invoke c#2 settle id=$1 word=DONE\n"
                            "ok c#2 settle id=$1 word=DONE\n" RECEIPT("$1", "COLLECTED") DRAINED;
    const char *same_session = TWO RECEIPT("$1", "RECALLED") COLLECTED("$2") DELIVER("$1") DRAINED;
    const char *new_session = TWO RECEIPT("$1", "RECALLED") COLLECTED(
        "$2") "info c#2 lost\ninvoke c#2 open\nok c#2 open\nok c#2 deliver id=$1\n" DRAINED;
#undef TWO
    ASSERT_EQ(judge(withdrawn), 0);
    ASSERT_EQ(judge(not_ended), ONLY(ORDER));
    ASSERT_EQ(judge(same_session), ONLY(ORDER));
    ASSERT_EQ(judge(new_session), ONLY(ORDER));
}

TEST(the_order_may_become_known_only_after_the_delivery) {
    ASSERT_EQ(judge(OPEN "invoke p publish id=$1 to=c case=$5\n"
                         "invoke p publish id=$2 to=c case=$5\n" COLLECTED("$2")
                             COLLECTED("$1") "ok p publish id=$1 word=ACCEPTED\n"
                                             "ok p publish id=$2 word=ACCEPTED\n" DRAINED),
              ONLY(ORDER));
}

TEST(the_next_of_a_case_waits_for_the_settlement) {
    const char *wrong = OPEN PUBLISH("$1", " case=$5") PUBLISH("$2", " case=$5") DELIVER("$1")
        SETTLED("$1", "RETRY") DELIVER("$2") SETTLED("$1", "DONE") SETTLED("$2", "DONE")
            RECEIPT("$1", "COLLECTED") RECEIPT("$2", "COLLECTED") DRAINED;
    const char *right = OPEN PUBLISH("$1", " case=$5") PUBLISH("$2", " case=$5") DELIVER("$1")
        SETTLE("$1", "DONE") DELIVER("$2") SETTLED("$2", "DONE") RECEIPT("$1", "COLLECTED")
            RECEIPT("$2", "COLLECTED") DRAINED;
    const char *dead = OPEN PUBLISH("$1", " case=$5") PUBLISH("$2", " case=$5") DELIVER("$1")
        COLLECTED("$2") RECEIPT("$1", "UNDELIVERABLE cause=DEAD_CRASHED") DRAINED;
    ASSERT_EQ(judge(wrong), ONLY(OVERTAKEN));
    ASSERT_EQ(judge(right), 0);
    ASSERT_EQ(judge(dead), 0);
}

TEST(an_accepted_message_has_one_final_receipt) {
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") SETTLED("$1", "DONE") DRAINED),
              ONLY(OUTCOME));
    ASSERT_EQ(
        judge(OPEN PUBLISH("$1", " receipts=failures") DELIVER("$1") SETTLED("$1", "DONE") DRAINED),
        0);
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") SETTLED(
                  "$1", "DONE") "ok p receipt id=$1 for=c word=COLLECTED receipt=$8\n"
                                "ok p receipt id=$1 for=c word=COLLECTED receipt=$9\n" DRAINED),
              ONLY(OUTCOME));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") SETTLED(
                  "$1", "DONE") "ok p receipt id=$1 for=c word=COLLECTED receipt=$9\n"
                                "ok p receipt id=$1 for=c word=COLLECTED receipt=$9\n" DRAINED),
              0);
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1")
                        RECEIPT("$1", "UNDELIVERABLE cause=DEAD_CRASHED") SETTLE("$1", "DONE")
                            RECEIPT("$1", "COLLECTED") DRAINED),
              ONLY(OUTCOME));
}

TEST(outcomes_are_one_for_each_recipient_and_agree) {
#define ASKED(who)          "invoke " who " outcome id=$1\n"
#define ROW(who, to, level) "ok " who " outcome id=$1 for=" to " word=" level "\n"
#define STORY               OPEN PUBLISH("$1", "") COLLECTED("$1") DRAINED
    ASSERT_EQ(
        judge(STORY ASKED("p") ROW("p", "c", "COLLECTED") ASKED("h") ROW("h", "c", "COLLECTED")),
        0);
    ASSERT_EQ(judge(STORY ASKED("p")), ONLY(OUTCOME));
    ASSERT_EQ(judge(STORY ASKED("p") ROW("p", "c", "PENDING")), ONLY(OUTCOME));
    ASSERT_EQ(judge(STORY ASKED("p") ROW("p", "c", "COLLECTED") ROW("p", "c", "COLLECTED")),
              ONLY(OUTCOME));
    ASSERT_EQ(judge(STORY ASKED("p") ROW("p", "c", "RECALLED")) & ONLY(OUTCOME), ONLY(OUTCOME));
    ASSERT_EQ(judge(STORY ASKED("p") ROW("p", "c", "COLLECTED") ASKED("r")
                        ROW("r", "c", "UNDELIVERABLE")) &
                  ONLY(OUTCOME),
              ONLY(OUTCOME));
    ASSERT_EQ(judge(STORY ASKED("r")), 0); /* another broker need not know */
    ASSERT_EQ(judge(STORY ASKED("p") ROW("p", "c", "COLLECTED") ROW("p", "d", "COLLECTED")),
              ONLY(UNEXPECTED));
}

TEST(receipts_say_what_happened) {
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") RECEIPT("$1", "COLLECTED")
                        SETTLED("$1", "DONE") DRAINED),
              ONLY(RECEIPT));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") SETTLED("$1", "DONE")
                        RECEIPT("$1", "UNDELIVERABLE") DRAINED),
              ONLY(RECEIPT));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") SETTLE("$1", "DONE")
                        RECEIPT("$1", "UNDELIVERABLE") DRAINED),
              0);
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DELIVER("$1") SETTLED("$1", "DONE")
                        RECEIPT("$1", "UNDELIVERABLE") "info - requeue id=$1 for=c\n" DRAINED),
              0);
}

TEST(nothing_is_recalled_without_an_order) {
    const char *order = "invoke p publish id=$2 recall=$1\nok p publish id=$2 word=ACCEPTED\n";
    _cleanup_(buf_deinit) Buf b = { 0 };
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") RECEIPT("$1", "RECALLED") DRAINED), ONLY(RECEIPT));
    buf_addf(&b, "%s%s%s", OPEN PUBLISH("$1", ""), order, RECEIPT("$1", "RECALLED") DRAINED);
    ASSERT_EQ(judge(buf_text(&b)), 0);
    ASSERT_EQ(report.recalled, 1);
}

TEST(nothing_expires_before_its_time) {
#define EXPIRED RECEIPT("$1", "UNDELIVERABLE cause=EXPIRED_IN_MAILBOX")
    ASSERT_EQ(judge(OPEN PUBLISH("$1", " expires=1000000020000") EXPIRED DRAINED), ONLY(EXPIRY));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", " expires=1000000008000") EXPIRED DRAINED), 0);
    ASSERT_EQ(report.expired, 1);
    ASSERT_EQ(
        judge(OPEN PUBLISH(
            "$1", " expires=1000000020000") "info - clock wall=1000000030000\n"
                                            "info - clock wall=999000000000\n" EXPIRED DRAINED),
        0);
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") EXPIRED DRAINED), ONLY(EXPIRY)); /* 72 hours, at least */
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") "info - clock wall=1000259300000\n" EXPIRED DRAINED), 0);
}

TEST(dead_letters_and_receipts_go_together) {
#define DEAD RECEIPT("$1", "UNDELIVERABLE cause=DEAD_REJECTED")
    const char *letter = "invoke r dead\nok r dead id=$1 for=c cause=DEAD_REJECTED\n";
    _cleanup_(buf_deinit) Buf b = { 0 }, untold = { 0 };
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") DEAD DRAINED "invoke r dead\n"), ONLY(DEAD));
    buf_addf(&b, "%s%s", OPEN PUBLISH("$1", "") DEAD DRAINED, letter);
    ASSERT_EQ(judge(buf_text(&b)), 0);
    ASSERT_EQ(report.dead, 1);
    buf_addf(&untold, "%s%s", OPEN PUBLISH("$1", "") COLLECTED("$1") DRAINED, letter);
    ASSERT_EQ(judge(buf_text(&untold)), ONLY(DEAD));
}

TEST(a_receipt_may_be_the_dead_letter) {
    const char *lost = OPEN PUBLISH("$1", "") PUBLISH("$2", "") DELIVER("$1") SETTLED("$1", "DONE")
        DELIVER("$2") SETTLED("$2", "DONE") RECEIPT("$2", "COLLECTED") DRAINED
        "invoke h dead\nok h dead id=$9 for=p cause=DEAD_CRASHED\n";
    const char *both = OPEN PUBLISH("$1", "") PUBLISH("$2", "") DELIVER("$1") SETTLED("$1", "DONE")
        DELIVER("$2") SETTLED("$2", "DONE") DRAINED
        "invoke h dead\nok h dead id=$9 for=p cause=DEAD_CRASHED\n";
    ASSERT_EQ(judge(lost), 0);
    ASSERT_EQ(judge(both), ONLY(OUTCOME));
    ASSERT_EQ(report.count[HISTORY_KIND_OUTCOME], 1);
}

TEST(answers_wait_for_the_sync) {
#define SYNC(b) "invoke " b " sync\nok " b " sync\n"
    const char *early = OPEN SYNC("h")
        SYNC("r") "invoke p publish id=$1 to=c\n"
                  "ok p publish id=$1 word=ACCEPTED\n" DELIVER("$1") SETTLE("$1", "DONE")
                      SYNC("r") "ok c settle id=$1 word=DONE\n" RECEIPT("$1", "COLLECTED") DRAINED;
    const char *begun =
        OPEN SYNC("r") "invoke h sync\ninvoke p publish id=$1 to=c\nok h sync\n"
                       "ok p publish id=$1 word=ACCEPTED\n" DELIVER("$1") SETTLE("$1", "DONE")
                           SYNC("r") "ok c settle id=$1 word=DONE\n" RECEIPT("$1", "COLLECTED")
                               DRAINED;
    const char *settle = OPEN SYNC("r") "invoke p publish id=$1 to=c\n" SYNC(
        "h") "ok p publish id=$1 word=ACCEPTED\n" COLLECTED("$1") DRAINED;
    const char *right = OPEN SYNC("r") "invoke p publish id=$1 to=c\n" SYNC(
        "h") "ok p publish id=$1 word=ACCEPTED\n" DELIVER("$1") SETTLE("$1", "DONE")
        SYNC("r") "ok c settle id=$1 word=DONE\n" RECEIPT("$1", "COLLECTED") DRAINED;
    /* One of two tags is unknown, which is told first; no sync since the later of them. */
    const char *overtaken = OPEN SYNC("r") "invoke p publish id=$1 to=c\n" SYNC(
        "h") "ok p publish id=$1 word=ACCEPTED\n" DELIVER("$1") DELIVER("$1") SETTLE("$1", "DONE")
        SYNC("r") SETTLE("$1", "DONE") "fail c settle id=$1 word=DONE\n"
                                       "ok c settle id=$1 word=DONE\n" RECEIPT("$1", "COLLECTED")
                                           DRAINED;
    const char *neither = OPEN SYNC("r") "invoke p publish id=$1 to=c\n" SYNC(
        "h") "ok p publish id=$1 word=ACCEPTED\n" DELIVER("$1") DELIVER("$1") SETTLE("$1", "DONE")
        SETTLE("$1", "DONE") "fail c settle id=$1 word=DONE\n"
                             "ok c settle id=$1 word=DONE\n" RECEIPT("$1", "COLLECTED") DRAINED;
    ASSERT_EQ(judge(overtaken), 0);
    ASSERT_EQ(judge(neither), ONLY(EARLY));
    ASSERT_EQ(judge(early), ONLY(EARLY));
    ASSERT_EQ(judge(begun), ONLY(EARLY));
    ASSERT_EQ(judge(settle), ONLY(EARLY));
    ASSERT_EQ(judge(right), 0);
}

TEST(an_id_is_accepted_once) {
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") PUBLISH("$1", "") COLLECTED("$1") DRAINED), ONLY(DEDUP));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") "invoke p publish id=$1 to=c\n"
                                           "ok p publish id=$1 word=DUPLICATE\n" COLLECTED("$1")
                                               DRAINED),
              0);
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "") "invoke p publish id=$1 to=c\n"
                                           "fail p publish id=$1 word=REFUSED\n" COLLECTED("$1")
                                               DRAINED),
              ONLY(DEDUP));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", " sum=a") "invoke p publish id=$1 to=c sum=a\n"
                                                 "fail p publish id=$1 word=CONFLICT\n" COLLECTED(
                                                     "$1") DRAINED),
              ONLY(DEDUP));
    ASSERT_EQ(judge(OPEN PUBLISH("$1", " sum=a") "invoke p publish id=$1 to=c sum=b\n"
                                                 "fail p publish id=$1 word=CONFLICT\n" COLLECTED(
                                                     "$1") DRAINED),
              0);
}

TEST(a_reject_counts) {
    const char *forgotten =
        OPEN PUBLISH("$1", "") DELIVER("$1") SETTLED("$1", "REJECT") COLLECTED("$1") DRAINED;
    const char *counted = OPEN PUBLISH("$1", "") DELIVER("$1")
        SETTLED("$1", "REJECT") "ok c deliver id=$1 attempt=2\n" SETTLED("$1", "DONE")
            RECEIPT("$1", "COLLECTED") DRAINED;
    const char *free_retry =
        OPEN PUBLISH("$1", "") DELIVER("$1") SETTLED("$1", "RETRY") COLLECTED("$1") DRAINED;
    /* the operator was quicker than the answer: attempts are counted anew */
    const char *requeued = OPEN PUBLISH("$1", "") DELIVER("$1")
        SETTLE("$1", "REJECT") "info - requeue id=$1 for=c\n"
                               "ok c settle id=$1 word=REJECT\n" RECEIPT("$1", "UNDELIVERABLE")
                                   DELIVER("$1") SETTLED("$1", "DONE")
                                       RECEIPT("$1", "COLLECTED_LATE") DRAINED;
    ASSERT_EQ(judge(forgotten), ONLY(ATTEMPT));
    ASSERT_EQ(judge(counted), 0);
    ASSERT_EQ(judge(free_retry), 0);
    ASSERT_EQ(judge(requeued), 0);
}

TEST(an_answer_belongs_to_the_settlement_of_its_word) {
    /* answers may wait behind a full pipe while the delivery they caused goes past them */
    const char *late = OPEN SYNC("h") SYNC("r") "invoke p publish id=$1 to=c\n" SYNC(
        "h") "ok p publish id=$1 word=ACCEPTED\n" DELIVER("$1") SETTLE("$1", "REJECT")
        SYNC("r") "ok c deliver id=$1 attempt=2\n" SETTLE(
            "$1", "DONE") "ok c settle id=$1 word=REJECT\n" SYNC("r") "ok c settle id=$1 "
                                                                      "word=DONE\n" RECEIPT(
                                                                          "$1", "COLLECTED")
                                                                          DRAINED;
    const char *retried = OPEN PUBLISH("$1", "") DELIVER("$1") SETTLE(
        "$1", "REJECT") "ok c deliver id=$1 attempt=2\n"
                        "ok c settle id=$1 word=REJECT\n" SETTLED(
                            "$1", "RETRY") "ok c deliver id=$1 attempt=2\n" SETTLED("$1", "DONE")
                            RECEIPT("$1", "COLLECTED") DRAINED;
    ASSERT_EQ(judge(late), 0);
    ASSERT_EQ(judge(retried), 0);
}

TEST(copies_of_a_subscription_have_neither_outcome_nor_order) {
    ASSERT_EQ(judge(OPEN PUBLISH("$1", "")
                        COLLECTED("$1") "ok d deliver id=$1 role=subscriber\n"
                                        "ok d deliver id=$1 role=subscriber\n" DRAINED),
              0);
}

/* --- the text --- */

TEST(what_is_written_is_read_again) {
    _cleanup_(history_freep) History *h = NULL, *again = NULL;
    _cleanup_(freep) char *first = NULL, *second = NULL;
    size_t n, line;
    Uuid id = { { 1, 2, 3 } }, order_key = { { 9 } };
    ASSERT_OK(history_new(&h));
    ASSERT_OK(HISTORY_ADD(h, .at_us = 5, .phase = HISTORY_INVOKE, .op = HISTORY_PUBLISH,
                          .who = "dsk/3203#2", .id = id, .order_key = order_key,
                          .to = { "hub", "upt/satria" }, .n_to = 2, .expires_ms = 77,
                          .sum = 0xabc));
    ASSERT_OK(HISTORY_ADD(h, .at_us = 6, .phase = HISTORY_OK, .op = HISTORY_RECEIPT,
                          .who = "dsk/3203", .id = id, .receipt = order_key, .recipient = "hub",
                          .word = "UNDELIVERABLE", .cause = "EXPIRED_ON_LINK"));
    ASSERT_OK(HISTORY_ADD(h, .at_us = 7, .phase = HISTORY_INFO, .op = HISTORY_CLOCK, .who = "-",
                          .wall_ms = 12345));
    FILE *f = open_memstream(&first, &n);
    ASSERT_OK(history_write(h, f));
    (void)fclose(f);
    ASSERT_OK(read_text(first, n, &again, &line));
    f = open_memstream(&second, &n);
    ASSERT_OK(history_write(again, f));
    (void)fclose(f);
    ASSERT_STR(first, second);
    assert_non_null(strstr(first, "5 invoke dsk/3203#2 publish id=01020300-"));
    assert_non_null(strstr(first, " to=hub,upt/satria expires=77 sum=0000000000000abc\n"));
    assert_non_null(strstr(first, "7 info - clock wall=12345\n"));
}

TEST(a_line_that_is_not_an_event_is_an_error) {
    static const char *const wrong[] = {
        "1 ok\n",
        "x ok c open\n",
        "-1 ok c open\n",
        "1 perhaps c open\n",
        "1 ok c explode\n",
        "1 fail c deliver id=00000000-0000-7000-8000-000000000001\n",
        "1 ok c deliver\n",
        "1 ok c deliver id=1\n",
        "1 ok c deliver id=00000000-0000-7000-8000-000000000001 colour=red\n",
        "1 ok c deliver id=00000000-0000-7000-8000-000000000001 attempt=0\n",
        "1 ok c deliver id=00000000-0000-7000-8000-000000000001 attempt=1 attempt=1\n",
        "1 ok c deliver id=00000000-0000-7000-8000-000000000001 \n",
        "1 info - drained wall=5\n",
        "\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        _cleanup_(history_freep) History *h = NULL;
        char text[200];
        size_t line;
        (void)snprintf(text, sizeof(text), "# a comment\n1 info - drained\n%s", wrong[i]);
        if (read_text(text, strlen(text), &h, &line) != -EBADMSG || line != 3)
            fail_msg("read: %s", wrong[i]);
    }
}

TEST(the_cut_last_line_of_a_killed_program_is_dropped) {
    _cleanup_(history_freep) History *h = NULL;
    const char *text = "1 info - drained\n2 ok c deliver id=0000";
    size_t line;
    ASSERT_OK(read_text(text, strlen(text), &h, &line));
    ASSERT_EQ(history_count(h), 1);
}

TEST(files_are_merged_by_time) {
    _cleanup_(history_freep) History *h = NULL;
    const char *const id = "00000000-0000-7000-8000-000000000001";
    char consumer[600], publisher[600];
    size_t line;
    (void)snprintf(consumer, sizeof(consumer),
                   "5 invoke c open\n6 info c listen source=mailbox\n30 ok c deliver id=%s\n"
                   "40 invoke c settle id=%s word=DONE\n50 ok c settle id=%s word=DONE\n",
                   id, id, id);
    (void)snprintf(publisher, sizeof(publisher),
                   "10 invoke p publish id=%s to=c\n20 ok p publish id=%s word=ACCEPTED\n"
                   "60 info - drained\n",
                   id, id);
    ASSERT_OK(history_new(&h));
    FILE *f = fmemopen(consumer, strlen(consumer), "r");
    ASSERT_OK(history_read(h, f, "consumer", &line));
    (void)fclose(f);
    f = fmemopen(publisher, strlen(publisher), "r");
    ASSERT_OK(history_read(h, f, "publisher", &line));
    (void)fclose(f);
    ASSERT_EQ(history_check(h, NULL, &report), 0);
    ASSERT_EQ(report.deliveries, 1);
}

TEST(texts_that_would_break_a_line_are_not_taken) {
    _cleanup_(history_freep) History *h = NULL;
    ASSERT_OK(history_new(&h));
    ASSERT_EQ(HISTORY_ADD(h, .op = HISTORY_LOST, .phase = HISTORY_INFO, .who = "a b"), -EINVAL);
    ASSERT_EQ(HISTORY_ADD(h, .op = HISTORY_LOST, .phase = HISTORY_INFO, .who = NULL), -EINVAL);
    ASSERT_EQ(HISTORY_ADD(h, .op = HISTORY_LOST, .phase = HISTORY_OK, .who = "a"), -EINVAL);
    ASSERT_EQ(HISTORY_ADD(h, .op = HISTORY_OPEN, .phase = HISTORY_OK, .who = "a", .attempt = 1),
              -EINVAL);
    ASSERT_EQ(history_count(h), 0);
}

TEST(a_long_history_is_judged_in_time) {
    _cleanup_(history_freep) History *h = NULL;
    int64_t t = 0;
    ASSERT_OK(history_new(&h));
    ASSERT_OK(HISTORY_ADD(h, .at_us = ++t, .phase = HISTORY_INFO, .op = HISTORY_LISTEN, .who = "c",
                          .word = "mailbox"));
    for (uint32_t i = 1; i <= 50000; i++) {
        Uuid id = { { 0 } }, key = { { 7, (uint8_t)(i % 8) } };
        memcpy(id.b, &i, sizeof(i));
        ASSERT_OK(HISTORY_ADD(h, .at_us = ++t, .phase = HISTORY_INVOKE, .op = HISTORY_PUBLISH,
                              .who = "p", .id = id, .order_key = key, .to = { "c" }, .n_to = 1));
        ASSERT_OK(HISTORY_ADD(h, .at_us = ++t, .phase = HISTORY_OK, .op = HISTORY_PUBLISH,
                              .who = "p", .id = id, .word = "ACCEPTED"));
        ASSERT_OK(HISTORY_ADD(h, .at_us = ++t, .phase = HISTORY_OK, .op = HISTORY_DELIVER,
                              .who = "c", .id = id));
        ASSERT_OK(HISTORY_ADD(h, .at_us = ++t, .phase = HISTORY_INVOKE, .op = HISTORY_SETTLE,
                              .who = "c", .id = id, .word = "DONE"));
        ASSERT_OK(HISTORY_ADD(h, .at_us = ++t, .phase = HISTORY_OK, .op = HISTORY_SETTLE,
                              .who = "c", .id = id, .word = "DONE"));
    }
    ASSERT_OK(
        HISTORY_ADD(h, .at_us = ++t, .phase = HISTORY_INFO, .op = HISTORY_DRAINED, .who = "-"));
    ASSERT_EQ(history_check(h, NULL, &report), 0);
    ASSERT_EQ(report.collected, 50000);
}

TEST_MAIN
