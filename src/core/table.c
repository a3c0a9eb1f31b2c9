/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/table.h"

#define CELLS_FIRST_ROOM 32U

Table *table_new(void) {
    return calloc(1, sizeof(Table));
}

Table *table_free(Table *t) {
    if (!t)
        return NULL;
    for (uint32_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    for (uint32_t i = 0; t->owns_names && i < t->n_columns; i++)
        free((char *)t->columns[i].name);
    free(t);
    return NULL;
}

void table_column(Table *t, const char *name, ColumnType type) {
    assert(t->n_columns < ARRAY_SIZE(t->columns) && t->n_cells == 0);
    t->columns[t->n_columns++] = (Column) { .name = name, .type = type };
}

static bool table_grow(Table *t) {
    if (t->n_cells < t->room)
        return true;
    uint32_t room = t->room ? t->room * 2 : CELLS_FIRST_ROOM;
    char **cells = room > t->room ? reallocarray(t->cells, room, sizeof(*cells)) : NULL;
    if (!cells)
        return false;
    t->cells = cells;
    t->room = room;
    return true;
}

/* Takes over value; NULL = its allocation failed. */
static void table_take(Table *t, char *value) {
    if (t->failed || !value || !table_grow(t)) {
        free(value);
        t->failed = true;
        return;
    }
    text_scrub(value); /* from a damaged row; as it is nobody could read the answer at all */
    t->cells[t->n_cells++] = value;
}

void table_text(Table *t, const char *value) {
    if (!t->failed)
        table_take(t, strdup(value));
}

void table_number(Table *t, int64_t value) {
    table_textf(t, "%" PRId64, value);
}

void table_uuid(Table *t, const Uuid *id) {
    char text[UUID_TEXT_SIZE] = "";
    if (!uuid_is_nil(id))
        uuid_format(id, text);
    table_text(t, text);
}

void table_textf(Table *t, const char *format, ...) {
    char *value = NULL;
    va_list ap;
    if (t->failed)
        return;
    va_start(ap, format);
    int n = vasprintf(&value, format, ap);
    va_end(ap);
    table_take(t, n < 0 ? NULL : value);
}

void table_say(Table *t, uint32_t code, const char *format, ...) {
    va_list ap;
    t->code = code;
    va_start(ap, format);
    (void)vsnprintf(t->text, sizeof(t->text), format, ap);
    va_end(ap);
    text_scrub(t->text); /* it may quote what an operator sent, or end within a character */
}

uint32_t table_rows(const Table *t) {
    return t->n_columns ? t->n_cells / t->n_columns : 0;
}

const char *table_cell(const Table *t, uint32_t row, uint32_t column) {
    if (row >= table_rows(t) || column >= t->n_columns)
        return "";
    return t->cells[(size_t)row * t->n_columns + column];
}

void table_join(Table *t, Table *more) {
    assert(t->n_columns == more->n_columns);
    for (uint32_t i = 0; i < more->n_cells; i++)
        table_take(t, more->cells[i]);
    more->n_cells = 0;
    t->more = more->more;
    t->failed = t->failed || more->failed;
}

void table_fit(Table *t, size_t bytes, uint32_t fields) {
    const uint32_t rows = table_rows(t);
    uint32_t kept = 0;
    size_t used = 0;
    for (; kept < rows && (kept + 1) * (t->n_columns + 1) <= fields; kept++) {
        size_t row = 4;
        for (uint32_t c = 0; c < t->n_columns; c++)
            row += strlen(table_cell(t, kept, c)) + 4;
        if (used + row > bytes)
            break;
        used += row;
    }
    if (kept == rows)
        return;
    for (uint32_t i = kept * t->n_columns; i < t->n_cells; i++)
        free(t->cells[i]);
    t->n_cells = kept * t->n_columns;
    t->more = true;
}
