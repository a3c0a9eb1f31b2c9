# SPDX-License-Identifier: Apache-2.0
"""Publishers and consumers under trouble, and the history of what they saw.

    load = Load(cluster, {"dsk/3203": "hub", "dsk/3302": "hub"}, rng)
    load.start()
    ...                       # faults
    load.end()                # no new messages; all is answered, collected and receipted
    load.judge()              # check-history has the last word

Publishers keep what was not answered and send it again with the same id; consumers settle, now and
then with RETRY or REJECT.
"""
import collections
import json
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import zmq  # noqa: E402
import serasi_client as sc  # noqa: E402
from cluster import SANITIZED, wait_for  # noqa: E402
from history import History, Recording  # noqa: E402
from serasi_client import Message, pb  # noqa: E402

CASES = 6
WINDOW = 16
FINAL = {pb.RECEIPT_LEVEL_COLLECTED, pb.RECEIPT_LEVEL_UNDELIVERABLE, pb.RECEIPT_LEVEL_RECALLED}


class Peer(threading.Thread):
    """One program of a node: a session that comes back by itself."""
    role = ""

    def __init__(self, load, node, rng):
        super().__init__(daemon=True)
        self.load, self.node, self.rng = load, node, rng
        self.who = f"{node}#{self.role}"
        self.keys = sc.read_keys(os.path.join(load.dir(node), "keys"))
        self.used = None  # keys of the last session; others in self.keys: it opens a new one
        self.instance = os.urandom(16)
        self.finish = threading.Event()
        self.trouble, self.client, self.opened = None, None, 0

    def open(self):
        endpoint, server, home = self.load.route(self.node)
        renewed, self.used = self.used not in (None, self.keys), self.keys
        self.client = Recording(self.load.history, self.who, home, endpoint, server, *self.keys,
                                label="load", instance_id=self.instance, reconnect_ms=20)
        self.client.hello(timeout=self.load.patience)
        self.opened += 1
        self.heard = time.monotonic()
        if renewed:
            self.on_renewed()
        self.on_open()

    def run(self):
        while not self.finish.is_set():
            try:
                self.open()
                while not self.finish.is_set():
                    self.turn()
            except (sc.Timeout, sc.ProtocolError, zmq.ZMQError):
                self.finish.wait(0.05)
            except Exception as e:  # a defect of the test must not look like silence
                self.trouble = e
                raise
            finally:
                self.lose()

    def lose(self):
        if self.client:
            self.client.drop()
            self.client = None

    def hear(self, timeout):
        """The next frame, None when there is none; silence for long ends the session."""
        end = time.monotonic() + timeout
        while (got := self.client.receive(timeout=min(timeout, 0.05))) is None:
            if not self.client.socket.poll(0, zmq.POLLOUT):
                raise sc.Timeout("the connection is gone")
            if self.keys != self.used:
                raise sc.Timeout("other keys")
            now = time.monotonic()
            if now - self.heard > self.load.patience / 2:
                self.client.ping(self.load.patience)
                self.heard = now
            if now >= end or self.finish.is_set():
                return None
        self.heard = time.monotonic()
        if got[0] == "error":
            raise sc.ProtocolError(got[1])
        return got

    def settle(self, d, action, **more):
        self.client.settle(d.channel, d.tag, action, wait=False, **more)
        self.settled(d, action)  # said, whatever becomes of the line before the credit
        self.client.credit(d.channel, 1)

    def settled(self, d, action):
        pass

    def on_renewed(self):
        pass


def ask_all(peer, left):
    """How each of these messages ended; in several sessions when one is lost."""
    def ask():
        try:
            peer.open()
            while left:
                peer.client.outcome(left[-1])
                left.pop()
            peer.client.bye()
        except (sc.Timeout, sc.ProtocolError, zmq.ZMQError):
            peer.client.drop()
    while left:
        n = len(left)
        wait_for("an outcome", lambda: ask() or len(left) < n)


class Sent:
    def __init__(self, message, case, to):
        self.message, self.case, self.to = message, case, to
        self.accepted, self.ends = False, set()


