"""Authenticated mail: what comes in is verified, authors are planned for, keys have a life."""

import unittest

from support import authenticated, essaim, judges


class AuthenticatedMail(authenticated.Authenticated):
    def test_what_others_sign_is_verified_by_us_and_kept_where_nothing_signed_changes(self):
        self.essaim.make_list("plain@lists.example", ["ann@a.example"], post="anyone")
        sign = self.author_signs("reject")
        seed, record = judges.ed25519_key()
        self.publish(**{"e1._domainkey.author.example": record})
        self.restart()

        def text(number):
            return essaim.message("Ann <ann@author.example>", "plain@lists.example", subject=f"Bees {number}",
                                  body="One  line\r\n\r\n\tmore \r\n\r\n")

        shapes = [
            lambda mail: sign(mail),
            lambda mail: sign(mail, ("simple", "simple")),
            lambda mail: judges.dkimpy("sign", mail.encode(), selector="e1", domain="author.example", key=seed,
                                       canonicalize=("relaxed", "simple"), algorithm="ed25519-sha256"),
            lambda mail: judges.mail_dkim("sign", mail.encode(), None, "author.example", "s1", "relaxed", self.author_key[1]),
            lambda mail: judges.mail_dkim("sign", mail.encode(), None, "author.example", "s1", "simple", self.author_key[1]),
        ]
        for number, shape in enumerate(shapes):
            with self.subTest(number):
                reply = self.essaim.post("ann@author.example", "plain@lists.example", shape(text(number)))
                self.assertEqual(250, reply[0], reply)
                received = self.sink.message_bytes(self.sink.wait_for(number + 1)[-1])
                self.assertIn("dkim=pass header.d=author.example", judges.results_field(received))
                self.assertIn([True], [[good] for domain, _, good in judges.dkimpy("dkim", received, self.records)
                                       if domain == "author.example"])

    def test_author_signatures_survive_byte_for_byte_or_the_list_takes_over(self):
        self.essaim.make_list("plain@lists.example", ["ann@a.example"], post="anyone")
        self.essaim.make_list("tagged@lists.example", ["ann@a.example"], post="anyone", subject_tag="[t]")
        self.make_keys("rsa")
        sign = self.author_signs("reject")
        self.restart()
        original = sign(essaim.message("Ann <ann@author.example>", "plain@lists.example"))
        (kept,) = self.receive(self.essaim.post("ann@author.example", "plain@lists.example", original), 1)
        verdicts = {domain: good for domain, _, good in judges.dkimpy("dkim", kept, self.records)}
        self.assertEqual({"author.example": True, "lists.example": True}, verdicts)
        self.assertIn(b"From: Ann <ann@author.example>", kept)
        self.assertEqual(original.partition(b"\r\n\r\n")[2], kept.partition(b"\r\n\r\n")[2])
        self.assertIn("dmarc=pass header.from=author.example policy.dmarc=reject", judges.results_field(kept))

        reply = self.essaim.post("ann@author.example", "tagged@lists.example",
                                 sign(essaim.message("Ann <ann@author.example>", "tagged@lists.example")))
        self.assertEqual(250, reply[0], reply)
        taken = self.sink.message_bytes(self.sink.wait_for(2)[-1])
        self.assertIn(b'From: Ann via tagged <tagged@lists.example>', taken)
        self.assertIn(b"Reply-To: Ann <ann@author.example>", taken)
        self.assertEqual([["lists.example", True]], [[d, good] for d, _, good in judges.dkimpy("dkim", taken, self.records)])
        explained = self.essaim.run("post", "explain", self.essaim.queue_id(reply))
        self.assertIn("author: rewrite: author.example publishes p=reject", explained)

        mail = self.folder / "mail.eml"
        mail.write_bytes(original)
        never_posted = self.essaim.run("post", "explain", "--file", mail, "--list", "tagged@lists.example")
        self.assertIn("change subject-tag: author.example/s1 breaks", never_posted)
        self.assertIn("change list-fields: author.example/s1 survives", never_posted)
        self.assertIn("author: rewrite", never_posted)

    def test_a_key_signs_when_its_record_is_seen_and_rotates_with_overlap(self):
        self.essaim.make_list("plain@lists.example", ["ann@a.example"], post="anyone")
        self.assertNotEqual("", self.essaim.run("dkim", "create", "lists.example"))
        (key,) = self.essaim.json("dkim", "list")
        self.essaim.run("dkim", "check", "lists.example", check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        self.assertIn("there is no TXT record", self.essaim.last.stdout)
        self.assertEqual("new", self.essaim.json("dkim", "list")[0]["state"])
        self.publish(**{key["name"]: key["record"]})
        self.assertIn("it signs from now on", self.essaim.run("dkim", "check"))
        (second,) = self.essaim.json("dkim", "rotate", "lists.example")
        states = {k["selector"]: k["state"] for k in self.essaim.json("dkim", "list")}
        self.assertEqual({key["selector"]: "active", second["selector"]: "new"}, states)
        self.publish(**{second["name"]: second["record"]})
        self.essaim.run("dkim", "check")
        states = {k["selector"]: k["state"] for k in self.essaim.json("dkim", "list")}
        self.assertEqual({key["selector"]: "retired", second["selector"]: "active"}, states)
        self.essaim.run("dkim", "delete", "lists.example", second["selector"], check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        self.essaim.run("dkim", "delete", "lists.example", key["selector"])

    def test_silent_name_servers_put_off_only_what_they_decide(self):
        self.essaim.make_list("open@lists.example", ["ann@a.example"], post="anyone")
        self.essaim.make_list("strict@lists.example", ["ann@a.example"], post="anyone", dmarc_failure="refuse")
        self.dns.pause()
        try:
            code, text = self.essaim.post("ann@author.example", "strict@lists.example",
                                          essaim.message("Ann <ann@author.example>", "strict@lists.example"))
            self.assertEqual(451, code, text)
            self.assertIn("cannot be found out now", text)
            reply = self.essaim.post("ann@author.example", "open@lists.example",
                                     essaim.message("Ann <ann@author.example>", "open@lists.example"))
            self.assertEqual(250, reply[0], reply)
        finally:
            self.dns.go_on()
        (received,) = [self.sink.message_bytes(receipt) for receipt in self.sink.wait_for(1)]
        self.assertIn("dmarc=temperror", judges.results_field(received))

    def test_forged_authors_are_marked_or_refused_and_claims_of_ours_removed(self):
        self.essaim.make_list("open@lists.example", ["ann@a.example"], post="anyone")
        self.essaim.make_list("strict@lists.example", ["ann@a.example"], post="anyone", dmarc_failure="refuse")
        self.essaim.make_list("careful@lists.example", ["ann@a.example"], post="anyone", dmarc_failure="hold")
        self.essaim.make_list("sure@lists.example", ["ann@a.example"], post="anyone", authenticated_only="true")
        sign = self.author_signs("reject")
        self.restart()
        forged = "Authentication-Results: mx1.lists.example; dkim=pass header.d=author.example\r\n" + essaim.message(
            "Ann <ann@author.example>", "open@lists.example")
        (marked,) = self.receive(self.essaim.post("eve@evil.example", "open@lists.example", forged), 1)
        self.assertIn(b"X-Unauthenticated-Author: dmarc=fail (p=reject) header.from=author.example", marked)
        self.assertIn("dmarc=fail", judges.results_field(marked))
        self.assertEqual(1, marked.count(b"\nAuthentication-Results: mx1.lists.example") + marked.startswith(b"Authentication-Results: mx1"))
        code, text = self.essaim.post("eve@evil.example", "strict@lists.example", forged.replace("client.example>", "c2.example>"))
        self.assertEqual(550, code)
        self.assertIn("author.example does not stand behind this message", text)
        reply = self.essaim.post("eve@evil.example", "careful@lists.example", forged.replace("client.example>", "c4.example>"))
        self.assertEqual(250, reply[0], reply)
        self.assertIn("author.example does not stand behind this message",
                      self.essaim.run("post", "show", self.essaim.queue_id(reply)))
        self.essaim.run("queue", "release", self.essaim.queue_id(reply))
        self.assertIn(b"X-Unauthenticated-Author", self.sink.message_bytes(self.sink.wait_for(2)[-1]))
        code, text = self.essaim.post("eve@evil.example", "sure@lists.example", forged.replace("client.example>", "c3.example>"))
        self.assertEqual(550, code)
        code, text = self.essaim.post("ann@author.example", "sure@lists.example",
                                      sign(essaim.message("Ann <ann@author.example>", "sure@lists.example")))
        self.assertEqual(250, code, text)


if __name__ == "__main__":
    unittest.main()
