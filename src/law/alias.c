/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Codes of regions that were replaced (a province was divided, a regency renamed). A message may
 * still have the old one; rules, routing, copies and items go by the code of today, so that the
 * agency of the place stays responsible. What was signed and travels on is not touched.
 */

#include "law/accept.h"

void accept_take_aliases(Message *m, const Directory *d) {
    Envelope *e = &m->env;
    Audience *a = &e->audience;
    directory_region_today(d, e->region);
    if (a->form == AUDIENCE_ROLE)
        directory_region_today(d, a->role_region);
    for (uint32_t i = 0; a->form == AUDIENCE_SCOPE && i < a->n && i < AUDIENCE_SCOPE_MAX; i++)
        directory_region_today(d, a->scope[i]);
    if (e->kind == KIND_SUPERVISION_ASSISTANCE_REQUEST)
        directory_region_today(d, m->facts.assistance.regency);
}
