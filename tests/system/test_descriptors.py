# SPDX-License-Identifier: Apache-2.0
"""A broker that may open 64 files only, and a crowd at its door: it says so, goes on serving those
it has, and lets others in when there is room again."""
import os
import random
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import serasi_client as sc  # noqa: E402
import zmq  # noqa: E402
from cluster import Cluster, main, wait_for  # noqa: E402
from load import Load  # noqa: E402
from serasi_client import SerasiClient  # noqa: E402

NODES = {"dsk/3203": "hub", "dsk/3302": "hub"}
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
FILES = 64
CROWD = 100


class Crowd:
    """Programs of a third node, with a key that is good, that all knock."""

    def __init__(self, c, n):
        keys = sc.read_keys(os.path.join(c.dir("lks/3203/0001"), "keys"))
        server = c.curve("hub")
        self.programs = [SerasiClient(c.endpoint("hub"), server, *keys) for _ in range(n)]
        self.outside = list(self.programs)
        self.welcome = self.busy = 0

    def knock(self):
        """Those that a file was left for say HELLO. Returns how many were ever let in."""
        for x in [x for x in self.outside if x.socket.poll(0, zmq.POLLOUT)]:
            try:
                x.hello(timeout=2)
                self.welcome += 1
            except sc.ProtocolError as e:
                assert e.code == sc.pb.ERROR_CODE_BUSY, e
                self.busy += 1
            except sc.Timeout:  # its connection went before it was heard
                continue
            self.outside.remove(x)
        return self.welcome


def said(c, text):
    c.log.flush()
    with open(c.log.name) as f:
        return text in f.read()


def a_crowd_at_the_door_of_a_broker_with_64_files():
    rng = random.Random(SEED)
    with Cluster(config={"link": {"ping": "2s"}}) as c:
        for node, home in NODES.items():
            c.client(node, home)
        c.client("lks/3203/0001", "hub")
        c.ctl("hub", "node", "import", c.directory())
        c.start("hub", wrap=("prlimit", f"--nofile={FILES}:{FILES}"))
        assert said(c, f"more than {FILES} open files allow"), c.tail()
        load = Load(c, NODES, rng, rate=30, patience=10).start()
        load.flows()
        sessions = load.counts()["sessions"]
        strangers = [socket.create_connection(("127.0.0.1", c.port["hub"])) for _ in range(CROWD)]
        wait_for("the broker to say that files are scarce",
                 lambda: said(c, f"of {FILES} descriptors"))
        load.flows(40, 40)
        for s in strangers:
            s.close()
        wait_for("the admin socket to be open again",
                 lambda: c.ctl("hub", "status", check=False, timeout=20).returncode == 0)
        crowd = Crowd(c, CROWD)
        wait_for("some of the crowd to be let in", crowd.knock)
        load.flows(40, 40)
        crowd.knock()
        assert load.counts()["sessions"] == sessions, "those inside lost their sessions"
        assert crowd.welcome < CROWD, "all were let in"
        for x in crowd.programs:
            x.drop()

        def let_in():
            late = SerasiClient(c.endpoint("hub"), c.curve("hub"), *sc.read_keys(
                os.path.join(c.dir("lks/3203/0001"), "keys")))
            try:
                return late.hello(timeout=5)
            except (sc.ProtocolError, sc.Timeout):
                return None
            finally:
                late.drop()
        wait_for("a late one to be let in", let_in)
        load.end()
        load.judge()
        wait_for("the admin socket", lambda: c.ctl("hub", "status", check=False).returncode == 0)
        c.ctl("hub", "check")
        print(f"   {CROWD} strangers; of the known {crowd.welcome} let in and {crowd.busy} told to "
              f"come later; {load.words()}", flush=True)


if __name__ == "__main__":
    main([a_crowd_at_the_door_of_a_broker_with_64_files])
