/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A bucket that leaks (leaky bucket as a meter, ITU-T I.371): so much at once, and so much a second
 * for ever. All zero is an empty one.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct BucketRate {
    double per_second, burst;
} BucketRate;

typedef struct Bucket {
    double level;
    int64_t at_ms;
} Bucket;

/* Puts n in; false, and nothing changes, when that is too much now. */
bool bucket_take(Bucket *b, const BucketRate *rate, double n, int64_t mono_ms);
/* Is there room for n? */
bool bucket_has(const Bucket *b, const BucketRate *rate, double n, int64_t mono_ms);
/* How much is in it; and puts in what still goes in. */
double bucket_level(const Bucket *b, const BucketRate *rate, int64_t mono_ms);
void bucket_fill(Bucket *b, const BucketRate *rate, int64_t mono_ms);
bool bucket_is_empty(const Bucket *b, const BucketRate *rate, int64_t mono_ms);
