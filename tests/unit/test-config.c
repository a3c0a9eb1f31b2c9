/* SPDX-License-Identifier: Apache-2.0 */

/* The configuration: its table against the texts people read, and reading good and bad files. */

#include "test.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/broker.h"
#include "config-folder.h"

#define KEY    "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define HUB    "[node]\nid = hub\nrole = hub\n[listen]\nendpoint = tcp://127.0.0.1:7021\n"
#define NODE   "[node]\nid = dsk/3203\nrole = client\n"
#define CLIENT NODE "[connection]\nendpoint = tcp://127.0.0.1:7021\nkey = " KEY "\n"

static const char *complaints(Folder *f) {
    const char *text = buf_text(&f->complaints);
    return text ? text : "";
}

static void load(Folder *f, const char *text) {
    put(f, CONFIG_FILE_NAME, text);
    folder_load(f);
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static char *read_source(const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/daemon/%s", TEST_SOURCE_DIR, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    char *text = calloc(1, 1 << 17);
    assert_true(text && fread(text, 1, (1 << 17) - 1, f) > 1000);
    fclose(f);
    return text;
}

TEST(every_key_and_default_is_in_the_commented_configuration) {
    char *text = read_source("serasid.conf");
    char line[256];
    for (size_t i = 0; i < config_keys_count; i++) {
        const ConfigKey *k = &config_keys[i];
        snprintf(line, sizeof(line), "\n[%s]\n", k->section);
        char *section = strstr(text, line);
        assert_non_null(section);
        snprintf(line, sizeof(line), "\n#%s = %s", k->name, k->preset);
        char *found = strstr(section, line), *next = strstr(section + 3, "\n[");
        if (!found || (next && found > next) || (k->preset[0] && found[strlen(line)] != '\n'))
            fail_msg("[%s] %s = %s is not in serasid.conf", k->section, k->name, k->preset);
    }
    free(text);
}

TEST(every_key_and_default_is_in_the_manual) {
    char *text = read_source("serasid.conf.5");
    char line[256], name[64], preset[64];
    for (size_t i = 0; i < config_keys_count; i++) {
        const ConfigKey *k = &config_keys[i];
        size_t n = 0;
        for (const char *p = k->name; *p; p++)
            n += (size_t)snprintf(name + n, sizeof(name) - n, *p == '-' ? "\\-" : "%c", *p);
        snprintf(line, sizeof(line), ".SH [%s]\n", k->section);
        char *section = strstr(text, line);
        assert_non_null(section);
        snprintf(line, sizeof(line), "\n.B %s\n", name);
        char *found = strstr(section, line), *next = strstr(section + 3, "\n.SH ");
        if (!found || !next || found > next)
            fail_msg("[%s] %s is not in serasid.conf.5", k->section, k->name);
        snprintf(preset, sizeof(preset), k->preset[0] ? "Default %s" : "No default", k->preset);
        char *end = strstr(found, "\n.TP"), *said = strstr(found, preset);
        if (!said || said > (end && end < next ? end : next))
            fail_msg("[%s] %s: the manual does not say \"%s\"", k->section, k->name, preset);
    }
    free(text);
}

TEST(the_commented_configuration_can_be_read_when_everything_is_uncommented) {
    Folder f;
    char *text = read_source("serasid.conf"), *out = calloc(1, 1 << 17), *w = out;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        bool key = line[0] == '#' && line[1] >= 'a' && line[1] <= 'z' && strstr(line, " = ");
        w += sprintf(w, "%s\n", line + key);
    }
    folder_open(&f);
    load(&f, out);
    /* [connection] is not for brokers; that is the only thing wrong with all keys at once. */
    ASSERT_EQ(f.r, -EINVAL);
    assert_has(complaints(&f), "[connection]: is for clients");
    assert_null(strstr(strstr(complaints(&f), "\n") + 1, "\n"));
    folder_close(&f);
    free(text);
    free(out);
}

