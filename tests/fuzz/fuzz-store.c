/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A damaged store: [1 byte: bit 0 the log instead of the database, bit 1 checksums of pages are
 * made right again, so that what is behind them is reached][4 bytes an edit: 3 for the place, high
 * byte first, 1 to be added]. It is opened, read, checked and written to. Whatever the file says:
 * no crash, an honest error, and no message with other bytes than it was accepted with.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "store-config.h"
#include "store/checksum.h"
#include "wire/codec.h"

#define NOW_MS     INT64_C(1741575900000)
#define N_MESSAGES 8U
#define PAGE       4096U
#define HOME       "uptd/32/pa-02"
#define RESERVED   8U

typedef struct Image {
    char folder[64], db[96], wal[104], seal[104];
    Bytes db_bytes, wal_bytes; /* wal_bytes: with a database from before the messages */
    Bytes early_db, early_seal;
    Body *truth[N_MESSAGES + 1]; /* by number */
} Image;

static Image image;

static void put_file(const char *path, Bytes b) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n && close(fd) == 0);
}

static Bytes get_file(const char *path) {
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *p = malloc((size_t)st.st_size);
    FUZZ_CHECK(p && read(fd, p, (size_t)st.st_size) == st.st_size);
    (void)close(fd);
    return bytes_make(p, (size_t)st.st_size);
}

static StoreConfig config_of(const Image *i) {
    StoreConfig c = test_store_config(i->db, "upt/satria", &codec_message);
    c.page_size = PAGE;
    c.subscription_quota = 10;
    c.subscriptions_max = 4;
    c.item_retention_ms = 0;
    return c;
}

/* --- the image ------------------------------------------------------------------------------ */

static void must_run(Store *s, StoreOp *op) {
    FUZZ_CHECK(op && store_run(s, op, NOW_MS) == 0);
    (void)store_op_free(op);
}

static DirNode node(const char *id, int kind, bool broker) {
    DirNode n = { .kind = kind, .broker = broker };
    (void)text_copy(n.id, sizeof(n.id), id);
    (void)text_copy(n.home, sizeof(n.home), "upt/satria");
    return n;
}

static void import(Store *s) {
    StoreOp *op = store_op_new(OP_IMPORT);
    FUZZ_CHECK(op);
    op->import.n_nodes = 3;
    op->import.nodes = calloc(3, sizeof(DirNode));
    FUZZ_CHECK(op->import.nodes);
    op->import.nodes[0] = node("upt/satria", NODE_UPT_BALAI, true);
    op->import.nodes[1] = node("dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, false);
    op->import.nodes[2] = node(HOME, NODE_UPTD, false);
    must_run(s, op);
}

static StoreOp *publish(unsigned i) {
    static uint8_t sealed[3 * PAGE];
    const size_t n_sealed = i % 4 == 3 ? sizeof(sealed) : 100;
    Envelope e = { .message_id = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, [15] = (uint8_t)i } },
                   .kind = 1001, /* newer than any broker: no rule looks at it */
                   .schema = 1,
                   .audience = { .form = AUDIENCE_NODES, .n = 1, .nodes = { HOME } },
                   .cluster = CLUSTER_CHILD,
                   .urgency = URGENCY_ROUTINE,
                   .sensitivity = 2,
                   .created_ms = NOW_MS,
                   .has_facts_digest = true,
                   .has_sealed_digest = true,
                   .case_id = { { (uint8_t)(i % 3) } } };
    static const uint8_t facts[] = { 0x10, 1 }; /* emergency */
    memset(sealed, (int)i, sizeof(sealed));
    (void)text_copy(e.sender, sizeof(e.sender), "dsk/3203");
    (void)text_copy(e.region, sizeof(e.region), "3203");
    hash_digest(bytes_make(facts, sizeof(facts)), e.facts_digest);
    hash_digest(bytes_make(sealed, n_sealed), e.sealed_digest);
    uint8_t *envelope = NULL;
    size_t n_envelope = 0;
    const char *why = NULL;
    StoreOp *op = store_op_new(OP_ACCEPT);
    Message *m = calloc(1, sizeof(*m));
    FUZZ_CHECK(op && m && codec_encode_envelope(&e, &envelope, &n_envelope) == 0);
    if (codec_decode_message(bytes_make(envelope, n_envelope), bytes_make(facts, sizeof(facts)),
                             bytes_make(sealed, n_sealed), m, &why) != 0)
        FUZZ_CHECK(!why);
    free(envelope);
    op->accept.message = m;
    (void)text_copy(op->accept.authority, sizeof(op->accept.authority), e.sender);
    return op;
}

