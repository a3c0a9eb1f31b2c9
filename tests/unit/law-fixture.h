/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lawful messages for a store: matters of region 3203, one case unless said otherwise. Who lives
 * behind the link (dsk/3302, cc/171, min/rehsos) is heard over it. Include after test.h.
 */

#include "law/timers.h"
#include "store-fixture.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/pending.h"
#include "store/refold.h"
#include "wire/codec.h"

#define DSP      "dsp/32"
#define PROPOSAL "int/siks"

static inline void law_fixture_init(Fixture *f) {
    fixture_init(f);
    f->config.item_retention_ms = 365 * DAY_MS;
    f->codec = codec_message;
    fixture_reopen(f);
}
#define LAW_FIXTURE(f)                                                                             \
    _cleanup_(fixture_deinit) Fixture f;                                                           \
    law_fixture_init(&f)

/* --- messages ------------------------------------------------------------------------------- */

static const Staff worker = { .present = true,
                              .competence_supervision = true,
                              .role = HR_ROLE_SOCIAL_WORKER,
                              .certificate_valid_until = { 2030, 1, 1 } };

/* The facts are the caller's to fill. */
static inline Message *letter(Fixture *f, int kind, const char *from, const char *to) {
    Message *m = message_to(f, to, 0xc);
    m->env.kind = kind;
    m->env.cluster = CLUSTER_OTHER_PPKS;
    m->env.sensitivity = SENSITIVITY_SPECIFIC;
    m->env.legal_basis = LEGAL_BASIS_PUBLIC_TASK;
    m->facts = (Facts) { .readable = true };
    text_copy(m->env.sender, sizeof(m->env.sender), from);
    if (to[0] == '\0')
        m->env.audience = (Audience) { .form = AUDIENCE_NODES };
    return m;
}

static inline CivilDate today(const Fixture *f) {
    return civil_at(f->now_ms, 420);
}

static inline void give(Documents *d, int type) {
    d->of[type] = (Document) { .present = true,
                               .issuer_kind = ISSUER_KIND_SOCIAL_WORKER,
                               .issued_on = { 2025, 3, 9 } };
}

