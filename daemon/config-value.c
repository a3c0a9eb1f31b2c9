/* SPDX-License-Identifier: Apache-2.0 */

/* One value of a Config from text and back to text, by the type its key has in the table. */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/message.h"
#include "daemon/config.h"

static void *field_of(const Config *c, const ConfigKey *k) {
    return (char *)c + k->offset;
}

/* --- numbers with units --- */

static const struct {
    const char *suffix;
    uint64_t unit;
} sizes[] = {
    { "T", UINT64_C(1) << 40 },
    { "G", UINT64_C(1) << 30 },
    { "M", UINT64_C(1) << 20 },
    { "K", UINT64_C(1) << 10 },
    { "", 1 },
};

int size_parse(const char *text, uint64_t *ret) {
    uint64_t v = 0;
    bool over = false;
    const char *p = text;
    if (*p < '0' || *p > '9')
        return -EINVAL;
    for (; *p >= '0' && *p <= '9'; p++)
        over = over || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
               __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        if (strcmp(p, sizes[i].suffix) != 0)
            continue;
        if (over || __builtin_mul_overflow(v, sizes[i].unit, &v))
            return -ERANGE;
        *ret = v;
        return 0;
    }
    return -EINVAL;
}

static void size_format(uint64_t v, Buf *b) {
    size_t i = 0;
    while (v == 0 ? sizes[i].unit != 1 : v % sizes[i].unit != 0)
        i++;
    buf_addf(b, "%" PRIu64 "%s", v / sizes[i].unit, sizes[i].suffix);
}

static void duration_format(int64_t ms, Buf *b) {
    static const struct {
        const char *suffix;
        int64_t unit;
    } units[] = {
        { "d", DAY_MS }, { "h", HOUR_MS }, { "m", MINUTE_MS }, { "s", SECOND_MS }, { "ms", 1 }
    };
    size_t i = 0;
    while (ms == 0 ? units[i].unit != SECOND_MS : ms % units[i].unit != 0)
        i++;
    buf_addf(b, "%" PRId64 "%s", ms / units[i].unit, units[i].suffix);
}

static void number_format(ConfigType type, int64_t v, Buf *b) {
    if (type == CONFIG_DURATION)
        duration_format(v, b);
    else if (type == CONFIG_BYTES)
        size_format((uint64_t)v, b);
    else
        buf_addf(b, "%" PRId64, v);
}

static int parse_number(const ConfigKey *k, const char *text, int64_t *ret, Buf *why) {
    uint64_t u = 0;
    int64_t v = 0;
    int r;
    if (k->type == CONFIG_DURATION) {
        r = duration_parse(text, &v);
    } else {
        r = size_parse(text, &u);
        if (r == 0 && u > INT64_MAX)
            r = -ERANGE;
        v = (int64_t)u;
    }
    if (r == -EINVAL) {
        buf_addf(why, "\"%s\" is not a %s", text,
                 k->type == CONFIG_DURATION ? "duration such as 10s, 5m, 2h or 30d"
                 : k->type == CONFIG_BYTES  ? "size such as 64M or 8192"
                                            : "number");
        return -EINVAL;
    }
    if (r < 0 || v < k->min || v > k->max) {
        buf_addf(why, "%s is out of range; allowed is ", text);
        number_format(k->type, k->min, why);
        buf_add_text(why, " to ");
        number_format(k->type, k->max, why);
        return -EINVAL;
    }
    if (k->type == CONFIG_PAGE_SIZE && (v & (v - 1)) != 0) {
        buf_addf(why, "%s is not a power of two", text);
        return -EINVAL;
    }
    *ret = v;
    return 0;
}

static int set_number(Config *c, const ConfigKey *k, const char *text, Buf *why) {
    int64_t v = 0;
    int r = parse_number(k, text, &v, why);
    if (r < 0)
        return r;
    if (k->type == CONFIG_BYTES)
        *(uint64_t *)field_of(c, k) = (uint64_t)v;
    else if (k->type == CONFIG_DURATION)
        *(int64_t *)field_of(c, k) = v;
    else
        *(uint32_t *)field_of(c, k) = (uint32_t)v;
    return 0;
}

