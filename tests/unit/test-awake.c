/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "test.h"

#include "daemon/serasid-awake.h"

#define KEEP 10000
#define ANY  2000000000

typedef struct Device {
    char path[32];
    Awake a;
} Device;

static void device_init(Device *d, int64_t keep_us) {
    strcpy(d->path, "/tmp/test-awake-XXXXXX");
    const int fd = mkstemp(d->path);
    assert_true(fd >= 0);
    close(fd);
    ASSERT_OK(awake_open(&d->a, d->path, keep_us));
}

static void device_deinit(Device *d) {
    awake_close(&d->a);
    (void)unlink(d->path);
}

/* All that was asked for, in order. */
static void assert_asked(const Device *d, size_t n, const int32_t *wanted) {
    int32_t got[8];
    const int fd = open(d->path, O_RDONLY);
    assert_true(fd >= 0);
    ASSERT_EQ(read(fd, got, sizeof(got)), n * sizeof(got[0]));
    close(fd);
    assert_memory_equal(got, wanted, n * sizeof(got[0]));
}

TEST(one_alone_wakes_nobody) {
    Device d;
    device_init(&d, KEEP);
    awake_stirred(&d.a, 1000000);
    ASSERT_EQ(awake_rest_us(&d.a, 1000001), INT64_MAX);
    awake_stirred(&d.a, 1000000 + KEEP); /* nor the next, too late */
    ASSERT_EQ(awake_rest_us(&d.a, 1000000 + KEEP), INT64_MAX);
    assert_asked(&d, 0, NULL);
    device_deinit(&d);
}

TEST(asked_for_from_the_second_on_until_none_came) {
    const int32_t asked[] = { 0, ANY, 0 };
    Device d;
    device_init(&d, KEEP);
    awake_stirred(&d.a, 1000000);
    awake_stirred(&d.a, 1000000 + KEEP - 1);
    assert_asked(&d, 1, asked);
    ASSERT_EQ(awake_rest_us(&d.a, 1000000 + KEEP), KEEP - 1);
    awake_stirred(&d.a, 1005000 + KEEP); /* goes on, nothing new is asked */
    ASSERT_EQ(awake_rest_us(&d.a, 1005000 + 2 * KEEP - 1), 1);
    assert_asked(&d, 1, asked);
    ASSERT_EQ(awake_rest_us(&d.a, 1005000 + 2 * KEEP), INT64_MAX);
    ASSERT_EQ(awake_rest_us(&d.a, 1005000 + 2 * KEEP), INT64_MAX);
    assert_asked(&d, 2, asked);
    awake_stirred(&d.a, 2000000);
    awake_stirred(&d.a, 2000001);
    assert_asked(&d, 3, asked);
    device_deinit(&d);
}

TEST(never_opens_nothing) {
    Awake a;
    ASSERT_OK(awake_open(&a, "/nonexistent", 0));
    ASSERT_EQ(a.fd, -1);
    awake_stirred(&a, 0);
    awake_stirred(&a, 0);
    ASSERT_EQ(awake_rest_us(&a, 1), INT64_MAX);
    awake_close(&a);
}

TEST(where_it_may_not_nothing_is_asked) {
    Awake a;
    ASSERT_EQ(awake_open(&a, "/nonexistent", KEEP), -ENOENT);
    awake_stirred(&a, 1);
    awake_stirred(&a, 2);
    ASSERT_EQ(awake_rest_us(&a, 3), INT64_MAX);
    awake_close(&a);
}

TEST(what_does_not_take_it_is_not_asked_again) {
    Awake a;
    ASSERT_OK(awake_open(&a, "/dev/full", KEEP));
    awake_stirred(&a, 1);
    awake_stirred(&a, 2);
    ASSERT_EQ(a.fd, -1);
    ASSERT_EQ(awake_rest_us(&a, 3), INT64_MAX);
}

TEST_MAIN
