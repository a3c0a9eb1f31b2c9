/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A ZMTP 3.1 connection with CURVE, or PLAIN to a broker built without it, as a DEALER, over one
 * socket of its own: what a measuring client needs and nothing else. No thread, no lock, no copy
 * that is not needed, so that on a machine with two cores the processor time is the broker's. Whole
 * messages go out with one send().
 *
 * It trusts the broker it measures: an answer that breaks the protocol ends the connection, but
 * nothing here is hardened against one that means harm.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZMTP_PARTS_MAX 4U
#define ZMTP_KEY_SIZE  32U

typedef struct ZmtpKeys {
    uint8_t server[ZMTP_KEY_SIZE], public[ZMTP_KEY_SIZE], secret[ZMTP_KEY_SIZE];
    bool plain;     /* nothing is encrypted: the public key is only said (PLAIN, RFC 24) */
    bool scattered; /* calls from one of many addresses of this machine */
} ZmtpKeys;

typedef enum ZmtpState {
    ZMTP_GREETING, /* each of these: what is waited for */
    ZMTP_WELCOME,
    ZMTP_READY,
    ZMTP_OPEN,
} ZmtpState;

typedef struct ZmtpPart {
    uint8_t *p;
    size_t n;
} ZmtpPart;

typedef struct ZmtpMessage {
    ZmtpPart parts[ZMTP_PARTS_MAX];
    unsigned n_parts;
} ZmtpMessage;

typedef struct Zmtp {
    int fd;
    ZmtpState state;
    ZmtpKeys keys;
    uint8_t short_public[ZMTP_KEY_SIZE], short_secret[ZMTP_KEY_SIZE], shared[ZMTP_KEY_SIZE];
    uint64_t nonce;
    uint8_t *out, *in;
    size_t n_out, out_size;        /* filled, allocated */
    size_t in_at, in_end, in_size; /* begin of the message being read, end of what is there */
    size_t in_next;                /* begin of the frame not looked at yet */
    struct {
        size_t at, n; /* `at` counts from in_at */
    } parts[ZMTP_PARTS_MAX];
    unsigned n_parts;
} Zmtp;

/* The 32 bytes of a Z85 text of 40 characters. Returns 0 or -EINVAL. */
int zmtp_key_parse(const char *text, uint8_t ret[ZMTP_KEY_SIZE]);
/* The other way; 41 bytes. */
void zmtp_key_print(const uint8_t key[ZMTP_KEY_SIZE], char *ret);

/* Connects to 127.0.0.1 and begins the handshake; zmtp_next() goes on with it. Blocks only for the
 * TCP connection. Returns 0 or -errno. */
int zmtp_open(Zmtp *z, unsigned port, const ZmtpKeys *keys);
/* May be called for one that is all zero or was closed already. */
void zmtp_close(Zmtp *z);

/* Adds a part to what will be sent; nothing is sent before zmtp_flush(). */
void zmtp_put(Zmtp *z, const void *p, size_t n, bool more);
/* Sends all of it, waiting for room. Returns 0 or -errno. */
int zmtp_flush(Zmtp *z);
/* Reads what has come, waiting at most so long (-1: for ever). Returns 1, 0 when nothing came, or
 * -errno; -ECONNRESET at the end. Makes the parts of earlier messages invalid. */
int zmtp_fill(Zmtp *z, int timeout_ms);
/* Returns 1 with a message, whose parts are good until the next zmtp_fill(), 0 when none is
 * complete, or -EPROTO. */
int zmtp_next(Zmtp *z, ZmtpMessage *ret);
