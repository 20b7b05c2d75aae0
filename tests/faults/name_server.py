"""A name server that misbehaves on request: a thread that answers MX and A questions over UDP and TCP (the latter in full,
the former as told)."""

import socket
import struct
import threading

A, MX, SOA, OPT = 1, 15, 6, 41


def encoded(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.strip(".").split(".") if part) + b"\0"


def question(packet):
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += packet[at] + 1
    kind, = struct.unpack_from("!H", packet, at + 1)
    return ".".join(labels), kind, packet[12:at + 5]


class NameServer:
    """records: {"a.example": {"MX": [(10, "mx.a.example")], "A": ["127.0.0.1"]}}. mode: see _answer."""

    name = "name server"
    log = "/dev/null"

    def __init__(self, records):
        self.records, self.mode, self.asked = records, "right", 0
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.port = self._udp.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._tcp = socket.create_server(("127.0.0.1", self.port))
        self._closing = False
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def stop(self):
        self._closing = True
        socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", self.port))
        self._tcp.close()

    def _serve_udp(self):
        while not self._closing:
            packet, peer = self._udp.recvfrom(4096)
            if len(packet) > 12:
                self.asked += 1
                for answer in self._answer(packet, self.mode):
                    self._udp.sendto(answer, peer)

    def _serve_tcp(self):
        while not self._closing:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    length, = struct.unpack("!H", connection.recv(2))
                    packet = connection.recv(length)
                    mode = "right" if self.mode == "truncated" else self.mode
                    for answer in self._answer(packet, mode):
                        connection.sendall(struct.pack("!H", len(answer)) + answer)
                except (OSError, struct.error):
                    pass

    def _found(self, name, kind):
        here = self.records.get(name)
        if here is None:
            return 3, b"", 0
        out, count = b"", 0
        for value in here.get({A: "A", MX: "MX"}.get(kind, ""), []):
            data = socket.inet_aton(value) if kind == A else struct.pack("!H", value[0]) + encoded(value[1])
            out += encoded(name) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
            count += 1
        return 0, out, count

    def _answer(self, packet, mode):
        name, kind, asked = question(packet)
        number, = struct.unpack_from("!H", packet)
        code, answers, count = self._found(name, kind)
        authority, authorities = b"", 0
        if count == 0:
            soa = encoded("ns.example") + encoded("hostmaster.example") + struct.pack("!IIIII", 1, 60, 60, 60, 0)
            authority = encoded("example") + struct.pack("!HHIH", SOA, 1, 0, len(soa)) + soa
            authorities = 1

        def made(code=code, number=number, flags=0x8580, asked=asked, answers=answers, count=count):
            return (struct.pack("!HHHHHH", number, flags | code, 1, count, authorities, 0) + asked + answers + authority)

        if mode == "right":
            return [made()]
        if mode == "silent":
            return []
        if mode == "servfail":
            return [made(code=2, answers=b"", count=0)]
        if mode == "refused":
            return [made(code=5, answers=b"", count=0)]
        if mode == "other id":
            return [made(number=number ^ 0x5555)]
        if mode == "other question":
            return [made(asked=encoded("elsewhere.test") + asked[-4:])]
        if mode == "garbage":
            return [bytes(range(256)), packet[:12], b""]
        if mode == "cut off":
            return [made()[:-7]]
        if mode == "truncated":
            return [made(flags=0x8780, answers=b"", count=0)]
        if mode == "stray records":  # about a name that was not asked for
            data = socket.inet_aton("127.9.9.9")
            return [made(answers=encoded("other.test") + struct.pack("!HHIH", A, 1, 60, 4) + data, count=1)]
        raise AssertionError(mode)
