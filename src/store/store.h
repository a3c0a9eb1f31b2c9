/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Store: the durable outbox in one SQLite file, and the only connection that changes it (copier.h
 * copies what that wrote).
 *
 * Work comes as a batch of operations and is one transaction: after store_run() returned 0 all of
 * it is on disk (WAL, synchronous=FULL) and the results may be told to others; before that nothing
 * may. A negative return is a fault of disk or memory: nothing of the batch may be answered and
 * the process must stop. A full disk is not a fault: intake in that batch gets VERDICT_LATER, the
 * rest of it is carried out with the room kept in reserve.
 *
 * One thread uses a Store, but for store_sync(). No clock of its own: the time is passed in.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/signature.h"
#include "core/directory-change.h"
#include "core/enrolment.h"
#include "core/filter.h"
#include "core/frame.h"
#include "core/key-request.h"
#include "core/ledger.h"
#include "core/message-codec.h"
#include "core/message.h"
#include "core/notice.h"
#include "core/receipt.h"
#include "core/table.h"
#include "core/wrap.h"
#include "law/accept.h"
#include "store/copier.h"

typedef struct Store Store;

#define STORE_PATH_SIZE 512U /* of a backup: every operation is as large as the largest of them */

/* --- queues ------------------------------------------------------------------------------- */

typedef int64_t QueueId; /* row id in table queue; 0 = none */

typedef enum QueueKind {
    QUEUE_MAILBOX = 1,      /* name = node */
    QUEUE_RECEIPTS = 2,     /* name = node */
    QUEUE_SUBSCRIPTION = 3, /* name = owner node, space, subscription name */
    QUEUE_LINK = 4,         /* name = neighbour broker */
} QueueKind;

/* Bits of DeliveryRow.flags. */
enum {
    DELIVERY_WARNED_EXPIRY = 1, /* EXPIRES_SOON was sent */
    DELIVERY_WARNED_DELAY = 2,  /* DELAYED was sent */
    DELIVERY_RECALLED = 4,      /* the sender wants it back: withdraw it unless it is out */
    DELIVERY_UNCERTAIN =
        8, /* link rows: may have been handed over without an answer; never expired here */
    DELIVERY_HANDED = 16,      /* was out to a consumer at least once */
    DELIVERY_JOINED = 64,      /* link rows: a recipient was added since the copy was last read */
    DELIVERY_SUPERSEDED = 128, /* withdrawn because a newer situation report took its place */
    DELIVERY_BROUGHT = 256,    /* receipts: a neighbour brought it, in whose account it is */
    DELIVERY_FACTS_ONLY = 32,  /* role SUPERVISOR or SUBSCRIBER: never hand out the sealed part */
};

typedef struct DeliveryRow {
    QueueId queue;
    int64_t seq; /* of the message in this store: order of acceptance */
    int64_t order_key;
    Lane lane; /* effective: lifted to the highest lane waiting for the same (queue, order_key) */
    uint32_t attempts;
    uint32_t flags;
    int64_t due_ms; /* not before; 0 = now */
    int64_t expires_ms;
    uint32_t size; /* bytes of the parts as they would go out */
} DeliveryRow;

/* A delivery that came into being, with its body when it is still at hand. */
typedef struct Deposit {
    DeliveryRow row;
    Body *body;       /* owned reference or NULL: load it with OP_BODIES */
    Forward *forward; /* owned; of link rows with a body, else NULL */
    Uuid message_id;  /* set with the forward */
    bool lifted;      /* other rows of this (queue, order_key) were lifted into row.lane */
} Deposit;

/* Up to which timer a step of "due" has looked. */
typedef struct DueCursor {
    int64_t due_ms;
    int kind, timer;
    Uuid id;
    uint32_t seen; /* so many, from the first on */
} DueCursor;

/* --- operations --------------------------------------------------------------------------- */

