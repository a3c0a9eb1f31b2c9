/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Records of the directory, both ways. What is written is always the same bytes for the same
 * record: they are leaves of the tree that the hub signs.
 */

#include <errno.h>

#include "base/text.h"
#include "core/terms.h"
#include "wire/codec-directory.h"
#include "wire/codec-internal.h"
#include "wire/codec-rights.h"
#include "wire/reflect.h"

#define Z85 "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

static int refuse(RecordWhy *r, const char *field, const char *text) {
    *r = (RecordWhy) { .field = field, .text = text };
    return -EINVAL;
}

/* --- reading -------------------------------------------------------------------------------- */

static int take_areas(RecordWhy *r, const Serasi__V1__NodeRecord *in, DirNode *n) {
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

static int take_attributes(RecordWhy *r, const Serasi__V1__NodeRecord *in, DirNode *n) {
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

static int take_node_record(RecordWhy *r, const Serasi__V1__NodeRecord *in, DirNode *n) {
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

static int take_key_record(RecordWhy *r, const Serasi__V1__KeyRecord *in, DirKey *k) {
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
    const char *why = take_rights(in, &k->rights);
    return why ? refuse(r, "key.rights", why) : 0;
}

static int take_region_record(RecordWhy *r, const Serasi__V1__RegionRecord *in, DirRegion *region) {
    if (in->code[0] == '\0' || !take_region(in->code, region->code))
        return refuse(r, "region.code", "must be up to 10 digits");
    if (!text_copy(region->name, sizeof(region->name), in->name))
        return refuse(r, "region.name", "too long");
    if (!take_region(in->alias_of, region->alias_of))
        return refuse(r, "region.alias_of", "must be up to 10 digits");
    return 0;
}

static int take_holiday_record(RecordWhy *r, const Serasi__V1__HolidayRecord *in, DirHoliday *h) {
    if (!in->on || !take_day(in->on, &h->on) || !civil_is_set(h->on))
        return refuse(r, "holiday.on", "must be a day");
    if (!text_copy(h->name, sizeof(h->name), in->name))
        return refuse(r, "holiday.name", "too long");
    h->working = in->working;
    return 0;
}

int take_directory_record(RecordWhy *r, const Serasi__V1__DirectoryRecord *in, DirRecord *ret) {
    switch (in->record_case) {
    case SERASI__V1__DIRECTORY_RECORD__RECORD_NODE:
        ret->kind = DIR_NODE;
        return take_node_record(r, in->node, &ret->node);
    case SERASI__V1__DIRECTORY_RECORD__RECORD_KEY:
        ret->kind = DIR_KEY;
        return take_key_record(r, in->key, &ret->key);
    case SERASI__V1__DIRECTORY_RECORD__RECORD_REGION:
        ret->kind = DIR_REGION;
        return take_region_record(r, in->region, &ret->region);
    case SERASI__V1__DIRECTORY_RECORD__RECORD_HOLIDAY:
        ret->kind = DIR_HOLIDAY;
        return take_holiday_record(r, in->holiday, &ret->holiday);
    default:
        return refuse(r, "", "one of node, key, region and holiday must be given");
    }
}

int codec_decode_record(Bytes b, DirRecord *ret, const char **ret_why) {
    static const GuardLimits limits = {
        .bytes = DIR_RECORD_MAX, .depth = 5, .fields = 1024, .unknown_fields = 64
    };
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r = wire_unpack(&serasi__v1__directory_record__descriptor, b, &limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    RecordWhy why;
    DirRecord record = { 0 };
    if (take_directory_record(&why, (const Serasi__V1__DirectoryRecord *)m, &record) < 0) {
        *ret_why = why.field[0] != '\0' ? why.field : why.text;
        return WIRE_MALFORMED;
    }
    *ret = record;
    return 0;
}

/* --- writing -------------------------------------------------------------------------------- */

/* Room for what one record points to. */
typedef struct Room {
    Serasi__V1__NodeRecord node;
    Serasi__V1__KeyRecord key;
    Serasi__V1__RegionRecord region;
    Serasi__V1__HolidayRecord holiday;
    Serasi__V1__ServiceArea areas[DIR_AREAS_MAX], *area_list[DIR_AREAS_MAX];
    Serasi__V1__Cluster clusters[DIR_CLUSTERS_MAX];
    Serasi__V1__Approach bases[8 * sizeof(Codes)];
    Serasi__V1__Accreditation accreditation;
    Serasi__V1__Designation designation;
    Serasi__V1__Date accredited_until, designated_until, on;
    RightsRoom rights;
} Room;

static ProtobufCBinaryData give_public(const uint8_t public[static PUBLIC_KEY_SIZE]) {
    return give_bytes(public, public_key_is_set(public) ? PUBLIC_KEY_SIZE : 0);
}

static Serasi__V1__Date *give_day(CivilDate day, Serasi__V1__Date *room) {
    if (!civil_is_set(day))
        return NULL;
    serasi__v1__date__init(room);
    room->year = (uint32_t)day.year;
    room->month = day.month;
    room->day = day.day;
    return room;
}

static void give_areas(const DirNode *n, Room *room) {
    for (uint32_t i = 0; i < n->n_areas; i++) {
        Serasi__V1__ServiceArea *area = room->area_list[i] = &room->areas[i];
        serasi__v1__service_area__init(area);
        area->region = (char *)n->areas[i].region;
        area->cluster = (Serasi__V1__Cluster)n->areas[i].cluster;
        area->priority = n->areas[i].priority;
    }
    for (uint32_t i = 0; i < n->n_clusters; i++)
        room->clusters[i] = (Serasi__V1__Cluster)n->clusters[i];
    room->node.n_service_area = n->n_areas;
    room->node.service_area = room->area_list;
    room->node.n_clusters = n->n_clusters;
    room->node.clusters = room->clusters;
}

static void give_attributes(const DirNode *n, Room *room) {
    Serasi__V1__NodeRecord *out = &room->node;
    out->ipwl = n->ipwl;
    out->lpks = n->lpks;
    out->national_referral_centre = n->national_referral_centre;
    out->ska = n->ska;
    out->odhiv = n->odhiv;
    out->bases = room->bases;
    for (int code = 1; code < (int)ARRAY_SIZE(room->bases); code++)
        if (codes_has(n->bases, code))
            room->bases[out->n_bases++] = (Serasi__V1__Approach)code;
    if (n->accreditation_grade != 0 || civil_is_set(n->accreditation_valid_until)) {
        out->accreditation = &room->accreditation;
        serasi__v1__accreditation__init(out->accreditation);
        out->accreditation->grade = (Serasi__V1__AccreditationGrade)n->accreditation_grade;
        out->accreditation->valid_until =
            give_day(n->accreditation_valid_until, &room->accredited_until);
    }
    if (n->designation_by != 0 || n->designation_scope != 0 ||
        civil_is_set(n->designation_valid_until)) {
        out->designation = &room->designation;
        serasi__v1__designation__init(out->designation);
        out->designation->by = (Serasi__V1__DesignationBy)n->designation_by;
        out->designation->scope = (Serasi__V1__DesignationScope)n->designation_scope;
        out->designation->valid_until =
            give_day(n->designation_valid_until, &room->designated_until);
    }
}

static Serasi__V1__NodeRecord *give_node(const DirNode *n, Room *room) {
    Serasi__V1__NodeRecord *out = &room->node;
    serasi__v1__node_record__init(out);
    out->id = (char *)n->id;
    out->kind = (Serasi__V1__NodeKind)n->kind;
    out->name = (char *)n->name;
    out->parent = (char *)n->parent;
    out->home = (char *)n->home;
    out->broker_parent = (char *)n->broker_parent;
    out->broker = n->broker;
    out->inactive = n->inactive;
    out->no_clients = n->no_clients;
    out->capacity = n->capacity;
    give_areas(n, room);
    give_attributes(n, room);
    return out;
}

static Serasi__V1__KeyRecord *give_key(const DirKey *k, Room *room) {
    Serasi__V1__KeyRecord *out = &room->key;
    serasi__v1__key_record__init(out);
    out->node = (char *)k->node;
    out->label = (char *)k->label;
    out->curve = (char *)k->curve;
    out->ed25519 = give_public(k->sign.b);
    out->x25519 = give_public(k->seal.b);
    out->broker = k->broker;
    out->operator_ = k->operator_;
    out->revoked = k->revoked;
    out->valid_from_at = (uint64_t)k->valid_from_ms;
    out->valid_until_at = (uint64_t)k->valid_until_ms;
    give_rights(&k->rights, &room->rights, out);
    return out;
}

static Serasi__V1__RegionRecord *give_region(const DirRegion *r, Room *room) {
    serasi__v1__region_record__init(&room->region);
    room->region.code = (char *)r->code;
    room->region.name = (char *)r->name;
    room->region.alias_of = (char *)r->alias_of;
    return &room->region;
}

static Serasi__V1__HolidayRecord *give_holiday(const DirHoliday *h, Room *room) {
    serasi__v1__holiday_record__init(&room->holiday);
    room->holiday.on = give_day(h->on, &room->on);
    room->holiday.name = (char *)h->name;
    room->holiday.working = h->working;
    return &room->holiday;
}

static void give_record(const DirRecord *r, Room *room, Serasi__V1__DirectoryRecord *out) {
    serasi__v1__directory_record__init(out);
    switch (r->kind) {
    case DIR_NODE:
        out->record_case = SERASI__V1__DIRECTORY_RECORD__RECORD_NODE;
        out->node = give_node(&r->node, room);
        break;
    case DIR_KEY:
        out->record_case = SERASI__V1__DIRECTORY_RECORD__RECORD_KEY;
        out->key = give_key(&r->key, room);
        break;
    case DIR_REGION:
        out->record_case = SERASI__V1__DIRECTORY_RECORD__RECORD_REGION;
        out->region = give_region(&r->region, room);
        break;
    case DIR_HOLIDAY:
        out->record_case = SERASI__V1__DIRECTORY_RECORD__RECORD_HOLIDAY;
        out->holiday = give_holiday(&r->holiday, room);
        break;
    }
}

Bytes codec_encode_record(const DirRecord *r, uint8_t *buf, size_t size) {
    Room room;
    Serasi__V1__DirectoryRecord out;
    give_record(r, &room, &out);
    if (protobuf_c_message_get_packed_size(&out.base) > size)
        return (Bytes) { 0 };
    return bytes_make(buf, protobuf_c_message_pack(&out.base, buf));
}

int codec_print_record(const DirRecord *r, int (*print)(const ProtobufCMessage *m, char **ret),
                       char **ret) {
    Room room;
    Serasi__V1__DirectoryRecord out;
    give_record(r, &room, &out);
    return print(&out.base, ret);
}
