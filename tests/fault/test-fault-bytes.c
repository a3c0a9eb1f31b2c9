/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Everything that turns bytes into values, over the corpus of the fuzzers: for every input, every
 * allocation fails in turn. What comes back is -ENOMEM, or exactly what comes back with memory
 * enough; and nothing stays behind.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "daemon/config.h"
#include "fault/fault.h"
#include "fuzz/fuzz.h"
#include "test.h"
#include "unit/sealed-golden.h"
#include "wire/codec.h"
#include "wire/json.h"

#define NOW_MS INT64_C(1741575900000)

typedef struct Case {
    const char *path;
    Bytes in;
    Buf out; /* what came of it, to compare; made while faults are paused */
} Case;

static void note(Case *c, const void *p, size_t n) {
    fault_pause(true);
    buf_add(&c->out, p, n);
    fault_pause(false);
}

/* --- pieces of work: 0, a verdict, or a negative errno --- */

static int do_frame(Case *c) {
    _cleanup_(frame_deinit) Frame f = { 0 };
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n = 0;
    const char *why = NULL;
    int r = codec_decode_frame(c->in, FRAME_ANSWER_MAX, &f, &why);
    if (r == 0)
        r = codec_encode_frame(&f, &p, &n);
    if (r == 0)
        note(c, p, n);
    return r;
}

static int do_envelope(Case *c) {
    Envelope e;
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n = 0;
    const char *why = NULL;
    int r = codec_decode_envelope(c->in, &e, &why);
    if (r == 0)
        r = codec_encode_envelope(&e, &p, &n);
    if (r == 0)
        note(c, p, n);
    return r;
}

static int do_message(Case *c) {
    Input in = { c->in.p, c->in.n };
    _cleanup_(message_freep) Message *m = calloc(1, sizeof(*m));
    _cleanup_(freep) char *text = NULL;
    const char *why = NULL;
    if (!m)
        return -ENOMEM;
    const Bytes envelope = take_part(&in), facts = take_part(&in), sealed = take_bytes(&in, in.n);
    int r = codec_decode_message(envelope, facts, sealed, m, &why);
    if (r != 0)
        return r;
    note(c, m->digest, sizeof(m->digest));
    note(c, &m->facts.readable, sizeof(m->facts.readable));
    fault_in_jansson(true);
    r = json_print_message(envelope, facts, sealed, NULL, true, &text);
    fault_in_jansson(false);
    if (r == 0)
        note(c, text, strlen(text));
    return r;
}

static int do_filter(Case *c) {
    uint8_t bytes[FRAME_MAX];
    Filter f = { 0 };
    int r = codec_decode_filter(c->in, &f);
    if (r == 0) {
        const Bytes b = codec_encode_filter(&f, bytes, sizeof(bytes));
        note(c, b.p, b.n);
        r = b.n > 0 ? 0 : -ENOMEM; /* "did not fit" is how the encoder says both */
    }
    return r;
}

static int do_sealed(Case *c) {
    _cleanup_(sealed_deinit) Sealed s = { 0 };
    _cleanup_(secret_deinit) Secret text = { 0 };
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n = 0;
    const char *why = NULL;
    const SealBinding of = golden_binding();
    const SealKey k = golden_key("recipient two");
    int r = codec_decode_sealed(c->in, &s, &why);
    if (r == 0)
        r = codec_encode_sealed(&s, &p, &n);
    if (r == 0) {
        note(c, p, n);
        r = seal_open(&of, &s, &k, 1, &text);
    }
    if (r == 0)
        note(c, text.p, text.n);
    return r;
}

static int do_json_message(Case *c) {
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    char why[JSON_WHY_SIZE];
    int r = json_parse_message((const char *)c->in.p, c->in.n, "dsk/3203", NOW_MS, &m, why);
    if (r == 0) {
        note(c, m.envelope, m.n_envelope);
        note(c, m.facts, m.n_facts);
    }
    return r;
}

static int do_json_filter(Case *c) {
    char why[JSON_WHY_SIZE];
    Filter f = { 0 };
    int r = json_parse_filter((const char *)c->in.p, &f, why); /* the runner puts a NUL behind it */
    if (r == 0)
        note(c, &f, sizeof(f));
    return r;
}

static int add_line(Directory *d, const DirRecord *line) {
    if (line->kind == DIR_NODE)
        return directory_add_node(d, &line->node);
    if (line->kind == DIR_KEY)
        return directory_add_key(d, &line->key);
    if (line->kind == DIR_REGION)
        return directory_add_region(d, &line->region);
    return directory_add_holiday(d, &line->holiday);
}

static int do_directory_line(Case *c) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    Input in = { c->in.p, c->in.n };
    int r = directory_new(&d);
    while (r == 0 && in.n > 0) {
        char why[JSON_WHY_SIZE];
        DirRecord line;
        const uint8_t *end = memchr(in.p, '\n', in.n);
        const Bytes text = take_bytes(&in, end ? (size_t)(end - in.p) : in.n);
        (void)take_byte(&in);
        r = json_parse_directory_line((const char *)text.p, text.n, &line, why);
        if (r == 0)
            r = add_line(d, &line);
    }
    if (r == 0)
        r = directory_seal(d, 1);
    for (size_t i = 0; r == 0 && i < directory_node_count(d); i++)
        note(c, directory_node_at(d, i)->id, NODE_NAME_SIZE);
    return r;
}

