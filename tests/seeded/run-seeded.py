#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do our suites find the bugs that somebody else would make?

Each NAME.patch beside this file breaks one promise in src/. In a copy of the tree, one patch after
the other is applied, what it needs is built, and the suites run until one goes red. The first round
runs on the healthy tree and must be green. A table says which suite found which
bug, and in what words. Exit 0: all were found. 1: some were not, or a patch does not apply any more
(then it is to be written anew: the code has moved on, the bug has not).

    run-seeded.py [--source DIR] [--work DIR] [--seeds N] [--suites REGEX] [--all] [--list] [--dry-run]
                  [NAME...]

The suites are those that some bug names in a head comment "first: SUITE", which is tried first, and
the simulation; what they do not find, all of tests/unit may. --all runs every suite on every bug, not
only until the first that finds it. --dry-run says only which patches do not apply, or name a suite
that is not there.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = ["CMakeLists.txt", "src", "include", "proto", "daemon", "systemd", "tests"]
BUILD_PATIENCE, RUN_PATIENCE = 900, 120


class Trouble(Exception):
    pass


def shell(command, patience, **more):
    return subprocess.run(command, capture_output=True, text=True, errors="replace",
                          timeout=patience, **more)


class Bug:
    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)[:-len(".patch")]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        head = [line[2:].strip() for line in text.splitlines() if line.startswith("# ")]
        first = [h[len("first: "):] for h in head if h.startswith("first: ")]
        self.first = first[0] if first else ""
        self.promise = " ".join(h for h in head if not h.startswith(("SPDX", "first: ")))
        self.files = re.findall(r"^\+\+\+ b/(\S+)$", text, re.M)
        if not self.promise or not self.files:
            raise Trouble(f"{self.name}: no head comment, or nothing changed")


def patch(bug, folder, *options):
    p = shell(["patch", "-p1", "--batch", "--forward", "--fuzz=0", "--no-backup-if-mismatch", "-r",
               "-", "-i", bug.path, *options], 30, cwd=folder)
    return p.returncode == 0


class Tree:
    """A copy of the source with a build folder of its own."""

    def __init__(self, source, work):
        self.source = source
        self.root, self.build = os.path.join(work, "tree"), os.path.join(work, "build")
        self.env = {**os.environ, "CCACHE_BASEDIR": self.root, "CCACHE_NOHASHDIR": "1"}

    def prepare(self):
        """The copy keeps times, so that what did not change is not built again."""
        os.makedirs(self.root, exist_ok=True)
        for part in PARTS:
            old, new = os.path.join(self.source, part), os.path.join(self.root, part)
            if os.path.isdir(old):
                self.mirror(old, new)
            elif not same(old, new):
                shutil.copy2(old, new)
        if shutil.which("ccache"):
            self.env["CC"] = "ccache gcc"
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            p = shell(["cmake", "-S", self.root, "-B", self.build, "-G", "Ninja",
                       "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O1"], BUILD_PATIENCE, env=self.env)
            if p.returncode != 0:
                raise Trouble(p.stdout + p.stderr)

    def mirror(self, old, new):
        wanted = set()
        for folder, _, names in os.walk(old):
            inner = os.path.relpath(folder, old)
            os.makedirs(os.path.join(new, inner), exist_ok=True)
            for name in names:
                a, b = os.path.join(folder, name), os.path.join(new, inner, name)
                wanted.add(b)
                if not same(a, b):
                    shutil.copyfile(a, b)
        for folder, _, names in os.walk(new):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.normpath(path) not in {os.path.normpath(w) for w in wanted}:
                    os.unlink(path)

    def make(self, targets):
        p = shell(["nice", "-n", "10", "ninja", "-C", self.build, "-j2", *targets], BUILD_PATIENCE,
                  env=self.env)
        if p.returncode != 0:
            raise Trouble("\n".join((p.stdout + p.stderr).splitlines()[-30:]))

    def apply(self, bug):
        self.healthy = {}
        for f in bug.files:
            with open(os.path.join(self.root, f), "rb") as healthy:
                self.healthy[f] = healthy.read()
        if not patch(bug, self.root):
            self.restore()
            raise Trouble(f"{bug.name}.patch does not apply any more: write it anew for "
                          f"{', '.join(bug.files)}")

    def restore(self):
        for f, healthy in self.healthy.items():  # with a new time: what was built is built again
            with open(os.path.join(self.root, f), "wb") as out:
                out.write(healthy)


def same(a, b):
    if not os.path.exists(b) or os.path.getsize(a) != os.path.getsize(b):
        return False
    with open(a, "rb") as f, open(b, "rb") as g:
        return f.read() == g.read()


# --- suites ------------------------------------------------------------------------------------


