/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A whole message: [2 bytes length, envelope] [2 bytes length, facts] [sealed]. What could be read
 * goes through the decision on acceptance, from its publisher and from a neighbour, and is printed.
 */

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "law/accept.h"
#include "wire/codec.h"
#include "wire/json.h"

#define NOW_MS INT64_C(1741575900000) /* 2025-03-10 */

static void add(Directory *d, const char *id, int kind, bool broker) {
    DirNode node = { .kind = kind, .broker = broker };
    (void)text_copy(node.id, sizeof(node.id), id);
    (void)text_copy(node.home, sizeof(node.home), broker ? id : "upt/satria");
    if (broker && kind != NODE_NATIONAL_HUB)
        (void)text_copy(node.broker_parent, sizeof(node.broker_parent), "hub");
    node.n_areas = 1;
    (void)text_copy(node.areas[0].region, sizeof(node.areas[0].region), "33");
    FUZZ_CHECK(directory_add_node(d, &node) == 0);
}

static Directory *directory(void) {
    static Directory *d;
    if (d)
        return d;
    FUZZ_CHECK(hash_init() == 0);
    FUZZ_CHECK(directory_new(&d) == 0);
    add(d, "hub", NODE_NATIONAL_HUB, true);
    add(d, "upt/satria", NODE_UPT_BALAI, true);
    add(d, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, false);
    add(d, "dsp/32", NODE_SOCIAL_AGENCY_PROVINCE, false);
    add(d, "uptd/32/pa-02", NODE_UPTD, false);
    add(d, "cc/171", NODE_COMMAND_CENTER, false);
    FUZZ_CHECK(directory_seal(d, 1) == 0);
    return d;
}

static void decide(Message *m, bool from_link) {
    static AcceptDecision decision; /* large */
    static const AcceptPolicy policy = { .default_expiry_ms = 30 * DAY_MS,
                                         .event_expiry_ms = 3 * DAY_MS,
                                         .max_expiry_ms = 180 * DAY_MS,
                                         .clock_skew_ms = 5 * MINUTE_MS };
    AcceptInput in = { .message = m,
                       .directory = directory(),
                       .self = "upt/satria",
                       .authority = from_link ? "hub" : m->env.sender,
                       .from_link = from_link,
                       .now_ms = NOW_MS,
                       .policy = &policy };
    if (from_link) {
        m->fwd = (Forward) { .present = true, .scope = m->env.audience.form == AUDIENCE_SCOPE };
        m->fwd.accepted_ms = m->fwd.expires_ms = NOW_MS;
        for (uint32_t i = 0; i < m->env.audience.n && m->env.audience.form == AUDIENCE_NODES; i++) {
            Recipient *to = &m->fwd.recipients[m->fwd.n_recipients++];
            to->role = ROLE_ADDRESSEE;
            (void)text_copy(to->node, sizeof(to->node), m->env.audience.nodes[i]);
        }
    }
    accept_decide(&in, &decision);
    FUZZ_CHECK(decision.n_routes <= RECIPIENTS_MAX && decision.reasons.n <= REASONS_MAX);
    FUZZ_CHECK(decision.n_scope_hops <= SCOPE_HOPS_MAX);
    /* A recall order goes where its message went. */
    FUZZ_CHECK(from_link || decision.reasons.n_refusals > 0 || decision.scope ||
               m->env.kind == KIND_RECALL_ORDER || decision.n_routes > 0);
    if (decision.scope) {
        size_t cursor = 0;
        while (accept_scope_next(&in, &cursor))
            FUZZ_CHECK(cursor <= directory_node_count(in.directory));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Input in = { data, n };
    (void)directory();
    Bytes envelope = take_part(&in), facts = take_part(&in), sealed = take_bytes(&in, in.n);
    Message *m = calloc(1, sizeof(*m));
    FUZZ_CHECK(m);
    const char *why = NULL;
    int r = codec_decode_message(envelope, facts, sealed, m, &why);
    FUZZ_CHECK(r >= 0 && (r == 0 || why));
    if (r == 0) {
        char *text = NULL;
        FUZZ_CHECK(m->body && m->lane >= 0 && m->lane < LANE_COUNT);
        FUZZ_CHECK(bytes_equal(body_facts(m->body), facts));
        decide(m, false);
        decide(m, true);
        FUZZ_CHECK(json_print_message(envelope, facts, sealed, NULL, false, &text) == 0 && text);
        free(text);
    }
    (void)message_free(m);
    return 0;
}
