/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Publishing: messages wait, are in flight (sent in this session, not answered), and end in an
 * answer. When a session dies what was in flight waits again, in the old order and before the rest.
 */

#include <errno.h>

#include "base/text.h"
#include "base/times.h"
#include "client/client-proof.h"
#include "client/client-publish.h"
#include "client/client-seal.h"
#include "client/client-session.h"
#include "client/client-sign.h"
#include "client/client-wrap.h"
#include "client/internal.h"
#include "client/values.h"

/* A session begins with the first, and has more with what was answered. */
#define FIRST_BYTES    ((size_t)2 * 1024 * 1024)
#define WINDOW_BYTES   ((size_t)8 * 1024 * 1024)
#define LATER_MIN_MS   50U
#define PAUSE_MAX_MS   MINUTE_MS
#define SEAL_AHEAD_MAX 32U
#define SEAL_LOOK_MS   100 /* what is not known yet is looked for again */

static Outgoing *outgoing_free(Outgoing *o) {
    (void)body_unref(o->body);
    (void)draft_unref(o->draft);
    (void)delivery_free(o->request);
    free(o);
    return NULL;
}

static void drop_waiting(serasi_client *c, Outgoing *o) {
    DL_DELETE(c->waiting, o);
    c->n_waiting--;
    c->n_unsealed -= !o->body;
    (void)outgoing_free(o);
}

static void keep_result(serasi_client *c, serasi_result *result, const Outgoing *o) {
    if (o->abandoned) {
        (void)result_free(result);
    } else if (o->awaited) {
        (void)result_free(c->awaited);
        c->awaited = result;
    } else {
        DL_APPEND(c->results, result);
        c->n_results++;
    }
}

/* --- sending --- */

/* The part that is larger than the broker takes, or NULL. */
static const char *too_large_part(const serasi_client *c, const Body *b) {
    if (b->n_envelope > c->envelope_max)
        return "envelope";
    if (b->n_facts > c->facts_max)
        return "facts";
    return b->n_sealed > c->sealed_max ? "sealed" : NULL;
}

/* What cannot be sent is answered here. */
static int refuse_here(serasi_client *c, Outgoing *o, const SealFailure *why) {
    PublishResult r = { .message_id = o->id, .verdict = VERDICT_REFUSED };
    r.reasons = calloc(1, sizeof(*r.reasons));
    if (!r.reasons)
        return -ENOMEM;
    reasons_add(r.reasons, why->code, why->field, NULL, NULL);
    if (o->request) {
        request_answered(c, o, &r);
        publish_result_deinit(&r);
        return 0;
    }
    serasi_result *result = result_new(&r);
    if (!result) {
        publish_result_deinit(&r);
        return -ENOMEM;
    }
    keep_result(c, result, o);
    return 0;
}

static void inflight_add(serasi_client *c, Outgoing *o) {
    DL_DELETE(c->waiting, o);
    c->n_waiting--;
    DL_APPEND(c->inflight, o);
    c->n_inflight++;
    c->inflight_bytes += body_size(o->body);
}

static void inflight_left(serasi_client *c, const Outgoing *o) {
    c->n_inflight--;
    c->inflight_bytes -= body_size(o->body);
}

/* Sends what was collected. What could not go waits again, in its old order. */
static int flush_bundle(serasi_client *c) {
    if (!c->bundle || c->bundle->n == 0)
        return 0;
    const Frame f = { .kind = FRAME_BUNDLE, .bundle = c->bundle };
    const int r = session_send(c, &f, NULL);
    for (uint32_t i = 0; r < 0 && i < c->bundle->n; i++) {
        Outgoing *o = c->inflight->prev; /* the last */
        DL_DELETE(c->inflight, o);
        inflight_left(c, o);
        DL_PREPEND(c->waiting, o);
        c->n_waiting++;
    }
    bundle_reset(c->bundle);
    return r;
}

