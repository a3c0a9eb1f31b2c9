/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reading serasid.conf and its drop-ins. The syntax is inih's; the line numbers are counted here,
 * where the lines are handed to it, because its handler is not told. Every mistake is collected,
 * so that one run shows them all.
 */

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "daemon/config.h"

#define KEYS_MAX 128U

typedef struct Reading {
    Config *config;
    Buf *complaints;
    FILE *stream;
    const char *path;
    unsigned line;
    bool middle_of_line; /* the last piece had no newline: the line is too long for inih */
    bool seen[KEYS_MAX]; /* in this file */
    bool rule_seen[ARRAY_SIZE(((RuleFloors *)0)->least)];
    int r;
} Reading;

_printf_(2, 3) static void complain(Reading *d, const char *format, ...) {
    char text[512];
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    buf_addf(d->complaints, "%s:%u: %s\n", d->path, d->line, text);
    d->r = -EINVAL;
}

/* fgets() that counts. inih takes 200 bytes at a time and would read the rest as another line. */
static char *next_line(char *text, int size, void *data) {
    Reading *d = data;
    if (!fgets(text, size, d->stream))
        return NULL;
    bool whole = strchr(text, '\n') || feof(d->stream);
    if (!d->middle_of_line)
        d->line++;
    if (!whole && !d->middle_of_line)
        complain(d, "the line is longer than %d bytes", size - 2);
    bool rest = d->middle_of_line;
    d->middle_of_line = !whole;
    if (rest)
        (void)snprintf(text, (size_t)size, "\n");
    return text;
}

/* An endpoint list of an earlier file is replaced, not added to. */
static void forget_endpoints(Config *c, const ConfigKey *k) {
    char **list = (char **)((char *)c + k->offset);
    for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++) {
        free(list[i]);
        list[i] = NULL;
    }
}

static void take_reply(Reading *d, int r, const char *section, const char *name, Buf *why) {
    if (r == -EINVAL)
        complain(d, "[%s] %s: %s", section, name, buf_text(why) ? buf_text(why) : "not a value");
    else if (r < 0)
        d->r = r;
}

/* Rules are judged one by one: no rule twice in a file, a later file counts. */
static void on_rule(Reading *d, const char *section, const char *name, const char *value) {
    _cleanup_(buf_deinit) Buf why = { 0 };
    const Rule *rule = rule_find(name);
    bool *seen = rule ? &d->rule_seen[rule - rules_table] : NULL;
    if (seen && *seen) {
        complain(d, "[%s] %s: given twice", section, name);
        return;
    }
    take_reply(d, config_set_rule(d->config, name, value, &why), section, name, &why);
    if (seen)
        *seen = true;
}

static int on_value(void *data, const char *section, const char *name, const char *value) {
    Reading *d = data;
    bool section_known = false;
    const ConfigKey *k = config_key_find(section, name, &section_known);
    if (!k) {
        if (section[0] == '\0')
            complain(d, "%s: stands before any [section]", name);
        else if (!section_known)
            complain(d, "[%s]: there is no such section", section);
        else
            complain(d, "[%s] %s: there is no such key in this section", section, name);
        return 1;
    }
    if (k->type == CONFIG_RULES) {
        on_rule(d, section, name, value);
        return 1;
    }
    bool *seen = &d->seen[k - config_keys];
    if (*seen && k->type != CONFIG_ENDPOINTS) {
        complain(d, "[%s] %s: given twice", section, name);
        return 1;
    }
    if (!*seen && k->type == CONFIG_ENDPOINTS)
        forget_endpoints(d->config, k);
    *seen = true;

    _cleanup_(buf_deinit) Buf why = { 0 };
    take_reply(d, config_set_value(d->config, k, value, &why), section, name, &why);
    return 1;
}

