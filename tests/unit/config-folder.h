/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A folder with configuration files, and what came of reading them. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/config.h"
#include "test.h"

typedef struct Folder {
    char path[64], file[96]; /* the one that is read first */
    Buf complaints;
    Config *config;
    int r;
} Folder;

static inline void put(const Folder *f, const char *name, const char *text) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", f->path, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static inline void folder_open(Folder *f) {
    *f = (Folder) { .path = "/tmp/test-config-XXXXXX" };
    assert_non_null(mkdtemp(f->path));
    snprintf(f->file, sizeof(f->file), "%s/" CONFIG_FILE_NAME, f->path);
}

/* Reads it again. */
static inline void folder_load(Folder *f) {
    buf_deinit(&f->complaints);
    f->complaints = (Buf) { 0 };
    f->config = config_free(f->config);
    f->r = config_load(&f->config, f->file, &f->complaints);
}

static inline void folder_close(Folder *f) {
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", f->path);
    assert_int_equal(system(command), 0);
    buf_deinit(&f->complaints);
    config_free(f->config);
}