class Unit:
    def __init__(self, name):
        self.name, self.target = "unit/" + name[len("test-"):], name

    def run(self, tree, _):
        """None when green, else the words of the failure."""
        p = shell([os.path.join(tree.build, "tests", self.target)], RUN_PATIENCE)
        if p.returncode == 0:
            return None
        failed = re.findall(r"\[  FAILED  \] (\w+)", p.stdout + p.stderr)
        return f"{failed[0]}" if failed else f"died with {p.returncode}"


class Sim:
    name, target = "sim", "test-sim"

    def run(self, tree, seeds):
        """Seeds in two halves at once, stopped at the first red one."""
        program = os.path.join(tree.build, "tests", "test-sim")
        end = time.monotonic() + RUN_PATIENCE

        def half(first):
            for seed in range(first, seeds + 1, 2):
                if self.found or time.monotonic() > end:
                    return
                p = shell([program, "--seed", str(seed)], RUN_PATIENCE)
                if p.returncode != 0:
                    self.found = self.found or f"seed {seed}: {words_of(p)}"

        self.found = None
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(half, [1, 2]))
        return self.found


def suites_of(source):
    names = sorted(os.listdir(os.path.join(source, "tests/unit")))
    return [Unit(n[:-2]) for n in names if re.fullmatch(r"test-.*\.c", n)] + [Sim()]


def words_of(p):
    for line in (p.stdout + "\n" + p.stderr).splitlines():
        m = re.match(r"seed \d+: FAILED (.*)", line)
        if m:
            told = re.sub(r"\b\w+=(0\b|\S+s\b)\s*", "", m.group(1))
            told = re.sub(r"\b(accepted|ended|deliveries|redeliveries|crashes|cuts)=\d+\s*", "", told)
            return told.strip()[:160]
    last = [x for x in (p.stdout + "\n" + p.stderr).splitlines() if x.strip()]
    return f"died with {p.returncode}: {last[-1][:120] if last else ''}"


def healthy(tree, suites, seeds):
    tree.make([s.target for s in suites])
    for s in suites:
        words = s.run(tree, seeds)
        if words:
            print(f"{s.name} is red on the healthy tree: {words}")
            return False
    return True


def hunt(tree, bug, suites, seeds, everything):
    """(suite, words) of each that found it."""
    tree.apply(bug)
    found = []
    try:
        for suite in sorted(suites, key=lambda x: x.name != bug.first):
            try:
                tree.make([suite.target])
                words = suite.run(tree, seeds)
            except subprocess.TimeoutExpired:
                words = "does not come to an end"
            if words:
                found.append((suite.name, words))
                if not everything:
                    break
    finally:
        tree.restore()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--source", default=os.path.join(HERE, "../.."))
    parser.add_argument("--work", default=os.path.join(HERE, "../../build/seeded"))
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--suites", default="", metavar="REGEX")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    o = parser.parse_args()
    bugs = [Bug(os.path.join(HERE, f)) for f in sorted(os.listdir(HERE)) if f.endswith(".patch")]
    bugs = [b for b in bugs if not o.names or b.name in o.names]
    if not shutil.which("patch"):
        raise Trouble("patch(1) is missing: daemon/packages.sh names it")
    if o.dry_run:
        stale = [b for b in bugs if not patch(b, o.source, "--dry-run")]
        print("".join(f"{b.name}.patch does not apply any more to {', '.join(b.files)}: write it "
                      "anew\n" for b in stale), end="")
        names = {s.name for s in suites_of(o.source)} | {""}
        lost = [b for b in bugs if b.first not in names]
        print("".join(f"{b.name}.patch: there is no suite {b.first}\n" for b in lost), end="")
        return 1 if stale or lost else 0
    if o.list:
        print("\n".join(f"{b.name:32} {b.promise}" for b in bugs))
        return 0
    tree = Tree(os.path.abspath(o.source), os.path.abspath(o.work))
    every = [s for s in suites_of(tree.source) if re.search(o.suites, s.name)]
    near = [s for s in every if s.name == "sim" or s.name in {b.first for b in bugs}]
    begin = time.monotonic()
    tree.prepare()
    if not healthy(tree, near, o.seeds):
        return 1
    print(f"healthy tree: built and green in {time.monotonic() - begin:.0f} s", flush=True)
    bad = 0
    for bug in bugs:
        t = time.monotonic()
        try:
            found = hunt(tree, bug, near, o.seeds, o.all)
            if (o.all or not found) and near != every:
                if not healthy(tree, [s for s in every if s not in near], o.seeds):
                    return 1
                near = every
                found = hunt(tree, bug, near, o.seeds, o.all)
        except Trouble as e:
            print(f"{bug.name:32} NOT TRIED  {e}", flush=True)
            bad += 1
            continue
        bad += not found
        for name, words in found or [("NOT FOUND", bug.promise)]:
            print(f"{bug.name:32} {name:20} {time.monotonic() - t:5.1f} s  {words}", flush=True)
    print(f"{len(bugs)} bugs, {bad} not found, {time.monotonic() - begin:.0f} s")
    return 1 if bad or not bugs else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as e:
        print(e)
        sys.exit(1)