/* RF-7, of a grown-up: nothing special is needed. */
static inline Message *request(Fixture *f, const char *from, const char *to) {
    Message *m = letter(f, KIND_REFERRAL_REQUEST, from, to);
    m->facts.request = (ReferralRequestFacts) {
        .referral_kind = REFERRAL_KIND_INTER_AGENCY,
        .target_unit = TARGET_UNIT_INDIVIDUAL,
        .age_band = AGE_BAND_AGE_18_59,
        .approach = APPROACH_COMMUNITY,
        .dtks_status = DTKS_STATUS_LISTED,
        .criteria = codes_of(CRITERION_POVERTY),
        .ppks_types = codes_of(PPKS_TYPE_POOR),
        .requested_on = today(f),
        .assessor = worker,
    };
    give(&m->facts.request.documents, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    return m;
}

static inline Message *response(Fixture *f, const Uuid *of, const char *from, const char *to,
                                int decision) {
    Message *m = letter(f, KIND_REFERRAL_RESPONSE, from, to);
    m->facts.response.referral_id = *of;
    m->facts.response.decision = (uint8_t)decision;
    return m;
}

static inline Message *update(Fixture *f, const Uuid *of, const char *from, const char *to,
                              int action) {
    Message *m = letter(f, KIND_REFERRAL_UPDATE, from, to);
    m->facts.update.referral_id = *of;
    m->facts.update.action = (uint8_t)action;
    return m;
}

static inline Message *opening(Fixture *f, const char *from, const char *to) {
    Message *m = letter(f, KIND_CASE_OPENED, from, to);
    m->facts.opened = (CaseOpenedFacts) { .access_source = ACCESS_SOURCE_CASE_OUTREACH,
                                          .cluster = CLUSTER_OTHER_PPKS,
                                          .target_unit = TARGET_UNIT_INDIVIDUAL,
                                          .dtks_status = DTKS_STATUS_LISTED,
                                          .origin_id = { { 9 } },
                                          .criteria = codes_of(CRITERION_POVERTY),
                                          .case_manager = worker };
    return m;
}

static inline Message *stage(Fixture *f, const char *from, const char *to, int n, int phase) {
    Message *m = letter(f, KIND_CASE_STAGE_UPDATE, from, to);
    m->facts.stage = (CaseStageFacts) {
        .stage = (uint8_t)n,
        .phase = (uint8_t)phase,
        .supervisor = worker,
        .initial_approach = codes_of(INITIAL_APPROACH_INITIAL_ASSESSMENT),
        .aspects = codes_of(ASSESSMENT_ASPECT_MEDICAL),
        .planning_steps = codes_of(PLANNING_STEP_RESOURCE_MAPPING) |
                          codes_of(PLANNING_STEP_PLAN_DRAFTING) |
                          codes_of(PLANNING_STEP_JOINT_DECISION),
        .approaches = codes_of(APPROACH_FAMILY),
        .service_forms = codes_of(SERVICE_FORM_THERAPY),
    };
    return m;
}

static inline Message *complaint(Fixture *f, const char *from, const char *to) {
    Message *m = letter(f, KIND_COMPLAINT, from, to);
    m->env.case_id = (Uuid) { { 0 } };
    m->facts.complaint = (ComplaintFacts) { .type = COMPLAINT_TYPE_GRIEVANCE,
                                            .channel = COMPLAINT_CHANNEL_CALL_CENTER_171,
                                            .subject = COMPLAINT_SUBJECT_SERVICE_QUALITY };
    return m;
}

static inline Message *complaint_step(Fixture *f, const Uuid *of, const char *from, const char *to,
                                      int action, const char *assignee) {
    Message *m = letter(f, KIND_COMPLAINT_UPDATE, from, to);
    m->env.case_id = (Uuid) { { 0 } };
    m->env.correlation_id = *of;
    m->facts.complaint_update.complaint_id = *of;
    m->facts.complaint_update.action = (uint8_t)action;
    text_copy(m->facts.complaint_update.assignee, NODE_NAME_SIZE, assignee);
    return m;
}

/* To everybody in 3203. */
static inline Message *event(Fixture *f, const char *from) {
    Message *m = letter(f, KIND_EXTRAORDINARY_EVENT, from, "");
    m->env.case_id = (Uuid) { { 0 } };
    m->env.cluster = CLUSTER_ANY;
    m->env.sensitivity = SENSITIVITY_INTERNAL;
    m->env.urgency = URGENCY_EVENT;
    m->lane = LANE_EVENT;
    m->env.audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 1 };
    text_copy(m->env.audience.scope[0], REGION_SIZE, "3203");
    m->facts.event = (EventFacts) { .event_type = EVENT_TYPE_NATURAL_DISASTER,
                                    .status = EVENT_STATUS_VERIFIED,
                                    .n_regions = 1,
                                    .occurred_ms = f->now_ms - HOUR_MS };
    return m;
}

static inline Message *situation(Fixture *f, const Uuid *of, const char *from, uint32_t seq) {
    Message *m = event(f, from);
    m->env.kind = KIND_EVENT_SITUATION;
    m->env.correlation_id = *of;
    m->facts = (Facts) { .readable = true };
    m->facts.situation = (EventSituationFacts) { .event_id = *of, .seq = seq };
    return m;
}

static inline Message *acknowledgement(Fixture *f, const Uuid *of, const char *from,
                                       const char *to) {
    Message *m = letter(f, KIND_EVENT_ACKNOWLEDGEMENT, from, to);
    m->env.case_id = (Uuid) { { 0 } };
    m->env.cluster = CLUSTER_ANY;
    m->env.sensitivity = SENSITIVITY_INTERNAL;
    m->facts.acknowledgement.event_id = *of;
    return m;
}

/* --- saying them ---------------------------------------------------------------------------- */

/* The envelope as it would be on the wire. */
static inline void write_envelope(Message *m) {
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n = 0;
    uint8_t packed[FACTS_PACKED_MAX];
    const Bytes facts =
        bytes_make(packed, facts_pack(m->env.kind, &m->facts, packed, sizeof(packed)));
    const Bytes sealed = bytes_make("sealed", 6);
    const bool open = m->env.sensitivity < SENSITIVITY_PERSONAL;
    const Bytes third = open ? bytes_make(NULL, 0) : sealed;
    hash_digest(facts, m->env.facts_digest);
    hash_digest(third, m->env.sealed_digest);
    m->env.has_facts_digest = true;
    m->env.has_sealed_digest = !open;
    ASSERT_OK(codec_encode_envelope(&m->env, &p, &n));
    body_unref(m->body);
    m->body = body_new(bytes_make(p, n), facts, third);
    hash_message(bytes_make(p, n), facts, third, m->digest);
}

