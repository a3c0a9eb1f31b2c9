/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bucket.h"

#include "base/cleanup.h"

double bucket_level(const Bucket *b, const BucketRate *rate, int64_t mono_ms) {
    const double passed = mono_ms > b->at_ms ? (double)(mono_ms - b->at_ms) / 1000 : 0;
    return MAX(b->level - passed * rate->per_second, 0.0);
}

bool bucket_has(const Bucket *b, const BucketRate *rate, double n, int64_t mono_ms) {
    return bucket_level(b, rate, mono_ms) + n <= rate->burst;
}

bool bucket_take(Bucket *b, const BucketRate *rate, double n, int64_t mono_ms) {
    const double level = bucket_level(b, rate, mono_ms);
    if (level + n > rate->burst)
        return false;
    *b = (Bucket) { .level = level + n, .at_ms = mono_ms };
    return true;
}

void bucket_fill(Bucket *b, const BucketRate *rate, int64_t mono_ms) {
    *b = (Bucket) { .level = MAX(bucket_level(b, rate, mono_ms), rate->burst), .at_ms = mono_ms };
}

bool bucket_is_empty(const Bucket *b, const BucketRate *rate, int64_t mono_ms) {
    return bucket_level(b, rate, mono_ms) <= 0;
}
