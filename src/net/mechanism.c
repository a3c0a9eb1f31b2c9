/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <zmq.h>

#include "net/mechanism.h"

#define CURVE_KEY_BYTES 32U

int mechanism_bind(void *zmq, const NodeKeys *keys) {
    const int server = 1;
    if (zmq_setsockopt(zmq, ZMQ_CURVE_SERVER, &server, sizeof(server)) != 0 ||
        zmq_setsockopt(zmq, ZMQ_CURVE_SECRETKEY, keys->curve_secret,
                       strlen(keys->curve_secret) + 1) != 0)
        return -errno;
    return 0;
}

int mechanism_connect(void *zmq, const char *server_key, const NodeKeys *keys) {
    if (zmq_setsockopt(zmq, ZMQ_CURVE_SERVERKEY, server_key, CURVE_TEXT_SIZE) != 0 ||
        zmq_setsockopt(zmq, ZMQ_CURVE_PUBLICKEY, keys->curve_public, CURVE_TEXT_SIZE) != 0 ||
        zmq_setsockopt(zmq, ZMQ_CURVE_SECRETKEY, keys->curve_secret, CURVE_TEXT_SIZE) != 0)
        return -errno;
    return 0;
}

bool mechanism_peer_key(const char *name, Bytes credentials, char ret[static CURVE_TEXT_SIZE]) {
    return strcmp(name, "CURVE") == 0 && credentials.n == CURVE_KEY_BYTES &&
           zmq_z85_encode(ret, credentials.p, CURVE_KEY_BYTES) != NULL;
}
