/* SPDX-License-Identifier: Apache-2.0 */

/* The store of a broker that does not run, opened under the same lock the broker would take. */

#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "daemon/ctl.h"
#include "net/keys.h"
#include "store/store.h"
#include "wire/codec.h"
#include "wire/json.h"

/* The hub's store is written with the hub's signature. Without its keys it can be read only. */
static void take_hub_keys(Ctl *c, StoreConfig *ret) {
    if (c->config->role != ROLE_HUB)
        return;
    if (!c->keys) {
        c->keys = calloc(1, sizeof(*c->keys));
        if (!c->keys || keys_load(c->keys, c->config->key_file) < 0)
            return;
    }
    if (keys_can_sign(c->keys))
        ret->sign_key = &c->keys->sign;
}

int ctl_broker_config(Ctl *c) {
    const int r = ctl_config(c);
    if (r != CTL_DONE || c->config->role != ROLE_CLIENT)
        return r;
    ctl_complain("%s is a client's folder; only brokers have a store", c->dir);
    return CTL_USAGE;
}

int ctl_store_config(Ctl *c, StoreConfig *ret, char path[static CONFIG_PATH_SIZE]) {
    int r = hash_init();
    if (r == 0)
        r = config_fill_store(c->config, ret, path);
    take_hub_keys(c, ret);
    ret->codec = &codec_message;
    ret->directory_codec = &codec_directory;
    return r;
}

int ctl_open_store(Ctl *c, Store **ret) {
    StoreConfig config;
    char path[CONFIG_PATH_SIZE], why[256] = "";
    int r = ctl_store_config(c, &config, path);
    if (r == 0)
        r = store_open(ret, &config, NULL, NULL, why);
    if (r == 0)
        return CTL_DONE;
    ctl_complain("cannot open the store in %s: %s", c->config->data_dir,
                 why[0] ? why : strerror(-r));
    return CTL_REFUSED;
}

static int run_query(Store *s, StoreOp *op, json_t **ret) {
    _cleanup_(freep) char *text = NULL;
    do {
        const int r = store_run(s, op, now_read().wall_ms);
        if (r < 0) {
            ctl_complain("the store failed: %s", strerror(-r));
            return CTL_REFUSED;
        }
    } while (store_query_goes_on(op));
    const Table *t = op->query.table;
    if (!t || t->failed || t->code != 0) {
        ctl_complain("%s", t && !t->failed ? t->text : "out of memory");
        return CTL_REFUSED;
    }
    json_t *rows = json_print_table(t, false, &text) == 0 ? json_loads(text, 0, NULL) : NULL;
    if (!rows)
        return CTL_REFUSED;
    *ret = rows;
    return CTL_DONE;
}

int ctl_offline_query(Ctl *c, const char *verb, const char *const *args, size_t n_args,
                      json_t **ret) {
    _cleanup_(store_closep) Store *s = NULL;
    _cleanup_(store_op_freep) StoreOp *op = store_op_new(OP_QUERY);
    if (!op || n_args > ARRAY_SIZE(op->query.args))
        return CTL_REFUSED;
    (void)text_copy(op->query.verb, sizeof(op->query.verb), verb);
    op->query.limit = c->limit;
    for (size_t i = 0; i < n_args; i++) {
        op->query.args[i] = strdup(args[i]);
        if (!op->query.args[i])
            return CTL_REFUSED;
        op->query.n_args++;
    }
    int r = ctl_open_store(c, &s);
    return r == CTL_DONE ? run_query(s, op, ret) : r;
}
