/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Arena: a bump allocator with a budget, behind protobuf-c's allocator interface. What is unpacked
 * into it is freed all at once; asking for more than the budget fails that unpack and nothing else.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/cleanup.h"

typedef struct Arena Arena;

#define ARENA_UNBOUNDED SIZE_MAX /* for what we build ourselves */

Arena *arena_new(size_t budget);
/* Budget for unpacking n bytes: 32 n + 512 KiB. A list of empty texts, each with its pointer and
 * its entry in protobuf-c's scratch table, needs 24 n; empty submessages need more for each of
 * their two bytes, but no more than 2,048 pass the guard (guard.h). NULL when out of memory. */
Arena *arena_new_for(size_t n);
Arena *arena_free(Arena *a);
DEFINE_CLEANUP(Arena *, arena_free);
/* Not cleared. NULL when out of memory or over the budget. */
void *arena_alloc(Arena *a, size_t n);
ProtobufCAllocator *arena_allocator(Arena *a);
size_t arena_used(const Arena *a);
/* Was something refused for the budget (and not for want of memory)? */
bool arena_is_over_budget(const Arena *a);
/* Has any allocation failed, for whatever reason? Sticky: straight-line code checks once. */
bool arena_has_failed(const Arena *a);
