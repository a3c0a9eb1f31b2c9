/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a key may do: a right is a verb, and for which messages (kinds, region, direction). A key
 * without rights of its own may do what its node may, but no operator verbs. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "core/limits.h"

#define RIGHTS_MAX      8U
#define RIGHT_KIND_BITS 128U /* kinds from 0 to 127; newer ones cannot be named in a right */

typedef enum RightVerb {
    RIGHT_NONE = 0,
    RIGHT_PUBLISH = 1,
    RIGHT_SUBSCRIBE = 2,
    RIGHT_SETTLE = 3,
    RIGHT_QUERY = 4,
    RIGHT_OPERATE = 5,
    RIGHT_ENROL = 6,
    RIGHT_NEWER = 255, /* a verb this version does not know: it allows nothing */
} RightVerb;

typedef enum RightDirection {
    RIGHT_BOTH = 0,
    RIGHT_SEND = 1,
    RIGHT_RECEIVE = 2,
} RightDirection;

typedef struct Right {
    uint8_t verb, direction;
    bool any_kind;
    uint8_t kinds[RIGHT_KIND_BITS / 8]; /* bit n = kind n */
    char region[REGION_SIZE];           /* prefix; "" = everywhere */
} Right;

typedef struct Rights {
    uint32_t n; /* 0 = what the node may */
    Right list[RIGHTS_MAX];
} Rights;

/* What somebody is about to do, with which messages. */
typedef struct RightUse {
    RightVerb verb;
    int kind;                 /* 0 = messages of all kinds */
    const char *region;       /* "" = of the nation, and so of everywhere */
    RightDirection direction; /* RIGHT_BOTH: of either */
} RightUse;

/* No rights at all (n = 0) allow everything but RIGHT_OPERATE; else one of them must cover it. */
bool rights_allow(const Rights *r, const RightUse *use);
/* Is it among them by name? */
bool rights_have(const Rights *r, RightVerb verb);
bool rights_equal(const Rights *a, const Rights *b);
/* Kinds that cannot be named are left out: the right is narrower then. */
void right_add_kind(Right *r, int kind);
bool right_names_kind(const Right *r, int kind); /* any_kind names none */
/* NULL when they can stand as those of a key, else why not (static). */
const char *rights_objection(const Rights *r, bool broker);

/* What is missing, and what a key has: "PUBLISH kind=REFERRAL_REQUEST region=3203 SEND". Regions of
 * a use are told to the regency, and no further (domain 6.4). Cut when it does not fit. */
#define RIGHT_USE_TEXT_SIZE 96U
void right_use_text(const RightUse *use, char ret[static RIGHT_USE_TEXT_SIZE]);
void right_text(const Right *r, char *ret, size_t size);

/* As they are stored: nothing for no rights. */
#define RIGHTS_PACKED_MAX (1 + RIGHTS_MAX * (4 + RIGHT_KIND_BITS / 8 + REGION_SIZE))
size_t rights_pack(const Rights *r, uint8_t ret[static RIGHTS_PACKED_MAX]);
bool rights_unpack(Bytes b, Rights *ret);
