# SPDX-License-Identifier: Apache-2.0
"""Orders for the library that sits under a daemon (tests/fault/preload.h): a disk that is slow,
fails or loses its power, and a clock that jumps. They hold at once, also while the daemon runs.

    under = Under(cluster, "hub")
    under.orders.cut_at, under.orders.cut_seed = 100, 7
    under.start()
    assert under.wait() == CUT
"""
import ctypes
import mmap
import os
import socket

import cluster

LIBRARY = os.environ.get("SERASI_PRELOAD_LIBRARY",
                         os.path.join(cluster.BIN, "../tests/libserasi-preload.so"))
WRITE, SYNC, TRUNCATE, UNLINK, OPEN, READ = 1, 2, 4, 8, 16, 32
CALLS = {WRITE: "write", SYNC: "sync", TRUNCATE: "truncate", UNLINK: "unlink", OPEN: "open",
         READ: "read", 0: "none"}
LIE_NONE, LIE_ALL, LIE_COMMIT = 0, 1, 2
CUT = 99  # exit status of a daemon whose power was cut


class Orders(ctypes.Structure):
    _fields_ = [("clock_offset_ms", ctypes.c_int64), ("sync_delay_us", ctypes.c_int64)] + [
        (name, ctypes.c_uint64) for name in [
            "fault_calls", "fault_at", "fault_count", "fault_errno", "cut_at", "cut_seed",
            "cut_keep", "lie", "calls", "hits", "hit_call", "steps", "cut_unsynced", "cut_kept"]]


class Under:
    """The library under one broker of a cluster."""

    def __init__(self, c, node, data=None):
        self.c, self.node = c, node
        self.data = data or os.path.join(c.dir(node), "data")
        self.path = os.path.join(c.dir(node), "orders")
        with open(self.path, "wb") as f:
            f.write(bytes(ctypes.sizeof(Orders)))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.orders = Orders.from_buffer(self.map)

    def reset(self):
        """Orders of before and all counts are forgotten; between two runs of the daemon."""
        ctypes.memset(ctypes.addressof(self.orders), 0, ctypes.sizeof(Orders))

    def env(self):
        if not os.path.exists(LIBRARY):
            raise AssertionError(f"{LIBRARY} is missing: build the tests first")
        link = os.path.join(self.c.folder, "preload.so")  # a space would end a name in LD_PRELOAD
        if not os.path.islink(link):
            os.symlink(os.path.abspath(LIBRARY), link)
        return {"LD_PRELOAD": link, "SERASI_PRELOAD": self.path,
                "SERASI_PRELOAD_PREFIX": os.path.join(os.path.realpath(self.data), "serasid.db")}

    def start(self, wait=False, env=None, **kw):
        return self.c.start(self.node, wait=wait, env={**self.env(), **(env or {})}, **kw)


class Notify:
    """The socket of a service manager: what sd_notify() of a daemon says."""

    def __init__(self, c):
        self.path = os.path.join(c.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(self.path)
        self.env = {"NOTIFY_SOCKET": self.path}

    def next(self, timeout):
        """One notification as a dict, None when the time is up."""
        self.socket.settimeout(timeout)
        try:
            text = self.socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def drain(self):
        """All that waits, at once."""
        got = []
        while (n := self.next(0)) is not None:
            got.append(n)
        return got

    def wait_ready(self, process, timeout=cluster.PATIENCE):
        """True when it is ready, False when it ended before."""
        def said():
            n = self.next(0.05)
            if n and n.get("READY") == "1":
                return "ready"
            return "ended" if n is None and process.poll() is not None else None
        return cluster.wait_for("the daemon to be ready or to end", said, timeout) == "ready"
