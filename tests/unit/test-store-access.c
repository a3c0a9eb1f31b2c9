/* SPDX-License-Identifier: Apache-2.0 */

/* What the store decides by itself about who may do what: scopes of subscriptions (domain 6.8),
 * and the key of whoever publishes, in the very transaction. */

#include "test.h"

#include "law-fixture.h"

/* --- scopes ---------------------------------------------------------------------------------- */

static void import_nodes(Fixture *f, const DirNode *list, uint32_t n) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_nodes = n;
    op->import.nodes = calloc(n, sizeof(DirNode));
    memcpy(op->import.nodes, list, n * sizeof(*list));
    run(f, op);
    assert_non_null(op->import.directory);
    store_op_free(op);
}

static StoreOp *subscribe(Fixture *f, const char *owner, const char *name, const Filter *filter) {
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    (void)text_copy(op->subscription.owner, sizeof(op->subscription.owner), owner);
    (void)text_copy(op->subscription.name, sizeof(op->subscription.name), name);
    if (filter) {
        op->subscription.filter = malloc(sizeof(*filter));
        *op->subscription.filter = *filter;
    }
    run(f, op);
    return op;
}

static int verdict(Fixture *f, const char *owner, const char *name, const Filter *filter) {
    StoreOp *op = subscribe(f, owner, name, filter);
    const int v = (int)op->subscription.verdict;
    ASSERT_EQ(op->subscription.why[0] != '\0', v >= SUBSCRIPTION_NOT_ALLOWED);
    store_op_free(op);
    return v;
}

static const struct {
    const char *region;
    int cluster;
} places[] = {
    { "3203", CLUSTER_CHILD }, { "3203", CLUSTER_ELDERLY },       { "3204", CLUSTER_CHILD },
    { "3302", CLUSTER_CHILD }, { "3203052001", CLUSTER_ELDERLY }, { "", CLUSTER_CHILD },
};

/* One message for each place; "012345" names those of which the owner got a copy. */
static const char *fed(Fixture *f, const char *owner) {
    static char text[16];
    char queue[NODE_NAME_SIZE + SUBSCRIPTION_SIZE];
    size_t n = 0;
    (void)snprintf(queue, sizeof(queue), "%s all", owner);
    const QueueId id = queue_id(f, QUEUE_SUBSCRIPTION, queue, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        Message *m = message_to(f, HOME, (uint8_t)(i + 1));
        (void)text_copy(m->env.region, sizeof(m->env.region), places[i].region);
        m->env.cluster = places[i].cluster;
        StoreOp *op = publish(f, m);
        for (uint32_t k = 0; k < op->n_deposits; k++) {
            if (op->deposits[k].row.queue != id)
                continue;
            text[n++] = (char)('0' + i);
            ASSERT_TRUE(op->deposits[k].row.flags & DELIVERY_FACTS_ONLY);
            ASSERT_EQ(op->deposits[k].body->n_sealed, 0);
        }
        store_op_free(op);
    }
    text[n] = '\0';
    return text;
}

