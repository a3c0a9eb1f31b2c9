/* SPDX-License-Identifier: Apache-2.0 */
/* Table act: what was done, in order, chained per item. */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"

#define LINK_HEAD  29U
#define LINK_BYTES (LINK_HEAD + sizeof(((ActLink *)0)->why)) /* at most */

/* --- links ---------------------------------------------------------------------------------- */

static void put64(uint8_t *p, int64_t v) {
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)((uint64_t)v >> (8 * i));
}

static int64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return (int64_t)v;
}

/* kind, verdict, from, to, id, prev, length and text of why. */
static size_t link_pack(const ActLink *l, uint8_t p[static LINK_BYTES]) {
    const size_t n = strnlen(l->why, sizeof(l->why) - 1);
    p[0] = (uint8_t)l->kind;
    p[1] = (uint8_t)l->verdict;
    p[2] = (uint8_t)l->from;
    p[3] = (uint8_t)l->to;
    memcpy(p + 4, l->id.b, UUID_SIZE);
    put64(p + 20, l->prev);
    p[28] = (uint8_t)n;
    memcpy(p + LINK_HEAD, l->why, n);
    return LINK_HEAD + n;
}

static size_t link_unpack(Bytes b, ActLink *ret) {
    if (b.n < LINK_HEAD || b.p[28] >= sizeof(ret->why) || b.n < LINK_HEAD + b.p[28] ||
        b.p[0] == ITEM_NONE || b.p[0] >= ITEM_KINDS || b.p[1] > STEP_ILLEGAL)
        return 0;
    *ret = (ActLink) { .kind = (ItemKind)b.p[0],
                       .verdict = (StepVerdict)b.p[1],
                       .from = b.p[2],
                       .to = b.p[3],
                       .prev = get64(b.p + 20) };
    memcpy(ret->id.b, b.p + 4, UUID_SIZE);
    memcpy(ret->why, b.p + LINK_HEAD, b.p[28]);
    return LINK_HEAD + b.p[28];
}

static Bytes links_pack(const StoredAct *a, uint8_t buf[static ACT_ITEMS_MAX * LINK_BYTES]) {
    size_t n = 0;
    for (uint32_t i = 0; i < a->n_links; i++)
        n += link_pack(&a->links[i], buf + n);
    return bytes_make(buf, n);
}

const ActLink *act_link(const StoredAct *a, ItemKind kind, const Uuid *id) {
    for (uint32_t i = 0; i < a->n_links; i++)
        if (a->links[i].kind == kind && uuid_equal(&a->links[i].id, id))
            return &a->links[i];
    return NULL;
}

void act_add_link(StoredAct *a, const Item *i, const Step *step) {
    ActLink *l = &a->links[a->n_links++];
    *l = (ActLink) {
        .kind = i->kind, .id = i->id, .verdict = step->verdict, .from = step->from, .to = step->to
    };
    if (step->why)
        text_copy(l->why, sizeof(l->why), step->why);
}

/* --- rows ----------------------------------------------------------------------------------- */

void act_insert(Store *s, StoredAct *a, StoredItem *const items[ITEM_KINDS]) {
    uint8_t links[ACT_ITEMS_MAX * LINK_BYTES];
    const StoredAct *record = s->law->record;
    const StoredAct *chain = record ? record : a;
    a->n = record ? record->n : s->next_act++;
    for (uint32_t i = 0; i < a->n_links; i++)
        if (items[a->links[i].kind])
            a->links[i].prev = items[a->links[i].kind]->last_act;
    for (uint32_t i = 0; i < chain->n_links; i++) {
        StoredItem *item = items[chain->links[i].kind];
        if (item && uuid_equal(&item->item.id, &chain->links[i].id))
            item->last_act = a->n;
    }
    if (!record)
        RUN(s, "INSERT INTO act(n, type, at, ref, links, body) VALUES(?1,?2,?3,?4,?5,?6)",
            INT(a->n), INT(a->type), INT(a->at_ms), INT(a->ref), BLOB(links_pack(a, links)),
            BLOB(bytes_make(a->body, a->n_body)));
}

static bool read_row(sqlite3_stmt *q, StoredAct *ret) {
    Bytes links = col_bytes(q, 4);
    const Bytes body = col_bytes(q, 5);
    ret->n = col_int(q, 0);
    ret->type = (ActType)col_int(q, 1);
    ret->at_ms = col_int(q, 2);
    ret->ref = col_int(q, 3);
    ret->n_links = 0;
    while (links.n > 0 && ret->n_links < ACT_ITEMS_MAX) {
        const size_t n = link_unpack(links, &ret->links[ret->n_links]);
        if (n == 0)
            return false;
        links = bytes_make(links.p + n, links.n - n);
        ret->n_links++;
    }
    if (body.n > sizeof(ret->body))
        return false;
    memcpy(ret->body, body.p, body.n);
    ret->n_body = (uint32_t)body.n;
    return links.n == 0;
}

bool act_load(Store *s, int64_t n, StoredAct *ret) {
    _query_ q = QUERY(s, "SELECT n, type, at, ref, links, body FROM act WHERE n = ?1", INT(n));
    return db_row(s, q) && read_row(q, ret);
}

bool act_is_kept(Store *s, int64_t n) {
    return db_number(s, QUERY(s, "SELECT type FROM act WHERE n = ?1", INT(n)), 0) == ACT_KEPT;
}

void act_forget(Store *s, StoredAct *a, ItemKind kind, const Uuid *id) {
    uint8_t links[ACT_ITEMS_MAX * LINK_BYTES];
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->n_links; i++)
        if (a->links[i].kind != kind || !uuid_equal(&a->links[i].id, id))
            a->links[n++] = a->links[i];
    a->n_links = n;
    if (n == 0)
        RUN(s, "DELETE FROM act WHERE n = ?1", INT(a->n));
    else
        RUN(s, "UPDATE act SET links = ?2 WHERE n = ?1", INT(a->n), BLOB(links_pack(a, links)));
}
