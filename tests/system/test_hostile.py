# SPDX-License-Identifier: Apache-2.0
"""Attacks on a broker over its port: before the handshake, in it, and behind it with a key that is
good. Beside each of them a publisher and a consumer must be served, the broker's memory and open
files must stay bounded, and its listener must let others in afterwards."""
import os
import random
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import serasi_client as sc  # noqa: E402
import zmq  # noqa: E402
from cluster import SANITIZED, Cluster, main, wait_for  # noqa: E402
from rawzmtp import COMMAND, Raw, frame, greeting, prop  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

HOME = "hub"
VICTIMS = ["dsk/3203", "uptd/32/pa-02"]
BAD = "lks/3203/0001"
SEED = int(os.environ.get("SERASI_SEED", 20210901))
PATIENT_S = 20.0 if SANITIZED else 3.0
FACTS = pb.CaseResponse(emergency=True).SerializeToString()


def message(sender, to, **kw):
    sealed = kw.pop("sealed", b"")
    return Message(sc.envelope(sc.OPAQUE, sender, to, FACTS, sealed, **kw), FACTS, sealed)


def hello_frame():
    return pb.Frame(hello=pb.Hello(protocol_min=1, protocol_max=1,
                                   instance_id=os.urandom(16))).SerializeToString()


class Site:
    """A hub, two nodes that are watched, and one that is bad."""

    def __init__(self, config=None, wrap=()):
        self.cluster = c = Cluster(config=config or {})
        for node in [*VICTIMS, BAD]:
            c.client(node, HOME)
        c.ctl(HOME, "node", "import", c.directory())
        c.start(HOME, wrap=wrap)
        self.port, self.pid = c.port[HOME], c.process[HOME].pid
        self.server = c.curve(HOME)
        self.keys = {n: sc.read_keys(os.path.join(c.dir(n), "keys")) for n in [*VICTIMS, BAD]}

    def client(self, node, port=None, **kw):
        return SerasiClient(f"tcp://127.0.0.1:{port or self.port}", self.server, *self.keys[node],
                            **kw)

    def raw(self, node=BAD, port=None, **kw):
        return Raw(port or self.port, (*self.keys[node], self.server), **kw)

    def bad(self, **kw):
        b = self.client(BAD, **kw)
        b.hello()
        return b

    def memory_mib(self):
        with open(f"/proc/{self.pid}/status") as f:
            return next(int(x.split()[1]) for x in f if x.startswith("VmRSS")) / 1024

    def files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def said(self, text):
        self.cluster.log.flush()
        with open(self.cluster.log.name) as f:
            return text in f.read()

    def lines(self, text):
        self.cluster.log.flush()
        with open(self.cluster.log.name) as f:
            return sum(text in line for line in f)

    def __enter__(self):
        self.cluster.__enter__()
        self.good = Good(self)
        self.before = self.memory_mib()
        return self

    def __exit__(self, *e):
        if e[0] is None:
            self.good.end()
            late = self.client(VICTIMS[0], label="late")  # the listener is not silenced
            late.hello()
            late.bye()
            print(f"   worst exchange {self.good.worst * 1000:.0f} ms of {self.good.n}; memory "
                  f"{self.before:.0f} to at most {self.good.memory:.0f} MiB; at most "
                  f"{self.good.files} files", flush=True)
            assert self.good.worst < PATIENT_S, self.good.worst
        return self.cluster.__exit__(*e)


