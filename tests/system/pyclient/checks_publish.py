# SPDX-License-Identifier: Apache-2.0
"""PUBLISH and its verdicts."""

import os
import time

import serasi_client as sc
from bench import (Failed, Skipped, await_outcome, check, delivery_of, names, that,
                   verdict)
from serasi_client import ProtocolError, pb


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
                  cluster=0, facts_digest=os.urandom(32))
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


def refused(a, codes, m):
    codes = {codes} if isinstance(codes, str) else set(codes)
    r = a.publish(m)
    found = codes & set(names(r.reasons))
    that(r.verdict == pb.VERDICT_REFUSED and found, f"{codes}: {verdict(r)}")
    return found.pop()


@check
def an_unknown_recipient_is_refused(t):
    return refused(t.session("a"), "UNKNOWN_RECIPIENT", t.message(to="dsk/0000"))


@check
def times_out_of_range_are_refused(t):
    a, now = t.session("a"), sc.now_ms()
    return [refused(a, "BAD_TIME", t.message(created_at=now + 3600000)),
            refused(a, "BAD_TIME", t.message(created_at=0)),
            refused(a, "EXPIRED", t.message(expires_at=now - 1000)),
            refused(a, "BAD_EXPIRY", t.message(expires_at=now + 400 * 86400000))]


@check
def missing_and_forbidden_values_are_refused(t):
    a = t.session("a")
    two = pb.Audience(to=[t.node["b"]], scope=["32"])

    return [refused(a, "URGENCY_MISSING", t.complaint(urgency=0)),
            refused(a, "URGENCY_NOT_ALLOWED", t.complaint(urgency=pb.URGENCY_EVENT)),
            refused(a, "BAD_SCHEMA", t.complaint(schema=0)),
            refused(a, "NO_AUDIENCE", t.complaint(audience=two)),
            refused(a, "NO_AUDIENCE", t.message(to=[])),
            refused(a, "SCOPE_NOT_ALLOWED", t.complaint(audience=pb.Audience(scope=["32"]))),
            refused(a, "RESERVED_KIND", t.complaint(
                kind=pb.MESSAGE_KIND_RECEIPT, facts=pb.Receipt(
                    message_id=sc.uuid7(), recipient=t.node["b"], leg=a.welcome.broker, said_at=1,
                    level=pb.RECEIPT_LEVEL_COLLECTED).SerializeToString())),
            refused(a, ("FACTS_UNREADABLE", "MALFORMED"), t.complaint(facts=b"\x0a\xff\xff")),
            refused(a, "DIGEST_MISMATCH", t.complaint(sealed=b"x", sealed_digest=b"")),
            refused(a, "R-004", t.complaint(
                kind=pb.MESSAGE_KIND_REFERRAL_REQUEST, facts=pb.ReferralRequest(
                    documents=[pb.DocumentRef(number="3203050101900001")]).SerializeToString())),
            refused(a, "R-004", t.complaint(message_id=b"3203050101900001")),
            refused(a, "R-004", t.complaint(case=b"3203050101900001"))]


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


# --- signatures (section 6.3) ---


def signer_of(t, session):
    if not session.signer:
        raise Skipped("the key file of A has no signing key")
    return session.signer


@check
def a_message_of_a_node_with_a_signing_key_must_be_signed(t):
    a = t.session("a")
    signer_of(t, a)
    m = t.message()
    unsigned = sc.Message(m.envelope, m.facts, signature=b"")
    refused(a, "UNSIGNED", unsigned)
    that(a.publish(m).verdict == pb.VERDICT_ACCEPTED, "signed it is not accepted")
    r = a.publish(unsigned)
    that(r.verdict == pb.VERDICT_DUPLICATE, f"again, without a signature: {verdict(r)}")


@check
def a_signature_that_does_not_hold_is_refused(t):
    a, b = t.session("a"), t.session("b")
    signer = signer_of(t, a)
    m, other = t.message(), t.message()
    good = pb.Signature.FromString(signer.sign([m.envelope])[0])

    def changed(**fields):
        s = pb.Signature()
        s.CopyFrom(good)
        for name, value in fields.items():
            if name == "path":
                s.path[:] = value
            else:
                setattr(s, name, value)
        return s.SerializeToString()

    bad = {
        "of another message": signer.sign([other.envelope])[0],
        "of another key": signer_of(t, b).sign([m.envelope])[0],
        "of another key under our key id": pb.Signature(
            key=signer.id, size=1, ed25519=pb.Signature.FromString(
                b.signer.sign([m.envelope])[0]).ed25519).SerializeToString(),
        "changed": changed(ed25519=bytes([good.ed25519[0] ^ 1]) + good.ed25519[1:]),
        "with S above the group order": changed(ed25519=good.ed25519[:32] + b"\xff" * 32),
        "index beyond the tree": changed(index=1),
        "of a larger tree": changed(size=2),
        "with a path too many": changed(path=[b"\0" * 32]),
        "without leaves": changed(size=0),
        "cut": good.ed25519[:20],
        "no Signature": b"\xff" * 80,
    }
    for name, signature in bad.items():
        try:
            refused(a, "BAD_SIGNATURE", sc.Message(m.envelope, m.facts, signature=signature))
        except Failed as e:
            raise Failed(f"{name}: {e}") from e
    that(a.publish(m).verdict == pb.VERDICT_ACCEPTED, "afterwards the good one is not accepted")
    return list(bad)


@check
def messages_signed_as_one_tree_are_accepted_in_any_order(t):
    a, b = t.session("a"), t.session("b")
    signer = signer_of(t, a)
    for n in (2, 3, 7):
        list_ = [t.message() for _ in range(n)]
        for m, s in zip(list_, signer.sign([m.envelope for m in list_])):
            m.signature = s
        for m in reversed(list_):
            r = a.publish(m)
            that(r.verdict == pb.VERDICT_ACCEPTED, f"tree of {n}: {verdict(r)}")
        wrong = sc.Message(t.message().envelope, list_[0].facts, signature=list_[0].signature)
        that(a.publish(wrong).verdict == pb.VERDICT_REFUSED, "a leaf of another envelope")


@check
def a_delivery_has_the_signature_of_its_sender(t):
    a, b = t.session("a"), t.session("b")
    signer = signer_of(t, a)
    m = t.published(a)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    d = delivery_of(t, b, m)
    that(d.frame.signature == m.signature, "the signature is not the one that was sent")
    that(sc.signature_holds(d.frame.signature, d.envelope, signer.public), "it does not hold")
    b.done(d)


@check
def a_receipt_is_signed_by_the_broker_that_says_it(t):
    a, b = t.session("a"), t.session("b")
    signer_of(t, a)
    a.subscribe(1, pb.SOURCE_RECEIPTS, credit=50)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=5)
    for _ in range(3):
        m = t.published(a)
        b.done(delivery_of(t, b, m))
        d = a.delivery()
        that(d.receipt().message_id == m.id, d)
        s = pb.Signature.FromString(d.frame.signature)
        that(len(s.ed25519) == 64 and len(s.key) == 8, "the receipt is not signed")
        root = sc.tree_root_by_path(sc.leaf(d.envelope), s.index, s.size, s.path)
        that(root is not None, "its path leads nowhere")
        a.done(d)


@check
def an_endless_signature_ends_the_session(t):
    a = t.session("a")
    m = t.message()
    m.signature = b"\x12" * 600
    a.send_publish(m)
    try:
        a.result_of(m.id)
    except ProtocolError as e:
        that(e.code == pb.ERROR_CODE_MALFORMED, e)
        return
    raise Failed("it was answered")