static void make_image(Image *i) {
    const StoreConfig config = config_of(i);
    char why[256];
    Store *s = NULL;
    FUZZ_CHECK(store_open(&s, &config, NULL, NULL, why) == 0);
    import(s);
    (void)store_close(s);
    FUZZ_CHECK(store_open(&s, &config, NULL, NULL, why) == 0);
    i->early_db = get_file(i->db);
    i->early_seal = get_file(i->seal);
    for (unsigned k = 1; k <= N_MESSAGES; k++) {
        StoreOp *op = publish(k);
        FUZZ_CHECK(store_run(s, op, NOW_MS) == 0);
        FUZZ_CHECK(op->accept.result.verdict == VERDICT_ACCEPTED && op->n_deposits == 1);
        i->truth[op->deposits[0].row.seq] = body_ref(op->accept.message->body);
        (void)store_op_free(op);
    }
    i->wal_bytes = get_file(i->wal);
    (void)store_close(s);
    i->db_bytes = get_file(i->db);
}

static void remove_files(void) {
    static const char *const names[] = { "", "-wal", "-shm", "-seal", ".lock", ".ballast" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s", image.db, names[i]);
        (void)unlink(path);
    }
}

static void clean_up(void) {
    remove_files();
    (void)rmdir(image.folder);
}

static void prepare(void) {
    if (image.folder[0] != '\0')
        return;
    FUZZ_CHECK(hash_init() == 0);
    (void)snprintf(image.folder, sizeof(image.folder), "/dev/shm/fuzz-store-XXXXXX");
    FUZZ_CHECK(mkdtemp(image.folder));
    (void)snprintf(image.db, sizeof(image.db), "%s/store.db", image.folder);
    (void)snprintf(image.wal, sizeof(image.wal), "%s-wal", image.db);
    (void)snprintf(image.seal, sizeof(image.seal), "%s-seal", image.db);
    (void)atexit(clean_up);
    make_image(&image);
}

/* --- the damage ----------------------------------------------------------------------------- */

static void make_right(uint8_t *page) {
    const Checksum sum = checksum_more((Checksum) { 0 }, page, PAGE - RESERVED, false);
    memcpy(page + PAGE - RESERVED, &sum, sizeof(sum));
}

static void damage(Input *in) {
    const unsigned flags = take_byte(in);
    const bool log = flags & 1, right = flags & 2 && !log;
    const Bytes from = log ? image.wal_bytes : image.db_bytes;
    uint8_t *p = malloc(from.n);
    FUZZ_CHECK(p);
    memcpy(p, from.p, from.n);
    while (in->n >= 4) {
        const size_t at =
            ((size_t)take_byte(in) << 16 | take_byte(in) << 8 | take_byte(in)) % from.n;
        p[at] = (uint8_t)(p[at] + take_byte(in));
        if (right && at / PAGE * PAGE + PAGE <= from.n)
            make_right(p + at / PAGE * PAGE);
    }
    remove_files();
    put_file(image.db, log ? image.early_db : bytes_make(p, from.n));
    put_file(image.seal, image.early_seal);
    if (log)
        put_file(image.wal, bytes_make(p, from.n));
    free(p);
}

/* --- what is done with it ------------------------------------------------------------------- */

/* False when the store stopped. */
static bool run(Store *s, StoreOp *op) {
    const int r = store_run(s, op, NOW_MS);
    FUZZ_CHECK(r == 0 || r == -EUCLEAN || r == -EIO);
    return r == 0;
}

