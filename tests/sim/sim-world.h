/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the modules of the simulation share. Reading order: sim.c (the loop), sim-setup.c and
 * sim-parcels.c with sim-story.c (the world from its seed), sim-net.c (connections), sim-broker.c,
 * sim-client.c with sim-consume.c, sim-move.c, sim-fault.c (the list of faults), sim-check.c and
 * sim-law.c (the judges).
 */

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "broker/broker.h"
#include "history/history.h"
#include "sim/dice.h"
#include "sim/disk.h"
#include "sim/sim.h"
#include "store/store.h"
#include "wire/codec.h"

#define BROKERS_MAX    16U
#define CLIENTS_MAX    64U /* sessions; a node may have two */
#define CASES_MAX      8U
#define RECIPIENTS     40U                      /* of one item at most */
#define START_MS       (INT64_C(1767225600000)) /* 2026-01-01 */
#define CHANNEL_MAIL   1U
#define CHANNEL_TOLD   2U /* receipts */
#define CHANNEL_COPIES 3U /* a named subscription */
#define CHANNELS       4U

typedef struct World World;

/* --- time (sim-events.c) --- */

typedef enum EventKind {
    EVENT_FLOW = 1, /* the head of a flow may arrive */
    EVENT_DIAL,     /* of a connection */
    EVENT_CUT,      /* a connection falls, both ends know */
    EVENT_RESET,    /* an uplink that its broker gave up */
    EVENT_TICK,     /* of a broker */
    EVENT_START,    /* of a broker that was down */
    EVENT_RUN,      /* its batch goes to the store */
    EVENT_DONE,     /* it is carried out, and is synced now */
    EVENT_TELL,     /* its results come back */
    EVENT_IDLE,     /* housekeeping of its store */
    EVENT_OPERATOR, /* somebody looks after its dead letters */
    EVENT_CLIENT,   /* a client has something to do */
    EVENT_FAULT,
    EVENT_FAULT_END,
    EVENT_MOVE, /* of a node to another broker */
} EventKind;

typedef struct Happening {
    int64_t at_ms;
    uint64_t order;
    EventKind kind;
    unsigned index;
    uint64_t token; /* compared with that of the thing when it comes: a later word counts */
} Happening;

typedef struct Agenda { /* a heap */
    Happening *list;
    size_t n, room;
    uint64_t order;
} Agenda;

void agenda_add(Agenda *a, int64_t at_ms, EventKind kind, unsigned index, uint64_t token);
bool agenda_take(Agenda *a, Happening *ret);
void agenda_deinit(Agenda *a);

/* --- the network (sim-net.c) --- */

typedef struct Packet {
    struct Packet *next;
    int64_t sent_ms, at_ms;
    unsigned n_parts;
    size_t size[PARTS_MAX];
    uint8_t *part[PARTS_MAX]; /* into bytes */
    uint8_t bytes[];
} Packet;

typedef enum Way { WAY_UP = 0, WAY_DOWN = 1 } Way; /* up: from the one who dials */

typedef struct Flow { /* one way of a connection: packets keep their order */
    Packet *head, *tail;
    unsigned n;
    int64_t last_ms, free_ms;
    bool lost; /* what is sent vanishes */
    bool due;  /* an event for its head is on the agenda */
} Flow;

typedef struct Pipe { /* one life of a connection; each end may still believe in it */
    uint32_t epoch;
    unsigned listener;
    bool listener_up;
    int64_t fades_ms; /* the listener notices then that nobody is there */
    Flow flow[2];
    struct Pipe *next;
} Pipe;

/* Who dials whom; index = connection number. Clients first, then child brokers. */
typedef struct Conn {
    bool is_client;
    unsigned dialler, listener;
    uint32_t next_epoch;
    Pipe *pipes;
    Pipe *now; /* what the dialler uses; NULL = it has none */
    uint64_t dial_token;
    int64_t blocked_ms;                          /* cannot be dialled before */
    int64_t stalled_ms[2];                       /* nothing arrives before */
    int64_t slow_ms;                             /* a narrow line until then */
    unsigned latency_ms, jitter_ms, limit, rate; /* packets in a flow; bytes a ms, 0 = any */
    Dice dice;
} Conn;

/* --- the parties --- */

