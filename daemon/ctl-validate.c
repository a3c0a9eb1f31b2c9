/* SPDX-License-Identifier: Apache-2.0 */

/*
 * validate: a message file against the schema and the rules, without a broker. With --directory the
 * very decision the home broker of the sender would make; without one, the reasons that only a
 * directory can give are left out.
 */

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "core/accept.h"
#include "daemon/ctl.h"
#include "wire/codec.h"
#include "wire/json.h"

typedef struct Validation {
    Ctl *c;
    Directory *directory;
    bool has_directory;
    const char *node; /* sender when the file names none */
    unsigned n_bad;
} Validation;

/* --- the directory --- */

static int add_line(Directory *d, const char *file, unsigned number, const char *p, size_t n) {
    DirectoryLine l = { 0 };
    char why[JSON_WHY_SIZE] = "";
    if (strspn(p, " \t\r") >= n || p[0] == '#')
        return 0;
    int r = json_parse_directory_line(p, n, &l, why);
    if (r == 0 && l.which == LINE_NODE)
        r = directory_add_node(d, &l.node);
    else if (r == 0 && l.which == LINE_KEY)
        r = directory_add_key(d, &l.key);
    else if (r == 0)
        r = directory_add_region(d, &l.region);
    if (r < 0)
        fprintf(stderr, "%s:%u: %s\n", file, number, why[0] ? why : strerror(-r));
    return r;
}

static int read_directory(const char *file, Directory *d) {
    size_t size = 0;
    _cleanup_(freep) char *text = ctl_read_file(file, &size);
    unsigned number = 0;
    int r = text ? 0 : -EIO;
    for (const char *p = text; r == 0 && p < text + size;) {
        const char *newline = memchr(p, '\n', (size_t)(text + size - p));
        size_t n = (size_t)((newline ? newline : text + size) - p);
        r = add_line(d, file, ++number, p, n);
        p += n + 1;
    }
    return r;
}

/* --- one message --- */

static bool needs_directory(const char *code) {
    static const char *const codes[] = {
        "R-002",      "UNKNOWN_SENDER",    "SENDER_INACTIVE", "ROLE_FALLBACK", "UNKNOWN_RECIPIENT",
        "UNROUTABLE", "RECIPIENT_INACTIVE"
    };
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (strcmp(codes[i], code) == 0)
            return true;
    return false;
}

/* The reasons as the broker would give them, printed like the answer to a PUBLISH. */
static void print_decision(Validation *v, const Message *m, const AcceptDecision *all) {
    _cleanup_(freep) char *text = NULL;
    _cleanup_(publish_result_deinit) PublishResult result = { .message_id = m->env.message_id };
    result.reasons = calloc(1, sizeof(*result.reasons));
    if (!result.reasons)
        return;
    for (uint32_t i = 0; i < all->reasons.n; i++) {
        const Reason *r = &all->reasons.list[i];
        if (!v->has_directory && needs_directory(r->code))
            continue;
        result.reasons->list[result.reasons->n++] = *r;
        result.reasons->n_refusals += !r->warning;
    }
    bool fine = result.reasons->n_refusals == 0;
    v->n_bad += !fine;
    result.verdict = fine ? VERDICT_ACCEPTED : VERDICT_REFUSED;
    if (v->c->json) {
        if (json_print_result(&result, &text) == 0)
            puts(text);
        return;
    }
    char id[UUID_TEXT_SIZE];
    uuid_format(&m->env.message_id, id);
    printf("%s  %s\n", fine ? "fine" : "REFUSED", id);
    for (uint32_t i = 0; i < result.reasons->n; i++) {
        const Reason *r = &result.reasons->list[i];
        printf("  %s%s: %s%s%s%s\n", r->warning ? "warning " : "", r->code, r->text_en,
               r->field[0] ? " [" : "", r->field, r->field[0] ? "]" : "");
        if (r->text_id[0])
            printf("    %s\n", r->text_id);
    }
    for (uint32_t i = 0; fine && v->has_directory && i < all->n_routes; i++)
        printf("  to %s%s\n", all->routes[i].who.node,
               all->routes[i].who.role == ROLE_SUPERVISOR ? " (supervisor)" : "");
}

