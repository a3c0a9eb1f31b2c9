/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include <stdio.h>

#include "routing-fixture.h"

static bool covers(const char *scope, const char *id) {
    _cleanup_(directory_unrefp) Directory *d = routing_directory();
    _cleanup_(message_freep) Message *m = sample_event("dsk/3204", scope);
    return accept_scope_covers(&m->env, directory_node(d, id));
}

TEST(nodes_of_the_regions_are_covered) {
    ASSERT_TRUE(covers("3203", "dsk/3203"));
    ASSERT_TRUE(covers("3203", "pks/3203052001"));
    ASSERT_TRUE(covers("3203", "slrt/3203"));
    ASSERT_TRUE(!covers("3203", "dsk/3275"));
    ASSERT_TRUE(!covers("3203", "dsp/32"));
    ASSERT_TRUE(covers("32", "dsp/32"));
    ASSERT_TRUE(covers("32", "uptd/32/pa-02"));
    ASSERT_TRUE(covers("", "dsk/3302"));
    ASSERT_TRUE(!covers("3204", "dsk/3204")); /* the sender */
}

TEST(the_upt_of_the_area_and_its_neighbours_in_the_province_are_covered) {
    ASSERT_TRUE(covers("3203", "upt/phala-martha"));  /* serves it */
    ASSERT_TRUE(covers("3203", "upt/pangudi-luhur")); /* serves 3275 of the same province */
    ASSERT_TRUE(!covers("3203", "upt/satria"));
    ASSERT_TRUE(covers("32", "upt/pangudi-luhur"));
    ASSERT_TRUE(covers("3203052001", "upt/pangudi-luhur"));
    ASSERT_TRUE(covers("", "upt/satria"));
}

TEST(ministry_hub_and_command_centre_are_always_covered) {
    ASSERT_TRUE(covers("3203", "min/setditjen"));
    ASSERT_TRUE(covers("3203", "min/anak"));
    ASSERT_TRUE(covers("3203", "cc/171"));
    ASSERT_TRUE(covers("3203", "hub"));
    ASSERT_TRUE(!covers("3203", "kdn"));
    ASSERT_TRUE(!covers("3203", "int/lapor"));
}

TEST(a_scope_of_several_regions_is_their_union) {
    _cleanup_(directory_unrefp) Directory *d = routing_directory();
    _cleanup_(message_freep) Message *m = sample_event("dsk/3204", "3203");
    m->env.audience.n = 2;
    strcpy(m->env.audience.scope[1], "3308");
    ASSERT_TRUE(accept_scope_covers(&m->env, directory_node(d, "dsk/3308")));
    ASSERT_TRUE(accept_scope_covers(&m->env, directory_node(d, "upt/satria")));
    ASSERT_TRUE(!accept_scope_covers(&m->env, directory_node(d, "dsk/3302")));
}

/* The supervisor who must hear of a warning may be outside the scope. */
TEST(a_warned_event_goes_to_the_supervisor_outside_its_scope) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_EXTRAORDINARY_EVENT, "dsk/3203", "3203", CLUSTER_DISASTER_VICTIM);
    r->m->env.urgency = URGENCY_EVENT;
    r->m->env.sensitivity = SENSITIVITY_INTERNAL;
    r->m->facts.event = (EventFacts) { .event_type = EVENT_TYPE_NATURAL_DISASTER,
                                       .status = EVENT_STATUS_VERIFIED,
                                       .n_regions = 1,
                                       .occurred_ms = SAMPLE_NOW - HOUR_MS };
    r->m->env.audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 1 };
    strcpy(r->m->env.audience.scope[0], "3203");
    ASSERT_STR(routing_decide(r), "(dsp/32)"); /* no declaration yet */
    ASSERT_TRUE(r->out.scope);
    ASSERT_TRUE(reasons_have(&r->out.reasons, "R-141"));
    strcpy(r->m->env.audience.scope[0], "32");
    ASSERT_STR(routing_decide(r), "");
}

TEST(a_scope_over_a_whole_nation_of_nodes_is_decided_at_once) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_EXTRAORDINARY_EVENT, "hub", "", CLUSTER_ANY);
    Directory *d = routing_unsealed();
    for (int i = 0; i < 7100; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "lks/%d/%d", 3201 + i % 60, i);
        DirNode n = sample_node(id, NODE_LKS, "upt/satria");
        sample_add(d, &n);
    }
    ASSERT_OK(directory_seal(d, 2));
    routing_use(r, d);
    r->m->env.urgency = URGENCY_EVENT;
    r->m->env.audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 1 };
    strcpy(r->m->env.audience.scope[0], "32");
    for (int i = 0; i < 200; i++)
        (void)routing_decide(r);
    ASSERT_TRUE(r->out.scope);
    ASSERT_EQ(r->out.n_scope_hops, 3); /* one copy a child, however many are behind it */
}

TEST_MAIN
