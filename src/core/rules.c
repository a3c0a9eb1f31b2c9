/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of rules (domain 3) in order of id, and the vocabulary of technical reasons. Each rule
 * looks only at its input and says nothing when what it needs is missing: the missing thing has a
 * reason of its own.
 */

#include "core/rules.h"
#include "base/text.h"

/* ---
 * ------------------------------------------------------------------------------------------ */

/* The first region of the envelope that nobody knows; NULL when all are known. */
static const char *unknown_region(const RuleInput *in) {
    const Envelope *e = &in->message->env;
    const Audience *a = &e->audience;
    if (!directory_region_is_known(in->directory, e->region))
        return e->region;
    if (a->form == AUDIENCE_ROLE && !directory_region_is_known(in->directory, a->role_region))
        return a->role_region;
    for (uint32_t i = 0; a->form == AUDIENCE_SCOPE && i < a->n && i < AUDIENCE_SCOPE_MAX; i++)
        if (!directory_region_is_known(in->directory, a->scope[i]))
            return a->scope[i];
    return NULL;
}

static bool region_is_unknown(const RuleInput *in) {
    return unknown_region(in) != NULL;
}

/* ---
 * ------------------------------------------------------------------------------------------ */

/* Systems that speak for one owner, their supervising node (domain 1.1, P7 Pasal 33). */
static bool acts_for_owner(int kind) {
    return kind == NODE_REGIONAL_REFERRAL_SYSTEM || kind == NODE_BASIC_SERVICE_SYSTEM ||
           kind == NODE_INTEGRATION_CLIENT;
}

static bool kind_may_publish(const KindInfo *info, int node_kind) {
    return node_kind > NODE_UNSPECIFIED && node_kind < NODE_KIND_MAX_ &&
           (info->publishers >> node_kind & 1U);
}

static bool sender_has_no_right(const RuleInput *in) {
    const KindInfo *info = kind_info(in->message->env.kind);
    if (!info || info->kind == KIND_RECEIPT) /* newer than this broker; reserved for brokers */
        return false;
    if (!in->sender || in->sender->inactive)
        return true;
    if (kind_may_publish(info, in->sender->kind))
        return false;
    if (!acts_for_owner(in->sender->kind))
        return true;
    const DirNode *owner = directory_node(in->directory, in->sender->parent);
    return !owner || owner->inactive || !kind_may_publish(info, owner->kind);
}

/* ---
 * ---------------------------------------------------------------------------- */

static bool personal_data_is_clear(const RuleInput *in) {
    return in->message->facts.personal_field[0] != '\0';
}

static bool cluster_is_missing(const RuleInput *in) {
    const KindInfo *info = kind_info(in->message->env.kind);
    return info && info->case_bearing && in->message->env.cluster == CLUSTER_ANY;
}

static bool dates_are_impossible(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    const CivilDate starts[] = { f->outside_service_started_on, f->home_service_started_on };
    CivilDate today = civil_at(in->now_ms, region_utc_offset_min(in->message->env.region));
    bool asked = civil_is_set(f->requested_on);
    if (asked && (!civil_is_valid(f->requested_on) || civil_compare(f->requested_on, today) > 0))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        if (!civil_is_set(starts[i]))
            continue;
        if (!civil_is_valid(starts[i]) || civil_compare(starts[i], today) > 0 ||
            (asked && civil_compare(starts[i], f->requested_on) > 0))
            return true;
    }
    return false;
}

/* --- the table
 * -------------------------------------------------------------------------------------- */

