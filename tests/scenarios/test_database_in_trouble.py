"""The database is locked or its disk is full: 4xx, one line in the log, and on it goes without a restart."""

import os
import sqlite3
import subprocess
import unittest

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


if __name__ == "__main__":
    unittest.main()
