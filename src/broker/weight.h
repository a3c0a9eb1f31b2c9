/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Weights: who asks for little and who asks for much, and who began or was put off just now. */

#include "base/times.h"
#include "store/store.h"

typedef struct Account Account;
typedef struct Broker Broker;

#define WEIGHT_LASTS_MS SECOND_MS /* who came so lately may come again */

/* Somebody who asks for little and was here lately. */
typedef struct Light {
    const Account *account;
    int64_t until_ms;
} Light;

/* Somebody but a (or NULL) asks for little and was here lately. Before one is known to ask for much
 * it is taken for such a one itself. */
bool weight_is_beside_light(const Broker *b, Now now, const Account *a);
bool weight_is_heavy(Now now, const Account *a); /* this one asks for much */
bool weight_is_heavy_beside_light(const Broker *b, Now now, const Account *a);
/* How long since it began or was last put off: 0, when it may have little, to 5. */
int64_t weight_calm_steps(Now now, const Account *a);
/* It asks the store for something of that cost. */
void weight_note(Broker *b, Now now, Account *a, const StoreOp *op, int64_t cost);
void weight_note_put_off(Broker *b, Now now, Account *a);
/* It would have more on the way than it may. */
void weight_note_pressed(Broker *b, Now now, const Account *a);
void weight_forget(Broker *b, const Account *a);
