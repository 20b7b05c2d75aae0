"""power.py against logs as the preloaded library writes them, and the library itself under a program that writes."""

import errno
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import control  # noqa: E402
import power  # noqa: E402


class Always(random.Random):
    """Keeps this share of what was not synced."""

    def __init__(self, share):
        super().__init__(1)
        self.share = share

    def choice(self, _):
        return self.share


class PowerFailures(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.directory = self.folder / "disk"
        self.directory.mkdir()

    def play(self, program, share, fail=None):
        """What is left of the files that a program wrote below the directory. `fail`: the arguments of Control.fail()."""
        steering = control.Control(self.folder / "control")
        if fail is not None:
            steering.fail(*fail)
        disk = power.Disk(self.directory, self.folder / "log", Always(share))
        disk.begin()
        library = pathlib.Path(os.environ["ESSAIM_BUILD"]) / "libessaim_shim.so"
        subprocess.run([sys.executable, "-c", "import os\n" + program], cwd=self.folder, check=True, env={
            **os.environ, "LD_PRELOAD": str(library), "ESSAIM_SHIM_DIR": str(self.directory), "ESSAIM_SHIM_LOG": str(self.folder / "log"),
            "ESSAIM_SHIM_CONTROL": str(steering.path),
            "D": str(self.directory)})
        disk.fail()
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}

    def test_what_was_synced_is_there_and_the_rest_is_not(self):
        (self.directory / "a").write_bytes(b"....")
        left = self.play("f = os.open(os.environ['D'] + '/a', os.O_RDWR); os.pwrite(f, b'AB', 0); os.fsync(f);"
                         "os.pwrite(f, b'CD', 2)", 0.0)
        self.assertEqual({"a": b"AB.."}, left)

    def test_half_an_entry_of_a_process_that_was_killed_hides_nothing(self):
        entry = power.ENTRY.pack(b"W", power.BEGIN, 1000, 1, 0, 0) + bytes(1000) + power.END
        for kept in (1, 3, 31, 32, 500, len(entry) - 1):
            with self.subTest(kept=kept):
                log = self.folder / "log"
                (self.directory / "a").write_bytes(b"....")
                disk = power.Disk(self.directory, log, Always(0.0))
                disk.begin()
                number = (self.directory / "a").stat().st_ino
                with log.open("ab") as file:
                    file.write(entry[:kept])
                    for what, at, data in ((b"W", 1, b"AB"), (b"B", 7, b""), (b"E", 7, b"")):
                        file.write(power.ENTRY.pack(what, power.BEGIN, len(data), number, at, 0) + data + power.END)
                disk.fail()
                self.assertEqual(b".AB.", (self.directory / "a").read_bytes())
                self.assertEqual(1, min(1, disk.torn_entries))

    def test_a_file_that_several_make_at_once_is_one(self):
        left = self.play("""
import time
for i in range(60):
    children = []
    together = time.monotonic() + 0.01
    for k in range(4):
        child = os.fork()
        if child == 0:
            while time.monotonic() < together:
                pass
            f = os.open(os.environ['D'] + '/f%d' % i, os.O_RDWR | os.O_CREAT, 0o600)
            os.pwrite(f, b'x', k)
            os.fsync(f)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
os.fsync(os.open(os.environ['D'], os.O_RDONLY))
""", 0.0)
        self.assertEqual({f"f{i}": b"xxxx" for i in range(60)}, left)

    def test_what_was_not_synced_may_be_there(self):
        (self.directory / "a").write_bytes(b"....")
        left = self.play("f = os.open(os.environ['D'] + '/a', os.O_RDWR); os.pwrite(f, b'CD', 2)", 1.0)
        self.assertEqual({"a": b"..CD"}, left)

    def test_a_write_of_several_sectors_can_be_torn(self):
        left = self.play("f = os.open(os.environ['D'] + '/a', os.O_RDWR | os.O_CREAT); d = os.open(os.environ['D'], os.O_RDONLY);"
                         "os.fsync(f); os.fsync(d); os.pwrite(f, b'x' * 51200, 0)", 0.5)
        self.assertIn(b"x" * 512, left["a"])
        self.assertIn(b"\0" * 512, left["a"])

    def test_after_a_failed_sync_only_what_is_written_again_is_there(self):
        (self.directory / "a").write_bytes(b"....")
        program = ("f = os.open(os.environ['D'] + '/a', os.O_RDWR); os.pwrite(f, b'AB', 0)\n"
                   "try: os.fsync(f)\nexcept OSError: pass\nelse: raise SystemExit('it did not fail')\n"
                   "os.pwrite(f, b'CD', 2); {} os.fsync(f)")
        fails = (control.SYNC, errno.EIO)
        self.assertEqual({"a": b"..CD"}, self.play(program.format(""), 0.0, fails))
        self.assertEqual({"a": b"ABCD"}, self.play(program.format("os.pwrite(f, b'AB', 0);"), 0.0, fails))
        (self.directory / "a").write_bytes(b"....")
        self.assertEqual({"a": b"ABCD"}, self.play(program.format(""), 1.0, fails))

    def test_a_name_is_durable_with_its_directory(self):
        program = ("f = os.open(os.environ['D'] + '/{0}', os.O_RDWR | os.O_CREAT); os.pwrite(f, b'x', 0); os.fsync(f);"
                   "d = os.open(os.environ['D'], os.O_RDONLY)\n")
        left = self.play(program.format("kept") + "os.fsync(d)\n" + program.format("lost"), 0.0)
        self.assertEqual({"kept": b"x"}, left)
        left = self.play("d = os.open(os.environ['D'], os.O_RDONLY); os.unlink(os.environ['D'] + '/kept')", 0.0)
        self.assertEqual({"kept": b"x"}, left)
        left = self.play("d = os.open(os.environ['D'], os.O_RDONLY); os.rename(os.environ['D'] + '/kept', os.environ['D'] + '/new');"
                         "os.fsync(d)", 0.0)
        self.assertEqual({"new": b"x"}, left)


if __name__ == "__main__":
    unittest.main()
