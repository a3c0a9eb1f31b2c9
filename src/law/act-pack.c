/* SPDX-License-Identifier: Apache-2.0 */

/* Acts in packed form: one byte that names the form, the values in order, the facts to the end. */

#include "base/pack.h"
#include "law/item.h"

#define FORM 1U

size_t act_pack(const Act *a, uint8_t *buf, size_t size) {
    static const Facts none;
    Packer k = { .p = buf, .size = size };
    pack_number(&k, FORM);
    pack_number(&k, (uint32_t)a->kind);
    pack_id(&k, &a->message_id);
    pack_id(&k, &a->case_id);
    pack_id(&k, &a->correlation_id);
    pack_id(&k, &a->causation_id);
    pack_text(&k, a->actor);
    pack_text(&k, a->target);
    pack_text(&k, a->region);
    pack_number(&k, a->cluster);
    pack_number(&k, a->urgency);
    pack_number(&k, a->sensitivity);
    pack_number(&k, a->status);
    pack_number(&k, (uint64_t)a->said_ms);
    pack_number(&k, (uint64_t)a->at_ms);
    pack_number(&k, (uint64_t)a->expires_ms);
    const size_t head = pack_end(&k);
    const size_t facts =
        head > 0 ? facts_pack(a->kind, a->facts ? a->facts : &none, buf + head, size - head) : 0;
    return facts > 0 ? head + facts : 0;
}

bool act_unpack(Bytes b, Act *ret, Facts *ret_facts) {
    Unpacker k = unpack_start(b);
    Facts facts;
    if (unpack_number(&k, FORM) != FORM)
        return false;
    Act a = { .kind = (int)unpack_number(&k, UINT32_MAX) };
    a.message_id = unpack_id(&k);
    a.case_id = unpack_id(&k);
    a.correlation_id = unpack_id(&k);
    a.causation_id = unpack_id(&k);
    unpack_text(&k, a.actor, sizeof(a.actor));
    unpack_text(&k, a.target, sizeof(a.target));
    unpack_text(&k, a.region, sizeof(a.region));
    a.cluster = (uint8_t)unpack_number(&k, UINT8_MAX);
    a.urgency = (uint8_t)unpack_number(&k, UINT8_MAX);
    a.sensitivity = (uint8_t)unpack_number(&k, UINT8_MAX);
    a.status = (uint8_t)unpack_number(&k, UINT8_MAX);
    a.said_ms = (int64_t)unpack_number(&k, UINT64_MAX);
    a.at_ms = (int64_t)unpack_number(&k, UINT64_MAX);
    a.expires_ms = (int64_t)unpack_number(&k, UINT64_MAX);
    if (k.failed || !facts_unpack(a.kind, bytes_make(k.at, (size_t)(k.end - k.at)), &facts))
        return false;
    *ret_facts = facts;
    a.facts = ret_facts;
    *ret = a;
    return true;
}
