/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The ring and its thread. The mutex guards the ring, the noise table and the counters; it is
 * held for a copy of one record, never while a record is written out, so a stuck journal or a full
 * pipe on stderr costs log lines and nothing else.
 *
 * Noise: the same event of the same peer is written at most NOISE_LIMIT times a minute; the rest is
 * counted and summed up in one line when the minute is over. The table is small: under a flood from
 * many peers the oldest entry of a set makes way, and says its sum first. What strangers can cause,
 * from as many addresses as they like, is counted for all of them together, too.
 */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "base/times.h"

#define RING_SIZE       4096U
#define NOISE_SETS      64U
#define NOISE_WAYS      4U
#define NOISE_LIMIT     10U
#define NOISE_WINDOW_MS MINUTE_MS
#define FLOOD_LIMIT     100U /* of all strangers */
#define STOP_WAIT_SEC   2

typedef struct Noise {
    uint64_t key; /* hash of event and peer; 0 = free */
    int64_t since_ms;
    uint32_t written, held_back;
    LogEvent event;
    char peer[sizeof(((LogRecord *)0)->peer)];
} Noise;

struct Log {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool to_journal, stopping, abandoned, finished;
    int max_priority;
    char node[72];
    uint64_t dropped;
    uint32_t head, count, n_held_back; /* n_held_back: noise entries that owe a summary */
    Noise noise[NOISE_SETS][NOISE_WAYS];
    Noise flood[LOG_EVENT_COUNT_];
    LogRecord ring[RING_SIZE];
};

typedef struct EventInfo {
    const char *name, *id;
    int priority;
} EventInfo;

static const EventInfo events[LOG_EVENT_COUNT_] = {
#define X(n, i, p) [LOG_EVENT_##n] = { .name = #n, .id = i, .priority = p },
    LOG_EVENTS(X)
#undef X
};

const char *log_event_name(LogEvent e) {
    return (unsigned)e < LOG_EVENT_COUNT_ ? events[e].name : "";
}

const char *log_event_id(LogEvent e) {
    return (unsigned)e < LOG_EVENT_COUNT_ ? events[e].id : "";
}

void log_peer_name(const char *node, char *ret, size_t size) {
    static const char puskesos[] = "pks/";
    if (size == 0)
        return;
    if (text_starts_with(node, puskesos))
        size = MIN(size, sizeof(puskesos) + 4);
    (void)text_copy(ret, size, node); /* a cut name is still of use to a reader */
}

/* --- writing out: the log thread only ------------------------------------------------------- */

/* A peer's text must not start a line or a terminal sequence of its own. */
static void make_printable(char *text, size_t size) {
    text[size - 1] = '\0';
    text_make_one_line(text);
}

static void write_stderr(const LogRecord *r) {
    char id[UUID_TEXT_SIZE] = "";
    const struct {
        const char *label, *value;
    } fields[] = {
        { " peer=", r->peer }, { " msg=", id },       { " kind=", r->kind },
        { " lane=", r->lane }, { " rule=", r->rule }, { " link=", r->link },
    };
    if (!uuid_is_nil(&r->message_id))
        uuid_format(&r->message_id, id);
    char line[1024];
    int n = snprintf(line, sizeof(line), "<%d>%s %s", events[r->event].priority,
                     events[r->event].name, r->text);
    for (size_t i = 0; i < ARRAY_SIZE(fields) && n >= 0 && (size_t)n < sizeof(line); i++)
        if (fields[i].value[0] != '\0')
            n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%s", fields[i].label,
                          fields[i].value);
    (void)fprintf(stderr, "%s\n", line); /* nobody is left to tell when stderr fails */
}

#define JOURNAL_FIELDS 12U
typedef struct JournalEntry {
    unsigned n;
    struct iovec iov[JOURNAL_FIELDS];
    char text[JOURNAL_FIELDS][320];
} JournalEntry;

static void journal_field(JournalEntry *e, const char *name, const char *value) {
    if (value[0] == '\0')
        return;
    assert(e->n < JOURNAL_FIELDS);
    int n = snprintf(e->text[e->n], sizeof(e->text[0]), "%s=%s", name, value);
    size_t length = n < 0 ? 0 : MIN((size_t)n, sizeof(e->text[0]) - 1);
    e->iov[e->n] = (struct iovec) { .iov_base = e->text[e->n], .iov_len = length };
    e->n++;
}

