# SPDX-License-Identifier: Apache-2.0
"""Rights on every frame, and keys that end while they are in use, against the real daemon.

A node has two key sets here: the one `serasictl init` made, and a second one whose rights the tests
change by importing its record again into the running broker.
"""
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import zmq  # noqa: E402
import serasi_client as sc  # noqa: E402
from cluster import Cluster, SANITIZED, main, wait_for  # noqa: E402
from history import Recording  # noqa: E402
from load import Consumer, Load  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

HOME = "upt/phala-martha"
NODE, OTHER, LKS = "dsk/3203", "uptd/32/pa-02", "lks/3203/0001"
SECOND = 1.0 if not SANITIZED else 5.0
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))


class Key:
    """A second key set of a node, that connects; it signs with the key of the first."""

    def __init__(self, c, node, broker=HOME):
        self.c, self.node, self.broker, self.record = c, node, broker, {}
        public, self.secret = (x.decode() for x in zmq.curve_keypair())
        self.curve = public
        first, _ = sc.read_keys(os.path.join(c.dir(node), "keys"))
        sc.SIGNERS[self.curve] = sc.SIGNERS[first]
        self.set()

    def set(self, **more):
        """Its record from now on; returns when the broker has it."""
        self.record = {"node": self.node, "label": "second", "curve": self.curve, **more}
        send(self.c, self.broker, {"key": self.record})

    def client(self, **kw):
        return SerasiClient(self.c.endpoint(self.broker), self.c.curve(self.broker), self.curve,
                            self.secret, **kw)

    def open(self, **kw):
        s = self.client(**kw)
        s.hello()
        return s


