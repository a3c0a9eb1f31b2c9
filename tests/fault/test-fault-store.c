/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The store, and a broker over it, with the n-th allocation failing: in SQLite or in our code, once
 * or from then on. Each attempt runs in a process of its own, on a fresh copy of a small store in
 * memory, and is judged afterwards with memory enough: the store opens again, holds together, and
 * has every message of which somebody was told ACCEPTED, with what the law makes of it.
 */

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "fault/fault.h"
#include "fuzz/broker-world.h"
#include "fuzz/fuzz.h"
#include "store/ledger.h"
#include "store/refold.h"
#include "test.h"
#include "wire/codec.h"
#include "wire/json.h"

#define EXIT_FINE    0
#define EXIT_NOT_HIT 10 /* ran to its end before the n-th allocation */

static World world;

/* --- what is judged afterwards --- */

static StoreOp *ask(World *w, const char *verb, const Uuid *id) {
    StoreOp *op = store_op_new(OP_QUERY);
    FUZZ_CHECK(op);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), verb);
    if (id) {
        char text[UUID_TEXT_SIZE];
        uuid_format(id, text);
        op->query.args[op->query.n_args++] = strdup(text);
    }
    FUZZ_CHECK(store_run(w->store, op, w->now.wall_ms) == 0);
    FUZZ_CHECK(op->query.table && !op->query.table->failed);
    return op;
}

static void say_line(void *data, const char *line) {
    (void)data;
    fprintf(stderr, "refold: %s\n", line);
}

/* Of a message that opens one: byte 14 of its id says what. */
static bool item_is_there(World *w, const Uuid *id) {
    static const char *const kinds[] = { "referral", "complaint", "event" };
    const unsigned what = id->b[14];
    if (what == 0)
        return true;
    char text[UUID_TEXT_SIZE];
    _cleanup_(store_op_freep) StoreOp *op = store_op_new(OP_QUERY);
    FUZZ_CHECK(op && what <= ARRAY_SIZE(kinds));
    uuid_format(id, text);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), "item");
    op->query.args[op->query.n_args++] = strdup(kinds[what - 1]);
    op->query.args[op->query.n_args++] = strdup(text);
    FUZZ_CHECK(store_run(w->store, op, w->now.wall_ms) == 0);
    return op->query.table->code == 0;
}

/* The items are what the acts make of them. */
static void judge_items(World *w) {
    StoreConfig config;
    RefoldReport report;
    char why[256] = "", scratch[128];
    world_store_config(w, &config);
    (void)snprintf(scratch, sizeof(scratch), "%s/scratch.db", w->folder);
    FUZZ_CHECK(store_refold(&config, scratch, false, &report, say_line, NULL, why) == 0);
    FUZZ_CHECK(report.different == 0 && report.unread == 0);
}

/* The ledger is one whole chain, wherever the work ended. */
static void judge_ledger(World *w) {
    LedgerAudit *a = calloc(1, sizeof(*a));
    FUZZ_CHECK(a && store_audit(w->store, a, NULL, NULL) == 0);
    for (uint32_t i = 0; i < a->n_found; i++)
        if (!a->found[i].remark)
            (void)fprintf(stderr, "block %lld: %s\n", (long long)a->found[i].block,
                          a->found[i].text);
    FUZZ_CHECK(a->n_wrong == 0);
    free(a);
}

static void judge(World *w, bool items) {
    world_close(w);
    if (items)
        judge_items(w);
    FUZZ_CHECK(world_reopen_store(w) == 0);
    StoreOp *op = ask(w, "check", NULL);
    FUZZ_CHECK(op->query.table->code == 0);
    (void)store_op_free(op);
    judge_ledger(w);
    for (uint32_t i = 0; i < w->n_told; i++) {
        op = ask(w, "outcome", &w->told[i]);
        FUZZ_CHECK(op->query.table->code == 0 && table_rows(op->query.table) > 0);
        (void)store_op_free(op);
        FUZZ_CHECK(item_is_there(w, &w->told[i]));
    }
    w->store = store_close(w->store);
}

/* --- work --- */

