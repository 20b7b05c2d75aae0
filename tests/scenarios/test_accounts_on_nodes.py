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
                 "[submission]\nlogin_failures = 4\n")
        self.one, self.two = self.node("one", extra=extra), self.node("two", extra=extra)

    def login(self, node, password, name="ann"):
        try:
            connected(node.port_of("submission"), self.context, name, password).close()
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
        # Two wrong words here and two there are four.
        for node in (self.one, self.two, self.one, self.two):
            self.assertEqual(535, self.login(node, "wrong words", "bob"))
        self.assertEqual([454, 454], [self.login(node, PASSWORD, "bob") for node in (self.one, self.two)])
        self.assertEqual(235, self.login(self.two, "another horse"))


if __name__ == "__main__":
    unittest.main()
