/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Faults: a list drawn from the seed before anything happens. Each has dice of its own for whom it
 * strikes and how, so that the others stay what they are when one is left out.
 */

#include "sim/sim-world.h"

typedef enum FaultKind {
    FAULT_CUT = 0, /* of a connection, with all that is in it */
    FAULT_SILENCE, /* a connection is half open: it seems to stand */
    FAULT_STALL,   /* one way or both: what is sent waits */
    FAULT_ISLAND,  /* all connections of a broker */
    FAULT_SLOW_LINE,
    FAULT_DEATH,       /* of a broker's process or machine, between two turns */
    FAULT_DEATH_AT,    /* at the n-th change it makes on its disk */
    FAULT_DEATH_START, /* now, and again when it has hardly started */
    FAULT_EIO,         /* the n-th read, write, sync or truncation fails */
    FAULT_NO_ROOM,     /* the n-th write finds no room */
    FAULT_DISK_FULL,   /* others fill the disk, and make room again */
    FAULT_SLOW_DISK,
    FAULT_CLOCK,    /* a broker's wall clock is set, a day at most */
    FAULT_LEFTOVER, /* a sync fails, or the process dies in it; later the power goes */
    FAULT_OPERATOR, /* somebody looks after the dead letters */
    FAULT_STOP,     /* in order, and started again */
    FAULT_KINDS,
} FaultKind;

const char *fault_name(unsigned kind) {
    static const char *const names[FAULT_KINDS] = {
        "cut",      "silence",     "stall",    "island",  "slow-line", "death",
        "death-at", "death-start", "eio",      "no-room", "disk-full", "slow-disk",
        "clock",    "leftover",    "operator", "stop",
    };
    return kind < FAULT_KINDS ? names[kind] : "calm";
}

void faults_draw(World *w) {
    Dice d = dice_for(w->config->seed, DICE_FAULT, UINT_MAX);
    unsigned kinds[FAULT_KINDS], n = 0;
    for (unsigned k = 0; k < FAULT_KINDS; k++) /* some kinds only: each world has its own plague */
        if (dice_once_in(&d, 2))
            kinds[n++] = k;
    if (n == 0)
        kinds[n++] = dice_below(&d, FAULT_KINDS);
    w->n_faults = w->report->n_faults = w->profile.n_faults;
    w->calm_ms = w->profile.faults_ms + 2000;
    for (unsigned i = 0; i < w->n_faults; i++) {
        SimFault *f = &w->faults[i];
        f->dice = dice_for(w->config->seed, DICE_FAULT, i);
        f->kind = w->config->disk != SIM_DISK_HONEST ? (unsigned)FAULT_DEATH
                                                     : kinds[dice_below(&f->dice, n)];
        f->at_ms = 300 + dice_below(&f->dice, (unsigned)w->profile.faults_ms);
        if (f->kind == FAULT_OPERATOR) /* when there is something to look at */
            f->at_ms += w->profile.faults_ms / 2;
        f->end_ms = f->at_ms + 50 + dice_below(&f->dice, dice_once_in(&f->dice, 8) ? 40000 : 4000);
        w->calm_ms = MAX(w->calm_ms, f->end_ms + 1);
        if (!w->config->only_given || w->config->only[i])
            agenda_add(&w->agenda, f->at_ms, EVENT_FAULT, i, 0);
    }
    agenda_add(&w->agenda, w->calm_ms, EVENT_FAULT, w->n_faults, 0);
}

/* --- the network --- */

static void stall(World *w, const SimFault *f, unsigned conn, unsigned ways) {
    Conn *c = &w->conns[conn];
    for (Way way = WAY_UP; way <= WAY_DOWN; way++)
        if (ways & 1U << way)
            c->stalled_ms[way] = MAX(c->stalled_ms[way], f->end_ms);
    if (ways == 3)
        c->blocked_ms = MAX(c->blocked_ms, f->end_ms);
}

static void island(World *w, const SimFault *f, unsigned broker) {
    for (unsigned i = 0; i < w->n_conns; i++)
        if (w->conns[i].listener == broker ||
            (!w->conns[i].is_client && w->conns[i].dialler == broker))
            stall(w, f, i, 3);
}

/* Links are few and worth more trouble than clients. */
static unsigned some_conn(const World *w, SimFault *f) {
    const unsigned links = w->n_brokers - 1;
    if (dice_once_in(&f->dice, 2))
        return w->n_conns - 1 - dice_below(&f->dice, links);
    return dice_below(&f->dice, w->n_conns);
}

/* --- brokers and disks --- */

static void arm(SimBroker *sb, SimFault *f, DiskTrouble what, unsigned kinds, unsigned within) {
    disk_arm(sb->disk, what, kinds, 1 + dice_below(&f->dice, within));
}

static DiskTrouble some_death(const World *w, SimFault *f) {
    return dice_below(&f->dice, 100) < w->profile.power_of_100 ? DISK_POWER : DISK_CRASH;
}

static void set_clock(World *w, SimBroker *sb, SimFault *f) {
    f->was_ms = sb->wall_off_ms;
    sb->wall_off_ms = dice_between(&f->dice, -DAY_MS, DAY_MS);
    w->far_ms = MAX(w->far_ms, DAY_MS + HOUR_MS);
}