typedef enum OpKind {
    OP_ACCEPT = 1,     /* PUBLISH from a client or a link */
    OP_DELIVERY,       /* one change of one delivery: settled, parked, dead, expired ... */
    OP_LOAD,           /* rows of a queue from a cursor on */
    OP_NEXT,           /* first waiting row of (queue, order_key) */
    OP_BODIES,         /* bodies of rows */
    OP_QUEUE,          /* find or create a queue */
    OP_SUBSCRIPTION,   /* create, check or drop a named subscription */
    OP_SWEEP,          /* a chunk of the search for rows that expire, are late or were recalled */
    OP_LINK,           /* a link session opened or closed */
    OP_IMPORT,         /* directory records */
    OP_QUERY,          /* operator verbs answered from the store */
    OP_BACKUP,         /* start a backup to a file */
    OP_DEAD,           /* requeue, redirect or discard a dead letter */
    OP_REVOKE,         /* keys of a node (uses import) */
    OP_DIRECTORY_TAKE, /* changes of the directory from the parent broker */
    OP_DIRECTORY_READ, /* changes of the directory for a child broker */
    OP_DIRECTORY_SIGN, /* at the hub: the head of the directory anew (uses import) */
    OP_DUE,            /* fires the timers whose time has come, a bounded number of them */
    OP_NOTE,           /* entries of the ledger that are not the store's own */
    OP_KEY,            /* a request for a key; tokens of new institutions */
} OpKind;

typedef enum DeliveryAction {
    ACTION_DONE =
        1,       /* settled: MAILBOX and RECEIPTS collected, LINK handed over, SUBSCRIPTION read */
    ACTION_PARK, /* not now: writes attempts, due_ms, flags */
    ACTION_DEAD, /* to the dead letters with cause; outcome UNDELIVERABLE */
    ACTION_EXPIRE,      /* gone by time; outcome UNDELIVERABLE with cause */
    ACTION_RECALL,      /* withdrawn; outcome RECALLED */
    ACTION_WARN_EXPIRY, /* receipt EXPIRES_SOON, flag */
    ACTION_WARN_DELAY,  /* receipt DELAYED, flag */
    ACTION_UNROUTABLE,  /* link rows: the neighbour refused it; outcome UNDELIVERABLE with cause for
                           its recipients */
    ACTION_MOVE,        /* MAILBOX and RECEIPTS: its node has another home now, and it goes there */
} DeliveryAction;

/* What is known of the signature of a message before it is accepted. */
typedef enum SignatureState {
    SIGNATURE_UNCHECKED = 0, /* nobody looked */
    SIGNATURE_NONE,          /* there is none, and none is asked for */
    SIGNATURE_GOOD,
    SIGNATURE_UNKNOWN_KEY, /* over a link: whoever gets the message has to judge */
    SIGNATURE_MISSING,     /* to be refused, as is the next */
    SIGNATURE_BAD,
} SignatureState;

