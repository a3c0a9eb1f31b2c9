# SPDX-License-Identifier: Apache-2.0
"""What is planted must be found nowhere: not in a file of a broker, not in its memory. The sealed parts
are ciphertext, as applications make them; only the institutions could open them.

Case ids (random, of nobody's number) stand in the store, and in no other file."""
import ctypes
import os

from messages import Failed
from cluster import may_look_inside

STORE = ("serasid.db", "serasid.db-wal", "serasid.db-shm")
CHUNK = 1 << 24


class Sealer:
    """One key pair for all institutions of a scenario; its secret half is thrown away."""

    def __init__(self):
        self.sodium = ctypes.CDLL("libsodium.so.23")
        self.sodium.sodium_init()
        self.public = ctypes.create_string_buffer(32)
        self.sodium.crypto_box_keypair(self.public, ctypes.create_string_buffer(32))

    def seal(self, text):
        out = ctypes.create_string_buffer(len(text) + 48)
        if self.sodium.crypto_box_seal(out, text, ctypes.c_ulonglong(len(text)), self.public) != 0:
            raise Failed("libsodium does not seal")
        return out.raw


def memory_of(pid):
    """What the process can write to, piece by piece; pieces overlap."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            at, end = (int(x, 16) for x in where.split("-"))
            while at < end:
                try:
                    mem.seek(at)
                    yield mem.read(min(CHUNK, end - at))
                except (OSError, ValueError):  # [vvar] and its like
                    break
                at += CHUNK - 256


def files_of(folder):
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as f:
                    yield os.path.relpath(full, folder), f.read()


def nowhere_in(data, words, where):
    for w in words:
        if w and w in data:
            raise Failed(f'{where} has "{w.decode(errors="replace")}"')


def search_memory(pid, words, who):
    """Returns whether there was leave to do it."""
    if not may_look_inside(pid):
        return False
    for piece in memory_of(pid):
        nowhere_in(piece, words, f"the memory of {who}")
    return True


def search_files(folder, words, case_words):
    n = 0
    for name, data in files_of(folder):
        n += 1
        nowhere_in(data, words, name)
        if os.path.basename(name) not in STORE:
            nowhere_in(data, case_words, name)
    return n
