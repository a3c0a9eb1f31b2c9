/* SPDX-License-Identifier: Apache-2.0 */

/*
 * At the end: is everything drained; what the stores say of every outcome, for the judge of the
 * history; and what he cannot see: both ends of a link have counted the same, the stores hold
 * together, named subscriptions had their copies.
 */

#include "sim/sim-world.h"

static Table *ask(World *w, SimBroker *sb, const char *verb, const char *arg) {
    _cleanup_(store_op_freep) StoreOp *op = store_op_new(OP_QUERY);
    assert(op);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), verb);
    op->query.limit = 10000;
    if (arg) {
        op->query.args[0] = strdup(arg);
        op->query.n_args = 1;
    }
    sim_broker_ask(w, sb, op);
    return TAKE_PTR(op->query.table);
}

static const char *cell(const Table *t, uint32_t row, const char *name) {
    for (uint32_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return table_cell(t, row, i);
    return "";
}

/* --- drained --- */

static bool queues_are_empty(World *w, SimBroker *sb, bool tell) {
    bool empty = true;
    _cleanup_(table_freep) Table *t = ask(w, sb, "queues", NULL);
    for (uint32_t r = 0; t && r < table_rows(t); r++) {
        if (strcmp(cell(t, r, "waiting"), "0") == 0)
            continue;
        empty = false;
        if (tell)
            world_wrong(w, "%s: %s wait in %s %s", sb->name, cell(t, r, "waiting"),
                        table_cell(t, r, 0), table_cell(t, r, 1));
    }
    return empty && t;
}

static bool clients_are_done(World *w, bool tell) {
    bool done = true;
    for (unsigned i = 0; i < w->n_clients && (done || tell); i++) {
        const SimClient *c = &w->clients[i];
        unsigned waiting = 0;
        for (unsigned k = 0; k < c->n_items; k++)
            waiting += !c->items[k]->accepted && !c->items[k]->refused;
        if (c->open && waiting == 0 && !c->held)
            continue;
        done = false;
        if (tell)
            world_wrong(w, "%s: %s, %u messages not answered%s", c->who,
                        c->open ? "connected" : "not connected", waiting,
                        c->held ? ", something not settled" : "");
    }
    return done;
}

bool world_is_done(World *w, bool tell) {
    bool done = true;
    for (unsigned i = 0; i < w->n_conns; i++)
        done = done && w->conns[i].now;
    for (unsigned i = 0; i < w->n_brokers; i++)
        done = done && w->brokers[i].broker;
    if (!done && !tell)
        return false;
    done = clients_are_done(w, tell) && done;
    for (unsigned i = 0; i < w->n_brokers && (done || tell); i++)
        if (w->brokers[i].broker && !queues_are_empty(w, &w->brokers[i], tell))
            done = false;
    return done;
}

/* --- outcomes and dead letters, for the history --- */

static void tell_outcomes(World *w, SimBroker *sb, const Parcel *i) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&i->id, id);
    _cleanup_(table_freep) Table *t = ask(w, sb, "outcome", id);
    if (!t || t->code != 0)
        return;
    TELL(w, .phase = HISTORY_INVOKE, .op = HISTORY_OUTCOME, .who = sb->name, .id = i->id);
    for (uint32_t r = 0; r < table_rows(t); r++) {
        const char *cause = cell(t, r, "cause");
        if (!parcel_names(w, i, cell(t, r, "recipient")))
            continue;
        TELL(w, .phase = HISTORY_OK, .op = HISTORY_OUTCOME, .who = sb->name, .id = i->id,
             .recipient = cell(t, r, "recipient"), .word = cell(t, r, "level"),
             .cause = cause[0] ? cause : NULL);
    }
}