/* By its sender, here or over the link. */
static inline StoreOp *saying(Fixture *f, Message *m) {
    _cleanup_(directory_unrefp) Directory *d = store_directory(f->store);
    const DirNode *sender = directory_node(d, m->env.sender);
    const bool here = sender && strcmp(sender->home, SELF) == 0;
    write_envelope(m);
    return here ? accept_op(m) : link_op(m, "hub", m->env.audience.nodes[0], f->now_ms);
}

/* "ACCEPTED (R-012) (ILLEGAL_STEP NOT_THE_TARGET)"; warnings in parentheses. */
static inline const char *answer_text(const StoreOp *op) {
    static char text[512];
    const PublishResult *r = &op->accept.result;
    int n = snprintf(text, sizeof(text), "%s", verdict_name(r->verdict));
    for (uint32_t i = 0; r->reasons && i < r->reasons->n; i++) {
        const Reason *e = &r->reasons->list[i];
        const bool step =
            strcmp(e->code, "ILLEGAL_STEP") == 0 || strcmp(e->code, "HELD_EARLY") == 0;
        n += snprintf(text + n, sizeof(text) - (size_t)n, e->warning ? " (%s%s%s)" : " %s%s%s",
                      e->code, step ? " " : "", step ? e->field : "");
    }
    return text;
}

static inline const char *says(Fixture *f, Message *m) {
    StoreOp *op = saying(f, m);
    run(f, op);
    const char *text = answer_text(op);
    store_op_free(op);
    return text;
}

static inline Uuid says_id(Fixture *f, Message *m) {
    const Uuid id = m->env.message_id;
    ASSERT_STR(says(f, m), "ACCEPTED");
    return id;
}

/* --- looking -------------------------------------------------------------------------------- */

/* Of the tables as they are: items may be pending. */
static inline int64_t number_now(Fixture *f, const char *sql) {
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(f->store->db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(f->store->db));
    const int64_t v = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    sqlite3_finalize(q);
    return v;
}

static inline int64_t number(Fixture *f, const char *sql) {
    ASSERT_OK(store_settle(f->store));
    return number_now(f, sql);
}

/* Acts on record, of a type (0: of any). */
static inline int64_t acts_now(Fixture *f, int type) {
    static StoredAct a;
    bool readable;
    int64_t count = 0;
    for (int64_t n = 0; (n = act_next(f->store, n, &a, &readable)) > 0;) {
        ASSERT_TRUE(readable);
        count += type == 0 || (int)a.type == type;
    }
    ASSERT_OK(f->store->fault);
    return count;
}

/* Is there an entry of that kind about the node and the key, with a note that starts so? */
static inline bool has_entry(Fixture *f, LedgerKind kind, const char *node, const char *peer,
                             const char *note) {
    LedgerBlock b;
    LedgerEntry e;
    Buf hold = { 0 };
    bool found = false;
    LedgerReader *r = calloc(1, sizeof(*r));
    for (int64_t at = 0; ledger_read(f->store, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        while (ledger_next(r, &e))
            found = found || ((LedgerKind)e.kind == kind && strcmp(e.node, node) == 0 &&
                              strcmp(e.peer, peer) == 0 && text_starts_with(e.note, note));
    }
    buf_deinit(&hold);
    free(r);
    return found;
}

static inline bool item_of(Fixture *f, ItemKind kind, const Uuid *id, Item *ret) {
    StoredItem i;
    const bool known = item_load(f->store, kind, id, &i);
    ASSERT_OK(f->store->fault);
    *ret = i.item;
    return known;
}

/* "SUBMITTED by uptd/32/pa-02 of dsk/3203": who owes, who answers for it. */
static inline const char *stands(Fixture *f, ItemKind kind, const Uuid *id) {
    static char text[256];
    Item i;
    if (!item_of(f, kind, id, &i))
        return "unknown";
    int n = snprintf(text, sizeof(text), "%s", item_state_name((int)kind, i.state));
    if (i.owes[0] != '\0')
        n += snprintf(text + n, sizeof(text) - (size_t)n, " by %s", i.owes);
    if (i.custodian[0] != '\0')
        n += snprintf(text + n, sizeof(text) - (size_t)n, " of %s", i.custodian);
    if (i.n_early > 0)
        n += snprintf(text + n, sizeof(text) - (size_t)n, ", %u held", (unsigned)i.n_early);
    if (i.flagged)
        (void)snprintf(text + n, sizeof(text) - (size_t)n, ", flagged");
    return text;
}
#define ASSERT_STANDS(f, kind, id, want) ASSERT_STR(stands((f), (kind), (id)), (want))

static inline StoreOp *ask_as(Fixture *f, const char *authority, const char *verb, const char *a,
                              const char *b) {
    StoreOp *op = store_op_new(OP_QUERY);
    text_copy(op->query.verb, sizeof(op->query.verb), verb);
    text_copy(op->query.authority, sizeof(op->query.authority), authority);
    op->query.args[0] = a ? strdup(a) : NULL;
    op->query.args[1] = b ? strdup(b) : NULL;
    op->query.n_args = b ? 2 : a ? 1 : 0;
    run(f, op);
    assert_non_null(op->query.table);
    return op;
}

static inline StoreOp *ask_item(Fixture *f, const char *authority, const char *verb, ItemKind kind,
                                const Uuid *id) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return ask_as(f, authority, verb, item_kind_name((int)kind), text);
}

