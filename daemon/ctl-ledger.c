/* SPDX-License-Identifier: Apache-2.0 */

/* ledger verify, show, export, countersign, prune, forget. */

#include <string.h>

#include "base/base64.h"
#include "base/text.h"
#include "base/times.h"
#include "core/receipt.h"
#include "daemon/ctl-ledger.h"
#include "net/keys.h"
#include "store/ledger-compare.h"
#include "store/ledger.h"

#define PROGRESS_EVERY 65536
#define SHOW_LAST      50 /* entries, when nothing says which */

/* --- verify ----------------------------------------------------------------------------------- */

static void print_finding(const Ctl *c, const LedgerFinding *f) {
    if (c->json) {
        _cleanup_(json_dropp) json_t *row = json_pack(
            "{s:I,s:I,s:s,s:s}", "block", (json_int_t)f->block, "entry", (json_int_t)f->entry,
            "finding", f->remark ? "remark" : "broken", "text", f->text);
        ctl_print_json(row);
        return;
    }
    printf("%s", f->remark ? "remark: " : "BROKEN: ");
    if (f->block > 0)
        printf("block %lld", (long long)f->block);
    if (f->entry > 0)
        printf(", from entry %lld on", (long long)f->entry);
    printf("%s%s\n", f->block > 0 || f->entry > 0 ? ": " : "", f->text);
}

static int print_audit(const Ctl *c, const LedgerAudit *a) {
    for (uint32_t i = 0; i < a->n_found; i++)
        print_finding(c, &a->found[i]);
    if (c->json) {
        _cleanup_(freep) char *hash = base64_encode(bytes_make(a->head.hash, DIGEST_SIZE));
        _cleanup_(json_dropp) json_t *row =
            json_pack("{s:s,s:b,s:I,s:I,s:s*,s:I,s:I,s:s,s:i}", "broker", a->broker, "whole",
                      a->n_wrong == 0, "blocks", (json_int_t)a->head.block, "entries",
                      (json_int_t)a->head.entries, "hash", hash, "first_block",
                      (json_int_t)a->base.block + 1, "countersigned_block", (json_int_t)a->proven,
                      "countersigned_by", a->proven_by, "countersignatures", (int)a->n_held);
        ctl_print_json(row);
    } else {
        printf("%s: ledger of %s, blocks %lld to %lld, %lld entries, countersigned up to block "
               "%lld%s%s (%u countersignatures hold)\n",
               a->n_wrong == 0 ? "whole" : "NOT WHOLE", a->broker, (long long)a->base.block + 1,
               (long long)a->head.block, (long long)(a->head.entries - a->base.entries),
               (long long)a->proven, a->n_held > 0 ? " by " : "", a->proven_by,
               (unsigned)a->n_held);
    }
    return a->n_wrong == 0 ? CTL_DONE : CTL_REFUSED;
}

static int audit(Ctl *c, LedgerSource *s) {
    _cleanup_(freep) LedgerAudit *a = calloc(1, sizeof(*a));
    _cleanup_(ledger_compare_freep) LedgerCompare *with = NULL;
    LedgerBlock b;
    bool more = true;
    int64_t told = 0;
    int r = a ? CTL_DONE : CTL_REFUSED;
    if (r != CTL_DONE)
        return r;
    if (s->file && !(with = ledger_compare_new(s->file))) {
        ctl_complain("the store cannot be read");
        return CTL_REFUSED;
    }
    ledger_audit_init(a, s->broker, &s->base);
    a->proofs = s->proofs;
    a->n_proofs = s->n_proofs;
    a->n_messages = s->n_messages;
    memcpy(a->messages, s->messages, sizeof(a->messages));
    while ((r = ctl_ledger_next(s, &b, &more)) == CTL_DONE && more) {
        ledger_audit_block(a, &b);
        if (with)
            ledger_compare_block(with, &b, a);
        if (a->head.entries - told >= PROGRESS_EVERY) {
            char text[64];
            told = a->head.entries;
            (void)snprintf(text, sizeof(text), "%lld entries", (long long)told);
            ctl_progress(text);
        }
    }
    ctl_progress(NULL);
    if (r != CTL_DONE)
        return r;
    ledger_audit_end(a, s->written);
    if (with)
        ledger_compare_end(with, a);
    if (with && ledger_fault(s->file) < 0) {
        ctl_complain("the store cannot be read to its end");
        return CTL_REFUSED;
    }
    return print_audit(c, a);
}

