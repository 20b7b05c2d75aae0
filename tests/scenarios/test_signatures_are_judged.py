"""Other people's implementations judge what we sign and seal."""

import unittest

from support import authenticated, essaim, judges, postfix, processes


class SignaturesAreJudged(authenticated.Authenticated):
    def test_what_we_sign_is_verified_by_others_also_behind_postfix(self):
        mailbox = self.started(postfix.Postfix(self.folder, "127.1.0.2", self.port, ["b.example"]))
        rspamd = self.started(judges.Rspamd(self.folder, self.dns.address))
        self.essaim.make_list("dev@lists.example", ["ann@a.example", "bob@b.example"], footer="-- the dev list", subject_tag="[dev]")
        self.essaim.run("list", "set", "dev@lists.example", "post=anyone")
        self.essaim.make_list("same@lists.example", ["ann@a.example"], envelope="common", post="anyone")
        self.make_keys("rsa", "ed25519")
        self.restart()
        text = essaim.message("Zoë <zoe@people.example>", "dev@lists.example", body="Grüße\r\n.dots\r\n\r\n \t x  \r\n\r\n\r\n")
        (personal,) = self.receive(self.essaim.post("zoe@people.example", "dev@lists.example", text), 1)
        reply = self.essaim.post("zoe@people.example", "same@lists.example", text)
        self.assertEqual(250, reply[0], reply)
        common = self.sink.message_bytes(self.sink.wait_for(2)[-1])
        (relayed,) = processes.wait_for("mail in Postfix", mailbox.messages)
        reply = self.essaim.post("ann@a.example", "dev-unsubscribe@lists.example", essaim.message("ann@a.example", "dev-unsubscribe@lists.example"))
        self.assertEqual(250, reply[0], reply)
        notice = self.sink.message_bytes(self.sink.wait_for(3)[-1])
        self.assertEqual([True, True], [good for _, _, good in judges.dkimpy("dkim", notice, self.records)])
        for name, message in (("personal", personal), ("common", common), ("relayed", relayed.replace(b"\n", b"\r\n"))):
            with self.subTest(name):
                self.assertIn(b"list-unsubscribe", message)
                self.assertEqual([True, True], [good for _, _, good in judges.dkimpy("dkim", message, self.records)])
                results = {selector: result for _, selector, result in judges.mail_dkim("dkim", message, self.records)}
                self.assertIn("pass", [result for selector, result in results.items() if selector.endswith("r")], results)
                self.assertIn("2048-bit key) succeeded", judges.opendkim(self.folder, message, self.records))
                self.assertEqual("pass", judges.dkimpy("arc", message, self.records)[0])
                self.assertEqual("pass", judges.mail_dkim("arc", message, self.records))
                # It shows one signature of a domain; each by itself, then.
                for selector in results:
                    symbols = rspamd.symbols(judges.with_signature(message, selector))
                    self.assertEqual([f"lists.example:s={selector}"], symbols["R_DKIM_ALLOW"], symbols)
                    self.assertIn("ARC_ALLOW", symbols)

    def test_odd_shapes_are_read_by_all_in_the_same_way(self):
        """The author's signature by dkimpy, ours over it: both good for us, dkimpy and Mail::DKIM; ours for OpenDKIM."""
        self.essaim.make_list("plain@lists.example", ["ann@a.example"], post="anyone", max_size="20M")
        self.make_keys("rsa")
        self.author_signs("reject")
        self.restart()
        usual = ("From: Ann <ann@author.example>\r\nTo: plain@lists.example\r\nDate: Tue, 1 Sep 2026 10:00:00 +0000\r\n"
                 "Message-ID: <{}@author.example>\r\nSubject: odd\r\n")
        long = "".join(f"\r\n\t<{i}.{'x' * 40}@author.example>" for i in range(120))
        shapes = {
            "an empty body": usual + "\r\n",
            "nothing but empty lines": usual + "\r\n\r\n\r\n\r\n",
            "white space at ends and in lines": usual + "\r\n \t\r\na  b\t\tc \r\n\t\r\n \r\n",
            "dots": usual + "\r\n.\r\n..\r\n.a\r\n",
            "names in odd case, tabs": usual.replace("Subject:", "sUBJECT:\t").replace("To: ", "TO:\t \t") + "mime-VERSION: 1.0\r\n\r\nx\r\n",
            "long and folded": usual + f"References:{long}\r\nX-Empty:\r\nKeywords: a,\r\n b,\r\n \tc\r\n\r\nx\r\n",
            "fields that are there twice": usual + "Cc: a@x.example\r\nCc: b@x.example\r\nComments: 1\r\nComments: 2\r\n\r\nx\r\n",
            "octets with the eighth bit": usual.replace("odd", "\xfc\xdf") + "Content-Transfer-Encoding: 8bit\r\nMIME-Version: 1.0\r\n"
                                          "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n",
            "a huge body": usual + "\r\n" + "The bees of the swarm.\r\n" * 100_000,
        }
        for number, (name, shape) in enumerate(shapes.items(), 1):
            with self.subTest(name):
                text = judges.dkimpy("sign", shape.format(number).encode("latin-1"), selector="s1", domain="author.example",
                                     key=self.author_key[0], canonicalize=("relaxed", "simple"), algorithm="rsa-sha256")
                reply = self.essaim.post("ann@author.example", "plain@lists.example", text)
                self.assertEqual(250, reply[0], reply)
                received = self.sink.message_bytes(self.sink.wait_for(number)[-1])
                self.assertIn("dkim=pass header.d=author.example", judges.results_field(received))
                self.assertIn("dmarc=pass", judges.results_field(received))
                self.assertEqual({"author.example": True, "lists.example": True},
                                 {domain: good for domain, _, good in judges.dkimpy("dkim", received, self.records)})
                self.assertEqual({"author.example": "pass", "lists.example": "pass"},
                                 {domain: good for domain, _, good in judges.mail_dkim("dkim", received, self.records)})
                self.assertIn("2048-bit key) succeeded", judges.opendkim(self.folder, received, self.records))

    def test_arc_chains_of_others_are_verified_and_go_on(self):
        self.essaim.make_list("plain@lists.example", ["ann@a.example"], post="anyone")
        self.make_keys("rsa")
        pem, _, record = judges.rsa_key(self.folder)
        self.publish(**{"h1._domainkey.hop.example": record})
        self.restart()
        text = essaim.message("Ann <ann@author.example>", "plain@lists.example", extra="Authentication-Results: hop.example; spf=pass\r\n")
        sealed = judges.dkimpy("seal", text.encode(), selector="h1", domain="hop.example", key=pem)
        self.essaim.run("member", "add", "plain@lists.example", "own@a.example", "--role", "owner")
        for number, to in enumerate(("plain@lists.example", "plain-owner@lists.example"), 1):
            with self.subTest(to):
                reply = self.essaim.post("ann@author.example", to, sealed)
                self.assertEqual(250, reply[0], reply)
                received = self.sink.message_bytes(self.sink.wait_for(number)[-1])
                self.assertIn("arc=pass header.d=hop.example", judges.results_field(received))
                self.assertIn(b"ARC-Seal: i=2;", received)
                self.assertEqual([["lists.example", True]], [[d, good] for d, _, good in judges.dkimpy("dkim", received, self.records)])
                self.assertEqual("pass", judges.dkimpy("arc", received, self.records)[0])
                self.assertEqual("pass", judges.mail_dkim("arc", received, self.records))
        counters = self.essaim.json("top", "--once")["counters"]
        self.assertEqual((2, 2), (counters["arc_pass"], counters["dkim_other"]))
        self.assertEqual(2, sum(counters[f"spf_{result}"] for result in ("pass", "fail", "error", "other")))


if __name__ == "__main__":
    unittest.main()
