/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim-world.h"

static bool is_before(const Happening *a, const Happening *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void agenda_add(Agenda *a, int64_t at_ms, EventKind kind, unsigned index, uint64_t token) {
    if (a->n == a->room) {
        a->room = MAX(2 * a->room, (size_t)256);
        a->list = realloc(a->list, a->room * sizeof(*a->list));
        assert(a->list);
    }
    const Happening e = { at_ms, a->order++, kind, index, token };
    size_t i = a->n++;
    for (; i > 0 && is_before(&e, &a->list[(i - 1) / 2]); i = (i - 1) / 2)
        a->list[i] = a->list[(i - 1) / 2];
    a->list[i] = e;
}

bool agenda_take(Agenda *a, Happening *ret) {
    if (a->n == 0)
        return false;
    *ret = a->list[0];
    const Happening e = a->list[--a->n];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < a->n; i = k) {
        if (k + 1 < a->n && is_before(&a->list[k + 1], &a->list[k]))
            k++;
        if (!is_before(&a->list[k], &e))
            break;
        a->list[i] = a->list[k];
    }
    if (a->n > 0)
        a->list[i] = e;
    return true;
}

void agenda_deinit(Agenda *a) {
    free(a->list);
    *a = (Agenda) { 0 };
}
