/* SPDX-License-Identifier: Apache-2.0 */

/* Records are read back from a pipe that stands in for stderr. */

#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/times.h"

#define RING 4096 /* what log.c says */

typedef struct Sink {
    int saved, fd[2];
    Buf text;
} Sink;

static Sink sink_open(void) {
    Sink s = { 0 };
    (void)fflush(stderr);
    s.saved = dup(STDERR_FILENO);
    ASSERT_OK(pipe2(s.fd, O_CLOEXEC));
    ASSERT_TRUE(dup2(s.fd[1], STDERR_FILENO) >= 0);
    (void)close(s.fd[1]);
    return s;
}

static void *sink_drain(void *arg) {
    Sink *s = arg;
    char chunk[4096];
    for (ssize_t n; (n = read(s->fd[0], chunk, sizeof(chunk))) > 0;)
        buf_add(&s->text, chunk, (size_t)n);
    return NULL;
}

/* Stops the log while somebody reads, and gives stderr back. */
static const char *sink_close(Sink *s, Log *l) {
    pthread_t reader;
    ASSERT_OK(pthread_create(&reader, NULL, sink_drain, s));
    (void)log_stop(l);
    ASSERT_TRUE(dup2(s->saved, STDERR_FILENO) >= 0);
    (void)close(s->saved);
    ASSERT_OK(pthread_join(reader, NULL));
    (void)close(s->fd[0]);
    return buf_text(&s->text);
}

