/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/text.h"
#include "sim/disk-internal.h"

/* --- bytes --- */

static void image_resize(Image *i, size_t n) {
    if (n > i->room) {
        i->room = MAX(n, i->room * 2);
        i->p = realloc(i->p, i->room);
        assert(i->p);
    }
    if (n > i->n)
        memset(i->p + i->n, 0, n - i->n);
    i->n = n;
}

static void image_put(Image *i, size_t at, const void *p, size_t n) {
    if (at + n > i->n)
        image_resize(i, at + n);
    if (n > 0)
        memcpy(i->p + at, p, n);
}

static void image_copy(Image *to, const Image *from) {
    to->n = 0;
    image_put(to, 0, from->p, from->n);
}

static void changes_clear(File *f, size_t n) {
    if (n == f->n_changes)
        f->bytes.n = 0;
    memmove(f->changes, f->changes + n, (f->n_changes - n) * sizeof(*f->changes));
    f->n_changes -= n;
}

static void change_add(File *f, const Change *c) {
    if (f->n_changes == f->room_changes) {
        f->room_changes = MAX(2 * f->room_changes, (size_t)64);
        f->changes = realloc(f->changes, f->room_changes * sizeof(*f->changes));
        assert(f->changes);
    }
    f->changes[f->n_changes++] = *c;
}

/* --- files and names --- */

