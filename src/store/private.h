/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside of the store: its state and what its modules offer each other. Functions without a
 * result leave an error in Store.fault (see stmt.h).
 */

#include <pthread.h>
#include <stdatomic.h>

#include <utlist.h>

#include "base/hash-table.h"
#include "law/story.h"
#include "store/case-keys.h"
#include "store/case.h"
#include "store/dedup.h"
#include "store/pages.h"
#include "store/recent.h"
#include "store/row.h"
#include "store/stmt.h"
#include "store/store.h"

#define STORE_SCHEMA    1
#define STORE_FILE_SIZE (4096 + 16) /* of names of the store's files */

typedef struct Statement {
    const char *sql;
    sqlite3_stmt *stmt;
    UT_hash_handle hh;
} Statement;

typedef struct Subscription Subscription;
typedef struct Link Link;
typedef struct StoredMessage StoredMessage;
typedef struct LawWork LawWork;
typedef struct DirCopy DirCopy;
typedef struct LedgerWriter LedgerWriter;
typedef struct Pending Pending;
typedef struct Tally Tally;
typedef struct SenderLoad SenderLoad;
typedef struct Pace Pace;
typedef struct Signing Signing;
typedef struct Acceptances Acceptances;

#define QUEUE_KEY_SIZE (1 + NODE_NAME_SIZE + SUBSCRIPTION_SIZE)

/* A queue; `waiting` follows table delivery within the transaction. */
typedef struct Queue {
    QueueId id;
    QueueKind kind;
    char key[QUEUE_KEY_SIZE]; /* kind as a digit, then the name */
    uint64_t waiting;
    uint64_t dead; /* as the verb "queues" counted them last */
    Subscription *subscription;
    Link *link;
    UT_hash_handle hh_key, hh_id;
} Queue;

static inline const char *queue_name(const Queue *q) {
    return q->key + 1;
}

struct Subscription {
    Queue *queue;
    char owner[NODE_NAME_SIZE], name[SUBSCRIPTION_SIZE];
    Filter filter;
    bool blocked;       /* overrun: nothing more until read down to half the quota */
    int64_t overrun_ms; /* copies were left out since then; 0 = none the owner was not told of */
    Subscription *prev, *next;
};

struct Link {
    Queue *queue;
    bool open, dirty; /* dirty: counters not written yet in this transaction */
    uint64_t sent_count, received_count;
    Uuid sent_digest, received_digest;
    Link *prev, *next;
};

/* How much intake the batch at hand gets: less at each try after "disk full". */
typedef enum Intake {
    INTAKE_NORMAL = 0,
    INTAKE_URGENT, /* EVENT, EMERGENCY, receipts and recall orders */
    INTAKE_NONE,
} Intake;

typedef struct Backup {
    int state; /* as store_backup_state() */
    sqlite3 *db;
    sqlite3_backup *copy;
    char path[STORE_PATH_SIZE], temp[STORE_PATH_SIZE + 8], text[256];
    /* The finished copy is read through, synced and named by a thread of its own: it is another
     * file, and the store must not wait for it. */
    pthread_t thread;
    bool finishing;          /* the thread is there */
    atomic_bool ended, stop; /* by the thread; for the thread */
    int result;              /* when ended */
    const char *what;        /* failed */
} Backup;

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

/* --- schema.c --- */
int schema_open(Store *s, void (*progress)(void *), void *progress_data, char why[static 256]);
/* Whose file is it, and of what version (0: new)? Reads only. */
int schema_identify(Store *s, int *ret_version, char why[static 256]);
int schema_quick_check(Store *s, void (*progress)(void *), void *progress_data,
                       char why[static 256]);
/* sql[i] brings a file of version i to version i + 1. */
typedef struct SchemaSteps {
    const char *const *sql;
    int n;
} SchemaSteps;
/* Each step is a transaction, with the new version in it. */
int schema_migrate(Store *s, int version, const SchemaSteps *to, char why[static 256]);
int64_t meta_number(Store *s, const char *key, int64_t none);
void meta_set(Store *s, const char *key, int64_t value);

