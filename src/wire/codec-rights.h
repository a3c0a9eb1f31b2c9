/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rights of a key record, between the schema and core. */

#include "serasi/v1/directory.pb-c.h"

#include "core/rights.h"

/* NULL, or why they cannot stand (static). A verb, kind or direction newer than this program makes
 * a right that allows less, never more. */
const char *take_rights(const Serasi__V1__KeyRecord *in, Rights *ret);

/* Room for what a KeyRecord then points to. */
typedef struct RightsRoom {
    Serasi__V1__Right list[RIGHTS_MAX], *pointers[RIGHTS_MAX];
    Serasi__V1__MessageKind kinds[RIGHTS_MAX][RIGHT_KIND_BITS];
} RightsRoom;
void give_rights(const Rights *r, RightsRoom *room, Serasi__V1__KeyRecord *ret);
