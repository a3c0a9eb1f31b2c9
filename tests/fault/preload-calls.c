/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The calls themselves, in place of the C library's. All go straight to the kernel, so nothing has
 * to be looked up and nothing can recurse. One lock makes a call and what the model notes of it
 * one step; the sleep of a slow sync is outside of it.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "fault/preload.h"

#define PUBLIC  __attribute__((visibility("default")))
#define FDS_MAX 1024

typedef struct Preload {
    pthread_mutex_t lock;
    Orders *orders;
    const char *prefix;
    char *paths[FDS_MAX]; /* of the open files that are ours; NULL = not ours */
} Preload;

/* The C library's calls carry no pointer of ours: the state has to be found from nowhere. */
static Preload *preload(void) {
    static Preload p = { .lock = PTHREAD_MUTEX_INITIALIZER };
    return &p;
}

__attribute__((constructor)) static void begin(void) {
    Preload *p = preload();
    const char *file = getenv("SERASI_PRELOAD");
    p->prefix = getenv("SERASI_PRELOAD_PREFIX");
    int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)syscall(SYS_close, fd);
    if (map != MAP_FAILED)
        p->orders = map;
}

/* NULL when the file is none of ours. */
static const char *path_of(int fd) {
    Preload *p = preload();
    return fd >= 0 && fd < FDS_MAX && p->orders ? p->paths[fd] : NULL;
}

static Orders *enter(void) {
    (void)pthread_mutex_lock(&preload()->lock);
    return preload()->orders;
}

static void leave(void) {
    int e = errno;
    (void)pthread_mutex_unlock(&preload()->lock);
    errno = e;
}

/* Counts the call; true when it is one that fails. */
static bool fails(Orders *o, unsigned call) {
    if (!(o->fault_calls & call))
        return false;
    uint64_t n = ++o->calls;
    if (o->fault_at == 0 || n < o->fault_at || n - o->fault_at >= o->fault_count)
        return false;
    if (o->hits++ == 0)
        o->hit_call = call;
    return true;
}

/* A call that fails outright; cut-short writes are not that. */
static bool refuses(Orders *o, unsigned call) {
    if (!fails(o, call) || o->fault_errno == 0)
        return false;
    errno = (int)o->fault_errno;
    return true;
}

static void step(Orders *o) {
    if (++o->steps >= o->cut_at && o->cut_at > 0)
        powercut_now(o);
}

/* --- names --- */

/* The file itself, or the folder whose names are synced through it. */
static bool is_ours(const char *path, int flags) {
    const Preload *p = preload();
    if (!p->orders || !p->prefix)
        return false;
    size_t n = strlen(p->prefix), m = strlen(path);
    if (strncmp(path, p->prefix, n) == 0)
        return true;
    return (flags & O_ACCMODE) == O_RDONLY && m > 0 && m < n && strncmp(path, p->prefix, m) == 0 &&
           p->prefix[m] == '/' && !strchr(p->prefix + m + 1, '/');
}

static int open_ours(const char *path, int flags, mode_t mode) {
    struct stat st;
    Orders *o = enter();
    bool is_new = (flags & O_CREAT) && stat(path, &st) != 0;
    int fd = refuses(o, CALL_OPEN) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= FDS_MAX) {
        (void)syscall(SYS_close, fd);
        errno = EMFILE;
        fd = -1;
    }
    if (fd >= 0) {
        preload()->paths[fd] = strdup(path);
        powercut_open(path, is_new);
    }
    leave();
    return fd;
}

static int open_any(const char *path, int flags, mode_t mode) {
    return is_ours(path, flags) ? open_ours(path, flags, mode)
                                : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static mode_t mode_of(int flags, va_list ap) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

PUBLIC int open(const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return open_any(path, flags, mode);
}

PUBLIC int open64(const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return open_any(path, flags | O_LARGEFILE, mode);
}

PUBLIC int close(int fd) {
    if (path_of(fd)) {
        (void)enter();
        free(preload()->paths[fd]);
        preload()->paths[fd] = NULL;
        leave();
    }
    return (int)syscall(SYS_close, fd);
}

PUBLIC int unlink(const char *path) {
    if (!is_ours(path, O_RDWR))
        return (int)syscall(SYS_unlink, path);
    Orders *o = enter();
    int r = -1;
    if (!refuses(o, CALL_UNLINK)) {
        r = (int)syscall(SYS_unlink, path);
        if (r == 0) {
            powercut_unlink(path);
            step(o);
        }
    }
    leave();
    return r;
}

/* --- bytes --- */

static ssize_t write_at(int fd, const char *path, const void *data, size_t n, off_t offset) {
    Orders *o = enter();
    ssize_t r = -1;
    bool failed = fails(o, CALL_WRITE);
    if (failed && o->fault_errno != 0) {
        errno = (int)o->fault_errno;
    } else {
        r = syscall(SYS_pwrite64, fd, data, failed && n > 1 ? n / 2 : n, offset);
        if (r > 0)
            powercut_write(path, data, (size_t)r, offset);
        step(o);
    }
    leave();
    return r;
}

PUBLIC ssize_t pwrite(int fd, const void *data, size_t n, off_t offset) {
    const char *path = path_of(fd);
    return path ? write_at(fd, path, data, n, offset)
                : (ssize_t)syscall(SYS_pwrite64, fd, data, n, offset);
}

PUBLIC ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset) {
    return pwrite(fd, data, n, offset);
}

