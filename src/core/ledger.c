/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ledger.h"

#include <string.h>

static const struct {
    LedgerKind kind;
    const char *name;
    bool final;
} kinds[] = {
    { LEDGER_ACCEPTED, "ACCEPTED", false },
    { LEDGER_REFUSED, "REFUSED", false },
    { LEDGER_CONFLICT, "CONFLICT", false },
    { LEDGER_ROUTED, "ROUTED", false },
    { LEDGER_DEPOSITED, "DEPOSITED", false },
    { LEDGER_HANDED, "HANDED", false },
    { LEDGER_COLLECTED, "COLLECTED", true },
    { LEDGER_UNDELIVERABLE, "UNDELIVERABLE", true },
    { LEDGER_DEAD, "DEAD", false },
    { LEDGER_RECALLED, "RECALLED", true },
    { LEDGER_REQUEUED, "REQUEUED", false },
    { LEDGER_REDIRECTED, "REDIRECTED", false },
    { LEDGER_DISCARDED, "DISCARDED", false },
    { LEDGER_NOTED, "NOTED", true },
    { LEDGER_COLLECTED_LATE, "COLLECTED_LATE", false },
    { LEDGER_TOLD, "TOLD", false },
    { LEDGER_WRAP_ASKED, "WRAP_ASKED", false },
    { LEDGER_DENIED, "DENIED", false },
    { LEDGER_SESSION_ENDED, "SESSION_ENDED", false },
    { LEDGER_DIRECTORY, "DIRECTORY", false },
    { LEDGER_KEY, "KEY", false },
    { LEDGER_OPERATOR, "OPERATOR", false },
    { LEDGER_CONFIG, "CONFIG", false },
    { LEDGER_STARTED, "STARTED", false },
    { LEDGER_STOPPED, "STOPPED", false },
    { LEDGER_WITNESSED, "WITNESSED", false },
    { LEDGER_COUNTERSIGNED, "COUNTERSIGNED", false },
    { LEDGER_PRUNED, "PRUNED", false },
    { LEDGER_FORKED, "FORKED", false },
};

const char *ledger_kind_name(int kind) {
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if ((int)kinds[i].kind == kind)
            return kinds[i].name;
    return "UNKNOWN";
}

LedgerKind ledger_kind_of(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    return LEDGER_NONE;
}

bool ledger_kind_is_final(int kind) {
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if ((int)kinds[i].kind == kind)
            return kinds[i].final;
    return false;
}

/* Which fields an entry has. */
enum {
    HAS_ID = 1,
    HAS_SAME_ID = 2, /* as the entry before */
    HAS_NODE = 4,
    HAS_PEER = 8,
    HAS_CODE = 16,
    HAS_DIGEST = 32,
    HAS_NOTE = 64,
    HAS_KNOWN = 127,
};

/* How a text is written: as one that follows, or as the place of one that was there. */
enum { TEXT_FOLLOWS = 0, TEXT_PLACES = 1 };

#define KINDS_MAX 255U

void ledger_packer_init(LedgerPacker *k, uint8_t *p, size_t size) {
    *k = (LedgerPacker) { .to = { .p = p, .size = size } };
}

static uint32_t slot_of(const char *text, size_t n) {
    uint32_t h = 2166136261U; /* FNV-1a: spreads, nothing more */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)text[i]) * 16777619U;
    return (h ^ h >> 16) % LEDGER_SLOTS;
}

static void put_text(LedgerPacker *k, const char *text, size_t max) {
    const size_t n = strnlen(text, max);
    struct LedgerSlot *slot = &k->slots[slot_of(text, n)];
    if (slot->place > 0 && slot->n == n && memcmp(k->to.p + slot->at, text, n) == 0) {
        pack_number(&k->to, slot->place - 1 + TEXT_PLACES);
        return;
    }
    pack_number(&k->to, TEXT_FOLLOWS);
    pack_number(&k->to, n);
    if (k->n_texts < LEDGER_TEXTS_MAX)
        *slot =
            (struct LedgerSlot) { .at = (uint32_t)k->to.n, .place = ++k->n_texts, .n = (uint8_t)n };
    pack_bytes(&k->to, text, n);
}