class Publisher(Peer):
    role = "out"

    def __init__(self, load, node, rng):
        super().__init__(load, node, rng)
        self.log, self.open_, self.pause = {}, {}, threading.Event()
        self.begin = time.monotonic()
        others = [n for n in load.nodes if n != node]
        self.cases = [(sc.uuid7(), rng.sample(others, min(len(others), rng.choice([1, 1, 2]))))
                      for _ in range(CASES)]

    def on_open(self):
        self.client.subscribe(2, pb.SOURCE_RECEIPTS, credit=16)
        for s in list(self.open_.values()):  # again, in order
            self.client.send_publish(s.message)

    def on_renewed(self):
        for s in list(self.open_.values()):  # signed anew: the key it was signed with may end
            s.message.signature = None

    def make(self):
        case, to = self.rng.choice(self.cases)
        facts = pb.CaseResponse(emergency=True).SerializeToString()
        sealed = self.rng.randbytes(self.rng.choice([0, 0, 300, 3000]))
        urgency = self.rng.choice([pb.URGENCY_ROUTINE] * 5 + [pb.URGENCY_EMERGENCY])
        m = Message(sc.envelope(sc.OPAQUE, self.node, to, facts, sealed,
                                case_id=case, urgency=urgency,
                                created_at=sc.now_ms() - self.load.age_ms), facts, sealed)
        s = self.log[m.id] = self.open_[m.id] = Sent(m, case, to)
        return s

    def turn(self):
        while (len(self.open_) < WINDOW and not self.pause.is_set() and
               len(self.log) < self.load.quota(self)):
            self.client.send_publish(self.make().message)
        got = self.hear(self.load.patience if self.open_ else 0.02)
        if got is None:
            if self.open_:
                raise sc.Timeout("no answer")
            return
        kind, body, parts = got
        if kind == "published":
            for r in body.results:
                self.answered(r)
        elif kind == "deliver":
            self.receipt(sc.Delivery(body, parts))

    def answered(self, r):
        s = self.open_.get(r.message_id)
        if s is None:
            return
        if r.verdict in (pb.VERDICT_ACCEPTED, pb.VERDICT_DUPLICATE):
            s.accepted = True
            del self.open_[r.message_id]
            return
        if r.verdict != pb.VERDICT_LATER:
            raise AssertionError(f"{pb.Verdict.Name(r.verdict)} {r.reasons}")
        self.finish.wait(0.1)
        self.client.send_publish(s.message)

    def receipt(self, d):
        r = d.receipt()
        if r.level in FINAL and r.message_id in self.log:
            self.log[r.message_id].ends.add(r.recipient)
        self.settle(d, pb.SETTLE_ACTION_DONE)

    def counts(self):
        log = list(self.log.values())
        return {"accepted": sum(s.accepted for s in log), "unanswered": len(self.open_),
                "receipted": sum(len(s.ends) for s in log),
                "wanted": sum(len(s.to) for s in log), "sessions": self.opened}


class Consumer(Peer):
    role = "in"

    def __init__(self, load, node, rng):
        super().__init__(load, node, rng)
        self.done = set()

    def counts(self):
        return {"collected": len(self.done), "sessions": self.opened}

    def on_open(self):
        self.client.subscribe(1, pb.SOURCE_MAILBOX, credit=16)

    def turn(self):
        got = self.hear(0.5)
        if got is None:
            return
        kind, body, parts = got
        if kind != "deliver":
            return
        d = sc.Delivery(body, parts)
        what = self.rng.random()
        if what < 0.03 and d.id not in self.done:
            self.settle(d, pb.SETTLE_ACTION_RETRY, after_ms=200)
        elif what < 0.04 and d.id not in self.done:
            self.settle(d, pb.SETTLE_ACTION_REJECT, reason="TEST")
        else:
            self.settle(d, pb.SETTLE_ACTION_DONE)

    def settled(self, d, action):
        if action == pb.SETTLE_ACTION_DONE:
            self.done.add(d.id)


