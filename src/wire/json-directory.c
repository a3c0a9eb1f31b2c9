/* SPDX-License-Identifier: Apache-2.0 */

/* Directory lines: {"node": {...}}, {"key": {...}}, {"region": {...}} or {"holiday": {...}}, one
 * record a line. */

#include <errno.h>

#include "base/text.h"
#include "wire/codec-directory.h"
#include "wire/json-internal.h"

int json_parse_directory_line(const char *text, size_t n, DirRecord *ret,
                              char why[static JSON_WHY_SIZE]) {
    _cleanup_(json_unrefp) json_t *object = NULL;
    _cleanup_(arena_freep) Arena *a = NULL;
    int e = json_begin(text, n, FACTS_MAX, &object, &a, why);
    if (e < 0)
        return e;
    JsonReader r = { .arena = a, .why = why };
    ProtobufCMessage *m;
    e = json_read_message(&r, object, &serasi__v1__directory_record__descriptor, &m);
    if (e < 0)
        return e;
    DirRecord line = { 0 };
    RecordWhy refusal;
    e = take_directory_record(&refusal, (const Serasi__V1__DirectoryRecord *)m, &line);
    if (e < 0) {
        (void)text_copy(r.path, sizeof(r.path), refusal.field);
        return json_refuse(&r, "%s", refusal.text);
    }
    *ret = line;
    return 0;
}

/* --- printing ------------------------------------------------------------------------------- */

static int print_line(const ProtobufCMessage *m, char **ret) {
    return json_finish(json_write_message(m), false, false, ret);
}

int json_print_directory_line(const DirRecord *r, char **ret) {
    return codec_print_record(r, print_line, ret);
}

int json_print_key_line(const DirKey *k, char **ret) {
    const DirRecord record = { .kind = DIR_KEY, .key = *k };
    return json_print_directory_line(&record, ret);
}
