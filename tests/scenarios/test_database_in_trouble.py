"""The database is locked or its disk is full: 4xx, one line in the log, and on it goes without a restart."""

import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import unittest
import urllib.error
import urllib.request

from support import essaim, processes, sink

AUTHOR = "ann@a.example"
LIST = "dev@lists.example"


class DatabaseInTrouble(processes.Scenario):
    def test_locked_by_another_process(self):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, [AUTHOR])
        other = sqlite3.connect(self.essaim.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        text = essaim.message(AUTHOR, LIST)
        reply = self.essaim.post(AUTHOR, LIST, text)
        self.assertEqual(4, reply[0] // 100, reply)
        other.execute("ROLLBACK")
        other.close()
        reply = processes.wait_for("acceptance", lambda: (lambda r: r if r[0] == 250 else None)(
            self.essaim.post(AUTHOR, LIST, text)))
        self.essaim.wait_finished(self.essaim.queue_id(reply))
        self.assertEqual({AUTHOR: 1}, dict(self.sink.recipients()))

    def test_disk_full(self):
        if os.geteuid() != 0:
            self.fail("this scenario mounts a small file system and needs root")
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "essaim-test", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], start=False,
                                    extra='[limits]\nfree_space = "0"\n')  # until nothing is left
        self.essaim.config.write_text(self.essaim.config.read_text().replace(str(self.essaim.database), f"{disk}/essaim.db"))
        self.started(self.essaim.start())
        self.essaim.make_list(LIST, [AUTHOR], max_size="20M")
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        # More, and that cannot be compressed, than the write-ahead log has room for when it begins anew in its file.
        text = essaim.message(AUTHOR, LIST, body="".join(os.urandom(36).hex() + "\n" for _ in range(60_000)))
        reply = self.essaim.post(AUTHOR, LIST, text)
        self.assertEqual(4, reply[0] // 100, reply)
        filler.unlink()
        reply = processes.wait_for("acceptance", lambda: (lambda r: r if r[0] == 250 else None)(
            self.essaim.post(AUTHOR, LIST, text)))
        self.essaim.wait_finished(self.essaim.queue_id(reply))
        self.assertEqual({AUTHOR: 1}, dict(self.sink.recipients()))
        self.essaim.stop()

    def test_the_file_is_removed_under_the_server(self):
        """Nothing new is acknowledged into it, and what was is saved as docs/operating.md says."""
        slow = "slow@b.example"
        self.sink = self.started(sink.Sink(self.folder, rules=["rcpt@slow*=450 4.2.1 later"]))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, [AUTHOR, slow])
        reply = self.essaim.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST))
        queue_id = self.essaim.queue_id(reply)
        processes.wait_for("one copy", lambda: dict(self.sink.recipients()) == {AUTHOR: 1})
        database = self.essaim.database
        names = {suffix: f"{database}{suffix}" for suffix in ("", "-wal")}
        database.unlink()
        reply = self.essaim.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST))
        self.assertEqual(451, reply[0], reply)
        self.assertIn("error database.file_gone ", self.essaim.process.output())
        pid = self.essaim.process.process.pid
        self.essaim.process.send(signal.SIGSTOP)

        def stands_still():
            tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
            return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)

        processes.wait_for("the server to stand still", stands_still)
        saved = {}
        for number in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{number}").removesuffix(" (deleted)")
            for suffix, name in names.items():
                if target == name and suffix not in saved:
                    with open(f"/proc/{pid}/fd/{number}", "rb") as file:
                        saved[suffix] = file.read()
        self.essaim.kill()
        for suffix in ("-wal", "-shm"):
            os.unlink(f"{database}{suffix}")
        for suffix, name in names.items():
            with open(name, "wb") as file:
                file.write(saved[suffix])
        self.essaim.start()
        self.assertIn("sound     yes", self.essaim.run("storage", "check"))
        counts = self.essaim.json("post", "show", queue_id)["counts"]
        self.assertEqual((1, 1), (counts["delivered"], counts["pending"]), counts)
        reply = self.essaim.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST))
        self.assertEqual(250, reply[0], reply)
        self.essaim.stop()

    def test_what_clients_ask_for_cannot_be_read(self):
        """The connection that writes has those pages in its memory, and has seen nothing."""
        self.essaim = self.started(essaim.Essaim(self.folder, listen='[[listen]]\naddress = "127.0.0.1:0"\nrole = "status"\n'))
        self.essaim.make_list(LIST, [AUTHOR])

        def ready():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.essaim.port_of('status')}/readyz", timeout=30) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

        processes.wait_for("readiness", lambda: ready()[0] == 200)
        with contextlib.closing(sqlite3.connect(self.essaim.database)) as database:
            processes.wait_for("the log to be copied", lambda: len(set(database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1:])) == 1)
            pages = [row[0] for row in database.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'domain'")]
        with open(self.essaim.database, "r+b") as file:
            for page in pages:
                file.seek((page - 1) * 4096)
                file.write(b"\x7f" * 4096)
        status, why = processes.wait_for("not ready", lambda: (lambda answer: answer if answer[0] == 503 else None)(ready()))
        self.assertIn("the database does not work: ", why)
        self.assertIn("FROM domain", why)
        self.assertIn("is damaged in table domain", (self.essaim.run("storage", "check", check=False), self.essaim.last.stderr)[1])


if __name__ == "__main__":
    unittest.main()
