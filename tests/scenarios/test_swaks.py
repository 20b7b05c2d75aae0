"""swaks, the postmaster's tool, in every way that it is used on a server: what it hears, and what becomes of the message."""

import re
import subprocess
import unittest

from support import certificate, essaim, processes, sink

LIST = "dev@lists.example"
AUTHOR = "ann@a.example"
HEAD = f"From: {AUTHOR}\nTo: {LIST}\nSubject: swaks\nDate: Sun, 22 Nov 2026 18:52:04 +0000\nMessage-ID: <%s@a.example>\n"

# Name; arguments; exit status (0: accepted, 22 to 29: the step that was refused); what it heard, in this order; whether a
# message goes out.
ROWS = (
    ("plain", [], 0, ["220 mx1.lists.example ESMTP", "250 2.1.0", "250 2.1.5", "354", "250 2.0.0 Ok: queued as", "221"], True),
    ("helo only", ["--protocol", "SMTP"], 0, ["250 mx1.lists.example", "250 2.1.0", "250 2.0.0 Ok: queued as"], True),
    ("pipelined", ["--pipeline"], 0, ["250 2.1.0", "250 2.1.5", "354", "250 2.0.0 Ok: queued as"], True),
    ("tls", ["--tls"], 0, ["STARTTLS", "220 2.0.0", "TLSv1", "250 2.0.0 Ok: queued as"], True),
    ("tls and pipelined", ["--tls", "--pipeline"], 0, ["220 2.0.0", "250 2.0.0 Ok: queued as"], True),
    ("tls 1.2", ["--tls", "--tls-protocol", "tlsv1_2"], 0, ["TLSv1.2", "250 2.0.0 Ok: queued as"], True),
    ("tls 1.0", ["--tls", "--tls-protocol", "tlsv1"], 29, ["220 2.0.0"], False),
    ("tls at once on a port for STARTTLS", ["--tls-on-connect"], 29, [], False),
    ("tls where it is welcome", ["--tls-optional"], 0, ["220 2.0.0", "250 2.0.0 Ok: queued as"], True),
    ("eight bits", ["--body", "sch\u00f6n"], 0, ["250 2.0.0 Ok: queued as"], True),
    ("an attachment", ["--attach-type", "image/png", "--attach", "@/bin/true"], 0, ["250 2.0.0 Ok: queued as"], True),
    ("another greeting name", ["--helo", "[127.0.0.1]"], 0, ["250 2.0.0 Ok: queued as"], True),
    ("a stranger", ["--from", "eve@x.example", "--header-From", "eve@x.example"], 26, ["354", "550 5.7"], False),
    ("no such list", ["--to", "nobody@lists.example"], 24, ["250 2.1.0", "550 5.1.1"], False),
    ("no such list, pipelined", ["--pipeline", "--to", "nobody@lists.example"], 24, ["550 5.1.1"], False),
    ("a relay", ["--to", "x@elsewhere.example"], 24, ["550 5.7.1"], False),
    ("one of two", ["--to", f"nobody@lists.example,{LIST}"], 0, ["550 5.1.1", "250 2.1.5", "250 2.0.0 Ok: queued as"], True),
    ("one of two, pipelined", ["--pipeline", "--to", f"nobody@lists.example,{LIST}"], 0,
     ["550 5.1.1", "250 2.1.5", "250 2.0.0 Ok: queued as"], True),
    ("no sender address", ["--from", "not an address"], 23, ["501 5."], False),
    ("no recipient address", ["--to", "@"], 24, ["501 5."], False),
    ("the null sender", ["--from", "<>"], 26, ["250 2.1.0", "550 5.7"], False),
    ("lmtp", ["--protocol", "LMTP"], 22, ["50"], False),
    ("authentication that is not offered", ["--auth", "PLAIN", "--auth-user", "u", "--auth-password", "p"], 28, [], False),
    ("after the banner", ["--quit-after", "CONNECT"], 0, ["220", "221"], False),
    ("after EHLO", ["--quit-after", "EHLO"], 0, ["250 ", "221"], False),
    ("after TLS", ["--tls", "--quit-after", "TLS"], 0, ["220 2.0.0", "221"], False),
    ("after MAIL", ["--quit-after", "MAIL"], 0, ["250 2.1.0", "221"], False),
    ("after RCPT", ["--quit-after", "RCPT"], 0, ["250 2.1.5", "221"], False),
    ("gone after the greeting", ["--drop-after", "CONNECT"], 0, ["220"], False),
    ("gone after MAIL", ["--drop-after", "MAIL"], 0, ["250 2.1.0"], False),
    ("gone after RCPT was sent", ["--drop-after-send", "RCPT"], 0, [], False),
    ("gone after DATA", ["--drop-after", "DATA"], 0, ["354"], False),
)