static int read_one(Config *c, const char *path, Buf *complaints) {
    Reading d = { .config = c, .complaints = complaints, .path = path };
    d.stream = fopen(path, "re");
    struct stat st;
    if (!d.stream || fstat(fileno(d.stream), &st) != 0 || !S_ISREG(st.st_mode)) {
        int r = d.stream ? -EINVAL : -errno;
        buf_addf(complaints, "%s: %s\n", path, d.stream ? "is not a regular file" : strerror(-r));
        if (d.stream)
            fclose(d.stream);
        return r;
    }
    int first_bad = ini_parse_stream(next_line, &d, on_value, &d);
    if (first_bad > 0) {
        d.line = (unsigned)first_bad;
        complain(&d, "neither a [section] nor key = value");
    }
    if (ferror(d.stream) && d.r == 0) {
        buf_addf(complaints, "%s: cannot be read\n", path);
        d.r = -EIO;
    }
    fclose(d.stream);
    return first_bad < 0 && d.r == 0 ? -ENOMEM : d.r;
}

/* --- drop-ins --- */

static int is_drop_in(const struct dirent *e) {
    size_t n = strlen(e->d_name);
    return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

static int read_drop_ins(Config *c, Buf *complaints) {
    char folder[PATH_MAX], path[PATH_MAX + 256];
    struct dirent **list = NULL;
    int r = 0;
    if (snprintf(folder, sizeof(folder), "%s/" CONFIG_FILE_NAME ".d", c->folder) >=
        (int)sizeof(folder))
        return -ENAMETOOLONG;
    int n = scandir(folder, &list, is_drop_in, alphasort);
    if (n < 0) {
        if (errno == ENOENT)
            return 0;
        r = -errno;
        buf_addf(complaints, "%s: %s\n", folder, strerror(-r));
        return r;
    }
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        int one = read_one(c, path, complaints);
        if (one < 0 && r == 0)
            r = one;
        free(list[i]);
    }
    free(list);
    return r;
}

/* --- judging the whole --- */

typedef struct Whole {
    const Config *c;
    Buf *complaints;
    int r;
} Whole;

static void must(Whole *w, bool holds, const char *key, const char *what) {
    if (holds)
        return;
    buf_addf(w->complaints, "%s: %s: %s\n", w->c->file, key, what);
    w->r = -EINVAL;
}

static bool is_set(const char *text) {
    return text[0] != '\0';
}

static void judge_client(Whole *w) {
    const Config *c = w->c;
    must(w, is_set(c->connection_endpoint), "[connection] endpoint",
         "is missing: a client needs to know where its broker is");
    must(w, is_set(c->connection_key), "[connection] key",
         "is missing: ask the broker's operator for the line of `serasictl pubkey --curve`");
}

static void judge_broker(Whole *w) {
    const Config *c = w->c;
    bool regional = c->role == ROLE_REGIONAL;
    must(w, strlen(c->admin_socket) < sizeof(((struct sockaddr_un *)0)->sun_path),
         "[node] admin-socket", "the path is longer than the 107 bytes a Unix socket can have");
    must(w, is_set(c->parent_endpoint) == regional, "[parent] endpoint",
         regional ? "is missing: a regional broker dials a parent" : "a hub has no parent");
    must(w, is_set(c->parent_endpoint) == is_set(c->parent_key), "[parent] key",
         "endpoint and key go together");
    must(w, !regional || is_set(c->parent_node), "[parent] node", "is missing");
    must(w, is_set(c->next_endpoint) == is_set(c->next_key_file), "[listen] next-key-file",
         "next-endpoint and next-key-file go together");
    must(w, strcmp(c->parent_node, c->node) != 0 || !regional, "[parent] node",
         "is this broker itself");
    must(w, !is_set(c->connection_endpoint) && !is_set(c->connection_key), "[connection]",
         "is for clients; a broker has [parent]");
    must(w, c->high_water >= 2 * c->credit_messages, "[socket] high-water",
         "must be at least twice [limits] credit-messages");
    must(w, c->free_high >= c->free_low, "[store] free-high", "must not be below free-low");
    must(w, c->size_high == 0 || (c->size_low > 0 && c->size_low <= c->size_high),
         "[store] size-low", "must be above 0 and not above size-high");
    must(w, c->retry_cap_ms >= c->retry_first_ms, "[delivery] retry-cap",
         "must not be below retry-first");
    must(w, c->expiry_default_ms <= c->expiry_max_ms && c->expiry_event_ms <= c->expiry_max_ms,
         "[delivery] expiry-max", "must not be below expiry-default or expiry-event");
    must(w, c->dedup_ms >= c->expiry_max_ms, "[store] dedup",
         "must not be below [delivery] expiry-max: a late copy would count as new");
    must(w, c->reconnect_cap_ms >= c->reconnect_first_ms, "[link] reconnect-cap",
         "must not be below reconnect-first");
    must(w, c->refused_cap_ms >= c->refused_first_ms, "[link] refused-cap",
         "must not be below refused-first");
    must(w, c->heartbeat_timeout_ms >= c->heartbeat_ms, "[socket] heartbeat-timeout",
         "must not be below heartbeat");
}

