"""Other people's implementations judge what we sign and seal."""

import smtplib
import unittest

from support import authenticated, essaim, judges, postfix, processes


class SignaturesAreJudged(authenticated.Authenticated):
    def test_what_we_sign_is_verified_by_others_also_behind_postfix(self):
        mailbox = self.started(postfix.Postfix(self.folder, "127.1.0.2", self.port, ["b.example"]))
        self.author_signs("reject")
        rspamd = self.started(judges.Rspamd(self.folder, self.dns.address, ("author.example", "s1", self.author_key[1])))
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
        for name, message in (("personal", personal), ("common", common), ("relayed", relayed.replace(b"\n", b"\r\n"))):
            with self.subTest(name):
                self.assertIn(b"list-unsubscribe", message)
                authenticated.assert_all_judge_good(self, message, self.records, rspamd)
                authenticated.assert_all_judge_chain_good(self, message, self.records, rspamd)
        # The judges can say no.
        spoilt = personal.replace(b"Subject: [dev]", b"Subject: [dve]", 1)
        self.assertEqual([False, False], [good for _, _, good in judges.dkimpy("dkim", spoilt, self.records)])
        self.assertEqual({"fail"}, {result.split(" ")[0] for _, selector, result in judges.mail_dkim("dkim", spoilt, self.records)
                                    if selector.endswith("r")})
        self.assertNotIn("succeeded", judges.opendkim(self.folder, spoilt, self.records))
        self.assertNotIn("R_DKIM_ALLOW", rspamd.symbols(spoilt))
        # And what it signs is good for us: it covers most fields once more than they are there.
        theirs = rspamd.signed(essaim.message("Ann <ann@author.example>", "same@lists.example").encode())
        reply = self.essaim.post("ann@author.example", "same@lists.example", theirs)
        self.assertEqual(250, reply[0], reply)
        received = self.sink.message_bytes(self.sink.wait_for(3)[-1])
        self.assertIn("dkim=pass header.d=author.example", judges.results_field(received))
        self.assertIn("dmarc=pass", judges.results_field(received))
        self.assertIn(["author.example", "s1", True], judges.dkimpy("dkim", received, self.records))

    def chunk(self, sender, recipient, message):
        """By BDAT (RFC 3030), which takes a message as it is, also without a line end."""
        with self.essaim.client() as client:
            client.ehlo()
            self.assertEqual(250, client.mail(sender)[0])
            self.assertEqual(250, client.rcpt(recipient)[0])
            client.send(f"BDAT {len(message)} LAST\r\n".encode() + message)
            self.assertEqual(250, client.getreply()[0])

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
            "no line end at the end": usual + "\r\nThe swarm moves on. ",
            "a huge body": usual + "\r\n" + "The bees of the swarm.\r\n" * 100_000,
        }
        for number, (name, shape) in enumerate(shapes.items(), 1):
            with self.subTest(name):
                text = judges.dkimpy("sign", shape.format(number).encode("latin-1"), selector="s1", domain="author.example",
                                     key=self.author_key[0], canonicalize=("relaxed", "simple"), algorithm="rsa-sha256")
                self.chunk("ann@author.example", "plain@lists.example", text)
                received = self.sink.message_bytes(self.sink.wait_for(number)[-1])
                self.assertIn("dkim=pass header.d=author.example", judges.results_field(received))
                self.assertIn("dmarc=pass", judges.results_field(received))
                self.assertEqual({"author.example": True, "lists.example": True},
                                 {domain: good for domain, _, good in judges.dkimpy("dkim", received, self.records)})
                self.assertEqual({"author.example": "pass", "lists.example": "pass"},
                                 {domain: good for domain, _, good in judges.mail_dkim("dkim", received, self.records)})
                self.assertIn("2048-bit key) succeeded", judges.opendkim(self.folder, received, self.records))

    def test_an_author_behind_postfix_and_opendkim_is_verified_and_judged_by_it(self):
        self.essaim.make_list("plain@lists.example", ["ann@a.example"], post="anyone")
        self.make_keys("rsa")
        self.author_signs("reject")
        self.restart()
        signer = self.started(judges.OpenDkim(self.folder, "author.example", "s1", self.author_key[1]))
        port = processes.free_port()
        self.started(postfix.Postfix(self.folder, "127.0.0.1", port, relayhost=f"[127.0.0.1]:{self.essaim.port}",
                                     extra=f"smtpd_milters = inet:127.0.0.1:{signer.port}\nmilter_default_action = tempfail\n"))
        with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
            client.sendmail("ann@author.example", "plain@lists.example",
                            essaim.message("Ann <ann@author.example>", "plain@lists.example", body="One  line\n\n\tmore \n\n"))
        received = self.sink.message_bytes(self.sink.wait_for(1)[0])
        self.assertIn("dkim=pass header.d=author.example", judges.results_field(received))
        self.assertEqual([["author.example", True], ["lists.example", True]],
                         sorted([d, good] for d, _, good in judges.dkimpy("dkim", received, self.records)))
        ours = next(selector for d, selector, _ in judges.dkimpy("dkim", received, self.records) if d == "lists.example")
        for selector in (ours, "s1"):
            self.assertIn("2048-bit key) succeeded", judges.opendkim(self.folder, judges.with_signature(received, selector), self.records))

    def test_arc_chains_of_others_are_verified_and_go_on(self):
        self.essaim.make_list("plain@lists.example", ["ann@a.example"], post="anyone")
        self.make_keys("rsa")
        pem, path, record = judges.rsa_key(self.folder)
        self.publish(**{"h1._domainkey.hop.example": record})
        self.restart()
        text = essaim.message("Ann <ann@author.example>", "plain@lists.example", extra="Authentication-Results: hop.example; spf=pass\r\n")
        sealed = judges.dkimpy("seal", text.encode(), selector="h1", domain="hop.example", key=pem)
        again = essaim.message("Ann <ann@author.example>", "plain@lists.example", extra="Authentication-Results: hop.example; spf=pass\r\n")
        by_perl = judges.mail_dkim("seal", again.encode(), None, "hop.example", "h1", path)
        self.essaim.run("member", "add", "plain@lists.example", "own@a.example", "--role", "owner")
        for number, (to, mail) in enumerate((("plain@lists.example", sealed), ("plain-owner@lists.example", sealed),
                                             ("plain@lists.example", by_perl)), 1):
            with self.subTest(number):
                reply = self.essaim.post("ann@author.example", to, mail)
                self.assertEqual(250, reply[0], reply)
                received = self.sink.message_bytes(self.sink.wait_for(number)[-1])
                self.assertIn("arc=pass header.d=hop.example", judges.results_field(received))
                self.assertIn(b"ARC-Seal: i=2;", received)
                self.assertEqual([["lists.example", True]], [[d, good] for d, _, good in judges.dkimpy("dkim", received, self.records)])
                self.assertEqual("pass", judges.dkimpy("arc", received, self.records)[0])
                self.assertEqual("pass", judges.mail_dkim("arc", received, self.records))
        counters = self.essaim.json("top", "--once")["counters"]
        self.assertEqual((number, number), (counters["arc_pass"], counters["dkim_other"]))
        self.assertEqual(number, sum(counters[f"spf_{result}"] for result in ("pass", "fail", "error", "other")))


if __name__ == "__main__":
    unittest.main()
