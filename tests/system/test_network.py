# SPDX-License-Identifier: Apache-2.0
"""Lines that are slow, narrow, half-open, deaf in one direction, reset, or that turn bytes: proxies
between clients and brokers and between brokers. Nothing accepted is lost or collected twice, order
holds, and a line with turned bytes is dropped by CURVE and not listened to any more.

Environment: SERASI_SEED, SERASI_TROUBLES.
"""
import contextlib
import os
import random
import threading
import time

from cluster import PATIENCE, Cluster, main, reserve_port, wait_for
from load import Load
from serasi_client import SerasiClient, Timeout, read_keys
from proxy import FLOW, HOLD, SWALLOW, Proxy

R1, R2 = "upt/phala-martha", "upt/satria"
NODES = {"dsk/3203": R1, "uptd/32/pa-02": R1, "dsk/3302": R2, "dsk/3101": "hub"}
QUICK = {"delivery": {"retry-first": "200ms", "retry-cap": "2s"},
         "link": {"ping": "500ms", "probe": "300ms", "stall": "4s", "reconnect-first": "50ms",
                  "reconnect-cap": "1s"},
         "socket": {"heartbeat": "500ms", "heartbeat-timeout": "2s", "heartbeat-ttl": "4s"}}
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
TROUBLES = int(os.environ.get("SERASI_TROUBLES", 16))
DEAF = 2.0  # seconds: longer than three pings


class Wired(Cluster):
    """Every line leads through a proxy: of each client to its home, of each broker to its parent."""

    def __init__(self, rng, config=QUICK):
        super().__init__([R1, R2], config=config)
        self.proxies = {}
        for node, home in NODES.items():
            self.client(node, home)
            self.proxies[node] = Proxy(self.port[home], seed=rng.random())
        for broker in self.regionals:
            p = self.proxies[broker] = Proxy(self.port["hub"], seed=rng.random())
            with open(os.path.join(self.dir(broker), "serasid.conf.d", "parent.conf"), "w") as f:
                f.write(f"[parent]\nendpoint = tcp://127.0.0.1:{p.port}\n")

    def route(self, node):
        home = NODES[node]
        return f"tcp://127.0.0.1:{self.proxies[node].port}", self.curve_of[home], home

    def up(self):
        super().up()
        self.curve_of = {b: self.curve(b) for b in ["hub", *self.regionals]}

    def __exit__(self, *args):
        super().__exit__(*args)
        for p in self.proxies.values():
            p.close()


@contextlib.contextmanager
def wired(rng):
    with Wired(rng) as c:
        c.up()
        load = Load(c, NODES, rng, route=c.route, patience=2.5, rate=30)
        load.start()
        load.flows()
        yield c, load
        for p in c.proxies.values():
            p.heal()
        for b in c.regionals:
            c.wait_link(b)
        load.end()
        load.judge()
        for b in ["hub", *c.regionals]:
            c.ctl(b, "check")
        print(f"   {load.words()}", flush=True)


def slow(p, rng):
    for way in (p.up, p.down):
        way.delay = rng.choice([0.05, 0.3])
    time.sleep(1.0)


def narrow(p, rng):
    for way in (p.up, p.down):
        way.rate = 8000  # 64 kbit/s
    time.sleep(1.0)


def half_open(p, rng):
    """Neither end hears of the other; nobody is told."""
    p.up.state = p.down.state = HOLD
    time.sleep(DEAF)


def deaf_and_repaired(p, rng):
    """One direction stands still, and what was said comes late, all of it."""
    rng.choice([p.up, p.down]).state = HOLD
    time.sleep(DEAF)


def deaf_for_good(p, rng):
    """What is said in one direction is lost."""
    rng.choice([p.up, p.down]).state = SWALLOW
    time.sleep(DEAF)


def reset(p, rng):
    for _ in range(3):
        p.reset()
        time.sleep(0.2)


def refuse(p, rng):
    p.refusing = True
    p.reset()
    time.sleep(1.0)


def turn_bytes(p, rng, ways=("up", "down")):
    """The end that heard it gives the line up."""
    before = p.corrupted
    getattr(p, rng.choice(ways)).corrupt()
    wait_for("bytes to be turned", lambda: p.corrupted > before)
    wait_for("the line with turned bytes to be dropped", lambda: p.corrupted_ended == p.corrupted)