static int judge(const Config *c, Buf *complaints) {
    Whole w = { .c = c, .complaints = complaints };
    must(&w, is_set(c->node), "[node] id", "is missing");
    must(&w, c->role != ROLE_NOT_SET, "[node] role", "is missing: hub, regional or client");
    must(&w, is_set(c->key_file), "[node] key-file", "is missing");
    if (c->role == ROLE_CLIENT)
        judge_client(&w);
    else if (c->role != ROLE_NOT_SET)
        judge_broker(&w);
    return w.r;
}

/* --- life --- */

static int set_presets(Config *c) {
    for (size_t i = 0; i < config_keys_count; i++) {
        _cleanup_(buf_deinit) Buf why = { 0 };
        int r = config_set_value(c, &config_keys[i], config_keys[i].preset, &why);
        if (r < 0)
            return r;
    }
    return 0;
}

static int config_new(Config **ret, const char *path) {
    _cleanup_(config_freep) Config *c = calloc(1, sizeof(*c));
    char full[PATH_MAX];
    if (!c)
        return -ENOMEM;
    if (!realpath(path, full))
        return -errno;
    c->file = strdup(full);
    char *slash = strrchr(full, '/');
    slash[slash == full ? 1 : 0] = '\0';
    c->folder = strdup(full);
    if (!c->file || !c->folder)
        return -ENOMEM;
    int r = set_presets(c);
    if (r == 0)
        *ret = TAKE_PTR(c);
    return r;
}

int config_load(Config **ret, const char *path, Buf *complaints) {
    _cleanup_(config_freep) Config *c = NULL;
    int r = config_new(&c, path);
    if (r < 0) {
        buf_addf(complaints, "%s: %s\n", path, strerror(-r));
        return r;
    }
    r = read_one(c, c->file, complaints);
    int dropped_in = read_drop_ins(c, complaints);
    if (r == 0)
        r = dropped_in;
    if (r == 0)
        r = judge(c, complaints);
    if (complaints->failed)
        return -ENOMEM;
    timer_policy_override(&timer_policy, &c->timers, c->timer_rows, &c->timer_policy);
    if (r == 0)
        *ret = TAKE_PTR(c);
    return r;
}

Config *config_free(Config *c) {
    if (!c)
        return NULL;
    for (size_t i = 0; i < config_keys_count; i++) {
        const ConfigKey *k = &config_keys[i];
        if (k->type == CONFIG_ENDPOINTS)
            forget_endpoints(c, k);
        else if (k->type <= CONFIG_TEXT_NAME)
            free(*(char **)((char *)c + k->offset));
    }
    free(c->file);
    free(c->folder);
    free(c);
    return NULL;
}
