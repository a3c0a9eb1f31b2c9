/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds: facts alone, key files, answers, handshakes, what a broker says to a client, and damage.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fuzz/make-corpus.h"
#include "net/keys.h"
#include "unit/sealed-golden.h"
#include "wire/kinds.h"

/* --- facts and frames in other clothes --- */

/* As fuzz-facts.c counts kinds. */
static unsigned number_of_kind(int kind) {
    unsigned n = 0;
    for (int k = 1; k < kind; k++)
        n += kind_facts(k) != NULL;
    return n;
}

void put_facts(const char *name, int kind, Bytes facts) {
    Buf b = { 0 };
    add_byte(&b, number_of_kind(kind));
    buf_add(&b, facts.p, facts.n);
    put_buf("facts", name, &b);
    Buf g = { 0 };
    add_byte(&g, (unsigned)kind);
    buf_add(&g, facts.p, facts.n);
    put_buf("guard", name, &g);
}

/* As the store keeps them. */
static void put_packed(const char *name, int kind, const Facts *f) {
    uint8_t packed[FACTS_PACKED_MAX];
    const size_t n = facts_pack(kind, f, packed, sizeof(packed));
    Buf b = { 0 };
    FUZZ_CHECK(n > 0);
    add_byte(&b, (unsigned)kind);
    buf_add(&b, packed, n);
    put_buf("facts-packed", name, &b);
}

/* Every row of a kind with something in it; its texts and lists stay short. */
static void pack_of_kind(int kind) {
    Facts f = { 0 };
    size_t n;
    char name[32];
    const FactField *rows = facts_fields(kind, &n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = (uint8_t *)&f + rows[i].offset;
        const Document document = { true, ISSUER_KIND_OTHER, { 2025, 3, 10 }, "hub" };
        const Staff staff = { true, true, HR_ROLE_DOCTOR, { 2027, 8, 31 } };
        const CivilDate day = { 2025, 3, 10 };
        const uint32_t two = 2;
        if (rows[i].type == FACT_DATE)
            memcpy(at, &day, sizeof(day));
        else if (rows[i].type == FACT_STAFF)
            memcpy(at, &staff, sizeof(staff));
        else if (rows[i].type == FACT_DOCUMENT)
            memcpy(at, &document, sizeof(document));
        else if (rows[i].type == FACT_DOCUMENTS)
            memcpy(at + 7 * sizeof(document), &document, sizeof(document));
        else if (rows[i].type == FACT_IDS)
            memcpy((uint8_t *)&f + rows[i].count, &two, sizeof(two));
        else
            at[0] = rows[i].type == FACT_TEXT ? 'a' : 1;
    }
    (void)snprintf(name, sizeof(name), "kind-%d", kind);
    put_packed(name, kind, &f);
}

static void facts_of_examples(void) {
    struct dirent **list = NULL;
    const int n = scandir(source_path("tests/examples"), &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        JsonMessage m = { 0 };
        Envelope e;
        const char *why = NULL;
        char name[300], reason[JSON_WHY_SIZE];
        size_t size;
        if (is_seed(list[i]->d_name)) {
            (void)snprintf(name, sizeof(name), "tests/examples/%s", list[i]->d_name);
            _cleanup_(freep) char *text = read_text(name, &size);
            FUZZ_CHECK(json_parse_message(text, size, "dsk/3203", NOW_MS, &m, reason) == 0);
            if (codec_decode_envelope(bytes_make(m.envelope, m.n_envelope), &e, &why) == 0)
                put_facts(list[i]->d_name, e.kind, bytes_make(m.facts, m.n_facts));
            json_message_deinit(&m);
        }
        free(list[i]);
    }
    free(list);
    for (int kind = 1; kind < 100; kind++) /* the others: a first field of each type */
        if (kind_facts(kind)) {
            char name[32];
            (void)snprintf(name, sizeof(name), "kind-%d", kind);
            put_facts(name, kind, bytes_make("\x08\x01\x12\x02\x08\x01\x1a\x01x\x20\x01", 11));
            pack_of_kind(kind);
        }
}

static void frames_again(void) {
    for (int kind = FRAME_HELLO; kind <= FRAME_BUNDLE; kind++) {
        Frame f;
        uint8_t *p;
        size_t n;
        char name[32];
        fill(&f, kind);
        encode(&f, &p, &n);
        (void)snprintf(name, sizeof(name), "frame-%02d", kind);
        Buf g = { 0 };
        add_byte(&g, 0);
        buf_add(&g, p, n);
        put_buf("guard", name, &g);
        if (kind == FRAME_RESULT || kind == FRAME_PUBLISHED)
            put("answer", name, bytes_make(p, n));
        free(p);
    }
}