typedef struct StoreOp StoreOp;
struct StoreOp {
    OpKind kind;
    StoreOp *next; /* for the caller's lists */
    void *owner;   /* the caller's: never looked at, as the next two */
    void *charged;
    uint64_t owner_id;
    LedgerEntry *entry;     /* owned; for the ledger, with the operation; NULL = none */
    uint32_t n_deposits;    /* result of ACCEPT, DELIVERY, DEAD: deliveries that came into being */
    Deposit *deposits;      /* owned */
    uint32_t n_wraps_asked; /* result of ACCEPT and DEAD: requests to senders */
    uint32_t n_recalled;   /* result of ACCEPT of a RECALL_ORDER: rows that got DELIVERY_RECALLED */
    DeliveryRow *recalled; /* owned */
    union {
        struct {
            Message *message; /* owned; in */
            char
                authority[NODE_NAME_SIZE]; /* node of the session; of a link the neighbour broker */
            bool from_link;
            bool prove;         /* the publisher wants a proof of its acceptance */
            bool clock_doubted; /* of a link nothing is taken for expired */
            /* The CURVE key of the session, judged when it is accepted; "" = surroundings that
             * need none. denied: it was found wanting before, whatever else is wrong with it. */
            char key[CURVE_TEXT_SIZE];
            bool denied;
            SignatureState signature;
            KeyId signer;         /* in, of a signature that is good: which key of the sender */
            PublishResult result; /* out */
            bool counted;         /* out: the link's count of messages taken over rose */
            QueueId overrun; /* out: a subscription that ran over its quota with this message; 0 =
                                none */
            Directory *directory; /* out: owned reference on the snapshot that this message (M70,
                                     KEY_REQUEST) made; NULL = none */
            struct KeyWish {      /* out, of a KEY_REQUEST that ends here */
                bool told;
                KeyVerdict verdict;
                KeyAct act;
                char node[NODE_NAME_SIZE], label[LABEL_SIZE], by[NODE_NAME_SIZE];
            } wish;
        } accept;
        struct {
            DeliveryRow row; /* in: identity; for PARK also what to write */
            QueueKind queue_kind;
            DeliveryAction action;
            ReceiptCause cause;
            char detail[REASON_TEXT_MAX + 1];
            bool found; /* out: the row was there */
            /* out: DEAD became PARK, the time in the row is when: its reader has too many dead
             * letters. */
            bool held_back;
        } delivery;
        struct {
            QueueId queue;
            Lane lane;
            int64_t after_seq; /* rows with seq > after_seq */
            uint32_t limit;    /* at most so many rows */
            uint32_t n;        /* out */
            DeliveryRow *rows; /* out, owned */
            bool end;          /* out: nothing behind the last row */
        } load;
        struct {
            QueueId queue;
            int64_t order_key;
            bool found; /* out */
            DeliveryRow row;
        } next_;
        struct {
            uint32_t n;
            struct BodyWanted {
                DeliveryRow row;      /* in */
                QueueKind queue_kind; /* in */
                Body *body;           /* out, owned; NULL = missing or damaged */
                bool damaged;         /* out: the checksum does not match: never hand it out */
                Recipient recipient; /* out: whose copy this is (mailbox, receipts, subscription) */
                Forward *forward;    /* out, owned: link rows */
                uint32_t n_stamps;   /* out */
                HopStamp stamps[STAMPS_MAX];
                int64_t accepted_ms;
                Uuid message_id; /* out */
            } * wanted;          /* owned */
        } bodies;
        struct {
            QueueKind kind;
            char name[NODE_NAME_SIZE + SUBSCRIPTION_SIZE];
            QueueId id;      /* out */
            uint64_t queued; /* out */
        } queue;
        struct {
            bool drop;
            char owner[NODE_NAME_SIZE];
            char name[SUBSCRIPTION_SIZE];
            char key[CURVE_TEXT_SIZE]; /* as in accept */
            Filter *filter; /* owned or NULL; out, unless dropped: that of the subscription */
            enum {
                SUBSCRIPTION_OK = 0,
                SUBSCRIPTION_MISSING,
                SUBSCRIPTION_DIFFERS,
                SUBSCRIPTION_TOO_MANY,
                SUBSCRIPTION_NOT_ALLOWED,  /* by the scope of the node: why */
                SUBSCRIPTION_NO_RIGHT,     /* of the key: why names it */
            } verdict;                     /* out */
            char why[RIGHT_USE_TEXT_SIZE]; /* out */
            QueueId id;
            uint64_t queued;
            bool overrun;
            int64_t overrun_ms;
        } subscription;
        struct {
            QueueId queue; /* in/out cursor; starts at 0,0,0; out: where to go on */
            Lane lane;
            int64_t seq;
            uint32_t limit; /* rows to look at */
            bool end;       /* out: the whole table was seen; cursor is back at the start */
            uint32_t n;     /* out */
            struct SweepHit {
                DeliveryRow row;
                QueueKind queue_kind;
                DeliveryAction action; /* EXPIRE, RECALL, WARN_EXPIRY, WARN_DELAY */
            } * hits;                  /* owned */
        } sweep;
        struct {
            char neighbour[NODE_NAME_SIZE];
            bool up;
            /* out: counters since the link exists */
            QueueId queue;
            LinkProgress progress;
        } link;
        struct {
            uint32_t n_nodes, n_keys, n_regions, n_holidays;
            DirNode *nodes; /* owned */
            DirKey *keys;
            DirRegion *regions;
            DirHoliday *holidays;
            bool replace;   /* drop what is not in the import */
            uint64_t above; /* of SIGN: everything anew, above that version; 0 = the head */
            char by[NODE_NAME_SIZE], note[DIR_NOTE_MAX + 1]; /* in: who asked, and why */
            char node[NODE_NAME_SIZE], label[LABEL_SIZE];    /* of REVOKE; label "" = all keys */
            Directory *directory; /* out: owned reference on the new snapshot, NULL when refused */
            char text[256];       /* out: why refused */
        } import;
        struct {
            char from[NODE_NAME_SIZE]; /* neighbour that sent them */
            uint32_t n;
            DirChange *changes; /* owned */
            bool has_head, unreadable;
            DirHead head;
            const char *why; /* unreadable; static */
            /* out */
            ChangeVerdict verdict; /* of what was refused; those before it are applied */
            uint64_t version;      /* of what was refused */
            char text[160];
            uint32_t n_applied;
            Directory *directory; /* owned reference on the new snapshot; NULL = as it was */
            uint64_t copy_of;     /* a copy of that version is on its way; 0 = none */
            char behind[DIR_NAME_SIZE];
        } take;
        struct {
            uint64_t after, copy_of; /* as in DIRECTORY_WANT */
            TreeHash root;
            char behind[DIR_NAME_SIZE];
            /* out */
            bool has_head;
            DirHead head;
            uint32_t n;
            Bytes *changes; /* owned; in bytes */
            uint8_t *bytes; /* owned */
        } read;
        struct {
            char verb[32]; /* "status", "queues", "trace", "dead-list", "dead-show", "outcome",
                              "node-list", "node-show", "links", "check", "messages", and of the
                              law: "item" and "item-...", "worklist", "due", "report",
                              "unacknowledged" */
            char *args[8]; /* owned */
            uint32_t n_args, limit;
            char authority[NODE_NAME_SIZE]; /* "outcome": only messages of this node; "" = operator
                                             */
            Table *table;                   /* out, owned */
            Table *found;                   /* owned; by the steps before this one */
            DueCursor from, to;             /* of "due"; to: out */
            bool unfinished;                /* out: store_query_goes_on() */
            KeyProofs proofs;               /* out, owned; of "directory-keys" */
            Message *message;               /* owned; of "resolve" */
        } query;
        struct {
            char path[STORE_PATH_SIZE];
            char text[256]; /* out: why not started */
            bool started;   /* out */
        } backup;
        struct {
            enum { DEAD_REQUEUE = 1, DEAD_REDIRECT, DEAD_DISCARD } verb;
            Uuid message_id;
            char recipient[NODE_NAME_SIZE]; /* "" = all dead copies of the message */
            char target[NODE_NAME_SIZE];    /* REDIRECT */
            char reason[REASON_TEXT_MAX + 1];
            char by[NODE_NAME_SIZE];
            uint32_t n_done; /* out */
            char text[256];  /* out: why none */
        } dead;
        struct {
            uint32_t limit; /* at most so many; 64 at most */
            bool more;      /* out: there may be more */
            uint32_t n;     /* out */
            struct DueFired {
                int item_kind, timer, cluster, status;
                uint32_t level;
                bool changed;     /* the timer decided: expiry, closing by silence */
                const char *code; /* static: "R-072" or the timer's name */
                char text[160];   /* what happened and the next step, English */
                char owes[NODE_NAME_SIZE], region[REGION_SIZE];
            } * fired; /* out, owned */
        } due;
        struct {
            uint32_t n;
            LedgerEntry *list;    /* owned */
            PublishResult answer; /* owned; the caller's: what to answer when it is on disk */
        } note;
        struct {
            enum { KEY_ASK = 1, KEY_TOKEN, KEY_HAND_IN, KEY_DECIDE } verb;
            KeyRequest *request; /* owned; of ASK and HAND_IN */
            uint8_t *encoded;    /* owned; the same as it came, of HAND_IN */
            size_t n_encoded;
            Enrolment enrolment; /* in/out; of TOKEN all but the id, else the id */
            bool approve;
            char by[NODE_NAME_SIZE + LABEL_SIZE + 2]; /* who asks; of HAND_IN: from where */
            /* out */
            KeyVerdict verdict; /* of ASK, and of DECIDE when it approves */
            bool sent;          /* ASK: to the hub; else it is in force */
            Uuid message_id;    /* of what was sent there */
            bool done;          /* of all but ASK; if not, text says why */
            bool denied, news;  /* of HAND_IN: for the journal */
            char text[256];
            Directory *directory;   /* owned reference; NULL = as it was */
            Enrolments *enrolments; /* likewise */
        } key;
    };
};

