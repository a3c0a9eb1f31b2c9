# SPDX-License-Identifier: Apache-2.0
"""Keys of nodes as they come, change and end: enrolment with a token, rotation under load."""
import datetime
import json
import os
import random
import re
import resource
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import zmq  # noqa: E402
import serasi_client as sc  # noqa: E402
from cluster import BIN, PATIENCE, SANITIZED, Cluster, main, reserve_port, wait_for  # noqa: E402
from load import Load  # noqa: E402
from preload import Under  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

HOME, AWAY = "upt/phala-martha", "upt/satria"
NODE, LKS = "dsk/3203", "lks/3203/0001"
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))


class Tree(Cluster):
    """A hub that signs the directory, and brokers below it that believe nobody else."""

    def __init__(self, regionals=(HOME, AWAY), config=None):
        super().__init__(list(regionals), config=config)
        for node in self.regionals:
            self.believe_hub(node)

    def believe_hub(self, node):
        hub = json.loads(self.key("hub"))["key"]["ed25519"]
        folder = os.path.join(self.dir(node), "serasid.conf.d")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "hub.conf"), "w") as f:
            f.write(f"[directory]\nhub-key = {hub}\n")

    def add_regional(self, node, parent):
        """A broker below another one than the hub."""
        self._broker(node, parent)
        self.regionals.append(node)
        self.believe_hub(node)

    def add_node(self, node, home, **more):
        """Its record alone: it has no keys yet."""
        self._node(node, home, parent=home, **more)

    def up(self):
        """The hub first: who it does not know yet is let in at the next dial, ten seconds later."""
        self.start("hub")
        self.ctl("hub", "node", "import", self.directory())
        for node in self.regionals:
            self.start(node)
        for node in self.regionals:
            self.wait_link(node)
            wait_for(f"{node} to have the directory",
                     lambda n=node: len(self.rows(n, "node", "list")) > 2)

    def ledger(self, node, kind):
        return self.rows(node, "ledger", "show", "--kind", kind, "-n", "100")

    def journal(self):
        self.log.flush()
        with open(self.log.name) as f:
            return f.read()


def token(c, broker, node, *more, check=True):
    return c.ctl(broker, "enrol", "token", node, *more, check=check).stdout.strip()


def join(c, line, folder, *more, check=True):
    return c.run("serasictl", "enrol", "--token", "-", os.path.join(c.folder, folder), *more,
                 check=check, input=line + "\n")


def fingerprint(text):
    return re.search(r"((?:[0-9a-f]{4} ){7}[0-9a-f]{4})", text).group(1)


def refused(p, *words):
    assert p.returncode != 0, p
    for w in words:
        assert w in p.stdout + p.stderr, (w, p)
    return p


# --- from nothing to a message --------------------------------------------------------------------


