# SPDX-License-Identifier: Apache-2.0
"""Peers that talk nonsense: the broker ends them and keeps serving the others."""
import os
import random
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import zmq  # noqa: E402
import serasi_client as sc  # noqa: E402
from cluster import Cluster, main, wait_for  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

HOME = "upt/phala-martha"
SEED = int(os.environ.get("SERASI_SEED", 20210901))


def tree():
    c = Cluster([HOME], config={"limits": {"slow-time": "0s"}})  # or only the first frames are read
    for node in ["dsk/3203", "uptd/32/pa-02", "lks/3203/0001"]:
        c.client(node, HOME)
    c.up()
    return c


def connect(c, node, **kw):
    return SerasiClient(c.endpoint(HOME), c.curve(HOME),
                        *sc.read_keys(os.path.join(c.dir(node), "keys")), **kw)


def message(sender="dsk/3203", to="uptd/32/pa-02", **kw):
    facts = pb.CaseResponse(emergency=True).SerializeToString()
    return Message(sc.envelope(sc.OPAQUE, sender, to, facts, **kw), facts)


class Good:
    """A publisher and a consumer that must not notice anything."""

    def __init__(self, c):
        self.a, self.b = connect(c, "dsk/3203"), connect(c, "uptd/32/pa-02")
        self.a.hello()
        self.b.hello()
        self.b.subscribe(1, pb.SOURCE_MAILBOX, credit=16)
        self.took = []

    def exchange(self):
        m = message()
        begin = time.monotonic()
        assert self.a.publish(m).verdict == pb.VERDICT_ACCEPTED
        d = self.b.delivery()
        assert d.id == m.id
        self.b.done(d)
        self.b.credit(1, 1)
        self.took.append(time.monotonic() - begin)

    def close(self):
        self.a.bye()
        self.b.bye()
        print(f"   worst exchange beside it: {max(self.took) * 1000:.0f} ms", flush=True)


def memory_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS"):
                return int(line.split()[1])


def random_frames_and_mutated_frames():
    rng = random.Random(SEED)
    with tree() as c:
        good = Good(c)
        samples = [pb.Frame(hello=pb.Hello(protocol_min=1, protocol_max=1, client="x",
                                           instance_id=os.urandom(16))).SerializeToString(),
                   pb.Frame(subscribe=pb.Subscribe(channel=1, source=1, credit_messages=9)
                            ).SerializeToString(),
                   pb.Frame(settle=pb.Settle(channel=1, settlements=[
                       pb.Settlement(first_tag=1, last_tag=2**63, action=1)])).SerializeToString(),
                   pb.Frame(query=pb.Query(query=1, verb="outcome", args=["x"])).SerializeToString(),
                   pb.Frame(publish=pb.Publish(message_id=os.urandom(16))).SerializeToString()]
        for n in range(400):
            bad = connect(c, "lks/3203/0001") if n % 40 == 0 else bad
            parts = []
            for _ in range(rng.choice([1, 1, 1, 2, 3, 4, 5, 9])):
                if rng.random() < 0.6:
                    raw = bytearray(rng.choice(samples))
                    for _ in range(rng.randrange(4)):
                        if raw:
                            raw[rng.randrange(len(raw))] = rng.randrange(256)
                    parts.append(bytes(raw[:rng.randrange(len(raw) + 1)]))
                else:
                    parts.append(rng.randbytes(rng.randrange(300)))
            bad.send_raw(parts)
            if n % 20 == 0:
                good.exchange()
            if n % 40 == 39:
                bad.drop()
        good.exchange()
        good.close()


def endless_multipart_does_not_fill_the_memory():
    with tree() as c:
        good = Good(c)
        bad = connect(c, "lks/3203/0001")
        bad.hello()
        before = memory_kb(c.process[HOME].pid)
        chunk = b"x" * 60000
        for _ in range(800):  # 48 MB in one message
            bad.socket.send(chunk, zmq.SNDMORE)
        good.exchange()
        bad.socket.send(b"end")
        time.sleep(1.0)
        good.exchange()
        bad.drop()
        time.sleep(1.0)
        after = memory_kb(c.process[HOME].pid)
        print(f"   memory {before} -> {after} kB", flush=True)
        good.close()


