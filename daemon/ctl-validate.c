/* SPDX-License-Identifier: Apache-2.0 */

/*
 * validate: a message file against the schema and the rules, without a broker, today or as of
 * another day. With --directory the very decision the home broker of the sender would make of a
 * message that is the first of its matter; without one, the reasons that only a directory can give
 * are left out. What a store knows (earlier messages of a case) is not known here.
 */

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/times.h"
#include "daemon/ctl.h"
#include "law/accept.h"
#include "wire/codec.h"
#include "wire/json.h"

typedef struct Validation {
    Ctl *c;
    Directory *directory;
    bool has_directory;
    const char *node; /* sender when the file names none */
    CivilDate day;    /* judged as of the end of this day, in the zone of the region; or today */
    unsigned n_bad;
} Validation;

/* --- the day --- */

static bool parse_day(const char *text, CivilDate *ret) {
    char time[RFC3339_SIZE];
    int64_t ms = 0;
    if (strlen(text) != strlen("2025-03-10"))
        return false;
    (void)snprintf(time, sizeof(time), "%sT00:00:00Z", text);
    if (rfc3339_parse(time, &ms) < 0)
        return false;
    *ret = civil_at(ms, 0);
    return true;
}

/* A moment of the day that is the same day everywhere in Indonesia. */
static int64_t moment(const Validation *v) {
    return civil_is_set(v->day) ? civil_to_days(v->day) * DAY_MS + 5 * HOUR_MS : now_read().wall_ms;
}

static int64_t judged_at(const Validation *v, const char *region) {
    return civil_is_set(v->day) ? (civil_to_days(v->day) + 1) * DAY_MS - 1 -
                                      region_utc_offset_min(region) * MINUTE_MS
                                : now_read().wall_ms;
}

/* --- the directory --- */

static int add_line(Directory *d, const char *file, unsigned number, const char *p, size_t n) {
    DirRecord l = { 0 };
    char why[JSON_WHY_SIZE] = "";
    if (strspn(p, " \t\r") >= n || p[0] == '#')
        return 0;
    int r = json_parse_directory_line(p, n, &l, why);
    if (r == 0 && l.kind == DIR_NODE)
        r = directory_add_node(d, &l.node);
    else if (r == 0 && l.kind == DIR_KEY)
        r = directory_add_key(d, &l.key);
    else if (r == 0 && l.kind == DIR_REGION)
        r = directory_add_region(d, &l.region);
    else if (r == 0)
        r = directory_add_holiday(d, &l.holiday);
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
        json_t *o = json_print_result(&result, NULL, (Bytes) { 0 }, &text) == 0
                        ? json_loads(text, 0, NULL)
                        : NULL;
        (void)json_object_set_new(o, "rule_set", json_string(all->rule_set));
        ctl_print_json(o);
        json_decref(o);
        return;
    }
    char id[UUID_TEXT_SIZE];
    uuid_format(&m->env.message_id, id);
    printf("%s  %s  (rules of %s)\n", fine ? "fine" : "REFUSED", id, all->rule_set);
    for (uint32_t i = 0; i < result.reasons->n; i++) {
        const Reason *r = &result.reasons->list[i];
        printf("  %s%s: %s%s%s%s\n", r->warning ? "warning " : "", r->code, r->text_en,
               r->field[0] ? " [" : "", r->field, r->field[0] ? "]" : "");
        if (r->text_id[0])
            printf("    %s\n", r->text_id);
        if (r->legal_basis[0])
            printf("    %s\n", r->legal_basis);
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
        .now_ms = judged_at(v, m->env.region),
        .policy = &policy,
        .floors = v->c->config ? &v->c->config->rule_floors : NULL,
    };
    accept_take_aliases(m, v->directory);
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
    int r = json_parse_message(text, strlen(text), v->node, moment(v), &parts, why);
    if (r == -ENOMEM)
        return r;
    /* What is sealed when it is published is as good as there. */
    const Bytes to_come = bytes_make("", 1);
    if (r == 0)
        r = codec_decode_message(
            bytes_make(parts.envelope, parts.n_envelope), bytes_make(parts.facts, parts.n_facts),
            parts.plain.p ? to_come : bytes_make(parts.sealed, parts.n_sealed), m, &reason);
    if (r == 0 && parts.plain.p) {
        m->env.has_sealed_digest = true;
        memcpy(m->env.sealed_digest, m->sealed_digest, sizeof(m->env.sealed_digest));
    }
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
    const char *files[64], *directory_file = NULL, *node = "", *at = NULL;
    size_t n = 0;
    const CtlOption options[] = { { .name = "directory", .value = &directory_file },
                                  { .name = "node", .value = &node },
                                  { .name = "at", .value = &at },
                                  { 0 } };
    int r = ctl_parse(c, argc, argv, options, files, 1, ARRAY_SIZE(files), &n);
    if (r != CTL_DONE)
        return r;
    Validation v = { .c = c, .has_directory = directory_file, .node = node };
    if (at && !parse_day(at, &v.day)) {
        ctl_complain("--at %s: not a day such as 2025-03-10", at);
        return CTL_USAGE;
    }
    if (hash_init() < 0 || directory_new(&directory) < 0)
        return CTL_REFUSED;
    if (directory_file && read_directory(directory_file, directory) < 0)
        return CTL_REFUSED;
    if (directory_seal(directory, 1) < 0)
        return CTL_REFUSED;
    v.directory = directory;
    if (!node[0] && c->dir && ctl_config(c) == CTL_DONE)
        v.node = c->config->node;
    for (size_t i = 0; r == CTL_DONE && i < n; i++)
        r = validate_file(&v, files[i]);
    return r == CTL_DONE && v.n_bad > 0 ? CTL_REFUSED : r;
}
