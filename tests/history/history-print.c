/* SPDX-License-Identifier: Apache-2.0 */

/* A report for people. */

#include "history/history.h"

const char *history_kind_name(HistoryKind kind) {
    static const char *const names[HISTORY_KIND_COUNT] = {
        [HISTORY_KIND_LOST] = "lost",
        [HISTORY_KIND_UNDRAINED] = "undrained",
        [HISTORY_KIND_UNEXPECTED] = "unexpected",
        [HISTORY_KIND_ALTERED] = "altered",
        [HISTORY_KIND_REDELIVERED] = "redelivered",
        [HISTORY_KIND_SHARED] = "shared",
        [HISTORY_KIND_ORDER] = "order",
        [HISTORY_KIND_OVERTAKEN] = "overtaken",
        [HISTORY_KIND_OUTCOME] = "outcome",
        [HISTORY_KIND_RECEIPT] = "receipt",
        [HISTORY_KIND_EXPIRY] = "expiry",
        [HISTORY_KIND_DEAD] = "dead",
        [HISTORY_KIND_EARLY] = "early",
        [HISTORY_KIND_DEDUP] = "dedup",
        [HISTORY_KIND_ATTEMPT] = "attempt",
    };
    return kind < HISTORY_KIND_COUNT ? names[kind] : "";
}

void history_print(const HistoryReport *r, FILE *to) {
    const struct {
        const char *name;
        size_t n;
    } seen[] = { { "events", r->events },      { "published", r->published },
                 { "accepted", r->accepted },  { "refused", r->refused },
                 { "unknown", r->unknown },    { "deliveries", r->deliveries },
                 { "again", r->redeliveries }, { "collected", r->collected },
                 { "expired", r->expired },    { "recalled", r->recalled },
                 { "dead", r->dead },          { "receipts", r->receipts },
                 { "outcomes", r->outcomes },  { "sessions", r->sessions },
                 { "crashes", r->crashes },    { "syncs", r->syncs } };
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
        fprintf(to, "%-12s %10zu%s", seen[i].name, seen[i].n, i % 4 == 3 ? "\n" : "   ");
    for (unsigned k = 0; k < HISTORY_KIND_COUNT; k++)
        if (r->count[k] > 0)
            fprintf(to, "WRONG: %-12s %zu\n", history_kind_name(k), r->count[k]);
    for (size_t i = 0; i < r->n_verdicts; i++)
        fprintf(to, "%s: %s\n", history_kind_name(r->verdicts[i].kind), r->verdicts[i].text);
    if (r->n_verdicts == 0)
        fputs("nothing is wrong\n", to);
}