static unsigned occurrences(const char *text, const char *what) {
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

TEST(a_record_becomes_one_line) {
    Sink s = sink_open();
    Log *l;
    ASSERT_OK(log_start(&l, "hub", false, LOG_INFO));
    LogRecord r = { .event = LOG_EVENT_LINK_DOWN, .peer = "upt/satria", .lane = "EVENT" };
    r.message_id.b[15] = 1;
    log_event(l, &r, "link to %s is down", "upt/satria");
    ASSERT_STR(sink_close(&s, l), "<4>LINK_DOWN link to upt/satria is down peer=upt/satria "
                                  "msg=00000000-0000-0000-0000-000000000001 lane=EVENT\n");
    buf_deinit(&s.text);
}

TEST(a_peer_cannot_write_lines_of_its_own) {
    Sink s = sink_open();
    Log *l;
    ASSERT_OK(log_start(&l, "hub", false, LOG_INFO));
    LogRecord r = { .event = LOG_EVENT_KEY_REFUSED, .peer = "a\n<0>READY\x1b[m\xe2\x80\xae" };
    log_event(l, &r, "first\nsecond");
    ASSERT_STR(sink_close(&s, l), "<4>KEY_REFUSED first second peer=a <0>READY [m   \n");
    buf_deinit(&s.text);
}

TEST(a_puskesos_shows_no_village) {
    char name[72];
    log_peer_name("pks/3203052001", name, sizeof(name));
    ASSERT_STR(name, "pks/3203");
    log_peer_name("pks/32", name, sizeof(name));
    ASSERT_STR(name, "pks/32");
    log_peer_name("dsk/3203", name, sizeof(name));
    ASSERT_STR(name, "dsk/3203");

    Sink s = sink_open();
    Log *l;
    ASSERT_OK(log_start(&l, "hub", false, LOG_INFO));
    log_submit(l, &(LogRecord) { .event = LOG_EVENT_SESSION_OPENED, .peer = "pks/3203052001" });
    const char *text = sink_close(&s, l);
    ASSERT_TRUE(strstr(text, "peer=pks/3203\n"));
    buf_deinit(&s.text);
}

TEST(lower_priorities_are_left_out) {
    Sink s = sink_open();
    Log *l;
    ASSERT_OK(log_start(&l, "hub", false, LOG_WARNING));
    log_submit(l, &(LogRecord) { .event = LOG_EVENT_READY });
    log_submit(l, &(LogRecord) { .event = (LogEvent)999 });
    log_submit(l, &(LogRecord) { .event = LOG_EVENT_STORE_FAULT });
    ASSERT_STR(sink_close(&s, l), "<2>STORE_FAULT \n");
    buf_deinit(&s.text);
}

/* Nobody reads the pipe, so the thread hangs in a write while the ring runs over. */
TEST(a_full_ring_drops_counts_and_never_blocks) {
    Sink s = sink_open();
    Log *l;
    ASSERT_OK(log_start(&l, "hub", false, LOG_INFO));
    enum { SENT = 3 * RING };
    int64_t begin = now_read().mono_ms;
    for (int i = 0; i < SENT; i++) {
        LogRecord r = { .event = LOG_EVENT_SESSION_OPENED };
        (void)snprintf(r.peer, sizeof(r.peer), "lks/3203/%d", i);
        log_event(l, &r, "%0200d", i);
    }
    ASSERT_TRUE(now_read().mono_ms - begin < 2000);
    const char *text = sink_close(&s, l);
    unsigned written = occurrences(text, "SESSION_OPENED");
    unsigned long dropped = 0;
    for (const char *p = text; (p = strstr(p, "LOG_DROPPED ")); p++)
        dropped += strtoul(p + strlen("LOG_DROPPED "), NULL, 10);
    ASSERT_EQ(written + dropped, SENT);
    ASSERT_TRUE(written >= RING && written < SENT);
    buf_deinit(&s.text);
}

TEST(the_same_event_of_the_same_peer_is_summed_up) {
    Sink s = sink_open();
    Log *l;
    ASSERT_OK(log_start(&l, "hub", false, LOG_INFO));
    for (int i = 0; i < 100; i++) {
        log_submit(l, &(LogRecord) { .event = LOG_EVENT_PEER_MALFORMED, .peer = "dsk/3203" });
        if (i < 10)
            log_submit(l, &(LogRecord) { .event = LOG_EVENT_PEER_MALFORMED, .peer = "dsk/3204" });
        if (i < 10)
            log_submit(l, &(LogRecord) { .event = LOG_EVENT_KEY_REFUSED, .peer = "dsk/3203" });
    }
    const char *text = sink_close(&s, l);
    ASSERT_EQ(occurrences(text, "KEY_REFUSED"), 10);
    ASSERT_EQ(occurrences(text, "peer=dsk/3204"), 10);
    ASSERT_EQ(occurrences(text, "PEER_MALFORMED"), 10 + 11);
    ASSERT_TRUE(strstr(text, "PEER_MALFORMED 90 more of the same within a minute peer=dsk/3203\n"));
    buf_deinit(&s.text);
}

/* More peers than the table holds: what was held back is still told. */
TEST(a_flood_of_peers_loses_no_count) {
    Sink s = sink_open();
    Log *l;
    ASSERT_OK(log_start(&l, "hub", false, LOG_INFO));
    enum { PEERS = 300, EACH = 12 };
    for (int i = 0; i < PEERS; i++)
        for (int j = 0; j < EACH; j++) {
            LogRecord r = { .event = LOG_EVENT_EXPIRED };
            (void)snprintf(r.peer, sizeof(r.peer), "lks/%d", i);
            log_submit(l, &r);
        }
    const char *text = sink_close(&s, l);
    ASSERT_EQ(occurrences(text, "2 more of the same within a minute"), PEERS);
    buf_deinit(&s.text);
}

/* Addresses cost a stranger nothing. */
static void flood(LogEvent event, const char *name) {
    Sink s = sink_open();
    Log *l;
    ASSERT_OK(log_start(&l, "hub", false, LOG_INFO));
    enum { PEERS = 3000, EACH = 12 };
    for (int i = 0; i < PEERS; i++)
        for (int j = 0; j < EACH; j++) {
            LogRecord r = { .event = event };
            (void)snprintf(r.peer, sizeof(r.peer), "10.1.%d.%d", i / 256, i % 256);
            log_submit(l, &r);
        }
    const char *text = sink_close(&s, l);
    unsigned long lines = 0, told = 0, more;
    for (const char *p = text; (p = strstr(p, name)); p++, lines++)
        told += sscanf(p + strlen(name), " %lu more of the same", &more) == 1 ? more : 1;
    ASSERT_TRUE(lines < 200);
    ASSERT_EQ(told, PEERS * EACH);
    buf_deinit(&s.text);
}

TEST(a_flood_of_strangers_does_not_flood_the_journal) {
    flood(LOG_EVENT_KEY_REFUSED, "KEY_REFUSED");
    flood(LOG_EVENT_SESSION_REFUSED, "SESSION_REFUSED");
    flood(LOG_EVENT_PEER_MALFORMED, "PEER_MALFORMED");
}

TEST(every_event_has_a_name_and_an_id_of_its_own) {
    for (int i = 0; i < LOG_EVENT_COUNT_; i++) {
        ASSERT_EQ(strlen(log_event_id((LogEvent)i)), 32);
        for (int j = 0; j < i; j++) {
            ASSERT_TRUE(strcmp(log_event_id((LogEvent)i), log_event_id((LogEvent)j)) != 0);
            ASSERT_TRUE(strcmp(log_event_name((LogEvent)i), log_event_name((LogEvent)j)) != 0);
        }
    }
    ASSERT_STR(log_event_name(LOG_EVENT_LINK_DOWN), "LINK_DOWN");
}

TEST_MAIN
