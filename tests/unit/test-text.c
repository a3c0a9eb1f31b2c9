/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "base/text.h"

#define CLEAN(s) text_is_clean(bytes_make((s), sizeof(s) - 1))

TEST(copy_cuts_and_says_so) {
    char d[4];
    ASSERT_TRUE(text_copy(d, sizeof(d), "abc"));
    ASSERT_STR(d, "abc");
    ASSERT_TRUE(!text_copy(d, sizeof(d), "abcd"));
    ASSERT_STR(d, "abc");
    ASSERT_TRUE(!text_copy(d, 0, "abc"));
    ASSERT_TRUE(text_copy(d, sizeof(d), NULL));
    ASSERT_STR(d, "");
}

TEST(copy_never_leaves_half_a_character) {
    char d[4];
    ASSERT_TRUE(!text_copy(d, sizeof(d), "ab\xc3\xa9"));
    ASSERT_STR(d, "ab");
    ASSERT_TRUE(!text_copy(d, sizeof(d), "\xf0\x9f\x98\x80"));
    ASSERT_STR(d, "");
}

TEST(prefixes) {
    ASSERT_TRUE(text_starts_with("3203", "32"));
    ASSERT_TRUE(text_starts_with("3203", ""));
    ASSERT_TRUE(!text_starts_with("32", "3203"));
}

TEST(clean_text_is_utf_8_without_control_characters) {
    ASSERT_TRUE(CLEAN(""));
    ASSERT_TRUE(CLEAN("plain\ttext\n"));
    ASSERT_TRUE(CLEAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    ASSERT_TRUE(!CLEAN("a\0b"));
    ASSERT_TRUE(!CLEAN("\x1b[31m"));
    ASSERT_TRUE(!CLEAN("\r"));
    ASSERT_TRUE(!CLEAN("\x7f"));
    ASSERT_TRUE(!CLEAN("\xc2\x85")); /* C1 */
}

TEST(broken_utf_8_is_not_clean) {
    ASSERT_TRUE(!CLEAN("\x80"));
    ASSERT_TRUE(!CLEAN("\xc3"));
    ASSERT_TRUE(!CLEAN("\xc0\x80"));         /* overlong NUL */
    ASSERT_TRUE(!CLEAN("\xe0\x81\x81"));     /* overlong A */
    ASSERT_TRUE(!CLEAN("\xf0\x80\x81\x81")); /* overlong A */
    ASSERT_TRUE(!CLEAN("\xed\xa0\x80"));     /* surrogate */
    ASSERT_TRUE(!CLEAN("\xf4\x90\x80\x80")); /* past the end */
    ASSERT_TRUE(!CLEAN("\xff"));
    ASSERT_TRUE(!CLEAN("\xe2\x82"));
    ASSERT_TRUE(!CLEAN("\xe2\x28\xa1"));
}

TEST(what_is_quoted_stays_on_its_line) {
    char text[] = "a\nb\tc\x1b[2Jd\x7f\xc2\x9b"
                  "e \xe2\x80\xae\xe2\x80\x8f\xe2\x80\xa8\xe2\x81\xa7\xd8\x9c \xff\xe2\x82";
    char kept[] = "Sentra \xe2\x80\x9cSatria\xe2\x80\x9d \xc3\xa9\xf0\x9f\x98\x80";
    text_make_one_line(text);
    ASSERT_STR(text, "a b c [2Jd   e                ???");
    text_make_one_line(kept);
    ASSERT_STR(kept, "Sentra \xe2\x80\x9cSatria\xe2\x80\x9d \xc3\xa9\xf0\x9f\x98\x80");
}

TEST(scrubbing_leaves_the_clean_and_marks_the_rest) {
    char text[] = "a\xffz \x1b[1m \xc3\xa9 \xe2\x82", clean[] = "\xf0\x9f\x98\x80\t.";
    text_scrub(text);
    ASSERT_STR(text, "a?z ?[1m \xc3\xa9 ??");
    text_scrub(clean);
    ASSERT_STR(clean, "\xf0\x9f\x98\x80\t.");
}

TEST_MAIN
