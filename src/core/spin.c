/* SPDX-License-Identifier: Apache-2.0 */
#include "core/spin.h"

#include "base/cleanup.h"

#define SPIN_US    250 /* a publisher here has signed and sent 16 messages by then */
#define TRY_EVERY  32U
#define CREDIT_MAX 8U
#define WORTH      2U /* vain ones that one with news makes up for */

int64_t spin_us(Spin *s, bool answered) {
    if (!answered || (s->credit == 0 && ++s->skipped < TRY_EVERY))
        return 0;
    return SPIN_US;
}

void spin_ended(Spin *s, bool with_news) {
    s->skipped = 0;
    if (with_news)
        s->credit = MIN(s->credit + WORTH, CREDIT_MAX);
    else if (s->credit > 0)
        s->credit--;
}
