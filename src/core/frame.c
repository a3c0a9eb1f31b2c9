/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <string.h>

#include "core/bundle.h"

void publish_result_deinit(PublishResult *r) {
    free(r->reasons);
    free(r->recipients);
    free(r->outcomes);
    free(r->proof);
    *r = (PublishResult) { 0 };
}

void frame_deinit(Frame *f) {
    switch (f->kind) {
    case FRAME_PUBLISH:
        free(f->publish.forward);
        break;
    case FRAME_PUBLISHED:
        for (uint32_t i = 0; f->published.results && i < f->published.n; i++)
            publish_result_deinit(&f->published.results[i]);
        free(f->published.results);
        break;
    case FRAME_SUBSCRIBE:
        free(f->subscribe.filter);
        break;
    case FRAME_DELIVER:
        free(f->deliver.forward);
        break;
    case FRAME_SETTLE:
        free(f->settle.settlements);
        break;
    case FRAME_SETTLED:
        free(f->settled.done);
        free(f->settled.unknown);
        break;
    case FRAME_QUERY:
        for (size_t i = 0; i < ARRAY_SIZE(f->query.args); i++)
            free(f->query.args[i]);
        free(f->query.input);
        break;
    case FRAME_DIRECTORY_CHANGES:
        free(f->directory_changes.bytes);
        break;
    case FRAME_RESULT:
        (void)table_free(f->result.table);
        free(f->result.data);
        break;
    case FRAME_BUNDLE:
        (void)bundle_free(f->bundle);
        break;
    default: /* owns nothing */
        break;
    }
    *f = (Frame) { 0 };
}

void signature_bytes_set(SignatureBytes *s, Bytes from) {
    assert(from.n <= sizeof(s->p));
    s->n = (uint32_t)from.n;
    if (from.n > 0)
        memcpy(s->p, from.p, from.n);
}

const char *frame_kind_name(int kind) {
    static const char *const names[] = {
        [FRAME_NONE] = "NONE",
        [FRAME_HELLO] = "HELLO",
        [FRAME_WELCOME] = "WELCOME",
        [FRAME_PUBLISH] = "PUBLISH",
        [FRAME_PUBLISHED] = "PUBLISHED",
        [FRAME_SUBSCRIBE] = "SUBSCRIBE",
        [FRAME_SUBSCRIBED] = "SUBSCRIBED",
        [FRAME_UNSUBSCRIBE] = "UNSUBSCRIBE",
        [FRAME_CREDIT] = "CREDIT",
        [FRAME_DELIVER] = "DELIVER",
        [FRAME_SETTLE] = "SETTLE",
        [FRAME_SETTLED] = "SETTLED",
        [FRAME_PING] = "PING",
        [FRAME_PONG] = "PONG",
        [FRAME_QUERY] = "QUERY",
        [FRAME_RESULT] = "RESULT",
        [FRAME_ERROR] = "ERROR",
        [FRAME_BYE] = "BYE",
        [FRAME_DIRECTORY_WANT] = "DIRECTORY_WANT",
        [FRAME_DIRECTORY_CHANGES] = "DIRECTORY_CHANGES",
        [FRAME_BUNDLE] = "BUNDLE",
    };
    return kind >= 0 && kind < (int)ARRAY_SIZE(names) ? names[kind] : "UNKNOWN";
}

const char *verdict_name(int verdict) {
    static const char *const names[] = {
        [VERDICT_NONE] = "NONE",           [VERDICT_ACCEPTED] = "ACCEPTED",
        [VERDICT_DUPLICATE] = "DUPLICATE", [VERDICT_CONFLICT] = "CONFLICT",
        [VERDICT_REFUSED] = "REFUSED",     [VERDICT_LATER] = "LATER",
    };
    return verdict >= 0 && verdict < (int)ARRAY_SIZE(names) ? names[verdict] : "UNKNOWN";
}

const char *error_code_name(int code) {
    static const char *const names[] = {
        [ERROR_NONE] = "NONE",
        [ERROR_MALFORMED] = "MALFORMED",
        [ERROR_TOO_LARGE] = "TOO_LARGE",
        [ERROR_VERSION] = "VERSION",
        [ERROR_NOT_KNOWN] = "NOT_KNOWN",
        [ERROR_NO_SESSION] = "NO_SESSION",
        [ERROR_BAD_CHANNEL] = "BAD_CHANNEL",
        [ERROR_NOT_ALLOWED] = "NOT_ALLOWED",
        [ERROR_WINDOW] = "WINDOW",
        [ERROR_NO_SUBSCRIPTION] = "NO_SUBSCRIPTION",
        [ERROR_BUSY] = "BUSY",
        [ERROR_REPLACED] = "REPLACED",
    };
    return code >= 0 && code < (int)ARRAY_SIZE(names) ? names[code] : "UNKNOWN";
}
