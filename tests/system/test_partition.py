# SPDX-License-Identifier: Apache-2.0
"""Brokers and clients in network namespaces of their own, with a router between them that drops
what goes from one to another: both ways, or one way only. TCP, heartbeats and links have to find
out by themselves; nothing is lost, doubled or put out of order.

Needs ip(8) and leave to make namespaces; without them it is skipped (77).
Environment: SERASI_SEED, SERASI_PARTITIONS.
"""
import os
import random
import shutil
import subprocess
import sys
import time

from cluster import Cluster, main, wait_for
from load import Load

R1, R2 = "upt/phala-martha", "upt/satria"
NODES = {"dsk/3203": R1, "uptd/32/pa-02": R1, "dsk/3302": R2, "dsk/3101": "hub"}
QUICK = {"delivery": {"retry-first": "200ms", "retry-cap": "2s"},
         "link": {"ping": "500ms", "probe": "300ms", "stall": "4s", "reconnect-first": "50ms",
                  "reconnect-cap": "1s"},
         "socket": {"heartbeat": "1s", "heartbeat-timeout": "2s", "heartbeat-ttl": "4s",
                    "connect": "1s", "handshake": "2s", "tcp-timeout": "3s"}}
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
PARTITIONS = int(os.environ.get("SERASI_PARTITIONS", 7))
SKIP = 77


def skip(why):
    print(f"SKIPPED, nothing was tested: {why}", flush=True)
    sys.exit(SKIP)


def need_namespace():
    """This program goes on in a network namespace of its own."""
    if os.environ.get("SERASI_NAMESPACE"):
        return
    if not shutil.which("ip"):
        skip("there is no ip(8); it is in the package iproute2")
    command = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-n"]
    p = subprocess.run([*command, "sh", "-c", "ip link set lo up && unshare -n true && "
                        "ip link add left type veth peer name right && "
                        "echo 1 >/proc/sys/net/ipv4/ip_forward"], capture_output=True, text=True)
    if p.returncode != 0:
        skip(f"no network namespaces here: {p.stderr.strip()}")
    os.environ["SERASI_NAMESPACE"] = "1"
    os.execvp("unshare", [*command, sys.executable, *sys.argv])


class Router:
    """A star of namespaces: party i has 10.77.i.2, the router in the middle forwards."""

    def __init__(self, parties):
        self.parties = {name: i for i, name in enumerate(parties, 1)}
        self.holders = {}
        self.rules = []
        self.hold("router")
        self.inside("clients", "ip", "link", "set", "lo", "up")
        self.inside("router", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        for name, i in self.parties.items():
            here = name == "clients"  # this very process
            pid = "self" if here else self.hold(name)
            self.run("ip", "link", "add", f"v{i}", "type", "veth", "peer", "name", "eth0",
                     *([] if here else ["netns", str(pid)]))
            self.run("ip", "link", "set", f"v{i}", "netns", str(self.holders["router"].pid))
            self.up("router", f"v{i}", f"10.77.{i}.1/24")
            self.up(name, "eth0", f"10.77.{i}.2/24")
            self.inside(name, "ip", "route", "add", "default", "via", f"10.77.{i}.1")

    def hold(self, name):
        p = self.holders[name] = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_for("a namespace", lambda: os.readlink(f"/proc/{p.pid}/ns/net") != own)
        self.inside(name, "ip", "link", "set", "lo", "up")
        return p.pid

    def enter(self, name):
        return () if name == "clients" else ("nsenter", "-t", str(self.holders[name].pid), "-n")

    @staticmethod
    def run(*command):
        p = subprocess.run(command, capture_output=True, text=True)
        if p.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {p.stderr}")

    def inside(self, name, *command):
        self.run(*self.enter(name), *command)

    def up(self, name, device, address):
        self.inside(name, "ip", "address", "add", address, "dev", device)
        self.inside(name, "ip", "link", "set", device, "up")

    def address(self, name):
        return f"10.77.{self.parties[name]}.2"

    def cut(self, source, target):
        """Packets from one to the other vanish; the other way is as it was."""
        rule = ["from", self.address(source), "to", self.address(target), "blackhole"]
        self.inside("router", "ip", "rule", "add", *rule)
        self.rules.append(rule)

    def heal(self):
        while self.rules:
            self.inside("router", "ip", "rule", "del", *self.rules.pop())

    def close(self):
        for p in self.holders.values():
            p.kill()
            p.wait()


class Apart(Cluster):
    def __init__(self):
        self.router = Router(["clients", "hub", R1, R2])
        super().__init__([R1, R2], config=QUICK)

    def endpoint(self, node):
        return f"tcp://{self.router.address(node)}:{self.port[node]}"

    def start(self, node, wait=True, wrap=(), env=None):
        return super().start(node, wait, (*self.router.enter(node), *wrap), env)

    def __exit__(self, *args):
        try:
            super().__exit__(*args)
        finally:
            self.router.close()


def every_line_may_be_cut_in_one_direction_or_both():
    rng = random.Random(SEED)
    print(f"   seed {SEED}, {PARTITIONS} partitions", flush=True)
    lines = [("hub", R1), ("hub", R2), ("clients", R1), ("clients", "hub")]
    with Apart() as c:
        for node, home in NODES.items():
            c.client(node, home)
        c.up()
        load = Load(c, NODES, rng, rate=30, patience=2.5).start()
        load.flows()
        for i in range(PARTITIONS):
            # Each direction of a link for sure, then by chance, then all at once.
            chosen = [[(R1, "hub")], [("hub", R1)], [("hub", R2), (R2, "hub")]][i:i + 1]
            chosen = chosen[0] if chosen else [rng.choice([(a, b), (b, a)]) for a, b in
                                               rng.sample(lines, rng.randrange(1, 4))]
            for source, target in chosen:
                c.router.cut(source, target)
            time.sleep(rng.uniform(2.0, 3.0))
            c.router.heal()
            load.counts()
        for b in c.regionals:
            c.wait_link(b)
        load.flows()
        load.end()
        load.judge()
        for b in ["hub", *c.regionals]:
            c.ctl(b, "check")
        print(f"   {load.words()}", flush=True)


if __name__ == "__main__":
    need_namespace()
    main([every_line_may_be_cut_in_one_direction_or_both])
