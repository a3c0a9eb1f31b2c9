/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The checksum SQLite uses for the frames of its write-ahead log, and its checksum shim
 * (ext/misc/cksumvfs.c) at the end of a page: two sums over 32-bit words that depend on their
 * order. Not against malice: against disks and memory that lose bits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Checksum {
    uint32_t a, b;
} Checksum;

/* Goes on from c. n is a multiple of 8. big: the words are high byte first. */
Checksum checksum_more(Checksum c, const void *p, size_t n, bool big);

/* Numbers in SQLite's files: high byte first. */
static inline uint32_t checksum_read32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void checksum_write32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}
