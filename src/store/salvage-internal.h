/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of salvage share. */

#include "store/internal.h"
#include "store/salvage.h"

typedef struct Salvage {
    Store *from; /* a copy of the damaged files; not opened as a store is */
    Store *to;
    SalvageReport *report;
    void (*tell)(void *data, const char *line);
    void *data;
    int64_t swept;      /* of the source: the ids of later messages are in no table */
    uint32_t n_unnamed; /* messages that are lost, of these */
} Salvage;

_printf_(2, 3) void salvage_tell(const Salvage *v, const char *format, ...);
/* Copies tables; what cannot be read is told. */
void salvage_copy(Salvage *v);
/* Makes again what the copied messages say must be there. */
void salvage_reconcile(Salvage *v);
