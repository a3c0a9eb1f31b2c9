/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Start and stop in their order. READY is said when the store is recovered, the sockets are bound
 * and the self-test has passed; nothing a peer sends is read before. Stopping goes the other way
 * round, with a deadline: systemd should never have to kill us.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "daemon/serasid.h"
#include "wire/codec.h"

#define STOP_DEADLINE_MS (9 * SECOND_MS)
#define STOP_DRAIN_MS    (3 * SECOND_MS)
#define STOP_FLUSH_MS    100 /* for the last frames to leave libzmq */

#define DESCRIPTORS_AT_ONCE 65536U /* in the kernel's table from the start: 8 bytes each */

/* --- words --- */

void daemon_complain(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fputs("serasid: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

void daemon_log(Daemon *d, LogEvent event, const char *format, ...) {
    LogRecord r = { .event = event };
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(r.text, sizeof(r.text), format, ap);
    va_end(ap);
    log_submit(d->log, &r);
}

/* --- the process --- */

/* No core files: they would hold keys and people's matters. A pipe in core_pattern ignores the
 * limit, hence prctl. */
static void forbid_core_files(void) {
    const struct rlimit none = { 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* its leak check attaches to the process */
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

static void raise_descriptor_limit(Daemon *d) {
    struct rlimit limit = { .rlim_cur = 1024, .rlim_max = 1024 };
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    d->descriptors = (uint32_t)MIN(limit.rlim_cur, (rlim_t)1048576);
}

/* The kernel's table of them grows when it is full, and in a process with threads nobody who opens
 * or accepts anything goes on until all processors were seen (10 to 30 ms, expand_fdtable() in
 * Linux): those who connect would hold up those who are served. It never shrinks. */
static void make_room_for_descriptors(const Daemon *d) {
    const int last = (int)MIN(d->descriptors, (uint32_t)DESCRIPTORS_AT_ONCE) - 1;
    const int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, last);
    if (fd >= 0)
        (void)close(fd);
}

/* Blocked before any thread starts: they all inherit that, and the signalfd gets them. */
static int take_signals(Daemon *d) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -errno;
    d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return d->signal_fd < 0 ? -errno : 0;
}

typedef struct Deadline {
    int64_t ms;
    int status;
} Deadline;

static void *deadline_main(void *data) {
    Deadline w = *(Deadline *)data;
    free(data);
    (void)poll(NULL, 0, (int)w.ms);
    _exit(w.status);
}

void daemon_set_deadline(int64_t ms, int status) {
    pthread_t thread;
    Deadline *w = malloc(sizeof(*w));
    if (!w)
        return;
    *w = (Deadline) { .ms = ms, .status = status };
    if (pthread_create(&thread, NULL, deadline_main, w) != 0)
        free(w); /* then systemd has to do it */
    else
        (void)pthread_detach(thread);
}

/* --- configuration and keys --- */

static int load_config(Daemon *d, const char *file) {
    _cleanup_(buf_deinit) Buf complaints = { 0 };
    int r = config_load(&d->config, file, &complaints);
    if (r < 0) {
        const char *text = buf_text(&complaints);
        fprintf(stderr, "%s", text ? text : "out of memory\n");
        daemon_complain("the configuration is not usable; see serasid.conf(5) and try "
                        "`serasid --check`");
        return EX_CONFIG;
    }
    if (d->config->role == ROLE_CLIENT) {
        daemon_complain("%s is the configuration of a client (role = client), not of a broker.\n"
                        "Use it with serasictl --dir %s",
                        d->config->file, d->config->folder);
        return EX_CONFIG;
    }
    return 0;
}

int daemon_load_keys(NodeKeys *ret, const char *credential, const char *file) {
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[CONFIG_PATH_SIZE] = "";
    int r = -ENOENT;
    if (folder && snprintf(path, sizeof(path), "%s/%s", folder, credential) < (int)sizeof(path))
        r = keys_load(ret, path);
    if (r == -ENOENT) {
        (void)snprintf(path, sizeof(path), "%s", file);
        r = keys_load(ret, path);
    }
    if (r == 0)
        return 0;
    daemon_complain("key file %s: %s.\n%s", path,
                    r == -EBADMSG  ? "is not a key file, or it is damaged"
                    : r == -EACCES ? "may not be read, or others may read it too"
                                   : strerror(-r),
                    r == -ENOENT   ? "Restore it from your backup; of a new broker: serasictl "
                                     "keygen FILE"
                    : r == -EACCES ? "It must belong to the user serasid runs as, mode 0600"
                                   : "Restore it from your backup; new keys must be made known to "
                                     "the parent and to every client");
    return EX_CONFIG;
}

/* Under systemd, stderr is a stream to the journal: then the journal can be spoken to directly. */
static bool log_goes_to_journal(const Config *c) {
    unsigned long long device = 0, inode = 0;
    struct stat st;
    const char *stream = getenv("JOURNAL_STREAM");
    if (c->log_target != LOG_TARGET_AUTO)
        return c->log_target == LOG_TARGET_JOURNAL;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void daemon_sock_options(const Daemon *d, SockOptions *ret) {
    const Config *c = d->config;
    *ret = (SockOptions) {
        .handshake_ms = (int)c->handshake_ms,
        .heartbeat_ms = (int)c->heartbeat_ms,
        .heartbeat_timeout_ms = (int)c->heartbeat_timeout_ms,
        .heartbeat_ttl_ms = (int)c->heartbeat_ttl_ms,
        .hwm = (int)c->high_water,
        .reconnect_ms = (int)c->reconnect_first_ms,
        .reconnect_max_ms = (int)c->reconnect_cap_ms,
        .connect_ms = (int)c->connect_ms,
        .tcp_maxrt_ms = (int)c->tcp_timeout_ms,
        .backlog = (int)c->backlog,
    };
}

/* What it says of itself, and by which of its keys the parent is dialled. */
static void tell_servers(const Daemon *d, BrokerConfig *ret) {
    const Uplink *u = &d->uplink;
    Server next = { 0 };
    if (u->servers.n > 0)
        (void)text_copy(ret->parent_key, sizeof(ret->parent_key), u->servers.list[u->at].key);
    if (d->config->next_endpoint[0] == '\0')
        return;
    (void)text_copy(next.endpoint, sizeof(next.endpoint), d->config->next_endpoint);
    (void)text_copy(next.key, sizeof(next.key), d->next_keys.curve_public);
    (void)servers_add(&ret->servers, &next);
}

/* Each session costs a descriptor; a fifth stays free for connections that are no session yet. */
void daemon_broker_config(Daemon *d, BrokerConfig *ret) {
    uint32_t used = 16; /* for files that come and go */
    DIR *list = opendir("/proc/self/fd");
    while (list && readdir(list))
        used++;
    if (list)
        closedir(list);
    uint32_t left = d->descriptors > used ? d->descriptors - used : 1;
    uint32_t room = MAX(left / 10 * 8 + left % 10 * 8 / 10, 1U);
    config_fill_broker(d->config, ret);
    tell_servers(d, ret);
    if (ret->sessions_max <= room)
        return;
    daemon_log(d, LOG_EVENT_CONFIG_REFUSED,
               "sessions = %u is more than %u open files allow; using %u. Raise LimitNOFILE",
               ret->sessions_max, d->descriptors, room);
    ret->sessions_max = room;
}

/* --- the store --- */

static int explain_store(Daemon *d, int r, const char *why) {
    const char *next = "See the journal of the disk, and `serasictl check`";
    int status = EX_IOERR;
    if (r == -EBUSY) {
        next = "Another serasid (or serasictl) has it open: stop that one first";
        status = EX_TEMPFAIL;
    } else if (r == -EPROTO) {
        next = "It belongs to another broker or a newer serasid: check [node] id and data-dir, or "
               "install the newer version";
        status = EX_CONFIG;
    } else if (r == -EACCES) {
        next = "The data folder and all files in it must belong to the user serasid runs as, "
               "mode 0700 and 0600";
        status = EX_CONFIG;
    } else if (r == -ENOSPC) {
        next = "Make room in its file system";
    } else if (r == -EUCLEAN) {
        next = "The files were left as they are. See SALVAGE in serasictl(1), or restore a backup";
        status = EX_DATAERR;
    } else if (r == -ENOMEM) {
        next = "Not enough memory";
        status = EX_SOFTWARE;
    }
    daemon_log(d, LOG_EVENT_STORE_FAULT, "cannot open the store: %s", why[0] ? why : strerror(-r));
    daemon_complain("cannot open the store %s: %s.\n%s", d->store_path, why[0] ? why : strerror(-r),
                    next);
    return status;
}

/* Opening may take minutes after a crash, and somebody may look into the store; SIGTERM ends the
 * wait (the check is read-only). */
static int wait_for_store(Daemon *d) {
    char why[256] = "";
    bool waiting = false;
    int r = 0;
    while (!store_thread_is_open(d->store, &r, why)) {
        if (why[0] != '\0' && !waiting)
            daemon_complain("%s; waiting for it, up to %d s", why,
                            (int)(STORE_LOCKED_WAIT_MS / SECOND_MS));
        waiting = why[0] != '\0';
        struct pollfd list[] = { { .fd = store_thread_fd(d->store), .events = POLLIN },
                                 { .fd = d->signal_fd, .events = POLLIN } };
        (void)poll(list, ARRAY_SIZE(list), 1000);
        if (list[1].revents & POLLIN)
            _exit(EX_OK);
        if (list[0].revents & POLLIN)
            store_thread_clear_fd(d->store);
    }
    if (r < 0)
        return explain_store(d, r, why);
    d->directory = store_thread_steal_directory(d->store);
    store_thread_report(d->store, &d->told);
    if (d->told.health.unclean)
        daemon_log(d, LOG_EVENT_STORE_UNCLEAN,
                   "the last stop was not a clean one; everything accepted is there");
    d->told.health.intake_closed = false; /* so that a closed intake is told */
    return 0;
}

static int open_store(Daemon *d) {
    struct stat st;
    if (mkdir(d->config->data_dir, 0700) != 0 && errno != EEXIST) {
        daemon_complain("cannot make the data folder %s: %s.\nMake it, owned by the user serasid "
                        "runs as, mode 0700",
                        d->config->data_dir, strerror(errno));
        return EX_CONFIG;
    }
    if (stat(d->config->data_dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
        daemon_complain("%s is not a folder: check [node] data-dir", d->config->data_dir);
        return EX_CONFIG;
    }
    int r = config_fill_store(d->config, &d->store_config, d->store_path);
    d->store_config.sign_key = keys_can_sign(&d->keys) ? &d->keys.sign : NULL;
    d->store_config.codec = &codec_message;
    d->store_config.directory_codec = &codec_directory;
    if (r == 0)
        r = store_thread_start(&d->store, &d->store_config, &d->beats);
    if (r < 0) {
        daemon_complain("cannot start the store thread: %s", strerror(-r));
        return EX_SOFTWARE;
    }
    return wait_for_store(d);
}

/* --- start --- */

static int start_threads(Daemon *d) {
    int r = take_signals(d);
    if (r == 0)
        r = log_start(&d->log, d->config->node, log_goes_to_journal(d->config),
                      (int)d->config->log_level);
    if (r == 0)
        r = notify_start(&d->notify, &d->beats, d->log);
    if (r == 0)
        r = verify_thread_start(&d->verify, &d->beats);
    if (r < 0) {
        daemon_complain("cannot start: %s", strerror(-r));
        return EX_SOFTWARE;
    }
    daemon_log(d, LOG_EVENT_STARTED, "serasid " SERASI_VERSION ", node %s", d->config->node);
    return 0;
}

/* With the digest of the configuration in effect: a restart with another one shows. */
static int note_start(Daemon *d) {
    _cleanup_(buf_deinit) Buf b = { 0 };
    LedgerEntry e = { .kind = LEDGER_STARTED, .note = "serasid " SERASI_VERSION };
    config_print(d->config, &b);
    if (!buf_text(&b))
        return -ENOMEM;
    e.has_digest = true;
    hash_digest(buf_bytes(&b), e.digest);
    return broker_note(d->broker, &e);
}

static int start_broker(Daemon *d) {
    BrokerConfig config;
    BrokerIo io;
    Now now = now_read();
    _cleanup_(enrolments_unrefp) Enrolments *enrolments = store_thread_steal_enrolments(d->store);
    daemon_broker_config(d, &config);
    config.noted_ms = d->told.health.noted_ms;
    io_fill(d, &io);
    int r = broker_new(&d->broker, &config, &io, d->directory, now);
    if (r == 0)
        broker_set_enrolments(d->broker, enrolments);
    if (r == 0)
        r = note_start(d);
    if (r == 0)
        r = uplink_open(d, now);
    if (r < 0) {
        daemon_complain("cannot start the broker: %s", strerror(-r));
        return EX_SOFTWARE;
    }
    if (directory_node_count(d->directory) == 0)
        daemon_log(d, LOG_EVENT_STARTED,
                   d->store_config.n_hub_keys > 0
                       ? "no directory yet: peers wait until the hub's comes over the link"
                       : "no directory yet: peers wait until `serasictl node import` was run");
    daemon_log(d, LOG_EVENT_READY, "ready; %zu nodes in the directory",
               directory_node_count(d->directory));
    notify_ready(d->notify);
    return 0;
}

static void keep_awake(Daemon *d) {
    const int r = awake_open(&d->awake, AWAKE_DEVICE, d->config->awake_ms * 1000);
    if (r < 0)
        daemon_log(d, LOG_EVENT_STARTED, "idle processors sleep between messages: %s: %s",
                   AWAKE_DEVICE, strerror(-r));
}

static int load_keys(Daemon *d) {
    const Config *c = d->config;
    int r = daemon_load_keys(&d->keys, DAEMON_KEY_CREDENTIAL, c->key_file);
    if (r != 0 || c->next_endpoint[0] == '\0')
        return r;
    return daemon_load_keys(&d->next_keys, DAEMON_NEXT_KEY_CREDENTIAL, c->next_key_file);
}

int daemon_start(Daemon *d, const char *config_file) {
    forbid_core_files();
    int status = load_config(d, config_file);
    if (status == 0 && hash_init() < 0) {
        daemon_complain("no source of random numbers");
        status = EX_SOFTWARE;
    }
    if (status == 0)
        status = load_keys(d);
    if (status != 0)
        return status;
    raise_descriptor_limit(d);
    make_room_for_descriptors(d);
    status = start_threads(d);
    if (status == 0)
        status = open_store(d);
    if (status == 0)
        status = sockets_open(d);
    if (status == 0)
        keep_awake(d);
    if (status == 0)
        status = start_broker(d);
    return status;
}

/* --- stop --- */

/* What was received is written and answered, then every session is told. */
static int say_goodbye(Daemon *d) {
    int status = loop_drain(d, STOP_DRAIN_MS);
    if (status == 0) {
        broker_stop(d->broker, now_read());
        status = loop_drain(d, STOP_DRAIN_MS);
    }
    (void)poll(NULL, 0, STOP_FLUSH_MS);
    return status;
}

int daemon_stop(Daemon *d, int status) {
    daemon_set_deadline(STOP_DEADLINE_MS, EX_SOFTWARE);
    if (d->notify)
        notify_send(d->notify, "STOPPING=1");
    if (d->broker && status == 0) {
        daemon_log(d, LOG_EVENT_STOPPING, "stopping");
        status = say_goodbye(d);
    }
    sockets_close(d);
    d->verify = verify_thread_stop(d->verify); /* it may look at what the broker holds */
    d->broker = broker_free(d->broker);
    d->store = store_thread_stop(d->store);
    directory_unref(d->directory);
    d->notify = notify_stop(d->notify);
    d->log = log_stop(d->log);
    awake_close(&d->awake);
    keys_wipe(&d->keys);
    d->config = config_free(d->config);
    if (d->signal_fd >= 0)
        close(d->signal_fd);
    return status;
}
