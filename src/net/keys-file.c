/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The key file: lines `name = value` under a comment, one name for each half of each pair. The
 * secret halves stand in it in the clear, so it is refused when others can read it.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/secret.h"
#include "base/text.h"
#include "net/keys.h"

#define KEY_FILE_MAX 4096U
/* A pair in one line, which may stand in the file several times: public half, secret half. */
#define OLD_SEAL_NAME "old-x25519"
#define OLD_SEAL_SIZE (PUBLIC_KEY_SIZE + SEAL_SECRET_SIZE)

/* --- writing --- */

static void add_line(Buf *b, const char *name, const uint8_t *p, size_t n) {
    char *text = base64_encode(bytes_make(p, n));
    b->failed |= !text;
    if (!text)
        return;
    buf_addf(b, "%s = %s\n", name, text);
    secret_wipe(text, strlen(text));
    free(text);
}

static void add_old_seal(Buf *b, const SealKey *k) {
    uint8_t pair[OLD_SEAL_SIZE];
    memcpy(pair, k->public.b, PUBLIC_KEY_SIZE);
    memcpy(pair + PUBLIC_KEY_SIZE, k->secret, SEAL_SECRET_SIZE);
    add_line(b, OLD_SEAL_NAME, pair, sizeof(pair));
    secret_wipe(pair, sizeof(pair));
}

static void print_keys(Buf *b, const NodeKeys *k) {
    buf_add_text(b, "# Keys of a serasi node. Secret: keep this file readable by its owner alone.\n"
                    "# Lose it and the node must be given new keys by the hub.\n");
    buf_addf(b, "curve-public = %s\n", k->curve_public);
    buf_addf(b, "curve-secret = %s\n", k->curve_secret);
    if (keys_can_sign(k)) {
        add_line(b, "ed25519-public", k->sign.public.b, sizeof(k->sign.public.b));
        add_line(b, "ed25519-secret", k->sign.secret, sizeof(k->sign.secret));
    }
    if (keys_can_open(k)) {
        add_line(b, "x25519-public", k->seal.public.b, sizeof(k->seal.public.b));
        add_line(b, "x25519-secret", k->seal.secret, sizeof(k->seal.secret));
    }
    for (uint32_t i = 0; i < k->n_old_seal; i++)
        add_old_seal(b, &k->old_seal[i]);
}

/* Growing would leave copies of it. */
static int print_file(Buf *b, const NodeKeys *k) {
    *b = (Buf) { .p = malloc(KEY_FILE_MAX), .room = KEY_FILE_MAX };
    if (b->p)
        print_keys(b, k);
    return b->p && !b->failed ? 0 : -ENOMEM;
}

static void wipe_file(Buf *b) {
    if (b->p)
        secret_wipe(b->p, b->n);
    buf_deinit(b);
}

int keys_save(const NodeKeys *k, const char *path) {
    _cleanup_(wipe_file) Buf b = { 0 };
    const int r = print_file(&b, k);
    return r == 0 ? file_put_new(path, bytes_make(b.p, b.n), 0600) : r;
}

/* --- reading --- */

static bool read_base64(const char *text, uint8_t *p, size_t n) {
    uint8_t *bytes = NULL;
    size_t got = 0;
    if (base64_decode(text, strlen(text), &bytes, &got) < 0)
        return false;
    if (got == n)
        memcpy(p, bytes, n);
    secret_wipe(bytes, got);
    free(bytes);
    return got == n;
}

static bool read_curve(const char *text, char ret[static CURVE_TEXT_SIZE]) {
    return curve_text_is_valid(text) && text_copy(ret, CURVE_TEXT_SIZE, text);
}

static bool read_old_seal(NodeKeys *k, const char *value) {
    uint8_t pair[OLD_SEAL_SIZE];
    if (k->n_old_seal == KEYS_OLD_MAX || !read_base64(value, pair, sizeof(pair)))
        return false;
    SealKey *old = &k->old_seal[k->n_old_seal++];
    memcpy(old->public.b, pair, PUBLIC_KEY_SIZE);
    memcpy(old->secret, pair + PUBLIC_KEY_SIZE, SEAL_SECRET_SIZE);
    secret_wipe(pair, sizeof(pair));
    return public_key_is_set(old->public.b) && seal_key_is_whole(old);
}

