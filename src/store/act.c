/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table act: what was done, in order, chained per item. To insert a row costs more than all else
 * that is recorded of an act, so a row has as many of one transaction as half a page holds, and is
 * numbered by the last of them. They wait in memory until it is full, until somebody looks for an
 * act, or for the end of the transaction.
 *
 * A row: one byte that names the form, then the acts in order; of each the number of its bytes (2),
 * its number, type, time, reference and number of links, the links, and the body to its end.
 */
#include <errno.h>

#include "base/pack.h"
#include "base/text.h"
#include "store/item.h"

#define FORM       1U
#define LINK_HEAD  29U
#define LINK_BYTES (LINK_HEAD + sizeof(((ActLink *)0)->why)) /* at most */
#define SIZE_BYTES 2U
_Static_assert(ACT_ROW_MAX <= UINT16_MAX, "the size of an act in two bytes");
_Static_assert(LINK_BYTES <= sizeof(ActLink), "so much room a row has for each");

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

/* Behind what is in the row; false when it does not fit. */
static bool row_add(ActRow *row, const StoredAct *a) {
    uint8_t links[ACT_ITEMS_MAX * LINK_BYTES];
    const Bytes l = links_pack(a, links);
    const size_t begin = row->n > 0 ? row->n : 1;
    if (begin + SIZE_BYTES > sizeof(row->p))
        return false;
    Packer k = { .p = row->p + begin + SIZE_BYTES, .size = sizeof(row->p) - begin - SIZE_BYTES };
    pack_number(&k, (uint64_t)a->n);
    pack_number(&k, a->type);
    pack_number(&k, (uint64_t)a->at_ms);
    pack_number(&k, (uint64_t)a->ref);
    pack_number(&k, a->n_links);
    pack_bytes(&k, l.p, l.n);
    pack_bytes(&k, a->body, a->n_body);
    const size_t n = pack_end(&k);
    if (n == 0)
        return false;
    row->p[0] = FORM;
    row->p[begin] = (uint8_t)n;
    row->p[begin + 1] = (uint8_t)(n >> 8);
    row->n = (uint32_t)(begin + SIZE_BYTES + n);
    row->last = a->n;
    return true;
}

void acts_write(Store *s) {
    ActRow *row = &s->law->acts;
    if (row->n > 0)
        RUN(s, "INSERT INTO act(n, acts) VALUES(?1,?2)", INT(row->last),
            BLOB(bytes_make(row->p, row->n)));
    row->n = 0;
}

void act_insert(Store *s, StoredAct *a, StoredItem *const items[ITEM_KINDS]) {
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
    if (record)
        return;
    if (!row_add(&s->law->acts, a))
        db_fault(s, -EOVERFLOW, "an act does not fit its row");
    if (s->law->acts.n >= ACT_ROW_FULL)
        acts_write(s);
}

/* --- reading -------------------------------------------------------------------------------- */

static Unpacker row_start(Bytes row) {
    Unpacker k = unpack_start(row);
    if (unpack_number(&k, FORM) != FORM)
        k.failed = true;
    return k;
}

/* False at the end of the row, and where it cannot be read. */
static bool row_next(Unpacker *k, Bytes *ret) {
    uint8_t size[SIZE_BYTES];
    if (!unpack_more(k))
        return false;
    unpack_bytes(k, size, sizeof(size));
    const size_t n = (size_t)(size[0] | size[1] << 8);
    k->failed = k->failed || n > (size_t)(k->end - k->at);
    if (k->failed)
        return false;
    *ret = bytes_make(k->at, n);
    k->at += n;
    return true;
}

static int64_t act_number(Bytes act) {
    Unpacker k = unpack_start(act);
    return (int64_t)unpack_number(&k, INT64_MAX);
}

/* The first act from that number on, of those that are left. */
static bool row_find(Unpacker *k, int64_t from, Bytes *ret) {
    while (row_next(k, ret))
        if (act_number(*ret) >= from)
            return true;
    return false;
}

