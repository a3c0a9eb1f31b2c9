/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The key file: lines `name = value` under a comment, one name for each half of each pair. The
 * secret halves stand in it in the clear, so it is refused when anybody but its owner can read it.
 */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/text.h"
#include "net/keys.h"

#define KEY_FILE_MAX   4096U
#define BASE64_VARIANT sodium_base64_VARIANT_ORIGINAL
#define Z85_CHARACTERS                                                                             \
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

bool curve_text_is_valid(const char *z85) {
    uint8_t raw[32];
    return z85 && strlen(z85) == CURVE_TEXT_SIZE - 1 &&
           strspn(z85, Z85_CHARACTERS) == CURVE_TEXT_SIZE - 1 && zmq_z85_decode(raw, z85);
}

void keys_wipe(NodeKeys *k) {
    if (k)
        sodium_memzero(k, sizeof(*k));
}

int keys_generate(NodeKeys *ret) {
    _cleanup_(keys_wipe) NodeKeys k = { 0 };
    int r = hash_init();
    if (r < 0)
        return r;
    if (zmq_curve_keypair(k.curve_public, k.curve_secret) != 0)
        return -errno;
    crypto_sign_keypair(k.ed25519_public, k.ed25519_secret);
    crypto_box_keypair(k.x25519_public, k.x25519_secret);
    *ret = k;
    return 0;
}

/* --- writing --- */

static void add_line(Buf *b, const char *name, const uint8_t *p, size_t n) {
    char text[sodium_base64_ENCODED_LEN(64, BASE64_VARIANT)];
    sodium_bin2base64(text, sizeof(text), p, n, BASE64_VARIANT);
    buf_addf(b, "%s = %s\n", name, text);
    sodium_memzero(text, sizeof(text));
}

static void print_keys(Buf *b, const NodeKeys *k) {
    buf_add_text(b, "# Keys of a serasi node. Secret: keep this file readable by its owner alone.\n"
                    "# Lose it and the node must be given new keys by the hub.\n");
    buf_addf(b, "curve-public = %s\n", k->curve_public);
    buf_addf(b, "curve-secret = %s\n", k->curve_secret);
    add_line(b, "ed25519-public", k->ed25519_public, sizeof(k->ed25519_public));
    add_line(b, "ed25519-secret", k->ed25519_secret, sizeof(k->ed25519_secret));
    add_line(b, "x25519-public", k->x25519_public, sizeof(k->x25519_public));
    add_line(b, "x25519-secret", k->x25519_secret, sizeof(k->x25519_secret));
}

static int write_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        p += done;
        n -= (size_t)done;
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

/* The name of the new file is durable only when its folder is synced too. */
static int sync_folder_of(const char *path) {
    char copy[PATH_MAX];
    if (!text_copy(copy, sizeof(copy), path))
        return -ENAMETOOLONG;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return r;
}

int keys_save(const NodeKeys *k, const char *path) {
    Buf b = { 0 };
    int r = -ENOMEM, fd = -1;

    print_keys(&b, k);
    if (b.failed)
        goto out;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        r = -errno;
        goto out;
    }
    r = write_all(fd, (const char *)b.p, b.n);
    if (close(fd) != 0 && r == 0)
        r = -errno;
    if (r == 0)
        r = sync_folder_of(path);
    if (r < 0)
        (void)unlink(path); /* it was ours: half a key file is worse than none */
out:
    if (b.p)
        sodium_memzero(b.p, b.n);
    buf_deinit(&b);
    return r;
}

/* --- reading --- */

static bool read_base64(const char *text, uint8_t *p, size_t n) {
    size_t got = 0;
    return sodium_base642bin(p, n, text, strlen(text), NULL, &got, NULL, BASE64_VARIANT) == 0 &&
           got == n;
}

static bool read_curve(const char *text, char ret[static CURVE_TEXT_SIZE]) {
    return curve_text_is_valid(text) && text_copy(ret, CURVE_TEXT_SIZE, text);
}

/* Bits say which names were seen: each must stand in the file once. */
static bool read_value(NodeKeys *k, unsigned *seen, const char *name, const char *value) {
    static const char *const names[] = { "curve-public",   "curve-secret",  "ed25519-public",
                                         "ed25519-secret", "x25519-public", "x25519-secret" };
    unsigned i = 0;
    while (i < ARRAY_SIZE(names) && strcmp(names[i], name) != 0)
        i++;
    if (i == ARRAY_SIZE(names) || (*seen & 1U << i))
        return false;
    *seen |= 1U << i;
    switch (i) {
    case 0:
        return read_curve(value, k->curve_public);
    case 1:
        return read_curve(value, k->curve_secret);
    case 2:
        return read_base64(value, k->ed25519_public, sizeof(k->ed25519_public));
    case 3:
        return read_base64(value, k->ed25519_secret, sizeof(k->ed25519_secret));
    case 4:
        return read_base64(value, k->x25519_public, sizeof(k->x25519_public));
    default:
        return read_base64(value, k->x25519_secret, sizeof(k->x25519_secret));
    }
}

/* A public half that is not the one of its secret would sign or seal what nobody can check. */
static bool keys_are_consistent(const NodeKeys *k) {
    char curve[CURVE_TEXT_SIZE];
    uint8_t public[32];
    if (zmq_curve_public(curve, k->curve_secret) != 0 || strcmp(curve, k->curve_public) != 0)
        return false;
    if (crypto_sign_ed25519_sk_to_pk(public, k->ed25519_secret) != 0 ||
        memcmp(public, k->ed25519_public, sizeof(public)) != 0)
        return false;
    return crypto_scalarmult_base(public, k->x25519_secret) == 0 &&
           memcmp(public, k->x25519_public, sizeof(public)) == 0;
}

static int parse_keys(char *text, NodeKeys *k) {
    unsigned seen = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[32], value[128];
        if (line[strspn(line, " \t\r")] == '\0' || line[0] == '#' || line[0] == ';')
            continue;
        int n = sscanf(line, " %31[a-z0-9-] = %127s", name, value);
        bool fine = n == 2 && read_value(k, &seen, name, value);
        sodium_memzero(value, sizeof(value));
        if (!fine)
            return -EBADMSG;
    }
    return seen == 0x3f && keys_are_consistent(k) ? 0 : -EBADMSG;
}

static int read_file(const char *path, char *text, size_t size) {
    struct stat st;
    size_t n = 0;
    int r = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0)
        r = -errno;
    else if (!S_ISREG(st.st_mode) || st.st_size >= (off_t)size)
        r = -EBADMSG;
    else if (st.st_mode & 077)
        r = -EACCES;
    while (r == 0) {
        ssize_t got = read(fd, text + n, size - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            r = -errno;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(fd);
    text[n] = '\0';
    return r < 0 ? r : strlen(text) == n ? 0 : -EBADMSG;
}

int keys_load(NodeKeys *ret, const char *path) {
    _cleanup_(keys_wipe) NodeKeys k = { 0 };
    char text[KEY_FILE_MAX] = "";
    int r = hash_init();
    if (r == 0)
        r = read_file(path, text, sizeof(text));
    if (r == 0)
        r = parse_keys(text, &k);
    sodium_memzero(text, sizeof(text));
    if (r == 0)
        *ret = k;
    return r;
}