/* Bits say which names were seen: none but the last may stand in the file twice. */
static bool read_value(NodeKeys *k, unsigned *seen, const char *name, const char *value) {
    static const char *const names[] = { "curve-public",   "curve-secret",  "ed25519-public",
                                         "ed25519-secret", "x25519-public", "x25519-secret" };
    unsigned i = 0;
    if (strcmp(name, OLD_SEAL_NAME) == 0)
        return read_old_seal(k, value);
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
        return read_base64(value, k->sign.public.b, sizeof(k->sign.public.b));
    case 3:
        return read_base64(value, k->sign.secret, sizeof(k->sign.secret));
    case 4:
        return read_base64(value, k->seal.public.b, sizeof(k->seal.public.b));
    default:
        return read_base64(value, k->seal.secret, sizeof(k->seal.secret));
    }
}

/* Both halves or none, and of one pair: a public half that is not the one of its secret would sign
 * or seal what nobody can check. */
static bool keys_are_consistent(const NodeKeys *k, unsigned seen) {
    const unsigned curve = 0x03, sign = 0x0c, seal = 0x30;
    char public[CURVE_TEXT_SIZE];
    if ((seen & curve) != curve || zmq_curve_public(public, k->curve_secret) != 0 ||
        strcmp(public, k->curve_public) != 0)
        return false;
    if ((seen & sign) != 0 &&
        ((seen & sign) != sign || !keys_can_sign(k) || !sign_key_is_whole(&k->sign)))
        return false;
    return (seen & seal) == 0 ||
           ((seen & seal) == seal && keys_can_open(k) && seal_key_is_whole(&k->seal));
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
        secret_wipe(value, sizeof(value));
        if (!fine)
            return -EBADMSG;
    }
    return keys_are_consistent(k, seen) ? 0 : -EBADMSG;
}

static bool is_private(const struct stat *st) {
    const bool given = st->st_uid == 0 && geteuid() != 0; /* by root, to a group */
    return (st->st_mode & (given ? 037 : 077)) == 0;
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
    else if (!is_private(&st))
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
    secret_wipe(text, sizeof(text));
    if (r == 0)
        keys_copy(&k, ret);
    return r;
}

/* --- adding --- */

static int replace_file(const NodeKeys *k, const char *path) {
    _cleanup_(wipe_file) Buf b = { 0 };
    const int r = print_file(&b, k);
    return r == 0 ? file_replace(path, bytes_make(b.p, b.n), 0600) : r;
}

int keys_add(const char *path) {
    _cleanup_(keys_wipe) NodeKeys k = { 0 };
    char real[PATH_MAX]; /* the file itself and not a link to it is replaced */
    if (!realpath(path, real))
        return -errno;
    int r = keys_load(&k, real);
    if (r < 0)
        return r;
    if (keys_can_sign(&k) && keys_can_open(&k))
        return 1;
    if (!keys_can_sign(&k))
        sign_key_new(&k.sign);
    if (!keys_can_open(&k))
        seal_key_new(&k.seal);
    return replace_file(&k, real);
}

/* --- changing --- */

/* The file itself and not a link to it is replaced. */
static int name_beside(const char *path, const char *suffix, char real[static PATH_MAX],
                       char ret[static PATH_MAX]) {
    if (!realpath(path, real))
        return -errno;
    return snprintf(ret, PATH_MAX, "%s%s", real, suffix) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int keys_save_next(const NodeKeys *k, const char *path) {
    _cleanup_(wipe_file) Buf b = { 0 };
    char real[PATH_MAX], next[PATH_MAX];
    struct stat st;
    int r = name_beside(path, KEYS_NEXT, real, next);
    if (r == 0 && stat(real, &st) != 0)
        r = -errno;
    if (r == 0)
        r = print_file(&b, k);
    return r == 0 ? file_put_new_of(next, bytes_make(b.p, b.n), 0600, st.st_uid, st.st_gid) : r;
}

int keys_switch(const char *path) {
    _cleanup_(keys_wipe) NodeKeys k = { 0 };
    char real[PATH_MAX], next[PATH_MAX], old[PATH_MAX];
    int r = name_beside(path, KEYS_NEXT, real, next);
    if (r == 0)
        r = name_beside(path, KEYS_OLD, real, old);
    if (r == 0)
        r = keys_load(&k, next); /* or said twice, it would cost the old ones */
    if (r < 0)
        return r;
    /* A second name first: at no moment are the old keys nowhere. */
    if ((unlink(old) != 0 && errno != ENOENT) || link(real, old) != 0 || rename(next, real) != 0)
        return -errno;
    return file_sync_folder_of(real);
}
