# SPDX-License-Identifier: Apache-2.0
"""The clock on the wall jumps by a day, or leaps by years, forth and back, under a running broker: sessions, leases
and intervals do not notice, what waits for its next attempt comes, nothing expires too early,
nothing is lost.

Environment: SERASI_SEED, SERASI_JUMPS.
"""
import os
import random
import time

from cluster import Cluster, main, wait_for
from load import Load
from preload import Under

R1 = "upt/phala-martha"
NODES = {"dsk/3203": "hub", "dsk/3302": R1}
DAY_MS = 86400 * 1000
QUICK = {"delivery": {"retry-first": "200ms", "retry-cap": "1s"}, "link": {"ping": "1s"}}
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
JUMPS = int(os.environ.get("SERASI_JUMPS", 8))


def the_clock_jumps_by_a_day_under_load():
    rng = random.Random(SEED)
    print(f"   seed {SEED}, {JUMPS} jumps", flush=True)
    with Cluster([R1], config=QUICK) as c:
        for node, home in NODES.items():
            c.client(node, home)
        path = c.directory()
        under = {b: Under(c, b) for b in ["hub", R1]}
        for b in under:
            c.ctl(b, "node", "import", path)
            under[b].start(wait=True)
        # Made three days ago: the broker that is a day late must not take them for of the future.
        load = Load(c, NODES, rng, age_ms=3 * DAY_MS, patience=10).start()
        load.flows()
        sessions = load.counts()["sessions"]
        for _ in range(JUMPS):
            orders = under[rng.choice(list(under))].orders
            days = [d for d in (-1, 0, 1) if d * DAY_MS != orders.clock_offset_ms]
            orders.clock_offset_ms = rng.choice(days) * DAY_MS
            load.clock(orders.clock_offset_ms)
            load.flows(30, 30)
        for b in under:  # forward last: what was put off while the clock was late is due at once
            under[b].orders.clock_offset_ms = 2 * DAY_MS
        load.clock(2 * DAY_MS)
        assert load.counts()["sessions"] == sessions, "a session ended"
        assert c.status(R1)["uplink"] == "up"
        load.end()
        load.judge()
        for b in under:
            c.ctl(b, "check")
        print(f"   {load.words()}", flush=True)


def a_wrong_year_ends_nothing():
    """Half a minute of it would else end all that waits, at its recipient's broker and on a link."""
    near, away, far = "lks/3203/0002", "dsk/3203", "lks/3203/0001"
    with Cluster([R1], config={**QUICK, "delivery": {"sweep": "100ms"}}) as c:
        for node, home in ((near, R1), (away, "hub"), (far, "hub")):
            c.client(node, home)
        path = c.directory()
        under = {b: Under(c, b) for b in ["hub", R1]}
        for b in under:
            c.ctl(b, "node", "import", path)
            under[b].start(wait=True)
        c.wait_link(R1)
        c.publish(away, c.message(away, far, urgency="EMERGENCY"))
        time.sleep(1.5)  # it has seen the right time
        under["hub"].orders.clock_offset_ms = 3 * 365 * DAY_MS
        c.publish(near, c.message(near, far))  # comes over the link meanwhile
        wait_for("the journal", lambda: "CLOCK_LEAPT" in c.tail(400))
        time.sleep(2)
        got = c.consume(far, 1)  # handed out while the clock is wrong
        under["hub"].orders.clock_offset_ms = 0
        got += c.consume(far, 1)
        assert {m["envelope"]["sender"] for m in got} == {near, away}, got
        for node in (near, away):
            levels = [m["facts"]["level"] for m in c.consume(node, 1, "--receipts")]
            assert [x.removeprefix("RECEIPT_LEVEL_") for x in levels] == ["COLLECTED"], levels


def a_wrong_year_at_the_start_ends_nothing():
    """A machine comes up with a clock that nobody has set yet."""
    near, far = "lks/3203/0002", "lks/3203/0001"
    for stop in ["stop", "kill"]:
        with Cluster([], config={**QUICK, "delivery": {"sweep": "100ms"}}) as c:
            for node in (near, far):
                c.client(node, "hub")
            c.ctl("hub", "node", "import", c.directory())
            under = Under(c, "hub")
            under.start(wait=True)
            c.publish(near, c.message(near, far))
            getattr(c, stop)("hub")
            under.orders.clock_offset_ms = 3 * 365 * DAY_MS
            under.start(wait=True)
            wait_for("the journal", lambda: "CLOCK_LEAPT" in c.tail(400))
            time.sleep(2)
            under.orders.clock_offset_ms = 0
            assert len(c.consume(far, 1)) == 1, "ended by a wrong clock"
            level = c.consume(near, 1, "--receipts")[0]["facts"]["level"]
            assert level == "RECEIPT_LEVEL_COLLECTED", level


if __name__ == "__main__":
    main([the_clock_jumps_by_a_day_under_load, a_wrong_year_ends_nothing,
          a_wrong_year_at_the_start_ends_nothing])
