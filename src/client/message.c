/* SPDX-License-Identifier: Apache-2.0 */

/* A message is checked when it is made, so that nothing the broker must refuse for its form is ever
 * queued: such a frame would end the session, again at each attempt. */

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/times.h"
#include "client/client-seal.h"
#include "client/internal.h"
#include "core/lanes.h"
#include "wire/codec.h"
#include "wire/json.h"

static bool digest_matches(bool present, const uint8_t digest[static DIGEST_SIZE], Bytes part) {
    uint8_t real[DIGEST_SIZE];
    if (!present)
        return part.n == 0;
    hash_digest(part, real);
    return memcmp(real, digest, DIGEST_SIZE) == 0;
}

/* plain: what is to be sealed; p NULL = nothing. Taken over on success. */
static int message_new(serasi_message **ret, Bytes envelope, Bytes facts, Bytes sealed,
                       Secret *plain, const char **ret_why) {
    Envelope e = { 0 };
    if (envelope.n > ENVELOPE_MAX || facts.n > FACTS_MAX || sealed.n > SEALED_MAX) {
        *ret_why = "a part is over its limit";
        return SERASI_TOO_LARGE;
    }
    int r = hash_init();
    if (r == 0)
        r = codec_decode_envelope(envelope, &e, ret_why);
    if (r != 0)
        return r < 0 ? r : -EINVAL;
    if (!digest_matches(e.has_facts_digest, e.facts_digest, facts) ||
        !digest_matches(e.has_sealed_digest, e.sealed_digest, sealed)) {
        *ret_why = "a digest in the envelope is not that of its part";
        return -EINVAL;
    }

    _cleanup_(body_unrefp) Body *body = body_new(envelope, facts, sealed);
    _cleanup_(freep) serasi_message *m = calloc(1, sizeof(*m));
    if (!m || !body)
        return -ENOMEM;
    m->id = e.message_id;
    m->urgent = lane_of(e.kind, e.urgency, true) <= LANE_EMERGENCY; /* any complaint may be */
    if (plain->p) {
        m->draft = draft_new(&e, body, plain);
        if (!m->draft)
            return -ENOMEM;
        body = NULL;
    } else {
        m->body = TAKE_PTR(body);
    }
    *ret = TAKE_PTR(m);
    return 0;
}

SERASI_PUBLIC int serasi_message_new(serasi_message **ret, const void *envelope, size_t n_envelope,
                                     const void *facts, size_t n_facts, const void *sealed,
                                     size_t n_sealed) {
    const char *why = NULL;
    Secret nothing = { 0 };
    if (!ret || !envelope || (!facts && n_facts) || (!sealed && n_sealed))
        return -EINVAL;
    return message_new(ret, bytes_make(envelope, n_envelope), bytes_make(facts, n_facts),
                       bytes_make(sealed, n_sealed), &nothing, &why);
}

SERASI_PUBLIC int serasi_message_new_to_seal(serasi_message **ret, const void *envelope,
                                             size_t n_envelope, const void *facts, size_t n_facts,
                                             const void *plain, size_t n_plain) {
    _cleanup_(secret_deinit) Secret text = { 0 };
    const char *why = NULL;
    if (!ret || !envelope || (!facts && n_facts) || !plain)
        return -EINVAL;
    if (seal_padded_size(n_plain) > SEAL_PADDED_MAX)
        return SERASI_TOO_LARGE;
    int r = secret_init(&text, n_plain);
    if (r < 0)
        return r;
    memcpy(text.p, plain, n_plain);
    text.n = n_plain;
    return message_new(ret, bytes_make(envelope, n_envelope), bytes_make(facts, n_facts),
                       (Bytes) { 0 }, &text, &why);
}

SERASI_PUBLIC int serasi_message_from_json(serasi_message **ret, const char *json, const char *node,
                                           char *error, size_t error_size) {
    _cleanup_(json_message_deinit) JsonMessage parts = { 0 };
    char text[JSON_WHY_SIZE] = "";
    const char *why = text;
    if (!ret || !json)
        return -EINVAL;
    int r = hash_init();
    if (r == 0)
        r = json_parse_message(json, strlen(json), node ? node : "", now_read().wall_ms, &parts,
                               text);
    if (r == 0)
        r = message_new(ret, bytes_make(parts.envelope, parts.n_envelope),
                        bytes_make(parts.facts, parts.n_facts),
                        bytes_make(parts.sealed, parts.n_sealed), &parts.plain, &why);
    if (error && error_size > 0)
        (void)text_copy(error, error_size, r == 0 || !why ? "" : why);
    return r;
}

SERASI_PUBLIC void serasi_message_free(serasi_message *m) {
    if (!m)
        return;
    (void)body_unref(m->body);
    (void)draft_unref(m->draft);
    free(m);
}

SERASI_PUBLIC int serasi_message_to_json(const serasi_message *m, int pretty, char **ret) {
    const Body *b = m && m->draft ? m->draft->done : m ? m->body : NULL;
    if (!b || !ret)
        return -EINVAL;
    return json_print_message(body_envelope(b), body_facts(b), body_sealed(b), NULL, pretty != 0,
                              ret);
}

SERASI_PUBLIC const uint8_t *serasi_message_id(const serasi_message *m) {
    return m->id.b;
}
