"""Accounts on several nodes: what one node is told holds on all with the next login, and guesses at any of them count together."""

import smtplib
import ssl
import unittest

from support import authority, essaim, nodes
from support.submission import ANN, PASSWORD, connected

LIST = "dev@lists.example"


class AccountsOnNodes(nodes.Nodes):
    def serve(self):
        ours = authority.Authority(self.folder)
        pem = ours.issue("server", ["one.lists.example", "two.lists.example"])
        self.context = ssl.create_default_context(cafile=str(ours.pem))
        self.context.check_hostname = False
        extra = (f'[[listen]]\naddress = "127.0.0.1:0"\nrole = "submission"\ncertificate = "{pem}"\n'
                 "[submission]\nlogin_failures = 4\nnetwork_failures = 12\n")
        self.one, self.two = self.node("one", extra=extra), self.node("two", extra=extra)

    def login(self, node, password, name="ann", source="127.0.0.1"):
        try:
            connected(node.port_of("submission"), self.context, name, password, source).close()
            return 235
        except smtplib.SMTPResponseException as error:
            return error.smtp_code

    def test_changes_hold_at_once_and_guesses_add_up(self):
        self.serve()
        self.one.run("account", "create", "ann", "--address", ANN, stdin=PASSWORD + "\n")
        self.one.run("account", "create", "bob", "--address", "bob@b.example", stdin=PASSWORD + "\n")
        for node in (self.two, self.one):  # both know the password from now on, without verifying it
            self.assertEqual([235, 235], [self.login(node, PASSWORD) for _ in range(2)])
            self.assertIn("password=remembered", node.process.output())
        self.one.run("account", "set", "ann", "--password", stdin="another horse\n")
        self.assertEqual([535, 535], [self.login(node, PASSWORD) for node in (self.two, self.one)])
        self.assertEqual([235, 235], [self.login(node, "another horse") for node in (self.two, self.one)])
        self.two.run("account", "set", "ann", "--disabled", "yes")
        self.assertEqual([535, 535], [self.login(node, "another horse") for node in (self.one, self.two)])
        self.two.run("account", "set", "ann", "--disabled", "no")
        self.one.make_list(LIST, ["a@a.example"], post="anyone")
        with connected(self.two.port_of("submission"), self.context, "ann", "another horse") as client:
            client.sendmail(ANN, [LIST], essaim.message(ANN, LIST))
        self.sink.wait_for(1, 60)
        # A session that is open on the one ends when the account is changed on the other.
        client = connected(self.one.port_of("submission"), self.context, "ann", "another horse")
        client.sendmail(ANN, [LIST], essaim.message(ANN, LIST))
        self.two.run("account", "set", "ann", "--disabled", "yes")
        with self.assertRaises(smtplib.SMTPResponseException) as over:
            client.sendmail(ANN, [LIST], essaim.message(ANN, LIST))
        self.assertEqual(421, over.exception.smtp_code, over.exception.smtp_error)
        self.two.run("account", "set", "ann", "--disabled", "no")
        # Two wrong words here and two there are four.
        for node in (self.one, self.two, self.one, self.two):
            self.assertEqual(535, self.login(node, "wrong words", "bob"))
        self.assertEqual([454, 454], [self.login(node, PASSWORD, "bob") for node in (self.one, self.two)])
        self.assertEqual(235, self.login(self.two, "another horse"))
        # The stranger has barred himself, not the account: its owner comes in from elsewhere, on both nodes and with the first try,
        # and nothing of that lets the stranger in again.
        self.assertEqual([235, 235], [self.login(node, PASSWORD, "bob", "127.9.8.7") for node in (self.one, self.two)])
        self.assertEqual([454, 454], [self.login(node, "wrong words", "bob", "127.0.0.2") for node in (self.one, self.two)])
        # All accounts from one network: twelve, on both nodes together, and it is barred for each of them.
        for number in range(12):
            self.assertEqual(535, self.login((self.one, self.two)[number % 2], "wrong words", f"user{number}", "127.5.5.5"))
        self.assertEqual([454, 454], [self.login(node, "another horse", source="127.5.5.5") for node in (self.one, self.two)])
        self.assertEqual([235, 235], [self.login(node, "another horse", source="127.9.8.7") for node in (self.one, self.two)])


if __name__ == "__main__":
    unittest.main()
