/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * serasid: what its files share. The main thread is the router thread; it owns the Daemon and every
 * socket in it. Besides it there are the store thread, the verify thread, the notify thread, the
 * log thread (base/log) and the Zap thread (net/zap); they meet the router thread in their own
 * objects only.
 */

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/times.h"
#include "broker/broker.h"
#include "core/gather.h"
#include "core/spin.h"
#include "daemon/config.h"
#include "daemon/serasid-awake.h"
#include "daemon/serasid-notify.h"
#include "daemon/serasid-store.h"
#include "daemon/serasid-verify.h"
#include "net/doors.h"
#include "net/keys.h"
#include "net/servers-file.h"
#include "net/sock.h"
#include "net/zap.h"

#define LOOP_DRAIN_MAX        256           /* messages of one socket in one turn */
#define LOOP_DRAIN_BYTES      (1024 * 1024) /* and bytes: it takes about 2 ms to read so much */
#define LOOP_DRAIN_US         1000 /* and time: somebody waits for what the store finished meanwhile */
#define LOOP_DRAIN_PRESSED_US 250 /* broker_is_pressed() */
#define LOOP_WAIT_MS          500 /* longest sleep: the watchdog wants to see the loop turn */
#define LOOP_WAIT_SHORT_MS    50  /* while connections take many descriptors */
#define PEERS_LOOK_MS         100

/* The connection to the parent broker; serasid-uplink.c. */
typedef struct Uplink {
    Sock *sock; /* NULL: no parent, or waiting for retry_mono_ms */
    bool connected, reset_wanted;
    uint32_t refusals, failures; /* one after the other */
    int64_t retry_mono_ms;       /* make a new socket then; 0 = nothing planned */
    Servers servers;             /* the first is that of the configuration */
    uint32_t at;                 /* which of them is dialled */
    bool worked;                 /* there was a session with it */
} Uplink;

/* The connections of peers; serasid-peers.c. */
typedef struct Peers {
    Doors *doors;
    DoorCounts cut; /* and who waited; not told yet */
    int64_t told_mono_ms, told_waited_mono_ms, look_mono_ms;
} Peers;

typedef struct Daemon {
    Config *config;
    NodeKeys keys;
    NodeKeys next_keys; /* of the second endpoint; all zero = there is none */
    Beats beats;
    Log *log;
    Notify *notify;
    StoreConfig store_config;
    char store_path[CONFIG_PATH_SIZE];
    StoreThread *store;
    VerifyThread *verify;
    Gather gather;
    Spin spin;
    Awake awake;
    long processors;
    bool answered;        /* the store finished several since the loop last might have slept */
    Directory *directory; /* as of the start; later ones go from the broker to Zap */
    void *zmq;
    Zap *zap;
    Sock *clients, *admin; /* admin is NULL while descriptors are scarce */
    char admin_endpoint[CONFIG_PATH_SIZE + 8];
    int admin_fd; /* copy of what systemd handed over, -1 = none */
    Uplink uplink;
    Peers peers;
    Broker *broker;
    int signal_fd;
    bool stopping;
    atomic_bool testing; /* the self-test runs: its stranger is no news. Zap reads it */
    int64_t status_mono_ms;
    bool signalled;        /* signal_fd was readable */
    int64_t wait_ms;       /* longest sleep of the loop */
    int64_t guard_mono_ms; /* when the descriptors are counted next */
    StoreReport told;      /* what the journal was last told about the store */
    uint32_t descriptors;  /* soft limit on open files */
} Daemon;

/* Start and stop, serasid-start.c. Each returns 0 or an exit status, having said why. */
_must_check_ int daemon_start(Daemon *d, const char *config_file);
/* status: why it stops; returns the exit status, worse when stopping failed. */
_must_check_ int daemon_stop(Daemon *d, int status);
/* Says on stderr why the start failed and what to do about it. */
_printf_(1, 2) void daemon_complain(const char *format, ...);

#define DAEMON_KEY_CREDENTIAL      "serasid.key"
#define DAEMON_NEXT_KEY_CREDENTIAL "serasid.next-key"
/* The credential of that name, else the file. Returns 0 or, after it complained, an exit status. */
_must_check_ int daemon_load_keys(NodeKeys *ret, const char *credential, const char *file);
/* Ends the process with `status` after so many ms unless it has ended by itself. */
void daemon_set_deadline(int64_t ms, int status);
_printf_(3, 4) void daemon_log(Daemon *d, LogEvent event, const char *format, ...);
/* Broker settings out of the configuration, within what the descriptor limit allows. */
void daemon_broker_config(Daemon *d, BrokerConfig *ret);
void daemon_sock_options(const Daemon *d, SockOptions *ret);

/* Sockets and their self-test, serasid-sockets.c. 0 or an exit status. */
_must_check_ int sockets_open(Daemon *d);
void sockets_close(Daemon *d);
/* Once a turn: libzmq aborts when a local socket cannot accept for want of a descriptor, so that
 * listener goes before the last one is taken, and comes back. Returns the longest sleep, in ms. */
int64_t sockets_guard(Daemon *d);

/* serasid-uplink.c. They return 0 or -ENOMEM. */
_must_check_ int uplink_open(Daemon *d, Now now);
_must_check_ int uplink_turn(Daemon *d, Now now);
int64_t uplink_due_ms(const Daemon *d); /* monotonic; INT64_MAX = never */
void uplink_close(Daemon *d);
/* The parent said where else it is found. */
void uplink_learn(Daemon *d, const Servers *l);

/* serasid-peers.c */
_must_check_ int peers_open(Daemon *d); /* of d->clients, before it is bound. -errno */
void peers_close(Daemon *d);
void peers_reconfigure(Daemon *d);
_must_check_ int peers_turn(Daemon *d, Now now); /* 0 or -ENOMEM */
void peers_look(Daemon *d, Now now);             /* when their sockets were read */
void peers_session(Daemon *d, BrokerPort port, Bytes route, bool open);
void peers_cut(Daemon *d, BrokerPort port, Bytes route);
bool peers_address(Daemon *d, BrokerPort port, Bytes route, char *ret, size_t size);

/* The broker's view of all this, serasid-io.c. */
void io_fill(Daemon *d, BrokerIo *ret);

/* serasid-upgrade.c: the exit status. */
int check_upgrade(const char *file);

/* serasid-reload.c: table may be NULL. */
void reload(Daemon *d, Table *table);

/* serasid-loop.c: returns the exit status. */
int loop_run(Daemon *d);
/* Signatures wait, and more will be read first: the other thread may begin. */
void loop_begin_checks(Daemon *d);
/* Without reading sockets, until nothing waits for the store or the time is up. */
int loop_drain(Daemon *d, int64_t ms);
