/* SPDX-License-Identifier: Apache-2.0 */
/* The sender is asked for a wrap when a recipient has no key that the sealed part is sealed to. */
#include "test.h"

#include "core/wrap.h"
#include "law-fixture.h"
#include "store/ledger.h"

#define ALSO "dsk/3204"

/* A sealed part of these tests is the numbers of the keys it is sealed to, behind a mark. */
#define SEALED_TO(keys) ("S" keys)
#define COMMITMENT      0x5c

static SealPublic public_key(char number) {
    return (SealPublic) { { (uint8_t)number, 1 } };
}

static uint32_t fake_sealed_wraps(Bytes sealed, uint8_t *ret_commitment, SealWrap *ret) {
    if (sealed.p[0] != 'S')
        return 0;
    memset(ret_commitment, COMMITMENT, SEAL_COMMITMENT_SIZE);
    for (size_t i = 1; i < sealed.n; i++) {
        const SealPublic k = public_key((char)sealed.p[i]);
        ret[i - 1] = (SealWrap) { .key = key_id(k.b) };
    }
    return (uint32_t)sealed.n - 1;
}

static WrapRequest asked; /* the last one; what it borrows is not looked at */

static Body *fake_encode_wrap_request(const WrapRequest *r, const char *self) {
    (void)self;
    asked = *r;
    return body_new(bytes_make("request", 7), bytes_make("facts", 5), bytes_make(NULL, 0));
}

typedef struct Has {
    const char *node;
    char number; /* of its sealing key; 0 = it has none */
} Has;