/* --- checkpoint.c --- */
int store_checkpoint(Store *s); /* when the log is long */

/* --- store.c, run.c --- */
/* Of files nobody has open. Returns 0 or -errno. */
int store_copy_file(const char *from, const char *to);
/* Makes a file that is not there. What root makes (serasictl, of a broker that does not run)
 * belongs to whom the folder belongs to: to the broker, which could not open it otherwise. A file
 * or link that is there is EEXIST, and keeps its owner. Returns as open(). */
int store_make_file(const char *path, int flags);
/* The caller closes *ret_fd. Returns 0, or a negative errno with why. */
int store_lock(const char *store_path, int *ret_fd, char why[static 256]);
/* Reads queues, subscriptions, links, directory and counters from the tables. */
void store_cache_load(Store *s);
void store_cache_drop(Store *s);

/* Makes names made in the folder of path durable. Returns 0 or -errno. */
int store_sync_folder(const char *path);

/* --- op.c --- */
void op_results_reset(StoreOp *op);
/* NULL after a fault. The pointer is good until the next call. */
Deposit *op_add_deposit(Store *s, StoreOp *op, const DeliveryRow *row, Body *body, bool lifted);
void op_add_recalled(Store *s, StoreOp *op, const DeliveryRow *row);

/* --- queue.c --- */
/* NULL when it does not exist (find) or with a fault (get, which creates). */
Queue *queue_find(Store *s, QueueKind kind, const char *name);
Queue *queue_get(Store *s, QueueKind kind, const char *name);
Queue *queue_by_id(const Store *s, QueueId id);
void queue_remove(Store *s, Queue *q); /* with all its rows */
void queues_load(Store *s);
void queues_drop(Store *s);
void run_queue(Store *s, StoreOp *op);

/* A delivery about to be made; lane and lifting are decided by what waits for the same case. */
typedef struct NewDelivery {
    Queue *queue;
    int64_t seq, order_key, since_ms, expires_ms;
    Lane lane;
    uint32_t flags, size;
    Body *body;                   /* borrowed, NULL = load it */
    const StoredMessage *message; /* with its whole route: of a link row, to go out as it is */
} NewDelivery;
void queue_deliver(Store *s, StoreOp *op, const NewDelivery *d);
bool queue_row_at(Store *s, QueueId queue, Lane lane, int64_t seq, DeliveryRow *ret);
/* The row of (queue, seq) whatever its lane; false when it is not there. */
bool queue_find_row(Store *s, QueueId queue, int64_t seq, DeliveryRow *ret);
/* Writes the flags of a row that now stands for one more recipient. A copy that is out already does
 * not name that one: when it is settled the row goes round once more. */
void queue_join(Store *s, const DeliveryRow *row);
/* False when it was not there. */
bool queue_remove_row(Store *s, const DeliveryRow *row);
void queue_read_row(sqlite3_stmt *q, DeliveryRow *ret);
/* Columns in the order queue_read_row() wants. */
#define ROW_COLUMNS "queue,lane,seq,order_key,attempts,flags,due,expires,size"

/* --- message.c --- */
/* In column flags, beside the receipt policy. */
#define MESSAGE_CASED   INT64_C(16) /* the thread is a case */
#define MESSAGE_CLAIMED INT64_C(32) /* its id is remembered: see dedup.h */
/* What is stored of a message besides its parts. */
struct StoredMessage {
    int64_t seq, order_key, accepted_ms, expires_ms;
    int64_t block;   /* of the ledger, which was being filled */
    Uuid id, thread; /* thread: case, else correlation, else the message itself */
    int kind;
    Lane lane;
    uint32_t size; /* of its parts, as they are in the table */
    bool cased, claimed;
    ReceiptPolicy receipts;
    char sender[NODE_NAME_SIZE], region[REGION_SIZE];
    char origin[NODE_NAME_SIZE]; /* neighbour it came from; "" = published here */
    /* Under which rule set it was accepted here, and the rules it was warned of; "" = elsewhere. */
    char decision[128];
    uint32_t n_stamps;
    HopStamp stamps[STAMPS_MAX];
    Route route;
};

