"""ENOSPC and EIO on the database and the journal: the n-th call fails, or all of them for a while. Nothing is acknowledged
that is not kept, the log says so once, and it goes on by itself."""

import errno
import unittest

import site_of_faults as site

import control

DATABASE, LOG, JOURNAL = "essaim.db", "essaim.db-wal", "/journal/"
ROWS = [  # (path, calls, errno)
    (LOG, control.WRITE, errno.ENOSPC),
    (LOG, control.WRITE, errno.EIO),
    (LOG, control.SYNC, errno.EIO),
    (DATABASE, control.WRITE | control.SYNC, errno.EIO),
    (DATABASE, control.WRITE, errno.ENOSPC),
    (DATABASE, control.READ, errno.EIO),
    (JOURNAL, control.WRITE, errno.ENOSPC),
    (JOURNAL, control.WRITE | control.SYNC, errno.EIO),
    (JOURNAL, control.OPEN | control.ALLOCATE, errno.ENOSPC),
]


class FilesFail(site.Site):
    def test_single_calls(self):
        self.begin()
        for path, calls, number in ROWS:
            for first in (range(1, 30) if site.WHOLE else (1, 2, 5)):
                with self.subTest(path=path, calls=calls, errno=errno.errorcode[number], first=first):
                    self.essaim.stop()
                    self.control.fail(0, number, path)
                    self.assertTrue(self.start())
                    self.control.fail(calls, number, path, first=first)
                    self.post(f"<{path.strip('/')}.{calls}.{number}.{first}@client.example>")
                    self.wait_quiet()
                    self.control.heal()
        self.check()

    def test_for_a_while(self):
        self.begin()
        for path, calls, number in ROWS:
            with self.subTest(path=path, calls=calls, errno=errno.errorcode[number]):
                self.essaim.stop()
                self.control.fail(0, number, path)
                self.assertTrue(self.start())
                offset = self.log_size()
                name = f"{path.strip('/')}.{calls}.{number}"
                self.post(f"<before.{name}@client.example>")
                self.control.fail(calls, number, path, times=1_000_000_000)
                for i in range(6):
                    self.try_post(f"<during.{name}.{i}@client.example>")
                site.pause(1.5)
                self.control.heal()
                for i in range(6):
                    self.post(f"<during.{name}.{i}@client.example>")
                self.wait_quiet()
                text = self.log_since(offset)
                troubles = [line for line in text.splitlines() if "_failing " in line or ".failing " in line]
                self.assertLessEqual(len(troubles), 6, "\n".join(troubles))
        self.check()

    def test_nobody_is_believed_while_the_log_cannot_be_synced(self):
        self.begin()
        self.essaim.stop()
        self.control.fail(0, errno.EIO, LOG)
        self.assertTrue(self.start())
        offset = self.log_size()
        self.control.fail(control.SYNC, errno.EIO, LOG, times=1_000_000_000)
        for i in range(5):
            reply = self.try_post(f"<unsynced.{i}@client.example>")
            self.assertEqual(4, reply[0] // 100, reply)
        self.assertGreater(self.control["failed"], 0)
        self.control.heal()
        for i in range(5):
            self.post(f"<unsynced.{i}@client.example>")
        # The kernel holds for clean what it could not write: it has been written again before anything was believed.
        self.assertIn(" warning database.log_rewritten ", self.log_since(offset))
        self.check()


if __name__ == "__main__":
    unittest.main()