const Rule rules_table[] = {
    { "R-001", SEVERITY_REFUSE, "Kepmendagri 300.2.2-2138/2025", "Unknown region code {r}.",
      "Kode wilayah {r} tidak dikenal.", "region", region_is_unknown },
    { "R-002", SEVERITY_REFUSE, "P7 Pasal 6, Pasal 32; P4 Pasal 8 ayat (3), Pasal 9 ayat (1)",
      "{n} may not send {kind}.", "{n} tidak berwenang mengirim {kind}.", "sender",
      sender_has_no_right },
    { "R-004", SEVERITY_REFUSE, "UU PDP", "Personal data in the clear header.",
      "Data pribadi pada bagian terbuka.", "{f}", personal_data_is_clear },
    { "R-005", SEVERITY_REFUSE, "P7 Pasal 3", "Cluster is required.", "Klaster wajib diisi.",
      "cluster", cluster_is_missing },
    { "R-010", SEVERITY_REFUSE, "P4 Pasal 13 ayat (1), Pasal 14", "Impossible dates.",
      "Tanggal tidak masuk akal.", "requested_on", dates_are_impossible },
};
const size_t rules_count = ARRAY_SIZE(rules_table);

const ReasonCode reason_codes[] = {
    { "MALFORMED", "The message cannot be read; the field says what is wrong.",
      "Pesan tidak dapat dibaca; kolom field menyebut apa yang salah." },
    { "WRONG_SENDER", "The sender is not the node this session speaks for.",
      "Pengirim bukan simpul yang diwakili sesi ini." },
    { "UNKNOWN_SENDER", "The sender is not in the directory.", "Pengirim tidak ada di direktori." },
    { "SENDER_INACTIVE", "The sender is not active in the directory.",
      "Pengirim tidak aktif di direktori." },
    { "TOO_LARGE", "A part of the message is over its limit.",
      "Salah satu bagian pesan melebihi batas." },
    { "DIGEST_MISMATCH", "The digest in the envelope does not fit the part that came with it.",
      "Sidik data pada amplop tidak cocok dengan bagian yang dikirim." },
    { "KIND_MISSING", "The kind of message is not given.", "Jenis pesan belum diisi." },
    { "RESERVED_KIND", "Only brokers write messages of this kind.",
      "Jenis pesan ini hanya dibuat oleh broker." },
    { "BAD_SCHEMA", "The schema version is not given.", "Versi skema belum diisi." },
    { "FACTS_UNREADABLE", "The facts cannot be decoded as this kind of message.",
      "Bagian fakta tidak dapat dibaca sebagai jenis pesan ini." },
    { "URGENCY_MISSING", "The urgency is not given.", "Tingkat kemendesakan belum diisi." },
    { "URGENCY_NOT_ALLOWED", "Only extraordinary events may have this urgency.",
      "Kemendesakan ini hanya untuk kejadian luar biasa." },
    { "BAD_TIME", "The time of creation is missing, in the future, or too long ago.",
      "Waktu pembuatan kosong, di masa depan, atau terlalu lama." },
    { "EXPIRED", "The message has expired.", "Pesan sudah kedaluwarsa." },
    { "BAD_EXPIRY", "The expiry lies before the creation or too far away.",
      "Batas waktu mendahului pembuatan atau terlalu jauh." },
    { "NO_AUDIENCE", "The audience is missing, or given in more than one form.",
      "Tujuan belum diisi, atau diisi lebih dari satu bentuk." },
    { "TOO_MANY_RECIPIENTS", "The audience has too many entries.", "Tujuan terlalu banyak." },
    { "UNKNOWN_RECIPIENT", "The recipient is not in the directory.",
      "Penerima tidak ada di direktori." },
    { "RECIPIENT_INACTIVE", "The recipient is not active in the directory.",
      "Penerima tidak aktif di direktori." },
    { "UNROUTABLE", "No broker is known to lead to the recipient.",
      "Tidak ada broker yang diketahui menuju penerima." },
    { "SCOPE_NOT_ALLOWED", "Only extraordinary events without case data may go to a scope.",
      "Hanya kejadian luar biasa tanpa data kasus yang boleh disiarkan." },
    { "ROLE_FALLBACK", "No node of this role serves the region; another one gets the message.",
      "Tidak ada simpul dengan peran ini di wilayah; pesan diterima simpul lain." },
    { "STORE_FULL", "The store is full; try again later.", "Penyimpanan penuh; coba lagi nanti." },
    { "WINDOW", "Too many messages wait for an answer; try again later.",
      "Terlalu banyak pesan menunggu jawaban; coba lagi nanti." },
    { "NOT_YOURS", "The message was sent by another node.", "Pesan dikirim oleh simpul lain." },
    { "NO_SUCH_MESSAGE", "This broker knows no such message.",
      "Broker ini tidak mengenal pesan itu." },
    { "RECALL_TOO_LATE", "Every recipient has an outcome already.",
      "Semua penerima sudah memiliki hasil akhir." },
};
const size_t reason_codes_count = ARRAY_SIZE(reason_codes);

