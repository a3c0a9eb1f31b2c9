/* SPDX-License-Identifier: Apache-2.0 */

/* Where the blocks of a ledger come from. */

#include <string.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/text.h"
#include "daemon/ctl-ledger.h"
#include "store/ledger.h"

const char *ctl_take_text(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

int64_t ctl_take_number(const json_t *row, const char *key) {
    return (int64_t)json_integer_value(json_object_get(row, key));
}

bool ctl_take_bytes(const json_t *row, const char *key, void *ret, size_t n) {
    _cleanup_(freep) uint8_t *p = NULL;
    const char *text = ctl_take_text(row, key);
    size_t got = 0;
    if (base64_decode(text, strlen(text), &p, &got) < 0 || got != n)
        return false;
    memcpy(ret, p, n);
    return true;
}

static int ask(LedgerSource *s, const char *verb, int64_t after, json_t **ret) {
    char text[24];
    const char *args[] = { text };
    (void)snprintf(text, sizeof(text), "%lld", (long long)after);
    return ctl_ask(s->c, verb, args, 1, false, ret);
}

static int not_understood(void) {
    ctl_complain("the broker's answer cannot be understood");
    return CTL_REFUSED;
}

static bool take_proof(const json_t *row, LedgerProof *ret) {
    LedgerWitness *w = &ret->witness;
    *ret = (LedgerProof) { .witness = { .block = ctl_take_number(row, "block"),
                                        .at_ms = ctl_take_number(row, "at") } };
    (void)text_copy(w->node, sizeof(w->node), ctl_take_text(row, "node"));
    ret->key_known = ctl_take_bytes(row, "public", ret->public.b, PUBLIC_KEY_SIZE);
    return ctl_take_bytes(row, "hash", w->hash, DIGEST_SIZE) &&
           ctl_take_bytes(row, "key", w->key.b, KEY_ID_SIZE) &&
           ctl_take_bytes(row, "signature", w->signature, SIGNATURE_SIZE);
}

/* Those of later blocks. */
static int ask_proofs(LedgerSource *s, int64_t at) {
    for (;;) {
        _cleanup_(json_dropp) json_t *rows = NULL;
        int r = ask(s, "ledger-proofs", at, &rows);
        const size_t n = json_array_size(rows);
        if (r != CTL_DONE || n == 0)
            return r;
        LedgerProof *list = reallocarray(s->proofs, s->n_proofs + n, sizeof(*list));
        if (!list)
            return CTL_REFUSED;
        s->proofs = list;
        for (size_t i = 0; i < n; i++)
            if (!take_proof(json_array_get(rows, i), &list[s->n_proofs++]))
                return not_understood();
        at = list[s->n_proofs - 1].witness.block;
    }
}

/* The head may say of countersignatures that came after the first look; what came after the head
 * itself is not asked about. */
static int ask_later_proofs(LedgerSource *s) {
    const uint32_t n = s->n_proofs;
    int r = ask_proofs(s, n > 0 ? s->proofs[n - 1].witness.block : 0);
    while (s->n_proofs > n && s->proofs[s->n_proofs - 1].witness.block > s->head.block)
        s->n_proofs--;
    return r;
}

static int ask_newest(LedgerSource *s) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    int r = ask(s, "ledger-newest", 0, &rows);
    for (size_t i = 0; r == CTL_DONE && i < json_array_size(rows) && i < AUDIT_MESSAGES_MAX; i++)
        if (uuid_parse(ctl_take_text(json_array_get(rows, i), "message_id"), &s->messages[i]) == 0)
            s->n_messages = (uint32_t)i + 1;
    return r;
}

static int open_running(LedgerSource *s) {
    _cleanup_(json_dropp) json_t *rows = NULL;
    int r = ask_proofs(s, 0); /* before the head: were it cut off, they would be of later blocks */
    if (r == CTL_DONE)
        r = ask_newest(s);
    if (r == CTL_DONE)
        r = ask(s, "ledger-info", 0, &rows);
    if (r != CTL_DONE)
        return r;
    const json_t *row = json_array_get(rows, 0);
    (void)text_copy(s->broker, sizeof(s->broker), ctl_take_text(row, "broker"));
    s->base.block = ledger_number(ctl_take_number(row, "base_block"));
    s->base.entries = ledger_number(ctl_take_number(row, "base_entries"));
    s->head.block = ctl_take_number(row, "block");
    s->head.entries = ledger_number(ctl_take_number(row, "entries"));
    s->written = ledger_number(ctl_take_number(row, "written"));
    s->more = true;
    return ctl_take_bytes(row, "base_hash", s->base.hash, DIGEST_SIZE) &&
                   ctl_take_bytes(row, "hash", s->head.hash, DIGEST_SIZE)
               ? ask_later_proofs(s)
               : not_understood();
}

