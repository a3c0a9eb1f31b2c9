/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What goes with a copy for a neighbour. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

/* Everyone behind that link who still waits for it. fresh:
 * the message is just being stored, nobody can be a dead letter. The caller's to free. */
Forward *forward_for(Store *s, const StoredMessage *m, const DeliveryRow *row, bool fresh);
