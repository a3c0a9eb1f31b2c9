/* SPDX-License-Identifier: Apache-2.0 */

/* Settlements of a client, without a broker: what would be said of which deliveries. */

#include <errno.h>
#include <stdio.h>

#include "client/client-consume.h"
#include "client/client-settle.h"
#include "client/client-verify.h"
#include "client/internal.h"
#include "test.h"
#include "wire/codec.h"

int __wrap_sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts,
                     unsigned n_parts);

static char said[1024]; /* "1-3 DONE; 5 RETRY; " of all frames */
static bool is_full;

int __wrap_sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts,
                     unsigned n_parts) {
    static const char *const names[] = { "NONE", "DONE", "RETRY", "REJECT", "EXTEND" };
    _cleanup_(frame_deinit) Frame f = { 0 };
    const char *why;
    (void)s;
    (void)route;
    (void)n_route;
    (void)n_parts;
    if (is_full)
        return -EAGAIN;
    ASSERT_OK(codec_decode_frame(parts[0], FRAME_MAX, &f, &why));
    for (uint32_t i = 0; i < f.settle.n; i++) {
        const Settlement *st = &f.settle.settlements[i];
        const size_t n = strlen(said);
        snprintf(said + n, sizeof(said) - n, "%llu-%llu %s; ", (unsigned long long)st->tags.first,
                 (unsigned long long)st->tags.last, names[st->action]);
    }
    return 0;
}

typedef struct World {
    serasi_client c;
    Channel *ch;
} World;

static Uuid id_of(uint64_t tag) {
    return (Uuid) { { 1, [15] = (uint8_t)tag } };
}

/* With deliveries 1 to n. */
static void world_open(World *w, uint64_t n) {
    memset(w, 0, sizeof(*w));
    memset(said, 0, sizeof(said));
    is_full = false;
    w->c.state = CLIENT_OPEN;
    w->c.session = 1;
    w->c.now_ms = 1000;
    w->c.settle_due_ms = INT64_MAX;
    w->ch = &w->c.channels[0];
    *w->ch = (Channel) { .handle = 1, .wire = 1, .open = true };
    for (uint64_t tag = 1; tag <= n; tag++) {
        const Uuid id = id_of(tag);
        ASSERT_OK(held_add(w->ch, tag, &id, 10));
    }
}

static void world_close(World *w) {
    held_drop_all(&w->c, w->ch, false);
    ASSERT_EQ(w->c.n_pending, 0);
    for (uint64_t tag = 0; tag < 256; tag++) {
        const Uuid id = id_of(tag);
        (void)done_id_take(&w->c, 1, &id);
    }
    verify_deinit(&w->c);
    free(w->ch->held);
}

static int settle(World *w, uint64_t tag, SettleAction action, uint32_t after_ms) {
    return held_settle(&w->c, w->ch, tag, &(Settlement) { .action = action, .after_ms = after_ms });
}

static const char *write_all(World *w) {
    static char text[sizeof(said)];
    ASSERT_OK(settle_write(&w->c, w->ch));
    memcpy(text, said, sizeof(text));
    memset(said, 0, sizeof(said));
    return text;
}

static void confirm(World *w, uint64_t first, uint64_t last, bool unknown) {
    TagRange range = { first, last };
    Frame f = { .kind = FRAME_SETTLED, .settled = { .channel = 1 } };
    if (unknown) {
        f.settled.unknown = &range;
        f.settled.n_unknown = 1;
    } else {
        f.settled.done = &range;
        f.settled.n_done = 1;
    }
    settle_confirmed(&w->c, &f);
}

/* Else who has taken it and is not done with it would lose it. */
TEST(a_range_stops_at_what_is_not_settled) {
    static World w;
    world_open(&w, 7);
    ASSERT_OK(settle(&w, 1, SETTLE_DONE, 0));
    ASSERT_OK(settle(&w, 2, SETTLE_DONE, 0));
    ASSERT_OK(settle(&w, 4, SETTLE_DONE, 0));
    ASSERT_OK(settle(&w, 6, SETTLE_DONE, 0));
    ASSERT_OK(settle(&w, 7, SETTLE_DONE, 0));
    ASSERT_STR(write_all(&w), "1-2 DONE; 4-4 DONE; 6-7 DONE; ");
    ASSERT_STR(write_all(&w), ""); /* once */
    ASSERT_OK(settle(&w, 5, SETTLE_RETRY, 9));
    ASSERT_STR(write_all(&w), "5-5 RETRY; ");
    world_close(&w);
}

TEST(what_a_full_pipe_did_not_take_is_said_later) {
    static World w;
    world_open(&w, 2);
    ASSERT_OK(settle(&w, 1, SETTLE_DONE, 0));
    is_full = true;
    ASSERT_EQ(settle_write(&w.c, w.ch), -EAGAIN);
    is_full = false;
    ASSERT_STR(write_all(&w), "1-1 DONE; ");
    world_close(&w);
}

