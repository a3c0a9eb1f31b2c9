#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a running broker against proto/PROTOCOL.md, frame by frame.

    conformance.py ENDPOINT SERVER_KEY KEY_FILE_A KEY_FILE_B [options]

A publishes, B consumes; both nodes are at home at this broker and of a kind that may send case
responses (an agency, a home, a puskesos), B the agency that holds the complaints of the region.
Nobody else may consume B's mailbox meanwhile: it is
emptied before each check. Prints one line per check; exit status 0 when all are ok, 1 on any
failure, 2 when the broker cannot be reached.
"""

import argparse
import fnmatch
import sys
import time
import traceback

sys.dont_write_bytecode = True
import checks_consume  # noqa: E402,F401
import checks_law  # noqa: E402,F401
import checks_publish  # noqa: E402,F401
import checks_receipt  # noqa: E402,F401
import checks_session  # noqa: E402,F401
from bench import CHECKS, Bench, Failed, Skipped  # noqa: E402
from serasi_client import ProtocolError, Timeout  # noqa: E402


def run(t, function):
    start, word, seen = time.monotonic(), "ok", None
    try:
        t.drain()
        seen = function(t)
    except Skipped as e:
        word, seen = "skip", e
    except (Failed, Timeout, ProtocolError) as e:
        word, seen = "FAIL", e
    except Exception:  # a fault of the check itself: as bad as a failure
        word, seen = "FAIL", traceback.format_exc()
    try:
        t.finish()
    except (Timeout, ProtocolError) as e:
        word, seen = "FAIL", f"{seen}; and at the end: {e}"
    t.open = []
    title = function.__name__.replace("_", " ")
    line = f"{word:4} {title} ({time.monotonic() - start:.1f} s)"
    print(line + (f": {seen}" if seen is not None else ""), flush=True)
    return word


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("endpoint")
    p.add_argument("server_key")
    p.add_argument("key_a", help="key file of the node that publishes")
    p.add_argument("key_b", help="key file of the node that consumes")
    p.add_argument("--node-a", help="node id key A must act for")
    p.add_argument("--peer", "--node-b", dest="peer", help="node id key B must act for")
    p.add_argument("--region", default="3203", help="region of the messages, within B's scope")
    p.add_argument("--quick", action="store_true", help="leave out what waits for dead sessions")
    p.add_argument("--only", default="*", help="pattern of checks to run, such as '*lane*'")
    p.add_argument("--list", action="store_true")
    o = p.parse_args()
    chosen = [c for c in CHECKS if fnmatch.fnmatch(c.__name__, o.only.replace(" ", "_")) and
              not (o.quick and getattr(c, "slow", False))]
    if o.list:
        print("\n".join(c.__name__ for c in chosen))
        return 0
    t = Bench(o)
    try:
        for who in "ab":
            t.session(who)
        t.finish()
    except (Timeout, ProtocolError) as e:
        print(f"conformance: no session at {o.endpoint}: {e}", file=sys.stderr)
        return 2
    words = [run(t, c) for c in chosen]
    print(f"{words.count('ok')} ok, {words.count('FAIL')} failed, {words.count('skip')} skipped")
    return 1 if "FAIL" in words or not words else 0


if __name__ == "__main__":
    sys.exit(main())
