/* SPDX-License-Identifier: Apache-2.0 */
/* A store over the simulator's disk, which loses what was not synced: what may be believed. */
#include "test.h"

#include "sim/disk.h"
#include "store-fixture.h"
#include "store/rawfile.h"

#define CUTS        60U    /* more changes than a start makes */
#define LITTLE_ROOM 30000U /* for some more in the log, not for what is to be copied from it */

typedef struct Machine {
    Fixture f;
    Disk *disk;
    char name[32];
} Machine;

static void machine_init(Machine *m, uint64_t seed, unsigned keep) {
    const DiskQuality quality = { .keep = keep, .torn = 10, .capacity = 64U << 20 };
    ASSERT_OK(hash_init());
    *m = (Machine) { .f = { .now_ms = SAMPLE_NOW } };
    snprintf(m->name, sizeof(m->name), "powercut-%u", (unsigned)seed);
    m->disk = disk_new(m->name, seed, &quality);
    assert_non_null(m->disk);
    strcpy(m->f.path, "store.db");
    m->f.codec = fake_codec;
    m->f.config = test_store_config(m->f.path, SELF, &m->f.codec);
    m->f.config.disk = disk_hooks(m->disk);
    fixture_open(&m->f);
    fixture_import(&m->f);
}

static void machine_deinit(Machine *m) {
    m->f.store = store_close(m->f.store);
    disk_free(m->disk);
}

/* The process is gone, and what of it is on the disk is there for the next one. */
static void ends(Machine *m, DiskTrouble how) {
    disk_kill(m->disk, how);
    m->f.store = store_close(m->f.store);
    disk_restart(m->disk);
}

static int publish_one(Fixture *f) {
    StoreOp *op = accept_op(message_to(f, HOME, (uint8_t)(1 + f->n_ids % 3)));
    const int r = store_run(f->store, op, f->now_ms);
    store_op_free(op);
    return r;
}

static void assert_accepted(Fixture *f, uint32_t n) {
    for (uint32_t i = 1; i <= n; i++) {
        const Uuid id = id_of(i);
        ASSERT_OUTCOMES(f, &id, HOME " PENDING");
    }
    assert_sound(f);
}

/* So many are accepted, the sync for the next one fails: readers see it, the disk does not have it
 * and never will. */
static void fail_a_sync(Machine *m, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        ASSERT_OK(publish_one(&m->f));
    disk_arm(m->disk, DISK_EIO, DISK_SYNC, 1);
    ASSERT_EQ(publish_one(&m->f), -EIO);
    ends(m, DISK_CRASH);
}

TEST(what_a_failed_sync_left_in_memory_is_on_disk_before_it_is_believed) {
    for (unsigned n = 1; n <= CUTS; n++) {
        Machine m;
        machine_init(&m, n, n % 2 ? 0 : 50);
        fail_a_sync(&m, 12);
        disk_arm(m.disk, DISK_POWER, DISK_CHANGES, n); /* while it starts, or just after */
        (void)fixture_try_open(&m.f);
        ends(&m, DISK_POWER);
        fixture_open(&m.f);
        assert_accepted(&m.f, 12);
        machine_deinit(&m);
    }
}

/* The log has to do, as the database cannot grow. */
TEST(what_is_accepted_on_top_of_what_a_failed_sync_left_is_not_lost_with_it) {
    for (unsigned n = 1; n <= 20; n++) {
        Machine m;
        machine_init(&m, 1000 + n, 0);
        fail_a_sync(&m, 100);
        uint64_t total, room;
        ASSERT_OK(disk_hooks(m.disk)->space(m.disk, &total, &room));
        disk_set_others(m.disk, room - LITTLE_ROOM);
        fixture_open(&m.f);
        int64_t log_size = 0;
        ASSERT_OK(raw_size_of(m.name, "store.db-wal", RAW_READ, &log_size));
        ASSERT_TRUE(log_size > 0);
        ASSERT_OK(publish_one(&m.f));
        const uint64_t waiting = queued(&m.f, QUEUE_MAILBOX, HOME);
        ends(&m, DISK_POWER);
        disk_set_others(m.disk, 0);
        fixture_open(&m.f);
        ASSERT_EQ(queued(&m.f, QUEUE_MAILBOX, HOME), waiting);
        assert_sound(&m.f);
        machine_deinit(&m);
    }
}

/* The next batch is carried out already when it shows: both end with the process, and neither was
 * told. The next one starts, and they may be asked again. */
TEST(a_disk_that_is_full_only_when_the_owed_sync_is_made_loses_nothing_that_was_told) {
    for (unsigned n = 1; n <= 20; n++) {
        Machine m;
        machine_init(&m, 2000 + n, n % 2 ? 0 : 50);
        for (int i = 0; i < 12; i++)
            ASSERT_OK(publish_one(&m.f));
        StoreOp *first = accept_op(message_to(&m.f, HOME, 1)),
                *next = accept_op(message_to(&m.f, HOME, 2));
        ASSERT_OK(store_write(m.f.store, first, m.f.now_ms));
        disk_arm(m.disk, DISK_FULL, DISK_SYNC, 1);
        const int r = store_write(m.f.store, next, m.f.now_ms); /* too long to be collected */
        ASSERT_EQ(r < 0 ? r : store_sync(m.f.store), -EIO);
        store_op_free(first);
        store_op_free(next);
        ASSERT_EQ(publish_one(&m.f), -EIO);
        ends(&m, n % 3 ? DISK_CRASH : DISK_POWER);
        fixture_open(&m.f);
        m.f.n_ids = 12;
        assert_accepted(&m.f, 12);
        ASSERT_OK(publish_one(&m.f)); /* once more, or again */
        assert_accepted(&m.f, 13);
        machine_deinit(&m);
    }
}

TEST_MAIN
