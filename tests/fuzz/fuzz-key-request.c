/* SPDX-License-Identifier: Apache-2.0 */

/* A request for a key from whomever. What could be read is written as a request that says the same;
 * nothing is granted that nobody signed. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fuzz/fuzz.h"
#include "wire/codec.h"

static void judge(const KeyRequest *r) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    const DirNode node = { .id = "dsk/3203", .kind = NODE_SOCIAL_AGENCY_REGENCY, .home = "hub" };
    const DirNode hub = { .id = "hub", .kind = NODE_NATIONAL_HUB, .home = "hub", .broker = true };
    char text[KEY_FINGERPRINT_SIZE];
    DirKey got;
    FUZZ_CHECK(directory_new(&d) == 0 && directory_add_node(d, &node) == 0 &&
               directory_add_node(d, &hub) == 0 && directory_seal(d, 1) == 0);
    const KeyVerdict v = key_request_judge(d, r, r->asked_ms, &got);
    FUZZ_CHECK(v != KEY_GRANTED && v != KEY_KNOWN);
    FUZZ_CHECK(key_verdict_name(v)[0] != '\0' && key_verdict_text(v)[0] != '\0');
    key_fingerprint(&r->key, text);
    FUZZ_CHECK(strlen(text) == KEY_FINGERPRINT_SIZE - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    KeyRequest first, second;
    uint8_t *p = NULL;
    size_t n_again = 0;
    const char *why = NULL;
    FUZZ_CHECK(hash_init() == 0);
    const int r = codec_decode_key_request(bytes_make(data, n), &first, &why);
    FUZZ_CHECK(r != -ENOMEM && (r == 0) == (why == NULL));
    if (r != 0)
        return 0;
    FUZZ_CHECK(first.n_demand <= sizeof(first.demand));
    FUZZ_CHECK(codec_encode_key_request(&first, &p, &n_again) == 0);
    FUZZ_CHECK(codec_decode_key_request(bytes_make(p, n_again), &second, &why) == 0);
    FUZZ_CHECK(memcmp(&first, &second, sizeof(first)) == 0);
    judge(&first);
    free(p);
    return 0;
}