static void strike_broker(World *w, SimBroker *sb, SimFault *f) {
    static const unsigned calls[] = { DISK_READ, DISK_WRITE, DISK_SYNC, DISK_TRUNCATE };
    switch ((FaultKind)f->kind) {
    case FAULT_DEATH:
        sim_broker_die(w, sb, some_death(w, f));
        break;
    case FAULT_DEATH_AT:
        arm(sb, f, some_death(w, f), DISK_CHANGES, 40);
        break;
    case FAULT_DEATH_START:
        sim_broker_die(w, sb, some_death(w, f));
        arm(sb, f, some_death(w, f), DISK_CHANGES, 30);
        break;
    case FAULT_EIO: {
        const unsigned which = dice_below(&f->dice, ARRAY_SIZE(calls));
        arm(sb, f, DISK_EIO, calls[which], calls[which] == DISK_SYNC ? 6 : 25);
        break;
    }
    case FAULT_NO_ROOM:
        arm(sb, f, DISK_FULL, DISK_WRITE, 25);
        break;
    case FAULT_DISK_FULL: {
        const uint64_t left =
            dice_once_in(&f->dice, 2) ? dice_below(&f->dice, 4096) : dice_below(&f->dice, 9 << 20);
        uint64_t total, room;
        (void)disk_hooks(sb->disk)->space(sb->disk, &total, &room);
        disk_set_others(sb->disk, room > left ? room - left : 0);
        break;
    }
    case FAULT_SLOW_DISK:
        disk_set_slow(sb->disk, 50 + dice_below(&f->dice, 1500));
        break;
    case FAULT_CLOCK:
        set_clock(w, sb, f);
        break;
    case FAULT_LEFTOVER:
        arm(sb, f, dice_once_in(&f->dice, 2) ? DISK_EIO : DISK_CRASH, DISK_SYNC, 6);
        break;
    case FAULT_OPERATOR:
        operator_asks(w, sb, f->dice);
        break;
    default:
        sim_broker_stop(w, sb);
        break;
    }
}

static bool strike(World *w, SimFault *f) {
    SimBroker *sb = &w->brokers[dice_below(&f->dice, w->n_brokers)];
    const unsigned conn = some_conn(w, f);
    switch ((FaultKind)f->kind) {
    case FAULT_CUT:
        net_cut(w, conn, dice_once_in(&f->dice, 2) ? NET_CUT_SEEN : NET_CUT_DIALLER);
        break;
    case FAULT_SILENCE:
        net_cut(w, conn, NET_CUT_SILENT);
        break;
    case FAULT_STALL:
        stall(w, f, conn, 1 + dice_below(&f->dice, 3));
        break;
    case FAULT_ISLAND:
        island(w, f, (unsigned)(sb - w->brokers));
        break;
    case FAULT_SLOW_LINE:
        w->conns[conn].slow_ms = f->end_ms;
        break;
    default:
        if (!sb->broker)
            return false;
        f->broker = (unsigned)(sb - w->brokers);
        if (f->kind == FAULT_DISK_FULL || f->kind == FAULT_SLOW_DISK || f->kind == FAULT_LEFTOVER ||
            (f->kind == FAULT_CLOCK && dice_once_in(&f->dice, 2)))
            agenda_add(&w->agenda, f->end_ms, EVENT_FAULT_END, (unsigned)(f - w->faults), 0);
        strike_broker(w, sb, f);
        break;
    }
    return true;
}

static void calm_down(World *w) {
    world_note(w, "-", "from now on all is well");
    for (unsigned i = 0; i < w->n_brokers; i++) {
        disk_arm(w->brokers[i].disk, DISK_FINE, 0, 0);
        disk_set_others(w->brokers[i].disk, 0);
        disk_set_slow(w->brokers[i].disk, 0);
    }
    for (unsigned i = 0; i < w->n_clients; i++)
        client_wake(w, &w->clients[i], w->now_ms + 1);
}

static void end(World *w, const SimFault *f) {
    SimBroker *sb = &w->brokers[f->broker];
    switch ((FaultKind)f->kind) {
    case FAULT_DISK_FULL:
        disk_set_others(sb->disk, 0);
        break;
    case FAULT_SLOW_DISK:
        disk_set_slow(sb->disk, 0);
        break;
    case FAULT_CLOCK: /* somebody saw the mistake */
        sb->wall_off_ms = f->was_ms;
        break;
    default:
        if (sb->broker)
            sim_broker_die(w, sb, DISK_POWER);
        break;
    }
}

void fault_event(World *w, const Happening *e) {
    if (e->kind == EVENT_FAULT_END) {
        end(w, &w->faults[e->index]);
        return;
    }
    if (e->index == w->n_faults) {
        calm_down(w);
        return;
    }
    SimFault *f = &w->faults[e->index];
    operator_edits(w, f->dice);
    world_note(w, "-", "fault %u: %s, until %lld", e->index, fault_name(f->kind),
               (long long)f->end_ms);
    w->report->happened[e->index] = strike(w, f);
}
