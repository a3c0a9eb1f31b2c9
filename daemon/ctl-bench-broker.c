/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bench: a broker of its own, on 127.0.0.1, with the folders of a publisher and a consumer. They
 * are made by this very program, as an operator would.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/ctl-bench.h"

#define STOP_WAIT_MS 10000

/* --- programs --- */

/* Runs this program in the bench's folder; its output goes to the end of a file, or nowhere. */
static pid_t run(Bench *b, const char *program, const char *output, const char *const *argv) {
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (chdir(b->folder) < 0)
        _exit(127);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC),
              out = output ? open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : null;
    const int errors = open("errors", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0)
        _exit(127);
    (void)execvp(program, (char *const *)argv);
    _exit(127);
}

static int run_ctl(Bench *b, const char *output, const char *const *argv) {
    int status = -1;
    const pid_t pid = run(b, b->self, output, argv);
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
        return CTL_DONE;
    ctl_complain("a broker could not be set up in %s (serasictl %s)", b->folder, argv[1]);
    return CTL_REFUSED;
}

#define RUN_CTL(b, output, ...)                                                                    \
    run_ctl((b), (output), (const char *const[]) { "serasictl", __VA_ARGS__, NULL })

static unsigned free_port(void) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        a.sin_port = 0;
    if (fd >= 0)
        close(fd);
    return ntohs(a.sin_port);
}

static int append(Bench *b, const char *name, const char *text) {
    char path[BENCH_PATH_SIZE + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", b->folder, name);
    FILE *f = fopen(path, "ae");
    const bool ok = f && fputs(text, f) >= 0;
    if ((f && fclose(f) != 0) || !ok) {
        ctl_complain("%s: %s", path, strerror(errno));
        return CTL_REFUSED;
    }
    return CTL_DONE;
}

int bench_broker_key(Bench *b, char ret[static CURVE_TEXT_SIZE]) {
    char path[BENCH_PATH_SIZE + 16];
    size_t n;
    (void)snprintf(path, sizeof(path), "%s/broker.key", b->folder);
    _cleanup_(freep) char *line = ctl_read_file(path, &n);
    return line ? ctl_parse_key(line, ret) : CTL_REFUSED;
}

int bench_make_broker(Bench *b) {
    static const char *const folders[] = { "broker", "publisher", "consumer" };
    char endpoint[48], key[CURVE_TEXT_SIZE];
    b->port = free_port();
    (void)snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", b->port);
    int r =
        RUN_CTL(b, NULL, "init", "broker", "--role", "hub", "--node", "hub", "--listen", endpoint);
    if (r == CTL_DONE)
        r = RUN_CTL(b, "broker.key", "--dir", "broker", "pubkey");
    if (r != CTL_DONE)
        return r;
    r = bench_broker_key(b, key);
    for (int i = 1; r == CTL_DONE && i <= 2; i++)
        r = RUN_CTL(b, NULL, "init", folders[i], "--role", "client", "--node",
                    i == 1 ? "dsk/0001" : "dsk/0002", "--broker", endpoint, "--broker-key", key);
    for (int i = 0; r == CTL_DONE && i <= 2; i++)
        r = RUN_CTL(b, "directory.jsonl", "--dir", folders[i], "pubkey");
    if (r == CTL_DONE)
        r = append(b, "directory.jsonl",
                   "{\"node\":{\"id\":\"hub\",\"kind\":\"NODE_KIND_NATIONAL_HUB\",\"name\":\"hub\","
                   "\"home\":\"hub\",\"broker\":true}}\n");
    for (int i = 1; r == CTL_DONE && i <= 3; i++) {
        char node[256];
        (void)snprintf(node, sizeof(node),
                       "{\"node\":{\"id\":\"dsk/000%d\",\"kind\":\"NODE_KIND_SOCIAL_AGENCY_"
                       "REGENCY\",\"name\":\"bench\",\"home\":\"hub\"}}\n",
                       i);
        r = append(b, "directory.jsonl", node);
    }
    return r == CTL_DONE ? RUN_CTL(b, NULL, "--dir", "broker", "node", "import", "directory.jsonl")
                         : r;
}

/* serasid beside this program, or in $PATH. */
int bench_start_broker(Bench *b) {
    char program[BENCH_PATH_SIZE + 16];
    (void)text_copy(program, sizeof(program), b->self);
    char *slash = strrchr(program, '/');
    (void)snprintf(slash ? slash + 1 : program, 16, "serasid");
    b->broker = run(b, access(program, X_OK) == 0 ? program : "serasid", NULL,
                    (const char *const[]) { "serasid", "--config", "broker/serasid.conf", NULL });
    if (b->broker > 0)
        return CTL_DONE;
    ctl_complain("serasid: %s", strerror(errno));
    return CTL_REFUSED;
}

void bench_stop_broker(Bench *b) {
    if (b->broker <= 0)
        return;
    (void)kill(b->broker, SIGTERM);
    for (int i = 0; i < STOP_WAIT_MS / 20 && waitpid(b->broker, NULL, WNOHANG) == 0; i++)
        (void)poll(NULL, 0, 20);
    if (waitpid(b->broker, NULL, WNOHANG) == 0) {
        (void)kill(b->broker, SIGKILL);
        (void)waitpid(b->broker, NULL, 0);
    }
    b->broker = 0;
}
