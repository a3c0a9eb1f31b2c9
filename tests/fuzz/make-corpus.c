/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Writes the seeds of the fuzz targets: make-corpus SOURCE_DIR. One valid sample of every frame,
 * every kind of message and every kind of line, and the bombs: nesting, repetition, lengths that
 * lie. Files found by fuzzing lie beside them (crash-..., found-...) and are not touched.
 */

#include <sys/stat.h>

#include "fuzz/make-corpus.h"

static const char *source_dir;

void put(const char *target, const char *name, Bytes b) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", source_dir, target);
    (void)mkdir(path, 0755);
    (void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s/%s", source_dir, target, name);
    FILE *f = fopen(path, "we");
    FUZZ_CHECK(f && fwrite(b.p, 1, b.n, f) == b.n && fclose(f) == 0);
}

void put_text(const char *target, const char *name, const char *text) {
    put(target, name, bytes_make(text, strlen(text)));
}

void put_buf(const char *target, const char *name, Buf *b) {
    FUZZ_CHECK(!b->failed);
    put(target, name, buf_bytes(b));
    buf_deinit(b);
}

const char *source_path(const char *path) {
    static char full[512];
    (void)snprintf(full, sizeof(full), "%s/%s", source_dir, path);
    return full;
}

char *read_text(const char *path, size_t *ret_n) {
    char *text = calloc(1, 1 << 20);
    FILE *f = fopen(source_path(path), "re");
    FUZZ_CHECK(f && text);
    *ret_n = fread(text, 1, (1 << 20) - 1, f);
    FUZZ_CHECK(fclose(f) == 0);
    return text;
}

void add_byte(Buf *b, unsigned v) {
    const uint8_t byte = (uint8_t)v;
    buf_add(b, &byte, 1);
}

void add_part(Buf *b, Bytes part) {
    FUZZ_CHECK(part.n < 65536);
    add_byte(b, (unsigned)part.n >> 8);
    add_byte(b, (unsigned)part.n & 255);
    buf_add(b, part.p, part.n);
}

int main(int argc, char *argv[]) {
    if (argc != 2) {
        fprintf(stderr, "Usage: make-corpus SOURCE_DIR\n");
        return 2;
    }
    source_dir = argv[1];
    FUZZ_CHECK(hash_init() == 0);
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus", source_dir);
    (void)mkdir(path, 0755);
    frames();
    messages_of_every_kind();
    examples();
    texts();
    stored();
    broker_stories();
    parts_and_damage();
    signatures();
    directory_changes_seeds();
    keys_and_wraps();
    tokens_and_requests();
    return 0;
}
