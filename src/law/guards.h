/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a step of a case or an event needs: asked alike by the rules at publication and by the
 * machines, which judge a step that came over a link the same.
 */

#include "law/item.h"

/* is the stage a lawful next one of a case that is at stage `at`? */
bool guard_stage_follows(int at, const CaseFile *c, const CaseStageFacts *f);
/* what a stage update lacks, as a word; NULL = nothing. */
const char *guard_stage_lacks(const CaseStageFacts *f);
/* Of these alone: what the stage itself has to show. */
const char *guard_content_lacks(const CaseStageFacts *f);
/* a social worker with the competence to supervise? */
bool guard_supervises(const Staff *s);
/* a social worker whose certificate holds on that day? */
bool guard_manages_cases(const Staff *s, CivilDate today);
/* the same of the opening, on that day. */
const char *guard_opening_lacks(const CaseOpenedFacts *f, CivilDate today);
/* does the aftercare (pascalayanan) rest on a social worker's assessment? */
bool guard_aftercare_is_assessed(const AftercareFacts *f);
/* may a case in this state end for that reason? */
bool guard_may_terminate(int state, int reason);
/* may a node of that kind say that an event is so, and everything after that? */
bool guard_verifies_events(int node_kind);
/* May that node say how far a proposal for the register came, of a matter of that region (the kinds
 * of M51)? */
bool guard_answers_for_register(const Directory *d, const char *node, const char *region);
/* An agency speaks for its own area, within it or around it; nodes of the ministry everywhere. */
bool guard_is_of_place(const DirNode *n, const char *region);
/* By its own region, within that one or around it? */
bool guard_lies_in(const DirNode *n, const char *region);
/* An agency of that place: who answers for everybody there (P4 Pasal 13 ayat (3)). */
bool guard_answers_for_place(const Directory *d, const char *node, const char *region);
