/* SPDX-License-Identifier: Apache-2.0 */

/*
 * check-history [--partial] [--expiry MS] [--flight US] [--clock MS] FILE...
 * Judges histories (tests/history/history.h), merged by time; the options are the rules of
 * HistoryRules. Exit: 0 nothing is wrong, 1 something is, 2 usage or a file that cannot be read.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "history/history.h"

static int read_options(int argc, char **argv, HistoryRules *ret) {
    static const struct option options[] = { { "partial", no_argument, NULL, 'p' },
                                             { "expiry", required_argument, NULL, 'e' },
                                             { "flight", required_argument, NULL, 'f' },
                                             { "clock", required_argument, NULL, 'c' },
                                             { NULL, 0, NULL, 0 } };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (c == 'p')
            ret->partial = true;
        else if (c == 'e')
            ret->expiry_ms = strtoll(optarg, NULL, 10);
        else if (c == 'f')
            ret->flight_us = strtoll(optarg, NULL, 10);
        else if (c == 'c')
            ret->clock_ms = strtoll(optarg, NULL, 10);
        else
            return -EINVAL;
    }
    return optind < argc ? 0 : -EINVAL;
}

int main(int argc, char **argv) {
    _cleanup_(history_freep) History *h = NULL;
    HistoryRules rules = { 0 };
    static HistoryReport report;
    int r;
    if (read_options(argc, argv, &rules) < 0) {
        fprintf(stderr, "usage: %s [--partial] [--expiry MS] [--flight US] [--clock MS] FILE...\n",
                argv[0]);
        return 2;
    }
    r = history_new(&h);
    for (int i = optind; r == 0 && i < argc; i++) {
        size_t line;
        r = history_load(h, argv[i], &line);
        if (r == -EBADMSG)
            fprintf(stderr, "%s:%zu: not an event\n", argv[i], line);
        else if (r < 0)
            fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
    }
    if (r == 0)
        r = history_check(h, &rules, &report);
    if (r < 0)
        return 2;
    history_print(&report, stdout);
    return r;
}
