/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include <stdio.h>

#include "base/text.h"
#include "core/regions.h"
#include "sample.h"

TEST(there_are_38_provinces_in_three_zones) {
    int n = 0, zones[3] = { 0 };
    char code[12];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(code, sizeof(code), "%02d", i);
        const Province *p = region_province(code);
        if (!p)
            continue;
        n++;
        ASSERT_STR(p->code, code);
        ASSERT_EQ(region_utc_offset_min(code), p->utc_offset_min);
        zones[(p->utc_offset_min - 420) / 60]++;
    }
    ASSERT_EQ(n, 38);
    ASSERT_EQ(zones[0], 18);
    ASSERT_EQ(zones[1], 12);
    ASSERT_EQ(zones[2], 8);
}

TEST(zones_follow_the_province) {
    ASSERT_EQ(region_utc_offset_min("6271"), 420);
    ASSERT_EQ(region_utc_offset_min("6371"), 480);
    ASSERT_EQ(region_utc_offset_min("9471"), 540);
    ASSERT_EQ(region_utc_offset_min(""), 420);
    ASSERT_EQ(region_utc_offset_min("99"), 420);
}

TEST(codes_have_a_form) {
    static const char *const good[] = {
        "", "32", "3201", "3269", "3271", "3299", "320305", "3203051001", "3203052001", "3203053001"
    };
    static const char *const bad[] = { "3",    "320",   "32030",  "3203052",    "32030520011",
                                       "3200", "3270",  "320300", "3203054001", "3203050001",
                                       "32a3", "3203 ", "-1" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        ASSERT_TRUE(region_form_is_valid(good[i]));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ASSERT_TRUE(!region_form_is_valid(bad[i]));
}

TEST(without_a_list_the_province_decides) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    ASSERT_TRUE(directory_region_is_known(d, ""));
    ASSERT_TRUE(directory_region_is_known(d, "32"));
    ASSERT_TRUE(directory_region_is_known(d, "3203"));
    ASSERT_TRUE(!directory_region_is_known(d, "99"));
    ASSERT_TRUE(!directory_region_is_known(d, "5401"));
    ASSERT_TRUE(!directory_region_is_known(d, "3200"));
}

TEST(where_codes_are_listed_only_those_are_known) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "3203", .name = "Cianjur" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "9101", .alias_of = "9301" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "5401", .alias_of = "53" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "9102", .alias_of = "9101" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "5501", .alias_of = "5502" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "5502", .alias_of = "5501" }));
    ASSERT_OK(directory_seal(d, 1));
    ASSERT_TRUE(directory_region_is_known(d, "3203"));
    ASSERT_TRUE(!directory_region_is_known(d, "3204"));
    ASSERT_TRUE(directory_region_is_known(d, "320405")); /* no districts are listed */
    ASSERT_TRUE(directory_region_is_known(d, "3301"));   /* nor anything of 33 */
    ASSERT_TRUE(directory_region_is_known(d, "9101"));
    ASSERT_TRUE(directory_region_is_known(d, "5401")); /* alias of a province that is no more */
    ASSERT_TRUE(!directory_region_is_known(d, "5402"));
}

static void assert_today(const Directory *d, const char *code, const char *today) {
    char region[REGION_SIZE];
    (void)text_copy(region, sizeof(region), code);
    directory_region_today(d, region);
    ASSERT_STR(region, today);
}

TEST(codes_that_were_replaced_become_those_of_today) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "9101", .alias_of = "9301" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "9301", .name = "Merauke" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "9171", .name = "Jayapura" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "910102", .name = "its own" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "5401", .alias_of = "53" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "9102", .alias_of = "9101" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "5501", .alias_of = "5502" }));
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "5502", .alias_of = "5501" }));
    ASSERT_OK(directory_seal(d, 1));
    assert_today(d, "9101", "9301");
    assert_today(d, "9101012001", "9301012001");
    assert_today(d, "9101022001", "9101022001"); /* that district has a record of its own */
    assert_today(d, "9171", "9171");
    assert_today(d, "91", "91");
    assert_today(d, "5401", "53");
    assert_today(d, "9102", "9301"); /* replaced twice */
    assert_today(d, "5501", "5501"); /* in a circle: it ends */
    assert_today(d, "3203", "3203");
    assert_today(d, "", "");
    assert_today(d, "xx", "xx");
}

TEST_MAIN
