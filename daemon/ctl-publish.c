/* SPDX-License-Identifier: Apache-2.0 */

/*
 * publish and recall. Messages go out together and are answered in any order. A message's id is
 * minted here and its time of creation is the time in the id, so that the same file with --id is
 * the same message again, byte for byte: the broker answers DUPLICATE, not CONFLICT.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/times.h"
#include "base/uuid.h"
#include "daemon/ctl.h"

#define ACCEPT_TIMEOUT_MS (30 * SECOND_MS)
#define ID_TIME_MAX_MS    (30 * DAY_MS)
#define POLL_FIRST_MS     100
#define POLL_CAP_MS       1000

typedef enum Wait {
    WAIT_ACCEPTED = 0,
    WAIT_COLLECTED, /* every addressee has a final outcome */
    WAIT_EVERYONE,  /* and every supervisor */
} Wait;

typedef struct Outgoing {
    serasi_message *message;
    char id[UUID_TEXT_SIZE];
    json_t *result;        /* owned; the last answer */
    int verdict;           /* serasi_verdict of result, 0 = none yet */
    int64_t again_mono_ms; /* LATER: send it again then; 0 = not planned */
    bool final;            /* nothing more will be heard */
} Outgoing;

typedef struct Batch {
    Outgoing *items;
    size_t n, n_open;
    Wait wait;
} Batch;

static void batch_deinit(Batch *b) {
    for (size_t i = 0; i < b->n; i++) {
        serasi_message_free(b->items[i].message);
        json_decref(b->items[i].result);
    }
    free(b->items);
}

/* --- making messages --- */

static int set_defaults(json_t *document, const char *id_wanted) {
    json_t *envelope = json_object_get(document, "envelope");
    char text[UUID_TEXT_SIZE], when[RFC3339_SIZE];
    Uuid id;
    if (!json_is_object(envelope))
        return 0; /* the parser will say so */
    const char *given = json_string_value(json_object_get(envelope, "message_id"));
    if (id_wanted) {
        if (uuid_parse(id_wanted, &id) < 0) {
            ctl_complain("--id %s: not a UUID", id_wanted);
            return -EINVAL;
        }
    } else if (!given) {
        id = uuid_v7(now_read().wall_ms);
    } else if (uuid_parse(given, &id) < 0) {
        return 0; /* the parser will say so */
    }
    uuid_format(&id, text);
    if (json_object_set_new(envelope, "message_id", json_string(text)) != 0)
        return -ENOMEM;
    int64_t ms = 0, now_ms = now_read().wall_ms;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    if (json_object_get(envelope, "created_at") || id.b[6] >> 4 != 7 || ms > now_ms ||
        ms < now_ms - ID_TIME_MAX_MS)
        return 0; /* an id of long ago, as in an example: created now */
    rfc3339_format(ms, when);
    return json_object_set_new(envelope, "created_at", json_string(when)) == 0 ? 0 : -ENOMEM;
}

static int add_item(Batch *b, const char *node, json_t *document, const char *id,
                    const char *where) {
    char why[256] = "";
    int r = set_defaults(document, id);
    if (r < 0)
        return CTL_USAGE;
    _cleanup_(freep) char *text = json_dumps(document, JSON_COMPACT);
    Outgoing *more = reallocarray(b->items, b->n + 1, sizeof(Outgoing));
    if (!text || !more)
        return CTL_REFUSED;
    b->items = more;
    Outgoing *item = &b->items[b->n];
    *item = (Outgoing) { 0 };
    r = serasi_message_from_json(&item->message, text, node, why, sizeof(why));
    if (r != 0) {
        ctl_complain("%s: %s", where, why[0] ? why : serasi_strerror(r));
        return CTL_REFUSED;
    }
    Uuid u;
    memcpy(u.b, serasi_message_id(item->message), sizeof(u.b));
    uuid_format(&u, item->id);
    b->n++;
    return CTL_DONE;
}

