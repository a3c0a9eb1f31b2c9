/* SPDX-License-Identifier: Apache-2.0 */

/* Directory lines: {"node": {...}}, {"key": {...}}, {"region": {...}} or {"holiday": {...}}, one
 * record a line. */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "core/terms.h"
#include "serasi/v1/directory.pb-c.h"
#include "wire/codec-internal.h"
#include "wire/json-internal.h"
#include "wire/reflect.h"

#define Z85 "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

static int refuse(JsonReader *r, const char *field, const char *text) {
    (void)text_copy(r->path, sizeof(r->path), field);
    return json_refuse(r, "%s", text);
}

static int take_areas(JsonReader *r, const Serasi__V1__NodeRecord *in, DirNode *n) {
    if (in->n_service_area > DIR_AREAS_MAX)
        return refuse(r, "node.service_area", "too many areas");
    if (in->n_clusters > DIR_CLUSTERS_MAX)
        return refuse(r, "node.clusters", "too many clusters");
    for (size_t i = 0; i < in->n_service_area; i++) {
        const Serasi__V1__ServiceArea *area = in->service_area[i];
        if (!take_region(area->region, n->areas[i].region))
            return refuse(r, "node.service_area.region", "not a region prefix");
        n->areas[i].cluster = (int)area->cluster;
        n->areas[i].priority = area->priority;
    }
    for (size_t i = 0; i < in->n_clusters; i++)
        n->clusters[i] = (int)in->clusters[i];
    n->n_areas = (uint32_t)in->n_service_area;
    n->n_clusters = (uint32_t)in->n_clusters;
    return 0;
}

/* A code of an enum of the law; newer ones than this program knows cannot be judged by. */
static bool take_known_code(int in, int most, uint8_t *ret) {
    if (in < 0 || in > most)
        return false;
    *ret = (uint8_t)in;
    return true;
}

static bool take_day(const Serasi__V1__Date *in, CivilDate *ret) {
    return !in || reflect_date(in, ret);
}

static int take_attributes(JsonReader *r, const Serasi__V1__NodeRecord *in, DirNode *n) {
    const Serasi__V1__Accreditation *accreditation = in->accreditation;
    const Serasi__V1__Designation *designation = in->designation;
    n->ipwl = in->ipwl;
    n->lpks = in->lpks;
    n->national_referral_centre = in->national_referral_centre;
    n->ska = in->ska;
    n->odhiv = in->odhiv;
    for (size_t i = 0; i < in->n_bases; i++)
        n->bases |= codes_of((int)in->bases[i]);
    if (accreditation) {
        if (!take_known_code((int)accreditation->grade, ACCREDITATION_GRADE_C,
                             &n->accreditation_grade))
            return refuse(r, "node.accreditation.grade", "there is no such grade");
        if (!take_day(accreditation->valid_until, &n->accreditation_valid_until))
            return refuse(r, "node.accreditation.valid_until", "not a day");
    }
    if (designation) {
        if (!take_known_code((int)designation->by, DESIGNATION_BY_MINISTER, &n->designation_by))
            return refuse(r, "node.designation.by", "there is no such code");
        if (!take_known_code((int)designation->scope, DESIGNATION_SCOPE_BOTH,
                             &n->designation_scope))
            return refuse(r, "node.designation.scope", "there is no such code");
        if (!take_day(designation->valid_until, &n->designation_valid_until))
            return refuse(r, "node.designation.valid_until", "not a day");
    }
    if (in->n_no_longer > 0)
        return refuse(r, "node.no_longer", "is for messages; a line says how things are");
    return 0;
}

static int take_node_record(JsonReader *r, const Serasi__V1__NodeRecord *in, DirNode *n) {
    if (!take_node(in->id, n->id))
        return refuse(r, "node.id", "not a node id");
    if ((int)in->kind <= NODE_UNSPECIFIED)
        return refuse(r, "node.kind", "is missing");
    if (!text_copy(n->name, sizeof(n->name), in->name))
        return refuse(r, "node.name", "too long");
    if (!take_optional_node(in->parent, n->parent))
        return refuse(r, "node.parent", "not a node id");
    if (!take_optional_node(in->home, n->home))
        return refuse(r, "node.home", "not a node id");
    if (!take_optional_node(in->broker_parent, n->broker_parent))
        return refuse(r, "node.broker_parent", "not a node id");
    n->kind = (int)in->kind;
    n->broker = in->broker;
    n->inactive = in->inactive;
    n->no_clients = in->no_clients;
    n->capacity = in->capacity;
    const int e = take_attributes(r, in, n);
    return e < 0 ? e : take_areas(r, in, n);
}

/* 32 bytes, or nothing: then ret stays as it is. */
static bool take_public(ProtobufCBinaryData b, uint8_t ret[static PUBLIC_KEY_SIZE]) {
    if (b.len == PUBLIC_KEY_SIZE)
        memcpy(ret, b.data, PUBLIC_KEY_SIZE);
    return b.len == PUBLIC_KEY_SIZE || b.len == 0;
}

