#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bare client of the serasi protocol, written from proto/PROTOCOL.md alone.

It shows the frames as they are and hides only what every client must do: answer PING, keep what was
received while something else was waited for. It does not reconnect by itself, so that tests see
what the broker does. Needs pyzmq, python3-protobuf, python3-cryptography and protoc.
"""

import base64
import hashlib
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import types
import uuid

import zmq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (Ed25519PrivateKey,
                                                               Ed25519PublicKey)
from google.protobuf.message import DecodeError

WAIT = 10.0  # seconds to wait for an answer unless told otherwise


def load_schemas(proto_dir=None):
    """Compiles the schemas; returns them merged into one namespace. The folder that takes is gone
    when it returns, however the program ends."""
    root = pathlib.Path(proto_dir or os.environ.get("SERASI_PROTO_DIR") or
                        pathlib.Path(__file__).resolve().parent / "../../../proto")
    files = sorted(str(p.relative_to(root)) for p in root.rglob("*.proto"))
    names = types.SimpleNamespace()
    with tempfile.TemporaryDirectory(prefix="serasi-proto-") as out:
        subprocess.run(["protoc", "-I", str(root), "--python_out", out, *files], check=True)
        sys.path.insert(0, out)
        try:
            for f in files:
                module = importlib.import_module(f[:-len(".proto")].replace("/", ".") + "_pb2")
                for key, value in vars(module).items():
                    if not key.startswith("_"):
                        setattr(names, key, value)
        finally:
            sys.path.remove(out)
    return names


pb = load_schemas()
OPAQUE = 1001  # a kind newer than any broker: carried like all others, and no rule looks at it

# --- small things the protocol asks for ---


def now_ms():
    return time.time_ns() // 1000000


def uuid7():
    r = int.from_bytes(os.urandom(10), "big")
    v = (now_ms() << 80 | r) & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62
    return v.to_bytes(16, "big")


def digest(data):
    return hashlib.blake2b(data, digest_size=32).digest()


class Signer:
    """An Ed25519 key of a node (PROTOCOL.md 6.3)."""

    def __init__(self, seed, public):
        self.key, self.public = Ed25519PrivateKey.from_private_bytes(seed), public
        self.id = digest(public)[:8]

    def sign(self, envelopes, label=b"serasi v1 messages"):
        """The encoded Signature of each envelope; all of them are one tree."""
        leaves = [leaf(e) for e in envelopes]
        head = len(leaves).to_bytes(8, "big") + tree_root(leaves)
        signature = self.key.sign(b" " * 64 + label + b"\0" + head)
        return [pb.Signature(key=self.id, ed25519=signature, index=i, size=len(leaves),
                             path=tree_path(leaves, i)).SerializeToString()
                for i in range(len(leaves))]


def leaf(envelope_bytes):
    return digest(b"\0" + envelope_bytes)


def tree_split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def tree_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = tree_split(len(leaves))
    return digest(b"\1" + tree_root(leaves[:k]) + tree_root(leaves[k:]))


def tree_path(leaves, i):
    if len(leaves) == 1:
        return []
    k = tree_split(len(leaves))
    if i < k:
        return tree_path(leaves[:k], i) + [tree_root(leaves[k:])]
    return tree_path(leaves[k:], i - k) + [tree_root(leaves[:k])]


def tree_root_by_path(leaf, index, size, path):
    """RFC 9162, 2.1.3.2; None when no tree has such a path."""
    fn, sn, r = index, size - 1, leaf
    if index >= size:
        return None
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = digest(b"\1" + p + r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = digest(b"\1" + r + p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def signature_holds(encoded, envelope_bytes, public):
    """Is the envelope signed with that key?"""
    try:
        s = pb.Signature.FromString(encoded)
        root = tree_root_by_path(leaf(envelope_bytes), s.index, s.size, s.path)
        if root is None or s.key != digest(public)[:8]:
            return False
        Ed25519PublicKey.from_public_bytes(public).verify(
            s.ed25519, b" " * 64 + b"serasi v1 messages\0" + s.size.to_bytes(8, "big") + root)
        return True
    except (DecodeError, InvalidSignature, ValueError):
        return False


SIGNERS = {}  # CURVE public key: the signing key beside it in its file


def read_keys(path):
    """Reads a node's key file: (public, secret) CURVE keys as Z85. Clients with these sign with
    the signing key of the file, if it has one."""
    values = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if "=" in line and not line.startswith(("#", ";")):
            name, value = line.split(" = ", 1)
            values[name.strip()] = value.strip()
    if "ed25519-secret" in values:
        secret = base64.b64decode(values["ed25519-secret"])
        SIGNERS[values["curve-public"]] = Signer(secret[:32], secret[32:64])
    return values["curve-public"], values["curve-secret"]


def envelope(kind, sender, to=None, facts=b"", sealed=b"", **fields):
    """Envelope bytes of a message; fields override what is filled in."""
    e = pb.Envelope(message_id=uuid7(), kind=kind, schema=1, sender=sender, region="3203",
                    cluster=pb.CLUSTER_CHILD, urgency=pb.URGENCY_ROUTINE,
                    sensitivity=pb.SENSITIVITY_INTERNAL, legal_basis=pb.LEGAL_BASIS_PUBLIC_TASK,
                    created_at=now_ms(), facts_digest=digest(facts),
                    sealed_digest=digest(sealed) if sealed else b"")
    for name in [to] if isinstance(to, str) else to or []:
        e.audience.to.append(name)
    for key, value in fields.items():
        if isinstance(value, (int, str, bytes)):
            setattr(e, key, value)
        else:
            getattr(e, key).CopyFrom(value)
    return e.SerializeToString()


class Message:
    """The parts of a message, encoded once and never again."""

    def __init__(self, envelope_bytes, facts=b"", sealed=b"", signature=None):
        self.envelope, self.facts, self.sealed = envelope_bytes, facts, sealed
        self.signature = signature  # None: made when it is sent, b"": none
        self.id = pb.Envelope.FromString(envelope_bytes).message_id

    def __repr__(self):
        return str(uuid.UUID(bytes=self.id))


class Delivery:
    def __init__(self, deliver, parts):
        parts = list(parts) + [b""] * (3 - len(parts))
        self.frame = deliver
        self.envelope, self.facts, self.sealed = parts[:3]
        self.head = pb.Envelope.FromString(self.envelope)
        self.id = self.head.message_id
        self.tag, self.channel, self.attempt = deliver.tag, deliver.channel, deliver.attempt

    def receipt(self):
        return pb.Receipt.FromString(self.facts)

    def __repr__(self):
        return f"tag {self.tag} attempt {self.attempt} id {uuid.UUID(bytes=self.id)}"


class ProtocolError(Exception):
    """The broker said ERROR."""

    def __init__(self, error):
        super().__init__(f"ERROR {pb.ErrorCode.Name(error.code)} channel {error.channel} "
                         f"{'fatal' if error.fatal else 'not fatal'}: {error.text}")
        self.error, self.code = error, error.code


class Timeout(Exception):
    pass


class SerasiClient:
    def __init__(self, endpoint, server_key, public_key, secret_key, label="pyclient",
                 instance_id=None, context=None, reconnect_ms=500):
        self.label, self.instance_id = label, instance_id or os.urandom(16)
        self.signer = SIGNERS.get(public_key) if public_key else None
        self.welcome = None
        self.channels = set()
        self.waiting = []  # (kind, body, parts) received and not asked for yet
        self.silent = False  # True: neither PING nor PONG by itself, as a program that hangs
        self.sent_at = time.monotonic()
        self.ping_wanted = None  # the PONG somebody waits for
        s = self.socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        s.linger, s.immediate = 0, 1
        s.reconnect_ivl, s.reconnect_ivl_max = reconnect_ms, 120 * reconnect_ms
        s.handshake_ivl = s.connect_timeout = 10000
        s.maxmsgsize = 1048576 + 4096
        s.sndhwm = s.rcvhwm = 2048
        if server_key:
            s.curve_serverkey = server_key.encode()
            s.curve_publickey, s.curve_secretkey = public_key.encode(), secret_key.encode()
        s.connect(endpoint)

    # --- frames ---

    def send_raw(self, parts, timeout=WAIT):
        """With IMMEDIATE there is nowhere to send to until the connection stands. It may go again
        between the look and the send, for good: libzmq does not dial again after bytes that it
        could not decrypt. So the send itself never waits."""
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            if not self.socket.poll(int(left * 1000), zmq.POLLOUT):
                raise Timeout("not connected: is the key known, the server key right?")
            try:
                self.socket.send_multipart(parts, zmq.DONTWAIT)
            except zmq.Again:
                continue
            self.sent_at = time.monotonic()
            return

    def send(self, *parts, **frame):
        while parts and parts[-1] == b"":
            parts = parts[:-1]
        self.send_raw([pb.Frame(**frame).SerializeToString(), *parts])

    def receive(self, timeout=WAIT):
        """The next frame but PING as (kind, body, parts), None when the time is up."""
        if self.waiting:
            return self.waiting.pop(0)
        return self._from_socket(time.monotonic() + timeout)

    def _from_socket(self, deadline):
        while True:
            left = max(0.0, deadline - time.monotonic())
            if not self.socket.poll(int(min(left, self._due()) * 1000), zmq.POLLIN):
                if time.monotonic() >= deadline:
                    return None
                self._stay_alive()
                continue
            first, *parts = self.socket.recv_multipart()
            frame = pb.Frame.FromString(first)
            kind = frame.WhichOneof("body")
            if kind == "ping" and not self.silent:
                self.send(pong=pb.Pong(sent_at=frame.ping.sent_at))
                continue
            if kind == "pong" and frame.pong.sent_at != self.ping_wanted:
                continue
            return kind, getattr(frame, kind), parts

    def _due(self):
        """Seconds until something must be sent to stay alive; half an interval to be on time."""
        if not self.welcome or self.silent:
            return 3600.0
        return max(0.0, self.sent_at + self.welcome.ping_interval_ms / 2000 - time.monotonic())

    def _stay_alive(self):
        if self._due() == 0.0:
            self.send(ping=pb.Ping(sent_at=0))

    def expect(self, kind, match=lambda body, parts: True, timeout=WAIT):
        """Waits for a frame of that kind; an ERROR instead is raised, all others are kept."""
        deadline = time.monotonic() + timeout
        kept, self.waiting = self.waiting, []
        try:
            while True:
                got = kept_next(kept, kind, match) or self._from_socket(deadline)
                if got is None:
                    raise Timeout(f"no {kind.upper()} within {timeout:g} s")
                name, body, parts = got
                if name == kind and match(body, parts):
                    return body, parts
                if name == "error":
                    raise ProtocolError(body)
                kept.append(got)
        finally:
            self.waiting = kept + self.waiting

    # --- the session ---

    def hello(self, timeout=WAIT, **fields):
        values = dict(protocol_min=1, protocol_max=1, client=self.label, instance_id=self.instance_id)
        values.update(fields)
        self.send_raw([pb.Frame(hello=pb.Hello(**values)).SerializeToString()], timeout)
        self.welcome, _ = self.expect("welcome", timeout=timeout)
        self.channels.clear()
        return self.welcome

    @property
    def node(self):
        return self.welcome.node

    def bye(self):
        """An orderly end; the socket lingers so that BYE leaves it."""
        try:
            self.send(bye=pb.Bye(reason="done"))
        except (Timeout, zmq.ZMQError):
            pass
        self.socket.close(linger=1000)

    def drop(self):
        """The connection goes without a word, as when the program is killed."""
        self.socket.close(linger=0)

    def ping(self, timeout=WAIT):
        stamp = self.ping_wanted = now_ms()
        self.send(ping=pb.Ping(sent_at=stamp))
        pong, _ = self.expect("pong", lambda b, p: b.sent_at == stamp, timeout)
        return pong

    # --- publishing ---

    def send_publish(self, m):
        if m.signature is None and self.signer:
            m.signature = self.signer.sign([m.envelope])[0]
        self.send(m.envelope, m.facts, m.sealed,
                  publish=pb.Publish(message_id=m.id, signature=m.signature or b""))

    def result_of(self, message_id, timeout=WAIT):
        """One PUBLISHED may answer several: what is not asked for now is kept, one by one."""
        body, _ = self.expect(
            "published", lambda b, p: any(r.message_id == message_id for r in b.results), timeout)
        found = None
        for r in body.results:
            if r.message_id == message_id and found is None:
                found = r
            else:
                self.waiting.append(("published", pb.Published(results=[r]), []))
        return found

    def publish(self, m, timeout=WAIT):
        self.send_publish(m)
        return self.result_of(m.id, timeout)

    # --- consuming ---

    def subscribe(self, channel, source, credit=0, credit_bytes=0, name="", filter=None):
        self.send(subscribe=pb.Subscribe(channel=channel, source=source, name=name, filter=filter,
                                         credit_messages=credit, credit_bytes=credit_bytes))
        body, _ = self.expect("subscribed", lambda b, p: b.channel == channel)
        self.channels.add(channel)
        return body

    def credit(self, channel, messages, nbytes=0):
        self.send(credit=pb.Credit(channel=channel, messages=messages, bytes=nbytes))

    def delivery(self, channel=1, timeout=WAIT):
        return Delivery(*self.expect("deliver", lambda b, p: b.channel == channel, timeout))

    def no_delivery(self, channel=1, seconds=1.0):
        """True when nothing comes on the channel for that long."""
        try:
            self.delivery(channel, seconds)
        except Timeout:
            return True
        return False

    def settle(self, channel, first, action, last=0, wait=True, **fields):
        """Returns SETTLED when waited for."""
        self.send(settle=pb.Settle(channel=channel, settlements=[
            pb.Settlement(first_tag=first, last_tag=last, action=action, **fields)]))
        if not wait:
            return None
        return self.expect("settled", lambda b, p: b.channel == channel)[0]

    def done(self, d):
        return self.settle(d.channel, d.tag, pb.SETTLE_ACTION_DONE)

    # --- asking ---

    def query(self, verb, *args, limit=0):
        number = int.from_bytes(os.urandom(3), "big") + 1
        self.send(query=pb.Query(query=number, verb=verb, args=list(args), limit=limit))
        return self.expect("result", lambda b, p: b.query == number)[0]

    def outcome(self, message_id):
        """code, and rows as dictionaries."""
        r = self.query("outcome", str(uuid.UUID(bytes=message_id)))
        names = [c.name for c in r.columns]
        return r.code, [dict(zip(names, row.values)) for row in r.rows]


def kept_next(kept, kind, match):
    for i, (name, body, parts) in enumerate(kept):
        if name == kind and match(body, parts):
            return kept.pop(i)
    return None
