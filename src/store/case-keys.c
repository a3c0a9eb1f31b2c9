/* SPDX-License-Identifier: Apache-2.0 */
#include "store/case-keys.h"

#include <endian.h>
#include <errno.h>

#include "store/internal.h"
#include "store/message.h"

#define BLOCK    4096
#define NO_BLOCK (-1)

/* Keys of the numbers from block * BLOCK on, low byte first; 0 = no message. */
typedef struct Block {
    int64_t block;
    uint32_t keys[BLOCK];
} Block;

struct CaseKeys {
    Block filling; /* of the newest number */
    Block read;    /* the last one that was looked into */
};

CaseKeys *case_keys_free(CaseKeys *k) {
    free(k);
    return NULL;
}

void case_keys_forget(Store *s) {
    if (s->case_keys)
        s->case_keys->filling.block = s->case_keys->read.block = NO_BLOCK;
}

static uint32_t short_key(int64_t order_key) {
    const uint32_t key = (uint32_t)order_key;
    return htole32(key != 0 ? key : 1);
}

/* False: something on the way was damaged. */
static bool read_rows(Store *s, int64_t block, Block *ret) {
    uint32_t page;
    const PagesMode mode = pages_set_mode(s->pages, PAGES_LEAVES);
    *ret = (Block) { .block = block };
    {
        _query_ q = QUERY(s, "SELECT seq, order_key FROM message WHERE seq >= ?1 AND seq < ?2",
                          INT(block * BLOCK), INT((block + 1) * BLOCK));
        while (db_row(s, q))
            ret->keys[col_int(q, 0) % BLOCK] = short_key(col_int(q, 1));
    }
    (void)pages_set_mode(s->pages, mode);
    if (s->fault != -EUCLEAN && pages_damaged(s->pages, &page) == 0)
        return true;
    s->fault = s->fault == -EUCLEAN ? 0 : s->fault;
    (void)sqlite3_db_release_memory(s->db); /* must not stay in the cache for others */
    pages_forget(s->pages);
    return false;
}

/* A damaged message is out of the order of its case, and stops nobody else. */
static void read_from_messages(Store *s, int64_t block, Block *ret) {
    if (read_rows(s, block, ret))
        return;
    for (int64_t i = 0; i < BLOCK && s->fault == 0; i++) {
        _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
        const bool known = message_load(s, block * BLOCK + i, &m);
        ret->keys[i] = known ? short_key(m.order_key) : 0;
        s->fault = s->fault == -EUCLEAN ? 0 : s->fault;
    }
}

static void write_block(Store *s, const Block *b) {
    RUN(s, "INSERT OR REPLACE INTO message_case(block, keys) VALUES(?1, ?2)", INT(b->block),
        BLOB(bytes_make(b->keys, sizeof(b->keys))));
}

/* Every block before this one that has messages gets its row, this one is read into memory. */
static void catch_up(Store *s, CaseKeys *k, int64_t block) {
    const int64_t written = db_number(s,
                                      QUERY(s,
                                            "SELECT block FROM message_case WHERE block >= 0 AND "
                                            "block < ?1 ORDER BY block DESC LIMIT 1",
                                            INT(block)),
                                      NO_BLOCK);
    int64_t seq = (written + 1) * BLOCK;
    while ((seq = db_number(
                s,
                QUERY(s,
                      "SELECT seq FROM message WHERE seq >= ?1 AND +seq >= ?1 AND seq < ?2 "
                      "ORDER BY seq LIMIT 1",
                      INT(seq), INT(block * BLOCK)),
                0)) > 0 &&
           s->fault == 0) {
        read_from_messages(s, seq / BLOCK, &k->read);
        write_block(s, &k->read);
        seq = (seq / BLOCK + 1) * BLOCK;
    }
    read_from_messages(s, block, &k->filling);
}

/* In memory, with the block of the newest number being filled; NULL after a fault. */
static CaseKeys *ready(Store *s) {
    CaseKeys *k = s->case_keys;
    if (!k) {
        k = s->case_keys = malloc(sizeof(*k));
        if (!k) {
            db_fault(s, -ENOMEM, "out of memory");
            return NULL;
        }
        case_keys_forget(s);
    }
    if (k->filling.block == NO_BLOCK)
        catch_up(s, k, (s->next_seq - 1) / BLOCK);
    return s->fault < 0 ? NULL : k;
}

void case_keys_note(Store *s, int64_t seq, int64_t order_key) {
    CaseKeys *k = ready(s);
    if (!k)
        return;
    if (k->filling.block != seq / BLOCK) {
        write_block(s, &k->filling);
        k->filling = (Block) { .block = seq / BLOCK };
    }
    k->filling.keys[seq % BLOCK] = short_key(order_key);
}

/* The block, or the next one there is that way. NULL when there is none. */
static const Block *look_into(Store *s, CaseKeys *k, int64_t block, bool down) {
    if (block >= k->filling.block)
        return block == k->filling.block || down ? &k->filling : NULL;
    if (k->read.block == block)
        return &k->read;
    _query_ q =
        down ? QUERY(s,
                     "SELECT block, keys FROM message_case WHERE block <= ?1 AND +block <= ?1 "
                     "ORDER BY block DESC LIMIT 1",
                     INT(block))
             : QUERY(s,
                     "SELECT block, keys FROM message_case WHERE block >= ?1 AND +block >= ?1 "
                     "ORDER BY block LIMIT 1",
                     INT(block));
    if (!db_row(s, q))
        return down ? NULL : &k->filling;
    const Bytes keys = col_bytes(q, 1);
    if (keys.n != sizeof(k->read.keys)) {
        db_fault(s, -EUCLEAN, "a row of table message_case is damaged");
        return NULL;
    }
    k->read.block = col_int(q, 0);
    memcpy(k->read.keys, keys.p, keys.n);
    return &k->read;
}

int64_t case_keys_next(Store *s, int64_t order_key, int64_t from, bool down) {
    CaseKeys *k = ready(s);
    const uint32_t key = short_key(order_key);
    while (k && from > 0) {
        const Block *b = look_into(s, k, from / BLOCK, down);
        if (!b)
            break;
        int64_t i = b->block == from / BLOCK ? from % BLOCK : down ? BLOCK - 1 : 0;
        for (; i >= 0 && i < BLOCK; i += down ? -1 : 1)
            if (b->keys[i] == key)
                return b->block * BLOCK + i;
        from = down ? b->block * BLOCK - 1 : (b->block + 1) * BLOCK;
    }
    return 0;
}

void case_keys_purge(Store *s, int64_t oldest) {
    RUN(s, "DELETE FROM message_case WHERE block < ?1",
        INT((oldest > 0 ? oldest : s->next_seq) / BLOCK));
    if (s->case_keys)
        s->case_keys->read.block = NO_BLOCK;
}
