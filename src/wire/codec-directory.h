/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Records of the directory, between the schema and core: one meaning for lines of JSON and for what
 * the hub signs. */

#include "serasi/v1/directory.pb-c.h"

#include "core/directory-change.h"

typedef struct RecordWhy {
    const char *field, *text; /* static */
} RecordWhy;

/* 0, or -EINVAL with why. */
_must_check_ int take_directory_record(RecordWhy *r, const Serasi__V1__DirectoryRecord *in,
                                       DirRecord *ret);
/* Has a record printed by who knows how. */
_must_check_ int codec_print_record(const DirRecord *r,
                                    int (*print)(const ProtobufCMessage *m, char **ret),
                                    char **ret);

/* Heads, shared with the proofs. NULL, or why (static). */
const char *take_head(const Serasi__V1__DirectoryHead *in, DirHead *h);
void give_head(const DirHead *h, Serasi__V1__DirectoryHead *ret); /* borrows */
