# SPDX-License-Identifier: Apache-2.0
"""Brokers of a tree three levels deep die while keys and the directory change, institutions join,
ledgers are countersigned and backups made. Afterwards all of it is as if nobody had died."""
import json
import os
import random
import threading
import time
import uuid

from cluster import SANITIZED, main, wait_for
from load import Load
from test_enrol import AWAY, HOME, Tree, join, token

LEAF = "upt/mulya-jaya"
BROKERS = ["hub", HOME, AWAY, LEAF]
LOADED = {"dsk/3203": HOME, "dsk/3302": AWAY, "lks/3203/0001": LEAF, "dsk/3301": "hub"}
CHANGING = {"lks/3203/0002": LEAF, "lks/3302/0001": AWAY}
JOINING = [f"lks/3203/01{i:02d}" for i in range(6)]
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
SECONDS = float(os.environ.get("SERASI_SECONDS", 12))
QUICK = {"socket": {"connect": "500ms", "handshake": "2s"},
         "link": {"reconnect-first": "100ms", "reconnect-cap": "500ms"},
         "delivery": {"retry-first": "200ms", "retry-cap": "2s"}}


class Deep(Tree):
    def __init__(self):
        super().__init__([HOME, AWAY], config=QUICK)
        self.add_regional(LEAF, HOME)


def rotate(c, node, *args, check=True):
    """Who does so eight times a day has to retire the older keys first, and is told so."""
    p = c.ctl(node, "key", "rotate", *args, check=False, timeout=60)
    if "CROWDED" in p.stderr:
        c.ctl(node, "key", "retire", "--timeout", "8s", check=check, timeout=60)
        p = c.ctl(node, "key", "rotate", *args, check=False, timeout=60)
    assert p.returncode == 0 or not check, p.stderr


class Operators(threading.Thread):
    """What people do meanwhile. Most of it fails now and then, and is done again, or not."""

    def __init__(self, c, seed, changing, joining):
        super().__init__(daemon=True)
        self.c, self.rng, self.end = c, random.Random(seed), time.monotonic() + SECONDS
        self.changing, self.joining = changing, joining
        self.n, self.joined, self.backups, self.trouble = 0, [], [], None

    def ctl(self, node, *args):
        return self.c.ctl(node, *args, check=False, timeout=60)

    def run(self):
        try:
            while time.monotonic() < self.end:
                self.n += 1
                self.rng.choice([self.rotate, self.rotate, self.join, self.change, self.countersign,
                                 self.back_up])()
        except Exception as e:
            self.trouble = e
            raise

    def rotate(self):
        more = ["--retire-now"] if self.rng.random() < 0.4 else []
        rotate(self.c, self.changing, "--timeout", "8s", *more, check=False)

    def change(self):
        """A node gets another name, or another home."""
        node = {"id": f"lks/3203/02{self.n % 20:02d}", "kind": "NODE_KIND_LKS",
                "name": f"LKS {self.n}", "home": self.rng.choice([HOME, AWAY, LEAF])}
        path = os.path.join(self.c.folder, f"change-{self.name}")
        with open(path, "w") as f:
            f.write(json.dumps({"node": node}) + "\n")
        self.ctl("hub", "node", "import", path)

    def countersign(self):
        self.ctl(self.rng.choice([HOME, AWAY, LEAF]), "ledger", "countersign")

    def back_up(self):
        path = os.path.join(self.c.folder, f"backup-{self.name}-{self.n}")
        if self.ctl(self.rng.choice(BROKERS), "backup", path).returncode == 0:
            self.backups.append(path)

    def join(self):
        if self.joining:
            node = self.joining.pop()
            line = token(self.c, self.c.home[node], node, check=False)
            if line and join(self.c, line, node.replace("/", "_"), "--no-wait",
                             check=False).returncode == 0:
                self.approve(node)

    def approve(self, node):
        home = self.c.home[node]
        p = self.ctl(home, "enrol", "list", "--json")
        for row in map(json.loads, p.stdout.splitlines()):
            if row["node"] == node and row["state"] == "WAITING":
                self.ctl(home, "enrol", "approve", str(row["id"]))
        self.joined.append(node)


