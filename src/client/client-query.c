/* SPDX-License-Identifier: Apache-2.0 */

/* Asking the broker: one question of the application at a time, sent again when its session dies;
 * and one about keys (client-keys.h), which nobody waits for. */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/times.h"
#include "client/client-query.h"
#include "client/client-seal.h"
#include "client/client-session.h"
#include "client/internal.h"
#include "wire/codec.h"
#include "wire/json.h"

/* --- about keys --- */

static int keys_write(serasi_client *c) {
    char nodes[CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE];
    const size_t n = client_keys_question(c->directory, now_read(), nodes);
    if (n == 0)
        return 0;
    Frame f = { .kind = FRAME_QUERY,
                .query = { .query = ++c->query_number, .n_args = (uint32_t)n } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), "directory-keys");
    for (size_t i = 0; i < n; i++)
        f.query.args[i] = nodes[i]; /* borrowed for the encoding */
    int r = session_send(c, &f, NULL);
    if (r == 0)
        c->keys_query = f.query.query;
    else
        client_keys_put_back(c->directory);
    return r;
}

static int keys_answered(serasi_client *c, const Frame *f) {
    c->keys_query = 0;
    if (!f->result.table || f->result.table->code != 0) {
        client_keys_refused(c->directory, now_read());
        return 0;
    }
    int r = client_keys_answered(c->directory, bytes_make(f->result.data, f->result.n_data),
                                 now_read());
    if (r >= 0)
        c->keys_verdict = r;
    return r < 0 ? r : 0;
}

SERASI_PUBLIC uint64_t serasi_directory(serasi_client *c, int64_t *ret_signed_ms) {
    if (ret_signed_ms)
        *ret_signed_ms = client_keys_signed_ms(c->directory);
    return client_keys_version(c->directory);
}

SERASI_PUBLIC const char *serasi_directory_trouble(serasi_client *c) {
    static const char *const texts[] = {
        [CLIENT_KEYS_MALFORMED] = "the broker's answer about keys cannot be read",
        [CLIENT_KEYS_NOT_OURS] = "the directory of the broker is not signed with the hub's key",
        [CLIENT_KEYS_STALE] = "the broker's directory is older than one it gave before",
        [CLIENT_KEYS_UNPROVEN] = "the broker gave keys that its directory does not hold",
    };
    return texts[c->keys_verdict];
}

/* --- of the application --- */

static int own_write(serasi_client *c) {
    if (!c->query_active || c->query_sent)
        return 0;
    int r = session_send_bytes(c, bytes_make(c->query_frame, c->n_query_frame), NULL);
    c->query_sent = r == 0;
    return r;
}

int query_write(serasi_client *c) {
    int r = own_write(c);
    if (r == 0)
        r = resolve_write(c);
    return r < 0 ? r : keys_write(c);
}

int query_answered(serasi_client *c, Frame *f) {
    bool taken = false;
    int r = resolve_answered(c, f, &taken);
    if (r < 0 || taken)
        return r;
    if (c->keys_query != 0 && f->result.query == c->keys_query)
        return keys_answered(c, f);
    if (c->query_active && !c->query_table && f->result.query == c->query_id)
        c->query_table = TAKE_PTR(f->result.table);
    return 0;
}

void query_session_lost(serasi_client *c) {
    c->query_sent = false;
    c->keys_query = 0;
    resolve_session_lost(c);
    client_keys_session_lost(c->directory);
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
    c->query_id = ++c->query_number;
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
