/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "sim/sim-world.h"

void sim_wrong(World *w, unsigned *counter, const char *format, ...) {
    va_list ap;
    (*counter)++;
    if (w->report->first[0])
        return;
    va_start(ap, format);
    (void)vsnprintf(w->report->first, sizeof(w->report->first), format, ap);
    va_end(ap);
}

static Table *ask(World *w, SimBroker *sb, const char *verb, const char *arg) {
    StoreOp *op = store_op_new(OP_QUERY);
    assert(op);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), verb);
    if (arg) {
        op->query.args[0] = strdup(arg);
        op->query.n_args = 1;
    }
    int r = store_run(sb->store, op, now_of(w).wall_ms);
    assert(r == 0);
    Table *t = op->query.table;
    op->query.table = NULL;
    (void)store_op_free(op);
    return t;
}

static int column(const Table *t, const char *name) {
    for (uint32_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* The outcome of one message for one recipient as a broker has it; "" when it has none. */
static void outcome_at(World *w, unsigned broker, const Item *i, unsigned k, char ret[static 32]) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&i->id, id);
    Table *t = ask(w, &w->brokers[broker], "outcome", id);
    int level = column(t, "level"), to = column(t, "recipient");
    unsigned n = 0;
    ret[0] = '\0';
    for (uint32_t r = 0; t->code == 0 && level >= 0 && to >= 0 && r < table_rows(t); r++) {
        if (strcmp(table_cell(t, r, (uint32_t)to), w->clients[i->recipients[k]].name) != 0)
            continue;
        (void)text_copy(ret, 32, table_cell(t, r, (uint32_t)level));
        n++;
    }
    if (n > 1 || (t->code == 0 && table_rows(t) > i->n_recipients))
        sim_wrong(w, &w->report->wrong_outcomes, "%s has %u outcomes of %s",
                  w->brokers[broker].name, n, id);
    (void)table_free(t);
}

/* An accepted message has one outcome for each recipient. The broker of its sender, the sender
 * itself, the broker of the recipient (if it came so far) and the recipient agree on it. */
static void check_item(World *w, const Item *i, unsigned k) {
    char here[32], there[32];
    const SimClient *to = &w->clients[i->recipients[k]];
    outcome_at(w, w->clients[i->client].broker, i, k, here);
    outcome_at(w, to->broker, i, k, there);
    bool collected = strcmp(here, "COLLECTED") == 0;
    bool may_end = i->expires_ms > 0 || i->withdrawn;
    if (strcmp(here, receipt_level_name(i->told[k])) != 0 || (there[0] && strcmp(here, there) != 0))
        sim_wrong(
            w, &w->report->wrong_outcomes,
            "message %u of case %u of %s to %s: the sender's broker says '%s', the recipient's "
            "'%s', the receipt '%s'",
            i->number, i->cas, w->clients[i->client].name, to->name, here, there,
            receipt_level_name(i->told[k]));
    if (collected ? !i->settled[k] || strcmp(there, here) != 0 : !may_end || i->confirmed[k])
        sim_wrong(w, &w->report->lost, "message %u of case %u of %s to %s: %s, seen %u%s",
                  i->number, i->cas, w->clients[i->client].name, to->name, here, i->seen[k],
                  i->confirmed[k] ? ", settled" : "");
    w->report->receipts++;
    w->report->ended += !collected;
}

/* Both ends of a link have counted the same, and nothing waits in any queue. */
static void check_links(World *w) {
    Table *up[BROKERS_MAX] = { NULL };
    for (unsigned i = 0; i < w->n_brokers; i++) {
        up[i] = ask(w, &w->brokers[i], "links", NULL);
        Table *q = ask(w, &w->brokers[i], "queues", NULL);
        int waiting = column(q, "waiting");
        for (uint32_t r = 0; waiting >= 0 && r < table_rows(q); r++)
            if (strcmp(table_cell(q, r, (uint32_t)waiting), "0") != 0)
                sim_wrong(w, &w->report->undrained, "%s: %s wait in %s", w->brokers[i].name,
                          table_cell(q, r, (uint32_t)waiting), table_cell(q, r, 1));
        if (waiting < 0)
            sim_wrong(w, &w->report->undrained, "no queues of %s", w->brokers[i].name);
        (void)table_free(q);
    }
    static const char *const pairs[][2] = { { "sent_count", "received_count" },
                                            { "sent_digest", "received_digest" },
                                            { "received_count", "sent_count" },
                                            { "received_digest", "sent_digest" } };
    for (unsigned i = 1; i < w->n_brokers; i++)
        for (uint32_t r = 0; r < table_rows(up[0]); r++)
            for (size_t p = 0; p < ARRAY_SIZE(pairs); p++) {
                int a = column(up[0], pairs[p][0]), b = column(up[i], pairs[p][1]);
                if (strcmp(table_cell(up[0], r, 0), w->brokers[i].name) != 0 || a < 0 || b < 0)
                    continue;
                if (table_rows(up[i]) != 1 || strcmp(table_cell(up[0], r, (uint32_t)a),
                                                     table_cell(up[i], 0, (uint32_t)b)) != 0)
                    sim_wrong(w, &w->report->lost, "link of %s: %s of the parent differs",
                              w->brokers[i].name, pairs[p][0]);
            }
    for (unsigned i = 0; i < w->n_brokers; i++)
        (void)table_free(up[i]);
}

void sim_check(World *w) {
    for (Item *i = w->items; i; i = i->hh.next) {
        Item *of = uuid_is_nil(&i->recalled) ? NULL : item_find(w, &i->recalled);
        if (of && i->accepted)
            of->withdrawn = true;
    }
    for (Item *i = w->items; i; i = i->hh.next)
        for (unsigned k = 0; i->accepted && k < i->n_recipients; k++)
            check_item(w, i, k);
    check_links(w);
    for (unsigned i = 0; i < w->n_brokers; i++) {
        Table *t = ask(w, &w->brokers[i], "check", NULL);
        for (uint32_t r = 0; r < table_rows(t); r++) {
            const char *cell = table_cell(t, r, t->n_columns - 1);
            if (w->config->verbose)
                fprintf(stderr, "check %s: %s %s\n", w->brokers[i].name, table_cell(t, r, 0), cell);
        }
        if (t->code != 0)
            sim_wrong(w, &w->report->wrong_outcomes, "check of %s: %s", w->brokers[i].name,
                      t->text);
        (void)table_free(t);
    }
}