static int decide(Validation *v, Message *m) {
    static const AcceptPolicy policy = { .default_expiry_ms = 30 * DAY_MS,
                                         .event_expiry_ms = 72 * HOUR_MS,
                                         .max_expiry_ms = 180 * DAY_MS,
                                         .clock_skew_ms = 5 * MINUTE_MS };
    _cleanup_(freep) AcceptDecision *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    const DirNode *sender = directory_node(v->directory, m->env.sender);
    const AcceptInput in = {
        .message = m,
        .directory = v->directory,
        .self = sender && sender->home[0] ? sender->home : "hub",
        .authority = m->env.sender,
        .now_ms = now_read().wall_ms,
        .policy = &policy,
    };
    accept_decide(&in, d);
    print_decision(v, m, d);
    return 0;
}

static int validate_one(Validation *v, const json_t *document, const char *where) {
    _cleanup_(json_message_deinit) JsonMessage parts = { 0 };
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    _cleanup_(freep) char *text = json_dumps(document, JSON_COMPACT);
    char why[JSON_WHY_SIZE] = "";
    const char *reason = NULL;
    if (!m || !text)
        return -ENOMEM;
    int r = json_parse_message(text, strlen(text), v->node, now_read().wall_ms, &parts, why);
    if (r == -ENOMEM)
        return r;
    if (r == 0)
        r = codec_decode_message(bytes_make(parts.envelope, parts.n_envelope),
                                 bytes_make(parts.facts, parts.n_facts),
                                 bytes_make(parts.sealed, parts.n_sealed), m, &reason);
    if (r < 0 && !why[0])
        return r;
    if (r != 0) {
        fprintf(stderr, "%s: %s\n", where, why[0] ? why : reason ? reason : "malformed");
        v->n_bad++;
        return 0;
    }
    return decide(v, m);
}

static int validate_file(Validation *v, const char *file) {
    CtlDocuments d = { .file = strcmp(file, "-") == 0 ? "stdin" : file };
    _cleanup_(freep) char *text = ctl_read_file(file, &d.n);
    char where[4200];
    if (!text)
        return CTL_REFUSED;
    d.text = text;
    for (;;) {
        _cleanup_(json_dropp) json_t *document = NULL;
        int r = ctl_next_document(&d, &document);
        if (r != 0)
            return r < 0 ? CTL_REFUSED : CTL_DONE;
        (void)snprintf(where, sizeof(where), "%s:%u", d.file, d.line + 1);
        if (validate_one(v, document, where) < 0)
            return CTL_REFUSED;
    }
}

int ctl_cmd_validate(Ctl *c, int argc, char **argv) {
    _cleanup_(directory_unrefp) Directory *directory = NULL;
    const char *files[64], *directory_file = NULL, *node = "";
    size_t n = 0;
    const CtlOption options[] = { { .name = "directory", .value = &directory_file },
                                  { .name = "node", .value = &node },
                                  { 0 } };
    int r = ctl_parse(c, argc, argv, options, files, 1, ARRAY_SIZE(files), &n);
    if (r != CTL_DONE)
        return r;
    if (hash_init() < 0 || directory_new(&directory) < 0)
        return CTL_REFUSED;
    if (directory_file && read_directory(directory_file, directory) < 0)
        return CTL_REFUSED;
    if (directory_seal(directory, 1) < 0)
        return CTL_REFUSED;
    if (!node[0] && c->dir && ctl_config(c) == CTL_DONE)
        node = c->config->node;
    Validation v = {
        .c = c, .directory = directory, .has_directory = directory_file, .node = node
    };
    for (size_t i = 0; r == CTL_DONE && i < n; i++)
        r = validate_file(&v, files[i]);
    return r == CTL_DONE && v.n_bad > 0 ? CTL_REFUSED : r;
}
