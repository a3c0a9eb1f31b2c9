/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a NodeRecord (M70, data lembaga) changes in the directory, and who may say it.
 *
 *   owner                    what it offers: capacity, clients or none, clusters, approaches
 *   regency agency (DSK)     of an LKS or LKSA in its regency: designation for services outside
 *                            homes (P4 Pasal 6 ayat (3) huruf b); of a puskesos: what it offers
 *   provincial agency (DSP)  of an LKS or LKSA in its province: the governor's designation
 *                            (P4 Pasal 17 ayat (1)); of a UPTD: what it offers
 *   ministry unit (MIN)      everything, and alone: accreditation (P4 Pasal 17 ayat (2)), IPWL,
 *                            LPKS, SKA and the like, and who takes no part any more
 *
 * Kind, name, supervising node, home, broker, service areas and keys change only by an import: they
 * say where messages go.
 */

#include "core/directory.h"
#include "core/facts.h"

/* Changes *inout, the record as the directory has it, by what the sender may say. A record is a
 * change: what it does not give stays, what has ended it names in no_longer. Returns whether
 * anything changed. *ret_why: a static word for something in it that was not applied:
 * NOT_THE_KIND, NOT_AUTHORISED or BAD_VALUE; NULL = nothing. */
bool node_record_apply(const Directory *d, const char *sender, const NodeRecordFacts *f,
                       DirNode *inout, const char **ret_why);
