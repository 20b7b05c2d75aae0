"""Many clients in one process: connections that stay idle, talk slowly or are opened as fast as it goes."""

import collections
import select
import socket
import threading
import time


class Crowd:
    """Opens `count` connections from `source`; each gets its greeting. slow: sends a byte of `text` each second."""

    def __init__(self, port, count, source="127.0.0.1", text=b""):
        self.port, self.text = port, text
        self.greetings = collections.Counter()
        self.sockets = {}
        self._poll = select.epoll()
        self._sent = collections.Counter()
        self.closed = 0
        self._stopping = False
        opened = 0
        while opened < count:
            for _ in range(min(200, count - opened)):
                one = socket.socket()
                one.setblocking(False)
                one.bind((source, 0))
                one.connect_ex(("127.0.0.1", port))
                self.sockets[one.fileno()] = one
                self._poll.register(one.fileno(), select.EPOLLIN)
                opened += 1
            self._read(0.05)
        deadline = time.monotonic() + 60
        while sum(self.greetings.values()) < count and time.monotonic() < deadline:
            self._read(0.1)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _read(self, timeout):
        for fd, _ in self._poll.poll(timeout):
            try:
                data = self.sockets[fd].recv(4096)
            except OSError:
                data = b""
            if data and data[:3].isdigit() and data[:3] in (b"220", b"421"):
                self.greetings[data[:3].decode()] += 1
            if not data:
                self.closed += 1
                self._poll.unregister(fd)
                self.sockets.pop(fd).close()

    def _run(self):
        while not self._stopping:
            began = time.monotonic()
            if self.text:
                for fd, one in list(self.sockets.items()):
                    try:
                        one.send(self.text[self._sent[fd] % len(self.text):][:1])
                        self._sent[fd] += 1
                    except OSError:
                        pass
            while time.monotonic() - began < 1.0 and not self._stopping:
                self._read(0.1)

    def stop(self):
        self._stopping = True
        self._thread.join(10)
        for one in self.sockets.values():
            one.close()
