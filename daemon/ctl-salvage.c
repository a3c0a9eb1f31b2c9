/* SPDX-License-Identifier: Apache-2.0 */

/* salvage: out of the damaged store of a stopped broker into a new one. */

#include <string.h>

#include "daemon/ctl.h"
#include "store/salvage.h"

static void tell(void *data, const char *line) {
    (void)data;
    fprintf(stderr, "%s\n", line);
}

static int print_report(const Ctl *c, const SalvageReport *r) {
    _cleanup_(json_dropp) json_t *rows = json_pack(
        "[{s:I,s:I,s:I,s:I,s:i,s:b}]", "messages", (json_int_t)r->messages, "damaged",
        (json_int_t)r->damaged, "lost", (json_int_t)r->lost, "delivered_again",
        (json_int_t)r->restored, "log_frames_left_out", (int)r->frames, "complete", r->complete);
    if (!rows)
        return CTL_REFUSED;
    ctl_print_rows(c, rows);
    return CTL_DONE;
}

int ctl_cmd_salvage(Ctl *c, int argc, char **argv) {
    StoreConfig config;
    SalvageReport report;
    const char *file = NULL;
    char path[CONFIG_PATH_SIZE], why[256] = "";
    int r = ctl_parse(c, argc, argv, NULL, &file, 1, 1, NULL);
    if (r == CTL_DONE)
        r = ctl_broker_config(c);
    if (r != CTL_DONE)
        return r;
    int e = ctl_store_config(c, &config, path);
    if (e == 0)
        e = store_salvage(&config, file, &report, tell, NULL, why);
    if (e < 0) {
        ctl_complain("nothing was salvaged: %s", why[0] ? why : strerror(-e));
        return CTL_REFUSED;
    }
    return print_report(c, &report);
}
