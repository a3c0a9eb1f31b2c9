/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bench only, never part of a program that is installed: peers say which key is theirs and are
 * believed (PLAIN, RFC 24), and nothing is encrypted. What CURVE costs is the difference.
 */

#include <errno.h>
#include <string.h>
#include <zmq.h>

#include "base/text.h"
#include "net/mechanism.h"

int mechanism_bind(void *zmq, const NodeKeys *keys) {
    const int server = 1;
    (void)keys;
    return zmq_setsockopt(zmq, ZMQ_PLAIN_SERVER, &server, sizeof(server)) == 0 ? 0 : -errno;
}

int mechanism_connect(void *zmq, const char *server_key, const NodeKeys *keys) {
    (void)server_key;
    if (zmq_setsockopt(zmq, ZMQ_PLAIN_USERNAME, keys->curve_public, strlen(keys->curve_public)) !=
            0 ||
        zmq_setsockopt(zmq, ZMQ_PLAIN_PASSWORD, "-", 1) != 0)
        return -errno;
    return 0;
}

bool mechanism_peer_key(const char *name, Bytes credentials, char ret[static CURVE_TEXT_SIZE]) {
    if (strcmp(name, "PLAIN") != 0 || credentials.n != CURVE_TEXT_SIZE - 1)
        return false;
    memcpy(ret, credentials.p, credentials.n);
    ret[credentials.n] = '\0';
    return true;
}
