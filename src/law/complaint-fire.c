/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A complaint that stands still: it moves one level up when nobody classifies or resolves it in
 * time (domain 4.7), and closes when the reporter says nothing about what was done (domain 5). The
 * former holder and the reporter stay informed. At the highest level it is told again.
 */

#include <string.h>

#include "base/text.h"
#include "law/complaint-internal.h"

static const Telling classify = {
    .code = "classify",
    .pasal = "P4 Pasal 8 ayat (2)",
    .text_en =
        "The complaint was not classified in time; the next higher level holds it now. Next: "
        "the holder classifies or assigns it (kind 11).",
    .text_id = "Pengaduan belum diklasifikasi pada waktunya; kini dipegang tingkat di atasnya. "
               "Langkah berikutnya: pemegang mengklasifikasi atau menugaskannya (jenis 11).",
};
static const Telling resolve = {
    .code = "resolve",
    .pasal = "P4 Pasal 8 ayat (2)",
    .text_en = "The complaint was not followed up in time; the next higher level holds it now. "
               "Next: the holder sees that it is resolved (kind 11).",
    .text_id = "Pengaduan belum ditindaklanjuti pada waktunya; kini dipegang tingkat di atasnya. "
               "Langkah berikutnya: pemegang memastikan penyelesaiannya (jenis 11).",
};
static const Telling highest = {
    .code = "overdue",
    .pasal = "P4 Pasal 8 ayat (2)",
    .text_en = "The complaint is overdue and there is no higher level to hold it. Next: classify, "
               "assign or resolve it (kind 11).",
    .text_id = "Pengaduan terlambat dan tidak ada tingkat yang lebih tinggi. Langkah berikutnya: "
               "klasifikasi, tugaskan atau selesaikan (jenis 11).",
};
static const Telling silence = {
    .code = "silence",
    .pasal = "P4 Pasal 8 ayat (2)",
    .text_en = "The complaint was resolved and nobody answered; it is closed. Next: reopen it "
               "within 30 days if it is not settled (kind 11, REOPEN).",
    .text_id = "Pengaduan telah diselesaikan dan tidak ada jawaban; kini ditutup. Langkah "
               "berikutnya: buka kembali dalam 30 hari bila belum tuntas (jenis 11, REOPEN).",
};
static const Telling superior = {
    .code = "superior",
    .pasal = "P7 Pasal 48",
    .text_en = "The complaint was sent on too often, or back, and waits for the superior. Next: "
               "decide who holds it (kind 11, REROUTE, CLASSIFY or ASSIGN).",
    .text_id = "Pengaduan dialihkan terlalu sering atau kembali dan menunggu atasan. Langkah "
               "berikutnya: putuskan pemegangnya (jenis 11, REROUTE, CLASSIFY atau ASSIGN).",
};

static void fire_overdue(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms,
                         Fired *ret) {
    const Telling *what = timer == TIMER_CLASSIFY ? &classify : &resolve;
    char before[NODE_NAME_SIZE];
    (void)text_copy(before, sizeof(before), item->custodian);
    ret->changed = complaint_escalate(ctx, item, timer, now_ms);
    if (!ret->changed) {
        what = &highest;
        item_timer_again(ctx, item, timer, now_ms);
    }
    fired_tell(ret, item->custodian, what);
    fired_tell(ret, before, what);
    fired_tell(ret, item->owes, what);
    fired_tell(ret, item->complaint.origin, what);
}

/* Whom it accuses learns nothing of it (reporters are to be protected): then the next one up. */
static const char *above(const LawContext *ctx, const Item *item, uint32_t steps) {
    const char *accused = item->complaint.about_node;
    const char *up = superior_above(ctx->directory, item->custodian, steps);
    if (accused[0] && strcmp(up, accused) == 0)
        up = superior_above(ctx->directory, item->custodian, steps + 1);
    return accused[0] && strcmp(up, accused) == 0 ? "" : up;
}

/* Whoever has to decide, then one level higher each time, and who sent it on last. */
static void fire_superior(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms,
                          Fired *ret) {
    const Complaint *c = &item->complaint;
    const uint32_t level = item_timer(item, timer)->level;
    fired_tell(ret, item->custodian, &superior);
    fired_tell(ret, above(ctx, item, level), &superior);
    for (size_t i = ARRAY_SIZE(c->former); i > 0; i--)
        if (c->former[i - 1][0]) {
            fired_tell(ret, c->former[i - 1], &superior);
            break;
        }
    item_timer_again(ctx, item, timer, now_ms);
}

static void fire_silence(Item *item, int64_t now_ms, Fired *ret) {
    fired_tell(ret, item->complaint.origin, &silence);
    fired_tell(ret, item->custodian, &silence);
    complaint_close(item, true, now_ms);
    ret->changed = true;
}

void complaint_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms,
                    Fired *ret) {
    switch (timer) {
    case TIMER_CLASSIFY:
    case TIMER_RESOLVE:
        if (item->state == COMPLAINT_SUPERIOR_DECIDES)
            fire_superior(ctx, item, timer, now_ms, ret);
        else
            fire_overdue(ctx, item, timer, now_ms, ret);
        break;
    case TIMER_SUPERIOR:
        fire_superior(ctx, item, timer, now_ms, ret);
        break;
    case TIMER_SILENCE:
        fire_silence(item, now_ms, ret);
        break;
    default: /* not one of a complaint's */
        item_timer_stop(item, timer);
        break;
    }
}