TEST(every_kind_of_node_is_fed_from_its_scope_only) {
    FIXTURE(f);
    f.config.subscription_quota = 100;
    fixture_reopen(&f);
    static const struct {
        const char *id;
        int kind;
        const char *fed; /* NULL: may not subscribe, what is addressed to it is in its mailbox */
    } list[] = {
        { "h/32", NODE_NATIONAL_HUB, "012345" },
        { "m/32", NODE_MINISTRY_UNIT, "012345" },
        { "c/32", NODE_COMMAND_CENTER, NULL },
        { "u/besar", NODE_UPT_BALAI_BESAR, "02" }, /* serves children in 32, and all in 3103 */
        { "u/balai", NODE_UPT_BALAI, "02" },
        { "u/loka", NODE_UPT_LOKA, "02" },
        { "p/32", NODE_SOCIAL_AGENCY_PROVINCE, "0124" },
        { "p/33", NODE_SOCIAL_AGENCY_PROVINCE, "3" },
        { "p/x", NODE_SOCIAL_AGENCY_PROVINCE, NULL }, /* no province: no scope */
        { "r/3203", NODE_SOCIAL_AGENCY_REGENCY, "014" },
        { "r/3204", NODE_SOCIAL_AGENCY_REGENCY, "2" },
        { "r/32", NODE_SOCIAL_AGENCY_REGENCY, NULL },
        { "d/3203", NODE_UPTD, NULL },
        { "l/3203", NODE_LKS, NULL },
        { "a/3203", NODE_LKSA, NULL },
        { "k/3203", NODE_PUSKESOS, NULL },
        { "s/3203", NODE_REGIONAL_REFERRAL_SYSTEM, NULL },
        { "b/3203", NODE_BASIC_SERVICE_SYSTEM, NULL },
        { "y/3203", NODE_POSYANDU_LANSIA, NULL },
        { "t/3203", NODE_CHILD_WELFARE_TEAM, NULL },
        { "g/3203", NODE_PARTNER_AGENCY, NULL },
        { "n/32", NODE_HOME_AFFAIRS, NULL },
        { "i/3203", NODE_INTEGRATION_CLIENT, NULL },
    };
    bool seen[NODE_KIND_MAX_] = { 0 };
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        DirNode n = sample_node(list[i].id, list[i].kind, SELF);
        sample_area(&n, "32", CLUSTER_CHILD, 1); /* makes a difference for a UPT only */
        sample_area(&n, "3103", CLUSTER_ANY, 1);
        seen[list[i].kind] = true;
        import_nodes(&f, &n, 1);
        const int v = verdict(&f, list[i].id, "all", &(Filter) { 0 });
        if (v != (list[i].fed ? SUBSCRIPTION_OK : SUBSCRIPTION_NOT_ALLOWED))
            fail_msg("%s: verdict %d", list[i].id, v);
        if (!list[i].fed)
            continue;
        const char *is = fed(&f, list[i].id);
        if (strcmp(is, list[i].fed) != 0)
            fail_msg("%s is fed %s, not %s", list[i].id, is, list[i].fed);
    }
    for (int kind = NODE_UNSPECIFIED + 1; kind < NODE_KIND_MAX_; kind++)
        ASSERT_TRUE(seen[kind]);
    ASSERT_EQ(verdict(&f, "no/such", "all", &(Filter) { 0 }), SUBSCRIPTION_NOT_ALLOWED);
    ASSERT_EQ(verdict(&f, "dsk/3299", "all", &(Filter) { 0 }), SUBSCRIPTION_NOT_ALLOWED);
}

TEST(an_addressee_gets_all_of_it) {
    FIXTURE(f);
    ASSERT_EQ(verdict(&f, DSP, "all", &(Filter) { 0 }), SUBSCRIPTION_OK);
    Message *m = message_to(&f, HOME, 1);
    also_to(m, DSP);
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->n_deposits, 3);
    ASSERT_EQ(op->deposits[2].row.flags & DELIVERY_FACTS_ONLY, 0);
    ASSERT_EQ(op->deposits[2].body->n_sealed, 6);
    store_op_free(op);
}

TEST(a_filter_that_reaches_outside_is_refused) {
    FIXTURE(f);
    ASSERT_EQ(verdict(&f, SENDER, "a", &(Filter) { .n_regions = 2, .regions = { "3203", "3204" } }),
              SUBSCRIPTION_NOT_ALLOWED);
    ASSERT_EQ(verdict(&f, DSP, "a", &(Filter) { .n_regions = 1, .regions = { "3" } }),
              SUBSCRIPTION_NOT_ALLOWED);
    ASSERT_EQ(verdict(&f, SELF, "a", &(Filter) { .n_regions = 1, .regions = { "33" } }),
              SUBSCRIPTION_NOT_ALLOWED);
}

/* --- cases: R-162 ---------------------------------------------------------------------------- */

TEST(a_case_is_followed_by_those_who_take_part_in_it) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, HOME);
    const Filter of = { .n_cases = 1, .cases = { m->env.case_id } };
    ASSERT_EQ(verdict(&f, SENDER, "mine", &of), SUBSCRIPTION_NOT_ALLOWED); /* there is none yet */
    (void)says_id(&f, m);
    ASSERT_EQ(verdict(&f, SENDER, "mine", &of), SUBSCRIPTION_OK);
    /* Supervisors and the regional centre may look at the region, and not pick out a person. */
    ASSERT_EQ(verdict(&f, DSP, "mine", &of), SUBSCRIPTION_NOT_ALLOWED);
    ASSERT_EQ(verdict(&f, SELF, "mine", &of), SUBSCRIPTION_NOT_ALLOWED);
    ASSERT_EQ(verdict(&f, "min/rehsos", "mine", &of), SUBSCRIPTION_NOT_ALLOWED);
    ASSERT_EQ(verdict(&f, HOME, "mine", &of), SUBSCRIPTION_NOT_ALLOWED); /* it has its mailbox */

    Filter both = of;
    both.cases[both.n_cases++] = (Uuid) { { 7, 7 } };
    ASSERT_EQ(verdict(&f, SENDER, "both", &both), SUBSCRIPTION_NOT_ALLOWED);
    both = (Filter) { .n_cases = 1 }; /* the nil case would be a wildcard */
    ASSERT_EQ(verdict(&f, SENDER, "any", &both), SUBSCRIPTION_NOT_ALLOWED);

    (void)says_id(&f, opening(&f, SELF, SENDER));
    ASSERT_EQ(verdict(&f, SELF, "mine", &of), SUBSCRIPTION_OK); /* it serves the case now */
}

