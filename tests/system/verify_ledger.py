# SPDX-License-Identifier: Apache-2.0
"""Verifies what `serasictl ledger export` wrote, by the recipe in proto/PROTOCOL.md and nothing
else: verify_ledger.py FILE. Returns or prints what does not hold; exit status 1 then."""
import base64
import ctypes
import ctypes.util
import hashlib
import json
import sys

SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
b64 = base64.b64decode


def digest(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def number(n):
    return n.to_bytes(8, "big")


def signed(public, label, content, signature):
    text = b" " * 64 + label + b"\0" + content
    return SODIUM.crypto_sign_verify_detached(signature, text, ctypes.c_ulonglong(len(text)),
                                              public) == 0


def verify(lines):
    wrong, hashes = [], {}
    start, *rest = map(json.loads, lines)
    block, entries, last = start["base_block"], start["base_entries"], b64(start["base_hash"])
    if block == 0 and last != digest(b"serasi v1 ledger of ", start["ledger"].encode()):
        wrong.append("it does not begin as the ledger of that broker")
    hashes[block] = last
    for x in rest:
        if "countersigned" in x:
            content = digest(number(len(start["ledger"])), start["ledger"].encode(),
                             number(x["block"]), number(x["at"]), b64(x["hash"]))
            if not signed(b64(x.get("public", "")), b"serasi v1 ledger head", content,
                          b64(x["signature"])):
                wrong.append(f"the countersignature of block {x['block']} does not hold")
            if hashes.get(x["block"]) != b64(x["hash"]):
                wrong.append(f"block {x['block']} is not the one that was countersigned")
            continue
        body = b64(x["body"])
        last = digest(b"serasi v1 ledger", last, number(x["block"]), number(x["at"]),
                      number(x["first"]), number(x["n"]), number(len(body)), body)
        if (x["block"], x["first"]) != (block + 1, entries + 1) or last != b64(x["hash"]):
            wrong.append(f"block {x['block']} does not follow")
        block, entries, hashes[x["block"]] = x["block"], x["first"] + x["n"] - 1, b64(x["hash"])
        last = b64(x["hash"])
    return wrong


if __name__ == "__main__":
    problems = verify(open(sys.argv[1], encoding="utf-8").read().splitlines())
    print("\n".join(problems) or "whole")
    sys.exit(1 if problems else 0)