static int set_choice(Config *c, const ConfigKey *k, const char *text, Buf *why) {
    if (text[0] == '\0' && k->preset[0] == '\0') {
        *(uint32_t *)field_of(c, k) = 0; /* not set */
        return 0;
    }
    for (const ConfigWord *w = k->words; w->word; w++)
        if (strcmp(w->word, text) == 0) {
            *(uint32_t *)field_of(c, k) = w->value;
            return 0;
        }
    buf_addf(why, "\"%s\" is none of", text);
    for (const ConfigWord *w = k->words; w->word; w++)
        buf_addf(why, "%s %s", w == k->words ? "" : ",", w->word);
    return -EINVAL;
}

/* --- texts --- */

static bool endpoint_is_valid(const char *text) {
    if (text_starts_with(text, "ipc://"))
        return text[strlen("ipc://")] == '/';
    const char *port = strrchr(text, ':');
    if (!text_starts_with(text, "tcp://") || port <= text + strlen("tcp://"))
        return false;
    size_t digits = strspn(port + 1, "0123456789");
    bool number = digits >= 1 && digits <= 5 && port[1 + digits] == '\0' && atoi(port + 1) <= 65535;
    return number || strcmp(port + 1, "*") == 0;
}

static bool curve_is_valid(const char *text) {
    static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              ".-:+=^!/*?&<>()[]{}@%$#";
    return strlen(text) == CURVE_TEXT_SIZE - 1 && strspn(text, z85) == CURVE_TEXT_SIZE - 1;
}

static bool sign_keys_are_valid(const char *text) {
    SignPublic keys[SIGN_KEYS_MAX];
    size_t n;
    return sign_publics_parse(text, keys, SIGN_KEYS_MAX, &n) == 0;
}

static bool text_fits(const ConfigKey *k, const char *text, Buf *why) {
    const char *wanted = NULL;
    if (text[0] == '\0')
        return true;
    switch (k->type) {
    case CONFIG_TEXT_NODE:
        wanted = node_name_is_valid(text) ? NULL : "a node id such as dsk/3203";
        break;
    case CONFIG_TEXT_ENDPOINT:
    case CONFIG_ENDPOINTS:
        wanted = endpoint_is_valid(text) ? NULL : "tcp://host:port or ipc:///path";
        break;
    case CONFIG_TEXT_CURVE:
        wanted = curve_is_valid(text) ? NULL : "a public key of 40 characters (serasictl pubkey)";
        break;
    case CONFIG_TEXT_SIGN:
        wanted = sign_keys_are_valid(text) ? NULL : "a public key in base64 (serasictl pubkey)";
        break;
    case CONFIG_TEXT_NAME:
        wanted = strlen(text) <= 32 && text_is_clean(bytes_make(text, strlen(text)))
                     ? NULL
                     : "a name of at most 32 bytes";
        break;
    default:
        break;
    }
    if (wanted)
        buf_addf(why, "\"%s\" is not %s", text, wanted);
    return wanted == NULL;
}

static int set_text(Config *c, const ConfigKey *k, const char *text, Buf *why) {
    char **place = field_of(c, k), *copy = NULL;
    if (!text_fits(k, text, why))
        return -EINVAL;
    if (k->type == CONFIG_TEXT_PATH && text[0] != '/' && text[0] != '\0') {
        if (asprintf(&copy, "%s/%s", c->folder, text) < 0)
            return -ENOMEM;
    } else {
        copy = strdup(text);
    }
    if (!copy)
        return -ENOMEM;
    free(*place);
    *place = copy;
    return 0;
}

static int add_endpoint(Config *c, const ConfigKey *k, const char *text, Buf *why) {
    char **list = field_of(c, k);
    size_t n = 0;
    if (!text_fits(k, text, why))
        return -EINVAL;
    while (n < CONFIG_LISTEN_MAX && list[n])
        n++;
    if (n == CONFIG_LISTEN_MAX) {
        buf_addf(why, "more than %u endpoints", CONFIG_LISTEN_MAX);
        return -EINVAL;
    }
    if (text[0] == '\0')
        return 0;
    list[n] = strdup(text);
    return list[n] ? 0 : -ENOMEM;
}

static int set_timers(Config *c, const ConfigKey *k, const char *text, Buf *why) {
    TimerTerms *terms = field_of(c, k);
    return config_set_timers((TimerKind)(terms - c->timers.of), text, terms, why);
}