/* --- a scope that is lost -------------------------------------------------------------------- */

static void serve(Fixture *f, const char *region, bool inactive) {
    DirNode n = sample_node("u/new", NODE_UPT_BALAI, SELF);
    sample_area(&n, region, CLUSTER_ANY, 1);
    n.inactive = inactive;
    import_nodes(f, &n, 1);
}

static DeliveryRow copy_for(Fixture *f, const char *queue) {
    StoreOp *op = publish(f, message_to(f, HOME, (uint8_t)(f->n_ids + 1)));
    const QueueId id = queue_id(f, QUEUE_SUBSCRIPTION, queue, NULL);
    DeliveryRow row = { 0 };
    for (uint32_t i = 0; i < op->n_deposits; i++)
        if (op->deposits[i].row.queue == id)
            row = op->deposits[i].row;
    store_op_free(op);
    return row;
}

static bool is_readable(Fixture *f, const DeliveryRow *row) {
    StoreOp *op = bodies(f, row, QUEUE_SUBSCRIPTION);
    const struct BodyWanted *w = &op->bodies.wanted[0];
    const bool readable = w->body != NULL;
    ASSERT_TRUE(!w->damaged);
    store_op_free(op);
    return readable;
}

TEST(who_loses_a_scope_gets_no_more_copies_and_none_of_those_that_wait) {
    LAW_FIXTURE(f);
    serve(&f, "32", false);
    ASSERT_EQ(verdict(&f, "u/new", "all", &(Filter) { 0 }), SUBSCRIPTION_OK);
    ASSERT_EQ(verdict(&f, "u/new", "west", &(Filter) { .n_regions = 1, .regions = { "3203" } }),
              SUBSCRIPTION_OK);
    Message *m = message_to(&f, HOME, 1);
    write_envelope(m);
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->n_deposits, 3);
    const DeliveryRow row = op->deposits[1].row;
    store_op_free(op);
    ASSERT_TRUE(is_readable(&f, &row));

    serve(&f, "33", false); /* it serves another province now */
    ASSERT_EQ(copy_for(&f, "u/new all").seq, 0);
    ASSERT_TRUE(!is_readable(&f, &row));
    ASSERT_EQ(queued(&f, QUEUE_SUBSCRIPTION, "u/new all"), 0);
    ASSERT_EQ(verdict(&f, "u/new", "all", NULL), SUBSCRIPTION_OK);
    ASSERT_EQ(verdict(&f, "u/new", "west", NULL), SUBSCRIPTION_NOT_ALLOWED);
    serve(&f, "32", true);
    ASSERT_EQ(copy_for(&f, "u/new all").seq, 0);
    ASSERT_EQ(verdict(&f, "u/new", "all", NULL), SUBSCRIPTION_NOT_ALLOWED);
    assert_sound(&f);
}

TEST(what_was_sent_to_a_node_itself_is_read_whatever_its_scope) {
    LAW_FIXTURE(f);
    serve(&f, "32", false);
    ASSERT_EQ(verdict(&f, "u/new", "all", &(Filter) { 0 }), SUBSCRIPTION_OK);
    Message *m = message_to(&f, HOME, 1);
    also_to(m, "u/new");
    write_envelope(m);
    StoreOp *op = publish(&f, m);
    const DeliveryRow row = op->deposits[op->n_deposits - 1].row;
    store_op_free(op);
    ASSERT_EQ(row.queue, queue_id(&f, QUEUE_SUBSCRIPTION, "u/new all", NULL));
    ASSERT_EQ(row.flags & DELIVERY_FACTS_ONLY, 0);
    serve(&f, "33", false);
    ASSERT_TRUE(is_readable(&f, &row));
}

/* --- the key of whoever publishes ------------------------------------------------------------ */

static void curve_of(const char *name, char ret[static CURVE_TEXT_SIZE]) {
    memset(ret, 'k', CURVE_TEXT_SIZE - 1);
    memcpy(ret, name, strlen(name));
    ret[CURVE_TEXT_SIZE - 1] = '\0';
}

