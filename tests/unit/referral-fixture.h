/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A referral on the desk: dsk/3203 asks, uptd/32/pa-02 is asked. Every step is also asked whether
 * somebody answers for the person, and whether what has ended is at rest.
 */

#include "machine-fixture.h"

#define DSK  "dsk/3203"
#define HOME "uptd/32/pa-02"
#define DSP  "dsp/32"

static inline Item *referral(Desk *k) {
    return &k->items[ITEM_REFERRAL];
}

static inline const char *referral_says(Desk *k) {
    const char *says = desk_says(k, ITEM_REFERRAL);
    const Item *i = referral(k);
    if (i->state != REFERRAL_NONE)
        assert_int_not_equal(i->custodian[0], '\0');
    ASSERT_EQ(i->final, i->state >= REFERRAL_COMPLETED);
    if (i->final)
        assert_true(i->n_timers == 0 && i->owes[0] == '\0');
    else if (i->state != REFERRAL_NONE)
        assert_int_not_equal(i->owes[0], '\0');
    return says;
}

/* Asks for a referral; more facts may be set before referral_says(). */
static inline Facts *ask(Desk *k, const char *from, const char *to, int kind) {
    Facts *f = desk_act(k, KIND_REFERRAL_REQUEST, from);
    (void)desk_item(k, ITEM_REFERRAL);
    referral(k)->id = k->act.message_id;
    (void)text_copy(k->act.target, sizeof(k->act.target), to);
    k->act.expires_ms = k->now_ms + 30 * DAY_MS;
    f->request.referral_kind = (uint8_t)kind;
    return f;
}

static inline void give(Documents *d, int type) {
    d->of[type].present = true;
}

static inline const char *answer(Desk *k, const char *from, int decision) {
    desk_act(k, KIND_REFERRAL_RESPONSE, from)->response.decision = (uint8_t)decision;
    if (decision == REFERRAL_DECISION_NEEDS_DOCUMENTS)
        k->facts.response.missing = codes_of(DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    return referral_says(k);
}

static inline const char *send_on(Desk *k, const char *from, int decision, const char *to) {
    Facts *f = desk_act(k, KIND_REFERRAL_RESPONSE, from);
    f->response.decision = (uint8_t)decision;
    (void)text_copy(f->response.redirect_to, sizeof(f->response.redirect_to), to);
    return referral_says(k);
}

/* document 0: none. */
static inline const char *update(Desk *k, const char *from, int action, int document) {
    Facts *f = desk_act(k, KIND_REFERRAL_UPDATE, from);
    f->update.action = (uint8_t)action;
    if (document)
        give(&f->update.documents, document);
    return referral_says(k);
}

/* Minutes with up to two documents. */
static inline const char *hand_over(Desk *k, const char *from, int one, int two) {
    Facts *f = desk_act(k, KIND_HANDOVER_MINUTES, from);
    f->handover.handed_over_on = civil_at(k->now_ms, 420);
    if (one)
        give(&f->handover.documents, one);
    if (two)
        give(&f->handover.documents, two);
    return referral_says(k);
}

static inline const char *open_case(Desk *k, const char *from) {
    desk_act(k, KIND_CASE_OPENED, from)->opened.access_source = ACCESS_SOURCE_REFERRAL;
    return referral_says(k);
}

/* A complete referral to the home, brought to a state by the shortest way. */
static inline void bring_to(Desk *k, int state) {
    Facts *f = ask(k, DSK, HOME, REFERRAL_KIND_TO_SOCIAL_HOME);
    give(&f->request.documents, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY);
    give(&f->request.documents, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    f->request.emergency = state == REFERRAL_PLACED_PROVISIONAL;
    ASSERT_STR(referral_says(k), "APPLIED NONE>SUBMITTED");
    switch (state) {
    case REFERRAL_DELIVERED:
        ASSERT_TRUE(story_collected(&k->ctx, referral(k), HOME, k->now_ms));
        break;
    case REFERRAL_RECEIVED:
        (void)answer(k, HOME, REFERRAL_DECISION_RECEIVED);
        break;
    case REFERRAL_NEEDS_DOCUMENTS:
        (void)answer(k, HOME, REFERRAL_DECISION_NEEDS_DOCUMENTS);
        break;
    case REFERRAL_WAITLISTED:
        (void)answer(k, HOME, REFERRAL_DECISION_WAITLISTED);
        break;
    case REFERRAL_CANCEL_REQUESTED:
    case REFERRAL_CANCELLED:
        (void)answer(k, HOME, REFERRAL_DECISION_RECEIVED);
        (void)update(k, DSK, REFERRAL_ACTION_CANCEL, 0);
        if (state == REFERRAL_CANCELLED)
            (void)answer(k, HOME, REFERRAL_DECISION_CANCEL_CONFIRMED);
        break;
    case REFERRAL_ACCEPTED:
    case REFERRAL_PLACED_PROVISIONAL:
    case REFERRAL_PLACED:
    case REFERRAL_COMPLETED:
        (void)answer(k, HOME, REFERRAL_DECISION_ACCEPTED);
        if (state == REFERRAL_ACCEPTED)
            break;
        (void)hand_over(k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME,
                        state == REFERRAL_PLACED_PROVISIONAL ? 0
                                                             : DOCUMENT_TYPE_HEALTH_CERTIFICATE);
        if (state == REFERRAL_COMPLETED)
            (void)open_case(k, HOME);
        break;
    case REFERRAL_DECLINED:
        (void)answer(k, HOME, REFERRAL_DECISION_DECLINED);
        break;
    case REFERRAL_REDIRECTED:
        (void)send_on(k, HOME, REFERRAL_DECISION_REDIRECTED, "upt/satria");
        break;
    case REFERRAL_NOT_OUR_AUTHORITY:
        (void)answer(k, HOME, REFERRAL_DECISION_NOT_OUR_AUTHORITY);
        break;
    case REFERRAL_EXPIRED:
        (void)desk_fires(k, ITEM_REFERRAL, TIMER_EXPIRY);
        break;
    case REFERRAL_UNDELIVERABLE:
        ASSERT_TRUE(story_undeliverable(&k->ctx, referral(k), HOME, k->now_ms));
        break;
    default:
        break;
    }
    ASSERT_EQ(referral(k)->state, state);
}
