/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * serasictl: what its files share. Each command is one function that parses its own arguments and
 * returns the exit status. Answers go to stdout (JSON lines with --json, else for people), remarks
 * and complaints to stderr.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>
#include <serasi/client.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "core/key-request.h"
#include "daemon/config.h"
#include "net/keys.h"

typedef enum CtlStatus {
    CTL_DONE = 0,
    CTL_REFUSED = 1, /* refused, not found, or it failed here */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3, /* no answer in time */
} CtlStatus;

typedef struct Ctl {
    const char *command;
    const char *dir;
    bool json, help;
    int64_t timeout_ms;    /* -1: not given */
    uint32_t limit;        /* most rows; 0: what the broker thinks right */
    Config *config;        /* of dir, once ctl_config() was called */
    serasi_client *client; /* once ctl_connect() was called */
    struct NodeKeys *keys; /* of a hub, once its store was opened here */
} Ctl;

typedef struct CtlCommand {
    const char *name, *arguments, *summary;
    const char *help; /* what the options mean; "" = nothing to add */
    int (*run)(Ctl *c, int argc, char **argv);
} CtlCommand;
extern const CtlCommand ctl_commands[]; /* ended by name == NULL; serasictl.c */

/* --- arguments and words, ctl-args.c --- */

typedef struct CtlOption {
    const char *name;   /* without the dashes */
    const char **value; /* takes an argument */
    bool *flag;         /* takes none */
} CtlOption;

/* Sorts argv into options (these and the global ones) and other arguments, of which there must be
 * min to max. Returns 0 or CTL_USAGE, having said why. options end with name == NULL. */
_must_check_ int ctl_parse(Ctl *c, int argc, char **argv, const CtlOption *options,
                           const char **args, size_t min, size_t max, size_t *ret_n);
_printf_(1, 2) void ctl_complain(const char *format, ...);
int64_t ctl_timeout(const Ctl *c, int64_t preset_ms);
/* A whole file, "-" = stdin, with a NUL behind it. NULL after a complaint. */
char *ctl_read_file(const char *path, size_t *ret_n);
/* KEY arguments: the 40 characters, or the JSON line of `serasictl pubkey`. CTL_DONE or CTL_USAGE.
 */
_must_check_ int ctl_parse_key(const char *text, char ret[static CURVE_TEXT_SIZE]);

/* --- a folder and its broker, ctl-connect.c --- */

/* Loads the configuration of the folder. A CtlStatus. */
_must_check_ int ctl_config(Ctl *c);
/* Opens a session: with the folder's broker over its admin socket, or as a client. A CtlStatus. */
_must_check_ int ctl_connect(Ctl *c);
/* Is the folder a broker's, with the broker not running? */
bool ctl_is_offline(Ctl *c);
/* Asks the broker, or the store of a stopped one when offline_too. *ret: an array of objects, the
 * caller's reference; not set unless CTL_DONE. Every failure is explained. */
_must_check_ int ctl_ask(Ctl *c, const char *verb, const char *const *args, size_t n_args,
                         bool offline_too, json_t **ret);
/* One question over the open session. SERASI_REFUSED: *ret_text has the reason. */
_must_check_ int ctl_query(Ctl *c, const char *verb, const char *const *args, size_t n_args,
                           Bytes input, json_t **ret, char **ret_text);
/* What a status of libserasi means for the exit status, with a complaint. */
int ctl_explain(Ctl *c, int r, const char *doing);
void ctl_close(Ctl *c);
/* A session as a client with those keys. A status of libserasi; ctl_close() ends it. */
_must_check_ int ctl_open(Ctl *c, const char *endpoint, const char *server_key,
                          const char *key_file, const char *hub_key, int timeout_ms);
/* Lets time pass; the session is kept alive meanwhile. */
void ctl_pause(Ctl *c, int ms);
/* Blocks SIGINT and SIGTERM; a signalfd for them instead, so that an end can be orderly. */
int ctl_take_signals(void);