/* The parent signs only what goes on from what it signed before. */
static int ask_parent(Ctl *c) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    int r = ctl_config(c);
    if (r == CTL_DONE && ctl_is_offline(c)) {
        ctl_complain("--parent: the broker must run, it asks over its own link");
        return CTL_UNREACHABLE;
    }
    return r == CTL_DONE ? ctl_ask(c, "ledger-countersign", NULL, 0, false, &rows) : r;
}

static int verify(Ctl *c, const char *file, bool parent) {
    LedgerSource s;
    int asked = parent ? ask_parent(c) : CTL_DONE;
    int r = ctl_ledger_open(c, file, &s);
    if (r == CTL_DONE)
        r = audit(c, &s);
    ctl_ledger_close(&s);
    return r == CTL_DONE ? asked : r;
}

/* --- show, export ----------------------------------------------------------------------------- */

typedef struct Wanted {
    Uuid id; /* nil = any */
    const char *node, *kind;
    int64_t since_ms, until_ms; /* 0 = open */
    int64_t last;               /* so many; 0 = all */
} Wanted;

static bool is_wanted(const Wanted *w, const LedgerBlock *b, const LedgerEntry *e) {
    return (uuid_is_nil(&w->id) || uuid_equal(&w->id, &e->message_id)) &&
           (!w->node || strcmp(w->node, e->node) == 0 || strcmp(w->node, e->peer) == 0) &&
           (!w->kind || strcmp(w->kind, ledger_kind_name((int)e->kind)) == 0) &&
           b->at_ms >= w->since_ms && (w->until_ms == 0 || b->at_ms <= w->until_ms);
}

static void put_text(json_t *row, const char *key, const char *text) {
    if (text[0] != '\0')
        (void)json_object_set_new(row, key, json_string(text));
}

static void put_bytes(json_t *row, const char *key, const void *p, size_t n) {
    _cleanup_(freep) char *text = base64_encode(bytes_make(p, n));
    if (text)
        put_text(row, key, text);
}

/* A text that is not UTF-8 would take its entry out of what is shown. */
static bool next_entry(LedgerReader *r, LedgerEntry *ret) {
    if (!ledger_next(r, ret))
        return false;
    text_scrub(ret->node);
    text_scrub(ret->peer);
    text_scrub(ret->note);
    return true;
}

static json_t *entry_json(const LedgerEntry *e) {
    json_t *row = json_pack("{s:s}", "kind", ledger_kind_name((int)e->kind));
    char id[UUID_TEXT_SIZE];
    uuid_format(&e->message_id, id);
    put_text(row, "message_id", uuid_is_nil(&e->message_id) ? "" : id);
    put_text(row, "node", e->node);
    put_text(row, "peer", e->peer);
    if (e->code != 0)
        (void)json_object_set_new(row, "code", json_integer((json_int_t)e->code));
    if (e->has_digest)
        put_bytes(row, "digest", e->digest, DIGEST_SIZE);
    put_text(row, "note", e->note);
    return row;
}

/* What the number of an entry means, where it has a name. */
static const char *code_text(const LedgerEntry *e, char buf[static 24]) {
    switch (e->kind) {
    case LEDGER_UNDELIVERABLE:
    case LEDGER_DEAD:
    case LEDGER_RECALLED:
        return receipt_cause_name((int)e->code);
    case LEDGER_NOTED:
    case LEDGER_TOLD:
        return receipt_level_name((int)e->code);
    default:
        (void)snprintf(buf, 24, "%lld", (long long)e->code);
        return e->code != 0 ? buf : "";
    }
}

