"""The server is killed under load, and its database is not the one to go on with: a backup takes its place. The command is
killed, too, wherever it is."""

import contextlib
import pathlib
import re
import sqlite3
import subprocess
import threading
import unittest

from support import essaim, processes, sink

AUTHOR = "x@client.example"
LIST = "dev@lists.example"
TEAM = "team@lists.example"
BUSY = "busy@busy.example"
MEMBERS = [f"m{i}@d{i}.example" for i in range(40)]


class RestoredFromABackup(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder, rules=["rcpt@late@*=first:1:450 4.2.1 mailbox busy", "rcpt@busy@*=first:1:hang"]))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, MEMBERS + ["late@late.example"], post="anyone")
        self.backup = self.folder / "backup.db"

    def post(self, to=LIST):
        reply = self.essaim.post(AUTHOR, to, essaim.message(AUTHOR, to))
        self.assertEqual(250, reply[0], reply)
        return self.essaim.queue_id(reply)

    def counts(self, queue_id):
        return self.essaim.json("post", "show", queue_id)["counts"]

    def received_late(self):
        return self.sink.recipients()["late@late.example"]

    def being_delivered(self):
        """Gives a post whose only recipient's host holds its answer back."""
        self.essaim.make_list(TEAM, [BUSY], post="anyone")
        busy = self.post(TEAM)
        processes.wait_for("a delivery under way", lambda: self.essaim.json("queue", "list", "--state", "active")["batches"])
        return busy

    def backed_up(self, also=lambda: None):
        """Gives a post that waits for its last recipient in the backup, and has gone out since."""
        waits = self.post()
        processes.wait_for("all but one", lambda: self.counts(waits)["delivered"] == len(MEMBERS))
        also()
        self.essaim.run("storage", "backup", self.backup)
        self.essaim.run("queue", "retry", waits)
        processes.wait_for("the last one", self.received_late)
        return waits

    def kill_under_load(self):
        def load():
            try:
                for _ in range(500):
                    self.essaim.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST))
            except OSError:
                pass  # it is killed

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        before = len(self.sink.receipts())
        processes.wait_for("load", lambda: len(self.sink.receipts()) > before + 100)
        self.essaim.kill()
        for thread in threads:
            thread.join()

    def files(self):
        return sorted(path.name for path in self.essaim.folder.iterdir()
                      if path.name.startswith("essaim.db") and path.name != "essaim.db-lock")

    def restored(self):
        """It is sound, whole, and everything but delivery goes on."""
        self.assertEqual([], [name for name in self.files() if name.startswith("essaim.db.")])
        self.assertTrue(self.essaim.json("storage", "check")["ok"])
        self.assertEqual(1 + len(MEMBERS), len(self.essaim.json("member", "list", LIST, "--role", "member")))

    def test_what_waited_then_goes_out_when_the_operator_says_so(self):
        waits = self.backed_up()
        refused = self.essaim.run("storage", "restore", self.backup, check=False)
        self.assertEqual("", refused)
        self.assertIn("another server uses this state directory", self.essaim.last.stderr)
        self.kill_under_load()
        self.assertGreater((self.essaim.folder / "essaim.db-wal").stat().st_size, 0, "the old log is there")
        mode = self.essaim.database.stat().st_mode
        told = self.essaim.json("storage", "restore", self.backup)
        old = [name for name in told["aside"] if "/essaim.db-" in name and name.endswith("Z")]
        self.assertEqual(1, len(old), told)
        self.assertIn(old[0] + "-wal", told["aside"])
        self.assertTrue([name for name in told["aside"] if "/state/journal-" in name], told)
        self.assertEqual(mode, self.essaim.database.stat().st_mode)
        self.restored()

        late, all_of_it = self.received_late(), len(self.sink.receipts())
        self.essaim.start()
        self.assertIn("restored from a backup of 20", self.essaim.run("queue", "list"))
        new = self.post()
        self.essaim.run("queue", "retry", "--all")
        processes.wait_for("batches", lambda: self.counts(new)["accepted"] > 0)
        with self.assertRaises(AssertionError):
            processes.wait_for("deliveries", lambda: len(self.sink.receipts()) > all_of_it, timeout=4)
        self.assertEqual(1, self.counts(waits)["pending"])
        self.essaim.run("queue", "delete", waits)
        self.essaim.run("queue", "resume")
        self.essaim.wait_finished(new)
        self.assertEqual(late + 1, self.received_late(), "the new post, and not the one that was deleted")

        # What was set aside is a database with its log: the way back.
        self.assertEqual(0, self.essaim.stop())
        self.assertEqual("", self.essaim.run("post", "show", new + "0", check=False))
        self.essaim.run("storage", "restore", old[0])
        self.restored()
        self.assertEqual(0, self.counts(waits)["pending"])

    def test_what_waited_and_has_expired_since_does_not_fail(self):
        waits = self.backed_up()
        self.assertEqual(0, self.essaim.stop())
        with contextlib.closing(sqlite3.connect(self.backup)) as backup, backup:
            backup.execute("UPDATE post SET accepted = accepted - 10 * 86400000, expires = expires - 10 * 86400000")
        self.essaim.run("storage", "restore", self.backup)
        self.assertIn(waits, self.essaim.run("queue", "list"), "an operator sees it before a server runs")
        self.essaim.start()
        new = self.post()
        self.essaim.run("queue", "retry", "--all")
        processes.wait_for("batches", lambda: self.counts(new)["accepted"] > 0)
        with self.assertRaises(AssertionError):
            processes.wait_for("a failure", lambda: self.counts(waits)["pending"] == 0, timeout=4)
        self.assertEqual((1, 0), tuple(self.counts(waits)[state] for state in ("pending", "failed")))
        self.assertIn(waits, self.essaim.run("queue", "list"))

    def test_what_was_just_being_delivered_can_be_deleted_before_the_start(self):
        busy = self.being_delivered()
        self.essaim.run("storage", "backup", self.backup)
        self.essaim.kill()
        self.essaim.run("storage", "restore", self.backup)
        self.assertEqual({"posts": 1, "recipients": 1, "busy": 0}, self.essaim.json("queue", "delete", busy))
        self.essaim.start()
        self.essaim.run("queue", "resume")
        self.essaim.wait_finished(self.post(TEAM))
        self.assertEqual(1, self.sink.recipients()[BUSY], "the new post, and not the one that was deleted")

    def test_who_got_it_since_is_deleted_as_the_document_says_and_who_waits_still_gets_it(self):
        self.essaim.run("queue", "suspend", "--reason", "night")
        waits = self.post()
        processes.wait_for("batches", lambda: self.counts(waits)["accepted"] > 0)
        self.essaim.run("storage", "backup", self.backup)
        self.essaim.run("queue", "resume")
        processes.wait_for("all but one", lambda: self.counts(waits)["delivered"] == len(MEMBERS))
        self.assertEqual(0, self.essaim.stop())
        since = self.essaim.json("storage", "restore", self.backup)["since"]
        self.assertEqual(len(MEMBERS) + 1, self.counts(waits)["pending"])
        document = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "operating.md").read_text()
        lines = next(text for text in document.split("```") if "sent before the restore" in text)
        for theirs, ours in (("journalctl -u essaim -o cat", f"cat '{self.essaim.log}'"), ("2026-11-22T02:30:00", since.rstrip("Z")),
                             ("essaim queue delete", f"'{processes.BUILD / 'essaim'}' --config '{self.essaim.config}' queue delete")):
            self.assertIn(theirs, lines)
            lines = lines.replace(theirs, ours)
        subprocess.run(["bash", "-c", lines], check=True, capture_output=True)
        self.assertEqual(1, self.counts(waits)["pending"])
        self.essaim.start()
        self.essaim.run("queue", "resume")
        self.essaim.run("queue", "retry", "--all")
        processes.wait_for("the last one", self.received_late)
        self.essaim.wait_finished(waits)
        self.assertEqual({1}, set(self.sink.recipients().values()), "everybody has it once")

    def test_who_has_left_since_is_taken_away_again_by_the_log(self):
        """By a request, by the operator; and one who came back."""
        self.essaim.run("storage", "backup", self.backup)
        for member in MEMBERS[:2]:
            self.assertEqual("done", self.essaim.json("request", "unsubscribe", LIST, member, "--as", member)["status"])
        for member in MEMBERS[2:4]:
            self.essaim.run("member", "remove", LIST, member)
        self.essaim.run("member", "add", LIST, MEMBERS[3])
        self.essaim.run("person", "erase", MEMBERS[0])
        self.assertEqual(0, self.essaim.stop())
        told = self.essaim.run("storage", "restore", self.backup)
        self.assertIn("who has left since is a member again", told)
        since = re.search(r"--since (\S+Z)", told).group(1)
        self.restored()
        log = self.essaim.log
        would = self.essaim.json("member", "remove-left", "--log", log, "--since", since, "--dry-run")
        self.assertEqual(sorted(MEMBERS[:3]), sorted(one["address"] for one in would["people"]))
        self.assertEqual(MEMBERS[:1], would["erased"])
        self.restored()
        self.assertEqual(3, self.essaim.json("member", "remove-left", "--log", log, "--since", since)["removed"])
        left = [one["address"] for one in self.essaim.json("member", "list", LIST, "--role", "member")]
        self.assertEqual(sorted(MEMBERS[3:] + ["late@late.example"]), sorted(left))
        again = self.essaim.json("member", "remove-left", "--log", log, "--since", since)
        self.assertEqual((0, 3), (again["removed"], again["none"]))
        # Behind the restore, of which that log says nothing.
        self.essaim.run("member", "add", LIST, MEMBERS[0])
        again = self.essaim.json("member", "remove-left", "--log", log, "--since", since)
        self.assertEqual((0, 3), (again["removed"], again["none"]))
        self.essaim.run("member", "remove-left", "--log", self.essaim.config, "--since", since, check=False)
        self.assertIn("no line of it is one of the server's log", self.essaim.last.stderr)

    def test_what_waited_for_a_decision_and_has_expired_since_waits_on(self):
        self.essaim.make_list(TEAM, [BUSY], send="editorkey", tell_held="false")
        self.assertEqual(250, self.essaim.post(AUTHOR, TEAM, essaim.message(AUTHOR, TEAM))[0])
        self.essaim.run("storage", "backup", self.backup)
        self.assertEqual(0, self.essaim.stop())
        with contextlib.closing(sqlite3.connect(self.backup)) as backup, backup:
            backup.execute("UPDATE held SET held = held - 90 * 86400000, expires = expires - 90 * 86400000")
        self.essaim.run("storage", "restore", self.backup)
        self.assertIn("expired or reminded: 0", self.essaim.run("job", "run", "held"))
        held = self.essaim.json("held", "list")
        self.assertEqual(["waits"], [one["state"] for one in held])
        self.essaim.run("held", "reject", held[0]["id"], "--quiet")

    def test_a_backup_on_its_way_to_another_database(self):
        """As docs/cluster.md has it: where no file is yet, by a configuration of its own."""
        busy = []
        waits = self.backed_up(lambda: busy.append(self.being_delivered()))
        way = essaim.Essaim(self.folder, name="way", start=False)
        self.assertEqual([], way.json("storage", "restore", self.backup)["aside"])
        self.assertIn(waits, way.run("queue", "list"))
        self.assertEqual({"posts": 2, "recipients": 2, "busy": 0}, way.json("queue", "delete", waits, *busy))
        target = essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], name="target", start=False)
        way.run("storage", "copy", f"sqlite:{target.database}")
        self.essaim.kill()
        self.started(target.start())
        self.assertIn("all delivery is suspended", target.run("queue", "list"))
        self.assertEqual(0, target.json("post", "show", waits)["counts"]["pending"])

    def test_a_restore_that_is_killed_is_finished_by_the_next_start(self):
        self.backed_up()
        self.killed_everywhere()

    def test_likewise_where_the_file_is_a_link(self):
        self.backed_up()
        self.assertEqual(0, self.essaim.stop())
        (self.folder / "volume").mkdir()
        # A link to a link, and neither of them absolute.
        self.essaim.database.rename(self.folder / "volume" / "real.db")
        (self.folder / "volume" / "essaim.db").symlink_to("real.db")
        self.essaim.database.symlink_to("../volume/essaim.db")
        self.essaim.start()
        self.killed_everywhere(lambda: sorted(path.name for path in (self.folder / "volume").glob("real.db*")))
        self.assertTrue(self.essaim.database.is_symlink())

    def killed_everywhere(self, files=None):
        files = files or self.files
        self.kill_under_load()
        for place in ("ready", "database-aside", "all-aside", "done"):
            with self.subTest(place=place):
                self.essaim.environment["ESSAIM_CRASH_AT"] = f"restore.{place}:1"
                self.essaim.run("storage", "restore", self.backup, check=False)
                self.assertEqual(-9, self.essaim.last.returncode, self.essaim.last.stderr)
                del self.essaim.environment["ESSAIM_CRASH_AT"]
                if place != "done":
                    self.assertEqual("", self.essaim.run("domain", "list", check=False))
                    self.assertIn("a restore of the database was interrupted", self.essaim.last.stderr)
                self.essaim.start()
                self.restored()
                self.post()
                self.essaim.kill()
        before_ready = files()
        self.essaim.environment["ESSAIM_CRASH_AT"] = "commit.after:1"  # while the copy is made ready
        self.essaim.run("storage", "restore", self.backup, check=False)
        self.assertEqual(-9, self.essaim.last.returncode, self.essaim.last.stderr)
        del self.essaim.environment["ESSAIM_CRASH_AT"]
        self.assertEqual(before_ready, [name for name in files() if ".restoring" not in name])
        self.essaim.start()
        self.assertTrue(self.essaim.json("storage", "check")["ok"])
        self.essaim.kill()
        self.essaim.run("storage", "restore", self.backup)
        self.restored()

    def test_what_is_no_backup_changes_nothing(self):
        self.assertEqual(0, self.essaim.stop())
        before = self.essaim.database.read_bytes()
        other = self.folder / "other.db"
        other.write_bytes(b"")
        for name, says in ((other, "no database of Essaim"), (self.essaim.config, "not a database"),
                           (self.folder / "missing.db", "No such file"), (self.essaim.database, "is the database itself")):
            self.assertEqual("", self.essaim.run("storage", "restore", name, check=False))
            self.assertIn(says, self.essaim.last.stderr)
        self.assertEqual(["essaim.db"], self.files())
        self.assertEqual(before, self.essaim.database.read_bytes())


if __name__ == "__main__":
    unittest.main()
