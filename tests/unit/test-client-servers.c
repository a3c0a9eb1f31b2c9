/* SPDX-License-Identifier: Apache-2.0 */

/* Where else the broker is found: what WELCOME tells is believed once the directory proves it. */

#include "test.h"

#include "client/client-servers.h"
#include "client/client-session.h"
#include "seal-fixture.h"

#define NEXT "tcp://127.0.0.1:7031"

static Server next_of(const World *w) {
    Server s = { .endpoint = NEXT };
    strcpy(s.key, w->next);
    return s;
}

/* A session whose WELCOME told of one more server key; the directory known is of before. */
static void session_with_next(World *w) {
    Server own = { .endpoint = "tcp://127.0.0.1:7021" };
    world_open(w);
    memset(own.key, 'b', CURVE_TEXT_SIZE - 1);
    assert_true(servers_add(&w->c.servers, &own));
    memset(w->next, 'z', CURVE_TEXT_SIZE - 1);
    const Server next = next_of(w);
    Servers told = { 0 };
    assert_true(servers_add(&told, &next));
    servers_told(&w->c, &told);
}

static void assert_knows_next(const World *w) {
    ASSERT_EQ(w->c.servers.n, 2);
    ASSERT_STR(w->c.servers.list[1].endpoint, NEXT);
    ASSERT_STR(w->c.servers.list[1].key, w->next);
    ASSERT_EQ(w->c.servers_told.n, 0);
}

/* And the session ends. */
static void learns_next(World *w) {
    tell_all(w);
    servers_take(&w->c);
    assert_knows_next(w);
    world_close(w);
}

/* The keys that are known may be minutes old, and the record may come to the broker later. */
TEST(a_server_is_believed_once_the_directory_proves_it) {
    static World w;
    session_with_next(&w);
    for (int i = 0; i < 3; i++) {
        servers_take(&w.c);
        ASSERT_EQ(w.c.servers.n, 1);
    }
    learns_next(&w);
}

TEST(nothing_is_decided_before_the_broker_could_be_asked) {
    static World w;
    session_with_next(&w);
    (void)client_keys_free(w.c.directory); /* as a program that just started */
    ASSERT_OK(client_keys_new(&w.c.directory, &w.sign[HUB].public, 1));
    servers_take(&w.c);
    ASSERT_EQ(w.c.servers.n, 1);
    learns_next(&w);
}

TEST(without_the_key_of_a_hub_the_broker_is_believed) {
    static World w;
    session_with_next(&w);
    (void)client_keys_free(w.c.directory);
    ASSERT_OK(client_keys_new(&w.c.directory, NULL, 0));
    servers_take(&w.c);
    assert_knows_next(&w);
    world_close(&w);
}

TEST(a_key_that_is_no_key_is_forgotten) {
    static World w;
    session_with_next(&w);
    strcpy(w.c.servers_told.list[0].key, "short");
    servers_take(&w.c);
    ASSERT_EQ(w.c.servers_told.n, 0);
    ASSERT_EQ(w.c.servers.n, 1);
    world_close(&w);
}

TEST(who_has_two_places_to_try_gives_each_more_time_in_every_round) {
    static World w;
    session_with_next(&w);
    w.c.state = CLIENT_CONNECTING;
    ASSERT_EQ(session_due_ms(&w.c), CONNECTING_MS); /* one place */
    tell_all(&w);
    w.c.state = CLIENT_OPEN;
    servers_take(&w.c);
    w.c.state = CLIENT_CONNECTING;
    const int64_t first_ms = session_due_ms(&w.c);
    ASSERT_TRUE(first_ms < 5000);
    w.c.failures = 1;
    ASSERT_EQ(session_due_ms(&w.c), first_ms);
    w.c.failures = 2;
    ASSERT_EQ(session_due_ms(&w.c), 2 * first_ms);
    w.c.failures = 5;
    ASSERT_EQ(session_due_ms(&w.c), 4 * first_ms);
    w.c.failures = UINT32_MAX;
    ASSERT_EQ(session_due_ms(&w.c), CONNECTING_MS);
    world_close(&w);
}

TEST_MAIN
