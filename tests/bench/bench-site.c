/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/text.h"
#include "bench/bench.h"
#include "fault/preload.h"

#define READY_TIMEOUT_MS 120000

/* Of every broker; a workload may set more, or others. Mailboxes may grow: some are never read. */
#define SETTINGS                                                                                   \
    "[log]\\nlevel = warning\\n[security]\\nunsigned = allow\\n"                                   \
    "[limits]\\nsender-queue = 0\\nsender-bytes = 0\\nmailbox-queue = 0\\ndead-letters = 0\\n"

void site_init(Site *s, Bench *b, const char *name) {
    char path[BENCH_FOLDER_SIZE];
    *s = (Site) { .bench = b };
    snprintf(s->folder, sizeof(s->folder), "%.180s/%.20s", b->folder, name);
    shell("rm -rf %s && mkdir -p %s", s->folder, s->folder);
    snprintf(path, sizeof(path), "%s/directory.jsonl", s->folder);
    s->directory = fopen(path, "we");
    if (!s->directory)
        die("%s: %s", path, strerror(errno));
}

static void add_pubkey(Site *s, const Daemon *d) {
    char command[700], line[512];
    snprintf(command, sizeof(command), "%s/serasictl --dir %s pubkey", s->bench->bin, d->folder);
    FILE *f = popen(command, "re");
    if (!f || !fgets(line, sizeof(line), f) || pclose(f) != 0)
        die("failed: %s", command);
    fputs(line, s->directory);
    const char *at = strstr(line, "\"curve\":\"");
    must(at ? zmtp_key_parse(at + 9, (uint8_t *)d->key) : -EINVAL, line);
}

Daemon *site_add_broker(Site *s, const char *node, const char *settings) {
    const bool child = s->n_daemons > 0;
    char key[48];
    Daemon *d = &s->daemons[s->n_daemons++];
    text_copy(d->node, sizeof(d->node), node);
    snprintf(d->folder, sizeof(d->folder), "%s/broker%u", s->folder, s->n_daemons);
    d->port = s->bench->port++;
    if (child) {
        zmtp_key_print(s->daemons[0].key, key);
        shell("%s/serasictl init %s --role regional --node %s --listen tcp://127.0.0.1:%u "
              "--parent tcp://127.0.0.1:%u --parent-key '%s' 2>/dev/null",
              s->bench->bin, d->folder, node, d->port, s->daemons[0].port, key);
    } else {
        shell("%s/serasictl init %s --role hub --node %s --listen tcp://127.0.0.1:%u 2>/dev/null",
              s->bench->bin, d->folder, node, d->port);
    }
    shell("mkdir -p %s/serasid.conf.d && printf '" SETTINGS "' > %s/serasid.conf.d/bench.conf",
          d->folder, d->folder);
    if (settings)
        shell("printf '%s\\n' > %s/serasid.conf.d/workload.conf", settings, d->folder);
    if (!s->bench->sign) /* then its receipts are not signed */
        shell("sed -i /^ed25519/d %s/keys", d->folder);
    fprintf(s->directory,
            "{\"node\":{\"id\":\"%s\",\"kind\":\"%s\",\"name\":\"%s\",\"home\":\"%s\","
            "\"broker\":true%s}}\n",
            node, child ? "NODE_KIND_UPT_BALAI" : "NODE_KIND_NATIONAL_HUB", node, node,
            child ? ",\"broker_parent\":\"hub\"" : "");
    add_pubkey(s, d);
    return d;
}

void site_add_node(Site *s, const char *node, const char *kind, const char *region,
                   const Daemon *home) {
    fprintf(s->directory,
            "{\"node\":{\"id\":\"%s\",\"kind\":\"%s\",\"name\":\"%s\",\"home\":\"%s\"", node, kind,
            node, home->node);
    if (region)
        fprintf(s->directory, ",\"service_area\":[{\"region\":\"%s\"}]", region);
    fputs("}}\n", s->directory);
}

void site_add_key(Site *s, const char *node, const char *label, const Daemon *at, ZmtpKeys *ret) {
    char key[48];
    ret->plain = s->bench->bare;
    (void)crypto_box_keypair(ret->public, ret->secret);
    memcpy(ret->server, at->key, sizeof(ret->server));
    zmtp_key_print(ret->public, key);
    fprintf(s->directory, "{\"key\":{\"node\":\"%s\",\"label\":\"%s\",\"curve\":\"%s\"", node,
            label, key);
    if (s->bench->sign && !s->has_signer) { /* the first key is the publishers' */
        s->has_signer = true;
        _cleanup_(freep) char *sign = base64_encode(
            bytes_make(s->bench->sign_key.public.b, sizeof(s->bench->sign_key.public.b)));
        fprintf(s->directory, ",\"ed25519\":\"%s\"", sign ? sign : "");
    }
    fputs("}}\n", s->directory);
}

/* --- running -------------------------------------------------------------------------------- */

/* The orders of the library that makes syncs slow. */
static void order_delay(const Site *s, const Daemon *d, char *ret, size_t size) {
    const Orders o = { .sync_delay_us = 1000 * (int64_t)s->sync_delay_ms };
    snprintf(ret, size, "%s/orders", d->folder);
    FILE *f = fopen(ret, "we");
    if (!f || fwrite(&o, sizeof(o), 1, f) != 1 || fclose(f) != 0)
        die("%s: %s", ret, strerror(errno));
}

