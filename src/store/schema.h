/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The schema of the file: made, known again, brought up to date. */

#include <stdint.h>

typedef struct Store Store;

int schema_open(Store *s, void (*progress)(void *), void *progress_data, char why[static 256]);
/* Whose file is it, and of what version (0: new)? Reads only. */
int schema_identify(Store *s, int *ret_version, char why[static 256]);
int schema_quick_check(Store *s, void (*progress)(void *), void *progress_data,
                       char why[static 256]);
/* sql[i] brings a file of version i to version i + 1. */
typedef struct SchemaSteps {
    const char *const *sql;
    int n;
} SchemaSteps;
/* Each step is a transaction, with the new version in it. */
int schema_migrate(Store *s, int version, const SchemaSteps *to, char why[static 256]);
int64_t meta_number(Store *s, const char *key, int64_t none);
void meta_set(Store *s, const char *key, int64_t value);
