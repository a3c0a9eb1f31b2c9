/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Questions to the broker. */

#include <serasi/client.h>

#include "core/frame.h"

_must_check_ int query_write(serasi_client *c);
_must_check_ int query_answered(serasi_client *c, Frame *f);
void query_session_lost(serasi_client *c);
