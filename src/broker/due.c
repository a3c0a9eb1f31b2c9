/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Due: asks the store every second to fire the timers whose time has come, a bounded number at
 * once, and writes into the journal what is owed. Only codes: no ids, no case.
 */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "broker/batch.h"
#include "broker/due.h"
#include "broker/internal.h"
#include "law/item.h"
#include "law/timers.h"

#define DUE_AT_ONCE 64U

static int ask(Broker *b) {
    StoreOp *op = op_for(OP_DUE, 0, NULL);
    if (!op)
        return -ENOMEM;
    op->due.limit = DUE_AT_ONCE;
    broker_push(b, op);
    b->due_asked = true;
    return 0;
}

int due_second(Broker *b) {
    return b->due_asked ? 0 : ask(b);
}

static LogEvent event_of(int timer) {
    static const LogEvent events[TIMER_KINDS] = {
        [TIMER_ANSWER] = LOG_EVENT_OWED_ANSWER,
        [TIMER_CANCEL] = LOG_EVENT_OWED_CANCEL,
        [TIMER_DOCUMENTS] = LOG_EVENT_OWED_DOCUMENTS,
        [TIMER_SUPPLEMENT] = LOG_EVENT_OWED_SUPPLEMENT,
        [TIMER_FOLLOW_UP] = LOG_EVENT_OWED_FOLLOW_UP,
        [TIMER_EXPIRY] = LOG_EVENT_OWED_EXPIRY,
        [TIMER_CLASSIFY] = LOG_EVENT_OWED_CLASSIFY,
        [TIMER_RESOLVE] = LOG_EVENT_OWED_RESOLVE,
        [TIMER_SILENCE] = LOG_EVENT_OWED_SILENCE,
        [TIMER_ACKNOWLEDGE] = LOG_EVENT_OWED_ACKNOWLEDGE,
        [TIMER_DTKS] = LOG_EVENT_OWED_DTKS,
        [TIMER_OPENING] = LOG_EVENT_OWED_OPENING,
        [TIMER_ASSESSMENT] = LOG_EVENT_OWED_ASSESSMENT,
        [TIMER_MONITORING] = LOG_EVENT_OWED_MONITORING,
        [TIMER_SUPERIOR] = LOG_EVENT_OWED_SUPERIOR,
    };
    return events[timer];
}

/* Regions are told to the regency, and no further (domain 6.4). */
static void tell(Broker *b, const struct DueFired *f) {
    const char *practice = f->status == MESSAGE_STATUS_EXERCISE ? "EXERCISE: "
                           : f->status == MESSAGE_STATUS_TEST   ? "TEST: "
                                                                : "";
    LogRecord r = { .event = event_of(f->timer) };
    (void)text_copy(r.rule, sizeof(r.rule), f->code);
    log_peer_name(f->owes, r.peer, sizeof(r.peer));
    (void)snprintf(r.text, sizeof(r.text),
                   "%s%s %s (region %.4s, cluster %d, told %u times before): %s", practice,
                   item_kind_name(f->item_kind), f->code, f->region, f->cluster, f->level, f->text);
    b->io.log(b->io.data, &r);
}

int due_done(Broker *b, StoreOp *op) {
    b->due_asked = false;
    for (uint32_t i = 0; i < op->due.n; i++)
        tell(b, &op->due.fired[i]);
    return op->due.more ? ask(b) : 0;
}
