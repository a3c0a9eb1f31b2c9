/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/chance.h"

#include <sodium.h>

#include "sim/dice.h"

/* libsodium takes functions without data: this one state is the price. */
static Dice dice;

static const char *name(void) {
    return "seed";
}

static uint32_t word(void) {
    return (uint32_t)dice_roll(&dice);
}

static void fill(void *const p, const size_t n) {
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)dice_roll(&dice);
}

void chance_set(uint64_t seed) {
    static randombytes_implementation from_seed = { .implementation_name = name,
                                                    .random = word,
                                                    .buf = fill };
    dice = dice_for(seed, 0xc4a2ce, 0);
    (void)randombytes_set_implementation(&from_seed); /* cannot fail */
}
