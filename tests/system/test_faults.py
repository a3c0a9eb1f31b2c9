# SPDX-License-Identifier: Apache-2.0
"""A disk that fails under the broker: writes and syncs answered with an error at some call (preload.py).

After EIO the broker answers nothing more and exits with 74; after ENOSPC it may put messages off.
Either way all that was ever answered ACCEPTED is there after a restart, and the store is sound.
"""
import errno
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import serasi_client as sc  # noqa: E402
from cluster import PATIENCE, Cluster, main  # noqa: E402
from preload import CALLS, SYNC, WRITE, Under  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

HOME = "hub"
IO_ERROR = 74
FAULTS = [  # call, error, at which call from the time the broker is ready
    (SYNC, errno.EIO, 1), (SYNC, errno.EIO, 2), (SYNC, errno.EIO, 7), (SYNC, errno.EIO, 20),
    (WRITE, errno.EIO, 1), (WRITE, errno.EIO, 2), (WRITE, errno.EIO, 9), (WRITE, errno.EIO, 40),
    (WRITE, errno.EIO, 41), (WRITE, errno.ENOSPC, 1), (WRITE, errno.ENOSPC, 10),
    (WRITE, errno.ENOSPC, 41), (SYNC, errno.ENOSPC, 3),
]


def connect(c, node):
    client = SerasiClient(c.endpoint(HOME), c.curve(HOME),
                          *sc.read_keys(os.path.join(c.dir(node), "keys")))
    client.hello()
    return client


def message():
    facts = pb.CaseResponse(emergency=True).SerializeToString()
    sealed = os.urandom(3000)
    return Message(sc.envelope(sc.OPAQUE, "dsk/3203", "dsk/3302", facts, sealed,
                               case_id=os.urandom(16)), facts, sealed)


def publish_through(client, process, orders):
    """Messages one after the other until the fault has come, and for two seconds more if the broker
    lives on; (accepted, all)."""
    accepted, sent, came = [], [], False
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None and len(sent) < 200:
        if orders.hits and not came:
            came, end = True, time.monotonic() + 2
        m = message()
        sent.append(m)
        try:
            r = client.publish(m, timeout=0.7)
        except sc.Timeout:
            continue
        if r.verdict == pb.VERDICT_ACCEPTED:
            accepted.append(m)
        else:
            assert r.verdict == pb.VERDICT_LATER, r
            time.sleep(0.05)
    assert orders.hits == 1, "the disk never failed"
    return accepted, sent


def survive(c, under, call, error, when):
    process = c.process[HOME]
    client = connect(c, "dsk/3203")
    orders = under.orders
    orders.fault_at, orders.fault_count, orders.fault_errno = when, 1, error
    orders.fault_calls = call  # counts from now on
    accepted, sent = publish_through(client, process, orders)
    if error == errno.EIO or call == SYNC:
        assert process.wait(10) == IO_ERROR, f"exit {process.returncode}"
    else:
        assert process.poll() is None, f"a full disk ended it with {process.returncode}\n{c.tail()}"
        process.kill()
        process.wait()
    client.drop()
    c.process.pop(HOME)

    under.reset()
    under.start(wait=True)
    client = connect(c, "dsk/3203")
    for m in accepted:
        r = client.publish(m)
        assert r.verdict == pb.VERDICT_DUPLICATE, f"lost: {m} {pb.Verdict.Name(r.verdict)}"
    for m in sent:  # what was not answered may be there or not, but comes in now
        assert client.publish(m).verdict in (pb.VERDICT_ACCEPTED, pb.VERDICT_DUPLICATE)
    client.bye()
    consumer = connect(c, "dsk/3302")
    consumer.subscribe(1, pb.SOURCE_MAILBOX, credit=256)
    got = []
    while len(got) < len(sent):
        d = consumer.delivery(timeout=20)
        got.append(d.id)
        consumer.settle(1, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
    assert sorted(got) == sorted(m.id for m in sent), "other messages, or one twice"
    consumer.ping()
    consumer.bye()
    c.ctl(HOME, "check")
    return len(accepted), len(sent)


def what_was_answered_survives_a_failing_disk():
    with Cluster() as c:
        for node in ["dsk/3203", "dsk/3302"]:
            c.client(node, HOME)
        c.ctl(HOME, "node", "import", c.directory())
        under = Under(c, HOME)
        under.start(wait=True)
        for call, error, when in FAULTS:
            accepted, sent = survive(c, under, call, error, when)
            print(f"   {CALLS[call]} {errno.errorcode[error]} at {when}: {accepted} of {sent} accepted",
                  flush=True)


if __name__ == "__main__":
    main([what_was_answered_survives_a_failing_disk])
