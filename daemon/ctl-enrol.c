/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How a new institution joins. At its broker an operator makes a token; there, keys are made (no
 * secret ever leaves the folder) and handed in with it; the fingerprint is read out by telephone,
 * and the operator approves what he heard. The token lies in the folder until then, so that the
 * same command goes on after an interruption.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/times.h"
#include "core/enrol-token.h"
#include "core/enrolment.h"
#include "core/key-request.h"
#include "daemon/ctl.h"
#include "net/keys.h"
#include "wire/codec.h"

#define TOKEN_FILE "enrolment"
#define KEY_FILE   "enrolment.key" /* for a moment: libserasi reads keys from files */
#define OPEN_MS    (15 * SECOND_MS)
#define TRY_MS     3000
#define WAIT_MS    (60 * MINUTE_MS)
#define LOOK_MS    1000

/* --- at the broker: a token ------------------------------------------------------------------ */

/* Others cannot dial such an address. */
static bool is_wildcard(const char *endpoint) {
    return strstr(endpoint, "://0.0.0.0:") || strstr(endpoint, "://[::]:") ||
           strstr(endpoint, "://*:");
}

/* Where this folder's broker is found, and by which keys. */
static int fill_broker(Ctl *c, const char *endpoint, EnrolToken *t) {
    const Config *cfg = c->config;
    const bool client = cfg->role == ROLE_CLIENT;
    const char *hub = client ? cfg->connection_hub_key : cfg->directory_hub_key;
    size_t n = 0;
    if (!endpoint)
        endpoint = client ? cfg->connection_endpoint : cfg->listen[0];
    if (!endpoint || is_wildcard(endpoint)) {
        ctl_complain(
            "--endpoint: how do others reach this broker? Such as tcp://broker.example:7021");
        return CTL_USAGE;
    }
    if (!text_starts_with(endpoint, "tcp://") ||
        !text_copy(t->endpoint, sizeof(t->endpoint), endpoint)) {
        ctl_complain("--endpoint %s: not such as tcp://broker.example:7021", endpoint);
        return CTL_USAGE;
    }
    if (hub[0] != '\0' && sign_publics_parse(hub, &t->hub_key, 1, &n) < 0)
        memset(&t->hub_key, 0,
               sizeof(t->hub_key)); /* several: the one of the first is not enough */
    if (client) {
        (void)text_copy(t->server_key, sizeof(t->server_key), cfg->connection_key);
        return CTL_DONE;
    }
    _cleanup_(keys_wipe) NodeKeys keys = { 0 };
    int r = ctl_load_keys(cfg->key_file, &keys);
    (void)text_copy(t->server_key, sizeof(t->server_key), keys.curve_public);
    if (r == CTL_DONE && cfg->role == ROLE_HUB)
        t->hub_key = keys.sign.public;
    return r;
}

static int print_token(const Ctl *c, const EnrolToken *t, const json_t *rows) {
    char *text = enrol_token_print(t);
    if (!text)
        return CTL_REFUSED;
    const json_t *row = json_array_get(rows, 0);
    if (c->json) {
        _cleanup_(json_dropp) json_t *line =
            json_pack("{s:O,s:O,s:s}", "id", json_object_get(row, "id"), "expires_at",
                      json_object_get(row, "expires_at"), "token", text);
        if (line)
            ctl_print_json(line);
    } else {
        puts(text);
        fprintf(stderr,
                "Token %lld for %s. Give the line above to the institution, over a way you trust: "
                "whoever has it first can hand in keys with it, once. There:\n"
                "  serasictl enrol --token - FOLDER\n"
                "Then have the fingerprint read out to you, compare: serasictl enrol list, and\n"
                "  serasictl enrol approve %lld\n",
                (long long)json_integer_value(json_object_get(row, "id")), t->node,
                (long long)json_integer_value(json_object_get(row, "id")));
    }
    secret_wipe(text, strlen(text));
    free(text);
    return CTL_DONE;
}

