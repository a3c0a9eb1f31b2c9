#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ledger of real brokers: what it says, that it is countersigned, and that whoever edits the
file with other tools is found out."""
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import zmq

import cluster
import verify_ledger
from cluster import BIN, Cluster, wait_for
from serasi_client import pb

PARENT, CHILD, SENDER, HOME = "hub", "upt/phala-martha", "dsk/3203", "uptd/32/pa-02"
# What must never be in a ledger, whatever messages carry.
PERSONAL = ["Siti Rahmawati", "3203014107900001", "Kampung Baru RT 02", "panggilan telepon"]


def world():
    c = Cluster([CHILD], {"security": {"unsigned": "allow"}})
    c.client(SENDER, CHILD)
    c.client(HOME, CHILD)
    c.client("dsk/3302", PARENT)
    return c


def find(folder, name):
    for root, _, files in os.walk(folder):
        if name in files:
            return os.path.join(root, name)
    raise AssertionError(f"no {name} in {folder}")


def verify(c, node, *args):
    p = c.ctl(node, "ledger", "verify", *args, "--json", check=False)
    rows = [json.loads(x) for x in p.stdout.splitlines()]
    return p.returncode, [r for r in rows if r.get("finding") == "broken"], rows[-1] if rows else {}


def countersign(c):
    """What the parent says to the child. It also asks by itself, soon after the start, and then has
    no time for others."""
    def asked():
        p = c.ctl(CHILD, "ledger", "countersign", check=False)
        return None if "being asked already" in p.stderr else p
    return wait_for("the parent's word", asked)


def kinds(c, node, *args):
    return [r["kind"] for r in c.rows(node, "ledger", "show", *args)]


def traffic(c, n=3, to=HOME):
    for _ in range(n):
        c.publish(SENDER, c.message(SENDER, to))
    assert len(c.consume(to, n)) == n


def test_the_way_of_a_message():
    with world() as c:
        c.up()
        m = c.message(SENDER, "dsk/3302")
        c.publish(SENDER, m)
        assert len(c.consume("dsk/3302", 1)) == 1
        ident = m["envelope"]["message_id"]
        wait_for("the receipt to be noted", lambda: "NOTED" in kinds(c, CHILD, "--message", ident))
        assert kinds(c, CHILD, "--message", ident) == ["ACCEPTED", "ROUTED", "HANDED", "NOTED"]
        assert kinds(c, PARENT, "--message", ident) == ["ACCEPTED", "DEPOSITED", "COLLECTED"]
        refused = c.message(SENDER, "lks/9999/none")
        c.publish(SENDER, refused, check=False)
        rows = c.rows(CHILD, "ledger", "show", "--message", refused["envelope"]["message_id"])
        assert [(r["kind"], r["note"]) for r in rows] == [("REFUSED", "UNKNOWN_RECIPIENT")], rows
        conflict = c.message(SENDER, HOME, message_id=ident)
        c.publish(SENDER, conflict, check=False)
        assert kinds(c, CHILD, "--message", ident)[-1] == "CONFLICT"


def test_what_operators_do_is_in_it():
    with world() as c:
        c.up()
        c.ctl(CHILD, "backup", os.path.join(c.folder, "copy.db"))
        drop = os.path.join(c.dir(CHILD), "serasid.conf.d", "more.conf")
        with open(drop, "w", encoding="utf-8") as f:
            f.write("[delivery]\nlease = 10m\n")
        c.ctl(CHILD, "reload")
        c.ctl(HOME, "status")
        p = c.ctl(SENDER, "queues", check=False)  # a client's key has no operator verbs
        assert p.returncode != 0
        c.stop(CHILD)
        c.start(CHILD)
        notes = {(r["kind"], r["note"]) for r in c.rows(CHILD, "ledger", "show", "-n", "100")}
        for want in [("OPERATOR", "backup"), ("OPERATOR", "reload"), ("CONFIG", "delivery.lease"),
                     ("STOPPED", ""), ("DENIED", "OPERATE")]:
            assert want in notes, (want, notes)
        assert len([r for r in c.rows(CHILD, "ledger", "show", "--kind", "STARTED")]) == 2
        assert verify(c, CHILD, os.path.join(c.folder, "copy.db"))[0] == 0


def test_a_broker_with_nothing_to_do_writes_nothing():
    with world() as c:
        c.up()
        traffic(c)
        time.sleep(2)
        before = c.rows(CHILD, "ledger", "show", "-n", "1")
        time.sleep(4)
        assert c.rows(CHILD, "ledger", "show", "-n", "1") == before


def test_the_parent_countersigns_and_says_so():
    with world() as c:
        c.up()
        traffic(c)
        assert countersign(c).returncode == 0
        wait_for("the countersignature", lambda: verify(c, CHILD)[2].get("countersignatures"))
        code, broken, last = verify(c, CHILD, "--parent")
        assert code == 0 and not broken and last["countersignatures"] >= 1, last
        assert "WITNESSED" in kinds(c, PARENT, "--node", CHILD)
        assert "COUNTERSIGNED" in kinds(c, CHILD, "-n", "200")
        assert verify(c, PARENT)[0] == 0


class Tap(threading.Thread):
    """Stands before the admin socket of a broker; does something before it passes on a question."""

    def __init__(self, c, node, verb, do):
        super().__init__(daemon=True)
        self.verb, self.do, self.ended = verb, do, False
        self.folder = os.path.join(c.folder, "tap")
        shutil.copytree(c.dir(node), self.folder, ignore=shutil.ignore_patterns("data", "run"))
        path = os.path.join(self.folder, "sock")
        drop = os.path.join(self.folder, "serasid.conf.d")
        os.makedirs(drop, exist_ok=True)
        with open(os.path.join(drop, "tap.conf"), "w", encoding="utf-8") as f:
            f.write(f"[node]\nadmin-socket = {path}\n")
        self.context = zmq.Context()
        self.front, self.back = self.context.socket(zmq.ROUTER), self.context.socket(zmq.DEALER)
        self.front.bind(f"ipc://{path}")
        self.back.connect(f"ipc://{os.path.join(c.dir(node), 'run/admin.sock')}")

    def run(self):
        who = None
        while not self.ended:
            if self.front.poll(10):
                who, *parts = self.front.recv_multipart()
                if self.verb and pb.Frame.FromString(parts[0]).query.verb == self.verb:
                    self.verb = None
                    self.do()
                self.back.send_multipart(parts)
            if self.back.poll(10):
                self.front.send_multipart([who, *self.back.recv_multipart()])

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *e):
        self.ended = True
        self.join()
        self.context.destroy(linger=0)


def test_what_is_countersigned_while_somebody_looks_is_no_finding():
    with world() as c:
        c.up()

        def told():
            return kinds(c, CHILD, "-n", "1000").count("COUNTERSIGNED")

        def once_more():
            before = told()
            traffic(c)
            assert countersign(c).returncode == 0
            wait_for("one more countersignature", lambda: told() > before)

        for verb in ["ledger-newest", "ledger-info", "ledger-blocks"]:
            with Tap(c, CHILD, verb, once_more) as tap:
                p = c.run("serasictl", "--dir", tap.folder, "ledger", "verify")
            assert tap.verb is None and p.stdout.startswith("whole"), p
            shutil.rmtree(tap.folder)


def test_a_hub_is_countersigned_by_a_file():
    with world() as c:
        c.up()
        traffic(c)
        head, word = os.path.join(c.folder, "head"), os.path.join(c.folder, "word")
        with open(head, "w", encoding="utf-8") as f:
            f.write(c.ctl(PARENT, "ledger", "export", "--head").stdout)
        with open(word, "w", encoding="utf-8") as f:
            f.write(c.ctl(PARENT, "ledger", "countersign", "--sign", head).stdout)
        own = c.ctl(PARENT, "ledger", "countersign", "--add", word, check=False)
        assert own.returncode == 1 and "its own ledger" in own.stdout + own.stderr, own
        with open(word, "w", encoding="utf-8") as f:
            f.write(c.ctl(CHILD, "ledger", "countersign", "--sign", head).stdout)
        c.ctl(PARENT, "ledger", "countersign", "--add", word)
        code, _, last = verify(c, PARENT)
        assert code == 0 and last["countersignatures"] == 1, last
        assert last["countersigned_by"] == CHILD, last
        assert f" by {CHILD} (1 " in c.ctl(PARENT, "ledger", "verify").stdout
        text = open(word, encoding="utf-8").read()
        with open(word, "w", encoding="utf-8") as f:
            f.write(text.replace('"at": ', '"at": 1').replace('"at":', '"at":1'))
        assert c.ctl(PARENT, "ledger", "countersign", "--add", word, check=False).returncode != 0


def test_another_program_verifies_an_export():
    with world() as c:
        c.up()
        traffic(c)
        assert countersign(c).returncode == 0
        lines = c.ctl(CHILD, "ledger", "export").stdout.splitlines()
        assert verify_ledger.verify(lines) == []
        assert any("countersigned" in x for x in lines)
        c.stop(CHILD)
        assert verify_ledger.verify(c.ctl(CHILD, "ledger", "export").stdout.splitlines()) == []
        bad = list(lines)
        middle = json.loads(bad[2])
        middle["at"] += 1
        bad[2] = json.dumps(middle)
        assert verify_ledger.verify(bad) != []
        del lines[3]
        assert verify_ledger.verify(lines) != []


# --- tampering with the file of a stopped broker, with the tools everybody has ----------------------

def reseal(db, broker, first):
    """As somebody would who knows how the chain is made."""
    last = hashlib.blake2b(b"serasi v1 ledger of " + broker.encode(), digest_size=32).digest()
    rows = db.execute("SELECT block, at, first_entry, n, body, hash FROM ledger ORDER BY block")
    for block, at, start, n, body, was in rows.fetchall():
        parts = b"".join(x.to_bytes(8, "big") for x in (block, at, start, n, len(body)))
        new = hashlib.blake2b(b"serasi v1 ledger" + last + parts + body, digest_size=32).digest()
        if block >= first:
            db.execute("UPDATE ledger SET hash = ? WHERE block = ?", (new, block))
        last = new if block >= first else was


def edit(db, k):
    body = bytearray(db.execute("SELECT body FROM ledger WHERE block = ?", (k,)).fetchone()[0])
    body[-1] ^= 1
    db.execute("UPDATE ledger SET body = ? WHERE block = ?", (bytes(body), k))


def cut_middle(db, k):
    db.execute("DELETE FROM ledger WHERE block = ?", (k,))


def cut_tail(db, _):
    db.execute("DELETE FROM ledger WHERE block > (SELECT max(block) - 2 FROM ledger)")


def cut_tail_and_count(db, k):
    db.execute("DELETE FROM ledger WHERE block > ?", (k,))
    db.execute("UPDATE meta SET value = (SELECT max(block) FROM ledger) WHERE key = 'ledger_block'")
    db.execute("UPDATE message SET block = (SELECT max(block) FROM ledger)")


def insert(db, k):
    db.execute("UPDATE ledger SET block = block + 1000000 WHERE block > ?", (k,))
    db.execute("UPDATE ledger SET block = block - 999999 WHERE block > 1000000")
    db.execute("INSERT INTO ledger SELECT block + 1, at, first_entry + n, n, body, hash FROM ledger"
               " WHERE block = ?", (k,))


def swap(db, k):
    for sql in ("SET block = -1 WHERE block = ?1", "SET block = ?1 WHERE block = ?1 + 1",
                "SET block = ?1 + 1 WHERE block = -1"):
        db.execute("UPDATE ledger " + sql, (k,) if "?1" in sql else ())


def rewrite(db, k):
    edit(db, k)
    reseal(db, CHILD, k)


def rewrite_and_forget(db, k):
    rewrite(db, k)
    db.execute("DELETE FROM ledger_witness")


def another_outcome(db, _):
    db.execute("UPDATE outcome SET level = 7, cause = 1 WHERE level = 3")


def invent_an_end(db, _):
    seq, queue = db.execute("SELECT seq, queue FROM delivery WHERE seq IN"
                            " (SELECT seq FROM message WHERE kind < 90) LIMIT 1").fetchone()
    db.execute("DELETE FROM delivery WHERE seq = ?", (seq,))
    db.execute("INSERT INTO outcome VALUES(?, ?, 3, 0, 1, ?, 1, '')", (seq, HOME, CHILD))


def take_out(db, _):
    seq = db.execute("SELECT min(seq) FROM delivery WHERE seq IN"
                     " (SELECT seq FROM message WHERE kind < 90)").fetchone()[0]
    for table in ("delivery", "dedup", "message"):
        db.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))


def absurd_numbers(db, k):
    db.execute("UPDATE ledger SET first_entry = 9223372036854775807 WHERE block = ?", (k,))
    db.execute("UPDATE ledger SET n = 9223372036854775807 WHERE block = ?", (k + 1,))
    db.execute("UPDATE ledger SET at = -9223372036854775808 WHERE block = ?", (k + 2,))


def an_absurd_start(db, _):
    db.execute("INSERT INTO ledger_base VALUES(9223372036854775807, -9223372036854775808, ?, 0)",
               (bytes(32),))
    db.execute("UPDATE meta SET value = -9223372036854775808 WHERE key = 'ledger_block'")


def a_report_of_its_own(db, _):
    node = "x\n\x1b[2J\nwhole: ledger of " + CHILD + ", countersigned up to block 99 by hub"
    db.execute("INSERT INTO ledger_witness VALUES(1, ?, 1, ?, ?, ?)",
               (bytes(32), node, bytes(8), bytes(64)))


def no_text(db, _):
    """An entry about nobody, of an operator's call, in a chain that is whole."""
    block, start, n = db.execute("SELECT block, first_entry, n FROM ledger ORDER BY block DESC").fetchone()
    body = bytes((50, 4, 0, 4)) + b"a\x1b\xffz"
    db.execute("INSERT INTO ledger VALUES(?, 1, ?, 1, ?, ?)",
               (block + 1, start + n, body, b""))
    db.execute("UPDATE meta SET value = ? WHERE key = 'ledger_block'", (block + 1,))
    reseal(db, CHILD, block + 1)