StoreOp *store_op_new(OpKind kind); /* zeroed; NULL when out of memory */
StoreOp *store_op_free(StoreOp *op);
DEFINE_CLEANUP(StoreOp *, store_op_free);
/* Of OP_QUERY that was carried out: true when there is more to look through than one transaction
 * may; then it is ready to be carried out again. Else its table has everything. */
bool store_query_goes_on(StoreOp *op);

/* --- the store ---------------------------------------------------------------------------- */

/* What the files lie on, when that is not the file system: a registered SQLite VFS, and what the
 * store else asks of a disk. Whoever gives it sees to it that one process has it. */
typedef struct StoreDisk {
    const char *vfs;
    void *data;
    /* Makes names of new and deleted files durable. 0 or -errno. */
    int (*sync_folder)(void *data);
    /* 0 or -errno: not known now. */
    int (*space)(void *data, uint64_t *ret_total, uint64_t *ret_free);
    /* Sets so much aside (0: gives it up). 0 or -ENOSPC. */
    int (*reserve)(void *data, uint64_t bytes);
} StoreDisk;

typedef struct StoreConfig {
    const char *path; /* database file; -wal and -shm beside it; a file `path`.lock is flock()ed */
    const char *self; /* node id of this broker; must match a store made before */
    const StoreDisk *disk; /* NULL = the file system; else as long as the store is open */
    bool hub;              /* no parent: what it signs is the directory */
    uint32_t n_hub_keys;   /* below the hub: who signs the directory; 0 = believe imports */
    SignPublic hub_keys[HUB_TOLD_MAX];
    const MessageCodec *codec;
    const DirectoryCodec *directory_codec; /* NULL = nothing of the directory is ever signed */
    AcceptPolicy accept;
    uint32_t page_size;       /* of a new file; 8192 */
    uint64_t free_low_bytes;  /* intake stops below this much free space in the file system; cut
                               * to a sixth of it, and at least 16 MiB or that sixth */
    uint64_t free_high_bytes; /* and starts again above this */
    uint64_t size_high_bytes; /* intake stops above this database size (live pages); 0 = no limit */
    uint64_t size_low_bytes;
    uint64_t ballast_bytes;      /* reserve file, given up when the disk is full */
    uint32_t subscription_quota; /* waiting copies per named subscription */
    uint32_t subscriptions_max;  /* per owner */
    uint32_t sender_quota;       /* waiting deliveries of one sender; 0 = no bound, as the next */
    uint64_t sender_bytes;       /* and their bytes; as many of its dead letters */
    uint32_t mailbox_quota;      /* waiting in one mailbox */
    uint32_t dead_quota;         /* dead letters of one sender */
    uint32_t neighbour_quota;    /* waiting deliveries of what one neighbour brought */
    uint64_t neighbour_bytes;
    const RuleSets *rule_sets;   /* NULL = those of this version; borrowed, as the next two */
    const TimerPolicy *timers;   /* NULL = that of this version */
    const char *register_name;   /* NULL = REGISTER_NAME */
    const RuleFloors *floors;    /* NULL = none: as strict as the law */
    uint32_t pending_items;      /* changed ones that wait for their table; 0 = 8,192 */
    bool items_doubted;          /* they are about to be made again: unreadable ones are no fault */
    int64_t item_retention_ms;   /* final items are forgotten after so long: 1 year */
    int64_t retention_ms;        /* finished messages keep their bytes so long: 30 days */
    int64_t retention_event_ms;  /* 90 days */
    int64_t dedup_ms;            /* 180 days */
    int64_t delay_warning_ms;    /* DELAYED after so long undelivered: 4 hours; 0 = never */
    int64_t ledger_retention_ms; /* countersigned blocks are pruned after so long; 0 = never */
    const SignKey *sign_key;     /* signs what this broker says itself; NULL = unsigned; borrowed */
} StoreConfig;

