/* SPDX-License-Identifier: Apache-2.0 */

/* Keeping events, and writing them as text. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <uthash.h>

#include "history/history-internal.h"

struct Name {
    uint32_t number, node;
    UT_hash_handle hh;
    char text[];
};

#define PHASE(p) (1U << HISTORY_##p)
#define HAS(f)   (1U << FIELD_##f)

/* What an op looks like: its phases, the fields it must have and those it may have. */
static const struct Shape {
    const char *name;
    unsigned phases, must, may;
} shapes[HISTORY_OP_COUNT] = {
    [HISTORY_OPEN] = { "open", PHASE(INVOKE) | PHASE(OK), 0, HAS(BROKER) },
    [HISTORY_LOST] = { "lost", PHASE(INFO), 0, 0 },
    [HISTORY_LISTEN] = { "listen", PHASE(INFO), HAS(WORD), 0 },
    [HISTORY_PUBLISH] = { "publish", PHASE(INVOKE) | PHASE(OK) | PHASE(FAIL) | PHASE(UNKNOWN),
                          HAS(ID),
                          HAS(CASE) | HAS(RECALL) | HAS(TO) | HAS(WORD) | HAS(EXPIRES) | HAS(SUM) },
    [HISTORY_DELIVER] = { "deliver", PHASE(OK), HAS(ID),
                          HAS(CASE) | HAS(WORD) | HAS(ATTEMPT) | HAS(SUM) },
    [HISTORY_SETTLE] = { "settle", PHASE(INVOKE) | PHASE(OK) | PHASE(FAIL) | PHASE(UNKNOWN),
                         HAS(ID) | HAS(WORD), 0 },
    [HISTORY_RECEIPT] = { "receipt", PHASE(OK), HAS(ID) | HAS(FOR) | HAS(WORD),
                          HAS(CAUSE) | HAS(RECEIPT) },
    [HISTORY_OUTCOME] = { "outcome", PHASE(INVOKE) | PHASE(OK), HAS(ID),
                          HAS(FOR) | HAS(WORD) | HAS(CAUSE) },
    [HISTORY_DEAD] = { "dead", PHASE(INVOKE) | PHASE(OK), 0, HAS(ID) | HAS(FOR) | HAS(CAUSE) },
    [HISTORY_REQUEUE] = { "requeue", PHASE(INFO), HAS(ID) | HAS(FOR), 0 },
    [HISTORY_REDIRECT] = { "redirect", PHASE(INVOKE) | PHASE(OK) | PHASE(FAIL), HAS(ID) | HAS(FOR),
                           0 },
    [HISTORY_MOVE] = { "move", PHASE(INFO), HAS(FOR), 0 },
    [HISTORY_START] = { "start", PHASE(INFO), 0, 0 },
    [HISTORY_STOP] = { "stop", PHASE(INFO), 0, 0 },
    [HISTORY_CRASH] = { "crash", PHASE(INFO), 0, 0 },
    [HISTORY_CUT] = { "cut", PHASE(INFO), 0, 0 },
    [HISTORY_SYNC] = { "sync", PHASE(INVOKE) | PHASE(OK), 0, 0 },
    [HISTORY_CLOCK] = { "clock", PHASE(INFO), HAS(WALL), 0 },
    [HISTORY_DRAINED] = { "drained", PHASE(INFO), 0, 0 },
    [HISTORY_NOTE] = { "note", PHASE(INFO), 0, HAS(WORD) },
};

const char *history_phase_name(HistoryPhase phase) {
    static const char *const names[HISTORY_PHASE_COUNT] = { "invoke", "ok", "fail", "unknown",
                                                            "info" };
    return phase < HISTORY_PHASE_COUNT ? names[phase] : NULL;
}

const char *history_op_name(HistoryOp op) {
    return op < HISTORY_OP_COUNT ? shapes[op].name : NULL;
}

static const char *word_name(const HistoryEvent *e) {
    switch (e->op) {
    case HISTORY_DELIVER:
        return "role";
    case HISTORY_LISTEN:
        return "source";
    case HISTORY_NOTE:
        return "text";
    case HISTORY_PUBLISH:
        return e->phase == HISTORY_INVOKE ? "receipts" : "word";
    default:
        return "word";
    }
}

