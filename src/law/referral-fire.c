/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is owed in a referral and was not done in time: who is told. Two timers decide: a referral
 * expires, and a cancellation nobody answers counts as refused.
 */

#include <string.h>

#include "law/referral-internal.h"

static const Telling answer = {
    .code = "answer",
    .pasal = "P7 Pasal 31 huruf b",
    .text_en = "The referral has not been answered in time. Next: the target answers (kind 2); its "
               "supervisor sees to it.",
    .text_id = "Rujukan belum ditanggapi pada waktunya. Langkah berikutnya: lembaga tujuan memberi "
               "tanggapan (jenis 2); atasannya memastikan.",
};
static const Telling redirect = {
    .code = "answer",
    .pasal = "P7 Pasal 31 huruf b",
    .text_en = "The referral is still not answered after twice the time. Next: redirect it, by "
               "cancelling it (kind 3) and referring to another institution (kind 1).",
    .text_id = "Rujukan belum ditanggapi setelah dua kali batas waktu. Langkah berikutnya: alihkan "
               "dengan membatalkannya (jenis 3) dan merujuk ke lembaga lain (jenis 1).",
};
static const Telling cancel = {
    .code = "cancel",
    .pasal = "P7 Pasal 31 huruf b",
    .text_en = "The cancellation was not answered and counts as refused; the referral goes on. "
               "Next: go on with it, or agree and cancel again (kind 3).",
    .text_id = "Pembatalan tidak dijawab dan dianggap ditolak; rujukan berlanjut. Langkah "
               "berikutnya: teruskan, atau sepakati lalu batalkan lagi (jenis 3).",
};
static const Telling documents = {
    .code = "R-072",
    .pasal = "P4 Pasal 9, Pasal 13 ayat (2), Pasal 19 ayat (3)",
    .text_en = "Emergency documents overdue. Next: the requester supplies them (kind 3, "
               "SUPPLEMENT).",
    .text_id = "Dokumen susulan kedaruratan terlambat. Langkah berikutnya: pemohon melengkapinya "
               "(jenis 3, SUPPLEMENT).",
};
static const Telling supplement = {
    .code = "supplement",
    .pasal = "P4 Pasal 13 ayat (2), Pasal 19 ayat (3)",
    .text_en = "The documents the target asked for have not come. Next: supply them or cancel "
               "(kind 3); the target may decline (kind 2).",
    .text_id = "Dokumen yang diminta lembaga tujuan belum ada. Langkah berikutnya: lengkapi atau "
               "batalkan (jenis 3); lembaga tujuan dapat menolak (jenis 2).",
};
static const Telling follow_up = {
    .code = "R-033",
    .pasal = "P4 Pasal 12 ayat (4)",
    .text_en = "Family follow-up overdue. Next: visit the family and report it (kind 5).",
    .text_id = "Pemantauan keluarga terlambat. Langkah berikutnya: kunjungi keluarga dan laporkan "
               "(jenis 5).",
};
static const Telling expiry = {
    .code = "expiry",
    .pasal = "P7 Pasal 31 huruf b",
    .text_en = "The referral has expired before it was accepted. Next: the requester still answers "
               "for the person and refers anew (kind 1).",
    .text_id =
        "Rujukan kedaluwarsa sebelum diterima. Langkah berikutnya: pemohon tetap bertanggung "
        "jawab dan mengajukan rujukan baru (jenis 1).",
};
static const Telling superior = {
    .code = "superior",
    .pasal = "P7 Pasal 48",
    .text_en = "The referral was sent on too often, or back, and waits for the common superior. "
               "Next: decide who takes it (kind 2, REDIRECTED).",
    .text_id = "Rujukan dialihkan terlalu sering atau kembali dan menunggu atasan bersama. Langkah "
               "berikutnya: putuskan siapa yang menangani (jenis 2, REDIRECTED).",
};

/* Not before now: what was missed while the broker stood still is told once. */
static int64_t not_before(int64_t due_ms, int64_t now_ms) {
    return due_ms > now_ms ? due_ms : now_ms + DAY_MS;
}

static void again_daily(Item *item, TimerKind timer, int64_t now_ms) {
    const Timer *running = item_timer(item, timer);
    item_timer_next(item, timer, not_before(running->due_ms + DAY_MS, now_ms));
}

