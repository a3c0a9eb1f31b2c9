# SPDX-License-Identifier: Apache-2.0
"""serasictl as people type it: exit codes, JSON lines, errors that name what is wrong."""
import fcntl
import json
import os
import resource
import signal
import subprocess

from cluster import BIN, PATIENCE, Cluster, Skipped, main, wait_for
from preload import Under

HOME = "upt/phala-martha"
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURE = os.path.join(HERE, "../fixtures/directory/directory.jsonl")


def pair():
    c = Cluster([HOME])
    c.client("dsk/3203", HOME)
    c.client("uptd/32/pa-02", HOME)
    return c


def write(c, name, value):
    path = os.path.join(c.folder, name)
    with open(path, "w") as f:
        f.write(value if isinstance(value, str) else json.dumps(value))
    return path


def the_invocations_of_the_manual_work_as_written():
    with pair() as c:
        c.up()
        message = write(c, "message.json", c.message("dsk/3203", "uptd/32/pa-02"))
        p = c.ctl("dsk/3203", "publish", message, "--wait", "accepted")
        assert "ACCEPTED" in p.stdout
        line = c.ctl("uptd/32/pa-02", "consume", "-n", "1", "--json").stdout
        assert json.loads(line)["envelope"]["sender"] == "dsk/3203"
        status = json.loads(c.ctl("hub", "status", "--json").stdout)
        assert status["broker"] == "hub" and status["child_links"] == 1
        for args in [["links"], ["queues"], ["messages"], ["sessions"], ["subscriptions"], ["check"],
                     ["dead", "list"], ["node", "list"], ["node", "show", "dsk/3203"], ["reload"],
                     ["status"], ["validate", message]]:
            c.ctl(HOME, *args)


def the_directory_of_a_thousand_nodes_is_imported_running_or_not():
    with pair() as c:
        c.ctl("hub", "node", "import", FIXTURE)
        c.up()
        c.ctl(HOME, "node", "import", FIXTURE)
        assert c.status("hub")["nodes"] >= 1000 and c.status(HOME)["nodes"] >= 1000
        m = c.message("dsk/3203", "dsk/3302")
        del m["envelope"]["audience"]
        m["envelope"]["audience"] = {"role": {"kind": "SOCIAL_AGENCY_REGENCY", "region": "3302"}}
        p = c.publish("dsk/3203", m, "--json")
        assert json.loads(p.stdout)["recipients"][0]["node"] == "dsk/3302", p.stdout


def mistakes_are_named_and_change_nothing():
    with pair() as c:
        c.up()
        m = c.message("dsk/3203", "uptd/32/pa-02")
        m["facts"]["colour"] = "red"
        p = c.publish("dsk/3203", m, check=False)
        assert p.returncode == 1 and "colour" in p.stderr, p
        m = c.message("dsk/3203", "uptd/32/pa-02", urgency="SOON")
        p = c.publish("dsk/3203", m, check=False)
        assert p.returncode == 1 and "urgency" in p.stderr, p
        bad = write(c, "bad.jsonl", '{"node":{"id":"hub","kind":"NODE_KIND_NATIONAL_HUB"}}\n{"nod')
        p = c.ctl("hub", "node", "import", bad, check=False)
        assert p.returncode != 0 and "2" in p.stderr, p
        for args, code in [(["publish", "/nonexistent"], 1), (["frobnicate"], 2),
                           (["recall", "not-a-uuid"], 2),
                           (["outcome", "00000000-0000-7000-8000-000000000001"], 1)]:
            p = c.ctl("dsk/3203", *args, check=False)
            assert p.returncode == code and p.stderr, (args, p)
        p = c.run("serasictl", "init", c.dir("hub"), "--role", "hub", "--node", "hub", "--listen",
                  "tcp://127.0.0.1:1", check=False)
        assert p.returncode == 1 and "does not overwrite" in p.stderr, p
        assert c.status(HOME)["messages"] == 0