static int write_journal(const Log *l, const LogRecord *r) {
    JournalEntry e = { 0 };
    char priority[8], id[UUID_TEXT_SIZE] = "";
    (void)snprintf(priority, sizeof(priority), "%d", events[r->event].priority);
    if (!uuid_is_nil(&r->message_id))
        uuid_format(&r->message_id, id);

    journal_field(&e, "MESSAGE", r->text[0] ? r->text : events[r->event].name);
    journal_field(&e, "MESSAGE_ID", events[r->event].id);
    journal_field(&e, "PRIORITY", priority);
    journal_field(&e, "SYSLOG_IDENTIFIER", "serasid");
    journal_field(&e, "SERASI_EVENT", events[r->event].name);
    journal_field(&e, "SERASI_NODE", l->node);
    journal_field(&e, "SERASI_PEER", r->peer);
    journal_field(&e, "SERASI_MSG_ID", id);
    journal_field(&e, "SERASI_KIND", r->kind);
    journal_field(&e, "SERASI_LANE", r->lane);
    journal_field(&e, "SERASI_RULE", r->rule);
    journal_field(&e, "SERASI_LINK", r->link);
    return sd_journal_sendv(e.iov, (int)e.n);
}

static void write_out(const Log *l, LogRecord *r) {
    make_printable(r->text, sizeof(r->text));
    make_printable(r->peer, sizeof(r->peer));
    make_printable(r->kind, sizeof(r->kind));
    make_printable(r->lane, sizeof(r->lane));
    make_printable(r->rule, sizeof(r->rule));
    make_printable(r->link, sizeof(r->link));
    if (!l->to_journal || write_journal(l, r) < 0)
        write_stderr(r);
}

/* --- ring and noise table: under the lock --------------------------------------------------- */

static void ring_put(Log *l, const LogRecord *r) {
    if (l->count == RING_SIZE) {
        l->dropped++;
        return;
    }
    LogRecord *slot = &l->ring[(l->head + l->count++) % RING_SIZE];
    *slot = *r;
    log_peer_name(r->peer, slot->peer, sizeof(slot->peer));
    log_peer_name(r->link, slot->link, sizeof(slot->link));
    (void)pthread_cond_signal(&l->wake);
}

static void noise_tell(Log *l, const Noise *n) {
    if (n->held_back == 0)
        return;
    LogRecord r = { .event = n->event };
    (void)snprintf(r.text, sizeof(r.text), "%u more of the same within a minute", n->held_back);
    memcpy(r.peer, n->peer, sizeof(r.peer));
    l->n_held_back--;
    ring_put(l, &r);
}

static bool is_of_strangers(LogEvent e) {
    return e == LOG_EVENT_KEY_REFUSED || e == LOG_EVENT_SESSION_REFUSED ||
           e == LOG_EVENT_PEER_MALFORMED;
}

/* Forgets the entry; one that held records back says how many. */
static void noise_close(Log *l, Noise *n) {
    Noise *flood = &l->flood[n->event];
    if (n->held_back > 0 && is_of_strangers(n->event) && flood->written >= FLOOD_LIMIT) {
        l->n_held_back -= flood->held_back > 0; /* both are one now */
        flood->held_back += n->held_back;
    } else {
        noise_tell(l, n);
    }
    *n = (Noise) { 0 };
}

static Noise *noise_find(Log *l, const LogRecord *r, int64_t now_ms) {
    uint64_t key = hash_64_more((uint64_t)r->event + 1,
                                bytes_make(r->peer, strnlen(r->peer, sizeof(r->peer))));
    Noise *set = l->noise[key % NOISE_SETS], *oldest = &set[0];
    for (unsigned i = 0; i < NOISE_WAYS; i++) {
        if (set[i].key == key && now_ms - set[i].since_ms < NOISE_WINDOW_MS)
            return &set[i];
        if (set[i].key == key) {
            oldest = &set[i];
            break;
        }
        if (set[i].key == 0 ? oldest->key != 0
                            : oldest->key != 0 && set[i].since_ms < oldest->since_ms)
            oldest = &set[i];
    }
    noise_close(l, oldest);
    *oldest = (Noise) { .key = key, .since_ms = now_ms, .event = r->event };
    memcpy(oldest->peer, r->peer, sizeof(oldest->peer));
    return oldest;
}

static bool noise_count(Log *l, Noise *n, uint32_t limit) {
    if (n->written < limit) {
        n->written++;
        return true;
    }
    if (n->held_back++ == 0) {
        l->n_held_back++;
        (void)pthread_cond_signal(&l->wake); /* the thread must now watch the end of the minute */
    }
    return false;
}

static bool flood_lets_through(Log *l, const LogRecord *r, int64_t now_ms) {
    if (!is_of_strangers(r->event))
        return true;
    Noise *n = &l->flood[r->event];
    if (n->key == 0 || now_ms - n->since_ms >= NOISE_WINDOW_MS) {
        noise_tell(l, n);
        *n = (Noise) { .key = 1, .since_ms = now_ms, .event = r->event, .peer = "all peers" };
    }
    return noise_count(l, n, FLOOD_LIMIT);
}

static bool noise_lets_through(Log *l, const LogRecord *r, int64_t now_ms) {
    return noise_count(l, noise_find(l, r, now_ms), NOISE_LIMIT) &&
           flood_lets_through(l, r, now_ms);
}

