/* SPDX-License-Identifier: Apache-2.0 */

/* Chunks are taken as they are needed, so a small message costs a small allocation whatever its
 * budget; a refused or failed allocation is remembered to tell the two apart. */

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "wire/arena.h"

#define BUDGET_PER_BYTE 32U
#define BUDGET_BASE     (512U * 1024U)
#define CHUNK_MIN       (4U * 1024U)

/* Bytes of an arena with its first chunk: what malloc() keeps at hand for each thread. */
#define FIRST 1024U

typedef struct Chunk {
    struct Chunk *next;
    size_t used, room;
    alignas(max_align_t) uint8_t bytes[];
} Chunk;

struct Arena {
    ProtobufCAllocator allocator;
    Chunk *chunks; /* the first is the one being filled */
    size_t used, budget;
    bool over_budget, failed;
    Chunk first; /* with the rest of FIRST */
};
_Static_assert(sizeof(Arena) < FIRST / 2, "room in the first chunk");

static Chunk *chunk_add(Arena *a, size_t need) {
    size_t room = MAX(need, (size_t)CHUNK_MIN);
    Chunk *c = malloc(sizeof(*c) + room);
    if (!c)
        return NULL;
    *c = (Chunk) { .next = a->chunks, .room = room };
    return a->chunks = c;
}

static void *refuse(Arena *a, bool over_budget) {
    a->over_budget |= over_budget;
    a->failed = true;
    return NULL;
}

void *arena_alloc(Arena *a, size_t n) {
    const size_t unit = alignof(max_align_t);
    size_t left = a->budget - a->used;
    if (n > left || (MAX(n, (size_t)1) + unit - 1) / unit > left / unit)
        return refuse(a, true);
    size_t size = (MAX(n, (size_t)1) + unit - 1) / unit * unit;
    Chunk *c = a->chunks;
    if (size > c->room - c->used)
        c = chunk_add(a, size);
    if (!c)
        return refuse(a, false);
    void *p = c->bytes + c->used;
    c->used += size;
    a->used += size;
    return p;
}

static void *on_alloc(void *data, size_t n) {
    return arena_alloc(data, n);
}

static void on_free(void *data, void *p) {
    (void)data;
    (void)p; /* everything goes at once */
}

Arena *arena_new(size_t budget) {
    Arena *a = malloc(FIRST);
    if (!a)
        return NULL;
    *a = (Arena) { .first.room = FIRST - sizeof(*a) };
    a->chunks = &a->first;
    a->allocator = (ProtobufCAllocator) { .alloc = on_alloc, .free = on_free, .allocator_data = a };
    a->budget = budget;
    return a;
}

Arena *arena_new_for(size_t n) {
    if (n > (SIZE_MAX - BUDGET_BASE) / BUDGET_PER_BYTE)
        return NULL;
    return arena_new(BUDGET_BASE + n * BUDGET_PER_BYTE);
}

Arena *arena_free(Arena *a) {
    if (!a)
        return NULL;
    while (a->chunks != &a->first) {
        Chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    free(a);
    return NULL;
}

ProtobufCAllocator *arena_allocator(Arena *a) {
    return &a->allocator;
}

size_t arena_used(const Arena *a) {
    return a->used;
}

bool arena_is_over_budget(const Arena *a) {
    return a->over_budget;
}

bool arena_has_failed(const Arena *a) {
    return a->failed;
}