def what_a_file_says_does_not_drive_the_terminal():
    """Others send files to be imported, checked and published; a complaint quotes them."""
    with pair() as c:
        for key in ("\\u001b[2J", "\\u009b2J", "\\u202e", "\\nhub: fine"):
            bad = write(c, "bad.json", '{"no%sde": {"id": "hub"}}' % key)
            for command in (("node", "import"), ("validate",), ("publish",)):
                p = c.ctl("dsk/3203" if command == ("publish",) else "hub", *command, bad, check=False)
                assert p.returncode == 1 and "unknown key" in p.stderr, p
                assert not any(x in p.stderr for x in "\x1b\x9b\u202e"), (key, p.stderr)
                assert not any(x.startswith("hub: fine") for x in p.stderr.splitlines()), p.stderr


def an_unreachable_broker_is_exit_code_3():
    with pair() as c:
        m = write(c, "m.json", c.message("dsk/3203", "uptd/32/pa-02"))
        p = c.ctl("dsk/3203", "publish", m, "--timeout", "2s", check=False)
        assert p.returncode == 3, p
        assert c.ctl(HOME, "status", check=False).returncode == 3


def consume_runs_a_command_and_its_exit_code_settles():
    with pair() as c:
        c.up()
        out = os.path.join(c.folder, "seen")
        for _ in range(3):
            c.publish("dsk/3203", c.message("dsk/3203", "uptd/32/pa-02"))
        c.ctl("uptd/32/pa-02", "consume", "-n", "3", "--exec", f"cat >> {out}; echo >> {out}")
        assert open(out).read().count('"message_id"') == 3
        c.publish("dsk/3203", c.message("dsk/3203", "uptd/32/pa-02"))
        c.ctl("uptd/32/pa-02", "consume", "-n", "1", "--no-settle")
        assert len(c.consume("uptd/32/pa-02", 1)) == 1, "not settled: it must come again"


def configuration_errors_name_file_line_and_key():
    with pair() as c:
        path = os.path.join(c.dir("hub"), "serasid.conf")
        with open(path, "a") as f:
            f.write("\n[limits]\nsesions = 5\n")
        p = subprocess.run([os.path.join(BIN, "serasid"), "--config", path, "--check"], text=True,
                           capture_output=True)
        assert p.returncode in (64, 78) and "sesions" in p.stderr and path in p.stderr, p
    p = subprocess.run([os.path.join(BIN, "serasid"), "--version"], text=True, capture_output=True)
    assert p.returncode == 0 and p.stdout


def key_files_are_private_never_overwritten_and_completed_when_asked():
    with pair() as c:
        path = os.path.join(c.folder, "k")
        curve = c.run("serasictl", "keygen", path).stdout.strip()
        assert os.stat(path).st_mode & 0o7777 == 0o600 and len(curve) == 40
        before = open(path).read()
        p = c.run("serasictl", "keygen", path, check=False)
        assert p.returncode == 1 and "already" in p.stderr
        assert open(path).read() == before
        whole = json.loads(c.key("dsk/3203"))["key"]
        assert whole["ed25519"] != whole["x25519"]

        keys = os.path.join(c.dir("dsk/3203"), "keys")
        with open(keys) as f:
            lines = f.readlines()
        with open(keys, "w") as f:
            f.writelines(line for line in lines if "25519" not in line)
        p = c.ctl("dsk/3203", "pubkey")
        assert "keygen --add" in p.stderr and "ed25519" not in p.stdout
        c.up()  # it connects as before, but a node that can sign has to
        assert c.rows("dsk/3203", "status")[0]["session"] == "open"
        p = c.publish("dsk/3203", c.message("dsk/3203", "uptd/32/pa-02"), check=False)
        assert p.returncode == 1 and "UNSIGNED" in p.stdout, p
        c.ctl("dsk/3203", "keygen", "--add", keys)
        added = json.loads(c.key("dsk/3203"))["key"]
        assert added["curve"] == whole["curve"] and added["ed25519"] != whole["ed25519"]

        c.ctl(HOME, "node", "import", write(c, "key.jsonl", {"key": added}))
        c.publish("dsk/3203", c.message("dsk/3203", "uptd/32/pa-02"))
        rows = [row.split() for row in c.ctl(HOME, "node", "show", "dsk/3203").stdout.splitlines()]
        assert ["ed25519", added["ed25519"], "main"] in rows, rows
        assert ["x25519", added["x25519"], "main"] in rows, rows


