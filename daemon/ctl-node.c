/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The directory: import of JSON lines, revocation, list, show, and its log. All lines are read and
 * judged here before the first one is sent, so a mistake in the last line leaves the broker's
 * directory as it was. Regions and holidays go first, then nodes, then keys: whatever refers to
 * something comes behind it.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/times.h"
#include "daemon/ctl.h"
#include "store/store.h"
#include "wire/json.h"
#include "wire/personal.h"

#define CHUNK_MAX      (200U * 1024)
#define COMPLAINTS_MAX 50U
#define PROGRESS_EVERY 500U

typedef struct Line {
    Bytes text; /* borrowed from the file */
    DirRecord parsed;
} Line;

typedef struct Import {
    char *text;
    size_t n, n_lines, n_bad;
    Line *lines; /* owned */
} Import;

static void import_deinit(Import *in) {
    free(in->text);
    free(in->lines);
}

/* --- reading --- */

static int add_line(Import *in, Bytes text, const DirRecord *parsed) {
    if ((in->n_lines & (in->n_lines - 1)) == 0) { /* full at powers of two */
        Line *more = reallocarray(in->lines, MAX(in->n_lines * 2, (size_t)1), sizeof(Line));
        if (!more)
            return -ENOMEM;
        in->lines = more;
    }
    in->lines[in->n_lines++] = (Line) { .text = text, .parsed = *parsed };
    return 0;
}

static int read_line(Import *in, const char *file, unsigned number, const char *p, size_t n) {
    DirRecord parsed = { 0 };
    char why[JSON_WHY_SIZE] = "";
    if (strspn(p, " \t\r") >= n || p[0] == '#')
        return 0;
    int r = n > CHUNK_MAX ? -EINVAL : json_parse_directory_line(p, n, &parsed, why);
    if (r == -ENOMEM)
        return r;
    if (r == 0)
        return add_line(in, bytes_make(p, n), &parsed);
    if (in->n_bad++ < COMPLAINTS_MAX)
        fprintf(stderr, "%s:%u: %s\n", file, number, why[0] ? why : "the line is too long");
    return 0;
}

static int read_lines(Import *in, const char *file) {
    unsigned number = 0;
    in->text = ctl_read_file(file, &in->n);
    if (!in->text)
        return CTL_REFUSED;
    for (const char *p = in->text, *end = p + in->n; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);
        if (read_line(in, file, ++number, p, n) < 0)
            return CTL_REFUSED;
        p += n + 1;
    }
    if (in->n_bad == 0)
        return CTL_DONE;
    ctl_complain("%zu of %u lines are wrong; nothing was imported", in->n_bad, number);
    return CTL_REFUSED;
}

/* What takes a right away, regions and holidays, brokers, other nodes, keys; as they stand within
 * each. */
static int rank(const Line *l) {
    const DirRecord *r = &l->parsed;
    if (r->kind == DIR_KEY)
        return r->key.revoked ? 0 : 4;
    return r->kind == DIR_NODE ? (r->node.broker ? 2 : 3) : 1;
}

static int by_rank(const void *a, const void *b) {
    const Line *x = a, *y = b;
    if (rank(x) != rank(y))
        return rank(x) - rank(y);
    return x->text.p < y->text.p ? -1 : x->text.p > y->text.p;
}

/* --- to a running broker --- */

static int send_chunk(Ctl *c, const char *note, Bytes chunk) {
    _cleanup_(freep) char *refusal = NULL;
    _cleanup_(json_dropp) json_t *rows = NULL;
    int r = ctl_query(c, "node-import", &note, 1, chunk, &rows, &refusal);
    if (r == SERASI_REFUSED) {
        ctl_complain("the broker refused: %s", refusal);
        return CTL_REFUSED;
    }
    return r == 0 ? CTL_DONE : ctl_explain(c, r, "node import");
}

static int import_online(Ctl *c, const char *note, const Import *in) {
    _cleanup_(buf_deinit) Buf chunk = { 0 };
    char progress[64];
    int r = ctl_connect(c);
    for (size_t i = 0; r == CTL_DONE && i < in->n_lines; i++) {
        if (chunk.n + in->lines[i].text.n + 1 > CHUNK_MAX) {
            r = send_chunk(c, note, buf_bytes(&chunk));
            chunk.n = 0;
            (void)snprintf(progress, sizeof(progress), "%zu of %zu lines", i, in->n_lines);
            ctl_progress(progress);
        }
        buf_add(&chunk, in->lines[i].text.p, in->lines[i].text.n);
        buf_add_text(&chunk, "\n");
    }
    if (r == CTL_DONE && chunk.failed)
        r = CTL_REFUSED;
    if (r == CTL_DONE && chunk.n > 0)
        r = send_chunk(c, note, buf_bytes(&chunk));
    ctl_progress(NULL);
    return r;
}

/* --- into the store of a stopped one --- */

