/* SPDX-License-Identifier: Apache-2.0 */

#include "core/enrol-token.h"

#include <errno.h>
#include <string.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/pack.h"
#include "base/secret.h"
#include "base/text.h"
#include "core/message.h"

#define TOKEN_PREFIX   "serasi1_"
#define TOKEN_SUM_SIZE 4U
#define TOKEN_BYTES_MAX                                                                            \
    (5 * 2 + TOKEN_ENDPOINT_SIZE + 2 * CURVE_TEXT_SIZE + PUBLIC_KEY_SIZE + NODE_NAME_SIZE +        \
     LABEL_SIZE + TOKEN_SUM_SIZE)

static void sum(const uint8_t *p, size_t n, uint8_t ret[static TOKEN_SUM_SIZE]) {
    uint8_t digest[DIGEST_SIZE];
    hash_digest(bytes_make(p, n), digest);
    memcpy(ret, digest, TOKEN_SUM_SIZE);
}

char *enrol_token_print(const EnrolToken *t) {
    uint8_t bytes[TOKEN_BYTES_MAX], check[TOKEN_SUM_SIZE];
    Packer k = { .p = bytes, .size = sizeof(bytes) };
    _cleanup_(buf_deinit) Buf text = { 0 };
    pack_text(&k, t->endpoint);
    pack_text(&k, t->server_key);
    pack_text(&k, t->secret);
    pack_bytes(&k, t->hub_key.b, sizeof(t->hub_key.b));
    pack_text(&k, t->node);
    pack_text(&k, t->label);
    sum(bytes, pack_end(&k), check);
    pack_bytes(&k, check, sizeof(check));
    char *coded = base64url_encode(bytes_make(bytes, pack_end(&k)));
    secret_wipe(bytes, sizeof(bytes));
    if (!coded)
        return NULL;
    buf_add_text(&text, TOKEN_PREFIX);
    buf_add_text(&text, coded);
    secret_wipe(coded, strlen(coded));
    free(coded);
    return buf_text(&text) ? (char *)TAKE_PTR(text.p) : NULL;
}

/* Its fields become lines of a configuration: nothing in them begins another one. */
static bool is_line(const char *text, const char *without) {
    const size_t n = strlen(text);
    return strcspn(text, without) == n && text_is_clean(bytes_make(text, n));
}

static bool is_sound(const EnrolToken *t) {
    return text_starts_with(t->endpoint, "tcp://") && is_line(t->endpoint, " \t\n") &&
           strlen(t->server_key) == CURVE_TEXT_SIZE - 1 &&
           strlen(t->secret) == CURVE_TEXT_SIZE - 1 && node_name_is_valid(t->node) &&
           t->label[0] != '\0' && is_line(t->label, "\t\n");
}

static bool unpack(Bytes b, EnrolToken *t) {
    uint8_t check[TOKEN_SUM_SIZE];
    if (b.n <= TOKEN_SUM_SIZE)
        return false;
    const size_t n = b.n - TOKEN_SUM_SIZE;
    Unpacker k = unpack_start(bytes_make(b.p, n));
    sum(b.p, n, check);
    if (memcmp(check, b.p + n, TOKEN_SUM_SIZE) != 0)
        return false;
    unpack_text(&k, t->endpoint, sizeof(t->endpoint));
    unpack_text(&k, t->server_key, sizeof(t->server_key));
    unpack_text(&k, t->secret, sizeof(t->secret));
    unpack_bytes(&k, t->hub_key.b, sizeof(t->hub_key.b));
    unpack_text(&k, t->node, sizeof(t->node));
    unpack_text(&k, t->label, sizeof(t->label));
    return unpack_end(&k) && is_sound(t);
}

int enrol_token_parse(const char *text, EnrolToken *ret) {
    static const char space[] = " \t\r\n";
    uint8_t *bytes;
    size_t n;
    text += strspn(text, space);
    if (!text_starts_with(text, TOKEN_PREFIX))
        return -EINVAL;
    text += strlen(TOKEN_PREFIX);
    const size_t length = strcspn(text, space);
    if (length > TOKEN_TEXT_MAX || text[length + strspn(text + length, space)] != '\0')
        return -EINVAL;
    int r = base64url_decode(text, length, &bytes, &n);
    if (r < 0)
        return r;
    EnrolToken t = { 0 };
    if (unpack(bytes_make(bytes, n), &t))
        *ret = t;
    else
        r = -EINVAL;
    secret_wipe(&t, sizeof(t));
    secret_wipe(bytes, n);
    free(bytes);
    return r;
}