def test_what_a_file_says_is_text_and_numbers_and_no_more():
    """A file to verify can come from anybody: it neither ends the reader nor speaks for it."""
    with world() as c:
        c.up()
        traffic(c, 3)
        c.stop(CHILD)
        path = find(c.dir(CHILD), "serasid.db")
        for how, code in [(absurd_numbers, 1), (an_absurd_start, 1), (a_report_of_its_own, 0), (no_text, 0)]:
            copy = os.path.join(c.folder, how.__name__ + ".db")
            shutil.copy(path, copy)
            db = sqlite3.connect(copy)
            how(db, 3)
            db.commit()
            db.close()
            for verb in ("verify", "show", "export"):
                p = c.ctl(CHILD, "ledger", verb, copy, check=False)
                wanted = code if verb == "verify" else 0
                assert p.returncode == wanted and "runtime error" not in p.stderr, (how.__name__, p)
                assert "\x1b" not in p.stdout, (how.__name__, p.stdout)
                assert verb != "verify" or p.stdout.count("\nwhole: ") == 1 - code, p.stdout
            if how is no_text:
                assert "a??z" in c.ctl(CHILD, "ledger", "show", copy).stdout


def test_what_is_made_undone_beside_a_whole_ledger_is_found_out():
    with world() as c:
        c.up()
        traffic(c, 3)
        for _ in range(3):
            c.publish(SENDER, c.message(SENDER, HOME))
        c.stop(CHILD)
        path = find(c.dir(CHILD), "serasid.db")
        assert verify(c, CHILD)[0] == 0
        for how, n, word in [(another_outcome, 3, "the ledger says COLLECTED, the store UNDELIVERABLE"),
                             (invent_an_end, 1, "the ledger says nothing, the store COLLECTED"),
                             (take_out, 1, "the store has lost the message")]:
            copy = os.path.join(c.folder, how.__name__ + ".db")
            shutil.copy(path, copy)
            db = sqlite3.connect(copy)
            how(db, 0)
            db.commit()
            db.close()
            code, broken, last = verify(c, CHILD, copy)
            assert code == 1 and len(broken) == n and not last["whole"], (how.__name__, broken)
            assert all(word in b["text"] for b in broken), broken
        assert verify(c, CHILD)[0] == 0