static StoreOp *make_op(const Import *in) {
    StoreOp *op = store_op_new(OP_IMPORT);
    if (!op)
        return NULL;
    op->import.nodes = calloc(MAX(in->n_lines, (size_t)1), sizeof(DirNode));
    op->import.keys = calloc(MAX(in->n_lines, (size_t)1), sizeof(DirKey));
    op->import.regions = calloc(MAX(in->n_lines, (size_t)1), sizeof(DirRegion));
    op->import.holidays = calloc(MAX(in->n_lines, (size_t)1), sizeof(DirHoliday));
    if (!op->import.nodes || !op->import.keys || !op->import.regions || !op->import.holidays)
        return store_op_free(op);
    for (size_t i = 0; i < in->n_lines; i++) {
        const DirRecord *l = &in->lines[i].parsed;
        if (l->kind == DIR_NODE)
            op->import.nodes[op->import.n_nodes++] = l->node;
        else if (l->kind == DIR_KEY)
            op->import.keys[op->import.n_keys++] = l->key;
        else if (l->kind == DIR_REGION)
            op->import.regions[op->import.n_regions++] = l->region;
        else
            op->import.holidays[op->import.n_holidays++] = l->holiday;
    }
    return op;
}

static int import_offline(Ctl *c, const char *note, const Import *in) {
    _cleanup_(store_closep) Store *s = NULL;
    _cleanup_(store_op_freep) StoreOp *op = make_op(in);
    if (!op)
        return CTL_REFUSED;
    (void)text_copy(op->import.note, sizeof(op->import.note), text_unless_personal(note));
    fprintf(stderr, "serasictl: the broker is not running; writing into its store\n");
    int r = ctl_open_store(c, &s);
    if (r != CTL_DONE)
        return r;
    int e = store_run(s, op, now_read().wall_ms);
    if (e == 0 && op->import.directory)
        return CTL_DONE;
    ctl_complain("%s", e < 0 ? strerror(-e) : op->import.text);
    return CTL_REFUSED;
}

static int import(Ctl *c, const char *file, const char *note) {
    _cleanup_(import_deinit) Import in = { 0 };
    int r = ctl_config(c);
    if (r == CTL_DONE && c->config->role == ROLE_CLIENT) {
        ctl_complain("%s is a client's folder; the directory is the brokers'", c->dir);
        r = CTL_USAGE;
    }
    if (r == CTL_DONE)
        r = read_lines(&in, file);
    if (r != CTL_DONE)
        return r;
    if (in.n_lines > 0)
        qsort(in.lines, in.n_lines, sizeof(*in.lines), by_rank);
    r = ctl_is_offline(c) ? import_offline(c, note, &in) : import_online(c, note, &in);
    if (r == CTL_DONE && c->json)
        printf("{\"imported\":%zu}\n", in.n_lines);
    else if (r == CTL_DONE)
        printf("%zu lines imported\n", in.n_lines);
    return r;
}

/* --- what there is, and what there was --- */

typedef struct NodeOptions {
    const char *note, *at, *key, *reason, *from, *above;
} NodeOptions;

static const char *or_nothing(const char *text) {
    return text ? text : "";
}

/* Keys of a node; the hub tells every broker below it. */
static int revoke(Ctl *c, const char *node, const NodeOptions *o, json_t **ret) {
    const char *args[] = { node, or_nothing(o->key), or_nothing(o->reason) };
    if (args[2][0] == '\0') {
        ctl_complain("a reason is needed: node revoke NODE [--key LABEL] --reason TEXT");
        return CTL_USAGE;
    }
    return ctl_ask(c, "node-revoke", args, ARRAY_SIZE(args), false, ret);
}

static int list(Ctl *c, const char *prefix, const NodeOptions *o, json_t **ret) {
    const char *args[] = { or_nothing(o->at), or_nothing(prefix) };
    return o->at ? ctl_ask(c, "node-at", args, ARRAY_SIZE(args), true, ret)
                 : ctl_ask(c, "node-list", &prefix, prefix ? 1 : 0, true, ret);
}

static int run_verb(Ctl *c, const char *const *args, size_t n, const NodeOptions *o, json_t **ret) {
    if (strcmp(args[0], "list") == 0 && n <= 2)
        return list(c, args[1], o, ret);
    if (strcmp(args[0], "show") == 0 && n == 2)
        return ctl_ask(c, "node-show", args + 1, 1, true, ret);
    if (strcmp(args[0], "log") == 0 && n == 1)
        return ctl_ask(c, "node-log", &o->from, o->from ? 1 : 0, true, ret);
    if (strcmp(args[0], "diff") == 0 && n >= 2)
        return ctl_ask(c, "node-diff", args + 1, n - 1, true, ret);
    if (strcmp(args[0], "sign") == 0 && n == 1 && o->above)
        return ctl_ask(c, "node-sign", &o->above, 1, false, ret);
    if (strcmp(args[0], "revoke") == 0 && n == 2)
        return revoke(c, args[1], o, ret);
    ctl_complain(
        "node import FILE, list [PREFIX], show NODE, revoke NODE, log, diff V1 [V2] or sign");
    return CTL_USAGE;
}

int ctl_cmd_node(Ctl *c, int argc, char **argv) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *args[3] = { NULL };
    NodeOptions o = { 0 };
    const CtlOption options[] = { { .name = "note", .value = &o.note },
                                  { .name = "at", .value = &o.at },
                                  { .name = "key", .value = &o.key },
                                  { .name = "reason", .value = &o.reason },
                                  { .name = "from", .value = &o.from },
                                  { .name = "above", .value = &o.above },
                                  { 0 } };
    size_t n = 0;
    int r = ctl_parse(c, argc, argv, options, args, 1, 3, &n);
    if (r != CTL_DONE)
        return r;
    if (strcmp(args[0], "import") == 0 && n == 2)
        return import(c, args[1], or_nothing(o.note));
    r = run_verb(c, args, n, &o, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}