typedef struct StoreHealth {
    bool unclean;       /* the last stop was not clean: quick_check was run */
    bool intake_closed; /* above a high-water mark */
    uint64_t free_bytes, size_bytes, wal_frames;
    uint64_t commits, messages;
    uint64_t bad_pages; /* of the file, that do not match their checksums, found so far */
    uint32_t bad_page;  /* the last of them */
    uint32_t backups;   /* begun since the start */
    int64_t ledger_cut; /* at the start: blocks that are missing at the end of the ledger */
    int64_t noted_ms;   /* likewise: when it was last written to; 0 = never */
    char fault[160];    /* what SQLite said about the last fault */
} StoreHealth;

/* Opens or creates. Verifies journal_mode=wal, synchronous=2, mmap_size=0, cell_size_check;
 * migrates forward; runs quick_check after an unclean stop (progress, if given, is called now and
 * then so that the caller can ask systemd for more time). Returns 0, or with `why` filled: -EBUSY
 * another process has it, -EPROTO file of a newer version or another broker, -EUCLEAN damaged (the
 * file is left as it is), -EACCES, -ENOSPC, -EIO, -ENOMEM. Never creates a file over one it cannot
 * read. */
_must_check_ int store_open(Store **ret, const StoreConfig *config, void (*progress)(void *),
                            void *progress_data, char why[static 256]);