/* --- sealed parts --- */

static void put_sealed(const char *name, const Sealed *s) {
    uint8_t *p = NULL;
    size_t n = 0;
    FUZZ_CHECK(codec_encode_sealed(s, &p, &n) == 0);
    put("sealed", name, bytes_make(p, n));
    free(p);
}

static void sealed_parts(void) {
    const Bytes part = golden_part();
    Sealed s = { 0 };
    const char *why;
    FUZZ_CHECK(codec_decode_sealed(part, &s, &why) == 0);
    put("sealed", "two-recipients", part);
    put("sealed", "cut", bytes_make(part.p, part.n - 7));
    put("sealed", "empty", bytes_make("", 0));
    s.wraps[2] = s.wraps[0]; /* one twice */
    s.wraps[3] = s.wraps[1];
    s.wraps[3].key = s.wraps[0].key;
    s.n_wraps = 4;
    s.n_body = 40;
    put_sealed("short-body", &s);
    s.n_wraps = 0;
    put_sealed("no-wraps", &s);
    sealed_deinit(&s);
    free((void *)part.p);
}

/* --- keys, handshakes --- */

/* The pair of the CURVE example in the ZeroMQ manual. */
#define CURVE_PAIR                                                                                 \
    "curve-public = rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n"                                    \
    "curve-secret = JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6\n"

static void keys_of_few_pairs(void) {
    put_text("keys", "curve-alone", CURVE_PAIR);
    put_text("keys", "half-a-pair",
             CURVE_PAIR "ed25519-public = AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI=\n");
    put_text("keys", "zero-pair",
             CURVE_PAIR "x25519-public = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                        "x25519-secret = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
}

static void keys(void) {
    NodeKeys k;
    char path[64] = "/tmp/make-corpus-XXXXXX", text[4096];
    if (access(source_path("tests/fuzz/corpus/keys/whole"), F_OK) == 0)
        return; /* other keys each time */
    FUZZ_CHECK(mkdtemp(path));
    (void)strcat(path, "/keys");
    FUZZ_CHECK(keys_generate(&k) == 0 && keys_save(&k, path) == 0);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, text, sizeof(text));
    FUZZ_CHECK(fd >= 0 && n > 0);
    (void)close(fd);
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
    put("keys", "whole", bytes_make(text, (size_t)n));
    put("keys", "half", bytes_make(text, (size_t)n / 2));
    put_text("keys", "empty-lines", "\n\n\n");
    put_text("keys", "no-values", "curve-public =\ncurve-secret =\n");
}

static void handshakes(void) {
    static const char *const curve[] = {
        "", "1.0", "id", "serasi", "127.0.0.1", "", "CURVE", NULL
    };
    static const char *const local[] = { "", "1.0",  "id", "serasi", "localhost:0:0:1",
                                         "", "NULL", NULL };
    static const char *const *const all[] = { curve, local };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        Buf b = { 0 };
        unsigned n = 0;
        while (all[i][n])
            n++;
        add_byte(&b, n - 1 + (i == 0));
        for (unsigned k = 0; k < n; k++)
            add_part(&b, bytes_make(all[i][k], strlen(all[i][k])));
        if (i == 0)
            add_part(&b, bytes_make("0123456789abcdef0123456789abcdef", 32));
        put_buf("zap", i == 0 ? "curve" : "local", &b);
    }
}

/* --- a broker and its client (steps as in fuzz-client.c) --- */

static void broker_says(Buf *b, Frame *f, Bytes envelope, Bytes facts) {
    uint8_t *p;
    size_t n;
    encode(f, &p, &n);
    add_byte(b, envelope.n > 0 ? 3U << 4 : 1U << 4);
    add_part(b, bytes_make(p, n));
    if (envelope.n > 0) {
        add_part(b, envelope);
        add_part(b, facts);
    }
    free(p);
}

