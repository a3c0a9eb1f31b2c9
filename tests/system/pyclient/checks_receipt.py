# SPDX-License-Identifier: Apache-2.0
"""Receipts, recalls and named subscriptions."""

import os
import time

import serasi_client as sc
from bench import (Skipped, await_error, await_outcome, await_receipt, check, delivery_of, names,
                   that, verdict)
from serasi_client import ProtocolError, Timeout, pb


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
                    created_at=sc.now_ms(), facts_digest=sc.digest(facts))
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
    r = recall(t, a, m.id)
    that(r.verdict == pb.VERDICT_REFUSED and
         names(r.reasons) == ["RECALLED_BEFORE", "RECALL_TOO_LATE"], verdict(r))
    m = t.published(a)
    that(b.done(delivery_of(t, b, m)).done, "could not be settled")
    await_receipt(a, m, pb.RECEIPT_LEVEL_COLLECTED, t.node["b"])
    r = recall(t, a, m.id)
    that(r.verdict == pb.VERDICT_ACCEPTED and names(r.reasons) == ["RECALL_TOO_LATE"], verdict(r))


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
def a_named_subscription_is_durable_and_gets_facts_only_unless_addressed(t):
    a, b, name = t.session("a"), t.session("b"), "conformance-" + os.urandom(4).hex()
    kinds = pb.Filter(kinds=[sc.OPAQUE], regions=[t.o.region])
    b.send(subscribe=pb.Subscribe(channel=1, source=pb.SOURCE_NAMED, name=name))
    await_error(b, pb.ERROR_CODE_NO_SUBSCRIPTION)
    try:
        b.subscribe(2, pb.SOURCE_NAMED, name=name, filter=kinds)
    except ProtocolError as e:
        if e.code == pb.ERROR_CODE_NOT_ALLOWED:
            raise Skipped(f"{t.node['b']} may not subscribe to {t.o.region}") from None
        raise
    b.bye()
    mine = t.published(a, sealed=os.urandom(300))
    theirs = t.published(a, sealed=os.urandom(300), to=t.node["a"])
    other = t.published(a, kind=9002, facts=b"")
    b = t.session("b")
    s = b.subscribe(1, pb.SOURCE_NAMED, credit=10, name=name)
    that(s.queued == 2 and not s.overrun, s)
    for m, sealed in ((mine, mine.sealed), (theirs, b"")):
        d = delivery_of(t, b, m)
        that(d.frame.role == pb.RECIPIENT_ROLE_SUBSCRIBER and d.frame.recipient == t.node["b"], d.frame)
        that((d.envelope, d.facts) == (m.envelope, m.facts), "other bytes")
        that(d.sealed == sealed, f"sealed part of {len(d.sealed)} bytes, wanted {len(sealed)}")
        b.done(d)
    that(b.no_delivery(), f"more than the filter wants, {other}?")
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
