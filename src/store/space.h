/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Free space on the disk, and how much intake there is room for. */

#include "store/store.h"

/* How much intake the batch at hand gets: less at each try after "disk full". */
typedef enum Intake {
    INTAKE_NORMAL = 0,
    INTAKE_URGENT, /* EVENT, EMERGENCY, receipts and recall orders */
    INTAKE_NONE,
} Intake;

/* Is it time, or was so much written that it is better to look again? */
bool space_is_due(const Store *s);
void space_check(Store *s);
/* The disk is full: intake stays closed for a while. */
void space_ran_out(Store *s);
void space_release_ballast(Store *s);
void space_make_ballast(Store *s);
bool space_intake_is_open(const Store *s, const Message *m);
