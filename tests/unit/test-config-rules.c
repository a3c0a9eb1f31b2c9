/* SPDX-License-Identifier: Apache-2.0 */

/* [rules] of serasid.conf: stricter than the law, never milder, and every mistake is named. */

#include "test.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "config-folder.h"

#define HUB "[node]\nid = hub\nrole = hub\n"

static void load(Folder *f, const char *text, const char *drop_in) {
    char path[PATH_MAX];
    folder_open(f);
    put(f, CONFIG_FILE_NAME, text);
    snprintf(path, sizeof(path), "%s.d", f->file);
    ASSERT_OK(mkdir(path, 0700));
    if (drop_in)
        put(f, CONFIG_FILE_NAME ".d/10-rules.conf", drop_in);
    folder_load(f);
}

static void assert_complains(Folder *f, const char *part) {
    const char *all = buf_text(&f->complaints);
    if (!strstr(all ? all : "", part))
        fail_msg("\"%s\" is not in:\n%s", part, all ? all : "");
}

static Severity floor_of(const Folder *f, const char *id) {
    return f->config->rule_floors.least[rule_find(id) - rules_table];
}

TEST(without_the_section_the_law_counts) {
    Folder f;
    load(&f, HUB, NULL);
    ASSERT_OK(f.r);
    for (size_t i = 0; i < rules_count; i++)
        assert_null(config_floor_word(f.config, i));
    folder_close(&f);
}

TEST(a_warning_of_the_law_can_be_made_a_refusal) {
    Folder f;
    load(&f, HUB "[rules]\nR-013 = refuse\nR-108 = warn\nR-101 = refuse\n", NULL);
    ASSERT_OK(f.r);
    ASSERT_EQ(floor_of(&f, "R-013"), SEVERITY_REFUSE);
    ASSERT_EQ(floor_of(&f, "R-101"), SEVERITY_REFUSE);
    ASSERT_EQ(floor_of(&f, "R-108"), SEVERITY_WARN);
    ASSERT_EQ(floor_of(&f, "R-012"), SEVERITY_NONE);
    folder_close(&f);
}

TEST(what_is_milder_or_no_rule_is_an_error_with_file_line_and_key) {
    Folder f;
    load(&f,
         HUB "[rules]\nR-040 = warn\nR-999 = refuse\nR-072 = refuse\nR-013 = off\nr-013 = warn\n"
             "R-015 =\nR-012 = refuse\nR-012 = refuse\n",
         NULL);
    ASSERT_EQ(f.r, -EINVAL);
    assert_complains(&f, "serasid.conf:5: [rules] R-040: warn is milder than the law, which says "
                         "refuse");
    assert_complains(&f, "serasid.conf:6: [rules] R-999: there is no such rule");
    assert_complains(&f, "serasid.conf:7: [rules] R-072: is raised by a timer");
    assert_complains(&f, "serasid.conf:8: [rules] R-013: \"off\" is none of warn, refuse");
    assert_complains(&f, "serasid.conf:9: [rules] r-013: there is no such rule");
    assert_complains(&f, "serasid.conf:10: [rules] R-015: \"\" is none of");
    assert_complains(&f, "serasid.conf:12: [rules] R-012: given twice");
    folder_close(&f);
}

/* No rule can be set below its row: tried for all of them. */
TEST(no_rule_of_the_table_can_be_made_milder) {
    for (size_t i = 0; i < rules_count; i++) {
        const Rule *rule = &rules_table[i];
        Config c = { 0 };
        Buf why = { 0 };
        const bool may_warn = rule->check && rule->severity == SEVERITY_WARN;
        ASSERT_EQ(config_set_rule(&c, rule->id, "warn", &why), may_warn ? 0 : -EINVAL);
        ASSERT_EQ(c.rule_floors.least[i], may_warn ? SEVERITY_WARN : SEVERITY_NONE);
        ASSERT_EQ(config_set_rule(&c, rule->id, "refuse", &why), rule->check ? 0 : -EINVAL);
        ASSERT_EQ(c.rule_floors.least[i], rule->check ? SEVERITY_REFUSE : SEVERITY_NONE);
        buf_deinit(&why);
    }
}

TEST(a_later_file_counts_and_what_is_printed_means_the_same) {
    Folder f, g;
    Buf printed = { 0 }, again = { 0 };
    load(&f, HUB "[rules]\nR-013 = refuse\nR-015 = refuse\n",
         "[rules]\nregister = DTSEN\nR-013 = warn\nR-108 = refuse\n");
    ASSERT_OK(f.r);
    ASSERT_EQ(floor_of(&f, "R-013"), SEVERITY_WARN);
    ASSERT_EQ(floor_of(&f, "R-015"), SEVERITY_REFUSE);
    config_print(f.config, &printed);
    assert_non_null(
        strstr(buf_text(&printed),
               "[rules]\nregister = DTSEN\nR-013 = warn\nR-015 = refuse\nR-108 = refuse\n"));
    load(&g, buf_text(&printed), NULL);
    ASSERT_OK(g.r);
    config_print(g.config, &again);
    ASSERT_STR(buf_text(&printed), buf_text(&again));
    buf_deinit(&printed);
    buf_deinit(&again);
    folder_close(&f);
    folder_close(&g);
}

TEST(a_reload_says_that_changed_rules_need_a_restart) {
    Folder f, g;
    ConfigChange changes[4];
    load(&f, HUB, NULL);
    load(&g, HUB "[rules]\nR-013 = refuse\n", NULL);
    ASSERT_EQ(config_take_live(f.config, g.config, changes, ARRAY_SIZE(changes)), 1);
    ASSERT_STR(changes[0].key->section, "rules");
    assert_false(changes[0].applied);
    ASSERT_EQ(floor_of(&f, "R-013"), SEVERITY_NONE);
    folder_close(&f);
    folder_close(&g);
}

TEST_MAIN
