/* SPDX-License-Identifier: Apache-2.0 */

#include "core/enrolment.h"

#include <stdatomic.h>
#include <string.h>

struct Enrolments {
    atomic_uint n_refs;
    size_t n;
    Enrolment list[]; /* few: looked through from one end to the other */
};

const char *enrol_state_name(EnrolState s) {
    static const char *const names[] = { "NONE", "OPEN", "WAITING", "APPROVED", "REFUSED" };
    return (unsigned)s < ARRAY_SIZE(names) ? names[s] : names[ENROL_NONE];
}

Enrolments *enrolments_new(const Enrolment *list, size_t n) {
    Enrolments *e = malloc(sizeof(*e) + n * sizeof(*list));
    if (!e)
        return NULL;
    atomic_init(&e->n_refs, 1);
    e->n = n;
    if (n > 0)
        memcpy(e->list, list, n * sizeof(*list));
    return e;
}

Enrolments *enrolments_ref(Enrolments *e) {
    if (e)
        (void)atomic_fetch_add(&e->n_refs, 1);
    return e;
}

Enrolments *enrolments_unref(Enrolments *e) {
    if (e && atomic_fetch_sub(&e->n_refs, 1) == 1)
        free(e);
    return NULL;
}

const Enrolment *enrolments_find(const Enrolments *e, const char *curve, int64_t now_ms) {
    for (size_t i = 0; e && i < e->n; i++)
        if (strcmp(e->list[i].curve, curve) == 0)
            return now_ms < e->list[i].expires_ms + ENROLMENT_KEPT_MS ? &e->list[i] : NULL;
    return NULL;
}

const Enrolment *enrolments_by_id(const Enrolments *e, int64_t id) {
    for (size_t i = 0; e && i < e->n; i++)
        if (e->list[i].id == id)
            return &e->list[i];
    return NULL;
}
