"""Hostile logins, and hostile servers among those that are asked about them: each gets its answer, a server that lies or hangs
costs a login and nothing else, and ours goes on."""

import base64
import contextlib
import socket
import struct
import time
import unittest

from support import essaim, hostile, processes, sink
from support.hostile import Wait
from support.submission import ANN, PASSWORD, Site, plain

LIST = "dev@lists.example"
ENDLESS = 50 << 20  # octets; what takes as much is not bounded
EHLO = b"EHLO client.example\r\n"
GOOD = b"AUTH PLAIN " + plain("ann", PASSWORD).encode() + b"\r\n"


def b64(octets):
    return base64.b64encode(octets)


def auth(mechanism, *octets):
    return b"AUTH " + b" ".join([mechanism, *(b64(o) for o in octets)]) + b"\r\n"


# name, steps behind STARTTLS and EHLO, codes of the replies to them, whether the server closes (BAD-INPUT rows 9, 15).
ROWS = [
    ("nothing", [b"AUTH\r\n", b"AUTH \r\n", b"NOOP\r\n"], "50? 50? 250", False),
    ("unknown_mechanisms", [b"AUTH " + word + b"\r\n" for word in (b"CRAM-MD5", b"x" * 300, b"\xff", b"PLAIN=")], "50? 50? 50? 50?", False),
    ("base64_of_every_length", [b"AUTH PLAIN " + b"A" * n + b"\r\n" for n in (1, 2, 3, 5)] + [b"NOOP\r\n"], "501 501 501 501 250", False),
    ("no_base64", [b"AUTH PLAIN " + text + b"\r\n" for text in (b"====", b"A=AA", b"AAA=AAAA", b"!!!!", b"AAAA AAAA")], "501 501 501 501 501", False),
    ("empty_initial_response", [b"AUTH PLAIN =\r\n", b"NOOP\r\n"], "501 250", False),
    ("empty_response", [b"AUTH PLAIN\r\n", Wait("334"), b"\r\n", b"NOOP\r\n"], "334 501 250", False),
    ("given_up", [b"AUTH LOGIN\r\n", Wait("334"), b"*\r\n", b"NOOP\r\n"], "334 501 250", False),
    ("plain_with_too_little_and_too_much", [auth(b"PLAIN", o) for o in (b"ann", b"\0ann", b"\0ann\0", b"\0ann\0a\0b")], "501 501 501 421", True),
    ("names_as_code", [auth(b"PLAIN", b"\0" + name + b"\0x") for name in (b"' OR '1'='1", b"%", b"${run{id}}", b"*)(uid=*")], "535 535 535 421", True),
    ("names_for_terminals", [auth(b"PLAIN", b"\0" + name + b"\0x") for name in (b"\x1b[31m", "\u202eann".encode(), b"a\rb")], "535 535 535 421", True),
    ("somebody_else", [auth(b"PLAIN", b"root\0ann\0" + PASSWORD.encode()), b"MAIL FROM:<%s>\r\n" % ANN.encode()], "535 530", False),
    ("response_of_64_kb", [b"AUTH PLAIN\r\n", Wait("334"), b64(b"\0ann\0" + b"x" * 65_536) + b"\r\n", b"NOOP\r\n"], "334 50? 250", False),
    ("initial_response_of_64_kb", [b"AUTH PLAIN " + b64(b"\0ann\0" + b"x" * 65_536) + b"\r\n", b"NOOP\r\n"], "500 250", False),
    ("response_of_1_mb", [b"AUTH PLAIN\r\n", Wait("334"), b"A" * 1_000_000 + b"\r\n", b"NOOP\r\n"], "334 421", True),
    ("twice", [GOOD, b"AUTH PLAIN\r\n", b"NOOP\r\n"], "235 503 250", False),
    ("in_a_transaction", [GOOD, b"MAIL FROM:<%s>\r\n" % ANN.encode(), GOOD, b"RCPT TO:<dev@lists.example>\r\n"], "235 250 503 250", False),
    ("another_mechanism_in_the_middle", [b"AUTH LOGIN\r\n", Wait("334"), GOOD, b"MAIL FROM:<%s>\r\n" % ANN.encode()], "334 501 530", False),
    ("scram_that_makes_no_sense", [b"AUTH SCRAM-SHA-256\r\n", Wait("334"), b64(b"y,,n=ann,r=") + b"\r\n", b"AUTH SCRAM-SHA-256\r\n", Wait("334"), b64(b"n,,m=1,n=ann,r=x") + b"\r\n"],
     "334 5?? 334 5??", False),
    ("scram_with_another_nonce", [auth(b"SCRAM-SHA-256", b"n,,n=nobody,r=abcdefghijklmnop"), Wait("334"), b64(b"c=biws,r=zzz,p=AAAA") + b"\r\n"], "334 5??", False),
    ("bearer_that_makes_no_sense", [auth(b"OAUTHBEARER", o) for o in (b"n,a=ann,\1\1", b"n,,\1auth=Bearer \1\1", b"n,,\1" * 50, b"\1\1\1")], "501 501 501 421", True),
    ("failures", [b"AUTH PLAIN !!!!\r\n"] * 40, "501... 421", True),
]


