#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a running broker against proto/PROTOCOL.md, frame by frame.

    conformance.py ENDPOINT SERVER_KEY KEY_FILE_A KEY_FILE_B [options]

A publishes, B consumes; both nodes are at home at this broker and of a kind that may send case
responses (an agency, a home, a puskesos). Nobody else may consume B's mailbox meanwhile: it is
emptied before each check. Prints one line per check; exit status 0 when all are ok, 1 on any
failure, 2 when the broker cannot be reached.
"""

import argparse
import fnmatch
import os
import sys
import time
import traceback
import uuid

sys.dont_write_bytecode = True
import serasi_client as sc  # noqa: E402
from serasi_client import ProtocolError, SerasiClient, Timeout, pb  # noqa: E402

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
        """Empties B's mailbox and A's receipts."""
        for who, source in (("b", pb.SOURCE_MAILBOX), ("a", pb.SOURCE_RECEIPTS)):
            c = self.session(who)
            c.subscribe(1, source, credit=1000)
            try:
                while True:
                    d = c.delivery(1, 0.4)
                    c.settle(1, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
                    c.credit(1, 1)
            except Timeout:
                c.ping()
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
        m = sc.Message(sc.envelope(kind or pb.MESSAGE_KIND_COMPLAINT, sender or self.node["a"],
                                   self.node["b"] if to is None else to, facts, sealed,
                                   case_id=case or os.urandom(16), **fields), facts, sealed)
        self.sent.add(m.id)
        return m

    def published(self, a, **kw):
        m = self.message(**kw)
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


# --- session ---


@check
def welcome_tells_node_broker_and_limits(t):
    c = t.connect("a")
    w = c.hello()
    that(w.protocol == 1 and w.broker and w.node, w)
    that(0 < w.envelope_max <= 4096 and 0 < w.facts_max <= 65536 and 0 < w.sealed_max <= 1048576, w)
    that(w.publish_window and w.credit_messages_max and w.credit_bytes_max and w.ping_interval_ms, w)
    that(abs(w.broker_at - sc.now_ms()) < 60000, f"broker_at {w.broker_at} is not now")
    if t.o.node_a:
        that(w.node == t.o.node_a, f"key A acts for {w.node}")
    if t.o.peer:
        that(t.session("b").node == t.o.peer, f"key B acts for {t.node['b']}")
    return f"{w.broker}: {w.node}, window {w.publish_window}, ping {w.ping_interval_ms} ms"


@check
def a_frame_before_hello_is_answered_no_session(t):
    c = t.connect("a")
    c.send(ping=pb.Ping(sent_at=1))
    e = await_error(c, pb.ERROR_CODE_NO_SESSION)
    that(e.fatal, "not fatal")
    m = t.message()
    c.send_publish(m)
    await_error(c, pb.ERROR_CODE_NO_SESSION)
    c.hello()
    code, rows = c.outcome(m.id)
    that(code == 1 and not rows, f"the early PUBLISH left something: code {code} {rows}")
    return e.text


@check
def a_version_nobody_speaks_is_refused(t):
    c = t.connect("a")
    c.send(hello=pb.Hello(protocol_min=2, protocol_max=9, client="future", instance_id=os.urandom(16)))
    e = await_error(c, pb.ERROR_CODE_VERSION)
    that(e.fatal, "not fatal")
    c.hello(protocol_max=9)
    that(c.welcome.protocol == 1, c.welcome)
    return e.text


@check
def hello_without_instance_id_is_malformed(t):
    c = t.connect("a")
    c.send(hello=pb.Hello(protocol_min=1, protocol_max=1, client="x"))
    return await_error(c, pb.ERROR_CODE_MALFORMED).text


@check
def ping_is_echoed(t):
    c = t.session("a")
    start = time.monotonic()
    c.ping()
    return f"{(time.monotonic() - start) * 1000:.1f} ms"


@check
def the_same_instance_replaces_the_older_session(t):
    a, instance = t.session("a"), os.urandom(16)
    m = t.published(a)
    old = t.session("b", instance_id=instance)
    old.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    delivery_of(t, old, m)
    new = t.session("b", instance_id=instance)
    that(await_error(old, pb.ERROR_CODE_REPLACED).fatal, "not fatal")
    new.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    d = delivery_of(t, new, m)
    that(d.attempt == 1, f"attempt {d.attempt}")
    new.done(d)
    return d


@check
def the_same_instance_id_of_another_key_replaces_nobody(t):
    instance = os.urandom(16)
    a = t.session("a", instance_id=instance)
    t.session("b", instance_id=instance)
    a.ping()


@check
def hello_inside_a_session_starts_a_new_one(t):
    c = t.session("b")
    c.subscribe(1, pb.SOURCE_MAILBOX)
    c.hello()
    c.subscribe(1, pb.SOURCE_MAILBOX)  # the number is unused in the new session


# --- publishing ---


@check
def accepted_names_the_recipients(t):
    a = t.session("a")
    before = a.welcome.broker_at
    m = t.message(sealed=os.urandom(500))
    r = a.publish(m)
    that(r.verdict == pb.VERDICT_ACCEPTED, verdict(r))
    that((t.node["b"], pb.RECIPIENT_ROLE_ADDRESSEE) in [(x.node, x.role) for x in r.recipients], r)
    that(before <= r.accepted_at <= sc.now_ms() + 60000, f"accepted_at {r.accepted_at}")
    return [f"{x.node} {pb.RecipientRole.Name(x.role)[15:]}" for x in r.recipients]


@check
def the_same_bytes_again_are_a_duplicate_with_the_stored_outcome(t):
    a, b = t.session("a"), t.session("b")
    m = t.message()
    first = a.publish(m)
    r = a.publish(m)
    that(r.verdict == pb.VERDICT_DUPLICATE, verdict(r))
    that(r.accepted_at == first.accepted_at, f"{r.accepted_at} and {first.accepted_at}")
    that(list(r.recipients) == list(first.recipients), r)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    b.done(delivery_of(t, b, m))
    that(b.no_delivery(), "the duplicate was delivered too")
    await_outcome(a, m, t.node["b"], "COLLECTED")
    mine = [o for o in a.publish(m).outcomes if o.recipient == t.node["b"]]
    that(mine and mine[0].level == pb.RECEIPT_LEVEL_COLLECTED, mine)


@check
def other_bytes_under_the_same_id_are_a_conflict(t):
    a = t.session("a")
    m = t.published(a)
    other = pb.Envelope.FromString(m.envelope)
    other.created_at += 1
    r = a.publish(sc.Message(other.SerializeToString(), m.facts))
    that(r.verdict == pb.VERDICT_CONFLICT, verdict(r))
    that(a.publish(m).verdict == pb.VERDICT_DUPLICATE, "the first message is gone")


@check
def a_refusal_gives_all_reasons_at_once_and_stores_nothing(t):
    a = t.session("a")
    m = t.message(kind=pb.MESSAGE_KIND_CASE_RESPONSE, facts=b"", sender="dsk/9999", region="9999",
                  cluster=0, facts_sha256=os.urandom(32))
    r = a.publish(m)
    that(r.verdict == pb.VERDICT_REFUSED, verdict(r))
    missing = {"WRONG_SENDER", "R-001", "R-005", "DIGEST_MISMATCH"} - set(names(r.reasons))
    that(not missing, f"{names(r.reasons)}, without {missing}")
    for x in r.reasons:
        that(x.text_english and x.text_indonesian, f"{x.code} lacks a text")
        that(x.legal_basis or not x.code.startswith("R-"), f"{x.code} lacks its Pasal")
    code, rows = a.outcome(m.id)
    that(code == 1 and not rows, f"outcome code {code} {rows}")
    return names(r.reasons)


def refused(t, a, code, m):
    r = a.publish(m)
    that(r.verdict == pb.VERDICT_REFUSED and code in names(r.reasons), f"{code}: {verdict(r)}")
    return code


@check
def an_unknown_recipient_is_refused(t):
    return refused(t, t.session("a"), "UNKNOWN_RECIPIENT", t.message(to="dsk/0000"))


@check
def times_out_of_range_are_refused(t):
    a, now = t.session("a"), sc.now_ms()
    return [refused(t, a, "BAD_TIME", t.message(created_at=now + 3600000)),
            refused(t, a, "BAD_TIME", t.message(created_at=0)),
            refused(t, a, "EXPIRED", t.message(expires_at=now - 1000)),
            refused(t, a, "BAD_EXPIRY", t.message(expires_at=now + 400 * 86400000))]


@check
def missing_and_forbidden_values_are_refused(t):
    a = t.session("a")
    two = pb.Audience(to=[t.node["b"]], scope=["32"])
    return [refused(t, a, "URGENCY_MISSING", t.message(urgency=0)),
            refused(t, a, "URGENCY_NOT_ALLOWED", t.message(urgency=pb.URGENCY_EVENT)),
            refused(t, a, "BAD_SCHEMA", t.message(schema=0)),
            refused(t, a, "NO_AUDIENCE", t.message(to=[])),
            refused(t, a, "NO_AUDIENCE", t.message(audience=two)),
            refused(t, a, "SCOPE_NOT_ALLOWED", t.message(audience=pb.Audience(scope=["32"]))),
            refused(t, a, "RESERVED_KIND", t.message(kind=pb.MESSAGE_KIND_RECEIPT, facts=b"")),
            refused(t, a, "FACTS_UNREADABLE", t.message(facts=b"\x0a\xff\xff")),
            refused(t, a, "DIGEST_MISMATCH", t.message(sealed=b"x", sealed_sha256=b"")),
            refused(t, a, "R-004", t.message(
                kind=pb.MESSAGE_KIND_REFERRAL_REQUEST, facts=pb.ReferralRequest(
                    documents=[pb.DocumentRef(number="3203050101900001")]).SerializeToString()))]


@check
def an_unreadable_envelope_is_refused_and_the_session_lives(t):
    a = t.session("a")
    for envelope in (b"\xff\xff\xff\xff", b"", b"\x0a\x03abc"):
        mid = sc.uuid7()
        a.send(envelope, b"facts", publish=pb.Publish(message_id=mid))
        r = a.result_of(mid)
        that(r.verdict == pb.VERDICT_REFUSED and names(r.reasons) == ["MALFORMED"], verdict(r))
    m, other = t.message(), sc.uuid7()
    a.send(m.envelope, m.facts, publish=pb.Publish(message_id=other))
    r = a.result_of(other)
    that(names(r.reasons) == ["MALFORMED"], f"another id in PUBLISH: {verdict(r)}")
    a.ping()
    return r.reasons[0].text_english


@check
def many_messages_may_be_on_their_way(t):
    a = t.session("a")
    n = min(200, a.welcome.publish_window)
    messages = [t.message() for _ in range(n)]
    start = time.monotonic()
    for m in messages:
        a.send_publish(m)
    for m in messages:
        r = a.result_of(m.id)
        that(r.verdict == pb.VERDICT_ACCEPTED, verdict(r))
    return f"{n} in {(time.monotonic() - start) * 1000:.0f} ms"


@check
def parts_arrive_byte_for_byte_with_unknown_fields_and_kinds(t):
    a, b = t.session("a"), t.session("b")
    unknown = b"\xc2\x0c\x03abc"  # field 200
    m = t.message(sealed=os.urandom(100000))
    m.envelope += unknown
    opaque = t.message(kind=9000, facts=os.urandom(300))
    bare = t.message(kind=9001, facts=b"", sealed=os.urandom(10))
    sent = {x.id: x for x in (m, opaque, bare)}
    for x in sent.values():
        r = a.publish(x)
        that(r.verdict == pb.VERDICT_ACCEPTED, verdict(r))
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=10)
    for _ in range(3):
        d = b.delivery()
        x = sent.pop(d.id)
        that((d.envelope, d.facts, d.sealed) == (x.envelope, x.facts, x.sealed), f"{d} differs")
        that(d.frame.recipient == t.node["b"] and d.frame.role == pb.RECIPIENT_ROLE_ADDRESSEE, d.frame)
        that(d.frame.stamps and d.frame.stamps[-1].broker == b.welcome.broker, d.frame.stamps)
        b.done(d)


# --- consuming ---


@check
def credit_is_never_exceeded_and_settling_gives_none_back(t):
    a, b = t.session("a"), t.session("b")
    for _ in range(3):
        t.published(a)
    s = b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    that(s.queued == 3, f"queued {s.queued}")
    d = b.delivery()
    that(d.tag == 1, d)
    that(b.no_delivery(), "two deliveries for one credit")
    b.done(d)
    that(b.no_delivery(), "settling gave credit back")
    b.credit(1, 1)
    d = b.delivery()
    that(d.tag == 2 and b.no_delivery(), d)
    b.done(d)
    b.credit(1, 9)
    b.done(b.delivery())


@check
def credit_in_bytes_holds_too(t):
    a, b = t.session("a"), t.session("b")
    for _ in range(3):
        t.published(a, sealed=os.urandom(5000))
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=10, credit_bytes=6000)
    got = [b.delivery()]
    while len(got) < 3 and not b.no_delivery(seconds=0.5):
        got.append(None)
    that(len(got) <= 2, f"{len(got)} deliveries of 5 kB for 6 kB of credit")
    b.credit(1, 1, 0)  # bytes 0: fill up
    deadline = time.monotonic() + sc.WAIT
    while len(got) < 3 and time.monotonic() < deadline:
        got.append(b.delivery())
    b.settle(1, 1, pb.SETTLE_ACTION_DONE, last=3)


@check
def done_is_confirmed_and_receipted_as_collected(t):
    a, b = t.session("a"), t.session("b")
    a.subscribe(1, pb.SOURCE_RECEIPTS, credit=100)
    m = t.published(a)
    row = next(r for r in a.outcome(m.id)[1] if r["recipient"] == t.node["b"])
    that(row["level"] == "PENDING" and row["role"] == "ADDRESSEE", row)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    d = delivery_of(t, b, m)
    s = b.done(d)
    that([(x.first_tag, x.last_tag) for x in s.done] == [(1, 1)] and not s.unknown, s)
    d, r = await_receipt(a, m, pb.RECEIPT_LEVEL_COLLECTED, t.node["b"])
    that(d.head.sender == r.leg and r.said_at, f"receipt of {d.head.sender}: {r}")
    that(d.head.correlation_id == pb.Envelope.FromString(m.envelope).case_id, d.head)
    row = await_outcome(a, m, t.node["b"], "COLLECTED")
    return row


@check
def several_tags_are_settled_at_once_and_in_any_order(t):
    a, b = t.session("a"), t.session("b")
    for _ in range(4):
        t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=4)
    that([b.delivery().tag for _ in range(4)] == [1, 2, 3, 4], "tags do not rise by one")
    b.send(settle=pb.Settle(channel=1, settlements=[
        pb.Settlement(first_tag=4, action=pb.SETTLE_ACTION_DONE),
        pb.Settlement(first_tag=1, last_tag=2, action=pb.SETTLE_ACTION_DONE)]))
    done = set()
    while done != {1, 2, 4}:
        s, _ = b.expect("settled")
        for x in s.done:
            done |= set(range(x.first_tag, x.last_tag + 1))
    that([x.first_tag for x in b.settle(1, 3, pb.SETTLE_ACTION_DONE).done] == [3], "tag 3")


@check
def unknown_tags_are_told(t):
    a, b = t.session("a"), t.session("b")
    t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    b.done(b.delivery())
    for tag in (1, 77):  # settled before, never sent
        s = b.settle(1, tag, pb.SETTLE_ACTION_DONE)
        that([x.first_tag for x in s.unknown] == [tag] and not s.done, s)
    s = b.settle(1, 5, pb.SETTLE_ACTION_DONE, last=2**63)
    that(s.unknown and not s.done, s)


@check
def retry_comes_again_later_and_counts_no_attempt(t):
    a, b = t.session("a"), t.session("b")
    m = t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    d = delivery_of(t, b, m)
    start = time.monotonic()
    s = b.settle(1, d.tag, pb.SETTLE_ACTION_RETRY, after_ms=1500)
    that(s.done, s)
    d = delivery_of(t, b, m)
    took = time.monotonic() - start
    that(1.3 < took < 8 and d.attempt == 1 and d.tag == 2, f"{d} after {took:.1f} s")
    b.done(d)
    return f"after {took:.1f} s"


@check
def a_parked_case_holds_back_itself_alone(t):
    a, b, case = t.session("a"), t.session("b"), os.urandom(16)
    first, second, other = t.published(a, case=case), t.published(a, case=case), t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=10)
    got = [b.delivery(), b.delivery()]
    that({d.id for d in got} == {first.id, other.id}, got)
    mine = next(d for d in got if d.id == first.id)
    b.settle(1, mine.tag, pb.SETTLE_ACTION_RETRY, after_ms=2000)
    that(b.no_delivery(), "the case went on without its parked message")
    b.done(delivery_of(t, b, first))
    b.done(delivery_of(t, b, second))


@check
def reject_counts_an_attempt(t):
    a, b = t.session("a"), t.session("b")
    m = t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    b.settle(1, delivery_of(t, b, m).tag, pb.SETTLE_ACTION_REJECT, reason="TEST")
    d = delivery_of(t, b, m)
    that(d.attempt == 2, d)
    b.done(d)
    return d


@check
def permanent_reject_is_a_dead_letter_and_the_sender_is_told(t):
    a, b = t.session("a"), t.session("b")
    a.subscribe(1, pb.SOURCE_RECEIPTS, credit=100)
    m = t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    b.settle(1, delivery_of(t, b, m).tag, pb.SETTLE_ACTION_REJECT, reason="TEST", permanent=True)
    _, r = await_receipt(a, m, pb.RECEIPT_LEVEL_UNDELIVERABLE, t.node["b"])
    that(r.cause == pb.RECEIPT_CAUSE_DEAD_REJECTED and r.leg, r)
    that(b.no_delivery(seconds=2.0), "a dead letter was delivered")
    row = await_outcome(a, m, t.node["b"], "UNDELIVERABLE")
    that(row["cause"] == "DEAD_REJECTED", row)
    return row


@check
def extend_keeps_the_delivery_out(t):
    a, b = t.session("a"), t.session("b")
    m = t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    d = delivery_of(t, b, m)
    s = b.settle(1, d.tag, pb.SETTLE_ACTION_EXTEND, after_ms=60000)
    that([x.first_tag for x in s.done] == [d.tag], s)
    that(b.no_delivery(), "it came again")
    that(b.done(d).done, "could not be settled after EXTEND")


@check
def a_short_lease_takes_the_delivery_back(t):
    a, b = t.session("a"), t.session("b")
    m = t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    d = delivery_of(t, b, m)
    b.settle(1, d.tag, pb.SETTLE_ACTION_EXTEND, after_ms=1000)
    again = delivery_of(t, b, m, timeout=20)
    that(again.attempt == 2, again)
    s = b.done(d)
    that(s.unknown and not s.done, f"the old tag: {s}")
    b.done(again)
    return again


# --- order ---


@check
def a_case_stays_in_order_across_lanes(t):
    a, b, case = t.session("a"), t.session("b"), os.urandom(16)
    first = t.published(a, case=case)
    second = t.published(a, case=case, urgency=pb.URGENCY_EMERGENCY)
    third = t.published(a, case=case)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=10)
    for m in (first, second, third):
        d = delivery_of(t, b, m)
        that(b.no_delivery(seconds=0.7), "two unsettled deliveries of one case")
        b.done(d)


@check
def two_consumers_never_hold_one_case_together(t):
    a, b1, b2, case = t.session("a"), t.session("b"), t.session("b"), os.urandom(16)
    for b in (b1, b2):
        b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    sent = [t.published(a, case=case) for _ in range(6)]
    for m in sent:
        holder, d = None, None
        deadline = time.monotonic() + sc.WAIT
        while d is None and time.monotonic() < deadline:
            for b in (b1, b2):
                try:
                    holder, d = b, b.delivery(1, 0.1)
                    break
                except Timeout:
                    pass
        that(d and d.id == m.id, f"{d}, wanted {m}")
        other = b2 if holder is b1 else b1
        that(other.no_delivery(seconds=0.2), "the other consumer got the next one meanwhile")
        holder.done(d)
        holder.credit(1, 1)


@check
def a_higher_lane_overtakes(t):
    a, b = t.session("a"), t.session("b")
    for _ in range(3):
        t.published(a)
    urgent = t.published(a, urgency=pb.URGENCY_EMERGENCY)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    b.done(delivery_of(t, b, urgent))


@check
def harm_now_makes_a_complaint_an_emergency(t):
    a, b = t.session("a"), t.session("b")
    t.published(a, urgency=pb.URGENCY_PRIORITY)
    facts = pb.Complaint.FromString(t.facts())
    facts.harm_now = True
    urgent = t.published(a, facts=facts.SerializeToString())
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    b.done(delivery_of(t, b, urgent))


@check
def a_higher_lane_lifts_its_whole_case(t):
    a, b, case = t.session("a"), t.session("b"), os.urandom(16)
    t.published(a)
    lifted = t.published(a, case=case)
    urgent = t.published(a, case=case, urgency=pb.URGENCY_EMERGENCY)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    b.done(delivery_of(t, b, lifted))
    b.credit(1, 1)
    b.done(delivery_of(t, b, urgent))


# --- ends of sessions ---


@check
def bye_gives_deliveries_back_without_an_attempt(t):
    a, b = t.session("a"), t.session("b")
    sent = [t.published(a) for _ in range(2)]
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    b.delivery(), b.delivery()
    b.bye()
    b = t.session("b")
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    for m in sent:
        d = delivery_of(t, b, m)
        that(d.attempt == 1 and not d.frame.suspect, d.frame)
    b.settle(1, 1, pb.SETTLE_ACTION_DONE, last=2)


@check
def unsubscribe_gives_deliveries_back_without_an_attempt(t):
    a, b = t.session("a"), t.session("b")
    m = t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    delivery_of(t, b, m)
    b.send(unsubscribe=pb.Unsubscribe(channel=1))
    b.subscribe(2, pb.SOURCE_MAILBOX, credit=5)
    d = delivery_of(t, b, m, channel=2)
    that(d.attempt == 1, d)
    b.done(d)


@check
@slow
def a_killed_consumer_costs_only_the_oldest_an_attempt(t):
    a, b = t.session("a"), t.session("b")
    sent = [t.published(a) for _ in range(3)]
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    for m in sent:
        delivery_of(t, b, m)
    start = time.monotonic()
    b.drop()
    b = t.session("b")
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=10)
    seen = {}
    while len(seen) < 3:
        d = b.delivery(1, SLOW)
        seen.setdefault(d.id, d)
        if d.frame.suspect:
            that(b.no_delivery(seconds=0.5), "something else went out beside a suspect")
        b.done(d)
    attempts = [seen[m.id].attempt for m in sent]
    that(attempts == [2, 1, 1], f"attempts {attempts}")
    that([seen[m.id].frame.suspect for m in sent[1:]] == [True, True], "not marked as suspects")
    return f"after {time.monotonic() - start:.1f} s"


@check
@slow
def a_silent_session_is_ended(t):
    b = t.session("b")
    b.silent = True
    interval = b.welcome.ping_interval_ms / 1000
    time.sleep(interval * 3 + 5)
    while b.receive(0.1):
        pass
    b.send(credit=pb.Credit(channel=1, messages=1))
    return await_error(b, pb.ERROR_CODE_NO_SESSION).text


# --- breaches ---


@check
def garbage_ends_only_its_own_session(t):
    other = t.session("b")
    for parts in ([b"\xff\xfe garbage"], [b""], [os.urandom(200)],
                  [pb.Frame(ping=pb.Ping(sent_at=1)).SerializeToString(), b"part too many"]):
        c = t.session("a")
        c.send_raw(parts)
        that(await_error(c, pb.ERROR_CODE_MALFORMED).fatal, "not fatal")
        c.send(ping=pb.Ping(sent_at=1))
        await_error(c, pb.ERROR_CODE_NO_SESSION)
        c.hello()
        c.ping()
    other.ping()


@check
def parts_over_their_limit_end_the_session(t):
    m = None
    for build in (lambda m: [m.envelope, b"x" * 65537], lambda m: [b"x" * 4097, m.facts],
                  lambda m: [m.envelope, m.facts, b"x" * 1048577],
                  lambda m: [m.envelope, m.facts, b"x", b"five"]):
        c = t.session("a")
        m = t.message()
        c.send_raw([pb.Frame(publish=pb.Publish(message_id=m.id)).SerializeToString(), *build(m)])
        that(await_error(c, pb.ERROR_CODE_TOO_LARGE).fatal, "not fatal")
        c.hello()
    c.send_raw([pb.Frame(bye=pb.Bye(reason="x" * 5000)).SerializeToString()])
    await_error(c, pb.ERROR_CODE_TOO_LARGE)


@check
def a_frame_over_the_transport_bound_cuts_the_connection_alone(t):
    other, c = t.session("b"), t.session("a")
    c.send_raw([b"x", b"y" * 2500000])
    time.sleep(1.0)
    c.waiting.clear()
    c.hello(timeout=20)
    other.ping()


@check
def channels_out_of_form_are_told_and_the_session_lives(t):
    c = t.session("b")
    c.credit(9, 1)
    that(not await_error(c, pb.ERROR_CODE_BAD_CHANNEL).fatal, "fatal")
    c.settle(9, 1, pb.SETTLE_ACTION_DONE, wait=False)
    await_error(c, pb.ERROR_CODE_BAD_CHANNEL)
    c.subscribe(3, pb.SOURCE_MAILBOX)
    for channel in (3, 0, 17):
        c.send(subscribe=pb.Subscribe(channel=channel, source=pb.SOURCE_MAILBOX))
        await_error(c, pb.ERROR_CODE_BAD_CHANNEL)
    c.send(subscribe=pb.Subscribe(channel=4, source=pb.SOURCE_LINK))
    e = await_error(c, pb.ERROR_CODE_NOT_ALLOWED)
    that(e.channel == 4 and not e.fatal, e)
    c.ping()


@check
def a_client_may_not_forward(t):
    c = t.session("a")
    m = t.message()
    c.send(m.envelope, m.facts, publish=pb.Publish(message_id=m.id, forward=pb.Forward(
        accepted_at=sc.now_ms(), recipients=[pb.Recipient(node=t.node["b"], role=1)])))
    return await_error(c, pb.ERROR_CODE_MALFORMED).text


@check
def operator_verbs_need_the_right(t):
    c = t.session("a")
    r = c.query("queues")
    that(r.code == 1 and not r.rows, r)
    c.ping()
    return r.text


# --- receipts, recall, subscriptions ---


@check
def the_receipt_policy_is_kept(t):
    a, b = t.session("a"), t.session("b")
    a.subscribe(1, pb.SOURCE_RECEIPTS, credit=100)
    quiet = t.published(a, receipts=pb.RECEIPT_POLICY_FAILURES_ONLY)
    chatty = t.published(a, receipts=pb.RECEIPT_POLICY_WITH_DEPOSITED)
    await_receipt(a, chatty, pb.RECEIPT_LEVEL_DEPOSITED, t.node["b"])
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    b.done(delivery_of(t, b, quiet))
    b.done(delivery_of(t, b, chatty))
    await_receipt(a, chatty, pb.RECEIPT_LEVEL_COLLECTED, t.node["b"])
    await_outcome(a, quiet, t.node["b"], "COLLECTED")
    try:
        while True:
            d = a.delivery(1, 1.0)
            r = d.receipt()
            that((r.message_id, r.recipient) != (quiet.id, t.node["b"]), f"receipt nobody wanted: {r}")
            a.done(d)
    except Timeout:
        pass


def recall(t, c, message_id):
    facts = pb.RecallOrder(message_id=message_id, reason_code="TEST").SerializeToString()
    e = pb.Envelope(message_id=sc.uuid7(), kind=pb.MESSAGE_KIND_RECALL_ORDER, schema=1, sender=c.node,
                    created_at=sc.now_ms(), facts_sha256=sc.sha256(facts))
    return c.publish(sc.Message(e.SerializeToString(), facts))


@check
def a_message_is_withdrawn_before_it_is_collected(t):
    a, b = t.session("a"), t.session("b")
    a.subscribe(1, pb.SOURCE_RECEIPTS, credit=100)
    m = t.published(a)
    r = recall(t, a, m.id)
    that(r.verdict == pb.VERDICT_ACCEPTED, verdict(r))
    _, receipt = await_receipt(a, m, pb.RECEIPT_LEVEL_RECALLED, t.node["b"], timeout=20)
    that(receipt.cause == pb.RECEIPT_CAUSE_RECALLED_BY_SENDER, receipt)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    that(b.no_delivery(), "delivered though withdrawn")
    await_outcome(a, m, t.node["b"], "RECALLED")


@check
def a_message_out_at_a_consumer_is_collected_in_spite_of_a_recall(t):
    a, b = t.session("a"), t.session("b")
    a.subscribe(1, pb.SOURCE_RECEIPTS, credit=100)
    m = t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    d = delivery_of(t, b, m)
    that(recall(t, a, m.id).verdict == pb.VERDICT_ACCEPTED, "recall")
    time.sleep(1.0)
    that(b.done(d).done, "could not be settled")
    await_receipt(a, m, pb.RECEIPT_LEVEL_COLLECTED, t.node["b"])


@check
def recalls_of_nothing_and_of_others_are_refused(t):
    a, b = t.session("a"), t.session("b")
    r = recall(t, a, sc.uuid7())
    that(names(r.reasons) == ["NO_SUCH_MESSAGE"], verdict(r))
    m = t.published(a)
    r = recall(t, b, m.id)
    that(names(r.reasons) == ["NOT_YOURS"], verdict(r))
    code, rows = b.outcome(m.id)
    that(code == 1 and not rows, f"B may see the outcome of A's message: {rows}")


@check
def a_named_subscription_is_durable_and_gets_facts_only(t):
    a, b, name = t.session("a"), t.session("b"), "conformance-" + os.urandom(4).hex()
    kinds = pb.Filter(kinds=[pb.MESSAGE_KIND_COMPLAINT], regions=[t.o.region])
    b.send(subscribe=pb.Subscribe(channel=1, source=pb.SOURCE_NAMED, name=name))
    await_error(b, pb.ERROR_CODE_NO_SUBSCRIPTION)
    try:
        b.subscribe(2, pb.SOURCE_NAMED, name=name, filter=kinds)
    except ProtocolError as e:
        if e.code == pb.ERROR_CODE_NOT_ALLOWED:
            raise Skipped(f"{t.node['b']} may not subscribe to {t.o.region}") from None
        raise
    b.bye()
    m = t.published(a, sealed=os.urandom(300))
    other = t.published(a, kind=9002, facts=b"")
    b = t.session("b")
    s = b.subscribe(1, pb.SOURCE_NAMED, credit=10, name=name)
    that(s.queued == 1 and not s.overrun, s)
    d = delivery_of(t, b, m)
    that(d.frame.role == pb.RECIPIENT_ROLE_SUBSCRIBER and d.frame.recipient == t.node["b"], d.frame)
    that(d.envelope == m.envelope and d.facts == m.facts and d.sealed == b"", "not facts only")
    that(b.no_delivery(), f"more than the filter wants, {other}?")
    b.done(d)
    b.send(subscribe=pb.Subscribe(channel=2, source=pb.SOURCE_NAMED, name=name,
                                  filter=pb.Filter(kinds=[pb.MESSAGE_KIND_CASE_OPENED],
                                                   regions=[t.o.region])))
    await_error(b, pb.ERROR_CODE_NO_SUBSCRIPTION)
    b.send(unsubscribe=pb.Unsubscribe(channel=1))
    b.send(unsubscribe=pb.Unsubscribe(drop_name=name))
    b.send(subscribe=pb.Subscribe(channel=3, source=pb.SOURCE_NAMED, name=name))
    await_error(b, pb.ERROR_CODE_NO_SUBSCRIPTION)


@check
def a_filter_outside_the_scope_is_not_allowed(t):
    b = t.session("b")
    b.send(subscribe=pb.Subscribe(channel=1, source=pb.SOURCE_NAMED, name="outside",
                                  filter=pb.Filter(regions=["91"])))
    e = await_error(b, pb.ERROR_CODE_NOT_ALLOWED)
    that(e.channel == 1 and not e.fatal, e)
    return e.text


# --- running them ---


def run(t, function):
    start, word, seen = time.monotonic(), "ok", None
    try:
        t.drain()
        seen = function(t)
    except Skipped as e:
        word, seen = "skip", e
    except (Failed, Timeout, ProtocolError) as e:
        word, seen = "FAIL", e
    except Exception:  # a fault of the check itself: as bad as a failure
        word, seen = "FAIL", traceback.format_exc()
    try:
        t.finish()
    except (Timeout, ProtocolError) as e:
        word, seen = "FAIL", f"{seen}; and at the end: {e}"
    t.open = []
    title = function.__name__.replace("_", " ")
    line = f"{word:4} {title} ({time.monotonic() - start:.1f} s)"
    print(line + (f": {seen}" if seen is not None else ""), flush=True)
    return word


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("endpoint")
    p.add_argument("server_key")
    p.add_argument("key_a", help="key file of the node that publishes")
    p.add_argument("key_b", help="key file of the node that consumes")
    p.add_argument("--node-a", help="node id key A must act for")
    p.add_argument("--peer", "--node-b", dest="peer", help="node id key B must act for")
    p.add_argument("--region", default="3203", help="region of the messages, within B's scope")
    p.add_argument("--quick", action="store_true", help="leave out what waits for dead sessions")
    p.add_argument("--only", default="*", help="pattern of checks to run, such as '*lane*'")
    p.add_argument("--list", action="store_true")
    o = p.parse_args()
    chosen = [c for c in CHECKS if fnmatch.fnmatch(c.__name__, o.only.replace(" ", "_")) and
              not (o.quick and getattr(c, "slow", False))]
    if o.list:
        print("\n".join(c.__name__ for c in chosen))
        return 0
    t = Bench(o)
    try:
        for who in "ab":
            t.session(who)
        t.finish()
    except (Timeout, ProtocolError) as e:
        print(f"conformance: no session at {o.endpoint}: {e}", file=sys.stderr)
        return 2
    words = [run(t, c) for c in chosen]
    print(f"{words.count('ok')} ok, {words.count('FAIL')} failed, {words.count('skip')} skipped")
    return 1 if "FAIL" in words or not words else 0


if __name__ == "__main__":
    sys.exit(main())