static void run_daemon(const Site *s, const Daemon *d, const char *notify) {
    char program[BENCH_FOLDER_SIZE + 32], config[BENCH_FOLDER_SIZE + 32],
        orders[BENCH_FOLDER_SIZE + 32];
    snprintf(program, sizeof(program), "%.200s/serasid", s->bench->bin);
    snprintf(config, sizeof(config), "%s/serasid.conf", d->folder);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a bench that dies leaves no broker behind */
    (void)tool_raise_files();
    (void)setenv("NOTIFY_SOCKET", notify, 1);
    if (s->sync_delay_ms > 0) {
        order_delay(s, d, orders, sizeof(orders));
        (void)setenv("SERASI_PRELOAD", orders, 1);
        (void)setenv("SERASI_PRELOAD_PREFIX", d->folder, 1);
        (void)setenv("LD_PRELOAD", s->bench->slow_library, 1);
    }
    execl(program, "serasid", "--config", config, (char *)NULL);
    _exit(127);
}

static int notify_socket(const Daemon *d, struct sockaddr_un *ret) {
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
    snprintf(ret->sun_path, sizeof(ret->sun_path), "%.90s/notify", d->folder);
    (void)unlink(ret->sun_path);
    if (fd < 0 || bind(fd, (struct sockaddr *)ret, sizeof(*ret)) < 0)
        die("%s: %s", ret->sun_path, strerror(errno));
    return fd;
}

double site_start_one(Site *s, Daemon *d) {
    struct sockaddr_un address;
    const int fd = notify_socket(d, &address);
    const double begin = seconds();
    fflush(NULL);
    d->pid = fork();
    if (d->pid == 0)
        run_daemon(s, d, address.sun_path);
    for (;;) {
        char text[1024];
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        if (poll(&wait, 1, READY_TIMEOUT_MS) <= 0 || waitpid(d->pid, NULL, WNOHANG) != 0)
            die("%s did not become ready", d->node);
        const ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, "READY=1"))
            break;
    }
    const double took = seconds() - begin;
    /* The socket stays open: the daemon goes on telling its state. */
    return took;
}

void site_start(Site *s) {
    char command[700];
    fclose(s->directory);
    s->directory = NULL;
    for (unsigned i = 0; i < s->n_daemons; i++) {
        Daemon *d = &s->daemons[i];
        shell("%s/serasictl --dir %s node import %s/directory.jsonl >/dev/null 2>&1", s->bench->bin,
              d->folder, s->folder);
        (void)site_start_one(s, d);
    }
    snprintf(command, sizeof(command),
             "%s/serasictl --dir %s status --json | grep -c '\"uplink\": *\"up\"'", s->bench->bin,
             s->daemons[1].folder);
    for (int i = 0; s->n_daemons > 1 && shell_number("", command) < 1; i++) {
        if (i == 200)
            die("the link does not come up");
        usleep(50000);
    }
}

void site_stop_one(Daemon *d, int signal) {
    if (d->pid > 0) {
        (void)kill(d->pid, signal);
        (void)waitpid(d->pid, NULL, 0);
    }
    d->pid = 0;
}

void site_deinit(Site *s) {
    for (unsigned i = s->n_daemons; i > 0; i--)
        site_stop_one(&s->daemons[i - 1], SIGTERM);
    if (s->folder[0] && !s->bench->keep)
        shell("rm -rf %s", s->folder);
}

/* --- what they use -------------------------------------------------------------------------- */

/* The number behind `name` in a file of /proc/PID; of "stat" the seconds of processor time. */
static double number_in(pid_t pid, const char *file, const char *name) {
    char path[64], line[512];
    double v = 0, user = 0, kernel = 0;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        const char *end = strrchr(line, ')');
        if (name && text_starts_with(line, name))
            v = strtod(line + strlen(name), NULL);
        else if (!name && end &&
                 sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf", &user,
                        &kernel) == 2)
            v = (user + kernel) / (double)sysconf(_SC_CLK_TCK);
    }
    if (f)
        fclose(f);
    return v;
}

Usage site_usage(const Site *s) {
    Usage u = { 0 };
    for (unsigned i = 0; i < s->n_daemons; i++) {
        const Daemon *d = &s->daemons[i];
        char command[700];
        snprintf(command, sizeof(command), "%s/serasictl --dir %s status --json", s->bench->bin,
                 d->folder);
        u.cpu += number_in(d->pid, "stat", NULL);
        u.written += number_in(d->pid, "io", "wchar:");
        u.rss += number_in(d->pid, "status", "VmRSS:") * 1024;
        u.peak += number_in(d->pid, "status", "VmHWM:") * 1024;
        u.commits += shell_number("\"commits\"", command);
    }
    return u;
}

Usage site_usage_quiet(const Site *s) {
    Usage last = site_usage(s);
    for (int i = 0; i < 60; i++) {
        usleep(300000);
        const Usage now = site_usage(s);
        if (now.commits <= last.commits + 4) /* the questions themselves are commits too */
            return now;
        last = now;
    }
    return last;
}

double site_file_size(const Daemon *d, const char *suffix) {
    char path[BENCH_FOLDER_SIZE + 64];
    struct stat st;
    snprintf(path, sizeof(path), "%s/data/serasid.db%s", d->folder, suffix);
    return stat(path, &st) == 0 ? (double)st.st_size : 0;
}