def test_whoever_edits_the_file_is_found_out():
    with world() as c:
        c.up()
        traffic(c, 4)
        assert countersign(c).returncode == 0
        traffic(c, 2)
        k = 5
        blocks = [int(r["code"]) for r in c.rows(CHILD, "ledger", "show", "--kind", "COUNTERSIGNED")]
        witnessed = blocks[-1]
        nearest = min(b for b in blocks if b >= k)  # the broker also asked by itself, at some time
        c.stop(CHILD)
        path = find(c.dir(CHILD), "serasid.db")
        assert verify(c, CHILD)[0] == 0
        for how, at, block in [(edit, k, k), (cut_middle, k, k + 1), (cut_tail, k, None),
                               (cut_tail_and_count, witnessed + 1, witnessed + 1),
                               (cut_tail_and_count, witnessed - 1, witnessed - 1),
                               (insert, k, k + 1), (swap, k, k), (rewrite, k, nearest),
                               (rewrite_and_forget, k, witnessed)]:
            copy = os.path.join(c.folder, how.__name__ + ".db")
            shutil.copy(path, copy)
            db = sqlite3.connect(copy)
            how(db, at)
            db.commit()
            db.close()
            code, broken, last = verify(c, CHILD, copy)
            assert code == 1 and broken and not last["whole"], (how.__name__, broken)
            if block is not None:
                assert broken[0]["block"] == block, (how.__name__, broken)
        assert verify(c, CHILD)[0] == 0