def send(c, broker, *records):
    path = os.path.join(c.folder, "change.jsonl")
    with open(path, "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in records)
    return c.ctl(broker, "node", "import", path)


def tree(regionals=(HOME,)):
    c = Cluster(list(regionals))
    for node in [NODE, OTHER, LKS]:
        c.client(node, HOME)
    c.up()
    return c


def node_record(c, node, **more):
    found = [json.loads(x)["node"] for x in c.lines if json.loads(x).get("node", {}).get("id") == node]
    return {"node": {**found[0], **more}}


def connect(c, node, home=HOME, **kw):
    s = SerasiClient(c.endpoint(home), c.curve(home),
                     *sc.read_keys(os.path.join(c.dir(node), "keys")), **kw)
    s.hello()
    return s


def message(sender=NODE, to=OTHER, kind=sc.OPAQUE, **kw):
    facts = pb.CaseResponse(emergency=True).SerializeToString()
    return Message(sc.envelope(kind, sender, to, facts, **kw), facts)


def error_of(client, timeout=sc.WAIT):
    """The next ERROR, whatever else comes before it."""
    return client.expect("error", timeout=timeout)[0]


def ends_within(client, begin, seconds, why):
    e = error_of(client, seconds + 5)
    took = time.monotonic() - begin
    assert e.code == pb.ERROR_CODE_NOT_KNOWN and e.fatal, e
    assert took <= seconds, f"{why}: the session ended after {took:.2f} s"
    return took


def stays_out(key, seconds=2):
    """No new connection with that key."""
    s = key.client()
    assert not s.socket.poll(int(seconds * 1000), zmq.POLLOUT), "a key that is not valid got in"
    s.drop()


def refused(result, code):
    assert result.verdict == pb.VERDICT_REFUSED, result
    assert [r.code for r in result.reasons] == [code], result.reasons
    return result.reasons[0]


VERBS = ["PUBLISH", "SUBSCRIBE", "SETTLE", "QUERY"]


def rights(*verbs):
    return [{"verb": f"RIGHT_VERB_{v}"} for v in verbs]


# --- each right is needed -------------------------------------------------------------------------


def every_right_is_needed():
    with tree() as c:
        key = Key(c, NODE)
        other = connect(c, OTHER)
        for missing in VERBS:
            key.set(rights=rights(*[v for v in VERBS if v != missing]))
            s = key.open()
            m = message()
            if missing == "PUBLISH":
                why = refused(s.publish(m), "NO_RIGHT")
                assert "PUBLISH kind=1001 region=3203 SEND" in why.text_english, why
                assert "PUBLISH kind=1001 region=3203 SEND" in why.text_indonesian, why
            else:
                assert s.publish(m).verdict == pb.VERDICT_ACCEPTED
            assert other.publish(message(OTHER, NODE)).verdict == pb.VERDICT_ACCEPTED
            channel = 1
            for source in [pb.SOURCE_MAILBOX, pb.SOURCE_RECEIPTS, pb.SOURCE_NAMED]:
                named = dict(name="all", filter=pb.Filter()) if source == pb.SOURCE_NAMED else {}
                if missing == "SUBSCRIBE":
                    s.send(subscribe=pb.Subscribe(channel=channel, source=source, credit_messages=9,
                                                  **named))
                    e = error_of(s)
                    assert e.code == pb.ERROR_CODE_NOT_ALLOWED and not e.fatal, e
                    assert "SUBSCRIBE" in e.text and e.channel == channel, e
                else:
                    s.subscribe(channel, source, credit=9, **named)
                channel += 1
            if missing == "SETTLE":
                d = s.delivery(1)
                s.settle(1, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
                e = error_of(s)
                assert e.code == pb.ERROR_CODE_NOT_ALLOWED and "SETTLE" in e.text, e
            elif missing != "SUBSCRIBE":
                s.done(s.delivery(1))
            r = s.query("outcome", "00000000-0000-7000-8000-000000000000")
            assert r.text.startswith("NOT_ALLOWED") == (missing == "QUERY"), r
            s.bye()
        other.bye()


def rights_are_for_kinds_and_regions():
    with tree() as c:
        key = Key(c, NODE)
        key.set(rights=[{"verb": "PUBLISH", "kinds": ["CAPACITY_UPDATE"]},
                        {"verb": "PUBLISH", "region": "3203", "direction": "SEND"}])
        s = key.open()
        assert s.publish(message(region="3203")).verdict == pb.VERDICT_ACCEPTED
        assert s.publish(message(region="320305")).verdict == pb.VERDICT_ACCEPTED
        for region in ["", "32", "3204", "3302"]:
            refused(s.publish(message(region=region)), "NO_RIGHT")
        s.bye()


def a_key_to_enrol_may_do_nothing_else():
    with tree() as c:
        key = Key(c, NODE)
        key.set(rights=rights("ENROL"))
        s = key.open()
        refused(s.publish(message()), "NO_RIGHT")
        for n, source in enumerate([pb.SOURCE_MAILBOX, pb.SOURCE_RECEIPTS, pb.SOURCE_LINK]):
            s.send(subscribe=pb.Subscribe(channel=n + 1, source=source))
            assert error_of(s).code == pb.ERROR_CODE_NOT_ALLOWED
        for verb in ["outcome", "worklist", "report", "status", "node-list", "node-import"]:
            assert s.query(verb).text.startswith("NOT_ALLOWED"), verb
        s.bye()


def operators_verbs_need_the_right():
    with tree() as c:
        key = Key(c, NODE)
        s = key.open()
        for verb in ["status", "sessions", "node-import", "dead-list", "backup", "reload", "drain"]:
            assert s.query(verb).text.startswith("NOT_ALLOWED"), verb
        for more in [dict(operator=True), dict(rights=rights("OPERATE")),
                     dict(rights=rights("QUERY"), operator=True)]:
            key.set(**more)
            assert s.query("status").code == 0  # in the same session
            key.set()
            assert s.query("status").text.startswith("NOT_ALLOWED")
        s.bye()


def nobody_speaks_for_another_node():
    with tree() as c:
        s = Key(c, NODE).open()
        r = s.publish(message(sender=LKS))
        assert r.verdict == pb.VERDICT_REFUSED and r.reasons[0].code == "WRONG_SENDER", r
        # The same message by the key of its node, and then once more by the thief.
        lks, m = Key(c, LKS).open(), message(sender=LKS)
        assert lks.publish(m).verdict == pb.VERDICT_ACCEPTED
        r = s.publish(m)
        assert r.verdict == pb.VERDICT_CONFLICT and not r.recipients and not r.outcomes, r
        # A forward would let it name any sender.
        s.send(m.envelope, m.facts, publish=pb.Publish(message_id=m.id, forward=pb.Forward()))
        e = error_of(s)
        assert e.fatal, e
        lks.bye()
        s.drop()


def bad_rights_are_not_imported():
    with tree() as c:
        key = Key(c, NODE)
        for bad, why in [(rights("RULE"), "unknown enum name"), ([{}], "the verb is missing"),
                         ([{"verb": "PUBLISH", "region": "x"}], "region"),
                         (rights("ENROL", "QUERY"), "ENROL stands alone"),
                         (rights(*["QUERY"] * 9), "at most 8 rights")]:
            path = os.path.join(c.folder, "bad.jsonl")
            with open(path, "w") as f:
                f.write(json.dumps({"key": {**key.record, "rights": bad}}) + "\n")
            p = c.ctl(HOME, "node", "import", path, check=False)
            assert p.returncode == 1 and why in p.stderr, (bad, p.stderr)
        key.set(rights=[{"verb": "PUBLISH", "kinds": ["COMPLAINT"], "region": "32"}])
        shown = c.ctl(HOME, "node", "show", NODE).stdout
        assert "PUBLISH kind=COMPLAINT region=32 second" in shown, shown


# --- rights change in a session -------------------------------------------------------------------


def rights_change_in_an_open_session():
    with tree() as c:
        key = Key(c, NODE)
        other, s = connect(c, OTHER), key.open()
        s.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
        assert s.publish(message()).verdict == pb.VERDICT_ACCEPTED
        key.set(rights=rights("SUBSCRIBE", "SETTLE"))
        refused(s.publish(message()), "NO_RIGHT")
        assert other.publish(message(OTHER, NODE)).verdict == pb.VERDICT_ACCEPTED
        d = s.delivery(1)
        begin = time.monotonic()
        key.set(rights=rights("PUBLISH"))
        e = error_of(s)
        assert e.code == pb.ERROR_CODE_NOT_ALLOWED and e.channel == 1 and not e.fatal, e
        assert s.publish(message()).verdict == pb.VERDICT_ACCEPTED
        good = connect(c, NODE)  # what it held is for others now
        good.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
        again = good.delivery(1)
        assert again.id == d.id and again.attempt == 1, again
        print(f"   held again after {time.monotonic() - begin:.2f} s", flush=True)
        good.done(again)
        for x in [good, other, s]:
            x.bye()


# --- keys end -------------------------------------------------------------------------------------


class Thief:
    """Reads a mailbox and never settles; publishes in the name of the node as fast as it can."""

    def __init__(self, load, key):
        args = (load.history, f"{key.node}#thief", HOME, key.c.endpoint(HOME), key.c.curve(HOME),
                key.curve, key.secret)
        self.node, self.held, self.accepted = key.node, {}, set()
        self.client = Recording(*args, label="thief", reconnect_ms=20)
        self.client.hello()
        self.client.subscribe(1, pb.SOURCE_MAILBOX, credit=200)

    def work(self, until):
        """Returns the ERROR that ended it."""
        sent = 0
        while not until(self):
            for _ in range(8):
                m = message(self.node, NODE if self.node != NODE else OTHER, case_id=sc.uuid7())
                self.client.send_publish(m)
                sent += 1
            while (got := self.client.receive(timeout=0.005)) is not None:
                kind, body, parts = got
                if kind == "deliver":
                    d = sc.Delivery(body, parts)
                    self.held[d.id] = d
                if kind == "published":
                    self.accepted |= {r.message_id for r in body.results
                                      if r.verdict == pb.VERDICT_ACCEPTED}
                if kind == "error":
                    return body
        return None


class Watching(Consumer):
    """Notes which attempt each delivery was."""

    def __init__(self, load, node, rng):
        super().__init__(load, node, rng)
        self.attempts = {}

    def settle(self, d, action, **more):
        self.attempts.setdefault(d.id, []).append(d.attempt)
        super().settle(d, action, **more)


def revocation_ends_a_thief_within_a_second_and_loses_nothing():
    with tree() as c:
        key = Key(c, OTHER)
        load = Load(c, {NODE: HOME, OTHER: HOME}, random.Random(SEED), rate=60)
        print(f"   SERASI_SEED={SEED}", flush=True)
        watching = Watching(load, OTHER, random.Random(1))
        load.consumers = [p for p in load.consumers if p.node != OTHER] + [watching]
        thief = Thief(load, key)
        load.start([p for p in load.peers if p is not watching])
        assert thief.work(lambda t: len(t.held) >= 5) is None  # one of a case at a time
        begin = time.monotonic()
        key.set(revoked=True)
        set_at = time.monotonic()
        e = thief.work(lambda t: time.monotonic() - begin > 10)
        took = time.monotonic() - set_at
        assert e is not None and e.code == pb.ERROR_CODE_NOT_KNOWN and e.fatal, e
        assert took <= SECOND, f"the thief went on for {took:.2f} s"
        held = set(thief.held)
        # It goes on; nobody listens any more.
        for frame in [dict(ping=pb.Ping(sent_at=1)), dict(credit=pb.Credit(channel=1, messages=9)),
                      dict(settle=pb.Settle(channel=1, settlements=[pb.Settlement(
                          first_tag=1, last_tag=100, action=pb.SETTLE_ACTION_DONE)]))]:
            thief.client.send(**frame)
        thief.client.send(hello=pb.Hello(protocol_min=1, protocol_max=1,
                                         instance_id=os.urandom(16)))
        code = pb.ERROR_CODE_NO_SESSION  # for each frame that was on its way, and for these
        while code == pb.ERROR_CODE_NO_SESSION:
            kind, body, _ = thief.client.receive()
            assert kind == "error", (kind, body)
            code = body.code
        assert code == pb.ERROR_CODE_NOT_KNOWN, code
        thief.client.drop()
        load.start([watching])
        wait_for("what the thief held", lambda: held <= watching.done)
        first = [watching.attempts[i][0] for i in held]
        assert first == [1] * len(first), first
        load.flows()
        to = next(p for p in load.consumers if p.node == NODE)
        wait_for("what was accepted of the thief", lambda: thief.accepted <= to.done)
        load.end()
        load.judge()
        print(f"   ended after {took:.2f} s, {len(held)} held; {load.words()}", flush=True)


def a_key_ends_by_the_clock():
    with tree() as c:
        key = Key(c, NODE)
        s = key.open()
        s.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
        assert connect(c, OTHER).publish(message(OTHER, NODE)).verdict == pb.VERDICT_ACCEPTED
        d = s.delivery(1)
        end = time.time() + 2
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(end)) + f".{int(end % 1 * 1000):03d}Z"
        key.set(valid_until_at=stamp)
        known = max(end, time.time())
        e = error_of(s, 10)
        now = time.time()
        assert e.code == pb.ERROR_CODE_NOT_KNOWN and e.fatal, e
        assert end - 0.05 <= now <= known + SECOND, f"the session ended {now - end:.2f} s after its key"
        good = connect(c, NODE)
        good.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
        assert good.delivery(1).id == d.id
        s.drop()
        stays_out(key)
        begin = time.time()
        key.set(valid_from_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + 3600)))
        stays_out(key)
        key.set()
        key.open().bye()