static int collect(serasi_client *c, const FramePublish *p, size_t cost, const Bytes *parts) {
    if (!c->bundle)
        c->bundle = bundle_new(FRAME_PUBLISH, BUNDLE_MAX, BUNDLE_BYTES);
    if (!c->bundle)
        return -ENOMEM;
    const int r = bundle_has_room(c->bundle, cost) ? 0 : flush_bundle(c);
    if (r < 0)
        return r;
    c->bundle->publishes[c->bundle->n] = *p;
    bundle_add(c->bundle, cost, parts, BUNDLE_PARTS);
    return 0;
}

static int send_one(serasi_client *c, Outgoing *o) {
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = o->id } };
    int r = o->signature.n == 0 ? sign_waiting(c) : 0;
    if (r < 0)
        return r;
    f.publish.signature = o->signature;
    o->sent_ms = c->now_ms;
    const Bytes parts[] = { body_envelope(o->body), body_facts(o->body), body_sealed(o->body) };
    const size_t cost = bundle_cost(NULL, &o->signature, parts, BUNDLE_PARTS);
    if (c->bundles && bundle_takes(cost))
        return collect(c, &f.publish, cost, parts);
    r = flush_bundle(c);
    return r < 0 ? r : session_send(c, &f, o->body);
}

/* Seals what is to be sealed, in order; looks at some more than the first, so that their keys are
 * asked for in good time. */
static int seal_waiting(serasi_client *c) {
    unsigned looked_at = 0;
    bool behind = false;
    Outgoing *o, *next;
    DL_FOREACH_SAFE(c->waiting, o, next) {
        SealFailure why = { .code = "TOO_LARGE" };
        if (!o->body && looked_at++ == SEAL_AHEAD_MAX)
            break;
        int r = o->body ? 0 : draft_seal(c, o->draft, &why);
        if (r < 0)
            return r;
        behind |= r == SERASI_AGAIN;
        if (r == SERASI_AGAIN)
            continue;
        if (r == 0 && !o->body) {
            o->body = body_ref(o->draft->done);
            c->n_unsealed--;
        }
        if (r > 0 && !behind) { /* answers keep the order, too */
            r = refuse_here(c, o, &why);
            if (r < 0)
                return r;
            drop_waiting(c, o);
        }
    }
    if (behind)
        c->look_due_ms = MIN(c->look_due_ms, c->now_ms + SEAL_LOOK_MS);
    return 0;
}

/* What is sent far ahead of the answers would only be put off by the broker. */
static bool has_window(const serasi_client *c, const Body *next) {
    return c->n_inflight < c->publish_window &&
           (c->n_inflight == 0 || c->inflight_bytes + body_size(next) <=
                                      MIN(FIRST_BYTES + c->answered_bytes, WINDOW_BYTES));
}

bool publish_is_urgent(const serasi_client *c) {
    const Outgoing *o;
    DL_FOREACH (c->waiting, o) {
        if (o->urgent || o->awaited)
            return true;
    }
    return false;
}

/* The broker has no room for more of this node: what went on would be put off, and soon its key,
 * too. It takes emergencies a while longer, and who waits for the answer wants to hear that. */
static bool is_paused(serasi_client *c) {
    if (c->now_ms >= c->paused_until_ms || publish_is_urgent(c))
        return false;
    c->look_due_ms = MIN(c->look_due_ms, c->paused_until_ms);
    return true;
}

static void note_pause(serasi_client *c, const PublishResult *r) {
    if (r->verdict == VERDICT_LATER && r->reasons && reasons_have(r->reasons, "WINDOW"))
        c->paused_until_ms =
            MAX(c->paused_until_ms, c->now_ms + MIN((int64_t)r->retry_after_ms, PAUSE_MAX_MS));
}

/* Until the window is full. */
static int send_ready(serasi_client *c) {
    while (c->waiting && c->waiting->body && has_window(c, c->waiting->body)) {
        Outgoing *o = c->waiting;
        SealFailure why = { .code = "TOO_LARGE" };
        if (o->signature.n == 0 && sign_is_held(c))
            break;
        const char *part = too_large_part(c, o->body);
        (void)text_copy(why.field, sizeof(why.field), part ? part : "");
        /* The broker would end the session over it, each time. */
        int r = part ? refuse_here(c, o, &why) : send_one(c, o);
        if (r < 0)
            return r;
        if (part) {
            drop_waiting(c, o);
            continue;
        }
        inflight_add(c, o);
    }
    return 0;
}