def test_the_parent_knows_a_ledger_that_was_put_back():
    with world() as c:
        c.up()
        traffic(c, 2)
        c.stop(CHILD)
        path = find(c.dir(CHILD), "serasid.db")
        shutil.copy(path, path + ".old")
        c.start(CHILD)
        c.wait_link(CHILD)
        traffic(c, 2)
        assert countersign(c).returncode == 0
        c.stop(CHILD)
        for end in ("-wal", "-shm", "-seal"):
            if os.path.exists(path + end):
                os.unlink(path + end)
        shutil.move(path + ".old", path)
        c.start(CHILD)
        c.wait_link(CHILD)
        p = countersign(c)
        assert p.returncode == 1 and "FORKED" in p.stderr, p.stderr
        assert verify(c, CHILD, "--parent")[0] == 1
        assert "FORKED" in kinds(c, PARENT, "-n", "50")
        assert "FORKED" in kinds(c, CHILD, "-n", "50")
        c.ctl(PARENT, "ledger", "forget", CHILD)
        assert countersign(c).returncode == 0
        assert verify(c, CHILD, "--parent")[0] == 0


def test_no_personal_data_is_in_it():
    with world() as c:
        c.up()
        m = c.message(SENDER, HOME, sealed={"case_file": {"note": " ".join(PERSONAL)}})
        c.publish(SENDER, m, check=False)
        d = c.message(SENDER, HOME)
        c.publish(SENDER, d)
        c.ctl(HOME, "consume", "-n", "1", "--reject", PERSONAL[3], "--permanent", check=False)
        c.ctl(CHILD, "dead", "discard", d["envelope"]["message_id"], "--reason", PERSONAL[0],
              check=False)
        c.stop(CHILD)
        text = c.ctl(CHILD, "ledger", "export").stdout
        db = sqlite3.connect(find(c.dir(CHILD), "serasid.db"))
        raw = b"".join(r[0] for r in db.execute("SELECT body FROM ledger"))
        assert "DISCARDED" in text or "DEAD" in text
        for word in PERSONAL:
            assert word not in text and word.encode() not in raw, word


