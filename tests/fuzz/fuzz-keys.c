/* SPDX-License-Identifier: Apache-2.0 */

/* A key file. What could be read is written as a file that says the same. */

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "net/keys.h"

static int load(const uint8_t *data, size_t n, NodeKeys *ret) {
    char path[64];
    const int fd = memfd_create("keys", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, n) == (ssize_t)n);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const int r = keys_load(ret, path);
    (void)close(fd);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    NodeKeys first, second;
    char path[64];
    FUZZ_CHECK(hash_init() == 0);
    const int r = load(data, n, &first);
    FUZZ_CHECK(r == 0 || r == -EBADMSG || r == -E2BIG);
    if (r < 0)
        return 0;
    FUZZ_CHECK(curve_text_is_valid(first.curve_public) && curve_text_is_valid(first.curve_secret));
    (void)snprintf(path, sizeof(path), "/dev/shm/fuzz-keys-%d", (int)getpid());
    (void)unlink(path);
    FUZZ_CHECK(keys_save(&first, path) == 0);
    FUZZ_CHECK(keys_load(&second, path) == 0);
    FUZZ_CHECK(memcmp(&first, &second, sizeof(first)) == 0);
    (void)unlink(path);
    return 0;
}