typedef struct SimBroker {
    char name[NODE_NAME_SIZE];
    unsigned parent; /* of all but the first */
    char province[3];
    Broker *broker; /* NULL while it is down */
    Store *store;
    Disk *disk;
    StoreOp *batch;
    bool batch_ran;
    StoreOp *unsynced;   /* the batch before it: being synced, or synced and not told */
    bool planned;        /* a batch is about to be taken */
    uint64_t generation; /* rises with each start and stop: tokens of its events */
    int64_t wall_off_ms, drift_ppm;
    bool ruined; /* the store cannot be opened any more */
    struct {     /* the operator's, about a dead letter */
        Dice dice;
        char id[UUID_TEXT_SIZE], recipient[NODE_NAME_SIZE];
        const char *verb, *target; /* target: whom it is redirected to */
        Uuid asked;                /* a redirection that is not answered yet */
        const char *asked_for;
        uint64_t asked_in; /* that life of the broker */
    } order;
    Dice dice;
    World *world;
} SimBroker;

typedef enum ParcelKind { PARCEL_CASE = 0, PARCEL_EVENT, PARCEL_RECALL, PARCEL_STORY } ParcelKind;

typedef struct Parcel { /* one message of a publisher */
    Uuid id;
    ParcelKind kind;
    unsigned client, cas;
    unsigned number; /* position within its case */
    Uuid order_key;
    unsigned char to[RECIPIENTS]; /* nodes, by index */
    unsigned n_to, n_instead;     /* of these the last ones: an operator redirected it to them */
    bool accepted, refused;
    bool in_doubt;  /* sent, and not answered */
    bool withdrawn; /* there is an order to withdraw it */
    bool conflict;  /* other bytes under this id were tried */
    ReceiptPolicy receipts;
    int urgency;
    char region[REGION_SIZE];
    int64_t expires_ms;         /* 0 = no sooner than the default */
    int64_t again_ms;           /* not before: LATER was said */
    int64_t sent_ms;            /* first */
    Uuid recalled;              /* nil, or this is the order to withdraw that one */
    const struct Parcel *story; /* its first step; NULL = of none */
    const struct Parcel *after; /* said when that one was heard; NULL = at any time */
    bool delicate;              /* of a complaint: not everybody may have a copy */
    bool heard;                 /* some recipient has it */
    bool forged;                /* what was sent last is not signed as it has to be */
    SignatureBytes signature;   /* n == 0: its sender does not sign */
    uint8_t *envelope, *facts, *sealed;
    size_t n_envelope, n_facts, n_sealed;
    uint64_t sum;
    UT_hash_handle hh;
} Parcel;

typedef struct Held { /* a delivery a consumer works on */
    uint32_t channel;
    uint64_t tag;
    Uuid id;      /* of the message or the receipt */
    Parcel *item; /* NULL: a receipt */
    int64_t until_ms;
    SettleAction said; /* 0 while it is worked on; then until SETTLED */
    bool suspect;
    uint32_t attempt;
    struct Held *prev, *next;
} Held;

typedef struct Mood { /* how a consumer treats deliveries, in 1000 */
    unsigned retry, reject, permanent, extend, forget, leave;
    unsigned work_ms;
    unsigned batch;  /* settlements said at once */
    unsigned credit; /* messages */
} Mood;

typedef struct Copies { /* a named subscription */
    bool wanted, made;  /* made: SUBSCRIBED was read once */
    int64_t made_ms;
    Filter filter;
    bool overrun;
} Copies;

typedef struct SimClient {
    char name[NODE_NAME_SIZE];    /* of the node */
    char who[NODE_NAME_SIZE + 4]; /* the program */
    char region[REGION_SIZE];
    unsigned broker;
    unsigned node; /* itself, or of whom it is a second consumer */
    Uuid instance;
    bool greeting, open;
    int64_t heard_ms, said_ms, ping_ms, hello_ms;
    int64_t joins_ms; /* not before */
    Parcel **items;
    unsigned n_items, n_done, unanswered, window;
    int64_t next_publish_ms, pace_ms;
    Mood mood;
    Held *held;
    Copies copies;
    uint64_t token;
    int64_t wake_ms;
    Dice dice, forgery;
} SimClient;

typedef struct Copy { /* of an item, for the owner of a named subscription */
    struct {
        Uuid id;
        unsigned client;
    } key;
    bool settled;
    UT_hash_handle hh;
} Copy;

typedef struct Told {
    Uuid id;
    UT_hash_handle hh;
} Told;

typedef struct SimFault {
    int64_t at_ms, end_ms;
    unsigned kind, broker;
    int64_t was_ms; /* the clock, before it was set */
    Dice dice;
} SimFault;

typedef enum Signing {
    SIGNING_NONE = 0,
    SIGNING_SOME, /* every other node */
    SIGNING_ALL,  /* and what is unsigned is refused */
} Signing;

