/* SPDX-License-Identifier: Apache-2.0 */

/* Filters of named subscriptions: in SUBSCRIBE, in the store, and (by way of the same struct) in
 * JSON. The region "" is a prefix of every region and reads as no condition on regions; the filter
 * without any condition is written that way, so that no filter is stored as nothing. */

#include <errno.h>

#include "wire/codec-internal.h"

/* The largest filter: 32 values of each field, of which 10 digits and 16-byte ids weigh most. */
static const GuardLimits filter_limits = {
    .bytes = FRAME_MAX,
    .depth = 1,
    .fields = 6 * FILTER_VALUES_MAX,
    .unknown_fields = 0, /* a condition we do not know cannot be kept */
};

static bool take_codes(size_t n, const int *in, uint32_t *ret_n,
                       int ret[static FILTER_VALUES_MAX]) {
    if (n > FILTER_VALUES_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (in[i] <= 0)
            return false;
        ret[i] = in[i];
    }
    *ret_n = (uint32_t)n;
    return true;
}

static bool has_nation(const Serasi__V1__Filter *in) {
    for (size_t i = 0; i < in->n_regions; i++)
        if (in->regions[i][0] == '\0')
            return true;
    return false;
}

const char *take_filter(const Serasi__V1__Filter *in, Filter *ret) {
    if (in->base.n_unknown_fields > 0)
        return "filter: unknown condition";
    if (!take_codes(in->n_kinds, (const int *)in->kinds, &ret->n_kinds, ret->kinds))
        return "filter: kinds out of range";
    if (!take_codes(in->n_clusters, (const int *)in->clusters, &ret->n_clusters, ret->clusters))
        return "filter: clusters out of range";
    if (!take_codes(in->n_urgencies, (const int *)in->urgencies, &ret->n_urgencies, ret->urgencies))
        return "filter: urgencies out of range";
    if (!take_codes(in->n_sender_kinds, (const int *)in->sender_kinds, &ret->n_sender_kinds,
                    ret->sender_kinds))
        return "filter: sender_kinds out of range";
    if (in->n_regions > FILTER_VALUES_MAX || in->n_case_ids > FILTER_VALUES_MAX)
        return "filter: too many values";
    for (size_t i = 0; i < in->n_regions; i++)
        if (!take_region(in->regions[i], ret->regions[i]))
            return "filter: regions are digits";
    ret->n_regions = has_nation(in) ? 0 : (uint32_t)in->n_regions;
    for (size_t i = 0; i < in->n_case_ids; i++)
        if (!take_uuid(in->case_ids[i], &ret->cases[i]))
            return "filter: case_ids are 16 bytes";
    ret->n_cases = (uint32_t)in->n_case_ids;
    return NULL;
}

Serasi__V1__Filter *give_filter(Arena *a, const Filter *in) {
    Serasi__V1__Filter *out = in ? arena_alloc(a, sizeof(*out)) : NULL;
    char **regions = in ? arena_alloc(a, in->n_regions * sizeof(*regions)) : NULL;
    ProtobufCBinaryData *cases = in ? arena_alloc(a, in->n_cases * sizeof(*cases)) : NULL;
    if (!out || !regions || !cases)
        return NULL;
    serasi__v1__filter__init(out);
    for (uint32_t i = 0; i < in->n_regions; i++)
        regions[i] = (char *)in->regions[i];
    for (uint32_t i = 0; i < in->n_cases; i++)
        cases[i] = (ProtobufCBinaryData) { .len = UUID_SIZE, .data = (uint8_t *)in->cases[i].b };
    out->n_kinds = in->n_kinds;
    out->kinds = (Serasi__V1__MessageKind *)in->kinds;
    out->n_regions = in->n_regions;
    out->regions = regions;
    out->n_clusters = in->n_clusters;
    out->clusters = (Serasi__V1__Cluster *)in->clusters;
    out->n_case_ids = in->n_cases;
    out->case_ids = cases;
    out->n_urgencies = in->n_urgencies;
    out->urgencies = (Serasi__V1__Urgency *)in->urgencies;
    out->n_sender_kinds = in->n_sender_kinds;
    out->sender_kinds = (Serasi__V1__NodeKind *)in->sender_kinds;
    return out;
}

Bytes codec_encode_filter(const Filter *f, uint8_t *buf, size_t size) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    Serasi__V1__Filter *out = a ? give_filter(a, f) : NULL;
    static char *const nation[] = { (char *)"" };
    if (out && serasi__v1__filter__get_packed_size(out) == 0) {
        out->n_regions = 1;
        out->regions = (char **)nation;
    }
    if (!out || serasi__v1__filter__get_packed_size(out) > size)
        return (Bytes) { 0 };
    return bytes_make(buf, serasi__v1__filter__pack(out, buf));
}

int codec_decode_filter(Bytes b, Filter *ret) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    const char *why;
    int r = wire_unpack(&serasi__v1__filter__descriptor, b, &filter_limits, &a, &m, &why);
    if (r != 0)
        return r;
    _cleanup_(freep) Filter *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    if (take_filter((const Serasi__V1__Filter *)m, f))
        return WIRE_MALFORMED;
    *ret = *f;
    return 0;
}
