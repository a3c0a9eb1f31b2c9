/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "store/internal.h"
#include "store/schema.h"

#define APPLICATION_ID    0x53525349 /* "SRSI" */
#define QUICK_CHECK_PAGES 16384      /* more are not read through before the start */

/*
 * Version 1. Bodies are appended by sequence number; what changes is narrow: a delivery row lives
 * until it is settled and is then deleted, an outcome row comes when something final is known.
 * message.sum is over every other column: bit rot is found before a body is handed out;
 * message.block is that of the ledger which was being filled (ledger.h). Order keys
 * are hashes: message_case has those of 4,096 messages in a row, so that a message costs no page of
 * its own in an index (case-keys.h).
 */
static const char schema_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE message("
    "  seq INTEGER PRIMARY KEY, id BLOB NOT NULL, kind INTEGER NOT NULL, lane INTEGER NOT NULL,"
    "  sender TEXT NOT NULL, order_key INTEGER NOT NULL, block INTEGER NOT NULL,"
    "  thread BLOB NOT NULL, region TEXT NOT NULL, accepted_at INTEGER NOT NULL,"
    "  expires_at INTEGER NOT NULL, flags INTEGER NOT NULL, origin TEXT NOT NULL,"
    "  stamps BLOB NOT NULL, route BLOB NOT NULL, sum INTEGER NOT NULL,"
    "  decision TEXT NOT NULL,"
    "  envelope BLOB NOT NULL, facts BLOB NOT NULL, sealed BLOB NOT NULL,"
    "  signature BLOB NOT NULL) STRICT;"
    "CREATE TABLE message_case(block INTEGER PRIMARY KEY, keys BLOB NOT NULL) STRICT;"
    "CREATE TABLE dedup("
    "  id BLOB PRIMARY KEY, digest BLOB NOT NULL, seq INTEGER NOT NULL,"
    "  accepted_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE queue("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, name TEXT NOT NULL,"
    "  UNIQUE(kind, name)) STRICT;"
    "CREATE TABLE delivery("
    "  queue INTEGER NOT NULL, lane INTEGER NOT NULL, seq INTEGER NOT NULL,"
    "  order_key INTEGER NOT NULL, attempts INTEGER NOT NULL, flags INTEGER NOT NULL,"
    "  due INTEGER NOT NULL, expires INTEGER NOT NULL, size INTEGER NOT NULL,"
    "  since INTEGER NOT NULL, PRIMARY KEY(queue, lane, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE outcome("
    "  seq INTEGER NOT NULL, recipient TEXT NOT NULL, level INTEGER NOT NULL,"
    "  cause INTEGER NOT NULL, said_at INTEGER NOT NULL, leg TEXT NOT NULL,"
    "  attempts INTEGER NOT NULL, detail TEXT NOT NULL,"
    "  PRIMARY KEY(seq, recipient)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE dead_letter("
    "  seq INTEGER NOT NULL, queue INTEGER NOT NULL, recipient TEXT NOT NULL,"
    "  lane INTEGER NOT NULL, order_key INTEGER NOT NULL, cause INTEGER NOT NULL,"
    "  detail TEXT NOT NULL, attempts INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  flags INTEGER NOT NULL, expires INTEGER NOT NULL, size INTEGER NOT NULL,"
    "  PRIMARY KEY(seq, queue, recipient)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE trail("
    "  seq INTEGER NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, step TEXT NOT NULL,"
    "  who TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY(seq, n)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE item("
    "  kind INTEGER NOT NULL, id BLOB NOT NULL, owes TEXT NOT NULL, case_id BLOB NOT NULL,"
    "  final INTEGER NOT NULL, changed INTEGER NOT NULL, last INTEGER NOT NULL,"
    "  body BLOB NOT NULL, PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX item_owes ON item(owes) WHERE owes <> '';"
    "CREATE INDEX item_case ON item(case_id) WHERE kind = 1;"
    "CREATE TABLE act(n INTEGER PRIMARY KEY, acts BLOB NOT NULL) STRICT;"
    "CREATE TABLE pending(n INTEGER PRIMARY KEY, items BLOB NOT NULL) STRICT;"
    "CREATE TABLE held("
    "  kind INTEGER NOT NULL, id BLOB NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(kind, id, n))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE timer("
    "  due INTEGER NOT NULL, kind INTEGER NOT NULL, id BLOB NOT NULL, timer INTEGER NOT NULL,"
    "  PRIMARY KEY(due, kind, id, timer)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tally("
    "  kind INTEGER NOT NULL, state INTEGER NOT NULL, cluster INTEGER NOT NULL,"
    "  region TEXT NOT NULL, n INTEGER NOT NULL, past INTEGER NOT NULL,"
    "  PRIMARY KEY(kind, state, cluster, region))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE acknowledgement("
    "  event BLOB NOT NULL, node TEXT NOT NULL, at INTEGER NOT NULL,"
    "  PRIMARY KEY(event, node)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE subscription("
    "  queue INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, filter BLOB NOT NULL,"
    "  blocked INTEGER NOT NULL, overrun_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE link("
    "  queue INTEGER PRIMARY KEY, open INTEGER NOT NULL, sent_count INTEGER NOT NULL,"
    "  sent_digest BLOB NOT NULL, received_count INTEGER NOT NULL,"
    "  received_digest BLOB NOT NULL) STRICT;"
    "CREATE TABLE dir_node("
    "  id TEXT PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL,"
    "  home TEXT NOT NULL, broker_parent TEXT NOT NULL, flags INTEGER NOT NULL,"
    "  capacity INTEGER NOT NULL, areas TEXT NOT NULL, clusters TEXT NOT NULL,"
    "  bases INTEGER NOT NULL, grade INTEGER NOT NULL, grade_until INTEGER NOT NULL,"
    "  designation INTEGER NOT NULL, scope INTEGER NOT NULL, designation_until INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE dir_key("
    "  curve TEXT PRIMARY KEY, node TEXT NOT NULL, label TEXT NOT NULL, flags INTEGER NOT NULL,"
    "  valid_from INTEGER NOT NULL, valid_until INTEGER NOT NULL, ed25519 BLOB NOT NULL,"
    "  x25519 BLOB NOT NULL, rights BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE dir_region("
    "  code TEXT PRIMARY KEY, name TEXT NOT NULL, alias_of TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE dir_holiday("
    "  day INTEGER PRIMARY KEY, name TEXT NOT NULL, working INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE ledger("
    "  block INTEGER PRIMARY KEY, at INTEGER NOT NULL, first_entry INTEGER NOT NULL,"
    "  n INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE TABLE ledger_base("
    "  block INTEGER PRIMARY KEY, entries INTEGER NOT NULL, hash BLOB NOT NULL,"
    "  at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE ledger_witness("
    "  block INTEGER NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL, node TEXT NOT NULL,"
    "  key BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY(block, node)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE ledger_child("
    "  node TEXT PRIMARY KEY, block INTEGER NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL,"
    "  witnessed_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE statement("
    "  first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, key BLOB NOT NULL,"
    "  ed25519 BLOB NOT NULL, numbers BLOB NOT NULL, leaves BLOB NOT NULL) STRICT;"
    "CREATE TABLE dir_record(name TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE dir_change(version INTEGER PRIMARY KEY, change BLOB NOT NULL) STRICT;"
    "CREATE TABLE dir_head("
    "  version INTEGER PRIMARY KEY, at INTEGER NOT NULL, size INTEGER NOT NULL,"
    "  root BLOB NOT NULL, key BLOB NOT NULL, ed25519 BLOB NOT NULL) STRICT;"
    "CREATE TABLE enrolment("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, curve TEXT NOT NULL UNIQUE, node TEXT NOT NULL,"
    "  label TEXT NOT NULL, state INTEGER NOT NULL, made_at INTEGER NOT NULL,"
    "  made_by TEXT NOT NULL, expires_at INTEGER NOT NULL, request BLOB NOT NULL,"
    "  came_from TEXT NOT NULL, handed_at INTEGER NOT NULL, decided_at INTEGER NOT NULL,"
    "  decided_by TEXT NOT NULL) STRICT;"
    "CREATE TABLE sender_load("
    "  sender TEXT PRIMARY KEY, waiting INTEGER NOT NULL, bytes INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 1397904201;";

_Static_assert(APPLICATION_ID == 1397904201, "the number in schema_1");

/* Forward only: step i brings a file of version i to version i + 1. */
static const char *const steps[STORE_SCHEMA] = { schema_1 };

int64_t meta_number(Store *s, const char *key, int64_t none) {
    return db_number(s, QUERY(s, "SELECT value FROM meta WHERE key = ?1", TEXT(key)), none);
}

void meta_set(Store *s, const char *key, int64_t value) {
    RUN(s, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)", TEXT(key), INT(value));
}

_printf_(3, 4) static int refuse(char why[static 256], int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, 256, format, args);
    va_end(args);
    return error;
}

