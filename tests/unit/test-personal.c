/* SPDX-License-Identifier: Apache-2.0 */

#include "base/cleanup.h"
#include "test.h"
#include "wire/personal.h"

/* Rule R-004, both directions: what must not pass, and what must. */

TEST(personal_data_is_seen) {
    static const char *const texts[] = {
        "3203051203990001",
        "NIK3203051203990001",
        "no. 32030512039900011",
        "budi@example.com",
        "surat dari budi.s@dinsos.cianjur.go.id ok",
        "081234567890",
        "0812-3456-7890",
        "hp 0812 3456 7890.",
        "(08123456789)",
        "+6281234567890",
        "+62 812 3456 7890",
        "081234567890 atau 081234567891",
        "HP:081234567890",
        "+62 22 1234567",
        "0812345678", /* the shortest there are */
        "hub. 0857-1234-5678",
        "+6212345678",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (!text_is_personal(texts[i]))
            fail_msg("not seen: %s", texts[i]);
}

TEST(what_only_looks_personal_passes) {
    static const char *const texts[] = {
        "",
        "pks/3203052001",
        "3203052001",
        "lksa/3203/0017",
        "2025-03-10",
        "08-12-2025 10:30:45",
        "08-03-2025 10",
        "460/123/Dinsos/2025",
        "460/081/2025",
        "018f3e2a-7b1c-7abc-8def-0123456789ab",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "1234567890123456a01234567890abcd",
        "123456789012345",
        "08123",
        "0812345",
        "081234567890123",
        "a@b",
        "@dinsos.go.id",
        "x @ y.z",
        "62812345",
        "A081234567890B",
        "REG/2025/081/0001",
        "080-2025",
        "10.08.2025",
        "sha256:0812345678abcdef",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (text_is_personal(texts[i]))
            fail_msg("taken for personal: %s", texts[i]);
}

TEST_MAIN
