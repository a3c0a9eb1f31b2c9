/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"
#include "store/schema.h"

/* The whole file; the caller frees. */
static uint8_t *read_file(const char *path, size_t *ret_n) {
    struct stat st;
    const int fd = open(path, O_RDONLY);
    ASSERT_TRUE(fd >= 0);
    ASSERT_OK(fstat(fd, &st));
    uint8_t *p = malloc((size_t)st.st_size + 1);
    assert_non_null(p);
    ASSERT_EQ(read(fd, p, (size_t)st.st_size), st.st_size);
    close(fd);
    *ret_n = (size_t)st.st_size;
    return p;
}

static void write_file(const char *path, off_t at, const void *p, size_t n) {
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ASSERT_TRUE(fd >= 0);
    ASSERT_EQ(pwrite(fd, p, n, at), (ssize_t)n);
    close(fd);
}

/* Opening is refused with that error and that word, and the file is what it was. */
static void assert_refused(Fixture *f, int error, const char *word) {
    size_t n_before, n_after;
    uint8_t *before = read_file(f->path, &n_before);
    ASSERT_EQ(fixture_try_open(f), error);
    if (!strstr(f->why, word))
        fail_msg("no '%s' in: %s", word, f->why);
    uint8_t *after = read_file(f->path, &n_after);
    ASSERT_EQ(n_before, n_after);
    ASSERT_EQ(memcmp(before, after, n_before), 0);
    free(before);
    free(after);
}

TEST(the_file_is_set_up_for_durability) {
    FIXTURE(f);
    static const struct {
        const char *pragma, *value;
    } want[] = {
        { "journal_mode", "wal" }, { "synchronous", "2" },        { "page_size", "8192" },
        { "mmap_size", "0" },      { "cell_size_check", "1" },    { "auto_vacuum", "2" },
        { "secure_delete", "2" },  { "wal_autocheckpoint", "0" }, { "user_version", "1" }
    };
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        char sql[64];
        sqlite3_stmt *q = NULL;
        snprintf(sql, sizeof(sql), "PRAGMA %s", want[i].pragma);
        ASSERT_EQ(sqlite3_prepare_v2(f.store->db, sql, -1, &q, NULL), SQLITE_OK);
        ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
        ASSERT_STR((const char *)sqlite3_column_text(q, 0), want[i].value);
        sqlite3_finalize(q);
    }
    struct stat st;
    ASSERT_OK(stat(f.path, &st));
    ASSERT_EQ(st.st_mode & 0777, 0600);
}

TEST(a_second_opener_is_refused) {
    FIXTURE(f);
    Fixture other = f;
    ASSERT_EQ(fixture_try_open(&other), -EBUSY);
    ASSERT_TRUE(strstr(other.why, ".lock") != NULL);
    f.store = store_close(f.store);
    fixture_open(&f);
}

TEST(a_file_that_is_moved_away_while_it_is_open_is_missed_by_name) {
    FIXTURE(f);
    char away[sizeof(f.path) + 8];
    bool more;
    int r = 0;
    snprintf(away, sizeof(away), "%s.away", f.path);
    ASSERT_OK(rename(f.path, away));
    for (int i = 0; i < 100 && r == 0; i++)
        r = store_idle(f.store, f.now_ms += 1000, &more);
    ASSERT_TRUE(r < 0);
    ASSERT_TRUE(strstr(f.store->health.fault, f.path) != NULL);
    ASSERT_OK(rename(away, f.path));
}

TEST(a_file_that_is_no_database_is_refused_and_left_alone) {
    FIXTURE(f);
    f.store = store_close(f.store);
    char text[5000];
    memset(text, 'x', sizeof(text));
    ASSERT_OK(unlink(f.path));
    write_file(f.path, 0, "short", 5);
    assert_refused(&f, -EUCLEAN, f.path);
    write_file(f.path, 0, text, sizeof(text));
    assert_refused(&f, -EUCLEAN, f.path);
}

TEST(a_database_of_another_program_is_refused_and_left_alone) {
    FIXTURE(f);
    f.store = store_close(f.store);
    ASSERT_OK(unlink(f.path));
    tamper(&f, "CREATE TABLE notes(text)");
    assert_refused(&f, -EUCLEAN, "another program");
}

TEST(a_file_of_a_newer_version_is_refused) {
    FIXTURE(f);
    f.store = store_close(f.store);
    tamper(&f, "PRAGMA user_version = 2");
    assert_refused(&f, -EPROTO, "newer version");
}