const char *history_field_name(const HistoryEvent *e, Field f) {
    static const char *const names[FIELD_COUNT] = { "id",     "case",    "recall", "receipt",
                                                    "to",     "for",     NULL,     "cause",
                                                    "broker", "expires", "wall",   "attempt",
                                                    "sum" };
    const struct Shape *s = &shapes[e->op];
    if (!((s->must | s->may) & 1U << f))
        return NULL;
    return f == FIELD_WORD ? word_name(e) : names[f];
}

/* --- keeping --- */

int history_new(History **ret) {
    _cleanup_(history_freep) History *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    h->n_names = 1;
    *ret = TAKE_PTR(h);
    return 0;
}

History *history_free(History *h) {
    if (!h)
        return NULL;
    HASH_CLEAR(hh, h->by_text);
    for (uint32_t i = 1; i < h->n_names; i++)
        free(h->names[i]);
    free(h->names);
    free(h->records);
    free(h->to);
    free(h);
    return NULL;
}

size_t history_count(const History *h) {
    return h->n;
}

const char *history_name(const History *h, uint32_t number) {
    return number ? h->names[number]->text : "";
}

uint32_t history_node_of(const History *h, uint32_t who) {
    return who ? h->names[who]->node : 0;
}

/* Room for one more of size bytes. */
static int grow(void *array, size_t *room, size_t n, size_t size) {
    if (n < *room)
        return 0;
    size_t more = *room ? *room * 2 : 256;
    void *p = reallocarray(*(void **)array, more, size);
    if (!p)
        return -ENOMEM;
    *(void **)array = p;
    *room = more;
    return 0;
}

int history_intern(History *h, const char *text, uint32_t *ret) {
    Name *n = NULL;
    if (!text || !*text) {
        *ret = 0;
        return 0;
    }
    HASH_FIND_STR(h->by_text, text, n);
    if (n) {
        *ret = n->number;
        return 0;
    }
    if (strpbrk(text, " \t\r\n\v\f,="))
        return -EINVAL;
    uint32_t node = 0;
    const char *mark = strchr(text, '#');
    if (mark && mark > text) {
        char before[256];
        if ((size_t)(mark - text) >= sizeof(before))
            return -EINVAL;
        memcpy(before, text, (size_t)(mark - text));
        before[mark - text] = '\0';
        int r = history_intern(h, before, &node);
        if (r < 0)
            return r;
    }
    size_t room = h->names_room, size = strlen(text) + 1;
    int r = grow(&h->names, &room, h->n_names, sizeof(Name *));
    if (r < 0)
        return r;
    h->names_room = (uint32_t)room;
    n = calloc(1, sizeof(*n) + size);
    if (!n)
        return -ENOMEM;
    memcpy(n->text, text, size);
    n->number = h->n_names++;
    n->node = node ? node : n->number;
    h->names[n->number] = n;
    HASH_ADD_KEYPTR(hh, h->by_text, n->text, size - 1, n);
    *ret = n->number;
    return 0;
}

/* Which fields are given. */
static unsigned given(const HistoryEvent *e) {
    return (uuid_is_nil(&e->id) ? 0 : HAS(ID)) | (uuid_is_nil(&e->order_key) ? 0 : HAS(CASE)) |
           (uuid_is_nil(&e->recall) ? 0 : HAS(RECALL)) |
           (uuid_is_nil(&e->receipt) ? 0 : HAS(RECEIPT)) | (e->n_to ? HAS(TO) : 0) |
           (e->recipient ? HAS(FOR) : 0) | (e->word ? HAS(WORD) : 0) | (e->cause ? HAS(CAUSE) : 0) |
           (e->broker ? HAS(BROKER) : 0) | (e->expires_ms ? HAS(EXPIRES) : 0) |
           (e->wall_ms ? HAS(WALL) : 0) | (e->attempt ? HAS(ATTEMPT) : 0) | (e->sum ? HAS(SUM) : 0);
}

static bool is_well_formed(const HistoryEvent *e) {
    if (e->op >= HISTORY_OP_COUNT || e->phase >= HISTORY_PHASE_COUNT || !e->who || !*e->who ||
        e->n_to > HISTORY_TO_MAX || e->at_us < 0)
        return false;
    const struct Shape *s = &shapes[e->op];
    unsigned has = given(e), must = s->must;
    if (e->op == HISTORY_PUBLISH && (e->phase == HISTORY_OK || e->phase == HISTORY_FAIL))
        must |= HAS(WORD);
    if (e->op == HISTORY_OUTCOME && e->phase == HISTORY_OK)
        must |= HAS(FOR) | HAS(WORD);
    if (e->op == HISTORY_DEAD && e->phase == HISTORY_OK)
        must |= HAS(ID) | HAS(FOR);
    return s->phases & 1U << e->phase && (has & must) == must && !(has & ~(must | s->may));
}

