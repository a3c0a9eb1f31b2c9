/* SPDX-License-Identifier: Apache-2.0 */

/* What people ask every day: how a matter stands, what waits for me, what is owed, how many. */

#include <stdio.h>
#include <string.h>

#include "daemon/ctl.h"
#include "store/refold.h"

/* --- one matter ----------------------------------------------------------------------------- */

static const struct {
    const char *verb, *title;
} parts[] = {
    { "item", "state" },
    { "item-history", "history" },
    { "item-due", "owed" },
    { "item-receipts", "receipts" },
};

static void print_part(const Ctl *c, json_t *all, const char *title, json_t *rows, bool first) {
    if (c->json) {
        json_t *value = first ? json_array_get(rows, 0) : rows;
        (void)json_object_set(all, title, value ? value : json_null());
        return;
    }
    if (!first)
        printf("\n%s\n", title);
    ctl_print_rows(c, rows);
}

/* c->command is the kind of item. */
int ctl_cmd_item(Ctl *c, int argc, char **argv) {
    const char *args[2] = { c->command, NULL };
    bool unacknowledged = false;
    const CtlOption options[] = { { .name = "unacknowledged", .flag = &unacknowledged }, { 0 } };
    const bool event = strcmp(c->command, "event") == 0;
    _cleanup_(json_dropp) json_t *all = json_object();
    int r = ctl_parse(c, argc, argv, event ? options : NULL, &args[1], 1, 1, NULL);
    if (r == CTL_DONE && unacknowledged) {
        _cleanup_(json_dropp) json_t *rows = NULL;
        r = ctl_ask(c, "unacknowledged", args, 2, true, &rows);
        if (r == CTL_DONE)
            ctl_print_rows(c, rows);
        return r;
    }
    for (size_t i = 0; i < ARRAY_SIZE(parts) && r == CTL_DONE; i++) {
        _cleanup_(json_dropp) json_t *rows = NULL;
        r = ctl_ask(c, parts[i].verb, args, 2, true, &rows);
        if (r == CTL_DONE)
            print_part(c, all, parts[i].title, rows, i == 0);
    }
    if (r == CTL_DONE && c->json)
        ctl_print_json(all);
    return r;
}

/* --- lists ---------------------------------------------------------------------------------- */

/* worklist, due, report: one question with one argument at most. */
int ctl_cmd_law(Ctl *c, int argc, char **argv) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *args[1] = { NULL };
    size_t n = 0;
    int r = ctl_parse(c, argc, argv, NULL, args, 0, 1, &n);
    if (r == CTL_DONE)
        r = ctl_ask(c, c->command, args, n, true, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

/* --- refold --------------------------------------------------------------------------------- */

static void tell(void *data, const char *line) {
    (void)data;
    fprintf(stderr, "%s\n", line);
}

int ctl_cmd_refold(Ctl *c, int argc, char **argv) {
    StoreConfig config;
    RefoldReport report;
    bool write = false;
    const CtlOption options[] = { { .name = "write", .flag = &write }, { 0 } };
    char path[CONFIG_PATH_SIZE], scratch[CONFIG_PATH_SIZE + 8], why[256] = "";
    int r = ctl_parse(c, argc, argv, options, NULL, 0, 0, NULL);
    if (r == CTL_DONE)
        r = ctl_broker_config(c);
    if (r != CTL_DONE)
        return r;
    int e = ctl_store_config(c, &config, path);
    (void)snprintf(scratch, sizeof(scratch), "%s.refold", path);
    if (e == 0)
        e = store_refold(&config, scratch, write, &report, tell, NULL, why);
    if (e < 0) {
        ctl_complain("nothing was changed: %s", why[0] ? why : strerror(-e));
        return CTL_REFUSED;
    }
    _cleanup_(json_dropp) json_t *rows =
        json_pack("[{s:I,s:I,s:I,s:I,s:b}]", "acts", (json_int_t)report.acts, "items",
                  (json_int_t)report.items, "different", (json_int_t)report.different, "unreadable",
                  (json_int_t)report.unread, "written", report.written);
    if (!rows)
        return CTL_REFUSED;
    ctl_print_rows(c, rows);
    return report.different > 0 && !report.written ? CTL_REFUSED : CTL_DONE;
}
