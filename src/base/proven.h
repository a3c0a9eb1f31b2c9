/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Signatures that were found good, a bounded number of them. One signature stands for a tree of up
 * to TREE_LEAVES_MAX messages, and the next leaf of a tree that was seen costs no curve operation
 * any more; nor does it cost its whole path, as soon as that meets a node which is proven.
 *
 * Whoever can choose signatures can push others out, which makes them cost more and nothing else.
 * One thread at a time uses a Proven.
 */

#include "base/signature.h"

typedef struct Proven Proven;

/* 0 or -ENOMEM. */
_must_check_ int proven_new(Proven **ret);
Proven *proven_free(Proven *p);
DEFINE_CLEANUP(Proven *, proven_free);

/* The same answer as signature_holds(). */
_must_check_ bool proven_holds(Proven *p, const Signature *s, Bytes envelope,
                               const SignPublic *public);
/* Is the tree one that was seen? Then proven_holds() needs no curve operation, whatever it says. */
_must_check_ bool proven_knows(const Proven *p, const Signature *s, const SignPublic *public);
/* Curve operations done so far: for tests and counters. */
uint64_t proven_checks(const Proven *p);