typedef struct Story {
    const char *name;
    void (*prepare)(World *w); /* with memory enough */
    int (*work)(World *w);     /* 0, or what failed */
} Story;

static void nothing(World *w) {
    (void)w;
}

static void open_world(World *w) {
    FUZZ_CHECK(world_open(w) == 0);
}

static int open_and_close(World *w) {
    int r = world_open(w);
    if (r == 0)
        world_close(w);
    return r;
}

static int open_new_file(World *w) {
    (void)text_copy(w->path, sizeof(w->path), "");
    (void)snprintf(w->path, sizeof(w->path), "%s/new.db", w->folder);
    int r = world_reopen_store(w);
    w->store = store_close(w->store);
    return r;
}

static int say(World *w, BrokerPort port, unsigned peer, const Frame *f) {
    return world_say_frame(w, port, peer, f, NULL, 0);
}

static int hello(World *w, BrokerPort port, unsigned peer) {
    Frame f = { .kind = FRAME_HELLO,
                .hello = { .protocol_min = 1,
                           .protocol_max = 1,
                           .instance_id = { { 1, (uint8_t)port, (uint8_t)peer } } } };
    return say(w, port, peer, &f);
}

static int publish(World *w, unsigned peer, uint8_t number) {
    Envelope e = { .message_id = { { 1, 0x95, [6] = 0x70, [15] = number } },
                   .kind = KIND_CASE_CONFERENCE + 1000,
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .case_id = { { number } },
                   .urgency = URGENCY_ROUTINE,
                   .sensitivity = 1,
                   .created_ms = WORLD_START_MS - 1000,
                   .has_facts_digest = true };
    uint8_t *p = NULL;
    size_t n = 0;
    fault_pause(true);
    hash_digest((Bytes) { 0 }, e.facts_digest);
    (void)text_copy(e.sender, sizeof(e.sender), "dsk/3306");
    (void)text_copy(e.region, sizeof(e.region), "3306");
    e.audience.form = AUDIENCE_NODES;
    e.audience.n = 1;
    (void)text_copy(e.audience.nodes[0], NODE_NAME_SIZE, "lks/3306/0001");
    FUZZ_CHECK(codec_encode_envelope(&e, &p, &n) == 0);
    fault_pause(false);
    const Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = e.message_id } };
    const Bytes parts[2] = { bytes_make(p, n), { 0 } };
    int r = world_say_frame(w, PORT_CLIENTS, peer, &f, parts, 2);
    free(p);
    return r;
}

static int settle(World *w, unsigned peer, SettleAction action, uint64_t tag) {
    Settlement s = { .tags = { tag, tag }, .action = action };
    const Frame f = { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &s } };
    return say(w, PORT_CLIENTS, peer, &f);
}

static int query(World *w, const char *verb) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 1, .limit = 10 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
    int r = say(w, PORT_ADMIN, 0, &f);
    return r < 0 ? r : world_run(w);
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        int _r = (call);                                                                           \
        if (_r < 0)                                                                                \
            return _r;                                                                             \
    } while (0)

static int session(World *w) {
    const Frame mailbox = { .kind = FRAME_SUBSCRIBE,
                            .subscribe = {
                                .channel = 1, .source = SOURCE_MAILBOX, .credit_messages = 4 } };
    TRY(hello(w, PORT_CLIENTS, 0));
    TRY(hello(w, PORT_CLIENTS, 1));
    TRY(say(w, PORT_CLIENTS, 1, &mailbox));
    for (uint8_t i = 1; i <= 3; i++)
        TRY(publish(w, 0, i));
    TRY(world_run(w));
    TRY(settle(w, 1, SETTLE_DONE, 1));
    TRY(settle(w, 1, SETTLE_REJECT, 2));
    TRY(world_run(w));
    TRY(publish(w, 0, 1));
    TRY(world_pass(w, 6 * SECOND_MS));
    TRY(hello(w, PORT_ADMIN, 0));
    TRY(query(w, "status"));
    TRY(query(w, "queues"));
    return world_run(w);
}

