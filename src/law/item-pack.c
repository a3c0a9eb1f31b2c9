/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Items in packed form, as facts are: one byte that names the form, the kind, then what is set,
 * each value behind the place of its row, rising. Rows are added at the end of their table only.
 */

#include <stddef.h>

#include "base/pack.h"
#include "law/item.h"

#define FORM       1U
#define OWN_PLACES 32U /* rows of the kind's own part begin behind those of every item */

typedef enum FieldType {
    FIELD_FLAG, /* bool */
    FIELD_CODE, /* uint8_t */
    FIELD_STATE,
    FIELD_NUMBER, /* uint32_t */
    FIELD_TIME,   /* int64_t */
    FIELD_DATE,
    FIELD_ID,
    FIELD_TEXT,   /* char[] */
    FIELD_NAMES,  /* char[][NODE_NAME_SIZE], filled from the front */
    FIELD_TIMERS, /* Timer[], with n_timers */
} FieldType;

typedef struct Field {
    uint8_t type;
    uint16_t offset, size; /* in Item */
} Field;

#define F(t, m)                                                                                    \
    { .type = FIELD_##t, .offset = offsetof(Item, m), .size = sizeof(((Item *)NULL)->m) }

static const Field every[] = {
    F(ID, id),         F(ID, case_id),     F(STATE, state),
    F(FLAG, final),    F(FLAG, flagged),   F(CODE, status),
    F(CODE, cluster),  F(CODE, urgency),   F(CODE, sensitivity),
    F(TEXT, region),   F(TEXT, keeper),    F(TEXT, custodian),
    F(TEXT, owes),     F(TIME, opened_ms), F(TIME, changed_ms),
    F(TEXT, rule_set), F(NUMBER, n_acts),  F(NUMBER, n_early),
    F(TIMERS, timers),
};
_Static_assert(ARRAY_SIZE(every) < OWN_PLACES, "places of every item");

static const Field referral[] = {
    F(FLAG, referral.transfer),
    F(FLAG, referral.emergency),
    F(FLAG, referral.reunified),
    F(FLAG, referral.superior_decided),
    F(FLAG, referral.chain_unknown),
    F(CODE, referral.referral_kind),
    F(CODE, referral.basis),
    F(CODE, referral.state_before_cancel),
    F(CODE, referral.redirect_count),
    F(CODE, referral.consent_giver),
    F(CODE, referral.dtks_status),
    F(CODE, referral.reached),
    F(NUMBER, referral.documents),
    F(NUMBER, referral.missing),
    F(DATE, referral.requested_on),
    F(DATE, referral.docs_due_on),
    F(DATE, referral.placed_on),
    F(DATE, referral.home_service_started_on),
    F(NUMBER, referral.follow_up_days),
    F(TEXT, referral.requester),
    F(TEXT, referral.target),
    F(TEXT, referral.redirect_to),
    F(ID, referral.parent),
    F(ID, referral.sent_on_by),
    F(NAMES, referral.former),
};

static const Field complaint[] = {
    F(CODE, complaint.type),
    F(CODE, complaint.channel),
    F(CODE, complaint.subject),
    F(CODE, complaint.level),
    F(FLAG, complaint.anonymous),
    F(FLAG, complaint.harm_now),
    F(FLAG, complaint.inspection),
    F(FLAG, complaint.resolved),
    F(FLAG, complaint.closed_by_silence),
    F(CODE, complaint.reroute_count),
    F(TEXT, complaint.origin),
    F(TEXT, complaint.about_node),
    F(TEXT, complaint.assignee),
    F(NAMES, complaint.former),
    F(TIME, complaint.closed_ms),
    F(ID, complaint.became),
    F(TIME, complaint.said_ms),
};

static const Field case_file[] = {
    F(FLAG, case_file.provisional),
    F(FLAG, case_file.emergency),
    F(FLAG, case_file.aftercare),
    F(FLAG, case_file.dtks_proposed),
    F(FLAG, case_file.in_home),
    F(CODE, case_file.phase),
    F(CODE, case_file.dtks_status),
    F(CODE, case_file.target_unit),
    F(CODE, case_file.basis),
    F(CODE, case_file.access_source),
    F(CODE, case_file.termination_reason),
    F(NUMBER, case_file.completed),
    F(NUMBER, case_file.criteria),
    F(DATE, case_file.food_since),
    F(DATE, case_file.placed_on),
    F(TEXT, case_file.provider),
    F(TEXT, case_file.home_dsk),
    F(TEXT, case_file.forward_to),
    F(ID, case_file.origin),
    F(CODE, case_file.stage_given),
};

static const Field event[] = {
    F(CODE, event.event_type),      F(FLAG, event.declared),         F(FLAG, event.cancelled),
    F(NUMBER, event.situation_seq), F(NUMBER, event.n_acknowledged), F(TIME, event.occurred_ms),
    F(TEXT, event.lead_node),       F(TEXT, event.situation_by),     F(ID, event.last_message),
    F(ID, event.last_situation),
};

static const Field proposal[] = {
    F(TEXT, proposal.proposer),
    F(CODE, proposal.reason),
};

static const Field oversight[] = {
    F(TEXT, oversight.node),
    F(TIME, oversight.assistance_asked_ms),
    F(TIME, oversight.inactive_since_ms),
    F(TIME, oversight.reported_ms),
    F(NUMBER, oversight.free_places),
};

static const struct {
    const Field *rows;
    size_t n;
} own[ITEM_KINDS] = {
    [ITEM_REFERRAL] = { referral, ARRAY_SIZE(referral) },
    [ITEM_COMPLAINT] = { complaint, ARRAY_SIZE(complaint) },
    [ITEM_CASE] = { case_file, ARRAY_SIZE(case_file) },
    [ITEM_EVENT] = { event, ARRAY_SIZE(event) },
    [ITEM_PROPOSAL] = { proposal, ARRAY_SIZE(proposal) },
    [ITEM_NODE] = { oversight, ARRAY_SIZE(oversight) },
};

/* The row at a place of an item of that kind; NULL when there is none. */
static const Field *field_at(ItemKind kind, size_t place) {
    if (place < OWN_PLACES)
        return place < ARRAY_SIZE(every) ? &every[place] : NULL;
    place -= OWN_PLACES;
    return place < own[kind].n ? &own[kind].rows[place] : NULL;
}
#define PLACES_END (OWN_PLACES + ARRAY_SIZE(referral)) /* of the longest table */
_Static_assert(ARRAY_SIZE(referral) >= ARRAY_SIZE(complaint) &&
                   ARRAY_SIZE(referral) >= ARRAY_SIZE(case_file) &&
                   ARRAY_SIZE(referral) >= ARRAY_SIZE(event),
               "the longest table");

/* --- writing --- */

static size_t count_names(const Field *f, const char *at) {
    size_t n = 0;
    while (n < f->size / NODE_NAME_SIZE && at[n * NODE_NAME_SIZE])
        n++;
    return n;
}

/* What stands behind the end of a text says nothing, nor does a day that is none. */
static bool is_set(const Field *f, const Item *i) {
    const void *at = (const uint8_t *)i + f->offset;
    switch ((FieldType)f->type) {
    case FIELD_FLAG:
        return *(const bool *)at;
    case FIELD_CODE:
        return *(const uint8_t *)at != 0;
    case FIELD_STATE:
    case FIELD_NUMBER:
        return *(const uint32_t *)at != 0;
    case FIELD_TIME:
        return *(const int64_t *)at != 0;
    case FIELD_DATE:
        return civil_is_valid(*(const CivilDate *)at);
    case FIELD_ID:
        return !uuid_is_nil(at);
    case FIELD_TEXT:
    case FIELD_NAMES:
        return *(const char *)at != '\0';
    case FIELD_TIMERS:
        return i->n_timers > 0;
    }
    return false;
}

static void pack_timers(Packer *k, const Item *i) {
    const uint32_t n = MIN(i->n_timers, ITEM_TIMERS_MAX);
    pack_number(k, n);
    for (uint32_t t = 0; t < n; t++) {
        pack_number(k, i->timers[t].kind);
        pack_number(k, i->timers[t].level);
        pack_number(k, (uint64_t)i->timers[t].due_ms);
    }
}

static void pack_field(Packer *k, const Field *f, const Item *i) {
    const void *at = (const uint8_t *)i + f->offset;
    switch ((FieldType)f->type) {
    case FIELD_FLAG: /* that it is here says it all */
        return;
    case FIELD_CODE:
        pack_number(k, *(const uint8_t *)at);
        return;
    case FIELD_STATE:
    case FIELD_NUMBER:
        pack_number(k, *(const uint32_t *)at);
        return;
    case FIELD_TIME:
        pack_number(k, *(const uint64_t *)at);
        return;
    case FIELD_DATE:
        pack_date(k, *(const CivilDate *)at);
        return;
    case FIELD_ID:
        pack_id(k, at);
        return;
    case FIELD_TEXT:
        pack_text(k, at);
        return;
    case FIELD_NAMES:
        pack_number(k, count_names(f, at));
        for (size_t n = 0; n < count_names(f, at); n++)
            pack_text(k, (const char *)at + n * NODE_NAME_SIZE);
        return;
    case FIELD_TIMERS:
        pack_timers(k, i);
        return;
    }
}

static void pack_rows(Packer *k, const Field *rows, size_t n, size_t place, const Item *i) {
    for (const Field *f = rows; f < rows + n; f++, place++)
        if (is_set(f, i)) {
            pack_number(k, place);
            pack_field(k, f, i);
        }
}

size_t item_pack(const Item *i, uint8_t *buf, size_t size) {
    Packer k = { .p = buf, .size = size };
    if (i->kind <= ITEM_NONE || i->kind >= ITEM_KINDS)
        return 0;
    pack_number(&k, FORM);
    pack_number(&k, (uint64_t)i->kind);
    pack_rows(&k, every, ARRAY_SIZE(every), 0, i);
    pack_rows(&k, own[i->kind].rows, own[i->kind].n, OWN_PLACES, i);
    return pack_end(&k);
}

/* --- comparing --- */

static bool equal_names(const Field *f, const char *a, const char *b) {
    const size_t n = count_names(f, a);
    for (size_t i = 0; i < n; i++)
        if (strcmp(a + i * NODE_NAME_SIZE, b + i * NODE_NAME_SIZE) != 0)
            return false;
    return n == count_names(f, b);
}

static bool equal_timers(const Item *a, const Item *b) {
    for (uint32_t i = 0; i < a->n_timers && a->n_timers == b->n_timers; i++)
        if (a->timers[i].kind != b->timers[i].kind || a->timers[i].level != b->timers[i].level ||
            a->timers[i].due_ms != b->timers[i].due_ms)
            return false;
    return a->n_timers == b->n_timers;
}

static bool equal_rows(const Field *rows, size_t n, const Item *a, const Item *b) {
    for (const Field *f = rows; f < rows + n; f++) {
        const void *x = (const uint8_t *)a + f->offset, *y = (const uint8_t *)b + f->offset;
        bool same = false;
        switch ((FieldType)f->type) {
        case FIELD_TEXT:
            same = strcmp(x, y) == 0;
            break;
        case FIELD_NAMES:
            same = equal_names(f, x, y);
            break;
        case FIELD_TIMERS:
            same = equal_timers(a, b);
            break;
        case FIELD_DATE: /* one that is no day is like none */
            same = memcmp(x, y, f->size) == 0 || (!is_set(f, a) && !is_set(f, b));
            break;
        default: /* plain values */
            same = memcmp(x, y, f->size) == 0;
        }
        if (!same)
            return false;
    }
    return true;
}

bool item_equal(const Item *a, const Item *b) {
    return a->kind == b->kind && equal_rows(every, ARRAY_SIZE(every), a, b) &&
           equal_rows(own[a->kind].rows, own[a->kind].n, a, b);
}

/* --- reading --- */

static void unpack_names(Unpacker *k, const Field *f, char *at) {
    const size_t n = (size_t)unpack_number(k, f->size / NODE_NAME_SIZE);
    for (size_t i = 0; i < n; i++)
        unpack_text(k, at + i * NODE_NAME_SIZE, NODE_NAME_SIZE);
}

static void unpack_timers(Unpacker *k, Item *i) {
    i->n_timers = (uint32_t)unpack_number(k, ITEM_TIMERS_MAX);
    for (uint32_t t = 0; t < i->n_timers; t++)
        i->timers[t] = (Timer) { .kind = (uint8_t)unpack_number(k, TIMER_KINDS - 1),
                                 .level = (uint8_t)unpack_number(k, UINT8_MAX),
                                 .due_ms = (int64_t)unpack_number(k, UINT64_MAX) };
}

static void unpack_field(Unpacker *k, const Field *f, Item *i) {
    void *at = (uint8_t *)i + f->offset;
    switch ((FieldType)f->type) {
    case FIELD_FLAG:
        *(bool *)at = true;
        return;
    case FIELD_CODE:
        *(uint8_t *)at = (uint8_t)unpack_number(k, UINT8_MAX);
        return;
    case FIELD_STATE:
    case FIELD_NUMBER:
        *(uint32_t *)at = (uint32_t)unpack_number(k, UINT32_MAX);
        return;
    case FIELD_TIME:
        *(int64_t *)at = (int64_t)unpack_number(k, UINT64_MAX);
        return;
    case FIELD_DATE:
        *(CivilDate *)at = unpack_date(k);
        return;
    case FIELD_ID:
        *(Uuid *)at = unpack_id(k);
        return;
    case FIELD_TEXT:
        unpack_text(k, at, f->size);
        return;
    case FIELD_NAMES:
        unpack_names(k, f, at);
        return;
    case FIELD_TIMERS:
        unpack_timers(k, i);
        return;
    }
}

bool item_unpack(Bytes b, Item *ret) {
    Unpacker k = unpack_start(b);
    if (unpack_number(&k, FORM) != FORM)
        return false;
    Item i = { .kind = (ItemKind)unpack_number(&k, ITEM_KINDS - 1) };
    for (size_t next = 0; unpack_more(&k);) {
        const size_t place = (size_t)unpack_number(&k, PLACES_END - 1);
        const Field *f = k.failed ? NULL : field_at(i.kind, place);
        if (!f || place < next)
            return false;
        unpack_field(&k, f, &i);
        next = place + 1;
    }
    if (!unpack_end(&k) || !item_state_name(i.kind, i.state)[0])
        return false;
    *ret = i;
    return true;
}
