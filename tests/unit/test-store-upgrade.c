/* SPDX-License-Identifier: Apache-2.0 */
/* What a new program would do with a store, found out without touching it. */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>

#include "test.h"

#include "store-fixture.h"
#include "store/files.h"
#include "store/internal.h"
#include "store/ledger.h"
#include "store/upgrade.h"

static int check(Fixture *f, UpgradeReport *ret) {
    StoreConfig config = f->config;
    config.path = NULL;
    config.self = NULL;
    return store_check_upgrade(&config, f->path, ret, f->why);
}

static unsigned n_files(const Fixture *f) {
    unsigned n = 0;
    DIR *d = opendir(f->folder);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Of all that is in the folder. */
static uint64_t sum_of(const Fixture *f) {
    uint64_t sum = 0;
    char command[160];
    snprintf(command, sizeof(command), "cat %s/store.db* | cksum", f->folder);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    ASSERT_EQ(fscanf(p, "%" SCNu64, &sum), 1);
    pclose(p);
    return sum;
}

static uint64_t size_of(const Fixture *f, const char *end) {
    char path[128];
    struct stat st;
    snprintf(path, sizeof(path), "%s%s", f->path, end);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

TEST(a_store_of_this_version_that_was_closed_takes_nothing) {
    FIXTURE(f);
    UpgradeReport r;
    store_op_free(publish(&f, message_to(&f, HOME, 1)));
    f.store = store_close(f.store);
    const uint64_t sum = sum_of(&f);
    const unsigned n = n_files(&f);
    ASSERT_OK(check(&f, &r));
    ASSERT_EQ(r.version, r.wanted);
    ASSERT_TRUE(r.version > 0);
    ASSERT_STR(r.self, SELF);
    ASSERT_TRUE(!r.unclean);
    ASSERT_EQ(r.size_bytes, size_of(&f, "") + size_of(&f, "-wal"));
    ASSERT_EQ(r.needed_bytes, size_of(&f, "-wal"));
    ASSERT_TRUE(r.free_bytes > 0);
    ASSERT_EQ(r.steps_ms, 0);
    ASSERT_EQ(sum_of(&f), sum);
    ASSERT_EQ(n_files(&f), n);
}

/* Its log is looked at with it, in a copy that is gone afterwards. */
TEST(a_store_that_was_killed_is_read_with_its_log_and_not_touched) {
    FIXTURE(f);
    UpgradeReport r;
    store_op_free(publish(&f, message_to(&f, HOME, 1)));
    fixture_kill(&f);
    ASSERT_TRUE(size_of(&f, "-wal") > 0);
    const uint64_t sum = sum_of(&f);
    const unsigned n = n_files(&f);
    ASSERT_OK(check(&f, &r));
    ASSERT_STR(r.self, SELF);
    ASSERT_TRUE(r.unclean);
    ASSERT_EQ(r.size_bytes, size_of(&f, "") + size_of(&f, "-wal"));
    ASSERT_EQ(sum_of(&f), sum);
    ASSERT_EQ(n_files(&f), n);
    fixture_open(&f);
    assert_sound(&f);
}

TEST(a_store_that_is_open_is_not_looked_at) {
    FIXTURE(f);
    UpgradeReport r;
    ASSERT_EQ(check(&f, &r), -EBUSY);
    ASSERT_TRUE(f.why[0] != '\0');
    f.store = store_close(f.store);
    ASSERT_OK(check(&f, &r));
    ASSERT_OK(check(&f, &r)); /* nor kept open by who looked */
    fixture_open(&f);
}

TEST(a_newer_store_is_told_apart_from_a_damaged_one) {
    FIXTURE(f);
    UpgradeReport r;
    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA user_version = 9999", NULL, NULL, NULL), SQLITE_OK);
    f.store = store_close(f.store);
    ASSERT_EQ(check(&f, &r), -EPROTO);
    ASSERT_TRUE(strstr(f.why, "9999") != NULL);
}

/* As it would be read by a start: what stands in the log counts. */
TEST(what_is_in_the_log_alone_is_not_overlooked) {
    FIXTURE(f);
    UpgradeReport r;
    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA user_version = 9999", NULL, NULL, NULL), SQLITE_OK);
    fixture_kill(&f);
    ASSERT_TRUE(size_of(&f, "-wal") > 0);
    ASSERT_EQ(check(&f, &r), -EPROTO);
    ASSERT_TRUE(strstr(f.why, "9999") != NULL);
}

TEST(what_is_no_store_is_told) {
    static const struct {
        const char *text;
        int r;
    } cases[] = { { NULL, -ENOENT }, { "", -EUCLEAN }, { "no database at all", -EUCLEAN } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        FIXTURE(f);
        UpgradeReport r;
        char command[256];
        f.store = store_close(f.store);
        snprintf(command, sizeof(command), "rm -f %s*", f.path);
        ASSERT_OK(system(command));
        if (cases[i].text) {
            FILE *file = fopen(f.path, "we");
            assert_non_null(file);
            ASSERT_TRUE(fputs(cases[i].text, file) >= 0);
            fclose(file);
        }
        ASSERT_EQ(check(&f, &r), cases[i].r);
        ASSERT_TRUE(strstr(f.why, "store.db") != NULL);
        ASSERT_EQ(r.version, 0);
    }
}

TEST(damage_is_found) {
    FIXTURE(f);
    UpgradeReport r;
    for (unsigned i = 0; i < 50; i++)
        store_op_free(publish(&f, message_to(&f, HOME, (uint8_t)i)));
    f.store = store_close(f.store);
    ASSERT_OK(check(&f, &r));
    const int fd = open(f.path, O_RDWR | O_CLOEXEC);
    uint8_t noise[512];
    memset(noise, 0x5a, sizeof(noise));
    ASSERT_TRUE(fd >= 0);
    for (off_t at = 8192; at < (off_t)size_of(&f, ""); at += 8192)
        ASSERT_EQ(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
    close(fd);
    ASSERT_EQ(check(&f, &r), -EUCLEAN);
    ASSERT_TRUE(f.why[0] != '\0');
}

TEST(what_is_no_file_is_neither_waited_for_nor_locked) {
    FIXTURE(f);
    UpgradeReport r;
    Store *ledger = NULL;
    f.store = store_close(f.store);
    snprintf(f.path, sizeof(f.path), "%s/pipe", f.folder);
    ASSERT_OK(mkfifo(f.path, 0600));
    const unsigned n = n_files(&f);
    alarm(20);
    ASSERT_EQ(check(&f, &r), -EINVAL);
    assert_non_null(strstr(f.why, "not a regular file"));
    ASSERT_EQ(store_open_ledger(&ledger, f.path, f.why), -EINVAL);
    alarm(0);
    snprintf(f.path, sizeof(f.path), "%s/none", f.folder);
    ASSERT_EQ(check(&f, &r), -ENOENT);
    ASSERT_EQ(n_files(&f), n);
}

/* Or what somebody else laid there in between was written over, in another place perhaps. */
TEST(a_copy_is_made_of_nothing_that_is_there) {
    FIXTURE(f);
    char to[128], elsewhere[128];
    snprintf(to, sizeof(to), "%s/copy", f.folder);
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", f.folder);
    ASSERT_OK(symlink(elsewhere, to));
    ASSERT_EQ(store_copy_file(f.path, to), -EEXIST);
    ASSERT_TRUE(access(elsewhere, F_OK) != 0);
}

TEST(a_copy_without_room_says_what_is_wrong) {
    FIXTURE(f);
    char to[128];
    struct rlimit limit, little;
    f.store = store_close(f.store);
    snprintf(to, sizeof(to), "%s/copy", f.folder);
    ASSERT_OK(getrlimit(RLIMIT_FSIZE, &limit));
    little = (struct rlimit) { .rlim_cur = 10000, .rlim_max = limit.rlim_max };
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    ASSERT_OK(setrlimit(RLIMIT_FSIZE, &little));
    errno = ENOENT; /* whatever was before */
    const int r = store_copy_file(f.path, to);
    ASSERT_OK(setrlimit(RLIMIT_FSIZE, &limit));
    (void)signal(SIGXFSZ, before);
    ASSERT_EQ(r, -EFBIG);
}

TEST_MAIN
