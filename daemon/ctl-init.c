/* SPDX-License-Identifier: Apache-2.0 */

/* Making a folder that serasid or a client can run from, and the keys in it. Nothing is ever
 * overwritten; what was interrupted goes on when it is said again. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "daemon/ctl.h"
#include "net/keys.h"
#include "wire/json.h"

#define KEY_FILE_NAME  "keys"
#define DEFAULT_LISTEN "tcp://0.0.0.0:7021"

typedef struct Init {
    const char *role, *node, *listen, *parent, *parent_key, *parent_node, *broker, *broker_key;
    const char *hub_key;
    char hub[64];              /* the same in base64 alone */
    char key[CURVE_TEXT_SIZE]; /* of the parent or broker */
    bool client, regional;
} Init;

/* --- what was asked for --- */

/* The same judgement the configuration would make, before anything is written. */
static bool value_is_fine(const char *section, const char *name, const char *option,
                          const char *text) {
    _cleanup_(config_freep) Config *scratch = calloc(1, sizeof(*scratch));
    _cleanup_(buf_deinit) Buf why = { 0 };
    bool section_known;
    const ConfigKey *k = config_key_find(section, name, &section_known);
    if (scratch && k && config_set_value(scratch, k, text, &why) == 0)
        return true;
    ctl_complain("--%s: %s", option, buf_text(&why) ? buf_text(&why) : "not a value");
    return false;
}

static bool is_given(const char *value, const char *option, const char *role) {
    if (value)
        return true;
    ctl_complain("init --role %s needs --%s", role, option);
    return false;
}

/* The key alone, or the line of `serasictl pubkey` at the hub. */
static int judge_hub_key(Init *in) {
    char why[JSON_WHY_SIZE];
    DirRecord line;
    if (!in->hub_key)
        return CTL_DONE;
    if (!in->client && !in->regional) {
        ctl_complain("--hub-key is for those below the hub");
        return CTL_USAGE;
    }
    if (in->hub_key[0] == '{' &&
        json_parse_directory_line(in->hub_key, strlen(in->hub_key), &line, why) == 0 &&
        line.kind == DIR_KEY) {
        _cleanup_(freep) char *text =
            base64_encode(bytes_make(line.key.sign.b, sizeof(line.key.sign.b)));
        if (!text)
            return CTL_REFUSED;
        (void)text_copy(in->hub, sizeof(in->hub), text);
    } else if (!text_copy(in->hub, sizeof(in->hub), in->hub_key)) {
        in->hub[0] = '\0';
    }
    return in->hub[0] != '\0' && value_is_fine("directory", "hub-key", "hub-key", in->hub)
               ? CTL_DONE
               : CTL_USAGE;
}

static int judge(Init *in) {
    if (!is_given(in->role, "role", "hub|regional|client") ||
        !value_is_fine("node", "role", "role", in->role) || !is_given(in->node, "node", in->role) ||
        !value_is_fine("node", "id", "node", in->node))
        return CTL_USAGE;
    in->client = strcmp(in->role, "client") == 0;
    in->regional = strcmp(in->role, "regional") == 0;
    if (in->client) {
        if (!is_given(in->broker, "broker", "client") ||
            !is_given(in->broker_key, "broker-key", "client") ||
            !value_is_fine("connection", "endpoint", "broker", in->broker))
            return CTL_USAGE;
        return ctl_parse_key(in->broker_key, in->key);
    }
    if (!in->listen)
        in->listen = DEFAULT_LISTEN;
    if (!value_is_fine("listen", "endpoint", "listen", in->listen))
        return CTL_USAGE;
    if (!in->regional)
        return CTL_DONE;
    if (!in->parent_node)
        in->parent_node = "hub";
    if (!is_given(in->parent, "parent", "regional") ||
        !is_given(in->parent_key, "parent-key", "regional") ||
        !value_is_fine("parent", "endpoint", "parent", in->parent) ||
        !value_is_fine("parent", "node", "parent-node", in->parent_node))
        return CTL_USAGE;
    return ctl_parse_key(in->parent_key, in->key);
}

