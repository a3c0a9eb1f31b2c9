/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The random bytes of base/hash.h (ids of processes) come from a seed from now on. */

#include <stdint.h>

void chance_set(uint64_t seed);