def from_a_token_to_a_published_message():
    with Tree() as c:
        c.client(NODE, HOME)
        c.add_node(LKS, HOME)
        c.up()
        line = token(c, HOME, LKS)
        assert re.fullmatch(r"serasi1_[A-Za-z0-9_-]+", line), line
        folder = os.path.join(c.folder, "lks")
        p = subprocess.Popen([os.path.join(BIN, "serasictl"), "enrol", "--token", line, folder],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        row = wait_for("the keys to be handed in", lambda: [
            r for r in c.rows(HOME, "enrol", "list") if r["state"] == "WAITING"])[0]
        assert row["node"] == LKS and row["from"].startswith("127.0.0.1:"), row
        assert p.poll() is None
        c.ctl(HOME, "enrol", "approve", str(row["id"]))
        out, err = p.communicate(timeout=PATIENCE)
        assert p.returncode == 0, (out, err)
        assert fingerprint(out) == row["fingerprint"], (out, row)
        # Nothing secret went out, and what was for once is gone.
        assert sorted(os.listdir(folder)) == ["keys", "serasid.conf"], os.listdir(folder)
        assert os.stat(os.path.join(folder, "keys")).st_mode & 0o777 == 0o600
        with open(os.path.join(folder, "serasid.conf")) as f:
            text = f.read()
        assert f"endpoint = {c.endpoint(HOME)}" in text and "hub-key = " in text, text
        # It is in the signed directory, everywhere.
        for broker in ["hub", HOME, AWAY]:
            wait_for(f"the key at {broker}", lambda b=broker: [
                r for r in c.rows(b, "key", "list", LKS) if r["fingerprint"] == row["fingerprint"]])
        # And works.
        c.run("serasictl", "--dir", folder, "publish", "-", "--wait", "accepted",
              input=json.dumps(c.message(LKS, NODE)))
        got = c.consume(NODE, 1)
        assert got[0]["envelope"]["sender"] == LKS, got
        secrets = [one_time(line)[1], sc.read_keys(os.path.join(folder, "keys"))[1]]
        for node in ["hub", HOME]:
            for path, _, names in os.walk(c.dir(node)):
                for name in names:
                    if stat.S_ISREG(os.stat(os.path.join(path, name)).st_mode):
                        with open(os.path.join(path, name), "rb") as f:
                            raw = f.read()
                        assert not any(x.encode() in raw for x in secrets), name
        notes = [e["note"] for e in c.ledger(HOME, "KEY")]
        for word in ["TOKEN by", "HANDED IN by 127.0.0.1", "APPROVED by", "ADD ASKED"]:
            assert any(n.startswith(word) for n in notes), (word, notes)
        journal = c.journal()
        for event in ["ENROL_TOKEN", "ENROL_WAITING", "ENROL_DECIDED", "KEY_CHANGED"]:
            assert event in journal, event


def a_token_is_good_for_one_use():
    with Tree([HOME]) as c:
        c.add_node(LKS, HOME)
        c.up()
        line = token(c, HOME, LKS)
        join(c, line, "first", "--no-wait")
        # The same folder again: the answer may have been lost.
        join(c, line, "first", "--no-wait")
        # Whoever else has it.
        p = refused(join(c, line, "second", "--no-wait", check=False), "USED", "at once")
        assert p.returncode == 1
        denied = c.ledger(HOME, "DENIED")
        assert any(e["node"] == LKS and "USED" in e["note"] for e in denied), denied
        assert "ENROL_REFUSED" in c.journal()
        row = c.rows(HOME, "enrol", "list")[0]
        c.ctl(HOME, "enrol", "approve", str(row["id"]))
        refused(c.ctl(HOME, "enrol", "approve", str(row["id"]), check=False), "APPROVED")
        refused(join(c, line, "third", "--no-wait", check=False), "USED")
        # The first one goes on where it stopped.
        p = c.run("serasictl", "enrol", os.path.join(c.folder, "first"))
        assert "is connected" in p.stderr, p
        # Refused by an operator.
        line = token(c, HOME, LKS, "--label", "other")
        join(c, line, "fourth", "--no-wait")
        row = [r for r in c.rows(HOME, "enrol", "list") if r["state"] == "WAITING"][0]
        c.ctl(HOME, "enrol", "refuse", str(row["id"]))
        p = c.run("serasictl", "enrol", os.path.join(c.folder, "fourth"), check=False)
        refused(p, "refused these keys")


def a_token_has_its_time_and_no_other():
    with Tree() as c:
        c.add_node(LKS, HOME)
        c.up()
        c.stop(HOME)
        under = Under(c, HOME)
        under.start(wait=True)
        # The largest that is 1 hour and a bit when it is multiplied in 64 bits among them.
        for hours in ["0", "-1", "169", "x", "1h", "2562047788016", "9223372036854775807",
                      "5124095576030432", "99999999999999999999"]:
            refused(c.ctl(HOME, "enrol", "token", LKS, f"--hours={hours}", check=False),
                    "1 to 168 hours")
        assert not c.rows(HOME, "enrol", "list")
        line = token(c, HOME, LKS, "--hours", "1")
        for minutes, state in [(59, "OPEN"), (61, "EXPIRED")]:
            under.orders.clock_offset_ms = minutes * 60000
            assert c.rows(HOME, "enrol", "list")[0]["state"] == state, minutes
        refused(join(c, line, "late", check=False), "EXPIRED")
        assert [e for e in c.ledger(HOME, "DENIED") if "EXPIRED" in e["note"]]
        assert not c.rows(HOME, "key", "list", LKS)


def an_enrolment_that_is_interrupted_goes_on_with_the_same_command():
    with Tree([HOME]) as c:
        c.add_node(LKS, HOME)
        c.up()
        for size in [0, 100, 300, 420, 440, 460]:  # within the token, the keys, the configuration
            for killed in [False, True]:
                line = token(c, HOME, LKS, "--label", f"k{size}{killed}")
                folder = os.path.join(c.folder, f"f{size}{killed}")
                p = subprocess.run([os.path.join(BIN, "serasictl"), "enrol", "--token", line, folder, "--no-wait"],
                                   text=True, capture_output=True, timeout=PATIENCE, restore_signals=killed,
                                   preexec_fn=lambda n=size: resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)))
                assert p.returncode != 0 or size > 400, p
                p = c.run("serasictl", "enrol", "--token", line, folder, "--no-wait")
                assert fingerprint(p.stdout) in str(c.rows(HOME, "enrol", "list")), p


