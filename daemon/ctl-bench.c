/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bench: how fast the disk, the store and a broker on this machine are, and which of them limits.
 * About a minute.
 */

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/times.h"
#include "daemon/ctl-bench.h"

#define LENGTH_MS  (50 * SECOND_MS)
#define ROOM_NEEDS (UINT64_C(80) << 20) /* for each second */
#define DRAW_S     0.1
#define BAR        30
/* Shares from which something is what limits. */
#define OTHERS_MANY 0.25
#define OURS_FULL   0.85
#define THREAD_FULL 0.75
#define MANY        256U /* messages under way at one time */

double bench_now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- steps and their progress --- */

double bench_step(Bench *b, const char *doing, double weight) {
    b->done += b->weight;
    b->weight = weight;
    b->doing = doing;
    b->begun_at = bench_now();
    b->drawn_at = 0;
    return weight * b->seconds;
}

static void draw(Bench *b, double share) {
    char bar[BAR + 1], line[128];
    const double all = MIN(b->done + b->weight * share, 1.0);
    for (int i = 0; i < BAR; i++)
        bar[i] = i < (int)(all * BAR) ? '#' : '.';
    bar[BAR] = '\0';
    (void)snprintf(line, sizeof(line), "[%s] %3.0f %%  %s", bar, 100 * all, b->doing);
    ctl_progress(line);
}

