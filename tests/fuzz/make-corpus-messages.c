/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds: messages of every kind, and the examples. */

#include <dirent.h>

#include "fuzz/make-corpus.h"

Envelope sample_envelope(int kind, AudienceForm form, Bytes facts, Bytes sealed) {
    Envelope e = { .message_id = id,
                   .kind = kind,
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .case_id = { { 9, 9 } },
                   .urgency = URGENCY_PRIORITY,
                   .sensitivity = 1,
                   .legal_basis = 1,
                   .created_ms = NOW_MS - 1000,
                   .has_facts_digest = true,
                   .has_sealed_digest = sealed.n > 0 };
    e.audience.form = form;
    (void)text_copy(e.sender, sizeof(e.sender), "dsk/3306");
    (void)text_copy(e.region, sizeof(e.region), "3306");
    if (form == AUDIENCE_NODES) {
        e.audience.n = 1;
        (void)text_copy(e.audience.nodes[0], NODE_NAME_SIZE, "lks/3306/0001");
    } else if (form == AUDIENCE_ROLE) {
        e.audience.role_kind = NODE_LKS;
        e.audience.role_cluster = CLUSTER_CHILD;
        (void)text_copy(e.audience.role_region, REGION_SIZE, "3306");
    } else if (form == AUDIENCE_SCOPE) {
        e.audience.n = 2;
        (void)text_copy(e.audience.scope[0], REGION_SIZE, "33");
        (void)text_copy(e.audience.scope[1], REGION_SIZE, "3203");
    }
    hash_digest(facts, e.facts_digest);
    hash_digest(sealed, e.sealed_digest);
    return e;
}

static void put_message(const char *name, Bytes envelope, Bytes facts, Bytes sealed) {
    Buf b = { 0 };
    add_part(&b, envelope);
    add_part(&b, facts);
    buf_add(&b, sealed.p, sealed.n);
    put_buf("message", name, &b);
}

void messages_of_every_kind(void) {
    for (int kind = 1; kind <= 100; kind++) {
        const KindInfo *info = kind_info(kind);
        if (!info && kind != 100)
            continue;
        const char *label = info ? info->name : "newer";
        const Bytes facts = bytes_make("\x08\x01", 2), sealed = bytes_make("sealed", 6);
        uint8_t *p;
        size_t n;
        Envelope e = sample_envelope(kind, (AudienceForm)(1 + kind % 3), facts, sealed);
        FUZZ_CHECK(codec_encode_envelope(&e, &p, &n) == 0);
        put("envelope", label, bytes_make(p, n));
        put_message(label, bytes_make(p, n), facts, sealed);
        free(p);
    }
    Receipt r = { .message_id = id, .level = LEVEL_COLLECTED, .said_ms = NOW_MS, .attempts = 1 };
    (void)text_copy(r.sender, sizeof(r.sender), "dsk/3306");
    (void)text_copy(r.recipient, sizeof(r.recipient), "lks/3306/0001");
    (void)text_copy(r.leg, sizeof(r.leg), "upt/satria");
    _cleanup_(body_unrefp) Body *b = codec_encode_receipt(&r, "upt/satria", NOW_MS);
    FUZZ_CHECK(b);
    put_message("receipt-made-by-a-broker", body_envelope(b), body_facts(b), body_sealed(b));
    uint8_t *p;
    size_t n;
    FUZZ_CHECK(codec_encode_recall_order(&id, "wrong address", &p, &n) == 0);
    Envelope e =
        sample_envelope(KIND_RECALL_ORDER, AUDIENCE_NODES, bytes_make(p, n), (Bytes) { 0 });
    uint8_t *q;
    size_t m;
    FUZZ_CHECK(codec_encode_envelope(&e, &q, &m) == 0);
    put_message("recall-of-a-message", bytes_make(q, m), bytes_make(p, n), (Bytes) { 0 });
    free(p);
    free(q);
    bombs("envelope");
    bombs("message");
}

static void example(const char *name) {
    char path[300], why[JSON_WHY_SIZE];
    size_t n;
    JsonMessage m = { 0 };
    (void)snprintf(path, sizeof(path), "tests/examples/%s", name);
    _cleanup_(freep) char *text = read_text(path, &n);
    put("json-message", name, bytes_make(text, n));
    if (json_parse_message(text, n, "dsk/3203", NOW_MS, &m, why) == 0)
        put_message(name, bytes_make(m.envelope, m.n_envelope), bytes_make(m.facts, m.n_facts),
                    bytes_make(m.sealed, m.n_sealed));
    json_message_deinit(&m);
}

bool is_seed(const char *name) {
    const char *end = strrchr(name, '.');
    return end && strcmp(end, ".json") == 0 &&
           (text_starts_with(name, "s1-") || text_starts_with(name, "x-"));
}

void examples(void) {
    DIR *d = opendir(source_path("tests/examples"));
    FUZZ_CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        if (is_seed(e->d_name))
            example(e->d_name);
    (void)closedir(d);
}
