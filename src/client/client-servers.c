/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where the broker is found besides the endpoint that the application named. The broker says so in
 * WELCOME; with a hub key it is believed when the signed directory has that server key as one of
 * the broker's, else as the broker is believed in everything. An endpoint that gave no session is
 * left for the next one.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/times.h"
#include "client/client-internal.h"
#include "net/servers-file.h"

int servers_init(serasi_client *c, const char *file) {
    Server own = { 0 };
    if (!text_copy(own.endpoint, sizeof(own.endpoint), c->endpoint))
        return -EINVAL;
    (void)text_copy(own.key, sizeof(own.key), c->server_key);
    (void)servers_add(&c->servers, &own);
    if (!file || !c->has_keys)
        return 0;
    c->servers_file = strdup(file);
    if (!c->servers_file)
        return -ENOMEM;
    servers_load(c->servers_file, &c->servers);
    return 0;
}

const Server *servers_choose(serasi_client *c) {
    if (c->server_tried && !c->server_worked)
        c->server_at = (c->server_at + 1) % c->servers.n;
    c->server_tried = true;
    c->server_worked = false;
    return &c->servers.list[c->server_at];
}

static bool is_key_of(const KeyOwner *owner, const DirKey *keys, size_t n, const Server *s) {
    for (size_t i = 0; i < n; i++)
        if (keys[i].broker && strcmp(keys[i].curve, s->key) == 0)
            return client_key_is_usable(owner, &keys[i], now_read().wall_ms);
    return false;
}

/* False while the answer is on its way. */
static bool judge(serasi_client *c, const Server *s, bool *ret_believed) {
    const DirKey *keys = NULL;
    KeyOwner owner;
    size_t n = 0;
    const Now now = now_read();
    *ret_believed = !client_keys_are_pinned(c->directory);
    if (*ret_believed)
        return true;
    const KeyTrust trust = client_keys_owner(c->directory, c->broker, now, &owner);
    if (trust == KEY_PROVEN && client_keys_of(c->directory, c->broker, now, &keys, &n) == trust)
        *ret_believed = is_key_of(&owner, keys, n, s);
    return trust != KEY_ASKED;
}

void servers_told(serasi_client *c, const Servers *l) {
    c->servers_told = *l;
    c->server_worked = true;
}

void servers_take(serasi_client *c) {
    bool fresh = false;
    while (c->servers_told.n > 0) {
        Server s = c->servers_told.list[c->servers_told.n - 1];
        bool believed;
        if (!judge(c, &s, &believed))
            return;
        c->servers_told.n--;
        server_complete(&s, c->servers.list[c->server_at].endpoint);
        if (believed && curve_text_is_valid(s.key) && servers_add(&c->servers, &s))
            fresh = true;
    }
    if (!fresh || !c->servers_file)
        return;
    int r = servers_save(c->servers_file, &c->servers);
    (void)r; /* in memory it is known all the same, and the broker says it again */
}

void servers_deinit(serasi_client *c) {
    free(c->servers_file);
}

SERASI_PUBLIC const char *serasi_endpoint(serasi_client *c, const char **ret_server_key) {
    const Server *s = &c->servers.list[c->server_at];
    if (ret_server_key)
        *ret_server_key = s->key;
    return s->endpoint;
}
