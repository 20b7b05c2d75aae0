"""Authenticated mail: what comes in is verified, authors are planned for, keys have a life."""

import re
import unittest

from support import authenticated, essaim, hostile, judges, processes


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

        # Wrapped, the author's message is whole inside, with its signature; exceptions are for an address or a domain.
        self.essaim.run("list", "set", "tagged@lists.example", "author_protection=wrap",
                        "author_exceptions=author.example=wrap zoe@author.example=keep")
        for number, (author, own_from) in enumerate((("ann", True), ("zoe", False)), 3):
            text = sign(essaim.message(f"{author} <{author}@author.example>", "tagged@lists.example"))
            reply = self.essaim.post(f"{author}@author.example", "tagged@lists.example", text)
            self.assertEqual(250, reply[0], reply)
            copy = self.sink.message_bytes(self.sink.wait_for(number)[-1])
            self.assertEqual([["lists.example", True]], [[d, good] for d, _, good in judges.dkimpy("dkim", copy, self.records)])
            self.assertEqual(own_from, b"\r\nFrom: ann via tagged <tagged@lists.example>\r\n" in copy)
            if own_from:
                inner = copy.partition(b"\r\n\r\n")[2]
                self.assertEqual(text, inner)
                self.assertEqual([["author.example", "s1", True]], judges.dkimpy("dkim", inner, self.records))
        self.essaim.run("list", "set", "tagged@lists.example", "author_protection=rewrite", "author_exceptions=")

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
        self.assertIn(b"X-Unauthenticated-Author: dmarc=temperror header.from=author.example", received)

    def test_hostile_records_cost_a_verdict_and_nobody_else(self):
        """BAD-INPUT row 14: as a sender's domain, and as a recipient's."""
        spf = {name: f"v=spf1 {text}" for name, text in {
            "digits": "exists:%{d0}.example -all", "manydigits": "exists:%{d99999999999999999999}.example -all",
            "nomacro": "exists:%{q}.example -all", "open": "exists:%{ -all", "percent": "exists:% -all", "manymacros": "exists:" + "%{i}." * 45 + "example -all",
            "circle": "include:circle.example -all", "voids": "a:v1.example a:v2.example a:v3.example a:v4.example -all",
            "includes": "include:i0.example -all", "manymx": "mx -all", "redirects": "redirect=redirects.example",
            "prefix": "ip4:192.0.2.0/99999999999 -all", "nul": "\\000 -all", "mask": "ip6:::/129 -all"}.items()}
        spf.update({f"i{n}": f"v=spf1 include:i{n + 1}.example ~all" for n in range(20)})
        lines = [f'{name} IN TXT "{text}"' for name, text in spf.items()]
        lines += ['two IN TXT "v=spf1 -all"', 'two IN TXT "v=spf1 +all"']
        lines += ["large IN TXT " + '"v=spf1 " ' + " ".join(f'"ip4:192.0.2.{n % 256} {"x" * 200}"' for n in range(250)) + ' " -all"']
        lines += [f"manymx IN MX {n % 7} m{n}" for n in range(1_000)] + [f"m{n} IN A 127.1.0.1" for n in range(1_000)]
        lines += [f"chain{n} IN CNAME chain{n + 1}" for n in range(40)] + ["chain40 IN MX 1 mx.a", "turn IN CNAME nrut", "nrut IN CNAME turn"]
        lines += ["_dmarc.two IN TXT " + '"v=DMARC1; p=reject; ' + "pct=99999999999999999999; " * 8 + '"']
        self.dns.change({"example": authenticated.ZONE + "\n".join(lines) + "\n"})
        self.essaim.make_list("open@lists.example", ["ann@a.example"], post="anyone")
        for count, name in enumerate([*spf, "two", "large", "chain0", "turn"], start=1):
            with self.subTest(sender=name):
                (received,) = self.receive(self.essaim.post(f"eve@{name}.example", "open@lists.example", essaim.message(
                    f"eve@{name}.example", "open@lists.example")), count)[-1:]
                said = re.search(r"spf=(\w+)", judges.results_field(received)).group(1)
                if name in ("large", "chain0", "turn"):
                    self.assertIn(said, ("permerror", "temperror", "none", "fail"))
                elif not re.fullmatch(r"i\d+", name):
                    self.assertEqual("permerror", said)
        self.essaim.make_list("odd@lists.example", ["m@manymx.example", "m@chain0.example", "m@turn.example", "ann@a.example"], post="anyone")
        reply = self.essaim.post("x@client.example", "odd@lists.example", essaim.message("x@client.example", "odd@lists.example"))

        def states():
            rows = self.essaim.json("post", "show", self.essaim.queue_id(reply))["recipients"]
            found = {row["recipient"].partition("@")[2].partition(".")[0]: row["state"] for row in rows}
            return found if "pending" not in found.values() else None
        found = processes.wait_for("an outcome for each", states, 60)
        self.assertEqual(("delivered", "delivered"), (found["a"], found["manymx"]))
        self.assertNotEqual("delivered", found["turn"])
        hostile.assert_clean(self, self.essaim.process.log.read_bytes())

    def test_forged_authors_are_marked_or_refused_and_claims_of_ours_removed(self):
        self.essaim.make_list("open@lists.example", ["ann@a.example"], post="anyone")
        self.essaim.make_list("strict@lists.example", ["ann@a.example"], post="anyone", dmarc_failure="refuse")
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
        named = "List-Id: <dev.other.example>\r\n" + forged
        code, text = self.essaim.post("eve@evil.example", "strict@lists.example", named.replace("client.example>", "c4.example>"))
        self.assertEqual(550, code, text)
        code, text = self.essaim.post("eve@evil.example", "sure@lists.example", forged.replace("client.example>", "c3.example>"))
        self.assertEqual(550, code)
        code, text = self.essaim.post("ann@author.example", "sure@lists.example",
                                      sign(essaim.message("Ann <ann@author.example>", "sure@lists.example")))
        self.assertEqual(250, code, text)

    def test_behind_a_relay_of_ones_own_its_address_vouches_for_nobody_and_authors_are_protected(self):
        self.essaim.make_list("sure@lists.example", ["ann@a.example"], post="anyone", authenticated_only="true")
        self.essaim.make_list("tagged@lists.example", ["ann@a.example"], post="anyone", subject_tag="[t]")
        sign = self.author_signs("reject")
        self.publish(**{"author.example": "v=spf1 ip4:127.0.0.1 -all"})
        config = self.essaim.config.read_text()

        def start_with(settings):
            self.essaim.stop()
            self.essaim.config.write_text(config.replace("verify = true", settings))
            self.essaim.start()

        def post(to, number, change=lambda mail: mail.encode()):
            return self.essaim.post("ann@author.example", to, change(essaim.message("Ann <ann@author.example>", to, subject=f"Bees {number}")))
        start_with("verify = true")
        self.assertEqual(250, post("sure@lists.example", 1)[0], "the address is the sender's own")
        start_with('verify = true\nrelays = ["127.0.0.0/8"]')
        code, text = post("sure@lists.example", 2)
        self.assertEqual(550, code, text)
        (_, copy) = self.receive(post("sure@lists.example", 3, sign), 2)
        self.assertIn("dkim=pass header.d=author.example", judges.results_field(copy))
        self.assertIn("spf=none", judges.results_field(copy))
        copy = self.receive(post("tagged@lists.example", 4), 3)[-1]
        self.assertIn(b"From: Ann via tagged <tagged@lists.example>", copy)
        self.assertIn(b"X-Unauthenticated-Author: dmarc=fail (p=reject)", copy)

        # Where nobody is judged, authors are protected all the same.
        start_with("verify = false")
        copy = self.receive(post("tagged@lists.example", 5), 4)[-1]
        self.assertIn(b"From: Ann via tagged <tagged@lists.example>", copy)
        self.assertNotIn(b"X-Unauthenticated-Author", copy)
        self.assertNotIn(b"Authentication-Results: mx1.lists.example", copy)
        code, text = post("sure@lists.example", 6, sign)
        self.assertEqual(550, code, text)
        self.assertIn("authentication.verify", text)

    def test_what_waits_for_moderators_says_why_and_goes_out_as_verified_when_it_came(self):
        """A forgery and a good message wait, over a crash; both leave signed and sealed by what was found when they came,
        whether a letter approves them or the shell."""
        self.essaim.make_list("careful@lists.example", ["ann@a.example"], post="anyone")
        self.essaim.make_list("moderated@lists.example", ["ann@a.example"], send="editorkey")
        self.essaim.run("domain", "set", "lists.example", "dmarc_failure=hold")
        for name in ("careful", "moderated"):
            self.essaim.run("member", "add", f"{name}@lists.example", "--role", "editor", "ed@a.example")
        self.make_keys("rsa")
        sign = self.author_signs("reject")
        self.restart()
        forged = essaim.message("Ann <ann@author.example>", "careful@lists.example", subject="forged")
        good = sign(essaim.message("Ann <ann@author.example>", "moderated@lists.example", subject="good"))
        letters = {}
        for sender, to, text in (("eve@evil.example", "careful", forged), ("ann@author.example", "moderated", good)):
            code, words = self.essaim.post(sender, f"{to}@lists.example", text)
            self.assertEqual(250, code, words)
            self.assertIn("waits for a moderator", words)
            (receipt,) = processes.wait_for("the letter", lambda: [
                r for r in self.sink.receipts() if r.recipient == "ed@a.example" and r not in letters.values()])
            letters[to] = receipt
        told = {to: self.sink.message(receipt).get_body(("plain",)).get_content() for to, receipt in letters.items()}
        why = "author.example does not stand behind this message: DMARC fails, its policy is reject"
        self.assertIn(f"rule dmarc\n\n{why}.\n", told["careful"].replace("\r\n", "\n"))
        for check in ("dkim=none", "spf=none smtp.mailfrom=eve@evil.example", "dmarc=fail header.from=author.example policy.dmarc=reject"):
            self.assertIn(check, told["careful"])
        self.assertIn("dkim=pass header.d=author.example", told["moderated"])
        self.assertNotIn("does not stand behind", told["moderated"])
        held = {h["subject"]: h["id"] for h in self.essaim.json("held", "list")}
        shown = self.essaim.json("held", "show", held["forged"])
        self.assertEqual(("dmarc", why), (shown["rule"], shown["doubt"]))
        self.assertIn("dmarc=fail header.from=author.example policy.dmarc=reject", shown["checks"])
        self.assertIn("check       dmarc=fail", self.essaim.run("held", "show", held["forged"]))
        self.assertEqual([], [r for r in self.sink.receipts() if r.recipient == "ann@author.example"], "the victim is told nothing")

        self.essaim.kill()
        # The key with which the author signed is gone from DNS: what was verified does not depend on it any more.
        record = self.records.pop("s1._domainkey.author.example")
        self.publish()
        self.essaim.start()
        out = {}
        for to in letters:
            if to == "careful":
                key = re.search(r"approve\+\w+@lists.example", told[to]).group(0)
                self.assertEqual(250, self.essaim.post("ed@a.example", key, essaim.message("ed@a.example", key))[0])
            else:  # rendered by the command, which signs and seals as the server does
                self.essaim.run("held", "approve", held["good"])
            (receipt,) = processes.wait_for("the post", lambda: [
                r for r in self.sink.receipts() if r.recipient == "ann@a.example" and r not in out.values()])
            out[to] = receipt
        self.records["s1._domainkey.author.example"] = record
        signers = {"careful": ["lists.example"], "moderated": ["author.example", "lists.example"]}
        for to, receipt in out.items():
            with self.subTest(to):
                copy = self.sink.message_bytes(receipt)
                self.assertEqual([[domain, True] for domain in signers[to]],
                                 sorted([d, good] for d, _, good in judges.dkimpy("dkim", copy, self.records)))
                self.assertEqual("pass", judges.dkimpy("arc", copy, self.records)[0])
                self.assertEqual("pass", judges.mail_dkim("arc", copy, self.records))
                self.assertEqual(to == "careful", b"X-Unauthenticated-Author: dmarc=fail (p=reject)" in copy)
                ours = judges.results_field(copy)
                self.assertIn("dmarc=fail" if to == "careful" else "dkim=pass header.d=author.example", ours)
                sealed = re.sub(rb"\s+", b" ", re.search(rb"ARC-Authentication-Results: i=1; ((?:.*\r\n[ \t])*.*)", copy).group(1)).decode()
                self.assertEqual(ours.strip(), sealed.strip())


if __name__ == "__main__":
    unittest.main()