static int refuse_fault(Store *s, char why[static 256], const char *doing) {
    return refuse(why, s->fault, "%.150s: %s: %.80s", s->path, doing, s->health.fault);
}

/* Reads before anything is written: a file that is not ours stays as it is. Nor is one used that
 * would do something of itself: say ACCEPTED and drop the delivery, for one. */
int schema_identify(Store *s, int *ret_version, char why[static 256]) {
    const int64_t tables = db_number(s, QUERY(s, "SELECT count(*) FROM sqlite_schema"), 0);
    const int64_t added = db_number(
        s,
        QUERY(s, "SELECT (SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')) + "
                 "(SELECT count(*) FROM pragma_table_list WHERE schema = 'main' "
                 "AND (type <> 'table' OR NOT strict) AND name NOT LIKE 'sqlite%')"),
        0);
    const int64_t version = db_number(s, QUERY(s, "PRAGMA user_version"), 0);
    const int64_t application = db_number(s, QUERY(s, "PRAGMA application_id"), 0);
    if (s->fault < 0)
        return refuse_fault(s, why, "cannot be read as a store");
    if (application != APPLICATION_ID && (tables > 0 || version != 0))
        return refuse(why, -EUCLEAN, "%.180s is an SQLite file of another program", s->path);
    if (added > 0)
        return refuse(why, -EUCLEAN,
                      "%.120s has a trigger, a view, or a table whose columns may hold anything, "
                      "which no serasid makes",
                      s->path);
    if (version < 0)
        return refuse(why, -EUCLEAN, "%.150s: its first page is damaged (schema version %d)",
                      s->path, (int)version);
    if (version > STORE_SCHEMA)
        return refuse(why, -EPROTO,
                      "%.120s has schema version %d, this program knows up to %d: install the "
                      "newer version",
                      s->path, (int)version, STORE_SCHEMA);
    *ret_version = (int)version;
    return 0;
}

