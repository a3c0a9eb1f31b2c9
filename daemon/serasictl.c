/* SPDX-License-Identifier: Apache-2.0 */

/*
 * serasictl(1): the tool for operators and for clients without a program of their own. The table of
 * commands, help, and the way from the command line to a command.
 *
 * Exit statuses: 0 done; 1 refused, not found or failed; 2 command line; 3 unreachable or timeout.
 */

#include <locale.h>
#include <string.h>
#include <sys/prctl.h>

#include "daemon/ctl.h"

const CtlCommand ctl_commands[] = {
    { "init", "DIR --role ROLE --node NODE ...", "make a folder with keys and configuration",
      "  --role hub|regional|client   what runs from it\n"
      "  --node NODE                  id in the directory, such as dsk/3203\n"
      "  --listen ENDPOINT            brokers: default tcp://0.0.0.0:7021\n"
      "  --parent ENDPOINT            regional: the broker above, with\n"
      "  --parent-key KEY               its public key, and\n"
      "  --parent-node NODE             its id, default hub\n"
      "  --broker ENDPOINT            client: its home broker, with\n"
      "  --broker-key KEY               its public key\n"
      "  --hub-key KEY                regional, client: who signs the directory; nobody else is\n"
      "                                 believed then. ed25519 of the hub's `serasictl pubkey`\n"
      "KEY: 40 characters, or the line of `serasictl pubkey`.\n",
      ctl_cmd_init },
    { "keygen", "[--add] FILE", "make a key file",
      "Mode 0600, never overwritten. Prints the public CURVE key.\n"
      "  --add   give a key file the signing and sealing keys it lacks; the others stay\n",
      ctl_cmd_keygen },
    { "pubkey", "[--curve] [--label NAME]", "print the public keys, as a directory line",
      "  --curve        the CURVE key alone, for --parent-key and --broker-key\n"
      "  --label NAME   name of the key within its node, default main\n",
      ctl_cmd_pubkey },
    { "key", "list [NODE] | rotate | retire | switch", "the keys of this folder's node",
      "  list [NODE]         what the broker knows of them; operators: of any node\n"
      "  rotate              a new key in place of the present one; nothing is lost meanwhile\n"
      "    --overlap TIME    the old one is good for so long yet; default 24h\n"
      "    --retire-now      it ends at once\n"
      "  retire              other keys of the same label end now; the old file goes\n"
      "  switch              a broker's folder: its next keys take the place of the present ones\n"
      "  --timeout TIME      how long to wait for the directory; default 5min\n",
      ctl_cmd_key },
    { "enrol", "token NODE | list | approve ID | refuse ID | --token - DIR | DIR",
      "a new institution joins",
      "At its home broker, or by an operator of a node that supervises it:\n"
      "  token NODE           a line that lets it hand in its keys, once\n"
      "    --label NAME       of its key, default main\n"
      "    --hours N          good for so long, default 24, at most 168\n"
      "    --endpoint E       how it reaches the broker, when [listen] does not tell\n"
      "  list                 what was handed in, with fingerprints\n"
      "  approve ID, refuse ID\n"
      "At the institution:\n"
      "  --token - DIR        asks for the line, makes DIR with keys and configuration, hands "
      "them\n"
      "                       in and waits; LINE instead of - is seen by others on the machine\n"
      "    --no-wait          does not wait\n"
      "  DIR                  goes on where that stopped\n",
      ctl_cmd_enrol },
    { "node", "import FILE | list [PREFIX] | show NODE | revoke NODE | log | diff V1 [V2] | sign",
      "the directory",
      "FILE holds one JSON object a line: {\"node\":..}, {\"key\":..}, {\"region\":..} or\n"
      "{\"holiday\":..}: serasictl(1), THE DIRECTORY FILE.\n"
      "Nothing is imported unless every line is right. Works on a stopped broker too.\n"
      "  import --note TEXT           why, for the log\n"
      "  list --at VERSION            the nodes as they were\n"
      "  revoke NODE --reason TEXT    its keys are good for nothing any more, at once and\n"
      "    --key LABEL                  everywhere; this one alone\n"
      "  log [--from VERSION]         who changed what, when and why\n"
      "  diff V1 [V2]                 in what two versions differ; V2: the present one\n"
      "  sign --above VERSION         at a hub restored from a backup: everything anew\n",
      ctl_cmd_node },
    { "publish", "FILE... [--wait WHAT] [--id UUID]", "send messages",
      "FILE: JSON, one or more messages; - is stdin.\n"
      "  --wait accepted    until the broker has them on disk (default)\n"
      "  --wait collected   until every addressee has a final outcome\n"
      "  --wait everyone    and every supervisor\n"
      "  --id UUID          the same id again, after a timeout\n"
      "  --timeout TIME     default 30s\n",
      ctl_cmd_publish },
    { "recall", "MESSAGE [--reason CODE] [--wait WHAT]", "withdraw a message not yet collected",
      "  --reason CODE   short code, no personal data; default SENDER_REQUEST\n"
      "  --wait WHAT     accepted, collected or everyone, as of publish\n",
      ctl_cmd_recall },
    { "seal", "FILE", "seal messages and print them, to publish them later",
      "FILE: JSON as for publish, with \"sealed\" as an object; - is stdin. Keep what is printed:\n"
      "sealed anew the same message has other bytes, and its id is refused as a CONFLICT.\n"
      "  --timeout TIME   for the keys of the recipients; default 30s\n",
      ctl_cmd_seal },
    { "wraps", "[MESSAGE] [--grant]", "requests to open what was sealed to somebody else",
      "Shown are those that [connection] wraps does not answer by itself.\n"
      "  --grant   let the node they name read the message, of all or of this MESSAGE\n",
      ctl_cmd_wraps },
    { "consume", "[-n N | --follow] [OPTIONS]", "receive messages",
      "Without -n and --follow: what is there, until nothing comes for a second.\n"
      "  -n N                  so many, then end\n"
      "  --follow              go on until SIGINT or SIGTERM\n"
      "  --receipts            receipts for what this node sent, instead of its mailbox\n"
      "  --subscription NAME   a named subscription instead, --filter JSON makes it\n"
      "  --open                open what is sealed: personal data on stdout; what is sealed to\n"
      "                        others waits for a wrap of its sender, --wrap-wait TIME (24h)\n"
      "  --exec CMD            run CMD with the message on stdin: exit status 0 settles it,\n"
      "                        75 puts it off (for --retry TIME), else it is rejected\n"
      "  --no-settle           only look: they come again\n"
      "  --reject REASON       reject them, with --permanent for good\n"
      "  --retry TIME          put them off\n"
      "  --timeout TIME        longest wait for the next one; default 30s with -n\n",
      ctl_cmd_consume },
    { "subscribe", "NAME [--filter JSON]", "make a named subscription",
      "The filter: {\"kinds\":[],\"regions\":[],\"clusters\":[],\"case_ids\":[],\"urgencies\":[],"
      "\"sender_kinds\":[]}\n",
      ctl_cmd_subscribe },
    { "unsubscribe", "NAME", "drop a named subscription and what waits in it", "",
      ctl_cmd_unsubscribe },
    { "validate", "FILE... [--directory FILE] [--node NODE] [--at DATE]",
      "check messages without a broker",
      "  --directory FILE   with the rules that need the directory, and the recipients\n"
      "  --node NODE        sender when a message names none\n"
      "  --at DATE          as of the end of that day (YYYY-MM-DD), by the rules of that time\n",
      ctl_cmd_validate },
    { "rules", "[ID]", "the rules of the law that messages are checked against",
      "With an ID such as R-040: both languages, when it is violated, and the dated numbers.\n",
      ctl_cmd_rules },
    { "status", "", "is it well; a client's folder: can it open a session", "", ctl_cmd_status },
    { "links", "", "connections to other brokers", "", ctl_cmd_ask },
    { "queues", "[NAME]", "what waits, and for whom", "", ctl_cmd_ask },
    { "sessions", "", "who is connected", "", ctl_cmd_ask },
    { "subscriptions", "", "named subscriptions", "", ctl_cmd_ask },
    { "messages", "[--limit N]", "the newest messages and their state", "", ctl_cmd_ask },
    { "trace", "MESSAGE|CASE", "the story of a message or a case", "", ctl_cmd_ask },
    { "outcome", "MESSAGE", "what became of a message, by recipient", "", ctl_cmd_ask },
    { "referral", "ID", "how a referral stands, its story, what is owed, receipts",
      "ID: the message_id of its request.\n", ctl_cmd_item },
    { "complaint", "ID", "the same of a complaint", "", ctl_cmd_item },
    { "case", "CASE", "the same of a case", "", ctl_cmd_item },
    { "event", "ID [--unacknowledged]", "the same of an extraordinary event",
      "  --unacknowledged   who was told, and when a person there said so\n", ctl_cmd_item },
    { "proposal", "ID", "the same of a proposal for the register", "", ctl_cmd_item },
    { "worklist", "[NODE]", "what waits for this node: to receive, to decide, to supply",
      "Operators of a broker name the NODE.\n", ctl_cmd_law },
    { "due", "[NODE]", "what is owed, by whom and until when", "", ctl_cmd_law },
    { "report", "[REGION]", "how many stand where, by cluster and regency; small numbers hidden",
      "", ctl_cmd_law },
    { "dead", "list | show M | requeue M | redirect M NODE | discard M", "dead letters",
      "  --recipient NODE   only the copy for this recipient\n"
      "  --reason TEXT      kept in the trail; needed to discard; no personal data\n",
      ctl_cmd_dead },
    { "backup", "FILE", "copy the store while it is in use",
      "The broker writes FILE: it must be a place the broker may write to.\n", ctl_cmd_backup },
    { "check", "", "read the whole store and compare checksums", "", ctl_cmd_check },
    { "ledger", "verify | show | export | countersign | prune | forget",
      "what happened here, chained and countersigned",
      "  verify [FILE] [--parent]   is it whole; FILE: a store or a backup nobody has open\n"
      "    --parent                 and does the parent countersign what it is now\n"
      "  show [FILE] [--message ID] [--node NODE] [--kind KIND] [--since T] [--until T] [-n N]\n"
      "  export [FILE] [--head]     JSON lines for another program; or the head alone\n"
      "  countersign                ask the parent to sign the head now\n"
      "    --sign FILE              sign the head of another broker with this folder's key\n"
      "    --add FILE               keep such a signature of our head\n"
      "  prune --before DATE        blocks before the last countersigned one that is older\n"
      "  forget BROKER              at its parent: its ledger begins anew, from a backup\n"
      "T: 2026-12-31 or 2026-12-31T08:00:00Z. KIND: ACCEPTED, REFUSED, ...: PROTOCOL.md 14.2.\n",
      ctl_cmd_ledger },
    { "salvage", "FILE", "write what can be read of a damaged store into a new one",
      "The broker must be stopped; its files are only read. Afterwards: serasictl(1), SALVAGE.\n",
      ctl_cmd_salvage },
    { "refold", "[--write]", "make the items of the law again from the acts on record, and compare",
      "The broker must be stopped.\n"
      "  --write   take over what differs\n",
      ctl_cmd_refold },
    { "bench", "[FOLDER] [--time TIME]", "how fast the disk and a broker here are, what limits",
      "Works in a folder of its own inside FOLDER (default: data-dir) with a broker of its own on\n"
      "127.0.0.1, and removes both: no mailbox of a running broker sees it. Its disk does.\n"
      "  --time TIME   about so long in all, 1s to 1h; default 50s\n",
      ctl_cmd_bench },
    { "reload", "", "read the configuration again; says what needs a restart", "", ctl_cmd_ask },
    { 0 },
};

