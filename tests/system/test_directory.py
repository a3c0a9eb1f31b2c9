#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The signed directory: from the hub down a tree of real brokers, and past a parent that lies."""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import zmq  # noqa: E402

import serasi_client as sc  # noqa: E402
from cluster import BIN, SANITIZED, Cluster, main, reserve_port, wait_for  # noqa: E402
from serasi_client import pb  # noqa: E402

MIDDLE, LEAF = "upt/phala-martha", "upt/satria"


class Tree(Cluster):
    """hub, MIDDLE below it, LEAF below that; those two know the hub's key and import nothing."""

    def __init__(self, leaf_parent=MIDDLE, **kw):
        super().__init__([], **kw)
        self.hub_line = self.key("hub")
        for node, parent in ((MIDDLE, "hub"), (LEAF, leaf_parent)):
            self.regionals.append(node)
            self.below(node, parent)

    def below(self, node, parent):
        self.reserved.append(reserve_port())
        self.port[node] = self.reserved[-1].getsockname()[1]
        self.run("serasictl", "init", self.dir(node), "--role", "regional", "--node", node,
                 "--listen", self.endpoint(node), "--parent", self.endpoint(parent),
                 "--parent-node", parent, "--parent-key", self.curve(parent),
                 "--hub-key", self.hub_line)
        self._node(node, node, broker=True, broker_parent=parent)
        self.lines.append(self.key(node))

    def open(self):
        """Only the hub gets a directory."""
        self.start("hub")
        self.import_(self.lines)
        for node in self.regionals:
            self.start(node)
        for node in self.regionals:
            self.wait_link(node)
            self.wait_same(node)

    def import_(self, lines, *args):
        text = "\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines)
        return self.ctl("hub", "node", "import", "-", *args, input=text)

    def version(self, node):
        return self.status(node)["directory_version"]

    def wait_same(self, node, timeout=60):
        wait_for(f"directory of the hub at {node}",
                 lambda: self.version(node) == self.version("hub"), timeout)

    def program(self, node, home):
        keys = sc.read_keys(os.path.join(self.dir(node), "keys"))
        return sc.SerasiClient(self.endpoint(home), self.curve(home), *keys)

    def said(self, event, **fields):
        self.log.flush()
        with open(self.log.name) as f:
            return [x for x in f if f">{event} " in x and all(v in x for v in fields.values())]


def institution(i):
    return {"node": {"id": f"lks/{i:05}", "kind": "LKS", "name": f"Lembaga {i}", "home": LEAF}}


def test_an_empty_broker_gets_everything_and_every_change_arrives_everywhere():
    with Tree() as c:
        c.client("dsk/3203", LEAF)
        c.open()
        assert c.rows(LEAF, "node", "show", "dsk/3203")
        for n in range(5):
            c.import_([institution(n)], "--note", f"round {n}")
        for node in c.regionals:
            c.wait_same(node)
            assert len(c.rows(node, "node", "list", "lks/")) == 5
        log = c.rows("hub", "node", "log")
        assert [x["note"] for x in log[-2:]] == ["round 3", "round 4"], log
        assert [x["record"] for x in c.rows("hub", "node", "diff", str(c.version("hub") - 1))] == \
            ["node:lks/00004"]
        assert len(c.rows("hub", "node", "list", "lks/", "--at", str(c.version("hub") - 2))) == 3
        # nobody imports below the hub, whether the broker runs or not
        refused = c.ctl(LEAF, "node", "import", "-", input=json.dumps(institution(9)), check=False)
        assert refused.returncode == 1 and "import it there" in refused.stderr, refused
        c.stop(LEAF)
        refused = c.ctl(LEAF, "node", "import", "-", input=json.dumps(institution(9)), check=False)
        assert refused.returncode == 1 and "import it there" in refused.stderr, refused
        c.start(LEAF)
        c.wait_same(LEAF)
        assert c.ctl(LEAF, "check").returncode == 0


