/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Provinces of Indonesia as of Kepmendagri 300.2.2-2138/2025: 38. Codes of provinces that split or
 * merge later come as aliases in the directory; a new decree is a new table here.
 */

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/directory.h"
#include "core/regions.h"

#define WIB  420
#define WITA 480
#define WIT  540

static const Province provinces[] = {
    { "11", "Aceh", WIB },
    { "12", "Sumatera Utara", WIB },
    { "13", "Sumatera Barat", WIB },
    { "14", "Riau", WIB },
    { "15", "Jambi", WIB },
    { "16", "Sumatera Selatan", WIB },
    { "17", "Bengkulu", WIB },
    { "18", "Lampung", WIB },
    { "19", "Kepulauan Bangka Belitung", WIB },
    { "21", "Kepulauan Riau", WIB },
    { "31", "Daerah Khusus Ibukota Jakarta", WIB },
    { "32", "Jawa Barat", WIB },
    { "33", "Jawa Tengah", WIB },
    { "34", "Daerah Istimewa Yogyakarta", WIB },
    { "35", "Jawa Timur", WIB },
    { "36", "Banten", WIB },
    { "51", "Bali", WITA },
    { "52", "Nusa Tenggara Barat", WITA },
    { "53", "Nusa Tenggara Timur", WITA },
    { "61", "Kalimantan Barat", WIB },
    { "62", "Kalimantan Tengah", WIB },
    { "63", "Kalimantan Selatan", WITA },
    { "64", "Kalimantan Timur", WITA },
    { "65", "Kalimantan Utara", WITA },
    { "71", "Sulawesi Utara", WITA },
    { "72", "Sulawesi Tengah", WITA },
    { "73", "Sulawesi Selatan", WITA },
    { "74", "Sulawesi Tenggara", WITA },
    { "75", "Gorontalo", WITA },
    { "76", "Sulawesi Barat", WITA },
    { "81", "Maluku", WIT },
    { "82", "Maluku Utara", WIT },
    { "91", "Papua", WIT },
    { "92", "Papua Barat", WIT },
    { "93", "Papua Selatan", WIT },
    { "94", "Papua Tengah", WIT },
    { "95", "Papua Pegunungan", WIT },
    { "96", "Papua Barat Daya", WIT },
};

const Province *region_province(const char *code) {
    for (size_t i = 0; i < ARRAY_SIZE(provinces); i++)
        if (strncmp(code, provinces[i].code, 2) == 0)
            return &provinces[i];
    return NULL;
}

int region_utc_offset_min(const char *code) {
    const Province *p = region_province(code);
    return p ? p->utc_offset_min : WIB;
}

/* Two digits as a number. */
static int pair_at(const char *code) {
    return (code[0] - '0') * 10 + code[1] - '0';
}

bool region_form_is_valid(const char *code) {
    size_t n = strnlen(code, REGION_SIZE);
    if (strspn(code, "0123456789") != n || (n != 0 && n != 2 && n != 4 && n != 6 && n != 10))
        return false;
    if (n >= 4 && (pair_at(code + 2) == 0 || pair_at(code + 2) == 70))
        return false;
    if (n >= 6 && pair_at(code + 4) == 0)
        return false;
    return n < 10 || (code[6] >= '1' && code[6] <= '3');
}
