/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Binding what peers and operators connect to, on endpoints of the configuration or on sockets that
 * systemd listens on already; and the proof, before READY, that a stranger is kept out: CURVE
 * without a working Zap lets every key in.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/serasid.h"

#define SELF_TEST_MS 5000

/* --- binding --- */

/* The endpoint text of a listening descriptor. Returns false when it is none of ours. */
static bool describe_socket(int fd, char *ret, size_t size, bool *ret_local) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } a = { 0 };
    socklen_t n = sizeof(a);
    char host[INET6_ADDRSTRLEN] = "";
    if (getsockname(fd, &a.any, &n) != 0)
        return false;
    *ret_local = a.any.sa_family == AF_UNIX;
    switch (a.any.sa_family) {
    case AF_UNIX:
        return a.local.sun_path[0] == '/' &&
               snprintf(ret, size, "ipc://%s", a.local.sun_path) < (int)size;
    case AF_INET:
        (void)inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host));
        return snprintf(ret, size, "tcp://%s:%u", host, ntohs(a.v4.sin_port)) < (int)size;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host));
        return snprintf(ret, size, "tcp://[%s]:%u", host, ntohs(a.v6.sin6_port)) < (int)size;
    default:
        return false;
    }
}

static int self_test(Daemon *d, const char *endpoint, const char *server_key);

static int bind_clients(Daemon *d, const char *endpoint, int fd, const NodeKeys *keys) {
    int r = sock_bind(d->clients, endpoint, fd);
    if (r < 0) {
        daemon_complain("cannot listen on %s: %s.\n%s See [listen] endpoint in %s", endpoint,
                        strerror(-r),
                        r == -EADDRINUSE ? "Another program uses that port."
                                         : "Is it an address of this machine?",
                        d->config->file);
        return EX_CONFIG;
    }
    char bound[512];
    (void)snprintf(bound, sizeof(bound), "%s", sock_endpoint(d->clients));
    daemon_log(d, LOG_EVENT_STARTED, "listening on %s", bound);
    return self_test(d, bound, keys->curve_public);
}

/* The socket is made here, and again by sockets_guard(). */
static int open_admin(Daemon *d) {
    SockOptions o;
    daemon_sock_options(d, &o);
    int fd = d->admin_fd >= 0 ? fcntl(d->admin_fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (d->admin_fd >= 0 && fd < 0)
        return -errno;
    int r = sock_new_admin(&d->admin, d->zmq, &o);
    if (r == 0)
        r = sock_bind(d->admin, d->admin_endpoint, fd);
    if (r < 0)
        d->admin = sock_free(d->admin);
    return r;
}

static int bind_admin(Daemon *d, const char *endpoint, int fd) {
    (void)snprintf(d->admin_endpoint, sizeof(d->admin_endpoint), "%s", endpoint);
    d->admin_fd = fd;
    int r = open_admin(d);
    if (r == 0)
        return 0;
    daemon_complain("cannot listen on the admin socket %s: %s.\nSee [node] admin-socket in %s",
                    endpoint, strerror(-r), d->config->file);
    return EX_CONFIG;
}

/* Its folder decides who can reach it. */
static int prepare_admin_folder(Daemon *d) {
    char folder[CONFIG_PATH_SIZE];
    struct stat st;
    (void)snprintf(folder, sizeof(folder), "%s", d->config->admin_socket);
    char *slash = strrchr(folder, '/');
    slash[slash == folder ? 1 : 0] = '\0';
    if (mkdir(folder, 0750) != 0 && errno != EEXIST) {
        daemon_complain("cannot make the folder of the admin socket, %s: %s.\nMake it, owned by "
                        "the user serasid runs as, mode 0750",
                        folder, strerror(errno));
        return EX_CONFIG;
    }
    if (stat(folder, &st) != 0 || (st.st_mode & 0002)) {
        daemon_complain("the folder of the admin socket, %s, can be written by everyone.\n"
                        "chmod 0750 it, or choose another [node] admin-socket",
                        folder);
        return EX_CONFIG;
    }
    return 0;
}

static int bind_activated(Daemon *d, int n, bool *ret_clients, bool *ret_admin) {
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
        char endpoint[256];
        bool local = false;
        if (!describe_socket(fd, endpoint, sizeof(endpoint), &local)) {
            daemon_complain("descriptor %d handed over by systemd is no TCP or Unix socket.\n"
                            "See the .socket unit",
                            fd);
            return EX_CONFIG;
        }
        int status = local ? bind_admin(d, endpoint, fd) : bind_clients(d, endpoint, fd, &d->keys);
        if (status != 0)
            return status;
        *(local ? ret_admin : ret_clients) = true;
    }
    return 0;
}