def test_a_revocation_passes_a_large_import_and_a_backlog_of_mail():
    with Tree() as c:
        for node in ("dsk/3203", "dsk/3302"):
            c.client(node, LEAF)
        c.client("dsk/3204", "hub")
        c.open()
        victim = c.program("dsk/3203", LEAF)
        victim.hello()
        sender = c.program("dsk/3204", "hub")
        sender.hello()
        facts = pb.CaseResponse(emergency=True).SerializeToString()
        done = threading.Event()

        def mail():  # as many on their way as a session may have
            while not done.is_set():
                batch = [sc.Message(sc.envelope(sc.OPAQUE, "dsk/3204", "dsk/3302", facts), facts)
                         for _ in range(64)]
                for m in batch:
                    sender.send_publish(m)
                for m in batch:
                    accepted.append(sender.result_of(m.id).verdict == pb.VERDICT_ACCEPTED)

        accepted = []
        writer = threading.Thread(target=mail, daemon=True)
        writer.start()
        path = os.path.join(c.folder, "large.jsonl")
        with open(path, "w") as f:
            f.writelines(json.dumps(institution(i)) + "\n" for i in range(12000))
        importing = subprocess.Popen([os.path.join(BIN, "serasictl"), "--dir", c.dir("hub"), "node",
                                      "import", path], stdout=subprocess.DEVNULL)
        start = c.version("hub")
        wait_for("the import to be under way", lambda: c.version("hub") > start + 2)
        begin = time.monotonic()
        c.ctl("hub", "node", "revoke", "dsk/3203", "--reason", "stolen")
        under_way = importing.poll() is None
        try:
            while True:
                victim.expect("settled", timeout=30)
        except sc.ProtocolError as e:
            assert e.code == pb.ERROR_CODE_NOT_KNOWN, e
        took = time.monotonic() - begin
        done.set()
        assert importing.wait(120) == 0
        print(f"      {took:.2f} s from the command to the end of the session two levels down"
              f" (import under way: {under_way}; {len(accepted)} messages)")
        writer.join(60)
        assert len(accepted) > 64 and all(accepted), (len(accepted), accepted.count(False))
        c.wait_same(LEAF)
        begin = time.monotonic()  # what a change takes on this machine when nothing stands before it
        c.import_([dict(node=dict(institution(0)["node"], capacity=7))])
        c.wait_same(LEAF)
        alone = time.monotonic() - begin
        assert took < (30 if SANITIZED else 5) + 5 * alone, (took, alone)


def test_a_broker_that_was_off_catches_up():
    with Tree() as c:
        c.open()
        c.stop(LEAF)
        c.stop(MIDDLE)
        for n in range(200):
            c.import_([institution(n % 50)] if n < 50 else
                      [dict(node=dict(institution(n % 50)["node"], capacity=n))])
        c.start(LEAF)
        c.start(MIDDLE)
        for node in (MIDDLE, LEAF):
            c.wait_same(node)
        assert len(c.said("DIRECTORY_APPLIED")) < 20 + 200  # not one frame each


# --- a parent that lies -----------------------------------------------------------------------


class Liar(threading.Thread):
    """Stands where MIDDLE should be, with its key, and hears the true directory from the hub."""

    def __init__(self, c):
        super().__init__(daemon=True)
        self.c, self.context = c, zmq.Context()
        public, secret = sc.read_keys(os.path.join(c.dir(MIDDLE), "keys"))
        self.above = sc.SerasiClient(c.endpoint("hub"), c.curve("hub"), public, secret,
                                     context=self.context)
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger = 0
        self.router.curve_server = 1
        self.router.curve_publickey, self.router.curve_secretkey = public.encode(), secret.encode()
        self.router.bind(c.endpoint(MIDDLE))
        self.child, self.ended = None, False
        self.wants, self.lock = [], threading.Lock()

    def true(self, after=0, head=b""):
        """What the hub says is behind that version."""
        self.above.send(directory_want=pb.DirectoryWant(after=after, head=head))
        body, _ = self.above.expect("directory_changes", lambda b, p: len(b.changes) > 0)
        return body

    def say(self, **frame):
        with self.lock:
            self.router.send_multipart([self.child, pb.Frame(**frame).SerializeToString()])

    def send(self, changes, head):
        self.say(directory_changes=pb.DirectoryChanges(changes=changes, head=head))

    def run(self):
        while not self.ended:
            with self.lock:
                if not self.router.poll(0):
                    ready = False
                else:
                    ready, got = True, self.router.recv_multipart()
            if not ready:
                time.sleep(0.01)
                continue
            self.hear(got)

    def hear(self, got):
        frame = pb.Frame.FromString(got[1])
        kind = frame.WhichOneof("body")
        self.child = got[0]
        if kind == "hello":
            self.say(welcome=pb.Welcome(
                protocol=1, broker=MIDDLE, node=LEAF, envelope_max=4096, facts_max=65536,
                sealed_max=1 << 20, publish_window=64, credit_messages_max=64,
                credit_bytes_max=1 << 24, ping_interval_ms=10000, broker_at=sc.now_ms()))
        elif kind == "subscribe":
            self.say(subscribed=pb.Subscribed(channel=frame.subscribe.channel))
        elif kind == "ping":
            self.say(pong=pb.Pong(sent_at=frame.ping.sent_at))
        elif kind == "directory_want":
            self.wants.append(frame.directory_want)

    def wait_want(self, n):
        wait_for("the child to ask", lambda: len(self.wants) > n, 60)
        return self.wants[-1]

    def end(self):
        self.ended = True
        self.join()
        self.context.destroy(linger=0)


