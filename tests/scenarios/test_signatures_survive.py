"""Mail signed and encrypted by openssl and gpg goes through a list with tag, header and footer, and is still verified by them."""

import unittest

from support import essaim, processes, signatures, sink

LIST = "dev@lists.example"
AUTHOR = "ann@a.example"
FOOTER = "Leave at https://lists.example/dev"
# Entities to sign, out of the messages of mail programs.
NAMES = ("alternative_thunderbird", "thunderbird_mixed", "outlook_related", "apple_mail", "ios_mail", "gmail_inline_image",
         "mutt_latin1", "mutt_patch", "evolution_alternative", "quoted_printable", "iso2022jp", "base64_windows1252",
         "format_flowed", "forwarded_message", "plain_ascii")


def entity_of(name):
    """The Content-* fields and the body of a message."""
    raw = (processes.ROOT / "tests" / "messages" / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n")
    header, _, body = raw.partition(b"\n\n")
    kept, keep = [], False
    for line in header.split(b"\n"):
        keep = line.lower().startswith(b"content-") if line[:1] not in b" \t" else keep
        kept += [line] if keep else []
    return b"\n".join(kept or [b"Content-Type: text/plain"]) + b"\n\n" + body


def body_of(raw):
    return raw.partition(b"\r\n\r\n")[2]


class SignaturesSurvive(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, ["m@a.example"], post="anyone", subject_tag="[dev]", footer=FOOTER)
        self.received = 0

    def through(self, content):
        """The member's copy of a message with this Content-Type and body."""
        self.received += 1
        content = signatures.crlf(content).removeprefix(b"MIME-Version: 1.0\r\n")
        head = (f"From: {AUTHOR}\r\nTo: {LIST}\r\nSubject: signed {self.received}\r\nDate: Sun, 22 Nov 2026 18:52:04 +0000\r\n"
                f"Message-ID: <signed-{self.received}@a.example>\r\nMIME-Version: 1.0\r\n").encode()
        code, text = self.essaim.post(AUTHOR, LIST, head + content)
        self.assertEqual(250, code, text)
        got = self.sink.message_bytes(self.sink.wait_for(self.received)[self.received - 1])
        self.assertIn(f"Subject: [dev] signed {self.received}\r\n".encode(), got)
        self.assertNotIn(FOOTER.encode(), got)
        return got

    def test_smime(self):
        smime = signatures.Smime(self.folder, AUTHOR)
        for name in NAMES:
            with self.subTest(message=name):
                entity = entity_of(name)
                for detached in (True, False):
                    got = self.through(smime.signed(entity, detached))
                    self.assertEqual(signatures.crlf(entity), smime.verified(got), f"detached: {detached}")
                got = self.through(smime.signed(entity))
                # The check itself can fail: one letter in the part that was signed.
                position = got.index(b"Content-T", got.index(b"This is an S/MIME signed message")) + 1
                self.assertIsNone(smime.verified(got[:position] + b"X" + got[position + 1:]))
                self.assertEqual(signatures.crlf(entity), smime.decrypted(self.through(smime.encrypted(entity))))

    def test_gpg(self):
        gpg = signatures.Gpg(self.folder, AUTHOR)
        self.addCleanup(gpg.close)
        for name in NAMES:
            with self.subTest(message=name):
                got = self.through(gpg.signed(entity_of(name)))
                self.assertTrue(gpg.verified(got))
                position = got.index(b"Content-T", got.index(b"This is an OpenPGP/MIME")) + 1
                self.assertFalse(gpg.verified(got[:position] + b"X" + got[position + 1:]))

    def test_gpg_in_the_text(self):
        gpg = signatures.Gpg(self.folder, AUTHOR)
        self.addCleanup(gpg.close)
        head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        for text in ("The swarm moves on.\n", "- dashes\n-- \nsch\u00f6n\n\n"):
            got = self.through(head + gpg.clear_signed(text.encode()))
            self.assertTrue(gpg.clear_verified(body_of(got)))
            self.assertFalse(gpg.clear_verified(body_of(got).replace(b"s", b"z", 1) if b"The s" in got else
                                                body_of(got).replace(b"sch", b"scc", 1)))
            self.assertEqual(text.encode(), gpg.decrypted(body_of(self.through(head + gpg.encrypted(text.encode())))))

    def test_a_signed_message_within_another_is_still_good(self):
        # Forwarded as an attachment: the footer goes beside it, and the octets within stay.
        gpg = signatures.Gpg(self.folder, AUTHOR)
        self.addCleanup(gpg.close)
        inner = gpg.signed(entity_of("mutt_patch"))
        outer = (b"Content-Type: multipart/mixed; boundary=fwd\r\n\r\n--fwd\r\nContent-Type: text/plain\r\n\r\nlook\r\n--fwd\r\n"
                 b"Content-Type: message/rfc822\r\n\r\nFrom: x@a.example\r\nSubject: inner\r\nMIME-Version: 1.0\r\n" + inner
                 + b"\r\n--fwd--\r\n")
        head = (f"From: {AUTHOR}\r\nTo: {LIST}\r\nSubject: outer\r\nMessage-ID: <outer@a.example>\r\nMIME-Version: 1.0\r\n").encode()
        code, text = self.essaim.post(AUTHOR, LIST, head + outer)
        self.assertEqual(250, code, text)
        got = self.sink.message_bytes(self.sink.wait_for(1)[0])
        self.assertEqual(1, got.count(FOOTER.encode()))
        self.assertTrue(gpg.verified(got[got.index(b"Subject: inner"):]))


if __name__ == "__main__":
    unittest.main()
