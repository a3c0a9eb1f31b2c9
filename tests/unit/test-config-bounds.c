/* SPDX-License-Identifier: Apache-2.0 */

/* The configuration at its bounds: of each number, of texts, and of what must fit together. */

#include "test.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-folder.h"

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define HUB "[node]\nid = hub\nrole = hub\n[listen]\nendpoint = tcp://127.0.0.1:7021\n"

/* --- one value -------------------------------------------------------------------------------- */

static const ConfigKey *key(const char *section, const char *name) {
    bool known;
    const ConfigKey *k = config_key_find(section, name, &known);
    assert_non_null(k);
    return k;
}

static int set(const ConfigKey *k, const char *text) {
    _cleanup_(buf_deinit) Buf why = { 0 };
    _cleanup_(config_freep) Config *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    const int r = config_set_value(c, k, text, &why);
    ASSERT_EQ(r<0, why.n> 0); /* never without a word */
    return r;
}

static int set_number(const ConfigKey *k, int64_t v) {
    char text[32];
    snprintf(text, sizeof(text), "%lld%s", (long long)v, k->type == CONFIG_DURATION ? "ms" : "");
    return set(k, text);
}

static bool is_number(const ConfigKey *k) {
    return k->type == CONFIG_COUNT || k->type == CONFIG_BYTES || k->type == CONFIG_DURATION ||
           k->type == CONFIG_PAGE_SIZE;
}

TEST(each_number_may_be_its_least_and_its_greatest_and_nothing_beyond) {
    unsigned n = 0;
    for (size_t i = 0; i < config_keys_count; i++) {
        const ConfigKey *k = &config_keys[i];
        if (!is_number(k))
            continue;
        n++;
        ASSERT_OK(set_number(k, k->min));
        ASSERT_OK(set_number(k, k->max));
        if (k->min > 0)
            ASSERT_EQ(set_number(k, k->min - 1), -EINVAL);
        ASSERT_EQ(set_number(k, k->max + 1), -EINVAL);
        ASSERT_EQ(set(k, ""), -EINVAL);
    }
    ASSERT_TRUE(n > 50);
}

TEST(endpoints_have_a_port_of_digits) {
    static const struct {
        const char *text;
        int r;
    } cases[] = {
        { "tcp://a:0", 0 },           { "tcp://a:65535", 0 },        { "tcp://a:*", 0 },
        { "tcp://[::1]:7021", 0 },    { "ipc:///run/x", 0 },         { "", 0 },
        { "tcp://a:65536", -EINVAL }, { "tcp://a:", -EINVAL },       { "tcp://a:70x", -EINVAL },
        { "tcp://a:*1", -EINVAL },    { "tcp://a:000070", -EINVAL }, { "tcp://a", -EINVAL },
        { "ipc://", -EINVAL },
    };
    const ConfigKey *const keys[] = { key("listen", "endpoint"), key("parent", "endpoint") };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
            if (set(keys[k], cases[i].text) != cases[i].r)
                fail_msg("%s", cases[i].text);
}

TEST(there_is_room_for_so_many_endpoints_and_no_more) {
    _cleanup_(buf_deinit) Buf why = { 0 };
    _cleanup_(config_freep) Config *c = calloc(1, sizeof(*c));
    const ConfigKey *k = key("listen", "endpoint");
    for (unsigned i = 0; i < CONFIG_LISTEN_MAX; i++)
        ASSERT_OK(config_set_value(c, k, "tcp://a:1", &why));
    ASSERT_EQ(config_set_value(c, k, "tcp://a:1", &why), -EINVAL);
}

TEST(a_name_is_short_and_clean) {
    char name[34];
    memset(name, 'x', sizeof(name));
    name[33] = '\0';
    ASSERT_EQ(set(key("rules", "register"), name), -EINVAL);
    name[32] = '\0';
    ASSERT_OK(set(key("rules", "register"), name));
    ASSERT_EQ(set(key("rules", "register"), "a\x01"
                                            "b"),
              -EINVAL);
}

TEST(a_choice_is_one_of_its_words_and_empty_only_where_that_is_one) {
    ASSERT_EQ(set(key("log", "level"), ""), -EINVAL);
    ASSERT_EQ(set(key("log", "level"), "loud"), -EINVAL);
    ASSERT_OK(set(key("node", "role"), ""));
}

/* --- a file ----------------------------------------------------------------------------------- */

static void load(Folder *f, const char *text) {
    if (text)
        put(f, CONFIG_FILE_NAME, text);
    folder_load(f);
}

#define FOLDER(f)                                                                                  \
    _cleanup_(folder_close) Folder f;                                                              \
    folder_open(&f)

static void assert_told(Folder *f, const char *part) {
    ASSERT_EQ(f->r, -EINVAL);
    const char *text = buf_text(&f->complaints);
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text ? text : "");
}

