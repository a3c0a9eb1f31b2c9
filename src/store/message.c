/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of table message: writing, reading, and the checksum over all they hold. */
#include <errno.h>

#include "base/text.h"
#include "store/private.h"

/* The packed columns of a row, kept in one buffer. */
typedef struct Packed {
    Buf buf;
    size_t n_stamps, n_route;
} Packed;

static Bytes packed_stamps(const Packed *p) {
    return bytes_make(p->buf.p, p->n_stamps);
}

static Bytes packed_route(const Packed *p) {
    return bytes_make(p->buf.p + p->n_stamps, p->n_route);
}

static void packed_deinit(Packed *p) {
    buf_deinit(&p->buf);
}

static int pack(const StoredMessage *m, Packed *ret) {
    stamps_encode(m->stamps, m->n_stamps, &ret->buf);
    ret->n_stamps = ret->buf.n;
    route_encode(&m->route, &ret->buf);
    ret->n_route = ret->buf.n - ret->n_stamps;
    return ret->buf.failed ? -ENOMEM : 0;
}

static uint64_t more_text(uint64_t h, const char *text) {
    return hash_64_more(h, bytes_make(text, strlen(text)));
}

/* Over everything in the row. The lengths keep bytes from moving between columns unnoticed. */
static int64_t row_sum(const StoredMessage *m, Bytes stamps, Bytes route, Bytes envelope,
                       Bytes facts, Bytes sealed) {
    const int64_t numbers[] = {
        m->seq,
        m->kind,
        (int64_t)m->lane,
        m->order_key,
        m->cased,
        m->accepted_ms,
        m->expires_ms,
        (int64_t)m->receipts,
        (int64_t)stamps.n,
        (int64_t)route.n,
        (int64_t)envelope.n,
        (int64_t)facts.n,
        (int64_t)sealed.n,
    };
    uint64_t h = hash_64(bytes_make(numbers, sizeof(numbers)));
    h = hash_64_more(h, bytes_make(m->id.b, UUID_SIZE));
    h = hash_64_more(h, bytes_make(m->thread.b, UUID_SIZE));
    h = more_text(h, m->sender);
    h = more_text(h, m->region);
    h = more_text(h, m->origin);
    h = hash_64_more(h, stamps);
    h = hash_64_more(h, route);
    h = hash_64_more(h, envelope);
    h = hash_64_more(h, facts);
    return (int64_t)hash_64_more(h, sealed);
}

void stored_message_deinit(StoredMessage *m) {
    route_deinit(&m->route);
}

#define MESSAGE_COLUMNS                                                                            \
    "id,kind,lane,sender,order_key,cased,thread,region,accepted_at,expires_at,receipts,origin,"    \
    "stamps,route,sum"

static void read_columns(Store *s, sqlite3_stmt *q, int64_t seq, StoredMessage *m) {
    m->seq = seq;
    m->id = col_uuid(q, 0);
    m->kind = (int)col_int(q, 1);
    m->lane = (Lane)col_int(q, 2);
    text_copy(m->sender, sizeof(m->sender), col_text(q, 3));
    m->order_key = col_int(q, 4);
    m->cased = col_int(q, 5) != 0;
    m->thread = sqlite3_column_bytes(q, 6) > 0 ? col_uuid(q, 6) : m->id;
    text_copy(m->region, sizeof(m->region), col_text(q, 7));
    m->accepted_ms = col_int(q, 8);
    m->expires_ms = col_int(q, 9);
    m->receipts = (ReceiptPolicy)col_int(q, 10);
    text_copy(m->origin, sizeof(m->origin), col_text(q, 11));
    m->n_stamps = stamps_decode(col_bytes(q, 12), m->stamps);
    if (route_decode(col_bytes(q, 13), &m->route) == -ENOMEM)
        db_fault(s, -ENOMEM, "out of memory");
}

bool message_load(Store *s, int64_t seq, StoredMessage *ret) {
    *ret = (StoredMessage) { 0 };
    _query_ q = QUERY(s, "SELECT " MESSAGE_COLUMNS " FROM message WHERE seq = ?1", INT(seq));
    if (!db_row(s, q))
        return false;
    read_columns(s, q, seq, ret);
    return s->fault == 0;
}

