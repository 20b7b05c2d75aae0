"""The main job with the database on a server: the command line and the server work on it, a node's SQLite file grows into
it, and what would break the promise is refused."""

import smtplib
import sys
import unittest
import urllib.request

from support import essaim, mariadb, processes, sink

sys.path.insert(0, str(processes.ROOT / "tests" / "crash"))
import control  # noqa: E402

AUTHOR = "ann@a.example"
LIST = "dev@lists.example"


class OnMariaDb(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.database = self.started(mariadb.MariaDb())
        self.sink = self.started(sink.Sink(self.folder))

    def node(self, name="essaim", **options):
        return essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], name=name, **options)

    def post(self, node, body="The swarm moves on.\n"):
        reply = node.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST, body=body))
        self.assertEqual(250, reply[0], reply)
        return node.wait_finished(node.queue_id(reply))

    def node_with_password_file(self):
        """A node that is not started, and the file."""
        secret = self.folder / "password"
        secret.write_text(mariadb.PASSWORD + "\n")
        secret.chmod(0o600)
        node = self.node(database=self.database.url(), storage=f'password_file = "{secret}"', start=False)
        node.environment = {}
        return node, secret

    def test_the_main_job(self):
        node, _ = self.node_with_password_file()
        node.run("list", "list", check=False)
        self.assertEqual(1, node.last.returncode)
        self.assertIn("nothing of Essaim in the database", node.last.stderr)
        self.assertIn("made, with schema", node.run("storage", "init"))
        self.assertIn("there already", node.run("storage", "init"))
        members = [AUTHOR] + [f"m{i}@d{i % 7}.example" for i in range(2500)]
        node.make_list(LIST, members, subject_tag="[dev]")
        self.started(node.start())
        node.run("member", "remove", LIST, "m3@d3.example")
        ledger = self.post(node, body="long " * 60 + "\n")
        self.assertEqual(2500, ledger["counts"]["delivered"])
        self.assertEqual({m: 1 for m in members if m != "m3@d3.example"}, dict(self.sink.recipients()))
        self.assertIn("sound     yes", node.run("storage", "check"))
        node.run("job", "run", "retention")
        self.assertIn("retention", [job["name"] for job in node.json("job", "list") if job["ok"]])
        backup = self.folder / "backup.db"
        node.run("storage", "backup", backup, "--every", "1d")
        self.assertLess(node.json("storage", "check")["last_backup"], node.json("storage", "check")["backup_due"])

        # The backup is a database as any other.
        copy = self.node("copy", start=False)
        copy.database.write_bytes(backup.read_bytes())
        self.assertEqual(2501, len(copy.json("member", "list", LIST)), "with the owner")
        self.assertEqual(2500, copy.json("post", "show", ledger["id"])["counts"]["delivered"])

    def test_a_suspension_that_ends_between_two_looks_of_the_nodes_ends(self):
        node = self.started(self.node(database=self.database.url()))
        node.make_list(LIST, ["bob@b.example"], post="anyone")
        node.run("destination", "suspend", "b.example", "--reason", "asked by phone")
        reply = node.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST))
        processes.wait_for("it to wait", lambda: "asked by phone" in node.run("queue", "why"))
        # Resumed at another node, and another one made: for the nodes, as many as before, and the youngest as old.
        self.database.execute("UPDATE suspension SET subject = 'c.example'", "essaim")
        node.wait_finished(node.queue_id(reply))

    def test_a_host_of_several_that_is_gone_is_named(self):
        node = self.started(self.node(database=self.database.url().replace("@", "@127.0.0.1:1,"),
                                      listen='[[listen]]\naddress = "127.0.0.1:0"\nrole = "status"\n'))
        node.make_list(LIST, [AUTHOR], post="anyone")
        self.post(node)
        self.assertIn("database.host_failed", node.process.output())
        checked = node.run("storage", "check")
        self.assertIn("127.0.0.1:1 does not work: ", checked)
        self.assertIn(f"127.0.0.1:{self.database.port} works", checked)
        self.assertIn("sound     yes", checked)
        self.assertEqual([False, True], [host["ok"] for host in node.json("storage", "check")["hosts"]])
        # What works beside it needs one line of this, and who reads JSON none.
        node.run("list", "show", LIST)
        self.assertRegex(node.last.stderr, r"\Aessaim: [^\n]*127\.0\.0\.1:1[^\n]*; another host is tried\n\Z")
        node.json("list", "show", LIST)
        self.assertEqual("", node.last.stderr)
        with urllib.request.urlopen(f"http://127.0.0.1:{node.port_of('status')}/metrics") as answer:
            metrics = answer.read().decode()
        self.assertRegex(metrics, r'\nessaim_database_host_failures_total{host="127\.0\.0\.1:1"} [1-9]')
        self.assertIn('\nessaim_database_connections{host="127.0.0.1:1"} 0\n', metrics)
        self.assertRegex(metrics, rf'\nessaim_database_connections{{host="127\.0\.0\.1:{self.database.port}"}} [1-9]')

    def test_the_password_of_the_database_changes_while_the_server_runs(self):
        node, secret = self.node_with_password_file()
        node.make_list(LIST, [AUTHOR], post="anyone")
        self.started(node.start())
        self.database.execute("ALTER USER essaim@'%' IDENTIFIED BY 'another'")
        secret.write_text("another\n")
        node.run("reload")
        # A network that failed, weeks later.
        self.database.execute("KILL USER essaim")
        text = essaim.message(AUTHOR, LIST)
        reply = processes.wait_for("acceptance", lambda: (lambda r: r if r[0] == 250 else None)(node.post(AUTHOR, LIST, text)))
        node.wait_finished(node.queue_id(reply))
        # What cannot be read changes nothing.
        secret.chmod(0o644)
        node.run("reload")
        self.assertIn("secret-not-read", node.process.output())
        self.database.execute("KILL USER essaim")
        text = essaim.message(AUTHOR, LIST)
        processes.wait_for("acceptance", lambda: node.post(AUTHOR, LIST, text)[0] == 250)
        secret.chmod(0o600)
        # Another user, with a password of their own, comes with a restart: until then nothing changes.
        secret.write_text("of another user\n")
        node.config.write_text(node.config.read_text().replace("mariadb://essaim@", "mariadb://another@", 1))
        self.assertIn("storage.url", node.run("reload"))
        self.database.execute("KILL USER essaim")
        text = essaim.message(AUTHOR, LIST)
        processes.wait_for("acceptance", lambda: node.post(AUTHOR, LIST, text)[0] == 250)

    def test_what_is_stored_about_a_person_is_told_and_erased(self):
        node = self.started(self.node(database=self.database.url()))
        node.make_list(LIST, ["J\u00f6rg@b.example", "bob@b.example"], send="editorkey")
        node.run("member", "add", LIST, "--role", "owner", "j\u00f6rg@b.example")
        node.run("member", "add", LIST, "--role", "editor", "eve@e.example")
        node.make_list("past@lists.example", ["j\u00f6rg@b.example"])
        node.run("member", "remove", "past@lists.example", "j\u00f6rg@b.example")
        node.run("account", "create", "bob@b.example", "--no-password")
        self.assertEqual(250, node.post("bob@b.example", LIST, essaim.message("bob@b.example", LIST))[0])
        joerg, bob = node.json("person", "show", "J\u00d6RG@b.example"), node.json("person", "show", "bob@b.example")
        self.assertEqual([(LIST, "member", False), (LIST, "owner", False), ("past@lists.example", "member", True)],
                         sorted((one["of"], one["role"], one["ended"]) for one in joerg["memberships"]))
        self.assertEqual(1, len(joerg["departures"]))
        self.assertEqual((["bob@b.example"], [True]), ([one["name"] for one in bob["accounts"]], [one["theirs"] for one in bob["held"]]))
        theirs = {"J\u00d6RG@b.example": {"membership", "role", "departures"}, "bob@b.example": {"membership", "held", "account"}}
        for who, kinds in theirs.items():
            planned, done = node.json("person", "erase", who, "--dry-run"), node.json("person", "erase", who)
            self.assertEqual(planned["erased"], done["erased"])
            self.assertEqual(kinds, {thing["kind"] for thing in done["erased"]} - {"answers", "ended memberships"})
            self.assertEqual([], node.json("person", "erase", who)["erased"])
        self.assertEqual([], node.json("held", "list", "--all"))
        self.assertEqual(0, self.database.number("SELECT COUNT(*) FROM held_message"))
        self.assertEqual(["eve@e.example", "owner@people.example"], sorted(one["address"] for one in node.json("member", "list", LIST)))
        stays = node.json("person", "erase", "owner@people.example")["left"]
        self.assertEqual(2, len([thing for thing in stays if "the only owner" in thing["why"]]), stays)

    def test_a_large_message_is_taken_in_pieces(self):
        node = self.started(self.node(database=self.database.url()))
        node.make_list(LIST, [AUTHOR, "bob@b.example"], max_size="20M", post="anyone")
        body = "".join(f"line {i} of a long story\n" for i in range(80_000))
        before = self.database.number("SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Com_commit'")
        ledger = self.post(node, body=body)
        self.assertEqual(2, ledger["counts"]["delivered"])
        pieces = len(body.encode()) // (256 * 1024)
        self.assertGreater(pieces, 4)
        commits = self.database.number(
            "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Com_commit'") - before
        self.assertGreater(commits, pieces // 2, "not in one transaction")
        for receipt in self.sink.receipts():
            self.assertIn("line 79999 of a long story", self.sink.message(receipt).get_content())

    def test_a_large_message_of_a_node_that_dies_behind_its_first_pieces(self):
        """Nobody was told that it is taken; it comes again and is taken once, and the pieces of the first time go."""
        node = self.node(database=self.database.url(), start=False)
        node.run("storage", "init")
        node.make_list(LIST, [AUTHOR, "bob@b.example"], max_size="20M", post="anyone")
        node.environment["ESSAIM_CRASH_AT"] = "stage.after-commit"
        self.started(node.start())
        mail = essaim.message(AUTHOR, LIST, body="".join(f"line {i} of a long story\n" for i in range(80_000)))
        with self.assertRaises((smtplib.SMTPServerDisconnected, ConnectionError)):
            node.post(AUTHOR, LIST, mail)
        processes.wait_for("its death", lambda: not node.process.running())
        self.assertGreater(self.database.number("SELECT COUNT(*) FROM rendering"), 0)
        self.assertEqual(0, self.database.number("SELECT COUNT(*) FROM post"))

        del node.environment["ESSAIM_CRASH_AT"]
        clock = control.Control(self.folder / "control")
        clock["clock_factor"] = 1
        node.environment.update({"LD_PRELOAD": str(processes.BUILD / "libessaim_shim.so"), "ESSAIM_SHIM_CONTROL": str(clock.path)})
        node.start()
        reply = node.post(AUTHOR, LIST, mail)
        self.assertEqual(250, reply[0], reply)
        self.assertEqual(2, node.wait_finished(node.queue_id(reply))["counts"]["delivered"])
        self.assertEqual({AUTHOR: 1, "bob@b.example": 1}, dict(self.sink.recipients()))
        clock["clock_offset_ms"] = 2 * 3_600_000
        node.run("job", "run", "retention")
        self.assertEqual(0, self.database.number("SELECT COUNT(*) FROM rendering"))
        self.assertEqual(1, self.database.number("SELECT COUNT(*) FROM post"))

    def test_a_large_post_that_is_let_go_by_what_dies_behind_its_first_pieces(self):
        """It waits on, and goes out once when it is let go again."""
        node = self.started(self.node(database=self.database.url()))
        node.make_list(LIST, [AUTHOR, "bob@b.example"], max_size="20M", send="editorkey")
        reply = node.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST, body="".join(f"line {i} of a long story\n" for i in range(80_000))))
        self.assertEqual(250, reply[0], reply)
        (held,) = node.json("held", "list")
        unknown = "SELECT COUNT(*) FROM rendering r LEFT JOIN post p ON p.id = r.post_id WHERE p.id IS NULL"
        self.assertEqual(0, self.database.number(unknown))
        node.environment["ESSAIM_CRASH_AT"] = "stage.after-commit"
        node.run("held", "approve", held["id"], check=False)
        self.assertNotEqual(0, node.last.returncode)
        del node.environment["ESSAIM_CRASH_AT"]
        self.assertGreater(self.database.number(unknown), 0)
        self.assertEqual([held["id"]], [one["id"] for one in node.json("held", "list")])
        node.run("post", "show", held["id"], check=False)
        self.assertIn("it waits for the moderators of dev@lists.example: essaim held show " + held["id"], node.last.stderr)

        node.run("held", "approve", held["id"])
        node.run("held", "approve", held["id"])
        # It has another id now, and is found by the one that its author was told.
        post = node.json("post", "show", held["id"])
        self.assertEqual(held["id"], post["waited_as"])
        self.assertNotEqual(held["id"], post["id"])
        self.assertEqual(post["id"], node.json("held", "show", held["id"])["became"])
        self.assertEqual(post["id"], node.json("queue", "show", held["id"])["id"])
        self.assertIn(f"waited as   {held['id']}\n", node.run("post", "show", held["id"]))
        processes.wait_for("the post", lambda: self.sink.recipients()["bob@b.example"])
        self.assertEqual([], node.json("held", "list"))
        self.assertEqual(1, self.sink.recipients()["bob@b.example"])
        (receipt,) = (one for one in self.sink.receipts() if one.recipient == "bob@b.example")
        self.assertIn("line 79999 of a long story", self.sink.message(receipt).get_content())

    def test_a_node_grows_out_of_one_machine(self):
        node = self.started(self.node())
        members = [AUTHOR] + [f"m{i}@d{i % 7}.example" for i in range(1500)]
        node.make_list(LIST, members)
        first = self.post(node)
        url = self.database.url()
        running = node.run("storage", "copy", url, check=False)
        self.assertEqual("", running)
        self.assertIn("another server uses this state directory", node.last.stderr)
        node.stop()
        told = node.json("storage", "copy", url)
        self.assertEqual(1502, told["tables"]["member"])
        self.assertEqual(told["tables"]["member"], self.database.number("SELECT COUNT(*) FROM member"))
        again = node.run("storage", "copy", url, check=False)
        self.assertEqual("", again)
        self.assertIn("nothing is copied over what is there", node.last.stderr)

        node.config.write_text(node.config.read_text().replace(f"sqlite:{node.database}", url))
        node.start()
        self.assertEqual(1501, node.json("post", "show", first["id"])["counts"]["delivered"])
        self.post(node)
        self.assertEqual({m: 2 for m in members}, dict(self.sink.recipients()))

    def test_what_is_wrong_is_said(self):
        node = self.node(database=self.database.url(), start=False)
        node.environment["ESSAIM_DATABASE_PASSWORD"] = "wrong"
        node.run("storage", "init", check=False)
        self.assertIn("storage.password_file", node.last.stderr)
        node.environment["ESSAIM_DATABASE_PASSWORD"] = mariadb.PASSWORD
        node.run("storage", "init")
        self.database.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
        node.run("storage", "check", check=False)
        self.assertNotEqual(0, node.last.returncode)
        self.assertIn("innodb_flush_log_at_trx_commit is 2, not 1", node.last.stderr)
        self.started(node.start())
        self.assertIn("database-unsafe", node.process.output())
        node.stop()
        public = self.folder / "password"
        public.write_text("x\n")
        public.chmod(0o644)
        node.config.write_text(node.config.read_text().replace("[storage]", f'[storage]\npassword_file = "{public}"'))
        node.run("storage", "check", check=False)
        self.assertIn("everybody may read", node.last.stderr)
        self.database.execute("UPDATE meta SET value = 999 WHERE name IN ('schema-version', 'works-with')", "essaim")
        public.write_text(mariadb.PASSWORD)
        public.chmod(0o640)
        node.run("list", "list", check=False)
        self.assertIn("newer than this program", node.last.stderr)


if __name__ == "__main__":
    unittest.main()
