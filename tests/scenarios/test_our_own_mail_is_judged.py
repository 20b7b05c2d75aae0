"""What Essaim itself writes or passes on for others, answers, letters, reports and relayed mail, is signed, and other people's
implementations find it good."""

import re
import unittest

from support import authenticated, dns, essaim, judges, processes, sink, submission

LIST = "dev@lists.example"


class OurOwnMailIsJudged(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.records = {}
        self.dns = self.started(dns.NameServer(self.folder, {"example": authenticated.ZONE}))
        self.sink = self.started(sink.Sink(self.folder, rules=["rcpt@lost*=550 5.1.1 no such user", "rcpt@picky@*=550 5.6.1 no such media"]))
        secret = self.folder / "secret"
        secret.write_text("a secret for the keys of this test\n")
        secret.chmod(0o600)
        self.site = submission.Site(self, self.sink.addresses[0], dns=self.dns.address, authentication=f'key_file = "{secret}"\npatience = "4s"')
        self.essaim = self.site.essaim
        self.essaim.make_list(LIST, ["ann@a.example", "picky@b.example"], send="editorkey", language="fr", subscribe="open")
        self.essaim.run("member", "add", LIST, "--role", "editor", "ed@a.example")
        self.essaim.make_list("free@lists.example", ["ann@a.example", "picky@b.example"], send="public")
        self.essaim.make_list("lost@lists.example", ["ann@a.example"])
        self.essaim.run("member", "add", "lost@lists.example", "--role", "owner", "lost@b.example")
        self.essaim.run("member", "remove", "lost@lists.example", "owner@people.example", "--role", "owner")
        self.site.account("boss", "boss@lists.example", options=["--may-relay"])
        for kind in ("rsa", "ed25519"):
            (key,) = self.essaim.json("dkim", "create", "lists.example", "--algorithm", kind)
            self.records[key["name"]] = key["record"]
        # Who is told about mail has a domain that vouches for it.
        published = {**self.records, "_dmarc.lists.example": "v=DMARC1; p=reject", "z.example": "v=spf1 ip4:127.0.0.1 -all"}
        self.dns.change({"example": authenticated.ZONE + judges.zone_lines("example", published)})
        self.assertEqual({"active"}, {key["state"] for key in self.essaim.json("dkim", "check", "lists.example")})
        self.essaim.stop()
        self.essaim.start()
        self.rspamd = self.started(judges.Rspamd(self.folder, self.dns.address))
        self.seen = set()

    def sent(self, sender, to, subject="x", body="Grüße\n", mail=(), rcpt=(), extra=""):
        with self.essaim.client() as client:
            client.ehlo()
            client.mail(sender, list(mail))
            code, text = client.rcpt(to, list(rcpt))
            self.assertEqual(250, code, text)
            code, text = client.data(essaim.message(sender, to, subject=subject, body=body, extra=extra).encode())
            self.assertEqual(250, code, text)

    def relayed(self, to, mail=(), rcpt=()):
        with self.site.client("boss") as client:
            client.mail("boss@lists.example", list(mail))
            self.assertEqual(250, client.rcpt(to, list(rcpt))[0])
            code, text = client.data(essaim.message("boss@lists.example", to).encode())
            self.assertEqual(250, code, text)

    def next_to(self, who):
        """The next message to them that was not looked at yet."""
        receipt = processes.wait_for(f"mail to {who}", lambda: next(
            (r for r in self.sink.receipts() if r.recipient == who and r.transaction not in self.seen), None), 60)
        self.seen.add(receipt.transaction)
        return processes.wait_for("its text", lambda: self.sink.message_bytes(receipt))

    def moderated_post_of_an_account(self):
        """Who logs in is known, whatever DMARC would say of the machine that the message comes from."""
        self.essaim.run("domain", "set", "lists.example", "dmarc_failure=hold")
        self.relayed(LIST)
        letter = self.next_to("ed@a.example")
        self.assertNotIn(b"DMARC", letter)
        (held,) = [h for h in self.essaim.json("held", "list") if h["author"] == "boss@lists.example"]
        self.assertEqual(("", []), (lambda shown: (shown["doubt"], shown["checks"]))(self.essaim.json("held", "show", held["id"])))
        self.sent("ed@a.example", re.search(rb"answer\+\w+@lists.example", letter).group(0).decode(), body="approve\n")
        copy = self.next_to("ann@a.example")
        self.assertIn(b"X-Validation-by: ed@a.example", copy)
        self.assertNotIn(b"X-Unauthenticated-Author", copy)
        return copy

    def test_all_kinds(self):
        eight_bit = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        kinds = {}
        self.sent("zoe@z.example", "sympa@lists.example", "lists")
        kinds["the answer to a command"] = self.next_to("zoe@z.example")
        self.sent("new@z.example", "dev-subscribe@lists.example")
        kinds["a question, or a welcome, in French"] = self.next_to("new@z.example")
        self.sent("zoe@z.example", LIST, extra=eight_bit)
        kinds["a letter to a moderator with an 8-bit message in it"] = letter = self.next_to("ed@a.example")
        kinds["word to the author that it waits"] = self.next_to("zoe@z.example")
        self.assertIn(b"message/rfc822", letter)
        self.sent("zoe@z.example", "free@lists.example", rcpt=["NOTIFY=SUCCESS"], extra=eight_bit)
        self.essaim.run("job", "run", "reports")
        kinds["a report of delivery to a list"] = self.next_to("zoe@z.example")
        self.sent("zoe@z.example", "lost-owner@lists.example", mail=["RET=FULL"], extra=eight_bit)
        kinds["a report of failure"] = self.next_to("zoe@z.example")
        kinds["a report to owners about a post"] = self.next_to("owner@people.example")
        self.sent("zoe@z.example", "dev-owner@lists.example", extra=eight_bit)
        kinds["mail passed on to owners"] = self.next_to("owner@people.example")
        self.relayed("out@elsewhere.example")
        kinds["relayed mail"] = self.next_to("out@elsewhere.example")
        # Of no list, so from the host itself, under the domain that has the key.
        self.relayed("lost@elsewhere.example")
        kinds["a report of failure to an account"] = self.next_to("boss@lists.example")
        self.next_to("ann@a.example")  # its copy of the post to the free list
        kinds["a post of an account that waited for a moderator"] = self.moderated_post_of_an_account()
        for name, message in kinds.items():
            with self.subTest(name):
                authenticated.assert_all_judge_good(self, message, self.records, self.rspamd)
        reports = [name for name, message in kinds.items() if re.search(rb"^Content-Type: multipart/report", message, re.M)]
        self.assertEqual(["a report of delivery to a list", "a report of failure", "a report to owners about a post",
                          "a report of failure to an account"], reports)


if __name__ == "__main__":
    unittest.main()
