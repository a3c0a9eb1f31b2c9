/* SPDX-License-Identifier: Apache-2.0 */

/* Reading histories. Strict: a line that says something else than it should is an error. */

#include <errno.h>
#include <string.h>

#include "history/history-internal.h"

static bool read_number(const char *text, int base, uint64_t *ret) {
    char *end;
    if (!*text || strspn(text, base == 16 ? "0123456789abcdef" : "0123456789") != strlen(text))
        return false;
    errno = 0;
    *ret = strtoull(text, &end, base);
    return errno == 0 && !*end;
}

static bool read_ms(const char *text, int64_t *ret) {
    uint64_t n;
    if (!read_number(text, 10, &n) || n > INT64_MAX || n == 0)
        return false;
    *ret = (int64_t)n;
    return true;
}

static bool read_list(char *text, HistoryEvent *e) {
    char *rest = text;
    if (strcmp(text, "*") == 0)
        return true;
    for (char *one; (one = strsep(&rest, ","));) {
        if (!*one || e->n_to == HISTORY_TO_MAX)
            return false;
        e->to[e->n_to++] = one;
    }
    return true;
}

static bool read_value(Field f, char *v, HistoryEvent *e) {
    uint64_t n;
    switch (f) {
    case FIELD_ID:
        return uuid_parse(v, &e->id) == 0;
    case FIELD_CASE:
        return uuid_parse(v, &e->order_key) == 0;
    case FIELD_RECALL:
        return uuid_parse(v, &e->recall) == 0;
    case FIELD_RECEIPT:
        return uuid_parse(v, &e->receipt) == 0;
    case FIELD_TO:
        return read_list(v, e);
    case FIELD_FOR:
        e->recipient = v;
        return *v;
    case FIELD_WORD:
        e->word = v;
        return *v;
    case FIELD_CAUSE:
        e->cause = v;
        return *v;
    case FIELD_BROKER:
        e->broker = v;
        return *v;
    case FIELD_EXPIRES:
        return read_ms(v, &e->expires_ms);
    case FIELD_WALL:
        return read_ms(v, &e->wall_ms);
    case FIELD_ATTEMPT:
        if (!read_number(v, 10, &n) || n == 0 || n > UINT32_MAX)
            return false;
        e->attempt = (unsigned)n;
        return true;
    case FIELD_SUM:
        return read_number(v, 16, &e->sum);
    default:
        return false;
    }
}

static bool read_field(char *word, unsigned *seen, HistoryEvent *e) {
    char *value = strchr(word, '=');
    if (!value)
        return false;
    *value++ = '\0';
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        const char *name = history_field_name(e, f);
        if (!name || strcmp(name, word) != 0)
            continue;
        if (*seen & 1U << f)
            return false;
        *seen |= 1U << f;
        return read_value(f, value, e);
    }
    return false;
}

static bool read_head(char *words[4], HistoryEvent *e) {
    uint64_t at;
    unsigned phase = 0, op = 0;
    if (!read_number(words[0], 10, &at) || at > INT64_MAX)
        return false;
    while (phase < HISTORY_PHASE_COUNT && strcmp(words[1], history_phase_name(phase)) != 0)
        phase++;
    while (op < HISTORY_OP_COUNT && strcmp(words[3], history_op_name(op)) != 0)
        op++;
    *e = (HistoryEvent) { .at_us = (int64_t)at, .phase = phase, .op = op, .who = words[2] };
    return phase < HISTORY_PHASE_COUNT && op < HISTORY_OP_COUNT;
}

static int read_line(History *h, char *line, uint32_t file, size_t number) {
    char *rest = line, *words[4];
    HistoryEvent e;
    unsigned seen = 0;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (!(words[i] = strsep(&rest, " ")))
            return -EBADMSG;
    if (!read_head(words, &e))
        return -EBADMSG;
    for (char *word; (word = strsep(&rest, " "));)
        if (!read_field(word, &seen, &e))
            return -EBADMSG;
    int r = history_add_line(h, &e, file, (uint32_t)number);
    return r == -EINVAL ? -EBADMSG : r;
}

int history_read(History *h, FILE *from, const char *name, size_t *ret_line) {
    _cleanup_(freep) char *line = NULL;
    size_t room = 0, number = 0;
    uint32_t file;
    *ret_line = 0;
    int r = history_intern(h, name, &file);
    if (r < 0)
        return r;
    for (ssize_t n; (n = getline(&line, &room, from)) > 0;) {
        number++;
        if (line[n - 1] != '\n')
            break;
        line[n - 1] = '\0';
        if (line[0] == '#')
            continue;
        r = strlen(line) == (size_t)n - 1 ? read_line(h, line, file, number) : -EBADMSG;
        if (r < 0) {
            *ret_line = r == -EBADMSG ? number : 0;
            return r;
        }
    }
    return ferror(from) ? -EIO : 0;
}

int history_load(History *h, const char *path, size_t *ret_line) {
    const char *base = strrchr(path, '/');
    *ret_line = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return -EIO;
    int r = history_read(h, f, base ? base + 1 : path, ret_line);
    (void)fclose(f);
    return r;
}