TEST(what_is_confirmed_gives_its_credit_back_and_the_rest_is_held) {
    static World w;
    world_open(&w, 5);
    for (uint64_t tag = 2; tag <= 4; tag++)
        ASSERT_OK(settle(&w, tag, SETTLE_DONE, 0));
    (void)write_all(&w);
    ASSERT_EQ(serasi_unsettled(&w.c), 3);
    confirm(&w, 2, 3, false);
    ASSERT_EQ(serasi_unsettled(&w.c), 1);
    ASSERT_EQ(w.ch->n_held, 3);
    ASSERT_EQ(w.ch->returned, 2);
    ASSERT_EQ(w.ch->returned_bytes, 20);
    ASSERT_EQ(settle(&w, 3, SETTLE_DONE, 0), SERASI_AGAIN); /* not held any more */
    ASSERT_OK(settle(&w, 5, SETTLE_DONE, 0));
    ASSERT_EQ(settle(&w, 5, SETTLE_DONE, 0), -EINVAL); /* once */
    world_close(&w);
}

/* The broker has given it to somebody else: it is not ours, settled or not. */
TEST(what_the_broker_does_not_know_is_let_go_unsettled) {
    static World w;
    world_open(&w, 3);
    ASSERT_OK(settle(&w, 1, SETTLE_DONE, 0));
    (void)write_all(&w);
    confirm(&w, 1, 2, true);
    ASSERT_EQ(w.ch->n_held, 1);
    ASSERT_EQ(w.ch->held[0].tag, 3);
    ASSERT_EQ(serasi_unsettled(&w.c), 0);
    ASSERT_TRUE(!w.c.seen); /* nobody is done with it */
    world_close(&w);
}

TEST(a_final_word_waits_for_the_answer_to_an_extension) {
    static World w;
    world_open(&w, 1);
    ASSERT_OK(settle(&w, 1, SETTLE_EXTEND, 5000));
    ASSERT_STR(write_all(&w), "1-1 EXTEND; ");
    ASSERT_OK(settle(&w, 1, SETTLE_DONE, 0));
    ASSERT_STR(write_all(&w), "");
    const int64_t until_ms = w.c.settle_due_ms;
    ASSERT_TRUE(until_ms > w.c.now_ms && until_ms < INT64_MAX); /* the turn comes by itself */
    ASSERT_TRUE(w.ch->settle_wanted);
    confirm(&w, 1, 1, false); /* that was the extension */
    ASSERT_EQ(w.ch->n_held, 1);
    ASSERT_TRUE(w.ch->settle_wanted);
    ASSERT_STR(write_all(&w), "1-1 DONE; ");
    confirm(&w, 1, 1, false);
    ASSERT_EQ(w.ch->n_held, 0);
    world_close(&w);
    world_open(&w, 1); /* or none came */
    ASSERT_OK(settle(&w, 1, SETTLE_EXTEND, 5000));
    (void)write_all(&w);
    ASSERT_OK(settle(&w, 1, SETTLE_DONE, 0));
    (void)write_all(&w);
    w.c.now_ms = w.c.settle_due_ms;
    ASSERT_STR(write_all(&w), "1-1 DONE; ");
    world_close(&w);
}

TEST(more_time_is_not_asked_for_what_is_done) {
    static World w;
    world_open(&w, 2);
    ASSERT_OK(settle(&w, 1, SETTLE_EXTEND, 5000));
    ASSERT_OK(settle(&w, 1, SETTLE_RETRY, 9)); /* before it was sent */
    ASSERT_STR(write_all(&w), "1-1 RETRY; ");
    ASSERT_STR(write_all(&w), "");
    ASSERT_EQ(settle(&w, 1, SETTLE_EXTEND, 5000), -EINVAL);
    world_close(&w);
}

/* Only DONE is remembered: the others are to be shown again. */
TEST(what_was_done_and_not_confirmed_is_known_in_the_next_session) {
    static World w;
    world_open(&w, 4);
    ASSERT_OK(settle(&w, 1, SETTLE_DONE, 0));
    ASSERT_OK(settle(&w, 2, SETTLE_RETRY, 5));
    ASSERT_OK(settle(&w, 3, SETTLE_REJECT, 0));
    (void)write_all(&w);
    held_drop_all(&w.c, w.ch, true);
    ASSERT_EQ(w.c.n_lost, 3); /* serasi_flush() waits until they came again */
    ASSERT_EQ(serasi_unsettled(&w.c), 0);
    for (uint64_t tag = 1; tag <= 4; tag++) {
        const Uuid id = id_of(tag);
        ASSERT_EQ(done_id_take(&w.c, 1, &id), tag == 1);
        ASSERT_TRUE(!done_id_take(&w.c, 1, &id)); /* taken */
    }
    world_close(&w);
}

TEST(a_bounded_number_is_remembered_the_latest) {
    static World w;
    world_open(&w, 0);
    const uint32_t n = DONE_IDS_MAX + 3;
    for (uint32_t tag = 1; tag <= n; tag++) {
        const Uuid id = { { 1, [12] = (uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag } };
        ASSERT_OK(held_add(w.ch, tag, &id, 10));
        ASSERT_OK(settle(&w, tag, SETTLE_DONE, 0));
    }
    held_drop_all(&w.c, w.ch, true);
    ASSERT_EQ(HASH_COUNT(w.c.done_ids), DONE_IDS_MAX);
    for (uint32_t tag = 1; tag <= n; tag++) {
        const Uuid id = { { 1, [12] = (uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag } };
        ASSERT_EQ(done_id_take(&w.c, 1, &id), tag > 3);
    }
    world_close(&w);
}

TEST_MAIN
