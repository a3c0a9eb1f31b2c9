# SPDX-License-Identifier: Apache-2.0
"""Signatures on the whole path: real brokers, a broker in the middle that lies, and a broker of
one's own that does. What a recipient's library says is read from `serasictl consume --json`."""
import base64
import json
import os
import queue
import select
import subprocess
import sys
import threading
import uuid

from cluster import BIN, Cluster, main, wait_for

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import serasi_client as sc  # noqa: E402
from serasi_client import SerasiClient, pb  # noqa: E402

import zmq  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: E402
from zmq.auth.thread import ThreadAuthenticator  # noqa: E402

HOME = "upt/phala-martha"
FAR = "upt/satria"
SENDER, RECIPIENT = "dsk/3203", "dsk/3302"


def keys(c, node):
    return os.path.join(c.dir(node), "keys")


def raw(c, node, home):
    client = SerasiClient(c.endpoint(home), c.curve(home), *sc.read_keys(keys(c, node)))
    client.hello()
    return client


def two_regions():
    c = Cluster([HOME, FAR])
    c.client(SENDER, HOME)
    c.client(RECIPIENT, FAR)
    return c


def signature_of(message):
    return message["signature"]


# --- honest brokers ---------------------------------------------------------------------------------


def a_message_and_its_receipt_are_valid_across_three_brokers():
    with two_regions() as c:
        c.up()
        for i in range(3):
            c.publish(SENDER, c.message(SENDER, RECIPIENT))
        for m in c.consume(RECIPIENT, 3):
            s = signature_of(m)
            assert s["state"] == "VALID" and not s["flags"] and s["node"] == SENDER, s
            assert len(s["key"]) == 16, s
        receipts = c.consume(SENDER, 3, "--receipts")
        assert len(receipts) == 3, receipts
        for m in receipts:
            s = signature_of(m)
            assert m["facts"]["level"].endswith("COLLECTED") and s["node"] == FAR, m
            assert s["state"] == "VALID" and not s["flags"], s


def a_signature_outlives_a_kill_and_a_restart():
    with two_regions() as c:
        c.up()
        c.stop(FAR)
        c.publish(SENDER, c.message(SENDER, RECIPIENT))
        c.kill("hub")
        c.kill(HOME)
        for node in ("hub", HOME, FAR):
            c.start(node)
        s = signature_of(c.consume(RECIPIENT, 1)[0])
        assert s["state"] == "VALID" and not s["flags"], s
        c.kill(HOME)
        c.start(HOME)
        s = signature_of(c.consume(SENDER, 1, "--receipts")[0])
        assert s["state"] == "VALID" and not s["flags"], s


def a_thief_of_the_connection_key_cannot_publish():
    with Cluster([HOME]) as c:
        c.client(SENDER, HOME)
        c.client("uptd/32/pa-02", HOME)
        c.up()
        stolen = os.path.join(c.folder, "stolen")  # the CURVE lines alone
        with open(keys(c, SENDER), encoding="utf-8") as f, open(stolen, "w", encoding="utf-8") as to:
            to.writelines(line for line in f if not line.startswith(("ed25519", "x25519")))
        os.chmod(stolen, 0o600)
        thief = SerasiClient(c.endpoint(HOME), c.curve(HOME), *sc.read_keys(stolen))
        thief.signer = None
        thief.hello()
        m = sc.Message(sc.envelope(sc.OPAQUE, SENDER, "uptd/32/pa-02"))
        r = thief.publish(m)
        assert [x.code for x in r.reasons] == ["UNSIGNED"], r
        other = sc.SIGNERS[sc.read_keys(keys(c, "uptd/32/pa-02"))[0]]
        m.signature = other.sign([m.envelope])[0]
        r = thief.publish(m)
        assert [x.code for x in r.reasons] == ["BAD_SIGNATURE"], r
        wait_for("the journal", lambda: "SIGNATURE_REFUSED" in c.tail(400))


