# SPDX-License-Identifier: Apache-2.0
"""What the kernel is asked for while messages follow one another: that idle processors stay awake.

The broker sees a /dev of its own, in which the kernel's file is an ordinary one that can be read.
That needs leave to mount: without it the test is skipped (77).
"""
import json
import os
import struct
import subprocess

from cluster import Cluster, Skipped, main, wait_for
from test_journal import UNSHARE

ANY = 2000000000  # the kernel's word for: sleep as you like
SLEEP = "idle processors sleep between messages"
NODES = ("dsk/3203", "dsk/3302")


def own_dev(c, make):
    """Start a program with this in front of it: /dev is made anew, make(path) its file."""
    dev = os.path.join(c.folder, "dev")
    os.mkdir(dev)
    asked = os.path.join(c.folder, "asked")
    make(asked)
    kind = "mkdir" if os.path.isdir(asked) else "touch"
    script = f'mount -t tmpfs tmpfs {dev} && mkdir {dev}/shm && {kind} {dev}/cpu_dma_latency && ' \
             f'for n in null zero full random urandom; do ' \
             f'touch {dev}/$n && mount --bind /dev/$n {dev}/$n || exit 1; done && ' \
             f'mount --bind /dev/shm {dev}/shm && mount --bind {asked} {dev}/cpu_dma_latency && ' \
             f'mount --rbind {dev} /dev && exec "$@"'
    if subprocess.run([*UNSHARE, "sh", "-c", script, "sh", "true"],
                      capture_output=True).returncode != 0:
        raise Skipped("no leave to mount")
    return (*UNSHARE, "sh", "-c", script, "sh"), asked


def work(make, keep):
    """Two hundred messages; returns what the kernel was asked for and what the log says."""
    with Cluster(config={"node": {"stay-awake": keep}}) as c:
        for node in NODES:
            c.client(node, "hub")
        c.ctl("hub", "node", "import", c.directory())
        wrap, asked = own_dev(c, make)
        c.start("hub", wrap=wrap)
        messages = [c.message(NODES[0], NODES[1]) for _ in range(200)]
        c.ctl(NODES[0], "publish", "-", input="\n".join(json.dumps(m) for m in messages))
        if os.path.isfile(asked) and os.path.getsize(asked) > 0:
            wait_for("the processors to be let go", lambda: words(asked)[-1] == ANY)
        return words(asked) if os.path.isfile(asked) else [], c.tail()


def words(path):
    with open(path, "rb") as f:
        return [x for x, in struct.iter_unpack("=i", f.read())]


def touch(path):
    open(path, "w").close()


def awake_while_messages_come():
    asked, log = work(touch, "1s")
    assert len(asked) >= 2 and asked[0::2] == [0] * len(asked[0::2]), asked
    assert asked[1::2] == [ANY] * len(asked[0::2]), asked
    assert SLEEP not in log, log


def never_when_it_should_not():
    asked, log = work(touch, "0")
    assert asked == [] and SLEEP not in log, (asked, log)


def said_when_it_may_not():
    _, log = work(os.mkdir, "1s")
    assert SLEEP + ": /dev/cpu_dma_latency: Is a directory" in log, log


if __name__ == "__main__":
    main([awake_while_messages_come, never_when_it_should_not, said_when_it_may_not])