static void tell_all_outcomes(World *w, const Parcel *i) {
    uint64_t asked = 0;
    const unsigned home = w->clients[i->client].broker;
    tell_outcomes(w, &w->brokers[home], i);
    asked |= UINT64_C(1) << home;
    for (unsigned k = 0; k < i->n_to; k++) {
        const unsigned b = w->clients[i->to[k]].broker;
        if (!(asked >> b & 1))
            tell_outcomes(w, &w->brokers[b], i);
        asked |= UINT64_C(1) << b;
    }
}

static void copy_is_dead(World *w, const Uuid *id, const char *owner) {
    for (unsigned i = 0; i < w->n_nodes; i++)
        if (strcmp(w->clients[i].name, owner) == 0)
            copy_note(w, &w->clients[i], id);
}

bool dead_is_judged(World *w, const Uuid *id, const char *recipient) {
    const Parcel *i = parcel_find(w, id);
    return !notice_was_told(w, id) && (!i || parcel_names(w, i, recipient));
}

static void tell_dead(World *w, SimBroker *sb) {
    _cleanup_(table_freep) Table *t = ask(w, sb, "dead-list", NULL);
    if (!t || t->code != 0)
        return;
    TELL(w, .phase = HISTORY_INVOKE, .op = HISTORY_DEAD, .who = sb->name);
    for (uint32_t r = 0; r < table_rows(t); r++) {
        Uuid id;
        if (uuid_parse(cell(t, r, "message_id"), &id) < 0 ||
            !dead_is_judged(w, &id, cell(t, r, "recipient")))
            continue;
        if (text_starts_with(cell(t, r, "queue"), "subscription")) { /* nobody is told of those */
            copy_is_dead(w, &id, cell(t, r, "recipient"));
            continue;
        }
        const char *cause = cell(t, r, "cause");
        TELL(w, .phase = HISTORY_OK, .op = HISTORY_DEAD, .who = sb->name, .id = id,
             .recipient = cell(t, r, "recipient"), .cause = cause[0] ? cause : NULL);
    }
}

/* --- links --- */

static void check_link(World *w, unsigned child) {
    static const char *const pairs[][2] = { { "sent_count", "received_count" },
                                            { "sent_digest", "received_digest" },
                                            { "received_count", "sent_count" },
                                            { "received_digest", "sent_digest" } };
    SimBroker *sb = &w->brokers[child], *parent = &w->brokers[sb->parent];
    _cleanup_(table_freep) Table *up = ask(w, sb, "links", NULL);
    _cleanup_(table_freep) Table *down = ask(w, parent, "links", NULL);
    for (uint32_t r = 0; up && r < table_rows(up); r++)
        for (uint32_t k = 0; down && k < table_rows(down); k++)
            for (size_t p = 0; p < ARRAY_SIZE(pairs); p++)
                if (strcmp(table_cell(up, r, 0), parent->name) == 0 &&
                    strcmp(table_cell(down, k, 0), sb->name) == 0 &&
                    strcmp(cell(up, r, pairs[p][0]), cell(down, k, pairs[p][1])) != 0)
                    world_wrong(w, "link of %s: %s %s, of its parent %s %s", sb->name, pairs[p][0],
                                cell(up, r, pairs[p][0]), pairs[p][1], cell(down, k, pairs[p][1]));
}

static void check_store(World *w, SimBroker *sb) {
    _cleanup_(table_freep) Table *t = ask(w, sb, "check", NULL);
    if (!t || t->code == 0)
        return;
    for (uint32_t r = 0; r < table_rows(t); r++)
        world_wrong(w, "check of %s: %s %s %s", sb->name, table_cell(t, r, 0), table_cell(t, r, 2),
                    table_cell(t, r, 3));
}

/* --- named subscriptions --- */

static unsigned depth_of(const World *w, unsigned b) {
    unsigned n = 0;
    for (; b > 0; b = w->brokers[b].parent)
        n++;
    return n;
}

/* Does the way from broker a to broker b lead over `over`? */
static bool leads_over(const World *w, unsigned a, unsigned b, unsigned over) {
    while (a != b) {
        if (a == over || b == over)
            return true;
        if (depth_of(w, a) >= depth_of(w, b))
            a = w->brokers[a].parent;
        else
            b = w->brokers[b].parent;
    }
    return a == over;
}

