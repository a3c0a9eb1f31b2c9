# SPDX-License-Identifier: Apache-2.0
"""Histories of what programs attempted, were told, received and settled, for check-history.

The format is that of tests/history/history.h. By hand:

    h = History(path)                                  # one file; may be shared by threads
    h.clock()
    h.add("invoke", "dsk/3203#out", "publish", id=m.id, to=["hub"], case=case_id)
    h.add("info", "hub", "crash")
    h.add("info", "-", "drained")
    h.judge()                                          # AssertionError with what is wrong

or by itself: a Recording is a SerasiClient that notes each frame it sends and reads.

    client = Recording(h, "dsk/3203#out", "hub", endpoint, server_key, *keys)

Several processes write a file each; h.judge(*others) merges them by time.
"""
import os
import subprocess
import threading
import time
import uuid

import serasi_client as sc
from serasi_client import SerasiClient, pb

HERE = os.path.dirname(os.path.abspath(__file__))


def checker():
    """The program check-history: $SERASI_CHECK_HISTORY, or that of the build beside $SERASI_BIN."""
    places = [os.environ.get("SERASI_CHECK_HISTORY", ""),
              os.path.join(os.environ.get("SERASI_BIN", ""), "../tests/check-history"),
              os.path.join(HERE, "../../../build/tests/check-history")]
    for p in places:
        if p and os.access(p, os.X_OK):
            return p
    raise AssertionError("check-history is not built, or SERASI_CHECK_HISTORY does not name it")


def judge(*paths, partial=False):
    """(violations as lines, the whole output). Raises AssertionError when it cannot be judged."""
    p = subprocess.run([checker(), *(["--partial"] if partial else []), *paths],
                       capture_output=True, text=True, timeout=300)
    if p.returncode not in (0, 1):
        raise AssertionError(f"check-history: exit {p.returncode}\n{p.stdout}{p.stderr}")
    # After the table of counts each line says what is wrong.
    lines = [x for x in p.stdout.splitlines() if x.startswith("WRONG:") or "[" in x]
    return (lines or ["check-history found something wrong"]) if p.returncode else [], p.stdout


def in_text(value):
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value))
    if isinstance(value, (list, tuple)):
        return ",".join(value)
    return str(value)


class History:
    """One file of events. add() may be called from any thread; each event is written at once, so
    that a killed program leaves all but its last line."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "a", buffering=1, encoding="ascii")
        self.lock = threading.Lock()

    def add(self, phase, who, op, **values):
        """Values that are empty or 0 are left out; ids may be bytes, recipients a list. `for` is a
        word of Python: write recipient=."""
        if "recipient" in values:
            values["for"] = values.pop("recipient")
        words = "".join(f" {k}={in_text(v)}" for k, v in values.items() if v)
        with self.lock:  # the time under the lock: lines stand in the order of their times
            self.file.write(f"{time.monotonic_ns() // 1000} {phase} {who} {op}{words}\n")

    def clock(self):
        """The wall clock, at the start and after each jump: without it expiry is not judged."""
        self.add("info", "-", "clock", wall=sc.now_ms())

    def drained(self):
        self.add("info", "-", "drained")

    def verdicts(self, *others, partial=False):
        self.file.flush()
        return judge(self.path, *others, partial=partial)[0]

    def judge(self, *others, partial=False):
        """Returns the table of counts; raises AssertionError when anything is wrong, and keeps the
        files for whoever wants to read the lines it names."""
        self.file.flush()
        wrong, out = judge(self.path, *others, partial=partial)
        if wrong:
            kept = [keep(p) for p in (self.path, *others)]
            raise AssertionError(f"history {' '.join(kept)}:\n{out}")
        return out

    def close(self):
        self.file.close()


def keep(path):
    """A copy that outlives the test's folder."""
    name = f"/tmp/serasi-{os.getpid()}-{os.path.basename(path)}"
    with open(path, "rb") as a, open(name, "wb") as b:
        b.write(a.read())
    return name


def word_of(enum, prefix, value):
    return enum.Name(value)[len(prefix):]


def sum_of(envelope, facts):
    """Of the parts that every recipient gets, supervisors too."""
    return sc.digest(envelope + b"|" + facts).hex()[:16]


def order_key(head):
    return head.case_id or head.correlation_id or head.message_id


def described(envelope, facts):
    """What is said of a message when it is sent."""
    head = pb.Envelope.FromString(envelope)
    values = {"id": head.message_id, "case": order_key(head), "to": list(head.audience.to),
              "expires": head.expires_at, "sum": sum_of(envelope, facts)}
    if head.kind == pb.MESSAGE_KIND_RECALL_ORDER:
        values["recall"] = pb.RecallOrder.FromString(facts).message_id
    if head.receipts == pb.RECEIPT_POLICY_FAILURES_ONLY:
        values["receipts"] = "failures"
    return values