void stored_message_deinit(StoredMessage *m);
/* Without the parts. Returns false when there is no such message (or a fault), or when what is
 * there cannot be believed. Call stored_message_deinit() in any case. */
bool message_load(Store *s, int64_t seq, StoredMessage *ret);
/* The same of a row that is known to be damaged, or may be: false unless its checksums say that
 * what comes back is as it was written. */
bool message_load_doubted(Store *s, int64_t seq, StoredMessage *ret);
/* The same with the parts. *ret_damaged: the checksum does not match, *ret is NULL then. */
bool message_load_body(Store *s, int64_t seq, StoredMessage *ret, Body **ret_body,
                       bool *ret_damaged);
/* Gives it the next sequence number (m->seq) and writes it. */
void message_insert(Store *s, StoredMessage *m, Body *body);
/* Writes the route again, and the sealed part if a body is given. */
void message_update(Store *s, const StoredMessage *m, const Body *body);
bool message_has_row(Store *s, const StoredMessage *m, DeliveryRow *ret_any);

/* --- signed.c --- */
/* A message of this broker's own: it is signed before the transaction ends, if its body has room
 * for that. */
void signed_add(Store *s, int64_t seq, Body *body);
/* Before COMMIT. */
void signed_flush(Store *s);
void signed_drop(Store *s); /* rolled back */
/* The signature of such a message that is stored; empty when it was not signed. */
Bytes signed_read(Store *s, int64_t seq, uint8_t buf[static SIGNATURE_MAX]);
/* Such a message was deleted: with the last of its tree the statement goes. */
void signed_purge(Store *s, int64_t seq);
Signing *signing_free(Signing *g);

/* --- acceptance.c --- */
/* The result of OP_ACCEPT is settled: its proof, if wanted, is made before the transaction ends. */
void acceptance_add(Store *s, StoreOp *op);
void acceptances_flush(Store *s);
void acceptances_drop(Store *s); /* rolled back */

/* --- receipts.c --- */
/* What is to be said about one recipient of a message. */
typedef struct Saying {
    const char *recipient;
    RecipientRole role;
    ReceiptLevel level;
    ReceiptCause cause;
    uint32_t attempts;
    const char *detail; /* may be NULL */
} Saying;
/* Records a final level (the first one wins) and makes the receipt the sender wants. Returns true
 * when it was the first final one, or a level that is not final. */
bool receipt_say(Store *s, StoreOp *op, const StoredMessage *m, const Saying *say);
/* The receipt alone, wanted or not. */
void receipt_send(Store *s, StoreOp *op, const StoredMessage *m, const Saying *say);
/* Writes an outcome unless there is one. Returns true when it was written. */
bool outcome_insert(Store *s, int64_t seq, const OutcomeRow *o, uint32_t attempts,
                    const char *detail);
/* Of a purged message that this neighbour brings: has the recipient its end, or was it handed over,
 * and not to this neighbour (who then gives it back)? */
bool outcome_is_noted(Store *s, int64_t seq, const char *recipient, const char *neighbour);
/* LEVEL_NONE when nothing final is known. */
ReceiptLevel outcome_level(Store *s, int64_t seq, const char *recipient);
/* A receipt from another broker passes: note it on the message it is about. Returns true when it
 * ends here: the sender, at home here, does not want to hear of it. */
bool receipt_note(Store *s, const Message *receipt, const char *neighbour);
/* Does the message get outcomes and receipts at all? */
bool receipt_applies(int kind);

/* --- hearsay.c --- */
/* May this neighbour say what became of the message at that node? */
bool hearsay_is_believed(Store *s, const StoredMessage *m, const char *node, const char *neighbour);
/* The same when all that is left of the message are its outcomes. */
bool hearsay_of_purged_is_believed(Store *s, int64_t seq, const char *node, const char *neighbour);

/* --- trail (trace.c) --- */
void trail_add(Store *s, int64_t seq, const char *step, const char *who, const char *note);

/* --- load.c --- */
/* What goes with the copy for a neighbour: everyone behind that link who still waits for it. fresh:
 * the message is just being stored, nobody can be a dead letter. The caller's to free. */