/* When it was accepted; not because an operator redirected it there. */
static bool is_named(const Parcel *i, unsigned node) {
    for (unsigned k = 0; k < i->n_to - i->n_instead; k++)
        if (i->to[k] == node)
            return true;
    return false;
}

static bool copy_is_due(const World *w, const SimClient *c, const Parcel *i) {
    const bool mine = is_named(i, c->node);
    if (i->delicate && !mine) /* whom it is about is not known everywhere */
        return false;
    if (!i->accepted || i->kind == PARCEL_RECALL || i->sent_ms <= c->copies.made_ms ||
        i->expires_ms > 0 || i->withdrawn)
        return false;
    if (c->copies.filter.n_urgencies > 0 && i->urgency != URGENCY_ROUTINE)
        return false;
    if (c->copies.filter.n_regions > 0 && !text_starts_with(i->region, c->copies.filter.regions[0]))
        return false;
    if (!mine && strcmp(c->name, "hub") != 0 && !text_starts_with(i->region, c->region))
        return false;
    for (unsigned k = 0; k < i->n_to - i->n_instead; k++)
        if (!move_is_of(w, i->to[k]) &&
            leads_over(w, w->clients[i->client].broker, w->clients[i->to[k]].broker, c->broker))
            return true;
    return false;
}

static void check_copies(World *w, const SimClient *c) {
    if (!c->copies.made || w->profile.quota < 1000)
        return;
    for (const Parcel *i = w->items; i; i = i->hh.next) {
        Copy *copy = NULL, key = { .key = { .id = i->id, .client = c->node } };
        char id[UUID_TEXT_SIZE];
        HASH_FIND(hh, w->copies, &key.key, sizeof(key.key), copy);
        uuid_format(&i->id, id);
        if (!copy && copy_is_due(w, c, i))
            world_wrong(w, "%s never got its copy of %s", c->who, id);
    }
}

/* What an operator would ask. */
static void print_trace(World *w, SimBroker *sb) {
    _cleanup_(table_freep) Table *t = ask(w, sb, "trace", w->config->trace);
    printf("trace of %s: %s\n", sb->name, t ? t->text : "");
    for (uint32_t r = 0; t && r < table_rows(t); r++) {
        for (uint32_t k = 0; k < t->n_columns; k++)
            printf(" %s", table_cell(t, r, k));
        printf("\n");
    }
}

/* What the hub signed last is in force everywhere. */
static void check_directory(World *w, SimBroker *sb) {
    _cleanup_(directory_unrefp) Directory *hubs = store_directory(w->brokers[0].store);
    _cleanup_(directory_unrefp) Directory *its = store_directory(sb->store);
    const DirHead *want = directory_head(hubs), *have = directory_head(its);
    if (!want || !have || want->version != have->version ||
        !tree_hash_equal(&want->root, &have->root))
        world_wrong(w, "%s has directory version %llu, the hub signed %llu", sb->name,
                    (unsigned long long)(have ? have->version : 0),
                    (unsigned long long)(want ? want->version : 0));
}

void world_check(World *w) {
    for (unsigned i = 0; w->config->trace && i < w->n_brokers; i++)
        if (w->brokers[i].broker)
            print_trace(w, &w->brokers[i]);
    for (const Parcel *i = w->items; i; i = i->hh.next)
        if (i->accepted && i->kind != PARCEL_RECALL)
            tell_all_outcomes(w, i);
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        if (!sb->broker) {
            world_wrong(w, "%s is still down", sb->name);
            continue;
        }
        tell_dead(w, sb);
        check_store(w, sb);
        if (w->brokers[0].broker)
            check_directory(w, sb);
        if (i > 0 && w->brokers[sb->parent].broker)
            check_link(w, i);
    }
    for (unsigned i = 0; i < w->n_nodes; i++)
        check_copies(w, &w->clients[i]);
}