class Swaks(processes.Scenario):
    def setUp(self):
        super().setUp()
        tls = certificate.make(self.folder)
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], listen=f'certificate = "{tls}"'))
        self.essaim.make_list(LIST, [AUTHOR, "bob@b.example"])
        self.sent = 0

    def swaks(self, arguments, data=None):
        self.sent += 1
        command = ["swaks", "--server", f"127.0.0.1:{self.essaim.port}", "--helo", "client.example", "--from", AUTHOR,
                   "--to", LIST, "--add-header", f"Message-ID: <swaks-{self.sent}@a.example>", "--timeout", "100"]
        command += ["--data", data] if data else []
        result = subprocess.run(command + arguments, capture_output=True, text=True, errors="replace", timeout=120,
                                stdin=subprocess.DEVNULL)
        return result.returncode, result.stdout + result.stderr

    def ledger(self, output):
        return self.essaim.wait_finished(re.search(r"queued as (\w+)", output).group(1))["counts"]

    def test_every_invocation_hears_what_it_should(self):
        delivered = 0
        for name, arguments, status, heard, goes_out in ROWS:
            with self.subTest(name):
                got, output = self.swaks(arguments)
                self.assertEqual(status, got, output)
                position = 0
                for text in heard:
                    found = output.find(text, position)
                    self.assertGreaterEqual(found, 0, f"{text!r} after octet {position} of\n{output}")
                    position = found + len(text)
                self.assertEqual(goes_out, "queued as" in output, output)
                if goes_out:
                    delivered += 2
                    self.assertEqual(2, self.ledger(output)["delivered"])
        self.assertEqual(delivered, sum(self.sink.recipients().values()))

    def test_a_big_message_passes_and_a_bigger_one_is_refused(self):
        path = self.folder / "big"
        for megabytes, accepted in ((9, True), (12, False), (30, False)):
            path.write_text(HEAD % megabytes + "\n" + ("x" * 71 + "\n") * (megabytes * 1_000_000 // 73))
            status, output = self.swaks(["--hide-send"], data=f"@{path}")
            if accepted:
                self.assertEqual(0, status, output)
                ledger = self.ledger(output)
                self.assertEqual(2, ledger["delivered"])
            else:
                self.assertEqual(26, status, output)
                self.assertRegex(output, "55[24] 5.3.4")
        size = {len(self.sink.message_bytes(receipt)) // 1_000_000 for receipt in self.sink.receipts()}
        self.assertEqual({9}, size)

    def test_bytes_go_through_as_swaks_sent_them(self):
        path = self.folder / "raw"
        body = "Line\n.\n..dots\n\n\nFrom me\n" + "\u4f1a\u8b70 sch\u00f6n\n" + "y" * 900 + "\nend\n"
        path.write_text(HEAD % "raw" + "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                        "Content-Transfer-Encoding: 8bit\n\n" + body)
        for arguments in ([], ["--pipeline"], ["--tls"]):
            path.write_text(path.read_text().replace("Subject: swaks", "Subject: again swaks"))
            status, output = self.swaks(arguments, data=f"@{path}")
            self.assertEqual(0, status, output)
            self.ledger(output)
        for receipt in self.sink.receipts():
            got = self.sink.message_bytes(receipt).replace(b"\r\n", b"\n").partition(b"\n\n")[2]
            self.assertEqual(body.encode(), got.rstrip(b"\n") + b"\n")


if __name__ == "__main__":
    unittest.main()
