/* SPDX-License-Identifier: Apache-2.0 */

/*
 * In some worlds one node moves to other brokers: the directory says so, and a moment later its
 * programs go there. It sends nothing itself, for what became of that would be known by two
 * brokers. It has no copies, and there are no events: who is in a scope is asked of each broker's
 * own directory, and those differ for a while.
 */

#include "sim/sim-world.h"

#define ASK_MS   700 /* between two looks whether the hub has it */
#define MOVES    3U
#define FIRST_MS 400

static const SimClient *mover(const World *w) {
    return &w->clients[w->mover.node];
}

bool move_is_of(const World *w, unsigned node) {
    return w->mover.any && w->mover.node == node;
}

void move_draw(World *w) {
    Dice d = dice_for(w->config->seed, DICE_MOVE, 0);
    w->mover.any = dice_once_in(&d, 3) && w->n_nodes - w->n_brokers > 1;
    w->mover.node = dice_below(&d, w->n_nodes - w->n_brokers);
    w->mover.left = 1 + dice_below(&d, MOVES);
    w->mover.to = w->clients[w->mover.node].broker;
    w->mover.dice = d;
    if (!w->mover.any)
        return;
    w->clients[w->mover.node].copies.wanted = false;
    agenda_add(&w->agenda, FIRST_MS + dice_below(&d, 4000), EVENT_MOVE, 0, 0);
}

static bool hub_has_it(const World *w) {
    if (!w->brokers[0].broker)
        return false;
    _cleanup_(directory_unrefp) Directory *d = store_directory(w->brokers[0].store);
    const DirNode *n = directory_node(d, mover(w)->name);
    return n && strcmp(n->home, w->brokers[w->mover.to].name) == 0;
}

/* Its programs: the node's first, and its second if it has one. */
static void go(World *w) {
    for (unsigned i = 0; i < w->n_clients; i++) {
        SimClient *c = &w->clients[i];
        if (c->node != w->mover.node || c->broker == w->mover.to)
            continue;
        c->broker = w->conns[i].listener = w->mover.to;
        net_cut(w, i, dice_once_in(&w->mover.dice, 2) ? NET_CUT_SEEN : NET_CUT_DIALLER);
    }
}

static void decide(World *w) {
    const unsigned now = w->mover.to;
    w->mover.left--;
    w->mover.to = (now + 1 + dice_below(&w->mover.dice, w->n_brokers - 1)) % w->n_brokers;
    world_note(w, mover(w)->name, "moves from %s to %s", w->brokers[now].name,
               w->brokers[w->mover.to].name);
    TELL(w, .phase = HISTORY_INFO, .op = HISTORY_MOVE, .who = w->brokers[w->mover.to].name,
         .recipient = mover(w)->name);
    agenda_add(&w->agenda, w->now_ms + dice_below(&w->mover.dice, 3000), EVENT_MOVE, 2, 0);
    agenda_add(&w->agenda, w->now_ms + 1, EVENT_MOVE, 1, 0);
}

/* Until the hub has it on disk: it may die before. */
static void tell_hub(World *w) {
    if (!hub_has_it(w)) {
        operator_moves(w, mover(w)->name, w->brokers[w->mover.to].name);
        agenda_add(&w->agenda, w->now_ms + ASK_MS, EVENT_MOVE, 1, 0);
    } else if (w->mover.left > 0 && !is_calm(w)) {
        agenda_add(&w->agenda, w->now_ms + 200 + dice_below(&w->mover.dice, 8000), EVENT_MOVE, 0,
                   0);
    }
}

void move_event(World *w, const Happening *e) {
    if (e->index == 0)
        decide(w);
    else if (e->index == 1)
        tell_hub(w);
    else
        go(w);
}
