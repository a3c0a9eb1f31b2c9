/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "client/client-verify.h"
#include "client/internal.h"
#include "client/values.h"
#include "wire/json.h"

serasi_result *result_new(PublishResult *r) {
    serasi_result *result = calloc(1, sizeof(*result));
    if (!result)
        return NULL;
    result->r = *r;
    result->judged = !r->proof;
    *r = (PublishResult) { 0 };
    return result;
}

serasi_result *result_free(serasi_result *r) {
    if (!r)
        return NULL;
    publish_result_deinit(&r->r);
    free(r);
    return NULL;
}

SERASI_PUBLIC void serasi_result_free(serasi_result *r) {
    (void)result_free(r);
}

SERASI_PUBLIC serasi_verdict serasi_result_verdict(const serasi_result *r) {
    return (serasi_verdict)r->r.verdict;
}

SERASI_PUBLIC const uint8_t *serasi_result_message_id(const serasi_result *r) {
    return r->r.message_id.b;
}

SERASI_PUBLIC size_t serasi_result_reasons(const serasi_result *r) {
    return r->r.reasons ? r->r.reasons->n : 0;
}

SERASI_PUBLIC const char *serasi_result_reason_code(const serasi_result *r, size_t i) {
    return i < serasi_result_reasons(r) ? r->r.reasons->list[i].code : "";
}

SERASI_PUBLIC const char *serasi_result_reason_text(const serasi_result *r, size_t i,
                                                    const char *language) {
    if (i >= serasi_result_reasons(r))
        return "";
    const Reason *reason = &r->r.reasons->list[i];
    return language && strcmp(language, "id") == 0 ? reason->text_id : reason->text_en;
}

SERASI_PUBLIC uint32_t serasi_result_retry_after_ms(const serasi_result *r) {
    return r->r.retry_after_ms;
}

SERASI_PUBLIC int serasi_result_to_json(const serasi_result *r, char **ret) {
    const JsonSignature judgement = judgement_for_json(&r->judgement);
    return json_print_result(&r->r, r->r.proof ? &judgement : NULL,
                             bytes_make(r->statement, r->n_statement), ret);
}
