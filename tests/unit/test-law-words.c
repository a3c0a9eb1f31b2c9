/* SPDX-License-Identifier: Apache-2.0 */

/* Every word a machine gives as a reason has its texts: the words are taken from the sources. */

#include "test.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "law/whys.h"

/* The machines, what they share, and the store's own steps. */
static bool is_machine(const char *name) {
    static const char *const prefixes[] = { "referral",  "complaint", "case",   "event",
                                            "proposal",  "oversight", "guards", "machine",
                                            "act-apply", "law-answer" };
    const size_t n = strlen(name);
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (text_starts_with(name, prefixes[i]) && n > 2 && strcmp(name + n - 2, ".c") == 0)
            return true;
    return false;
}

/* A text in quotes of capitals and underscores: NOT_THE_TARGET, BACKWARDS. */
static const char *next_word(const char **at, char *ret, size_t size) {
    for (const char *p = *at; (p = strchr(p, '"')) != NULL;) {
        const char *end = p + 1;
        while (isupper((unsigned char)*end) || *end == '_')
            end++;
        if (*end == '"' && end - p > 6 && (size_t)(end - p) < size) {
            memcpy(ret, p + 1, (size_t)(end - p - 1));
            ret[end - p - 1] = '\0';
            *at = end + 1;
            return ret;
        }
        const char *close = strchr(p + 1, '"');
        if (!close)
            break;
        p = close + 1;
    }
    return NULL;
}

static unsigned check_file(const char *path) {
    static char source[128 * 1024];
    char word[64];
    const char *en, *id, *at = source;
    unsigned n = 0;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    const size_t size = fread(source, 1, sizeof(source) - 1, file);
    ASSERT_TRUE(size < sizeof(source) - 1);
    source[size] = '\0';
    fclose(file);
    for (; next_word(&at, word, sizeof(word)); n++) {
        const bool code = strcmp(word, "ILLEGAL_STEP") == 0 || strcmp(word, "HELD_EARLY") == 0 ||
                          strcmp(word, "SUPERIOR_DECIDES") == 0; /* codes of the reason table */
        if (!code && !step_why_texts(word, &en, &id))
            fail_msg("%s: %s has no texts in law/whys.c", path, word);
        if (!code && (strlen(en) < 10 || strlen(id) < 10))
            fail_msg("%s: the texts of %s say nothing", path, word);
    }
    return n;
}

static unsigned check_folder(const char *folder) {
    char path[512];
    unsigned n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (is_machine(e->d_name)) {
            (void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
            n += check_file(path);
        }
    closedir(d);
    return n;
}

TEST(every_word_of_the_machines_has_texts_in_both_languages) {
    const unsigned n =
        check_folder(TEST_SOURCE_DIR "/src/law") + check_folder(TEST_SOURCE_DIR "/src/store");
    assert_in_range(n, 80, 400);
}

TEST(a_word_nobody_knows_has_none) {
    const char *en = "as it was", *id = "as it was";
    ASSERT_TRUE(!step_why_texts("NO_SUCH_WORD", &en, &id));
    ASSERT_STR(en, "as it was");
}

TEST_MAIN
