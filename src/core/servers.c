/* SPDX-License-Identifier: Apache-2.0 */

#include "core/servers.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SCHEME "tcp://"

bool server_is_sound(const Server *s) {
    const size_t n = strlen(s->endpoint);
    return text_starts_with(s->endpoint, SCHEME) && n > strlen(SCHEME) &&
           strcspn(s->endpoint, " \t\n") == n && text_is_clean(bytes_make(s->endpoint, n)) &&
           strlen(s->key) == CURVE_TEXT_SIZE - 1;
}

bool servers_add(Servers *l, const Server *s) {
    for (uint32_t i = 0; i < l->n; i++)
        if (strcmp(l->list[i].endpoint, s->endpoint) == 0 && strcmp(l->list[i].key, s->key) == 0)
            return false;
    l->list[l->n < SERVERS_MAX ? l->n++ : SERVERS_MAX - 1] = *s;
    return true;
}

/* The port and its colon; NULL when there is none. */
static const char *port_of(const char *endpoint) {
    const char *colon = strrchr(endpoint, ':');
    return colon && colon > endpoint + strlen(SCHEME) ? colon : NULL;
}

void server_complete(Server *s, const char *dialled) {
    static const char *const everywhere[] = { SCHEME "0.0.0.0:", SCHEME "[::]:", SCHEME "*:" };
    const char *port = port_of(s->endpoint), *end = port_of(dialled);
    char whole[ENDPOINT_SIZE];
    bool any = false;
    for (size_t i = 0; i < ARRAY_SIZE(everywhere); i++)
        any = any || text_starts_with(s->endpoint, everywhere[i]);
    if (!any || !port || !end ||
        snprintf(whole, sizeof(whole), "%.*s%s", (int)(end - dialled), dialled, port) >=
            (int)sizeof(whole))
        return;
    memcpy(s->endpoint, whole, sizeof(whole));
}

bool server_is_proven(const Directory *d, const Server *s, const char *broker, int64_t now_ms) {
    const DirKey *k = directory_key(d, s->key);
    return k && k->broker && strcmp(k->node, broker) == 0 && directory_key_is_usable(d, k, now_ms);
}
