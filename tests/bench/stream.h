/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A stream of lawful messages for measuring: cases from the complaint to the termination, so many
 * at the same time, in the proportions of domain 1.4 (of a case's 26 originals five belong to its
 * complaint). Made without any memory of what came before: who says what in step j of case c
 * follows from c and j. Facts are packed by protobuf-c, one set a message.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/message.h"

typedef enum StreamPlan {
    /* An agency serves an adult at home and asks a partner agency for help: no copies. */
    STREAM_AGENCY = 1,
    /* An agency refers a child to a social home of the province, which opens the case: copies to
     * the province, the balai and the directorate. */
    STREAM_HOME,
    STREAM_BOTH, /* every other case */
} StreamPlan;

typedef enum StreamForm {
    STREAM_LAWFUL = 0,
    STREAM_TWIN,  /* the same bytes as a kind the broker does not know */
    STREAM_PLAIN, /* the same size and addressee, but neither case nor facts nor a known kind */
} StreamForm;

typedef enum StreamNode { /* of one regency */
                          STREAM_DSK,
                          STREAM_PARTNER,
                          STREAM_DSP,
                          STREAM_UPTD,
                          STREAM_UPT,
                          STREAM_DIRECTORATE,
                          STREAM_NODES,
} StreamNode;

#define STREAM_STEPS       26U
#define STREAM_REGIONS_MAX 480U
#define STREAM_PART_MAX    1024U

typedef struct StreamSetup {
    StreamPlan plan;
    StreamForm form;
    uint32_t regions; /* regencies */
    uint32_t gap;     /* cases that are begun between two steps of a case */
    uint32_t sealed;  /* bytes of the sealed part, 1,024 at most */
    uint32_t salt;    /* of ids: no two streams at one broker have the same */
    int64_t start_ms; /* ids tell this time at first, and so much later with each case begun */
    int64_t case_ms;
    uint32_t receipts; /* ReceiptPolicy */
} StreamSetup;

typedef struct Stream {
    StreamSetup setup;
    uint64_t tick;
    uint32_t place;
    uint8_t body[STREAM_PART_MAX];
} Stream;

typedef struct StreamMessage {
    StreamNode from;
    int kind;
    char sender[NODE_NAME_SIZE];
    Uuid id;
    size_t n_envelope, n_facts, n_sealed;
    uint8_t envelope[STREAM_PART_MAX], facts[STREAM_PART_MAX], sealed[2 * STREAM_PART_MAX];
} StreamMessage;

void stream_init(Stream *s, const StreamSetup *setup);
/* The next message, said at now_ms (a step back in time is fine). */
void stream_next(Stream *s, int64_t now_ms, StreamMessage *ret);
/* The node of a regency, its kind (a number of NodeKind), and the regency or province it serves,
 * "" = all. */
void stream_node(uint32_t region, StreamNode which, char ret_id[static NODE_NAME_SIZE],
                 int *ret_kind, char ret_area[static REGION_SIZE]);
