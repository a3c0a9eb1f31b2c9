/* SPDX-License-Identifier: Apache-2.0 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "zmtp.h"

#define MAC            crypto_box_MACBYTES
#define NONCE          crypto_box_NONCEBYTES
#define GREETING_SIZE  64U
#define HELLO_SIZE     200U
#define WELCOME_SIZE   168U
#define COOKIE_SIZE    96U
#define BUFFER_SIZE    4096U
#define READ_SIZE_MIN  2048U
#define READ_SIZE_GOOD 262144U

/* Of a frame, and, in the first byte of an encrypted one, of what is inside. */
enum { FLAG_MORE = 1, FLAG_LARGE = 2, FLAG_COMMAND = 4, INSIDE_MORE = 1, INSIDE_COMMAND = 2 };

static const char metadata[] = "\13Socket-Type\0\0\0\6DEALER\10Identity\0\0\0";

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             ".-:+=^!/*?&<>()[]{}@%$#";

int zmtp_key_parse(const char *text, uint8_t ret[ZMTP_KEY_SIZE]) {
    for (unsigned i = 0; i < ZMTP_KEY_SIZE / 4; i++) {
        uint32_t v = 0;
        for (unsigned k = 0; k < 5; k++) {
            const char *d = text[5 * i + k] ? strchr(digits, text[5 * i + k]) : NULL;
            if (!d)
                return -EINVAL;
            v = v * 85 + (uint32_t)(d - digits);
        }
        for (unsigned k = 0; k < 4; k++)
            ret[4 * i + k] = (uint8_t)(v >> (24 - 8 * k));
    }
    return 0;
}

void zmtp_key_print(const uint8_t key[ZMTP_KEY_SIZE], char *ret) {
    for (unsigned i = 0; i < ZMTP_KEY_SIZE / 4; i++) {
        uint32_t v = 0;
        for (unsigned k = 0; k < 4; k++)
            v = v << 8 | key[4 * i + k];
        for (unsigned k = 5; k-- > 0; v /= 85)
            ret[5 * i + k] = digits[v % 85];
    }
    ret[5 * (ZMTP_KEY_SIZE / 4)] = '\0';
}

/* --- writing -------------------------------------------------------------------------------- */

static uint8_t *out_room(Zmtp *z, size_t n) {
    if (z->n_out + n > z->out_size) {
        z->out_size = 2 * (z->n_out + n);
        z->out = realloc(z->out, z->out_size);
        if (!z->out)
            abort();
    }
    uint8_t *at = z->out + z->n_out;
    z->n_out += n;
    return at;
}