static int read_file(Batch *b, const char *node, const char *file, const char *id) {
    CtlDocuments d = { .file = strcmp(file, "-") == 0 ? "stdin" : file };
    _cleanup_(freep) char *text = ctl_read_file(file, &d.n);
    char where[4200];
    int status = CTL_DONE;
    if (!text)
        return CTL_REFUSED;
    d.text = text;
    while (status == CTL_DONE) {
        _cleanup_(json_dropp) json_t *document = NULL;
        int r = ctl_next_document(&d, &document);
        if (r != 0)
            return r < 0 ? CTL_REFUSED : CTL_DONE;
        (void)snprintf(where, sizeof(where), "%s:%u", d.file, d.line + 1);
        status = add_item(b, node, document, id, where);
    }
    return status;
}

/* --- printing --- */

static const char *text_of(const json_t *o, const char *key) {
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static void print_reasons(const json_t *result) {
    size_t i;
    json_t *reason;
    json_array_foreach(json_object_get(result, "reasons"), i, reason) {
        const char *field = text_of(reason, "field"), *law = text_of(reason, "legal_basis");
        printf("  %s%s: %s%s%s%s%s%s\n",
               json_is_true(json_object_get(reason, "warning")) ? "warning " : "",
               text_of(reason, "code"), text_of(reason, "text_en"), field[0] ? " [" : "", field,
               field[0] ? "]" : "", law[0] ? " - " : "", law);
        if (text_of(reason, "text_id")[0])
            printf("    %s\n", text_of(reason, "text_id"));
    }
}

static void print_item(const Ctl *c, const Outgoing *item) {
    size_t i;
    json_t *o;
    if (c->json) {
        if (item->result)
            ctl_print_json(item->result);
        else
            printf("{\"message_id\":\"%s\",\"verdict\":\"TIMEOUT\"}\n", item->id);
        return;
    }
    printf("%-9s  %s\n", item->result ? text_of(item->result, "verdict") : "TIMEOUT", item->id);
    print_reasons(item->result);
    json_array_foreach(json_object_get(item->result, "recipients"), i, o)
        printf("  to %s (%s)\n", text_of(o, "node"), text_of(o, "role"));
    json_array_foreach(json_object_get(item->result, "outcomes"), i, o) {
        const char *level = text_of(o, "level"), *cause = text_of(o, "cause");
        printf("  %s: %s%s%s\n", text_of(o, "recipient"), level[0] ? level : "on its way",
               cause[0] ? " " : "", cause);
    }
}

/* --- sending --- */

static Outgoing *find_item(Batch *b, const uint8_t *id) {
    for (size_t i = 0; i < b->n; i++)
        if (memcmp(serasi_message_id(b->items[i].message), id, UUID_SIZE) == 0)
            return &b->items[i];
    return NULL;
}

static int take_result(Batch *b, serasi_result *result) {
    _cleanup_(freep) char *text = NULL;
    Outgoing *item = find_item(b, serasi_result_message_id(result));
    if (!item || item->final || serasi_result_to_json(result, &text) < 0)
        return 0;
    json_decref(item->result);
    item->result = json_loads(text, 0, NULL);
    item->verdict = (int)serasi_result_verdict(result);
    if (item->verdict == SERASI_VERDICT_LATER) {
        uint32_t after = serasi_result_retry_after_ms(result);
        item->again_mono_ms = now_read().mono_ms + MAX(after, UINT32_C(100));
        return 0;
    }
    item->final = true;
    b->n_open--;
    return 1;
}

static int send_again(Ctl *c, Batch *b, int64_t now_ms) {
    for (size_t i = 0; i < b->n; i++) {
        Outgoing *item = &b->items[i];
        if (item->again_mono_ms == 0 || item->again_mono_ms > now_ms || item->final)
            continue;
        int r = serasi_publish(c->client, item->message);
        if (r == SERASI_AGAIN)
            return 0; /* its queue is full: in a moment */
        if (r != 0)
            return r;
        item->again_mono_ms = 0;
    }
    return 0;
}

/* Waits for the socket or for `ms`. */
static void sleep_for(Ctl *c, int64_t ms) {
    struct pollfd p = { .fd = serasi_fd(c->client), .events = POLLIN };
    (void)poll(&p, 1, (int)MIN(MAX(ms, INT64_C(0)), (int64_t)serasi_timeout_ms(c->client)));
}

/* Publishes all and waits for the answers; the time is counted from the last answer. */
static int publish_all(Ctl *c, Batch *b) {
    const int64_t patience = ctl_timeout(c, ACCEPT_TIMEOUT_MS);
    int64_t until = now_read().mono_ms + patience;
    b->n_open = b->n;
    for (size_t i = 0; i < b->n; i++)
        b->items[i].again_mono_ms = 1; /* due at once */
    while (b->n_open > 0) {
        int64_t now_ms = now_read().mono_ms;
        if (now_ms >= until)
            return SERASI_TIMEOUT;
        int r = send_again(c, b, now_ms);
        if (r != 0)
            return r;
        r = serasi_process(c->client);
        if (r < 0)
            return r;
        serasi_result *result = NULL;
        while (serasi_next_result(c->client, &result) == 0) {
            if (take_result(b, result) > 0)
                until = now_read().mono_ms + patience;
            serasi_result_free(result);
        }
        if (b->n_open > 0)
            sleep_for(c, MIN(until - now_ms, INT64_C(50)));
    }
    return 0;
}

/* --- outcomes --- */

static bool level_is_final(const char *level) {
    static const char *const names[] = { "COLLECTED", "UNDELIVERABLE", "RECALLED", "REFUSED",
                                         "COLLECTED_LATE" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(level, names[i]) == 0)
            return true;
    return false;
}

/* 1: all that are waited for are final; 0: not yet. */
static int judge_outcomes(const json_t *rows, Wait wait, bool *ret_all_collected) {
    size_t i, n = 0;
    json_t *row;
    *ret_all_collected = true;
    json_array_foreach(rows, i, row) {
        const char *role = text_of(row, "role"), *level = text_of(row, "level");
        if (wait == WAIT_COLLECTED && strcasecmp(role, "SUPERVISOR") == 0)
            continue;
        if (!level_is_final(level))
            return 0;
        if (strncmp(level, "COLLECTED", 9) != 0)
            *ret_all_collected = false;
        n++;
    }
    return n > 0;
}

static int wait_collected(Ctl *c, Outgoing *item, Wait wait, int64_t until_ms) {
    int64_t pause = POLL_FIRST_MS;
    const char *args[] = { item->id };
    for (;;) {
        _cleanup_(freep) char *refusal = NULL;
        _cleanup_(json_dropp) json_t *rows = NULL;
        bool all_collected = false;
        int r = ctl_query(c, "outcome", args, 1, (Bytes) { 0 }, &rows, &refusal);
        if (r == SERASI_REFUSED)
            ctl_complain("outcome of %s: %s", item->id, refusal);
        if (r != 0)
            return r == SERASI_REFUSED ? CTL_REFUSED : ctl_explain(c, r, "outcome");
        bool final = judge_outcomes(rows, wait, &all_collected) > 0;
        (void)json_object_set(item->result, "outcomes", rows);
        if (final)
            return all_collected ? CTL_DONE : CTL_REFUSED;
        int64_t now_ms = now_read().mono_ms;
        if (now_ms >= until_ms) {
            ctl_complain("%s: not collected by everyone yet", item->id);
            return CTL_UNREACHABLE;
        }
        int64_t wake_ms = MIN(now_ms + pause, until_ms);
        while ((now_ms = now_read().mono_ms) < wake_ms) {
            sleep_for(c, wake_ms - now_ms);
            (void)serasi_process(c->client); /* a lost session comes back by itself */
        }
        pause = MIN(pause * 2, (int64_t)POLL_CAP_MS);
    }
}

/* --- commands --- */

static bool is_accepted(const Outgoing *item) {
    return item->verdict == SERASI_VERDICT_ACCEPTED || item->verdict == SERASI_VERDICT_DUPLICATE;
}

static int finish(Ctl *c, Batch *b) {
    int status = CTL_DONE;
    int64_t until = now_read().mono_ms + ctl_timeout(c, ACCEPT_TIMEOUT_MS);
    for (size_t i = 0; i < b->n; i++) {
        Outgoing *item = &b->items[i];
        int one = is_accepted(item) ? CTL_DONE : item->final ? CTL_REFUSED : CTL_UNREACHABLE;
        if (one == CTL_DONE && b->wait != WAIT_ACCEPTED)
            one = wait_collected(c, item, b->wait, until);
        if (!item->final)
            ctl_complain("no final answer for %s; publish it again with --id %s", item->id,
                         item->id);
        print_item(c, item);
        fflush(stdout);
        status = MAX(status, one);
    }
    return status;
}

static int publish(Ctl *c, Batch *b) {
    int r = ctl_connect(c);
    if (r != CTL_DONE) {
        for (size_t i = 0; i < b->n; i++)
            print_item(c, &b->items[i]); /* the ids, so that they can be used again */
        return r;
    }
    r = publish_all(c, b);
    if (r != 0 && r != SERASI_TIMEOUT)
        return ctl_explain(c, r, "publish");
    return finish(c, b);
}

static int parse_wait(const char *text, Wait *ret) {
    static const char *const words[] = { "accepted", "collected", "everyone" };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(text, words[i]) == 0) {
            *ret = (Wait)i;
            return CTL_DONE;
        }
    ctl_complain("--wait %s: accepted, collected or everyone", text);
    return CTL_USAGE;
}

