"""The wires themselves: what they do to connections, and that they find a COMMIT however it is cut into segments."""

import pathlib
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from wires import COMMIT as TEXT, Commits, Wires  # noqa: E402


def packet(payload, number=0):
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


COMMIT = packet(TEXT)
OTHERS = [packet(b"\x03BEGIN"), packet(TEXT + b"S"), packet(TEXT[:-1]), packet(b"\x17" + b"COMMIT" * 30), packet(b""), packet(TEXT, 1),
          packet(b"\x03" + b"x" * 70_000 + COMMIT), packet(b"\x01")]


class FindingCommits(unittest.TestCase):
    def count(self, octets, size):
        commits = Commits()
        return sum(commits.seen_in(octets[i:i + size]) for i in range(0, len(octets), size))

    def test_only_a_commit_is_one(self):
        for size in (1, 2, 3, 5, 16, 17, 1000, 10_000_000):
            for other in OTHERS:
                self.assertEqual(0, self.count(other, size), (other[:20], size))
            stream = b"".join(other + COMMIT for other in OTHERS)
            if size <= len(COMMIT):
                self.assertEqual(len(OTHERS), self.count(stream, size))
            else:
                self.assertGreaterEqual(self.count(stream, size), 1)


class Echo:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got = b""
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        while octets := peer.recv(65536):
            self.got += octets
            peer.sendall(octets)


class OnWires(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.echo = Echo()
        self.addCleanup(self.echo.listener.close)
        self.wires = Wires(self.folder.name)
        self.addCleanup(self.wires.stop)
        self.port = self.wires.add("n1-db1", "127.0.0.1", ("127.0.0.1", self.echo.port))

    def connect(self):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        self.addCleanup(peer.close)
        return peer

    def says(self, peer, octets):
        peer.sendall(octets)
        got = b""
        while len(got) < len(octets):
            more = peer.recv(65536)
            if not more:
                raise ConnectionError("closed")
            got += more
        return got

    def test_they_carry_cut_and_refuse(self):
        peer = self.connect()
        self.assertEqual(b"bees", self.says(peer, b"bees"))
        self.wires.cut("n2-*")
        self.assertEqual(b"bees", self.says(peer, b"bees"))
        self.wires.cut("n1-*")
        with self.assertRaises(ConnectionError):
            self.says(peer, b"bees")
        self.wires.refuse("*", True)
        with self.assertRaises(ConnectionError):
            self.says(self.connect(), b"bees")
        self.wires.heal()
        self.assertEqual(b"bees", self.says(self.connect(), b"bees"))

    def test_held_up_nothing_passes_and_nothing_is_lost(self):
        peer = self.connect()
        self.says(peer, b"bees")
        self.wires.hole("n1-db1", True)
        peer.sendall(b"later")
        peer.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            peer.recv(100)
        self.wires.hole("n1-db1", False)
        peer.settimeout(120)
        self.assertEqual(b"later", peer.recv(100))

    def test_slow_ones_take_their_time(self):
        peer = self.connect()
        self.wires.delay("*", 0.3)
        began = time.monotonic()
        self.says(peer, b"bees")
        self.assertGreaterEqual(time.monotonic() - began, 0.6)

    def test_the_answer_to_a_commit_is_swallowed(self):
        peer = self.connect()
        self.wires.trap("*", 1)
        self.says(peer, packet(b"\x03BEGIN"))
        with self.assertRaises(ConnectionError):
            self.says(peer, COMMIT)
        self.assertTrue(self.echo.got.endswith(COMMIT))
        self.assertEqual(1, self.wires.trapped("*"))
        self.assertEqual(COMMIT, self.says(self.connect(), COMMIT))


if __name__ == "__main__":
    unittest.main()
