/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "core/acceptance.h"

static_assert(DIGEST_SIZE == 32, "room in ACCEPTANCE_MAX");

static uint8_t *put(uint8_t *p, const void *from, size_t n) {
    memcpy(p, from, n);
    return p + n;
}

Bytes acceptance_statement(const Acceptance *a, uint8_t buf[static ACCEPTANCE_MAX]) {
    const size_t n_sender = strlen(a->sender), n_broker = strlen(a->broker);
    assert(n_sender < NODE_NAME_SIZE && n_broker < NODE_NAME_SIZE);
    uint8_t *p = put(buf, a->message_id.b, UUID_SIZE);
    hash_digest(a->envelope, p);
    p += DIGEST_SIZE;
    for (unsigned i = 0; i < 8; i++)
        *p++ = (uint8_t)((uint64_t)a->accepted_ms >> (56 - 8 * i));
    p = put(p, a->sender, n_sender + 1); /* with its zero */
    p = put(p, a->broker, n_broker);
    return bytes_make(buf, (size_t)(p - buf));
}
