/* SPDX-License-Identifier: Apache-2.0 */

#include "core/wrap.h"

void wrap_request_deinit(WrapRequest *r) {
    free(r->bytes);
    r->bytes = NULL;
    r->envelope = r->signature = (Bytes) { 0 };
}