Forward *forward_for(Store *s, const StoredMessage *m, const DeliveryRow *row, bool fresh);

/* --- operations --- */
void run_accept(Store *s, StoreOp *op);
void run_delivery(Store *s, StoreOp *op);
void run_load(Store *s, StoreOp *op);
void run_next(Store *s, StoreOp *op);
void run_bodies(Store *s, StoreOp *op);
void run_subscription(Store *s, StoreOp *op);
void run_sweep(Store *s, StoreOp *op);
void run_link(Store *s, StoreOp *op);
void run_import(Store *s, StoreOp *op);
void run_revoke(Store *s, StoreOp *op);
void run_directory_take(Store *s, StoreOp *op);
void run_directory_read(Store *s, StoreOp *op);
void run_directory_sign(Store *s, StoreOp *op);
void run_query(Store *s, StoreOp *op);
void run_backup(Store *s, StoreOp *op);
void run_dead(Store *s, StoreOp *op);

/* --- place.c, recall.c --- */
typedef struct Placement {
    const char *node;
    RecipientRole role;
    uint8_t flags;   /* ROUTE_... */
    const char *hop; /* self = local, "" = unroutable */
} Placement;
/* The queue gets a row of a message that it took before: what becomes of the row says nothing of
 * those who went with the first one. Their entries are marked; the caller writes the message.
 * Returns the flag of who joins a row that is still there. */
uint8_t place_after(Store *s, StoredMessage *m, const Queue *queue);
/* The link took the copy of a row that was joined: it was for the others, what comes now is for who
 * joined. Writes the message. */
void place_handed(Store *s, const DeliveryRow *row);
/* Adds the recipient to the route of m and finds (or makes) the queue for it, after place_after().
 */
RouteEntry *place_recipient(Store *s, StoredMessage *m, const Placement *p);

/* The forms in which one message goes out, shared by its deliveries. */
typedef struct Copies {
    Body *full;       /* borrowed */
    Body *facts_only; /* owned; NULL = load it */
    uint32_t size_full, size_facts;
    int64_t expires_ms; /* at least; 0 = as the message */
    bool fresh;         /* the message is just being stored: no row can exist yet */
} Copies;
void copies_init(Store *s, Copies *c, Body *body, bool fresh);
void copies_deinit(Copies *c);
/* Makes the delivery of route entry i, unless its queue has one for this message. */
void place_delivery(Store *s, StoreOp *op, const StoredMessage *m, uint32_t i, const Copies *c);

void accept_recall(Store *s, StoreOp *op);
/* Withdraws what of a message is not out yet, here: a newer one took its place, for those on the
 * route `by` (NULL: for everybody). */
void recall_superseded(Store *s, StoreOp *op, const StoredMessage *target, const Route *by);
/* Withdraws it from everybody who has no outcome yet. */
void recall_all(Store *s, StoreOp *op, const StoredMessage *target);

/* --- subject.c --- */
/* Of a DATA_SUBJECT_ACTION: everybody whom messages of its case went to from here. */
void subject_add_recipients(Store *s, const StoreOp *op, StoredMessage *m);
/* After it was stored: what it orders of the messages of the case. */
void subject_carry_out(Store *s, StoreOp *op, const StoredMessage *m);
/* Was its sealed part erased on such an order? It does not come back with a repeated message. */
bool subject_is_erased(Store *s, int64_t seq);
/* What both kinds of acceptance share. */
void accept_begin(Store *s, const StoreOp *op, StoredMessage *ret);
void accept_store(Store *s, StoreOp *op, StoredMessage *m);
void accept_refuse(Store *s, StoreOp *op, Verdict verdict);
Reasons *accept_reasons(Store *s, PublishResult *r);
/* --- wrap.c --- */
typedef struct WrapAsk {
    const char *node; /* who has to open it */
    WrapReason reason;
    const char *instead_of, *by; /* NULL = nobody */
} WrapAsk;
/* A message from its publisher: who of the routes cannot open it is warned about, its sender asked.
 */
