/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Chance from a seed. Everything in a world has dice of its own, so that leaving out one thing
 * (a fault, a message) does not change the luck of all others.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct Dice {
    uint64_t state;
} Dice;

static inline uint64_t dice_mix(uint64_t z) {
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* For one of many things of a kind. */
static inline Dice dice_for(uint64_t seed, unsigned kind, unsigned which) {
    return (Dice) { dice_mix(seed ^ dice_mix((uint64_t)kind << 32 | which)) };
}

static inline uint64_t dice_roll(Dice *d) { /* splitmix64 */
    return dice_mix(d->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 to n - 1; 0 for none. */
static inline unsigned dice_below(Dice *d, unsigned n) {
    uint64_t r = dice_roll(d);
    return n ? (unsigned)(r % n) : 0;
}

static inline int64_t dice_between(Dice *d, int64_t low, int64_t high) {
    return low + (int64_t)(dice_roll(d) % (uint64_t)(high - low + 1));
}

/* True once in n times. */
static inline int dice_once_in(Dice *d, unsigned n) {
    return dice_below(d, n) == 0;
}

/* A running hash, eight bytes at a time: fast, and good enough to tell two runs apart. */
static inline uint64_t trace_word(uint64_t h, uint64_t word) {
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static inline uint64_t trace_bytes(uint64_t h, const void *p, size_t n) {
    const uint8_t *b = p;
    for (; n >= 8; b += 8, n -= 8) {
        uint64_t w;
        __builtin_memcpy(&w, b, 8);
        h = trace_word(h, w);
    }
    uint64_t last = n;
    for (; n > 0; n--)
        last = last << 8 | *b++;
    return trace_word(h, last);
}
