/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Weights: who asks for little and who asks for much, and who begins or was put off just now.
 * Beside somebody who asks for little the others have less on the way at one time (turns.c), and
 * less unanswered (account.c): its answer must not wait for what they sent before.
 */

#include "broker/weight.h"
#include "broker/account.h"
#include "broker/internal.h"

#define CALM_MS    100
#define CALM_STEPS 5

/* Who asks for more makes others wait; who asks for less is the one that should not. */
static const BucketRate usual = { .per_second = 1024 * 1024, .burst = 512 * 1024 };

/* Before it is known to ask for much it is one of the two itself. */
bool weight_is_beside_light(const Broker *b, Now now, const Account *a) {
    for (unsigned i = 0; i < ARRAY_SIZE(b->lights); i++) {
        const Light *l = &b->lights[i];
        if (l->account && l->account != a && now.mono_ms < l->until_ms)
            return true;
    }
    return false;
}

int64_t weight_calm_steps(Now now, const Account *a) {
    return MIN((now.mono_ms - a->calm_since_ms) / CALM_MS, (int64_t)CALM_STEPS);
}

void weight_note_pressed(Broker *b, Now now, const Account *a) {
    if (weight_calm_steps(now, a) < CALM_STEPS && weight_is_beside_light(b, now, a))
        b->pressed_until_ms = now.mono_ms + CALM_MS;
}

bool weight_is_heavy(Now now, const Account *a) {
    return now.mono_ms < a->heavy_until_ms;
}

bool weight_is_heavy_beside_light(const Broker *b, Now now, const Account *a) {
    return weight_is_heavy(now, a) && weight_is_beside_light(b, now, a);
}

/* Who asks for little is one that publishes: a program that subscribes, or an operator that asks,
 * does so once. */
static void note_cost(Broker *b, Now now, Account *a, const StoreOp *op, int64_t cost) {
    if (!bucket_take(&a->usual, &usual, (double)cost, now.mono_ms))
        a->heavy_until_ms = now.mono_ms + WEIGHT_LASTS_MS;
    if (weight_is_heavy(now, a) || op->kind != OP_ACCEPT)
        return;
    if (b->lights[0].account != a)
        b->lights[1] = b->lights[0];
    b->lights[0] = (Light) { .account = a, .until_ms = now.mono_ms + WEIGHT_LASTS_MS };
}

static void note_calm(Now now, Account *a) {
    if (now.mono_ms >= a->came_ms + WEIGHT_LASTS_MS)
        a->calm_since_ms = now.mono_ms;
    a->came_ms = now.mono_ms;
}

void weight_note(Broker *b, Now now, Account *a, const StoreOp *op, int64_t cost) {
    note_calm(now, a);
    note_cost(b, now, a, op, cost);
}

void weight_note_put_off(Broker *b, Now now, Account *a) {
    a->calm_since_ms = now.mono_ms;
    weight_note_pressed(b, now, a);
}

void weight_forget(Broker *b, const Account *a) {
    for (unsigned i = 0; i < ARRAY_SIZE(b->lights); i++)
        if (b->lights[i].account == a)
            b->lights[i].account = NULL;
}

bool broker_is_beside_light(const Broker *b, Now now) {
    return weight_is_beside_light(b, now, NULL);
}

bool broker_is_pressed(const Broker *b, Now now) {
    return now.mono_ms < b->pressed_until_ms;
}