static int make_token(Ctl *c, const char *node, const char *label, const char *hours,
                      const char *endpoint) {
    _cleanup_(keys_wipe) NodeKeys once = { 0 };
    _cleanup_(json_dropp) json_t *rows = NULL;
    EnrolToken t = { 0 };
    if (!text_copy(t.node, sizeof(t.node), node) || !text_copy(t.label, sizeof(t.label), label)) {
        ctl_complain("%s, label %s: too long", node, label);
        return CTL_USAGE;
    }
    int r = fill_broker(c, endpoint, &t);
    if (r != CTL_DONE)
        return r;
    if (hash_init() < 0 || keys_generate(&once) < 0)
        return CTL_REFUSED;
    const char *args[] = { node, label, once.curve_public, hours };
    r = ctl_ask(c, "enrol-token", args, ARRAY_SIZE(args), false, &rows);
    if (r != CTL_DONE)
        return r;
    (void)text_copy(t.secret, sizeof(t.secret), once.curve_secret);
    r = print_token(c, &t, rows);
    secret_wipe(&t, sizeof(t));
    return r;
}

/* --- at the broker: what was handed in ------------------------------------------------------- */

static int ask_and_print(Ctl *c, const char *verb, const char *const *args, size_t n) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    int r = ctl_ask(c, verb, args, n, false, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

/* --- at the institution ---------------------------------------------------------------------- */

typedef struct Joining {
    Ctl *c;
    const char *dir;
    EnrolToken token;
    char token_file[PATH_MAX], key_file[PATH_MAX], own_keys[PATH_MAX], config_file[PATH_MAX];
    int64_t until_ms;
} Joining;

/* Before all else in the folder: whatever is missing there then belongs to this enrolment. */
static int save_token(const Joining *j, const char *text) {
    char full[PATH_MAX];
    int r = ctl_make_folder(j->dir, full);
    if (r == 0)
        r = file_put_new(j->token_file, bytes_make(text, strlen(text)), 0600);
    if (r < 0)
        ctl_complain("%s: %s", j->token_file, strerror(-r));
    return r < 0 ? CTL_REFUSED : CTL_DONE;
}

/* A folder with keys and configuration. */
static int make_folder(const Joining *j) {
    _cleanup_(freep) char *hub = NULL;
    if (public_key_is_set(j->token.hub_key.b)) {
        hub = base64_encode(bytes_make(j->token.hub_key.b, sizeof(j->token.hub_key.b)));
        if (!hub)
            return CTL_REFUSED;
    }
    return ctl_init_client(j->dir, j->token.node, j->token.endpoint, j->token.server_key, hub);
}

/* Of a folder that is whole and has no token, init says what is wrong. */
static int fill_folder(const Joining *j, const char *text, bool fresh) {
    const bool whole = access(j->config_file, F_OK) == 0;
    const int r = fresh && !whole ? save_token(j, text) : CTL_DONE;
    return r == CTL_DONE && (fresh || !whole) ? make_folder(j) : r;
}

static int prepare(Joining *j, const char *text) {
    _cleanup_(freep) char *kept = NULL;
    size_t n;
    bool fresh = text != NULL;
    if (snprintf(j->token_file, PATH_MAX, "%s/" TOKEN_FILE, j->dir) >= PATH_MAX ||
        snprintf(j->key_file, PATH_MAX, "%s/" KEY_FILE, j->dir) >= PATH_MAX ||
        snprintf(j->own_keys, PATH_MAX, "%s/keys", j->dir) >= PATH_MAX ||
        snprintf(j->config_file, PATH_MAX, "%s/" CONFIG_FILE_NAME, j->dir) >= PATH_MAX) {
        ctl_complain("%s: the path is too long", j->dir);
        return CTL_USAGE;
    }
    if (access(j->token_file, F_OK) == 0) {
        kept = ctl_read_file(j->token_file, &n);
        if (!kept)
            return CTL_REFUSED;
        if (text && strcmp(text, kept) != 0) {
            ctl_complain("%s: another enrolment was begun there; choose another folder", j->dir);
            return CTL_REFUSED;
        }
        text = kept;
        fresh = false;
    }
    if (!text) {
        ctl_complain("%s: no enrolment was begun there; give the line with --token -", j->dir);
        return CTL_USAGE;
    }
    if (enrol_token_parse(text, &j->token) < 0 || !curve_text_is_valid(j->token.server_key) ||
        !curve_text_is_valid(j->token.secret)) {
        ctl_complain("the token is not whole: copy the line again, all of it");
        return CTL_REFUSED;
    }
    return fill_folder(j, text, fresh);
}

/* The session that the token is good for. */
static int open_once(Joining *j) {
    _cleanup_(keys_wipe) NodeKeys once = { 0 };
    if (hash_init() < 0 || keys_from_curve(j->token.secret, &once) < 0)
        return CTL_REFUSED;
    (void)unlink(j->key_file); /* of an attempt that was interrupted */
    int r = keys_save(&once, j->key_file);
    if (r == 0)
        r = ctl_open(j->c, j->token.endpoint, j->token.server_key, j->key_file, NULL,
                     (int)ctl_timeout(j->c, OPEN_MS));
    (void)unlink(j->key_file);
    if (r == 0)
        return CTL_DONE;
    if (r == SERASI_NOT_KNOWN) {
        ctl_complain("%s does not know this token: it was used, refused, or expired long ago; ask "
                     "its operators for another one",
                     j->token.endpoint);
        return CTL_REFUSED;
    }
    ctl_complain("%s: %s", j->token.endpoint, serasi_strerror(r));
    return CTL_UNREACHABLE;
}

static void show_fingerprint(const Joining *j, const DirKey *key) {
    char text[KEY_FINGERPRINT_SIZE];
    key_fingerprint(key, text);
    if (j->c->json) {
        _cleanup_(json_dropp) json_t *line = json_pack(
            "{s:s,s:s,s:s}", "node", j->token.node, "label", j->token.label, "fingerprint", text);
        if (line)
            ctl_print_json(line);
        (void)fflush(stdout);
        return;
    }
    printf("Fingerprint of the new keys of %s:\n\n    %s\n\n", j->token.node, text);
    (void)fflush(stdout);
    fprintf(stderr, "Call the operators of the broker, on a number you know, and read it out.\n");
}

static int hand_in(Joining *j) {
    _cleanup_(keys_wipe) NodeKeys keys = { 0 };
    _cleanup_(json_dropp) json_t *row = NULL;
    int r = ctl_load_keys(j->own_keys, &keys);
    if (r != CTL_DONE)
        return r;
    KeyRequest q = { .act = KEY_ACT_ADD,
                     .key = { .sign = keys.sign.public, .seal = keys.seal.public },
                     .asked_ms = now_read().wall_ms };
    (void)text_copy(q.key.curve, sizeof(q.key.curve), keys.curve_public);
    (void)text_copy(q.key.node, sizeof(q.key.node), j->token.node);
    (void)text_copy(q.key.label, sizeof(q.key.label), j->token.label);
    if (codec_encode_key_demand(&q) < 0)
        return CTL_REFUSED;
    key_request_prove(&q, &keys.sign);
    r = ctl_hand_in(j->c, "enrol-hand-in", &q, &row);
    if (r == CTL_DONE)
        show_fingerprint(j, &q.key);
    return r;
}

/* Asks how it stands: 0 = no answer. */
static EnrolState ask_state(Joining *j) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    _cleanup_(freep) char *refusal = NULL;
    if (ctl_query(j->c, "enrol-state", NULL, 0, (Bytes) { 0 }, &rows, &refusal) != 0)
        return ENROL_NONE;
    const char *text = json_string_value(json_object_get(json_array_get(rows, 0), "state"));
    for (EnrolState s = ENROL_OPEN; text && s <= ENROL_REFUSED; s++)
        if (strcmp(text, enrol_state_name(s)) == 0)
            return s;
    return ENROL_NONE;
}

