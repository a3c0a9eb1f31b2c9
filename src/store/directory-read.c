/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What child brokers ask of the signed directory: the changes behind their version, or a copy of
 * all of it in parts. A copy is for who has nothing that is signed, whose version does not lead to
 * ours (the hub was restored from a backup), or who is so far behind that a copy is less.
 */

#include <errno.h>

#include "base/text.h"
#include "store/directory-layer.h"
#include "store/run.h"

#define READ_BYTES   (160U * 1024U) /* of changes in one answer; one fits always */
#define BEHIND_MAX   2048U          /* changes; whoever is further behind gets a copy */
#define PART_RECORDS 1000U

/* Room for all of one answer, so that what points into it stays. */
static int start(StoreOp *op) {
    free(op->read.changes);
    free(op->read.bytes);
    op->read.n = 0;
    op->read.changes = calloc(DIR_CHANGES_MAX, sizeof(*op->read.changes));
    op->read.bytes = malloc(READ_BYTES + DIR_CHANGE_MAX);
    return op->read.changes && op->read.bytes ? 0 : -ENOMEM;
}

static void add(StoreOp *op, size_t *used, Bytes change) {
    memcpy(op->read.bytes + *used, change.p, change.n);
    op->read.changes[op->read.n++] = bytes_make(op->read.bytes + *used, change.n);
    *used += change.n;
}

/* Does the version that the asker has lead to ours, by the log? */
static bool leads_here(Store *s, const StoreOp *op, const DirHead *head) {
    const uint64_t after = op->read.after;
    if (after == 0 || after > head->version || head->version - after > BEHIND_MAX)
        return false;
    if (after == head->version)
        return tree_hash_equal(&op->read.root, &head->root);
    DirChange next = { 0 };
    int r = -ENOENT;
    {
        _query_ q = QUERY(s, "SELECT change FROM dir_change WHERE version = ?1", INT(after + 1));
        if (db_row(s, q))
            r = s->config.directory_codec->decode_change(col_bytes(q, 0), &next);
    }
    const bool leads = r == 0 && !next.first && tree_hash_equal(&next.previous, &op->read.root);
    dir_change_deinit(&next);
    if (r == -ENOMEM)
        db_fault(s, r, "out of memory");
    return leads;
}

static void read_changes(Store *s, StoreOp *op) {
    size_t used = 0;
    _query_ q = QUERY(s, "SELECT change FROM dir_change WHERE version > ?1 ORDER BY version",
                      INT(op->read.after));
    while (op->read.n < DIR_CHANGES_MAX && used < READ_BYTES && db_row(s, q)) {
        const Bytes change = col_bytes(q, 0);
        if (change.n > DIR_CHANGE_MAX || (used > 0 && used + change.n > READ_BYTES))
            break;
        add(op, &used, change);
    }
}

/* Records behind a name as one part. */
static void read_part(Store *s, StoreOp *op, const char *behind, const DirHead *head) {
    _cleanup_(freep) DirLeaf *leaves = calloc(PART_RECORDS, sizeof(*leaves));
    _cleanup_(freep) uint8_t *room = malloc(READ_BYTES);
    if (!leaves || !room) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    DirChange part = { .version = head->version, .leaves = leaves };
    size_t used = 0, bytes = 0;
    {
        _query_ q = QUERY(s, "SELECT name, record FROM dir_record WHERE name > ?1 ORDER BY name",
                          TEXT(behind));
        while (part.n_records < PART_RECORDS && db_row(s, q)) {
            const Bytes record = col_bytes(q, 1);
            if (used + record.n + 8U * part.n_records > READ_BYTES - DIR_RECORD_MAX)
                break;
            memcpy(room + used, record.p, record.n);
            leaves[part.n_records++].content = bytes_make(room + used, record.n);
            used += record.n;
        }
    }
    const int r = s->config.directory_codec->encode_change(&part, NULL);
    if (r < 0)
        db_fault(s, r, "out of memory");
    else if (part.n_bytes <= DIR_CHANGE_MAX)
        add(op, &bytes, bytes_make(part.bytes, part.n_bytes));
    free(part.bytes);
}

void run_directory_read(Store *s, StoreOp *op) {
    const DirHead *head = directory_head(s->directory);
    op->read.has_head = head != NULL;
    if (start(op) < 0) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    if (!head) /* nothing that anybody could check */
        return;
    op->read.head = *head;
    if (op->read.after > head->version)
        return; /* ahead of us: the head alone shows it */
    if (leads_here(s, op, head)) {
        read_changes(s, op);
        return;
    }
    read_part(s, op, op->read.copy_of == head->version ? op->read.behind : "", head);
}
