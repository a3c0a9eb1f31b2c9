/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/codec-rights.h"

#include "core/codes.h"
#include "wire/codec-internal.h"

_Static_assert((int)RIGHT_PUBLISH == (int)SERASI__V1__RIGHT_VERB__RIGHT_VERB_PUBLISH &&
                   (int)RIGHT_SUBSCRIBE == (int)SERASI__V1__RIGHT_VERB__RIGHT_VERB_SUBSCRIBE &&
                   (int)RIGHT_SETTLE == (int)SERASI__V1__RIGHT_VERB__RIGHT_VERB_SETTLE &&
                   (int)RIGHT_QUERY == (int)SERASI__V1__RIGHT_VERB__RIGHT_VERB_QUERY &&
                   (int)RIGHT_OPERATE == (int)SERASI__V1__RIGHT_VERB__RIGHT_VERB_OPERATE &&
                   (int)RIGHT_ENROL == (int)SERASI__V1__RIGHT_VERB__RIGHT_VERB_ENROL &&
                   (int)RIGHT_SEND == (int)SERASI__V1__RIGHT_DIRECTION__RIGHT_DIRECTION_SEND &&
                   (int)RIGHT_RECEIVE == (int)SERASI__V1__RIGHT_DIRECTION__RIGHT_DIRECTION_RECEIVE,
               "the schema's numbers");

static const char *take_right(const Serasi__V1__Right *in, Right *ret) {
    const int verb = (int)in->verb, direction = (int)in->direction;
    *ret = (Right) { .any_kind = in->n_kinds == 0 };
    ret->verb = verb < 0 || verb > RIGHT_ENROL ? RIGHT_NEWER : (uint8_t)verb;
    if (direction < 0 || direction > RIGHT_RECEIVE)
        ret->verb = RIGHT_NEWER;
    else
        ret->direction = (uint8_t)direction;
    for (size_t i = 0; i < in->n_kinds; i++) {
        if ((int)in->kinds[i] <= KIND_UNSPECIFIED)
            return "0 is no kind of message";
        right_add_kind(ret, (int)in->kinds[i]);
    }
    return take_region(in->region, ret->region) ? NULL : "the region is no prefix of a region code";
}

const char *take_rights(const Serasi__V1__KeyRecord *in, Rights *ret) {
    Rights r = { 0 };
    if (in->n_rights > RIGHTS_MAX)
        return "at most 8 rights";
    for (; r.n < in->n_rights; r.n++) {
        const char *why = take_right(in->rights[r.n], &r.list[r.n]);
        if (why)
            return why;
    }
    const char *why = rights_objection(&r, in->broker);
    if (!why)
        *ret = r;
    return why;
}

void give_rights(const Rights *r, RightsRoom *room, Serasi__V1__KeyRecord *ret) {
    for (uint32_t i = 0; i < r->n; i++) {
        const Right *of = &r->list[i];
        Serasi__V1__Right *out = room->pointers[i] = &room->list[i];
        *out = (Serasi__V1__Right)SERASI__V1__RIGHT__INIT;
        out->verb = (Serasi__V1__RightVerb)of->verb;
        out->direction = (Serasi__V1__RightDirection)of->direction;
        out->region = (char *)of->region;
        out->kinds = room->kinds[i];
        for (int kind = 1; kind < (int)RIGHT_KIND_BITS; kind++)
            if (right_names_kind(of, kind))
                out->kinds[out->n_kinds++] = (Serasi__V1__MessageKind)kind;
    }
    ret->n_rights = r->n;
    ret->rights = room->pointers;
}
