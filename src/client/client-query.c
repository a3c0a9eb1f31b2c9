/* SPDX-License-Identifier: Apache-2.0 */

/* Asking the broker: one question at a time, sent again when its session dies. */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "client/client-internal.h"
#include "wire/codec.h"
#include "wire/json.h"

int query_write(serasi_client *c) {
    if (!c->query_active || c->query_sent)
        return 0;
    int r = session_send_bytes(c, bytes_make(c->query_frame, c->n_query_frame), NULL);
    c->query_sent = r == 0;
    return r;
}

void query_answered(serasi_client *c, Frame *f) {
    if (!c->query_active || c->query_table || f->result.query != c->query_id)
        return;
    c->query_table = TAKE_PTR(f->result.table);
}

static int query_encode(serasi_client *c, const char *verb, const char *const *args, size_t n_args,
                        const void *input, size_t n_input, uint32_t limit) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = c->query_id, .limit = limit } };
    if (!verb || n_args > ARRAY_SIZE(f.query.args) || (n_args && !args) || (n_input && !input) ||
        !text_copy(f.query.verb, sizeof(f.query.verb), verb))
        return -EINVAL;
    if (n_input > FRAME_ANSWER_MAX)
        return SERASI_TOO_LARGE;
    /* The frame borrows: it is only encoded, never freed. */
    for (size_t i = 0; i < n_args; i++)
        f.query.args[i] = (char *)(uintptr_t)args[i];
    f.query.n_args = (uint32_t)n_args;
    f.query.input = (uint8_t *)(uintptr_t)input;
    f.query.n_input = n_input;
    int r = codec_encode_frame(&f, &c->query_frame, &c->n_query_frame);
    if (r == 0 && c->n_query_frame > FRAME_ANSWER_MAX)
        r = SERASI_TOO_LARGE;
    return r;
}

static int query_wait(serasi_client *c, int64_t deadline) {
    for (;;) {
        int r = serasi_process(c);
        if (c->query_table)
            return 0;
        if (r < 0)
            return r;
        if (!client_sleep(c, deadline))
            return SERASI_TIMEOUT;
    }
}

static int query_print(const Table *t, char **ret_json) {
    if (t->code == 0)
        return json_print_table(t, false, ret_json);
    *ret_json = strdup(t->text);
    return *ret_json ? SERASI_REFUSED : -ENOMEM;
}

SERASI_PUBLIC int serasi_query(serasi_client *c, const char *verb, const char *const *args,
                               size_t n_args, const void *input, size_t n_input, uint32_t limit,
                               int timeout_ms, char **ret_json) {
    const int64_t deadline = client_deadline(timeout_ms);
    if (!ret_json)
        return -EINVAL;
    c->query_id++;
    int r = query_encode(c, verb, args, n_args, input, n_input, limit);
    if (r == 0) {
        c->query_active = true;
        c->query_sent = false;
        r = query_wait(c, deadline);
    }
    if (r == 0)
        r = query_print(c->query_table, ret_json);
    c->query_active = false;
    free(c->query_frame);
    c->query_frame = NULL;
    c->query_table = table_free(c->query_table);
    return r;
}
