/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From a folder to an answer. A broker's folder is asked over its admin socket; when nobody listens
 * there, some questions can be answered by the store itself. A client's folder dials its broker.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "base/times.h"
#include "daemon/ctl.h"
#include "net/keys.h"

#define DEFAULT_DIR      "/etc/serasi"
#define SERVERS_FILE     "servers"
#define OPEN_TIMEOUT_MS  (10 * SECOND_MS)
#define QUERY_TIMEOUT_MS (60 * SECOND_MS)

int ctl_config(Ctl *c) {
    _cleanup_(buf_deinit) Buf complaints = { 0 };
    char path[CONFIG_PATH_SIZE];
    if (c->config)
        return CTL_DONE;
    if (!c->dir)
        c->dir = getenv("SERASI_DIR");
    if (!c->dir || c->dir[0] == '\0')
        c->dir = DEFAULT_DIR;
    if (snprintf(path, sizeof(path), "%s/" CONFIG_FILE_NAME, c->dir) >= (int)sizeof(path)) {
        ctl_complain("--dir: the path is too long");
        return CTL_USAGE;
    }
    int r = config_load(&c->config, path, &complaints);
    if (r == 0)
        return CTL_DONE;
    const char *text = buf_text(&complaints);
    fputs(text ? text : "out of memory\n", stderr);
    if (r == -ENOENT)
        ctl_complain("give the folder made by `serasictl init` with --dir or $SERASI_DIR");
    return CTL_USAGE;
}

/* Asks the kernel, not the broker: nobody listening is known at once. */
bool ctl_is_offline(Ctl *c) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (c->config->role == ROLE_CLIENT ||
        !text_copy(a.sun_path, sizeof(a.sun_path), c->config->admin_socket))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool down = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0 &&
                (errno == ENOENT || errno == ECONNREFUSED);
    if (fd >= 0)
        close(fd);
    return down;
}

int ctl_explain(Ctl *c, int r, const char *doing) {
    const char *where =
        c->config->role == ROLE_CLIENT ? c->config->connection_endpoint : c->config->admin_socket;
    switch (r) {
    case SERASI_TIMEOUT:
    case SERASI_NOT_CONNECTED:
        ctl_complain("%s: no answer from the broker at %s", doing, where);
        return CTL_UNREACHABLE;
    case SERASI_NOT_KNOWN:
        ctl_complain("%s: the broker at %s does not know this key yet; its operator has to import "
                     "the line of `serasictl pubkey`",
                     doing, where);
        return CTL_REFUSED;
    default:
        ctl_complain("%s: %s", doing, serasi_strerror(r));
        return CTL_REFUSED;
    }
}

static int check_admin_socket(Ctl *c) {
    if (access(c->config->admin_socket, R_OK | W_OK) == 0 || errno != EACCES)
        return CTL_DONE;
    ctl_complain("%s: only root and the user serasid runs as may use it", c->config->admin_socket);
    return CTL_UNREACHABLE;
}

int ctl_open(Ctl *c, const char *endpoint, const char *server_key, const char *key_file,
             const char *hub_key, int timeout_ms) {
    const serasi_options options = {
        .size = sizeof(options),
        .endpoint = endpoint,
        .server_key = server_key,
        .key_file = key_file,
        .label = "serasictl",
        .hub_key = hub_key && hub_key[0] != '\0' ? hub_key : NULL,
    };
    int r = serasi_open(&c->client, &options);
    return r == 0 ? serasi_wait_open(c->client, timeout_ms) : r;
}

void ctl_pause(Ctl *c, int ms) {
    const int64_t until_ms = now_read().mono_ms + ms;
    do {
        (void)poll(NULL, 0, MIN(ms, 100));
        if (c->client)
            (void)serasi_process(c->client);
    } while (now_read().mono_ms < until_ms);
}

int ctl_connect(Ctl *c) {
    char endpoint[CONFIG_PATH_SIZE + 8], servers[CONFIG_PATH_SIZE + 16];
    int r = ctl_config(c);
    if (r != CTL_DONE || c->client)
        return r;
    bool client = c->config->role == ROLE_CLIENT;
    if (ctl_is_offline(c)) {
        ctl_complain("the broker of %s is not running (nobody listens at %s)", c->dir,
                     c->config->admin_socket);
        return CTL_UNREACHABLE;
    }
    r = client ? CTL_DONE : check_admin_socket(c);
    if (r != CTL_DONE)
        return r;
    (void)snprintf(endpoint, sizeof(endpoint), "ipc://%s", c->config->admin_socket);
    (void)snprintf(servers, sizeof(servers), "%s/" SERVERS_FILE, c->config->folder);
    const char *hub_key = c->config->connection_hub_key;
    const serasi_options options = {
        .size = sizeof(options),
        .endpoint = client ? c->config->connection_endpoint : endpoint,
        .server_key = client ? c->config->connection_key : NULL,
        /* A broker's operator who may read its key signs with it. */
        .key_file = client || access(c->config->key_file, R_OK) == 0 ? c->config->key_file : NULL,
        .label = "serasictl",
        .hub_key = client && hub_key[0] != '\0' ? hub_key : NULL,
        .wraps = (serasi_wrap_policy)c->config->connection_wraps,
        .servers_file = client ? servers : NULL,
        .proofs = c->json, /* `publish` prints them then */
    };
    r = serasi_open(&c->client, &options);
    if (r == -EACCES || r == -EBADMSG || r == -ENOENT) {
        ctl_complain("%s: %s", c->config->key_file,
                     r == -EBADMSG ? "not a key file" : strerror(-r));
        return CTL_REFUSED;
    }
    if (r == 0)
        r = serasi_wait_open(c->client, (int)ctl_timeout(c, OPEN_TIMEOUT_MS));
    return r == 0 ? CTL_DONE : ctl_explain(c, r, "connecting");
}

int ctl_query(Ctl *c, const char *verb, const char *const *args, size_t n_args, Bytes input,
              json_t **ret, char **ret_text) {
    _cleanup_(freep) char *text = NULL;
    int r = serasi_query(c->client, verb, args, n_args, input.p, input.n, c->limit,
                         (int)ctl_timeout(c, QUERY_TIMEOUT_MS), &text);
    if (r == SERASI_REFUSED)
        *ret_text = TAKE_PTR(text);
    if (r != 0)
        return r;
    *ret = json_loads(text, 0, NULL);
    return *ret ? 0 : -ENOMEM;
}

int ctl_ask(Ctl *c, const char *verb, const char *const *args, size_t n_args, bool offline_too,
            json_t **ret) {
    _cleanup_(freep) char *refusal = NULL;
    int r = ctl_config(c);
    if (r != CTL_DONE)
        return r;
    if (offline_too && ctl_is_offline(c)) {
        fprintf(stderr, "serasictl: the broker is not running; reading its store\n");
        return ctl_offline_query(c, verb, args, n_args, ret);
    }
    r = ctl_connect(c);
    if (r != CTL_DONE)
        return r;
    r = ctl_query(c, verb, args, n_args, (Bytes) { 0 }, ret, &refusal);
    if (r == SERASI_REFUSED) {
        ctl_complain("%s", refusal);
        return CTL_REFUSED;
    }
    return r == 0 ? CTL_DONE : ctl_explain(c, r, verb);
}

void ctl_close(Ctl *c) {
    serasi_close(c->client);
    if (c->keys)
        keys_wipe(c->keys);
    free(c->keys);
    c->keys = NULL;
    c->client = NULL;
    c->config = config_free(c->config);
}
