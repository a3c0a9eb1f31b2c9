/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Many worlds, one seed each: test-sim [--seed N] [--seeds COUNT] [--faults N] [--verbose]
 * A failing seed prints itself and what was wrong; `--seed N --verbose` plays it again.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "sim/sim.h"

static void empty(const char *folder) {
    char command[600];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'/*", folder);
    if (system(command) != 0)
        abort();
}

int main(int argc, char **argv) {
    static const struct option options[] = { { "seed", required_argument, NULL, 's' },
                                             { "seeds", required_argument, NULL, 'n' },
                                             { "faults", required_argument, NULL, 'f' },
                                             { "verbose", no_argument, NULL, 'v' },
                                             { NULL, 0, NULL, 0 } };
    unsigned long first = 1, count = 20;
    SimConfig config = {
        .regionals = 2, .clients_per_broker = 2, .messages = 60, .cases = 6, .faults = 15
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (c == 's') {
            first = strtoul(optarg, NULL, 10);
            count = 1;
        } else if (c == 'n') {
            count = strtoul(optarg, NULL, 10);
        } else if (c == 'f') {
            config.faults = (unsigned)strtoul(optarg, NULL, 10);
        } else if (c == 'v') {
            config.verbose = true;
        } else {
            return 2;
        }
    }
    char folder[] = "/dev/shm/serasi-sim-XXXXXX";
    if (hash_init() < 0 || !mkdtemp(folder)) {
        perror("test-sim");
        return 2;
    }
    config.folder = folder;
    int failed = 0;
    for (unsigned long i = 0; i < count; i++) {
        SimReport r;
        config.seed = first + i;
        empty(folder);
        int k = sim_run(&config, &r);
        if (k == 0 && !config.verbose)
            continue;
        printf("seed %lu: %s accepted=%u ended=%u deliveries=%u redeliveries=%u crashes=%u cuts=%u "
               "virtual=%llds lost=%u unexpected=%u inversions=%u outcomes=%u undrained=%u %s\n",
               first + i, k == 0 ? "ok" : "FAILED", r.accepted, r.ended, r.deliveries,
               r.redeliveries, r.crashes, r.cuts, (long long)(r.virtual_ms / 1000), r.lost,
               r.unexpected, r.inversions, r.wrong_outcomes, r.undrained, r.first);
        failed += k != 0;
    }
    empty(folder);
    (void)rmdir(folder);
    printf("%lu worlds, %d failed\n", count, failed);
    return failed ? 1 : 0;
}
