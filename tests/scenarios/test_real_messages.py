"""Messages as people's programs write them go through a list with tag and footer, and are still themselves."""

import email
import email.header
import email.policy
import unittest

from support import essaim, processes, sink

LIST = "dev@lists.example"
FOOTER = "-- the dev list, a swarm"
MESSAGES = processes.ROOT / "tests" / "messages"
SIGNED = ("multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")


def as_read(fields):
    """What people see: for a host without SMTPUTF8, octets above 127 in a header become encoded words (RFC 2047)."""
    return ["".join(part if isinstance(part, str) else part.decode(
        charset if charset not in (None, "unknown-8bit") else "utf-8", "surrogateescape")
        for part, charset in email.header.decode_header(field)) for field in fields]


def body_of(raw):
    return raw.partition(b"\r\n\r\n")[2]


class RealMessages(processes.Scenario):
    def test_every_message_arrives_as_its_author_wrote_it(self):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, ["m@a.example"], post="anyone", subject_tag="[dev]", footer=FOOTER)
        passed = footers = whole = 0
        for path in sorted(MESSAGES.glob("*.eml")):
            raw = path.read_bytes()
            with self.subTest(message=path.name):
                code, text = self.essaim.post("author@client.example", LIST, raw)
                if code != 250:
                    # Refused in the dialogue, with a rule or a fault that is named.
                    self.assertIn(code // 100, (5,), text)
                    self.assertRegex(text, r"\[rule: |5\.6\.\d|5\.4\.6")
                    continue
                passed += 1
                receipt = self.sink.wait_for(passed)[passed - 1]
                got = self.sink.message_bytes(receipt)
                before = email.message_from_bytes(raw, policy=email.policy.compat32)
                after = email.message_from_bytes(got, policy=email.policy.compat32)
                for name in ("From", "To", "Date", "Message-ID", "In-Reply-To"):
                    if before[name] is not None:
                        self.assertEqual(as_read(before.get_all(name)), as_read(after.get_all(name)))
                self.assertNotIn(b"\n\n", got.replace(b"\r\n", b""), "lines end with CRLF and nothing else")
                if before.get_content_type() in SIGNED:
                    whole += 1
                    self.assertEqual(body_of(raw).rstrip(b"\r\n"), body_of(got).rstrip(b"\r\n"), "signed mail is left whole")
                elif FOOTER.encode() in got:
                    footers += 1
                # What was a part before is a part now, in the same order.
                leaves = [part.get_content_type() for part in before.walk() if not part.is_multipart()]
                leaves_after = [part.get_content_type() for part in after.walk() if not part.is_multipart()]
                self.assertEqual(leaves, leaves_after[:len(leaves)])
        print(f"{passed} messages passed, {footers} with a footer in clear, {whole} signed or encrypted and whole")
        self.assertGreaterEqual(passed, 20)
        self.assertGreaterEqual(footers, 5)
        self.assertGreaterEqual(whole, 2)


if __name__ == "__main__":
    unittest.main()
