/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/files.h"

int store_make_file(const char *path, int flags) {
    char folder[STORE_FILE_SIZE];
    struct stat st;
    const int fd = open(path, flags | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || geteuid() != 0)
        return fd;
    snprintf(folder, sizeof(folder), "%s", path);
    char *end = strrchr(folder, '/');
    if (end)
        *(end == folder ? end + 1 : end) = '\0';
    if (end && stat(folder, &st) == 0)
        (void)!fchown(fd, st.st_uid, st.st_gid); /* a file system without owners: then all may */
    return fd;
}

/* One process per store. The lock file is never removed: removing it would race. */
int store_lock(const char *store_path, int *ret_fd, char why[static 256]) {
    char path[STORE_FILE_SIZE];
    snprintf(path, sizeof(path), "%s.lock", store_path);
    int fd = store_make_file(path, O_RDWR);
    if (fd < 0 && errno == EEXIST)
        fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        const int r = -errno;
        snprintf(why, 256, "cannot open the lock file %.150s: %s", path, strerror(-r));
        return r;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        const int r = errno == EWOULDBLOCK ? -EBUSY : -errno;
        snprintf(why, 256, "another process has the store open (lock file %.150s)", path);
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int store_look_at(const char *path, char why[static 256]) {
    struct stat st;
    const int r = stat(path, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (r < 0)
        snprintf(why, 256, "%.180s: %s", path, r == -EINVAL ? "not a regular file" : strerror(-r));
    return r;
}

static int copy_bytes(int in, int out) {
    uint8_t buf[65536];
    ssize_t n;
    while ((n = read(in, buf, sizeof(buf))) > 0)
        for (ssize_t at = 0, done; at < n; at += done)
            if ((done = write(out, buf + at, (size_t)(n - at))) <
                0) /* less: the next one says why */
                return -errno;
    return n < 0 ? -errno : 0;
}

int store_copy_file(const char *from, const char *to) {
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return -errno;
    const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const int r = out < 0 ? -errno : copy_bytes(in, out);
    close(in);
    if (out >= 0)
        close(out);
    return r;
}
