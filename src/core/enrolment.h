/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tokens that were given out (enrol-token.h), as one immutable snapshot: shared by reference
 * between threads, a change is a new one. This broker alone knows them; they are no part of the
 * directory.
 */

#include <stdint.h>

#include "base/cleanup.h"
#include "core/directory.h"

#define ENROLMENTS_OPEN_MAX 256U         /* that wait for somebody */
#define ENROLMENT_LIFE_MAX  (7 * DAY_MS) /* of a token */
#define ENROLMENT_KEPT_MS                                                                          \
    DAY_MS /* after its end, so that whoever comes too late is told, and noted */

/* Numbers are stored: never change one. */
typedef enum EnrolState {
    ENROL_NONE = 0,
    ENROL_OPEN = 1,   /* nobody came with it */
    ENROL_HANDED = 2, /* keys are here, an operator decides */
    ENROL_APPROVED = 3,
    ENROL_REFUSED = 4,
} EnrolState;
const char *enrol_state_name(EnrolState s); /* "WAITING" of HANDED */

typedef struct Enrolment {
    int64_t id;
    EnrolState state;
    char curve[CURVE_TEXT_SIZE]; /* of the one-time pair */
    char node[NODE_NAME_SIZE], label[LABEL_SIZE];
    int64_t expires_ms; /* nothing is handed in any more */
} Enrolment;

typedef struct Enrolments Enrolments;

/* A copy of the list. NULL when out of memory. */
Enrolments *enrolments_new(const Enrolment *list, size_t n);
Enrolments *enrolments_ref(Enrolments *e);
Enrolments *enrolments_unref(Enrolments *e);
DEFINE_CLEANUP(Enrolments *, enrolments_unref);
/* By its CURVE key, if whoever has it is to be listened to at all; e may be NULL. */
const Enrolment *enrolments_find(const Enrolments *e, const char *curve, int64_t now_ms);
const Enrolment *enrolments_by_id(const Enrolments *e, int64_t id);
