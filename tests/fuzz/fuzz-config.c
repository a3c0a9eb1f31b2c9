/* SPDX-License-Identifier: Apache-2.0 */

/* A configuration file: what could be read prints as a file that means the same. */

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config.h"
#include "fuzz/fuzz.h"

static char folder[] = "/dev/shm/fuzz-config-XXXXXX";
static char path[64];

static void clean_up(void) {
    (void)unlink(path);
    (void)rmdir(folder);
}

static int load(Config **ret, Bytes text, Buf *complaints) {
    FILE *f = fopen(path, "we");
    FUZZ_CHECK(f && fwrite(text.p, 1, text.n, f) == text.n && fclose(f) == 0);
    return config_load(ret, path, complaints);
}

/* A relative path is printed as an absolute one, which may be more than a line can hold. */
static bool has_long_line(const Buf *text) {
    Input in = { text->p, text->n };
    while (in.n > 0) {
        const uint8_t *end = memchr(in.p, '\n', in.n);
        const Bytes line = take_bytes(&in, end ? (size_t)(end - in.p) + 1 : in.n);
        if (line.n >= 190)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (path[0] == '\0') {
        FUZZ_CHECK(mkdtemp(folder) || mkdtemp(strcpy(folder, "/tmp/fuzz-config-XXXXXX")));
        (void)snprintf(path, sizeof(path), "%s/" CONFIG_FILE_NAME, folder);
        (void)atexit(clean_up);
    }
    Config *first = NULL, *second = NULL;
    Buf complaints = { 0 }, a = { 0 }, b = { 0 };
    int r = load(&first, bytes_make(data, n), &complaints);
    FUZZ_CHECK(r == 0 || (r == -EINVAL && complaints.n > 0));
    if (r == 0) {
        FUZZ_CHECK(first->node && first->key_file);
        config_print(first, &a);
        FUZZ_CHECK(!a.failed);
    }
    if (r == 0 && !has_long_line(&a)) {
        FUZZ_CHECK(load(&second, buf_bytes(&a), &complaints) == 0);
        config_print(second, &b);
        FUZZ_CHECK(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
    }
    (void)config_free(first);
    (void)config_free(second);
    buf_deinit(&complaints);
    buf_deinit(&a);
    buf_deinit(&b);
    return 0;
}
