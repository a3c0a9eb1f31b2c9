# SPDX-License-Identifier: Apache-2.0
"""Stores that earlier programs left behind (tests/fixtures/stores): each is looked at with
--check-upgrade, which changes nothing, then opened, and holds what it held."""
import glob
import hashlib
import json
import lzma
import os
import shutil
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import serasi_client as sc  # noqa: E402
from cluster import BIN, Cluster, main  # noqa: E402
from serasi_client import SerasiClient, pb  # noqa: E402

CONFIG = {"store": {"retention": "3660d", "retention-event": "3660d", "dedup": "3660d"},
          "delivery": {"expiry-default": "3660d", "expiry-max": "3660d"}}
STORES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fixtures/stores")


def stores():
    found = sorted(glob.glob(os.path.join(STORES, "store-v*.json")))
    assert found, "no fixture"
    for name in found:
        with open(name) as f:
            truth = json.load(f)
        truth["keys"] = name.replace(".json", ".keys")
        with lzma.open(name.replace(".json", ".db.xz")) as f:
            yield truth, f.read()


def check_upgrade(path):
    return subprocess.run([os.path.join(BIN, "serasid"), "--check-upgrade", path], text=True,
                          capture_output=True, timeout=120)


def digests(d):
    return [hashlib.sha256(p).hexdigest() for p in (d.envelope, d.facts, d.sealed)]


def connect(c, node):
    client = SerasiClient(c.endpoint("hub"), c.curve("hub"),
                          *sc.read_keys(os.path.join(c.dir(node), "keys")))
    client.hello()
    return client


def receive(client, channel, expected):
    got = {}
    while len(got) < expected:
        d = client.delivery(channel)
        client.done(d)
        got[str(uuid.UUID(bytes=d.id))] = d
    assert client.no_delivery(channel, 0.3)
    return got


def check_contents(c, truth):
    of = {s: {k: v["parts"] for k, v in truth["messages"].items() if v["state"] == s}
          for s in ("WAITING", "COLLECTED", "DEAD")}
    home = connect(c, truth["recipient"])
    home.subscribe(1, pb.SOURCE_MAILBOX, credit=100)
    got = receive(home, 1, len(of["WAITING"]))
    assert {k: digests(d) for k, d in got.items()} == of["WAITING"]
    owner = connect(c, truth["subscriber"])
    assert owner.subscribe(1, pb.SOURCE_NAMED, credit=100, name="cases",
                           filter=pb.Filter(regions=["32"])).queued == len(truth["messages"])
    copies = receive(owner, 1, len(truth["messages"]))
    for k, d in copies.items():  # facts only
        assert digests(d)[:2] == truth["messages"][k]["parts"][:2] and d.sealed == b""
    assert {r["message_id"] for r in c.rows("hub", "dead", "list")} == set(of["DEAD"])
    sender = connect(c, truth["sender"])
    for k, m in truth["messages"].items():
        code, rows = sender.outcome(uuid.UUID(k).bytes)
        wanted = "UNDELIVERABLE" if m["state"] == "DEAD" else "COLLECTED"
        assert code == 0 and [r["level"] for r in rows] == [wanted], (k, rows)
    for client in (home, owner, sender):
        client.bye()


def every_store_of_the_past_opens_and_holds_what_it_held():
    for truth, data in stores():
        with Cluster(config=CONFIG) as c:
            shutil.copyfile(truth["keys"], os.path.join(c.dir("hub"), "keys"))
            c.lines[-1] = c.key("hub")
            for node in (truth["sender"], truth["recipient"], truth["subscriber"]):
                c.client(node, "hub")
            folder = os.path.join(c.dir("hub"), "data")
            os.makedirs(folder, mode=0o700, exist_ok=True)
            path = os.path.join(folder, "serasid.db")
            with open(path, "wb") as f:
                f.write(data)
            os.chmod(path, 0o600)
            p = check_upgrade(path)
            assert p.returncode == 0, p.stdout + p.stderr
            assert f"schema version {truth['schema']};" in p.stdout and "quick_check: ok" in p.stdout
            with open(path, "rb") as f:
                assert f.read() == data, "--check-upgrade changed the store"
            assert set(os.listdir(folder)) <= {"serasid.db", "serasid.db.lock"}, os.listdir(folder)
            c.up()
            check_contents(c, truth)
            c.ctl("hub", "check")
            c.stop("hub")
            print(f"   version {truth['schema']}: {p.stdout.splitlines()[2]}", flush=True)


def a_store_is_judged_before_the_upgrade():
    with Cluster() as c:
        folder = os.path.join(c.folder, "s")
        path = os.path.join(folder, "store.db")

        def fresh():
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder)
            with open(path, "wb") as f:
                f.write(next(stores())[1])

        def change(at, new):
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(new)
        fresh()
        p = check_upgrade(path + "-not-there")
        assert p.returncode == 66, p
        p = check_upgrade("/etc/passwd")
        assert p.returncode == 65, p
        change(20000, b"\xff\x55")
        p = check_upgrade(path)
        assert p.returncode == 65 and "checksum" in p.stderr and "SALVAGE" in p.stderr, p
        fresh()
        subprocess.run(["sqlite3", path, "PRAGMA journal_mode=DELETE; PRAGMA user_version = 99"], check=True,
                       capture_output=True)
        p = check_upgrade(path)  # the first page has no checksum of ours then: newer comes first
        assert p.returncode in (65, 78), p
        c.up()
        p = check_upgrade(os.path.join(c.dir("hub"), "data", "serasid.db"))
        assert p.returncode == 75 and "Stop the broker" in p.stderr, p
        c.kill("hub")  # with a log: on a copy
        data = os.path.join(c.dir("hub"), "data")
        before = {n: open(os.path.join(data, n), "rb").read() for n in os.listdir(data) if "shm" not in n}
        p = check_upgrade(os.path.join(data, "serasid.db"))
        assert p.returncode == 0 and "not clean" in p.stdout, p
        assert before == {n: open(os.path.join(data, n), "rb").read() for n in os.listdir(data) if "shm" not in n}


if __name__ == "__main__":
    main([every_store_of_the_past_opens_and_holds_what_it_held, a_store_is_judged_before_the_upgrade])
