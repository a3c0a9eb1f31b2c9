/* SPDX-License-Identifier: Apache-2.0 */

/*
 * consume: deliveries to stdout or to a command, settled after they were handed over. Killed in
 * between, it loses nothing: what is not settled comes again. Also subscribe and unsubscribe.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/times.h"
#include "base/uuid.h"
#include "daemon/ctl.h"
#include "wire/json.h"

#define WINDOW           64U
#define DRAIN_QUIET_MS   SECOND_MS /* without -n and --follow: nothing for so long = empty */
#define COUNT_TIMEOUT_MS (30 * SECOND_MS)
#define FLUSH_TIMEOUT_MS (10 * SECOND_MS)
#define EXTEND_EVERY_MS  MINUTE_MS
#define EXIT_RETRY       75 /* EX_TEMPFAIL */
#define WRAP_RETRY_MS    2000U
#define WRAP_WAIT_MS     DAY_MS

typedef struct Consume {
    Ctl *c;
    const char *count_text, *exec, *subscription, *filter, *reject, *retry, *wrap_wait;
    bool follow, no_settle, receipts, permanent, open;
    uint64_t wanted, seen, put_off; /* wanted 0: no number given */
    int64_t retry_ms, wrap_wait_ms;
    uint32_t channel;
    int signal_fd;
    bool interrupted, stdout_failed;
    int worst; /* exit status of the commands run */
} Consume;

static void secret_textp(char **text) {
    serasi_secret_free(*text);
}

/* --- waiting --- */

