/* SPDX-License-Identifier: Apache-2.0 */

/* An operator on a broker's own machine: lists its dead letters, takes one, and requeues, redirects
 * or discards it. What it hears comes in the middle of the broker's turn, so it acts a moment
 * later.
 */

#include "sim/sim-world.h"

#define LIST_QUERY     1U
#define VERB_QUERY     2U
#define REDIRECT_QUERY 3U

static void say(World *w, SimBroker *sb, const Frame *f) {
    uint8_t *p;
    size_t n;
    int r = codec_encode_frame(f, &p, &n);
    assert(r == 0);
    const Bytes part = bytes_make(p, n);
    (void)sim_broker_take(w, sb,
                          &(PeerMessage) { .port = PORT_ADMIN,
                                           .route = bytes_make("operator", 8),
                                           .user_id = "uid:0",
                                           .parts = &part,
                                           .n_parts = 1 });
    free(p);
}

void operator_asks(World *w, SimBroker *sb, Dice dice) {
    Frame hello = { .kind = FRAME_HELLO,
                    .hello = { .protocol_min = 1, .protocol_max = 1, .instance_id = { { 1 } } } };
    Frame list = { .kind = FRAME_QUERY,
                   .query = { .query = LIST_QUERY, .verb = "dead-list", .limit = 100 } };
    sb->order.dice = dice;
    sb->order.verb = NULL;
    say(w, sb, &hello);
    say(w, sb, &list);
}

/* Lines for the directory, at the hub; nothing while it is down. */
static void import(World *w, char *lines, int length) {
    SimBroker *hub = &w->brokers[0];
    Frame hello = { .kind = FRAME_HELLO,
                    .hello = { .protocol_min = 1, .protocol_max = 1, .instance_id = { { 1 } } } };
    Frame f = { .kind = FRAME_QUERY,
                .query = { .query = VERB_QUERY,
                           .verb = "node-import",
                           .input = (uint8_t *)lines,
                           .n_input = (size_t)length } };
    if (!hub->broker)
        return;
    say(w, hub, &hello);
    say(w, hub, &f);
}

void operator_moves(World *w, const char *node, const char *home) {
    char line[300];
    const int length = snprintf(line, sizeof(line),
                                "{\"node\":{\"id\":\"%s\",\"kind\":\"SOCIAL_AGENCY_REGENCY\","
                                "\"name\":\"%s\",\"home\":\"%s\"}}\n",
                                node, node, home);
    import(w, line, length);
}

/* A node that takes no part in anything, and its key, which is revoked and given back. */
void operator_edits(World *w, Dice dice) {
    char lines[400];
    const unsigned n = dice_below(&dice, 20);
    if (!w->brokers[0].broker)
        return;
    const int length = snprintf(
        lines, sizeof(lines),
        "{\"node\":{\"id\":\"lks/%05u\",\"kind\":\"LKS\",\"name\":\"%u\",\"inactive\":true}}\n"
        "{\"key\":{\"node\":\"lks/%05u\",\"label\":\"main\",\"curve\":\"%040u\",\"revoked\":%s}}\n",
        n, w->n_edits++, n, n, dice_once_in(&dice, 2) ? "true" : "false");
    import(w, lines, length);
}