typedef struct Profile { /* of a world, all from its seed */
    unsigned regionals, clients_per_broker, messages, cases;
    unsigned n_faults;
    int64_t faults_ms; /* they begin within that time */
    uint32_t page_size, quota, neighbour_quota;
    int64_t retention_ms;
    BrokerConfig broker;
    DiskQuality disk;
    unsigned size_facts, size_sealed;
    unsigned expiring_of_100, recalls_of_100, events_of_100; /* of the messages */
    unsigned stories;                                        /* sim-story.c */
    bool quick_timers;                                       /* of the law: after a minute */
    uint32_t pending_items;
    Signing signing;
    unsigned gather_ms;    /* batches wait up to so long for more */
    unsigned power_of_100; /* of the deaths are power cuts */
} Profile;

struct World {
    const SimConfig *config;
    SimReport *report;
    Profile profile;
    Dice dice;
    Agenda agenda;
    int64_t now_ms;
    int64_t calm_ms;   /* no fault and no bad mood any more */
    int64_t far_ms;    /* how far any wall clock was off at most */
    int64_t flight_ms; /* longest a frame was on its way */
    SimBroker brokers[BROKERS_MAX];
    unsigned n_brokers;
    SimClient clients[CLIENTS_MAX];
    /* The first clients are one for each node, of these the last ones for the brokers' own nodes.
     */
    unsigned n_nodes, n_clients;
    Conn conns[CLIENTS_MAX + BROKERS_MAX];
    unsigned n_conns;
    Parcel *items;
    Copy *copies;
    Told *told; /* notices of brokers that were delivered */
    SimFault faults[SIM_FAULTS_MAX];
    unsigned n_faults, faults_left;
    History *history;
    uint64_t hash;
    SignKey hub_key; /* signs the directory */
    SignKey broker_keys[BROKERS_MAX], node_keys[CLIENTS_MAX];
    unsigned n_edits; /* of it, so far */
    struct {          /* sim-move.c */
        bool any;
        unsigned node, to, left; /* to: its broker, or the one it is about to have */
        Dice dice;
    } mover;
};

typedef struct Route { /* of a connection, as brokers are given it */
    uint8_t zero;
    uint8_t conn;
    uint8_t epoch[4];
} Route;

enum { /* kinds of dice */
       DICE_PROFILE = 1,
       DICE_CLIENT,
       DICE_ITEMS,
       DICE_CONN,
       DICE_BROKER,
       DICE_FAULT,
       DICE_RANDOM,
       DICE_STORY,
       DICE_SIGN,
       DICE_MOVE,
};

static inline Now now_of(const World *w, const SimBroker *sb) {
    int64_t wall = START_MS + w->now_ms;
    if (sb)
        wall += sb->wall_off_ms + w->now_ms * sb->drift_ppm / 1000000;
    return (Now) { .wall_ms = wall, .mono_ms = w->now_ms };
}

static inline bool is_calm(const World *w) {
    return w->now_ms >= w->calm_ms;
}

static inline void client_key(unsigned client, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "client%034u", client);
}

static inline void broker_key(unsigned broker, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "broker%034u", broker);
}

/* --- a node that moves (sim-move.c) --- */

void move_draw(World *w);
bool move_is_of(const World *w, unsigned node);
void move_event(World *w, const Happening *e);

/* Into the history; trouble with it ends the run. */
#define TELL(w, ...) world_tell((w), &(HistoryEvent) { .at_us = (w)->now_ms * 1000, __VA_ARGS__ })
void world_tell(World *w, const HistoryEvent *e);
/* Into the story (--verbose) and, always, the running hash. */
_printf_(3, 4) void world_note(World *w, const char *who, const char *format, ...);
/* The same, and something is wrong. */
_printf_(2, 3) void world_wrong(World *w, const char *format, ...);

/* --- sim-setup.c, sim-parcels.c, sim-story.c --- */
void world_draw(World *w);
void world_set_up(World *w);
void world_tear_down(World *w);
void parcels_make(World *w, SimClient *c);
Envelope parcel_envelope(const SimClient *c, const Parcel *i);
/* Everybody in the scope is a recipient. */
void parcel_expand_scope(const World *w, Parcel *i, const char *scope);
/* Its facts and its sealed part are there: writes the envelope, and the world knows it. */
void parcel_finish(World *w, Parcel *i, Envelope *e);
/* More parcels, among those that the clients have. */
void stories_make(World *w);
bool story_may_go_on(const World *w, const Parcel *i);
extern const TimerPolicy story_quick_timers;
Parcel *parcel_find(World *w, const Uuid *id);
void parcel_free(World *w, Parcel *i);
/* Is node index n among its recipients? */
bool parcel_is_for(const Parcel *i, unsigned n);
/* Of a story only its own recipients are judged; the law may order copies for others. */
bool parcel_names(const World *w, const Parcel *i, const char *node);

