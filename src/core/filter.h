/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Filters of named subscriptions: every non-empty field must match, within a field any value. */

#include <stdbool.h>

#include "core/directory.h"
#include "core/message.h"

typedef struct Filter {
    uint32_t n_kinds, n_regions, n_clusters, n_cases, n_urgencies, n_sender_kinds;
    int kinds[FILTER_VALUES_MAX];
    char regions[FILTER_VALUES_MAX][REGION_SIZE]; /* prefixes */
    int clusters[FILTER_VALUES_MAX];
    Uuid cases[FILTER_VALUES_MAX];
    int urgencies[FILTER_VALUES_MAX]; /* by lane: EMERGENCY also catches a harm_now complaint */
    int sender_kinds[FILTER_VALUES_MAX];
} Filter;

/* sender_kind: NodeKind of the sender by the directory, 0 when unknown. */
bool filter_matches(const Filter *f, const Envelope *e, Lane lane, int sender_kind);
bool filter_equal(const Filter *a, const Filter *b);
/* May owner be fed by this filter at all (domain 6.8)? The scope that then also limits each copy is
 * filter_in_scope(). Returns false with a reason when the filter reaches outside. */
bool filter_is_allowed(const Filter *f, const DirNode *owner, const char **ret_why);
/* Does the owner's scope cover this message: DSK own regency, DSP own province, UPT its service
 * area, MIN and HUB everything, others nothing but what is addressed to them. */
bool filter_in_scope(const DirNode *owner, const Envelope *e);
