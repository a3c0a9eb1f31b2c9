/* SPDX-License-Identifier: Apache-2.0 */

/* What comes sealed is opened by whom it is for, in time or with a wrap that comes later. */

#include "test.h"

#include "client/client-open.h"
#include "seal-fixture.h"

TEST(a_part_is_opened_by_whom_it_is_for) {
    static World w;
    world_open(&w);
    serasi_delivery *d = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    delivery_drop(d);
    d = delivery_for(&w, OF_SECOND, ROLE_ADDRESSEE);
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    d->frame.deliver.role = ROLE_SUBSCRIBER;
    ASSERT_EQ(state_of(&w, d), SERASI_NOT_FOR_US);
    d->frame.deliver.role = ROLE_ADDRESSEE;
    memset(&w.c.keys.seal, 0, sizeof(w.c.keys.seal));
    ASSERT_EQ(state_of(&w, d), SERASI_NOT_FOR_US); /* nothing can ever be wrapped for us */
    d->raw.parts[3].n = 0;
    ASSERT_EQ(state_of(&w, d), SERASI_NOTHING_SEALED);
    delivery_drop(d);
    world_close(&w);
}

TEST(parts_that_were_swapped_or_bent_are_broken) {
    static World w;
    world_open(&w);
    serasi_delivery *d = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    const Envelope e = envelope_to(FIRST);
    make_message(&w, &e); /* another message to the same node */
    serasi_delivery *other = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    const Bytes part = d->raw.parts[3];
    d->raw.parts[3] = other->raw.parts[3];
    ASSERT_EQ(state_of(&w, d), SERASI_BROKEN);
    d->raw.parts[3] = part;
    ((uint8_t *)(uintptr_t)part.p)[part.n - 1] ^= 1;
    ASSERT_EQ(state_of(&w, d), SERASI_BROKEN);
    ((uint8_t *)(uintptr_t)part.p)[part.n - 1] ^= 1;
    /* also where it would open all the same: in the wrap of somebody else */
    uint8_t commitment[SEAL_COMMITMENT_SIZE];
    SealWrap wraps[SEAL_WRAPS_MAX];
    ASSERT_EQ(codec_sealed_wraps(part, commitment, wraps), 2);
    uint8_t *box = memmem(part.p, part.n, wraps[0].box, SEAL_BOX_SIZE);
    assert_non_null(box);
    *box ^= 1;
    ASSERT_EQ(state_of(&w, d), SERASI_BROKEN);
    *box ^= 1;
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    delivery_drop(d);
    delivery_drop(other);
    world_close(&w);
}

/* The envelope may be re-written with the digest of a foreign part: the binding still holds. */
TEST(a_part_passed_on_as_somebody_elses_is_broken) {
    static World w;
    world_open(&w);
    serasi_delivery *d = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    uint8_t *envelope = NULL;
    size_t n = 0;
    Envelope e;
    const char *why = NULL;
    ASSERT_OK(codec_decode_envelope(d->raw.parts[1], &e, &why));
    strcpy(e.sender, SECOND);
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n));
    free((void *)(uintptr_t)d->raw.parts[1].p);
    d->raw.parts[1] = bytes_make(envelope, n);
    ASSERT_EQ(state_of(&w, d), SERASI_BROKEN);
    delivery_drop(d);
    world_close(&w);
}

static void wrap_comes(World *w, const char *sender, const SealWraps *wraps, Settlement *ret) {
    uint8_t *facts = NULL;
    size_t n = 0;
    Envelope e = { .created_ms = now_read().wall_ms };
    strcpy(e.sender, sender);
    ASSERT_OK(codec_encode_seal_wraps(wraps, &facts, &n));
    ASSERT_OK(wrap_came(&w->c, &e, bytes_make(facts, n), ret));
    free(facts);
}

TEST(a_wrap_may_come_before_or_after_its_message_and_again) {
    static World w;
    static Said s;
    static SealWraps answer, foreign;
    Settlement settlement;
    world_open(&w);
    redirected(&w, &s, SECOND);
    assert_null(asked(&w, &s, true, &answer));
    serasi_delivery *d = delivery_for(&w, OF_SECOND, ROLE_ADDRESSEE);
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    /* of somebody who did not send the message, and one that is none */
    wrap_comes(&w, FIRST, &answer, &settlement);
    ASSERT_EQ(settlement.action, SETTLE_RETRY);
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    foreign = answer; /* for keys that are not ours: it does not come again */
    for (uint32_t i = 0; i < foreign.n; i++)
        foreign.list[i].key.b[0] ^= 1;
    wrap_comes(&w, US, &foreign, &settlement);
    ASSERT_EQ(settlement.action, SETTLE_DONE);
    foreign = answer;
    memset(foreign.list[0].box, 7, sizeof(foreign.list[0].box));
    wrap_comes(&w, US, &foreign, &settlement);
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    wrap_comes(&w, US, &answer, &settlement);
    ASSERT_EQ(settlement.action, SETTLE_RETRY); /* until its message is settled */
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    wrap_forget(&w.c, d);
    wrap_comes(&w, US, &answer, &settlement);
    ASSERT_EQ(settlement.action, SETTLE_DONE);
    delivery_drop(d);
    world_close(&w);
}

/* Memory is bounded: the oldest is forgotten, and comes again because it is not settled. */
TEST(a_flood_of_wraps_pushes_the_oldest_out) {
    static World w;
    static Said s;
    static SealWraps answer, flood;
    Settlement settlement;
    world_open(&w);
    redirected(&w, &s, SECOND);
    assert_null(asked(&w, &s, true, &answer));
    serasi_delivery *d = delivery_for(&w, OF_SECOND, ROLE_ADDRESSEE);
    wrap_comes(&w, US, &answer, &settlement);
    flood.n = SEAL_WRAPS_MAX;
    for (size_t i = 0; i < SEAL_WRAPS_MAX; i++)
        flood.list[i].key = key_id(w.seal[OF_SECOND].public.b);
    for (int i = 0; i < 2000; i++) {
        flood.message_id = uuid_v7(now_read().wall_ms);
        wrap_comes(&w, FIRST, &flood, &settlement);
        ASSERT_EQ(settlement.action, SETTLE_RETRY);
    }
    ASSERT_EQ(state_of(&w, d), SERASI_WAITING_FOR_WRAP);
    wrap_comes(&w, US, &answer, &settlement);
    ASSERT_EQ(state_of(&w, d), SERASI_OPENED);
    delivery_drop(d);
    world_close(&w);
}

TEST_MAIN