static inline const char *cell(const StoreOp *op, uint32_t row, const char *column) {
    const Table *t = op->query.table;
    for (uint32_t c = 0; c < t->n_columns; c++)
        if (strcmp(t->columns[c].name, column) == 0 && row < table_rows(t))
            return table_cell(t, row, c);
    return "";
}

/* All of a column, with a blank between. */
static inline const char *column(const StoreOp *op, const char *name) {
    static char text[2048];
    size_t n = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < table_rows(op->query.table) && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, i ? " %s" : "%s", cell(op, i, name));
    return text;
}

/* --- time and judgement --------------------------------------------------------------------- */

/* Fires what is due; "answer:0 expiry:0 ..." in order. */
static inline const char *fires(Fixture *f) {
    static char text[512];
    size_t n = 0;
    text[0] = '\0';
    for (bool more = true; more;) {
        StoreOp *op = store_op_new(OP_DUE);
        op->due.limit = 64;
        run(f, op);
        for (uint32_t i = 0; i < op->due.n && n < sizeof(text); i++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%u", n ? " " : "",
                                  timer_name(op->due.fired[i].timer), op->due.fired[i].level);
        more = op->due.more;
        store_op_free(op);
    }
    return text;
}

/* "CODE to NODE" of every notice stored so far, in order. */
static inline const char *notices(Fixture *f) {
    static char text[2048];
    sqlite3_stmt *q = NULL;
    size_t n = 0;
    text[0] = '\0';
    ASSERT_EQ(sqlite3_prepare_v2(f->store->db,
                                 "SELECT envelope, facts FROM message WHERE kind = 92 ORDER BY seq",
                                 -1, &q, NULL),
              SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW && n < sizeof(text)) {
        _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
        const char *why = "";
        ASSERT_OK(codec_decode_message(
            bytes_make(sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0)),
            bytes_make(sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1)),
            bytes_make(NULL, 0), m, &why));
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s to %s", n ? "; " : "",
                              m->facts.notice.code, m->env.audience.nodes[0]);
    }
    sqlite3_finalize(q);
    return text;
}

typedef struct Told {
    RefoldReport report;
    char lines[1024];
} Told;

static inline void take_line(void *data, const char *line) {
    Told *t = data;
    const size_t n = strlen(t->lines);
    (void)snprintf(t->lines + n, sizeof(t->lines) - n, "%s%s", n ? "; " : "", line);
}

/* With the store closed meanwhile. */
static inline Told refold(Fixture *f, bool write) {
    Told t = { .lines = "" };
    char scratch[128];
    (void)snprintf(scratch, sizeof(scratch), "%s/scratch", f->folder);
    f->store = store_close(f->store);
    const int r = store_refold(&f->config, scratch, write, &t.report, take_line, &t, f->why);
    if (r < 0)
        fail_msg("refold: %d %s", r, f->why);
    ASSERT_EQ(access(scratch, F_OK), -1);
    fixture_open(f);
    return t;
}

/* The items are what the acts say, the timers theirs, the tally counts them. */
static inline void assert_lawful(Fixture *f) {
    const Told t = refold(f, false);
    ASSERT_STR(t.lines, "");
    ASSERT_EQ(t.report.different, 0);
    ASSERT_EQ(t.report.unread, 0);
}