static int64_t pragma_version(Fixture *f) {
    _query_ q = QUERY(f->store, "PRAGMA user_version");
    return db_number(f->store, q, 0);
}

TEST(steps_are_made_one_by_one_and_a_failed_one_leaves_the_version_before) {
    static const char *const later[] = {
        NULL, /* version 1 is there already */
        "ALTER TABLE message ADD COLUMN colour INTEGER NOT NULL DEFAULT 3",
        "CREATE TABLE shape(id INTEGER PRIMARY KEY) STRICT; UPDATE message SET colour = seq",
        "CREATE TABLE half(id INTEGER PRIMARY KEY) STRICT; UPDATE nothing SET colour = 1",
    };
    _Static_assert(STORE_SCHEMA == 1, "these steps come behind the last one");
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    ASSERT_OK(schema_migrate(f.store, 1, &(SchemaSteps) { later, 3 }, f.why));
    ASSERT_EQ(pragma_version(&f), 3);
    ASSERT_EQ(db_number(f.store, QUERY(f.store, "SELECT colour FROM message"), 0), 1);

    ASSERT_TRUE(schema_migrate(f.store, 3, &(SchemaSteps) { later, 4 }, f.why) < 0);
    ASSERT_TRUE(strstr(f.why, "migrated") != NULL);
    f.store->fault = 0;
    ASSERT_EQ(pragma_version(&f), 3);
    ASSERT_EQ(db_number(f.store,
                        QUERY(f.store, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"),
                        9),
              0);
    ASSERT_OK(schema_migrate(f.store, 3, &(SchemaSteps) { later, 3 }, f.why)); /* nothing to do */
    f.store = store_close(f.store);
    assert_refused(&f, -EPROTO, "schema version 3, this program knows up to 1: install the newer");
}

/* Nobody may write into a store what the program then does of itself. */
TEST(a_store_with_what_no_serasid_makes_is_refused) {
    static const char *const wrongs[] = {
        "CREATE TRIGGER t BEFORE INSERT ON delivery BEGIN SELECT raise(IGNORE); END",
        "ALTER TABLE trail RENAME TO other; CREATE VIEW trail AS SELECT * FROM other",
        "DROP TABLE trail; CREATE TABLE trail(seq, n, at, step, who, note)",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        FIXTURE(f);
        f.store = store_close(f.store);
        tamper(&f, wrongs[i]);
        assert_refused(&f, -EUCLEAN, "trigger");
    }
}

TEST(the_store_of_another_broker_is_refused) {
    FIXTURE(f);
    f.store = store_close(f.store);
    f.config.self = "upt/satria";
    assert_refused(&f, -EPROTO, SELF);
}

TEST(a_folder_or_a_missing_folder_is_refused) {
    FIXTURE(f);
    Fixture other = f;
    char lock[80];
    snprintf(lock, sizeof(lock), "%s.lock", f.folder);
    other.config.path = f.folder;
    ASSERT_TRUE(fixture_try_open(&other) < 0);
    ASSERT_TRUE(other.why[0] != '\0');
    other.config.path = "/nonexistent/store.db";
    ASSERT_EQ(fixture_try_open(&other), -ENOENT);
    ASSERT_TRUE(strstr(other.why, "/nonexistent") != NULL);
    ASSERT_OK(unlink(lock)); /* made beside the folder that was asked for */
}

TEST(after_an_unclean_stop_a_damaged_file_is_refused) {
    FIXTURE(f);
    for (uint8_t i = 1; i < 100; i++)
        (void)deposit(&f, message_to(&f, HOME, i));
    f.store = store_close(f.store);
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    ASSERT_EQ(sqlite3_open(f.path, &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'dedup'", -1,
                                 &q, NULL),
              SQLITE_OK);
    ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
    const int page = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    const off_t at = (off_t)(page - 1) * 8192 + 200;
    uint8_t bad[600], good[600];
    size_t n;
    uint8_t *file = read_file(f.path, &n);
    memcpy(good, file + at, sizeof(good));
    free(file);
    memset(bad, 0xa5, sizeof(bad));

    write_file(f.path, at, bad, sizeof(bad));
    fixture_open(&f); /* nothing was looked at: the stop was clean */
    f.store = store_close(f.store);
    write_file(f.path, at, good, sizeof(good));
    tamper(&f, "UPDATE meta SET value = 0 WHERE key = 'clean'");
    fixture_open(&f); /* sound */
    ASSERT_TRUE(store_health(f.store)->unclean);
    f.store = store_close(f.store);
    tamper(&f, "UPDATE meta SET value = 0 WHERE key = 'clean'");
    memset(bad, 0xa5, sizeof(bad));
    write_file(f.path, (off_t)(page - 1) * 8192, bad, sizeof(bad));
    assert_refused(&f, -EUCLEAN, f.path);
}

/* SQLite's pread(), of which one call fails. */
static struct {
    ssize_t (*pread)(int fd, void *p, size_t n, off_t at);
    unsigned calls, fail_at;
} reading;

static ssize_t pread_that_may_fail(int fd, void *p, size_t n, off_t at) {
    if (++reading.calls == reading.fail_at) {
        errno = EIO;
        return -1;
    }
    return reading.pread(fd, p, n, at);
}

static void set_pread(ssize_t (*call)(int, void *, size_t, off_t)) {
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    ASSERT_EQ(unix_vfs->xSetSystemCall(unix_vfs, "pread64", (sqlite3_syscall_ptr)call), SQLITE_OK);
}

TEST(a_read_that_failed_once_after_an_unclean_stop_is_never_called_damage) {
    FIXTURE(f);
    for (uint8_t i = 1; i < 20; i++)
        (void)deposit(&f, message_to(&f, HOME, i));
    f.store = store_close(f.store);
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    reading.pread =
        (ssize_t(*)(int, void *, size_t, off_t))unix_vfs->xGetSystemCall(unix_vfs, "pread64");
    unsigned failed = 0;
    for (unsigned n = 1;; n++) {
        tamper(&f, "UPDATE meta SET value = 0 WHERE key = 'clean'");
        reading.calls = 0;
        reading.fail_at = n;
        set_pread(pread_that_may_fail);
        const int r = fixture_try_open(&f);
        set_pread(NULL);
        if (r == 0)
            f.store = store_close(f.store);
        if (reading.calls < n)
            break;
        if (r != 0 && r != -EIO)
            fail_msg("read %u: %d, %s", n, r, f.why);
        failed += r != 0;
    }
    ASSERT_TRUE(failed > 20);
}

static ssize_t pwrite_without_room(int fd, const void *p, size_t n, off_t at) {
    (void)fd, (void)p, (void)n, (void)at;
    errno = ENOSPC;
    return -1;
}

static void begin_backup(Fixture *f, char path[static 96]) {
    StoreOp *op = store_op_new(OP_BACKUP);
    snprintf(path, 96, "%s/copy.db", f->folder);
    text_copy(op->backup.path, sizeof(op->backup.path), path);
    run(f, op);
    ASSERT_TRUE(op->backup.started);
    store_op_free(op);
}

/* How it ended, and what is said of it. */
static int end_of_backup(Fixture *f, char text[static 256]) {
    for (int i = 0; i < 1000 && store_backup_state(f->store, text) == 1; i++) {
        idle(f);
        usleep(1000); /* a thread reads the copy through */
    }
    return store_backup_state(f->store, text);
}

TEST(a_backup_without_room_says_so) {
    FIXTURE(f);
    char path[96], text[256];
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    (void)deposit(&f, message_to(&f, HOME, 1));
    idle(&f); /* nothing but the backup is left to be written */
    begin_backup(&f, path);
    ASSERT_EQ(
        unix_vfs->xSetSystemCall(unix_vfs, "pwrite64", (sqlite3_syscall_ptr)pwrite_without_room),
        SQLITE_OK);
    const int r = end_of_backup(&f, text);
    ASSERT_EQ(unix_vfs->xSetSystemCall(unix_vfs, "pwrite64", NULL), SQLITE_OK);
    ASSERT_EQ(r, -ENOSPC);
    if (!strstr(text, "No space"))
        fail_msg("%s", text);
    ASSERT_TRUE(access(path, F_OK) != 0);
}

TEST(a_backup_takes_the_place_of_nothing_that_came_meanwhile) {
    FIXTURE(f);
    char path[96], text[256];
    size_t n;
    begin_backup(&f, path);
    write_file(path, 0, "mine", 4);
    ASSERT_EQ(end_of_backup(&f, text), -EEXIST);
    uint8_t *p = read_file(path, &n);
    ASSERT_EQ(n, 4);
    free(p);
}

TEST(a_log_that_cannot_be_written_again_is_no_start_and_no_loss) {
    FIXTURE(f);
    char command[1024];
    (void)deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(f.n_ids);
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    snprintf(command, sizeof(command), "cd %s && mkdir crash && cp %s %s-wal crash", f.folder,
             f.path, f.path);
    ASSERT_OK(system(command));
    f.store = store_close(f.store);
    snprintf(command, sizeof(command), "mv %s/crash/* %s", f.folder, f.folder);
    ASSERT_OK(system(command));

    ASSERT_EQ(
        unix_vfs->xSetSystemCall(unix_vfs, "pwrite64", (sqlite3_syscall_ptr)pwrite_without_room),
        SQLITE_OK);
    const int r = fixture_try_open(&f);
    ASSERT_EQ(unix_vfs->xSetSystemCall(unix_vfs, "pwrite64", NULL), SQLITE_OK);
    ASSERT_EQ(r, -ENOSPC);
    if (!strstr(f.why, "written again"))
        fail_msg("%s", f.why);
    fixture_open(&f);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
}

TEST(an_import_replaces_or_adds_and_a_bad_record_changes_nothing) {
    FIXTURE(f);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_nodes = 2;
    op->import.nodes = calloc(2, sizeof(DirNode));
    op->import.nodes[0] = sample_node("dsk/3205", NODE_SOCIAL_AGENCY_REGENCY, SELF);
    sample_area(&op->import.nodes[0], "3205", CLUSTER_CHILD, 3);
    sample_area(&op->import.nodes[0], "32", CLUSTER_ANY, 0);
    op->import.nodes[0].n_clusters = 2;
    op->import.nodes[0].clusters[0] = CLUSTER_CHILD;
    op->import.nodes[0].clusters[1] = CLUSTER_ELDERLY;
    op->import.nodes[0].capacity = 12;
    op->import.nodes[1] = sample_node("Not A Name", NODE_LKS, SELF);
    run(&f, op);
    assert_null(op->import.directory);
    ASSERT_TRUE(strstr(op->import.text, "Not A Name") != NULL);
    op->import.n_nodes = 1;
    op->import.n_regions = 1;
    op->import.regions = calloc(1, sizeof(DirRegion));
    strcpy(op->import.regions[0].code, "3205");
    strcpy(op->import.regions[0].name, "Garut");
    op->import.n_keys = 1;
    op->import.keys = calloc(1, sizeof(DirKey));
    memset(op->import.keys[0].curve, 'k', CURVE_TEXT_SIZE - 1);
    strcpy(op->import.keys[0].node, "dsk/3205");
    op->import.keys[0].operator_ = true;
    op->import.keys[0].valid_until_ms = f.now_ms + DAY_MS;
    memset(op->import.keys[0].sign.b, 7, PUBLIC_KEY_SIZE);
    run(&f, op);
    assert_non_null(op->import.directory);
    ASSERT_EQ(directory_version(op->import.directory), 2);
    store_op_free(op);

    fixture_reopen(&f);
    Directory *d = store_directory(f.store);
    const DirNode *n = directory_node(d, "dsk/3205");
    assert_non_null(n);
    assert_non_null(directory_node(d, HOME));
    ASSERT_EQ(n->n_areas, 2);
    ASSERT_STR(n->areas[0].region, "3205");
    ASSERT_EQ(n->areas[0].cluster, CLUSTER_CHILD);
    ASSERT_EQ(n->areas[0].priority, 3);
    ASSERT_STR(n->areas[1].region, "32");
    ASSERT_EQ(n->n_clusters, 2);
    ASSERT_EQ(n->clusters[1], CLUSTER_ELDERLY);
    ASSERT_EQ(n->capacity, 12);
    ASSERT_EQ(directory_key_count(d), 1);
    ASSERT_TRUE(directory_key_at(d, 0)->operator_);
    ASSERT_EQ(directory_key_at(d, 0)->valid_until_ms, f.now_ms + DAY_MS);
    ASSERT_EQ(directory_key_at(d, 0)->sign.b[PUBLIC_KEY_SIZE - 1], 7);
    ASSERT_TRUE(!public_key_is_set(directory_key_at(d, 0)->seal.b));
    directory_unref(d);
    op = ask(&f, "node-show", "dsk/3205");
    ASSERT_EQ(op->query.table->code, 0);
    const uint32_t last = table_rows(op->query.table) - 1;
    ASSERT_STR(table_cell(op->query.table, last - 1, 0), "key");
    ASSERT_STR(table_cell(op->query.table, last, 0), "ed25519");
    ASSERT_STR(table_cell(op->query.table, last, 1),
               "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc= ");
    store_op_free(op);

    op = store_op_new(OP_IMPORT);
    op->import.replace = true;
    op->import.n_nodes = 1;
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.nodes[0] = sample_broker(SELF, NODE_UPT_BALAI, "");
    run(&f, op);
    ASSERT_EQ(directory_node_count(op->import.directory), 1);
    store_op_free(op);
}

TEST_MAIN
