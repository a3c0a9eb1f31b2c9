/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keys of this folder's node: which there are, a new one in place of the present one, the end of
 * older ones. Each step of a change is on disk before the next one is made, so whatever happens in
 * between, the same command goes on from there, and at no moment is there no key that is let in.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "core/key-request.h"
#include "daemon/ctl.h"
#include "net/keys.h"
#include "wire/codec.h"

#define WAIT_MS    (5 * MINUTE_MS) /* for the hub's change to come down */
#define LOOK_MS    500
#define OVERLAP_MS DAY_MS

typedef struct KeyChange {
    Ctl *c;
    NodeKeys now, next;
    char label[LABEL_SIZE];       /* of the keys */
    int64_t until_ms;             /* to wait for the directory, monotonic */
    char message[UUID_TEXT_SIZE]; /* with which it was asked for last; "" = nothing was sent */
} KeyChange;

static void change_deinit(KeyChange *k) {
    keys_wipe(&k->now);
    keys_wipe(&k->next);
}

/* --- the broker's list ----------------------------------------------------------------------- */

static const char *cell(const json_t *row, const char *name) {
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

/* *ret: an array; the caller's reference. */
static int list_keys(Ctl *c, json_t **ret) {
    return ctl_ask(c, "key-list", NULL, 0, false, ret);
}

static const json_t *find_key(const json_t *rows, const char *curve) {
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(cell(row, "curve"), curve) == 0)
            return row;
    }
    return NULL;
}

/* Has the hub refused it? A broker of before says nothing of that. */
static bool is_refused(const KeyChange *k) {
    _cleanup_(freep) char *refusal = NULL;
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *arg = k->message;
    if (k->message[0] == '\0' ||
        ctl_query(k->c, "key-asked", &arg, 1, (Bytes) { 0 }, &rows, &refusal) != SERASI_REFUSED)
        return false;
    ctl_progress(NULL);
    ctl_complain("refused by the hub: %s", refusal);
    return true;
}

/* Until the home broker has the key in that state. */
static int wait_for(KeyChange *k, const char *curve, const char *state, const char *text) {
    for (;;) {
        _cleanup_(json_dropp) json_t *rows = NULL;
        int r = list_keys(k->c, &rows);
        if (r != CTL_DONE)
            return r;
        const json_t *row = find_key(rows, curve);
        const bool there = row && strcmp(cell(row, "state"), state) == 0;
        ctl_progress(there ? NULL : text);
        if (there)
            return CTL_DONE;
        if (is_refused(k))
            return CTL_REFUSED;
        if (now_read().mono_ms >= k->until_ms) {
            ctl_progress(NULL);
            ctl_complain("%s: not yet; the request is on its way. The same command goes on from "
                         "here, now or later",
                         text);
            return CTL_UNREACHABLE;
        }
        ctl_pause(k->c, LOOK_MS);
    }
}

/* --- requests -------------------------------------------------------------------------------- */

int ctl_hand_in(Ctl *c, const char *verb, const KeyRequest *r, json_t **ret_row) {
    _cleanup_(freep) uint8_t *bytes = NULL;
    _cleanup_(freep) char *refusal = NULL;
    _cleanup_(json_dropp) json_t *rows = NULL;
    size_t n = 0;
    if (codec_encode_key_request(r, &bytes, &n) < 0)
        return CTL_REFUSED;
    int e = ctl_query(c, verb, NULL, 0, bytes_make(bytes, n), &rows, &refusal);
    if (e == SERASI_REFUSED) {
        ctl_complain("refused: %s", refusal);
        return CTL_REFUSED;
    }
    if (e != 0) {
        ctl_complain("%s: %s", verb, serasi_strerror(e));
        return CTL_UNREACHABLE;
    }
    *ret_row = json_incref(json_array_get(rows, 0));
    return CTL_DONE;
}

static int ask(KeyChange *k, KeyRequest *r, const NodeKeys *signer) {
    _cleanup_(json_dropp) json_t *row = NULL;
    (void)text_copy(r->key.node, sizeof(r->key.node), k->c->config->node);
    (void)text_copy(r->key.label, sizeof(r->key.label), k->label);
    r->asked_ms = now_read().wall_ms;
    if (codec_encode_key_demand(r) < 0)
        return CTL_REFUSED;
    if (r->act == KEY_ACT_ADD)
        key_request_prove(r, &k->next.sign);
    key_request_sign(r, k->c->config->node, &signer->sign);
    const int e = ctl_hand_in(k->c, "key-request", r, &row);
    (void)text_copy(k->message, sizeof(k->message), e == CTL_DONE ? cell(row, "message") : "");
    return e;
}

