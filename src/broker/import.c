/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/import.h"

/* Grows *list by one element. */
static void *list_add(void **list, uint32_t *n, size_t size) {
    if ((*n & (*n - 1)) == 0) { /* full at powers of two */
        void *grown = reallocarray(*list, *n ? *n * 2 : 1, size);
        if (!grown)
            return NULL;
        *list = grown;
    }
    return (char *)*list + (*n)++ * size;
}

static int import_line(StoreOp *op, const char *text, size_t n, char why[static JSON_WHY_SIZE]) {
    DirRecord line;
    int r = json_parse_directory_line(text, n, &line, why);
    if (r < 0)
        return r;
    void *slot;
    switch (line.kind) {
    case DIR_NODE:
        slot = list_add((void **)&op->import.nodes, &op->import.n_nodes, sizeof(DirNode));
        if (slot)
            memcpy(slot, &line.node, sizeof(line.node));
        break;
    case DIR_KEY:
        slot = list_add((void **)&op->import.keys, &op->import.n_keys, sizeof(DirKey));
        if (slot)
            memcpy(slot, &line.key, sizeof(line.key));
        break;
    case DIR_REGION:
        slot = list_add((void **)&op->import.regions, &op->import.n_regions, sizeof(DirRegion));
        if (slot)
            memcpy(slot, &line.region, sizeof(line.region));
        break;
    default:
        slot = list_add((void **)&op->import.holidays, &op->import.n_holidays, sizeof(DirHoliday));
        if (slot)
            memcpy(slot, &line.holiday, sizeof(line.holiday));
    }
    return slot ? 0 : -ENOMEM;
}

int import_lines(StoreOp *op, const char *text, size_t n, size_t *ret_line,
                 char why[static JSON_WHY_SIZE]) {
    size_t number = 0;
    for (const char *p = text, *end = text + n; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((nl ? nl : end) - p);
        number++;
        if (strspn(p, " \t\r") < len) {
            int r = import_line(op, p, len, why);
            if (r < 0) {
                *ret_line = number;
                return r;
            }
        }
        p += len + 1;
    }
    return 0;
}
