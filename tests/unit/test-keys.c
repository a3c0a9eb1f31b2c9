/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/keys.h"
#include "test.h"

typedef struct Folder {
    char path[64], file[96];
} Folder;

static void folder_make(Folder *f) {
    strcpy(f->path, "/tmp/serasi-keys-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->file, sizeof(f->file), "%s/key", f->path);
}

static void folder_remove(Folder *f) {
    unlink(f->file);
    rmdir(f->path);
}

static void file_write(const char *path, const char *text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    ASSERT_OK(fchmod(fd, mode));
    close(fd);
}

static void file_read(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, size - 1);
    assert_true(n > 0);
    text[n] = '\0';
    close(fd);
}

TEST(saved_keys_are_loaded_again) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again;
    struct stat st;
    folder_make(&f);
    ASSERT_OK(keys_generate(&k));
    assert_true(curve_text_is_valid(k.curve_public));
    ASSERT_OK(keys_save(&k, f.file));
    ASSERT_OK(stat(f.file, &st));
    ASSERT_EQ(st.st_mode & 07777, 0600);
    ASSERT_OK(keys_load(&again, f.file));
    assert_memory_equal(&k, &again, sizeof(k));
    keys_wipe(&again);
    assert_memory_equal(&again, &(NodeKeys) { 0 }, sizeof(again));
}

TEST(a_key_file_is_never_overwritten) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, other, again;
    folder_make(&f);
    ASSERT_OK(keys_generate(&k));
    ASSERT_OK(keys_generate(&other));
    ASSERT_OK(keys_save(&k, f.file));
    ASSERT_EQ(keys_save(&other, f.file), -EEXIST);
    ASSERT_OK(keys_load(&again, f.file));
    assert_memory_equal(&k, &again, sizeof(k));
}

TEST(a_file_that_others_can_read_is_refused) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again = { 0 };
    folder_make(&f);
    ASSERT_OK(keys_generate(&k));
    ASSERT_OK(keys_save(&k, f.file));
    ASSERT_OK(chmod(f.file, 0640));
    ASSERT_EQ(keys_load(&again, f.file), -EACCES);
    assert_memory_equal(&again, &(NodeKeys) { 0 }, sizeof(again)); /* left alone */
    ASSERT_OK(chmod(f.file, 0400));
    ASSERT_OK(keys_load(&again, f.file));
}

TEST(halves_that_do_not_belong_together_are_refused) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, other;
    folder_make(&f);
    ASSERT_OK(keys_generate(&other));
    for (int pair = 0; pair < 3; pair++) {
        ASSERT_OK(keys_generate(&k));
        if (pair == 0)
            memcpy(k.curve_public, other.curve_public, sizeof(k.curve_public));
        else if (pair == 1)
            k.sign.public = other.sign.public;
        else
            k.seal.public = other.seal.public;
        ASSERT_OK(keys_save(&k, f.file));
        ASSERT_EQ(keys_load(&k, f.file), -EBADMSG);
        unlink(f.file);
    }
}

/* Its own copy of the public half fits, the seed is another's: signing would give the seed away. */
TEST(a_signing_key_of_another_seed_is_refused) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, other;
    folder_make(&f);
    ASSERT_OK(keys_generate(&k));
    ASSERT_OK(keys_generate(&other));
    memcpy(k.sign.secret, other.sign.secret, SIGN_SEED_SIZE);
    ASSERT_OK(keys_save(&k, f.file));
    ASSERT_EQ(keys_load(&k, f.file), -EBADMSG);
}

static void save_curve_alone(const char *path, NodeKeys *ret) {
    ASSERT_OK(keys_generate(ret));
    ret->sign = (SignKey) { 0 };
    ret->seal = (SealKey) { 0 };
    ASSERT_OK(keys_save(ret, path));
}

TEST(a_file_with_the_curve_pair_alone_works_and_gets_the_others_when_asked) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again, third;
    struct stat st;
    folder_make(&f);
    save_curve_alone(f.file, &k);
    ASSERT_OK(keys_load(&again, f.file));
    assert_memory_equal(&k, &again, sizeof(k));
    ASSERT_TRUE(!keys_can_sign(&again) && !keys_can_open(&again));

    ASSERT_OK(keys_add(f.file));
    ASSERT_OK(keys_load(&again, f.file));
    ASSERT_STR(again.curve_public, k.curve_public);
    ASSERT_STR(again.curve_secret, k.curve_secret);
    ASSERT_TRUE(keys_can_sign(&again) && keys_can_open(&again));
    ASSERT_OK(stat(f.file, &st));
    ASSERT_EQ(st.st_mode & 07777, 0600);
    ASSERT_EQ(keys_add(f.file), 1);
    ASSERT_OK(keys_load(&third, f.file));
    assert_memory_equal(&again, &third, sizeof(third));
}

