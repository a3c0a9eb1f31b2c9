/* SPDX-License-Identifier: Apache-2.0 */

/* Commands that put one question to the broker and print the answer; dead letters; backup. */

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/times.h"
#include "daemon/ctl.h"

#define LEARN_MS 300 /* for what the broker tells of itself to be proven and kept */

/* --- plain questions --- */

static const struct {
    const char *command, *verb;
    size_t min, max;
    bool offline_too; /* a stopped broker's store knows it as well */
} questions[] = {
    { "links", "links", 0, 0, false },       { "queues", "queues", 0, 1, true },
    { "sessions", "sessions", 0, 0, false }, { "subscriptions", "subscriptions", 0, 0, true },
    { "messages", "messages", 0, 0, true },  { "trace", "trace", 1, 1, true },
    { "outcome", "outcome", 1, 1, true },    { "reload", "reload", 0, 0, false },
};

int ctl_cmd_ask(Ctl *c, int argc, char **argv) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *args[1] = { NULL };
    size_t i = 0, n = 0;
    while (strcmp(questions[i].command, c->command) != 0)
        i++;
    int r = ctl_parse(c, argc, argv, NULL, args, questions[i].min, questions[i].max, &n);
    if (r == CTL_DONE)
        r = ctl_ask(c, questions[i].verb, args, n, questions[i].offline_too, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

/* --- status --- */

static int client_status(Ctl *c) {
    int64_t start_ms = now_read().mono_ms;
    int r = ctl_connect(c);
    if (r != CTL_DONE)
        return r;
    const char *key = NULL, *endpoint = serasi_endpoint(c->client, &key);
    if (strcmp(endpoint, c->config->connection_endpoint) != 0)
        fprintf(stderr,
                "The broker is found elsewhere now. Write into [connection] of %s:\n"
                "endpoint = %s\nkey = %s\n",
                c->config->file, endpoint, key);
    _cleanup_(json_dropp) json_t *rows =
        json_pack("[{s:s,s:s,s:s,s:s,s:I}]", "node", serasi_node(c->client), "broker",
                  serasi_broker(c->client), "endpoint", endpoint, "session", "open", "opened_in_ms",
                  (json_int_t)(now_read().mono_ms - start_ms));
    ctl_print_rows(c, rows);
    ctl_pause(c, LEARN_MS);
    return CTL_DONE;
}

int ctl_cmd_status(Ctl *c, int argc, char **argv) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    int r = ctl_parse(c, argc, argv, NULL, NULL, 0, 0, NULL);
    if (r == CTL_DONE)
        r = ctl_config(c);
    if (r == CTL_DONE && c->config->role == ROLE_CLIENT)
        return client_status(c);
    if (r == CTL_DONE)
        r = ctl_ask(c, "status", NULL, 0, false, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

/* --- check --- */

/* The store is looked through in portions; the last row of each says where to go on. */
int ctl_cmd_check(Ctl *c, int argc, char **argv) {
    char at[32] = "", progress[64];
    const char *args[] = { at };
    bool whole = true, more = true;
    int r = ctl_parse(c, argc, argv, NULL, NULL, 0, 0, NULL);
    while (r == CTL_DONE && more) {
        _cleanup_(json_dropp) json_t *rows = NULL;
        r = ctl_ask(c, "check", args, at[0] ? 1 : 0, true, &rows);
        if (r != CTL_DONE)
            break;
        size_t n = json_array_size(rows);
        json_t *last = n > 0 ? json_array_get(rows, n - 1) : NULL;
        const char *finding = json_string_value(json_object_get(last, "finding"));
        more = finding && strcmp(finding, "go on") == 0;
        whole = whole && n <= 1;
        (void)snprintf(at, sizeof(at), "%lld",
                       (long long)json_integer_value(json_object_get(last, "seq")));
        (void)snprintf(progress, sizeof(progress), "checked up to message %s", at);
        ctl_progress(more ? progress : NULL);
        if (more)
            (void)json_array_remove(rows, n - 1);
        if (json_array_size(rows) > 0)
            ctl_print_rows(c, rows);
    }
    return r == CTL_DONE && !whole ? CTL_REFUSED : r;
}

/* --- dead letters --- */

static int dead_change(Ctl *c, const char *verb, const char *const *args, size_t n,
                       const char *recipient, const char *reason) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    bool redirect = strcmp(verb, "dead-redirect") == 0;
    /* message, recipient or "" for all, [target], reason */
    const char *all[] = { args[0], recipient, redirect ? args[1] : reason, reason };
    if (n != (redirect ? 2 : 1)) {
        ctl_complain("see serasictl dead --help");
        return CTL_USAGE;
    }
    int r = ctl_ask(c, verb, all, redirect ? 4 : 3, false, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

int ctl_cmd_dead(Ctl *c, int argc, char **argv) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *args[3] = { NULL }, *recipient = "", *reason = "";
    char verb[32];
    size_t n = 0;
    const CtlOption options[] = { { .name = "recipient", .value = &recipient },
                                  { .name = "reason", .value = &reason },
                                  { 0 } };
    static const char *const verbs[] = { "list", "show", "requeue", "redirect", "discard" };
    int r = ctl_parse(c, argc, argv, options, args, 1, 3, &n);
    if (r != CTL_DONE)
        return r;
    size_t i = 0;
    while (i < ARRAY_SIZE(verbs) && strcmp(verbs[i], args[0]) != 0)
        i++;
    if (i == ARRAY_SIZE(verbs)) {
        ctl_complain("dead list, show, requeue, redirect or discard");
        return CTL_USAGE;
    }
    (void)snprintf(verb, sizeof(verb), "dead-%s", verbs[i]);
    if (i >= 2)
        return dead_change(c, verb, args + 1, n - 1, recipient, reason);
    if (n - 1 != i) { /* list: no argument, show: one */
        ctl_complain("see serasictl dead --help");
        return CTL_USAGE;
    }
    r = ctl_ask(c, verb, args + 1, n - 1, true, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

/* --- backup --- */

static const char *cell(const json_t *rows, const char *key) {
    const char *text = json_string_value(json_object_get(json_array_get(rows, 0), key));
    return text ? text : "";
}

/* Until it is done or failed. It goes on in the broker when nobody waits. */
static int wait_for_backup(Ctl *c) {
    int64_t until_ms = c->timeout_ms >= 0 ? now_read().mono_ms + c->timeout_ms : INT64_MAX;
    for (;;) {
        _cleanup_(json_dropp) json_t *rows = NULL;
        int r = ctl_ask(c, "backup-state", NULL, 0, false, &rows);
        if (r != CTL_DONE)
            return r;
        const char *state = cell(rows, "state");
        const bool running = strcmp(state, "running") == 0;
        ctl_progress(running ? cell(rows, "text") : NULL);
        if (strcmp(state, "none") == 0) {
            ctl_complain("the broker was started anew meanwhile and knows of no backup: is the "
                         "file not there, say it again");
            return CTL_REFUSED;
        }
        if (!running) {
            ctl_print_rows(c, rows);
            return strcmp(state, "done") == 0 ? CTL_DONE : CTL_REFUSED;
        }
        if (now_read().mono_ms >= until_ms) {
            ctl_complain("the backup still runs; ask again later");
            return CTL_UNREACHABLE;
        }
        (void)poll(NULL, 0, 200);
        (void)serasi_process(c->client);
    }
}

int ctl_cmd_backup(Ctl *c, int argc, char **argv) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *file = NULL, *args[1];
    char folder[PATH_MAX], path[PATH_MAX + 16];
    int r = ctl_parse(c, argc, argv, NULL, &file, 1, 1, NULL);
    if (r != CTL_DONE)
        return r;
    if (file[0] == '/') {
        (void)snprintf(path, sizeof(path), "%s", file);
    } else if (!getcwd(folder, sizeof(folder)) ||
               snprintf(path, sizeof(path), "%s/%s", folder, file) >= (int)sizeof(path)) {
        ctl_complain("%s: the path is too long", file);
        return CTL_USAGE;
    }
    args[0] = path;
    r = ctl_ask(c, "backup", args, 1, false, &rows);
    return r == CTL_DONE ? wait_for_backup(c) : r;
}