/* The requester, and from the beginning the target's supervisor: once after the term, then with the
 * proposal to redirect, then one level higher each time; daily, in an emergency sooner until the
 * highest has been told. */
static void fire_answer(const LawContext *ctx, Item *item, int64_t now_ms, Fired *ret) {
    const Timer *running = item_timer(item, TIMER_ANSWER);
    const uint32_t level = running->level, up = MAX(level, 1U);
    const char *target = item->referral.target;
    const Telling *what = level == 0 ? &answer : &redirect;
    const char *told = superior_above(ctx->directory, target, up);
    fired_tell(ret, item->referral.requester, what);
    if (strcmp(told, target) != 0)
        fired_tell(ret, told, what);

    int64_t next = item_timer_due(ctx, item, TIMER_ANSWER, running->due_ms);
    const bool highest = strcmp(told, superior_above(ctx->directory, target, up + 1)) == 0;
    if (level > 0 && (highest || next > running->due_ms + DAY_MS))
        next = running->due_ms + DAY_MS;
    item_timer_next(item, TIMER_ANSWER, not_before(next, now_ms));
}

static void fire_supplement(const LawContext *ctx, Item *item, int64_t now_ms, Fired *ret) {
    const uint32_t level = item_timer(item, TIMER_SUPPLEMENT)->level;
    fired_tell(ret, item->referral.requester, &supplement);
    fired_tell(ret, superior_above(ctx->directory, item->referral.requester, level), &supplement);
    fired_tell(ret, item->referral.target, &supplement);
    again_daily(item, TIMER_SUPPLEMENT, now_ms);
}

/* Who owes it and the supervisor at once (domain 4.4), then one level higher each time. */
static void fire_owed(const LawContext *ctx, Item *item, TimerKind timer, const char *owing,
                      const Telling *what, int64_t now_ms, Fired *ret) {
    const uint32_t level = item_timer(item, timer)->level;
    fired_tell(ret, owing, what);
    fired_tell(ret, superior_above(ctx->directory, owing, level + 1), what);
    again_daily(item, timer, now_ms);
}

static void fire_superior(const LawContext *ctx, Item *item, int64_t now_ms, Fired *ret) {
    const uint32_t level = item_timer(item, TIMER_SUPERIOR)->level;
    fired_tell(ret, item->owes, &superior);
    fired_tell(ret, superior_above(ctx->directory, item->owes, level), &superior);
    fired_tell(ret, item->referral.requester, &superior);
    again_daily(item, TIMER_SUPERIOR, now_ms);
}

static void tell_both(const Item *item, const Telling *what, Fired *ret) {
    fired_tell(ret, item->referral.requester, what);
    fired_tell(ret, item->referral.target, what);
}

static void fire_cancel(Item *item, Fired *ret) {
    tell_both(item, &cancel, ret);
    item_timer_stop(item, TIMER_CANCEL);
    if (item->state != REFERRAL_CANCEL_REQUESTED)
        return;
    referral_set_state(item, item->referral.state_before_cancel);
    ret->changed = true;
}

static void fire_expiry(Item *item, Fired *ret) {
    tell_both(item, &expiry, ret);
    item_close(item, REFERRAL_EXPIRED);
    ret->changed = true;
}

void referral_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret) {
    const Referral *r = &item->referral;
    switch (timer) {
    case TIMER_ANSWER:
        fire_answer(ctx, item, now_ms, ret);
        break;
    case TIMER_CANCEL:
        fire_cancel(item, ret);
        break;
    case TIMER_DOCUMENTS:
        fire_owed(ctx, item, timer, r->requester, &documents, now_ms, ret);
        break;
    case TIMER_SUPPLEMENT:
        fire_supplement(ctx, item, now_ms, ret);
        break;
    case TIMER_FOLLOW_UP:
        fire_owed(ctx, item, timer, item->custodian, &follow_up, now_ms, ret);
        break;
    case TIMER_EXPIRY:
        fire_expiry(item, ret);
        break;
    case TIMER_SUPERIOR:
        fire_superior(ctx, item, now_ms, ret);
        break;
    default: /* not one of a referral's */
        item_timer_stop(item, timer);
        break;
    }
}