int history_add_line(History *h, const HistoryEvent *e, uint32_t file, uint32_t line) {
    if (!is_well_formed(e))
        return -EINVAL;
    Record rec = { .at_us = e->at_us,
                   .ms = e->op == HISTORY_CLOCK ? e->wall_ms : e->expires_ms,
                   .sum = e->sum,
                   .id = e->id,
                   .order_key = e->order_key,
                   .other = e->op == HISTORY_RECEIPT ? e->receipt : e->recall,
                   .first_to = (uint32_t)h->n_to,
                   .file = file,
                   .line = line,
                   .attempt = e->attempt,
                   .phase = (uint8_t)e->phase,
                   .op = (uint8_t)e->op,
                   .n_to = (uint8_t)e->n_to };
    int r = history_intern(h, e->who, &rec.who);
    r = r < 0 ? r : history_intern(h, e->recipient, &rec.recipient);
    r = r < 0 ? r : history_intern(h, e->word, &rec.word);
    r = r < 0 ? r : history_intern(h, e->cause, &rec.cause);
    r = r < 0 ? r : history_intern(h, e->broker, &rec.broker);
    r = r < 0 ? r : grow(&h->records, &h->room, h->n, sizeof(Record));
    for (unsigned i = 0; r == 0 && i < e->n_to; i++) {
        uint32_t name = 0;
        r = history_intern(h, e->to[i], &name);
        r = r < 0 ? r : grow(&h->to, &h->to_room, h->n_to, sizeof(uint32_t));
        if (r == 0)
            h->to[h->n_to++] = name;
    }
    if (r < 0)
        return r;
    h->records[h->n++] = rec;
    return 0;
}

int history_add(History *h, const HistoryEvent *e) {
    return history_add_line(h, e, 0, (uint32_t)h->n + 1);
}

/* --- writing --- */

static void write_uuid(const char *name, const Uuid *u, FILE *to) {
    char text[UUID_TEXT_SIZE];
    if (uuid_is_nil(u))
        return;
    uuid_format(u, text);
    fprintf(to, " %s=%s", name, text);
}

static void write_text(const char *name, const char *text, FILE *to) {
    if (*text)
        fprintf(to, " %s=%s", name, text);
}

static void write_record(const History *h, const Record *r, FILE *to) {
    HistoryEvent e = { .op = r->op, .phase = r->phase };
    fprintf(to, "%" PRId64 " %s %s %s", r->at_us, history_phase_name(r->phase),
            history_name(h, r->who), history_op_name(r->op));
    write_uuid("id", &r->id, to);
    write_uuid("case", &r->order_key, to);
    write_uuid(r->op == HISTORY_RECEIPT ? "receipt" : "recall", &r->other, to);
    for (unsigned i = 0; i < r->n_to; i++)
        fprintf(to, "%s%s", i ? "," : " to=", history_name(h, h->to[r->first_to + i]));
    write_text("for", history_name(h, r->recipient), to);
    write_text(word_name(&e), history_name(h, r->word), to);
    write_text("cause", history_name(h, r->cause), to);
    write_text("broker", history_name(h, r->broker), to);
    if (r->ms)
        fprintf(to, " %s=%" PRId64, r->op == HISTORY_CLOCK ? "wall" : "expires", r->ms);
    if (r->attempt)
        fprintf(to, " attempt=%" PRIu32, r->attempt);
    if (r->sum)
        fprintf(to, " sum=%016" PRIx64, r->sum);
    fputc('\n', to);
}

int history_write(const History *h, FILE *to) {
    for (size_t i = 0; i < h->n; i++)
        write_record(h, &h->records[i], to);
    return fflush(to) != 0 || ferror(to) ? -EIO : 0;
}

int history_save(const History *h, const char *path) {
    FILE *f = fopen(path, "we");
    if (!f)
        return -EIO;
    int r = history_write(h, f);
    return fclose(f) != 0 ? -EIO : r;
}