static json_t *shown(const LedgerBlock *b, int64_t number, const LedgerEntry *e) {
    char at[RFC3339_SIZE], code[24], id[UUID_TEXT_SIZE] = "";
    rfc3339_format(b->at_ms, at);
    if (!uuid_is_nil(&e->message_id))
        uuid_format(&e->message_id, id);
    return json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "block", (json_int_t)b->number,
                     "entry", (json_int_t)number, "at", at, "kind", ledger_kind_name((int)e->kind),
                     "message_id", id, "node", e->node, "peer", e->peer, "code", code_text(e, code),
                     "note", e->note);
}

static void keep_last(json_t *rows, int64_t last) {
    while (last > 0 && (int64_t)json_array_size(rows) > last)
        (void)json_array_remove(rows, 0);
}

static int show(Ctl *c, const char *file, const Wanted *w) {
    LedgerSource s;
    LedgerBlock b;
    LedgerEntry e;
    bool more = true;
    _cleanup_(freep) LedgerReader *reader = calloc(1, sizeof(*reader));
    _cleanup_(json_dropp) json_t *rows = json_array();
    int r = ctl_ledger_open(c, file, &s);
    /* A block has one entry at least: the last so many are not further back than so many blocks. */
    const bool any = uuid_is_nil(&w->id) && !w->node && !w->kind;
    if (r == CTL_DONE && any && w->last > 0 && w->until_ms == 0 && s.written - w->last > s.at)
        s.at = s.written - w->last;
    while (r == CTL_DONE && (r = ctl_ledger_next(&s, &b, &more)) == CTL_DONE && more) {
        int64_t number = b.first;
        ledger_reader_init(reader, b.body);
        for (; next_entry(reader, &e); number++)
            if (is_wanted(w, &b, &e))
                (void)json_array_append_new(rows, shown(&b, number, &e));
        keep_last(rows, w->last);
    }
    ctl_ledger_close(&s);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

static void print_proof(const char *broker, const LedgerProof *p) {
    const LedgerWitness *w = &p->witness;
    _cleanup_(json_dropp) json_t *row =
        json_pack("{s:s,s:I,s:I,s:s}", "countersigned", broker, "block", (json_int_t)w->block, "at",
                  (json_int_t)w->at_ms, "node", w->node);
    put_bytes(row, "hash", w->hash, DIGEST_SIZE);
    put_bytes(row, "key", w->key.b, KEY_ID_SIZE);
    put_bytes(row, "signature", w->signature, SIGNATURE_SIZE);
    put_bytes(row, "public", p->public.b, p->key_known ? PUBLIC_KEY_SIZE : 0);
    ctl_print_json(row);
}

static void print_block(const LedgerBlock *b, LedgerReader *reader) {
    LedgerEntry e;
    _cleanup_(json_dropp) json_t *row =
        json_pack("{s:I,s:I,s:I,s:I}", "block", (json_int_t)b->number, "at", (json_int_t)b->at_ms,
                  "first", (json_int_t)b->first, "n", (json_int_t)b->n);
    json_t *entries = json_array();
    put_bytes(row, "hash", b->hash, DIGEST_SIZE);
    put_bytes(row, "body", b->body.p, b->body.n);
    ledger_reader_init(reader, b->body);
    while (next_entry(reader, &e))
        (void)json_array_append_new(entries, entry_json(&e));
    (void)json_object_set_new(row, "entries", entries);
    ctl_print_json(row);
}

/* First where the ledger begins, then its blocks, then the countersignatures. */
static int export(Ctl *c, const char *file) {
    LedgerSource s;
    LedgerBlock b;
    bool more = true;
    _cleanup_(freep) LedgerReader *reader = calloc(1, sizeof(*reader));
    int r = ctl_ledger_open(c, file, &s);
    if (r == CTL_DONE) {
        _cleanup_(json_dropp) json_t *row =
            json_pack("{s:s,s:I,s:I}", "ledger", s.broker, "base_block", (json_int_t)s.base.block,
                      "base_entries", (json_int_t)s.base.entries);
        put_bytes(row, "base_hash", s.base.hash, DIGEST_SIZE);
        ctl_print_json(row);
    }
    while (r == CTL_DONE && (r = ctl_ledger_next(&s, &b, &more)) == CTL_DONE && more)
        print_block(&b, reader);
    for (uint32_t i = 0; r == CTL_DONE && i < s.n_proofs; i++)
        print_proof(s.broker, &s.proofs[i]);
    ctl_ledger_close(&s);
    return r;
}

/* --- the head, for somebody else to sign ------------------------------------------------------ */

static int export_head(Ctl *c, const char *file) {
    LedgerSource s;
    LedgerBlock b;
    bool more = true;
    int r = ctl_ledger_open(c, file, &s);
    LedgerHead head = s.head;
    if (r == CTL_DONE && s.file) {
        head = s.base;
        while ((r = ctl_ledger_next(&s, &b, &more)) == CTL_DONE && more) {
            head.block = b.number;
            memcpy(head.hash, b.hash, DIGEST_SIZE);
        }
    }
    if (r == CTL_DONE) {
        _cleanup_(json_dropp) json_t *row =
            json_pack("{s:s,s:I}", "ledger_head", s.broker, "block", (json_int_t)head.block);
        put_bytes(row, "hash", head.hash, DIGEST_SIZE);
        ctl_print_json(row);
    }
    ctl_ledger_close(&s);
    return r;
}

static json_t *read_json(const char *file) {
    size_t n = 0;
    _cleanup_(freep) char *text = ctl_read_file(file, &n);
    json_t *row = text ? json_loadb(text, n, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    if (text && !row)
        ctl_complain("%s is not a JSON object", file);
    return row;
}

/* With this folder's signing key, for its node. */
static int sign_head(Ctl *c, const char *file) {
    _cleanup_(json_dropp) json_t *row = read_json(file);
    LedgerWitness w = { .at_ms = now_read().wall_ms };
    NodeKeys keys = { 0 };
    int r = row ? ctl_config(c) : CTL_REFUSED;
    if (r != CTL_DONE)
        return r;
    const char *broker = ctl_take_text(row, "ledger_head");
    w.block = ctl_take_number(row, "block");
    if (!node_name_is_valid(broker) || w.block <= 0 ||
        !ctl_take_bytes(row, "hash", w.hash, DIGEST_SIZE)) {
        ctl_complain("%s is not what serasictl ledger export --head writes", file);
        return CTL_REFUSED;
    }
    int e = keys_load(&keys, c->config->key_file);
    if (e == 0 && keys_can_sign(&keys)) {
        (void)text_copy(w.node, sizeof(w.node), c->config->node);
        ledger_witness_sign(&keys.sign, broker, &w);
        print_proof(broker, &(LedgerProof) { .witness = w });
    } else {
        ctl_complain("%s: %s", c->config->key_file, e < 0 ? strerror(-e) : "has no signing key");
        r = CTL_REFUSED;
    }
    keys_wipe(&keys);
    return r;
}

static int add_signature(Ctl *c, const char *file) {
    _cleanup_(json_dropp) json_t *row = read_json(file), *rows = NULL;
    char block[24], at[24];
    if (!row)
        return CTL_REFUSED;
    (void)snprintf(block, sizeof(block), "%lld", (long long)ctl_take_number(row, "block"));
    (void)snprintf(at, sizeof(at), "%lld", (long long)ctl_take_number(row, "at"));
    const char *args[] = { block,
                           ctl_take_text(row, "hash"),
                           at,
                           ctl_take_text(row, "node"),
                           ctl_take_text(row, "key"),
                           ctl_take_text(row, "signature") };
    int r = ctl_ask(c, "ledger-countersigned", args, ARRAY_SIZE(args), false, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

/* --- the command ------------------------------------------------------------------------------ */

/* A day (its beginning, UTC) or a moment. */
static int take_time(const char *name, const char *text, int64_t *ret) {
    char whole[RFC3339_SIZE + 16];
    if (!text)
        return CTL_DONE;
    (void)snprintf(whole, sizeof(whole), "%.30s%s", text, strlen(text) == 10 ? "T00:00:00Z" : "");
    if (rfc3339_parse(whole, ret) == 0 && *ret > 0)
        return CTL_DONE;
    ctl_complain("--%s %s: not a day (2026-12-31) nor a moment (2026-12-31T08:00:00Z)", name, text);
    return CTL_USAGE;
}

static int ask_and_print(Ctl *c, const char *verb, const char *arg) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *args[] = { arg };
    int r = ctl_ask(c, verb, args, arg ? 1 : 0, false, &rows);
    if (r == CTL_DONE)
        ctl_print_rows(c, rows);
    return r;
}

static int prune(Ctl *c, const char *before) {
    char text[24];
    int64_t ms = 0;
    if (!before) {
        ctl_complain("ledger prune --before DATE");
        return CTL_USAGE;
    }
    int r = take_time("before", before, &ms);
    (void)snprintf(text, sizeof(text), "%lld", (long long)ms);
    return r == CTL_DONE ? ask_and_print(c, "ledger-prune", text) : r;
}

typedef struct Options {
    const char *message, *node, *kind, *since, *until, *n, *before, *sign, *add;
    bool head, parent;
} Options;

static int take_wanted(const Options *o, Wanted *w) {
    char *end = NULL;
    int r = take_time("since", o->since, &w->since_ms);
    if (r == CTL_DONE)
        r = take_time("until", o->until, &w->until_ms);
    if (r != CTL_DONE)
        return r;
    const bool any = !o->message && !o->node && !o->kind && !o->since && !o->until;
    w->node = o->node;
    w->kind = o->kind;
    w->last = o->n ? strtoll(o->n, &end, 10) : any ? SHOW_LAST : 0;
    if (o->n && (end == o->n || *end != '\0' || w->last <= 0))
        ctl_complain("-n %s: not a number above 0", o->n);
    else if (o->message && uuid_parse(o->message, &w->id) < 0)
        ctl_complain("--message %s: not a message id", o->message);
    else if (o->kind && ledger_kind_of(o->kind) == LEDGER_NONE)
        ctl_complain("--kind %s: no such kind of entry; they are in PROTOCOL.md 14.2", o->kind);
    else
        return CTL_DONE;
    return CTL_USAGE;
}

static int run(Ctl *c, const char *const *args, size_t n, const Options *o) {
    const char *verb = args[0], *file = n > 1 ? args[1] : NULL;
    Wanted w = { 0 };
    if (strcmp(verb, "verify") == 0)
        return verify(c, file, o->parent);
    if (strcmp(verb, "show") == 0) {
        int r = take_wanted(o, &w);
        return r == CTL_DONE ? show(c, file, &w) : r;
    }
    if (strcmp(verb, "export") == 0)
        return o->head ? export_head(c, file) : export(c, file);
    if (strcmp(verb, "forget") == 0 && n == 2)
        return ask_and_print(c, "ledger-forget", file);
    if (strcmp(verb, "countersign") == 0 && n == 1)
        return o->sign  ? sign_head(c, o->sign)
               : o->add ? add_signature(c, o->add)
                        : ask_and_print(c, "ledger-countersign", NULL);
    if (strcmp(verb, "prune") == 0 && n == 1)
        return prune(c, o->before);
    ctl_complain("ledger verify, show, export, countersign, prune or forget; see serasictl ledger "
                 "--help");
    return CTL_USAGE;
}

int ctl_cmd_ledger(Ctl *c, int argc, char **argv) {
    Options o = { 0 };
    const char *args[2];
    size_t n = 0;
    const CtlOption options[] = {
        { .name = "message", .value = &o.message }, { .name = "node", .value = &o.node },
        { .name = "kind", .value = &o.kind },       { .name = "since", .value = &o.since },
        { .name = "until", .value = &o.until },     { .name = "n", .value = &o.n },
        { .name = "before", .value = &o.before },   { .name = "sign", .value = &o.sign },
        { .name = "add", .value = &o.add },         { .name = "head", .flag = &o.head },
        { .name = "parent", .flag = &o.parent },    { 0 },
    };
    int r = ctl_parse(c, argc, argv, options, args, 1, 2, &n);
    return r == CTL_DONE ? run(c, args, n, &o) : r;
}