def a_token_lets_in_for_nothing_else():
    with Tree([HOME]) as c:
        c.client(NODE, HOME)
        c.add_node(LKS, HOME)
        c.up()
        line = token(c, HOME, LKS)
        public, secret = one_time(line)
        s = SerasiClient(c.endpoint(HOME), c.curve(HOME), public, secret)
        welcome = s.hello()
        assert welcome.node.startswith("enrolment/"), welcome
        for sender in [LKS, welcome.node]:
            facts = pb.CaseResponse(emergency=True).SerializeToString()
            m = Message(sc.envelope(sc.OPAQUE, sender, NODE, facts), facts)
            r = s.publish(m)
            assert r.verdict == pb.VERDICT_REFUSED, r
        for source in [pb.SOURCE_MAILBOX, pb.SOURCE_RECEIPTS, pb.SOURCE_LINK]:
            s.send(subscribe=pb.Subscribe(channel=1, source=source, credit_messages=9))
            assert s.expect("error")[0].code == pb.ERROR_CODE_NOT_ALLOWED
        for verb in ["status", "node-list", "outcome", "directory-keys", "key-request", "key-list",
                     "enrol-list", "enrol-approve", "node-import", "worklist"]:
            assert ask(s, verb, "1").text.startswith("NOT_ALLOWED"), verb
        # Keys of another node, and keys that nobody proves to have.
        other = key_request(NODE, "main")
        assert "OTHER_NODE" in ask(s, "enrol-hand-in", input=other).text
        unproven = key_request(LKS, "main", proof=os.urandom(64))
        assert "UNPROVEN" in ask(s, "enrol-hand-in", input=unproven).text
        assert "KeyRequest" in ask(s, "enrol-hand-in", input=b"\xff" * 40).text
        assert [e for e in c.ledger(HOME, "DENIED") if e["node"] == LKS]
        assert ask(s, "enrol-state").rows[0].values[0] == "OPEN"
        s.bye()


def one_time(line):
    """The pair in a token, taken apart as PROTOCOL.md says."""
    import base64
    text = line.split("_", 1)[1]
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:-4]
    at, texts = 0, []
    for i in range(3):
        n, at = varint(raw, at)
        texts.append(raw[at:at + n].decode())
        at += n
    return zmq.curve_public(texts[2].encode()).decode(), texts[2]