static int child_link(World *w) {
    const Frame link = { .kind = FRAME_SUBSCRIBE,
                         .subscribe = {
                             .channel = 1, .source = SOURCE_LINK, .credit_messages = 4 } };
    const Frame ping = { .kind = FRAME_PING, .ping = { .sent_ms = 1 } };
    TRY(hello(w, PORT_CLIENTS, 2));
    TRY(say(w, PORT_CLIENTS, 2, &link));
    TRY(world_run(w));
    TRY(say(w, PORT_CLIENTS, 2, &ping));
    TRY(broker_uplink_connected(w->broker, w->now));
    TRY(world_run(w));
    TRY(broker_uplink_lost(w->broker, w->now));
    return world_run(w);
}

/* --- lawful messages: an answer before its request, a case, a complaint, an event, late timers ---
 */

#define ID(what, n) "01950000-0000-7000-0000-00000000" what n
#define ADULT       "\"cluster\": \"OTHER_PPKS\", \"sensitivity\": \"INTERNAL\""
#define TO(node)    "\"audience\": {\"to\": [\"" node "\"]}"
#define CASE        "\"case_id\": \"0195a1b2-0000-4000-8000-000000000001\""
#define HEAD(id, kind, more)                                                                       \
    "{\"envelope\": {\"message_id\": \"" id "\", \"kind\": \"" kind                                \
    "\", \"region\": \"3306\", \"urgency\": \"ROUTINE\", " more "}, \"facts\": "

static const struct {
    unsigned peer;
    const char *node, *text;
} law_messages[] = {
    { 1, "lks/3306/0001",
      HEAD(ID("00", "02"), "REFERRAL_RESPONSE", ADULT ", " CASE ", " TO("dsk/3306")) //
      "{\"referral_id\": \"" ID("01", "01") "\", \"decision\": \"RECEIVED\"}}" },
    { 0, "dsk/3306",
      HEAD(ID("01", "01"), "REFERRAL_REQUEST", ADULT ", " CASE ", " TO("lks/3306/0001")) //
      "{\"referral_kind\": \"INTER_AGENCY\", \"target_unit\": \"INDIVIDUAL\", \"criteria\": "
      "[\"POVERTY\"], \"age_band\": \"AGE_18_59\", \"requested_on\": \"2025-03-10\", "
      "\"approach\": \"COMMUNITY\", \"dtks_status\": \"LISTED\"}}" },
    { 0, "dsk/3306",
      HEAD(ID("00", "03"), "CASE_OPENED", ADULT ", " CASE ", " TO("upt/satria")) //
      "{\"access_source\": \"CASE_OUTREACH\", \"origin_id\": \"" ID(
          "00",
          "09") "\", "
                "\"cluster\": \"OTHER_PPKS\", \"criteria\": [\"POVERTY\"], \"target_unit\": "
                "\"INDIVIDUAL\", "
                "\"dtks_status\": \"NOT_LISTED\", \"case_manager\": {\"role\": \"SOCIAL_WORKER\", "
                "\"certificate_valid_until\": \"2034-08-31\"}}}" },
    { 1, "lks/3306/0001",
      HEAD(ID("02", "04"), "COMPLAINT", ADULT ", " TO("dsk/3306")) //
      "{\"type\": \"QUESTION\", \"channel\": \"WEB\", \"subject\": \"SOCIAL_AID\"}}" },
    { 0, "dsk/3306",
      HEAD(ID("00", "05"), "COMPLAINT_UPDATE", ADULT ", " TO("lks/3306/0001")) //
      "{\"complaint_id\": \"" ID("02", "04") "\", \"action\": \"CLASSIFY\"}}" },
    { 0, "dsk/3306",
      "{\"envelope\": {\"message_id\": \"" ID(
          "03",
          "06") "\", \"kind\": \"EXTRAORDINARY_EVENT\", "
                "\"region\": \"3306\", \"urgency\": \"EVENT\", \"sensitivity\": \"INTERNAL\", "
                "\"audience\": "
                "{\"scope\": [\"3306\"]}}, \"facts\": {\"event_type\": \"NATURAL_DISASTER\", "
                "\"status\": \"VERIFIED\", \"regions\": [\"3306\"], \"occurred_at\": "
                "\"2025-03-10T03:00:00Z\"}}" },
};