void wraps_check(Store *s, StoreOp *op, const StoredMessage *m, const Body *body);
/* The same for one recipient, later. */
void wrap_check(Store *s, StoreOp *op, const StoredMessage *m, const Body *body,
                const WrapAsk *ask);

/* --- resolve.c --- */
void query_resolve(Store *s, StoreOp *op, Table *t);

/* The decision on op->accept.message, into s->decision. Writes nothing. */
void accept_judge(Store *s, const StoreOp *op);
void accept_list_recipients(Store *s, PublishResult *r, const StoredMessage *m);

/* --- subscription.c, link.c --- */
/* Copies for every named subscription that wants the message. */
/* --- access.c --- */
/* Is the session's key not allowed to publish this (any more)? Then the answer is ready. */
bool accept_is_denied(Store *s, StoreOp *op);
/* A copy that waits for a subscriber is his while his scope covers it; whatever else it is, it is
 * still allowed. */
bool copy_is_still_allowed(Store *s, const StoredMessage *m, const Body *body,
                           const DeliveryRow *row);
/* May the subscription of that filter not be opened (dropped) so? Then verdict and why say it. */
bool subscription_is_denied(Store *s, StoreOp *op, const Filter *f);

void subscriptions_feed(Store *s, StoreOp *op, const StoredMessage *m, const Copies *c);
void subscriptions_load(Store *s);
void subscriptions_drop(Store *s);
Link *link_get(Store *s, const char *neighbour);
void link_count_sent(Store *s, Queue *q, const Uuid *id);
void link_count_received(Store *s, const char *neighbour, const Uuid *id);
void links_load(Store *s);
void links_drop(Store *s);
void links_flush(Store *s);
/* After an unclean stop: what was out on an open link may have arrived. */
void links_mark_uncertain(Store *s);

/* --- directory-layer.c, directory-sign.c, directory-follow.c --- */
void directory_load(Store *s);
/* The copy that was being collected is of no use any more. */
void layer_copy_drop(Store *s);
/* A NodeRecord (M70) was accepted: what its sender may say of the node goes into the directory, and
 * the new snapshot into the operation. To be called last: pointers into the snapshot before it are
 * no good afterwards. Returns whether anything changed. *ret_why: a static word for what was not
 * applied (as node_record_apply(), or UNKNOWN_NODE); NULL = nothing. */
bool directory_record_accepted(Store *s, StoreOp *op, const char **ret_why);

/* --- query.c, trace.c, check.c --- */
void query_trace(Store *s, StoreOp *op, Table *t);
void query_outcome(Store *s, StoreOp *op, Table *t);
void query_check(Store *s, StoreOp *op, Table *t);
/* "WAITING", "DEAD" or "DONE". */
const char *message_state(Store *s, const StoredMessage *m);

/* --- seal.c --- */
/* Before the file is opened: is there what was there? Returns 0, or -EUCLEAN with why. */
int seal_check(Store *s, char why[static 256]);
/* Then, before anything of the log is believed: it is written again and synced, for a sync of it
 * may have failed. Returns 0, or -errno with why. */
int seal_settle(Store *s, char why[static 256]);
/* From now on the log may shrink. Returns 0 or -errno. */
int seal_lift(Store *s);
/* Seals the log when nothing was committed since the last call. Returns 0 or -errno. */
int seal_when_quiet(Store *s);

/* Frames the seal knows of that the log at path-wal does not have. */
uint32_t seal_missing(const char *path);

/* --- scrub.c --- */
/* After an unclean stop: reads some pages through and compares their checksums. */
int scrub_step(Store *s, bool *ret_more);

/* --- purge.c, backup.c, space.c --- */
int purge_step(Store *s, bool *ret_more);
int backup_step(Store *s, bool *ret_more);
void backup_stop(Store *s);
/* Is it time, or was so much written that it is better to look again? */
bool space_is_due(const Store *s);
void space_check(Store *s);
/* The disk is full: intake stays closed for a while. */
void space_ran_out(Store *s);
void space_release_ballast(Store *s);
void space_make_ballast(Store *s);
bool space_intake_is_open(const Store *s, const Message *m);
