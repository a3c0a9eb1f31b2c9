/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * uthash, as all of serasi uses it: without memory HASH_ADD() adds nothing, ends nothing, and
 * leaves the element's handle with .tbl == NULL, which whoever adds looks at.
 */

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