TEST(defaults_are_those_of_the_broker) {
    Folder f;
    folder_open(&f);
    load(&f, HUB);
    ASSERT_OK(f.r);
    const Config *c = f.config;
    ASSERT_EQ(c->role, ROLE_HUB);
    ASSERT_STR(c->node, "hub");
    ASSERT_EQ(c->sessions_max, 4096);
    ASSERT_EQ(c->credit_bytes, 16 << 20);
    ASSERT_EQ(c->retry_cap_ms, 15 * MINUTE_MS);
    ASSERT_EQ(c->page_size, 8192);
    ASSERT_STR(c->listen[0], "tcp://127.0.0.1:7021");
    assert_null(c->listen[1]);
    folder_close(&f);
}

TEST(the_terms_of_timers_are_the_policys) {
    Folder f;
    folder_open(&f);
    load(&f, HUB);
    ASSERT_OK(f.r);
    ASSERT_EQ(f.config->timer_policy.n, timer_policy.n);
    for (int kind = TIMER_NONE + 1; kind < TIMER_KINDS; kind++)
        for (int u = URGENCY_ROUTINE; u <= URGENCY_EVENT; u++) {
            const TimerTerm *want = timer_term(&timer_policy, (TimerKind)kind, u, 0);
            const TimerTerm *is = &f.config->timers.of[kind].of[u];
            char text[TIMER_TERM_SIZE] = "", wanted[TIMER_TERM_SIZE] = "";
            if (want)
                timer_term_format(want, wanted);
            if (timer_term_is_set(is))
                timer_term_format(is, text);
            if (strcmp(text, wanted) != 0)
                fail_msg("%s at urgency %d: %s, the policy has %s", timer_name(kind), u, text,
                         wanted);
        }
    folder_close(&f);
}

TEST(single_terms_of_timers_can_be_changed) {
    Folder f;
    Buf text = { 0 };
    folder_open(&f);
    load(&f, HUB "[timers]\nclassify = routine:3wd  emergency:30min\nanswer = priority:3d\n");
    ASSERT_OK(f.r);
    const TimerPolicy *p = &f.config->timer_policy;
    ASSERT_EQ(timer_term(p, TIMER_CLASSIFY, URGENCY_ROUTINE, 0)->work_days, 3);
    ASSERT_EQ(timer_term(p, TIMER_CLASSIFY, URGENCY_PRIORITY, 0)->minutes, 24 * 60);
    ASSERT_EQ(timer_term(p, TIMER_CLASSIFY, URGENCY_EMERGENCY, 0)->minutes, 30);
    ASSERT_EQ(timer_term(p, TIMER_ANSWER, URGENCY_PRIORITY, 0)->days, 3);
    config_print(f.config, &text);
    assert_has(buf_text(&text), "\nclassify = routine:3wd priority:24h emergency:30min\n");
    buf_deinit(&text);
    folder_close(&f);
}