static int publish_text(World *w, unsigned peer, const char *node, const char *text) {
    char why[JSON_WHY_SIZE] = "";
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    fault_pause(true);
    if (json_parse_message(text, strlen(text), node, WORLD_START_MS - 1000, &m, why) < 0) {
        fprintf(stderr, "%s: %s\n", text, why);
        abort();
    }
    fault_pause(false);
    const Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = m.message_id } };
    const Bytes parts[2] = { bytes_make(m.envelope, m.n_envelope), bytes_make(m.facts, m.n_facts) };
    return world_say_frame(w, PORT_CLIENTS, peer, &f, parts, 2);
}

static int law(World *w) {
    TRY(hello(w, PORT_CLIENTS, 0));
    TRY(hello(w, PORT_CLIENTS, 1));
    for (size_t i = 0; i < ARRAY_SIZE(law_messages); i++) {
        TRY(publish_text(w, law_messages[i].peer, law_messages[i].node, law_messages[i].text));
        if (i % 2)
            TRY(world_run(w));
    }
    TRY(world_run(w));
    TRY(world_pass(w, 8 * DAY_MS));
    TRY(world_pass(w, 2 * SECOND_MS));
    return world_run(w);
}

static unsigned count_told(World *w) {
    FUZZ_CHECK(world_open(w) == 0 && law(w) == 0);
    const unsigned n = w->n_told;
    judge(w, true);
    return n;
}

/* --- the runner --- */

static _Noreturn void attempt(const Story *story, unsigned long nth, FaultMode mode) {
    bool fired;
    story->prepare(&world);
    fault_arm(nth, mode);
    int r = story->work(&world);
    (void)fault_disarm(&fired);
    /* SQLite now and then says "I/O error" for want of memory; never may it be "damaged". */
    if (r != 0 && !(fired && (r == -ENOMEM || r == -EIO))) {
        fprintf(stderr, "%s: allocation %lu: answer %d\n", story->name, nth, r);
        _exit(1);
    }
    judge(&world, story->work == law);
    _exit(fired ? EXIT_FINE : EXIT_NOT_HIT);
}

/* The allocations of a story: every one of the first hundred, then ever fewer. */
static void run(const Story *story) {
    unsigned long attempts = 0;
    for (FaultMode mode = FAULT_ONCE; mode <= FAULT_FROM; mode++) {
        int code = EXIT_FINE;
        for (unsigned long n = 1; code != EXIT_NOT_HIT; n += 1 + n / 30, attempts++) {
            int status;
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0)
                attempt(story, n, mode);
            assert_int_equal(waitpid(child, &status, 0), child);
            code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
            if (code != EXIT_FINE && code != EXIT_NOT_HIT)
                fail_msg("%s: allocation %lu failed (%s): the process ended with %d", story->name,
                         n, mode == FAULT_ONCE ? "alone" : "and all behind it", code);
        }
    }
    print_message("%s: %lu attempts\n", story->name, attempts);
}

static void remove_world(void) {
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", world.folder);
    ASSERT_OK(system(command));
}

static void in_world(const Story *story) {
    fault_install();
    ASSERT_OK(world_make(&world));
    world.pause = fault_pause;
    run(story);
    remove_world();
}

TEST(a_store_opens_or_says_why_not) {
    in_world(&(Story) { "open", nothing, open_and_close });
}

TEST(a_new_store_can_be_made_later) {
    in_world(&(Story) { "new file", nothing, open_new_file });
}

TEST(what_was_promised_is_there) {
    in_world(&(Story) { "session", open_world, session });
}

TEST(the_story_of_the_law_is_lawful) {
    ASSERT_OK(world_make(&world));
    ASSERT_EQ(count_told(&world), ARRAY_SIZE(law_messages));
    remove_world();
}

TEST(items_move_with_their_messages_or_not_at_all) {
    in_world(&(Story) { "law", open_world, law });
}

TEST(links_open_or_fail_cleanly) {
    in_world(&(Story) { "link", open_world, child_link });
}

TEST_MAIN