def test_what_a_lying_parent_brings_is_refused_and_told():
    with Tree() as c:
        c.start("hub")
        c.import_(c.lines)
        liar = Liar(c)
        liar.above.hello()
        liar.start()
        try:
            c.start(LEAF)
            liar.wait_want(0)
            copy = liar.true()
            first = pb.DirectoryHead.FromString(copy.head)
            liar.send(copy.changes, copy.head)  # the truth, once
            wait_for("the first version", lambda: c.version(LEAF) == first.version)
            for i in range(4):
                c.import_([institution(i)])
            good = liar.true(first.version, first.root)
            assert len(good.changes) == 4
            tell_lies(c, liar, good, first)
            liar.send(good.changes, good.head)  # the link goes on, and the truth is taken
            c.wait_same(LEAF)
            assert c.status(LEAF)["uplink"] == "up"
        finally:
            liar.end()


def tell_lies(c, liar, good, first):
    """Every one is in the journal, none is in force, and the link goes on."""
    def change(i, **fields):
        one = pb.DirectoryChange.FromString(good.changes[i])
        for k, v in fields.items():
            if isinstance(v, list):
                getattr(one, k)[:] = v
            else:
                setattr(one, k, v)
        return one.SerializeToString()

    thief = pb.DirectoryRecord(node=pb.NodeRecord(id="lks/evil", kind=pb.NODE_KIND_LKS, home=LEAF))
    flipped = bytearray(good.changes[0])
    flipped[len(flipped) // 2] ^= 1
    lies = [
        ("FORGED", [change(0, note="something else")]),
        ("FORGED", [change(0, records=[thief.SerializeToString()])]),
        ("", [bytes(flipped)]),  # FORGED, or MALFORMED
        ("GAP", [good.changes[1]]),
        ("GAP", [good.changes[3], good.changes[0]]),
        ("MALFORMED", [good.changes[0][:-7]]),
        ("MALFORMED", [b"\xff" * 300]),
        ("MALFORMED", [change(0, records=[b"\x0a" + bytes([1]) * 4096] * 45)]),  # oversized
        ("FORGED", [pb.DirectoryChange(version=first.version + 9,
                                       records=[thief.SerializeToString()]).SerializeToString()]),
    ]
    for n, (verdict, changes) in enumerate(lies):
        told = len(c.said("DIRECTORY_REFUSED"))
        asked = len(liar.wants)
        head = good.head if n < 8 else b""
        deadline = time.monotonic() + 60
        while len(c.said("DIRECTORY_REFUSED")) == told:
            assert time.monotonic() < deadline, f"lie {n} ({verdict}) was not told"
            liar.send(changes, head)
            time.sleep(0.5)
        line = c.said("DIRECTORY_REFUSED")[-1]
        assert verdict in line, (n, verdict, line)
        assert c.version(LEAF) == first.version, (n, verdict)
        assert c.status(LEAF)["uplink"] == "up"
        if n > 0:  # after the first it listened again by itself; but the pauses grow with each refusal; a new start forgets them
            fresh_start(c)
            liar.wait_want(asked)


def fresh_start(c):
    c.stop(LEAF)
    c.start(LEAF)
    c.wait_link(LEAF)


# --- somebody writes into the file ------------------------------------------------------------


def test_a_store_that_somebody_wrote_into_does_not_start():
    with Tree() as c:
        c.client("dsk/3203", LEAF)
        c.open()
        c.stop(LEAF)
        path = os.path.join(c.dir(LEAF), "data", "serasid.db")
        import sqlite3
        db = sqlite3.connect(path)
        db.execute("UPDATE dir_key SET flags = 2 WHERE node = 'dsk/3203'")
        db.commit()
        db.close()
        p = subprocess.run([os.path.join(BIN, "serasid"), "--config",
                            os.path.join(c.dir(LEAF), "serasid.conf")], capture_output=True,
                           text=True, timeout=60)
        assert p.returncode != 0, p
        assert "does not match its checksum" in p.stderr, p.stderr  # with the sum right too: unit


if __name__ == "__main__":
    main([v for k, v in list(globals().items()) if k.startswith("test_")])
