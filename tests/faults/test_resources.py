"""Descriptors run out, the memory for messages is used up, the disk of the state directory is full."""

import os
import resource
import socket
import subprocess
import threading
import unittest

import site_of_faults as site
from support import processes


class ResourcesRunOut(site.Site):
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.essaim.process.pid}/fd"))

    def limit(self, number):
        _, hard = resource.prlimit(self.essaim.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.essaim.process.pid, resource.RLIMIT_NOFILE, (min(number, hard), hard))

    def test_no_descriptor_is_left(self):
        self.begin()
        self.post("<before@client.example>")
        self.wait_quiet()
        offset = self.log_size()
        self.limit(self.descriptors() + 3)
        waiting = [socket.create_connection(("127.0.0.1", self.port), timeout=120) for _ in range(20)]
        for i in range(3):
            self.try_post(f"<during.{i}@client.example>")
        site.pause(1.0)
        self.assertTrue(self.essaim.process.running())
        for one in waiting:
            one.close()
        self.limit(20_000)
        for i in range(3):
            self.post(f"<during.{i}@client.example>")
        told = [line for line in self.log_since(offset).splitlines() if " accept-failed " in line]
        self.assertTrue(told)
        self.assertLessEqual(len(told), 8, "\n".join(told[:30]))  # one for each loop and time
        self.check()

    def test_no_descriptor_at_any_depth(self):
        """From plenty to none, one less at a time: each place that opens something meets the limit."""
        self.begin()
        for left in (range(12, -1, -1) if site.WHOLE else (8, 4, 2, 1, 0)):
            with self.subTest(left=left):
                self.limit(self.descriptors() + left)
                for i in range(3):
                    self.try_post(f"<{left}.{i}@client.example>")
                site.pause(0.5)
                self.assertTrue(self.essaim.process.running())
                self.limit(20_000)
                for i in range(3):
                    self.post(f"<{left}.{i}@client.example>")
        self.check()

    def test_memory_for_messages_is_used_up(self):
        self.begin(extra="", list_settings={"max_size": "10M"})
        self.essaim.stop()
        text = self.essaim.config.read_text()
        self.essaim.config.write_text(text + '\n[limits]\nmemory = "4M"\nmessage_size = "4M"\n')
        self.assertTrue(self.start())
        body = "a line of the swarm that is not very long\n" * 40_000
        threads = [threading.Thread(target=self.post, args=(f"<big.{i}@client.example>",), kwargs={"body": body})
                   for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(12, len(self.accepted))
        self.check()

    def test_the_disk_of_the_state_directory_is_full(self):
        if os.geteuid() != 0:
            self.fail("this test mounts a small file system and needs root")
        self.begin(list_settings={"max_size": "10M"})
        self.essaim.stop()
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "essaim-test", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        text = self.essaim.config.read_text().replace(f'{self.essaim.folder}/state"', f'{disk}/state"')
        self.essaim.config.write_text(text + '\n[limits]\nmemory = "4M"\nmessage_size = "4M"\nfree_space = "0"\n')
        self.assertTrue(self.start())
        self.post("<before@client.example>")
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        body = "a line of the swarm that is not very long\n" * 80_000
        reply = self.try_post("<big@client.example>", body=body)
        self.assertEqual(4, reply[0] // 100, reply)
        self.try_post("<small@client.example>")
        filler.unlink()
        self.post("<big@client.example>", body=body)
        self.post("<small@client.example>")
        self.check()
        processes.wait_for("the end", lambda: self.essaim.stop() == 0)

    def test_new_mail_is_put_off_before_the_disk_is_full(self):
        """So that what was taken still goes out: by a setting that asks for more than there is, and by one that does not."""
        self.begin()
        self.post("<before@client.example>")
        self.essaim.stop()
        text = self.essaim.config.read_text()
        self.essaim.config.write_text(text + '\n[limits]\nfree_space = "1024G"\n')
        self.assertTrue(self.start())
        reply = self.try_post("<put-off@client.example>")
        self.assertEqual(452, reply[0], reply)
        self.essaim.config.write_text(text + '\n[limits]\nfree_space = "1M"\n')
        self.essaim.run("reload")
        self.post("<put-off@client.example>")
        self.check()


if __name__ == "__main__":
    unittest.main()
