# SPDX-License-Identifier: Apache-2.0
"""A log that nobody reads: stderr is a full pipe, journald is stuck, the service manager does not
listen. The broker never waits for any of them; and it stops in order.

The stuck journald needs leave to mount: without it that part is skipped (77), the others run.
"""
import fcntl
import os
import random
import socket
import subprocess
import sys

from cluster import Cluster, Skipped, main
from load import Load
from preload import Notify

NODES = {"dsk/3203": "hub", "dsk/3302": "hub"}
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))


def fill(s, address):
    """A datagram socket that will take no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.setblocking(False)
        try:
            while True:
                out.sendto(b"PRIORITY=7\n", address)
        except BlockingIOError:
            return s


def work(prepare, config=None):
    """One broker under load; prepare(cluster) -> (wrap, environment, what must stay open)."""
    with Cluster(config=config) as c:
        for node, home in NODES.items():
            c.client(node, home)
        c.ctl("hub", "node", "import", c.directory())
        wrap, env, kept = prepare(c)
        c.start("hub", wrap=wrap, env=env)
        load = Load(c, NODES, random.Random(SEED)).start()
        load.flows(40, 40)
        load.end()
        load.judge()
        c.ctl("hub", "check")
        process = c.process["hub"]
        c.stop("hub")
        print(f"   {load.words()}; exit {process.returncode}", flush=True)
        del kept


def full_pipe(c):
    path = os.path.join(c.folder, "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    return ("sh", "-c", f'exec "$@" 2>{path}', "sh"), None, (reader, writer)


def nobody_reads_stderr():
    work(full_pipe)


def stuck_journal(c):
    folder = os.path.join(c.folder, "journal")
    os.mkdir(folder)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(os.path.join(folder, "socket"))
    fill(s, os.path.join(folder, "socket"))
    script = f'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && ' \
             f'mount --bind {folder} /run/systemd/journal && exec "$@"'
    return (*UNSHARE, "sh", "-c", script, "sh"), None, s


UNSHARE = ("unshare", *([] if os.geteuid() == 0 else ["-r"]), "-m")


def journald_is_stuck():
    if subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/run"],
                      capture_output=True).returncode != 0:
        raise Skipped("no leave to mount")
    work(stuck_journal, {"log": {"target": "journal"}})


def stuck_manager(c):
    n = Notify(c)
    fill(n.socket, n.path)
    return (), {**n.env, "WATCHDOG_USEC": "2000000"}, n


def the_service_manager_does_not_listen():
    work(stuck_manager)


if __name__ == "__main__":
    main([nobody_reads_stderr, journald_is_stuck, the_service_manager_does_not_listen])