void ledger_pack(LedgerPacker *k, const LedgerEntry *e) {
    const bool id = !uuid_is_nil(&e->message_id);
    const bool same = id && uuid_equal(&e->message_id, &k->last);
    const unsigned has = (id && !same ? HAS_ID : 0U) | (same ? HAS_SAME_ID : 0U) |
                         (e->node[0] != '\0' ? HAS_NODE : 0U) |
                         (e->peer[0] != '\0' ? HAS_PEER : 0U) | (e->code != 0 ? HAS_CODE : 0U) |
                         (e->has_digest ? HAS_DIGEST : 0U) | (e->note[0] != '\0' ? HAS_NOTE : 0U);
    pack_number(&k->to, (uint64_t)e->kind);
    pack_number(&k->to, has);
    if (has & HAS_ID) {
        pack_id(&k->to, &e->message_id);
        k->last = e->message_id;
    }
    if (has & HAS_NODE)
        put_text(k, e->node, NODE_NAME_SIZE - 1);
    if (has & HAS_PEER)
        put_text(k, e->peer, NODE_NAME_SIZE - 1);
    if (has & HAS_CODE)
        pack_number(&k->to, (uint64_t)e->code);
    if (has & HAS_DIGEST)
        pack_bytes(&k->to, e->digest, DIGEST_SIZE);
    if (has & HAS_NOTE)
        put_text(k, e->note, LEDGER_NOTE_MAX);
    k->n++;
}

void ledger_reader_init(LedgerReader *r, Bytes body) {
    r->body = body;
    r->from = unpack_start(body);
    r->last = (Uuid) { 0 };
    r->n_texts = 0;
}

/* Texts are never empty: a field that is not there is not said to be. */
static void take_text(LedgerReader *r, char *ret, size_t size) {
    const uint64_t how = unpack_number(&r->from, LEDGER_TEXTS_MAX);
    if (how == TEXT_FOLLOWS) {
        if (r->n_texts < LEDGER_TEXTS_MAX)
            r->texts[r->n_texts++] = (uint32_t)(r->from.at - r->body.p);
        unpack_text(&r->from, ret, size);
    } else if (how - TEXT_PLACES < r->n_texts) {
        Unpacker there = unpack_start(bytes_make(r->body.p + r->texts[how - TEXT_PLACES],
                                                 r->body.n - r->texts[how - TEXT_PLACES]));
        unpack_text(&there, ret, size);
        r->from.failed = r->from.failed || there.failed;
    } else {
        r->from.failed = true;
    }
    r->from.failed = r->from.failed || ret[0] == '\0';
}

bool ledger_next(LedgerReader *r, LedgerEntry *ret) {
    *ret = (LedgerEntry) { 0 };
    if (!unpack_more(&r->from))
        return false;
    ret->kind = (LedgerKind)unpack_number(&r->from, KINDS_MAX);
    const unsigned has = (unsigned)unpack_number(&r->from, HAS_KNOWN);
    if (has & HAS_ID)
        r->last = unpack_id(&r->from);
    if (has & (HAS_ID | HAS_SAME_ID))
        ret->message_id = r->last;
    if (has & HAS_NODE)
        take_text(r, ret->node, sizeof(ret->node));
    if (has & HAS_PEER)
        take_text(r, ret->peer, sizeof(ret->peer));
    if (has & HAS_CODE)
        ret->code = (int64_t)unpack_number(&r->from, UINT64_MAX);
    ret->has_digest = (has & HAS_DIGEST) != 0;
    if (ret->has_digest)
        unpack_bytes(&r->from, ret->digest, DIGEST_SIZE);
    if (has & HAS_NOTE)
        take_text(r, ret->note, sizeof(ret->note));
    return !r->from.failed;
}

bool ledger_reader_end(const LedgerReader *r) {
    return unpack_end(&r->from);
}