static int too_late(const Joining *j, const char *what) {
    ctl_progress(NULL);
    fprintf(stderr,
            "%s. Go on later with: serasictl enrol %s\n"
            "Nobody has to wait for it: programs with this folder connect when they are let in.\n",
            what, j->dir);
    return CTL_UNREACHABLE;
}

static int wait_for_approval(Joining *j) {
    for (;;) {
        const EnrolState s = ask_state(j);
        if (s == ENROL_APPROVED || s == ENROL_REFUSED)
            ctl_progress(NULL);
        if (s == ENROL_APPROVED)
            return CTL_DONE;
        if (s == ENROL_REFUSED) {
            ctl_complain("the operators of the broker refused these keys");
            return CTL_REFUSED;
        }
        if (now_read().mono_ms >= j->until_ms)
            return too_late(j, "Not approved yet");
        ctl_progress("waiting for the operators to approve");
        ctl_pause(j->c, LOOK_MS);
    }
}

/* With the keys of one's own: when the hub's change has come down. */
static int wait_to_be_let_in(Joining *j) {
    for (;;) {
        serasi_close(j->c->client);
        j->c->client = NULL;
        ctl_progress("waiting for the directory");
        const int r =
            ctl_open(j->c, j->token.endpoint, j->token.server_key, j->own_keys, NULL, TRY_MS);
        if (r == 0)
            break;
        if (now_read().mono_ms >= j->until_ms)
            return too_late(j, "Approved, but the directory has not come down yet");
        ctl_pause(j->c, 200);
    }
    ctl_progress(NULL);
    (void)unlink(j->token_file);
    fprintf(stderr, "%s is connected to %s. Its folder: %s\n", serasi_node(j->c->client),
            serasi_broker(j->c->client), j->dir);
    return CTL_DONE;
}

