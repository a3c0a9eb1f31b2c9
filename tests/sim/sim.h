/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A world of brokers and clients in one process, from one seed: the real broker, core, wire and
 * store code over a virtual clock, a virtual network and virtual disks. What kind of world it is
 * (how many, how fast, which troubles) is drawn from the seed, too.
 *
 * Faults are drawn up front as a list. Leaving some of them out leaves the others as they are, so a
 * failing world can be made smaller (sim-shrink.c). When all are over everything must drain; then
 * the history of what clients saw is judged (tests/history), and the stores are looked into
 * (sim-check.c).
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SIM_FAULTS_MAX 256U

typedef enum SimDiskKind {
    SIM_DISK_HONEST = 0,
    SIM_DISK_LIES,   /* negative control: syncs do not reach it at once */
    SIM_DISK_NORMAL, /* negative control: synchronous=NORMAL */
} SimDiskKind;

typedef struct SimConfig {
    uint64_t seed;
    unsigned regionals, clients, messages; /* overall most; 0 = by the seed */
    unsigned faults;                       /* so many; UINT_MAX = by the seed */
    bool only_given;                       /* only the faults in `only` happen */
    bool only[SIM_FAULTS_MAX];
    SimDiskKind disk;
    bool verbose;
    const char *history; /* file to save it in, or NULL */
    const char *trace;   /* an id: what every broker knows of it is printed at the end, or NULL */
} SimConfig;

typedef struct SimReport {
    unsigned accepted, deliveries, redeliveries, crashes, power_cuts, cuts, disk_errors, receipts;
    unsigned dead, copies, notices, acts, agreed; /* agreed: items looked at on two brokers */
    unsigned entries;                             /* in ledgers */
    unsigned regionals, clients, messages;        /* what the world had */
    unsigned n_faults;
    bool happened[SIM_FAULTS_MAX]; /* which of them took place */
    int64_t virtual_ms;
    uint64_t hash;   /* of all packets, batches, disk calls and faults, in order */
    unsigned wrong;  /* how much is wrong */
    unsigned lost;   /* of it: accepted messages, or a whole store */
    char first[600]; /* and the first of it */
} SimReport;

/* Runs one world to its end. Returns 0 when all checks hold, 1 when not, -errno on trouble here. */
int sim_run(const SimConfig *config, SimReport *ret);

/* Makes a failing world smaller: fewer faults, messages, clients, as long as something is wrong
 * with it. Changes config to the smallest found; the report is that of it. */
void sim_shrink(SimConfig *config, SimReport *report);
/* The options of test-sim that play exactly this. */
void sim_print_options(const SimConfig *config, FILE *to);
/* What the faults of this world are, a line each. */
void sim_print_faults(const SimConfig *config, FILE *to);