TROUBLE = [slow, narrow, half_open, deaf_and_repaired, deaf_for_good, reset, refuse, turn_bytes]


def every_trouble_of_a_line_alone_and_all_at_once():
    rng = random.Random(SEED)
    print(f"   seed {SEED}, {TROUBLES} troubles", flush=True)
    with wired(rng) as (c, load):
        kinds = [TROUBLE[i % len(TROUBLE)] for i in range(TROUBLES)]
        for i, kind in enumerate(kinds):
            # Links and clients take turns, so each kind meets both.
            where = c.regionals if (i + i // len(TROUBLE)) % 2 else list(NODES)
            name = rng.choice(where)
            kind(c.proxies[name], rng)
            c.proxies[name].heal()
            load.troubles()
        for p in c.proxies.values():
            rng.choice([p.up, p.down]).state = rng.choice([HOLD, SWALLOW, FLOW])
            p.up.delay = rng.choice([0.0, 0.2])
        time.sleep(DEAF)


def turned_bytes_never_reach_a_broker():
    rng = random.Random(SEED)
    with wired(rng) as (c, load):
        for _ in range(TROUBLES // 2):
            turn_bytes(rng.choice(list(c.proxies.values())), rng)
            load.flows()
        turned = sum(p.corrupted for p in c.proxies.values())
        print(f"   {turned} bursts turned, as many lines dropped", flush=True)


def a_link_with_turned_bytes_is_dialled_again_at_once():
    """libzmq does not, after bytes from above that it could not decrypt: its socket is deaf until
    the heartbeat or the patience with it ends, here minutes."""
    rng = random.Random(SEED)
    patient = {"heartbeat": "10m", "heartbeat-timeout": "10m", "heartbeat-ttl": "1m",
               "handshake": "1m", "connect": "10m"}
    with Wired(rng, {**QUICK, "socket": patient}) as c:
        c.up()
        for _ in range(3):
            turn_bytes(c.proxies[R1], rng, ["down"])
            c.wait_link(R1)


def a_send_gives_up_with_its_line():
    """The line may go after the look whether there is room."""
    rng = random.Random(SEED)
    with Wired(rng) as c:
        c.up()
        node = "dsk/3203"
        endpoint, server, _ = c.route(node)
        client = SerasiClient(endpoint, server, *read_keys(os.path.join(c.dir(node), "keys")))
        client.hello()
        look = client.socket.poll

        def look_and_lose(timeout, flags):
            found = look(timeout, flags)
            c.proxies[node].refusing = True
            c.proxies[node].reset()
            wait_for("the line to be gone", lambda: not look(0, flags))
            return found

        def send():
            try:
                client.send_raw([b"x"], timeout=0.5)
            except Timeout:
                gave_up.set()

        gave_up = threading.Event()
        client.socket.poll = look_and_lose
        threading.Thread(target=send, daemon=True).start()
        if not gave_up.wait(PATIENCE):
            raise AssertionError("a send waits for a line that is gone")
        client.drop()


def a_slow_line_to_a_parent_with_two_places_comes_up():
    """Each place is given the time that a handshake may take, not that of a connection alone."""
    with Cluster([R1], config={"socket": {"connect": "500ms", "handshake": "5s"}}) as c:
        with Proxy(c.port["hub"]) as line:
            line.up.delay = line.down.delay = 0.2  # and a handshake goes to and fro three times
            with open(os.path.join(c.dir(R1), "serasid.conf.d", "parent.conf"), "w") as f:
                f.write(f"[parent]\nendpoint = tcp://127.0.0.1:{line.port}\n")
            nobody = reserve_port()
            data = os.path.join(c.dir(R1), "data")
            os.makedirs(data, 0o700, exist_ok=True)
            with open(os.path.join(data, "parent-servers"), "w") as f:
                f.write(f"tcp://127.0.0.1:{nobody.getsockname()[1]} {c.curve('hub')}\n")
            c.up()
            nobody.close()


if __name__ == "__main__":
    main([every_trouble_of_a_line_alone_and_all_at_once,
          turned_bytes_never_reach_a_broker,
          a_link_with_turned_bytes_is_dialled_again_at_once,
          a_send_gives_up_with_its_line,
          a_slow_line_to_a_parent_with_two_places_comes_up])