File *disk_find(Disk *d, const char *name) {
    File *f;
    DL_FOREACH (d->files, f)
        if (f->named && strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

File *disk_create(Disk *d, const char *name) {
    File *f = calloc(1, sizeof(*f));
    assert(f);
    (void)text_copy(f->name, sizeof(f->name), name);
    size_t n = strlen(name);
    f->is_log = (n > 4 && strcmp(name + n - 4, "-wal") == 0) || strstr(name, "-journal");
    f->named = true;
    DL_APPEND(d->files, f);
    return f;
}

static void file_free(Disk *d, File *f) {
    DL_DELETE(d->files, f);
    free(f->seen.p);
    free(f->durable.p);
    free(f->bytes.p);
    free(f->changes);
    free(f);
}

static void collect(Disk *d, File *f) {
    if (!f->named && !f->named_on_disk && f->handles == 0)
        file_free(d, f);
}

void disk_unname(Disk *d, File *f) {
    f->named = false;
    collect(d, f);
}

void disk_release(Disk *d, File *f) {
    f->handles--;
    collect(d, f);
}

void disk_sync_names(Disk *d) {
    File *f, *tmp;
    DL_FOREACH_SAFE(d->files, f, tmp) {
        f->named_on_disk = f->named;
        collect(d, f);
    }
}

uint64_t disk_room(const Disk *d) {
    uint64_t used = d->others + d->reserved;
    const File *f;
    DL_FOREACH (d->files, f)
        used += f->seen.n;
    return used < d->quality.capacity ? d->quality.capacity - used : 0;
}

/* --- changes --- */

void disk_write(Disk *d, File *f, size_t at, const void *p, size_t n) {
    (void)d;
    change_add(f, &(Change) { .at = at, .n = n, .bytes = f->bytes.n });
    image_put(&f->bytes, f->bytes.n, p, n);
    image_put(&f->seen, at, p, n);
}

void disk_truncate(Disk *d, File *f, size_t size) {
    (void)d;
    change_add(f, &(Change) { .cut = true, .at = size });
    image_resize(&f->seen, size);
}

static void apply(File *f, const Change *c) {
    if (c->cut)
        image_resize(&f->durable, c->at);
    else
        image_put(&f->durable, c->at, f->bytes.p + c->bytes, c->n);
}

void disk_sync_file(Disk *d, File *f) {
    size_t n = f->n_changes, lie = d->quality.lie_depth;
    n -= MIN(n, lie);
    for (size_t i = 0; i < n; i++)
        apply(f, &f->changes[i]);
    changes_clear(f, n);
}

/* Old bytes of others, as a new sector holds them that was never written. */
static void fill_garbage(Disk *d, uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)dice_roll(&d->dice);
}

/* One sector's share of a change reaches the disk, or not, or what of it is in one half. */
static void settle_sector(Disk *d, Image *to, size_t at, const uint8_t *p, size_t n) {
    if (dice_below(&d->dice, 100) >= d->quality.keep)
        return;
    size_t from = 0, end = n;
    if (dice_below(&d->dice, 100) < d->quality.torn) {
        const size_t middle = at / DISK_SECTOR * DISK_SECTOR + DISK_SECTOR / 2;
        const size_t first = MIN(middle > at ? middle - at : 0, n); /* of it in the first half */
        if (dice_once_in(&d->dice, 2))
            from = first < n ? first : 0;
        else
            end = first > 0 ? first : n;
    }
    image_put(to, at + from, p + from, end - from);
}

/* Where the file ends: what was told to the folder of its length is in order, up to some point. */
static void settle_changes(Disk *d, File *f) {
    const size_t lengths = dice_below(&d->dice, (unsigned)f->n_changes + 1);
    size_t length = f->durable.n;
    for (size_t i = 0; i < f->n_changes; i++) {
        const Change *c = &f->changes[i];
        if (i < lengths)
            length = c->cut ? c->at : MAX(length, c->at + c->n);
        if (c->cut) {
            if (i < lengths)
                image_resize(&f->durable, c->at);
            continue;
        }
        const size_t was = f->durable.n;
        if (d->quality.garbage && c->at + c->n > was) {
            image_resize(&f->durable, c->at + c->n);
            fill_garbage(d, f->durable.p + was, f->durable.n - was);
        }
        for (size_t at = c->at; at < c->at + c->n;) {
            const size_t end = MIN((at / DISK_SECTOR + 1) * DISK_SECTOR, c->at + c->n);
            settle_sector(d, &f->durable, at, f->bytes.p + c->bytes + (at - c->at), end - at);
            at = end;
        }
    }
    image_resize(&f->durable, length);
    changes_clear(f, f->n_changes);
}

void disk_drop_changes(Disk *d, File *f) {
    const size_t n = f->durable.n;
    settle_changes(d, f);
    if (f->durable.n < n) /* its length is not what was lost */
        image_resize(&f->durable, n);
}

/* A name that was made or deleted and not synced is there or not; one name is there once. */
static void settle_names(Disk *d) {
    File *f, *old, *tmp;
    DL_FOREACH (d->files, f) {
        if (f->named == f->named_on_disk || !dice_once_in(&d->dice, 2))
            continue;
        f->named_on_disk = f->named;
        DL_FOREACH (d->files, old)
            if (f->named && old != f && strcmp(old->name, f->name) == 0)
                old->named_on_disk = false;
    }
    DL_FOREACH_SAFE(d->files, f, tmp) {
        f->named = f->named_on_disk;
        collect(d, f);
    }
}

/* --- trouble --- */

void disk_arm(Disk *d, DiskTrouble what, unsigned kinds, unsigned n) {
    d->armed = what;
    d->armed_kinds = kinds;
    d->armed_n = n;
}

DiskTrouble disk_meet(Disk *d, unsigned kind, bool *ret_first) {
    *ret_first = false;
    if (d->death != DISK_FINE)
        return d->death;
    d->hash = trace_word(d->hash, kind);
    if (d->armed == DISK_FINE || !(d->armed_kinds & kind) || --d->armed_n > 0)
        return DISK_FINE;
    const DiskTrouble what = d->armed;
    d->armed = DISK_FINE;
    *ret_first = true;
    d->hash = trace_word(d->hash, 0x100U + what);
    if (what == DISK_CRASH || what == DISK_POWER)
        d->death = what;
    return what;
}

DiskTrouble disk_death(const Disk *d) {
    return d->death;
}

void disk_kill(Disk *d, DiskTrouble of) {
    if (d->death != DISK_POWER)
        d->death = of;
}

void disk_restart(Disk *d) {
    File *f;
    if (d->death == DISK_POWER) {
        DL_FOREACH (d->files, f) {
            assert(f->handles == 0);
            settle_changes(d, f);
            image_copy(&f->seen, &f->durable);
            d->hash = trace_bytes(d->hash, f->seen.p, f->seen.n);
        }
        settle_names(d);
    }
    d->death = DISK_FINE;
    d->armed = DISK_FINE;
}

void disk_set_others(Disk *d, uint64_t bytes) {
    d->others = bytes;
}

void disk_set_slow(Disk *d, unsigned ms) {
    d->slow_ms = ms;
}

void disk_on_sync(Disk *d, void (*call)(void *data, bool done), void *data) {
    d->on_sync = call;
    d->on_sync_data = data;
}

int64_t disk_take_time(Disk *d) {
    int64_t ms = d->spent_ms;
    d->spent_ms = 0;
    return ms;
}

uint64_t disk_hash(const Disk *d) {
    return d->hash;
}

/* --- the store's hooks --- */

static int hook_sync_folder(void *data) {
    Disk *d = data;
    bool first;
    const DiskTrouble t = disk_meet(d, DISK_SYNC, &first);
    if (t != DISK_FINE)
        return -EIO;
    disk_sync_names(d);
    return 0;
}

static int hook_space(void *data, uint64_t *ret_total, uint64_t *ret_free) {
    const Disk *d = data;
    *ret_total = d->quality.capacity;
    *ret_free = disk_room(d);
    return d->death == DISK_FINE ? 0 : -EIO;
}

static int hook_reserve(void *data, uint64_t bytes) {
    Disk *d = data;
    if (bytes > disk_room(d) + d->reserved)
        return -ENOSPC;
    d->reserved = bytes;
    return 0;
}

const StoreDisk *disk_hooks(Disk *d) {
    return &d->hooks;
}

Disk *disk_new(const char *name, uint64_t seed, const DiskQuality *quality) {
    Disk *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    (void)text_copy(d->name, sizeof(d->name), name);
    d->quality = *quality;
    d->dice = dice_for(seed, 0xd15c, 0);
    d->hooks = (StoreDisk) { .vfs = d->name,
                             .data = d,
                             .sync_folder = hook_sync_folder,
                             .space = hook_space,
                             .reserve = hook_reserve };
    return disk_register(d) ? d : disk_free(d);
}

Disk *disk_free(Disk *d) {
    if (!d)
        return NULL;
    disk_unregister(d);
    File *f, *tmp;
    DL_FOREACH_SAFE(d->files, f, tmp)
    file_free(d, f);
    free(d);
    return NULL;
}