def test_a_crash_leaves_a_whole_ledger():
    with world() as c:
        c.up()
        for _ in range(3):
            pump = subprocess.Popen(
                [os.path.join(BIN, "serasictl"), "--dir", c.dir(SENDER), "publish", "-"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                text=True)
            pump.stdin.write("\n".join(json.dumps(c.message(SENDER, HOME)) for _ in range(200)))
            pump.stdin.close()
            time.sleep(0.3)
            c.kill(CHILD)
            pump.kill()
            pump.wait()
            code, broken, _ = verify(c, CHILD)
            assert code == 0, broken
            c.start(CHILD)
        assert verify(c, CHILD)[0] == 0


if __name__ == "__main__":
    cluster.main([test_the_way_of_a_message, test_what_operators_do_is_in_it,
                  test_a_broker_with_nothing_to_do_writes_nothing,
                  test_the_parent_countersigns_and_says_so,
                  test_what_is_countersigned_while_somebody_looks_is_no_finding,
                  test_a_hub_is_countersigned_by_a_file,
                  test_another_program_verifies_an_export,
                  test_what_a_file_says_is_text_and_numbers_and_no_more,
                  test_what_is_made_undone_beside_a_whole_ledger_is_found_out,
                  test_whoever_edits_the_file_is_found_out,
                  test_the_parent_knows_a_ledger_that_was_put_back,
                  test_no_personal_data_is_in_it, test_a_crash_leaves_a_whole_ledger])
