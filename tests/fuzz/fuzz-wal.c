/* SPDX-License-Identifier: Apache-2.0 */

/* Any bytes as a write-ahead log: looking it over ends, and what is mended of it has no damage. */

#include <fcntl.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "store/walscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char from[40], to[48];
    WalState is = { 0 }, mended = { 0 };
    uint32_t dropped = 0;
    (void)snprintf(from, sizeof(from), "/dev/shm/fuzz-wal-%d", (int)getpid());
    (void)snprintf(to, sizeof(to), "%s-to", from);
    const int fd = open(from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, data, n) == (ssize_t)n && close(fd) == 0);
    FUZZ_CHECK(walscan_read(&is, NULL, from) == 0);
    FUZZ_CHECK(is.frames <= is.present_frames && is.transactions <= is.frames);
    FUZZ_CHECK(is.bad_frame == 0 || is.bad_frame > is.frames);
    FUZZ_CHECK(walscan_mend(from, to, &dropped) == 0);
    FUZZ_CHECK(walscan_read(&mended, NULL, to) == 0);
    FUZZ_CHECK(mended.bad_frame == 0 && mended.lost == 0);
    FUZZ_CHECK(!mended.present || mended.header_ok);
    FUZZ_CHECK(mended.frames >= is.frames && mended.frames == mended.present_frames);
    (void)unlink(from);
    (void)unlink(to);
    return 0;
}
