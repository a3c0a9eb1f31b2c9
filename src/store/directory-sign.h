/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The directory as the hub signs it: made here at the hub, followed below it (directory-follow.h).
 * Without a key to sign with, an edit is simply applied.
 */

#include "core/directory-change.h"
#include "store/store.h"

/* Within a transaction: makes the edit a signed change (several, if it is large), logs and applies
 * it; notes it in the ledger. by: the node that asked for it; note: why, without personal data.
 * *ret: a new reference on the snapshot that holds now. 0; -EPERM below a hub that signs: such an
 * edit has to be made there; -EINVAL: the directory would not stand, nothing was written. Other
 * faults are in the store (Store.fault), and their number is returned. */
_must_check_ int directory_change(Store *s, const DirectoryEdit *edit, const char *by,
                                  const char *note, Directory **ret);