static bool look_at(Store *s, const DeliveryRow *row) {
    StoreOp *op = store_op_new(OP_BODIES);
    FUZZ_CHECK(op);
    op->bodies.n = 1;
    op->bodies.wanted = calloc(1, sizeof(*op->bodies.wanted));
    FUZZ_CHECK(op->bodies.wanted);
    op->bodies.wanted[0].row = *row;
    op->bodies.wanted[0].queue_kind = QUEUE_MAILBOX;
    const bool goes_on = run(s, op);
    const Body *body = goes_on ? op->bodies.wanted[0].body : NULL;
    if (body && !(row->flags & DELIVERY_FACTS_ONLY)) {
        FUZZ_CHECK(row->seq > 0 && row->seq <= (int64_t)N_MESSAGES);
        const Body *truth = image.truth[row->seq];
        FUZZ_CHECK(bytes_equal(body_envelope(body), body_envelope(truth)));
        FUZZ_CHECK(bytes_equal(body_facts(body), body_facts(truth)));
        FUZZ_CHECK(bytes_equal(body_sealed(body), body_sealed(truth)));
    }
    (void)store_op_free(op);
    return goes_on;
}

static bool change(Store *s, const DeliveryRow *row, DeliveryAction action) {
    StoreOp *op = store_op_new(OP_DELIVERY);
    FUZZ_CHECK(op);
    op->delivery.row = *row;
    op->delivery.queue_kind = QUEUE_MAILBOX;
    op->delivery.action = action;
    op->delivery.cause = action == ACTION_DEAD ? CAUSE_DEAD_CHECKSUM : CAUSE_NONE;
    const bool goes_on = run(s, op);
    (void)store_op_free(op);
    return goes_on;
}

static bool read_mailbox(Store *s) {
    bool goes_on = true;
    for (int lane = 0; goes_on && lane < LANE_COUNT; lane++) {
        StoreOp *op = store_op_new(OP_LOAD);
        FUZZ_CHECK(op);
        op->load.queue = 1;
        op->load.lane = (Lane)lane;
        op->load.limit = 20;
        goes_on = run(s, op);
        for (uint32_t i = 0; goes_on && i < op->load.n; i++)
            goes_on = look_at(s, &op->load.rows[i]) &&
                      change(s, &op->load.rows[i], i % 2 ? ACTION_DONE : ACTION_DEAD);
        (void)store_op_free(op);
    }
    return goes_on;
}

static bool ask(Store *s, const char *verb) {
    StoreOp *op = store_op_new(OP_QUERY);
    FUZZ_CHECK(op);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), verb);
    const bool goes_on = run(s, op);
    (void)store_op_free(op);
    return goes_on;
}

static bool publish_more(Store *s) {
    bool goes_on = true;
    for (unsigned i = 5; goes_on && i < 12; i++) { /* some are there already */
        StoreOp *op = publish(i);
        goes_on = run(s, op);
        (void)store_op_free(op);
    }
    return goes_on;
}

static void use(Store *s) {
    static const char *const verbs[] = { "status", "queues",    "messages",  "check",
                                         "links",  "dead-list", "node-list", "subscriptions" };
    bool goes_on = true, more = true;
    for (size_t i = 0; goes_on && i < ARRAY_SIZE(verbs); i++)
        goes_on = ask(s, verbs[i]);
    goes_on = goes_on && read_mailbox(s) && publish_more(s);
    for (int i = 0; goes_on && more && i < 20; i++)
        goes_on = store_idle(s, NOW_MS + 400 * DAY_MS, &more) == 0;
    if (goes_on)
        (void)ask(s, "check");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Input in = { data, n };
    char why[256] = "";
    Store *s = NULL;
    prepare();
    damage(&in);
    const StoreConfig config = config_of(&image);
    const int r = store_open(&s, &config, NULL, NULL, why);
    FUZZ_CHECK(r == 0 || why[0] != '\0');
    if (r == 0)
        use(s);
    (void)store_close(s);
    return 0;
}
