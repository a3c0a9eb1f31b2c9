/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/table.h"

TEST(cells_are_addressed_by_row_and_column) {
    _cleanup_(table_freep) Table *t = table_new();
    table_column(t, "node", COLUMN_TEXT);
    table_column(t, "queued", COLUMN_NUMBER);
    for (int i = 0; i < 100; i++) {
        table_textf(t, "dsk/%04d", i);
        table_number(t, INT64_MIN + i);
    }
    ASSERT_EQ(table_rows(t), 100);
    ASSERT_STR(table_cell(t, 7, 0), "dsk/0007");
    ASSERT_STR(table_cell(t, 0, 1), "-9223372036854775808");
    ASSERT_STR(table_cell(t, 100, 0), "");
    ASSERT_STR(table_cell(t, 0, 2), "");
    table_text(t, "half a row");
    ASSERT_EQ(table_rows(t), 100);
    ASSERT_TRUE(!t->failed);
}

TEST(cells_hold_only_what_a_receiver_takes) {
    _cleanup_(table_freep) Table *t = table_new();
    table_column(t, "node", COLUMN_TEXT);
    table_text(t, "dsk/32\x10"
                  "3");
    table_textf(t, "mailbox %s", "uptd\xaf\xc3");
    table_text(t, "S\xc3\xb6 dalam\tdua\nbaris");
    ASSERT_STR(table_cell(t, 0, 0), "dsk/32?3");
    ASSERT_STR(table_cell(t, 1, 0), "mailbox uptd??");
    ASSERT_STR(table_cell(t, 2, 0), "S\xc3\xb6 dalam\tdua\nbaris");
}

TEST(a_failed_table_takes_no_more) {
    _cleanup_(table_freep) Table *t = table_new();
    table_column(t, "a", COLUMN_TEXT);
    table_text(t, "x");
    t->failed = true;
    table_text(t, "y");
    table_textf(t, "z");
    ASSERT_EQ(t->n_cells, 1);
}

TEST(a_table_can_say_something_and_own_its_names) {
    _cleanup_(table_freep) Table *t = table_new();
    table_say(t, 1, "no such node: %s", "dsk/1");
    ASSERT_EQ(t->code, 1);
    ASSERT_STR(t->text, "no such node: dsk/1");
    ASSERT_EQ(table_rows(t), 0);
    t->owns_names = true;
    table_column(t, strdup("owned"), COLUMN_TEXT);
    assert_null(table_free(NULL));
}

TEST(a_table_is_cut_to_what_fits_and_says_so) {
    _cleanup_(table_freep) Table *t = table_new();
    assert_non_null(t);
    table_column(t, "a", COLUMN_TEXT);
    table_column(t, "b", COLUMN_TEXT);
    for (int i = 0; i < 10; i++) {
        table_text(t, "12345678");
        table_text(t, "12345678");
    }
    table_fit(t, 10 * 28, 30);
    ASSERT_EQ(table_rows(t), 10);
    ASSERT_TRUE(!t->more);
    table_fit(t, 10 * 28 - 1, 30);
    ASSERT_EQ(table_rows(t), 9);
    ASSERT_TRUE(t->more);
    table_fit(t, 1000, 12);
    ASSERT_EQ(table_rows(t), 4);
}

TEST_MAIN