def a_node_that_leaves_ends_its_sessions():
    with tree([HOME, "upt/satria"]) as c:
        for change in [dict(inactive=True), dict(home="upt/satria")]:
            s = connect(c, LKS)
            begin = time.monotonic()
            send(c, HOME, node_record(c, LKS, **change))
            ends_within(s, begin, SECOND + 1, change)
            s.drop()
            send(c, HOME, node_record(c, LKS))
        connect(c, LKS).bye()


def a_revoked_child_broker_is_cut_off_and_comes_back():
    with tree() as c:
        c.client("dsk/3302", "hub")
        for broker in ["hub", HOME]:
            send(c, broker, *[json.loads(x) for x in c.lines[-2:]])
        child = json.loads(c.key(HOME))["key"]
        begin = time.monotonic()
        send(c, "hub", {"key": {**child, "revoked": True}})
        c.wait_link(HOME, "down")
        assert time.monotonic() - begin < SECOND + 3  # serasictl takes its time
        s = connect(c, "dsk/3302", "hub")
        m = message("dsk/3302", OTHER)
        assert s.publish(m).verdict == pb.VERDICT_ACCEPTED  # it waits
        to = connect(c, OTHER)
        to.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
        assert to.no_delivery(1, 2.0)
        send(c, "hub", {"key": child})
        assert to.delivery(1, 60).id == m.id
        s.bye()
        to.bye()


