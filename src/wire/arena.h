/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Arena: a bump allocator with a budget, behind protobuf-c's allocator interface. What is unpacked
 * into it is freed all at once; asking for more than the budget fails that unpack and nothing else.
 */

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "base/cleanup.h"

typedef struct Arena Arena;

/* Budget for unpacking n bytes: 8 n + 16 KiB. NULL when out of memory. */
Arena *arena_new_for(size_t n);
Arena *arena_free(Arena *a);
DEFINE_CLEANUP(Arena *, arena_free);
ProtobufCAllocator *arena_allocator(Arena *a);
size_t arena_used(const Arena *a);
