# SPDX-License-Identifier: Apache-2.0
"""Each party in turn is stopped for longer than heartbeats and leases (SIGSTOP), and goes on as if
nothing had been (SIGCONT): hub, regional broker, publisher, consumer. What it still says belongs
to a session that is over; nothing is lost, and what was settled is not delivered again.

Environment: SERASI_SEED, SERASI_STOPS.
"""
import contextlib
import os
import random
import signal
import time

from cluster import Cluster, main
from load import Load, Outside

R1, R2 = "upt/phala-martha", "upt/satria"
NODES = {"dsk/3203": R1, "dsk/3302": R2, "dsk/3101": "hub"}
QUICK = {"delivery": {"retry-first": "200ms", "retry-cap": "2s", "lease": "2s"},
         "link": {"ping": "500ms", "probe": "300ms", "stall": "4s", "reconnect-first": "50ms",
                  "reconnect-cap": "1s"}}
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
STOPS = int(os.environ.get("SERASI_STOPS", 1))  # of each party


@contextlib.contextmanager
def stopped(process, seconds):
    process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(seconds)
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def every_party_may_stand_still():
    rng = random.Random(SEED)
    print(f"   seed {SEED}", flush=True)
    with Cluster([R1, R2], config=QUICK) as c:
        for node, home in NODES.items():
            c.client(node, home)
        c.up()
        load = Load(c, NODES, rng, rate=30)
        victim = "dsk/3203"  # its programs are processes of their own
        out = Outside(load, [p for p in load.publishers if p.node == victim])
        into = Outside(load, [p for p in load.consumers if p.node == victim])
        load.start()
        load.flows()
        parties = [c.process["hub"], c.process[R1], out, into]
        for _ in range(STOPS):
            for party in rng.sample(parties, len(parties)):
                with stopped(party, rng.uniform(2.5, 3.5)):
                    pass
                load.flows(10, 10)
        with stopped(parties[0], 1), stopped(parties[2], 1), stopped(parties[3], 1):
            pass
        load.end()
        load.judge()
        for b in ["hub", R1, R2]:
            c.ctl(b, "check")
        print(f"   {load.words()}", flush=True)


if __name__ == "__main__":
    main([every_party_may_stand_still])
