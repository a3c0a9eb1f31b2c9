/* SPDX-License-Identifier: Apache-2.0 */

/* Arguments, files and keys of the command line. */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "base/times.h"
#include "daemon/ctl.h"
#include "net/keys.h"

#define FILE_MAX (256U * 1024 * 1024)

void ctl_complain(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fputs("serasictl: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

/* --- options --- */

typedef struct Arguments {
    Ctl *c;
    const CtlOption *options;
    const char *timeout, *limit; /* as text, for the global options */
} Arguments;

/* Finds "--name" or "-n"; the value may follow behind '='. */
static const CtlOption *find(const CtlOption *list, const char *name, size_t n) {
    for (; list && list->name; list++)
        if (strlen(list->name) == n && strncmp(list->name, name, n) == 0)
            return list;
    return NULL;
}

static int take_option(Arguments *a, int argc, char **argv, int *i) {
    const CtlOption global[] = {
        { .name = "dir", .value = &a->c->dir },
        { .name = "json", .flag = &a->c->json },
        { .name = "help", .flag = &a->c->help },
        { .name = "h", .flag = &a->c->help },
        { .name = "timeout", .value = &a->timeout },
        { .name = "limit", .value = &a->limit },
        { 0 },
    };
    const char *text = argv[*i], *name = text + strspn(text, "-");
    const size_t n = strcspn(name, "=");
    const CtlOption *o = find(a->options, name, n);
    if (!o)
        o = find(global, name, n);
    bool one_dash = name == text + 1;
    if (!o || one_dash != (strlen(o->name) == 1)) {
        ctl_complain("unknown option %s; see serasictl %s --help", text,
                     a->c->command ? a->c->command : "");
        return CTL_USAGE;
    }
    if (o->flag) {
        *o->flag = true;
        if (name[n] == '\0')
            return 0;
        ctl_complain("--%s takes no value", o->name);
        return CTL_USAGE;
    }
    if (name[n] == '=') {
        *o->value = name + n + 1;
    } else if (*i + 1 < argc) {
        *o->value = argv[++*i];
    } else {
        ctl_complain("%s needs a value", text);
        return CTL_USAGE;
    }
    return 0;
}

static int take_numbers(Arguments *a) {
    char *end = NULL;
    if (a->timeout &&
        (duration_parse(a->timeout, &a->c->timeout_ms) < 0 || a->c->timeout_ms > INT32_MAX)) {
        ctl_complain("--timeout %s: not a duration such as 10s", a->timeout);
        return CTL_USAGE;
    }
    unsigned long limit = a->limit ? strtoul(a->limit, &end, 10) : 0;
    if (a->limit && (end == a->limit || *end != '\0' || limit == 0 || limit > 100000)) {
        ctl_complain("--limit %s: not a number from 1 to 100000", a->limit);
        return CTL_USAGE;
    }
    if (a->limit)
        a->c->limit = (uint32_t)limit;
    return 0;
}

int ctl_parse(Ctl *c, int argc, char **argv, const CtlOption *options, const char **args,
              size_t min, size_t max, size_t *ret_n) {
    Arguments a = { .c = c, .options = options };
    size_t n = 0;
    bool only_arguments = false;
    for (int i = 1; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && argv[i][0] == '-' && argv[i][1] != '\0') {
            int r = take_option(&a, argc, argv, &i);
            if (r != 0)
                return r;
        } else if (n == max) {
            ctl_complain("unexpected argument \"%s\"; see serasictl %s --help", argv[i],
                         c->command ? c->command : "");
            return CTL_USAGE;
        } else {
            args[n++] = argv[i];
        }
    }
    if (c->help)
        return CTL_USAGE; /* the caller of the command prints it */
    if (n < min) {
        ctl_complain("an argument is missing; see serasictl %s --help", c->command);
        return CTL_USAGE;
    }
    if (ret_n)
        *ret_n = n;
    return take_numbers(&a);
}

int64_t ctl_timeout(const Ctl *c, int64_t preset_ms) {
    return c->timeout_ms >= 0 ? c->timeout_ms : preset_ms;
}

/* --- files --- */

char *ctl_read_file(const char *path, size_t *ret_n) {
    _cleanup_(buf_deinit) Buf b = { 0 };
    bool from_stdin = strcmp(path, "-") == 0;
    FILE *f = from_stdin ? stdin : fopen(path, "re");
    char piece[65536];
    size_t n;
    if (!f) {
        ctl_complain("%s: %s", path, strerror(errno));
        return NULL;
    }
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0 && b.n <= FILE_MAX)
        buf_add(&b, piece, n);
    int error = ferror(f) ? errno : 0;
    if (!from_stdin)
        fclose(f);
    if (error != 0 || b.n > FILE_MAX || !buf_text(&b)) {
        ctl_complain("%s: %s", path,
                     error != 0       ? strerror(error)
                     : b.n > FILE_MAX ? "is larger than 256 MiB"
                                      : "out of memory");
        return NULL;
    }
    *ret_n = b.n;
    return (char *)TAKE_PTR(b.p);
}

static unsigned count_lines(const char *text, size_t n) {
    unsigned lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

int ctl_next_document(CtlDocuments *d, json_t **ret) {
    size_t space = strspn(d->text + d->at, " \t\r\n");
    d->line += count_lines(d->text + d->at, space);
    d->at += space;
    if (d->at >= d->n)
        return 1;
    json_error_t error;
    json_t *o = json_loadb(d->text + d->at, d->n - d->at, JSON_DISABLE_EOF_CHECK, &error);
    if (!o) {
        text_make_one_line(error.text); /* it quotes the file */
        ctl_complain("%s:%u: %s", d->file, d->line + (unsigned)error.line, error.text);
        return -1;
    }
    size_t used = (size_t)error.position;
    d->line += count_lines(d->text + d->at, used);
    d->at += used;
    *ret = o;
    return 0;
}

/* --- keys --- */

int ctl_parse_key(const char *text, char ret[static CURVE_TEXT_SIZE]) {
    const char *key = text;
    json_t *o = text[0] == '{' ? json_loads(text, 0, NULL) : NULL;
    if (o)
        (void)json_unpack(o, "{s:{s:s}}", "key", "curve", &key);
    bool fine = curve_text_is_valid(key) && text_copy(ret, CURVE_TEXT_SIZE, key);
    json_decref(o);
    if (fine)
        return CTL_DONE;
    ctl_complain(
        "\"%s\" is not a key: give the 40 characters of `serasictl pubkey --curve`, or the "
        "line of `serasictl pubkey`",
        text);
    return CTL_USAGE;
}