def interrupted(command, size, killed):
    """A file may get no larger than `size`: the write that goes beyond is refused, as on a full
    disk, or ends the process, as kill -9 would in the middle of it."""
    return subprocess.run(command, text=True, capture_output=True, timeout=60, restore_signals=killed,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))


def init_that_was_interrupted_goes_on_when_it_is_said_again():
    hub = "tcp://127.0.0.1:7021"
    with Cluster([]) as c:
        key = c.run("serasictl", "--dir", c.dir("hub"), "pubkey").stdout.strip()
        ways = {"hub": ["--node", "hub", "--listen", hub],
                "regional": ["--node", HOME, "--listen", hub, "--parent", hub, "--parent-key", key,
                             "--hub-key", key],
                "client": ["--node", "dsk/3203", "--broker", hub, "--broker-key", key]}
        failures = 0
        for killed in [False, True]:
            for size in range(0, 800, 40):
                role = list(ways)[size // 40 % 3] if size < 500 else "regional"  # the longest
                folder = os.path.join(c.folder, f"{killed}-{size}")
                command = [os.path.join(BIN, "serasictl"), "init", folder, "--role", role, *ways[role]]
                p = interrupted(command, size, killed)
                again = subprocess.run(command, text=True, capture_output=True, timeout=60)
                if p.returncode == 0:
                    assert again.returncode == 1 and "does not overwrite" in again.stderr, again
                    continue
                failures += 1
                assert (p.returncode == -signal.SIGXFSZ) == killed, p
                assert again.returncode == 0, (size, killed, p, again)
                c.run("serasictl", "--dir", folder, "pubkey")
                if role != "client":
                    c.run("serasid", "--config", os.path.join(folder, "serasid.conf"), "--check")
                left = [n for n in os.listdir(folder) if n not in ["keys", "serasid.conf", "data", "run"]]
                assert killed or not left, left
        assert failures > 20, failures


def new_keys_that_were_interrupted_are_made_when_they_are_asked_for_again():
    with pair() as c:
        for killed in [False, True]:
            for size in range(0, 500, 50):
                path = os.path.join(c.folder, f"k-{killed}-{size}")
                ctl = os.path.join(BIN, "serasictl")
                if interrupted([ctl, "keygen", path], size, killed).returncode != 0:
                    assert not os.path.exists(path), "half a key file"
                    c.run("serasictl", "keygen", path)
                with open(path) as f:
                    lines = f.readlines()
                with open(path, "w") as f:
                    f.writelines(line for line in lines if "25519" not in line)
                if interrupted([ctl, "keygen", "--add", path], size, killed).returncode != 0:
                    c.run("serasictl", "keygen", "--add", path)
                with open(path) as f:
                    assert "x25519-secret" in f.read()


def the_broker_takes_its_keys_from_a_credential():
    with pair() as c:
        folder = os.path.join(c.folder, "credentials")
        os.mkdir(folder, 0o700)
        os.rename(os.path.join(c.dir("hub"), "keys"), os.path.join(folder, "serasid.key"))
        c.start("hub", env={"CREDENTIALS_DIRECTORY": folder})


def a_node_is_found_by_role_and_an_event_by_scope():
    with pair() as c:
        c.client("dsk/3204", HOME)
        c.up()
        m = c.message("dsk/3203", "x/y", kind="EXTRAORDINARY_EVENT", urgency="EVENT",
                      facts={"event_type": "NATURAL_DISASTER", "status": "REPORTED",
                             "regions": ["3203"], "occurred_at": "2026-01-02T03:04:05Z"})
        m["envelope"]["audience"] = {"scope": ["32"]}
        i = m["envelope"]["message_id"]
        c.publish("dsk/3203", m)
        assert c.consume("dsk/3204", 1)[0]["envelope"]["message_id"] == i
        wait_for("the receipt", lambda: any(
            r["recipient"] == "dsk/3204" and r["level"] == "COLLECTED"
            for r in c.rows("dsk/3203", "outcome", i)))
        m = c.message("dsk/3203", "x/y")
        m["envelope"]["audience"] = {"scope": ["32"]}
        p = c.publish("dsk/3203", m, "--json", check=False)
        assert p.returncode == 1 and "SCOPE_NOT_ALLOWED" in p.stdout, p.stdout


def a_broker_that_begins_while_somebody_reads_its_store_waits_for_it():
    with pair() as c:
        c.up()
        c.stop(HOME)
        # what `serasictl queues` and the like hold while they read the store of a stopped broker
        with open(os.path.join(c.dir(HOME), "data", "serasid.db.lock"), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            p = c.start(HOME, wait=False)
            wait_for("word of the wait", lambda: "waiting for it" in c.tail())
            assert p.poll() is None, f"exit {p.returncode}"
        c.wait_up(HOME)


def a_check_names_what_is_wrong_with_the_keys_and_never_asks_for_new_ones():
    with pair() as c:
        conf, keys = os.path.join(c.dir(HOME), "serasid.conf"), os.path.join(c.dir(HOME), "keys")

        def check(*words, code=78, args=("--check",)):
            p = c.run("serasid", "--config", conf, *args, check=False)
            assert p.returncode == code and all(w in p.stderr for w in words), p
            assert code == 0 or "Make one" not in p.stderr, p
        check(code=0)
        os.chmod(keys, 0o644)
        check("mode 0600", "belong to")
        os.chmod(keys, 0o600)
        with open(keys, "r+") as f:
            f.write("damaged")
        check("damaged", "backup")
        os.rename(keys, keys + ".away")
        check("No such file", "backup", "keygen")
        p = c.ctl(HOME, "queues", "--json=1", check=False)
        assert p.returncode == 2 and "takes no value" in p.stderr, p
        c.run("serasictl", "keygen", keys)
        data = os.path.join(c.dir(HOME), "data")
        os.rmdir(data)
        with open(data, "w"):
            pass
        check("not a folder", "data-dir", args=())


def each_backup_tells_of_itself_and_is_there_when_it_says_so():
    with pair() as c:
        c.up()
        def journal(event, n):
            wait_for(f"{event} number {n}", lambda: c.tail(400).count(event) == n)
        for n in range(1, 3):
            path = os.path.join(c.folder, f"copy{n}.db")
            rows = c.rows(HOME, "backup", path)
            assert rows == [{"state": "done", "text": path}] and os.path.exists(path), rows
            journal("BACKUP_DONE", n)
        for n in range(1, 3):
            p = c.ctl(HOME, "backup", os.path.join(c.folder, "none/copy.db"), check=False)
            assert p.returncode == 1 and "failed" in p.stdout, p
            journal("BACKUP_FAILED", n)


def a_backup_that_its_broker_died_over_is_not_waited_for():
    with Cluster() as c:
        c.ctl("hub", "node", "import", c.directory())
        under = Under(c, "hub")
        under.start(wait=True)
        copy = os.path.join(under.data, "serasid.db.copy")  # under the library, too
        under.orders.sync_delay_us = 4000000
        p = subprocess.Popen([os.path.join(BIN, "serasictl"), "--dir", c.dir("hub"), "backup", copy],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for("the backup to be on record", lambda: [
            r for r in c.rows("hub", "ledger", "show", "--kind", "OPERATOR")
            if r["note"] == "backup"])
        c.kill("hub")
        under.orders.sync_delay_us = 0
        under.start(wait=True)
        out, err = p.communicate(timeout=PATIENCE)
        assert p.returncode == 1 and "started anew" in err, (p.returncode, out, err)
        c.ctl("hub", "backup", os.path.join(c.folder, "copy.db"))


def what_root_makes_beside_a_store_belongs_to_the_owner_of_the_folder():
    if os.geteuid() != 0:
        raise Skipped("only root can give files away")
    with pair() as c:
        data = os.path.join(c.dir(HOME), "data")
        os.makedirs(data, exist_ok=True)
        os.chown(data, 65534, 65534)
        c.ctl(HOME, "node", "import", c.directory())
        os.unlink(os.path.join(data, "serasid.db.lock"))  # as after a restore: the rest was moved away
        os.unlink(os.path.join(data, "serasid.db.ballast"))
        c.ctl(HOME, "check")
        owners = {n: os.stat(os.path.join(data, n)).st_uid for n in os.listdir(data)}
        assert {"serasid.db", "serasid.db.lock", "serasid.db.ballast"} <= set(owners), owners
        assert set(owners.values()) == {65534}, owners


def the_speed_is_measured_beside_a_running_broker_and_nothing_is_left():
    with pair() as c:
        c.up()
        data = os.path.join(c.dir(HOME), "data")
        before, messages = set(os.listdir(data)), c.status(HOME)["messages"]
        rows = [json.loads(line) for line in
                c.ctl(HOME, "bench", "--time", "3s", "--json").stdout.splitlines()]
        assert [r["step"] for r in rows] == [
            "disk_4k", "disk_8k", "store_1", "store_256", "broker_one", "broker_many",
            "broker_through", "verdict"], rows
        assert all(r["per_second"] > 0 for r in rows[:-1]) and rows[-1]["limit"], rows
        assert c.status(HOME)["messages"] == messages, "a message got into the running broker"
        assert set(os.listdir(data)) == before
        assert "What limits" in c.ctl(HOME, "bench", data, "--time", "1s").stdout
        p = subprocess.Popen([os.path.join(BIN, "serasictl"), "bench", data, "--time", "1m"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for("the folder of the measurement", lambda: set(os.listdir(data)) != before)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=30)
        assert p.returncode == 1 and "interrupted" in err, (p.returncode, out, err)
        assert set(os.listdir(data)) == before, "an interrupted measurement leaves its folder"
        p = c.ctl("dsk/3203", "bench", check=False)
        assert p.returncode == 2 and "name a folder" in p.stderr, p


def what_is_ended_by_a_signal_leaves_no_core_file_with_keys_in_it():
    with pair() as c:  # nobody is up: it waits for the broker, its keys at hand
        if BIN.rstrip("/").endswith("-address/bin"):
            raise Skipped("the leak check attaches to the process")
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        if hard == 0:
            raise Skipped("no core files here")
        p = subprocess.Popen([os.path.join(BIN, "serasictl"), "--dir", c.dir("dsk/3203"),
                              "consume", "--timeout", "30s"], cwd=c.folder,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE,
                                                                   (hard, hard)))
        wait_for("it to connect", lambda: len(os.listdir(f"/proc/{p.pid}/task")) > 1)
        p.send_signal(signal.SIGQUIT)
        _, status = os.waitpid(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        assert os.WIFSIGNALED(status) and not os.WCOREDUMP(status), status


if __name__ == "__main__":
    main([the_invocations_of_the_manual_work_as_written,
          the_directory_of_a_thousand_nodes_is_imported_running_or_not,
          mistakes_are_named_and_change_nothing,
          what_a_file_says_does_not_drive_the_terminal, an_unreachable_broker_is_exit_code_3,
          consume_runs_a_command_and_its_exit_code_settles,
          configuration_errors_name_file_line_and_key,
          key_files_are_private_never_overwritten_and_completed_when_asked,
          init_that_was_interrupted_goes_on_when_it_is_said_again,
          new_keys_that_were_interrupted_are_made_when_they_are_asked_for_again,
          the_broker_takes_its_keys_from_a_credential,
          a_node_is_found_by_role_and_an_event_by_scope,
          a_broker_that_begins_while_somebody_reads_its_store_waits_for_it,
          a_check_names_what_is_wrong_with_the_keys_and_never_asks_for_new_ones,
          each_backup_tells_of_itself_and_is_there_when_it_says_so,
          a_backup_that_its_broker_died_over_is_not_waited_for,
          what_is_ended_by_a_signal_leaves_no_core_file_with_keys_in_it,
          what_root_makes_beside_a_store_belongs_to_the_owner_of_the_folder,
          the_speed_is_measured_beside_a_running_broker_and_nothing_is_left])