int ctl_cmd_publish(Ctl *c, int argc, char **argv) {
    _cleanup_(batch_deinit) Batch b = { 0 };
    const char *files[64], *wait = "accepted", *id = NULL;
    size_t n = 0;
    const CtlOption options[] = { { .name = "wait", .value = &wait },
                                  { .name = "id", .value = &id },
                                  { 0 } };
    int r = ctl_parse(c, argc, argv, options, files, 1, ARRAY_SIZE(files), &n);
    if (r == CTL_DONE)
        r = parse_wait(wait, &b.wait);
    if (r == CTL_DONE)
        r = ctl_config(c);
    if (r == CTL_DONE && hash_init() < 0)
        r = CTL_REFUSED;
    for (size_t i = 0; r == CTL_DONE && i < n; i++)
        r = read_file(&b, c->config->node, files[i], id);
    if (r != CTL_DONE)
        return r;
    if (id && b.n > 1) {
        ctl_complain("--id is for one message, the files hold %zu", b.n);
        return CTL_USAGE;
    }
    return publish(c, &b);
}

int ctl_cmd_recall(Ctl *c, int argc, char **argv) {
    _cleanup_(batch_deinit) Batch b = { 0 };
    const char *message = NULL, *reason = "SENDER_REQUEST", *wait = "accepted";
    Uuid id;
    const CtlOption options[] = { { .name = "reason", .value = &reason },
                                  { .name = "wait", .value = &wait },
                                  { 0 } };
    int r = ctl_parse(c, argc, argv, options, &message, 1, 1, NULL);
    if (r == CTL_DONE)
        r = parse_wait(wait, &b.wait);
    if (r == CTL_DONE)
        r = ctl_config(c);
    if (r == CTL_DONE && uuid_parse(message, &id) < 0) {
        ctl_complain("%s: not a message id", message);
        r = CTL_USAGE;
    }
    if (r != CTL_DONE || hash_init() < 0)
        return r;
    _cleanup_(json_dropp) json_t *order =
        json_pack("{s:{s:s},s:{s:s,s:s}}", "envelope", "kind", "RECALL_ORDER", "facts",
                  "message_id", message, "reason_code", reason);
    if (!order)
        return CTL_REFUSED;
    r = add_item(&b, c->config->node, order, NULL, "recall");
    return r == CTL_DONE ? publish(c, &b) : r;
}
