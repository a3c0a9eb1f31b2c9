# SPDX-License-Identifier: Apache-2.0
"""HELLO, PING, the ends of sessions, and what a broken peer meets."""

import os
import time

import serasi_client as sc
from bench import SLOW, Failed, await_error, check, delivery_of, slow, that
from serasi_client import pb


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


# --- ends ---


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
    time.sleep(interval * 4)
    while b.receive(0.1):
        pass
    b.send(credit=pb.Credit(channel=1, messages=1))
    return await_error(b, pb.ERROR_CODE_NO_SESSION).text


# --- breaches ---


@check
def garbage_ends_only_its_own_session(t):
    other = t.session("b")
    for parts in ([b"\xff\xfe garbage"], [b""], [os.urandom(200)]):
        c = t.session("a")
        c.send_raw(parts)
        that(await_error(c, pb.ERROR_CODE_MALFORMED).fatal, "not fatal")
        c.send(ping=pb.Ping(sent_at=1))
        await_error(c, pb.ERROR_CODE_NO_SESSION)
        c.hello()
        c.ping()
    other.ping()


@check
def parts_where_none_belong_are_malformed(t):
    c = t.session("a")
    c.send_raw([pb.Frame(ping=pb.Ping(sent_at=1)).SerializeToString(), b"part too many"])
    that(await_error(c, pb.ERROR_CODE_MALFORMED, 3.0).fatal, "not fatal")


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
def wrong_channels_are_told_and_the_session_lives(t):
    c = t.session("b")
    c.credit(9, 1)
    that(not await_error(c, pb.ERROR_CODE_BAD_CHANNEL).fatal, "fatal")
    c.settle(9, 1, pb.SETTLE_ACTION_DONE, wait=False)
    await_error(c, pb.ERROR_CODE_BAD_CHANNEL)
    c.subscribe(3, pb.SOURCE_MAILBOX)
    c.send(subscribe=pb.Subscribe(channel=3, source=pb.SOURCE_MAILBOX))
    await_error(c, pb.ERROR_CODE_BAD_CHANNEL)
    c.send(subscribe=pb.Subscribe(channel=4, source=pb.SOURCE_LINK))
    e = await_error(c, pb.ERROR_CODE_NOT_ALLOWED)
    that(e.channel == 4 and not e.fatal, e)
    c.ping()


@check
def values_outside_their_form_are_malformed(t):
    for frame in (dict(subscribe=pb.Subscribe(channel=0, source=pb.SOURCE_MAILBOX)),
                  dict(subscribe=pb.Subscribe(channel=17, source=pb.SOURCE_MAILBOX)),
                  dict(subscribe=pb.Subscribe(channel=1)),
                  dict(subscribe=pb.Subscribe(channel=1, source=pb.SOURCE_NAMED, name="A b")),
                  dict(publish=pb.Publish(message_id=b"short")),
                  dict(settle=pb.Settle(channel=1, settlements=[pb.Settlement(first_tag=1)])),
                  dict(settle=pb.Settle(channel=1, settlements=[
                      pb.Settlement(first_tag=1, action=pb.SETTLE_ACTION_DONE)] * 257)),
                  dict(welcome=pb.Welcome(protocol=1, broker="hub", node="hub"))):
        c = t.session("a")
        c.send(**frame)
        try:
            that(await_error(c, pb.ERROR_CODE_MALFORMED, 3.0).fatal, "not fatal")
        except Failed as e:
            raise Failed(f"{frame}: {e}".replace("\n", " ")[:300]) from None


@check
def a_client_may_not_forward(t):
    c = t.session("a")
    m = t.message()
    c.send(m.envelope, m.facts, publish=pb.Publish(message_id=m.id, forward=pb.Forward(
        accepted_at=sc.now_ms(), recipients=[pb.Recipient(node=t.node["b"], role=1)])))
    e = await_error(c, pb.ERROR_CODE_NOT_ALLOWED)
    that(e.fatal, "not fatal")
    return e.text


@check
def operator_verbs_need_the_right(t):
    c = t.session("a")
    r = c.query("queues")
    that(r.code == 1 and not r.rows, r)
    c.ping()
    return r.text
