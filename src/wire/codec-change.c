/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Changes of the directory, both ways. The signature is the last field and covers all bytes before
 * it, as they came: nothing is ever packed again to be checked.
 */

#include <errno.h>

#include "base/text.h"
#include "wire/codec-directory.h"
#include "wire/codec-internal.h"

/* Field 9, 64 bytes: tag and length. */
#define SIGNATURE_TAG   0x4a
#define SIGNATURE_FIELD (2U + SIGNATURE_SIZE)
#define CHANGE_FIELDS   (DIR_CHANGE_NAMES + 32U)

static const GuardLimits change_limits = {
    .bytes = DIR_CHANGE_MAX, .depth = 3, .fields = CHANGE_FIELDS, .unknown_fields = 16
};

/* --- reading -------------------------------------------------------------------------------- */

static const char *take_name(const char *in, DirChange *c, size_t *at) {
    DirName parsed;
    if (!dir_name_parse(in, &parsed))
        return "change.removed: not the name of a record";
    const size_t n = strlen(in) + 1;
    memcpy(c->texts + *at, in, n);
    c->removed[c->n_removed++] = c->texts + *at;
    *at += n;
    return NULL;
}

static const char *take_removed(const Serasi__V1__DirectoryChange *in, DirChange *c) {
    size_t n = 0, at = 0;
    const char *why = NULL;
    for (size_t i = 0; i < in->n_removed; i++)
        n += strlen(in->removed[i]) + 1;
    c->texts = malloc(MAX(n, (size_t)1));
    c->removed = calloc(MAX(in->n_removed, (size_t)1), sizeof(*c->removed));
    if (!c->texts || !c->removed)
        return codec_out_of_memory;
    for (size_t i = 0; !why && i < in->n_removed; i++)
        why = take_name(in->removed[i], c, &at);
    return why;
}

/* Leaves point into the change's own copy of the bytes: protobuf-c's went with the arena. */
static const char *take_record(ProtobufCBinaryData in, DirChange *c, size_t *search_from) {
    DirLeaf *leaf = &c->leaves[c->n_records];
    const char *why = NULL;
    if (in.len == 0 || in.len > DIR_RECORD_MAX)
        return "change.records: size out of range";
    int r = codec_decode_record(bytes_make(in.data, in.len), &c->records[c->n_records], &why);
    if (r != 0)
        return r == -ENOMEM ? codec_out_of_memory : why;
    const uint8_t *found =
        memmem(c->bytes + *search_from, c->n_bytes - *search_from, in.data, in.len);
    if (!found) /* it was unpacked from there */
        return "change.records: out of order";
    leaf->content = bytes_make(found, in.len);
    *search_from = (size_t)(found - c->bytes) + in.len;
    dir_record_name(&c->records[c->n_records++], leaf->name);
    return NULL;
}

static const char *take_records(const Serasi__V1__DirectoryChange *in, DirChange *c) {
    const size_t n = MAX(in->n_records, (size_t)1);
    size_t at = 0;
    const char *why = NULL;
    c->records = calloc(n, sizeof(*c->records));
    c->leaves = calloc(n, sizeof(*c->leaves));
    if (!c->records || !c->leaves)
        return codec_out_of_memory;
    for (size_t i = 0; !why && i < in->n_records; i++)
        why = take_record(in->records[i], c, &at);
    return why;
}

static const char *take_signed(const Serasi__V1__DirectoryChange *in, DirChange *c) {
    if (in->ed25519.len != SIGNATURE_SIZE || c->n_bytes < SIGNATURE_FIELD ||
        c->bytes[c->n_bytes - SIGNATURE_FIELD] != SIGNATURE_TAG ||
        c->bytes[c->n_bytes - SIGNATURE_FIELD + 1] != SIGNATURE_SIZE)
        return "change.ed25519: not 64 bytes at the end";
    c->is_signed = true;
    c->n_signed = c->n_bytes - SIGNATURE_FIELD;
    memcpy(c->signature, c->bytes + c->n_signed + 2, SIGNATURE_SIZE);
    c->first = in->previous.len == 0;
    if (!c->first && !take_fixed(in->previous, c->previous.b, sizeof(c->previous.b)))
        return "change.previous: not 32 bytes";
    if (!take_time(in->changed_at, &c->changed_ms))
        return "change.changed_at: out of range";
    if (!take_optional_node(in->by, c->by))
        return "change.by: not a node id";
    if (!text_copy(c->note, sizeof(c->note), in->note))
        return "change.note: too long";
    return in->head ? take_head(in->head, &c->head) : "change.head: is missing";
}

