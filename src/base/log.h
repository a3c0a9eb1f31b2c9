/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Log: operator-visible events on their way to the systemd journal (or stderr without one).
 *
 * log_submit() never blocks: it copies the record into a bounded ring that a thread of its own
 * empties; what does not fit is counted and reported as LOG_DROPPED. Any thread may submit.
 * Never in a record: names, NIK, case ids, facts or sealed content (domain 6.4).
 */

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/uuid.h"

/* Event name, MESSAGE_ID, syslog priority. The catalog (systemd/serasid.catalog) has an entry for
 * each; a test compares. */
#define LOG_EVENTS(X)                                                                              \
    X(STARTED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1001", LOG_INFO)                                       \
    X(READY, "5f1c2a7be0a14d0f9b6b1f0c0a5e1002", LOG_NOTICE)                                       \
    X(STOPPING, "5f1c2a7be0a14d0f9b6b1f0c0a5e1003", LOG_NOTICE)                                    \
    X(CONFIG_RELOADED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1004", LOG_NOTICE)                             \
    X(CONFIG_REFUSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1005", LOG_ERR)                                 \
    X(SELF_TEST_FAILED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1006", LOG_CRIT)                              \
    X(SESSION_OPENED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1010", LOG_INFO)                                \
    X(SESSION_CLOSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1011", LOG_INFO)                                \
    X(SESSION_REFUSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1012", LOG_WARNING)                            \
    X(KEY_REFUSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1013", LOG_WARNING)                                \
    X(PEER_MALFORMED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1014", LOG_WARNING)                             \
    X(PUBLISH_REFUSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1020", LOG_NOTICE)                             \
    X(PUBLISH_CONFLICT, "5f1c2a7be0a14d0f9b6b1f0c0a5e1021", LOG_WARNING)                           \
    X(DEAD_LETTER, "5f1c2a7be0a14d0f9b6b1f0c0a5e1022", LOG_ERR)                                    \
    X(EXPIRED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1023", LOG_WARNING)                                    \
    X(RECALLED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1024", LOG_NOTICE)                                    \
    X(UNROUTABLE, "5f1c2a7be0a14d0f9b6b1f0c0a5e1025", LOG_WARNING)                                 \
    X(CLOCK_LEAPT, "5f1c2a7be0a14d0f9b6b1f0c0a5e1026", LOG_CRIT)                                   \
    X(LINK_UP, "5f1c2a7be0a14d0f9b6b1f0c0a5e1030", LOG_NOTICE)                                     \
    X(LINK_DOWN, "5f1c2a7be0a14d0f9b6b1f0c0a5e1031", LOG_WARNING)                                  \
    X(LINK_STALLED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1032", LOG_ERR)                                   \
    X(LINK_GAP, "5f1c2a7be0a14d0f9b6b1f0c0a5e1033", LOG_CRIT)                                      \
    X(INTAKE_CLOSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1040", LOG_CRIT)                                 \
    X(INTAKE_OPENED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1041", LOG_NOTICE)                               \
    X(STORE_FAULT, "5f1c2a7be0a14d0f9b6b1f0c0a5e1042", LOG_CRIT)                                   \
    X(STORE_UNCLEAN, "5f1c2a7be0a14d0f9b6b1f0c0a5e1043", LOG_WARNING)                              \
    X(ROW_DAMAGED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1044", LOG_CRIT)                                   \
    X(BACKUP_DONE, "5f1c2a7be0a14d0f9b6b1f0c0a5e1045", LOG_NOTICE)                                 \
    X(BACKUP_FAILED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1046", LOG_ERR)                                  \
    X(PAGE_DAMAGED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1047", LOG_CRIT)                                  \
    X(STORE_STALLED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1048", LOG_CRIT)                                 \
    X(STORE_RESUMED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1049", LOG_NOTICE)                               \
    X(SUBSCRIPTION_OVERRUN, "5f1c2a7be0a14d0f9b6b1f0c0a5e1050", LOG_WARNING)                       \
    X(DIRECTORY_IMPORTED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1051", LOG_NOTICE)                          \
    X(OPERATOR_VERB, "5f1c2a7be0a14d0f9b6b1f0c0a5e1052", LOG_NOTICE)                               \
    X(OWED_ANSWER, "5f1c2a7be0a14d0f9b6b1f0c0a5e1071", LOG_NOTICE)                                 \
    X(OWED_CANCEL, "5f1c2a7be0a14d0f9b6b1f0c0a5e1072", LOG_NOTICE)                                 \
    X(OWED_DOCUMENTS, "5f1c2a7be0a14d0f9b6b1f0c0a5e1073", LOG_NOTICE)                              \
    X(OWED_SUPPLEMENT, "5f1c2a7be0a14d0f9b6b1f0c0a5e1074", LOG_NOTICE)                             \
    X(OWED_FOLLOW_UP, "5f1c2a7be0a14d0f9b6b1f0c0a5e1075", LOG_NOTICE)                              \
    X(OWED_EXPIRY, "5f1c2a7be0a14d0f9b6b1f0c0a5e1076", LOG_NOTICE)                                 \
    X(OWED_CLASSIFY, "5f1c2a7be0a14d0f9b6b1f0c0a5e1077", LOG_NOTICE)                               \
    X(OWED_RESOLVE, "5f1c2a7be0a14d0f9b6b1f0c0a5e1078", LOG_NOTICE)                                \
    X(OWED_SILENCE, "5f1c2a7be0a14d0f9b6b1f0c0a5e1079", LOG_NOTICE)                                \
    X(OWED_ACKNOWLEDGE, "5f1c2a7be0a14d0f9b6b1f0c0a5e107a", LOG_NOTICE)                            \
    X(OWED_DTKS, "5f1c2a7be0a14d0f9b6b1f0c0a5e107b", LOG_NOTICE)                                   \
    X(OWED_OPENING, "5f1c2a7be0a14d0f9b6b1f0c0a5e107c", LOG_NOTICE)                                \
    X(OWED_ASSESSMENT, "5f1c2a7be0a14d0f9b6b1f0c0a5e107d", LOG_NOTICE)                             \
    X(OWED_MONITORING, "5f1c2a7be0a14d0f9b6b1f0c0a5e107e", LOG_NOTICE)                             \
    X(OWED_SUPERIOR, "5f1c2a7be0a14d0f9b6b1f0c0a5e107f", LOG_NOTICE)                               \
    X(WRAP_ASKED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1090", LOG_NOTICE)                                  \
    X(SIGNATURE_REFUSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10a0", LOG_WARNING)                          \
    X(LEDGER_FORKED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10b0", LOG_CRIT)                                 \
    X(LEDGER_CUT, "5f1c2a7be0a14d0f9b6b1f0c0a5e10b1", LOG_CRIT)                                    \
    X(LEDGER_UNSIGNED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10b2", LOG_WARNING)                            \
    X(ACCESS_DENIED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10c0", LOG_WARNING)                              \
    X(KEY_ENDED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10c1", LOG_WARNING)                                  \
    X(PARENT_REVOKED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10c2", LOG_CRIT)                                \
    X(DIRECTORY_APPLIED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10d0", LOG_NOTICE)                           \
    X(DIRECTORY_REFUSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10d1", LOG_CRIT)                             \
    X(DIRECTORY_STALE, "5f1c2a7be0a14d0f9b6b1f0c0a5e10d2", LOG_WARNING)                            \
    X(DIRECTORY_AHEAD, "5f1c2a7be0a14d0f9b6b1f0c0a5e10d3", LOG_ERR)                                \
    X(KEY_CHANGED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10e0", LOG_NOTICE)                                 \
    X(KEY_NOT_GRANTED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10e1", LOG_WARNING)                            \
    X(ENROL_TOKEN, "5f1c2a7be0a14d0f9b6b1f0c0a5e10e2", LOG_NOTICE)                                 \
    X(ENROL_WAITING, "5f1c2a7be0a14d0f9b6b1f0c0a5e10e3", LOG_NOTICE)                               \
    X(ENROL_DECIDED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10e4", LOG_NOTICE)                               \
    X(ENROL_REFUSED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10e5", LOG_WARNING)                              \
    X(SERVER_KEY_NEXT, "5f1c2a7be0a14d0f9b6b1f0c0a5e10e6", LOG_NOTICE)                             \
    X(SERVER_KEY_FOLLOWED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10e7", LOG_NOTICE)                         \
    X(CONNECTIONS_CUT, "5f1c2a7be0a14d0f9b6b1f0c0a5e10f0", LOG_WARNING)                            \
    X(CONNECTIONS_WAIT, "5f1c2a7be0a14d0f9b6b1f0c0a5e10f4", LOG_NOTICE)                            \
    X(PEER_SLOWED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10f1", LOG_WARNING)                                \
    X(NODE_OVER_LIMIT, "5f1c2a7be0a14d0f9b6b1f0c0a5e10f2", LOG_WARNING)                            \
    X(QUOTA_REACHED, "5f1c2a7be0a14d0f9b6b1f0c0a5e10f3", LOG_WARNING)                              \
    X(LOG_DROPPED, "5f1c2a7be0a14d0f9b6b1f0c0a5e1060", LOG_WARNING)