def a_node_without_a_signing_key_is_refused_unless_the_configuration_allows_it():
    for rule, verdict in (("refuse", pb.VERDICT_REFUSED), ("allow", pb.VERDICT_ACCEPTED)):
        with Cluster([HOME], config={"security": {"unsigned": rule}}) as c:
            c.client(SENDER, HOME)
            c.client("uptd/32/pa-02", HOME)
            bare = json.loads(c.lines[-1])
            bare["key"].pop("ed25519")
            c.lines[-1] = json.dumps(bare)
            c.up()
            client = raw(c, "uptd/32/pa-02", HOME)
            client.signer = None
            r = client.publish(sc.Message(sc.envelope(sc.OPAQUE, "uptd/32/pa-02", SENDER)))
            assert r.verdict == verdict, (rule, r)
            if verdict == pb.VERDICT_ACCEPTED:
                s = signature_of(c.consume(SENDER, 1)[0])
                assert s["state"] == "UNSIGNED", s


def the_rule_for_the_unsigned_may_change_while_the_broker_runs():
    with Cluster([HOME], config={"security": {"unsigned": "refuse"}}) as c:
        c.client(SENDER, HOME)
        c.client("uptd/32/pa-02", HOME)
        bare = json.loads(c.lines[-1])
        bare["key"].pop("ed25519")
        c.lines[-1] = json.dumps(bare)
        c.up()
        client = raw(c, "uptd/32/pa-02", HOME)
        client.signer = None

        def verdict():
            return client.publish(sc.Message(sc.envelope(sc.OPAQUE, "uptd/32/pa-02",
                                                         SENDER))).verdict
        assert verdict() == pb.VERDICT_REFUSED
        with open(os.path.join(c.dir(HOME), "serasid.conf.d", "test.conf"), "w",
                  encoding="utf-8") as f:
            f.write("[security]\nunsigned = allow\n")
        c.ctl(HOME, "reload")
        assert verdict() == pb.VERDICT_ACCEPTED


# --- proofs of acceptance ---------------------------------------------------------------------------


def acceptance(envelope, accepted_at, sender=SENDER, broker=HOME):
    """What a broker signs (PROTOCOL.md, section 7)."""
    e = pb.Envelope.FromString(envelope)
    return (e.message_id + sc.digest(envelope) + accepted_at.to_bytes(8, "big") + sender.encode() +
            b"\0" + broker.encode())


