/* SPDX-License-Identifier: Apache-2.0 */

/*
 * At the very end, what the law made of the stories: on every broker the items, their timers and
 * counts are what the acts on record make of them, whatever happened to its disk; everything open
 * has a custodian; and brokers that did the same acts in the same order came to the same.
 */

#include "sim/items.h"
#include "sim/sim-world.h"
#include "store/refold.h"

static bool saw_the_same(const ItemView *a, const ItemView *b) {
    bool same = a->n == b->n;
    for (unsigned i = 0; same && i < a->n; i++)
        same =
            uuid_equal(&a->list[i].id, &b->list[i].id) && a->list[i].verdict == b->list[i].verdict;
    return same;
}

static void compare(World *w, unsigned one, unsigned other, ItemKind kind, const Uuid *id) {
    ItemView *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    char text[UUID_TEXT_SIZE];
    assert(a && b);
    uuid_format(id, text);
    const bool both = items_see(w->brokers[one].store, kind, id, a) &&
                      items_see(w->brokers[other].store, kind, id, b) && saw_the_same(a, b);
    const Item *x = &a->item, *y = &b->item;
    w->report->agreed += both;
    if (both && (x->state != y->state || strcmp(x->custodian, y->custodian) != 0 ||
                 x->n_early != y->n_early))
        world_wrong(w, "%s %s is %s of %s on %s, %s of %s on %s", item_kind_name((int)kind), text,
                    item_state_name((int)kind, x->state), x->custodian, w->brokers[one].name,
                    item_state_name((int)kind, y->state), y->custodian, w->brokers[other].name);
    free(a);
    free(b);
}

/* What a story is about, on every broker as on its first speaker's. */
static void check_story(World *w, const Parcel *first) {
    static const ItemKind kinds[] = { ITEM_REFERRAL, ITEM_COMPLAINT, ITEM_EVENT };
    const unsigned home = w->clients[first->client].broker;
    for (unsigned b = 0; b < w->n_brokers; b++) {
        if (b == home)
            continue;
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
            compare(w, home, b, kinds[k], &first->id);
        compare(w, home, b, ITEM_CASE, &first->order_key);
    }
}

typedef struct Listener {
    World *w;
    SimBroker *sb;
} Listener;

static void on_difference(void *data, const char *line) {
    const Listener *l = data;
    /* The timers of who moved stay where they were until its item changes. */
    if (l->w->mover.any && strstr(line, ": timer "))
        return;
    world_wrong(l->w, "refold of %s: %s", l->sb->name, line);
}

static void fold(World *w, SimBroker *sb) {
    char why[256] = "";
    RefoldReport report;
    StoreConfig sc;
    Listener l = { w, sb };
    sim_broker_config(w, sb, &sc);
    sb->broker = broker_free(sb->broker);
    broker_batch_free(sb->batch);
    broker_batch_free(sb->unsynced);
    sb->batch = sb->unsynced = NULL;
    sb->store = store_close(sb->store);
    int r = store_refold(&sc, "refold.db", false, &report, on_difference, &l, why);
    if (r < 0)
        world_wrong(w, "refold of %s: %s (%d)", sb->name, why, r);
    else if (report.unread > 0)
        world_wrong(w, "refold of %s: %u acts cannot be read", sb->name, (unsigned)report.unread);
}

void law_check(World *w) {
    for (unsigned i = 0; i < w->n_brokers; i++)
        if (!w->brokers[i].broker)
            return; /* that is said elsewhere */
    for (const Parcel *i = w->items; i; i = i->hh.next)
        if (i->story == i)
            check_story(w, i);
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        const unsigned acts = items_count_acts(sb->store), orphans = items_count_orphans(sb->store);
        w->report->acts += acts;
        if (orphans > 0)
            world_wrong(w, "%s: nobody answers for %u items", sb->name, orphans);
        if (items_count_dropped(sb->store) != 0)
            world_wrong(w, "%s: early acts are held that nobody waits for, or not held", sb->name);
        if (acts > 0)
            fold(w, sb);
    }
}
