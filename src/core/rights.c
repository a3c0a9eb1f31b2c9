/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rights of keys. They only ever take away from what the node may: a right to publish makes nobody
 * a lawful sender of that kind (that is rule R-002). The one that adds is RIGHT_OPERATE.
 */

#include "core/rights.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/pack.h"
#include "base/text.h"
#include "core/codes.h"
#include "core/regions.h"

bool right_names_kind(const Right *r, int kind) {
    return !r->any_kind && kind > 0 && kind < (int)RIGHT_KIND_BITS &&
           (r->kinds[kind / 8] >> (kind % 8) & 1) != 0;
}

void right_add_kind(Right *r, int kind) {
    r->any_kind = false;
    if (kind > 0 && kind < (int)RIGHT_KIND_BITS)
        r->kinds[kind / 8] |= (uint8_t)(1U << (kind % 8));
}

static bool covers(const Right *r, const RightUse *use) {
    return r->verb == use->verb && (r->any_kind || right_names_kind(r, use->kind)) &&
           (r->direction == RIGHT_BOTH || r->direction == use->direction) &&
           text_starts_with(use->region, r->region);
}

bool rights_allow(const Rights *r, const RightUse *use) {
    if (r->n == 0)
        return use->verb != RIGHT_OPERATE;
    for (uint32_t i = 0; i < r->n; i++)
        if (covers(&r->list[i], use))
            return true;
    return false;
}

bool rights_have(const Rights *r, RightVerb verb) {
    for (uint32_t i = 0; i < r->n; i++)
        if (r->list[i].verb == verb)
            return true;
    return false;
}

static bool right_equal(const Right *a, const Right *b) {
    return a->verb == b->verb && a->direction == b->direction && a->any_kind == b->any_kind &&
           memcmp(a->kinds, b->kinds, sizeof(a->kinds)) == 0 && strcmp(a->region, b->region) == 0;
}

bool rights_equal(const Rights *a, const Rights *b) {
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!right_equal(&a->list[i], &b->list[i]))
            return false;
    return true;
}

/* --- can they stand? -------------------------------------------------------------------------- */

static bool is_about_messages(int verb) {
    return verb == RIGHT_PUBLISH || verb == RIGHT_SUBSCRIBE || verb == RIGHT_SETTLE;
}

static const char *right_objection(const Right *r) {
    if (r->verb == RIGHT_NONE)
        return "the verb is missing";
    if (strnlen(r->region, sizeof(r->region)) == sizeof(r->region) ||
        !region_form_is_valid(r->region))
        return "the region is no prefix of a region code";
    if (r->verb == RIGHT_PUBLISH && r->direction == RIGHT_RECEIVE)
        return "PUBLISH is about messages of the node: direction SEND, or none";
    if (!is_about_messages(r->verb) && r->verb != RIGHT_NEWER &&
        (!r->any_kind || r->region[0] != '\0' || r->direction != RIGHT_BOTH))
        return "QUERY, OPERATE and ENROL take no kinds, region or direction";
    return NULL;
}

const char *rights_objection(const Rights *r, bool broker) {
    if (r->n > RIGHTS_MAX)
        return "at most 8 rights";
    if (broker && r->n > 0)
        return "a broker's key carries what others may send: it has no rights of its own";
    for (uint32_t i = 0; i < r->n; i++) {
        const char *why = right_objection(&r->list[i]);
        if (why)
            return why;
    }
    if (rights_have(r, RIGHT_ENROL) && r->n > 1)
        return "ENROL stands alone";
    return NULL;
}

/* --- in words --------------------------------------------------------------------------------- */

static const char *verb_name(int verb) {
    static const char *const names[] = { "NONE",  "PUBLISH", "SUBSCRIBE", "SETTLE",
                                         "QUERY", "OPERATE", "ENROL" };
    return verb >= 0 && verb < (int)ARRAY_SIZE(names) ? names[verb] : "NEWER";
}

static const char *direction_name(int direction) {
    return direction == RIGHT_SEND ? " SEND" : direction == RIGHT_RECEIVE ? " RECEIVE" : "";
}

/* Appends what fits. */
static void add(char *ret, size_t size, const char *text) {
    const size_t n = strlen(ret);
    (void)text_copy(ret + n, size - n, text);
}

static void add_kind(char *ret, size_t size, int kind) {
    char number[16];
    const KindInfo *info = kind_info(kind);
    (void)snprintf(number, sizeof(number), "%d", kind);
    add(ret, size, info ? info->name : number);
}

void right_use_text(const RightUse *use, char ret[static RIGHT_USE_TEXT_SIZE]) {
    (void)text_copy(ret, RIGHT_USE_TEXT_SIZE, verb_name((int)use->verb));
    if (use->kind != 0) {
        add(ret, RIGHT_USE_TEXT_SIZE, " kind=");
        add_kind(ret, RIGHT_USE_TEXT_SIZE, use->kind);
    }
    if (use->region[0] != '\0') {
        char region[5];
        (void)text_copy(region, sizeof(region), use->region);
        add(ret, RIGHT_USE_TEXT_SIZE, " region=");
        add(ret, RIGHT_USE_TEXT_SIZE, region);
    }
    add(ret, RIGHT_USE_TEXT_SIZE, direction_name((int)use->direction));
}

void right_text(const Right *r, char *ret, size_t size) {
    (void)text_copy(ret, size, verb_name(r->verb));
    const char *before = " kind=";
    for (int kind = 1; kind < (int)RIGHT_KIND_BITS; kind++) {
        if (!right_names_kind(r, kind))
            continue;
        add(ret, size, before);
        add_kind(ret, size, kind);
        before = ",";
    }
    if (!r->any_kind && before[0] == ' ')
        add(ret, size, " kind=newer");
    if (r->region[0] != '\0') {
        add(ret, size, " region=");
        add(ret, size, r->region);
    }
    add(ret, size, direction_name(r->direction));
}

/* --- stored ----------------------------------------------------------------------------------- */

size_t rights_pack(const Rights *r, uint8_t ret[static RIGHTS_PACKED_MAX]) {
    Packer k = { .p = ret, .size = RIGHTS_PACKED_MAX };
    if (r->n == 0)
        return 0;
    pack_number(&k, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        const Right *of = &r->list[i];
        pack_bytes(&k, &of->verb, 1);
        pack_bytes(&k, &of->direction, 1);
        pack_number(&k, of->any_kind);
        if (!of->any_kind)
            pack_bytes(&k, of->kinds, sizeof(of->kinds));
        pack_text(&k, of->region);
    }
    return pack_end(&k);
}

bool rights_unpack(Bytes b, Rights *ret) {
    Unpacker k = unpack_start(b);
    Rights r = { 0 };
    if (b.n > 0)
        r.n = (uint32_t)unpack_number(&k, RIGHTS_MAX);
    for (uint32_t i = 0; i < r.n; i++) {
        Right *of = &r.list[i];
        unpack_bytes(&k, &of->verb, 1);
        unpack_bytes(&k, &of->direction, 1);
        of->any_kind = unpack_number(&k, 1) != 0;
        if (!of->any_kind)
            unpack_bytes(&k, of->kinds, sizeof(of->kinds));
        unpack_text(&k, of->region, sizeof(of->region));
    }
    if (!unpack_end(&k))
        return false;
    *ret = r;
    return true;
}