static void put_u64(uint8_t *p, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t *p) {
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

static void nonce_make(uint8_t ret[static NONCE], const char *prefix, const uint8_t *tail) {
    const size_t n = strlen(prefix);
    memcpy(ret, prefix, n);
    memcpy(ret + n, tail, NONCE - n);
}

static uint8_t *frame_room(Zmtp *z, uint8_t flags, size_t n) {
    const bool large = n > 255;
    uint8_t *at = out_room(z, n + (large ? 9 : 2));
    *at++ = flags | (large ? FLAG_LARGE : 0);
    if (!large) {
        *at++ = (uint8_t)n;
        return at;
    }
    put_u64(at, n);
    return at + 8;
}

static void put_clear(Zmtp *z, const void *p, size_t n, uint8_t flags) {
    uint8_t *at = frame_room(z, flags, n);
    if (n > 0)
        memcpy(at, p, n);
}

static void put_inside(Zmtp *z, const void *p, size_t n, uint8_t inside) {
    if (z->keys.plain) {
        put_clear(z, p, n, inside & INSIDE_COMMAND ? FLAG_COMMAND : inside);
        return;
    }
    uint8_t nonce[NONCE], *at = frame_room(z, 0, 8 + 8 + MAC + 1 + n);
    memcpy(at, "\7MESSAGE", 8);
    put_u64(at + 8, ++z->nonce);
    nonce_make(nonce, "CurveZMQMESSAGEC", at + 8);
    uint8_t *plain = at + 16 + MAC;
    plain[0] = inside;
    if (n > 0)
        memcpy(plain + 1, p, n);
    (void)crypto_box_detached_afternm(plain, at + 16, plain, n + 1, nonce, z->shared);
}

void zmtp_put(Zmtp *z, const void *p, size_t n, bool more) {
    put_inside(z, p, n, more ? INSIDE_MORE : 0);
}

int zmtp_flush(Zmtp *z) {
    size_t sent = 0;
    while (sent < z->n_out) {
        const ssize_t n = send(z->fd, z->out + sent, z->n_out - sent, MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd wait = { .fd = z->fd, .events = POLLOUT };
            (void)poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    z->n_out = 0;
    return 0;
}

/* --- the handshake -------------------------------------------------------------------------- */

/* PLAIN: the text of the key is the name, what the password is nobody asks. */
static void say_plain_hello(Zmtp *z) {
    char text[5 * (ZMTP_KEY_SIZE / 4) + 1];
    zmtp_key_print(z->keys.public, text);
    const uint8_t n = (uint8_t)strlen(text);
    uint8_t *at = frame_room(z, FLAG_COMMAND, 6 + 1 + n + 2);
    memcpy(at, "\5HELLO", 6);
    at[6] = n;
    memcpy(at + 7, text, n);
    memcpy(at + 7 + n, "\1-", 2);
}

static int take_plain_welcome(Zmtp *z, const uint8_t *p, size_t n) {
    if (n != 8 || memcmp(p, "\7WELCOME", 8) != 0)
        return -EPROTO;
    uint8_t *at = frame_room(z, FLAG_COMMAND, 9 + sizeof(metadata));
    memcpy(at, "\10INITIATE", 9);
    memcpy(at + 9, metadata, sizeof(metadata));
    z->state = ZMTP_READY;
    return zmtp_flush(z);
}

static int say_hello(Zmtp *z) {
    static const uint8_t zeros[64];
    uint8_t nonce[NONCE], *at = frame_room(z, FLAG_COMMAND, HELLO_SIZE);
    memset(at, 0, HELLO_SIZE);
    memcpy(at, "\5HELLO\1", 7);
    memcpy(at + 80, z->short_public, ZMTP_KEY_SIZE);
    put_u64(at + 112, ++z->nonce);
    nonce_make(nonce, "CurveZMQHELLO---", at + 112);
    return crypto_box_easy(at + 120, zeros, sizeof(zeros), nonce, z->keys.server, z->short_secret)
               ? -EINVAL
               : 0;
}

static int take_curve_welcome(Zmtp *z, const uint8_t *p, size_t n) {
    uint8_t nonce[NONCE], plain[ZMTP_KEY_SIZE + COOKIE_SIZE], vouch[2 * ZMTP_KEY_SIZE];
    uint8_t inside[ZMTP_KEY_SIZE + 16 + MAC + sizeof(vouch) + sizeof(metadata)];
    if (n != WELCOME_SIZE || memcmp(p, "\7WELCOME", 8) != 0)
        return -EPROTO;
    nonce_make(nonce, "WELCOME-", p + 8);
    if (crypto_box_open_easy(plain, p + 24, n - 24, nonce, z->keys.server, z->short_secret) != 0)
        return -EPROTO;
    if (crypto_box_beforenm(z->shared, plain, z->short_secret) != 0)
        return -EPROTO;

    memcpy(inside, z->keys.public, ZMTP_KEY_SIZE);
    randombytes_buf(inside + ZMTP_KEY_SIZE, 16);
    memcpy(vouch, z->short_public, ZMTP_KEY_SIZE);
    memcpy(vouch + ZMTP_KEY_SIZE, z->keys.server, ZMTP_KEY_SIZE);
    nonce_make(nonce, "VOUCH---", inside + ZMTP_KEY_SIZE);
    if (crypto_box_easy(inside + ZMTP_KEY_SIZE + 16, vouch, sizeof(vouch), nonce, plain,
                        z->keys.secret) != 0)
        return -EINVAL;
    memcpy(inside + sizeof(inside) - sizeof(metadata), metadata, sizeof(metadata));

    uint8_t *at = frame_room(z, FLAG_COMMAND, 9 + COOKIE_SIZE + 8 + MAC + sizeof(inside));
    memcpy(at, "\10INITIATE", 9);
    memcpy(at + 9, plain + ZMTP_KEY_SIZE, COOKIE_SIZE);
    put_u64(at + 9 + COOKIE_SIZE, ++z->nonce);
    nonce_make(nonce, "CurveZMQINITIATE", at + 9 + COOKIE_SIZE);
    (void)crypto_box_easy_afternm(at + 9 + COOKIE_SIZE + 8, inside, sizeof(inside), nonce,
                                  z->shared);
    z->state = ZMTP_READY;
    return zmtp_flush(z);
}

static const char *mechanism(const Zmtp *z) {
    return z->keys.plain ? "PLAIN" : "CURVE";
}

static int greet(Zmtp *z) {
    uint8_t *at = out_room(z, GREETING_SIZE);
    memset(at, 0, GREETING_SIZE);
    at[0] = 0xff;
    at[9] = 0x7f;
    at[10] = 3;
    at[11] = 1;
    memcpy(at + 12, mechanism(z), 5);
    int r = 0;
    if (z->keys.plain)
        say_plain_hello(z);
    else
        r = say_hello(z);
    return r < 0 ? r : zmtp_flush(z);
}

int zmtp_open(Zmtp *z, unsigned port, const ZmtpKeys *keys) {
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int one = 1;
    *z = (Zmtp) { .keys = *keys, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    if (z->fd < 0)
        return -errno;
    struct sockaddr_in at = { .sin_family = AF_INET };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + randombytes_uniform(1 << 22));
    if ((keys->scattered && bind(z->fd, (struct sockaddr *)&at, sizeof(at)) < 0) ||
        connect(z->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
        fcntl(z->fd, F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(z->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0) {
        const int r = -errno;
        zmtp_close(z);
        return r;
    }
    (void)crypto_box_keypair(z->short_public, z->short_secret);
    return greet(z);
}

void zmtp_close(Zmtp *z) {
    if (z->fd > 0)
        (void)close(z->fd);
    free(z->in);
    free(z->out);
    *z = (Zmtp) { .fd = -1 };
}

/* --- reading -------------------------------------------------------------------------------- */

/* A connection that is idle keeps a small buffer: there may be ten thousand of them. */
static void in_room(Zmtp *z) {
    if (z->in_at == z->in_end)
        z->in_at = z->in_end = z->in_next = 0;
    if (z->in_size - z->in_end >= READ_SIZE_MIN)
        return;
    if (z->in_at > 0) {
        memmove(z->in, z->in + z->in_at, z->in_end - z->in_at);
        z->in_end -= z->in_at;
        z->in_next -= z->in_at;
        z->in_at = 0;
    }
    if (z->in_size - z->in_end < READ_SIZE_MIN || z->in_size < READ_SIZE_GOOD) {
        z->in_size = z->in_size == 0 ? BUFFER_SIZE : 4 * z->in_size;
        z->in = realloc(z->in, z->in_size);
        if (!z->in)
            abort();
    }
}

int zmtp_fill(Zmtp *z, int timeout_ms) {
    in_room(z);
    for (bool waited = false;; waited = true) {
        const ssize_t n = recv(z->fd, z->in + z->in_end, z->in_size - z->in_end, 0);
        if (n > 0) {
            z->in_end += (size_t)n;
            return 1;
        }
        if (n == 0)
            return -ECONNRESET;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (waited || timeout_ms == 0)
            return 0;
        struct pollfd wait = { .fd = z->fd, .events = POLLIN };
        if (poll(&wait, 1, timeout_ms) == 0)
            return 0;
    }
}

/* One ZMTP frame of what has been read. Returns 1, or 0 when it is not complete. */
static int frame_next(Zmtp *z, uint8_t *ret_flags, uint8_t **ret, size_t *ret_n) {
    uint8_t *at = z->in + z->in_next;
    const size_t have = z->in_end - z->in_next;
    if (have < 2)
        return 0;
    const size_t head = at[0] & FLAG_LARGE ? 9 : 2;
    if (have < head)
        return 0;
    const size_t n = head == 9 ? (size_t)get_u64(at + 1) : at[1];
    if (have - head < n)
        return 0;
    *ret_flags = at[0];
    *ret = at + head;
    *ret_n = n;
    z->in_next += head + n;
    return 1;
}

/* Commands of an open connection: PING is answered with its context. */
static void take_command(Zmtp *z, const uint8_t *p, size_t n) {
    uint8_t pong[5 + 16] = "\4PONG";
    if (n < 7 || n > 7 + 16 || memcmp(p, "\4PING", 5) != 0)
        return;
    memcpy(pong + 5, p + 7, n - 7);
    put_inside(z, pong, n - 2, INSIDE_COMMAND);
    (void)zmtp_flush(z);
}

/* Decrypts the frame at *p where it is; *p, *n are then what is inside, and its flags come back.
 * -EPROTO: not a good one. */
static int open_frame(Zmtp *z, uint8_t flags, uint8_t **p, size_t *n) {
    uint8_t nonce[NONCE];
    if (z->keys.plain)
        return (flags & FLAG_MORE ? INSIDE_MORE : 0) | (flags & FLAG_COMMAND ? INSIDE_COMMAND : 0);
    if (*n < 16 + MAC + 1 || memcmp(*p, "\7MESSAGE", 8) != 0)
        return -EPROTO;
    nonce_make(nonce, "CurveZMQMESSAGES", *p + 8);
    uint8_t *clear = *p + 16 + MAC;
    if (crypto_box_open_detached_afternm(clear, clear, *p + 16, *n - 16 - MAC, nonce, z->shared))
        return -EPROTO;
    *p = clear + 1;
    *n -= 16 + MAC + 1;
    return clear[0];
}

static int take_part(Zmtp *z, uint8_t flags, uint8_t *p, size_t n, bool *ret_more) {
    const int inside = open_frame(z, flags, &p, &n);
    if (inside < 0 || z->n_parts == ZMTP_PARTS_MAX)
        return -EPROTO;
    *ret_more = true;
    if (inside & INSIDE_COMMAND) {
        take_command(z, p, n);
        if (z->n_parts == 0)
            z->in_at = z->in_next;
        return 0;
    }
    z->parts[z->n_parts].at = (size_t)(p - (z->in + z->in_at));
    z->parts[z->n_parts++].n = n;
    *ret_more = inside & INSIDE_MORE;
    return 0;
}

static int shake(Zmtp *z) {
    uint8_t flags, *p;
    size_t n;
    if (z->state == ZMTP_GREETING) {
        if (z->in_end - z->in_next < GREETING_SIZE)
            return 0;
        if (memcmp(z->in + z->in_next + 12, mechanism(z), 6) != 0)
            return -EPROTO;
        z->in_at = z->in_next += GREETING_SIZE;
        z->state = ZMTP_WELCOME;
    }
    while (z->state != ZMTP_OPEN && frame_next(z, &flags, &p, &n) > 0) {
        z->in_at = z->in_next;
        if (z->state == ZMTP_WELCOME) {
            const int r = z->keys.plain ? take_plain_welcome(z, p, n) : take_curve_welcome(z, p, n);
            if (r < 0)
                return r;
        } else if (n >= 6 && memcmp(p, "\5READY", 6) == 0) {
            z->state = ZMTP_OPEN;
        } else {
            return -EPROTO;
        }
    }
    return 0;
}

int zmtp_next(Zmtp *z, ZmtpMessage *ret) {
    uint8_t flags, *p;
    size_t n;
    bool more = true;
    if (z->state != ZMTP_OPEN) {
        const int r = shake(z);
        if (r < 0 || z->state != ZMTP_OPEN)
            return r;
    }
    while (more) {
        if (frame_next(z, &flags, &p, &n) == 0)
            return 0;
        const int r = take_part(z, flags, p, n, &more);
        if (r < 0)
            return r;
    }
    for (unsigned i = 0; i < z->n_parts; i++)
        ret->parts[i] = (ZmtpPart) { z->in + z->in_at + z->parts[i].at, z->parts[i].n };
    ret->n_parts = z->n_parts;
    z->n_parts = 0;
    z->in_at = z->in_next;
    return 1;
}