bool message_load_body(Store *s, int64_t seq, StoredMessage *ret, Body **ret_body,
                       bool *ret_damaged) {
    *ret = (StoredMessage) { 0 };
    *ret_body = NULL;
    *ret_damaged = false;
    _query_ q = QUERY(s,
                      "SELECT " MESSAGE_COLUMNS ",envelope,facts,sealed "
                      "FROM message WHERE seq = ?1",
                      INT(seq));
    if (!db_row(s, q))
        return false;
    read_columns(s, q, seq, ret);
    const Bytes envelope = col_bytes(q, 15), facts = col_bytes(q, 16), sealed = col_bytes(q, 17);
    if (row_sum(ret, col_bytes(q, 12), col_bytes(q, 13), envelope, facts, sealed) !=
        col_int(q, 14)) {
        *ret_damaged = true;
        return s->fault == 0;
    }
    *ret_body = body_new(envelope, facts, sealed);
    if (!*ret_body)
        db_fault(s, -ENOMEM, "out of memory");
    return s->fault == 0;
}

void message_insert(Store *s, StoredMessage *m, const Body *body) {
    if (s->fault < 0)
        return;
    _cleanup_(packed_deinit) Packed p = { 0 };
    m->seq = s->next_seq++;
    if (pack(m, &p) < 0) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    const Bytes envelope = body_envelope(body), facts = body_facts(body),
                sealed = body_sealed(body);
    const bool own_thread = uuid_equal(&m->thread, &m->id);
    RUN(s,
        "INSERT INTO message(seq," MESSAGE_COLUMNS ",envelope,facts,sealed) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)",
        INT(m->seq), UUID(&m->id), INT(m->kind), INT(m->lane), TEXT(m->sender), INT(m->order_key),
        INT(m->cased), BLOB(bytes_make(m->thread.b, own_thread ? 0 : UUID_SIZE)), TEXT(m->region),
        INT(m->accepted_ms), INT(m->expires_ms), INT(m->receipts), TEXT(m->origin),
        BLOB(packed_stamps(&p)), BLOB(packed_route(&p)),
        INT(row_sum(m, packed_stamps(&p), packed_route(&p), envelope, facts, sealed)),
        BLOB(envelope), BLOB(facts), BLOB(sealed));
}

void message_update(Store *s, const StoredMessage *m, const Body *body) {
    recent_forget(s, m->seq);
    _cleanup_(packed_deinit) Packed p = { 0 };
    if (pack(m, &p) < 0) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    const int64_t sum = row_sum(m, packed_stamps(&p), packed_route(&p), body_envelope(body),
                                body_facts(body), body_sealed(body));
    RUN(s, "UPDATE message SET route = ?2, sealed = ?3, sum = ?4 WHERE seq = ?1", INT(m->seq),
        BLOB(packed_route(&p)), BLOB(body_sealed(body)), INT(sum));
}

int64_t message_find(Store *s, const Uuid *id, uint8_t ret_digest[DIGEST_SIZE]) {
    _query_ q = QUERY(s, "SELECT seq, digest FROM dedup WHERE id = ?1", UUID(id));
    if (!db_row(s, q))
        return 0;
    if (ret_digest) {
        const Bytes digest = col_bytes(q, 1);
        memset(ret_digest, 0, DIGEST_SIZE);
        if (digest.n == DIGEST_SIZE)
            memcpy(ret_digest, digest.p, DIGEST_SIZE);
    }
    return col_int(q, 0);
}

/* Any delivery still waiting here, in a queue of the route or as a subscription's copy. */
bool message_has_row(Store *s, const StoredMessage *m, DeliveryRow *ret_any) {
    for (uint32_t i = 0; i < m->route.n; i++)
        if (m->route.list[i].queue > 0 &&
            queue_find_row(s, m->route.list[i].queue, m->seq, ret_any))
            return true;
    const Subscription *sub;
    DL_FOREACH (s->subscriptions, sub)
        if (queue_find_row(s, sub->queue->id, m->seq, ret_any))
            return true;
    return false;
}
