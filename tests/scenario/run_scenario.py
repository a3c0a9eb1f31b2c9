#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays scenarios over real brokers and says what came of each line.

    run_scenario.py FILE...
    run_scenario.py --go-on FILE...    goes on after a check that does not hold
    run_scenario.py --read FILE...     only reads them and tells mistakes

Exit status: 0 all held; 1 an expectation did not hold; 2 a scenario cannot be read; 77 nothing to
run it with. Environment: SERASI_BIN, SERASI_PRELOAD_LIBRARY.
"""
import json
import os
import sys
import time
import uuid

import actions   # noqa: F401  (their phrases)
import checks    # noqa: F401
import standing  # noqa: F401
from messages import Failed, Mistake
from parse import Script, Step
from planted import search_files, search_memory
from world import LIBRARY, World


def play(script, go_on):
    """Whether everything held."""
    good = True
    with World(script) as world:
        for i, step in enumerate(script.steps):
            world.step = i
            try:
                one_step(world, i, step)
            except (Failed, AssertionError, Mistake) as e:
                good = False
                failed(script, step, e)
                if not go_on:
                    return False
        try:
            the_end(world)
        except (Failed, AssertionError) as e:
            good = False
            failed(script, Step(len(script.steps), "what holds of every scenario", None, True), e)
    return good


def one_step(world, i, step):
    if step.is_check:
        say("ok", step, step.run(world))
    elif step.run:
        world.last_deed = i
        say("..", step, None)
        for more in facts_after(world.script, i):
            say("", more, None)
        told(step.run(world))


def failed(script, step, error):
    where = f"{os.path.relpath(script.path)}:{step.line}"
    print(f"FAIL    {step.text}\n\n{where}: {step.text.strip()}\n    there was instead: {error}\n",
          flush=True)


def facts_after(script, i):
    """The lines that say what is in the message of line i."""
    for step in script.steps[i + 1:]:
        if step.run:
            return
        yield step


def say(mark, step, note):
    print(f"{mark:6s}  {step.text}", flush=True)
    told(note)


def told(note):
    for line in (note or "").splitlines():
        print(f"            {line}", flush=True)


# --- what holds of every scenario ----------------------------------------------------------------


def the_end(world):
    world.settle()
    for b in sorted(world.running):
        for verb in ("status", "queues", "sessions", "links", "messages"):
            world.outputs.append(world.ctl(b, verb).stdout)
        world.ctl(b, "check")
    say("ok", END[0], None)
    looked = all([search_memory(world.c.process[b].pid, planted(world), b)
                  for b in sorted(world.running)])
    for i in world.nodes.values():
        if i.client:
            i.client.bye()
            i.client = None
    for b in sorted(world.running):
        world.c.stop(b)
    for b in world.script.brokers:
        p = world.ctl(b, "refold", "--json", check=False)
        row = json.loads(p.stdout) if p.returncode == 0 else {"different": p.stderr.strip()}
        if row["different"] != 0:
            raise Failed(f"serasictl refold at {b}: {row['different']} differences\n{p.stderr}")
    say("ok", END[1], None)
    nothing_leaked(world)
    say("ok", END[2], None)
    n = sum(search_files(world.c.dir(b), planted(world), cases(world))
            for b in world.script.brokers)
    say("ok", END[3], f"{n} files" + ("" if looked else "; no leave to read the memory"))


END = [Step(0, text, None, True) for text in (
    "every store is whole (serasictl check)",
    "every item follows from the acts on record (serasictl refold)",
    "no name, NIK, body or full case id in any log, answer, notice or list",
    "no name, NIK or sealed text in any file of a broker or in its memory; no case id but in its store")]


def planted(world):
    words = list(world.script.planted())
    words += [line for line in world.script.sealed_text().decode().splitlines()]
    return [w.encode() for w in words]


def cases(world):
    return [w for case in world.script.cases if case in world.ids
            for w in (str(uuid.UUID(bytes=world.ids[case])).encode(), world.ids[case],
                      world.ids[case].hex().encode())]


def nothing_leaked(world):
    world.c.log.flush()
    with open(world.c.log.name, encoding="utf-8", errors="replace") as f:
        log = f.read()
    words = [w.decode() for w in planted(world)]
    for case in world.script.cases:
        if case in world.ids:
            words += [str(uuid.UUID(bytes=world.ids[case])), world.ids[case].hex()]
    for where, text in (("the log of a broker", log), ("an answer or a list",
                                                       "\n".join(world.outputs))):
        there = [w for w in words if w and w in text]
        if there:
            raise Failed(f'{where} has "{there[0]}"')


def main():
    options = {a for a in sys.argv[1:] if a.startswith("--")}
    paths = [a for a in sys.argv[1:] if not a.startswith("--")]
    if not paths or options - {"--read", "--go-on"}:
        print(__doc__.strip())
        return 2
    scripts = [Script(p).read() for p in paths]
    complaints = [c for s in scripts for c in s.complaints]
    if complaints:
        print("\n".join(complaints))
        return 2
    if "--read" in options:
        return 0
    if not os.path.exists(LIBRARY):
        print(f"{LIBRARY} is missing: build serasi-preload first")
        return 77
    good = True
    for s in scripts:
        began = time.monotonic()
        print(f"\nScenario {s.title}\n", flush=True)
        try:
            good = play(s, "--go-on" in options) and good
        except (Failed, AssertionError) as e:  # before the first line, or a broker at its end
            print(f"FAIL    {e}")
            good = False
        print(f"\n{time.monotonic() - began:.1f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