class Good(threading.Thread):
    """Publishes to a consumer again and again, and watches the broker."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.stopped, self.trouble = site, threading.Event(), None
        self.worst, self.n, self.memory, self.files = 0.0, 0, 0, 0
        self.a, self.b = (site.client(n, context=zmq.Context()) for n in VICTIMS)
        self.a.hello()
        self.b.hello()
        self.b.subscribe(1, pb.SOURCE_MAILBOX, credit=16)
        self.start()

    def exchange(self):
        m = message(*VICTIMS)
        begin = time.monotonic()
        result = self.a.publish(m)
        assert result.verdict == pb.VERDICT_ACCEPTED, result
        d = self.b.delivery()
        assert d.id == m.id
        self.b.done(d)
        self.b.credit(1, 1)
        self.worst = max(self.worst, time.monotonic() - begin)
        self.n += 1

    def run(self):
        try:
            while not self.stopped.wait(0.02):
                self.exchange()
                self.memory = max(self.memory, self.site.memory_mib())
                self.files = max(self.files, self.site.files())
        except Exception as e:  # told by check()
            self.trouble = e

    def check(self):
        if self.trouble:
            raise AssertionError(f"the good client: {self.trouble!r}")

    def turns(self, n=5):
        end, until = time.monotonic() + 10 * PATIENT_S, self.n + n
        while self.n < until:
            self.check()
            assert time.monotonic() < end, "the good client stands still"
            time.sleep(0.01)

    def end(self):
        self.turns()
        self.stopped.set()
        self.join()
        self.check()
        self.a.bye()
        self.b.bye()


# --- before and in the handshake ---


def slow_loris_and_half_open_connections():
    config = {"limits": {"waiting-connections": 300, "connect-burst": 10000}, "socket": {"handshake": "2s", "hello": "2s"}}
    with Site(config) as s:
        slow = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(100)]
        opening = greeting()
        held = []
        for n in range(2000):
            held.append(socket.create_connection(("127.0.0.1", s.port)))
            if n % 20 == 0:  # a byte of the greeting now and then
                for x in slow:
                    try:
                        x.send(opening[n // 20 % 64:][:1])
                    except OSError:
                        pass
            if n % 200 == 199:
                s.good.turns(1)
        wait_for("those that wait longest to be cut", lambda: s.said("CONNECTIONS_CUT"))
        late = s.client(BAD)
        late.hello()
        late.bye()
        wait_for("all of them to be cut", lambda: s.files() < 60)
        s.good.turns()
        for x in held + slow:
            x.close()
        assert s.good.memory - s.before < 100
        assert s.lines("CONNECTIONS_CUT") < 10


def garbage_handshakes():
    rng = random.Random(SEED)
    whole = greeting() + frame(b"\5HELLO\1\0" + bytes(193), COMMAND)
    with Site({"limits": {"connect-burst": 10000}}) as s:
        for n in range(5000):
            x = socket.create_connection(("127.0.0.1", s.port))
            kind = n % 5
            if kind == 0:
                x.sendall(rng.randbytes(rng.randrange(1, 300)))
            elif kind == 1:
                x.sendall(whole[:rng.randrange(1, len(whole))])
            elif kind == 2:
                broken = bytearray(whole)
                broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
                x.sendall(broken)
            elif kind == 3:
                x.sendall(greeting(b"NULL") + frame(b"\5READY", COMMAND))
            x.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            x.close()
            if n % 1000 == 999:
                s.good.turns(1)
        s.good.turns()
        wait_for("the files to be closed", lambda: s.files() < 60)
        assert s.good.memory - s.before < 100


def other_mechanisms_and_versions_get_nothing():
    with Site() as s:
        for opening in [greeting(b"NULL"), greeting(b"PLAIN"), greeting(b"GSSAPI"), greeting(server=1),
                        greeting(b"CURVE", (2, 0)), greeting(b"CURVE", (1, 0)), b"\x01\x00",
                        b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]:
            x = Raw(s.port)
            x.send(opening + frame(b"\5READY" + b"\x0bSocket-Type\0\0\0\6DEALER", COMMAND) +
                   frame(b"\5HELLO\4user\6secret", COMMAND) + frame(b"hello"))
            assert x.closed(15), opening
        for node in [BAD]:  # the right mechanism and a key nobody knows
            x = Raw(s.port, (*(k.decode() for k in zmq.curve_keypair()), s.server))
            try:
                x.connect()
                raise AssertionError("a stranger was let in")
            except ConnectionError:
                pass
        x = s.raw()  # a good key that somebody else's handshake is signed with
        x.keys[1] = os.urandom(32)
        try:
            x.connect()
            raise AssertionError("a thief of a public key was let in")
        except ConnectionError:
            pass


def absurd_lengths_and_bytes_before_a_session():
    with Site() as s:
        for size in [2**63, 2**64 - 1, 2**31, 1 << 40, 1052673]:
            for flags in [2, 2 | COMMAND, 3]:
                x = Raw(s.port).greet()
                x.send(bytes([flags]) + struct.pack(">Q", size) + bytes(64))
                assert x.closed(), (size, flags)
        many = []
        for _ in range(50):  # each begins a command of a megabyte
            x = Raw(s.port).greet()
            x.send(bytes([2 | COMMAND]) + struct.pack(">Q", 1048576))
            many.append(x)
        cut = 0
        for x in many:
            try:
                for _ in range(60):
                    x.send(bytes(16384))
            except OSError:
                cut += 1
        wait_for("them to be cut", lambda: s.said("CONNECTIONS_CUT"))
        assert all(x.closed(5) for x in many)
        s.good.turns()
        assert s.good.memory - s.before < 100


def what_a_handshake_tells_is_bounded():
    """libzmq keeps it, many times as large, as long as the connection lives."""
    with Site() as s:
        before = s.memory_mib()
        for n in (4000, 400):
            for _ in range(20):
                r = s.raw()
                r.told = b"".join(prop(b"X-%d" % i, b"v") for i in range(n))
                r.connect()
                r.send_message(hello_frame())
                assert r.closed(), n
                r.close()
        wait_for("memory to be given back", lambda: s.memory_mib() < before + 8)
        assert s.said("CONNECTIONS_CUT")
        r = s.raw(BAD)
        r.told = prop(b"X-Program", b"v" * 200)
        r.connect()
        r.send_message(hello_frame())
        assert pb.Frame.FromString(r.receive()[0]).HasField("welcome")
        r.close()


def strangers_do_not_flood_the_journal():
    with Site({"limits": {"connect-burst": 10000}}) as s:
        for n in range(600):
            public, secret = (k.decode() for k in zmq.curve_keypair())
            x = Raw(s.port, (public, secret, s.server), source=f"127.0.{n // 200 + 1}.{n % 200 + 1}")
            try:
                x.connect()
                raise AssertionError("a stranger was let in")
            except ConnectionError:
                x.close()
        s.good.turns()
        lines = s.lines("KEY_REFUSED")
        assert 10 <= lines <= 101, lines


# --- with a good key ---


def endless_messages_are_cut():
    with Site() as s:
        chunk = bytes(60000)
        for greet in [True, False]:
            x = s.raw().connect()
            if greet:
                x.send_message(hello_frame())
                assert pb.Frame.FromString(x.receive()[0]).WhichOneof("body") == "welcome"
            sent = 0
            try:
                for _ in range(8000):  # 480 MB
                    x.send(x.part(chunk, more=True))
                    sent += len(chunk)
            except OSError:
                pass
            assert sent < 8000 * len(chunk), "nobody cut it"
            print(f"   cut after {sent / 1e6:.0f} MB", flush=True)
        s.good.turns()
        assert s.said("CONNECTIONS_CUT")
        assert s.good.memory - s.before < 200


def endless_messages_of_tiny_parts_are_cut():
    """Each one that comes alone holds a buffer in libzmq that is two hundred times as large, and
    some that come together still one that is fifteen times as large."""
    for together, most in [(1, 10000), (12, 9000)]:
        tiny_parts_are_cut(together, most)


def tiny_parts_are_cut(together, most):
    with Site() as s:
        x = s.raw()
        x.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        x.connect()
        x.send_message(hello_frame())
        assert pb.Frame.FromString(x.receive()[0]).WhichOneof("body") == "welcome"
        sent = 0
        try:
            for sent in range(300000):
                x.send(b"".join(x.part(b"0123456789", more=True) for _ in range(together)))
        except OSError:
            pass
        assert sent < most, sent
        print(f"   cut after {sent} times {together} parts", flush=True)
        s.good.turns()
        assert s.said("CONNECTIONS_CUT")
        assert s.good.memory - s.before < 200, s.good.memory


def claimed_identities_neither_end_the_broker_nor_steal():
    with Site() as s:
        held = []
        for identity in [b"\0\0\0\0\1", b"dsk/3203", s.keys[VICTIMS[0]][0].encode(), b"\0" * 5, b"x" * 255,
                         *(b"\0" + struct.pack(">I", n) for n in range(60)),
                         *(b"\0" + struct.pack(">I", 0x6b8b4567 + n) for n in range(60))]:
            x = s.raw(identity=identity).connect()
            x.send_message(hello_frame())
            held.append(x)
        s.good.turns()
        welcome = pb.Frame.FromString(held[1].receive()[0]).welcome
        assert welcome.node == BAD, welcome
        for x in held:
            x.close()
        assert s.cluster.process[HOME].poll() is None


def who_does_not_read_is_ended():
    with Site({"limits": {"answer-bytes": "1M", "idle-rate": 0}}) as s:
        x = s.raw(room=4096).connect()
        x.send_message(hello_frame())
        ask = pb.Frame(query=pb.Query(query=1, verb="worklist")).SerializeToString()
        ping = pb.Frame(ping=pb.Ping(sent_at=1)).SerializeToString()
        x.socket.settimeout(30)
        end = time.monotonic() + 60  # how much the kernel keeps for it differs: until it is ended
        try:
            while not s.said("does not read its answers") and time.monotonic() < end:
                x.send(b"".join(x.part(ask) + x.part(ping) for _ in range(20)))
                x.send(b"".join(x.part(ping) for _ in range(200)))
        except OSError:
            pass
        wait_for("it to be ended", lambda: s.said("does not read its answers"))
        s.good.turns()
        assert s.good.memory - s.before < 200


def served(s, timeout):
    b = s.client(BAD)
    try:
        return b.hello(timeout=timeout)
    except (sc.ProtocolError, sc.Timeout):
        return None
    finally:
        b.drop()


def not_served_for_a_while(s):
    assert not served(s, 1), "a slowed key was served"
    s.good.turns()
    wait_for("it to be served again", lambda: served(s, 2))


def garbage_frames_slow_their_key_alone():
    rng = random.Random(SEED)
    with Site({"limits": {"slow-time": "4s"}}) as s:
        b, n = None, 0
        end = time.monotonic() + 30
        while not s.said("PEER_SLOWED"):
            assert time.monotonic() < end, f"{n} frames and nobody is slowed down"
            b = b or s.client(BAD)
            b.send_raw([rng.randbytes(60)])
            n += 1
            time.sleep(0.01)
        b.drop()
        not_served_for_a_while(s)
        assert s.lines("PEER_MALFORMED") < 30


def frames_that_ask_for_nothing_slow_their_key():
    """Good frames of a good key: only their number does harm."""
    frames = {
        "PING": pb.Frame(ping=pb.Ping(sent_at=1)),
        "CREDIT": pb.Frame(credit=pb.Credit(channel=1, messages=1)),
        "SETTLE": pb.Frame(settle=pb.Settle(channel=1, settlements=[
            pb.Settlement(first_tag=1, last_tag=9, action=1)])),
    }
    for name, f in frames.items():
        with Site({"limits": {"slow-time": "4s", "idle-rate": 16}}) as s:
            x = s.raw().connect()
            x.send_message(hello_frame())
            n = 0
            try:
                while n < 20000:
                    x.send(b"".join(x.part(f.SerializeToString()) for _ in range(50)))
                    n += 50
            except OSError:
                pass
            assert n < 20000, f"{n} of {name} and nobody is slowed down"
            wait_for("the journal", lambda: s.said("ask for nothing without end"))
            not_served_for_a_while(s)


def who_goes_on_with_what_is_put_off_is_slowed():
    with Site({"limits": {"node-bytes": "2M", "slow-time": "3s"}, "link": {"ping": "30s"}}) as s:
        x = s.raw(timeout=3).connect()
        x.send_message(hello_frame())
        sealed = os.urandom(500000)

        def publish():
            m = message(BAD, BAD, sealed=sealed)
            f = pb.Frame(publish=pb.Publish(message_id=m.id)).SerializeToString()
            return x.message(f, m.envelope, m.facts, m.sealed)
        ready = [publish() for _ in range(320)]  # encrypted before: 160 MB, and none comes slowly
        try:
            for sent, one in enumerate(ready):
                x.send(one)
        except OSError:
            pass
        assert sent < len(ready) - 1, "nobody slowed it down"
        wait_for("the journal", lambda: s.said("what it was told to send later"))
        s.good.turns()
        assert s.good.memory - s.before < 300


def strangers_from_everywhere_keep_out_nobody_who_was_here():
    with Site({"limits": {"stranger-rate": 10}}) as s:
        held = []
        for n in range(300):  # a hundred may come at once
            x = socket.socket()
            x.bind((f"127.0.{n % 250 + 2}.{n // 250 + 2}", 0))
            x.setblocking(False)
            x.connect_ex(("127.0.0.1", s.port))
            held.append(x)
            if n % 20 == 19:
                time.sleep(0.05)
                late = s.client(VICTIMS[1], label="known")  # from where others have sessions
                late.hello(timeout=5)
                late.bye()
        wait_for("them to be cut", lambda: s.said("CONNECTIONS_CUT"))
        for x in held:
            x.close()


def a_crowd_that_comes_back_waits_for_its_turn_and_is_in_within_seconds():
    """Many at one time from one address, as behind a gateway, while others are served."""
    with Site({"limits": {"node-hello-rate": "0", "node-sessions": "1000"}}) as s:
        context = zmq.Context(2)
        poller, crowd = zmq.Poller(), []
        public, secret = (k.encode() if isinstance(k, str) else k for k in s.keys[BAD])
        began = time.monotonic()
        for _ in range(600):
            x = context.socket(zmq.DEALER)
            x.linger, x.curve_publickey, x.curve_secretkey, x.curve_serverkey = 0, public, secret, \
                s.server.encode() if isinstance(s.server, str) else s.server
            x.connect(f"tcp://127.0.0.1:{s.port}")
            x.send(hello_frame())
            poller.register(x, zmq.POLLIN)
            crowd.append(x)  # who leaves at once counts as several
        welcome = 0
        while welcome < 600 and time.monotonic() - began < 10 * PATIENT_S:
            for x, _ in poller.poll(100):
                got = pb.Frame.FromString(x.recv_multipart()[0])
                assert got.WhichOneof("body") == "welcome", got
                poller.unregister(x)
                welcome += 1
        print(f"   {welcome} in {time.monotonic() - began:.1f} s", flush=True)
        assert welcome == 600
        assert s.said("CONNECTIONS_WAIT") and not s.said("CONNECTIONS_CUT")
        s.good.turns()
        context.destroy(0)


def storms_of_small_things():
    """Each for a moment, as fast as Python can, from a peer that does not read."""
    def settle(n):
        return pb.Frame(settle=pb.Settle(channel=n % 20, settlements=[
            pb.Settlement(first_tag=1, last_tag=2**63, action=1)] * 50))
    storms = {
        "HELLO": lambda n: pb.Frame(hello=pb.Hello(protocol_min=1, protocol_max=1, client="x" * 64,
                                                   instance_id=os.urandom(16))),
        "CREDIT": lambda n: pb.Frame(credit=pb.Credit(channel=n % 20, messages=2**31, bytes=2**31)),
        "SETTLE": settle,
        "SUBSCRIBE": lambda n: pb.Frame(subscribe=pb.Subscribe(
            channel=n % 16 + 1, source=pb.SOURCE_NAMED, name=f"x{n}", filter=pb.Filter())),
        "UNSUBSCRIBE": lambda n: pb.Frame(unsubscribe=pb.Unsubscribe(drop_name=f"x{n}")),
        "QUERY": lambda n: pb.Frame(query=pb.Query(query=n + 1, verb="worklist", args=["x"] * 8)),
        "PING": lambda n: pb.Frame(ping=pb.Ping(sent_at=n)),
        "BYE": lambda n: pb.Frame(bye=pb.Bye(reason="x" * 200)),
    }
    with Site({"limits": {"slow-time": "0s"}}) as s:
        for name, make in storms.items():
            begin, n, again = time.monotonic(), 0, 0
            while time.monotonic() < begin + 1:
                try:
                    x = s.raw(timeout=1).connect()
                    x.send_message(hello_frame())
                    while time.monotonic() < begin + 1:
                        x.send(b"".join(x.part(make(n + i).SerializeToString())
                                        for i in range(20)))
                        n += 20
                except OSError:
                    again += 1
                x.close()
            print(f"   {name}: {n} frames, cut {again} times", flush=True)
            s.good.turns(1)
        assert s.good.memory - s.before < 200


def floods_of_one_node_are_put_off_and_others_served():
    with Site({"limits": {"node-bytes": "4M"}}) as s:
        crowd = [s.bad() for _ in range(4)]
        sealed = os.urandom(500000)
        verdicts = []
        end = time.monotonic() + 10 * PATIENT_S
        # All at once, and not one after the other because we had no time to send: so once more.
        while pb.VERDICT_LATER not in verdicts:
            assert time.monotonic() < end, f"{len(verdicts)} and nothing was put off"
            asked = 0
            for b in crowd:
                for _ in range(4):  # what a session may have on its way when it begins
                    b.send_publish(message(BAD, BAD, sealed=sealed))
                    asked += 1
            for b in crowd:
                answered = 0
                while answered < asked / len(crowd):
                    got = b.receive()
                    assert got and got[0] == "published", got
                    answered += len(got[1].results)
                    verdicts += [r.verdict for r in got[1].results]
        print(f"   {verdicts.count(pb.VERDICT_ACCEPTED)} of {len(verdicts)} accepted, "
              f"{verdicts.count(pb.VERDICT_LATER)} put off", flush=True)
        assert set(verdicts) <= {pb.VERDICT_ACCEPTED, pb.VERDICT_LATER}
        assert s.said("NODE_OVER_LIMIT")
        s.good.turns()
        for b in crowd:
            b.drop()


def refused_messages_are_slowed_down():
    with Site() as s:
        b = s.bad()
        codes = set()
        for _ in range(60):
            for _ in range(100):
                b.send_publish(message(VICTIMS[0], VICTIMS[1]))  # another node's name
            answered = 0
            while answered < 100:
                got = b.receive(timeout=5)
                assert got and got[0] == "published", got
                answered += len(got[1].results)
                codes |= {c.code for r in got[1].results for c in r.reasons}
            if "SLOW_DOWN" in codes:
                break
        assert "WRONG_SENDER" in codes and "SLOW_DOWN" in codes, codes
        s.good.turns()
        b.bye()


def quotas_of_waiting_messages():
    with Site({"limits": {"sender-queue": 40, "mailbox-queue": 60}}) as s:
        b = s.bad()
        results = [b.publish(message(BAD, BAD)) for _ in range(45)]
        assert [r.verdict for r in results[:40]] == [pb.VERDICT_ACCEPTED] * 40
        assert all(r.verdict == pb.VERDICT_LATER and r.reasons[0].code == "SENDER_FULL" and
                   r.retry_after_ms >= 1000 for r in results[40:]), results[40:]
        urgent = b.publish(message(BAD, BAD, urgency=pb.URGENCY_EMERGENCY))
        assert urgent.verdict == pb.VERDICT_ACCEPTED, urgent
        other = s.client(VICTIMS[0], label="second")
        other.hello()
        results = [other.publish(message(VICTIMS[0], BAD)) for _ in range(25)]
        assert results[0].verdict == pb.VERDICT_ACCEPTED
        assert results[-1].verdict == pb.VERDICT_LATER and \
            results[-1].reasons[0].code == "MAILBOX_FULL" and results[-1].reasons[0].field == BAD, results[-1]
        b.subscribe(1, pb.SOURCE_MAILBOX, credit=64)
        for _ in range(30):
            b.done(b.delivery())
        assert b.publish(message(BAD, BAD)).verdict == pb.VERDICT_ACCEPTED
        assert s.said("QUOTA_REACHED")
        b.bye()
        other.bye()


def a_sender_does_not_fill_the_disk_for_others():
    """By bytes, and with emergencies: others have room for theirs."""
    with Site({"limits": {"sender-bytes": "4M"}}) as s:
        b = s.bad()
        big = bytes(1 << 19)

        def fill(**how):
            n = 0
            while (r := b.publish(message(BAD, BAD, sealed=big, **how))).verdict == pb.VERDICT_ACCEPTED:
                n += 1
                assert n < 20, n
            assert r.verdict == pb.VERDICT_LATER and r.reasons[0].code == "SENDER_FULL", r
            return n

        assert fill() == 7, "seven and what is around them"
        assert fill(urgency=pb.URGENCY_EMERGENCY) == 8
        other = s.client(VICTIMS[0], label="second")
        other.hello()
        r = other.publish(message(VICTIMS[0], BAD, sealed=big, urgency=pb.URGENCY_EMERGENCY))
        assert r.verdict == pb.VERDICT_ACCEPTED, r
        b.bye()
        other.bye()


# --- what was heard before ---


class Tap:
    """Passes one connection on, and keeps what its client said."""

    def __init__(self, target):
        self.target, self.heard = target, bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.run, daemon=True)]
        self.threads[0].start()

    def run(self):
        client, _ = self.listener.accept()
        broker = socket.create_connection(("127.0.0.1", self.target))
        self.ends = (client, broker)
        down = threading.Thread(target=self.pump, args=(broker, client, bytearray()), daemon=True)
        down.start()
        self.pump(client, broker, self.heard)

    def pump(self, source, sink, keep):
        try:
            while (data := source.recv(65536)):
                keep += data
                sink.sendall(data)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *e):
        for x in [self.listener, *self.ends]:
            x.close()


def bytes_heard_before_are_worth_nothing():
    with Site() as s:
        with Tap(s.port) as tap:
            b = s.client(BAD, port=tap.port)
            b.hello()
            sent = [message(BAD, BAD) for _ in range(3)]
            for m in sent:
                assert b.publish(m).verdict == pb.VERDICT_ACCEPTED
            b.bye()
            time.sleep(0.5)
        heard = bytes(tap.heard)
        assert len(heard) > 1000
        ids = set()
        for cut_at in [len(heard), len(heard) // 2, 600]:
            x = Raw(s.port)
            x.send(heard[:cut_at])  # byte for byte
            assert x.closed(25), "the connection stayed"
        x = s.raw().connect()  # frames of the former session on a connection of its own
        x.send(heard[-700:])
        assert x.closed(), "old ciphertext was taken"
        b = s.bad()
        b.subscribe(1, pb.SOURCE_MAILBOX, credit=16)
        for _ in sent:
            d = b.delivery()
            ids.add(d.id)
            b.done(d)
            b.credit(1, 1)
        assert ids == {m.id for m in sent} and b.no_delivery(1, 1.0)
        b.bye()


def who_wants_to_speak_for_another_cannot():
    with Site() as s:
        b = s.bad()
        r = b.publish(message(VICTIMS[0], VICTIMS[1]))
        assert r.verdict == pb.VERDICT_REFUSED and "WRONG_SENDER" in [x.code for x in r.reasons]
        b.hello()  # twice: the same session anew
        b.hello()
        r = b.publish(message(BAD, BAD))
        assert r.verdict == pb.VERDICT_ACCEPTED
        b.drop()


def what_peers_say_stays_on_its_line():
    """An operator reads lists of what others said: no line in them may be theirs alone."""
    with Site() as s:
        row = "x\n01a20000-0000-7000-8000-000000000000  dsk/3203  \u202eDEAD"
        s.client(VICTIMS[0]).hello()
        b = s.bad()
        assert b.publish(message(BAD, BAD)).verdict == pb.VERDICT_ACCEPTED
        b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
        b.settle(1, b.delivery(1).tag, pb.SETTLE_ACTION_REJECT, permanent=True, reason=row)
        b.hello(client=row[:60])
        for command in (("dead", "list"), ("sessions",)):
            said = s.cluster.ctl(HOME, *command).stdout
            assert "\u202e" not in said and "x 01a20000" in said, said
            assert not any(x.startswith("01a20000") for x in said.splitlines()), said
        b.drop()


def room_for_open_files_is_there_before_they_come():
    """Or all stand still while the kernel makes room, in the middle of a crowd."""
    with Site(wrap=("prlimit", "--nofile=4096:4096")) as s:
        def slots():
            with open(f"/proc/{s.pid}/status") as f:
                return next(int(x.split()[1]) for x in f if x.startswith("FDSize"))
        before = slots()
        held = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(300)]
        wait_for("all of them", lambda: len(os.listdir(f"/proc/{s.pid}/fd")) > 300)
        assert slots() == before == 4096, (before, slots())
        for x in held:
            x.close()


def few_open_files():
    with Site({"socket": {"handshake": "2s", "hello": "2s"}}, wrap=("prlimit", "--nofile=64:64")) as s:
        held = []
        for n in range(150):
            try:
                held.append(socket.create_connection(("127.0.0.1", s.port), 1))
            except OSError:
                break
            if n % 50 == 49:
                s.good.turns(1)
        wait_for("them to be cut", lambda: s.said("CONNECTIONS_CUT"))
        for x in held:
            x.close()
        s.good.turns()


if __name__ == "__main__":
    main([slow_loris_and_half_open_connections, garbage_handshakes,
          other_mechanisms_and_versions_get_nothing, absurd_lengths_and_bytes_before_a_session,
          what_a_handshake_tells_is_bounded,
          strangers_do_not_flood_the_journal, endless_messages_are_cut,
          endless_messages_of_tiny_parts_are_cut,
          claimed_identities_neither_end_the_broker_nor_steal, who_does_not_read_is_ended,
          garbage_frames_slow_their_key_alone, frames_that_ask_for_nothing_slow_their_key,
          who_goes_on_with_what_is_put_off_is_slowed,
          strangers_from_everywhere_keep_out_nobody_who_was_here,
          a_crowd_that_comes_back_waits_for_its_turn_and_is_in_within_seconds, storms_of_small_things,
          floods_of_one_node_are_put_off_and_others_served, refused_messages_are_slowed_down,
          quotas_of_waiting_messages, a_sender_does_not_fill_the_disk_for_others,
          bytes_heard_before_are_worth_nothing,
          who_wants_to_speak_for_another_cannot, what_peers_say_stays_on_its_line,
          room_for_open_files_is_there_before_they_come, few_open_files])