static void import_keys(Fixture *f, const Has *list, uint32_t n) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_keys = n;
    op->import.keys = calloc(n, sizeof(DirKey));
    for (uint32_t i = 0; i < n; i++) {
        DirKey *k = &op->import.keys[i];
        if (list[i].number != 0)
            k->seal = public_key(list[i].number);
        memset(k->curve, 'k', CURVE_TEXT_SIZE - 1);
        k->curve[0] = (char)('a' + i);
        k->curve[1] = list[i].number ? list[i].number : 'x';
        text_copy(k->node, sizeof(k->node), list[i].node);
        snprintf(k->label, sizeof(k->label), "key %u", (unsigned)i);
    }
    run(f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

/* HOME has the keys 1 and 2, ALSO and REMOTE the keys 3 and 4, pks one that opens nothing. */
static void wraps_init(Fixture *f) {
    static const Has has[] = {
        { HOME, '1' }, { HOME, '2' }, { ALSO, '3' }, { REMOTE, '4' }, { "pks/3203052001", 0 },
    };
    fixture_init(f);
    f->codec.sealed_wraps = fake_sealed_wraps;
    f->codec.encode_wrap_request = fake_encode_wrap_request;
    import_keys(f, has, ARRAY_SIZE(has));
    asked = (WrapRequest) { 0 };
}
#define WRAPS(f)                                                                                   \
    _cleanup_(fixture_deinit) Fixture f;                                                           \
    wraps_init(&f)

static Message *sealed_message(Fixture *f, const char *to, const char *sealed) {
    Message *m = message_to(f, to, 1);
    give_body(m, "envelope", "facts", sealed);
    return m;
}

static const char *warnings(const StoreOp *op, char *ret, size_t size) {
    const Reasons *r = op->accept.result.reasons;
    ret[0] = '\0';
    for (uint32_t i = 0; r && i < r->n; i++)
        snprintf(ret + strlen(ret), size - strlen(ret), "%s %s;", r->list[i].code,
                 r->list[i].field);
    return ret;
}
#define ASSERT_WARNED(op, want)                                                                    \
    do {                                                                                           \
        char _text[512];                                                                           \
        ASSERT_STR(warnings((op), _text, sizeof(_text)), (want));                                  \
    } while (0)

static uint64_t n_asked(Fixture *f) {
    return queued(f, QUEUE_RECEIPTS, SENDER);
}

TEST(who_can_open_it_with_any_of_its_keys_needs_no_wrap) {
    static const char *const sealed[] = { SEALED_TO("1"), SEALED_TO("2"), SEALED_TO("91"),
                                          SEALED_TO("29") };
    WRAPS(f);
    for (size_t i = 0; i < ARRAY_SIZE(sealed); i++) {
        StoreOp *op = publish(&f, sealed_message(&f, HOME, sealed[i]));
        ASSERT_WARNED(op, "");
        store_op_free(op);
    }
    ASSERT_EQ(n_asked(&f), 0);
}

TEST(what_is_asked_of_the_sender) {
    WRAPS(f);
    Message *m = sealed_message(&f, HOME, SEALED_TO("39"));
    const Uuid id = m->env.message_id;
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_WARNED(op, "SEALED_NOT_FOR " HOME ";");
    store_op_free(op);
    ASSERT_TRUE(uuid_equal(&asked.message_id, &id));
    ASSERT_STR(asked.to, SENDER);
    ASSERT_STR(asked.recipient, HOME);
    ASSERT_STR(asked.instead_of, "");
    ASSERT_STR(asked.by, "");
    ASSERT_EQ(asked.reason, WRAP_ROUTED);
    ASSERT_EQ(asked.asked_ms, f.now_ms);
    ASSERT_EQ(asked.commitment[SEAL_COMMITMENT_SIZE - 1], COMMITMENT);
    ASSERT_EQ(asked.n_wraps, 2);
    const SealPublic last = public_key('9');
    const KeyId want = key_id(last.b);
    ASSERT_TRUE(key_id_equal(&asked.wraps[1].key, &want));
    WrapRequestFacts facts = { .message_id = id, .reason = WRAP_ROUTED, .asked_ms = f.now_ms };
    strcpy(facts.recipient_node, HOME);
    const Uuid own = wrap_request_id(&facts, SELF);
    ASSERT_TRUE(uuid_equal(&asked.id, &own));
    assert_sound(&f);
}

TEST(a_request_goes_before_routine_mail_and_lives_as_long_as_any_message) {
    WRAPS(f);
    Message *m = sealed_message(&f, HOME, SEALED_TO("9"));
    m->env.expires_ms = f.now_ms + HOUR_MS;
    store_op_free(publish(&f, m));
    StoreOp *op = load(&f, queue_id(&f, QUEUE_RECEIPTS, SENDER, NULL), LANE_PRIORITY, 10);
    ASSERT_EQ(op->load.n, 1);
    ASSERT_EQ(op->load.rows[0].expires_ms, f.now_ms + f.config.accept.default_expiry_ms);
    StoreOp *b = bodies(&f, &op->load.rows[0], QUEUE_RECEIPTS);
    ASSERT_TRUE(uuid_equal(&b->bodies.wanted[0].message_id, &asked.id));
    ASSERT_STR(b->bodies.wanted[0].recipient.node, SENDER);
    ASSERT_EQ(b->bodies.wanted[0].accepted_ms, f.now_ms);
    store_op_free(b);
    store_op_free(op);
}

TEST(who_has_no_key_to_open_with_is_a_warning_alone) {
    static const char *const nobody[] = { "pks/3203052001", "dsp/32" }; /* a key; none at all */
    WRAPS(f);
    for (size_t i = 0; i < ARRAY_SIZE(nobody); i++) {
        char want[64];
        StoreOp *op = publish(&f, sealed_message(&f, nobody[i], SEALED_TO("1")));
        snprintf(want, sizeof(want), "SEALED_NOT_FOR %s;", nobody[i]);
        ASSERT_WARNED(op, want);
        store_op_free(op);
    }
    ASSERT_EQ(n_asked(&f), 0);
}

TEST(each_recipient_is_looked_at_for_itself) {
    WRAPS(f);
    Message *m = sealed_message(&f, HOME, SEALED_TO("1"));
    also_to(m, ALSO);
    also_to(m, REMOTE);
    StoreOp *op = publish(&f, m);
    ASSERT_WARNED(op, "SEALED_NOT_FOR " ALSO ";SEALED_NOT_FOR " REMOTE ";");
    store_op_free(op);
    ASSERT_EQ(n_asked(&f), 2);
}

TEST(one_message_makes_us_ask_four_times_at_most) {
    static const char *const nodes[] = { HOME, ALSO, REMOTE, "dsp/33", "dsk/3306", "dsp/32" };
    Has has[ARRAY_SIZE(nodes)];
    WRAPS(f);
    Message *m = sealed_message(&f, HOME, SEALED_TO("z"));
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        has[i] = (Has) { nodes[i], (char)('a' + i) };
        if (i > 0)
            also_to(m, nodes[i]);
    }
    import_keys(&f, has, ARRAY_SIZE(has));
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->accept.result.reasons->n, ARRAY_SIZE(nodes)); /* all are warned of */
    ASSERT_EQ(op->n_wraps_asked, 4);
    store_op_free(op);
    ASSERT_EQ(n_asked(&f), 4);
}

