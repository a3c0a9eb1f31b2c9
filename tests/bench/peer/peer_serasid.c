/* SPDX-License-Identifier: Apache-2.0 */
/* serasid: raw frames over CURVE, one connection for each publisher and the consumer; answers are
 * awaited as they come, deliveries settled by the range that one read brought. Options:
 *   home=DIR        made by serasid.sh: keys of the clients, public key of each broker by its port
 *   receipts=N      1 (default): COLLECTED for each message, as every user has; 0: of failures only
 *   case=N          1 (default): each message a case of its own; 0: no case and no facts
 *   sign=N          1: what its window lets go at once is signed as one tree; 0 (default): nothing
 * The queue is the mailbox of one of NODES agencies: the next one at each reset, so it is empty. */
#include "bench.h"

#include "base/base64.h"
#include "hop-bundle.c"
#include "hop-sign.c"
#include "hop.c"
#include "zmtp.c"

#define NODES   24U
#define PUB_BIT 34 /* number of a message: publisher, then sequence */

#define TREE_MAX 256U
#define BODY_MAX 4096U

int peer_inline = 0;

/* What is sent with the next signature. */
typedef struct Unsigned {
    SignKey key;
    unsigned n;
    struct {
        uint8_t envelope[HOP_ENVELOPE_MAX], body[BODY_MAX];
        size_t n_envelope, n_body;
    } list[TREE_MAX];
} Unsigned;

typedef struct Client {
    Zmtp z;
    HopMaker maker;
    Unsigned *to_sign; /* NULL: nothing is signed */
    HopBundle *bundle; /* of a publisher */
    HopWalk walk;      /* through a bundle that came; at = end: through none */
    uint64_t tag, settled, unsettled;
} Client;

/* --- keys and mailboxes --------------------------------------------------------------------- */

static void read_line(char *ret, size_t size, const char *what) {
    char path[300];
    snprintf(path, sizeof(path), "%.200s/%.80s", opt("home", "."), what);
    FILE *f = fopen(path, "r");
    if (!f || !fgets(ret, (int)size, f))
        die("%s: cannot be read", path);
    fclose(f);
    ret[strcspn(ret, "\n")] = '\0';
}

/* The text behind `name = ` in the keys of a client. */
static void read_key(char *ret, size_t size, const char *client, const char *name) {
    char path[300];
    const size_t n = strlen(name);
    snprintf(path, sizeof(path), "%.200s/%s/keys", opt("home", "."), client);
    FILE *f = fopen(path, "r");
    bool found = false;
    while (f && !found && fgets(ret, (int)size, f))
        found = !strncmp(ret, name, n) && !strncmp(ret + n, " = ", 3);
    if (!found)
        die("%s: no %s", path, name);
    fclose(f);
    ret[strcspn(ret, "\n")] = '\0';
    memmove(ret, ret + n + 3, strlen(ret + n + 3) + 1);
}

static void read_curve(uint8_t *ret, const char *client, const char *name) {
    char text[128];
    read_key(text, sizeof(text), client, name);
    if (zmtp_key_parse(text, ret) < 0)
        die("%s of %s is no key", name, client);
}

static void read_keys(ZmtpKeys *ret, int port, const char *name) {
    char what[64], text[128];
    ret->plain = false;
    snprintf(what, sizeof(what), "curve.%d", port);
    read_line(text, sizeof(text), what);
    if (zmtp_key_parse(text, ret->server) < 0)
        die("%s: no key", what);
    read_curve(ret->public, name, "curve-public");
    read_curve(ret->secret, name, "curve-secret");
}

static void read_sign_key(SignKey *ret, const char *name) {
    char text[128];
    uint8_t *p;
    size_t n;
    read_key(text, sizeof(text), name, "ed25519-secret");
    if (base64_decode(text, strlen(text), &p, &n) < 0 || n != SIGN_SECRET_SIZE)
        die("ed25519-secret of %s is no key", name);
    sign_key_from_seed(p, ret); /* which is its first half */
    free(p);
}

static unsigned mailbox(void) {
    char text[32];
    read_line(text, sizeof(text), "mailbox");
    return (unsigned)atoi(text) % NODES;
}

/* --- sessions ------------------------------------------------------------------------------- */

/* The next frame but PING, PONG: its number, 0 when none came in time, -1 at the end. */
static int next_frame(Client *c, int timeout_ms, HopField *ret, ZmtpMessage *m) {
    for (;;) {
        if (hop_walk_next(&c->walk, ret, m))
            return HOP_DELIVER;
        const int r = zmtp_next(&c->z, m);
        if (r < 0)
            return -1;
        if (r == 0) {
            const int filled = zmtp_fill(&c->z, timeout_ms);
            if (filled <= 0)
                return filled < 0 ? -1 : 0;
            continue;
        }
        const unsigned kind = hop_frame(m, ret);
        if (kind == HOP_PING) {
            hop_pong(&c->z);
            (void)zmtp_flush(&c->z);
        } else if (kind == HOP_BUNDLE) {
            hop_walk(&c->walk, ret);
        } else if (kind == HOP_ERROR || kind == HOP_BYE || kind == 0) {
            return -1;
        } else if (kind != HOP_PONG) {
            return (int)kind;
        }
    }
}

