/* SPDX-License-Identifier: Apache-2.0 */
/* A complaint that is handed on takes its opening message and the updates since along: facts only,
 * the sealed parts were not sealed for the new holder. Without them the new holder's broker would
 * not know the matter, nor that whoever names the new holder held it. */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"
#include "store/message.h"
#include "store/pending.h"
#include "store/place.h"
#include "store/trace.h"

static bool must_hear(const Store *s, const StoredMessage *m, const char *node) {
    return node[0] != '\0' && !route_find(&m->route, node) && strcmp(node, m->sender) != 0 &&
           directory_next_hop(s->directory, s->self, node);
}

/* Who answers for it and who is to do it. */
#define HOLDERS 2U
_Static_assert(HOLDERS <= PENDING_NOTES, "a note for each");

typedef struct Holders {
    const char *of[HOLDERS];
    uint64_t marks[HOLDERS]; /* what is noted when they need not hear; 0: there is none */
} Holders;

/* Whether a holder must be handed a message that is here changes with the directory alone, as
 * nobody is ever taken off a route. */
static Holders holders_of(const Store *s, const Item *i) {
    const uint64_t version = directory_version(s->directory);
    Holders h = { .of = { i->custodian, i->complaint.assignee } };
    for (size_t k = 0; k < HOLDERS; k++)
        if (h.of[k][0] != '\0')
            h.marks[k] = hash_64_more(version, bytes_make(h.of[k], strlen(h.of[k]))) | 1;
    return h;
}

static bool is_noted(const uint64_t *notes, const Holders *h) {
    bool all = notes != NULL;
    for (size_t k = 0; all && k < HOLDERS; k++)
        all = h->marks[k] == 0 || h->marks[k] == notes[0] || h->marks[k] == notes[1];
    return all;
}

static bool holders_must_hear(Store *s, const Item *i, const Holders *h, const StoredMessage *m) {
    uint64_t *notes = pending_notes(s, i->kind, &i->id);
    for (size_t k = 0; k < HOLDERS; k++)
        if (must_hear(s, m, h->of[k]))
            return true;
    if (notes)
        memcpy(notes, h->marks, sizeof(h->marks));
    return false;
}

void law_passed(Store *s, const StoredItem *i, const StoredMessage *m) {
    const Holders h = holders_of(s, &i->item);
    if (uuid_equal(&i->item.id, &m->id))
        (void)holders_must_hear(s, &i->item, &h, m);
}

/* Mostly nobody, and then the rest of the message need not be read, nor this much when it was found
 * out before. What a damaged page says about it is for those to judge who read it all. */
static bool somebody_must_hear(Store *s, const Item *i, const Holders *h) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    uint32_t page;
    if (is_noted(pending_notes(s, i->kind, &i->id), h))
        return false;
    const int64_t seq = dedup_find(s, &i->id, NULL);
    _query_ q = QUERY(s, "SELECT sender, route FROM message WHERE seq = ?1", INT(seq));
    const PagesMode mode = pages_set_mode(s->pages, PAGES_ROWS);
    const bool row = db_row(s, q);
    (void)pages_set_mode(s->pages, mode);
    if (pages_damaged(s->pages, &page) > 0)
        return true;
    if (!row)
        return false;
    text_copy(m.sender, sizeof(m.sender), col_text(q, 0));
    if (route_decode(col_bytes(q, 1), &m.route) == -ENOMEM)
        db_fault(s, -ENOMEM, "out of memory");
    return holders_must_hear(s, i, h, &m);
}

static void add_copy(Store *s, StoreOp *op, StoredMessage *m, Body *body, const char *node) {
    _cleanup_(copies_deinit) Copies copies = { 0 };
    const char *hop = directory_next_hop(s->directory, s->self, node);
    copies_init(s, &copies, body, false);
    copies.expires_ms = s->now_ms + s->config.accept.default_expiry_ms;
    if (!place_recipient(s, m, &(Placement) { .node = node, .role = ROLE_SUPERVISOR, .hop = hop }))
        return;
    message_update(s, m, body);
    place_delivery(s, op, m, m->route.n - 1, &copies);
    trail_add(s, m->seq, "handed on", node, "");
}

/* --- its story ------------------------------------------------------------------------------- */

#define STORY_MAX 16U

/* The updates that made it what it is, newest first; the one at work finds its own way. What the
 * clock did is made up for where they are read (complaint_climbed()). */
static size_t find_story(Store *s, const StoredItem *i, const Uuid *at_work,
                         int64_t seqs[static STORY_MAX]) {
    _cleanup_(freep) StoredAct *row = malloc(sizeof(*row));
    size_t count = 0;
    Act a;
    for (int64_t n = i->last_act; row && count < STORY_MAX && n > 0 && act_load(s, n, row);) {
        const ActLink *l = act_link(row, ITEM_COMPLAINT, &i->item.id);
        if (row->type == ACT_MESSAGE && l && l->verdict == STEP_APPLIED &&
            act_unpack(bytes_make(row->body, row->n_body), &a, &s->law->facts) &&
            a.kind == KIND_COMPLAINT_UPDATE && (!at_work || !uuid_equal(&a.message_id, at_work))) {
            const int64_t seq = dedup_find(s, &a.message_id, NULL);
            if (seq > 0)
                seqs[count++] = seq;
        }
        n = l ? l->prev : 0;
    }
    return count;
}

static void hand_on(Store *s, StoreOp *op, int64_t seq, const Holders *h) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    if (seq == 0 || !message_load_body(s, seq, &m, &body, &damaged) || damaged)
        return;
    for (size_t k = 0; k < HOLDERS && s->fault == 0; k++)
        if (must_hear(s, &m, h->of[k]))
            add_copy(s, op, &m, body, h->of[k]);
}

/* The message at work says something only after what it builds on. */
static void put_first(StoreOp *op, uint32_t added_from) {
    for (uint32_t i = added_from; i < op->n_deposits; i++) {
        const Deposit d = op->deposits[i];
        Deposit *to = &op->deposits[i - added_from];
        memmove(to + 1, to, added_from * sizeof(d));
        *to = d;
    }
}

void law_pass_on(Store *s, StoreOp *op, const StoredItem *i, const Uuid *at_work) {
    const Item *item = &i->item;
    int64_t story[STORY_MAX];
    if (item->kind != ITEM_COMPLAINT || item->final)
        return;
    const Holders h = holders_of(s, item);
    if (!somebody_must_hear(s, item, &h))
        return;
    const uint32_t before = op->n_deposits;
    size_t n = find_story(s, i, at_work, story);
    hand_on(s, op, dedup_find(s, &item->id, NULL), &h);
    while (n > 0)
        hand_on(s, op, story[--n], &h);
    put_first(op, before);
}