SOURCES = {pb.SOURCE_MAILBOX: "mailbox", pb.SOURCE_RECEIPTS: "receipts", pb.SOURCE_NAMED: "named"}
ROLES = {pb.RECIPIENT_ROLE_ADDRESSEE: "addressee", pb.RECIPIENT_ROLE_SUPERVISOR: "supervisor",
         pb.RECIPIENT_ROLE_SUBSCRIBER: "subscriber"}


class Recording(SerasiClient):
    """A client that writes its history by itself. who: "NODE" or "NODE#program", one session at a
    time; broker: its home."""

    def __init__(self, history, who, broker, *args, **fields):
        super().__init__(*args, **fields)
        self.history, self.who, self.broker = history, who, broker
        self.source, self.out, self.ended = {}, {}, False

    def note(self, phase, op, **values):
        self.history.add(phase, self.who, op, **values)

    # --- what goes out: noted before it does ---

    def send(self, *parts, **frame):
        for kind, body in frame.items():
            getattr(self, f"on_send_{kind}", lambda body, parts: None)(body, parts)
        super().send(*parts, **frame)

    def on_send_hello(self, _, __):
        self.out.clear()
        self.note("invoke", "open", broker=self.broker)

    def on_send_publish(self, _, parts):
        parts = [*parts, b"", b""]
        self.note("invoke", "publish", **described(parts[0], parts[1]))

    def on_send_subscribe(self, body, _):
        self.source[body.channel] = body.source
        if body.source in SOURCES:
            self.note("info", "listen", source=SOURCES[body.source])

    def on_send_settle(self, body, _):
        for s in body.settlements:
            word = word_of(pb.SettleAction, "SETTLE_ACTION_", s.action)
            for tag in range(s.first_tag, max(s.first_tag, s.last_tag) + 1):
                if (body.channel, tag) in self.out:
                    self.out[body.channel, tag][1] = word
                    self.note("invoke", "settle", id=self.out[body.channel, tag][0], word=word)

    # --- what comes in: noted after it was read ---

    def _from_socket(self, deadline):
        got = super()._from_socket(deadline)
        if got:
            kind, body, parts = got
            getattr(self, f"on_{kind}", lambda body, parts: None)(body, parts)
        return got

    def on_welcome(self, _, __):
        self.note("ok", "open", broker=self.broker)

    def on_error(self, body, _):
        if body.fatal:
            self.note("info", "lost")

    def on_published(self, body, _):
        for r in body.results:
            word = word_of(pb.Verdict, "VERDICT_", r.verdict)
            if r.verdict in (pb.VERDICT_ACCEPTED, pb.VERDICT_DUPLICATE):
                self.note("ok", "publish", id=r.message_id, word=word,
                          to=[x.node for x in r.recipients])
            else:
                self.note("fail", "publish", id=r.message_id, word=word)

    def on_deliver(self, body, parts):
        d = sc.Delivery(body, parts)
        source = self.source.get(d.channel)
        self.out[d.channel, d.tag] = [d.id, "DONE"]
        if source == pb.SOURCE_RECEIPTS:
            r = d.receipt()
            self.note("ok", "receipt", id=r.message_id, recipient=r.recipient,
                      word=word_of(pb.ReceiptLevel, "RECEIPT_LEVEL_", r.level), receipt=d.id,
                      cause=word_of(pb.ReceiptCause, "RECEIPT_CAUSE_", r.cause) if r.cause else "")
        elif source in SOURCES:
            self.note("ok", "deliver", id=d.id, case=order_key(d.head), attempt=d.attempt,
                      role=ROLES[body.role], sum=sum_of(d.envelope, d.facts))

    def on_settled(self, body, _):
        for phase, ranges in (("ok", body.done), ("fail", body.unknown)):
            for r in ranges:
                for tag in range(r.first_tag, max(r.first_tag, r.last_tag) + 1):
                    self.on_settled_tag(phase, body.channel, tag)

    def on_settled_tag(self, phase, channel, tag):
        known = self.out.get((channel, tag))
        if not known:
            return
        if known[1] != "EXTEND":
            del self.out[channel, tag]
        self.note(phase, "settle", id=known[0], word=known[1])

    # --- the rest ---

    def end(self):
        if not self.ended:
            self.note("info", "lost")
        self.ended = True

    def bye(self):
        super().bye()
        self.end()

    def drop(self):
        super().drop()
        self.end()

    def outcome(self, message_id):
        self.note("invoke", "outcome", id=message_id)
        code, rows = super().outcome(message_id)
        for r in rows if code == 0 else []:
            self.note("ok", "outcome", id=message_id, recipient=r["recipient"], word=r["level"],
                      cause=r["cause"])
        return code, rows
