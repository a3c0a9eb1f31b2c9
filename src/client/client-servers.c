/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where the broker is found besides the endpoint that the application named. The broker says so in
 * WELCOME; with a hub key it is believed when the signed directory has that server key as one of
 * the broker's, else as the broker is believed in everything. What is not proven yet is looked at
 * again as long as the session lasts: the keys that are known may be older than the server key, and
 * its record may come to the broker after WELCOME. An endpoint that gave no session is left for the
 * next one.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/times.h"
#include "client/client-servers.h"
#include "client/internal.h"
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

static bool is_believed(serasi_client *c, const Server *s) {
    const Now now = now_read();
    KeyOwner owner;
    DirKey key;
    return !client_keys_are_pinned(c->directory) ||
           (client_keys_by_curve(c->directory, c->broker, s->key, now, &key) == KEY_PROVEN &&
            client_keys_owner(c->directory, c->broker, now, &owner) == KEY_PROVEN && key.broker &&
            client_key_is_usable(&owner, &key, now.wall_ms));
}

void servers_told(serasi_client *c, const Servers *l) {
    c->servers_told = *l;
    c->server_worked = true;
}

void servers_take(serasi_client *c) {
    Servers *told = &c->servers_told;
    bool fresh = false;
    uint32_t n = 0;
    for (uint32_t i = 0; i < told->n; i++) {
        Server s = told->list[i];
        if (!curve_text_is_valid(s.key))
            continue;
        if (!is_believed(c, &s)) {
            told->list[n++] = s;
            continue;
        }
        server_complete(&s, c->servers.list[c->server_at].endpoint);
        fresh |= servers_add(&c->servers, &s);
    }
    told->n = n;
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
