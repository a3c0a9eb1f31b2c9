# SPDX-License-Identifier: Apache-2.0
"""What the conformance checks share: sessions of A and B, messages between them, waiting."""

import os
import time
import uuid

import serasi_client as sc
from serasi_client import ProtocolError, SerasiClient, Timeout, pb


CHECKS = []
SLOW = 60.0  # longer than three ping intervals and a back-off


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def check(function):
    CHECKS.append(function)
    return function


def slow(function):
    function.slow = True
    return function


def that(condition, seen):
    if not condition:
        raise Failed(str(seen))


def names(reasons):
    return [r.code for r in reasons]


class Bench:
    """What a check works with; its sessions end with it."""

    def __init__(self, options):
        self.o = options
        self.keys = {"a": sc.read_keys(options.key_a), "b": sc.read_keys(options.key_b)}
        self.open = []
        self.node = {}
        self.sent = set()  # ids of this check's messages

    def connect(self, who, **kw):
        c = SerasiClient(self.o.endpoint, self.o.server_key, *self.keys[who],
                         label=f"conformance-{who}", **kw)
        self.open.append(c)
        return c

    def session(self, who, **kw):
        c = self.connect(who, **kw)
        c.hello()
        self.node[who] = c.node
        return c

    def finish(self):
        """Ends what a check left open; the answered PING proves that the channels are closed."""
        for c in self.open:
            if c.socket.closed:
                continue
            try:
                for channel in sorted(c.channels):
                    c.send(unsubscribe=pb.Unsubscribe(channel=channel))
                settle_down(c)
            finally:
                c.bye()
        self.open = []

    def drain(self):
        """Empties the mailboxes and A's receipts, until nothing has come for a moment."""
        a, b = self.session("a"), self.session("b")
        for c, channel, source in ((b, 1, pb.SOURCE_MAILBOX), (a, 1, pb.SOURCE_MAILBOX),
                                   (a, 2, pb.SOURCE_RECEIPTS)):
            c.subscribe(channel, source, credit=1000)
        last = time.monotonic()
        while time.monotonic() - last < 0.4:
            for c in (a, b):
                kind, body, _ = c.receive(0.05) or (None, None, None)
                if kind == "error":
                    raise ProtocolError(body)
                if kind == "deliver":
                    last = time.monotonic()
                    c.settle(body.channel, body.tag, pb.SETTLE_ACTION_DONE, wait=False)
                    c.credit(body.channel, 1)
        self.finish()
        self.sent = set()

    # --- messages from A to B ---

    def facts(self):
        f = pb.Complaint(type=pb.COMPLAINT_TYPE_COMPLAINT, channel=pb.COMPLAINT_CHANNEL_PUSKESOS,
                         subject=pb.COMPLAINT_SUBJECT_OTHER)
        f.received_on.CopyFrom(pb.Date(year=2025, month=3, day=3))
        return f.SerializeToString()

    def message(self, case=None, facts=None, sealed=b"", kind=None, sender=None, to=None, **fields):
        facts = self.facts() if facts is None else facts
        fields.setdefault("region", self.o.region)
        m = sc.Message(sc.envelope(kind or sc.OPAQUE, sender or self.node["a"],
                                   self.node["b"] if to is None else to, facts, sealed,
                                   case_id=case or os.urandom(16), **fields), facts, sealed)
        self.sent.add(m.id)
        return m

    def complaint(self, **kw):
        """A message of a kind that the broker knows, as R-160 wants it: the reporter is sealed."""
        kw = {"kind": pb.MESSAGE_KIND_COMPLAINT, "sealed": b"ciphertext",
              "sensitivity": pb.SENSITIVITY_SPECIFIC, **kw}
        return self.message(**kw)

    def published(self, a, m=None, **kw):
        m = m or self.message(**kw)
        r = a.publish(m)
        that(r.verdict == pb.VERDICT_ACCEPTED, f"{verdict(r)} for {m}")
        return m


def settle_down(c, seconds=3.0):
    """A PONG says that everything sent before was seen; ERRORs on the way do not matter here."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            c.ping()
            return
        except ProtocolError as e:
            if e.error.fatal:
                return
        except Timeout:
            return


def verdict(r):
    return f"{pb.Verdict.Name(r.verdict)} {names(r.reasons)}"


def await_error(c, code, timeout=sc.WAIT):
    """Waits for that ERROR, whatever else comes."""
    deadline = time.monotonic() + timeout
    seen = []
    while time.monotonic() < deadline:
        got = c.receive(deadline - time.monotonic())
        if got is None:
            break
        kind, body, _ = got
        if kind == "error" and body.code == code:
            return body
        seen.append(pb.ErrorCode.Name(body.code) if kind == "error" else kind)
    raise Failed(f"no {pb.ErrorCode.Name(code)}; seen: {seen}")


def await_receipt(a, m, level, recipient, channel=1, timeout=sc.WAIT):
    """Reads receipts until that one comes; settles all it reads."""
    deadline = time.monotonic() + timeout
    seen = []
    while time.monotonic() < deadline:
        try:
            d = a.delivery(channel, max(0.01, deadline - time.monotonic()))
        except Timeout:
            break
        that(d.head.kind == pb.MESSAGE_KIND_RECEIPT, f"kind {d.head.kind} among the receipts")
        r = d.receipt()
        a.settle(channel, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
        a.credit(channel, 1)
        seen.append(f"{pb.ReceiptLevel.Name(r.level)} {r.recipient}")
        if (r.message_id, r.level, r.recipient) == (m.id, level, recipient):
            return d, r
    raise Failed(f"no {pb.ReceiptLevel.Name(level)} for {recipient}; seen: {seen}")


def await_outcome(a, m, recipient, level, timeout=sc.WAIT):
    deadline = time.monotonic() + timeout
    while True:
        code, rows = a.outcome(m.id)
        row = next((r for r in rows if r["recipient"] == recipient), None)
        if row and row["level"] == level:
            return row
        if time.monotonic() > deadline:
            raise Failed(f"outcome {row or rows} code {code}, wanted {level}")
        time.sleep(0.2)


def delivery_of(t, c, m, channel=1, timeout=sc.WAIT):
    d = c.delivery(channel, timeout)
    while d.id not in t.sent:  # parked when an earlier check failed
        c.done(d)
        c.credit(channel, 1)
        d = c.delivery(channel, timeout)
    that(d.id == m.id, f"got {uuid.UUID(bytes=d.id)}, wanted {m}")
    return d
