/* SPDX-License-Identifier: Apache-2.0 */

#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/bench.h"

void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void must(int r, const char *what) {
    if (r < 0)
        die("%s: %s", what, strerror(-r));
}

void shell(const char *format, ...) {
    char command[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0)
        die("failed: %s", command);
}

double shell_number(const char *name, const char *command) {
    char text[16384];
    FILE *f = popen(command, "re");
    const size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    if (f)
        (void)pclose(f);
    const char *at = strstr(text, name);
    return at ? strtod(at + strlen(name) + strspn(at + strlen(name), "\": "), NULL) : -1;
}

unsigned long tool_raise_files(void) {
    struct rlimit limit = { .rlim_cur = 0 };
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- series --------------------------------------------------------------------------------- */

void series_add(Series *s, double v) {
    if (s->n == s->size) {
        s->size = s->size ? 2 * s->size : 1024;
        s->list = realloc(s->list, s->size * sizeof(*s->list));
        if (!s->list)
            die("out of memory");
    }
    s->list[s->n++] = v;
    s->sorted = false;
}

static int by_value(const void *x, const void *y) {
    const double p = *(const double *)x, q = *(const double *)y;
    return (p > q) - (p < q);
}

double series_at(Series *s, double share) {
    if (s->n == 0)
        return 0;
    if (!s->sorted)
        qsort(s->list, s->n, sizeof(*s->list), by_value);
    s->sorted = true;
    return s->list[(uint32_t)((s->n - 1) * share)];
}

void series_deinit(Series *s) {
    free(s->list);
    *s = (Series) { .n = 0 };
}

/* --- reports -------------------------------------------------------------------------------- */

void report_target(const Bench *b, const char *workload, const char *measure, double value,
                   const char *unit, int bound, double target) {
    const int digits = value < 10 ? 2 : value < 100 ? 1 : 0;
    printf("%-8s %-34s %12.*f %-10s", workload, measure, digits, value, unit);
    if (bound != 0)
        printf(" %s %g%s", bound < 0 ? "at most" : "at least", target,
               (bound < 0 ? value <= target : value >= target) ? "" : "  MISSED");
    putchar('\n');
    fflush(stdout);
    if (!b->csv)
        return;
    fprintf(b->csv, "%llu,%s,%s,%.6g,%s,", (unsigned long long)(wall_ms() / 1000), workload,
            measure, value, unit);
    if (bound != 0)
        fprintf(b->csv, "%s%g", bound < 0 ? "<=" : ">=", target);
    fputc('\n', b->csv);
    fflush(b->csv);
}

void report(const Bench *b, const char *workload, const char *measure, double value,
            const char *unit) {
    report_target(b, workload, measure, value, unit, 0, 0);
}

void report_series(const Bench *b, const char *workload, const char *measure, Series *s) {
    static const struct {
        const char *name;
        double share;
    } list[] = { { "p50", .5 }, { "p99", .99 }, { "p99.9", .999 } };
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%.50s %s", measure, list[i].name);
        report(b, workload, name, 1e6 * series_at(s, list[i].share), "us");
    }
}
