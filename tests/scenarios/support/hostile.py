"""What a hostile client does: octets, pauses and cuts, told as a list of steps, and what the server said to them."""

import re
import socket
import ssl
import struct
import threading
import time

CRLF = b"\r\n"
TO_DATA = b"EHLO client.example\r\nMAIL FROM:<x@client.example>\r\nRCPT TO:<dev@lists.example>\r\n"


class Wait(str):
    """A step: wait for a reply line that begins so."""


class Peer:
    """One connection; `said` is all that the server said on it."""

    def __init__(self, port, timeout=60, source=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=source and (source, 0))
        self.clear = None
        self.said = b""
        self.ended = False

    def read(self):
        try:
            octets = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            octets = b""
        self.said += octets
        self.ended = self.ended or not octets
        return octets

    def wait(self, prefix):
        """For the last line of a reply that begins with `prefix`, behind all that was waited for before."""
        pattern = re.compile(rb"(?m)^" + re.escape(prefix) + rb"[^\r\n]*\r\n")
        while not self.ended:
            found = pattern.search(self.said, getattr(self, "seen", 0))
            if found:
                self.seen = found.end()
                return found.group(0)
            try:
                self.read()
            except TimeoutError:
                break
        raise AssertionError(f"waited in vain for {prefix}: the server said {self.said[-2000:]!r}")

    def play(self, steps):
        for step in steps:
            if isinstance(step, Wait):
                self.wait(step.encode())
            elif isinstance(step, (int, float)):
                time.sleep(step)
            else:
                try:
                    self.socket.sendall(step)
                except (ConnectionError, ssl.SSLError):
                    return  # it has cut us off; what it said tells why

    def rest(self):
        """Reads to the end; gives the codes of all replies, multi-line ones once."""
        try:
            while self.read():
                pass
        except TimeoutError:
            pass
        return self.codes()

    def codes(self):
        return [line[:3].decode() for line in self.said.split(CRLF) if len(line) >= 3 and line[3:4] != b"-"]

    def starttls(self, name=None):
        """The handshake; the context trusts anybody."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.clear = self.socket.dup()
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.socket.close()
        if self.clear:  # the same connection: it ends with its last descriptor
            self.clear.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def memory(process):
    """Resident octets of a process."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024


class Listener:
    """Takes connections, and has serve(peer) for each, on a thread of its own."""

    def listen(self, address=("127.0.0.1", 0)):
        self.listener = socket.create_server(address)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        peer.settimeout(60)
        with peer:
            self.serve(peer)


def assert_clean(test, octets):
    """No control character but line ends, none that turns the direction of text."""
    found = re.search(rb"[\0-\x08\x0b-\x1f\x7f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]", octets)
    test.assertIsNone(found, found and octets[max(0, found.start() - 200):found.end() + 50])
