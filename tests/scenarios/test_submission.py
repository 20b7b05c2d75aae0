"""Authors log in with programs of others, by every mechanism, and what they may and may not send."""

import base64
import hashlib
import smtplib
import ssl
import subprocess
import unittest

from support import essaim, postfix, processes, sink
from support.submission import ANN, PASSWORD, Site, plain, scram_plus

LIST = "dev@lists.example"


class Submission(processes.Scenario):
    def site(self, rules=(), settings="", **arguments):
        self.sink = self.started(sink.Sink(self.folder, rules=rules))
        self.site = Site(self, self.sink.addresses[0], settings, **arguments)
        self.essaim = self.site.essaim
        self.essaim.make_list(LIST, [ANN, "bob@b.example"])

    def refused(self, code, text, call, *arguments):
        with self.assertRaises(smtplib.SMTPResponseException) as caught:
            call(*arguments)
        self.assertEqual(code, caught.exception.smtp_code, caught.exception.smtp_error)
        self.assertIn(text, caught.exception.smtp_error.decode())

    def test_every_mechanism_is_spoken_by_programs_of_others(self):
        self.site()
        site = self.site
        user = ["--auth-user", "ann", "--auth-password"]
        for mechanism in ("PLAIN", "LOGIN"):
            for implicit in (False, True):
                with self.subTest("swaks", mechanism=mechanism, implicit=implicit):
                    status, output = site.swaks("--auth", mechanism, *user, PASSWORD, implicit=implicit,
                                                *["--header", f"Subject: {mechanism} {implicit}"])
                    self.assertEqual(0, status, output)
                    self.assertIn("235 2.7.0", output)
                    self.assertIn("queued as", output)
                with self.subTest("swaks, wrong password", mechanism=mechanism, implicit=implicit):
                    status, output = site.swaks("--auth", mechanism, "--auth-user", "ann2", "--auth-password", "wrong words",
                                                implicit=implicit)
                    self.assertEqual(28, status, output)
                    self.assertIn("535 5.7.8 Authentication credentials invalid", output)
        for name, arguments in (("PLAIN", ["--user", f"ann:{PASSWORD}", "--login-options", "AUTH=PLAIN"]),
                                ("LOGIN", ["--user", f"ann:{PASSWORD}", "--login-options", "AUTH=LOGIN"]),
                                ("EXTERNAL", ["--user", "ann:", "--login-options", "AUTH=EXTERNAL", "--cert", site.client_pem])):
            for implicit in (False, True):
                with self.subTest("curl", mechanism=name, implicit=implicit):
                    status, output = site.curl(essaim.message(ANN, LIST), *arguments, implicit=implicit)
                    self.assertEqual(0, status, output)
                    self.assertIn(f"AUTH {name}", output)
                    self.assertIn("< 235 2.7.0", output)
        old = ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"]
        # TLS 1.3 binds by the exporter (RFC 9266), TLS 1.2 by tls-unique. Who could bind refuses the form that does not,
        # where the other is offered.
        for mechanism, arguments, binding in (("SCRAM-SHA-256-PLUS", [], "p=tls-exporter,,"), ("SCRAM-SHA-256-PLUS", old, "p=tls-unique,,"),
                                              ("SCRAM-SHA-256", ["--no-cb"], "n,,"), ("SCRAM-SHA-256", ["--no-cb", *old], "n,,"),
                                              ("PLAIN", [], ""), ("LOGIN", old, "")):
            with self.subTest("gsasl", mechanism=mechanism, arguments=arguments):
                before = len(site.events("login"))
                status, output = site.gsasl(mechanism, *arguments)
                self.assertEqual(0, status, output)
                self.assertIn("235 2.7.0", output)
                self.assertIn("server trusted", output)
                self.assertIn(f"mechanism={mechanism} ", site.events("login")[before])
                self.assertIn(base64.b64encode(binding.encode())[:8].decode().rstrip("="), output)
        with self.subTest("gsasl, wrong password"):
            # Nobody can tell an account from none.
            for name in ("ann", "nobody"):
                status, output = site.gsasl("SCRAM-SHA-256-PLUS", name=name, password="wrong words")
                self.assertNotEqual(0, status)
                self.assertIn("535 5.7.8", output)
        with self.subTest("openssl s_client"):
            dialogue = f"EHLO client.example\r\nAUTH PLAIN {plain('ann', PASSWORD)}\r\nNOOP\r\nQUIT\r\n"
            output = subprocess.run(
                ["openssl", "s_client", "-quiet", "-crlf", "-ign_eof", "-starttls", "smtp", "-CAfile", site.authority.pem,
                 "-servername", "mx1.lists.example", "-verify_hostname", "mx1.lists.example", "-verify_return_error",
                 "-connect", f"127.0.0.1:{site.submission}"],
                input=dialogue.replace("\r\n", "\n"), capture_output=True, text=True, timeout=120).stdout
            self.assertIn("235 2.7.0", output)
        with self.subTest("Postfix with SASL"):
            port = processes.free_port()
            client = self.started(postfix.Postfix(
                self.folder, "127.0.0.1", port, relayhost=f"[127.0.0.1]:{site.submission}",
                extra="smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options = noanonymous\n"
                      "smtp_tls_security_level = encrypt\nsmtp_sasl_mechanism_filter = plain\n"
                      f"smtp_sasl_password_maps = inline:{{ {{ [127.0.0.1]:{site.submission} = ann:{PASSWORD} }} }}\n"))
            with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=120) as smtp:
                smtp.sendmail(ANN, [LIST], essaim.message(ANN, LIST, subject="by Postfix"))
            processes.wait_for("Postfix's copy", lambda: any(
                self.sink.message(r)["Subject"] == "by Postfix" for r in self.sink.receipts()), 60)
            client.stop()
        # swaks: 4; curl: 6; Postfix: 1. To two members each.
        self.sink.wait_for(22, 60)
        received = [self.sink.message(r) for r in self.sink.receipts()]
        for copy in received:
            ours = [field for field in copy.get_all("Received") if "by mx1.lists.example (Essaim)" in field][0]
            self.assertIn("with ESMTPSA", ours)
            self.assertNotIn("127.0.0.1", ours)
            self.assertNotIn("from ", ours)

    def test_what_is_refused_and_what_is_added(self):
        self.site()
        site = self.site
        with smtplib.SMTP("127.0.0.1", site.submission, local_hostname="client.example", timeout=120) as client:
            client.ehlo()
            self.assertFalse(client.has_extn("auth"))
            self.assertEqual((538, "5.7.11"), self.reply(client, "AUTH PLAIN " + plain("ann", PASSWORD)))
            self.assertEqual((530, "5.7.0"), self.reply(client, f"MAIL FROM:<{ANN}>"))
        with site.client(login=False) as client:
            self.assertEqual((530, "5.7.0"), self.reply(client, f"MAIL FROM:<{ANN}>"))
            self.assertNotIn("EXTERNAL", client.esmtp_features["auth"])
            self.assertEqual((504, "5.5.4"), self.reply(client, "AUTH EXTERNAL ="))
        with self.essaim.client() as client:  # the port for everybody
            client.starttls(context=site.context())
            client.ehlo()
            self.assertFalse(client.has_extn("auth"))
            self.assertEqual((502, "5.5.1"), self.reply(client, "AUTH PLAIN " + plain("ann", PASSWORD)))
            client.mail(ANN)
            self.assertEqual((550, "5.7.1"), self.reply(client, "RCPT TO:<x@elsewhere.example>"))
        with site.client() as client:
            self.refused(553, "5.7.1 <eve@x.example> is no address of your account", client.sendmail, "eve@x.example", [LIST], "x")
            self.refused(553, "sender-not-owned", client.sendmail, ANN, [LIST], essaim.message("eve@x.example", LIST))
            self.refused(553, "sender-not-owned", client.sendmail, ANN, [LIST],
                         f"From: eve@x.example, {ANN}\r\nSender: {ANN}\r\nSubject: two\r\n\r\nx\r\n")
            self.refused(553, "sender-not-owned", client.sendmail, ANN, [LIST], essaim.message(f"Rector <rector@uni.example> ., {ANN}", LIST))
            self.refused(553, "sender-not-owned", client.sendmail, ANN, [LIST], "Subject: nobody's\r\n\r\nx\r\n")
            # Ann may not relay.
            client.mail(ANN)
            self.assertEqual((550, "5.7.1"), self.reply(client, "RCPT TO:<x@elsewhere.example>"))
            client.rset()
            client.sendmail("ANN@a.example", [LIST], f"From: Ann <{ANN}>\r\nSubject: bare\r\n\r\nHello\r\n")
        copy = self.sink.message(self.sink.wait_for(2)[0])
        self.assertRegex(copy["Message-ID"], r"^<\w+@mx1\.lists\.example>$")
        self.assertTrue(copy["Date"])
        # Another certificate than that of the account.
        stranger = site.authority.issue("eve", emails=["eve@x.example"])
        expired = site.authority.issue("late", emails=[ANN], days=-1)
        for certificate in (stranger, expired):
            with site.client(login=False, certificate=certificate) as client:
                offered = "EXTERNAL" in client.esmtp_features["auth"]
                self.assertEqual(certificate == stranger, offered)
                self.assertEqual((535, "5.7.8") if offered else (504, "5.5.4"),
                                 self.reply(client, "AUTH EXTERNAL " + base64.b64encode(b"ann").decode()))
        # A disabled account, and one that was changed, at once.
        site.run("account", "set", "ann", "--disabled", "yes")
        self.refused(535, "5.7.8", site.client)
        site.run("account", "set", "ann", "--disabled", "no")
        site.run("account", "set", "ann", "--password", stdin="another horse\n")
        self.refused(535, "5.7.8", site.client)
        site.client(password="another horse").close()
        self.assertNotIn(PASSWORD, self.essaim.process.output())

    def test_a_session_that_is_open_ends_with_the_account_as_it_was(self):
        self.site()
        site, sender, stranger = self.site, "news@app.example", "x@elsewhere.example"
        site.account("app", "*@app.example", options=["--may-relay"])
        arrived = 0
        for change, words in ((["set", "app", "--disabled", "yes"], ""), (["set", "app", "--disabled", "no"], ""),
                              (["set", "app", "--password"], "another horse\n"), (["delete", "app"], "")):
            with self.subTest(change=change):
                if change[-1] == "no":  # locked it is: nobody gets in to be thrown out
                    site.run("account", *change)
                    continue
                client = site.client("app", "another horse" if change[0] == "delete" else PASSWORD)
                client.sendmail(sender, [stranger], essaim.message(sender, stranger))
                arrived += 1
                self.sink.wait_for(arrived)
                site.run("account", *change, stdin=words)
                self.refused(421, "4.7.0 Your account has changed", client.sendmail, sender, [stranger],
                             essaim.message(sender, stranger))
                self.assertIsNone(client.sock, "the session is over")
        self.assertEqual(3, len(site.events("login-over")))
        # What others send goes on, and of the locked one nothing has gone out behind the lock.
        with site.client() as client:
            client.sendmail(ANN, [LIST], essaim.message(ANN, LIST))
        self.assertEqual(arrived + 2, len(self.sink.wait_for(arrived + 2)))
        self.assertEqual(arrived, len(self.essaim.json("post", "find", "--account", "app")))
        # What it has in the queue is found by its name or by where it came from.
        self.essaim.run("queue", "suspend", "--reason", "an account was stolen")
        site.account("app", "*@app.example", options=["--may-relay"])
        with site.client("app") as client, site.client() as ours:
            client.sendmail(sender, [stranger], essaim.message(sender, stranger))
            ours.sendmail(ANN, [LIST], essaim.message(ANN, LIST))
        self.assertEqual(1, len(self.essaim.json("queue", "list", "--account", "app")["batches"]))
        self.assertEqual(2, len(self.essaim.json("queue", "list", "--client", "127.0.0.1")["batches"]))
        self.assertEqual(0, self.essaim.json("queue", "delete", "--account", "app", "--client", "192.0.2.1")["recipients"])
        for how in (["--dry-run"], []):
            self.assertEqual(1, self.essaim.json("queue", "delete", "--account", "app", *how)["recipients"])

    def reply(self, client, line):
        code, text = client.docmd(line)
        return code, text.decode().split(" ")[0]

    def test_a_login_is_bound_to_the_certificate_of_the_server(self):
        self.site()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for spoilt, expected in ((b"", (235, "2.7.0")), (b"!", (535, "5.7.8"))):
                with self.subTest(version=version, spoilt=spoilt):
                    context = self.site.context()
                    context.minimum_version = context.maximum_version = version
                    with smtplib.SMTP("127.0.0.1", self.site.submission, local_hostname="client.example", timeout=120) as client:
                        client.starttls(context=context)
                        client.ehlo()
                        certificate = hashlib.sha256(client.sock.getpeercert(binary_form=True)).digest()
                        code, text = scram_plus(client, "ann", PASSWORD, "tls-server-end-point", certificate + spoilt)
                        self.assertEqual(expected, (code, text.split(" ")[0]))

    def test_the_login_is_a_ground_for_the_rules_of_a_list(self):
        self.site()
        strict = self.folder / "send.strict"
        strict.write_text("title strict\nis_subscriber([listname],[sender]) smtp_auth -> do_it\n"
                          "true() smtp,dkim,md5,smtp_auth -> reject(reason='send_subscriber')\n")
        self.essaim.run("scenario", "set", "send.strict", strict)
        self.essaim.run("list", "set", LIST, "send=strict")
        code, text = self.essaim.post(ANN, LIST, essaim.message(ANN, LIST))
        self.assertEqual(550, code, text)
        with self.site.client() as client:
            client.sendmail(ANN, [LIST], essaim.message(ANN, LIST))
        self.sink.wait_for(2)

    def test_an_account_names_so_many_recipients_in_an_hour_from_wherever(self):
        self.site(settings="[limits]\naccount_rate = 3\n")
        self.site.account("bob", "bob@b.example")
        with self.site.client() as one, self.site.client() as other, self.site.client("bob") as bob:
            for client, who in ((one, ANN), (other, ANN), (bob, "bob@b.example")):
                client.mail(who)
            self.assertEqual([250, 250], [one.rcpt(to)[0] for to in (LIST, "dev-request@lists.example")])
            self.assertEqual(250, other.rcpt(LIST)[0])
            for client in (one, other):
                code, text = client.rcpt("dev-owner@lists.example")
                self.assertEqual((450, True), (code, b"from your account" in text), text)
            self.assertEqual(250, bob.rcpt(LIST)[0])

    def test_what_is_held_is_found_by_the_account_and_by_where_it_came_from(self):
        self.site()
        self.essaim.run("list", "set", LIST, "send=editorkey")
        with self.site.client() as client:
            client.sendmail(ANN, [LIST], f"From: <{ANN}>\r\nTo: <{LIST}>\r\nSubject: by the account\r\n\r\nHello\r\n")
        self.essaim.post("zoe@z.example", LIST, essaim.message("zoe@z.example", LIST, subject="by nobody"))

        def found(*options):
            return sorted(held["subject"] for held in self.essaim.json("held", "list", *options))

        self.assertEqual(["by nobody", "by the account"], found())
        self.assertEqual(["by the account"], found("--account", "ann"))
        self.assertEqual([], found("--account", "bob"))
        self.assertEqual(["by nobody"], found("--sender", "Zoe@Z.example"))
        self.assertEqual(["by nobody", "by the account"], found("--client", "127.0.0.1"))
        self.assertEqual([], found("--client", "127.0.0.2"))
        self.assertEqual(["ann"], [held["account"] for held in self.essaim.json("held", "list", "--account", "ann", "--list", LIST)])

    def test_guessing_is_put_off_where_it_comes_from(self):
        self.site(settings="[submission]\nlogin_failures = 3\nhide_client = false\n")
        with self.site.client() as client:  # whose machine is told, by this setting
            client.sendmail(ANN, [LIST], essaim.message(ANN, LIST))
        ours = [field for field in self.sink.message(self.sink.wait_for(2)[0]).get_all("Received") if "(Essaim)" in field][0]
        self.assertRegex(ours, r"from client\.example \(\S+ \[127\.0\.0\.1\]\)")
        for _ in range(3):
            self.refused(535, "5.7.8", self.site.client, "ann", "wrong words")
        self.refused(454, "4.7.0 Too many failed logins", self.site.client)
        # The same for who is not there.
        for _ in range(3):
            self.refused(535, "5.7.8", self.site.client, "nobody", "wrong words")
        self.refused(454, "4.7.0 Too many failed logins", self.site.client, "nobody", "wrong words")
        self.assertEqual(6, len(self.site.events("login-failed")))


if __name__ == "__main__":
    unittest.main()