static int take_key_record(JsonReader *r, const Serasi__V1__KeyRecord *in, DirKey *k) {
    if (!take_node(in->node, k->node))
        return refuse(r, "key.node", "not a node id");
    if (!text_copy(k->label, sizeof(k->label), in->label))
        return refuse(r, "key.label", "too long");
    if (strlen(in->curve) != CURVE_TEXT_SIZE - 1 || in->curve[strspn(in->curve, Z85)] != '\0')
        return refuse(r, "key.curve", "must be 40 characters of Z85");
    (void)text_copy(k->curve, sizeof(k->curve), in->curve);
    if (!take_public(in->ed25519, k->sign.b))
        return refuse(r, "key.ed25519", "must be 32 bytes in base64");
    if (!take_public(in->x25519, k->seal.b))
        return refuse(r, "key.x25519", "must be 32 bytes in base64");
    if (!take_time(in->valid_from_at, &k->valid_from_ms))
        return refuse(r, "key.valid_from_at", "out of range");
    if (!take_time(in->valid_until_at, &k->valid_until_ms))
        return refuse(r, "key.valid_until_at", "out of range");
    k->broker = in->broker;
    k->operator_ = in->operator_;
    k->revoked = in->revoked;
    return 0;
}

static int take_region_record(JsonReader *r, const Serasi__V1__RegionRecord *in,
                              DirRegion *region) {
    if (in->code[0] == '\0' || !take_region(in->code, region->code))
        return refuse(r, "region.code", "must be up to 10 digits");
    if (!text_copy(region->name, sizeof(region->name), in->name))
        return refuse(r, "region.name", "too long");
    if (!take_region(in->alias_of, region->alias_of))
        return refuse(r, "region.alias_of", "must be up to 10 digits");
    return 0;
}

static int take_holiday_record(JsonReader *r, const Serasi__V1__HolidayRecord *in, DirHoliday *h) {
    if (!in->on || !take_day(in->on, &h->on))
        return refuse(r, "holiday.on", "must be a day");
    if (!text_copy(h->name, sizeof(h->name), in->name))
        return refuse(r, "holiday.name", "too long");
    h->working = in->working;
    return 0;
}

static int take_record(JsonReader *r, const Serasi__V1__DirectoryRecord *in, DirectoryLine *line) {
    switch (in->record_case) {
    case SERASI__V1__DIRECTORY_RECORD__RECORD_NODE:
        line->which = LINE_NODE;
        return take_node_record(r, in->node, &line->node);
    case SERASI__V1__DIRECTORY_RECORD__RECORD_KEY:
        line->which = LINE_KEY;
        return take_key_record(r, in->key, &line->key);
    case SERASI__V1__DIRECTORY_RECORD__RECORD_REGION:
        line->which = LINE_REGION;
        return take_region_record(r, in->region, &line->region);
    case SERASI__V1__DIRECTORY_RECORD__RECORD_HOLIDAY:
        line->which = LINE_HOLIDAY;
        return take_holiday_record(r, in->holiday, &line->holiday);
    default:
        return json_refuse(r, "one of node, key, region and holiday must be given");
    }
}

int json_parse_directory_line(const char *text, size_t n, DirectoryLine *ret,
                              char why[static JSON_WHY_SIZE]) {
    if (n > FACTS_MAX) {
        (void)snprintf(why, JSON_WHY_SIZE, "too large");
        return -EINVAL;
    }
    _cleanup_(json_unrefp) json_t *object = NULL;
    int e = json_load_object(text, n, &object, why);
    if (e < 0)
        return e;
    _cleanup_(arena_freep) Arena *a = arena_new_for(n);
    if (!a)
        return -ENOMEM;
    JsonReader r = { .arena = a, .why = why };
    ProtobufCMessage *m;
    e = json_read_message(&r, object, &serasi__v1__directory_record__descriptor, &m);
    if (e < 0)
        return e;
    DirectoryLine line = { 0 };
    e = take_record(&r, (const Serasi__V1__DirectoryRecord *)m, &line);
    if (e == 0)
        *ret = line;
    return e;
}

/* --- printing ------------------------------------------------------------------------------- */

static ProtobufCBinaryData give_public(const uint8_t public[static PUBLIC_KEY_SIZE]) {
    return (ProtobufCBinaryData) {
        .len = public_key_is_set(public) ? PUBLIC_KEY_SIZE : 0,
        .data = (uint8_t *)public,
    };
}

int json_print_key_line(const DirKey *k, char **ret) {
    Serasi__V1__KeyRecord out = SERASI__V1__KEY_RECORD__INIT;
    out.node = (char *)k->node;
    out.label = (char *)k->label;
    out.curve = (char *)k->curve;
    out.ed25519 = give_public(k->sign.b);
    out.x25519 = give_public(k->seal.b);
    out.broker = k->broker;
    out.operator_ = k->operator_;
    out.revoked = k->revoked;
    out.valid_from_at = (uint64_t)k->valid_from_ms;
    out.valid_until_at = (uint64_t)k->valid_until_ms;
    Serasi__V1__DirectoryRecord line = SERASI__V1__DIRECTORY_RECORD__INIT;
    line.record_case = SERASI__V1__DIRECTORY_RECORD__RECORD_KEY;
    line.key = &out;
    return json_finish(json_write_message(&line.base), false, false, ret);
}
