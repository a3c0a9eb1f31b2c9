/* SPDX-License-Identifier: Apache-2.0 */

#include "client/internal.h"

SERASI_PUBLIC const char *serasi_strerror(int code) {
    static const char *const texts[] = {
        [SERASI_OK] = "Done",
        [SERASI_AGAIN] = "Nothing now, try again",
        [SERASI_TIMEOUT] = "The time given was up",
        [SERASI_REFUSED] = "The broker refused it",
        [SERASI_CONFLICT] = "This message id was used before with other bytes",
        [SERASI_NOT_CONNECTED] = "Not connected to the broker",
        [SERASI_NOT_KNOWN] = "The broker does not know this key",
        [SERASI_CLOSED] = "The client was closed",
        [SERASI_TOO_LARGE] = "Larger than the broker takes",
        [SERASI_LATER] = "The broker has no room now",
        [SERASI_NO_SEAL_KEY] = "A recipient has no key to seal to, or none that is proven",
    };
    if (code >= 0)
        return (size_t)code < ARRAY_SIZE(texts) ? texts[code] : "Unknown status";
    const char *text = code > -4096 ? strerrordesc_np(-code) : NULL;
    return text ? text : "Unknown error";
}