static int open_file(LedgerSource *s, const char *path) {
    char why[256] = "";
    int r = store_open_ledger(&s->file, path, why);
    if (r < 0) {
        ctl_complain("%s", why[0] ? why : strerror(-r));
        return CTL_REFUSED;
    }
    (void)text_copy(s->broker, sizeof(s->broker), ledger_owner(s->file));
    ledger_base(s->file, &s->base);
    s->written = ledger_written(s->file);
    s->proofs = ledger_proofs(s->file, &s->n_proofs);
    s->n_messages = ledger_newest(s->file, s->messages);
    if (s->proofs && ledger_fault(s->file) == 0)
        return CTL_DONE;
    ctl_complain("%s cannot be read", path);
    return CTL_REFUSED;
}

int ctl_ledger_open(Ctl *c, const char *file, LedgerSource *ret) {
    StoreConfig config;
    char path[CONFIG_PATH_SIZE];
    *ret = (LedgerSource) { .c = c };
    int r = hash_init() < 0 ? CTL_REFUSED : CTL_DONE;
    if (r == CTL_DONE && file) {
        r = open_file(ret, file);
    } else if (r == CTL_DONE) {
        r = ctl_config(c);
        if (r == CTL_DONE && !ctl_is_offline(c))
            r = open_running(ret);
        else if (r == CTL_DONE && ctl_store_config(c, &config, path) == 0)
            r = open_file(ret, path);
    }
    ret->at = ret->base.block;
    return r;
}

void ctl_ledger_close(LedgerSource *s) {
    s->file = store_close(s->file);
    json_decref(s->rows);
    s->rows = NULL;
    buf_deinit(&s->hold);
    free(s->body);
    free(s->proofs);
    s->body = NULL;
    s->proofs = NULL;
}

static int next_portion(LedgerSource *s) {
    json_decref(s->rows);
    s->rows = NULL;
    s->taken = 0;
    int r = ask(s, "ledger-blocks", s->at, &s->rows);
    s->more = r == CTL_DONE && json_array_size(s->rows) > 0;
    return r;
}

static int next_running(LedgerSource *s, LedgerBlock *ret, bool *ret_more) {
    if (s->taken == json_array_size(s->rows) && s->more) {
        int r = next_portion(s);
        if (r != CTL_DONE)
            return r;
    }
    *ret_more = s->taken < json_array_size(s->rows) && s->at < s->head.block; /* not what is new */
    if (!*ret_more)
        return CTL_DONE;
    const json_t *row = json_array_get(s->rows, s->taken++);
    const char *body = ctl_take_text(row, "body");
    size_t n = 0;
    free(s->body);
    s->body = NULL;
    *ret = (LedgerBlock) { .number = ctl_take_number(row, "block"),
                           .at_ms = ledger_number(ctl_take_number(row, "at")),
                           .first = ledger_number(ctl_take_number(row, "first")),
                           .n = ledger_number(ctl_take_number(row, "n")) };
    if (base64_decode(body, strlen(body), &s->body, &n) < 0 ||
        !ctl_take_bytes(row, "hash", ret->hash, DIGEST_SIZE) || ret->number <= s->at)
        return not_understood();
    ret->body = bytes_make(s->body, n);
    return CTL_DONE;
}

int ctl_ledger_next(LedgerSource *s, LedgerBlock *ret, bool *ret_more) {
    int r = CTL_DONE;
    if (s->file) {
        *ret_more = ledger_read(s->file, s->at, &s->hold, ret);
        if (ledger_fault(s->file) < 0) {
            ctl_complain("the file cannot be read behind block %lld", (long long)s->at);
            r = CTL_REFUSED;
        }
    } else {
        r = next_running(s, ret, ret_more);
    }
    if (r == CTL_DONE && *ret_more)
        s->at = ret->number;
    return r;
}
