/* SPDX-License-Identifier: Apache-2.0 */

/*
 * seal: a message file with its sealed part made, to be kept and published as often as needed. And
 * wraps: requests of brokers for a sealed part to be opened by somebody it was not sealed to, as
 * far as the policy leaves them to people.
 */

#include <poll.h>
#include <string.h>

#include "base/times.h"
#include "daemon/ctl.h"

#define SEAL_TIMEOUT_MS (30 * SECOND_MS)
#define QUIET_MS        (2 * SECOND_MS) /* no more requests for so long: those were all */
#define WINDOW          256U

/* --- seal --- */

static int seal_one(Ctl *c, const json_t *document, const char *where) {
    char why[256] = "";
    serasi_message *m = NULL;
    _cleanup_(freep) char *text = json_dumps(document, JSON_COMPACT), *sealed = NULL;
    if (!text)
        return CTL_REFUSED;
    int r = serasi_message_from_json(&m, text, c->config->node, why, sizeof(why));
    if (r == 0)
        r = serasi_seal(c->client, m, (int)ctl_timeout(c, SEAL_TIMEOUT_MS), why, sizeof(why));
    if (r == 0)
        r = serasi_message_to_json(m, 0, &sealed);
    if (r == 0)
        puts(sealed);
    else
        ctl_complain("%s: %s", where, why[0] ? why : serasi_strerror(r));
    serasi_message_free(m);
    return r == 0 ? CTL_DONE : r == SERASI_TIMEOUT ? CTL_UNREACHABLE : CTL_REFUSED;
}

int ctl_cmd_seal(Ctl *c, int argc, char **argv) {
    const char *file = NULL;
    char where[4200];
    int r = ctl_parse(c, argc, argv, NULL, &file, 1, 1, NULL);
    if (r == CTL_DONE)
        r = ctl_connect(c);
    if (r != CTL_DONE)
        return r;
    CtlDocuments d = { .file = strcmp(file, "-") == 0 ? "stdin" : file };
    _cleanup_(freep) char *text = ctl_read_file(file, &d.n);
    if (!text)
        return CTL_REFUSED;
    d.text = text;
    while (r == CTL_DONE) {
        _cleanup_(json_dropp) json_t *document = NULL;
        const int more = ctl_next_document(&d, &document);
        if (more != 0)
            return more < 0 ? CTL_REFUSED : CTL_DONE;
        (void)snprintf(where, sizeof(where), "%s:%u", d.file, d.line + 1);
        r = seal_one(c, document, where);
    }
    return r;
}

/* --- wraps --- */

typedef struct Wraps {
    Ctl *c;
    const char *message; /* NULL = all */
    bool grant;
    unsigned left;
    serasi_delivery *held[WINDOW]; /* seen and not answered: they come again */
    size_t n_held;
} Wraps;

static const char *text_of(const json_t *o, const char *part, const char *key) {
    const char *text = json_string_value(json_object_get(json_object_get(o, part), key));
    return text ? text : "";
}

static void show(const Wraps *w, const serasi_delivery *d, const json_t *o) {
    const char *trouble = serasi_wrap_trouble(d);
    const char *names[] = { "message_id", "recipient_node", "reason", "instead_of_node",
                            "by",         "asked_at" };
    if (w->c->json) {
        _cleanup_(json_dropp) json_t *row = json_object();
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
            (void)json_object_set_new(row, names[i], json_string(text_of(o, "facts", names[i])));
        (void)json_object_set_new(row, "broker", json_string(text_of(o, "envelope", "sender")));
        (void)json_object_set_new(row, "trouble", json_string(trouble ? trouble : ""));
        ctl_print_json(row);
        return;
    }
    printf("%s for %s  %s", text_of(o, "facts", "message_id"),
           text_of(o, "facts", "recipient_node"), text_of(o, "facts", "reason"));
    if (text_of(o, "facts", "instead_of_node")[0])
        printf(" instead of %s by %s", text_of(o, "facts", "instead_of_node"),
               text_of(o, "facts", "by"));
    printf("  asked by %s at %s%s%s\n", text_of(o, "envelope", "sender"),
           text_of(o, "facts", "asked_at"), trouble ? "\n  not answered: " : "",
           trouble ? trouble : "");
}

/* Receipts are left alone, and so is what is not granted: closing makes them ready again. */
static int take(Wraps *w, serasi_delivery *d) {
    _cleanup_(freep) char *text = NULL;
    int r = serasi_delivery_to_json(d, 0, &text);
    _cleanup_(json_dropp) json_t *o = r == 0 ? json_loads(text, 0, NULL) : NULL;
    const bool request = strcmp(text_of(o, "envelope", "kind"), "WRAP_REQUEST") == 0 ||
                         strcmp(text_of(o, "envelope", "kind"), "MESSAGE_KIND_WRAP_REQUEST") == 0;
    const bool meant =
        request && (!w->message || strcmp(w->message, text_of(o, "facts", "message_id")) == 0);
    /* One that was granted and came back has a trouble that granting does not mend. */
    if (meant && w->grant && r == 0 && !serasi_wrap_granted(d))
        return serasi_wrap(w->c->client, d);
    if (meant) {
        show(w, d, o);
        w->left++;
    }
    w->held[w->n_held++] = d;
    return r;
}

static int collect(Wraps *w) {
    int64_t until_ms = now_read().mono_ms + ctl_timeout(w->c, QUIET_MS);
    while (now_read().mono_ms < until_ms && w->n_held < WINDOW) {
        serasi_delivery *d = NULL;
        int r = serasi_next_delivery(w->c->client, &d);
        if (r == 0) {
            r = take(w, d);
            until_ms = now_read().mono_ms + ctl_timeout(w->c, QUIET_MS);
        } else {
            struct pollfd p = { .fd = serasi_fd(w->c->client), .events = POLLIN };
            (void)poll(&p, 1, MIN(serasi_timeout_ms(w->c->client), 200));
            r = serasi_process(w->c->client);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int ctl_cmd_wraps(Ctl *c, int argc, char **argv) {
    Wraps w = { .c = c };
    uint32_t channel;
    const CtlOption options[] = { { .name = "grant", .flag = &w.grant }, { 0 } };
    int r = ctl_parse(c, argc, argv, options, &w.message, 0, 1, NULL);
    if (r == CTL_DONE)
        r = ctl_connect(c);
    if (r != CTL_DONE)
        return r;
    r = serasi_subscribe(c->client, SERASI_RECEIPTS, NULL, NULL, WINDOW, &channel);
    if (r == 0)
        r = collect(&w);
    for (size_t i = 0; i < w.n_held; i++)
        serasi_delivery_free(w.held[i]);
    if (r == 0)
        r = serasi_flush(c->client, (int)SEAL_TIMEOUT_MS);
    if (r != 0)
        return ctl_explain(c, r, "wraps");
    return w.grant && w.left > 0 ? CTL_REFUSED : CTL_DONE;
}
