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

TEST(adding_replaces_the_file_behind_a_link) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again;
    char link[112];
    struct stat st;
    folder_make(&f);
    snprintf(link, sizeof(link), "%s/link", f.path);
    ASSERT_EQ(keys_add(f.file), -ENOENT);
    save_curve_alone(f.file, &k);
    ASSERT_OK(symlink(f.file, link));
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

TEST(earlier_sealing_keys_are_kept_and_the_oldest_goes) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again;
    SealKey first, list[KEYS_OLD_MAX + 1];
    folder_make(&f);
    ASSERT_OK(keys_generate(&k));
    ASSERT_EQ(keys_opening(&k, list), 1);
    first = k.seal;
    for (unsigned i = 0; i < KEYS_OLD_MAX; i++) {
        keys_retire_seal(&k);
        ASSERT_TRUE(!keys_can_open(&k));
        keys_retire_seal(&k); /* nothing to retire */
        ASSERT_EQ(k.n_old_seal, i + 1);
        seal_key_new(&k.seal);
    }
    ASSERT_EQ(keys_opening(&k, list), KEYS_OLD_MAX + 1);
    assert_memory_equal(&list[0], &k.seal, sizeof(first));
    assert_memory_equal(&list[KEYS_OLD_MAX], &first, sizeof(first));
    ASSERT_OK(keys_save(&k, f.file));
    ASSERT_OK(keys_load(&again, f.file));
    assert_memory_equal(&k, &again, sizeof(k));
    keys_retire_seal(&k);
    ASSERT_EQ(k.n_old_seal, KEYS_OLD_MAX);
    ASSERT_TRUE(memcmp(&k.old_seal[KEYS_OLD_MAX - 1], &first, sizeof(first)) != 0);
}

TEST(an_earlier_key_that_is_no_pair_is_refused) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys k, again;
    char text[4096];
    folder_make(&f);
    ASSERT_OK(keys_generate(&k));
    keys_retire_seal(&k);
    seal_key_new(&k.seal);
    k.old_seal[0].secret[0] ^= 1U << 4; /* not a bit that clamping takes away */
    ASSERT_OK(keys_save(&k, f.file));
    ASSERT_EQ(keys_load(&again, f.file), -EBADMSG);
    k.old_seal[0].secret[0] ^= 1U << 4;
    unlink(f.file);
    ASSERT_OK(keys_save(&k, f.file));
    file_read(f.file, text, sizeof(text));
    const char *line = strstr(text, "old-x25519");
    for (unsigned i = 0; i < KEYS_OLD_MAX; i++) { /* one more than there may be */
        FILE *out = fopen(f.file, "a");
        assert_non_null(out);
        fputs(line, out);
        fclose(out);
    }
    ASSERT_EQ(keys_load(&again, f.file), -EBADMSG);
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

/* --- a change of keys ------------------------------------------------------------------------ */

static void name_with(const Folder *f, const char *suffix, char ret[static 112]) {
    (void)snprintf(ret, 112, "%s%s", f->file, suffix);
}

TEST(new_keys_follow_and_open_what_the_old_ones_opened) {
    NodeKeys old, next, third;
    SealKey open[KEYS_OLD_MAX + 1];
    ASSERT_OK(keys_generate(&old));
    ASSERT_OK(keys_follow(&old, &next));
    ASSERT_OK(keys_follow(&next, &third));
    assert_true(strcmp(old.curve_public, next.curve_public) != 0);
    assert_true(memcmp(&old.sign, &next.sign, sizeof(old.sign)) != 0);
    ASSERT_EQ(keys_opening(&third, open), 3);
    assert_memory_equal(&open[1], &next.seal, sizeof(next.seal));
    assert_memory_equal(&open[2], &old.seal, sizeof(old.seal));
    ASSERT_EQ(keys_opening(&old, open), 1); /* it stays as it was */
    keys_wipe(&old);
    keys_wipe(&next);
    keys_wipe(&third);
}

TEST(keys_take_the_place_of_others_in_steps) {
    _cleanup_(folder_remove) Folder f;
    NodeKeys now, next, got;
    struct stat st;
    char beside[112], before[112];
    folder_make(&f);
    name_with(&f, KEYS_NEXT, beside);
    name_with(&f, KEYS_OLD, before);
    ASSERT_OK(keys_generate(&now));
    ASSERT_OK(keys_save(&now, f.file));
    ASSERT_EQ(keys_switch(f.file), -ENOENT); /* nothing is there to take its place */
    ASSERT_OK(keys_load(&got, f.file));
    assert_memory_equal(&got, &now, sizeof(now));
    ASSERT_OK(keys_follow(&now, &next));
    ASSERT_OK(keys_save_next(&next, f.file));
    ASSERT_EQ(keys_save_next(&next, f.file), -EEXIST); /* never overwritten */
    ASSERT_OK(stat(beside, &st));
    ASSERT_EQ(st.st_mode & 07777, 0600);
    ASSERT_OK(keys_load(&got, f.file)); /* nothing has changed so far */
    assert_memory_equal(&got, &now, sizeof(now));
    ASSERT_OK(keys_switch(f.file));
    ASSERT_OK(keys_load(&got, f.file));
    assert_memory_equal(&got, &next, sizeof(next));
    ASSERT_OK(keys_load(&got, before));
    assert_memory_equal(&got, &now, sizeof(now));
    ASSERT_EQ(access(beside, F_OK), -1);
    ASSERT_EQ(keys_switch(f.file), -ENOENT); /* said twice, it costs nothing */
    ASSERT_OK(keys_load(&got, before));
    assert_memory_equal(&got, &now, sizeof(now));
    ASSERT_OK(unlink(before));
}

TEST(a_one_time_pair_comes_from_its_secret_half) {
    NodeKeys k, again;
    ASSERT_OK(keys_generate(&k));
    ASSERT_OK(keys_from_curve(k.curve_secret, &again));
    ASSERT_STR(again.curve_public, k.curve_public);
    assert_false(keys_can_sign(&again) || keys_can_open(&again));
    ASSERT_EQ(keys_from_curve("too short", &again), -EINVAL);
    keys_wipe(&k);
    keys_wipe(&again);
}

TEST_MAIN