PUBLIC ssize_t pread64(int fd, void *data, size_t n, off64_t offset) {
    if (path_of(fd)) {
        bool refused = refuses(enter(), CALL_READ);
        leave();
        if (refused)
            return -1;
    }
    return (ssize_t)syscall(SYS_pread64, fd, data, n, offset);
}

PUBLIC int ftruncate64(int fd, off64_t size) {
    const char *path = path_of(fd);
    if (!path)
        return (int)syscall(SYS_ftruncate, fd, size);
    Orders *o = enter();
    int r = -1;
    if (!refuses(o, CALL_TRUNCATE)) {
        r = (int)syscall(SYS_ftruncate, fd, size);
        if (r == 0)
            powercut_truncate(path, size);
        step(o);
    }
    leave();
    return r;
}

PUBLIC int ftruncate(int fd, off_t size) {
    return ftruncate64(fd, size);
}

/* Only for the ballast: no file that the model keeps. */
PUBLIC int posix_fallocate(int fd, off_t offset, off_t n) {
    if (path_of(fd)) {
        bool refused = refuses(enter(), CALL_WRITE);
        leave();
        if (refused)
            return errno;
    }
    return syscall(SYS_fallocate, fd, 0, offset, n) == 0 ? 0 : errno;
}

/* --- syncs --- */

/* Its syncs are what answers wait for; that of a seal, or of the folder behind it, may find no room
 * and is tried again. */
static bool is_database(const char *path) {
    const size_t n = strlen(path);
    return (n >= 3 && strcmp(path + n - 3, ".db") == 0) ||
           (n >= 4 && strcmp(path + n - 4, "-wal") == 0);
}

static int sync_ours(int fd, const char *path, long number) {
    Orders *o = enter();
    int64_t delay_us = o->sync_delay_us;
    leave();
    if (delay_us > 0)
        (void)usleep((useconds_t)delay_us);
    (void)enter();
    int r = -1;
    if (!is_database(path) || !refuses(o, CALL_SYNC)) {
        step(o); /* the power may go just before it took effect */
        r = (int)syscall(number, fd);
        if (r == 0)
            powercut_sync(path, (Lie)o->lie);
    }
    leave();
    return r;
}

PUBLIC int fdatasync(int fd) {
    const char *path = path_of(fd);
    return path ? sync_ours(fd, path, SYS_fdatasync) : (int)syscall(SYS_fdatasync, fd);
}

PUBLIC int fsync(int fd) {
    const char *path = path_of(fd);
    return path ? sync_ours(fd, path, SYS_fsync) : (int)syscall(SYS_fsync, fd);
}

/* --- the clock on the wall --- */

PUBLIC int clock_gettime(clockid_t id, struct timespec *ret) {
    const Orders *o = preload()->orders;
    int r = (int)syscall(SYS_clock_gettime, id, ret);
    if (r == 0 && o && id == CLOCK_REALTIME && o->clock_offset_ms != 0) {
        int64_t ms = o->clock_offset_ms % 1000;
        ret->tv_sec += o->clock_offset_ms / 1000;
        ret->tv_nsec += ms * 1000000;
        if (ret->tv_nsec < 0) {
            ret->tv_nsec += 1000000000;
            ret->tv_sec--;
        } else if (ret->tv_nsec >= 1000000000) {
            ret->tv_nsec -= 1000000000;
            ret->tv_sec++;
        }
    }
    return r;
}

PUBLIC int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
    struct timespec t;
    (void)zone;
    int r = clock_gettime(CLOCK_REALTIME, &t);
    *ret = (struct timeval) { .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
    return r;
}

PUBLIC time_t time(time_t *ret) {
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (ret)
        *ret = t.tv_sec;
    return t.tv_sec;
}
