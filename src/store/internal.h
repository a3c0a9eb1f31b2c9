/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside of the store: its state. What its modules offer each other stands in a header of each.
 * Functions without a result leave an error in Store.fault (see stmt.h).
 */

#include <utlist.h>

#include "base/hash-table.h"
#include "law/story.h"
#include "store/backup.h"
#include "store/case-keys.h"
#include "store/case.h"
#include "store/dedup.h"
#include "store/pages.h"
#include "store/recent.h"
#include "store/space.h"
#include "store/stmt.h"
#include "store/store.h"

#define STORE_SCHEMA 1

typedef struct Acceptances Acceptances;
typedef struct DirCopy DirCopy;
typedef struct LawWork LawWork;
typedef struct LedgerWriter LedgerWriter;
typedef struct Link Link;
typedef struct Pace Pace;
typedef struct Pending Pending;
typedef struct Queue Queue;
typedef struct SenderLoad SenderLoad;
typedef struct Signing Signing;
typedef struct Subscription Subscription;
typedef struct Tally Tally;

typedef struct Statement {
    const char *sql;
    sqlite3_stmt *stmt;
    UT_hash_handle hh;
} Statement;

struct Store {
    sqlite3 *db;
    Pages *pages;      /* between db and the file system */
    sqlite3_file *log; /* its log: logfile.h */
    int lock_fd;
    char *path;
    char self[NODE_NAME_SIZE];
    StoreConfig config; /* path and self point to the copies above */

    int fault;   /* sticky within the transaction */
    int stopped; /* sticky for good: no further work after a fault */
    int64_t now_ms;
    Statement *statements;

    /* What is kept of the tables; made again from them after a rollback. */
    Queue *queues_by_key, *queues_by_id;
    Subscription *subscriptions;
    Link *links;
    SenderLoad *loads, *dirty_loads; /* quota.h */
    Pace *paces;                     /* pace.h */
    CaseSketch *cases;
    CaseKeys *case_keys;       /* NULL until the first message */
    bool any_joined, any_dead; /* rows with DELIVERY_JOINED, dead letters: there may be some */
    Recent *recent;            /* NULL until the first message */
    Dedup dedup;
    Directory *directory;
    DirTree *directory_tree; /* over its signed records; NULL: it is not signed */
    bool directory_layered;  /* there are signed records, whether they can be read here or not */
    DirCopy *directory_copy; /* of the hub's directory, as far as it has come; NULL = none */
    int64_t next_seq, claimed_seq; /* claimed: for the message that is being accepted */
    uint64_t purged;               /* messages deleted since the file was made */

    AcceptDecision decision; /* scratch: large */
    LawWork *law;            /* scratch: larger */
    Pending *pending;        /* items that are not in their table yet; NULL = none */
    LedgerWriter *ledger;
    Tally *tally;             /* what this transaction changed; NULL = nothing */
    Signing *signing;         /* what this broker says itself; NULL until it says something */
    Acceptances *acceptances; /* to be proven, of this transaction; NULL until somebody asks */
    int64_t next_act;
    uint64_t watched_version; /* directory whose agencies are watched, and one; 0 = none */
    Backup backup;
    StoreHealth health;

    Intake intake;
    bool above_mark;       /* a water mark was passed */
    int64_t full_until_ms; /* intake stays closed after "disk full" at least until then */
    int64_t space_due_ms;
    bool ballast;           /* the reserve file is there */
    uint32_t wal_done;      /* frames already copied into the database */
    bool copying;           /* somebody does it beside work: store_copy_begin() */
    bool log_rest;          /* and left little enough: the rest is for us, so that it begins anew */
    uint64_t log_pages_max; /* frames that may wait for the database before a checkpoint */
    uint64_t wal_written;   /* frames ever: the log begins anew, this does not */
    uint64_t space_written; /* wal_written at the last look at the free space */
    bool reserve_only;      /* not even urgent messages: only settlements and receipts made here */

    int64_t purge_seq, purge_due_ms;
    int64_t purge_seen_ms, purge_held_ms; /* at the last look; until then nothing is purged */
    bool load_damaged; /* by the last message_load(): it met a damaged page or row */
    int64_t dedup_due_ms;
    int64_t ledger_due_ms;
    ItemKey item_cursor;
    int64_t act_cursor, items_due_ms;
    uint64_t seal_seen, seal_done; /* health.commits at the last idle turn, at the last seal */
    uint32_t scrub_at;             /* next page to be read through; 0 = done */
};

/* Reads queues, subscriptions, links, directory and counters from the tables. */
void store_cache_load(Store *s);
void store_cache_drop(Store *s);
