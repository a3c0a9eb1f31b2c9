/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of the directory from here: an import, keys to be revoked, a node's own record (M70). */
#include <errno.h>
#include <stdio.h>

#include "base/times.h"
#include "law/record.h"
#include "store/directory-layer.h"
#include "store/directory-sign.h"
#include "store/pace.h"
#include "store/run.h"

#define RECORD_AGE_MAX (31 * DAY_MS) /* of a node's record that a link brings */

_printf_(2, 3) static void say(StoreOp *op, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(op->import.text, sizeof(op->import.text), format, args);
    va_end(args);
}

static void change(Store *s, StoreOp *op, const DirectoryEdit *e) {
    char why[DIR_WHY_SIZE];
    op->import.text[0] = '\0';
    const int r = directory_change_why(s, e, op->import.by[0] ? op->import.by : s->self,
                                       op->import.note, &op->import.directory, why);
    if (r == -EPERM)
        say(op, "below the hub the directory is what the hub has signed; import it there");
    else if (r == -EINVAL)
        say(op, "refused: %.240s", why);
    /* else: done, or the fault says it */
}

void run_import(Store *s, StoreOp *op) {
    const DirectoryEdit e = {
        .n_nodes = op->import.n_nodes,
        .n_keys = op->import.n_keys,
        .n_regions = op->import.n_regions,
        .n_holidays = op->import.n_holidays,
        .nodes = op->import.nodes,
        .keys = op->import.keys,
        .regions = op->import.regions,
        .holidays = op->import.holidays,
        .replace = op->import.replace,
    };
    change(s, op, &e);
}

void run_revoke(Store *s, StoreOp *op) {
    size_t n = 0;
    const DirKey *const *keys = directory_keys_of(s->directory, op->import.node, &n);
    _cleanup_(freep) DirKey *revoked = calloc(MAX(n, (size_t)1), sizeof(*revoked));
    DirectoryEdit e = { .keys = revoked };
    if (!revoked) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (keys[i]->revoked || (op->import.label[0] && strcmp(keys[i]->label, op->import.label)))
            continue;
        revoked[e.n_keys] = *keys[i];
        revoked[e.n_keys++].revoked = true;
    }
    op->import.n_keys = e.n_keys;
    if (e.n_keys == 0)
        say(op, "node %s has no such key that is not revoked already", op->import.node);
    else
        change(s, op, &e);
}

/* --- a node's record (M70) ------------------------------------------------------------------ */

/* Below a hub that signs: in force here until the hub's own change comes, which has it too. */
static int put_on_top(Store *s, const DirNode *node, Directory **ret) {
    const DirectoryEdit e = { .n_nodes = 1, .nodes = node };
    const char *what;
    const int r =
        directory_with_edit(ret, s->directory, &e, directory_version(s->directory), &what);
    if (r < 0)
        return r;
    directory_write_node(s, node);
    layer_set(s, directory_ref(*ret), TAKE_PTR(s->directory_tree));
    return 0;
}

static int change_node(Store *s, const Message *m, const DirNode *node, Directory **ret) {
    char id[UUID_TEXT_SIZE], note[DIR_NOTE_MAX + 1];
    const DirectoryEdit e = { .n_nodes = 1, .nodes = node };
    uuid_format(&m->env.message_id, id);
    (void)snprintf(note, sizeof(note), "message %s", id);
    return directory_change(s, &e, m->env.sender, note, ret);
}

bool directory_record_accepted(Store *s, StoreOp *op, const char **ret_why) {
    const Message *m = op->accept.message;
    const NodeRecordFacts *f = &m->facts.node;
    *ret_why = NULL;
    if (m->env.kind != KIND_NODE_RECORD || !m->facts.readable)
        return false;
    const DirNode *known = directory_node(s->directory, f->id);
    if (!known) { /* without home and keys nobody could use it: that takes an import */
        *ret_why = "UNKNOWN_NODE";
        return false;
    }
    if (m->env.status != MESSAGE_STATUS_UNSPECIFIED) { /* there is one directory, and it is meant */
        *ret_why = "ONLY_AN_EXERCISE";
        return false;
    }
    /* On top of what the hub signed goes only what its sender signed. */
    if (op->accept.from_link && directory_head(s->directory) &&
        op->accept.signature != SIGNATURE_GOOD) {
        *ret_why = "UNPROVEN";
        return false;
    }
    /* Nor what it signed once and may have said otherwise since. */
    if (op->accept.from_link && m->env.created_ms < s->now_ms - RECORD_AGE_MAX) {
        *ret_why = "STALE";
        return false;
    }
    DirNode node = *known;
    if (!node_record_apply(s->directory, m->env.sender, f, &node, ret_why))
        return false;
    if (op->accept.from_link && pace_exceeded(s, m) > 0) {
        *ret_why = "TOO_OFTEN";
        return false;
    }
    Directory *d = NULL;
    const int r = directory_way(s) == DIRECTORY_FOLLOWS ? put_on_top(s, &node, &d)
                                                        : change_node(s, m, &node, &d);
    if (r == -EINVAL) { /* nothing was written */
        *ret_why = "NOT_SIGNED";
        return false;
    }
    if (r < 0) {
        db_fault(s, r, "cannot build the directory");
        return false;
    }
    directory_unref(op->accept.directory);
    op->accept.directory = d;
    return true;
}
