/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A small directory for tests of the core, three levels of brokers deep:
 *
 *   hub ── upt/satria (33) ── upt/loka-kutoarjo (3306)
 *      └── upt/phala-martha (32, 3103)
 */

#include "base/text.h"
#include "law/accept.h"

#define SAMPLE_KIND 1001 /* newer than any broker: no rule of the law looks at it */
#define SAMPLE_NOW  INT64_C(1741575900000) /* 2025-03-10T03:05:00Z, 10:05 WIB */

static inline DirNode sample_node(const char *id, int kind, const char *home) {
    DirNode n = { .kind = kind };
    (void)text_copy(n.id, sizeof(n.id), id);
    (void)text_copy(n.home, sizeof(n.home), home);
    return n;
}

static inline void sample_area(DirNode *n, const char *region, int cluster, uint32_t priority) {
    ServiceArea *a = &n->areas[n->n_areas++];
    (void)text_copy(a->region, sizeof(a->region), region);
    a->cluster = cluster;
    a->priority = priority;
}

static inline DirNode sample_broker(const char *id, int kind, const char *above) {
    DirNode n = sample_node(id, kind, "");
    n.broker = true;
    (void)text_copy(n.broker_parent, sizeof(n.broker_parent), above);
    return n;
}

static inline void sample_add(Directory *d, const DirNode *n) {
    ASSERT_OK(directory_add_node(d, n));
}

static inline Directory *sample_unsealed(void) {
    static const struct {
        const char *id;
        int kind;
        const char *home;
    } plain[] = {
        { "min/rehsos", NODE_MINISTRY_UNIT, "hub" },
        { "cc/171", NODE_COMMAND_CENTER, "hub" },
        { "dsp/32", NODE_SOCIAL_AGENCY_PROVINCE, "upt/phala-martha" },
        { "dsp/33", NODE_SOCIAL_AGENCY_PROVINCE, "upt/satria" },
        { "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/phala-martha" },
        { "dsk/3204", NODE_SOCIAL_AGENCY_REGENCY, "upt/phala-martha" },
        { "dsk/3302", NODE_SOCIAL_AGENCY_REGENCY, "upt/satria" },
        { "dsk/3306", NODE_SOCIAL_AGENCY_REGENCY, "upt/loka-kutoarjo" },
        { "pks/3203052001", NODE_PUSKESOS, "upt/phala-martha" },
        { "uptd/32/pa-02", NODE_UPTD, "upt/phala-martha" },
        { "lks/3306/0001", NODE_LKS, "upt/loka-kutoarjo" },
        { "lks/9999/stray", NODE_LKS, "" },
    };
    Directory *d = NULL;
    ASSERT_OK(directory_new(&d));
    DirNode hub = sample_broker("hub", NODE_NATIONAL_HUB, "");
    DirNode satria = sample_broker("upt/satria", NODE_UPT_BALAI, "hub");
    DirNode loka = sample_broker("upt/loka-kutoarjo", NODE_UPT_LOKA, "upt/satria");
    DirNode phala = sample_broker("upt/phala-martha", NODE_UPT_BALAI_BESAR, "hub");
    sample_area(&satria, "33", CLUSTER_ANY, 1);
    sample_area(&loka, "3306", CLUSTER_ANY, 1);
    sample_area(&phala, "32", CLUSTER_ANY, 1);
    sample_area(&phala, "3103", CLUSTER_ANY, 1);
    sample_add(d, &hub);
    sample_add(d, &satria);
    sample_add(d, &loka);
    sample_add(d, &phala);
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        DirNode n = sample_node(plain[i].id, plain[i].kind, plain[i].home);
        sample_add(d, &n);
    }
    DirNode bridge = sample_node("int/siks", NODE_INTEGRATION_CLIENT, "hub");
    (void)text_copy(bridge.parent, sizeof(bridge.parent), "dsp/32");
    sample_add(d, &bridge);
    DirNode closed = sample_node("dsk/3299", NODE_SOCIAL_AGENCY_REGENCY, "upt/phala-martha");
    closed.inactive = true;
    sample_add(d, &closed);
    return d;
}

static inline Directory *sample_directory(void) {
    Directory *d = sample_unsealed();
    ASSERT_OK(directory_seal(d, 7));
    return d;
}

/* A message of dsk/3203 to the home uptd/32/pa-02 that no rule objects to. */
static inline Message *sample_message(void) {
    static const char facts[] = "facts", sealed[] = "sealed";
    Message *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    Bytes f = bytes_make(facts, 5), s = bytes_make(sealed, 6);
    m->body = body_new(bytes_make("envelope", 8), f, s);
    assert_non_null(m->body);
    Envelope *e = &m->env;
    e->message_id.b[0] = 1;
    e->kind = SAMPLE_KIND;
    e->schema = 1;
    (void)text_copy(e->sender, sizeof(e->sender), "dsk/3203");
    e->audience.form = AUDIENCE_NODES;
    e->audience.n = 1;
    (void)text_copy(e->audience.nodes[0], NODE_NAME_SIZE, "uptd/32/pa-02");
    (void)text_copy(e->region, sizeof(e->region), "3203");
    e->cluster = CLUSTER_CHILD;
    e->urgency = URGENCY_ROUTINE;
    e->created_ms = SAMPLE_NOW - 1000;
    e->has_facts_digest = e->has_sealed_digest = true;
    hash_digest(f, e->facts_digest);
    hash_digest(s, e->sealed_digest);
    m->facts.readable = true;
    m->lane = LANE_ROUTINE;
    return m;
}

static inline Message *sample_event(const char *sender, const char *scope) {
    Message *m = sample_message();
    m->env.kind = KIND_EXTRAORDINARY_EVENT;
    m->env.cluster = CLUSTER_ANY;
    m->env.urgency = URGENCY_EVENT;
    m->lane = LANE_EVENT;
    m->facts.event = (EventFacts) { .event_type = EVENT_TYPE_NATURAL_DISASTER,
                                    .status = EVENT_STATUS_VERIFIED,
                                    .n_regions = 1,
                                    .occurred_ms = SAMPLE_NOW - HOUR_MS };
    (void)text_copy(m->env.sender, sizeof(m->env.sender), sender);
    m->env.audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 1 };
    (void)text_copy(m->env.audience.scope[0], REGION_SIZE, scope);
    return m;
}

/* The codes of all reasons with a blank between; warnings in parentheses. */
static inline const char *sample_codes(const Reasons *r, char *ret, size_t size) {
    Buf b = { 0 };
    for (uint32_t i = 0; i < r->n; i++)
        buf_addf(&b, r->list[i].warning ? "%s(%s)" : "%s%s", i ? " " : "", r->list[i].code);
    (void)text_copy(ret, size, buf_text(&b));
    buf_deinit(&b);
    return ret;
}
