/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The dated table of provinces and the form of region codes. */

#include <stdbool.h>

typedef struct Province {
    const char *code; /* two digits */
    const char *name;
    int utc_offset_min;
} Province;

/* Of the province a code lies in; NULL when its first two digits are none. */
const Province *region_province(const char *code);
/* Two digits of province, two of regency (kabupaten 01-69, kota 71-99), two of district, four of
 * village (first digit 1 kelurahan, 2 desa, 3 desa adat); or "" for the nation. */
bool region_form_is_valid(const char *code);
