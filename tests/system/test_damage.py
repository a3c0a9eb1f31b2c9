# SPDX-License-Identifier: Apache-2.0
"""Damage at rest: bits flipped, bytes and sectors overwritten at random places of a store and of its
log, files cut or gone. Whatever happens, the broker hands out the truth, or says what is wrong and
ends (exit status 65), or makes dead letters of the messages concerned; it never hands out anything
else, never leaves a message out in silence, never begins anew. From every store it refused,
`serasictl salvage` gets out what is there, and names the rest.

Environment: SERASI_SEED, SERASI_FLIPS (places; for hours: thousands).
"""
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pyclient"))
import zmq  # noqa: E402
import serasi_client as sc  # noqa: E402
from cluster import BIN, PATIENCE, Cluster, main, wait_for  # noqa: E402
from serasi_client import Message, SerasiClient, pb  # noqa: E402

SENDER, HOME = "dsk/3203", "uptd/32/pa-02"
SEED = int(os.environ.get("SERASI_SEED", random.randrange(1 << 30)))
FLIPS = int(os.environ.get("SERASI_FLIPS", 60))
DAMAGED = 65  # exit status
LOG_HEAD, FRAME = 32, 24 + 8192
FILES = ["serasid.db", "serasid.db-wal", "serasid.db-seal"]


class Ended(Exception):
    """The broker has ended by itself."""


