/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
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
            memcpy(k.ed25519_public, other.ed25519_public, sizeof(k.ed25519_public));
        else
            memcpy(k.x25519_public, other.x25519_public, sizeof(k.x25519_public));
        ASSERT_OK(keys_save(&k, f.file));
        ASSERT_EQ(keys_load(&k, f.file), -EBADMSG);
        unlink(f.file);
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
