"""Hostile clients against the running server: each row gets its answer, and after it mail flows as before.

What gets a clear reply keeps the session, what is an attack or nonsense ends it. Smuggling is judged by what arrives at
the other side, not by replies."""

import re
import socket
import subprocess
import unittest

from support import essaim, hostile, processes, sink
from support.hostile import TO_DATA, Wait

LIST = "dev@lists.example"
HEADER = b"From: x@client.example\r\nTo: dev@lists.example\r\nSubject: row\r\nMessage-ID: <%s@client.example>\r\n"
FORGED = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<dev@lists.example>\r\nDATA\r\nFrom: evil@x.example\r\nMessage-ID: <%s-forged@x.example>\r\n\r\nforged\r\n.\r\n"
ENDINGS = {
    "lf_lf": b"\n.\n", "lf_crlf": b"\n.\r\n", "crlf_lf": b"\r\n.\n", "cr_cr": b"\r.\r", "crlf_cr": b"\r\n.\r",
    "cr_crlf": b"\r.\r\n", "crcrlf": b"\r\r\n.\r\r\n", "nul_before": b"\r\n\0.\r\n", "nul_behind": b"\r\n.\0\r\n",
    "nul_within": b"\r\0\n.\r\n", "dot_space": b"\r\n. \r\n",
}
MANY_PARTS = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n"
# Each part says that it is made of parts between the same lines as the one around it.
CYCLIC = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 10_000 + b"--b--\r\n" * 10_000
LETTERS = b"Content-Type: message/rfc822\r\n\r\n" * 10_000
DEEP = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(10_000))

