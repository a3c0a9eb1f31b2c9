/* SPDX-License-Identifier: Apache-2.0 */
#include "fault/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <sqlite3.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
int __real_vasprintf(char **ret, const char *format, va_list ap);
void __real_free(void *p);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
int __wrap_vasprintf(char **ret, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));
int __wrap_asprintf(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap_free(void *p);

static struct {
    bool armed, fired, in_jansson;
    unsigned paused;
    FaultMode mode;
    unsigned long count, nth;
    long live;
} state;

static bool fails(void) {
    if (!state.armed || state.paused > 0)
        return false;
    state.count++;
    if (state.nth == 0 || state.count < state.nth ||
        (state.mode == FAULT_ONCE && state.count > state.nth))
        return false;
    state.fired = true;
    errno = ENOMEM;
    return true;
}

/* A new allocation, or NULL. */
static void *counted(void *p) {
    state.live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n) {
    return fails() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n) {
    if (fails())
        return NULL;
    return p ? __real_realloc(p, n) : counted(__real_realloc(NULL, n));
}

void *__wrap_reallocarray(void *p, size_t n, size_t size) {
    if (fails())
        return NULL;
    return p ? __real_reallocarray(p, n, size) : counted(__real_reallocarray(NULL, n, size));
}

char *__wrap_strdup(const char *s) {
    return fails() ? NULL : counted(__real_strdup(s));
}

int __wrap_vasprintf(char **ret, const char *format, va_list ap) {
    int n = fails() ? -1 : __real_vasprintf(ret, format, ap);
    if (n < 0)
        *ret = NULL;
    state.live += n >= 0;
    return n;
}

int __wrap_asprintf(char **ret, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    int n = __wrap_vasprintf(ret, format, ap);
    va_end(ap);
    return n;
}

void __wrap_free(void *p) {
    state.live -= p != NULL;
    __real_free(p);
}

static void *json_malloc(size_t n) {
    return state.in_jansson ? __wrap_malloc(n) : counted(__real_malloc(n));
}

/* --- SQLite wants to know how large a block is: it stands in front of it --- */

#define HEAD 16

static void *sql_malloc(int n) {
    char *p = __wrap_malloc((size_t)n + HEAD);
    if (!p)
        return NULL;
    memcpy(p, &n, sizeof(n));
    return p + HEAD;
}

static void sql_free(void *p) {
    if (p)
        __wrap_free((char *)p - HEAD);
}

static void *sql_realloc(void *p, int n) {
    char *q = __wrap_realloc((char *)p - HEAD, (size_t)n + HEAD);
    if (!q)
        return NULL;
    memcpy(q, &n, sizeof(n));
    return q + HEAD;
}

static int sql_size(void *p) {
    int n = 0;
    if (p)
        memcpy(&n, (char *)p - HEAD, sizeof(n));
    return n;
}

static int sql_round(int n) {
    return (n + 7) & ~7;
}

static int sql_init(void *data) {
    (void)data;
    return SQLITE_OK;
}

static void sql_shutdown(void *data) {
    (void)data;
}

void fault_install(void) {
    static bool done; /* SQLite takes it once, before its first use */
    if (done)
        return;
    done = true;
    static const sqlite3_mem_methods methods = { sql_malloc, sql_free, sql_realloc,  sql_size,
                                                 sql_round,  sql_init, sql_shutdown, NULL };
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK ||
        sqlite3_initialize() != SQLITE_OK) {
        fprintf(stderr, "SQLite does not take our allocator\n");
        _Exit(1);
    }
    json_set_alloc_funcs(json_malloc, __wrap_free);
}

/* --- orders --- */

void fault_arm(unsigned long n, FaultMode mode) {
    state.armed = true;
    state.fired = false;
    state.count = 0;
    state.nth = n;
    state.mode = mode;
}

unsigned long fault_disarm(bool *ret_fired) {
    state.armed = false;
    *ret_fired = state.fired;
    return state.count;
}

void fault_in_jansson(bool count) {
    state.in_jansson = count;
}

void fault_pause(bool pause) {
    state.paused += pause ? 1U : -1U;
}

long fault_live(void) {
    return state.live;
}
