# SPDX-License-Identifier: Apache-2.0
"""A tree of real brokers in a temporary folder, on loopback, with real keys.

    with Cluster(["upt/phala-martha", "upt/satria"]) as c:
        c.client("dsk/3203", "upt/phala-martha")
        c.up()
        c.ctl("dsk/3203", "publish", "message.json")

Programs come from $SERASI_BIN (the build's bin folder).
"""
import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

BIN = os.environ.get("SERASI_BIN", os.path.join(os.path.dirname(__file__), "../../build/bin"))
SANITIZED = os.environ.get("SERASI_SLOW", "") != ""
PATIENCE = 120 if SANITIZED else 40
SKIP = 77  # the exit status that CTest takes for it


def reserve_port():
    """A bound socket that does not listen: the system gives its port to nobody who asks for any,
    and a broker, whose socket reuses addresses, can still listen there."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    return s


class Skipped(Exception):
    """What a test cannot do here, for want of leave: a mount, a look into a process."""


def wait_for(what, condition, timeout=PATIENCE):
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"timeout: {what}")
        time.sleep(0.05)


NODES = {  # believable nodes; home is filled in by client()
    "hub": ("NODE_KIND_NATIONAL_HUB", "Serasi Nasional"),
    "upt": ("NODE_KIND_UPT_BALAI", "Sentra"),
    "dsp": ("NODE_KIND_SOCIAL_AGENCY_PROVINCE", "Dinas Sosial Provinsi"),
    "dsk": ("NODE_KIND_SOCIAL_AGENCY_REGENCY", "Dinas Sosial"),
    "uptd": ("NODE_KIND_UPTD", "Panti Sosial"),
    "lksa": ("NODE_KIND_LKSA", "LKSA"),
    "lks": ("NODE_KIND_LKS", "LKS"),
    "pks": ("NODE_KIND_PUSKESOS", "Puskesos"),
}


class Cluster:
    def __init__(self, regionals=(), config=None):
        self.folder = tempfile.mkdtemp(prefix="serasi-")
        self.regionals = list(regionals)
        self.port, self.process, self.home, self.lines = {}, {}, {}, []
        atexit.register(self._abandon)
        self.reserved = []
        self.config = config or {}
        self.log = open(os.path.join(self.folder, "log"), "w+")
        self._broker("hub", None)
        for name in self.regionals:
            self._broker(name, "hub")

    # --- making the tree -----------------------------------------------------------------------
    def dir(self, node):
        return os.path.join(self.folder, node.replace("/", "_"))

    def _node(self, node, home, **more):
        kind, name = NODES[node.split("/")[0]]
        record = {"id": node, "kind": kind, "name": f"{name} {node}", "home": home}
        record.update(more)
        self.lines.append(json.dumps({"node": record}))
        self.home[node] = home

    def key(self, node):
        return self.ctl(node, "pubkey").stdout.strip()

    def curve(self, node):
        return json.loads(self.key(node))["key"]["curve"]

    def _broker(self, node, parent):
        self.reserved.append(reserve_port())
        self.port[node] = self.reserved[-1].getsockname()[1]
        role = ["--role", "hub"] if parent is None else [
            "--role", "regional", "--parent", self.endpoint(parent),
            "--parent-key", self.curve(parent), "--parent-node", parent]
        self.run("serasictl", "init", self.dir(node), *role, "--node", node, "--listen",
                 self.endpoint(node))
        if self.config:
            drop = os.path.join(self.dir(node), "serasid.conf.d")
            os.makedirs(drop, exist_ok=True)
            with open(os.path.join(drop, "test.conf"), "w") as f:
                for section, values in self.config.items():
                    f.write(f"[{section}]\n")
                    for k, v in values.items():
                        f.write(f"{k} = {v}\n")
        more = {"broker": True}
        if parent:
            more["broker_parent"] = parent
        self._node(node, node, **more)
        self.lines.append(self.key(node))

    def client(self, node, home, **more):
        self.run("serasictl", "init", self.dir(node), "--role", "client", "--node", node,
                 "--broker", self.endpoint(home), "--broker-key", self.curve(home))
        self._node(node, home, **more)
        self.lines.append(self.key(node))

    def endpoint(self, node):
        return f"tcp://127.0.0.1:{self.port[node]}"

    def directory(self):
        path = os.path.join(self.folder, "directory.jsonl")
        with open(path, "w") as f:
            f.write("\n".join(self.lines) + "\n")
        return path

    # --- running it ------------------------------------------------------------------------------
    def run(self, program, *args, check=True, **kw):
        p = subprocess.run([os.path.join(BIN, program), *args], text=True, capture_output=True,
                           timeout=kw.pop("timeout", 3 * PATIENCE), **kw)
        if check and p.returncode != 0:
            raise AssertionError(f"{program} {' '.join(args)}: exit {p.returncode}\n"
                                 f"{p.stdout}{p.stderr}")
        return p

    def ctl(self, node, *args, **kw):
        return self.run("serasictl", "--dir", self.dir(node), *args, **kw)

    def start(self, node, wait=True, wrap=(), env=None):
        command = [*wrap, os.path.join(BIN, "serasid"), "--config",
                   os.path.join(self.dir(node), "serasid.conf")]
        p = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                             env={**os.environ, **(env or {})})
        self.process[node] = p
        if wait:
            self.wait_up(node)
        return p

    def wait_up(self, node):
        def up():
            if self.process[node].poll() is not None:
                raise AssertionError(f"{node} exited with {self.process[node].returncode}\n"
                                     + self.tail())
            return self.ctl(node, "status", "--json", check=False).returncode == 0
        wait_for(f"{node} to answer", up)

    def up(self):
        """Imports the directory everywhere (before the start) and starts every broker."""
        path = self.directory()
        for node in ["hub", *self.regionals]:
            self.ctl(node, "node", "import", path)
            self.start(node)
        for node in self.regionals:
            self.wait_link(node)

    def wait_link(self, node, state="up"):
        wait_for(f"link of {node} to be {state}",
                 lambda: self.status(node)["uplink"] == state)

    def rows(self, node, *args):
        """The rows of a table that serasictl prints as JSON lines."""
        return [json.loads(x) for x in self.ctl(node, *args, "--json").stdout.splitlines()]

    def status(self, node):
        return self.rows(node, "status")[0]

    def kill(self, node, sig=signal.SIGKILL):
        p = self.process.pop(node)
        p.send_signal(sig)
        return p.wait(30)

    def stop(self, node):
        code = self.kill(node, signal.SIGTERM)
        if code != 0:
            raise AssertionError(f"{node} stopped with {code}\n" + self.tail())

    def tail(self, n=40):
        self.log.flush()
        with open(self.log.name) as f:
            return "".join(f.readlines()[-n:])

    # --- messages ----------------------------------------------------------------------------------
    def message(self, sender, to, kind="CAPACITY_UPDATE", case=None, urgency="ROUTINE", **more):
        """A small valid message as a dict for publish(), of a kind that few rules look at."""
        envelope = {"message_id": more.pop("message_id", None) or uuid7(), "kind": kind,
                    "sender": sender, "region": "3203", "cluster": "CHILD",
                    "audience": {"to": to if isinstance(to, list) else [to]},
                    "urgency": urgency, "sensitivity": "INTERNAL"}
        if case:
            envelope["case_id"] = case
        facts = more.pop("facts", {"as_of_at": "2026-01-01T00:00:00Z"})
        sealed = more.pop("sealed", None)
        envelope.update(more)
        message = {"envelope": envelope, "facts": facts}
        if sealed:
            message["sealed"] = sealed
        return message

    def publish(self, node, message, *args, check=True):
        return self.ctl(node, "publish", "-", *args, input=json.dumps(message), check=check)

    def consume(self, node, n, *args, timeout="20s"):
        """Up to n messages; fewer when the time is up first."""
        p = self.ctl(node, "consume", "-n", str(n), "--timeout", timeout, "--json", *args, check=False)
        if p.returncode not in (0, 3):
            raise AssertionError(f"consume: exit {p.returncode}\n{p.stdout}{p.stderr}")
        out = p.stdout
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    # --- end ------------------------------------------------------------------------------------------
    def _abandon(self):
        """Of what failed before it was entered no broker is left either."""
        for p in self.process.values():
            p.kill()
            p.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        problems = []
        for node, p in list(self.process.items()):
            p.send_signal(signal.SIGCONT)
            p.terminate()
        for node, p in list(self.process.items()):
            try:
                if p.wait(30) != 0:
                    problems.append(f"{node} stopped with exit code {p.returncode}")
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
                problems.append(f"{node} did not stop")
        if kind not in (None, Skipped) or problems:
            sys.stderr.write("--- last lines of the brokers' log\n" + self.tail())
        self.log.close()
        for s in self.reserved:
            s.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None and problems:
            raise AssertionError("; ".join(problems))


def uuid7():
    ms = int(time.time() * 1000)
    raw = bytearray(ms.to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(raw)))


def may_look_inside(pid):
    """Whether the memory of a broker may be read, which hides it from its own user."""
    try:
        with open(f"/proc/{pid}/mem", "rb"):
            return True
    except PermissionError:
        return False


def main(tests):
    """Runs the functions given (or those named on the command line); one line each. Exit 1 when one
    failed, 77 when one was skipped: CTest then names this case among those that did not run."""
    failed = skipped = 0
    wanted = sys.argv[1:]
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begin = time.monotonic()
        try:
            test()
            print(f"ok    {test.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Skipped as e:
            skipped += 1
            print(f"skip  {test.__name__}: {e}", flush=True)
        except Exception as e:  # a failed test must not hide the others
            failed += 1
            import traceback
            traceback.print_exc()
            print(f"FAIL  {test.__name__}: {e}", flush=True)
    sys.exit(1 if failed else SKIP if skipped else 0)
