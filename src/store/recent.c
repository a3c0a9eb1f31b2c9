/* SPDX-License-Identifier: Apache-2.0 */
#include "store/recent.h"

#include "store/internal.h"
#include "store/message.h"

#define RECENT_MESSAGES 4096 /* about 1 KiB each */
#define RECENT_IDS_BITS 13
#define RECENT_IDS      (1 << RECENT_IDS_BITS)

struct Recent {
    int64_t held;                        /* was found last, and stays */
    int64_t by_id[RECENT_IDS];           /* seq of the last one with an id of that place */
    StoredMessage list[RECENT_MESSAGES]; /* by seq; seq 0 = free */
};

static StoredMessage *place(const Store *s, int64_t seq) {
    return s->recent ? &s->recent->list[seq % RECENT_MESSAGES] : NULL;
}

static int64_t *place_of_id(const Store *s, const Uuid *id) {
    uint64_t half[2];
    memcpy(half, id->b, sizeof(half));
    const uint64_t mixed = (half[0] ^ half[1]) * UINT64_C(0x9e3779b97f4a7c15);
    return &s->recent->by_id[mixed >> (64 - RECENT_IDS_BITS)];
}

static void empty(StoredMessage *m) {
    stored_message_deinit(m);
    m->seq = 0;
}

void recent_keep(Store *s, StoredMessage *m) {
    if (!s->recent)
        s->recent = calloc(1, sizeof(*s->recent)); /* without it messages are read */
    StoredMessage *at = place(s, m->seq);
    if (!at || m->route.n > RECIPIENTS_MAX || (at->seq != 0 && at->seq == s->recent->held))
        return;
    empty(at);
    *at = *m;
    *place_of_id(s, &at->id) = at->seq;
    m->route = (Route) { 0 };
}

const StoredMessage *recent_find(Store *s, int64_t seq) {
    const StoredMessage *m = place(s, seq);
    if (!m || m->seq != seq)
        return NULL;
    s->recent->held = seq;
    return m;
}

const StoredMessage *recent_find_id(Store *s, const Uuid *id) {
    const int64_t seq = s->recent ? *place_of_id(s, id) : 0;
    const StoredMessage *m = seq > 0 ? recent_find(s, seq) : NULL;
    return m && uuid_equal(&m->id, id) ? m : NULL;
}

const StoredMessage *recent_load(Store *s, int64_t seq, StoredMessage *ret) {
    const StoredMessage *m = recent_find(s, seq);
    if (m)
        return m;
    return message_load(s, seq, ret) ? ret : NULL;
}

void recent_forget(Store *s, int64_t seq) {
    StoredMessage *m = place(s, seq);
    if (m && m->seq == seq)
        empty(m);
}

void recent_drop(Store *s) {
    for (int64_t i = 0; s->recent && i < RECENT_MESSAGES; i++)
        empty(place(s, i));
}

Recent *recent_free(Recent *r) {
    for (int i = 0; r && i < RECENT_MESSAGES; i++)
        stored_message_deinit(&r->list[i]);
    free(r);
    return NULL;
}