static int bind_all(Daemon *d) {
    bool has_clients = false, has_admin = false;
    char admin[CONFIG_PATH_SIZE + 8] = "";
    int n = sd_listen_fds(1);
    int status = n > 0 ? bind_activated(d, n, &has_clients, &has_admin) : 0;
    for (size_t i = 0; status == 0 && !has_clients && i < CONFIG_LISTEN_MAX && d->config->listen[i];
         i++)
        status = bind_clients(d, d->config->listen[i], -1, &d->keys);
    if (status == 0 && !has_clients && !d->config->listen[0]) {
        daemon_complain("%s: [listen] endpoint: is missing, and systemd handed over no socket.\n"
                        "Add for example: endpoint = tcp://0.0.0.0:7021",
                        d->config->file);
        return EX_CONFIG;
    }
    if (status != 0 || has_admin)
        return status;
    (void)snprintf(admin, sizeof(admin), "ipc://%s", d->config->admin_socket);
    status = prepare_admin_folder(d);
    return status != 0 ? status : bind_admin(d, admin, -1);
}

/* --- self-test --- */

/* The first event that decides, or NONE when the time is up. */
static SockEvent hear(Sock *s, int64_t until_ms) {
    while (now_read().mono_ms < until_ms) {
        SockEvent e = sock_next_event(s);
        if (e == SOCK_EVENT_CONNECTED || e == SOCK_EVENT_REFUSED)
            return e;
        struct pollfd p = { .fd = sock_watch_fd(s), .events = POLLIN };
        if (e == SOCK_EVENT_NONE)
            (void)poll(&p, 1, 20);
    }
    return SOCK_EVENT_NONE;
}

/* What becomes of a connection with these keys. */
static SockEvent try_keys(Daemon *d, const char *endpoint, const char *server_key,
                          const NodeKeys *keys) {
    const int64_t until_ms = now_read().mono_ms + SELF_TEST_MS;
    SockOptions o;
    daemon_sock_options(d, &o);
    o.reconnect_ms = 50;
    while (now_read().mono_ms < until_ms) {
        _cleanup_(sock_freep) Sock *s = NULL;
        int r = sock_new_dealer(&s, d->zmq, endpoint, server_key, keys, &o);
        if (r == 0)
            r = sock_watch(s);
        if (r == 0)
            return hear(s, until_ms);
        (void)poll(NULL, 0, 20); /* what libzmq still takes down from before may be in the way */
    }
    return SOCK_EVENT_NONE;
}

/* With an empty directory Zap says "later"; the test wants to hear a "no". */
static int self_test(Daemon *d, const char *endpoint, const char *server_key) {
    _cleanup_(directory_unrefp) Directory *empty = NULL;
    _cleanup_(keys_wipe) NodeKeys stranger = { 0 };
    if (directory_new(&empty) < 0 || directory_seal(empty, 0) < 0 || keys_generate(&stranger) < 0)
        return EX_SOFTWARE;
    bool known = directory_node_count(d->directory) > 0;
    zap_set_directory(d->zap, known ? d->directory : empty);
    zap_set_own_key(d->zap, d->keys.curve_public);
    atomic_store(&d->testing, true);
    SockEvent refused = try_keys(d, endpoint, server_key, &stranger);
    SockEvent let_in = try_keys(d, endpoint, server_key, &d->keys);
    atomic_store(&d->testing, false);
    zap_set_own_key(d->zap, "");
    zap_set_directory(d->zap, known ? d->directory : NULL);

    const char *what = NULL;
    if (refused != SOCK_EVENT_REFUSED)
        what = refused == SOCK_EVENT_CONNECTED ? "an unknown key was let in"
                                               : "an unknown key got no answer";
    else if (let_in != SOCK_EVENT_CONNECTED)
        what = "our own key was not let in";
    if (!what)
        return 0;
    daemon_log(d, LOG_EVENT_SELF_TEST_FAILED, "self-test at %s: %s", endpoint, what);
    daemon_complain("self-test at %s failed: %s.\nserasid does not serve peers it cannot tell "
                    "apart. Does a firewall keep this host from its own port?",
                    endpoint, what);
    return EX_SOFTWARE;
}

