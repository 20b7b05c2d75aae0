"""Digests from the setting to the mailbox: members choose, posts wait, one mail comes, through kills, and on MariaDB with two nodes."""

import email
import email.policy
import json
import re
import unittest

from support import essaim, mariadb, mime, processes, sink

LIST = "news@lists.example"
MEMBERS = ["each@a.example", "mime@b.example", "plain@c.example", "sum@d.example", "own@e.example", "none@f.example"]
RECEPTIONS = {"mime@b.example": "digest", "plain@c.example": "digestplain", "sum@d.example": "summary",
              "own@e.example": "not_me", "none@f.example": "nomail"}
SIGNED = ("MIME-Version: 1.0\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=sig\n")
SIGNED_BODY = ("--sig\nContent-Type: text/plain\n\ntrailing blanks   \nand words\n--sig\nContent-Type: application/pgp-signature\n\n"
               "-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\n--sig--\n")


class Digests(processes.Scenario):
    def serve(self, **more):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], **more))
        self.make(self.essaim)

    def make(self, node):
        node.make_list(LIST, MEMBERS, send="public", digest="daily 04:00")
        for address, reception in RECEPTIONS.items():
            node.run("member", "set", LIST, address, f"reception={reception}")

    def post(self, sender, subject, node=None, **more):
        node = node or self.essaim
        reply = node.post(sender, LIST, essaim.message(sender, LIST, subject=subject, message_id=f"<{subject}@client.example>", **more))
        self.assertEqual(250, reply[0], reply)
        return node.queue_id(reply)

    def mail_to(self, address):
        return [email.message_from_bytes(self.sink.message_bytes(receipt), policy=email.policy.default)
                for receipt in self.sink.receipts() if receipt.recipient == address]

    def digest_to(self, address):
        return processes.wait_for(f"a digest to {address}", lambda: self.mail_to(address))[0]

    def test_members_choose_and_have_it_so(self):
        self.serve()
        first = self.post("own@e.example", "first")
        self.post("each@a.example", "second", body=SIGNED_BODY, extra=SIGNED)
        self.essaim.wait_finished(first)
        self.assertEqual(["second"], [str(m["Subject"]) for m in self.mail_to("own@e.example")])
        why = self.essaim.run("post", "show", first, "--recipients", "mime@b.example", check=False)
        self.assertIn("reception is digest: it comes to them with others", why + self.essaim.last.stderr)
        [row] = self.essaim.json("digest", "list")
        self.assertEqual((2, {"digest": 1, "digestplain": 1, "summary": 1}, "daily 04:00", 0),
                         (row["posts"], row["readers"], row["schedule"], row["number"]))
        # The text outlives the posts until it has been sent.
        self.essaim.run("job", "run", "retention")
        self.assertEqual("1 digest queued\n", self.essaim.run("digest", "send", LIST))
        self.assertEqual("nothing waits, or nobody has digests\n", self.essaim.run("digest", "send", LIST))

        digest = self.digest_to("mime@b.example")
        self.assertEqual("news digest 1 (posts: 2)", str(digest["Subject"]))
        contents, posts = digest.iter_parts()
        self.assertIn("1. first", contents.get_content())
        self.assertEqual("multipart/digest", posts.get_content_type())
        inner = [part.get_content() for part in posts.iter_parts()]
        self.assertEqual(["first", "second"], [str(m["Subject"]) for m in inner])
        self.assertEqual(["own@e.example", "each@a.example"], [str(m["From"]) for m in inner])
        # What was signed is there octet for octet.
        raw = next(self.sink.message_bytes(r) for r in self.sink.receipts() if r.recipient == "mime@b.example")
        self.assertIn(SIGNED_BODY.replace("\n", "\r\n").encode(), raw)

        text = self.digest_to("plain@c.example").get_content().replace("\r\n", "\n")
        self.assertEqual(2, text.count("\n" + "-" * 30 + "\n"), text)
        self.assertIn("End of news digest 1\n", text)
        summary = self.digest_to("sum@d.example").get_content()
        self.assertIn("2. second", summary)
        self.assertNotIn("trailing blanks", summary)
        self.assertEqual([], self.mail_to("none@f.example"))
        # It can be left by its own address.
        leave = re.search(r"mailto:([^>]+)", str(digest["List-Unsubscribe"])).group(1)
        self.assertEqual(250, self.essaim.post("mime@b.example", leave, "Subject: leave\n\nleave\n")[0])
        self.assertNotIn("mime@b.example", [m["address"] for m in self.essaim.json("member", "list", LIST)])
        # And goes into the ledger as what it is.
        kinds = [p["kind"] for p in self.essaim.json("post", "find", "--list", LIST)]
        self.assertEqual((3, 2), (kinds.count("digest"), kinds.count("list")))
        self.assertIn("kind        digest for who has digestplain",
                      "".join(self.essaim.run("post", "show", p["id"]) for p in self.essaim.json("post", "find", "--list", LIST)))

    def test_other_programs_take_apart_what_is_of_strangers(self):
        self.serve()
        text = "text/plain; charset=utf-8"
        strange = (
            ("open", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_\"\n", "--=_\n\nnever closed\n"),
            ("none", "MIME-Version: 1.0\nContent-Type: multipart/mixed\n", "no boundary\n"),
            ("eight", f"MIME-Version: 1.0\nContent-Type: {text}\nContent-Transfer-Encoding: 8bit\n", "Grüße\n"),
            ("within", "MIME-Version: 1.0\nContent-Type: message/rfc822\n", "Subject: inner\n\nwithin\n"),
            ("wrong", "MIME-Version: 1.0\nContent-Type: ;;;\n", "no type\n"),
            ("empty", "", ""),
            ("last", "", "the last one\n"))
        for subject, extra, body in strange:
            self.post("each@a.example", subject, extra=extra, body=body)
        self.essaim.run("digest", "send", LIST)
        digest = self.digest_to("mime@b.example")
        posts = list(digest.iter_parts())[1]
        inner = [part.get_content() for part in posts.iter_parts()]
        self.assertEqual([name for name, _, _ in strange], [str(m["Subject"]) for m in inner])
        self.assertIn("Grüße", inner[2].get_content())
        self.assertEqual("the last one", inner[-1].get_content().strip())
        raw = next(self.sink.message_bytes(r) for r in self.sink.receipts() if r.recipient == "mime@b.example")
        reader = mime.GMimeReader()
        self.addCleanup(reader.close)
        structure, texts = reader.read(raw)
        self.assertEqual(["multipart/mixed", "text/plain", "multipart/digest"], structure[:3])
        self.assertEqual(len(strange) + 1, structure.count("message/rfc822"), structure)  # one is within a post
        self.assertEqual("the last one", texts[-1][1].strip())
        plain = self.digest_to("plain@c.example").get_content().replace("\r\n", "\n")
        self.assertEqual(len(strange), plain.count("\n" + "-" * 30 + "\n"), plain)

    def test_what_is_asked_wrongly_is_refused(self):
        self.serve()
        for arguments, words in (
                (["list", "set", LIST, "digest=whenever"], 'digest: "whenever" lacks a day or a time'),
                (["list", "set", LIST, "digest_max_posts=0"], "digest_max_posts"),
                (["member", "set", LIST, "each@a.example", "reception=digests"], '"reception" is mail, nomail, digest'),
                (["member", "set", LIST, "each@a.example", "reception=mail", "delivery=on"], "say the same thing"),
                (["member", "set", LIST, "--role", "owner", "owner@people.example", "reception=digest"], "owners and editors have mail"),
                (["digest", "send", "other@lists.example"], "other@lists.example")):
            self.essaim.run(*arguments, check=False)
            self.assertNotEqual(0, self.essaim.last.returncode, arguments)
            self.assertIn(words, self.essaim.last.stderr, arguments)
        reception = lambda address: {m["address"]: m["reception"] for m in self.essaim.json("member", "list", LIST)}[address]
        # Mail that is on stays as it is; what was off comes back as each post.
        self.essaim.run("member", "set", LIST, "mime@b.example", "delivery=on")
        self.assertEqual("digest", reception("mime@b.example"))
        self.essaim.run("member", "set", LIST, "mime@b.example", "delivery=off")
        self.essaim.run("member", "set", LIST, "mime@b.example", "delivery=on")
        self.assertEqual("mail", reception("mime@b.example"))
        self.essaim.run("member", "set", LIST, "mime@b.example", "reception=digest")
        self.essaim.run("member", "set", LIST, "nobody@b.example", "reception=digest", check=False)
        self.assertIn("nobody@b.example is no member of news@lists.example", self.essaim.last.stderr)
        # Whoever wrote it has no copy, however the address is written, and is told why.
        own = self.post("Own@e.example", "own")
        self.assertIn("who wrote it, and whose reception is not_me",
                      self.essaim.run("post", "show", own, "--recipients", "own@e.example", check=False) + self.essaim.last.stderr)
        self.essaim.run("digest", "send", LIST)
        self.essaim.run("list", "set", LIST, "digest=")
        self.essaim.run("member", "set", LIST, "each@a.example", "reception=digest", check=False)
        self.assertEqual((1, True), (self.essaim.last.returncode, "makes no digests" in self.essaim.last.stderr), self.essaim.last.stderr)
        # The text of the site has it, and takes it back.
        text = self.essaim.run("config", "export")
        self.assertIn('"mime@b.example (digest)"', text)
        self.assertIn("nothing to change", self.essaim.run("config", "apply", "-", stdin=text))
        self.assertIn("2", self.essaim.run("config", "apply", "-", stdin=text.replace("(digest)", "(summary)").replace("(not_me)", "(off)")))
        people = {m["address"]: m["reception"] for m in self.essaim.json("member", "list", LIST)}
        self.assertEqual(("summary", "nomail"), (people["mime@b.example"], people["own@e.example"]))

    def test_a_kill_at_the_commit_makes_none_or_one(self):
        self.serve()
        posted = 0
        for point in ("digest.before-commit", "digest.after-commit"):
            posted += 1
            self.post("each@a.example", f"post{posted}")
            self.essaim.environment["ESSAIM_CRASH_AT"] = f"{point}:1"
            self.essaim.run("digest", "send", LIST, check=False)
            del self.essaim.environment["ESSAIM_CRASH_AT"]
            self.assertLess(self.essaim.last.returncode, 0, f"{point} was not reached")
            self.essaim.run("digest", "send", LIST)
            for address in ("mime@b.example", "plain@c.example", "sum@d.example"):
                processes.wait_for(f"mail to {address}", lambda address=address: len(self.mail_to(address)) >= posted)
        for post in self.essaim.json("post", "find", "--list", LIST):
            self.essaim.wait_finished(post["id"])
        for address in ("mime@b.example", "plain@c.example", "sum@d.example"):
            self.assertEqual([f"news digest {n} (posts: 1): post{n}" for n in range(1, posted + 1)],
                             [str(m["Subject"]) for m in self.mail_to(address)])

    def test_two_nodes_make_each_digest_once(self):
        database = self.started(mariadb.MariaDb())
        self.sink = self.started(sink.Sink(self.folder))
        nodes = [self.started(essaim.Essaim(self.folder, name=name, hostname=f"{name}.lists.example", database=database.url(),
                                            smarthost=self.sink.addresses[0])) for name in ("one", "two")]
        self.make(nodes[0])
        for number in range(6):
            self.post("each@a.example", f"n{number}", node=nodes[number % 2])
        # A program from before would send it to everybody.
        database.execute("UPDATE node SET version = '0.1.0' WHERE hostname = 'two.lists.example'", "essaim")
        nodes[0].run("digest", "send", LIST, check=False)
        self.assertIn("digests wait for two.lists.example", nodes[0].last.stderr)
        database.execute("UPDATE node SET version = '0.2.0' WHERE hostname = 'two.lists.example'", "essaim")
        # All at once, and the job of both beside them.
        commands = [processes.Process("send", [processes.BUILD / "essaim", "digest", "send", LIST, "--config", node.config],
                                      self.folder / f"send{number}", env=node.environment)
                    for number, node in enumerate(nodes + nodes)]
        for command in commands:
            processes.wait_for("the command", lambda command=command: not command.running())
        made = sorted(re.search(r"posts: (\d+)", p["subject"]).group(1) for p in nodes[0].json("post", "find", "--list", LIST)
                      if p["kind"] == "digest")
        self.assertEqual(["6", "6", "6"], made)
        for address in ("mime@b.example", "plain@c.example", "sum@d.example"):
            self.digest_to(address)
        for post in nodes[0].json("post", "find", "--list", LIST):
            nodes[0].wait_finished(post["id"])
        for address in ("mime@b.example", "plain@c.example", "sum@d.example"):
            self.assertEqual(1, len(self.mail_to(address)))


if __name__ == "__main__":
    unittest.main()
