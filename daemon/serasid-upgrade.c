/* SPDX-License-Identifier: Apache-2.0 */

/* --check-upgrade FILE: what this program would do with that store, before it does it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "daemon/serasid.h"
#include "store/upgrade.h"
#include "wire/codec.h"

static int status_of(int r) {
    switch (r) {
    case 0:
        return EX_OK;
    case -EUCLEAN:
        return EX_DATAERR;
    case -ENOENT:
    case -EINVAL:
        return EX_NOINPUT;
    case -EBUSY:
        return EX_TEMPFAIL;
    case -EPROTO:
        return EX_CONFIG;
    case -ENOMEM:
        return EX_SOFTWARE;
    default:
        return EX_IOERR;
    }
}

static const char *next_step(int r) {
    switch (r) {
    case -EUCLEAN:
        return "The old program will not run with it either. See SALVAGE in serasictl(1)";
    case -ENOENT:
    case -EINVAL:
        return "Name the file of a stopped broker's store, or of a backup";
    case -EBUSY:
        return "Stop the broker first, or check a fresh backup of it";
    case -EPROTO:
        return "It is of a newer serasid: install that version";
    case -ENOSPC:
        return "Make room, or check a copy in another file system";
    default:
        return "See the journal of the disk";
    }
}

static unsigned long long mib(uint64_t bytes) {
    return (bytes + (1U << 20) - 1) >> 20;
}

static void print_report(const char *file, const UpgradeReport *r) {
    printf("%s: store of %s, schema version %d; this serasid (" SERASI_VERSION ") uses %d\n", file,
           r->self, r->version, r->wanted);
    printf("size %llu MiB, last stop %s; quick_check: ok, in %lld.%01lld s\n", mib(r->size_bytes),
           r->unclean ? "not clean" : "clean", (long long)r->check_ms / 1000,
           (long long)r->check_ms % 1000 / 100);
    if (r->version == r->wanted)
        printf("nothing to be done\n");
    else
        printf("steps: %d to %d; tried on a copy: done in %lld.%01lld s\n", r->version, r->wanted,
               (long long)r->steps_ms / 1000, (long long)r->steps_ms % 1000 / 100);
    printf("room: needs at most %llu MiB, %llu MiB are free\n", mib(r->needed_bytes),
           mib(r->free_bytes));
    if (r->needed_bytes > r->free_bytes)
        printf("Make room before the start.\n");
    else if (r->version < r->wanted)
        printf("Make a backup, then start: there is no way back to the old version.\n");
}

int check_upgrade(const char *file) {
    const StoreConfig config = { .codec = &codec_message };
    UpgradeReport report;
    char why[256] = "";
    if (hash_init() < 0) {
        daemon_complain("no source of random numbers");
        return EX_SOFTWARE;
    }
    const int r = store_check_upgrade(&config, file, &report, why);
    if (r == 0)
        print_report(file, &report);
    else
        daemon_complain("%s.\n%s", why[0] ? why : strerror(-r), next_step(r));
    return status_of(r);
}
