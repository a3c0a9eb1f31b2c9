/* SPDX-License-Identifier: Apache-2.0 */

#include <stdalign.h>

#include "test.h"
#include "wire/arena.h"

TEST(allocations_are_aligned_and_do_not_overlap) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    uint8_t *previous = NULL;
    for (size_t n = 0; n < 300; n++) {
        uint8_t *p = arena_alloc(a, n);
        assert_non_null(p);
        ASSERT_EQ((uintptr_t)p % alignof(max_align_t), 0);
        assert_ptr_not_equal(p, previous);
        memset(p, (int)n, n); /* the address sanitizer watches the ends */
        previous = p;
    }
    ASSERT_TRUE(!arena_has_failed(a));
}

TEST(the_budget_refuses_and_is_remembered) {
    _cleanup_(arena_freep) Arena *a = arena_new(1024);
    assert_non_null(arena_alloc(a, 1000));
    assert_null(arena_alloc(a, 1000));
    ASSERT_TRUE(arena_has_failed(a));
    ASSERT_TRUE(arena_is_over_budget(a));
    ASSERT_TRUE(arena_used(a) <= 1024);
    assert_non_null(arena_alloc(a, 16)); /* what fits still fits */
}

TEST(a_size_that_overflows_is_refused) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    assert_non_null(arena_alloc(a, 1));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 20));
    ASSERT_TRUE(arena_is_over_budget(a));
    assert_null(arena_new_for(SIZE_MAX / 2));
}

TEST(the_budget_grows_with_the_input) {
    _cleanup_(arena_freep) Arena *small = arena_new_for(0);
    _cleanup_(arena_freep) Arena *large = arena_new_for(64 * 1024);
    assert_null(arena_alloc(small, 600 * 1024));
    assert_non_null(arena_alloc(large, 1024 * 1024));
    assert_null(arena_alloc(large, 8 * 1024 * 1024));
}

TEST(protobuf_allocates_from_it) {
    _cleanup_(arena_freep) Arena *a = arena_new(4096);
    ProtobufCAllocator *allocator = arena_allocator(a);
    void *p = allocator->alloc(allocator->allocator_data, 100);
    assert_non_null(p);
    allocator->free(allocator->allocator_data, p);
    ASSERT_TRUE(arena_used(a) >= 100); /* nothing is given back before the end */
}

TEST_MAIN
