/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How often a node may do what every broker of the country has to bear: change a node's record or
 * its keys (a signed version of the directory, which all of them keep for good), or speak to a
 * whole scope (a copy for everybody there, ahead of all the rest). By hand nobody needs so many; a
 * stolen key would. And how often it may answer for whom a part was not sealed: a SEAL_WRAP has no
 * outcome, so beyond a link it is in no account (store/quota.h).
 */

#include "base/times.h"
#include "store/internal.h"

/* Counts m when it is one of those. Returns 0, or after how many ms it may come again. */
uint32_t pace_exceeded(Store *s, const Message *m);

/* Counts a request that is granted. */
bool pace_allows_key(Store *s, const KeyRequest *r);

/* Counts a head that a broker below shows: each is an entry of our ledger, which is kept for years.
 */
bool pace_allows_witness(Store *s, const char *child);

void paces_rolled_back(Store *s);
void paces_drop(Store *s);
