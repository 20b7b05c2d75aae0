"""TCP connections of others that can be cut, held up and slowed down, and cut exactly between COMMIT and its answer: wires
between Essaim nodes and their databases. They run as a process of their own, so that they keep up with the load.

  wires = Wires(folder); port = wires.add("n1-db2", "127.0.0.1", ("127.0.0.1", 3306)); wires.cut("n1-*")"""

import asyncio
import fnmatch
import json
import os
import pathlib
import subprocess
import sys

CHUNK = 65536
COMMIT = b"\x03RELEASE SAVEPOINT whole; COMMIT"  # COM_QUERY, as storage/mariadb has it


class Commits:
    """Reads the client's side of MariaDB's protocol (packets: three octets of length, a number, the payload) just far enough
    to see a COMMIT."""

    def __init__(self):
        self.buffer = b""
        self.skip = 0

    def seen_in(self, octets):
        """Whether a COMMIT ends in these octets."""
        seen = False
        while octets:
            if self.skip:
                taken = min(self.skip, len(octets))
                self.skip, octets = self.skip - taken, octets[taken:]
                continue
            self.buffer, octets = self.buffer + octets[:64], octets[64:]
            if len(self.buffer) < 4:
                continue
            length = int.from_bytes(self.buffer[:3], "little")
            body = self.buffer[4:4 + length]
            if len(body) < min(length, len(COMMIT)):
                continue
            seen = seen or (length == len(COMMIT) and self.buffer[3] == 0 and body == COMMIT)
            octets, self.buffer = self.buffer[4 + len(body):] + octets, b""
            self.skip = length - len(body)
        return seen


class Wire:
    def __init__(self, name, target):
        self.name, self.target = name, target
        self.open = asyncio.Event()  # not set: nothing passes, nothing is closed
        self.open.set()
        self.refuses = False
        self.delay = 0.0
        self.traps = 0   # answers to so many COMMITs are still to be swallowed
        self.trapped = 0
        self.pairs = set()

    async def serve(self, reader, writer):
        if self.refuses:
            writer.transport.abort()
            return
        await self.open.wait()
        try:
            other_reader, other_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, other_writer)
        self.pairs.add(pair)
        state = {"swallow": False}
        try:
            await asyncio.gather(self.forward(reader, other_writer, pair, state, Commits()), self.forward(other_reader, writer, pair, state, None))
        finally:
            self.drop(pair)

    async def forward(self, reader, writer, pair, state, commits):
        try:
            while True:
                octets = await reader.read(CHUNK)
                if not octets:
                    break
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self.open.wait()
                if commits is None and state["swallow"]:
                    self.trapped += 1
                    return self.drop(pair)  # the server has committed, and nobody hears of it
                if commits is not None and commits.seen_in(octets) and self.traps > 0:
                    self.traps -= 1
                    state["swallow"] = True
                writer.write(octets)
                await writer.drain()
        except OSError:
            pass
        self.drop(pair)

    def drop(self, pair):
        self.pairs.discard(pair)
        for writer in pair:
            writer.transport.abort()


async def run():
    wires = {}
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        verb, pattern, value = json.loads(line)
        answer = None
        if verb == "add":
            host, target = value
            wire = wires[pattern] = Wire(pattern, tuple(target))
            server = await asyncio.start_server(wire.serve, host, 0, limit=CHUNK)
            answer = server.sockets[0].getsockname()[1]
        for wire in [w for w in wires.values() if fnmatch.fnmatch(w.name, pattern)]:
            if verb == "cut":
                for pair in list(wire.pairs):
                    wire.drop(pair)
            elif verb == "hole":
                wire.open.clear() if value else wire.open.set()
            elif verb == "refuse":
                wire.refuses = value
            elif verb == "delay":
                wire.delay = value
            elif verb == "trap":
                wire.traps, wire.trapped = value, 0
            elif verb == "trapped":
                answer = (answer or 0) + wire.trapped
        print(json.dumps(answer), flush=True)


class Wires:
    name = "wires"

    def __init__(self, folder):
        self.log = pathlib.Path(folder) / "wires.log"
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log.open("w"), text=True, start_new_session=True)

    def _do(self, verb, pattern, value=None):
        self.process.stdin.write(json.dumps([verb, pattern, value]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the wires are gone:\n{self.log.read_text()[-2000:]}"
        return json.loads(answer)

    def add(self, name, host, target):
        """Gives the port."""
        return self._do("add", name, [host, target])

    def cut(self, pattern):
        """Connections end; new ones are made."""
        self._do("cut", pattern)

    def hole(self, pattern, held):
        """Nothing passes while held, and nobody is told."""
        self._do("hole", pattern, held)

    def refuse(self, pattern, refused):
        self._do("refuse", pattern, refused)

    def delay(self, pattern, seconds):
        """Of everything, in both directions."""
        self._do("delay", pattern, seconds)

    def trap(self, pattern, count):
        """The answers to the next COMMITs are swallowed, and their connections cut: so many on each wire."""
        self._do("trap", pattern, count)

    def trapped(self, pattern):
        return self._do("trapped", pattern) or 0

    def heal(self, pattern="*"):
        for verb, value in (("hole", False), ("refuse", False), ("delay", 0.0), ("trap", 0)):
            self._do(verb, pattern, value)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()


if __name__ == "__main__":
    asyncio.run(run())