/* Marks the stop as clean and closes. */
Store *store_close(Store *s);
DEFINE_CLEANUP(Store *, store_close);

/* Carries out the list in order as one transaction. Returns 0; -ENOSPC when there was not even room
 * for what is no intake (nothing was done: try the same list again later); or another negative
 * errno (stop!). */
_must_check_ int store_run(Store *s, StoreOp *list, int64_t now_ms);
/* store_run() in its three parts, for who carries out the next batch while this one is synced.
 * store_write(): as store_run(), but the sync is owed, and the log is left as long as it is.
 * Nothing of the list may be told before a store_sync() that came after it returned 0, a list that
 * only reads included: it may have read what is not synced. */
_must_check_ int store_write(Store *s, StoreOp *list, int64_t now_ms);
/* Makes the sync that is owed, or waits for it. In any one thread, while another is at work with
 * the store: that one waits for this before it writes. Returns 0 or -EIO (stop!). */
_must_check_ int store_sync(Store *s);
/* Copies a long log into the database, which takes milliseconds. Returns 0 or a negative errno. */
_must_check_ int store_trim(Store *s);
/* Is it long enough? */
bool store_log_is_long(const Store *s);
/* The same beside work, by a thread with a Copier (copier.h). Returns true when it is worth while
 * and there is room for it; then nobody else copies and the log only grows until store_copy_end()
 * is told what copier_run() said. Returns 0 or a negative errno (stop!). */
bool store_copy_begin(Store *s);
_must_check_ int store_copy_end(Store *s, const Copied *copied);
/* Housekeeping when there is nothing else to do: checkpoint, a backup step, a bounded purge,
 * incremental vacuum, water marks. *ret_more: call again soon. Returns 0 or a negative errno. */
_must_check_ int store_idle(Store *s, int64_t now_ms, bool *ret_more);
/* A new reference on the current directory snapshot (an empty one in a new store). */
Directory *store_directory(Store *s);
/* Tokens that may be used. A new reference; NULL when out of memory. */
Enrolments *store_enrolments(Store *s);
const StoreHealth *store_health(Store *s);
/* State of the last backup: 0 none, 1 running, 2 done, negative errno; text says more. */
int store_backup_state(Store *s, char ret_text[static 256]);
