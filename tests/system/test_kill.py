# SPDX-License-Identifier: Apache-2.0
"""kill -9 of any broker at any moment, while publishers and consumers run over raw frames.

Publishers keep what was not answered and send it again with the same id; consumers settle, and read
the receipts of their node. All write histories, and check-history judges them at the end: everything
accepted has arrived, nothing else, in case order, with one outcome and one receipt for each
recipient.

Environment: SERASI_SEED, SERASI_KILLS.
"""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import zmq  # noqa: E402
import serasi_client as sc  # noqa: E402
from cluster import Cluster, SANITIZED, main, wait_for  # noqa: E402
from history import History, Recording  # noqa: E402
from load import ask_all  # noqa: E402
from serasi_client import Message, pb  # noqa: E402

R1, R2 = "upt/phala-martha", "upt/satria"
NODES = {"dsk/3203": R1, "uptd/32/pa-02": R1, "dsk/3302": R2, "dsk/3101": "hub"}
CASES = 4
WINDOW = 24
RATE = 60  # messages a second and publisher: what consumers in Python can follow
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
KILLS = int(os.environ.get("SERASI_KILLS", 6 if SANITIZED else 40))


class Sent:
    def __init__(self, message, to):
        self.message, self.to, self.accepted = message, to, False


class Peer(threading.Thread):
    """One node: a session that comes back by itself."""
    role = ""

    def __init__(self, cluster, history, node):
        super().__init__(daemon=True)
        self.c, self.history, self.node, self.client = cluster, history, node, None
        self.endpoint = cluster.endpoint(NODES[node])
        self.server = cluster.curve(NODES[node])
        self.keys = sc.read_keys(os.path.join(cluster.dir(node), "keys"))
        self.instance = os.urandom(16)
        self.finish = threading.Event()
        self.trouble = None

    def open(self):
        self.client = Recording(self.history, f"{self.node}#{self.role}", NODES[self.node],
                                self.endpoint, self.server, *self.keys, label="kill-test",
                                instance_id=self.instance)
        self.client.hello(timeout=2.0)

    def run(self):
        while not self.finish.is_set():
            try:
                self.open()
                self.on_open()
                while not self.finish.is_set():
                    self.turn()
            except (sc.Timeout, sc.ProtocolError, zmq.ZMQError):
                time.sleep(0.05)
            except Exception as e:  # a defect of the test must not look like silence
                self.trouble = e
                raise
            finally:
                if self.client:
                    self.client.drop()
                    self.client = None


class Publisher(Peer):
    role = "out"

    def __init__(self, cluster, history, node, rng):
        super().__init__(cluster, history, node)
        self.rng = rng
        self.log, self.open_, self.pause = [], [], threading.Event()
        self.begin = time.monotonic()
        others = [n for n in NODES if n != node]
        self.cases = []
        for _ in range(CASES):
            to = rng.sample(others, rng.choice([1, 1, 2]))
            self.cases.append((sc.uuid7(), to))

    def on_open(self):
        for s in self.open_:  # again, in order
            self.client.send_publish(s.message)

    def make(self):
        case, to = self.rng.choice(self.cases)
        facts = pb.CaseResponse(emergency=True).SerializeToString()
        urgency = self.rng.choice([pb.URGENCY_ROUTINE] * 5 + [pb.URGENCY_EMERGENCY])
        m = Message(sc.envelope(sc.OPAQUE, self.node, to, facts, case_id=case,
                                urgency=urgency), facts)
        s = Sent(m, to)
        self.log.append(s)
        return s

    def turn(self):
        while (len(self.open_) < WINDOW and not self.pause.is_set() and
               len(self.log) < RATE * (time.monotonic() - self.begin)):
            s = self.make()
            self.open_.append(s)
            self.client.send_publish(s.message)
        got = self.client.receive(timeout=1.0 if self.open_ else 0.02)
        if got is None:
            if self.open_:
                raise sc.Timeout("no answer")
            return
        kind, body, _ = got
        if kind == "error":
            raise sc.ProtocolError(body)
        if kind != "published":
            return
        for r in body.results:
            found = [s for s in self.open_ if s.message.id == r.message_id]
            if not found:
                continue
            if r.verdict not in (pb.VERDICT_ACCEPTED, pb.VERDICT_DUPLICATE):
                self.trouble = AssertionError(f"{pb.Verdict.Name(r.verdict)} {r.reasons}")
                raise self.trouble
            found[0].accepted = True
            self.open_.remove(found[0])


class Consumer(Peer):
    role = "in"

    def __init__(self, cluster, history, node):
        super().__init__(cluster, history, node)
        self.ids, self.again, self.receipts = set(), 0, set()

    def on_open(self):
        self.client.subscribe(1, pb.SOURCE_MAILBOX, credit=16)
        self.client.subscribe(2, pb.SOURCE_RECEIPTS, credit=16)

    def turn(self):
        got = self.client.receive(timeout=0.5)
        if got is None:
            return
        kind, body, parts = got
        if kind == "error":
            raise sc.ProtocolError(body)
        if kind != "deliver":
            return
        d = sc.Delivery(body, parts)
        if d.channel == 2:
            self.receipts.add(d.id)
        else:
            self.again += d.id in self.ids
            self.ids.add(d.id)
        self.client.settle(d.channel, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
        self.client.credit(d.channel, 1)

    def counts(self):
        return len(self.ids) + len(self.receipts)


def every_accepted_message_survives_kill_9_of_any_broker():
    rng = random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills", flush=True)
    with Cluster([R1, R2], config={"delivery": {"retry-first": "200ms", "retry-cap": "2s"}}) as c:
        for node, home in NODES.items():
            c.client(node, home)
        c.up()
        history = History(os.path.join(c.folder, "history"))
        history.clock()
        publishers = [Publisher(c, history, n, random.Random(rng.random())) for n in NODES]
        consumers = [Consumer(c, history, n) for n in NODES]
        for p in publishers + consumers:
            p.start()
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.05, 1.0) * (3 if SANITIZED else 1))
            victim = rng.choice(["hub", R1, R2])
            history.add("info", victim, "crash")
            c.kill(victim)
            if rng.random() < 0.3:
                time.sleep(rng.uniform(0.1, 1.0))
            history.add("info", victim, "start")
            c.start(victim, wait=False)
        for p in publishers:
            p.pause.set()
        for n in ["hub", R1, R2]:
            c.wait_up(n)
        def answered():
            for p in publishers:
                if p.trouble:
                    raise p.trouble
            return not any(p.open_ for p in publishers)
        wait_for("every publish to be answered", answered, 180)
        wanted = 2 * sum(len(s.to) for p in publishers for s in p.log if s.accepted)
        here, moved = -1, time.monotonic()
        while here < wanted and time.monotonic() - moved < 60:  # as long as something arrives
            for p in publishers + consumers:
                if p.trouble:
                    raise p.trouble
            count = sum(x.counts() for x in consumers)
            if count > here:
                here, moved = count, time.monotonic()
            time.sleep(0.1)
        for p in publishers + consumers:
            p.finish.set()
        for p in publishers + consumers:
            p.join(20)
        history.drained()
        for p in publishers:
            ask_all(p, [s.message.id for s in p.log])
        print(history.judge(), end="")
        for n in ["hub", R1, R2]:
            c.ctl(n, "check")
        print(f"{sum(len(p.log) for p in publishers)} messages, "
              f"{sum(len(x.ids) for x in consumers)} first deliveries, "
              f"{sum(x.again for x in consumers)} again", flush=True)


if __name__ == "__main__":
    main([every_accepted_message_survives_kill_9_of_any_broker])