TEST(what_is_not_sealed_or_in_no_form_we_know_is_not_asked_about) {
    static const char *const sealed[] = { "", "other" };
    WRAPS(f);
    for (size_t i = 0; i < ARRAY_SIZE(sealed); i++) {
        StoreOp *op = publish(&f, sealed_message(&f, HOME, sealed[i]));
        ASSERT_WARNED(op, "");
        store_op_free(op);
    }
    ASSERT_EQ(n_asked(&f), 0);
}

/* The broker that took it has asked. */
TEST(what_comes_over_a_link_is_not_asked_about) {
    WRAPS(f);
    Message *m = sealed_message(&f, HOME, SEALED_TO("9"));
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_wraps_asked, 0);
    store_op_free(op);
}

TEST(who_writes_to_itself_is_not_asked) {
    static const Has has[] = { { SENDER, '7' } };
    WRAPS(f);
    import_keys(&f, has, 1);
    Message *m = sealed_message(&f, SENDER, SEALED_TO("1"));
    also_to(m, HOME);
    StoreOp *op = publish(&f, m);
    ASSERT_WARNED(op, "");
    ASSERT_EQ(op->n_wraps_asked, 0);
    store_op_free(op);
}

/* The sealed part is not for them. */
TEST(nobody_is_asked_to_let_a_supervisor_read_it) {
    static const Has has[] = { { "dsp/32", '8' } };
    WRAPS(f);
    import_keys(&f, has, 1);
    Message *m = request(&f, HOME, ALSO);
    give_body(m, "envelope", "facts", SEALED_TO("3"));
    StoreOp *op = publish(&f, m);
    ASSERT_WARNED(op, "");
    ASSERT_EQ(op->n_wraps_asked, 0);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsp/32"), 1);
}

/* --- dead letters ----------------------------------------------------------------------------- */

static Uuid die(Fixture *f, Message *m) {
    const Uuid id = m->env.message_id;
    const DeliveryRow row = deposit(f, m);
    store_op_free(change(f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    return id;
}

TEST(a_redirected_letter_is_asked_about_for_who_gets_it_now) {
    WRAPS(f);
    const Uuid id = die(&f, sealed_message(&f, HOME, SEALED_TO("1")));
    StoreOp *op = operate(&f, DEAD_REDIRECT, &id, HOME, ALSO);
    ASSERT_EQ(op->n_wraps_asked, 1);
    store_op_free(op);
    ASSERT_STR(asked.recipient, ALSO);
    ASSERT_STR(asked.instead_of, HOME);
    ASSERT_STR(asked.by, "hub");
    ASSERT_EQ(asked.reason, WRAP_REDIRECTED);
}

TEST(a_letter_sent_again_is_asked_about_when_the_keys_are_others) {
    WRAPS(f);
    const Uuid id = die(&f, sealed_message(&f, ALSO, SEALED_TO("3")));
    StoreOp *op = operate(&f, DEAD_REQUEUE, &id, ALSO, "");
    ASSERT_EQ(op->n_wraps_asked, 0);
    store_op_free(op);
    const Uuid other = die(&f, sealed_message(&f, HOME, SEALED_TO("3")));
    op = operate(&f, DEAD_REQUEUE, &other, HOME, "");
    ASSERT_EQ(op->n_wraps_asked, 1);
    store_op_free(op);
    ASSERT_STR(asked.instead_of, "");
    ASSERT_STR(asked.by, "hub");
    ASSERT_EQ(asked.reason, WRAP_REQUEUED);
}

TEST(what_was_asked_is_on_record) {
    _cleanup_(buf_deinit) Buf hold = { 0 };
    LedgerBlock b;
    LedgerEntry e;
    LedgerReader r;
    uint32_t n = 0;
    WRAPS(f);
    const Uuid id = die(&f, sealed_message(&f, HOME, SEALED_TO("1")));
    store_op_free(operate(&f, DEAD_REDIRECT, &id, HOME, ALSO));
    for (int64_t at = 0; ledger_read(f.store, at, &hold, &b); at = b.number) {
        ledger_reader_init(&r, b.body);
        while (ledger_next(&r, &e)) {
            if (e.kind != LEDGER_WRAP_ASKED)
                continue;
            ASSERT_TRUE(uuid_equal(&e.message_id, &id));
            ASSERT_STR(e.node, ALSO);
            ASSERT_STR(e.peer, "hub");
            ASSERT_EQ(e.code, WRAP_REDIRECTED);
            n++;
        }
    }
    ASSERT_EQ(n, 1);
}

TEST_MAIN