/* --- the folder --- */

/* mkdir -p; the last part is for its owner alone. */
int ctl_make_folder(const char *path, char ret_full[static PATH_MAX]) {
    char part[PATH_MAX];
    if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
        return -ENAMETOOLONG;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    if (mkdir(part, 0700) != 0 && errno != EEXIST)
        return -errno;
    return realpath(part, ret_full) ? 0 : -errno;
}

/* The folder the unit reads: data, socket and credentials are where systemd makes them, which is
 * what the defaults say. */
static bool is_packaged(const char *full) {
    return strcmp(full, "/etc/serasi") == 0;
}

/* The configuration is written last: without it, init was interrupted and goes on. */
static int check_folder(const char *full, bool client) {
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/" CONFIG_FILE_NAME, full);
    if (access(path, F_OK) == 0) {
        ctl_complain("%s is there already; init does not overwrite", path);
        return CTL_REFUSED;
    }
    int n = snprintf(path, sizeof(path), "%s/run/admin.sock", full);
    if (!client && !is_packaged(full) && n >= (int)sizeof(((struct sockaddr_un *)0)->sun_path)) {
        ctl_complain("the admin socket would be %s, %d bytes; a Unix socket has room for 107.\n"
                     "Choose a folder with a shorter path",
                     path, n);
        return CTL_REFUSED;
    }
    return CTL_DONE;
}

/* --- files --- */

static const char *ctl_key_file_error(int e) {
    return e == -EBADMSG  ? "not a key file, or damaged"
           : e == -EACCES ? "may not be read, or others may read it too (mode 0600 wanted)"
                          : strerror(-e);
}

static void config_text(const Init *in, bool packaged, Buf *b) {
    buf_addf(b,
             "# Made by serasictl init. What is not here has its default value: serasid.conf(5),\n"
             "# serasid --print-config. Paths are relative to this folder.\n\n"
             "[node]\nid = %s\nrole = %s\nkey-file = " KEY_FILE_NAME "\n",
             in->node, in->role);
    if (in->client) {
        buf_addf(b,
                 "\n# The home broker of this node and its public key.\n"
                 "[connection]\nendpoint = %s\nkey = %s\n",
                 in->broker, in->key);
        if (in->hub[0] != '\0')
            buf_addf(b, "hub-key = %s\n", in->hub);
        return;
    }
    if (!packaged)
        buf_add_text(b, "data-dir = data\nadmin-socket = run/admin.sock\n");
    buf_addf(b, "\n# Where clients and child brokers connect.\n[listen]\nendpoint = %s\n",
             in->listen);
    if (in->regional)
        buf_addf(b,
                 "\n# The broker above this one and its public key.\n"
                 "[parent]\nendpoint = %s\nkey = %s\nnode = %s\n",
                 in->parent, in->key, in->parent_node);
    if (in->regional && in->hub[0] != '\0')
        buf_addf(b,
                 "\n# The directory comes from the hub, signed with this key.\n"
                 "[directory]\nhub-key = %s\n",
                 in->hub);
}

static int write_config(const Init *in, const char *full) {
    _cleanup_(buf_deinit) Buf b = { 0 };
    char path[PATH_MAX + 64];
    config_text(in, is_packaged(full), &b);
    const char *text = buf_text(&b);
    if (!text)
        return -ENOMEM;
    (void)snprintf(path, sizeof(path), "%s/" CONFIG_FILE_NAME, full);
    /* The unit's user reads it; there is no secret in it. */
    return file_put_new(path, bytes_make(text, b.n), is_packaged(full) ? 0644 : 0600);
}

static int make_keys(const char *path) {
    _cleanup_(keys_wipe) NodeKeys keys = { 0 };
    int r = hash_init();
    if (r == 0)
        r = keys_generate(&keys);
    return r == 0 ? keys_save(&keys, path) : r;
}

