/* SPDX-License-Identifier: Apache-2.0 */

/* What brokers answer (results of PUBLISH, tables of QUERY) as JSON, and filters from JSON. */

#include <errno.h>

#include "wire/codec-internal.h"
#include "wire/json-internal.h"

/* --- results --- */

static json_t *of_reason(const Reason *in, bool *failed) {
    json_t *o = json_object();
    json_put_text(o, "code", in->code, failed);
    json_put_text(o, "field", in->field, failed);
    json_put_text(o, "text_en", in->text_en, failed);
    json_put_text(o, "text_id", in->text_id, failed);
    json_put_text(o, "legal_basis", in->legal_basis, failed);
    json_put(o, "warning", json_boolean(in->warning), failed);
    return o;
}

static json_t *of_recipient(const Recipient *in, bool *failed) {
    json_t *o = json_object();
    const char *role = json_enum_short_name(&serasi__v1__recipient_role__descriptor, (int)in->role);
    json_put_text(o, "node", in->node, failed);
    json_put_text(o, "role", role ? role : "", failed);
    return o;
}

static json_t *of_outcome(const OutcomeRow *in, bool *failed) {
    json_t *o = json_object();
    json_put_text(o, "recipient", in->recipient, failed);
    if (in->level != LEVEL_NONE) {
        json_put_text(o, "level", receipt_level_name((int)in->level), failed);
        json_put_text(o, "cause", receipt_cause_name((int)in->cause), failed);
        json_put(o, "said_at", json_of_time(in->said_ms), failed);
        json_put_text(o, "leg", in->leg, failed);
    }
    return o;
}

static void append(json_t *list, json_t *value, bool *failed) {
    *failed |= json_array_append_new(list, value) != 0;
}

static void put_lists(json_t *o, const PublishResult *r, bool *failed) {
    uint32_t n_reasons = r->reasons ? r->reasons->n : 0;
    json_t *recipients = r->n_recipients > 0 ? json_array() : NULL;
    json_t *reasons = n_reasons > 0 ? json_array() : NULL;
    json_t *outcomes = r->n_outcomes > 0 ? json_array() : NULL;
    for (uint32_t i = 0; i < r->n_recipients; i++)
        append(recipients, of_recipient(&r->recipients[i], failed), failed);
    for (uint32_t i = 0; i < n_reasons; i++)
        append(reasons, of_reason(&r->reasons->list[i], failed), failed);
    for (uint32_t i = 0; i < r->n_outcomes; i++)
        append(outcomes, of_outcome(&r->outcomes[i], failed), failed);
    if (r->n_recipients > 0)
        json_put(o, "recipients", recipients, failed);
    if (n_reasons > 0)
        json_put(o, "reasons", reasons, failed);
    if (r->rule_set[0] != '\0')
        json_put(o, "rule_set", json_string(r->rule_set), failed);
    if (r->retry_after_ms > 0)
        json_put(o, "retry_after_ms", json_integer(r->retry_after_ms), failed);
    if (r->n_outcomes > 0)
        json_put(o, "outcomes", outcomes, failed);
}

static json_t *of_proof(const PublishResult *r, const JsonSignature *judgement, Bytes statement,
                        bool *failed) {
    json_t *o = json_of_signature(judgement, failed);
    json_put(o, "statement", json_of_bytes(statement), failed);
    json_put(o, "signature", json_of_bytes(signature_bytes(r->proof)), failed);
    return o;
}

int json_print_result(const PublishResult *r, const JsonSignature *proof, Bytes statement,
                      char **ret) {
    json_t *o = json_object();
    bool failed = !o;
    json_put(o, "message_id", json_of_uuid(&r->message_id), &failed);
    json_put_text(o, "verdict", verdict_name((int)r->verdict), &failed);
    if (r->accepted_ms != 0)
        json_put(o, "accepted_at", json_of_time(r->accepted_ms), &failed);
    put_lists(o, r, &failed);
    if (proof)
        json_put(o, "proof", of_proof(r, proof, statement, &failed), &failed);
    return json_finish(o, failed, false, ret);
}

/* --- tables --- */

/* The column says what the text is; text that is not that stays text. */
static json_t *of_cell(ColumnType type, const char *text) {
    if (type == COLUMN_TEXT)
        return json_string(text);
    if (text[0] == '\0')
        return json_null();
    if (type == COLUMN_BOOL)
        return json_boolean(strcmp(text, "1") == 0);
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return json_string(text);
    if (type == COLUMN_NUMBER)
        return json_integer(v);
    return v == 0 ? json_null() : json_of_time(v);
}

static json_t *of_row(const Table *t, uint32_t row, bool *failed) {
    json_t *o = json_object();
    for (uint32_t i = 0; i < t->n_columns; i++)
        json_put(o, t->columns[i].name, of_cell(t->columns[i].type, table_cell(t, row, i)), failed);
    return o;
}

int json_print_table(const Table *t, bool single, char **ret) {
    bool failed = false;
    uint32_t n = table_rows(t);
    if (single) {
        json_t *row = n > 0 ? of_row(t, 0, &failed) : json_object();
        return json_finish(row, failed, false, ret);
    }
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < n; i++)
        append(list, of_row(t, i, &failed), &failed);
    return json_finish(list, failed, false, ret);
}

/* --- filters --- */

int json_parse_filter(const char *text, Filter *ret, char why[static JSON_WHY_SIZE]) {
    _cleanup_(json_unrefp) json_t *object = NULL;
    _cleanup_(arena_freep) Arena *a = NULL;
    int e = json_begin(text, strlen(text), FACTS_MAX, &object, &a, why);
    if (e < 0)
        return e;
    JsonReader r = { .arena = a, .why = why };
    ProtobufCMessage *m;
    e = json_read_message(&r, object, &serasi__v1__filter__descriptor, &m);
    if (e < 0)
        return e;
    Filter f = { 0 };
    const char *reason = take_filter((const Serasi__V1__Filter *)m, &f);
    if (reason)
        return json_refuse(&r, "%s", reason);
    *ret = f;
    return 0;
}
