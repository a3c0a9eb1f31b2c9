# SPDX-License-Identifier: Apache-2.0
"""A disk that fails under the broker: writes and syncs answered with an error at some call (strace).

After EIO the broker answers nothing more and exits with 74; after ENOSPC it may put messages off.
Either way all that was ever answered ACCEPTED is there after a restart, and the store is sound.
Needs strace.
"""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import serasi_client as sc  # noqa: E402
from cluster import Cluster, main, need_root, wait_for  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

HOME = "hub"
IO_ERROR = 74
FAULTS = [  # call, error, at which call from the time the broker is ready
    ("fdatasync", "EIO", 1), ("fdatasync", "EIO", 2), ("fdatasync", "EIO", 7),
    ("fdatasync", "EIO", 20), ("pwrite64", "EIO", 1), ("pwrite64", "EIO", 2),
    ("pwrite64", "EIO", 9), ("pwrite64", "EIO", 40), ("pwrite64", "EIO", 41),
    ("pwrite64", "ENOSPC", 1), ("pwrite64", "ENOSPC", 10), ("pwrite64", "ENOSPC", 41),
    ("fdatasync", "ENOSPC", 3),
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


def attach(process, call, error, when):
    """Injects from now on; the tracer ends with the broker."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={call}",
         "-e", f"inject={call}:error={error}:when={when}", "-p", str(process.pid)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def attached():
        for task in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{task}/status") as f:
                if "TracerPid:\t0\n" in f.read():
                    return False
        return True
    wait_for("strace to attach", attached, 10)
    return tracer


def publish_until(client, process, seconds):
    """Messages one after the other while the broker lives; (accepted, all)."""
    accepted, sent = [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None and len(sent) < 150:
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
    return accepted, sent


def survive(c, call, error, when):
    process = c.process[HOME]
    client = connect(c, "dsk/3203")
    tracer = attach(process, call, error, when)
    accepted, sent = publish_until(client, process, 2.5)
    if error == "EIO" or call == "fdatasync":
        assert process.wait(10) == IO_ERROR, f"exit {process.returncode}"
    else:
        assert process.poll() is None, f"a full disk ended it with {process.returncode}\n{c.tail()}"
        process.kill()
        process.wait()
    tracer.wait(10)
    client.drop()
    c.process.pop(HOME)

    c.start(HOME)
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
        c.up()
        for call, error, when in FAULTS:
            accepted, sent = survive(c, call, error, when)
            print(f"   {call} {error} at {when}: {accepted} of {sent} accepted", flush=True)


if __name__ == "__main__":
    if not shutil.which("strace"):
        sys.exit("needs strace")
    need_root()
    main([what_was_answered_survives_a_failing_disk])