class Bench:
    """One broker whose data folder is set back for each trial."""

    def __init__(self, c, rng):
        self.c, self.rng = c, rng
        self.data = os.path.join(c.dir("hub"), "data")
        self.keys = {n: sc.read_keys(os.path.join(c.dir(n), "keys")) for n in (SENDER, HOME)}
        self.curve = c.curve("hub")
        self.waiting, self.collected = {}, {}
        self.process, self.masters = None, {}

    def path(self, name):
        return os.path.join(self.data, name)

    # --- the broker ---
    def start(self):
        """True when it takes connections, False when it ended."""
        self.err = open(os.path.join(self.c.folder, "err"), "w+")
        self.process = subprocess.Popen(
            [os.path.join(BIN, "serasid"), "--config", os.path.join(self.c.dir("hub"), "serasid.conf")],
            stdout=self.err, stderr=self.err, stdin=subprocess.DEVNULL)

        def decided():
            if self.process.poll() is not None:
                return "ended"
            with socket.socket() as s:
                return "up" if s.connect_ex(("127.0.0.1", self.c.port["hub"])) == 0 else None
        return wait_for("the broker to start or to refuse", decided) == "up"

    def words(self):
        with open(self.err.name) as f:
            return f.read()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        assert code in (0, DAMAGED), f"stopped with {code}\n{self.words()}"

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def connect(self, node):
        client = SerasiClient(self.c.endpoint("hub"), self.curve, *self.keys[node], reconnect_ms=50)
        client.hello(timeout=PATIENCE)
        return client

    def ask(self, what, timeout=PATIENCE):
        """Waits for an answer in short pieces: the broker may have ended meanwhile."""
        end = time.monotonic() + timeout
        while True:
            try:
                return what()
            except (sc.Timeout, zmq.ZMQError):
                if self.process.poll() is not None:
                    raise Ended() from None
                if time.monotonic() > end:
                    raise

    # --- what is true ---
    def message(self, i):
        facts = pb.CaseResponse(emergency=bool(i % 2)).SerializeToString()
        sealed = self.rng.randbytes([30, 700, 3000, 20000][i % 4])
        more = {"case_id": self.rng.randbytes(16)} if i % 3 == 0 else {}
        return Message(sc.envelope(sc.OPAQUE, SENDER, HOME, facts, sealed, **more),
                       facts, sealed)

    def fill(self, n):
        client = self.connect(SENDER)
        new = [self.message(i) for i in range(n)]
        for m in new:
            assert client.publish(m).verdict == pb.VERDICT_ACCEPTED
            self.waiting[m.id] = m
        client.bye()

    def collect(self, n):
        client = self.connect(HOME)
        client.subscribe(1, pb.SOURCE_MAILBOX, credit=n)
        for _ in range(n):
            d = client.delivery()
            client.done(d)
            self.collected[d.id] = self.waiting.pop(d.id)
        client.bye()

    def keep(self, name):
        """The files as they are now become a master."""
        target = os.path.join(self.c.folder, name)
        os.makedirs(target)
        for f in FILES:
            if os.path.exists(self.path(f)):
                shutil.copy(self.path(f), target)
        self.masters[name] = (target, dict(self.waiting), dict(self.collected))

    def set_back(self, name):
        target, self.waiting, self.collected = self.masters[name]
        self.known = {**self.waiting, **self.collected}
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(target, self.data)
        os.chmod(self.data, 0o700)

    # --- the verdict ---
    def dead(self):
        return {uuid.UUID(r["message_id"]).bytes: r for r in self.c.rows("hub", "dead", "list")}

    def receive(self, client, missing, excused):
        """Every delivery is one of the truth; what does not come is a dead letter, or excused."""
        client.subscribe(1, pb.SOURCE_MAILBOX, credit=1000)
        quiet = 0
        while missing:
            try:
                d = client.delivery(timeout=0.2)
            except sc.Timeout:
                if self.process.poll() is not None:
                    raise Ended() from None
                quiet += 1
                dead = self.dead()
                for i in set(missing) & set(dead):
                    assert dead[i]["cause"] == "DEAD_CHECKSUM", dead[i]
                    wait_for("the journal to tell", lambda: "ROW_DAMAGED" in self.words())
                    del missing[i]
                    self.n_dead += 1
                if set(missing) <= excused and quiet > 1:
                    return
                assert quiet < 5 * PATIENCE, f"never came: {[uuid.UUID(bytes=i) for i in missing]}"
                continue
            truth = self.known.get(d.id)
            assert truth, f"a message nobody sent: {d}"
            assert (d.envelope, d.facts, d.sealed) == (truth.envelope, truth.facts, truth.sealed), \
                f"other bytes than were accepted: {d}"
            missing.pop(d.id, None)

    def look(self, excused=frozenset()):
        """All that can be asked of a running broker. Returns "harmless", "dead letter" or "ended"."""
        self.n_dead = 0
        try:
            sender = self.ask(lambda: self.connect(SENDER))
            for i, m in {**self.waiting, **self.collected}.items():
                if i in excused:
                    continue
                r = self.ask(lambda m=m: sender.publish(m, timeout=0.5))
                assert r.verdict == pb.VERDICT_DUPLICATE, f"{m}: {r}"
            m = next(iter(self.waiting.values()))
            other = Message(m.envelope, m.facts, m.sealed + b"!")
            if m.id not in excused:
                sender.drop()  # a late answer about m would be taken for that about other
                sender = self.ask(lambda: self.connect(SENDER))
                r = self.ask(lambda: sender.publish(other, timeout=0.5))
                assert r.verdict in (pb.VERDICT_CONFLICT, pb.VERDICT_REFUSED), r
            for i in set(self.collected) - excused:
                code, rows = self.ask(lambda i=i: sender.outcome(i))
                levels = [(r["recipient"], r["level"]) for r in rows]
                assert (code, levels) in ((0, [(HOME, "COLLECTED")]), (1, [])), rows
                self.n_dead += code
            home = self.ask(lambda: self.connect(HOME))
            self.receive(home, dict(self.waiting), excused)
            sender.drop()
            home.drop()
        except (Ended, zmq.ZMQError):
            pass
        except AssertionError:
            if self.process.poll() is None:
                raise
        if self.process.poll() is not None:
            return "ended"
        return "dead letter" if self.n_dead else "harmless"

    def check_refusal(self):
        code, words = self.process.wait(PATIENCE), self.words()
        assert code == DAMAGED, f"exit status {code}\n{words}"
        assert "SALVAGE" in words, f"no next step: {words}"

    def salvage(self):
        """Out of what was refused; what is not delivered afterwards must have been named."""
        new = os.path.join(self.c.folder, "new.db")
        for f in os.listdir(self.c.folder):
            if f.startswith("new.db"):
                os.unlink(os.path.join(self.c.folder, f))
        p = self.c.ctl("hub", "salvage", new, check=False)
        if p.returncode != 0:
            assert "only a backup helps" in p.stderr or "exists" not in p.stderr, p.stderr
            return "nothing"
        named = {i for i in self.known if str(uuid.UUID(bytes=i)) in p.stderr}
        if "cannot be named" in p.stderr:
            named = set(self.known)
        shutil.rmtree(self.data)
        os.mkdir(self.data, 0o700)
        for f in os.listdir(self.c.folder):
            if f.startswith("new.db") and not f.endswith(".lock"):
                shutil.move(os.path.join(self.c.folder, f), self.path(f.replace("new.db", "serasid.db")))
        if "dir_" in p.stderr:
            self.c.ctl("hub", "node", "import", self.c.directory())
        assert self.start(), self.words()
        # What is only known as collected may be there again: the receiver knows it by its id.
        self.collected, outcome_may_lack = {}, self.collected
        try:
            verdict = self.look(excused=named)
        finally:
            self.collected = outcome_may_lack
        assert verdict != "ended", self.words()
        self.stop()
        return "all" if not named and verdict == "harmless" else "part"


def mentions(data, what):
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


