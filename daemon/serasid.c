/* SPDX-License-Identifier: Apache-2.0 */

/*
 * serasid(8): the broker. Command line and exit statuses; the rest is in serasid-*.c.
 *
 * Exit statuses: 0 asked to stop; 64 command line; 65 the store is damaged; 70 internal; 74 the
 * store failed (nothing unanswered was lost, systemd restarts); 75 another process has the store;
 * 78 configuration.
 */

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/serasid.h"

#define DEFAULT_CONFIG "/etc/serasi/" CONFIG_FILE_NAME
#define FAULT_EXIT_MS  800

static void usage(FILE *f) {
    fputs("Usage: serasid [--config FILE] [--check | --print-config | --check-upgrade STORE]\n"
          "\n"
          "Durable message broker for social service referrals.\n"
          "\n"
          "  -c, --config FILE   configuration, default " DEFAULT_CONFIG "\n"
          "      --check         read the configuration and the keys, say what is wrong, end\n"
          "      --print-config  print the configuration in effect, defaults included, end\n"
          "      --check-upgrade STORE  say what this version would do with that store, end\n"
          "      --version       print the version, end\n"
          "  -h, --help          print this, end\n"
          "\n"
          "SIGTERM stops in order, SIGHUP reads the configuration again.\n"
          "See serasid(8), serasid.conf(5); `serasictl init` makes a first configuration.\n",
          f);
}

typedef enum Mode {
    MODE_RUN = 0,
    MODE_CHECK,
    MODE_PRINT,
    MODE_UPGRADE,
} Mode;

/* Returns -1 to go on, else the exit status. */
static int parse_arguments(int argc, char **argv, const char **config_file, Mode *mode,
                           const char **store) {
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "check", no_argument, NULL, 'k' },
        { "print-config", no_argument, NULL, 'p' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { "check-upgrade", required_argument, NULL, 'u' },
        { 0 },
    };
    int o;
    while ((o = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
        switch (o) {
        case 'c':
            *config_file = optarg;
            break;
        case 'k':
            *mode = MODE_CHECK;
            break;
        case 'p':
            *mode = MODE_PRINT;
            break;
        case 'u':
            *mode = MODE_UPGRADE;
            *store = optarg;
            break;
        case 'v':
            puts("serasid " SERASI_VERSION);
            return EX_OK;
        case 'h':
            usage(stdout);
            return EX_OK;
        default:
            usage(stderr);
            return EX_USAGE;
        }
    }
    if (optind == argc)
        return -1;
    daemon_complain("unexpected argument \"%s\"; see serasid --help", argv[optind]);
    return EX_USAGE;
}

static int check_or_print(const char *config_file, Mode mode) {
    _cleanup_(config_freep) Config *c = NULL;
    _cleanup_(buf_deinit) Buf complaints = { 0 }, text = { 0 };
    NodeKeys keys;
    if (config_load(&c, config_file, &complaints) < 0) {
        const char *what = buf_text(&complaints);
        fputs(what ? what : "out of memory\n", stderr);
        return EX_CONFIG;
    }
    if (mode == MODE_PRINT) {
        config_print(c, &text);
        const char *out = buf_text(&text);
        return out && fputs(out, stdout) >= 0 && fflush(stdout) == 0 ? EX_OK : EX_SOFTWARE;
    }
    int r = daemon_load_keys(&keys, DAEMON_KEY_CREDENTIAL, c->key_file);
    if (r == 0 && c->next_key_file[0] != '\0')
        r = daemon_load_keys(&keys, DAEMON_NEXT_KEY_CREDENTIAL, c->next_key_file);
    keys_wipe(&keys);
    if (r != 0)
        return r;
    printf("%s: fine\n", c->file);
    return EX_OK;
}

/* What the store was doing is not known any more: no clean-up that would touch it. */
static void end_after_fault(Daemon *d, int status) {
    daemon_set_deadline(FAULT_EXIT_MS, status);
    notify_send(d->notify, "STATUS=The store failed, ending");
    d->log = log_stop(d->log);
    _exit(status);
}

int main(int argc, char **argv) {
    const char *config_file = DEFAULT_CONFIG, *store = NULL;
    Mode mode = MODE_RUN;
    int status = parse_arguments(argc, argv, &config_file, &mode, &store);
    if (status >= 0)
        return status;
    if (mode == MODE_UPGRADE)
        return check_upgrade(store);
    if (mode != MODE_RUN)
        return check_or_print(config_file, mode);
    Daemon d = { .signal_fd = -1, .admin_fd = -1, .wait_ms = LOOP_WAIT_MS, .awake = { .fd = -1 } };
    status = daemon_start(&d, config_file);
    if (status == 0)
        status = loop_run(&d);
    if ((status == EX_IOERR || status == EX_DATAERR) && d.broker)
        end_after_fault(&d, status);
    return daemon_stop(&d, status);
}