def new_signer():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    seed = os.urandom(32)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return sc.Signer(seed, public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign(signer, label, demand):
    """PROTOCOL.md 6.3: 64 spaces, the label, a zero byte, the digest of what is asked for."""
    return signer.key.sign(b" " * 64 + b"serasi v1 " + label.encode() + b"\0" + sc.digest(demand))


def ask(s, verb, *args, input=b""):
    number = random.randrange(1 << 31)
    s.send(query=pb.Query(query=number, verb=verb, args=args, input=input))
    return s.expect("result", lambda r, parts: r.query == number)[0]


def varint(raw, at):
    value = shift = 0
    while True:
        b = raw[at]
        at += 1
        value |= (b & 0x7F) << shift
        shift += 7
        if b < 0x80:
            return value, at


def key_request(node, label, keys=None, act=None, proof=None, by=None, until=0, asked=None,
                curve=None):
    """An encoded KeyRequest. keys: (curve public, Signer) of the new key, fresh unless given; by:
    (node, Signer) who asks."""
    fresh = keys or (zmq.curve_keypair()[0].decode(), new_signer())
    record = pb.DirectoryRecord(key=pb.KeyRecord(node=node, label=label, curve=curve or fresh[0],
                                                 ed25519=fresh[1].public, valid_until_at=until))
    demand = pb.KeyDemand(act=act or pb.KEY_ACT_ADD, record=record.SerializeToString(),
                          asked_at=asked or sc.now_ms()).SerializeToString()
    r = pb.KeyRequest(demand=demand)
    r.proof = proof if proof is not None else sign(fresh[1], "key proof", demand)
    if by:
        r.by_node = by[0]
        r.by_key = by[1].id
        r.ed25519 = sign(by[1], "key request", demand)
    return r.SerializeToString()



# --- rotation ---------------------------------------------------------------------------------------


def open_with(c, keys, broker=HOME):
    s = SerasiClient(c.endpoint(broker), c.curve(broker), *keys)
    s.hello()
    return s


def not_let_in(c, keys, broker=HOME):
    s = SerasiClient(c.endpoint(broker), c.curve(broker), *keys)
    try:
        s.hello(timeout=1.5)
    except (sc.Timeout, sc.ProtocolError):
        return
    raise AssertionError("a key that ended was let in")


def keys_of(c, node, suffix=""):
    return sc.read_keys(os.path.join(c.dir(node), "keys" + suffix))


def ended_within(s, seconds, begin):
    e = s.expect("error", lambda e, parts: e.fatal, timeout=seconds + 5)[0]
    took = time.monotonic() - begin
    assert e.code == pb.ERROR_CODE_NOT_KNOWN and took < seconds, (e, took)


def a_key_is_changed_and_both_work_meanwhile():
    with Tree([HOME]) as c:
        c.client(NODE, HOME)
        c.client(LKS, HOME)
        c.up()
        old = keys_of(c, NODE)
        row = c.rows(NODE, "key", "rotate")[0]
        new = keys_of(c, NODE)
        assert row["curve"] == new[0] != old[0]
        assert keys_of(c, NODE, ".old") == old
        assert not os.path.exists(os.path.join(c.dir(NODE), "keys.next"))
        # What was sealed to the old pair still opens: it is in the new file.
        with open(os.path.join(c.dir(NODE), "keys")) as f:
            assert "old-x25519" in f.read()

        def listed():
            rows = c.rows(NODE, "key", "list")
            return rows if any(r["valid_until"] for r in rows) else None
        keys = {r["curve"]: r for r in wait_for("the end of the old key", listed)}
        assert {keys[k[0]]["state"] for k in (old, new)} == {"valid"} and len(keys) == 2, keys
        assert {r["label"] for r in keys.values()} == {"main"}
        both = [open_with(c, k) for k in (old, new)]
        for s in both:
            facts = pb.CaseResponse(emergency=True).SerializeToString()
            r = s.publish(Message(sc.envelope(sc.OPAQUE, NODE, LKS, facts), facts))
            assert r.verdict == pb.VERDICT_ACCEPTED, r
        assert len(c.consume(LKS, 2)) == 2
        begin = time.monotonic()
        done = threading.Event()
        t = threading.Thread(target=lambda: (c.ctl(NODE, "key", "retire"), done.set()))
        t.start()
        ended_within(both[0], 5 * (4 if SANITIZED else 1), begin)
        t.join(PATIENCE)
        assert done.is_set()
        not_let_in(c, old)
        both[1].ping()
        assert not os.path.exists(os.path.join(c.dir(NODE), "keys.old"))
        notes = [e["note"] for e in c.ledger(HOME, "KEY") if e["node"] == NODE]
        for word in ["ADD ASKED", "ADDED", "END ASKED", "CHANGED"]:
            assert word in notes, (word, notes)
        # Once more, and at once; the hub's own key too may not be touched by others.
        c.ctl(NODE, "key", "rotate", "--retire-now")
        not_let_in(c, new)
        open_with(c, keys_of(c, NODE)).bye()


def an_end_bites_within_a_second():
    with Tree([HOME]) as c:
        c.client(NODE, HOME)
        c.up()
        old = keys_of(c, NODE)
        s = open_with(c, old)
        c.ctl(NODE, "key", "rotate", "--overlap", "4s")
        until = wait_for("the end of the old key", lambda: [
            r["valid_until"] for r in c.rows(NODE, "key", "list")
            if r["curve"] == old[0] and r["valid_until"]])[0]
        until = datetime.datetime.fromisoformat(until).timestamp()
        end = time.monotonic() + until - time.time()
        ended_within(s, 1.0 if not SANITIZED else 5.0, max(end, time.monotonic()))
        assert time.monotonic() >= end - 1.0
        not_let_in(c, old)


def renew(load, node, keys):
    """Its programs go on with these keys; returns when each has a session with them."""
    peers = [p for p in load.peers if p.node == node]
    for p in peers:
        p.keys = keys
    wait_for("sessions with the new key", lambda: all(p.used == keys and p.client for p in peers))


def keys_change_under_load_and_nothing_is_lost():
    print(f"seed {SEED}", flush=True)
    with Tree() as c:
        nodes = {NODE: HOME, LKS: HOME, "dsk/3302": AWAY}
        for node, home in nodes.items():
            c.client(node, home)
        c.up()
        load = Load(c, nodes, random.Random(SEED)).start()
        load.flows()
        for _ in range(2):
            for node in nodes:
                c.ctl(node, "key", "rotate")
                load.flows()  # with the old one
                renew(load, node, keys_of(c, node))
                load.flows()
                c.ctl(node, "key", "retire")
                load.flows()
        load.end()
        print(load.words(), flush=True)
        load.judge()


def without_a_signed_directory_the_home_broker_decides():
    with Cluster([HOME]) as c:
        c.client(NODE, HOME)
        c._node(LKS, HOME)
        c.up()
        old = keys_of(c, NODE)
        c.ctl(NODE, "key", "rotate", "--retire-now")
        not_let_in(c, old)
        open_with(c, keys_of(c, NODE)).bye()
        line = token(c, HOME, LKS)
        join(c, line, "lks", "--no-wait")
        c.ctl(HOME, "enrol", "approve", str(c.rows(HOME, "enrol", "list")[0]["id"]))
        c.run("serasictl", "enrol", os.path.join(c.folder, "lks"))


# --- what must not be granted -----------------------------------------------------------------------


def signer_of(c, node):
    return sc.SIGNERS[keys_of(c, node)[0]]


def only_who_may_gets_a_key():
    with Tree() as c:
        c.client(NODE, HOME)
        c.client(LKS, HOME)
        c.up()
        s = open_with(c, keys_of(c, NODE))
        mine, other = signer_of(c, NODE), signer_of(c, LKS)

        def says(word, **kw):
            r = ask(s, "key-request", input=key_request(**kw))
            assert r.code == 1 and word in r.text, (word, r)

        says("NOT_ALLOWED", node=LKS, label="main", by=(LKS, other))
        says("NOT_ALLOWED", node=NODE, label="main", by=(LKS, other))
        says("NOT_ALLOWED", node=LKS, label="main", by=(NODE, mine))
        says("STRANGER", node=NODE, label="second", by=(NODE, mine))
        says("FORGED", node=NODE, label="main", by=(NODE, new_signer()))
        says("UNPROVEN", node=NODE, label="main", by=(NODE, mine), proof=b"\1" * 64)
        says("STALE", node=NODE, label="main", by=(NODE, mine), asked=sc.now_ms() - 40 * 86400000)
        says("STALE", node=NODE, label="main", by=(NODE, mine), asked=sc.now_ms() + 2 * 86400000)
        says("TAKEN", node=NODE, label="main", by=(NODE, mine), curve=keys_of(c, LKS)[0])
        says("UNFIT", node=NODE, label="main", by=(NODE, mine), act=pb.KEY_ACT_END,
             curve=keys_of(c, LKS)[0], until=sc.now_ms())
        # Its own end is nobody's to ask for but a younger key's.
        says("NOT_OLDER", node=NODE, label="main", by=(NODE, mine), act=pb.KEY_ACT_END,
             curve=keys_of(c, NODE)[0], until=sc.now_ms())
        for raw in [b"", b"\xff", b"\x0a\x00", os.urandom(900)]:
            r = ask(s, "key-request", input=raw)
            assert r.code == 2, r
        assert [e for e in c.ledger(HOME, "DENIED") if "FORGED" in e["note"]]
        assert "KEY_NOT_GRANTED" in c.journal()
        # Who stole the old key cannot end the new one.
        stolen = keys_of(c, NODE)
        c.ctl(NODE, "key", "rotate")
        s = open_with(c, stolen)
        says("NOT_OLDER", node=NODE, label="main", by=(NODE, mine), act=pb.KEY_ACT_END,
             curve=keys_of(c, NODE)[0], until=sc.now_ms())
        # Nor get one that outlives it.
        pair = tuple(x.decode() for x in zmq.curve_keypair())
        fresh = new_signer()
        r = ask(s, "key-request", input=key_request(NODE, "main", keys=(pair[0], fresh),
                                                    by=(NODE, mine)))
        assert r.code == 0, r
        row = wait_for("the stolen key's child", lambda: [
            x for x in c.rows(HOME, "key", "list", NODE) if x["curve"] == pair[0]])[0]
        assert row["valid_until"], row


def what_the_hub_refuses_comes_back_with_its_reason():
    """The home broker grants it by what it knows; the hub has more keys of that node by now."""
    with Tree() as c:
        c.client(NODE, HOME)
        c.up()
        before = keys_of(c, NODE)
        c.stop("hub")
        path = os.path.join(c.folder, "eight.jsonl")
        with open(path, "w") as f:
            for _ in range(8):
                curve = zmq.curve_keypair()[0].decode()
                print(json.dumps({"key": {"node": NODE, "label": "main", "curve": curve}}), file=f)
        c.ctl("hub", "node", "import", path)
        p = subprocess.Popen([os.path.join(BIN, "serasictl"), "--dir", c.dir(NODE), "key",
                              "rotate", "--timeout", "60s"], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for("the request on its way", lambda: c.rows(HOME, "queues"))
        c.start("hub")
        out, err = p.communicate(timeout=50)
        assert p.returncode == 1 and "CROWDED" in err, (p.returncode, out, err)
        assert keys_of(c, NODE) == before
        assert [e for e in c.ledger(HOME, "DENIED") if "CROWDED" in e["note"]]
        # Another node learns nothing of it, and what is no request is none.
        s = open_with(c, keys_of(c, NODE))
        for word in ["", "nonsense", "00000000-0000-7000-8000-000000000000"]:
            assert ask(s, "key-asked", word).code > 0
        assert c.journal().count("KEY_NOT_GRANTED") >= 2, c.journal()


def what_a_broker_approves_for_others_is_refused_at_the_hub():
    """A broker that was taken over: it has its own keys, and sends the hub what it likes."""
    with Tree() as c:
        c.client(LKS, HOME)
        c.up()
        c.stop(AWAY)
        s = open_with(c, keys_of(c, AWAY), "hub")
        mine = signer_of(c, AWAY)
        before = c.rows("hub", "key", "list", LKS)

        def send(request):
            m = Message(sc.envelope(95, AWAY, "hub", request, urgency=pb.URGENCY_PRIORITY,
                                    schema=1), request)
            s.send(m.envelope, m.facts, publish=pb.Publish(
                message_id=m.id, signature=mine.sign([m.envelope])[0],
                forward=pb.Forward(accepted_at=sc.now_ms(), expires_at=sc.now_ms() + 3600000,
                                   recipients=[pb.Recipient(node="hub", role=1)],
                                   stamps=[pb.HopStamp(broker=AWAY, stored_at=sc.now_ms())])))
            return s.result_of(m.id)

        for request, word in [
                (key_request(LKS, "main", by=(AWAY, mine)), "STRANGER"),
                (key_request(LKS, "main", by=(HOME, mine)), "FORGED"),
                (key_request(LKS, "main", by=("hub", mine)), "FORGED"),
                (key_request(HOME, "main", by=(AWAY, mine)), "STRANGER"),
                (key_request("hub", "main", by=(AWAY, mine)), "STRANGER"),
                (key_request(LKS, "main"), "FORGED"),
                (os.urandom(40), "")]:
            r = send(request)
            if word == "":
                continue  # unreadable facts: refused before anybody looks what they ask for
            assert r.verdict == pb.VERDICT_ACCEPTED, r
            wait_for(f"{word} in the ledger", lambda w=word: [
                e for e in c.ledger("hub", "DENIED") if w in e["note"]])
        assert c.rows("hub", "key", "list", LKS) == before
        assert "KEY_NOT_GRANTED" in c.journal()



# --- the key of a server ----------------------------------------------------------------------------


def configure(c, node, **listen):
    """[listen] of a broker from now on; without arguments what init wrote."""
    path = os.path.join(c.dir(node), "serasid.conf.d", "listen.conf")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("[listen]\n" + "".join(f"{k.replace('_', '-')} = {v}\n" for k, v in listen.items()))


def restart(c, node):
    c.stop(node)
    c.start(node)


def the_key_of_a_server_changes_under_load():
    print(f"seed {SEED}", flush=True)
    quick = {"socket": {"connect": "500ms", "handshake": "2s"},
             "link": {"reconnect-first": "100ms", "reconnect-cap": "500ms"}}
    with Tree(config=quick) as c:
        nodes = {NODE: HOME, LKS: HOME, "dsk/3302": AWAY}
        for node, home in nodes.items():
            c.client(node, home)
            pin(c, node)
        c.up()
        load = Load(c, nodes, random.Random(SEED)).start()
        load.flows()
        for broker, clients, children in [(HOME, [NODE, LKS], []), ("hub", [], [HOME, AWAY])]:
            change_server_key(c, load, broker, clients, children)
        load.end()
        print(load.words(), flush=True)
        load.judge()


def pin(c, node):
    """A client that believes the hub alone."""
    hub = json.loads(c.key("hub"))["key"]["ed25519"]
    with open(os.path.join(c.dir(node), "serasid.conf"), "a") as f:
        f.write(f"hub-key = {hub}\n")


def heard_of(c, node, server):
    """The answer to a short question may come before the proof of the directory does: then it is
    for the next session to find out."""
    c.ctl(node, "status")
    path = os.path.join(c.dir(node), "servers")
    if not os.path.exists(path):
        return False
    with open(path) as f:
        return server in f.read()


def change_server_key(c, load, broker, clients, children):
    old = c.curve(broker)
    port = reserve_port()
    c.reserved.append(port)
    next_endpoint = f"tcp://127.0.0.1:{port.getsockname()[1]}"
    row = c.rows(broker, "key", "rotate")[0]
    assert row["curve"] != old
    # Both endpoints, each with its own key.
    configure(c, broker, next_endpoint=next_endpoint, next_key_file="keys.next")
    restart(c, broker)
    for endpoint, key in [(c.endpoint(broker), old), (next_endpoint, row["curve"])]:
        node = (clients or [NODE])[0]
        s = SerasiClient(endpoint, key, *(keys_of(c, node) if clients else keys_of(c, HOME)))
        try:
            servers = s.hello().servers
            assert [(x.endpoint, x.key) for x in servers] == [(next_endpoint, row["curve"])]
        finally:
            s.drop()
    load.flows()
    for node in clients:  # they hear of it, and the directory proves it
        wait_for(f"{node} to know", lambda n=node: heard_of(c, n, f"{next_endpoint} {row['curve']}"))
    for node in children:
        c.wait_link(node)
        wait_for("the child to know", lambda n=node: os.path.exists(
            os.path.join(c.dir(n), "data", "parent-servers")))
    # The old endpoint goes.
    c.ctl(broker, "key", "switch")
    assert c.curve(broker) == row["curve"]
    with open(os.path.join(c.dir(broker), "serasid.conf")) as f:
        text = f.read()
    with open(os.path.join(c.dir(broker), "serasid.conf"), "w") as f:
        f.write(text.replace(c.endpoint(broker), next_endpoint))
    configure(c, broker)
    c.stop(broker)
    c.port[broker] = port.getsockname()[1]
    # The peers of the load are not libserasi: the test tells them.
    load.route = lambda n: (c.endpoint(load.nodes[n]), c.curve(load.nodes[n]), load.nodes[n])
    c.start(broker)
    for node in clients:  # as serasictl, with the endpoint that its configuration names gone
        p = c.ctl(node, "status")
        assert next_endpoint in p.stdout and f"key = {row['curve']}" in p.stderr, p
    for node in children:
        c.wait_link(node)
        assert "Write into [parent]" in c.journal()
        restart(c, node)  # and a restart finds it
        c.wait_link(node)
    load.flows()
    c.ctl(broker, "key", "retire")
    keys = {r["curve"]: r["state"] for r in c.rows(broker, "key", "list")}
    assert keys == {old: "ended", row["curve"]: "valid"}, keys
    load.flows()


if __name__ == "__main__":
    main([from_a_token_to_a_published_message, a_token_is_good_for_one_use,
          an_enrolment_that_is_interrupted_goes_on_with_the_same_command,
          a_token_lets_in_for_nothing_else, a_token_has_its_time_and_no_other, a_key_is_changed_and_both_work_meanwhile,
          an_end_bites_within_a_second, keys_change_under_load_and_nothing_is_lost,
          without_a_signed_directory_the_home_broker_decides,
          only_who_may_gets_a_key, what_the_hub_refuses_comes_back_with_its_reason, what_a_broker_approves_for_others_is_refused_at_the_hub,
          the_key_of_a_server_changes_under_load])
