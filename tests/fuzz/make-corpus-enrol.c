/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds: requests for keys, and tokens. */

#include "core/enrol-token.h"
#include "fuzz/make-corpus.h"

static const uint8_t seed[SIGN_SEED_SIZE] = { 5, 4, 3, 2, 1 };

static void put_request(const char *name, KeyAct act, const char *by_node) {
    KeyRequest r = { .act = act,
                     .asked_ms = NOW_MS,
                     .key = { .curve = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
                              .node = "dsk/3203",
                              .label = "main",
                              .valid_until_ms = act == KEY_ACT_END ? NOW_MS : 0 } };
    uint8_t *p = NULL;
    size_t n = 0;
    SignKey k;
    sign_key_from_seed(seed, &k);
    r.key.sign = k.public;
    FUZZ_CHECK(codec_encode_key_demand(&r) == 0);
    if (act == KEY_ACT_ADD)
        key_request_prove(&r, &k);
    if (by_node)
        key_request_sign(&r, by_node, &k);
    FUZZ_CHECK(codec_encode_key_request(&r, &p, &n) == 0);
    put("key-request", name, bytes_make(p, n));
    if (by_node) {
        char facts[64];
        (void)snprintf(facts, sizeof(facts), "key-request-%s", name);
        put_facts(facts, KIND_KEY_REQUEST, bytes_make(p, n));
    }
    free(p);
}

static void put_token(const char *name, const char *endpoint) {
    EnrolToken t = { .server_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
                     .secret = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
                     .hub_key = { .b = { 1, 2, 3 } },
                     .node = "lks/3203/0001",
                     .label = "main" };
    FUZZ_CHECK(text_copy(t.endpoint, sizeof(t.endpoint), endpoint));
    char *text = enrol_token_print(&t);
    FUZZ_CHECK(text);
    put_text("token", name, text);
    text[strlen(text) / 2] = 'A';
    put_text("token", "slip", text);
    text[strlen(text) / 2] = '\0';
    put_text("token", "half", text);
    free(text);
}

void tokens_and_requests(void) {
    put_request("rotation", KEY_ACT_ADD, "dsk/3203");
    put_request("approval", KEY_ACT_ADD, "hub");
    put_request("handed-in", KEY_ACT_ADD, NULL);
    put_request("end", KEY_ACT_END, "dsk/3203");
    bombs("key-request");
    put_token("plain", "tcp://broker.example:7021");
    put_token("v6", "tcp://[2001:db8::7]:7021");
    put_text("token", "empty", "serasi1_");
    put_text("token", "spaces", " \n serasi1_AAAA \n");
}