static const char *take_change(const Serasi__V1__DirectoryChange *in, Bytes b, DirChange *c) {
    c->bytes = malloc(MAX(b.n, (size_t)1));
    if (!c->bytes)
        return codec_out_of_memory;
    memcpy(c->bytes, b.p, b.n);
    c->n_bytes = b.n;
    c->version = in->version;
    if (in->version == 0)
        return "change.version: is missing";
    if (in->n_records + in->n_removed > DIR_CHANGE_NAMES)
        return "change: too many records";
    const char *why = in->ed25519.len > 0 ? take_signed(in, c) : NULL;
    if (!why && !c->is_signed && (in->n_removed > 0 || in->head))
        why = "change: a part of a copy has records alone";
    if (!why)
        why = take_removed(in, c);
    return why ? why : take_records(in, c);
}

int codec_decode_change(Bytes b, DirChange *ret, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r =
        wire_unpack(&serasi__v1__directory_change__descriptor, b, &change_limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    _cleanup_(dir_change_deinit) DirChange c = { 0 };
    const char *why = take_change((const Serasi__V1__DirectoryChange *)m, b, &c);
    if (why == codec_out_of_memory)
        return -ENOMEM;
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    *ret = c;
    c = (DirChange) { 0 };
    return 0;
}

int codec_decode_head(Bytes b, DirHead *ret, const char **ret_why) {
    static const GuardLimits limits = {
        .bytes = 1024, .depth = 1, .fields = 16, .unknown_fields = 8
    };
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r = wire_unpack(&serasi__v1__directory_head__descriptor, b, &limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    DirHead head = { 0 };
    const char *why = take_head((const Serasi__V1__DirectoryHead *)m, &head);
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    *ret = head;
    return 0;
}

/* --- writing -------------------------------------------------------------------------------- */

int codec_encode_head(const DirHead *h, uint8_t **ret, size_t *ret_n) {
    Serasi__V1__DirectoryHead out;
    give_head(h, &out);
    return wire_pack(&out.base, ret, ret_n);
}

/* Appends the signature to what was packed without it. */
static int sign_bytes(DirChange *c, const SignKey *hub) {
    uint8_t *p = realloc(c->bytes, c->n_bytes + SIGNATURE_FIELD);
    if (!p)
        return -ENOMEM;
    c->bytes = p;
    c->n_signed = c->n_bytes;
    dir_change_sign(bytes_make(c->bytes, c->n_signed), hub, c->signature);
    p[c->n_bytes++] = SIGNATURE_TAG;
    p[c->n_bytes++] = SIGNATURE_SIZE;
    memcpy(p + c->n_bytes, c->signature, SIGNATURE_SIZE);
    c->n_bytes += SIGNATURE_SIZE;
    c->is_signed = true;
    return 0;
}

int codec_encode_change(DirChange *c, const SignKey *hub) {
    Serasi__V1__DirectoryChange out = SERASI__V1__DIRECTORY_CHANGE__INIT;
    Serasi__V1__DirectoryHead head;
    _cleanup_(freep) ProtobufCBinaryData *records = calloc(MAX(c->n_records, 1U), sizeof(*records));
    if (!records)
        return -ENOMEM;
    for (uint32_t i = 0; i < c->n_records; i++)
        records[i] = give_bytes(c->leaves[i].content.p, c->leaves[i].content.n);
    out.version = c->version;
    out.n_records = c->n_records;
    out.records = records;
    if (hub) {
        give_head(&c->head, &head);
        out.head = &head;
        out.previous = give_bytes(c->previous.b, c->first ? 0 : sizeof(c->previous.b));
        out.changed_at = (uint64_t)c->changed_ms;
        out.by = c->by;
        out.note = c->note;
        out.n_removed = c->n_removed;
        out.removed = (char **)c->removed;
    }
    free(c->bytes);
    c->bytes = NULL;
    int r = wire_pack(&out.base, &c->bytes, &c->n_bytes);
    return r == 0 && hub ? sign_bytes(c, hub) : r;
}

static int decode_record(Bytes b, DirRecord *ret) {
    const char *why;
    const int r = codec_decode_record(b, ret, &why);
    return r > 0 ? -EBADMSG : r;
}

static int decode_change(Bytes b, DirChange *ret) {
    const char *why;
    const int r = codec_decode_change(b, ret, &why);
    return r > 0 ? -EBADMSG : r;
}

const DirectoryCodec codec_directory = {
    .encode_record = codec_encode_record,
    .decode_record = decode_record,
    .encode_change = codec_encode_change,
    .decode_change = decode_change,
};