/* --- the store of a stopped broker, ctl-offline.c --- */
struct Store;
struct StoreConfig;
/* ctl_config() of a broker; CTL_USAGE, after a complaint, for a client's folder. */
_must_check_ int ctl_broker_config(Ctl *c);
/* What the daemon would open; path is the caller's and must live as long. Returns 0 or -errno. */
_must_check_ int ctl_store_config(Ctl *c, struct StoreConfig *ret,
                                  char path[static CONFIG_PATH_SIZE]);
_must_check_ int ctl_open_store(Ctl *c, struct Store **ret);
_must_check_ int ctl_offline_query(Ctl *c, const char *verb, const char *const *args, size_t n_args,
                                   json_t **ret);

/* --- folders and key files, ctl-init.c --- */
/* With those above it; it is for its owner alone. 0 or -errno. */
_must_check_ int ctl_make_folder(const char *path, char ret_full[static PATH_MAX]);
/* A client's folder, as `init` makes it; hub_key may be NULL. A CtlStatus. */
_must_check_ int ctl_init_client(const char *dir, const char *node, const char *broker,
                                 const char *broker_key, const char *hub_key);
/* A CtlStatus, after a complaint. */
_must_check_ int ctl_load_keys(const char *path, NodeKeys *ret);

/* --- requests for keys, ctl-key.c --- */
/* Encodes it and hands it in with that verb. *ret_row: what the broker says became of it, NULL when
 * it did not say; the caller's reference. A CtlStatus. */
_must_check_ int ctl_hand_in(Ctl *c, const char *verb, const KeyRequest *r, json_t **ret_row);

/* --- printing, ctl-print.c --- */

/* Rows as JSON lines or as a table with aligned columns and local times. */
void ctl_print_rows(const Ctl *c, const json_t *rows);
/* One JSON value on one line. */
void ctl_print_json(const json_t *value);
/* A progress line on a terminal's stderr, written over the last one; NULL ends it. */
void ctl_progress(const char *text);
static inline void json_dropp(json_t **p) {
    json_decref(*p);
}

/* Takes the next JSON document of a text of several. 0; 1 at the end; -1 after a complaint that
 * names file and line. */
typedef struct CtlDocuments {
    const char *file, *text;
    size_t n, at;
    unsigned line;
} CtlDocuments;
_must_check_ int ctl_next_document(CtlDocuments *d, json_t **ret);

/* --- commands --- */
int ctl_cmd_init(Ctl *c, int argc, char **argv);
int ctl_cmd_keygen(Ctl *c, int argc, char **argv);
int ctl_cmd_pubkey(Ctl *c, int argc, char **argv);
int ctl_cmd_key(Ctl *c, int argc, char **argv);
int ctl_cmd_enrol(Ctl *c, int argc, char **argv);
int ctl_cmd_node(Ctl *c, int argc, char **argv);
int ctl_cmd_publish(Ctl *c, int argc, char **argv);
int ctl_cmd_recall(Ctl *c, int argc, char **argv);
int ctl_cmd_seal(Ctl *c, int argc, char **argv);
int ctl_cmd_wraps(Ctl *c, int argc, char **argv);
int ctl_cmd_consume(Ctl *c, int argc, char **argv);
int ctl_cmd_subscribe(Ctl *c, int argc, char **argv);
int ctl_cmd_unsubscribe(Ctl *c, int argc, char **argv);
int ctl_cmd_validate(Ctl *c, int argc, char **argv);
int ctl_cmd_rules(Ctl *c, int argc, char **argv);
int ctl_cmd_item(Ctl *c, int argc, char **argv); /* referral, complaint, case, event, proposal */
int ctl_cmd_law(Ctl *c, int argc, char **argv);  /* worklist, due, report */
int ctl_cmd_refold(Ctl *c, int argc, char **argv);
int ctl_cmd_status(Ctl *c, int argc, char **argv);
int ctl_cmd_ask(Ctl *c, int argc, char **argv); /* the verbs that only ask */
int ctl_cmd_dead(Ctl *c, int argc, char **argv);
int ctl_cmd_backup(Ctl *c, int argc, char **argv);
int ctl_cmd_check(Ctl *c, int argc, char **argv);
int ctl_cmd_ledger(Ctl *c, int argc, char **argv);
int ctl_cmd_salvage(Ctl *c, int argc, char **argv);
int ctl_cmd_bench(Ctl *c, int argc, char **argv);