/* --- reasons
 * ---------------------------------------------------------------------------------------- */

/* A slot for one more reason, counted; NULL when the list is full. */
static Reason *reason_new(Reasons *r, bool warning) {
    if (!warning)
        r->n_refusals++;
    if (r->n >= REASONS_MAX)
        return NULL;
    Reason *slot = &r->list[r->n++];
    *slot = (Reason) { .warning = warning };
    return slot;
}

static void reason_fill(Reason *slot, const char *code, const char *field, const char *text_en,
                        const char *text_id) {
    for (size_t i = 0; !text_en && i < reason_codes_count; i++)
        if (strcmp(reason_codes[i].code, code) == 0) {
            text_en = reason_codes[i].text_en;
            text_id = reason_codes[i].text_id;
        }
    (void)text_copy(slot->code, sizeof(slot->code), code);
    (void)text_copy(slot->field, sizeof(slot->field), field);
    (void)text_copy(slot->text_en, sizeof(slot->text_en), text_en);
    (void)text_copy(slot->text_id, sizeof(slot->text_id), text_id);
}

void reasons_add(Reasons *r, const char *code, const char *field, const char *text_en,
                 const char *text_id) {
    Reason *slot = reason_new(r, false);
    if (slot)
        reason_fill(slot, code, field, text_en, text_id);
}

void reasons_warn(Reasons *r, const char *code, const char *field) {
    Reason *slot = reason_new(r, true);
    if (slot)
        reason_fill(slot, code, field, NULL, NULL);
}

/* Copies a template with its {placeholders} filled in; what does not fit is cut. */
static void text_expand(char *dst, size_t size, const char *template, const RuleInput *in) {
    const Envelope *e = &in->message->env;
    const KindInfo *info = kind_info(e->kind);
    const char *region = unknown_region(in);
    const struct {
        const char *mark, *value;
    } marks[] = {
        { "{r}", region ? region : e->region },
        { "{n}", e->sender },
        { "{kind}", info ? info->name : "this kind" },
        { "{f}", in->message->facts.personal_field },
    };
    size_t n = 0;
    while (*template && n + 1 < size) {
        size_t i = 0;
        while (i < ARRAY_SIZE(marks) && !text_starts_with(template, marks[i].mark))
            i++;
        if (i == ARRAY_SIZE(marks)) {
            dst[n++] = *template ++;
            continue;
        }
        (void)text_copy(dst + n, size - n, marks[i].value);
        n += strlen(dst + n);
        template += strlen(marks[i].mark);
    }
    dst[n] = '\0';
}

void rules_check(const RuleInput *in, Reasons *reasons) {
    for (size_t i = 0; i < rules_count; i++) {
        const Rule *rule = &rules_table[i];
        if (!rule->violated(in))
            continue;
        Reason *slot = reason_new(reasons, rule->severity == SEVERITY_WARN);
        if (!slot)
            continue;
        (void)text_copy(slot->code, sizeof(slot->code), rule->id);
        (void)text_copy(slot->legal_basis, sizeof(slot->legal_basis), rule->pasal);
        text_expand(slot->text_en, sizeof(slot->text_en), rule->text_en, in);
        text_expand(slot->text_id, sizeof(slot->text_id), rule->text_id, in);
        text_expand(slot->field, sizeof(slot->field), rule->field, in);
    }
}
