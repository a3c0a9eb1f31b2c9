/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of table message: writing, reading, and the checksum over all they hold. */
#include <errno.h>

#include "base/text.h"
#include "base/times.h"
#include "store/checksum.h"
#include "store/ledger.h"
#include "store/link.h"
#include "store/message.h"
#include "store/move.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/signed.h"
#include "store/subscription.h"

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

/* Most have no other stamp, and that one says nothing new: the column is empty then. */
static bool has_own_stamp_only(const Store *s, const StoredMessage *m) {
    return m->n_stamps == 1 && m->stamps[0].at_ms == m->accepted_ms &&
           strcmp(m->stamps[0].broker, s->self) == 0;
}

static void read_stamps(const Store *s, Bytes b, StoredMessage *m) {
    m->n_stamps = stamps_decode(b, m->stamps);
    if (b.n > 0)
        return;
    m->n_stamps = 1;
    m->stamps[0] = (HopStamp) { .at_ms = m->accepted_ms };
    text_copy(m->stamps[0].broker, NODE_NAME_SIZE, s->self);
}

static int pack(const Store *s, const StoredMessage *m, Packed *ret) {
    if (!has_own_stamp_only(s, m))
        stamps_encode(m->stamps, m->n_stamps, &ret->buf);
    ret->n_stamps = ret->buf.n;
    route_encode(&m->route, &ret->buf);
    ret->n_route = ret->buf.n - ret->n_stamps;
    return ret->buf.failed ? -ENOMEM : 0;
}

/* As of a page: it is for bits that rot, and needs no more. */
static uint64_t part_sum(Bytes b) {
    const size_t whole = b.n / 8 * 8;
    uint8_t rest[8] = { 0 };
    if (b.n == 0)
        return 0;
    memcpy(rest, b.p + whole, b.n - whole);
    const Checksum c = checksum_more(checksum_more((Checksum) { 0 }, b.p, whole, false), rest,
                                     sizeof(rest), false);
    return (uint64_t)c.a << 32 | c.b;
}

/* With its NUL, which keeps bytes from moving between columns unnoticed. */
static uint8_t *put_text(uint8_t *at, const char *text) {
    const size_t n = strlen(text) + 1;
    memcpy(at, text, n);
    return at + n;
}

/* Over everything in the row, with the lengths of what is not text. */
static int64_t row_sum(const StoredMessage *m, Bytes stamps, Bytes route, Bytes envelope,
                       Bytes facts, Bytes sealed, Bytes signature) {
    const int64_t numbers[] = {
        m->seq,
        m->kind,
        (int64_t)m->lane,
        m->order_key,
        m->cased + 2 * m->claimed,
        m->block,
        m->accepted_ms,
        m->expires_ms,
        (int64_t)m->receipts,
        (int64_t)stamps.n,
        (int64_t)route.n,
        (int64_t)envelope.n,
        (int64_t)facts.n,
        (int64_t)sealed.n,
        (int64_t)part_sum(stamps),
        (int64_t)part_sum(route),
        (int64_t)part_sum(envelope),
        (int64_t)part_sum(facts),
        (int64_t)part_sum(sealed),
        (int64_t)signature.n,
        (int64_t)part_sum(signature),
    };
    uint8_t all[sizeof(numbers) + 2 * UUID_SIZE + sizeof(m->sender) + sizeof(m->region) +
                sizeof(m->decision) + sizeof(m->origin)];
    uint8_t *at = all;
    memcpy(at, numbers, sizeof(numbers));
    memcpy(at += sizeof(numbers), m->id.b, UUID_SIZE);
    memcpy(at += UUID_SIZE, m->thread.b, UUID_SIZE);
    at = put_text(at + UUID_SIZE, m->sender);
    at = put_text(at, m->region);
    at = put_text(at, m->decision);
    at = put_text(at, m->origin);
    return (int64_t)part_sum(bytes_make(all, (size_t)(at - all)));
}

void stored_message_deinit(StoredMessage *m) {
    route_deinit(&m->route);
}

#define MESSAGE_COLUMNS                                                                            \
    "id,kind,lane,sender,order_key,block,thread,region,accepted_at,expires_at,flags,origin,"       \
    "stamps,route,sum,decision"
#define BODY_COLUMNS "envelope,facts,sealed,signature"
#define SIZE_COLUMN  "length(envelope)+length(facts)+length(sealed)"