static const char *cell(const Table *t, uint32_t row, const char *name) {
    for (uint32_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return table_cell(t, row, i);
    return "";
}

/* One who has no part in it yet; NULL = it is not redirected. */
static const char *some_target(World *w, SimBroker *sb, const Uuid *id) {
    const Parcel *i = parcel_find(w, id);
    const unsigned n = dice_below(&sb->order.dice, w->n_nodes);
    const bool busy = sb->order.asked_for && sb->order.asked_in == sb->generation;
    if (!i || busy || i->n_to == RECIPIENTS || n == i->client || parcel_is_for(i, n) ||
        dice_once_in(&sb->order.dice, 3))
        return NULL;
    return w->clients[n].name;
}

/* From now on it may come to the target; it must when the broker has said so. */
static void redirect_begins(World *w, SimBroker *sb, const Uuid *id) {
    Parcel *i = parcel_find(w, id);
    for (unsigned n = 0; n < w->n_nodes; n++)
        if (strcmp(w->clients[n].name, sb->order.target) == 0)
            i->to[i->n_to++] = (unsigned char)n;
    i->n_instead++;
    sb->order.asked = *id;
    sb->order.asked_for = sb->order.target;
    sb->order.asked_in = sb->generation;
    TELL(w, .phase = HISTORY_INVOKE, .op = HISTORY_REDIRECT, .who = sb->name, .id = *id,
         .recipient = sb->order.target);
}

/* It will not come to that node. */
static void redirect_is_refused(World *w, SimBroker *sb) {
    Parcel *i = parcel_find(w, &sb->order.asked);
    const unsigned named = i->n_to - i->n_instead;
    unsigned kept = named;
    for (unsigned k = named; k < i->n_to; k++)
        if (strcmp(w->clients[i->to[k]].name, sb->order.asked_for) != 0)
            i->to[kept++] = i->to[k];
    i->n_instead = kept - named;
    i->n_to = kept;
}

static void redirect_answered(World *w, SimBroker *sb, bool done) {
    if (!sb->order.asked_for)
        return;
    if (!done)
        redirect_is_refused(w, sb);
    TELL(w, .phase = done ? HISTORY_OK : HISTORY_FAIL, .op = HISTORY_REDIRECT, .who = sb->name,
         .id = sb->order.asked, .recipient = sb->order.asked_for);
    sb->order.asked_for = NULL;
}

static void choose(World *w, SimBroker *sb, const Table *t) {
    const uint32_t row = dice_below(&sb->order.dice, table_rows(t));
    Uuid id;
    if (table_rows(t) == 0 || text_starts_with(cell(t, row, "queue"), "subscription") ||
        uuid_parse(cell(t, row, "message_id"), &id) < 0 ||
        !dead_is_judged(w, &id, cell(t, row, "recipient")))
        return;
    (void)text_copy(sb->order.id, sizeof(sb->order.id), cell(t, row, "message_id"));
    (void)text_copy(sb->order.recipient, sizeof(sb->order.recipient), cell(t, row, "recipient"));
    sb->order.verb = dice_once_in(&sb->order.dice, 3) ? "dead-discard" : "dead-requeue";
    sb->order.target = some_target(w, sb, &id);
    if (sb->order.target)
        sb->order.verb = "dead-redirect";
    agenda_add(&w->agenda, w->now_ms + 1, EVENT_OPERATOR, (unsigned)(sb - w->brokers),
               sb->generation);
}

void operator_hears(World *w, SimBroker *sb, Bytes frame) {
    const char *why;
    Frame f = { 0 };
    if (codec_decode_frame(frame, FRAME_ANSWER_MAX, &f, &why) != 0) {
        world_wrong(w, "the operator of %s got an unreadable frame: %s", sb->name, why);
        return;
    }
    if (f.kind == FRAME_RESULT && f.result.query == LIST_QUERY && f.result.table)
        choose(w, sb, f.result.table);
    if (f.kind == FRAME_RESULT && f.result.query == REDIRECT_QUERY && f.result.table)
        redirect_answered(w, sb, f.result.table->code == 0);
    frame_deinit(&f);
}

void operator_acts(World *w, SimBroker *sb) {
    Uuid id;
    if (!sb->order.verb || uuid_parse(sb->order.id, &id) < 0)
        return;
    world_note(w, sb->name, "operator: %s %s %s", sb->order.verb, sb->order.id,
               sb->order.recipient);
    TELL(w, .phase = HISTORY_INFO, .op = HISTORY_REQUEUE, .who = sb->name, .id = id,
         .recipient = sb->order.recipient);
    char reason[] = "simulated", target[NODE_NAME_SIZE];
    Frame f = { .kind = FRAME_QUERY, .query = { .query = VERB_QUERY, .n_args = 2 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), sb->order.verb);
    f.query.args[0] = sb->order.id;
    f.query.args[1] = sb->order.recipient;
    if (strcmp(sb->order.verb, "dead-discard") == 0)
        f.query.args[f.query.n_args++] = reason;
    if (sb->order.target && text_copy(target, sizeof(target), sb->order.target)) {
        redirect_begins(w, sb, &id);
        f.query.query = REDIRECT_QUERY;
        f.query.args[f.query.n_args++] = target;
    }
    sb->order.verb = NULL;
    consume_requeued(w, &id);
    say(w, sb, &f);
}