/* --- sim-sign.c --- */
void sign_set_up(World *w);
const SignKey *sign_key_of_broker(const World *w, unsigned broker); /* NULL: it signs nothing */
const SignKey *sign_key_of_node(const World *w, unsigned node);
void sign_parcels(World *w, SimClient *c);
/* True: to be sent with that instead, which every broker has to refuse. */
bool sign_forge(World *w, SimClient *c, const Parcel *i, SignatureBytes *ret);
void sign_check(World *w, const SimClient *c, const Frame *f, const Parcel *i);

/* --- sim-net.c --- */
/* -EAGAIN: no room now, or (up) no connection; -EHOSTUNREACH (down): nobody there. */
int net_send_up(World *w, unsigned conn, const Bytes *parts, unsigned n);
int net_send_down(World *w, unsigned conn, uint32_t epoch, const Bytes *parts, unsigned n);
typedef enum NetCut {
    NET_CUT_SEEN,    /* both ends know at once */
    NET_CUT_DIALLER, /* the dialler knows, the listener not yet */
    NET_CUT_SILENT,  /* neither knows: nothing arrives any more */
} NetCut;
void net_cut(World *w, unsigned conn, NetCut how);
/* The machine at one end is gone or its process died. */
void net_broker_gone(World *w, unsigned broker, NetCut how);
void net_dial_at(World *w, unsigned conn, int64_t at_ms);
void net_event(World *w, const Happening *e);
unsigned net_conn_of_broker(const World *w, unsigned broker); /* its uplink */
void net_deinit(Conn *c);

/* --- sim-broker.c --- */
void sim_broker_start(World *w, SimBroker *sb);
/* The process dies, or its machine loses power. */
void sim_broker_die(World *w, SimBroker *sb, DiskTrouble how);
/* In order, as at SIGTERM. */
void sim_broker_stop(World *w, SimBroker *sb);
/* A message for it; false: it takes none now. */
bool sim_broker_take(World *w, SimBroker *sb, const PeerMessage *m);
/* After anything was done with it: does its store get something to do? */
void sim_broker_feed(World *w, SimBroker *sb);
void sim_broker_event(World *w, const Happening *e);
void sim_broker_config(const World *w, const SimBroker *sb, StoreConfig *ret);
/* One operation outside of any session; the caller owns op. */
void sim_broker_ask(World *w, SimBroker *sb, StoreOp *op);

/* --- sim-operator.c --- */
/* Asks for the dead letters, and does something about one of them. */
void operator_asks(World *w, SimBroker *sb, Dice dice);
void operator_hears(World *w, SimBroker *sb, Bytes frame);
void operator_acts(World *w, SimBroker *sb);
/* At the hub: changes something of the directory. */
void operator_edits(World *w, Dice dice);
void operator_moves(World *w, const char *node, const char *home);

/* --- sim-client.c, sim-consume.c --- */
void client_say(World *w, SimClient *c, const Frame *f, const Bytes *parts, unsigned n_parts);
void client_connected(World *w, SimClient *c);
/* Its session is gone: it holds nothing, and sends again what was not answered. */
void client_lost(World *w, SimClient *c);
void client_receive(World *w, SimClient *c, const Packet *p);
void client_event(World *w, SimClient *c);
void client_wake(World *w, SimClient *c, int64_t at_ms);
void client_free(World *w, SimClient *c);
void consume_open(World *w, SimClient *c);
void consume_delivery(World *w, SimClient *c, const Frame *f, const Packet *p);
void consume_settled(World *w, SimClient *c, const Frame *f);
void consume_subscribed(World *w, SimClient *c, const Frame *f);
/* Settles what is ready; the next time it wants to be woken. */
int64_t consume_work(World *w, SimClient *c);
void consume_drop(World *w, SimClient *c);
/* An operator gave it new attempts: what came before counts no more. */
void consume_requeued(World *w, const Uuid *id);
/* Was it a notice of a broker? */
bool notice_was_told(const World *w, const Uuid *id);
/* The owner of a named subscription had its copy, or it is a dead letter. */
void copy_note(World *w, const SimClient *c, const Uuid *id);

/* --- sim-fault.c --- */
void faults_draw(World *w);
void fault_event(World *w, const Happening *e);
const char *fault_name(unsigned kind);

/* --- sim-check.c --- */
/* Is everything answered, collected and told? */
bool world_is_done(World *w, bool tell);
/* At the end, with all brokers up. */
void world_check(World *w);
/* Is a dead letter one that the judge of the history knows of? */
bool dead_is_judged(World *w, const Uuid *id, const char *recipient);

/* --- sim-law.c --- */
/* At the very end: are the items what the acts make of them? Closes the stores. */
void law_check(World *w);

/* --- sim-ledger.c --- */
void ledgers_check(World *w);