static Client *client_try(int port, const char *name) {
    Client *c = calloc(1, sizeof(*c));
    ZmtpKeys keys;
    ZmtpMessage m;
    HopField f;
    if (sodium_init() < 0)
        die("libsodium");
    read_keys(&keys, port, name);
    if (zmtp_open(&c->z, (unsigned)port, &keys) == 0) {
        for (uint64_t end = now_ns() + 5000000000ull; c->z.state != ZMTP_OPEN && now_ns() < end;)
            if (zmtp_next(&c->z, &m) < 0 || (c->z.state != ZMTP_OPEN && zmtp_fill(&c->z, 1000) < 0))
                break;
        if (c->z.state == ZMTP_OPEN) {
            hop_hello(&c->z, "bench");
            if (zmtp_flush(&c->z) == 0 && next_frame(c, 5000, &f, &m) == HOP_WELCOME)
                return c;
        }
    }
    zmtp_close(&c->z);
    free(c);
    return NULL;
}

static Client *client_open(int port, const char *name) {
    Client *c = client_try(port, name);
    if (!c)
        die("no session for %s on port %d", name, port);
    return c;
}

static void client_close(Client *c) {
    if (c) {
        zmtp_close(&c->z);
        free(c->to_sign);
        free(c->bundle);
    }
    free(c);
}

static Client *consumer_try(unsigned credit, uint64_t *ret_queued) {
    char name[32];
    ZmtpMessage m;
    HopField f;
    snprintf(name, sizeof(name), "mailbox%u", mailbox());
    Client *c = client_try(O.cport, name);
    if (!c)
        return NULL;
    hop_subscribe(&c->z, HOP_MAILBOX, credit);
    if (zmtp_flush(&c->z) < 0 || next_frame(c, 10000, &f, &m) != HOP_SUBSCRIBED) {
        client_close(c);
        return NULL;
    }
    *ret_queued = hop_value(&f, 2);
    return c;
}

/* --- publishers ----------------------------------------------------------------------------- */

static void *peer_pub_open(pub_t *p) {
    char recipient[32];
    (void)p;
    Client *c = client_open(O.port, "publisher");
    snprintf(recipient, sizeof(recipient), "dsk/%u", 9000 + mailbox());
    const bool with_case = atoi(opt("case", "1")) != 0;
    hop_maker_init(&c->maker, &(HopKind) { .sender = "dsk/3302",
                                           .recipient = recipient,
                                           .region = "3302",
                                           .kind = with_case ? 1001 : 90000,
                                           .urgency = 1,
                                           .receipts = atoi(opt("receipts", "1")) ? 0 : 2,
                                           .with_case = with_case,
                                           .with_facts = with_case });
    c->bundle = calloc(1, sizeof(*c->bundle));
    if (!c->bundle)
        die("out of memory");
    if (atoi(opt("sign", "0"))) {
        c->to_sign = calloc(1, sizeof(*c->to_sign));
        if (!c->to_sign)
            die("out of memory");
        read_sign_key(&c->to_sign->key, "publisher");
    }
    return c;
}

/* Signs what was made since the last time, and puts it into what will be sent. */
static void sign_all(Client *c) {
    Unsigned *u = c->to_sign;
    Signature made[TREE_MAX];
    Bytes list[TREE_MAX];
    if (!u || u->n == 0)
        return;
    for (unsigned i = 0; i < u->n; i++)
        list[i] = bytes_make(u->list[i].envelope, u->list[i].n_envelope);
    if (signature_make(&u->key, list, u->n, made) < 0)
        die("out of memory");
    for (unsigned i = 0; i < u->n; i++) {
        uint8_t signature[HOP_SIGNATURE_MAX];
        const size_t n = hop_signature(&made[i], signature);
        hop_bundle_parts(c->bundle, &c->z, list[i].p + 2, signature, n, list[i].p, list[i].n,
                         c->maker.facts, c->maker.n_facts, u->list[i].body, u->list[i].n_body);
    }
    u->n = 0;
}

static void make_unsigned(Client *c, uint64_t number, uint64_t wall_ms, const uint8_t *m,
                          size_t n) {
    Unsigned *u = c->to_sign;
    if (n > BODY_MAX)
        die("messages of %zu bytes: at most %u are signed here", n, BODY_MAX);
    if (u->n == TREE_MAX)
        sign_all(c);
    hop_make(&c->maker, number, wall_ms, m, n);
    memcpy(u->list[u->n].envelope, c->maker.envelope, c->maker.n_envelope);
    memcpy(u->list[u->n].body, m, n);
    u->list[u->n].n_envelope = c->maker.n_envelope;
    u->list[u->n++].n_body = n;
}

