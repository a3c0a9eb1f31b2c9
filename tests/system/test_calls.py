# SPDX-License-Identifier: Apache-2.0
"""The n-th call to the disk fails, for every n of a whole life: start, publish, deliver, settle,
stop. The daemon goes on or ends with a message and a status that is not 0; what was accepted is
there at the next start, and what was settled does not come again.

Environment: SERASI_SEED; SERASI_FAULTS, how many n of each kind (0 for all).
"""
import errno
import os
import random
import signal

from cluster import Cluster, main
from load import Load
from preload import CALLS, OPEN, READ, SYNC, TRUNCATE, UNLINK, WRITE, Notify, Under

NODES = {"dsk/3203": "hub", "dsk/3302": "hub"}
IO_ERROR = 74
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
FAULTS = int(os.environ.get("SERASI_FAULTS", 9))
CHANGES = WRITE | SYNC | TRUNCATE | UNLINK
# What fails, how, how many calls of it, and with which statuses a daemon may end.
KINDS = [
    ("EIO once", CHANGES | OPEN, errno.EIO, 1, (0, IO_ERROR)),
    ("EIO from there on", CHANGES | OPEN, errno.EIO, 1 << 40, (0, IO_ERROR)),
    ("EIO at reading", READ, errno.EIO, 1, (0, IO_ERROR)),
    ("ENOSPC once", WRITE | TRUNCATE, errno.ENOSPC, 1, (0,)),
    ("ENOSPC five times", WRITE | TRUNCATE, errno.ENOSPC, 5, (0, IO_ERROR)),
    ("short once", WRITE, 0, 1, (0,)),
    ("short nine times", WRITE, 0, 9, (0,)),
]


class Portions(Load):
    """So many messages of each publisher in each life, and no more."""
    portion = 0

    def quota(self, publisher):
        return self.portion


class Lives(Cluster):
    """One broker that lives many short lives under one load."""

    def __init__(self):
        super().__init__(config={"delivery": {"retry-first": "100ms", "retry-cap": "500ms"},
                                 "store": {"ballast": "1M", "free-low": "0", "free-high": "0"}})
        for node, home in NODES.items():
            self.client(node, home)
        self.ctl("hub", "node", "import", self.directory())
        self.under, self.notify = Under(self, "hub"), Notify(self)

    def live(self, load, work=3):
        """From start to stop, or as far as it comes; (exit status, what it said)."""
        self.log.seek(0, os.SEEK_END)
        begin = self.log.tell()
        self.notify.drain()
        load.broker("hub", "start")
        p = self.under.start(env=self.notify.env)
        if self.notify.wait_ready(p):
            load.portion += work
            load.flows(work, work, unless=lambda: p.poll() is not None)
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        code = self.process.pop("hub").wait(60)
        load.broker("hub", "stop" if code == 0 else "crash")
        self.log.seek(begin)
        return code, self.log.read()


def count_calls(c, load, calls):
    c.under.reset()
    c.under.orders.fault_calls = calls
    code, said = c.live(load)
    assert code == 0, f"a life without faults ended with {code}\n{said}"
    return c.under.orders.calls


def every_call_of_a_life_may_fail():
    rng = random.Random(SEED)
    print(f"   seed {SEED}", flush=True)
    with Lives() as c:
        load = Portions(c, NODES, rng)
        load.start()
        c.live(load)  # the file is made; lives of later are alike
        for name, calls, error, count, allowed in KINDS:
            total = count_calls(c, load, calls)
            chosen = range(1, total + 1)
            if FAULTS and FAULTS < total:
                chosen = sorted(rng.sample(chosen, FAULTS))
            ends, hits = {}, {}
            for n in chosen:
                c.under.reset()
                o = c.under.orders
                o.fault_calls, o.fault_at, o.fault_count, o.fault_errno = calls, n, count, error
                code, said = c.live(load)
                assert code in allowed, f"{name} at {n}: exit {code}\n{said}"
                if code != 0:  # with the disk full it may only not start, and says what to do
                    word = "Make room" if error == errno.ENOSPC else "STORE_FAULT"
                    assert word in said, f"{name} at {n}: exit {code} without {word}\n{said}"
                ends[code] = ends.get(code, 0) + 1
                what = CALLS[o.hit_call] if o.hits else "none"
                hits[what] = hits.get(what, 0) + 1
                c.under.reset()
            print(f"   {name}: {len(chosen)} of {total} calls; hit {hits}; ended with {ends}",
                  flush=True)
        c.under.start()
        c.wait_up("hub")
        load.end()
        load.judge()
        c.ctl("hub", "check")
        print(f"   {load.words()}", flush=True)


if __name__ == "__main__":
    main([every_call_of_a_life_may_fail])