static DirKey key_of(const char *node) {
    DirKey k = { 0 };
    curve_of(node, k.curve);
    (void)text_copy(k.node, sizeof(k.node), node);
    return k;
}

static StoreOp *importing(const DirKey *k) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_keys = 1;
    op->import.keys = calloc(1, sizeof(DirKey));
    op->import.keys[0] = *k;
    return op;
}

static void import_key(Fixture *f, const DirKey *k) {
    StoreOp *op = importing(k);
    run(f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

static StoreOp *publishing(Message *m) {
    StoreOp *op = accept_op(m);
    curve_of(m->env.sender, op->accept.key);
    return op;
}

static const char *answer(Fixture *f, StoreOp *op) {
    run(f, op);
    const char *text = answer_text(op);
    store_op_free(op);
    return text;
}

static Rights to_publish(int kind, const char *region) {
    Rights r = { .n = 1, .list = { { .verb = RIGHT_PUBLISH, .any_kind = true } } };
    if (kind != 0)
        right_add_kind(&r.list[0], kind);
    (void)text_copy(r.list[0].region, REGION_SIZE, region);
    return r;
}

TEST(a_key_publishes_what_its_rights_cover) {
    FIXTURE(f);
    DirKey k = key_of(SENDER);
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "REFUSED NO_RIGHT"); /* unknown */
    import_key(&f, &k);
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "ACCEPTED");
    k.rights = to_publish(0, "33");
    import_key(&f, &k);
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "REFUSED NO_RIGHT");
    k.rights = to_publish(0, "3203");
    import_key(&f, &k);
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "ACCEPTED");
    k.rights = to_publish(KIND_COMPLAINT, "");
    import_key(&f, &k);
    StoreOp *op = publishing(message_to(&f, HOME, 1));
    run(&f, op);
    ASSERT_STR(answer_text(op), "REFUSED NO_RIGHT");
    const Reason *r = &op->accept.result.reasons->list[0];
    ASSERT_STR(r->text_en, "The key lacks the right: PUBLISH kind=1001 region=3203 SEND.");
    ASSERT_STR(r->text_id, "Kunci tidak memiliki hak: PUBLISH kind=1001 region=3203 SEND.");
    store_op_free(op);
    assert_sound(&f);
}

TEST(the_key_of_another_node_publishes_nothing) {
    FIXTURE(f);
    DirKey other = key_of("dsk/3204");
    import_key(&f, &other);
    StoreOp *op = accept_op(message_to(&f, HOME, 1));
    memcpy(op->accept.key, other.curve, sizeof(other.curve));
    ASSERT_STR(answer(&f, op), "REFUSED NO_RIGHT"); /* it was this node's when it came */
    /* Its own session, and another one's name on the envelope. */
    op = accept_op(message_to(&f, HOME, 1));
    memcpy(op->accept.key, other.curve, sizeof(other.curve));
    (void)text_copy(op->accept.authority, NODE_NAME_SIZE, "dsk/3204");
    ASSERT_STR(answer(&f, op), "REFUSED WRONG_SENDER");
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM message"), 0);
}

TEST(what_waits_behind_a_revocation_comes_too_late) {
    FIXTURE(f);
    DirKey k = key_of(SENDER);
    import_key(&f, &k);
    k.revoked = true;
    StoreOp *before = publishing(message_to(&f, HOME, 1)), *revoke = importing(&k),
            *behind = publishing(message_to(&f, HOME, 2));
    before->next = revoke;
    revoke->next = behind;
    run(&f, before);
    ASSERT_STR(answer_text(before), "ACCEPTED");
    ASSERT_STR(answer_text(behind), "REFUSED NO_RIGHT");
    ASSERT_EQ(behind->n_deposits, 0);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM message"), 1);
    const Uuid kept = id_of(1), freed = id_of(2);
    ASSERT_EQ(dedup_find(f.store, &kept, NULL), 1);
    ASSERT_EQ(dedup_find(f.store, &freed, NULL), 0);
    store_op_free(before);
    store_op_free(revoke);
    store_op_free(behind);
}

TEST(a_key_runs_out_by_the_clock) {
    FIXTURE(f);
    DirKey k = key_of(SENDER);
    k.valid_from_ms = f.now_ms + 10;
    k.valid_until_ms = f.now_ms + 20;
    import_key(&f, &k);
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "REFUSED NO_RIGHT");
    f.now_ms += 10;
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "ACCEPTED");
    f.now_ms += 10;
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "REFUSED NO_RIGHT");
}

