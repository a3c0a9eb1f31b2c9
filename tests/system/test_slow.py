# SPDX-License-Identifier: Apache-2.0
"""A disk whose syncs take 2, 10 and 200 ms, or that has no room for anything: publishers and
consumers go on, or wait, no session ends, and the watchdog is fed."""
import contextlib
import errno
import os
import random
import threading
import time

from cluster import Cluster, main, wait_for
from load import Load
from preload import WRITE, Notify, Under

NODES = {"dsk/3203": "hub", "dsk/3302": "hub"}
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
WATCHDOG_SEC = 2  # fed twice in that time


@contextlib.contextmanager
def loaded():
    """A watched broker with a load that flows: (cluster, under, notify, load)."""
    rng = random.Random(SEED)
    print(f"   seed {SEED}", flush=True)
    with Cluster(config={"link": {"ping": "2s"}}) as c:
        for node, home in NODES.items():
            c.client(node, home)
        c.ctl("hub", "node", "import", c.directory())
        under, notify = Under(c, "hub"), Notify(c)
        p = under.start(env={**notify.env, "WATCHDOG_USEC": str(WATCHDOG_SEC * 1000000)})
        assert notify.wait_ready(p), c.tail()
        load = Load(c, NODES, rng, rate=25, patience=20).start()
        load.flows()
        sessions = load.counts()["sessions"]
        yield c, under, notify, load
        load.flows(1, 1)
        assert load.counts()["sessions"] == sessions, "a session ended"
        load.end()
        load.judge()
        c.ctl("hub", "check")
        print(f"   {load.words()}", flush=True)


def everybody_goes_on_with_slow_syncs():
    with loaded() as (_, under, notify, load):
        sessions = load.counts()["sessions"]
        for ms in (2, 10, 200):
            under.orders.sync_delay_us = ms * 1000
            load.flows(30, 30)
            assert load.counts()["sessions"] == sessions, f"a session ended at {ms} ms"
        feeds(notify)
        load.flows(1, 1)
        under.orders.sync_delay_us = 0


def a_disk_without_any_room_holds_up_the_store_alone():
    with loaded() as (c, under, notify, _):
        o = under.orders
        o.fault_calls, o.fault_at, o.fault_count, o.fault_errno = WRITE, 1, 1 << 40, errno.ENOSPC
        wait_for("a write to fail", lambda: o.hits > 0)
        feeds(notify)
        c.ctl("hub", "sessions")  # the router answers
        feeds(notify)
        o.fault_count = 0


def a_disk_that_hangs_is_in_the_journal():
    with Cluster() as c:
        c.client("dsk/3203", "hub")
        c.ctl("hub", "node", "import", c.directory())
        under = Under(c, "hub")
        under.start(wait=True)
        under.orders.sync_delay_us = 13_000_000
        said = []
        publisher = threading.Thread(target=lambda: said.append(
            c.publish("dsk/3203", c.message("dsk/3203", "dsk/3203")).stdout))
        publisher.start()
        time.sleep(2)
        under.orders.sync_delay_us = 0  # of the next ones
        publisher.join()
        assert "ACCEPTED" in said[0], said
        wait_for("it to go on", lambda: "STORE_RESUMED" in c.tail())
        log = c.tail()
        assert log.count("STORE_STALLED nobody is answered: the disk has held up the store for 1") == 1, log
        assert log.count("STORE_RESUMED the store goes on after 1") == 1, log


def feeds(notify):
    notify.drain()
    wait_for("the watchdog to be fed twice", lambda: fed(notify) and fed(notify))


def fed(notify):
    """Waits for the next time that the watchdog is fed."""
    while (n := notify.next(2 * WATCHDOG_SEC)) is not None:
        if n.get("WATCHDOG") == "1":
            return True
    return False


if __name__ == "__main__":
    main([everybody_goes_on_with_slow_syncs, a_disk_without_any_room_holds_up_the_store_alone,
          a_disk_that_hangs_is_in_the_journal])