static int expect_pragma(Store *s, sqlite3_stmt *q, int64_t want, const char *name,
                         char why[static 256]) {
    const int64_t is = db_number(s, q, -1);
    if (s->fault < 0)
        return refuse_fault(s, why, name);
    if (is != want)
        return refuse(why, -EIO, "%.150s: %s is %d where %d is needed", s->path, name, (int)is,
                      (int)want);
    return 0;
}

static int set_pragmas(Store *s, int version, char why[static 256]) {
    if (version == 0) { /* these only take effect before the first page is written */
        char sql[64];
        snprintf(sql, sizeof(sql), "PRAGMA page_size = %u", (unsigned)s->config.page_size);
        (void)db_exec(s, sql); /* sticky */
        (void)db_fail(s, pages_protect(s->db));
        (void)db_exec(s, "PRAGMA auto_vacuum = INCREMENTAL"); /* writes the first page */
    }
    (void)db_exec(s, "PRAGMA secure_delete = FAST; PRAGMA cell_size_check = ON;"
                     "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;"
                     "PRAGMA cache_size = -16384; PRAGMA mmap_size = 0;"
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 134217728");
    if (s->fault < 0)
        return refuse_fault(s, why, "cannot be set up");
    {
        _query_ q = QUERY(s, "PRAGMA journal_mode");
        if (!db_row(s, q) || strcmp(col_text(q, 0), "wal") != 0)
            return refuse(why, -EIO, "%.150s: the file system does not allow a write-ahead log",
                          s->path);
    }
    int r = expect_pragma(s, QUERY(s, "PRAGMA synchronous"), 2, "synchronous", why);
    if (r == 0)
        r = expect_pragma(s, QUERY(s, "PRAGMA mmap_size"), 0, "mmap_size", why);
    if (r == 0)
        r = expect_pragma(s, QUERY(s, "PRAGMA cell_size_check"), 1, "cell_size_check", why);
    if (r == 0)
        r = expect_pragma(s, QUERY(s, "PRAGMA auto_vacuum"), 2, "auto_vacuum", why);
    if (r == 0 && version == 0 && !pages_are_protected(s->db))
        r = refuse(why, -EIO, "%.150s: its pages get no checksums", s->path);
    return r;
}

int schema_migrate(Store *s, int version, const SchemaSteps *to, char why[static 256]) {
    for (int v = version; v < to->n; v++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "PRAGMA user_version = %d; COMMIT", v + 1);
        (void)db_exec(s, "BEGIN IMMEDIATE");
        (void)db_exec(s, to->sql[v]);
        if (v == 0) {
            RUN(s, "INSERT INTO meta(key, value) VALUES('self', ?1)", TEXT(s->self));
            meta_set(s, "clean", 1);
            meta_set(s, "dedup_swept", 0);
        }
        if (db_exec(s, sql) < 0) {
            const int r = refuse_fault(s, why, "cannot be migrated");
            (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* the first error counts */
            return r;
        }
    }
    return 0;
}

static int check_owner(Store *s, char why[static 256]) {
    _query_ q = QUERY(s, "SELECT value FROM meta WHERE key = 'self'");
    if (!db_row(s, q))
        return s->fault < 0
                   ? refuse_fault(s, why, "cannot be read")
                   : refuse(why, -EUCLEAN, "%.180s does not say whose store it is", s->path);
    if (strcmp(col_text(q, 0), s->self) != 0)
        return refuse(why, -EPROTO, "%.120s is the store of broker %.64s, not of %.64s", s->path,
                      col_text(q, 0), s->self);
    return 0;
}

struct Progress {
    void (*call)(void *);
    void *data;
};

static int on_progress(void *data) {
    const struct Progress *p = data;
    p->call(p->data);
    return 0;
}

/* Did the disk fail to read the page, which says nothing about what is on it? */
static bool is_unread(const char *finding) {
    char code[32];
    snprintf(code, sizeof(code), "error code=%d", SQLITE_IOERR_READ);
    const char *at = strstr(finding, code);
    return at && (at[strlen(code)] < '0' || at[strlen(code)] > '9');
}

static int look_once(Store *s, char why[static 256]) {
    _query_ q = QUERY(s, "PRAGMA quick_check(1)");
    if (!db_row(s, q))
        return refuse_fault(s, why, "it is damaged");
    if (is_unread(col_text(q, 0)))
        return refuse(why, -EIO, "%.120s cannot be read: %.100s", s->path, col_text(q, 0));
    if (strcmp(col_text(q, 0), "ok") != 0)
        return refuse(why, -EUCLEAN, "%.120s is damaged: %.100s", s->path, col_text(q, 0));
    return 0;
}

/* SQLite says of some pages only that they could not be had, not that the disk did not read them:
 * what a second look does not find was no damage. */
int schema_quick_check(Store *s, void (*progress)(void *), void *progress_data,
                       char why[static 256]) {
    struct Progress p = { .call = progress, .data = progress_data };
    char again[256];
    if (progress)
        sqlite3_progress_handler(s->db, 200000, on_progress, &p);
    int r = look_once(s, why);
    if (r == -EUCLEAN && look_once(s, again) == 0)
        r = refuse(why, -EIO,
                   "%.120s cannot be read reliably: damaged at the first look, not at "
                   "the second",
                   s->path);
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    return r;
}

int schema_open(Store *s, void (*progress)(void *), void *progress_data, char why[static 256]) {
    int version = 0;
    int r = schema_identify(s, &version, why);
    if (r == 0)
        r = set_pragmas(s, version, why);
    if (r == 0)
        r = schema_migrate(s, version, &(SchemaSteps) { steps, STORE_SCHEMA }, why);
    if (r == 0)
        r = check_owner(s, why);
    if (r < 0)
        return r;

    s->health.unclean = meta_number(s, "clean", 0) == 0;
    if (s->health.unclean && db_number(s, QUERY(s, "PRAGMA page_count"), 0) <= QUICK_CHECK_PAGES)
        r = schema_quick_check(s, progress, progress_data, why);
    else if (s->health.unclean)
        s->scrub_at = 1; /* while running: what is damaged is not read for an answer */
    if (r < 0)
        return r;
    meta_set(s, "clean", 0);
    return s->fault < 0 ? refuse_fault(s, why, "cannot be written") : 0;
}
