/* SPDX-License-Identifier: Apache-2.0 */

#include "core/access.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool key_allows(const DirKey *k, const RightUse *use) {
    return (use->verb == RIGHT_OPERATE && k->operator_) || rights_allow(&k->rights, use);
}

AccessVerdict access_check(const Directory *d, const char *curve, const char *node, int64_t now_ms,
                           const RightUse *use) {
    const DirKey *k = directory_key(d, curve);
    if (!k || strcmp(k->node, node) != 0 || !directory_key_is_usable(d, k, now_ms))
        return ACCESS_KEY_ENDED;
    return !use || key_allows(k, use) ? ACCESS_GRANTED : ACCESS_NO_RIGHT;
}

RightUse use_of_publish(const Envelope *e) {
    return (RightUse) {
        .verb = RIGHT_PUBLISH, .kind = e->kind, .region = e->region, .direction = RIGHT_SEND
    };
}

static bool allow(const Rights *r, const RightUse *use,
                  char ret_missing[static RIGHT_USE_TEXT_SIZE]) {
    const bool allowed = rights_allow(r, use);
    if (!allowed)
        right_use_text(use, ret_missing);
    return allowed;
}

/* Each kind in each region must be covered, by one right or another. */
static bool allow_filter(const Rights *r, RightVerb verb, const Filter *f,
                         char ret_missing[static RIGHT_USE_TEXT_SIZE]) {
    const uint32_t n_kinds = MAX(f->n_kinds, 1U), n_regions = MAX(f->n_regions, 1U);
    RightUse use = { .verb = verb, .direction = RIGHT_RECEIVE };
    for (uint32_t k = 0; k < n_kinds; k++)
        for (uint32_t i = 0; i < n_regions; i++) {
            use.kind = f->n_kinds > 0 ? f->kinds[k] : 0;
            use.region = f->n_regions > 0 ? f->regions[i] : "";
            if (!allow(r, &use, ret_missing))
                return false;
        }
    return true;
}

bool rights_allow_channel(const Rights *r, RightVerb verb, FrameSource source, const Filter *filter,
                          char ret_missing[static RIGHT_USE_TEXT_SIZE]) {
    static const Filter everything;
    RightUse use = { .verb = verb, .region = "", .direction = RIGHT_RECEIVE };
    if (r->n == 0)
        return true;
    switch (source) {
    case SOURCE_NAMED:
        return allow_filter(r, verb, filter ? filter : &everything, ret_missing);
    case SOURCE_RECEIPTS:
        use.direction = RIGHT_SEND;
        break;
    default:
        break;
    }
    return allow(r, &use, ret_missing);
}

void access_texts(AccessVerdict v, const RightUse *use, char ret_en[static ACCESS_TEXT_SIZE],
                  char ret_id[static ACCESS_TEXT_SIZE]) {
    char what[RIGHT_USE_TEXT_SIZE];
    if (v == ACCESS_KEY_ENDED) {
        (void)text_copy(ret_en, ACCESS_TEXT_SIZE, "The key is not valid, or not any more.");
        (void)text_copy(ret_id, ACCESS_TEXT_SIZE, "Kunci tidak berlaku, atau tidak lagi.");
        return;
    }
    right_use_text(use, what);
    (void)snprintf(ret_en, ACCESS_TEXT_SIZE, "The key lacks the right: %s.", what);
    (void)snprintf(ret_id, ACCESS_TEXT_SIZE, "Kunci tidak memiliki hak: %s.", what);
}
