"""As test_statements, for what people do beside posting: they join by confirming, a moderator decides, reports of failures come,
they leave by the link, and log in to send elsewhere. What was said to be done is done, once."""

import http.client
import ssl
import unittest

import site_of_faults as site
from support import authority, essaim, one_click, processes, submission

MODERATED = "moderated@lists.example"
MODERATOR, ANN, OUTSIDE = "ed@e.example", "ann@a.example", "out@elsewhere.example"
SWEEPS = [("statement:{k}", 23), ("statement:{k}:1:temporary", 37), ("statement:{k}:3:exhausted", 53), ("commit:{k}", 6),
          ("commit:{k}:2:temporary", 11), ("commit-lost:{k}", 5), ("commit-unknown:{k}", 7)]
REPORT = """From: MAILER-DAEMON@mx.example
To: {to}
Message-ID: <{name}.report@mx.example>
Content-Type: multipart/report; report-type=delivery-status; boundary=cut

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {member}
Action: failed
Status: 5.1.1

--cut--
"""


class OtherWorksFail(site.Site):
    def test_each_in_turn(self):
        self.http_port, self.submission_port = processes.free_port(), processes.free_port()
        pem = authority.Authority(self.folder).issue("server", names=["mx1.lists.example"])
        self.begin(keep=True, extra=f'[http]\nbase_url = "{one_click.PUBLIC}"\n', listen=(
            f'[[listen]]\naddress = "127.0.0.1:{self.http_port}"\nrole = "http"\n'
            f'[[listen]]\naddress = "127.0.0.1:{self.submission_port}"\nrole = "submission"\ncertificate = "{pem}"\n'),
            list_settings={"subscribe": "auth"})
        self.essaim.make_list(MODERATED, self.members[:2], send="editorkey", tell_held="false")
        self.essaim.run("member", "add", MODERATED, "--role", "editor", MODERATOR)
        self.essaim.run("account", "create", "ann", "--address", ANN, "--may-relay", stdin=submission.PASSWORD + "\n")
        self.essaim.stop()
        self.bounces = 0
        self.sweep(SWEEPS, self.one_run)

    def one_run(self, fault):
        """True if the fault came to pass."""
        offset = self.log_size()
        if not self.start_with(fault):
            return True
        name = fault.replace(":", ".")
        who = f"j.{name}@a0.example"
        self.insist(who, "sympa@lists.example", f"{name}.ask", subject="subscribe dev Some One")
        self.insist(who, f"confirm+{self.key('author', who)}@lists.example", f"{name}.yes", body="yes\n")
        self.insist("x@y.example", MODERATED, f"{name}.held")
        key = self.key("message_id", f"<{name}.held@client.example>")
        self.insist(MODERATOR, f"approve+{key}@lists.example", f"{name}.approve", body="approve\n")
        self.insist(site.AUTHOR, site.LIST, f"{name}.post")
        link = one_click.link_in(self.sink.message(self.arrival(f"{name}.post", who)))
        self.in_time(lambda: self.press(link), "the page that says that somebody has left", 60)
        verp = self.arrival(f"{name}.post", self.members[0]).sender.strip("<>")
        self.insist("", verp, f"{name}.report", text=REPORT.format(to=verp, name=name, member=self.members[0]))
        self.in_time(lambda: self.submit(f"{name}.outside"), "mail to elsewhere to be accepted", 60)
        self.wait_quiet()
        self.assertEqual(0, self.essaim.stop())
        self.check_all(name, who)
        return "fault-planned" in self.log_since(offset)

    def check_all(self, name, who):
        got = {kind: sorted(r.recipient for r in self.receipts() if r.message_id == f"<{name}.{kind}@client.example>")
               for kind in ("held", "post", "outside")}
        self.assertEqual({"held": sorted(self.members[:2]), "post": sorted([*self.members, who]), "outside": [OUTSIDE]}, got)
        self.assertEqual([], self.sql("SELECT subject FROM held WHERE state = 0"))
        self.assertEqual([("one-click",)], self.sql(f"SELECT how FROM departure WHERE address = '{who}'"))
        self.bounces += 1
        local = self.members[0].partition("@")[0]
        self.assertEqual([(self.bounces,)], self.sql(
            f"SELECT bounces FROM member m JOIN list l ON l.id = m.list_id WHERE l.local = 'dev' AND m.local_key = '{local}' AND m.role = 0"))
        self.assertEqual([("ok",)], self.sql("PRAGMA integrity_check"))

    def insist(self, sender, to, name, subject="Re: x", body="The swarm moves on.\n", text=None):
        """Until it is accepted."""
        text = text or essaim.message(sender, to, subject=subject, body=body, message_id=f"<{name}@client.example>")

        def accepted():
            try:
                reply = self.essaim.post(sender, to, text)
            except Exception:  # noqa: BLE001 - whatever smtplib makes of a connection that is cut
                return False
            self.assertLess(reply[0], 500, reply)
            return reply[0] == 250
        self.in_time(accepted, f"{name} to be accepted", 60)

    def key(self, column, value):
        """Of what waits, as its decider has it in a letter."""
        rows = self.in_time(lambda: self.sql(f"SELECT answer_key FROM held WHERE state = 0 AND {column} = '{value}'"), f"a key for {value}")
        self.assertEqual(1, len(rows))
        return rows[0][0]

    def arrival(self, name, who):
        return self.in_time(lambda: next((r for r in self.receipts() if r.recipient == who and r.message_id == f"<{name}@client.example>"), None),
                            f"{name} at {who}", 60)

    def press(self, link):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=120)
        try:
            connection.request("POST", link, "List-Unsubscribe=One-Click", {"Content-Type": "application/x-www-form-urlencoded"})
            status = connection.getresponse().status
        finally:
            connection.close()
        self.assertIn(status, (200, 503))
        return status == 200

    def submit(self, name):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with submission.connected(self.submission_port, context, "ann", submission.PASSWORD) as client:
                client.sendmail(ANN, [OUTSIDE], essaim.message(ANN, OUTSIDE, message_id=f"<{name}@client.example>"))
            return True
        except Exception as error:  # noqa: BLE001 - put off, or cut
            code = getattr(error, "smtp_code", None) or next(iter(getattr(error, "recipients", {}).values()), (400,))[0]
            self.assertLess(code, 500, error)
            return False


if __name__ == "__main__":
    unittest.main()