TEST(a_wrong_term_is_told) {
    static const struct {
        const char *line, *why;
    } bad[] = {
        { "classify = 3wd", "\"3wd\" is none of routine:TERM, priority:, emergency: and event:" },
        { "classify = sometimes:3d", "is none of routine:TERM" },
        { "classify = routine:3", "is not a term such as 15min, 2h, 3d or 5wd" },
        { "classify = routine:0d", "is out of range; allowed is 1min to 3660d" },
        { "classify = event:3d", "names an urgency that has no such term" },
        { "classify =", "names no term" },
        { "expiry = routine:3d", "there is no such key in this section" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Folder f;
        char text[256];
        folder_open(&f);
        snprintf(text, sizeof(text), HUB "[timers]\n%s\n", bad[i].line);
        load(&f, text);
        ASSERT_EQ(f.r, -EINVAL);
        assert_has(complaints(&f), bad[i].why);
        folder_close(&f);
    }
}

TEST(relative_paths_are_relative_to_the_folder_of_the_file) {
    Folder f;
    char wanted[128];
    folder_open(&f);
    load(&f, HUB "[node]\ndata-dir = data\nkey-file = /etc/elsewhere\n");
    ASSERT_OK(f.r);
    snprintf(wanted, sizeof(wanted), "%s/data", f.path);
    ASSERT_STR(f.config->data_dir, wanted);
    ASSERT_STR(f.config->key_file, "/etc/elsewhere");
    folder_close(&f);
}

TEST(every_mistake_is_told_with_file_line_and_key) {
    Folder f;
    folder_open(&f);
    load(&f, "[node]\nid = hub\nrole = king\n\n[limits]\nsessions = 0\nsesions = 5\n[lnk]\n"
             "ping = 1s\n[link]\nping = soon\nthis is no line\nprobe = 1s\nprobe = 2s\n");
    ASSERT_EQ(f.r, -EINVAL);
    const char *all = complaints(&f);
    assert_has(all, "serasid.conf:3: [node] role: \"king\" is none of");
    assert_has(all, "serasid.conf:6: [limits] sessions: 0 is out of range; allowed is 1 to 65536");
    assert_has(all, "serasid.conf:7: [limits] sesions: there is no such key");
    assert_has(all, "serasid.conf:9: [lnk]: there is no such section");
    assert_has(all, "serasid.conf:11: [link] ping: \"soon\" is not a duration");
    assert_has(all, "serasid.conf:12: neither a [section] nor key = value");
    assert_has(all, "serasid.conf:14: [link] probe: given twice");
    assert_null(f.config);
    folder_close(&f);
}

TEST(numbers_outside_their_range_or_with_wrong_units_are_refused) {
    static const char *const bad[] = {
        "[store]\npage-size = 5000\n",
        "[store]\npage-size = 131072\n",
        "[store]\nfree-low = 1X\n",
        "[store]\nfree-low = -1\n",
        "[store]\nfree-low = 99999999999T\n",
        "[delivery]\nlease = 1\n",
        "[delivery]\nlease = 99999999999999999999s\n",
        "[limits]\npending = 1e3\n",
        "[link]\nwindow =\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Folder f;
        char text[1024];
        folder_open(&f);
        snprintf(text, sizeof(text), HUB "%s", bad[i]);
        load(&f, text);
        if (f.r != -EINVAL)
            fail_msg("was taken: %s", bad[i]);
        assert_has(complaints(&f), "serasid.conf:7: ");
        folder_close(&f);
    }
}

TEST(values_that_do_not_fit_together_are_refused) {
    static const char *const bad[] = {
        HUB "[store]\nfree-low = 2G\nfree-high = 1G\n",
        HUB "[store]\nsize-high = 1G\n",
        HUB "[store]\ndedup = 10d\n",
        HUB "[limits]\ncredit-messages = 300\n",
        HUB "[delivery]\nretry-first = 1h\n",
        HUB "[parent]\nendpoint = tcp://a:1\nkey = " KEY "\n",
        HUB "[connection]\nkey = " KEY "\n",
        "[node]\nid = upt/x\nrole = regional\n",
        "[node]\nid = upt/x\nrole = regional\n[parent]\nendpoint = tcp://a:1\n",
        "[node]\nid = hub\nrole = regional\n[parent]\nendpoint = tcp://a:1\nkey = " KEY "\n",
        NODE,
        "[node]\nrole = hub\n",
        "[node]\nid = hub\n",
        "",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Folder f;
        folder_open(&f);
        load(&f, bad[i]);
        if (f.r != -EINVAL)
            fail_msg("was taken: %s", bad[i]);
        folder_close(&f);
    }
}

TEST(names_endpoints_and_keys_are_looked_at) {
    static const char *const bad[] = {
        "[node]\nid = Hub\n",
        "[listen]\nendpoint = 7021\n",
        "[listen]\nendpoint = tcp://:\n",
        "[listen]\nendpoint = tcp://a:99999\n",
        "[listen]\nendpoint = ipc://relative\n",
        "[listen]\nendpoint = udp://a:1\n",
        "[parent]\nkey = tooshort\n",
        "[parent]\nkey = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa~\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Folder f;
        folder_open(&f);
        load(&f, bad[i]);
        ASSERT_EQ(f.r, -EINVAL);
        assert_has(complaints(&f), "serasid.conf:2: ");
        folder_close(&f);
    }
}

TEST(a_client_needs_no_listen_section) {
    Folder f;
    folder_open(&f);
    load(&f, CLIENT);
    ASSERT_OK(f.r);
    ASSERT_STR(f.config->connection_key, KEY);
    folder_close(&f);
}

TEST(drop_ins_come_in_order_of_name_and_replace_lists) {
    Folder f;
    char path[128];
    folder_open(&f);
    snprintf(path, sizeof(path), "%s/serasid.conf.d", f.path);
    ASSERT_OK(mkdir(path, 0700));
    put(&f, "serasid.conf.d/20-b.conf", "[link]\nping = 3s\n");
    put(&f, "serasid.conf.d/10-a.conf",
        "[link]\nping = 2s\nprobe = 1s\n[listen]\nendpoint = tcp://a:1\nendpoint = tcp://b:2\n");
    put(&f, "serasid.conf.d/ignored.txt", "nonsense");
    put(&f, "serasid.conf.d/.hidden.conf", "nonsense");
    load(&f, HUB "[link]\nping = 1s\n");
    ASSERT_OK(f.r);
    ASSERT_EQ(f.config->ping_ms, 3000);
    ASSERT_EQ(f.config->probe_ms, 1000);
    ASSERT_STR(f.config->listen[0], "tcp://a:1");
    ASSERT_STR(f.config->listen[1], "tcp://b:2");
    assert_null(f.config->listen[2]);
    put(&f, "serasid.conf.d/30-bad.conf", "\n[link]\nping = never\n");
    load(&f, HUB);
    ASSERT_EQ(f.r, -EINVAL);
    assert_has(complaints(&f), "serasid.conf.d/30-bad.conf:3: [link] ping");
    folder_close(&f);
}

/* A child looks after its link once a second: with less than this a quiet one would be closed. */
TEST(sessions_are_not_asked_more_often_than_links_can_answer) {
    Folder f;
    folder_open(&f);
    load(&f, HUB "[link]\nping = 499ms\n");
    ASSERT_EQ(f.r, -EINVAL);
    assert_has(complaints(&f), "[link] ping");
    load(&f, HUB "[link]\nping = 500ms\n");
    ASSERT_OK(f.r);
    folder_close(&f);
}

TEST(a_line_that_is_too_long_is_told_and_not_split) {
    Folder f;
    char text[1024] = "[node]\nid = hub\nrole = hub\n# ";
    folder_open(&f);
    memset(text + strlen(text), 'x', 250);
    strcat(text, "ping = 5s\n[limits]\nsessions = 7\nbad = 1\n");
    load(&f, text);
    assert_has(complaints(&f), "serasid.conf:4: the line is longer");
    assert_has(complaints(&f), "serasid.conf:7: [limits] bad");
    assert_null(strstr(complaints(&f), "ping"));
    folder_close(&f);
}

TEST(a_printed_configuration_means_the_same) {
    Folder f;
    Buf first = { 0 }, second = { 0 };
    folder_open(&f);
    load(&f, HUB "[listen]\nendpoint = tcp://[::1]:7022\n[store]\nfree-low = 1536K\nfree-high = "
                 "1G\nballast = 0\n[delivery]\nlease = 90s\ndelay-warning = 0\n[log]\nlevel = "
                 "debug\n");
    ASSERT_OK(f.r);
    config_print(f.config, &first);
    load(&f, buf_text(&first));
    if (f.r != 0)
        fail_msg("%s", complaints(&f));
    config_print(f.config, &second);
    ASSERT_STR(buf_text(&first), buf_text(&second));
    ASSERT_EQ(f.config->free_low, 1536 << 10);
    ASSERT_EQ(f.config->lease_ms, 90000);
    ASSERT_EQ(f.config->delay_warning_ms, 0);
    ASSERT_STR(f.config->listen[1], "tcp://[::1]:7022");
    buf_deinit(&first);
    buf_deinit(&second);
    folder_close(&f);
}

TEST(a_reload_takes_live_values_and_names_the_others) {
    Folder f, g;
    ConfigChange changes[8];
    folder_open(&f);
    folder_open(&g);
    load(&f, HUB);
    load(&g, HUB "[limits]\nsessions = 10\ncache = 4M\n[store]\nballast = 1M\n[link]\nping = 7s\n");
    ASSERT_OK(f.r);
    ASSERT_OK(g.r);
    size_t n = config_take_live(f.config, g.config, changes, ARRAY_SIZE(changes));
    size_t n_applied = 0;
    for (size_t i = 0; i < n && i < ARRAY_SIZE(changes); i++)
        n_applied += changes[i].applied;
    /* data-dir, key-file and admin-socket are absolute by default and thus equal. */
    ASSERT_EQ(n, 4);
    ASSERT_EQ(n_applied, 3);
    ASSERT_EQ(f.config->sessions_max, 10);
    ASSERT_EQ(f.config->cache_bytes, 4 << 20);
    ASSERT_EQ(f.config->ping_ms, 7000);
    ASSERT_EQ(f.config->ballast, 16 << 20);
    folder_close(&f);
    folder_close(&g);
}

TEST(a_missing_file_is_explained) {
    Config *c = NULL;
    Buf b = { 0 };
    ASSERT_EQ(config_load(&c, "/nonexistent/serasid.conf", &b), -ENOENT);
    assert_has(buf_text(&b), "/nonexistent/serasid.conf: No such file");
    assert_null(c);
    buf_deinit(&b);
}

TEST(the_broker_gets_what_the_file_says) {
    Folder f;
    BrokerConfig b;
    folder_open(&f);
    load(&f, "[node]\nid = upt/x\nrole = regional\n[parent]\nendpoint = tcp://a:1\nkey = " KEY
             "\n[limits]\nsessions = 9\n[delivery]\nmax-attempts = 3\n");
    ASSERT_OK(f.r);
    config_fill_broker(f.config, &b);
    ASSERT_STR(b.self, "upt/x");
    ASSERT_STR(b.parent, "hub");
    ASSERT_EQ(b.sessions_max, 9);
    ASSERT_EQ(b.retry.max_attempts, 3);
    ASSERT_EQ(b.lease_ms, 15 * MINUTE_MS);
    folder_close(&f);
}

/* Where a changed number of the file arrives. */
static bool arrives(Config *c, const ConfigKey *k) {
    BrokerConfig before, after;
    StoreConfig store_before, store_after;
    char path[CONFIG_PATH_SIZE];
    uint8_t *field = (uint8_t *)c + k->offset;
    config_fill_broker(c, &before);
    ASSERT_OK(config_fill_store(c, &store_before, path));
    field[1] ^= 1; /* numbers of 32 and of 64 bits */
    config_fill_broker(c, &after);
    ASSERT_OK(config_fill_store(c, &store_after, path));
    field[1] ^= 1;
    return memcmp(&before, &after, sizeof(before)) != 0 ||
           memcmp(&store_before, &store_after, sizeof(store_before)) != 0;
}

TEST(every_number_of_the_file_arrives_somewhere) {
    static const char *const of_the_daemon[] = {
        "waiting-connections", "connect-rate",  "connect-burst", "connect-pace", "stranger-rate",
        "reconnect-first",     "reconnect-cap", "refused-first", "refused-cap",  "stay-awake"
    };
    Folder f;
    folder_open(&f);
    load(&f, HUB);
    ASSERT_OK(f.r);
    for (size_t i = 0; i < config_keys_count; i++) {
        const ConfigKey *k = &config_keys[i];
        bool elsewhere = strcmp(k->section, "socket") == 0;
        if (k->type != CONFIG_COUNT && k->type != CONFIG_BYTES && k->type != CONFIG_DURATION &&
            k->type != CONFIG_PAGE_SIZE)
            continue;
        for (size_t n = 0; n < ARRAY_SIZE(of_the_daemon); n++)
            elsewhere |= strcmp(k->name, of_the_daemon[n]) == 0;
        if (arrives(f.config, k) == elsewhere)
            fail_msg("[%s] %s", k->section, k->name);
    }
    folder_close(&f);
}

/* Each to its own place: two keys that are told apart in the file are so behind it. */
TEST(the_store_gets_what_the_file_says) {
    Folder f;
    StoreConfig s;
    char path[CONFIG_PATH_SIZE];
    folder_open(&f);
    load(&f, HUB "[limits]\nsender-queue = 11\nmailbox-queue = 12\ndead-letters = 13\n"
                 "sender-bytes = 14M\nneighbour-queue = 15\nneighbour-bytes = "
                 "16M\n[store]\nretention = 2d\nretention-event = 3d\n"
                 "retention-matter = 4d\ndedup = 200d\n[ledger]\nretention = 5000d\n"
                 "[delivery]\ndelay-warning = 6h\nexpiry-event = 7h\nclock-skew = 8m\n");
    if (f.r < 0)
        fail_msg("%s", complaints(&f));
    ASSERT_OK(config_fill_store(f.config, &s, path));
    ASSERT_EQ(s.sender_quota, 11);
    ASSERT_EQ(s.mailbox_quota, 12);
    ASSERT_EQ(s.dead_quota, 13);
    ASSERT_EQ(s.sender_bytes, 14 << 20);
    ASSERT_EQ(s.neighbour_quota, 15);
    ASSERT_EQ(s.neighbour_bytes, 16 << 20);
    ASSERT_EQ(s.retention_ms, 2 * DAY_MS);
    ASSERT_EQ(s.retention_event_ms, 3 * DAY_MS);
    ASSERT_EQ(s.item_retention_ms, 4 * DAY_MS);
    ASSERT_EQ(s.dedup_ms, 200 * DAY_MS);
    ASSERT_EQ(s.ledger_retention_ms, 5000 * DAY_MS);
    ASSERT_EQ(s.delay_warning_ms, 6 * HOUR_MS);
    ASSERT_EQ(s.accept.event_expiry_ms, 7 * HOUR_MS);
    ASSERT_EQ(s.accept.default_expiry_ms, 30 * DAY_MS);
    ASSERT_EQ(s.accept.clock_skew_ms, 8 * MINUTE_MS);
    folder_close(&f);
}

TEST(sizes_have_units_and_bounds) {
    uint64_t v = 0;
    ASSERT_OK(size_parse("64M", &v));
    ASSERT_EQ(v, 64 << 20);
    ASSERT_OK(size_parse("0", &v));
    ASSERT_EQ(v, 0);
    ASSERT_EQ(size_parse("", &v), -EINVAL);
    ASSERT_EQ(size_parse("M", &v), -EINVAL);
    ASSERT_EQ(size_parse("1m", &v), -EINVAL);
    ASSERT_EQ(size_parse("1MB", &v), -EINVAL);
    ASSERT_EQ(size_parse("18446744073709551616", &v), -ERANGE);
    ASSERT_EQ(size_parse("18014398509481985K", &v), -ERANGE);
}

TEST_MAIN
