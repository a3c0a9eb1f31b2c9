# SPDX-License-Identifier: Apache-2.0
"""The world of one scenario: real brokers whose clock on the wall is where the script says, a
session for each institution that settles whatever comes, and a book of what was sent and received.
"""
import collections
import json
import os
import time
import uuid
from datetime import datetime, timedelta, timezone

from compose import compose
from messages import HERE, ZONES, Failed, kind_name, pb, sc, zone_of
from cluster import PATIENCE, Cluster, wait_for
from planted import Sealer
from preload import LIBRARY, Under

DIRECTORY = os.path.join(HERE, "../fixtures/directory/directory.jsonl")
MAILBOX, RECEIPTS = 1, 2
CREDIT = 60
MINUTE_MS = 60000


Sent = collections.namedtuple("Sent", "name kind sender message result step")
Got = collections.namedtuple("Got", "node role id kind envelope facts sealed step")
Told = collections.namedtuple("Told", "node notice step")


class Institution:
    """A node with its session, while it is online."""

    def __init__(self, world, node, home):
        self.world, self.node, self.home = world, node, home
        self.client, self.online = None, True
        self.keys = sc.read_keys(os.path.join(world.c.dir(node), "keys"))
        self.server = world.curve[home]

    def connect(self):
        if not self.online or self.client:
            return
        self.client = sc.SerasiClient(self.world.c.endpoint(self.home), self.server, *self.keys,
                                      label="scenario", reconnect_ms=50)
        self.client.hello(timeout=PATIENCE)
        self.client.subscribe(MAILBOX, pb.SOURCE_MAILBOX, credit=CREDIT)
        self.client.subscribe(RECEIPTS, pb.SOURCE_RECEIPTS, credit=CREDIT)

    def drop(self):
        if self.client:
            self.client.drop()
            self.client = None

    def pump(self):
        """Takes what is there. Returns whether something was."""
        any_came = False
        while self.client:
            got = self.client.receive(timeout=0)
            if got is None:
                return any_came
            kind, body, parts = got
            any_came = True
            if kind == "deliver":
                d = sc.Delivery(body, parts)
                self.world.take(self, d)
                self.client.settle(d.channel, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
                self.client.credit(d.channel, 1)
            elif kind == "error":
                raise Failed(f"the broker says to {self.node}: {body.text}")
        return any_came


class World:
    def __init__(self, script):
        self.script = script
        self.c = Cluster([b for b in script.brokers if b != "hub"])
        self.sealer = Sealer()
        self.under, self.nodes, self.ids, self.sent = {}, {}, {}, {}
        self.got, self.told, self.receipts = [], [], []
        self.order, self.last, self.many = [], None, []
        self.step = self.mark = self.last_deed = 0  # numbers of lines: now, clock set, last done
        self.patience = PATIENCE / 4
        self.offset_ms, self.outputs, self.running = 0, [], set()

    # --- clock -----------------------------------------------------------------------------------
    def now_ms(self):
        return time.time_ns() // 1000000 + self.offset_ms

    def today(self):
        hours = ZONES[zone_of(self.script.defaults.get("region", "32"))]
        return datetime.fromtimestamp(self.now_ms() / 1000, timezone(timedelta(hours=hours))).date()

    def set_time(self, ms):
        """The clock goes on from there; what became due by it is waited for."""
        if self.running and ms < self.now_ms():
            if ms < self.now_ms() - MINUTE_MS:
                raise Failed("the clock does not go back: it is later than that already")
            ms = self.now_ms()  # the same minute, said again
        self.offset_ms = ms - time.time_ns() // 1000000
        for u in self.under.values():
            u.orders.clock_offset_ms = self.offset_ms
        if not self.running:
            self.start()
        self.mark = self.step
        wait_for("what is due to be told", lambda: not self.overdue())
        self.settle()

    def overdue(self):
        now = datetime.fromtimestamp(self.now_ms() / 1000, timezone.utc)
        return [r for b in sorted(self.running) for r in self.rows(b, "due")
                if datetime.fromisoformat(r["due_at"].replace("Z", "+00:00")) <= now]

    # --- brokers ---------------------------------------------------------------------------------
    def make(self):
        c = self.c
        self.curve = {b: c.curve(b) for b in self.script.brokers}
        records = {}
        with open(DIRECTORY, encoding="utf-8") as f:
            text = f.read()
        for line in text.splitlines():
            node = json.loads(line).get("node")
            if node:
                records[node["id"]] = node
        changed = []
        for node, home in self.script.nodes.items():
            if node not in records:
                raise Failed(f"{node} is not in {os.path.relpath(DIRECTORY)}")
            if node not in self.script.brokers:
                c.run("serasictl", "init", c.dir(node), "--role", "client", "--node", node,
                      "--broker", c.endpoint(home), "--broker-key", self.curve[home])
                changed.append(c.key(node))
            else:
                self.office_of(node, changed)
            if records[node]["home"] != home:
                changed.append(json.dumps({"node": {**records[node], "home": home}}))
            self.nodes[node] = Institution(self, node, home)
        keys = [line for line in c.lines if "key" in json.loads(line)]
        self.directory = os.path.join(c.folder, "directory.jsonl")
        with open(self.directory, "w", encoding="utf-8") as f:
            f.write(text + "\n".join([*keys, *changed]) + "\n")
        for b in self.script.brokers:
            self.under[b] = Under(c, b)
            self.ctl(b, "node", "import", self.directory)

    def office_of(self, node, lines):
        """A Sentra has a broker and, beside it, an office with a key of its own."""
        folder = self.c.dir(node) + "_office"
        self.c.run("serasictl", "init", folder, "--role", "client", "--node", node, "--broker",
                   self.c.endpoint(node), "--broker-key", self.curve[node])
        lines.append(self.c.run("serasictl", "--dir", folder, "pubkey", "--label",
                                "office").stdout.strip())

    def folder(self, node):
        office = self.c.dir(node) + "_office"
        return office if os.path.isdir(office) else self.c.dir(node)

    def env(self, broker="hub"):
        """The clock of the scenario, and nothing else, for a program of ours."""
        return {**self.under[broker].env(), "SERASI_PRELOAD_PREFIX": "/nonexistent"}

    def start(self):
        for b in self.script.brokers:
            self.start_broker(b, links=False)
        for b in self.script.brokers:
            if b != "hub":
                self.c.wait_link(b)
        for i in self.nodes.values():
            i.connect()

    def start_broker(self, b, links=True):
        self.under[b].start(wait=True, env=self.env(b))
        self.running.add(b)
        if not links:
            return
        if b != "hub":
            self.c.wait_link(b)
        else:
            for other in self.running - {"hub"}:
                self.c.wait_link(other)
        for i in self.nodes.values():
            if i.home == b:
                i.connect()

    def end_broker(self, b, kill):
        for i in self.nodes.values():
            if i.home == b:
                i.drop()
        self.running.discard(b)
        if kill:
            self.c.kill(b)
        else:
            self.c.stop(b)

    def ctl(self, who, *args, check=True, **kw):
        env = {**os.environ, **(self.env() if self.under else {})}
        folder = self.c.dir(who) if who in self.script.brokers else self.folder(who)
        return self.c.run("serasictl", "--dir", folder, *args, check=check, env=env, **kw)

    def client_ctl(self, node, *args, **kw):
        """As the institution itself, also where it shares its id with a broker."""
        return self.c.run("serasictl", "--dir", self.folder(node), *args,
                          env={**os.environ, **self.env()}, **kw)

    def rows(self, broker, *args):
        p = self.ctl(broker, *args, "--json", check=False)
        if p.returncode:
            raise Failed(f"serasictl {' '.join(args)} at {broker}: {p.stderr.strip()}")
        return [json.loads(line) for line in p.stdout.splitlines()]

    # --- deliveries ------------------------------------------------------------------------------
    def take(self, who, d):
        if d.channel == RECEIPTS:
            r = d.receipt()
            self.receipts.append((who.node, r))
            return
        if d.head.kind == pb.MESSAGE_KIND_NOTICE:
            notice = pb.Notice.FromString(d.facts)
            self.told.append(Told(who.node, notice, self.step))
            self.outputs.append(f"{notice.english}\n{notice.indonesian}\n")
            return
        before = [g for g in self.got if g.node == who.node and g.id == d.id]
        if before and d.attempt > 1:
            return  # its settlement was lost with a broker: it comes again, and is known
        self.got.append(Got(who.node, d.frame.role, d.id, kind_name(d.head.kind), d.head, d.facts,
                            d.sealed, self.step))
        if before:
            raise Failed(f"{who.node} got {self.name_of(d.id)} twice")
        if d.frame.role == pb.RECIPIENT_ROLE_SUPERVISOR and d.sealed:
            raise Failed(f"the supervision copy of {self.name_of(d.id)} for {who.node} has "
                         "sealed bytes")

    def pump(self):
        return any([i.pump() for i in self.nodes.values() if i.client])

    def until(self, problem, patience=None):
        """Calls problem() until it returns None; raises what it says when nothing arrived for so
        long."""
        patience = self.patience if patience is None else patience
        arrived, pause = None, 0.005
        while True:
            self.pump()
            what = problem()
            if what is None:
                return
            count = len(self.got) + len(self.receipts) + len(self.told)
            if count != arrived:
                arrived, end = count, time.monotonic() + patience
            if time.monotonic() > end:
                raise Failed(what)
            time.sleep(pause)
            pause = min(0.2, pause * 1.5)

    def settle(self):
        """Everything that is on its way to somebody who is online arrives."""
        def waits():
            left = self.waiting()
            return f"still waits: {left}" if left else None
        self.until(waits, PATIENCE)

    def waiting(self):
        """What is in queues that should be empty: of who is online, and of links that are up."""
        out = []
        for b in sorted(self.running):
            for q in self.rows(b, "queues"):
                node = self.nodes.get(q["name"])
                busy = q["name"] in self.running if q["kind"] == "link" else node and node.client
                if busy and q["waiting"] > 0:
                    out.append(f"{q['waiting']} for {q['name']} ({q['kind']}) at {b}")
        return out

    # --- sending ---------------------------------------------------------------------------------
    def id_of(self, name):
        if name not in self.ids:
            raise Failed(f"{name} is not known yet")
        return self.ids[name]

    def name_of(self, raw):
        for name, known in self.ids.items():
            if known == raw:
                return name
        return str(uuid.UUID(bytes=raw)) if raw else "(nothing)"

    def case_of(self, name):
        s = self.sent.get(name)
        return pb.Envelope.FromString(s.message.envelope).case_id if s else b""

    def publish(self, send, who):
        node = self.nodes[who]
        if not node.client:
            raise Failed(f"{who} is offline and cannot send")
        if send.again:
            message, kind = self.sent[send.name].message, self.sent[send.name].kind
        else:
            message, kind = compose(self, send, who), send.draft.kind
        name = send.name or f"{kind} from {who}"
        self.ids[name] = message.id
        self.order.append(message.id)
        if send.crash:
            self.crash(node, message)
            self.last = self.sent[name] = Sent(name, kind, who, message, None, self.step)
            return self.last
        result = node.client.publish(message, timeout=PATIENCE)
        while result.verdict == pb.VERDICT_LATER:
            time.sleep(result.retry_after_ms / 1000)
            result = node.client.publish(message, timeout=PATIENCE)
        self.outputs += [f"{r.code} {r.text_english} {r.text_indonesian} {r.field}"
                         for r in result.reasons]
        self.last = Sent(name, kind, who, message, result, self.step)
        if not send.again or not self.sent[name].result:
            self.sent[name] = self.last
        if result.verdict in (pb.VERDICT_ACCEPTED, pb.VERDICT_DUPLICATE):
            self.arrive(name, result)
        return self.last

    def arrive(self, name, result):
        """Waits until every recipient who is online has it, where no broker on the way is down."""
        home = self.nodes[self.sent[name].sender].home

        def missing():
            have = {g.node for g in self.got if g.id == self.ids[name]}
            have |= self.withdrawn_from(name)
            late = [r.node for r in result.recipients if r.node not in have and
                    r.node in self.nodes and self.nodes[r.node].client and
                    (self.nodes[r.node].home == home or "hub" in self.running)]
            return f"{name} has not reached {', '.join(late)}" if late else None
        self.until(missing, PATIENCE)

    def withdrawn_from(self, name):
        """Whom it was taken back from, or never reached, by the receipts its sender got."""
        over = {pb.RECEIPT_LEVEL_RECALLED, pb.RECEIPT_LEVEL_UNDELIVERABLE}
        return {r.recipient for who, r in self.receipts if who == self.sent[name].sender and
                r.message_id == self.ids[name] and r.level in over}

    def crash(self, node, message):
        """The program dies between the broker's fsync and its answer."""
        node.client.send_publish(message)
        text = str(uuid.UUID(bytes=message.id))
        wait_for("the broker to store it", lambda: self.ctl(
            node.home, "trace", text, check=False).returncode == 0)
        node.drop()

    # --- the end ---------------------------------------------------------------------------------
    def __enter__(self):
        if not os.path.exists(LIBRARY):
            raise Failed(f"{LIBRARY} is missing: build serasi-preload first")
        self.c.__enter__()
        try:
            self.make()
        except BaseException:
            self.c.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        for i in self.nodes.values():
            i.drop()
        return self.c.__exit__(kind, value, trace)