/* Whoever asks again what became of it must not hear that nothing was stored. */
TEST(what_was_accepted_is_a_duplicate_whatever_the_key_may_today) {
    FIXTURE(f);
    DirKey k = key_of(SENDER);
    import_key(&f, &k);
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "ACCEPTED");
    k.rights = to_publish(KIND_COMPLAINT, "");
    import_key(&f, &k);
    f.n_ids = 0;
    ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "DUPLICATE");
}

TEST(a_link_of_a_revoked_broker_brings_nothing) {
    FIXTURE(f);
    DirKey k = key_of("hub");
    k.broker = true;
    import_key(&f, &k);
    StoreOp *op = link_op(message_to(&f, HOME, 1), "hub", HOME, f.now_ms);
    curve_of("hub", op->accept.key);
    ASSERT_STR(answer(&f, op), "ACCEPTED");
    k.revoked = true;
    import_key(&f, &k);
    op = link_op(message_to(&f, HOME, 1), "hub", HOME, f.now_ms);
    curve_of("hub", op->accept.key);
    ASSERT_STR(answer(&f, op), "REFUSED NO_RIGHT");
}

TEST(a_refusal_for_want_of_a_right_is_no_entry_of_its_own) {
    FIXTURE(f);
    DirKey k = key_of(SENDER);
    k.rights = to_publish(KIND_COMPLAINT, "");
    import_key(&f, &k);
    const int64_t blocks = number_now(&f, "SELECT count(*) FROM ledger");
    for (int i = 0; i < 100; i++)
        ASSERT_STR(answer(&f, publishing(message_to(&f, HOME, 1))), "REFUSED NO_RIGHT");
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM ledger"), blocks);
}

/* --- the key of whoever subscribes ----------------------------------------------------------- */

static StoreOp *subscribing(Fixture *f, const char *name, bool drop) {
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    (void)text_copy(op->subscription.owner, sizeof(op->subscription.owner), SENDER);
    (void)text_copy(op->subscription.name, sizeof(op->subscription.name), name);
    curve_of(SENDER, op->subscription.key);
    op->subscription.drop = drop;
    run(f, op);
    return op;
}

TEST(a_subscription_of_its_node_is_opened_and_dropped_by_a_key_with_the_right) {
    FIXTURE(f);
    const Filter wide = { 0 }, narrow = { .n_kinds = 1, .kinds = { KIND_COMPLAINT } };
    ASSERT_EQ(verdict(&f, SENDER, "wide", &wide), SUBSCRIPTION_OK);
    ASSERT_EQ(verdict(&f, SENDER, "narrow", &narrow), SUBSCRIPTION_OK);
    DirKey k = key_of(SENDER);
    k.rights = to_publish(0, "");
    k.rights.list[0].verb = RIGHT_SUBSCRIBE;
    right_add_kind(&k.rights.list[0], KIND_COMPLAINT);
    import_key(&f, &k);
    static const struct {
        const char *name;
        bool drop;
        int verdict;
    } steps[] = {
        { "wide", false, SUBSCRIPTION_NO_RIGHT },  { "wide", true, SUBSCRIPTION_NO_RIGHT },
        { "narrow", false, SUBSCRIPTION_OK },      { "narrow", true, SUBSCRIPTION_OK },
        { "narrow", false, SUBSCRIPTION_MISSING },
    };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        StoreOp *op = subscribing(&f, steps[i].name, steps[i].drop);
        ASSERT_EQ(op->subscription.verdict, steps[i].verdict);
        if (steps[i].verdict == SUBSCRIPTION_NO_RIGHT)
            ASSERT_STR(op->subscription.why, "SUBSCRIBE RECEIVE");
        if (steps[i].verdict == SUBSCRIPTION_OK && !steps[i].drop)
            ASSERT_TRUE(filter_equal(op->subscription.filter, &narrow));
        store_op_free(op);
    }
    k.revoked = true;
    k.rights = (Rights) { 0 }; /* that is all of them */
    import_key(&f, &k);
    StoreOp *op = subscribing(&f, "wide", false);
    ASSERT_EQ(op->subscription.verdict, SUBSCRIPTION_NO_RIGHT);
    ASSERT_STR(op->subscription.why, "a valid key");
    store_op_free(op);
    ASSERT_EQ(verdict(&f, SENDER, "wide", NULL), SUBSCRIPTION_OK); /* it is still there */
}

TEST_MAIN
