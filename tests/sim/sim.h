/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A world of brokers and clients in one process, from one seed: the real broker, core, wire and
 * store code over a virtual clock and a virtual network. Messages take time, connections break with
 * all that is in their pipes, brokers crash between any two steps and come back from their file.
 *
 * Publishers keep what they were not answered and send it again; consumers settle, ask for a retry,
 * reject, or vanish. When the faults are over everything must drain, and the checks of
 * sim_check() must hold.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct SimConfig {
    uint64_t seed;
    unsigned regionals; /* brokers besides the hub */
    unsigned clients_per_broker;
    unsigned messages;  /* per client */
    unsigned cases;     /* per client */
    unsigned faults;    /* crashes and cut connections altogether */
    const char *folder; /* for the stores; emptied by the caller */
    bool verbose;
} SimConfig;

typedef struct SimReport {
    unsigned accepted, deliveries, redeliveries, crashes, cuts, receipts;
    unsigned ended; /* deliveries that expired or were recalled, as they may */
    int64_t virtual_ms;
    unsigned lost, unexpected, inversions, wrong_outcomes, undrained;
    char first[512]; /* first thing that is wrong */
} SimReport;

/* Runs one world to its end. Returns 0 when all checks hold, 1 when not, -errno on trouble here. */
int sim_run(const SimConfig *config, SimReport *ret);
