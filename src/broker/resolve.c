/* SPDX-License-Identifier: Apache-2.0 */

/*
 * QUERY resolve: to whom a message would go if it were published now, with its parts behind the
 * frame as with PUBLISH. Who seals has to know before the message exists. Nothing is stored, and
 * nothing is told of what would be refused but the codes of the reasons.
 */

#include <errno.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/account.h"
#include "broker/batch.h"
#include "broker/internal.h"
#include "broker/note.h"
#include "broker/query.h"
#include "broker/resolve.h"
#include "broker/session.h"
#include "broker/turns.h"
#include "core/access.h"
#include "wire/codec.h"

int resolve_frame(Broker *b, Now now, Session *s, const Frame *f, const PeerMessage *m) {
    _cleanup_(message_freep) Message *message = NULL;
    const Bytes none = { 0 };
    const char *why = "";
    if (!account_may_query(b, s->account))
        return query_say(b, s, f, 1, "BUSY: too many queries of this node wait; ask again later");
    message = calloc(1, sizeof(*message));
    if (!message)
        return -ENOMEM;
    int r = codec_decode_message(m->parts[1], m->n_parts > 2 ? m->parts[2] : none,
                                 m->n_parts > 3 ? m->parts[3] : none, message, &why);
    if (r != 0)
        return r < 0 ? r : query_say(b, s, f, 2, why);
    /* It is a question about what the session could publish. */
    const RightUse use = use_of_publish(&message->env);
    if (!session_allows(s, &use)) {
        char missing[RIGHT_USE_TEXT_SIZE];
        right_use_text(&use, missing);
        r = broker_denied(b, now, s->node, s->label, missing);
        return r < 0 ? r : query_say(b, s, f, 1, "NOT_ALLOWED: this key lacks the right: PUBLISH");
    }
    StoreOp *op = op_for(OP_QUERY, s->id, (void *)(uintptr_t)f->query.query);
    if (!op)
        return -ENOMEM;
    (void)text_copy(op->query.verb, sizeof(op->query.verb), f->query.verb);
    (void)text_copy(op->query.authority, sizeof(op->query.authority), s->node);
    op->query.limit = f->query.limit;
    op->query.message = TAKE_PTR(message);
    turns_push(b, now, s, op);
    return 0;
}
