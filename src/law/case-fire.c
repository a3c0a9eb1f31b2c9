/* SPDX-License-Identifier: Apache-2.0 */

/* What is owed in a case and was not done in time: who is told. Daily until it is done. */

#include "law/machine.h"

/* The register has had several names: the broker fills in the one of today (P7 Pasal 43). */
static const Telling dtks = {
    .code = "R-120",
    .pasal = "P7 Pasal 43 ayat (2)",
    .text_en = "The report proposing the person for the integrated register ({register}) is due. "
               "Next: send the "
               "proposal (kind 50); the service goes on meanwhile.",
    .text_id = "Laporan usulan masuk data terpadu ({register}) belum disampaikan. Langkah "
               "berikutnya: kirim "
               "usulan (jenis 50); layanan tetap berjalan.",
};
static const Telling opening = {
    .code = "opening",
    .pasal = "P7 Pasal 11 ayat (5), Pasal 20, Pasal 21 huruf b",
    .text_en = "The case has begun but its opening has not come. Next: send the opening of the "
               "case (kind 40).",
    .text_id = "Kasus sudah berjalan tetapi pembukaannya belum disampaikan. Langkah berikutnya: "
               "kirim pembukaan kasus (jenis 40).",
};
static const Telling assessment = {
    .code = "assessment",
    .pasal = "P7 Pasal 11 ayat (5), Pasal 22",
    .text_en = "The emergency service runs without a comprehensive assessment. Next: begin stage 3 "
               "(kind 41).",
    .text_id = "Layanan darurat berjalan tanpa asesmen komprehensif. Langkah berikutnya: mulai "
               "tahap 3 (jenis 41).",
};

static bool is_owed(const Item *i, TimerKind timer) {
    const CaseFile *c = &i->case_file;
    if (i->final || i->state == CASE_NONE)
        return false;
    switch (timer) {
    case TIMER_DTKS:
        return !c->dtks_proposed && c->dtks_status != DTKS_STATUS_LISTED;
    case TIMER_OPENING:
        return c->provisional;
    case TIMER_ASSESSMENT:
        return c->emergency;
    default:
        return false;
    }
}

/* The provider, its supervisor (domain 4.4) and the ministry, all at once: the law says "segera".
 */
static void tell_of_register(const LawContext *ctx, const Item *i, Fired *ret) {
    fired_tell(ret, i->custodian, &dtks);
    fired_tell_role(ret, ctx, i, NODE_MINISTRY_UNIT, &dtks);
    fired_tell(ret, superior_of(ctx->directory, i->custodian), &dtks);
}

/* The provider, then its supervisor too, then the one above. */
static void tell_upwards(const LawContext *ctx, const Item *i, uint32_t level, const Telling *what,
                         Fired *ret) {
    for (uint32_t up = 0; up <= level && up < 3; up++)
        fired_tell(ret, superior_above(ctx->directory, i->custodian, up), what);
}

void case_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret) {
    const Timer *running = item_timer(item, timer);
    *ret = (Fired) { 0 };
    if (!running || !is_owed(item, timer)) {
        item_timer_stop(item, timer);
        return;
    }
    if (timer == TIMER_DTKS)
        tell_of_register(ctx, item, ret);
    else
        tell_upwards(ctx, item, running->level, timer == TIMER_OPENING ? &opening : &assessment,
                     ret);
    item_timer_again(ctx, item, timer, now_ms);
}
