/* SPDX-License-Identifier: Apache-2.0 */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static int write_all(int fd, Bytes content) {
    const uint8_t *p = content.p;
    for (size_t n = content.n; n > 0;) {
        const ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        p += done;
        n -= (size_t)done;
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

int file_sync_folder_of(const char *path) {
    char copy[PATH_MAX];
    if (!text_copy(copy, sizeof(copy), path))
        return -ENAMETOOLONG;
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int r = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return r;
}

static int write_beside(const char *path, Bytes content, mode_t mode, uid_t owner, gid_t group,
                        char ret[static PATH_MAX]) {
    if (snprintf(ret, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
        return -ENAMETOOLONG;
    const int fd = mkostemp(ret, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return -errno;
    int r =
        (owner != geteuid() || group != getegid()) && fchown(fd, owner, group) != 0 ? -errno : 0;
    if (r == 0 && fchmod(fd, mode) != 0)
        r = -errno;
    if (r == 0)
        r = write_all(fd, content);
    if (close(fd) != 0 && r == 0)
        r = -errno;
    if (r < 0)
        (void)unlink(ret);
    return r;
}

int file_put_new_of(const char *path, Bytes content, mode_t mode, uid_t owner, gid_t group) {
    char beside[PATH_MAX];
    int r = write_beside(path, content, mode, owner, group, beside);
    if (r < 0)
        return r;
    r = link(beside, path) == 0 ? 0 : -errno; /* a rename would overwrite */
    (void)unlink(beside);
    if (r < 0)
        return r;
    r = file_sync_folder_of(path);
    if (r < 0)
        (void)unlink(path);
    return r;
}

int file_put_new(const char *path, Bytes content, mode_t mode) {
    return file_put_new_of(path, content, mode, geteuid(), getegid());
}

int file_replace(const char *path, Bytes content, mode_t mode) {
    char beside[PATH_MAX];
    struct stat st;
    if (stat(path, &st) != 0)
        return -errno;
    int r = write_beside(path, content, mode, st.st_uid, st.st_gid, beside);
    if (r < 0)
        return r;
    if (rename(beside, path) != 0) {
        r = -errno;
        (void)unlink(beside);
        return r;
    }
    return file_sync_folder_of(path);
}
