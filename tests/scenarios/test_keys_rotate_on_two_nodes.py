"""Two nodes on one database sign while their key is made, published, replaced and withdrawn: what arrives always verifies."""

import itertools
import json
import threading
import unittest

from support import authenticated, dns, essaim, judges, mariadb, processes, sink

LIST = "dev@lists.example"


class KeysRotateOnTwoNodes(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.records = {}
        self.dns = self.started(dns.NameServer(self.folder, {"example": authenticated.ZONE}))
        self.database = self.started(mariadb.MariaDb())
        self.sink = self.started(sink.Sink(self.folder))
        # One has the secret in a file, the other from its service manager.
        secret = self.folder / "dkim-secret"
        secret.write_text("a secret for the keys of this test\n")
        secret.chmod(0o600)
        settings = {"smarthost": self.sink.addresses[0], "dns": self.dns.address, "database": self.database.url(), "start": False}
        self.one = essaim.Essaim(self.folder, name="one", hostname="one.lists.example",
                                 authentication=f'key_file = "{secret}"\npatience = "4s"', **settings)
        self.two = essaim.Essaim(self.folder, name="two", hostname="two.lists.example", authentication='patience = "4s"', **settings)
        self.two.environment["CREDENTIALS_DIRECTORY"] = str(self.folder)
        self.nodes = [self.started(node.start()) for node in (self.one, self.two)]
        self.numbers = itertools.count()

    def publish(self, *keys):
        self.records = {key["name"]: key["record"] for key in keys}
        self.dns.change({"example": authenticated.ZONE + judges.zone_lines("example", self.records)})

    def states(self, node):
        return {key["selector"]: key["state"] for key in node.json("dkim", "list")}

    def posted(self, node):
        """A post to this node; gives its Message-ID."""
        message_id = f"<{next(self.numbers)}@client.example>"
        reply = node.post("ann@a.example", LIST, essaim.message("ann@a.example", LIST, message_id=message_id))
        self.assertEqual(250, reply[0], reply)
        return message_id

    def selectors(self, node):
        """What signs a post to this node; each signature is judged by the records that DNS has now."""
        message_id = self.posted(node)
        return self.judge(processes.wait_for("the copy", lambda: next(
            (r for r in self.sink.receipts() if r.message_id == message_id), None), 60))

    def judge(self, receipt):
        found = judges.dkimpy("dkim", self.sink.message_bytes(receipt), self.records)
        self.assertEqual([True] * len(found), [good for _, _, good in found], found)
        return [selector for _, selector, _ in found]

    def wait_until_known(self, selector):
        """A node looks by itself, whether it has something to sign or not."""
        for node in self.nodes:
            processes.wait_for(f"{node.name} to know {selector}", lambda node=node: any(
                "signing-keys" in line and line.endswith(f'lists.example/{selector}') for line in node.process.output().splitlines()), 90)

    def test_a_shell_without_the_credential_of_the_service_is_told_so(self):
        self.one.run("domain", "create", "lists.example")
        credentials = self.two.environment.pop("CREDENTIALS_DIRECTORY")
        self.two.run("dkim", "create", "lists.example", check=False)
        self.assertEqual(2, self.two.last.returncode)
        self.assertIn("this shell has no such credential", self.two.last.stderr)
        self.two.environment["CREDENTIALS_DIRECTORY"] = credentials
        self.two.run("dkim", "create", "lists.example")

    def test_a_node_with_another_secret_is_told_so_and_spoils_nothing(self):
        self.one.run("domain", "create", "lists.example")
        (first,) = self.one.json("dkim", "create", "lists.example")
        other = self.folder / "other"
        other.mkdir()
        (other / "dkim-secret").write_text("a secret that was typed anew on this node\n")
        (other / "dkim-secret").chmod(0o600)
        self.two.stop()
        self.two.environment["CREDENTIALS_DIRECTORY"] = str(other)
        self.two.start()
        processes.wait_for("the log to name the key", lambda: any(
            "dkim-key-unusable" in line and first["selector"] in line for line in self.two.process.output().splitlines()), 90)
        for refused in ("create", "rotate"):
            self.two.run("dkim", refused, "lists.example", check=False)
            self.assertEqual(1, self.two.last.returncode)
        self.publish(first)
        (seen,) = json.loads(self.two.run("dkim", "check", "--json", check=False))
        self.assertEqual(1, self.two.last.returncode)
        self.assertEqual([False, False], [seen["opens"], seen["activated"]])
        self.one.run("dkim", "check", "lists.example")
        self.assertEqual({first["selector"]: "active"}, self.states(self.one))
        self.assertIn("another", self.two.run("dkim", "list"))

    def test_what_arrives_verifies_whatever_node_signs_and_whatever_state_a_key_is_in(self):
        self.one.make_list(LIST, ["m@b.example"], post="anyone")
        self.assertEqual([], self.selectors(self.two))
        (first,) = self.one.json("dkim", "create", "lists.example")
        self.assertEqual({first["selector"]: "new"}, self.states(self.two))
        # Whichever node runs the job: no record, no signature.
        self.two.run("job", "run", "dkim")
        self.assertEqual({first["selector"]: "new"}, self.states(self.one))
        self.publish(first)
        self.two.run("job", "run", "dkim")
        self.assertEqual({first["selector"]: "active"}, self.states(self.one))
        self.wait_until_known(first["selector"])
        for node in self.nodes:
            self.assertEqual([first["selector"]], self.selectors(node), "with the first post after it is known")

        # From here on two clients post without a pause, each to a node, while the key is replaced.
        stop, sent, errors = threading.Event(), [], []

        def post_on(node):
            while not stop.is_set():
                try:
                    sent.append(self.posted(node))
                except Exception as error:  # told by the main thread
                    errors.append(error)
                stop.wait(0.2)

        clients = [threading.Thread(target=post_on, args=(node,)) for node in self.nodes]
        for client in clients:
            client.start()
        try:
            (second,) = self.one.json("dkim", "rotate", "lists.example")
            self.two.run("dkim", "check", "lists.example", check=False)
            self.assertEqual({first["selector"]: "active", second["selector"]: "new"}, self.states(self.one))
            self.assertEqual([first["selector"]], self.selectors(self.one))
            self.publish(first, second)
            self.assertIn("it signs from now on", self.two.run("dkim", "check", "lists.example"))
            self.assertEqual({first["selector"]: "retired", second["selector"]: "active"}, self.states(self.one))
            self.wait_until_known(second["selector"])
            for node in self.nodes:
                self.assertEqual([second["selector"]], self.selectors(node))
        finally:
            stop.set()
            for client in clients:
                client.join()
        self.assertEqual([], errors)
        arrived = processes.wait_for("all of it", lambda: (found := [
            r for r in self.sink.receipts() if r.message_id in sent]) and len(found) >= len(sent) and found, 60)
        # Some of each, for judging all of them takes long.
        by = [self.judge(receipt) for receipt in arrived[::max(1, len(arrived) // 30)]]
        self.assertEqual([[first["selector"]], [second["selector"]]], sorted(map(list, set(map(tuple, by)))), by)

        # The old one goes, record and all: nobody signs with it.
        self.one.run("dkim", "delete", "lists.example", first["selector"])
        self.publish(second)
        for node in self.nodes:
            self.assertEqual([second["selector"]], self.selectors(node))
            self.assertEqual({second["selector"]: "active"}, self.states(node))


if __name__ == "__main__":
    unittest.main()
