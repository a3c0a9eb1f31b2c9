# SPDX-License-Identifier: Apache-2.0
"""A full disk: intake closes with STORE_FULL, what is urgent and what is settled still goes through,
nothing is lost, and intake opens again by itself. A small tmpfs is mounted, as root or in a user
namespace."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import serasi_client as sc  # noqa: E402
from cluster import Cluster, Skipped, main, wait_for  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

HOME = "upt/phala-martha"


class SmallDisk:
    def __init__(self, path, megabytes):
        self.path = path
        os.makedirs(path, exist_ok=True)
        p = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs",
                            path], capture_output=True, text=True)
        if p.returncode != 0:
            raise Skipped(f"no leave to mount a small disk: {p.stderr.strip()}")

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
    return Message(sc.envelope(sc.OPAQUE, "dsk/3203", "uptd/32/pa-02", facts,
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
            a = connect(c, "dsk/3203")
            ids, refused = fill(a)
            print(f"   {len(ids)} accepted, {disk.free() >> 20} MiB free at the mark", flush=True)
            assert disk.free() > 4 << 20, "the mark must hold however fast messages come"
            assert c.status(HOME)["intake"] == "closed"
            urgent = message(pb.URGENCY_EMERGENCY, 500)
            assert a.publish(urgent).verdict == pb.VERDICT_ACCEPTED, "EMERGENCY keeps headroom"
            a.bye()  # who says nothing for long has no session any more: each opens one when it works
            got = drain(connect(c, "uptd/32/pa-02"), len(ids) + 1)
            assert sorted(got) == sorted(ids + [urgent.id])
            a = connect(c, "dsk/3203")

            def again():
                return a.publish(refused).verdict == pb.VERDICT_ACCEPTED
            wait_for("intake to open by itself", again, 60)
            c.ctl(HOME, "check")
            c.stop(HOME)


def hog(path, size=None):
    """A file of another program: of that size, or of all that is left."""
    with open(path, "wb") as f:
        try:
            while size is None or size > 0:
                f.write(bytes(1 << 16))
                f.flush()
                size = None if size is None else size - (1 << 16)
        except OSError:
            pass


def a_really_full_disk_loses_nothing_and_recovers_without_a_restart():
    with Cluster([HOME], config={"store": {"free-low": "0", "free-high": "0", "ballast": "2M",
                                           "retention": "1h"}}) as c:
        for node in ["dsk/3203", "uptd/32/pa-02"]:
            c.client(node, HOME)
        with SmallDisk(os.path.join(c.dir(HOME), "data"), 96) as disk:
            c.up()
            hog(os.path.join(disk.path, "other"), 48 << 20)
            a = connect(c, "dsk/3203")
            ids, refused = fill(a)
            a.bye()
            b = connect(c, "uptd/32/pa-02")
            hog(os.path.join(disk.path, "another"))
            print(f"   {len(ids)} accepted, {disk.free() >> 10} KiB free", flush=True)
            b.subscribe(1, pb.SOURCE_MAILBOX, credit=8)
            held = [b.delivery() for _ in range(8)]
            for d in held:  # with no room at all the answer may have to wait, and must not be a lie
                b.settle(1, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
            time.sleep(4)
            assert c.process[HOME].poll() is None, "a full disk must not end the broker"
            for name in ["other", "another"]:
                os.unlink(os.path.join(disk.path, name))
            got = [d.id for d in held]
            b.credit(1, 8)
            while len(got) < len(ids):
                d = b.delivery(timeout=30)
                got.append(d.id)
                b.settle(1, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
                b.credit(1, 1)
            assert sorted(got) == sorted(ids)
            a = connect(c, "dsk/3203")

            def again():
                time.sleep(0.5)
                return a.publish(refused).verdict in (pb.VERDICT_ACCEPTED, pb.VERDICT_DUPLICATE)
            wait_for("intake to open when there is room", again, 60)
            d = b.delivery(timeout=20)
            assert d.id == refused.id
            b.settle(1, d.tag, pb.SETTLE_ACTION_DONE, wait=False)
            for i in [ids[0], ids[-1], refused.id]:
                wait_for("the outcome", lambda: all(
                    r["level"] == "COLLECTED" for r in a.outcome(i)[1]))
            c.ctl(HOME, "check")
            c.stop(HOME)
            c.start(HOME)
            c.ctl(HOME, "check")
            c.stop(HOME)


if __name__ == "__main__":
    if os.geteuid() != 0 and subprocess.run(["unshare", "-r", "-m", "true"],
                                            capture_output=True).returncode == 0:
        os.execvp("unshare", ["unshare", "-r", "-m", sys.executable, *sys.argv])
    main([intake_closes_at_the_mark_and_opens_again,
          a_really_full_disk_loses_nothing_and_recovers_without_a_restart])
