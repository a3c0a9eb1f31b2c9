/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many items stand where, for reports: a cell for each kind, state, cluster and regency. Only
 * what a transaction changed is kept in memory, and written with it: a batch moves few cells.
 */
#include <errno.h>

#include "store/item.h"

typedef struct Cell {
    struct {
        uint8_t kind, state, cluster;
        char region[5]; /* to the regency */
    } key;
    int64_t delta, past;
    UT_hash_handle hh;
} Cell;

struct Tally {
    Cell *changed;
};

static Cell *cell_of(Store *s, int kind, int state, int cluster, const char *region) {
    Cell probe = { .key = { (uint8_t)kind, (uint8_t)state, (uint8_t)cluster, "" } };
    Cell *cell = NULL;
    memcpy(probe.key.region, region, strnlen(region, sizeof(probe.key.region) - 1));
    if (!s->tally && !(s->tally = calloc(1, sizeof(*s->tally)))) {
        db_fault(s, -ENOMEM, "out of memory");
        return NULL;
    }
    HASH_FIND(hh, s->tally->changed, &probe.key, sizeof(probe.key), cell);
    if (!cell) {
        cell = malloc(sizeof(*cell));
        if (!cell) {
            db_fault(s, -ENOMEM, "out of memory");
            return NULL;
        }
        *cell = probe;
        HASH_ADD(hh, s->tally->changed, key, sizeof(cell->key), cell);
        if (!cell->hh.tbl) { /* no room for it */
            free(cell);
            db_fault(s, -ENOMEM, "out of memory");
            return NULL;
        }
    }
    return cell;
}

void tally_add(Store *s, int kind, int state, int cluster, const char *region, int delta) {
    Cell *cell = cell_of(s, kind, state, cluster, region);
    if (cell)
        cell->delta += delta;
}

void tally_forget(Store *s, const StoredItem *i) {
    const Item *is = &i->item;
    Cell *cell =
        i->counted_before ? cell_of(s, is->kind, is->state, is->cluster, is->region) : NULL;
    if (!cell)
        return;
    cell->delta--;
    cell->past++;
}

void tally_flush(Store *s) {
    Cell *cell, *next;
    if (!s->tally)
        return;
    HASH_ITER (hh, s->tally->changed, cell, next)
        if ((cell->delta != 0 || cell->past != 0) && s->fault == 0)
            RUN(s,
                "INSERT INTO tally(kind, state, cluster, region, n, past) "
                "VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(kind, state, cluster, region) "
                "DO UPDATE SET n = n + excluded.n, past = past + excluded.past",
                INT(cell->key.kind), INT(cell->key.state), INT(cell->key.cluster),
                TEXT(cell->key.region), INT(cell->delta), INT(cell->past));
    tally_drop(s);
}

void tally_drop(Store *s) {
    Cell *cell, *next;
    if (!s->tally)
        return;
    HASH_ITER (hh, s->tally->changed, cell, next) {
        HASH_DEL(s->tally->changed, cell);
        free(cell);
    }
    free(s->tally);
    s->tally = NULL;
}