typedef enum LogEvent {
#define X(name, id, priority) LOG_EVENT_##name,
    LOG_EVENTS(X)
#undef X
        LOG_EVENT_COUNT_,
} LogEvent;

/* One event; empty fields are left out. The journal fields are SERASI_EVENT, SERASI_NODE,
 * SERASI_PEER, SERASI_MSG_ID, SERASI_KIND, SERASI_LANE, SERASI_RULE, SERASI_LINK. */
typedef struct LogRecord {
    LogEvent event;
    char text[256];  /* MESSAGE= */
    char peer[72];   /* node or address */
    Uuid message_id; /* nil = none */
    char kind[32], lane[16], rule[96], link[72];
} LogRecord;

typedef struct Log Log;

/* to_journal: sd_journal; otherwise lines on stderr. node: SERASI_NODE of every record. */
_must_check_ int log_start(Log **ret, const char *node, bool to_journal, int max_priority);
/* Writes out what is in the ring (waits at most 2 s) and stops the thread. */
Log *log_stop(Log *l);
DEFINE_CLEANUP(Log *, log_stop);
void log_submit(Log *l, const LogRecord *r);
/* Formats r->text and submits; fields of *r besides text are used as given. */
_printf_(3, 4) void log_event(Log *l, LogRecord *r, const char *format, ...);
const char *log_event_name(LogEvent e); /* "LINK_DOWN" */
const char *log_event_id(LogEvent e);   /* MESSAGE_ID */
/* In texts and fields a puskesos id shows no village: "pks/3203052001" -> "pks/3203" (domain 6.3).
 */
void log_peer_name(const char *node, char *ret, size_t size);