static int ask_for_next(KeyChange *k) {
    KeyRequest r = { .act = KEY_ACT_ADD,
                     .key = { .sign = k->next.sign.public, .seal = k->next.seal.public } };
    (void)text_copy(r.key.curve, sizeof(r.key.curve), k->next.curve_public);
    return ask(k, &r, &k->now);
}

static int ask_for_end(KeyChange *k, const char *curve, int64_t end_ms) {
    KeyRequest r = { .act = KEY_ACT_END, .key = { .valid_until_ms = end_ms } };
    if (!text_copy(r.key.curve, sizeof(r.key.curve), curve))
        return CTL_REFUSED;
    return ask(k, &r, &k->now);
}

/* --- what there is --------------------------------------------------------------------------- */

/* The folder's keys, and under which label the broker knows them. */
static int look(KeyChange *k) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *path = k->c->config->key_file;
    int r = ctl_load_keys(path, &k->now);
    if (r == CTL_DONE && !keys_can_sign(&k->now)) {
        ctl_complain("%s has no key to sign with: requests are signed. serasictl keygen --add %s, "
                     "and have its line entered by the operators of the directory",
                     path, path);
        r = CTL_REFUSED;
    }
    if (r == CTL_DONE)
        r = list_keys(k->c, &rows);
    if (r != CTL_DONE)
        return r;
    const json_t *row = find_key(rows, k->now.curve_public);
    if (row) {
        (void)text_copy(k->label, sizeof(k->label), cell(row, "label"));
        return CTL_DONE;
    }
    ctl_complain("the broker does not know the key in %s", path);
    return CTL_REFUSED;
}

#define NAME_SIZE (PATH_MAX + 8)

static void name_of(const Ctl *c, const char *suffix, char ret[static NAME_SIZE]) {
    char real[PATH_MAX];
    (void)snprintf(ret, NAME_SIZE, "%s%s",
                   realpath(c->config->key_file, real) ? real : c->config->key_file, suffix);
}

/* New keys beside the present ones, or those an earlier attempt left there. */
static int make_next(KeyChange *k) {
    char path[NAME_SIZE];
    name_of(k->c, KEYS_NEXT, path);
    if (access(path, F_OK) == 0) {
        fprintf(stderr, "serasictl: going on with the new keys in %s\n", path);
        return ctl_load_keys(path, &k->next);
    }
    int e = hash_init();
    if (e == 0)
        e = keys_follow(&k->now, &k->next);
    if (e == 0)
        e = keys_save_next(&k->next, k->c->config->key_file);
    if (e < 0)
        ctl_complain("%s: %s", path, strerror(-e));
    return e < 0 ? CTL_REFUSED : CTL_DONE;
}

/* --- rotate ---------------------------------------------------------------------------------- */

/* The new keys take the place of the present ones, and are tried. */
static int switch_over(KeyChange *k) {
    int e = keys_switch(k->c->config->key_file);
    if (e < 0) {
        ctl_complain("%s: %s", k->c->config->key_file, strerror(-e));
        return CTL_REFUSED;
    }
    keys_wipe(&k->now);
    int r = ctl_load_keys(k->c->config->key_file, &k->now);
    serasi_close(k->c->client);
    k->c->client = NULL;
    return r == CTL_DONE ? ctl_connect(k->c) : r;
}

static void print_result(const Ctl *c, const char *label, const NodeKeys *keys, int64_t end_ms) {
    DirKey key = { .sign = keys->sign.public, .seal = keys->seal.public };
    char fingerprint[KEY_FINGERPRINT_SIZE];
    (void)text_copy(key.curve, sizeof(key.curve), keys->curve_public);
    key_fingerprint(&key, fingerprint);
    _cleanup_(json_dropp) json_t *rows =
        json_pack("[{s:s,s:s,s:s,s:I}]", "label", label, "fingerprint", fingerprint, "curve",
                  keys->curve_public, "others_end_at", (json_int_t)end_ms);
    ctl_print_rows(c, rows);
}

/* All other keys of the label end then. With wait: until the broker knows it. */
static int end_others(KeyChange *k, int64_t end_ms, bool wait) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    size_t i;
    json_t *row;
    int r = list_keys(k->c, &rows);
    json_array_foreach(rows, i, row) {
        const char *curve = cell(row, "curve");
        if (r != CTL_DONE || strcmp(curve, k->now.curve_public) == 0 ||
            strcmp(cell(row, "label"), k->label) != 0 || strcmp(cell(row, "state"), "valid") != 0)
            continue;
        r = ask_for_end(k, curve, end_ms);
        if (r == CTL_DONE && wait)
            r = wait_for(k, curve, "ended", "waiting for the end of the old key");
    }
    return r;
}

