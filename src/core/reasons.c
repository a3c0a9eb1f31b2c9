/* SPDX-License-Identifier: Apache-2.0 */

/* The vocabulary of technical reasons, and lists of reasons. */

#include "core/reasons.h"
#include "base/text.h"

const ReasonCode reason_codes[] = {
    { "MALFORMED", "The message cannot be read; the field says what is wrong.",
      "Pesan tidak dapat dibaca; kolom field menyebut apa yang salah." },
    { "WRONG_SENDER", "The sender is not the node this session speaks for.",
      "Pengirim bukan simpul yang diwakili sesi ini." },
    { "NO_RIGHT", "The key has not the right to publish this; the text names it.",
      "Kunci tidak berhak mengirim ini; teks menyebut hak yang kurang." },
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
    { "SLOW_DOWN", "Too many messages of this node are refused; try again later.",
      "Terlalu banyak pesan dari simpul ini ditolak; coba lagi nanti." },
    { "SENDER_FULL", "Too many messages of this sender wait for delivery; try again later.",
      "Terlalu banyak pesan dari pengirim ini menunggu penyerahan; coba lagi nanti." },
    { "NEIGHBOUR_FULL", "Too much of what this neighbour brought waits for delivery.",
      "Terlalu banyak pesan dari simpul tetangga ini menunggu penyerahan." },
    { "MAILBOX_FULL", "Too many messages wait in the mailbox of the recipient; try again later.",
      "Terlalu banyak pesan menunggu di kotak pesan penerima; coba lagi nanti." },
    { "DEAD_LETTERS", "Too many messages of this sender are dead letters; an operator must look.",
      "Terlalu banyak pesan dari pengirim ini gagal diserahkan; operator perlu memeriksa." },
    { "NOT_HOME", "This broker is not the home of the sender: publish at its home broker.",
      "Broker ini bukan broker asal pengirim: kirimkan melalui broker asalnya." },
    { "NOT_YOURS", "The message was sent by another node.", "Pesan dikirim oleh simpul lain." },
    { "NO_SUCH_MESSAGE", "This broker knows no such message.",
      "Broker ini tidak mengenal pesan itu." },
    { "SUPERIOR_DECIDES", "Sent on too often, or back: the common superior has to decide.",
      "Dialihkan terlalu sering atau kembali: atasan bersama harus memutuskan." },
    { "ILLEGAL_STEP", "This step does not follow from how the matter stands; it is on record.",
      "Langkah ini tidak sesuai dengan keadaan perkara; sudah dicatat." },
    { "HELD_EARLY", "What must come before this is not here yet; it is held and applied then.",
      "Pesan yang mendahului belum tiba; pesan ini disimpan dan diterapkan kemudian." },
    { "RECORD_NOT_APPLIED", "The record is on its way, but changes nothing in this directory.",
      "Data lembaga diteruskan, tetapi tidak mengubah direktori ini." },
    { "HOLDER_ADDED", "The lawful holder of the complaint was added to the recipients.",
      "Pemegang pengaduan menurut ketentuan ditambahkan sebagai penerima." },
    { "UNSIGNED", "The sender has to sign, and the message is not signed.",
      "Pengirim wajib menandatangani, dan pesan ini tidak bertanda tangan." },
    { "BAD_SIGNATURE", "The signature is not one of this envelope by a valid key of the sender.",
      "Tanda tangan bukan milik amplop ini dengan kunci pengirim yang berlaku." },
    { "SEALED_NOT_FOR",
      "The sealed part is not sealed to any key of this recipient; its sender is "
      "asked for a wrap.",
      "Bagian tersegel tidak disegel untuk kunci penerima ini; pengirim diminta "
      "membungkus ulang kuncinya." },
    { "NO_SEAL_KEY", "This recipient has no key anything can be sealed to.",
      "Penerima ini tidak memiliki kunci untuk penyegelan." },
    { "SEAL_KEY_NOT_PROVEN", "The hub's directory does not prove the keys of this recipient.",
      "Direktori pusat tidak membuktikan kunci penerima ini." },
    { "TOO_MANY_SEAL_KEYS", "The recipients have more keys than a part can be sealed to.",
      "Kunci para penerima terlalu banyak untuk satu bagian tersegel." },
    { "RECALLED_BEFORE",
      "The recall was ordered before; its outcome is told in the receipts of the message.",
      "Penarikan sudah pernah diminta; hasilnya ada pada tanda terima pesan itu." },
    { "RECALL_TOO_LATE", "Every recipient has an outcome already.",
      "Semua penerima sudah memiliki hasil akhir." },
};
const size_t reason_codes_count = ARRAY_SIZE(reason_codes);

Reason *reasons_new(Reasons *r, bool warning) {
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
    Reason *slot = reasons_new(r, false);
    if (slot)
        reason_fill(slot, code, field, text_en, text_id);
}

void reasons_warn(Reasons *r, const char *code, const char *field) {
    Reason *slot = reasons_new(r, true);
    if (slot)
        reason_fill(slot, code, field, NULL, NULL);
}

bool reasons_have(const Reasons *r, const char *code) {
    for (uint32_t i = 0; i < r->n; i++)
        if (strcmp(r->list[i].code, code) == 0)
            return true;
    return false;
}

void reasons_codes(const Reasons *r, char *ret, size_t size) {
    size_t n = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < r->n; i++) {
        const size_t more = strlen(r->list[i].code) + (i > 0);
        if (n + more >= size)
            return;
        if (i > 0)
            ret[n++] = ' ';
        (void)text_copy(ret + n, size - n, r->list[i].code);
        n += more - (i > 0);
    }
}