TEST(adding_leaves_the_pair_that_is_there) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again;
    folder_make(&f);
    ASSERT_OK(keys_generate(&k));
    k.seal = (SealKey) { 0 };
    ASSERT_OK(keys_save(&k, f.file));
    ASSERT_OK(keys_add(f.file));
    ASSERT_OK(keys_load(&again, f.file));
    assert_memory_equal(&again.sign, &k.sign, sizeof(k.sign));
    ASSERT_TRUE(keys_can_open(&again));
}

TEST(adding_replaces_the_file_behind_a_link_and_stops_at_a_half_finished_one) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again;
    char link[112], next[112];
    struct stat st;
    folder_make(&f);
    snprintf(link, sizeof(link), "%s/link", f.path);
    snprintf(next, sizeof(next), "%s.new", f.file);
    ASSERT_EQ(keys_add(f.file), -ENOENT);
    save_curve_alone(f.file, &k);
    ASSERT_OK(symlink(f.file, link));
    file_write(next, "", 0600);
    ASSERT_EQ(keys_add(link), -EEXIST);
    ASSERT_OK(keys_load(&again, f.file));
    assert_memory_equal(&k, &again, sizeof(k)); /* as it was */
    ASSERT_OK(unlink(next));
    ASSERT_OK(keys_add(link));
    ASSERT_OK(lstat(link, &st));
    ASSERT_TRUE(S_ISLNK(st.st_mode));
    ASSERT_OK(keys_load(&again, f.file));
    ASSERT_TRUE(keys_can_sign(&again));
    ASSERT_OK(unlink(link));
}

/* A credential of systemd: root's file, readable for one user by an access list, whose mask shows
 * as the group's bit. Only root can make that. */
TEST(a_file_of_root_may_be_given_to_a_group) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k;
    int status = 0;
    folder_make(&f);
    if (geteuid() != 0)
        skip();
    ASSERT_OK(keys_generate(&k));
    ASSERT_OK(keys_save(&k, f.file));
    ASSERT_OK(chmod(f.path, 0755));
    ASSERT_OK(chown(f.file, 0, 65534));
    const mode_t modes[] = { 0640, 0660, 0644 };
    const int wanted[] = { 0, -EACCES, -EACCES };
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        ASSERT_OK(chmod(f.file, modes[i]));
        ASSERT_EQ(keys_load(&k, f.file), -EACCES); /* for root itself nobody else may */
        const pid_t child = fork();
        if (child == 0)
            _exit(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0 &&
                          keys_load(&k, f.file) == wanted[i]
                      ? 0
                      : 1);
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_EQ(status, 0);
    }
}

TEST(what_is_not_a_key_file_is_refused) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again;
    char text[4096], bad[8300];
    folder_make(&f);
    ASSERT_EQ(keys_load(&again, f.file), -ENOENT);
    ASSERT_EQ(keys_load(&again, f.path), -EBADMSG); /* a folder */

    ASSERT_OK(keys_generate(&k));
    ASSERT_OK(keys_save(&k, f.file));
    file_read(f.file, text, sizeof(text));

    const char *const broken[] = {
        "", "\n\n", "# nothing\n", "curve-public\n", "[keys]\n", "curve-public = short\n"
    };
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        file_write(f.file, broken[i], 0600);
        ASSERT_EQ(keys_load(&again, f.file), -EBADMSG);
    }
    /* every line is needed, once */
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        char *end = strchr(line, '\n') + 1;
        if (*line == '#')
            continue;
        snprintf(bad, sizeof(bad), "%.*s%s", (int)(line - text), text, end);
        file_write(f.file, bad, 0600);
        ASSERT_EQ(keys_load(&again, f.file), -EBADMSG);
        snprintf(bad, sizeof(bad), "%s%.*s", text, (int)(end - line), line);
        file_write(f.file, bad, 0600);
        ASSERT_EQ(keys_load(&again, f.file), -EBADMSG);
    }
    snprintf(bad, sizeof(bad), "%sunknown = value\n", text);
    file_write(f.file, bad, 0600);
    ASSERT_EQ(keys_load(&again, f.file), -EBADMSG);
    memset(bad, '\n', sizeof(bad) - 1); /* larger than any key file */
    bad[sizeof(bad) - 1] = '\0';
    file_write(f.file, bad, 0600);
    ASSERT_EQ(keys_load(&again, f.file), -EBADMSG);
    file_write(f.file, text, 0600);
    ASSERT_OK(keys_load(&again, f.file));
}

TEST(curve_text_is_checked) {
    assert_true(curve_text_is_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"));
    assert_false(curve_text_is_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf"));
    assert_false(curve_text_is_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf77"));
    assert_false(curve_text_is_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf\""));
    assert_false(curve_text_is_valid("\x80q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"));
    assert_false(curve_text_is_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8#####"));
    assert_false(curve_text_is_valid(""));
    assert_false(curve_text_is_valid(NULL));
}

TEST_MAIN
