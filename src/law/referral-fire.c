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
    .text_en = "The referral has expired before the placement. Next: the requester still answers "
               "for the person and refers anew (kind 1).",
    .text_id =
        "Rujukan kedaluwarsa sebelum penempatan. Langkah berikutnya: pemohon tetap bertanggung "
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

/* Until the placement the regency answers for a neglected child outside a home, whoever asks for it
 * (P4 Pasal 13 ayat (3)): its agency hears every reminder. Said last: the others come first. */
static void tell_regency(const LawContext *ctx, const Item *item, const Telling *what, Fired *ret) {
    switch (item->referral.referral_kind) {
    case REFERRAL_KIND_TO_FAMILY:
    case REFERRAL_KIND_TO_SOCIAL_HOME:
    case REFERRAL_KIND_EMERGENCY:
        fired_tell_role(ret, ctx, item, NODE_SOCIAL_AGENCY_REGENCY, what);
        break;
    default:
        break;
    }
}

/* The requester, and from the beginning the target's supervisor: once after the term, then with the
 * proposal to redirect, then one level higher. */
static void fire_answer(const LawContext *ctx, Item *item, int64_t now_ms, Fired *ret) {
    const uint32_t level = item_timer(item, TIMER_ANSWER)->level, up = MAX(level, 1U);
    const char *target = item->referral.target;
    const Telling *what = level == 0 ? &answer : &redirect;
    const char *told = superior_above(ctx->directory, target, up);
    fired_tell(ret, item->referral.requester, what);
    if (strcmp(told, target) != 0)
        fired_tell(ret, told, what);
    tell_regency(ctx, item, what, ret);
    item_timer_again(ctx, item, TIMER_ANSWER, now_ms);
}

static void fire_supplement(const LawContext *ctx, Item *item, int64_t now_ms, Fired *ret) {
    const uint32_t level = item_timer(item, TIMER_SUPPLEMENT)->level;
    fired_tell(ret, item->referral.requester, &supplement);
    fired_tell(ret, superior_above(ctx->directory, item->referral.requester, level), &supplement);
    fired_tell(ret, item->referral.target, &supplement);
    tell_regency(ctx, item, &supplement, ret);
    item_timer_again(ctx, item, TIMER_SUPPLEMENT, now_ms);
}

/* Who owes it and the supervisor at once (domain 4.4), then one level higher each time. */
static void fire_owed(const LawContext *ctx, Item *item, TimerKind timer, const char *owing,
                      const Telling *what, int64_t now_ms, Fired *ret) {
    const uint32_t level = item_timer(item, timer)->level;
    fired_tell(ret, owing, what);
    fired_tell(ret, superior_above(ctx->directory, owing, level + 1), what);
    if (timer == TIMER_DOCUMENTS)
        tell_regency(ctx, item, what, ret);
    item_timer_again(ctx, item, timer, now_ms);
}

static void fire_superior(const LawContext *ctx, Item *item, int64_t now_ms, Fired *ret) {
    const uint32_t level = item_timer(item, TIMER_SUPERIOR)->level;
    fired_tell(ret, item->owes, &superior);
    fired_tell(ret, superior_above(ctx->directory, item->owes, level), &superior);
    fired_tell(ret, item->referral.requester, &superior);
    tell_regency(ctx, item, &superior, ret);
    item_timer_again(ctx, item, TIMER_SUPERIOR, now_ms);
}

static void tell_both(const LawContext *ctx, const Item *item, const Telling *what, Fired *ret) {
    fired_tell(ret, item->referral.requester, what);
    fired_tell(ret, item->referral.target, what);
    tell_regency(ctx, item, what, ret);
}

static void fire_cancel(const LawContext *ctx, Item *item, Fired *ret) {
    tell_both(ctx, item, &cancel, ret);
    item_timer_stop(item, TIMER_CANCEL);
    if (item->state != REFERRAL_CANCEL_REQUESTED)
        return;
    referral_set_state(item, item->referral.state_before_cancel);
    ret->changed = true;
}

static void fire_expiry(const LawContext *ctx, Item *item, Fired *ret) {
    tell_both(ctx, item, &expiry, ret);
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
        fire_cancel(ctx, item, ret);
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
        fire_expiry(ctx, item, ret);
        break;
    case TIMER_SUPERIOR:
        fire_superior(ctx, item, now_ms, ret);
        break;
    default: /* not one of a referral's */
        item_timer_stop(item, timer);
        break;
    }
}