int config_set_value(Config *c, const ConfigKey *k, const char *text, Buf *why) {
    switch (k->type) {
    case CONFIG_ENDPOINTS:
        return add_endpoint(c, k, text, why);
    case CONFIG_COUNT:
    case CONFIG_PAGE_SIZE:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
        return set_number(c, k, text, why);
    case CONFIG_CHOICE:
        return set_choice(c, k, text, why);
    case CONFIG_TIMERS:
        return set_timers(c, k, text, why);
    case CONFIG_RULES:
        return 0; /* by rule: config_set_rule() */
    default:
        return set_text(c, k, text, why);
    }
}

/* --- printing --- */

static void format_choice(const Config *c, const ConfigKey *k, Buf *b) {
    uint32_t v = *(uint32_t *)field_of(c, k);
    for (const ConfigWord *w = k->words; w->word; w++)
        if (w->value == v)
            buf_add_text(b, w->word);
}

/* "R-013 = refuse", with what stands behind each. */
static void format_rules(const Config *c, const char *behind, Buf *b) {
    for (size_t i = 0; i < rules_count; i++) {
        const char *word = config_floor_word(c, i);
        if (word)
            buf_addf(b, "%s = %s%s", rules_table[i].id, word, behind);
    }
}

/* The value of a key as it would stand in a file, added to b; an empty text when it is not set. */
static void config_format_value(const Config *c, const ConfigKey *k, Buf *b) {
    char **texts = field_of(c, k);
    switch (k->type) {
    case CONFIG_ENDPOINTS:
        for (size_t i = 0; i < CONFIG_LISTEN_MAX && texts[i]; i++)
            buf_addf(b, "%s%s", i > 0 ? " " : "", texts[i]);
        break;
    case CONFIG_COUNT:
    case CONFIG_PAGE_SIZE:
        buf_addf(b, "%" PRIu32, *(uint32_t *)field_of(c, k));
        break;
    case CONFIG_BYTES:
        size_format(*(uint64_t *)field_of(c, k), b);
        break;
    case CONFIG_DURATION:
        duration_format(*(int64_t *)field_of(c, k), b);
        break;
    case CONFIG_CHOICE:
        format_choice(c, k, b);
        break;
    case CONFIG_TIMERS:
        config_format_timers(field_of(c, k), b);
        break;
    case CONFIG_RULES:
        format_rules(c, " ", b);
        break;
    default:
        buf_add_text(b, *texts ? *texts : "");
    }
}

static void print_key(const Config *c, const ConfigKey *k, Buf *b) {
    if (k->type == CONFIG_ENDPOINTS) {
        char **texts = field_of(c, k);
        for (size_t i = 0; i < CONFIG_LISTEN_MAX && texts[i]; i++)
            buf_addf(b, "%s = %s\n", k->name, texts[i]);
        return;
    }
    if (k->type == CONFIG_RULES) {
        format_rules(c, "\n", b);
        return;
    }
    Buf value = { 0 };
    config_format_value(c, k, &value);
    if (value.n > 0)
        buf_addf(b, "%s = %s\n", k->name, buf_text(&value));
    b->failed = b->failed || value.failed;
    buf_deinit(&value);
}

void config_print(const Config *c, Buf *b) {
    const char *section = "";
    for (size_t i = 0; i < config_keys_count; i++) {
        const ConfigKey *k = &config_keys[i];
        if (strcmp(section, k->section) != 0)
            buf_addf(b, "%s[%s]\n", i > 0 ? "\n" : "", k->section);
        section = k->section;
        print_key(c, k, b);
    }
}

/* --- reload --- */

static bool value_differs(const Config *a, const Config *b, const ConfigKey *k) {
    _cleanup_(buf_deinit) Buf x = { 0 }, y = { 0 };
    config_format_value(a, k, &x);
    config_format_value(b, k, &y);
    return !bytes_equal(buf_bytes(&x), buf_bytes(&y));
}

static void copy_number(Config *c, const Config *fresh, const ConfigKey *k) {
    bool wide = k->type == CONFIG_BYTES || k->type == CONFIG_DURATION;
    assert(k->type == CONFIG_COUNT || k->type == CONFIG_CHOICE || wide);
    memcpy(field_of(c, k), field_of(fresh, k), wide ? sizeof(uint64_t) : sizeof(uint32_t));
}

size_t config_take_live(Config *c, const Config *fresh, ConfigChange *changes, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < config_keys_count; i++) {
        const ConfigKey *k = &config_keys[i];
        if (!value_differs(c, fresh, k))
            continue;
        if (k->live)
            copy_number(c, fresh, k);
        if (n < max)
            changes[n] = (ConfigChange) { .key = k, .applied = k->live };
        n++;
    }
    return n;
}