def bombs_are_refused_at_once():
    with tree() as c:
        good = Good(c)
        bad = connect(c, "lks/3203/0001")
        bad.hello()
        nested = b""
        for _ in range(20000):  # as deep as the size allows
            size = len(nested)
            head = b"\x0a"
            while size > 127:
                head += bytes([size & 127 | 128])
                size >>= 7
            nested = head + bytes([size]) + nested
            if len(nested) > 60000:
                break
        bombs = {"nesting": nested, "unknown fields": b"\xf8\x07" * 30000,
                 "empty submessages": b"\x52\x00" * 32000,
                 "merge": (b"\x2a\x06\x0a\x04\x08\x01\x10\x01") * 400}
        for name, bomb in bombs.items():
            facts = bomb[:65536]
            begin = time.monotonic()
            m = Message(sc.envelope(pb.MESSAGE_KIND_REFERRAL_REQUEST, "lks/3203/0001",
                                    "dsk/3203", facts), facts)
            r = bad.publish(m)
            spent = time.monotonic() - begin
            assert r.verdict == pb.VERDICT_REFUSED, (name, r)
            print(f"   {name}: refused in {spent * 1000:.1f} ms", flush=True)
            good.exchange()
        bad.bye()
        good.close()


def other_nodes_names_and_wrong_keys_get_nothing():
    with tree() as c:
        good = Good(c)
        bad = connect(c, "lks/3203/0001")
        bad.hello()
        r = bad.publish(message(sender="dsk/3203"))
        assert r.verdict == pb.VERDICT_REFUSED and "WRONG_SENDER" in [x.code for x in r.reasons]
        for source in [pb.SOURCE_LINK]:
            try:
                bad.subscribe(2, source, credit=1)
                raise AssertionError("a client read a link")
            except sc.ProtocolError as e:
                assert e.code == pb.ERROR_CODE_NOT_ALLOWED
        public, secret = zmq.curve_keypair()
        stranger = SerasiClient(c.endpoint(HOME), c.curve(HOME), public.decode(), secret.decode())
        try:
            stranger.hello(timeout=2)
            raise AssertionError("a stranger was let in")
        except sc.Timeout:
            pass
        plain = SerasiClient(c.endpoint(HOME), None, None, None)
        try:
            plain.hello(timeout=2)
            raise AssertionError("a peer without CURVE was let in")
        except sc.Timeout:
            pass
        named = connect(c, "lks/3203/0001")  # sets a routing id of its own: heard by nobody
        named.socket.close(0)
        s = named.socket = zmq.Context.instance().socket(zmq.DEALER)
        s.linger, s.immediate, s.routing_id = 0, 1, b"dsk/3203"
        keys = sc.read_keys(os.path.join(c.dir("lks/3203/0001"), "keys"))
        s.curve_serverkey = c.curve(HOME).encode()
        s.curve_publickey, s.curve_secretkey = keys[0].encode(), keys[1].encode()
        s.connect(c.endpoint(HOME))
        try:
            assert named.hello(timeout=2).node == "lks/3203/0001"
        except sc.Timeout:
            pass
        good.exchange()
        for x in [bad, stranger, plain, named]:
            x.drop()
        good.close()


def garbage_connections_do_not_silence_the_listener():
    rng = random.Random(SEED)
    with tree() as c:
        good = Good(c)
        port = c.port[HOME]
        held = []
        for n in range(1500):
            s = socket.create_connection(("127.0.0.1", port), 5)
            kind = n % 3
            if kind == 0:
                s.sendall(rng.randbytes(rng.randrange(1, 200)))
                s.close()
            elif kind == 1:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
            elif len(held) < 100:
                s.sendall(b"\xff\0\0\0\0\0\0\0\x01\x7f")  # half a greeting, and then nothing
                held.append(s)
            else:
                s.close()
            if n % 150 == 0:
                good.exchange()
        late = connect(c, "dsk/3203")
        late.hello()
        late.bye()
        good.exchange()
        for s in held:
            s.close()
        good.close()


def a_consumer_that_hangs_does_not_hold_up_the_others():
    with tree() as c:
        good = Good(c)
        hung = connect(c, "lks/3203/0001")
        hung.hello()
        hung.subscribe(1, pb.SOURCE_MAILBOX, credit=64)
        a = connect(c, "dsk/3203", label="second")
        a.hello()
        for _ in range(60):
            assert a.publish(message(to="lks/3203/0001", sealed_digest=b"")).verdict == \
                pb.VERDICT_ACCEPTED
        for _ in range(50):
            good.exchange()
        median = sorted(good.took)[len(good.took) // 2]  # a single one may wait for the disk
        assert median < 2.0, median
        hung.drop()
        again = connect(c, "lks/3203/0001")
        again.hello()
        again.subscribe(1, pb.SOURCE_MAILBOX, credit=64)
        ids = set()

        def all_there():
            d = again.delivery(timeout=30)
            ids.add(d.id)
            again.done(d)
            again.credit(1, 1)
            return len(ids) == 60
        wait_for("what the dead consumer held", all_there)
        again.bye()
        a.bye()
        good.close()


if __name__ == "__main__":
    main([random_frames_and_mutated_frames, endless_multipart_does_not_fill_the_memory,
          bombs_are_refused_at_once, other_nodes_names_and_wrong_keys_get_nothing,
          garbage_connections_do_not_silence_the_listener,
          a_consumer_that_hangs_does_not_hold_up_the_others])
