# SPDX-License-Identifier: Apache-2.0
"""Channels, credit, settling, order and lanes."""

import os
import time

import serasi_client as sc
from bench import Failed, await_outcome, await_receipt, check, delivery_of, that
from serasi_client import Timeout, pb


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
    that(row["level"] == "PENDING" and row["role"] == "addressee", row)
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


def comes_early(t, b, m):
    """Lower lanes have a minimum share, so a few of theirs may come first, but not all."""
    for _ in range(4):
        d = b.delivery()
        b.done(d)
        b.credit(1, 1)
        if d.id == m.id:
            return
    raise Failed(f"{m} was not among the first four")


@check
def a_higher_lane_overtakes(t):
    a, b = t.session("a"), t.session("b")
    for _ in range(8):
        t.published(a)
    urgent = t.published(a, urgency=pb.URGENCY_EMERGENCY)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    comes_early(t, b, urgent)


@check
def harm_now_makes_a_complaint_an_emergency(t):
    a, b = t.session("a"), t.session("b")
    for _ in range(8):
        t.published(a, urgency=pb.URGENCY_PRIORITY)
    facts = pb.Complaint.FromString(t.facts())
    facts.harm_now = True
    urgent = t.published(a, t.complaint(facts=facts.SerializeToString()))
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    comes_early(t, b, urgent)


@check
def a_higher_lane_lifts_its_whole_case(t):
    a, b, case = t.session("a"), t.session("b"), os.urandom(16)
    for _ in range(8):
        t.published(a)
    lifted = t.published(a, case=case)
    urgent = t.published(a, case=case, urgency=pb.URGENCY_EMERGENCY)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    comes_early(t, b, lifted)
    comes_early(t, b, urgent)
