"""Hostile mail exchangers: every recipient behind one of them is deferred, failed or delivered as the replies say, none
is lost, nobody else waits, and nothing they say gets unescaped into the log or the ledger.

Each row is a host of its own, all of them in the delivery of one post at the same time. Most misbehave for one
connection and are proper from then on: the recipient is delivered by the next attempt."""

import re
import socket
import ssl
import struct
import threading
import time
import unittest

from support import dns, essaim, hostile, processes, sink

LIST = "dev@lists.example"
ENDLESS = 20 << 20  # octets; what takes as much is not bounded


class Gone(Exception):
    pass


class Exchanger(hostile.Listener):
    """A mail exchanger whose replies come from a table: stage -> what to send (octets, seconds, or a function of the
    socket). Stages: connect, ehlo, starttls, mail, rcpt, data, dot."""

    proper = {"connect": b"220 mx\r\n", "ehlo": b"250-mx\r\n250 PIPELINING\r\n", "mail": b"250 2.1.0 ok\r\n", "rcpt": b"250 2.1.5 ok\r\n",
              "data": b"354 go\r\n", "dot": b"250 2.0.0 taken\r\n", "rset": b"250 ok\r\n", "quit": b"221 bye\r\n", "helo": b"250 mx\r\n"}

    def __init__(self, address, port, habits, always):
        self.habits, self.always = habits, always
        self.connections, self.messages, self.sent = 0, [], 0
        self.lock = threading.Lock()
        self.listen((address, port))

    def send(self, peer, what):
        for step in what if isinstance(what, list) else [what]:
            if callable(step):
                step(self, peer)
            elif isinstance(step, (int, float)):
                time.sleep(step)
            else:
                self.sent += len(step)
                peer.sendall(step)

    def serve(self, peer):
        with self.lock:
            self.connections += 1
            habits = {**self.proper, **(self.habits if self.always or self.connections == 1 else {})}
        try:
            self.send(peer, habits["connect"])
            buffer = b""
            while True:
                while b"\r\n" not in buffer:
                    octets = peer.recv(65536)
                    if not octets:
                        return
                    buffer += octets
                line, _, buffer = buffer.partition(b"\r\n")
                stage = line.split(b" ")[0].lower().decode(errors="replace")
                if stage not in habits:
                    peer.sendall(b"500 5.5.1 what?\r\n")
                    continue
                said = habits[stage]
                if not self.always and stage in self.proper:
                    habits[stage] = self.proper[stage]
                self.send(peer, said)
                if stage == "data" and said == self.proper["data"]:
                    while b"\r\n.\r\n" not in b"\r\n" + buffer:
                        octets = peer.recv(65536)
                        if not octets:
                            return
                        buffer += octets
                    message, _, buffer = buffer.partition(b"\r\n.\r\n")
                    verdict = habits["dot"]
                    if not self.always:
                        habits["dot"] = self.proper["dot"]
                    self.send(peer, verdict)
                    self.messages.append(message)
                if stage == "quit":
                    return
        except (OSError, Gone, ssl.SSLError):
            return


def close(exchanger, peer):
    raise Gone