int publish_write(serasi_client *c) {
    int r = c->n_unsealed > 0 ? seal_waiting(c) : 0;
    if (r < 0 || (c->waiting && is_paused(c)))
        return r;
    r = send_ready(c);
    const int sent = flush_bundle(c);
    return r < 0 ? r : sent;
}

int publish_own(serasi_client *c, const Uuid *id, Body *body, serasi_delivery *request) {
    Outgoing *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->id = *id;
    o->body = body_ref(body);
    o->request = request;
    DL_PREPEND(c->waiting, o); /* it belongs to no order, and waits for no seal */
    c->n_waiting++;
    return 0;
}

void publish_session_lost(serasi_client *c) {
    Outgoing *o, *next;
    DL_FOREACH_SAFE(c->inflight, o, next) {
        if (!o->abandoned)
            continue;
        DL_DELETE(c->inflight, o);
        inflight_left(c, o);
        (void)outgoing_free(o);
    }
    DL_CONCAT(c->inflight, c->waiting);
    c->waiting = c->inflight;
    c->n_waiting += c->n_inflight;
    c->inflight = NULL;
    c->n_inflight = 0;
    c->inflight_bytes = c->answered_bytes = 0;
    c->paused_until_ms = 0;
}

/* --- answers --- */

static int take_answer(serasi_client *c, PublishResult *r) {
    Outgoing *o;
    DL_FOREACH (c->inflight, o) {
        if (uuid_equal(&o->id, &r->message_id))
            break;
    }
    if (!o)
        return 0; /* of no message of ours */
    sign_answered(c, o);
    note_pause(c, r);
    if (r->verdict != VERDICT_LATER)
        c->answered_bytes += body_size(o->body);
    if (o->request) {
        DL_DELETE(c->inflight, o);
        inflight_left(c, o);
        request_answered(c, o, r);
        (void)outgoing_free(o);
        return 0;
    }
    serasi_result *result = result_new(r);
    if (!result)
        return -ENOMEM;
    proof_expect(c, result, o->body);
    DL_DELETE(c->inflight, o);
    inflight_left(c, o);
    keep_result(c, result, o);
    (void)outgoing_free(o);
    return 0;
}