def a_parent_that_is_revoked_is_left():
    with tree() as c:
        parent = json.loads(c.key("hub"))["key"]
        send(c, HOME, {"key": {**parent, "revoked": True}})
        c.wait_link(HOME, "down")
        time.sleep(2)
        assert c.status(HOME)["uplink"] == "down"
        assert "PARENT_REVOKED" in c.tail(200)
        send(c, HOME, {"key": parent})
        c.wait_link(HOME)


# --- on record ------------------------------------------------------------------------------------


def denied_calls_are_on_record_and_do_not_fill_it():
    with tree() as c:
        key = Key(c, NODE)
        key.set(rights=rights("QUERY"))
        s = key.open()
        for _ in range(300):
            refused(s.publish(message()), "NO_RIGHT")
            assert s.query("status").text.startswith("NOT_ALLOWED")
        key.set(revoked=True)
        ends_within(s, time.monotonic(), SECOND + 1, "revoked")
        log = c.tail(5000)
        denied = [x for x in log.splitlines() if "ACCESS_DENIED" in x]
        assert 2 <= len(denied) <= 10, denied
        assert any("PUBLISH kind=1001 region=3203 SEND" in x for x in denied), denied
        assert "KEY_ENDED" in log
        entries = c.rows(HOME, "ledger", "show")
        kinds = [e["kind"] for e in entries]
        assert 2 <= kinds.count("DENIED") <= 10, kinds
        assert kinds.count("SESSION_ENDED") == 1, kinds
        assert "REFUSED" not in kinds, kinds


if __name__ == "__main__":
    main([every_right_is_needed, rights_are_for_kinds_and_regions,
          a_key_to_enrol_may_do_nothing_else, operators_verbs_need_the_right,
          nobody_speaks_for_another_node, bad_rights_are_not_imported,
          rights_change_in_an_open_session,
          revocation_ends_a_thief_within_a_second_and_loses_nothing, a_key_ends_by_the_clock,
          a_node_that_leaves_ends_its_sessions, a_revoked_child_broker_is_cut_off_and_comes_back,
          a_parent_that_is_revoked_is_left, denied_calls_are_on_record_and_do_not_fill_it])