static int remove_old(const KeyChange *k) {
    char path[NAME_SIZE];
    name_of(k->c, KEYS_OLD, path);
    if (unlink(path) == 0 || errno == ENOENT)
        return CTL_DONE;
    ctl_complain("%s: %s", path, strerror(errno));
    return CTL_REFUSED;
}

static int retire(KeyChange *k) {
    const int64_t now_ms = now_read().wall_ms;
    int r = end_others(k, now_ms, true);
    if (r == CTL_DONE)
        r = remove_old(k); /* its sealing pair is kept in the new file */
    if (r == CTL_DONE)
        print_result(k->c, k->label, &k->now, now_ms);
    return r;
}

static int rotate_client(KeyChange *k, int64_t overlap_ms) {
    int r = switch_over(k);
    if (r != CTL_DONE)
        return r;
    if (overlap_ms == 0)
        return retire(k);
    const int64_t end_ms = now_read().wall_ms + overlap_ms;
    r = end_others(k, end_ms, false);
    if (r == CTL_DONE)
        print_result(k->c, k->label, &k->now, end_ms);
    if (r == CTL_DONE)
        fprintf(stderr, "Programs that have the old key loaded go on with it until then: start "
                        "them again before.\n");
    return r;
}

/* The broker itself has to change over: people decide when. */
static int rotate_broker(const KeyChange *k) {
    char path[NAME_SIZE];
    name_of(k->c, KEYS_NEXT, path);
    print_result(k->c, k->label, &k->next, 0);
    fprintf(
        stderr,
        "The directory has the new keys of this broker. Next, see SERVER KEYS in serasictl(1):\n"
        "  1. in [listen]: next-endpoint = tcp://...:PORT and next-key-file = %s; restart\n"
        "  2. when clients and brokers below know them (serasictl status): `serasictl key "
        "switch`, endpoint = that of next-endpoint, the next-... lines away; restart\n"
        "  3. serasictl key retire\n",
        path);
    return CTL_DONE;
}

static int rotate(KeyChange *k, int64_t overlap_ms) {
    int r = make_next(k);
    if (r == CTL_DONE)
        r = ask_for_next(k);
    if (r == CTL_DONE)
        r = wait_for(k, k->next.curve_public, "valid", "waiting for the directory to have it");
    if (r != CTL_DONE)
        return r;
    return k->c->config->role == ROLE_CLIENT ? rotate_client(k, overlap_ms) : rotate_broker(k);
}

/* --- command --------------------------------------------------------------------------------- */

static int parse_overlap(const char *text, bool at_once, int64_t *ret) {
    *ret = at_once ? 0 : OVERLAP_MS;
    if (!text)
        return CTL_DONE;
    if (!at_once && duration_parse(text, ret) == 0 && *ret <= 366 * DAY_MS)
        return CTL_DONE;
    ctl_complain("--overlap: a duration such as 24h, at most a year, and not with --retire-now");
    return CTL_USAGE;
}

static int list(Ctl *c, const char *node) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    int r = ctl_ask(c, "key-list", &node, node ? 1 : 0, false, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

static int switch_broker(const Ctl *c) {
    int e = keys_switch(c->config->key_file);
    if (e == 0)
        return CTL_DONE;
    ctl_complain("%s" KEYS_NEXT ": %s", c->config->key_file, strerror(-e));
    return CTL_REFUSED;
}

int ctl_cmd_key(Ctl *c, int argc, char **argv) {
    const char *args[2] = { NULL }, *overlap = NULL;
    bool at_once = false;
    size_t n = 0;
    int64_t overlap_ms = 0;
    _cleanup_(change_deinit) KeyChange k = { .c = c };
    const CtlOption options[] = { { .name = "overlap", .value = &overlap },
                                  { .name = "retire-now", .flag = &at_once },
                                  { 0 } };
    int r = ctl_parse(c, argc, argv, options, args, 1, 2, &n);
    if (r == CTL_DONE)
        r = parse_overlap(overlap, at_once, &overlap_ms);
    if (r == CTL_DONE)
        r = ctl_config(c);
    if (r != CTL_DONE)
        return r;
    const bool rotates = strcmp(args[0], "rotate") == 0, retires = strcmp(args[0], "retire") == 0;
    if (strcmp(args[0], "list") == 0)
        return list(c, args[1]);
    if (strcmp(args[0], "switch") == 0 && n == 1 && c->config->role != ROLE_CLIENT)
        return switch_broker(c);
    if (n != 1 || !(rotates || retires)) {
        ctl_complain("key list [NODE], key rotate, key retire, or a broker's key switch");
        return CTL_USAGE;
    }
    k.until_ms = now_read().mono_ms + ctl_timeout(c, WAIT_MS);
    r = look(&k);
    if (r != CTL_DONE)
        return r;
    return rotates ? rotate(&k, overlap_ms) : retire(&k);
}