def root_of(leaf, index, size, path):
    """RFC 9162, 2.1.3.2."""
    fn, sn, node = index, size - 1, leaf
    for p in path:
        assert sn > 0
        if fn & 1 or fn == sn:
            node = sc.digest(b"\1" + p + node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sc.digest(b"\1" + node + p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return node


def check_proof(public, statement, signature):
    """As anybody can who has the broker's public key; raises when it does not hold."""
    s = pb.Signature.FromString(signature)
    root = root_of(sc.leaf(statement), s.index, s.size, s.path)
    Ed25519PublicKey.from_public_bytes(public).verify(
        s.ed25519, b" " * 64 + b"serasi v1 acceptances\0" + s.size.to_bytes(8, "big") + root)
    return s


def public_of(c, node):
    line = json.loads(next(x for x in c.lines if f'"{node}"' in x and '"curve"' in x))
    return base64.b64decode(line["key"]["ed25519"])


def what_is_accepted_is_proven_to_who_asks_for_it_and_again_when_it_is_repeated():
    with Cluster([HOME]) as c:
        c.client(SENDER, HOME)
        c.client("uptd/32/pa-02", HOME)
        c.up()
        public = public_of(c, HOME)
        asks, asks_not = raw(c, SENDER, HOME), raw(c, SENDER, HOME)
        asks.hello(proofs=True)
        batch = [signed(c, to="uptd/32/pa-02", facts=b"%d" % i) for i in range(20)]
        for m in batch:
            asks.send_publish(m)
        first = [asks.result_of(m.id) for m in batch]
        sizes = []
        for m, r in zip(batch, first):
            assert r.verdict == pb.VERDICT_ACCEPTED, r
            sizes.append(check_proof(public, acceptance(m.envelope, r.accepted_at), r.proof).size)
        assert max(sizes) > 1, sizes  # one signature for all of a commit
        c.kill(HOME)
        c.start(HOME)
        asks, asks_not = raw(c, SENDER, HOME), raw(c, SENDER, HOME)
        asks.hello(proofs=True)
        for m, before in zip(batch[:3], first):
            r = asks.publish(m)
            assert r.verdict == pb.VERDICT_DUPLICATE and r.accepted_at == before.accepted_at, r
            check_proof(public, acceptance(m.envelope, before.accepted_at), r.proof)
            assert not asks_not.publish(m).proof
        other = sc.Message(sc.envelope(sc.OPAQUE, SENDER, "uptd/32/pa-02", b"x",
                                       message_id=batch[0].id), b"x")
        other.signature = asks.signer.sign([other.envelope])[0]
        r = asks.publish(other)
        assert r.verdict == pb.VERDICT_CONFLICT and not r.proof, r
        r = asks.publish(signed(c, to="dsk/9999"))
        assert r.verdict == pb.VERDICT_REFUSED and not r.proof, r


def the_proof_that_serasictl_prints_can_be_shown_to_others():
    with Cluster([HOME]) as c:
        c.client(SENDER, HOME)
        c.client("uptd/32/pa-02", HOME)
        c.up()
        m = c.message(SENDER, "uptd/32/pa-02")
        o = json.loads(c.publish(SENDER, m, "--json").stdout)
        p = o["proof"]
        assert p["state"] == "VALID" and p["node"] == HOME and not p["flags"], o
        statement = base64.b64decode(p["statement"])
        check_proof(public_of(c, HOME), statement, base64.b64decode(p["signature"]))
        assert statement.endswith(SENDER.encode() + b"\0" + HOME.encode()), statement
        assert uuid.UUID(bytes=statement[:16]) == uuid.UUID(o["message_id"])


# --- a broker in the middle that lies ---------------------------------------------------------------
# It is a real child of the hub by its keys; the test takes its place and speaks for it.


class Middle:
    """The regional broker HOME, played by the test: it holds HOME's keys and dials the hub."""

    def __init__(self, c):
        self.c = c
        self.link = raw(c, HOME, "hub")

    def forward(self, m, to, accepted=None):
        now = accepted or sc.now_ms()
        f = pb.Forward(accepted_at=now, expires_at=now + 86400000)
        for node in [to] if isinstance(to, str) else to:
            f.recipients.add(node=node, role=pb.RECIPIENT_ROLE_ADDRESSEE)
        f.stamps.add(broker=HOME, stored_at=now)
        self.link.send(m.envelope, m.facts, m.sealed, publish=pb.Publish(
            message_id=m.id, signature=m.signature or b"", forward=f))
        return self.link.result_of(m.id)


def signed(c, to=RECIPIENT, facts=b"", sealed=b"", **fields):
    sc.read_keys(keys(c, SENDER))
    signer = sc.SIGNERS[sc.read_keys(keys(c, SENDER))[0]]
    m = sc.Message(sc.envelope(sc.OPAQUE, SENDER, to, facts, sealed, **fields), facts, sealed)
    m.signature = signer.sign([m.envelope])[0]
    return m


def with_a_lying_middle():
    """The hub and FAR are real, HOME is the test; RECIPIENT lives at FAR, a second one too."""
    c = Cluster([HOME, FAR])
    c.client(SENDER, HOME)
    c.client(RECIPIENT, FAR)
    c.client("dsk/3303", FAR)
    path = c.directory()
    for node in ("hub", FAR):
        c.ctl(node, "node", "import", path)
        c.start(node)
    c.wait_link(FAR)
    return c


def codes(result):
    return [x.code for x in result.reasons]


def a_middle_broker_cannot_alter_or_make_up_messages():
    with with_a_lying_middle() as c:
        lie = Middle(c)
        m = signed(c, facts=b"facts", sealed=b"sealed")
        altered = pb.Envelope.FromString(m.envelope)
        altered.urgency = pb.URGENCY_EMERGENCY
        altered.message_id = sc.uuid7()
        made = sc.Message(altered.SerializeToString(), m.facts, m.sealed, m.signature)
        assert codes(lie.forward(made, RECIPIENT)) == ["BAD_SIGNATURE"]
        made.signature = b""
        assert codes(lie.forward(made, RECIPIENT)) == ["UNSIGNED"]
        made.signature = lie.link.signer.sign([made.envelope])[0]  # signed by the liar itself
        # No key of the sender, and from below none can be newer: not even passed on.
        assert codes(lie.forward(made, RECIPIENT)) == ["BAD_SIGNATURE"]
        other = sc.Message(m.envelope, b"other facts", m.sealed, m.signature)
        assert "DIGEST_MISMATCH" in codes(lie.forward(other, RECIPIENT))


def a_middle_broker_that_takes_out_parts_is_told_on():
    with with_a_lying_middle() as c:
        lie = Middle(c)
        m = signed(c, sealed=b"sealed")
        cut = sc.Message(m.envelope, m.facts, b"", m.signature)
        assert lie.forward(cut, RECIPIENT).verdict == pb.VERDICT_ACCEPTED
        got = c.consume(RECIPIENT, 1)[0]
        s = signature_of(got)
        assert s["state"] == "VALID" and s["flags"] == ["SEALED_MISSING"], s
        m = signed(c, facts=b"facts")
        cut = sc.Message(m.envelope, b"", b"", m.signature)
        r = lie.forward(cut, RECIPIENT)  # brokers judge by facts: not even passed on
        assert "DIGEST_MISMATCH" in codes(r), r


def a_middle_broker_that_sends_elsewhere_is_told_on():
    with with_a_lying_middle() as c:
        lie = Middle(c)
        m = signed(c, to=RECIPIENT)
        assert lie.forward(m, "dsk/3303").verdict == pb.VERDICT_ACCEPTED
        s = signature_of(c.consume("dsk/3303", 1)[0])
        assert s["state"] == "VALID" and s["flags"] == ["NOT_ADDRESSED"], s


def what_a_middle_broker_sends_again_or_late_is_stopped_or_told_on():
    with with_a_lying_middle() as c:
        lie = Middle(c)
        m = signed(c)
        assert lie.forward(m, RECIPIENT).verdict == pb.VERDICT_ACCEPTED
        assert len(c.consume(RECIPIENT, 1)) == 1
        assert lie.forward(m, RECIPIENT).verdict == pb.VERDICT_DUPLICATE
        assert not c.consume(RECIPIENT, 1, timeout="2s")
        late = signed(c, created_at=sc.now_ms() - 7200000, expires_at=sc.now_ms() - 3600000)
        assert lie.forward(late, RECIPIENT).verdict == pb.VERDICT_ACCEPTED
        s = signature_of(c.consume(RECIPIENT, 1)[0])
        assert s["state"] == "VALID" and s["flags"] == ["STALE"], s
        year = sc.now_ms() - 365 * 86400000  # by now its id may be forgotten
        old = signed(c, created_at=year, expires_at=year + 86400000)
        assert codes(lie.forward(old, RECIPIENT)) == ["BAD_TIME"]


def receipt_id(message, level, recipient, leg):
    """As every broker derives it, and everybody can who knows the message (core/receipt.c)."""
    of = b"serasi receipt\0" + message + bytes([level]) + \
        recipient.encode().ljust(65, b"\0") + leg.encode().ljust(65, b"\0")
    derived = bytearray(sc.digest(of)[:16])
    derived[6] = derived[6] & 0x0F | 0x80
    derived[8] = derived[8] & 0x3F | 0x80
    return bytes(derived)


def nobody_takes_the_id_of_a_receipt_before_it_is_written():
    with two_regions() as c:
        c.client("uptd/32/pa-02", HOME)
        c.up()
        thief, sender = raw(c, "uptd/32/pa-02", HOME), raw(c, SENDER, HOME)
        m = sc.Message(sc.envelope(sc.OPAQUE, SENDER, RECIPIENT))
        taken = receipt_id(m.id, pb.RECEIPT_LEVEL_COLLECTED, RECIPIENT, FAR)
        r = thief.publish(sc.Message(sc.envelope(sc.OPAQUE, "uptd/32/pa-02", SENDER,
                                                 message_id=taken)))
        assert codes(r) == ["MALFORMED"], r
        assert sender.publish(m).verdict == pb.VERDICT_ACCEPTED
        assert len(c.consume(RECIPIENT, 1)) == 1
        told = c.consume(SENDER, 1, "--receipts")
        assert told[0]["facts"]["level"].endswith("COLLECTED"), told


def a_forged_receipt_is_told_on():
    """HOME says that RECIPIENT, who lives at FAR, collected something: the sender hears of it."""
    with Cluster([HOME, FAR]) as c:
        c.client("dsk/3301", "hub")
        c.client(RECIPIENT, FAR)
        path = c.directory()
        for node in ("hub", FAR):
            c.ctl(node, "node", "import", path)
            c.start(node)
        c.wait_link(FAR)
        lie = Middle(c)
        facts = pb.Receipt(message_id=sc.uuid7(), recipient=RECIPIENT, leg=HOME, said_at=sc.now_ms(),
                           level=pb.RECEIPT_LEVEL_COLLECTED).SerializeToString()
        m = sc.Message(sc.envelope(pb.MESSAGE_KIND_RECEIPT, HOME, "dsk/3301", facts,
                                   urgency=pb.URGENCY_PRIORITY), facts)
        m.signature = lie.link.signer.sign([m.envelope])[0]
        assert lie.forward(m, "dsk/3301").verdict == pb.VERDICT_ACCEPTED
        s = signature_of(c.consume("dsk/3301", 1, "--receipts")[0])
        assert s["state"] == "VALID" and s["flags"] == ["WRONG_BROKER"], s


def what_was_signed_with_a_revoked_key_is_refused_everywhere():
    with with_a_lying_middle() as c:
        lie = Middle(c)
        m = signed(c)
        line = json.loads(next(x for x in c.lines if f'"{SENDER}"' in x and '"curve"' in x))
        line["key"]["revoked"] = True
        path = os.path.join(c.folder, "revoked.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            f.write(json.dumps(line) + "\n")
        c.ctl("hub", "node", "import", path)
        r = lie.forward(m, RECIPIENT, accepted=sc.now_ms() - 1000)
        assert codes(r) == ["BAD_SIGNATURE"], r


# --- a home broker that lies to its own clients ------------------------------------------------------


class FalseHome(threading.Thread):
    """A broker to one client: a ROUTER with HOME's keys that answers as it must, hands out what the
    test gives it, and tells keys out of the directory of the cluster."""

    def __init__(self, c, node):
        super().__init__(daemon=True)
        public, secret = sc.read_keys(keys(c, HOME))
        self.c, self.node, self.tag, self.ended = c, node, 0, False
        self.name, self.route, self.queue, self.verdict = HOME, None, queue.Queue(), None
        self.context = zmq.Context()
        self.auth = ThreadAuthenticator(self.context)
        self.auth.start()
        self.auth.configure_curve(domain="*", location=zmq.auth.CURVE_ALLOW_ANY)
        s = self.socket = self.context.socket(zmq.ROUTER)
        s.linger, s.curve_server = 0, 1
        s.curve_publickey, s.curve_secretkey = public.encode(), secret.encode()
        s.bind(c.endpoint(HOME))
        self.start()

    def say(self, *parts, **frame):
        self.socket.send_multipart([self.route, pb.Frame(**frame).SerializeToString(), *parts])

    def records(self, nodes):
        proofs = pb.KeyProofs()
        for line in map(json.loads, self.c.lines):
            if "node" in line and line["node"]["id"] in nodes:
                n = line["node"]
                record = pb.DirectoryRecord(node=pb.NodeRecord(
                    id=n["id"], kind=pb.NodeKind.Value(n["kind"]), home=n.get("home", "")))
            elif "key" in line and line["key"]["node"] in nodes:
                k = {**line["key"]}
                for name in ("ed25519", "x25519"):
                    k[name] = base64.b64decode(k[name])
                record = pb.DirectoryRecord(key=pb.KeyRecord(**k))
            else:
                continue
            proofs.proofs.add(record=record.SerializeToString())
        return proofs.SerializeToString()

    def deliver(self, m, more):
        self.tag += 1
        values = dict(channel=1, tag=self.tag, attempt=1, recipient=self.node,
                      role=pb.RECIPIENT_ROLE_ADDRESSEE, accepted_at=sc.now_ms(),
                      signature=m.signature or b"")
        values.update(more)
        self.say(m.envelope, m.facts, m.sealed, deliver=pb.Deliver(**values))

    def answer(self, frame, parts):
        kind = frame.WhichOneof("body")
        if kind == "hello":
            self.say(welcome=pb.Welcome(
                protocol=1, broker=self.name, node=self.node, envelope_max=4096, facts_max=65536,
                sealed_max=1048576, publish_window=64, credit_messages_max=64,
                credit_bytes_max=16777216, ping_interval_ms=10000, broker_at=sc.now_ms()))
        elif kind == "subscribe":
            self.say(subscribed=pb.Subscribed(channel=frame.subscribe.channel))
            self.open = True
        elif kind == "query":
            self.say(result=pb.Result(query=frame.query.query,
                                      data=self.records(frame.query.args)))
        elif kind == "settle":
            done = [pb.TagRange(first_tag=x.first_tag, last_tag=x.last_tag or x.first_tag)
                    for x in frame.settle.settlements]
            self.say(settled=pb.Settled(channel=frame.settle.channel, done=done))
        elif kind == "publish" and self.verdict:
            self.say(published=pb.Published(results=[self.verdict(frame.publish, parts)]))
        elif kind == "ping":
            self.say(pong=pb.Pong(sent_at=frame.ping.sent_at))

    def run(self):
        self.open = False
        while not self.ended:
            if self.socket.poll(20):
                self.route, first, *parts = self.socket.recv_multipart()
                self.answer(pb.Frame.FromString(first), parts)
            elif self.open and not self.queue.empty():
                self.deliver(*self.queue.get())

    def stop(self):
        self.ended = True
        self.join()
        self.socket.close()
        self.auth.stop()
        self.context.term()


def with_key(c, node, **fields):
    """One more signing key of a node in the directory; its Signer."""
    key = json.loads(next(x for x in c.lines if f'"{node}"' in x and '"curve"' in x))
    seed = os.urandom(32)
    signer = sc.Signer(seed, sc.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw))
    key["key"].update(ed25519=base64.b64encode(signer.public).decode(), label="other", **fields)
    c.lines.append(json.dumps(key))
    return signer


def a_home_broker_that_lies_is_found_out_by_the_client():
    with Cluster([HOME]) as c:
        c.client(SENDER, HOME)
        c.client("uptd/32/pa-02", HOME)
        to = "uptd/32/pa-02"
        for s in c.reserved:  # the false broker binds its port
            s.close()
        good = signed(c, to=to, facts=b"facts", sealed=b"sealed")

        def like(envelope=None, facts=None, sealed=None, signature=None, **more):
            return (sc.Message(good.envelope if envelope is None else envelope,
                               good.facts if facts is None else facts,
                               good.sealed if sealed is None else sealed,
                               good.signature if signature is None else signature), more)
        other = signed(c, to=to)
        expired = signed(c, to=to, created_at=sc.now_ms() - 7200000,
                         expires_at=sc.now_ms() - 3600000)
        elsewhere = signed(c, to="dsk/3301")
        as_another = sc.Message(sc.envelope(sc.OPAQUE, to, to))
        as_another.signature = sc.SIGNERS[sc.read_keys(keys(c, SENDER))[0]].sign(
            [as_another.envelope])[0]
        notice = sc.Message(sc.envelope(pb.MESSAGE_KIND_NOTICE, SENDER, to))
        notice.signature = sc.SIGNERS[sc.read_keys(keys(c, SENDER))[0]].sign([notice.envelope])[0]
        gone = with_key(c, SENDER, revoked=True).sign([good.envelope])[0]
        past = with_key(c, SENDER, valid_until_at=sc.now_ms() - 60000).sign([good.envelope])[0]
        cases = [
            ("as it was sent", like(), "VALID", []),
            ("envelope of another message", like(envelope=other.envelope, facts=b"", sealed=b""),
             "BAD", []),
            ("signature of another message", like(signature=other.signature), "BAD", ["AGAIN"]),
            ("no signature", like(signature=b""), "UNSIGNED", ["AGAIN"]),
            ("no Signature at all", like(signature=b"\xff" * 40), "BAD", ["AGAIN"]),
            ("other facts", like(facts=b"other"), "BAD", ["AGAIN"]),
            ("other sealed part", like(sealed=b"other"), "BAD", ["AGAIN"]),
            ("facts taken out", like(facts=b""), "VALID", ["FACTS_MISSING", "AGAIN"]),
            ("sealed part taken out", like(sealed=b""), "VALID", ["SEALED_MISSING", "AGAIN"]),
            ("the same, and called a supervisor's copy",
             like(sealed=b"", role=pb.RECIPIENT_ROLE_SUPERVISOR), "VALID",
             ["SEALED_MISSING", "AGAIN"]),
            ("of somebody else's mailbox", (elsewhere, {}), "VALID", ["NOT_ADDRESSED"]),
            ("long after its end", (expired, {}), "VALID", ["STALE"]),
            ("said by another node than signed", (as_another, {}), "UNKNOWN_KEY", []),
            ("a notice by no broker", (notice, {}), "VALID", ["WRONG_BROKER"]),
            ("signed with a revoked key", like(signature=gone), "KEY_NOT_THEN", ["AGAIN"]),
            ("signed with a key that ran out", like(signature=past), "KEY_NOT_THEN", ["AGAIN"]),
            ("the same, and called accepted before",
             like(signature=past, accepted_at=1000), "KEY_NOT_THEN", ["AGAIN"]),
        ]
        found = []
        broker = FalseHome(c, to)
        p = subprocess.Popen([os.path.join(BIN, "serasictl"), "--dir", c.dir(to), "consume",
                              "--json", "--follow"], stdout=subprocess.PIPE, text=True)
        try:
            for _, given, _, _ in cases:  # one is settled before the next comes
                broker.queue.put(given)
                assert select.select([p.stdout], [], [], 20)[0], "nothing came"
                found.append(signature_of(json.loads(p.stdout.readline())))
        finally:
            p.terminate()
            p.wait()
            broker.stop()
        for (name, _, state, flags), s in zip(cases, found):
            assert s["state"] == state and s["flags"] == flags, (name, s)
        assert not any(s["proven"] for s in found)


def a_proof_that_does_not_hold_is_not_believed():
    with Cluster([HOME, FAR]) as c:
        c.client(SENDER, HOME)
        c.client("uptd/32/pa-02", HOME)
        for s in c.reserved:
            s.close()
        sc.read_keys(keys(c, HOME))
        sc.read_keys(keys(c, FAR))
        own = sc.SIGNERS[sc.read_keys(keys(c, HOME))[0]]
        far = sc.SIGNERS[sc.read_keys(keys(c, FAR))[0]]
        stranger = sc.SIGNERS[sc.read_keys(keys(c, "uptd/32/pa-02"))[0]]
        gone = with_key(c, HOME, revoked=True)
        other = sc.envelope(sc.OPAQUE, SENDER, "uptd/32/pa-02")
        now = sc.now_ms()

        def made(signer, envelope, at=now, label=b"serasi v1 acceptances", **names):
            return signer.sign([acceptance(envelope, at, **names)], label)[0]
        cases = [
            ("as it should be", lambda e: made(own, e), "VALID", []),
            ("of another time", lambda e: made(own, e, at=now - 1), "BAD", []),
            ("of another message", lambda e: made(own, other), "BAD", []),
            ("of another's message", lambda e: made(own, e, sender="uptd/32/pa-02"), "BAD", []),
            ("of another broker", lambda e: made(own, e, broker=FAR), "BAD", []),
            ("made for something else",
             lambda e: made(own, e, label=b"serasi v1 messages"), "BAD", []),
            ("no Signature at all", lambda e: b"\xff" * 40, "BAD", []),
            ("signed by another broker", lambda e: made(far, e), "UNKNOWN_KEY", []),
            ("signed by a stranger", lambda e: made(stranger, e), "UNKNOWN_KEY", []),
            ("with a revoked key", lambda e: made(gone, e), "KEY_NOT_THEN", []),
            ("by another broker that took its place", lambda e: made(far, e, broker=FAR), "VALID",
             ["WRONG_BROKER"]),
        ]
        broker = FalseHome(c, SENDER)
        try:
            for name, proof, state, flags in cases:
                broker.verdict = lambda f, parts, proof=proof: pb.PublishResult(
                    message_id=f.message_id, verdict=pb.VERDICT_ACCEPTED, accepted_at=now,
                    proof=proof(parts[0]))
                broker.name = FAR if flags else HOME
                o = json.loads(c.publish(SENDER, c.message(SENDER, "uptd/32/pa-02"),
                                         "--json").stdout)
                assert o["verdict"] == "ACCEPTED", (name, o)
                assert (o["proof"]["state"], o["proof"]["flags"]) == (state, flags), (name, o)
            broker.verdict = lambda f, parts: pb.PublishResult(
                message_id=f.message_id, verdict=pb.VERDICT_ACCEPTED, accepted_at=now)
            o = json.loads(c.publish(SENDER, c.message(SENDER, "uptd/32/pa-02"), "--json").stdout)
            assert o["verdict"] == "ACCEPTED" and "proof" not in o, o
        finally:
            broker.stop()


if __name__ == "__main__":
    main([a_message_and_its_receipt_are_valid_across_three_brokers,
          a_signature_outlives_a_kill_and_a_restart,
          a_thief_of_the_connection_key_cannot_publish,
          a_node_without_a_signing_key_is_refused_unless_the_configuration_allows_it,
          the_rule_for_the_unsigned_may_change_while_the_broker_runs,
          what_is_accepted_is_proven_to_who_asks_for_it_and_again_when_it_is_repeated,
          the_proof_that_serasictl_prints_can_be_shown_to_others,
          a_proof_that_does_not_hold_is_not_believed,
          a_middle_broker_cannot_alter_or_make_up_messages,
          a_middle_broker_that_takes_out_parts_is_told_on,
          a_middle_broker_that_sends_elsewhere_is_told_on,
          what_a_middle_broker_sends_again_or_late_is_stopped_or_told_on,
          nobody_takes_the_id_of_a_receipt_before_it_is_written,
          a_forged_receipt_is_told_on,
          what_was_signed_with_a_revoked_key_is_refused_everywhere,
          a_home_broker_that_lies_is_found_out_by_the_client])