static void peer_pub_send(pub_t *p, const uint8_t *m, size_t n, uint64_t seq) {
    Client *c = p->h;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const uint64_t number = (uint64_t)p->idx << PUB_BIT | seq;
    const uint64_t wall_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    if (c->to_sign)
        make_unsigned(c, number, wall_ms, m, n);
    else
        hop_bundle_publish(c->bundle, &c->z, &c->maker, number, wall_ms, m, n);
    if (c->z.n_out > 65536 && zmtp_flush(&c->z) < 0)
        die("send: %s", strerror(errno));
}

static void on_published(pub_t *p, const HopField *f) {
    HopResult r;
    for (const uint8_t *at = f->p; hop_result(&at, f->p + f->n, &r);) {
        if (r.verdict != 1 && r.verdict != 2)
            die("serasid: verdict %u, %.*s", r.verdict, (int)r.n_reason, r.reason);
        bench_confirmed(p, hop_number(r.id) & ((1ull << PUB_BIT) - 1));
    }
}

static void peer_pub_poll(pub_t *p) {
    Client *c = p->h;
    ZmtpMessage m;
    HopField f;
    sign_all(c);
    hop_bundle_put(c->bundle, &c->z);
    if (zmtp_flush(&c->z) < 0)
        die("send: %s", strerror(errno));
    for (int timeout = 60000; p->inflight > 0;) {
        const int kind = next_frame(c, timeout, &f, &m);
        if (kind < 0)
            die("serasid: the session ended: %.*s", kind < 0 && f.p ? (int)f.n : 0, f.p);
        if (kind == 0)
            break;
        if (kind == HOP_PUBLISHED) {
            on_published(p, &f);
            timeout = 0;
        }
    }
}

static void peer_pub_close(pub_t *p) {
    client_close(p->h);
}

/* --- the consumer --------------------------------------------------------------------------- */

static void *peer_con_open(con_t *con) {
    uint64_t queued;
    (void)con;
    Client *c = consumer_try((unsigned)O.prefetch, &queued);
    if (!c)
        die("no session for the consumer");
    return c;
}

/* Settles what was taken since the last time, in one range, and asks for as many again. */
static void settle(Client *c) {
    if (c->unsettled == 0)
        return;
    hop_settle(&c->z, c->tag - c->unsettled + 1, c->tag);
    hop_credit(&c->z, (unsigned)c->unsettled);
    c->unsettled = 0;
    if (zmtp_flush(&c->z) < 0)
        die("send: %s", strerror(errno));
}

static int consume(con_t *con, Client *c, int timeout_ms) {
    ZmtpMessage m;
    HopField f;
    int got = 0;
    for (;;) {
        const int kind = next_frame(c, got ? 0 : timeout_ms, &f, &m);
        if (kind < 0)
            die("serasid: the consumer's session ended");
        if (kind == 0)
            break;
        if (kind == HOP_SETTLED) {
            c->settled += hop_settled(&f, false);
            if (!got)
                timeout_ms = 0;
        } else if (kind == HOP_DELIVER && m.n_parts == 4) {
            c->tag = hop_value(&f, 2);
            c->unsettled++;
            got++;
            if (con)
                bench_received(con, m.parts[3].p, m.parts[3].n);
            if (c->unsettled >= 128) /* half of the credit: the broker never runs dry */
                settle(c);
        }
    }
    settle(c);
    return got;
}

static int peer_con_poll(con_t *con, int timeout_ms) {
    return consume(con, con->h, timeout_ms);
}

static void await_settled(con_t *con, Client *c) {
    while (c->settled < c->tag)
        (void)consume(con, c, 1000);
}

static void peer_con_finish(con_t *con) {
    await_settled(con, con->h);
}

static void peer_con_close(con_t *con) {
    client_close(con->h);
}

/* --- the queue ------------------------------------------------------------------------------ */

static void peer_reset(void) {
    char path[300];
    uint64_t queued;
    const unsigned next = (mailbox() + 1) % NODES;
    snprintf(path, sizeof(path), "%.200s/mailbox", opt("home", "."));
    FILE *f = fopen(path, "w");
    if (!f || fprintf(f, "%u\n", next) < 0 || fclose(f) != 0)
        die("%s: cannot be written", path);
    Client *c = consumer_try((unsigned)O.prefetch, &queued);
    if (!c)
        die("no session for the consumer");
    for (uint64_t taken = 0; taken < queued;) /* used by NODES runs before */
        taken += (uint64_t)consume(NULL, c, 1000);
    await_settled(NULL, c);
    client_close(c);
}

static int peer_ready(void) {
    uint64_t queued = 0;
    const char *need = opt("need", "0");
    Client *c = consumer_try(0, &queued);
    if (!c)
        return 0;
    client_close(c);
    return queued >= strtoull(need, NULL, 10);
}