static void read_columns(Store *s, sqlite3_stmt *q, int64_t seq, StoredMessage *m) {
    m->seq = seq;
    m->id = col_uuid(q, 0);
    m->kind = (int)col_int(q, 1);
    m->lane = (Lane)col_int(q, 2);
    text_copy(m->sender, sizeof(m->sender), col_text(q, 3));
    m->order_key = col_int(q, 4);
    m->block = col_int(q, 5);
    m->thread = sqlite3_column_bytes(q, 6) > 0 ? col_uuid(q, 6) : m->id;
    text_copy(m->region, sizeof(m->region), col_text(q, 7));
    m->accepted_ms = col_int(q, 8);
    m->expires_ms = col_int(q, 9);
    m->cased = col_int(q, 10) & MESSAGE_CASED;
    m->claimed = col_int(q, 10) & MESSAGE_CLAIMED;
    m->receipts = (ReceiptPolicy)(col_int(q, 10) & ~(MESSAGE_CASED | MESSAGE_CLAIMED));
    text_copy(m->origin, sizeof(m->origin), col_text(q, 11));
    text_copy(m->decision, sizeof(m->decision), col_text(q, 15));
    read_stamps(s, col_bytes(q, 12), m);
    if (route_decode(col_bytes(q, 13), &m->route) == -ENOMEM)
        db_fault(s, -ENOMEM, "out of memory");
}

/* One that others read, and that can be reckoned with. */
static bool is_time(int64_t ms) {
    return ms >= 0 && ms <= TIME_MAX_MS;
}

/* Could this have been written here? What could not would, in an answer or on a link, be a frame
 * that its receiver refuses, and asks for again, for ever. */
static bool is_plausible(const StoredMessage *m) {
    bool good = node_name_is_valid(m->sender) && (unsigned)m->lane < LANE_COUNT &&
                (m->origin[0] == '\0' || node_name_is_valid(m->origin)) &&
                is_time(m->accepted_ms) && is_time(m->expires_ms);
    for (uint32_t i = 0; good && i < m->n_stamps; i++)
        good = node_name_is_valid(m->stamps[i].broker) && is_time(m->stamps[i].at_ms);
    for (uint32_t i = 0; good && i < m->route.n; i++)
        good =
            node_name_is_valid(m->route.list[i].node) && m->route.list[i].role <= ROLE_SUBSCRIBER &&
            (m->route.list[i].role >= ROLE_ADDRESSEE || (m->route.list[i].flags & ROUTE_SCOPE_HOP));
    return good;
}

/* A row whose page is damaged has its own sum to say whether it is itself. */
static bool row_of_message(Store *s, sqlite3_stmt *q) {
    const PagesMode mode = pages_set_mode(s->pages, PAGES_ROWS);
    const bool row = db_row(s, q);
    (void)pages_set_mode(s->pages, mode);
    return row;
}

static bool saw_damage(const Store *s) {
    uint32_t page;
    return pages_damaged(s->pages, &page) > 0;
}

/* What was let through must not stay in the cache for others. */
static void drop_damage(Store *s, sqlite3_stmt *q) {
    if (!saw_damage(s))
        return;
    db_reset(q);
    (void)sqlite3_db_release_memory(s->db);
    pages_forget(s->pages);
}

static bool row_matches(sqlite3_stmt *q, const StoredMessage *m) {
    return row_sum(m, col_bytes(q, 12), col_bytes(q, 13), col_bytes(q, 16), col_bytes(q, 17),
                   col_bytes(q, 18), col_bytes(q, 19)) == col_int(q, 14);
}

static void read_with_parts(Store *s, sqlite3_stmt *q, int64_t seq, StoredMessage *m) {
    read_columns(s, q, seq, m);
    m->size = (uint32_t)(col_bytes(q, 16).n + col_bytes(q, 17).n + col_bytes(q, 18).n);
}

/* The row does not match its sum. When its parts are not what was accepted, they are what is
 * damaged, and who sent it to whom can be believed; else that is what is damaged. */
static bool parts_are_damaged(Store *s, sqlite3_stmt *q, const StoredMessage *m) {
    uint8_t is[DIGEST_SIZE], was[DIGEST_SIZE];
    hash_message(col_bytes(q, 16), col_bytes(q, 17), col_bytes(q, 18), is);
    return dedup_find(s, &m->id, was) == m->seq && dedup_digest_is_known(was) &&
           memcmp(is, was, sizeof(is)) != 0;
}

bool message_load_doubted(Store *s, int64_t seq, StoredMessage *ret) {
    *ret = (StoredMessage) { 0 };
    _query_ q = QUERY(s,
                      "SELECT " MESSAGE_COLUMNS "," BODY_COLUMNS
                      " FROM message WHERE seq = +?1", /* another statement than the one below */
                      INT(seq));
    bool good = false;
    if (row_of_message(s, q)) {
        read_with_parts(s, q, seq, ret);
        good = row_matches(q, ret) || (is_plausible(ret) && parts_are_damaged(s, q, ret));
    }
    drop_damage(s, q);
    if (!good) { /* not for any eyes */
        stored_message_deinit(ret);
        *ret = (StoredMessage) { 0 };
    }
    return good && s->fault == 0;
}

bool message_load(Store *s, int64_t seq, StoredMessage *ret) {
    bool row;
    *ret = (StoredMessage) { 0 };
    {
        _query_ q = QUERY(
            s, "SELECT " MESSAGE_COLUMNS "," SIZE_COLUMN " FROM message WHERE seq = ?1", INT(seq));
        row = row_of_message(s, q);
        if (row) {
            read_columns(s, q, seq, ret);
            ret->size = (uint32_t)col_int(q, 16);
        }
    }
    s->load_damaged = saw_damage(s) || (row && s->fault == 0 && !is_plausible(ret));
    if (!s->load_damaged)
        return row && s->fault == 0;
    stored_message_deinit(ret);
    return message_load_doubted(s, seq, ret);
}

