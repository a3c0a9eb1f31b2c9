/* SPDX-License-Identifier: Apache-2.0 */

/* complaints (pengaduan, P4 Pasal 8). */

#include "law/rules-internal.h"

/* Received with a type, and followed up before it is closed. */
Severity rule_130(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    const Item *known = in->known->complaint;
    if (is_kind(in, KIND_COMPLAINT))
        return refuse_if(f->complaint.type == COMPLAINT_TYPE_UNSPECIFIED);
    return refuse_if(f->complaint_update.action == COMPLAINT_ACTION_CLOSE && known &&
                     known->state != COMPLAINT_NONE && !known->complaint.resolved);
}

static bool is_named(const Audience *a, const char *node) {
    for (uint32_t i = 0; i < a->n && i < AUDIENCE_NODES_MAX; i++)
        if (strcmp(a->nodes[i], node) == 0)
            return true;
    return false;
}

/* The reported node is neither addressed by name with the complaint, which would make it the
 * holder, nor made to handle it by any later action. A role that resolves to it is not the
 * sender's doing: routing gives the complaint to its lawful holder. */
Severity rule_131(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    const Item *known = in->known->complaint;
    if (is_kind(in, KIND_COMPLAINT))
        return refuse_if(f->complaint.about_node[0] &&
                         is_named(&in->message->env.audience, f->complaint.about_node));
    return refuse_if(known && known->complaint.about_node[0] &&
                     strcmp(f->complaint_update.assignee, known->complaint.about_node) == 0);
}