def overwrite(path, rng):
    """Returns what was done, and whether it changed anything."""
    with open(path, "rb") as f:
        data = bytearray(f.read())
    kind = rng.choice(["bit"] * 5 + ["name"] * 3 + ["bytes", "sector"])
    at = rng.randrange(len(data))
    if kind == "name":  # of a node: in queues, outcomes, routes, the directory
        at = rng.choice([*mentions(data, HOME.encode()), *mentions(data, SENDER.encode())])
        at += rng.randrange(len(SENDER))
    elif kind == "sector":
        at -= at % 512
    n = {"bytes": 64, "sector": 512}.get(kind, 1)
    old = bytes(data[at:at + n])
    if kind == "bytes":
        new = rng.randbytes(len(old))
    elif kind == "sector":
        new = bytes(len(old))
    else:
        new = bytes([old[0] ^ 1 << rng.randrange(8)])
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(new)
    return f"{kind} at {at} of {os.path.basename(path)}", new != old


def make(c, rng):
    """Two masters: after a clean stop, and after kill -9 with everything in the log."""
    c.client(SENDER, "hub")
    c.client(HOME, "hub")
    c.ctl("hub", "node", "import", c.directory())
    b = Bench(c, rng)
    assert b.start()
    b.fill(24)
    b.collect(6)
    b.stop()
    b.keep("clean")
    assert b.start()
    b.fill(12)
    b.collect(4)
    wait_for("the seal", lambda: sealed_frames(b) == log_frames(b.path("serasid.db-wal")))
    b.kill()
    b.keep("crash")
    return b


def log_frames(path):
    return (os.path.getsize(path) - LOG_HEAD) // FRAME


def sealed_frames(b):
    with open(b.path("serasid.db-seal"), "rb") as f:
        return int.from_bytes(f.read()[16:20], "big")


def damage_is_found_or_harmless():
    rng = random.Random(SEED)
    print(f"   seed {SEED}, {FLIPS} places", flush=True)
    with Cluster() as c:
        b = make(c, rng)
        tally = {}
        for i in range(FLIPS):
            master, name = rng.choice([("clean", "serasid.db"), ("crash", "serasid.db"),
                                       ("crash", "serasid.db-wal")])
            b.set_back(master)
            what, changed = overwrite(b.path(name), rng)
            what = f"{master}: {what}"
            if not changed:
                continue
            try:
                verdict = "refused" if not b.start() else b.look()
                if verdict in ("refused", "ended"):
                    b.check_refusal()
                    verdict += ", salvaged " + b.salvage()
                else:
                    b.stop()
            except AssertionError as e:
                raise AssertionError(f"seed {SEED}, trial {i}, {what}: {e}") from e
            finally:
                if b.process.poll() is None:
                    b.kill()
            tally.setdefault((name, verdict), []).append(what)
        for (name, verdict), list_ in sorted(tally.items()):
            print(f"   {name:16} {verdict:28} {len(list_)}", flush=True)
        kinds = {v.split(",")[0] for _, v in tally}
        if FLIPS >= 60:
            assert "refused" in kinds, "no damage was found: is anything looked at?"


def cut(b, name, size):
    os.truncate(b.path(name), size)


def what_is_gone_is_missed():
    """Files deleted, emptied or cut: never an empty store, never less than was there."""
    wal, db, seal = "serasid.db-wal", "serasid.db", "serasid.db-seal"
    with Cluster() as c:
        b = make(c, random.Random(SEED))
        log = os.path.join(b.masters["crash"][0], wal)
        half, last = os.path.getsize(log) // 2, LOG_HEAD + log_frames(log) * FRAME
        trials = [
            ("clean", "the database is gone", lambda: os.unlink(b.path(db))),
            ("clean", "the database is empty", lambda: cut(b, db, 0)),
            ("clean", "the database is cut", lambda: cut(b, db, 40000)),
            ("crash", "the database is gone, its log is there", lambda: os.unlink(b.path(db))),
            ("crash", "the database is empty, its log is there", lambda: cut(b, db, 0)),
            ("crash", "the log is gone", lambda: os.unlink(b.path(wal))),
            ("crash", "the log is empty", lambda: cut(b, wal, 0)),
            ("crash", "the log is cut in the middle", lambda: cut(b, wal, half)),
            ("crash", "the log lacks its last frame", lambda: cut(b, wal, last - FRAME)),
            ("crash", "the log lacks the end of its last frame", lambda: cut(b, wal, last - 9)),
        ]
        for master, what, do in trials:
            b.set_back(master)
            do()
            assert not b.start(), f"{what}: the broker started"
            b.check_refusal()
            assert os.path.exists(b.path(seal))
            print(f"   {what}: refused", flush=True)
        b.set_back("crash")  # the seal itself is no more than a helper
        os.unlink(b.path(seal))
        assert b.start(), b.words()
        assert b.look() == "harmless"
        b.stop()
        b.set_back("clean")
        cut(b, seal, 5)
        assert b.start(), b.words()
        assert b.look() == "harmless"
        b.stop()


if __name__ == "__main__":
    main([what_is_gone_is_missed, damage_is_found_or_harmless])