/* Whoever is on the machine sees command lines, and the shell keeps them: the line is asked for. */
static char *ask_token(void) {
    char *line = NULL;
    size_t size = 0;
    if (isatty(STDIN_FILENO))
        fputs("The line that the broker's operator gave you: ", stderr);
    const ssize_t n = getline(&line, &size, stdin);
    if (n > 0)
        line[strcspn(line, " \t\r\n")] = '\0';
    if (n > 0 && line[0] != '\0')
        return line;
    ctl_complain("no token was given");
    free(line);
    return NULL;
}

static int join(Ctl *c, const char *dir, const char *token, bool no_wait) {
    _cleanup_(freep) char *asked = NULL;
    Joining j = { .c = c, .dir = dir };
    if (token && strcmp(token, "-") == 0 && !(token = asked = ask_token()))
        return CTL_USAGE;
    j.until_ms = now_read().mono_ms + ctl_timeout(c, WAIT_MS);
    int r = prepare(&j, token);
    if (r == CTL_DONE)
        r = open_once(&j);
    if (r == CTL_DONE)
        r = hand_in(&j);
    if (r == CTL_DONE && !no_wait) {
        r = wait_for_approval(&j);
        if (r == CTL_DONE)
            r = wait_to_be_let_in(&j);
    }
    secret_wipe(&j.token, sizeof(j.token));
    if (asked)
        secret_wipe(asked, strlen(asked));
    return r;
}

/* --- command --------------------------------------------------------------------------------- */

typedef struct EnrolOptions {
    const char *token, *label, *hours, *endpoint;
    bool no_wait;
} EnrolOptions;

static int operate(Ctl *c, const char *const *args, size_t n, const EnrolOptions *o) {
    int r = ctl_config(c);
    if (r != CTL_DONE)
        return r;
    if (strcmp(args[0], "token") == 0 && n == 2)
        return make_token(c, args[1], o->label, o->hours, o->endpoint);
    if (strcmp(args[0], "list") == 0 && n == 1)
        return ask_and_print(c, "enrol-list", NULL, 0);
    if (strcmp(args[0], "approve") == 0 && n == 2)
        return ask_and_print(c, "enrol-approve", args + 1, 1);
    if (strcmp(args[0], "refuse") == 0 && n == 2)
        return ask_and_print(c, "enrol-refuse", args + 1, 1);
    ctl_complain("see serasictl enrol --help");
    return CTL_USAGE;
}

static bool is_verb(const char *text) {
    static const char *const verbs[] = { "token", "list", "approve", "refuse" };
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(text, verbs[i]) == 0)
            return true;
    return false;
}

int ctl_cmd_enrol(Ctl *c, int argc, char **argv) {
    const char *args[2] = { NULL };
    EnrolOptions o = { .label = "main", .hours = "24" };
    size_t n = 0;
    const CtlOption options[] = {
        { .name = "token", .value = &o.token },    { .name = "label", .value = &o.label },
        { .name = "hours", .value = &o.hours },    { .name = "endpoint", .value = &o.endpoint },
        { .name = "no-wait", .flag = &o.no_wait }, { 0 }
    };
    int r = ctl_parse(c, argc, argv, options, args, 1, 2, &n);
    if (r != CTL_DONE)
        return r;
    if (!o.token && is_verb(args[0]))
        return operate(c, args, n, &o);
    if (n == 1)
        return join(c, args[0], o.token, o.no_wait);
    ctl_complain("see serasictl enrol --help");
    return CTL_USAGE;
}