bool message_load_body(Store *s, int64_t seq, StoredMessage *ret, Body **ret_body,
                       bool *ret_damaged) {
    *ret = (StoredMessage) { 0 };
    *ret_body = NULL;
    *ret_damaged = false;
    _query_ q = QUERY(s, "SELECT " MESSAGE_COLUMNS "," BODY_COLUMNS " FROM message WHERE seq = ?1",
                      INT(seq));
    if (!row_of_message(s, q)) {
        drop_damage(s, q);
        return false;
    }
    read_with_parts(s, q, seq, ret);
    *ret_damaged = !row_matches(q, ret);
    if (!*ret_damaged) {
        uint8_t buf[SIGNATURE_MAX];
        Bytes signature = col_bytes(q, 19);
        if (signature.n == 0 && strcmp(ret->sender, s->self) == 0)
            signature = signed_read(s, seq, buf);
        *ret_body =
            body_new_signed(col_bytes(q, 16), col_bytes(q, 17), col_bytes(q, 18), signature);
        if (!*ret_body)
            db_fault(s, -ENOMEM, "out of memory");
    }
    drop_damage(s, q);
    return s->fault == 0;
}

void message_insert(Store *s, StoredMessage *m, Body *body) {
    if (s->fault < 0)
        return;
    _cleanup_(packed_deinit) Packed p = { 0 };
    m->seq = s->next_seq++;
    m->block = ledger_filling(s);
    m->size = (uint32_t)body_size(body);
    if (pack(s, m, &p) < 0) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    const Bytes envelope = body_envelope(body), facts = body_facts(body),
                sealed = body_sealed(body), signature = body_signature(body);
    const bool own_thread = uuid_equal(&m->thread, &m->id);
    case_keys_note(s, m->seq, m->order_key);
    RUN(s,
        "INSERT INTO message(seq," MESSAGE_COLUMNS "," BODY_COLUMNS ") "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)",
        INT(m->seq), UUID(&m->id), INT(m->kind), INT(m->lane), TEXT(m->sender), INT(m->order_key),
        INT(m->block), BLOB(bytes_make(m->thread.b, own_thread ? 0 : UUID_SIZE)), TEXT(m->region),
        INT(m->accepted_ms), INT(m->expires_ms),
        INT((int64_t)m->receipts | (m->cased ? MESSAGE_CASED : 0) |
            (m->claimed ? MESSAGE_CLAIMED : 0)),
        TEXT(m->origin), BLOB(packed_stamps(&p)), BLOB(packed_route(&p)),
        INT(row_sum(m, packed_stamps(&p), packed_route(&p), envelope, facts, sealed, signature)),
        TEXT(m->decision), BLOB(envelope), BLOB(facts), BLOB(sealed), BLOB(signature));
    if (strcmp(m->sender, s->self) == 0)
        signed_add(s, m->seq, body);
}

void message_update(Store *s, const StoredMessage *m, const Body *body) {
    recent_forget(s, m->seq);
    quota_resized(s, m, (uint32_t)body_size(body));
    _cleanup_(packed_deinit) Packed p = { 0 };
    if (pack(s, m, &p) < 0) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    const int64_t sum = row_sum(m, packed_stamps(&p), packed_route(&p), body_envelope(body),
                                body_facts(body), body_sealed(body), body_signature(body));
    RUN(s, "UPDATE message SET route = ?2, sealed = ?3, sum = ?4, signature = ?5 WHERE seq = ?1",
        INT(m->seq), BLOB(packed_route(&p)), BLOB(body_sealed(body)), INT(sum),
        BLOB(body_signature(body)));
}

/* Any delivery still waiting here, in a queue of the route or as a subscription's copy. */
/* The copy of a recipient came back before the link answered for the first one: its row is still
 * there, and for nobody any more. */
static bool has_row_left(Store *s, const StoredMessage *m, DeliveryRow *ret_any) {
    bool moved = false;
    for (uint32_t i = 0; i < m->route.n; i++)
        moved = moved || moves_of(&m->route.list[i]) > 0;
    const Link *link;
    DL_FOREACH (s->links, link)
        if (moved && queue_find_row(s, link->queue->id, m->seq, ret_any))
            return true;
    return false;
}

bool message_has_row(Store *s, const StoredMessage *m, DeliveryRow *ret_any) {
    for (uint32_t i = 0; i < m->route.n; i++)
        if (m->route.list[i].queue > 0 &&
            queue_find_row(s, m->route.list[i].queue, m->seq, ret_any))
            return true;
    const Subscription *sub;
    DL_FOREACH (s->subscriptions, sub)
        if (queue_find_row(s, sub->queue->id, m->seq, ret_any))
            return true;
    return has_row_left(s, m, ret_any);
}