static void usage(FILE *f) {
    fputs("Usage: serasictl [--dir DIR] COMMAND [ARGUMENTS] [--json]\n\n", f);
    for (const CtlCommand *m = ctl_commands; m->name; m++)
        fprintf(f, "  %-14s %s\n", m->name, m->summary);
    fputs("\n  --dir DIR       folder with serasid.conf; default $SERASI_DIR, else /etc/serasi\n"
          "  --json          one JSON object a line\n"
          "  --timeout TIME  how long to wait, such as 10s\n"
          "  --limit N       most rows\n"
          "  --version, --help; serasictl COMMAND --help; serasictl(1)\n",
          f);
}

static void usage_of(const CtlCommand *m) {
    printf("Usage: serasictl [--dir DIR] %s %s\n\n%s\n%s%s", m->name, m->arguments, m->summary,
           m->help[0] ? "\n" : "", m->help);
}

/* Global options may stand before the command. Returns the index of the command in argv. */
static int find_command(Ctl *c, int argc, char **argv, int *ret_status) {
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            puts("serasictl " SERASI_VERSION);
            return -1;
        }
        bool has_value = strchr(argv[i], '=') == NULL && strcmp(argv[i], "--json") != 0 &&
                         strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0;
        int n = has_value ? 2 : 1;
        char *one[] = { argv[0], argv[i], i + 1 < argc ? argv[i + 1] : NULL, NULL };
        int r = ctl_parse(c, MIN(n + 1, argc - i + 1), one, NULL, NULL, 0, 0, NULL);
        if (c->help) {
            usage(stdout);
            return -1;
        }
        if (r != CTL_DONE) {
            *ret_status = r;
            return -1;
        }
        i += n - 1;
    }
    if (i < argc)
        return i;
    usage(stderr);
    *ret_status = CTL_USAGE;
    return -1;
}

/* They would hold keys, and with consume --open what was sealed. No limit, which the command of
 * consume would have from us. */
static void forbid_core_files(void) {
#ifndef __SANITIZE_ADDRESS__ /* its leak check attaches to the process */
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

int main(int argc, char **argv) {
    Ctl c = { .timeout_ms = -1 };
    int status = CTL_DONE;
    forbid_core_files();
    (void)setlocale(LC_CTYPE, "");
    int i = find_command(&c, argc, argv, &status);
    if (i < 0)
        return status;
    const CtlCommand *m = ctl_commands;
    while (m->name && strcmp(m->name, argv[i]) != 0)
        m++;
    if (!m->name) {
        ctl_complain("unknown command \"%s\"; see serasictl --help", argv[i]);
        return CTL_USAGE;
    }
    c.command = m->name;
    status = m->run(&c, argc - i, argv + i);
    if (c.help) {
        usage_of(m);
        status = CTL_DONE;
    }
    ctl_close(&c);
    if (fflush(stdout) != 0 && status == CTL_DONE)
        status = CTL_REFUSED;
    return status;
}
