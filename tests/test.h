/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * TEST(sentence) { ... } registers itself; TEST_MAIN runs all with cmocka, whose assert_*() macros
 * print both values. ASSERT_OK(x) wants 0.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST_MAX 256
static struct CMUnitTest test_list[TEST_MAX];
static size_t test_count;

#define TEST(id)                                                                                   \
    static void test_##id(void **state);                                                           \
    __attribute__((constructor)) static void register_##id(void) {                                 \
        if (test_count < TEST_MAX)                                                                 \
            test_list[test_count++] = (struct CMUnitTest) { .name = #id, .test_func = test_##id }; \
        else                                                                                       \
            abort();                                                                               \
    }                                                                                              \
    static void test_##id(void **state __attribute__((unused)))

#define ASSERT_OK(x)     assert_int_equal((x), 0)
#define ASSERT_EQ(a, b)  assert_int_equal((a), (b))
#define ASSERT_TRUE(x)   assert_true(x)
#define ASSERT_STR(a, b) assert_string_equal((a), (b))

#define TEST_MAIN                                                                                  \
    int main(void) {                                                                               \
        return _cmocka_run_group_tests(__FILE__, test_list, test_count, NULL, NULL);               \
    }