class Liar(hostile.Listener):
    """Does what `habit` says with each connection."""

    name = "liar"

    def __init__(self, folder):
        self.log = folder / "liar"
        self.log.write_text("")
        self.habit, self.sent = None, 0
        self.listen()
        self.port = self.listener.getsockname()[1]

    def serve(self, peer):
        with contextlib.suppress(OSError):
            peer.recv(65536)
            self.habit(self, peer)

    def stop(self):
        self.listener.close()


def say(*octets):
    """And then it is silent."""
    def habit(_, peer):
        for one in octets:
            peer.sendall(one)
        peer.recv(1)
    return habit


def endless(first, piece):
    def habit(liar, peer):
        block = piece * (65536 // len(piece) + 1)
        peer.sendall(first)
        liar.sent = 0
        while liar.sent < ENDLESS:
            peer.sendall(block)
            liar.sent += len(block)
    return habit


def drip(octets):
    def habit(_, peer):
        for octet in octets:
            peer.sendall(bytes([octet]))
            time.sleep(0.2)
    return habit


def reset(_, peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def bind_response(number, result):
    return bytes([0x30, 12, 2, 1, number, 0x61, 7, 10, 1, result, 4, 0, 4, 0])


DIRECTORIES = {
    "silent": say(), "closes": lambda *_: None, "resets": reset, "nonsense": say(b"HTTP/1.1 400 what\r\n\r\n" * 10),
    "half an answer": say(bind_response(1, 0)[:6]), "drips": drip(b"\x30\x82\xff\xff\x02\x01\x01" + b"\x61" * 200),
    "an answer of 4 GB": endless(b"\x30\x84\xff\xff\xff\xff\x02\x01\x01", b"x" * 1000),
    "an answer of 1 GB": endless(b"\x30\x84\x40\0\0\0\x02\x01\x01", b"x" * 1000),
    "an answer without end": endless(b"\x30\x80\x02\x01\x01", b"\x04\x7f" + b"x" * 127),
    "the answer to another question": say(bind_response(77, 0)), "depth": say(b"\x30\x82\x40\0" + b"\x30\x80" * 8192),
    "answers without end": endless(b"", bind_response(77, 0)),
    "a referral": say(bytes([0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 10, 4, 0, 4, 0])),
}


def http(body, head="200 OK", length=None, more=""):
    return f"HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {len(body) if length is None else length}\r\n{more}\r\n".encode() + body


TOKEN_SERVERS = {
    "silent": say(), "closes": lambda *_: None, "resets": reset, "nonsense": say(b"220 mx ESMTP\r\n"), "half an answer": say(http(b'{"active"', length=500)),
    "drips": drip(http(b'{"active": true, "username": "ann"}')), "a body without end": endless(http(b"", length=10**12), b"[" * 1000),
    "a header without end": endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"y" * 100 + b"\r\n"),
    "informative answers without end": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "depth": say(http(b"[" * 60_000)), "no JSON": say(http(b"active: true")), "no object": say(http(b"[true]")), "true in quotes": say(http(b'{"active": "true"}')),
    "not UTF-8": say(http(b'{"active": true, "username": "\xff\xfe"}')), "another place": say(http(b"", "302 Found", more="Location: file:///etc/passwd\r\n")),
    "a status that is none": say(http(b"{}", "-1 what")), "NUL": say(http(b'{"active": true\0, "username": "ann"}')),
}
# It is there and says yes, about nobody.
NOBODIES = {"no name": b'{"active": true}', "a number": b'{"active": true, "username": 7}', "an empty name": b'{"active": true, "username": ""}',
            "marks and escapes": '{"active": true, "username": "\\u001b[31m\u202eann\\r\\n250 ok"}'.encode(), "a pattern": b'{"active": true, "username": "%"}',
            "a long name": b'{"active": true, "username": "' + b"x" * 50_000 + b'"}'}


class Logins(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.directory, self.tokens = self.started(Liar(self.folder)), self.started(Liar(self.folder))
        self.sink = self.started(sink.Sink(self.folder))
        self.site = Site(self, self.sink.addresses[0], settings=(
            "[submission]\nlogin_failures = 10000\nnetwork_failures = 10000\n"
            'mechanisms = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER"]\n'
            f'[ldap]\nurl = "ldap://127.0.0.1:{self.directory.port}"\nbind_dn = "uid={{name}},dc=example"\ntimeout = "2s"\n'
            f'[oauth]\nurl = "http://127.0.0.1:{self.tokens.port}/introspect"\ntimeout = "2s"\n'))
        self.essaim = self.site.essaim
        self.essaim.make_list(LIST, [ANN])
        self.posts = 0

    def peer(self):
        peer = hostile.Peer(self.site.submission, timeout=120)
        self.addCleanup(peer.close)
        peer.play([Wait("220"), EHLO, Wait("250 "), b"STARTTLS\r\n", Wait("220")])
        peer.starttls("mx1.lists.example")
        peer.play([EHLO, Wait("250 ")])
        return peer

    def still_well(self):
        self.posts += 1
        with self.site.client() as client:
            client.sendmail(ANN, [LIST], essaim.message(ANN, LIST))
        self.sink.wait_for(self.posts)

    def answer(self, line):
        """The code of the reply to a login that asks elsewhere."""
        with self.peer() as peer:
            peer.play([line])
            while not peer.said[peer.seen:].count(b"\r\n"):
                if not peer.read():
                    return "none"
            return peer.said[peer.seen:peer.seen + 3].decode()

    def test_hostile_logins_and_hostile_servers_that_know_of_them(self):
        self.directory.habit = say(bind_response(1, 49))  # invalid credentials
        self.still_well()
        for name, steps, codes, closes in ROWS:
            with self.subTest(name), self.peer() as peer:
                before = len(peer.codes())
                for step in steps:
                    peer.play([step])
                if not closes:
                    peer.play([b"QUIT\r\n"])
                    codes += " 221"
                said = peer.rest()[before:]
                pattern = "".join(f"(?:{w.rstrip('.')} )+" if w.endswith("...") else f"{w} " for w in codes.split()).replace("??", r"\d\d").replace("0?", r"0\d")
                self.assertRegex("".join(code + " " for code in said), f"^{pattern}$")
        self.still_well()
        before = hostile.memory(self.essaim.process)
        for name, habit in DIRECTORIES.items():
            with self.subTest("directory", name=name):
                self.directory.habit, self.directory.sent = habit, 0
                self.assertEqual("454", self.answer(auth(b"PLAIN", b"\0dir\0some words")))
                self.assertLess(self.directory.sent, ENDLESS, "it read on and on")
        self.still_well()
        for name, habit in TOKEN_SERVERS.items():
            with self.subTest("server of tokens", name=name):
                self.tokens.habit, self.tokens.sent = habit, 0
                self.assertEqual("454", self.answer(auth(b"OAUTHBEARER", b"n,,\1auth=Bearer token\1\1")))
                self.assertLess(self.tokens.sent, ENDLESS, "it read on and on")
        for name, body in NOBODIES.items():
            with self.subTest("server of tokens", name=name):
                self.tokens.habit = say(http(body))
                # The other side may end the exchange behind the challenge that says why.
                self.assertIn(self.answer(auth(b"OAUTHBEARER", b"n,,\1auth=Bearer token\1\1")), ("334", "535"))
        self.still_well()
        self.assertLess(hostile.memory(self.essaim.process) - before, 150 << 20)
        hostile.assert_clean(self, self.essaim.process.log.read_bytes())


if __name__ == "__main__":
    unittest.main()