static void client_session(void) {
    const Bytes facts = bytes_make("\x10\x01", 2), none = { 0 };
    uint8_t *p;
    size_t n;
    Frame f;
    Envelope e = sample_envelope(KIND_CASE_RESPONSE, AUDIENCE_NODES, facts, none);
    FUZZ_CHECK(codec_encode_envelope(&e, &p, &n) == 0);
    for (int kind = FRAME_HELLO; kind <= FRAME_BUNDLE; kind++) {
        char name[32];
        Buf b = { 0 };
        add_byte(&b, 10); /* subscribe to the mailbox */
        add_byte(&b, 1);
        add_byte(&b, 9); /* publish */
        add_byte(&b, 6); /* connected */
        fill(&f, FRAME_WELCOME);
        broker_says(&b, &f, none, none);
        fill(&f, FRAME_SUBSCRIBED);
        f.subscribed.channel = 1;
        broker_says(&b, &f, none, none);
        for (unsigned i = 0; i < 2; i++) {
            fill(&f, FRAME_DELIVER);
            f.deliver.channel = 1;
            f.deliver.tag = i + 1;
            broker_says(&b, &f, bytes_make(p, n), facts);
            add_byte(&b, 11); /* taken and settled */
            add_byte(&b, i + 1);
        }
        fill(&f, kind);
        broker_says(&b, &f, none, none);
        add_byte(&b, 12);
        add_byte(&b, 14);
        add_byte(&b, 7); /* lost, and back */
        add_byte(&b, 6);
        fill(&f, FRAME_WELCOME);
        broker_says(&b, &f, none, none);
        (void)snprintf(name, sizeof(name), "session-%02d", kind);
        put_buf("client", name, &b);
    }
    free(p);
}

/* --- damage --- */

static void edits(const char *name, unsigned flags, const unsigned (*list)[2], size_t n) {
    Buf b = { 0 };
    add_byte(&b, flags);
    for (size_t i = 0; i < n; i++) {
        add_byte(&b, list[i][0] >> 16);
        add_byte(&b, list[i][0] >> 8 & 255);
        add_byte(&b, list[i][0] & 255);
        add_byte(&b, list[i][1]);
    }
    put_buf("store", name, &b);
}

static void damaged_stores(void) {
    static const unsigned one[][2] = { { 20000, 1 } }, header[][2] = { { 20, 1 }, { 60, 1 } },
                          log_header[][2] = { { 17, 1 } },
                          pages[][2] = { { 4096, 8 },  { 8192, 8 },  { 12288, 8 },
                                         { 16384, 8 }, { 20480, 8 }, { 24576, 8 } };
    edits("sound", 0, one, 0);
    edits("sound-log", 1, one, 0);
    edits("one-byte", 0, one, 1);
    edits("one-byte-right", 2, one, 1);
    edits("one-byte-of-the-log", 1, one, 1);
    edits("header", 0, header, 2);
    edits("header-right", 2, header, 2);
    edits("log-header", 1, log_header, 1);
    edits("page-types-right", 2, pages, ARRAY_SIZE(pages));
    for (unsigned i = 0; i < 40; i++) { /* one place on each page */
        const unsigned at[][2] = { { i * 4096 + 4096 - 40 - i * 7, 3 } };
        char name[32];
        (void)snprintf(name, sizeof(name), "page-%02u-right", i);
        edits(name, 2, at, 1);
    }
}

/* A log of small pages and some transactions. */
static void logs(void) {
    char path[64] = "/tmp/make-corpus-XXXXXX", db[80], wal[96];
    static uint8_t bytes[65536];
    sqlite3 *d = NULL;
    FUZZ_CHECK(mkdtemp(path));
    (void)snprintf(db, sizeof(db), "%s/db", path);
    (void)snprintf(wal, sizeof(wal), "%s-wal", db);
    FUZZ_CHECK(sqlite3_open(db, &d) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_exec(d,
                            "PRAGMA page_size = 512; PRAGMA journal_mode = WAL;"
                            "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(900));"
                            "INSERT INTO t VALUES(1); INSERT INTO t VALUES(2)",
                            NULL, NULL, NULL) == SQLITE_OK);
    const int fd = open(wal, O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, bytes, sizeof(bytes));
    FUZZ_CHECK(fd >= 0 && n > 2000);
    (void)close(fd);
    sqlite3_close(d);
    (void)unlink(db);
    (void)rmdir(path);
    put("wal", "whole", bytes_make(bytes, (size_t)n));
    put("wal", "torn", bytes_make(bytes, (size_t)n - 300));
    bytes[700] ^= 1;
    put("wal", "damaged", bytes_make(bytes, (size_t)n));
    bytes[700] ^= 1;
    bytes[9] ^= 1;
    put("wal", "damaged-header", bytes_make(bytes, (size_t)n));
    put("wal", "header-alone", bytes_make(bytes, 32));
}

void parts_and_damage(void) {
    facts_of_examples();
    frames_again();
    sealed_parts();
    keys_of_few_pairs();
    keys();
    handshakes();
    client_session();
    damaged_stores();
    logs();
}
