/* SPDX-License-Identifier: Apache-2.0 */

/*
 * At the end, the ledgers: whatever happened to a broker and its disk, its ledger is one whole
 * chain, and it tells the same ends as the outcomes do: of each message and recipient the same one,
 * once. They are two books, written in the same transactions.
 */

#include "sim/ledgers.h"
#include "sim/sim-world.h"

typedef struct Listener {
    World *w;
    SimBroker *sb;
} Listener;

static void on_difference(void *data, const char *line) {
    const Listener *l = data;
    world_wrong(l->w, "ledger of %s: %s", l->sb->name, line);
}

void ledgers_check(World *w) {
    for (unsigned i = 0; i < w->n_brokers; i++) {
        Listener l = { w, &w->brokers[i] };
        if (l.sb->broker)
            w->report->entries += ledgers_compare(l.sb->store, on_difference, &l);
    }
}