bool bench_goes_on(Bench *b) {
    const double now = bench_now(), length = b->weight * b->seconds;
    struct signalfd_siginfo info;
    if (now - b->drawn_at >= DRAW_S) {
        draw(b, MIN((now - b->begun_at) / length, 1.0));
        b->drawn_at = now;
        b->interrupted =
            b->interrupted || read(b->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
    }
    return !b->interrupted && now - b->begun_at < length;
}

int bench_note(BenchTimes *t, double seconds) {
    if (t->n == t->size) {
        const size_t size = t->size ? 2 * t->size : 4096;
        double *more = reallocarray(t->seconds, size, sizeof(double));
        if (!more)
            return -ENOMEM;
        t->seconds = more;
        t->size = size;
    }
    t->seconds[t->n++] = seconds;
    return 0;
}

static int by_value(const void *x, const void *y) {
    const double p = *(const double *)x, q = *(const double *)y;
    return (p > q) - (p < q);
}

void bench_finish(BenchResult *ret, BenchTimes *t, double n, double elapsed) {
    ret->rate = elapsed > 0 ? n / elapsed : 0;
    ret->elapsed = elapsed;
    if (t->n > 0) {
        for (size_t i = 0; i < t->n; i++)
            ret->mean += t->seconds[i] / (double)t->n;
        qsort(t->seconds, t->n, sizeof(double), by_value);
        ret->p50 = t->seconds[t->n / 2];
        ret->p99 = t->seconds[(t->n - 1) * 99 / 100];
    }
    free(t->seconds);
    *t = (BenchTimes) { 0 };
}

/* --- the folder --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void clean_up(Bench *b) {
    ctl_progress(NULL);
    bench_stop_broker(b);
    if (b->folder[0] && nftw(b->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        ctl_complain("%s: cannot be removed: %s", b->folder, strerror(errno));
    if (b->signal_fd >= 0)
        close(b->signal_fd);
}

static int make_folder(Bench *b, const char *where) {
    struct statvfs fs;
    if (statvfs(where, &fs) < 0) {
        ctl_complain("%s: %s", where, strerror(errno));
        return CTL_REFUSED;
    }
    const double room = ROOM_NEEDS * b->seconds;
    if ((double)fs.f_bavail * (double)fs.f_frsize < room) {
        ctl_complain("%s: less than %.1f GiB are free; give another folder or less --time", where,
                     room / (1 << 30));
        return CTL_REFUSED;
    }
    if (snprintf(b->folder, sizeof(b->folder), "%s/serasi-bench.XXXXXX", where) > 80) {
        ctl_complain("%s: the path is too long for a socket in it; give another folder", where);
        b->folder[0] = '\0';
        return CTL_USAGE;
    }
    if (!mkdtemp(b->folder)) {
        ctl_complain("%s: %s", where, strerror(errno));
        b->folder[0] = '\0';
        return CTL_REFUSED;
    }
    const ssize_t n = readlink("/proc/self/exe", b->self, sizeof(b->self) - 1);
    if (n < 0) {
        ctl_complain("/proc/self/exe: %s", strerror(errno));
        return CTL_REFUSED;
    }
    b->self[n] = '\0';
    return CTL_DONE;
}

/* --- what was found --- */

typedef enum Step { DISK_4K, DISK_8K, STORE_1, STORE_MANY, ONE, MUCH, THROUGH, N_STEPS } Step;

static void print_result(const Ctl *c, const BenchResult *r, Step step) {
    if (c->json) {
        json_t *o = json_pack("{s:s,s:f,s:f,s:f}", "step", r->step, "per_second", r->rate, "p50_us",
                              1e6 * r->p50, "p99_us", 1e6 * r->p99);
        if (o && step >= ONE) {
            (void)json_object_set_new(o, "broker_cpu_s", json_real(r->broker));
            (void)json_object_set_new(o, "busiest_thread_cpu_s", json_real(r->busiest));
            (void)json_object_set_new(o, "client_cpu_s", json_real(r->us));
            (void)json_object_set_new(o, "commits", json_real(r->commits));
            (void)json_object_set_new(o, "elapsed_s", json_real(r->elapsed));
        }
        ctl_print_json(o);
        json_decref(o);
        return;
    }
    printf("%-52s %9.0f/s   half within %.2f ms, 99 of 100 within %.2f ms\n", r->text, r->rate,
           1e3 * r->p50, 1e3 * r->p99);
    fflush(stdout);
}

static double share(double part, double whole) {
    return whole > 0 ? MIN(part / whole, 1.0) : 0;
}

typedef enum Limit { LIMIT_DISK, LIMIT_PROCESSOR, LIMIT_OTHERS, LIMIT_WAITING } Limit;

/* Shares of the time while messages came as fast as they could. */
typedef struct Judgement {
    double one_sync;  /* of a publisher that waits: the disk's sync */
    double much_sync; /* the disk's syncs, one a commit */
    double busiest;   /* of one core: the busiest thread of the broker */
    double ours;      /* of the machine: the broker and this program */
    double others;    /* of the machine: all else */
    Limit limit;
} Judgement;

static Judgement judge(const BenchResult *all) {
    const BenchResult *much = &all[MUCH];
    const double whole = (double)sysconf(_SC_NPROCESSORS_ONLN) * much->elapsed,
                 ours = much->broker + much->us, sync = all[DISK_8K].mean;
    Judgement j = { .one_sync = share(sync, all[ONE].mean),
                    .much_sync = share(much->commits * sync, much->elapsed),
                    .busiest = share(much->busiest, much->elapsed),
                    .ours = share(ours, whole),
                    .others = share(MAX(much->machine - ours, 0.0), whole) };
    if (j.others > OTHERS_MANY)
        j.limit = LIMIT_OTHERS;
    else if (j.much_sync > MAX(j.busiest, j.ours))
        j.limit = LIMIT_DISK;
    else if (j.ours > OURS_FULL || j.busiest > THREAD_FULL)
        j.limit = LIMIT_PROCESSOR;
    else
        j.limit = LIMIT_WAITING;
    return j;
}

static void print_judgement(const Ctl *c, const Judgement *j, double gain) {
    static const char *const names[] = { "disk", "processor", "other-programs", "waiting" };
    static const char *const words[] = {
        "the disk. One with a faster sync (a write cache with power-loss protection) would help",
        "the processor. Faster cores would help, a faster disk would not",
        "other programs on this machine. Measure again when it is quiet",
        "neither disk nor processor alone; the parts wait for each other",
    };
    if (c->json) {
        json_t *o = json_pack("{s:s,s:s,s:f,s:f,s:f,s:f,s:f}", "step", "verdict", "limit",
                              names[j->limit], "one_sync_share", j->one_sync, "many_sync_share",
                              j->much_sync, "busiest_thread_share", j->busiest, "machine_share",
                              j->ours, "others_share", j->others);
        ctl_print_json(o);
        json_decref(o);
        return;
    }
    printf(
        "\nA publisher that waits for each answer spends %.0f %% of the time on the disk's sync.\n"
        "With %u under way they share syncs: %.0f times as many a second. Then the syncs take "
        "%.0f %%\nof the time, the broker's busiest thread is busy %.0f %%; of the processor the "
        "broker and this\nprogram have %.0f %%, other programs %.0f %%.\nWhat limits: %s.\n",
        100 * j->one_sync, MANY, gain, 100 * j->much_sync, 100 * j->busiest, 100 * j->ours,
        100 * j->others, words[j->limit]);
}

static int run_all(Bench *b, BenchResult *all) {
    int r = bench_disk(b, 4096, &all[DISK_4K]);
    if (r == CTL_DONE)
        r = bench_disk(b, 8192, &all[DISK_8K]);
    for (Step i = DISK_4K; r == CTL_DONE && i <= DISK_8K; i++)
        print_result(b->c, &all[i], i);
    if (r == CTL_DONE)
        r = bench_make_broker(b);
    for (Step i = STORE_1; r == CTL_DONE && i <= STORE_MANY; i++) {
        r = bench_store(b, i == STORE_1 ? 1 : MANY, &all[i]);
        if (r == CTL_DONE)
            print_result(b->c, &all[i], i);
    }
    if (r == CTL_DONE)
        r = bench_start_broker(b);
    for (Step i = ONE; r == CTL_DONE && i <= THROUGH; i++) {
        r = bench_flow(b, i == ONE ? 1 : MANY, i == THROUGH, &all[i]);
        if (r == CTL_DONE)
            print_result(b->c, &all[i], i);
    }
    return r;
}

int ctl_cmd_bench(Ctl *c, int argc, char **argv) {
    Bench b = { .c = c, .signal_fd = -1 };
    BenchResult all[N_STEPS] = { 0 };
    const char *where = NULL, *length = NULL;
    int64_t ms = LENGTH_MS;
    const CtlOption options[] = { { .name = "time", .value = &length }, { 0 } };
    int r = ctl_parse(c, argc, argv, options, &where, 0, 1, NULL);
    if (r == CTL_DONE && length &&
        (duration_parse(length, &ms) < 0 || ms < SECOND_MS || ms > HOUR_MS)) {
        ctl_complain("--time %s: 1s to 1h", length);
        r = CTL_USAGE;
    }
    if (r == CTL_DONE && !where) {
        r = ctl_config(c);
        if (r == CTL_DONE && c->config->role == ROLE_CLIENT) {
            ctl_complain("%s is a client's folder; name a folder on the disk to be measured",
                         c->dir);
            r = CTL_USAGE;
        } else if (r == CTL_DONE) {
            where = c->config->data_dir;
        }
    }
    if (r != CTL_DONE)
        return r;
    b.seconds = (double)ms / 1000;
    b.signal_fd = ctl_take_signals(); /* before libzmq makes its thread */
    r = hash_init() < 0 ? CTL_REFUSED : make_folder(&b, where);
    if (r == CTL_DONE)
        r = run_all(&b, all);
    clean_up(&b);
    if (b.interrupted) {
        ctl_complain("interrupted");
        return CTL_REFUSED;
    }
    if (r == CTL_DONE) {
        const Judgement j = judge(all);
        print_judgement(c, &j, all[ONE].rate > 0 ? all[MUCH].rate / all[ONE].rate : 0);
    }
    return r;
}