/* Those of an attempt that was interrupted, or that somebody brought along, serve. */
static int make_own_keys(const char *path) {
    if (access(path, F_OK) != 0)
        return make_keys(path);
    _cleanup_(keys_wipe) NodeKeys keys = { 0 };
    fprintf(stderr, "serasictl: going on with the keys in %s\n", path);
    return keys_load(&keys, path);
}

static int fill_folder(const Init *in, const char *full) {
    char path[PATH_MAX + 64];
    int r = 0;
    bool folders = !in->client && !is_packaged(full);
    (void)snprintf(path, sizeof(path), "%s/data", full);
    if (folders && mkdir(path, 0700) != 0 && errno != EEXIST)
        r = -errno;
    (void)snprintf(path, sizeof(path), "%s/run", full);
    if (r == 0 && folders && mkdir(path, 0750) != 0 && errno != EEXIST)
        r = -errno;
    (void)snprintf(path, sizeof(path), "%s/" KEY_FILE_NAME, full);
    if (r == 0)
        r = make_own_keys(path);
    return r == 0 ? write_config(in, full) : r;
}

static void say_next_step(const Init *in, const char *dir) {
    fprintf(stderr, "%s is ready.\n", dir);
    if (in->client)
        fprintf(stderr,
                "Next: send the line of `serasictl --dir %s pubkey` to the operators of the "
                "directory.\n",
                dir);
    else if (in->hub[0] != '\0')
        fprintf(stderr,
                "Next: the hub imports its line of `serasictl --dir %s pubkey`; then serasid "
                "--config %s/" CONFIG_FILE_NAME "\nconnects and gets the directory by itself.\n",
                dir, dir);
    else
        fprintf(stderr,
                "Next: serasid --config %s/" CONFIG_FILE_NAME
                ", then `serasictl --dir %s node import FILE`;\nits own key for that file: "
                "`serasictl --dir %s pubkey`.\n",
                dir, dir, dir);
}

static int init(Init *in, const char *dir) {
    char full[PATH_MAX];
    int r = judge(in);
    if (r == CTL_DONE)
        r = judge_hub_key(in);
    if (r != CTL_DONE)
        return r;
    r = ctl_make_folder(dir, full);
    int status = r == 0 ? check_folder(full, in->client) : CTL_DONE;
    if (r == 0 && status == CTL_DONE)
        r = fill_folder(in, full);
    if (r < 0) {
        ctl_complain("%s: %s", dir, r == -EBADMSG ? ctl_key_file_error(r) : strerror(-r));
        return CTL_REFUSED;
    }
    return status;
}

int ctl_init_client(const char *dir, const char *node, const char *broker, const char *broker_key,
                    const char *hub_key) {
    Init in = { .role = "client",
                .node = node,
                .broker = broker,
                .broker_key = broker_key,
                .hub_key = hub_key };
    return init(&in, dir);
}

int ctl_cmd_init(Ctl *c, int argc, char **argv) {
    Init in = { 0 };
    const char *dir = NULL;
    const CtlOption options[] = {
        { .name = "role", .value = &in.role },
        { .name = "node", .value = &in.node },
        { .name = "listen", .value = &in.listen },
        { .name = "parent", .value = &in.parent },
        { .name = "parent-key", .value = &in.parent_key },
        { .name = "parent-node", .value = &in.parent_node },
        { .name = "broker", .value = &in.broker },
        { .name = "broker-key", .value = &in.broker_key },
        { .name = "hub-key", .value = &in.hub_key },
        { 0 },
    };
    int r = ctl_parse(c, argc, argv, options, &dir, 0, 1, NULL);
    if (r == CTL_DONE && !dir)
        dir = c->dir;
    if (r == CTL_DONE && !dir) {
        ctl_complain("which folder? serasictl init DIR --role ...");
        r = CTL_USAGE;
    }
    if (r == CTL_DONE)
        r = init(&in, dir);
    if (r == CTL_DONE)
        say_next_step(&in, dir);
    return r;
}