int publish_answered(serasi_client *c, Frame *f) {
    for (uint32_t i = 0; i < f->published.n; i++) {
        int r = take_answer(c, &f->published.results[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

void publish_deinit(serasi_client *c) {
    publish_session_lost(c);
    Outgoing *o, *next_o;
    DL_FOREACH_SAFE(c->waiting, o, next_o)
    (void)outgoing_free(o);
    serasi_result *r, *next_r;
    DL_FOREACH_SAFE(c->results, r, next_r)
    (void)result_free(r);
    (void)result_free(c->awaited);
    c->bundle = bundle_free(c->bundle);
    c->waiting = NULL;
    c->results = c->awaited = NULL;
}

/* --- what applications call --- */

static int enqueue(serasi_client *c, const serasi_message *m, Outgoing **ret) {
    if (c->n_waiting + c->n_inflight + c->n_results >= QUEUE_MAX)
        return SERASI_AGAIN;
    Body *body = m->draft ? m->draft->done : m->body;
    if (c->session > 0 && body && too_large_part(c, body))
        return SERASI_TOO_LARGE;
    Outgoing *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->id = m->id;
    o->body = body ? body_ref(body) : NULL; /* it never changes: the reference is the copy */
    o->draft = body ? NULL : draft_ref(m->draft);
    o->urgent = m->urgent;
    DL_APPEND(c->waiting, o);
    c->n_waiting++;
    c->n_unsealed += !body;
    client_wake(c);
    if (ret)
        *ret = o;
    return 0;
}

SERASI_PUBLIC int serasi_publish(serasi_client *c, const serasi_message *m) {
    return m ? enqueue(c, m, NULL) : -EINVAL;
}

SERASI_PUBLIC int serasi_next_result(serasi_client *c, serasi_result **ret) {
    serasi_result *r = c->results;
    if (!r || !proof_is_judged(c, r))
        return SERASI_AGAIN;
    DL_DELETE(c->results, r);
    c->n_results--;
    r->prev = r->next = NULL;
    *ret = r;
    return 0;
}

/* Waits for the answer to the awaited message. */
static int await_answer(serasi_client *c, int64_t deadline) {
    for (;;) {
        int r = serasi_process(c);
        if (c->awaited && (r < 0 || proof_is_judged(c, c->awaited)))
            return 0;
        if (r < 0)
            return r;
        if (!client_sleep(c, deadline))
            return c->awaited ? 0 : SERASI_TIMEOUT;
    }
}

/* Nobody waits any more. An unsent message is forgotten; a sent one keeps its place in the window
 * until it is answered. */
static void abandon(serasi_client *c) {
    Outgoing *o, *next;
    DL_FOREACH (c->inflight, o) {
        o->abandoned |= o->awaited;
    }
    DL_FOREACH_SAFE(c->waiting, o, next) {
        if (o->awaited)
            drop_waiting(c, o);
    }
}

static int pause_until(serasi_client *c, int64_t until) {
    while (now_read().mono_ms < until) {
        int r = serasi_process(c);
        if (r < 0)
            return r;
        (void)client_sleep(c, until);
    }
    return 0;
}

/* Only this library says so. */
static bool is_about_keys(const serasi_result *r) {
    static const char *const codes[] = { "NO_SEAL_KEY", "SEAL_KEY_NOT_PROVEN",
                                         "TOO_MANY_SEAL_KEYS" };
    for (size_t i = 0; r->r.reasons && i < ARRAY_SIZE(codes); i++)
        if (reasons_have(r->r.reasons, codes[i]))
            return true;
    return false;
}

static int status_of(const serasi_result *r) {
    switch (r->r.verdict) {
    case VERDICT_ACCEPTED:
    case VERDICT_DUPLICATE:
        return 0;
    case VERDICT_CONFLICT:
        return SERASI_CONFLICT;
    case VERDICT_LATER:
        return SERASI_LATER;
    default:
        return is_about_keys(r) ? SERASI_NO_SEAL_KEY : SERASI_REFUSED;
    }
}

/* One attempt: 0 with c->awaited set, SERASI_TIMEOUT, SERASI_TOO_LARGE or -errno. A full queue is
 * waited for. */
static int attempt(serasi_client *c, const serasi_message *m, int64_t deadline) {
    Outgoing *o = NULL;
    int r;
    while ((r = enqueue(c, m, &o)) == SERASI_AGAIN) {
        if (c->n_results >= QUEUE_MAX)
            return SERASI_AGAIN; /* only the application can make room */
        r = serasi_process(c);
        if (r < 0)
            return r;
        if (!client_sleep(c, deadline))
            return SERASI_TIMEOUT;
    }
    if (r != 0)
        return r;
    o->awaited = true;
    r = await_answer(c, deadline);
    if (r != 0)
        abandon(c);
    return r;
}

SERASI_PUBLIC int serasi_publish_wait(serasi_client *c, const serasi_message *m, int timeout_ms,
                                      serasi_result **result) {
    const int64_t deadline = client_deadline(timeout_ms);
    if (!m)
        return -EINVAL;
    for (;;) {
        int r = attempt(c, m, deadline);
        if (r != 0)
            return r;
        serasi_result *answer = TAKE_PTR(c->awaited);
        const int status = status_of(answer);
        const int64_t again = now_read().mono_ms + MAX(answer->r.retry_after_ms, LATER_MIN_MS);
        if (status == SERASI_LATER && again < deadline) {
            (void)result_free(answer);
            r = pause_until(c, again);
            if (r < 0)
                return r;
            continue;
        }
        if (result)
            *result = answer;
        else
            (void)result_free(answer);
        return status;
    }
}
