# SPDX-License-Identifier: Apache-2.0
"""A full disk: intake closes with STORE_FULL, what is urgent and what is settled still goes through,
nothing is lost, and intake opens again by itself. Needs root (a small tmpfs is mounted)."""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import serasi_client as sc  # noqa: E402
from cluster import Cluster, main, wait_for  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

HOME = "upt/phala-martha"


class SmallDisk:
    def __init__(self, path, megabytes):
        self.path = path
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", path],
                       check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)

    def free(self):
        v = os.statvfs(self.path)
        return v.f_bavail * v.f_frsize


def connect(c, node):
    client = SerasiClient(c.endpoint(HOME), c.curve(HOME),
                          *sc.read_keys(os.path.join(c.dir(node), "keys")))
    client.hello()
    return client


def message(urgency=pb.URGENCY_ROUTINE, size=20000):
    facts = pb.CaseResponse(emergency=True).SerializeToString()
    sealed = os.urandom(size)
    return Message(sc.envelope(pb.MESSAGE_KIND_CASE_RESPONSE, "dsk/3203", "uptd/32/pa-02", facts,
                               sealed, urgency=urgency), facts, sealed)


def fill(client, limit=5000):
    """Publishes until LATER; the ids accepted."""
    accepted = []
    for _ in range(limit):
        m = message()
        r = client.publish(m)
        if r.verdict == pb.VERDICT_LATER:
            assert [x.code for x in r.reasons] == ["STORE_FULL"], r
            assert r.retry_after_ms > 0
            return accepted, m
        assert r.verdict == pb.VERDICT_ACCEPTED, r
        accepted.append(m.id)
    raise AssertionError("the disk never filled")


def drain(client, n):
    client.subscribe(1, pb.SOURCE_MAILBOX, credit=32)
    got = []
    while len(got) < n:
        d = client.delivery(timeout=20)
        got.append(d.id)
        client.done(d)
        client.credit(1, 1)
    return got


def intake_closes_at_the_mark_and_opens_again():
    with Cluster([HOME], config={"store": {"free-low": "8M", "free-high": "10M", "ballast": "2M"}}) as c:
        for node in ["dsk/3203", "uptd/32/pa-02"]:
            c.client(node, HOME)
        with SmallDisk(os.path.join(c.dir(HOME), "data"), 48) as disk:
            c.up()
            a, b = connect(c, "dsk/3203"), connect(c, "uptd/32/pa-02")
            ids, refused = fill(a)
            print(f"   {len(ids)} accepted, {disk.free() >> 20} MiB free at the mark", flush=True)
            assert c.status(HOME)["intake"] == "closed"
            urgent = message(pb.URGENCY_EMERGENCY, 500)
            assert a.publish(urgent).verdict == pb.VERDICT_ACCEPTED, "EMERGENCY keeps headroom"
            got = drain(b, len(ids) + 1)
            assert sorted(got) == sorted(ids + [urgent.id])

            def again():
                return a.publish(refused).verdict == pb.VERDICT_ACCEPTED
            wait_for("intake to open by itself", again, 60)
            c.ctl(HOME, "check")
            c.stop(HOME)


def a_really_full_disk_loses_nothing_and_recovers_without_a_restart():
    with Cluster([HOME], config={"store": {"free-low": "0", "free-high": "0", "ballast": "2M",
                                           "retention": "1h"}}) as c:
        for node in ["dsk/3203", "uptd/32/pa-02"]:
            c.client(node, HOME)
        with SmallDisk(os.path.join(c.dir(HOME), "data"), 32) as disk:
            c.up()
            a, b = connect(c, "dsk/3203"), connect(c, "uptd/32/pa-02")
            ids, refused = fill(a)
            print(f"   {len(ids)} accepted, {disk.free() >> 10} KiB free", flush=True)
            got = drain(b, len(ids))
            assert sorted(got) == sorted(ids)
            subprocess.run(["mount", "-o", "remount,size=96m", disk.path], check=True)

            def again():
                time.sleep(0.5)
                return a.publish(refused).verdict in (pb.VERDICT_ACCEPTED, pb.VERDICT_DUPLICATE)
            wait_for("intake to open when there is room", again, 60)
            d = b.delivery(timeout=20)
            assert d.id == refused.id
            b.done(d)
            c.ctl(HOME, "check")
            c.stop(HOME)
            c.start(HOME)
            c.ctl(HOME, "check")
            c.stop(HOME)


if __name__ == "__main__":
    if os.geteuid() != 0 or not shutil.which("mount"):
        sys.exit("needs root: a tmpfs is mounted")
    main([intake_closes_at_the_mark_and_opens_again,
          a_really_full_disk_loses_nothing_and_recovers_without_a_restart])