static bool read_act(Bytes act, StoredAct *ret) {
    Unpacker k = unpack_start(act);
    ret->n = (int64_t)unpack_number(&k, INT64_MAX);
    ret->type = (ActType)unpack_number(&k, UINT8_MAX);
    ret->at_ms = (int64_t)unpack_number(&k, UINT64_MAX);
    ret->ref = (int64_t)unpack_number(&k, UINT64_MAX);
    ret->n_links = (uint32_t)unpack_number(&k, ACT_ITEMS_MAX);
    for (uint32_t i = 0; i < ret->n_links && !k.failed; i++) {
        const size_t n = link_unpack(bytes_make(k.at, (size_t)(k.end - k.at)), &ret->links[i]);
        k.failed = n == 0;
        k.at += n;
    }
    ret->n_body = (uint32_t)(k.end - k.at);
    if (k.failed || ret->n_body > sizeof(ret->body))
        return false;
    memcpy(ret->body, k.at, ret->n_body);
    return true;
}

/* The row with that act, or with the next ones when it is gone. */
static sqlite3_stmt *row_of(Store *s, int64_t n) {
    acts_write(s);
    return QUERY(s, "SELECT n, acts FROM act WHERE n >= ?1 AND +n >= ?1 ORDER BY n LIMIT 1",
                 INT(n));
}

bool act_load(Store *s, int64_t n, StoredAct *ret) {
    _query_ q = row_of(s, n);
    if (!db_row(s, q))
        return false;
    Unpacker k = row_start(col_bytes(q, 1));
    Bytes act;
    return row_find(&k, n, &act) && act_number(act) == n && read_act(act, ret);
}

int64_t act_next(Store *s, int64_t after, StoredAct *ret, bool *ret_readable) {
    while (s->fault == 0 && after < INT64_MAX) {
        _query_ q = row_of(s, after + 1);
        if (!db_row(s, q))
            break;
        const int64_t last = col_int(q, 0);
        Unpacker k = row_start(col_bytes(q, 1));
        Bytes act;
        const bool found = row_find(&k, after + 1, &act);
        if (found || k.failed) {
            const int64_t n = found ? MIN(act_number(act), last) : last;
            *ret_readable = found && read_act(act, ret) && ret->n == n;
            return n;
        }
        after = last; /* the last ones of the row are forgotten */
    }
    return 0;
}

bool act_is_kept(Store *s, int64_t n) {
    StoredAct a;
    return act_load(s, n, &a) && a.type == ACT_KEPT;
}

/* --- forgetting ----------------------------------------------------------------------------- */

static bool row_copy(ActRow *row, Bytes act) {
    const size_t n = MAX(row->n, 1U), more = SIZE_BYTES + act.n;
    if (more > sizeof(row->p) - n)
        return false;
    row->p[0] = FORM;
    memcpy(row->p + n, act.p - SIZE_BYTES, more);
    row->n = (uint32_t)(n + more);
    return true;
}

/* Packs the row of an act anew, with the act as it is by now: left out when it is about nothing. A
 * row that cannot be read stays as it is. */
static bool pack_again(Bytes old, const StoredAct *a, ActRow *ret) {
    Unpacker k = row_start(old);
    bool good = true;
    Bytes act;
    while (good && row_next(&k, &act)) {
        if (act_number(act) != a->n)
            good = row_copy(ret, act);
        else if (a->n_links > 0)
            good = row_add(ret, a);
    }
    return good && !k.failed;
}

void act_forget(Store *s, StoredAct *a, ItemKind kind, const Uuid *id) {
    ActRow *row = &s->law->acts; /* nothing waits in it: row_of() */
    int64_t last = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->n_links; i++)
        if (a->links[i].kind != kind || !uuid_equal(&a->links[i].id, id))
            a->links[n++] = a->links[i];
    a->n_links = n;
    {
        _query_ q = row_of(s, a->n);
        if (db_row(s, q) && pack_again(col_bytes(q, 1), a, row))
            last = col_int(q, 0);
    }
    if (last > 0 && row->n > 0)
        RUN(s, "UPDATE act SET acts = ?2 WHERE n = ?1", INT(last),
            BLOB(bytes_make(row->p, row->n)));
    else if (last > 0)
        RUN(s, "DELETE FROM act WHERE n = ?1", INT(last));
    row->n = 0;
}