# name, steps, codes of the replies ("..." stands for any more of the same), whether the server closes.
# Steps: octets to send, seconds to pause, Wait(reply).
ROWS = [
    # Other protocols (BAD-INPUT row 19).
    ("http", [Wait("220"), b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + TO_DATA], "220 554", True),
    ("get", [Wait("220"), b"GET /admin HTTP/1.0\r\n\r\n" + TO_DATA], "220 554", True),
    ("tls_hello", [Wait("220"), b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"], "220 554", True),
    # Grammar (12): the session lives.
    ("rcpt_before_mail", [b"EHLO x\r\nRCPT TO:<dev@lists.example>\r\nDATA\r\n", Wait("503"), Wait("503"), b"NOOP\r\n", Wait("250")], "220 250 503 503 250", False),
    ("empty_quoted", [b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n", Wait("250 2.1.0"), b'RCPT TO:<""@lists.example>\r\nNOOP\r\n'], "220 250 250 501 250", False),
    ("source_route", [TO_DATA, b"RSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<@one.example,@two.example:dev@lists.example>\r\n"],
     "220 250 250 250 250 250 250", False),
    ("eight_bit_verbs", [b"\xff\xfe\r\nM\xc3\x84IL\r\nNO\0OP\r\nNOOP \0\r\nNOOP\r\n"], "220 500 500 500 501 250", False),
    ("bare_lf_command", [b"NOOP\nNOOP\r\n"], "220 500 250", False),
    ("a_hundred_thousand_noops", [b"NOOP\r\n" * 100_000], "220 250... 421", True),
    ("errors", [b"WHAT\r\n" * 200], "220 500... 421", True),
    # Lengths (9).
    ("ehlo_of_64_kb", [b"EHLO " + b"x" * 65_536 + b"\r\nNOOP\r\n"], "220 500 250", False),
    ("line_without_end", [b"x" * 10_000_000], "220 421", True),
    ("thousand_parameters", [b"EHLO x\r\nMAIL FROM:<a@b.example>" + b" A=1" * 1_000 + b"\r\nNOOP\r\n"], "220 250 500 250", False),
    ("long_address", [b"EHLO x\r\nMAIL FROM:<" + b"a" * 400 + b"@b.example>\r\nNOOP\r\n"], "220 250 501 250", False),
    # Parameters (6) and integers (10).
    ("parameters", [b"EHLO x\r\n" + b"".join(b"MAIL FROM:<a@b.example>" + p + b"\r\n" for p in
                    (b" =x", b" SIZE=1 SIZE=1", b" BODY=", b" SIZE=-1", b" NO-SUCH=1", b" ENVID=+0D+0AX", b"SIZE=1"))],
     "220 250 501 501 501 501 555 5?? 501", False),
    ("huge_sizes", [b"EHLO x\r\n" + b"".join(b"MAIL FROM:<a@b.example> SIZE=%d\r\n" % n for n in (2**31, 2**32, 2**63, 2**64, 10**30)) + b"NOOP\r\n"],
     "220 250 552 552 552 552 501 250", False),
    ("unbalanced_quotes", [b'EHLO x\r\nMAIL FROM:<"a@b.example>\r\nMAIL FROM:<a"b@c.example>\r\nMAIL FROM:<"a\\\r\n'], "220 250 501 501 501", False),
    # Addresses as code (7): nothing but this list is matched, and it is no pattern.
    ("addresses_as_code", [b"EHLO `id`\r\nMAIL FROM:<\"$(id);sh\"@b.example>\r\n" + b"".join(b"RCPT TO:<" + local + b"@lists.example>\r\n" for local in
                           (b"${run{/bin/sh}}", b"%", b"d%", b"_ev", b"de_", b"\"dev' OR '1'='1\"", b"dev*", b"\"dev;sh\"", b"|sh"))],
     "220 250 250 550 550 550 550 550 550 550 550 550", False),
    # What would drive a terminal that shows the log (16).
    ("marks_and_escapes", ["EHLO \u202egro.elpmaxe\r\nMAIL FROM:<a\u202eb@b.example>\r\nVRFY \x1b[31mred\x07\r\nHELO a\rb\r\n\x1b]0;x\x07\r\n".encode()],
     "220 501 5?? 501 501 500", False),
    # Chunks (5).
    ("chunk_before_mail", [b"EHLO x\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n"], "220 250 503 250", False),
    ("chunk_sizes", [TO_DATA, b"BDAT 0\r\nBDAT 9223372036854775808\r\nNOOP\r\n"], "220 250 250 250 250 552", True),
    ("chunk_of_10_30", [TO_DATA, b"BDAT 1%s\r\nNOOP\r\n" % (b"0" * 30)], "220 250 250 250 5??", True),
    ("negative_chunk", [TO_DATA, b"BDAT -1\r\nNOOP\r\n"], "220 250 250 250 501", True),
    ("chunk_of_2_31", [TO_DATA, b"BDAT 2147483648 LAST\r\nNOOP\r\n"], "220 250 250 250 552", True),
    ("chunk_then_data", [TO_DATA, b"BDAT 2\r\n\r\n", Wait("250 2.0.0"), b"DATA\r\n", Wait("503"), b"RSET\r\nBDAT 4\r\nQUITNOOP\r\n"], "220 250 250 250 250 503 250 503 250", False),
    ("chunks_for_nobody", [b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@lists.example>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"],
     "220 250 250 550 554 503 250", False),
    # A body by a client that does not wait (1, 2920).
    ("body_behind_data", [TO_DATA + b"DATA\r\nFrom: x@client.example\r\n\r\nx\r\n.\r\n"], "220 250 250 250 554", True),
    # Header and body (2), slow algorithms (11): taken or refused, in no time.
    ("bare_cr_in_header", [TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"barecr" + b"X: a\rBcc: b\r\n\r\nx\r\n.\r\nNOOP\r\n"], "220 250 250 250 354 554 250", False),
    ("header_of_300_kb", [TO_DATA, b"DATA\r\n", Wait("354"), b"X: y\r\n" * 50_000 + b"\r\nx\r\n.\r\n"], "220 250 250 250 354 55?", False),
    ("half_a_million_addresses", [TO_DATA, b"DATA\r\n", Wait("354"), b"To: " + b"a@b.example,\r\n " * 500_000 + b"\r\n\r\nx\r\n.\r\n"], "220 250 250 250 354 55?", False),
    ("hundred_thousand_parts", [TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"parts" + MANY_PARTS + b".\r\n"], "220 250 250 250 354 ???", False),
    ("depth_of_ten_thousand", [TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"deep" + DEEP + b".\r\n"], "220 250 250 250 354 ???", False),
    ("parts_within_themselves", [TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"cyclic" + CYCLIC + b".\r\n"], "220 250 250 250 354 ???", False),
    ("messages_in_messages", [TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"letters" + LETTERS + b"x\r\n.\r\n"], "220 250 250 250 354 ???", False),
    ("segments_of_a_parameter", [TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"segments" + b"Content-Type: text/plain" +
                                 b"".join(b";\r\n a*%d*=%%41" % i for i in range(16_000)) + b"\r\n\r\nx\r\n.\r\n"], "220 250 250 250 354 ???", False),
    ("segments_in_disorder", [TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"disorder" + b"Content-Type: multipart/mixed" +
                              b"".join(b";\r\n boundary*%d=a" % (i * 7919 % 10_007) for i in range(10_007)) + b"\r\n\r\nx\r\n.\r\n"], "220 250 250 250 354 ???", False),
    # Loops (18): the hop limit.
    ("hundred_and_one_hops", [TO_DATA, b"DATA\r\n", Wait("354"), b"Received: from a by b; now\r\n" * 101 + HEADER % b"hops" + b"\r\nx\r\n.\r\nNOOP\r\n"], "220 250 250 250 354 554 250", False),
    ("endless_line", [TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"line" + b"\r\n" + b"x" * 5_000_000 + b"\r\n.\r\n"], "220 250 250 250 354 554", False),
    # A header that would not end (10); what is refused is read to its end and not kept.
    ("header_of_20_mb", [TO_DATA, b"DATA\r\n", Wait("354"), b"X: " + b"y\r\n " * 5_000_000 + b"\r\n\r\nx\r\n.\r\nNOOP\r\n"], "220 250 250 250 354 55? 250", False),
    # Numbers of recipients (10): accepted up to the limit, then put off, then cut.
    ("twenty_thousand_rcpt", [TO_DATA, b"RCPT TO:<postmaster>\r\n" * 20_000], "220 250... 4??", True),
]


class HostileClients(processes.Scenario):
    def serve(self, extra="", **options):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], extra=extra, **options))
        self.essaim.make_list(LIST, ["m@m.example"], post="anyone", footer="-- the list --\n")
        self.proper = 0

    def arrived(self):
        """Message-IDs at the other side, in the order of arrival."""
        return [receipt.message_id.strip("<>").partition("@")[0] for receipt in self.sink.receipts()]

    def still_well(self):
        """A proper post is taken and delivered."""
        self.proper += 1
        identity = f"proper{self.proper}"
        text = essaim.message("x@client.example", LIST, body=f"{identity}\n", message_id=f"<{identity}@client.example>")
        reply = self.essaim.post("x@client.example", LIST, text)
        self.assertEqual(250, reply[0], reply)
        processes.wait_for(f"{identity} at the other side", lambda: identity in self.arrived())

    def assert_codes(self, expected, codes):
        patterns = []
        for word in expected.split():
            code = word.rstrip(".").replace("?", r"\d")
            patterns.append(f"(?:{code} )+" if word.endswith("...") else f"{code} ")
        self.assertRegex("".join(code + " " for code in codes[:200_000]), "^" + "".join(patterns) + "$")

    def test_each_row_gets_its_answer_and_mail_flows_after_it(self):
        self.serve()
        self.still_well()
        before = hostile.memory(self.essaim.process)
        for name, steps, codes, closes in ROWS:
            with self.subTest(name):
                with hostile.Peer(self.essaim.port) as peer:
                    if not isinstance(steps[0], Wait):
                        peer.wait(b"220")
                    peer.play(steps)
                    if not closes:
                        peer.play([b"QUIT\r\n"])
                        codes += " 221"
                    said = peer.rest()
                self.assert_codes(codes, said)
                self.still_well()
        self.assertLess(hostile.memory(self.essaim.process) - before, 200 << 20)
        self.assertEqual([], [identity for identity in self.arrived() if "forged" in identity])
        hostile.assert_clean(self, self.essaim.process.log.read_bytes())

    def smuggle(self, name, ending, tail, pause_at):
        """One message, whose end is in doubt, with a second one in it; tells how many the server took."""
        first = HEADER % f"{name}-{pause_at}".encode() + b"\r\nbody" + ending[:pause_at]
        with hostile.Peer(self.essaim.port) as peer:
            peer.play([Wait("220"), TO_DATA, b"DATA\r\n", Wait("354"), first, 0.02 if pause_at else 0, ending[pause_at:] + tail + b"QUIT\r\n"])
            peer.rest()
            return peer.said.count(b" queued as ")

    def check_endings(self):
        accepted = 0
        for name, ending in ENDINGS.items():
            for pause_at in range(len(ending)):
                with self.subTest(name, cut=pause_at):
                    taken = self.smuggle(name, ending, FORGED % name.encode(), pause_at)
                    self.assertLessEqual(taken, 1)
                    accepted += taken
        self.still_well()
        self.sink.wait_for(accepted + 1)
        arrived = self.arrived()
        self.assertEqual(sorted(set(arrived)), sorted(arrived), "nothing arrives twice")
        self.assertEqual([], [identity for identity in arrived if "forged" in identity])
        for receipt in self.sink.receipts():
            self.assertIsNone(re.search(rb"\r(?!\n)|(?<!\r)\n|\0", self.sink.message_bytes(receipt)), receipt)
        return arrived

    def test_no_ending_but_crlf_dot_crlf_makes_two_messages_of_one(self):
        self.serve()
        arrived = self.check_endings()
        # ". " is a line of text; all else is refused.
        self.assertEqual({"dot_space", "proper1"}, {identity.partition("-")[0] for identity in arrived})

    def test_nor_when_line_ends_are_made_proper(self):
        self.serve(extra='[limits]\nbare_line_ends = "normalise"\n')
        arrived = self.check_endings()
        self.assertGreaterEqual(len(arrived), 20)

    def test_an_end_of_data_within_a_chunk_is_content(self):
        self.serve()
        inside = HEADER % b"chunk" + b"\r\nbody\r\n.\r\n" + FORGED % b"chunk"
        with hostile.Peer(self.essaim.port) as peer:
            peer.play([Wait("220"), TO_DATA, b"BDAT %d LAST\r\n" % len(inside) + inside, Wait("250 2.0.0 Ok: queued"), b"QUIT\r\n"])
            peer.rest()
        self.still_well()
        self.assertEqual(["chunk", "proper1"], self.arrived())
        body = self.sink.message_bytes(self.sink.receipts()[0]).partition(b"\r\n\r\n")[2]
        self.assertTrue(body.startswith(b"body\r\n.\r\n" + FORGED % b"chunk"), body)

    def test_a_line_that_is_no_field_ends_the_header_for_everybody(self):
        self.serve()
        with hostile.Peer(self.essaim.port) as peer:
            peer.play([Wait("220"), TO_DATA, b"DATA\r\n", Wait("354"), HEADER % b"nofield" + b"no field\r\nSubject: body\r\n\r\nx\r\n.\r\n", Wait("250 2.0.0")])
        receipt = self.sink.wait_for(1)[0]
        header, _, body = self.sink.message_bytes(receipt).partition(b"\r\n\r\n")
        self.assertNotIn(b"no field", header)
        self.assertTrue(body.startswith(b"no field\r\nSubject: body\r\n\r\nx\r\n"), body)
        self.assertEqual("row", self.sink.message(receipt)["Subject"])


class HostileUnderTls(processes.Scenario):
    def setUp(self):
        super().setUp()
        pem = self.folder / "tls.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=mx1.lists.example", "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem"],
                       check=True, capture_output=True)
        pem.write_text((self.folder / "cert.pem").read_text() + (self.folder / "key.pem").read_text())
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], listen=f'certificate = "{pem}"',
                                                 extra='[limits]\ncommand_timeout = "5s"\n'))
        self.essaim.make_list(LIST, ["m@m.example"], post="anyone")

    def still_well(self, count):
        self.assertEqual(250, self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))[0])
        self.sink.wait_for(count)

    def secure(self, steps, name="lists.example"):
        peer = hostile.Peer(self.essaim.port)
        self.addCleanup(peer.close)
        peer.play([Wait("220"), b"EHLO x\r\n", Wait("250 "), b"STARTTLS\r\n", Wait("220")])
        peer.starttls(name)
        peer.play(steps)
        return peer

    def test_an_end_of_tls_in_the_middle_is_the_end_and_clear_text_behind_it_is_nothing(self):
        message = HEADER % b"cut" + b"\r\nbody\r\n"
        for name, steps in {"data": [TO_DATA, b"DATA\r\n", Wait("354"), message], "chunk": [TO_DATA, b"BDAT 5000\r\n" + message],
                            "command": [TO_DATA, b"NO"]}.items():
            with self.subTest(name):
                peer = self.secure(steps)
                try:
                    peer.socket.unwrap()  # close_notify
                except OSError:
                    pass
                try:
                    peer.clear.sendall(b"\r\n.\r\n" + TO_DATA + b"DATA\r\n")
                    peer.clear.settimeout(60)
                    said = b""
                    while octets := peer.clear.recv(65536):
                        said += octets
                except ConnectionError:
                    pass
                self.assertNotIn(b"250 ", said)
        self.still_well(1)
        self.assertEqual(1, len(self.sink.receipts()))

    def test_what_was_said_in_clear_is_forgotten(self):
        peer = hostile.Peer(self.essaim.port)
        self.addCleanup(peer.close)
        peer.play([Wait("220"), b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n", Wait("250 2.1.0"), b"STARTTLS\r\n"])
        peer.read()
        if b"\r\n220 " in peer.said:
            peer.starttls("x")
            peer.play([b"RCPT TO:<dev@lists.example>\r\n", Wait("503"), b"MAIL FROM:<a@b.example>\r\n", Wait("503")])
        else:
            self.assertIn(b"\r\n503 ", peer.said)  # not within a transaction

    def test_resets_in_every_state_and_stalled_handshakes_leave_nothing(self):
        body = HEADER % b"reset" + b"\r\nbody\r\n"
        states = [[], [b"EHLO x\r\n"], [TO_DATA], [TO_DATA, b"DATA\r\n", Wait("354"), body], [TO_DATA, b"BDAT 10\r\n12345"]]
        for i, steps in enumerate(states):
            with self.subTest(state=i):
                self.secure(steps).reset()
                clear = hostile.Peer(self.essaim.port)
                clear.play([Wait("220"), *steps])
                clear.reset()
        stalled = []
        for octets in (b"", b"\x16", b"\x16\x03\x01\x02\0\x01\0\x01\xfc", b"\x15\x03\x03\0\x02\x02\x28", b"EHLO x\r\n" * 10):
            peer = hostile.Peer(self.essaim.port)
            self.addCleanup(peer.close)
            peer.play([Wait("220"), b"EHLO x\r\n", Wait("250 "), b"STARTTLS\r\n", Wait("220"), octets])
            stalled.append(peer)
        self.still_well(1)
        for peer in stalled:
            peer.socket.settimeout(60)
            peer.rest()
            self.assertTrue(peer.ended, "a handshake that goes nowhere is cut")

    def test_odd_server_names_are_no_trouble(self):
        for name in ("x" * 63 + ".example", "xn--bcher-kva.example", "a." * 100 + "example", "127.0.0.1"):
            with self.subTest(name):
                self.secure([b"NOOP\r\n", Wait("250")], name)
        self.still_well(1)


class SlowPeers(processes.Scenario):
    def test_who_does_not_read_or_hardly_talks_is_cut_off_and_nobody_waits_for_him(self):
        there = self.started(sink.Sink(self.folder))
        server = self.started(essaim.Essaim(self.folder, smarthost=there.addresses[0],
                                            extra='[limits]\ncommand_timeout = "5s"\ndata_timeout = "5s"\n'))
        server.make_list(LIST, ["m@m.example"], post="anyone")
        before = hostile.memory(server.process)
        peers = []
        for steps in ([], [b"EH"], [b"EHLO x\r\n"], [TO_DATA], [TO_DATA, b"DATA\r\n", Wait("354"), b"From: x"], [TO_DATA, b"BDAT 100\r\nxyz"]):
            for _ in range(20):
                peer = hostile.Peer(server.port)
                self.addCleanup(peer.close)
                peer.play([Wait("220"), *steps])
                peers.append(peer)
        # Asks for long answers and reads none of them.
        deaf = socket.socket()
        self.addCleanup(deaf.close)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.settimeout(1)
        try:
            for _ in range(2_000):
                deaf.sendall(b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRSET\r\n" * 1_000)
        except OSError:
            pass
        self.assertEqual(250, server.post("x@client.example", LIST, essaim.message("x@client.example", LIST))[0])
        for peer in peers:
            self.assertIn("421", peer.rest())
        there.wait_for(1)
        self.assertLess(hostile.memory(server.process) - before, 100 << 20)


class Loops(processes.Scenario):
    def test_two_lists_subscribed_to_each_other(self):
        """Each server sends what is for the other one there, and people to the sink."""
        from support import dns

        port, other = processes.free_port("127.3.0.1"), "other"
        zone = ("a IN MX 1 mx.a\nmx.a IN A 127.3.0.1\nb IN MX 1 mx.b\nmx.b IN A 127.3.0.2\np IN MX 1 mx.p\nmx.p IN A 127.3.0.3\n")
        names = self.started(dns.NameServer(self.folder, {"example": zone}))
        people = self.started(sink.Sink(self.folder, listen=[f"127.3.0.3:{port}"]))
        servers = {}
        for letter, address in (("a", "127.3.0.1"), ("b", "127.3.0.2")):
            folder = self.folder / letter
            folder.mkdir()
            servers[letter] = self.started(essaim.Essaim(folder, dns=names.address, mx_port=port, hostname=f"mx.{letter}.example",
                                                         listen=f'[[listen]]\naddress = "{address}:{port}"\n'))
        servers["a"].make_list("one@a.example", ["ann@p.example", "two@b.example"], post="anyone")
        servers["b"].make_list("two@b.example", ["bob@p.example", "one@a.example"], post="anyone")
        reply = servers["a"].post("x@client.example", "one@a.example", essaim.message("x@client.example", "one@a.example"))
        self.assertEqual(250, reply[0], reply)
        people.wait_for(2)
        ledger = servers["a"].wait_finished(servers["a"].queue_id(reply))
        self.assertEqual({"accepted": 2, "delivered": 2}, {k: v for k, v in ledger["counts"].items() if v})
        post = processes.wait_for("the post at the other list", lambda: servers["b"].json("post", "find", "--list", "two@b.example"))[0]
        back = servers["b"].wait_finished(post["id"])
        states = {row["recipient"]: (row["state"], row["reply"]) for row in back["recipients"]}
        self.assertEqual("failed", states["one@a.example"][0], states)
        self.assertIn("5.4.6", states["one@a.example"][1])
        self.assertEqual({"ann@p.example": 1, "bob@p.example": 1}, dict(people.recipients()))

    def test_answers_of_machines_are_not_distributed_nor_answered(self):
        there = self.started(sink.Sink(self.folder))
        server = self.started(essaim.Essaim(self.folder, smarthost=there.addresses[0]))
        server.make_list(LIST, ["m@m.example"], post="anyone")
        for sender, recipient, extra in (
                ("", LIST, ""), ("m@m.example", LIST, "List-Id: <dev.lists.example>\n"),
                (LIST, "dev-unsubscribe@lists.example", "Auto-Submitted: auto-replied\n"), (LIST, "dev-request@lists.example", ""),
                ("", "dev-unsubscribe@lists.example", "Auto-Submitted: auto-replied\n"),
                ("dev-unsubscribe@lists.example", "dev-unsubscribe@lists.example", "")):
            with self.subTest(sender=sender, recipient=recipient, extra=extra):
                server.post(sender, recipient, essaim.message(sender or "MAILER-DAEMON@m.example", recipient, extra=extra))
        reply = server.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        server.wait_finished(server.queue_id(reply))
        # The owners read what may be from a person; no machine answers.
        self.assertEqual({"m@m.example": 1, "owner@people.example": 1}, dict(there.recipients()))


class Local(processes.Scenario):
    def test_junk_on_the_admin_socket_and_line_ends_in_settings(self):
        there = self.started(sink.Sink(self.folder))
        server = self.started(essaim.Essaim(self.folder, smarthost=there.addresses[0]))
        server.make_list(LIST, ["m@m.example"], post="anyone")
        path = str(server.folder / "state" / "admin.sock")
        for octets in (b"\0\n", b"{}\n", b"[[[[[[[[[[[[\n", b'{"command":"no-such"}\n', b'{"command":"queue-hold","arguments":{"ids":1}}\n',
                       b"x" * 300_000, b'{"command":' + b"[" * 100_000 + b"\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe\n"):
            with self.subTest(octets[:40]):
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(path)
                    connection.settimeout(120)
                    try:
                        connection.sendall(octets)
                        answer = connection.recv(10_000)
                    except ConnectionError:
                        continue
                    self.assertIn(b'"ok":false', answer)
        self.assertEqual(0, (server.folder / "state" / "admin.sock").stat().st_mode & 0o007)
        for setting in ("subject_tag=[x]\r\nBcc: evil@x.example", "add_headers=X-A: b\nBcc: evil@x.example\n\nbody", "reply_to=a@b.example\r\nBcc: c"):
            with self.subTest(setting):
                server.run("list", "set", LIST, setting, check=False)
        reply = server.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        self.assertEqual(250, reply[0])
        message = there.message(there.wait_for(1)[0])
        self.assertNotIn("Bcc", message)
        config = server.config.read_text()
        server.config.write_text(config.replace('hostname = "mx1.lists.example"', 'hostname = "mx1.lists.example\\r\\n250 ok"'))
        server.run("config", "check", check=False)
        self.assertNotEqual(0, server.last.returncode)


if __name__ == "__main__":
    unittest.main()