/* --- keys --- */

static int print_key(const char *node, const char *label, bool broker, const NodeKeys *k) {
    DirKey key = { .sign = k->sign.public, .seal = k->seal.public, .broker = broker };
    _cleanup_(freep) char *line = NULL;
    (void)text_copy(key.node, sizeof(key.node), node);
    (void)text_copy(key.curve, sizeof(key.curve), k->curve_public);
    if (!text_copy(key.label, sizeof(key.label), label)) {
        ctl_complain("--label: at most %u characters", LABEL_SIZE - 1);
        return CTL_USAGE;
    }
    if (json_print_key_line(&key, &line) < 0)
        return CTL_REFUSED;
    puts(line);
    return CTL_DONE;
}

/* Such a line is good for connecting, but nothing can be signed or opened with it. */
static void say_what_lacks(const char *path, const NodeKeys *k) {
    if (!keys_can_sign(k) || !keys_can_open(k))
        ctl_complain("%s has no key to %s; add it with: serasictl keygen --add %s", path,
                     keys_can_sign(k)   ? "open what is sealed to this node"
                     : keys_can_open(k) ? "sign with"
                                        : "sign with and none to open what is sealed to this node",
                     path);
}

int ctl_load_keys(const char *path, NodeKeys *ret) {
    int r = keys_load(ret, path);
    if (r == 0)
        return CTL_DONE;
    ctl_complain("%s: %s", path, ctl_key_file_error(r));
    return CTL_REFUSED;
}

int ctl_cmd_pubkey(Ctl *c, int argc, char **argv) {
    _cleanup_(keys_wipe) NodeKeys keys = { 0 };
    bool curve = false;
    const char *label = "main";
    const CtlOption options[] = { { .name = "curve", .flag = &curve },
                                  { .name = "label", .value = &label },
                                  { 0 } };
    int r = ctl_parse(c, argc, argv, options, NULL, 0, 0, NULL);
    if (r == CTL_DONE)
        r = ctl_config(c);
    if (r == CTL_DONE)
        r = ctl_load_keys(c->config->key_file, &keys);
    if (r != CTL_DONE)
        return r;
    if (curve) {
        puts(keys.curve_public);
        return CTL_DONE;
    }
    say_what_lacks(c->config->key_file, &keys);
    return print_key(c->config->node, label, c->config->role != ROLE_CLIENT, &keys);
}

static int add_keys(const char *path) {
    int e = hash_init();
    if (e == 0)
        e = keys_add(path);
    if (e < 0) {
        ctl_complain("%s: %s", path, ctl_key_file_error(e));
        return CTL_REFUSED;
    }
    fprintf(stderr,
            e == 1 ? "%s has all keys already.\n"
                   : "%s has its new keys. Next: import the line of `serasictl pubkey` at "
                     "the brokers.\n",
            path);
    return CTL_DONE;
}

int ctl_cmd_keygen(Ctl *c, int argc, char **argv) {
    _cleanup_(keys_wipe) NodeKeys keys = { 0 };
    const char *path = NULL;
    bool add = false;
    const CtlOption options[] = { { .name = "add", .flag = &add }, { 0 } };
    int r = ctl_parse(c, argc, argv, options, &path, 1, 1, NULL);
    if (r != CTL_DONE)
        return r;
    int e = 0;
    if (add)
        r = add_keys(path);
    else if ((e = make_keys(path)) < 0) {
        ctl_complain("%s: %s", path,
                     e == -EEXIST ? "is there already; --add gives it the pairs it lacks"
                                  : strerror(-e));
        return CTL_REFUSED;
    }
    if (r == CTL_DONE)
        r = ctl_load_keys(path, &keys);
    if (r == CTL_DONE)
        puts(keys.curve_public);
    return r;
}
