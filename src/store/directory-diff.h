/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an edit changes in the directory the hub has signed, record by record: a piece each, ranked
 * by what has to be signed first. Within the store's transaction.
 */

#include "store/internal.h"

/* Ranks, first to be signed first. */
#define RANK_REVOKES 0 /* what takes a right away */
#define RANK_BROKERS 1 /* brokers: their tree must be whole in every version */
#define RANK_OTHERS  2

/* One record to put, or (no content) to take out. */
typedef struct Piece {
    DirRecord record;
    char name[DIR_NAME_SIZE];
    uint8_t *content; /* owned; NULL: taken out */
    size_t n, order;  /* n: bytes of content; order: as given */
    int rank;
} Piece;

typedef struct Pieces {
    Piece *list;
    size_t n, room;
} Pieces;

void pieces_deinit(Pieces *all);

/* Adds what is not signed yet as the edit has it, each name once, by rank, then by name. final: the
 * directory the edit gives. 0; -EINVAL: a record that cannot be written; -ENOMEM. */
_must_check_ int pieces_collect(const Store *s, const DirectoryEdit *e, const Directory *final,
                                Pieces *all);
