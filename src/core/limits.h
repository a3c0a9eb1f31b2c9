/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sizes that both ends of the wire must respect (PROTOCOL.md "Limits"). Bytes unless said. */

#define NODE_NAME_SIZE    65U /* 64 and the NUL */
#define REGION_SIZE       11U /* 10 digits and the NUL */
#define LABEL_SIZE        65U
#define SUBSCRIPTION_SIZE 65U
#define REASON_TEXT_MAX   200U

#define FRAME_MAX        4096U          /* hop header from a client */
#define FRAME_ANSWER_MAX (256U * 1024U) /* hop header from a broker, and operator frames */
#define BUNDLE_MAX_BYTES (48U * 1024U)  /* BUNDLE from a client */
#define ENVELOPE_MAX     4096U
#define FACTS_MAX        (64U * 1024U)
#define WRAP_FACTS_MAX   (8U * 1024U) /* of a SEAL_WRAP: 64 wraps of some 110 bytes */
#define SEALED_MAX       (1024U * 1024U)
#define PARTS_MAX        4U   /* frames of one ZeroMQ message */
#define SIGNATURE_MAX    512U /* an encoded Signature: 10 hashes, 64 bytes and its framing */

#define AUDIENCE_NODES_MAX 32U
#define AUDIENCE_SCOPE_MAX 64U
#define RECIPIENTS_MAX     40U /* addressees and supervisors of one message */
#define REASONS_MAX        32U
#define FILTER_VALUES_MAX  32U  /* values of one filter field */
#define STAMPS_MAX         8U   /* hops of one message */
#define CHANNELS_MAX       16U  /* channels of one session */
#define SCOPE_HOPS_MAX     128U /* neighbours of one broker: its parent and children */
#define DIR_CHANGES_MAX    64U  /* changes in one DIRECTORY_CHANGES */
#define SETTLEMENTS_MAX    256U /* ranges in one SETTLE */
