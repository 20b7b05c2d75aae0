"""Messages as mail programs write them get a list's words once and in a valid place, and keep every byte of their author."""

import unittest

from support import essaim, mime, processes, sink

MESSAGES = processes.ROOT / "tests" / "messages"
FOOTER = "The bees list, M\u00fcnchen: leave at https://lists.example/bees"
HEADER = "Sent to the bees list"
HTML = "<p>The bees list, M&#252;nchen: leave at https://lists.example/bees</p>"
LISTS = {
    "text": {"footer": FOOTER},
    "part": {"footer": FOOTER, "footer_style": "mime"},
    "html": {"footer": FOOTER, "footer_html": HTML},
    "both": {"footer": FOOTER, "header": HEADER},
}
# Refused in the dialogue: no author, answers of machines.
REFUSED = {"empty", "mbox_from_line", "vacation", "dsn_exchange", "dsn_exim", "dsn_gmail", "dsn_postfix"}
# Left whole: signed, encrypted, or of a broken structure, so that nobody knows where words would be read.
WHOLE = {"pgp_mime_signed", "pgp_mime_encrypted", "inline_pgp", "inline_pgp_encrypted", "smime_opaque", "smime_signed_detached"}
BROKEN = {"boundary_never_seen", "missing_closing_boundary", "broken_two_types"}
# Read otherwise by each parser: white space before a colon, a header without a body, a report of another kind.
READ_OTHERWISE = {"odd_folding", "header_only", "disposition_notification"}


def lf(raw):
    return raw.replace(b"\r\n", b"\n")


def body(raw):
    return lf(raw).partition(b"\n\n")[2].rstrip(b"\n")


class MessagesOfMailPrograms(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder, options=["--offer", "SMTPUTF8"]))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        for name, settings in LISTS.items():
            for address in (f"{name}@lists.example", f"{name}-again@lists.example"):
                self.essaim.make_list(address, ["m@a.example"], post="anyone", subject_tag=f"[{name}]", **settings)
        self.received = 0
        self.gmime = mime.GMimeReader()
        self.addCleanup(self.gmime.close)

    def through(self, address, raw):
        """The copy that the member got, or the reply."""
        code, text = self.essaim.post("author@client.example", address, raw)
        if code != 250:
            return None, text
        self.received += 1
        receipt = self.sink.wait_for(self.received)[self.received - 1]
        return processes.wait_for("the whole copy", lambda: self.copy(receipt)), text

    def copy(self, receipt):
        """The sink writes the receipt first."""
        try:
            raw = self.sink.message_bytes(receipt)
        except FileNotFoundError:
            return None
        return raw if b"\r\n\r\n" in raw and raw.endswith(b"\r\n") else None

    def check_readable(self, kind, before, after):
        """One parser's view: {python, gmime} x texts."""
        footers = sum(text.count(FOOTER) for type_, text in after if type_ == "text/plain")
        in_html = sum(text.count(HTML) for type_, text in after if type_ == "text/html")
        self.assertEqual(0, sum(text.count("M\u00c3") for _, text in after), "it is in the charset that the part names")
        if kind == "html" and in_html:
            self.assertEqual(1, in_html)
            self.assertLessEqual(footers, 1)
        else:
            self.assertEqual((1, 0), (footers, in_html))
        if kind == "both":
            self.assertEqual(1, sum(text.count(HEADER) for _, text in after))
        # What the author wrote is there in the same order.
        rest = iter(after)
        for type_, text in before:
            found = any(t == type_ and "".join(text.split()) in "".join(x.replace(HTML, "").split()) for t, x in rest)
            self.assertTrue(found, f"the author's {type_} {text[:60]!r}")

    def check_copy(self, name, kind, raw, got):
        before, after = mime.python_message(raw), mime.python_message(got)
        for field in ("From", "To", "Date", "Message-ID", "In-Reply-To", "References"):
            if before[field] is not None:
                self.assertEqual(mime.header_text(before, field), mime.header_text(after, field))
        self.assertNotRegex(got, rb"(?<!\r)\n|\r(?!\n)", "lines end with CRLF and nothing else")
        if name in WHOLE or name in BROKEN:
            self.assertEqual(body(raw), body(got), "it is left whole")
            return 0
        self.assertLessEqual(set(mime.python_defects(after)), set(mime.python_defects(before)), "new defects")
        if name in READ_OTHERWISE:
            return 0
        structure, texts = self.gmime.read(got)
        self.assertEqual(mime.python_structure(after), structure, "both see the same parts")
        self.check_readable(kind, mime.python_texts(before), mime.python_texts(after))
        self.check_readable(kind, self.gmime.read(raw)[1], texts)
        leaves, leaves_after = mime.raw_leaves(before), mime.raw_leaves(after)
        changed = [leaf for leaf in leaves if leaf not in leaves_after]
        # The author's other parts are what they were byte for byte: all but the one with the words, and its HTML sister; among
        # files the header may be over the first and the footer under the last.
        self.assertLessEqual(len(changed), {"part": 0, "html": 2, "both": 2}.get(kind, 1), changed)
        return 1

    def test_the_words_are_there_once_and_the_author_is_untouched(self):
        names = sorted(path.stem for path in MESSAGES.glob("*.eml"))
        passed, worded = 0, 0
        for name in names:
            raw = (MESSAGES / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            for kind in LISTS:
                with self.subTest(message=name, list=kind):
                    got, reply = self.through(f"{kind}@lists.example", raw)
                    if got is None:
                        self.assertIn(name, REFUSED, reply)
                        self.assertRegex(reply, r"^5\.\d\.\d")
                        continue
                    self.assertNotIn(name, REFUSED)
                    passed += 1
                    worded += self.check_copy(name, kind, raw, got)
                    # An answer that quotes nothing and a second list with the same words: never twice.
                    again, reply = self.through(f"{kind}-again@lists.example", got)
                    self.assertIsNotNone(again, reply)
                    self.assertEqual(body(got), body(again), "the words were there already")
        print(f"{passed} copies of {len(names)} messages, {worded} with the words in a form that both parsers agree on")
        self.assertGreaterEqual(worded, 4 * 35)


if __name__ == "__main__":
    unittest.main()
