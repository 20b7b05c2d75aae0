"""The level dkim of scenarios, end to end: a signature that is aligned with From lets an author do what From alone does not."""

import unittest

from support import authenticated, essaim, judges, processes

LIST = "dev@lists.example"
ANN = "ann@author.example"
ROBOT = "sympa@lists.example"


class SignedAuthors(authenticated.Authenticated):
    def keep(self, name, text):
        file = self.folder / name
        file.write_text(text)
        self.essaim.run("scenario", "set", name, file, "--list", LIST)

    def letters(self, words):
        """Of those to Ann."""
        return [m for m in map(self.sink.message_bytes, self.sink.receipts()) if words.encode() in m and b"List-Id" not in m]

    def test_a_signature_aligned_with_the_author_reaches_the_rules_for_dkim_and_no_other_does(self):
        self.essaim.make_list(LIST, [ANN, "bob@a.example"])
        self.keep("send.signed", "is_subscriber([listname],[sender]) dkim -> do_it\n"
                                 "is_subscriber([listname],[sender]) smtp -> editorkey\n"
                                 "true() smtp,dkim -> reject(reason='send_subscriber')\n")
        self.keep("review.signed", "is_subscriber([listname],[sender]) dkim -> do_it\ntrue() smtp,dkim -> reject(reason='review_owner')\n")
        self.essaim.run("list", "set", LIST, "send=signed", "review=signed", "tell_held=false")
        sign = self.author_signs("none")
        other, _, record = judges.rsa_key(self.folder)
        self.records["o1._domainkey.other.example"] = record
        self.dns.change({"example": authenticated.ZONE + "author IN MX 10 mx.a\n" + judges.zone_lines("example", self.records)})
        self.restart()

        def by_other(message):
            return judges.dkimpy("sign", message.encode(), selector="o1", domain="other.example", key=other,
                                 canonicalize=("relaxed", "relaxed"), algorithm="rsa-sha256")

        def post(change):
            return self.essaim.post(ANN, LIST, change(essaim.message(ANN, LIST)))

        for name, change in (("no signature", lambda m: m), ("somebody else's", by_other),
                             ("a broken one", lambda m: sign(m).replace(b"The swarm", b"The sworm"))):
            with self.subTest(name):
                reply = post(change)
                self.assertEqual(250, reply[0], reply)
                self.assertIn("waits for a moderator", reply[1])
        self.assertEqual({"send.signed:2"}, {held["rule"] for held in self.essaim.json("held", "list")})
        reply = post(sign)
        self.assertIn("queued as", reply[1])
        self.assertEqual(2, self.essaim.wait_finished(self.essaim.queue_id(reply))["counts"]["accepted"])
        # Who is no member gains nothing by a signature.
        stranger = sign(essaim.message("eve@author.example", LIST))
        self.assertEqual(550, self.essaim.post("eve@author.example", LIST, stranger)[0])

        # Commands likewise.
        command = essaim.message(ANN, ROBOT, subject="review dev", body="")
        self.assertEqual(250, self.essaim.post(ANN, ROBOT, command)[0])
        processes.wait_for("the refusal", lambda: self.letters("only owners may see the members"))
        command = essaim.message(ANN, ROBOT, subject="review dev", body="")
        self.assertEqual(250, self.essaim.post(ANN, ROBOT, sign(command))[0])
        processes.wait_for("the members", lambda: self.letters("bob@a.example"))
        log = self.essaim.process.output()
        self.assertRegex(log, r" request verb=review .*auth=smtp .*rule=review.signed:2 result=refused")
        self.assertRegex(log, r" request verb=review .*auth=dkim .*rule=review.signed:1 result=done")


if __name__ == "__main__":
    unittest.main()
