"""Postfix, Exim and OpenSMTPD post to a list from their own queues, and take its copies as their domains' MX."""

import json
import unittest

from support import certificate, dns, essaim, exim, opensmtpd, postfix, processes

ZONE = "".join(f"{name} IN MX 10 mx.{name}\nmx.{name} IN A 127.1.0.{number}\n" for name, number in (("b", 2), ("c", 3), ("d", 4)))
LIST = "dev@lists.example"
# Dots at line starts, trailing white space, "From " at a line start, a line as long as the limit, eight bits,
# empty lines at the end.
BODY = ("Bees\n.\n..\n.dotted\n\nFrom here on: trailing space \ttab\t\n" + "x" * 998 + "\nsch\u00f6n, \u4f1a\u8b70\n\n\n>From\nend\n")


class PeersOnBothSides(processes.Scenario):
    def serve(self, tls=False, **settings):
        self.tls = certificate.make(self.folder) if tls else None
        self.mx_port = processes.free_port()
        self.dns = self.started(dns.NameServer(self.folder, {"example": ZONE}))
        self.essaim = self.started(essaim.Essaim(
            self.folder, dns=self.dns.address, mx_port=self.mx_port,
            listen=f'certificate = "{self.tls}"' if tls else "", delivery='retry_initial = "1s"\nretry_max = "2s"'))
        here = f"127.0.0.1:{self.essaim.port}"
        self.postfix = self.started(postfix.Postfix(self.folder, "127.1.0.2", self.mx_port, ["b.example"], tls=self.tls,
                                                    relayhost=f"[127.0.0.1]:{self.essaim.port}"))
        self.exim = self.started(exim.Exim(self.folder, "127.1.0.3", self.mx_port, ["c.example"], relayhost=here, tls=self.tls))
        self.opensmtpd = self.started(opensmtpd.OpenSmtpd(self.folder, "127.1.0.4", self.mx_port, ["d.example"],
                                                          relayhost=here, tls=self.tls))
        self.peers = {"postfix": self.postfix, "exim": self.exim, "opensmtpd": self.opensmtpd}
        self.addresses = {"postfix": "127.1.0.2", "exim": "127.1.0.3", "opensmtpd": "127.1.0.4"}
        self.authors = {"postfix": "bob@b.example", "exim": "cem@c.example", "opensmtpd": "dia@d.example"}
        self.essaim.make_list(LIST, list(self.authors.values()), **settings)

    def give_to(self, peer, text=BODY, message_id="<1@client.example>", options=(), rcpt_options=(), extra=""):
        """The author's own server takes it into its queue."""
        import smtplib

        author = self.authors[peer]
        extra += "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
        message = essaim.message(author, LIST, body=text, message_id=message_id, extra=extra)
        with smtplib.SMTP(self.addresses[peer], self.mx_port, local_hostname="client.example", timeout=120) as client:
            client.ehlo()
            refused = client.sendmail(author, [LIST], message.encode(), mail_options=["BODY=8BITMIME", *options],
                                      rcpt_options=list(rcpt_options))
        self.assertEqual({}, refused)

    def arrived(self, message_id, timeout=processes.PATIENCE):
        """{peer: the message with that id in its mailbox}, when each of the three has it."""
        def look():
            found = {name: [m for m in peer.messages() if message_id.encode() in m] for name, peer in self.peers.items()}
            return found if all(found.values()) else None

        found = processes.wait_for(f"{message_id} in three mailboxes", look, timeout, every=0.1)
        for name, messages in found.items():
            self.assertEqual(1, len(messages), f"{name} has it once")
        return {name: messages[0] for name, messages in found.items()}

    def posts(self, message_id):
        return json.loads(self.essaim.run("post", "find", "--message-id", message_id, "--json", check=False))

    def ledger(self, message_id):
        posts = self.posts(message_id)
        self.assertEqual(1, len(posts))
        return self.essaim.wait_finished(posts[0]["id"])

    def check_whole(self, message_id, text=BODY):
        for name, raw in self.arrived(message_id).items():
            header, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
            self.assertEqual(text.encode(), body, f"the body in {name}'s mailbox")
            self.assertIn(b"List-Id: <dev.lists.example>", header)
            self.assertRegex(header, rb"(?i)Return-path: <bounce\+", name)
        self.assertEqual({"accepted": 3, "delivered": 3, "failed": 0, "suppressed": 0, "pending": 0},
                         self.ledger(message_id)["counts"])

    def trace(self):
        process = processes.Process("trace", [processes.BUILD / "essaim", "trace", "--peer", "127.0.0.1", "--config",
                                              self.essaim.config], self.folder / "trace")
        self.addCleanup(process.stop)

        def connected():
            self.essaim.client().quit()
            return "QUIT" in process.output().upper()

        processes.wait_for("the trace to begin", connected, every=0.2)
        return process

    def test_a_post_of_each_is_in_the_mailboxes_of_all_byte_for_byte(self):
        self.serve()
        trace = self.trace()
        # What the client of each is known to say to a server that offers what we offer.
        expected = {"postfix": [r"EHLO postfix\.example", r"MAIL FROM:<bob@b\.example> SIZE=\d+ BODY=8BITMIME", r"DATA"],
                    "exim": [r"EHLO exim\.example", r"MAIL FROM:<cem@c\.example> SIZE=\d+", r"BDAT \d+ LAST"],
                    "opensmtpd": [r"EHLO opensmtpd\.example", r"MAIL FROM:<dia@d\.example>", r"DATA"]}
        for name in self.peers:
            with self.subTest(client=name):
                self.give_to(name, message_id=f"<whole-{name}@client.example>")
                self.check_whole(f"<whole-{name}@client.example>")
                said = trace.output()
                for command in expected[name]:
                    self.assertRegex(said, "(?i)C: " + command)

    def test_delivery_in_both_directions_under_tls(self):
        self.serve(tls=True)
        for name in self.peers:
            with self.subTest(client=name):
                self.give_to(name, message_id=f"<tls-{name}@client.example>")
                copies = self.arrived(f"<tls-{name}@client.example>")
                self.check_whole(f"<tls-{name}@client.example>")
                for raw in copies.values():
                    self.assertRegex(raw, rb"Received: from " + name.encode() + rb"\.example[^;]*with (UTF8)?ESMTPS")
                # Debian 12's OpenSMTPD offers STARTTLS and cannot do it with OpenSSL 3 (its issue 1171): it gets the mail
                # in clear after the failed handshake.
                for row in self.ledger(f"<tls-{name}@client.example>")["recipients"]:
                    self.assertEqual(row["recipient"] != "dia@d.example", "TLSv1." in row["host"], row)

    def test_who_puts_us_off_gets_it_later_and_once(self):
        self.serve()
        for peer in self.peers.values():
            peer.later(True)
        # Each as it says so itself: Postfix that its disk is full, Exim and OpenSMTPD as greylisting does.
        reply = self.essaim.post("bob@b.example", LIST, essaim.message("bob@b.example", LIST, message_id="<later@client.example>"))
        self.assertEqual(250, reply[0], reply)
        queue_id = self.essaim.queue_id(reply)

        def all_deferred():
            # Postfix opens its ports anew for a while when it reads its settings: 4.4.1 is not what it says.
            rows = self.essaim.json("post", "show", queue_id)["recipients"]
            by_hosts = [row for row in rows if row["state"] == "deferred" and "4.4.1" not in row["reply"]]
            return by_hosts if len(by_hosts) == 3 else None

        replies = {row["recipient"]: row["reply"] for row in processes.wait_for("three deferrals", all_deferred, every=0.1)}
        self.assertIn("452", replies["bob@b.example"])
        self.assertIn("451", replies["cem@c.example"])
        self.assertIn("451", replies["dia@d.example"])
        for peer in self.peers.values():
            self.assertEqual([], peer.messages())
            peer.later(False)
        self.arrived("<later@client.example>")
        self.assertEqual(3, self.ledger("<later@client.example>")["counts"]["delivered"])

    def test_while_we_are_away_each_keeps_its_post_and_tries_again(self):
        self.serve()
        self.essaim.stop()
        text = self.essaim.config.read_text()
        self.essaim.config.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{self.essaim.port}"))
        for name in self.peers:
            self.give_to(name, message_id=f"<again-{name}@client.example>")
        self.essaim.start()

        def all_here():
            for peer in self.peers.values():
                peer.try_again()
            return all(self.posts(f"<again-{name}@client.example>") for name in self.peers)

        processes.wait_for("the posts of three", all_here, every=1)
        for name in self.peers:
            self.check_whole(f"<again-{name}@client.example>")


if __name__ == "__main__":
    unittest.main()
