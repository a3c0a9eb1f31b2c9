# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy on loopback that does to a line what networks do.

    with Proxy(port) as p:              # p.port leads to port
        p.up.delay = 0.3                # towards the target: every byte comes later
        p.down.rate = 8000              # towards the client: bytes a second
        p.up.state = HOLD               # bytes wait; FLOW lets them go (loss that TCP repairs)
        p.up.state = SWALLOW            # bytes are read and lost; such a line never flows again
        p.up.corrupt(1)                 # a few bytes of what comes next are turned
        p.reset()                       # every connection ends with RST
        p.refusing = True               # new connections are reset at once

A line that swallowed bytes cannot go on as if nothing had been: it stays dead, and silent, until one of
its ends gives it up. Both directions HOLD is a half-open line: neither end hears of the other.
"""
import collections
import random
import selectors
import socket
import struct
import threading
import time

FLOW, HOLD, SWALLOW = "flow", "hold", "swallow"
CHUNK = 16384
BURST = 4  # bytes that are turned together
HANDSHAKE = 700  # bytes of a line that may be filler and mean nothing
BACKLOG = 1 << 20  # bytes that one direction may hold before its sender is no longer read


class Way:
    """Orders for one direction of all lines of a proxy."""

    def __init__(self, proxy):
        self.proxy, self._delay, self._rate, self._state = proxy, 0.0, None, FLOW
        self.bursts = 0  # still to be turned
        self.forwarded = self.swallowed = 0

    def _set(name):  # noqa: N805
        def set_it(self, value):
            setattr(self, name, value)
            self.proxy.wake()
        return property(lambda self: getattr(self, name), set_it)

    delay, rate, state = _set("_delay"), _set("_rate"), _set("_state")

    def corrupt(self, bursts=1):
        """Four bytes each: a single one may be the flags of a ZMTP frame, which are not under the
        seal of CURVE, and most of which libzmq ignores."""
        self.bursts += bursts


class Half:
    """One direction of one line: what came in and has not gone out."""

    def __init__(self, way, source, sink):
        self.way, self.source, self.sink = way, source, sink
        self.waiting, self.size = collections.deque(), 0  # (when it may go, bytes)
        self.passed = 0
        self.free_at = 0.0  # the rate lets the next bytes go
        self.ended = self.dead = False

    def read(self, rng):
        try:
            data = self.source.recv(CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return False
        if self.way.state == SWALLOW or self.dead:
            self.dead = True
            self.way.swallowed += len(data)
            return True
        self.passed += len(data)
        if self.way.bursts > 0 and len(data) >= BURST and self.passed - len(data) >= HANDSHAKE:
            self.way.bursts -= 1
            at = rng.randrange(len(data) - BURST + 1)
            turned = bytes(b ^ rng.randrange(1, 256) for b in data[at:at + BURST])
            data = data[:at] + turned + data[at + BURST:]
            self.line.corrupted = True
        self.waiting.append((time.monotonic() + self.way.delay, data))
        self.size += len(data)
        return True

    def due(self, now):
        """Seconds until something can go out; None when nothing waits."""
        if not self.waiting or self.way.state != FLOW or self.dead:
            return None
        return max(0.0, self.waiting[0][0] - now, self.free_at - now)

    def write(self, now):
        while self.due(now) == 0.0:
            when, data = self.waiting.popleft()
            piece = data[:max(1, int(self.way.rate / 20))] if self.way.rate else data
            try:
                n = self.sink.send(piece)
            except BlockingIOError:
                n = 0
            except OSError:
                return False
            self.size -= n
            self.way.forwarded += n
            if n < len(data):
                self.waiting.appendleft((when, data[n:]))
            if self.way.rate:
                self.free_at = now + n / self.way.rate
            if n < len(piece):
                self.free_at = max(self.free_at, now + 0.005)  # the sink is full
                return True
        return True


class Line:
    def __init__(self, proxy, client, target):
        self.ends = (client, target)
        self.up, self.down = Half(proxy.up, client, target), Half(proxy.down, target, client)
        self.up.line = self.down.line = self
        self.corrupted = False


def abort(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class Proxy:
    def __init__(self, target, host="127.0.0.1", seed=1):
        self.target, self.rng = (host, target), random.Random(seed)
        self.up, self.down = Way(self), Way(self)
        self.refusing, self.wanted, self.running = False, [], True
        self.lines, self.accepted = set(), 0
        self.corrupted = self.corrupted_ended = 0
        self.lock = threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.server.setblocking(False)
        self.port = self.server.getsockname()[1]
        self.bell, self.ear = socket.socketpair()
        self.ear.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.server, selectors.EVENT_READ)
        self.selector.register(self.ear, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    # --- orders, from the test's thread ---------------------------------------------------------
    def wake(self):
        try:
            self.bell.send(b"x")
        except (BlockingIOError, OSError):
            pass

    def reset(self):
        """Ends every line of now with RST, and is done when it returns."""
        done = threading.Event()
        with self.lock:
            self.wanted.append(done)
        self.wake()
        done.wait(10)

    def heal(self):
        """All orders are taken back; lines that lost bytes end."""
        self.refusing = False
        for way in (self.up, self.down):
            way.delay, way.rate, way.state, way.bursts = 0.0, None, FLOW, 0
        self.wake()

    def close(self):
        self.running = False
        self.wake()
        self.thread.join(10)
        for line in list(self.lines):
            for s in line.ends:
                s.close()
        for s in (self.server, self.bell, self.ear):
            s.close()
        self.selector.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- the thread -----------------------------------------------------------------------------
    def _accept(self):
        try:
            client, _ = self.server.accept()
        except OSError:
            return
        self.accepted += 1
        if self.refusing:
            abort(client)
            return
        try:
            target = socket.create_connection(self.target, timeout=2)
        except OSError:
            abort(client)
            return
        line = Line(self, client, target)
        for s in line.ends:
            s.setblocking(False)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines.add(line)
        self.selector.register(client, selectors.EVENT_READ, (line, line.up))
        self.selector.register(target, selectors.EVENT_READ, (line, line.down))

    def _end(self, line, with_reset=False):
        self.lines.discard(line)
        if line.corrupted:
            self.corrupted_ended += 1
        for s in line.ends:
            try:
                self.selector.unregister(s)
            except (KeyError, ValueError):
                pass
            if with_reset:
                abort(s)
            else:
                s.close()

    def _read(self, line, half):
        was = line.corrupted
        alive = half.read(self.rng)
        self.corrupted += line.corrupted and not was
        if alive:
            return
        # An end that went away takes the line with it, but on a line that is cut nobody hears.
        if half.way.state == FLOW and not half.dead:
            half.write(time.monotonic())
            self._end(line)
        else:
            self.selector.unregister(half.source)

    def _pause_full(self, line):
        """A direction that holds too much no longer reads: its sender feels it."""
        for half in (line.up, line.down):
            if half.ended:
                continue
            key = self.selector.get_map().get(half.source.fileno())
            if key and half.size > BACKLOG:
                self.selector.unregister(half.source)
            elif not key and half.size <= BACKLOG // 2:
                self.selector.register(half.source, selectors.EVENT_READ, (line, half))

    def _turn(self):
        now = time.monotonic()
        wait = 1.0
        for line in list(self.lines):
            healed = self.up.state == FLOW and self.down.state == FLOW
            if healed and (line.up.dead or line.down.dead or line.up.ended or line.down.ended):
                self._end(line, with_reset=True)
                continue
            if not (line.up.write(now) and line.down.write(now)):
                self._end(line)
                continue
            self._pause_full(line)
            for half in (line.up, line.down):
                due = half.due(now)
                wait = min(wait, wait if due is None else max(due, 0.001))
        return wait

    def _run(self):
        while self.running:
            for key, _ in self.selector.select(self._turn()):
                if key.fileobj is self.server:
                    self._accept()
                elif key.fileobj is self.ear:
                    self.ear.recv(4096)
                elif key.data[0] in self.lines:
                    self._read(*key.data)
            with self.lock:
                wanted, self.wanted = self.wanted, []
            for done in wanted:
                for line in list(self.lines):
                    self._end(line, with_reset=True)
                done.set()