class Load:
    """nodes: name -> home broker. route(node) -> (endpoint, server key, home)."""

    def __init__(self, c, nodes, rng, rate=50, patience=None, age_ms=0, route=None):
        self.c, self.nodes, self.rate, self.age_ms = c, nodes, rate, age_ms
        self.patience = patience or (10 if SANITIZED else 2)
        self.dir = c.dir
        curves = {home: c.curve(home) for home in set(nodes.values())}
        self.route = route or (lambda n: (c.endpoint(nodes[n]), curves[nodes[n]], nodes[n]))
        self.files = [os.path.join(c.folder, f"history-{len(nodes)}-{id(self):x}")]
        self.history = History(self.files[0])
        self.history.clock()
        self.publishers = [Publisher(self, n, random.Random(rng.random())) for n in nodes]
        self.consumers = [Consumer(self, n, random.Random(rng.random())) for n in nodes]
        self.outside = []

    @property
    def peers(self):
        return self.publishers + self.consumers

    def quota(self, publisher):
        """How many messages a publisher may have made by now: no more than Python can follow."""
        return self.rate * (time.monotonic() - publisher.begin)

    def start(self, peers=None):
        for p in peers or self.peers:
            p.start()
        for o in self.outside:
            o.tell("start")
        return self

    def broker(self, node, op):
        self.history.add("info", node, op)

    def clock(self, offset_ms):
        """The clock of some broker is off by so much from now on."""
        self.history.add("info", "-", "clock", wall=sc.now_ms() + offset_ms)

    def troubles(self):
        for p in self.peers:
            if p.trouble:
                raise p.trouble

    def counts(self):
        """accepted, collected, receipted, wanted, unanswered, sessions; of all programs."""
        self.troubles()
        return sum((collections.Counter(x.counts()) for x in self.peers + self.outside),
                   collections.Counter())

    def flows(self, accepted=20, collected=20, unless=lambda: False):
        """Waits until so many more messages are accepted and collected."""
        begin = self.counts()

        def enough():
            now = self.counts()
            return unless() or (now["accepted"] >= begin["accepted"] + accepted and
                                now["collected"] >= begin["collected"] + collected)
        wait_for("messages to flow", enough)

    def end(self, patience=60):
        """Waits as long as anything moves; what never comes is for the judge to say."""
        for p in self.publishers:
            p.pause.set()
        for o in self.outside:
            o.tell("pause")
        last, moved = None, time.monotonic()
        while time.monotonic() - moved < patience:
            now = self.counts()
            if now != last:
                last, moved = now, time.monotonic()
            if now["unanswered"] == 0 and min(now["collected"], now["receipted"]) >= now["wanted"]:
                break
            time.sleep(0.05)
        time.sleep(0.2)  # for what must not come any more
        self.finish()
        for o in self.outside:
            o.finish()
        self.history.drained()
        for p in self.publishers:
            ask_all(p, [s.message.id for s in p.log.values() if s.accepted])

    def finish(self):
        for p in self.peers:
            p.finish.set()
        for p in self.peers:
            p.join(30)
        self.troubles()
        hung = [p.who for p in self.peers if p.is_alive()]
        if hung:
            raise AssertionError(f"programs of the test hang: {' '.join(hung)}")

    def verdicts(self):
        return self.history.verdicts(*self.files[1:])

    def judge(self):
        return self.history.judge(*self.files[1:])

    def words(self):
        n = self.counts()
        return (f"{n['accepted']} accepted, {n['collected']} collected, {n['receipted']} receipted, "
                f"{n['sessions']} sessions")


class Outside:
    """Some peers of a load, in a process of their own that can be stopped. To be made before any
    peer was started: a process with ZeroMQ's threads must not fork."""
    made = 0

    def __init__(self, load, peers):
        Outside.made += 1
        load.publishers = [p for p in load.publishers if p not in peers]
        load.consumers = [p for p in load.consumers if p not in peers]
        load.outside.append(self)
        load.files.append(f"{load.files[0]}-{Outside.made}")
        self.last, self.ended = {}, False
        self.here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.here.setblocking(False)
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                code = self._child(load, peers, there)
            finally:
                os._exit(code)
        there.close()

    @staticmethod
    def _child(load, peers, there):
        load.history = History(load.files[-1])
        load.publishers = [p for p in peers if isinstance(p, Publisher)]
        load.consumers = [p for p in peers if isinstance(p, Consumer)]
        load.outside = []
        there.settimeout(0.05)
        while True:
            try:
                there.send(json.dumps(load.counts()).encode())
                word = there.recv(100).decode()
            except TimeoutError:
                continue
            if word == "start":
                load.start()
            elif word == "pause":
                for p in load.publishers:
                    p.pause.set()
            else:
                break
        load.finish()
        for p in load.publishers:
            ask_all(p, [s.message.id for s in p.log.values() if s.accepted])
        load.history.close()
        return 0

    def send_signal(self, sig):
        os.kill(self.pid, sig)

    def tell(self, word):
        self.here.send(word.encode())

    def counts(self):
        while True:
            try:
                got = self.here.recv(1000)
            except BlockingIOError:
                return self.last
            if not got and self.ended:
                return self.last
            if not got:
                raise AssertionError("a process with peers ended too early")
            self.last = json.loads(got)

    def finish(self):
        self.tell("finish")
        self.ended = True
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code != 0:
            raise AssertionError(f"a process with peers ended with {code}")