static void look_for_signal(Consume *q) {
    struct signalfd_siginfo info;
    if (read(q->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        q->interrupted = true;
}

static int turn(Consume *q, int64_t wait_ms) {
    struct pollfd list[] = { { .fd = serasi_fd(q->c->client), .events = POLLIN },
                             { .fd = q->signal_fd, .events = POLLIN } };
    int64_t timeout = MIN(MAX(wait_ms, INT64_C(0)), (int64_t)serasi_timeout_ms(q->c->client));
    (void)poll(list, ARRAY_SIZE(list), (int)timeout);
    look_for_signal(q);
    int r = serasi_process(q->c->client);
    return r < 0 ? r : 0; /* without a session just now: it comes back by itself */
}

/* --- --exec --- */

/* A file in memory as stdin: no pipe that could fill up while nobody reads it. */
static int make_stdin(const char *text) {
    size_t n = strlen(text);
    int fd = memfd_create("serasi-message", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, text, n) != (ssize_t)n || write(fd, "\n", 1) != 1 ||
        lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -EIO;
    }
    return fd;
}

/* VALID, or what is wrong. What is valid and yet not as it was signed is DOUBTED. */
static const char *signature_word(const serasi_delivery *d) {
    serasi_signature s = { .size = sizeof(s) };
    if (serasi_delivery_signature(d, &s) != 0)
        return "UNKNOWN";
    return s.state == SERASI_SIGNATURE_VALID && s.flags != 0 ? "DOUBTED"
                                                             : serasi_signature_state_name(s.state);
}

static void become_command(const char *command, int fd, const serasi_delivery *d) {
    char id[UUID_TEXT_SIZE], attempt[16];
    Uuid u;
    sigset_t none;
    memcpy(u.b, serasi_delivery_message_id(d), sizeof(u.b));
    uuid_format(&u, id);
    (void)snprintf(attempt, sizeof(attempt), "%u", serasi_delivery_attempt(d));
    (void)setenv("SERASI_MESSAGE_ID", id, 1);
    (void)setenv("SERASI_ATTEMPT", attempt, 1);
    (void)setenv("SERASI_SIGNATURE", signature_word(d), 1);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(fd, STDIN_FILENO) >= 0)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* Runs the command on one message and keeps the session and the lease alive meanwhile. Returns its
 * exit status, 128 and more when it was killed, or -errno. */
static int run_command(Consume *q, const serasi_delivery *d, const char *text) {
    int fd = make_stdin(text), status = 0;
    if (fd < 0)
        return fd;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        become_command(q->exec, fd, d);
    close(fd);
    if (pid < 0)
        return -errno;
    int64_t extend_ms = now_read().mono_ms + EXTEND_EVERY_MS;
    pid_t ended;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
        (void)turn(q, 20);
        if (now_read().mono_ms < extend_ms)
            continue;
        (void)serasi_settle(q->c->client, d, SERASI_EXTEND, 0, NULL, 0);
        extend_ms = now_read().mono_ms + EXTEND_EVERY_MS;
    }
    if (ended < 0)
        return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int settle_by_command(Consume *q, const serasi_delivery *d, const char *text) {
    char reason[64];
    int status = run_command(q, d, text);
    if (status < 0) {
        ctl_complain("cannot run the command: %s", strerror(-status));
        return status;
    }
    if (q->no_settle)
        return 0;
    if (status == 0)
        return serasi_settle(q->c->client, d, SERASI_DONE, 0, NULL, 0);
    q->worst = CTL_REFUSED;
    if (status == EXIT_RETRY)
        return serasi_settle(q->c->client, d, SERASI_RETRY, (uint32_t)q->retry_ms, NULL, 0);
    (void)snprintf(reason, sizeof(reason), "command ended with %d", status);
    return serasi_settle(q->c->client, d, SERASI_REJECT, 0, reason, q->permanent);
}

/* --- one delivery --- */

static const char *text_of(const json_t *o, const char *part, const char *key) {
    const char *text = json_string_value(json_object_get(json_object_get(o, part), key));
    return text ? text : "";
}

static void print_signature(const json_t *s) {
    size_t i;
    const json_t *flag;
    printf("signature: %s", json_string_value(json_object_get(s, "state")));
    json_array_foreach(json_object_get(s, "flags"), i, flag) {
        printf(" %s", json_string_value(flag));
    }
    puts(json_is_true(json_object_get(s, "proven")) ? " (key proven by the hub)" : "");
}

static bool show(Consume *q, const char *text) {
    _cleanup_(json_dropp) json_t *o = NULL;
    if (q->c->json) {
        puts(text);
    } else {
        o = json_loads(text, 0, NULL);
        _cleanup_(freep) char *facts = json_dumps(json_object_get(o, "facts"), JSON_INDENT(2));
        const json_t *opened = json_object_get(o, "opened");
        _cleanup_(secret_textp) char *plain = opened ? json_dumps(opened, JSON_INDENT(2)) : NULL;
        const char *state = json_string_value(json_object_get(o, "sealed_state"));
        printf("%s  %s  from %s  %s\n%s\n", text_of(o, "envelope", "message_id"),
               text_of(o, "envelope", "kind"), text_of(o, "envelope", "sender"),
               text_of(o, "envelope", "created_at"), facts ? facts : "");
        if (plain)
            printf("opened: %s\n", plain);
        else if (state)
            printf("sealed: %s\n", state);
        print_signature(json_object_get(o, "signature"));
        puts("");
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}

static int settle_by_option(Consume *q, const serasi_delivery *d) {
    if (q->no_settle)
        return 0;
    if (q->reject)
        return serasi_settle(q->c->client, d, SERASI_REJECT, 0, q->reject, q->permanent);
    if (q->retry)
        return serasi_settle(q->c->client, d, SERASI_RETRY, (uint32_t)q->retry_ms, NULL, 0);
    return serasi_settle(q->c->client, d, SERASI_DONE, 0, NULL, 0);
}

static const char *opened_name(int state) {
    switch (state) {
    case SERASI_OPENED:
        return "OPENED";
    case SERASI_NOT_FOR_US:
        return "NOT_FOR_US";
    case SERASI_WAITING_FOR_WRAP:
        return "WAITING_FOR_WRAP";
    case SERASI_BROKEN:
        return "BROKEN";
    default:
        return "NOTHING_SEALED";
    }
}

/* The delivery with "opened" instead of the ciphertext, and how opening went as "sealed_state". */
static int open_text(Consume *q, serasi_delivery *d, char **text, int *ret_state) {
    _cleanup_(secret_textp) char *plain = NULL;
    _cleanup_(json_dropp) json_t *o = json_loads(*text, 0, NULL);
    *ret_state = serasi_delivery_open_json(q->c->client, d, 0, &plain);
    if (*ret_state < 0)
        return *ret_state;
    if (!o || json_object_set_new(o, "sealed_state", json_string(opened_name(*ret_state))) != 0)
        return -ENOMEM;
    if (plain && (json_object_set_new(o, "opened", json_loads(plain, 0, NULL)) != 0 ||
                  json_object_del(o, "sealed") != 0))
        return -ENOMEM;
    char *with = json_dumps(o, JSON_COMPACT);
    if (!with)
        return -ENOMEM;
    free(*text);
    *text = with;
    return 0;
}

static bool has_waited_enough(const Consume *q, const serasi_delivery *d) {
    serasi_signature s = { .size = sizeof(s) };
    return serasi_delivery_signature(d, &s) == 0 &&
           now_read().wall_ms - s.accepted_at_ms >= q->wrap_wait_ms;
}

/* Its sender is asked for a wrap: it comes again, with the wrap when that is here by then. Not for
 * ever: all that others send about its case waits behind it. */
static int put_off(Consume *q, const serasi_delivery *d) {
    const uint32_t after = q->retry ? (uint32_t)q->retry_ms : WRAP_RETRY_MS;
    const bool enough = has_waited_enough(q, d);
    char id[UUID_TEXT_SIZE];
    Uuid u;
    memcpy(u.b, serasi_delivery_message_id(d), sizeof(u.b));
    uuid_format(&u, id);
    fprintf(stderr, "serasictl: %s is not sealed to this node; %s\n", id,
            enough ? "no wrap came, it is rejected" : "waiting for a wrap");
    int r = 0;
    if (!q->no_settle && enough)
        r = serasi_settle(q->c->client, d, SERASI_REJECT, 0, "sealed to others; no wrap came", 1);
    else if (!q->no_settle)
        r = serasi_settle(q->c->client, d, SERASI_RETRY, after, NULL, 0);
    return r == SERASI_AGAIN ? 0 : r;
}

/* Returns 0 or a negative errno. What could not be shown is not settled. */
static int handle(Consume *q, serasi_delivery *d) {
    _cleanup_(secret_textp) char *text = NULL;
    int state = SERASI_NOTHING_SEALED;
    int r = serasi_delivery_to_json(d, 0, &text);
    if (r == 0 && q->open)
        r = open_text(q, d, &text, &state);
    if (r < 0)
        return r;
    if (state == SERASI_WAITING_FOR_WRAP) {
        q->put_off++;
        return put_off(q, d);
    }
    if (q->exec)
        r = settle_by_command(q, d, text);
    else if (show(q, text))
        r = settle_by_option(q, d);
    else
        r = -EPIPE;
    return r == SERASI_AGAIN ? 0 : r; /* its session is gone: it comes again */
}

/* --- the loop --- */

static bool is_over(const Consume *q, int64_t until_ms) {
    return q->interrupted || (q->wanted > 0 && q->seen >= q->wanted) ||
           (!q->follow && now_read().mono_ms >= until_ms);
}

static int consume(Consume *q) {
    const bool counted = q->wanted > 0;
    const int64_t patience = ctl_timeout(q->c, counted ? COUNT_TIMEOUT_MS : DRAIN_QUIET_MS);
    int64_t until_ms = now_read().mono_ms + patience;
    while (!is_over(q, until_ms)) {
        serasi_delivery *d = NULL;
        const char *error = serasi_channel_error(q->c->client, q->channel);
        if (error) {
            ctl_complain("%s", error);
            return CTL_REFUSED;
        }
        int r = serasi_next_delivery(q->c->client, &d);
        if (r == 0) {
            const uint64_t put_off_before = q->put_off;
            r = handle(q, d);
            serasi_delivery_free(d);
            if (q->put_off == put_off_before) { /* what waits for its wrap is not news */
                q->seen++;
                until_ms = now_read().mono_ms + patience;
            }
        } else {
            r = turn(q, q->follow ? HOUR_MS : until_ms - now_read().mono_ms);
        }
        if (r < 0)
            return ctl_explain(q->c, r, "consume");
    }
    return counted && q->seen < q->wanted && !q->interrupted ? CTL_UNREACHABLE : q->worst;
}

static int finish(Consume *q, int status) {
    if (serasi_flush(q->c->client, FLUSH_TIMEOUT_MS) == 0)
        return status;
    ctl_complain("the broker did not confirm %zu settlements; those messages come again",
                 serasi_unsettled(q->c->client));
    return CTL_UNREACHABLE;
}

/* --- the command line --- */

static int judge(Consume *q) {
    char *end = NULL;
    if (q->count_text) {
        q->wanted = strtoull(q->count_text, &end, 10);
        if (end == q->count_text || *end != '\0' || q->wanted == 0) {
            ctl_complain("-n %s: not a number above 0", q->count_text);
            return CTL_USAGE;
        }
    }
    if (q->retry && (duration_parse(q->retry, &q->retry_ms) < 0 || q->retry_ms > UINT32_MAX)) {
        ctl_complain("--retry %s: not a duration such as 30s", q->retry);
        return CTL_USAGE;
    }
    q->wrap_wait_ms = WRAP_WAIT_MS;
    if (q->wrap_wait && duration_parse(q->wrap_wait, &q->wrap_wait_ms) < 0) {
        ctl_complain("--wrap-wait %s: not a duration such as 24h", q->wrap_wait);
        return CTL_USAGE;
    }
    if ((q->reject && q->retry) || (q->receipts && q->subscription) || (q->exec && q->reject) ||
        (q->filter && !q->subscription)) {
        ctl_complain("these options do not go together; see serasictl consume --help");
        return CTL_USAGE;
    }
    if (q->reject && strlen(q->reject) > REASON_TEXT_MAX) {
        ctl_complain("--reject: at most %u bytes", REASON_TEXT_MAX);
        return CTL_USAGE;
    }
    return CTL_DONE;
}

static bool filter_is_fine(const char *text) {
    char why[JSON_WHY_SIZE] = "";
    Filter *f = calloc(1, sizeof(*f));
    bool fine = f && json_parse_filter(text, f, why) == 0;
    free(f);
    if (!fine)
        ctl_complain("--filter: %s", why[0] ? why : "out of memory");
    return fine;
}

static int open_channel(Consume *q) {
    serasi_source source = q->subscription ? SERASI_NAMED
                           : q->receipts   ? SERASI_RECEIPTS
                                           : SERASI_MAILBOX;
    uint32_t window = q->exec ? 1 : WINDOW;
    if (q->wanted > 0 && q->wanted < window)
        window = (uint32_t)q->wanted;
    int r = serasi_subscribe(q->c->client, source, q->subscription, q->filter, window, &q->channel);
    if (r == 0)
        return CTL_DONE;
    ctl_complain("--subscription: a name is 1 to 64 of a-z 0-9 . _ -");
    return CTL_USAGE;
}

int ctl_take_signals(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool is_client(Ctl *c) {
    if (c->config->role == ROLE_CLIENT)
        return true;
    ctl_complain("%s is a broker's folder; mailboxes and subscriptions belong to clients", c->dir);
    return false;
}

int ctl_cmd_consume(Ctl *c, int argc, char **argv) {
    Consume q = { .c = c, .signal_fd = -1 };
    const CtlOption options[] = {
        { .name = "n", .value = &q.count_text },
        { .name = "follow", .flag = &q.follow },
        { .name = "exec", .value = &q.exec },
        { .name = "no-settle", .flag = &q.no_settle },
        { .name = "receipts", .flag = &q.receipts },
        { .name = "open", .flag = &q.open },
        { .name = "subscription", .value = &q.subscription },
        { .name = "filter", .value = &q.filter },
        { .name = "reject", .value = &q.reject },
        { .name = "permanent", .flag = &q.permanent },
        { .name = "retry", .value = &q.retry },
        { .name = "wrap-wait", .value = &q.wrap_wait },
        { 0 },
    };
    int r = ctl_parse(c, argc, argv, options, NULL, 0, 0, NULL);
    if (r == CTL_DONE)
        r = judge(&q);
    if (r == CTL_DONE && q.filter && !filter_is_fine(q.filter))
        r = CTL_USAGE;
    if (r == CTL_DONE)
        r = ctl_config(c);
    if (r == CTL_DONE && !is_client(c))
        r = CTL_USAGE;
    if (r != CTL_DONE)
        return r;
    q.signal_fd = ctl_take_signals(); /* before libzmq makes its thread */
    r = ctl_connect(c);
    if (r == CTL_DONE)
        r = open_channel(&q);
    if (r == CTL_DONE)
        r = finish(&q, consume(&q));
    if (q.signal_fd >= 0)
        close(q.signal_fd);
    return r;
}

/* --- named subscriptions --- */

static int subscribe_and_wait(Ctl *c, const char *name, const char *filter) {
    uint32_t channel;
    int64_t until_ms = now_read().mono_ms + ctl_timeout(c, 10 * SECOND_MS);
    int r = serasi_subscribe(c->client, SERASI_NAMED, name, filter, 1, &channel);
    if (r != 0) {
        ctl_complain("%s: a name is 1 to 64 of a-z 0-9 . _ -", name);
        return CTL_USAGE;
    }
    while (!serasi_channel_is_open(c->client, channel)) {
        const char *error = serasi_channel_error(c->client, channel);
        if (error) {
            ctl_complain("%s", error);
            return CTL_REFUSED;
        }
        if (now_read().mono_ms >= until_ms)
            return ctl_explain(c, SERASI_TIMEOUT, "subscribe");
        struct pollfd p = { .fd = serasi_fd(c->client), .events = POLLIN };
        (void)poll(&p, 1, MIN(serasi_timeout_ms(c->client), 100));
        r = serasi_process(c->client);
        if (r < 0)
            return ctl_explain(c, r, "subscribe");
    }
    if (c->json)
        printf("{\"subscription\":\"%s\"}\n", name);
    else
        printf("%s is subscribed; read it with: serasictl consume --subscription %s\n", name, name);
    return CTL_DONE;
}

int ctl_cmd_subscribe(Ctl *c, int argc, char **argv) {
    const char *name = NULL, *filter = NULL;
    const CtlOption options[] = { { .name = "filter", .value = &filter }, { 0 } };
    int r = ctl_parse(c, argc, argv, options, &name, 1, 1, NULL);
    if (r == CTL_DONE && !filter)
        filter = "{}";
    if (r == CTL_DONE && !filter_is_fine(filter))
        r = CTL_USAGE;
    if (r == CTL_DONE)
        r = ctl_config(c);
    if (r == CTL_DONE && !is_client(c))
        r = CTL_USAGE;
    if (r == CTL_DONE)
        r = ctl_connect(c);
    return r == CTL_DONE ? subscribe_and_wait(c, name, filter) : r;
}

/* Dropping has no answer of its own. A question sent behind it has: when that is answered, the drop
 * was read. */
int ctl_cmd_unsubscribe(Ctl *c, int argc, char **argv) {
    _cleanup_(freep) char *refusal = NULL;
    _cleanup_(json_dropp) json_t *rows = NULL;
    const char *name = NULL, *nobody[] = { "00000000-0000-7000-8000-000000000000" };
    int r = ctl_parse(c, argc, argv, NULL, &name, 1, 1, NULL);
    if (r == CTL_DONE)
        r = ctl_config(c);
    if (r == CTL_DONE && !is_client(c))
        r = CTL_USAGE;
    if (r == CTL_DONE)
        r = ctl_connect(c);
    if (r != CTL_DONE)
        return r;
    if (serasi_drop_subscription(c->client, name) != 0) {
        ctl_complain("%s: a name is 1 to 64 of a-z 0-9 . _ -", name);
        return CTL_USAGE;
    }
    r = ctl_query(c, "outcome", nobody, 1, (Bytes) { 0 }, &rows, &refusal);
    return r == 0 || r == SERASI_REFUSED ? CTL_DONE : ctl_explain(c, r, "unsubscribe");
}