/* --- the next server key --- */

/* A second endpoint on the same socket: libzmq copies the keys of a listener when it is bound, so
 * both prove themselves with their own. Unbinding the first would end its connections; it goes with
 * the restart that ends the change. */
static int bind_next(Daemon *d) {
    int r = sock_set_keys(d->clients, &d->next_keys);
    if (r < 0) {
        daemon_complain("the keys in %s cannot be used: %s", d->config->next_key_file,
                        strerror(-r));
        return EX_SOFTWARE;
    }
    daemon_log(d, LOG_EVENT_SERVER_KEY_NEXT, "%s serves the next server key, %s; peers are told",
               d->config->next_endpoint, d->next_keys.curve_public);
    return bind_clients(d, d->config->next_endpoint, -1, &d->next_keys);
}

/* --- descriptors --- */

int64_t sockets_guard(Daemon *d) {
    /* The lowest free number is about as many as are open. */
    int probe = fcntl(d->signal_fd, F_DUPFD_CLOEXEC, 0);
    uint32_t used = probe < 0 ? d->descriptors : (uint32_t)probe;
    if (probe >= 0)
        close(probe);
    bool scarce = used >= d->descriptors / 10 * 9, plenty = used < d->descriptors / 10 * 8;
    if (d->admin && scarce) {
        daemon_log(d, LOG_EVENT_SESSION_REFUSED,
                   "connections use %u of %u descriptors; the admin socket is closed meanwhile",
                   used, d->descriptors);
        d->admin = sock_free(d->admin);
    } else if (!d->admin && plenty && open_admin(d) == 0) {
        daemon_log(d, LOG_EVENT_STARTED, "the admin socket is open again");
    }
    return used > d->descriptors / 2 ? LOOP_WAIT_SHORT_MS : LOOP_WAIT_MS;
}

/* --- all of it --- */

static void on_refused(void *data, const char *address, const char *key) {
    Daemon *d = data;
    LogRecord r = { .event = LOG_EVENT_KEY_REFUSED };
    if (atomic_load(&d->testing))
        return;
    (void)snprintf(r.peer, sizeof(r.peer), "%s", address);
    log_event(d->log, &r, "a peer with key %s was not let in: unknown, revoked or out of date",
              key[0] ? key : "(none)");
}

static int make(Daemon *d) {
    SockOptions o;
    daemon_sock_options(d, &o);
    int r = sock_context_new(&d->zmq);
    if (r == 0)
        r = zap_start(&d->zap, d->zmq, on_refused, d);
    if (r == 0)
        r = sock_new_router(&d->clients, d->zmq, &d->keys, &o);
    return r;
}

int sockets_open(Daemon *d) {
    int r = make(d);
    if (r < 0) {
        daemon_complain("cannot make sockets: %s", strerror(-r));
        return EX_SOFTWARE;
    }
    r = peers_open(d); /* before anybody can connect */
    if (r < 0) {
        daemon_complain("cannot watch the connections of peers: %s", strerror(-r));
        return EX_SOFTWARE;
    }
    int status = bind_all(d);
    return status == 0 && d->config->next_endpoint[0] != '\0' ? bind_next(d) : status;
}

void sockets_close(Daemon *d) {
    uplink_close(d);
    peers_close(d);
    d->clients = sock_free(d->clients);
    d->admin = sock_free(d->admin);
    if (d->admin_fd >= 0)
        close(d->admin_fd);
    d->zap = zap_stop(d->zap);
    sock_context_free(d->zmq);
    d->zmq = NULL;
}