def kill_for_a_while(c, load, rng, people):
    n = 0
    while any(p.is_alive() for p in people):
        time.sleep(rng.uniform(0.1, 1.2) * (3 if SANITIZED else 1))
        victim = rng.choice(BROKERS)
        load.broker(victim, "crash")
        c.kill(victim)
        n += 1
        if rng.random() < 0.4:
            time.sleep(rng.uniform(0.1, 1.0))
        load.broker(victim, "start")
        c.start(victim, wait=False)
    return n


def keys_of_all(c, broker):
    return [sorted((r["curve"], r["state"]) for r in c.rows(broker, "key", "list", node))
            for node in [*CHANGING, *JOINING]]


def nodes_of(c, broker):
    return sorted((r["id"], r["name"], r["home"]) for r in c.rows(broker, "node", "list"))


def same_everywhere(c, look):
    want = look(c, "hub")
    for broker in c.regionals:
        wait_for(f"{look.__name__} of {broker}", lambda b=broker: look(c, b) == want)


def links_differ(c):
    """What one says it handed over and the other that it took; the difference is an id, mostly."""
    links = {(b, r["neighbour"]): r for b in BROKERS for r in c.rows(b, "links")}
    told = []
    for (broker, other), r in links.items():
        taken = links[(other, broker)]
        if (r["sent_count"], r["sent_digest"]) != (taken["received_count"],
                                                   taken["received_digest"]):
            which = uuid.UUID(r["sent_digest"]).int ^ uuid.UUID(taken["received_digest"]).int
            told.append(f"{broker} handed {r['sent_count']} to {other}, which took "
                        f"{taken['received_count']}: {uuid.UUID(int=which)}")
    return told


def keys_change_and_brokers_die_and_all_agree_afterwards():
    print(f"seed {SEED}", flush=True)
    rng = random.Random(SEED)
    with Deep() as c:
        for node, home in {**LOADED, **CHANGING}.items():
            c.client(node, home)
        for node in JOINING:
            c.add_node(node, rng.choice([HOME, AWAY, LEAF]))
        c.up()
        load = Load(c, LOADED, random.Random(rng.random()), rate=20).start()
        load.flows()
        people = [Operators(c, rng.random(), node, JOINING[i::2])
                  for i, node in enumerate(CHANGING)]
        for p in people:
            p.start()
        kills = kill_for_a_while(c, load, rng, people)
        for p in people:
            if p.trouble:
                raise p.trouble
        for broker in BROKERS:
            c.wait_up(broker)
        for broker in c.regionals:
            c.wait_link(broker)
        load.flows()
        load.end()
        print(f"{kills} kills, {sum(p.n for p in people)} times somebody did something;",
              load.words(), flush=True)
        load.judge()
        for node in CHANGING:  # goes on wherever it stopped
            rotate(c, node)
            c.ctl(node, "key", "retire")
            c.ctl(node, "status")
        for node in [n for p in people for n in p.joined]:
            p = next(p for p in people if node in p.joined)
            p.approve(node)
            c.run("serasictl", "enrol", os.path.join(c.folder, node.replace("/", "_")))
        same_everywhere(c, nodes_of)
        same_everywhere(c, keys_of_all)
        wait_for("the links to agree", lambda: not links_differ(c))
        for broker in BROKERS:
            c.ctl(broker, "ledger", "verify")
            c.ctl(broker, "check")
        for path in [b for p in people for b in p.backups]:
            c.run("serasictl", "ledger", "verify", path)
            c.run("serasid", "--check-upgrade", path)
        assert "LINK_GAP" not in c.journal()


if __name__ == "__main__":
    main([keys_change_and_brokers_die_and_all_agree_afterwards])
