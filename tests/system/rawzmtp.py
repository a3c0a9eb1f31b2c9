# SPDX-License-Identifier: Apache-2.0
"""A peer without libzmq: ZMTP 3.1 with CURVE over a plain socket (ZeroMQ RFC 23, 25, 26), so that a
test can break any rule: endless messages, absurd lengths, claimed identities, bytes seen before.
libsodium does the cryptography."""
import ctypes
import os
import socket
import struct

import zmq.utils.z85 as z85

sodium = ctypes.CDLL("libsodium.so.23")
sodium.sodium_init()
MAC = 16
MORE, COMMAND_INSIDE = 1, 2
LARGE, COMMAND = 2, 4


def _call(name, *args):
    if getattr(sodium, name)(*args) != 0:
        raise ConnectionError(f"{name} failed")


def keypair():
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    _call("crypto_box_keypair", public, secret)
    return public.raw, secret.raw


def box(plain, nonce, public, secret):
    out = ctypes.create_string_buffer(len(plain) + MAC)
    _call("crypto_box_easy", out, plain, ctypes.c_ulonglong(len(plain)), nonce, public, secret)
    return out.raw


def unbox(cipher, nonce, public, secret):
    out = ctypes.create_string_buffer(max(len(cipher) - MAC, 1))
    _call("crypto_box_open_easy", out, cipher, ctypes.c_ulonglong(len(cipher)), nonce, public, secret)
    return out.raw[:len(cipher) - MAC]


def prop(name, value):
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value


def greeting(mechanism=b"CURVE", version=(3, 1), server=0):
    return b"\xff" + bytes(8) + b"\x7f" + bytes(version) + mechanism.ljust(20, b"\0") + \
        bytes([server]) + bytes(31)


def frame(body, flags=0):
    if len(body) > 255:
        return bytes([flags | LARGE]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


class Raw:
    """keys: (public, secret, server public), all Z85. identity: what it says of itself."""

    def __init__(self, port, keys=None, identity=b"", timeout=10, source=None, room=0):
        self.socket = socket.socket()
        if room:  # before the other side knows of more: TCP may stand still when a window shrinks
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.keys = [z85.decode(k) for k in keys] if keys else None
        self.identity, self.nonce, self.buffer = identity, 0, b""
        self.told = b""  # more metadata

    # --- bytes ---
    def send(self, data):
        self.socket.sendall(data)

    def take(self, n):
        while len(self.buffer) < n:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self.buffer += more
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def frame(self):
        """flags and body of the next ZMTP frame"""
        flags = self.take(1)[0]
        size = struct.unpack(">Q", self.take(8))[0] if flags & LARGE else self.take(1)[0]
        return flags, self.take(size)

    def closed(self, timeout=10):
        """True when the broker ends the connection in time."""
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(65536):
                pass
            return True
        except socket.timeout:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()

    # --- the handshake ---
    def count(self):
        self.nonce += 1
        return struct.pack(">Q", self.nonce)

    def hello_command(self):
        public, _, server = self.keys
        self.short = keypair()
        n = self.count()
        return b"\5HELLO\1\0" + bytes(72) + self.short[0] + n + \
            box(bytes(64), b"CurveZMQHELLO---" + n, server, self.short[1])

    def initiate_command(self, welcome):
        public, secret, server = self.keys
        plain = unbox(welcome[24:], b"WELCOME-" + welcome[8:24], server, self.short[1])
        self.server_short, cookie = plain[:32], plain[32:]
        vouch_nonce, n = os.urandom(16), self.count()
        vouch = box(self.short[0] + server, b"VOUCH---" + vouch_nonce, self.server_short, secret)
        metadata = prop(b"Socket-Type", b"DEALER") + prop(b"Identity", self.identity) + self.told
        return b"\x08INITIATE" + cookie + n + box(
            public + vouch_nonce + vouch + metadata, b"CurveZMQINITIATE" + n, self.server_short,
            self.short[1])

    def greet(self):
        self.send(greeting())
        self.take(64)
        return self

    def connect(self):
        self.greet()
        self.send(frame(self.hello_command(), COMMAND))
        _, welcome = self.frame()
        self.send(frame(self.initiate_command(welcome), COMMAND))
        _, ready = self.frame()
        if not ready.startswith(b"\5READY"):
            raise ConnectionError(ready[:20])
        return self

    # --- messages ---
    def sealed(self, data, inside=0):
        n = self.count()
        return b"\7MESSAGE" + n + box(bytes([inside]) + data, b"CurveZMQMESSAGEC" + n,
                                      self.server_short, self.short[1])

    def part(self, data, more=False):
        """Bytes of one part, as they go over the line."""
        return frame(self.sealed(data, MORE if more else 0))

    def message(self, *parts):
        return b"".join(self.part(p, i + 1 < len(parts)) for i, p in enumerate(parts))

    def send_message(self, *parts):
        self.send(self.message(*parts))

    def receive(self):
        """The parts of the next message; heartbeats are answered."""
        parts = []
        while True:
            _, body = self.frame()
            plain = unbox(body[16:], b"CurveZMQMESSAGES" + body[8:16], self.server_short,
                          self.short[1])
            if plain[0] & COMMAND_INSIDE:
                if plain[1:6] == b"\4PING":
                    self.send(frame(self.sealed(b"\4PONG" + plain[8:], COMMAND_INSIDE)))
                continue
            parts.append(plain[1:])
            if not plain[0] & MORE:
                return parts