static void noise_sweep(Log *l, int64_t now_ms, bool all) {
    for (unsigned i = 0; i < NOISE_SETS && l->n_held_back > 0; i++)
        for (unsigned j = 0; j < NOISE_WAYS; j++) {
            Noise *n = &l->noise[i][j];
            if (n->held_back > 0 && (all || now_ms - n->since_ms >= NOISE_WINDOW_MS))
                noise_close(l, n);
        }
    for (unsigned i = 0; i < LOG_EVENT_COUNT_ && l->n_held_back > 0; i++)
        if (l->flood[i].held_back > 0 &&
            (all || now_ms - l->flood[i].since_ms >= NOISE_WINDOW_MS)) {
            noise_tell(l, &l->flood[i]);
            l->flood[i] = (Noise) { 0 };
        }
}

/* Waits for work. Returns false when all is written and the log is to stop. */
static bool take_record(Log *l, LogRecord *ret) {
    for (;;) {
        noise_sweep(l, now_read().mono_ms, l->stopping);
        if (l->dropped > 0) {
            *ret = (LogRecord) { .event = LOG_EVENT_LOG_DROPPED };
            (void)snprintf(ret->text, sizeof(ret->text),
                           "%llu log records did not fit into the ring and are lost",
                           (unsigned long long)l->dropped);
            l->dropped = 0;
            return true;
        }
        if (l->count > 0) {
            *ret = l->ring[l->head];
            l->head = (l->head + 1) % RING_SIZE;
            l->count--;
            return true;
        }
        if (l->stopping)
            return false;
        if (l->n_held_back > 0) {
            struct timespec t;
            (void)clock_gettime(CLOCK_MONOTONIC, &t);
            t.tv_sec += NOISE_WINDOW_MS / SECOND_MS / 6;
            (void)pthread_cond_timedwait(&l->wake, &l->lock, &t);
        } else {
            (void)pthread_cond_wait(&l->wake, &l->lock);
        }
    }
}

/* --- life ----------------------------------------------------------------------------------- */

static Log *log_free(Log *l) {
    (void)pthread_cond_destroy(&l->wake);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
    return NULL;
}

static void *log_main(void *arg) {
    Log *l = arg;
    LogRecord r;
    (void)pthread_mutex_lock(&l->lock);
    while (take_record(l, &r)) {
        (void)pthread_mutex_unlock(&l->lock);
        write_out(l, &r);
        (void)pthread_mutex_lock(&l->lock);
    }
    l->finished = true;
    bool mine = l->abandoned;
    (void)pthread_cond_broadcast(&l->wake);
    (void)pthread_mutex_unlock(&l->lock);
    if (mine)
        (void)log_free(l);
    return NULL;
}

/* The thread takes no signals: those belong to the signalfd of the program. */
static int start_thread(Log *l) {
    sigset_t all, before;
    (void)sigfillset(&all);
    int r = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (r == 0) {
        r = pthread_create(&l->thread, NULL, log_main, l);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return -r;
}

int log_start(Log **ret, const char *node, bool to_journal, int max_priority) {
    Log *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0) {
        free(l);
        return -ENOMEM;
    }
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    l->to_journal = to_journal;
    l->max_priority = max_priority;
    log_peer_name(node, l->node, sizeof(l->node));

    int r = start_thread(l);
    if (r < 0) {
        (void)log_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

Log *log_stop(Log *l) {
    if (!l)
        return NULL;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_WAIT_SEC;

    (void)pthread_mutex_lock(&l->lock);
    l->stopping = true;
    (void)pthread_cond_broadcast(&l->wake);
    int r = 0;
    while (!l->finished && r == 0)
        r = pthread_cond_timedwait(&l->wake, &l->lock, &until);
    /* A thread stuck in a write cannot be joined; it frees the log itself if it ever gets out. */
    bool abandoned = l->abandoned = !l->finished;
    pthread_t thread = l->thread;
    (void)pthread_mutex_unlock(&l->lock);
    if (abandoned) {
        (void)pthread_detach(thread);
        return NULL;
    }
    (void)pthread_join(thread, NULL);
    return log_free(l);
}

void log_submit(Log *l, const LogRecord *r) {
    if (!l || (unsigned)r->event >= LOG_EVENT_COUNT_ || events[r->event].priority > l->max_priority)
        return;
    int64_t now_ms = now_read().mono_ms;
    (void)pthread_mutex_lock(&l->lock);
    if (noise_lets_through(l, r, now_ms))
        ring_put(l, r);
    (void)pthread_mutex_unlock(&l->lock);
}

void log_event(Log *l, LogRecord *r, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(r->text, sizeof(r->text), format, ap);
    va_end(ap);
    log_submit(l, r);
}
