/* SPDX-License-Identifier: Apache-2.0 */

/* The words of the machines, in both languages. Rules that say the same have the same texts. */

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "law/whys.h"

static const struct {
    const char *why, *en, *id;
} words[] = {
    { "NOT_THE_TARGET", "Only the node the referral went to may do this.",
      "Hanya lembaga tujuan rujukan yang dapat melakukan ini." },
    { "NOT_THE_REQUESTER", "Only the node that asked for the referral may do this.",
      "Hanya pemohon rujukan yang dapat melakukan ini." },
    { "NOT_THE_HOLDER", "Only the holder of the complaint may do this.",
      "Hanya pemegang pengaduan yang dapat melakukan ini." },
    { "NOT_THE_ASSIGNEE", "Only the node the complaint was assigned to may do this.",
      "Hanya lembaga yang ditugasi yang dapat melakukan ini." },
    { "NOT_THE_REPORTER", "Only the reporting node or the holder may reopen the complaint.",
      "Hanya pelapor atau pemegang yang dapat membuka kembali pengaduan." },
    { "NOT_TO_FAMILY", "Visits belong to a referral to the family.",
      "Pemantauan hanya untuk rujukan ke keluarga." },
    { "NOT_ACCEPTED", "Accept the referral first.", "Terima rujukan terlebih dahulu." },
    { "NOT_RESOLVED", "A complaint must be followed up before closing.",
      "Pengaduan harus ditindaklanjuti sebelum ditutup." },
    { "ALREADY_ACCEPTED", "The referral has been accepted; ask for its cancellation instead.",
      "Rujukan sudah diterima; mintalah pembatalan." },
    { "ALREADY_PLACED", "The person has been placed; the referral cannot be cancelled.",
      "Klien sudah ditempatkan; rujukan tidak dapat dibatalkan." },
    { "ALREADY_CLOSED", "The matter has ended already.", "Perkara sudah selesai." },
    { "WRONG_STATE", "This step does not fit the state the matter is in.",
      "Langkah ini tidak sesuai dengan status perkara." },
    { "UNKNOWN_STEP", "This broker does not know the step.", "Langkah ini tidak dikenal." },
    { "ONLY_AN_EXERCISE", "An exercise or a test cannot change a matter that is meant.",
      "Latihan atau uji coba tidak dapat mengubah perkara sungguhan." },
    { "NOTHING_ASKED_FOR", "Say which documents are missing.",
      "Sebutkan dokumen yang belum lengkap." },
    { "NOTHING_NAMED", "Name the case or the event it became.",
      "Sebutkan kasus atau kejadian penggantinya." },
    { "NOBODY_NAMED", "Name an active node that is to take it.",
      "Sebutkan lembaga aktif yang akan menangani." },
    { "REDIRECT_TO_NOBODY", "Name another active node to redirect to.",
      "Sebutkan lembaga aktif lain sebagai tujuan pengalihan." },
    { "REPORTED_NODE", "The reported node may not handle it.",
      "Pihak terlapor tidak boleh menangani." },
    { "NO_SUPERIOR", "There is no higher level to hold it.",
      "Tidak ada tingkat yang lebih tinggi." },
    { "SUPERIOR_MUST_DECIDE", "The common superior has to name who takes it.",
      "Atasan bersama harus menetapkan siapa yang menangani." },
    { "TOO_LATE_TO_REOPEN", "A complaint can be reopened for 30 days after its closing.",
      "Pengaduan dapat dibuka kembali paling lama 30 hari setelah ditutup." },
    { "NO_MINUTES", "The handover minutes are missing.", "Berita acara serah terima belum ada." },
    { "DOCUMENTS_MISSING", "Documents required at the placement are missing.",
      "Dokumen yang wajib pada saat penempatan belum lengkap." },
    { "NOT_AUTHORISED", "This node may not do this.", "Simpul ini tidak berwenang melakukan ini." },
    { "CASE_IS_CLOSED", "The case has ended; a new one needs a new case id.",
      "Kasus sudah selesai; kasus baru memerlukan nomor kasus baru." },
    { "CASE_IS_OPEN",
      "The case is open with another provider, and no referral or transfer of it was accepted.",
      "Kasus masih dibuka pemberi layanan lain dan belum ada rujukan atau alih kasus yang "
      "diterima." },
    { "TRANSFERRED_AWAY", "The case was handed to another node; only that one goes on with it.",
      "Kasus sudah dialihkan; hanya penerima yang melanjutkan." },
    { "NOT_THE_PROVIDER", "Only the node that leads the case may do this.",
      "Hanya pemberi layanan kasus yang dapat melakukan ini." },
    { "STAGE_OUT_OF_ORDER", "Stage out of order.", "Tahapan tidak berurutan." },
    { "TERMINATION_TOO_EARLY", "Termination before stage 7.", "Terminasi sebelum tahap 7." },
    { "NOT_SUPERVISED", "Social work supervision missing.",
      "Supervisi pekerjaan sosial belum ada." },
    { "SUPERVISOR_NOT_COMPETENT", "Supervisor lacks competence.", "Supervisor tidak berkompeten." },
    { "NO_INITIAL_APPROACH", "No initial approach recorded.", "Pendekatan awal belum dicatat." },
    { "NO_ASSESSMENT_ASPECT", "No assessment aspect.", "Aspek asesmen belum diisi." },
    { "PLANNING_INCOMPLETE", "Planning steps incomplete.", "Langkah perencanaan belum lengkap." },
    { "NO_APPROACH_OR_FORM", "Approach and service form required.",
      "Basis dan bentuk layanan wajib diisi." },
    { "NO_DURATION_BASIS", "Basis of duration missing.", "Dasar jangka waktu belum ada." },
    { "NO_ASSESSMENT", "Aftercare needs a social worker's assessment.",
      "Pascalayanan harus berdasar asesmen Pekerja Sosial." },
    { "NO_CASE_MANAGER", "Case manager must be a certified social worker.",
      "Manajer kasus harus Pekerja Sosial bersertifikat." },
    { "NO_ACCESS_SOURCE", "Access source missing.", "Sumber fasilitasi akses belum diisi." },
    { "NOT_AN_EMERGENCY", "Case response is for emergencies.",
      "Respon kasus hanya untuk darurat." },
    { "EVENT_IS_CLOSED", "The event has ended.", "Kejadian sudah berakhir." },
    { "EVENT_IS_VERIFIED", "A verified event cannot become a false alarm; close or cancel it.",
      "Kejadian terverifikasi tidak dapat menjadi alarm palsu; tutup atau batalkan." },
    { "NO_DECLARATION", "An event becomes active by a declaration or by its lead.",
      "Kejadian menjadi aktif dengan penetapan atau keputusan pemimpin penanganan." },
    { "STALE_REFERENCE", "It does not refer to the message that stands for the event now.",
      "Tidak merujuk pada pesan kejadian yang berlaku sekarang." },
    { "STATUS_SKIPPED", "The status does not follow from the one before.",
      "Status tidak sesuai urutan." },
    { "UNKNOWN_STATUS", "This broker does not know the status.", "Status ini tidak dikenal." },
    { "UNKNOWN_RESULT", "This broker does not know the result.", "Hasil ini tidak dikenal." },
    { "BACKWARDS", "The proposal is further on already.", "Usulan sudah melewati tahap itu." },
    { "ALREADY_LISTED", "The person is in the register already.", "Orang ini sudah terdata." },
    { "ALREADY_REJECTED", "The proposal was rejected already; propose again.",
      "Usulan sudah ditolak; ajukan usulan baru." },
    { "ALREADY_PROPOSED", "It was proposed already.", "Sudah diusulkan." },
    { "TOO_MANY_HELD", "Too many steps wait for one that is not here.",
      "Terlalu banyak langkah menunggu langkah yang belum ada." },
};

bool step_why_texts(const char *why, const char **ret_en, const char **ret_id) {
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i].why, why) == 0) {
            *ret_en = words[i].en;
            *ret_id = words[i].id;
            return true;
        }
    return false;
}
