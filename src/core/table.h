/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A result table: what operator verbs answer with. Cells are text; the column says how to read it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/uuid.h"

typedef enum ColumnType {
    COLUMN_TEXT = 1,
    COLUMN_NUMBER = 2,
    COLUMN_TIME = 3, /* wall ms in decimal, "0" = none */
    COLUMN_BOOL = 4, /* "0" or "1" */
} ColumnType;

typedef struct Column {
    const char *name; /* static string when built here, owned when decoded (owns_names) */
    ColumnType type;
} Column;

#define TABLE_COLUMNS_MAX 32U

typedef struct Table {
    uint32_t code; /* 0 done, 1 refused or not found, 2 bad request */
    char text[256];
    uint32_t n_columns;
    Column columns[TABLE_COLUMNS_MAX];
    uint32_t n_cells, room;
    char **cells; /* row by row, owned */
    bool more, failed, owns_names;
} Table;

Table *table_new(void);
Table *table_free(Table *t);
DEFINE_CLEANUP(Table *, table_free);
/* Columns first, then cells row by row. After a failed allocation `failed` stays set. What no text
 * may hold (text_is_clean) is shown as '?'. */
void table_column(Table *t, const char *name, ColumnType type);
void table_text(Table *t, const char *value);
void table_number(Table *t, int64_t value);
void table_uuid(Table *t, const Uuid *id); /* empty for none */
_printf_(2, 3) void table_textf(Table *t, const char *format, ...);
_printf_(3, 4) void table_say(Table *t, uint32_t code, const char *format, ...);
/* Moves the rows of more, which has the same columns, behind those of t. */
void table_join(Table *t, Table *more);
/* Cuts rows off the end until names and cells have at most so many bytes and fields; sets more. */
void table_fit(Table *t, size_t bytes, uint32_t fields);
uint32_t table_rows(const Table *t);
const char *table_cell(const Table *t, uint32_t row, uint32_t column);