TEST(what_must_fit_together_may_just_do_so) {
    static const struct {
        const char *fits, *does_not, *told;
    } cases[] = {
        { "[listen]\nnext-endpoint = tcp://a:2\nnext-key-file = k\n",
          "[listen]\nnext-key-file = k\n", "[listen] next-key-file" },
        { "[delivery]\nexpiry-event = 180d\n", "[delivery]\nexpiry-event = 181d\n",
          "[delivery] expiry-max" },
        { "[delivery]\nexpiry-default = 180d\n", "[delivery]\nexpiry-default = 181d\n",
          "[delivery] expiry-max" },
        { "[delivery]\nretry-first = 15m\n", "[delivery]\nretry-first = 901s\n",
          "[delivery] retry-cap" },
        { "[store]\ndedup = 180d\n", "[store]\ndedup = 179d\n", "[store] dedup" },
        { "[store]\nfree-low = 384M\n", "[store]\nfree-low = 385M\n", "[store] free-high" },
        { "[store]\nsize-high = 2G\nsize-low = 2G\n", "[store]\nsize-high = 1G\nsize-low = 2G\n",
          "[store] size-low" },
        { "[link]\nreconnect-first = 60s\n", "[link]\nreconnect-first = 60s\nreconnect-cap = 59s\n",
          "[link] reconnect-cap" },
        { "[link]\nrefused-first = 5m\n", "[link]\nrefused-first = 301s\n", "[link] refused-cap" },
        { "[socket]\nheartbeat = 45s\n", "[socket]\nheartbeat = 46s\n",
          "[socket] heartbeat-timeout" },
        { "[socket]\nhigh-water = 512\n", "[socket]\nhigh-water = 511\n", "[socket] high-water" },
        { "", "[listen]\nnext-endpoint = tcp://a:2\n", "[listen] next-key-file" },
        { "", "[parent]\nkey = " KEY "\n", "[parent] key" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[1024];
        FOLDER(f);
        snprintf(text, sizeof(text), HUB "%s", cases[i].fits);
        load(&f, text);
        if (f.r != 0)
            fail_msg("%s: %s", cases[i].fits, buf_text(&f.complaints));
        snprintf(text, sizeof(text), HUB "%s", cases[i].does_not);
        load(&f, text);
        assert_told(&f, cases[i].told);
    }
}

TEST(a_broker_without_a_key_file_is_told) {
    FOLDER(f);
    load(&f, "[node]\nid = hub\nrole = hub\nkey-file =\n");
    assert_told(&f, "[node] key-file: is missing");
}

TEST(the_path_of_the_admin_socket_has_at_most_107_bytes) {
    for (size_t n = 107; n <= 108; n++) {
        char path[128], text[512];
        FOLDER(f);
        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[n] = '\0';
        snprintf(text, sizeof(text), "[node]\nid = hub\nrole = hub\nadmin-socket = %s\n", path);
        load(&f, text);
        if (n == 107)
            ASSERT_OK(f.r);
        else
            assert_told(&f, "[node] admin-socket");
    }
}

TEST(what_is_no_file_is_told) {
    FOLDER(f);
    ASSERT_OK(mkdir(f.file, 0700));
    load(&f, NULL);
    assert_told(&f, "is not a regular file");
}

/* The second, which is good, does not make the first so. */
TEST(a_bad_drop_in_is_not_made_good_by_the_next) {
    char path[128];
    FOLDER(f);
    snprintf(path, sizeof(path), "%s.d", f.file);
    ASSERT_OK(mkdir(path, 0700));
    put(&f, CONFIG_FILE_NAME ".d/10.conf", "[link]\nping = soon\n");
    put(&f, CONFIG_FILE_NAME ".d/20.conf", "[link]\nprobe = 1s\n");
    load(&f, HUB);
    assert_told(&f, "10.conf:2: [link] ping");
}

TEST(drop_ins_that_cannot_be_listed_are_an_error) {
    FOLDER(f);
    put(&f, CONFIG_FILE_NAME ".d", "no folder");
    load(&f, HUB);
    ASSERT_EQ(f.r, -ENOTDIR);
    ASSERT_TRUE(f.complaints.n > 0);
}

TEST(a_reload_takes_the_whole_of_a_large_number_and_counts_all_changes) {
    ConfigChange changes[1];
    FOLDER(a);
    FOLDER(b);
    load(&a, HUB);
    load(&b, HUB "[limits]\ncache = 9G\nsessions = 7\n[link]\nping = 3s\n");
    ASSERT_OK(a.r);
    ASSERT_OK(b.r);
    ASSERT_EQ(config_take_live(a.config, b.config, changes, ARRAY_SIZE(changes)), 3);
    ASSERT_EQ(a.config->cache_bytes, UINT64_C(9) << 30);
    ASSERT_EQ(a.config->sessions_max, 7);
    ASSERT_EQ(a.config->ping_ms, 3000);
}

TEST_MAIN
