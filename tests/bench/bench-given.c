/* SPDX-License-Identifier: Apache-2.0 */
/* A broker that runs already: two folders made by `serasictl init --role client` name it. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "bench/bench.h"

/* The value of "key = value" in a section of a file; a section "" is the beginning. */
static bool find_value(const char *path, const char *section, const char *key, char *ret,
                       size_t size) {
    char line[512], now[64] = "";
    FILE *f = fopen(path, "re");
    bool found = false;
    if (!f)
        die("%s: %s", path, strerror(errno));
    while (!found && fgets(line, sizeof(line), f)) {
        char name[64], value[256];
        if (sscanf(line, " [%63[^]]]", name) == 1)
            (void)text_copy(now, sizeof(now), name);
        else if (strcmp(now, section) == 0 &&
                 sscanf(line, " %63[a-z0-9-] = %255[^\n]", name, value) == 2 &&
                 strcmp(name, key) == 0)
            found = text_copy(ret, size, value);
    }
    fclose(f);
    return found;
}

static void read_key(const char *path, const char *section, const char *name,
                     uint8_t ret[static ZMTP_KEY_SIZE]) {
    char text[128];
    if (!find_value(path, section, name, text, sizeof(text)) || zmtp_key_parse(text, ret) < 0)
        die("%s: no %s", path, name);
}

unsigned given_client(const char *folder, ZmtpKeys *ret, char ret_node[BENCH_NAME_SIZE]) {
    char config[BENCH_FOLDER_SIZE + 32], keys[BENCH_FOLDER_SIZE + 32], endpoint[128];
    unsigned port = 0;
    ret->plain = false;
    snprintf(config, sizeof(config), "%.200s/serasid.conf", folder);
    snprintf(keys, sizeof(keys), "%.200s/keys", folder);
    if (!find_value(config, "node", "id", ret_node, BENCH_NAME_SIZE) ||
        !find_value(config, "connection", "endpoint", endpoint, sizeof(endpoint)))
        die("%s: not the folder of a client", folder);
    if (sscanf(endpoint, "tcp://127.0.0.1:%u", &port) != 1)
        die("%s: the broker is not at 127.0.0.1", config);
    read_key(config, "connection", "key", ret->server);
    read_key(keys, "", "curve-public", ret->public);
    read_key(keys, "", "curve-secret", ret->secret);
    return port;
}
