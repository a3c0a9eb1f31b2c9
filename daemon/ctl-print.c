/* SPDX-License-Identifier: Apache-2.0 */

/* Rows for machines (one JSON object a line) and for people (columns, local time). */

#include <locale.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/times.h"
#include "daemon/ctl.h"

#define COLUMNS_MAX 16U

void ctl_print_json(const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    puts(text ? text : "null");
    free(text);
}

/* --- for people --- */

static bool is_time(const char *text, int64_t *ret_ms) {
    size_t n = strlen(text);
    return n >= 20 && n < RFC3339_SIZE && text[10] == 'T' && text[n - 1] == 'Z' &&
           rfc3339_parse(text, ret_ms) == 0;
}

/* The text of a cell; malloc()ed, never NULL. */
static char *cell_text(const json_t *v) {
    char text[64] = "";
    int64_t ms = 0;
    if (json_is_string(v) && is_time(json_string_value(v), &ms)) {
        time_t seconds = (time_t)(ms / SECOND_MS);
        struct tm local;
        if (localtime_r(&seconds, &local))
            (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
    } else if (json_is_string(v)) {
        char *copy = strdup(json_string_value(v));
        if (copy) {
            text_make_one_line(copy); /* a reason must not look like a row of our own */
            return copy;
        }
    } else if (json_is_integer(v)) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
    } else if (json_is_boolean(v)) {
        (void)snprintf(text, sizeof(text), "%s", json_is_true(v) ? "yes" : "no");
    } else if (v && !json_is_null(v)) {
        char *dump = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        if (dump)
            return dump;
    }
    char *copy = strdup(text);
    if (!copy)
        abort(); /* nothing can be shown any more */
    return copy;
}

/* Code points, near enough to columns for names in Latin script. */
static size_t width(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void pad(size_t n) {
    while (n-- > 0)
        putchar(' ');
}

typedef struct Layout {
    size_t n;
    const char *name[COLUMNS_MAX];
    size_t width[COLUMNS_MAX];
    bool number[COLUMNS_MAX];
} Layout;

static void measure(const json_t *rows, Layout *l) {
    size_t i, j;
    json_t *row;
    const char *key;
    json_t *value;
    json_object_foreach(json_array_get(rows, 0), key, value) {
        if (l->n == COLUMNS_MAX)
            break;
        l->name[l->n] = key;
        l->width[l->n] = width(key);
        l->number[l->n++] = json_is_integer(value);
    }
    json_array_foreach(rows, i, row) {
        for (j = 0; j < l->n; j++) {
            char *text = cell_text(json_object_get(row, l->name[j]));
            l->width[j] = MAX(l->width[j], width(text));
            free(text);
        }
    }
}

static void print_cell(const Layout *l, size_t j, const char *text) {
    size_t room = l->width[j] - width(text);
    if (l->number[j])
        pad(room);
    fputs(text, stdout);
    if (!l->number[j] && j + 1 < l->n)
        pad(room);
    fputs(j + 1 < l->n ? "  " : "\n", stdout);
}

static void print_table(const json_t *rows) {
    Layout l = { 0 };
    size_t i;
    json_t *row;
    measure(rows, &l);
    for (size_t j = 0; j < l.n; j++)
        print_cell(&l, j, l.name[j]);
    json_array_foreach(rows, i, row) {
        for (size_t j = 0; j < l.n; j++) {
            char *text = cell_text(json_object_get(row, l.name[j]));
            print_cell(&l, j, text);
            free(text);
        }
    }
}

/* One row of many columns reads better downwards. */
static void print_one(const json_t *row) {
    size_t widest = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, key, value) widest = MAX(widest, width(key));
    json_object_foreach((json_t *)(uintptr_t)row, key, value) {
        char *text = cell_text(value);
        fputs(key, stdout);
        pad(widest - width(key));
        printf("  %s\n", text);
        free(text);
    }
}

void ctl_print_rows(const Ctl *c, const json_t *rows) {
    size_t i;
    json_t *row;
    if (c->json) {
        json_array_foreach(rows, i, row) ctl_print_json(row);
    } else if (json_array_size(rows) == 0) {
        puts("none");
    } else if (json_array_size(rows) == 1 && json_object_size(json_array_get(rows, 0)) > 8) {
        print_one(json_array_get(rows, 0));
    } else {
        print_table(rows);
    }
}

void ctl_progress(const char *text) {
    if (!isatty(STDERR_FILENO))
        return;
    if (text)
        fprintf(stderr, "\r\033[K%s", text);
    else
        fputs("\r\033[K", stderr);
    fflush(stderr);
}
