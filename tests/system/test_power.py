# SPDX-License-Identifier: Apache-2.0
"""The power goes, at any step of the disk: files are then what was synced, and by chance some of the
rest. Whatever was answered ACCEPTED must be there. A disk that lies about its syncs, and a log that
is not synced at each commit, must be found out by the same judge: they are the proof that it looks.

Environment: SERASI_SEED, SERASI_CUTS.
"""
import os
import random
import time

from cluster import Cluster, main
from load import Load
from preload import CUT, LIE_ALL, LIE_COMMIT, Under

R1 = "upt/phala-martha"
NODES = {"dsk/3203": "hub", "dsk/3302": "hub", "uptd/32/pa-02": R1, "dsk/3101": R1}
QUICK = {"delivery": {"retry-first": "200ms", "retry-cap": "2s"}}
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
CUTS = int(os.environ.get("SERASI_CUTS", 25))


class World(Cluster):
    """A hub and a regional broker on disks that do as told. The regional one has small pages, so
    that its log is copied into the database every second or so."""

    def __init__(self, nodes, regionals):
        super().__init__(regionals, config=QUICK)
        for node, home in nodes.items():
            self.client(node, home)
        for broker in regionals:
            with open(os.path.join(self.dir(broker), "serasid.conf.d", "pages.conf"), "w") as f:
                f.write("[store]\npage-size = 512\n")
        path = self.directory()
        self.brokers = ["hub", *regionals]
        for broker in self.brokers:
            self.ctl(broker, "node", "import", path)
        self.under = {b: Under(self, b) for b in self.brokers}

    def cut(self, broker, steps):
        """The power goes so many steps from now; under load that is soon."""
        orders = self.under[broker].orders
        orders.cut_at = orders.steps + steps
        code = self.process.pop(broker).wait(60)
        assert code == CUT, f"{broker} ended with {code}\n" + self.tail()
        return orders.cut_unsynced, orders.cut_kept


def what_was_accepted_survives_power_cuts():
    rng = random.Random(SEED)
    print(f"   seed {SEED}, {CUTS} cuts", flush=True)
    with World(NODES, [R1]) as c:
        load = Load(c, NODES, rng)
        for b in c.brokers:
            c.under[b].start()
        load.start()
        unsynced = kept = 0
        for _ in range(CUTS):
            victim = rng.choice(c.brokers)
            again = rng.random() < 0.25  # and once more while it recovers
            time.sleep(rng.uniform(0.05, 0.8))
            for steps in [rng.randrange(1, 60)] + [rng.randrange(1, 40)] * again:
                a, b = c.cut(victim, steps)
                load.broker(victim, "cut")
                unsynced, kept = unsynced + a, kept + b
                c.under[victim].reset()
                c.under[victim].orders.cut_seed = rng.randrange(1 << 60)
                load.broker(victim, "start")
                c.under[victim].start()
        for b in c.brokers:
            c.wait_up(b)
        load.end()
        load.judge()
        for b in c.brokers:
            c.ctl(b, "check")
        print(f"   {load.words()}; {kept} of {unsynced} unsynced sectors were kept", flush=True)


def accepted_is_lost_on_a_disk_that(lie):
    nodes = {n: "hub" for n in list(NODES)[:2]}
    with World(nodes, []) as c:
        load = Load(c, nodes, random.Random(SEED))
        c.under["hub"].orders.lie = lie
        c.under["hub"].orders.cut_keep = 1  # nothing that is not synced
        c.under["hub"].start()
        load.start(load.publishers)
        load.flows(accepted=40, collected=0)
        c.cut("hub", 1)
        load.broker("hub", "cut")
        load.broker("hub", "start")
        c.start("hub")
        load.start(load.consumers)
        load.end(patience=4)
        verdicts = load.verdicts()
        lost = [v for v in verdicts if v.startswith("WRONG: lost")]
        assert lost, f"the judge saw nothing: {verdicts}"
        print(f"   {load.words()}; the judge: {lost[0]}", flush=True)


def a_disk_that_lies_about_syncs_is_found_out():
    accepted_is_lost_on_a_disk_that(LIE_ALL)


def a_log_that_is_not_synced_at_commit_is_found_out():
    accepted_is_lost_on_a_disk_that(LIE_COMMIT)


if __name__ == "__main__":
    main([what_was_accepted_survives_power_cuts, a_disk_that_lies_about_syncs_is_found_out,
          a_log_that_is_not_synced_at_commit_is_found_out])