static int do_config(Case *c) {
    _cleanup_(config_freep) Config *config = NULL;
    _cleanup_(buf_deinit) Buf complaints = { 0 }, text = { 0 };
    int r = config_load(&config, c->path, &complaints);
    if (r != 0)
        return r;
    config_print(config, &text);
    if (text.failed)
        return -ENOMEM;
    note(c, text.p, text.n);
    return 0;
}

/* --- the runner --- */

typedef int Work(Case *c);

static void one_failure(Work *work, const Case *good, int expected, unsigned long nth,
                        FaultMode mode, bool *ret_fired) {
    Case c = { .path = good->path, .in = good->in };
    const long live = fault_live();
    fault_arm(nth, mode);
    int r = work(&c);
    (void)fault_disarm(ret_fired);
    if (r == -ENOMEM && *ret_fired)
        r = expected;
    else if (!bytes_equal(buf_bytes(&c.out), buf_bytes(&good->out)))
        fail_msg("%s: allocation %lu failed: another result: %d and %zu bytes instead of %zu",
                 c.path, nth, r, c.out.n, good->out.n);
    if (r != expected)
        fail_msg("%s: allocation %lu failed: %d instead of %d", c.path, nth, r, expected);
    buf_deinit(&c.out);
    if (fault_live() != live)
        fail_msg("%s: allocation %lu failed: %ld blocks leaked", c.path, nth, fault_live() - live);
}

static unsigned long run_file(Work *work, const char *path) {
    unsigned long failures = 0;
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    const size_t room = 1 << 20;
    uint8_t *p = calloc(1, room);
    assert_non_null(p);
    Case good = { .path = path };
    good.in = bytes_make(p, fread(p, 1, room - 1, f));
    (void)fclose(f);
    const int expected = work(&good);
    for (FaultMode mode = FAULT_ONCE; mode <= FAULT_FROM; mode++) {
        bool fired = true;
        for (unsigned long n = 1; fired; n += 1 + n / 100, failures++)
            one_failure(work, &good, expected, n, mode, &fired);
    }
    buf_deinit(&good.out);
    free(p);
    return failures;
}

static void run(Work *work, const char *target) {
    char folder[512], path[1024];
    struct dirent **list = NULL;
    unsigned long failures = 0;
    (void)snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", TEST_SOURCE_DIR, target);
    fault_install();
    int n = scandir(folder, &list, NULL, alphasort);
    assert_true(n > 2);
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        if (list[i]->d_name[0] != '.')
            failures += run_file(work, path);
        free(list[i]);
    }
    free(list);
    print_message("%s: %lu failures in %d inputs\n", target, failures, n - 2);
}

TEST(frames_survive_any_allocation_failing) {
    run(do_frame, "frame");
}

TEST(envelopes_survive_any_allocation_failing) {
    run(do_envelope, "envelope");
}

TEST(messages_survive_any_allocation_failing) {
    run(do_message, "message");
}

TEST(filters_survive_any_allocation_failing) {
    run(do_filter, "filter");
}

TEST(sealed_parts_survive_any_allocation_failing) {
    run(do_sealed, "sealed");
}

TEST(message_files_survive_any_allocation_failing) {
    run(do_json_message, "json-message");
}

TEST(typed_filters_survive_any_allocation_failing) {
    run(do_json_filter, "json-filter");
}

TEST(directories_survive_any_allocation_failing) {
    run(do_directory_line, "directory-line");
}

TEST(configurations_survive_any_allocation_failing) {
    run(do_config, "config");
}

TEST(receipts_and_recall_orders_survive_any_allocation_failing) {
    const Receipt r = { .message_id = { { 1 } },
                        .sender = "dsk/3306",
                        .recipient = "lks/3306/0001",
                        .level = LEVEL_COLLECTED,
                        .leg = "upt/satria",
                        .said_ms = NOW_MS };
    for (FaultMode mode = FAULT_ONCE; mode <= FAULT_FROM; mode++) {
        bool fired = true;
        for (unsigned long n = 1; fired; n++) {
            const long live = fault_live();
            uint8_t *p = NULL;
            size_t size = 0;
            fault_arm(n, mode);
            Body *b = codec_encode_receipt(&r, "upt/satria", NOW_MS);
            int e = codec_encode_recall_order(&r.message_id, "sent twice", &p, &size);
            (void)fault_disarm(&fired);
            ASSERT_TRUE(fired || (b && e == 0));
            ASSERT_TRUE(e == 0 || e == -ENOMEM);
            (void)body_unref(b);
            free(p);
            ASSERT_EQ(fault_live(), live);
        }
    }
}

TEST_MAIN