def reset(exchanger, peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def endless(piece):
    """Says it until the other side has enough of it."""

    def flood(exchanger, peer):
        block = piece * (65536 // len(piece) + 1)
        while exchanger.sent < ENDLESS:
            peer.sendall(block)
            exchanger.sent += len(block)
        time.sleep(30)

    return flood


def one_by_one(octets):
    return [step for octet in octets for step in (bytes([octet]), 0.01)]


# name, stage, what is said there
ONCE = [(f"{what}at{stage}", stage, [action]) for what, action in (("close", close), ("reset", reset)) for stage in ("connect", "ehlo", "mail", "rcpt", "data", "dot")] + [
    ("endlessgreeting", "connect", [endless(b"220-welcome\r\n")]),
    ("endlessehlo", "ehlo", [endless(b"250-X-FEATURE\r\n")]),
    ("endlessmail", "mail", [endless(b"250-ok\r\n")]),
    ("endlessline", "rcpt", [b"250 ", endless(b"x" * 1000)]),
    ("endlessnul", "connect", [endless(b"\0")]),
    ("tenmegabytes", "ehlo", [b"250-" + b"x" * 10_000_000 + b"\r\n250 ok\r\n"]),
    ("mixedcodes", "mail", [b"250-a\r\n550 b\r\n"]),
    ("nodigits", "connect", [b"hello there\r\n"]),
    ("shortdigits", "mail", [b"25\r\n"]),
    ("code600", "mail", [b"600 what\r\n"]),
    ("code000", "rcpt", [b"000 what\r\n"]),
    ("intermediate", "mail", [b"350 go on\r\n"]),
    ("nul", "ehlo", [b"250-a\0b\r\n250 ok\r\n"]),
    ("data250", "data", [b"250 fine\r\n"]),
    ("tooearly", "connect", [b"220 mx\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"]),
    ("earlyverdict", "data", [b"354 go\r\n250 2.0.0 taken before it came\r\n"]),
    ("say421mail", "mail", [b"421 4.3.2 away\r\n", close]),
    ("say421rcpt", "rcpt", [b"421 4.3.2 away\r\n"]),
    ("say421dot", "dot", [b"421 4.3.2 away\r\n", close]),
    ("later", "dot", [b"451 4.3.0 " + b"not now " * 50 + b"\r\n"]),
    ("silentgreeting", "connect", [40]),
    ("silentehlo", "ehlo", [40]),
    ("silentmail", "mail", [40]),
    ("silentdata", "data", [40]),
    ("drip", "mail", one_by_one(b"250-" + b"x" * 3000) + [40]),
    ("starttlsinjected", "starttls", [b"220 go\r\n250-evil\r\n250 SIZE 1\r\n", 2, close]),
    ("starttlsnonsense", "starttls", [b"220 go\r\n", b"this is no TLS at all\r\n", 2, close]),
]
# What looks odd and is good enough at the first attempt.
TOLERATED = [
    ("slowly", "ehlo", one_by_one(b"250-mx\r\n250 PIPELINING\r\n")),
    ("manyfeatures", "ehlo", [b"250-mx\r\n" + b"".join(b"250-X-%d y z\r\n" % i for i in range(100)) + b"250 PIPELINING\r\n"]),
    ("oddnumbers", "ehlo", [b"250-mx\r\n250-SIZE 99999999999999999999999\r\n250-LIMITS RCPTMAX=0 MAILMAX=-1 X=99999999999999999999\r\n250-SIZE x\r\n250 PIPELINING\r\n"]),
    ("barecodes", "mail", [b"250\r\n"]),
    ("barelf", "ehlo", [b"250-mx\n250 PIPELINING\n"]),
    ("escapes", "dot", [b"250 2.0.0 \x1b[31mred\x07 \xe2\x80\xae\xff taken\r\n"]),
]
# Refused for good, with words that must not come through as they are.
REFUSED = [
    ("colours", "rcpt", [b"550 5.1.1 \x1b[31mno\x1b]0;title\x07 such user\r\n"]),
    ("marks", "rcpt", ["550 5.1.1 \u202eresu hcus on\u2066\r\n".encode()]),
    ("carriage", "rcpt", [b"550-5.1.1 one\rFinal-Recipient: rfc822; evil@x.example\r\n550 5.1.1 two\r\n"]),
    ("invalid", "dot", [b"554 5.6.0 \xff\xfe\x80 no\r\n"]),
    ("lines", "rcpt", [b"".join(b"550-5.1.1 line %d\r\n" % i for i in range(100)) + b"550 5.1.1 end\r\n"]),
]


class HostileExchangers(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.port = processes.free_port("127.4.0.1")
        rows = [(*row, False, "delivered") for row in ONCE] + [(*row, False, "delivered") for row in TOLERATED] + [(*row, True, "failed") for row in REFUSED]
        self.rows, self.exchangers, zone = rows, {}, "good IN MX 1 mx.good\nmx.good IN A 127.4.0.1\n"
        for number, (name, stage, said, always, _) in enumerate(rows, start=2):
            habits = {stage: said}
            if stage == "starttls":
                habits["ehlo"] = b"250-mx\r\n250-STARTTLS\r\n250 PIPELINING\r\n"
            self.exchangers[name] = Exchanger(f"127.4.0.{number}", self.port, habits, always)
            self.addCleanup(self.exchangers[name].listener.close)
            zone += f"{name} IN MX 1 mx.{name}\nmx.{name} IN A 127.4.0.{number}\n"
        self.names = self.started(dns.NameServer(self.folder, {"example": zone}))
        self.sink = self.started(sink.Sink(self.folder, listen=[f"127.4.0.1:{self.port}"]))
        self.essaim = self.started(essaim.Essaim(self.folder, dns=self.names.address, mx_port=self.port,
                                                 delivery='retry_initial = "1s"\nretry_max = "2s"\ncommand_timeout = "3s"\nconnect_timeout = "3s"'))
        self.essaim.make_list(LIST, ["g@good.example"] + [f"r@{name}.example" for name, *_ in rows], post="anyone")

    def test_each_recipient_has_its_outcome_and_nothing_is_said_unescaped(self):
        before = hostile.memory(self.essaim.process)
        reply = self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        queue_id = self.essaim.queue_id(reply)
        self.sink.wait_for(1)  # among all these
        ledger = self.essaim.wait_finished(queue_id)
        rows = {row["recipient"].partition("@")[2].partition(".")[0]: row for row in ledger["recipients"]}
        once = {name for name, *_ in ONCE}
        for name, stage, _, _, state in self.rows:
            with self.subTest(name):
                row, exchanger = rows[name], self.exchangers[name]
                self.assertEqual(state, row["state"], row)
                if state == "delivered":
                    self.assertGreaterEqual(len(exchanger.messages), 1)
                    for message in exchanger.messages:
                        self.assertIsNone(re.search(rb"\r(?!\n)|(?<!\r)\n|\0", message))
                        self.assertTrue(message.endswith(b"The swarm moves on."), message)
                if name in once:
                    self.assertGreaterEqual(max(exchanger.connections, row["attempts"]), 2, row)
                    self.assertLess(exchanger.sent, ENDLESS, "it read on and on")
                elif state == "delivered":
                    self.assertEqual((1, 1), (row["attempts"], len(exchanger.messages)))
        self.assertLess(hostile.memory(self.essaim.process) - before, 150 << 20)
        for octets in (self.essaim.process.log.read_bytes(), self.essaim.run("post", "show", queue_id).encode()):
            hostile.assert_clean(self, octets)
        again = self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        self.assertEqual(250, again[0], again)
        self.sink.wait_for(2)


if __name__ == "__main__":
    unittest.main()
